//! The *parts* of a request that some servers refuse. One that was refused is left out, or written another way, for the
//! rest of the run.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Value, json};
use shared::env::catalog::{AGENT_EFFORT, AGENT_TEMPERATURE};

use super::config::Effort;
use super::prompt::Prompt;
use super::provider::Provider;

/// A part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `stream_options`, which asks for the counts of tokens. Without it they are estimated.
    StreamOptions,
    Temperature,
    /// The name of the limit of the answer: `max_tokens` or `max_completion_tokens`. The other one is used.
    LimitName,
    /// Messages of the role `system`. Their text stands before the user's first.
    SystemRole,
    Effort,
    /// An answer piece by piece. Without it the answer comes whole.
    Streaming,
}

/// What a request has of the parts that may be refused.
#[derive(Debug)]
pub(super) struct Parts {
    provider: Provider,
    temperature: Option<f32>,
    effort: Option<Effort>,
    /// One bit for each part.
    refused: AtomicU8,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::StreamOptions,
        Self::Temperature,
        Self::LimitName,
        Self::SystemRole,
        Self::Effort,
        Self::Streaming,
    ];

    /// The words by which a server names it, in lower case. Two words stand together.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::StreamOptions => &["stream_options", "include_usage"],
            Self::Temperature => &["temperature"],
            Self::LimitName => &["max_tokens", "max_completion_tokens"],
            Self::SystemRole => &[
                "system role",
                "role system",
                "system message",
                "system messages",
                "system prompt",
                "system instruction",
                "developer instruction",
                "developer role",
                "roles must alternate",
                "role input should be",
                "messages 0 role",
            ],
            Self::Effort => &["reasoning_effort", "output_config", "effort", "think", "thinking"],
            Self::Streaming => &["stream", "streaming"],
        }
    }

    /// The variable that asks for it.
    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Temperature => Some(AGENT_TEMPERATURE.variable().name),
            Self::Effort => Some(AGENT_EFFORT.variable().name),
            Self::StreamOptions | Self::LimitName | Self::SystemRole | Self::Streaming => None,
        }
    }

    /// What is done about a refusal, for the log and the progress.
    pub(super) fn remedy(self) -> String {
        let what = match self {
            Self::LimitName => "asking again with the other name of the limit",
            Self::SystemRole => "asking again with its text in the first message",
            Self::Streaming => "asking again for the answer in one piece",
            Self::StreamOptions | Self::Temperature | Self::Effort => "asking again without it",
        };
        match self.variable() {
            Some(variable) => format!("{what}; unset {variable} to leave it out from the beginning"),
            None => what.to_owned(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StreamOptions => "`stream_options`",
            Self::Temperature => "the temperature of AGENT_TEMPERATURE",
            Self::LimitName => "the name of the answer's limit",
            Self::SystemRole => "a system message",
            Self::Effort => "the effort of AGENT_EFFORT",
            Self::Streaming => "streaming",
        })
    }
}

impl Parts {
    pub(super) fn new(provider: Provider, temperature: Option<f32>, effort: Option<Effort>) -> Self {
        Self { provider, temperature, effort, refused: AtomicU8::new(0) }
    }

    pub(super) fn temperature(&self) -> Option<f32> {
        self.temperature.filter(|_| !self.is_refused(Part::Temperature))
    }

    pub(super) fn effort(&self) -> Option<Effort> {
        self.effort.filter(|_| !self.is_refused(Part::Effort))
    }

    pub(super) fn is_refused(&self, part: Part) -> bool {
        self.refused.load(Ordering::Relaxed) & part.bit() != 0
    }

    /// Notes a refusal. False if it was known, so that nothing is asked twice for the same reason.
    pub(super) fn leave_out(&self, part: Part) -> bool {
        self.refused.fetch_or(part.bit(), Ordering::Relaxed) & part.bit() == 0
    }

