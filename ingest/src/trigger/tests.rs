use std::num::NonZeroU64;

use serde_json::{Value, json};

use super::*;

fn rules() -> Rules {
    Rules {
        hosts: HostPolicy::github(),
        trigger_label: "ai-help".to_owned(),
        quickfix_label: "quickfix".to_owned(),
        generated_label: "ai-generated".to_owned(),
        agent: Agent { login: Some("the-agent".to_owned()), id: Some(100) },
    }
}

/// `base` with the values of `change` set at their JSON pointers; `null` takes a field away.
fn changed(mut base: Value, change: &Value) -> Value {
    for (pointer, value) in change.as_object().unwrap() {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = base.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(field);
        } else {
            parent.insert(field.to_owned(), value.clone());
        }
    }
    base
}

fn labels(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}

fn issue_event(action: &str) -> Value {
    json!({
        "action": action,
        "issue": {
            "number": 12, "title": "A tpyo", "body": null, "state": "open", "labels": labels(&["bug", "ai-help"]),
            "created_at": "2026-11-01T08:00:00Z", "updated_at": "2026-11-21T09:00:00Z",
        },
        "label": {"name": "ai-help"},
        "assignee": {"login": "The-Agent", "id": 100, "type": "User"},
        "repository": {"id": 7, "html_url": "https://github.com/octo/hello", "archived": false},
        "installation": {"id": 42},
        "sender": {"login": "dev1", "id": 5, "type": "User"},
    })
}

fn comment_event(text: &str) -> Value {
    let comment = json!({
        "id": 99, "body": text, "created_at": "2026-11-21T10:00:00Z",
        "user": {"login": "dev1", "id": 5, "type": "User"},
    });
    changed(issue_event("created"), &json!({"/comment": comment, "/label": null, "/assignee": null}))
}

/// A comment in the conversation of the pull request that holds the plan.
fn on_pull_request(text: &str) -> Value {
    let change = json!({"/issue/pull_request": {"url": "…"}, "/issue/number": 7,
                        "/issue/labels": labels(&["ai-generated"])});
    changed(comment_event(text), &change)
}

fn decision(event: &str, payload: &Value, rules: &Rules) -> Decision {
    let payload = payload.to_string();
    decide(event, payload.as_bytes(), DeliveryId::parse("d1").as_ref(), rules).unwrap()
}

fn task(event: &str, payload: &Value) -> Task {
    match decision(event, payload, &rules()) {
        Decision::Publish(task) => *task,
        Decision::Ignore(why) => panic!("ignored: {why}\n{payload:#}"),
    }
}

fn ignored(event: &str, payload: &Value) -> Ignored {
    match decision(event, payload, &rules()) {
        Decision::Ignore(why) => why,
        Decision::Publish(task) => panic!("published: {task:?}\n{payload:#}"),
    }
}

fn number(n: u64) -> NonZeroU64 {
    NonZeroU64::new(n).unwrap()
}

fn issue(n: u64) -> IssueId {
    number(n).into()
}

#[test]
fn a_wish_becomes_a_task_with_all_that_is_known() {
    let found = task("issues", &issue_event("labeled"));
    let repo = Repo::parse("https://github.com/octo/hello", &HostPolicy::github()).unwrap();
    let id = TaskId::derive(IdOrigin {
        repo: &repo,
        repository_id: Some(number(7)),
        issue: &issue(12),
        mode: Mode::Plan.kind(),
        event: "wished 2026-11-21T09:00:00Z",
    });
    let expect = Task {
        id,
        repo,
        issue: issue(12),
        mode: Mode::Plan,
        trigger_user: Login::parse("dev1").unwrap(),
        triggered_at: Some("2026-11-21T09:00:00Z".parse().unwrap()),
        delivery_id: DeliveryId::parse("d1"),
        repository_id: Some(number(7)),
        installation_id: Some(number(42)),
        issue_digest: Some(IssueDigest::of("A tpyo", "")),
    };
    assert_eq!(found, expect);
}

#[test]
fn the_labels_choose_the_mode() {
    for (names, expect) in [
        (&["ai-help"][..], Mode::Plan),
        (&["ai-help", "quickfix"], Mode::QuickFix),
        (&["Quickfix", "AI-Help", "bug"], Mode::QuickFix),
    ] {
        for action in ["opened", "labeled", "assigned"] {
            let payload = changed(issue_event(action), &json!({"/issue/labels": labels(names)}));
            assert_eq!(task("issues", &payload).mode, expect, "{action} {names:?}");
        }
    }
}

