//! The parts of GitHub's answers that a run looks at. Field names are GitHub's.

use jiff::Timestamp;
use serde::Deserialize;

use crate::text::Raw;

/// A user, an organisation or a bot.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub id: u64,
    pub login: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Repository {
    pub id: u64,
    pub node_id: String,
    pub full_name: String,
    pub default_branch: String,
    pub archived: bool,
    pub has_issues: bool,
    pub private: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Label {
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenOrClosed {
    Open,
    Closed,
}

/// An issue; GitHub lists a pull request as one too, with `pull_request` set.
#[derive(Clone, Debug, Deserialize)]
pub struct Issue {
    pub number: u64,
    pub title: Raw,
    pub body: Option<Raw>,
    pub state: OpenOrClosed,
    pub locked: bool,
    pub labels: Vec<Label>,
    pub user: Option<User>,
    pub pull_request: Option<serde::de::IgnoredAny>,
    pub html_url: String,
    pub comments: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Comment {
    pub id: u64,
    pub body: Option<Raw>,
    pub user: Option<User>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub html_url: String,
}

/// One side of a pull request.
#[derive(Clone, Debug, Deserialize)]
pub struct Side {
    #[serde(rename = "ref")]
    pub branch: String,
    pub sha: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PullRequest {
    pub number: u64,
    pub node_id: String,
    pub html_url: String,
    pub state: OpenOrClosed,
    #[serde(default)]
    pub draft: bool,
    pub merged_at: Option<Timestamp>,
    pub title: String,
    pub body: Option<String>,
    pub head: Side,
    pub base: Side,
    pub user: Option<User>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct GitObject {
    pub sha: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Reference {
    pub object: GitObject,
}

#[derive(Clone, Debug, Deserialize)]
pub struct GitCommit {
    pub sha: String,
    pub message: String,
    pub tree: GitObject,
    pub parents: Vec<GitObject>,
}

/// What `GET /repos/…/collaborators/…/permission` answers. `role_name` has the finer role, `permission` the coarse one.
#[derive(Clone, Debug, Deserialize)]
pub struct Collaborator {
    pub permission: String,
    pub user: Option<User>,
}

/// What minting an installation token answers.
#[derive(Deserialize)]
pub struct InstallationToken {
    pub token: String,
}

/// A GitHub App; `GET /app`.
#[derive(Clone, Debug, Deserialize)]
pub struct App {
    pub slug: String,
}

/// One file of a comparison.
#[derive(Clone, Debug, Deserialize)]
pub struct ComparedFile {
    pub filename: String,
    pub previous_filename: Option<String>,
}

/// What `GET /repos/…/compare/BASE...HEAD` answers. It lists 300 files at most.
#[derive(Clone, Debug, Deserialize)]
pub struct Comparison {
    pub ahead_by: u64,
    #[serde(default)]
    pub files: Vec<ComparedFile>,
}
