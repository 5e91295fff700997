//! Why the model gave no usable answer, in words for the operator: what happened, and what to do.
//!
//! Messages of the server are quoted shortened, without invisible characters and without the key.

use std::time::Duration;

use humantime::format_duration;

use super::parts::Part;
use super::provider::Provider;
use crate::budget;
use crate::usd::Usd;

/// What was waited for when the time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The first or the next piece of the answer.
    Answer,
    /// The whole answer, attempts and pauses included.
    Whole,
}

/// When the same request may be repeated, by what the server says (`x-should-retry`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// After a pause.
    Soon,
    /// Not by this run.
    Later,
}

/// See the module's documentation.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    #[error("no connection to {provider} at {url}: {why}; {}", reach(*provider))]
    Unreachable { provider: Provider, url: String, why: String },
    #[error("{}", timeout(*provider, *wait, *limit))]
    Timeout { provider: Provider, wait: Wait, limit: Duration },
    #[error(
        "{provider} cannot answer now (HTTP {status}): {message}; this passes by itself, try again later"
    )]
    Overloaded {
        provider: Provider,
        status: u16,
        repeat: Repeat,
        retry_after: Option<Duration>,
        message: String,
    },
    #[error("{provider} reports an error in place of an answer: {message}; try again later")]
    Reported { provider: Provider, retry_after: Option<Duration>, message: String },
    #[error(
        "{provider} allows no more requests for now: {message}; try again later, or ask it for a higher rate limit"
    )]
    RateLimited { provider: Provider, repeat: Repeat, retry_after: Option<Duration>, message: String },
    #[error(
        "the prompt has more tokens than {provider} takes from this account in a minute: {message}; lower AGENT_CONTEXT_TOKENS, or ask it for a higher rate limit"
    )]
    OverRateLimit { provider: Provider, message: String },
    #[error(
        "the account at {provider} has no money left or is at its spend limit: {message}; add credit or raise the limit there"
    )]
    SpendLimit { provider: Provider, message: String },
    #[error("{provider} refuses the key (HTTP {status}): {message}; set {0} or {0}_FILE to a key that is valid there", .provider.key_variable())]
    BadKey { provider: Provider, status: u16, message: String },
    #[error("{provider} has no model `{model}`: {message}; {}", choose(*provider, model))]
    UnknownModel { provider: Provider, model: String, message: String },
    #[error(
        "there is no {provider} interface at {url} (HTTP {status}{}); check {}",
        message.as_ref().map(|message| format!(": {message}")).unwrap_or_default(),
        .provider.url_variable()
    )]
    NoInterface { provider: Provider, url: String, status: u16, message: Option<String> },
    #[error("the file {path} cannot be used: {why}; {0} names it", .setting)]
    Unreadable { setting: String, path: String, why: String },
    #[error("{provider} at {url} redirects to {location}; redirects are not followed, set {} to the final address", .provider.url_variable())]
    Redirected { provider: Provider, url: String, location: String },
    #[error("{provider} refuses the request (HTTP {status}): {message}")]
    BadRequest { provider: Provider, status: u16, message: String },
    #[error("{provider} refuses {part}: {message}; {}", .part.remedy())]
    Unsupported { provider: Provider, part: Part, message: String },
    #[error(
        "the prompt does not fit the model: {message}; choose a model with a larger context window, or set AGENT_CONTEXT_WINDOW to what this one really holds"
    )]
    ContextWindow { message: String },
    #[error(
        "the answer was cut off at {max_output_tokens} tokens and is not used; raise AGENT_MAX_OUTPUT_TOKENS, or make the issue smaller"
    )]
    Truncated { max_output_tokens: u32 },
    #[error("the model refuses to answer: {why}")]
    Refused { why: String },
    #[error(
        "ollama read {evaluated} tokens of a prompt that has at least {at_least}, although a window of {num_ctx} was asked for: it cut the prompt, and its answer is not used. Update Ollama, or set AGENT_CONTEXT_WINDOW to what the model really holds; a proxy that counts in a way of its own is reached through `openai` instead"
    )]
    SilentlyTruncated { at_least: u64, evaluated: u64, num_ctx: u32 },
    #[error("the answer of {provider} broke off: {why}; try again")]
    Interrupted { provider: Provider, why: String },
    #[error("the answer of {provider} cannot be read: {what}; is {} the address of its interface?", .provider.url_variable())]
    Malformed { provider: Provider, what: String },
    #[error("the answer of {provider} is larger than {limit} bytes and is not used")]
    TooLarge { provider: Provider, limit: u64 },
    #[error("{provider} gave an empty answer")]
    Empty { provider: Provider },
    #[error("{provider} stopped for a reason that was not asked for (`{reason}`), so its answer is not used")]
    UnexpectedStop { provider: Provider, reason: String },
    #[error("{0}")]
    Budget(#[from] BudgetError),
    /// What all runs together may spend.
    #[error("{0}")]
    SharedBudget(#[from] budget::BudgetError),
}

/// Why the ledger allows no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    #[error(
        "the next call to the model may need {needed} tokens, and {spent} of the {ceiling} that a run may use are gone; \
         raise AGENT_MAX_TOKENS, or make the issue smaller"
    )]
    Tokens { spent: u64, needed: u64, ceiling: u64 },
    #[error(
        "the next call to the model may cost {needed}, and {spent} of the {ceiling} that a run may cost are gone; \
         raise AGENT_MAX_COST, or make the issue smaller"
    )]
    Money { spent: Usd, needed: Usd, ceiling: Usd },
    #[error(
        "the price of {model} is unknown, so its cost cannot be kept under {ceiling}; set AGENT_MODEL_PRICE to it (`free` \
         if nobody charges for it), or AGENT_UNKNOWN_PRICE=allow to limit tokens alone"
    )]
    PriceUnknown { model: String, ceiling: Usd },
}

