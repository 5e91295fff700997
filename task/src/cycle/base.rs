//! What the *base* commit has at a path, without regard to letter case: on a file system that does not tell case apart, a
//! new `Readme.md` would hide the `README.md` that is there.

use std::collections::HashMap;

use crate::context::role::Omission;
use crate::context::walk::Walk;
use crate::patch::{Entry, Occupant};
use crate::path::{RepoPath, fold};

/// Every path of a tree, and every folder, as such file systems compare them.
pub(super) struct Base<'a> {
    walk: &'a Walk,
    places: HashMap<String, Vec<Place>>,
}

/// What is at a path: an entry of the walk, or one of the folders above it.
struct Place {
    entry: usize,
    /// Bytes of the entry's path.
    length: usize,
    what: Entry,
}

impl<'a> Base<'a> {
    pub(super) fn of(walk: &'a Walk) -> Self {
        let mut places: HashMap<String, Vec<Place>> = HashMap::new();
        for (number, entry) in walk.entries().iter().enumerate() {
            let path = entry.path.as_str();
            for (at, _) in path.match_indices('/').rev() {
                let known = places.entry(fold(&path[..at])).or_default();
                let is_known = |place: &Place| {
                    place.what == Entry::Folder
                        && walk.entries()[place.entry].path.as_str()[..place.length] == path[..at]
                };
                if known.iter().any(is_known) {
                    // The folders above it are there already.
                    break;
                }
                known.push(Place { entry: number, length: at, what: Entry::Folder });
            }
            let what = match entry.role {
                Err(Omission::Symlink | Omission::Submodule) => Entry::Link,
                _ => Entry::File,
            };
            places.entry(fold(path)).or_default().push(Place { entry: number, length: path.len(), what });
        }
        Self { walk, places }
    }

    /// What is at the path, and at those that differ from it in letter case only.
    pub(super) fn at(&self, path: &RepoPath) -> Vec<Occupant> {
        let places = self.places.get(&path.folded()).map(Vec::as_slice).unwrap_or_default();
        let occupant = |place: &Place| {
            let path = &self.walk.entries()[place.entry].path.as_str()[..place.length];
            Some(Occupant { path: RepoPath::parse(path).ok()?, entry: place.what })
        };
        places.iter().filter_map(occupant).collect()
    }
}
