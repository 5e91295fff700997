//! A *heading*: the part of a payload that shows whether the rest is worth reading.
//!
//! Most events are declined for their action, their label, or a comment that holds no command. GitHub writes these
//! before the description of the repository, which is half of a payload and is not read for them. Wherever they stand,
//! they are found.

use std::{borrow::Cow, fmt};

use serde::Deserialize;
use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::event::{Account, EventError, Label, RemarkKind, Text, missing};

/// What happened, as far as it takes to decline most of it.
#[derive(Debug)]
pub enum Heading<'a> {
    /// GitHub tries the webhook out.
    Ping,
    /// Somebody opened an issue.
    Opened,
    /// Somebody gave this label to an issue.
    Labeled(Cow<'a, str>),
    /// Somebody assigned an issue to this account.
    Assigned(Account<'a>),
    /// Somebody wrote this.
    Written { kind: RemarkKind, text: Cow<'a, str> },
    /// Nothing that could ask for work.
    Other { event: &'a str, action: Option<Cow<'a, str>> },
}

/// The events whose payload may ask for work.
#[derive(Clone, Copy)]
enum Source {
    Issues,
    Remark(RemarkKind),
}

impl<'a> Heading<'a> {
    /// Reads the payload of the event that `X-GitHub-Event` names, as far as it has to.
    pub fn parse(event: &'a str, payload: &'a [u8]) -> Result<Self, EventError> {
        let source = match event {
            "ping" => return Ok(Self::Ping),
            "issues" => Source::Issues,
            "issue_comment" => Source::Remark(RemarkKind::IssueComment),
            "pull_request_review_comment" => Source::Remark(RemarkKind::ReviewLine),
            "pull_request_review" => Source::Remark(RemarkKind::Review),
            _ => return Ok(Self::Other { event, action: None }),
        };
        let found = Found::read(source, payload)?;
        let missing = |field| missing(source.event(), field);
        match (source, found.action.as_deref()) {
            (Source::Issues, Some("opened")) => Ok(Self::Opened),
            (Source::Issues, Some("labeled")) => {
                Ok(Self::Labeled(found.label.ok_or_else(missing("label"))?.name))
            }
            (Source::Issues, Some("assigned")) => {
                Ok(Self::Assigned(found.assignee.ok_or_else(missing("assignee"))?))
            }
            (Source::Remark(kind), Some(action)) if action == kind.action() => {
                let text = found.text.ok_or_else(missing(kind.field()))?;
                Ok(Self::Written { kind, text: text.body.map_or_else(Cow::default, |Text(body)| body) })
            }
            _ => Ok(Self::Other { event, action: found.action }),
        }
    }
}

impl Source {
    fn event(self) -> &'static str {
        match self {
            Self::Issues => "issues",
            Self::Remark(kind) => kind.event(),
        }
    }
}

/// What was found until the reading stopped.
#[derive(Default)]
struct Found<'a> {
    is_enough: bool,
    action: Option<Cow<'a, str>>,
    label: Option<Label<'a>>,
    assignee: Option<Account<'a>>,
    text: Option<Written<'a>>,
}

/// A comment or review, of which only the text is looked at.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    body: Option<Text<'a>>,
}

impl<'a> Found<'a> {
    fn read(source: Source, payload: &'a [u8]) -> Result<Self, EventError> {
        let mut found = Self::default();
        let reader = UntilEnough { source, found: &mut found };
        match serde_json::Deserializer::from_slice(payload).deserialize_map(reader) {
            Err(error) if !found.is_enough => Err(EventError::Json(error)),
            _ => Ok(found),
        }
    }

    /// Whether nothing that may follow changes the heading.
    fn suffices(&self, source: Source) -> bool {
        let Some(action) = self.action.as_deref() else { return false };
        match (source, action) {
            (Source::Issues, "labeled") => self.label.is_some(),
            (Source::Issues, "assigned") => self.assignee.is_some(),
            (Source::Remark(kind), _) if action == kind.action() => self.text.is_some(),
            _ => true,
        }
    }
}

struct UntilEnough<'f, 'a> {
    source: Source,
    found: &'f mut Found<'a>,
}

