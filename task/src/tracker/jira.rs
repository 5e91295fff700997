//! The issues of a site of *Jira*, over its REST interface, version 3.
//!
//! A run holds one of these for the repository that the project of its issue belongs to. Who wrote or did something is
//! told by the login that the operator says the account has; an account without one is nobody.

pub mod adf;
mod client;
mod config;
mod depth;
pub mod document;
mod memory;
mod request;
mod wire;

use std::sync::{Mutex, PoisonError};

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::issue::{IssueId, IssueKey};
use shared::repo::Repo;
use shared::state::same_label;
use shared::task::IssueDigest;

use super::model::{
    Event, Found, Happening, Issue, IssueKind, IssueSnapshot, IssueState, Listed, ListedIssue, Listing,
    Milestone, Talk,
};
use crate::call::CallError;
use crate::outbound::Outbound;
use crate::patience::Patience;
use crate::text::Raw;
use crate::thread::{AccountId, Comment, Identity, Remark, Since, User, UserKind};
use client::{Client, call};

pub use client::Access;
pub use config::{JiraConfig, Site, Unmapped};
pub use request::{Asked, Details, Written};
pub use wire::User as Account;

/// Comments of one issue that are read, the newest ones. Jira Cloud lets no issue have more, and answers 413.
const MAX_COMMENTS: u64 = 5_000;
/// Comments on one page: each can be 32,767 characters, and its tree is many times its text.
const COMMENTS_PAGE: u64 = 50;
/// Bytes of what people said that are kept of one issue, the newest of it.
const MAX_TALK_BYTES: usize = 8 * 1024 * 1024;
/// Changes of one issue that are read. One with more is refused.
const MAX_CHANGES: usize = 10_000;
/// Issues of one list.
const MAX_LISTED: usize = 3_000;
/// Things on one page.
const PAGE: u64 = 100;
/// Files of an issue that are named.
const MAX_ATTACHMENTS: usize = 20;

/// See the module's documentation.
pub struct Issues {
    client: Client,
    site: Site,
    identity: Identity,
    /// Where the code is.
    repo: Option<Repo>,
    /// Labels as they are written on the issue: Jira tells `ai-help` from `AI-help`.
    spelled: Mutex<Vec<String>>,
}

impl Issues {
    /// Logs in.
    pub async fn open(site: &Site, access: Access<'_>) -> Result<Self, CallError> {
        let client = Client::open(site, access).await?;
        let id = AccountId::new(site.account.as_str());
        let identity = Identity { id, login: format!("{} at {}", site.account, site.name) };
        Ok(Self { client, site: site.clone(), identity, repo: None, spelled: Mutex::default() })
    }

