//! `task run` against the stand-in for GitHub: what whoever asked sees in the end.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::bin::program;
use tests::github::{Fault, GitHub, Permission, When, World};

fn hello() -> World {
    World::new()
        .user("dev1", Permission::Write)
        .user("guest", Permission::Read)
        .repo("octo/hello")
        .file("README.md", "# Hello\n\nThis text recieves readers.\n")
        .file("config.toml", "port = 8000\ntimeout = 30\n")
}

fn typo(world: World, labels: &[&str]) -> World {
    world.issue(1, "Typo in README.md", "The word `recieves` in README.md should be `receives`.", labels)
}

/// What a run said and how it ended.
struct Run {
    status: Option<i32>,
    stderr: String,
}

/// Runs the program with a clean environment, as the App unless `variables` say otherwise.
fn run(github: &GitHub, task: &Value, variables: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, github.app_private_key()).unwrap();
    let mut child = Command::new(program("task"))
        .args(["run", "-"])
        .env_clear()
        .env("HOME", folder.path())
        .env("AGENT_GITHUB_APP_ID", github.app_id().to_string())
        .env("AGENT_GITHUB_APP_KEY_FILE", &key)
        .env("AGENT_MARKER_KEY", "0123456789abcdef0123456789abcdef")
        .env("AGENT_ALLOW_LOOPBACK", "1")
        .env("AGENT_GITHUB_TIMEOUT", "2s")
        .env("AGENT_PATIENCE", "5s")
        .env("AGENT_WORK_DIR", folder.path())
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(task.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Run { status: output.status.code(), stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

fn wish(github: &GitHub, mode: &str, user: &str) -> Value {
    json!({ "repo_url": github.repo_url("octo/hello"), "issue_id": 1, "mode": mode, "trigger_user": user })
}

/// The visible state without the markers, which hold times and keys.
fn seen(github: &GitHub) -> String {
    let text = github.snapshot();
    let kept = text.lines().filter(|line| !line.contains("<!-- ai-agent:"));
    kept.fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

fn mutations(github: &GitHub) -> Vec<String> {
    github.journal().mutations().map(|call| call.operation.clone()).collect()
}

const QUICKFIX_DONE: &str = "\
repository octo/hello (default branch main)
  branch ai-agent/issue-1
    commit by ai-agent[bot]: Correct the misspelling `recieves` to `receives`
    M 100644 878def5 README.md
  branch main
    100644 749c769 README.md
    100644 5c89b7c config.toml
  issue #1 open by dev1: Typo in README.md
    labels: ai-done, ai-help, quickfix
      | The word `recieves` in README.md should be `receives`.
    comment by ai-agent[bot] (edited)
      | **Done**: #2 is ready for review.
      |
      | builtin, no model was asked, no cost
      |
      | Not what you meant? Close the pull request, say more on this issue, and comment `/retry`.
      |
  pull #2 open by ai-agent[bot]: Correct the misspelling `recieves` to `receives`
    ai-agent/issue-1 -> main
    reviewers: dev1
    labels: ai-generated, quickfix
      | Correct the misspelling `recieves` to `receives`:
      |
      | - `README.md`, line 3
      |
      | Fixes #1
      |
      | <details><summary>2 files read, 1 of them changed</summary>
      |
      | - `README.md` (changed): the issue names it
      | - `config.toml`: one of the larger files
      |
      | </details>
      |
      | builtin, no model was asked, no cost. The change was parsed and checked for syntax, not run.
      |
";

#[test]
fn a_label_becomes_a_pull_request_in_twenty_calls() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    let mut task = wish(&github, "quickfix", "dev1");
    task["installation_id"] = github.installation_id().into();
    let ended = run(&github, &task, &[]);
    assert_eq!(ended.status, Some(0), "{}\n{}", ended.stderr, github.journal().summary());
    assert_eq!(seen(&github), QUICKFIX_DONE);
    let calls = github.journal().calls.iter().filter(|call| !call.operation.starts_with("git:")).count();
    assert!(calls <= 20, "{calls} calls\n{}", github.journal().summary());

    // The same message once more changes nothing.
    let before = mutations(&github).len();
    let again = run(&github, &task, &[]);
    assert_eq!(again.status, Some(0), "{}", again.stderr);
    assert_eq!(seen(&github), QUICKFIX_DONE);
    let tokens = ["apps/create-installation-access-token", "apps/revoke-installation-access-token"];
    assert_eq!(mutations(&github)[before..], tokens);
    github.finish();
}

#[test]
fn a_stranger_gets_one_answer_and_no_run() {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    for _ in 0..2 {
        let ended = run(&github, &wish(&github, "quickfix", "guest"), &[]);
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }
    let expected = "    comment by ai-agent[bot]\n      | @guest, only people with write access to this repository can ask for this.\n";
    assert_eq!(seen(&github).matches(expected).count(), 1, "{}", seen(&github));
    assert_eq!(github.journal().count("issues/create-comment"), 1);
    assert_eq!(github.journal().count("git/create-ref"), 0);
    github.finish();
}

#[test]
fn a_plan_is_posted_approved_on_the_pull_request_and_carried_out() {
    approved_on(2);
}

#[test]
fn a_plan_is_posted_approved_on_the_issue_and_carried_out() {
    approved_on(1);
}

fn approved_on(thread: u64) {
    let world = hello().issue(
        1,
        "Sensors go offline too early",
        "Change `timeout` from 30 to 90 in config.toml.",
        &["ai-help"],
    );
    let github = GitHub::start(world);
    let planned = run(&github, &wish(&github, "plan", "dev1"), &[]);
    assert_eq!(planned.status, Some(0), "{}\n{}", planned.stderr, github.journal().summary());
    let text = seen(&github);
    assert!(
        text.contains("pull #2 open draft by ai-agent[bot]: Plan: Sensors go offline too early"),
        "{text}"
    );
    assert!(text.contains("    labels: ai-help, plan-pending\n"), "{text}");

    let comment = github.now(|state| state.at("octo/hello").comment("dev1", thread, "/approve"));
    let mut task = wish(&github, "approve", "dev1");
    task["issue_id"] = thread.into();
    if thread == 2 {
        task["pull_request"] = 2.into();
    }
    task["comment_id"] = comment.into();
    let done = run(&github, &task, &[]);
    assert_eq!(done.status, Some(0), "{}\n{}", done.stderr, github.journal().summary());
    let text = seen(&github);
    assert!(text.contains("pull #2 open by ai-agent[bot]: Set `timeout` from `30` to `90`\n"), "{text}");
    assert!(text.contains("    labels: ai-done, ai-help\n"), "{text}");
    github.finish();
}

/// Every fault at every writing call of a run, and the same task once more: in the end all is as if nothing had happened.
#[test]
fn a_fault_at_any_call_leaves_nothing_twice_and_nothing_out() {
    let writes = {
        let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
        run(&github, &wish(&github, "quickfix", "dev1"), &[]);
        mutations(&github).len()
    };
    let cases: Vec<(usize, Fault)> =
        (1..=writes).flat_map(|n| Fault::ALL.into_iter().map(move |fault| (n, fault))).collect();
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let mine: Vec<_> = cases.iter().copied().skip(worker).step_by(4).collect();
                scope.spawn(move || {
                    mine.into_iter().filter_map(|(n, fault)| survives(n, fault)).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// What is wrong after a fault at the n-th write and a second delivery; `None` if all is well.
fn survives(n: usize, fault: Fault) -> Option<String> {
    let github = GitHub::start(typo(hello(), &["ai-help", "quickfix"]));
    github.fault(When::Mutation(n), fault);
    let task = wish(&github, "quickfix", "dev1");
    let mut ends = Vec::new();
    for _ in 0..3 {
        let ended = run(&github, &task, &[]);
        ends.push(ended.status);
        if ended.status == Some(0) {
            break;
        }
    }
    let wrong = seen(&github) != QUICKFIX_DONE || ends.last() != Some(&Some(0));
    let report = wrong.then(|| {
        format!("write {n}, {fault:?}: {ends:?}\n{}\n{}", github.journal().summary(), seen(&github))
    });
    let violations = github.take_violations();
    report.or_else(|| (!violations.is_empty()).then(|| format!("write {n}, {fault:?}: {violations:?}")))
}
