//! The *client* of one site: calls with a time limit, bounded answers, and patience.
//!
//! Redirects are not followed: Jira's interface has none, and one leads to a page to log in, or to somebody else, who
//! would get the token. Every write asks the [`Lease`] first. The token of a service account that is refused is renewed, once for
//! each call.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::otlp::Span;
use tokio::sync::Mutex;

use super::config::{Credentials, Site};
use super::wire::Complaint;
use crate::call::{Call, CallError, Service, measured};
use crate::causes::chain;
use crate::lease::Lease;
use crate::network::Network;
use crate::patience::Patience;

/// Bytes of one answer. A page of 50 comments of 32,767 characters can be 7 MB in UTF-8, and ADF is wordy.
const MAX_ANSWER_BYTES: usize = 24 * 1024 * 1024;
/// The pause for a limit that names none.
const UNNAMED_PAUSE_SECONDS: u64 = 30;
/// Characters of what Jira says about a failure.
const MAX_MESSAGE: usize = 300;

/// See the module's documentation. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    api: String,
    credentials: Credentials,
    /// What calls are sent with.
    authorization: Arc<Mutex<HeaderValue>>,
    lease: Lease,
    patience: Duration,
}

/// What a call does there, and so whether it may be made again when its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    /// Twice is the same as once.
    Sets,
    /// Twice could make two.
    Makes,
}

/// What a client is made of in addition to its site.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    pub network: &'a Network,
    pub lease: &'a Lease,
    pub patience: Duration,
    pub timeout: Duration,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

pub(super) fn call(name: impl Into<String>) -> Call {
    Call::new(Service::Jira, name)
}

