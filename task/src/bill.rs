//! A *bill* is what a run used of the model, for its readers: calls, tokens and money.
//!
//! Whatever came of the run, its bill is told: a failure costs as much as a pull request.

use std::fmt;

use serde::Serialize;
use shared::otlp;
use shared::otlp::catalog::{MODE, PROVIDER, REQUEST_MODEL, RUN_COST};

use crate::engine::Engine;
use crate::llm::{Spent, Usd};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// `provider:model`, or `builtin`.
    pub model: String,
    pub calls: u32,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// As it is shown, such as `$0.0123`; `None` where the price of the model is unknown.
    #[serde(skip)]
    pub cost: Option<String>,
    /// The same as a number.
    pub cost_usd: Option<Usd>,
}

impl Bill {
    pub fn of(engine: &Engine, spent: Spent) -> Self {
        Self {
            model: engine.name(),
            calls: spent.calls,
            input_tokens: spent.input_tokens,
            output_tokens: spent.output_tokens,
            cost: engine.bill(spent.money),
            cost_usd: engine.cost(spent.money),
        }
    }

    /// The bill of a run that used something of a model; `None` if it asked none, or no call came to anything.
    pub fn if_asked(engine: &Engine, spent: Spent) -> Option<Self> {
        (spent.input_tokens > 0 || spent.output_tokens > 0).then(|| Self::of(engine, spent))
    }

    /// Tells telemetry what it costs, in addition to what was told of it before; nothing where that is not known.
    pub fn measure(&self, mode: &str, before: Usd) {
        let Some(cost) = self.cost_usd.map(|cost| cost.left_after(before)) else { return };
        let (provider, model) = self.model.split_once(':').unwrap_or((self.model.as_str(), ""));
        let values = [(&MODE, mode), (&PROVIDER, provider), (&REQUEST_MODEL, model)];
        otlp::measure(&RUN_COST, cost.dollars(), &values);
    }
}

/// In one line.
impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, calls, input_tokens, output_tokens, cost, cost_usd: _ } = self;
        let cost = cost.as_deref().unwrap_or("cost not known");
        match calls {
            0 => return write!(f, "Rule-based change: no AI model was used, {cost}"),
            1 => write!(f, "{model}, 1 call")?,
            calls => write!(f, "{model}, {calls} calls")?,
        }
        write!(f, ", {input_tokens} tokens in, {output_tokens} out, {cost}")
    }
}
