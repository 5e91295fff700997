//! What reviewers say of a pull request: reviews, and the threads on its lines. Only GraphQL tells which thread is resolved.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::issue::PullRequestNumber;

use super::wire::{GraphqlState, Label, Nodes, account_id, digits};
use super::{Effect, GitHub, call};
use crate::call::CallError;
use crate::forge::model::{
    self, ChangedFile, Discussion, GivenReview, Home, NewCommit, PullRequestKind, ReviewThread,
    ThreadComment, ThreadPlace, ThreadState, Verdict,
};
use crate::outbound::Outbound;
use crate::text::Raw;
use crate::thread::{User, UserKind};

/// Pages of 100 threads that are read.
const MAX_PAGES: usize = 10;
/// Files of a pull request that are looked at.
const MAX_FILES: usize = 100;

/// Of each thread the first comment, to which others reply, and the newest ones.
const DISCUSSION: &str = "query($owner: String!, $name: String!, $pull: Int!, $threads: String) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $pull) { \
        id state isDraft isCrossRepository body headRefName headRefOid baseRefName \
        author { __typename login ... on User { databaseId } ... on Bot { databaseId } } \
        labels(first: 100) { nodes { name } } \
        commits(last: 100) { nodes { commit { oid message tree { oid } parents(first: 2) { nodes { tree { oid } } } } } } \
        comments(last: 50) { nodes { fullDatabaseId body createdAt lastEditedAt \
            author { __typename login ... on User { databaseId } ... on Bot { databaseId } } } } \
        reviews(last: 100) { nodes { fullDatabaseId state body createdAt submittedAt lastEditedAt \
            author { __typename login ... on User { databaseId } ... on Bot { databaseId } } } } \
        reviewThreads(first: 100, after: $threads) { pageInfo { hasNextPage endCursor } nodes { \
            id isResolved isOutdated path line subjectType \
            first: comments(first: 1) { nodes { fullDatabaseId diffHunk } } \
            comments(last: 30) { nodes { fullDatabaseId body createdAt lastEditedAt pullRequestReview { fullDatabaseId } \
                author { __typename login ... on User { databaseId } ... on Bot { databaseId } } } } } } } } }";
pub(super) const RESOLVE: &str = "mutation($input: ResolveReviewThreadInput!) { resolveReviewThread(input: $input) { thread { isResolved } } }";
/// What reviews are called where one is reacted to: no webhook and no task tells that.
const REVIEW_HANDLES: &str = "query($owner: String!, $name: String!, $pull: Int!) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $pull) { \
        reviews(last: 100) { nodes { id fullDatabaseId } } } } }";
pub(super) const REACT: &str =
    "mutation($input: AddReactionInput!) { addReaction(input: $input) { reaction { content } } }";

