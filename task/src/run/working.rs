//! What the status comment says while a run is *working*.

use jiff::Timestamp;
use shared::state::Event;
use tokio::sync::mpsc::UnboundedReceiver;

use super::desk::Desk;
use super::ended::{Ended, Stop};
use super::holder::{self, InTheWay};
use super::work::Claim;
use crate::outcome::capitalized;
use crate::progress::Step;
use crate::record::comment;
use crate::record::status::{FollowUp, Phase, Proposal, Status, StatusComment};
use crate::tracker::model::Milestone;

/// The first words of a run that claims an issue, or that takes the place of an earlier one of the same task. Returns the
/// status comment.
pub(super) async fn begin(desk: &Desk<'_>, earlier: Option<Status>) -> Result<u64, Stop> {
    let (now, status) = match earlier {
        None => ("Reading the repository", Status::of(desk.task, Phase::Working, None)),
        Some(status) => ("Resuming an earlier run of this task", Status { phase: Phase::Working, ..status }),
    };
    let comment = say(desk, None, &[], now, status).await?;
    // Labels decide nothing: the claim is the branch and this comment.
    if desk.task.mode.kind().shows_on_labels() {
        desk.record.relabel(Event::Start).await?;
        desk.shows(Milestone::Started).await?;
    }
    Ok(comment)
}

/// The first words of a repair. Nobody asked for it, and the labels stay.
pub(super) async fn begin_repair(desk: &Desk<'_>, since: Timestamp) -> Result<u64, Stop> {
    let status = Status { since, ..Status::of(desk.task, Phase::Working, None) };
    say(desk, None, &[], "Reading the repository and what the checks say", status).await
}

/// Gives way where a double of this task wrote its status comment before us: which of the two works, their order decides.
pub(super) async fn alone(desk: &Desk<'_>, status: u64, now: &[StatusComment]) -> Result<(), Stop> {
    let own = desk.task.id.to_string();
    let oldest = now.iter().find(|said| said.status.task == own);
    if oldest.is_none_or(|said| said.id >= status) {
        return Ok(());
    }
    desk.record.withdraw(&desk.gate, status).await?;
    Err(Stop::Ended(Ended::Nothing(InTheWay::Double.why())))
}

/// The same for a task whose first comment is its last one.
pub(super) async fn said_alone(desk: &Desk<'_>, is_first: bool) -> Result<(), Stop> {
    match desk.own_status() {
        Some((id, _)) if is_first => alone(desk, id, &desk.record.statuses_now().await?).await,
        _ => Ok(()),
    }
}

/// What is kept in the status comment of this task, whose commit is on the branch; `None` if the comment is gone. A double can
/// have made both since the comments were read: where one is at work or has ended, this run has nothing to do.
pub(super) async fn behind_commit(desk: &Desk<'_>) -> Result<Option<Status>, Stop> {
    let own = desk.task.id.to_string();
    let now = desk.record.statuses_now().await?;
    let Some(said) = now.into_iter().find(|said| said.status.task == own) else { return Ok(None) };
    if let Some(found) = holder::in_the_way(&desk.claimant(), std::slice::from_ref(&said)) {
        return Err(Stop::Ended(Ended::Nothing(found.why())));
    }
    desk.record.keep(&said);
    Ok(Some(said.status))
}

/// Shows the steps of the run in its status comment, one edit for each question to the model. What cannot be shown
/// does not stop the run. Nobody waits for what nobody asked for.
pub(super) async fn show_progress(desk: &Desk<'_>, claim: &Claim, mut steps: UnboundedReceiver<Step>) {
    let mut done: Vec<String> = Vec::new();
    while let Some(step) = steps.recv().await {
        match &step {
            Step::Read { .. } | Step::Chosen { .. } | Step::ReadingMore { .. } | Step::Correcting { .. } => {
                done.push(capitalized(&step.to_string()));
            }
            // An issue names no setting.
            Step::NoMore(why) => done.push(format!("The model can look no further: {why}")),
            Step::Asking { .. } if desk.task.mode.kind().is_asked_for() => {
                let now = capitalized(&step.to_string());
                let status = Status { since: claim.since, ..Status::of(desk.task, Phase::Working, None) };
                if let Err(error) = say(desk, Some(claim.status), &done, &now, status).await {
                    tracing::warn!(?error, "the progress could not be shown");
                }
            }
            _ => {}
        }
    }
}

/// Keeps what the model proposed, before anything of it is published.
pub(super) async fn keep(desk: &Desk<'_>, claim: &Claim, proposal: &Proposal) -> Result<(), Stop> {
    let done = ["Read the repository and asked the model".to_owned()];
    let status = Status::of(desk.task, Phase::Working, Some(proposal.clone()));
    let status = Status { since: claim.since, ..status };
    say(desk, Some(claim.status), &done, "Publishing the result", status).await.map(drop)
}

/// Keeps what reviewers are answered, before anything of it is said or committed.
pub(super) async fn keep_follow_up(desk: &Desk<'_>, claim: &Claim, kept: &FollowUp) -> Result<(), Stop> {
    let done = ["Read the reviews and asked the model".to_owned()];
    let status = Status {
        since: claim.since,
        follow_up: Some(kept.clone()),
        ..Status::of(desk.task, Phase::Working, None)
    };
    say(desk, Some(claim.status), &done, "Answering", status).await.map(drop)
}

async fn say(
    desk: &Desk<'_>,
    comment: Option<u64>,
    done: &[String],
    now: &str,
    status: Status,
) -> Result<u64, Stop> {
    let text = if desk.task.mode.kind().is_asked_for() {
        comment::working(desk.task.trigger_user.as_str(), done, now)
    } else {
        comment::repairing(done, now)
    };
    Ok(desk.record.say(&desk.gate, comment, &text, desk.signed(status)).await?)
}
