//! Publishing against a real broker that works, lacks its queue, is full, out of memory, frozen, gone, and back.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use shared::queue;
use tests::{
    broker::{Alarm, Broker, PASSWORD, Signal},
    collector::{Collector, Mood, Temporality},
    ingest::{Answer, Ingest, SECRET, answer},
    webhook::sign,
};

/// Any answer has to be there after eight seconds.
const LIMIT: Duration = Duration::from_secs(8);

/// An issue that was labeled just now.
fn labeled(issue: u64) -> Vec<u8> {
    json!({
        "action": "labeled",
        "issue": {
            "number": issue, "title": "A tpyo", "body": "See the title", "state": "open",
            "labels": [{"name": "ai-help"}, {"name": "quickfix"}],
            "created_at": "2026-11-01T08:00:00Z", "updated_at": "2026-11-21T09:00:00Z",
        },
        "label": {"name": "ai-help"},
        "repository": {"id": 7, "html_url": "https://github.com/octo/hello", "archived": false},
        "installation": {"id": 42},
        "sender": {"login": "dev1", "id": 5, "type": "User"},
    })
    .to_string()
    .into_bytes()
}

async fn ask(ingest: &Ingest, issue: u64) -> anyhow::Result<Answer> {
    answer(ingest.webhook("issues", &format!("delivery-{issue}"), &labeled(issue)).timeout(LIMIT)).await
}

fn unavailable(reason: &str) -> Answer {
    (503, json!({"status": "unavailable", "reason": reason}))
}

/// A run that refuses a person leaves a queue for a while: no further task of theirs on that thread is published.
#[tokio::test]
async fn who_was_refused_on_a_thread_starts_no_further_job_there() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let ingest = Ingest::start(&host.url("ingest"), &[])?;
    assert_eq!(ask(&ingest, 1).await?.0, 202);
    let message = host.take(queue::TASKS).await?.context("the queue is empty")?;
    let payload = message["payload"].as_str().context("no payload")?;
    let task = shared::task::Task::parse(payload.as_bytes(), &shared::repo::HostPolicy::github())?;
    host.declare_queue(&task.refusal(), json!({"x-queue-type": "classic", "x-max-length": 1})).await?;
    host.bind(queue::BUDGET, &task.refusal()).await?;
    let (mut ignored, mut unanswered) = (0, 0);
    while ignored < 3 {
        let (status, told) = ask(&ingest, 1).await?;
        if status == 202 {
            // It publishes where the broker does not say within half a second, as on a machine that is busy.
            unanswered += 1;
            ensure!(unanswered < 5, "the refusal is not asked for: {told}");
            continue;
        }
        ignored += 1;
        assert_eq!((status, &told["status"]), (200, &json!("ignored")), "{told}");
        assert_eq!(told["reason"], "the sender was refused on this thread a short while ago");
    }
    // Other threads are not concerned, and it is over when the queue is.
    assert_eq!(ask(&ingest, 2).await?.0, 202);
    host.delete_queue(&task.refusal()).await?;
    assert_eq!(ask(&ingest, 1).await?.0, 202);
    assert_eq!(host.ready(queue::TASKS).await?, 2 + unanswered);
    Ok(())
}

/// The broker has the definitions of an earlier release.
#[tokio::test]
async fn a_broker_that_knows_no_refusals_is_published_to_as_before() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    host.delete_exchange(queue::BUDGET).await?;
    let ingest = Ingest::start(&host.url("ingest"), &[])?;
    for number in 1..=2 {
        assert_eq!(ask(&ingest, number).await?.0, 202);
    }
    host.permit("ingest", ["^$", r"^(amq\.default|agent-tasks)$", "^$"]).await?;
    assert_eq!(ask(&ingest, 3).await?.0, 202);
    assert_eq!(host.ready(queue::TASKS).await?, 3);
    Ok(())
}

