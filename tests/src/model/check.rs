//! The documented form of each interface's requests, as far as this project uses it: a field that is not known here, or has
//! another type, is a violation, as it would be an error at a strict server or pass unheeded at a lenient one.
//!
//! - <https://platform.claude.com/docs/en/api/messages/create>
//! - <https://github.com/ollama/ollama/blob/main/api/types.go> (`ChatRequest`, `Options`)
//! - <https://platform.openai.com/docs/api-reference/chat/create>

use serde_json::Value;

use super::wire::prompt_bytes;
use super::{KEY, Request, Wire};

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    /// An integer above zero.
    Count,
    Flag,
    List,
    Object,
    Any,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Count => value.as_u64().is_some_and(|count| count > 0),
            Self::Flag => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Any => true,
        }
    }
}

type Fields = &'static [(&'static str, Kind)];

struct Violations {
    wire: Wire,
    found: Vec<String>,
}

impl Violations {
    fn add(&mut self, what: impl std::fmt::Display) {
        self.found.push(format!("{:?}: {what}", self.wire));
    }

    fn require(&mut self, holds: impl Into<Option<bool>>, what: &str) {
        if holds.into() != Some(true) {
            self.add(what);
        }
    }

    /// Checks the fields of an object.
    fn fields(&mut self, at: &str, value: &Value, required: Fields, optional: Fields) {
        let Some(object) = value.as_object() else {
            self.add(format_args!("{at} is no object"));
            return;
        };
        for (name, _) in required {
            if !object.contains_key(*name) {
                self.add(format_args!("{at}.{name} is missing"));
            }
        }
        for (name, value) in object {
            match required.iter().chain(optional).find(|(known, _)| known == name) {
                None => self.add(format_args!("{at}.{name} is not documented")),
                Some((_, kind)) if !kind.fits(value) => {
                    self.add(format_args!("{at}.{name} has the wrong type: {value}"));
                }
                Some(_) => {}
            }
        }
    }
}

/// What a request has wrong.
pub(super) fn violations(request: &Request) -> Vec<String> {
    let mut violations = Violations { wire: request.wire, found: Vec::new() };
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    violations.require(
        header("content-type").map(|kind| kind.starts_with("application/json")),
        "content-type is not application/json",
    );
    violations.require(!request.body.to_string().contains(KEY), "the key is in the body");
    let bearer = format!("Bearer {KEY}");
    match request.wire {
        Wire::Anthropic => {
            violations.require(header("x-api-key").map(|key| key == KEY), "x-api-key is not the key");
            violations.require(
                header("anthropic-version").map(|version| version == "2023-06-01"),
                "anthropic-version is not 2023-06-01",
            );
            violations.require(header("authorization").is_none(), "there is an authorization header");
            anthropic(&request.body, &mut violations);
        }
        // Both are used with and without a key.
        Wire::Ollama => {
            violations.require(
                header("authorization").is_none_or(|given| given == bearer),
                "authorization is not the key",
            );
            ollama(&request.body, &mut violations);
        }
        Wire::OpenAi => {
            violations.require(
                header("authorization").is_none_or(|given| given == bearer),
                "authorization is not the key",
            );
            openai(&request.body, &mut violations);
        }
    }
    violations.found
}

fn anthropic(body: &Value, violations: &mut Violations) {
    violations.fields(
        "body",
        body,
        &[("model", Kind::Text), ("max_tokens", Kind::Count), ("messages", Kind::List)],
        &[
            ("system", Kind::Any),
            ("stream", Kind::Flag),
            ("temperature", Kind::Number),
            ("stop_sequences", Kind::List),
            ("thinking", Kind::Object),
            ("output_config", Kind::Object),
            ("metadata", Kind::Object),
            ("cache_control", Kind::Object),
        ],
    );
    let mut breakpoints = 0;
    let mut blocks = |at: &str, value: &Value, violations: &mut Violations| match value {
        Value::String(text) => violations.require(!text.is_empty(), &format!("{at} is empty")),
        Value::Array(blocks) => {
            violations.require(!blocks.is_empty(), &format!("{at} is empty"));
            for block in blocks {
                violations.fields(
                    at,
                    block,
                    &[("type", Kind::Text), ("text", Kind::Text)],
                    &[("cache_control", Kind::Object)],
                );
                violations.require(block["type"] == "text", &format!("{at} is not a text block"));
                violations.require(block["text"] != "", &format!("{at} has an empty text block"));
                if block["cache_control"].is_object() {
                    breakpoints += 1;
                    violations.fields(
                        "cache_control",
                        &block["cache_control"],
                        &[("type", Kind::Text)],
                        &[("ttl", Kind::Text)],
                    );
                    violations.require(
                        block["cache_control"]["type"] == "ephemeral",
                        "cache_control.type is not ephemeral",
                    );
                }
            }
        }
        _ => violations.add(format_args!("{at} is neither text nor blocks")),
    };
    if !body["system"].is_null() {
        blocks("system", &body["system"], violations);
    }
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    for message in &messages {
        violations.fields("message", message, &[("role", Kind::Text), ("content", Kind::Any)], &[]);
        blocks("message.content", &message["content"], violations);
    }
    violations.require(breakpoints <= 4, "there are more than four cache breakpoints");
    alternate(&messages, violations);
}

