//! A *Jira request* is what somebody asked for on an issue of Jira, as it travels through the queue.
//!
//! It is not a [`Task`](crate::task::Task) yet. Which repository is meant, and which login of the forge the person has, is the
//! operator's configuration, which the receiver of webhooks does not read; a run looks it up and makes the task. The
//! message is a JSON object with the field `jira`, by which it is told from a task:
//!
//! ```json
//! {"jira": {"site": "acme", "issue": "PROJ-123", "number": 10040, "asks": "approve", "comment": 10019, "account": "5c5f…"},
//!  "task_id": "…", "triggered_at": "2026-11-21T09:00:00Z", "delivery_id": "…"}
//! ```
//!
//! | field | |
//! |---|---|
//! | `site` | see [`SiteName`]: what the operator calls the site |
//! | `issue`, `number` | the key of the issue, and Jira's own number for it, which stays when the issue moves to another project |
//! | `asks` | `begin` (a label or an assignee), or the name of a command other than `stop` |
//! | `comment` | the comment with the command |
//! | `change` | of `begin`: the change in the history of the issue that set the label or the assignee; none for what was set with the issue |
//! | `account` | who asked, by the webhook; a run does not rely on it and asks Jira |

use std::{fmt, num::NonZeroU64};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, Unexpected},
};

use crate::{
    command::Command,
    issue::{IssueId, IssueKey},
    queue,
    task::{DeliveryId, TaskId, short_digest, wish},
};

/// Longest name of a site in characters.
const MAX_SITE: usize = 40;
/// Longest id of an account in characters (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-users/>
/// says 128).
const MAX_ACCOUNT: usize = 128;

/// One request on one issue of Jira.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JiraRequest {
    pub id: TaskId,
    pub site: SiteName,
    pub issue: IssueKey,
    /// Jira's own number of the issue.
    pub number: NonZeroU64,
    pub asks: Asks,
    /// The change in the history of the issue that asked.
    pub change: Option<NonZeroU64>,
    /// Who asked, by the webhook.
    pub account: Option<AccountId>,
    pub triggered_at: Option<Timestamp>,
    pub delivery_id: Option<DeliveryId>,
}

/// What is asked for: work, by the labels of the issue, or what a command in a comment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asks {
    word: Word,
    /// The comment with the command.
    comment: Option<NonZeroU64>,
}

/// [`Asks`] without its comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Begin,
    /// By its name, so that a new command needs nothing here.
    Command(&'static str),
}

/// What the operator calls a site of Jira: the last part of the address of its webhook.
///
/// Small letters, digits and hyphens, 1 to 40, starting with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteName(String);

/// What Jira calls an account for good.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountId(String);

/// The text is not the name of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a site is 1 to {MAX_SITE} small letters, digits and hyphens, starting with a letter or digit"
)]
pub struct SiteNameError;

/// Why a message is not a request.
#[derive(Debug, thiserror::Error)]
pub enum JiraRequestError {
    #[error("the message is not a request of Jira: {0}")]
    Json(serde_json::Error),
    #[error("jira.site: {0}")]
    Site(#[from] SiteNameError),
    #[error("jira.issue is not a key such as PROJ-123")]
    Issue,
    #[error("jira.account is not the id of an account")]
    Account,
    #[error("`{0}` needs jira.comment")]
    NoComment(&'static str),
    #[error("`begin` has no use for jira.comment")]
    Comment,
    #[error("task_id is not 32 hexadecimal digits in small letters")]
    TaskId,
    #[error("delivery_id is not 1 to 64 letters, digits and hyphens")]
    DeliveryId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    jira: Inner,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    triggered_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    site: String,
    issue: String,
    number: NonZeroU64,
    asks: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

impl SiteName {
    pub fn parse(text: &str) -> Result<Self, SiteNameError> {
        let fits = (1..=MAX_SITE).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(SiteNameError) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AccountId {
    /// Letters, digits, `:`, `-` and `_`, 1 to 128: `5c5f880629be9642ba529340`, `557058:58f131c9-…`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_ACCOUNT).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_".contains(&b));
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Word {
    /// That of a command; `None` for `/stop`, for which whatever runs or waits looks by itself.
    fn of_command(command: &Command<'_>) -> Option<Self> {
        (*command != Command::Stop).then(|| Self::Command(command.name()))
    }

    fn named(name: &str) -> Option<Self> {
        let begin = Self::Begin;
        if name == begin.name() {
            return Some(begin);
        }
        let is_it = |known: &&str| *known == name && *known != Command::Stop.name();
        Command::NAMES.into_iter().find(is_it).map(Self::Command)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Command(name) => name,
        }
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let expected = &"`begin` or the name of a command other than `stop`";
        Self::named(&name).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), expected))
    }
}

impl Asks {
    /// What the labels of the issue say, because the trigger label was set or the agent was assigned.
    pub const BEGIN: Self = Self { word: Word::Begin, comment: None };

    /// What a command in this comment asks for; `None` for `/stop`, for which whatever runs or waits looks by itself.
    pub fn of_command(command: &Command<'_>, comment: NonZeroU64) -> Option<Self> {
        Word::of_command(command).map(|word| Self { word, comment: Some(comment) })
    }

    /// Puts it together from the fields of a message.
    fn of_fields(word: Word, comment: Option<NonZeroU64>) -> Result<Self, JiraRequestError> {
        match (word, comment) {
            (Word::Begin, Some(_)) => Err(JiraRequestError::Comment),
            (Word::Command(name), None) => Err(JiraRequestError::NoComment(name)),
            (Word::Begin, None) | (Word::Command(_), Some(_)) => Ok(Self { word, comment }),
        }
    }

    /// The name in messages and logs.
    pub fn name(self) -> &'static str {
        self.word.name()
    }

    /// The comment with the command.
    pub fn comment(self) -> Option<NonZeroU64> {
        self.comment
    }

    /// Whether it answers what the agent made. A label, an assignment and `/retry` ask for new work.
    pub fn is_answer(self) -> bool {
        match self.word {
            Word::Begin => false,
            Word::Command(name) => name != Command::Retry.name(),
        }
    }

    /// Whether a command is the one that this asks for.
    pub fn is_of(self, command: &Command<'_>) -> bool {
        Word::of_command(command) == Some(self.word)
    }
}

/// What a request's [`TaskId`] is derived from.
#[derive(Clone, Copy, Debug)]
pub struct JiraOrigin<'a> {
    pub site: &'a SiteName,
    pub number: NonZeroU64,
    pub asks: Asks,
    /// Tells one request from the next: see [`wish`](crate::task::wish). A command is told by its comment.
    pub event: &'a str,
}

