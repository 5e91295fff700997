//! A *line* is a second connection to the broker, for what runs share: what they may spend, and how many go at once.
//!
//! It is made when it is needed. It is not the one that holds the message, on which a refusal would look like the loss of
//! the message.

use std::time::Duration;

use lapin::Connection;
use shared::broker::Broker;
use tokio::sync::OnceCell;

use super::BrokerError;

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

    /// Says goodbye, and with that gives back every slot.
    pub async fn close(&self) {
        if let Some(connection) = self.connection.get() {
            super::close(connection).await;
        }
    }
}
