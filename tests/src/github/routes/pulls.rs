//! Calls about pull requests. They stay within one repository: there are no forks in the story.

use serde_json::{Value, json};

use super::Request;
use super::issues::{Found, find};
use crate::github::present::node_id;
use crate::github::reply::{
    Answer, Refusal, Reply, check_body, created, custom, error, invalid, not_found, ok,
};
use crate::github::scene::Scene;
use crate::github::state::{Feature, Home, Issue, Permission, Pull, Stage, Thread, What};

pub(super) fn handle(scene: &mut Scene<'_>, request: &Request) -> Option<Answer> {
    match request.operation {
        "pulls/list" => return Some(list(scene, request)),
        "pulls/create" => return Some(create(scene, request)),
        _ => {}
    }
    let number = match find(scene, request, "pull_number") {
        Ok(Found::Issue(number)) if scene.issue(number).pull.is_some() => number,
        Ok(_) => return Some(Err(not_found())),
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(match request.operation {
        "pulls/get" => ok(show(scene, number)),
        "pulls/update" => update(scene, request, number),
        "pulls/list-files" => {
            let pull = pull(scene, number);
            request.page(scene, scene.state.show_files(scene.repo(), &pull.base_oid, &pull.head_oid))
        }
        "pulls/list-commits" => {
            let (repo, pull) = (scene.repo(), pull(scene, number));
            let commits = repo.store.commits_between(&pull.base_oid, &pull.head_oid);
            request.page(scene, commits.iter().filter_map(|oid| scene.state.show_commit(repo, oid)).collect())
        }
        "pulls/list-requested-reviewers" => {
            let reviewers = pull(scene, number).reviewers.iter().map(|login| scene.state.show_login(login));
            ok(json!({ "users": reviewers.collect::<Vec<_>>(), "teams": [] }))
        }
        "pulls/request-reviewers" => request_reviewers(scene, request, number),
        "pulls/create-reply-for-review-comment" => reply(scene, request, number),
        "pulls/list-reviews" => {
            let reviews = pull(scene, number).reviews.iter();
            let shown = reviews.map(|review| scene.state.show_review(scene.repo(), number, review));
            request.page(scene, shown.collect())
        }
        "pulls/list-review-comments" => request.page(scene, Vec::new()),
        _ => return None,
    })
}

fn pull<'a>(scene: &'a Scene<'_>, number: u64) -> &'a Pull {
    scene.issue(number).pull.as_ref().expect("a pull request")
}

fn show(scene: &Scene<'_>, number: u64) -> Value {
    scene.state.show_pull(scene.repo(), scene.issue(number), pull(scene, number))
}

/// A `head` filter without an owner is ignored, as GitHub ignores it.
fn list(scene: &Scene<'_>, request: &Request) -> Answer {
    let repo = scene.repo();
    let head = request.query("head").and_then(|head| head.split_once(':'));
    let fits = |issue: &Issue, pull: &Pull| {
        let state = match request.query("state").unwrap_or("open") {
            "open" => issue.closed_at.is_none(),
            "closed" => issue.closed_at.is_some(),
            _ => true,
        };
        let head = head.is_none_or(|(owner, branch)| {
            repo.owner.eq_ignore_ascii_case(owner) && pull.head == branch && pull.home == Home::Here
        });
        state && head && request.query("base").is_none_or(|base| pull.base == base)
    };
    let mut shown: Vec<Value> = repo
        .issues
        .values()
        .filter_map(|issue| issue.pull.as_ref().map(|pull| (issue, pull)))
        .filter(|(issue, pull)| fits(issue, pull))
        .map(|(issue, pull)| scene.state.show_pull(repo, issue, pull))
        .collect();
    let ascending = request.query("direction") == Some("asc");
    if !ascending {
        shown.reverse();
    }
    request.page(scene, shown)
}

fn create(scene: &mut Scene<'_>, request: &Request) -> Answer {
    let required =
        |field: &str| request.text(field).ok_or_else(|| invalid("PullRequest", field, "missing_field"));
    let (head, base, title) = (required("head")?, required("base")?, required("title")?);
    let body = request.text("body");
    check_body("PullRequest", body.unwrap_or_default())?;
    let repo = scene.repo();
    let owner = repo.owner.clone();
    let head = match head.split_once(':') {
        Some((named, branch)) if named.eq_ignore_ascii_case(&owner) => branch,
        Some(_) => return Err(invalid("PullRequest", "head", "invalid")),
        None => head,
    };
    let head_oid = repo.branch(head).ok_or_else(|| invalid("PullRequest", "head", "invalid"))?;
    let base_oid = repo.branch(base).ok_or_else(|| invalid("PullRequest", "base", "invalid"))?;
    let same = |issue: &Issue| {
        let pull = issue.pull.as_ref();
        let is_it = |pull: &Pull| pull.head == head && pull.base == base && pull.home == Home::Here;
        issue.closed_at.is_none() && pull.is_some_and(is_it)
    };
    if repo.issues.values().any(same) {
        return Err(custom("PullRequest", &format!("A pull request already exists for {owner}:{head}.")));
    }
    if repo.store.commits_between(&base_oid, &head_oid).is_empty() {
        return Err(custom("PullRequest", &format!("No commits between {base} and {head}")));
    }
    let draft = request.body["draft"] == true;
    if draft && repo.drafts_feature == Feature::Off {
        return Err(error(422, "Draft pull requests are not supported in this repository."));
    }
    let actor = request.actor.login(scene.state);
    let number = scene.open_pull(&actor, title, head, base);
    let issue = scene.issue_mut(number);
    issue.body = body.map(str::to_owned);
    if draft {
        issue.pull.as_mut().expect("just opened").stage = Stage::Draft;
    }
    created(show(scene, number))
}

fn update(scene: &mut Scene<'_>, request: &Request, number: u64) -> Answer {
    let actor = request.actor.login(scene.state);
    if let Some(body) = request.text("body") {
        check_body("PullRequest", body)?;
    }
    if let Some(base) = request.text("base") {
        let tip = scene.repo().branch(base).ok_or_else(|| invalid("PullRequest", "base", "invalid"))?;
        let head = pull(scene, number).head_oid.clone();
        let fork = scene.repo().store.merge_base(&tip, &head).unwrap_or(tip);
        let pull = scene.issue_mut(number).pull.as_mut().expect("a pull request");
        (pull.base, pull.base_oid) = (base.to_owned(), fork);
    }
    match request.text("state") {
        Some("closed") => scene.close(&actor, number),
        Some("open") => reopen(scene, &actor, number)?,
        _ => {}
    }
    if let Some(title) = request.text("title") {
        scene.retitle(&actor, number, title);
    }
    if let Some(body) = request.text("body") {
        scene.rewrite(number, body);
    }
    ok(show(scene, number))
}

fn reopen(scene: &mut Scene<'_>, actor: &str, number: u64) -> Result<(), Refusal> {
    let pull = pull(scene, number);
    if pull.merged_at.is_some() {
        return Err(custom("PullRequest", "state cannot be changed. The pull request cannot be reopened."));
    }
    if scene.repo().branch(&pull.head).is_none() {
        let message = format!("state cannot be changed. The {} branch has been deleted.", pull.head);
        return Err(custom("PullRequest", &message));
    }
    scene.reopen(actor, number);
    Ok(())
}

/// Replies go to the first comment of a thread; a reply has none of its own.
fn reply(scene: &mut Scene<'_>, request: &Request, number: u64) -> Answer {
    let first = request.number("comment_id")?;
    let begins = |thread: &Thread| thread.comments.first() == Some(&first);
    if !pull(scene, number).threads.iter().any(begins) {
        return Err(not_found());
    }
    let body = request.text("body").unwrap_or_default();
    if body.trim().is_empty() {
        return Err(invalid("PullRequestReviewComment", "body", "missing_field"));
    }
    check_body("PullRequestReviewComment", body)?;
    let actor = request.actor.login(scene.state);
    let (review, id) = scene.reply(&actor, number, first, body);
    let (repo, pull) = (scene.repo(), pull(scene, number));
    let thread = pull.threads.iter().find(|thread| begins(thread)).expect("it was found");
    let mut said = pull.reviews.iter().flat_map(|review| &review.comments);
    let said = said.find(|comment| comment.id == id).expect("it was made");
    let api = format!("{}/repos/{}/pulls", scene.state.base, repo.full_name());
    let html = format!("{}/{}/pull/{number}", scene.state.base, repo.full_name());
    created(json!({
        "url": format!("{api}/comments/{id}"),
        "pull_request_review_id": review,
        "id": id,
        "node_id": node_id("PRRC", id),
        "diff_hunk": thread.hunk,
        "path": thread.path,
        "commit_id": pull.head_oid.as_str(),
        "original_commit_id": pull.head_oid.as_str(),
        "in_reply_to_id": first,
        "user": scene.state.show_login(&said.author),
        "body": said.body,
        "created_at": said.created_at,
        "updated_at": said.created_at,
        "html_url": format!("{html}#discussion_r{id}"),
        "pull_request_url": format!("{api}/{number}"),
        "author_association": "NONE",
        "_links": {
            "self": { "href": format!("{api}/comments/{id}") },
            "html": { "href": format!("{html}#discussion_r{id}") },
            "pull_request": { "href": format!("{api}/{number}") },
        },
    }))
}

fn request_reviewers(scene: &mut Scene<'_>, request: &Request, number: u64) -> Answer {
    let actor = request.actor.login(scene.state);
    let logins = request.names("reviewers");
    for login in &logins {
        if *login == scene.issue(number).author {
            return Err(error(422, "Review cannot be requested from pull request author."));
        }
        let role = scene.state.user(login).map(|user| scene.state.permission(scene.repo(), &user.login));
        let collaborates = role.is_some_and(|role| role >= Permission::Triage)
            || scene.repo().permissions.get(login).is_some_and(|role| *role >= Permission::Read);
        if !collaborates {
            let name = scene.repo().full_name();
            return Err(error(
                422,
                &format!(
                    "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the {name} repository."
                ),
            ));
        }
    }
    for login in logins {
        let pull = scene.issue_mut(number).pull.as_mut().expect("a pull request");
        if !pull.reviewers.contains(&login) {
            pull.reviewers.push(login.clone());
            scene.record(number, &actor, What::ReviewRequested(login));
        }
    }
    Ok(Reply::json(201, show(scene, number)))
}
