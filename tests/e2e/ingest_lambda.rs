//! The same program as a function, behind an emulator of AWS Lambda.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::queue;
use tests::{
    broker::Broker,
    collector::{Collector, Mood},
    ingest::{SECRET, answer, webhook},
    lambda::Lambda,
};

#[tokio::test]
async fn a_function_answers_as_the_server_does() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let url = host.url("ingest");
    let collector = Collector::start(Mood::Good);
    let environment = [
        ("AGENT_WEBHOOK_SECRETS", SECRET),
        ("AGENT_AMQP_URL", &url),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
    ];
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cargo-lambda-1.9.2");
    let lambda = Lambda::start("ingest", &environment, &tools)?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let post = || http.post(lambda.url("/webhook/github"));

    let body = json!({
        "action": "opened",
        "issue": {
            "number": 3, "title": "Ünïcödé", "body": "\u{1f600}", "state": "open", "labels": [{"name": "ai-help"}],
            "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:00Z",
        },
        "repository": {"id": 7, "html_url": "https://github.com/octo/hello"},
        "sender": {"login": "dev1", "id": 5, "type": "User"},
    })
    .to_string();
    let (status, told) = answer(webhook(post(), "issues", "d1", body.as_bytes())).await?;
    assert_eq!((status, &told["status"]), (202, &json!("accepted")));
    let message = host.take(queue::TASKS).await?.context("the queue is empty")?;
    assert_eq!(message["properties"]["message_id"], told["task_id"]);
    // A function is frozen once it has answered, so it has told before.
    assert_eq!(collector.violations(), Vec::<String>::new());
    assert_eq!(collector.points(), ["ingest.publish{} 1", "ingest.webhooks{outcome=accepted} 1"]);
    assert_eq!(collector.spans().len(), 2);

    assert_eq!(
        answer(webhook(post(), "ping", "d2", b"{}")).await?,
        (200, json!({"status": "ignored", "reason": "pong"}))
    );
    let forged = webhook(post(), "issues", "d3", body.as_bytes()).body(body.replace("dev1", "dev2"));
    assert_eq!(
        answer(forged).await?,
        (401, json!({"status": "refused", "reason": "the signature does not fit the body"}))
    );
    let ready = http.get(lambda.url("/ready"));
    assert_eq!(answer(ready).await?, (200, json!({"status": "ready"})));
    assert_eq!(host.take(queue::TASKS).await?, None::<Value>);
    Ok(())
}
