//! A *session* is the requests of one conversation with a remote: they share a deadline, a number of bytes, and the
//! place that the first answer redirected to.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use gix::error::Error as GixError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::runtime::Runtime;
use url::Url;

use super::{Remote, RemoteError, Watch, is_loopback};
use crate::causes::chain;

/// How often the deadline and the caller's flag are looked at while the host is silent.
const TICK: Duration = Duration::from_millis(100);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest silence inside an answer. A git server that is busy with a pack says so every five seconds
/// (`uploadpack.keepAlive` and `receive.keepAlive` in git-config's manual).
const SILENCE_TIMEOUT: Duration = Duration::from_mins(1);
const MAX_REDIRECTS: usize = 5;
/// What everything but a pack may take, in bytes: half a million references are about 40 MB.
const TALK_BYTES: u64 = 64 * 1024 * 1024;
/// How much of a refusal's text is read, in bytes.
const REFUSAL_BYTES: usize = 4096;
/// Some hosts answer only what begins like git.
const USER_AGENT: &str = concat!("git/ai-agent-", env!("CARGO_PKG_VERSION"));

pub(crate) struct Session<'a> {
    remote: &'a Remote,
    watch: &'a Watch<'a>,
    /// The repository's address, after redirects within the host.
    base: RefCell<Url>,
    limit: Cell<u64>,
    received: Cell<u64>,
    failure: RefCell<Option<RemoteError>>,
    client: reqwest::Client,
    driver: Driver,
}

impl<'a> Session<'a> {
    /// Prepares a conversation; nothing is sent yet. Must be called and used outside asynchronous code.
    pub(crate) fn open(remote: &'a Remote, watch: &'a Watch<'a>) -> Result<Rc<Self>, RemoteError> {
        let cannot = |error: &dyn std::error::Error| RemoteError::Client { reason: chain(error) };
        let mut client = remote
            .network
            .client()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            // Followed by hand below, because where they lead decides whether they are.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&remote.url) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| cannot(&error))?;
        let driver = Driver::start().map_err(|error| cannot(&error))?;
        Ok(Rc::new(Self {
            remote,
            watch,
            base: RefCell::new(remote.url.clone()),
            limit: Cell::new(TALK_BYTES),
            received: Cell::new(0),
            failure: RefCell::new(None),
            client,
            driver,
        }))
    }

    /// Where the conversation is held, as first addressed.
    pub(super) fn url(&self) -> &Url {
        &self.remote.url
    }

    /// What all answers so far came to, in bytes.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Sets what all answers together may come to, in bytes.
    pub(crate) fn allow(&self, bytes: u64) {
        self.limit.set(bytes);
    }

