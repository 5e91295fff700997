//! Lends a session to gix: its smart-HTTP transport, with every request sent by us.
//!
//! gix reads and writes by `std::io`. What it posts is collected until it is dropped, and sent when the answer is first
//! read, with its length: requests for a pack are a few hundred bytes.

use std::cell::RefCell;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::rc::Rc;

use bytes::Bytes;
use gix::error::{Error as GixError, Result as GixResult};
use gix::protocol::Handshake;
use gix::protocol::transport::client::blocking_io::http::{
    GetResponse, Http, PostBodyDataKind, PostResponse, Transport,
};
use gix::protocol::transport::{Protocol, Service};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{RemoteError, Session};

/// The transport of one service of the remote, and what the remote said about itself.
pub(crate) struct Connection<'a> {
    pub(crate) transport: Transport<Wire<'a>>,
    pub(crate) handshake: Handshake,
}

/// Greets a service. Fetching is offered version 2 of the protocol, pushing has no newer one than the first.
pub(crate) fn connect<'a>(
    session: &Rc<Session<'a>>,
    service: Service,
) -> Result<Connection<'a>, RemoteError> {
    let url = gix::url::parse(session.url().as_str()).map_err(|error| session.explain(&error))?;
    let version = match service {
        Service::UploadPack => Protocol::V2,
        Service::ReceivePack => Protocol::V1,
    };
    let mut transport = Transport::new_http(Wire(Rc::clone(session)), url, version, false);
    let handshake = gix::protocol::handshake(
        &mut transport,
        service,
        |_| Ok(None),
        Vec::new(),
        &mut gix::progress::Discard,
    )
    .map_err(|error| session.explain(&error))?;
    Ok(Connection { transport, handshake })
}

/// A session as gix wants to use it.
pub(crate) struct Wire<'a>(Rc<Session<'a>>);

impl<'a> Http for Wire<'a> {
    type Headers = Head<'a>;
    type ResponseBody = Body<'a>;
    type PostBody = Outgoing<'a>;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> GixResult<GetResponse<Self::Headers, Self::ResponseBody>> {
        let response = self
            .0
            .get(tail(url, base_url)?, &header_map(headers)?)
            .map_err(|error| GixError::from_error(self.0.fail(error)))?;
        let exchange = Exchange::new(&self.0, Stage::Reading(response));
        Ok(GetResponse { headers: Head::of(&exchange), body: Body::of(&exchange) })
    }

    fn post(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> GixResult<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        let tail = tail(url, base_url)?.to_owned();
        let stage = Stage::Writing { tail, headers: header_map(headers)?, body: Vec::new() };
        let exchange = Exchange::new(&self.0, stage);
        Ok(PostResponse {
            post_body: Outgoing(Rc::clone(&exchange)),
            headers: Head::of(&exchange),
            body: Body::of(&exchange),
        })
    }

    fn configure(&mut self, _config: &dyn std::any::Any) -> GixResult {
        Ok(())
    }
}

/// What follows the repository's address; the session knows that address itself, also after a redirect.
fn tail<'u>(url: &'u str, base_url: &str) -> GixResult<&'u str> {
    url.strip_prefix(base_url)
        .map(|tail| tail.trim_start_matches('/'))
        .ok_or_else(|| GixError::from_error(io::Error::other("a request outside the repository")))
}

/// The headers that belong to the protocol. Who we are is for the session to say.
fn header_map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> GixResult<HeaderMap> {
    let mut map = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = line.as_ref().split_once(':') else { continue };
        if name.eq_ignore_ascii_case("user-agent") {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(GixError::from_error)?;
        map.insert(name, HeaderValue::from_str(value.trim()).map_err(GixError::from_error)?);
    }
    Ok(map)
}

/// One request and its answer.
struct Exchange<'a> {
    session: Rc<Session<'a>>,
    stage: Stage,
}

enum Stage {
    Writing { tail: String, headers: HeaderMap, body: Vec<u8> },
    Reading(Response),
    Ended,
}

impl<'a> Exchange<'a> {
    fn new(session: &Rc<Session<'a>>, stage: Stage) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { session: Rc::clone(session), stage }))
    }

    /// Sends what was written, if it has not been.
    fn send(&mut self) -> io::Result<()> {
        if !matches!(self.stage, Stage::Writing { .. }) {
            return Ok(());
        }
        if let Stage::Writing { tail, headers, body } = std::mem::replace(&mut self.stage, Stage::Ended) {
            let response =
                self.session.post(&tail, &headers, body).map_err(|error| self.session.fail(error))?;
            self.stage = Stage::Reading(response);
        }
        Ok(())
    }

    /// The only header that gix looks at: it tells a git server from a web page.
    fn content_type(&mut self) -> io::Result<Vec<u8>> {
        self.send()?;
        let mut line = b"content-type: ".to_vec();
        if let Stage::Reading(response) = &self.stage
            && let Some(value) = response.headers().get(CONTENT_TYPE)
        {
            line.extend_from_slice(value.as_bytes());
        }
        line.push(b'\n');
        Ok(line)
    }

    /// The next piece of the answer; empty at its end.
    fn next(&mut self) -> io::Result<Bytes> {
        self.send()?;
        let Stage::Reading(response) = &mut self.stage else { return Ok(Bytes::new()) };
        let chunk = self.session.chunk(response).map_err(|error| self.session.fail(error))?;
        if chunk.is_none() {
            self.stage = Stage::Ended;
        }
        Ok(chunk.unwrap_or_default())
    }
}

pub(crate) struct Outgoing<'a>(Rc<RefCell<Exchange<'a>>>);

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0.borrow_mut().stage {
            Stage::Writing { body, .. } => body.write(bytes),
            Stage::Reading(_) | Stage::Ended => Err(io::Error::other("the request has been sent already")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) struct Head<'a> {
    exchange: Rc<RefCell<Exchange<'a>>>,
    text: Option<Cursor<Vec<u8>>>,
}

impl<'a> Head<'a> {
    fn of(exchange: &Rc<RefCell<Exchange<'a>>>) -> Self {
        Self { exchange: Rc::clone(exchange), text: None }
    }

    fn text(&mut self) -> io::Result<&mut Cursor<Vec<u8>>> {
        let text = match self.text.take() {
            Some(text) => text,
            None => Cursor::new(self.exchange.borrow_mut().content_type()?),
        };
        Ok(self.text.insert(text))
    }
}

impl Read for Head<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text()?.read(buffer)
    }
}

impl BufRead for Head<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.text()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(text) = &mut self.text {
            text.consume(amount);
        }
    }
}

pub(crate) struct Body<'a> {
    exchange: Rc<RefCell<Exchange<'a>>>,
    chunk: Bytes,
}

impl<'a> Body<'a> {
    fn of(exchange: &Rc<RefCell<Exchange<'a>>>) -> Self {
        Self { exchange: Rc::clone(exchange), chunk: Bytes::new() }
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let taken = ready.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&ready[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl BufRead for Body<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.is_empty() {
            self.chunk = self.exchange.borrow_mut().next()?;
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        // Dropping the front of `Bytes` moves no data.
        drop(self.chunk.split_to(amount));
    }
}
