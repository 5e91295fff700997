//! The mutations that a program needs which turns issues into pull requests.

use apollo_compiler::resolvers::FieldError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::objects::{Stage, find_pull, refuse, show_commit, show_pull, show_reference, unresolved};
use crate::github::auth::{Actor, Level};
use crate::github::present::node_id;
use crate::github::scene::Scene;
use crate::github::state::{Availability, Permission, Review, Stage as PullStage};
use crate::github::store::{Change, Commit, Oid, Signature};

const FORBIDDEN: &str = "Resource not accessible by integration";

/// None means that the stand-in does not play this mutation.
pub(super) fn mutate(stage: &mut Stage<'_>, name: &str, input: &Value) -> Option<Result<Value, FieldError>> {
    Some(match name {
        "createCommitOnBranch" => create_commit(stage, input),
        "markPullRequestReadyForReview" => {
            set_stage(stage, input, PullStage::Ready, "MarkPullRequestReadyForReviewPayload")
        }
        "convertPullRequestToDraft" => {
            set_stage(stage, input, PullStage::Draft, "ConvertPullRequestToDraftPayload")
        }
        "updateRefs" => update_references(stage, input),
        "resolveReviewThread" => resolve_thread(stage, input),
        "addReaction" => react(stage, input),
        _ => return None,
    })
}

fn allow(stage: &Stage<'_>, at: usize, permission: &str) -> Result<(), FieldError> {
    let repo = &stage.state.repos[at];
    let allowed = match &stage.actor {
        Actor::Installation { .. } => stage.actor.has(permission, Level::Write) && stage.actor.covers(repo),
        Actor::User { login } => stage.state.permission(repo, login) >= Permission::Write,
        Actor::Anonymous | Actor::App => false,
    };
    if !allowed {
        return Err(refuse("FORBIDDEN", FORBIDDEN));
    }
    match repo.availability {
        Availability::Live => Ok(()),
        Availability::Archived => Err(refuse("UNPROCESSABLE", "Repository was archived so is read-only.")),
        Availability::Blocked => Err(refuse("FORBIDDEN", "Repository access blocked")),
    }
}

fn set_stage(
    stage: &mut Stage<'_>,
    input: &Value,
    to: PullStage,
    payload: &str,
) -> Result<Value, FieldError> {
    let id = input["pullRequestId"].as_str().unwrap_or_default();
    let (at, number) = find_pull(stage.state, id).ok_or_else(|| unresolved(id))?;
    allow(stage, at, "pull_requests")?;
    let actor = stage.actor.login(stage.state);
    let mut scene = Scene { state: stage.state, at };
    if scene.issue(number).closed_at.is_some() {
        return Err(refuse("UNPROCESSABLE", "Pull request is closed"));
    }
    scene.set_stage(&actor, number, to);
    Ok(json!({
        "__typename": payload,
        "clientMutationId": input["clientMutationId"],
        "pullRequest": show_pull(stage.state, at, number),
    }))
}

/// Marks a thread as resolved; one that is stays so.
fn resolve_thread(stage: &mut Stage<'_>, input: &Value) -> Result<Value, FieldError> {
    let id = input["threadId"].as_str().unwrap_or_default();
    let found = stage.state.repos.iter().enumerate().find_map(|(at, repo)| {
        let mut pulls = repo.issues.values().filter_map(|issue| Some((issue.number, issue.pull.as_ref()?)));
        pulls.find_map(|(number, pull)| {
            let thread = pull.threads.iter().find(|thread| node_id("PRRT", thread.id) == id)?;
            Some((at, number, *thread.comments.first()?))
        })
    });
    let (at, number, first) = found.ok_or_else(|| unresolved(id))?;
    allow(stage, at, "pull_requests")?;
    Scene { state: stage.state, at }.resolve(number, first);
    Ok(json!({
        "__typename": "ResolveReviewThreadPayload",
        "clientMutationId": input["clientMutationId"],
        "thread": { "__typename": "PullRequestReviewThread", "id": id, "isResolved": true },
    }))
}

