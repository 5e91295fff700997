//! A *workspace* is a git repository as a run sees it: objects and references, and never a work tree.
//!
//! Files are read from the object database at one commit, the *base*. A change is written as blobs, trees and a
//! commit, and becomes visible when one branch of our own namespace is moved with compare-and-swap. Nothing of the
//! repository is executed: no hook, no filter, no credential helper, and of configuration only the repository's own.

use std::path::Path;

use anyhow::Context as _;
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryKind;
use gix::refs::transaction::{PreviousValue, RefEdit};

use super::format;
pub use super::format::Unsupported;
use crate::check::CheckedPatch;
use crate::context::read_set::FileMode;
use crate::patch::ChangeKind;
use crate::path::RepoPath;

/// The largest object that is inflated, in bytes; larger ones are an error, so that a small pack cannot fill memory.
const ALLOCATION_LIMIT: u64 = 64 * 1024 * 1024;

/// A repository opened at its base commit.
pub struct Workspace {
    repo: gix::ThreadSafeRepository,
    base: Base,
}

/// Where a run starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub commit: ObjectId,
    pub tree: ObjectId,
    /// The branch that the commit was found on; `None` where `HEAD` is detached.
    pub branch: Option<String>,
}

/// Why a folder cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path} is not a folder; give --repo a path inside a git repository")]
    NotAFolder { path: String },
    #[error("{path} is not a git repository ({reason}); give --repo a path inside a git repository")]
    NotARepository { path: String, reason: String },
    #[error("{path} is a git repository, but {format}")]
    Unsupported { path: String, format: Unsupported },
    #[error("{path} is a git repository without a commit; commit something first")]
    Empty { path: String },
    #[error("{name:?} names no commit of the repository; `git branch --all` and `git tag` list what does")]
    NoSuchBase { name: String },
    #[error(
        "the base commit {commit} cannot be read: {reason}; fetch the missing objects (`git fetch --refetch`)"
    )]
    Unreadable { commit: String, reason: String },
}

/// Why the branch was not set.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(
        "the branch {branch} is at {found} with commits that ai-agent did not make; \
         rename it (`git branch -m {branch} {branch}-kept`) or delete it, then try again"
    )]
    HeldByOthers { branch: String, found: ObjectId },
    #[error(
        "the branch {other} is in the way of {branch}, because git keeps no branch inside another one; \
         rename it (`git branch -m {other} {}`) or delete it, then try again", other.replace('/', "-") + "-kept"
    )]
    InTheWay { branch: String, other: String },
    #[error(
        "the branch {branch} is locked by {lock}; wait for the git process that made this file, or delete it if \
         none is running, then try again"
    )]
    Locked { branch: String, lock: String },
    #[error("the branch {branch} is checked out in {place}; switch to another branch there, then try again")]
    CheckedOut { branch: String, place: String },
    #[error("the branch {branch} was moved by someone else while the commit was written; try again")]
    Raced { branch: String },
    #[error("the change could not be written: {}", cause(.0))]
    Write(anyhow::Error),
}

/// What a commit says.
pub struct CommitText<'a> {
    pub subject: &'a str,
    pub body: &'a str,
    /// `Key: value` lines that end the message.
    pub trailers: &'a [(&'a str, String)],
}

/// Who commits, and when.
#[derive(Clone, Debug)]
pub struct Identity {
    pub name: String,
    pub email: String,
    /// Seconds since the Unix epoch; UTC is recorded as the zone.
    pub seconds: i64,
}

/// Marks a commit as made by us, so that a later attempt may replace it.
pub(crate) const TASK_TRAILER: &str = "Agent-Task";

/// The values of a trailer in the message of a commit, the last one first.
pub fn trailers<'m>(message: &'m str, name: &str) -> impl Iterator<Item = &'m str> {
    message.lines().rev().filter_map(move |line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.trim()))
}

impl Workspace {
    /// Opens the repository that `path` is in, at `base`: a branch, tag or commit, else what `HEAD` points to.
    pub fn open(path: &Path, base: Option<&str>) -> Result<Self, OpenError> {
        let shown = path.display().to_string();
        if !path.is_dir() {
            return Err(OpenError::NotAFolder { path: shown });
        }
        let refuse = |reason: String| OpenError::NotARepository { path: shown.clone(), reason };
        let (found, _trust) = gix::discover::upwards(path).map_err(|error| refuse(one_line(&error)))?;
        let (git_dir, _work_tree) = found.into_repository_and_work_tree_directories();
        if let Some(format) = format::unsupported(&git_dir) {
            return Err(OpenError::Unsupported { path: shown, format });
        }
        let repo = gix::open::Options::isolated()
            .open_path_as_is(true)
            .config_overrides([format!("gitoxide.objects.allocLimit={ALLOCATION_LIMIT}")])
            .open(git_dir)
            .map_err(|error| refuse(one_line(&error)))?;
        let local = repo.to_thread_local();
        let base = match base {
            None => head(&local, &shown)?,
            Some(name) => named(&local, name)?,
        };
        Ok(Self { repo, base })
    }

