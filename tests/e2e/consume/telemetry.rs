//! *Telemetry* from the webhook through the queue to the run: one trace of two programs, and the metrics of both.

use serde_json::{Value, json};
use tests::broker::Broker;
use tests::collector::{Collector, Mood, Temporality};
use tests::ingest::Ingest;
use tests::model::Step;

use crate::stage::{EDIT, REPO, Stage, until};

/// The issue of the stage, labeled just now.
fn labeled(stage: &Stage<'_>) -> Value {
    let (issue, repository) = stage.github.now(|state| {
        let scene = state.at(REPO);
        (scene.issue(1).clone(), scene.repo().id)
    });
    json!({
        "action": "labeled",
        "issue": {
            "number": 1, "title": issue.title, "body": issue.body, "state": "open",
            "labels": [{"name": "ai-help"}, {"name": "quickfix"}],
            "created_at": issue.created_at.to_string(), "updated_at": issue.updated_at.to_string(),
        },
        "label": {"name": "ai-help"},
        "repository": {"id": repository, "html_url": stage.github.repo_url(REPO), "archived": false},
        "installation": {"id": stage.github.installation_id()},
        "sender": {"login": "dev1", "id": 5, "type": "User"},
    })
}

/// Its pull request, merged.
fn merged(stage: &Stage<'_>) -> Value {
    let repository = labeled(stage)["repository"].clone();
    json!({
        "action": "closed", "number": 2,
        "pull_request": {
            "number": 2, "merged": true, "updated_at": "2026-11-21T10:00:00Z",
            "head": {"ref": "ai-agent/issue-1", "sha": "0".repeat(40), "repo": {"id": repository["id"]}},
        },
        "repository": repository, "installation": {"id": stage.github.installation_id()},
        "sender": {"login": "dev1", "id": 5, "type": "User"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_and_its_run_are_one_trace() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    let (of_ingest, of_runs) =
        (Collector::of(Mood::Good, Temporality::Cumulative), Collector::start(Mood::Good));
    let more = [("AGENT_ALLOW_LOOPBACK", "1"), ("OTEL_EXPORTER_OTLP_ENDPOINT", of_ingest.url())];
    let mut ingest = Ingest::start(&stage.host.url("ingest"), &more).unwrap();
    let body = labeled(&stage).to_string();
    let (status, told) = ingest.send("issues", "delivery-1", body.as_bytes()).await.unwrap();
    assert_eq!(status, 202, "{told}");
    let end = stage.consume(&[("OTEL_EXPORTER_OTLP_ENDPOINT", of_runs.url())]).await;
    assert_eq!((end.status, stage.labels().as_str()), (0, "ai-done ai-help quickfix"), "{end:#?}");
    let body = merged(&stage).to_string();
    let (status, told) = ingest.send("pull_request", "delivery-2", body.as_bytes()).await.unwrap();
    assert_eq!(status, 202, "{told}");

    let (_, metrics) = ingest.get("/metrics").await.unwrap();
    let line = "ingest_webhooks_total{outcome=\"accepted\"} 2";
    assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    // What was not reported yet is reported at the end.
    ingest.terminate().unwrap();
    assert!(ingest.wait().unwrap().success());
    assert_eq!(of_ingest.violations(), Vec::<String>::new());
    assert_eq!(of_runs.violations(), Vec::<String>::new());
    assert_eq!(of_ingest.points(), ["ingest.publish{} 2", "ingest.webhooks{outcome=accepted} 2"]);

    let task = end.log.last().unwrap()["task_id"].as_str().unwrap().to_owned();
    let received = of_ingest.spans();
    let of_task = |name: &str| {
        let of_task = |span: &&_| is_of(span, &task);
        received.iter().filter(|span| span.name == name).find(of_task).unwrap().clone()
    };
    let (webhook, send) = (of_task("POST /webhook/github"), of_task("publish agent-tasks"));
    let spans = of_runs.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}"));
    let (receive, process, run) =
        (named("get agent-tasks"), named("process agent-tasks"), named("run quickfix"));
    assert!(webhook.parent_span_id.is_empty(), "{webhook:?}");
    let parents =
        [&send.parent_span_id, &receive.parent_span_id, &process.parent_span_id, &run.parent_span_id];
    assert_eq!(parents, [&webhook.span_id, &send.span_id, &send.span_id, &process.span_id]);
    let traces = [&webhook, &send, receive, process, run].map(|span| span.trace_id.clone());
    assert!(traces.iter().all(|trace| *trace == traces[0]), "{traces:?}");
    assert!(spans.iter().all(|span| span.trace_id == traces[0]));
    // The trace has the task's id, by which the log is searched.
    assert_eq!(shared::hex::text(&traces[0]), task);
    stage.model.finish();
}

fn is_of(span: &opentelemetry_proto::tonic::trace::v1::Span, task: &str) -> bool {
    shared::hex::text(&span.trace_id) == task
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_holds_up_no_webhook_and_a_report_follows_the_other() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    let collector = Collector::of(Mood::Hangs, Temporality::Cumulative);
    let more = [
        ("AGENT_ALLOW_LOOPBACK", "1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
    ];
    let ingest = Ingest::start(&stage.host.url("ingest"), &more).unwrap();
    let body = labeled(&stage).to_string();
    let (status, told) = ingest.send("issues", "delivery-1", body.as_bytes()).await.unwrap();
    assert_eq!(status, 202, "{told}");
    // Two reports: traces and metrics, then metrics again.
    until("two reports", || collector.requests().len() >= 3).await;
    assert_eq!(collector.violations(), Vec::<String>::new());
    assert!(ingest.log().iter().any(|line| line["message"].to_string().contains("did not answer in time")));
}
