//! How each interface writes answers, counts and errors.

use axum::body::Bytes;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Answer, Counts, End, Fault, KEY, Request, Stop};

/// An interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Anthropic,
    Ollama,
    OpenAi,
}

impl Wire {
    pub const ALL: [Self; 3] = [Self::Anthropic, Self::Ollama, Self::OpenAi];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Anthropic => "/v1/messages",
            Self::Ollama => "/api/chat",
            Self::OpenAi => "/v1/chat/completions",
        }
    }

    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wire| wire.path() == path)
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Anthropic | Self::OpenAi => "text/event-stream; charset=utf-8",
            Self::Ollama => "application/x-ndjson",
        }
    }
}

/// The part of a prompt that the request asks to be cached, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Prefix {
    /// What an earlier request had cached.
    pub(super) read: usize,
    /// The rest.
    pub(super) written: usize,
}

/// Everything up to the last cache breakpoint.
pub(super) fn cached_prefix(request: &Request) -> Option<String> {
    let body = &request.body;
    let blocks = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let content = blocks(&body["messages"]).into_iter().flat_map(|message| match &message["content"] {
        Value::String(text) => vec![json!({"type": "text", "text": text})],
        content => blocks(content),
    });
    let mut text = String::new();
    let mut end = None;
    for block in blocks(&body["system"]).into_iter().chain(content) {
        text.push_str(block["text"].as_str().unwrap_or_default());
        if block["cache_control"].is_object() {
            end = Some(text.len());
        }
    }
    end.map(|end| {
        text.truncate(end);
        text
    })
}

/// Bytes of all texts of a prompt.
pub(super) fn prompt_bytes(body: &Value) -> usize {
    fn texts(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(texts).sum(),
            Value::Object(_) => texts(&value["text"]) + texts(&value["content"]),
            _ => 0,
        }
    }
    texts(&body["system"]) + texts(&body["messages"])
}

fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

struct Counted {
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
}

fn counts(request: &Request, prefix: Option<Prefix>, answer: &Answer) -> Option<Counted> {
    match answer.counts {
        Counts::Missing => None,
        Counts::Given { prompt, answer } => {
            Some(Counted { input: prompt, cache_read: 0, cache_write: 0, output: answer })
        }
        Counts::True => {
            let Prefix { read, written } = prefix.unwrap_or(Prefix { read: 0, written: 0 });
            Some(Counted {
                input: tokens(prompt_bytes(&request.body) - read - written),
                cache_read: tokens(read),
                cache_write: tokens(written),
                output: tokens(answer.text.len() + answer.thinking.len()),
            })
        }
    }
}

/// The text in two pieces, as a stream brings it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let middle = text.char_indices().map(|(at, _)| at).nth(text.chars().count() / 2).unwrap_or(0);
    let (first, second) = text.split_at(middle);
    [first, second].into_iter().filter(|piece| !piece.is_empty())
}

/// The stream of an answer, event by event, up to where its end is ordered.
pub(super) fn events(request: &Request, prefix: Option<Prefix>, answer: &Answer) -> Vec<Bytes> {
    let counts = counts(request, prefix, answer);
    let mut events = match request.wire {
        Wire::Anthropic => anthropic_events(request, counts.as_ref(), answer),
        Wire::Ollama => ollama_events(request, counts.as_ref(), answer),
        Wire::OpenAi => openai_events(request, counts.as_ref(), answer),
    };
    if let End::Fault(fault) = &answer.end {
        let (_, body) = fault_body(request, fault);
        events.push(match request.wire {
            Wire::Anthropic => named_event(&body),
            Wire::Ollama => format!("{body}\n"),
            Wire::OpenAi => event(&body),
        });
    }
    events.into_iter().map(Bytes::from).collect()
}

/// The answer in one piece, as it comes where no stream was asked for.
pub(super) fn whole(request: &Request, prefix: Option<Prefix>, answer: &Answer) -> Value {
    let model = &request.body["model"];
    let counts = counts(request, prefix, answer);
    let (input, output) = counts.map_or((0, 0), |counts| (counts.input, counts.output));
    match request.wire {
        Wire::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": answer.text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": output},
        }),
        Wire::Ollama => json!({
            "model": model, "created_at": "2026-11-21T09:00:01Z", "done": true, "done_reason": "stop",
            "message": {"role": "assistant", "content": answer.text},
            "prompt_eval_count": input, "eval_count": output,
        }),
        Wire::OpenAi => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{
                "index": 0, "message": {"role": "assistant", "content": answer.text}, "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
        }),
    }
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn named_event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

/// One piece of text in the middle of a stream.
pub(super) fn text_event(wire: Wire, text: &str) -> String {
    match wire {
        Wire::Anthropic => anthropic_delta(0, &json!({"type": "text_delta", "text": text})),
        Wire::Ollama => ollama_piece("m", &json!({"role": "assistant", "content": text})),
        Wire::OpenAi => openai_chunk("m", &json!({"content": text}), &Value::Null),
    }
}

