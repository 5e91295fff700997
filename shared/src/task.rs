//! A *task*: one request for one run on one issue, as it travels through the queue.
//!
//! The message is a JSON object. The first four fields alone are a task; the others say more about who asked for
//! what. A field that is not in this list is refused.
//!
//! | field | |
//! |---|---|
//! | `repo_url` | `https://HOST/OWNER/NAME`, see [`crate::repo`] |
//! | `issue_id` | see [`IssueId`]: the number of the issue, or its key as a text. Of a command that was written on a pull request: the number of that pull request, because a webhook does not tell the issue behind it; the run finds it by the branch |
//! | `mode` | the name of a mode: see [`crate::mode`] |
//! | `trigger_user` | login of the person who asked; of what nobody asked for (`checks`, `closed`), the repository's owner |
//! | `task_id` | see [`TaskId`]; derived from the other fields if it is missing |
//! | `triggered_at` | when, RFC 3339, by GitHub's clock: what was written later was not seen by who asked |
//! | `delivery_id` | GitHub's id of the webhook delivery |
//! | `repository_id`, `installation_id` | GitHub's numbers; the first survives a renaming |
//! | `pull_request` | number of the pull request on which a command was written; of one on the issue, the run finds it by the branch |
//! | `comment_id`, `comment_kind` | the comment that holds the command; each mode that a command begins needs it. For `fix` it can be a review that asks for changes |
//! | `issue_digest` | see [`IssueDigest`] |

use std::{fmt, num::NonZeroU64};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    hex,
    issue::{IssueId, PullRequestNumber},
    mode::{CommentKind, Fields, Mode, ModeKind, WrongFields},
    queue,
    repo::{HostPolicy, Repo, RepoError},
    user::{Login, LoginError},
};

/// Longest message in bytes. One with every field is shorter than 2 KiB.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Longest id of a delivery in characters; GitHub's are GUIDs of 36.
const MAX_DELIVERY_ID: usize = 64;

/// What happens to an issue this soon after its creation was asked for with the creation: GitHub sends an event for
/// each label and assignee that an issue is opened with.
const CREATION: SignedDuration = SignedDuration::from_secs(10);

/// One request for one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    pub repo: Repo,
    /// The thread on which the request was made: an issue, or the pull request of a command that was written there.
    pub issue: IssueId,
    pub mode: Mode,
    pub trigger_user: Login,
    pub triggered_at: Option<Timestamp>,
    pub delivery_id: Option<DeliveryId>,
    pub repository_id: Option<NonZeroU64>,
    pub installation_id: Option<NonZeroU64>,
    /// Title and body of the issue when the webhook was sent.
    pub issue_digest: Option<IssueDigest>,
}

impl Task {
    /// The queue that is there for a while after a run refused this person on this thread: its name. While it is there,
    /// nothing of theirs is published for that thread.
    pub fn refusal(&self) -> String {
        format!("{}.refused.{}", queue::BUDGET, self.refusal_digest())
    }

    /// The slot of which there is one: who has it asks whether this person may ask on this thread, and says that they may
    /// not.
    pub fn refusal_slot(&self) -> String {
        format!("{}.runs.{}", queue::BUDGET, self.refusal_digest())
    }

    fn refusal_digest(&self) -> String {
        let repository =
            self.repository_id.map_or_else(|| self.repo.url().to_lowercase(), |id| id.to_string());
        let (thread, person) = (self.issue.to_string(), self.trigger_user.as_str().to_lowercase());
        short_digest("refused", &[&repository, &thread, &person])
    }
}

/// The key of every external effect of a task, and the id of its message: 32 hexadecimal digits.
///
/// A hash over repository, issue, mode and the event that asked. A webhook that is delivered again gives the same
/// id, a new wish another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId([u8; 16]);

/// What a [`TaskId`] is derived from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub repo: &'a Repo,
    /// Preferred to owner and name, because it survives a renaming.
    pub repository_id: Option<NonZeroU64>,
    pub issue: &'a IssueId,
    pub mode: ModeKind,
    /// Tells one wish from the next among those for one issue and mode.
    pub event: &'a str,
}

impl TaskId {
    pub fn derive(origin: Origin<'_>) -> Self {
        let repository =
            origin.repository_id.map_or_else(|| origin.repo.url().to_ascii_lowercase(), |id| id.to_string());
        let issue = origin.issue.to_string();
        Self::of_parts("task", &[&repository, &issue, origin.mode.name(), origin.event])
    }

