//! The REST calls of a run: who may write, comments and labels of a thread, branches, commits, pull requests.

use std::ops::RangeInclusive;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::issue::PullRequestNumber;

use super::wire::{self, GitCommit, Label, Reference};
use super::{Effect, GitHub};
use crate::call::CallError;
use crate::forge::model::{
    Collaborator, Commit, Comparison, NewPullRequest, Permission, PullRequest, PullRequestKind, TreeContent,
    TreeEntry,
};
use crate::outbound::Outbound;
use crate::path::RepoPath;
use crate::thread::{Comment, User};

#[derive(Deserialize)]
struct Created {
    id: u64,
}

#[derive(Deserialize)]
struct Tree {
    sha: String,
}

/// The mode of a submodule in a tree.
const SUBMODULE: &str = "160000";

impl GitHub {
    /// `/repos/OWNER/NAME`
    pub(crate) fn root(&self) -> String {
        format!("/repos/{}", self.repo)
    }

    pub(crate) fn under(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.repo)
    }

    /// What a user may do. Someone who is no collaborator is answered with 404.
    pub async fn collaborator(&self, login: &str) -> Result<Collaborator, CallError> {
        let route = self.under(&format!("collaborators/{login}/permission"));
        let (permission, user) = match self.get::<wire::Collaborator>(&route).await {
            Ok(found) if matches!(found.permission.as_str(), "admin" | "write" | "maintain") => {
                (Permission::Write, found.user)
            }
            Ok(found) => (Permission::Less, found.user),
            Err(CallError::NotFound { .. }) => (Permission::Less, None),
            Err(error) => return Err(error),
        };
        let id = user.map(|user| User::from(user).id);
        Ok(Collaborator { login: login.to_owned(), id, permission })
    }

    /// The comments of an issue or pull request, oldest first.
    pub async fn comments(&self, number: u64) -> Result<Vec<Comment>, CallError> {
        let comments: Vec<wire::Comment> =
            self.list(&self.under(&format!("issues/{number}/comments"))).await?;
        Ok(comments.into_iter().map(Into::into).collect())
    }

    /// The same, one page at a time in memory.
    pub async fn each_comment(&self, number: u64, mut take: impl FnMut(Comment)) -> Result<(), CallError> {
        let route = self.under(&format!("issues/{number}/comments"));
        self.each(&route, |comment: wire::Comment| take(comment.into())).await
    }

    pub async fn comment(&self, id: u64) -> Result<Comment, CallError> {
        self.get::<wire::Comment>(&self.under(&format!("issues/comments/{id}"))).await.map(Into::into)
    }

    /// Puts 👀 on something.
    pub(crate) async fn react(&self, what: &str) -> Result<(), CallError> {
        self.react_by(what, "eyes").await.map(drop)
    }

    /// Puts 👀 on a comment of a conversation.
    pub(crate) async fn react_to_comment(&self, id: u64) -> Result<(), CallError> {
        self.react(&format!("issues/comments/{id}")).await
    }

    /// Puts 👀 on a comment on a line.
    pub(crate) async fn react_to_line(&self, id: u64) -> Result<(), CallError> {
        self.react(&format!("pulls/comments/{id}")).await
    }

    /// Puts 🎉 on a pull request. Answers whether it was not there before.
    pub(crate) async fn celebrate(&self, number: u64) -> Result<bool, CallError> {
        self.react_by(&format!("issues/{number}"), "hooray").await
    }

    /// Puts a reaction on something; once, however often it is asked for: GitHub answers 201 to the first time alone.
    async fn react_by(&self, what: &str, content: &str) -> Result<bool, CallError> {
        let route = self.under(&format!("{what}/reactions"));
        let request = self.request(Method::POST, &route, Effect::Sets);
        let answer = self.send(&request, Some(&json!({ "content": content }))).await?;
        Ok(answer.status == StatusCode::CREATED)
    }

    /// Makes a comment, and only one: a lost answer is [`CallError::Unknown`].
    pub async fn create_comment(&self, number: u64, body: &Outbound) -> Result<u64, CallError> {
        let route = self.under(&format!("issues/{number}/comments"));
        let made: Created =
            self.write(Method::POST, &route, &json!({ "body": body.as_str() }), Effect::Makes).await?;
        Ok(made.id)
    }

    pub async fn edit_comment(&self, id: u64, body: &Outbound) -> Result<(), CallError> {
        let route = self.under(&format!("issues/comments/{id}"));
        self.write::<Value>(Method::PATCH, &route, &json!({ "body": body.as_str() }), Effect::Sets)
            .await
            .map(drop)
    }

    /// Removes a comment; one that is not there is no error.
    pub async fn delete_comment(&self, id: u64) -> Result<(), CallError> {
        let route = self.under(&format!("issues/comments/{id}"));
        match self.send(&self.request(Method::DELETE, &route, Effect::Sets), None::<&Value>).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_absence() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds labels; those that are there stay. A label that the repository does not have is made by GitHub.
    pub async fn add_labels(&self, number: u64, labels: &[&str]) -> Result<(), CallError> {
        let route = self.under(&format!("issues/{number}/labels"));
        let body = json!({ "labels": labels });
        self.write::<Vec<Label>>(Method::POST, &route, &body, Effect::Sets).await.map(drop)
    }

    /// Removes a label; one that is not there is no error.
    pub async fn remove_label(&self, number: u64, label: &str) -> Result<(), CallError> {
        let route = self.under(&format!("issues/{number}/labels/{}", path_segment(label)));
        match self.send(&self.request(Method::DELETE, &route, Effect::Sets), None::<&Value>).await {
            Ok(_) | Err(CallError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The commit that a branch points to; `None` if there is no such branch.
    pub async fn branch(&self, name: &str) -> Result<Option<String>, CallError> {
        let route = self.under(&format!("git/ref/heads/{}", path_segments(name)));
        match self.get::<Reference>(&route).await {
            Ok(found) => Ok(Some(found.object.sha)),
            Err(CallError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a branch. One that exists is [`CallError::Invalid`]; whose it is must be looked at.
    pub async fn create_branch(&self, name: &str, commit: &str) -> Result<(), CallError> {
        let body = json!({ "ref": format!("refs/heads/{name}"), "sha": commit });
        self.write::<Reference>(Method::POST, &self.under("git/refs"), &body, Effect::Makes).await.map(drop)
    }

    pub async fn commit(&self, sha: &str) -> Result<Commit, CallError> {
        self.get::<GitCommit>(&self.under(&format!("git/commits/{sha}"))).await.map(Into::into)
    }

    pub(super) async fn create_git_commit(&self, commit: &Value) -> Result<Commit, CallError> {
        let route = self.under("git/commits");
        self.write::<GitCommit>(Method::POST, &route, commit, Effect::Sets).await.map(Into::into)
    }

    pub async fn create_tree(&self, base: &str, entries: &[TreeEntry<'_>]) -> Result<String, CallError> {
        let entry = |entry: &TreeEntry<'_>| {
            let kind = if entry.mode == SUBMODULE { "commit" } else { "blob" };
            let mut shown = json!({ "path": entry.path, "mode": entry.mode, "type": kind });
            match &entry.content {
                TreeContent::Object(id) => shown["sha"] = json!(id),
                TreeContent::Text(text) => shown["content"] = json!(text),
                TreeContent::Absent => shown["sha"] = Value::Null,
            }
            shown
        };
        let body = json!({ "base_tree": base, "tree": entries.iter().map(entry).collect::<Vec<_>>() });
        // Made twice it is the same tree.
        let made: Tree = self.write(Method::POST, &self.under("git/trees"), &body, Effect::Sets).await?;
        Ok(made.sha)
    }

    pub async fn advance_branch(&self, branch: &str, to: &str) -> Result<(), CallError> {
        let route = self.under(&format!("git/refs/heads/{}", path_segments(branch)));
        let body = json!({ "sha": to, "force": false });
        self.write::<Reference>(Method::PATCH, &route, &body, Effect::Makes).await.map(drop)
    }

    /// What `head` has that `base` has not, and the other way round.
    pub async fn compare(&self, base: &str, head: &str) -> Result<Comparison, CallError> {
        let route = self.under(&format!("compare/{}...{}", path_segments(base), path_segments(head)));
        self.get::<wire::Comparison>(&route).await.map(Into::into)
    }

    pub async fn pull_request(&self, number: PullRequestNumber) -> Result<PullRequest, CallError> {
        self.get::<wire::PullRequest>(&self.under(&format!("pulls/{number}"))).await.map(Into::into)
    }

    /// The pull requests of a branch of this repository, open and closed, newest first.
    pub async fn pull_requests_of(&self, branch: &str) -> Result<Vec<PullRequest>, CallError> {
        let head = format!("{}:{branch}", self.repo.owner());
        let route = self.under(&format!("pulls?state=all&head={}", path_segments(&head)));
        let pulls: Vec<wire::PullRequest> = self.list(&route).await?;
        Ok(pulls.into_iter().map(Into::into).collect())
    }

    /// Opens a pull request, and only one. One that exists is [`CallError::Invalid`].
    pub async fn create_pull_request(&self, new: &NewPullRequest<'_>) -> Result<PullRequest, CallError> {
        let body = json!({
            "title": new.title.as_str(), "body": new.body.as_str(), "head": new.head, "base": new.base,
            "draft": new.kind == PullRequestKind::Draft,
        });
        let route = self.under("pulls");
        self.write::<wire::PullRequest>(Method::POST, &route, &body, Effect::Makes).await.map(Into::into)
    }

    pub async fn edit_pull_request(
        &self,
        number: PullRequestNumber,
        title: &Outbound,
        body: &Outbound,
    ) -> Result<(), CallError> {
        let route = self.under(&format!("pulls/{number}"));
        let body = json!({ "title": title.as_str(), "body": body.as_str() });
        self.write::<Value>(Method::PATCH, &route, &body, Effect::Sets).await.map(drop)
    }

    pub async fn edit_description(
        &self,
        number: PullRequestNumber,
        body: &Outbound,
    ) -> Result<(), CallError> {
        let route = self.under(&format!("pulls/{number}"));
        self.write::<Value>(Method::PATCH, &route, &json!({ "body": body.as_str() }), Effect::Sets)
            .await
            .map(drop)
    }

    /// The address, on its own host, of lines of a file at a commit.
    pub fn page_of(&self, commit: &str, path: &RepoPath, lines: RangeInclusive<usize>) -> String {
        let (from, to) = lines.into_inner();
        let end = if to > from { format!("-L{to}") } else { String::new() };
        format!("/{}/blob/{commit}/{}#L{from}{end}", self.repo, path_segments(path.as_str()))
    }

    /// Closes a pull request; one that is closed stays so.
    pub async fn close_pull_request(&self, number: PullRequestNumber) -> Result<(), CallError> {
        let route = self.under(&format!("pulls/{number}"));
        self.write::<Value>(Method::PATCH, &route, &json!({ "state": "closed" }), Effect::Sets)
            .await
            .map(drop)
    }

    /// Asks a user for a review; who was asked before stays asked.
    pub async fn request_review(&self, number: PullRequestNumber, login: &str) -> Result<(), CallError> {
        let route = self.under(&format!("pulls/{number}/requested_reviewers"));
        let body = json!({ "reviewers": [login] });
        self.write::<Value>(Method::POST, &route, &body, Effect::Sets).await.map(drop)
    }
}

/// Percent-encodes everything but the characters that RFC 3986 calls unreserved.
pub(crate) fn path_segment(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("a String takes any text"),
        }
        encoded
    })
}

/// The same for a path: its slashes stay.
fn path_segments(text: &str) -> String {
    text.split('/').map(path_segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_a_route_may_not_hold() {
        assert_eq!(path_segment("good first issue/ü#?"), "good%20first%20issue%2F%C3%BC%23%3F");
        assert_eq!(path_segments("ai-agent/issue-7"), "ai-agent/issue-7");
    }
}
