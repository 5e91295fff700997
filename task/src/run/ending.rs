//! The *ending* of a run: its last words on the issue, and what becomes of the labels.

use jiff::{SignedDuration, Timestamp};
use shared::issue::PullRequestNumber;
use shared::state::{Event, State};

use super::desk::Desk;
use super::ended::{Attempt, Ended, Stop};
use super::work::Claim;
use super::{answers, no_issue};
use crate::call::{CallError, Service};
use crate::lease::Lost;
use crate::outcome::{Exit, Failure, Reason};
use crate::record::comment::{self, Links};
use crate::record::status::{Phase, Status};
use crate::tracker::model::{IssueState, Milestone};

/// The longest that a task waits by itself. Nobody remembers an issue that stirs after days.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// The last words of a run that got to its end. Where the issue does not take them, its pull request does.
pub(super) async fn done(
    desk: &Desk<'_>,
    claim: &Claim,
    pull_request: PullRequestNumber,
    text: &str,
) -> Result<(), Stop> {
    let status = desk.signed(Status::done(desk.task));
    let Err(error) = desk.record.say_at_last(&desk.gate, Some(claim.status), text, status).await else {
        return Ok(());
    };
    let error = tolerated(desk, error)?;
    tracing::warn!(%error, "the outcome could not be written to the issue");
    tell_on_pull_request(desk, pull_request, text).await
}

/// Lets a failure pass that decides nothing: what the task was for is there. One that may be over soon goes back to the
/// queue if there is another attempt, which completes what is missing.
pub(super) fn tolerated(desk: &Desk<'_>, error: CallError) -> Result<CallError, Stop> {
    let follows = matches!(desk.attempt, Attempt::MoreFollow(_));
    if matches!(error, CallError::Lost(_)) || (follows && error.is_passing()) {
        return Err(error.into());
    }
    Ok(error)
}

/// For words that the issue does not take.
async fn tell_on_pull_request(desk: &Desk<'_>, number: PullRequestNumber, text: &str) -> Result<(), Stop> {
    match desk.forge.create_comment(number, &desk.gate.body(text)).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = tolerated(desk, error)?;
            tracing::error!(%error, text, "the outcome could not be reported");
            Ok(())
        }
    }
}

/// Tells why a run stopped before its end, as far as there is anything to tell.
pub(super) async fn stopped(desk: &Desk<'_>, stop: Stop) -> Ended {
    // What nobody asked for has somewhere to be told once it has begun.
    let has_begun = desk.own_status().is_some_and(|(_, status)| status.phase != Phase::Ended);
    if !desk.task.mode.kind().is_asked_for() && !has_begun {
        return untold(desk, stop).await;
    }
    let told = match stop {
        Stop::Ended(ended) => return ended,
        Stop::Moved(failure) => failed(desk, &failure).await.map(|()| Ended::Explained(failure.reason)),
        Stop::Call(CallError::Locked { call, .. }) => {
            let failure = locked(desk, call.service());
            failed(desk, &failure).await.map(|()| Ended::Explained(failure.reason))
        }
        Stop::Call(error) => return refused(desk, &error).await,
        Stop::CalledOff(why) => called_off(desk, &why).await.map(|()| Ended::Explained(Reason::Declined)),
        Stop::Failure(failure) if failure.reason.exit() == Exit::Passing => {
            let last = "It was tried several times. Try again later.";
            interrupted(desk, &failure, last).await
        }
        Stop::Failure(failure) => failed(desk, &failure).await.map(|()| Ended::Explained(failure.reason)),
    };
    told.unwrap_or_else(|error| {
        if error.is_absence() {
            tracing::warn!(%error, "the issue is gone, and with it the place to tell how the task ended");
            return Ended::Explained(Reason::Usage);
        }
        Ended::of(&error)
    })
}

