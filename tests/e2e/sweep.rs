//! `ai-agent sweep` against a real broker and the stand-in for GitHub: each thing that it finds, and that it finds it once.

use std::{
    collections::BTreeSet,
    num::NonZeroU64,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::{
    issue::IssueId,
    mode::ModeKind,
    queue,
    repo::{HostPolicy, Repo},
    task::{IssueDigest, Origin, TaskId, checks_of, wish},
};
use tests::{
    bin::program,
    broker::{Broker, Cause, VirtualHost},
    collector::{Collector, Mood},
    github::{CheckKind, Fault, File, GitHub, Permission, Stage, Verdict, When, World},
    ingest::{Ingest, answer},
    marker,
};

const MARKER_KEY: &str = "0123456789abcdef0123456789abcdef";
const TASK: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";

fn hello() -> World {
    World::new()
        .starting("2020-01-01T00:00:00Z")
        .user("dev1", Permission::Write)
        .user("guest", Permission::Read)
        .repo("octo/hello")
        .file("README.md", "# Hello\n\nThis text recieves readers.\n")
}

fn typo_in(world: World, labels: &[&str]) -> World {
    let text = "The word `recieves` in README.md should be `receives`.";
    world.issue(1, "Typo in README.md", text, labels)
}

fn typo(labels: &[&str]) -> GitHub {
    GitHub::start(typo_in(hello(), labels))
}

/// What a program said and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    status: Option<i32>,
    stdout: String,
}

fn said(stdout: &str) -> Said {
    Said { status: Some(0), stdout: stdout.to_owned() }
}

/// Runs `ai-agent sweep` as the App with the broker's user `sweep`.
fn task(github: &GitHub, host: &VirtualHost<'_>, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    measured_task(github, host, arguments, variables).0
}

/// The same, and the most memory that it took, in KiB.
fn measured_task(
    github: &GitHub,
    host: &VirtualHost<'_>,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Said, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key.pem");
    std::fs::write(&key, github.app_private_key()).expect("the key is written");
    let mut child = Command::new(program("ai-agent"))
        .args(arguments)
        .env_clear()
        .env("HOME", folder.path())
        .env("AGENT_GITHUB_APP_ID", github.app_id().to_string())
        .env("AGENT_GITHUB_APP_KEY_FILE", &key)
        .env("AGENT_MARKER_KEY", MARKER_KEY)
        .env("AGENT_ALLOW_LOOPBACK", "1")
        .env("AGENT_GITHUB_TIMEOUT", "2s")
        .env("AGENT_GITHUB_MAX_WAIT", "5s")
        .env("AGENT_WORK_DIR", folder.path())
        .env("AGENT_MODEL", "builtin")
        .env("AGENT_AMQP_URL", host.url("sweep"))
        .env("AGENT_SWEEP_REPOSITORIES", github.repo_url("octo/hello"))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("the program is ours").is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.and_then(|high| high.trim().trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(high.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("the program has ended");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8").replace(&github.url(), "GITHUB");
    (Said { status: output.status.code(), stdout }, peak)
}

fn sweep(github: &GitHub, host: &VirtualHost<'_>) -> Said {
    task(github, host, &["sweep"], &[])
}

fn message(github: &GitHub, more: &Value) -> String {
    let mut task = json!({
        "repo_url": github.repo_url("octo/hello"), "issue_id": 1, "mode": "quickfix", "trigger_user": "dev1",
        "task_id": TASK, "triggered_at": "2026-01-01T00:00:00Z",
    });
    let more = more.as_object().expect("an object").clone();
    task.as_object_mut().expect("an object").extend(more);
    task.to_string()
}

/// A status comment as a run leaves it.
fn status(github: &GitHub, task: &str, phase: &str, since: &str) -> String {
    marked(github, &json!({"task": task, "phase": phase, "since": since}))
}

fn marked(github: &GitHub, status: &Value) -> String {
    let repository = github.now(|state| state.at("octo/hello").repo().id);
    format!("**Working on it**\n\n{}", marker::status(MARKER_KEY, repository, 1, status))
}

/// The issues as a person sees them, without markers.
fn seen(github: &GitHub) -> String {
    let text = github.snapshot();
    let kept = text
        .lines()
        .filter(|line| !line.contains("<!-- ai-agent:"))
        .skip_while(|line| !line.contains("issue #"));
    let text = kept.fold(String::new(), |text, line| text + line.trim_end() + "\n");
    tests::github::without_ids(text.trim_start())
}

fn writes(github: &GitHub) -> Vec<String> {
    let tokens = ["apps/create-installation-access-token", "apps/revoke-installation-access-token"];
    let calls = github.journal();
    calls
        .mutations()
        .map(|call| call.operation.clone())
        .filter(|name| !tokens.contains(&name.as_str()))
        .collect()
}

const GIVEN_UP: &str = "\
  issue #1 open by dev1: Typo in README.md
    labels: ai-failed, ai-help
      | The word `recieves` in README.md should be `receives`.
    comment by ai-agent[bot]
      | **Could not be done.** It was tried 3 times, and no attempt came to its end.
      |
      | If that happens again, ask the agent's operator to check its log for task 00112233445566778899aabbccddeeff.
      |
      | Comment `/retry` to start again.
      |
";

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_told_once_and_removed() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&["ai-help"]);
    host.bury(&message(&github, &json!({})), Cause::DeliveryLimit).await?;
    let line = format!(
        "octo/hello#1: reported that task {TASK} was given up: It was tried 3 times, and no attempt came to its end.\n"
    );
    // Looking changes nothing.
    assert_eq!(task(&github, &host, &["sweep", "--dry-run"], &[]).stdout.lines().next(), line.lines().next());
    assert_eq!(writes(&github), Vec::<String>::new());

    assert_eq!(sweep(&github, &host), said(&line));
    assert_eq!(seen(&github), GIVEN_UP);
    let before = writes(&github);
    assert_eq!(sweep(&github, &host), said(""));
    assert_eq!(writes(&github), before);
    assert_eq!(host.take(queue::DEAD_LETTERS).await?, None);
    github.finish();
    Ok(())
}

