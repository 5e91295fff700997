//! The *approval* of a plan: who gave it, in which comment, for which plan, and whether that is still the same.

use shared::command::Command;
use shared::task::{Comment as CommentId, Mode};

use super::desk::Desk;
use super::{Ended, Stop, conversation};
use crate::comment;
use crate::config::Config;
use crate::github::CallError;
use crate::github::model::{Comment, OpenOrClosed, PullRequest};
use crate::marker::Kind;
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::plan::{Binding, Plan};

/// A plan that may be carried out.
pub(super) struct Approved {
    pub(super) plan: Plan,
}

/// A plan as its comment holds it.
pub(super) struct Posted {
    pub(super) comment: u64,
    pub(super) plan: Plan,
    pub(super) binding: Binding,
    /// The Markdown of the whole comment without its marker.
    pub(super) text: String,
}

/// Checks the approval of the task; every answer that is not yes is told on the issue.
pub(super) async fn check(desk: &Desk<'_>, config: &Config) -> Result<Approved, Stop> {
    let Mode::Approve { pull_request, comment } = desk.task.mode else {
        return Err(Stop::Ended(Ended::Nothing("the task approves nothing")));
    };
    command_of(desk, comment, |command| command == Command::Approve).await?;
    let number = if let Some(number) = pull_request {
        u64::from(number)
    } else {
        let open = desk.github.open_pull_request_of(&desk.branch).await?;
        open.map(|pull| pull.number).ok_or_else(|| {
            let next = "Comment `/retry` for a new plan.";
            Failure::new(Reason::StalePlan, "There is no plan to approve.", next)
        })?
    };
    let pull = pull_request_of(desk, number).await?;
    let posted = find_plan(desk, pull.number).await?.ok_or_else(|| {
        Failure::new(
            Reason::StalePlan,
            "There is no plan of the agent on the pull request.",
            "Comment `/retry` for a new plan.",
        )
    })?;
    let changed = changed_files(desk, &posted.binding.base).await?;
    let digest = conversation::digest(&desk.issue);
    let moved = posted.binding.moved(&posted.plan, &digest, config.digest(), |path| changed.contains(path));
    if moved.is_empty() { Ok(Approved { plan: posted.plan }) } else { Err(comment::stale(&moved).into()) }
}

/// The comment that gave a command: by the person of the task, as it was written.
pub(super) async fn command_of(
    desk: &Desk<'_>,
    id: CommentId,
    is_wanted: impl Fn(Command<'_>) -> bool,
) -> Result<Comment, Stop> {
    let refuse =
        |what: &str| Stop::from(Failure::new(Reason::Usage, what, "Write the command in a new comment."));
    let CommentId::Issue(id) = id else {
        return Err(refuse("Commands are read from the conversation, not from reviews."));
    };
    let found = match desk.github.comment(u64::from(id)).await {
        Err(CallError::NotFound { .. } | CallError::Gone { .. }) => {
            return Err(refuse("The comment with the command was deleted."));
        }
        other => other?,
    };
    let by_asker = found.user.as_ref().is_some_and(|user| desk.task.trigger_user.is(&user.login));
    if !by_asker {
        return Err(refuse("The comment with the command is not by who asked."));
    }
    if found.created_at != found.updated_at {
        return Err(refuse("The comment with the command was edited."));
    }
    match found.body.as_ref().and_then(|body| Command::parse(body.for_machine())) {
        Some(command) if is_wanted(command) => Ok(found),
        _ => Err(refuse("The comment no longer holds the command.")),
    }
}

/// A pull request of ours for this issue that is open.
pub(super) async fn pull_request_of(desk: &Desk<'_>, number: u64) -> Result<PullRequest, Stop> {
    let pull = desk.github.pull_request(number).await?;
    let refuse =
        |what: String| Stop::from(Failure::new(Reason::StalePlan, what, "Comment `/retry` for a new plan."));
    if pull.head.branch != desk.branch || pull.user.as_ref().is_none_or(|user| user.id != desk.identity.id) {
        return Err(refuse(format!("#{number} is not the agent's pull request for this issue.")));
    }
    match (pull.state, pull.merged_at) {
        (OpenOrClosed::Open, _) => Ok(pull),
        (OpenOrClosed::Closed, Some(_)) => Err(refuse(format!("#{number} is merged already."))),
        (OpenOrClosed::Closed, None) => Err(refuse(format!("#{number} is closed."))),
    }
}

/// The newest plan of ours on a pull request.
pub(super) async fn find_plan(desk: &Desk<'_>, pull_request: u64) -> Result<Option<Posted>, Stop> {
    let comments = desk.github.comments(pull_request, None).await?;
    Ok(comments.iter().rev().filter(|comment| desk.is_ours(comment)).find_map(|comment| {
        let body = comment.body.as_ref()?.for_machine();
        let binding: Binding = desk.marks.read(Kind::Plan, pull_request, body)?;
        let text = body.split("\n\n<!-- ai-agent:plan ").next().unwrap_or(body);
        let plan = Plan::parse(text.split("\n\n---\n").next().unwrap_or(text)).ok()?;
        Some(Posted { comment: comment.id, plan, binding, text: text.to_owned() })
    }))
}

/// The files that the default branch has changed since a commit.
async fn changed_files(desk: &Desk<'_>, since: &str) -> Result<Vec<RepoPath>, Stop> {
    let names = desk.github.changed_since(since, &desk.repository.default_branch).await?;
    Ok(names.iter().filter_map(|name| RepoPath::parse(name).ok()).collect())
}
