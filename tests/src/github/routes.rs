//! The REST interface: finds the call in the contract, judges who may make it, and hands it to the handler of its kind.

mod apps;
mod checks;
mod comments;
mod git_data;
mod issues;
mod labels;
mod pulls;
mod repos;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::auth::{self, Actor, Level};
use super::contract::{Match, contract};
use super::reply::{Answer, Body, Refusal, Reply, error, not_found};
use super::scene::Scene;
use super::state::{Availability, Permission, State};

/// A REST call after it was found in the contract.
pub(crate) struct Request {
    operation: &'static str,
    parameters: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    body: Value,
    accept: String,
    path: String,
    actor: Actor,
}

/// What a call needs: one of these permissions of an App, or this role of a user.
struct Need {
    permissions: &'static [&'static str],
    level: Level,
    role: Permission,
}

const ISSUES: &[&str] = &["issues", "pull_requests"];
const PULLS: &[&str] = &["pull_requests"];
const CONTENTS: &[&str] = &["contents"];
const CHECKS: &[&str] = &["checks"];
const ACTIONS: &[&str] = &["actions"];
const METADATA: &[&str] = &["metadata"];

impl Need {
    /// From GitHub's page "Permissions required for GitHub Apps"; the roles from "Repository roles for an organization".
    fn of(operation: &str) -> Self {
        use Level::{Read, Write};
        let (permissions, level, role) = match operation {
            "issues/create-comment"
            | "issues/update-comment"
            | "issues/delete-comment"
            | "issues/create"
            | "reactions/create-for-issue"
            | "reactions/create-for-issue-comment" => (ISSUES, Write, Permission::Read),
            "reactions/create-for-pull-request-review-comment" | "pulls/create-reply-for-review-comment" => {
                (PULLS, Write, Permission::Read)
            }
            "issues/update"
            | "issues/add-labels"
            | "issues/set-labels"
            | "issues/remove-label"
            | "issues/add-assignees"
            | "issues/remove-assignees" => (ISSUES, Write, Permission::Triage),
            "issues/create-label" => (ISSUES, Write, Permission::Write),
            "pulls/create" | "pulls/update" | "pulls/request-reviewers" => (PULLS, Write, Permission::Write),
            "git/create-ref" | "git/update-ref" | "git/delete-ref" | "git/create-blob"
            | "git/create-tree" | "git/create-commit" => (CONTENTS, Write, Permission::Write),
            "repos/get-collaborator-permission-level" => (METADATA, Read, Permission::Write),
            "repos/list-webhook-deliveries" | "repos/redeliver-webhook-delivery" => {
                (&["repository_hooks"][..], Write, Permission::Admin)
            }
            "repos/get" | "apps/get-repo-installation" => (METADATA, Read, Permission::Read),
            other if other.starts_with("issues/") || other.starts_with("reactions/") => {
                (ISSUES, Read, Permission::Read)
            }
            other if other.starts_with("pulls/") => (PULLS, Read, Permission::Read),
            other if other.starts_with("checks/") => (CHECKS, Read, Permission::Read),
            other if other.starts_with("actions/") => (ACTIONS, Read, Permission::Read),
            _ => (CONTENTS, Read, Permission::Read),
        };
        Self { permissions, level, role }
    }

    fn header(&self) -> String {
        let named = self.permissions.iter().map(|name| format!("{name}={}", self.level.name()));
        named.collect::<Vec<_>>().join("; ")
    }
}

/// What came of a call, and the name of the operation that was meant.
pub(crate) struct Routed {
    pub(crate) reply: Reply,
    pub(crate) violations: Vec<String>,
}

/// A call before it is found in the contract.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) accept: &'a str,
    pub(crate) body: &'a [u8],
}

