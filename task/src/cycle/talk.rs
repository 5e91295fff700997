//! The *talk* of a cycle with its model: questions, answers, and the files that the model asks for in between.

use std::time::Instant;

use super::complaint::{Complaint, Proposed};
use super::failure::unanswered;
use super::{Cycle, MORE_SHARE, READ_ROUNDS, Times, first_line};
use crate::context::more::Outcome;
use crate::context::pack::Context;
use crate::context::tokens;
use crate::llm::{Llm, Message, Progress, Prompt, Role};
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::progress::Step;
use crate::prompt::{MAX_READS, Prompter};
use crate::protocol::ask::Goal;
use crate::protocol::{Answer, Paths};

/// The messages so far; the model's own answers among them.
pub(super) struct Conversation<'a> {
    pub(super) llm: &'a Llm,
    pub(super) prompter: Prompter,
    pub(super) system: String,
    pub(super) messages: Vec<Message>,
    /// How often the model may yet ask for files.
    pub(super) reads_left: u32,
    pub(super) max_output_tokens: u32,
}

impl Cycle<'_> {
    /// Begins the conversation.
    pub(super) fn begin<'g>(&self, llm: &'g Llm, context: &Context, goal: Goal<'_>) -> Conversation<'g> {
        let prompter = Prompter::new(self.issue, context, llm.guidance());
        let system = prompter.system(goal);
        let mut messages = Vec::new();
        if let Some((question, answer)) = prompter.example(goal) {
            messages.push(Message { role: Role::User, text: question });
            messages.push(Message { role: Role::Assistant, text: answer.to_owned() });
        }
        messages.push(Message { role: Role::User, text: prompter.material(self.issue, context, goal) });
        Conversation {
            llm,
            prompter,
            system,
            messages,
            reads_left: READ_ROUNDS,
            max_output_tokens: llm.max_output_tokens(),
        }
    }

    /// Asks, and hands over the files that the model asks for, a bounded number of times in a conversation.
    pub(super) async fn ask_with_reads(
        &mut self,
        talk: &mut Conversation<'_>,
        context: &mut Context,
        times: &mut Times,
    ) -> Result<Answer, Failure> {
        let mut answer = self.ask(talk, context, times).await?;
        while talk.reads_left > 0 && !answer.reads.is_empty() {
            talk.reads_left -= 1;
            let (paths, mut notes) = requested(&answer.reads);
            let answers = context.read_more(&self.workspace.repo(), &paths, self.room() / MORE_SHARE);
            let read: Vec<RepoPath> = answers
                .iter()
                .filter(|answer| matches!(answer.outcome, Outcome::Read(_)))
                .map(|answer| answer.path.clone())
                .collect();
            notes.extend(answers.iter().map(ToString::to_string));
            (self.progress)(Step::ReadingMore { paths });
            let text = talk.prompter.more(context, &read, &notes, talk.reads_left);
            talk.messages.push(said(&answer));
            talk.messages.push(Message { role: Role::User, text });
            answer = self.ask(talk, context, times).await?;
        }
        Ok(answer)
    }

    /// Asks once more, with what was wrong; returns the answer, and what stands of the one before.
    pub(super) async fn ask_corrected(
        &mut self,
        talk: &mut Conversation<'_>,
        context: &mut Context,
        answer: &Answer,
        complaint: Complaint,
        times: &mut Times,
    ) -> Result<(Answer, Proposed), Failure> {
        // A refusal is an answer.
        if complaint.reason == Reason::Declined {
            return Err(complaint.failure(talk.llm));
        }
        (self.progress)(Step::Correcting { why: first_line(&complaint.text).to_owned() });
        talk.messages.push(said(answer));
        talk.messages.push(Message {
            role: Role::User,
            text: talk.prompter.correct(&complaint.text, complaint.kept.edits.len()),
        });
        let answer = self.ask_with_reads(talk, context, times).await?;
        Ok((answer, *complaint.kept))
    }

    pub(super) async fn ask(
        &mut self,
        talk: &mut Conversation<'_>,
        context: &Context,
        times: &mut Times,
    ) -> Result<Answer, Failure> {
        let call = self.ledger.spent().calls + 1;
        (self.progress)(Step::Asking { call, model: talk.llm.name() });
        let started = Instant::now();
        let said = talk
            .messages
            .iter()
            .fold(0_u32, |sum, message| sum.saturating_add(tokens::estimate(&message.text)));
        let prompt = Prompt {
            system: &talk.system,
            messages: &talk.messages,
            max_output_tokens: talk.max_output_tokens,
            estimated_tokens: said.saturating_add(tokens::estimate(&talk.system)),
        };
        let progress = &mut *self.progress;
        let (llm, before) = (talk.llm, self.ledger.spent().money);
        let cost = |bytes| llm.so_far(prompt.estimated_tokens, bytes).map(|call| call.plus(before));
        let reply = llm
            .complete(&prompt, self.ledger, |arrival| match arrival {
                Progress::Thinking { bytes } => progress(Step::Thinking { bytes, cost: cost(bytes) }),
                Progress::Writing { bytes } => progress(Step::Answering { bytes, cost: cost(bytes) }),
                Progress::Retrying { error, pause } => {
                    progress(Step::Waiting { pause, why: error.to_string() });
                }
            })
            .await
            .map_err(|error| unanswered(&error))?;
        times.model += started.elapsed();
        let paths = Paths::new(context.walk.entries().iter().map(|entry| entry.path.as_str()));
        Ok(Answer::read(&reply.text, &paths))
    }
}

/// The paths among what the model asked for, and a note on each that is none.
fn requested(wanted: &[String]) -> (Vec<RepoPath>, Vec<String>) {
    let mut paths = Vec::new();
    let mut notes = Vec::new();
    for name in wanted.iter().take(MAX_READS) {
        match RepoPath::parse(name) {
            Ok(path) => paths.push(path),
            Err(error) => notes.push(format!("{name:?} cannot be read: {error}")),
        }
    }
    if wanted.len() > MAX_READS {
        notes.push(format!("only the first {MAX_READS} files of a request are read"));
    }
    (paths, notes)
}

/// An answer as a part of the conversation.
fn said(answer: &Answer) -> Message {
    Message { role: Role::Assistant, text: answer.text().to_owned() }
}
