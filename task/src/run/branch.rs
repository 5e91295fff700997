//! The *branch* of an issue, and what it is to a task: whose commit it is at, and who may move it.

use shared::issue::PullRequestNumber;
use shared::state::State;

use super::desk::Desk;
use super::ended::Stop;
use super::{holder, posted};
use crate::call::{CallError, Retry};
use crate::forge::Forge;
use crate::forge::model::Commit;
use crate::git::workspace::{TASK_TRAILER, trailers};
use crate::outcome::{Failure, Reason};
use crate::record::status::Phase;

/// Pauses before the looks for the comment of a run that made the branch a moment before us, in times of what lists may
/// lag behind. Its next call posts the comment, and GitHub ends a call after ten seconds.
const HOLDER_LOOKS: [u32; 5] = [1, 1, 2, 3, 5];

/// What the branch is to this task.
pub(super) enum Branch {
    /// At a commit that a run may build on.
    Free(String),
    /// At the commit with a plan of ours, which the task revises or carries out.
    Planned(Commit),
    /// At the commit that this task published.
    Published(Commit),
    /// At the commit of another task, whose pull request is open and did not get to its end.
    Unfinished {
        commit: Commit,
        pull_request: PullRequestNumber,
        /// That task.
        task: String,
    },
}

/// Whether the task is about a pull request that is there.
fn builds_on_plan(desk: &Desk<'_>) -> bool {
    !desk.task.mode.kind().begins_work()
}

/// The branch for this task, found or made. `None` if another run made it first and is at work.
pub(super) async fn take(desk: &Desk<'_>, base: &str) -> Result<Option<Branch>, Stop> {
    match look(desk, base).await? {
        None => make(desk, base).await,
        found => Ok(found),
    }
}

/// Whose the branch is; `None` if there is none, as far as that is known before it is made.
async fn look(desk: &Desk<'_>, base: &str) -> Result<Option<Branch>, Stop> {
    // A task that nobody has begun on most likely has no branch yet: making it tells.
    if desk.record.statuses().is_empty() && !builds_on_plan(desk) {
        return Ok(None);
    }
    match desk.forge.branch(&desk.branch).await? {
        Some(head) => judge(desk, base, head).await.map(Some),
        None if builds_on_plan(desk) => {
            let what = format!("The branch `{}` is gone, and the plan with it.", desk.branch);
            Err(Failure::new(Reason::StalePlan, what, "Comment `/retry` on the issue for a new plan.").into())
        }
        None => Ok(None),
    }
}

/// Whether this task's commit is on the branch and in a pull request. What was only kept is not published, and an issue
/// that is closed gets no new pull request.
pub(super) async fn is_published(desk: &Desk<'_>) -> Result<bool, CallError> {
    let Some(head) = desk.forge.branch(&desk.branch).await? else { return Ok(false) };
    let commit = desk.forge.commit(&head).await?;
    if maker(desk, &commit) != Some(desk.task.id.to_string().as_str()) {
        return Ok(false);
    }
    Ok(desk.forge.pull_requests_of(&desk.branch).await?.iter().any(|pull| pull.head.commit == head))
}

/// Finds out whose commit the branch is at, and makes it ready for this task.
async fn judge(desk: &Desk<'_>, base: &str, head: String) -> Result<Branch, Stop> {
    let commit = desk.forge.commit(&head).await?;
    let maker = maker(desk, &commit);
    if maker == Some(desk.task.id.to_string().as_str()) {
        return Ok(Branch::Published(commit));
    }
    match maker {
        Some(_) if builds_on_plan(desk) => Ok(Branch::Planned(commit)),
        Some(other) => {
            let other = other.to_owned();
            reclaim(desk, base, commit, other).await
        }
        None => {
            let compared = desk.forge.compare(base, &head).await?;
            // Our branch without a commit of ours: a run made it and died. Anything else is a person's.
            if compared.ahead > 0 {
                return Err(held_by_person(desk).into());
            }
            // What the base has learned since, the run has to read.
            if compared.behind > 0 {
                return move_to_base(desk, base, head).await;
            }
            Ok(Branch::Free(head))
        }
    }
}

/// A new request for an issue that has a branch of an earlier one. An open pull request that got to its end stays as it
/// is; one that did not is completed.
async fn reclaim(desk: &Desk<'_>, base: &str, commit: Commit, task: String) -> Result<Branch, Stop> {
    let Some(open) = desk.forge.open_pull_request_of(&desk.branch).await? else {
        return move_to_base(desk, base, commit.id).await;
    };
    let is_ours = desk.forge.identity().is(open.by.as_ref());
    if is_ours && !is_finished(desk, &task, &commit, open.number).await? {
        return Ok(Branch::Unfinished { commit, pull_request: open.number, task });
    }
    let what = format!("#{} is open for this issue already.", open.number);
    let next = "Comment there, or close it and comment `/retry` here.";
    Err(Failure::new(Reason::Branch, what, next).into())
}

/// Whether a task got to its end whose commit is on the branch.
async fn is_finished(
    desk: &Desk<'_>,
    task: &str,
    commit: &Commit,
    pull_request: PullRequestNumber,
) -> Result<bool, Stop> {
    // A merge of ours is on top of a change that is there: no description is made of it.
    if is_merge(commit) {
        return Ok(true);
    }
    let labelled = || matches!(desk.record.state(), Ok(State::Done | State::PlanPending));
    let ended = match desk.record.status_of(task) {
        Some((_, status)) if status.phase != Phase::Ended => false,
        // Earlier versions did not write whether it was done.
        Some((_, status)) => status.done || labelled(),
        None => labelled(),
    };
    Ok(ended && (!is_plan(desk, commit).await? || posted::find_plan(desk, pull_request).await?.is_some()))
}

