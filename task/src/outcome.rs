//! An *outcome* is how a run ended: done, or a failure that names its reason, what happened, and what to do next.
//!
//! This is the one place where a reason is turned into an exit status.

use jiff::Timestamp;
use serde::Serialize;

use crate::bill::Bill;
use crate::budget::Shortage;

/// A run that ended without its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub reason: Reason,
    /// What happened, a sentence for the person who asked.
    pub what: String,
    /// What to do next, a sentence.
    pub next: String,
    /// Whether that is to raise a limit, which is the operator's to do.
    #[serde(skip)]
    pub is_limit: bool,
    /// What was spent until then, if a model was asked.
    #[serde(skip)]
    pub bill: Option<Box<Bill>>,
    /// Before which time it is of no use to try again: who was asked says so.
    #[serde(skip)]
    pub not_before: Option<Timestamp>,
    /// What is missing of what all runs together may spend, if that is what happened.
    #[serde(skip)]
    pub shortage: Option<Shortage>,
}

/// The kinds of failure. The wire name is the variant's in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// An argument, a file or a setting is wrong.
    Usage,
    /// The repository cannot be read, or is too large to be read.
    Repository,
    /// No file of the repository is source text that a model could read.
    NothingToRead,
    /// The model declined, or the rule-based engine did.
    Declined,
    /// The answer had neither edits nor a reason, twice.
    NoEdits,
    /// The edits did not fit the files, twice.
    EditsDoNotApply,
    /// The edits broke a file's syntax, twice.
    Syntax,
    /// The edits touch a path that may not be changed.
    Protected,
    /// The edits take tests away, or change nothing else, twice.
    WeakensTests,
    /// The edits left everything as it was.
    NoChange,
    /// The answer said that nothing has to change, and did not show it, twice.
    Unfounded,
    /// The answer was no plan, twice.
    NoPlan,
    /// The next call could cost more than is allowed.
    Budget,
    /// The provider's safety system refused to answer.
    Refused,
    /// The answer was longer than allowed and was cut.
    Truncated,
    /// The answer was empty or endless.
    BadAnswer,
    /// The conversation does not fit the model's context window.
    ContextWindow,
    /// The approved plan's inputs have moved.
    StalePlan,
    /// The branch is in other hands.
    Branch,
    /// The change holds something that looks like a secret.
    Secret,
    /// The provider cannot be used as configured: key, model name, spend limit.
    Provider,
    /// The provider is overloaded or cannot be reached; the same run may succeed later.
    Unavailable,
    /// Writing failed: disk full, no permission.
    Storage,
}

/// How a process ends; the values of `sysexits.h` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    CouldNotSolve = 1,
    Usage = 2,
    /// `EX_SOFTWARE`: the message is held by another process, or by none.
    LostLease = 70,
    /// `EX_TEMPFAIL`: a transient error, the same command may succeed later.
    Passing = 75,
    /// As a shell reports a process that SIGTERM ended.
    Terminated = 143,
}

impl Reason {
    /// As it is written on the wire.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    pub fn exit(self) -> Exit {
        match self {
            Self::Usage | Self::Repository | Self::Provider => Exit::Usage,
            Self::Unavailable => Exit::Passing,
            _ => Exit::CouldNotSolve,
        }
    }
}

impl Failure {
    pub fn new(reason: Reason, what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        Self { reason, what, next, is_limit: false, bill: None, not_before: None, shortage: None }
    }

    /// The same failure, where what to do next is to raise a limit.
    #[must_use]
    pub fn limited(self) -> Self {
        Self { is_limit: true, ..self }
    }

    /// The same failure, with what it cost.
    #[must_use]
    pub fn billed(self, bill: Option<Bill>) -> Self {
        Self { bill: bill.map(Box::new).or(self.bill), ..self }
    }

    /// The same failure, with a time before which it is of no use to try again.
    #[must_use]
    pub fn not_before(self, time: Option<Timestamp>) -> Self {
        Self { not_before: time, ..self }
    }

    /// Takes a message apart that says what to do after its last semicolon; `next` is for one that does not.
    pub fn of_message(reason: Reason, message: &str, next: &str) -> Self {
        match message.rsplit_once("; ") {
            Some((what, next)) => Self::new(reason, what, sentence(next)),
            None => Self::new(reason, message, next),
        }
    }
}

/// `text` with a capital at its beginning.
pub(crate) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// `text` with a capital at its beginning and a stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut sentence = capitalized(text.trim_end());
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart_at_its_last_semicolon() {
        for (message, what, next) in [
            ("no connection; check the network", "no connection", "Check the network."),
            ("a; b; was it copied whole?", "a; b", "Was it copied whole?"),
            ("an empty answer", "an empty answer", "Try again."),
        ] {
            let failure = Failure::of_message(Reason::Provider, message, "Try again.");
            assert_eq!(failure, Failure::new(Reason::Provider, what, next));
        }
    }
}