impl Client {
    /// Logs in, which for a service account is a call of its own.
    pub(super) async fn open(site: &Site, access: Access<'_>) -> Result<Self, CallError> {
        let http = access
            .network
            .client()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(access.timeout)
            .user_agent(concat!("ai-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| not_set_up(chain(&error)))?;
        let client = Self {
            http,
            api: site.api.as_str().trim_end_matches('/').to_owned(),
            credentials: site.credentials.clone(),
            authorization: Arc::new(Mutex::new(HeaderValue::from_static(""))),
            lease: access.lease.clone(),
            patience: access.patience,
        };
        let authorization = client.log_in().await?;
        *client.authorization.lock().await = authorization;
        Ok(client)
    }

    async fn log_in(&self) -> Result<HeaderValue, CallError> {
        let value = match &self.credentials {
            Credentials::Token { email, token } => {
                format!("Basic {}", STANDARD.encode(format!("{email}:{}", token.expose_secret())))
            }
            Credentials::Client { id, secret, tokens } => {
                let token = self.token(id, secret, tokens).await?;
                format!("Bearer {}", token.expose_secret())
            }
        };
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| not_set_up("the credentials cannot stand in a header".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Gets another token in place of the one that was refused; false where the operator alone can.
    async fn renew(&self, refused: &HeaderValue) -> Result<bool, CallError> {
        if matches!(self.credentials, Credentials::Token { .. }) {
            return Ok(false);
        }
        let mut current = self.authorization.lock().await;
        // Of several calls at once the first renews it for all.
        if *current == *refused {
            *current = self.log_in().await?;
        }
        Ok(true)
    }

    /// A token of the service account; it lives for an hour.
    async fn token(
        &self,
        id: &str,
        secret: &SecretString,
        tokens: &url::Url,
    ) -> Result<SecretString, CallError> {
        let call = call(format!("POST {}", tokens.path()));
        let body = json!({
            "grant_type": "client_credentials", "client_id": id, "client_secret": secret.expose_secret(),
        });
        let mut patience = self.patience();
        loop {
            let request = self.http.post(tokens.clone()).json(&body);
            let span = measured::exchange(&Method::POST, tokens.path(), tokens.as_str(), &call);
            match self.exchange(request, Effect::Reads, &call, span).await {
                Ok(answer) => {
                    let token: Token = decode(&answer, &call)?;
                    return Ok(SecretString::from(token.access_token));
                }
                // What OAuth calls a bad client.
                Err(CallError::Invalid { call, message }) => {
                    return Err(CallError::Unauthorized { call, message });
                }
                Err(error) => patience.before_retry(error).await?,
            }
        }
    }

    /// For one call.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.patience, self.lease.clone())
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, CallError> {
        let answer = self.send(Method::GET, route, None, Effect::Reads).await?;
        decode(&answer, &named(&Method::GET, route))
    }

    /// The same for what need not be there: that it is not is no answer to doubt.
    pub(super) async fn get_once<T: DeserializeOwned>(&self, route: &str) -> Result<T, CallError> {
        let answer = self.exchange_patiently(Method::GET, route, None, Effect::Reads, CallError::is_absence);
        decode(&answer.await?, &named(&Method::GET, route))
    }

    fn request(
        &self,
        method: Method,
        route: &str,
        body: Option<&Value>,
        authorization: &HeaderValue,
    ) -> reqwest::RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{route}", self.api))
            .header(AUTHORIZATION, authorization.clone())
            .header(http::header::ACCEPT, "application/json");
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// A question that is asked with a body.
    pub(super) async fn ask<T: DeserializeOwned>(&self, route: &str, body: &Value) -> Result<T, CallError> {
        let answer = self.send(Method::POST, route, Some(body), Effect::Reads).await?;
        decode(&answer, &named(&Method::POST, route))
    }

    /// Makes something, and only once: a lost answer is [`CallError::Unknown`].
    pub(super) async fn make<T: DeserializeOwned>(&self, route: &str, body: &Value) -> Result<T, CallError> {
        let answer = self.send(Method::POST, route, Some(body), Effect::Makes).await?;
        let call = named(&Method::POST, route);
        // It was carried out, so an answer that cannot be read is an unknown outcome.
        decode(&answer, &call).map_err(|error| CallError::Unknown { call, why: error.to_string() })
    }

    /// Sets something; the answer is not looked at.
    pub(super) async fn set(&self, method: Method, route: &str, body: &Value) -> Result<(), CallError> {
        self.send(method, route, Some(body), Effect::Sets).await.map(drop)
    }

    async fn send(
        &self,
        method: Method,
        route: &str,
        body: Option<&Value>,
        effect: Effect,
    ) -> Result<Vec<u8>, CallError> {
        // Whoever asked for something to be made looks first whether it was made after all.
        let is_final = |_: &CallError| effect == Effect::Makes;
        self.exchange_patiently(method, route, body, effect, is_final).await
    }

    /// Makes a call again that failed for the moment, unless that failure is final.
    async fn exchange_patiently(
        &self,
        method: Method,
        route: &str,
        body: Option<&Value>,
        effect: Effect,
        is_final: impl Fn(&CallError) -> bool,
    ) -> Result<Vec<u8>, CallError> {
        let call = named(&method, route);
        let mut patience = self.patience();
        let mut may_renew = true;
        loop {
            if effect != Effect::Reads {
                self.lease.check().await?;
            }
            let authorization = self.authorization.lock().await.clone();
            let request = self.request(method.clone(), route, body, &authorization);
            let span = measured::exchange(&method, route, &self.api, &call);
            let error = match self.exchange(request, effect, &call, span).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_refused = matches!(error, CallError::Unauthorized { .. });
            if is_refused && std::mem::take(&mut may_renew) && self.renew(&authorization).await? {
                continue;
            }
            if is_final(&error) {
                return Err(error);
            }
            patience.before_retry(error).await?;
        }
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        effect: Effect,
        call: &Call,
        span: Span,
    ) -> Result<Vec<u8>, CallError> {
        let lost = |why: String| effect.lost(call.clone(), why);
        let first_line = |error: &reqwest::Error| chain(error).lines().next().unwrap_or_default().to_owned();
        let sent = span.run(request.send()).await;
        let came = sent.as_ref().map(reqwest::Response::status);
        measured::ended(
            span,
            came.map_err(|error| if error.is_timeout() { "timeout" } else { "connection" }),
        );
        let mut response = sent.map_err(|error| lost(first_line(&error.without_url())))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| lost(first_line(&error.without_url())))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                let why = format!("the answer is longer than {MAX_ANSWER_BYTES} bytes");
                return Err(CallError::Unexpected { call: call.clone(), why });
            }
        }
        let refused = Refused { status, headers: &headers, effect, patience: self.patience, call };
        if !status.is_success() {
            return Err(refused.error(&body));
        }
        let is_bodiless = body.is_empty() && status == StatusCode::NO_CONTENT;
        if !is_bodiless && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
            if is_page(&headers) {
                let why = "a web page instead of JSON: check that `url` or `api` of the site is its address"
                    .to_owned();
                return Err(CallError::Unexpected { call: call.clone(), why });
            }
            return Err(lost("the answer is not whole JSON".to_owned()));
        }
        Ok(body)
    }
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

/// An answer that refuses a call, and what has to be known to say why.
struct Refused<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
    effect: Effect,
    patience: Duration,
    call: &'a Call,
}