#[derive(Deserialize)]
struct Reviewed {
    #[serde(default)]
    reviews: Nodes<ReviewHandle>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReviewHandle {
    id: String,
    #[serde(deserialize_with = "digits")]
    full_database_id: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequest {
    id: String,
    state: GraphqlState,
    is_draft: bool,
    is_cross_repository: bool,
    body: String,
    head_ref_name: String,
    head_ref_oid: String,
    base_ref_name: String,
    author: Option<Author>,
    #[serde(default)]
    labels: Nodes<Label>,
    #[serde(default)]
    commits: Nodes<PullRequestCommit>,
    #[serde(default)]
    comments: Nodes<Comment>,
    #[serde(default)]
    reviews: Nodes<Review>,
    #[serde(default)]
    review_threads: Nodes<Thread>,
}

/// GraphQL has a bot's login without the `[bot]` of REST.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Author {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
    database_id: Option<u64>,
}

impl From<Author> for User {
    fn from(author: Author) -> Self {
        let is_bot = author.kind == "Bot" && !author.login.ends_with("[bot]");
        let suffix = if is_bot { "[bot]" } else { "" };
        Self {
            // Nobody has the number 0.
            id: account_id(author.database_id.unwrap_or_default()),
            login: format!("{}{suffix}", author.login),
            kind: if author.kind == "User" { UserKind::Person } else { UserKind::Other },
        }
    }
}

#[derive(Deserialize)]
struct PullRequestCommit {
    commit: Commit,
}

#[derive(Deserialize)]
struct Commit {
    oid: String,
    message: String,
    tree: Object,
    #[serde(default)]
    parents: Nodes<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    tree: Object,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Object {
    oid: String,
}

impl From<PullRequestCommit> for NewCommit {
    fn from(PullRequestCommit { commit }: PullRequestCommit) -> Self {
        // Of a merge the base comes last: with the files of the branch before it, it is not empty.
        let is_empty = commit.parents.nodes.last().is_some_and(|parent| parent.tree == commit.tree);
        Self { id: commit.oid, message: commit.message, is_empty }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    #[serde(deserialize_with = "digits")]
    full_database_id: Option<u64>,
    state: String,
    body: Raw,
    created_at: Timestamp,
    submitted_at: Option<Timestamp>,
    last_edited_at: Option<Timestamp>,
    author: Option<Author>,
}

impl From<Review> for GivenReview {
    fn from(review: Review) -> Self {
        let submitted_at = review.submitted_at.unwrap_or(review.created_at);
        Self {
            id: review.full_database_id.unwrap_or_default(),
            verdict: match review.state.as_str() {
                "CHANGES_REQUESTED" => Verdict::ChangesRequested,
                "DISMISSED" => Verdict::Dismissed,
                "PENDING" => Verdict::Pending,
                _ => Verdict::Other,
            },
            body: review.body,
            by: review.author.map(Into::into),
            submitted_at,
            // Until it is submitted nobody but its author sees it.
            is_edited: review.last_edited_at.is_some_and(|edited| edited > submitted_at),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thread {
    id: String,
    is_resolved: bool,
    is_outdated: bool,
    path: String,
    line: Option<u64>,
    subject_type: String,
    #[serde(default)]
    first: Nodes<First>,
    #[serde(default)]
    comments: Nodes<Comment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct First {
    #[serde(deserialize_with = "digits")]
    full_database_id: Option<u64>,
    #[serde(default)]
    diff_hunk: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    #[serde(deserialize_with = "digits")]
    full_database_id: Option<u64>,
    body: Raw,
    created_at: Timestamp,
    last_edited_at: Option<Timestamp>,
    author: Option<Author>,
    /// Absent of a comment that is not on a line.
    pull_request_review: Option<Numbered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Numbered {
    #[serde(deserialize_with = "digits")]
    full_database_id: Option<u64>,
}

impl From<Comment> for ThreadComment {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.full_database_id.unwrap_or_default(),
            body: comment.body,
            by: comment.author.map(Into::into),
            created_at: comment.created_at,
            edited_at: comment.last_edited_at,
            review: comment.pull_request_review.and_then(|review| review.full_database_id),
        }
    }
}

impl Thread {
    /// `None` for one without comments, which nobody can answer.
    fn known(self) -> Option<ReviewThread> {
        let First { full_database_id, diff_hunk } = self.first.nodes.into_iter().next()?;
        Some(ReviewThread {
            handle: self.id,
            first: full_database_id?,
            path: self.path,
            place: match self.line {
                _ if self.is_outdated => ThreadPlace::Gone,
                Some(line) => ThreadPlace::Line(line),
                None if self.subject_type == "FILE" => ThreadPlace::File,
                None => ThreadPlace::Gone,
            },
            state: if self.is_resolved { ThreadState::Resolved } else { ThreadState::Open },
            hunk: diff_hunk,
            comments: self.comments.nodes.into_iter().map(Into::into).collect(),
        })
    }
}

impl PullRequest {
    /// Whether it is open and has no commit, or one without a parent: no pull request is so.
    fn lacks_commits(&self) -> bool {
        let commits = &self.commits.nodes;
        let lacks = commits.is_empty() || commits.iter().any(|it| it.commit.parents.nodes.is_empty());
        lacks && matches!(self.state, GraphqlState::Open)
    }

    fn discussion(self, number: PullRequestNumber) -> Discussion {
        Discussion {
            pull: model::PullRequest {
                number,
                handle: self.id,
                stage: self.state.into(),
                kind: if self.is_draft { PullRequestKind::Draft } else { PullRequestKind::Ready },
                body: self.body,
                head: model::Branch { name: self.head_ref_name, commit: self.head_ref_oid },
                base: self.base_ref_name,
                by: self.author.map(Into::into),
            },
            home: if self.is_cross_repository { Home::Fork } else { Home::Here },
            labels: self.labels.nodes.into_iter().map(|label| label.name).collect(),
            commits: self.commits.nodes.into_iter().map(Into::into).collect(),
            reviews: self.reviews.nodes.into_iter().map(Into::into).collect(),
            threads: self.review_threads.nodes.into_iter().filter_map(Thread::known).collect(),
            remarks: self.comments.nodes.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Deserialize)]
struct File {
    filename: String,
    status: String,
    patch: Option<String>,
}

impl GitHub {
    /// A pull request with what reviewers said of it; `None` if it is gone.
    pub async fn discussion(&self, number: PullRequestNumber) -> Result<Option<Discussion>, CallError> {
        let mut found: Option<Discussion> = None;
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let variables = json!({
                "owner": self.repo.owner(), "name": self.repo.name(), "pull": number, "threads": after,
            });
            // By its commits a plan is told from a change.
            let page = self.query_pull_request_with(DISCUSSION, variables, PullRequest::lacks_commits);
            let page = match page.await {
                Err(CallError::NotFound { .. }) => return Ok(None),
                page => page?,
            };
            let Some(page) = page else { return Ok(None) };
            after = page.review_threads.behind();
            let page = page.discussion(number);
            match &mut found {
                None => found = Some(page),
                Some(found) => found.threads.extend(page.threads),
            }
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// What a pull request changes: the first files of many.
    pub async fn changed_files(&self, number: PullRequestNumber) -> Result<Vec<ChangedFile>, CallError> {
        let route = self.under(&format!("pulls/{number}/files?per_page={MAX_FILES}"));
        let files: Vec<File> = self.get(&route).await?;
        let shown = |file: File| ChangedFile { path: file.filename, how: file.status, patch: file.patch };
        Ok(files.into_iter().map(shown).collect())
    }

    /// Replies to the first comment of a thread, and only once: a lost answer is [`CallError::Unknown`].
    pub async fn reply(
        &self,
        number: PullRequestNumber,
        first: u64,
        body: &Outbound,
    ) -> Result<(), CallError> {
        let route = self.under(&format!("pulls/{number}/comments/{first}/replies"));
        self.write::<Value>(Method::POST, &route, &json!({ "body": body.as_str() }), Effect::Makes)
            .await
            .map(drop)
    }

    /// Puts 👀 on the text of a review, for which REST has no call; once, however often it is asked for.
    pub async fn react_to_review(&self, number: PullRequestNumber, review: u64) -> Result<(), CallError> {
        let variables = json!({ "owner": self.repo.owner(), "name": self.repo.name(), "pull": number });
        let is_it = |known: &ReviewHandle| known.full_database_id == Some(review);
        let lacks_it = |pull: &Reviewed| !pull.reviews.nodes.iter().any(is_it);
        let found = self.query_pull_request_with(REVIEW_HANDLES, variables, lacks_it).await?;
        let Some(ReviewHandle { id, .. }) = found.and_then(|pull| pull.reviews.nodes.into_iter().find(is_it))
        else {
            let message = format!("#{number} has no review {review} among its newest ones");
            return Err(CallError::NotFound { call: call("GraphQL addReaction"), message });
        };
        let input = json!({ "subjectId": id, "content": "EYES" });
        self.graphql::<Value>(REACT, json!({ "input": input }), Effect::Sets).await.map(drop)
    }

    /// Marks a thread as resolved; one that is stays so.
    pub async fn resolve_thread(&self, handle: &str) -> Result<(), CallError> {
        let input = json!({ "threadId": handle });
        self.graphql::<Value>(RESOLVE, json!({ "input": input }), Effect::Sets).await.map(drop)
    }
}
