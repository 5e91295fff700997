//! Which file of the repository a name in the reply means.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Occupant, Refusal};
use crate::context::read_set::ReadSet;
use crate::path::{PathError, RepoPath};
use crate::protocol::{Action, Edit};

/// What is known of the repository's names.
pub(super) struct Names<'a, E> {
    read: &'a ReadSet,
    occupants: E,
    /// By the new path of a file that another edit moves, its old one.
    moved: BTreeMap<&'a str, &'a str>,
    /// Files that an edit moves away, and those that one deletes.
    vacated: BTreeSet<RepoPath>,
    deleted: BTreeSet<RepoPath>,
}

/// The file that an edit is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One that was read, or a new one where there is none.
    At(RepoPath),
    /// A new file in the place of one that another edit moves away.
    InPlaceOf(RepoPath),
}

impl<'a, E: Fn(&RepoPath) -> Vec<Occupant>> Names<'a, E> {
    pub(super) fn new(edits: &'a [Edit], read: &'a ReadSet, occupants: E) -> Self {
        let mut names = Self {
            read,
            occupants,
            moved: BTreeMap::new(),
            vacated: BTreeSet::new(),
            deleted: BTreeSet::new(),
        };
        for edit in edits {
            let from = names.plain(&edit.path);
            let path = RepoPath::parse(from).ok().filter(|path| read.get(path).is_some());
            match &edit.action {
                Action::Rename { to } => {
                    let to = names.plain(to);
                    names.moved.insert(to, from);
                    names.vacated.extend(path);
                }
                Action::Delete => names.deleted.extend(path),
                _ => {}
            }
        }
        names
    }

    /// The path that an edit names, as it is written.
    pub(super) fn written(&self, edit: &Edit) -> Option<RepoPath> {
        RepoPath::parse(self.plain(&edit.path)).ok()
    }

    /// The file that an edit changes or makes.
    pub(super) fn target(&self, edit: &Edit) -> Result<Target, Refusal> {
        let written = self.plain(&edit.path);
        match &edit.action {
            Action::Replace(_) => self.changed(written).map(Target::At),
            Action::Undivided(_) => match self.changed(written) {
                // It may be a new file.
                Err(Refusal::Missing { .. }) => self.old_path(written).and_then(|path| self.vacant(path)),
                changed => changed,
            }
            .map(Target::At),
            Action::Delete | Action::Rename { .. } => {
                let path = RepoPath::parse(written).map_err(Refusal::Path)?;
                self.known(path).map(Target::At)
            }
            Action::Write { .. } | Action::Create { .. } if self.is_vacated(written) => {
                RepoPath::parse(written).map(Target::InPlaceOf).map_err(Refusal::Path)
            }
            Action::Write { .. } => {
                let path = self.old_path(written)?;
                match self.read.get(&path) {
                    Some(_) => Ok(Target::At(path)),
                    None => self.vacant(path.clone()).map(Target::At).map_err(|refusal| match refusal {
                        Refusal::Exists => Refusal::Unread(path),
                        refusal => refusal,
                    }),
                }
            }
            Action::Create { .. } => {
                let path = self.old_path(written)?;
                match self.read.get(&path) {
                    // An empty SEARCH matches a file without text.
                    Some(file) if file.content.trim_ascii().is_empty() => Ok(Target::At(path)),
                    Some(_) => Err(Refusal::Exists),
                    None => self.vacant(path).map(Target::At),
                }
            }
        }
    }

    /// A path that nothing stands at.
    pub(super) fn new_path(&self, written: &str) -> Result<RepoPath, Refusal> {
        let path = RepoPath::parse(self.plain(written)).map_err(Refusal::Path)?;
        if self.read.get(&path).is_some() { Err(Refusal::Exists) } else { self.vacant(path) }
    }

