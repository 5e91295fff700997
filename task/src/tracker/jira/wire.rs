//! What Jira's interface says, as far as it is read. Names of fields are Jira's.

use std::num::NonZeroU64;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use shared::jira::parse_time;

use super::depth::{Bounded, bounded};

/// An issue, with the fields that [`FIELDS`] names.
#[derive(Deserialize)]
pub(super) struct Issue {
    #[serde(deserialize_with = "number")]
    pub(super) id: u64,
    pub(super) key: String,
    pub(super) fields: Fields,
}

/// What is asked for of an issue.
pub(super) const FIELDS: &str =
    "summary,description,status,labels,created,updated,creator,assignee,components,attachment,project";

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    pub(super) summary: Option<String>,
    #[serde(default, deserialize_with = "bounded")]
    pub(super) description: Value,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    #[serde(default)]
    pub(super) status: Option<Status>,
    #[serde(deserialize_with = "time")]
    pub(super) created: Timestamp,
    #[serde(deserialize_with = "time")]
    pub(super) updated: Timestamp,
    #[serde(default)]
    pub(super) creator: Option<User>,
    #[serde(default)]
    pub(super) assignee: Option<User>,
    #[serde(default)]
    pub(super) components: Vec<Named>,
    #[serde(default)]
    pub(super) attachment: Vec<Attachment>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Attachment {
    pub(super) filename: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    status_category: Option<Category>,
}

#[derive(Deserialize)]
struct Category {
    key: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub account_id: String,
    /// `atlassian`, `app` or `customer`.
    #[serde(default)]
    pub account_type: Option<String>,
    #[serde(default)]
    pub email_address: Option<String>,
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comments {
    pub(super) comments: Vec<Comment>,
    #[serde(default)]
    pub(super) total: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comment {
    #[serde(deserialize_with = "number")]
    pub(super) id: u64,
    #[serde(default)]
    pub(super) author: Option<User>,
    /// Who wrote it last.
    #[serde(default)]
    update_author: Option<User>,
    #[serde(default, deserialize_with = "bounded")]
    pub(super) body: Value,
    #[serde(deserialize_with = "time")]
    pub(super) created: Timestamp,
    #[serde(deserialize_with = "time")]
    pub(super) updated: Timestamp,
    /// Set on a comment that not everybody may read who may read the issue.
    #[serde(default)]
    pub(super) visibility: Option<Value>,
    /// False on an internal note of a service desk.
    #[serde(default = "yes")]
    pub(super) jsd_public: bool,
}

/// The id of what was made.
#[derive(Deserialize)]
pub(super) struct Made {
    #[serde(deserialize_with = "number")]
    pub(super) id: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changes {
    pub(super) values: Vec<Change>,
    #[serde(default)]
    pub(super) is_last: bool,
}

/// One change of an issue.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Change {
    #[serde(deserialize_with = "number")]
    pub(super) id: u64,
    #[serde(default)]
    pub(super) author: Option<User>,
    #[serde(deserialize_with = "time")]
    pub(super) created: Timestamp,
    #[serde(default)]
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    #[serde(default)]
    pub(super) field: String,
    #[serde(default)]
    pub(super) to: Option<String>,
    #[serde(default)]
    pub(super) from_string: Option<String>,
    #[serde(default, rename = "toString")]
    pub(super) to_text: Option<String>,
}

/// Where an issue stands, and where it can go from there.
#[derive(Deserialize)]
pub(super) struct Standing {
    pub(super) fields: StandingFields,
    #[serde(default)]
    pub(super) transitions: Vec<Transition>,
}

#[derive(Deserialize)]
pub(super) struct StandingFields {
    #[serde(default)]
    pub(super) status: Option<Named>,
}

#[derive(Deserialize)]
pub(super) struct Transition {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) to: Option<Named>,
}

#[derive(Deserialize)]
pub(super) struct Property {
    #[serde(deserialize_with = "bounded")]
    pub(super) value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    #[serde(default)]
    pub(super) issues: Vec<Bounded>,
    #[serde(default)]
    pub(super) next_page_token: Option<String>,
}

/// What Jira says about a failure.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Complaint {
    #[serde(default)]
    error_messages: Vec<String>,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Permissions {
    pub(super) permissions: std::collections::BTreeMap<String, Have>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Have {
    #[serde(default)]
    pub(super) have_permission: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Server {
    #[serde(default)]
    pub(super) base_url: String,
    #[serde(default)]
    pub(super) deployment_type: String,
}

impl Comment {
    /// Whether everybody may read it who may read the issue.
    pub(super) fn is_public(&self) -> bool {
        self.visibility.is_none() && self.jsd_public
    }

    /// Whether nobody but its author wrote what it says, as far as Jira tells.
    pub(super) fn is_by_author(&self) -> bool {
        let Some(editor) = &self.update_author else { return true };
        self.author.as_ref().is_some_and(|author| author.account_id == editor.account_id)
    }
}

impl Status {
    pub(super) fn is_done(&self) -> bool {
        self.status_category.as_ref().is_some_and(|category| category.key == "done")
    }
}

impl Item {
    pub(super) fn is(&self, field: &str) -> bool {
        self.field.eq_ignore_ascii_case(field)
    }

    /// The labels that were set by it.
    pub(super) fn new_labels(&self) -> impl Iterator<Item = &str> {
        let before: Vec<&str> = self.from_string.as_deref().unwrap_or_default().split_whitespace().collect();
        let after = self.to_text.as_deref().unwrap_or_default().split_whitespace();
        after.filter(move |label| !before.contains(label))
    }
}

impl Item {
    /// The labels that were taken off by it.
    pub(super) fn lost_labels(&self) -> impl Iterator<Item = &str> {
        let after: Vec<&str> = self.to_text.as_deref().unwrap_or_default().split_whitespace().collect();
        let before = self.from_string.as_deref().unwrap_or_default().split_whitespace();
        before.filter(move |label| !after.contains(label))
    }
}

impl Complaint {
    /// In one line.
    pub(super) fn text(&self) -> String {
        let errors = self.errors.as_object().into_iter().flatten();
        let errors = errors.map(|(field, why)| format!("{field}: {}", why.as_str().unwrap_or_default()));
        let texts = self.error_messages.iter().cloned().chain(errors);
        let texts: Vec<String> =
            texts.chain(self.message.clone()).chain(self.error_description.clone()).collect();
        texts.join("; ")
    }
}

/// Jira writes its numbers as texts.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.parse::<NonZeroU64>().map_err(serde::de::Error::custom)?;
    Ok(number.get())
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_time(&text)
        .ok_or_else(|| serde::de::Error::custom("not a time such as 2019-02-15T19:01:52.971-0800"))
}
