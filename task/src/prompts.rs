//! The *prompts* of a run that was not made: what the model would be sent, for a person or a program.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cycle::Shown;
use crate::git::workspace::Workspace;
use crate::issue::Issue;
use crate::report::{BaseFacts, IssueFacts};
use crate::terminal::{Colour, visible};

/// See the module's documentation.
#[derive(Clone, Debug, Serialize)]
pub struct Prompts {
    /// `shown`; a failure says `failed`.
    pub outcome: &'static str,
    pub issue: IssueFacts,
    pub base: BaseFacts,
    /// `provider:model`.
    pub model: String,
    #[serde(rename = "prompts")]
    pub calls: Vec<PromptFacts>,
}

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct PromptFacts {
    /// What is asked for, a clause.
    pub purpose: &'static str,
    /// Estimated.
    pub tokens: u32,
    pub max_output_tokens: u32,
    /// The standing instructions.
    pub system: String,
    pub messages: Vec<MessageFacts>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MessageFacts {
    pub role: &'static str,
    pub text: String,
}

impl Prompts {
    /// `clean` strikes secrets out.
    pub fn new(
        issue: &Issue,
        workspace: &Workspace,
        model: String,
        shown: Vec<Shown>,
        clean: impl Fn(&str) -> String,
    ) -> Self {
        let facts = |shown: Shown| PromptFacts {
            purpose: shown.purpose,
            tokens: shown.tokens,
            max_output_tokens: shown.max_output_tokens,
            system: clean(&shown.system),
            messages: shown
                .messages
                .iter()
                .map(|message| MessageFacts { role: message.role.name(), text: clean(&message.text) })
                .collect(),
        };
        Self {
            outcome: "shown",
            issue: IssueFacts::of(issue),
            base: BaseFacts::of(workspace),
            model,
            calls: shown.into_iter().map(facts).collect(),
        }
    }

    /// The messages one below the other, each below a line that says what it is.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = String::new();
        for (number, prompt) in (1..).zip(&self.calls) {
            let head = format!(
                "=== Call {number}: {}, by {} (about {} tokens, and up to {} of the answer)",
                prompt.purpose, self.model, prompt.tokens, prompt.max_output_tokens
            );
            writeln!(text, "{}", colour.bold(&head)).expect("a String takes any text");
            let system = std::iter::once(("system", prompt.system.as_str()));
            let messages = prompt.messages.iter().map(|message| (message.role, message.text.as_str()));
            for (role, said) in system.chain(messages) {
                let head = format!("--- {role}");
                writeln!(text, "{}\n{}\n", colour.bold(&head), visible(said).trim_end())
                    .expect("a String takes any text");
            }
        }
        text
    }
}
