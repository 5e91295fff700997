//! The *broker* as a run sees it: one connection, one message, one settlement. Nothing is declared.
//!
//! The message is fetched by `basic.get`. A consumer would be sent the next message with the settlement of the first,
//! and the end of the process would return that one with an attempt used up.

mod later;
mod line;
mod slot;

use std::time::Duration;

use futures_util::Stream;
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::AMQPValue;
use lapin::{Channel, Connection, ErrorKind, Event};
use shared::broker::{Broker, ConnectError};
use shared::queue::{
    self, DELIVERY_LIMIT, HEADER_ACQUIRED_COUNT, HEADER_DELIVERY_COUNT, HEADER_PUBLICATION,
    HEADER_TRACEPARENT,
};
use shared::trace::TraceContext;
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub use later::BudgetWait;
use later::Earlier;
pub use line::Line;
pub(crate) use line::{classic_for, declare_bound};
pub use slot::Slot;

/// The first pause between two tries. Each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Time for one try to connect, with the handshake.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Time for the broker to answer a question.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks into an empty queue. A queue whose leader is being elected, or to which a message is just
/// returning, looks empty for a moment.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Why no message was taken, or is not known to be settled.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the broker does not give out tasks")]
    NoQueue(#[source] lapin::Error),
    #[error("the connection to the broker failed")]
    Lost(#[source] lapin::Error),
    #[error("the broker did not answer in time")]
    TimedOut,
    /// The channel ended before the settlement was sent.
    #[error("the message is no longer held")]
    NotHeld,
    #[error("the broker keeps no task for later")]
    NotKept,
}

/// What to do about a queue that is missing, or that the user may not use.
pub(crate) const NO_QUEUE_FIX: &str =
    "Import the definitions of k8s/base/rabbitmq, or correct the user's permissions there.";

impl BrokerError {
    /// Whether the same may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect(error) => !error.is_refusal(),
            Self::Lost(_) | Self::TimedOut => true,
            Self::NoQueue(_) | Self::NotHeld | Self::NotKept => false,
        }
    }

    /// What the operator can do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Connect(ConnectError::Login(_)) => {
                "Correct AGENT_AMQP_USERNAME and AGENT_AMQP_PASSWORD, or the user in the broker."
            }
            Self::Connect(ConnectError::VirtualHost(_)) => {
                "Correct the virtual host in AGENT_AMQP_URL, or give the user a permission there."
            }
            Self::Connect(ConnectError::Certificate(_)) => {
                "Set AGENT_AMQP_CA_FILE to the authority that signed it; AGENT_AMQP_URL must have the name that it is for."
            }
            Self::NoQueue(_) | Self::NotKept => NO_QUEUE_FIX,
            Self::Connect(ConnectError::Unreachable(_)) | Self::Lost(_) | Self::TimedOut | Self::NotHeld => {
                "Check AGENT_AMQP_URL, that the broker is running, and that a NetworkPolicy lets this process reach it."
            }
        }
    }
}

/// Tries until something succeeds, fails for good, or takes too long.
///
/// Where network policies are enforced, the address of a new pod is let through only after the plugin's next round,
/// seconds after the pod has started.
struct Tries {
    until: Instant,
    pause: Duration,
}

impl Tries {
    fn for_at_most(max_wait: Duration) -> Self {
        Self { until: Instant::now() + max_wait, pause: FIRST_PAUSE }
    }

