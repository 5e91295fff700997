//! Calls that are about no single repository: the App and its tokens, users, limits.

use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Request;
use crate::github::auth::{Actor, Installed, Level, Permissions, Standing, bad_credentials};
use crate::github::reply::{Refusal, Reply, error, not_found};
use crate::github::state::{Attempt, Delivery, Permission, State};

pub(super) fn handle(state: &mut State, request: &Request) -> Result<Option<Reply>, Refusal> {
    let reply = match request.operation {
        "meta/root" => Reply::json(200, json!({})),
        "meta/get" => {
            let meta =
                json!({ "verifiable_password_authentication": false, "hooks": ["127.0.0.0/8", "::1/128"] });
            Reply::json(200, meta)
        }
        "rate-limit/get" => Reply::json(200, limits(state)),
        "users/get-authenticated" => Reply::json(200, me(state, request)?),
        "users/get-by-username" => {
            let user = state.user(request.parameter("username")).ok_or_else(not_found)?;
            Reply::json(200, profile(state.show_user(user)))
        }
        "apps/get-authenticated" => as_app(request).map(|()| Reply::json(200, state.show_app()))?,
        "apps/list-installations" => {
            as_app(request)?;
            let dead = state.app.dead_installation.map(|id| {
                let mut shown = state.show_installation();
                shown["id"] = json!(id);
                shown
            });
            let shown: Vec<Value> = dead.into_iter().chain([state.show_installation()]).collect();
            Reply::json(200, Value::Array(shown))
        }
        "apps/get-installation" => {
            as_app(request)?;
            installation(state, request)?;
            Reply::json(200, state.show_installation())
        }
        "apps/create-installation-access-token" => {
            as_app(request)?;
            installation(state, request)?;
            mint(state, request)?
        }
        "apps/revoke-installation-access-token" => revoke(state, request)?,
        "apps/list-repos-accessible-to-installation" => {
            let Actor::Installation { .. } = request.actor else { return Err(bad_credentials()) };
            let covered = state.repos.iter().filter(|repo| request.actor.covers(repo));
            let shown: Vec<Value> = covered.map(|repo| state.show_repo(repo, Permission::Read)).collect();
            Reply::json(200, json!({ "total_count": shown.len(), "repositories": shown }))
        }
        "repos/list-for-org" => {
            let org = request.parameter("org");
            let shown: Vec<Value> = state
                .repos
                .iter()
                .filter(|repo| repo.owner.eq_ignore_ascii_case(org) && request.actor.sees(state, repo))
                .map(|repo| state.show_repo(repo, Permission::Read))
                .collect();
            if shown.is_empty() {
                return Err(not_found());
            }
            Reply::json(200, Value::Array(shown))
        }
        "apps/list-webhook-deliveries" => {
            as_app(request)?;
            deliveries(state, request)
        }
        "apps/redeliver-webhook-delivery" => {
            as_app(request)?;
            redeliver(state, request)?
        }
        _ => return Ok(None),
    };
    Ok(Some(reply))
}

fn as_app(request: &Request) -> Result<(), Refusal> {
    match request.actor {
        Actor::App => Ok(()),
        _ => Err(error(401, "A JSON web token could not be decoded")),
    }
}

fn installation(state: &State, request: &Request) -> Result<(), Refusal> {
    let asked = request.number("installation_id")?;
    if asked == state.app.installation { Ok(()) } else { Err(not_found()) }
}

fn me(state: &State, request: &Request) -> Result<Value, Refusal> {
    match &request.actor {
        Actor::User { login } => Ok(profile(state.show_login(login))),
        Actor::Installation { .. } => Err(error(403, "Resource not accessible by integration")),
        Actor::Anonymous | Actor::App => Err(error(401, "Requires authentication")),
    }
}

fn profile(mut user: Value) -> Value {
    user["created_at"] = json!("2020-01-01T00:00:00Z");
    user["updated_at"] = json!("2020-01-01T00:00:00Z");
    user
}

fn limits(state: &State) -> Value {
    let reset = state.wall_clock().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() + 3600;
    let rate = &state.rate;
    let core = json!({ "limit": rate.limit, "used": rate.used, "remaining": rate.limit.saturating_sub(rate.used), "reset": reset });
    let search = json!({ "limit": 30, "used": 0, "remaining": 30, "reset": reset });
    json!({ "resources": { "core": core, "graphql": core, "search": search }, "rate": core })
}

