//! The low-level calls on references, commits, trees and blobs, answered from the bare repository.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Request;
use crate::github::auth::Actor;
use crate::github::present::base64_lines;
use crate::github::reply::{Answer, Refusal, Reply, created, error, not_found, ok};
use crate::github::scene::Scene;
use crate::github::store::{Change, Commit, Depth, Entry, Oid, Refused, Signature};

pub(super) fn handle(scene: &mut Scene<'_>, request: &Request) -> Option<Answer> {
    if scene.repo().is_empty() {
        return Some(Err(error(409, "Git Repository is empty.")));
    }
    Some(match request.operation {
        "git/get-ref" => get_reference(scene, request),
        "git/list-matching-refs" => {
            let found = scene.repo().store.references(&format!("refs/{}", request.parameter("ref")));
            ok(found.iter().map(|(name, oid)| scene.state.show_reference(scene.repo(), name, oid)).collect())
        }
        "git/create-ref" => create_reference(scene, request),
        "git/update-ref" => update_reference(scene, request),
        "git/delete-ref" => delete_reference(scene, request),
        "git/get-commit" => get_commit(scene, request),
        "git/create-commit" => create_commit(scene, request),
        "git/get-tree" => get_tree(scene, request),
        "git/create-tree" => create_tree(scene, request),
        "git/get-blob" => get_blob(scene, request),
        "git/create-blob" => create_blob(scene, request),
        _ => return None,
    })
}

fn get_reference(scene: &Scene<'_>, request: &Request) -> Answer {
    let name = format!("refs/{}", request.parameter("ref"));
    let target = scene.repo().store.target(&name).ok_or_else(not_found)?;
    ok(scene.state.show_reference(scene.repo(), &name, &target))
}

