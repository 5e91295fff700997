//! Calls about a repository as a whole: itself, its branches, files and commits, who may do what.

use serde_json::{Value, json};

use super::{Request, apps};
use crate::github::auth::Actor;
use crate::github::present::{base64_lines, show_verification};
use crate::github::reply::{Answer, Body, Reply, error, not_found, ok};
use crate::github::scene::Scene;
use crate::github::state::Permission;
use crate::github::store::{Depth, Entry, Oid};

/// Files above this size are listed without their content; GitHub says so of its contents call.
const LARGEST_INLINE: u64 = 1024 * 1024;

pub(super) fn handle(scene: &mut Scene<'_>, request: &Request) -> Option<Answer> {
    Some(match request.operation {
        "repos/get" => get(scene, request),
        "apps/get-repo-installation" => ok(scene.state.show_installation()),
        "repos/get-collaborator-permission-level" => permission(scene, request),
        "repos/list-branches" => list_branches(scene, request),
        "repos/get-branch" => get_branch(scene, request),
        "repos/get-content" => content(scene, request),
        "repos/list-commits" => list_commits(scene, request),
        "repos/get-commit" => get_commit(scene, request),
        "repos/compare-commits" | "repos/compare-commits-with-basehead" => compare(scene, request),
        "repos/get-combined-status-for-ref" => combined_status(scene, request),
        "repos/list-webhook-deliveries" => Ok(apps::deliveries(scene.state, request)),
        "repos/redeliver-webhook-delivery" => apps::redeliver(scene.state, request),
        _ => return None,
    })
}

fn get(scene: &Scene<'_>, request: &Request) -> Answer {
    let role = match &request.actor {
        Actor::User { login } => scene.state.permission(scene.repo(), login),
        Actor::Installation { .. } => Permission::Write,
        Actor::Anonymous | Actor::App => Permission::Read,
    };
    ok(scene.state.show_repo(scene.repo(), role))
}

fn permission(scene: &Scene<'_>, request: &Request) -> Answer {
    let user = scene.state.user(request.parameter("username")).ok_or_else(not_found)?;
    let permission = scene.state.permission(scene.repo(), &user.login);
    let mut shown = scene.state.show_user(user);
    shown["role_name"] = json!(permission.role());
    ok(json!({ "permission": permission.coarse(), "role_name": permission.role(), "user": shown }))
}

fn list_branches(scene: &Scene<'_>, request: &Request) -> Answer {
    let repo = scene.repo();
    let show = |(name, oid): (String, Oid)| {
        let name = name.trim_start_matches("refs/heads/").to_owned();
        json!({
            "name": name,
            "commit": { "sha": oid.as_str(), "url": format!("{}/commits/{oid}", scene.state.api(repo)) },
            "protected": repo.protected.contains(&name),
        })
    };
    let branches: Vec<Value> = repo.store.references("refs/heads/").into_iter().map(show).collect();
    request.page(scene, branches)
}

fn get_branch(scene: &Scene<'_>, request: &Request) -> Answer {
    let (repo, name) = (scene.repo(), request.parameter("branch"));
    let missing = || error(404, "Branch not found");
    let oid = repo.branch(name).ok_or_else(missing)?;
    let url = format!("{}/branches/{name}", scene.state.api(repo));
    ok(json!({
        "name": name,
        "commit": scene.state.show_commit(repo, &oid).ok_or_else(missing)?,
        "_links": { "self": url, "html": format!("{}/tree/{name}", scene.state.web(repo)) },
        "protected": repo.protected.iter().any(|branch| branch == name),
        "protection": {},
        "protection_url": format!("{url}/protection"),
    }))
}

fn content(scene: &Scene<'_>, request: &Request) -> Answer {
    let (repo, path) = (scene.repo(), request.parameter("path").trim_matches('/'));
    if repo.is_empty() {
        return Err(error(404, "This repository is empty."));
    }
    let revision = request.query("ref").unwrap_or(&repo.default_branch);
    let revision = revision.trim_start_matches("refs/heads/");
    let missing = || error(404, &format!("No commit found for the ref {revision}"));
    let commit = repo.store.commit_named(revision).ok_or_else(missing)?;
    let entry = repo.store.entry_at(commit.as_str(), path).ok_or_else(not_found)?;
    if entry.kind == "tree" {
        let inside = repo.store.entries(entry.oid.as_str(), Depth::OneLevel).unwrap_or_default();
        let show = |child: Entry| {
            let path = format!("{path}/{}", child.path);
            show_content(scene, revision, &Entry { path, ..child })
        };
        return ok(inside.into_iter().map(show).collect());
    }
    let bytes = repo.store.blob(&entry.oid).unwrap_or_default();
    if request.accept.contains("raw") {
        return Ok(Reply { status: 200, headers: Vec::new(), body: Body::Raw(bytes) });
    }
    let mut value = show_content(scene, revision, &entry);
    let large = entry.size.unwrap_or(0) > LARGEST_INLINE;
    value["encoding"] = json!(if large { "none" } else { "base64" });
    value["content"] = json!(if large { String::new() } else { base64_lines(&bytes) });
    if entry.mode == "120000" {
        value["target"] = json!(String::from_utf8_lossy(&bytes));
    }
    ok(value)
}

