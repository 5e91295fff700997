//! The *read set*: the files that were handed to the model verbatim, and so the only ones that it may change.

use std::collections::BTreeMap;

use crate::path::RepoPath;

/// How git records a file that may be changed; symlinks and submodules are never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// 100644
    Regular,
    /// 100755
    Executable,
}

/// How much of a file the model saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    Whole,
    /// The lines shown, 1-based, both ends included, ascending, not overlapping.
    Lines(Vec<(usize, usize)>),
}

/// A file of the base commit as it was handed to the model.
#[derive(Clone, Debug)]
pub struct ReadFile {
    /// The blob's bytes, always UTF-8 apart from a byte order mark.
    pub content: Vec<u8>,
    /// The blob at the base commit.
    pub blob: gix::ObjectId,
    pub mode: FileMode,
    pub shown: Shown,
    /// Why it was read, one clause for people: "names `parse_header`", "the model asked for it".
    pub why: String,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    files: BTreeMap<RepoPath, ReadFile>,
}

impl ReadSet {
    /// Adds a file. One that was shown in part and is now shown whole is replaced; whole is never made partial.
    pub fn insert(&mut self, path: RepoPath, file: ReadFile) {
        match self.files.get(&path) {
            Some(known) if known.shown == Shown::Whole => {}
            _ => {
                self.files.insert(path, file);
            }
        }
    }

    pub fn get(&self, path: &RepoPath) -> Option<&ReadFile> {
        self.files.get(path)
    }

    /// Every file, ordered by path.
    pub fn iter(&self) -> impl Iterator<Item = (&RepoPath, &ReadFile)> {
        self.files.iter()
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
