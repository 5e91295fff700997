//! The **wire**: connections, the journal, and what becomes of a call when a fault is due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::contract::contract;
use super::routes;
use super::state::Site;
use crate::connection::{self, Closed};

type Hook = Box<dyn FnMut(&mut Site) + Send>;

/// A call as it came in, and the status of the answer; 0 if there was none.
#[derive(Clone, Debug)]
pub struct Call {
    pub operation: String,
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
    pub status: u16,
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed; nothing was done.
    DropBefore,
    /// It was done; then the connection is closed without an answer.
    DropAfter,
    /// No answer at all until the client is gone; nothing was done.
    StallBefore,
    /// It was done; no answer until the client is gone.
    StallAfter,
    /// 503 with a page of maintenance; nothing was done.
    Maintenance,
    /// It was done; the answer is 502.
    BadGatewayAfter,
    /// 429 with `Retry-After` in seconds; nothing was done.
    TooMany(u64),
    /// 401, as of a token that has expired; nothing was done.
    Unauthorized,
    /// 403 with a page to log in; nothing was done.
    LoginPage,
    /// 302 to this address; nothing was done.
    Redirect(String),
    /// 400 in these words; nothing was done.
    Invalid(String),
    /// 404; nothing was done.
    NotFound,
}

impl Fault {
    fn applies(&self) -> bool {
        matches!(self, Self::DropAfter | Self::BadGatewayAfter | Self::StallAfter)
    }
}

/// Everything that calls share.
pub(super) struct Hub {
    pub(super) site: Site,
    pub(super) calls: Vec<Call>,
    pub(super) violations: Vec<String>,
    pub(super) faults: Vec<(String, usize, Fault)>,
    pub(super) hooks: Vec<(String, usize, Hook)>,
    pub(super) is_stalling: bool,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hub").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

pub(super) enum Body {
    None,
    Json(Value),
    Page(&'static str),
    /// The client waits for it in vain.
    Never,
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(super) fn nothing(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::None }
    }

