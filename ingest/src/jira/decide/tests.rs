use proptest::prelude::*;
use serde_json::{Value, json};
use shared::repo::HostPolicy;

use super::*;
use crate::trigger::Agent;

const AGENT: &str = "557058:agent";
const DEV: &str = "5c5f880629be9642ba529340";

fn rules() -> Rules {
    Rules {
        hosts: HostPolicy::github(),
        trigger_label: "ai-help".to_owned(),
        quickfix_label: "quickfix".to_owned(),
        generated_label: "ai-generated".to_owned(),
        agent: Agent::default(),
    }
}

fn decided(payload: &str) -> Result<JiraRequest, String> {
    let site = SiteName::parse("acme").unwrap();
    let agent = AccountId::parse(AGENT);
    match decide(payload.as_bytes(), &site, agent.as_ref(), None, &rules()) {
        Ok(Ok(request)) => Ok(*request),
        Ok(Err(ignored)) => Err(ignored.to_string()),
        Err(error) => Err(format!("error: {error}")),
    }
}

/// What is asked for in short, or why nothing is.
fn told(payload: &Value) -> String {
    decided(&payload.to_string()).map_or_else(
        |why| why,
        |request| format!("{} {} {}", request.asks.name(), request.issue, request.number),
    )
}

fn account(id: &str) -> Value {
    json!({ "accountId": id, "accountType": "atlassian", "displayName": "x" })
}

fn issue(labels: &[&str], assignee: &Value) -> Value {
    json!({ "id": "10040", "key": "PROJ-7", "fields": {
        "labels": labels, "assignee": assignee, "created": "2026-11-21T09:00:00.000+0000",
        "status": { "statusCategory": { "key": "new" } },
    } })
}

/// An hour after the issue was created.
fn updated(items: &Value) -> Value {
    json!({
        "timestamp": 1_795_255_200_000_i64, "webhookEvent": "jira:issue_updated", "user": account(DEV),
        "issue": issue(&["ai-help"], &account(AGENT)), "changelog": { "id": "10233", "items": items },
    })
}

fn labels(from: &str, to: &str) -> Value {
    json!([{ "field": "labels", "fromString": from, "toString": to }])
}

fn commented(text: &str) -> Value {
    json!({
        "timestamp": 1_795_255_200_000_i64, "webhookEvent": "comment_created",
        "comment": { "id": "10019", "author": account(DEV), "body": text, "created": "2026-11-21T10:00:00.000+0000" },
        "issue": { "id": "10040", "key": "PROJ-7", "fields": { "status": { "statusCategory": { "key": "indeterminate" } } } },
    })
}

#[test]
fn an_issue_asks_by_its_label_or_its_assignee_when_that_is_new() {
    let asks = "begin PROJ-7 10040";
    let other = "neither the label `ai-help` nor the agent as assignee is new";
    let assignee = |to: Value| json!([{ "field": "assignee", "from": null, "to": to, "toString": "Agent" }]);
    for (items, expected) in [
        (labels("", "ai-help"), asks),
        (labels("bug", "bug AI-Help"), asks),
        (labels("ai-help", "ai-help bug"), other),
        (labels("ai-help", ""), other),
        (labels("", "ai-helper"), other),
        (assignee(json!(AGENT)), asks),
        (assignee(json!("a-name")), asks),
        (assignee(Value::Null), other),
        (json!([{ "field": "description", "toString": "ai-help" }]), other),
        (
            json!([{ "field": "summary" }, { "field": "labels", "fromString": null, "toString": "x ai-help" }]),
            asks,
        ),
        (json!([]), other),
    ] {
        assert_eq!(told(&updated(&items)), expected, "{items}");
    }
    let mut elsewhere = updated(&assignee(json!(DEV)));
    elsewhere["issue"] = issue(&["ai-help"], &account(DEV));
    assert_eq!(told(&elsewhere), other);
}

#[test]
fn a_new_issue_asks_if_it_has_the_label_or_the_agent() {
    let created = |labels: &[&str], assignee: &Value| json!({ "webhookEvent": "jira:issue_created", "user": account(DEV), "issue": issue(labels, assignee) });
    let none = "the issue has neither the label `ai-help` nor the agent as assignee";
    for (labels, assignee, expected) in [
        (&["ai-help"][..], Value::Null, "begin PROJ-7 10040"),
        (&["Ai-Help"], Value::Null, "begin PROJ-7 10040"),
        (&[], account(AGENT), "begin PROJ-7 10040"),
        (&["quickfix"], account(DEV), none),
    ] {
        assert_eq!(told(&created(labels, &assignee)), expected, "{labels:?}");
    }
    // The label that is set with an issue is one request, whichever event tells of it.
    let with_it = decided(&created(&["ai-help"], &Value::Null).to_string()).unwrap();
    let mut soon = updated(&labels("", "ai-help"));
    soon["timestamp"] = json!(1_795_251_603_000_i64);
    assert_eq!(decided(&soon.to_string()).unwrap().id, with_it.id);
    let later = decided(&updated(&labels("", "ai-help")).to_string()).unwrap();
    assert_ne!(later.id, with_it.id);
    assert_eq!(later.triggered_at.unwrap().to_string(), "2026-11-21T10:00:00Z");
}

