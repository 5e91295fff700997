//! A *ceiling* is what a run may spend on the model, in tokens and in money; the *ledger* keeps what it has spent.
//!
//! Every call is reserved before it is made, at the most that it can cost, and settled afterwards at what it did cost: a prompt
//! at the most tokens that it may be counted as ([`super::margin`]), an answer at its limit. A
//! reservation that is never settled, because the call was abandoned, stays spent. Where all runs together are limited,
//! the ledger draws each reservation from the run's [`Purse`] as well.

use shared::env::catalog::{AGENT_MAX_COST, AGENT_MAX_TOKENS, AGENT_UNKNOWN_PRICE};
use shared::env::{Environment, SettingError};

use super::error::{BudgetError, LlmError};
use super::margin::Margins;
use super::price::Pricing;
use super::prompt::{Counted, Usage};
use super::provider::Provider;
use crate::broker::Slot;
use crate::budget::{self, Door, Draw, Purse};
use crate::usd::{Usd, UsdError};

/// What a run may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Tokens of all prompts and answers together, cached ones included.
    pub tokens: u64,
    pub money: MoneyCeiling,
}

/// What a run may pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyCeiling {
    /// At most this; a model whose price is not known is refused.
    AtMost(Usd),
    /// At most this where the price is known; the tokens alone are limited where it is not.
    AtMostIfPriced(Usd),
}

/// What a ceiling may leave too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    Tokens,
    Money,
}

impl Ceiling {
    /// What of it is left once so much was spent.
    #[must_use]
    pub(crate) fn left_after(self, tokens: u64, money: Usd) -> Self {
        let left = match self.money {
            MoneyCeiling::AtMost(most) => MoneyCeiling::AtMost(most.left_after(money)),
            MoneyCeiling::AtMostIfPriced(most) => MoneyCeiling::AtMostIfPriced(most.left_after(money)),
        };
        Self { tokens: self.tokens.saturating_sub(tokens), money: left }
    }

    /// Whether nothing of it is left.
    pub(crate) fn is_spent(self) -> bool {
        let (MoneyCeiling::AtMost(left) | MoneyCeiling::AtMostIfPriced(left)) = self.money;
        self.tokens == 0 || left == Usd::ZERO
    }

    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        let money = env.read_as(&AGENT_MAX_COST, |text| {
            text.parse().map_err(|_: UsdError| AGENT_MAX_COST.variable().form.hint())
        })?;
        let money = match env.read(&AGENT_UNKNOWN_PRICE)? {
            "allow" => MoneyCeiling::AtMostIfPriced(money),
            _ => MoneyCeiling::AtMost(money),
        };
        Ok(Self { tokens: env.read(&AGENT_MAX_TOKENS)?, money })
    }
}

/// What a run has spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Calls that were made, failed ones included, but for those that were refused for a parameter and cost nothing.
    pub calls: u32,
    /// Of all prompts, cached ones included.
    pub input_tokens: u64,
    /// Of all answers, thinking included.
    pub output_tokens: u64,
    pub money: Usd,
}

impl Spent {
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    fn plus(&self, other: &Reserved) -> Self {
        Self {
            calls: self.calls,
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            money: self.money.plus(other.money),
        }
    }
}

/// What calls may use that are not settled.
#[derive(Clone, Copy, Debug, Default)]
struct Reserved {
    input_tokens: u64,
    output_tokens: u64,
    money: Usd,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Ledger {
    ceiling: Ceiling,
    spent: Spent,
    reserved: Reserved,
    margins: Margins,
    /// What all runs together may spend, if that is limited.
    purse: Option<Purse>,
    /// How many calls all runs together make at once, if that is limited.
    door: Option<Door>,
}

/// Leave for one call.
#[derive(Debug)]
#[must_use = "a reservation is settled with what the call used"]
pub(super) struct Reservation {
    model: String,
    /// Tokens of the prompt.
    estimated: u64,
    share: Reserved,
    pricing: Pricing,
}

impl Ledger {
    pub fn new(ceiling: Ceiling) -> Self {
        let (spent, reserved, margins) = (Spent::default(), Reserved::default(), Margins::default());
        Self { ceiling, spent, reserved, margins, purse: None, door: None }
    }

