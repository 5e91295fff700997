//! The *claim*: of all runs for an issue, one works. Making the branch is what decides, because it can be done once.

use std::time::Duration;

use jiff::Timestamp;
use shared::state::Event;
use shared::task::Mode;

use super::Stop;
use super::approval::Approved;
use super::desk::{Desk, Proposal, find_status};
use super::holder::{self, Claimant};
use crate::github::CallError;
use crate::outcome::{Failure, Reason};
use crate::workspace::TASK_TRAILER;

/// Pauses before the looks for the comment of a run that made the branch a moment before us. Its next call posts the
/// comment, and GitHub ends a call after ten seconds.
const HOLDER_LOOKS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(5),
];

/// Tries to make the branch when the answers are lost.
const CREATE_TRIES: u32 = 3;

/// The right of this task to the branch.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// The commit that the branch points to.
    pub(super) head: String,
    /// The status comment.
    pub(super) status: u64,
    pub(super) since: Timestamp,
    /// What an earlier run of this task already published the commit of.
    pub(super) proposal: Option<Proposal>,
}

pub(super) enum Claimed {
    Ours(Box<Claim>),
    /// Why there is nothing to do.
    Held(&'static str),
}

/// What the branch is to this task.
enum Branch {
    Absent,
    /// At a commit that a run may build on.
    Free(String),
    /// At the commit that this task published.
    Published(String),
}

pub(super) async fn claim(desk: &Desk<'_>, approved: Option<&Approved>) -> Result<Claimed, Stop> {
    desk.state()?;
    let own = desk.task.id.to_string();
    let statuses = desk.statuses();
    let mine = statuses.iter().find(|(_, status)| status.task == own);
    if let Some(why) = holder::in_the_way(&claimant(desk), &desk.comments, &statuses) {
        return Ok(Claimed::Held(why));
    }
    let kept = mine.and_then(|(_, status)| status.proposal.clone());

    let (head, proposal) = match look(desk, approved).await? {
        Branch::Published(head) => (head, kept),
        Branch::Free(head) => (head, None),
        Branch::Absent => match make(desk).await? {
            Some(head) => (head, None),
            None => return Ok(Claimed::Held("another run works on the issue")),
        },
    };
    let since = mine.map_or_else(Timestamp::now, |(_, status)| status.since);
    let status = match mine {
        Some((id, status)) => {
            desk.resume(status).await?;
            *id
        }
        None => desk.begin().await?,
    };
    desk.move_on(Event::Start).await?;
    Ok(Claimed::Ours(Box::new(Claim { head, status, since, proposal })))
}

fn claimant<'d>(desk: &'d Desk<'_>) -> Claimant<'d> {
    Claimant { task: desk.task, run: &desk.holder, deadline: desk.settings.deadline }
}

async fn look(desk: &Desk<'_>, approved: Option<&Approved>) -> Result<Branch, Stop> {
    // A task that nobody has begun on most likely has no branch yet: making it tells.
    if desk.statuses().is_empty() && approved.is_none() && !matches!(desk.task.mode, Mode::Revise { .. }) {
        return Ok(Branch::Absent);
    }
    let Some(head) = desk.github.branch(&desk.branch).await? else { return Ok(Branch::Absent) };
    let commit = desk.github.commit(&head).await?;
    let maker = trailer(&commit.message);
    if maker == Some(desk.task.id.to_string().as_str()) {
        return Ok(Branch::Published(head));
    }
    let builds_on_plan = approved.is_some() || matches!(desk.task.mode, Mode::Revise { .. });
    match maker {
        Some(_) if builds_on_plan => Ok(Branch::Free(head)),
        Some(_) => reclaim(desk, head).await,
        // Our branch without a commit of ours: a run made it and died. Anything else is a person's.
        None if desk.github.is_ahead(&desk.repository.default_branch, &head).await? => {
            Err(held_by_person(desk).into())
        }
        None => Ok(Branch::Free(head)),
    }
}

/// A new wish for an issue that has a branch of an earlier one: an open pull request stays as it is.
async fn reclaim(desk: &Desk<'_>, head: String) -> Result<Branch, Stop> {
    if let Some(open) = desk.github.open_pull_request_of(&desk.branch).await? {
        let what = format!("#{} is open for this issue already.", open.number);
        let next = "Comment there, or close it and comment `/retry` here.";
        return Err(Failure::new(Reason::Branch, what, next).into());
    }
    let base = base_commit(desk).await?;
    desk.github.reset_branch(&desk.repository.node_id, &desk.branch, &head, &base).await?;
    Ok(Branch::Free(base))
}

/// Makes the branch. `None` if another run made it first and is at work.
async fn make(desk: &Desk<'_>) -> Result<Option<String>, Stop> {
    let base = base_commit(desk).await?;
    for _ in 0..CREATE_TRIES {
        match desk.github.create_branch(&desk.branch, &base).await {
            Ok(()) => return Ok(Some(base)),
            Err(CallError::Invalid { message, .. }) if message.contains("already exists") => break,
            // If it is there now it may be ours or another's; whose it is shows in the comments.
            Err(CallError::Unknown { .. }) => {
                if desk.github.branch(&desk.branch).await?.is_some() {
                    break;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    for pause in HOLDER_LOOKS {
        tokio::time::sleep(pause).await;
        let comments = desk.github.comments(desk.thread(), None).await?;
        let statuses = find_status(&desk.marks, desk.identity, desk.thread(), &comments);
        if holder::in_the_way(&claimant(desk), &comments, &statuses).is_some() {
            return Ok(None);
        }
    }
    // Nobody says that he works: whoever made the branch is gone, or it was us, or it is a person's.
    let Some(head) = desk.github.branch(&desk.branch).await? else {
        return Err(CallError::Unavailable {
            call: "POST a branch".to_owned(),
            why: "not confirmed".to_owned(),
        }
        .into());
    };
    if head != base && desk.github.is_ahead(&desk.repository.default_branch, &head).await? {
        return Err(held_by_person(desk).into());
    }
    Ok(Some(head))
}

async fn base_commit(desk: &Desk<'_>) -> Result<String, Stop> {
    let name = &desk.repository.default_branch;
    match desk.github.branch(name).await {
        Ok(Some(commit)) => Ok(commit),
        Ok(None) => Err(Failure::new(Reason::Repository, format!("The branch `{name}` is gone."), "").into()),
        Err(CallError::Conflict { message, .. }) => {
            let next = "Commit something to the default branch, then comment `/retry`.";
            Err(Failure::new(Reason::Repository, message, next).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn held_by_person(desk: &Desk<'_>) -> Failure {
    let what = format!("The branch `{}` holds commits that are not the agent's.", desk.branch);
    Failure::new(Reason::Branch, what, "Rename or delete the branch, then comment `/retry`.")
}

/// The task that a commit message of ours names.
pub(super) fn trailer(message: &str) -> Option<&str> {
    message.lines().rev().find_map(|line| line.strip_prefix(TASK_TRAILER)?.strip_prefix(": ").map(str::trim))
}
