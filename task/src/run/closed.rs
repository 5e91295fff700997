//! A pull request that was *closed*: merged, or declined. The labels of its issue follow, and its status where the tracker
//! has one for that.
//!
//! The event says only that something was closed. What became of the pull request is asked, so a late or repeated event does
//! nothing that is not true by now.

use shared::state::Event;

use super::desk::Desk;
use super::ended::{Ended, LOOK_AGAIN, Stop};
use super::{ending, holder};
use crate::forge::model::Stage;
use crate::tracker::model::Milestone;

pub(super) async fn follow(desk: &Desk<'_>) -> Result<(), Stop> {
    let nothing = |why| Err(Stop::Ended(Ended::Nothing(why)));
    if holder::in_the_way(&desk.claimant(), desk.record.statuses()).is_some() {
        let why = "another run works on the issue, and its labels are that run's";
        return Err(Stop::Ended(Ended::after_other(desk.attempt, why, LOOK_AGAIN)));
    }
    let pulls = desk.forge.pull_requests_of(&desk.branch).await?;
    let ours = |by| desk.forge.identity().is(by);
    if pulls.iter().any(|pull| pull.stage == Stage::Open) {
        return nothing("the issue has a pull request that is open");
    }
    let Some(newest) = pulls.iter().find(|pull| ours(pull.by.as_ref())) else {
        return nothing("the agent did not open the pull request");
    };
    let (outcome, event) = match newest.stage {
        Stage::Merged => ("merged", Event::Finished),
        Stage::Open | Stage::Closed => ("declined", Event::Stopped),
    };
    // By this line an operator counts what became of them.
    tracing::info!(outcome, pull_request = %newest.number, "the pull request is closed");
    desk.record.move_on(event).await?;
    if newest.stage != Stage::Merged {
        return Ok(());
    }
    // Labels say the same; the next sweep tries it again.
    if let Err(error) = desk.tracker.reached(&desk.issue.id, Milestone::Merged).await {
        let error = ending::tolerated(desk, error)?;
        tracing::warn!(%error, issue = %desk.issue.id, "the issue could not be moved on");
    }
    Ok(())
}