#[test]
fn what_is_no_wish_is_ignored_with_the_reason() {
    use Ignored::{
        Archived, Closed, NotAPerson, NotAsked, OtherAssignee, OtherLabel, Ourselves, PullRequest,
    };
    let not_asked = || NotAsked("ai-help".to_owned());
    let account = |login: &str, id: u64, kind: &str| json!({"login": login, "id": id, "type": kind});
    let table = [
        ("labeled", json!({"/label": {"name": "bug"}}), OtherLabel("bug".to_owned())),
        ("labeled", json!({"/label": {"name": "quickfix"}}), OtherLabel("quickfix".to_owned())),
        ("labeled", json!({"/issue/labels": labels(&["bug"])}), not_asked()),
        ("opened", json!({"/issue/labels": labels(&[])}), not_asked()),
        ("opened", json!({"/issue/labels": labels(&["quickfix"])}), not_asked()),
        ("opened", json!({"/issue/labels": labels(&["ai-helper"])}), not_asked()),
        ("assigned", json!({"/issue/labels": labels(&["bug"])}), not_asked()),
        ("assigned", json!({"/assignee": account("dev2", 6, "User")}), OtherAssignee),
        // The login was given up and taken by somebody else: the number counts.
        ("assigned", json!({"/assignee": account("the-agent", 6, "User")}), OtherAssignee),
        ("labeled", json!({"/sender": account("the-agent", 100, "User")}), Ourselves),
        ("labeled", json!({"/sender": account("renamed", 100, "User")}), Ourselves),
        ("labeled", json!({"/sender": account("dependabot[bot]", 6, "Bot")}), NotAPerson),
        ("labeled", json!({"/sender": account("dependabot[bot]", 6, "User")}), NotAPerson),
        ("labeled", json!({"/sender": account("helper", 6, "Bot")}), NotAPerson),
        ("labeled", json!({"/sender": account("octo", 6, "Organization")}), NotAPerson),
        ("labeled", json!({"/sender": account("old", 6, "Mannequin")}), NotAPerson),
        ("labeled", json!({"/sender": {"login": "dev1", "id": 5}}), NotAPerson),
        ("labeled", json!({"/repository/archived": true}), Archived),
        ("labeled", json!({"/issue/state": "closed"}), Closed),
        ("labeled", json!({"/issue/pull_request": {"url": "…"}}), PullRequest),
    ];
    for (action, change, expect) in table {
        assert_eq!(ignored("issues", &changed(issue_event(action), &change)), expect, "{action} {change}");
    }
    for action in ["unlabeled", "unassigned", "edited", "closed", "reopened", "a_new_one"] {
        let expect = Ignored::Action { event: "issues".to_owned(), action: action.to_owned() };
        assert_eq!(ignored("issues", &issue_event(action)), expect);
    }
    for event in ["push", "check_run", "installation", "a_new_one"] {
        assert_eq!(ignored(event, &json!({"action": "created"})), Ignored::Event(event.to_owned()));
    }
    assert_eq!(ignored("ping", &json!({})), Ignored::Ping);
}

