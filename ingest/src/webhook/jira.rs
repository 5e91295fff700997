//! A *webhook of Jira*: `POST /webhook/jira/NAME`, from its bytes to the answer.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Request, header},
    response::Response,
};
use shared::{jira::SiteName, message::Message, task::DeliveryId};

use super::{Answer, WebhookError, Webhooks, header_text, media_type};
use crate::{
    connections::Connection,
    jira::{JiraError, decide},
    signature::SignatureError,
    telemetry::Arrival,
};

/// The path for telemetry, whichever the site.
const ROUTE: &str = "/webhook/jira/{name}";

/// Where the signature is.
static SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature");
/// The number of a delivery, the same when it is repeated.
static DELIVERY: HeaderName = HeaderName::from_static("x-atlassian-webhook-identifier");

/// `POST /webhook/jira/NAME`
pub(crate) async fn receive(
    State(webhooks): State<Arc<Webhooks>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let delivery = header_text(request.headers(), &DELIVERY).unwrap_or_default().to_owned();
    let answered = answer(&webhooks, &name, request).await;
    webhooks.respond(&delivery, "jira", answered)
}

async fn answer(webhooks: &Webhooks, name: &str, request: Request<Body>) -> Result<Answer, WebhookError> {
    let arrived = Instant::now();
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let site = SiteName::parse(name).ok().and_then(|name| Some((webhooks.jira.get(&name)?, name)));
    let (site, name) = site.ok_or(JiraError::NoSite)?;
    if !is_json(headers) {
        return Err(JiraError::ContentType.into());
    }
    if !headers.contains_key(&SIGNATURE) {
        return Err(JiraError::NoSignature.into());
    }
    let body = webhooks.bodies.read(headers, body).await?;
    if let Some(connection) = head.extensions.get::<Arc<Connection>>() {
        connection.is_read();
    }
    let signatures = headers.get_all(&SIGNATURE).iter().map(HeaderValue::as_bytes);
    site.secrets.verify(signatures, body.bytes()).map_err(|error| match error {
        SignatureError::Missing => WebhookError::from(JiraError::NoSignature),
        error => error.into(),
    })?;
    let delivery = header_text(headers, &DELIVERY).and_then(DeliveryId::parse);
    let decided = decide(body.bytes(), &name, site.agent.as_ref(), delivery, &webhooks.rules)
        .map_err(JiraError::from)?;
    // The broker is waited for without the body.
    drop(body);
    match decided {
        Err(ignored) => Ok(Answer::Ignored(ignored.to_string())),
        Ok(request) => {
            let message = Message::Jira(request);
            let arrival = Arrival { route: ROUTE, event: "jira", at: arrived };
            webhooks.publish(&message, headers, &arrival).await?;
            Ok(Answer::Accepted(message.id()))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("application/json")
        && !headers.contains_key(header::CONTENT_ENCODING)
}
