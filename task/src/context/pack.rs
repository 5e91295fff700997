//! *Packing* fills a budget of tokens with what the model reads: whole files while they fit, excerpts of large
//! ones, a map of the files that come next, and the repository's own instructions to contributors.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::confidence::Confidence;
use super::excerpt::{Excerpt, Wanted};
use super::index::Index;
use super::places::Places;
use super::query::Query;
use super::rank::Ranked;
use super::role::{self, Omission, Role};
use super::stats::{FileStats, Reader};
use super::tokens;
use super::told::Told;
use super::walk::{Caps, Entry, Walk};
use super::weights::Feature;
use super::why;
use crate::context::read_set::{ReadFile, ReadSet, Shown};
use crate::parser::{Parsers, Unparsed};
use crate::path::{self, RepoPath};

/// What it takes for one more file beside the first ones, in tokens.
const TOKENS_FOR_A_FILE: u32 = 4_000;

/// How much is packed, in tokens as [`tokens::estimate`] counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// For files, map and instructions together.
    pub tokens: u32,
    /// Most files that are read before the model asks for more.
    pub files: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(48_000)
    }
}

impl Budget {
    /// So many tokens, and the files that are worth them. Of the files that a fix touches, 92 % are among the first 20,
    /// and 97 % among the first 50.
    pub fn of(tokens: u32) -> Self {
        Self { tokens, files: 20 + (tokens / TOKENS_FOR_A_FILE) as usize }
    }

    /// At most a tenth for instructions.
    fn instructions(self) -> u32 {
        self.tokens / 10
    }

    /// About a sixth for the map.
    fn map(self) -> u32 {
        self.tokens / 6
    }
}

/// What a file's path and fences add to its content, in tokens.
pub(super) const FRAME_TOKENS: u32 = 24;
/// Files that are read before a test that exercises them.
const BEFORE_TEST: usize = 4;
/// How much of what likely files define a test must use to exercise them: of the most of any.
const EXERCISES: f32 = 0.1;
/// A test takes at most one part in this many of what is left for files.
const TEST_PART: u32 = 3;
/// So many of the first files are read in part where they do not fit whole, for at most one part in so many of what is left.
const EXCERPTED: usize = 8;
const EXCERPT_PART: u32 = 3;
/// A part that has fewer lines is not enough to edit a file by.
pub(super) const MIN_LINES: usize = 30;
/// Files that the map outlines.
const MAP_FILES: usize = 60;
/// Definitions of one file on the map.
const MAP_DEFINITIONS: usize = 40;
/// Definitions of one file among the candidates.
const CANDIDATE_DEFINITIONS: usize = 12;
/// Paths that the map lists after the outlines.
const MAP_PATHS: usize = 200;
/// Files that a person or a program is told the rank of.
const EXPLAINED: usize = 100;

/// Where repositories tell contributors, people or programs, how to work on them.
const INSTRUCTION_PATHS: &[&str] = &[
    "AGENTS.md",
    "CLAUDE.md",
    ".github/copilot-instructions.md",
    "CONTRIBUTING.md",
    ".github/CONTRIBUTING.md",
    "docs/CONTRIBUTING.md",
];

/// A file of instructions, as material: nothing in it is obeyed because it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub path: RepoPath,
    /// Without characters that a person cannot see; cut to the budget.
    pub text: String,
}

/// A file and why it is where it is in the ranking.
#[derive(Clone, Debug)]
pub struct Explained {
    pub ranked: Ranked,
    /// One clause for people.
    pub why: String,
    /// Of the whole file, estimated from its size.
    pub tokens: u32,
}

/// Estimated tokens of each part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub files: u32,
    pub map: u32,
    pub instructions: u32,
}

impl Spent {
    pub fn total(self) -> u32 {
        self.files + self.map + self.instructions
    }
}

/// What the model may choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    pub paths: Vec<RepoPath>,
    /// Each path, and the definitions of the files for which there was room.
    pub text: String,
}

/// Files that are read before those of the ranking.
#[derive(Clone, Copy, Default)]
pub struct Chosen<'a> {
    pub paths: &'a [RepoPath],
    /// Who chose them, a clause.
    pub why: &'a str,
}

