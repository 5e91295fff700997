//! GraphQL, for what REST does not offer: verified commits with compare-and-swap, drafts made ready, reviews asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use shared::issue::PullRequestNumber;

use super::discussion::{REACT, RESOLVE};
use super::limits::{Refused, is_not_yet};
use super::wire::{Nodes, OfPullRequest, OfRepository, PullRequestSnapshot, Repository, Review};
use super::{Effect, GitHub, Request, call};
use crate::call::CallError;
use crate::forge::model::{self, CommitRequest};
use crate::thread::Since;

#[derive(Deserialize)]
struct Envelope<D> {
    data: Option<D>,
    errors: Option<Vec<GraphqlError>>,
}

#[derive(Deserialize)]
struct GraphqlError {
    message: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Where every question goes.
pub(super) const ROUTE: &str = "/graphql";

/// Said of an answer that has neither of its two parts.
const NOTHING: &str = "there is neither data nor an error";

/// Words of errors without a type, for what other interfaces answer with a 500 or 502. Whether a mutation was carried
/// out is not known then. In small letters.
const UNEXPLAINED: &[&str] = &[
    "something went wrong",
    "we couldn't respond to your request in time",
    "timed out",
    "timeout",
    "try again",
    "try resubmitting",
];

/// Errors come with a status of 200; the first one decides.
pub(super) fn check(
    body: &[u8],
    refused: &Refused<'_>,
    needed: Option<&'static str>,
) -> Result<(), CallError> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<IgnoredAny>>(body) else { return Ok(()) };
    let call = refused.call.clone();
    let Some(error) = envelope.errors.unwrap_or_default().into_iter().next() else {
        let nothing = || refused.effect.lost(call, NOTHING.to_owned());
        return envelope.data.map(drop).ok_or_else(nothing);
    };
    let message = error.message;
    Err(match error.kind.as_deref() {
        Some("NOT_FOUND") if is_not_yet(&message) => CallError::NotYet { call, message },
        Some("NOT_FOUND") => CallError::NotFound { call, message },
        Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => {
            let needed = refused.needed().or_else(|| needed.map(str::to_owned));
            CallError::Forbidden { call, message, needed }
        }
        Some("STALE_DATA") => CallError::Conflict { call, message },
        Some("RATE_LIMITED" | "RATE_LIMIT") => CallError::RateLimited { call, wait_seconds: refused.pause() },
        Some("RESOURCE_LIMITS_EXCEEDED" | "INTERNAL" | "SERVICE_UNAVAILABLE" | "MAX_NODE_LIMIT_EXCEEDED") => {
            refused.effect.lost(call, message)
        }
        _ if is_not_yet(&message) => CallError::NotYet { call, message },
        _ if is_unexplained(&message) => refused.effect.lost(call, message),
        _ => CallError::Invalid { call, message },
    })
}

fn is_unexplained(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    UNEXPLAINED.iter().any(|words| message.contains(words))
}

const CREATE_COMMIT: &str =
    "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }";
const MARK_READY: &str = "mutation($input: MarkPullRequestReadyForReviewInput!) { markPullRequestReadyForReview(input: $input) { pullRequest { isDraft } } }";
const UPDATE_REFS: &str =
    "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }";

const REPOSITORY: &str = "query($owner: String!, $name: String!, $config: String!) { \
    viewer { databaseId login } \
    repository(owner: $owner, name: $name) { \
        databaseId id nameWithOwner isArchived hasIssuesEnabled defaultBranchRef { name target { oid } } \
        config: object(expression: $config) { ... on Blob { byteSize text isTruncated } } } }";
/// What is looked through for a `/stop`.
const PULL_REQUEST: &str = "query($owner: String!, $name: String!, $pull: Int!, $comments: String, $reviews: String) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $pull) { state \
        comments(last: 50, before: $comments) { pageInfo { hasPreviousPage startCursor } \
            nodes { databaseId body createdAt author { login } } } \
        reviews(last: 30, before: $reviews) { pageInfo { hasPreviousPage startCursor } nodes { fullDatabaseId body createdAt lastEditedAt author { login } \
            comments(last: 100) { nodes { fullDatabaseId body createdAt lastEditedAt author { login } } } } } } } }";
/// A person's newest reviews of a pull request. REST does not say whether a review was edited.
const REVIEWS: &str = "query($owner: String!, $name: String!, $pull: Int!, $author: String!) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $pull) { \
        reviews(author: $author, last: 50) { nodes { fullDatabaseId body createdAt lastEditedAt author { login } \
            comments(first: 100) { nodes { fullDatabaseId body createdAt lastEditedAt author { login } } } } } } } }";

/// Who asks, and the repository: what a run has to know first.
pub(super) struct Opening {
    pub(super) viewer: Viewer,
    pub(super) repository: Repository,
}

