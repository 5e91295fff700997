//! OpenAI's chat completions, streamed, and the servers that imitate them.
//!
//! - Request and chunks: <https://platform.openai.com/docs/api-reference/chat>. OpenAI's own models take their limit as
//!   `max_completion_tokens` and refuse `max_tokens`; most imitations know only the latter.
//! - Usage comes in a last chunk, asked for by `stream_options`; a server that leaves it out is estimated. Cached and
//!   cache-writing tokens are part of `prompt_tokens` (<https://developers.openai.com/api/docs/guides/prompt-caching>).
//! - Errors: <https://developers.openai.com/api/docs/guides/error-codes>. Spend limits are 429 like rate limits, and told
//!   apart by their code.

use serde_json::{Value, json};
use url::Host;

use super::error::LlmError;
use super::http::{Lines, Server};
use super::refusal::{Refusal, Sign};
use super::{Endpoint, Prompt, Turn};

pub(super) async fn attempt(
    endpoint: &Endpoint,
    prompt: &Prompt<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let server = &endpoint.server;
    let model = &endpoint.spec.model;
    let refused = |refusal| error(refusal, model);
    let lines = server.post("chat/completions", &[], &body(endpoint, prompt), turn, refused).await?;
    read(server, lines, model, prompt, turn).await
}

fn body(endpoint: &Endpoint, prompt: &Prompt<'_>) -> Value {
    let limit = if is_openai(endpoint) { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({
        "model": endpoint.spec.model,
        "messages": prompt.chat(),
        "stream": true,
        "stream_options": {"include_usage": true},
        limit: prompt.max_output_tokens,
    });
    if let Some(temperature) = endpoint.temperature {
        body["temperature"] = json!(temperature);
    }
    body
}

/// Whether OpenAI's own models answer: at OpenAI or at Azure.
fn is_openai(endpoint: &Endpoint) -> bool {
    let Some(Host::Domain(name)) = endpoint.server.base_url.host() else { return false };
    name == "api.openai.com" || name.ends_with(".api.openai.com") || name.ends_with(".openai.azure.com")
}

async fn read(
    server: &Server,
    mut lines: Lines<'_>,
    model: &str,
    prompt: &Prompt<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let mut stop: Option<String> = None;
    let mut refusal = String::new();
    while let Some(data) = lines.next_event().await? {
        if data == "[DONE]" {
            break;
        }
        let chunk: Value = serde_json::from_str(&data).map_err(|_| lines.malformed(&data))?;
        if !chunk["error"].is_null() {
            let status = chunk["error"]["code"].as_u64().and_then(|code| u16::try_from(code).ok());
            return Err(error(server.refusal_in_stream(status.unwrap_or(500), chunk), model));
        }
        turn.model(&chunk["model"]);
        count(turn, &chunk["usage"]);
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        turn.write(delta["content"].as_str().unwrap_or_default());
        // What servers call it that show the thinking.
        for field in ["reasoning_content", "reasoning"] {
            turn.think(delta[field].as_str().unwrap_or_default());
        }
        refusal.push_str(delta["refusal"].as_str().unwrap_or_default());
        if let Some(reason) = choice["finish_reason"].as_str() {
            stop = Some(reason.to_owned());
        }
    }
    if !refusal.is_empty() {
        return Err(LlmError::Refused { why: server.quote(&refusal) });
    }
    match stop.as_deref() {
        Some("stop") => Ok(()),
        Some("length") => Err(LlmError::Truncated { max_output_tokens: prompt.max_output_tokens }),
        Some("content_filter") => {
            Err(LlmError::Refused { why: "a filter of the provider stopped the answer".to_owned() })
        }
        Some(other) => {
            Err(LlmError::UnexpectedStop { provider: server.provider, reason: server.quote(other) })
        }
        None => Err(lines.ended_early()),
    }
}

fn count(turn: &mut Turn<'_>, usage: &Value) {
    let Some(prompt) = usage["prompt_tokens"].as_u64() else { return };
    let details = &usage["prompt_tokens_details"];
    let read = details["cached_tokens"].as_u64().unwrap_or(0).min(prompt);
    let written = details["cache_write_tokens"].as_u64().unwrap_or(0).min(prompt - read);
    turn.counts.input = Some(prompt - read - written);
    turn.counts.cache_read = Some(read);
    turn.counts.cache_write = Some(written);
    turn.counts.output = usage["completion_tokens"].as_u64();
}

fn error(refusal: Refusal, model: &str) -> LlmError {
    const SPENT: [&str; 6] = [
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
    ];
    let (kind, code) = (refusal.kind("type"), refusal.kind("code"));
    let sign = if SPENT.contains(&code) || SPENT.contains(&kind) {
        Some(Sign::SpendLimit)
    } else if code == "model_not_found" {
        Some(Sign::UnknownModel)
    } else if code == "context_length_exceeded" || kind == "exceed_context_size_error" {
        Some(Sign::ContextWindow)
    } else {
        None
    };
    refusal.error(model, sign)
}
