//! *Landing* a merge on the branch: a tree, a commit with two parents, and the branch moved on to it, if it is still where
//! it was.
//!
//! The forge makes the tree of what the branch changes on top of the base's, so what the base has is not sent again, and its
//! commit is signed as any other of ours. The tree has to be the one that was proven. What does not fit into a call is pushed.

use std::collections::HashMap;

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::settle::Contents;
use crate::call::CallError;
use crate::forge::model::{TreeContent, TreeEntry};
use crate::git::workspace::Workspace;
use crate::merge::{self, Change, Trees};
use crate::outcome::{Failure, Reason};
use crate::record::status::Proposal;
use crate::run::commit::{self, Content, MAX_API_BYTES};
use crate::run::desk::Desk;
use crate::run::ended::Stop;
use crate::run::work::Claim;

/// Entries of a tree that are sent in a call.
const MAX_ENTRIES: usize = 1_000;

/// A merge that was proven.
pub(super) struct Merge<'a> {
    pub(super) tree: ObjectId,
    pub(super) trees: Trees,
    /// The commit that is merged.
    pub(super) other: ObjectId,
    pub(super) contents: &'a Contents,
}

/// Puts the merge onto the branch, and returns its commit.
pub(super) async fn land(
    desk: &Desk<'_>,
    workspace: &Workspace,
    claim: &Claim,
    merge: &Merge<'_>,
    proposal: &Proposal,
) -> Result<String, Stop> {
    let Merge { tree, trees, other, .. } = *merge;
    if let Some(changes) = differences(workspace, merge)?
        && let Some(entries) = entries(&changes, &texts(workspace, merge)?)
    {
        match desk.forge.create_tree(&trees.theirs.to_string(), &entries).await {
            Ok(made) if ObjectId::from_hex(made.as_bytes()).ok() == Some(tree) => {
                let message = commit::message(desk, claim, proposal);
                let parents = [claim.head.as_str(), &other.to_string()];
                let commit = desk.forge.create_loose_commit(message.as_str(), &made, &parents).await?;
                return commit::advance(desk, claim, commit.id).await;
            }
            Ok(made) => {
                tracing::warn!(made, expected = %tree, "the forge makes another tree; the merge is pushed");
            }
            Err(error @ CallError::Invalid { .. }) => {
                tracing::warn!(%error, "the forge does not make the tree; the merge is pushed");
            }
            Err(error) => return Err(error.into()),
        }
    }
    commit::push(desk, workspace, claim, Content::Merge { tree, other }, proposal).await
}

fn unreadable(error: &merge::MergeError) -> Failure {
    Failure::new(Reason::Storage, format!("The merge failed: {error}"), "")
}

/// What the merged tree has in the place of what the base has; `None` if that is too much for a call.
fn differences(workspace: &Workspace, merge: &Merge<'_>) -> Result<Option<Vec<Change>>, Failure> {
    let changes = merge::changes(&workspace.repo(), merge.trees.theirs, merge.tree, MAX_ENTRIES);
    changes.map_err(|error| unreadable(&error))
}

/// The texts that were merged by lines, by their ids: the forge need not have them.
fn texts(workspace: &Workspace, merge: &Merge<'_>) -> Result<HashMap<ObjectId, Vec<u8>>, Failure> {
    let repo = workspace.repo();
    let id = |content: &Vec<u8>| {
        gix::objs::compute_hash(repo.object_hash(), gix::objs::Kind::Blob, content)
            .map_err(|error| Failure::new(Reason::Storage, format!("The merge failed: {error}"), ""))
    };
    merge.contents.files.iter().map(|content| Ok((id(content)?, content.clone()))).collect()
}

/// The same as the forge wants it; `None` if it cannot be put so.
fn entries<'c>(changes: &'c [Change], texts: &'c HashMap<ObjectId, Vec<u8>>) -> Option<Vec<TreeEntry<'c>>> {
    let mut room = MAX_API_BYTES;
    let mut entries = Vec::new();
    for Change { path, before, after } in changes {
        let (kind, content) = match (after, before) {
            (Some((kind, id)), _) => match texts.get(id) {
                Some(text) => {
                    room = room.checked_sub(text.len())?;
                    (*kind, TreeContent::Text(std::str::from_utf8(text).ok()?))
                }
                None => (*kind, TreeContent::Object(id.to_string())),
            },
            (None, Some((kind, _))) => (*kind, TreeContent::Absent),
            (None, None) => continue,
        };
        entries.push(TreeEntry { path: std::str::from_utf8(path).ok()?, mode: mode(kind), content });
    }
    (!entries.is_empty()).then_some(entries)
}

fn mode(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Tree => "040000",
        EntryKind::Blob => "100644",
        EntryKind::BlobExecutable => "100755",
        EntryKind::Link => "120000",
        EntryKind::Commit => "160000",
    }
}
