//! A *patch* is a set of edits resolved against the files that the model has read: bytes before, bytes after.
//!
//! It is minted here and nowhere else, all or nothing. Every edit is resolved against the files as they were read,
//! whatever the order in which edits come; edits that touch the same lines are refused. Only files of the read set
//! change, new files stay clear of everything that exists, and protected paths stay as they are.

mod adapt;
mod blank;
mod elision;
mod error;
mod form;
mod hunk;
mod ladder;
mod listing;
mod merge;
mod name;
mod pinned;
mod resolution;
mod similarity;
mod text;

use std::fmt;

pub(crate) use elision::{Placeholder, placeholder};
pub use error::{EditError, EditErrors, Excerpt, Refusal};
pub use ladder::MatchStrategy;
pub use resolution::resolve;

use crate::context::read_set::FileMode;
use crate::path::RepoPath;

/// Most files in a patch, the default of GitHub Agentic Workflows (`max-patch-files`).
pub const MAX_FILES: usize = 100;
/// Most bytes of changed files in a patch, the default of GitHub Agentic Workflows (`max-patch-size`, 4096 KB).
pub const MAX_BYTES: usize = 4096 * 1024;
/// Most edits in a reply: each may take a look at every line of its file.
pub(crate) const MAX_EDITS: usize = 500;

/// What stands at a path of the base commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    File,
    /// A symbolic link or a submodule: it has no text of its own.
    Link,
    Folder,
}

/// What stands at a path, or at one that differs from it in letter case only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// As it is spelled there.
    pub path: RepoPath,
    pub entry: Entry,
}

/// Changes of files that can be applied to the base commit as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    changes: Vec<Change>,
    applied: Vec<Applied>,
}

/// The change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    path: RepoPath,
    kind: ChangeKind,
    mode: FileMode,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Create,
    Modify,
    Delete,
    Rename {
        from: RepoPath,
    },
    /// The file was moved, and a new one is in its place: that one is a change of its own, which modifies it.
    Copy {
        from: RepoPath,
    },
}

/// What became of one edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which edit of the reply, from 1.
    pub number: usize,
    pub path: RepoPath,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A block that was found so.
    Block(MatchStrategy),
    /// The whole file was written, moved or removed.
    Whole,
    /// SEARCH and REPLACE are the same.
    NoOp,
    /// The whole file was written as it is, apart from its line ends or its byte order mark, which stay.
    SameLines,
    /// The file already has the new text.
    AlreadyThere,
    /// An earlier edit does the same.
    Twice,
}

impl Patch {
    /// One change a path, ordered by path.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What became of each edit, in the order of the reply.
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// The edits that had no effect.
    pub fn notes(&self) -> impl Iterator<Item = &Applied> {
        self.applied.iter().filter(|applied| applied.how.is_idle())
    }
}

impl Change {
    /// Where the file is after the change, or was before it was deleted.
    pub fn path(&self) -> &RepoPath {
        &self.path
    }

    pub fn kind(&self) -> &ChangeKind {
        &self.kind
    }

    pub fn mode(&self) -> FileMode {
        self.mode
    }

    /// The bytes of the base commit, of the file that this one was; `None` for a new file.
    pub fn before(&self) -> Option<&[u8]> {
        self.before.as_deref()
    }

    /// The new bytes; `None` for a deleted file.
    pub fn after(&self) -> Option<&[u8]> {
        self.after.as_deref()
    }
}

impl How {
    fn is_idle(self) -> bool {
        matches!(self, Self::NoOp | Self::SameLines | Self::AlreadyThere | Self::Twice)
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "edit {} of {}: ", self.number, self.path)?;
        match self.how {
            How::Block(strategy) => write!(f, "{strategy}"),
            How::Whole => f.write_str("whole file"),
            How::NoOp => f.write_str("changes nothing, SEARCH and REPLACE are the same"),
            How::SameLines => f.write_str(
                "changes nothing, the file has these lines already; its line ends and its byte order mark stay as they are",
            ),
            How::AlreadyThere => f.write_str("changes nothing, the file has the new text already"),
            How::Twice => f.write_str("changes nothing, an earlier edit does the same"),
        }
    }
}

#[cfg(test)]
mod tests;
