//! A *line* is a second connection to the broker, for what runs share: what they may spend, and how many go at once.
//!
//! It is made when it is needed. It is not the one that holds the message, on which a refusal would look like the loss of
//! the message.

use std::time::Duration;

use lapin::Connection;
use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use shared::broker::Broker;
use shared::queue::BUDGET;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::{ANSWER_WITHIN, BrokerError, not_given};

/// See the module's documentation.
pub struct Line {
    broker: Broker,
    name: String,
    max_wait: Duration,
    connection: OnceCell<Connection>,
}

impl Line {
    /// A broker that cannot be reached is tried again for `max_wait`.
    pub fn new(broker: &Broker, name: &str, max_wait: Duration) -> Self {
        Self {
            broker: broker.clone(),
            name: format!("{name} (shared)"),
            max_wait,
            connection: OnceCell::new(),
        }
    }

    pub async fn connection(&self) -> Result<&Connection, BrokerError> {
        self.connection.get_or_try_init(|| super::connect(&self.broker, &self.name, self.max_wait)).await
    }

    /// Leaves a queue of that name at the broker, bound by it to [`BUDGET`], for so long.
    pub async fn remember(&self, name: &str, time: Duration) -> Result<(), BrokerError> {
        let connection = self.connection().await?;
        let leaving = async {
            let channel = connection.create_channel().await?;
            let number = |value: u128| AMQPValue::LongLongInt(i64::try_from(value).unwrap_or(i64::MAX));
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
            arguments.insert("x-expires".into(), number(time.as_millis()));
            // Whoever looks whether it is there leaves a message in it.
            arguments.insert("x-max-length".into(), number(1));
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name.into(), options, arguments).await?;
            let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
            channel.queue_bind(name.into(), BUDGET.into(), name.into(), options, arguments).await?;
            channel.close(200, "remembered".into()).await
        };
        timeout(ANSWER_WITHIN, leaving).await.map_err(|_| BrokerError::TimedOut)?.map_err(not_given)
    }

    /// Says goodbye, and with that gives back every slot.
    pub async fn close(&self) {
        if let Some(connection) = self.connection.get() {
            super::close(connection).await;
        }
    }
}
