//! The *fix* of a case: what a person changed, from the commit before to the one that resolved the issue.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryKind;
use serde::{Deserialize, Serialize};
use similar::DiffOp;

use super::cases::Case;
use crate::line_diff::line_diff;
use crate::path::RepoPath;

/// Files that a fix may change; the same as a patch of ours.
const MAX_FILES: usize = crate::patch::MAX_FILES;
/// Bytes of a file whose lines are compared.
const MAX_BYTES: usize = 1024 * 1024;

/// See the module's documentation.
pub(super) struct Fix {
    pub(super) base: ObjectId,
    pub(super) commit: ObjectId,
    /// Of the commit, in seconds.
    pub(super) time: i64,
    pub(super) files: Vec<Changed>,
}

/// One file of it.
pub(super) struct Changed {
    pub(super) path: RepoPath,
    pub(super) how: How,
    pub(super) size: Size,
    /// The lines of the old file that are changed, from 1, both ends included; an insertion is the lines around it.
    pub(super) lines: Vec<(usize, usize)>,
    /// The file after it; `None` where it is deleted.
    pub(super) after: Option<ObjectId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    Modified,
    New,
    Deleted,
}

/// How large a change is, in lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    pub added: usize,
    pub removed: usize,
}

impl Size {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { added: self.added + other.added, removed: self.removed + other.removed }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{} −{}", self.added, self.removed)
    }
}

impl Fix {
    /// The fix of a case, or why it cannot be compared with.
    pub(super) fn of(repo: &gix::Repository, case: &Case) -> Result<Self, String> {
        let commit = commit(repo, &case.commit)?;
        let found = repo.find_commit(commit).map_err(|error| error.to_string())?;
        let time = found.time().map_or(0, |time| time.seconds);
        let base = match &case.base {
            Some(base) => self::commit(repo, base)?,
            None => found.parent_ids().next().map(gix::Id::detach).ok_or_else(|| {
                format!("{} is the first commit: nothing was there before it", short(commit))
            })?,
        };
        let Ok(before) = repo.find_commit(base) else {
            return Err(if repo.is_shallow().unwrap_or_default() {
                format!(
                    "the repository is a shallow clone that ends at {}: run `git fetch --unshallow`",
                    short(commit)
                )
            } else {
                format!("the commit {} before it is missing: run `git fetch`", short(base))
            });
        };
        let tree = |commit: &gix::Commit<'_>| {
            commit.tree_id().map(gix::Id::detach).map_err(|error| error.to_string())
        };
        let mut entries = Vec::new();
        differ(repo, Some(tree(&before)?), Some(tree(&found)?), "", &mut entries)?;
        let (mut files, mut unusable) = (Vec::new(), 0_usize);
        for Entry { path, before, after } in &entries {
            match RepoPath::from_git(path) {
                Ok(path) => files.push(changed(repo, path, *before, *after)),
                Err(_) => unusable += 1,
            }
        }
        match files.len() {
            0 if unusable > 0 => Err("it changes only files whose names cannot be used".to_owned()),
            0 => Err("it changes no file".to_owned()),
            1..=MAX_FILES => Ok(Self { base, commit, time, files }),
            many => Err(format!("it changes {many} files, more than the {MAX_FILES} that a change may have")),
        }
    }

    /// All of it.
    pub(super) fn size(&self) -> Size {
        self.files.iter().fold(Size::default(), |sum, file| sum.plus(file.size))
    }
}

pub(super) fn short(id: ObjectId) -> String {
    id.to_string().chars().take(10).collect()
}

fn commit(repo: &gix::Repository, name: &str) -> Result<ObjectId, String> {
    let shown: String = name.chars().take(40).collect();
    let missing =
        || format!("the repository has no commit {shown}: run `git fetch`, or give --repo another clone");
    let id = repo.rev_parse_single(name.as_bytes().as_bstr()).map_err(|_| missing())?;
    let object = id.object().and_then(gix::Object::peel_tags_to_end).map_err(|_| missing())?;
    Ok(object.try_into_commit().map_err(|_| format!("{shown} is not a commit"))?.id)
}

/// A file that differs between two trees.
struct Entry {
    path: BString,
    before: Option<ObjectId>,
    after: Option<ObjectId>,
}

type Listing = BTreeMap<BString, (EntryKind, ObjectId)>;

