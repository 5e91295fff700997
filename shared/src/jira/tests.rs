use serde_json::{Value, json};

use super::*;

fn parse(message: &Value) -> Result<JiraRequest, String> {
    JiraRequest::parse(message.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn approval() -> Value {
    json!({
        "jira": { "site": "acme", "issue": "PROJ-123", "number": 10040, "asks": "approve", "comment": 10019, "account": "557058:58f1-x" },
        "task_id": "0123456789abcdef0123456789abcdef",
        "triggered_at": "2026-11-21T09:00:00Z",
        "delivery_id": "d-1",
    })
}

/// What a command in a comment asks for.
fn asks(command: &Command<'_>) -> Asks {
    Asks::of_command(command, NonZeroU64::new(7).unwrap()).unwrap()
}

#[test]
fn a_message_survives_the_queue() {
    let begin = json!({ "jira": { "site": "acme", "issue": "PROJ-123", "number": 10040, "asks": "begin", "change": 10233 } });
    for message in [approval(), begin] {
        let request = parse(&message).unwrap();
        let again = JiraRequest::parse(&request.to_message().unwrap()).unwrap();
        assert_eq!(again, request);
    }
    let written: Value = serde_json::from_slice(&parse(&approval()).unwrap().to_message().unwrap()).unwrap();
    assert_eq!(written, approval());
}

#[test]
fn what_is_no_request_says_why() {
    for (pointer, value, expected) in [
        ("/jira/site", json!("ACME"), "jira.site: the name of a site is 1 to 40 small letters"),
        ("/jira/site", json!("-a"), "jira.site"),
        ("/jira/site", json!("../x"), "jira.site"),
        ("/jira/issue", json!("proj-1"), "jira.issue is not a key such as PROJ-123"),
        ("/jira/issue", json!("123"), "jira.issue"),
        ("/jira/number", json!(0), "nonzero"),
        (
            "/jira/asks",
            json!("stop"),
            "invalid value: string \"stop\", expected `begin` or the name of a command other than `stop`",
        ),
        ("/jira/asks", json!("begin"), "`begin` has no use for jira.comment"),
        ("/jira/comment", Value::Null, "`approve` needs jira.comment"),
        ("/jira/account", json!("a b"), "jira.account is not the id of an account"),
        ("/jira/account", json!(""), "jira.account is not the id of an account"),
        ("/task_id", json!("x"), "task_id is not 32 hexadecimal digits"),
        ("/delivery_id", json!("a b"), "delivery_id is not 1 to 64"),
        ("/triggered_at", json!("now"), "the message is not a request of Jira"),
    ] {
        let mut message = approval();
        *message.pointer_mut(pointer).unwrap() = value.clone();
        let told = parse(&message).unwrap_err();
        assert!(told.contains(expected), "{pointer} {value}: {told}");
    }
    let mut more = approval();
    more["repo_url"] = json!("https://github.com/octo/hello");
    assert!(parse(&more).unwrap_err().contains("unknown field `repo_url`"));
}

#[test]
fn a_request_has_one_id_and_another_one_another() {
    let id = |site: &str, number: u64, asks, event: &str| {
        let site = SiteName::parse(site).unwrap();
        JiraOrigin { site: &site, number: NonZeroU64::new(number).unwrap(), asks, event }.id()
    };
    let (retry, approve) = (asks(&Command::Retry), asks(&Command::Approve));
    let known = id("acme", 1, Asks::BEGIN, "created x");
    assert_eq!(known, id("acme", 1, Asks::BEGIN, "created x"));
    for other in [
        id("acme2", 1, Asks::BEGIN, "created x"),
        id("acme", 2, Asks::BEGIN, "created x"),
        id("acme", 1, Asks::BEGIN, "change 7"),
        id("acme", 1, retry, "created x"),
        id("acme", 1, approve, "created x"),
    ] {
        assert_ne!(known, other);
    }
    // A command is its comment, whenever the webhook was sent.
    assert_eq!(id("acme", 1, retry, "a"), id("acme", 1, retry, "b"));
    // Ids stand in comments that outlive a release.
    assert_eq!(known.to_string(), "9fd2d2bd4479b0cf9a1255655e8ed562");
}

#[test]
fn commands_ask_for_what_they_say() {
    let comment = NonZeroU64::new(7).unwrap();
    for name in Command::NAMES {
        let text = format!("/{name}");
        let command = Command::parse(&text).unwrap();
        let Some(asks) = Asks::of_command(&command, comment) else {
            assert_eq!(command, Command::Stop);
            continue;
        };
        assert_eq!((asks.name(), asks.comment(), asks.is_of(&command)), (name, Some(comment), true));
        let mut message = approval();
        message["jira"]["asks"] = json!(name);
        assert!(parse(&message).unwrap().asks.is_of(&command), "{name}");
    }
    let feedback = Command::Revise { feedback: "use tokio" };
    assert!(asks(&Command::Revise { feedback: "" }).is_of(&feedback));
    assert!(!asks(&Command::Retry).is_of(&Command::Approve));
    assert!(!asks(&Command::Retry).is_of(&Command::Stop));
    assert!(!Asks::BEGIN.is_of(&Command::Retry));
}

#[test]
fn what_is_set_with_an_issue_is_one_request_and_what_comes_later_another() {
    let at = |text: &str| parse_time(text).unwrap();
    let created = at("2019-02-15T19:01:52.971-0800");
    assert_eq!(created.to_string(), "2019-02-16T03:01:52.971Z");
    assert_eq!(at("2019-02-16T03:01:52.971Z"), created);
    assert_eq!(parse_time("yesterday"), None);
    let with_it = event_of(Some(created), None, None);
    assert_eq!(with_it, "created 2019-02-16T03:01:52.971Z");
    let soon = at("2019-02-15T19:02:01.000-0800");
    assert_eq!(event_of(Some(created), Some(soon), Some(7)), with_it);
    let later = at("2019-02-15T19:03:00.000-0800");
    assert_eq!(event_of(Some(created), Some(later), Some(7)), "change 7");
}