    /// The messages as both OpenAI and Ollama write them.
    pub(super) fn messages_of(&self, prompt: &Prompt<'_>) -> Value {
        let messages = prompt
            .messages
            .iter()
            .map(|message| json!({"role": message.role.name(), "content": message.text}));
        if !self.is_refused(Part::SystemRole) {
            let system = json!({"role": "system", "content": prompt.system});
            return std::iter::once(system).chain(messages).collect();
        }
        let mut messages: Vec<Value> = messages.collect();
        if let (Some(first), Some(message)) = (messages.first_mut(), prompt.messages.first()) {
            first["content"] = json!(format!("{}\n\n{}", prompt.system, message.text));
        }
        messages.into()
    }

    /// Whether the next request would have this part, in the form that could be refused.
    fn is_sent(&self, part: Part) -> bool {
        let is_chat = matches!(self.provider, Provider::OpenAi | Provider::Ollama);
        let can_be_sent = match part {
            Part::StreamOptions => self.provider == Provider::OpenAi && !self.is_refused(Part::Streaming),
            Part::Temperature => self.temperature.is_some(),
            Part::LimitName => self.provider == Provider::OpenAi,
            Part::SystemRole => is_chat,
            Part::Effort => self.effort.is_some(),
            Part::Streaming => true,
        };
        can_be_sent && !self.is_refused(part)
    }

    /// The part that an error is about, the first that it names. `text` is the error in the server's words.
    pub(super) fn refused_by(&self, status: Option<u16>, body: &Value, text: &str) -> Option<Part> {
        let is_refusal = matches!(status, Some(400 | 405 | 422 | 501));
        // A chat template that knows no such role fails inside of some servers. Nothing else is told from a failure there.
        if !is_refusal && (status != Some(500) || !self.is_sent(Part::SystemRole)) {
            return None;
        }
        let mut words = String::new();
        gather(body, &mut words, 0);
        words.push(' ');
        words.push_str(text);
        let words = words.to_ascii_lowercase();
        if !REFUSALS.iter().any(|refusal| words.contains(refusal)) {
            return None;
        }
        // Words alone, so that a name is found whole and in whatever quotes.
        let words: Vec<&str> =
            words.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
        let words = format!(" {} ", words.join(" "));
        let first =
            |part: Part| part.names().iter().filter_map(|name| words.find(&format!(" {name} "))).min();
        let sent = Part::ALL.into_iter().filter(|part| self.is_sent(*part));
        let sent = sent.filter(|part| is_refusal || *part == Part::SystemRole);
        sent.filter_map(|part| Some((first(part)?, part))).min_by_key(|(at, _)| *at).map(|(_, part)| part)
    }
}

