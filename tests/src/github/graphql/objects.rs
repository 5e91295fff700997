//! The objects that queries can reach.

use std::cell::RefCell;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::{Value, json};

use super::SEPARATOR;
use super::mutations::mutate;
use crate::github::auth::{Actor, Level};
use crate::github::present::node_id;
use crate::github::state::{
    Account, Age, CheckKind, Home, Issue, Opinion, Permission, Place, Pull, Repo, Resolution, Review,
    ReviewText, Stage as PullStage, State, Thread, Verdict, What as Happening,
};
use crate::github::store::Oid;

/// What resolving works on.
pub(super) struct Stage<'s> {
    pub(super) state: &'s mut State,
    pub(super) actor: Actor,
    /// Fields that were asked for and that the stand-in does not play.
    pub(super) unmodelled: Vec<String>,
}

type Shared<'r, 's> = &'r RefCell<Stage<'s>>;

/// An object of the answer.
pub(super) struct Node<'r, 's> {
    stage: Shared<'r, 's>,
    what: What,
}

enum What {
    Query,
    Mutation,
    Repository(usize),
    /// An object whose fields are all here. Its type stands in `__typename`.
    Data(Value),
}

/// A refusal as GitHub types it: `NOT_FOUND`, `FORBIDDEN`, `UNPROCESSABLE`, `STALE_DATA`.
pub(super) fn refuse(kind: &str, message: &str) -> FieldError {
    FieldError { message: format!("{kind}{SEPARATOR}{message}") }
}

impl<'r, 's> Node<'r, 's> {
    pub(super) fn query(stage: Shared<'r, 's>) -> Self {
        Self { stage, what: What::Query }
    }

    pub(super) fn mutation(stage: Shared<'r, 's>) -> Self {
        Self { stage, what: What::Mutation }
    }

