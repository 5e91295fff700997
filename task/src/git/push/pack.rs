//! The pack of a push: the commit, and the objects of its tree that are in no tree of its parents.

use std::collections::HashSet;

use gix::ObjectId;
use gix::objs::{Data, FindExt as _};
use gix::zlib::Compression;
use gix_pack::data::Version;
use gix_pack::data::output::{Count, Entry, bytes::FromEntriesIter};

/// A version 2 pack in which every object is whole.
pub(super) struct Pack {
    pub(super) bytes: Vec<u8>,
    pub(super) objects: u32,
}

pub(super) enum PackError {
    TooLarge,
    Unreadable(gix::Error),
}

impl From<gix::Error> for PackError {
    fn from(error: gix::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Packs what `commit` adds to its parents, as long as that is at most `limit` bytes, inflated.
pub(super) fn of_commit(repo: &gix::Repository, commit: ObjectId, limit: u64) -> Result<Pack, PackError> {
    let found = repo.find_commit(commit)?;
    let mut known = HashSet::new();
    for parent in found.parent_ids() {
        let tree = repo.find_commit(parent.detach())?.tree_id()?.detach();
        reach(repo, tree, &mut known)?;
    }
    let added = reach(repo, found.tree_id()?.detach(), &mut known)?;

    let mut entries = Vec::with_capacity(added.len() + 1);
    let mut left = limit;
    for id in std::iter::once(commit).chain(added) {
        let mut buffer = Vec::new();
        let object = repo.objects.find(&id, &mut buffer).map_err(gix::Error::from_error)?;
        left = left.checked_sub(object.data.len() as u64).ok_or(PackError::TooLarge)?;
        entries.push(entry(id, &object)?);
    }
    Ok(write(entries)?)
}

/// Adds the tree and everything below it to `known`, and returns what was new, trees before what they hold.
///
/// An object is looked at once however many paths lead to it, so the work is bounded by what the repository stores.
/// Submodules are names of commits elsewhere, and are passed over.
fn reach(
    repo: &gix::Repository,
    tree: ObjectId,
    known: &mut HashSet<ObjectId>,
) -> gix::Result<Vec<ObjectId>> {
    let mut added = Vec::new();
    if !known.insert(tree) {
        return Ok(added);
    }
    added.push(tree);
    let mut open = vec![tree];
    let mut buffer = Vec::new();
    while let Some(tree) = open.pop() {
        for entry in repo.objects.find_tree_iter(&tree, &mut buffer).map_err(gix::Error::from_error)? {
            let entry = entry?;
            let id = entry.oid.to_owned();
            if entry.mode.is_commit() || !known.insert(id) {
                continue;
            }
            added.push(id);
            if entry.mode.is_tree() {
                open.push(id);
            }
        }
    }
    Ok(added)
}

fn entry(id: ObjectId, object: &Data<'_>) -> gix::Result<Entry> {
    Entry::from_data(&Count::from_data(id, None), object, Compression::DEFAULT)
}

fn write(entries: Vec<Entry>) -> gix::Result<Pack> {
    let objects = u32::try_from(entries.len()).map_err(gix::Error::from_error)?;
    let chunks = std::iter::once(Ok(entries));
    let mut writer = FromEntriesIter::new(chunks, Vec::new(), objects, Version::V2, gix::hash::Kind::Sha1);
    for written in writer.by_ref() {
        written?;
    }
    Ok(Pack { bytes: writer.into_write(), objects })
}
