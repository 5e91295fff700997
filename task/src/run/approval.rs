//! The *approval* of a plan: who gave it, in which comment, for which plan, and whether that is still the same.

use jiff::Timestamp;
use shared::command::Command;
use shared::issue::{IssueId, PullRequestNumber};
use shared::mode::{CommandAt, Comment as CommentId, Request, Start};

use super::branch;
use super::desk::Desk;
use super::digest::digest;
use super::ended::{Ended, Stop};
use super::posted::{self, Posted};
use super::settings::Terms;
use super::work::Basis;
use crate::call::CallError;
use crate::forge::model::{Commit, PullRequest, Review, ReviewText, Stage};
use crate::issue::MAX_BODY_CHARS;
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::plan::Binding;
use crate::record::comment;
use crate::record::status::Status;
use crate::repo_config::ApproveBy;
use crate::text::Raw;
use crate::thread::Comment;

/// Checks the command of the task and the plan that it is about; every answer that is not yes is told on the issue.
/// `head` is where the branch is.
pub(super) async fn check(desk: &Desk<'_>, terms: &Terms<'_>, head: &Commit) -> Result<Basis, Stop> {
    match desk.task.mode.start() {
        Start::Request(Request::ApprovedPlan(CommandAt { pull_request, comment })) => {
            let pull = pull_of(desk, pull_request, "There is no plan to approve.").await?;
            let approval = command_of(desk, comment, |command| command == Command::Approve).await?;
            let posted = plan_of(desk, pull.number, head).await?;
            // In one second nobody reads a plan and answers it.
            if posted.written_at >= approval.at {
                let what = "The plan was rewritten after it was approved.";
                let next = "Read the plan as it is now; if it is good, comment `/approve` again.";
                return Err(Failure::new(Reason::StalePlan, what, next).into());
            }
            may_approve(desk, terms, &posted).await?;
            hold(desk, terms, &posted).await?;
            Ok(Basis::Approved { plan: posted.plan, pull_request: pull.number })
        }
        Start::Request(Request::Feedback(CommandAt { pull_request, comment })) => {
            let feedback = feedback(desk, comment).await?;
            let pull = pull_of(desk, pull_request, "There is no plan to revise.").await?;
            let posted = plan_of(desk, pull.number, head).await?;
            let Binding { base, asked_by, .. } = posted.binding;
            Ok(Basis::Revision { plan: posted.plan, feedback, base, pull_request: pull.number, asked_by })
        }
        // No other mode is about a plan.
        _ => Ok(Basis::Nothing),
    }
}

/// The pull request that the command stands on, or, for one on the issue, the open one of our branch.
pub(super) async fn pull_of(
    desk: &Desk<'_>,
    pull_request: Option<PullRequestNumber>,
    none: &str,
) -> Result<PullRequest, Stop> {
    if let Some(number) = pull_request {
        return pull_request_of(desk, number).await;
    }
    desk.forge
        .open_pull_request_of(&desk.branch)
        .await?
        .ok_or_else(|| Failure::new(Reason::StalePlan, none, next_of(desk)).into())
}

