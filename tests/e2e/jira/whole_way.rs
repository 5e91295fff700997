//! The whole way: a webhook of Jira, `ingest`, a real queue, `ai-agent consume`, a pull request on GitHub, and back once that is
//! merged.

use std::process::Command;

use serde_json::{Value, json};
use tests::bin::program;
use tests::broker::Broker;
use tests::ingest::{Ingest, answer};
use tests::jira::AGENT;
use tests::webhook::sign;

use crate::harness::{BRANCH, ISSUE, REPO, Story, typo};

const SECRET: &str = "a secret of the site acme";

/// A label and an assignment in one moment are two messages, and one answer.
#[test]
fn two_requests_of_a_stranger_in_one_moment_are_answered_once() {
    let story = Story::new(typo(), &[]);
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let messages = story.jira.now(|site| {
        site.relabel(ISSUE, "stranger", &["ai-help", "quickfix"]);
        let label = site.request(ISSUE, "begin", None);
        site.assign(ISSUE, "stranger", AGENT);
        [label, site.request(ISSUE, "begin", None)]
    });
    for message in &messages {
        let id = message["task_id"].as_str().unwrap();
        story.runtime.block_on(host.publish(id, &message.to_string())).unwrap();
    }
    let url = host.url("task");
    let consume = || {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(program("ai-agent"))
            .arg("consume")
            .env_clear()
            .envs(story.variables(folder.path()))
            .env("AGENT_MODEL", "builtin")
            .env("AGENT_AMQP_URL", &url)
            .env("AGENT_READY_FILE", folder.path().join("ready"))
            .env("AGENT_RETRY_PAUSE", "0s")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let ended: Vec<_> = std::thread::scope(|scope| {
        let runs = [(); 2].map(|()| scope.spawn(consume));
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (status, log) in &ended {
        assert_eq!(*status, Some(0), "{log}\n{}", story.jira.summary());
    }
    assert_eq!(story.said().len(), 1, "{ended:?}\n{:?}", story.said());
    story.finish();
}

#[test]
fn a_webhook_of_jira_becomes_a_pull_request() {
    let mut story = Story::new(typo(), &[]);
    story.more = "[sites.acme.transitions]\nmerged = \"Done\"\n".to_owned();
    let body = story.jira.now(|site| {
        site.catch_up();
        site.relabel(ISSUE, "dev1", &["ai-help", "quickfix"]);
        site.webhook(ISSUE)
    });
    let broker = story.runtime.block_on(Broker::shared()).unwrap();
    let host = story.runtime.block_on(broker.virtual_host()).unwrap();
    let secrets = format!("acme={SECRET}");
    let settings = [("AGENT_JIRA_WEBHOOK_SECRETS", &*secrets), ("AGENT_ALLOW_LOOPBACK", "1")];
    let ingest = Ingest::start(&host.url("ingest"), &settings).unwrap();
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

    // The pull request is merged on GitHub, which tells it by a webhook of its own.
    let repository = story.github.now(|state| {
        state.at(REPO).merge("dev2", 1);
        state.at(REPO).repo().id
    });
    let merged = json!({
        "action": "closed", "number": 1,
        "pull_request": {
            "number": 1, "merged": true, "updated_at": "2026-11-21T10:00:00Z",
            "head": { "ref": BRANCH, "sha": "0".repeat(40), "repo": { "id": repository } },
        },
        "repository": { "id": repository, "html_url": story.github.repo_url(REPO), "archived": false },
        "installation": { "id": story.github.installation_id() },
        "sender": { "login": "dev2", "id": 5, "type": "User" },
    });
    let body = merged.to_string();
    let (status, told) =
        story.runtime.block_on(ingest.send("pull_request", "delivery-2", body.as_bytes())).unwrap();
    assert_eq!(status, 202, "{told}");
    let (status, log) = consume();
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(story.jira.now(|site| site.at(ISSUE).status), "Done", "{log}\n{}", story.jira.summary());
    assert_eq!(story.labels(), "ai-done ai-help quickfix");
    story.finish();
}