    fn resolved(&self, value: Value) -> ResolvedValue<'_> {
        match value {
            Value::Object(_) if value["__typename"].is_string() => {
                ResolvedValue::object(Node { stage: self.stage, what: What::Data(value) })
            }
            Value::Array(items) => {
                let items: Vec<_> = items.into_iter().map(|item| self.resolved(item)).collect();
                ResolvedValue::list(items)
            }
            leaf => ResolvedValue::Leaf(serde_json::from_value(leaf).expect("JSON is JSON")),
        }
    }

    /// An App needs a permission for that.
    fn sees_checks(&self) -> bool {
        let stage = self.stage.borrow();
        !matches!(stage.actor, Actor::Installation { .. })
            || ["checks", "statuses"].iter().all(|name| stage.actor.has(name, Level::Read))
    }

    fn missing(&self, info: &ResolveInfo<'_>) -> FieldError {
        let field = format!("{}.{}", self.type_name(), info.field_name());
        self.stage.borrow_mut().unmodelled.push(format!("the stand-in does not play the field {field}"));
        refuse("UNPROCESSABLE", &format!("{field} is not played"))
    }

    fn query_field<'a>(
        &'a self,
        name: &str,
        arguments: &Value,
    ) -> Option<Result<ResolvedValue<'a>, FieldError>> {
        let stage = self.stage.borrow();
        let value = match name {
            "viewer" => {
                let login = stage.actor.login(stage.state);
                let user = stage.state.user(&login);
                json!({
                    "__typename": "User",
                    "login": login,
                    "id": node_id("U", user.map_or(0, |user| user.id)),
                    "databaseId": user.map(|user| user.id),
                })
            }
            "rateLimit" => json!({
                "__typename": "RateLimit",
                "limit": stage.state.rate.limit,
                "cost": 1,
                "remaining": stage.state.rate.limit.saturating_sub(stage.state.rate.used),
                "used": stage.state.rate.used,
            }),
            "repository" => {
                let full_name = format!("{}/{}", text(arguments, "owner"), text(arguments, "name"));
                let found = stage.state.find(&full_name).or_else(|| stage.state.find_former(&full_name));
                return Some(
                    match found.filter(|at| stage.actor.sees(stage.state, &stage.state.repos[*at])) {
                        Some(at) => {
                            Ok(ResolvedValue::object(Node { stage: self.stage, what: What::Repository(at) }))
                        }
                        None => Err(refuse(
                            "NOT_FOUND",
                            &format!("Could not resolve to a Repository with the name '{full_name}'."),
                        )),
                    },
                );
            }
            "node" => {
                let id = text(arguments, "id");
                match find_pull(stage.state, id) {
                    Some((at, number)) => show_pull(stage.state, at, number),
                    None => return Some(Err(unresolved(id))),
                }
            }
            _ => return None,
        };
        drop(stage);
        Some(Ok(self.resolved(value)))
    }

    fn repository_field<'a>(
        &'a self,
        at: usize,
        name: &str,
        arguments: &Value,
    ) -> Option<Result<ResolvedValue<'a>, FieldError>> {
        let stage = self.stage.borrow();
        let repo = &stage.state.repos[at];
        let number = arguments["number"].as_u64().unwrap_or(0);
        let unknown = |kind: &str| {
            refuse("NOT_FOUND", &format!("Could not resolve to {kind} with the number of {number}."))
        };
        let value = match name {
            "id" => json!(node_id("R", repo.id)),
            "databaseId" => json!(repo.id),
            "name" => json!(repo.name),
            "nameWithOwner" => json!(repo.full_name()),
            "isPrivate" => json!(repo.visibility == crate::github::Visibility::Private),
            "hasIssuesEnabled" => json!(repo.issues_feature == crate::github::Feature::On),
            "object" => match arguments["oid"].as_str() {
                Some(oid) => Oid::parse(oid)
                    .filter(|oid| repo.store.kind(oid).as_deref() == Some("commit"))
                    .map_or(Value::Null, |oid| show_commit(repo, &oid)),
                None => show_blob(repo, text(arguments, "expression")),
            },
            "isArchived" => json!(repo.availability == crate::github::Availability::Archived),
            "defaultBranchRef" => show_reference(repo, &format!("refs/heads/{}", repo.default_branch)),
            "ref" => {
                let asked = text(arguments, "qualifiedName");
                let full =
                    if asked.starts_with("refs/") { asked.to_owned() } else { format!("refs/heads/{asked}") };
                show_reference(repo, &full)
            }
            "pullRequest" => match repo.issues.get(&number).filter(|issue| issue.pull.is_some()) {
                Some(_) => show_pull(stage.state, at, number),
                None => return Some(Err(unknown("a PullRequest"))),
            },
            // In the order in which they were made.
            "pullRequests" => {
                let pulls = repo.issues.values().filter(|issue| issue.pull.is_some());
                let nodes: Vec<Value> = pulls.map(|issue| show_pull(stage.state, at, issue.number)).collect();
                let all = json!({
                    "__typename": "PullRequestConnection", "totalCount": nodes.len(), "nodes": nodes,
                });
                page_of(&all, arguments)
            }
            "issue" => match repo.issues.get(&number).filter(|issue| issue.pull.is_none()) {
                Some(issue) if issue.place != Place::Here => return Some(Err(unknown("an Issue"))),
                Some(issue) => show_issue(stage.state, repo, issue),
                None => return Some(Err(unknown("an Issue"))),
            },
            _ => return None,
        };
        drop(stage);
        Some(Ok(self.resolved(value)))
    }
}

impl ObjectValue for Node<'_, '_> {
    fn type_name(&self) -> &str {
        match &self.what {
            What::Query => "Query",
            What::Mutation => "Mutation",
            What::Repository(_) => "Repository",
            What::Data(value) => value["__typename"].as_str().unwrap_or_default(),
        }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let name = info.field_name();
        let arguments = serde_json::to_value(info.arguments()).expect("arguments are JSON");
        let resolved = match &self.what {
            What::Query => self.query_field(name, &arguments),
            What::Repository(at) => self.repository_field(*at, name, &arguments),
            What::Mutation => {
                let outcome = mutate(&mut self.stage.borrow_mut(), name, &arguments["input"]);
                outcome.map(|outcome| outcome.map(|value| self.resolved(value)))
            }
            What::Data(_) if name == "statusCheckRollup" && !self.sees_checks() => {
                Some(Err(refuse("FORBIDDEN", "Resource not accessible by integration")))
            }
            What::Data(value) => value.get(name).map(|field| Ok(self.resolved(page_of(field, &arguments)))),
        };
        resolved.unwrap_or_else(|| Err(self.missing(info)))
    }
}