/// Whatever becomes of a write, the next sweeps complete it, and nothing is there twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_was_cut_short_is_completed_by_the_next() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    for (operation, fault) in ["issues/add-labels", "issues/create-comment"]
        .into_iter()
        .flat_map(|operation| Fault::ALL.into_iter().map(move |fault| (operation, fault)))
    {
        let host = broker.virtual_host().await?;
        let github = typo(&["ai-help"]);
        github.fault(When::Nth(operation.to_owned(), 1), fault);
        host.bury(&message(&github, &json!({})), Cause::DeliveryLimit).await?;
        let mut ends = Vec::new();
        while ends.len() < 3 && ends.last() != Some(&Some(0)) {
            ends.push(sweep(&github, &host).status);
        }
        assert_eq!(
            ends.last(),
            Some(&Some(0)),
            "{operation} {fault:?}: {ends:?}\n{}",
            github.journal().summary()
        );
        // A comment whose answer was lost is found and written once more.
        assert_eq!(seen(&github).replace(" (edited)", ""), GIVEN_UP, "{operation} {fault:?}");
        assert_eq!(host.take(queue::DEAD_LETTERS).await?, None, "{operation} {fault:?}");
        github.finish();
    }
    Ok(())
}

/// Name, more fields of the task, cause of death, what the issue tells at the present time, what is said, what is written.
type LetterCase = (&'static str, Value, Cause, fn(&GitHub, &str), Said, &'static [&'static str]);

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_dead_letter_has_its_end() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let now = jiff::Timestamp::now().to_string();
    let nothing: fn(&GitHub, &str) = |_, _| {};
    let cases: Vec<LetterCase> = vec![
        (
            "set aside without a word",
            json!({}),
            Cause::Rejected,
            nothing,
            said(&format!(
                "octo/hello#1: reported that task {TASK} was given up: It was given up, and what happened could not be reported here.\n"
            )),
            &["issues/add-labels", "issues/create-comment"],
        ),
        (
            "told by the last attempt",
            json!({}),
            Cause::Rejected,
            |github, now| comment(github, &status(github, TASK, "ended", now)),
            said(&format!("octo/hello#1: dead letter of task {TASK} removed: it was reported already\n")),
            &[],
        ),
        (
            "interrupted by every attempt",
            json!({}),
            Cause::DeliveryLimit,
            |github, now| {
                github.now(|state| state.at("octo/hello").label("ai-agent[bot]", 1, "ai-working"));
                comment(github, &status(github, TASK, "waiting", now));
            },
            said(&format!(
                "octo/hello#1: reported that task {TASK} was given up: It was tried 3 times, and no attempt came to its end.\n"
            )),
            &["issues/add-labels", "issues/remove-label", "issues/update-comment"],
        ),
        (
            "overtaken by a later wish",
            json!({}),
            Cause::DeliveryLimit,
            |github, now| {
                comment(github, &status(github, TASK, "working", now));
                comment(github, &status(github, OTHER, "working", now));
            },
            said(&format!(
                "octo/hello#1: reported that task {TASK} was given up: It was tried 3 times, and no attempt came to its end.\n"
            )),
            &["issues/update-comment"],
        ),
        (
            "asked by a stranger",
            json!({"trigger_user": "guest"}),
            Cause::DeliveryLimit,
            nothing,
            said(&format!(
                "octo/hello#1: dead letter of task {TASK} removed: the requester has no write access\n"
            )),
            &[],
        ),
        (
            "the issue is gone",
            json!({"issue_id": 77}),
            Cause::DeliveryLimit,
            nothing,
            said(&format!(
                "octo/hello#77: dead letter of task {TASK} removed: there is no such issue any more\n"
            )),
            &[],
        ),
        (
            "the issue was transferred",
            json!({}),
            Cause::DeliveryLimit,
            |github, _| {
                github.now(|state| state.at("octo/hello").transfer(1, "octo/other"));
            },
            said(&format!(
                "octo/hello#1: dead letter of task {TASK} removed: there is no such issue any more\n"
            )),
            &[],
        ),
        (
            "a person's pull request from a branch that is called like ours",
            json!({"issue_id": 2}),
            Cause::DeliveryLimit,
            |github, _| {
                github.now(|state| {
                    let mut scene = state.at("octo/hello");
                    scene.create_branch("ai-agent/issue-1", "main");
                    scene.push_file("dev1", "ai-agent/issue-1", "README.md", "# Hello\n");
                    scene.open_pull("dev1", "Shorter", "ai-agent/issue-1", "main");
                });
            },
            said(&format!(
                "octo/hello#2: dead letter of task {TASK} removed: there is no such issue any more\n"
            )),
            &[],
        ),
        (
            "the repository is another one",
            json!({"repository_id": 1}),
            Cause::DeliveryLimit,
            nothing,
            said(&format!(
                "octo/hello#1: dead letter of task {TASK} removed: the repository was replaced by another one of the same name\n"
            )),
            &[],
        ),
    ];
    for (name, more, cause, before, expected, written) in cases {
        let host = broker.virtual_host().await?;
        let github = GitHub::start(typo_in(hello(), &[]).repo("octo/other").file("a.txt", "a\n"));
        before(&github, &now);
        host.bury(&message(&github, &more), cause).await?;
        assert_eq!(sweep(&github, &host), expected, "{name}");
        assert_eq!(writes(&github), written, "{name}");
        assert_eq!(sweep(&github, &host), said(""), "{name}");
        assert_eq!(host.take(queue::DEAD_LETTERS).await?, None, "{name}");
        github.finish();
    }
    Ok(())
}

fn comment(github: &GitHub, body: &str) {
    github.now(|state| state.at("octo/hello").comment("ai-agent[bot]", 1, body));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_told_stays() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&[]);
    let garbage = "no task";
    let hash = Sha256::digest(garbage).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let elsewhere = message(&github, &json!({"repo_url": github.repo_url("octo/elsewhere")}));
    host.bury(garbage, Cause::Rejected).await?;
    host.put(queue::DEAD_LETTERS, &elsewhere).await?;
    let expected = format!(
        "dead letter of 7 bytes stays (sha256 {hash}): the message is not a task: expected ident at line 1 column 2\n\
         octo/elsewhere#1: dead letter of task {TASK} stays: GitHub finds nothing for GET /repos/octo/elsewhere/installation: Not Found\n"
    );
    for _ in 0..2 {
        assert_eq!(sweep(&github, &host), Said { status: Some(75), stdout: expected.clone() });
    }
    let mut kept = BTreeSet::new();
    while let Some(letter) = host.take(queue::DEAD_LETTERS).await? {
        kept.insert(letter["payload"].as_str().context("no payload")?.to_owned());
    }
    assert_eq!(kept, BTreeSet::from([garbage.to_owned(), elsewhere]));
    github.finish();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_wish_is_published_once_with_the_id_of_its_webhook() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&["ai-help", "quickfix"]);
    let all = github.url();
    let variables = [("AGENT_SWEEP_REPOSITORIES", all.as_str())];
    let dry = task(&github, &host, &["sweep", "--dry-run"], &variables);
    assert_eq!(host.take(queue::TASKS).await?, None);
    let swept = task(&github, &host, &["sweep"], &variables);
    assert_eq!(swept, dry);
    // The task waits; whether another one is missed cannot be told now.
    assert_eq!(
        sweep(&github, &host),
        said("octo/hello: not looked through while tasks wait in the queue: 1\n")
    );

    let task_message = host.take(queue::TASKS).await?.context("the queue is empty")?;
    let payload = task_message["payload"].as_str().context("no payload")?.to_owned();
    let published: Value = serde_json::from_str(&payload)?;
    let id = published["task_id"].as_str().context("no id")?.to_owned();
    assert_eq!(
        swept,
        said(&format!("octo/hello#1: published the quickfix that dev1 asked for, as task {id}\n"))
    );
    let (created, labelled, repository) = github.now(|state| {
        let scene = state.at("octo/hello");
        (scene.issue(1).created_at, scene.issue(1).events[0].at, scene.repo().id)
    });
    let (title, body) = ("Typo in README.md", "The word `recieves` in README.md should be `receives`.");
    assert_eq!(
        published,
        json!({
            "repo_url": github.repo_url("octo/hello"), "issue_id": 1, "mode": "quickfix", "trigger_user": "dev1",
            "task_id": id, "triggered_at": labelled, "repository_id": repository,
            "issue_digest": IssueDigest::of(title, body).to_string(),
        })
    );

    // The webhook arrives late.
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_ALLOW_LOOPBACK", "true")])?;
    let webhook = json!({
        "action": "labeled", "label": {"name": "ai-help"},
        "issue": {
            "number": 1, "title": title, "body": body, "state": "open",
            "labels": [{"name": "ai-help"}, {"name": "quickfix"}], "created_at": created, "updated_at": labelled,
        },
        "repository": {"id": repository, "html_url": github.repo_url("octo/hello"), "archived": false},
        "sender": {"login": "dev1", "id": 101, "type": "User"},
    });
    let told = answer(ingest.webhook("issues", "late", webhook.to_string().as_bytes())).await?;
    assert_eq!(told, (202, json!({"status": "accepted", "task_id": id})));
    host.take(queue::TASKS).await?.context("the queue is empty")?;

    // Both messages make one pull request, and nothing is missed any more.
    for _ in 0..2 {
        assert_eq!(task(&github, &host, &["run"], &[("TASK_JSON", &payload)]).status, Some(0));
    }
    assert_eq!(github.journal().count("pulls/create"), 1);
    assert_eq!(sweep(&github, &host), said(""));
    assert_eq!(host.take(queue::TASKS).await?, None);
    github.finish();
    Ok(())
}