    /// Opens what a clone has just made, at the commit that was fetched.
    pub(crate) fn of_clone(
        repo: gix::ThreadSafeRepository,
        commit: ObjectId,
        branch: &str,
    ) -> Result<Self, OpenError> {
        let base = at_commit(&repo.to_thread_local(), commit, Some(branch.to_owned()))?;
        Ok(Self { repo, base })
    }

    pub fn base(&self) -> &Base {
        &self.base
    }

    /// A handle for the calling thread.
    pub fn repo(&self) -> gix::Repository {
        self.repo.to_thread_local()
    }

    /// A handle from which each thread makes its own.
    pub fn shared(&self) -> &gix::ThreadSafeRepository {
        &self.repo
    }

    /// Writes the patch as blobs, trees and one commit on top of the base. No reference moves.
    pub fn write_commit(
        &self,
        patch: &CheckedPatch,
        text: &CommitText<'_>,
        identity: &Identity,
    ) -> Result<ObjectId, PublishError> {
        self.try_write_commit(patch, text, identity).map_err(PublishError::Write)
    }

    fn try_write_commit(
        &self,
        patch: &CheckedPatch,
        text: &CommitText<'_>,
        identity: &Identity,
    ) -> anyhow::Result<ObjectId> {
        let repo = self.repo();
        // The plumbing's editor, because the other one wants every neighbor of a changed file to be there: in a partial
        // clone some are not.
        let mut tree = repo.edit_tree(self.base.tree).context("reading the base tree")?.detach();
        for change in patch.changes() {
            let name = change.path().as_str();
            if let ChangeKind::Rename { from } = change.kind() {
                tree.remove_leaf(from.as_str().split('/')).with_context(|| format!("removing {from}"))?;
            }
            match change.after() {
                None => tree.remove_leaf(name.split('/')).with_context(|| format!("removing {name}"))?,
                Some(content) => {
                    let blob = repo.write_blob(content).with_context(|| format!("writing {name}"))?;
                    let kind = match change.mode() {
                        FileMode::Regular => EntryKind::Blob,
                        FileMode::Executable => EntryKind::BlobExecutable,
                    };
                    tree.upsert(name.split('/'), kind, blob.detach())
                        .with_context(|| format!("placing {name}"))?
                }
            };
        }
        let tree =
            tree.write(|tree| repo.write_object(tree).map(gix::Id::detach)).context("writing the tree")?;
        anyhow::ensure!(tree != self.base.tree, "the change leaves every file as it was");
        commit_of(&repo, tree, &[self.base.commit], text, identity)
    }

    /// Writes a commit of a tree that is there, on top of the base and then of another commit. No reference moves.
    pub(crate) fn write_merge(
        &self,
        tree: ObjectId,
        other: ObjectId,
        text: &CommitText<'_>,
        identity: &Identity,
    ) -> Result<ObjectId, PublishError> {
        commit_of(&self.repo(), tree, &[self.base.commit, other], text, identity).map_err(PublishError::Write)
    }