/// The page of a connection that is asked for: without what others wrote, where it is asked for by author, and from the
/// beginning or the end of it, where `first` or `last` says how many. A cursor is the place of a node.
fn page_of(field: &Value, arguments: &Value) -> Value {
    let mut field = field.clone();
    let nodes = field.get_mut("nodes").and_then(Value::as_array_mut);
    if let (Some(author), Some(nodes)) = (arguments["author"].as_str(), nodes) {
        let is_by = |node: &Value| {
            node["author"]["login"].as_str().is_some_and(|login| login.eq_ignore_ascii_case(author))
        };
        nodes.retain(is_by);
    }
    let first = arguments["first"].as_u64().and_then(|first| usize::try_from(first).ok());
    if let (Some(first), Some(nodes)) = (first, field.get_mut("nodes").and_then(Value::as_array_mut)) {
        let start =
            arguments["after"].as_str().and_then(|cursor| cursor.parse().ok()).unwrap_or(0).min(nodes.len());
        let end = (start + first).min(nodes.len());
        let has_next = end < nodes.len();
        *nodes = nodes.drain(start..end).collect();
        field["pageInfo"] = json!({
            "__typename": "PageInfo",
            "hasPreviousPage": start > 0, "hasNextPage": has_next,
            "startCursor": start.to_string(), "endCursor": end.to_string(),
        });
        return field;
    }
    let last = arguments["last"].as_u64().and_then(|last| usize::try_from(last).ok());
    if let (Some(last), Some(nodes)) = (last, field.get_mut("nodes").and_then(Value::as_array_mut)) {
        let before = arguments["before"].as_str().and_then(|cursor| cursor.parse().ok());
        nodes.truncate(before.unwrap_or(nodes.len()));
        let start = nodes.len().saturating_sub(last);
        nodes.drain(..start);
        field["pageInfo"] = json!({
            "__typename": "PageInfo",
            "hasPreviousPage": start > 0,
            "startCursor": start.to_string(),
        });
    }
    field
}

fn text<'a>(arguments: &'a Value, name: &str) -> &'a str {
    arguments[name].as_str().unwrap_or_default()
}

pub(super) fn unresolved(id: &str) -> FieldError {
    refuse("NOT_FOUND", &format!("Could not resolve to a node with the global id of '{id}'"))
}

/// Where the pull request with this node id is.
pub(super) fn find_pull(state: &State, id: &str) -> Option<(usize, u64)> {
    let is_it = |issue: &&Issue| issue.pull.as_ref().is_some_and(|pull| node_id("PR", pull.id) == id);
    state
        .repos
        .iter()
        .enumerate()
        .find_map(|(at, repo)| repo.issues.values().find(is_it).map(|issue| (at, issue.number)))
}

pub(super) fn show_pull(state: &State, at: usize, number: u64) -> Value {
    let repo = &state.repos[at];
    let issue = &repo.issues[&number];
    let pull: &Pull = issue.pull.as_ref().expect("a pull request");
    let mut commits = repo.store.commits_between(&pull.base_oid, &pull.head_oid);
    // Of one without commits of its own GitHub shows the head.
    if commits.is_empty() {
        commits.push(pull.head_oid.clone());
    }
    let state_name = match (pull.merged_at, issue.closed_at) {
        (Some(_), _) => "MERGED",
        (None, Some(_)) => "CLOSED",
        (None, None) => "OPEN",
    };
    json!({
        "__typename": "PullRequest",
        "id": node_id("PR", pull.id),
        "databaseId": pull.id,
        "number": number,
        "title": issue.title,
        "body": issue.body.clone().unwrap_or_default(),
        "state": state_name,
        "isDraft": pull.stage == PullStage::Draft,
        "merged": pull.merged_at.is_some(),
        "closed": issue.closed_at.is_some(),
        "headRefName": pull.head,
        "headRefOid": pull.head_oid.as_str(),
        "baseRefName": pull.base,
        "baseRef": show_reference(repo, &format!("refs/heads/{}", pull.base)),
        "baseRefOid": pull.base_oid.as_str(),
        "url": format!("{}/pull/{number}", state.web(repo)),
        "author": show_actor(state, &issue.author),
        "labels": show_labels(issue),
        "comments": show_comments(state, issue),
        "reviews": show_reviews(state, pull.reviews.iter()),
        "latestOpinionatedReviews": show_reviews(state, opinions(state, repo, pull)),
        "autoMergeRequest": pull.auto_merge.then(|| json!({ "__typename": "AutoMergeRequest", "enabledAt": issue.updated_at })),
        "reviewThreads": show_threads(state, pull),
        "isCrossRepository": pull.home == Home::Fork,
        "timelineItems": {
            "__typename": "PullRequestTimelineItemsConnection",
            "nodes": issue.events.iter().filter_map(show_stage_event).collect::<Vec<_>>(),
        },
        "commits": {
            "__typename": "PullRequestCommitConnection",
            "nodes": commits
                .iter()
                .map(|oid| json!({ "__typename": "PullRequestCommit", "commit": show_commit(repo, oid) }))
                .collect::<Vec<_>>(),
        },
    })
}

