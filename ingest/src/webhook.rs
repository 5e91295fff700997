//! A *webhook*: one `POST` of GitHub's, from its bytes to the answer.

pub(crate) mod jira;

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use shared::{
    message::Message,
    task::{DeliveryId, TaskId},
    trace::TraceContext,
};
use url::form_urlencoded;

use crate::{
    body::{Bodies, BodyError},
    connections::Connection,
    jira::{JiraError, Sites},
    limits::Limits,
    metrics::{Metrics, Outcome},
    publish::{PublishError, Publisher},
    signature::{self, Secrets, SignatureError},
    telemetry::{self, Arrival},
    trigger::{self, Decision, Rules, TriggerError},
};

/// Where GitHub's webhooks go.
pub(crate) const PATH: &str = "/webhook/github";

/// The number of a delivery, the same when it is repeated.
static DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");
/// The name of an event.
static EVENT: HeaderName = HeaderName::from_static("x-github-event");
/// The trace that a proxy in front has begun.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What answering a webhook takes.
pub struct Webhooks {
    secrets: Secrets,
    pub(crate) jira: Sites,
    pub(crate) rules: Rules,
    pub(crate) bodies: Bodies,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) metrics: Metrics,
}

impl Webhooks {
    pub fn new(secrets: Secrets, rules: Rules, limits: Limits, publisher: Arc<Publisher>) -> Self {
        let (bodies, jira, metrics) = (Bodies::new(limits), Sites::default(), Metrics::default());
        Self { secrets, jira, rules, bodies, publisher, metrics }
    }

    /// The same, also for these sites of Jira.
    #[must_use]
    pub fn with_jira(self, jira: Sites) -> Self {
        Self { jira, ..self }
    }
}

/// How a webhook ended well.
#[derive(Debug)]
pub(crate) enum Answer {
    Accepted(TaskId),
    /// And why.
    Ignored(String),
}

