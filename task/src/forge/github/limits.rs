//! What GitHub's statuses and headers ask of a client: how long to wait, where to go on, what was refused and why.
//!
//! The rules are those of <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>: `retry-after`
//! first, else the reset time of an exhausted limit, else a minute.

use std::sync::Once;
use std::time::Duration;

use http::HeaderMap;
use http::response::Parts;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Effect;
use crate::call::{Call, CallError};
use crate::clock;

/// Waited for a secondary limit that names no time.
const SECONDARY_PAUSE_SECONDS: u64 = 60;
/// Local and remote clock differ by less where all is well: GitHub's answers have whole seconds, and take some.
const CLOCK_MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// Characters of GitHub's message that are kept.
const MAX_MESSAGE_CHARS: usize = 500;

/// The body of an error (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>).
#[derive(Deserialize)]
struct ErrorBody {
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

/// The `next` of a `Link` header, as a route of the interface.
pub(super) fn next_page(headers: &HeaderMap, api: &str, call: &Call) -> Result<Option<String>, CallError> {
    let links = headers.get(http::header::LINK).and_then(|links| links.to_str().ok()).unwrap_or_default();
    let next = links.split(',').find_map(|link| {
        let (target, parameters) = link.split_once(';')?;
        let is_next = parameters.split(';').any(|parameter| parameter.trim() == "rel=\"next\"");
        let target = target.trim().strip_prefix('<')?.strip_suffix('>')?;
        is_next.then_some(target)
    });
    next.map(|target| route(target, api, call)).transpose()
}

/// Where a redirect of a read leads, as a route of the interface. Another host than the API's could answer anything,
/// so that is refused, although the token would not be sent there.
pub(super) fn redirect(headers: &HeaderMap, api: &str, call: &Call) -> Result<String, CallError> {
    let target = headers.get(http::header::LOCATION).and_then(|location| location.to_str().ok());
    route(target.unwrap_or_default(), api, call)
}

/// An address of the interface without the interface's own: to a whole address octocrab sends no token.
fn route(target: &str, api: &str, call: &Call) -> Result<String, CallError> {
    let route = target.strip_prefix(api).unwrap_or(target);
    if route.starts_with('/') && !route.starts_with("//") {
        return Ok(route.to_owned());
    }
    Err(CallError::Unexpected {
        call: call.clone(),
        why: "a way that leads away from its interface, which is not followed".to_owned(),
    })
}

/// An answer that refuses a call, and what has to be known to say why.
pub(super) struct Refused<'a> {
    pub(super) head: &'a Parts,
    pub(super) effect: Effect,
    /// The longest that a call may be held up.
    pub(super) patience: Duration,
    pub(super) call: &'a Call,
}

impl Refused<'_> {
    /// The error that a status other than 2xx and 3xx stands for.
    pub(super) fn of_status(&self, body: &[u8]) -> CallError {
        let call = self.call.clone();
        let written = serde_json::from_slice::<ErrorBody>(body).ok();
        let has_words = written.is_some();
        let message = message(written);
        let status = self.head.status.as_u16();
        let limited = matches!(status, 403 | 429).then(|| self.rate_limit(&message)).flatten();
        if let Some(wait_seconds) = limited {
            return CallError::RateLimited { call, wait_seconds };
        }
        match status {
            404 | 422 if is_not_yet(&message) => CallError::NotYet { call, message },
            401 => CallError::Unauthorized { call, message },
            // What stands in between answers with a page, GitHub with words.
            403 if !has_words => CallError::Unavailable { call, why: format!("{status} {message}") },
            403 if message.contains("is locked") => CallError::Locked { call, message },
            403 | 451 => CallError::Forbidden { call, message, needed: self.needed() },
            429 => CallError::RateLimited { call, wait_seconds: self.unnamed_pause() },
            404 => CallError::NotFound { call, message },
            409 => CallError::Conflict { call, message },
            410 => CallError::Gone { call, message },
            422 => CallError::Invalid { call, message },
            // A write that ended in a server error may have been carried out.
            408 | 425 | 500..=599 => self.effect.lost(call, format!("{status} {message}")),
            _ => CallError::Unexpected { call, why: format!("{status} {message}") },
        }
    }

    /// Seconds to wait, if a refusal is about a rate.
    fn rate_limit(&self, message: &str) -> Option<u64> {
        if let Some(seconds) = self.number("retry-after") {
            return Some(seconds.max(1));
        }
        if let Some(seconds) = self.reset() {
            return Some(seconds);
        }
        let words = ["rate limit", "abuse detection", "wait a few minutes"];
        let message = message.to_ascii_lowercase();
        words.iter().any(|words| message.contains(words)).then(|| self.unnamed_pause())
    }

    /// Seconds to wait for an answer that says that a rate is exceeded, and perhaps for how long.
    pub(super) fn pause(&self) -> u64 {
        self.number("retry-after").or_else(|| self.reset()).unwrap_or_else(|| self.unnamed_pause()).max(1)
    }

    /// Seconds until a limit that is exhausted is reset.
    fn reset(&self) -> Option<u64> {
        if self.number("x-ratelimit-remaining") != Some(0) {
            return None;
        }
        let reset = self.number("x-ratelimit-reset")?;
        Some(reset.saturating_sub(server_now(&self.head.headers)?).max(1))
    }

    /// A minute is what GitHub asks for where it names no time; who has less patience than three gives up sooner.
    fn unnamed_pause(&self) -> u64 {
        SECONDARY_PAUSE_SECONDS.min(self.patience.as_secs() / 3).max(1)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// What GitHub asks for, of the App or of the token.
    pub(super) fn needed(&self) -> Option<String> {
        // `required; url=https://github.com/orgs/ORG/sso?authorization_request=…`
        let sso = self.text("x-github-sso").and_then(|text| text.split_once("url="));
        if let Some((_, url)) = sso {
            return Some(format!("authorization of the token for single sign-on, at {}", url.trim()));
        }
        self.text("x-accepted-github-permissions").map(str::to_owned)
    }
}

