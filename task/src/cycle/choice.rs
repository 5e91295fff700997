//! A *choice* of files by the model: where the ranking leaves open which files matter, a first, short call shows the
//! model what the best candidates define, and it names those to read.
//!
//! What it names is looked up in the list that it was shown; nothing else can come of the answer.

use std::time::Instant;

use super::talk::Conversation;
use super::{Cycle, Times};
use crate::context::pack::{Budget, Context};
use crate::llm::{Llm, Message, Role};
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::progress::Step;
use crate::prompt::Prompter;
use crate::protocol::Answer;
use crate::protocol::ask::Goal;

/// Candidates that the model chooses from. Of the files that a fix touches, 97 % are among the first 50.
const CANDIDATES: usize = 50;
/// Tokens of the list of candidates.
const LIST_TOKENS: u32 = 6_000;
/// Files that the model may name.
const MAX_CHOSEN: usize = 10;
/// Tokens of the answer: ten lines, and room for a model that thinks first.
const ANSWER_TOKENS: u32 = 4_000;
/// With less room for files than this the list would cost as much as what is chosen from it.
const MIN_ROOM: u32 = 12_000;

/// Whether the model is asked which files to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choose {
    /// Where the ranking is not sure.
    #[default]
    Auto,
    Never,
    Always,
}

impl Choose {
    /// Reads `auto`, `never` or `always`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "never" => Some(Self::Never),
            "always" => Some(Self::Always),
            _ => None,
        }
    }
}

impl Cycle<'_> {
    /// Lets the model choose what is read, where that is worth a call.
    pub(super) async fn choose(
        &mut self,
        llm: &Llm,
        context: &mut Context,
        goal: Goal<'_>,
        times: &mut Times,
    ) -> Result<(), Failure> {
        if !self.is_open(context, goal) {
            return Ok(());
        }
        let list = context.candidates(CANDIDATES, LIST_TOKENS);
        let prompter = Prompter::new(self.issue, context, llm.guidance());
        let (system, text) = prompter.choose(self.issue, &list.text, MAX_CHOSEN);
        let mut talk = Conversation {
            llm,
            prompter,
            system,
            messages: vec![Message { role: Role::User, text }],
            reads_left: 0,
            max_output_tokens: llm.max_output_tokens().min(ANSWER_TOKENS),
        };
        let answer = match self.ask(&mut talk, context, times).await {
            Ok(answer) => answer,
            // The ranking stands; what is asked next is another question.
            Err(Failure { reason: Reason::Truncated | Reason::BadAnswer, .. }) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let paths = chosen(&answer, &list.paths);
        if !paths.is_empty() {
            let started = Instant::now();
            let budget = Budget { tokens: self.room(), ..Budget::default() };
            context.choose(&self.workspace.repo(), &paths, budget);
            times.pack += started.elapsed();
        }
        (self.progress)(Step::Chosen { paths });
        Ok(())
    }

    /// Whether which files matter is for the model to say.
    fn is_open(&self, context: &Context, goal: Goal<'_>) -> bool {
        // A plan names its files, and where all is read there is nothing to choose.
        if matches!(goal, Goal::Execute { .. } | Goal::Revise { .. })
            || self.room() < MIN_ROOM
            || context.mapped.is_empty()
        {
            return false;
        }
        match self.choose {
            Choose::Never => false,
            Choose::Always => true,
            Choose::Auto => !context.sureness.is_sure(),
        }
    }
}

/// The files that an answer names, of those that were `shown`, in its order.
fn chosen(answer: &Answer, shown: &[RepoPath]) -> Vec<RepoPath> {
    let known = answer.reads.iter().filter_map(|name| shown.iter().find(|path| path.as_str() == name));
    known.take(MAX_CHOSEN).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Paths;

    #[test]
    fn only_what_was_shown_can_be_chosen() {
        let shown: Vec<RepoPath> =
            ["src/a.rs", "src/b.rs", "c d.py"].iter().map(|path| RepoPath::parse(path).unwrap()).collect();
        let paths = Paths::new(shown.iter().map(RepoPath::as_str));
        for (answer, expect) in [
            ("READ: src/b.rs\nREAD: src/a.rs\n", &["src/b.rs", "src/a.rs"][..]),
            ("I think:\nREAD: `c d.py`\nREAD: src/b.rs\nREAD: src/b.rs", &["c d.py", "src/b.rs"]),
            ("READ: ../../etc/passwd\nREAD: /src/a.rs\nREAD: src/A.rs\nREAD: src", &[]),
            ("src/a.rs", &[]),
            ("CANNOT: no", &[]),
            ("", &[]),
        ] {
            let found = chosen(&Answer::read(answer, &paths), &shown);
            assert_eq!(found.iter().map(RepoPath::as_str).collect::<Vec<_>>(), expect, "{answer}");
        }
        let many: Vec<RepoPath> = (0..40).map(|n| RepoPath::parse(&format!("f{n}")).unwrap()).collect();
        let answer = (0..40).map(|n| format!("READ: f{n}\n")).collect::<Vec<_>>().concat();
        assert_eq!(chosen(&Answer::read(&answer, &Paths::default()), &many), many[..MAX_CHOSEN]);
    }
}
