//! The wire: connections, the order of events around a call, and what becomes of it when a fault is due.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming as IncomingBody;
use hyper::header::AUTHORIZATION;
use hyper::{Request, Response};
use jiff::Timestamp;

use super::checks;
use super::fault::{Fault, Transport};
use super::graphql;
use super::journal::{Call, Effect, Journal, Pending, When};
use super::reply::Reply;
use super::routes::{self, Incoming};
use super::state::State;
use crate::connection::{self, Closed};
use crate::git_http;

type Hook = Box<dyn FnMut(&mut State) + Send>;

/// Everything that calls share.
pub(crate) struct Hub {
    pub(crate) state: State,
    pub(crate) journal: Journal,
    pub(crate) violations: Vec<String>,
    /// See [`super::GitHub::take_nulled`].
    pub(crate) nulled: Option<String>,
    mutations: usize,
    faults: Vec<Pending<Fault>>,
    hooks: Vec<Pending<Hook>>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hub").field("calls", &self.journal.calls.len()).finish_non_exhaustive()
    }
}

pub(crate) type WireBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// A request that was read to its end.
pub(crate) struct Received {
    pub(crate) head: hyper::http::request::Parts,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    fn headers(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.head.headers.iter().filter(|(name, _)| *name != AUTHORIZATION) {
            writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))
                .expect("writing to a string");
        }
        text
    }
}

impl Hub {
    pub(crate) fn new(state: State) -> Self {
        Self {
            state,
            journal: Journal::default(),
            violations: Vec::new(),
            nulled: None,
            mutations: 0,
            faults: Vec::new(),
            hooks: Vec::new(),
        }
    }

    pub(crate) fn order_fault(&mut self, when: When, fault: Fault) {
        self.faults.push(Pending::new(when, fault));
    }

    pub(crate) fn recover(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn order_hook(&mut self, when: When, hook: Hook) {
        self.hooks.push(Pending::new(when, hook));
    }

    /// What speaks against the story so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let faults =
            self.faults.iter().filter(|order| !order.stays()).map(|order| (order.describe(), "fault"));
        let hooks = self.hooks.iter().filter(|order| !order.stays()).map(|order| (order.describe(), "event"));
        let never =
            faults.chain(hooks).map(|(when, what)| format!("the {what} at {when} never came to pass"));
        self.violations.iter().cloned().chain(never).collect()
    }

    /// Enters a call into the journal, lets happen what waits for it, and says what is to go wrong with it.
    pub(crate) fn begin(
        &mut self,
        received: &Received,
        path: &str,
        operation: String,
        effect: Effect,
    ) -> (usize, Option<Fault>) {
        let query = received.query();
        let call = Call {
            number: self.journal.calls.len() + 1,
            method: received.head.method.to_string(),
            path: if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") },
            operation,
            headers: received.headers(),
            body: received.body.to_vec(),
            effect,
            status: None,
        };
        if effect == Effect::Mutation {
            self.mutations += 1;
        }
        self.state.rate.used += 1;
        let mut hooks = std::mem::take(&mut self.hooks);
        hooks.retain_mut(|order| {
            let due = order.is_due(&call, self.mutations);
            if due {
                (order.what)(&mut self.state);
            }
            !due || order.stays()
        });
        hooks.append(&mut self.hooks);
        self.hooks = hooks;
        let mutations = self.mutations;
        let found = self.faults.iter_mut().position(|order| order.is_due(&call, mutations));
        let fault = found.map(|at| {
            if self.faults[at].stays() { self.faults[at].what } else { self.faults.remove(at).what }
        });
        self.journal.calls.push(call);
        (self.journal.calls.len() - 1, fault)
    }

    pub(crate) fn accuse(&mut self, call: usize, violations: Vec<String>) {
        let call = &self.journal.calls[call];
        let body = String::from_utf8_lossy(&call.body[..call.body.len().min(400)]).into_owned();
        for violation in violations {
            self.violations.push(format!(
                "{violation}\n    in call {}: {} {} ({}) {body}",
                call.number, call.method, call.path, call.operation
            ));
        }
    }

