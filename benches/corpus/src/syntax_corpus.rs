//! Measures the syntax gate on the histories of git repositories: how often it stops a change or a new file that people
//! committed, and how often it finds one that was broken on purpose.
//!
//! ```text
//! cargo run --release -p corpus --bin syntax_corpus -- [--commits N] [--each N] [--broken N] [-v] GIT_DIR...
//! ```
//!
//! Each of the newest `--commits` (all) that has one parent is compared with it; merges add nothing. Every changed or new file of a language
//! with a grammar is a case, the newest first, at most `--each` (2,000) of a language and a repository; a pair of texts
//! that was seen counts once. Of the cases of a language and a repository, `--broken` (10) spread evenly are also broken
//! in every way that applies, at a place drawn from a fixed seed. With `-v`, every case that was stopped and every broken one
//! that was not is listed.

#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use gix::ObjectId;
use gix::bstr::ByteSlice as _;
use gix::object::tree::diff::{Action, Change};
use task::check::{self, Verdict};
use task::language::Language;
use task::parser::{self, Parsers};
use task::path::RepoPath;
use tree_sitter::{Node, Parser};

/// Time for one file, before the gate gives up.
const TIME: Duration = Duration::from_secs(10);
/// Larger files are not parsed by the gate either.
const MAX_BYTES: u64 = 1 << 20;
/// Commits that change more files are reformatting, or copies of other projects.
const MAX_FILES: usize = 200;

/// What became of the cases of one kind in one language.
#[derive(Default)]
struct Row {
    cases: usize,
    stopped: usize,
    noted: usize,
    times: Vec<Duration>,
}

struct Table {
    parsers: Parsers,
    rows: BTreeMap<(&'static str, &'static str), Row>,
    listing: bool,
}

struct Options {
    commits: usize,
    each: usize,
    broken: usize,
    listing: bool,
    repositories: Vec<String>,
}

fn main() -> Result<()> {
    if parser::worker::is_wanted() {
        return Ok(parser::worker::serve()?);
    }
    let options = Options::parse(std::env::args().skip(1))?;
    let mut table =
        Table { parsers: Parsers::of_this_program(), rows: BTreeMap::new(), listing: options.listing };
    for git_dir in &options.repositories {
        measure(git_dir, &options, &mut table).with_context(|| git_dir.clone())?;
    }
    table.print();
    Ok(())
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options =
            Self { commits: usize::MAX, each: 2_000, broken: 10, listing: false, repositories: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut number =
                || arguments.next().context("a number is missing")?.parse().context("not a number");
            match argument.as_str() {
                "--commits" => options.commits = number()?,
                "--each" => options.each = number()?,
                "--broken" => options.broken = number()?,
                "-v" => options.listing = true,
                _ if argument.starts_with('-') => bail!("unknown option {argument}"),
                _ => options.repositories.push(argument),
            }
        }
        if options.repositories.is_empty() {
            bail!("usage: syntax_corpus [--commits N] [--each N] [--broken N] [-v] GIT_DIR...");
        }
        Ok(options)
    }
}

/// One file of one commit.
struct Case {
    commit: ObjectId,
    path: RepoPath,
    before: Option<ObjectId>,
    after: ObjectId,
}

fn measure(git_dir: &str, options: &Options, table: &mut Table) -> Result<()> {
    let mut repo = gix::open_opts(git_dir, gix::open::Options::isolated())?;
    repo.object_cache_size_if_unset(64 << 20);
    let mut of_language: BTreeMap<&'static str, Vec<Case>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for info in repo.rev_walk([repo.head_id()?]).all()?.take(options.commits) {
        let info = info?;
        if info.parent_ids.len() != 1 {
            continue;
        }
        for case in cases_of(&repo, info.id, info.parent_ids[0])? {
            // A header's language is told by its text; here it only has to be one.
            let Some(language) = Language::of(&case.path) else { continue };
            let cases = of_language.entry(language.name()).or_default();
            if cases.len() < options.each && seen.insert((case.before, case.after)) {
                cases.push(case);
            }
        }
    }
    for cases in of_language.values() {
        let step = (cases.len() / options.broken.max(1)).max(1);
        for (number, case) in cases.iter().enumerate() {
            let Some(after) = text(&repo, case.after)? else { continue };
            let before = match case.before {
                Some(before) => match text(&repo, before)? {
                    Some(before) => Some(before),
                    None => continue,
                },
                None => None,
            };
            let Some(language) = Language::of_file(&case.path, &after) else { continue };
            let kind = if before.is_some() { CHANGE } else { NEW };
            let passed = table.add(language, kind, case, before.as_deref(), &after);
            if passed && number % step == 0 && number / step < options.broken {
                for (kind, broken) in variants(language, &after)? {
                    table.add(language, kind, case, before.as_deref(), &broken);
                }
            }
        }
    }
    Ok(())
}

