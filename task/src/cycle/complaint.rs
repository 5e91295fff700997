//! A *complaint* is why an answer of the model cannot be used: for the model, which may correct it once, and for people,
//! when it did not.

use crate::llm::Llm;
use crate::outcome::{Failure, Reason};
use crate::patch::{EditError, EditErrors, Refusal};
use crate::plan::{Plan, PlanError};
use crate::protocol::edits::{Action, Edit};
use crate::protocol::reply::{self, Reply};

/// Why an answer cannot be used.
pub(super) struct Complaint {
    pub(super) reason: Reason,
    /// For the model.
    pub(super) text: String,
    /// The same for people, who cannot send anything again.
    pub(super) account: String,
    /// Boxed, since a complaint is mostly words.
    pub(super) kept: Box<Kept>,
}

/// What stands of an answer that is corrected.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) reply: Reply,
    pub(super) edits: Vec<Edit>,
}

impl Complaint {
    pub(super) fn new(reason: Reason, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { reason, account: text.clone(), text, kept: Box::default() }
    }

    /// The words for people when there is no further try.
    pub(super) fn failure(&self, llm: &Llm) -> Failure {
        let why = self.account.trim_end();
        let (what, next) = match self.reason {
            Reason::Declined => (
                format!("{} declined: {why}", llm.name()),
                match llm {
                    Llm::Builtin => {
                        "Say it that way in the issue, or have a language model read it, with `--model`."
                    }
                    _ => "Say more in the issue, or choose a stronger model.",
                },
            ),
            Reason::NoEdits => (
                "The model answered without a change, also after a correction.".to_owned(),
                "Say in the issue which behaviour or text should change, or choose a stronger model.",
            ),
            Reason::NoChange => (
                "The model proposed only what is there already; nothing would change.".to_owned(),
                "See whether the issue is resolved, or say in it what is still missing.",
            ),
            Reason::Protected => (
                format!("The change touches a protected path.\n\n{why}"),
                "Make that change by hand, or allow the path in the configuration.",
            ),
            Reason::Syntax => (
                format!(
                    "The model's change breaks the syntax of a file, also after a correction.\n\n{why}\n"
                ),
                "Try again, or choose a stronger model.",
            ),
            Reason::NoPlan => (
                format!("The model's answer is no plan, also after a correction. {why}"),
                "Try again, or choose a stronger model.",
            ),
            _ => (
                format!("The model's edits do not fit the files, also after a correction.\n\n{why}"),
                "Try again, make the issue smaller, or choose a stronger model.",
            ),
        };
        Failure::new(self.reason, what, next)
    }
}

impl Kept {
    /// The whole of the answer: what was kept, but where the correction says it anew.
    pub(super) fn joined(self, reply: Reply, edits: Vec<Edit>) -> (Reply, Vec<Edit>) {
        let said_anew = |kept: &Edit| {
            edits.iter().any(|edit| {
                edit.path == kept.path
                    && (edit.action == kept.action || !matches!(edit.action, Action::Replace { .. }))
            })
        };
        let kept: Vec<Edit> = self.edits.into_iter().filter(|edit| !said_anew(edit)).collect();
        let reply = Reply {
            title: reply.title.or(self.reply.title),
            summary: reply.summary.or(self.reply.summary),
            ..reply
        };
        (reply, kept.into_iter().chain(edits).collect())
    }
}

/// The plan in an answer.
pub(super) fn accept_plan(answer: &str) -> Result<Plan, Complaint> {
    match Plan::parse(answer) {
        Ok(plan) => Ok(plan),
        Err(error) => Err(match (reply::parse(answer).cannot, error) {
            (Some(why), _) => Complaint::new(Reason::Declined, why),
            (None, error @ PlanError::MissingSection(_)) if !reply::parse(answer).reads.is_empty() => {
                Complaint::new(Reason::NoPlan, format!("It asks for files, but no more can be read. {error}"))
            }
            (None, error) => Complaint::new(Reason::NoPlan, error.to_string()),
        }),
    }
}

/// What is at fault about edits that were refused.
pub(super) fn reason_of(error: &EditErrors) -> Reason {
    let protected =
        |errors: &[EditError]| errors.iter().all(|error| matches!(error.refusal, Refusal::Protected(_)));
    match error {
        EditErrors::NoChange(_) => Reason::NoChange,
        EditErrors::Refused { errors, .. } if protected(errors) => Reason::Protected,
        _ => Reason::EditsDoNotApply,
    }
}
