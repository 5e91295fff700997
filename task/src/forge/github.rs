//! *GitHub* as a run uses it: one repository, one token, one call at a time, over octocrab.
//!
//! Every call has a time limit and a bounded answer. What fails for the moment is made again as long as [`Patience`]
//! lasts, except for a call that creates something: whoever made it looks first whether it was carried out. Redirects are
//! followed for reads only, and on the same host only; but for logs, which lie elsewhere. Every write asks the [`Lease`] first.

mod auth;
mod checks;
pub mod checkup;
mod discussion;
mod graphql;
mod limits;
mod past;
mod repository;
mod runs;
mod survey;
mod tree;
pub(crate) mod wire;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::repo::Repo;

use crate::call::{Call, CallError, Service, measured};
use crate::causes::chain;
use crate::lease::{Lease, Lost};
use crate::patience::Patience;

pub use auth::{Credentials, Login, Session};
pub(crate) use auth::{is_app, is_app_key};
pub use past::Past;
pub(super) use past::of_organization;
pub(crate) use repository::path_segment;
pub(super) use survey::installed;

/// What telemetry calls it.
pub const PROVIDER: &str = "github";

/// Bytes of one answer. A page of 100 comments of 65,536 characters can be 26 MB in UTF-8.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Redirects of one read.
const MAX_REDIRECTS: u32 = 3;
/// Pages of 100 that are read of one list.
const MAX_PAGES: u32 = 30;

/// A client for one repository. Cheap to clone.
#[derive(Clone)]
pub struct GitHub {
    rest: Octocrab,
    graphql: Octocrab,
    /// For other hosts: it says nothing of who we are.
    plain: Option<reqwest::Client>,
    /// Where redirects may lead.
    api: String,
    pub(crate) repo: Repo,
    lease: Lease,
    patience: Duration,
    /// How long a wait is waited that is asked for, in seconds, if that is longer. All clones share it.
    asked: Arc<AtomicU64>,
    /// Of one call.
    timeout: Duration,
}

/// What a call does there, and so whether it may be made again when its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing.
    Reads,
    /// Twice is the same as once.
    Sets,
    /// Twice could make two.
    Makes,
}

impl Effect {
    /// A call that has no answer, or one that tells nothing.
    fn lost(self, call: Call, why: String) -> CallError {
        match self {
            Self::Reads => CallError::Unavailable { call, why },
            Self::Sets | Self::Makes => CallError::Unknown { call, why },
        }
    }
}

/// A call without its body.
struct Request<'a> {
    client: &'a Octocrab,
    method: http::Method,
    route: &'a str,
    effect: Effect,
    call: Call,
    /// The permission that it needs, where GitHub's answers do not name it.
    needs: Option<&'static str>,
}

impl Request<'_> {
    /// Reads the answer to it.
    fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, CallError> {
        decode(self.method.as_str(), self.route, body).map_err(|error| match self.effect {
            // It was carried out, so an answer that cannot be read is an unknown outcome.
            Effect::Makes => CallError::Unknown { call: self.call.clone(), why: error.to_string() },
            Effect::Reads | Effect::Sets => error,
        })
    }
}

/// An answer with a status of 200 to 299.
struct Answer {
    status: http::StatusCode,
    body: Bytes,
    next: Option<String>,
}