    /// The same, for issues whose code is there.
    #[must_use]
    pub fn for_repo(self, repo: Repo) -> Self {
        Self { repo: Some(repo), ..self }
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn patience(&self) -> Patience {
        self.client.patience()
    }

    pub(super) async fn issue(&self, id: &IssueId) -> Result<Found, CallError> {
        let key = key_of(id)?;
        let details = self.details(key).await?;
        if details.key != *key {
            return Ok(Found::Elsewhere { url: self.site.page(&details.key) });
        }
        Ok(Found::Here(Box::new(details.issue)))
    }

    /// An issue with what only Jira has. One that was moved has another key.
    pub async fn details(&self, key: &IssueKey) -> Result<Details, CallError> {
        let route = format!("/rest/api/3/issue/{key}?fields={}", wire::FIELDS);
        let found: wire::Issue = self.client.get(&route).await?;
        self.read(found)
    }

    fn read(&self, found: wire::Issue) -> Result<Details, CallError> {
        let wire::Issue { id, key, fields } = found;
        let Some(key) = IssueKey::parse(&key) else {
            let why = format!("an issue with the key `{key}`, which is none such as PROJ-123");
            return Err(CallError::Unexpected { call: call("read an issue"), why });
        };
        self.spelled.lock().unwrap_or_else(PoisonError::into_inner).extend(fields.labels.iter().cloned());
        let is_done = fields.status.as_ref().is_some_and(wire::Status::is_done);
        let issue = Issue {
            id: IssueId::Key(key.clone()),
            kind: IssueKind::Issue,
            by: self.person(fields.creator.as_ref()),
            title: Raw::new(fields.summary.clone().unwrap_or_default()),
            body: body(&fields),
            state: if is_done { IssueState::Closed } else { IssueState::Open },
            talk: Talk::Open,
            labels: fields.labels,
            created_at: fields.created,
            updated_at: fields.updated,
        };
        Ok(Details {
            issue,
            key,
            number: id,
            components: fields.components.into_iter().map(|component| component.name).collect(),
            creator: fields.creator,
            assignee: fields.assignee.map(|user| user.account_id),
        })
    }

    /// Who an account is to us: ourselves, or the person of a login.
    fn person(&self, account: Option<&wire::User>) -> Option<User> {
        let account = account?;
        let id = AccountId::new(account.account_id.as_str());
        if self.is_us(account) {
            return Some(User { id, login: self.identity.login.clone(), kind: UserKind::Other });
        }
        let login = self.site.login(account)?.to_string();
        Some(User { id, login, kind: UserKind::Person })
    }

    fn is_us(&self, account: &wire::User) -> bool {
        account.account_id == self.site.account.as_str()
    }

    pub(super) async fn labelled(&self, label: &str, listed: Listed) -> Result<Listing, CallError> {
        self.search(&format!("labels = {}", quoted(label)), listed).await
    }

    /// The open issues that ask for work by that label or by an assignment to us.
    pub(super) async fn asking_for_work(&self, trigger: &str) -> Result<Listing, CallError> {
        // An id that the site does not know would make the whole question invalid.
        self.search(&format!("(labels = {} OR assignee = currentUser())", quoted(trigger)), Listed::Open)
            .await
    }

    /// Only one page of texts is in memory. An issue that cannot be read hides no other one.
    async fn search(&self, condition: &str, listed: Listed) -> Result<Listing, CallError> {
        let mut listing = Listing::default();
        let Some(repo) = &self.repo else { return Ok(listing) };
        let projects: Vec<String> = self.site.projects_of(repo).map(quoted).collect();
        if projects.is_empty() {
            return Ok(listing);
        }
        let open = match listed {
            Listed::Open => " AND statusCategory != Done",
            Listed::All => "",
        };
        let projects = projects.join(", ");
        let jql = format!("project in ({projects}) AND {condition}{open} ORDER BY created ASC");
        let fields: Vec<&str> = wire::FIELDS.split(',').collect();
        let mut next: Option<String> = None;
        let mut seen = 0;
        loop {
            let mut question = json!({ "jql": jql, "fields": fields, "maxResults": PAGE });
            if let Some(token) = next.take() {
                question["nextPageToken"] = json!(token);
            }
            let page: wire::Search = self.client.ask("/rest/api/3/search/jql", &question).await?;
            let count = page.issues.len();
            for found in page.issues {
                seen += 1;
                let read = serde_json::from_value::<wire::Issue>(found.0).ok();
                match read.and_then(|found| self.read(found).ok()) {
                    Some(details) => self.list(&mut listing, details, repo),
                    None => listing.unreadable += 1,
                }
            }
            next = page.next_page_token.filter(|_| count > 0);
            if next.is_some() && seen >= MAX_LISTED {
                listing.is_cut = true;
                return Ok(listing);
            }
            if next.is_none() {
                return Ok(listing);
            }
        }
    }

    /// Issues of one project may have their code in several repositories.
    fn list(&self, listing: &mut Listing, details: Details, repo: &Repo) {
        let Details { mut issue, key, components, .. } = details;
        let components = components.iter().map(String::as_str);
        if !self.site.repo(key.project(), components).is_ok_and(|known| known.url() == repo.url()) {
            return;
        }
        let body = std::mem::take(&mut issue.body);
        let digest = IssueDigest::of(issue.title.for_machine(), body.for_machine());
        listing.issues.push(ListedIssue { issue, digest });
    }

    /// Comments are read backwards from the newest, as far as they can be as new as `since`.
    pub(super) async fn snapshot(
        &self,
        issue: &IssueId,
        since: Since,
    ) -> Result<Option<IssueSnapshot>, CallError> {
        let key = key_of(issue)?;
        let details = match self.details(key).await {
            Err(error) if error.is_absence() => return Ok(None),
            other => other?,
        };
        // An issue that moved to another project is not the one that was asked about any more.
        if details.key != *key {
            return Ok(None);
        }
        let mut remarks = Vec::new();
        self.newest_comments(key, |comment| {
            let is_after = match since.comment {
                Some(id) => comment.id > id,
                None => comment.created >= since.at,
            };
            if is_after
                && comment.is_by_author()
                && let Some(user) = self.person(comment.author.as_ref())
            {
                remarks.push(Remark {
                    id: comment.id,
                    body: adf::to_markdown(&comment.body),
                    by: Some(user.login),
                    created_at: comment.created,
                });
            }
            is_after
        })
        .await?;
        let Issue { state, labels, .. } = details.issue;
        Ok(Some(IssueSnapshot { state, labels: Some(labels), remarks }))
    }

    /// Comments from the newest on, as long as `take` wants more.
    async fn newest_comments(
        &self,
        key: &IssueKey,
        mut take: impl FnMut(wire::Comment) -> bool,
    ) -> Result<(), CallError> {
        let mut start = 0;
        loop {
            let route = format!(
                "/rest/api/3/issue/{key}/comment?startAt={start}&maxResults={COMMENTS_PAGE}&orderBy=-created"
            );
            let page: wire::Comments = self.client.get(&route).await?;
            let count = page.comments.len() as u64;
            start += count;
            for comment in page.comments {
                if !take(comment) {
                    return Ok(());
                }
            }
            if count == 0 || start >= page.total || start >= MAX_COMMENTS {
                return Ok(());
            }
        }
    }

    pub(super) async fn comments(&self, issue: &IssueId) -> Result<Vec<Comment>, CallError> {
        let mut comments = Vec::new();
        self.each_comment(issue, |comment| comments.push(comment)).await?;
        Ok(comments)
    }

    /// A comment that not everybody may read who may read the issue is left out: nobody expects it on a pull request. So is
    /// one of an account without a login, which counts nowhere, one that somebody else than its author edited, and what is said
    /// before more than is kept.
    pub(super) async fn each_comment(
        &self,
        issue: &IssueId,
        mut take: impl FnMut(Comment),
    ) -> Result<(), CallError> {
        let key = key_of(issue)?;
        let mut newest = Vec::new();
        let mut room = MAX_TALK_BYTES;
        self.newest_comments(key, |comment| {
            let is_ours = comment.author.as_ref().is_some_and(|author| self.is_us(author));
            let counts = comment.is_public()
                && comment.is_by_author()
                && room > 0
                && self.person(comment.author.as_ref()).is_some();
            if is_ours || counts {
                let comment = self.comment_of(key, &comment);
                if !is_ours {
                    room = room.saturating_sub(comment.body.for_machine().len());
                }
                newest.push(comment);
            }
            true
        })
        .await?;
        for mut comment in newest.into_iter().rev() {
            if self.identity.is(comment.by.as_ref()) {
                self.remember(&mut comment).await?;
            }
            take(comment);
        }
        Ok(())
    }

    fn comment_of(&self, key: &IssueKey, comment: &wire::Comment) -> Comment {
        Comment {
            id: comment.id,
            body: adf::to_markdown(&comment.body),
            by: self.person(comment.author.as_ref()),
            created_at: comment.created,
            updated_at: comment.updated,
            on: Some(IssueId::Key(key.clone())),
        }
    }

    /// Puts the marker of a comment of ours behind its text.
    async fn remember(&self, comment: &mut Comment) -> Result<(), CallError> {
        let mut marker = String::new();
        for at in 0..memory::MAX_PARTS {
            let route = format!("/rest/api/3/comment/{}/properties/{}", comment.id, memory::key(at));
            let property: wire::Property = match self.client.get_once(&route).await {
                Err(error) if error.is_absence() => return Ok(()),
                other => other?,
            };
            let Some((part, count)) = memory::part(&property.value) else { return Ok(()) };
            marker.push_str(part);
            if at + 1 == count {
                break;
            }
        }
        let body = std::mem::take(&mut comment.body);
        comment.body = Raw::new(memory::joined(body.for_machine(), &marker));
        Ok(())
    }

    pub(super) async fn comment(&self, issue: &IssueId, id: u64) -> Result<Comment, CallError> {
        let key = key_of(issue)?;
        let comment: wire::Comment =
            self.client.get(&format!("/rest/api/3/issue/{key}/comment/{id}")).await?;
        if !comment.is_public() || !comment.is_by_author() {
            let message = "not everybody may read it, or somebody else than its author edited it".to_owned();
            return Err(CallError::NotFound { call: call(format!("the comment {id}")), message });
        }
        Ok(self.comment_of(key, &comment))
    }

    /// The comment with a command, and the account that wrote it.
    pub async fn command(&self, key: &IssueKey, id: u64) -> Result<Written, CallError> {
        let comment: wire::Comment =
            self.client.get(&format!("/rest/api/3/issue/{key}/comment/{id}")).await?;
        Ok(Written {
            comment: self.comment_of(key, &comment),
            is_public: comment.is_public(),
            by: comment.author,
        })
    }

    pub(super) async fn create_comment(&self, issue: &IssueId, body: &Outbound) -> Result<u64, CallError> {
        let route = format!("/rest/api/3/issue/{}/comment", key_of(issue)?);
        let made: wire::Made = self.client.make(&route, &self.outgoing(body)).await?;
        Ok(made.id)
    }

    pub(super) async fn edit_comment(
        &self,
        issue: &IssueId,
        id: u64,
        body: &Outbound,
    ) -> Result<(), CallError> {
        // Nobody gets a mail for each step of a run.
        let route = format!("/rest/api/3/issue/{}/comment/{id}?notifyUsers=false", key_of(issue)?);
        self.client.set(Method::PUT, &route, &self.outgoing(body)).await
    }

    fn outgoing(&self, body: &Outbound) -> Value {
        let (text, marker) = memory::split(body.as_str());
        let mut comment = json!({ "body": document::of_markdown(text, self.repo.as_ref()) });
        if let Some(marker) = marker {
            comment["properties"] = json!(memory::properties(marker));
        }
        comment
    }

    pub(super) async fn add_labels(&self, issue: &IssueId, labels: &[&str]) -> Result<(), CallError> {
        self.label(issue, "add", labels).await
    }

    /// However it is written.
    pub(super) async fn remove_label(&self, issue: &IssueId, label: &str) -> Result<(), CallError> {
        let spelled = self.spelled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut labels = vec![label];
        for known in &spelled {
            if same_label(known, label) && !labels.contains(&known.as_str()) {
                labels.push(known);
            }
        }
        self.label(issue, "remove", &labels).await
    }

    async fn label(&self, issue: &IssueId, how: &str, labels: &[&str]) -> Result<(), CallError> {
        let operations: Vec<Value> = labels.iter().map(|label| json!({ how: label })).collect();
        let route = format!("/rest/api/3/issue/{}", key_of(issue)?);
        self.client.set(Method::PUT, &route, &json!({ "update": { "labels": operations } })).await
    }

    async fn changes(&self, key: &IssueKey) -> Result<Vec<wire::Change>, CallError> {
        let mut changes: Vec<wire::Change> = Vec::new();
        loop {
            let start = changes.len();
            let route = format!("/rest/api/3/issue/{key}/changelog?startAt={start}&maxResults={PAGE}");
            let page: wire::Changes = self.client.get(&route).await?;
            let is_empty = page.values.is_empty();
            changes.extend(page.values);
            if page.is_last || is_empty {
                break;
            }
            // The newest come last, and with them whether a request was taken back.
            if changes.len() >= MAX_CHANGES {
                let message =
                    format!("too much for one issue: {key} was changed more than {MAX_CHANGES} times");
                return Err(CallError::Invalid { call: call("the history"), message });
            }
        }
        // The description of the interface says so, and it has been seen otherwise.
        changes.sort_by_key(|change| (change.created, change.id));
        Ok(changes)
    }

    /// A label that no change tells of was set with the issue.
    pub(super) async fn history(&self, issue: &IssueId) -> Result<Vec<Event>, CallError> {
        let key = key_of(issue)?;
        let (details, changes) = (self.details(key).await?, self.changes(key).await?);
        let is_told = |label: &str| {
            let mut items = changes.iter().flat_map(|change| &change.items).filter(|item| item.is("labels"));
            items.any(|item| item.new_labels().any(|new| new == label))
        };
        let creator = self.person(details.creator.as_ref());
        let first = details.issue.labels.iter().filter(|label| !is_told(label)).map(|label| Event {
            what: Happening::Labelled { label: label.clone(), by: creator.clone() },
            at: Some(details.issue.created_at),
        });
        let mut events: Vec<Event> = first.collect();
        for change in &changes {
            let by = self.person(change.author.as_ref());
            for item in &change.items {
                if item.is("summary") {
                    events.push(Event { what: Happening::Renamed, at: Some(change.created) });
                }
                if item.is("labels") {
                    events.extend(item.new_labels().map(|label| Event {
                        what: Happening::Labelled { label: label.to_owned(), by: by.clone() },
                        at: Some(change.created),
                    }));
                }
            }
        }
        Ok(events)
    }

    pub(super) async fn edited_at(&self, issue: &IssueId) -> Result<Option<Timestamp>, CallError> {
        let is_text = |item: &wire::Item| item.is("description") || item.is("summary");
        let changes = self.changes(key_of(issue)?).await?;
        let edits = changes.iter().filter(|change| change.items.iter().any(is_text));
        Ok(edits.map(|change| change.created).max())
    }

    /// Makes the pull request one of the links of the issue; one of the same address is not made twice.
    pub(super) async fn link(&self, issue: &IssueId, url: &str, title: &str) -> Result<(), CallError> {
        let route = format!("/rest/api/3/issue/{}/remotelink", key_of(issue)?);
        let link = json!({
            "globalId": url,
            "relationship": "pull request",
            "object": { "url": url, "title": title },
        });
        self.client.set(Method::POST, &route, &link).await
    }

    /// Moves the issue on, if the operator says where to. One that is there already stays.
    pub(super) async fn reached(&self, issue: &IssueId, milestone: Milestone) -> Result<(), CallError> {
        let key = key_of(issue)?;
        let Some(transition) = self.due(key, milestone).await? else { return Ok(()) };
        let body = json!({ "transition": { "id": transition.id } });
        let error = match self.client.set(Method::POST, &transitions_of(key), &body).await {
            Err(error @ CallError::Invalid { .. }) => error,
            other => return other,
        };
        // A transition whose answer was lost is not possible any more from where it led.
        let status = self.status(key).await?;
        let is_there = status.is_some() && status == transition.to.map(|to| to.name);
        if is_there { Ok(()) } else { Err(error) }
    }

    /// Whether [`Self::reached`] would move the issue.
    pub async fn is_due(&self, issue: &IssueId, milestone: Milestone) -> Result<bool, CallError> {
        Ok(self.due(key_of(issue)?, milestone).await?.is_some())
    }

    /// The transition of a milestone, if the operator names one and the issue is not there.
    async fn due(&self, key: &IssueKey, milestone: Milestone) -> Result<Option<wire::Transition>, CallError> {
        let known = &self.site.transitions;
        let name = match milestone {
            Milestone::Started => &known.started,
            Milestone::PullRequest => &known.pull_request,
            Milestone::Merged => &known.merged,
            Milestone::Failed => &known.failed,
        };
        let Some(name) = name else { return Ok(None) };
        let is_it = |text: &str| text.to_lowercase() == name.to_lowercase();
        let route = format!("/rest/api/3/issue/{key}?fields=status&expand=transitions");
        let wire::Standing { fields, mut transitions } = self.client.get(&route).await?;
        let status = fields.status.map(|status| status.name);
        if status.as_deref().is_some_and(is_it) {
            return Ok(None);
        }
        let found = transitions.iter().position(|possible| {
            is_it(&possible.name) || possible.to.as_ref().is_some_and(|status| is_it(&status.name))
        });
        if let Some(at) = found {
            let found = transitions.swap_remove(at);
            // A workflow can lead from a status to itself.
            if status.is_some() && status == found.to.as_ref().map(|to| to.name.clone()) {
                return Ok(None);
            }
            let is_taken_back =
                milestone == Milestone::Merged && self.was_moved(key, found.to.as_ref()).await?;
            return Ok((!is_taken_back).then_some(found));
        }
        let names: Vec<String> = transitions.iter().map(|known| format!("`{}`", known.name)).collect();
        let message = format!("no transition `{name}` is possible now; there are: {}", names.join(", "));
        Err(CallError::Invalid { call: call(format!("POST {}", transitions_of(key))), message })
    }

    /// Whether we gave the issue that status since we last changed its labels, which every run does. It is another one by now,
    /// so a person took it back.
    async fn was_moved(&self, key: &IssueKey, to: Option<&wire::Named>) -> Result<bool, CallError> {
        let Some(to) = to else { return Ok(false) };
        let is_ours =
            |change: &&wire::Change| change.author.as_ref().is_some_and(|author| self.is_us(author));
        let changes = self.changes(key).await?;
        let items = changes.iter().rev().filter(is_ours).flat_map(|change| &change.items);
        let mut since = items.take_while(|item| !item.is("labels"));
        Ok(since.any(|item| item.is("status") && item.to_text.as_deref() == Some(&*to.name)))
    }

    async fn status(&self, key: &IssueKey) -> Result<Option<String>, CallError> {
        let found: Value = self.client.get(&format!("/rest/api/3/issue/{key}?fields=status")).await?;
        Ok(found.pointer("/fields/status/name").and_then(Value::as_str).map(str::to_owned))
    }

    /// Whether the site is Jira's cloud, and who we are there.
    pub async fn myself(&self) -> Result<Account, CallError> {
        self.client.get("/rest/api/3/myself").await
    }

    /// The address of the site as it says itself, and whether it is in the cloud.
    pub async fn server(&self) -> Result<(String, bool), CallError> {
        let server: wire::Server = self.client.get("/rest/api/3/serverInfo").await?;
        Ok((server.base_url, server.deployment_type.eq_ignore_ascii_case("cloud")))
    }

    /// Which of these permissions we do not have in a project.
    pub async fn lacking<'p>(
        &self,
        project: &str,
        permissions: &[&'p str],
    ) -> Result<Vec<&'p str>, CallError> {
        let names = permissions.join(",");
        let route = format!("/rest/api/3/mypermissions?projectKey={project}&permissions={names}");
        let found: wire::Permissions = self.client.get(&route).await?;
        let has =
            |name: &str| found.permissions.get(name).is_some_and(|permission| permission.have_permission);
        Ok(permissions.iter().copied().filter(|name| !has(name)).collect())
    }
}

/// The description, and the names of the files that are attached.
fn body(fields: &wire::Fields) -> Raw {
    let text =
        if fields.description.is_null() { Raw::default() } else { adf::to_markdown(&fields.description) };
    if fields.attachment.is_empty() {
        return text;
    }
    let name =
        |file: &wire::Attachment| Raw::new(file.filename.clone()).clean_line(100).as_str().replace('`', "'");
    let names = fields.attachment.iter().take(MAX_ATTACHMENTS).map(|file| format!("`{}`", name(file)));
    let names = names.collect::<Vec<_>>().join(", ");
    Raw::new(
        format!("{}\n\nAttached files, which are not read: {names}", text.for_machine())
            .trim_start()
            .to_owned(),
    )
}

/// Jira has no issue without a key.
fn key_of(id: &IssueId) -> Result<&IssueKey, CallError> {
    match id {
        IssueId::Key(key) => Ok(key),
        IssueId::Number(number) => Err(CallError::NotFound {
            call: call(format!("the issue {number}")),
            message: "issues of Jira have keys".to_owned(),
        }),
    }
}

fn transitions_of(key: &IssueKey) -> String {
    format!("/rest/api/3/issue/{key}/transitions")
}

/// A text of a query.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