/// Why it did not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the content type is neither application/json nor application/x-www-form-urlencoded")]
    ContentType,
    #[error("a body with a content encoding is not accepted")]
    ContentEncoding,
    #[error("the form has no field `payload`")]
    NoPayload,
    #[error("the header {0} is missing or unreadable")]
    Header(&'static str),
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    #[error(transparent)]
    Jira(#[from] JiraError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl WebhookError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(BodyError::TooLong) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::Broken(_)) | Self::Header(_) | Self::NoPayload => StatusCode::BAD_REQUEST,
            Self::Body(BodyError::NoRoom) | Self::Publish(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Signature(_) | Self::Jira(JiraError::NoSignature) => StatusCode::UNAUTHORIZED,
            Self::Jira(JiraError::NoSite) => StatusCode::NOT_FOUND,
            Self::ContentType | Self::ContentEncoding | Self::Jira(JiraError::ContentType) => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Trigger(_) | Self::Jira(JiraError::Payload(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

/// The body of an answer, for whoever reads the list of deliveries at GitHub.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Told {
    Accepted { task_id: String },
    Ignored { reason: String },
    Refused { reason: String },
    Unavailable { reason: String },
}

/// `POST /webhook/github`
pub(crate) async fn receive(State(webhooks): State<Arc<Webhooks>>, request: Request<Body>) -> Response {
    let delivery = header_text(request.headers(), &DELIVERY).unwrap_or_default().to_owned();
    let event = header_text(request.headers(), &EVENT).unwrap_or_default().to_owned();
    let answered = webhooks.answer(request).await;
    webhooks.respond(&delivery, &event, answered)
}

impl Webhooks {
    /// Logs and counts how a webhook ended, and tells it to whoever sent it.
    pub(crate) fn respond(
        &self,
        delivery: &str,
        event: &str,
        answered: Result<Answer, WebhookError>,
    ) -> Response {
        let (outcome, status, told) = match answered {
            Ok(Answer::Accepted(id)) => {
                tracing::info!(delivery, event, task = %id, "accepted");
                (Outcome::Accepted, StatusCode::ACCEPTED, Told::Accepted { task_id: id.to_string() })
            }
            Ok(Answer::Ignored(reason)) => {
                tracing::debug!(delivery, event, reason, "ignored");
                (Outcome::Ignored, StatusCode::OK, Told::Ignored { reason })
            }
            Err(error) => {
                let status = error.status();
                let reason = error.to_string();
                tracing::warn!(delivery, event, error = &error as &dyn std::error::Error, "not accepted");
                if status.is_server_error() {
                    (Outcome::Unavailable, status, Told::Unavailable { reason })
                } else {
                    (Outcome::Refused, status, Told::Refused { reason })
                }
            }
        };
        self.metrics.count(outcome);
        (status, Json(told)).into_response()
    }

    async fn answer(&self, request: Request<Body>) -> Result<Answer, WebhookError> {
        let arrived = Instant::now();
        let (head, body) = request.into_parts();
        let headers = &head.headers;
        // Before the body is read: what cannot be right is not worth its memory.
        let form = is_form(headers)?;
        if headers.get_all(&signature::HEADER).iter().next().is_none() {
            return Err(SignatureError::Missing.into());
        }
        let body = self.bodies.read(headers, body).await?;
        if let Some(connection) = head.extensions.get::<Arc<Connection>>() {
            connection.is_read();
        }
        self.secrets
            .verify(headers.get_all(&signature::HEADER).iter().map(HeaderValue::as_bytes), body.bytes())?;

        let event = header_text(headers, &EVENT).ok_or(WebhookError::Header("X-GitHub-Event"))?;
        let delivery = header_text(headers, &DELIVERY)
            .and_then(DeliveryId::parse)
            .ok_or(WebhookError::Header("X-GitHub-Delivery"))?;
        let unwrapped = match form {
            Form::No => None,
            Form::Yes => Some(payload_of_form(body.bytes())?),
        };
        let payload: &[u8] = unwrapped.as_deref().unwrap_or(body.bytes());
        let decision = trigger::decide(event, payload, Some(&delivery), &self.rules)?;
        // The broker is waited for without the body.
        drop(unwrapped);
        drop(body);
        match decision {
            Decision::Ignore(why) => Ok(Answer::Ignored(why.to_string())),
            Decision::Publish(task)
                if task.mode.kind().is_asked_for() && self.publisher.is_refused(&task.refusal()).await =>
            {
                Ok(Answer::Ignored("the sender was refused on this thread a short while ago".to_owned()))
            }
            Decision::Publish(task) => {
                let message = Message::Task(task);
                let arrival = Arrival { route: PATH, event, at: arrived };
                self.publish(&message, headers, &arrival).await?;
                Ok(Answer::Accepted(message.id()))
            }
        }
    }

    pub(crate) async fn publish(
        &self,
        message: &Message,
        headers: &HeaderMap,
        arrival: &Arrival<'_>,
    ) -> Result<(), PublishError> {
        let outer = header_text(headers, &TRACEPARENT).and_then(TraceContext::parse);
        let start = Instant::now();
        let publish = |trace| self.publisher.publish(message, trace);
        let published = telemetry::traced(arrival, message, outer, publish).await;
        self.metrics.published(start.elapsed());
        published
    }
}

/// Whether the payload is the field of a form: what GitHub sends unless it is told otherwise.
#[derive(Clone, Copy)]
enum Form {
    Yes,
    No,
}

fn is_form(headers: &HeaderMap) -> Result<Form, WebhookError> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(WebhookError::ContentEncoding);
    }
    let essence = media_type(headers);
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(Form::No)
    } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(Form::Yes)
    } else {
        Err(WebhookError::ContentType)
    }
}

fn payload_of_form(body: &[u8]) -> Result<Bytes, WebhookError> {
    let payload = form_urlencoded::parse(body).find(|(field, _)| field == "payload");
    let (_, payload) = payload.ok_or(WebhookError::NoPayload)?;
    Ok(Bytes::from(payload.into_owned()))
}

/// What the body is, without its parameters; empty if that is not said.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let content_type = header_text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim()
}

pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