/// GitHub's words for what it was told a moment ago and does not see everywhere yet. For each of them somebody's program
/// ended although all was well a moment later.
pub(super) fn is_not_yet(message: &str) -> bool {
    let words = [
        // Of a pull request that was just opened (peter-evans/create-pull-request#4321).
        "Could not resolve to a node",
        // Of a branch that was just made or moved (nix-community/nixpkgs-update#363, tanium/octobot#419).
        "PullRequest head invalid",
        "No commits between",
        "Object does not exist",
        "was submitted too quickly",
    ];
    words.iter().any(|words| message.contains(words))
}

/// Whether this machine's clock is off by more than an exchange takes; `theirs` is the time at GitHub.
pub(super) fn is_off(theirs: Timestamp) -> bool {
    Timestamp::now().duration_since(theirs).abs() > CLOCK_MARGIN
}

/// Sets the clock of the run right where that of the machine is off, and says so once for a process.
pub(super) fn tell_skew(headers: &HeaderMap) {
    static TOLD: Once = Once::new();
    let Some(theirs) = date(headers) else { return };
    if is_off(theirs) {
        let off = Timestamp::now().duration_since(theirs);
        clock::is_behind_by(-off);
        TOLD.call_once(|| {
            tracing::warn!(seconds = off.as_secs(), "the clock of this machine is off from GitHub's: set it");
        });
    }
}

