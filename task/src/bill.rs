//! A *bill* is what a run used of the model, for its readers: calls, tokens and money.
//!
//! Whatever came of the run, its bill is told: a failure costs as much as a pull request.

use std::fmt;

use serde::Serialize;

use crate::llm::{Llm, Spent};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// `provider:model`
    pub model: String,
    pub calls: u32,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// As it is shown, such as `$0.0123`; `None` where the price of the model is unknown.
    pub cost: Option<String>,
}

impl Bill {
    pub fn of(llm: &Llm, spent: Spent) -> Self {
        Self {
            model: llm.name(),
            calls: spent.calls,
            input_tokens: spent.input_tokens,
            output_tokens: spent.output_tokens,
            cost: llm.bill(spent.money),
        }
    }

    /// The bill of a run that asked a model; `None` if it asked none.
    pub fn if_asked(llm: &Llm, spent: Spent) -> Option<Self> {
        (spent.calls > 0).then(|| Self::of(llm, spent))
    }
}

/// In one line.
impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, calls, input_tokens, output_tokens, cost } = self;
        let cost = cost.as_deref().unwrap_or("cost not known");
        match calls {
            0 => return write!(f, "{model}, no model was asked, {cost}"),
            1 => write!(f, "{model}, 1 call")?,
            calls => write!(f, "{model}, {calls} calls")?,
        }
        write!(f, ", {input_tokens} tokens in, {output_tokens} out, {cost}")
    }
}
