//! Whether a task is still *wanted*: nobody closed its issue or pull request, took its label away, or wrote `/stop`.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use shared::command::Command;
use shared::mode::Comment as CommentId;

use super::desk::Desk;
use super::ended::{Ended, Stop};
use super::no_issue;
use super::work::{Basis, Claim, Repair};
use crate::call::CallError;
use crate::forge::model::{Checks, Decision, Permission, Review, Stage};
use crate::text::Raw;
use crate::thread::{Remark, Since};
use crate::tracker::model::{Found, IssueState, has_label};

/// Comments that are older than the task by this can be no answer to it.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(10);

/// Looks whether a person called the task off before it was claimed.
pub(super) async fn not_called_off_yet(desk: &Desk<'_>) -> Result<(), Stop> {
    let later = Later::on_issue(desk, u64::MAX);
    let stops = desk
        .record
        .comments()
        .iter()
        .filter(|comment| later.is(comment.id, comment.created_at) && is_stop(&comment.body));
    let authors = stops.filter_map(|comment| Some(comment.by.as_ref()?.login.as_str()));
    stopped_by(desk, authors).await
}

/// Looks whether a person has called the task off since it was claimed, and whether a repair has anything to repair yet.
pub(super) async fn still_wanted(desk: &Desk<'_>, claim: &Claim) -> Result<(), Stop> {
    let pull_request = claim.basis.pull_request().or(desk.pull_request);
    let asked_at = desk.task.triggered_at.unwrap_or(claim.since);
    // The clocks of two machines need not agree.
    let since = Since {
        at: asked_at.checked_sub(CLOCKS_APART).unwrap_or(asked_at),
        comment: desk.task.triggered_at.is_none().then_some(claim.status),
    };
    let (on_issue, on_pull) = (Later::on_issue(desk, claim.status), Later::on_pull_request(desk, claim));
    let pull = async {
        let Some(number) = pull_request else { return Ok(None) };
        // Ids of comments of another service than the tracker say nothing of what is later.
        let comment = since.comment.filter(|_| desk.tracker.shares_ids_with_forge());
        let since = Since { comment, ..since };
        Ok(desk.forge.pull_request_snapshot(number, since).await?.map(|pull| (number, pull)))
    };
    let (issue, pull) = tokio::try_join!(desk.tracker.snapshot(&desk.issue.id, since), pull)?;
    let Some(issue) = issue else { return Err(Stop::CalledOff(where_it_went(desk).await?)) };
    if issue.state != IssueState::Open && desk.issue.state == IssueState::Open {
        return Err(Stop::CalledOff("the issue was closed".to_owned()));
    }
    let trigger = &desk.record.names().trigger;
    let is_removed = issue.labels.as_ref().is_some_and(|labels| !has_label(labels, trigger));
    if desk.record.has_label(trigger) && is_removed {
        return Err(Stop::CalledOff(format!("the label `{trigger}` was removed")));
    }
    let is_later =
        |remark: &Remark, later: Later| later.is(remark.id, remark.created_at) && is_stop(&remark.body);
    let mut stops: Vec<Remark> = issue.remarks;
    stops.retain(|remark| is_later(remark, on_issue));
    let mut reviews = Vec::new();
    if let Some((number, pull)) = pull {
        match pull.stage {
            Stage::Open => {
                stops.extend(pull.remarks.into_iter().filter(|remark| is_later(remark, on_pull)));
                reviews = pull.reviews;
            }
            Stage::Closed => return Err(desk.over(format!("#{number} was closed"))),
            Stage::Merged => return Err(desk.over(format!("#{number} was merged"))),
        }
    }
    let authors = stops.iter().filter_map(|remark| remark.by.as_deref());
    // The ids of reviews are not those of comments: only time tells which came later.
    let reviewers = reviews
        .iter()
        .flat_map(Review::texts)
        .filter(|text| text.created_at >= asked_at && is_stop(&text.body))
        .filter_map(|text| text.by.as_deref());
    stopped_by(desk, authors.chain(reviewers)).await?;
    match &claim.basis {
        Basis::Repair(repair) => still_red(desk, claim, repair).await,
        _ => Ok(()),
    }
}