    /// Answers a call of the interface, REST or GraphQL.
    fn answer(&mut self, received: &Received) -> Result<(Transport, Reply), Closed> {
        let path = received.head.uri.path();
        let (path, graphql) = match path.strip_prefix("/api/v3") {
            Some(rest) => (if rest.is_empty() { "/" } else { rest }, false),
            None => (path, path == "/graphql" || path == "/api/graphql"),
        };
        let method = received.head.method.as_str();
        let log = checks::log_of(path);
        let (operation, effect) = if log.is_some() {
            ("logs:read".to_owned(), Effect::Read)
        } else if graphql {
            let meaning = graphql::meaning(&received.body);
            (meaning.operation, meaning.effect)
        } else {
            let found = routes::find(&self.state, method, path);
            let effect = if matches!(method, "GET" | "HEAD") { Effect::Read } else { Effect::Mutation };
            (found.map_or("unknown".to_owned(), |found| found.operation.id.clone()), effect)
        };
        let (call, fault) = self.begin(received, path, operation, effect);
        let authorization = received.header("authorization");
        let applied = fault.is_none_or(Fault::applies).then(|| {
            let (reply, mut violations) = if let Some(log) = log {
                checks::answer(&self.state, log, authorization)
            } else if graphql {
                graphql::execute(&mut self.state, authorization, &received.body)
            } else {
                let incoming = Incoming {
                    method,
                    path,
                    query: received.query(),
                    authorization,
                    accept: received.header("accept").unwrap_or_default(),
                    body: &received.body,
                };
                let routed = routes::route(&mut self.state, &incoming);
                (routed.reply, routed.violations)
            };
            if log.is_none() && received.header("user-agent").is_none() {
                violations.push("GitHub refuses calls without a User-Agent header".to_owned());
            }
            self.accuse(call, violations);
            reply
        });
        let transport = fault.map_or(Transport::Answer, Fault::transport);
        let enterprise = received.head.uri.path().starts_with("/api/v3");
        let applied = applied.map(|reply| if enterprise { self.at_enterprise(reply) } else { reply });
        let reply = match (fault, applied) {
            (None, Some(reply)) => reply,
            (Some(Fault::Null(nth)), Some(mut reply)) => {
                self.nulled = graphql::make_null(&received.body, &mut reply, nth);
                reply
            }
            (Some(fault), applied) => fault.distort(&self.state, applied),
            (None, None) => return Err(Closed),
        };
        if transport == Transport::Answer {
            self.journal.calls[call].status = Some(reply.status);
        }
        Ok((transport, reply))
    }

    /// The addresses in the headers of an answer as an enterprise server has them.
    fn at_enterprise(&self, mut reply: Reply) -> Reply {
        let plain = format!("{}/repositories/", self.state.base);
        let enterprise = format!("{}/api/v3/repositories/", self.state.base);
        for (name, value) in &mut reply.headers {
            if matches!(name.as_str(), "location" | "link") {
                *value = value.replace(&plain, &enterprise);
            }
        }
        reply
    }

    /// The headers that stand in every answer.
    fn common_headers(&self) -> Vec<(&'static str, String)> {
        let now = self.state.wall_clock();
        let reset = now.duration_since(UNIX_EPOCH).expect("after 1970") + Duration::from_hours(1);
        let rate = &self.state.rate;
        let date = Timestamp::try_from(now).expect("a time of this century");
        vec![
            ("date", date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            ("x-github-media-type", "github.v3; format=json".to_owned()),
            ("x-github-request-id", format!("CAFE:{:04X}", self.journal.calls.len())),
            ("x-ratelimit-limit", rate.limit.to_string()),
            ("x-ratelimit-remaining", rate.limit.saturating_sub(rate.used).to_string()),
            ("x-ratelimit-used", rate.used.to_string()),
            ("x-ratelimit-reset", reset.as_secs().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }
}

pub(crate) async fn serve(listener: std::net::TcpListener, hub: Arc<Mutex<Hub>>) {
    connection::serve(listener, move |request| handle(request, Arc::clone(&hub))).await;
}

async fn handle(request: Request<IncomingBody>, hub: Arc<Mutex<Hub>>) -> Result<Response<WireBody>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_: hyper::Error| Closed)?.to_bytes();
    let received = Received { head, body };
    if git_http::is_git(received.head.uri.path()) {
        return git_http::answer(received, hub).await;
    }
    let shared = Arc::clone(&hub);
    let answered = tokio::task::spawn_blocking(move || {
        let mut hub = lock(&shared);
        let (transport, reply) = hub.answer(&received)?;
        Ok((transport, reply, hub.common_headers()))
    });
    let (transport, reply, common) = match answered.await {
        Ok(answered) => answered?,
        Err(error) => {
            lock(&hub).violations.push(format!("the stand-in broke: {error}"));
            return Err(Closed);
        }
    };
    match transport {
        Transport::Answer => Ok(respond(&reply, common)),
        Transport::Close => Err(Closed),
        Transport::Stall => stall().await,
    }
}

pub(crate) fn lock(hub: &Mutex<Hub>) -> std::sync::MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the client gives up: then the connection is closed, and this with it.
pub(crate) async fn stall() -> Result<Response<WireBody>, Closed> {
    std::future::pending().await
}

fn respond(reply: &Reply, common: Vec<(&'static str, String)>) -> Response<WireBody> {
    let mut response = Response::builder().status(reply.status);
    let own = |name: &str| reply.headers.iter().any(|(header, _)| header == name);
    for (name, value) in common.into_iter().filter(|(name, _)| !own(name)) {
        response = response.header(name, value);
    }
    if let Some(kind) = reply.content_type() {
        response = response.header("content-type", kind);
    }
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(full(reply.bytes())).expect("a valid response")
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> WireBody {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}
