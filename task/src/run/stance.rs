//! The *stance* of a change: whether its reviewers are shown it now, or what it waits for.

use super::desk::Desk;
use super::ended::Stop;
use super::ending;
use crate::forge::model::{Checks, PullRequest};
use crate::record::status::Proposal;

/// Whether reviewers are shown a change now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    Ready,
    /// Somebody has to let its checks start first. Says why.
    Held(String),
    /// Its checks are not through yet.
    Unchecked,
    /// It changes files that the approved plan does not name: somebody looks at them first.
    OutsidePlan,
}

/// What a change of this task is to its reviewers before it has a pull request.
pub(super) async fn of(desk: &Desk<'_>, base: &str, proposal: &Proposal) -> Result<Stance, Stop> {
    if let Some(why) = &proposal.held {
        return Ok(Stance::Held(why.clone()));
    }
    if !proposal.unplanned.is_empty() {
        return Ok(Stance::OutsidePlan);
    }
    of_checks(desk, base).await
}

/// The same for a change that is not held back.
pub(super) async fn of_checks(desk: &Desk<'_>, base: &str) -> Result<Stance, Stop> {
    let (head, has_checks) = match desk.forge.checks_of(&desk.branch, base).await {
        Ok(checks) => checks,
        Err(error) => {
            // As long as the App may not see checks, nothing would ever end the wait.
            let error = ending::tolerated(desk, error)?;
            tracing::info!(%error, "the checks cannot be seen, so nothing waits for them");
            return Ok(Stance::Ready);
        }
    };
    Ok(match (head, has_checks) {
        (Checks::Passed, _) | (Checks::Absent, false) => Stance::Ready,
        // They have not begun yet, or not on every commit.
        (Checks::Absent | Checks::Running | Checks::Failed(_), _) => Stance::Unchecked,
    })
}

/// The same once the pull request is there: what ended before that, no event tells any more.
pub(super) async fn now(desk: &Desk<'_>, pull: &PullRequest, before: Stance) -> Result<Stance, Stop> {
    if before != Stance::Unchecked {
        return Ok(before);
    }
    match desk.forge.pull_request_checks(pull.number).await {
        Ok(now) if now.checks == Checks::Passed => Ok(Stance::Ready),
        Ok(_) => Ok(before),
        Err(error) => ending::tolerated(desk, error).map(|_| before),
    }
}