/// `/repositories/ID/…` is where GitHub's redirects and page links lead; it means the same as `/repos/OWNER/NAME/…`.
pub(crate) fn by_name(state: &State, path: &str) -> Option<String> {
    let rest = path.strip_prefix("/repositories/")?;
    let (id, rest) =
        rest.split_once('/').map_or((rest, String::new()), |(id, rest)| (id, format!("/{rest}")));
    let id: u64 = id.parse().ok()?;
    let repo = state.repos.iter().find(|repo| repo.id == id)?;
    Some(format!("/repos/{}{rest}", repo.full_name()))
}

/// The operation that a call means, if it is in the contract.
pub(crate) fn find(state: &State, method: &str, path: &str) -> Option<Match> {
    let named = by_name(state, path);
    contract().find(method, named.as_deref().unwrap_or(path))
}

pub(crate) fn route(state: &mut State, incoming: &Incoming<'_>) -> Routed {
    let Some(Match { operation, parameters }) = find(state, incoming.method, incoming.path) else {
        let Refusal(reply) = not_found();
        return Routed { reply: *reply, violations: vec!["the description knows no such call".to_owned()] };
    };
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(incoming.query.as_bytes()).into_owned().collect();
    let mut violations = contract().check_request(operation, &query, incoming.body);
    let answer = auth::actor(state, incoming.authorization).and_then(|actor| {
        let request = Request {
            operation: &operation.id,
            parameters,
            query,
            body: serde_json::from_slice(incoming.body).unwrap_or(Value::Null),
            accept: incoming.accept.to_owned(),
            path: by_name(state, incoming.path).unwrap_or_else(|| incoming.path.to_owned()),
            actor,
        };
        dispatch(state, &request)
    });
    let mut reply = match answer {
        Ok(Some(reply)) => reply,
        Ok(None) => {
            violations.push(format!("the stand-in has no handler for {}", operation.id));
            Reply::empty(501)
        }
        Err(Refusal(reply)) => *reply,
    };
    if let Body::Json(body) = &mut reply.body {
        contract().fill_response(operation, reply.status, body);
    }
    let shown = match &reply.body {
        Body::Json(value) => Some(value),
        _ => None,
    };
    if !matches!(reply.body, Body::Raw(_)) && reply.status != 501 {
        violations.extend(contract().check_response(operation, reply.status, shown));
    }
    Routed { reply, violations }
}

/// None means that the stand-in does not play this call.
fn dispatch(state: &mut State, request: &Request) -> Result<Option<Reply>, Refusal> {
    let Some(owner) = request.parameters.get("owner") else { return apps::handle(state, request) };
    let full_name = format!("{owner}/{}", request.parameters["repo"]);
    if let (None, Some(at)) = (state.find(&full_name), state.find_former(&full_name)) {
        return Ok(Some(redirect(state, request, at)));
    }
    let at = state.find(&full_name).ok_or_else(not_found)?;
    allow(state, request, at)?;
    let mut scene = Scene { state, at };
    let answer = match request.operation.split_once('/').map_or("", |(kind, _)| kind) {
        "issues" | "reactions" => issues::handle(&mut scene, request),
        "pulls" => pulls::handle(&mut scene, request),
        "git" => git_data::handle(&mut scene, request),
        "checks" | "actions" => checks::handle(&scene, request),
        _ => repos::handle(&mut scene, request),
    };
    answer.transpose()
}

/// Renamed and transferred repositories are answered with a redirect to the address by id.
fn redirect(state: &State, request: &Request, at: usize) -> Reply {
    let rest: Vec<&str> = request.path.splitn(5, '/').skip(4).collect();
    let mut location = format!("{}/repositories/{}", state.base, state.repos[at].id);
    for part in rest {
        write!(location, "/{part}").expect("writing to a string");
    }
    let body = serde_json::json!({
        "message": "Moved Permanently",
        "url": location,
        "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
    });
    Reply::json(301, body).with("location", location)
}