/// The event, its payload, and what the task has of it: issue, mode and the event that its id is made of.
#[test]
fn what_ends_on_a_branch_of_the_agents_is_heard() {
    let repository = json!({"id": 7, "html_url": "https://github.com/octo/hello", "archived": false});
    let suite = |branch: &str, sha: &str| {
        json!({
            "action": "completed",
            "check_suite": {"head_branch": branch, "head_sha": sha, "conclusion": "failure", "pull_requests": []},
            "repository": repository,
            "sender": {"login": "github-actions[bot]", "id": 9, "type": "Bot"},
            "installation": {"id": 42},
        })
    };
    let run = |repo: u64| {
        json!({
            "action": "completed",
            "workflow_run": {"head_branch": "ai-agent/issue-12", "head_sha": "aa", "head_repository": {"id": repo}},
            "repository": repository,
        })
    };
    let status = json!({
        "sha": "aa", "state": "success", "repository": repository,
        "branches": [{"name": "main"}, {"name": "ai-agent/issue-12"}],
    });
    let pull = |head: serde_json::Value| {
        json!({
            "action": "closed", "number": 14, "repository": repository,
            "pull_request": {"number": 14, "head": {"ref": "ai-agent/issue-12", "sha": "aa", "repo": head}},
        })
    };
    let table = [
        ("check_suite", suite("ai-agent/issue-12", "aa"), Mode::Checks, "checks aa"),
        ("workflow_run", run(7), Mode::Checks, "checks aa"),
        ("status", status.clone(), Mode::Checks, "checks aa"),
        ("pull_request", pull(json!({"id": 7})), Mode::Closed, "closed 14 aa"),
    ];
    for (event, payload, mode, origin) in table {
        let found = task(event, &payload);
        let id = TaskId::derive(IdOrigin {
            repo: &found.repo,
            repository_id: Some(number(7)),
            issue: &issue(12),
            mode: mode.kind(),
            event: origin,
        });
        assert_eq!((found.id, found.issue, found.mode), (id, issue(12), mode), "{event}");
        assert_eq!(found.trigger_user.as_str(), "octo", "{event}");
    }
    let nothing = [
        ("check_suite", suite("main", "aa"), Ignored::OtherBranch),
        ("check_suite", suite("ai-agent/other", "aa"), Ignored::OtherBranch),
        ("workflow_run", run(8), Ignored::Fork),
        ("status", changed(status.clone(), &json!({"/branches": []})), Ignored::OtherBranch),
        ("pull_request", pull(json!({"id": 8})), Ignored::Fork),
        ("pull_request", pull(json!(null)), Ignored::Fork),
        (
            "pull_request",
            changed(pull(json!({"id": 7})), &json!({"/repository/archived": true})),
            Ignored::Archived,
        ),
    ];
    for (event, payload, expect) in nothing {
        assert_eq!(ignored(event, &payload), expect, "{event} {payload}");
    }
    for (event, payload, action) in [
        (
            "check_suite",
            changed(suite("ai-agent/issue-12", "aa"), &json!({"/action": "requested"})),
            "requested",
        ),
        ("status", changed(status, &json!({"/state": "pending"})), "pending"),
        ("pull_request", changed(pull(json!({"id": 7})), &json!({"/action": "opened"})), "opened"),
    ] {
        let expect = Ignored::Action { event: event.to_owned(), action: action.to_owned() };
        assert_eq!(ignored(event, &payload), expect);
    }
}

#[test]
fn without_an_account_of_the_agents_nothing_is_assigned_to_it() {
    for (agent, expect) in [
        (Agent::default(), false),
        (Agent { login: Some("THE-agent".to_owned()), id: None }, true),
        (Agent { login: None, id: Some(100) }, true),
        (Agent { login: Some("somebody".to_owned()), id: Some(100) }, true),
        (Agent { login: Some("the-agent".to_owned()), id: Some(1) }, false),
    ] {
        let rules = Rules { agent: agent.clone(), ..rules() };
        let found = matches!(decision("issues", &issue_event("assigned"), &rules), Decision::Publish(_));
        assert_eq!(found, expect, "{agent:?}");
    }
}

#[test]
fn commands_become_tasks_where_they_mean_something() {
    let comment = Comment::Issue(number(99));
    let seven = Some(number(7).into());
    let approve = |pull_request| Mode::Approve(CommandAt { pull_request, comment });
    let revise = |pull_request| Mode::Revise(CommandAt { pull_request, comment });
    let fix = |pull_request| Mode::Fix(CommandAt { pull_request, comment });
    let update = |pull_request| Mode::Update(CommandAt { pull_request, comment });
    let ci = |pull_request| Mode::Ci(CommandAt { pull_request, comment });
    for (payload, issue, mode) in [
        (on_pull_request("/approve"), 7, approve(seven)),
        (on_pull_request("/approve\n\nThank you"), 7, approve(seven)),
        (comment_event("/approve"), 12, approve(None)),
        (on_pull_request("/revise use axum"), 7, revise(seven)),
        (comment_event("/revise use axum"), 12, revise(None)),
        (comment_event("/revise"), 12, revise(None)),
        (comment_event("/retry"), 12, Mode::Plan),
        (on_pull_request("/fix use axum"), 7, fix(seven)),
        (on_pull_request("/fix"), 7, fix(seven)),
        (on_pull_request("/retry"), 7, fix(seven)),
        (comment_event("/fix use axum"), 12, fix(None)),
        (on_pull_request("/update"), 7, update(seven)),
        (comment_event("/update"), 12, update(None)),
        (changed(on_pull_request("/update"), &json!({"/issue/state": "closed"})), 7, update(seven)),
        // Whoever asks for something where nothing can change any more is told so.
        (changed(on_pull_request("/fix it"), &json!({"/issue/state": "closed"})), 7, fix(seven)),
        (changed(on_pull_request("/revise it"), &json!({"/issue/state": "closed"})), 7, revise(seven)),
        (changed(on_pull_request("/approve"), &json!({"/issue/state": "closed"})), 7, approve(seven)),
        (changed(on_pull_request("/ci"), &json!({"/issue/state": "closed"})), 7, ci(seven)),
        // The pull request of an issue that is closed can be open.
        (changed(comment_event("/fix it"), &json!({"/issue/state": "closed"})), 12, fix(None)),
        (changed(comment_event("/update"), &json!({"/issue/state": "closed"})), 12, update(None)),
        (changed(comment_event("/ci"), &json!({"/issue/state": "closed"})), 12, ci(None)),
    ] {
        let found = task("issue_comment", &payload);
        assert_eq!((found.issue, found.mode), (number(issue).into(), mode));
        assert_eq!(found.triggered_at, Some("2026-11-21T10:00:00Z".parse().unwrap()));
        assert_eq!(found.issue_digest.is_some(), issue == 12);
    }
    let quick = changed(comment_event("/retry"), &json!({"/issue/labels": labels(&["ai-help", "quickfix"])}));
    assert_eq!(task("issue_comment", &quick).mode, Mode::QuickFix);
}

