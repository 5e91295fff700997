//! *Settling* the conflicts of a merge: the model gives the lines for each, and nothing else of a file can be another one.

use std::time::Instant;

use super::complaint::Complaint;
use super::talk::Conversation;
use super::{CHECK_TIME, Cycle, Times};
use crate::check;
use crate::engine::Engine;
use crate::llm::{Llm, Message, Role};
use crate::merge::{Conflict, MergedFile, Part};
use crate::outbound::REDACTED;
use crate::outcome::{Failure, Reason};
use crate::parser::Parsers;
use crate::progress::Step;
use crate::prompt::{ConflictLines, Conflicts, Prompter};
use crate::protocol::{Action, Answer, Paths};

/// Lines around a conflict that are shown.
const AROUND: usize = 20;
/// What a conflict's name begins with.
const NAME: &str = "conflict-";
/// What to do where the model could not.
pub const BY_HAND: &str =
    "Merge the base into the branch on your machine, settle the conflicts, and push the branch.";

/// What is to be settled, and what both sides want.
#[derive(Clone, Copy)]
pub struct Dispute<'a> {
    /// The files with conflicts.
    pub files: &'a [&'a MergedFile],
    /// What the branch changes in them, as a diff.
    pub ours: &'a str,
    /// What its base has changed since, as a diff.
    pub theirs: &'a str,
    /// The subjects of the base's commits since then, one a line.
    pub subjects: &'a str,
}

/// What came of it.
pub struct Settled {
    /// The files in their order, whole.
    pub contents: Vec<Vec<u8>>,
    /// What the model says of it, Markdown.
    pub summary: Option<String>,
    /// What a reviewer should look at, sentences.
    pub notes: Vec<String>,
}

impl Cycle<'_> {
    /// Settles each conflict.
    pub async fn settle(mut self, dispute: Dispute<'_>) -> Result<Settled, Failure> {
        let Engine::Model(llm) = self.engine else {
            let what = "The rule-based engine settles no conflicts.";
            return Err(Failure::new(Reason::Declined, what, BY_HAND));
        };
        let lines = lines_of(dispute.files);
        let mut talk = self.begin_settling(llm, dispute, &lines);
        let paths = Paths::new(lines.iter().map(|conflict| conflict.name.as_str()));
        let parsers = Parsers::of_this_program();
        let mut times = Times::default();
        let answer = self.ask(&mut talk, &paths, &mut times).await?;
        let settled = match self.accept_settlement(&answer, dispute, &parsers) {
            Err(complaint) if complaint.reason != Reason::Declined => {
                self.complain(&mut talk, &answer, &complaint);
                let answer = self.ask(&mut talk, &paths, &mut times).await?;
                self.accept_settlement(&answer, dispute, &parsers)
            }
            settled => settled,
        };
        settled.map_err(|complaint| unsettled(llm, &complaint))
    }

    fn begin_settling<'l>(
        &self,
        llm: &'l Llm,
        dispute: Dispute<'_>,
        lines: &[ConflictLines],
    ) -> Conversation<'l> {
        let Dispute { ours, theirs, subjects, .. } = dispute;
        let mut texts = vec![ours, theirs, subjects];
        for conflict in lines {
            let ConflictLines { path, above, base, ours, theirs, below, .. } = conflict;
            texts.extend([path.as_str(), above, base, ours, theirs, below]);
        }
        let prompter = Prompter::of_texts(self.issue, &texts, llm.guidance());
        let question = Conflicts { lines, ours, theirs, subjects };
        let (system, text) = prompter.merge(self.issue, &question);
        Conversation {
            llm,
            prompter,
            system,
            messages: vec![Message { role: Role::User, text }],
            rounds_left: 0,
            no_more: None,
            max_output_tokens: llm.max_output_tokens(),
        }
    }

    fn accept_settlement(
        &mut self,
        answer: &Answer,
        dispute: Dispute<'_>,
        parsers: &Parsers,
    ) -> Result<Settled, Complaint> {
        (self.progress)(Step::Checking);
        let count = dispute.files.iter().map(|file| file.conflicts().count()).sum();
        let texts = texts_of(answer, count)?;
        let mut texts = texts.into_iter();
        let deadline = Instant::now() + CHECK_TIME;
        let (mut contents, mut notes, mut broken) = (Vec::new(), Vec::new(), Vec::new());
        for file in dispute.files {
            let own: Vec<&str> = texts.by_ref().take(file.conflicts().count()).collect();
            for (text, conflict) in own.iter().zip(file.conflicts()) {
                leaves_nothing_behind(text, conflict, file)?;
            }
            let content = file.settled(own);
            match check::merged(parsers, &file.path, [&file.ours, &file.theirs], &content, deadline) {
                Ok(found) => notes.extend(found),
                Err(errors) => broken.push(errors.to_string()),
            }
            contents.push(content);
        }
        if broken.is_empty() {
            Ok(Settled { contents, summary: answer.summary.clone(), notes })
        } else {
            Err(Complaint::new(Reason::Syntax, broken.join("\n\n")))
        }
    }
}

