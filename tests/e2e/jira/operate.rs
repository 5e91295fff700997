//! What the operator runs: `ai-agent sweep` finds what was lost on Jira, `ai-agent doctor` what is wrong with a site.

use std::process::Command;

use serde_json::{Value, json};
use shared::queue;
use tests::bin::program;
use tests::broker::{Broker, Cause, VirtualHost};
use tests::ingest::{Ingest, answer};
use tests::jira::Fault;
use tests::webhook::sign;

use crate::harness::{ISSUE, REPO, Story, typo};

const SECRET: &str = "a secret of the site acme";

/// Runs a command of the program, and returns its status and what it printed, without the addresses of the stand-ins.
fn command(story: &Story, host: &VirtualHost<'_>, arguments: &[&str], user: &str) -> (Option<i32>, String) {
    command_with(story, host, arguments, user, &[])
}

fn command_with(
    story: &Story,
    host: &VirtualHost<'_>,
    arguments: &[&str],
    user: &str,
    more: &[(&str, &str)],
) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program("ai-agent"))
        .args(arguments)
        .env_clear()
        .envs(story.variables(folder.path()))
        .env("AGENT_MODEL", "builtin")
        .env("AGENT_AMQP_URL", host.url(user))
        .env("AGENT_SWEEP_REPOSITORIES", story.github.repo_url(REPO))
        .env("AGENT_SWEEP_GRACE", "0s")
        .envs(more.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace(&story.github.url(), "GITHUB");
    (output.status.code(), text.replace(&story.jira.url(), "JIRA"))
}

fn sweep(story: &Story, host: &VirtualHost<'_>, arguments: &[&str]) -> (Option<i32>, String) {
    command(story, host, &[&["sweep"], arguments].concat(), "sweep")
}

