//! What each call does on the site.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::document;
use super::present;
use super::server::Reply;
use super::state::{Comment, Issue, Site};
use super::{AGENT, CLIENT, EMAIL, TOKEN};

/// Bytes of the value of a property.
const MAX_PROPERTY: usize = 32_768;
/// Comments that an issue can have.
const MAX_COMMENTS: usize = 5_000;
/// The most that one page holds, whatever is asked for.
const MAX_PAGE: usize = 100;

type Parameters = BTreeMap<String, String>;

pub(super) fn is_known(site: &Site, authorization: Option<&str>) -> bool {
    let basic = format!("Basic {}", STANDARD.encode(format!("{EMAIL}:{TOKEN}")));
    let bearer = site.access.last().map(|access| format!("Bearer {access}"));
    authorization.is_some_and(|given| given == basic || Some(given) == bearer.as_deref())
}

/// `POST /oauth/token`
pub(super) fn token(site: &mut Site, body: &[u8]) -> Reply {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let good = asked["grant_type"] == "client_credentials"
        && asked["client_id"] == CLIENT.0
        && asked["client_secret"] == CLIENT.1;
    if good {
        let access = format!("access-token-of-the-service-account-{}", site.access.len());
        site.access.push(access.clone());
        return Reply::json(
            200,
            json!({ "access_token": access, "expires_in": 3600, "token_type": "Bearer" }),
        );
    }
    Reply::json(401, json!({ "error": "access_denied", "error_description": "Unauthorized" }))
}

pub(super) fn answer(
    site: &mut Site,
    operation: &str,
    parameters: &Parameters,
    query: &[(String, String)],
    body: &[u8],
) -> Reply {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let asked = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    match operation {
        "getCurrentUser" => Reply::json(200, current_user(site)),
        "getServerInfo" => Reply::json(
            200,
            json!({ "baseUrl": site.base, "deploymentType": "Cloud", "version": "1001.0.0-SNAPSHOT" }),
        ),
        "getMyPermissions" => my_permissions(site, asked("projectKey"), asked("permissions")),
        "searchAndReconsileIssuesUsingJqlPost" => search(site, &body),
        "getCommentProperty" => comment_property(site, parameters),
        _ => of_issue(site, operation, parameters, &asked, &body),
    }
}

fn current_user(site: &Site) -> Value {
    let mut user = present::person(site, AGENT);
    user["emailAddress"] = json!(EMAIL);
    user
}

fn my_permissions(site: &Site, project: Option<&str>, permissions: Option<&str>) -> Reply {
    if !site.issues.iter().any(|issue| issue.key.split('-').next() == project) {
        return Reply::refused(404, "No project could be found.");
    }
    let named = permissions.unwrap_or_default().split(',').map(|name| {
        let has = site.permissions.contains(name);
        (
            name.to_owned(),
            json!({ "id": "1", "key": name, "name": name, "type": "PROJECT", "havePermission": has }),
        )
    });
    Reply::json(200, json!({ "permissions": named.collect::<serde_json::Map<_, _>>() }))
}

fn gone() -> Reply {
    Reply::refused(404, "Issue does not exist or you do not have permission to see it.")
}

fn of_issue<'q>(
    site: &mut Site,
    operation: &str,
    parameters: &Parameters,
    asked: &dyn Fn(&str) -> Option<&'q str>,
    body: &Value,
) -> Reply {
    let name = parameters.get("issueIdOrKey").map(String::as_str).unwrap_or_default();
    let may_see = site.permissions.contains("BROWSE_PROJECTS");
    let Some(issue) = site.find(name).filter(|issue| may_see && !issue.is_restricted) else {
        return gone();
    };
    let number =
        |name: &str, default: usize| asked(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (start, most) = (number("startAt", 0), number("maxResults", MAX_PAGE).min(MAX_PAGE));
    // The only answer that can be long.
    if operation == "getComments" {
        return comments(site, issue, asked("orderBy") == Some("-created"), start, most);
    }
    let issue = issue.clone();
    match operation {
        "getIssue" => {
            let mut shown = present::issue(site, &issue, asked("fields"));
            if asked("expand") == Some("transitions") {
                shown["transitions"] = present::possible(&issue);
            }
            Reply::json(200, shown)
        }
        "editIssue" => edit(site, &issue, body),
        "getChangeLogs" => {
            let page: Vec<Value> = issue
                .changes
                .iter()
                .skip(start)
                .take(most)
                .map(|change| present::change(site, change))
                .collect();
            let total = issue.changes.len();
            let is_last = start + page.len() >= total;
            Reply::json(
                200,
                json!({ "startAt": start, "maxResults": most, "total": total, "isLast": is_last, "values": page }),
            )
        }
        "getComment" => match find_comment(&issue, parameters.get("id")) {
            Some(comment) => Reply::json(200, present::comment(site, comment)),
            None => Reply::refused(404, "Can not find a comment for the id."),
        },
        "addComment" => add_comment(site, &issue, body),
        "updateComment" => update_comment(site, &issue, parameters.get("id"), body),
        "getTransitions" => {
            let possible = present::possible(&issue);
            Reply::json(200, json!({ "expand": "transitions", "transitions": possible }))
        }
        "doTransition" => transition(site, &issue, body),
        "createOrUpdateRemoteIssueLink" => link(site, &issue, body),
        _ => Reply::nothing(501),
    }
}

fn comments(site: &Site, issue: &Issue, is_newest_first: bool, start: usize, most: usize) -> Reply {
    let mut all: Vec<&Comment> = issue.comments.iter().collect();
    if is_newest_first {
        all.reverse();
    }
    let page: Vec<Value> =
        all.iter().skip(start).take(most).map(|comment| present::comment(site, comment)).collect();
    let total = issue.comments.len();
    Reply::json(200, json!({ "startAt": start, "maxResults": most, "total": total, "comments": page }))
}

fn find_comment<'i>(issue: &'i Issue, id: Option<&String>) -> Option<&'i Comment> {
    issue.comments.iter().find(|comment| Some(&comment.id.to_string()) == id)
}