/// No event tells that checks do not end.
#[tokio::test(flavor = "multi_thread")]
async fn checks_that_do_not_end_are_looked_at_once() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&["ai-help", "ai-done"]);
    let head = github.now(|state| {
        let mut scene = state.at("octo/hello");
        let branch = "ai-agent/issue-1";
        scene.create_branch(branch, "main");
        let message = format!("Fix the typo\n\nProposed for #1.\n\nAgent-Task: {OTHER}\n");
        let file = File::text("README.md", "# Hello\n\nThis text receives readers.\n");
        let head = scene.push("ai-agent[bot]", branch, &message, &[file]);
        let number = scene.open_pull("ai-agent[bot]", "Fix the typo", branch, "main");
        scene.stage("ai-agent[bot]", number, Stage::Draft);
        scene.label("ai-agent[bot]", number, "ai-generated");
        scene.check(branch, "build", CheckKind::Run, Verdict::Running);
        head.to_string()
    });
    let repository = github.now(|state| state.at("octo/hello").repo().id);
    let repo = Repo::parse(&github.repo_url("octo/hello"), &HostPolicy::github().and_loopback())?;
    let id = TaskId::derive(Origin {
        repo: &repo,
        repository_id: NonZeroU64::new(repository),
        issue: &IssueId::from(NonZeroU64::MIN),
        mode: ModeKind::Checks,
        event: &checks_of(&head),
    });
    assert_eq!(
        sweep(&github, &host),
        said(&format!("octo/hello#2: its checks do not end; published a look at them, as task {id}\n"))
    );
    let message = host.take(queue::TASKS).await?.context("the queue is empty")?;
    let payload = message["payload"].as_str().context("no payload")?.to_owned();
    let run = task(&github, &host, &["run"], &[("TASK_JSON", &payload)]);
    assert_eq!(run.status, Some(0));
    assert!(seen(&github).contains("      | **Checks do not end** on #2"), "{}", seen(&github));
    assert_eq!(sweep(&github, &host), said(""));
    assert_eq!(host.take(queue::TASKS).await?, None);
    github.finish();
    Ok(())
}

