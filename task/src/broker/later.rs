//! *Later* is where a task waits that was asked to wait: by a model's server, or by GitHub.
//!
//! A message cannot be kept back where it is, so it is published again, to the exchange [`queue::LATER`], and the one that
//! is held is acknowledged once the broker has confirmed the other. Behind that exchange are queues of fixed times
//! ([`queue::DELAYS`]), whose messages go back to the tasks when their time is over. What the broker counted starts from
//! zero with that, so the message carries it: attempts that were spent, deliveries, and how often it was put off.

use jiff::Timestamp;
use lapin::Confirmation;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use shared::broker::{confirming, message_properties};
use shared::queue::{
    self, HEADER_ATTEMPTS, HEADER_BUDGET_UNITS, HEADER_BUDGET_WAITS, HEADER_DELIVERIES, HEADER_NOT_BEFORE,
    HEADER_PAUSES, HEADER_TURNS,
};
use tokio::time::timeout;

use super::{ANSWER_WITHIN, BrokerError, Held, not_given, number};

/// Headers that a message keeps when it is put off. Those of the broker are about its earlier way.
const KEPT: [&str; 3] = [queue::HEADER_DELIVERY_ID, queue::HEADER_TRACEPARENT, queue::HEADER_PUBLICATION];

/// What a task waits for that found no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetWait {
    /// What the next call to the model needs, in units of the budget.
    pub units: u32,
    /// How often it was put off for that.
    pub waits: u32,
}

/// What a message tells of its deliveries before it was last put off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Earlier {
    /// Attempts that were spent.
    pub(super) attempts: u32,
    /// Deliveries, also those that were no attempt.
    pub(super) deliveries: u32,
    pub(super) pauses: u32,
    pub(super) not_before: Option<Timestamp>,
    pub(super) budget: Option<BudgetWait>,
    /// How often it let others go first.
    pub(super) turns: u32,
}

impl Earlier {
    pub(super) fn of(headers: Option<&FieldTable>) -> Self {
        let value = |name: &str| headers?.inner().get(name);
        let time = match value(HEADER_NOT_BEFORE) {
            Some(AMQPValue::LongString(text)) => std::str::from_utf8(text.as_bytes()).ok(),
            _ => None,
        };
        let count = |name: &str| value(name).and_then(number);
        let budget = count(HEADER_BUDGET_UNITS).zip(count(HEADER_BUDGET_WAITS));
        Self {
            budget: budget.map(|(units, waits)| BudgetWait { units, waits }),
            turns: count(HEADER_TURNS).unwrap_or(0),
            attempts: count(HEADER_ATTEMPTS).unwrap_or(0),
            deliveries: count(HEADER_DELIVERIES).unwrap_or(0),
            pauses: count(HEADER_PAUSES).unwrap_or(0),
            not_before: time.and_then(|time| time.parse().ok()),
        }
    }

    fn headers(&self, of_before: Option<&FieldTable>) -> FieldTable {
        let mut headers = FieldTable::default();
        for name in KEPT {
            if let Some(value) = of_before.and_then(|table| table.inner().get(name)) {
                headers.insert(name.into(), value.clone());
            }
        }
        headers.insert(HEADER_ATTEMPTS.into(), AMQPValue::LongUInt(self.attempts));
        headers.insert(HEADER_DELIVERIES.into(), AMQPValue::LongUInt(self.deliveries));
        headers.insert(HEADER_PAUSES.into(), AMQPValue::LongUInt(self.pauses));
        if self.turns > 0 {
            headers.insert(HEADER_TURNS.into(), AMQPValue::LongUInt(self.turns));
        }
        if let Some(BudgetWait { units, waits }) = self.budget {
            headers.insert(HEADER_BUDGET_UNITS.into(), AMQPValue::LongUInt(units));
            headers.insert(HEADER_BUDGET_WAITS.into(), AMQPValue::LongUInt(waits));
        }
        if let Some(time) = self.not_before {
            headers.insert(HEADER_NOT_BEFORE.into(), AMQPValue::LongString(time.to_string().into()));
        }
        headers
    }
}

impl Held {
    /// How often the task was put off.
    pub fn pauses(&self) -> u32 {
        self.earlier().pauses
    }

