//! An *event*: what a webhook says happened, as far as it may ask for work.
//!
//! A payload has hundreds of fields; the structs here hold the few that matter, so that a new field, action or
//! event of GitHub's breaks nothing (<https://docs.github.com/en/webhooks/webhook-events-and-payloads>).

use std::{borrow::Cow, fmt, num::NonZeroU64};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use shared::task::Comment;

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// GitHub tries the webhook out.
    Ping,
    /// An issue was opened, labelled or assigned.
    Issue { action: IssueAction<'a>, issue: Thread<'a>, origin: Origin<'a> },
    /// Somebody wrote a comment.
    Written {
        text: Cow<'a, str>,
        author: Account<'a>,
        comment: Comment,
        at: Option<Timestamp>,
        thread: Thread<'a>,
        origin: Origin<'a>,
    },
    /// Nothing that could ask for work.
    Other { event: &'a str, action: Option<Cow<'a, str>> },
}

/// What was done to an issue.
#[derive(Debug)]
pub enum IssueAction<'a> {
    Opened,
    Labeled(Cow<'a, str>),
    Assigned(Account<'a>),
}

/// An issue or a pull request; GitHub counts both with one number.
#[derive(Debug)]
pub struct Thread<'a> {
    pub kind: ThreadKind,
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
}

/// Reads a payload up to its action, which GitHub writes first: most events are declined for it, and need not be read
/// whole.
struct UpToAction<'f, 'a>(&'f mut Found<'a>);

/// What was found until then.
#[derive(Default)]
struct Found<'a> {
    is_read: bool,
    action: Option<Cow<'a, str>>,
}

