//! What is *left* of the budgets, where the broker that keeps them is named.

use serde::Serialize;

use crate::budget::{Bank, BudgetError, Left, Scope};
use crate::llm::Usd;

/// How it stands with one ceiling.
#[derive(Clone, Debug, Serialize)]
pub struct Budget {
    /// None for the ceiling over all repositories.
    pub repository: Option<String>,
    pub period: &'static str,
    pub ceiling_usd: Usd,
    /// Spent, or reserved by runs that are at work or have died.
    pub counted_usd: Usd,
    pub left_usd: Usd,
}

impl Budget {
    fn of(left: &Left, repository: Option<&str>) -> Self {
        Self {
            repository: repository.map(str::to_owned),
            period: left.span.name(),
            ceiling_usd: left.ceiling,
            counted_usd: left.counted,
            left_usd: left.left(),
        }
    }

    /// In a sentence.
    pub(super) fn sentence(&self) -> String {
        let Self { repository, period, ceiling_usd, left_usd, .. } = self;
        let whose = repository.as_deref().unwrap_or("all repositories");
        format!("Left of the budget of {whose} for this {period} (UTC): {left_usd} of {ceiling_usd}")
    }
}

/// The ceilings over all repositories, then those of each of these.
pub(super) async fn left(bank: &Bank, repositories: &[(u64, String)]) -> Result<Vec<Budget>, BudgetError> {
    let mut all: Vec<Budget> = bank.left(None).await?.iter().map(|left| Budget::of(left, None)).collect();
    for (number, name) in repositories {
        let own = bank.left(Some((*number, name.as_str()))).await?;
        let own = own.iter().filter(|left| left.scope != Scope::Installation);
        all.extend(own.map(|left| Budget::of(left, Some(name))));
    }
    Ok(all)
}
