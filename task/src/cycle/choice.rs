//! A *choice* of files by a model: a first, short call shows it what the best candidates define, and it names those to
//! read.
//!
//! What it names is a file of the list, or one of the tree whose name was in what it was shown; nothing else can come of
//! the answer.

use std::time::Instant;

use shared::otlp::Span;
use shared::otlp::catalog::{CHOOSE, CHOSEN};

use super::talk::{Conversation, paths};
use super::{Cycle, Times};
use crate::context::pack::{Budget, Chosen, Context};
use crate::context::tokens;
use crate::llm::{Llm, Message, Pricing, Role};
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::progress::Step;
use crate::prompt::Prompter;
use crate::protocol::ask::Goal;
use crate::protocol::{Answer, Paths};

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

/// A choice costs at most one part in this many of what a run may cost. For three cents it lifts the right first file
/// from 55 to 84 % of issues, by published figures.
const CEILING_PART: u64 = 20;

/// Whether the model is asked which files to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choose {
    /// Where it costs little, see [`CEILING_PART`]; without a known price, where the ranking is not sure.
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

/// The question, and the files that can be chosen.
pub(super) struct Choice<'l> {
    pub(super) talk: Conversation<'l>,
    paths: Vec<RepoPath>,
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
        let llm = self.chooser.unwrap_or(llm);
        let Some(Choice { mut talk, paths: listed }) = self.question(llm, context, goal) else {
            return Ok(());
        };
        let shown = talk.messages.iter().map(|message| message.text.as_str());
        let shown = shown.fold(talk.system.clone(), |text, message| text + "\n" + message);
        let span = Span::start(&CHOOSE);
        let answer = match span.run(self.ask(&mut talk, &paths(context), times)).await {
            Ok(answer) => answer,
            Err(failure) => {
                span.fail(&failure.reason.name());
                return match failure.reason {
                    // The ranking stands; what is asked next is another question.
                    Reason::Truncated | Reason::BadAnswer => Ok(()),
                    _ => Err(failure),
                };
            }
        };
        let is_named = |path: &RepoPath| context.is_readable(path) && names(&shown, path);
        let paths = chosen(&answer, &listed, is_named);
        if !paths.is_empty() {
            let started = Instant::now();
            let budget = Budget::of(self.room());
            let chosen = Chosen { paths: &paths, why: "the model chose it" };
            context.choose(&self.workspace.repo(), chosen, budget);
            times.pack += started.elapsed();
        }
        span.set(&CHOSEN, paths.len());
        (self.progress)(Step::Chosen { paths });
        Ok(())
    }

    /// The question which files to read, where that is for the model to say.
    pub(super) fn question<'l>(&self, llm: &'l Llm, context: &Context, goal: Goal<'_>) -> Option<Choice<'l>> {
        if !self.is_open(llm, context, goal) {
            return None;
        }
        let list = context.candidates(CANDIDATES, LIST_TOKENS);
        let prompter = Prompter::new(self.issue, context, &[], llm.guidance());
        let (system, text) = prompter.choose(self.issue, &list.text, MAX_CHOSEN);
        let talk = Conversation {
            llm,
            prompter,
            system,
            messages: vec![Message { role: Role::User, text }],
            rounds_left: 0,
            no_more: None,
            max_output_tokens: llm.max_output_tokens().min(ANSWER_TOKENS),
        };
        Some(Choice { talk, paths: list.paths })
    }

    /// Whether which files matter is for the model to say.
    fn is_open(&self, llm: &Llm, context: &Context, goal: Goal<'_>) -> bool {
        // A plan or a pull request names its files, and where all is read there is nothing to choose.
        if matches!(goal, Goal::Execute { .. } | Goal::Revise { .. } | Goal::Repair(_) | Goal::Follow(_))
            || self.room() < MIN_ROOM
            || context.mapped.is_empty()
        {
            return false;
        }
        match self.choose {
            Choose::Never => false,
            Choose::Always => true,
            Choose::Auto => match llm.pricing() {
                Pricing::Known(price) => {
                    let prompt = LIST_TOKENS + tokens::estimate(self.issue.body.as_str());
                    let worst = price.at_most(prompt.into(), ANSWER_TOKENS.into());
                    worst < self.ledger.money_ceiling().part(CEILING_PART)
                }
                Pricing::Free | Pricing::Unknown => !context.confidence.is_sure(),
            },
        }
    }
}

