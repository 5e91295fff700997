//! Calls about issues, and what people attach to them: assignees, reactions, the timeline.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Request, comments, labels};
use crate::github::contract::contract;
use crate::github::reply::{Answer, Refusal, Reply, check_body, created, error, invalid, not_found, ok};
use crate::github::scene::Scene;
use crate::github::state::{Account, Feature, Issue, Permission, Place, Reaction, Repo, State};

pub(super) fn handle(scene: &mut Scene<'_>, request: &Request) -> Option<Answer> {
    if matches!(request.operation, "issues/create-label" | "issues/get-label" | "issues/list-labels-for-repo")
    {
        return labels::handle(scene, request, None);
    }
    Some(match request.operation {
        "issues/list-for-repo" => list(scene, request),
        "issues/create" => create(scene, request),
        "issues/list-comments-for-repo" => comments::list_all(scene, request),
        "issues/get-comment"
        | "issues/update-comment"
        | "issues/delete-comment"
        | "reactions/create-for-issue-comment"
        | "reactions/list-for-issue-comment" => return comments::handle_one(scene, request),
        "reactions/create-for-pull-request-review-comment" => match request.number("comment_id") {
            Ok(id) if scene.line_mut(id).is_some() => react_on_line(scene, request, id),
            _ => Err(not_found()),
        },
        _ => match find(scene, request, "issue_number") {
            Err(refusal) => Err(refusal),
            Ok(Found::Redirect(reply)) => Ok(reply),
            Ok(Found::Issue(number)) => match request.operation {
                "issues/get" => ok(scene.state.show_issue(scene.repo(), scene.issue(number))),
                "issues/update" => update(scene, request, number),
                "issues/list-comments" => comments::list(scene, request, number),
                "issues/create-comment" => comments::create(scene, request, number),
                "issues/add-assignees" | "issues/remove-assignees" => assignees(scene, request, number),
                "issues/list-events-for-timeline" => timeline(scene, request, number),
                "reactions/list-for-issue" => {
                    let reactions = &scene.issue(number).reactions;
                    request.page(scene, reactions.iter().map(|it| scene.state.show_reaction(it)).collect())
                }
                "reactions/create-for-issue" => react(scene, request, |repo| {
                    &mut repo.issues.get_mut(&number).expect("the issue was found").reactions
                }),
                _ => return labels::handle(scene, request, Some(number)),
            },
        },
    })
}

/// What stands at a number.
pub(super) enum Found {
    Issue(u64),
    Redirect(Reply),
}

/// Finds an issue or says where it went. Pull requests are found too, even where issues are disabled.
pub(super) fn find(scene: &Scene<'_>, request: &Request, parameter: &str) -> Result<Found, Refusal> {
    let number = request.number(parameter)?;
    let issue = scene.repo().issues.get(&number).ok_or_else(not_found)?;
    match &issue.place {
        Place::Deleted => return Err(error(410, "This issue was deleted")),
        Place::Moved { repo, number } => {
            let at = scene.state.find(repo).ok_or_else(not_found)?;
            let id = scene.state.repos[at].id;
            let location = format!("{}/repositories/{id}/issues/{number}", scene.state.base);
            let body = json!({ "message": "Moved Permanently", "url": location, "documentation_url": "https://docs.github.com/rest" });
            return Ok(Found::Redirect(Reply::json(301, body).with("location", location)));
        }
        Place::Here => {}
    }
    if scene.repo().issues_feature == Feature::Off && issue.pull.is_none() {
        return Err(error(410, "Issues are disabled for this repo"));
    }
    Ok(Found::Issue(number))
}

fn list(scene: &Scene<'_>, request: &Request) -> Answer {
    let repo = scene.repo();
    let wanted: Vec<&str> =
        request.query("labels").map(|names| names.split(',').collect()).unwrap_or_default();
    let since: Option<Timestamp> = request.query("since").and_then(|text| text.parse().ok());
    let mut issues: Vec<&Issue> = repo
        .issues
        .values()
        .filter(|issue| issue.place == Place::Here)
        .filter(|issue| repo.issues_feature == Feature::On || issue.pull.is_some())
        .filter(|issue| match request.query("state").unwrap_or("open") {
            "open" => issue.closed_at.is_none(),
            "closed" => issue.closed_at.is_some(),
            _ => true,
        })
        .filter(|issue| {
            wanted.iter().all(|name| issue.labels.iter().any(|has| has.to_lowercase() == name.to_lowercase()))
        })
        .filter(|issue| since.is_none_or(|since| issue.updated_at >= since))
        .filter(|issue| request.query("creator").is_none_or(|login| issue.author == login))
        .filter(|issue| match request.query("assignee") {
            None | Some("*") => true,
            Some("none") => issue.assignees.is_empty(),
            Some(login) => issue.assignees.iter().any(|name| name == login),
        })
        .collect();
    match request.query("sort") {
        Some("updated") => issues.sort_by_key(|issue| issue.updated_at),
        Some("comments") => issues.sort_by_key(|issue| issue.comments.len()),
        _ => issues.sort_by_key(|issue| issue.created_at),
    }
    if request.query("direction") != Some("asc") {
        issues.reverse();
    }
    request.page(scene, issues.into_iter().map(|issue| scene.state.show_issue(repo, issue)).collect())
}