impl Refused<'_> {
    fn error(&self, body: &[u8]) -> CallError {
        let call = self.call.clone();
        let written = serde_json::from_slice::<Complaint>(body).ok();
        let has_words = written.is_some();
        let message = written.map(|written| written.text()).filter(|text| !text.is_empty());
        let message = message
            .map_or_else(|| "(no message)".to_owned(), |text| text.chars().take(MAX_MESSAGE).collect());
        let status = self.status.as_u16();
        if let Some(wait_seconds) = self.wait() {
            return CallError::RateLimited { call, wait_seconds };
        }
        match status {
            300..=399 => {
                let target =
                    self.headers.get(LOCATION).and_then(|target| target.to_str().ok()).unwrap_or_default();
                let host = url::Url::parse(target).ok().and_then(|url| url.host_str().map(str::to_owned));
                let host = host.map_or_else(String::new, |host| format!(" to {host}"));
                let why =
                    format!("a redirect{host}, which is not followed: correct `url` or `api` of the site");
                CallError::Unexpected { call, why }
            }
            400 | 422 => CallError::Invalid { call, message },
            401 => CallError::Unauthorized {
                call,
                message: if has_words { message } else { "the token is wrong or expired".to_owned() },
            },
            403 if !has_words && is_page(self.headers) => CallError::Unauthorized {
                call,
                message: "a page to log in; the token may be expired, or Jira asks for a captcha".to_owned(),
            },
            403 => CallError::Forbidden { call, message, needed: None },
            404 => CallError::NotFound { call, message },
            409 => CallError::Conflict { call, message },
            410 => CallError::Gone { call, message },
            413 => CallError::Invalid { call, message: format!("too much for one issue: {message}") },
            408 | 425 | 500..=599 => {
                let page = if is_page(self.headers) { "a page that says so" } else { message.as_str() };
                self.effect.lost(call, format!("{status} {page}"))
            }
            _ => CallError::Unexpected { call, why: format!("{status} {message}") },
        }
    }

    /// Seconds to wait, if a refusal is about a rate, or a site says when it is back
    /// (<https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>).
    fn wait(&self) -> Option<u64> {
        let status = self.status.as_u16();
        let named = self.number(RETRY_AFTER.as_str()).map(|seconds| seconds.max(1));
        match status {
            429 => Some(named.or_else(|| self.reset()).unwrap_or_else(|| self.unnamed_pause())),
            503 if self.effect == Effect::Reads => named,
            403 if self.number("x-ratelimit-remaining") == Some(0) => {
                Some(named.or_else(|| self.reset()).unwrap_or_else(|| self.unnamed_pause()))
            }
            _ => None,
        }
    }

    /// Seconds until a limit is reset: `X-RateLimit-Reset` is a time.
    fn reset(&self) -> Option<u64> {
        let reset = self.headers.get("x-ratelimit-reset")?.to_str().ok()?;
        let at = shared::jira::parse_time(reset)
            .or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M%z", reset).ok())
            .or_else(|| reset.strip_suffix('Z').and_then(|text| format!("{text}:00Z").parse().ok()))?;
        let wait = Timestamp::now().duration_until(at).as_secs();
        Some(u64::try_from(wait).unwrap_or(0).max(1))
    }

    fn unnamed_pause(&self) -> u64 {
        UNNAMED_PAUSE_SECONDS.min(self.patience.as_secs() / 3).max(1)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok()
    }
}

