//! Anthropic's Messages API, streamed.
//!
//! - Request and events: <https://platform.claude.com/docs/en/build-with-claude/streaming>. No temperature is sent unless one
//!   is configured, and no thinking is asked for or forbidden: current models refuse to have either set.
//! - Effort: <https://platform.claude.com/docs/en/build-with-claude/effort>. Models that have none refuse it.
//! - Cache: breakpoints after the system prompt, after the first user message, which holds the files, and after the last
//!   message: each call of a run repeats all of the one before
//!   (<https://platform.claude.com/docs/en/build-with-claude/prompt-caching>).
//! - Stop reasons: <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>.
//! - Errors: <https://platform.claude.com/docs/en/api/errors>. A spend limit comes as 402, as 429 with an error code, or as
//!   400 with nothing but its words.

use serde_json::{Value, json};

use super::Endpoint;
use super::error::LlmError;
use super::http::Server;
use super::lines::{Event, Lines};
use super::parts::Part;
use super::prompt::{Message, Prompt, Role};
use super::refusal::{Refusal, Sign};
use super::stop::Stop;
use super::turn::Turn;

/// <https://platform.claude.com/docs/en/api/versioning>
const VERSION: &str = "2023-06-01";

pub(super) async fn attempt(
    endpoint: &Endpoint,
    prompt: &Prompt<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let refused = |refusal| error(refusal, endpoint);
    let headers = [("anthropic-version", VERSION)];
    let body = body(endpoint, prompt);
    let lines = endpoint.server.post("v1/messages", &headers, &body, turn, refused).await?;
    read(endpoint, lines, prompt, turn).await
}

fn body(endpoint: &Endpoint, prompt: &Prompt<'_>) -> Value {
    let cached = |text: &str| json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    let first_user = prompt.messages.iter().position(|message| message.role == Role::User);
    let last = prompt.messages.len().checked_sub(1);
    let messages: Vec<Value> = prompt
        .messages
        .iter()
        .enumerate()
        .map(|(at, Message { role, text })| {
            let is_breakpoint = Some(at) == first_user || Some(at) == last;
            let content = if is_breakpoint { cached(text) } else { json!(text) };
            json!({"role": role.name(), "content": content})
        })
        .collect();
    let mut body = json!({
        "model": endpoint.spec.model,
        "max_tokens": prompt.max_output_tokens,
        "system": cached(prompt.system),
        "messages": messages,
        "stream": !endpoint.parts.is_refused(Part::Streaming),
    });
    if let Some(temperature) = endpoint.parts.temperature() {
        body["temperature"] = json!(temperature);
    }
    if let Some(effort) = endpoint.parts.effort() {
        body["output_config"] = json!({"effort": effort.name()});
    }
    body
}

async fn read(
    endpoint: &Endpoint,
    mut lines: Lines<'_>,
    prompt: &Prompt<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let server = &endpoint.server;
    let mut stop = None;
    while let Some(Event { name, data: event }) = lines.next_event().await? {
        if let Some(refusal) = server.refusal_in(&event) {
            return Err(error(refusal, endpoint));
        }
        // A server that imitates the interface may leave the type to the event's name.
        match event["type"].as_str().or_else(|| Some(name.as_str()).filter(|name| !name.is_empty())) {
            // A server that does not stream sends the message whole.
            Some("message") => {
                turn.model(&event["model"]);
                count(turn, &event["usage"]);
                for block in event["content"].as_array().into_iter().flatten() {
                    if block["type"] == "text" {
                        turn.begin_block();
                    }
                    piece(turn, block);
                }
                let Some(reason) = event["stop_reason"].as_str() else { return Err(lines.ended_early()) };
                turn.finished(reason);
                return stopped(server, reason, &event["stop_details"], prompt);
            }
            Some("message_start") => {
                turn.model(&event["message"]["model"]);
                count(turn, &event["message"]["usage"]);
            }
            Some("content_block_start") => {
                if event["content_block"]["type"] == "text" {
                    turn.begin_block();
                }
                piece(turn, &event["content_block"]);
            }
            Some("content_block_delta") => piece(turn, &event["delta"]),
            Some("message_delta") => {
                count(turn, &event["usage"]);
                if let Some(reason) = event["delta"]["stop_reason"].as_str() {
                    stop = Some((reason.to_owned(), event["delta"]["stop_details"].clone()));
                }
            }
            Some("message_stop") => {
                let Some((reason, details)) = stop else { return Err(lines.ended_early()) };
                turn.finished(&reason);
                return stopped(server, &reason, &details, prompt);
            }
            // Events that are new to us are to be ignored, says the documentation; `ping` and `content_block_stop` too.
            Some(_) => {}
            None => return Err(lines.malformed(&event.to_string())),
        }
    }
    Err(lines.ended_early())
}

/// Takes the text of a block, or of a piece of one, and notes that there was thinking.
fn piece(turn: &mut Turn<'_>, piece: &Value) {
    match piece["type"].as_str() {
        Some("text" | "text_delta") => turn.write(piece["text"].as_str().unwrap_or_default()),
        Some("thinking" | "thinking_delta") => turn.think(piece["thinking"].as_str().unwrap_or_default()),
        _ => {}
    }
}

/// Takes the counts of a usage object. Those of `message_delta` are totals, and need not repeat those of `message_start`.
fn count(turn: &mut Turn<'_>, usage: &Value) {
    let counts = &mut turn.counts;
    for (count, field) in [
        (&mut counts.input, "input_tokens"),
        (&mut counts.output, "output_tokens"),
        (&mut counts.cache_read, "cache_read_input_tokens"),
        (&mut counts.cache_write, "cache_creation_input_tokens"),
    ] {
        if let Some(value) = usage[field].as_u64() {
            *count = Some(value);
        }
    }
}

fn stopped(server: &Server, reason: &str, details: &Value, prompt: &Prompt<'_>) -> Result<(), LlmError> {
    let error = match Stop::of(reason) {
        Stop::Done => return Ok(()),
        Stop::Withheld => {
            let why = [&details["explanation"], &details["category"]].into_iter().find_map(Value::as_str);
            let why = why.map_or_else(|| "it gives no reason".to_owned(), |why| server.quote(why));
            LlmError::Refused { why }
        }
        other => other.error(server.provider, server.quote(reason), prompt),
    };
    Err(error)
}

fn error(refusal: Refusal, endpoint: &Endpoint) -> LlmError {
    let code = refusal.body["error"]["details"]["error_code"].as_str();
    let spent = code == Some("enforced_spend_limit_reached")
        || refusal.kind("type") == "billing_error"
        || refusal.message.starts_with("You have reached your specified ")
        || refusal.message.contains("credit balance is too low");
    refusal.error(endpoint, spent.then_some(Sign::SpendLimit))
}
