//! A *book* is the queue in which one ceiling is counted for one period: as many messages as units are spent or reserved.
//!
//! Its type is `classic`, on purpose: see [`super`]. Its arguments never depend on a setting, so that a ceiling may be
//! changed at any time: a queue cannot be declared again with others. It deletes itself once its period is long over.

use std::time::Duration;

use jiff::Timestamp;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use shared::broker::confirming;
use shared::queue::{self, BUDGET};

use super::period::{Period, Span};
use super::{HIGHEST, Scope, UNIT};
use crate::broker::{BrokerError, Line, classic_for, declare_bound, is_soft, within};

/// How long a queue stays that nobody asks for: longer than its period, so that it is never one that
/// still counts. RabbitMQ allows no more than 2³² milliseconds, which are 49 days.
const DAY_STAYS: Duration = Duration::from_hours(3 * 24);
const MONTH_STAYS: Duration = Duration::from_hours(40 * 24);

/// A routing key by which no queue is bound.
const NOWHERE: &str = "doctor";

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Book {
    name: String,
    span: Span,
}

/// The broker, to whoever counts. A channel of its own: an error closes it, and a message may be held by another.
pub(super) struct Desk {
    channel: Channel,
}

impl Book {
    pub(super) fn new(scope: Scope, span: Span, time: Timestamp) -> Self {
        let period = Period::at(span, time);
        let name = match scope {
            Scope::Installation => format!("{BUDGET}.all.{period}"),
            Scope::Repository(id) => format!("{BUDGET}.r{id}.{period}"),
        };
        Self { name, span }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn arguments(&self) -> FieldTable {
        let stays = match self.span {
            Span::Day => DAY_STAYS,
            Span::Month => MONTH_STAYS,
        };
        // No ceiling, but the broker's protection against a flood: twice what can ever be reserved.
        let mut arguments = classic_for(stays, 2 * HIGHEST.in_units_down(UNIT));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        arguments
    }
}

impl Desk {
    pub(super) async fn open(line: &Line) -> Result<Self, BrokerError> {
        let connection = line.connection().await?;
        let opening = async { Ok(Self { channel: confirming(&connection).await? }) };
        within(opening).await
    }

    /// How many units are in the book, which is made if it is not there.
    pub(super) async fn open_book(&self, book: &Book) -> Result<u64, BrokerError> {
        within(declare_bound(&self.channel, book.name(), book.arguments())).await
    }

    /// How many units are in the book; none if it is not there. It is not made.
    pub(super) async fn count(connection: &Connection, book: &Book) -> Result<Option<u64>, BrokerError> {
        // A missing queue closes the channel that asked.
        let channel = within(connection.create_channel()).await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        match within(channel.queue_declare(book.name().into(), options, FieldTable::default())).await {
            Ok(found) => {
                within(channel.close(200, "asked".into())).await?;
                Ok(Some(found.message_count().into()))
            }
            Err(BrokerError::NoQueue(error)) if is_soft(&error, AMQPSoftError::NOTFOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds so many units. How many of them the broker has on its disk: fewer if the queue is full, or not bound.
    pub(super) async fn add(&self, book: &Book, units: u64) -> Result<u64, BrokerError> {
        within(async {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let properties = BasicProperties::default().with_delivery_mode(queue::PERSISTENT);
            let mut confirms = Vec::new();
            for _ in 0..units {
                let (exchange, key) = (BUDGET.into(), book.name().into());
                confirms
                    .push(self.channel.basic_publish(exchange, key, options, b"", properties.clone()).await?);
            }
            let mut kept = 0;
            for confirm in confirms {
                kept += u64::from(matches!(confirm.await?, Confirmation::Ack(None)));
            }
            Ok(kept)
        })
        .await
    }

    /// Whether this user may publish to the exchange. What is published has a key that no queue is bound by.
    pub(super) async fn can_publish(&self) -> Result<(), BrokerError> {
        within(async {
            let (exchange, properties) = (BUDGET.into(), BasicProperties::default());
            let options = BasicPublishOptions::default();
            self.channel.basic_publish(exchange, NOWHERE.into(), options, b"", properties).await?.await
        })
        .await
        .map(drop)
    }

    /// How many units are in the book after all that was added by this desk.
    pub(super) async fn length(&self, book: &Book) -> Result<u64, BrokerError> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(book.name().into(), options, FieldTable::default());
        within(declared).await.map(|found| found.message_count().into())
    }

    /// Takes so many units off; how many were there: none if somebody has deleted the queue. A broker that forgets that it did
    /// counts too much, never too little.
    pub(super) async fn take_off(&self, book: &Book, units: u64) -> Result<u64, BrokerError> {
        within(async {
            for taken in 0..units {
                let options = BasicGetOptions { no_ack: true };
                match self.channel.basic_get(book.name().into(), options).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(taken),
                    Err(error) if is_soft(&error, AMQPSoftError::NOTFOUND) => return Ok(taken),
                    Err(error) => return Err(error),
                }
            }
            Ok(units)
        })
        .await
    }

    pub(super) async fn close(self) {
        if let Err(error) = within(self.channel.close(200, "counted".into())).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "closing a channel of the budget");
        }
    }
}