/// Mints a token, narrowed to the repositories and permissions that are asked for, never wider than the installation.
fn mint(state: &mut State, request: &Request) -> Result<Reply, Refusal> {
    if state.app.installed == Installed::Suspended {
        return Err(error(403, "This installation has been suspended"));
    }
    let mut permissions = state.app.permissions.clone();
    if let Some(asked) = request.body["permissions"].as_object() {
        let mut narrowed = Permissions::new();
        for (name, level) in asked {
            let level = level.as_str().and_then(Level::parse);
            match (level, permissions.get(name)) {
                (Some(level), Some(granted)) if level <= *granted => {
                    narrowed.insert(name.clone(), level);
                }
                _ => {
                    return Err(error(
                        422,
                        "The permissions requested are not granted to this installation.",
                    ));
                }
            }
        }
        narrowed.insert("metadata".to_owned(), Level::Read);
        permissions = narrowed;
    }
    let by_name = request.body["repositories"].as_array().map(|names| {
        let find = |name: &Value| {
            let named = |repo: &&crate::github::state::Repo| Some(repo.name.as_str()) == name.as_str();
            state.repos.iter().find(named).map(|repo| repo.id)
        };
        names.iter().map(find).collect::<Option<Vec<u64>>>()
    });
    let by_id = request.body["repository_ids"].as_array().map(|ids| {
        let find =
            |id: &Value| state.repos.iter().find(|repo| Some(repo.id) == id.as_u64()).map(|repo| repo.id);
        ids.iter().map(find).collect::<Option<Vec<u64>>>()
    });
    let repositories = match by_name.or(by_id) {
        Some(None) => {
            return Err(error(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            ));
        }
        Some(Some(ids)) => Some(ids),
        None => None,
    };
    let selection = if repositories.is_some() { "selected" } else { "all" };
    let (secret, expires) = state.mint(permissions.clone(), repositories);
    let expires = Timestamp::try_from(expires).expect("a time of this century");
    let shown: serde_json::Map<String, Value> =
        permissions.iter().map(|(name, level)| (name.clone(), json!(level.name()))).collect();
    Ok(Reply::json(
        201,
        json!({
            "token": secret,
            "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "permissions": shown,
            "repository_selection": selection,
        }),
    ))
}

fn revoke(state: &mut State, request: &Request) -> Result<Reply, Refusal> {
    let Actor::Installation { secret, .. } = &request.actor else { return Err(bad_credentials()) };
    for token in state.tokens.iter_mut().filter(|token| token.secret == *secret) {
        token.standing = Standing::Revoked;
    }
    Ok(Reply::empty(204))
}

/// One page of deliveries, newest first. A page of these lists begins at a cursor, the id of its first entry.
pub(super) fn deliveries(state: &State, request: &Request) -> Reply {
    let size = request.query("per_page").and_then(|size| size.parse().ok()).unwrap_or(30);
    let cursor = request.query("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(u64::MAX);
    let mut found = state.deliveries.iter().rev().filter(|delivery| delivery.id <= cursor);
    let shown: Value = found.by_ref().take(size).map(show_delivery).collect();
    let reply = Reply::json(200, shown);
    match found.next() {
        Some(next) => {
            let address = format!("{}{}?per_page={size}&cursor={}", state.base, request.path, next.id);
            reply.with("link", format!("<{address}>; rel=\"next\""))
        }
        None => reply,
    }
}

fn show_delivery(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": delivery.at,
        "redelivery": delivery.attempt == Attempt::Again,
        "duration": 0.1,
        "status": if delivery.status_code < 300 { "OK" } else { "failed" },
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": null,
        "installation_id": 42,
        "repository_id": null,
    })
}

/// Delivers once more, which goes well.
pub(super) fn redeliver(state: &mut State, request: &Request) -> Result<Reply, Refusal> {
    let id = request.number("delivery_id")?;
    let found = state.deliveries.iter().find(|delivery| delivery.id == id).ok_or_else(not_found)?;
    let (guid, event) = (found.guid.clone(), found.event.clone());
    state.deliver(&guid, &event, 202, Duration::ZERO);
    Ok(Reply::json(202, json!({})))
}
