use serde_json::{Value, json};

use super::*;

const CURRENT: &str = include_str!("../../../k8s/base/rabbitmq/definitions.json");
const OLD: &str = include_str!("../../../k8s/base/rabbitmq/definitions-3.10.json");

fn parse(definitions: &str) -> Value {
    serde_json::from_str(definitions).unwrap()
}

fn task_policy() -> Value {
    json!({
        "delivery-limit": DELIVERY_LIMIT,
        "dead-letter-exchange": EXCHANGE,
        "dead-letter-routing-key": DEAD_LETTERS,
        "dead-letter-strategy": "at-least-once",
        "overflow": "reject-publish",
        "max-length": MAX_LENGTH,
    })
}

fn dead_letter_policy() -> Value {
    json!({
        "message-ttl": u64::try_from(DEAD_LETTER_TTL.as_millis()).unwrap(),
        "max-length": MAX_LENGTH,
    })
}

fn delay_policy(delay: &Delay) -> Value {
    json!({
        "message-ttl": u64::try_from(delay.time.as_millis()).unwrap(),
        "dead-letter-exchange": EXCHANGE,
        "dead-letter-routing-key": TASKS,
        "dead-letter-strategy": "at-least-once",
        "overflow": "reject-publish",
        "max-length": MAX_LENGTH,
    })
}

fn policies(apply_to: &str, tasks: &Value, dead_letters: &Value) -> Value {
    let policy = |name: &str, queue: &str, definition: &Value| {
        json!({
            "name": name, "vhost": VHOST, "pattern": format!("^{}$", queue.replace('.', "\\.")),
            "apply-to": apply_to, "priority": 10, "definition": definition,
        })
    };
    let mut all =
        vec![policy("agent-tasks", TASKS, tasks), policy("agent-tasks-dlq", DEAD_LETTERS, dead_letters)];
    all.extend(
        DELAYS.iter().map(|delay| policy(&delay.queue.replace('.', "-"), delay.queue, &delay_policy(delay))),
    );
    Value::Array(all)
}

#[test]
fn definitions_say_what_the_programs_rely_on() {
    let queue = |name: &str| {
        json!({"name": name, "vhost": VHOST, "durable": true, "auto_delete": false,
               "arguments": {"x-queue-type": "quorum"}})
    };
    for definitions in [CURRENT, OLD] {
        let found = parse(definitions);
        assert_eq!(found["vhosts"], json!([{"name": VHOST}]));
        let mut queues = vec![queue(TASKS), queue(DEAD_LETTERS)];
        queues.extend(DELAYS.iter().map(|delay| queue(delay.queue)));
        assert_eq!(found["queues"], Value::Array(queues));
        assert_eq!(
            found["exchanges"],
            [LATER, BUDGET]
                .map(|name| {
                    json!({"name": name, "vhost": VHOST, "type": "direct", "durable": true, "auto_delete": false,
                           "internal": false, "arguments": {}})
                })
                .into_iter()
                .collect::<Value>()
        );
        let bindings = DELAYS.iter().map(|delay| {
            json!({"source": LATER, "vhost": VHOST, "destination": delay.queue, "destination_type": "queue",
                   "routing_key": delay.queue, "arguments": {}})
        });
        assert_eq!(found["bindings"], bindings.collect::<Value>());
    }
}

#[test]
fn policies_carry_the_numbers_and_each_release_gets_only_what_it_accepts() {
    let mut tasks = task_policy();
    let mut dead_letters = dead_letter_policy();
    assert_eq!(parse(OLD)["policies"], policies("queues", &tasks, &dead_letters));

    tasks["consumer-timeout"] = json!(u64::try_from(CONSUMER_TIMEOUT.as_millis()).unwrap());
    dead_letters["delivery-limit"] = json!(-1);
    assert_eq!(parse(CURRENT)["policies"], policies("quorum_queues", &tasks, &dead_letters));
}

#[test]
fn a_delay_is_the_shortest_that_is_long_enough() {
    for (seconds, minutes) in [(0, 1), (60, 1), (61, 5), (900, 15), (1_800, 35), (3_600, 65), (90_000, 65)] {
        let delay = delay_for(Duration::from_secs(seconds));
        assert_eq!((delay.time.as_secs() / 60, delay.queue), (minutes, &*format!("{LATER}.{minutes}m")));
    }
    assert!(DELAYS.is_sorted_by_key(|delay| delay.time));
}

#[test]
fn users_differ_between_the_releases_in_nothing() {
    for part in ["users", "permissions"] {
        assert_eq!(parse(CURRENT)[part], parse(OLD)[part]);
    }
}
