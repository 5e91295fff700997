//! What GitHub says of *checks*: the rollup of a commit, which is all of its check runs and statuses together.

use serde::Deserialize;
use serde_json::json;
use shared::issue::PullRequestNumber;

use super::wire::Nodes;
use super::{GitHub, call};
use crate::call::CallError;
use crate::forge::model::{Checks, PullRequestChecks, StageWish};

const BRANCHES: &str = "query($owner: String!, $name: String!, $head: String!, $base: String!) { \
    repository(owner: $owner, name: $name) { \
        head: ref(qualifiedName: $head) { target { ... on Commit { statusCheckRollup { state } } } } \
        base: ref(qualifiedName: $base) { target { ... on Commit { statusCheckRollup { state } } } } } }";

const PULL_REQUEST: &str = "query($owner: String!, $name: String!, $pull: Int!) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $pull) { \
        timelineItems(last: 1, itemTypes: [CONVERT_TO_DRAFT_EVENT, READY_FOR_REVIEW_EVENT]) { nodes { __typename } } \
        commits(last: 1) { nodes { commit { oid statusCheckRollup { state contexts(first: 100) { nodes { \
            ... on CheckRun { name conclusion } ... on StatusContext { context state } } } } } } } } } }";

#[derive(Deserialize)]
struct Data<R> {
    repository: Option<R>,
}

#[derive(Deserialize)]
struct Branches {
    head: Option<Branch>,
    base: Option<Branch>,
}

#[derive(Deserialize)]
struct Branch {
    target: Option<Checked>,
}

/// A commit, or what a branch points to in its place; that has no checks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    oid: Option<String>,
    status_check_rollup: Option<Rollup>,
}

#[derive(Deserialize)]
struct Rollup {
    state: State,
    #[serde(default)]
    contexts: Nodes<OneCheck>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum State {
    Success,
    Failure,
    Error,
    /// Of this and the next one something is still to come.
    Pending,
    Expected,
}

/// A check run of an App, or a status of an outside system. Each has its own fields.
#[derive(Deserialize)]
struct OneCheck {
    name: Option<String>,
    /// Absent while it runs.
    conclusion: Option<String>,
    context: Option<String>,
    state: Option<State>,
}

impl OneCheck {
    fn failed(self) -> Option<String> {
        const FAILED: [&str; 6] =
            ["FAILURE", "TIMED_OUT", "CANCELLED", "ACTION_REQUIRED", "STARTUP_FAILURE", "STALE"];
        let is_red = matches!(self.state, Some(State::Failure | State::Error))
            || self.conclusion.is_some_and(|conclusion| FAILED.contains(&conclusion.as_str()));
        self.name.or(self.context).filter(|_| is_red)
    }
}

impl From<Option<Rollup>> for Checks {
    fn from(rollup: Option<Rollup>) -> Self {
        let Some(Rollup { state, contexts }) = rollup else { return Self::Absent };
        match state {
            State::Success => Self::Passed,
            State::Pending | State::Expected => Self::Running,
            State::Failure | State::Error => {
                Self::Failed(contexts.nodes.into_iter().filter_map(OneCheck::failed).collect())
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    pull_request: Option<PullRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequest {
    timeline_items: Nodes<Item>,
    commits: Nodes<Newest>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "__typename")]
    kind: String,
}

#[derive(Deserialize)]
struct Newest {
    commit: Checked,
}

impl GitHub {
    /// How the checks of the newest commits of two branches stand.
    pub async fn checks_of(&self, branch: &str, base: &str) -> Result<(Checks, Checks), CallError> {
        let full = |name: &str| format!("refs/heads/{name}");
        let variables = json!({
            "owner": self.repo.owner(), "name": self.repo.name(), "head": full(branch), "base": full(base),
        });
        let found = self.query::<Data<Branches>>(BRANCHES, variables).await?.repository;
        let checks = |branch: Option<Branch>| {
            Checks::from(
                branch.and_then(|branch| branch.target).and_then(|target| target.status_check_rollup),
            )
        };
        Ok(found.map_or((Checks::Absent, Checks::Absent), |found| (checks(found.head), checks(found.base))))
    }

    /// How the checks of a pull request stand.
    pub async fn pull_request_checks(
        &self,
        number: PullRequestNumber,
    ) -> Result<PullRequestChecks, CallError> {
        let variables = json!({ "owner": self.repo.owner(), "name": self.repo.name(), "pull": number });
        let found = self.query::<Data<Asked>>(PULL_REQUEST, variables).await?.repository;
        let unseen = || CallError::Unexpected {
            call: call("GraphQL checks of a pull request"),
            why: "the answer names no commit".to_owned(),
        };
        let pull = found.and_then(|asked| asked.pull_request).ok_or_else(unseen)?;
        let commit = pull.commits.nodes.into_iter().next_back().ok_or_else(unseen)?.commit;
        let last = pull.timeline_items.nodes.last();
        Ok(PullRequestChecks {
            head: commit.oid.ok_or_else(unseen)?,
            checks: Checks::from(commit.status_check_rollup),
            wish: if last.is_some_and(|item| item.kind == "ConvertToDraftEvent") {
                StageWish::Draft
            } else {
                StageWish::Any
            },
        })
    }
}
