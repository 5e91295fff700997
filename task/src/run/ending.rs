//! The *ending* of a run: its last words on the issue, and what becomes of the labels.

use shared::state::Event;

use super::desk::Desk;
use super::ended::{Attempt, Ended, Stop};
use super::work::Claim;
use crate::call::CallError;
use crate::outcome::{Exit, Failure, Reason};
use crate::record::comment;
use crate::record::status::{Phase, Status};

/// The last words of a run that got to its end.
pub(super) async fn done(desk: &Desk<'_>, claim: &Claim, text: &str) -> Result<(), Stop> {
    let status = desk.signed(Status::answered(desk.task));
    Ok(desk.record.say(&desk.gate, Some(claim.status), text, status).await.map(drop)?)
}

/// Tells why a run stopped before its end, as far as there is anything to tell.
pub(super) async fn stopped(desk: &Desk<'_>, stop: Stop) -> Ended {
    let told = match stop {
        Stop::Ended(ended) => return ended,
        Stop::Call(error) => return refused(desk, &error).await,
        Stop::CalledOff(why) => called_off(desk, &why).await.map(|()| Ended::Explained(Reason::Declined)),
        Stop::Failure(failure) if failure.reason.exit() == Exit::Passing => {
            interrupted(desk, &failure).await.map(|()| Ended::Passing(failure.what.clone()))
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

/// A call that was refused is told on the issue, if that is possible.
async fn refused(desk: &Desk<'_>, error: &CallError) -> Ended {
    let ended = Ended::of(error);
    let next = match error {
        CallError::Forbidden { .. } => "Ask who operates the agent to grant that permission.",
        CallError::Unauthorized { .. } => "Ask who operates the agent to renew its credentials.",
        _ => "Ask who operates the agent to look at its log.",
    };
    let told = match &ended {
        Ended::Lost(_) => return ended,
        Ended::Passing(_) => {
            let failure = Failure::new(Reason::Unavailable, error.to_string(), "");
            interrupted(desk, &failure).await
        }
        _ => failed(desk, &Failure::new(Reason::Provider, error.to_string(), next)).await,
    };
    if let Err(error) = told {
        tracing::warn!(%error, "the failure could not be told on the issue");
    }
    ended
}

async fn failed(desk: &Desk<'_>, failure: &Failure) -> Result<(), CallError> {
    desk.record.move_on(Event::Failed).await?;
    let failure = failure.clone().billed(desk.bill());
    last_word(desk, &comment::failed(&failure, desk.turn()), Status::answered(desk.task)).await
}

async fn interrupted(desk: &Desk<'_>, failure: &Failure) -> Result<(), CallError> {
    match desk.attempt {
        Attempt::MoreFollow(_) => {
            let kept = desk.own_status().and_then(|(_, own)| own.proposal);
            let status = Status::of(desk.task, Phase::Waiting, kept);
            let failure = failure.clone().billed(desk.bill());
            last_word(desk, &comment::waiting(&failure), status).await
        }
        Attempt::Last(_) | Attempt::ByHand => {
            let next = "It was tried several times. Wait until that has passed.";
            failed(desk, &Failure::new(failure.reason, failure.what.clone(), next)).await
        }
    }
}

async fn called_off(desk: &Desk<'_>, why: &str) -> Result<(), CallError> {
    desk.record.move_on(Event::Stopped).await?;
    let status = Status::of(desk.task, Phase::Ended, None);
    last_word(desk, &comment::stopped(why, desk.bill().as_ref(), desk.turn()), status).await
}

async fn last_word(desk: &Desk<'_>, text: &str, status: Status) -> Result<(), CallError> {
    desk.record.say_at_last(&desk.gate, None, text, desk.signed(status)).await
}
