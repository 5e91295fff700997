//! The *talk* of a cycle with its model: questions, answers, and what the model asks to see in between.

use std::time::Instant;

use shared::otlp;
use shared::otlp::catalog::{CORRECTIONS, ERROR_TYPE};

use super::complaint::{Complaint, Proposed};
use super::failure::unanswered;
use super::{Cycle, Times, first_line};
use crate::context::pack::Context;
use crate::context::tokens;
use crate::llm::{Ledger, Llm, Message, Progress, Prompt, Role, Scarce};
use crate::outcome::{Failure, Reason};
use crate::progress::{NoMore, Step};
use crate::prompt::{MAX_REQUESTS, More, Offer, Prompter};
use crate::protocol::ask::{Broken, Follow, Goal};
use crate::protocol::{Answer, Paths};

/// Part of the first message's tokens that the answers of one round may take.
const ROUND_SHARE: u32 = 2;
/// Tokens that stay free for the model's own words and for a correction.
const SPARE_TOKENS: u32 = 2_000;
/// With a smaller window than this there is room for files that are asked for by name, and for little else.
const LOOKING_WINDOW: u32 = 16_000;
/// Calls that a round has to leave room for: the answer to it, and one more.
const CALLS_TO_COME: u64 = 2;

/// The messages so far; the model's own answers among them.
pub(super) struct Conversation<'a> {
    pub(super) llm: &'a Llm,
    pub(super) prompter: Prompter,
    pub(super) system: String,
    pub(super) messages: Vec<Message>,
    /// How often the model may yet ask to see more.
    pub(super) rounds_left: u32,
    /// Why it may not.
    pub(super) no_more: Option<NoMore>,
    pub(super) max_output_tokens: u32,
}

impl Conversation<'_> {
    /// Tokens of all that was said.
    fn tokens(&self) -> u32 {
        tokens_of(&self.system, &self.messages)
    }

    /// The words for people when there is no further try.
    pub(super) fn failure(&self, complaint: &Complaint) -> Failure {
        complaint.failure(self.llm, self.no_more)
    }
}

