//! Whether a task *waits*: for a time that was asked for, for budget, or for others of its repository or person. What waits is
//! published again, and spends no attempt.

use std::time::Duration;

use jiff::Timestamp;
use shared::message::Message;

use crate::broker::{BrokerError, BudgetWait, Held};
use crate::budget::{Bank, Shortage, Turns, turns};
use crate::run::Wait;

/// How long a task waits that found no budget before it is looked again: what runs did not use comes back soon, and an
/// operator may raise a ceiling at any time.
const BUDGET_LOOKS: [Duration; 3] =
    [Duration::from_mins(5), Duration::from_mins(15), Duration::from_mins(35)];
const LONGEST_BUDGET_LOOK: Duration = Duration::from_mins(65);

/// Whether a task is run now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Now,
    /// It was published again to wait.
    Later,
}

/// Looks at the broker alone whether a task may run now. Where it should wait and cannot, it runs.
pub(super) async fn start(held: &Held, turns: &Turns, bank: Option<&Bank>, message: &Message) -> Start {
    if let Some(until) = held.not_before().filter(|until| *until > Timestamp::now()) {
        match held.put_off(until, held.pauses()).await {
            Ok(()) => {
                tracing::info!(%until, "the task has to wait longer");
                return Start::Later;
            }
            Err(error) => not_put_off(&error),
        }
    }
    if let Some(wait) = held.budget_wait()
        && let Some(shortage) = still_short(bank, message, wait.units).await
    {
        match put_off_for_budget(held, shortage).await {
            Ok(()) => {
                tracing::info!(until = %shortage.until, waits = wait.waits, "there is still no budget");
                return Start::Later;
            }
            Err(error) => not_put_off(&error),
        }
    }
    let Some(whose) = turns.take(message).await else { return Start::Now };
    match put_off_for_others(held, whose).await {
        Ok(_) => Start::Later,
        Err(error) => {
            not_put_off(&error);
            Start::Now
        }
    }
}

/// Publishes a task again to wait; whether the broker keeps it.
pub(super) async fn put_off(held: &Held, wait: Wait) -> bool {
    let kept = match wait {
        Wait::Budget(shortage) => put_off_for_budget(held, shortage).await.map(|()| shortage.until),
        Wait::Others(whose) => put_off_for_others(held, whose).await,
        Wait::Until(until) => held.put_off(until, held.pauses() + 1).await.map(|()| until),
    };
    match kept {
        Ok(until) => {
            tracing::info!(%until, "task postponed");
            true
        }
        Err(error) => {
            not_put_off(&error);
            false
        }
    }
}

/// Whether a task that waits for budget has to wait on: whatever cannot be told is left to the run.
async fn still_short(bank: Option<&Bank>, message: &Message, units: u32) -> Option<Shortage> {
    let repository = match message {
        Message::Task(task) => task.repository_id.map(|id| (u64::from(id), task.repo.to_string())),
        Message::Jira(_) => None,
    };
    let repository = repository.as_ref().map(|(id, name)| (*id, name.as_str()));
    bank?.shortage(repository, units).await.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "what is left of the budget is not known");
        None
    })
}

/// Until when a task waits of whose repository or person as many runs go as may.
async fn put_off_for_others(held: &Held, whose: &str) -> Result<Timestamp, BrokerError> {
    let waits = held.turn_waits();
    let until = Timestamp::now().saturating_add(turns::wait(waits)).unwrap_or(Timestamp::MAX);
    held.put_off_for_others(until, waits.saturating_add(1)).await?;
    tracing::info!(whose, waits, %until, "others go first");
    Ok(until)
}

async fn put_off_for_budget(held: &Held, shortage: Shortage) -> Result<(), BrokerError> {
    let waits = held.budget_wait().map_or(0, |wait| wait.waits);
    let wait = usize::try_from(waits).ok().and_then(|waits| BUDGET_LOOKS.get(waits)).copied();
    let look = Timestamp::now().saturating_add(wait.unwrap_or(LONGEST_BUDGET_LOOK)).unwrap_or(Timestamp::MAX);
    let budget = BudgetWait { units: shortage.units, waits: waits.saturating_add(1) };
    // By a clock that is ahead the period is over already.
    let until = if shortage.until > Timestamp::now() { look.min(shortage.until) } else { look };
    held.put_off_for_budget(until, budget).await
}

fn not_put_off(error: &BrokerError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        fix = error.fix(),
        "the task cannot be postponed"
    );
}