/// The files that an answer names, of those that were `listed` or that `is_named` accepts, in its order.
fn chosen(answer: &Answer, listed: &[RepoPath], is_named: impl Fn(&RepoPath) -> bool) -> Vec<RepoPath> {
    // Asked which files, a model may answer with nothing but their names.
    let of_list = Paths::new(listed.iter().map(RepoPath::as_str));
    let bare = answer.bare_paths(&of_list);
    let names = answer.requests.paths().chain(bare.iter().map(String::as_str));
    let known = names.filter_map(|name| match listed.iter().find(|path| path.as_str() == name) {
        Some(path) => Some(path.clone()),
        None => RepoPath::parse(name).ok().filter(&is_named),
    });
    let mut paths: Vec<RepoPath> = Vec::new();
    for path in known {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths.truncate(MAX_CHOSEN);
    paths
}

/// Whether a text names a file: by its name, or, as imports do, without the extension.
fn names(text: &str, path: &RepoPath) -> bool {
    let name = path.file_name();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or(name);
    let is_joined = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(stem)
        .any(|(at, _)| !text[..at].ends_with(is_joined) && !text[at + stem.len()..].starts_with(is_joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_shown_can_be_chosen() {
        let shown: Vec<RepoPath> =
            ["src/a.rs", "src/b.rs", "c d.py"].iter().map(|path| RepoPath::parse(path).unwrap()).collect();
        let paths = Paths::new(shown.iter().map(RepoPath::as_str));
        for (answer, expect) in [
            ("READ: src/b.rs\nREAD: src/a.rs\n", &["src/b.rs", "src/a.rs"][..]),
            ("I think:\nREAD: `c d.py`\nREAD: src/b.rs\nREAD: src/b.rs", &["c d.py", "src/b.rs"]),
            ("READ: ../../etc/passwd\nREAD: /src/a.rs\nREAD: src/A.rs\nREAD: src", &[]),
            ("READ: lib/c.rs\nREAD: lib/d.rs, src/a.rs:1-9", &["lib/c.rs", "src/a.rs"]),
            ("1. READ: src/b.rs\n2. `READ: src/a.rs` - the class", &["src/b.rs", "src/a.rs"]),
            ("- READ: src/a.rs (the main file)\n- Read: c d.py", &["src/a.rs", "c d.py"]),
            ("READ:\n- src/a.rs\n- lib/c.rs\n", &["src/a.rs", "lib/c.rs"]),
            ("src/a.rs", &["src/a.rs"]),
            ("src/b.rs\nc d.py\n", &["src/b.rs", "c d.py"]),
            ("Files:\n\n- `src/b.rs`\n2. **src/a.rs** - the class\n", &["src/b.rs", "src/a.rs"]),
            ("lib/c.rs", &[]),
            ("src/a.rs is not the file.", &[]),
            ("CANNOT: no\n\nsrc/a.rs", &[]),
            ("src/a.rs\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n", &[]),
            ("CANNOT: no", &[]),
            ("", &[]),
        ] {
            let found = chosen(&Answer::read(answer, &paths), &shown, |path| path.as_str() == "lib/c.rs");
            assert_eq!(found.iter().map(RepoPath::as_str).collect::<Vec<_>>(), expect, "{answer}");
        }
        let many: Vec<RepoPath> = (0..40).map(|n| RepoPath::parse(&format!("f{n}")).unwrap()).collect();
        let answer = (0..40).map(|n| format!("READ: f{n}\n")).collect::<Vec<_>>().concat();
        assert_eq!(chosen(&Answer::read(&answer, &Paths::default()), &many, |_| false), many[..MAX_CHOSEN]);
    }

    #[test]
    fn a_file_is_named_by_its_name_or_its_stem() {
        for (text, path, expect) in [
            ("from .station import x", "src/station.py", true),
            ("see station.py", "src/station.py", true),
            ("use crate::station_log;", "src/station.rs", false),
            ("stations", "src/station.py", false),
            ("anything", "src/station.py", false),
            ("the .gitignore", ".gitignore", true),
        ] {
            assert_eq!(names(text, &RepoPath::parse(path).unwrap()), expect, "{text} {path}");
        }
    }
}