/// A draft of ours in a repository that has checks.
fn draft(github: &GitHub, host: &VirtualHost<'_>) {
    github.now(|state| state.at("octo/hello").check("main", "build", CheckKind::Run, Verdict::Passed));
    let payload = message(github, &json!({}));
    assert_eq!(task(github, host, &["run"], &[("TASK_JSON", &payload)]).status, Some(0));
    assert!(seen(github).contains("pull #2 open draft by ai-agent[bot]"), "{}", seen(github));
}

/// What is said of a draft whose checks ended while nobody heard of it.
fn unheard(github: &GitHub) -> anyhow::Result<String> {
    let (head, repository) = github.now(|state| {
        let scene = state.at("octo/hello");
        (scene.repo().branch("ai-agent/issue-1").map(|head| head.to_string()), scene.repo().id)
    });
    let id = TaskId::derive(Origin {
        repo: &Repo::parse(&github.repo_url("octo/hello"), &HostPolicy::github().and_loopback())?,
        repository_id: NonZeroU64::new(repository),
        issue: &IssueId::from(NonZeroU64::MIN),
        mode: ModeKind::Checks,
        event: &checks_of(&head.context("no branch")?),
    });
    Ok(format!(
        "octo/hello#2: its checks have ended, and nothing came of it; published a look at them, as task {id}\n"
    ))
}