fn anthropic_delta(index: usize, delta: &Value) -> String {
    named_event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn anthropic_events(request: &Request, counts: Option<&Counted>, answer: &Answer) -> Vec<String> {
    let usage = counts.map_or(json!({"input_tokens": 0, "output_tokens": 0}), |counts| {
        json!({
            "input_tokens": counts.input,
            "cache_creation_input_tokens": counts.cache_write,
            "cache_read_input_tokens": counts.cache_read,
            "output_tokens": 1,
        })
    });
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": request.body["model"], "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage,
    });
    let mut events = vec![
        named_event(&json!({"type": "message_start", "message": message})),
        named_event(&json!({"type": "ping"})),
    ];
    let blocks = [("thinking", "thinking_delta", &answer.thinking), ("text", "text_delta", &answer.text)];
    for (index, (field, delta, text)) in
        blocks.into_iter().filter(|(_, _, text)| !text.is_empty()).enumerate()
    {
        let block = json!({"type": field, field: ""});
        events.push(named_event(
            &json!({"type": "content_block_start", "index": index, "content_block": block}),
        ));
        for piece in pieces(text) {
            events.push(anthropic_delta(index, &json!({"type": delta, field: piece})));
        }
        if matches!(answer.end, End::Whole) {
            events.push(named_event(&json!({"type": "content_block_stop", "index": index})));
        }
    }
    if matches!(answer.end, End::Whole) {
        let (reason, details) = match answer.stop {
            Stop::Done => ("end_turn", Value::Null),
            Stop::Limit => ("max_tokens", Value::Null),
            Stop::Window => ("model_context_window_exceeded", Value::Null),
            Stop::Other(reason) => (reason, Value::Null),
            Stop::Refusal => (
                "refusal",
                json!({"type": "refusal", "category": "cyber", "explanation": "This could enable harm."}),
            ),
        };
        let output = counts.map_or(0, |counts| counts.output);
        events.push(named_event(&json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": null, "stop_details": details},
            "usage": {"output_tokens": output},
        })));
        events.push(named_event(&json!({"type": "message_stop"})));
    }
    events
}

fn ollama_piece(model: &str, message: &Value) -> String {
    let piece =
        json!({"model": model, "created_at": "2026-11-21T09:00:00Z", "message": message, "done": false});
    format!("{piece}\n")
}

fn ollama_events(request: &Request, counts: Option<&Counted>, answer: &Answer) -> Vec<String> {
    let model = request.body["model"].as_str().unwrap_or_default();
    let thoughts = pieces(&answer.thinking)
        .map(|piece| json!({"role": "assistant", "content": "", "thinking": piece}))
        .collect::<Vec<_>>();
    let texts = pieces(&answer.text).map(|piece| json!({"role": "assistant", "content": piece}));
    let mut events: Vec<String> =
        thoughts.into_iter().chain(texts).map(|message| ollama_piece(model, &message)).collect();
    if matches!(answer.end, End::Whole) {
        let reason = match answer.stop {
            Stop::Done | Stop::Refusal => "stop",
            Stop::Limit | Stop::Window => "length",
            Stop::Other(reason) => reason,
        };
        let mut last = json!({
            "model": model, "created_at": "2026-11-21T09:00:01Z", "message": {"role": "assistant", "content": ""},
            "done": true, "done_reason": reason, "total_duration": 1, "load_duration": 1,
        });
        if let Some(counts) = counts {
            last["prompt_eval_count"] = json!(counts.input);
            last["eval_count"] = json!(counts.output);
        }
        events.push(format!("{last}\n"));
    }
    events
}

fn openai_chunk(model: &str, delta: &Value, finish: &Value) -> String {
    event(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": null,
    }))
}

fn openai_events(request: &Request, counts: Option<&Counted>, answer: &Answer) -> Vec<String> {
    let model = request.body["model"].as_str().unwrap_or_default();
    let chunk = |delta: Value| openai_chunk(model, &delta, &Value::Null);
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}))];
    events.extend(pieces(&answer.thinking).map(|piece| chunk(json!({"reasoning_content": piece}))));
    events.extend(pieces(&answer.text).map(|piece| chunk(json!({"content": piece}))));
    if matches!(answer.end, End::Whole) {
        let reason = match answer.stop {
            Stop::Done => "stop",
            Stop::Limit | Stop::Window => "length",
            Stop::Refusal => "content_filter",
            Stop::Other(reason) => reason,
        };
        events.push(openai_chunk(model, &json!({}), &json!(reason)));
        if let Some(counts) = counts {
            events.push(event(&json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [],
                "usage": {
                    "prompt_tokens": counts.input, "completion_tokens": counts.output,
                    "total_tokens": counts.input.saturating_add(counts.output),
                    "prompt_tokens_details": {"cached_tokens": 0},
                },
            })));
        }
        events.push("data: [DONE]\n\n".to_owned());
    }
    events
}

/// The status and the body of an error.
fn fault_body(request: &Request, fault: &Fault) -> (u16, Value) {
    let model = request.body["model"].as_str().unwrap_or_default();
    match request.wire {
        Wire::Anthropic => anthropic_fault(fault, model),
        Wire::Ollama => ollama_fault(fault, model),
        Wire::OpenAi => openai_fault(fault, model),
    }
}

