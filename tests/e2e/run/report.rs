//! `ai-agent report`: what became of runs, read from the tracker alone.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::bin::program;
use tests::github::{Call, Fault, GitHub, Permission, Refused, When, World};
use tests::marker;

use crate::harness::{EDIT, MARKER_KEY, REPO, Story, hello, offline};

const SCHEMA: &str = include_str!("../../../docs/report.schema.json");

/// What the command printed and how it ended.
pub(crate) struct Reported {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the command with a token of `dev1`.
pub(crate) fn report(github: &GitHub, arguments: &[&str], variables: &[(&str, &str)]) -> Reported {
    let token = github.personal_token("dev1");
    let output = Command::new(program("ai-agent"))
        .arg("report")
        .args(arguments)
        .env_clear()
        .env("AGENT_GITHUB_TOKEN", token)
        .env("AGENT_MARKER_KEY", MARKER_KEY)
        .env("AGENT_ALLOW_LOOPBACK", "1")
        .env("AGENT_GITHUB_TIMEOUT", "15s")
        .env("AGENT_GITHUB_MAX_WAIT", "5s")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Reported { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn json(reported: &Reported) -> Value {
    let value: Value = serde_json::from_str(&reported.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", reported.stdout, reported.stderr));
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let faults: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new(), "{value:#}");
    value
}

/// The methods of the calls since `from`.
fn methods(github: &GitHub, from: usize) -> Vec<String> {
    let journal = github.journal();
    journal.calls.iter().skip(from).map(|call| call.method.clone()).collect()
}

#[test]
fn what_became_of_runs_is_told_and_nothing_is_changed() {
    let world = offline(hello()).issue(2, "Unclear", "Make it nicer.", &["ai-help"]);
    let story = Story::new(world, &[EDIT, "CANNOT: It is not clear."]);
    let priced = [("AGENT_MODEL_PRICE", "1.00/2.00")];
    let mut task = story.wish("quickfix");
    // Whatever happens between the label and the run counts.
    let labeled = story.github.now(|state| state.first().issue(1).updated_at);
    task["triggered_at"] = labeled.to_string().into();
    let ended = story.run_with(&task, &priced);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    story.github.now(|state| {
        let mut scene = state.first();
        scene.ask_for_changes("dev1", 3, "Please mind the comment.");
        scene.merge("dev1", 3);
    });
    // The second issue is declined.
    let mut second = story.wish("quickfix");
    second["issue_id"] = 2.into();
    let ended = story.run_with(&second, &priced);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    // A stranger's copy of a marker is none, and neither is a branch of the same name in words only.
    let copied = story.github.now(|state| state.first().issue(1).comments.last().unwrap().body.clone());
    story.github.now(|state| state.first().comment("guest", 2, &copied));

    let before = story.github.snapshot();
    let from = story.github.journal().calls.len();
    let page = tempfile::NamedTempFile::new().unwrap();
    let address = story.github.repo_url(REPO);
    let html = page.path().to_str().unwrap();
    let reported =
        report(&story.github, &["--repo", &address, "--json", "--html", html, "--since", "2000-01-01"], &[]);
    assert_eq!(reported.status, Some(0), "{}", reported.stderr);
    let methods = methods(&story.github, from);
    assert!(!methods.is_empty() && methods.iter().all(|method| method == "GET"), "{methods:?}");
    assert_eq!(story.github.snapshot(), before);

    let value = json(&reported);
    let total = &value["total"];
    let figures =
        ["issues", "tasks", "done", "failed", "pull_requests", "merged", "declined", "open", "review_rounds"];
    let found: Vec<u64> = figures.iter().map(|name| total[*name].as_u64().unwrap()).collect();
    assert_eq!(found, [2, 2, 1, 1, 1, 1, 0, 0, 1], "{value:#}");
    assert_eq!(total["merge_rate"], 1.0);
    assert_eq!(total["tasks_of_unknown_cost"], 0, "{value:#}");
    let cost = total["cost_usd"].as_f64().unwrap();
    assert!(cost > 0.0);
    assert_eq!(total["usd_per_merged"], total["cost_usd"]);
    let opened = story.github.now(|state| state.first().issue(3).created_at);
    assert_eq!(total["wait_seconds"], opened.duration_since(labeled).as_secs());
    assert_eq!(value["modes"][0]["name"], "quickfix");
    assert_eq!(value["complete"], true);

    // What the comments tell people is the same amount.
    let told: f64 = story.github.now(|state| {
        let scene = state.first();
        let comments = [1, 2].into_iter().flat_map(|issue| &scene.issue(issue).comments);
        let bot = comments.filter(|comment| comment.author != "guest");
        let costs = bot.filter_map(|comment| {
            let (_, rest) = comment.body.split_once(" out, $")?;
            rest.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?.parse::<f64>().ok()
        });
        costs.sum()
    });
    assert!((told - cost).abs() < 0.000_2, "{told} {cost}");

    let page = std::fs::read_to_string(page.path()).unwrap();
    assert!(page.contains("<svg") && page.contains("octo&#x2f;hello") && !page.contains("<script"), "{page}");
    let text = report(&story.github, &["--repo", &address, "--since", "2000-01-01"], &[]);
    assert!(text.stdout.contains("1 pull requests: 1 merged, 0 declined, 0 open"), "{}", text.stdout);
    let org = address.rsplit_once('/').unwrap().0;
    let all = report(&story.github, &["--org", org, "--json", "--since", "2000-01-01"], &[]);
    assert_eq!(json(&all)["total"], value["total"], "{}", all.stderr);
    story.finish();
}

#[test]
fn a_repository_without_anything_is_reported_too() {
    let github = GitHub::start(hello());
    let address = github.repo_url(REPO);
    let reported = report(&github, &["--repo", &address, "--json"], &[]);
    let value = json(&reported);
    assert_eq!(
        (value["total"]["merge_rate"].clone(), value["total"]["issues"].clone()),
        (Value::Null, 0.into())
    );
    assert!(value["weeks"].as_array().unwrap().len() > 12);
    let text = report(&github, &["--repo", &address], &[]).stdout;
    assert!(text.contains("No pull request is closed, so there is no merge rate"), "{text}");
    github.finish();
}

/// Ten thousand issues, each with a comment of the agent's, of the first release or of one that told costs in words only.
#[test]
fn ten_thousand_issues_with_markers_of_older_forms_are_read_in_bounds() {
    const ISSUES: u64 = 10_000;
    const BILL: &str = "openai:m, 2 calls, 1200 tokens in, 90 out, $0.0100";
    let story = Story::new(offline(hello()), &[EDIT]);
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let bot = story.github.app_login();
    story.github.now(|state| {
        let mut scene = state.first();
        let repository = scene.repo().id;
        for nth in 0..ISSUES {
            let number = scene.open("dev1", "x", None);
            let task = format!("{number:032x}");
            let (words, content) = match nth % 4 {
                0 => ("**Done.**", json!({"task": task})),
                1 => (BILL, json!({"task": task, "phase": "ended", "answered": "quickfix"})),
                _ => (BILL, json!({"task": task, "phase": "ended", "answered": "quickfix", "done": true})),
            };
            // The MAC of another issue: what is not the agent's is passed over.
            let place = if nth % 4 == 3 { number + 1 } else { number };
            let marker = marker::status(MARKER_KEY, repository, place, &content);
            scene.comment(&bot, number, &format!("{words}\n\n{marker}"));
        }
    });
    let from = story.github.journal().calls.len();
    let address = story.github.repo_url(REPO);
    let reported = report(&story.github, &["--repo", &address, "--json", "--since", "2000-01-01"], &[]);
    let value = json(&reported);
    let total = &value["total"];
    let of = ["tasks", "done", "failed", "cancelled", "tasks_of_unknown_cost"];
    let found: Vec<u64> = of.iter().map(|name| total[*name].as_u64().unwrap()).collect();
    assert_eq!(found, [7_501, 2_501, 2_500, 2_500, 2_500], "{total:#}");
    assert_eq!((total["cost_usd"].as_f64(), &value["complete"]), (Some(50.0), &true.into()), "{total:#}");
    let calls = methods(&story.github, from).len();
    assert!(calls < 120, "{calls} calls");
    story.finish();
}

#[test]
fn a_repository_that_cannot_be_read_is_left_out_by_name() {
    let github = GitHub::start(hello().repo("octo/closed"));
    let org = github.repo_url(REPO).rsplit_once('/').unwrap().0.to_owned();
    let page = tempfile::NamedTempFile::new().unwrap();
    let html = page.path().to_str().unwrap();
    let refuse = || {
        let is_closed = |call: &Call| call.path.starts_with("/repos/octo/closed");
        github.fault(When::matching(is_closed), Fault::Refused(Refused::Permission));
    };
    refuse();
    let reported = report(&github, &["--org", &org, "--json", "--html", html], &[]);
    assert_eq!(reported.status, Some(0), "{}", reported.stderr);
    let value = json(&reported);
    assert_eq!((&value["complete"], &value["unread"][0]["name"]), (&false.into(), &"octo/closed".into()));
    assert_eq!(value["repositories"].as_array().unwrap().len(), 1, "{value:#}");
    assert_eq!(value["repositories"][0]["name"], REPO, "{value:#}");
    let page = std::fs::read_to_string(page.path()).unwrap();
    assert!(page.contains("octo&#x2f;closed could not be read and is left out: "), "{page}");
    refuse();
    let text = report(&github, &["--org", &org], &[]);
    assert_eq!(text.status, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("octo/closed could not be read and is left out: "), "{}", text.stdout);
    github.finish();
}

#[test]
fn what_cannot_be_read_is_said() {
    let github = GitHub::start(World::new().user("dev1", Permission::Write).repo(REPO));
    let address = github.repo_url("octo/other");
    let org = github.repo_url("nobody/x").rsplit_once('/').unwrap().0.to_owned();
    for (arguments, words) in [
        (vec!["--repo", address.as_str()], "octo/other cannot be read"),
        (vec!["--org", org.as_str()], "cannot be read"),
        (vec!["--repo", "hello"], "is not `OWNER/NAME`"),
        (vec!["--repo", address.as_str(), "--since", "soon"], "invalid time \"soon\" for --since"),
    ] {
        let arguments = [arguments, vec!["--json"]].concat();
        let reported = report(&github, &arguments, &[]);
        assert_eq!(reported.status, Some(2), "{arguments:?}: {}", reported.stderr);
        let value = json(&reported);
        assert!(value["failure"]["what"].as_str().unwrap().contains(words), "{arguments:?}: {value}");
    }
    github.finish();
}
