//! How a run *ended*, why it stopped before its end, and which attempt at its task it was.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::budget::Shortage;
use crate::call::CallError;
use crate::lease::Lost;
use crate::outcome::{Failure, Reason};
use crate::record::RecordError;

/// When a run that nobody waits for looks again, where another one is in its way.
pub(super) const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// How a run ended, for whoever settles the message.
#[derive(Debug)]
pub enum Ended {
    /// Everything is on GitHub.
    Done,
    /// The repository does what the issue asks for, and the issue says where.
    Already,
    /// The task cannot be done, and whoever asked can read why.
    Explained(Reason),
    /// Who asked may not ask.
    Refused(Before),
    /// Another run has the issue, or this task was finished before.
    Nothing(&'static str),
    /// The same task may succeed later.
    Passing(String),
    /// The same, and not before this time: who was asked says so.
    PutOff {
        why: String,
        until: Timestamp,
    },
    /// All runs together have spent what they may: the same task goes on when there is budget again.
    NoBudget {
        why: String,
        shortage: Shortage,
    },
    /// As many runs go of the task's repository or person, as is named here, as may at once; nothing was begun.
    OthersFirst(&'static str),
    /// The operator has to fix something first.
    Misconfigured(String),
    Lost(Lost),
}

/// Whether somebody who may not ask was told so on this thread before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Told,
    /// Or nobody looked.
    NotTold,
}

impl Ended {
    /// The end of a run whose call has no result, where nobody is told.
    pub(super) fn of(error: &CallError) -> Self {
        match error {
            CallError::Lost(lost) => Self::Lost(*lost),
            CallError::RateLimited { wait_seconds, .. } => {
                let until = Timestamp::now()
                    .saturating_add(Duration::from_secs(*wait_seconds))
                    .unwrap_or(Timestamp::MAX);
                Self::PutOff { why: error.to_string(), until }
            }
            error if error.is_passing() => Self::Passing(error.to_string()),
            error => Self::Misconfigured(error.to_string()),
        }
    }

    /// What becomes of a task that another run is in the way of: it comes again then, if it may.
    pub(super) fn after_other(attempt: Attempt, why: &'static str, time: SignedDuration) -> Self {
        if !attempt.may_be_put_off() {
            return Self::Nothing(why);
        }
        let until = Timestamp::now().saturating_add(time).unwrap_or(Timestamp::MAX);
        Self::PutOff { why: why.to_owned(), until }
    }
}

/// Why a run stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    Call(CallError),
    Failure(Failure),
    /// The branch is not where it was when the run read it.
    Moved(Failure),
    Ended(Ended),
    /// A person canceled it.
    CalledOff(String),
}

impl Stop {
    /// How a run ended whose task has no issue to tell it on.
    pub(super) fn untold(self) -> Ended {
        match self {
            Self::Ended(ended) => ended,
            Self::Call(error) => Ended::of(&error),
            Self::Failure(failure) | Self::Moved(failure) => {
                tracing::warn!(
                    what = failure.what,
                    "the task is refused, and nothing is written to the issue"
                );
                Ended::Explained(failure.reason)
            }
            Self::CalledOff(why) => {
                tracing::info!(why, "the task was canceled");
                Ended::Nothing("canceled")
            }
        }
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<RecordError> for Stop {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Call(error) => Self::Call(error),
            RecordError::TooLong(_) => {
                let what = "The answer is too long to be kept in a comment.";
                Self::Failure(Failure::new(Reason::BadAnswer, what, "Ask for a smaller change."))
            }
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Lost> for Stop {
    fn from(lost: Lost) -> Self {
        Self::Ended(Ended::Lost(lost))
    }
}

/// Which attempt at the task this is, and whether another one follows if it fails for a passing reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    MoreFollow(Delivery),
    Last(Delivery),
    /// Nobody tries again but the person who started this.
    ByHand,
}

/// A delivery of the task's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// From 1. It grows with each, also where the task was only put off, so that a later run is told from an earlier one.
    pub number: u32,
    /// Which message of the task it is a delivery of.
    pub publication: Option<u64>,
    /// How often the task may still be put off.
    pub pauses_left: u32,
}

impl Attempt {
    /// Which delivery this is.
    pub fn delivery(self) -> Option<Delivery> {
        match self {
            Self::MoreFollow(delivery) | Self::Last(delivery) => Some(delivery),
            Self::ByHand => None,
        }
    }

    /// Whether the task can wait without spending an attempt.
    pub fn may_be_put_off(self) -> bool {
        match self {
            Self::MoreFollow(delivery) | Self::Last(delivery) => delivery.pauses_left > 0,
            Self::ByHand => false,
        }
    }
}