#[test]
fn commands_in_reviews_count_as_well() {
    let pull_request = json!({"number": 7, "title": "t", "body": "b", "state": "open",
                              "labels": labels(&["ai-generated"])});
    let said = json!({"id": 99, "body": "/approve", "user": {"login": "dev1", "id": 5, "type": "User"},
                      "submitted_at": "2026-11-21T10:00:00Z"});
    let base = changed(issue_event(""), &json!({"/issue": null, "/pull_request": pull_request}));
    for (event, action, field, comment) in [
        ("pull_request_review", "submitted", "/review", Comment::Review(number(99))),
        ("pull_request_review_comment", "created", "/comment", Comment::ReviewLine(number(99))),
    ] {
        let payload = changed(base.clone(), &json!({"/action": action, field: said}));
        let found = task(event, &payload);
        let at = CommandAt { pull_request: Some(number(7).into()), comment };
        assert_eq!((found.issue, found.mode), (issue(7), Mode::Approve(at)));
        assert_eq!(found.triggered_at, Some("2026-11-21T10:00:00Z".parse().unwrap()));
        let other = changed(payload, &json!({"/pull_request/labels": labels(&["bug"])}));
        assert_eq!(ignored(event, &other), Ignored::NotOurs("ai-generated".to_owned()));
    }
    // A review without a text.
    let payload = changed(
        base,
        &json!({"/action": "submitted", "/review": {"id": 99, "body": null,
        "user": {"login": "dev1", "id": 5, "type": "User"}}}),
    );
    assert_eq!(ignored("pull_request_review", &payload), Ignored::NoCommand);
}

