//! What a model would be *shown*: the messages of the first calls as they would be sent, without a call.

use super::choice::Choice;
use super::talk::Conversation;
use super::{Cycle, Times};
use crate::context::tokens;
use crate::engine::Engine;
use crate::llm::Message;
use crate::outcome::Failure;
use crate::protocol::ask::Goal;

/// One call, before it is made.
pub struct Shown {
    /// What is asked for.
    pub purpose: &'static str,
    pub system: String,
    pub messages: Vec<Message>,
    /// Of all of it, estimated.
    pub tokens: u32,
    pub max_output_tokens: u32,
}

impl Shown {
    fn of(purpose: &'static str, talk: Conversation<'_>) -> Self {
        let said = talk.messages.iter().map(|message| tokens::estimate(&message.text));
        let tokens = said.fold(tokens::estimate(&talk.system), u32::saturating_add);
        let Conversation { system, messages, max_output_tokens, .. } = talk;
        Self { purpose, system, messages, tokens, max_output_tokens }
    }
}

impl Cycle<'_> {
    /// The calls that can be told beforehand: the choice of files, where there is one, and the first question, with the
    /// files that the ranking would give. Nothing without a model.
    pub fn shown(mut self, goal: Goal<'_>) -> Result<Vec<Shown>, Failure> {
        let Engine::Model(llm) = self.engine else { return Ok(Vec::new()) };
        let context = self.read(goal, &mut Times::default())?;
        let mut shown = Vec::new();
        let chooser = self.chooser.unwrap_or(llm);
        if let Some(Choice { talk, .. }) = self.question(chooser, &context, goal) {
            shown.push(Shown::of("choose the files to read", talk));
        }
        let purpose = match goal {
            Goal::Edit => "change",
            Goal::Execute { .. } => "carry out the plan",
            Goal::Repair(_) => "repair",
            Goal::Plan | Goal::Revise { .. } => "plan",
            Goal::Follow(_) => "answer the reviews",
        };
        shown.push(Shown::of(purpose, self.begin(llm, &context, goal)));
        Ok(shown)
    }
}