    /// The same, within what all runs together may spend.
    #[must_use]
    pub(crate) fn drawing_on(self, purse: Option<Purse>) -> Self {
        Self { purse, ..self }
    }

    /// The same, within how many calls all runs together make at once.
    #[must_use]
    pub(crate) fn entering_by(self, door: Option<Door>) -> Self {
        Self { door, ..self }
    }

    /// Returns when a call to the provider may begin.
    pub(super) async fn enter(
        &mut self,
        provider: Provider,
        reservation: Reservation,
    ) -> Result<(Reservation, Option<Slot>), budget::BudgetError> {
        let Some(door) = &self.door else { return Ok((reservation, None)) };
        match door.enter(provider.name()).await {
            Ok(slot) => Ok((reservation, Some(slot))),
            Err(error) => {
                self.withdraw(reservation);
                Err(error)
            }
        }
    }

    /// Ends a call: others may begin theirs, unless the provider asks to be left alone.
    pub(super) async fn leave(&self, slot: Option<Slot>, provider: Provider, failed: Option<&LlmError>) {
        let (Some(door), Some(slot)) = (&self.door, slot) else { return };
        if let Some(time) = failed.and_then(LlmError::retry_after) {
            door.leave_alone(provider.name(), time).await;
        }
        slot.give_back().await;
    }

    /// What was spent, with what abandoned calls may have cost.
    pub fn spent(&self) -> Spent {
        self.spent.plus(&self.reserved)
    }

    /// Which ceiling so many more calls of this size could pass, each at its most; `None` where they are within both. The
    /// prompt's tokens are estimated.
    pub(crate) fn lacks(
        &self,
        model: &str,
        pricing: Pricing,
        prompt_tokens: u64,
        output_tokens: u64,
        calls: u64,
    ) -> Option<Scarce> {
        let spent = self.spent();
        let prompt_tokens = self.margins.at_most(model, prompt_tokens);
        let tokens = prompt_tokens.saturating_add(output_tokens).saturating_mul(calls);
        if spent.tokens().saturating_add(tokens) > self.ceiling.tokens {
            return Some(Scarce::Tokens);
        }
        let Pricing::Known(price) = pricing else { return None };
        let (MoneyCeiling::AtMost(ceiling) | MoneyCeiling::AtMostIfPriced(ceiling)) = self.ceiling.money;
        let one = price.at_most(prompt_tokens, output_tokens);
        let money = (0..calls).fold(spent.money, |sum, _| sum.plus(one));
        (money > ceiling).then_some(Scarce::Money)
    }

    /// What the calls may cost together, where it is limited.
    pub(crate) fn money_ceiling(&self) -> Usd {
        let (MoneyCeiling::AtMost(ceiling) | MoneyCeiling::AtMostIfPriced(ceiling)) = self.ceiling.money;
        ceiling
    }

    /// Sets aside what a call of `model` can use at most, or says why it may not be made. The prompt's tokens are estimated.
    pub(super) fn reserve(
        &mut self,
        model: &str,
        pricing: Pricing,
        estimated: u64,
        output_tokens: u64,
    ) -> Result<Reservation, BudgetError> {
        let spent = self.spent();
        let prompt_tokens = self.margins.at_most(model, estimated);
        let tokens = prompt_tokens.saturating_add(output_tokens);
        if spent.tokens().saturating_add(tokens) > self.ceiling.tokens {
            return Err(BudgetError::Tokens {
                spent: spent.tokens(),
                needed: tokens,
                ceiling: self.ceiling.tokens,
            });
        }
        let money = match (pricing, self.ceiling.money) {
            (Pricing::Unknown, MoneyCeiling::AtMost(ceiling)) => {
                return Err(BudgetError::PriceUnknown { model: model.to_owned(), ceiling });
            }
            (Pricing::Unknown | Pricing::Free, _) => Usd::ZERO,
            (Pricing::Known(price), limit) => {
                let needed = price.at_most(prompt_tokens, output_tokens);
                let (MoneyCeiling::AtMost(ceiling) | MoneyCeiling::AtMostIfPriced(ceiling)) = limit;
                if spent.money.plus(needed) > ceiling {
                    return Err(BudgetError::Money { spent: spent.money, needed, ceiling });
                }
                needed
            }
        };
        self.spent.calls += 1;
        let share = Reserved { input_tokens: prompt_tokens, output_tokens, money };
        let reserved = &mut self.reserved;
        reserved.input_tokens = reserved.input_tokens.saturating_add(prompt_tokens);
        reserved.output_tokens = reserved.output_tokens.saturating_add(output_tokens);
        reserved.money = reserved.money.plus(money);
        Ok(Reservation { model: model.to_owned(), estimated, share, pricing })
    }