/// All that a review says is one request, however many events tell of it.
#[test]
fn a_review_that_asks_for_changes_is_one_task() {
    let person = json!({"login": "dev1", "id": 5, "type": "User"});
    let pull_request = json!({
        "number": 7, "title": "t", "body": "b", "state": "open", "labels": labels(&["ai-generated"]),
        "head": {"ref": "ai-agent/issue-12", "sha": "aa", "repo": {"id": 7}},
    });
    let base = changed(issue_event(""), &json!({"/issue": null, "/pull_request": pull_request}));
    let review = |state: &str, body: &Value| {
        let said = json!({"id": 99, "body": body, "state": state, "user": person,
                          "submitted_at": "2026-11-21T10:00:00Z"});
        changed(base.clone(), &json!({"/action": "submitted", "/review": said}))
    };
    let line = |id: u64, body: &str| {
        let said = json!({"id": id, "body": body, "user": person, "created_at": "2026-11-21T10:00:00Z",
                          "pull_request_review_id": 99});
        changed(base.clone(), &json!({"/action": "created", "/comment": said}))
    };
    let at = CommandAt { pull_request: Some(number(7).into()), comment: Comment::Review(number(99)) };
    let first = task("pull_request_review", &review("changes_requested", &Value::Null));
    assert_eq!((first.issue.clone(), first.mode), (issue(7), Mode::Fix(at)));
    for (event, payload) in [
        ("pull_request_review", review("changes_requested", &json!("Please rename it."))),
        ("pull_request_review", review("commented", &json!("/fix rename it"))),
        ("pull_request_review", review("approved", &json!("/fix rename it"))),
        ("pull_request_review_comment", line(100, "/fix this")),
        ("pull_request_review_comment", line(101, "/fix")),
        ("pull_request_review_comment", line(102, "/retry")),
    ] {
        let found = task(event, &payload);
        assert_eq!((found.id, found.mode), (first.id, Mode::Fix(at)), "{payload}");
    }
    let other = changed(review("changes_requested", &Value::Null), &json!({"/review/id": 98}));
    assert_ne!(task("pull_request_review", &other).id, first.id);
    // On another pull request.
    let other = changed(review("changes_requested", &Value::Null), &json!({"/pull_request/number": 8}));
    assert_ne!(task("pull_request_review", &other).id, first.id);
    // A command in it is carried out as it says.
    let approve = task("pull_request_review", &review("changes_requested", &json!("/approve")));
    assert_eq!(approve.mode, Mode::Approve(at));
    let asked = || review("changes_requested", &Value::Null);
    let bot = json!({"login": "ci[bot]", "id": 8, "type": "Bot"});
    for (payload, expect) in [
        (review("commented", &json!("Looks good.")), Ignored::NoCommand),
        (review("approved", &Value::Null), Ignored::NoCommand),
        (review("dismissed", &Value::Null), Ignored::NoCommand),
        (changed(asked(), &json!({"/review/user": bot, "/sender": bot})), Ignored::NotAPerson),
        (changed(asked(), &json!({"/pull_request/head/repo": {"id": 8}})), Ignored::Fork),
        (changed(asked(), &json!({"/pull_request/head/repo": null})), Ignored::Fork),
        (changed(asked(), &json!({"/pull_request/head/ref": "feature"})), Ignored::OtherBranch),
        (changed(asked(), &json!({"/pull_request/labels": []})), Ignored::NotOurs("ai-generated".to_owned())),
    ] {
        assert_eq!(ignored("pull_request_review", &payload), expect, "{payload}");
    }
    for action in ["edited", "dismissed"] {
        let expect = Ignored::Action { event: "pull_request_review".to_owned(), action: action.to_owned() };
        assert_eq!(ignored("pull_request_review", &changed(asked(), &json!({"/action": action}))), expect);
    }
}

#[test]
fn what_is_no_command_is_ignored_with_the_reason() {
    use Ignored::{Closed, NoCommand, NotAPerson, NotAsked, NotOurs, NotTheAuthor, Ourselves, Stop};
    let agent = json!({"login": "the-agent", "id": 100, "type": "User"});
    let bot = json!({"login": "ci[bot]", "id": 8, "type": "Bot"});
    let none = json!({});
    let table = [
        (comment_event("looks good"), none.clone(), NoCommand),
        (comment_event("> /approve"), none.clone(), NoCommand),
        (comment_event("/stop"), none.clone(), Stop),
        (on_pull_request("/stop"), none, Stop),
        (
            on_pull_request("/fix it"),
            json!({"/issue/labels": labels(&["bug"])}),
            NotOurs("ai-generated".to_owned()),
        ),
        (comment_event("/retry"), json!({"/issue/labels": labels(&["bug"])}), NotAsked("ai-help".to_owned())),
        (
            comment_event("/approve"),
            json!({"/issue/labels": labels(&["bug"])}),
            NotAsked("ai-help".to_owned()),
        ),
        (
            on_pull_request("/approve"),
            json!({"/issue/labels": labels(&["ai-help"])}),
            NotOurs("ai-generated".to_owned()),
        ),
        (comment_event("/approve"), json!({"/issue/state": "closed"}), Closed),
        (comment_event("/retry"), json!({"/issue/state": "closed"}), Closed),
        (on_pull_request("/approve"), json!({"/comment/user": agent, "/sender": agent}), Ourselves),
        (on_pull_request("/approve"), json!({"/comment/user": bot, "/sender": bot}), NotAPerson),
        (on_pull_request("/approve"), json!({"/sender": bot}), NotTheAuthor),
        (on_pull_request("/approve"), json!({"/comment/user": bot}), NotTheAuthor),
    ];
    for (base, change, expect) in table {
        assert_eq!(ignored("issue_comment", &changed(base, &change)), expect, "{change}");
    }
    for action in ["edited", "deleted"] {
        let expect = Ignored::Action { event: "issue_comment".to_owned(), action: action.to_owned() };
        assert_eq!(
            ignored("issue_comment", &changed(on_pull_request("/approve"), &json!({"/action": action}))),
            expect
        );
    }
}

