//! What ingest tells a collector of *telemetry*, where there is one: a span of each webhook that asks for a task, with one of
//! its publishing below it, and the metrics that `GET /metrics` answers too.

use std::time::{Duration, Instant};

use shared::{
    message::Message,
    otlp::{
        self, Span,
        catalog::{
            HTTP_METHOD, HTTP_ROUTE, HTTP_STATUS, MESSAGE_ID, MESSAGING_OPERATION, MESSAGING_SYSTEM,
            MESSAGING_TYPE, QUEUE, SEND, TASK_ID, WEBHOOK, WEBHOOK_EVENT,
        },
    },
    queue,
    trace::TraceContext,
};
use tokio::sync::Mutex;

use crate::publish::PublishError;

/// The longest that a function reports before it answers.
const FUNCTION_WITHIN: Duration = Duration::from_secs(1);

/// Characters of the name of an event.
const MAX_EVENT: usize = 50;

/// A webhook on its way.
pub(crate) struct Arrival<'a> {
    /// Without the name of a site.
    pub(crate) route: &'static str,
    pub(crate) event: &'a str,
    pub(crate) at: Instant,
}

/// Hands a task over by `publish`, which is given the trace that goes with the message.
pub(crate) async fn traced<F: Future<Output = Result<(), PublishError>>>(
    arrival: &Arrival<'_>,
    message: &Message,
    outer: Option<TraceContext>,
    publish: impl FnOnce(TraceContext) -> F,
) -> Result<(), PublishError> {
    let trace = outer.unwrap_or_else(|| TraceContext::of_task(message.id()));
    let event: String = arrival.event.chars().take(MAX_EVENT).collect();
    let since = Some(otlp::time_of(arrival.at));
    let webhook = Span::of_trace(&WEBHOOK, format!("POST {}", arrival.route), &trace, since)
        .with(&HTTP_METHOD, "POST")
        .with(&HTTP_ROUTE, arrival.route)
        .with(&WEBHOOK_EVENT, event)
        .with(&TASK_ID, message.id().to_string());
    let send = webhook.enter(|| Span::named(&SEND, format_args!("publish {}", queue::TASKS)));
    let send = send
        .with(&MESSAGING_SYSTEM, "rabbitmq")
        .with(&QUEUE, queue::TASKS)
        .with(&MESSAGING_OPERATION, "publish")
        .with(&MESSAGING_TYPE, "send")
        .with(&MESSAGE_ID, message.id().to_string());
    let published = publish(send.trace().unwrap_or(trace)).await;
    let status: u16 = if published.is_ok() { 202 } else { 503 };
    webhook.set(&HTTP_STATUS, status);
    if let Err(error) = &published {
        send.fail(error.kind());
        webhook.fail(&status.to_string());
    }
    published
}

/// Reports again and again, where there is a collector.
pub async fn report() {
    let Some(interval) = otlp::interval() else { return };
    loop {
        tokio::time::sleep(interval).await;
        otlp::flush().await;
    }
}

/// Reports of a function, which is frozen between its requests and never told that it ends.
#[derive(Debug)]
pub(crate) struct Reports(Mutex<Instant>);

impl Reports {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// At the end of a request: reports if the request made a task, or if the last report is long ago.
    pub(crate) async fn after(&self, made_a_task: bool) {
        let interval = otlp::interval().unwrap_or(Duration::MAX);
        let mut last = self.0.lock().await;
        if otlp::is_on() && (made_a_task || last.elapsed() >= interval) {
            // The broker may have had seven seconds, and GitHub waits for ten.
            if tokio::time::timeout(FUNCTION_WITHIN, otlp::flush()).await.is_err() {
                tracing::warn!(
                    "the collector of telemetry did not answer in time, and what was for it is lost"
                );
            }
            *last = Instant::now();
        }
    }
}
