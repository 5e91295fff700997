//! A pull request that was *closed*: merged, or declined. The labels of its issue follow.
//!
//! The event says only that something was closed. What became of the pull request is asked, so a late or repeated event does
//! nothing that is not true by now.

use jiff::{SignedDuration, Timestamp};
use shared::state::Event;

use super::desk::Desk;
use super::ended::{Ended, Stop};
use super::holder;
use crate::forge::model::Stage;

/// When a run looks again that another one is in the way of.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn follow(desk: &Desk<'_>) -> Result<(), Stop> {
    let nothing = |why| Err(Stop::Ended(Ended::Nothing(why)));
    if holder::in_the_way(&desk.claimant(), desk.record.statuses()).is_some() {
        let why = "another run works on the issue, and its labels are that run's";
        if desk.attempt.may_be_put_off() {
            let until = Timestamp::now().saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
            return Err(Stop::Ended(Ended::PutOff { why: why.to_owned(), until }));
        }
        return nothing(why);
    }
    let pulls = desk.forge.pull_requests_of(&desk.branch).await?;
    let ours = |by| desk.forge.identity().is(by);
    if pulls.iter().any(|pull| pull.stage == Stage::Open) {
        return nothing("the issue has a pull request that is open");
    }
    let Some(newest) = pulls.iter().find(|pull| ours(pull.by.as_ref())) else {
        return nothing("the pull request is none of the agent's");
    };
    let (outcome, event) = match newest.stage {
        Stage::Merged => ("merged", Event::Finished),
        Stage::Open | Stage::Closed => ("declined", Event::Stopped),
    };
    // By this line an operator counts what became of them.
    tracing::info!(outcome, pull_request = %newest.number, "the pull request is closed");
    Ok(desk.record.move_on(event).await?)
}