fn cases_of(repo: &gix::Repository, commit: ObjectId, parent: ObjectId) -> Result<Vec<Case>> {
    let before = repo.find_commit(parent)?.tree()?;
    let after = repo.find_commit(commit)?.tree()?;
    let mut cases = Vec::new();
    before
        .changes()?
        .options(|options| {
            options.track_path().track_rewrites(None);
        })
        .for_each_to_obtain_tree(&after, |change| {
            let (location, mode, before, after) = match change {
                Change::Addition { location, entry_mode, id, .. } => (location, entry_mode, None, id),
                Change::Modification { location, entry_mode, previous_id, id, .. } => {
                    (location, entry_mode, Some(previous_id.detach()), id)
                }
                Change::Deletion { .. } | Change::Rewrite { .. } => return Ok(Action::Continue(())),
            };
            if cases.len() <= MAX_FILES
                && mode.is_blob()
                && let Ok(path) = location.to_str()
                && let Ok(path) = RepoPath::parse(path)
            {
                cases.push(Case { commit, path, before, after: after.detach() });
            }
            Ok(Action::Continue(()))
        })?;
    if cases.len() > MAX_FILES {
        cases.clear();
    }
    Ok(cases)
}

/// The text of a blob that the gate would parse; a snapshot may lack the largest.
fn text(repo: &gix::Repository, id: ObjectId) -> Result<Option<String>> {
    let Some(header) = repo.try_find_header(id)? else { return Ok(None) };
    if header.size() > MAX_BYTES {
        return Ok(None);
    }
    Ok(String::from_utf8(repo.find_object(id)?.detach().data).ok())
}

const CHANGE: &str = "(change)";
const NEW: &str = "(new file)";

impl Table {
    /// Whether the case passed.
    fn add(
        &mut self,
        language: Language,
        kind: &'static str,
        case: &Case,
        before: Option<&str>,
        after: &str,
    ) -> bool {
        let start = Instant::now();
        let verdict =
            check::file(&self.parsers, &case.path, before.map(str::as_bytes), after.as_bytes(), start + TIME);
        let row = self.rows.entry((language.name(), kind)).or_default();
        row.cases += 1;
        row.times.push(start.elapsed());
        let good = kind == CHANGE || kind == NEW;
        match verdict {
            Verdict::Broken(errors) => {
                row.stopped += 1;
                if self.listing && good {
                    println!("stopped: {kind} {} {} {errors}", case.commit, language.name());
                }
                false
            }
            Verdict::Noted(_) | Verdict::Sound => {
                row.noted += usize::from(matches!(verdict, Verdict::Noted(_)));
                if self.listing && !good {
                    println!("not found: {kind} {} {}", case.commit, case.path);
                }
                true
            }
        }
    }

