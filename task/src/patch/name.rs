//! Which file of the repository a name in the reply means.

use std::collections::BTreeMap;

use super::{Entry, Refusal};
use crate::context::read_set::ReadSet;
use crate::path::{PathError, RepoPath};
use crate::protocol::{Action, Edit};

/// What is known of the repository's names.
pub(super) struct Names<'a, E> {
    read: &'a ReadSet,
    entry: E,
    /// By the new path of a file that another edit moves, its old one.
    moved: BTreeMap<&'a str, &'a str>,
}

impl<'a, E: Fn(&RepoPath) -> Option<Entry>> Names<'a, E> {
    pub(super) fn new(edits: &'a [Edit], read: &'a ReadSet, entry: E) -> Self {
        let moved = edits
            .iter()
            .filter_map(|edit| match &edit.action {
                Action::Rename { to } => Some((normal(to), normal(&edit.path))),
                _ => None,
            })
            .collect();
        Self { read, entry, moved }
    }

    /// The file that an edit changes or makes.
    pub(super) fn target(&self, edit: &Edit) -> Result<RepoPath, Refusal> {
        let written = normal(&edit.path);
        match &edit.action {
            Action::Replace { .. } => self.changed(written),
            Action::Delete | Action::Rename { .. } => {
                let path = RepoPath::parse(written).map_err(Refusal::Path)?;
                self.known(path)
            }
            Action::Write { .. } => {
                let path = self.old_path(written)?;
                match self.read.get(&path) {
                    Some(_) => Ok(path),
                    None => self.vacant(path.clone()).map_err(|refusal| match refusal {
                        Refusal::Exists => Refusal::Unread(path),
                        refusal => refusal,
                    }),
                }
            }
            Action::Create { .. } => {
                let path = self.old_path(written)?;
                match self.read.get(&path) {
                    // An empty SEARCH matches a file without text.
                    Some(file) if file.content.trim_ascii().is_empty() => Ok(path),
                    Some(_) => Err(Refusal::Exists),
                    None => self.vacant(path),
                }
            }
        }
    }

    /// A path that nothing stands at.
    pub(super) fn new_path(&self, written: &str) -> Result<RepoPath, Refusal> {
        let path = RepoPath::parse(normal(written)).map_err(Refusal::Path)?;
        if self.read.get(&path).is_some() { Err(Refusal::Exists) } else { self.vacant(path) }
    }

    /// The path that a file has in the base commit.
    fn old_path(&self, written: &str) -> Result<RepoPath, Refusal> {
        let written = self.moved.get(written).copied().unwrap_or(written);
        RepoPath::parse(written).map_err(Refusal::Path)
    }

    fn known(&self, path: RepoPath) -> Result<RepoPath, Refusal> {
        if self.read.get(&path).is_some() {
            return Ok(path);
        }
        match (self.entry)(&path) {
            Some(Entry::File) if self.twin(&path).is_none() => Err(Refusal::Unread(path)),
            Some(Entry::Folder) => Err(Refusal::Folder),
            Some(Entry::Link) => Err(Refusal::Link),
            _ => Err(Refusal::Missing { alike: self.alike(&path) }),
        }
    }

    /// The file of the read set whose path differs in letter case only.
    fn twin(&self, path: &RepoPath) -> Option<&RepoPath> {
        let folded = path.as_str().to_lowercase();
        self.read.iter().map(|(path, _)| path).find(|other| other.as_str().to_lowercase() == folded)
    }

    /// A file of the read set, also by a name that has too many folders in front, or too few.
    fn changed(&self, written: &str) -> Result<RepoPath, Refusal> {
        let path = match self.old_path(written) {
            Ok(path) => Some(path),
            Err(Refusal::Path(PathError::Absolute)) => None,
            Err(refusal) => return Err(refusal),
        };
        if let Some(path) = &path {
            match self.twin(path) {
                Some(twin) if self.read.get(path).is_none() => return Ok(twin.clone()),
                Some(_) => return Ok(path.clone()),
                None if (self.entry)(path).is_some() => return self.known(path.clone()),
                None => {}
            }
        }
        let written = written.trim_start_matches('/');
        let is_tail = |longer: &str, shorter: &str| {
            longer.strip_suffix(shorter).is_some_and(|front| front.ends_with('/'))
        };
        let alike: Vec<RepoPath> = self
            .read
            .iter()
            .map(|(path, _)| path)
            .filter(|path| {
                let path = path.as_str();
                path == written || is_tail(path, written) || is_tail(written, path)
            })
            .cloned()
            .collect();
        match (&alike[..], path) {
            ([one], _) => Ok(one.clone()),
            ([], None) => Err(Refusal::Path(PathError::Absolute)),
            ([], Some(path)) => Err(Refusal::Missing { alike: self.alike(&path) }),
            _ => Err(Refusal::AmbiguousPath(alike)),
        }
    }

    /// Checks that a new file neither hides another nor needs one to be a folder.
    fn vacant(&self, path: RepoPath) -> Result<RepoPath, Refusal> {
        if let Some(twin) = self.twin(&path) {
            return Err(Refusal::Collides(twin.clone()));
        }
        match (self.entry)(&path) {
            Some(Entry::File) => return Err(Refusal::Exists),
            Some(Entry::Folder) => return Err(Refusal::Folder),
            Some(Entry::Link) => return Err(Refusal::Link),
            None => {}
        }
        let folded = path.as_str().to_lowercase();
        for (other, _) in self.read.iter() {
            let other_folded = other.as_str().to_lowercase();
            if is_inside(&folded, &other_folded) {
                return Err(Refusal::InsideFile(other.clone()));
            }
            if is_inside(&other_folded, &folded) {
                return Err(Refusal::Folder);
            }
        }
        for (at, _) in path.as_str().match_indices('/') {
            let parent = RepoPath::parse(&path.as_str()[..at]).map_err(Refusal::Path)?;
            if matches!((self.entry)(&parent), Some(Entry::File | Entry::Link)) {
                return Err(Refusal::InsideFile(parent));
            }
        }
        Ok(path)
    }

    /// Files of the read set with the same name in another folder.
    fn alike(&self, path: &RepoPath) -> Vec<RepoPath> {
        let same = |other: &&RepoPath| other.file_name().eq_ignore_ascii_case(path.file_name());
        self.read.iter().map(|(path, _)| path).filter(same).take(3).cloned().collect()
    }
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The name without what says only "from here".
fn normal(written: &str) -> &str {
    let mut written = written.trim();
    while let Some(rest) = written.strip_prefix("./") {
        written = rest;
    }
    written
}