/// The [`JiraOrigin::event`] of a label or an assignee that was set at that time, by the change of that number in the history
/// of the issue; without a number, with the issue itself.
///
/// A webhook and a look at the history know the same two times and the same number.
pub fn event_of(created: Option<Timestamp>, at: Option<Timestamp>, change: Option<u64>) -> String {
    let event = wish(created, at.or(created));
    match change {
        Some(change) if !event.starts_with("created ") => format!("change {change}"),
        _ => event,
    }
}

/// A time as Jira writes it: `2019-02-15T19:01:52.971-0800`.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

impl JiraOrigin<'_> {
    /// A webhook that is delivered again gives the same id, and so does a look at the issue that finds the same request.
    pub fn id(self) -> TaskId {
        let event = self.asks.comment().map_or_else(|| self.event.to_owned(), |id| format!("comment {id}"));
        TaskId::of_parts(
            "jira task",
            &[self.site.as_str(), &self.number.to_string(), self.asks.name(), &event],
        )
    }
}

impl JiraRequest {
    /// Reads a message of which it is known that it has the field `jira`.
    pub fn parse(message: &[u8]) -> Result<Self, JiraRequestError> {
        let Wire { jira, task_id, triggered_at, delivery_id } =
            serde_json::from_slice(message).map_err(JiraRequestError::Json)?;
        let site = SiteName::parse(&jira.site)?;
        let issue = IssueKey::parse(&jira.issue).ok_or(JiraRequestError::Issue)?;
        let asks = Asks::of_fields(jira.asks, jira.comment)?;
        let account =
            jira.account.map(|id| AccountId::parse(&id).ok_or(JiraRequestError::Account)).transpose()?;
        let delivery_id =
            delivery_id.map(|id| DeliveryId::parse(&id).ok_or(JiraRequestError::DeliveryId)).transpose()?;
        let id = if let Some(id) = task_id {
            TaskId::parse(&id).ok_or(JiraRequestError::TaskId)?
        } else {
            let event = triggered_at.map_or_else(String::new, |at| format!("at {at}"));
            JiraOrigin { site: &site, number: jira.number, asks, event: &event }.id()
        };
        Ok(Self {
            id,
            site,
            issue,
            number: jira.number,
            asks,
            change: jira.change,
            account,
            triggered_at,
            delivery_id,
        })
    }

    /// The message for this request.
    pub fn to_message(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Wire {
            jira: Inner {
                site: self.site.to_string(),
                issue: self.issue.to_string(),
                number: self.number,
                asks: self.asks.word,
                comment: self.asks.comment,
                change: self.change,
                account: self.account.as_ref().map(ToString::to_string),
            },
            task_id: Some(self.id.to_string()),
            triggered_at: self.triggered_at,
            delivery_id: self.delivery_id.as_ref().map(ToString::to_string),
        })
    }

    /// The slot of which there is one: who has it says on this issue what is wrong, where it is that.
    pub fn refusal_slot(&self, about: &str) -> String {
        let number = self.number.to_string();
        let digest = short_digest("refused on jira", &[self.site.as_str(), &number, about]);
        format!("{}.runs.{digest}", queue::BUDGET)
    }

    /// The key, as an issue of any tracker is named.
    pub fn issue_id(&self) -> IssueId {
        IssueId::Key(self.issue.clone())
    }
}

#[cfg(test)]
mod tests;
