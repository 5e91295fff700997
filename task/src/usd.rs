//! An amount of *US dollars*, exact to 10⁻¹² dollars.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// Units of [`Usd`] in a dollar: so many that a price of one dollar per million tokens is a whole number per token.
const PER_DOLLAR: u64 = 1_000_000_000_000;

/// See the module's documentation. Sums saturate at about 18 million dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Usd(u64);

/// Why a text is not an amount of money.
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
    pub(crate) fn per_million(self, tokens: u64) -> Self {
        Self((self.0 / 1_000_000).saturating_mul(tokens))
    }

    /// How many tokens `self` pays for at so many dollars per million tokens.
    pub(crate) fn tokens_at(self, per_million: Self) -> u64 {
        self.0.checked_div(per_million.0 / 1_000_000).unwrap_or(u64::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), shown, "{text}");
        }
        for bad in ["", ".5", "-1", "1e3", "1.0000001", "$1", "99999999999"] {
            assert_eq!(bad.parse::<Usd>(), Err(UsdError(bad.to_owned())));
        }
    }
}
