//! A *heading*: the part of a payload that shows whether the rest is worth reading.
//!
//! Most events are declined for their action, their label, or a comment that holds no command. GitHub writes these
//! before the description of the repository, which is half of a payload and is not read for them. Wherever they stand,
//! they are found.

use std::{borrow::Cow, fmt};

use serde::Deserialize;
use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::event::{self, Account, EventError, Label, RemarkKind, Text, Verdict, deleted, missing};
use crate::happening::HappeningKind;

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
    Written { kind: RemarkKind, text: Cow<'a, str>, verdict: Verdict },
    /// Something ended on these branches.
    Happened { kind: HappeningKind, branches: Vec<Cow<'a, str>> },
    /// Nothing that could ask for work.
    Other { event: &'a str, action: Option<Cow<'a, str>> },
}

/// The events whose payload may ask for work.
#[derive(Clone, Copy)]
enum Source {
    Issues,
    Remark(RemarkKind),
    Happening(HappeningKind),
}

impl<'a> Heading<'a> {
    /// Reads the payload of the event that `X-GitHub-Event` names, as far as it has to.
    pub fn parse(event: &'a str, payload: &'a [u8]) -> Result<Self, EventError> {
        if event == "ping" {
            return Ok(Self::Ping);
        }
        let Some(source) = Source::of(event) else { return Ok(Self::Other { event, action: None }) };
        let mut heading = None;
        let reader = UntilKnown { source, heading: &mut heading };
        let read = serde_json::Deserializer::from_slice(payload).deserialize_map(reader);
        match (heading, read) {
            (Some(heading), _) => Ok(heading),
            (None, Ok(end)) => end,
            (None, Err(error)) => Err(EventError::Json(error)),
        }
    }
}

impl Source {
    fn of(event: &str) -> Option<Self> {
        if event == event::ISSUES {
            return Some(Self::Issues);
        }
        let remark = RemarkKind::ALL.into_iter().find(|kind| kind.event() == event).map(Self::Remark);
        let happening = || HappeningKind::ALL.into_iter().find(|kind| kind.event() == event);
        remark.or_else(|| happening().map(Self::Happening))
    }

    fn event(self) -> &'static str {
        match self {
            Self::Issues => event::ISSUES,
            Self::Remark(kind) => kind.event(),
            Self::Happening(kind) => kind.event(),
        }
    }

    /// The field that says what was done.
    fn action_field(self) -> &'static str {
        match self {
            Self::Issues | Self::Remark(_) => "action",
            Self::Happening(kind) => kind.action_field(),
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Found<'a> {
    action: Option<Cow<'a, str>>,
    label: Option<Label<'a>>,
    assignee: Option<Account<'a>>,
    text: Option<Written<'a>>,
    branches: Option<Vec<Cow<'a, str>>>,
}

/// A comment or review, of which only the text and the verdict are looked at.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    body: Option<Text<'a>>,
    /// Of a review.
    #[serde(borrow)]
    state: Option<Text<'a>>,
}

impl<'a> Found<'a> {
    /// The heading that this makes, or which field it lacks.
    fn heading(&mut self, source: Source) -> Result<Heading<'a>, EventError> {
        let event = source.event();
        match (source, self.action.as_deref()) {
            (Source::Issues, Some("opened")) => Ok(Heading::Opened),
            (Source::Issues, Some("labeled")) => {
                Ok(Heading::Labeled(self.label.take().ok_or_else(deleted(event, "label"))?.name))
            }
            (Source::Issues, Some("assigned")) => {
                Ok(Heading::Assigned(self.assignee.take().ok_or_else(deleted(event, "assignee"))?))
            }
            (Source::Remark(kind), Some(action)) if action == kind.action() => {
                let text = self.text.take().ok_or_else(missing(event, kind.field()))?;
                let verdict = match (kind, text.state) {
                    (RemarkKind::Review, Some(Text(state))) if state == "changes_requested" => {
                        Verdict::ChangesRequested
                    }
                    _ => Verdict::Other,
                };
                let text = text.body.map_or_else(Cow::default, |Text(body)| body);
                Ok(Heading::Written { kind, text, verdict })
            }
            (Source::Happening(kind), Some(action)) if kind.ends(action) => {
                let branches = self.branches.take().ok_or_else(missing(event, kind.field()))?;
                Ok(Heading::Happened { kind, branches })
            }
            _ => Ok(Heading::Other { event, action: self.action.take() }),
        }
    }
}