    pub(super) fn refused(status: u16, message: &str) -> Self {
        Self::json(status, json!({ "errorMessages": [message], "errors": {} }))
    }
}

impl Hub {
    pub(super) fn new(site: Site) -> Self {
        Self {
            site,
            calls: Vec::new(),
            violations: Vec::new(),
            faults: Vec::new(),
            hooks: Vec::new(),
            is_stalling: false,
        }
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        let faults = self.faults.iter().map(|(operation, ..)| ("fault", operation));
        let hooks = self.hooks.iter().map(|(operation, ..)| ("event", operation));
        let never = faults.chain(hooks).map(|(what, at)| format!("the {what} at {at} never came to pass"));
        self.violations.iter().cloned().chain(never).collect()
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Result<Reply, Closed> {
        let method = request.method().as_str();
        let whole = request.uri().path();
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        if whole == "/oauth/token" {
            return Ok(routes::token(&mut self.site, request.body()));
        }
        let path = whole.strip_prefix(self.site.base_path).unwrap_or("/nowhere");
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let found = contract().find(method, path);
        let operation = found.as_ref().map_or("unknown", |found| found.operation.id.as_str()).to_owned();
        let at = self.calls.len();
        self.calls.push(Call {
            operation: operation.clone(),
            method: method.to_owned(),
            path: request.uri().to_string(),
            body: request.body().to_vec(),
            status: 0,
        });
        self.happen(&operation);
        let fault = self.due(&operation);
        if let Some(fault) = fault.as_ref().filter(|fault| !fault.applies()) {
            return self.fail(fault, at);
        }
        let Some(found) = found else {
            self.violations.push(format!("there is no such call: {method} {path}"));
            return Ok(Reply::refused(404, "null for uri"));
        };
        let mut wrong = contract().check_request(found.operation, &query, request.body());
        if header("user-agent").is_none() {
            wrong.push("a call without a User-Agent header".to_owned());
        }
        let reply = if routes::is_known(&self.site, header("authorization")) {
            routes::answer(&mut self.site, &operation, &found.parameters, &query, request.body())
        } else {
            Reply::json(
                401,
                json!({ "message": "Client must be authenticated to access this resource.", "status-code": 401 }),
            )
        };
        let body = match &reply.body {
            Body::Json(body) => Some(body),
            Body::None | Body::Page(_) | Body::Never => None,
        };
        if reply.status == 501 {
            wrong.push("the stand-in does not play this call".to_owned());
        } else {
            wrong.extend(contract().check_response(found.operation, reply.status, body));
        }
        let told = wrong.into_iter().map(|wrong| {
            let body = String::from_utf8_lossy(&request.body()[..request.body().len().min(400)]).into_owned();
            format!("{wrong}\n    in {method} {} ({operation}) {body}", request.uri())
        });
        self.violations.extend(told);
        if let Some(fault) = fault {
            return self.fail(&fault, at);
        }
        self.calls[at].status = reply.status;
        Ok(reply)
    }

    fn happen(&mut self, operation: &str) {
        let mut hooks = std::mem::take(&mut self.hooks);
        hooks.retain_mut(|(at, nth, happen)| {
            if at != operation {
                return true;
            }
            *nth -= 1;
            if *nth == 0 {
                happen(&mut self.site);
            }
            *nth > 0
        });
        self.hooks = hooks;
    }

    fn due(&mut self, operation: &str) -> Option<Fault> {
        let mut due = None;
        self.faults.retain_mut(|(at, nth, fault)| {
            if at != operation {
                return true;
            }
            *nth -= 1;
            if *nth == 0 && due.is_none() {
                due = Some(fault.clone());
            }
            *nth > 0
        });
        due
    }

    fn fail(&mut self, fault: &Fault, call: usize) -> Result<Reply, Closed> {
        let page = |status, page| Reply { status, headers: Vec::new(), body: Body::Page(page) };
        let reply = match fault {
            Fault::DropBefore | Fault::DropAfter => return Err(Closed),
            Fault::StallBefore | Fault::StallAfter => {
                self.is_stalling = true;
                return Ok(Reply { body: Body::Never, ..Reply::nothing(200) });
            }
            Fault::Maintenance => {
                page(503, "<html><title>Atlassian Cloud is under maintenance</title></html>")
            }
            Fault::BadGatewayAfter => page(502, "<html><title>502 Bad Gateway</title></html>"),
            Fault::TooMany(seconds) => Reply {
                headers: vec![
                    ("retry-after", seconds.to_string()),
                    ("x-ratelimit-remaining", "0".to_owned()),
                ],
                ..Reply::refused(429, "Rate limit exceeded")
            },
            Fault::Unauthorized => Reply::json(
                401,
                json!({ "message": "Client must be authenticated to access this resource." }),
            ),
            Fault::LoginPage => page(403, "<html><title>Log in with Atlassian account</title></html>"),
            Fault::Redirect(to) => Reply { headers: vec![("location", to.clone())], ..Reply::nothing(302) },
            Fault::Invalid(words) => Reply::refused(400, words),
            Fault::NotFound => {
                Reply::refused(404, "Issue does not exist or you do not have permission to see it.")
            }
        };
        self.calls[call].status = reply.status;
        Ok(reply)
    }
}

pub(super) async fn serve(listener: std::net::TcpListener, hub: Arc<Mutex<Hub>>) {
    connection::serve(listener, move |request| handle(request, Arc::clone(&hub))).await;
}

async fn handle(request: Request<Incoming>, hub: Arc<Mutex<Hub>>) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_: hyper::Error| Closed)?.to_bytes();
    let request = Request::from_parts(head, body);
    let shared = Arc::clone(&hub);
    let answered = tokio::task::spawn_blocking(move || lock(&shared).answer(&request));
    let reply = match answered.await {
        Ok(answered) => answered?,
        Err(error) => {
            lock(&hub).violations.push(format!("the stand-in broke: {error}"));
            return Err(Closed);
        }
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let (kind, body) = match reply.body {
        Body::None => (None, Bytes::new()),
        Body::Json(body) => (Some("application/json;charset=UTF-8"), body.to_string().into()),
        Body::Page(page) => (Some("text/html;charset=UTF-8"), page.into()),
        Body::Never => std::future::pending().await,
    };
    if let Some(kind) = kind {
        response = response.header("content-type", kind);
    }
    Ok(response.body(Full::new(body)).expect("a valid response"))
}

fn lock(hub: &Mutex<Hub>) -> MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}
