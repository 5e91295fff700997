//! *GitHub* as a run uses it: one repository, one token, one call at a time, over octocrab.
//!
//! Every call has a time limit and a bounded answer. A call that may be repeated is repeated after a pause; a call that
//! creates something is not, because its outcome may be unknown: such a call ends in [`CallError::Unknown`], and the
//! caller looks before it tries again. Redirects are followed for reads only, and on the same host only. Every write
//! asks the [`Lease`] first.

mod auth;
pub mod checkup;
mod graphql;
mod limits;
pub mod model;
mod repository;
mod survey;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::repo::Repo;

use crate::lease::{Lease, Lost};
use crate::outcome::chain;

pub use auth::{Api, Credentials, Identity, Login, Session};
pub use graphql::CommitRequest;
pub use repository::{NewPullRequest, Permission, PullRequestKind};
pub use survey::{Listed, TimelineEvent, installed};

/// Bytes of one answer. A page of 100 comments of 65,536 characters can be 26 MB in UTF-8.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Tries of a call that may be repeated, the first included.
const MAX_TRIES: u32 = 4;
/// Redirects of one read.
const MAX_REDIRECTS: u32 = 3;
/// Pages of 100 that are read of one list.
const MAX_PAGES: u32 = 30;

/// A client for one repository. Cheap to clone.
#[derive(Clone)]
pub struct GitHub {
    rest: Octocrab,
    graphql: Octocrab,
    /// Where redirects may lead.
    api: String,
    pub(crate) repo: Repo,
    lease: Lease,
    patience: Duration,
    /// Of one call.
    timeout: Duration,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The call may or may not have been carried out.
    #[error("GitHub's answer to {call} was lost ({why})")]
    Unknown { call: String, why: String },
    /// The call was not carried out; the same call may succeed later.
    #[error("GitHub is not available for {call}: {why}")]
    Unavailable { call: String, why: String },
    #[error("GitHub refuses {call} for now: rate limit, {wait_seconds} s to wait")]
    RateLimited { call: String, wait_seconds: u64 },
    #[error("GitHub does not accept the credentials for {call}: {message}")]
    Unauthorized { call: String, message: String },
    /// `needed` is what GitHub's header `X-Accepted-GitHub-Permissions` asks for.
    #[error("GitHub does not allow {call}: {message}{}", needed.as_ref().map(|needed| format!(" (needs {needed})")).unwrap_or_default())]
    Forbidden { call: String, message: String, needed: Option<String> },
    #[error("GitHub finds nothing for {call}: {message}")]
    NotFound { call: String, message: String },
    #[error("GitHub no longer has what {call} asks for: {message}")]
    Gone { call: String, message: String },
    #[error("GitHub finds {call} in conflict: {message}")]
    Conflict { call: String, message: String },
    #[error("GitHub finds {call} invalid: {message}")]
    Invalid { call: String, message: String },
    #[error("GitHub answered {call} with something unexpected: {why}")]
    Unexpected { call: String, why: String },
    #[error("{0}")]
    Lost(#[from] Lost),
}

impl CallError {
    /// Whether the same run may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. } | Self::Unavailable { .. } | Self::RateLimited { .. } | Self::Lost(_)
        )
    }
}

/// Whether a write may be sent again when its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// Twice is the same as once.
    Harmless,
    /// Twice could make two.
    Never,
}

/// An answer with a status of 200 to 299.
struct Answer {
    body: Bytes,
    next: Option<String>,
}

impl GitHub {
    /// Asks the lease, for a write that goes another way.
    pub async fn hold(&self) -> Result<(), Lost> {
        self.lease.check().await
    }

    async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, CallError> {
        let answer = self.read(route).await?;
        decode("GET", route, &answer.body)
    }

