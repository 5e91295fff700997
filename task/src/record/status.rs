//! The *status* of a task is what the marker of its status comment says: the only memory of a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::issue::{IssueId, PullRequestNumber};
use shared::task::Task;
use shared::user::Login;

use crate::bill::Bill;
use crate::llm::Usd;
use crate::marker::{Kind, Marks, On};
use crate::outbound::{BadMarker, Gate, Outbound};
use crate::path::RepoPath;
use crate::thread::{Comment, Identity};

/// What the marker of a status comment says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the marker, and absent where it is false"
)]
pub(crate) struct Status {
    pub(crate) task: String,
    pub(crate) phase: Phase,
    pub(crate) since: Timestamp,
    /// When it was asked for, by the clock of whoever keeps the issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proposal: Option<Proposal>,
    /// That nothing has to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) already: Option<Finding>,
    /// What reviewers are answered, and is not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) follow_up: Option<FollowUp>,
    /// What of a pull request's conversation a follow-up is about: by this it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<shared::mode::Comment>,
    /// Who wrote this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<Holder>,
    /// The mode of the wish that was answered, if it was: not one that was refused or canceled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<String>,
    /// Whether it ended with what was asked for: a pull request, or a plan on one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) done: bool,
    /// Whoever asked may not ask. That answers nobody else's wish.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) refused: bool,
    /// That it ended is no word on what comes of the same task later: checks that ended can run again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) again: bool,
    /// Whether it tells that the checks passed, in the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) passed: bool,
    /// Of the issue as the run read it that made a change; see `run/conversation.rs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issue: Option<String>,
    /// What the model was paid for a repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spent: Option<Spend>,
    /// What the model cost, in all attempts together; missing where none was asked, and in comments of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bill: Option<Billed>,
    /// The login of who was told once and for all that he may not ask on this thread; or what else was told once, as no login is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) barred: Option<String>,
    /// Until when it may wait without another word, if it waits for budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
}

/// What a repair cost. All of those of one pull request have one ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spend {
    pub(crate) tokens: u64,
    /// Of a dollar; 0 where the price is not known.
    pub(crate) millionths: u64,
}

impl Spend {
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            millionths: self.millionths.saturating_add(other.millionths),
        }
    }
}

impl From<&Bill> for Spend {
    fn from(bill: &Bill) -> Self {
        Self {
            tokens: bill.input_tokens.saturating_add(bill.output_tokens),
            millionths: bill.cost_usd.map_or(0, Usd::millionths),
        }
    }
}

/// What a task cost so far, for who adds it up later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Billed {
    /// `provider:model`, or `builtin`.
    pub(crate) model: String,
    pub(crate) calls: u32,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// US dollars; missing where the price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost_usd: Option<f64>,
}

impl Billed {
    /// What a run cost, with what earlier attempts did.
    pub(crate) fn of(bill: &Bill, earlier: Option<&Self>) -> Self {
        let cost = bill.cost_usd.map(Usd::dollars);
        let before = earlier.map_or(Some(0.0), |earlier| earlier.cost_usd);
        Self {
            model: bill.model.clone(),
            calls: bill.calls.saturating_add(earlier.map_or(0, |earlier| earlier.calls)),
            input_tokens: bill.input_tokens.saturating_add(earlier.map_or(0, |earlier| earlier.input_tokens)),
            output_tokens: bill
                .output_tokens
                .saturating_add(earlier.map_or(0, |earlier| earlier.output_tokens)),
            // Of two amounts of which one is not known, the sum is not known.
            cost_usd: cost.zip(before).map(|(cost, before)| cost + before),
        }
    }
}

/// A run, as a status comment names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The number of the delivery of the message, from 1; none if it was started by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery: Option<u32>,
    /// Which message of the task that is; none if it was started by hand, or the message does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) publication: Option<u64>,
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
    /// Why CI does not start by itself on the change, as a sentence without its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<String>,
    /// Files that it changes and the approved plan does not name: a person looks at them before it is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unplanned: Vec<RepoPath>,
}

/// That nothing has to be changed, in our words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// What the issue is told; empty once it is told.
    pub(crate) text: String,
    /// The pull request with the plan, which is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pull_request: Option<PullRequestNumber>,
}

