//! The parts of GitHub's answers that a run looks at. Field names are GitHub's.

use jiff::Timestamp;
use serde::Deserialize;

use crate::text::Raw;

/// A user, an organisation or a bot.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub id: u64,
    pub login: String,
    /// `User` for a person.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// A repository as GraphQL shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    #[serde(rename = "databaseId")]
    pub id: u64,
    #[serde(rename = "id")]
    pub node_id: String,
    #[serde(rename = "nameWithOwner")]
    pub full_name: String,
    /// Absent while the repository is empty.
    #[serde(rename = "defaultBranchRef")]
    pub default_branch: Option<Branch>,
    pub is_archived: bool,
    pub has_issues_enabled: bool,
    /// The repository's configuration on the default branch, if it has one.
    pub config: Option<Blob>,
}

/// A branch and where it points to.
#[derive(Clone, Debug, Deserialize)]
pub struct Branch {
    pub name: String,
    pub target: Target,
}

/// What a branch points to.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    pub oid: String,
}

/// A file as GraphQL shows it. Of anything but a file every part is absent.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob {
    #[serde(default)]
    pub byte_size: u64,
    /// Absent where it is no text.
    pub text: Option<String>,
    #[serde(default)]
    pub is_truncated: bool,
}

/// An issue and, if it was asked for, a pull request, as they stand in the middle of a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub issue: Option<Thread>,
    pub pull_request: Option<Thread>,
}

/// State, labels and the newest comments of a thread.
#[derive(Clone, Debug, Deserialize)]
pub struct Thread {
    pub state: ThreadState,
    #[serde(default)]
    pub labels: Nodes<Label>,
    pub comments: Nodes<Remark>,
    /// Of a pull request.
    #[serde(default)]
    pub reviews: Nodes<Review>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ThreadState {
    Open,
    Closed,
    Merged,
}

/// A page of a GraphQL connection.
#[derive(Clone, Debug, Deserialize)]
pub struct Nodes<T> {
    pub nodes: Vec<T>,
}

impl<T> Default for Nodes<T> {
    fn default() -> Self {
        Self { nodes: Vec::new() }
    }
}

/// A comment as GraphQL shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remark {
    #[serde(rename = "databaseId")]
    pub id: u64,
    pub body: Raw,
    pub created_at: Timestamp,
    pub author: Option<Author>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Author {
    pub login: String,
}

/// The text of a review, or a comment on a line, as GraphQL shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewText {
    /// In digits: it may be larger than the 32 bits of `databaseId`.
    #[serde(rename = "fullDatabaseId")]
    pub id: String,
    pub body: Raw,
    pub author: Option<Author>,
    pub created_at: Timestamp,
    pub last_edited_at: Option<Timestamp>,
}

/// A review of a pull request.
#[derive(Clone, Debug, Deserialize)]
pub struct Review {
    #[serde(flatten)]
    pub text: ReviewText,
    /// On lines.
    pub comments: Nodes<ReviewText>,
}

impl Review {
    /// Its own text, and those on lines.
    pub fn texts(&self) -> impl Iterator<Item = &ReviewText> {
        std::iter::once(&self.text).chain(&self.comments.nodes)
    }
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
    /// Ends in `/repos/OWNER/NAME`: of an issue that was transferred it is another repository's.
    pub repository_url: String,
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
    /// Who made it last; an author stays when a commit is amended.
    pub committer: Signature,
    pub tree: GitObject,
    pub parents: Vec<GitObject>,
}

/// A name in a commit.
#[derive(Clone, Debug, Deserialize)]
pub struct Signature {
    pub name: String,
    pub email: String,
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
    pub behind_by: u64,
    #[serde(default)]
    pub files: Vec<ComparedFile>,
}
