//! A *complaint* is why an answer of the model cannot be used: for the model, which may correct it once, and for people,
//! when it did not.

use crate::llm::Llm;
use crate::outcome::{Failure, Reason, sentence};
use crate::patch::{EditError, EditErrors, Refusal};
use crate::plan::{Plan, PlanError};
use crate::protocol::{Action, Answer, Edit};

/// Why an answer cannot be used.
pub(super) struct Complaint {
    pub(super) reason: Reason,
    /// For the model.
    pub(super) text: String,
    /// The same for people, who cannot send anything again.
    pub(super) account: String,
    /// What stands of the answer. Boxed, since a complaint is mostly words.
    pub(super) kept: Box<Proposed>,
}

/// What an answer proposes.
#[derive(Default)]
pub(super) struct Proposed {
    pub(super) title: Option<String>,
    pub(super) summary: Option<String>,
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
                "Say more in the issue, or choose a stronger model.",
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

impl Proposed {
    /// What was kept and its correction as one: what the correction repeats or replaces is not kept twice.
    pub(super) fn joined(self, correction: Self) -> Self {
        let is_repeated = |kept: &Edit| {
            correction.edits.iter().any(|edit| {
                edit.path == kept.path
                    && (edit.action == kept.action || !matches!(edit.action, Action::Replace { .. }))
            })
        };
        let kept: Vec<Edit> = self.edits.into_iter().filter(|edit| !is_repeated(edit)).collect();
        Self {
            title: correction.title.or(self.title),
            summary: correction.summary.or(self.summary),
            edits: kept.into_iter().chain(correction.edits).collect(),
        }
    }
}

/// The change that an answer proposes.
pub(super) fn proposed(answer: &Answer) -> Result<Proposed, Complaint> {
    let edits = answer
        .edits
        .clone()
        .map_err(|error| Complaint::new(Reason::EditsDoNotApply, sentence(&error.to_string())))?;
    if edits.is_empty() {
        return Err(match &answer.cannot {
            Some(why) => Complaint::new(Reason::Declined, why),
            None if !answer.reads.is_empty() => {
                Complaint::new(Reason::NoEdits, "It asks for files, but no more can be read.")
            }
            None => Complaint::new(
                Reason::NoEdits,
                "It holds neither edits nor a line `CANNOT: reason`. Put each change into a SEARCH/REPLACE block \
                 below the path of its file.",
            ),
        });
    }
    Ok(Proposed { title: answer.title.clone(), summary: answer.summary.clone(), edits })
}

/// The plan in an answer.
pub(super) fn accept_plan(answer: &Answer) -> Result<Plan, Complaint> {
    match Plan::of(answer) {
        Ok(plan) => Ok(plan),
        Err(error) => Err(match (&answer.cannot, error) {
            (Some(why), _) => Complaint::new(Reason::Declined, why),
            (None, error @ PlanError::MissingSection(_)) if !answer.reads.is_empty() => {
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
