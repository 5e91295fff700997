//! What a run says of errors that no answer of the model can fix.

use std::time::Duration;

use jiff::Timestamp;

use crate::budget::BudgetError;
use crate::causes::chain;
use crate::context::index::IndexError;
use crate::context::walk::WalkError;
use crate::llm::LlmError;
use crate::outcome::{Failure, Reason};

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
    if let LlmError::SharedBudget(error) = error {
        return unaffordable(error);
    }
    let reason = match error {
        LlmError::Budget(_) | LlmError::SharedBudget(_) => Reason::Budget,
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

/// What all runs together may spend is the operator's business: the issue is told what it means for it, the log the rest.
fn unaffordable(error: &BudgetError) -> Failure {
    tracing::warn!(error = error as &dyn std::error::Error, "the model is not asked");
    let ask = "Ask the agent's operator to check its log.";
    match error {
        BudgetError::Reached { shortage, .. } => {
            let what = "What the agent may spend on models for now is used up or reserved by other tasks.";
            Failure { shortage: Some(*shortage), ..Failure::new(Reason::Unavailable, what, "") }
        }
        BudgetError::Busy { .. } => {
            let what = "As many tasks ask the model at once as the agent allows.";
            let later = Timestamp::now().saturating_add(BUSY).unwrap_or(Timestamp::MAX);
            Failure::new(Reason::Unavailable, what, "").not_before(Some(later))
        }
        BudgetError::TooLow { .. } => {
            let what =
                "What this needs of the model may cost more than the agent may spend on models at all.";
            Failure::new(Reason::Budget, what, ask)
        }
        BudgetError::PriceUnknown { .. } => {
            let what =
                "The agent may spend a limited amount on models, and the price of this one is not known.";
            Failure::new(Reason::Provider, what, ask)
        }
        BudgetError::Uncounted { .. } => {
            let what =
                "What the agent spends on models cannot be counted at the moment, so it spends nothing.";
            Failure::new(Reason::Unavailable, what, ask)
        }
    }
}

/// How long a task waits that found the model busy with others.
const BUSY: Duration = Duration::from_mins(5);

/// A shorter wait is over when the next attempt asks.
const WITHIN_AN_ATTEMPT: Duration = Duration::from_secs(30);
