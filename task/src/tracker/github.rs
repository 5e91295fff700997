//! The issues of one repository of GitHub.

use std::num::NonZeroU64;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use shared::issue::IssueId;
use shared::repo::Repo;
use shared::task::IssueDigest;

use super::model::{
    self, Event, Found, Happening, IssueKind, IssueState, Listed, ListedIssue, Listing, Talk,
};
use crate::call::{Call, CallError, Service};
use crate::forge::github::wire::{Label, Nodes, Remark, User};
use crate::forge::github::{GitHub, Session, is_app, path_segment};
use crate::network::Network;
use crate::outbound::Outbound;
use crate::patience::Patience;
use crate::text::Raw;
use crate::thread::{Comment, Identity, Since};

/// See the module's documentation.
pub struct Issues {
    github: GitHub,
    identity: Identity,
}

/// An issue; GitHub lists a pull request as one too, with `pull_request` set.
#[derive(Deserialize)]
struct Issue {
    number: NonZeroU64,
    title: Raw,
    body: Option<Raw>,
    user: Option<User>,
    state: State,
    labels: Vec<Label>,
    #[serde(default)]
    locked: bool,
    pull_request: Option<IgnoredAny>,
    /// Ends in `/repos/OWNER/NAME`: of an issue that was transferred it is another repository's.
    repository_url: String,
    html_url: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What is in a list of issues.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Issue(Box<Issue>),
    /// What is not of the documented form.
    Other(IgnoredAny),
}

/// REST writes it small, GraphQL large.
#[derive(Clone, Copy, Deserialize)]
enum State {
    #[serde(rename = "open", alias = "OPEN")]
    Open,
    #[serde(rename = "closed", alias = "CLOSED")]
    Closed,
}

/// One entry of an issue's timeline, of whatever kind.
#[derive(Deserialize)]
struct TimelineEvent {
    event: Option<String>,
    actor: Option<User>,
    label: Option<Label>,
    created_at: Option<Timestamp>,
}

/// What is looked through for a `/stop`.
const ISSUE: &str = "query($owner: String!, $name: String!, $issue: Int!, $before: String) { \
    repository(owner: $owner, name: $name) { \
        issue(number: $issue) { state labels(first: 100) { nodes { name } } \
            comments(last: 50, before: $before) { pageInfo { hasPreviousPage startCursor } nodes { databaseId body createdAt author { login } } } } } }";

const LAST_EDITED: &str = "query($owner: String!, $name: String!, $issue: Int!) { \
    repository(owner: $owner, name: $name) { issue(number: $issue) { lastEditedAt } } }";

#[derive(Deserialize)]
struct Data<I> {
    repository: Option<Repository<I>>,
}

#[derive(Deserialize)]
struct Repository<I> {
    issue: Option<I>,
}

#[derive(Deserialize)]
struct Snapshot {
    state: State,
    labels: Option<Labels>,
    comments: Nodes<Remark>,
}

#[derive(Deserialize)]
struct Labels {
    nodes: Option<Vec<Option<Label>>>,
}

impl Labels {
    /// None if one of them is not told: it could be any.
    fn names(self) -> Option<Vec<String>> {
        self.nodes?.into_iter().map(|label| Some(label?.name)).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edited {
    last_edited_at: Option<Timestamp>,
}

impl From<State> for IssueState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Closed => Self::Closed,
        }
    }
}

impl Issue {
    /// On a locked issue people with write access may comment, and no App
    /// (<https://github.com/probot/stale/issues/25>).
    fn seen_by(self, identity: Option<&Identity>) -> model::Issue {
        let issue = self;
        let talk = if issue.locked && identity.is_some_and(is_app) { Talk::ClosedToUs } else { Talk::Open };
        model::Issue {
            id: IssueId::Number(issue.number),
            kind: if issue.pull_request.is_some() { IssueKind::PullRequest } else { IssueKind::Issue },
            by: issue.user.map(Into::into),
            title: issue.title,
            body: issue.body.unwrap_or_default(),
            state: issue.state.into(),
            talk,
            labels: names(issue.labels),
            created_at: issue.created_at,
            updated_at: issue.updated_at,
        }
    }
}

