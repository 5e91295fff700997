//! The *queues* as a sweep uses them: it takes dead letters, counts the tasks that wait, and publishes tasks.
//!
//! Dead letters that are not settled go back when the connection is closed, in whatever way that happens. Each is taken
//! once in a sweep, because it is held until then.

use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Confirmation, Connection};
use shared::broker::{Broker, message_properties, with_priority};
use shared::message::Message;
use shared::queue;
use shared::trace::TraceContext;
use tokio::time::timeout;

use crate::broker::{self, BrokerError};

/// Time for one exchange with the broker.
const WITHIN: Duration = Duration::from_secs(15);

/// A connection with one channel for dead letters and one for publishing.
pub(super) struct Queue {
    connection: Connection,
    letters: Channel,
    publishing: Channel,
}

/// A dead letter. It goes back to its queue unless it is settled.
pub(super) struct Letter {
    delivery: Delivery,
}

/// Why a message became a dead letter, by the broker's header `x-death`
/// (<https://www.rabbitmq.com/docs/dlx#effects>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// No attempt came to an end.
    DeliveryLimit,
    /// The program set it aside.
    Rejected,
    /// For some other reason, or for none that is told.
    Other(String),
}

/// Why the broker did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueError {
    #[error(transparent)]
    Connect(#[from] BrokerError),
    #[error("the broker failed at {call}: {source}")]
    Failed { call: &'static str, source: lapin::Error },
    #[error("the broker did not answer {0} in time")]
    TimedOut(&'static str),
    #[error("the broker has no queue `{0}`")]
    NoQueue(&'static str),
    #[error("the channel that holds the dead letters was closed")]
    Unsent,
    #[error("the queue of tasks is full")]
    Refused,
    #[error("the task cannot be written: {0}")]
    Message(#[from] serde_json::Error),
}

async fn within<T>(
    call: &'static str,
    exchange: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, QueueError> {
    match timeout(WITHIN, exchange).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(source)) => Err(QueueError::Failed { call, source }),
        Err(_) => Err(QueueError::TimedOut(call)),
    }
}

impl Queue {
    pub(super) async fn connect(broker: &Broker, max_wait: Duration) -> Result<Self, QueueError> {
        let connection = broker::connect(broker, "sweep", max_wait).await?;
        let letters = within("a channel", connection.create_channel()).await?;
        let publishing = within("a channel", connection.create_channel()).await?;
        within("confirm mode", publishing.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Self { connection, letters, publishing })
    }

    /// The next dead letter that this sweep has not seen.
    pub(super) async fn next_letter(&self) -> Result<Option<Letter>, QueueError> {
        let get = self.letters.basic_get(queue::DEAD_LETTERS.into(), BasicGetOptions::default());
        let message = within("taking a dead letter", get).await?;
        Ok(message.map(|message| Letter { delivery: message.delivery }))
    }

    /// How many tasks wait to be taken, now or later. Those that a run holds are not among them.
    pub(super) async fn waiting(&self) -> Result<u32, QueueError> {
        let mut waiting = self.count(queue::TASKS).await?;
        for delay in &queue::DELAYS {
            waiting += match self.count(delay.queue).await {
                // A broker with the definitions of an earlier release: nothing can wait there.
                Err(QueueError::NoQueue(_)) => 0,
                counted => counted?,
            };
        }
        Ok(waiting)
    }

    async fn count(&self, name: &'static str) -> Result<u32, QueueError> {
        // A missing queue closes the channel that asked.
        let channel = within("a channel", self.connection.create_channel()).await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(name.into(), options, FieldTable::default());
        match within("counting tasks", declared).await {
            Ok(found) => {
                within("closing a channel", channel.close(200, "asked".into())).await?;
                Ok(found.message_count())
            }
            Err(QueueError::Failed { .. }) if self.connection.status().connected() => {
                Err(QueueError::NoQueue(name))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns when the broker has confirmed that it keeps the task.
    pub(super) async fn publish(&self, message: &Message) -> Result<(), QueueError> {
        let body = message.to_bytes()?;
        let mut headers = FieldTable::default();
        let trace = TraceContext::of_task(message.id()).to_string();
        headers.insert(queue::HEADER_TRACEPARENT.into(), AMQPValue::LongString(trace.into()));
        let properties =
            message_properties("sweep", headers).with_message_id(message.id().to_string().into());
        let properties = with_priority(properties, message.priority());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let publishing = async {
            let (exchange, key) = (queue::EXCHANGE.into(), queue::TASKS.into());
            self.publishing.basic_publish(exchange, key, options, &body, properties).await?.await
        };
        match within("publishing", publishing).await? {
            Confirmation::Ack(None) => Ok(()),
            // Confirmed, but only as returned: nobody keeps it.
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                Err(QueueError::NoQueue(queue::TASKS))
            }
            Confirmation::Nack(None) | Confirmation::NotRequested => Err(QueueError::Refused),
        }
    }

    /// Gives back what is still held, and says goodbye.
    pub(super) async fn close(&self) -> Result<(), QueueError> {
        within("the close", self.connection.close(200, "swept".into())).await
    }
}

impl Letter {
    pub(super) fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    pub(super) fn death(&self) -> Death {
        Death::of(self.delivery.properties.headers().as_ref())
    }

    /// Takes the letter off the queue for good.
    pub(super) async fn settle(&self) -> Result<(), QueueError> {
        let sent =
            within("settling a dead letter", self.delivery.acker.ack(BasicAckOptions::default())).await?;
        // Otherwise the channel is gone, and the letter is back in its queue.
        if sent { Ok(()) } else { Err(QueueError::Unsent) }
    }
}

impl Death {
    fn of(headers: Option<&FieldTable>) -> Self {
        let Some(reason) = headers.and_then(reason) else {
            return Self::Other("no reason is given".to_owned());
        };
        match reason.as_str() {
            "delivery_limit" => Self::DeliveryLimit,
            "rejected" => Self::Rejected,
            _ => Self::Other(reason),
        }
    }
}

/// The newest entry comes first.
fn reason(headers: &FieldTable) -> Option<String> {
    let AMQPValue::FieldArray(deaths) = headers.inner().get("x-death")? else { return None };
    let AMQPValue::FieldTable(newest) = deaths.as_slice().first()? else { return None };
    match newest.inner().get("reason")? {
        AMQPValue::LongString(reason) => Some(reason.to_string()),
        _ => None,
    }
}
