//! Ollama's own `/api/chat`, streamed as JSON lines (<https://github.com/ollama/ollama/blob/main/docs/api.md>).
//!
//! Ollama loads a model with a window that its settings name, and cuts a longer prompt without a word, so three things
//! are done. The window that the call needs is always sent (`num_ctx`). Cutting is forbidden (`truncate`, `shift`: since
//! 0.12.6; older versions ignore both). And the count of tokens that were read, `prompt_eval_count`, is compared
//! with what was sent: it is the whole prompt's, the part that was cached included, from 0.4 on; before, and in
//! some proxies, it is missing or zero when all was cached, which proves nothing. A tokenizer may join letters, but never
//! two words, so a count below the number of words proves that words are missing; a tenth is left for odd tokenizers.

use serde_json::{Value, json};

use super::Endpoint;
use super::error::LlmError;
use super::http::Server;
use super::lines::Lines;
use super::parts::Part;
use super::prompt::Prompt;
use super::refusal::{Refusal, Sign};
use super::stop::Stop;
use super::turn::Turn;

/// Windows are asked for in steps, since Ollama loads the model again whenever the window changes.
const WINDOW_STEP: u32 = 8192;
/// What a chat template adds to the text of a few messages, in tokens, with room to spare.
const TEMPLATE: u32 = 256;

pub(super) async fn attempt(
    endpoint: &Endpoint,
    prompt: &Prompt<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let num_ctx = window(prompt, endpoint.context_window);
    let refused = |refusal| error(refusal, endpoint);
    let body = body(endpoint, prompt, num_ctx);
    let lines = endpoint.server.post("api/chat", &[], &body, turn, refused).await?;
    read(endpoint, lines, prompt, num_ctx, turn).await
}

/// The window that a prompt and its answer need, as far as the model has it.
fn window(prompt: &Prompt<'_>, context_window: u32) -> u32 {
    let needed = prompt.estimated_tokens.saturating_add(prompt.max_output_tokens).saturating_add(TEMPLATE);
    needed.div_ceil(WINDOW_STEP).saturating_mul(WINDOW_STEP).min(context_window)
}

fn body(endpoint: &Endpoint, prompt: &Prompt<'_>, num_ctx: u32) -> Value {
    let mut body = json!({
        "model": endpoint.spec.model,
        "messages": endpoint.parts.messages_of(prompt),
        "stream": !endpoint.parts.is_refused(Part::Streaming),
        "truncate": false,
        "shift": false,
        "options": {"num_ctx": num_ctx, "num_predict": prompt.max_output_tokens},
    });
    if let Some(temperature) = endpoint.parts.temperature() {
        body["options"]["temperature"] = json!(temperature);
    }
    if let Some(effort) = endpoint.parts.effort() {
        body["think"] = json!(effort.name());
    }
    body
}

async fn read(
    endpoint: &Endpoint,
    mut lines: Lines<'_>,
    prompt: &Prompt<'_>,
    num_ctx: u32,
    turn: &mut Turn<'_>,
) -> Result<(), LlmError> {
    let server = &endpoint.server;
    while let Some(piece) = lines.next_value().await? {
        if let Some(refusal) = server.refusal_in(&piece) {
            return Err(error(refusal, endpoint));
        }
        let Some(done) = piece["done"].as_bool() else { return Err(lines.malformed(&piece.to_string())) };
        turn.model(&piece["model"]);
        turn.write(piece["message"]["content"].as_str().unwrap_or_default());
        turn.think(piece["message"]["thinking"].as_str().unwrap_or_default());
        if done {
            turn.counts.input = piece["prompt_eval_count"].as_u64();
            turn.counts.output = piece["eval_count"].as_u64();
            if let Some(reason) = piece["done_reason"].as_str() {
                turn.finished(reason);
            }
            whole_prompt_was_read(prompt, num_ctx, turn)?;
            return stopped(server, piece["done_reason"].as_str(), prompt);
        }
    }
    Err(lines.ended_early())
}

/// See the module's documentation.
fn whole_prompt_was_read(prompt: &Prompt<'_>, num_ctx: u32, turn: &Turn<'_>) -> Result<(), LlmError> {
    let texts = prompt.messages.iter().map(|message| message.text.as_str());
    let words: u64 = texts.chain([prompt.system]).map(words).sum();
    let at_least = words - words / 10;
    match turn.counts.input {
        Some(evaluated) if evaluated > 0 && evaluated < at_least => {
            Err(LlmError::SilentlyTruncated { at_least, evaluated, num_ctx })
        }
        _ => Ok(()),
    }
}

/// The number of uninterrupted runs of letters.
fn words(text: &str) -> u64 {
    text.split(|c: char| !c.is_alphabetic()).filter(|run| !run.is_empty()).count() as u64
}

fn stopped(server: &Server, reason: Option<&str>, prompt: &Prompt<'_>) -> Result<(), LlmError> {
    // Versions before 0.1.35 give none.
    let Some(reason) = reason else { return Ok(()) };
    match Stop::of(reason) {
        Stop::Done => Ok(()),
        other => Err(other.error(server.provider, server.quote(reason), prompt)),
    }
}

fn error(refusal: Refusal, endpoint: &Endpoint) -> LlmError {
    let message = refusal.message.to_ascii_lowercase();
    let lacks_memory = ["system memory", "out of memory", "cudamalloc failed"];
    let sign = if message.contains("model") && message.contains("not found") {
        Some(Sign::UnknownModel)
    } else if lacks_memory.iter().any(|words| message.contains(words)) {
        Some(Sign::Hopeless)
    } else {
        None
    };
    refusal.error(endpoint, sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters() {
        for (text, expect) in [
            ("", 0),
            ("  \n1234 == {}", 0),
            ("fn parse_header(x: &str)", 5),
            ("naïve Straße 日本語 don't", 5),
        ] {
            assert_eq!(words(text), expect, "{text}");
        }
    }
}
