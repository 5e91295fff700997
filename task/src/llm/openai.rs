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

use super::Endpoint;
use super::error::LlmError;
use super::http::Server;
use super::lines::Lines;
use super::parts::Part;
use super::prompt::Prompt;
use super::refusal::{Refusal, Sign};
use super::stop::Stop;
use super::turn::Turn;

pub(super) async fn attempt(
    endpoint: &Endpoint,
    prompt: &Prompt<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let refused = |refusal| error(refusal, endpoint);
    let body = body(endpoint, prompt);
    let lines = endpoint.server.post("chat/completions", &[], &body, turn, refused).await?;
    read(endpoint, lines, prompt, turn).await
}

fn body(endpoint: &Endpoint, prompt: &Prompt<'_>) -> Value {
    let parts = &endpoint.parts;
    let is_new_name = is_openai(endpoint) != parts.is_refused(Part::LimitName);
    let limit = if is_new_name { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({
        "model": endpoint.spec.model,
        "messages": parts.messages_of(prompt),
        "stream": !parts.is_refused(Part::Streaming),
        limit: prompt.max_output_tokens,
    });
    if !parts.is_refused(Part::Streaming) && !parts.is_refused(Part::StreamOptions) {
        body["stream_options"] = json!({"include_usage": true});
    }
    if let Some(temperature) = parts.temperature() {
        body["temperature"] = json!(temperature);
    }
    if let Some(effort) = parts.effort() {
        body["reasoning_effort"] = json!(effort.name());
    }
    body
}

/// Whether OpenAI's own models answer: at OpenAI or at Azure.
fn is_openai(endpoint: &Endpoint) -> bool {
    let Some(Host::Domain(name)) = endpoint.server.base_url.host() else { return false };
    name == "api.openai.com" || name.ends_with(".api.openai.com") || name.ends_with(".openai.azure.com")
}

async fn read(
    endpoint: &Endpoint,
    mut lines: Lines<'_>,
    prompt: &Prompt<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let server = &endpoint.server;
    let mut stop: Option<String> = None;
    let mut refusal = String::new();
    while let Some(event) = lines.next_event().await? {
        let chunk = event.data;
        if let Some(refusal) = server.refusal_in(&chunk) {
            return Err(error(refusal, endpoint));
        }
        turn.model(&chunk["model"]);
        count(turn, &chunk["usage"]);
        let choice = &chunk["choices"][0];
        // A server that does not stream sends the message whole.
        let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        content(turn, &delta["content"]);
        // What servers call it that show the thinking.
        for field in ["reasoning_content", "reasoning"] {
            turn.think(delta[field].as_str().unwrap_or_default());
        }
        refusal.push_str(delta["refusal"].as_str().unwrap_or_default());
        match choice["finish_reason"].as_str() {
            // Some servers write one of these until the last chunk.
            None | Some("" | "null") => {}
            Some(reason) => stop = Some(reason.to_owned()),
        }
    }
    if !refusal.is_empty() {
        return Err(LlmError::Refused { why: server.quote(&refusal) });
    }
    let Some(reason) = stop else { return Err(lines.ended_early()) };
    turn.finished(&reason);
    stopped(server, &reason, prompt)
}

fn stopped(server: &Server, reason: &str, prompt: &Prompt<'_>) -> Result<(), LlmError> {
    let error = match Stop::of(reason) {
        Stop::Done => return Ok(()),
        Stop::Withheld => LlmError::Refused { why: "a filter of the provider stopped the answer".to_owned() },
        other => other.error(server.provider, server.quote(reason), prompt),
    };
    Err(error)
}

/// Takes the text of a message or of a piece of one: a text, or parts of which some are thinking (Mistral's form).
fn content(turn: &mut Turn<'_>, content: &Value) {
    match content {
        Value::String(text) => turn.write(text),
        Value::Array(parts) => {
            for part in parts {
                match part["type"].as_str() {
                    Some("text" | "output_text") => turn.write(part["text"].as_str().unwrap_or_default()),
                    Some("thinking" | "reasoning") => think(turn, &part["thinking"]),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Notes thinking, which is a text or parts of it.
fn think(turn: &mut Turn<'_>, thinking: &Value) {
    match thinking {
        Value::String(text) => turn.think(text),
        Value::Array(parts) => parts.iter().for_each(|part| think(turn, &part["text"])),
        _ => {}
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

fn error(refusal: Refusal, endpoint: &Endpoint) -> LlmError {
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
    refusal.error(endpoint, sign)
}
