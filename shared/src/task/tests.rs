use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::mode::{CommandAt, Comment};

fn number(n: u64) -> NonZeroU64 {
    NonZeroU64::new(n).unwrap()
}

fn issue(n: u64) -> IssueId {
    number(n).into()
}

fn at(pull_request: Option<u64>, comment: Comment) -> CommandAt {
    CommandAt { pull_request: pull_request.map(|n| number(n).into()), comment }
}

fn parse(message: &str) -> Result<Task, String> {
    Task::parse(message.as_bytes(), &HostPolicy::github()).map_err(|error| error.to_string())
}

/// The first four fields with `more` on top, where `null` takes a field away.
fn message(more: &serde_json::Value) -> String {
    let mut message = json!({
        "repo_url": "https://github.com/octo/hello", "issue_id": 123, "mode": "plan", "trigger_user": "dev1",
    });
    for (field, value) in more.as_object().unwrap() {
        if value.is_null() {
            message.as_object_mut().unwrap().remove(field);
        } else {
            message[field] = value.clone();
        }
    }
    message.to_string()
}

#[test]
fn the_first_four_fields_alone_are_a_task() {
    let policy = HostPolicy::github();
    for (mode, expect) in [("plan", Mode::Plan), ("quickfix", Mode::QuickFix)] {
        let repo = Repo::parse("https://github.com/octo/hello", &policy).unwrap();
        let id = TaskId::derive(Origin {
            repo: &repo,
            repository_id: None,
            issue: &issue(123),
            mode: expect.kind(),
            event: "",
        });
        assert_eq!(
            parse(&message(&json!({ "mode": mode }))),
            Ok(Task {
                id,
                repo,
                issue: issue(123),
                mode: expect,
                trigger_user: Login::parse("dev1").unwrap(),
                triggered_at: None,
                delivery_id: None,
                repository_id: None,
                installation_id: None,
                issue_digest: None,
            })
        );
    }
}

#[test]
fn commands_carry_what_they_need() {
    let nine = number(9);
    for (more, expect) in [
        (
            json!({"mode": "approve", "pull_request": 7, "comment_id": 9}),
            Mode::Approve(at(Some(7), Comment::Issue(nine))),
        ),
        (
            json!({"mode": "approve", "pull_request": 7, "comment_id": 9, "comment_kind": "review"}),
            Mode::Approve(at(Some(7), Comment::Review(nine))),
        ),
        (json!({"mode": "approve", "comment_id": 9}), Mode::Approve(at(None, Comment::Issue(nine)))),
        (json!({"mode": "revise", "comment_id": 9}), Mode::Revise(at(None, Comment::Issue(nine)))),
        (
            json!({"mode": "revise", "pull_request": 7, "comment_id": 9, "comment_kind": "review_line"}),
            Mode::Revise(at(Some(7), Comment::ReviewLine(nine))),
        ),
    ] {
        assert_eq!(parse(&message(&more)).map(|task| task.mode), Ok(expect));
    }
}