#[tokio::test]
async fn accepted_means_that_the_message_is_in_the_queue() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let ingest = Ingest::start(&host.url("ingest"), &[])?;
    assert_eq!(ingest.get("/ready").await?, (reqwest::StatusCode::OK, r#"{"status":"ready"}"#.to_owned()));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = ingest.webhook("issues", "delivery-1", &labeled(1)).header("traceparent", trace);
    let (status, told) = answer(request).await?;
    assert_eq!((status, &told["status"]), (202, &json!("accepted")));
    let id = told["task_id"].as_str().context("no task id is told")?;

    let mut message = host.take(queue::TASKS).await?.context("the queue is empty")?;
    // The broker's own.
    message["properties"]["headers"]
        .as_object_mut()
        .context("no headers")?
        .remove(queue::HEADER_DELIVERY_COUNT);
    let publication = message["properties"]["headers"][queue::HEADER_PUBLICATION].clone();
    assert_eq!(publication.as_str().map(str::len), Some(16));
    assert_eq!(
        message["properties"],
        json!({
            "app_id": "ingest", "content_type": "application/json", "delivery_mode": 2, "message_id": id,
            "type": "task",
            "headers": {"traceparent": trace, "x-github-delivery": "delivery-1", "x-publication": publication},
        })
    );
    let payload: Value = serde_json::from_str(message["payload"].as_str().context("no payload")?)?;
    assert_eq!(
        payload,
        json!({
            "repo_url": "https://github.com/octo/hello", "issue_id": 1, "mode": "quickfix", "trigger_user": "dev1",
            "task_id": id, "triggered_at": "2026-11-21T09:00:00Z", "delivery_id": "delivery-1",
            "repository_id": 7, "installation_id": 42,
            "issue_digest": shared::task::IssueDigest::of("A tpyo", "See the title").to_string(),
        })
    );

    // Delivered again, it is the same task; without a trace, the task's own.
    assert_eq!(answer(ingest.webhook("issues", "delivery-1", &labeled(1))).await?, (202, told.clone()));
    let again = host.take(queue::TASKS).await?.context("the queue is empty")?;
    assert_eq!(again["payload"], message["payload"]);
    assert_ne!(again["properties"]["headers"][queue::HEADER_PUBLICATION], publication);
    assert_eq!(again["properties"]["message_id"], id);
    assert_eq!(again["properties"]["headers"]["traceparent"], format!("00-{id}-{}-01", &id[..16]));
    Ok(())
}

#[tokio::test]
async fn what_the_queue_does_not_take_is_not_accepted() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let ingest = Ingest::start(&host.url("ingest"), &[])?;
    // A quorum queue takes one more than its limit.
    host.limit_tasks(1).await?;
    let mut answers = Vec::new();
    for issue in 1..=4 {
        answers.push(ask(&ingest, issue).await?);
    }
    assert_eq!(answers.last(), Some(&unavailable("the queue is full")));
    let mut kept = 0;
    while host.take(queue::TASKS).await?.is_some() {
        kept += 1;
    }
    assert_eq!(answers.iter().filter(|(status, _)| *status == 202).count(), kept);
    assert_eq!(ask(&ingest, 5).await?.0, 202);

    host.delete_queue(queue::TASKS).await?;
    let no_queue = "the broker has no queue for tasks";
    assert_eq!(ask(&ingest, 6).await?, unavailable(no_queue));
    let (status, told) = ingest.get("/ready").await?;
    assert_eq!((status.as_u16(), serde_json::from_str(&told)?), unavailable(no_queue));
    Ok(())
}

#[tokio::test]
async fn a_connection_that_was_cut_is_made_again() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let ingest = Ingest::start(&host.url("ingest"), &[])?;
    assert_eq!(ask(&ingest, 1).await?.0, 202);
    assert_eq!(host.cut_connections().await?, 1);
    // The broker cuts a moment after it was told to: every webhook until then and after is accepted.
    let connected = |line: &Value| line["message"] == "connected to the broker";
    let mut issue = 2;
    while ingest.log().iter().filter(|line| connected(line)).count() < 2 {
        assert_eq!(ask(&ingest, issue).await?.0, 202);
        issue += 1;
        assert!(issue < 5_000, "the connection was never made again");
    }
    Ok(())
}

