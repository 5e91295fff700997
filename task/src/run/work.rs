//! The *work* of a run, as it passes from step to step: the job, the claim, the material, and what was made of it.

use jiff::Timestamp;
use shared::issue::PullRequestNumber;

use super::desk::Desk;
use super::settings::Terms;
use crate::check::CheckedPatch;
use crate::config::Config;
use crate::issue::Issue;
use crate::lease::Lease;
use crate::path::RepoPath;
use crate::plan::Plan;
use crate::record::status::Proposal;

/// What every step works with once the terms are known.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) config: &'a Config,
    pub(super) lease: &'a Lease,
    pub(super) desk: &'a Desk<'a>,
    pub(super) terms: &'a Terms<'a>,
}

/// The right of this task to the issue's branch.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// The commit that the branch points to.
    pub(super) head: String,
    /// The status comment.
    pub(super) status: u64,
    pub(super) since: Timestamp,
    /// The branch that the pull request is for.
    pub(super) base: String,
    pub(super) basis: Basis,
    /// What an earlier run of this task already published the commit of.
    pub(super) proposal: Option<Proposal>,
    /// The plan that an earlier run of this task made from the head and kept, and did not publish.
    pub(super) plan: Option<Proposal>,
}

/// What a run works from in addition to the issue.
#[derive(Clone, Debug)]
pub(super) enum Basis {
    Nothing,
    /// A draft of ours that never got its plan, and the commit that is read for it.
    Draft {
        base: String,
        pull_request: PullRequestNumber,
    },
    /// The plan that was approved.
    Approved {
        plan: Plan,
        pull_request: PullRequestNumber,
    },
    /// The plan that is to be written again, what a person said of it, and the commit that is read for it.
    Revision {
        plan: Plan,
        feedback: String,
        base: String,
        pull_request: PullRequestNumber,
        /// Who asked for the plan so far.
        asked_by: Vec<String>,
    },
    /// The change whose checks fail.
    Repair(Box<Repair>),
    /// A pull request with a change that the task goes on from.
    Change {
        pull_request: PullRequestNumber,
        /// Which change that answers reviews this is, from 1; `None` for what is none.
        round: Option<usize>,
        /// Whether what is there already changes files that the approved plan does not name.
        is_outside_plan: bool,
    },
}

/// What is repaired, and which repair it is.
#[derive(Clone, Debug)]
pub(super) struct Repair {
    pub(super) pull_request: PullRequestNumber,
    /// From 1.
    pub(super) number: u32,
    /// Repairs of the pull request, at most.
    pub(super) most: u32,
    /// All checks that fail, in alphabetical order.
    pub(super) red: Vec<String>,
    /// Those of them that do not fail on the base as well.
    pub(super) ours: Vec<String>,
    /// By these the failures are known again.
    pub(super) fingerprints: Vec<String>,
    /// What the checks say.
    pub(super) evidence: String,
    /// The change so far.
    pub(super) diff: String,
    pub(super) changed: Vec<RepoPath>,
    /// The plan that the change carries out, if there is one.
    pub(super) plan: Option<Plan>,
    /// Of the issue as it was read for the change; `None` if that is not known.
    pub(super) digest: Option<String>,
    /// The title of the change.
    pub(super) title: String,
    /// Who the change was made for, as the commit says it.
    pub(super) co_author: Option<String>,
}

impl Basis {
    /// The pull request with the plan.
    pub(super) fn pull_request(&self) -> Option<PullRequestNumber> {
        match self {
            Self::Nothing => None,
            Self::Draft { pull_request, .. }
            | Self::Approved { pull_request, .. }
            | Self::Revision { pull_request, .. }
            | Self::Change { pull_request, .. } => Some(*pull_request),
            Self::Repair(repair) => Some(repair.pull_request),
        }
    }

    /// Whether what the issue says has to be what it said when the task was asked for. An approved plan is bound to it by
    /// itself, and nobody asks for a repair.
    pub(super) fn needs_issue_as_asked(&self) -> bool {
        match self {
            Self::Nothing | Self::Draft { .. } | Self::Revision { .. } | Self::Change { .. } => true,
            Self::Approved { .. } | Self::Repair(_) => false,
        }
    }
}

/// What the model is asked about.
pub(super) struct Material {
    pub(super) issue: Issue,
    /// Of title and body, without comments.
    pub(super) digest: String,
}

/// What came of asking the model.
pub(super) enum Made {
    Change { patch: Box<CheckedPatch>, proposal: Proposal },
    Plan(Proposal),
}