fn build_is(github: &GitHub, verdict: Verdict) {
    github.now(|state| state.at("octo/hello").check("ai-agent/issue-1", "build", CheckKind::Run, verdict));
}

/// What happened to a draft, and whether a run has to look at it.
type EndCase = (&'static str, fn(&GitHub), bool);

const ENDS: &[EndCase] = &[
    ("passed", |github| build_is(github, Verdict::Passed), true),
    ("failed", |github| build_is(github, Verdict::Failed), true),
    ("none has begun", |_| (), false),
    (
        "passed, and a person wants a draft",
        |github| {
            build_is(github, Verdict::Passed);
            github.now(|state| {
                state.at("octo/hello").stage("dev1", 2, Stage::Ready);
                state.at("octo/hello").stage("dev1", 2, Stage::Draft);
            });
        },
        false,
    ),
    (
        "failed, and a person's commit is on top",
        |github| {
            github.now(|state| {
                state.at("octo/hello").push_file("dev1", "ai-agent/issue-1", "a.txt", "a\n");
            });
            build_is(github, Verdict::Failed);
        },
        false,
    ),
    (
        "passed, as far as its checks are not held back",
        |github| {
            let text = "More\n\n[skip ci] The checks start when somebody with write access comments /ci.\n\nAgent-Task: 00\n";
            github.now(|state| {
                let file = File::text("more.txt", "more\n");
                state.at("octo/hello").push("ai-agent[bot]", "ai-agent/issue-1", text, &[file]);
            });
            build_is(github, Verdict::Passed);
        },
        false,
    ),
];

/// A webhook that tells of the end of checks can get lost: the sweep finds the draft, and has it looked at until that is told.
#[tokio::test(flavor = "multi_thread")]
async fn checks_whose_end_nobody_heard_of_are_looked_at() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    for (name, happen, is_due) in ENDS {
        let github = typo(&["ai-help", "quickfix"]);
        draft(&github, &host);
        happen(&github);
        let expected = if *is_due { unheard(&github)? } else { String::new() };
        assert_eq!(sweep(&github, &host), said(&expected), "{name}");
        if *is_due {
            look(&github, &host).await?;
            assert_eq!(sweep(&github, &host), said(""), "{name}");
        }
        assert_eq!(host.take(queue::TASKS).await?, None, "{name}");
        github.finish();
    }

    // That they failed is told; that they passed after all is heard of as little.
    let github = typo(&["ai-help", "quickfix"]);
    draft(&github, &host);
    for verdict in [Verdict::Failed, Verdict::Passed] {
        build_is(&github, verdict);
        assert_eq!(sweep(&github, &host), said(&unheard(&github)?));
        look(&github, &host).await?;
        assert_eq!(sweep(&github, &host), said(""));
    }
    assert!(seen(&github).contains("pull #2 open by ai-agent[bot]"), "{}", seen(&github));
    github.finish();
    Ok(())
}

/// Runs the look that a sweep has published.
async fn look(github: &GitHub, host: &VirtualHost<'_>) -> anyhow::Result<()> {
    let message = host.take(queue::TASKS).await?.context("the queue is empty")?;
    let payload = message["payload"].as_str().context("no payload")?.to_owned();
    anyhow::ensure!(task(github, host, &["run"], &[("TASK_JSON", &payload)]).status == Some(0));
    Ok(())
}

/// Name, labels, what happened since, settings, what is said.
type WishCase = (
    &'static str,
    &'static [&'static str],
    fn(&GitHub),
    &'static [(&'static str, &'static str)],
    &'static str,
);

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_asked_for_in_vain_is_published() -> anyhow::Result<()> {
    let cases: &[WishCase] = &[
        ("no label", &["bug"], |_| {}, &[], ""),
        ("done", &["ai-help", "ai-done"], |_| {}, &[], ""),
        ("just now", &["ai-help"], |_| {}, &[("AGENT_SWEEP_GRACE", "10years")], ""),
        (
            "answered before",
            &["ai-help"],
            |github| comment(github, &status(github, OTHER, "ended", "2026-01-01T00:00:00Z")),
            &[],
            "",
        ),
        (
            "labeled by a stranger",
            &[],
            |github| github.now(|state| state.at("octo/hello").label("guest", 1, "ai-help")),
            &[],
            "octo/hello#1: not published: the requester has no write access\n",
        ),
        (
            "labeled by a stranger, who was told and may ask by now",
            &[],
            |github| {
                github.now(|state| state.at("octo/hello").label("guest", 1, "ai-help"));
                let task = wished(github).to_string();
                let refused =
                    json!({"task": task, "phase": "ended", "since": "2026-01-01T00:00:00Z", "refused": true});
                comment(github, &marked(github, &refused));
                github.now(|state| state.at("octo/hello").set_permission("guest", Permission::Write));
            },
            &[],
            "",
        ),
        (
            "labeled by a bot",
            &[],
            |github| github.now(|state| state.at("octo/hello").label("ai-agent[bot]", 1, "ai-help")),
            &[],
            "octo/hello#1: not published: it was not a person who asked\n",
        ),
        (
            "edited since",
            &["ai-help"],
            |github| github.now(|state| state.at("octo/hello").rewrite(1, "Something else.")),
            &[],
            "octo/hello#1: not published: it was edited after the request; remove the label and add it again\n",
        ),
        (
            "renamed since",
            &["ai-help"],
            |github| github.now(|state| state.at("octo/hello").retitle("dev1", 1, "Something else")),
            &[],
            "octo/hello#1: not published: it was edited after the request; remove the label and add it again\n",
        ),
    ];
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    for (name, labels, before, variables, expected) in cases {
        let github = typo(labels);
        before(&github);
        assert_eq!(task(&github, &host, &["sweep"], variables), said(expected), "{name}");
        assert_eq!(writes(&github), Vec::<String>::new(), "{name}");
        assert_eq!(host.take(queue::TASKS).await?, None, "{name}");
        github.finish();
    }
    Ok(())
}

