//! What a run says of errors that no answer of the model can mend.

use std::time::Duration;

use jiff::Timestamp;

use crate::context::index::IndexError;
use crate::context::walk::WalkError;
use crate::llm::LlmError;
use crate::outcome::{Failure, Reason, chain};

pub(super) fn not_walked(error: &WalkError) -> Failure {
    let next = match error {
        WalkError::TooManyPaths(_) | WalkError::TreeTooLarge(_) => {
            "Repositories of this size are not supported; no model was asked."
        }
        WalkError::TooSlow(_) => "Try again when the machine is less busy.",
        WalkError::Unsorted(_) => {
            "Look at `git fsck`, and commit the folder again with git: rename it, commit, and rename it back."
        }
        WalkError::Unreadable(_) => "Check the repository with `git fsck`; fetch what is missing.",
    };
    Failure::new(Reason::Repository, chain(error), next)
}

pub(super) fn not_indexed(error: &IndexError) -> Failure {
    let next = "There must be source or text files on the branch that is read; binary, generated and vendored \
                files do not count.";
    Failure::new(Reason::NothingToRead, error.to_string(), next)
}

pub(super) fn unanswered(error: &LlmError) -> Failure {
    let reason = match error {
        LlmError::Budget(_) => Reason::Budget,
        LlmError::Refused { .. } => Reason::Refused,
        LlmError::Truncated { .. } => Reason::Truncated,
        LlmError::ContextWindow { .. }
        | LlmError::SilentlyTruncated { .. }
        | LlmError::OverRateLimit { .. } => Reason::ContextWindow,
        LlmError::Empty { .. } | LlmError::TooLarge { .. } => Reason::BadAnswer,
        error if error.is_transient() => Reason::Unavailable,
        _ => Reason::Provider,
    };
    let next = "Try again, or choose another model.";
    let failure = match error {
        // These end in words of the server, semicolons and all.
        LlmError::BadRequest { .. } | LlmError::Refused { .. } => {
            Failure::new(reason, error.to_string(), next)
        }
        _ => Failure::of_message(reason, &error.to_string(), next),
    };
    let asked = error.retry_after().filter(|asked| *asked > WITHIN_AN_ATTEMPT);
    failure.not_before(asked.map(|asked| Timestamp::now().saturating_add(asked).unwrap_or(Timestamp::MAX)))
}

/// A shorter wait is over when the next attempt asks.
const WITHIN_AN_ATTEMPT: Duration = Duration::from_secs(30);