fn edit(site: &mut Site, issue: &Issue, body: &Value) -> Reply {
    if !site.permissions.contains("EDIT_ISSUES") {
        return Reply::refused(403, "You do not have permission to edit issues in this project.");
    }
    let Some(update) = body["update"].as_object() else { return Reply::refused(400, "nothing to update") };
    if update.keys().any(|field| field != "labels") || !body["fields"].is_null() {
        return Reply::nothing(501);
    }
    let mut labels = issue.labels.clone();
    for operation in update["labels"].as_array().into_iter().flatten() {
        for (how, label) in operation.as_object().into_iter().flatten() {
            let label = label.as_str().unwrap_or_default();
            if label.contains(char::is_whitespace) || label.is_empty() {
                let words = format!("The label '{label}' contains spaces which is invalid.");
                return Reply::json(400, json!({ "errorMessages": [], "errors": { "labels": words } }));
            }
            match how.as_str() {
                "add" if !labels.iter().any(|known| known == label) => labels.push(label.to_owned()),
                "remove" => labels.retain(|known| known != label),
                _ => {}
            }
        }
    }
    if labels != issue.labels {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        site.relabel(&issue.key, AGENT, &labels);
    }
    Reply::nothing(204)
}

/// What speaks against a comment, as 400.
fn refuse_comment(body: &Value) -> Option<Reply> {
    let mut wrong = String::new();
    for fault in document::faults(&body["body"]) {
        write!(wrong, "{fault}; ").expect("writing to a string");
    }
    for property in body["properties"].as_array().into_iter().flatten() {
        if property["key"].as_str().is_none_or(str::is_empty) || property["value"].is_null() {
            wrong.push_str("a property without key or value; ");
        }
        if property["value"].to_string().len() > MAX_PROPERTY {
            wrong.push_str("The property value is too long; ");
        }
    }
    (!wrong.is_empty()).then(|| Reply::refused(400, &wrong))
}

fn set_properties(comment: &mut Comment, body: &Value) {
    for property in body["properties"].as_array().into_iter().flatten() {
        let key = property["key"].as_str().unwrap_or_default().to_owned();
        comment.properties.insert(key, property["value"].clone());
    }
}

fn add_comment(site: &mut Site, issue: &Issue, body: &Value) -> Reply {
    if !site.permissions.contains("ADD_COMMENTS") {
        return Reply::refused(400, "You do not have the permission to comment on this issue.");
    }
    if issue.comments.len() >= MAX_COMMENTS {
        return Reply::refused(413, "The number of comments has reached the limit of 5000.");
    }
    if let Some(refused) = refuse_comment(body) {
        return refused;
    }
    let id = site.comment_of(&issue.key, AGENT, body["body"].clone());
    let now = site.wall();
    let comment = site.at(&issue.key).comments.last_mut().expect("it was made just now");
    (comment.created, comment.updated) = (now, now);
    set_properties(comment, body);
    let made = site.find(&issue.key).and_then(|issue| find_comment(issue, Some(&id.to_string()))).cloned();
    Reply::json(201, present::comment(site, &made.expect("it was made just now")))
}

fn update_comment(site: &mut Site, issue: &Issue, id: Option<&String>, body: &Value) -> Reply {
    let Some(comment) = find_comment(issue, id).cloned() else {
        return Reply::refused(404, "Can not find a comment for the id.");
    };
    if comment.author != AGENT || !site.permissions.contains("EDIT_OWN_COMMENTS") {
        return Reply::refused(400, "You do not have the permission to edit this comment.");
    }
    if let Some(refused) = refuse_comment(body) {
        return refused;
    }
    let now = site.wall();
    let kept =
        site.at(&issue.key).comments.iter_mut().find(|known| known.id == comment.id).expect("it was found");
    kept.body = body["body"].clone();
    kept.updated = now;
    set_properties(kept, body);
    let kept = kept.clone();
    Reply::json(200, present::comment(site, &kept))
}