    /// Returns when it is time for another try; with the error if there is to be none.
    async fn another(&mut self, error: BrokerError) -> Result<(), BrokerError> {
        if !error.is_transient() || Instant::now() + self.pause > self.until {
            return Err(error);
        }
        tracing::info!(error = &error as &dyn std::error::Error, "broker connection failed, retrying");
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    Ack,
    /// Given out again; counts as an attempt.
    Requeue,
    DeadLetter,
    /// Given out again; RabbitMQ from 4.3 on does not count it.
    HandBack,
}

/// A message that this process holds, with the connection that it holds it by.
pub struct Held {
    connection: Connection,
    channel: Channel,
    message: BasicGetMessage,
}

/// Takes one message; waits for one as long as `wait`. A broker that cannot be reached is tried again for `max_wait`.
pub async fn take(
    broker: &Broker,
    name: &str,
    wait: Duration,
    max_wait: Duration,
) -> Result<Option<Held>, BrokerError> {
    let mut tries = Tries::for_at_most(max_wait);
    loop {
        match take_once(broker, name, wait).await {
            Ok(taken) => return Ok(taken),
            Err(error) => tries.another(error).await?,
        }
    }
}

async fn take_once(broker: &Broker, name: &str, wait: Duration) -> Result<Option<Held>, BrokerError> {
    let connection = connect_once(broker, name).await?;
    let channel = connection.create_channel().await.map_err(BrokerError::Lost)?;
    tracing::debug!("looking for a task");
    let until = Instant::now() + wait;
    loop {
        let look = channel.basic_get(queue::TASKS.into(), BasicGetOptions::default());
        if let Some(message) = within(look).await? {
            return Ok(Some(Held { connection, channel, message }));
        }
        if Instant::now() >= until {
            close(&connection).await;
            return Ok(None);
        }
        sleep(LOOK_AGAIN.min(until.saturating_duration_since(Instant::now()))).await;
    }
}

/// The answer of the broker, if it comes in time.
pub(crate) async fn within<T>(
    exchange: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, BrokerError> {
    timeout(ANSWER_WITHIN, exchange).await.map_err(|_| BrokerError::TimedOut)?.map_err(not_given)
}

/// Whether the broker closed a channel for this reason.
pub(crate) fn is_soft(error: &lapin::Error, reason: AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == AMQPErrorKind::Soft(reason))
}

/// Connects. A broker that cannot be reached is tried again for `max_wait`.
pub(crate) async fn connect(
    broker: &Broker,
    name: &str,
    max_wait: Duration,
) -> Result<Connection, BrokerError> {
    let mut tries = Tries::for_at_most(max_wait);
    loop {
        match connect_once(broker, name).await {
            Ok(connection) => return Ok(connection),
            Err(error) => tries.another(error).await?,
        }
    }
}

async fn connect_once(broker: &Broker, name: &str) -> Result<Connection, BrokerError> {
    match timeout(CONNECT_WITHIN, broker.connect(name)).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(BrokerError::TimedOut),
    }
}

impl Held {
    pub fn body(&self) -> &[u8] {
        &self.message.data
    }

    pub fn message_id(&self) -> Option<&str> {
        self.message.properties.message_id().as_ref().map(lapin::types::ShortString::as_str)
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// What happens to the connection and its channels from now on.
    pub fn events(&self) -> impl Stream<Item = Event> + Send + Unpin + 'static {
        Box::pin(self.connection.events_listener())
    }

    /// Which attempt at the task this is, from 1. Being put off is none, nor is being handed back.
    pub fn attempt(&self) -> u32 {
        attempt(&self.message)
    }

    /// Which delivery of the task this is, from 1, as far as that is counted.
    pub fn delivery(&self) -> u32 {
        delivery(&self.message)
    }

    fn earlier(&self) -> Earlier {
        Earlier::of(self.message.properties.headers().as_ref())
    }

    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::parse(self.text(HEADER_TRACEPARENT)?)
    }

    /// Which message of the task this is; `None` for one that an earlier release published.
    pub fn publication(&self) -> Option<u64> {
        u64::from_str_radix(self.text(HEADER_PUBLICATION)?, 16).ok()
    }

    fn text(&self, header: &str) -> Option<&str> {
        let headers = self.message.properties.headers().as_ref()?;
        let AMQPValue::LongString(text) = headers.inner().get(header)? else { return None };
        std::str::from_utf8(text.as_bytes()).ok()
    }

    /// Settles the message and takes leave. `Ok` when the broker has said, after the settlement, that it still has the
    /// channel: it works a channel's methods off in their order.
    pub async fn settle(self, settlement: Settlement) -> Result<(), BrokerError> {
        let until = Instant::now() + ANSWER_WITHIN;
        let settled = async {
            match settlement {
                Settlement::Ack => self.message.ack(BasicAckOptions::default()).await,
                Settlement::Requeue => self.message.reject(BasicRejectOptions { requeue: true }).await,
                Settlement::DeadLetter => self.message.reject(BasicRejectOptions { requeue: false }).await,
                Settlement::HandBack => {
                    self.message.nack(BasicNackOptions { requeue: true, multiple: false }).await
                }
            }
        };
        let sent = timeout_at(until, settled).await.map_err(|_| BrokerError::TimedOut)?;
        if !sent.map_err(BrokerError::Lost)? {
            return Err(BrokerError::NotHeld);
        }
        let asked = self.channel.basic_qos(1, BasicQosOptions::default());
        timeout_at(until, asked).await.map_err(|_| BrokerError::TimedOut)?.map_err(BrokerError::Lost)?;
        close(&self.connection).await;
        Ok(())
    }
}

/// Says goodbye; everything that matters was answered before.
pub(crate) async fn close(connection: &Connection) {
    match timeout(ANSWER_WITHIN, connection.close(200, "done".into())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "closing the connection to the broker");
        }
        Err(_) => tracing::warn!("the broker did not answer the close of the connection"),
    }
}

/// How often a message may be handed back without that being an attempt: nodes are drained one after the other.
const HANDED_BACK: u32 = 10;

