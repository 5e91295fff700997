//! A *pull request without its issue*: the issue was deleted or moved, or the agent may not see it or write on it any more.
//!
//! What there is to say is said on the pull request, which is where a command or a review stands: one answer to each of these,
//! and one to all that happens there without anybody asking.

use shared::issue::{IssueId, PullRequestNumber};
use shared::task::Task;

use crate::call::CallError;
use crate::forge::Forge;
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};
use crate::record::Records;
use crate::record::comment;
use crate::record::status::Status;
use crate::tracker::Tracker;

/// What the status of such an answer tells beside the task. It is no login.
const UNASKED: &str = "no issue";

/// Why there is nothing to work on where an issue is not there.
pub(super) fn gone(id: &IssueId, tracker: &Tracker) -> Failure {
    let (what, next) = match id {
        IssueId::Key(key) if !tracker.knows(id) => (
            format!("{key} is an issue of Jira, and no site is configured that has it for this repository"),
            "Add the project to AGENT_JIRA_FILE.",
        ),
        IssueId::Key(key) => (
            format!("the issue {key} was deleted, or the agent may not see it"),
            "Let the agent's account see the issue, or go on with this pull request yourself.",
        ),
        IssueId::Number(number) => (
            format!("issue #{number} is not there: it was deleted or transferred"),
            "Go on with this pull request yourself.",
        ),
    };
    Failure::new(Reason::Usage, what, next)
}

/// The same where it is another one by now.
pub(super) fn moved(id: &IssueId, url: &str) -> Failure {
    let (what, next) = match id {
        IssueId::Key(key) => {
            let now = name_of(url);
            let next = format!(
                "Comment `/retry` on {now} to have it done there, or go on with this pull request yourself."
            );
            (format!("the issue {key} was moved and is {now} now"), next)
        }
        IssueId::Number(number) => {
            let next = "Ask there, or go on with this pull request yourself.";
            (format!("issue #{number} was transferred to {url}"), next.to_owned())
        }
    };
    Failure::new(Reason::Usage, what, next)
}

/// Why a run stops where the tracker does not take what is to be said on an issue.
pub(super) fn mute(id: &IssueId, error: &CallError) -> Failure {
    let what = format!("the agent may not write on {}: {error}", id.reference());
    let next = "Restore the issue if it is archived, or give the agent's account the permission to comment.";
    Failure::new(Reason::Usage, what, next)
}

/// What people call an issue with that address: one of Jira has its key there.
pub(super) fn name_of(url: &str) -> &str {
    url.rsplit_once("/browse/").map_or(url, |(_, key)| key)
}

/// Says it on the pull request that a task is about, if it is about one. A refusal to take the words is logged: there is no
/// other place for them.
pub(super) async fn tell(
    task: &Task,
    forge: &Forge,
    records: Records<'_>,
    gate: &Gate,
    failure: &Failure,
) -> Result<(), CallError> {
    match tell_on(task, forge, records, gate, failure).await {
        Err(error) if !error.is_passing() => {
            tracing::error!(%error, what = failure.what, "the outcome could not be written to the pull request");
            Ok(())
        }
        told => told,
    }
}

async fn tell_on(
    task: &Task,
    forge: &Forge,
    records: Records<'_>,
    gate: &Gate,
    failure: &Failure,
) -> Result<(), CallError> {
    let Some(number) = pull_request_of(task, forge).await? else { return Ok(()) };
    let is_asked_for = task.mode.kind().is_asked_for();
    let tracker = Tracker::beside(forge);
    let records = Records { tracker: &tracker, ..records };
    let record = records.read_own(&number.into(), Vec::new()).await?;
    let is_told = if is_asked_for {
        record.status_of(&task.id.to_string()).is_some()
    } else {
        record.statuses().iter().any(|said| said.status.barred.as_deref() == Some(UNASKED))
    };
    if is_told {
        return Ok(());
    }
    let barred = (!is_asked_for).then(|| UNASKED.to_owned());
    let text = comment::without_issue(failure, is_asked_for);
    record.say_at_last(gate, None, &text, Status { barred, ..Status::refused(task) }).await
}

/// The pull request with the command or the review, or the open one of ours that something happened to.
async fn pull_request_of(task: &Task, forge: &Forge) -> Result<Option<PullRequestNumber>, CallError> {
    let kind = task.mode.kind();
    if kind.is_asked_for() {
        return Ok(task.mode.command().and_then(|at| at.pull_request));
    }
    if kind.is_about_end() {
        return Ok(None);
    }
    let open = forge.open_pull_request_of(&task.issue.branch()).await?;
    Ok(open.filter(|pull| forge.identity().is(pull.by.as_ref())).map(|pull| pull.number))
}
