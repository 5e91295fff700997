//! The one way to a model's server: a POST whose answer is read line by line, within limits of time and size.
//!
//! Both streams that the providers speak, server-sent events and JSON lines, consist of lines, so that one reader bounds
//! both. It looks at each byte once, however long a line grows.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use super::config::{ConfigError, LlmConfig, is_local};
use super::error::{LlmError, Wait};
use super::refusal::Refusal;
use super::{Provider, Turn};

/// As much of an error's body as is read.
const MAX_ERROR_BYTES: u64 = 64 << 10;
/// As much of a server's message as is quoted, in characters.
const MAX_QUOTE: usize = 300;

/// A model's server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) provider: Provider,
    pub(super) base_url: Url,
    key: Option<SecretString>,
    /// The header that carries the key.
    authorisation: HeaderMap,
    client: Client,
    idle: Duration,
    max_bytes: u64,
}

impl Server {
    pub(super) fn key(&self) -> Option<&SecretString> {
        self.key.as_ref()
    }

    /// Whether this is where the host's name leads.
    pub(super) fn is_of(&self, host: &str) -> bool {
        self.base_url.host_str() == Some(host)
    }

    pub(super) fn new(provider: Provider, config: &LlmConfig) -> Result<Self, ConfigError> {
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.timeouts.connect)
            .redirect(redirect::Policy::none());
        if is_local(&config.base_url) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            provider,
            base_url: config.base_url.clone(),
            key: config.api_key.clone(),
            authorisation: authorisation(provider, config.api_key.as_ref())?,
            client: builder.build().map_err(ConfigError::Client)?,
            idle: config.timeouts.idle,
            max_bytes: config.max_response_bytes,
        })
    }

    /// The address of an interface under the base.
    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url.as_str().trim_end_matches('/'))
    }

    /// Posts `body`, and answers with the lines of a successful response; `refused` gives any other its meaning.
    pub(super) async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: &Value,
        turn: &mut Turn<'_>,
        refused: impl FnOnce(Refusal) -> LlmError,
    ) -> Result<Lines<'_>, LlmError> {
        let url = self.url(path);
        let mut request = self.client.post(&url).headers(self.authorisation.clone()).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match timeout(self.idle, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return Err(LlmError::Unreachable { provider: self.provider, url, why: self.cause(&error) });
            }
            Ok(Err(error)) => {
                turn.accept();
                return Err(LlmError::Interrupted { provider: self.provider, why: self.cause(&error) });
            }
            Err(_) => {
                // The server may have worked on the prompt all the while.
                turn.accept();
                return Err(LlmError::Timeout {
                    provider: self.provider,
                    wait: Wait::Answer,
                    limit: self.idle,
                });
            }
        };
        let status = response.status();
        if status.is_success() {
            turn.accept();
            return self.lines(response);
        }
        if status.is_redirection() {
            let location = header(response.headers(), "location").unwrap_or("an unnamed address");
            let location = self.quote(location);
            return Err(LlmError::Redirected { provider: self.provider, url, location });
        }
        let retry_after = retry_after(response.headers());
        let body = self.error_body(response).await;
        Err(self.classify(status, &url, retry_after, &body, refused))
    }

    fn classify(
        &self,
        status: StatusCode,
        url: &str,
        retry_after: Option<Duration>,
        body: &str,
        refused: impl FnOnce(Refusal) -> LlmError,
    ) -> LlmError {
        let (body, message) = match serde_json::from_str(body) {
            Ok(value) => {
                let message = self.message(&value);
                (value, message)
            }
            Err(_) if looks_like_html(body) => (Value::Null, "a web page".to_owned()),
            Err(_) => (Value::Null, self.quote(body)),
        };
        let url = url.to_owned();
        refused(Refusal { provider: self.provider, status: status.as_u16(), body, message, retry_after, url })
    }

    /// The meaning of an error that came as an event of a response that began well.
    pub(super) fn refusal_in_stream(&self, status: u16, body: Value) -> Refusal {
        let message = self.message(&body);
        let url = self.base_url.to_string();
        Refusal { provider: self.provider, status, body, message, retry_after: None, url }
    }

    /// The words of an error object, wherever the server put them.
    fn message(&self, body: &Value) -> String {
        let text = [&body["error"]["message"], &body["error"], &body["message"], &body["detail"]]
            .into_iter()
            .find_map(Value::as_str);
        match text {
            Some(text) => self.quote(text),
            None => self.quote(&body.to_string()),
        }
    }

    /// A server's text on one line, shortened, without what cannot be seen, and without the key.
    pub(super) fn quote(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => text.replace(key.expose_secret(), "[key]"),
            None => text.to_owned(),
        };
        let clean: String = text
            .chars()
            .map(|c| if crate::path::is_hidden(c) { ' ' } else { c })
            .take(MAX_QUOTE + 1)
            .collect();
        let words: Vec<&str> = clean.split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(MAX_QUOTE) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.is_empty() => "no message".to_owned(),
            None => line,
        }
    }

    /// The innermost cause of an error, the one that helps ("Connection refused", "certificate has expired").
    fn cause(&self, error: &reqwest::Error) -> String {
        let mut why: &dyn Error = error;
        while let Some(source) = why.source() {
            why = source;
        }
        self.quote(&why.to_string())
    }

    fn lines(&self, response: Response) -> Result<Lines<'_>, LlmError> {
        let html =
            header(response.headers(), "content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if html {
            return Err(LlmError::Malformed { provider: self.provider, what: "it is a web page".to_owned() });
        }
        Ok(Lines::new(self, response))
    }

    /// The beginning of an error's body; what breaks off or takes too long is left out, since the status says enough.
    async fn error_body(&self, response: Response) -> String {
        let mut lines = Lines::new(self, response);
        while lines.received < MAX_ERROR_BYTES {
            match lines.receive().await {
                Ok(true) => {}
                Ok(false) | Err(_) => break,
            }
        }
        String::from_utf8_lossy(&lines.buffer).into_owned()
    }
}

