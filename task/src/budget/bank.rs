//! The *bank* is the broker as far as it keeps the budgets: it gives each run its purse, and tells what is left.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::book::{Book, Desk};
use super::period::Period;
use super::{BudgetError, Budgets, Limit, Purse, Scope, Shortage, Span, UNIT};
use crate::broker::Line;
use crate::clock;
use crate::usd::Usd;

/// See the module's documentation. Clones are the same one.
#[derive(Clone)]
pub struct Bank {
    line: Arc<Line>,
    budgets: Budgets,
}

/// How it stands with one ceiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub scope: Scope,
    pub span: Span,
    pub setting: &'static str,
    pub queue: String,
    pub ceiling: Usd,
    /// Spent, or reserved by runs that are at work or have died.
    pub counted: Usd,
    /// When the period ends that all of this is about.
    pub until: Timestamp,
}

impl Bank {
    /// None where nothing is limited: then the broker is asked for nothing.
    pub fn new(line: &Arc<Line>, budgets: &Budgets) -> Option<Self> {
        budgets.is_set().then(|| Self { line: Arc::clone(line), budgets: budgets.clone() })
    }

    /// For the calls of one run in a repository.
    pub fn purse(&self, repository: u64, name: &str) -> Purse {
        Purse::new(Arc::clone(&self.line), self.budgets.of(repository, name))
    }

    /// What is missing for so many units under the ceilings over a repository; `None` if nothing is. Nothing is reserved.
    pub async fn shortage(
        &self,
        repository: Option<(u64, &str)>,
        units: u32,
    ) -> Result<Option<Shortage>, BudgetError> {
        let mut shortage = None;
        for limit in self.limits(repository) {
            let now = clock::now();
            if self.counted(&limit.book(now)).await?.saturating_add(units.into()) > limit.units() {
                let until = Period::at(limit.span, now).end();
                let later = shortage.map_or(until, |found: Shortage| found.until.max(until));
                shortage = Some(Shortage { units, until: later });
            }
        }
        Ok(shortage)
    }

    /// How it stands with the ceilings of the installation, or with those of one repository.
    pub async fn left(&self, repository: Option<(u64, &str)>) -> Result<Vec<Left>, BudgetError> {
        let mut all = Vec::new();
        let is_asked_for = |limit: &Limit| (limit.scope == Scope::Installation) == repository.is_none();
        for limit in self.limits(repository).into_iter().filter(is_asked_for) {
            let now = clock::now();
            let book = limit.book(now);
            let counted = UNIT.times(self.counted(&book).await?);
            let Limit { scope, span, ceiling } = limit;
            let (setting, queue, until) =
                (limit.setting(), book.name().to_owned(), Period::at(span, now).end());
            all.push(Left { scope, span, setting, queue, ceiling, counted, until });
        }
        Ok(all)
    }

    /// Whether the broker counts: its exchange is there, and lets this user publish. Nothing is published to a queue.
    pub async fn can_count(&self) -> Result<(), BudgetError> {
        let desk = Desk::open(&self.line).await?;
        desk.can_publish().await?;
        desk.close().await;
        Ok(())
    }

    fn limits(&self, repository: Option<(u64, &str)>) -> Vec<Limit> {
        repository.map_or_else(|| self.budgets.of_all(), |(id, name)| self.budgets.of(id, name))
    }

    async fn counted(&self, book: &Book) -> Result<u64, BudgetError> {
        let connection = self.line.connection().await?;
        Ok(Desk::count(&connection, book).await?.unwrap_or(0))
    }
}

impl Left {
    /// What may still be spent.
    pub fn left(&self) -> Usd {
        self.ceiling.left_after(self.counted)
    }
}

/// In one line, for operators.
impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, queue, ceiling, counted, .. } = self;
        write!(f, "{setting}: {} of {ceiling} left; spent or reserved {counted} (`{queue}`)", self.left())
    }
}

impl fmt::Debug for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bank").field("budgets", &self.budgets).finish_non_exhaustive()
    }
}
