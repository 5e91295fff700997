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

/// The exchange that a run gives a task to that has to wait: durable, direct, with a queue for each of [`DELAYS`] bound by
/// its name. It is not the default one, which leads to every queue.
pub const LATER: &str = "agent-tasks.later";

/// A queue in which tasks wait, and for how long: its policy `message-ttl`. Then they go back to [`TASKS`].
///
/// The time is the queue's, not the message's. RabbitMQ drops expired messages only at the head of a queue, so that one
/// that waits an hour would hold up those behind it that wait a minute.
#[derive(Debug)]
pub struct Delay {
    pub queue: &'static str,
    pub time: Duration,
}

/// From the shortest to the longest. GitHub's limits are reset after an hour at most.
pub const DELAYS: [Delay; 5] = [
    Delay { queue: "agent-tasks.later.1m", time: Duration::from_mins(1) },
    Delay { queue: "agent-tasks.later.5m", time: Duration::from_mins(5) },
    Delay { queue: "agent-tasks.later.15m", time: Duration::from_mins(15) },
    Delay { queue: "agent-tasks.later.35m", time: Duration::from_mins(35) },
    Delay { queue: "agent-tasks.later.65m", time: Duration::from_mins(65) },
];

/// The shortest delay that is long enough; the longest if none is. Who takes the task too early puts it off again.
pub fn delay_for(wait: Duration) -> &'static Delay {
    const LONGEST: usize = DELAYS.len() - 1;
    DELAYS.iter().find(|delay| delay.time >= wait).unwrap_or(&DELAYS[LONGEST])
}

/// The exchange by which runs count what they spend: durable, direct. Runs declare and bind its queues, one for each
/// ceiling and period, whose names begin with it. It is not the default one, which leads to every queue.
pub const BUDGET: &str = "agent-budget";

/// How long a person who was refused on a thread is not listened to there: `x-expires` of the queue that says so. Who is
/// given write access meanwhile has to wait as long.
pub const REFUSED_FOR: Duration = Duration::from_hours(1);

/// The same for a person whom the thread's own record shows as refused before.
pub const REFUSED_AGAIN_FOR: Duration = Duration::from_hours(24);

/// The `content_type` of a message.
pub const CONTENT_TYPE: &str = "application/json";

/// The `type` of a message.
pub const MESSAGE_TYPE: &str = "task";

/// `delivery_mode` of a message that survives a restart of the broker.
pub const PERSISTENT: u8 = 2;

/// Header: GitHub's id of the webhook delivery that asked, the same again when it is redelivered.
pub const HEADER_DELIVERY_ID: &str = "x-github-delivery";

/// Header: which message this is, of several that may have been published for one task. The deliveries that the broker counts are
/// those of one message.
pub const HEADER_PUBLICATION: &str = "x-publication";

/// Header: the trace that the webhook belongs to (<https://www.w3.org/TR/trace-context/>).
pub const HEADER_TRACEPARENT: &str = "traceparent";

/// Header: the time before which a task is not to be worked on, as in RFC 3339.
pub const HEADER_NOT_BEFORE: &str = "x-not-before";

/// Header: attempts that were spent before the task was put off.
pub const HEADER_ATTEMPTS: &str = "x-earlier-attempts";

/// Header: deliveries before the task was put off, also those that were no attempt.
pub const HEADER_DELIVERIES: &str = "x-earlier-deliveries";

/// Header: how often the task was put off.
pub const HEADER_PAUSES: &str = "x-pauses";

/// Header: what a task that waits for budget needs, in units of the budget's queues.
pub const HEADER_BUDGET_UNITS: &str = "x-budget-units";

/// Header: how often a task that waits for budget was put off for that.
pub const HEADER_BUDGET_WAITS: &str = "x-budget-waits";

/// Header: how often a task let others of the same repository or person go first.
pub const HEADER_TURNS: &str = "x-turns";

/// The `priority` of a message by which a person answers the agent. Quorum queues have two, from RabbitMQ 4.0 on: five and
/// more is given out first, two messages of three. Earlier ones know none.
pub const ANSWER_PRIORITY: u8 = 5;

/// Header set by quorum queues: how often the message was returned; absent or zero at first.
pub const HEADER_DELIVERY_COUNT: &str = "x-delivery-count";

/// Header set from RabbitMQ 4.3 on: how often the message was taken, returned in whatever way.
pub const HEADER_ACQUIRED_COUNT: &str = "x-acquired-count";

/// Policy `delivery-limit`: returns after which a task is a dead letter; one more is the number of attempts.
pub const DELIVERY_LIMIT: u32 = 2;

/// Policy `max-length` of every queue; the next publish is refused (`overflow: reject-publish`).
pub const MAX_LENGTH: u32 = 10_000;

/// Policy `consumer-timeout` of the tasks: the broker takes back what was held for longer. Above the deadline of a
/// Job, 60 minutes, and its grace period. RabbitMQ before 3.12 knows it only as `consumer_timeout` in
/// `rabbitmq.conf`.
pub const CONSUMER_TIMEOUT: Duration = Duration::from_mins(90);

/// Policy `message-ttl` of the dead letters: two weeks to look at them.
pub const DEAD_LETTER_TTL: Duration = Duration::from_hours(14 * 24);

#[cfg(test)]
mod tests;
