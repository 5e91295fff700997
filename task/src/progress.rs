//! A *step* is what a run is doing, told to whoever watches: a terminal, a log, the status comment of an issue.

mod no_more;

use std::fmt;
use std::time::Duration;

use crate::llm::Usd;
use crate::path::RepoPath;
pub use no_more::NoMore;

/// One thing that a run has begun or learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The run begins, without a model.
    RuleBased,
    /// The tree is walked and indexed for the issue.
    Reading,
    /// The rules search these files; no model is used.
    Searching { files: usize },
    /// Files were ranked and packed.
    Read { files: usize, of: usize, tokens: u32 },
    /// The model chose what is read; nothing where it named no file that it was shown.
    Chosen { paths: Vec<RepoPath> },
    /// The model is being asked, for the n-th time in this run.
    Asking { call: u32, model: String },
    /// The model thinks; bytes so far, and about what the run costs by now, if the price is known.
    Thinking { bytes: usize, cost: Option<Usd> },
    /// The answer arrives; likewise.
    Answering { bytes: usize, cost: Option<Usd> },
    /// A call is repeated after a pause.
    Waiting { pause: Duration, why: String },
    /// The model asked to see these files, whether they are there or not, and searched so often.
    ReadingMore { paths: Vec<String>, searches: usize },
    /// The model can ask to see no more.
    NoMore(NoMore),
    /// The answer is resolved and checked.
    Checking,
    /// The answer could not be used and is asked for once more.
    Correcting { why: String },
    /// The plan that is carried out was edited by the person who approves it.
    PlanEdited,
    /// The commit is written.
    Committing,
    /// Something is not as it was asked for, and nothing depends on it.
    Note(String),
}

fn names(paths: &[RepoPath]) -> String {
    paths.iter().map(RepoPath::as_str).collect::<Vec<_>>().join(", ")
}

/// What is spent by now, where a model is paid for.
fn about(cost: Option<Usd>) -> String {
    match cost {
        None | Some(Usd::ZERO) => String::new(),
        Some(cost) => format!(", about {cost}"),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleBased => write!(
                f,
                "Rule-based engine (builtin): no AI model is used. Choose one with --model or AGENT_MODEL."
            ),
            Self::Reading => write!(f, "reading the repository"),
            Self::Searching { files } => write!(f, "searching {files} files"),
            Self::Read { files, of, tokens } => {
                write!(f, "read {files} of {of} files (about {tokens} tokens)")
            }
            Self::Chosen { paths } if paths.is_empty() => write!(f, "the model chose no file"),
            Self::Chosen { paths } => write!(f, "the model chose {}", names(paths)),
            Self::Asking { call, model } => write!(f, "asking {model} (call {call})"),
            Self::Thinking { bytes, cost } => {
                write!(f, "the model thinks ({bytes} bytes{})", about(*cost))
            }
            Self::Answering { bytes, cost } => {
                write!(f, "the model answers ({bytes} bytes{})", about(*cost))
            }
            Self::Waiting { pause, why } => write!(f, "waiting {}s: {why}", pause.as_secs()),
            Self::ReadingMore { paths, searches: 0 } => write!(f, "the model asked for {}", paths.join(", ")),
            Self::ReadingMore { paths, searches } => {
                let searches =
                    if *searches == 1 { "a search".to_owned() } else { format!("{searches} searches") };
                match paths.as_slice() {
                    [] => write!(f, "the model asked for {searches}"),
                    paths => write!(f, "the model asked for {} and {searches}", paths.join(", ")),
                }
            }
            Self::NoMore(why) => {
                let setting = why.setting().map_or_else(String::new, |setting| format!(" ({setting})"));
                write!(f, "the model can look no further: {why}{setting}")
            }
            Self::Checking => write!(f, "resolving and checking the edits"),
            Self::Correcting { why } => write!(f, "asking for a correction: {why}"),
            Self::PlanEdited => write!(f, "carrying out the plan as it was edited"),
            Self::Committing => write!(f, "writing the commit"),
            Self::Note(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_arrives_shows_what_it_costs_where_it_costs_something() {
        for (cost, shown) in [
            (Some("0.0123"), "the model answers (120 bytes, about $0.0123)"),
            (Some("0"), "the model answers (120 bytes)"),
            (None, "the model answers (120 bytes)"),
        ] {
            let cost = cost.map(|cost| cost.parse().unwrap());
            assert_eq!(Step::Answering { bytes: 120, cost }.to_string(), shown);
        }
    }
}
