//! Every example of GitHub's webhooks, signed and sent to the program, against what is expected of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::Context as _;
use serde_json::Value;
use shared::{queue, repo::HostPolicy, task::Task};
use tests::{
    broker::Broker,
    ingest::Ingest,
    webhook::{examples, examples_folder},
};

/// `NAME STATUS WHAT` for each example: the mode of the task for 202, else the reason.
fn expected() -> anyhow::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(examples_folder().join("expected.txt"))?;
    text.lines()
        .map(|line| {
            let (name, expect) = line.split_once(' ').context("a line of expected.txt has no expectation")?;
            Ok((name.to_owned(), expect.trim().to_owned()))
        })
        .collect()
}

#[tokio::test]
async fn every_example_is_decided_as_expected() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    // The examples know one label and one person; both stand in for the agent's.
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_TRIGGER_LABEL", "bug"), ("AGENT_ID", "4711")])?;
    let mut found = BTreeMap::new();
    for (number, example) in examples()?.into_iter().enumerate() {
        let delivery = format!("delivery-{number}");
        let (status, told) = ingest.send(&example.event, &delivery, &example.body).await?;
        let what = if status == 202 {
            let message = host.take(queue::TASKS).await?.context("accepted, but nothing is in the queue")?;
            let payload = message["payload"].as_str().context("the message has no payload")?;
            let task = Task::parse(payload.as_bytes(), &HostPolicy::github())?;
            assert_eq!(told["task_id"], task.id.to_string());
            assert_eq!(task.delivery_id.map(|id| id.to_string()), Some(delivery));
            task.mode.kind().name().to_owned()
        } else {
            told["reason"].as_str().context("no reason is told")?.to_owned()
        };
        found.insert(example.name, format!("{status} {what}"));
    }
    assert_eq!(host.take(queue::TASKS).await?, None::<Value>);
    assert_eq!(found.len(), 123);
    assert_eq!(found, expected()?);
    Ok(())
}

#[tokio::test]
async fn no_example_asks_for_work_under_the_default_labels() -> anyhow::Result<()> {
    // Nobody listens there: whatever were to be published would answer 503.
    let ingest = Ingest::start("amqp://127.0.0.1:1/agents", &[])?;
    let mut wrong = Vec::new();
    for example in examples()? {
        let (status, told) = ingest.send(&example.event, "d", &example.body).await?;
        if (status, &told["status"]) != (200, &Value::from("ignored")) {
            wrong.push((example.name, status, told));
        }
    }
    assert_eq!(wrong, []);
    Ok(())
}

/// Checks make the most webhooks of all. Those of other branches are not even parsed to their end; of those of a branch of the
/// agent's only the last words of a suite or a workflow are tasks, and all of one commit are one.
#[tokio::test]
async fn of_a_thousand_webhooks_of_checks_few_reach_the_queue() -> anyhow::Result<()> {
    const EVENTS: [&str; 3] = ["check_run", "check_suite", "workflow_run"];
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let ingest = Ingest::start(&host.url("ingest"), &[])?;
    let kinds: Vec<_> =
        examples()?.into_iter().filter(|example| EVENTS.contains(&example.event.as_str())).collect();
    let mut reached = Vec::new();
    for branch in [None, Some("ai-agent/issue-1")] {
        let (mut accepted, mut tasks) = (0, BTreeSet::new());
        for example in kinds.iter().cycle().take(1_000) {
            let mut body: Value = serde_json::from_slice(&example.body)?;
            if let Some(branch) = branch {
                let of = &mut body[&example.event];
                let suite = if example.event == "check_run" { &mut of["check_suite"] } else { of };
                suite["head_branch"] = branch.into();
            }
            let (status, told) = ingest.send(&example.event, "d", body.to_string().as_bytes()).await?;
            if status == 202 {
                accepted += 1;
                tasks.insert(told["task_id"].to_string());
            }
        }
        reached.push((accepted, tasks.len()));
    }
    println!("of 1,000 webhooks of checks {reached:?} reach the queue, and are so many tasks");
    assert_eq!(reached[0], (0, 0));
    assert!(reached[1].0 <= 1_000 / 3 && reached[1].1 <= kinds.len(), "{reached:?}");
    Ok(())
}
