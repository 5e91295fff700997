//! A *price* is what a model asks for a million tokens; the *price table* lists the models whose price is known, with the
//! date on which it was read.
//!
//! The table that is built in is `prices.toml`, beside the crate's manifest, with its sources. A file of the same form
//! replaces it.

use serde::Deserialize;

use super::prompt::Usage;
use super::provider::Provider;
use crate::usd::Usd;

/// Dollars per million tokens, by kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Rates {
    input: Usd,
    output: Usd,
    cache_read: Usd,
    cache_write: Usd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct LongRates {
    above: u64,
    #[serde(flatten)]
    rates: Rates,
}

/// What one model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Price {
    #[serde(flatten)]
    rates: Rates,
    long: Option<LongRates>,
}

impl Price {
    fn rates(&self, prompt_tokens: u64) -> &Rates {
        match &self.long {
            Some(long) if prompt_tokens > long.above => &long.rates,
            _ => &self.rates,
        }
    }

    /// How many tokens of a prompt an amount pays for.
    pub(crate) fn prompt_tokens_for(&self, amount: Usd) -> u64 {
        amount.tokens_at(self.rates.input)
    }

    /// What a call cost that used `usage`.
    pub fn of(&self, usage: &Usage) -> Usd {
        let rates = self.rates(usage.prompt_tokens());
        rates
            .input
            .per_million(usage.input_tokens)
            .plus(rates.output.per_million(usage.output_tokens))
            .plus(rates.cache_read.per_million(usage.cache_read_tokens))
            .plus(rates.cache_write.per_million(usage.cache_write_tokens))
    }

    /// The most that a call can cost: the whole prompt written to the cache or read afresh, and the whole allowance used.
    pub(crate) fn at_most(&self, prompt_tokens: u64, output_tokens: u64) -> Usd {
        let rates = self.rates(prompt_tokens);
        rates
            .input
            .max(rates.cache_write)
            .per_million(prompt_tokens)
            .plus(rates.output.per_million(output_tokens))
    }
}

/// What is known of the price of a model where it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pricing {
    /// Its tokens cost nothing: it runs on a machine of the operator's, or the operator says so.
    Free,
    Known(Price),
    /// The price table does not list it. A private address does not make it free: that is where companies put the
    /// gateways to what they pay for.
    Unknown,
}

impl Pricing {
    /// Reads `free`, or dollars for a million tokens in and out, such as `0.50/2.00`. Tokens of a cache count as those
    /// of the prompt.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "free" {
            return Some(Self::Free);
        }
        let (input, output) = text.split_once('/')?;
        let (input, output) = (input.trim().parse().ok()?, output.trim().parse().ok()?);
        let rates = Rates { input, output, cache_read: input, cache_write: input };
        Some(Self::Known(Price { rates, long: None }))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    date: String,
    model: Vec<Entry>,
}

/// One model of the table.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    provider: Provider,
    id: String,
    #[serde(flatten)]
    pub price: Price,
    /// Tokens of prompt and answer together.
    pub context_window: u32,
    /// The most tokens of one answer, thinking included.
    pub max_output: u32,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct PriceTable {
    file: File,
}

