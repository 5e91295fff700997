//! *Following up* on a pull request: each numbered comment of its reviewers gets a change, an answer or a question.

use std::time::Instant;

use super::acceptance::{Change, Measure, Rule, Try};
use super::complaint::{Complaint, Proposed};
use super::{Account, Cycle, Times};
use crate::check::CheckedPatch;
use crate::context::pack::Context;
use crate::engine::Engine;
use crate::outcome::{Failure, Reason};
use crate::progress::Step;
use crate::protocol::ask::{Follow, Goal};
use crate::protocol::{Answer, Word, WordKind};

/// What to do where the model could not.
const NEXT: &str =
    "Say it in other words on the pull request, and comment `/fix`; or push the change yourself.";

/// What came of the comments.
pub struct Followed {
    /// One for each comment that was answered, in the order of their numbers.
    pub words: Vec<Word>,
    /// `None` where nothing changes.
    pub patch: Option<CheckedPatch>,
    /// What the model calls the change.
    pub title: Option<String>,
    /// What was proposed and is not part of it, and what a reviewer should look at, sentences for people.
    pub notes: Vec<String>,
    pub account: Account,
}

/// The part of that which is the model's.
struct Answered {
    words: Vec<Word>,
    change: Option<(CheckedPatch, Proposed)>,
}

impl Cycle<'_> {
    /// Answers each comment of a pull request.
    pub async fn follow(mut self, follow: Follow<'_>) -> Result<Followed, Failure> {
        let goal = Goal::Follow(follow);
        let Engine::Model(llm) = self.engine else {
            let what = "The rule-based engine reads no reviews.";
            return Err(Failure::new(
                Reason::Declined,
                what,
                "Configure a model, or push the change yourself.",
            ));
        };
        let mut times = Times::default();
        let mut context = self.read(goal, &mut times)?;
        let mut talk = self.begin(llm, &context, goal);
        let answer = self.ask_and_look(&mut talk, &mut context, &mut times).await?;
        let nothing = Proposed::default();
        let first = self.accept_words(&context, &answer, nothing, follow.count, Try::First, &mut times);
        let answered = match first {
            Ok(answered) => answered,
            Err(complaint) => {
                let corrected = self.ask_corrected(&mut talk, &mut context, &answer, complaint, &mut times);
                let (answer, kept) = corrected.await.map_err(elsewhere)?;
                self.accept_words(&context, &answer, kept, follow.count, Try::Last, &mut times)
                    .map_err(|complaint| elsewhere(talk.failure(&complaint)))?
            }
        };
        let account = self.account(context, times);
        let Answered { words, change } = answered;
        let (patch, title, notes) = match change {
            None => (None, None, Vec::new()),
            Some((patch, proposed)) => {
                let notes = [patch.warnings(), proposed.left_out, patch.notes()].concat();
                (Some(patch), proposed.title, notes)
            }
        };
        Ok(Followed { words, patch, title, notes, account })
    }

    fn accept_words(
        &mut self,
        context: &Context,
        answer: &Answer,
        kept: Proposed,
        count: usize,
        turn: Try,
        times: &mut Times,
    ) -> Result<Answered, Complaint> {
        (self.progress)(Step::Checking);
        let started = Instant::now();
        let answered = self.judge_words(context, answer, kept, count, turn);
        times.check += started.elapsed();
        answered
    }

    fn judge_words(
        &self,
        context: &Context,
        answer: &Answer,
        kept: Proposed,
        count: usize,
        turn: Try,
    ) -> Result<Answered, Complaint> {
        let mut words = kept.words_with(answer);
        words.sort_by_key(|word| word.number);
        let has_edits =
            !kept.edits.is_empty() || answer.edits.as_ref().map_or(true, |edits| !edits.is_empty());
        if words.is_empty() && !has_edits {
            return Err(wordless(answer, count));
        }
        if let Some(word) = words.iter().find(|word| !(1..=count).contains(&word.number)) {
            return Err(bad(format!(
                "There is no comment {}: they are numbered from 1 to {count}.",
                word.number
            )));
        }
        if let Some(word) = words.iter().find(|word| word.kind != WordKind::Fix && word.text.is_empty()) {
            return Err(bad(format!("What is said to comment {} is empty.", word.number)));
        }
        let missing: Vec<String> = (1..=count)
            .filter(|number| words.iter().all(|word| word.number != *number))
            .map(|number| number.to_string())
            .collect();
        if !missing.is_empty() && (turn == Try::First || words.is_empty()) {
            return Err(bad(format!(
                "Nothing is said to: {}. Each comment needs a line `FIX: number`, `ANSWER: number` or `ASK: number`.",
                missing.join(", ")
            )));
        }
        if words.iter().all(|word| word.kind != WordKind::Fix) {
            if has_edits {
                return Err(bad(
                    "There are edits, and no comment is answered with `FIX:`. Say for which they are, or leave them out."
                        .to_owned(),
                ));
            }
            return Ok(Answered { words, change: None });
        }
        let measure = Measure { bounds: None, rule: Rule::Any, turn };
        let kept = Proposed { words: words.clone(), ..kept };
        let Change { patch, proposed, .. } = self.check_edits(context, answer, kept, measure)?;
        Ok(Answered { words, change: Some((patch, proposed)) })
    }
}

fn bad(text: String) -> Complaint {
    Complaint::new(Reason::BadAnswer, text)
}

/// Why an answer that says nothing to anybody cannot be used.
fn wordless(answer: &Answer, count: usize) -> Complaint {
    match &answer.cannot {
        Some(why) => Complaint::new(Reason::Declined, why),
        None if !answer.requests.is_empty() => {
            bad("It asks to see more, but nothing more can be shown.".to_owned())
        }
        None => bad(format!(
            "It says nothing to the comments. Each of the {count} needs a line `FIX: number`, `ANSWER: number` or `ASK: number`."
        )),
    }
}

/// The reviewers are on the pull request, not on the issue.
fn elsewhere(failure: Failure) -> Failure {
    // A limit is the operator's, wherever it is told.
    let is_ours = !failure.is_limit
        && matches!(
            failure.reason,
            Reason::Declined
                | Reason::NoEdits
                | Reason::NoChange
                | Reason::Syntax
                | Reason::EditsDoNotApply
                | Reason::BadAnswer
        );
    if is_ours { Failure { next: NEXT.to_owned(), ..failure } } else { failure }
}
