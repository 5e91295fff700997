//! The *walk* lists the files of a tree, from the object database alone, within caps.
//!
//! A tree can name far more paths than it has objects (the same subtree under many names), so what bounds the
//! walk is the number of entries visited and the clock, never the number of objects.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gix::ObjectId;
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryKind;

use super::generated_docs;
use super::role::{self, Omission};
use crate::context::read_set::FileMode;
use crate::path::{PathError, RepoPath};

pub use super::entry::Entry;

/// How much of a tree is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Entries of all trees, folders included.
    pub paths: usize,
    /// Largest file that is read, in bytes.
    pub file_bytes: u64,
    /// Longest time for the walk.
    pub time: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self { paths: 200_000, file_bytes: 1 << 20, time: Duration::from_secs(30) }
    }
}

/// Largest single tree object in bytes. An entry takes at least 23, so the cap on paths is reached first in any
/// tree with names of ordinary length.
const TREE_BYTES: u64 = 64 << 20;
/// For trees that occur under several names.
const TREE_CACHE_BYTES: usize = 8 << 20;

/// Why a tree could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("the repository has more than {0} paths, which is the most that is looked at")]
    TooManyPaths(usize),
    #[error("listing the repository took longer than {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("a folder of the repository is listed in {0} bytes, which is more than is looked at")]
    TreeTooLarge(u64),
    #[error(
        "{0} of the base commit lists its files out of order, so that git finds some of them and not others"
    )]
    Unsorted(String),
    #[error("a folder of the repository cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// All files of one tree.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Ordered by path.
    entries: Vec<Entry>,
    /// Entries without a usable path.
    unusable: usize,
}

impl Walk {
    /// Every entry with a usable path, ordered by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn get(&self, path: &RepoPath) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// Whether the tree has a file, symlink, submodule or folder at `path`.
    pub fn exists(&self, path: &RepoPath) -> bool {
        if self.get(path).is_some() {
            return true;
        }
        !self.under(path, 1).is_empty()
    }

    /// The first `count` paths in the folder `path`, however deep.
    pub(super) fn under(&self, path: &RepoPath, count: usize) -> Vec<RepoPath> {
        let folder = format!("{path}/");
        let at = self.entries.partition_point(|entry| entry.path.as_str() < folder.as_str());
        let inside = self.entries[at..].iter().take_while(|entry| entry.path.as_str().starts_with(&folder));
        inside.take(count).map(|entry| entry.path.clone()).collect()
    }

    /// How many entries have no usable path, if any.
    pub(super) fn unusable(&self) -> Option<usize> {
        Some(self.unusable).filter(|unusable| *unusable > 0)
    }

    /// How many entries are left out for what their path and mode say.
    pub fn left_out(&self) -> BTreeMap<Omission, usize> {
        let mut counts = BTreeMap::new();
        if self.unusable > 0 {
            counts.insert(Omission::UnusablePath, self.unusable);
        }
        for entry in &self.entries {
            if let Err(omission) = entry.role {
                *counts.entry(omission).or_default() += 1;
            }
        }
        counts
    }
}

/// Lists the files of `tree`.
pub fn walk(repo: &gix::Repository, tree: ObjectId, caps: &Caps) -> Result<Walk, WalkError> {
    let mut repo = repo.clone();
    repo.object_cache_size_if_unset(TREE_CACHE_BYTES);
    let start = Instant::now();
    let mut walk = Walk::default();
    let mut visited = 0;
    let mut pending = vec![(tree, String::new())];
    while let Some((id, prefix)) = pending.pop() {
        if start.elapsed() > caps.time {
            return Err(WalkError::TooSlow(caps.time));
        }
        let size = repo.find_header(id).map_err(unreadable)?.size();
        if size > TREE_BYTES {
            return Err(WalkError::TreeTooLarge(size));
        }
        let object = repo.find_object(id).map_err(unreadable)?;
        let mut previous: Option<gix::objs::tree::EntryRef<'_>> = None;
        for entry in TreeRefIter::from_bytes(&object.data, id.kind()) {
            let entry = entry.map_err(unreadable)?;
            if previous.replace(entry).is_some_and(|previous| previous >= entry) {
                let folder =
                    if prefix.is_empty() { "the root folder".to_owned() } else { format!("`{prefix}`") };
                return Err(WalkError::Unsorted(folder));
            }
            visited += 1;
            if visited > caps.paths {
                return Err(WalkError::TooManyPaths(caps.paths));
            }
            let path = std::str::from_utf8(entry.filename)
                .map_err(|_| PathError::NotUtf8)
                .and_then(|name| RepoPath::parse(&format!("{prefix}{name}")));
            let Ok(path) = path else {
                walk.unusable += 1;
                continue;
            };
            let kind = entry.mode.kind();
            if kind == EntryKind::Tree {
                pending.push((entry.oid.to_owned(), format!("{path}/")));
                continue;
            }
            let (mode, role) = match kind {
                EntryKind::Link => (FileMode::Regular, Err(Omission::Symlink)),
                EntryKind::Commit => (FileMode::Regular, Err(Omission::Submodule)),
                EntryKind::BlobExecutable => (FileMode::Executable, role::of_path(&path)),
                EntryKind::Blob | EntryKind::Tree => (FileMode::Regular, role::of_path(&path)),
            };
            walk.entries.push(Entry { path, blob: entry.oid.to_owned(), mode, role });
        }
    }
    walk.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    generated_docs::leave_out(&mut walk.entries);
    Ok(walk)
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> WalkError {
    WalkError::Unreadable(error.into())
}
