//! The *holder* of an issue is the run that works on it. Its status comment says so; this module reads from the comments
//! whether somebody else is in the way of a run that wants to begin.
//!
//! How it is told that a holder is gone:
//!
//! - The broker gives a message to one process at a time, and counts. A run of a *later delivery of the same task* knows
//!   that the earlier one has lost its message, and with it the right to write: it takes over at once.
//! - A run of the *same or an earlier* delivery is a double: the message was published twice. The other one works. So is a
//!   run of *another message* of the task, however often that was delivered.
//! - Whoever runs a task *by hand* has looked, and takes over.
//! - A run of *another task* is gone when the time for one run is over, and not before: if its process died, its own
//!   message comes back.
//!
//! A task that starts work (a label, an assignment, `/retry`) and was asked for before another such task of the same
//! issue got its answer was that one's wish as well: the label and the assignment of one person in one moment. A command
//! (`/approve`, `/revise`) is nobody else's: whoever gave it while another task is at work is told to repeat it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::mode::ModeKind;
use shared::task::Task;

use crate::record::status::{Holder, Phase, Status, StatusComment};

/// A run that wants to begin.
pub(super) struct Claimant<'a> {
    pub(super) task: &'a Task,
    pub(super) run: &'a Holder,
    /// The longest that a run takes.
    pub(super) deadline: Duration,
}

/// Why a run has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InTheWay {
    /// This task ended.
    Finished,
    /// The same task is being done.
    Double,
    /// Another task is being done, or waits to be done again.
    Other,
    /// Another task has answered what this one asks for.
    Answered,
}

impl InTheWay {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Finished => "this task was finished before",
            Self::Double => "another process works on this task",
            Self::Other => "another run works on the issue",
            Self::Answered => "another run answered this request",
        }
    }
}

/// Why this run has nothing to do, if so.
pub(super) fn in_the_way(claimant: &Claimant<'_>, statuses: &[StatusComment]) -> Option<InTheWay> {
    first_in_the_way(claimant, statuses.iter())
}

/// The same for a task that may come again after it has ended, whose own end is in nobody's way.
pub(super) fn at_work(claimant: &Claimant<'_>, statuses: &[StatusComment]) -> Option<InTheWay> {
    let own = claimant.task.id.to_string();
    let is_over = |said: &&StatusComment| said.status.task == own && said.status.phase == Phase::Ended;
    first_in_the_way(claimant, statuses.iter().filter(|said| !is_over(said)))
}

fn first_in_the_way<'s>(
    claimant: &Claimant<'_>,
    mut statuses: impl Iterator<Item = &'s StatusComment>,
) -> Option<InTheWay> {
    let own = claimant.task.id.to_string();
    statuses.find_map(|StatusComment { written_at, status, .. }| {
        let alive = is_alive(status, claimant);
        match status.phase {
            Phase::Ended if status.task == own => Some(InTheWay::Finished),
            Phase::Working if status.task == own && alive && !supersedes(claimant.run, status) => {
                Some(InTheWay::Double)
            }
            Phase::Working | Phase::Waiting if status.task != own && alive => Some(InTheWay::Other),
            Phase::Ended if is_answer(claimant.task, *written_at, status) => Some(InTheWay::Answered),
            _ => None,
        }
    })
}

fn is_alive(status: &Status, claimant: &Claimant<'_>) -> bool {
    let deadline = SignedDuration::try_from(claimant.deadline).unwrap_or(SignedDuration::MAX);
    let since = status.by.as_ref().map_or(status.since, |by| by.since);
    since.duration_until(claimant.run.since) < deadline
}

/// Whether this run may take the place of the one that wrote the status.
fn supersedes(run: &Holder, status: &Status) -> bool {
    let theirs = status.by.as_ref().and_then(|by| by.publication);
    let is_other = run.publication.zip(theirs).is_some_and(|(ours, theirs)| ours != theirs);
    match (run.delivery, status.by.as_ref().and_then(|by| by.delivery)) {
        (None, _) => true,
        (Some(_), Some(_)) if is_other => false,
        (Some(ours), Some(theirs)) => ours > theirs,
        (Some(_), None) => false,
    }
}

/// Both times are GitHub's, whose clock has whole seconds.
fn is_answer(task: &Task, answered_at: Timestamp, status: &Status) -> bool {
    let before = task.triggered_at.is_some_and(|asked_at| asked_at <= answered_at);
    let answered = status.answered.as_deref().and_then(ModeKind::named);
    before && answered.is_some_and(|answered| task.mode.kind().is_answered_by(answered))
}

#[cfg(test)]
mod tests;
