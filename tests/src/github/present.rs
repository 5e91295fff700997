//! How the state looks in answers. Only what the stand-in models is written here; the contract fills in the rest of what is required.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::state::{
    Account, Availability, Comment, Event, Feature, Issue, Label, Lock, Opinion, Permission, Pull, Reaction,
    Repo, Review, Stage, State, User, Visibility, What,
};
use super::store::{Oid, Signature};

/// A node id of the form that GitHub's have, from the kind of object and its number.
pub(crate) fn node_id(kind: &str, id: u64) -> String {
    format!("{kind}_kwDO{id:08}")
}

/// What a name in an address has as it is (RFC 3986, "unreserved").
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Anchors and colors that GitHub adds to a reaction summary in the order of its description.
const REACTIONS: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket"];

impl State {
    /// The address of a repository in the interface.
    pub(crate) fn api(&self, repo: &Repo) -> String {
        format!("{}/repos/{}", self.base, repo.full_name())
    }

    /// The address of a repository for people.
    pub(crate) fn web(&self, repo: &Repo) -> String {
        format!("{}/{}", self.base, repo.full_name())
    }

    pub(crate) fn show_login(&self, login: &str) -> Value {
        self.user(login).map_or(Value::Null, |user| self.show_user(user))
    }

    pub(crate) fn show_user(&self, user: &User) -> Value {
        let login = &user.login;
        let encoded = login.replace('[', "%5B").replace(']', "%5D");
        let page = match user.account {
            Account::Bot => format!("{}/apps/{}", self.base, login.trim_end_matches("[bot]")),
            Account::User | Account::Organization => format!("{}/{login}", self.base),
        };
        let kind = match user.account {
            Account::User => "User",
            Account::Bot => "Bot",
            Account::Organization => "Organization",
        };
        json!({
            "login": login,
            "id": user.id,
            "node_id": node_id("U", user.id),
            "avatar_url": format!("{}/avatars/{}", self.base, user.id),
            "gravatar_id": "",
            "url": format!("{}/users/{encoded}", self.base),
            "html_url": page,
            "type": kind,
            "site_admin": false,
        })
    }

    pub(crate) fn show_repo(&self, repo: &Repo, role: Permission) -> Value {
        let (api, web) = (self.api(repo), self.web(repo));
        json!({
            "id": repo.id,
            "node_id": node_id("R", repo.id),
            "name": repo.name,
            "full_name": repo.full_name(),
            "owner": self.show_login(&repo.owner),
            "private": repo.visibility == Visibility::Private,
            "visibility": if repo.visibility == Visibility::Private { "private" } else { "public" },
            "html_url": web,
            "url": api,
            "clone_url": format!("{web}.git"),
            "git_url": format!("{web}.git"),
            "ssh_url": format!("git@github.com:{}.git", repo.full_name()),
            "fork": false,
            "archived": repo.availability == Availability::Archived,
            "disabled": false,
            "has_issues": repo.issues_feature == Feature::On,
            "default_branch": repo.default_branch,
            "created_at": repo.created_at,
            "updated_at": repo.created_at,
            "pushed_at": repo.created_at,
            "permissions": {
                "admin": role >= Permission::Admin,
                "maintain": role >= Permission::Maintain,
                "push": role >= Permission::Write,
                "triage": role >= Permission::Triage,
                "pull": role >= Permission::Read,
            },
        })
    }

    pub(crate) fn show_label(&self, repo: &Repo, label: &Label) -> Value {
        json!({
            "id": label.id,
            "node_id": node_id("LA", label.id),
            "url": format!("{}/labels/{}", self.api(repo), utf8_percent_encode(&label.name, NAME)),
            "name": label.name,
            "description": label.description.as_deref().unwrap_or_default(),
            "color": label.color,
            "default": false,
        })
    }

    pub(crate) fn show_labels(&self, repo: &Repo, issue: &Issue) -> Value {
        let known = issue.labels.iter().filter_map(|name| repo.labels.get(&name.to_lowercase()));
        known.map(|label| self.show_label(repo, label)).collect()
    }

    fn show_logins(&self, logins: &[String]) -> Value {
        logins.iter().map(|login| self.show_login(login)).collect()
    }