/// See [`super`].
#[derive(Debug)]
pub struct Context {
    pub read: ReadSet,
    /// Outlines of files that were not read, then names of more, for the model.
    pub map: String,
    pub instructions: Vec<Instruction>,
    /// How many files of the tree were not ranked, by reason.
    pub left_out: BTreeMap<Omission, usize>,
    /// The best files, whether they were read or not, best first.
    pub explained: Vec<Explained>,
    pub spent: Spent,
    /// How sure the ranking is of itself.
    pub confidence: Confidence,
    /// What the map has: outlines first.
    pub mapped: Vec<RepoPath>,
    /// All paths of the tree.
    pub walk: Walk,
    pub(super) places: Places,
    pub(super) told: Told,
    pub(super) index: Index,
    pub(super) query: Query,
    pub(super) caps: Caps,
}

/// Ranks the files of `walk` and packs the best.
pub fn pack(
    repo: &gix::Repository,
    walk: Walk,
    index: Index,
    query: Query,
    caps: Caps,
    budget: Budget,
) -> Context {
    let reader = Reader::new(repo.clone());
    let ranked = index.ranked(&walk, &query);
    let (instructions, instruction_tokens) = instructions(&reader, &walk, &caps, budget.instructions());
    let mut context = Context {
        read: ReadSet::default(),
        map: String::new(),
        mapped: Vec::new(),
        instructions,
        left_out: index.left_out().clone(),
        explained: explain(&ranked, &index, &walk, &query),
        spent: Spent { instructions: instruction_tokens, ..Spent::default() },
        confidence: Confidence::of(&ranked),
        places: Places::of(&ranked, &walk),
        told: Told::default(),
        walk,
        index,
        query,
        caps,
    };
    context.fill(&reader, &ranked, Chosen::default(), budget);
    context
}

impl Context {
    /// The best `files`, with the definitions of each as long as they fit into `tokens` all together.
    pub fn candidates(&self, files: usize, tokens: u32) -> Candidates {
        let paths: Vec<RepoPath> =
            self.explained.iter().take(files).map(|explained| explained.ranked.path.clone()).collect();
        // The paths alone are shown in any case.
        let mut spent: u32 = paths.iter().map(|path| tokens::estimate(path.as_str()) + 1).sum();
        let mut text = String::new();
        for path in &paths {
            let block = self.outline_block(path, None, CANDIDATE_DEFINITIONS);
            let more = tokens::estimate(&block).saturating_sub(tokens::estimate(path.as_str()) + 1);
            if spent + more <= tokens {
                spent += more;
                text.push_str(&block);
            } else {
                text.push_str(path.as_str());
                text.push('\n');
            }
        }
        Candidates { paths, text }
    }

    /// Packs again, with `chosen` before the others.
    pub fn choose(&mut self, repo: &gix::Repository, chosen: Chosen<'_>, budget: Budget) {
        let ranked = self.index.ranked(&self.walk, &self.query);
        self.read = ReadSet::default();
        self.spent.files = 0;
        self.fill(&Reader::new(repo.clone()), &ranked, chosen, budget);
    }

    /// Reads what there is room for, and draws the map of the rest.
    fn fill(&mut self, reader: &Reader, ranked: &[Ranked], chosen: Chosen<'_>, budget: Budget) {
        let left = budget.tokens.saturating_sub(self.spent.instructions + budget.map());
        self.read_best(reader, ranked, chosen, left, budget.files);
        self.draw_map(ranked, budget.map());
    }

    fn read_best(
        &mut self,
        reader: &Reader,
        ranked: &[Ranked],
        chosen: Chosen<'_>,
        budget: u32,
        files: usize,
    ) {
        // Whole files first, in their order: a file that does not fit is passed over for a smaller one, but not for one far
        // down the list. The first ones are read in part at least.
        let mut passed_over = Vec::new();
        for (at, next) in self.order(ranked, chosen, files * 2).into_iter().enumerate() {
            if self.read.len() >= files {
                break;
            }
            let left = budget - self.spent.files;
            let Some(entry) = self.walk.get(&next.path).cloned() else { continue };
            let Ok(content) = reader.read(&entry, &self.caps) else { continue };
            let (most, part) = match next.limit {
                Limit::Test => (left / TEST_PART, 0),
                Limit::File if at < EXCERPTED => (left, left / EXCERPT_PART),
                Limit::File => (left, 0),
            };
            match self.add(&entry, content, &next.why, most, part) {
                Some(tokens) => self.spent.files += tokens,
                None => passed_over.push((entry, next)),
            }
        }
        for (entry, next) in passed_over {
            let left = budget - self.spent.files;
            if self.read.len() >= files {
                break;
            }
            let Ok(content) = reader.read(&entry, &self.caps) else { continue };
            if let Some(tokens) = self.add(&entry, content, &next.why, 0, left / EXCERPT_PART) {
                self.spent.files += tokens;
            }
        }
    }

