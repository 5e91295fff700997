//! A pull request that was *closed*: merged, or declined. The labels of its issue follow, and its status where the tracker
//! has one for that.
//!
//! The event says only that something was closed. What became of the pull request is asked, so a late or repeated event does
//! nothing that is not true by now. Each pull request is counted once, by the run that finds it first: where it is declined, a
//! label goes; where it is merged, all of them may stay, so it gets 🎉, which is there only once.

use shared::issue::PullRequestNumber;
use shared::state::{Event, State};

use super::desk::Desk;
use super::ended::{Ended, LOOK_AGAIN, Stop};
use super::{ending, holder, measured};
use crate::forge::model::{PullRequest, Stage};
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
    if newest.stage != Stage::Merged && is_closed_by_us(desk, newest) {
        return nothing("the agent closed the pull request, because nothing has to change");
    }
    let had_label = desk.record.state() != Ok(State::Idle);
    let (outcome, is_first) = if newest.stage == Stage::Merged {
        desk.record.move_on(Event::Finished).await?;
        ("merged", merged(desk, newest.number).await?)
    } else {
        desk.record.move_on(Event::Stopped).await?;
        ("declined", had_label)
    };
    if is_first {
        // By this line an operator counts what became of them.
        tracing::info!(outcome, pull_request = %newest.number, "the pull request is closed");
        measured::closed(outcome);
    }
    Ok(())
}

/// Whether the agent closed it, with the plan on it, because it found nothing to change.
fn is_closed_by_us(desk: &Desk<'_>, pull: &PullRequest) -> bool {
    let mut found = desk.record.statuses().iter().filter_map(|said| said.status.already.as_ref());
    found.any(|found| found.pull_request == Some(pull.number))
}

/// Moves the issue on and marks the merge. Answers whether it was not marked before. The labels say the same, so what cannot
/// be set is logged; a merge that cannot be marked is not counted.
async fn merged(desk: &Desk<'_>, pull_request: PullRequestNumber) -> Result<bool, Stop> {
    // The next sweep tries it again.
    if let Err(error) = desk.tracker.reached(&desk.issue.id, Milestone::Merged).await {
        let error = ending::tolerated(desk, error)?;
        tracing::warn!(%error, issue = %desk.issue.id, "the issue could not be moved on");
    }
    match desk.forge.celebrate(pull_request).await {
        Ok(is_first) => Ok(is_first),
        Err(error) => {
            let error = ending::tolerated(desk, error)?;
            tracing::warn!(%error, %pull_request, "the merge could not be marked, and is not counted");
            Ok(false)
        }
    }
}
