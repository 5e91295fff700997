//! Reading *more*: files that the model asks for by name, answered one by one.

use std::fmt;

use super::pack::Context;
use super::role::Omission;
use super::stats::Reader;
use super::walk::{Entry, Walk};
use crate::context::read_set::Shown;
use crate::path::RepoPath;

/// Names that are suggested for one that does not exist.
const NEAR: usize = 3;
/// Files that are named of a folder.
const FOLDER_FILES: usize = 20;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is now read, whole or in part.
    Read(Shown),
    AlreadyRead,
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
        write!(f, "`{}`: ", self.path)?;
        match &self.outcome {
            Outcome::Read(Shown::Whole) => f.write_str("added, whole"),
            Outcome::Read(Shown::Lines(_)) => {
                f.write_str("added, the parts that matter most; the rest does not fit")
            }
            Outcome::AlreadyRead => f.write_str("you have the whole of it already"),
            Outcome::Unknown { near } if near.is_empty() => f.write_str("there is no such file"),
            Outcome::Unknown { near } => write!(f, "there is no such file; similar names: {}", list(near)),
            Outcome::Folder { files } => write!(f, "is a folder; ask for files, such as {}", list(files)),
            Outcome::Unreadable(omission) => write!(f, "cannot be shown: {}", omission.clause()),
            Outcome::OverBudget { left } => write!(f, "does not fit: {left} tokens are left for files"),
        }
    }
}

impl Context {
    /// Adds the files that the model asked for, in order, for at most `budget` tokens together.
    pub fn read_more(&mut self, repo: &gix::Repository, paths: &[RepoPath], budget: u32) -> Vec<Answer> {
        let reader = Reader::new(repo.clone());
        let mut left = budget;
        paths
            .iter()
            .map(|path| Answer { path: path.clone(), outcome: self.read_one(&reader, path, &mut left) })
            .collect()
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
        super::role::plain_text(&content)?;
        Ok(content)
    }

    fn read_one(&mut self, reader: &Reader, path: &RepoPath, left: &mut u32) -> Outcome {
        if self.read.get(path).is_some_and(|file| file.shown == Shown::Whole) {
            return Outcome::AlreadyRead;
        }
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
        match self.add(&entry, content, "the model asked for it".to_owned(), *left) {
            Some(tokens) => {
                *left -= tokens;
                self.spent.files += tokens;
                match self.read.get(path) {
                    Some(file) => Outcome::Read(file.shown.clone()),
                    None => Outcome::OverBudget { left: *left },
                }
            }
            None => Outcome::OverBudget { left: *left },
        }
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

/// Neighbouring bytes, lower-case, sorted.
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
