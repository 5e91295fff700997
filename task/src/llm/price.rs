//! A *price* is what a model asks for a million tokens; the *price table* lists the models whose price is known, with the
//! date on which it was read.
//!
//! The table that is built in is `prices.toml`, beside the crate's manifest, with its sources. A file of the same form
//! replaces it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::{Provider, Usage};

/// Units of [`Usd`] in a dollar: so many that a price of one dollar per million tokens is a whole number per token.
const PER_DOLLAR: u64 = 1_000_000_000_000;

/// An amount of US dollars, exact to 10⁻¹² dollars. Sums saturate at about 18 million dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Usd(u64);

/// Why a text is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount in dollars: use digits, at most six of them after the point, such as 2.50")]
pub struct UsdError(String);

impl Usd {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What `tokens` cost at `self` dollars per million tokens.
    #[must_use]
    fn per_million(self, tokens: u64) -> Self {
        Self((self.0 / 1_000_000).saturating_mul(tokens))
    }

    /// One part of `self` in so many.
    #[must_use]
    pub fn part(self, parts: u64) -> Self {
        Self(self.0 / parts.max(1))
    }

    /// How many times `unit` it takes to hold `self`.
    pub(crate) fn in_units_up(self, unit: Self) -> u64 {
        self.0.div_ceil(unit.0.max(1))
    }

    /// How often `unit` goes into `self`.
    pub(crate) fn in_units_down(self, unit: Self) -> u64 {
        self.0 / unit.0.max(1)
    }

    /// So many of `self`.
    pub(crate) fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// So many cents.
    pub(crate) const fn cents(cents: u64) -> Self {
        Self(cents * (PER_DOLLAR / 100))
    }

    /// As a number of dollars.
    pub fn dollars(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a measurement, not an account")]
        let dollars = self.0 as f64 / PER_DOLLAR as f64;
        dollars
    }

    /// Rounded up, for who keeps it.
    pub fn millionths(self) -> u64 {
        self.0.div_ceil(PER_DOLLAR / 1_000_000)
    }

    pub fn of_millionths(millionths: u64) -> Self {
        Self(millionths.saturating_mul(PER_DOLLAR / 1_000_000))
    }

    /// What is left of `self` once `spent` is gone; zero when more was spent.
    #[must_use]
    pub fn left_after(self, spent: Self) -> Self {
        Self(self.0.saturating_sub(spent.0))
    }
}

/// As a number of dollars, to a millionth.
impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "millionths of a dollar are far below 2^52")]
        let millionths = self.millionths() as f64;
        serializer.serialize_f64(millionths / 1_000_000.0)
    }
}

impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Self, UsdError> {
        let error = || UsdError(text.to_owned());
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > 6 || !digits(whole) || !digits(part) {
            return Err(error());
        }
        let whole: u64 = whole.parse().map_err(|_| error())?;
        let millionths: u64 = format!("{part:0<6}").parse().map_err(|_| error())?;
        whole
            .checked_mul(PER_DOLLAR)
            .and_then(|dollars| dollars.checked_add(millionths * 1_000_000))
            .map(Self)
            .ok_or_else(error)
    }
}

impl TryFrom<String> for Usd {
    type Error = UsdError;

    fn try_from(text: String) -> Result<Self, UsdError> {
        text.parse()
    }
}

impl fmt::Display for Usd {
    /// Cents from one dollar on, hundredths of a cent below; rounded up, so that no cost reads as nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= PER_DOLLAR {
            let cents = self.0.div_ceil(PER_DOLLAR / 100);
            write!(f, "${}.{:02}", cents / 100, cents % 100)
        } else {
            let parts = self.0.div_ceil(PER_DOLLAR / 10_000);
            write!(f, "${}.{:04}", parts / 10_000, parts % 10_000)
        }
    }
}

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
    pub fn prompt_tokens_for(&self, amount: Usd) -> u64 {
        let one = self.rates.input.0 / 1_000_000;
        amount.0.checked_div(one).unwrap_or(u64::MAX)
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
    pub fn at_most(&self, prompt_tokens: u64, output_tokens: u64) -> Usd {
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
    pub fn built_in() -> Self {
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
    fn amounts_are_read_exactly_and_shown_rounded_up() {
        for (text, shown) in [
            ("0", "$0.0000"),
            ("0.000001", "$0.0001"),
            ("0.0125", "$0.0125"),
            ("0.99999", "$1.0000"),
            ("1", "$1.00"),
            ("1.001", "$1.01"),
            ("12.50", "$12.50"),
        ] {
            assert_eq!(usd(text).to_string(), shown, "{text}");
        }
        for bad in ["", ".5", "-1", "1e3", "1.0000001", "$1", "99999999999"] {
            assert_eq!(bad.parse::<Usd>(), Err(UsdError(bad.to_owned())));
        }
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