fn target(scene: &Scene<'_>, request: &Request) -> Result<Oid, Refusal> {
    let oid = request.text("sha").and_then(Oid::parse);
    let oid = oid.ok_or_else(|| {
        error(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    })?;
    match scene.repo().store.kind(&oid).as_deref() {
        Some("commit") => Ok(oid),
        _ => Err(error(422, "Object does not exist")),
    }
}

fn create_reference(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let name = request.text("ref").unwrap_or_default().to_owned();
    let store = &scene.repo().store;
    if !name.starts_with("refs/") || name.matches('/').count() < 2 || !store.is_valid_name(&name) {
        return Err(error(422, &format!("{name} is not a valid ref name.")));
    }
    let oid = target(scene, request)?;
    if store.target(&name).is_some() {
        return Err(error(422, "Reference already exists"));
    }
    set(scene, &name, &oid)?;
    created(scene.state.show_reference(scene.repo(), &name, &oid))
}

fn update_reference(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let name = format!("refs/{}", request.parameter("ref"));
    let store = &scene.repo().store;
    let old = store.target(&name).ok_or_else(|| error(422, "Reference does not exist"))?;
    let new = target(scene, request)?;
    if request.body["force"] != true && !store.is_ancestor(&old, &new) {
        return Err(error(422, "Update is not a fast forward"));
    }
    set(scene, &name, &new)?;
    ok(scene.state.show_reference(scene.repo(), &name, &new))
}

fn delete_reference(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let name = format!("refs/{}", request.parameter("ref"));
    if scene.repo().store.target(&name).is_none() {
        return Err(error(422, "Reference does not exist"));
    }
    refuse_protected(scene, &name)?;
    scene.repo().store.delete_reference(&name);
    let now = scene.state.tick();
    scene.repo_mut().follow_branches(now);
    Ok(Reply::empty(204))
}

fn refuse_protected(scene: &Scene<'_>, name: &str) -> Result<(), Refusal> {
    let protected = scene.repo().protected.iter().any(|branch| name == format!("refs/heads/{branch}"));
    if protected { Err(error(422, &format!("Cannot update this protected ref {name}."))) } else { Ok(()) }
}

fn set(scene: &mut Scene<'_>, name: &str, oid: &Oid) -> Result<(), Refusal> {
    refuse_protected(scene, name)?;
    // A branch `a` excludes a branch `a/b`; git says so, GitHub says no more than this.
    scene
        .repo()
        .store
        .set_reference(name, oid)
        .map_err(|_: Refused| error(422, "Reference update failed"))?;
    let now = scene.state.tick();
    scene.repo_mut().follow_branches(now);
    Ok(())
}

fn get_commit(scene: &Scene<'_>, request: &Request) -> Answer {
    let oid = Oid::parse(request.parameter("commit_sha")).ok_or_else(not_found)?;
    ok(scene.state.show_git_commit(scene.repo(), &oid).ok_or_else(not_found)?)
}

fn create_commit(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let actor = request.actor.login(scene.state);
    let tree = request.text("tree").and_then(Oid::parse);
    let tree = tree.filter(|oid| scene.repo().store.kind(oid).as_deref() == Some("tree"));
    let tree = tree.ok_or_else(|| error(422, "Tree SHA does not exist"))?;
    let parents: Option<Vec<Oid>> = request.body["parents"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parent| parent.as_str().and_then(Oid::parse))
        .map(|oid| oid.filter(|oid| scene.repo().store.kind(oid).as_deref() == Some("commit")))
        .collect();
    let parents = parents.ok_or_else(|| error(422, "Parent SHA does not exist or is not a commit object"))?;
    let mut default = scene.signature(&actor);
    let is_app = matches!(request.actor, Actor::Installation { .. });
    if !is_app {
        // The address of the account, which may be any.
        default.email = format!("{actor}@example.org");
    }
    let author = signature(&request.body["author"], &default);
    // What an App commits without naming anybody GitHub commits and signs itself.
    let signed = is_app && request.body["author"].is_null() && request.body["committer"].is_null();
    let committer = if signed {
        Signature::web_flow(author.when)
    } else {
        signature(&request.body["committer"], &author)
    };
    let message = request.text("message").unwrap_or_default().to_owned();
    let oid = scene.repo().store.write_commit(&Commit { tree, parents, author, committer, message });
    if signed {
        scene.repo_mut().signed.push(oid.clone());
    }
    created(scene.state.show_git_commit(scene.repo(), &oid).ok_or_else(not_found)?)
}

fn signature(value: &Value, default: &Signature) -> Signature {
    let text = |field: &str, default: &str| value[field].as_str().unwrap_or(default).to_owned();
    let when = value["date"].as_str().and_then(|date| date.parse::<Timestamp>().ok());
    Signature {
        name: text("name", &default.name),
        email: text("email", &default.email),
        when: when.unwrap_or(default.when),
    }
}

fn show_tree(scene: &Scene<'_>, oid: &Oid, depth: Depth) -> Option<Value> {
    let api = scene.state.api(scene.repo());
    let show = |entry: Entry| {
        let mut value = json!({
            "path": entry.path,
            "mode": entry.mode,
            "type": entry.kind,
            "sha": entry.oid.as_str(),
            "url": format!("{api}/git/{}s/{}", entry.kind, entry.oid),
        });
        if let Some(size) = entry.size {
            value["size"] = json!(size);
        }
        value
    };
    let entries = scene.repo().store.entries(oid.as_str(), depth)?;
    let tree: Vec<Value> = entries.into_iter().map(show).collect();
    Some(
        json!({ "sha": oid.as_str(), "url": format!("{api}/git/trees/{oid}"), "tree": tree, "truncated": false }),
    )
}

fn get_tree(scene: &Scene<'_>, request: &Request) -> Answer {
    let (store, name) = (&scene.repo().store, request.parameter("tree_sha"));
    let commit = store.commit_named(name).and_then(|oid| store.commit(&oid)).map(|commit| commit.tree);
    let tree = commit.or_else(|| Oid::parse(name)).ok_or_else(not_found)?;
    let depth = if request.query("recursive").is_some() { Depth::Whole } else { Depth::OneLevel };
    ok(show_tree(scene, &tree, depth).ok_or_else(not_found)?)
}

fn create_tree(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let store = &scene.repo().store;
    let base = match request.text("base_tree").map(Oid::parse) {
        // GitHub takes the id of a commit as well as of its tree.
        Some(Some(oid)) if store.kind(&oid).as_deref() == Some("commit") => {
            store.commit(&oid).map(|commit| commit.tree)
        }
        Some(Some(oid)) if store.kind(&oid).as_deref() == Some("tree") => Some(oid),
        Some(_) => return Err(error(422, "base_tree is not a valid tree oid")),
        None => None,
    };
    let mut changes = Vec::new();
    for item in request.body["tree"].as_array().into_iter().flatten() {
        let (Some(path), Some(mode)) = (item["path"].as_str(), item["mode"].as_str()) else {
            return Err(error(422, "tree.path and tree.mode must be given"));
        };
        let path = path.to_owned();
        if let Some(content) = item["content"].as_str() {
            let oid = store.write_blob(content.as_bytes());
            changes.push(Change::Put { path, mode: mode.to_owned(), oid });
        } else if item["sha"].is_null() {
            changes.push(Change::Remove { path });
        } else {
            let oid = item["sha"].as_str().and_then(Oid::parse).filter(|oid| store.kind(oid).is_some());
            let oid =
                oid.ok_or_else(|| error(422, &format!("tree.sha {} is not a valid object", item["sha"])))?;
            changes.push(Change::Put { path, mode: mode.to_owned(), oid });
        }
    }
    let tree = store
        .write_tree(base.as_ref(), &changes)
        .map_err(|_: Refused| error(422, "tree.path contains a malformed path component"))?;
    created(show_tree(scene, &tree, Depth::OneLevel).ok_or_else(not_found)?)
}

fn get_blob(scene: &Scene<'_>, request: &Request) -> Answer {
    let oid = Oid::parse(request.parameter("file_sha")).ok_or_else(not_found)?;
    let content = scene.repo().store.blob(&oid).ok_or_else(not_found)?;
    ok(json!({
        "sha": oid.as_str(),
        "node_id": format!("B_{oid}"),
        "size": content.len(),
        "url": format!("{}/git/blobs/{oid}", scene.state.api(scene.repo())),
        "content": base64_lines(&content),
        "encoding": "base64",
    }))
}

fn create_blob(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let content = request.text("content").unwrap_or_default();
    let bytes = match request.text("encoding").unwrap_or("utf-8") {
        "base64" => {
            let packed: String = content.split_whitespace().collect();
            BASE64_STANDARD.decode(packed).map_err(|_| error(422, "content is not valid Base64"))?
        }
        _ => content.as_bytes().to_vec(),
    };
    let oid = scene.repo().store.write_blob(&bytes);
    created(
        json!({ "sha": oid.as_str(), "url": format!("{}/git/blobs/{oid}", scene.state.api(scene.repo())) }),
    )
}