    /// What is read first: what was chosen, then the ranking, and after the first files a test that exercises them.
    fn order(&self, ranked: &[Ranked], chosen: Chosen<'_>, count: usize) -> Vec<Next> {
        let why_of = |path: &RepoPath| {
            let explained = self.explained.iter().find(|explained| explained.ranked.path == *path);
            explained.map_or("comes next in the ranking".to_owned(), |explained| explained.why.clone())
        };
        let mut order: Vec<Next> = chosen
            .paths
            .iter()
            .map(|path| Next {
                path: path.clone(),
                why: format!("{}: {}", chosen.why, why_of(path)),
                limit: Limit::File,
            })
            .collect();
        order.extend(
            ranked
                .iter()
                .map(|file| &file.path)
                .filter(|path| !chosen.paths.contains(path))
                .take(count)
                .map(|path| Next { path: path.clone(), why: why_of(path), limit: Limit::File }),
        );
        let exercises =
            |file: &&Ranked| file.role == Role::Test && file.features[Feature::User as usize] >= EXERCISES;
        let first = order.len().min(BEFORE_TEST);
        if let Some(test) = ranked.iter().find(exercises)
            && !order[..first].iter().any(|next| next.path == test.path)
        {
            order.retain(|next| next.path != test.path);
            let why = format!("a test of what likely files define: {}", why_of(&test.path));
            order.insert(first.min(order.len()), Next { path: test.path.clone(), why, limit: Limit::Test });
        }
        order
    }

    /// The processes that parse for this run.
    pub fn parsers(&self) -> &Parsers {
        self.index.parsers()
    }

    /// The files that were read although their parser failed, and why it did.
    pub fn unparsed(&self) -> impl Iterator<Item = (&RepoPath, &Unparsed)> {
        self.read
            .iter()
            .filter_map(|(path, _)| Some((path, self.index.closer(&self.walk, path)?.unparsed.as_ref()?)))
    }

    /// Adds a file, whole for at most `most` tokens, or else in part for at most `part`; how many it took.
    fn add(&mut self, entry: &Entry, content: Vec<u8>, why: &str, most: u32, part: u32) -> Option<u32> {
        let text = role::plain_text(&content).ok()?;
        let whole = tokens::estimate(text) + FRAME_TOKENS;
        let (shown, tokens) = if whole <= most {
            (Shown::Whole, whole)
        } else {
            let left = part.checked_sub(FRAME_TOKENS)?;
            let Excerpt { lines, tokens } = self.excerpt(entry, text, Wanted::Relevant, left);
            let count: usize = lines.iter().map(|(first, last)| last + 1 - first).sum();
            if count < MIN_LINES {
                return None;
            }
            (Shown::Lines(lines), tokens + FRAME_TOKENS)
        };
        let file = ReadFile { content, blob: entry.blob, mode: entry.mode, shown, why: why.to_owned() };
        self.read.insert(entry.path.clone(), file);
        Some(tokens)
    }

    /// The outlines of the best files that were not read whole, then the names of those after them.
    fn draw_map(&mut self, ranked: &[Ranked], budget: u32) {
        let mut map = String::new();
        let mut mapped = Vec::new();
        let mut spent = 0;
        let unread = ranked
            .iter()
            .filter(|file| self.read.get(&file.path).is_none_or(|read| read.shown != Shown::Whole));
        let mut outlined = 0;
        for file in unread.take(MAP_FILES) {
            let shown = self.read.get(&file.path).map(|file| &file.shown);
            let block = self.outline_block(&file.path, shown, MAP_DEFINITIONS);
            // What was given is not outlined once more.
            if shown.is_some() && block.lines().count() < 2 {
                outlined += 1;
                continue;
            }
            let cost = tokens::estimate(&block);
            if spent + cost > budget / 10 * 9 {
                break;
            }
            map.push_str(&block);
            mapped.push(file.path.clone());
            spent += cost;
            outlined += 1;
        }
        let rest = ranked
            .iter()
            .filter(|file| self.read.get(&file.path).is_none_or(|read| read.shown != Shown::Whole))
            .skip(outlined)
            .filter(|file| self.read.get(&file.path).is_none());
        for file in rest.take(MAP_PATHS) {
            let line = format!("{}\n", file.path);
            let cost = tokens::estimate(&line);
            if spent + cost > budget {
                break;
            }
            map.push_str(&line);
            mapped.push(file.path.clone());
            spent += cost;
        }
        self.map = map;
        self.mapped = mapped;
        self.spent.map = spent;
    }