    /// Hash over a domain and what tells a request from every other one of that domain.
    pub(crate) fn of_parts(domain: &str, parts: &[&str]) -> Self {
        let digest = digest_parts(domain, parts);
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// The bytes, which also serve as the id of a trace.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        hex::parse(text).map(Self)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

/// The [`Origin::event`] of a wish that an issue's label or assignee expresses, by when the issue was created and when
/// the wish was made.
///
/// All events of an issue's creation are one wish, and so are a webhook and a look at the issue that finds the same
/// label: both know the same two times.
pub fn wish(created: Option<Timestamp>, wished: Option<Timestamp>) -> String {
    match (created, wished) {
        (Some(created), Some(wished)) if wished.duration_since(created).abs() <= CREATION => {
            format!("created {created}")
        }
        (_, Some(wished)) => format!("wished {wished}"),
        (_, None) => "wished".to_owned(),
    }
}

/// The [`Origin::event`] of checks of a commit, whoever finds that they are to be looked at.
pub fn checks_of(commit: &str) -> String {
    format!("checks {commit}")
}

/// A fingerprint of an issue's title and body: a run that reads other text than the person who asked knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssueDigest([u8; 32]);

impl IssueDigest {
    /// `body` is empty where GitHub says `null`.
    pub fn of(title: &str, body: &str) -> Self {
        Self(digest_parts("issue", &[title, body]))
    }
}

impl fmt::Display for IssueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for IssueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

/// GitHub's id of a webhook delivery: letters, digits and hyphens, 1 to 64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryId(String);

impl DeliveryId {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_DELIVERY_ID).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a message is not a task.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("the message has {0} bytes, more than {MAX_MESSAGE_BYTES}")]
    TooLong(usize),
    #[error("the message is not a task: {0}")]
    Json(serde_json::Error),
    #[error("repo_url: {0}")]
    Repo(RepoError),
    #[error("trigger_user: {0}")]
    TriggerUser(LoginError),
    #[error("mode `{mode}` needs {field}")]
    Missing { mode: &'static str, field: &'static str },
    #[error("mode `{mode}` has no use for {field}")]
    Superfluous { mode: &'static str, field: &'static str },
    #[error("task_id is not 32 hexadecimal digits in small letters")]
    TaskId,
    #[error("delivery_id is not 1 to {MAX_DELIVERY_ID} letters, digits and hyphens")]
    DeliveryId,
    #[error("issue_digest is not 64 hexadecimal digits in small letters")]
    IssueDigest,
}

/// The message, field by field.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    repo_url: String,
    issue_id: IssueId,
    mode: ModeKind,
    trigger_user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    triggered_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository_id: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    installation_id: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pull_request: Option<PullRequestNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment_id: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment_kind: Option<CommentKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issue_digest: Option<String>,
}

impl Task {
    /// Reads a message. Nothing of it is believed: the address is rebuilt, every text is bounded.
    pub fn parse(message: &[u8], policy: &HostPolicy) -> Result<Self, TaskError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(TaskError::TooLong(message.len()));
        }
        let wire: Wire = serde_json::from_slice(message).map_err(TaskError::Json)?;
        let mode = wire.mode()?;
        let repo = Repo::parse(&wire.repo_url, policy).map_err(TaskError::Repo)?;
        let id = match &wire.task_id {
            Some(id) => TaskId::parse(id).ok_or(TaskError::TaskId)?,
            None => TaskId::derive(Origin {
                repo: &repo,
                repository_id: wire.repository_id,
                issue: &wire.issue_id,
                mode: wire.mode,
                event: &wire.event(),
            }),
        };
        Ok(Self {
            id,
            repo,
            issue: wire.issue_id,
            mode,
            trigger_user: Login::parse(&wire.trigger_user).map_err(TaskError::TriggerUser)?,
            triggered_at: wire.triggered_at,
            delivery_id: wire
                .delivery_id
                .map(|id| DeliveryId::parse(&id).ok_or(TaskError::DeliveryId))
                .transpose()?,
            repository_id: wire.repository_id,
            installation_id: wire.installation_id,
            issue_digest: wire
                .issue_digest
                .map(|digest| hex::parse(&digest).map(IssueDigest).ok_or(TaskError::IssueDigest))
                .transpose()?,
        })
    }

    /// The message for this task.
    pub fn to_message(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Fields { pull_request, comment_id, comment_kind } = self.mode.fields();
        serde_json::to_vec(&Wire {
            repo_url: self.repo.url(),
            issue_id: self.issue.clone(),
            mode: self.mode.kind(),
            trigger_user: self.trigger_user.to_string(),
            task_id: Some(self.id.to_string()),
            triggered_at: self.triggered_at,
            delivery_id: self.delivery_id.as_ref().map(ToString::to_string),
            repository_id: self.repository_id,
            installation_id: self.installation_id,
            pull_request,
            comment_id,
            comment_kind,
            issue_digest: self.issue_digest.map(|digest| digest.to_string()),
        })
    }
}

impl Wire {
    fn mode(&self) -> Result<Mode, TaskError> {
        let fields = Fields {
            pull_request: self.pull_request,
            comment_id: self.comment_id,
            comment_kind: self.comment_kind,
        };
        let mode = self.mode.name();
        Mode::of_fields(self.mode, &fields).map_err(|wrong| match wrong {
            WrongFields::Missing(field) => TaskError::Missing { mode, field },
            WrongFields::Superfluous(field) => TaskError::Superfluous { mode, field },
        })
    }

    /// What tells this wish from the next where the message has no id: the comment, else the delivery, else the time.
    fn event(&self) -> String {
        if let Some(comment) = self.comment_id {
            return format!("comment {comment}");
        }
        if let Some(delivery) = &self.delivery_id {
            return format!("delivery {delivery}");
        }
        self.triggered_at.map_or_else(String::new, |at| format!("at {at}"))
    }
}

/// The first 16 hexadecimal digits of such a hash, for the name of a queue.
pub(crate) fn short_digest(domain: &str, parts: &[&str]) -> String {
    let mut digest = hex::text(&digest_parts(domain, parts));
    digest.truncate(16);
    digest
}

/// Hash over a domain and texts, each with its length before it, so that no two lists of texts give the same input.
fn digest_parts(domain: &str, parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [domain].iter().chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
