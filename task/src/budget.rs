//! A *budget* is what all runs together may spend on models in a day or a month, for the installation and for each
//! repository. The broker keeps the count; nothing else does.
//!
//! For each ceiling and period there is a queue, a [`book`], that holds one message for each [`UNIT`] that is spent or
//! reserved. A run reserves a call at its worst case before it makes it: it publishes so many messages, waits for the
//! confirmations, then asks for the length, and goes on only if that is within the ceiling; else it takes its own
//! messages off again. After the call it takes off what the call did not use.
//!
//! Why the ceiling holds: of the calls that were let through in a period, look at the one that was measured last. By
//! then the messages of all of them were in the queue, those of the calls before it less what these did not use, and the
//! length was within the ceiling. A queue of the type `classic` has one process, which answers a question about the
//! length after everything that it has confirmed. A queue of the type `quorum` is not asked: its length may be told by a
//! member that is behind, and its limits are soft.
//!
//! What is lost on paper: a run that dies leaves its reservation in the queue, and a run that ends well at most one unit
//! for each queue, because whole units alone are counted. Nothing is ever lost the other way: messages are confirmed
//! when they are on the disk, and a removal that the broker forgets is one that counts too much.
//!
//! The period is the day, or the month, of UTC by [`clock`](crate::clock). A call is counted in one period; at its edge a
//! clock that is some seconds off counts calls to the neighbor, within that one's ceiling.

mod bank;
mod book;
mod door;
mod period;
mod purse;
pub mod turns;

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::env::catalog::{
    AGENT_BUDGET_DAY, AGENT_BUDGET_MONTH, AGENT_REPO_BUDGET_DAY, AGENT_REPO_BUDGET_MONTH, AGENT_REPO_BUDGETS,
};
use shared::env::setting::Setting;
use shared::env::{Environment, SettingError};

use crate::broker::BrokerError;
use crate::usd::{Usd, UsdError};

pub use bank::{Bank, Left};
pub use door::Door;
pub use period::Span;
pub use purse::{Draw, Purse};
pub use turns::Turns;

/// What one message of a book stands for: small against a call, so that rounding loses little, and large enough that a
/// queue stays short.
pub const UNIT: Usd = Usd::cents(5);

/// The highest ceiling: 200,000 messages, which take RabbitMQ 3.10 some 300 MB of memory and 4.0 some 45 MB.
const HIGHEST: Usd = Usd::cents(1_000_000);

/// What may be spent by all runs together; see the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    all: Ceilings,
    each: Ceilings,
    /// By the repository's path in small letters.
    single: BTreeMap<String, Ceilings>,
}

/// The ceilings of one scope; none where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ceilings {
    day: Option<Usd>,
    month: Option<Usd>,
}

/// Whose money it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Installation,
    /// By its number, which survives a renaming.
    Repository(u64),
}

/// One ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    scope: Scope,
    span: Span,
    ceiling: Usd,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What the task needs to get as far and make the next call, in units.
    pub units: u32,
    /// When a period begins in which nothing is spent yet.
    pub until: Timestamp,
}

/// Why a call may not be made, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    #[error(
        "the next call to the model may cost {needed}, and {counted} of the {ceiling} of {limit} are spent or reserved; raise \
         it, or wait until {}", shortage.until
    )]
    Reached { limit: String, counted: Usd, needed: Usd, ceiling: Usd, shortage: Shortage },
    #[error(
        "{what} to the model may cost {needed}, which is more than the {ceiling} of {limit}; raise it, or lower \
         AGENT_MAX_OUTPUT_TOKENS or AGENT_CONTEXT_TOKENS"
    )]
    TooLow { what: &'static str, limit: String, needed: Usd, ceiling: Usd },
    #[error(
        "the price of {model} is unknown, so its cost cannot be kept under {limit}; set AGENT_MODEL_PRICE to it (`free` if \
         nobody charges for it)"
    )]
    PriceUnknown { model: String, limit: String },
    #[error(
        "{most} calls to {provider} go on at once, and none of them ended for minutes; raise AGENT_MODEL_CALLS_AT_ONCE, or \
         wait"
    )]
    Busy { provider: String, most: u32 },
    #[error("the broker keeps no count of what is spent, so no call is made: {why}; {fix}")]
    Uncounted { why: String, fix: String, is_transient: bool },
}

impl BudgetError {
    /// Whether the same may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Reached { .. } | Self::Busy { .. } => true,
            Self::Uncounted { is_transient, .. } => *is_transient,
            Self::TooLow { .. } | Self::PriceUnknown { .. } => false,
        }
    }
}