impl TimelineEvent {
    fn into_event(self) -> Option<Event> {
        let what = match self.event.as_deref()? {
            "labeled" => Happening::Labelled { label: self.label?.name, by: self.actor.map(Into::into) },
            "renamed" => Happening::Renamed,
            _ => return None,
        };
        Some(Event { what, at: self.created_at })
    }
}

/// GitHub has no issue without a number.
fn number_of(id: &IssueId) -> Result<NonZeroU64, CallError> {
    id.number().ok_or_else(|| CallError::NotFound {
        call: Call::new(Service::GitHub, format!("the issue {id}")),
        message: "issues of GitHub have numbers".to_owned(),
    })
}

fn names(labels: Vec<Label>) -> Vec<String> {
    labels.into_iter().map(|label| label.name).collect()
}

/// Reads an issue with a token, or as anybody can.
pub(super) async fn read_issue(
    repo: &Repo,
    id: &IssueId,
    token: Option<&SecretString>,
    network: &Network,
) -> Result<Found, CallError> {
    issue(&GitHub::reader(repo, token, network)?, id, None).await
}

/// An issue that was transferred is answered with that of another repository.
async fn issue(github: &GitHub, id: &IssueId, identity: Option<&Identity>) -> Result<Found, CallError> {
    let number = number_of(id)?;
    let issue: Issue = github.get(&github.under(&format!("issues/{number}"))).await?;
    let place = github.root().to_ascii_lowercase();
    if issue.number != number || !issue.repository_url.to_ascii_lowercase().ends_with(&place) {
        return Ok(Found::Elsewhere { url: issue.html_url });
    }
    Ok(Found::Here(Box::new(issue.seen_by(identity))))
}

impl Issues {
    pub fn of(session: &Session) -> Self {
        Self { github: session.github.clone(), identity: session.identity.clone() }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) async fn issue(&self, id: &IssueId) -> Result<Found, CallError> {
        issue(&self.github, id, Some(&self.identity)).await
    }

    pub(super) fn patience(&self) -> Patience {
        self.github.patience()
    }

    /// Only one page of texts is in memory. An issue that cannot be read hides no other one.
    pub(super) async fn labelled(&self, label: &str, listed: Listed) -> Result<Listing, CallError> {
        let state = match listed {
            Listed::Open => "open",
            Listed::All => "all",
        };
        let label = path_segment(label);
        let query = format!("issues?state={state}&labels={label}&sort=created&direction=asc");
        let mut listing = Listing::default();
        let take = |item: Item| match item {
            Item::Issue(issue) => {
                let mut issue = issue.seen_by(Some(&self.identity));
                let body = std::mem::take(&mut issue.body);
                let digest = IssueDigest::of(issue.title.for_machine(), body.for_machine());
                listing.issues.push(ListedIssue { issue, digest });
            }
            Item::Other(_) => listing.unreadable += 1,
        };
        self.github.each(&self.github.under(&query), take).await?;
        Ok(listing)
    }

    /// Comments are read backwards from the newest, as far as they can be as new as `since`.
    pub(super) async fn snapshot(
        &self,
        issue: &IssueId,
        since: Since,
    ) -> Result<Option<model::IssueSnapshot>, CallError> {
        let mut before: Option<String> = None;
        let mut remarks = Vec::new();
        loop {
            let found: Option<Snapshot> = match self.query(ISSUE, issue, before.as_deref()).await {
                Err(CallError::NotFound { .. }) => None,
                other => other?,
            };
            let Some(page) = found else { return Ok(None) };
            before = page.comments.before(|remark| remark.is_after(since));
            remarks.extend(page.comments.nodes.into_iter().map(Into::into));
            if before.is_none() {
                let (state, labels) = (page.state.into(), page.labels.and_then(Labels::names));
                return Ok(Some(model::IssueSnapshot { state, labels, remarks }));
            }
        }
    }