    /// Asks for `base/tail`. Redirects are followed within the scheme, host and port, as a renamed repository needs.
    pub(super) fn get(&self, tail: &str, headers: &HeaderMap) -> Result<Response, RemoteError> {
        let mut url = self.address(tail)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(self.client.get(url.clone()).headers(headers.clone()))?;
            if !response.status().is_redirection() {
                return self.accept(response);
            }
            url = self.redirected(&url, &response)?;
            let Some(base) = url.as_str().strip_suffix(tail) else {
                return Err(RemoteError::Protocol {
                    reason: "a redirect that leads away from the repository".to_owned(),
                });
            };
            *self.base.borrow_mut() = parse(base)?;
        }
        Err(RemoteError::Protocol { reason: format!("more than {MAX_REDIRECTS} redirects") })
    }

    /// Sends `body` to `base/tail`, once: an answer that redirects is an error.
    pub(crate) fn post(
        &self,
        tail: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response, RemoteError> {
        let url = self.address(tail)?;
        let response = self.send(self.client.post(url).headers(headers.clone()).body(body))?;
        self.accept(response)
    }

    /// The next piece of an answer; `None` at its end.
    pub(crate) fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, RemoteError> {
        let chunk = self.wait(response.chunk())?;
        if let Some(chunk) = &chunk {
            let received = self.received.get() + chunk.len() as u64;
            self.received.set(received);
            if received > self.limit.get() {
                return Err(RemoteError::TooLarge { limit: self.limit.get() });
            }
        }
        Ok(chunk)
    }

    /// Keeps the reason for which a read is about to fail, while the failure passes through code that knows only
    /// `std::io::Error`.
    pub(super) fn fail(&self, error: RemoteError) -> std::io::Error {
        let shown = std::io::Error::other(error.to_string());
        *self.failure.borrow_mut() = Some(error);
        shown
    }

    /// Says why gix failed: for the reason that was kept, else because the time is up, else because of the answer.
    pub(crate) fn explain(&self, error: &GixError) -> RemoteError {
        if let Some(kept) = self.failure.borrow_mut().take() {
            return kept;
        }
        if let Err(stopped) = self.watch.check() {
            return stopped;
        }
        let reason = self.remote.heard(&chain(error));
        let cut_short = error
            .downcast_any_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof);
        if cut_short { RemoteError::Dropped { reason } } else { RemoteError::Protocol { reason } }
    }

    /// A host's text as an error may repeat it.
    pub(crate) fn heard(&self, text: &str) -> String {
        self.remote.heard(text)
    }

    fn address(&self, tail: &str) -> Result<Url, RemoteError> {
        parse(&format!("{}/{tail}", self.base.borrow().as_str().trim_end_matches('/')))
    }

    fn redirected(&self, from: &Url, response: &Response) -> Result<Url, RemoteError> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let to = location.and_then(|location| from.join(location).ok()).ok_or_else(|| {
            RemoteError::Protocol { reason: "a redirect without a usable address".to_owned() }
        })?;
        // For http and https an origin is the scheme, host and port.
        if to.origin() == self.remote.url.origin() {
            Ok(to)
        } else {
            Err(RemoteError::Redirected { to: self.heard(&to.origin().ascii_serialization()) })
        }
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, RemoteError> {
        let request = match self.remote.authorization() {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        // The client starts its clocks when it is asked to send, so that must happen on the runtime.
        self.wait(async move { request.send().await })
    }

    fn accept(&self, mut response: Response) -> Result<Response, RemoteError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let said = self.refusal(&mut response)?;
        let code = status.as_u16();
        Err(match status {
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::GONE
            | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => RemoteError::NoAccess { status: code, said },
            StatusCode::TOO_MANY_REQUESTS => RemoteError::Busy { status: code, said },
            _ if status.is_server_error() => RemoteError::Busy { status: code, said },
            _ => RemoteError::Protocol { reason: format!("HTTP {code} {said}").trim_end().to_owned() },
        })
    }

    /// What a refusal says in plain text; pages for browsers are left out.
    fn refusal(&self, response: &mut Response) -> Result<String, RemoteError> {
        let is_text = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/plain"));
        let mut text = Vec::new();
        while is_text && text.len() < REFUSAL_BYTES {
            match self.chunk(response) {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                // The refusal counts, however its explanation ended.
                Ok(None) | Err(RemoteError::Dropped { .. } | RemoteError::TooLarge { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.heard(&String::from_utf8_lossy(&text)))
    }

    /// Runs the client until `future` is done, the deadline has passed or the caller has set its flag.
    fn wait<T>(&self, future: impl Future<Output = reqwest::Result<T>>) -> Result<T, RemoteError> {
        self.driver.run(async {
            let mut future = pin!(future);
            loop {
                self.watch.check()?;
                match tokio::time::timeout(TICK, &mut future).await {
                    Ok(Ok(done)) => return Ok(done),
                    Ok(Err(error)) => return Err(broken(error)),
                    Err(_still_silent) => {}
                }
            }
        })
    }
}

/// Runs the client on the calling thread.
struct Driver(Option<Runtime>);

impl Driver {
    fn start() -> std::io::Result<Self> {
        Ok(Self(Some(tokio::runtime::Builder::new_current_thread().enable_all().build()?)))
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("it is there until it is dropped").block_on(future)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Looking a host's name up cannot be interrupted. Without this the caller would wait for it past the deadline.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn broken(error: reqwest::Error) -> RemoteError {
    let unsent = error.is_connect() || error.is_builder();
    let reason = chain(&error.without_url());
    if unsent { RemoteError::Unreachable { reason } } else { RemoteError::Dropped { reason } }
}

fn parse(address: &str) -> Result<Url, RemoteError> {
    Url::parse(address).map_err(|error| RemoteError::Protocol { reason: error.to_string() })
}