/// Reacts to the text of a review. One user has each reaction once.
fn react(stage: &mut Stage<'_>, input: &Value) -> Result<Value, FieldError> {
    let id = input["subjectId"].as_str().unwrap_or_default();
    let is_it = |review: &Review| node_id("PRR", review.text.id) == id;
    let found = stage.state.repos.iter().enumerate().find_map(|(at, repo)| {
        let mut pulls = repo.issues.values().filter_map(|issue| Some((issue.number, issue.pull.as_ref()?)));
        pulls.find(|(_, pull)| pull.reviews.iter().any(is_it)).map(|(number, _)| (at, number))
    });
    let (at, number) = found.ok_or_else(|| unresolved(id))?;
    allow(stage, at, "pull_requests")?;
    // REST writes in small letters what is large here.
    let content = input["content"].as_str().unwrap_or_default().to_lowercase();
    let actor = stage.actor.login(stage.state);
    let mut scene = Scene { state: stage.state, at };
    let reaction = scene.react(&actor, &content);
    let reviews = &mut scene.issue_mut(number).pull.as_mut().expect("a pull request").reviews;
    let review = reviews.iter_mut().find(|review| is_it(review)).expect("the review was found");
    if !review.text.reactions.iter().any(|known| known.author == actor && known.content == content) {
        review.text.reactions.push(reaction);
    }
    Ok(json!({
        "__typename": "AddReactionPayload",
        "clientMutationId": input["clientMutationId"],
        "reaction": { "__typename": "Reaction", "content": input["content"] },
    }))
}

/// Where the branch of a commit is: by repository and name, or by the node id of the reference.
fn find_branch(stage: &Stage<'_>, branch: &Value) -> Option<(usize, String)> {
    if let Some(id) = branch["id"].as_str() {
        let (repo, reference) = id.strip_prefix("REF_")?.split_once('_')?;
        let repo: u64 = repo.parse().ok()?;
        let at = stage.state.repos.iter().position(|it| it.id == repo)?;
        return Some((at, reference.strip_prefix("refs/heads/")?.to_owned()));
    }
    let at = stage.state.find(branch["repositoryNameWithOwner"].as_str()?)?;
    let name = branch["branchName"].as_str()?;
    Some((at, name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()))
}

/// Commits files on top of the head that the caller expects, and nothing else. Every file that is written gets the mode
/// 100644, an executable too: the call has no way to say another one
/// (<https://github.com/orgs/community/discussions/191953>).
fn create_commit(stage: &mut Stage<'_>, input: &Value) -> Result<Value, FieldError> {
    let (at, branch) =
        find_branch(stage, &input["branch"]).ok_or_else(|| refuse("NOT_FOUND", "Branch not found"))?;
    if !stage.actor.sees(stage.state, &stage.state.repos[at]) {
        return Err(refuse("NOT_FOUND", "Branch not found"));
    }
    allow(stage, at, "contents")?;
    let actor = stage.actor.login(stage.state);
    let repo = &stage.state.repos[at];
    let head = repo
        .branch(&branch)
        .ok_or_else(|| refuse("NOT_FOUND", &format!("No branch named '{branch}' was found")))?;
    if repo.protected.contains(&branch) {
        return Err(refuse("UNPROCESSABLE", "Cannot update this protected ref."));
    }
    let expected = input["expectedHeadOid"].as_str().unwrap_or_default();
    if head.as_str() != expected {
        let message =
            format!("Expected branch to point to \"{expected}\" but it did not. Pull and try again.");
        return Err(refuse("STALE_DATA", &message));
    }
    let base = repo.store.commit(&head).expect("the head is a commit").tree;
    let changes = file_changes(stage, at, &head, &input["fileChanges"])?;
    let store = &stage.state.repos[at].store;
    let tree = store.write_tree(Some(&base), &changes).map_err(|refused| {
        refuse("UNPROCESSABLE", &format!("The changes do not make a tree: {}", refused.0.trim()))
    })?;
    let headline = input["message"]["headline"].as_str().unwrap_or_default();
    let message = match input["message"]["body"].as_str().filter(|body| !body.is_empty()) {
        Some(body) => format!("{headline}\n\n{body}"),
        None => headline.to_owned(),
    };
    let mut scene = Scene { state: stage.state, at };
    let author = scene.signature(&actor);
    let committer = Signature::web_flow(author.when);
    let commit = Commit { tree, parents: vec![head], author, committer, message };
    let oid = scene.repo().store.write_commit(&commit);
    scene.repo_mut().signed.push(oid.clone());
    scene.move_branch(&branch, &oid).map_err(|refused| refuse("UNPROCESSABLE", refused.0.trim()))?;
    let repo = scene.repo();
    Ok(json!({
        "__typename": "CreateCommitOnBranchPayload",
        "clientMutationId": input["clientMutationId"],
        "commit": show_commit(repo, &oid),
        "ref": show_reference(repo, &format!("refs/heads/{branch}")),
    }))
}