/// Reads fields until they make a heading, which nothing that may follow changes.
struct UntilKnown<'h, 'a> {
    source: Source,
    heading: &'h mut Option<Heading<'a>>,
}

impl<'a> Visitor<'a> for UntilKnown<'_, 'a> {
    type Value = Result<Heading<'a>, EventError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let source = self.source;
        let mut found = Found::default();
        while let Some(Text(key)) = map.next_key()? {
            match (source, key.as_ref()) {
                (source, field) if field == source.action_field() => {
                    found.action = map.next_value::<Option<Text<'a>>>()?.map(|Text(text)| text);
                }
                (Source::Issues, "label") => found.label = map.next_value()?,
                (Source::Issues, "assignee") => found.assignee = map.next_value()?,
                (Source::Remark(kind), field) if field == kind.field() => found.text = map.next_value()?,
                (Source::Happening(kind), field) if field == kind.field() => {
                    found.branches = kind.branches(&mut map)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            }
            if found.action.is_some()
                && let Ok(heading) = found.heading(source)
            {
                *self.heading = Some(heading);
                // The only way to leave an object before its end.
                return Err(de::Error::custom("the rest is not read"));
            }
        }
        Ok(found.heading(source))
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
            Ok(Heading::Written { kind, text, verdict: Verdict::Other }) => format!("{kind:?} {text}"),
            Ok(Heading::Written { kind, text, verdict }) => format!("{kind:?} {verdict:?} {text}"),
            Ok(Heading::Happened { kind, branches }) => format!("{kind:?} {}", branches.join(" ")),
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
            (
                "pull_request_review",
                r#"{"action":"submitted","review":{"body":null,"state":"changes_requested"}"#,
                "Review ChangesRequested ",
            ),
            (
                "pull_request_review",
                r#"{"action":"submitted","review":{"body":"x","state":"approved"}"#,
                "Review x",
            ),
            (
                "pull_request_review_comment",
                r#"{"action":"created","comment":{"body":"x","state":"changes_requested"}"#,
                "ReviewLine x",
            ),
            (
                "check_suite",
                r#"{"action":"completed","check_suite":{"id":1,"head_branch":"a/b"}"#,
                "CheckSuite a/b",
            ),
            ("check_suite", r#"{"action":"completed","check_suite":{"head_branch":null}"#, "CheckSuite "),
            (
                "check_suite",
                r#"{"action":"requested","check_suite":{"#,
                r#"other check_suite Some("requested")"#,
            ),
            ("workflow_run", r#"{"workflow_run":{"head_branch":"m"},"action":"completed""#, "WorkflowRun m"),
            ("status", r#"{"state":"pending","branches":[{"#, r#"other status Some("pending")"#),
            ("status", r#"{"state":"success","branches":[{"name":"a"},{"name":"b"}]"#, "Status a b"),
            ("status", r#"{"state":"error","branches":[]"#, "Status "),
            ("pull_request", r#"{"action":"closed","pull_request":{"head":{"ref":"x"}}"#, "PullRequest x"),
            (
                "pull_request",
                r#"{"action":"synchronize","pull_request":{"#,
                r#"other pull_request Some("synchronize")"#,
            ),
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
            (r#"{"action":"labeled"}"#, "the payload of `issues` has no label, which may be deleted"),
            (r#"{"action":"labeled","label":null}"#, "the payload of `issues` has no label, which may"),
            (r#"{"action":"labeled","label":"bug"}"#, "invalid type: string \"bug\""),
            (r#"{"action":"assigned"}"#, "the payload of `issues` has no assignee, which may"),
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