fn anthropic_fault(fault: &Fault, model: &str) -> (u16, Value) {
    let (status, kind, message) = match fault {
        Fault::RateLimit(_) => {
            (429, "rate_limit_error", "This request would exceed your rate limit.".to_owned())
        }
        Fault::Overloaded => (529, "overloaded_error", "Overloaded".to_owned()),
        Fault::ServerError => (500, "api_error", "Internal server error".to_owned()),
        Fault::BadRequest => {
            (400, "invalid_request_error", "temperature: Extra inputs are not permitted".to_owned())
        }
        Fault::BadKey => (401, "authentication_error", format!("invalid x-api-key: {KEY}")),
        Fault::Billing => (402, "billing_error", "Your payment method was declined.".to_owned()),
        Fault::SpendLimit => (429, "rate_limit_error", "Usage has reached the monthly limit.".to_owned()),
        Fault::UnknownModel => (404, "not_found_error", format!("model: {model}")),
        Fault::NoRoute => (404, "not_found_error", "Not Found".to_owned()),
        Fault::PromptTooLong => {
            (400, "invalid_request_error", "prompt is too long: 1000001 tokens > 1000000 maximum".to_owned())
        }
        Fault::NoMemory => (500, "api_error", "out of memory".to_owned()),
    };
    let mut error = json!({"type": kind, "message": message});
    if matches!(fault, Fault::SpendLimit) {
        error["details"] = json!({"error_code": "enforced_spend_limit_reached"});
    }
    (status, json!({"type": "error", "error": error, "request_id": "req_1"}))
}

fn ollama_fault(fault: &Fault, model: &str) -> (u16, Value) {
    let (status, message) = match fault {
        Fault::RateLimit(_) => (429, "too many requests".to_owned()),
        Fault::Overloaded => {
            (503, "server busy, please try again. maximum pending requests exceeded".to_owned())
        }
        Fault::ServerError => (500, "llama runner process has terminated: exit status 2".to_owned()),
        Fault::BadRequest => (400, "invalid options: num_ctx".to_owned()),
        Fault::BadKey => (401, format!("unauthorized: {KEY}")),
        Fault::Billing | Fault::SpendLimit => (402, "usage limit reached, upgrade for more".to_owned()),
        Fault::UnknownModel => (404, format!("model '{model}' not found")),
        Fault::NoRoute => (404, "File Not Found".to_owned()),
        Fault::PromptTooLong => {
            (400, "the prompt is longer than the context length currently available to the model".to_owned())
        }
        Fault::NoMemory => {
            (500, "model requires more system memory (21.5 GiB) than is available (7.1 GiB)".to_owned())
        }
    };
    (status, json!({"error": message}))
}

fn openai_fault(fault: &Fault, model: &str) -> (u16, Value) {
    let (status, kind, code, message) = match fault {
        Fault::RateLimit(_) => {
            (429, "rate_limit_error", json!("rate_limit_exceeded"), "Rate limit reached".to_owned())
        }
        Fault::Overloaded => {
            (503, "service_unavailable_error", json!("server_is_overloaded"), "Try again later".to_owned())
        }
        Fault::ServerError => (500, "server_error", Value::Null, "The server had an error".to_owned()),
        Fault::BadRequest => (
            400,
            "invalid_request_error",
            json!("unsupported_value"),
            "Unsupported value: 'temperature'".to_owned(),
        ),
        Fault::BadKey => (
            401,
            "invalid_request_error",
            json!("invalid_api_key"),
            format!("Incorrect API key provided: {KEY}."),
        ),
        Fault::Billing => (402, "insufficient_quota", Value::Null, "Insufficient credits".to_owned()),
        Fault::SpendLimit => (
            429,
            "insufficient_quota",
            json!("credit_balance_exhausted"),
            "You have no credits left".to_owned(),
        ),
        Fault::NoRoute => (404, "not_found_error", json!(404), "File Not Found".to_owned()),
        Fault::UnknownModel => (
            404,
            "invalid_request_error",
            json!("model_not_found"),
            format!("The model `{model}` does not exist or you do not have access to it."),
        ),
        Fault::PromptTooLong => (
            400,
            "invalid_request_error",
            json!("context_length_exceeded"),
            "Your input exceeds the limit of this model.".to_owned(),
        ),
        Fault::NoMemory => (500, "server_error", Value::Null, "out of memory".to_owned()),
    };
    (status, json!({"error": {"message": message, "type": kind, "param": null, "code": code}}))
}

/// An error in place of an answer.
pub(super) fn fault_response(request: &Request, fault: &Fault) -> Response {
    let (code, body) = fault_body(request, fault);
    let mut response = super::status(code, &body.to_string());
    let headers = response.headers_mut();
    headers.insert("content-type", "application/json".parse().expect("a header value"));
    if let Fault::RateLimit(Some(after)) = fault {
        headers.insert("retry-after", after.parse().expect("a header value"));
    }
    response
}