#[test]
fn everything_else_is_refused_with_the_reason() {
    let table = [
        (json!({"mode": "approve"}), "mode `approve` needs comment_id"),
        (json!({"mode": "approve", "pull_request": 7}), "mode `approve` needs comment_id"),
        (json!({"mode": "revise"}), "mode `revise` needs comment_id"),
        (json!({"mode": "revise", "pull_request": 7}), "mode `revise` needs comment_id"),
        (json!({"pull_request": 7}), "mode `plan` has no use for pull_request"),
        (json!({"mode": "quickfix", "comment_id": 7}), "mode `quickfix` has no use for comment_id"),
        (json!({"comment_kind": "review"}), "mode `plan` has no use for comment_kind"),
        (json!({"mode": "revise", "comment_kind": "review"}), "mode `revise` needs comment_id"),
        (
            json!({"repo_url": "http://github.com/octo/hello"}),
            "repo_url: the repository address does not start with `https://`",
        ),
        (
            json!({"repo_url": "https://evil.example/octo/hello"}),
            "repo_url: the repository is on `evil.example`, which is not the configured host",
        ),
        (
            json!({"trigger_user": "dependabot[bot]"}),
            "trigger_user: the user is not 1 to 39 letters, digits, `-` or `_`, starting with a letter or digit",
        ),
        (json!({"task_id": "7"}), "task_id is not 32 hexadecimal digits in small letters"),
        (json!({"task_id": "A".repeat(32)}), "task_id is not 32 hexadecimal digits in small letters"),
        (json!({"delivery_id": ""}), "delivery_id is not 1 to 64 letters, digits and hyphens"),
        (json!({"delivery_id": "a b"}), "delivery_id is not 1 to 64 letters, digits and hyphens"),
        (json!({"delivery_id": "a".repeat(65)}), "delivery_id is not 1 to 64 letters, digits and hyphens"),
        (
            json!({"issue_digest": "0".repeat(63)}),
            "issue_digest is not 64 hexadecimal digits in small letters",
        ),
    ];
    for (more, expect) in table {
        assert_eq!(parse(&message(&more)), Err(expect.to_owned()), "{more}");
    }
}

#[test]
fn what_is_not_of_the_right_form_is_no_task() {
    let twice = r#"{"repo_url":"https://github.com/a/b","repo_url":"https://github.com/c/d","issue_id":1,"mode":"plan","trigger_user":"u"}"#;
    let missing = |field: &str| message(&json!({ field: null }));
    for (text, expect) in [
        (String::new(), "EOF while parsing a value"),
        ("null".to_owned(), "invalid type: null, expected struct Wire"),
        (format!("{} {{}}", message(&json!({}))), "trailing characters"),
        (twice.to_owned(), "duplicate field `repo_url`"),
        (missing("repo_url"), "missing field `repo_url`"),
        (missing("issue_id"), "missing field `issue_id`"),
        (missing("mode"), "missing field `mode`"),
        (missing("trigger_user"), "missing field `trigger_user`"),
        (
            message(&json!({"issue_id": 0})),
            "invalid value: integer `0`, expected the number of an issue, from 1, or a key such as \"PROJ-123\"",
        ),
        (
            message(&json!({"issue_id": -1})),
            "invalid type: integer `-1`, expected the number of an issue, from 1, or a key such as \"PROJ-123\"",
        ),
        (
            message(&json!({"issue_id": "1"})),
            "invalid value: string \"1\", expected the number of an issue, from 1, or a key such as \"PROJ-123\"",
        ),
        (
            message(&json!({"issue_id": 1.5})),
            "invalid type: floating point `1.5`, expected the number of an issue, from 1, or a key such as \"PROJ-123\"",
        ),
        (
            message(&json!({"mode": "retry"})),
            "unknown variant `retry`, expected one of `quickfix`, `plan`, `revise`, `approve`, `fix`, `ci`, `update`, `checks`, `closed`",
        ),
        (
            message(&json!({"mode": "Plan"})),
            "unknown variant `Plan`, expected one of `quickfix`, `plan`, `revise`, `approve`, `fix`, `ci`, `update`, `checks`, `closed`",
        ),
        (message(&json!({"trigger_user": 1})), "invalid type: integer `1`, expected a string"),
    ] {
        let error = parse(&text).unwrap_err();
        // serde_json ends every message with the place.
        let (what, _place) = error.rsplit_once(" at line ").unwrap();
        assert_eq!(what, format!("the message is not a task: {expect}"), "{text}");
    }
    let unknown = parse(&message(&json!({"base_branch": "main"}))).unwrap_err();
    assert_eq!(unknown.split_once(',').unwrap().0, "the message is not a task: unknown field `base_branch`");
}