/// Of the timeline only what makes a draft and what ends one.
fn show_stage_event(event: &crate::github::state::Event) -> Option<Value> {
    let kind = match event.what {
        Happening::ConvertedToDraft => "ConvertToDraftEvent",
        Happening::ReadyForReview => "ReadyForReviewEvent",
        _ => return None,
    };
    Some(json!({ "__typename": kind }))
}

/// All checks of a commit together; null where there is none.
fn show_rollup(repo: &Repo, oid: &Oid) -> Value {
    let Some(checks) = repo.checks.get(oid) else { return Value::Null };
    let any = |verdict| checks.iter().any(|check| check.verdict == verdict);
    let state = if any(Verdict::Failed) {
        "FAILURE"
    } else if any(Verdict::Running) {
        "PENDING"
    } else {
        "SUCCESS"
    };
    let nodes: Vec<Value> = checks
        .iter()
        .map(|check| match check.kind {
            CheckKind::Run => json!({
                "__typename": "CheckRun",
                "name": check.name,
                "isRequired": check.report.is_required,
                "status": if check.verdict == Verdict::Running { "IN_PROGRESS" } else { "COMPLETED" },
                "conclusion": match check.verdict {
                    Verdict::Running => Value::Null,
                    Verdict::Passed => json!("SUCCESS"),
                    Verdict::Failed => json!("FAILURE"),
                    Verdict::Skipped => json!("SKIPPED"),
                },
            }),
            CheckKind::Status => json!({
                "__typename": "StatusContext",
                "context": check.name,
                "isRequired": check.report.is_required,
                "state": match check.verdict {
                    Verdict::Running => "PENDING",
                    Verdict::Passed | Verdict::Skipped => "SUCCESS",
                    Verdict::Failed => "FAILURE",
                },
            }),
        })
        .collect();
    json!({
        "__typename": "StatusCheckRollup",
        "state": state,
        "contexts": {
            "__typename": "StatusCheckRollupContextConnection", "totalCount": nodes.len(), "nodes": nodes,
        },
    })
}

/// The last word of each reviewer with write access that is more than a comment.
fn opinions<'p>(state: &'p State, repo: &'p Repo, pull: &'p Pull) -> impl Iterator<Item = &'p Review> {
    let says = |review: &&Review| review.opinion != Opinion::Commented;
    pull.reviews
        .iter()
        .enumerate()
        .filter(move |(at, review)| {
            let author = &review.text.author;
            let mut later = pull.reviews[at + 1..].iter().filter(says);
            says(review)
                && !later.any(|later| later.text.author == *author)
                && state.permission(repo, author) >= Permission::Write
        })
        .map(|(_, review)| review)
}