fn comment_property(site: &Site, parameters: &Parameters) -> Reply {
    let id = parameters.get("commentId");
    let comment =
        site.issues.iter().filter(|issue| !issue.is_restricted).find_map(|issue| find_comment(issue, id));
    let Some(comment) = comment else { return Reply::refused(404, "The comment was not found.") };
    let key = parameters.get("propertyKey").cloned().unwrap_or_default();
    match comment.properties.get(&key) {
        Some(value) => Reply::json(200, json!({ "key": key, "value": value })),
        None => Reply::refused(404, "The property was not found."),
    }
}

fn transition(site: &mut Site, issue: &Issue, body: &Value) -> Reply {
    if !site.permissions.contains("TRANSITION_ISSUES") {
        return Reply::refused(400, "You do not have permission to transition this issue.");
    }
    let id = body["transition"]["id"].as_str().unwrap_or_default();
    let possible = present::transitions(issue);
    let Some((_, _, to)) = possible.into_iter().find(|(known, ..)| *known == id) else {
        return Reply::refused(400, "It seems that you have tried to perform an illegal workflow operation.");
    };
    if to == "Done" && site.needs_resolution {
        return Reply::json(
            400,
            json!({ "errorMessages": [], "errors": { "resolution": "Resolution is required." } }),
        );
    }
    site.transition(&issue.key, AGENT, to);
    Reply::nothing(204)
}

fn link(site: &mut Site, issue: &Issue, body: &Value) -> Reply {
    if !site.permissions.contains("LINK_ISSUES") {
        return Reply::refused(403, "You do not have permission to link issues.");
    }
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (global, url, title) = (text("/globalId"), text("/object/url"), text("/object/title"));
    if url.is_empty() || title.is_empty() || global.len() > 255 {
        return Reply::refused(400, "the link is not whole");
    }
    let links = &mut site.at(&issue.key).links;
    let status = if links.contains_key(&global) { 200 } else { 201 };
    links.insert(global, (url, title));
    Reply::json(
        status,
        json!({ "id": 10_000, "self": format!("{}/rest/api/3/issue/{}/remotelink/10000", site.base, issue.key) }),
    )
}

/// The queries that are played: projects, a label or that label and an assignment to us, and perhaps that it is not done.
fn search(site: &Site, body: &Value) -> Reply {
    let jql = body["jql"].as_str().unwrap_or_default();
    let rest = jql.strip_prefix("project in (").and_then(|rest| rest.split_once(") AND "));
    let Some((projects, rest)) = rest else { return Reply::refused(400, "The query is not played.") };
    let Some(rest) = rest.strip_suffix(" ORDER BY created ASC") else {
        return Reply::refused(400, "The query is not played.");
    };
    let (condition, is_open) = match rest.strip_suffix(" AND statusCategory != Done") {
        Some(condition) => (condition, true),
        None => (rest, false),
    };
    let either = condition.strip_prefix('(').and_then(|it| it.strip_suffix(" OR assignee = currentUser())"));
    let Some(label) = either.unwrap_or(condition).strip_prefix("labels = ") else {
        return Reply::refused(400, "The query is not played.");
    };
    let bare = |text: &str| text.trim().trim_matches('"').to_owned();
    let (projects, label): (Vec<String>, String) = (projects.split(',').map(bare).collect(), bare(label));
    let is_ours = |issue: &Issue| either.is_some() && issue.assignee.as_deref() == Some(AGENT);
    let fields: Vec<&str> =
        body["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fits = |issue: &&Issue| {
        !issue.is_restricted
            && projects.iter().any(|project| issue.key.split('-').next() == Some(project))
            && (is_ours(issue) || issue.labels.iter().any(|known| known.eq_ignore_ascii_case(&label)))
            && !(is_open && issue.status == "Done")
    };
    let found: Vec<&Issue> = site.issues.iter().filter(fits).collect();
    let start = body["nextPageToken"].as_str().and_then(|token| token.parse::<usize>().ok()).unwrap_or(0);
    let page: Vec<Value> = found
        .iter()
        .skip(start)
        .take(site.page)
        .map(|issue| present::issue(site, issue, Some(&fields.join(","))))
        .collect();
    let end = start + page.len();
    let mut answer = json!({ "issues": page, "isLast": end >= found.len() });
    if end < found.len() {
        answer["nextPageToken"] = json!(end.to_string());
    }
    Reply::json(200, answer)
}
