//! The parts of GitHub's answers that a run looks at, and how they become what a forge says. Field names are GitHub's.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use shared::issue::PullRequestNumber;

use crate::forge::model;
use crate::text::Raw;
use crate::thread::{self, AccountId, Since, UserKind};

/// A user, an organization or a bot.
#[derive(Deserialize)]
pub(crate) struct User {
    id: u64,
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

impl From<User> for thread::User {
    fn from(user: User) -> Self {
        let kind = if user.kind == "User" { UserKind::Person } else { UserKind::Other };
        Self { id: account_id(user.id), login: user.login, kind }
    }
}

pub(super) fn account_id(id: u64) -> AccountId {
    AccountId::new(id.to_string())
}

/// A repository as GraphQL shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repository {
    pub(super) database_id: Option<u64>,
    id: String,
    name_with_owner: String,
    /// Absent while the repository is empty.
    default_branch_ref: Option<Branch>,
    is_archived: bool,
    has_issues_enabled: bool,
    config: Option<Blob>,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    oid: String,
}

/// A file as GraphQL shows it. Of anything but a file every part is absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    #[serde(default)]
    byte_size: u64,
    /// Absent where it is not text.
    text: Option<String>,
    #[serde(default)]
    is_truncated: bool,
}

impl Repository {
    /// `id` is the number of the repository, wherever that was found.
    pub(super) fn numbered(self, id: u64) -> model::Repository {
        let repository = self;
        let branch = |branch: Branch| {
            branch.target.map(|target| model::Branch { name: branch.name, commit: target.oid })
        };
        let file = |blob: Blob| model::File {
            bytes: blob.byte_size,
            content: match blob.text {
                _ if blob.is_truncated => model::Content::Cut,
                Some(text) => model::Content::Text(text),
                None => model::Content::NotText,
            },
        };
        model::Repository {
            id,
            handle: repository.id,
            name: repository.name_with_owner,
            default_branch: repository.default_branch_ref.and_then(branch),
            is_archived: repository.is_archived,
            has_issues: repository.has_issues_enabled,
            config: repository.config.map(file),
        }
    }
}

/// What GraphQL answers of one repository.
#[derive(Deserialize)]
pub(super) struct OfRepository<R> {
    pub(super) repository: Option<R>,
}

/// Of one of its pull requests.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfPullRequest<P> {
    pub(super) pull_request: Option<P>,
}

/// A page of a GraphQL connection. By GitHub's schema the page, its list, and each element of it may be null; what is
/// null is not there.
pub(crate) struct Nodes<T> {
    pub(crate) nodes: Vec<T>,
    page_info: PageInfo,
}

/// Where a page begins or ends, and whether there is one before or behind it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    #[serde(default)]
    has_previous_page: bool,
    start_cursor: Option<String>,
    #[serde(default)]
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl<T> Nodes<T> {
    /// Where the page before this one ends, if there is one and something in it can count, because all of this one does.
    pub(crate) fn before(&self, counts: impl Fn(&T) -> bool) -> Option<String> {
        let goes_on = self.page_info.has_previous_page && self.nodes.iter().all(counts);
        self.page_info.start_cursor.clone().filter(|_| goes_on)
    }

    /// Where the page behind this one begins, if there is one.
    pub(crate) fn behind(&self) -> Option<String> {
        self.page_info.end_cursor.clone().filter(|_| self.page_info.has_next_page)
    }

    /// Goes on with the page behind this one.
    pub(crate) fn go_on(&mut self, next: Self) {
        self.nodes.extend(next.nodes);
        self.page_info = next.page_info;
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nodes<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<T> {
            nodes: Option<Vec<Option<T>>>,
            #[serde(default)]
            page_info: PageInfo,
        }
        let Some(page) = Option::<Page<T>>::deserialize(deserializer)? else { return Ok(Self::default()) };
        let nodes = page.nodes.unwrap_or_default().into_iter().flatten().collect();
        Ok(Self { nodes, page_info: page.page_info })
    }
}

impl<T> Default for Nodes<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), page_info: PageInfo::default() }
    }
}

/// A comment as GraphQL shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remark {
    database_id: Option<u64>,
    body: Raw,
    created_at: Timestamp,
    author: Option<Author>,
}

#[derive(Deserialize)]
struct Author {
    login: String,
}