    /// Whether a file at the base is another one than at `commit`; so it is, too, where that cannot be told.
    pub(crate) fn differs_from(&self, commit: ObjectId, path: &RepoPath) -> bool {
        let repo = self.repo();
        let entry = |tree: gix::Tree<'_>| {
            let entry = tree.lookup_entry_by_path(path.as_str()).ok()?;
            Some(entry.map(|entry| (entry.object_id(), entry.mode())))
        };
        let then = repo.find_commit(commit).and_then(|commit| commit.tree()).ok().and_then(entry);
        let now = repo.find_tree(self.base.tree).ok().and_then(entry);
        then.is_none() || then != now
    }

    /// Points `branch` to `commit`. A branch that exists must hold nothing but an earlier attempt of ours on `task`;
    /// what it pointed to is returned.
    pub fn publish(
        &self,
        branch: &str,
        commit: ObjectId,
        task: &str,
        identity: &Identity,
    ) -> Result<Option<ObjectId>, PublishError> {
        let previous = self.replaceable(branch, task)?;
        let repo = self.repo();
        let full = full_name(branch);
        let expected = match previous {
            None => PreviousValue::MustNotExist,
            Some(found) => PreviousValue::MustExistAndMatch(found.into()),
        };
        let name = gix::refs::FullName::try_from(full.as_str())
            .map_err(|error| PublishError::Write(anyhow::Error::new(error)))?;
        let edit = RefEdit::update(name, commit, expected, "ai-agent: set branch");
        let mut buffer = gix::date::parse::TimeBuf::default();
        let who = gix::actor::Signature {
            name: BString::from(identity.name.as_str()),
            email: BString::from(identity.email.as_str()),
            time: gix::date::Time::new(identity.seconds, 0),
        };
        match repo.edit_references_as([edit], Some(who.to_ref(&mut buffer))) {
            Ok(_) => Ok(previous),
            Err(error) => {
                let now = repo
                    .try_find_reference(full.as_str())
                    .ok()
                    .flatten()
                    .and_then(|mut reference| reference.peel_to_id().ok().map(gix::Id::detach));
                if now == previous {
                    Err(PublishError::Write(anyhow::Error::new(error).context("moving the branch")))
                } else {
                    Err(PublishError::Raced { branch: branch.to_owned() })
                }
            }
        }
    }

    /// What `branch` points to, if [`Self::publish`] may replace it; `None` where there is no such branch.
    pub(crate) fn replaceable(&self, branch: &str, task: &str) -> Result<Option<ObjectId>, PublishError> {
        let repo = self.repo();
        let full = full_name(branch);
        Self::refuse_if_checked_out(&repo, branch, &full)?;
        Self::refuse_if_in_the_way(&repo, branch)?;
        // The second one is left behind by `git pack-refs`.
        for lock in [format!("{full}.lock"), "packed-refs.lock".to_owned()] {
            let lock = repo.common_dir().join(lock);
            if lock.exists() {
                return Err(PublishError::Locked {
                    branch: branch.to_owned(),
                    lock: lock.display().to_string(),
                });
            }
        }
        let unreadable = |error: anyhow::Error| PublishError::Write(error.context("looking the branch up"));
        let Some(mut reference) =
            repo.try_find_reference(full.as_str()).map_err(|error| unreadable(error.into()))?
        else {
            return Ok(None);
        };
        let found = reference.peel_to_id().map_err(|error| unreadable(error.into()))?.detach();
        if !Self::is_own_attempt(&repo, found, task) {
            return Err(PublishError::HeldByOthers { branch: branch.to_owned(), found });
        }
        Ok(Some(found))
    }

    /// A branch is a file in a folder that is named like the beginning of its name.
    fn refuse_if_in_the_way(repo: &gix::Repository, branch: &str) -> Result<(), PublishError> {
        let unreadable = |error: gix::Error| PublishError::Write(anyhow::Error::new(error));
        let in_the_way =
            |other: &str| Err(PublishError::InTheWay { branch: branch.to_owned(), other: other.to_owned() });
        for (at, _) in branch.match_indices('/') {
            let other = &branch[..at];
            if repo.try_find_reference(full_name(other).as_str()).map_err(unreadable)?.is_some() {
                return in_the_way(other);
            }
        }
        let references = repo.references().map_err(unreadable)?;
        let inside = format!("{}/", full_name(branch));
        match references.prefixed(inside.as_str()).map_err(unreadable)?.next() {
            Some(Ok(other)) => in_the_way(&other.name().shorten().to_string()),
            _ => Ok(()),
        }
    }

    /// An attempt of ours is one commit with the task's trailer, as it was made: whoever amends, rebases or picks it
    /// becomes its committer.
    fn is_own_attempt(repo: &gix::Repository, tip: ObjectId, task: &str) -> bool {
        let Ok(commit) = repo.find_commit(tip) else { return false };
        let Ok((author, committer)) = commit.author().and_then(|author| Ok((author, commit.committer()?)))
        else {
            return false;
        };
        let wanted = format!("{TASK_TRAILER}: {task}");
        commit.parent_ids().count() == 1
            && author == committer
            && commit
                .message_raw()
                .is_ok_and(|message| message.lines().any(|line| line.trim() == wanted.as_bytes()))
    }

    fn refuse_if_checked_out(repo: &gix::Repository, branch: &str, full: &str) -> Result<(), PublishError> {
        let unreadable = |error: gix::Error| PublishError::Write(anyhow::Error::new(error));
        for place in repo.worktrees_including_main().map_err(unreadable)? {
            let place = place.map_err(unreadable)?;
            let head = place.head_name().map_err(unreadable)?;
            if head.is_some_and(|name| name.as_bstr() == full.as_bytes()) {
                let folder = place.workdir().unwrap_or_else(|| place.git_dir());
                return Err(PublishError::CheckedOut {
                    branch: branch.to_owned(),
                    place: folder.display().to_string(),
                });
            }
        }
        Ok(())
    }
}

