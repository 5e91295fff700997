//! The *commit* of a run, made with compare-and-swap: the branch moves only from where the run found it.

use gix::ObjectId;

use super::branch::trailer;
use super::desk::Desk;
use super::ended::Stop;
use super::settings::Terms;
use super::work::{Claim, Made};
use super::{ci_hold, trailers, working};
use crate::call::{CallError, Retry};
use crate::check::CheckedPatch;
use crate::clock;
use crate::context::read_set::FileMode;
use crate::forge::model::CommitRequest;
use crate::git::push::{self, PushCaps, PushError, Update};
use crate::git::remote::{Remote, RemoteError};
use crate::git::workspace::{CommitText, Identity, Workspace};
use crate::outbound::{HOLD, Outbound};
use crate::outcome::{Failure, Reason};
use crate::patch::{Change, ChangeKind};
use crate::patience::Patience;
use crate::record::status::Proposal;

/// Bytes of changed files that go into one commit over GraphQL; larger ones are pushed.
pub(super) const MAX_API_BYTES: usize = 1024 * 1024;

/// A proposal, and the commit that it is on the branch with.
pub(super) struct Committed {
    pub(super) proposal: Proposal,
    /// `None` for a plan that is written again: the commit of the plan before stays.
    pub(super) commit: Option<String>,
}

/// Makes the commit. The proposal, which tells what the pull request says, is kept first: once the commit is made, a run
/// that dies is completed without the model.
pub(super) async fn commit(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    workspace: &Workspace,
    claim: &Claim,
    made: Made,
) -> Result<Committed, Stop> {
    let (patch, proposal) = match made {
        Made::Change { patch, proposal } => {
            let held = ci_hold::hold(desk, terms, &patch).await?;
            (Some(patch), ci_hold::noted(proposal, held))
        }
        Made::Plan(proposal) => (None, proposal),
    };
    working::keep(desk, claim, &proposal).await?;
    if !desk.task.mode.kind().makes_commit() {
        return Ok(Committed { proposal, commit: None });
    }
    let commit = match patch {
        Some(patch) => land(desk, workspace, claim, &patch, &proposal).await?,
        None => over_api(desk, claim, None, &proposal).await?,
    };
    Ok(Committed { proposal, commit: Some(commit) })
}

/// Puts a change onto the branch, and returns its commit.
pub(super) async fn land(
    desk: &Desk<'_>,
    workspace: &Workspace,
    claim: &Claim,
    patch: &CheckedPatch,
    proposal: &Proposal,
) -> Result<String, Stop> {
    if fits_api(patch) {
        over_api(desk, claim, Some(patch), proposal).await
    } else {
        push(desk, workspace, claim, Content::Patch(patch), proposal).await
    }
}

/// GitHub's commit call gives every file that it writes the mode 100644, and says nothing when that takes an executable's
/// away. So a change with an executable is pushed, and the branch never has the wrong mode.
fn fits_api(patch: &CheckedPatch) -> bool {
    let bytes: usize = patch.changes().iter().filter_map(Change::after).map(<[u8]>::len).sum();
    bytes <= MAX_API_BYTES
        && patch
            .changes()
            .iter()
            .all(|change| change.mode() == FileMode::Regular || matches!(change.kind(), ChangeKind::Delete))
}

/// Title, issue and trailers; nothing in the title can imitate a trailer.
pub(super) fn message(desk: &Desk<'_>, claim: &Claim, proposal: &Proposal) -> Outbound {
    let text = format!("{}\n\nProposed for {}.", proposal.title, desk.issue.id.reference());
    let trailers = trailers::own(desk, claim, proposal);
    let trailers: Vec<(&str, &str)> = trailers.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let message = desk.gate.commit_message(&text, &trailers);
    if proposal.held.is_some() { message.holding_checks() } else { message }
}

/// Moves the branch to a commit that follows the one that the run found it at. Returns the commit.
pub(super) async fn advance(desk: &Desk<'_>, claim: &Claim, commit: String) -> Result<String, Stop> {
    let mut patience = desk.forge.patience();
    loop {
        let Err(error) = desk.forge.advance_branch(&desk.branch, &commit).await else { return Ok(commit) };
        if let Some(made) = after_failure(desk, claim, error, &mut patience).await? {
            return Ok(made);
        }
    }
}