/// Reviews in one page.
fn show_reviews<'p>(state: &State, reviews: impl Iterator<Item = &'p Review>) -> Value {
    let show = |kind: &str, prefix: &str, text: &ReviewText| {
        json!({
            "__typename": kind,
            "id": node_id(prefix, text.id),
            // `BigInt` is written in digits.
            "fullDatabaseId": text.id.to_string(),
            "body": text.body,
            "createdAt": text.created_at,
            "lastEditedAt": text.edited_at,
            "author": show_actor(state, &text.author),
        })
    };
    let nodes: Vec<Value> = reviews
        .map(|review| {
            let mut shown = show("PullRequestReview", "PRR", &review.text);
            shown["submittedAt"] = json!(review.text.created_at);
            shown["state"] = json!(match review.opinion {
                Opinion::Commented => "COMMENTED",
                Opinion::Approved => "APPROVED",
                Opinion::ChangesRequested => "CHANGES_REQUESTED",
                Opinion::Dismissed => "DISMISSED",
            });
            let comments: Vec<Value> =
                review.comments.iter().map(|text| show("PullRequestReviewComment", "PRRC", text)).collect();
            shown["comments"] = json!({
                "__typename": "PullRequestReviewCommentConnection",
                "totalCount": comments.len(),
                "nodes": comments,
            });
            shown
        })
        .collect();
    json!({ "__typename": "PullRequestReviewConnection", "totalCount": nodes.len(), "nodes": nodes })
}

/// All threads, of which [`page_of`] takes a page.
fn show_threads(state: &State, pull: &Pull) -> Value {
    let show_comment = |thread: &Thread, id: &u64| {
        let mut all = pull
            .reviews
            .iter()
            .flat_map(|review| review.comments.iter().map(move |comment| (review.text.id, comment)));
        all.find(|(_, comment)| comment.id == *id).map(|(review, comment)| {
            json!({
                "__typename": "PullRequestReviewComment",
                "id": node_id("PRRC", comment.id),
                "fullDatabaseId": comment.id.to_string(),
                "body": comment.body,
                "diffHunk": thread.hunk,
                "createdAt": comment.created_at,
                "lastEditedAt": comment.edited_at,
                "author": show_actor(state, &comment.author),
                "pullRequestReview": {
                    "__typename": "PullRequestReview",
                    "id": node_id("PRR", review),
                    "fullDatabaseId": review.to_string(),
                },
            })
        })
    };
    let nodes: Vec<Value> = pull
        .threads
        .iter()
        .map(|thread| {
            let comments: Vec<Value> =
                thread.comments.iter().filter_map(|id| show_comment(thread, id)).collect();
            json!({
                "__typename": "PullRequestReviewThread",
                "id": node_id("PRRT", thread.id),
                "isResolved": thread.resolution == Resolution::Resolved,
                "isOutdated": thread.age == Age::Outdated,
                "path": thread.path,
                "line": thread.line,
                "subjectType": "LINE",
                "comments": {
                    "__typename": "PullRequestReviewCommentConnection",
                    "totalCount": comments.len(),
                    "nodes": comments,
                },
            })
        })
        .collect();
    json!({ "__typename": "PullRequestReviewThreadConnection", "totalCount": nodes.len(), "nodes": nodes })
}

fn show_issue(state: &State, repo: &Repo, issue: &Issue) -> Value {
    json!({
        "__typename": "Issue",
        "id": node_id("I", issue.id),
        "databaseId": issue.id,
        "number": issue.number,
        "title": issue.title,
        "body": issue.body.clone().unwrap_or_default(),
        "state": if issue.closed_at.is_some() { "CLOSED" } else { "OPEN" },
        "closed": issue.closed_at.is_some(),
        "locked": issue.lock == crate::github::Lock::Locked,
        "lastEditedAt": issue.edited_at,
        "labels": show_labels(issue),
        "comments": show_comments(state, issue),
        "repository": { "__typename": "Repository", "id": node_id("R", repo.id), "nameWithOwner": repo.full_name() },
    })
}

/// GitHub gives a bot's login without the `[bot]` that REST has.
fn show_actor(state: &State, login: &str) -> Value {
    state.user(login).map_or(Value::Null, |user| {
        let kind = match user.account {
            Account::Bot => "Bot",
            Account::Organization => "Organization",
            Account::User => "User",
        };
        let login = user.login.trim_end_matches("[bot]");
        json!({ "__typename": kind, "login": login, "id": node_id("U", user.id), "databaseId": user.id })
    })
}