/// The account behind the token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Viewer {
    pub(super) database_id: Option<u64>,
    pub(super) login: String,
}

impl GitHub {
    /// A repository that was renamed or transferred is found under its old name.
    pub(super) async fn opening(&self, config_file: &str) -> Result<Opening, CallError> {
        #[derive(Deserialize)]
        struct Data {
            viewer: Viewer,
            repository: Option<Repository>,
        }
        let config = format!("HEAD:{config_file}");
        let variables = json!({ "owner": self.repo.owner(), "name": self.repo.name(), "config": config });
        let Data { viewer, repository } = self.query(REPOSITORY, variables).await?;
        let repository = repository.ok_or_else(|| CallError::NotFound {
            call: call("GraphQL repository"),
            message: format!("there is no repository {}, or the credentials do not reach it", self.repo),
        })?;
        Ok(Opening { viewer, repository })
    }

    /// A pull request as it is now, with all that was said on it since; `None` if it is gone.
    pub async fn pull_request_snapshot(
        &self,
        pull_request: PullRequestNumber,
        since: Since,
    ) -> Result<Option<model::PullRequestSnapshot>, CallError> {
        let (mut comments, mut reviews) = (None, None);
        let mut snapshot: Option<model::PullRequestSnapshot> = None;
        loop {
            let variables = json!({
                "owner": self.repo.owner(), "name": self.repo.name(), "pull": pull_request, "comments": comments,
                "reviews": reviews,
            });
            let found = match self.query_pull_request(PULL_REQUEST, variables).await {
                Err(CallError::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            let Some(page): Option<PullRequestSnapshot> = found else { return Ok(None) };
            let before = page.before(since);
            let page = model::PullRequestSnapshot::from(page);
            let snapshot = match &mut snapshot {
                None => snapshot.insert(page),
                Some(snapshot) => {
                    // Of the two, one that is read to its end comes once more; what is only looked through may come twice.
                    snapshot.remarks.extend(page.remarks);
                    snapshot.reviews.extend(page.reviews);
                    snapshot
                }
            };
            match before {
                (None, None) => return Ok(Some(snapshot.clone())),
                (next_comments, next_reviews) => {
                    comments = next_comments.or(comments);
                    reviews = next_reviews.or(reviews);
                }
            }
        }
    }

    /// The newest reviews that a person wrote of a pull request.
    pub async fn reviews_by(
        &self,
        author: &str,
        pull_request: PullRequestNumber,
    ) -> Result<Vec<model::Review>, CallError> {
        #[derive(Deserialize)]
        struct Reviews {
            reviews: Option<Nodes<Review>>,
        }
        let variables = json!({
            "owner": self.repo.owner(), "name": self.repo.name(), "pull": pull_request, "author": author,
        });
        let reviewed: Option<Reviews> = self.query_pull_request(REVIEWS, variables).await?;
        let reviews = reviewed.and_then(|pull| pull.reviews).unwrap_or_default();
        Ok(reviews.nodes.into_iter().map(Into::into).collect())
    }

    /// A query; it changes nothing, so it needs no lease and may be repeated.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
    ) -> Result<T, CallError> {
        self.graphql(document, variables, Effect::Reads).await
    }

    /// A query of one pull request; `None` if there is none.
    pub(super) async fn query_pull_request<P: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
    ) -> Result<Option<P>, CallError> {
        let found: OfRepository<OfPullRequest<P>> = self.query(document, variables).await?;
        Ok(found.repository.and_then(|asked| asked.pull_request))
    }

