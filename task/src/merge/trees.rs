//! The merge of trees, path by path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryKind;

use super::text;
use super::{Entry, MergedFile};
use crate::path::RepoPath;
use crate::protect::is_lfs_pointer;

/// Folders within each other that are looked into.
const MAX_DEPTH: usize = 128;
/// Bytes of a file that is merged by lines. Larger ones are seldom written by people.
const MAX_FILE: usize = 4 * 1024 * 1024;
/// Files that both sides have changed and that are merged by lines.
const MAX_FILES: usize = 1_000;
/// Bytes at the beginning of a file by which it is told whether it is text, as git does.
const LOOK_FOR_NUL: usize = 8_000;

/// The three trees of a merge.
#[derive(Clone, Copy, Debug)]
pub struct Trees {
    /// Of the commit that both sides come from.
    pub base: ObjectId,
    /// Of the branch that is merged into.
    pub ours: ObjectId,
    /// Of the branch that is merged.
    pub theirs: ObjectId,
}

/// What becomes of two trees.
#[derive(Debug)]
pub struct Merged {
    trees: Trees,
    /// What of theirs takes the place of ours; `None` is removed.
    taken: Vec<(BString, Entry)>,
    /// What both have changed, and is merged by lines.
    pub files: Vec<MergedFile>,
    /// What cannot be merged, by path.
    pub refused: Vec<Refused>,
}

/// A path that cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As git has it, what is not UTF-8 replaced.
    pub path: String,
    pub why: Why,
}

/// Who has done something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Ours,
    Theirs,
}

/// Why a path cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// This side has deleted or renamed what the other one has changed.
    Gone(Side),
    /// It is a file on one side, and a folder on the other.
    FileAndFolder,
    /// Both have changed it, and it is a link, a submodule, or not the same kind of thing on both sides.
    Kind,
    /// Both have changed it, and it is not text.
    NotText,
    /// Both have changed it, and it is too large.
    Size,
    /// Both have changed it, and it stands for a file that is kept elsewhere.
    Pointer,
    /// Both have changed it, and its name is one that nobody can be shown.
    Name,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone(Side::Ours) => "deleted or renamed on the branch, and changed on its base",
            Self::Gone(Side::Theirs) => "changed on the branch, and deleted or renamed on its base",
            Self::FileAndFolder => "a file on one side, and a folder on the other",
            Self::Kind => "changed on both sides, and not a file like any other on both",
            Self::NotText => "changed on both sides, and not text",
            Self::Size => "changed on both sides, and too large to be merged by lines",
            Self::Pointer => "changed on both sides, and a pointer to a file that is kept elsewhere",
            Self::Name => "changed on both sides, and has a name that cannot be shown",
        })
    }
}

/// Why trees cannot be merged at all.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("an object of the merge cannot be read: {0}")]
    Unreadable(String),
    #[error("folders are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    #[error("more than {MAX_FILES} files were changed on both sides")]
    TooMany,
}

impl From<gix::Error> for MergeError {
    fn from(error: gix::Error) -> Self {
        Self::Unreadable(crate::causes::chain(&error))
    }
}

/// Merges the trees.
pub fn merge(repo: &gix::Repository, trees: Trees) -> Result<Merged, MergeError> {
    let root = |tree| Some((EntryKind::Tree, tree));
    let mut merged = Merged { trees, taken: Vec::new(), files: Vec::new(), refused: Vec::new() };
    let roots = [trees.base, trees.ours, trees.theirs].map(root);
    merged.merge_entry(repo, &BString::default(), roots, 0)?;
    Ok(merged)
}

