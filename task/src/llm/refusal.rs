//! A *refusal* is an error that a server reports, as the status of its response or as an event within; what it means
//! depends on the provider only where the status does not tell.

use std::time::Duration;

use serde_json::Value;

use super::Provider;
use super::error::LlmError;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) provider: Provider,
    pub(super) status: u16,
    /// The body, if it is JSON.
    pub(super) body: Value,
    /// The server's words, fit to be quoted.
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
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
        self.body["error"][field].as_str().unwrap_or_default()
    }

    pub(super) fn error(self, model: &str, sign: Option<Sign>) -> LlmError {
        let Self { provider, status, message, retry_after, url, body: _ } = self;
        let sign = sign.or_else(|| too_long(&message).then_some(Sign::ContextWindow));
        match (sign, status) {
            (Some(Sign::SpendLimit), _) | (None, 402) => LlmError::SpendLimit { provider, message },
            (Some(Sign::UnknownModel), _) => {
                LlmError::UnknownModel { provider, model: model.to_owned(), message }
            }
            (None, 404) if message.to_ascii_lowercase().contains("model") => {
                LlmError::UnknownModel { provider, model: model.to_owned(), message }
            }
            (None, 404) => LlmError::NoInterface { provider, url, status },
            (Some(Sign::ContextWindow), _) | (None, 413) => LlmError::ContextWindow { message },
            (None, 401 | 403) => LlmError::BadKey { provider, status, message },
            (None, 429) => LlmError::RateLimited { provider, retry_after, message },
            (None, 408 | 500..) => LlmError::Overloaded { provider, status, retry_after, message },
            (Some(Sign::Hopeless) | None, _) => LlmError::BadRequest { provider, status, message },
        }
    }
}

/// How servers say that the prompt is too long: Anthropic ("prompt is too long", "exceed context limit"), OpenAI and vLLM
/// ("maximum context length"), llama.cpp ("available context size"), Ollama ("longer than the context length").
fn too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["prompt is too long", "context limit", "context length", "context size", "context window"]
        .iter()
        .any(|words| message.contains(words))
}
