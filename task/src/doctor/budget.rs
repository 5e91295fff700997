//! The *budget*: what is left of what all runs together may spend, and whether the broker counts it.

use std::sync::Arc;

use shared::queue::BUDGET;

use super::{About, Finding, Health};
use crate::broker::Line;
use crate::budget::{Bank, BudgetError, Budgets};
use crate::delivery::settings::Settings;

pub(super) async fn examine(delivery: &Settings, budgets: &Budgets) -> Vec<Finding> {
    let line = Arc::new(Line::new(&delivery.broker, "doctor", delivery.max_wait));
    let mut findings = counted(&line, budgets).await;
    if delivery.at_once.is_set() {
        findings.extend(places(&line).await);
    }
    line.close().await;
    findings
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

async fn counted(line: &Arc<Line>, budgets: &Budgets) -> Vec<Finding> {
    let Some(bank) = Bank::new(line, budgets) else { return Vec::new() };
    let left = match bank.left(None).await {
        Ok(left) => bank.can_count().await.map(|()| left),
        Err(error) => Err(error),
    };
    match left {
        Ok(left) if left.is_empty() => vec![Finding::good(
            About::Budget,
            "what repositories may spend is limited, and the broker can count it",
        )],
        Ok(left) => left
            .into_iter()
            .map(|found| {
                let what = found.to_string();
                if found.left() > crate::llm::Usd::ZERO {
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
