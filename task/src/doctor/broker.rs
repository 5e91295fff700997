//! The *broker*: whether it accepts the login, has the queues, and gives this user no more than it needs.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection};
use shared::broker::{Broker, confirming};
use shared::queue;
use tokio::time::timeout;

use super::{About, Finding, Health};
use crate::broker::{self, BrokerError, NO_QUEUE_FIX, is_soft};
use crate::causes::chain;

/// Time for one exchange.
const WITHIN: Duration = Duration::from_secs(10);
/// A routing key that no queue has.
const NOWHERE: &str = "doctor";

pub(super) async fn examine(broker: &Broker, max_wait: Duration) -> Vec<Finding> {
    let connection = match broker::connect(broker, "doctor", max_wait).await {
        Ok(connection) => connection,
        Err(error) => return vec![unconnected(&error)],
    };
    let mut findings = vec![Finding::good(About::Queue, "connected to the broker")];
    for name in [queue::TASKS, queue::DEAD_LETTERS] {
        findings.push(look(&connection, name).await);
    }
    findings.push(delays(&connection).await);
    findings.push(publishing(&connection).await);
    if let Err(error) = connection.close(200, "seen".into()).await {
        tracing::debug!(%error, "closing the connection to the broker");
    }
    findings
}

fn unconnected(error: &BrokerError) -> Finding {
    let what = chain(error);
    if error.is_transient() {
        Finding::new(About::Queue, Health::Away, what).fix(error.fix())
    } else {
        Finding::wrong(About::Queue, what, error.fix())
    }
}

/// How many messages wait in a queue.
async fn look(connection: &Connection, name: &'static str) -> Finding {
    let asked = async {
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), options, FieldTable::default()).await
    };
    match timeout(WITHIN, asked).await {
        Ok(Ok(found)) => {
            let what = format!("`{name}` is there, messages waiting: {}", found.message_count());
            if name == queue::DEAD_LETTERS && found.message_count() > 0 {
                Finding::new(About::Queue, Health::Note, what)
                    .fix("`ai-agent sweep` reports them on their issues; see docs/OPERATIONS.md.")
            } else {
                Finding::good(About::Queue, what)
            }
        }
        // Newer brokers tell of a queue only those who may use it.
        Ok(Err(error)) if name == queue::DEAD_LETTERS && is_soft(&error, AMQPSoftError::ACCESSREFUSED) => {
            Finding::new(About::Queue, Health::Unseen, format!("`{name}` is not shown to this user"))
        }
        Ok(Err(error)) => {
            Finding::wrong(About::Queue, format!("`{name}` cannot be used: {error}"), NO_QUEUE_FIX)
        }
        Err(_) => away(format!("the broker did not answer about `{name}` in time")),
    }
}

/// The queues in which tasks wait that were put off: the first that is not as it should be, or all together.
async fn delays(connection: &Connection) -> Finding {
    for delay in &queue::DELAYS {
        let found = look(connection, delay.queue).await;
        if found.health != Health::Good {
            return found;
        }
    }
    Finding::good(
        About::Queue,
        format!("the queues of `{}` are there, for tasks that have to wait", queue::LATER),
    )
}

/// A run publishes nothing but what it puts off; that its user cannot is what keeps a run from starting others.
async fn publishing(connection: &Connection) -> Finding {
    let tried = async {
        let channel = confirming(connection).await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, properties) = (queue::EXCHANGE.into(), BasicProperties::default());
        channel.basic_publish(exchange, NOWHERE.into(), options, b"", properties).await?.await
    };
    match timeout(WITHIN, tried).await {
        Ok(Err(error)) if is_soft(&error, AMQPSoftError::ACCESSREFUSED) => {
            Finding::good(About::Queue, "this user cannot publish, as it should be")
        }
        Ok(Ok(_)) => Finding::new(About::Queue, Health::Note, "this user may publish messages")
            .fix("A run only takes them: use the user `task` of k8s/base/rabbitmq."),
        Ok(Err(error)) => away(format!("the broker failed: {error}")),
        Err(_) => away("the broker did not answer in time".to_owned()),
    }
}

fn away(what: String) -> Finding {
    Finding::new(About::Queue, Health::Away, what)
}