fn ollama(body: &Value, violations: &mut Violations) {
    violations.fields(
        "body",
        body,
        &[("model", Kind::Text), ("messages", Kind::List), ("options", Kind::Object)],
        &[
            ("stream", Kind::Flag),
            ("think", Kind::Any),
            ("truncate", Kind::Flag),
            ("shift", Kind::Flag),
            ("keep_alive", Kind::Any),
            ("format", Kind::Any),
        ],
    );
    let options = &body["options"];
    violations.fields(
        "options",
        options,
        &[("num_ctx", Kind::Count), ("num_predict", Kind::Count)],
        &[("temperature", Kind::Number), ("seed", Kind::Number), ("stop", Kind::List)],
    );
    let window = options["num_ctx"].as_u64().unwrap_or(0);
    let needed = (prompt_bytes(body) / 4) as u64 + options["num_predict"].as_u64().unwrap_or(0);
    violations.require(window >= needed, "options.num_ctx is smaller than the prompt and its answer");
    violations.require(body["truncate"] == false, "truncate is not forbidden");
    chat(body, violations);
}

fn openai(body: &Value, violations: &mut Violations) {
    violations.fields(
        "body",
        body,
        &[("model", Kind::Text), ("messages", Kind::List)],
        &[
            ("max_tokens", Kind::Count),
            ("max_completion_tokens", Kind::Count),
            ("stream", Kind::Flag),
            ("stream_options", Kind::Object),
            ("temperature", Kind::Number),
            ("stop", Kind::Any),
            ("seed", Kind::Number),
            ("reasoning_effort", Kind::Text),
            ("response_format", Kind::Object),
        ],
    );
    let limits =
        ["max_tokens", "max_completion_tokens"].iter().filter(|name| !body[**name].is_null()).count();
    violations.require(limits == 1, "there is not exactly one limit of the answer");
    if !body["stream_options"].is_null() {
        violations.require(body["stream"] == true, "stream_options without stream");
        violations.fields(
            "stream_options",
            &body["stream_options"],
            &[("include_usage", Kind::Flag)],
            &[("include_obfuscation", Kind::Flag)],
        );
    }
    chat(body, violations);
}

/// Messages with the system prompt among them.
fn chat(body: &Value, violations: &mut Violations) {
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    for message in &messages {
        violations.fields("message", message, &[("role", Kind::Text), ("content", Kind::Text)], &[]);
    }
    match messages.split_first() {
        Some((first, rest)) if first["role"] == "system" => alternate(rest, violations),
        _ => alternate(&messages, violations),
    }
}

/// The user speaks first and last, and the two take turns.
fn alternate(messages: &[Value], violations: &mut Violations) {
    let expected = ["user", "assistant"].into_iter().cycle();
    let takes_turns = messages.iter().zip(expected).all(|(message, role)| message["role"] == role);
    violations.require(
        takes_turns && messages.len() % 2 == 1,
        "user and assistant do not take turns, or the user is not last",
    );
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn check(wire: Wire, headers: &[(&'static str, &'static str)], body: Value, expect: &[&str]) {
        let mut map = HeaderMap::new();
        map.insert("content-type", "application/json".parse().unwrap());
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let found = violations(&Request { wire, headers: map, body });
        let expect: Vec<String> = expect.iter().map(|what| format!("{wire:?}: {what}")).collect();
        assert_eq!(found, expect);
    }

    const ANTHROPIC: [(&str, &str); 2] = [("x-api-key", KEY), ("anthropic-version", "2023-06-01")];

    #[test]
    fn anthropic_requests() {
        let user = json!([{"role": "user", "content": "hello"}]);
        check(
            Wire::Anthropic,
            &ANTHROPIC,
            json!({"model": "m", "max_tokens": 9, "messages": user, "stream": true}),
            &[],
        );
        check(
            Wire::Anthropic,
            &[("authorization", "Bearer x")],
            json!({"model": "m", "max_tokens": 0, "messages": [{"role": "assistant", "content": ""}], "stop": 1}),
            &[
                "x-api-key is not the key",
                "anthropic-version is not 2023-06-01",
                "there is an authorization header",
                "body.max_tokens has the wrong type: 0",
                "body.stop is not documented",
                "message.content is empty",
                "user and assistant do not take turns, or the user is not last",
            ],
        );
    }

    #[test]
    fn ollama_requests() {
        let user = json!([{"role": "system", "content": "s"}, {"role": "user", "content": "x".repeat(400)}]);
        let options = json!({"num_ctx": 200, "num_predict": 100});
        check(
            Wire::Ollama,
            &[],
            json!({"model": "m", "messages": user, "options": options, "truncate": false}),
            &[],
        );
        check(
            Wire::Ollama,
            &[("authorization", "Bearer other")],
            json!({"model": "m", "messages": user, "options": {"num_predict": 100}}),
            &[
                "authorization is not the key",
                "options.num_ctx is missing",
                "options.num_ctx is smaller than the prompt and its answer",
                "truncate is not forbidden",
            ],
        );
    }

    #[test]
    fn openai_requests() {
        let user = json!([{"role": "user", "content": "hello"}]);
        check(Wire::OpenAi, &[], json!({"model": "m", "messages": user, "max_tokens": 9}), &[]);
        check(
            Wire::OpenAi,
            &[],
            json!({"model": "m", "messages": [{"role": "user", "content": []}], "stream_options": {"include_usage": 1}}),
            &[
                "there is not exactly one limit of the answer",
                "stream_options without stream",
                "stream_options.include_usage has the wrong type: 1",
                "message.content has the wrong type: []",
            ],
        );
    }
}