    /// Every page of a list.
    async fn list<T: DeserializeOwned>(&self, route: &str) -> Result<Vec<T>, CallError> {
        let separator = if route.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("{route}{separator}per_page=100"));
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(page) = next else { break };
            let answer = self.read(&page).await?;
            all.extend(decode::<Vec<T>>("GET", &page, &answer.body)?);
            next = answer.next;
        }
        Ok(all)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: http::Method,
        route: &str,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Result<T, CallError> {
        let name = method.to_string();
        let answer = self.send(&self.rest, method, route, Some(body), repeat).await?;
        // The write was carried out, so an answer that cannot be read is an unknown outcome.
        decode(&name, route, &answer.body).map_err(|error| match repeat {
            Repeat::Never => CallError::Unknown { call: format!("{name} {route}"), why: error.to_string() },
            Repeat::Harmless => error,
        })
    }

    async fn read(&self, route: &str) -> Result<Answer, CallError> {
        self.send(&self.rest, http::Method::GET, route, None::<&Value>, Repeat::Harmless).await
    }

    async fn send(
        &self,
        client: &Octocrab,
        method: http::Method,
        route: &str,
        body: Option<&impl Serialize>,
        repeat: Repeat,
    ) -> Result<Answer, CallError> {
        let call = format!("{method} {}", route.split('?').next().unwrap_or(route));
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        loop {
            if method != http::Method::GET {
                self.lease.check().await?;
            }
            tries += 1;
            let failure = match self.once(client, &method, route, body, &call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = match &failure {
                CallError::RateLimited { wait_seconds, .. } => Duration::from_secs(*wait_seconds),
                CallError::Unknown { .. } if repeat == Repeat::Harmless => limits::backoff(tries),
                CallError::Unavailable { .. } => limits::backoff(tries),
                _ => return Err(failure),
            };
            if tries >= MAX_TRIES || waited + pause > self.patience {
                return Err(failure);
            }
            tracing::warn!(call, tries, pause_seconds = pause.as_secs_f64(), error = %failure, "GitHub call is repeated");
            waited += pause;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                lost = self.lease.lost() => return Err(lost.into()),
            }
        }
    }

    async fn once(
        &self,
        client: &Octocrab,
        method: &http::Method,
        route: &str,
        body: Option<&impl Serialize>,
        call: &str,
    ) -> Result<Answer, CallError> {
        let mut route = route.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let exchanged = tokio::time::timeout(self.timeout, exchange(client, method, &route, body)).await;
            let lost = |why: String| match *method {
                http::Method::GET => CallError::Unavailable { call: call.to_owned(), why },
                _ => CallError::Unknown { call: call.to_owned(), why },
            };
            let (head, bytes) = match exchanged {
                Ok(Ok(exchanged)) => exchanged,
                Ok(Err(why)) => return Err(lost(why)),
                Err(_) => return Err(lost(format!("no answer within {} s", self.timeout.as_secs()))),
            };
            if head.status.is_redirection() && *method == http::Method::GET {
                route = limits::redirect(&head.headers, &self.api, call)?;
                continue;
            }
            if head.status.is_success() {
                // An answer that breaks off is no answer, whatever its status says.
                if !bytes.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err() {
                    return Err(lost("the answer is not whole JSON".to_owned()));
                }
                if route == graphql::ROUTE
                    && let Some(why) = graphql::unexplained(&bytes)
                {
                    return Err(lost(why));
                }
                let next = limits::next_page(&head.headers, &self.api, call)?;
                return Ok(Answer { body: bytes, next });
            }
            return Err(limits::classify(&head, &bytes, method, call));
        }
        Err(CallError::Unexpected { call: call.to_owned(), why: "too many redirects".to_owned() })
    }
}

async fn exchange(
    client: &Octocrab,
    method: &http::Method,
    route: &str,
    body: Option<&impl Serialize>,
) -> Result<(http::response::Parts, Bytes), String> {
    let request = http::Request::builder().method(method.clone()).uri(route);
    let request = client.build_request(request, body).map_err(|error| first_line(&error))?;
    let response = client.execute(request).await.map_err(|error| first_line(&error))?;
    let (head, body) = response.into_parts();
    let bytes = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
    Ok((head, bytes.to_bytes()))
}

fn decode<T: DeserializeOwned>(method: &str, route: &str, body: &[u8]) -> Result<T, CallError> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| CallError::Unexpected {
        call: format!("{method} {}", route.split('?').next().unwrap_or(route)),
        why: format!("not the JSON that was expected: {error}"),
    })
}

/// An error with its causes, up to the first line end; octocrab's own text for most errors is only their kind.
fn first_line(error: &dyn std::error::Error) -> String {
    chain(error).lines().next().unwrap_or_default().to_owned()
}