impl<'a> Visitor<'a> for UntilEnough<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let Self { source, found } = self;
        while let Some(Text(key)) = map.next_key()? {
            match (source, key.as_ref()) {
                (_, "action") => found.action = map.next_value::<Option<Text<'a>>>()?.map(|Text(text)| text),
                (Source::Issues, "label") => found.label = map.next_value()?,
                (Source::Issues, "assignee") => found.assignee = map.next_value()?,
                (Source::Remark(kind), field) if field == kind.field() => found.text = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            }
            found.is_enough = found.suffices(source);
            if found.is_enough {
                // The only way to leave an object before its end.
                return Err(de::Error::custom("the rest is not read"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heading in short, or the error.
    fn heading(event: &str, payload: &str) -> String {
        match Heading::parse(event, payload.as_bytes()) {
            Ok(Heading::Ping) => "ping".to_owned(),
            Ok(Heading::Opened) => "opened".to_owned(),
            Ok(Heading::Labeled(label)) => format!("labeled {label}"),
            Ok(Heading::Assigned(account)) => format!("assigned {} {}", account.login, account.id),
            Ok(Heading::Written { kind, text }) => format!("{kind:?} {text}"),
            Ok(Heading::Other { event, action }) => format!("other {event} {action:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_payload_is_read_until_its_heading_is_known() {
        let table = [
            ("ping", "", "ping"),
            ("push", "no JSON at all", "other push None"),
            ("issues", r#"{"action":"edited","issue":{"number":1}}"#, r#"other issues Some("edited")"#),
            ("issues", r#"{"issue":{"action":"inner"},"action":"edited"}"#, r#"other issues Some("edited")"#),
            ("issues", r#"{"action":"edited" and no more JSON"#, r#"other issues Some("edited")"#),
            ("issues", r#"{"\u0061ction":"\u006fpened""#, "opened"),
            ("issues", r#"{"action":null}"#, "other issues None"),
            ("issues", r#"{"issue":{}}"#, "other issues None"),
            ("issues", "{}", "other issues None"),
            ("issues", r#"{"action":"labeled","issue":{},"label":{"name":"bug"},"#, "labeled bug"),
            ("issues", r#"{"label":{"name":"b\"ug","id":1},"action":"labeled" "#, "labeled b\"ug"),
            ("issues", r#"{"label":{"name":"bug"},"action":"opened" "#, "opened"),
            ("issues", r#"{"action":"assigned","assignee":{"login":"dev","id":5}"#, "assigned dev 5"),
            ("issue_comment", r#"{"action":"created","comment":{"id":1,"body":"/a\n"}"#, "IssueComment /a\n"),
            ("issue_comment", r#"{"action":"created","comment":{"body":null}}"#, "IssueComment "),
            ("issue_comment", r#"{"action":"edited","comment":{"#, r#"other issue_comment Some("edited")"#),
            ("pull_request_review_comment", r#"{"action":"created","comment":{"body":"x"}"#, "ReviewLine x"),
            ("pull_request_review", r#"{"action":"submitted","review":{"body":"x"}"#, "Review x"),
        ];
        for (event, payload, expected) in table {
            assert_eq!(heading(event, payload), expected, "{payload}");
        }
    }

    #[test]
    fn what_is_no_heading_is_an_error() {
        let table = [
            (r#"{"action":1}"#, "invalid type: integer `1`, expected a string at line 1 column 11"),
            (r#"{"issue" "#, "EOF while parsing an object at line 1 column 9"),
            ("[]", "invalid type: sequence, expected an object"),
            ("", "EOF while parsing a value at line 1 column 0"),
            (r#"{"action":"labeled"}"#, "the payload of `issues` has no label"),
            (r#"{"action":"labeled","label":null}"#, "the payload of `issues` has no label"),
            (r#"{"action":"labeled","label":"bug"}"#, "invalid type: string \"bug\""),
            (r#"{"action":"assigned"}"#, "the payload of `issues` has no assignee"),
        ];
        for (payload, expected) in table {
            let told = heading("issues", payload);
            assert!(told.contains(expected), "{payload}: {told}");
        }
        assert_eq!(
            heading("pull_request_review", r#"{"action":"submitted"}"#),
            "the payload of `pull_request_review` has no review"
        );
    }
}