/// The id of the plan that the newest label of issue 1 asks for.
fn wished(github: &GitHub) -> TaskId {
    let (created, labelled, repository) = github.now(|state| {
        let scene = state.at("octo/hello");
        let labelled = scene.issue(1).events.last().map(|event| event.at);
        (scene.issue(1).created_at, labelled, scene.repo().id)
    });
    TaskId::derive(Origin {
        repo: &Repo::parse(&github.repo_url("octo/hello"), &HostPolicy::github().and_loopback())
            .expect("an address"),
        repository_id: NonZeroU64::new(repository),
        issue: &IssueId::Number(NonZeroU64::MIN),
        mode: ModeKind::Plan,
        event: &wish(Some(created), labelled),
    })
}

/// A stranger who asks in between gets an answer, and whoever may ask is still to get one.
#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_refusal_answers_nobody_else() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&["ai-help", "quickfix"]);
    let retry = message(&github, &json!({"trigger_user": "guest", "task_id": OTHER}));
    assert_eq!(task(&github, &host, &["run"], &[("TASK_JSON", &retry)]).status, Some(0));
    assert!(seen(&github).contains("@guest, only people with write access"), "{}", seen(&github));

    let missed = task(&github, &host, &["sweep", "--dry-run"], &[]).stdout;
    assert!(missed.starts_with("octo/hello#1: published the quickfix that dev1 asked for"), "{missed}");

    host.bury(&message(&github, &json!({})), Cause::Rejected).await?;
    let buried = task(&github, &host, &["sweep", "--dry-run"], &[]).stdout;
    assert!(buried.starts_with(&format!("octo/hello#1: reported that task {TASK} was given up")), "{buried}");
    github.finish();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_at_work_is_put_right_when_its_run_is_gone() -> anyhow::Result<()> {
    let ago = |minutes: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes)).to_string();
    let gone = "\
  issue #1 open by dev1: Typo in README.md
    labels: ai-failed, ai-help
      | The word `recieves` in README.md should be `receives`.
    comment by ai-agent[bot] (edited)
      | **Could not be done.** The run died, and no other attempt follows.
      |
      | If that happens again, ask the agent's operator to check its log for task 00112233445566778899aabbccddeeff.
      |
      | Comment `/retry` to start again.
      |
