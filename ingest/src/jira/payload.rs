//! A *payload* of Jira: the few fields of a webhook's body that matter.
//!
//! It is read twice. The first look goes as far as it takes to decline it: most events are declined for their name, a
//! changelog without label or assignee, or a comment that holds no command. Names and form are those of
//! <https://developer.atlassian.com/cloud/jira/platform/webhooks/>.

use std::{borrow::Cow, fmt, num::NonZeroU64};

use jiff::Timestamp;
use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use shared::{
    issue::IssueKey,
    jira::{AccountId, parse_time},
};

use crate::event::Text;

/// What happened, as far as it takes to decline most of it.
#[derive(Debug)]
pub(super) enum Heading<'a> {
    Created,
    Updated(Change<'a>),
    /// Somebody wrote this comment.
    Commented(Cow<'a, str>),
    /// Nothing that could ask for work.
    Other(Cow<'a, str>),
}

/// What one change of an issue did.
#[derive(Debug, Deserialize)]
pub(super) struct Change<'a> {
    #[serde(default, deserialize_with = "number")]
    pub(super) id: Option<NonZeroU64>,
    #[serde(borrow, default)]
    pub(super) items: Vec<Item<'a>>,
}

/// The change of one field.
#[derive(Debug, Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default)]
    pub(super) field: Cow<'a, str>,
    #[serde(borrow, default)]
    to: Option<Text<'a>>,
    #[serde(borrow, default, rename = "fromString")]
    from_string: Option<Text<'a>>,
    #[serde(borrow, default, rename = "toString")]
    to_string: Option<Text<'a>>,
}

/// A whole payload.
#[derive(Debug)]
pub(super) struct Payload<'a> {
    /// When it was sent.
    pub(super) sent_at: Option<Timestamp>,
    /// Who did it.
    pub(super) actor: Option<Account<'a>>,
    pub(super) issue: Issue<'a>,
    pub(super) comment: Option<Comment<'a>>,
}

#[derive(Debug)]
pub(super) struct Issue<'a> {
    pub(super) key: IssueKey,
    pub(super) number: NonZeroU64,
    /// `None` where the event does not tell.
    pub(super) labels: Option<Vec<Cow<'a, str>>>,
    pub(super) assignee: Option<Account<'a>>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) is_done: bool,
}

#[derive(Debug)]
pub(super) struct Comment<'a> {
    pub(super) id: NonZeroU64,
    pub(super) author: Option<Account<'a>>,
    pub(super) at: Option<Timestamp>,
}

/// An account of Jira.
#[derive(Debug, Deserialize)]
pub(super) struct Account<'a> {
    #[serde(borrow, default, rename = "accountId")]
    id: Cow<'a, str>,
    /// `atlassian` for a person; also `app` and `customer`.
    #[serde(borrow, default, rename = "accountType")]
    kind: Option<Text<'a>>,
}

/// The payload is not what Jira documents.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    #[error("the payload is not JSON of the documented form: {0}")]
    Json(serde_json::Error),
    #[error("the payload of `{event}` has no {field}")]
    Missing { event: &'static str, field: &'static str },
    #[error("issue.key is not a key such as PROJ-123")]
    Key,
}

pub(super) const CREATED: &str = "jira:issue_created";
pub(super) const UPDATED: &str = "jira:issue_updated";
pub(super) const COMMENTED: &str = "comment_created";

impl Item<'_> {
    pub(super) fn is(&self, field: &str) -> bool {
        self.field.eq_ignore_ascii_case(field)
    }

    /// The labels that were set by it: Jira has no label with a space in it.
    pub(super) fn new_labels(&self) -> impl Iterator<Item = &str> {
        let words = |text: &'_ Option<Text<'_>>| -> Vec<String> {
            let text = text.as_ref().map_or("", |Text(text)| text);
            text.split_whitespace().map(str::to_owned).collect()
        };
        let before = words(&self.from_string);
        let after = self.to_string.as_ref().map_or("", |Text(text)| text);
        after.split_whitespace().filter(move |label| !before.iter().any(|before| before == label))
    }

    /// Whether the field has a value now.
    pub(super) fn is_set(&self) -> bool {
        self.to.is_some()
    }
}

impl Account<'_> {
    pub(super) fn id(&self) -> Option<AccountId> {
        AccountId::parse(&self.id)
    }

    /// Of before 2019 an account says nothing of its kind.
    pub(super) fn is_person(&self) -> bool {
        self.kind.as_ref().is_none_or(|Text(kind)| kind == "atlassian")
    }
}

impl<'a> Heading<'a> {
    /// Reads the payload as far as it has to.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let mut heading = None;
        let reader = UntilKnown { heading: &mut heading };
        let read = serde_json::Deserializer::from_slice(payload).deserialize_map(reader);
        match (heading, read) {
            (Some(heading), _) => Ok(heading),
            (None, Ok(end)) => end,
            (None, Err(error)) => Err(PayloadError::Json(error)),
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Found<'a> {
    event: Option<Cow<'a, str>>,
    change: Option<Change<'a>>,
    comment: Option<Written<'a>>,
}

/// A comment, of which only the text is looked at.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow, default)]
    body: Option<Text<'a>>,
}