#[test]
fn one_wish_in_several_events_is_one_task() {
    let id = |action: &str, updated: &str| {
        task("issues", &changed(issue_event(action), &json!({"/issue/updated_at": updated}))).id
    };
    // Opened with label and assignee, which takes GitHub a moment.
    let opened = id("opened", "2026-11-01T08:00:00Z");
    assert_eq!(id("labeled", "2026-11-01T08:00:01Z"), opened);
    assert_eq!(id("assigned", "2026-11-01T08:00:10Z"), opened);
    // Labeled later: another wish, the same again when it is delivered again.
    let later = id("labeled", "2026-11-01T08:00:11Z");
    assert_ne!(later, opened);
    assert_eq!(id("labeled", "2026-11-01T08:00:11Z"), later);
    // The label was taken away and added once more.
    assert_ne!(id("labeled", "2026-11-02T08:00:00Z"), later);

    let command = |comment: u64| {
        let change = json!({"/comment/id": comment});
        task("issue_comment", &changed(comment_event("/retry"), &change)).id
    };
    assert_eq!(command(1), command(1));
    assert_ne!(command(1), command(2));
}

#[test]
fn a_repository_elsewhere_is_an_error_that_is_told() {
    let payload =
        changed(issue_event("labeled"), &json!({"/repository/html_url": "https://evil.example/octo/hello"}))
            .to_string();
    let error = decide("issues", payload.as_bytes(), None, &rules()).unwrap_err();
    let expect = "repository.html_url: the repository is on `evil.example`, which is not the configured host";
    assert_eq!(error.to_string(), expect);
}

#[test]
fn labels_are_the_same_in_any_case_of_any_script() {
    let rules =
        Rules { trigger_label: "Помощь".to_owned(), quickfix_label: "Größe".to_owned(), ..rules() };
    let change = json!({"/label": {"name": "ПОМОЩЬ"}, "/issue/labels": labels(&["помощь", "GRÖSSE"])});
    match decision("issues", &changed(issue_event("labeled"), &change), &rules) {
        Decision::Publish(task) => assert_eq!(task.mode, Mode::QuickFix),
        Decision::Ignore(why) => panic!("ignored: {why}"),
    }
}

/// What GitHub leaves out because it was deleted is missing whenever the event is delivered again.
#[test]
fn what_was_deleted_asks_for_nothing() {
    let pull_request =
        json!({"/pull_request": issue_event("")["issue"], "/review": {"id": 99, "body": "/approve"}});
    for (event, payload, field) in [
        ("issues", changed(issue_event("opened"), &json!({"/sender": null})), "sender"),
        ("issues", changed(issue_event("labeled"), &json!({"/sender": null})), "sender"),
        ("issues", changed(issue_event("labeled"), &json!({"/label": null})), "label"),
        ("issues", changed(issue_event("assigned"), &json!({"/assignee": null})), "assignee"),
        ("issue_comment", changed(comment_event("/approve"), &json!({"/sender": null})), "sender"),
        (
            "issue_comment",
            changed(comment_event("/approve"), &json!({"/comment/user": null})),
            "comment.user",
        ),
        ("pull_request_review", changed(issue_event("submitted"), &pull_request), "review.user"),
    ] {
        let expect = format!("the payload of `{event}` has no {field}, which may be deleted by now");
        assert_eq!(ignored(event, &payload).to_string(), expect);
        // GitHub writes `null` as well as nothing.
        let (parent, last) = field.rsplit_once('.').unwrap_or(("", field));
        let mut payload = payload;
        let parent = if parent.is_empty() { &mut payload } else { &mut payload[parent] };
        parent[last] = Value::Null;
        assert_eq!(ignored(event, &payload).to_string(), expect);
    }
}

#[test]
fn a_payload_that_is_not_as_documented_is_an_error() {
    for (event, payload, expect) in [
        (
            "issues",
            changed(issue_event("opened"), &json!({"/issue": null})),
            "the payload of `issues` has no issue",
        ),
        (
            "issues",
            changed(issue_event("opened"), &json!({"/repository": null})),
            "the payload of `issues` has no repository",
        ),
        (
            "issue_comment",
            changed(comment_event("/approve"), &json!({"/comment": null})),
            "the payload of `issue_comment` has no comment",
        ),
    ] {
        let payload = payload.to_string();
        let error = decide(event, payload.as_bytes(), None, &rules()).unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
}