/// Attempts are counted by what the broker has counted before. Quorum queues count returns. From 4.3 on what a process
/// hands back that was asked to end is no return; how often a message was taken at all is counted beside, and bounds
/// that. A classic queue counts nothing: there a message that comes back has its last attempt.
fn attempt(message: &Delivery) -> u32 {
    let taken = count(message, HEADER_ACQUIRED_COUNT).map(|taken| taken.saturating_sub(HANDED_BACK));
    let earlier = Earlier::of(message.properties.headers().as_ref()).attempts;
    match count(message, HEADER_DELIVERY_COUNT).max(taken) {
        Some(count) => count.saturating_add(1).saturating_add(earlier),
        None if message.redelivered => DELIVERY_LIMIT + 1,
        None => earlier.saturating_add(1),
    }
}

fn delivery(message: &Delivery) -> u32 {
    let earlier = Earlier::of(message.properties.headers().as_ref()).deliveries;
    match count(message, HEADER_DELIVERY_COUNT).max(count(message, HEADER_ACQUIRED_COUNT)) {
        Some(count) => count.saturating_add(1).saturating_add(earlier),
        None if earlier > 0 => earlier.saturating_add(1),
        None => attempt(message),
    }
}

fn count(message: &Delivery, header: &str) -> Option<u32> {
    message.properties.headers().as_ref()?.inner().get(header).and_then(number)
}

fn number(value: &AMQPValue) -> Option<u32> {
    match *value {
        AMQPValue::ShortShortInt(number) => u32::try_from(number).ok(),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => u32::try_from(number).ok(),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => u32::try_from(number).ok(),
        AMQPValue::LongUInt(number) => Some(number),
        AMQPValue::LongLongInt(number) => u32::try_from(number).ok(),
        _ => None,
    }
}

/// A queue that is missing or forbidden is told by the broker; everything else is the connection.
pub(crate) fn not_given(error: lapin::Error) -> BrokerError {
    if error.is_amqp_soft_error() { BrokerError::NoQueue(error) } else { BrokerError::Lost(error) }
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;
    use lapin::types::FieldTable;
    use shared::queue::{HEADER_ATTEMPTS, HEADER_DELIVERIES};

    use super::*;

    type Counts<'a> = &'a [(&'a str, AMQPValue)];

    #[test]
    fn a_message_that_was_handed_back_has_spent_no_attempt() {
        let taken = |count| (HEADER_ACQUIRED_COUNT, AMQPValue::LongInt(count));
        let table: &[(Counts<'_>, bool, (u32, u32))] = &[
            (&[], false, (1, 1)),
            (&[], true, (3, 3)),
            (&[(HEADER_DELIVERY_COUNT, AMQPValue::LongLongInt(0))], false, (1, 1)),
            (&[(HEADER_DELIVERY_COUNT, AMQPValue::LongLongInt(0))], true, (1, 1)),
            (&[(HEADER_DELIVERY_COUNT, AMQPValue::LongLongInt(2))], true, (3, 3)),
            (&[taken(1)], true, (1, 2)),
            (&[taken(10)], true, (1, 11)),
            (&[taken(12)], true, (3, 13)),
            (
                &[
                    (HEADER_ACQUIRED_COUNT, AMQPValue::LongInt(4)),
                    (HEADER_DELIVERY_COUNT, AMQPValue::ShortInt(1)),
                ],
                true,
                (2, 5),
            ),
            (&[(HEADER_DELIVERY_COUNT, AMQPValue::LongLongInt(-1))], false, (1, 1)),
            (&[(HEADER_DELIVERY_COUNT, AMQPValue::LongString("2".into()))], false, (1, 1)),
            // A task that was put off.
            (
                &[(HEADER_ATTEMPTS, AMQPValue::LongUInt(1)), (HEADER_DELIVERIES, AMQPValue::LongUInt(4))],
                false,
                (2, 5),
            ),
            (
                &[
                    (HEADER_ATTEMPTS, AMQPValue::LongUInt(1)),
                    (HEADER_DELIVERIES, AMQPValue::LongUInt(4)),
                    (HEADER_DELIVERY_COUNT, AMQPValue::LongLongInt(1)),
                ],
                true,
                (3, 6),
            ),
        ];
        for (counts, redelivered, expected) in table {
            let mut message = Delivery::mock(1, "".into(), "agent-tasks".into(), *redelivered, Vec::new());
            if !counts.is_empty() {
                let mut headers = FieldTable::default();
                for (name, value) in *counts {
                    headers.insert((*name).into(), value.clone());
                }
                message.properties = BasicProperties::default().with_headers(headers);
            }
            assert_eq!((attempt(&message), delivery(&message)), *expected, "{counts:?} {redelivered}");
        }
    }
}