/// The end of what nobody asked for and nothing was begun for. That an issue elsewhere takes no words is said on the pull request.
async fn untold(desk: &Desk<'_>, stop: Stop) -> Ended {
    if let Stop::Call(error) = &stop
        && !matches!(desk.attempt, Attempt::MoreFollow(_))
        && !desk.tracker.is_read_with_code()
        && error.call().is_some_and(|call| call.service() == desk.tracker.service())
        && takes_no_words(error)
    {
        let failure = no_issue::mute(&desk.issue.id, error);
        if let Err(error) = no_issue::tell(desk.task, desk.forge, desk.records(), &desk.gate, &failure).await
        {
            return Ended::of(&error);
        }
    }
    stop.untold()
}

/// Whether an issue that could be read refuses what is written on it: it is archived, say.
fn takes_no_words(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Locked { .. }
            | CallError::Forbidden { .. }
            | CallError::Invalid { .. }
            | CallError::NotFound { .. }
            | CallError::Gone { .. }
    )
}

/// A thread of that service on which we may not say a word: the issue, or the pull request where that is kept elsewhere.
pub(super) fn locked(desk: &Desk<'_>, service: Service) -> Failure {
    let thread = if service == desk.tracker.service() { "issue" } else { "pull request" };
    let what = format!("The {thread} is locked, and {service} lets no App comment on a locked {thread}.");
    Failure::new(Reason::Usage, what, format!("Unlock the {thread}, then comment `/retry`."))
}

/// A call that was refused is told on the issue, if that is possible. Whatever it was, it may be right the next time:
/// credentials are exchanged, and GitHub has refused good ones before.
async fn refused(desk: &Desk<'_>, error: &CallError) -> Ended {
    let ended = Ended::of(error);
    let next = match error {
        CallError::Forbidden { .. } => "Ask the agent's operator to grant that permission.",
        CallError::Unauthorized { .. } => "Ask the agent's operator to renew its credentials.",
        _ => "Ask the agent's operator to check its log.",
    };
    let told = match &ended {
        Ended::Lost(_) => return ended,
        Ended::Passing(_) => {
            let failure = Failure::new(Reason::Unavailable, error.to_string(), "");
            interrupted(desk, &failure, "It was tried several times. Try again later.").await.map(drop)
        }
        Ended::PutOff { until, .. } => {
            let failure = Failure::new(Reason::Unavailable, error.to_string(), "").not_before(Some(*until));
            match interrupted(desk, &failure, "").await {
                Ok(ended) => return ended,
                Err(error) => Err(error),
            }
        }
        _ => {
            interrupted(desk, &Failure::new(Reason::Provider, error.to_string(), next), next).await.map(drop)
        }
    };
    if let Err(error) = told {
        tracing::warn!(%error, "the failure could not be written to the issue");
    }
    ended
}

/// Whether the labels tell how the task ends. They tell of the change, not of what comes after it, such as a command that
/// nothing was begun for, because its pull request was merged and has closed the issue.
fn shows_on_labels(desk: &Desk<'_>) -> bool {
    let is_done = desk.issue.state == IssueState::Closed && matches!(desk.record.state(), Ok(State::Done));
    let is_over = is_done && desk.own_status().is_none();
    desk.task.mode.kind().shows_on_labels() && !is_over
}

async fn relabel(desk: &Desk<'_>, event: Event) -> Result<(), Lost> {
    if shows_on_labels(desk) { desk.record.relabel(event).await } else { Ok(()) }
}

/// What names a setting is for the operator, so it is in the log; the issue says that it is there.
fn tell_operator(failure: &Failure) {
    if comment::is_for_operator(failure) {
        tracing::warn!(error = failure.what, fix = failure.next, "the operator has to fix something");
    }
}

async fn failed(desk: &Desk<'_>, failure: &Failure) -> Result<(), CallError> {
    tell_operator(failure);
    relabel(desk, Event::Failed).await?;
    if shows_on_labels(desk) {
        desk.shows(Milestone::Failed).await?;
    }
    let failure = failure.clone().billed(desk.bill());
    let kept = desk.own_status().and_then(|(_, own)| own.proposal);
    last_word(desk, &comment::failed(&failure, desk.turn()), Status::failed(desk.task, kept)).await
}

