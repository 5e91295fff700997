//! An *event*: what a webhook says happened, as far as it may ask for work.
//!
//! A payload has hundreds of fields; the structs here hold the few that matter, so that a new field, action or
//! event of GitHub's breaks nothing (<https://docs.github.com/en/webhooks/webhook-events-and-payloads>).

use std::{borrow::Cow, num::NonZeroU64};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::mode::Comment;

/// The event of what is done to an issue.
pub(crate) const ISSUES: &str = "issues";

/// An issue that somebody opened, labeled or assigned.
#[derive(Debug)]
pub struct Wish<'a> {
    pub issue: Thread<'a>,
    pub origin: Origin<'a>,
}

/// A comment or a review that somebody wrote.
#[derive(Debug)]
pub struct Remark<'a> {
    pub author: Account<'a>,
    pub comment: Comment,
    /// The review that a comment on a line belongs to.
    pub review: Option<NonZeroU64>,
    pub at: Option<Timestamp>,
    pub thread: Thread<'a>,
    pub origin: Origin<'a>,
}

/// Where a remark was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// On an issue, or in the conversation of a pull request.
    IssueComment,
    /// On a line of a pull request.
    ReviewLine,
    /// With a review of a pull request.
    Review,
}

/// What a review comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    ChangesRequested,
    /// Anything else, or what is not a review.
    Other,
}

/// Where the branch of a pull request is, as far as the event tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Head<'a> {
    Unknown,
    /// In the repository itself.
    Here(Cow<'a, str>),
    /// In another one.
    Fork,
}

/// An issue or a pull request; GitHub counts both with one number.
#[derive(Debug)]
pub struct Thread<'a> {
    pub kind: ThreadKind,
    pub head: Head<'a>,
    pub number: NonZeroU64,
    pub title: Cow<'a, str>,
    pub body: Cow<'a, str>,
    pub state: ThreadState,
    pub labels: Vec<Cow<'a, str>>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadKind {
    Issue,
    PullRequest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    Open,
    Closed,
}

/// Where it happened, and who did it.
#[derive(Debug)]
pub struct Origin<'a> {
    /// The repository's address for people.
    pub repo_url: Cow<'a, str>,
    pub repository_id: NonZeroU64,
    pub repository_state: RepositoryState,
    pub installation_id: Option<NonZeroU64>,
    pub sender: Account<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryState {
    Active,
    /// Read-only.
    Archived,
}

/// An account on GitHub.
#[derive(Debug, Deserialize)]
pub struct Account<'a> {
    #[serde(borrow)]
    pub login: Cow<'a, str>,
    pub id: u64,
    /// `User` for a person; also `Bot`, `Organization`, `Mannequin`.
    #[serde(borrow, rename = "type", default)]
    pub kind: Cow<'a, str>,
}

/// The payload is not what GitHub documents for its event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error("the payload is not JSON of the documented form: {0}")]
    Json(serde_json::Error),
    #[error("the payload of `{event}` has no {field}")]
    Missing { event: &'static str, field: &'static str },
    #[error(transparent)]
    Deleted(Deleted),
}

/// GitHub leaves a label or an account out that was deleted meanwhile. The same event will never have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload of `{event}` has no {field}, which may be deleted by now")]
pub struct Deleted {
    pub event: &'static str,
    pub field: &'static str,
}

/// A text that is borrowed where it holds no escapes. (An `Option<Cow<str>>` never is.)
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    issue: Option<RawThread<'a>>,
    #[serde(borrow)]
    pull_request: Option<RawThread<'a>>,
    #[serde(borrow)]
    comment: Option<RawComment<'a>>,
    #[serde(borrow)]
    review: Option<RawComment<'a>>,
    #[serde(borrow)]
    repository: Option<Repository<'a>>,
    installation: Option<Installation>,
    /// `null` when the account was deleted since.
    #[serde(borrow)]
    sender: Option<Account<'a>>,
}

#[derive(Deserialize)]
struct RawThread<'a> {
    number: NonZeroU64,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
    #[serde(borrow, default)]
    labels: Vec<Label<'a>>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    /// Present in an `issue` that is a pull request.
    pull_request: Option<IgnoredAny>,
    #[serde(borrow)]
    head: Option<RawHead<'a>>,
}

#[derive(Deserialize)]
struct RawHead<'a> {
    #[serde(borrow, rename = "ref")]
    branch: Cow<'a, str>,
    /// `null` for a fork that was deleted.
    repo: Option<RawPlace>,
}

#[derive(Deserialize)]
struct RawPlace {
    id: NonZeroU64,
}

#[derive(Deserialize)]
struct RawComment<'a> {
    id: NonZeroU64,
    #[serde(borrow)]
    user: Option<Account<'a>>,
    created_at: Option<Timestamp>,
    submitted_at: Option<Timestamp>,
    pull_request_review_id: Option<NonZeroU64>,
}

