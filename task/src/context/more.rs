//! Reading *more*: files, or lines of them, that the model asks for by name, answered one by one.

use std::fmt;

use super::excerpt::{self, Excerpt, Source, Wanted};
use super::pack::{Context, FRAME_TOKENS};
use super::role::{self, Omission};
use super::stats::Reader;
use super::tokens;
use super::walk::{Entry, Walk};
use crate::context::read_set::{ReadFile, Shown};
use crate::path::RepoPath;

/// Names that are suggested for one that does not exist.
const NEAR: usize = 3;
/// Files that are named of a folder.
const FOLDER_FILES: usize = 20;
/// Files that an issue names and nobody can read, of which the model is told.
const MAX_NAMED: usize = 10;
/// Ranges of lines that are named to the model.
const NAMED_RANGES: usize = 8;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// These lines are read that were not before.
    Added {
        shown: Shown,
        /// The lines of the file.
        of: usize,
        /// Whether all that was asked for is read now.
        is_complete: bool,
    },
    AlreadyRead(Coverage),
    /// The file has so many lines, and none of those.
    NoSuchLines {
        of: usize,
    },
    /// There is no such file; these have similar names.
    Unknown {
        near: Vec<RepoPath>,
    },
    /// It is a folder; these are some of its files.
    Folder {
        files: Vec<RepoPath>,
    },
    Unreadable(Omission),
    /// What is left of the budget, in tokens, is too little for any part of it.
    OverBudget {
        left: u32,
    },
}

/// How much of a file was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    Whole,
    Lines,
}

/// The answer to one request. Displayed, it is a line for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub path: RepoPath,
    pub outcome: Outcome,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |paths: &[RepoPath]| paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        let path = &self.path;
        write!(f, "`{path}`: ")?;
        match &self.outcome {
            Outcome::Added { shown: Shown::Whole, .. } => f.write_str("added, whole"),
            Outcome::Added { shown: Shown::Lines(lines), of, is_complete } => {
                write!(f, "added, lines {} of {of}", ranges(lines))?;
                if *is_complete {
                    return Ok(());
                }
                write!(f, "; the rest does not fit, ask for what you need of it as `READ: {path}:FROM-TO`")
            }
            Outcome::AlreadyRead(Coverage::Whole) => f.write_str("you have the whole of it already"),
            Outcome::AlreadyRead(Coverage::Lines) => f.write_str("you have these lines already"),
            Outcome::NoSuchLines { of } => write!(f, "it has only {of} lines"),
            Outcome::Unknown { near } if near.is_empty() => f.write_str("there is no such file"),
            Outcome::Unknown { near } => write!(f, "there is no such file; similar names: {}", list(near)),
            Outcome::Folder { files } => write!(f, "is a folder; ask for files, such as {}", list(files)),
            Outcome::Unreadable(omission) => write!(f, "cannot be shown: {}", omission.clause()),
            Outcome::OverBudget { left } => write!(f, "does not fit: {left} tokens are left for files"),
        }
    }
}

fn ranges(lines: &[(usize, usize)]) -> String {
    let named = lines.iter().take(NAMED_RANGES).map(|(first, last)| format!("{first}-{last}"));
    let mut text = named.collect::<Vec<_>>().join(", ");
    if lines.len() > NAMED_RANGES {
        text.push_str(" and more");
    }
    text
}

impl Context {
    /// Adds a file that the model asks for, or some of its lines, for at most `left` tokens, of which it takes what it
    /// uses.
    pub(super) fn read_more(
        &mut self,
        reader: &Reader,
        path: &RepoPath,
        lines: Option<(usize, usize)>,
        left: &mut u32,
    ) -> Answer {
        Answer { path: path.clone(), outcome: self.read_one(reader, path, lines, left) }
    }

    /// Whether the tree has a file there that may be shown, as far as its path tells.
    pub fn is_readable(&self, path: &RepoPath) -> bool {
        self.walk.get(path).is_some_and(|entry| entry.role.is_ok())
    }

