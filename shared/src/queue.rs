//! The *queue* between `ingest` and `task`, as RabbitMQ knows it: names, headers, and the numbers of its policies.
//!
//! Neither program declares anything. The topology comes from the definitions in `k8s/base/rabbitmq`, which the
//! tests of this module compare with what is written here. The only argument of a queue is its type; whatever may
//! ever change stands in a policy, because declaring a queue again with other arguments is refused.

use std::time::Duration;

/// The virtual host that holds the queues and nothing else.
pub const VHOST: &str = "agents";

/// The queue of tasks: quorum, durable, one message per task.
pub const TASKS: &str = "agent-tasks";

/// Where a task goes that was refused, or delivered too often.
pub const DEAD_LETTERS: &str = "agent-tasks.dlq";

/// The exchange that routes by queue name: AMQP's default one.
pub const EXCHANGE: &str = "";

/// The `content_type` of a message.
pub const CONTENT_TYPE: &str = "application/json";

/// The `type` of a message.
pub const MESSAGE_TYPE: &str = "task";

/// `delivery_mode` of a message that survives a restart of the broker.
pub const PERSISTENT: u8 = 2;

/// Header: GitHub's id of the webhook delivery that asked, the same again when it is redelivered.
pub const HEADER_DELIVERY_ID: &str = "x-github-delivery";

/// Header: the trace that the webhook belongs to (<https://www.w3.org/TR/trace-context/>).
pub const HEADER_TRACEPARENT: &str = "traceparent";

/// Header set by quorum queues: how often the message was returned; absent or zero at first.
pub const HEADER_DELIVERY_COUNT: &str = "x-delivery-count";

/// Header set from RabbitMQ 4.3 on: how often the message was taken, returned in whatever way.
pub const HEADER_ACQUIRED_COUNT: &str = "x-acquired-count";

/// Policy `delivery-limit`: returns after which a task is a dead letter; one more is the number of attempts.
pub const DELIVERY_LIMIT: u32 = 2;

/// Policy `max-length` of both queues; the next publish is refused (`overflow: reject-publish`).
pub const MAX_LENGTH: u32 = 10_000;

/// Policy `consumer-timeout` of the tasks: the broker takes back what was held for longer. Above the deadline of a
/// Job, 60 minutes, and its grace period. RabbitMQ before 3.12 knows it only as `consumer_timeout` in
/// `rabbitmq.conf`.
pub const CONSUMER_TIMEOUT: Duration = Duration::from_mins(90);

/// Policy `message-ttl` of the dead letters: two weeks to look at them.
pub const DEAD_LETTER_TTL: Duration = Duration::from_hours(14 * 24);

#[cfg(test)]
mod tests;