/// What to do where the pull request of a command is no more.
fn next_of(desk: &Desk<'_>) -> &'static str {
    if desk.task.mode.kind().shows_on_labels() {
        "Comment `/retry` on the issue for a new plan."
    } else {
        "Comment `/retry` on the issue to start again."
    }
}

/// The plan on a pull request, as long as it is one: what the branch has is an empty commit.
async fn plan_of(desk: &Desk<'_>, pull_request: PullRequestNumber, head: &Commit) -> Result<Posted, Stop> {
    let posted = posted::find_plan(desk, pull_request).await?.ok_or_else(|| {
        Failure::new(
            Reason::StalePlan,
            "There is no plan of the agent on the pull request.",
            "Comment `/retry` on the issue for a new plan.",
        )
    })?;
    if branch::is_plan(desk, head).await? {
        return Ok(posted);
    }
    let next =
        "Review the pull request as it is; or close it, say more on the issue, and comment `/retry` there.";
    Err(Failure::new(Reason::StalePlan, "The plan was carried out already.", next).into())
}

/// Where only others may approve, whoever asked for the plan is answered, and the plan goes on waiting.
async fn may_approve(desk: &Desk<'_>, terms: &Terms<'_>, posted: &Posted) -> Result<(), Stop> {
    let user = &desk.task.trigger_user;
    let is_known = !posted.binding.asked_by.is_empty();
    let has_asked = desk.askers().iter().any(|name| posted.binding.was_asked_by(name));
    if terms.approve_by == ApproveBy::Anyone || is_known && !has_asked {
        return Ok(());
    }
    let text = comment::not_by_asker(user.as_str(), is_known);
    let status = desk.signed(Status::refused(desk.task));
    desk.record.say(&desk.gate, None, &text, status).await?;
    Err(Stop::Ended(Ended::Nothing("whoever asked for the plan may not approve it")))
}

/// Checks that nothing has moved that the plan was made from.
async fn hold(desk: &Desk<'_>, terms: &Terms<'_>, posted: &Posted) -> Result<(), Stop> {
    let changed = changed_files(desk, terms, &posted.binding.base).await?;
    let differs = |path: &RepoPath| changed.as_ref().is_none_or(|changed| changed.contains(path));
    let digest = digest(&desk.issue);
    let moved = posted.binding.moved(&posted.plan, &digest, &terms.digest, differs);
    if moved.is_empty() { Ok(()) } else { Err(comment::stale(&moved).into()) }
}

/// What `/revise` says.
async fn feedback(desk: &Desk<'_>, comment: CommentId) -> Result<String, Stop> {
    let written = command_of(desk, comment, |command| matches!(command, Command::Revise { .. })).await?;
    let body = written.body.clean(MAX_BODY_CHARS);
    match Command::parse(body.as_str()) {
        Some(Command::Revise { feedback }) if !feedback.is_empty() => Ok(feedback.to_owned()),
        _ => Err(Failure::new(
            Reason::Usage,
            "`/revise` needs feedback.",
            "Write `/revise` and what should be different.",
        )
        .into()),
    }
}

/// The text that gave a command: by the person of the task, as it was written.
pub(super) async fn command_of(
    desk: &Desk<'_>,
    id: CommentId,
    is_wanted: impl Fn(Command<'_>) -> bool,
) -> Result<Written, Stop> {
    let refuse =
        |what: &str| Stop::from(Failure::new(Reason::Usage, what, "Write the command in a new comment."));
    let Some(written) = written(desk, id).await? else {
        return Err(refuse("The comment with the command was deleted."));
    };
    if !written.by.as_ref().is_some_and(|login| desk.task.trigger_user.is(login)) {
        return Err(refuse("The comment with the command was not written by the person who asked."));
    }
    if written.is_edited {
        return Err(refuse("The comment with the command was edited."));
    }
    // A command is about the thread that it stands on.
    if !written.is_here(desk) {
        return Err(refuse("The comment with the command stands on another issue or pull request."));
    }
    match Command::parse(written.body.for_machine()) {
        Some(command) if is_wanted(command) => Ok(written),
        _ => Err(refuse("The comment no longer holds the command.")),
    }
}

/// What a person wrote, wherever that was.
pub(super) struct Written {
    pub(super) body: Raw,
    pub(super) by: Option<String>,
    pub(super) at: Timestamp,
    pub(super) is_edited: bool,
    on: Where,
}

impl Written {
    /// Whether it stands where the task is about, whatever the task says.
    pub(super) fn is_here(&self, desk: &Desk<'_>) -> bool {
        let thread = desk.pull_request.map_or_else(|| desk.issue.id.clone(), IssueId::from);
        self.on == Where::Thread(thread) || self.on == Where::Review
    }
}

/// Where that was.
#[derive(PartialEq, Eq)]
enum Where {
    Thread(IssueId),
    /// In a review of the pull request that was asked for its reviews.
    Review,
    Unknown,
}

impl From<Comment> for Written {
    fn from(comment: Comment) -> Self {
        Self {
            body: comment.body,
            by: comment.by.map(|user| user.login),
            at: comment.created_at,
            is_edited: comment.created_at != comment.updated_at,
            on: comment.on.map_or(Where::Unknown, Where::Thread),
        }
    }
}

impl From<ReviewText> for Written {
    fn from(text: ReviewText) -> Self {
        Self {
            body: text.body,
            by: text.by,
            at: text.created_at,
            is_edited: text.edited_at.is_some(),
            on: Where::Review,
        }
    }
}

/// The comment, the review, or the comment on a line, if it is still there.
pub(super) async fn written(desk: &Desk<'_>, id: CommentId) -> Result<Option<Written>, Stop> {
    let (id, pull_request) = match (id, desk.pull_request) {
        (CommentId::Issue(id), pull_request) => {
            let found = match pull_request {
                Some(_) => desk.forge.comment(id.into()).await,
                None => desk.tracker.comment(&desk.issue.id, id.into()).await,
            };
            return match found {
                Err(error) if error.is_absence() => Ok(None),
                other => Ok(Some(other?.into())),
            };
        }
        (CommentId::Review(id) | CommentId::ReviewLine(id), Some(pull_request)) => {
            (u64::from(id), pull_request)
        }
        // There are no reviews of an issue.
        (CommentId::Review(_) | CommentId::ReviewLine(_), None) => return Ok(None),
    };
    let reviews = desk.forge.reviews_by(desk.task.trigger_user.as_str(), pull_request).await?;
    let found = reviews.iter().flat_map(Review::texts).find(|text| text.id == id);
    Ok(found.cloned().map(Written::from))
}

/// A pull request of ours for this issue that is open.
async fn pull_request_of(desk: &Desk<'_>, number: PullRequestNumber) -> Result<PullRequest, Stop> {
    let refuse = |what: String| Stop::from(Failure::new(Reason::StalePlan, what, next_of(desk)));
    let pull = match desk.forge.pull_request(number).await {
        Err(error) if error.is_absence() => {
            return Err(refuse(format!("There is no pull request #{number}.")));
        }
        other => other?,
    };
    if pull.head.name != desk.branch || !desk.forge.identity().is(pull.by.as_ref()) {
        return Err(refuse(format!("#{number} is not the agent's pull request for this issue.")));
    }
    match pull.stage {
        Stage::Open => Ok(pull),
        Stage::Merged => Err(refuse(format!("#{number} is merged already."))),
        Stage::Closed => Err(refuse(format!("#{number} is closed."))),
    }
}

/// The files that the base branch has changed since a commit; `None` if that cannot be told, because there are too
/// many of them or the commit is no longer part of the branch.
async fn changed_files(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    since: &str,
) -> Result<Option<Vec<RepoPath>>, Stop> {
    let compared = match desk.forge.compare(since, desk.base_branch(terms)?).await {
        Err(CallError::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    let paths = compared.paths.filter(|_| compared.behind == 0);
    Ok(paths.map(|paths| paths.iter().filter_map(|path| RepoPath::parse(path).ok()).collect()))
}
