//! The scripts beside ingest: `send-webhook`, which plays GitHub, and `redeliver`, which asks GitHub to send again.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use anyhow::Context as _;
use serde_json::Value;
use shared::queue;
use tests::{
    broker::Broker,
    github::{Fault, GitHub, Permission, When, World},
    ingest::{Ingest, SECRET},
};

const HOUR: Duration = Duration::from_hours(1);

fn script(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name);
    let mut command = Command::new(path);
    // A script finds its interpreter and openssl by the path; everything else is given.
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// Exit status, standard output, standard error.
fn told(output: Output) -> anyhow::Result<(Option<i32>, String, String)> {
    Ok((output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

/// The lines of an output, each up to its time.
fn without_times(text: &str) -> Vec<String> {
    let line = |line: &str| match (line.split_once(" of "), line.split_once(", answered")) {
        (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect()
}

fn world() -> World {
    World::new()
        .user("dev1", Permission::Admin)
        .delivery("too-old", "issues", 503, 73 * HOUR)
        .delivery("accepted", "issues", 202, 50 * HOUR)
        .delivery("broker-down", "issues", 503, 40 * HOUR)
        .delivery("timed-out", "issue_comment", 504, 30 * HOUR)
        .delivery("fixed", "issues", 503, 30 * HOUR)
        .delivery("fixed", "issues", 202, 29 * HOUR)
        .delivery("again-in-vain", "issues", 503, 20 * HOUR)
        .delivery("again-in-vain", "issues", 503, 19 * HOUR)
        .delivery("hopeless", "issues", 422, 5 * HOUR)
        .delivery("hopeless", "issues", 422, 4 * HOUR)
        .delivery("hopeless", "issues", 422, 3 * HOUR)
        .repo("octo/hello")
        .file("README.md", "Hello\n")
}

const SENT: [&str; 4] = [
    "broker-down issues with 503: sent again",
    "timed-out issue_comment with 504: sent again",
    "again-in-vain issues with 503: sent again",
    "hopeless issues with 422: left alone after 3 failures",
];

#[test]
fn what_failed_and_was_not_mended_is_sent_again_once() -> anyhow::Result<()> {
    let github = GitHub::start(world());
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("key.pem");
    std::fs::write(&key, github.app_private_key())?;
    let run = |more: &[&str]| {
        let output = script("redeliver")
            .env("AGENT_GITHUB_APP_ID", github.app_id().to_string())
            .env("AGENT_GITHUB_APP_KEY_FILE", &key)
            .args(["--api", &github.enterprise_url(), "--attempts", "3"])
            .args(more)
            .output()?;
        told(output)
    };
    let (status, out, err) = run(&["--dry-run"])?;
    let would = SENT.map(|line| line.replace("sent again", "would be sent again"));
    assert_eq!((status, without_times(&out), err.as_str()), (Some(0), would.to_vec(), ""));
    assert_eq!(github.journal().count("apps/redeliver-webhook-delivery"), 0);

    let (status, out, err) = run(&[])?;
    assert_eq!((status, without_times(&out), err.as_str()), (Some(0), SENT.map(str::to_owned).to_vec(), ""));
    let (status, out, err) = run(&[])?;
    assert_eq!((status, without_times(&out), err.as_str()), (Some(0), vec![SENT[3].to_owned()], ""));
    assert_eq!(github.journal().count("apps/redeliver-webhook-delivery"), 3);
    github.finish();
    Ok(())
}

#[test]
fn every_page_is_read_and_a_refusal_is_told() -> anyhow::Result<()> {
    let mut world = world();
    for number in 0..250 {
        world = world.delivery(&format!("fine-{number}"), "issues", 200, HOUR);
    }
    let github = GitHub::start(world);
    github.fault(When::Nth("repos/redeliver-webhook-delivery".to_owned(), 1), Fault::ServerError);
    let run = || {
        let output = script("redeliver")
            .env("GITHUB_TOKEN", github.personal_token("dev1"))
            .args(["--api", &github.url(), "--attempts", "3", "--repository", "octo/hello", "--hook", "7"])
            .output()?;
        told(output)
    };
    let (status, out, err) = run()?;
    let lines = without_times(&out);
    assert_eq!((status, lines.len(), err.as_str()), (Some(1), 4, ""));
    assert_eq!(lines[0].split(": ").nth(1), Some("not sent again"));
    assert_eq!(lines[1..], SENT[1..]);
    assert_eq!(github.journal().count("repos/list-webhook-deliveries"), 3);
    let (status, out, _) = run()?;
    assert_eq!((status, without_times(&out)), (Some(0), vec![SENT[0].to_owned(), SENT[3].to_owned()]));
    github.finish();
    Ok(())
}

#[test]
fn a_mistake_in_the_call_is_told() -> anyhow::Result<()> {
    for (name, arguments, message) in [
        (
            "redeliver",
            &[][..],
            "scripts/redeliver: set AGENT_GITHUB_APP_ID and AGENT_GITHUB_APP_KEY_FILE, or give --repository and --hook\n",
        ),
        ("redeliver", &["--hook", "7"], "scripts/redeliver: --repository and --hook belong together\n"),
        (
            "redeliver",
            &["--hook", "7", "--repository", "octo/hello"],
            "scripts/redeliver: GITHUB_TOKEN is not set\n",
        ),
        (
            "send-webhook",
            &["--example", "ping/none.1"],
            "scripts/send-webhook: no secret: set AGENT_WEBHOOK_SECRETS_FILE or AGENT_WEBHOOK_SECRETS as for ingest\n",
        ),
    ] {
        let ended = told(script(name).args(arguments).output()?)?;
        assert_eq!(ended, (Some(2), String::new(), message.to_owned()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_for_an_issue_is_what_github_would_send() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_ALLOW_LOOPBACK", "true")])?;
    let github = GitHub::start(
        World::new().user("dev1", Permission::Write).repo("octo/hello").file("README.md", "Helo\n").issue(
            1,
            "A typo",
            "It says Helo.",
            &["ai-help", "quickfix"],
        ),
    );
    let comment = github.now(|state| state.at("octo/hello").comment("dev1", 1, "/approve"));
    let token = github.personal_token("dev1");
    let send = |secret: &str, arguments: &[&str]| {
        let output = script("send-webhook")
            .env("AGENT_WEBHOOK_SECRETS", format!("{secret}, an older one"))
            .env("GITHUB_TOKEN", &token)
            .args(["--to", &ingest.url("/webhook/github"), "--delivery", "d1"])
            .args(arguments)
            .output()?;
        told(output)
    };
    let issue = format!("{}/issues/1", github.repo_url("octo/hello"));
    let comment_url = format!("{issue}#issuecomment-{comment}");
    for (arguments, mode) in
        [(["--issue", issue.as_str()], "quickfix"), (["--comment", comment_url.as_str()], "approve")]
    {
        let (status, out, err) = send(SECRET, &arguments)?;
        let message = host.take(queue::TASKS).await?.context("the queue is empty")?;
        let task: Value = serde_json::from_str(message["payload"].as_str().context("no payload")?)?;
        let expected = format!("202 {{\"status\":\"accepted\",\"task_id\":{}}}\n", task["task_id"]);
        assert_eq!((status, out, err), (Some(0), expected, String::new()));
        assert_eq!([&task["mode"], &task["trigger_user"], &task["delivery_id"]], [mode, "dev1", "d1"]);
        assert_eq!(
            task["issue_digest"],
            shared::task::IssueDigest::of("A typo", "It says Helo.").to_string()
        );
    }
    let ping = send(SECRET, &["--example", "ping/none.1"])?;
    assert_eq!(
        ping,
        (Some(0), "200 {\"status\":\"ignored\",\"reason\":\"pong\"}\n".to_owned(), String::new())
    );
    let (status, out, _) = send("another", &["--example", "ping/none.1"])?;
    assert_eq!((status, out.split(' ').next()), (Some(1), Some("401")));
    github.finish();
    Ok(())
}

#[tokio::test]
async fn a_test_delivery_of_jira_tells_whether_address_and_secret_are_right() -> anyhow::Result<()> {
    const NAME: &str = "AGENT_JIRA_WEBHOOK_SECRETS";
    let secrets = "acme=one of more than sixteen characters\nother=another of more than sixteen characters";
    // Nobody listens there: whatever were to be published would answer 503.
    let ingest = Ingest::start("amqp://127.0.0.1:1/agents", &[(NAME, secrets)])?;
    let send = |site: &str, secrets: &str| {
        let to = ingest.url(&format!("/webhook/jira/{site}"));
        told(script("send-jira-webhook").args(["--to", &to]).env(NAME, secrets).output()?)
    };
    let (status, answer, _) = send("acme", secrets)?;
    assert_eq!(status, Some(0), "{answer}");
    assert!(answer.starts_with("200 ") && answer.contains("`test` asks for nothing"), "{answer}");
    let (status, answer, _) = send("other", secrets)?;
    assert_eq!(status, Some(0), "{answer}");
    let (status, answer, _) = send("acme", "acme=a wrong one of more than sixteen characters")?;
    assert!(status == Some(1) && answer.starts_with("401 "), "{answer}");
    let (status, answer, _) = send("nowhere", "nowhere=one of more than sixteen characters")?;
    assert!(status == Some(1) && answer.starts_with("404 "), "{answer}");
    let (status, _, error) = send("acme", "other=one of more than sixteen characters")?;
    assert!(status == Some(2) && error.contains("no secret for acme"), "{error}");
    let (status, _, error) = send("ACME", secrets)?;
    assert!(status == Some(2) && error.contains("--to is not https://HOST/webhook/jira/NAME"), "{error}");
    Ok(())
}
