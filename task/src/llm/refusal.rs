//! A *refusal* is an error that a server reports: as the status of its response, as an event within, or as the body of a
//! response that claims success. What it means depends on the provider only where the status does not tell.
//!
//! Repeated is what the vendors' own clients repeat: 408, 409, 429, every 5xx, and what `x-should-retry` says
//! (<https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py>, and the same in
//! <https://github.com/anthropics/anthropic-sdk-python>).

use std::time::Duration;

use serde_json::{Value, json};

use super::Endpoint;
use super::error::{LlmError, Repeat};
use super::provider::Provider;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) provider: Provider,
    /// `None` where neither the response nor its body names one.
    pub(super) status: Option<u16>,
    /// The body, if it is JSON.
    pub(super) body: Value,
    /// The server's words, fit to be quoted.
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
    /// The header `x-should-retry`.
    pub(super) should_retry: Option<bool>,
    /// Where the request went.
    pub(super) url: String,
}

/// What a body says that its status does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    SpendLimit,
    UnknownModel,
    ContextWindow,
    /// The server cannot run this request, and no later one like it.
    Hopeless,
}

impl Refusal {
    /// A field of the error object that says what kind of error it is.
    pub(super) fn kind(&self, field: &str) -> &str {
        let error = &self.body["error"];
        let object = if error.is_object() { error } else { &self.body };
        object[field].as_str().unwrap_or_default()
    }

    pub(super) fn error(self, endpoint: &Endpoint, sign: Option<Sign>) -> LlmError {
        let is_about_rate = self.is_about_rate();
        let part = endpoint.parts.refused_by(self.status, &self.body, &self.message);
        let Self { provider, status, message, retry_after, should_retry, url, body: _ } = self;
        let model = &endpoint.spec.model;
        let repeat = if should_retry == Some(false) { Repeat::Later } else { Repeat::Soon };
        match (sign.or_else(|| too_long(&message).then_some(Sign::ContextWindow)), status) {
            (Some(Sign::SpendLimit), _) | (None, Some(402)) => LlmError::SpendLimit { provider, message },
            (Some(Sign::UnknownModel), _) => {
                LlmError::UnknownModel { provider, model: model.clone(), message }
            }
            (_, Some(413)) if is_about_rate && exceeds_limit(&message) => {
                LlmError::OverRateLimit { provider, message }
            }
            (_, Some(413)) if is_about_rate => {
                LlmError::RateLimited { provider, repeat, retry_after, message }
            }
            (Some(Sign::ContextWindow), _) | (None, Some(413)) => LlmError::ContextWindow { message },
            (Some(Sign::Hopeless), _) => {
                LlmError::BadRequest { provider, status: status.unwrap_or(500), message }
            }
            (None, _) if let Some(part) = part => LlmError::Unsupported { provider, part, message },
            (None, Some(429)) => LlmError::RateLimited { provider, repeat, retry_after, message },
            (None, Some(status @ (408 | 409 | 500..))) => {
                LlmError::Overloaded { provider, status, repeat, retry_after, message }
            }
            (None, Some(status)) if should_retry == Some(true) => {
                LlmError::Overloaded { provider, status, repeat, retry_after, message }
            }
            (None, Some(404)) => missing(provider, model, url, message),
            (None, Some(status @ (401 | 403))) => LlmError::BadKey { provider, status, message },
            (None, Some(status)) => LlmError::BadRequest { provider, status, message },
            (None, None) => LlmError::Reported { provider, retry_after, message },
        }
    }

    /// Whether a 413 is a limit of tokens in a time, as Groq uses it.
    fn is_about_rate(&self) -> bool {
        let words = [self.kind("code"), self.kind("type"), &self.message].join(" ").to_ascii_lowercase();
        ["rate_limit", "rate limit", "per minute", "per day"].iter().any(|sign| words.contains(sign))
    }
}