impl LlmError {
    /// Whether the same question may succeed later with nothing changed.
    pub fn is_transient(&self) -> bool {
        if let Self::SharedBudget(error) = self {
            return error.is_transient();
        }
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Overloaded { .. }
                | Self::Reported { .. }
                | Self::RateLimited { .. }
                | Self::Interrupted { .. }
                // It may be rewritten at this moment.
                | Self::Unreadable { .. }
        )
    }

    /// What kind of failure it is, in a word; a status of HTTP where that says it.
    pub(super) fn kind(&self) -> String {
        let kind = match self {
            Self::Overloaded { status, .. }
            | Self::BadKey { status, .. }
            | Self::NoInterface { status, .. }
            | Self::BadRequest { status, .. } => return status.to_string(),
            Self::Unreachable { .. } => "connection",
            Self::Timeout { .. } => "timeout",
            Self::Reported { .. } => "reported",
            Self::RateLimited { .. } | Self::OverRateLimit { .. } => "rate-limit",
            Self::SpendLimit { .. } => "spend-limit",
            Self::UnknownModel { .. } => "unknown-model",
            Self::Unreadable { .. } => "unreadable",
            Self::Redirected { .. } => "redirect",
            Self::Unsupported { .. } => "unsupported",
            Self::ContextWindow { .. } | Self::SilentlyTruncated { .. } => "context-window",
            Self::Truncated { .. } => "truncated",
            Self::Refused { .. } => "refused",
            Self::Interrupted { .. } => "interrupted",
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too-large",
            Self::Empty { .. } => "empty",
            Self::UnexpectedStop { .. } => "unexpected-stop",
            Self::Budget(_) => "budget",
            Self::SharedBudget(_) => "shared-budget",
        };
        kind.to_owned()
    }

    /// Whether this run may ask again.
    pub(super) fn may_be_repeated(&self) -> bool {
        let later = matches!(
            self,
            Self::Overloaded { repeat: Repeat::Later, .. } | Self::RateLimited { repeat: Repeat::Later, .. }
        );
        self.is_transient() && !later && !matches!(self, Self::SharedBudget(_))
    }

    /// Whether the answer came to its end, and with it the counts of what it used.
    pub(super) fn has_whole_answer(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Truncated { .. }
                | Self::SilentlyTruncated { .. }
                | Self::Empty { .. }
                | Self::UnexpectedStop { .. }
        )
    }

    /// Whether a call of whose answer nothing came has certainly cost nothing: no request was sent, or the server refused it
    /// before the model had anything to do. A gateway that gives up on the server behind it (408, 499, 500, 502, 504, those
    /// from 520 on) does not know what that one did, and bills for.
    pub(super) fn cost_nothing(&self) -> bool {
        match self {
            Self::Overloaded { status, .. }
            | Self::BadKey { status, .. }
            | Self::NoInterface { status, .. }
            | Self::BadRequest { status, .. } => {
                matches!(*status, 400..=407 | 409..=498 | 503 | 529)
            }
            Self::Unreachable { .. }
            | Self::Unreadable { .. }
            | Self::RateLimited { .. }
            | Self::OverRateLimit { .. }
            | Self::SpendLimit { .. }
            | Self::UnknownModel { .. }
            | Self::Unsupported { .. }
            | Self::ContextWindow { .. } => true,
            _ => false,
        }
    }

    /// How long the provider asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. }
            | Self::Reported { retry_after, .. }
            | Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn reach(provider: Provider) -> String {
    let variable = provider.url_variable();
    match provider {
        Provider::Ollama => format!("start it with `ollama serve`, or set {variable}"),
        Provider::Anthropic | Provider::OpenAi => format!("check the network and {variable}"),
    }
}

