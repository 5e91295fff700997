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
mod repository;
mod survey;
pub(crate) mod wire;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::repo::Repo;

use crate::call::{Call, CallError, Service};
use crate::lease::{Lease, Lost};
use crate::outcome::chain;

pub use auth::{Credentials, Login, Session};
pub(crate) use repository::path_segment;
pub(super) use survey::installed;

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

    pub(crate) async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, CallError> {
        let answer = self.read(route).await?;
        decode("GET", route, &answer.body)
    }

    /// Every page of a list.
    pub(crate) async fn list<T: DeserializeOwned>(&self, route: &str) -> Result<Vec<T>, CallError> {
        let mut all = Vec::new();
        self.each(route, |item| all.push(item)).await?;
        Ok(all)
    }

    /// Every item of a list, of which one page at a time is in memory.
    pub(crate) async fn each<T: DeserializeOwned>(
        &self,
        route: &str,
        mut take: impl FnMut(T),
    ) -> Result<(), CallError> {
        let separator = if route.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("{route}{separator}per_page=100"));
        for _ in 0..MAX_PAGES {
            let Some(page) = next else { break };
            let answer = self.read(&page).await?;
            decode::<Vec<T>>("GET", &page, &answer.body)?.into_iter().for_each(&mut take);
            next = answer.next;
        }
        Ok(())
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
            Repeat::Never => {
                CallError::Unknown { call: call(format!("{name} {route}")), why: error.to_string() }
            }
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
        let call = call(format!("{method} {}", route.split('?').next().unwrap_or(route)));
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
            tracing::warn!(%call, tries, pause_seconds = pause.as_secs_f64(), error = %failure, "GitHub call is repeated");
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
        call: &Call,
    ) -> Result<Answer, CallError> {
        let mut route = route.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let exchanged = tokio::time::timeout(self.timeout, exchange(client, method, &route, body)).await;
            let lost = |why: String| match *method {
                http::Method::GET => CallError::Unavailable { call: call.clone(), why },
                _ => CallError::Unknown { call: call.clone(), why },
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
        Err(CallError::Unexpected { call: call.clone(), why: "too many redirects".to_owned() })
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

/// A call to GitHub.
pub(crate) fn call(name: impl Into<String>) -> Call {
    Call::new(Service::GitHub, name)
}

fn decode<T: DeserializeOwned>(method: &str, route: &str, body: &[u8]) -> Result<T, CallError> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| CallError::Unexpected {
        call: call(format!("{method} {}", route.split('?').next().unwrap_or(route))),
        why: format!("not the JSON that was expected: {error}"),
    })
}

/// An error with its causes, up to the first line end; octocrab's own text for most errors is only their kind.
fn first_line(error: &dyn std::error::Error) -> String {
    chain(error).lines().next().unwrap_or_default().to_owned()
}
