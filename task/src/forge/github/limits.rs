//! What GitHub's statuses and headers ask of a client: how long to wait, where to go on, what was refused and why.
//!
//! The rules are those of <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>: `retry-after`
//! first, else the reset time of an exhausted limit, else a minute.

use std::time::Duration;

use http::HeaderMap;
use http::response::Parts;
use serde::Deserialize;

use crate::call::{Call, CallError};

/// Waited for a secondary limit that names no time.
const SECONDARY_PAUSE_SECONDS: u64 = 60;
/// First pause before a call is repeated; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Characters of GitHub's message that are kept.
const MAX_MESSAGE_CHARS: usize = 500;

/// The body of an error (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>).
#[derive(Deserialize)]
struct ErrorBody {
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

/// The pause before try `n + 1`.
pub(super) fn backoff(tries: u32) -> Duration {
    FIRST_PAUSE * 2_u32.pow(tries.saturating_sub(1).min(6))
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

/// The error that a status other than 2xx and 3xx stands for.
pub(super) fn classify(head: &Parts, body: &[u8], method: &http::Method, call: &Call) -> CallError {
    let call = call.clone();
    let message = message(body);
    let status = head.status.as_u16();
    if let 403 | 429 = status
        && let Some(wait_seconds) = rate_limit(&head.headers, &message)
    {
        return CallError::RateLimited { call, wait_seconds };
    }
    match status {
        401 => CallError::Unauthorized { call, message },
        403 | 451 => {
            let needed =
                head.headers.get("x-accepted-github-permissions").and_then(|value| value.to_str().ok());
            CallError::Forbidden { call, message, needed: needed.map(str::to_owned) }
        }
        404 => CallError::NotFound { call, message },
        409 => CallError::Conflict { call, message },
        410 => CallError::Gone { call, message },
        422 => CallError::Invalid { call, message },
        500..=599 if *method == http::Method::GET => {
            CallError::Unavailable { call, why: format!("{status} {message}") }
        }
        // A write that ended in a server error may have been carried out.
        500..=599 => CallError::Unknown { call, why: format!("{status} {message}") },
        _ => CallError::Unexpected { call, why: format!("{status} {message}") },
    }
}

fn message(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(error) => {
            let details: Vec<String> =
                error.errors.iter().map(detail).filter(|text| !text.is_empty()).collect();
            if details.is_empty() {
                error.message
            } else {
                format!("{}: {}", error.message, details.join("; "))
            }
        }
        Err(_) => "(no message)".to_owned(),
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

/// Seconds to wait, if a refusal is about a rate.
fn rate_limit(headers: &HeaderMap, message: &str) -> Option<u64> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(seconds.max(1));
    }
    if number("x-ratelimit-remaining") == Some(0) {
        let reset = number("x-ratelimit-reset")?;
        return Some(reset.saturating_sub(server_now(headers)?).max(1));
    }
    message.to_ascii_lowercase().contains("rate limit").then_some(SECONDARY_PAUSE_SECONDS)
}

/// The server's own clock, so that a skewed local one does no harm. Seconds since the Unix epoch.
fn server_now(headers: &HeaderMap) -> Option<u64> {
    let date = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
    let now = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let now = now.map_or_else(jiff::Timestamp::now, |date| date.timestamp());
    u64::try_from(now.as_second()).ok()
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

    #[test]
    fn waits_as_long_as_github_asks() {
        let date = ("date", "Sat, 21 Nov 2026 09:00:00 GMT");
        for (headers, message, expected) in [
            (vec![("retry-after", "7")], "x", Some(7)),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795251690"), date], "x", Some(90)),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1"), date], "x", Some(1)),
            (vec![("x-ratelimit-remaining", "12")], "You have exceeded a secondary rate limit.", Some(60)),
            (vec![("x-ratelimit-remaining", "12")], "Resource not accessible by integration", None),
        ] {
            assert_eq!(rate_limit(&head(403, &headers).headers, message), expected, "{headers:?}");
        }
    }

    #[test]
    fn tells_what_was_refused() {
        let call = || call("POST /x");
        let body = br#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for o:b."}]}"#;
        let post = http::Method::POST;
        assert_eq!(
            classify(&head(422, &[]), body, &post, &call()),
            CallError::Invalid {
                call: call(),
                message: "Validation Failed: A pull request already exists for o:b.".to_owned()
            }
        );
        let accepted = [("x-accepted-github-permissions", "pull_requests=write")];
        assert_eq!(
            classify(
                &head(403, &accepted),
                br#"{"message":"Resource not accessible by integration"}"#,
                &post,
                &call()
            ),
            CallError::Forbidden {
                call: call(),
                message: "Resource not accessible by integration".to_owned(),
                needed: Some("pull_requests=write".to_owned())
            }
        );
        let html = b"<html>bad gateway</html>";
        assert!(matches!(classify(&head(502, &[]), html, &post, &call()), CallError::Unknown { .. }));
        assert!(matches!(
            classify(&head(502, &[]), html, &http::Method::GET, &call()),
            CallError::Unavailable { .. }
        ));
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
