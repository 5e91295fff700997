//! The whole way: a webhook of Jira, `ingest`, a real queue, `ai-agent consume`, a pull request on GitHub.

use std::process::Command;

use serde_json::Value;
use tests::bin::program;
use tests::broker::Broker;
use tests::ingest::{Ingest, answer};
use tests::webhook::sign;

use crate::harness::{ISSUE, Story, typo};

const SECRET: &str = "a secret of the site acme";

#[test]
fn a_webhook_of_jira_becomes_a_pull_request() {
    let story = Story::new(typo(), &[]);
    let body = story.jira.now(|site| {
        site.catch_up();
        site.relabel(ISSUE, "dev1", &["ai-help", "quickfix"]);
        site.webhook(ISSUE)
    });
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let secrets = format!("acme={SECRET}");
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_JIRA_WEBHOOK_SECRETS", &secrets)]).unwrap();
    let send = || {
        let request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(ingest.url("/webhook/jira/acme"))
            .header("content-type", "application/json")
            .header("x-hub-signature", sign(SECRET, &body))
            .body(body.clone());
        story.runtime.block_on(async { answer(request).await.unwrap() })
    };
    let (status, told) = send();
    assert_eq!(status, 202, "{told}");

    let folder = tempfile::tempdir().unwrap();
    let consume = || {
        let output = Command::new(program("ai-agent"))
            .arg("consume")
            .env_clear()
            .envs(story.variables(folder.path()))
            .env("AGENT_MODEL", "builtin")
            .env("AGENT_AMQP_URL", host.url("task"))
            .env("AGENT_READY_FILE", folder.path().join("ready"))
            .env("AGENT_RETRY_PAUSE", "0s")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, log) = consume();
    assert_eq!(status, Some(0), "{log}\n{}", story.jira.summary());
    assert!(story.github.snapshot().contains("pull #1 open by ai-agent[bot]: PROJ-7"), "{log}");
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    let line = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tasks: Vec<Value> = line.filter(|line| line["message"] == "task taken").collect();
    assert_eq!(tasks.len(), 1, "{log}");
    assert_eq!(
        tasks[0]["span"]["task_id"].as_str().or(tasks[0]["task_id"].as_str()),
        told["task_id"].as_str(),
        "{}",
        tasks[0]
    );

    // Delivered once more, it is the same task, and changes nothing.
    let comments = story.jira.count("updateComment");
    assert_eq!(send().1["task_id"], told["task_id"]);
    let (status, log) = consume();
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(story.jira.count("updateComment"), comments, "{}", story.jira.summary());
    story.finish();
}
