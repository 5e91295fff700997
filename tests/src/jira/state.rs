//! The **state** of a site: people, projects, issues with their history.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub use super::document::text_of;
use super::{AGENT, EMAIL};

/// See the module's documentation.
#[derive(Debug)]
pub struct Site {
    pub base: String,
    pub people: Vec<Person>,
    pub issues: Vec<Issue>,
    /// What the agent may do.
    pub permissions: BTreeSet<&'static str>,
    /// Whether an e-mail address is told.
    pub addresses: bool,
    /// Before every path, as of a server that has one.
    pub base_path: &'static str,
    /// The field that a transition to `Done` needs.
    pub needs_resolution: bool,
    /// The most issues on one page of a search: fewer than are asked for, as where many fields are wanted.
    pub page: usize,
    /// The number before that of the next thing.
    pub next_id: u64,
    /// The tokens of the service account, of which the newest is good.
    pub access: Vec<String>,
    clock: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub account: String,
    pub name: String,
    pub email: String,
    /// `atlassian`, `app` or `customer`.
    pub kind: &'static str,
}

#[derive(Clone, Debug)]
pub struct Issue {
    pub id: u64,
    pub key: String,
    /// Keys that it had.
    pub former: Vec<String>,
    pub summary: String,
    pub description: Value,
    pub labels: Vec<String>,
    pub status: &'static str,
    pub creator: String,
    pub assignee: Option<String>,
    pub components: Vec<String>,
    pub attachments: Vec<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub comments: Vec<Comment>,
    pub changes: Vec<Change>,
    /// Remote links: address and title, by global id.
    pub links: BTreeMap<String, (String, String)>,
    /// A security level keeps the agent out.
    pub is_restricted: bool,
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub id: u64,
    pub author: String,
    pub body: Value,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub properties: BTreeMap<String, Value>,
    /// For a group or role only.
    pub visibility: Option<String>,
    /// A note of a service desk that its customers do not see.
    pub is_internal: bool,
    /// The account of somebody else who edited it.
    pub editor: Option<String>,
}

/// One entry of the history: fields with their old and new text, and the new value where it has one.
#[derive(Clone, Debug)]
pub struct Change {
    pub id: u64,
    pub author: String,
    pub created: Timestamp,
    pub items: Vec<(String, String, String, Option<String>)>,
}

