//! The *proof* of a merge: the merged tree is held against the three that it was made of, whoever made it.
//!
//! What neither side has changed is as it was; what one side has changed is as that side has it; what both have changed
//! alike is as both have it. Only paths that both have changed, each in another way, and that were merged by lines may be
//! anything else.

use std::collections::{BTreeMap, BTreeSet};

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryKind;

use super::Entry;
use super::trees::{MergeError, Trees, entries, joined};

/// Why a merged tree is not one of its three.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// A path is neither what the rule says nor one that was merged by lines.
    #[error("the merged tree has something at `{0}` that neither side has put there")]
    Differs(String),
    #[error(transparent)]
    Unreadable(#[from] MergeError),
}

/// Holds a merged tree against its three. `by_lines` are the files that were merged by lines.
pub fn prove(
    repo: &gix::Repository,
    trees: Trees,
    merged: ObjectId,
    by_lines: &BTreeSet<BString>,
) -> Result<(), Unproven> {
    let root = |tree| Some((EntryKind::Tree, tree));
    let mut open = vec![(BString::default(), [trees.base, trees.ours, trees.theirs, merged].map(root))];
    while let Some((path, all)) = open.pop() {
        let [base, ours, theirs, found] = all;
        if expected(base, ours, theirs) == Some(found) {
            continue;
        }
        if all.into_iter().flatten().all(|(kind, _)| kind == EntryKind::Tree) {
            let folders = [
                entries(repo, base).map_err(MergeError::from)?,
                entries(repo, ours).map_err(MergeError::from)?,
                entries(repo, theirs).map_err(MergeError::from)?,
                entries(repo, found).map_err(MergeError::from)?,
            ];
            let names: BTreeSet<&BString> = folders.iter().flat_map(BTreeMap::keys).collect();
            for name in names {
                let of = folders.each_ref().map(|folder| folder.get(name).copied());
                open.push((joined(&path, name), of));
            }
        } else if !is_merged(base, ours, theirs, found, by_lines.contains(&path)) {
            return Err(Unproven::Differs(path.to_str_lossy().into_owned()));
        }
    }
    Ok(())
}

/// What a path has to have; `None` where both sides have changed it, each in another way.
#[expect(clippy::option_option, reason = "to have nothing there is an answer")]
fn expected<T: PartialEq + Copy>(base: Option<T>, ours: Option<T>, theirs: Option<T>) -> Option<Option<T>> {
    if ours == theirs || base == theirs {
        return Some(ours);
    }
    (base == ours).then_some(theirs)
}

/// Whether what both sides have changed became a file whose mode and content both follow from the sides, but for a content that
/// was merged by lines.
fn is_merged(base: Entry, ours: Entry, theirs: Entry, found: Entry, is_by_lines: bool) -> bool {
    let (Some(_), Some(_), Some((kind, content))) = (ours, theirs, found) else { return false };
    let kinds = [base, ours, theirs].map(|entry| entry.map(|(kind, _)| kind));
    let contents = [base, ours, theirs].map(|entry| entry.map(|(_, content)| content));
    let is_file = |kind: EntryKind| matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable);
    let [base_kind, our_kind, their_kind] = kinds;
    let [base_content, our_content, their_content] = contents;
    is_file(kind)
        && kinds.into_iter().flatten().all(is_file)
        && expected(base_kind, our_kind, their_kind) == Some(Some(kind))
        && (is_by_lines || expected(base_content, our_content, their_content) == Some(Some(content)))
}