impl<'a> Found<'a> {
    /// The heading that the whole payload makes. Of an update without a changelog nothing is known to be new.
    fn at_the_end(&mut self) -> Result<Heading<'a>, PayloadError> {
        if self.event.as_deref() == Some(UPDATED) && self.change.is_none() {
            self.change = Some(Change { id: None, items: Vec::new() });
        }
        self.heading()
    }

    /// The heading that this makes, or which field it lacks.
    fn heading(&mut self) -> Result<Heading<'a>, PayloadError> {
        let missing = |event, field| PayloadError::Missing { event, field };
        match self.event.as_deref() {
            None => Err(missing("?", "webhookEvent")),
            Some(CREATED) => Ok(Heading::Created),
            Some(UPDATED) => self.change.take().map(Heading::Updated).ok_or(missing(UPDATED, "changelog")),
            Some(COMMENTED) => {
                let written = self.comment.take().ok_or(missing(COMMENTED, "comment"))?;
                Ok(Heading::Commented(written.body.map_or_else(Cow::default, |Text(body)| body)))
            }
            Some(_) => Ok(Heading::Other(self.event.take().unwrap_or_default())),
        }
    }
}

struct UntilKnown<'h, 'a> {
    heading: &'h mut Option<Heading<'a>>,
}

impl<'a> Visitor<'a> for UntilKnown<'_, 'a> {
    type Value = Result<Heading<'a>, PayloadError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = Found::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "webhookEvent" => found.event = map.next_value::<Option<Text<'a>>>()?.map(|Text(text)| text),
                "changelog" => found.change = map.next_value()?,
                "comment" => found.comment = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            }
            if found.event.is_some()
                && let Ok(heading) = found.heading()
            {
                *self.heading = Some(heading);
                // The only way to leave an object before its end.
                return Err(de::Error::custom("the rest is not read"));
            }
        }
        Ok(found.at_the_end())
    }
}

#[derive(Deserialize)]
struct RawPayload<'a> {
    timestamp: Option<i64>,
    #[serde(borrow)]
    user: Option<Account<'a>>,
    #[serde(borrow)]
    issue: Option<RawIssue<'a>>,
    #[serde(borrow)]
    comment: Option<RawComment<'a>>,
}

#[derive(Deserialize)]
struct RawIssue<'a> {
    #[serde(default, deserialize_with = "number")]
    id: Option<NonZeroU64>,
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    fields: Option<Fields<'a>>,
}

#[derive(Default, Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    labels: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    assignee: Option<Account<'a>>,
    #[serde(borrow)]
    created: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, rename = "statusCategory")]
    category: Option<Category<'a>>,
}

#[derive(Deserialize)]
struct Category<'a> {
    #[serde(borrow, default)]
    key: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RawComment<'a> {
    #[serde(default, deserialize_with = "number")]
    id: Option<NonZeroU64>,
    #[serde(borrow)]
    author: Option<Account<'a>>,
    #[serde(borrow)]
    created: Option<Text<'a>>,
}

/// Jira writes its numbers as texts.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    let read = Option::<Either>::deserialize(deserializer)?;
    Ok(read.and_then(|read| match read {
        Either::Number(number) => NonZeroU64::new(number),
        Either::Text(text) => text.parse().ok(),
    }))
}

impl<'a> Payload<'a> {
    /// Reads a whole payload of this event.
    pub(super) fn parse(event: &'static str, payload: &'a [u8]) -> Result<Self, PayloadError> {
        let raw: RawPayload<'a> = serde_json::from_slice(payload).map_err(PayloadError::Json)?;
        let missing = |field| PayloadError::Missing { event, field };
        let issue = raw.issue.ok_or(missing("issue"))?;
        let fields = issue.fields.unwrap_or_default();
        let time = |text: Option<Text<'_>>| text.and_then(|Text(text)| parse_time(&text));
        let comment = raw.comment.map(|raw| {
            let id = raw.id.ok_or(missing("comment.id"))?;
            Ok(Comment { id, author: raw.author, at: time(raw.created) })
        });
        Ok(Self {
            sent_at: raw.timestamp.and_then(|at| Timestamp::from_millisecond(at).ok()),
            actor: raw.user,
            issue: Issue {
                key: IssueKey::parse(&issue.key).ok_or(PayloadError::Key)?,
                number: issue.id.ok_or(missing("issue.id"))?,
                labels: fields.labels.map(|labels| labels.into_iter().map(|Text(label)| label).collect()),
                assignee: fields.assignee,
                created_at: time(fields.created),
                is_done: fields.status.and_then(|status| status.category).is_some_and(|it| it.key == "done"),
            },
            comment: comment.transpose()?,
        })
    }
}
