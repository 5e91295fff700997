//! The *margin* of a prompt is how many more tokens a provider may count than are estimated.
//!
//! The [estimate](crate::context::tokens) is fitted to tokenizers that are public, and newer models count more. So half as many
//! again are set aside, until the provider has said in this run how many tokens a prompt of that model had. From then on it is
//! what the highest of these counts makes of the estimate, with an eighth on top, because one text differs from the next. It
//! is never less than estimated.

use std::collections::BTreeMap;

/// See the module's documentation: what was counted so far, by model.
#[derive(Clone, Debug, Default)]
pub(super) struct Margins(BTreeMap<String, Count>);

/// What a provider counted for a prompt, and what was estimated for it.
#[derive(Clone, Copy, Debug)]
struct Count {
    counted: u64,
    estimated: u64,
}

impl Margins {
    /// How many tokens a prompt may be counted as.
    pub(super) fn at_most(&self, model: &str, estimated: u64) -> u64 {
        let likely = match self.0.get(model) {
            None => part(estimated, 3, 2),
            Some(count) => part(part(estimated, count.counted, count.estimated), 9, 8),
        };
        likely.max(estimated)
    }

    /// Notes what a prompt was counted as.
    pub(super) fn note(&mut self, model: &str, estimated: u64, counted: u64) {
        if estimated == 0 || counted == 0 {
            return;
        }
        let new = Count { counted, estimated };
        let highest = self.0.entry(model.to_owned()).or_insert(new);
        let product = |one: u64, other: u64| u128::from(one) * u128::from(other);
        if product(counted, highest.estimated) > product(highest.counted, estimated) {
            *highest = new;
        }
    }
}

/// So many parts of that many, rounded up.
fn part(of: u64, over: u64, under: u64) -> u64 {
    let parts = (u128::from(of) * u128::from(over)).div_ceil(u128::from(under.max(1)));
    u64::try_from(parts).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_count_of_the_model_decides() {
        let mut margins = Margins::default();
        assert_eq!(margins.at_most("a", 1_001), 1_502);
        margins.note("a", 1_000, 700);
        assert_eq!(margins.at_most("a", 1_000), 1_000, "never less than estimated");
        margins.note("a", 100, 120);
        assert_eq!(margins.at_most("a", 1_000), 1_350);
        margins.note("a", 10_000, 11_000);
        assert_eq!(margins.at_most("a", 1_000), 1_350, "a lower one changes nothing");
        assert_eq!(margins.at_most("b", 1_000), 1_500, "nor does that of another model");
        margins.note("b", 0, 7);
        margins.note("b", 7, 0);
        assert_eq!(margins.at_most("b", 1_000), 1_500);
        assert_eq!(margins.at_most("a", u64::MAX), u64::MAX);
    }
}
