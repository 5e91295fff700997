//! The *lines* of a response, read one by one within limits of time and size.
//!
//! Both streams that the providers speak, server-sent events and JSON lines, consist of lines, so that one reader bounds
//! both. It looks at each byte once, however long a line grows.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::{LlmError, Wait};
use super::words::Words;

/// What servers send to keep a connection open, as the name of an event or as its data.
const PINGS: [&str; 5] = ["ping", "keepalive", "keep-alive", "keep_alive", "heartbeat"];

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    words: &'a Words,
    response: Response,
    /// The longest silence.
    idle: Duration,
    /// Of the whole response, in bytes.
    limit: u64,
    buffer: Vec<u8>,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    received: u64,
    ended: bool,
    /// Whether something was handed out, and whether more was asked for since, so that it was good.
    handed_out: bool,
    began: bool,
}

/// A server-sent event.
#[derive(Debug)]
pub(super) struct Event {
    /// Empty where the server gives none.
    pub(super) name: String,
    pub(super) data: Value,
}

impl<'a> Lines<'a> {
    pub(super) fn new(words: &'a Words, response: Response, idle: Duration, limit: u64) -> Self {
        Self {
            words,
            response,
            idle,
            limit,
            buffer: Vec::new(),
            searched: 0,
            received: 0,
            ended: false,
            handed_out: false,
            began: false,
        }
    }

    /// The next line without its end, or `None` after the last.
    async fn next(&mut self) -> Result<Option<String>, LlmError> {
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

    /// The next value of a stream of JSON lines, or `None` after the last. A value may also be the whole body, over several
    /// lines.
    pub(super) async fn next_value(&mut self) -> Result<Option<Value>, LlmError> {
        self.began = self.handed_out;
        while let Some(line) = self.next().await? {
            if line.trim().is_empty() {
                continue;
            }
            if let Ok(value) = serde_json::from_str(&line) {
                self.handed_out = true;
                return Ok(Some(value));
            }
            return self.whole(&line).await.map(Some);
        }
        Ok(None)
    }

    /// The next server-sent event, or `None` after the last. Events without data, and those that keep the connection open,
    /// are left out (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). A body that is one JSON value is
    /// one event.
    pub(super) async fn next_event(&mut self) -> Result<Option<Event>, LlmError> {
        self.began = self.handed_out;
        loop {
            let Some((name, data)) = self.next_block().await? else { return Ok(None) };
            let is_ping = |text: &str| {
                PINGS.contains(&text.trim_matches(['[', ']', ' ', '"']).to_ascii_lowercase().as_str())
            };
            if data.trim().is_empty() || is_ping(&name) || is_ping(&data) {
                continue;
            }
            if data.trim() == "[DONE]" {
                return Ok(None);
            }
            let data = match serde_json::from_str(&data) {
                Ok(data) => data,
                // Some gateways write the words alone.
                Err(_) if name == "error" => json!({ "error": { "message": data } }),
                Err(_) => return Err(self.malformed(&data)),
            };
            self.handed_out = true;
            return Ok(Some(Event { name, data }));
        }
    }

    /// Name and data of the next block of fields.
    async fn next_block(&mut self) -> Result<Option<(String, String)>, LlmError> {
        let mut name = String::new();
        let mut data: Option<String> = None;
        while let Some(line) = self.next().await? {
            let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
            if line.is_empty() {
                if data.is_some() {
                    break;
                }
                name.clear();
            } else if let Some(value) = line.strip_prefix("data:") {
                let value = value.strip_prefix(' ').unwrap_or(value);
                match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                }
            } else if let Some(value) = line.strip_prefix("event:") {
                value.trim().clone_into(&mut name);
            } else if !is_event_field(line) {
                return self.whole(line).await.map(|value| Some((name, value.to_string())));
            }
        }
        Ok(data.map(|data| (name, data)))
    }

    /// The body as one JSON value, if nothing came before and that is what it is.
    async fn whole(&mut self, first: &str) -> Result<Value, LlmError> {
        if self.began || !first.trim_start().starts_with(['{', '[']) {
            return Err(self.malformed(first));
        }
        let mut body = first.to_owned();
        while let Some(line) = self.next().await? {
            body.push('\n');
            body.push_str(&line);
        }
        serde_json::from_str(&body).map_err(|_| self.malformed(first))
    }

    /// The error of what is not of the protocol. After a good beginning it was damaged on its way, and may come whole next
    /// time.
    pub(super) fn malformed(&self, line: &str) -> LlmError {
        let provider = self.words.provider;
        let what = if looks_like_html(line) {
            "it is a web page".to_owned()
        } else {
            format!("it holds `{}`", self.words.quote(line))
        };
        if self.began {
            return LlmError::Interrupted {
                provider,
                why: format!("it goes on with what cannot be read: {what}"),
            };
        }
        LlmError::Malformed { provider, what }
    }

    /// The error of a response that ended before the answer did.
    pub(super) fn ended_early(&self) -> LlmError {
        let why = "the connection was closed before its end".to_owned();
        LlmError::Interrupted { provider: self.words.provider, why }
    }

    /// As much of a body as has come when it ends, breaks off, or is longer than `most`.
    pub(super) async fn beginning(mut self, most: u64) -> String {
        while self.received < most {
            match self.receive().await {
                Ok(true) => {}
                Ok(false) | Err(_) => break,
            }
        }
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    fn text(&self, line: Vec<u8>) -> Result<String, LlmError> {
        String::from_utf8(line).map_err(|error| {
            if self.began {
                return self.malformed(&String::from_utf8_lossy(error.as_bytes()));
            }
            LlmError::Malformed { provider: self.words.provider, what: "it is not UTF-8".to_owned() }
        })
    }

    /// Waits for more bytes; false at the end.
    async fn receive(&mut self) -> Result<bool, LlmError> {
        let provider = self.words.provider;
        let chunk: Option<Bytes> = match timeout(self.idle, self.response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => {
                return Err(LlmError::Interrupted { provider, why: self.words.cause(&error) });
            }
            Err(_) => {
                return Err(LlmError::Timeout { provider, wait: Wait::Answer, limit: self.idle });
            }
        };
        let Some(chunk) = chunk else { return Ok(false) };
        self.received += chunk.len() as u64;
        if self.received > self.limit {
            return Err(LlmError::TooLarge { provider, limit: self.limit });
        }
        self.buffer.extend_from_slice(&chunk);
        Ok(true)
    }
}

/// Whether a line is a comment or a field other than name and data. A line without a colon is a field too by the
/// standard, but none that a provider sends.
fn is_event_field(line: &str) -> bool {
    ["id:", "retry:", ":"].iter().any(|field| line.starts_with(field))
}

pub(super) fn looks_like_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| start.starts_with(tag))
}