#[tokio::test]
async fn wrong_credentials_are_told_apart_from_a_missing_queue() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let ingest = Ingest::start(&host.url("ingest"), &[("AGENT_AMQP_PASSWORD", "wrong")])?;
    assert_eq!(ask(&ingest, 1).await?, unavailable("the broker refuses the login"));
    // May take and settle, not publish.
    let ingest = Ingest::start(&host.url("task"), &[])?;
    assert_eq!(ask(&ingest, 1).await?, unavailable("the connection to the broker failed"));
    assert_eq!(host.take(queue::TASKS).await?, None);
    Ok(())
}

/// Whoever looks why no webhook is taken reads which setting it is, or that the broker is away.
#[tokio::test]
async fn readiness_tells_a_refused_login_and_a_refused_virtual_host_from_an_absent_broker()
-> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let there = host.url("ingest");
    let (address, _) = there.rsplit_once('/').context("no virtual host")?;
    let elsewhere = format!("{address}/no-such-host");
    for (url, password, reason) in [
        (there.as_str(), "wrong", "the broker refuses the login"),
        (elsewhere.as_str(), PASSWORD, "the broker refuses the virtual host"),
        ("amqp://ingest@127.0.0.1:1/agents", PASSWORD, "the broker cannot be reached"),
    ] {
        let ingest = Ingest::start(url, &[("AGENT_AMQP_PASSWORD", password)])?;
        let (status, told) = ingest.get("/ready").await?;
        assert_eq!((status.as_u16(), serde_json::from_str(&told)?), unavailable(reason));
    }
    Ok(())
}

