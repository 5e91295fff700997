//! What Jira **presents** of its state, in the form of its interface.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{Change, Comment, Issue, Site};

/// As Jira writes a time, in whatever zone the account is.
pub(super) fn time(at: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(-8));
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S.%3f%z").to_string()
}

/// The category of a status.
pub(super) fn category(status: &str) -> &'static str {
    match status {
        "To Do" => "new",
        "Done" => "done",
        _ => "indeterminate",
    }
}

fn status(name: &str) -> Value {
    json!({ "id": "1", "name": name, "statusCategory": { "id": 2, "key": category(name), "name": name } })
}

pub(super) fn person(site: &Site, account: &str) -> Value {
    let Some(person) = site.people.iter().find(|person| person.account == account) else {
        return Value::Null;
    };
    let mut user = json!({
        "self": format!("{}/rest/api/3/user?accountId={account}", site.base),
        "accountId": person.account, "accountType": person.kind, "active": true, "displayName": person.name,
        "timeZone": "America/Los_Angeles",
    });
    if site.addresses {
        user["emailAddress"] = json!(person.email);
    }
    user
}

pub(super) fn issue(site: &Site, issue: &Issue, fields: Option<&str>) -> Value {
    let creator = person(site, &issue.creator);
    let assignee = issue.assignee.as_deref().map_or(Value::Null, |assignee| person(site, assignee));
    let named = |names: &[String]| -> Vec<Value> {
        names.iter().enumerate().map(|(id, name)| json!({ "id": id.to_string(), "name": name })).collect()
    };
    let file = |name: &String| json!({ "id": "1", "filename": name, "size": 1, "mimeType": "text/plain" });
    let all = json!({
        "summary": issue.summary, "description": issue.description, "labels": issue.labels, "status": status(issue.status),
        "created": time(issue.created), "updated": time(issue.updated), "creator": creator, "reporter": creator,
        "assignee": assignee, "components": named(&issue.components),
        "attachment": issue.attachments.iter().map(file).collect::<Vec<_>>(),
        "project": { "id": "10000", "key": issue.key.split('-').next(), "name": "A project" },
        "customfield_10010": null,
    });
    let wanted: Option<Vec<&str>> = fields.map(|fields| fields.split(',').collect());
    let kept: serde_json::Map<String, Value> = all
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(&name.as_str())))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    json!({ "id": issue.id.to_string(), "key": issue.key, "self": format!("{}/rest/api/3/issue/{}", site.base, issue.id), "fields": kept })
}

pub(super) fn comment(site: &Site, comment: &Comment) -> Value {
    let editor = comment.editor.as_ref().unwrap_or(&comment.author);
    let mut shown = json!({
        "self": format!("{}/rest/api/3/comment/{}", site.base, comment.id), "id": comment.id.to_string(),
        "author": person(site, &comment.author), "updateAuthor": person(site, editor), "body": comment.body,
        "created": time(comment.created), "updated": time(comment.updated), "jsdPublic": !comment.is_internal,
    });
    if let Some(role) = &comment.visibility {
        shown["visibility"] = json!({ "type": "role", "value": role, "identifier": role });
    }
    shown
}

pub(super) fn change(site: &Site, change: &Change) -> Value {
    let items = change.items.iter().map(|(field, from, to, value)| {
        let mut item = json!({ "field": field, "fieldId": field, "fieldtype": "jira", "fromString": from, "toString": to });
        if let Some(value) = value {
            item["to"] = json!(value);
        }
        item
    });
    json!({
        "id": change.id.to_string(), "author": person(site, &change.author), "created": time(change.created),
        "items": items.collect::<Vec<_>>(),
    })
}

/// The same as an answer has them.
pub(super) fn possible(issue: &Issue) -> Value {
    let possible = transitions(issue).into_iter().map(|(id, name, to)| {
        json!({ "id": id, "name": name, "to": { "id": "1", "name": to, "statusCategory": { "key": category(to) } } })
    });
    possible.collect::<Vec<_>>().into()
}

/// Transitions from every status to every other one; the two that the workflow has for all of them lead from their status to
/// itself as well.
pub(super) fn transitions(issue: &Issue) -> Vec<(&'static str, &'static str, &'static str)> {
    let all = [
        ("11", "Back to the list", "To Do"),
        ("21", "Start progress", "In Progress"),
        ("31", "Ask for review", "In Review"),
        ("41", "Give up", "Blocked"),
        ("51", "Finish", "Done"),
    ];
    let is_global = |id: &str| matches!(id, "31" | "51");
    all.into_iter().filter(|(id, _, to)| *to != issue.status || is_global(id)).collect()
}
