//! Calls about comments on issues and pull requests.

use jiff::Timestamp;
use serde_json::Value;

use super::{Request, issues};
use crate::github::auth::Actor;
use crate::github::reply::{Answer, Refusal, Reply, check_body, created, error, invalid, not_found, ok};
use crate::github::scene::Scene;
use crate::github::state::{Comment, Lock, Permission, Place};

pub(super) fn list(scene: &Scene<'_>, request: &Request, number: u64) -> Answer {
    let since: Option<Timestamp> = request.query("since").and_then(|text| text.parse().ok());
    let comments = scene.issue(number).comments.iter();
    let shown: Vec<Value> = comments
        .filter(|comment| since.is_none_or(|since| comment.updated_at >= since))
        .map(|comment| scene.state.show_comment(scene.repo(), number, comment))
        .collect();
    request.page(scene, shown)
}

/// Of all issues and pull requests, in the order of their ids: "By default, issue comments are ordered by ascending ID".
pub(super) fn list_all(scene: &Scene<'_>, request: &Request) -> Answer {
    let since: Option<Timestamp> = request.query("since").and_then(|text| text.parse().ok());
    let issues = scene.repo().issues.values().filter(|issue| issue.place == Place::Here);
    let mut all: Vec<_> =
        issues.flat_map(|issue| issue.comments.iter().map(move |comment| (issue.number, comment))).collect();
    all.retain(|(_, comment)| since.is_none_or(|since| comment.updated_at >= since));
    all.sort_by_key(|(_, comment)| comment.id);
    // "direction: Ignored without the sort parameter."
    match request.query("sort") {
        Some("updated") => all.sort_by_key(|(_, comment)| comment.updated_at),
        Some(_) => {}
        None => return shown(scene, request, &all),
    }
    if request.query("direction") == Some("desc") {
        all.reverse();
    }
    shown(scene, request, &all)
}

fn shown(scene: &Scene<'_>, request: &Request, all: &[(u64, &Comment)]) -> Answer {
    let shown = all.iter().map(|(number, comment)| scene.state.show_comment(scene.repo(), *number, comment));
    request.page(scene, shown.collect())
}

pub(super) fn create(scene: &mut Scene<'_>, request: &Request, number: u64) -> Answer {
    let body = request.text("body").ok_or_else(|| invalid("IssueComment", "body", "missing_field"))?;
    if body.trim().is_empty() {
        return Err(invalid("IssueComment", "body", "missing_field"));
    }
    check_body("IssueComment", body)?;
    open_to(scene, request, number, "Unable to create comment because issue is locked.")?;
    let actor = request.actor.login(scene.state);
    let id = scene.comment(&actor, number, body);
    created(show(scene, id))
}

pub(super) fn handle_one(scene: &mut Scene<'_>, request: &Request) -> Option<Answer> {
    let id = match request.number("comment_id") {
        Ok(id) if is_there(scene, id) => id,
        Ok(_) => return Some(Err(not_found())),
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(match request.operation {
        "issues/get-comment" => ok(show(scene, id)),
        "issues/update-comment" => update(scene, request, id),
        "issues/delete-comment" => {
            scene.delete_comment(id);
            Ok(Reply::empty(204))
        }
        "reactions/list-for-issue-comment" => {
            let reactions = scene.comment_mut(id).reactions.clone();
            request.page(scene, reactions.iter().map(|it| scene.state.show_reaction(it)).collect())
        }
        "reactions/create-for-issue-comment" => issues::react(scene, request, |repo| {
            let mut comments = repo.issues.values_mut().flat_map(|issue| &mut issue.comments);
            &mut comments.find(|comment| comment.id == id).expect("the comment was found").reactions
        }),
        _ => return None,
    })
}

/// With an issue its comments are gone.
fn is_there(scene: &Scene<'_>, id: u64) -> bool {
    let issue = scene.repo().issue_of_comment(id);
    issue.is_some_and(|number| scene.issue(number).place == Place::Here)
}

fn update(scene: &mut Scene<'_>, request: &Request, id: u64) -> Answer {
    let body = request.text("body").ok_or_else(|| invalid("IssueComment", "body", "missing_field"))?;
    check_body("IssueComment", body)?;
    let actor = request.actor.login(scene.state);
    let own = scene.comment_mut(id).author == actor;
    if let Some(number) = scene.repo().issue_of_comment(id) {
        open_to(scene, request, number, "Unable to update comment because issue is locked.")?;
    }
    if !own && !may_write(scene, request) {
        return Err(error(403, "Must have admin rights to Repository."));
    }
    scene.edit_comment(id, body);
    ok(show(scene, id))
}

/// On a locked issue people with write access comment, and no App, whatever it was granted (probot/stale#25,
/// renovatebot/renovate#6215).
fn open_to(scene: &Scene<'_>, request: &Request, number: u64, words: &str) -> Result<(), Refusal> {
    let is_app = matches!(request.actor, Actor::Installation { .. });
    if scene.issue(number).lock == Lock::Locked && (is_app || !may_write(scene, request)) {
        return Err(error(403, words));
    }
    Ok(())
}

fn may_write(scene: &Scene<'_>, request: &Request) -> bool {
    match &request.actor {
        Actor::Installation { .. } => true,
        Actor::User { login } => scene.state.permission(scene.repo(), login) >= Permission::Write,
        Actor::Anonymous | Actor::App => false,
    }
}

fn show(scene: &Scene<'_>, id: u64) -> Value {
    let repo = scene.repo();
    let number = repo.issue_of_comment(id).expect("the comment exists");
    let comment = repo.issues[&number].comments.iter().find(|comment| comment.id == id);
    scene.state.show_comment(repo, number, comment.expect("the comment exists"))
}