#[test]
fn the_size_is_capped_before_anything_is_read() {
    let short = message(&json!({}));
    let fits = format!("{short}{}", " ".repeat(MAX_MESSAGE_BYTES - short.len()));
    assert_eq!(parse(&fits).map(|task| task.issue), Ok(issue(123)));
    assert_eq!(parse(&format!("{fits} ")), Err("the message has 65537 bytes, more than 65536".to_owned()));
}

#[test]
fn an_id_stands_for_one_wish() {
    let policy = HostPolicy::github();
    let repo = Repo::parse("https://github.com/octo/hello", &policy).unwrap();
    let renamed = Repo::parse("https://github.com/octo/renamed", &policy).unwrap();
    let (two, twelve, thirteen) = (issue(2), issue(12), issue(13));
    let base = Origin {
        repo: &repo,
        repository_id: Some(number(1)),
        issue: &twelve,
        mode: ModeKind::Plan,
        event: "comment 3",
    };
    assert_eq!(TaskId::derive(base), TaskId::derive(Origin { repo: &renamed, ..base }));
    let by_name = Origin { repository_id: None, ..base };
    let others = [
        base,
        by_name,
        Origin { repo: &renamed, ..by_name },
        Origin { repository_id: Some(number(2)), ..base },
        Origin { issue: &thirteen, ..base },
        // The boundary between two fields counts.
        Origin { repository_id: Some(number(11)), issue: &two, ..base },
        Origin { mode: ModeKind::QuickFix, ..base },
        Origin { event: "comment 4", ..base },
    ];
    let ids: std::collections::HashSet<TaskId> = others.into_iter().map(TaskId::derive).collect();
    assert_eq!(ids.len(), others.len());
}

/// Ids are written into messages and comments that outlive a release.
#[test]
fn an_id_never_changes() {
    use ModeKind::{Approve, Plan, QuickFix, Revise};
    let repo = Repo::parse("https://github.com/Octo/Hello", &HostPolicy::github()).unwrap();
    for (repository_id, issue, mode, event, expected) in [
        (Some(1), "12", Plan, "comment 3", "ed9ec1e0fea7a579f02a8f344c685687"),
        (Some(1), "12", QuickFix, "wished 2026-11-21T09:00:00Z", "8abf3d32121c7acb6e89a72c073cc440"),
        (Some(1), "12", Plan, "created 2026-11-21T09:00:00Z", "8441f84b4f821fe0a67b6c845ac95903"),
        (Some(1), "7", Revise, "comment 3", "23ba16b17f0ddcd936f3dcabc9e9b574"),
        (Some(1), "7", Approve, "review 4", "1f3c625234990443394035082174d71d"),
        (Some(1), "18446744073709551615", Plan, "", "fff770061c71da6abb47215d22b88e79"),
        (Some(1), "PROJ-123", Plan, "comment 3", "7d87ed107c56ede010676de5f83639af"),
        (None, "123", QuickFix, "", "cafbbc322dbbec480c513f7f672c7e07"),
        (None, "123", Revise, "comment 9", "cd4bddd3c7be810ac336271786898d1c"),
        (None, "PROJ-123", Plan, "", "b0d4cdb6f9ab0a7474ff38c1a7408615"),
    ] {
        let id = TaskId::derive(Origin {
            repo: &repo,
            repository_id: repository_id.map(number),
            issue: &issue.parse().unwrap(),
            mode,
            event,
        });
        assert_eq!(id.to_string(), expected, "{issue} {mode} {event}");
    }
}