/// Secrets that ingest is given stand in no line of its log, in no answer, and in nothing that a collector is sent but its header,
/// whether all goes well or nothing does.
#[tokio::test]
async fn planted_secrets_are_told_nowhere() -> anyhow::Result<()> {
    const JIRA: &str = "jira-canary-3c59dc048e885024";
    const COLLECTOR: &str = "collector-canary-9bf31c7ff062936a";
    const AWAY: &str = "broker-canary-5d41402abc4b2a76";
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let away = format!("amqp://ingest:{AWAY}@127.0.0.1:1/agents");
    for (url, expected) in [(host.url("ingest"), 202), (away, 503)] {
        let collector = Collector::of(Mood::Good, Temporality::Cumulative);
        let (jira, header) = (format!("acme={JIRA}"), format!("x-token={COLLECTOR}"));
        let more = [
            ("RUST_LOG", "debug"),
            ("AGENT_JIRA_WEBHOOK_SECRETS", jira.as_str()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
            ("OTEL_EXPORTER_OTLP_HEADERS", header.as_str()),
        ];
        let mut ingest = Ingest::start(&url, &more)?;
        let mut told = Vec::new();
        let (status, answered) = ask(&ingest, 1).await?;
        assert_eq!(status, expected, "{answered}");
        told.push(answered.to_string());
        // What cannot be read, and who is not believed.
        for (path, secret, expected) in [
            ("/webhook/github", SECRET, 422),
            ("/webhook/github", "another", 401),
            ("/webhook/jira/acme", "another", 401),
        ] {
            let request =
                reqwest::Client::new().post(ingest.url(path)).header("content-type", "application/json");
            let signature = sign(secret, b"{");
            let request =
                request.header("x-hub-signature-256", &signature).header("x-hub-signature", &signature);
            let request =
                request.header("x-github-event", "issues").header("x-github-delivery", "delivery-2");
            let (status, answered) = answer(request.body("{")).await?;
            assert_eq!(status, expected, "{path}: {answered}");
            told.push(answered.to_string());
        }
        for path in ["/ready", "/metrics"] {
            told.push(ingest.get(path).await?.1);
        }
        ingest.terminate()?;
        ingest.wait_for("stopping")?;
        assert!(ingest.wait()?.success());
        told.extend(ingest.log().iter().map(Value::to_string));
        let collected = String::from_utf8_lossy(&collector.bytes()).into_owned();
        assert!(collected.contains(COLLECTOR), "the collector received nothing");
        told.push(collected.replace(&format!("x-token{COLLECTOR}"), ""));
        for secret in [SECRET, PASSWORD, JIRA, COLLECTOR, AWAY] {
            let found: Vec<_> = told.iter().filter(|text| text.contains(secret)).collect();
            assert!(found.is_empty(), "{secret}: {found:#?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn whatever_happens_to_the_broker_the_answer_comes_in_time() -> anyhow::Result<()> {
    let mut broker = Broker::start().await?;
    let name = {
        let host = broker.virtual_host().await?;
        let ingest = Ingest::start(&host.url("ingest"), &[])?;
        assert_eq!(ask(&ingest, 1).await?.0, 202);

        broker.set_memory_alarm(Alarm::On)?;
        let blocked = unavailable("the broker is out of memory or disk space and takes no messages");
        assert_eq!(ask(&ingest, 2).await?, blocked);
        broker.set_memory_alarm(Alarm::Off)?;
        assert_eq!(ask(&ingest, 3).await?.0, 202);

        // A connection that nothing comes back on, as after a function was frozen.
        broker.signal(Signal::Freeze)?;
        let slow = unavailable("the broker did not answer in time");
        let (first, second) = tokio::join!(ask(&ingest, 4), ask(&ingest, 5));
        assert_eq!((first?, second?), (slow.clone(), slow));
        broker.signal(Signal::Thaw)?;
        assert_eq!(ask(&ingest, 6).await?.0, 202);
        host.into_name()
    };

    let host = broker.existing(name);
    let url = host.url("ingest");
    let name = host.into_name();
    let ingest = Ingest::start(&url, &[])?;
    assert_eq!(ask(&ingest, 7).await?.0, 202);
    broker.stop()?;
    assert_eq!(ask(&ingest, 8).await?, unavailable("the broker cannot be reached"));
    assert_eq!(ingest.get("/health").await?.0, 200);
    assert_eq!(ingest.get("/ready").await?.0, 503);
    broker.start_again().await?;
    assert_eq!(ask(&ingest, 9).await?.0, 202);

    // What was accepted outlived the kill.
    let host = broker.existing(name);
    let mut kept = Vec::new();
    while let Some(message) = host.take(queue::TASKS).await? {
        let task: Value = serde_json::from_str(message["payload"].as_str().context("no payload")?)?;
        kept.push(task["issue_id"].as_u64().context("no issue")?);
    }
    // These were told as failed, but the broker had read them and kept them when it came to. Sent again, they have the
    // same ids.
    kept.retain(|issue| ![2, 4, 5].contains(issue));
    assert_eq!(kept, [1, 3, 6, 7, 9]);
    Ok(())
}

#[tokio::test]
async fn a_request_that_has_begun_is_finished_after_the_signal_to_stop() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let mut ingest = Ingest::start(&host.url("ingest"), &[])?;
    let body = labeled(1);
    let mut stream = TcpStream::connect(&ingest.address)?;
    write!(
        stream,
        "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-github-event: issues\r\n\
         x-github-delivery: d\r\nx-hub-signature-256: {}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        sign(SECRET, &body),
        body.len(),
    )?;
    // The server asks for the body: the request is being worked on.
    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut head = vec![0; go_on.len()];
    stream.read_exact(&mut head)?;
    assert_eq!(head, go_on);

    ingest.terminate()?;
    ingest.wait_for("stopping")?;
    stream.write_all(&body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert_eq!(answer.lines().next(), Some("HTTP/1.1 202 Accepted"));
    assert_eq!(ingest.wait()?.code(), Some(0));
    assert!(host.take(queue::TASKS).await?.is_some());
    Ok(())
}
