//! What a *tracker* says, in words that hold for every tracker.

use jiff::Timestamp;
use shared::issue::IssueId;
use shared::state::same_label;
use shared::task::IssueDigest;

use crate::text::Raw;
use crate::thread::{Remark, User};

#[derive(Clone, Debug)]
pub struct Issue {
    pub id: IssueId,
    pub kind: IssueKind,
    /// Who wrote it; `None` for an account that is gone, or that the forge does not know.
    pub by: Option<User>,
    pub title: Raw,
    pub body: Raw,
    pub state: IssueState,
    pub talk: Talk,
    pub labels: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Whether it is an issue at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueKind {
    Issue,
    /// Where the tracker counts pull requests with the same numbers.
    PullRequest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueState {
    Open,
    Closed,
}

/// Who may comment on an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    Open,
    /// It is locked, and that keeps us out.
    ClosedToUs,
}

/// Where an issue was found that was asked for by its id.
#[derive(Clone, Debug)]
pub enum Found {
    Here(Box<Issue>),
    /// It was transferred to another repository or project.
    Elsewhere {
        url: String,
    },
}

/// An issue in the middle of a run, with the newest of what was said on it.
#[derive(Clone, Debug)]
pub struct IssueSnapshot {
    pub state: IssueState,
    /// `None` where the tracker does not tell all of them.
    pub labels: Option<Vec<String>>,
    pub remarks: Vec<Remark>,
}

/// Issues of a list.
#[derive(Debug, Default)]
pub struct Listing {
    pub issues: Vec<ListedIssue>,
    /// How many could not be read.
    pub unreadable: usize,
    /// Whether there are more, which were not read.
    pub is_cut: bool,
}

/// An issue of a list. Its text is left out, because a list of many issues can be long.
#[derive(Debug)]
pub struct ListedIssue {
    /// Without its body.
    pub issue: Issue,
    /// Of its whole text.
    pub digest: IssueDigest,
}

/// Which issues are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    Open,
    All,
}

/// How far the work on an issue is, where its tracker shows that by a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    Started,
    /// A pull request is open: the change, or the plan of one.
    PullRequest,
    Merged,
    Failed,
}

/// Something that happened to an issue.
#[derive(Clone, Debug)]
pub struct Event {
    pub what: Happening,
    /// `None` where the tracker does not tell.
    pub at: Option<Timestamp>,
}

/// What happened, as far as somebody wants to know.
#[derive(Clone, Debug)]
pub enum Happening {
    Labelled { label: String, by: Option<User> },
    Renamed,
}

/// Whether `name` is among labels.
pub fn has_label<'l>(labels: impl IntoIterator<Item = &'l String>, name: &str) -> bool {
    labels.into_iter().any(|label| same_label(label, name))
}