/// What a 404 is about: the model, the address, or something that only the server's words say.
fn missing(provider: Provider, model: &str, url: String, message: String) -> LlmError {
    const GENERIC: [&str; 6] =
        ["no message", "a web page", "not found", "file not found", "404 not found", "404 page not found"];
    let words = message.trim_end_matches('.').to_ascii_lowercase();
    if is_about_model(&words, &model.to_ascii_lowercase()) {
        return LlmError::UnknownModel { provider, model: model.to_owned(), message };
    }
    if GENERIC.contains(&words.as_str()) {
        return LlmError::NoInterface { provider, url, status: 404, message: None };
    }
    if [
        "invalid url",
        "unknown url",
        "route",
        "cannot post",
        "unknown path",
        "no handler",
        "unknown request url",
    ]
    .iter()
    .any(|sign| words.contains(sign))
    {
        return LlmError::NoInterface { provider, url, status: 404, message: Some(message) };
    }
    LlmError::BadRequest { provider, status: 404, message }
}

/// Whether a message says that there is no such model: it speaks of a model, and names it or says that it is not there.
fn is_about_model(words: &str, model: &str) -> bool {
    const ABSENT: [&str; 12] = [
        "not found",
        "not exist",
        "no such",
        "unknown",
        "invalid model",
        "not available",
        "unavailable",
        "not supported",
        "not have access",
        "not a valid",
        "deprecated",
        "retired",
    ];
    let names_it =
        || words.split(|c: char| c.is_whitespace() || "'\"`,;()".contains(c)).any(|word| word == model);
    words.contains("model") && (ABSENT.iter().any(|sign| words.contains(sign)) || names_it())
}

/// How servers say that the prompt is too long: Anthropic ("prompt is too long", "exceed context limit"), OpenAI and vLLM
/// ("maximum context length"), llama.cpp ("available context size"), Ollama ("longer than the context length").
fn too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["prompt is too long", "context limit", "context length", "context size", "context window"]
        .iter()
        .any(|words| message.contains(words))
}

/// Whether a request alone is above the limit ("Limit 6000, Requested 9000"), so that no pause helps.
fn exceeds_limit(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let number_after = |word: &str| -> Option<u64> {
        let (_, rest) = message.split_once(word)?;
        let rest = rest.trim_start_matches([' ', ':']);
        let digits: String =
            rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
        digits.parse().ok()
    };
    matches!((number_after("limit "), number_after("requested ")), (Some(limit), Some(asked)) if asked > limit)
}

/// The error that a body holds, wherever the server put it: `{"error": …}`, as OpenAI, Anthropic and Ollama write it; in the
/// first choice, as gateways do; `{"object": "error"}` of vLLM; `{"detail": …}` of `FastAPI`; `{"message": …}` alone.
pub(super) fn error_in(body: &Value) -> Option<Value> {
    let body = match body {
        // Google's imitation of OpenAI puts it into a list.
        Value::Array(items) if items.len() == 1 => &items[0],
        body => body,
    };
    let is_set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    if is_set(&body["error"]) {
        return Some(body.clone());
    }
    let of_choice = &body["choices"][0]["error"];
    if is_set(of_choice) {
        return Some(json!({ "error": of_choice }));
    }
    let is_answer =
        ["choices", "content", "done", "delta", "usage"].iter().any(|field| !body[field].is_null());
    let is_error = body["object"] == "error"
        || (!is_answer
            && (is_set(&body["detail"]) || body["message"].is_string() || is_set(&body["errors"])));
    is_error.then(|| body.clone())
}

/// The status that an error would have had, had it come before the answer: by its number, else by its kind.
pub(super) fn status_in(body: &Value) -> Option<u16> {
    let error = &body["error"];
    let objects = [error, body];
    let number = |value: &Value| -> Option<u16> {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        u16::try_from(number).ok().filter(|status| (400..600).contains(status))
    };
    let fields = ["code", "status", "status_code", "statusCode", "http_status"];
    objects
        .iter()
        .flat_map(|object| fields.iter().filter_map(|field| number(&object[*field])))
        .next()
        .or_else(|| {
            let kinds = ["type", "code", "status", "reason"];
            let kind = |object: &&Value| kinds.iter().find_map(|field| status_of(object[*field].as_str()?));
            objects.iter().find_map(kind).or_else(|| status_of_words(error["message"].as_str()?))
        })
}