/// Whether a write to the branch whose outcome is not known was carried out after all; the commit that the branch is at
/// then. `None` if it is time to try again.
async fn after_failure(
    desk: &Desk<'_>,
    claim: &Claim,
    error: CallError,
    patience: &mut Patience,
) -> Result<Option<String>, Stop> {
    if error.retry() == Retry::Never {
        return Err(error.into());
    }
    match where_is(desk, claim).await? {
        Place::Ours(commit) => return Ok(Some(commit)),
        Place::Others => return Err(Stop::Moved(moved(desk))),
        Place::Gone => return Err(gone(desk).into()),
        Place::Unmoved => {}
    }
    match error {
        // It was moved, or made, a moment ago: we see it where it was put, and whoever commits does not yet.
        CallError::NotFound { .. } | CallError::Conflict { .. } => {
            patience.before_retry_of_lag(error).await?;
        }
        error => patience.before_retry(error).await.map_err(|error| not_let(desk, error))?,
    }
    Ok(None)
}

/// Without a patch the commit is empty: that of a plan. Returns the commit.
pub(super) async fn over_api(
    desk: &Desk<'_>,
    claim: &Claim,
    patch: Option<&CheckedPatch>,
    proposal: &Proposal,
) -> Result<String, Stop> {
    let message = message(desk, claim, proposal);
    let mut request = CommitRequest {
        branch: &desk.branch,
        expected_head: &claim.head,
        message: &message,
        additions: Vec::new(),
        deletions: Vec::new(),
    };
    for change in patch.into_iter().flat_map(CheckedPatch::changes) {
        match change.after() {
            Some(content) => request.additions.push((change.path().as_str(), content)),
            None => request.deletions.push(change.path().as_str()),
        }
        if let ChangeKind::Rename { from } = change.kind() {
            request.deletions.push(from.as_str());
        }
    }
    let mut patience = desk.forge.patience();
    loop {
        let error = match desk.forge.create_commit(&request).await {
            Ok(commit) => return Ok(commit),
            Err(error) => error,
        };
        if let Some(made) = after_failure(desk, claim, error, &mut patience).await? {
            return Ok(made);
        }
    }
}

/// The rules for branches stand in the way, or something else does.
fn not_let(desk: &Desk<'_>, error: CallError) -> Stop {
    let CallError::Invalid { message, .. } = error else { return error.into() };
    let (forge, branch) = (desk.forge.service(), &desk.branch);
    let what = format!("{forge} does not let the agent commit to `{branch}`: {message}");
    let next = "Let it write below `ai-agent/` in the rules for branches, then ask again.";
    Failure::new(Reason::Branch, what, next).into()
}

/// What a commit that is pushed has.
pub(super) enum Content<'a> {
    Patch(&'a CheckedPatch),
    /// A tree of the workspace, and the commit that is merged.
    Merge {
        tree: ObjectId,
        other: ObjectId,
    },
}