impl Merged {
    fn merge_entry(
        &mut self,
        repo: &gix::Repository,
        path: &BString,
        [base, ours, theirs]: [Entry; 3],
        depth: usize,
    ) -> Result<(), MergeError> {
        if ours == theirs || base == theirs {
            return Ok(());
        }
        if base == ours && !path.is_empty() {
            self.taken.push((path.clone(), theirs));
            return Ok(());
        }
        let all = [base, ours, theirs];
        let is = |entry: &Entry, tree: bool| entry.is_some_and(|(kind, _)| (kind == EntryKind::Tree) == tree);
        if all.iter().any(|entry| is(entry, true)) {
            if all.iter().any(|entry| is(entry, false)) {
                self.refuse(path, Why::FileAndFolder);
                return Ok(());
            }
            return self.merge_folder(repo, path, all, depth);
        }
        self.merge_file(repo, path, all)
    }

    fn merge_folder(
        &mut self,
        repo: &gix::Repository,
        path: &BString,
        folders: [Entry; 3],
        depth: usize,
    ) -> Result<(), MergeError> {
        if depth == MAX_DEPTH {
            return Err(MergeError::TooDeep);
        }
        let [base, ours, theirs] =
            [entries(repo, folders[0])?, entries(repo, folders[1])?, entries(repo, folders[2])?];
        let names: BTreeSet<&BString> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
        for name in names {
            let of = |entries: &BTreeMap<BString, (EntryKind, ObjectId)>| entries.get(name).copied();
            self.merge_entry(repo, &joined(path, name), [of(&base), of(&ours), of(&theirs)], depth + 1)?;
        }
        Ok(())
    }

    /// Both sides have changed it, each in another way.
    fn merge_file(
        &mut self,
        repo: &gix::Repository,
        path: &BString,
        [base, ours, theirs]: [Entry; 3],
    ) -> Result<(), MergeError> {
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            let side = if ours.is_none() { Side::Ours } else { Side::Theirs };
            self.refuse(path, Why::Gone(side));
            return Ok(());
        };
        let is_file =
            |(kind, _): (EntryKind, ObjectId)| matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable);
        if ![Some(ours), Some(theirs), base].into_iter().flatten().all(is_file) {
            self.refuse(path, Why::Kind);
            return Ok(());
        }
        let Some(kind) = merged(base.map(|base| base.0), ours.0, theirs.0) else {
            self.refuse(path, Why::Kind);
            return Ok(());
        };
        // One side has changed the mode, and the other one the content.
        if let Some(content) = merged(base.map(|base| base.1), ours.1, theirs.1) {
            self.taken.push((path.clone(), Some((kind, content))));
            return Ok(());
        }
        let Ok(name) = RepoPath::from_git(path) else {
            self.refuse(path, Why::Name);
            return Ok(());
        };
        if self.files.len() == MAX_FILES {
            return Err(MergeError::TooMany);
        }
        let read = |id: ObjectId| -> Result<Result<Vec<u8>, Why>, MergeError> {
            if repo.find_header(id)?.size() > MAX_FILE as u64 {
                return Ok(Err(Why::Size));
            }
            let content = repo.find_blob(id)?.detach().data;
            Ok(if content.iter().take(LOOK_FOR_NUL).any(|byte| *byte == 0) {
                Err(Why::NotText)
            } else if is_lfs_pointer(&content) {
                Err(Why::Pointer)
            } else {
                Ok(content)
            })
        };
        let base = match base {
            Some((_, id)) => read(id)?,
            None => Ok(Vec::new()),
        };
        match (base, read(ours.1)?, read(theirs.1)?) {
            (Ok(base), Ok(ours), Ok(theirs)) => {
                let parts = text::merge(&base, &ours, &theirs);
                self.files.push(MergedFile { path: name, kind, parts, ours, theirs });
            }
            (Err(why), ..) | (_, Err(why), _) | (_, _, Err(why)) => self.refuse(path, why),
        }
        Ok(())
    }

    fn refuse(&mut self, path: &BString, why: Why) {
        self.refused.push(Refused { path: path.to_str_lossy().into_owned(), why });
    }

    /// Writes the merged tree, with the whole content of each of [`Self::files`], in their order. What is refused stays as it
    /// is on our side: whoever calls this has looked.
    pub fn write(&self, repo: &gix::Repository, contents: &[Vec<u8>]) -> Result<ObjectId, MergeError> {
        let mut tree = repo.edit_tree(self.trees.ours)?.detach();
        for (path, entry) in &self.taken {
            let names = path.split(|byte| *byte == b'/').map(ByteSliceName);
            match entry {
                Some((kind, id)) => tree.upsert(names, *kind, *id)?,
                None => tree.remove(names)?,
            };
        }
        for (file, content) in self.files.iter().zip(contents) {
            let blob = repo.write_blob(content)?.detach();
            tree.upsert(file.path.as_str().split('/'), file.kind, blob)?;
        }
        Ok(tree.write(|tree| repo.write_object(tree).map(gix::Id::detach))?)
    }
}