fn not_set_up(why: String) -> CallError {
    CallError::Unexpected { call: call("set up a client"), why }
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/html")
}

fn named(method: &Method, route: &str) -> Call {
    call(format!("{method} {}", route.split('?').next().unwrap_or(route)))
}

fn decode<T: DeserializeOwned>(body: &[u8], call: &Call) -> Result<T, CallError> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| CallError::Unexpected {
        call: call.clone(),
        why: format!("not the JSON that was expected: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, headers: &[(&'static str, &str)], body: &str, effect: Effect) -> String {
        let call = call("GET /x");
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        let patience = Duration::from_mins(3);
        Refused { status, headers: &headers, effect, patience, call: &call }
            .error(body.as_bytes())
            .to_string()
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        const PAGE: &[(&str, &str)] = &[("content-type", "text/html;charset=UTF-8")];
        let words = r#"{"errorMessages":["Issue does not exist."],"errors":{"labels":"Field is required"}}"#;
        for (status, headers, body, expected) in [
            (
                400,
                &[][..],
                words,
                "Jira finds GET /x invalid: Issue does not exist.; labels: Field is required",
            ),
            (401, &[], "", "Jira does not accept the credentials for GET /x: the token is wrong or expired"),
            (403, &[], words, "Jira does not allow GET /x: Issue does not exist.; labels: Field is required"),
            (
                403,
                PAGE,
                "<html>Log in</html>",
                "Jira does not accept the credentials for GET /x: a page to log in; the token may be expired, or Jira asks for a captcha",
            ),
            (404, &[], "{}", "Jira finds nothing for GET /x: (no message)"),
            (
                409,
                &[],
                words,
                "Jira finds GET /x in conflict: Issue does not exist.; labels: Field is required",
            ),
            (410, &[], "{}", "Jira no longer has what GET /x asks for: (no message)"),
            (413, &[], "{}", "Jira finds GET /x invalid: too much for one issue: (no message)"),
            (
                503,
                PAGE,
                "<html>Maintenance</html>",
                "Jira is not available for GET /x: 503 a page that says so",
            ),
            (
                302,
                &[("location", "https://id.atlassian.com/login?x=y")],
                "",
                "Jira answered GET /x with something unexpected: a redirect to id.atlassian.com, which is not followed: correct `url` or `api` of the site",
            ),
            (418, &[], "", "Jira answered GET /x with something unexpected: 418 (no message)"),
        ] {
            assert_eq!(refused(status, headers, body, Effect::Reads), expected);
        }
        let lost = refused(502, &[], "", Effect::Makes);
        assert_eq!(lost, "Jira's answer to GET /x was lost (502 (no message))");
    }

    #[test]
    fn a_limit_is_waited_for_as_long_as_it_says() {
        let soon = Timestamp::now().saturating_add(Duration::from_secs(100)).unwrap();
        let soon = soon.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        for (status, headers, least, most) in [
            (429, &[("retry-after", "7")][..], 7, 7),
            (429, &[("retry-after", "0")], 1, 1),
            (429, &[], 30, 30),
            (429, &[("x-ratelimit-reset", soon.as_str())], 97, 100),
            (429, &[("x-ratelimit-reset", "2019-02-15T19:01Z")], 1, 1),
            (403, &[("x-ratelimit-remaining", "0"), ("retry-after", "9")], 9, 9),
            (503, &[("retry-after", "60")], 60, 60),
        ] {
            let told = refused(status, headers, "", Effect::Reads);
            let seconds = told.strip_prefix("Jira refuses GET /x for now: rate limit, ");
            let seconds =
                seconds.and_then(|text| text.strip_suffix(" s to wait")).unwrap_or_else(|| panic!("{told}"));
            let seconds: u64 = seconds.parse().unwrap();
            assert!((least..=most).contains(&seconds), "{told}");
        }
    }
}
