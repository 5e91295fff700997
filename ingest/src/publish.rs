//! *Publishing*: a task is handed to the broker, and the broker has said that it keeps it.
//!
//! A message counts as published when it was sent persistent and mandatory and came back confirmed, not refused and
//! not returned. Everything else is a failure that GitHub is told of, within [`WITHIN`] whatever the broker does:
//! down, blocked by an alarm, full, slow, without the queue, or at the other end of a connection that a frozen
//! function has slept through.
//!
//! A failure of the connection is followed by one more attempt on a new one. That may publish a message twice; both
//! have the same id, and the run recognizes the second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use shared::{
    broker::{Broker, ConnectError, confirming, leads_to, message_properties, with_priority},
    message::Message,
    queue,
    trace::TraceContext,
};
use tokio::{
    sync::{Mutex, OnceCell},
    time::timeout,
};

/// Time for everything that publishing one message takes. GitHub gives up after ten seconds
/// (<https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks>); the answer is to be on
/// its way after eight.
pub const WITHIN: Duration = Duration::from_secs(7);

/// Time for the first attempt on a connection that was there already, so that enough is left for a second one.
const FIRST_ATTEMPT: Duration = Duration::from_secs(3);

/// Time to tell whether the broker would take a message.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// Time to tell whether somebody was refused.
const REFUSED_WITHIN: Duration = Duration::from_millis(500);

/// Time for the broker to take leave; everything it has confirmed is safe already.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// The way to the broker: one connection, made when it is first needed and again when it failed.
pub struct Publisher {
    broker: Broker,
    link: Mutex<Option<Arc<Link>>>,
}

/// A connection and its channel in confirm mode.
struct Link {
    connection: Connection,
    channel: Channel,
    /// For questions about refusals. An exchange that is missing closes the channel that asked.
    asking: OnceCell<Channel>,
    /// The broker has the definitions of an earlier release, which know no refusals.
    knows_none: AtomicBool,
}

/// Why a message is not known to be in the queue.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection to the broker failed")]
    Lost(#[source] lapin::Error),
    #[error("the broker is out of memory or disk space and takes no messages")]
    Blocked,
    #[error("the broker did not answer in time")]
    TimedOut,
    #[error("the broker has no queue for tasks")]
    NoQueue,
    #[error("the queue is full")]
    Refused,
    #[error("the message cannot be written")]
    Message(#[from] serde_json::Error),
}

impl PublishError {
    /// What kind of failure it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) | Self::Lost(_) => "connection",
            Self::Blocked => "blocked",
            Self::TimedOut => "timeout",
            Self::NoQueue => "no-queue",
            Self::Refused => "full",
            Self::Message(_) => "message",
        }
    }
}

impl PublishError {
    /// Whether a new connection may help.
    fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Lost(_) | Self::TimedOut => true,
            Self::Connect(_) | Self::Blocked | Self::NoQueue | Self::Refused | Self::Message(_) => false,
        }
    }
}

impl Publisher {
    /// Connects to nothing yet.
    pub fn new(broker: Broker) -> Self {
        Self { broker, link: Mutex::new(None) }
    }

    /// Returns when the broker has confirmed that it keeps the message.
    pub async fn publish(&self, message: &Message, trace: TraceContext) -> Result<(), PublishError> {
        let body = message.to_bytes()?;
        let properties = || properties(message, &trace);
        timeout(WITHIN, self.publish_message(&body, properties)).await.unwrap_or(Err(PublishError::TimedOut))
    }

    /// What is published again is another message: the broker may have kept the first one.
    async fn publish_message(
        &self,
        body: &[u8],
        properties: impl Fn() -> BasicProperties,
    ) -> Result<(), PublishError> {
        let link = self.link().await?;
        let first = timeout(FIRST_ATTEMPT, link.publish(body, properties())).await;
        let error = match first.unwrap_or(Err(PublishError::TimedOut)) {
            // The broker says so only when it is sent a message. The connection is kept: a new one would be blocked as
            // well, and this one tells when that is over.
            Err(_) if link.connection.status().blocked() => return Err(PublishError::Blocked),
            Err(error) if error.is_of_the_connection() => error,
            settled => return settled,
        };
        tracing::warn!(error = &error as &dyn std::error::Error, "publishing again on a new connection");
        self.forget(&link).await;
        drop(link);
        let link = self.link().await?;
        let second = link.publish(body, properties()).await;
        if matches!(&second, Err(error) if error.is_of_the_connection()) {
            self.forget(&link).await;
        }
        second
    }