impl GitHub {
    /// See [`crate::forge::Forge::be_patient`].
    pub(super) fn be_patient(&self, patience: Duration) {
        self.asked.fetch_max(patience.as_secs(), Ordering::Relaxed);
    }

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
        let take = |page: Vec<T>| {
            page.into_iter().for_each(&mut take);
            ControlFlow::Continue(())
        };
        if let Some(page) = self.pages(route, MAX_PAGES, take).await? {
            tracing::warn!(
                path = path(&page),
                "a list of GitHub is longer than 30 pages; what follows is not read"
            );
        }
        Ok(())
    }

    /// Reads pages of a hundred, at most so many, until `take` has enough. Returns the next one where there are more than that.
    async fn pages<P: DeserializeOwned>(
        &self,
        route: &str,
        most: u32,
        mut take: impl FnMut(P) -> ControlFlow<()>,
    ) -> Result<Option<String>, CallError> {
        let separator = if route.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("{route}{separator}per_page=100"));
        for _ in 0..most {
            let Some(page) = next else { return Ok(None) };
            let answer = self.read(&page).await?;
            if take(decode("GET", &page, &answer.body)?).is_break() {
                return Ok(None);
            }
            next = answer.next;
        }
        Ok(next)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: http::Method,
        route: &str,
        body: &impl Serialize,
        effect: Effect,
    ) -> Result<T, CallError> {
        let request = self.request(method, route, effect);
        let answer = self.send(&request, Some(body)).await?;
        request.decode(&answer.body)
    }

    async fn read(&self, route: &str) -> Result<Answer, CallError> {
        self.send(&self.request(http::Method::GET, route, Effect::Reads), None::<&Value>).await
    }

    /// A call of the REST interface.
    fn request<'a>(&'a self, method: http::Method, route: &'a str, effect: Effect) -> Request<'a> {
        let call = call(format!("{method} {}", path(route)));
        Request { client: &self.rest, method, route, effect, call, needs: None }
    }

    /// For one call.
    pub(crate) fn patience(&self) -> Patience {
        let asked = Duration::from_secs(self.asked.load(Ordering::Relaxed));
        Patience::new(self.patience, self.lease.clone()).or_as_asked(asked)
    }

    async fn send(&self, request: &Request<'_>, body: Option<&impl Serialize>) -> Result<Answer, CallError> {
        let mut patience = self.patience();
        loop {
            if request.effect != Effect::Reads {
                self.lease.check().await?;
            }
            match self.once(request, body).await {
                Ok(answer) => return Ok(answer),
                // Whoever asked for it looks first whether it was made after all.
                Err(error) if request.effect == Effect::Makes => return Err(error),
                Err(error) => patience.before_retry(error).await?,
            }
        }
    }

    async fn once(&self, request: &Request<'_>, body: Option<&impl Serialize>) -> Result<Answer, CallError> {
        let Request { client, method, route, effect, call, .. } = request;
        let lost = |why: String| effect.lost(call.clone(), why);
        let mut route = (*route).to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let span = measured::exchange(method, &route, &self.api, call);
            let exchanged = span.run(exchange(client, method, &route, body));
            let exchanged = tokio::time::timeout(self.timeout, exchanged).await;
            let came = match &exchanged {
                Ok(Ok((head, _))) => Ok(head.status),
                Ok(Err(_)) => Err("connection"),
                Err(_) => Err("timeout"),
            };
            measured::ended(span, came);
            let (head, bytes) = match exchanged {
                Ok(Ok(exchanged)) => exchanged,
                Ok(Err(why)) => return Err(lost(why)),
                Err(_) => return Err(lost(format!("no answer within {} s", self.timeout.as_secs()))),
            };
            limits::tell_skew(&head.headers);
            if head.status.is_redirection() && *method == http::Method::GET {
                route = limits::redirect(&head.headers, &self.api, call)?;
                continue;
            }
            let refused = limits::Refused { head: &head, effect: *effect, patience: self.patience, call };
            if !head.status.is_success() {
                return Err(refused.of_status(&bytes));
            }
            let is_bodiless =
                matches!(head.status, http::StatusCode::NO_CONTENT | http::StatusCode::RESET_CONTENT);
            // An answer that breaks off is no answer, whatever its status says.
            if !is_bodiless && bytes.is_empty() {
                return Err(lost("the answer is empty".to_owned()));
            }
            if !is_bodiless && serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err() {
                return Err(lost("the answer is not whole JSON".to_owned()));
            }
            if route == graphql::ROUTE {
                graphql::check(&bytes, &refused, request.needs)?;
            }
            let next = limits::next_page(&head.headers, &self.api, call)?;
            return Ok(Answer { status: head.status, body: bytes, next });
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

/// A route without its query.
fn path(route: &str) -> &str {
    route.split('?').next().unwrap_or(route)
}

fn decode<T: DeserializeOwned>(method: &str, route: &str, body: &[u8]) -> Result<T, CallError> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| CallError::Unexpected {
        call: call(format!("{method} {}", path(route))),
        why: format!("not the JSON that was expected: {error}"),
    })
}

/// An error with its causes, up to the first line end; octocrab's own text for most errors is only their kind.
fn first_line(error: &dyn std::error::Error) -> String {
    chain(error).lines().next().unwrap_or_default().to_owned()
}
