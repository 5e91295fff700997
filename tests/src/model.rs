//! A *scripted model*: an HTTP server on loopback that speaks all three model interfaces, gives the answers of a script one
//! after the other, breaks down as ordered, and checks every request against the documented form.
//!
//! The path of a request tells its interface: `/v1/messages` (Anthropic), `/api/chat` (Ollama) or `/v1/chat/completions`
//! (OpenAI). What a request has wrong is written down, and [`ScriptedModel::finish`] panics with it.

mod check;
mod wire;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::post;
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use wire::Wire;

/// The key that requests have to carry where their interface asks for one.
pub const KEY: &str = "sk-test-0123456789abcdef";

/// What the server does with one request.
#[derive(Clone, Debug)]
pub enum Step {
    Answer(Answer),
    /// An error in place of an answer.
    Fault(Fault),
    /// The request is taken, and nothing ever comes back.
    Hang,
    /// A web page, as a proxy sends it.
    Page {
        status: u16,
    },
    /// An answer of this many bytes of text in pieces of 64 KiB.
    Flood {
        bytes: usize,
    },
    /// A response of this many bytes with no line end.
    LongLine {
        bytes: usize,
    },
    /// A redirect to this address.
    Redirect(String),
    /// These bytes as the successful response's body.
    Raw(String),
    /// A response by hand.
    Reply(Reply),
}

/// A response as it stands.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

impl Reply {
    /// JSON with this status.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "application/json", headers: Vec::new(), body: body.into() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl Step {
    /// A whole answer with this text.
    pub fn text(text: &str) -> Self {
        Self::Answer(Answer::new(text))
    }
}

/// A streamed answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub text: String,
    pub thinking: String,
    pub stop: Stop,
    pub counts: Counts,
    pub end: End,
}

impl Answer {
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            thinking: String::new(),
            stop: Stop::Done,
            counts: Counts::True,
            end: End::Whole,
        }
    }
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    Done,
    /// The answer reached the limit that the request set.
    Limit,
    /// The model declines; an explanation comes with it where the interface has one.
    Refusal,
    /// The context window is full.
    Window,
    Other(&'static str),
}

/// The token counts that come with an answer.
#[derive(Clone, Copy, Debug)]
pub enum Counts {
    /// A token for every four bytes, cached prefixes told apart.
    True,
    Missing,
    Given {
        prompt: u64,
        answer: u64,
    },
}

/// How an answer ends.
#[derive(Clone, Debug)]
pub enum End {
    Whole,
    /// The response ends properly, but before the answer's last event.
    Early,
    /// The connection breaks.
    Broken,
    /// Nothing more comes, and the connection stays open.
    Silence,
    /// An error comes as an event.
    Fault(Fault),
}

/// What the server complains of.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The value is the `retry-after` header.
    RateLimit(Option<&'static str>),
    Overloaded,
    ServerError,
    BadRequest,
    /// Repeats the key that came, as some servers do.
    BadKey,
    Billing,
    /// A spend limit that looks like a rate limit.
    SpendLimit,
    UnknownModel,
    /// The path is not known, in words of the server that fit any path.
    NoRoute,
    PromptTooLong,
    /// The machine has too little memory for the model.
    NoMemory,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub wire: Wire,
    pub headers: HeaderMap,
    pub body: Value,
}

/// What is done with a request once the script is over.
type Rule = Box<dyn Fn(&Request) -> Step + Send>;

#[derive(Default)]
struct Journal {
    script: VecDeque<Step>,
    rule: Option<Rule>,
    requests: Vec<Request>,
    violations: Vec<String>,
    /// Prefixes that an earlier request had cached.
    cached: HashSet<String>,
}

type Shared = Arc<Mutex<Journal>>;

/// See the module's documentation.
pub struct ScriptedModel {
    url: String,
    journal: Shared,
    server: JoinHandle<()>,
}

impl ScriptedModel {
    /// Starts on a free port of the loopback interface.
    pub async fn start(script: impl IntoIterator<Item = Step>) -> Self {
        let journal = Shared::default();
        lock(&journal).script.extend(script);
        let app = Router::new()
            .route(Wire::Anthropic.path(), post(handle))
            .route(Wire::Ollama.path(), post(handle))
            .route(Wire::OpenAi.path(), post(handle))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&journal));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serving ends only with the test");
        });
        Self { url, journal, server }
    }

    /// The same with a rule in place of a script, for a story that asks again at any moment.
    pub async fn answering(rule: impl Fn(&Request) -> Step + Send + 'static) -> Self {
        let model = Self::start([]).await;
        lock(&model.journal).rule = Some(Box::new(rule));
        model
    }

    /// The base address to configure for an interface.
    pub fn base_url(&self, wire: Wire) -> String {
        match wire {
            Wire::Anthropic | Wire::Ollama => self.url.clone(),
            Wire::OpenAi => format!("{}/v1", self.url),
        }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.journal).requests.clone()
    }

    /// Stops, panics if a request was wrong or the script was not played to its end, and returns the requests.
    pub fn finish(self) -> Vec<Request> {
        self.server.abort();
        let mut journal = lock(&self.journal);
        assert!(journal.violations.is_empty(), "wrong requests:\n{}", journal.violations.join("\n"));
        assert!(journal.script.is_empty(), "never asked for: {:?}", journal.script);
        std::mem::take(&mut journal.requests)
    }
}

