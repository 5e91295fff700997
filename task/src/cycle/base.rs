//! What the *base* commit has at a path, letter case aside: on a file system that does not tell case apart, a new
//! `Readme.md` would hide the `README.md` that is there.

use std::collections::HashMap;

use crate::context::role::Omission;
use crate::context::walk::Walk;
use crate::patch::Entry;
use crate::path::RepoPath;

/// Every path of a tree, and every folder, in lower case.
pub(super) struct Base {
    entries: HashMap<String, Entry>,
}

impl Base {
    pub(super) fn of(walk: &Walk) -> Self {
        let mut entries = HashMap::new();
        for entry in walk.entries() {
            let path = entry.path.as_str().to_lowercase();
            for (at, _) in path.match_indices('/').rev() {
                if entries.insert(path[..at].to_owned(), Entry::Folder).is_some() {
                    // The folders above it are there already.
                    break;
                }
            }
            let what = match entry.role {
                Err(Omission::Symlink | Omission::Submodule) => Entry::Link,
                _ => Entry::File,
            };
            entries.insert(path, what);
        }
        Self { entries }
    }

    pub(super) fn entry(&self, path: &RepoPath) -> Option<Entry> {
        self.entries.get(&path.as_str().to_lowercase()).copied()
    }
}