";
    let told = "octo/hello#1: its run has died; reported, and labeled as failed\n";
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    for (phase, minutes, expected) in [
        ("working", 119, ""),
        ("working", 121, told),
        ("waiting", 119, ""),
        ("waiting", 121, told),
        ("ended", 0, "octo/hello#1: nobody works on it; label removed\n"),
    ] {
        let github = typo(&["ai-help"]);
        github.now(|state| state.at("octo/hello").label("ai-agent[bot]", 1, "ai-working"));
        comment(&github, &status(&github, TASK, phase, &ago(minutes)));
        assert_eq!(task(&github, &host, &["sweep", "--dry-run"], &[]), said(expected), "{phase} {minutes}");
        assert_eq!(writes(&github), Vec::<String>::new());
        assert_eq!(sweep(&github, &host), said(expected), "{phase} {minutes}");
        if expected == told {
            assert_eq!(seen(&github), gone);
        }
        let before = writes(&github);
        if !expected.is_empty() {
            assert_eq!(sweep(&github, &host), said(""), "{phase} {minutes}");
        }
        assert_eq!(writes(&github), before);
        github.finish();
    }

    // A task that waits for budget says until when; it may be on its way between the queues.
    for (until, expected) in [(-121, told), (60, "")] {
        let github = typo(&["ai-help"]);
        github.now(|state| state.at("octo/hello").label("ai-agent[bot]", 1, "ai-working"));
        let waits = json!({"task": TASK, "phase": "waiting", "since": ago(500), "until": ago(-until)});
        comment(&github, &marked(&github, &waits));
        assert_eq!(sweep(&github, &host), said(expected), "{until}");
        github.finish();
    }

    // The labels are called as the repository's configuration says.
    let github = typo(&["ai-help"]);
    github.now(|state| {
        let mut scene = state.at("octo/hello");
        let file = "[labels]\nworking = \"bot works\"\nfailed = \"bot failed\"\n";
        scene.push_file("dev1", "main", ".github/ai-agent.toml", file);
        scene.label("ai-agent[bot]", 1, "bot works");
    });
    comment(&github, &status(&github, TASK, "working", &ago(500)));
    assert_eq!(sweep(&github, &host), said(told));
    assert_eq!(seen(&github), gone.replace("ai-failed, ai-help", "ai-help, bot failed"));
    github.finish();

    // A task that waits in the queue may be the one.
    let github = typo(&["ai-help"]);
    github.now(|state| state.at("octo/hello").label("ai-agent[bot]", 1, "ai-working"));
    comment(&github, &status(&github, TASK, "waiting", &ago(500)));
    host.put(queue::TASKS, &message(&github, &json!({}))).await?;
    assert_eq!(
        sweep(&github, &host),
        said("octo/hello: not looked through while tasks wait in the queue: 1\n")
    );
    assert_eq!(writes(&github), Vec::<String>::new());
    github.finish();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_nothing_is_touched() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&["ai-help"]);
    let url = host.url("sweep");
    let nowhere = url.replace("sweep:", "nobody:");
    assert_eq!(task(&github, &host, &["sweep"], &[("AGENT_AMQP_URL", &nowhere)]).status, Some(75));
    host.delete_queue(queue::TASKS).await?;
    assert_eq!(sweep(&github, &host), Said { status: Some(75), stdout: String::new() });
    assert_eq!(writes(&github), Vec::<String>::new());
    github.finish();
    Ok(())
}