/// Looks once more whether there is anything to repair: checks can have run again, and the branch can have moved.
async fn still_red(desk: &Desk<'_>, claim: &Claim, repair: &Repair) -> Result<(), Stop> {
    let nothing = |why| Err(Stop::Ended(Ended::Nothing(why)));
    let now = desk.forge.pull_request_checks(repair.pull_request).await?;
    if now.head != claim.head {
        return nothing("the branch was changed");
    }
    match now.decision {
        Some(Decision::Approved(_)) => return nothing("somebody approved it"),
        Some(Decision::MergesItself) => return nothing("somebody let it be merged by itself"),
        None => {}
    }
    match now.checks {
        Checks::Failed(mut names) => {
            names.sort();
            names.dedup();
            if names == repair.red { Ok(()) } else { nothing("its checks came to another result") }
        }
        Checks::Absent | Checks::Running => nothing("its checks began to run again"),
        Checks::Passed => nothing("its checks passed after all"),
    }
}

/// Why there is no such issue any more.
async fn where_it_went(desk: &Desk<'_>) -> Result<String, CallError> {
    match desk.tracker.issue(&desk.issue.id).await {
        Ok(Found::Elsewhere { url }) => Ok(format!("the issue was moved to {}", no_issue::name_of(&url))),
        Ok(Found::Here(_)) => Ok("the issue is gone".to_owned()),
        Err(error) if error.is_absence() => Ok("the issue is gone".to_owned()),
        Err(error) => Err(error),
    }
}

/// What a comment has to be later than, to be about this task: the time that it was asked for; or, if that is not known,
/// its status comment. Ids ascend within one service; clocks of two machines need not agree.
#[derive(Clone, Copy)]
struct Later {
    at: Option<Timestamp>,
    comment: Option<u64>,
}

impl Later {
    /// For comments on the issue.
    fn on_issue(desk: &Desk<'_>, status: u64) -> Self {
        let has_one_service = desk.tracker.shares_ids_with_forge() || desk.pull_request.is_none();
        match desk.task.triggered_at {
            Some(at) => Self { at: Some(at), comment: command(desk).filter(|_| has_one_service) },
            None => Self { at: None, comment: Some(status) },
        }
    }

    /// For comments on the pull request, where that is kept by another service than the issue.
    fn on_pull_request(desk: &Desk<'_>, claim: &Claim) -> Self {
        if desk.tracker.shares_ids_with_forge() {
            return Self::on_issue(desk, claim.status);
        }
        let at = desk.task.triggered_at.unwrap_or(claim.since);
        Self { at: Some(at), comment: command(desk).filter(|_| desk.pull_request.is_some()) }
    }

    fn is(self, id: u64, at: Timestamp) -> bool {
        self.at.is_none_or(|asked_at| at >= asked_at) && self.comment.is_none_or(|comment| id > comment)
    }
}

/// The comment that gave the command of the task.
fn command(desk: &Desk<'_>) -> Option<u64> {
    match desk.task.mode.command().map(|at| at.comment) {
        Some(CommentId::Issue(id)) => Some(id.into()),
        _ => None,
    }
}

/// Stops if one of these users may.
async fn stopped_by(desk: &Desk<'_>, authors: impl Iterator<Item = &str>) -> Result<(), Stop> {
    let mut known = HashSet::new();
    for login in authors.filter(|login| known.insert(*login)).collect::<Vec<_>>() {
        if desk.forge.permission(login).await? == Permission::Write {
            return Err(Stop::CalledOff(format!("`{login}` asked to stop")));
        }
    }
    Ok(())
}

fn is_stop(text: &Raw) -> bool {
    Command::parse(text.for_machine()) == Some(Command::Stop)
}