impl Part {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// How servers say that they do not take something, in lower case. That a value is too large is not among them.
const REFUSALS: [&str; 27] = [
    "unsupported",
    "not support",
    "n't support",
    "unknown",
    "unrecognized",
    "unrecognised",
    "unexpected",
    "extra input",
    "extra field",
    "extra_forbidden",
    "additional propert",
    "not permitted",
    "not allowed",
    "not enabled",
    "not available",
    "not accepted",
    "not implemented",
    "deprecated",
    "only the default",
    "may only",
    "must alternate",
    "must be verified",
    "invalid role",
    "invalid parameter",
    "invalid argument",
    "input should be",
    "cannot be used",
];

/// The texts of an error, what it says of places first. What repeats the request is left out.
fn gather(value: &Value, words: &mut String, depth: usize) {
    const ECHOES: [&str; 4] = ["input", "body", "request", "messages"];
    if depth > 8 {
        return;
    }
    match value {
        Value::String(text) => {
            words.push_str(text);
            words.push(' ');
        }
        Value::Number(number) => {
            words.push_str(&number.to_string());
            words.push(' ');
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, words, depth + 1)),
        Value::Object(fields) => {
            for place in ["param", "loc"] {
                if let Some(value) = fields.get(place) {
                    gather(value, words, depth + 1);
                }
            }
            for (name, value) in fields {
                if !ECHOES.contains(&name.as_str()) && name != "param" && name != "loc" {
                    gather(value, words, depth + 1);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts(provider: Provider) -> Parts {
        Parts::new(provider, Some(0.2), Some(Effort::High))
    }

    #[test]
    fn the_part_is_named_in_many_ways() {
        use Part::{Effort, LimitName, StreamOptions, Streaming, SystemRole, Temperature};
        let error = |message: &str| json!({"error": {"message": message}});
        let at = |place: &[&str], message: &str| json!({"detail": [{"loc": place, "msg": message, "input": {"temperature": 1}}]});
        for (body, expect) in [
            (
                json!({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                                 'max_completion_tokens' instead.", "param": "max_tokens", "code": "unsupported_parameter"}}),
                Some(LimitName),
            ),
            (error("Unrecognized request argument supplied: stream_options"), Some(StreamOptions)),
            (
                json!({"object": "error", "message": {"detail": [{"type": "extra_forbidden",
                       "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}}),
                Some(StreamOptions),
            ),
            (at(&["body", "reasoning_effort"], "Extra inputs are not permitted"), Some(Effort)),
            (
                at(&["body", "messages", "0", "role"], "Input should be 'user' or 'assistant'"),
                Some(SystemRole),
            ),
            (
                error(
                    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value \
                       is supported.",
                ),
                Some(Temperature),
            ),
            (error("`temperature` is deprecated for this model."), Some(Temperature)),
            (
                error("Unsupported value: 'messages[0].role' does not support 'system' with this model."),
                Some(SystemRole),
            ),
            (error("Developer instruction is not enabled for models/gemma-3-27b-it"), Some(SystemRole)),
            (error("Conversation roles must alternate user/assistant/user/assistant/..."), Some(SystemRole)),
            (error("System role not supported"), Some(SystemRole)),
            (error("\"m\" does not support thinking"), Some(Effort)),
            (error("think value \"high\" is not supported for this model"), Some(Effort)),
            (error("This model does not support the effort parameter."), Some(Effort)),
            (error("Your organization must be verified to stream this model."), Some(Streaming)),
            (error("Streaming is not supported"), Some(Streaming)),
            (error("temperature is not supported when reasoning_effort is set"), Some(Temperature)),
            // A value that is wrong is not a part that is refused.
            (error("max_tokens is too large: 32000. This model takes at most 4096 completion tokens."), None),
            (error("Invalid value for 'content': expected a string."), None),
            (error("Unsupported value: 'n'"), None),
            (
                json!({"detail": [{"loc": ["body", "n"], "msg": "Extra inputs are not permitted", "input": {"temperature": 1}}]}),
                None,
            ),
        ] {
            assert_eq!(parts(Provider::OpenAi).refused_by(Some(400), &body, ""), expect, "{body}");
        }
    }

    #[test]
    fn only_what_was_sent_is_left_out_and_once() {
        let body = json!({"error": "temperature is not supported"});
        let refused = |parts: &Parts, status| parts.refused_by(Some(status), &body, "");
        assert_eq!(refused(&Parts::new(Provider::OpenAi, None, None), 400), None);
        let parts = parts(Provider::Ollama);
        for status in [429, 500, 503] {
            assert_eq!(refused(&parts, status), None, "{status}");
        }
        assert_eq!(parts.refused_by(None, &body, ""), None);
        assert_eq!(refused(&parts, 400), Some(Part::Temperature));
        assert!(parts.leave_out(Part::Temperature));
        assert!(!parts.leave_out(Part::Temperature));
        assert_eq!((parts.temperature(), parts.effort()), (None, Some(Effort::High)));
        assert_eq!(refused(&parts, 400), None);
        let no_usage = json!({"error": "unknown field stream_options"});
        assert_eq!(parts.refused_by(Some(400), &no_usage, ""), None);
    }
}