    fn print(&mut self) {
        println!(
            "{:12} {:18} {:>6} {:>7} {:>9} {:>7} {:>10}",
            "language", "case", "n", "stopped", "stopped %", "noted %", "median ms"
        );
        let mut all: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for ((language, kind), row) in &mut self.rows {
            row.times.sort_unstable();
            let median = row.times[row.times.len() / 2].as_secs_f64() * 1e3;
            let (stopped, noted) = (percent(row.stopped, row.cases), percent(row.noted, row.cases));
            println!(
                "{language:12} {kind:18} {:6} {:7} {stopped:9.2} {noted:7.1} {median:10.2}",
                row.cases, row.stopped
            );
            let sum = all.entry(kind).or_default();
            *sum = (sum.0 + row.cases, sum.1 + row.stopped);
        }
        for (kind, (cases, stopped)) in all {
            println!("{:12} {kind:18} {cases:6} {stopped:7} {:9.2}", "all", percent(stopped, cases));
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of cases are small")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// The text, broken in every way that applies.
fn variants(language: Language, text: &str) -> Result<Vec<(&'static str, String)>> {
    let mut parser = Parser::new();
    parser.set_language(&language.grammar())?;
    let tree = parser.parse(text, None).context("no tree")?;
    let places = Places::of(tree.root_node());
    let mut draw = Draw(text.len() as u64);
    let mut variants = Vec::new();
    if let Some(at) = draw.one(&places.braces) {
        variants.push(("no closing brace", without(text, at)));
    }
    if let Some(at) = draw.one(&places.parentheses) {
        variants.push(("no closing paren", without(text, at)));
    }
    // Elsewhere either may stand in a word.
    let strict = !matches!(language, Language::Bash | Language::Html | Language::Yaml);
    if let Some(at) = draw.one(&places.tokens).filter(|_| strict) {
        variants.push(("extra paren", format!("{}){}", &text[..at], &text[at..])));
    }
    if let Some(at) = draw.one(&places.tokens).filter(|_| strict) {
        variants.push(("extra operators", format!("{} = = {}", &text[..at], &text[at..])));
    }
    if let Some(end) = places.inside_brackets.iter().find(|end| **end >= text.len() / 2) {
        variants.push(("cut at half", text[..*end].to_owned()));
    }
    if let Some(at) = draw.one(&places.first_in_block) {
        let line = line_start(text, at);
        let header = line_start(text, line - 1);
        let indent = text[header..].len() - text[header..].trim_start_matches([' ', '\t']).len();
        let dedented = format!("{}{}{}", &text[..line], &text[header..header + indent], &text[at..]);
        variants.push(("body dedented", dedented));
    }
    if let Some(at) = draw.one(&places.later_in_block) {
        let line = line_start(text, at);
        variants.push(("one space more", format!("{} {}", &text[..line], &text[line..])));
    }
    let name = language.name();
    variants.push(("fences around", format!("```{name}\n{}\n```\n", text.trim_end())));
    let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    if let Some(at) = draw.one(&lines) {
        variants.push(("fence left over", format!("{}```\n{}", &text[..at], &text[at..])));
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
        let line = &text[at..end];
        let both = format!("<<<<<<< HEAD\n{line}=======\n{line}>>>>>>> theirs\n");
        variants.push(("conflict markers", format!("{}{both}{}", &text[..at], &text[end..])));
    }
    Ok(variants)
}

fn without(text: &str, at: usize) -> String {
    format!("{}{}", &text[..at], &text[at + 1..])
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// Bytes at which a text can be broken.
#[derive(Default)]
struct Places {
    braces: Vec<usize>,
    parentheses: Vec<usize>,
    tokens: Vec<usize>,
    /// Ends of tokens behind which a bracket is open.
    inside_brackets: Vec<usize>,
    /// Statements that begin a line and a Python block, behind a header of one line.
    first_in_block: Vec<usize>,
    /// Statements that begin a line, and follow another of their Python block.
    later_in_block: Vec<usize>,
}

impl Places {
    fn of(root: Node<'_>) -> Self {
        let mut places = Self::default();
        let mut open = 0_usize;
        let mut cursor = root.walk();
        loop {
            let node = cursor.node();
            if node.kind() == "block" && node.language().name() == Some("python") {
                places.add_block(node);
            }
            if node.child_count() == 0 && !node.byte_range().is_empty() && !node.is_error() {
                match node.kind() {
                    "(" | "[" | "{" => open += 1,
                    ")" | "]" | "}" => open = open.saturating_sub(1),
                    _ => {}
                }
                match node.kind() {
                    "}" => places.braces.push(node.start_byte()),
                    ")" => places.parentheses.push(node.start_byte()),
                    _ => {}
                }
                // Between the parts of a string or a comment an insertion breaks nothing.
                if !node.is_extra() && !node.is_named() && !node.kind().contains(['"', '\'', '`', '#']) {
                    places.tokens.push(node.start_byte());
                    if open > 0 {
                        places.inside_brackets.push(node.end_byte());
                    }
                }
            }
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return places;
                }
            }
        }
    }

    fn add_block(&mut self, block: Node<'_>) {
        let mut last_row = match block.parent() {
            Some(header) => header.start_position().row,
            None => return,
        };
        let mut cursor = block.walk();
        for (index, statement) in block.named_children(&mut cursor).enumerate() {
            let row = statement.start_position().row;
            if index == 0 && row == last_row + 1 {
                self.first_in_block.push(statement.start_byte());
            } else if index > 0 && row > last_row && !statement.is_extra() {
                self.later_in_block.push(statement.start_byte());
            }
            last_row = statement.end_position().row;
        }
    }
}

/// A linear congruential generator (Knuth's MMIX constants).
struct Draw(u64);

impl Draw {
    fn one(&mut self, places: &[usize]) -> Option<usize> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(self.0 >> 33).ok()?.checked_rem(places.len())?;
        places.get(index).copied()
    }
}