/// What a collector learns of a sweep: one trace, and what is left of the budgets.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_the_budgets_is_measured() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&[]);
    let repository = github.now(|state| state.at("octo/hello").repo().id);
    // The day may end while the test runs.
    let today = jiff::Timestamp::now();
    for day in [today, today + jiff::Span::new().hours(24)] {
        let day = day.strftime("%Y-%m-%d");
        for (book, units) in
            [(format!("agent-budget.all.{day}"), 3), (format!("agent-budget.r{repository}.{day}"), 1)]
        {
            host.declare_queue(&book, json!({})).await?;
            for _ in 0..units {
                host.put(&book, "").await?;
            }
        }
    }
    let collector = Collector::start(Mood::Good);
    let budgets = [
        ("AGENT_BUDGET_DAY", "5"),
        ("AGENT_BUDGET_MONTH", "100"),
        ("AGENT_REPO_BUDGET_DAY", "0.50"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
    ];
    assert_eq!(task(&github, &host, &["sweep"], &budgets), said(""));
    assert_eq!(collector.violations(), Vec::<String>::new());
    let (installation, hello) = (
        "agent.budget.scope=installation",
        format!("agent.budget.scope=repository,vcs.repository.url.full={}", github.repo_url("octo/hello")),
    );
    let (ends, points): (Vec<String>, Vec<String>) =
        collector.points().into_iter().partition(|point| point.starts_with("agent.budget.end"));
    // The beginning of the next day, and of the next month.
    let now = jiff::Timestamp::now().as_second();
    let ends: Vec<i64> = ends.iter().filter_map(|point| point.rsplit_once(' ')?.1.parse().ok()).collect();
    let [of_day, of_hello, of_month] = ends[..] else { anyhow::bail!("{ends:?}") };
    let (day, hour) = (86_400, 3_600);
    assert!((today.as_second()..now + day + hour).contains(&of_day) && of_day == of_hello, "{ends:?}");
    assert!((of_day..=of_day + 31 * day).contains(&of_month), "{ends:?}");
    assert!(of_day % day == 0 && of_month % day == 0, "{ends:?}");
    assert_eq!(
        points,
        [
            format!("agent.budget.ceiling{{agent.budget.period=day,{installation}}} 5"),
            format!("agent.budget.ceiling{{agent.budget.period=day,{hello}}} 0.5"),
            format!("agent.budget.ceiling{{agent.budget.period=month,{installation}}} 100"),
            format!("agent.budget.left{{agent.budget.period=day,{installation}}} 4.85"),
            format!("agent.budget.left{{agent.budget.period=day,{hello}}} 0.45"),
            format!("agent.budget.left{{agent.budget.period=month,{installation}}} 100"),
        ]
    );
    let spans = collector.spans();
    let sweep = spans.iter().find(|span| span.name == "sweep").context("no span of the sweep")?;
    assert!(spans.len() > 1 && spans.iter().all(|span| span.trace_id == sweep.trace_id), "{spans:?}");

    // A collector that hangs holds it up for a moment, and changes nothing.
    let hangs = Collector::start(Mood::Hangs);
    assert_eq!(task(&github, &host, &["sweep"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", hangs.url())]), said(""));
    github.finish();
    Ok(())
}

/// An issue that is gone while the sweep looks at it hides no other one.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_issue_does_not_stop_a_sweep() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let world =
        typo_in(hello(), &["ai-help", "quickfix"]).issue(2, "Another", "Text.", &["ai-help", "quickfix"]);
    let github = GitHub::start(world);
    github.on_call(When::nth("issues/list-comments", 1), |state| state.at("octo/hello").delete(1));
    let Said { stdout, .. } = sweep(&github, &host);
    assert!(stdout.contains("octo/hello#1: not looked at: "), "{stdout}");
    assert!(stdout.contains("octo/hello#2: published the quickfix that dev1 asked for"), "{stdout}");
    host.take(queue::TASKS).await?.context("the queue is empty")?;
    github.finish();
    Ok(())
}

/// However many issues in a row are gone: what is wrong with one says nothing of the next. Where the service fails, that is
/// believed after some.
#[tokio::test(flavor = "multi_thread")]
async fn many_bad_issues_in_a_row_do_not_stop_a_sweep() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let world = || {
        (2..=7).fold(typo_in(hello(), &["ai-help", "quickfix"]), |world, number| {
            world.issue(number, "Another", "Text.", &["ai-help", "quickfix"])
        })
    };
    let host = broker.virtual_host().await?;
    let github = GitHub::start(world());
    for number in 1_u64..=6 {
        let comments = format!("/issues/{number}/comments");
        let when = When::matching(move |call| {
            call.operation == "issues/list-comments" && call.path.contains(&comments)
        });
        github.on_call(when, move |state| state.at("octo/hello").delete(number));
    }
    let Said { stdout, .. } = sweep(&github, &host);
    for number in 1..=6 {
        assert!(stdout.contains(&format!("octo/hello#{number}: not looked at: ")), "{stdout}");
    }
    assert!(stdout.contains("octo/hello#7: published the quickfix that dev1 asked for"), "{stdout}");
    host.take(queue::TASKS).await?.context("the queue is empty")?;
    github.finish();

    let host = broker.virtual_host().await?;
    let github = GitHub::start(world());
    github.fault(When::every("issues/list-comments"), Fault::ServerError);
    let Said { stdout, .. } = task(&github, &host, &["sweep"], &[("AGENT_GITHUB_MAX_WAIT", "1s")]);
    assert_eq!(stdout.matches(": not looked at: ").count(), 4, "{stdout}");
    assert!(stdout.contains("octo/hello: not looked through: GitHub is not available"), "{stdout}");
    assert_eq!(host.take(queue::TASKS).await?, None);
    github.finish();
    Ok(())
}

/// An installation for which there is no token hides no repository of another one, and is named.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_installation_does_not_stop_a_sweep() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let world = typo_in(hello(), &["ai-help", "quickfix"]).dead_installation(41);
    let github = GitHub::start(world);
    let all = github.url();
    let variables = [("AGENT_SWEEP_REPOSITORIES", all.as_str())];
    let Said { status, stdout } = task(&github, &host, &["sweep"], &variables);
    let named = "installation 41 of octo: not looked through: GitHub finds nothing for POST /app/installations/41/access_tokens";
    assert!(stdout.starts_with(named), "{stdout}");
    assert!(stdout.contains("octo/hello#1: published the quickfix that dev1 asked for"), "{stdout}");
    // The next one has to look again.
    assert_eq!(status, Some(75), "{stdout}");
    host.take(queue::TASKS).await?.context("the queue is empty")?;
    github.finish();
    Ok(())
}

/// A thousand long comments and a hundred long issues take no more memory than a page of them, far below the 256 MiB of the
/// pod.
#[tokio::test(flavor = "multi_thread")]
async fn long_threads_take_little_memory() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = typo(&["ai-help", "quickfix"]);
    let long = "x".repeat(60_000);
    github.now(|state| {
        let mut scene = state.at("octo/hello");
        for _ in 0..1_000 {
            scene.comment("guest", 1, &long);
        }
        for _ in 0..200 {
            let number = scene.open("dev1", "A long issue", Some(&long));
            scene.label("dev1", number, "ai-help");
            scene.label("dev1", number, "ai-done");
        }
    });
    let (said, peak) =
        measured_task(&github, &host, &["sweep", "--dry-run"], &[("AGENT_GITHUB_TIMEOUT", "60s")]);
    eprintln!("peak of a sweep over 1,000 comments and 200 issues of 60 KB, in KiB: {peak}");
    assert!(said.stdout.starts_with("octo/hello#1: published the quickfix"), "{said:?}");
    assert!((1..160 * 1024).contains(&peak), "{peak}");
    github.finish();
    Ok(())
}