    /// Draws a reservation from what all runs together may spend; where it may not be made, it is taken back.
    pub(super) async fn draw(
        &mut self,
        model: &str,
        reservation: Reservation,
    ) -> Result<(Reservation, Option<Draw>), budget::BudgetError> {
        let Some(purse) = &mut self.purse else { return Ok((reservation, None)) };
        let drawn = match (reservation.pricing, purse.limited_by()) {
            (Pricing::Unknown, Some(limit)) => {
                let (model, limit) = (model.to_owned(), limit.to_owned());
                Err(budget::BudgetError::PriceUnknown { model, limit })
            }
            (Pricing::Known(_) | Pricing::Free | Pricing::Unknown, _) => {
                purse.draw(reservation.share.money).await
            }
        };
        match drawn {
            Ok(draw) => Ok((reservation, Some(draw))),
            Err(error) => {
                self.withdraw(reservation);
                Err(error)
            }
        }
    }

    /// Takes back a reservation whose call was not made.
    fn withdraw(&mut self, reservation: Reservation) {
        self.settle(reservation, &Usage::default());
        self.spent.calls -= 1;
    }

    /// Gives back what a call did not use of what was drawn for it.
    pub(super) async fn give_back(
        &mut self,
        draw: Option<Draw>,
        pricing: Pricing,
        usage: &Usage,
        failed: Option<&LlmError>,
    ) {
        let (Some(purse), Some(draw)) = (&mut self.purse, draw) else { return };
        let Pricing::Known(price) = pricing else { return };
        let is_whole = failed.is_none_or(LlmError::has_whole_answer) && usage.counted == Counted::ByProvider;
        // What a server refuses it does not charge for. Where an answer broke off, or a gateway gave up, the provider may
        // have gone on for itself, and nobody knows for how long: then all of it stays drawn.
        let was_refused = failed.is_some_and(LlmError::cost_nothing) && usage.total_tokens() == 0;
        if is_whole || was_refused {
            purse.settle(draw, price.of(usage)).await;
        }
    }

    /// Ends a call: its reservation is replaced by what it used. Where it failed, nothing came of its answer, and it may have
    /// cost something all the same, the reservation stays; then this is false.
    pub(super) fn end(&mut self, reservation: Reservation, usage: &Usage, failed: Option<&LlmError>) -> bool {
        let is_known = usage.total_tokens() > 0 || failed.is_none_or(LlmError::cost_nothing);
        if is_known {
            self.settle(reservation, usage);
        }
        is_known
    }

    /// Takes a call out of the count that the server refused for a parameter: the same question follows without it, and whoever
    /// reads a bill counts questions.
    pub(super) fn forget_refused(&mut self) {
        self.spent.calls = self.spent.calls.saturating_sub(1);
    }