/// A name in a path, as the editor of trees wants it.
struct ByteSliceName<'a>(&'a [u8]);

impl AsRef<gix::bstr::BStr> for ByteSliceName<'_> {
    fn as_ref(&self) -> &gix::bstr::BStr {
        self.0.as_bstr()
    }
}

/// What one of two values becomes that at most one side has changed; `None` where both have.
fn merged<T: PartialEq + Copy>(base: Option<T>, ours: T, theirs: T) -> Option<T> {
    if ours == theirs || base.as_ref() == Some(&theirs) {
        return Some(ours);
    }
    (base.as_ref() == Some(&ours)).then_some(theirs)
}

/// What a folder holds; nothing where there is none.
pub(super) fn entries(
    repo: &gix::Repository,
    folder: Entry,
) -> gix::Result<BTreeMap<BString, (EntryKind, ObjectId)>> {
    let Some((_, id)) = folder else { return Ok(BTreeMap::new()) };
    let tree = repo.find_tree(id)?;
    tree.iter()
        .map(|entry| {
            let entry = entry?;
            Ok((entry.filename().to_owned(), (entry.mode().kind(), entry.object_id())))
        })
        .collect()
}

pub(super) fn joined(path: &BString, name: &BString) -> BString {
    if path.is_empty() {
        return name.clone();
    }
    [path.as_slice(), name.as_slice()].join(&b'/').into()
}

/// What one tree has in the place of what another one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: BString,
    pub before: Entry,
    pub after: Entry,
}

/// Files, links and submodules that differ between two trees, by path; at most so many, else `None`.
pub fn changes(
    repo: &gix::Repository,
    before: ObjectId,
    after: ObjectId,
    most: usize,
) -> Result<Option<Vec<Change>>, MergeError> {
    let root = |tree| Some((EntryKind::Tree, tree));
    let mut found = Vec::new();
    let mut open = vec![(BString::default(), root(before), root(after))];
    while let Some((path, before, after)) = open.pop() {
        if before == after {
            continue;
        }
        let is_folder = |entry: &Entry| entry.is_some_and(|(kind, _)| kind == EntryKind::Tree);
        let (leaf_before, leaf_after) =
            (before.filter(|_| !is_folder(&before)), after.filter(|_| !is_folder(&after)));
        if leaf_before != leaf_after {
            if found.len() == most {
                return Ok(None);
            }
            found.push(Change { path: path.clone(), before: leaf_before, after: leaf_after });
        }
        if !is_folder(&before) && !is_folder(&after) {
            continue;
        }
        let (old, new) = (
            entries(repo, before.filter(|_| is_folder(&before)))?,
            entries(repo, after.filter(|_| is_folder(&after)))?,
        );
        let names: BTreeSet<&BString> = old.keys().chain(new.keys()).collect();
        for name in names {
            open.push((joined(&path, name), old.get(name).copied(), new.get(name).copied()));
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Some(found))
}

impl Merged {
    pub fn trees(&self) -> Trees {
        self.trees
    }

    /// The files that are merged by lines.
    pub fn by_lines(&self) -> BTreeSet<BString> {
        self.files.iter().map(|file| BString::from(file.path.as_str())).collect()
    }
}