/// All comments, of which [`page_of`] takes a page.
fn show_comments(state: &State, issue: &Issue) -> Value {
    let nodes: Vec<Value> = issue
        .comments
        .iter()
        .map(|comment| {
            json!({
                "__typename": "IssueComment",
                "id": node_id("IC", comment.id),
                "databaseId": comment.id,
                "fullDatabaseId": comment.id.to_string(),
                "body": comment.body,
                "createdAt": comment.created_at,
                "updatedAt": comment.updated_at,
                "lastEditedAt": (comment.created_at != comment.updated_at).then_some(comment.updated_at),
                "author": show_actor(state, &comment.author),
            })
        })
        .collect();
    json!({
        "__typename": "IssueCommentConnection",
        "totalCount": issue.comments.len(),
        "nodes": nodes,
        "pageInfo": {
            "__typename": "PageInfo",
            "hasPreviousPage": false, "hasNextPage": false, "startCursor": null, "endCursor": null,
        },
    })
}

/// The file at `REVISION:PATH`. Null where there is none.
fn show_blob(repo: &Repo, expression: &str) -> Value {
    let Some((revision, path)) = expression.split_once(':') else { return Value::Null };
    let revision = if revision == "HEAD" { &repo.default_branch } else { revision };
    let entry = repo
        .store
        .commit_named(revision)
        .and_then(|commit| repo.store.entry_at(commit.as_str(), path))
        .filter(|entry| entry.kind == "blob");
    let Some(entry) = entry else { return Value::Null };
    let bytes = repo.store.blob(&entry.oid).unwrap_or_default();
    let text = String::from_utf8(bytes.clone()).ok();
    json!({
        "__typename": "Blob",
        "id": format!("B_{}", entry.oid),
        "oid": entry.oid.as_str(),
        "byteSize": bytes.len(),
        "isBinary": text.is_none(),
        "isTruncated": false,
        "text": text,
    })
}

/// All labels in one page, whatever was asked for: an issue has at most a hundred.
fn show_labels(issue: &Issue) -> Value {
    let nodes: Vec<Value> =
        issue.labels.iter().map(|name| json!({ "__typename": "Label", "name": name })).collect();
    json!({
        "__typename": "LabelConnection",
        "totalCount": nodes.len(),
        "nodes": nodes,
        "pageInfo": { "__typename": "PageInfo", "hasNextPage": false, "endCursor": null },
    })
}

/// Null where there is no such reference.
pub(super) fn show_reference(repo: &Repo, name: &str) -> Value {
    let Some(target) = repo.store.target(name) else { return Value::Null };
    let (prefix, short) = match name.strip_prefix("refs/heads/") {
        Some(short) => ("refs/heads/", short),
        None => ("refs/", name.trim_start_matches("refs/")),
    };
    json!({
        "__typename": "Ref",
        "id": format!("REF_{}_{name}", repo.id),
        "name": short,
        "prefix": prefix,
        "target": show_commit(repo, &target),
    })
}

pub(super) fn show_commit(repo: &Repo, oid: &Oid) -> Value {
    let commit = repo.store.commit(oid);
    let tree = |oid: &Oid| repo.store.commit(oid).map(|commit| commit.tree);
    let object = |oid: Option<Oid>| oid.map(|oid| json!({ "__typename": "Tree", "oid": oid.as_str() }));
    let parents: Vec<Value> = commit
        .iter()
        .flat_map(|commit| &commit.parents)
        .map(|parent| json!({ "__typename": "Commit", "oid": parent.as_str(), "tree": object(tree(parent)) }))
        .collect();
    let message = commit.as_ref().map(|commit| commit.message.clone()).unwrap_or_default();
    let signed = repo.signed.contains(oid);
    json!({
        "__typename": "Commit",
        "id": format!("C_{oid}"),
        "oid": oid.as_str(),
        "message": message,
        "messageHeadline": message.lines().next().unwrap_or_default(),
        "url": format!("https://stand-in.invalid/{}/commit/{oid}", repo.full_name()),
        "commitUrl": format!("https://stand-in.invalid/{}/commit/{oid}", repo.full_name()),
        "statusCheckRollup": show_rollup(repo, oid),
        "tree": object(tree(oid)),
        "parents": { "__typename": "CommitConnection", "totalCount": parents.len(), "nodes": parents },
        "signature": signed.then(|| json!({
            "__typename": "GpgSignature", "isValid": true, "state": "VALID", "wasSignedByGitHub": true,
        })),
    })
}