    /// Replaces a reservation by what the call used.
    pub(super) fn settle(&mut self, reservation: Reservation, usage: &Usage) {
        let Reservation { model, estimated, share, pricing } = reservation;
        if usage.counted == Counted::ByProvider {
            self.margins.note(&model, estimated, usage.prompt_tokens());
        }
        let reserved = &mut self.reserved;
        reserved.input_tokens = reserved.input_tokens.saturating_sub(share.input_tokens);
        reserved.output_tokens = reserved.output_tokens.saturating_sub(share.output_tokens);
        reserved.money = reserved.money.left_after(share.money);
        self.spent.input_tokens = self.spent.input_tokens.saturating_add(usage.prompt_tokens());
        self.spent.output_tokens = self.spent.output_tokens.saturating_add(usage.output_tokens);
        if let Pricing::Known(price) = pricing {
            self.spent.money = self.spent.money.plus(price.of(usage));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{Provider, price::PriceTable};

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    fn sonnet() -> Pricing {
        Pricing::Known(PriceTable::built_in().find(Provider::Anthropic, "claude-sonnet-5-5").unwrap().price)
    }

    fn used(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, ..Usage::default() }
    }

    #[test]
    fn a_call_is_counted_at_its_most_until_it_is_settled() {
        let ceiling = Ceiling { tokens: 100_000, money: MoneyCeiling::AtMost(usd("0.30")) };
        let mut ledger = Ledger::new(ceiling);
        let call = ledger.reserve("m", sonnet(), 40_000, 8_000).unwrap();
        // Half as many again as 40,000, at the price of a cache write, 2.50, and 8,000 at 10.
        assert_eq!(
            ledger.spent(),
            Spent { calls: 1, input_tokens: 60_000, output_tokens: 8_000, money: usd("0.23") }
        );
        ledger.settle(call, &used(30_000, 1_000));
        assert_eq!(
            ledger.spent(),
            Spent { calls: 1, input_tokens: 30_000, output_tokens: 1_000, money: usd("0.07") }
        );
    }

    /// However much more than estimated a provider counts, if it is no more than half as many again and goes on as it began.
    #[test]
    fn no_more_is_spent_than_the_ceiling_whatever_the_provider_counts() {
        for percent in [1, 60, 99, 100, 101, 130, 149, 150] {
            for (tokens, money) in [(u64::MAX, "1.00"), (900_000, "99")] {
                let ceiling = Ceiling { tokens, money: MoneyCeiling::AtMost(usd(money)) };
                let mut ledger = Ledger::new(ceiling);
                let mut prompt = 12_345;
                while let Ok(call) = ledger.reserve("m", sonnet(), prompt, 8_000) {
                    // One text differs from the next.
                    let of_first = match ledger.spent().calls {
                        1 => 100,
                        even if even % 2 == 0 => 95,
                        _ => 105,
                    };
                    let counted = prompt * percent * of_first / 10_000;
                    let most = Usage { cache_write_tokens: counted, ..used(0, 8_000) };
                    ledger.settle(call, &most);
                    prompt += prompt / 3;
                }
                let spent = ledger.spent();
                assert!(spent.calls > 1, "{percent} %: {ledger:?}");
                assert!(spent.money <= usd(money) && spent.tokens() <= tokens, "{percent} %: {ledger:?}");
            }
        }
    }

    #[test]
    fn a_call_over_a_ceiling_is_refused_and_costs_nothing() {
        let ceiling = Ceiling { tokens: 50_000, money: MoneyCeiling::AtMost(usd("0.10")) };
        let mut ledger = Ledger::new(ceiling);
        assert_eq!(
            ledger.reserve("m", sonnet(), 30_000, 8_000).unwrap_err(),
            BudgetError::Tokens { spent: 0, needed: 53_000, ceiling: 50_000 }
        );
        assert_eq!(
            ledger.reserve("m", sonnet(), 20_000, 8_000).unwrap_err(),
            BudgetError::Money { spent: Usd::ZERO, needed: usd("0.155"), ceiling: usd("0.10") }
        );
        assert_eq!(ledger.spent(), Spent::default());
    }

    #[test]
    fn calls_to_come_are_held_against_what_is_left() {
        let ceiling = Ceiling { tokens: 100_000, money: MoneyCeiling::AtMost(usd("0.40")) };
        let mut ledger = Ledger::new(ceiling);
        assert_eq!(ledger.lacks("m", sonnet(), 26_000, 8_000, 2), None);
        assert_eq!(ledger.lacks("m", sonnet(), 26_000, 8_000, 3), Some(Scarce::Tokens));
        assert_eq!(ledger.lacks("m", sonnet(), 8_000, 37_000, 2), Some(Scarce::Money));
        assert_eq!(ledger.lacks("m", Pricing::Free, 8_000, 37_000, 2), None);
        drop(ledger.reserve("m", sonnet(), 26_000, 8_000).unwrap());
        assert_eq!(ledger.lacks("m", sonnet(), 26_000, 8_000, 1), None);
        assert_eq!(ledger.lacks("m", sonnet(), 26_000, 8_000, 2), Some(Scarce::Tokens));
    }

    #[test]
    fn money_is_limited_as_the_price_allows() {
        let model = || "openai:m".to_owned();
        let refused = BudgetError::PriceUnknown { model: model(), ceiling: usd("1") };
        for (pricing, money, expect) in [
            (Pricing::Unknown, MoneyCeiling::AtMost(usd("1")), Err(refused)),
            (Pricing::Unknown, MoneyCeiling::AtMostIfPriced(usd("1")), Ok(())),
            (Pricing::Free, MoneyCeiling::AtMost(Usd::ZERO), Ok(())),
        ] {
            let mut ledger = Ledger::new(Ceiling { tokens: u64::MAX, money });
            let outcome = ledger.reserve(&model(), pricing, 1_000, 1_000).map(|_| ());
            assert_eq!(outcome, expect, "{pricing:?} {money:?}");
        }
    }

    #[test]
    fn an_abandoned_call_stays_spent() {
        let mut ledger = Ledger::new(Ceiling { tokens: 3_000, money: MoneyCeiling::AtMost(Usd::ZERO) });
        drop(ledger.reserve("m", Pricing::Free, 1_000, 1_000).unwrap());
        assert_eq!(
            ledger.reserve("m", Pricing::Free, 1_000, 1_000).unwrap_err(),
            BudgetError::Tokens { spent: 2_500, needed: 2_500, ceiling: 3_000 }
        );
    }

    #[test]
    fn a_call_that_a_gateway_gave_up_on_stays_spent_and_one_that_was_refused_does_not() {
        let failed =
            |status| LlmError::BadRequest { provider: Provider::OpenAi, status, message: String::new() };
        let ceiling = Ceiling { tokens: 100_000, money: MoneyCeiling::AtMost(usd("0.40")) };
        for (status, usage, is_known, tokens, money) in [
            (503, Usage::default(), true, 0, "0"),
            (502, Usage::default(), false, 68_000, "0.23"),
            (502, used(30_000, 1_000), true, 31_000, "0.07"),
        ] {
            let mut ledger = Ledger::new(ceiling);
            let call = ledger.reserve("m", sonnet(), 40_000, 8_000).unwrap();
            assert_eq!(ledger.end(call, &usage, Some(&failed(status))), is_known, "{status}");
            let spent = ledger.spent();
            assert_eq!((spent.calls, spent.tokens(), spent.money), (1, tokens, usd(money)), "{status}");
        }
    }

    #[test]
    fn ceilings_are_read() {
        let read = |variables: &[(&str, &str)]| {
            Ceiling::from_env(&Environment::of(variables.iter().copied())).map_err(|error| error.to_string())
        };
        for (variables, expect) in [
            (&[][..], Ok(Ceiling { tokens: 1_000_000, money: MoneyCeiling::AtMost(usd("3")) })),
            (
                &[("AGENT_MAX_TOKENS", "9"), ("AGENT_MAX_COST", "0.5"), ("AGENT_UNKNOWN_PRICE", "allow")],
                Ok(Ceiling { tokens: 9, money: MoneyCeiling::AtMostIfPriced(usd("0.5")) }),
            ),
            (
                &[("AGENT_MAX_TOKENS", "1k")],
                Err("invalid number \"1k\" for AGENT_MAX_TOKENS: use a whole number of at least 1"),
            ),
            (
                &[("AGENT_MAX_COST", "$5")],
                Err(
                    "invalid amount \"$5\" for AGENT_MAX_COST: use dollars with at most six digits after the point, \
                     such as 2.50",
                ),
            ),
            (
                &[("AGENT_UNKNOWN_PRICE", "yes")],
                Err("invalid value \"yes\" for AGENT_UNKNOWN_PRICE: use refuse or allow"),
            ),
        ] {
            assert_eq!(read(variables), expect.map_err(str::to_owned), "{variables:?}");
        }
    }
}