/// By the names that the vendors give their errors.
fn status_of(kind: &str) -> Option<u16> {
    let kind = kind.to_ascii_lowercase();
    let table: [(&[&str], u16); 12] = [
        (&["rate_limit", "ratelimit", "too_many_requests", "resource_exhausted", "throttl"], 429),
        (&["overloaded"], 529),
        (&["insufficient_quota", "billing", "payment"], 402),
        (&["authentication", "unauthenticated", "unauthorized", "invalid_api_key"], 401),
        (&["permission", "forbidden"], 403),
        (&["too_large"], 413),
        (&["timeout", "deadline_exceeded"], 504),
        (&["unavailable"], 503),
        (&["not_found"], 404),
        (&["conflict"], 409),
        (&["invalid_request", "invalid_argument", "badrequest", "bad_request", "validation"], 400),
        (&["server_error", "api_error", "internal"], 500),
    ];
    table.iter().find(|(names, _)| names.iter().any(|name| kind.contains(name))).map(|(_, status)| *status)
}

fn status_of_words(message: &str) -> Option<u16> {
    let message = message.to_ascii_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| message.contains(sign));
    if says(&["rate limit", "too many requests"]) {
        Some(429)
    } else if says(&["overloaded", "over capacity"]) {
        Some(529)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_found_wherever_it_stands_and_an_answer_is_none() {
        for (body, expect) in [
            (json!({"error": {"message": "m", "code": 429}}), Some(Some(429))),
            (json!({"error": {"message": "m", "code": "503"}}), Some(Some(503))),
            (json!({"error": {"message": "m", "type": "overloaded_error"}}), Some(Some(529))),
            (json!({"error": {"message": "m", "code": "insufficient_quota"}}), Some(Some(402))),
            (json!({"error": {"message": "Rate limit exceeded"}}), Some(Some(429))),
            (json!([{"error": {"message": "m", "status": "UNAVAILABLE"}}]), Some(Some(503))),
            (json!({"error": "m"}), Some(None)),
            (json!({"choices": [{"delta": {}, "error": {"message": "m", "code": 502}}]}), Some(Some(502))),
            (json!({"object": "error", "message": "m", "code": 400}), Some(Some(400))),
            (json!({"object": "error", "message": "m", "type": "BadRequestError"}), Some(Some(400))),
            (json!({"detail": "m"}), Some(None)),
            (json!({"message": "m", "statusCode": 500}), Some(Some(500))),
            (json!({"choices": [{"delta": {"content": "x"}, "error": null}], "error": null}), None),
            (json!({"choices": [], "error": {}, "detail": "x"}), None),
            (json!({"done": false, "message": {"content": "x"}, "error": ""}), None),
            (json!({"type": "ping"}), None),
        ] {
            let found = error_in(&body);
            assert_eq!(found.as_ref().map(status_in), expect, "{body}");
        }
    }

    #[test]
    fn a_404_is_about_the_model_the_address_or_neither() {
        let of = |message: &str| {
            let error = missing(Provider::OpenAi, "org/m-1", "http://x/v1".to_owned(), message.to_owned());
            match error {
                LlmError::UnknownModel { .. } => "model",
                LlmError::NoInterface { .. } => "address",
                _ => "neither",
            }
        };
        for (message, expect) in [
            ("The model `org/m-1` does not exist", "model"),
            ("model: org/m-1", "model"),
            ("Model not found", "model"),
            ("Not Found", "address"),
            ("Invalid URL (POST /v1/chat/completion)", "address"),
            ("No endpoints found matching your data policy", "neither"),
            ("No allowed providers are left for the selected model.", "neither"),
            ("Project `p` was archived", "neither"),
        ] {
            assert_eq!(of(message), expect, "{message}");
        }
    }

    #[test]
    fn a_request_above_the_limit_is_told_from_one_that_has_to_wait() {
        for (message, expect) in [
            (
                "Request too large on tokens per minute (TPM): Limit 6000, Requested 9,012, please reduce it",
                true,
            ),
            ("Rate limit reached: Limit 6000, Used 5000, Requested 2000", false),
            ("Rate limit reached", false),
        ] {
            assert_eq!(exceeds_limit(message), expect, "{message}");
        }
    }
}