/// An address at which nothing listens.
pub async fn refused_url() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("a bound socket has an address"))
}

fn lock(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn handle(State(journal): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let wire = Wire::at(uri.path()).expect("only the paths of the interfaces are routed");
    // A rule may wait for the test, and what a worker of the runtime has in hand would wait with it.
    let next = tokio::task::spawn_blocking(move || next(&journal, wire, headers, &body));
    match next.await.expect("a rule does not panic") {
        Some((step, request, prefix)) => respond(&request, prefix, step).await,
        None => status(500, "the script is over"),
    }
}

/// Notes a request, and takes what comes next; `None` where the script is over.
fn next(
    journal: &Mutex<Journal>,
    wire: Wire,
    headers: HeaderMap,
    body: &[u8],
) -> Option<(Step, Request, Option<wire::Prefix>)> {
    let mut journal = lock(journal);
    let value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let request = Request { wire, headers, body: value };
    journal.violations.extend(check::violations(&request));
    journal.requests.push(request.clone());
    let next = journal.script.pop_front();
    let Some(step) = next.or_else(|| journal.rule.as_ref().map(|rule| rule(&request))) else {
        journal.violations.push(format!("{wire:?}: a request after the end of the script"));
        return None;
    };
    let prefix = wire::cached_prefix(&request);
    let prefix = prefix.map(|prefix| {
        // The longest beginning that is there, as the vendor looks for it.
        let known = journal.cached.iter().filter(|known| prefix.starts_with(known.as_str()));
        let read = known.map(String::len).max().unwrap_or(0);
        let written = prefix.len() - read;
        journal.cached.insert(prefix);
        wire::Prefix { read, written }
    });
    Some((step, request, prefix))
}

async fn respond(request: &Request, prefix: Option<wire::Prefix>, step: Step) -> Response {
    match step {
        Step::Answer(answer) if request.body["stream"] == false && matches!(answer.end, End::Whole) => {
            let mut response = status(200, &wire::whole(request, prefix, &answer).to_string());
            response
                .headers_mut()
                .insert("content-type", "application/json".parse().expect("a header value"));
            response
        }
        Step::Answer(answer) => {
            let events = wire::events(request, prefix, &answer);
            let pieces = stream::iter(events.into_iter().map(Ok));
            match answer.end {
                End::Whole | End::Early | End::Fault(_) => streamed(request.wire, pieces),
                End::Broken => {
                    let broken = async {
                        // The server sends what it has once it has to wait.
                        tokio::task::yield_now().await;
                        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
                    };
                    streamed(request.wire, pieces.chain(stream::once(broken)))
                }
                End::Silence => streamed(request.wire, pieces.chain(stream::pending())),
            }
        }
        Step::Fault(fault) => wire::fault_response(request, &fault),
        Step::Hang => std::future::pending().await,
        Step::Page { status: code } => {
            let mut response =
                status(code, "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>");
            response.headers_mut().insert("content-type", "text/html".parse().expect("a header value"));
            response
        }
        Step::Flood { bytes } => {
            const PIECE: usize = 64 << 10;
            let piece = Bytes::from(wire::text_event(request.wire, &"x".repeat(PIECE)));
            let pieces = std::iter::repeat_n(piece, bytes.div_ceil(PIECE));
            streamed(request.wire, stream::iter(pieces.map(Ok)))
        }
        Step::LongLine { bytes } => {
            const PIECE: usize = 64 << 10;
            let pieces = std::iter::repeat_n(Bytes::from(vec![b'x'; PIECE]), bytes.div_ceil(PIECE));
            streamed(request.wire, stream::iter(pieces.map(Ok)))
        }
        Step::Redirect(location) => {
            let mut response = status(307, "");
            response.headers_mut().insert("location", location.parse().expect("a header value"));
            response
        }
        Step::Reply(reply) => {
            let mut response = status(reply.status, &reply.body);
            for (name, value) in reply.headers.into_iter().chain([("content-type", reply.content_type)]) {
                response.headers_mut().insert(name, value.parse().expect("a header value"));
            }
            response
        }
        Step::Raw(body) => streamed(request.wire, stream::iter([Ok(Bytes::from(body))])),
    }
}

fn status(code: u16, body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(code).expect("a status");
    response
}

fn streamed(
    wire: Wire,
    pieces: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response {
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert("content-type", wire.content_type().parse().expect("a header value"));
    response
}
