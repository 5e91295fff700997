//! A *happening*: what nobody asked for, and what the agent hears of all the same. Checks of one of its commits ended, or
//! one of its pull requests was closed.
//!
//! | event | when | asks for |
//! |---|---|---|
//! | `check_suite`, `workflow_run` | completed, on a branch of the agent's | `checks` |
//! | `status` | not pending, on a branch of the agent's | `checks` |
//! | `pull_request` | closed, of a branch of the agent's | `closed` |
//!
//! What came of the checks, and of the pull request, is not taken from the event: events come late, twice, and in any order.
//! The run asks GitHub for how things stand, so all that is read here is which commit it is about. Twenty checks that end on
//! one commit have one id.

use std::{borrow::Cow, num::NonZeroU64};

use jiff::Timestamp;
use serde::{Deserialize, de::MapAccess};
use shared::{mode::Mode, task::checks_of};

use crate::event::{EventError, Installation, Repository, Text, missing};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HappeningKind {
    /// All checks of one App on a commit ended.
    CheckSuite,
    /// A workflow of GitHub Actions ended.
    WorkflowRun,
    /// An outside system said how a commit fares.
    Status,
    /// A pull request was merged, or closed without that.
    PullRequest,
}

/// A happening on a branch of the agent's.
#[derive(Debug)]
pub struct Happening<'a> {
    pub mode: Mode,
    /// What tells it from the next one.
    pub event: String,
    pub at: Option<Timestamp>,
    /// Whether the branch lies in another repository, as far as the event tells.
    pub is_of_fork: bool,
    pub repository: Repository<'a>,
    pub installation_id: Option<NonZeroU64>,
}

impl HappeningKind {
    pub(crate) const ALL: [Self; 4] = [Self::CheckSuite, Self::WorkflowRun, Self::Status, Self::PullRequest];

    /// The name of its event.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::CheckSuite => "check_suite",
            Self::WorkflowRun => "workflow_run",
            Self::Status => "status",
            Self::PullRequest => "pull_request",
        }
    }

    /// The field of the payload that names the branch.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::CheckSuite | Self::WorkflowRun | Self::PullRequest => self.event(),
            Self::Status => "branches",
        }
    }

    /// The field that says what was done.
    pub(crate) fn action_field(self) -> &'static str {
        match self {
            Self::CheckSuite | Self::WorkflowRun | Self::PullRequest => "action",
            Self::Status => "state",
        }
    }

    /// Whether something ended by this.
    pub(crate) fn ends(self, action: &str) -> bool {
        match self {
            Self::CheckSuite | Self::WorkflowRun => action == "completed",
            Self::Status => action != "pending",
            Self::PullRequest => action == "closed",
        }
    }
}

/// One of the branches that a commit is on.
#[derive(Deserialize)]
struct Branch<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// A run of checks, or a pull request.
#[derive(Deserialize)]
struct Ended<'a> {
    /// `null` for a commit that is on no branch.
    #[serde(borrow)]
    head_branch: Option<Text<'a>>,
    #[serde(borrow)]
    head: Option<Head<'a>>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "ref")]
    branch: Cow<'a, str>,
}

impl HappeningKind {
    /// Reads the names of branches from the value of [`Self::field`]; `None` where that is null.
    pub(crate) fn branches<'a, M: MapAccess<'a>>(
        self,
        map: &mut M,
    ) -> Result<Option<Vec<Cow<'a, str>>>, M::Error> {
        if self == Self::Status {
            let branches: Option<Vec<Branch<'a>>> = map.next_value()?;
            return Ok(branches.map(|branches| branches.into_iter().map(|branch| branch.name).collect()));
        }
        let ended: Option<Ended<'a>> = map.next_value()?;
        Ok(ended.map(|ended| {
            let head = ended.head.map(|head| head.branch);
            ended.head_branch.map(|Text(name)| name).or(head).into_iter().collect()
        }))
    }
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    check_suite: Option<Run<'a>>,
    #[serde(borrow)]
    workflow_run: Option<Run<'a>>,
    #[serde(borrow)]
    pull_request: Option<Pull<'a>>,
    #[serde(borrow)]
    sha: Option<Text<'a>>,
    updated_at: Option<Timestamp>,
    #[serde(borrow)]
    repository: Option<Repository<'a>>,
    installation: Option<Installation>,
}

#[derive(Deserialize)]
struct Run<'a> {
    #[serde(borrow)]
    head_sha: Cow<'a, str>,
    updated_at: Option<Timestamp>,
    /// Of a workflow only.
    head_repository: Option<Place>,
}

#[derive(Deserialize)]
struct Pull<'a> {
    number: NonZeroU64,
    updated_at: Option<Timestamp>,
    #[serde(borrow)]
    head: PullHead<'a>,
}

#[derive(Deserialize)]
struct PullHead<'a> {
    #[serde(borrow)]
    sha: Cow<'a, str>,
    /// `null` for a fork that was deleted.
    repo: Option<Place>,
}

#[derive(Deserialize)]
struct Place {
    id: NonZeroU64,
}

impl<'a> Happening<'a> {
    /// Reads a whole payload of the event of this kind.
    pub fn parse(kind: HappeningKind, payload: &'a [u8]) -> Result<Self, EventError> {
        let event = kind.event();
        let payload: Payload<'a> = serde_json::from_slice(payload).map_err(EventError::Json)?;
        let repository = payload.repository.ok_or_else(missing(event, "repository"))?;
        let installation_id = payload.installation.map(|installation| installation.id);
        let checks = |sha: &str| (Mode::Checks, checks_of(sha));
        let id = repository.id;
        let ((mode, name), at, is_of_fork) = match kind {
            HappeningKind::CheckSuite | HappeningKind::WorkflowRun => {
                let run = payload.check_suite.or(payload.workflow_run).ok_or_else(missing(event, event))?;
                (checks(&run.head_sha), run.updated_at, run.head_repository.is_some_and(|head| head.id != id))
            }
            HappeningKind::Status => {
                let Text(sha) = payload.sha.ok_or_else(missing(event, "sha"))?;
                (checks(&sha), payload.updated_at, false)
            }
            HappeningKind::PullRequest => {
                let pull = payload.pull_request.ok_or_else(missing(event, event))?;
                let name = format!("closed {} {}", pull.number, pull.head.sha);
                ((Mode::Closed, name), pull.updated_at, pull.head.repo.is_none_or(|head| head.id != id))
            }
        };
        Ok(Self { mode, event: name, at, is_of_fork, repository, installation_id })
    }
}