/// A document of paragraphs, one for each line, with code between back ticks.
pub fn doc(text: &str) -> Value {
    let paragraphs = text.split('\n').filter(|line| !line.is_empty()).map(|line| {
        let words = line.split('`').enumerate().filter(|(_, part)| !part.is_empty()).map(|(at, part)| {
            if at % 2 == 1 {
                json!({ "type": "text", "text": part, "marks": [{ "type": "code" }] })
            } else {
                json!({ "type": "text", "text": part })
            }
        });
        json!({ "type": "paragraph", "content": words.collect::<Vec<_>>() })
    });
    json!({ "version": 1, "type": "doc", "content": paragraphs.collect::<Vec<_>>() })
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// An empty site that only the agent is on. Everything on it happened in the last hour.
    pub fn new() -> Self {
        let clock = Timestamp::now() - SignedDuration::from_hours(1);
        let site = Self {
            base: String::new(),
            people: Vec::new(),
            issues: Vec::new(),
            permissions: BTreeSet::from([
                "BROWSE_PROJECTS",
                "ADD_COMMENTS",
                "EDIT_ISSUES",
                "EDIT_OWN_COMMENTS",
                "LINK_ISSUES",
                "TRANSITION_ISSUES",
            ]),
            addresses: false,
            base_path: "",
            needs_resolution: false,
            page: 2,
            next_id: 10_000,
            access: Vec::new(),
            clock: Timestamp::from_millisecond(clock.as_millisecond()).expect("a time of this century"),
        };
        site.person(AGENT, "The agent", EMAIL, "atlassian")
    }

    #[must_use]
    pub fn person(mut self, account: &str, name: &str, email: &str, kind: &'static str) -> Self {
        let (account, name, email) = (account.to_owned(), name.to_owned(), email.to_owned());
        self.people.push(Person { account, name, email, kind });
        self
    }

    /// A person whose account is the name, in a form that Jira gives.
    #[must_use]
    pub fn user(self, name: &str) -> Self {
        let email = format!("{name}@example.com");
        self.person(&account(name), name, &email, "atlassian")
    }

    #[must_use]
    pub fn issue(
        mut self,
        key: &str,
        creator: &str,
        summary: &str,
        description: &str,
        labels: &[&str],
    ) -> Self {
        let (id, now) = (self.id(), self.tick());
        self.issues.push(Issue {
            id,
            key: key.to_owned(),
            former: Vec::new(),
            summary: summary.to_owned(),
            description: doc(description),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            status: "To Do",
            creator: account(creator),
            assignee: None,
            components: Vec::new(),
            attachments: Vec::new(),
            created: now,
            updated: now,
            comments: Vec::new(),
            changes: Vec::new(),
            links: BTreeMap::new(),
            is_restricted: false,
        });
        self
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The next moment: things that people do are half a minute apart, as long as the clock on the wall allows.
    pub fn tick(&mut self) -> Timestamp {
        let next = self.clock + SignedDuration::from_secs(30);
        let now =
            Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("a time of this century");
        self.clock = if next < now { next } else { now.max(self.clock + SignedDuration::from_millis(1)) };
        self.clock
    }

    /// The moment of a call.
    pub(super) fn wall(&mut self) -> Timestamp {
        let now =
            Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("a time of this century");
        self.clock = now.max(self.clock + SignedDuration::from_millis(1));
        self.clock
    }

    /// Everything that people do from here on they do now.
    pub fn catch_up(&mut self) {
        self.wall();
    }

    pub fn find(&self, key: &str) -> Option<&Issue> {
        let is_it = |issue: &&Issue| {
            issue.key == key || issue.id.to_string() == key || issue.former.iter().any(|former| former == key)
        };
        self.issues.iter().find(is_it)
    }

    /// The issue of a key.
    ///
    /// # Panics
    /// If there is none.
    pub fn at(&mut self, key: &str) -> &mut Issue {
        let found = self.issues.iter_mut().find(|issue| issue.key == key);
        found.unwrap_or_else(|| panic!("there is no issue {key}"))
    }

    fn change(&mut self, key: &str, who: &str, items: Vec<(String, String, String, Option<String>)>) -> u64 {
        let (id, created) = (self.id(), self.tick());
        let author = account(who);
        let issue = self.at(key);
        issue.updated = created;
        issue.changes.push(Change { id, author, created, items });
        id
    }

    /// Somebody sets the labels of an issue; the number of the change.
    pub fn relabel(&mut self, key: &str, who: &str, labels: &[&str]) -> u64 {
        let issue = self.at(key);
        let before = issue.labels.join(" ");
        issue.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let after = issue.labels.join(" ");
        self.change(key, who, vec![("labels".to_owned(), before, after, None)])
    }

    pub fn assign(&mut self, key: &str, who: &str, to: &str) -> u64 {
        let to_account = account(to);
        self.at(key).assignee = Some(to_account.clone());
        self.change(key, who, vec![("assignee".to_owned(), String::new(), to.to_owned(), Some(to_account))])
    }

    /// Moves an issue to another status.
    pub fn transition(&mut self, key: &str, who: &str, to: &'static str) -> u64 {
        let from = std::mem::replace(&mut self.at(key).status, to);
        self.change(
            key,
            who,
            vec![("status".to_owned(), from.to_owned(), to.to_owned(), Some("1".to_owned()))],
        )
    }

    pub fn describe(&mut self, key: &str, who: &str, text: &str) -> u64 {
        self.at(key).description = doc(text);
        self.change(key, who, vec![("description".to_owned(), String::new(), text.to_owned(), None)])
    }

    /// Somebody writes a comment; its number.
    pub fn comment(&mut self, key: &str, who: &str, text: &str) -> u64 {
        self.comment_of(key, who, doc(text))
    }

    pub fn comment_of(&mut self, key: &str, who: &str, body: Value) -> u64 {
        let (id, created) = (self.id(), self.tick());
        let author = account(who);
        let issue = self.at(key);
        issue.updated = created;
        issue.comments.push(Comment {
            id,
            author,
            body,
            created,
            updated: created,
            properties: BTreeMap::new(),
            visibility: None,
            is_internal: false,
            editor: None,
        });
        id
    }

    /// Somebody edits a comment.
    pub fn edit_comment(&mut self, key: &str, id: u64, text: &str) {
        let now = self.tick();
        let comment = self.at(key).comments.iter_mut().find(|comment| comment.id == id);
        let comment = comment.unwrap_or_else(|| panic!("there is no comment {id}"));
        comment.body = doc(text);
        comment.updated = now;
    }

    /// Moves an issue to another project.
    pub fn rename(&mut self, key: &str, to: &str) {
        let issue = self.at(key);
        issue.former.push(key.to_owned());
        to.clone_into(&mut issue.key);
    }

    /// The texts of the agent's comments on an issue, oldest first.
    pub fn said(&mut self, key: &str) -> Vec<String> {
        let comments = self.at(key).comments.iter().filter(|comment| comment.author == AGENT);
        comments.map(|comment| text_of(&comment.body)).collect()
    }
}

/// The account of a person of the tests.
pub fn account(name: &str) -> String {
    if name == AGENT { name.to_owned() } else { format!("557058:{name}") }
}