/// Writes a commit of ours.
fn commit_of(
    repo: &gix::Repository,
    tree: ObjectId,
    parents: &[ObjectId],
    text: &CommitText<'_>,
    identity: &Identity,
) -> anyhow::Result<ObjectId> {
    let who = gix::actor::Signature {
        name: BString::from(identity.name.as_str()),
        email: BString::from(identity.email.as_str()),
        time: gix::date::Time::new(identity.seconds, 0),
    };
    let mut buffer = gix::date::parse::TimeBuf::default();
    let signature = who.to_ref(&mut buffer);
    let commit = repo
        .new_commit_as(signature, signature, message(text), tree, parents.iter().copied())
        .context("writing the commit")?;
    Ok(commit.id)
}

/// The step that failed, and why: in the system's words, where it was the system.
fn cause(error: &anyhow::Error) -> String {
    let system = error.chain().find_map(|cause| match cause.downcast_ref::<gix::Error>() {
        Some(graph) => graph.downcast_any_ref::<std::io::Error>(),
        None => cause.downcast_ref(),
    });
    match system.map(|system| (system.raw_os_error(), system.kind())) {
        Some((Some(code), _)) => format!("{error}: {}", std::io::Error::from_raw_os_error(code)),
        Some((None, kind)) if kind != std::io::ErrorKind::Other => format!("{error}: {kind}"),
        _ => format!("{error:#}"),
    }
}

fn full_name(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

fn message(text: &CommitText<'_>) -> String {
    let mut message = text.subject.trim().to_owned();
    if !text.body.trim().is_empty() {
        message = format!("{message}\n\n{}", text.body.trim());
    }
    let trailers: Vec<String> = text.trailers.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{message}\n\n{}\n", trailers.join("\n"))
}

fn head(repo: &gix::Repository, shown: &str) -> Result<Base, OpenError> {
    let empty = || OpenError::Empty { path: shown.to_owned() };
    let mut head = repo.head().map_err(|_| empty())?;
    let branch = head.referent_name().map(|name| name.shorten().to_string());
    let commit = head.peel_to_commit().map_err(|_| empty())?.id;
    at_commit(repo, commit, branch)
}

fn named(repo: &gix::Repository, name: &str) -> Result<Base, OpenError> {
    let absent = || OpenError::NoSuchBase { name: name.to_owned() };
    for (full, is_branch) in [
        (format!("refs/heads/{name}"), true),
        (format!("refs/remotes/{name}"), true),
        (name.to_owned(), false),
    ] {
        if let Ok(id) = repo.rev_parse_single(full.as_bytes().as_bstr()) {
            let commit = id.object().and_then(gix::Object::peel_tags_to_end).map_err(|_| absent())?;
            let commit = commit.try_into_commit().map_err(|_| absent())?.id;
            return at_commit(repo, commit, is_branch.then(|| name.to_owned()));
        }
    }
    Err(absent())
}

fn at_commit(repo: &gix::Repository, commit: ObjectId, branch: Option<String>) -> Result<Base, OpenError> {
    let unreadable =
        |error: gix::Error| OpenError::Unreadable { commit: commit.to_string(), reason: one_line(&error) };
    let tree = repo
        .find_commit(commit)
        .and_then(|commit| commit.tree_id().map(gix::Id::detach))
        .map_err(unreadable)?;
    repo.find_tree(tree).map_err(unreadable)?;
    Ok(Base { commit, tree, branch })
}

fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_is_read_by_its_whole_name() {
        let message =
            "Add x\n\nAgent-Task-Of: 1\nAgent-Task: 2\nAgent-Task:3\nAgent-Task: 4 \n\nSaid later.\n";
        assert_eq!(trailers(message, TASK_TRAILER).collect::<Vec<_>>(), ["4", "2"]);
        assert_eq!(trailers("Agent-Task", TASK_TRAILER).next(), None);
    }
}