/// Why nothing is done about the checks of an empty commit.
pub(super) const HOLDS_PLAN: &str = "the pull request holds a plan";

/// Whether a commit of ours is that of a plan: it changes nothing.
pub(super) async fn is_plan(desk: &Desk<'_>, commit: &Commit) -> Result<bool, CallError> {
    is_empty(desk.forge, commit).await
}

/// Whether a commit changes nothing.
pub(super) async fn is_empty(forge: &Forge, commit: &Commit) -> Result<bool, CallError> {
    // It stands on the commit that the plan was made from, or was put onto a newer one by a revision that died. Of a merge
    // the base comes last, and what the branch had before says nothing of what it changes.
    match commit.parents.last() {
        Some(parent) => Ok(forge.commit(parent).await?.tree == commit.tree),
        None => Ok(false),
    }
}

async fn move_to_base(desk: &Desk<'_>, base: &str, head: String) -> Result<Branch, Stop> {
    let to = desk.base_commit(base).await?;
    move_branch(desk, &head, &to).await?;
    Ok(Branch::Free(to))
}

/// Moves the branch with compare-and-swap; a move that failed is looked for before it is made again.
pub(super) async fn move_branch(desk: &Desk<'_>, from: &str, to: &str) -> Result<(), Stop> {
    let mut patience = desk.forge.patience();
    loop {
        let Err(error) = desk.forge.reset_branch(&desk.branch, from, to).await else { return Ok(()) };
        if error.retry() == Retry::Never {
            return Err(not_let(desk, error));
        }
        tokio::time::sleep(desk.settings.lag()).await;
        let head = desk.forge.branch(&desk.branch).await?;
        if head.as_deref() == Some(to) {
            return Ok(());
        }
        if head.as_deref() != Some(from) {
            // The next run finds out whose it is now.
            let (call, why) = (desk.forge.call("move a branch"), error.to_string());
            return Err(CallError::Unavailable { call, why }.into());
        }
        match error {
            // We see it where it was put, and whoever moves it does not yet.
            CallError::NotFound { .. } | CallError::Conflict { .. } => {
                patience.before_retry_of_lag(error).await?;
            }
            error => patience.before_retry(error).await.map_err(|error| not_let(desk, error))?,
        }
    }
}

/// Puts the empty commit of a plan onto the newest commit of the base, so that a revision is made from how things are
/// now. The branch moves in one step: on a branch without a commit of its own GitHub closes the pull request. Returns
/// the commit and its parent.
pub(super) async fn renew(desk: &Desk<'_>, base: &str, plan: Commit) -> Result<(String, String), Stop> {
    let newest = desk.base_commit(base).await?;
    if plan.parents.contains(&newest) {
        return Ok((plan.id, newest));
    }
    let tree = desk.forge.commit(&newest).await?.tree;
    let renewed = desk.forge.create_loose_commit(&plan.message, &tree, &[&newest]).await?;
    move_branch(desk, &plan.id, &renewed.id).await?;
    Ok((renewed.id, newest))
}

/// Makes the branch. `None` if another run made it first and is at work.
async fn make(desk: &Desk<'_>, base: &str) -> Result<Option<Branch>, Stop> {
    let commit = desk.base_commit(base).await?;
    let mut patience = desk.forge.patience();
    loop {
        match desk.forge.create_branch(&desk.branch, &commit).await {
            Ok(()) => return Ok(Some(Branch::Free(commit))),
            Err(CallError::Invalid { message, .. }) if message.contains("already exists") => break,
            Err(error) => patience.before_retry(error).await.map_err(|error| not_let(desk, error))?,
        }
        // If it is there now it may be ours or another's; whose it is shows in the comments.
        if desk.forge.branch(&desk.branch).await?.is_some() {
            break;
        }
    }
    for pause in HOLDER_LOOKS {
        tokio::time::sleep(desk.settings.lag() * pause).await;
        if holder::in_the_way(&desk.claimant(), &desk.record.statuses_now().await?).is_some() {
            return Ok(None);
        }
    }
    // Nobody says that he works: whoever made the branch is gone, or it was us, or it is a person's.
    match desk.forge.branch(&desk.branch).await? {
        Some(head) => judge(desk, base, head).await.map(Some),
        None => Err(absent(desk).into()),
    }
}

fn absent(desk: &Desk<'_>) -> CallError {
    CallError::Unavailable { call: desk.forge.call("POST a branch"), why: "not confirmed".to_owned() }
}

/// GitHub's rules for branches stand in the way, or something else does.
fn not_let(desk: &Desk<'_>, error: CallError) -> Stop {
    let CallError::Invalid { message, .. } = error else { return error.into() };
    let what = format!(
        "{} does not let the agent write to its branch `{}`: {message}",
        desk.forge.service(),
        desk.branch
    );
    let next = "Let it create and change branches below `ai-agent/` in the rules for branches, then comment `/retry`.";
    Failure::new(Reason::Branch, what, next).into()
}

fn held_by_person(desk: &Desk<'_>) -> Failure {
    let what = format!("The branch `{}` holds commits that are not the agent's.", desk.branch);
    Failure::new(Reason::Branch, what, "Rename or delete the branch, then comment `/retry` on the issue.")
}

/// Whether a commit joins two branches.
pub(super) fn is_merge(commit: &Commit) -> bool {
    commit.parents.len() > 1
}

/// The task that made a commit; none if the commit is a person's, also of one that was ours and was amended.
pub(super) fn maker<'c>(desk: &Desk<'_>, commit: &'c Commit) -> Option<&'c str> {
    trailer(&commit.message).filter(|_| desk.forge.made(commit))
}

/// The task that a commit message of ours names.
pub(super) fn trailer(message: &str) -> Option<&str> {
    trailers(message, TASK_TRAILER).next()
}