    /// Whether a run has left a queue of that name a short while ago: it refused the person on that thread. A broker that
    /// does not tell has none.
    pub async fn is_refused(&self, name: &str) -> bool {
        let asked = async { self.link().await.ok()?.leads_to(name).await };
        timeout(REFUSED_WITHIN, asked).await.ok().flatten().unwrap_or(false)
    }

    /// Whether a message would be taken: the broker answers, is not blocked, and has the queue.
    pub async fn ready(&self) -> Result<(), PublishError> {
        let check = async {
            let link = self.link().await?;
            let answer = link.has_queue().await;
            if matches!(&answer, Err(error) if error.is_of_the_connection()) {
                self.forget(&link).await;
            }
            answer
        };
        timeout(READY_WITHIN, check).await.unwrap_or(Err(PublishError::TimedOut))
    }

    /// Says goodbye to the broker, which may not be there to hear it.
    pub async fn close(&self) {
        let Some(link) = self.link.lock().await.take() else { return };
        match timeout(CLOSE_WITHIN, link.connection.close(200, "closing".into())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "closing the connection to the broker"
                );
            }
            Err(_) => tracing::warn!("the broker did not answer the close of the connection"),
        }
    }

    /// The connection there is, or a new one. Others wait for it, each as long as its own time lasts.
    async fn link(&self) -> Result<Arc<Link>, PublishError> {
        let mut slot = self.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| link.is_usable()) {
            return Ok(Arc::clone(link));
        }
        *slot = None;
        let link = Arc::new(Link::open(&self.broker).await?);
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Does not use a connection again. It is closed when the last publishing on it ends, and what it still held back
    /// is not sent later.
    async fn forget(&self, failed: &Arc<Link>) {
        let mut slot = self.link.lock().await;
        if slot.as_ref().is_some_and(|link| Arc::ptr_eq(link, failed)) {
            *slot = None;
        }
    }
}

impl Link {
    async fn open(broker: &Broker) -> Result<Self, PublishError> {
        let connection = broker.connect("ingest").await?;
        let channel = confirming(&connection).await.map_err(PublishError::Lost)?;
        tracing::info!("connected to the broker");
        Ok(Self { connection, channel, asking: OnceCell::new(), knows_none: AtomicBool::new(false) })
    }

    fn is_usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    async fn publish(&self, body: &[u8], properties: BasicProperties) -> Result<(), PublishError> {
        if self.connection.status().blocked() {
            return Err(PublishError::Blocked);
        }
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirm = self
            .channel
            .basic_publish(queue::EXCHANGE.into(), queue::TASKS.into(), options, body, properties)
            .await
            .map_err(PublishError::Lost)?;
        match confirm.await.map_err(PublishError::Lost)? {
            Confirmation::Ack(None) => Ok(()),
            // Confirmed, but only as returned: nobody keeps it.
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => Err(PublishError::NoQueue),
            Confirmation::Nack(None) | Confirmation::NotRequested => Err(PublishError::Refused),
        }
    }

    /// Whether a queue is bound by that name to the exchange of what runs share; `None` where that is not known.
    async fn leads_to(&self, name: &str) -> Option<bool> {
        if self.connection.status().blocked() || self.knows_none.load(Ordering::Relaxed) {
            return None;
        }
        let asked = async {
            let channel = self.asking.get_or_try_init(|| confirming(&self.connection)).await?;
            leads_to(channel, name).await
        };
        match asked.await {
            Ok(leads) => Some(leads),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "refusals are not known to the broker"
                );
                self.knows_none.store(true, Ordering::Relaxed);
                None
            }
        }
    }

    async fn has_queue(&self) -> Result<(), PublishError> {
        if self.connection.status().blocked() {
            return Err(PublishError::Blocked);
        }
        // A missing queue closes the channel that asked.
        let channel = self.connection.create_channel().await.map_err(PublishError::Lost)?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        match channel.queue_declare(queue::TASKS.into(), options, FieldTable::default()).await {
            Ok(_) => channel.close(200, "asked".into()).await.map_err(PublishError::Lost),
            Err(_) if self.connection.status().connected() => Err(PublishError::NoQueue),
            Err(error) => Err(PublishError::Lost(error)),
        }
    }
}

fn properties(message: &Message, trace: &TraceContext) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(queue::HEADER_TRACEPARENT.into(), long(trace.to_string()));
    if let Some(delivery) = message.delivery_id() {
        headers.insert(queue::HEADER_DELIVERY_ID.into(), long(delivery.to_string()));
    }
    let properties = message_properties("ingest", headers).with_message_id(message.id().to_string().into());
    with_priority(properties, message.priority())
}

fn long(text: String) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
