//! A *line* is a second connection to the broker, for what runs share: what they may spend, and how many go at once.
//!
//! It is made when it is needed, and made again when it was lost: what was held by it, such as a slot, is lost all the same.
//! It is not the one that holds the message, on which a refusal would look like the loss of the message.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};
use shared::broker::{Broker, confirming, leads_to};
use shared::env::catalog::{AGENT_AMQP_URL, AGENT_BROKER_MAX_WAIT};
use shared::env::{Environment, SettingError};
use shared::queue::BUDGET;
use tokio::sync::Mutex;

use super::{BrokerError, is_soft, within};

/// See the module's documentation.
pub struct Line {
    broker: Broker,
    name: String,
    max_wait: Duration,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Line {
    /// A broker that cannot be reached is tried again for `max_wait`.
    pub fn new(broker: &Broker, name: &str, max_wait: Duration) -> Self {
        Self {
            broker: broker.clone(),
            name: format!("{name} (shared)"),
            max_wait,
            connection: Mutex::new(None),
        }
    }

    /// For a command that takes no message: a line to the broker that is named, if one is. Nothing is asked yet.
    pub fn beside(env: &Environment, name: &str) -> Result<Option<Arc<Self>>, SettingError> {
        if env.find(&AGENT_AMQP_URL)?.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Self::new(&Broker::from_env(env)?, name, env.read(&AGENT_BROKER_MAX_WAIT)?))))
    }

    /// The connection there is, or a new one. Others wait for it meanwhile.
    pub async fn connection(&self) -> Result<Arc<Connection>, BrokerError> {
        let mut place = self.connection.lock().await;
        if let Some(connection) = place.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(Arc::clone(connection));
        }
        if place.take().is_some() {
            tracing::info!("the connection to the broker for what runs share was lost, connecting again");
        }
        let connection = Arc::new(super::connect(&self.broker, &self.name, self.max_wait).await?);
        *place = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Leaves a queue of that name at the broker, bound by it to [`BUDGET`], for so long. One that is there stays as it is.
    pub async fn remember(&self, name: &str, time: Duration) -> Result<(), BrokerError> {
        let connection = self.connection().await?;
        within(async {
            let channel = connection.create_channel().await?;
            // Whoever looks whether it is there leaves a message in it.
            match declare_bound(&channel, name, classic_for(time, 1)).await {
                Ok(_) => channel.close(200, "remembered".into()).await,
                // It was left for another time: the queue is there with other arguments. The channel is closed.
                Err(error) if is_soft(&error, AMQPSoftError::PRECONDITIONFAILED) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Whether [`Self::remember`] has left a queue of that name that is still there.
    pub async fn remembers(&self, name: &str) -> Result<bool, BrokerError> {
        let connection = self.connection().await?;
        within(async {
            let channel = confirming(&connection).await?;
            let leads = leads_to(&channel, name).await?;
            channel.close(200, "asked".into()).await?;
            Ok(leads)
        })
        .await
    }

    /// Says goodbye, and with that gives back every slot.
    pub async fn close(&self) {
        let connection = self.connection.lock().await.take();
        if let Some(connection) = connection.filter(|connection| connection.status().connected()) {
            super::close(&connection).await;
        }
    }
}

/// The arguments of a queue of the type `classic`, whatever the default of the virtual host is.
pub(super) fn classic() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    arguments
}

/// The same for a queue that deletes itself when nobody has asked for it for `stays`, and that holds as many messages.
pub(crate) fn classic_for(stays: Duration, messages: u64) -> FieldTable {
    let mut arguments = classic();
    let stays = i64::try_from(stays.as_millis()).unwrap_or(i64::MAX);
    arguments.insert("x-expires".into(), AMQPValue::LongLongInt(stays));
    let messages = i64::try_from(messages).unwrap_or(i64::MAX);
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(messages));
    arguments
}

/// Declares a queue that outlives the broker, and binds it by its own name to [`BUDGET`]. How many messages are in it.
pub(crate) async fn declare_bound(
    channel: &Channel,
    name: &str,
    arguments: FieldTable,
) -> Result<u64, lapin::Error> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(name.into(), options, arguments).await?;
    let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(name.into(), BUDGET.into(), name.into(), options, arguments).await?;
    Ok(declared.message_count().into())
}