impl<'a> Visitor<'a> for UpToAction<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Text(key)) = map.next_key()? {
            if key == "action" {
                let action = map.next_value::<Option<Text<'a>>>()?.map(|Text(action)| action);
                *self.0 = Found { is_read: true, action };
                // The only way to leave an object before its end.
                return Err(de::Error::custom("the rest is not read"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The `action` of a payload, if it has one.
fn action_of(payload: &[u8]) -> Result<Option<Cow<'_, str>>, EventError> {
    let mut found = Found::default();
    let read = serde_json::Deserializer::from_slice(payload).deserialize_map(UpToAction(&mut found));
    match read {
        Err(error) if !found.is_read => Err(EventError::Json(error)),
        _ => Ok(found.action),
    }
}

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
    label: Option<Label<'a>>,
    #[serde(borrow)]
    assignee: Option<Account<'a>>,
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
    body: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    labels: Vec<Label<'a>>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    /// Present in an `issue` that is a pull request.
    pull_request: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RawComment<'a> {
    id: NonZeroU64,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Account<'a>>,
    created_at: Option<Timestamp>,
    submitted_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Label<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Repository<'a> {
    id: NonZeroU64,
    #[serde(borrow)]
    html_url: Cow<'a, str>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
struct Installation {
    id: NonZeroU64,
}

impl<'a> Event<'a> {
    /// Reads the payload of the event that `X-GitHub-Event` names. What cannot ask for work is not read further
    /// than its action.
    pub fn parse(event: &'a str, payload: &'a [u8]) -> Result<Self, EventError> {
        let (event, kind): (&'static str, Source) = match event {
            "ping" => return Ok(Self::Ping),
            "issues" => ("issues", Source::Issue),
            "issue_comment" => ("issue_comment", Source::IssueComment),
            "pull_request_review_comment" => ("pull_request_review_comment", Source::ReviewLine),
            "pull_request_review" => ("pull_request_review", Source::Review),
            _ => return Ok(Self::Other { event, action: None }),
        };
        let action = action_of(payload)?;
        let wanted: &[&str] = match kind {
            Source::Issue => &["opened", "labeled", "assigned"],
            Source::IssueComment | Source::ReviewLine => &["created"],
            Source::Review => &["submitted"],
        };
        if !action.as_deref().is_some_and(|action| wanted.contains(&action)) {
            return Ok(Self::Other { event, action });
        }
        let payload: Payload<'a> = serde_json::from_slice(payload).map_err(EventError::Json)?;
        let missing = |field| EventError::Missing { event, field };
        let repository = payload.repository.ok_or(missing("repository"))?;
        let origin = Origin {
            repo_url: repository.html_url,
            repository_id: repository.id,
            repository_state: if repository.archived {
                RepositoryState::Archived
            } else {
                RepositoryState::Active
            },
            installation_id: payload.installation.map(|installation| installation.id),
            sender: payload.sender.ok_or(missing("sender"))?,
        };
        let issue = || payload.issue.map(RawThread::issue).ok_or(missing("issue"));
        let pull_request =
            || payload.pull_request.map(RawThread::pull_request).ok_or(missing("pull_request"));
        let (raw, comment, thread): (_, fn(NonZeroU64) -> Comment, _) = match kind {
            Source::Issue => {
                let action = match action.as_deref() {
                    Some("labeled") => IssueAction::Labeled(payload.label.ok_or(missing("label"))?.name),
                    Some("assigned") => IssueAction::Assigned(payload.assignee.ok_or(missing("assignee"))?),
                    _ => IssueAction::Opened,
                };
                return Ok(Self::Issue { action, issue: issue()?, origin });
            }
            Source::IssueComment => (payload.comment, Comment::Issue, issue()?),
            Source::ReviewLine => (payload.comment, Comment::ReviewLine, pull_request()?),
            Source::Review => (payload.review, Comment::Review, pull_request()?),
        };
        let raw = raw.ok_or(missing("comment"))?;
        Ok(Self::Written {
            text: raw.body.unwrap_or_default(),
            author: raw.user.ok_or(missing("comment.user"))?,
            comment: comment(raw.id),
            at: raw.created_at.or(raw.submitted_at),
            thread,
            origin,
        })
    }
}

/// The events whose payload may ask for work.
#[derive(Clone, Copy)]
enum Source {
    Issue,
    IssueComment,
    ReviewLine,
    Review,
}

impl<'a> RawThread<'a> {
    fn issue(self) -> Thread<'a> {
        let kind = if self.pull_request.is_some() { ThreadKind::PullRequest } else { ThreadKind::Issue };
        self.of(kind)
    }

    fn pull_request(self) -> Thread<'a> {
        self.of(ThreadKind::PullRequest)
    }

    fn of(self, kind: ThreadKind) -> Thread<'a> {
        Thread {
            kind,
            number: self.number,
            title: self.title,
            body: self.body.unwrap_or_default(),
            // GitHub leaves the state out in a few old payloads of issues that are open.
            state: if self.state.as_deref() == Some("closed") {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_up_to_its_action() {
        let table: &[(&str, Result<Option<&str>, &str>)] = &[
            (r#"{"action":"edited","issue":{"number":1}}"#, Ok(Some("edited"))),
            (r#"{"issue":{"action":"inner"},"action":"edited"}"#, Ok(Some("edited"))),
            (r#"{"action":"edited" and no more JSON"#, Ok(Some("edited"))),
            (r#"{"\u0061ction":"\u0065dited"}"#, Ok(Some("edited"))),
            (r#"{"action":null}"#, Ok(None)),
            (r#"{"issue":{}}"#, Ok(None)),
            ("{}", Ok(None)),
            (r#"{"action":1}"#, Err("invalid type: integer `1`, expected a string at line 1 column 11")),
            (r#"{"issue" "#, Err("EOF while parsing an object at line 1 column 9")),
            ("[]", Err("invalid type: sequence, expected an object")),
            ("", Err("EOF while parsing a value at line 1 column 0")),
        ];
        for (payload, expected) in table {
            match (action_of(payload.as_bytes()), expected) {
                (Ok(action), Ok(expected)) => assert_eq!(action.as_deref(), *expected, "{payload}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{payload}: {error}");
                }
                (action, _) => panic!("{payload}: {action:?}"),
            }
        }
    }
}
