//! **Webhooks** as Jira sends them of what happened on the site: a comment's body is text in them.

use serde_json::{Value, json};

use super::document::text_of;
use super::present::{category, person, time};
use super::state::{Issue, Site};

impl Site {
    fn issue_in_webhook(&self, issue: &Issue) -> Value {
        json!({
            "id": issue.id.to_string(), "key": issue.key, "self": format!("{}/rest/api/2/issue/{}", self.base, issue.id),
            "fields": {
                "summary": issue.summary, "description": text_of(&issue.description), "labels": issue.labels,
                "created": time(issue.created), "updated": time(issue.updated), "creator": person(self, &issue.creator),
                "assignee": issue.assignee.as_deref().map_or(Value::Null, |account| person(self, account)),
                "status": { "name": issue.status, "statusCategory": { "key": category(issue.status) } },
            },
        })
    }

    /// Of the newest change of an issue, or of its creation.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn webhook(&self, key: &str) -> Vec<u8> {
        let issue = self.find(key).unwrap_or_else(|| panic!("there is no issue {key}"));
        let (event, at, actor, changelog) = match issue.changes.last() {
            None => ("jira:issue_created", issue.created, &issue.creator, json!({ "id": "1", "items": [] })),
            Some(change) => {
                let items = change.items.iter().map(|(field, from, to, value)| {
                    json!({ "field": field, "fieldtype": "jira", "fieldId": field, "from": null, "fromString": from, "to": value, "toString": to })
                });
                let items: Vec<Value> = items.collect();
                (
                    "jira:issue_updated",
                    change.created,
                    &change.author,
                    json!({ "id": change.id.to_string(), "items": items }),
                )
            }
        };
        let body = json!({
            "timestamp": at.as_millisecond(), "webhookEvent": event, "user": person(self, actor),
            "issue": self.issue_in_webhook(issue), "changelog": changelog,
        });
        body.to_string().into_bytes()
    }

    /// Of the newest comment on an issue.
    ///
    /// # Panics
    /// If there is none.
    pub fn comment_webhook(&self, key: &str) -> Vec<u8> {
        let issue = self.find(key).unwrap_or_else(|| panic!("there is no issue {key}"));
        let comment = issue.comments.last().unwrap_or_else(|| panic!("{key} has no comment"));
        let mut shown = self.issue_in_webhook(issue);
        // As Jira leaves them out.
        for field in ["labels", "description", "created", "updated", "creator"] {
            shown["fields"].as_object_mut().expect("fields").remove(field);
        }
        let body = json!({
            "timestamp": comment.created.as_millisecond(), "webhookEvent": "comment_created",
            "comment": {
                "id": comment.id.to_string(), "author": person(self, &comment.author), "body": text_of(&comment.body),
                "updateAuthor": person(self, &comment.author), "created": time(comment.created), "updated": time(comment.updated),
                "jsdPublic": true,
            },
            "issue": shown,
        });
        body.to_string().into_bytes()
    }

    /// The message that a webhook becomes: `asks` is `begin`, or a command with its comment.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn request(&self, key: &str, asks: &str, comment: Option<u64>) -> Value {
        let issue = self.find(key).unwrap_or_else(|| panic!("there is no issue {key}"));
        let mut jira = json!({ "site": "acme", "issue": key, "number": issue.id, "asks": asks });
        if let Some(comment) = comment {
            jira["comment"] = json!(comment);
        }
        let change = issue.changes.last().map_or(0, |change| change.id);
        if comment.is_none() && change > 0 {
            jira["change"] = json!(change);
        }
        let id = format!("{:032x}", u128::from(comment.unwrap_or(change)) + (u128::from(issue.id) << 64));
        json!({ "jira": jira, "task_id": id })
    }
}