impl From<BrokerError> for BudgetError {
    fn from(error: BrokerError) -> Self {
        let (why, is_transient) = (crate::causes::chain(&error), error.is_transient());
        let fix = match error {
            BrokerError::NoQueue(_) | BrokerError::NotKept => {
                format!(
                    "import the definitions of k8s/base/rabbitmq, which have the exchange `{0}` and let this user declare, \
                     write and read queues whose names begin with `{0}.`; delete a queue of such a name that is not of the \
                     type `classic`",
                    shared::queue::BUDGET
                )
            }
            error => error.fix().to_owned(),
        };
        Self::Uncounted { why, fix, is_transient }
    }
}

impl Budgets {
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        let amount = |setting: &Setting<String>| {
            env.find_as(setting, |text| {
                ceiling(text).map_err(|hint| hint.unwrap_or_else(|| setting.variable().form.hint()))
            })
        };
        let all = Ceilings { day: amount(&AGENT_BUDGET_DAY)?, month: amount(&AGENT_BUDGET_MONTH)? };
        let each =
            Ceilings { day: amount(&AGENT_REPO_BUDGET_DAY)?, month: amount(&AGENT_REPO_BUDGET_MONTH)? };
        let mut single = BTreeMap::new();
        for entry in env.find(&AGENT_REPO_BUDGETS)?.unwrap_or_default() {
            let refuse = |hint: Option<String>| {
                let hint = hint.unwrap_or_else(|| {
                    "use OWNER/NAME=DAY/MONTH in dollars, `-` for no ceiling, such as octo/hello=5/100"
                        .to_owned()
                });
                env.refuse(&AGENT_REPO_BUDGETS, &entry, hint)
            };
            let (name, amounts) = entry.split_once('=').ok_or_else(|| refuse(None))?;
            let (day, month) = amounts.split_once('/').ok_or_else(|| refuse(None))?;
            let read = |text: &str| match text {
                "-" => Ok(None),
                text => ceiling(text).map(Some).map_err(refuse),
            };
            let ceilings = Ceilings { day: read(day)?, month: read(month)? };
            if !name.contains('/') || single.insert(name.to_lowercase(), ceilings).is_some() {
                return Err(refuse(None));
            }
        }
        Ok(Self { all, each, single })
    }

    /// Whether anything is limited.
    pub fn is_set(&self) -> bool {
        let ceilings = [self.all, self.each];
        ceilings.iter().chain(self.single.values()).any(|limits| limits.day.or(limits.month).is_some())
    }

    /// Whether all repositories together are limited.
    pub fn limits_all(&self) -> bool {
        self.all.day.or(self.all.month).is_some()
    }

    /// The ceilings over a call for a repository, the narrowest first.
    fn of(&self, repository: u64, name: &str) -> Vec<Limit> {
        let own = self.single.get(&name.to_lowercase()).unwrap_or(&self.each);
        let mut limits = own.limits(Scope::Repository(repository));
        limits.extend(self.of_all());
        limits
    }

    /// The ceilings of the installation.
    fn of_all(&self) -> Vec<Limit> {
        self.all.limits(Scope::Installation)
    }
}

impl Ceilings {
    fn limits(self, scope: Scope) -> Vec<Limit> {
        let limit = |span, ceiling: Option<Usd>| ceiling.map(|ceiling| Limit { scope, span, ceiling });
        [limit(Span::Day, self.day), limit(Span::Month, self.month)].into_iter().flatten().collect()
    }
}

impl Limit {
    /// The ceiling in whole units.
    fn units(&self) -> u64 {
        self.ceiling.in_units_down(UNIT)
    }

    /// The setting that it comes from, for operators.
    fn setting(&self) -> &'static str {
        match (self.scope, self.span) {
            (Scope::Installation, Span::Day) => "AGENT_BUDGET_DAY",
            (Scope::Installation, Span::Month) => "AGENT_BUDGET_MONTH",
            (Scope::Repository(_), Span::Day) => "AGENT_REPO_BUDGET_DAY",
            (Scope::Repository(_), Span::Month) => "AGENT_REPO_BUDGET_MONTH",
        }
    }
}

/// Reads an amount; an error has words of its own where the form of the setting does not say it.
fn ceiling(text: &str) -> Result<Usd, Option<String>> {
    let amount: Usd = text.parse().map_err(|_: UsdError| None)?;
    if amount > HIGHEST {
        return Err(Some("use at most 10000, so that the broker can count it".to_owned()));
    }
    Ok(amount)
}

#[cfg(test)]
mod tests;
