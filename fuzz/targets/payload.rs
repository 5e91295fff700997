//! An event of a webhook. The first byte chooses its name, the rest is the payload.

use ingest::trigger::{Agent, Decision, Rules, decide};
use shared::{repo::HostPolicy, task::Task};

pub(crate) const EVENTS: [&str; 5] =
    ["issues", "issue_comment", "pull_request_review_comment", "pull_request_review", "ping"];

pub(crate) fn run(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let rules = Rules {
        hosts: HostPolicy::github(),
        trigger_label: "bug".to_owned(),
        quickfix_label: "quickfix".to_owned(),
        generated_label: "ai-generated".to_owned(),
        agent: Agent { login: Some("agent".to_owned()), id: None },
    };
    let event = EVENTS[usize::from(*choice) % EVENTS.len()];
    if let Ok(Decision::Publish(task)) = decide(event, payload, None, &rules) {
        let message = task.to_message().expect("a task has a message");
        assert_eq!(Task::parse(&message, &rules.hosts).expect("it can be read again"), *task);
    }
}
