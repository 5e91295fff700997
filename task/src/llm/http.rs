//! The one way to a model's server: a POST whose answer is read line by line, within limits of time and size.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use super::access::Access;
use super::config::{ConfigError, LlmConfig, is_local};
use super::error::{LlmError, Wait};
use super::lines::{Lines, looks_like_html};
use super::provider::Provider;
use super::refusal::{self, Refusal};
use super::turn::Turn;
use super::words::Words;

/// As much of an error's body as is read.
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// A model's server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) provider: Provider,
    pub(super) base_url: Url,
    words: Words,
    client: Client,
    idle: Duration,
    /// For a whole answer.
    total: Duration,
    max_bytes: u64,
}

impl Server {
    pub(super) fn key(&self) -> Option<&SecretString> {
        self.words.access.key()
    }

    /// Whether this is where the host's name leads.
    pub(super) fn is_of(&self, host: &str) -> bool {
        self.base_url.host_str() == Some(host)
    }

    pub(super) fn new(provider: Provider, config: &LlmConfig) -> Result<Self, ConfigError> {
        let mut builder = config
            .network
            .client()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.timeouts.connect)
            .redirect(redirect::Policy::none());
        if is_local(&config.base_url) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            provider,
            base_url: config.base_url.clone(),
            words: Words { provider, access: Access::new(provider, config)? },
            client: builder.build().map_err(ConfigError::Client)?,
            idle: config.timeouts.idle,
            total: config.timeouts.total,
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
        // An answer that comes in one piece is silent until its end.
        let idle = if body["stream"] == false { self.total } else { self.idle };
        let mut request = self.client.post(&url).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // The operator's last: they replace those of the same name.
        request = request.headers(self.words.access.headers()?);
        let response = match timeout(idle, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return Err(LlmError::Unreachable {
                    provider: self.provider,
                    url,
                    why: self.words.cause(&error),
                });
            }
            Ok(Err(error)) => {
                turn.accept();
                return Err(LlmError::Interrupted { provider: self.provider, why: self.words.cause(&error) });
            }
            Err(_) => {
                // The server may have worked on the prompt all the while.
                turn.accept();
                return Err(LlmError::Timeout { provider: self.provider, wait: Wait::Answer, limit: idle });
            }
        };
        let status = response.status();
        if status.is_success() {
            turn.accept();
            return self.lines(response, idle);
        }
        if status.is_redirection() {
            let location = header(response.headers(), "location").unwrap_or("an unnamed address");
            let location = self.quote(location);
            return Err(LlmError::Redirected { provider: self.provider, url, location });
        }
        let headers = response.headers().clone();
        // Whatever the operator allows for an answer; an error is not waited for that long.
        let lines = Lines::new(&self.words, response, self.idle, self.max_bytes);
        let body = lines.beginning(MAX_ERROR_BYTES).await;
        Err(refused(self.refusal(status, url, &headers, &body)))
    }

    fn refusal(&self, status: StatusCode, url: String, headers: &HeaderMap, body: &str) -> Refusal {
        let (body, message) = match serde_json::from_str(body) {
            Ok(value) => {
                let value = refusal::error_in(&value).unwrap_or(value);
                let message = self.message(&value);
                (value, message)
            }
            Err(_) if looks_like_html(body) => (Value::Null, "a web page".to_owned()),
            Err(_) => (Value::Null, self.quote(body)),
        };
        Refusal {
            provider: self.provider,
            status: Some(status.as_u16()),
            body,
            message,
            retry_after: retry_after(headers),
            should_retry: header(headers, "x-should-retry").and_then(|text| text.parse().ok()),
            url,
        }
    }

    /// The error that an event is, or the body of a response that claims success.
    pub(super) fn refusal_in(&self, event: &Value) -> Option<Refusal> {
        let body = refusal::error_in(event)?;
        Some(Refusal {
            provider: self.provider,
            status: refusal::status_in(&body),
            message: self.message(&body),
            body,
            retry_after: None,
            should_retry: None,
            url: self.base_url.to_string(),
        })
    }

    /// The words of an error object, wherever the server put them.
    fn message(&self, body: &Value) -> String {
        let words = words_of(&body["error"]).or_else(|| words_of(body));
        self.quote(&words.unwrap_or_else(|| body.to_string()))
    }

    /// See [`Words::quote`].
    pub(super) fn quote(&self, text: &str) -> String {
        self.words.quote(text)
    }

    fn lines(&self, response: Response, idle: Duration) -> Result<Lines<'_>, LlmError> {
        let html =
            header(response.headers(), "content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if html {
            return Err(LlmError::Malformed { provider: self.provider, what: "it is a web page".to_owned() });
        }
        Ok(Lines::new(&self.words, response, idle, self.max_bytes))
    }
}

/// The words of an error: a text; an object with a message or a detail; the list of places that `FastAPI` writes, with what is wrong there.
/// What a gateway repeats of the server behind it (`metadata.raw`) comes after its own.
fn words_of(error: &Value) -> Option<String> {
    match error {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(items) => {
            let words: Vec<String> = items.iter().filter_map(words_of).collect();
            (!words.is_empty()).then(|| words.join("; "))
        }
        Value::Object(fields) => {
            let own = ["message", "msg", "detail", "errors"]
                .iter()
                .find_map(|field| words_of(fields.get(*field)?))?;
            let place = fields.get("loc").and_then(Value::as_array).map(|steps| {
                let steps =
                    steps.iter().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
                steps.collect::<Vec<_>>().join(".")
            });
            let behind = fields.get("metadata").and_then(|metadata| metadata["raw"].as_str());
            Some(match (place, behind) {
                (Some(place), _) => format!("{place}: {own}"),
                (None, Some(behind)) => format!("{own}: {behind}"),
                (None, None) => own,
            })
        }
        _ => None,
    }
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
    fn messages_are_found_where_servers_put_them() {
        let server = server(None);
        for (body, expect) in [
            (r#"{"error":{"message":"m","type":"t"}}"#, "m"),
            (r#"{"error":"m"}"#, "m"),
            (r#"{"message":"m"}"#, "m"),
            (r#"{"detail":"m"}"#, "m"),
            (r#"{"detail":[{"loc":["body","n"],"msg":"m","input":{}},{"msg":"k"}]}"#, "body.n: m; k"),
            (r#"{"object":"error","message":{"detail":"m"}}"#, "m"),
            (
                r#"{"error":{"message":"Provider returned error","metadata":{"raw":"m"}}}"#,
                "Provider returned error: m",
            ),
            (r#"{"error":{"code":7}}"#, r#"{"error":{"code":7}}"#),
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