fn choose(provider: Provider, model: &str) -> String {
    match provider {
        Provider::Ollama => format!("fetch it with `ollama pull {model}`, or choose one of `ollama list`"),
        Provider::Anthropic | Provider::OpenAi => {
            format!("choose another with `--model {provider}:NAME` or AGENT_MODEL")
        }
    }
}

fn timeout(provider: Provider, wait: Wait, limit: Duration) -> String {
    let limit = format_duration(limit);
    match wait {
        Wait::Answer => {
            format!("{provider} sent nothing for {limit}; try again, or raise AGENT_MODEL_IDLE_TIMEOUT")
        }
        Wait::Whole => {
            format!("{provider} did not finish within {limit}; try again, or raise AGENT_MODEL_TIMEOUT")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_certainly_refused_costs_nothing() {
        let provider = Provider::OpenAi;
        let message = String::new;
        for (statuses, expect) in [
            (&[400, 401, 402, 403, 404, 405, 409, 413, 422, 425, 429, 451, 498, 503, 529][..], true),
            (&[307, 408, 499, 500, 501, 502, 504, 505, 508, 520, 521, 522, 523, 524, 530, 598][..], false),
        ] {
            for &status in statuses {
                let (repeat, retry_after) = (Repeat::Soon, None);
                for error in [
                    LlmError::Overloaded { provider, status, repeat, retry_after, message: message() },
                    LlmError::BadRequest { provider, status, message: message() },
                ] {
                    assert_eq!(error.cost_nothing(), expect, "{error:?}");
                }
            }
        }
        let (url, why) = (String::new, String::new);
        for (error, expect) in [
            (LlmError::Unreachable { provider, url: url(), why: why() }, true),
            (LlmError::SpendLimit { provider, message: message() }, true),
            (LlmError::ContextWindow { message: message() }, true),
            (LlmError::Redirected { provider, url: url(), location: url() }, false),
            (LlmError::Interrupted { provider, why: why() }, false),
            (LlmError::Timeout { provider, wait: Wait::Answer, limit: Duration::from_secs(1) }, false),
            (LlmError::Reported { provider, retry_after: None, message: message() }, false),
        ] {
            assert_eq!(error.cost_nothing(), expect, "{error:?}");
        }
    }
}