    /// Before which time the task is not to be worked on.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.earlier().not_before
    }

    /// What the task waits for, if it was put off because there was no budget.
    pub fn budget_wait(&self) -> Option<BudgetWait> {
        self.earlier().budget
    }

    /// Returns when the broker has confirmed that it keeps the task until then, or a little longer. This message is still
    /// held, and has to be settled; the other one counts as having been put off so often.
    pub async fn put_off(&self, until: Timestamp, pauses: u32) -> Result<(), BrokerError> {
        self.keep(Earlier { pauses, ..self.going_on(until) }).await
    }

    /// The same for a task that found no budget, which is no pause that somebody asked for.
    pub async fn put_off_for_budget(&self, until: Timestamp, budget: BudgetWait) -> Result<(), BrokerError> {
        self.keep(Earlier { budget: Some(budget), ..self.going_on(until) }).await
    }

    /// How often the task let others go first.
    pub fn turn_waits(&self) -> u32 {
        self.earlier().turns
    }

    /// The same for a task that lets others go first, for so many times.
    pub async fn put_off_for_others(&self, until: Timestamp, turns: u32) -> Result<(), BrokerError> {
        self.keep(Earlier { turns, ..self.going_on(until) }).await
    }

    /// What the message carries on if nothing but its time changes.
    fn going_on(&self, until: Timestamp) -> Earlier {
        Earlier {
            attempts: self.attempt().saturating_sub(1),
            deliveries: self.delivery(),
            not_before: Some(until),
            ..self.earlier()
        }
    }

    async fn keep(&self, earlier: Earlier) -> Result<(), BrokerError> {
        let wait = earlier.not_before.map(|until| Timestamp::now().duration_until(until));
        let wait = wait.and_then(|wait| wait.try_into().ok()).unwrap_or_default();
        let delay = queue::delay_for(wait);
        let given = &self.message.properties;
        let headers = earlier.headers(given.headers().as_ref());
        let mut properties = message_properties("ai-agent", headers);
        if let Some(id) = given.message_id() {
            properties = properties.with_message_id(id.clone());
        }
        if let Some(priority) = given.priority() {
            properties = properties.with_priority(*priority);
        }
        let publishing = async {
            // Of its own: what is refused closes the channel, and the message is held by the other one.
            let channel = confirming(&self.connection).await.map_err(BrokerError::Lost)?;
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let (exchange, key) = (queue::LATER.into(), delay.queue.into());
            let sent = channel.basic_publish(exchange, key, options, self.body(), properties).await;
            match sent.map_err(not_given)?.await.map_err(not_given)? {
                Confirmation::Ack(None) => Ok(()),
                Confirmation::Ack(Some(_)) | Confirmation::Nack(_) | Confirmation::NotRequested => {
                    Err(BrokerError::NotKept)
                }
            }
        };
        timeout(ANSWER_WITHIN, publishing).await.map_err(|_| BrokerError::TimedOut)?
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_carried_comes_back_and_what_was_the_brokers_does_not() {
        let mut before = FieldTable::default();
        for name in KEPT.into_iter().chain(["x-death", "x-delivery-count"]) {
            before.insert(name.into(), AMQPValue::LongString("x".into()));
        }
        let earlier = Earlier {
            attempts: 1,
            deliveries: 7,
            pauses: 4,
            not_before: Some("2026-11-21T09:30:00Z".parse().unwrap()),
            budget: Some(BudgetWait { units: 12, waits: 3 }),
            turns: 2,
        };
        let headers = earlier.headers(Some(&before));
        assert_eq!(Earlier::of(Some(&headers)), earlier);
        let names: BTreeSet<&str> = headers.inner().keys().map(lapin::types::ShortString::as_str).collect();
        let ours = [
            HEADER_ATTEMPTS,
            HEADER_BUDGET_UNITS,
            HEADER_BUDGET_WAITS,
            HEADER_DELIVERIES,
            HEADER_NOT_BEFORE,
            HEADER_PAUSES,
            HEADER_TURNS,
        ];
        assert_eq!(names, KEPT.into_iter().chain(ours).collect());
    }

    #[test]
    fn a_message_that_was_never_put_off_carries_nothing() {
        assert_eq!(Earlier::of(None), Earlier::default());
        let mut odd = FieldTable::default();
        odd.insert(HEADER_NOT_BEFORE.into(), AMQPValue::LongString("soon".into()));
        odd.insert(HEADER_ATTEMPTS.into(), AMQPValue::LongInt(-1));
        assert_eq!(Earlier::of(Some(&odd)), Earlier::default());
    }
}