    /// Every file that was ranked, ordered by path, with its role and its size in bytes.
    pub fn sizes(&self) -> impl Iterator<Item = (&RepoPath, Role, usize)> {
        let entries = self.walk.entries();
        self.index.files.iter().map(|file| (&entries[file.entry].path, file.role, file.bytes))
    }

    /// A path and its definitions, but for those that were `shown`.
    fn outline_block(&self, path: &RepoPath, shown: Option<&Shown>, most: usize) -> String {
        let mut block = format!("{path}\n");
        let Some(closer) = self.index.closer(&self.walk, path) else { return block };
        // Inner definitions go first when there are too many.
        let mut deepest = usize::MAX;
        while deepest > 0 && closer.outline.iter().filter(|d| d.depth <= deepest).count() > most {
            deepest =
                closer.outline.iter().map(|d| d.depth).filter(|depth| *depth < deepest).max().unwrap_or(0);
        }
        let is_shown = |(first, last): (usize, usize)| {
            shown.is_some_and(|shown| shown.missing(&[(first, last)]).is_empty())
        };
        let listed = closer
            .outline
            .iter()
            .filter(|definition| definition.depth <= deepest && !is_shown(definition.lines));
        for definition in listed.take(most) {
            let (indent, (first, last)) = ("  ".repeat(definition.depth + 1), definition.lines);
            // Writing to a string cannot fail.
            if writeln!(block, "{indent}{} [{first}-{last}]", visible(&definition.signature)).is_err() {
                return block;
            }
        }
        block
    }
}

/// A file to be read, if there is room.
struct Next {
    path: RepoPath,
    why: String,
    limit: Limit,
}

/// How much room a file may take.
#[derive(Clone, Copy)]
enum Limit {
    File,
    Test,
}

fn explain(ranked: &[Ranked], index: &Index, walk: &Walk, query: &Query) -> Vec<Explained> {
    let stats = |path: &RepoPath| -> Option<&FileStats> { index.stats(walk, path) };
    ranked
        .iter()
        .take(EXPLAINED)
        .filter_map(|ranked| {
            let file = stats(&ranked.path)?;
            let why = why::why(ranked, file, query, index.corpus());
            Some(Explained {
                ranked: ranked.clone(),
                why,
                tokens: tokens::of_bytes(file.bytes) + FRAME_TOKENS,
            })
        })
        .collect()
}

fn instructions(reader: &Reader, walk: &Walk, caps: &Caps, budget: u32) -> (Vec<Instruction>, u32) {
    let mut found: Vec<Instruction> = Vec::new();
    let mut blobs = Vec::new();
    let mut spent = 0;
    for path in INSTRUCTION_PATHS {
        let Some(entry) = RepoPath::parse(path).ok().and_then(|path| walk.get(&path)) else { continue };
        // The same text under two names is shown once.
        if blobs.contains(&entry.blob)
            || matches!(entry.role, Err(Omission::Symlink | Omission::Submodule | Omission::Secret))
        {
            continue;
        }
        let Ok(content) = reader.read(entry, caps) else { continue };
        let Ok(text) = role::plain_text(&content) else { continue };
        let mut kept = String::new();
        for line in text.lines() {
            let line = visible(line);
            let cost = tokens::estimate(&line) + 1;
            if spent + cost > budget {
                break;
            }
            spent += cost;
            kept.push_str(&line);
            kept.push('\n');
        }
        if !kept.trim().is_empty() {
            blobs.push(entry.blob);
            found.push(Instruction { path: entry.path.clone(), text: kept });
        }
    }
    (found, spent)
}

/// `text` without the characters that a person cannot see.
fn visible(text: &str) -> String {
    text.chars().filter(|c| *c == '\t' || !path::is_hidden(*c)).collect()
}