#[derive(Deserialize)]
pub(crate) struct Label<'a> {
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub struct Repository<'a> {
    pub(crate) id: NonZeroU64,
    #[serde(borrow)]
    pub(crate) html_url: Cow<'a, str>,
    #[serde(default)]
    pub(crate) archived: bool,
}

#[derive(Deserialize)]
pub(crate) struct Installation {
    pub(crate) id: NonZeroU64,
}

impl RemarkKind {
    pub(crate) const ALL: [Self; 3] = [Self::IssueComment, Self::ReviewLine, Self::Review];

    /// The name of its event.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::IssueComment => "issue_comment",
            Self::ReviewLine => "pull_request_review_comment",
            Self::Review => "pull_request_review",
        }
    }

    /// The action with which its event says that it was written.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::IssueComment | Self::ReviewLine => "created",
            Self::Review => "submitted",
        }
    }

    /// The field of the payload that holds it.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::IssueComment | Self::ReviewLine => "comment",
            Self::Review => "review",
        }
    }
}

/// The error for a field that every event of this kind has.
pub(crate) fn missing(event: &'static str, field: &'static str) -> impl FnOnce() -> EventError {
    move || EventError::Missing { event, field }
}

/// The error for the field of something that can be deleted.
pub(crate) fn deleted(event: &'static str, field: &'static str) -> impl FnOnce() -> EventError {
    move || EventError::Deleted(Deleted { event, field })
}

impl<'a> Wish<'a> {
    /// Reads a whole payload of the event `issues`.
    pub fn parse(payload: &'a [u8]) -> Result<Self, EventError> {
        let mut payload = Payload::parse(payload)?;
        let origin = payload.take_origin(ISSUES)?;
        let issue = payload.issue.ok_or_else(missing(ISSUES, "issue"))?.issue();
        Ok(Self { issue, origin })
    }
}

impl<'a> Remark<'a> {
    /// Reads a whole payload of the event of this kind.
    pub fn parse(kind: RemarkKind, payload: &'a [u8]) -> Result<Self, EventError> {
        let event = kind.event();
        let mut payload = Payload::parse(payload)?;
        let origin = payload.take_origin(event)?;
        let thread = match kind {
            RemarkKind::IssueComment => payload.issue.ok_or_else(missing(event, "issue"))?.issue(),
            RemarkKind::ReviewLine | RemarkKind::Review => {
                let pull_request = payload.pull_request.ok_or_else(missing(event, "pull_request"))?;
                pull_request.pull_request(origin.repository_id)
            }
        };
        let (raw, comment, user): (_, fn(NonZeroU64) -> Comment, _) = match kind {
            RemarkKind::IssueComment => (payload.comment, Comment::Issue, "comment.user"),
            RemarkKind::ReviewLine => (payload.comment, Comment::ReviewLine, "comment.user"),
            RemarkKind::Review => (payload.review, Comment::Review, "review.user"),
        };
        let raw = raw.ok_or_else(missing(event, kind.field()))?;
        Ok(Self {
            author: raw.user.ok_or_else(deleted(event, user))?,
            comment: comment(raw.id),
            review: raw.pull_request_review_id,
            at: raw.created_at.or(raw.submitted_at),
            thread,
            origin,
        })
    }
}

impl<'a> Payload<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, EventError> {
        serde_json::from_slice(payload).map_err(EventError::Json)
    }

    fn take_origin(&mut self, event: &'static str) -> Result<Origin<'a>, EventError> {
        let repository = self.repository.take().ok_or_else(missing(event, "repository"))?;
        Ok(Origin {
            repo_url: repository.html_url,
            repository_id: repository.id,
            repository_state: if repository.archived {
                RepositoryState::Archived
            } else {
                RepositoryState::Active
            },
            installation_id: self.installation.take().map(|installation| installation.id),
            sender: self.sender.take().ok_or_else(deleted(event, "sender"))?,
        })
    }
}

impl<'a> RawThread<'a> {
    fn issue(self) -> Thread<'a> {
        let kind = if self.pull_request.is_some() { ThreadKind::PullRequest } else { ThreadKind::Issue };
        self.of(kind, Head::Unknown)
    }

    fn pull_request(mut self, repository: NonZeroU64) -> Thread<'a> {
        let head = match self.head.take() {
            None => Head::Unknown,
            Some(RawHead { branch, repo: Some(place) }) if place.id == repository => Head::Here(branch),
            Some(_) => Head::Fork,
        };
        self.of(ThreadKind::PullRequest, head)
    }

    fn of(self, kind: ThreadKind, head: Head<'a>) -> Thread<'a> {
        Thread {
            kind,
            head,
            number: self.number,
            title: self.title,
            body: self.body.map_or_else(Cow::default, |Text(body)| body),
            // GitHub leaves the state out in a few old payloads of issues that are open.
            state: if self.state.is_some_and(|Text(state)| state == "closed") {
                ThreadState::Closed
            } else {
                ThreadState::Open
            },
            labels: self.labels.into_iter().map(|label| label.name).collect(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
