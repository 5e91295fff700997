//! One call to a model as it is *measured*: a span, its tokens and its time, by the conventions for generative AI.

use std::time::Instant;

use shared::otlp::catalog::{
    CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, CHAT, ERROR_TYPE, FINISH_REASONS, INPUT_TOKENS, MAX_TOKENS,
    OPERATION, OPERATION_DURATION, OUTPUT_TOKENS, PROVIDER, REQUEST_MODEL, RESPONSE_MODEL, SERVER,
    TOKEN_TYPE, TOKEN_USAGE,
};
use shared::otlp::{self, Span};

use super::Endpoint;
use super::error::LlmError;
use super::prompt::{Prompt, Usage};
use super::turn::Turn;

/// What is done: a conversation is continued.
const CHATTING: &str = "chat";

/// A call that is under way.
pub(super) struct Call {
    pub(super) span: Span,
    began: Instant,
}

impl Call {
    pub(super) fn begin(endpoint: &Endpoint, prompt: &Prompt<'_>) -> Self {
        let model = &endpoint.spec.model;
        let span = Span::named(&CHAT, format_args!("{CHATTING} {model}"))
            .with(&OPERATION, CHATTING)
            .with(&PROVIDER, endpoint.spec.provider.name())
            .with(&REQUEST_MODEL, model)
            .with(&MAX_TOKENS, prompt.max_output_tokens)
            .with(&SERVER, endpoint.server.base_url.host_str().unwrap_or_default());
        Self { span, began: Instant::now() }
    }

    /// Tells what came of it. An attempt that the server did not take used no tokens.
    pub(super) fn end(self, endpoint: &Endpoint, turn: &Turn<'_>, usage: &Usage, error: Option<&LlmError>) {
        let Self { span, began } = self;
        let provider = endpoint.spec.provider.name();
        let mut values = vec![
            (&OPERATION, CHATTING),
            (&PROVIDER, provider),
            (&REQUEST_MODEL, endpoint.spec.model.as_str()),
        ];
        let answered_by = turn.model.as_deref().map(|model| endpoint.server.quote(model));
        if let Some(model) = &answered_by {
            span.set(&RESPONSE_MODEL, model);
            values.push((&RESPONSE_MODEL, model));
        }
        if let Some(reason) = &turn.finish {
            span.set(&FINISH_REASONS, vec![reason.clone()]);
        }
        let (input, output) = (usage.prompt_tokens(), usage.output_tokens);
        if input > 0 || output > 0 {
            span.set(&INPUT_TOKENS, input);
            span.set(&OUTPUT_TOKENS, output);
            span.set(&CACHE_READ_TOKENS, usage.cache_read_tokens);
            span.set(&CACHE_WRITE_TOKENS, usage.cache_write_tokens);
            for (kind, tokens) in [("input", input), ("output", output)] {
                #[expect(clippy::cast_precision_loss, reason = "no call has as many tokens")]
                otlp::measure(&TOKEN_USAGE, tokens as f64, &[&values[..], &[(&TOKEN_TYPE, kind)]].concat());
            }
        }
        let kind = error.map(LlmError::kind);
        if let Some(kind) = &kind {
            span.fail(kind);
            values.push((&ERROR_TYPE, kind));
        }
        otlp::measure(&OPERATION_DURATION, began.elapsed().as_secs_f64(), &values);
    }
}