    /// The same, asked for once more where the first answer lacks something that each such pull request has: GitHub leaves out once
    /// in a while what its schema allows to be null.
    pub(super) async fn query_pull_request_with<P: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
        lacks: impl Fn(&P) -> bool,
    ) -> Result<Option<P>, CallError> {
        let found = self.query_pull_request(document, variables.clone()).await?;
        if found.as_ref().is_some_and(lacks) {
            self.query_pull_request(document, variables).await
        } else {
            Ok(found)
        }
    }

    pub(super) async fn graphql<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
        effect: Effect,
    ) -> Result<T, CallError> {
        let body = json!({ "query": document, "variables": variables });
        let call = call(format!("GraphQL {}", operation(document)));
        let request = Request {
            client: &self.graphql,
            method: http::Method::POST,
            route: ROUTE,
            effect,
            call,
            needs: needed(document),
        };
        let answer = self.send(&request, Some(&body)).await?;
        let envelope: Envelope<T> = request.decode(&answer.body)?;
        envelope.data.ok_or_else(|| effect.lost(request.call, NOTHING.to_owned()))
    }

    /// Makes a commit, which GitHub signs, if the branch is still where it is expected. Returns the commit's id.
    pub async fn create_commit(&self, request: &CommitRequest<'_>) -> Result<String, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            create_commit_on_branch: Option<Payload>,
        }
        #[derive(Deserialize)]
        struct Payload {
            commit: Option<Commit>,
        }
        #[derive(Deserialize)]
        struct Commit {
            oid: String,
        }
        let additions: Vec<Value> = request
            .additions
            .iter()
            .map(|(path, content)| json!({ "path": path, "contents": STANDARD.encode(content) }))
            .collect();
        let deletions: Vec<Value> = request.deletions.iter().map(|path| json!({ "path": path })).collect();
        let message = request.message.as_str();
        let (headline, body) = message.split_once('\n').unwrap_or((message, ""));
        let input = json!({
            "branch": { "repositoryNameWithOwner": self.repo.to_string(), "branchName": request.branch },
            "expectedHeadOid": request.expected_head,
            "message": { "headline": headline, "body": body.trim() },
            "fileChanges": { "additions": additions, "deletions": deletions },
        });
        let data: Data = self.graphql(CREATE_COMMIT, json!({ "input": input }), Effect::Makes).await?;
        let commit = data.create_commit_on_branch.and_then(|payload| payload.commit);
        commit.map(|commit| commit.oid).ok_or_else(|| CallError::Unknown {
            call: call("GraphQL createCommitOnBranch"),
            why: "the answer names no commit".to_owned(),
        })
    }

    /// Turns a draft into a pull request that is ready for review.
    pub async fn mark_ready(&self, pull_request: &str) -> Result<(), CallError> {
        let input = json!({ "pullRequestId": pull_request });
        self.graphql::<Value>(MARK_READY, json!({ "input": input }), Effect::Sets).await.map(drop)
    }

    /// Moves a branch from one commit to another that need not follow it, if it is still at `from`. The repository and
    /// pull requests are named by their node ids.
    pub(super) async fn update_branch(
        &self,
        repository: &str,
        branch: &str,
        from: &str,
        to: &str,
    ) -> Result<(), CallError> {
        let update = json!({
            "name": format!("refs/heads/{branch}"), "beforeOid": from, "afterOid": to, "force": true,
        });
        let input = json!({ "repositoryId": repository, "refUpdates": [update] });
        self.graphql::<Value>(UPDATE_REFS, json!({ "input": input }), Effect::Makes).await.map(drop)
    }
}

/// The permission that a mutation needs: GraphQL answers do not name it, as those of REST do.
fn needed(document: &str) -> Option<&'static str> {
    match document {
        CREATE_COMMIT | UPDATE_REFS => Some("contents=write"),
        MARK_READY | REACT | RESOLVE => Some("pull_requests=write"),
        _ => None,
    }
}

/// The name of the first field of a document, for messages.
fn operation(document: &str) -> &str {
    let inside = document.split_once('{').map_or(document, |(_, inside)| inside).trim_start();
    inside.split(['(', ' ', '{']).next().unwrap_or(inside)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What becomes of an answer with one error.
    fn failed(headers: &[(&'static str, &str)], error: &Value, needed: Option<&'static str>) -> CallError {
        let mut response = http::Response::builder().status(200);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let head = response.body(()).unwrap().into_parts().0;
        let call = call("GraphQL x");
        let patience = Duration::from_mins(3);
        let refused = Refused { head: &head, effect: Effect::Makes, patience, call: &call };
        let body = json!({ "data": null, "errors": [error] }).to_string();
        check(body.as_bytes(), &refused, needed).unwrap_err()
    }

    #[test]
    fn words_without_a_type_are_no_verdict_however_they_are_spelled() {
        for (message, is_lost) in [
            ("Something went wrong while executing your query.", true),
            ("something went wrong", true),
            ("Timeout while executing the query", true),
            ("Request Timed Out", true),
            ("Try again later.", true),
            ("A problem occurred.", false),
        ] {
            let error = failed(&[], &json!({ "message": message }), None);
            assert_eq!(matches!(error, CallError::Unknown { .. }), is_lost, "{error}");
        }
    }

    #[test]
    fn a_refusal_tells_what_is_needed() {
        let saml =
            json!({ "type": "FORBIDDEN", "message": "Resource protected by organization SAML enforcement." });
        let sso = ("x-github-sso", "required; url=https://github.com/orgs/o/sso?authorization_request=A1");
        let address = "authorization of the token for single sign-on, at https://github.com/orgs/o/sso?authorization_request=A1";
        for (headers, needed, expected) in [
            (vec![sso], None, Some(address)),
            (vec![sso], Some("contents=write"), Some(address)),
            (vec![], Some("contents=write"), Some("contents=write")),
            (vec![], None, None),
        ] {
            let error = failed(&headers, &saml, needed);
            let CallError::Forbidden { needed: told, .. } = error else { panic!("{error}") };
            assert_eq!(told.as_deref(), expected, "{headers:?}");
        }
    }
}