fn allow(state: &State, request: &Request, at: usize) -> Result<(), Refusal> {
    let repo = &state.repos[at];
    let need = Need::of(request.operation);
    if request.operation == "apps/get-repo-installation" && matches!(request.actor, Actor::App) {
        return Ok(());
    }
    if !request.actor.sees(state, repo) {
        return Err(not_found());
    }
    if repo.availability == Availability::Blocked {
        return Err(error(451, "Repository access blocked"));
    }
    match &request.actor {
        Actor::Installation { .. } => {
            let open = need.level == Level::Read && state.permission(repo, "") >= Permission::Read;
            let granted = need.permissions.iter().any(|name| request.actor.has(name, need.level));
            let covered = request.actor.covers(repo);
            if !(granted && covered) && (!open || covered) {
                return Err(error(403, "Resource not accessible by integration")
                    .with("x-accepted-github-permissions", need.header()));
            }
        }
        Actor::User { login } => {
            let author = request.operation == "issues/update" && wrote(state, request, at, login);
            if state.permission(repo, login) < need.role && !author {
                return Err(error(403, "Must have admin rights to Repository."));
            }
        }
        Actor::Anonymous if need.level == Level::Write => return Err(error(401, "Requires authentication")),
        Actor::App => return Err(error(401, "A JSON web token could not be decoded")),
        Actor::Anonymous => {}
    }
    if need.level == Level::Write && repo.availability == Availability::Archived {
        return Err(error(403, "Repository was archived so is read-only."));
    }
    Ok(())
}

fn wrote(state: &State, request: &Request, at: usize, login: &str) -> bool {
    let number = request.number("issue_number").unwrap_or(0);
    state.repos[at].issues.get(&number).is_some_and(|issue| issue.author == login)
}

impl Request {
    fn parameter(&self, name: &str) -> &str {
        &self.parameters[name]
    }

    fn number(&self, name: &str) -> Result<u64, Refusal> {
        self.parameters.get(name).and_then(|text| text.parse().ok()).ok_or_else(not_found)
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.body[field].as_str()
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The names in a field that is a list of strings, or of objects with a name.
    fn names(&self, field: &str) -> Vec<String> {
        let list = if field.is_empty() { &self.body } else { &self.body[field] };
        let name = |item: &Value| item.as_str().or(item["name"].as_str()).map(str::to_owned);
        list.as_array().into_iter().flatten().filter_map(name).collect()
    }

    /// One page of a list, with the links to the others, as "Using pagination in the REST API" describes: 30 a page unless asked, at most 100.
    #[expect(clippy::unnecessary_wraps, reason = "it ends a handler, and those may refuse")]
    fn page(&self, scene: &Scene<'_>, items: Vec<Value>) -> Answer {
        let asked = |name: &str, default: usize| {
            self.query(name)
                .and_then(|text| text.parse().ok())
                .filter(|number| *number > 0)
                .unwrap_or(default)
        };
        let (size, page) = (asked("per_page", 30).min(100), asked("page", 1));
        let last = items.len().div_ceil(size).max(1);
        let mut links = Vec::new();
        let mut link = |target: usize, name: &str| {
            let mut query: BTreeMap<&str, String> =
                self.query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            query.insert("page", target.to_string());
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let rest = self.path.splitn(5, '/').nth(4).unwrap_or_default();
            let address = format!("{}/repositories/{}/{rest}", scene.state.base, scene.repo().id);
            links.push(format!("<{address}?{query}>; rel=\"{name}\""));
        };
        if page > 1 {
            link(page - 1, "prev");
        }
        if page < last {
            link(page + 1, "next");
            link(last, "last");
        }
        if page > 1 {
            link(1, "first");
        }
        let shown: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
        let reply = Reply::json(200, Value::Array(shown));
        Ok(if links.is_empty() { reply } else { reply.with("link", links.join(", ")) })
    }

    /// The same for a list that stands in a field, beside how many items there are.
    fn page_in(&self, scene: &Scene<'_>, field: &str, items: Vec<Value>) -> Answer {
        let mut whole = json!({ "total_count": items.len() });
        let mut reply = self.page(scene, items)?;
        if let Body::Json(list) = &mut reply.body {
            whole[field] = list.take();
            *list = whole;
        }
        Ok(reply)
    }
}