/// What reviewers of a pull request are answered, in our words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FollowUp {
    /// Whether a commit belongs to it.
    pub(crate) changes: bool,
    pub(crate) replies: Vec<Reply>,
    /// What is said on the pull request as a whole, below the first sentence.
    pub(crate) text: String,
    pub(crate) bill: String,
    /// Why CI does not start by itself on the change, as a sentence without its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<String>,
}

/// The answer in one thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// What the forge calls the thread.
    pub(crate) thread: String,
    /// The first comment of it.
    pub(crate) first: u64,
    pub(crate) kind: ReplyKind,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReplyKind {
    Changed,
    Answered,
    Asked,
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
    /// For a task that ended, and of which no more is known than its id.
    pub(crate) fn ended(task: impl Into<String>) -> Self {
        Self {
            task: task.into(),
            phase: Phase::Ended,
            since: Timestamp::now(),
            asked: None,
            proposal: None,
            already: None,
            follow_up: None,
            request: None,
            by: None,
            answered: None,
            done: false,
            refused: false,
            again: false,
            passed: false,
            issue: None,
            spent: None,
            bill: None,
            barred: None,
            until: None,
        }
    }

    pub(crate) fn of(task: &Task, phase: Phase, proposal: Option<Proposal>) -> Self {
        Self { phase, proposal, ..Self::ended(task.id.to_string()) }
    }

    /// For a task that ended with what was asked for.
    pub(crate) fn done(task: &Task) -> Self {
        Self { done: true, ..Self::failed(task, None) }
    }

    /// For a task that was answered with why it could not be done. What the model proposed is kept: its pull request may
    /// be there, and can be completed.
    pub(crate) fn failed(task: &Task, kept: Option<Proposal>) -> Self {
        Self { answered: Some(task.mode.kind().name().to_owned()), ..Self::of(task, Phase::Ended, kept) }
    }

    /// For a task that ended without what it is about having come to an end.
    pub(crate) fn open_again(task: &Task) -> Self {
        Self { again: true, ..Self::of(task, Phase::Ended, None) }
    }

    /// For someone without write access.
    pub(crate) fn barred(task: &Task) -> Self {
        Self { barred: Some(task.trigger_user.to_string()), ..Self::refused(task) }
    }

    /// Whether this tells the person that he may not ask.
    pub(crate) fn bars(&self, login: &Login) -> bool {
        self.barred.as_deref().is_some_and(|barred| login.is(barred))
    }

    /// Whether what there was to tell of checks is told for good. That they passed is not: one more can begin, and fail.
    pub(crate) fn is_final(&self) -> bool {
        self.phase == Phase::Ended && !self.again && !self.passed
    }

    /// For someone who may not ask, or not now.
    pub(crate) fn refused(task: &Task) -> Self {
        Self { refused: true, ..Self::of(task, Phase::Ended, None) }
    }
}

/// A status comment of ours.
#[derive(Clone, Debug)]
pub(crate) struct StatusComment {
    pub(crate) id: u64,
    /// When it was last written.
    pub(crate) written_at: Timestamp,
    pub(crate) status: Status,
}

impl StatusComment {
    /// The latest sign of the run that wrote it; for a task that waits, the time until which it may wait.
    pub(crate) fn seen_at(&self) -> Timestamp {
        let since = self.written_at.max(self.status.since);
        self.status.until.map_or(since, |until| until.max(since))
    }
}

/// Our own status comments of an issue, oldest first.
pub(super) fn find_status(
    marks: &Marks,
    identity: &Identity,
    issue: &IssueId,
    comments: &[Comment],
) -> Vec<StatusComment> {
    comments
        .iter()
        .filter(|comment| identity.is(comment.by.as_ref()))
        .filter_map(|comment| {
            let status = marks.read(Kind::Status, On::Issue(issue), comment.body.for_machine())?;
            Some(StatusComment { id: comment.id, written_at: comment.updated_at, status })
        })
        .collect()
}

/// A status comment with its marker.
pub(super) fn with_status(
    gate: &Gate,
    marks: &Marks,
    issue: &IssueId,
    text: &Outbound,
    status: &Status,
) -> Result<Outbound, BadMarker> {
    gate.marked(text, &marks.write(Kind::Status, On::Issue(issue), status))
}
