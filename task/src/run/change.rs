//! A *change* of ours that has a pull request: what a task finds there that goes on with it, by answering its reviews or by
//! merging its base.

use std::fmt::Write as _;

use jiff::Timestamp;
use shared::issue::PullRequestNumber;
use shared::mode::CommandAt;
use shared::state::same_label;

use super::desk::Desk;
use super::ended::Stop;
use super::holder::{self, InTheWay};
use super::work::{Basis, Claim};
use super::{admission, approval, branch, commit, working};
use crate::context::secret_names;
use crate::forge::model::{ChangedFile, Discussion, Home, NewCommit, Stage};
use crate::outcome::{Failure, Reason};
use crate::record::status::{Phase, Status};

/// Characters of the diff that the model is shown.
const MAX_DIFF: usize = 24_000;
/// While another run is at work on the issue.
const WAITING: &str = "**Waiting** for another run on this issue. This one goes on by itself after that.";

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
        is_outside_plan: talk.commits.last().is_some_and(|head| commit::is_outside_plan(&head.message)),
    }
}

/// The right to work on the issue. Of two that take it at once, the one whose comment came first has it.
pub(super) async fn claim(
    desk: &Desk<'_>,
    talk: &Discussion,
    basis: Basis,
    earlier: Option<Status>,
) -> Result<Claim, Stop> {
    let since = earlier.as_ref().map_or_else(Timestamp::now, |status| status.since);
    let status = working::begin(desk, earlier).await?;
    let others = desk.record.statuses_now().await?;
    working::alone(desk, status, &others).await?;
    let others: Vec<_> = others.into_iter().filter(|said| said.id < status).collect();
    if holder::in_the_way(&desk.claimant(), &others) == Some(InTheWay::Other) {
        if desk.attempt.may_be_put_off() {
            let waiting = desk.signed(Status::of(desk.task, Phase::Waiting, None));
            desk.record.say(&desk.gate, Some(status), WAITING, waiting).await?;
        }
        return Err(admission::wait_turn(desk).await?);
    }
    Ok(Claim {
        head: talk.pull.head.commit.clone(),
        status,
        since,
        base: talk.pull.base.clone(),
        basis,
        proposal: None,
        plan: None,
    })
}

/// What files have become, as far as there is room for it, without those that hold secrets by their names.
pub(super) fn diff(files: &[ChangedFile]) -> String {
    let mut text = String::new();
    for ChangedFile { path, how, patch } in files {
        let patch = match patch.as_deref() {
            Some(_) if secret_names::may_be_secret(path) => secret_names::NOT_SHOWN,
            patch => patch.unwrap_or("(not shown)"),
        };
        let room = MAX_DIFF.saturating_sub(text.chars().count() + path.chars().count());
        let patch = if patch.chars().count() > room { "(too long to be shown here)" } else { patch };
        write!(text, "{path} ({how}):\n{patch}\n\n").expect("a String takes any text");
    }
    text
}
