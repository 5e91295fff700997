//! A *change* of ours that has a pull request: what a task finds there that goes on with it, by answering its reviews or by
//! merging its base.

use shared::issue::PullRequestNumber;
use shared::mode::CommandAt;
use shared::state::same_label;

use super::desk::Desk;
use super::ended::Stop;
use super::work::Basis;
use super::{approval, branch, trailers};
use crate::forge::model::{Discussion, Home, NewCommit, Stage};
use crate::outcome::{Failure, Reason};

pub(super) fn is_ours(desk: &Desk<'_>, talk: &Discussion) -> bool {
    talk.home == Home::Here
        && talk.pull.head.name == desk.branch
        && desk.forge.identity().is(talk.pull.by.as_ref())
}

/// Whether the newest commit changes nothing: that of a plan.
pub(super) fn holds_plan(talk: &Discussion) -> bool {
    talk.commits.last().is_some_and(|head| head.is_empty)
}

/// The task's own commit, once it is on the branch.
pub(super) fn own_commit(desk: &Desk<'_>, talk: &Discussion) -> Option<String> {
    let own = desk.task.id.to_string();
    let is_own = |commit: &&NewCommit| branch::trailer(&commit.message) == Some(own.as_str());
    talk.commits.iter().rev().find(is_own).map(|commit| commit.id.clone())
}

pub(super) async fn number_of(desk: &Desk<'_>, at: CommandAt) -> Result<PullRequestNumber, Stop> {
    match at.pull_request.or(desk.pull_request) {
        Some(number) => Ok(number),
        None => Ok(approval::pull_of(desk, None, "There is no pull request to change.").await?.number),
    }
}

/// The pull request, if it is ours.
pub(super) async fn discussion(desk: &Desk<'_>, number: PullRequestNumber) -> Result<Discussion, Stop> {
    let talk = desk.forge.discussion(number).await?;
    talk.filter(|talk| is_ours(desk, talk)).ok_or_else(|| {
        let what = format!("#{number} is not the agent's pull request for this issue.");
        Failure::new(Reason::StalePlan, what, "Ask on the pull request that is.").into()
    })
}

/// Whether the pull request is open, and still the agent's by its label.
pub(super) fn is_open(desk: &Desk<'_>, talk: &Discussion) -> Result<(), Stop> {
    let number = talk.pull.number;
    let over = |what: String| {
        let next = "Comment `/retry` on the issue to start again.";
        Err(Failure::new(Reason::StalePlan, what, next).into())
    };
    match talk.pull.stage {
        Stage::Open => {}
        Stage::Merged => return over(format!("#{number} is merged already.")),
        Stage::Closed => return over(format!("#{number} is closed.")),
    }
    let (names, operator) = (desk.record.names(), &desk.settings.labels);
    let is_ours =
        |label: &String| same_label(label, &names.generated) || same_label(label, &operator.generated);
    if !talk.labels.iter().any(is_ours) {
        return Err(Stop::CalledOff(format!("the label `{}` was taken off #{number}", names.generated)));
    }
    Ok(())
}

/// What a task goes on from that answers reviews in such a round, or does something else with the change.
pub(super) fn basis(talk: &Discussion, round: Option<usize>) -> Basis {
    Basis::Change {
        pull_request: talk.pull.number,
        round,
        is_outside_plan: talk.commits.last().is_some_and(|head| trailers::is_outside_plan(&head.message)),
    }
}