fn show_content(scene: &Scene<'_>, revision: &str, entry: &Entry) -> Value {
    let (api, web) = (scene.state.api(scene.repo()), scene.state.web(scene.repo()));
    let kind = match entry.mode.as_str() {
        "040000" => "dir",
        "120000" => "symlink",
        "160000" => "submodule",
        _ => "file",
    };
    let url = format!("{api}/contents/{}?ref={revision}", entry.path);
    let html_url = format!("{web}/blob/{revision}/{}", entry.path);
    let git_url = format!("{api}/git/{}s/{}", entry.kind, entry.oid);
    json!({
        "type": kind,
        "name": entry.path.rsplit('/').next(),
        "path": entry.path,
        "sha": entry.oid.as_str(),
        "size": entry.size.unwrap_or(0),
        "url": url,
        "html_url": html_url,
        "git_url": git_url,
        "download_url": (kind == "file").then(|| format!("{web}/raw/{revision}/{}", entry.path)),
        "_links": { "self": url, "html": html_url, "git": git_url },
    })
}

fn list_commits(scene: &Scene<'_>, request: &Request) -> Answer {
    let repo = scene.repo();
    if repo.is_empty() {
        return Err(error(409, "Git Repository is empty."));
    }
    let revision = request.query("sha").unwrap_or(&repo.default_branch);
    let head = repo.store.commit_named(revision).ok_or_else(not_found)?;
    let history = repo.store.history(&head, 1000);
    request.page(scene, history.iter().filter_map(|oid| scene.state.show_commit(repo, oid)).collect())
}

fn get_commit(scene: &Scene<'_>, request: &Request) -> Answer {
    let repo = scene.repo();
    let revision = request.parameter("ref");
    let missing = || error(422, &format!("No commit found for SHA: {revision}"));
    let oid = repo.store.commit_named(revision).ok_or_else(missing)?;
    let mut value = scene.state.show_commit(repo, &oid).ok_or_else(missing)?;
    let parent = repo.store.commit(&oid).and_then(|commit| commit.parents.first().cloned());
    let files = parent.map(|parent| scene.state.show_files(repo, &parent, &oid)).unwrap_or_default();
    value["files"] = json!(files);
    value["commit"]["verification"] = show_verification(repo, &oid);
    ok(value)
}

fn compare(scene: &Scene<'_>, request: &Request) -> Answer {
    let (state, repo) = (&*scene.state, scene.repo());
    let find = |name: &str| {
        let branch = name.strip_prefix(&format!("{}:", repo.owner)).unwrap_or(name);
        repo.store.commit_named(branch).ok_or_else(not_found)
    };
    let (base, head) = (find(request.parameter("base"))?, find(request.parameter("head"))?);
    let fork = repo
        .store
        .merge_base(&base, &head)
        .ok_or_else(|| error(404, "No common ancestor between the two commits."))?;
    let ahead = repo.store.commits_between(&base, &head);
    let behind = repo.store.commits_between(&head, &base).len();
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let url = format!("{}/compare/{base}...{head}", state.api(repo));
    let html_url = format!("{}/compare/{base}...{head}", state.web(repo));
    ok(json!({
        "url": url,
        "html_url": html_url,
        "permalink_url": html_url,
        "diff_url": format!("{html_url}.diff"),
        "patch_url": format!("{html_url}.patch"),
        "base_commit": state.show_commit(repo, &base),
        "merge_base_commit": state.show_commit(repo, &fork),
        "status": status,
        "ahead_by": ahead.len(),
        "behind_by": behind,
        "total_commits": ahead.len(),
        "commits": ahead.iter().filter_map(|oid| state.show_commit(repo, oid)).collect::<Vec<_>>(),
        "files": state.show_files(repo, &fork, &head),
    }))
}

fn combined_status(scene: &Scene<'_>, request: &Request) -> Answer {
    let repo = scene.repo();
    let oid = repo.store.commit_named(request.parameter("ref")).ok_or_else(not_found)?;
    let url = format!("{}/commits/{oid}", scene.state.api(repo));
    ok(json!({
        "state": "pending",
        "statuses": [],
        "sha": oid.as_str(),
        "total_count": 0,
        "repository": scene.state.show_repo(repo, Permission::Read),
        "commit_url": url,
        "url": format!("{url}/status"),
    }))
}