/// The id that the webhook of the label has, from `ingest` itself.
fn id_of_webhook(story: &Story, host: &VirtualHost<'_>) -> String {
    let secrets = format!("acme={SECRET}");
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_JIRA_WEBHOOK_SECRETS", &secrets)]).unwrap();
    let body = story.jira.now(|site| site.webhook(ISSUE));
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(ingest.url("/webhook/jira/acme"))
        .header("content-type", "application/json")
        .header("x-hub-signature", sign(SECRET, &body))
        .body(body);
    let (status, told) = story.runtime.block_on(async { answer(request).await.unwrap() });
    assert_eq!(status, 202, "{told}");
    story.runtime.block_on(host.take(queue::TASKS)).unwrap().unwrap();
    told["task_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_missed_label_is_published_with_the_id_of_its_webhook() {
    let story = Story::new(typo(), &[]);
    story.label("dev1", &["ai-help", "quickfix"]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let id = id_of_webhook(&story, &host);

    let line = format!("PROJ-7: published the quickfix that dev1 asked for, as task {id}\n");
    assert_eq!(sweep(&story, &host, &["--dry-run"]), (Some(0), line.clone()), "{}", story.jira.summary());
    assert_eq!(story.runtime.block_on(host.ready(queue::TASKS)).unwrap(), 0);
    assert_eq!(sweep(&story, &host, &[]), (Some(0), line), "{}", story.jira.summary());

    let message = story.runtime.block_on(host.take(queue::TASKS)).unwrap().unwrap();
    let message: Value = serde_json::from_str(message["payload"].as_str().unwrap()).unwrap();
    assert_eq!(message["task_id"], json!(id));
    let run = story.run_by_rules(&message);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    // Nothing is missed any more.
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    story.finish();
}

#[test]
fn only_who_may_ask_has_missed_something() {
    for (who, edit, expected) in [
        ("stranger", false, "PROJ-7: not published: no login is configured for who asked\n"),
        ("guest", false, "PROJ-7: not published: the requester has no write access\n"),
        (
            "dev1",
            true,
            "PROJ-7: not published: it was edited after the request; remove the label and add it again\n",
        ),
    ] {
        let story = Story::new(typo(), &[]);
        story.label(who, &["ai-help", "quickfix"]);
        if edit {
            story.jira.now(|site| site.describe(ISSUE, "dev1", "Something else."));
        }
        let broker = story.runtime.block_on(Broker::shared()).unwrap();
        let host = story.runtime.block_on(broker.virtual_host()).unwrap();
        assert_eq!(sweep(&story, &host, &[]), (Some(0), expected.to_owned()), "{}", story.jira.summary());
        story.finish();
    }
}

#[test]
fn a_dead_letter_is_told_on_jira_once() {
    let story = Story::new(typo(), &[]);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    story.runtime.block_on(host.bury(&message.to_string(), Cause::Rejected)).unwrap();
    let (status, text) = sweep(&story, &host, &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("PROJ-7: reported that task"), "{text}");
    assert_eq!(story.labels(), "ai-failed ai-help quickfix");
    assert!(story.said()[0].starts_with("Could not be done. It was given up"), "{:?}", story.said());
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    assert_eq!(story.said().len(), 1);
    story.finish();
}

/// The findings about Jira.
fn of_jira(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("  Jira  ")).map(str::trim_end).collect()
}

/// Webhooks of the admin console leave no record that could be read, so the doctor sends one itself.
#[test]
fn the_doctor_tries_the_way_in() {
    let story = Story::new(typo(), &[]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let secrets = format!("acme={SECRET}");
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_JIRA_WEBHOOK_SECRETS", &secrets)]).unwrap();
    let doctor = |url: &str, secrets: &str, accounts: &str| {
        let more = [
            ("AGENT_INGEST_URL", url),
            ("AGENT_JIRA_WEBHOOK_SECRETS", secrets),
            ("AGENT_JIRA_ACCOUNTS", accounts),
        ];
        command_with(&story, &host, &["doctor", "--no-model-call"], "task", &more)
    };
    let address = ingest.url("");
    let (_, text) = doctor(&address, &secrets, "acme=557058:agent");
    let took = format!(
        "ok      Webhook     acme: {}webhook/jira/acme takes what is signed with its secret",
        ingest.url("/")
    );
    assert!(text.contains(&took), "{text}");
    for (url, secrets, accounts, expect) in [
        (
            &*address,
            "acme=another one",
            "",
            "answers 401 Unauthorized\n                      ingest has another secret",
        ),
        (&*address, "other=a secret of it", "", "acme: ingest has no secret for this site"),
        (
            &*address,
            "other=a secret of it",
            "",
            "answers 404 Not Found\n                      ingest does not know this site",
        ),
        ("http://127.0.0.1:1", &*secrets, "", "http://127.0.0.1:1/webhook/jira/acme does not answer"),
        (&*address, "acme", "", "write NAME=SECRET, one for each site"),
        (
            &*address,
            &*secrets,
            "acme=1:2",
            "AGENT_JIRA_ACCOUNTS has the account 1:2, and AGENT_JIRA has 557058:agent",
        ),
    ] {
        let (status, text) = doctor(url, secrets, accounts);
        assert!(text.contains(expect), "{expect}\n{text}");
        assert_ne!(status, Some(0), "{text}");
        assert!(!text.contains("another one") && !text.contains(SECRET), "{text}");
    }
    story.finish();
}

#[test]
fn the_doctor_says_who_we_are_and_what_we_may_do() {
    let story = Story::new(typo(), &[]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let (_, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
    assert_eq!(
        of_jira(&text),
        [
            "ok      Jira        acme: logged in as the account 557058:agent",
            "ok      Jira        acme: project PROJ: the agent may read, comment and label",
            "ok      Jira        acme: projects with a repository: 1, accounts with a login: 3",
        ],
        "{text}"
    );
    assert!(text.contains("the way of webhooks to ingest was not checked"), "{text}");
    story.jira.now(|site| {
        site.permissions.remove("EDIT_ISSUES");
    });
    let (status, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
    assert!(text.contains("acme: project PROJ: the agent lacks permissions: EDIT_ISSUES missing"), "{text}");
    assert_eq!(status, Some(2), "{text}");

    for nth in 1..=4 {
        story.jira.fault("getCurrentUser", nth, Fault::Unauthorized);
    }
    let (status, text) = command(&story, &host, &["doctor", "--no-model-call"], "task");
    assert!(text.contains("acme: Jira does not accept the credentials for GET /rest/api/3/myself"), "{text}");
    assert!(text.contains("Put a new token into the file of AGENT_JIRA_CREDENTIALS_FILE."), "{text}");
    assert_eq!(status, Some(2), "{text}");
    story.jira.recover();
    story.finish();
}

#[test]
fn an_issue_whose_pull_request_is_merged_is_moved_on() {
    let mut story = Story::new(typo(), &[]);
    story.more.push_str("[sites.acme.transitions]\nmerged = \"Finish\"\n");
    let run = story.run_by_rules(&story.label("dev1", &["ai-help", "quickfix"]));
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()), "{}", story.jira.summary());
    story.github.now(|state| state.at(REPO).merge("dev1", 1));
    let line = "PROJ-7: its pull request is merged; moved on\n";
    assert_eq!(sweep(&story, &host, &["--dry-run"]), (Some(0), line.to_owned()));
    assert_eq!(story.jira.now(|site| site.at(ISSUE).status), "To Do");
    assert_eq!(sweep(&story, &host, &[]), (Some(0), line.to_owned()));
    assert_eq!(story.jira.now(|site| site.at(ISSUE).status), "Done");
    assert_eq!(sweep(&story, &host, &[]), (Some(0), String::new()));
    story.finish();
}