/// Pushes a commit, and returns it.
pub(super) async fn push(
    desk: &Desk<'_>,
    workspace: &Workspace,
    claim: &Claim,
    content: Content<'_>,
    proposal: &Proposal,
) -> Result<String, Stop> {
    let broken = |what: String| Stop::from(Failure::new(Reason::Unavailable, what, ""));
    // The same commit whenever it is made for this task; but of one that is held back `/ci` has to know when it came.
    let made_at = match &proposal.held {
        Some(_) => clock::now(),
        None => desk.task.triggered_at.unwrap_or(claim.since),
    };
    let identity = Identity {
        name: desk.forge.identity().login.clone(),
        email: desk.forge.own_address(),
        seconds: made_at.as_second(),
    };
    let title = desk.gate.title(&proposal.title);
    let held = if proposal.held.is_some() { format!("{HOLD}\n\n") } else { String::new() };
    let text = CommitText {
        subject: title.as_str(),
        body: &format!("{}Proposed for {}.", held, desk.issue.id.reference()),
        trailers: &trailers::own(desk, claim, proposal),
    };
    let new = match content {
        Content::Patch(patch) => workspace.write_commit(patch, &text, &identity),
        Content::Merge { tree, other } => workspace.write_merge(tree, other, &text, &identity),
    };
    let new = new.map_err(|error| broken(error.to_string()))?;
    let old = ObjectId::from_hex(claim.head.as_bytes()).ok();
    let remote = Remote::new(&desk.forge.repo().url(), Some(desk.forge.token().clone()))
        .map(|remote| remote.through(&desk.settings.network))
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    let mut patience = desk.forge.patience();
    loop {
        desk.forge.hold().await?;
        let (repo, remote, branch) = (workspace.shared().clone(), remote.clone(), desk.branch.clone());
        let pushed = tokio::task::spawn_blocking(move || {
            let update = Update { branch: &branch, old, new };
            let never = std::sync::atomic::AtomicBool::new(false);
            push::push(&repo.to_thread_local(), &remote, &update, &PushCaps::default(), &never)
        });
        let pushed = pushed.await.map_err(|error| broken(error.to_string()))?;
        let Err(error) = pushed else { return Ok(new.to_string()) };
        let Some(failed) = push_may_be_repeated(desk, &error) else { return Err(not_pushed(&error).into()) };
        match where_is(desk, claim).await? {
            Place::Ours(commit) => return Ok(commit),
            Place::Unmoved => patience.before_retry(failed).await.map_err(|failed| match failed {
                CallError::Unauthorized { .. } => Stop::from(not_pushed(&error)),
                failed => Stop::from(failed),
            })?,
            Place::Others => return Err(Stop::Moved(moved(desk))),
            Place::Gone => return Err(gone(desk).into()),
        }
    }
}

/// The failure of a push that may succeed when it is made again; `None` if that is of no use.
fn push_may_be_repeated(desk: &Desk<'_>, error: &PushError) -> Option<CallError> {
    let (call, why) = (desk.forge.call("push"), error.to_string());
    match error {
        // Said of a token, or a repository, that is in order: believed when it is said twice.
        PushError::Remote(RemoteError::NoAccess { .. }) => {
            Some(CallError::Unauthorized { call, message: why })
        }
        PushError::Unknown { .. } | PushError::Stale { .. } => Some(CallError::Unavailable { call, why }),
        error => error.is_transient().then_some(CallError::Unavailable { call, why }),
    }
}

fn not_pushed(error: &PushError) -> Failure {
    let next = "Let the agent push to its branches, then comment `/retry`.";
    Failure::new(Reason::Branch, error.to_string(), next)
}

/// Where the branch is after a write whose outcome is not known.
enum Place {
    /// At this commit.
    Ours(String),
    Unmoved,
    Others,
    Gone,
}

async fn where_is(desk: &Desk<'_>, claim: &Claim) -> Result<Place, CallError> {
    tokio::time::sleep(desk.settings.lag()).await;
    match desk.forge.branch(&desk.branch).await? {
        Some(head) if head == claim.head => Ok(Place::Unmoved),
        Some(head) => {
            let commit = desk.forge.commit(&head).await?;
            let ours = trailer(&commit.message) == Some(desk.task.id.to_string().as_str());
            Ok(if ours { Place::Ours(head) } else { Place::Others })
        }
        None => Ok(Place::Gone),
    }
}

/// A branch that somebody else moved.
pub(super) fn moved(desk: &Desk<'_>) -> Failure {
    let what = format!("The branch `{}` was changed while the agent worked.", desk.branch);
    Failure::new(Reason::Branch, what, "Look at the branch; delete or rename it, then comment `/retry`.")
}

/// A branch that somebody deleted.
pub(super) fn gone(desk: &Desk<'_>) -> Failure {
    let what = format!("The branch `{}` was deleted while the agent worked.", desk.branch);
    Failure::new(Reason::Branch, what, "Comment `/retry` on the issue to start again.")
}
