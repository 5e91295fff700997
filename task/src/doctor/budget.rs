//! The *budget*: what is left of what all runs together may spend, and whether the broker counts it.

use std::sync::Arc;

use shared::queue::BUDGET;

use super::github::Seen;
use super::{About, Finding, Health};
use crate::broker::Line;
use crate::budget::{Bank, BudgetError, Budgets, Left};
use crate::delivery::settings::Settings;
use crate::engine::Engine;
use crate::llm::Usd;

pub(super) async fn examine(delivery: &Settings, budgets: &Budgets, seen: Option<&Seen>) -> Vec<Finding> {
    let line = Arc::new(Line::new(&delivery.broker, "doctor", delivery.max_wait));
    let mut findings = counted(&line, budgets, seen).await;
    if delivery.at_once.is_set() {
        findings.extend(places(&line).await);
    }
    line.close().await;
    findings
}

/// That nothing limits what all runs together spend, where that is money.
pub(super) fn unlimited(budgets: &Budgets, engine: &Engine) -> Option<Finding> {
    if budgets.limits_all() || engine.at_most(1, 1) == Some(Usd::ZERO) {
        return None;
    }
    let what = "no ceiling for a day or a month is set: what one run may spend is limited, how many runs there are is not";
    let fix = "Set AGENT_BUDGET_DAY, such as 50 for as many dollars, or AGENT_BUDGET_MONTH.";
    Some(Finding::new(About::Budget, Health::Note, what).fix(fix))
}

/// Whether the broker gives out places for what goes on at once.
async fn places(line: &Line) -> Option<Finding> {
    match line.take_slot(&format!("{BUDGET}.calls.doctor"), 1).await {
        Ok(Some(slot)) => {
            slot.give_back().await;
            None
        }
        Ok(None) => None,
        Err(error) => Some(uncounted(&error.into())),
    }
}

/// What is left of the ceilings over all repositories, and of those over the one that was asked about.
async fn left(bank: &Bank, seen: Option<&Seen>) -> Result<Vec<(String, Left)>, BudgetError> {
    let of_all = bank.left(None).await?.into_iter().map(|found| (found.to_string(), found));
    let mut all: Vec<(String, Left)> = of_all.collect();
    if let Some((number, name)) = seen {
        let own = bank.left(Some((*number, name.as_str()))).await?;
        all.extend(own.into_iter().map(|found| (format!("{name}: {found}"), found)));
    }
    bank.can_count().await?;
    Ok(all)
}

async fn counted(line: &Arc<Line>, budgets: &Budgets, seen: Option<&Seen>) -> Vec<Finding> {
    let Some(bank) = Bank::new(line, budgets) else { return Vec::new() };
    match left(&bank, seen).await {
        Ok(left) if left.is_empty() => vec![Finding::good(
            About::Budget,
            "what repositories may spend is limited, and the broker can count it",
        )],
        Ok(left) => left
            .into_iter()
            .map(|(what, found)| {
                if found.left() > Usd::ZERO {
                    Finding::good(About::Budget, what)
                } else {
                    Finding::new(About::Budget, Health::Note, what)
                        .fix(format!("Tasks wait. To let them go on, raise {}.", found.setting))
                }
            })
            .collect(),
        Err(error) => vec![uncounted(&error)],
    }
}

fn uncounted(error: &BudgetError) -> Finding {
    let (what, fix) = match error {
        BudgetError::Uncounted { why, fix, .. } => {
            (format!("what is spent cannot be counted: {why}"), fix.as_str())
        }
        error => (error.to_string(), ""),
    };
    let fix = crate::outcome::sentence(fix);
    if error.is_transient() {
        Finding::new(About::Budget, Health::Away, what).fix(fix)
    } else {
        Finding::wrong(About::Budget, what, fix)
    }
}
