//! How much goes at once: a run for an issue of Jira takes the same places of its repository and of its person as one for an issue
//! of GitHub.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::queue::TASKS;
use tests::bin::program;
use tests::broker::{Broker, VirtualHost};
use tests::jira::Fault;

use crate::harness::{REPO, Story, typo};

fn consume(story: &Story, host: &VirtualHost<'_>, folder: &std::path::Path, limit: (&str, &str)) -> Command {
    let mut command = Command::new(program("ai-agent"));
    command
        .arg("consume")
        .env_clear()
        .envs(story.variables(folder))
        .env("AGENT_MODEL", "builtin")
        .env("AGENT_AMQP_URL", host.url("task"))
        .env("AGENT_READY_FILE", folder.join("ready"))
        .env("AGENT_GITHUB_TIMEOUT", "10min")
        .env(limit.0, limit.1)
        .stdout(Stdio::null());
    command
}

#[test]
fn a_run_for_jira_takes_the_places_of_its_repository_and_its_person() {
    const LATER: &str = "agent-tasks.later.1m";
    for (setting, whose) in [("AGENT_RUNS_PER_REPO", "repository"), ("AGENT_RUNS_PER_PERSON", "person")] {
        let limit = (setting, "1");
        let site = typo().issue("PROJ-8", "dev1", "Typo", "x", &["ai-help", "quickfix"]);
        let story = Story::new(site, &[]);
        let broker = story.runtime.block_on(Broker::shared()).unwrap();
        let host = story.runtime.block_on(broker.virtual_host()).unwrap();
        let publish = |message: &Value| {
            let id = message["task_id"].as_str().unwrap();
            story.runtime.block_on(host.publish(id, &message.to_string())).unwrap();
        };

        // One run is at work, and waits for Jira.
        publish(&story.label("dev1", &["ai-help", "quickfix"]));
        story.jira.fault("addComment", 1, Fault::StallBefore);
        let folder = tempfile::tempdir().unwrap();
        let mut first = consume(&story, &host, folder.path(), limit).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while !story.jira.is_stalling() {
            assert!(Instant::now() < deadline, "{}", story.jira.summary());
            std::thread::sleep(Duration::from_millis(20));
        }

        // Another issue of Jira, and one of GitHub.
        let of_jira = story.jira.now(|site| site.request("PROJ-8", "begin", None));
        let of_github = json!({
            "repo_url": story.github.repo_url(REPO), "issue_id": 1, "mode": "quickfix", "trigger_user": "dev1",
            "task_id": "a123456789abcdef0123456789abcdef",
        });
        for message in [of_jira, of_github] {
            publish(&message);
            let folder = tempfile::tempdir().unwrap();
            let output = consume(&story, &host, folder.path(), limit).output().unwrap();
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{log}\n{}", story.jira.summary());
            let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let waits =
                lines.find(|line| line["message"] == "others go first").unwrap_or_else(|| panic!("{log}"));
            assert_eq!(waits["whose"], whose, "{log}");
            let kept = story.runtime.block_on(host.take(LATER)).unwrap().unwrap();
            let headers = &kept["properties"]["headers"];
            assert_eq!(
                (&headers["x-turns"], &headers["x-earlier-attempts"], &headers["x-pauses"]),
                (&json!(1), &json!(0), &json!(0))
            );
            assert_eq!(story.runtime.block_on(host.ready(TASKS)).unwrap(), 0);
        }
        assert!(story.jira.now(|site| site.said("PROJ-8")).is_empty());
        first.kill().unwrap();
        first.wait().unwrap();
        story.finish();
    }
}
