//! How a run *ended*, why it stopped before its end, and which attempt at its task it was.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::budget::Shortage;
use crate::call::CallError;
use crate::lease::Lost;
use crate::outcome::{Exit, Failure, Reason};
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

/// What is told of an end.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// A line for the log.
    pub log: String,
    /// What happened, for a person at a terminal. It can hold what a server said.
    pub shown: String,
    /// What that person can do, a sentence; empty where there is nothing.
    pub next: String,
}

/// What is counted of an end. None of it holds anything of what anybody wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// How the run ended, in a word.
    pub(super) outcome: &'static str,
    /// Why it did not get to its end.
    pub(super) error: Option<String>,
}

/// How a task goes on after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// It has ended.
    Over,
    /// It is tried again, as often as its message is delivered.
    Retried,
    /// It waits, which spends no attempt.
    Waits(Wait),
    /// Whoever ended the run decides.
    Lost(Lost),
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Until(Timestamp),
    Budget(Shortage),
    /// Other runs of the same repository or person, as is named here.
    Others(&'static str),
}

impl Wait {
    /// How a process ends whose task waits in the queue. Waiting for budget or for others is no failure.
    pub fn exit(self) -> Exit {
        match self {
            Self::Until(_) => Exit::Passing,
            Self::Budget(_) | Self::Others(_) => Exit::Done,
        }
    }
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

    /// What is told of it.
    pub fn words(&self) -> Words {
        let same = |text: String| Words { log: text.clone(), shown: text, next: String::new() };
        let failed = |log: String, why: &str, next: &str| Words {
            log,
            shown: format!("error: {why}"),
            next: next.to_owned(),
        };
        let after = |until: &Timestamp| format!("Try again after {until}.");
        match self {
            Self::Done => same("done".to_owned()),
            Self::Already => same("done: nothing has to change".to_owned()),
            Self::Explained(reason) => Words {
                log: format!("explained on the issue: {reason:?}"),
                shown: format!("ended with an explanation on the issue ({reason:?})"),
                next: String::new(),
            },
            Self::Refused(_) => same("nothing to do: the requester has no write access".to_owned()),
            Self::Nothing(why) => same(format!("nothing to do: {why}")),
            Self::Passing(why) => failed(format!("transient error: {why}"), why, "Try again later."),
            Self::PutOff { why, until } => {
                failed(format!("has to wait until {until}: {why}"), why, &after(until))
            }
            Self::NoBudget { why, shortage } => {
                let until = &shortage.until;
                failed(format!("waits for budget until {until}: {why}"), why, &after(until))
            }
            Self::OthersFirst(whose) => {
                let log = format!("lets others go first: its {whose} has as many runs as may go at once");
                failed(log, &format!("as many runs of its {whose} go as may at once"), "Try again later.")
            }
            Self::Misconfigured(why) => {
                let next = "Run `ai-agent doctor` to find what to fix.";
                failed(format!("the operator has to fix something: {why}"), why, next)
            }
            Self::Lost(lost) => {
                let next = "Run the same command again to go on from there.";
                failed(lost.to_string(), &format!("{lost}; nothing more was written"), next)
            }
        }
    }

    /// What is counted of it.
    pub(super) fn kind(&self) -> Kind {
        let (outcome, error) = match self {
            Self::Done => ("done", None),
            Self::Already => ("already", None),
            Self::Nothing(_) | Self::Refused(_) => ("nothing", None),
            Self::Explained(reason) => ("failed", Some(reason.name())),
            Self::Passing(_) => ("retry", Some("transient".to_owned())),
            Self::PutOff { .. } => ("postponed", Some("rate-limit".to_owned())),
            Self::NoBudget { .. } => ("postponed", Some("budget".to_owned())),
            Self::OthersFirst(_) => ("postponed", Some("turn".to_owned())),
            Self::Misconfigured(_) => ("misconfigured", Some("misconfigured".to_owned())),
            Self::Lost(lost) => ("interrupted", Some(lost.kind().to_owned())),
        };
        Kind { outcome, error }
    }

    /// How the task goes on.
    pub fn onward(&self) -> Onward {
        match self {
            Self::Done | Self::Already | Self::Explained(_) | Self::Refused(_) | Self::Nothing(_) => {
                Onward::Over
            }
            // Credentials may be exchanged right now, and GitHub has refused good ones before. Nothing is lost while the
            // broker counts, and a Job that fails with a status of its own is what an operator sees.
            Self::Passing(_) | Self::Misconfigured(_) => Onward::Retried,
            Self::PutOff { until, .. } => Onward::Waits(Wait::Until(*until)),
            Self::NoBudget { shortage, .. } => Onward::Waits(Wait::Budget(*shortage)),
            Self::OthersFirst(whose) => Onward::Waits(Wait::Others(whose)),
            Self::Lost(lost) => Onward::Lost(*lost),
        }
    }

    /// How a process ends by it that nobody but a person starts again.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Misconfigured(_) => Exit::Usage,
            ended => match ended.onward() {
                Onward::Over => Exit::Done,
                Onward::Retried | Onward::Waits(_) => Exit::Passing,
                Onward::Lost(_) => Exit::Terminated,
            },
        }
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

#[cfg(test)]
mod tests {
    use shared::otlp::catalog::OUTCOME;

    use super::*;

    #[test]
    fn the_catalog_has_every_way_in_which_a_run_ends() {
        let (why, until) = (String::new, Timestamp::UNIX_EPOCH);
        let shortage = Shortage { units: 1, until };
        for ended in [
            Ended::Done,
            Ended::Already,
            Ended::Explained(Reason::Budget),
            Ended::Refused(Before::NotTold),
            Ended::Nothing(""),
            Ended::Passing(why()),
            Ended::PutOff { why: why(), until },
            Ended::NoBudget { why: why(), shortage },
            Ended::OthersFirst("person"),
            Ended::Misconfigured(why()),
            Ended::Lost(Lost::Deadline),
        ] {
            let Kind { outcome, .. } = ended.kind();
            assert!(OUTCOME.meaning.contains(&format!("`{outcome}`")), "{outcome}");
        }
    }
}