fn create(scene: &mut Scene<'_>, request: &Request) -> Answer {
    if scene.repo().issues_feature == Feature::Off {
        return Err(error(410, "Issues are disabled for this repo"));
    }
    let title = request.text("title").ok_or_else(|| invalid("Issue", "title", "missing_field"))?;
    let body = request.text("body");
    check_body("Issue", body.unwrap_or_default())?;
    let actor = request.actor.login(scene.state);
    let number = scene.open(&actor, title, body);
    for name in request.names("labels") {
        scene.label(&actor, number, &name);
    }
    for login in request.names("assignees") {
        assign(scene, &actor, number, &login);
    }
    created(scene.state.show_issue(scene.repo(), scene.issue(number)))
}

fn update(scene: &mut Scene<'_>, request: &Request, number: u64) -> Answer {
    let actor = request.actor.login(scene.state);
    if let Some(body) = request.text("body") {
        check_body("Issue", body)?;
        scene.rewrite(number, body);
    }
    if let Some(title) = request.text("title") {
        scene.retitle(&actor, number, title);
    }
    match request.text("state") {
        Some("closed") => scene.close(&actor, number),
        Some("open") => scene.reopen(&actor, number),
        _ => {}
    }
    if request.body["labels"].is_array() {
        labels::replace(scene, &actor, number, &request.names("labels"));
    }
    if request.body["assignees"].is_array() {
        let wanted = request.names("assignees");
        for login in scene.issue(number).assignees.clone() {
            if !wanted.contains(&login) {
                scene.unassign(&actor, number, &login);
            }
        }
        for login in wanted {
            assign(scene, &actor, number, &login);
        }
    }
    ok(scene.state.show_issue(scene.repo(), scene.issue(number)))
}

/// Those who cannot be assigned are passed over without a word, as GitHub does: strangers, and Apps.
fn assign(scene: &mut Scene<'_>, actor: &str, number: u64, login: &str) {
    let may = |state: &State, repo: &Repo| {
        let person = state.user(login).is_some_and(|user| user.account == Account::User);
        person && state.permission(repo, login) >= Permission::Triage
    };
    if may(scene.state, scene.repo()) {
        scene.assign(actor, number, login);
    }
}

fn assignees(scene: &mut Scene<'_>, request: &Request, number: u64) -> Answer {
    let actor = request.actor.login(scene.state);
    let adding = request.operation == "issues/add-assignees";
    for login in request.names("assignees") {
        if adding {
            assign(scene, &actor, number, &login);
        } else {
            scene.unassign(&actor, number, &login);
        }
    }
    let body = scene.state.show_issue(scene.repo(), scene.issue(number));
    if adding { created(body) } else { ok(body) }
}

fn timeline(scene: &Scene<'_>, request: &Request, number: u64) -> Answer {
    let issue = scene.issue(number);
    let show = |event| {
        let (schema, mut value) = scene.state.show_event(scene.repo(), issue, event);
        contract().fill_named(schema, &mut value);
        value
    };
    request.page(scene, issue.events.iter().map(show).collect())
}

fn react_on_line(scene: &mut Scene<'_>, request: &Request, id: u64) -> Answer {
    let actor = request.actor.login(scene.state);
    let content = request.text("content").ok_or_else(|| invalid("Reaction", "content", "missing_field"))?;
    let reaction = scene.react(&actor, content);
    let reactions = &mut scene.line_mut(id).ok_or_else(not_found)?.reactions;
    let is_known = |known: &&Reaction| known.author == actor && known.content == content;
    if let Some(known) = reactions.iter().find(is_known).cloned() {
        return ok(scene.state.show_reaction(&known));
    }
    reactions.push(reaction.clone());
    created(scene.state.show_reaction(&reaction))
}

/// Adds a reaction to the list that `place` picks. One user has each reaction once: the second time answers 200 with the first one.
pub(super) fn react(
    scene: &mut Scene<'_>,
    request: &Request,
    place: impl Fn(&mut Repo) -> &mut Vec<Reaction>,
) -> Answer {
    let actor = request.actor.login(scene.state);
    let content = request.text("content").ok_or_else(|| invalid("Reaction", "content", "missing_field"))?;
    let reactions = place(scene.repo_mut());
    let known = reactions.iter().find(|it| it.author == actor && it.content == content).cloned();
    if let Some(known) = known {
        return ok(scene.state.show_reaction(&known));
    }
    let reaction = scene.react(&actor, content);
    place(scene.repo_mut()).push(reaction.clone());
    let shown: Value = scene.state.show_reaction(&reaction);
    created(shown)
}