fn message(body: Option<ErrorBody>) -> String {
    let text = match body {
        Some(error) => {
            let details: Vec<String> =
                error.errors.iter().map(detail).filter(|text| !text.is_empty()).collect();
            if details.is_empty() {
                error.message
            } else {
                format!("{}: {}", error.message, details.join("; "))
            }
        }
        None => "(no message)".to_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect()
}

/// One entry of `errors`: a text, or an object with a message or with resource, field and code.
fn detail(error: &serde_json::Value) -> String {
    let field = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
    if let Some(text) = error.as_str().or_else(|| field("message")) {
        return text.to_owned();
    }
    [field("resource"), field("field"), field("code")].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The server's own clock, so that a skewed local one does no harm. Seconds since the Unix epoch.
fn server_now(headers: &HeaderMap) -> Option<u64> {
    let now = date(headers).unwrap_or_else(Timestamp::now);
    u64::try_from(now.as_second()).ok()
}

/// When an answer was given, by the server's clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;

    fn head(status: u16, headers: &[(&'static str, &str)]) -> Parts {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap().into_parts().0
    }

    const PATIENCE: Duration = Duration::from_mins(3);

    fn classify(head: &Parts, body: &[u8], effect: Effect) -> CallError {
        Refused { head, effect, patience: PATIENCE, call: &call("POST /x") }.of_status(body)
    }

    #[test]
    fn waits_as_long_as_github_asks() {
        let date = ("date", "Sat, 21 Nov 2026 09:00:00 GMT");
        let abuse = "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.";
        for (status, headers, message, expected) in [
            (403, vec![("retry-after", "7")], "x", Some(7)),
            (
                403,
                vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795251690"), date],
                "x",
                Some(90),
            ),
            (403, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1"), date], "x", Some(1)),
            (
                403,
                vec![("x-ratelimit-remaining", "12")],
                "You have exceeded a secondary rate limit.",
                Some(60),
            ),
            (403, vec![], abuse, Some(60)),
            (429, vec![], "slow down", Some(60)),
            (403, vec![("x-ratelimit-remaining", "12")], "Resource not accessible by integration", None),
        ] {
            let body = serde_json::json!({ "message": message }).to_string();
            let error = classify(&head(status, &headers), body.as_bytes(), Effect::Makes);
            let waits = match error {
                CallError::RateLimited { wait_seconds, .. } => Some(wait_seconds),
                _ => None,
            };
            assert_eq!(waits, expected, "{status} {headers:?} {message}");
        }
    }

    #[test]
    fn tells_what_was_refused() {
        let call = || call("POST /x");
        let text = str::to_owned;
        let forbidden = |message: &str, needed: Option<&str>| CallError::Forbidden {
            call: call(),
            message: text(message),
            needed: needed.map(text),
        };
        let integration = br#"{"message":"Resource not accessible by integration"}"#;
        let sso = "required; url=https://github.com/orgs/o/sso?authorization_request=A1";
        let html = b"<html>bad gateway</html>";
        let no_words = || text("502 (no message)");
        for (status, headers, body, effect, expected) in [
            (
                422,
                vec![],
                &br#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for o:b."}]}"#[..],
                Effect::Makes,
                CallError::Invalid {
                    call: call(),
                    message: text("Validation Failed: A pull request already exists for o:b."),
                },
            ),
            (
                422,
                vec![],
                br#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"head","code":"invalid"}]}"#,
                Effect::Makes,
                CallError::NotYet {
                    call: call(),
                    message: text("Validation Failed: PullRequest head invalid"),
                },
            ),
            (
                403,
                vec![("x-accepted-github-permissions", "pull_requests=write")],
                integration,
                Effect::Makes,
                forbidden("Resource not accessible by integration", Some("pull_requests=write")),
            ),
            (
                403,
                vec![("x-github-sso", sso)],
                br#"{"message":"Resource protected by organization SAML enforcement."}"#,
                Effect::Reads,
                forbidden(
                    "Resource protected by organization SAML enforcement.",
                    Some(
                        "authorization of the token for single sign-on, at https://github.com/orgs/o/sso?authorization_request=A1",
                    ),
                ),
            ),
            (
                403,
                vec![],
                br#"{"message":"Unable to create comment because issue is locked."}"#,
                Effect::Makes,
                CallError::Locked {
                    call: call(),
                    message: text("Unable to create comment because issue is locked."),
                },
            ),
            (
                403,
                vec![],
                html,
                Effect::Makes,
                CallError::Unavailable { call: call(), why: text("403 (no message)") },
            ),
            (502, vec![], html, Effect::Makes, CallError::Unknown { call: call(), why: no_words() }),
            (502, vec![], html, Effect::Reads, CallError::Unavailable { call: call(), why: no_words() }),
            (451, vec![], br#"{"message":"Blocked"}"#, Effect::Reads, forbidden("Blocked", None)),
        ] {
            assert_eq!(classify(&head(status, &headers), body, effect), expected);
        }
    }

    #[test]
    fn follows_redirects_within_the_interface_only() {
        let to = |location: &str| {
            redirect(&head(301, &[("location", location)]).headers, "https://api.github.com", &call("GET /x"))
                .ok()
        };
        for good in ["/repositories/1", "https://api.github.com/repositories/1"] {
            assert_eq!(to(good).as_deref(), Some("/repositories/1"));
        }
        for bad in ["//evil.example/x", "https://evil.example/x", "https://api.github.com.evil.example/", "x"]
        {
            assert_eq!(to(bad), None, "{bad}");
        }
    }

    #[test]
    fn finds_the_next_page() {
        let link =
            r#"<https://api.github.com/x?page=1>; rel="prev", <https://api.github.com/x?page=3>; rel="next""#;
        let next = |link: &str| {
            next_page(&head(200, &[("link", link)]).headers, "https://api.github.com", &call("GET /x"))
        };
        assert_eq!(next(link), Ok(Some("/x?page=3".to_owned())));
        assert_eq!(next(r#"<https://api.github.com/x?page=1>; rel="prev""#), Ok(None));
        assert!(next(r#"<https://evil.example/x?page=3>; rel="next""#).is_err());
    }
}
