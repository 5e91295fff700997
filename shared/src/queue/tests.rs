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

fn policies(apply_to: &str, tasks: &Value, dead_letters: &Value) -> Value {
    let policy = |name: &str, queue: &str, definition: &Value| {
        json!({
            "name": name, "vhost": VHOST, "pattern": format!("^{}$", queue.replace('.', "\\.")),
            "apply-to": apply_to, "priority": 10, "definition": definition,
        })
    };
    json!([policy("agent-tasks", TASKS, tasks), policy("agent-tasks-dlq", DEAD_LETTERS, dead_letters)])
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
        assert_eq!(found["queues"], json!([queue(TASKS), queue(DEAD_LETTERS)]));
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
fn users_differ_between_the_releases_in_nothing() {
    for part in ["users", "permissions"] {
        assert_eq!(parse(CURRENT)[part], parse(OLD)[part]);
    }
}