    pub(super) async fn history(&self, issue: &IssueId) -> Result<Vec<Event>, CallError> {
        let mut events = Vec::new();
        let route = self.github.under(&format!("issues/{}/timeline", number_of(issue)?));
        // Comments are among them; they are dropped as they come.
        self.github.each(&route, |entry: TimelineEvent| events.extend(entry.into_event())).await?;
        Ok(events)
    }

    pub(super) async fn edited_at(&self, issue: &IssueId) -> Result<Option<Timestamp>, CallError> {
        let issue = self.query::<Edited>(LAST_EDITED, issue, None).await?;
        Ok(issue.and_then(|issue| issue.last_edited_at))
    }

    async fn query<I: serde::de::DeserializeOwned>(
        &self,
        document: &str,
        issue: &IssueId,
        before: Option<&str>,
    ) -> Result<Option<I>, CallError> {
        let repo = &self.github.repo;
        let mut variables = json!({ "owner": repo.owner(), "name": repo.name(), "issue": number_of(issue)? });
        if let Some(before) = before {
            variables["before"] = json!(before);
        }
        let found = self.github.query::<Data<I>>(document, variables).await?;
        Ok(found.repository.and_then(|repository| repository.issue))
    }

    pub(super) async fn comments(&self, issue: &IssueId) -> Result<Vec<Comment>, CallError> {
        self.github.comments(number_of(issue)?.get()).await
    }

    pub(super) async fn each_comment(
        &self,
        issue: &IssueId,
        take: impl FnMut(Comment),
    ) -> Result<(), CallError> {
        self.github.each_comment(number_of(issue)?.get(), take).await
    }

    pub(super) async fn comment(&self, id: u64) -> Result<Comment, CallError> {
        self.github.comment(id).await
    }

    pub(super) async fn acknowledge(&self, issue: &IssueId) -> Result<(), CallError> {
        self.github.react(&format!("issues/{}", number_of(issue)?)).await
    }

    pub(super) async fn acknowledge_comment(&self, id: u64) -> Result<(), CallError> {
        self.github.react_to_comment(id).await
    }

    pub(super) async fn create_comment(&self, issue: &IssueId, body: &Outbound) -> Result<u64, CallError> {
        self.github.create_comment(number_of(issue)?.get(), body).await
    }

    pub(super) async fn edit_comment(&self, id: u64, body: &Outbound) -> Result<(), CallError> {
        self.github.edit_comment(id, body).await
    }

    pub(super) async fn delete_comment(&self, id: u64) -> Result<(), CallError> {
        self.github.delete_comment(id).await
    }

    pub(super) async fn add_labels(&self, issue: &IssueId, labels: &[&str]) -> Result<(), CallError> {
        self.github.add_labels(number_of(issue)?.get(), labels).await
    }

    pub(super) async fn remove_label(&self, issue: &IssueId, label: &str) -> Result<(), CallError> {
        self.github.remove_label(number_of(issue)?.get(), label).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_timeline_is_an_event_if_somebody_wants_to_know_of_it() {
        let read = |entry: serde_json::Value| {
            let event = serde_json::from_value::<TimelineEvent>(entry).unwrap().into_event()?;
            Some(match event.what {
                Happening::Labelled { label, by } => format!("{label} by {:?}", by.map(|user| user.login)),
                Happening::Renamed => "renamed".to_owned(),
            })
        };
        let dev = json!({"id": 1, "login": "dev1", "type": "User"});
        for (entry, expected) in [
            (
                json!({"event": "labeled", "actor": dev, "label": {"name": "ai-help"}}),
                Some("ai-help by Some(\"dev1\")"),
            ),
            (
                json!({"event": "labeled", "actor": null, "label": {"name": "ai-help"}}),
                Some("ai-help by None"),
            ),
            (json!({"event": "labeled", "actor": dev}), None),
            (json!({"event": "unlabeled", "actor": dev, "label": {"name": "ai-help"}}), None),
            (json!({"event": "renamed", "actor": dev}), Some("renamed")),
            (json!({"sha": "c0ffee", "message": "a commit has no event"}), None),
        ] {
            assert_eq!(read(entry.clone()).as_deref(), expected, "{entry}");
        }
    }
}