#[test]
fn a_comment_asks_by_the_command_on_its_first_line() {
    for (text, expected) in [
        ("/approve", "approve PROJ-7 10040"),
        ("/retry\r\nthanks", "retry PROJ-7 10040"),
        ("/revise use tokio", "revise PROJ-7 10040"),
        ("/fix use tokio", "fix PROJ-7 10040"),
        ("/ci", "ci PROJ-7 10040"),
        ("/stop", "what runs or waits stops by itself"),
        ("Please /approve", "the comment holds no command"),
        ("{quote}\n/approve\n{quote}", "the comment holds no command"),
        ("", "the comment holds no command"),
    ] {
        assert_eq!(told(&commented(text)), expected, "{text:?}");
    }
    // The pull request of an issue that is done can be open, and who commands in vain is told so.
    let mut done = commented("/fix use tokio");
    done["issue"]["fields"]["status"] = json!({ "statusCategory": { "key": "done" } });
    assert_eq!(told(&done), "fix PROJ-7 10040");
    let request = decided(&commented("/approve").to_string()).unwrap();
    assert_eq!(request.asks.comment().map(u64::from), Some(10019));
    assert_eq!(request.account.unwrap().as_str(), DEV);
}

#[test]
fn who_is_nobody_or_the_agent_asks_for_nothing() {
    let with = |pointer: &str, value: Value| {
        let mut payload = updated(&labels("", "ai-help"));
        *payload.pointer_mut(pointer).unwrap() = value;
        told(&payload)
    };
    assert_eq!(with("/user", account(AGENT)), "the actor is the agent itself");
    assert_eq!(with("/user", json!({ "accountId": DEV, "accountType": "app" })), "the actor is not a person");
    assert_eq!(with("/user", Value::Null), "the payload does not say who acted");
    assert_eq!(with("/user", json!({ "displayName": "x" })), "the payload does not say who acted");
    let done = json!({ "statusCategory": { "key": "done" } });
    assert_eq!(with("/issue/fields/status", done), "it is done");
    assert_eq!(with("/issue/key", json!("proj 7")), "error: issue.key is not a key such as PROJ-123");
    assert_eq!(with("/issue/id", Value::Null), "error: the payload of `jira:issue_updated` has no issue.id");
    assert_eq!(
        with("/webhookEvent", json!("jira:worklog_updated")),
        "`jira:worklog_updated` asks for nothing"
    );
}

#[test]
fn a_payload_is_read_until_it_is_declined() {
    for (payload, expected) in [
        (r#"{"webhookEvent":"comment_updated" and no more JSON"#, "`comment_updated` asks for nothing"),
        (r#"{"webhookEvent":"comment_created","comment":{"body":"hello"}"#, "the comment holds no command"),
        (r#"{"webhookEvent":"comment_created","comment":{"body":null}"#, "the comment holds no command"),
        (
            r#"{"changelog":{"items":[]},"webhookEvent":"jira:issue_updated" "#,
            "neither the label `ai-help` nor the agent as assignee is new",
        ),
        // As Jira sends some updates.
        (
            r#"{"webhookEvent":"jira:issue_updated"}"#,
            "neither the label `ai-help` nor the agent as assignee is new",
        ),
        (
            r#"{"webhookEvent":"jira:issue_updated","changelog":null}"#,
            "neither the label `ai-help` nor the agent as assignee is new",
        ),
    ] {
        assert_eq!(decided(payload).unwrap_err(), expected, "{payload}");
    }
    for payload in [
        "",
        "[]",
        "{}",
        r#"{"webhookEvent":1}"#,
        r#"{"webhookEvent":"jira:issue_created"}"#,
        r#"{"webhookEvent":"comment_created","comment":{"body":"/approve"}}"#,
    ] {
        assert!(decided(payload).unwrap_err().starts_with("error: "), "{payload}");
    }
}

proptest! {
    /// Whoever has the secret may still send anything.
    #[test]
    fn no_payload_makes_it_fail_otherwise(text in any::<String>(), cut in any::<prop::sample::Index>(), at in any::<i64>()) {
        drop(decided(&text));
        let mut payload = commented("/approve");
        payload["timestamp"] = json!(at);
        payload["comment"]["created"] = json!(text);
        payload["issue"]["key"] = json!(text);
        drop(decided(&payload.to_string()));
        let whole = updated(&labels(&text, "ai-help")).to_string();
        let mut end = cut.index(whole.len());
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        // Cut short it asks for nothing.
        prop_assert!(decided(&whole[..end]).is_err());
    }
}