/// Why a file is no price table.
#[derive(Debug, thiserror::Error)]
#[error("the price table cannot be read: {0}")]
pub struct PriceTableError(#[from] toml::de::Error);

impl PriceTable {
    /// The table that was built in.
    pub(crate) fn built_in() -> Self {
        Self::parse(include_str!("../../prices.toml")).expect("a test reads the table that is built in")
    }

    pub fn parse(text: &str) -> Result<Self, PriceTableError> {
        Ok(Self { file: toml::from_str(text)? })
    }

    /// The day on which the prices were read, as the table writes it.
    pub fn date(&self) -> &str {
        &self.file.date
    }

    /// The model with this identifier, or the one whose dated snapshot it is (`-20251001`, `-2026-09-29`).
    pub fn find(&self, provider: Provider, id: &str) -> Option<&Entry> {
        self.file.model.iter().find(|entry| {
            entry.provider == provider && id.strip_prefix(entry.id.as_str()).is_some_and(is_date_or_empty)
        })
    }
}

fn is_date_or_empty(suffix: &str) -> bool {
    suffix.is_empty()
        || suffix.strip_prefix('-').is_some_and(|date| {
            date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
                && date.bytes().filter(u8::is_ascii_digit).count() == 8
        })
}

#[cfg(test)]
mod tests {
    use shared::env::catalog::AGENT_READ_ROUNDS;

    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn the_built_in_table_lists_every_default_model() {
        let table = PriceTable::built_in();
        assert_eq!(table.date(), "2026-11-21");
        for provider in [Provider::Anthropic, Provider::OpenAi] {
            assert!(table.find(provider, provider.default_model()).is_some(), "{provider}");
        }
    }

    #[test]
    fn a_price_is_free_or_two_amounts() {
        assert_eq!(Pricing::parse("free"), Some(Pricing::Free));
        let Some(Pricing::Known(price)) = Pricing::parse("0.50/2") else { panic!("no price") };
        assert_eq!(price.at_most(1_000_000, 1_000_000), usd("2.50"));
        for bad in ["", "Free", "0", "0.50", "0.50/", "/2", "a/b", "1/2/3", "-1/2", "$1/$2"] {
            assert_eq!(Pricing::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn snapshots_are_found_and_neighbours_are_not() {
        let table = PriceTable::built_in();
        let id = |id| table.find(Provider::Anthropic, id).map(|entry| entry.id.as_str());
        for (asked, found) in [
            ("claude-haiku-4-5", Some("claude-haiku-4-5")),
            ("claude-haiku-4-5-20251001", Some("claude-haiku-4-5")),
            ("claude-sonnet-5-5", Some("claude-sonnet-5-5")),
            ("claude-sonnet-5-6", None),
            ("claude-sonnet-5-5-fast", None),
            ("gpt-6.2-sol", None),
        ] {
            assert_eq!(id(asked), found, "{asked}");
        }
    }

    #[test]
    fn a_call_costs_what_each_kind_of_token_costs() {
        let table = PriceTable::built_in();
        let price = table.find(Provider::Anthropic, "claude-haiku-5-5").unwrap().price;
        let usage = |input_tokens, cache_read_tokens| Usage {
            input_tokens,
            cache_read_tokens,
            output_tokens: 1_000_000,
            cache_write_tokens: 0,
            ..Usage::default()
        };
        // At the threshold the whole request is at the lower rate, above it at the higher.
        assert_eq!(price.of(&usage(60_000, 40_000)), usd("0.5064"));
        assert_eq!(price.of(&usage(60_002, 40_000)), usd("2.532001"));
        assert_eq!(price.at_most(100_000, 1_000), usd("0.0130"));
    }

    /// The sum of the README, with the prices of the table.
    #[test]
    fn the_cost_of_a_typical_fix_is_computed() {
        const README: &str = include_str!("../../../README.md");
        let table = PriceTable::built_in();
        let price = &table.find(Provider::Anthropic, Provider::Anthropic.default_model()).unwrap().price;
        let cost = |usage: Usage| price.of(&usage);
        let prompt = cost(Usage { cache_write_tokens: 104_000, ..Usage::default() });
        let answer = cost(Usage { output_tokens: 1_500, ..Usage::default() });
        let sums = [prompt, answer, prompt.plus(answer)].map(|usd| usd.to_string());
        assert_eq!(sums, ["$0.2600", "$0.0150", "$0.2750"]);
        let flat = README.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "104,000 × $2.50 / 1,000,000 = $0.26, an answer of 1,500 tokens is 1,500 × $10 / 1,000,000 = $0.015, together $0.275",
            "`AGENT_MAX_COST`, $3.00",
            "at most eleven calls",
        ] {
            assert!(flat.contains(part), "the README does not say: {part}");
        }
        let rounds: u32 = shared::env::Environment::of([("", ""); 0]).read(&AGENT_READ_ROUNDS).unwrap();
        assert_eq!(rounds + crate::cycle::FIXED_CALLS, 11);
    }
}