/// Tells a failure that passes, and answers how the run ends by that. `last` is what to do if no other attempt follows.
async fn interrupted(desk: &Desk<'_>, failure: &Failure, last: &str) -> Result<Ended, CallError> {
    let why = failure.what.clone();
    if let Some(shortage) = failure.shortage
        && desk.attempt != Attempt::ByHand
    {
        wait(desk, failure, Some(shortage.until), |failure| comment::out_of_budget(failure, shortage.until))
            .await?;
        return Ok(Ended::NoBudget { why, shortage });
    }
    if let Some(until) = failure.not_before {
        if Timestamp::now().duration_until(until) > LONGEST_WAIT {
            let next = format!("That is too long to wait for. Try again after {}.", comment::minute(until));
            failed(desk, &Failure::new(failure.reason, why, next)).await?;
            return Ok(Ended::Explained(failure.reason));
        }
        if desk.attempt.may_be_put_off() {
            wait(desk, failure, None, |failure| comment::paused(failure, until)).await?;
            return Ok(Ended::PutOff { why, until });
        }
    }
    match desk.attempt {
        Attempt::MoreFollow(_) => wait(desk, failure, None, comment::waiting).await?,
        Attempt::Last(_) | Attempt::ByHand => {
            let next = failure.not_before.map(|until| format!("Wait until {}.", comment::minute(until)));
            let next = next.unwrap_or_else(|| last.to_owned());
            failed(desk, &Failure::new(failure.reason, failure.what.clone(), next)).await?;
        }
    }
    Ok(Ended::Passing(why))
}

/// Tells that the task goes on by itself, perhaps only then.
async fn wait(
    desk: &Desk<'_>,
    failure: &Failure,
    until: Option<Timestamp>,
    text: impl FnOnce(&Failure) -> String,
) -> Result<(), CallError> {
    tell_operator(failure);
    let own = desk.own_status().map(|(_, own)| (own.proposal, own.already, own.follow_up));
    let (kept, already, follow_up) = own.unwrap_or_default();
    let status = Status { already, follow_up, until, ..Status::of(desk.task, Phase::Waiting, kept) };
    let failure = failure.clone().billed(desk.bill());
    desk.record.say_at_last(&desk.gate, None, &text(&failure), desk.signed(status)).await
}

async fn called_off(desk: &Desk<'_>, why: &str) -> Result<(), CallError> {
    relabel(desk, Event::Stopped).await?;
    let status = Status::of(desk.task, Phase::Ended, None);
    last_word(desk, &comment::stopped(why, desk.bill().as_ref(), desk.turn()), status).await
}

/// Says it on the pull request as well, where that is what the task is about: reviewers need not read the issue. Returns the
/// words for the issue, which lead there.
async fn tell_reviewers(desk: &Desk<'_>, text: &str) -> Result<String, Lost> {
    let Some(number) = desk.pull_request.filter(|_| desk.task.mode.kind().is_told_to_reviewers()) else {
        return Ok(text.to_owned());
    };
    match answers::tell(desk, number, text).await {
        Ok(comment) => {
            let links = Links { comment: Some(comment), ..Links::default() };
            Ok(comment::about(&desk.linked_to(number, links), text))
        }
        Err(CallError::Lost(lost)) => Err(lost),
        Err(error) => {
            tracing::warn!(%error, "the outcome could not be written to the pull request");
            Ok(text.to_owned())
        }
    }
}

/// Says it on the issue; where that does not take it, on the pull request that the task is about, if there is one.
async fn last_word(desk: &Desk<'_>, text: &str, status: Status) -> Result<(), CallError> {
    let on_issue = tell_reviewers(desk, text).await?;
    let told = desk.record.say_at_last(&desk.gate, None, &on_issue, desk.signed(status)).await;
    let Err(error) = &told else { return told };
    if !takes_no_words(error) {
        return told;
    }
    // Reviewers may have read it there already.
    if let Some(number) = desk.pull_request
        && answers::tell(desk, number, text).await.is_ok()
    {
        return Ok(());
    }
    tracing::error!(text, "the outcome could not be reported on the issue");
    match told {
        // Nobody but a person can change that, and three attempts say no more than one.
        Err(CallError::Locked { .. }) => Ok(()),
        told => told,
    }
}