/// The lines of a response.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    pub(super) server: &'a Server,
    response: Response,
    buffer: Vec<u8>,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    received: u64,
    ended: bool,
}

impl<'a> Lines<'a> {
    fn new(server: &'a Server, response: Response) -> Self {
        Self { server, response, buffer: Vec::new(), searched: 0, received: 0, ended: false }
    }

    /// The next line without its end, or `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<String>, LlmError> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                self.searched = 0;
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return self.text(line).map(Some);
            }
            self.searched = self.buffer.len();
            if self.ended || !self.receive().await? {
                self.ended = true;
                self.searched = 0;
                let line = std::mem::take(&mut self.buffer);
                return if line.is_empty() { Ok(None) } else { self.text(line).map(Some) };
            }
        }
    }

    /// The data of the next server-sent event, or `None` after the last. The other fields of an event repeat what the
    /// providers' data says. (<https://html.spec.whatwg.org/multipage/server-sent-events.html>)
    pub(super) async fn next_event(&mut self) -> Result<Option<String>, LlmError> {
        let mut data: Option<String> = None;
        while let Some(line) = self.next().await? {
            if line.is_empty() {
                if data.is_some() {
                    break;
                }
            } else if let Some(value) = line.strip_prefix("data:") {
                let value = value.strip_prefix(' ').unwrap_or(value);
                match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                }
            } else if !is_event_field(&line) {
                return Err(self.malformed(&line));
            }
        }
        Ok(data)
    }

    /// The error of a line that is not of the protocol.
    pub(super) fn malformed(&self, line: &str) -> LlmError {
        let what = if looks_like_html(line) {
            "it is a web page".to_owned()
        } else {
            format!("it holds `{}`", self.server.quote(line))
        };
        LlmError::Malformed { provider: self.server.provider, what }
    }

    /// The error of a response that ended before the answer did.
    pub(super) fn ended_early(&self) -> LlmError {
        let why = "the connection was closed before its end".to_owned();
        LlmError::Interrupted { provider: self.server.provider, why }
    }

    fn text(&self, line: Vec<u8>) -> Result<String, LlmError> {
        String::from_utf8(line).map_err(|_| LlmError::Malformed {
            provider: self.server.provider,
            what: "it is not UTF-8".to_owned(),
        })
    }

    /// Waits for more bytes; false at the end.
    async fn receive(&mut self) -> Result<bool, LlmError> {
        let provider = self.server.provider;
        let chunk: Option<Bytes> = match timeout(self.server.idle, self.response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => {
                return Err(LlmError::Interrupted { provider, why: self.server.cause(&error) });
            }
            Err(_) => {
                return Err(LlmError::Timeout { provider, wait: Wait::Answer, limit: self.server.idle });
            }
        };
        let Some(chunk) = chunk else { return Ok(false) };
        self.received += chunk.len() as u64;
        if self.received > self.server.max_bytes {
            return Err(LlmError::TooLarge { provider, limit: self.server.max_bytes });
        }
        self.buffer.extend_from_slice(&chunk);
        Ok(true)
    }
}

