//! The *status* of a task is what the marker of its status comment says: the only memory of a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::task::Task;

use crate::marker::{Kind, Marks};
use crate::outbound::{Gate, Outbound};
use crate::outcome::{Failure, Reason};
use crate::thread::{Comment, Identity};

/// What the marker of a status comment says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) task: String,
    pub(crate) phase: Phase,
    pub(crate) since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proposal: Option<Proposal>,
    /// Who wrote this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<Holder>,
    /// The mode of the wish that was answered, if it was: not one that was refused or called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<String>,
    /// Whoever asked may not ask. That answers nobody else's wish.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) refused: bool,
}

/// A run, as a status comment names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The how many-th delivery of the message, from 1; none if it was started by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery: Option<u32>,
    /// When it began.
    pub(crate) since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Working,
    /// Interrupted; another attempt follows.
    Waiting,
    Ended,
}

/// What the model proposed, in our words, as it goes into the commit and the pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) bill: String,
    /// For a plan only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanComment>,
}

/// What the comment with the plan is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanComment {
    pub(crate) text: String,
    /// What carrying it out costs, in words.
    pub(crate) cost: String,
    pub(crate) binding: crate::plan::Binding,
}

impl Status {
    pub(crate) fn of(task: &Task, phase: Phase, proposal: Option<Proposal>) -> Self {
        Self {
            task: task.id.to_string(),
            phase,
            since: Timestamp::now(),
            proposal,
            by: None,
            answered: None,
            refused: false,
        }
    }

    /// For a task that has its answer.
    pub(crate) fn answered(task: &Task) -> Self {
        Self { answered: Some(task.mode.name().to_owned()), ..Self::of(task, Phase::Ended, None) }
    }

    /// For someone who may not ask, or not now.
    pub(crate) fn refused(task: &Task) -> Self {
        Self { refused: true, ..Self::of(task, Phase::Ended, None) }
    }
}

/// Our own status comments of a thread, oldest first.
pub(crate) fn find_status(
    marks: &Marks,
    identity: &Identity,
    thread: u64,
    comments: &[Comment],
) -> Vec<(u64, Status)> {
    comments
        .iter()
        .filter(|comment| identity.is(comment.by.as_ref()))
        .filter_map(|comment| {
            Some((comment.id, marks.read(Kind::Status, thread, comment.body.for_machine())?))
        })
        .collect()
}

/// A status comment with its marker.
pub(crate) fn with_status(
    gate: &Gate,
    marks: &Marks,
    thread: u64,
    text: &Outbound,
    status: &Status,
) -> Result<Outbound, Failure> {
    gate.marked(text, &marks.write(Kind::Status, thread, status)).map_err(|_| {
        let what = "The answer is too long to be kept in a comment.";
        Failure::new(Reason::BadAnswer, what, "Ask for a smaller change.")
    })
}
