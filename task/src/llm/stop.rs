//! A *stop reason* says why a model ended its answer. Each interface has words for it, and servers that imitate one
//! mix them with those of the vendor behind them.

use super::error::LlmError;
use super::prompt::Prompt;
use super::provider::Provider;

/// What a stop reason means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The answer is whole.
    Done,
    /// It reached the limit that the request set.
    Limit,
    /// The context window is full.
    Window,
    /// A filter, or the model itself, withheld the answer.
    Withheld,
    /// The server failed meanwhile; the same request may succeed.
    Failed,
    /// Something that was not asked for, such as a call of a tool.
    Other,
}

impl Stop {
    /// The meaning of a reason, in any capitals, with `-` or `_`.
    pub(super) fn of(reason: &str) -> Self {
        let reason = reason.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        // Gemini's enumeration, as some gateways pass it on.
        let reason = reason.strip_prefix("finish_reason_").unwrap_or(&reason);
        match reason {
            "stop" | "end_turn" | "stop_sequence" | "eos" | "eos_token" | "end" | "complete"
            | "completed" | "done" | "finish" | "finished" | "normal" => Self::Done,
            "length"
            | "max_tokens"
            | "max_output_tokens"
            | "max_completion_tokens"
            | "max_new_tokens"
            | "max_length"
            | "token_limit"
            | "incomplete" => Self::Limit,
            "model_context_window_exceeded"
            | "model_length"
            | "context_length_exceeded"
            | "context_window_exceeded" => Self::Window,
            "content_filter"
            | "content_filtered"
            | "refusal"
            | "safety"
            | "recitation"
            | "blocklist"
            | "prohibited_content"
            | "spii"
            | "sensitive"
            | "guardrail_intervened" => Self::Withheld,
            "error"
            | "network_error"
            | "server_error"
            | "internal_error"
            | "insufficient_system_resource"
            | "abort"
            | "aborted"
            | "cancelled"
            | "canceled"
            | "timeout" => Self::Failed,
            _ => Self::Other,
        }
    }

    /// The error of an answer that is not whole, for a reason that is fit to be quoted.
    pub(super) fn error(self, provider: Provider, reason: String, prompt: &Prompt<'_>) -> LlmError {
        match self {
            Self::Limit => LlmError::Truncated { max_output_tokens: prompt.max_output_tokens },
            Self::Window => LlmError::ContextWindow {
                message: "the window was full before the answer was complete".to_owned(),
            },
            Self::Withheld => LlmError::Refused { why: "it gives no reason".to_owned() },
            Self::Failed => {
                LlmError::Interrupted { provider, why: format!("the server stopped with `{reason}`") }
            }
            Self::Done | Self::Other => LlmError::UnexpectedStop { provider, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_has_its_meaning() {
        for (reason, expect) in [
            ("stop", Stop::Done),
            ("STOP", Stop::Done),
            ("end_turn", Stop::Done),
            ("COMPLETE", Stop::Done),
            ("FINISH_REASON_STOP", Stop::Done),
            ("eos_token", Stop::Done),
            ("length", Stop::Limit),
            ("MAX_TOKENS", Stop::Limit),
            ("max-tokens", Stop::Limit),
            ("model_length", Stop::Window),
            ("content-filter", Stop::Withheld),
            ("SAFETY", Stop::Withheld),
            ("error", Stop::Failed),
            ("insufficient_system_resource", Stop::Failed),
            ("tool_calls", Stop::Other),
            ("pause_turn", Stop::Other),
            ("unload", Stop::Other),
            ("stopped by a tool", Stop::Other),
        ] {
            assert_eq!(Stop::of(reason), expect, "{reason}");
        }
    }
}