fn authorisation(provider: Provider, key: Option<&SecretString>) -> Result<HeaderMap, ConfigError> {
    let Some(key) = key else { return Ok(HeaderMap::new()) };
    let (name, text) = match provider {
        Provider::Anthropic => (HeaderName::from_static("x-api-key"), key.expose_secret().to_owned()),
        Provider::Ollama | Provider::OpenAi => (AUTHORIZATION, format!("Bearer {}", key.expose_secret())),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| ConfigError::BadKey { provider })?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(name, value)]))
}

/// Whether a line is a comment or a field other than the data. A line without a colon is a field too by the standard, but
/// none that a provider sends.
fn is_event_field(line: &str) -> bool {
    ["event:", "id:", "retry:", ":"].iter().any(|field| line.starts_with(field))
}

fn looks_like_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| start.starts_with(tag))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reads `retry-after-ms` (OpenAI's), else `retry-after` in seconds or as a date
/// (<https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    if let Some(millis) = header(headers, "retry-after-ms").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let text = header(headers, "retry-after")?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(until.duration_since(jiff::Timestamp::now())).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(key: Option<&str>) -> Server {
        let mut config = LlmConfig::new(Url::parse("http://127.0.0.1:9/v1/").unwrap());
        config.api_key = key.map(SecretString::from);
        Server::new(Provider::OpenAi, &config).unwrap()
    }

    #[test]
    fn quotes_are_short_clean_and_keyless() {
        let server = server(Some("sk-secret"));
        for (text, expect) in [
            ("plain", "plain"),
            ("", "no message"),
            ("a\n\tb\u{1b}[31m\u{202e}c", "a b [31m c"),
            ("Incorrect API key provided: sk-secret.", "Incorrect API key provided: [key]."),
        ] {
            assert_eq!(server.quote(text), expect);
        }
        assert_eq!(server.quote(&"x".repeat(400)), format!("{}…", "x".repeat(300)));
    }

    #[test]
    fn messages_are_found_where_servers_put_them() {
        let server = server(None);
        for (body, expect) in [
            (r#"{"error":{"message":"m","type":"t"}}"#, "m"),
            (r#"{"error":"m"}"#, "m"),
            (r#"{"message":"m"}"#, "m"),
            (r#"{"detail":"m"}"#, "m"),
            (r#"{"other":1}"#, r#"{"other":1}"#),
        ] {
            assert_eq!(server.message(&serde_json::from_str(body).unwrap()), expect);
        }
    }

    #[test]
    fn paths_are_joined_with_one_slash() {
        assert_eq!(server(None).url("chat/completions"), "http://127.0.0.1:9/v1/chat/completions");
    }

    #[test]
    fn pauses_are_read_in_every_form() {
        let read = |pairs: &[(&'static str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                (reqwest::header::HeaderName::from_static(name), value.parse().unwrap())
            });
            retry_after(&headers.collect())
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(
            read(&[("retry-after", "7"), ("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(read(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(read(&[("retry-after", "soon")]), None);
    }
}