impl Cycle<'_> {
    /// Begins the conversation.
    pub(super) fn begin<'g>(&self, llm: &'g Llm, context: &Context, goal: Goal<'_>) -> Conversation<'g> {
        let more = match goal {
            Goal::Repair(Broken { evidence, diff, .. }) => vec![evidence, diff],
            Goal::Follow(Follow { said, change, .. }) => vec![said, change],
            Goal::Revise { plan, feedback } => vec![plan, feedback],
            Goal::Execute { plan } => vec![plan],
            Goal::Edit | Goal::Plan => Vec::new(),
        };
        let prompter = Prompter::new(self.issue, context, &more, llm.guidance());
        let offer = match self.rounds {
            0 => Offer::Nothing,
            _ if llm.context_window() < LOOKING_WINDOW => Offer::Files,
            _ => Offer::All,
        };
        let system = prompter.system(goal, offer);
        let mut messages = Vec::new();
        if let Some((question, answer)) = prompter.example(goal) {
            messages.push(Message { role: Role::User, text: question });
            messages.push(Message { role: Role::Assistant, text: answer.to_owned() });
        }
        let said = format!("{}\n{}", self.issue.title.as_str(), self.issue.body.as_str());
        let unreadable = context.unreadable_named(&self.workspace.repo(), &said);
        let material = prompter.material(self.issue, context, goal, &unreadable);
        messages.push(Message { role: Role::User, text: material });
        Conversation {
            llm,
            prompter,
            system,
            messages,
            rounds_left: self.rounds,
            no_more: None,
            max_output_tokens: llm.max_output_tokens(),
        }
    }

    /// Asks, and shows what the model asks to see, in a bounded number of rounds in a conversation.
    ///
    /// An answer that asks to see something is no change yet, whatever else it has: its edits are dropped, and the model
    /// is told. When no round is left, what is asked for does not count.
    pub(super) async fn ask_and_look(
        &mut self,
        talk: &mut Conversation<'_>,
        context: &mut Context,
        times: &mut Times,
    ) -> Result<Answer, Failure> {
        let mut answer = self.ask(talk, &paths(context), times).await?;
        while talk.rounds_left > 0 && !answer.requests.is_empty() {
            talk.rounds_left -= 1;
            talk.messages.push(said(&answer));
            let text = self.looked_up(talk, context, &answer);
            talk.messages.push(Message { role: Role::User, text });
            answer = self.ask(talk, &paths(context), times).await?;
        }
        if !answer.requests.is_empty() && talk.no_more.is_none() {
            self.end_looking(talk, NoMore::Rounds(self.rounds));
        }
        Ok(answer)
    }

    /// Notes why the model is shown no more, and says so.
    fn end_looking(&mut self, talk: &mut Conversation<'_>, why: NoMore) {
        talk.rounds_left = 0;
        talk.no_more = Some(why);
        (self.progress)(Step::NoMore(why));
    }

    /// What an answer asks to see, in words; ends the rounds where this is the last that can be paid for.
    fn looked_up(&mut self, talk: &mut Conversation<'_>, context: &mut Context, answer: &Answer) -> String {
        let budget = self.round_tokens(talk);
        let found = context.look_up(self.workspace.shared(), &answer.requests, MAX_REQUESTS, budget);
        let mut paths = found.asked.clone();
        paths.dedup();
        (self.progress)(Step::ReadingMore { paths, searches: found.searches });
        let (prompt, output) = (talk.tokens().saturating_add(budget), talk.max_output_tokens);
        let mut last = None;
        let no_more = if !found.is_new && !found.is_left_out {
            Some(NoMore::Known)
        } else if let Some(scarce) = self.lacks(talk, prompt, output, CALLS_TO_COME) {
            Some(NoMore::Ceiling(scarce))
        } else if talk.rounds_left == 0 {
            Some(NoMore::Rounds(self.rounds))
        } else {
            // The next round would have less.
            (budget < SPARE_TOKENS.min(self.room() / ROUND_SHARE)).then_some(NoMore::Window)
        };
        if let Some(why) = no_more {
            self.end_looking(talk, why);
            if why.is_limit() {
                last = Some(format!("This is the last that can be looked up: {why}"));
            }
        }
        let mut answers = found.answers(talk.rounds_left == 0);
        answers.extend(last);
        let more = More {
            files: &found.files,
            answers: &answers,
            is_last: talk.rounds_left == 0,
            is_stale: found.is_had,
            has_edits: answer.edits.as_ref().map_or(true, |edits| !edits.is_empty()),
        };
        talk.prompter.more(context, &more)
    }

    /// Tokens that what is shown next may take: of the window, and of what may be spent.
    fn round_tokens(&self, talk: &Conversation<'_>) -> u32 {
        let said = talk.tokens();
        let taken = said.saturating_add(talk.max_output_tokens).saturating_add(SPARE_TOKENS);
        let window = talk.llm.context_window().saturating_sub(taken);
        let mut tokens = (self.room() / ROUND_SHARE).min(window);
        // Less, where that is what can be paid for.
        while tokens > SPARE_TOKENS
            && self.lacks(talk, said.saturating_add(tokens), talk.max_output_tokens, 1).is_some()
        {
            tokens /= 2;
        }
        tokens
    }

    fn lacks(&self, talk: &Conversation<'_>, prompt: u32, output: u32, calls: u64) -> Option<Scarce> {
        self.ledger.lacks(&talk.llm.name(), talk.llm.pricing(), prompt.into(), output.into(), calls)
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
            return Err(talk.failure(&complaint));
        }
        self.complain(talk, answer, &complaint);
        let answer = self.ask_and_look(talk, context, times).await?;
        Ok((answer, *complaint.kept))
    }

    /// Says what was wrong with an answer, as the next message.
    pub(super) fn complain(&mut self, talk: &mut Conversation<'_>, answer: &Answer, complaint: &Complaint) {
        otlp::count(&CORRECTIONS, &[(&ERROR_TYPE, &complaint.reason.name())]);
        (self.progress)(Step::Correcting { why: first_line(&complaint.text).to_owned() });
        talk.messages.push(said(answer));
        let mut text = complaint.text.trim_end().to_owned();
        // It asked for more, or is told to.
        if let Some(why) = talk.no_more.filter(|why| why.is_limit())
            && (!answer.requests.is_empty() || text.contains("`READ: "))
        {
            text = format!("{text}\nNothing more can be looked up: {why}.");
        }
        let text = talk.prompter.correct(&text, complaint.kept.edits.len());
        talk.messages.push(Message { role: Role::User, text });
    }

    /// Asks, and reads the answer, in which these paths can be named.
    pub(super) async fn ask(
        &mut self,
        talk: &mut Conversation<'_>,
        paths: &Paths<'_>,
        times: &mut Times,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        let said = (talk.system.as_str(), talk.messages.as_slice());
        let reply = send(talk.llm, self.ledger, said, talk.max_output_tokens, self.progress).await?;
        times.model += started.elapsed();
        Ok(Answer::read(&reply, paths))
    }
}

/// Sends the standing instructions and the messages so far to a model, and returns what it says.
pub(crate) async fn send(
    llm: &Llm,
    ledger: &mut Ledger,
    (system, messages): (&str, &[Message]),
    max_output_tokens: u32,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<String, Failure> {
    let spent = ledger.spent();
    progress(Step::Asking { call: spent.calls + 1, model: llm.name() });
    let estimated_tokens = tokens_of(system, messages);
    let prompt = Prompt { system, messages, max_output_tokens, estimated_tokens };
    let cost = |bytes| llm.so_far(estimated_tokens, bytes).map(|call| call.plus(spent.money));
    let reply = llm
        .complete(&prompt, ledger, |arrival| match arrival {
            Progress::Thinking { bytes } => progress(Step::Thinking { bytes, cost: cost(bytes) }),
            Progress::Writing { bytes } => progress(Step::Answering { bytes, cost: cost(bytes) }),
            Progress::Retrying { error, pause } => progress(Step::Waiting { pause, why: error.to_string() }),
        })
        .await;
    reply.map(|reply| reply.text).map_err(|error| unanswered(&error))
}

fn tokens_of(system: &str, messages: &[Message]) -> u32 {
    let said = messages.iter().map(|message| tokens::estimate(&message.text));
    said.fold(tokens::estimate(system), u32::saturating_add)
}

/// The paths of the repository.
pub(super) fn paths(context: &Context) -> Paths<'_> {
    Paths::new(context.walk.entries().iter().map(|entry| entry.path.as_str()))
}

/// An answer as a part of the conversation.
fn said(answer: &Answer) -> Message {
    Message { role: Role::Assistant, text: answer.text().to_owned() }
}
