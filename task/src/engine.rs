//! The *engine* is what resolves an issue: a language model, or rules alone.

use secrecy::SecretString;
use shared::env::Environment;

use crate::builtin;
use crate::llm::{ConfigError, Llm, Pricing, Usd};

/// See the module's documentation.
#[derive(Debug)]
pub enum Engine {
    /// Explicit requests by rule (see [`builtin`]): no model, no network, no cost.
    Rules,
    Model(Box<Llm>),
}

impl Engine {
    /// The engine that `name` asks for: `builtin`, or `provider:model` with what the environment says of its server.
    pub fn from_env(name: &str, env: &Environment) -> Result<Self, ConfigError> {
        match name {
            builtin::NAME => Ok(Self::Rules),
            spec => Ok(Self::Model(Box::new(Llm::from_env(spec, env)?))),
        }
    }

    /// The same engine at the price that the operator names for its model, or why it cannot be that.
    pub fn priced(self, pricing: Pricing) -> Result<Self, String> {
        match self {
            Self::Rules => Ok(Self::Rules),
            Self::Model(llm) => Ok(Self::Model(Box::new(llm.priced(pricing)?))),
        }
    }

    /// `builtin`, or `provider:model`.
    pub fn name(&self) -> String {
        self.model().map_or_else(|| builtin::NAME.to_owned(), Llm::name)
    }

    pub fn model(&self) -> Option<&Llm> {
        match self {
            Self::Rules => None,
            Self::Model(llm) => Some(llm),
        }
    }

    /// The key that calls are made with; nothing else may ever hold it.
    pub fn key(&self) -> Option<&SecretString> {
        self.model()?.key()
    }

    /// What was spent, for people: `None` where the price is not known.
    pub fn bill(&self, spent: Usd) -> Option<String> {
        match self {
            Self::Rules => Some("$0".to_owned()),
            Self::Model(llm) => llm.bill(spent),
        }
    }

    /// The same as a number; `None` where the price is not known.
    pub fn cost(&self, spent: Usd) -> Option<Usd> {
        self.bill(spent).map(|_| spent)
    }

    /// The most that so many calls of this size can cost; `None` where the price is not known.
    pub fn at_most(&self, prompt_tokens: u32, calls: u32) -> Option<Usd> {
        match self {
            Self::Rules => Some(Usd::ZERO),
            Self::Model(llm) => llm.at_most(prompt_tokens, calls),
        }
    }
}