    /// The name as it is, if a file that was read has it, else without what says only "from here".
    fn plain<'w>(&self, written: &'w str) -> &'w str {
        let is_read = RepoPath::parse(written).is_ok_and(|path| self.read.get(&path).is_some());
        if is_read { written } else { normal(written) }
    }

    fn is_vacated(&self, written: &str) -> bool {
        RepoPath::parse(written).is_ok_and(|path| self.vacated.contains(&path))
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
        let occupants = (self.occupants)(&path);
        let here = occupants.iter().find(|occupant| occupant.path == path).or(occupants.first());
        match here {
            Some(Occupant { path, entry: Entry::File }) if self.read.get(path).is_none() => {
                Err(Refusal::Unread(path.clone()))
            }
            Some(Occupant { entry: Entry::Folder, .. }) => Err(Refusal::Folder),
            Some(Occupant { entry: Entry::Link, .. }) => Err(Refusal::Link),
            _ => Err(Refusal::Missing { alike: self.alike(&path) }),
        }
    }

    /// A file of the read set, also by a name that has too many folders in front, or too few.
    fn changed(&self, written: &str) -> Result<RepoPath, Refusal> {
        let path = match self.old_path(written) {
            Ok(path) => Some(path),
            Err(Refusal::Path(PathError::Absolute)) => None,
            Err(refusal) => return Err(refusal),
        };
        if let Some(path) = &path {
            if self.read.get(path).is_some() {
                return Ok(path.clone());
            }
            let occupants = self.occupants(path);
            let is_exact = occupants.iter().any(|occupant| occupant.path == *path);
            let read: Vec<&Occupant> =
                occupants.iter().filter(|occupant| self.read.get(&occupant.path).is_some()).collect();
            match (&read[..], &occupants[..]) {
                (_, []) => {}
                // It differs in letter case only.
                ([one], [_]) => return Ok(one.path.clone()),
                (_, [_, _, ..]) if !is_exact => {
                    return Err(Refusal::AmbiguousPath(occupants.into_iter().map(|one| one.path).collect()));
                }
                _ => return self.known(path.clone()),
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

    /// Checks that a new file can be anywhere, and neither hides another nor needs one to be a folder.
    fn vacant(&self, path: RepoPath) -> Result<RepoPath, Refusal> {
        if let Some(reason) = path.unportable() {
            return Err(Refusal::Unportable(reason));
        }
        for occupant in self.occupants(&path) {
            let is_itself = occupant.path == path;
            match occupant.entry {
                // It takes another spelling of its own name, or that of one that goes.
                Entry::File if !is_itself && self.leaves(&occupant.path) => {}
                Entry::File if is_itself => return Err(Refusal::Exists),
                Entry::Folder => return Err(Refusal::Folder),
                Entry::Link if is_itself => return Err(Refusal::Link),
                Entry::File | Entry::Link => return Err(Refusal::Collides(occupant.path)),
            }
        }
        for (at, _) in path.as_str().match_indices('/') {
            let parent = RepoPath::parse(&path.as_str()[..at]).map_err(Refusal::Path)?;
            let occupants = self.occupants(&parent);
            let file = occupants.iter().find(|occupant| occupant.entry != Entry::Folder);
            if let Some(file) = file.filter(|file| !self.leaves(&file.path)) {
                return Err(Refusal::InsideFile(file.path.clone()));
            }
            let mut folders = occupants.iter().filter(|occupant| occupant.entry == Entry::Folder);
            if let Some(other) = folders.clone().next()
                && folders.all(|folder| folder.path != parent)
            {
                return Err(Refusal::FolderSpelling(other.path.clone()));
            }
        }
        Ok(path)
    }

    /// What the base commit has at a path in any letter case, files that were read included.
    fn occupants(&self, path: &RepoPath) -> Vec<Occupant> {
        let mut occupants = (self.occupants)(path);
        let folded = path.folded();
        for (other, _) in self.read.iter() {
            let other_folded = other.folded();
            let occupant = if other_folded == folded {
                Occupant { path: other.clone(), entry: Entry::File }
            } else if let Some(rest) = other_folded.strip_prefix(&folded)
                && rest.starts_with('/')
            {
                let depth = path.as_str().split('/').count();
                let names: Vec<&str> = other.as_str().split('/').take(depth).collect();
                let Ok(above) = RepoPath::parse(&names.join("/")) else { continue };
                Occupant { path: above, entry: Entry::Folder }
            } else {
                continue;
            };
            if !occupants.contains(&occupant) {
                occupants.push(occupant);
            }
        }
        occupants
    }

    /// Whether an edit takes the file away from its path.
    fn leaves(&self, path: &RepoPath) -> bool {
        self.vacated.contains(path) || self.deleted.contains(path)
    }

    /// Files of the read set with the same name in another folder.
    fn alike(&self, path: &RepoPath) -> Vec<RepoPath> {
        let same = |other: &&RepoPath| other.file_name().eq_ignore_ascii_case(path.file_name());
        self.read.iter().map(|(path, _)| path).filter(same).take(3).cloned().collect()
    }
}

/// The name without what says only "from here".
fn normal(written: &str) -> &str {
    let mut written = written.trim();
    while let Some(rest) = written.strip_prefix("./") {
        written = rest;
    }
    written
}