fn listing(repo: &gix::Repository, tree: Option<ObjectId>) -> Result<Listing, String> {
    let Some(tree) = tree else { return Ok(Listing::new()) };
    let tree = repo.find_tree(tree).map_err(|error| format!("a folder cannot be read: {error}"))?;
    let entries = tree.iter().map(|entry| {
        let entry = entry.map_err(|error| format!("a folder cannot be read: {error}"))?;
        Ok((entry.filename().to_owned(), (entry.kind(), entry.object_id())))
    });
    entries.collect()
}

/// Collects the files that differ; equal folders are not looked into.
fn differ(
    repo: &gix::Repository,
    before: Option<ObjectId>,
    after: Option<ObjectId>,
    prefix: &str,
    found: &mut Vec<Entry>,
) -> Result<(), String> {
    let (old, new) = (listing(repo, before)?, listing(repo, after)?);
    let names: std::collections::BTreeSet<&BString> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (old, new) = (old.get(name), new.get(name));
        if old == new {
            continue;
        }
        let mut path = BString::from(prefix);
        path.extend_from_slice(name);
        let folder = |entry: Option<&(EntryKind, ObjectId)>| {
            entry.filter(|(kind, _)| *kind == EntryKind::Tree).map(|(_, id)| *id)
        };
        let file = |entry: Option<&(EntryKind, ObjectId)>| {
            entry.filter(|(kind, _)| *kind != EntryKind::Tree).map(|(_, id)| *id)
        };
        if folder(old).is_some() || folder(new).is_some() {
            // A name that is not UTF-8 stays what it is well enough to be counted.
            differ(repo, folder(old), folder(new), &format!("{}/", path.to_str_lossy()), found)?;
        }
        if file(old).is_some() || file(new).is_some() {
            found.push(Entry { path, before: file(old), after: file(new) });
        }
    }
    Ok(())
}

fn changed(
    repo: &gix::Repository,
    path: RepoPath,
    before: Option<ObjectId>,
    after: Option<ObjectId>,
) -> Changed {
    let how = match (before, after) {
        (None, _) => How::New,
        (_, None) => How::Deleted,
        _ => How::Modified,
    };
    let text = |id: Option<ObjectId>| {
        let Some(id) = id else { return Some(String::new()) };
        let header = repo.find_header(id).ok()?;
        let is_small = header.size() <= MAX_BYTES as u64;
        let blob = is_small.then(|| repo.find_blob(id).ok()).flatten()?.take_data();
        String::from_utf8(blob).ok().filter(|text| !text.contains('\0'))
    };
    let (size, lines) = match (text(before), text(after)) {
        (Some(before), Some(after)) => compare(&before, &after),
        _ => (Size::default(), Vec::new()),
    };
    Changed { path, how, size, lines, after }
}

/// How much differs, and where in the old text.
pub(super) fn compare(before: &str, after: &str) -> (Size, Vec<(usize, usize)>) {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let (mut size, mut places) = (Size::default(), Vec::new());
    for op in line_diff(&old, &new) {
        let (at, removed, added) = match op {
            DiffOp::Equal { .. } => continue,
            DiffOp::Delete { old_index, old_len, .. } => (old_index, old_len, 0),
            DiffOp::Insert { old_index, new_len, .. } => (old_index, 0, new_len),
            DiffOp::Replace { old_index, old_len, new_len, .. } => (old_index, old_len, new_len),
        };
        size = size.plus(Size { added, removed });
        let place =
            if removed > 0 { (at + 1, at + removed) } else { (at.max(1), (at + 1).min(old.len().max(1))) };
        places.push(place);
    }
    (size, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_measured_in_lines_and_places() {
        for (before, after, added, removed, places) in [
            ("a\nb\nc\n", "a\nB\nc\n", 1, 1, &[(2, 2)][..]),
            ("a\nb\n", "a\nx\ny\nb\n", 2, 0, &[(1, 2)]),
            ("a\nb\n", "a\nb\nc\n", 1, 0, &[(2, 2)]),
            ("a\n", "x\na\n", 1, 0, &[(1, 1)]),
            ("a\nb\nc\nd\n", "a\nd\n", 0, 2, &[(2, 3)]),
            ("", "a\n", 1, 0, &[(1, 1)]),
            ("a\n", "a\n", 0, 0, &[]),
        ] {
            assert_eq!(
                compare(before, after),
                (Size { added, removed }, places.to_vec()),
                "{before:?} {after:?}"
            );
        }
    }
}
