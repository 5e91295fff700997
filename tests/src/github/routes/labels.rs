//! Calls about labels, of a repository and of an issue.

use serde_json::Value;

use super::Request;
use crate::github::reply::{Answer, Refusal, created, custom, error, invalid, not_found, ok};
use crate::github::scene::Scene;

pub(super) fn handle(scene: &mut Scene<'_>, request: &Request, number: Option<u64>) -> Option<Answer> {
    let actor = request.actor.login(scene.state);
    Some(match (request.operation, number) {
        ("issues/create-label", _) => create(scene, request),
        ("issues/get-label", _) => {
            let label = scene.repo().labels.get(&request.parameter("name").to_lowercase());
            match label {
                Some(label) => ok(scene.state.show_label(scene.repo(), label)),
                None => Err(not_found()),
            }
        }
        ("issues/list-labels-for-repo", _) => {
            let labels = scene.repo().labels.values();
            request.page(scene, labels.map(|label| scene.state.show_label(scene.repo(), label)).collect())
        }
        ("issues/list-labels-on-issue", Some(number)) => {
            let Value::Array(labels) = labels_of(scene, number) else { return None };
            request.page(scene, labels)
        }
        ("issues/add-labels", Some(number)) => checked(&wanted(request)).and_then(|()| {
            has_room(scene, number, &wanted(request))?;
            for name in wanted(request) {
                scene.label(&actor, number, &name);
            }
            ok(labels_of(scene, number))
        }),
        ("issues/set-labels", Some(number)) => checked(&wanted(request)).and_then(|()| {
            replace(scene, &actor, number, &wanted(request));
            ok(labels_of(scene, number))
        }),
        ("issues/remove-label", Some(number)) => {
            let name = request.parameter("name");
            if scene.issue(number).labels.iter().any(|label| label.to_lowercase() == name.to_lowercase()) {
                scene.unlabel(&actor, number, name);
                ok(labels_of(scene, number))
            } else {
                Err(error(404, "Label does not exist"))
            }
        }
        _ => return None,
    })
}

/// Both forms that GitHub takes: an object with `labels`, and the list itself.
fn wanted(request: &Request) -> Vec<String> {
    request.names(if request.body.is_array() { "" } else { "labels" })
}

/// An issue has at most a hundred labels (actions/labeler#115).
fn has_room(scene: &Scene<'_>, number: u64, names: &[String]) -> Result<(), Refusal> {
    let there = &scene.issue(number).labels;
    let is_new = |name: &&String| !there.iter().any(|label| label.to_lowercase() == name.to_lowercase());
    if there.len() + names.iter().filter(is_new).count() > 100 {
        return Err(custom("Issue", "Issue cannot have more than 100 labels"));
    }
    Ok(())
}

/// Label names have at most 50 characters.
fn checked(names: &[String]) -> Result<(), Refusal> {
    let bad = names.iter().any(|name| name.is_empty() || name.chars().count() > 50);
    if bad { Err(invalid("Label", "name", "invalid")) } else { Ok(()) }
}

pub(super) fn replace(scene: &mut Scene<'_>, actor: &str, number: u64, names: &[String]) {
    for name in scene.issue(number).labels.clone() {
        if !names.iter().any(|wanted| wanted.to_lowercase() == name.to_lowercase()) {
            scene.unlabel(actor, number, &name);
        }
    }
    for name in names {
        scene.label(actor, number, name);
    }
}

fn create(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let name = request.text("name").ok_or_else(|| invalid("Label", "name", "missing_field"))?;
    checked(&[name.to_owned()])?;
    let key = name.to_lowercase();
    if scene.repo().labels.contains_key(&key) {
        return Err(invalid("Label", "name", "already_exists"));
    }
    scene.ensure_label(name);
    let label = scene.repo_mut().labels.get_mut(&key).expect("the label was just made");
    if let Some(color) = request.text("color") {
        color.clone_into(&mut label.color);
    }
    label.description = request.text("description").map(str::to_owned);
    created(scene.state.show_label(scene.repo(), &scene.repo().labels[&key]))
}

fn labels_of(scene: &Scene<'_>, number: u64) -> Value {
    scene.state.show_labels(scene.repo(), scene.issue(number))
}