    /// What GitHub says of the author's place. It is unreliable there too; here it never says more than this.
    fn association(&self, repo: &Repo, login: &str) -> &'static str {
        match self.permission(repo, login) {
            _ if repo.owner == login => "OWNER",
            permission if permission >= Permission::Triage => "COLLABORATOR",
            _ => "NONE",
        }
    }

    pub(crate) fn show_issue(&self, repo: &Repo, issue: &Issue) -> Value {
        let url = format!("{}/issues/{}", self.api(repo), issue.number);
        let page = if issue.pull.is_some() { "pull" } else { "issues" };
        let mut value = json!({
            "id": issue.id,
            "node_id": node_id("I", issue.id),
            "url": url,
            "repository_url": self.api(repo),
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "html_url": format!("{}/{page}/{}", self.web(repo), issue.number),
            "number": issue.number,
            "state": if issue.closed_at.is_some() { "closed" } else { "open" },
            "title": issue.title,
            "body": issue.body,
            "user": self.show_login(&issue.author),
            "labels": self.show_labels(repo, issue),
            "assignee": issue.assignees.first().map(|login| self.show_login(login)),
            "assignees": self.show_logins(&issue.assignees),
            "locked": issue.lock == Lock::Locked,
            "comments": issue.comments.len(),
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "author_association": self.association(repo, &issue.author),
            "reactions": show_reaction_counts(&url, &issue.reactions),
        });
        if let Some(pull) = &issue.pull {
            let html_url = format!("{}/pull/{}", self.web(repo), issue.number);
            value["draft"] = json!(pull.stage == Stage::Draft);
            value["pull_request"] = json!({
                "url": format!("{}/pulls/{}", self.api(repo), issue.number),
                "html_url": html_url,
                "diff_url": format!("{html_url}.diff"),
                "patch_url": format!("{html_url}.patch"),
                "merged_at": pull.merged_at,
            });
        }
        value
    }

    pub(crate) fn show_comment(&self, repo: &Repo, number: u64, comment: &Comment) -> Value {
        let issue = &repo.issues[&number];
        let page = if issue.pull.is_some() { "pull" } else { "issues" };
        let url = format!("{}/issues/comments/{}", self.api(repo), comment.id);
        json!({
            "id": comment.id,
            "node_id": node_id("IC", comment.id),
            "url": url,
            "html_url": format!("{}/{page}/{number}#issuecomment-{}", self.web(repo), comment.id),
            "issue_url": format!("{}/issues/{number}", self.api(repo)),
            "body": comment.body,
            "user": self.show_login(&comment.author),
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self.association(repo, &comment.author),
            "reactions": show_reaction_counts(&url, &comment.reactions),
        })
    }

    pub(crate) fn show_review(&self, repo: &Repo, number: u64, review: &Review) -> Value {
        let Review { opinion, text, .. } = review;
        let page = format!("{}/pull/{number}#pullrequestreview-{}", self.web(repo), text.id);
        let pull = format!("{}/pulls/{number}", self.api(repo));
        let head = repo.issues[&number].pull.as_ref().map(|pull| pull.head_oid.to_string());
        json!({
            "id": text.id,
            "node_id": node_id("PRR", text.id),
            "user": self.show_login(&text.author),
            "body": text.body,
            "state": match opinion {
                Opinion::Commented => "COMMENTED",
                Opinion::Approved => "APPROVED",
                Opinion::Dismissed => "DISMISSED",
                Opinion::ChangesRequested => "CHANGES_REQUESTED",
            },
            "html_url": page,
            "pull_request_url": pull,
            "_links": { "html": { "href": page }, "pull_request": { "href": pull } },
            "submitted_at": text.created_at,
            "commit_id": head,
            "author_association": self.association(repo, &text.author),
        })
    }

    pub(crate) fn show_reaction(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.show_login(&reaction.author),
            "content": reaction.content,
            "created_at": reaction.created_at,
        })
    }

    pub(crate) fn show_pull(&self, repo: &Repo, issue: &Issue, pull: &Pull) -> Value {
        let url = format!("{}/pulls/{}", self.api(repo), issue.number);
        let html_url = format!("{}/pull/{}", self.web(repo), issue.number);
        let side = |branch: &str, oid: &Oid| {
            json!({
                "label": format!("{}:{branch}", repo.owner),
                "ref": branch,
                "sha": oid.as_str(),
                "user": self.show_login(&repo.owner),
                "repo": self.show_repo(repo, Permission::Read),
            })
        };
        let base_tip = repo.branch(&pull.base).unwrap_or_else(|| pull.base_oid.clone());
        let changed = repo.store.differences(&pull.base_oid, &pull.head_oid);
        let counts: Vec<(u64, u64)> = changed
            .iter()
            .map(|file| repo.store.line_counts(&pull.base_oid, &pull.head_oid, &file.path))
            .collect();
        json!({
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "url": url,
            "html_url": html_url,
            "diff_url": format!("{html_url}.diff"),
            "patch_url": format!("{html_url}.patch"),
            "issue_url": format!("{}/issues/{}", self.api(repo), issue.number),
            "comments_url": format!("{}/issues/{}/comments", self.api(repo), issue.number),
            "number": issue.number,
            "state": if issue.closed_at.is_some() { "closed" } else { "open" },
            "locked": issue.lock == Lock::Locked,
            "title": issue.title,
            "body": issue.body,
            "user": self.show_login(&issue.author),
            "labels": self.show_labels(repo, issue),
            "assignee": issue.assignees.first().map(|login| self.show_login(login)),
            "assignees": self.show_logins(&issue.assignees),
            "requested_reviewers": self.show_logins(&pull.reviewers),
            "requested_teams": [],
            "draft": pull.stage == Stage::Draft,
            "merged": pull.merged_at.is_some(),
            "merged_at": pull.merged_at,
            "mergeable": true,
            "mergeable_state": if pull.stage == Stage::Draft { "draft" } else { "clean" },
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "head": side(&pull.head, &pull.head_oid),
            "base": side(&pull.base, &base_tip),
            "author_association": self.association(repo, &issue.author),
            "comments": issue.comments.len(),
            "commits": repo.store.commits_between(&pull.base_oid, &pull.head_oid).len(),
            "additions": counts.iter().map(|count| count.0).sum::<u64>(),
            "deletions": counts.iter().map(|count| count.1).sum::<u64>(),
            "changed_files": changed.len(),
        })
    }

    /// A commit as the low-level git calls show it.
    pub(crate) fn show_git_commit(&self, repo: &Repo, oid: &Oid) -> Option<Value> {
        let commit = repo.store.commit(oid)?;
        let url = |id: &Oid| format!("{}/git/commits/{id}", self.api(repo));
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|id| json!({ "sha": id.as_str(), "url": url(id), "html_url": format!("{}/commit/{id}", self.web(repo)) }))
            .collect();
        Some(json!({
            "sha": oid.as_str(),
            "node_id": format!("C_{oid}"),
            "url": url(oid),
            "html_url": format!("{}/commit/{oid}", self.web(repo)),
            "author": show_signature(&commit.author),
            "committer": show_signature(&commit.committer),
            "message": commit.message,
            "tree": { "sha": commit.tree.as_str(), "url": format!("{}/git/trees/{}", self.api(repo), commit.tree) },
            "parents": parents,
            "verification": show_verification(repo, oid),
        }))
    }

    /// A commit as branches, lists and comparisons show it.
    pub(crate) fn show_commit(&self, repo: &Repo, oid: &Oid) -> Option<Value> {
        let mut git = self.show_git_commit(repo, oid)?;
        let (parents, html_url) = (git["parents"].take(), git["html_url"].take());
        let login = |who: &str| {
            let name = git[who]["name"].as_str().unwrap_or_default();
            self.show_login(name)
        };
        let (author, committer) = (login("author"), login("committer"));
        let url = format!("{}/commits/{oid}", self.api(repo));
        Some(json!({
            "sha": oid.as_str(),
            "node_id": git["node_id"],
            "url": url,
            "html_url": html_url,
            "comments_url": format!("{url}/comments"),
            "commit": {
                "url": git["url"],
                "author": git["author"],
                "committer": git["committer"],
                "message": git["message"],
                "comment_count": 0,
                "tree": git["tree"],
                "verification": git["verification"],
            },
            "author": author,
            "committer": committer,
            "parents": parents,
        }))
    }

    /// The files that differ between two commits, as comparisons and pull requests list them.
    pub(crate) fn show_files(&self, repo: &Repo, old: &Oid, new: &Oid) -> Vec<Value> {
        let show = |file: super::store::Difference| {
            let (additions, deletions) = repo.store.line_counts(old, new, &file.path);
            let status = match file.status {
                'A' => "added",
                'D' => "removed",
                _ => "modified",
            };
            json!({
                "sha": file.oid,
                "filename": file.path,
                "status": status,
                "additions": additions,
                "deletions": deletions,
                "changes": additions + deletions,
                "patch": repo.store.patch(old, new, &file.path),
                "blob_url": format!("{}/blob/{new}/{}", self.web(repo), file.path),
                "raw_url": format!("{}/raw/{new}/{}", self.web(repo), file.path),
                "contents_url": format!("{}/contents/{}?ref={new}", self.api(repo), file.path),
            })
        };
        repo.store.differences(old, new).into_iter().map(show).collect()
    }

    pub(crate) fn show_reference(&self, repo: &Repo, name: &str, target: &Oid) -> Value {
        let kind = repo.store.kind(target).unwrap_or_default();
        json!({
            "ref": name,
            "node_id": format!("REF_{}_{name}", repo.id),
            "url": format!("{}/git/{name}", self.api(repo)),
            "object": {
                "type": kind,
                "sha": target.as_str(),
                "url": format!("{}/git/{kind}s/{target}", self.api(repo)),
            },
        })
    }

    /// A step of the timeline, and the name of its schema.
    pub(crate) fn show_event(&self, repo: &Repo, issue: &Issue, event: &Event) -> (&'static str, Value) {
        let mut value = json!({
            "id": event.id,
            "node_id": node_id("EV", event.id),
            "url": format!("{}/issues/events/{}", self.api(repo), event.id),
            "actor": self.show_login(&event.actor),
            "commit_id": null,
            "commit_url": null,
            "created_at": event.at,
            "performed_via_github_app": null,
        });
        let label = |name: &String| json!({ "name": name, "color": "ededed" });
        let (schema, name) = match &event.what {
            What::Labeled(name) => {
                value["label"] = label(name);
                ("labeled-issue-event", "labeled")
            }
            What::Unlabeled(name) => {
                value["label"] = label(name);
                ("unlabeled-issue-event", "unlabeled")
            }
            What::Assigned(login) => {
                value["assignee"] = self.show_login(login);
                ("timeline-assigned-issue-event", "assigned")
            }
            What::Unassigned(login) => {
                value["assignee"] = self.show_login(login);
                ("timeline-unassigned-issue-event", "unassigned")
            }
            What::Renamed { from, to } => {
                value["rename"] = json!({ "from": from, "to": to });
                ("renamed-issue-event", "renamed")
            }
            What::ReviewRequested(login) => {
                value["requested_reviewer"] = self.show_login(login);
                value["review_requester"] = self.show_login(&event.actor);
                ("review-requested-issue-event", "review_requested")
            }
            What::Closed => ("state-change-issue-event", "closed"),
            What::Reopened => ("state-change-issue-event", "reopened"),
            What::ReadyForReview => ("state-change-issue-event", "ready_for_review"),
            What::ConvertedToDraft => ("converted-to-draft-issue-event", "converted_to_draft"),
            What::Commented { comment } => {
                let comment = issue.comments.iter().find(|it| it.id == *comment).expect("the comment exists");
                value = self.show_comment(repo, issue.number, comment);
                value["actor"] = self.show_login(&event.actor);
                ("timeline-comment-event", "commented")
            }
        };
        value["event"] = json!(name);
        (schema, value)
    }

    pub(crate) fn show_app(&self) -> Value {
        json!({
            "id": self.app.id,
            "slug": self.app.slug,
            "client_id": self.app.client_id,
            "node_id": node_id("A", self.app.id),
            "owner": self.repos.first().map(|repo| self.show_login(&repo.owner)),
            "name": self.app.slug,
            "description": null,
            "external_url": format!("{}/apps/{}", self.base, self.app.slug),
            "html_url": format!("{}/apps/{}", self.base, self.app.slug),
            "permissions": self.show_permissions(),
            "events": self.app.events,
            "installations_count": 1,
        })
    }

    pub(crate) fn show_permissions(&self) -> Value {
        self.app.permissions.iter().map(|(name, level)| (name.clone(), json!(level.name()))).collect()
    }

    pub(crate) fn show_installation(&self) -> Value {
        let owner = self.repos.first().map(|repo| self.show_login(&repo.owner));
        json!({
            "id": self.app.installation,
            "account": owner,
            "app_id": self.app.id,
            "app_slug": self.app.slug,
            "client_id": self.app.client_id,
            "target_id": owner.as_ref().map_or(json!(0), |owner| owner["id"].clone()),
            "target_type": "Organization",
            "repository_selection": "all",
            "permissions": self.show_permissions(),
            "events": self.app.events,
            "access_tokens_url": format!("{}/app/installations/{}/access_tokens", self.base, self.app.installation),
            "repositories_url": format!("{}/installation/repositories", self.base),
            "html_url": format!("{}/settings/installations/{}", self.base, self.app.installation),
            "suspended_at": null,
            "suspended_by": null,
        })
    }
}

fn show_signature(signature: &Signature) -> Value {
    json!({ "name": signature.name, "email": signature.email, "date": signature.when })
}

pub(crate) fn show_verification(repo: &Repo, oid: &Oid) -> Value {
    let signed = repo.signed.contains(oid);
    json!({
        "verified": signed,
        "reason": if signed { "valid" } else { "unsigned" },
        "signature": signed.then_some("-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----\n"),
        "payload": signed.then(|| oid.to_string()),
        "verified_at": null,
    })
}

fn show_reaction_counts(url: &str, reactions: &[Reaction]) -> Value {
    let mut value = json!({ "url": format!("{url}/reactions"), "total_count": reactions.len() });
    for content in REACTIONS {
        value[content] = json!(reactions.iter().filter(|reaction| reaction.content == content).count());
    }
    value
}

/// Base64 as GitHub writes it: lines of sixty characters.
pub(crate) fn base64_lines(content: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(content);
    let lines = text.as_bytes().chunks(60).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    lines.collect()
}
