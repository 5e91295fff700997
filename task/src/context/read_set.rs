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

impl Shown {
    /// Whether a line was shown, 1-based.
    pub fn has(&self, line: usize) -> bool {
        match self {
            Self::Whole => true,
            Self::Lines(ranges) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&line)),
        }
    }

    /// What of these lines, ascending and apart, was not shown.
    pub(super) fn missing(&self, wanted: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let Self::Lines(known) = self else { return Vec::new() };
        let mut missing = Vec::new();
        for &(mut first, last) in wanted {
            for &(from, to) in known {
                if to < first || from > last {
                    continue;
                }
                if from > first {
                    missing.push((first, from - 1));
                }
                first = first.max(to + 1);
            }
            if first <= last {
                missing.push((first, last));
            }
        }
        missing
    }

    /// These lines and those, of a file that has `count`.
    pub(super) fn joined(&self, more: &[(usize, usize)], count: usize) -> Self {
        let Self::Lines(known) = self else { return Self::Whole };
        let mut all: Vec<(usize, usize)> = known.iter().chain(more).copied().collect();
        all.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for (first, last) in all {
            match joined.last_mut() {
                Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
                _ => joined.push((first, last)),
            }
        }
        match joined.as_slice() {
            [(1, last)] if *last >= count => Self::Whole,
            _ => Self::Lines(joined),
        }
    }
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

    /// Notes that more lines of a file were shown.
    pub(super) fn show(&mut self, path: &RepoPath, shown: Shown) {
        if let Some(file) = self.files.get_mut(path) {
            file.shown = shown;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_what_is_missing_is_known() {
        let shown = |ranges: &[(usize, usize)]| Shown::Lines(ranges.to_vec());
        for (known, more, joined, missing) in [
            (shown(&[]), &[(3, 5)][..], shown(&[(3, 5)]), &[(3, 5)][..]),
            (shown(&[(1, 2)]), &[(3, 5)], shown(&[(1, 5)]), &[(3, 5)]),
            (shown(&[(1, 4)]), &[(3, 9)], shown(&[(1, 9)]), &[(5, 9)]),
            (shown(&[(4, 5), (8, 9)]), &[(1, 10)], Shown::Whole, &[(1, 3), (6, 7), (10, 10)]),
            (shown(&[(4, 5), (8, 9)]), &[(2, 4), (9, 9)], shown(&[(2, 5), (8, 9)]), &[(2, 3)]),
            (Shown::Whole, &[(1, 10)], Shown::Whole, &[]),
        ] {
            assert_eq!(known.joined(more, 10), joined, "{known:?} {more:?}");
            assert_eq!(known.missing(more), missing, "{known:?} {more:?}");
        }
    }
}