    /// Files that a text names by their whole paths and that cannot be read, in order of their first appearance, each with
    /// the reason.
    pub fn unreadable_named(&self, repo: &gix::Repository, text: &str) -> Vec<(RepoPath, Omission)> {
        let mut found: Vec<(RepoPath, Omission)> = Vec::new();
        for word in text.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;|*".contains(c)) {
            let word = word.trim_start_matches("./").trim_end_matches(['.', ':', '?', '!']);
            let Ok(path) = RepoPath::parse(word) else { continue };
            if found.iter().any(|(known, _)| *known == path) {
                continue;
            }
            if let Some(omission) = self.unreadable(repo, &path) {
                found.push((path, omission));
                if found.len() == MAX_NAMED {
                    break;
                }
            }
        }
        found
    }

    /// Why a file cannot be read, where it would be asked for in vain.
    pub fn unreadable(&self, repo: &gix::Repository, path: &RepoPath) -> Option<Omission> {
        self.content(&Reader::new(repo.clone()), self.walk.get(path)?).err()
    }

    fn content(&self, reader: &Reader, entry: &Entry) -> Result<Vec<u8>, Omission> {
        if let Err(
            omission @ (Omission::Symlink | Omission::Submodule | Omission::LockFile | Omission::Secret),
        ) = entry.role
        {
            return Err(omission);
        }
        let content = reader.read(entry, &self.caps)?;
        role::plain_text(&content)?;
        Ok(content)
    }

    fn read_one(
        &mut self,
        reader: &Reader,
        path: &RepoPath,
        lines: Option<(usize, usize)>,
        left: &mut u32,
    ) -> Outcome {
        let Some(entry) = self.walk.get(path).cloned() else {
            let files = self.walk.under(path, FOLDER_FILES);
            return if files.is_empty() {
                Outcome::Unknown { near: near(&self.walk, path) }
            } else {
                Outcome::Folder { files }
            };
        };
        let content = match self.content(reader, &entry) {
            Ok(content) => content,
            Err(omission) => return Outcome::Unreadable(omission),
        };
        let Ok(text) = role::plain_text(&content) else { return Outcome::Unreadable(Omission::NotUtf8) };
        let of = text.lines().count();
        let coverage = if lines.is_some() { Coverage::Lines } else { Coverage::Whole };
        let wanted = match lines {
            None => (1, of),
            // Some count from zero, and some write the range backwards.
            Some((first, last)) => (first.min(last).max(1), last.max(first).min(of)),
        };
        if wanted.0 > of && of > 0 {
            return Outcome::NoSuchLines { of };
        }
        let known = self.read.get(path).map_or_else(|| Shown::Lines(Vec::new()), |file| file.shown.clone());
        let missing = known.missing(&[wanted]);
        if known == Shown::Whole || (missing.is_empty() && of > 0) {
            return Outcome::AlreadyRead(coverage);
        }
        let Some(room) = left.checked_sub(FRAME_TOKENS) else { return Outcome::OverBudget { left: *left } };
        let is_new = known == Shown::Lines(Vec::new());
        let whole = tokens::estimate(text);
        let (added, taken) = if coverage == Coverage::Whole && is_new && whole <= room {
            (Shown::Whole, whole)
        } else {
            let mut excerpt = excerpt::within(text, &missing, room);
            if coverage == Coverage::Whole && excerpt.lines != missing {
                excerpt = self.excerpt(&entry, text, Wanted::All, room);
            }
            let Excerpt { lines, tokens } = excerpt;
            if lines.is_empty() {
                return Outcome::OverBudget { left: *left };
            }
            (Shown::Lines(lines), tokens)
        };
        *left = room.saturating_sub(taken);
        self.spent.files += taken + FRAME_TOKENS;
        let all = match &added {
            Shown::Whole => Shown::Whole,
            Shown::Lines(lines) => known.joined(lines, of),
        };
        let is_complete = all.missing(&[wanted]).is_empty();
        if is_new {
            let (blob, mode) = (entry.blob, entry.mode);
            let why = "the model asked for it".to_owned();
            self.read.insert(path.clone(), ReadFile { content, blob, mode, shown: all, why });
        } else {
            self.read.show(path, all);
        }
        Outcome::Added { shown: added, of, is_complete }
    }

    /// The best part of a file for so many tokens, of what was not shown yet.
    pub(super) fn excerpt(&self, entry: &Entry, text: &str, wanted: Wanted, budget: u32) -> Excerpt {
        let outline = match self.index.closer(&self.walk, &entry.path) {
            Some(closer) if !closer.outline.is_empty() => closer.outline.clone(),
            Some(_) | None => {
                super::closer::outline_of(self.index.parsers(), &entry.path, text).unwrap_or_default()
            }
        };
        let shown = self.read.get(&entry.path).map(|file| &file.shown);
        let source = Source { text, outline: &outline, shown };
        excerpt::choose(&source, &self.query, self.index.corpus(), wanted, budget)
    }
}

/// The paths most like `wanted`: of the same file name, else of similar spelling.
pub(crate) fn near(walk: &Walk, wanted: &RepoPath) -> Vec<RepoPath> {
    let wanted_pairs = pairs(wanted.as_str());
    let wanted_name = wanted.file_name().to_ascii_lowercase();
    let mut scored: Vec<(u32, &RepoPath)> = walk
        .entries()
        .iter()
        .filter(|entry| entry.role.is_ok())
        .filter_map(|entry| {
            let likeness = dice(&wanted_pairs, &pairs(entry.path.as_str()));
            let same_name = entry.path.file_name().to_ascii_lowercase() == wanted_name;
            let score = likeness + if same_name { 1000 } else { 0 };
            (score >= 600).then_some((score, &entry.path))
        })
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.into_iter().take(NEAR).map(|(_, path)| path.clone()).collect()
}

/// Neighboring bytes, lower-case, sorted.
fn pairs(text: &str) -> Vec<[u8; 2]> {
    let lower = text.to_ascii_lowercase();
    let mut pairs: Vec<[u8; 2]> = lower.as_bytes().windows(2).map(|pair| [pair[0], pair[1]]).collect();
    pairs.sort_unstable();
    pairs
}

/// Dice's coefficient of two sorted lists, in thousandths.
fn dice(a: &[[u8; 2]], b: &[[u8; 2]]) -> u32 {
    let (mut at, mut bt, mut shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(at), b.get(bt)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => bt += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                at += 1;
                bt += 1;
            }
        }
    }
    u32::try_from(2000 * shared / (a.len() + b.len()).max(1)).unwrap_or(0)
}