fn name(number: usize) -> String {
    format!("{NAME}{number}")
}

/// The conflicts of all files, numbered from 1, with the lines around them.
fn lines_of(files: &[&MergedFile]) -> Vec<ConflictLines> {
    let mut found: Vec<ConflictLines> = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for file in files {
        for (at, part) in file.parts.iter().enumerate() {
            let Part::Conflict(conflict) = part else { continue };
            let merged = |at: Option<usize>| match at.and_then(|at| file.parts.get(at)) {
                Some(Part::Merged(lines)) => text(lines),
                _ => String::new(),
            };
            let (above, below) = (merged(at.checked_sub(1)), merged(Some(at + 1)));
            let skipped = above.split_inclusive('\n').count().saturating_sub(AROUND);
            found.push(ConflictLines {
                name: name(found.len() + 1),
                path: file.path.clone(),
                above: above.split_inclusive('\n').skip(skipped).collect(),
                base: text(&conflict.base),
                ours: text(&conflict.ours),
                theirs: text(&conflict.theirs),
                below: below.split_inclusive('\n').take(AROUND).collect(),
            });
        }
    }
    found
}

/// The text for each of so many conflicts, in their order.
fn texts_of(answer: &Answer, count: usize) -> Result<Vec<&str>, Complaint> {
    if let Some(why) = &answer.cannot {
        return Err(Complaint::new(Reason::Declined, why));
    }
    let edits = answer.edits.as_ref().map_err(|error| bad(error.to_string()))?;
    let mut texts: Vec<Option<&str>> = vec![None; count];
    for edit in edits {
        let number = edit.path.strip_prefix(NAME).and_then(|number| number.parse::<usize>().ok());
        let place = number.and_then(|number| texts.get_mut(number.checked_sub(1)?));
        match (place, &edit.action) {
            (Some(place @ None), Action::Write { content }) => *place = Some(content),
            (Some(Some(_)), Action::Write { .. }) => {
                return Err(bad(format!("`{}` is settled twice.", edit.path)));
            }
            _ => {
                return Err(bad(format!(
                    "The edit at line {} is not `WRITE: {NAME}N` with a fenced block below it. Conflicts are settled, and nothing \
                     else is changed.",
                    edit.line
                )));
            }
        }
    }
    let missing: Vec<String> =
        (1..).zip(&texts).filter(|(_, text)| text.is_none()).map(|(number, _)| name(number)).collect();
    if !missing.is_empty() {
        return Err(bad(format!(
            "These are not settled: {}. Each needs a line `WRITE: {NAME}N` and below it its lines in a fenced block.",
            missing.join(", ")
        )));
    }
    Ok(texts.into_iter().flatten().collect())
}

/// Refuses markers of a conflict, and what the model was shown in place of a secret: neither side has such lines.
fn leaves_nothing_behind(text: &str, conflict: &Conflict, file: &MergedFile) -> Result<(), Complaint> {
    let sides = [&conflict.ours, &conflict.theirs, &conflict.base];
    let is_known = |line: &str| {
        let has = |side: &&Vec<u8>| String::from_utf8_lossy(side).lines().any(|known| known == line);
        sides.iter().any(has)
    };
    if let Some(line) = check::marker_in(text, is_known) {
        return Err(bad(format!("`{line}`, in {}, is left of a conflict.", file.path)));
    }
    let count = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches(REDACTED).count();
    if count(text.as_bytes()) > count(&conflict.ours).max(count(&conflict.theirs)) {
        return Err(Complaint::new(
            Reason::Secret,
            format!(
                "{} has a secret there that you were not shown, so its lines cannot be written again.",
                file.path
            ),
        ));
    }
    Ok(())
}

fn bad(text: String) -> Complaint {
    Complaint::new(Reason::BadAnswer, text)
}

/// The words for people when there is no further try.
fn unsettled(llm: &Llm, complaint: &Complaint) -> Failure {
    let why = complaint.account.trim_end();
    let what = match complaint.reason {
        Reason::Declined => format!("{} declined to settle the conflicts: {why}", llm.name()),
        Reason::Syntax => {
            format!("What the model settled breaks the syntax of a file, also after a correction.\n\n{why}\n")
        }
        _ => format!("The model's answer does not settle the conflicts, also after a correction. {why}"),
    };
    Failure::new(complaint.reason, what, BY_HAND)
}

#[cfg(test)]
mod tests;