/// Messages of the program before issues had keys. Some may wait in a queue while somebody upgrades, and an older
/// program may have to read what a newer one writes.
#[test]
fn messages_of_an_older_program_are_read_and_written() {
    let repo = Repo::parse("https://github.com/octo/hello", &HostPolicy::github()).unwrap();
    let digest = "8b6ce4d7ff23b5b5cb6e2b8b8d1e9a0f6b1a4b1c0d9e8f7a6b5c4d3e2f1a0b9c";
    let seed =
        r#""repo_url":"https://github.com/octo/hello","issue_id":123,"mode":"MODE","trigger_user":"dev1""#;
    let all = format!(
        r#"{seed},"task_id":"ed9ec1e0fea7a579f02a8f344c685687","triggered_at":"2026-11-21T09:00:00Z","delivery_id":"72d3162e-cc78-11e3-81ab-4c9367dc0958","repository_id":1,"installation_id":42MORE,"issue_digest":"{digest}""#
    );
    let on_issue = r#","comment_id":99"#;
    let kind = |kind: &str| format!(r#","pull_request":7,"comment_id":99,"comment_kind":"{kind}""#);
    let comment = Comment::Issue(number(99));
    for (mode, expected) in [
        ("quickfix", Mode::QuickFix),
        ("plan", Mode::Plan),
        ("revise", Mode::Revise(at(None, comment))),
        ("approve", Mode::Approve(at(None, comment))),
    ] {
        // The first four fields alone, with the comment where the mode needs it.
        let more = if expected.command().is_some() { on_issue } else { "" };
        let task = parse(&format!("{{{seed}{more}}}").replace("MODE", mode)).unwrap();
        assert_eq!((&task.repo, &task.issue, task.mode), (&repo, &issue(123), expected));
        assert_eq!(task.trigger_user.as_str(), "dev1");
        assert_eq!((task.triggered_at, task.delivery_id, task.issue_digest), (None, None, None));
        assert_eq!((task.repository_id, task.installation_id), (None, None));

        // Every optional field, with each kind of comment where there is one.
        let mut forms = vec![(String::new(), expected)];
        if expected.command().is_some() {
            let on_pull_request = |comment| match expected {
                Mode::Revise(_) => Mode::Revise(at(Some(7), comment)),
                _ => Mode::Approve(at(Some(7), comment)),
            };
            forms = vec![
                (format!(r#"{on_issue},"comment_kind":"issue""#), expected),
                (kind("issue"), on_pull_request(comment)),
                (kind("review_line"), on_pull_request(Comment::ReviewLine(number(99)))),
                (kind("review"), on_pull_request(Comment::Review(number(99)))),
            ];
        }
        for (more, expected) in forms {
            let message = format!("{{{all}}}").replace("MODE", mode).replace("MORE", &more);
            let task = parse(&message).unwrap();
            assert_eq!(task.mode, expected);
            assert_eq!(task.id.to_string(), "ed9ec1e0fea7a579f02a8f344c685687");
            assert_eq!(task.triggered_at, Some("2026-11-21T09:00:00Z".parse().unwrap()));
            assert_eq!(task.delivery_id, DeliveryId::parse("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
            assert_eq!((task.repository_id, task.installation_id), (Some(number(1)), Some(number(42))));
            assert_eq!(task.issue_digest.unwrap().to_string(), digest);
            assert_eq!(String::from_utf8(task.to_message().unwrap()).unwrap(), message);
        }
    }
}

#[test]
fn the_issue_of_a_message_may_have_a_key() {
    let task = parse(&message(&json!({"issue_id": "PROJ-123"}))).unwrap();
    assert_eq!(task.issue, "PROJ-123".parse().unwrap());
    assert_eq!(task.id.to_string(), "b0d4cdb6f9ab0a7474ff38c1a7408615");
    let written: serde_json::Value = serde_json::from_slice(&task.to_message().unwrap()).unwrap();
    assert_eq!(written["issue_id"], "PROJ-123");
    assert_eq!(Task::parse(&task.to_message().unwrap(), &HostPolicy::github()).unwrap(), task);
}

#[test]
fn a_message_without_an_id_gets_one_that_tells_wishes_apart() {
    let id = |more| parse(&message(&more)).unwrap().id;
    let revise = |more: serde_json::Value| {
        let mut all = json!({"mode": "revise"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        id(all)
    };
    assert_eq!(id(json!({})), id(json!({"installation_id": 5})));
    let ids = [
        id(json!({})),
        id(json!({"triggered_at": "2026-11-21T09:00:00Z"})),
        id(json!({"delivery_id": "d1"})),
        id(json!({"delivery_id": "d2"})),
        revise(json!({"comment_id": 1})),
        revise(json!({"comment_id": 2, "delivery_id": "d1"})),
    ];
    let distinct: std::collections::HashSet<_> = ids.into_iter().collect();
    assert_eq!(distinct.len(), ids.len());
    assert_eq!(revise(json!({"comment_id": 2, "delivery_id": "d2"})), ids[5]);
}

#[test]
fn a_digest_stands_for_title_and_body() {
    let digests = [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")]
        .map(|(title, body)| IssueDigest::of(title, body).to_string());
    let distinct: std::collections::HashSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
}

fn modes() -> impl Strategy<Value = Mode> {
    let number = || (1..u64::MAX).prop_map(number);
    let comment = || {
        prop_oneof![
            number().prop_map(Comment::Issue),
            number().prop_map(Comment::ReviewLine),
            number().prop_map(Comment::Review),
        ]
    };
    prop_oneof![
        Just(Mode::QuickFix),
        Just(Mode::Plan),
        (proptest::option::of(1..u64::MAX), comment())
            .prop_map(|(pull, comment)| Mode::Revise(at(pull, comment))),
        (proptest::option::of(1..u64::MAX), comment())
            .prop_map(|(pull, comment)| Mode::Approve(at(pull, comment))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        mode in modes(),
        owner in "[A-Za-z0-9][A-Za-z0-9-]{0,38}",
        name in "[A-Za-z0-9_-]{1,100}",
        user in "[A-Za-z0-9][A-Za-z0-9_-]{0,38}",
        issue in prop_oneof!["[1-9][0-9]{0,18}", "[A-Z][A-Z0-9_]{1,9}-[1-9][0-9]{0,18}"],
        ids in proptest::option::of((1..u64::MAX, 1..u64::MAX)),
        delivery in proptest::option::of("[0-9a-f-]{1,64}"),
        second in proptest::option::of(0..4_000_000_000_i64),
        text in proptest::option::of((any::<String>(), any::<String>())),
    ) {
        let policy = HostPolicy::github();
        let repo = Repo::parse(&format!("https://github.com/{owner}/{name}"), &policy).unwrap();
        let repository_id = ids.map(|(id, _)| number(id));
        let issue: IssueId = issue.parse().unwrap();
        let task = Task {
            id: TaskId::derive(Origin { repo: &repo, repository_id, issue: &issue, mode: mode.kind(), event: "e" }),
            repo,
            issue,
            mode,
            trigger_user: Login::parse(&user).unwrap(),
            triggered_at: second.map(|second| Timestamp::from_second(second).unwrap()),
            delivery_id: delivery.map(|id| DeliveryId::parse(&id).unwrap()),
            repository_id,
            installation_id: ids.map(|(_, id)| number(id)),
            issue_digest: text.map(|(title, body)| IssueDigest::of(&title, &body)),
        };
        let message = task.to_message().unwrap();
        prop_assert!(message.len() < 2048);
        prop_assert_eq!(Task::parse(&message, &policy).unwrap(), task);
    }
}

#[test]
fn what_is_wished_with_the_creation_is_one_wish() {
    let at = |text: &str| Some(format!("2026-11-21T{text}Z").parse::<Timestamp>().unwrap());
    let created = at("09:00:00");
    for (created, wished, expect) in [
        (created, at("09:00:00"), "created 2026-11-21T09:00:00Z"),
        (created, at("09:00:10"), "created 2026-11-21T09:00:00Z"),
        (created, at("09:00:11"), "wished 2026-11-21T09:00:11Z"),
        (None, at("09:00:00"), "wished 2026-11-21T09:00:00Z"),
        (created, None, "wished"),
    ] {
        assert_eq!(wish(created, wished), expect);
    }
}