fn file_changes(stage: &Stage<'_>, at: usize, head: &Oid, input: &Value) -> Result<Vec<Change>, FieldError> {
    let store = &stage.state.repos[at].store;
    let mut changes = Vec::new();
    for deletion in input["deletions"].as_array().into_iter().flatten() {
        let path = deletion["path"].as_str().unwrap_or_default().to_owned();
        if store.entry_at(head.as_str(), &path).is_none() {
            let message =
                format!("A path was requested for deletion which does not exist as of commit oid `{head}`");
            return Err(refuse("UNPROCESSABLE", &message));
        }
        changes.push(Change::Remove { path });
    }
    for addition in input["additions"].as_array().into_iter().flatten() {
        let path = addition["path"].as_str().unwrap_or_default().to_owned();
        let bad = path.split('/').any(|part| matches!(part, "" | "." | ".." | ".git"));
        if bad {
            return Err(refuse("UNPROCESSABLE", &format!("The path `{path}` is invalid")));
        }
        let contents = addition["contents"].as_str().unwrap_or_default();
        let bytes = BASE64_STANDARD.decode(contents).map_err(|_| {
            refuse("UNPROCESSABLE", &format!("The contents of `{path}` are not valid base64"))
        })?;
        changes.push(Change::Put { path, mode: "100644".to_owned(), oid: store.write_blob(&bytes) });
    }
    for change in &changes {
        let (Change::Put { path, .. } | Change::Remove { path }) = change;
        let app = matches!(stage.actor, Actor::Installation { .. });
        if app && path.starts_with(".github/workflows/") && !stage.actor.has("workflows", Level::Write) {
            return Err(refuse("FORBIDDEN", FORBIDDEN));
        }
    }
    Ok(changes)
}

/// Moves several references, all or none, each from the value that the caller expects.
fn update_references(stage: &mut Stage<'_>, input: &Value) -> Result<Value, FieldError> {
    let id = input["repositoryId"].as_str().unwrap_or_default();
    let at = stage.state.repos.iter().position(|repo| node_id("R", repo.id) == id);
    let at = at.ok_or_else(|| unresolved(id))?;
    allow(stage, at, "contents")?;
    let store = &stage.state.repos[at].store;
    let zero = "0".repeat(40);
    let mut moves = Vec::new();
    for update in input["refUpdates"].as_array().into_iter().flatten() {
        let name = update["name"].as_str().unwrap_or_default().to_owned();
        let now = store.target(&name);
        if let Some(before) = update["beforeOid"].as_str()
            && before != now.as_ref().map_or(zero.as_str(), Oid::as_str)
        {
            return Err(refuse(
                "STALE_DATA",
                &format!("Expected {name} to point to \"{before}\" but it did not."),
            ));
        }
        let after = update["afterOid"].as_str().unwrap_or_default().to_owned();
        let target = Oid::parse(&after).filter(|_| after != zero);
        if target.as_ref().is_some_and(|oid| store.kind(oid).is_none()) {
            return Err(refuse("UNPROCESSABLE", &format!("{after} does not exist")));
        }
        if let (Some(old), Some(new)) = (&now, &target)
            && update["force"] != true
            && !store.is_ancestor(old, new)
        {
            return Err(refuse("UNPROCESSABLE", &format!("{name} cannot be fast-forwarded")));
        }
        moves.push((name, target));
    }
    for (name, target) in moves {
        match target {
            Some(oid) => store
                .set_reference(&name, &oid)
                .map_err(|refused| refuse("UNPROCESSABLE", refused.0.trim()))?,
            None => store.delete_reference(&name),
        }
    }
    let now = stage.state.tick();
    stage.state.repos[at].follow_branches(now);
    Ok(json!({ "__typename": "UpdateRefsPayload", "clientMutationId": input["clientMutationId"] }))
}