impl Remark {
    /// Whether it came after that.
    pub(crate) fn is_after(&self, since: Since) -> bool {
        let id = self.database_id.unwrap_or(u64::MAX);
        since.comment.map_or(self.created_at >= since.at, |comment| id > comment)
    }
}

impl From<Remark> for thread::Remark {
    fn from(remark: Remark) -> Self {
        Self {
            // One whose number is not told is taken for the newest: a `/stop` in it must not be missed.
            id: remark.database_id.unwrap_or(u64::MAX),
            body: remark.body,
            by: remark.author.map(|author| author.login),
            created_at: remark.created_at,
        }
    }
}

/// A pull request, as far as a look in the middle of a run needs it.
#[derive(Deserialize)]
pub(super) struct PullRequestSnapshot {
    state: GraphqlState,
    #[serde(default)]
    comments: Nodes<Remark>,
    #[serde(default)]
    reviews: Nodes<Review>,
}

impl PullRequestSnapshot {
    /// Where the pages of comments and of reviews go on that may hold something as new as `since`.
    pub(super) fn before(&self, since: Since) -> (Option<String>, Option<String>) {
        let comments = self.comments.before(|remark| remark.is_after(since));
        (comments, self.reviews.before(|review| review.text.created_at >= since.at))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum GraphqlState {
    Open,
    Closed,
    Merged,
}

impl From<GraphqlState> for model::Stage {
    fn from(state: GraphqlState) -> Self {
        match state {
            GraphqlState::Open => Self::Open,
            GraphqlState::Closed => Self::Closed,
            GraphqlState::Merged => Self::Merged,
        }
    }
}

impl From<PullRequestSnapshot> for model::PullRequestSnapshot {
    fn from(pull: PullRequestSnapshot) -> Self {
        Self {
            stage: pull.state.into(),
            remarks: pull.comments.nodes.into_iter().map(Into::into).collect(),
            reviews: pull.reviews.nodes.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Review {
    #[serde(flatten)]
    text: ReviewText,
    /// On lines.
    comments: Nodes<ReviewText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReviewText {
    /// In digits: it may be larger than the 32 bits of `databaseId`.
    #[serde(deserialize_with = "digits")]
    full_database_id: Option<u64>,
    body: Raw,
    author: Option<Author>,
    created_at: Timestamp,
    last_edited_at: Option<Timestamp>,
}

pub(super) fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let digits = Option::<String>::deserialize(deserializer)?;
    digits.map(|digits| digits.parse().map_err(de::Error::custom)).transpose()
}

impl From<Review> for model::Review {
    fn from(review: Review) -> Self {
        Self {
            text: review.text.into(),
            on_lines: review.comments.nodes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ReviewText> for model::ReviewText {
    fn from(text: ReviewText) -> Self {
        Self {
            // No command has the number 0.
            id: text.full_database_id.unwrap_or_default(),
            body: text.body,
            by: text.author.map(|author| author.login),
            created_at: text.created_at,
            edited_at: text.last_edited_at,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Label {
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(super) struct Comment {
    id: u64,
    body: Option<Raw>,
    user: Option<User>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Ends in the number of the issue or pull request.
    issue_url: Option<String>,
}

impl From<Comment> for thread::Comment {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.id,
            body: comment.body.unwrap_or_default(),
            by: comment.user.map(Into::into),
            created_at: comment.created_at,
            updated_at: comment.updated_at,
            on: comment.issue_url.and_then(|url| url.rsplit('/').next()?.parse().ok()),
        }
    }
}

/// One side of a pull request.
#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
}

/// The other side, of which only the name is of use: the commit is that of the time when it was looked at last.
#[derive(Deserialize)]
struct BaseSide {
    #[serde(rename = "ref")]
    branch: String,
}

#[derive(Deserialize)]
pub(super) struct PullRequest {
    number: PullRequestNumber,
    node_id: String,
    state: RestState,
    #[serde(default)]
    draft: bool,
    merged_at: Option<Timestamp>,
    body: Option<String>,
    head: Side,
    base: BaseSide,
    user: Option<User>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RestState {
    Open,
    Closed,
}

impl From<PullRequest> for model::PullRequest {
    fn from(pull: PullRequest) -> Self {
        Self {
            number: pull.number,
            handle: pull.node_id,
            stage: match (pull.state, pull.merged_at) {
                (RestState::Open, _) => model::Stage::Open,
                (RestState::Closed, Some(_)) => model::Stage::Merged,
                (RestState::Closed, None) => model::Stage::Closed,
            },
            kind: if pull.draft { model::PullRequestKind::Draft } else { model::PullRequestKind::Ready },
            body: pull.body.unwrap_or_default(),
            head: model::Branch { name: pull.head.branch, commit: pull.head.sha },
            base: pull.base.branch,
            by: pull.user.map(Into::into),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct GitObject {
    pub(super) sha: String,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) object: GitObject,
}

#[derive(Deserialize)]
pub(super) struct GitCommit {
    sha: String,
    message: String,
    committer: Signature,
    tree: GitObject,
    parents: Vec<GitObject>,
}

#[derive(Deserialize)]
struct Signature {
    name: String,
    email: String,
    date: Timestamp,
}

impl From<GitCommit> for model::Commit {
    fn from(commit: GitCommit) -> Self {
        let Signature { name, email, date } = commit.committer;
        Self {
            id: commit.sha,
            message: commit.message,
            tree: commit.tree.sha,
            parents: commit.parents.into_iter().map(|parent| parent.sha).collect(),
            at: date,
            committer: model::Signature { name, email },
        }
    }
}

/// What `GET /repos/…/collaborators/…/permission` answers. `role_name` has the finer role, `permission` the coarse one.
#[derive(Deserialize)]
pub(super) struct Collaborator {
    pub(super) permission: String,
    pub(super) user: Option<User>,
}

/// What minting an installation token answers.
#[derive(Deserialize)]
pub(super) struct InstallationToken {
    pub(super) token: String,
}

/// One file of a comparison.
#[derive(Deserialize)]
struct ComparedFile {
    filename: String,
    previous_filename: Option<String>,
    /// Absent where the file is binary or the diff is large.
    patch: Option<Raw>,
}

/// A commit in a list: what git knows of it stands in a part of its own.
#[derive(Deserialize)]
struct ListedCommit {
    sha: String,
    commit: CommitPart,
    parents: Vec<GitObject>,
}

#[derive(Deserialize)]
struct CommitPart {
    message: String,
    committer: Option<ListedSignature>,
    tree: GitObject,
}

#[derive(Deserialize)]
struct ListedSignature {
    name: Option<String>,
    email: Option<String>,
    date: Option<Timestamp>,
}

impl ListedCommit {
    /// By the description a commit in a list may lack parts that all of git's have.
    fn known(self) -> Option<model::Commit> {
        let ListedSignature { name: Some(name), email: Some(email), date: Some(date) } =
            self.commit.committer?
        else {
            return None;
        };
        Some(model::Commit {
            id: self.sha,
            message: self.commit.message,
            tree: self.commit.tree.sha,
            parents: self.parents.into_iter().map(|parent| parent.sha).collect(),
            at: date,
            committer: model::Signature { name, email },
        })
    }
}

/// What `GET /repos/…/compare/BASE...HEAD` answers.
#[derive(Deserialize)]
pub(super) struct Comparison {
    ahead_by: u64,
    behind_by: u64,
    merge_base_commit: GitObject,
    #[serde(default)]
    commits: Vec<ListedCommit>,
    #[serde(default)]
    files: Vec<ComparedFile>,
}

/// Files that GitHub lists of one comparison, however many there are
/// (<https://docs.github.com/rest/commits/commits#compare-two-commits>).
const COMPARED_FILES: usize = 300;

impl From<Comparison> for model::Comparison {
    fn from(compared: Comparison) -> Self {
        let all = compared.files.len() < COMPARED_FILES;
        let names = |file: &ComparedFile| [Some(file.filename.clone()), file.previous_filename.clone()];
        let paths = all.then(|| compared.files.iter().flat_map(names).flatten().collect());
        let commits: Option<Vec<model::Commit>> =
            compared.commits.into_iter().map(ListedCommit::known).collect();
        let diffs = compared.files.into_iter().filter_map(|file| {
            let ComparedFile { filename: path, patch, .. } = file;
            patch.map(|diff| model::FileDiff { path, diff })
        });
        Self {
            ahead: compared.ahead_by,
            behind: compared.behind_by,
            paths,
            merge_base: compared.merge_base_commit.sha,
            commits: commits.filter(|commits| commits.len() as u64 == compared.ahead_by),
            diffs: diffs.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_pull_request_is_open_merged_or_closed_and_ready_or_not() {
        use model::{PullRequestKind, Stage};
        for (state, merged_at, draft, expected) in [
            ("open", Value::Null, false, (Stage::Open, PullRequestKind::Ready)),
            ("open", Value::Null, true, (Stage::Open, PullRequestKind::Draft)),
            ("closed", Value::Null, false, (Stage::Closed, PullRequestKind::Ready)),
            ("closed", json!("2026-11-21T09:00:00Z"), false, (Stage::Merged, PullRequestKind::Ready)),
        ] {
            let pull: PullRequest = serde_json::from_value(json!({
                "number": 2, "node_id": "PR_2", "state": state, "merged_at": merged_at, "draft": draft, "body": null,
                "head": {"ref": "ai-agent/issue-1", "sha": "c0ffee"}, "base": {"ref": "main"}, "user": null,
            }))
            .unwrap();
            let pull = model::PullRequest::from(pull);
            assert_eq!((pull.stage, pull.kind), expected);
            assert_eq!(
                pull.head,
                model::Branch { name: "ai-agent/issue-1".to_owned(), commit: "c0ffee".to_owned() }
            );
        }
    }

    #[test]
    fn a_comparison_that_may_have_been_cut_names_no_file() {
        let compared = |count: usize| {
            let files: Vec<Value> = (0..count)
                .map(|number| json!({"filename": format!("b{number}"), "previous_filename": format!("a{number}")}))
                .collect();
            let base = json!({"sha": "c0ffee"});
            let answer = json!({"ahead_by": 1, "behind_by": 0, "merge_base_commit": base, "files": files});
            model::Comparison::from(serde_json::from_value::<Comparison>(answer).unwrap()).paths
        };
        assert_eq!(compared(1), Some(vec!["b0".to_owned(), "a0".to_owned()]));
        assert_eq!(compared(299).map(|paths| paths.len()), Some(598));
        assert_eq!(compared(300), None);
    }

    #[test]
    fn a_file_is_text_cut_or_something_else() {
        use model::Content::{Cut, NotText, Text};
        for (file, expected) in [
            (json!({"byteSize": 2, "text": "hi", "isTruncated": false}), (2, Text("hi".to_owned()))),
            (json!({"byteSize": 600_000, "text": "hi", "isTruncated": true}), (600_000, Cut)),
            (json!({"byteSize": 2, "text": null, "isTruncated": false}), (2, NotText)),
            // A folder.
            (json!({}), (0, NotText)),
        ] {
            let answer = json!({
                "databaseId": 1, "id": "R_1", "nameWithOwner": "octo/hello", "defaultBranchRef": null, "isArchived": false,
                "hasIssuesEnabled": true, "config": file,
            });
            let repository: Repository = serde_json::from_value(answer).unwrap();
            let found = repository.numbered(1).config.unwrap();
            assert_eq!((found.bytes, found.content), expected);
        }
    }

    #[test]
    fn a_review_has_its_own_text_and_those_on_lines() {
        let text = |id: &str, edited: Value| {
            json!({"fullDatabaseId": id, "body": "x", "author": {"login": "dev1"}, "createdAt": "2026-11-21T09:00:00Z",
                   "lastEditedAt": edited})
        };
        let mut review = text("4294967296", Value::Null);
        review["comments"] = json!({"nodes": [text("7", json!("2026-11-21T09:05:00Z"))]});
        let review = model::Review::from(serde_json::from_value::<Review>(review).unwrap());
        let texts: Vec<_> = review.texts().map(|text| (text.id, text.edited_at.is_some())).collect();
        assert_eq!(texts, [(4_294_967_296, false), (7, true)]);
    }

    #[test]
    fn what_is_null_in_a_list_is_not_there() {
        for (page, expected) in [
            (Value::Null, 0),
            (json!({"nodes": null}), 0),
            (json!({"nodes": [null, {"name": "x"}, null]}), 1),
        ] {
            let nodes: Nodes<Label> = serde_json::from_value(page).unwrap();
            assert_eq!(nodes.nodes.len(), expected);
        }
    }
}
