//! What GitHub says of *checks*: the rollup of a commit, which is all of its check runs and statuses together.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use shared::issue::PullRequestNumber;

use super::wire::{Nodes, OfRepository};
use super::{GitHub, call};
use crate::call::CallError;
use crate::forge::model::{Checks, Decision, PullRequestChecks, StageWish};

const BRANCHES: &str = "query($owner: String!, $name: String!, $head: String!, $base: String!) { \
    repository(owner: $owner, name: $name) { \
        head: ref(qualifiedName: $head) { target { ... on Commit { statusCheckRollup { state } } } } \
        base: ref(qualifiedName: $base) { target { ... on Commit { statusCheckRollup { state } } } } \
        pullRequests(last: 10, orderBy: {field: CREATED_AT, direction: ASC}) { nodes { \
            commits(last: 1) { nodes { commit { statusCheckRollup { state } } } } } } } }";

const PULL_REQUEST: &str = "query($owner: String!, $name: String!, $pull: Int!) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $pull) { \
        baseRef { target { ... on Commit { oid statusCheckRollup { state contexts(first: 100) { \
            pageInfo { hasNextPage endCursor } nodes { \
            ... on CheckRun { name conclusion } ... on StatusContext { context state } } } } } } } \
        timelineItems(last: 1, itemTypes: [CONVERT_TO_DRAFT_EVENT, READY_FOR_REVIEW_EVENT]) { nodes { __typename } } \
        autoMergeRequest { enabledAt } \
        latestOpinionatedReviews(first: 20, writersOnly: true) { nodes { state author { login } } } \
        commits(last: 1) { nodes { commit { oid statusCheckRollup { state contexts(first: 100) { \
            pageInfo { hasNextPage endCursor } nodes { \
            ... on CheckRun { name conclusion isRequired(pullRequestNumber: $pull) } \
            ... on StatusContext { context state isRequired(pullRequestNumber: $pull) } } } } } } } } } }";

const COMMIT: &str = "query($owner: String!, $name: String!, $commit: GitObjectID!, $after: String) { \
    repository(owner: $owner, name: $name) { \
        object(oid: $commit) { ... on Commit { statusCheckRollup { state contexts(first: 100, after: $after) { \
            pageInfo { hasNextPage endCursor } nodes { \
            ... on CheckRun { name conclusion } ... on StatusContext { context state } } } } } } } }";

/// Pages of a hundred checks that are read of one commit.
const MAX_PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Branches {
    head: Option<Branch>,
    base: Option<Branch>,
    /// The newest ones of the repository, whosever they are.
    pull_requests: Nodes<Recent>,
}

#[derive(Deserialize)]
struct Recent {
    commits: Nodes<Newest>,
}

#[derive(Deserialize)]
struct Branch {
    target: Option<Checked>,
}

/// A commit that is asked for by its id.
#[derive(Deserialize)]
struct OneCommit {
    object: Option<Checked>,
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
#[serde(rename_all = "camelCase")]
struct OneCheck {
    name: Option<String>,
    /// Absent while it runs.
    conclusion: Option<String>,
    context: Option<String>,
    state: Option<State>,
    #[serde(default)]
    is_required: bool,
}

impl OneCheck {
    fn name(&self) -> Option<String> {
        self.name.clone().or_else(|| self.context.clone())
    }

    fn has_failed(&self) -> bool {
        const FAILED: [&str; 6] =
            ["FAILURE", "TIMED_OUT", "CANCELLED", "ACTION_REQUIRED", "STARTUP_FAILURE", "STALE"];
        matches!(self.state, Some(State::Failure | State::Error))
            || self.conclusion.as_deref().is_some_and(|conclusion| FAILED.contains(&conclusion))
    }

    fn is_running(&self) -> bool {
        match self.state {
            Some(state) => matches!(state, State::Pending | State::Expected),
            None => self.name.is_some() && self.conclusion.is_none(),
        }
    }

    fn is_skipped(&self) -> bool {
        self.is_required && self.conclusion.as_deref() == Some("SKIPPED")
    }
}

/// The names of those checks of which that is so.
fn names(rollup: Option<&Rollup>, of: fn(&OneCheck) -> bool) -> Vec<String> {
    let checks = rollup.into_iter().flat_map(|rollup| &rollup.contexts.nodes);
    checks.filter(|check| of(check)).filter_map(OneCheck::name).collect()
}

impl From<Option<&Rollup>> for Checks {
    fn from(rollup: Option<&Rollup>) -> Self {
        match rollup.map(|rollup| rollup.state) {
            None => Self::Absent,
            Some(State::Success) => Self::Passed,
            Some(State::Pending | State::Expected) => Self::Running,
            Some(State::Failure | State::Error) => Self::Failed(names(rollup, OneCheck::has_failed)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequest {
    /// Absent where the branch was deleted.
    base_ref: Option<Branch>,
    timeline_items: Nodes<Item>,
    /// Absent where nobody asked for it.
    auto_merge_request: Option<IgnoredAny>,
    /// The last word of each person with write access.
    latest_opinionated_reviews: Nodes<Opinion>,
    commits: Nodes<Newest>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "__typename")]
    kind: String,
}

#[derive(Deserialize)]
struct Opinion {
    state: String,
    /// Absent where the account was deleted.
    author: Option<Author>,
}

#[derive(Deserialize)]
struct Author {
    login: String,
}

impl PullRequest {
    fn decision(&self) -> Option<Decision> {
        let mut said = self.latest_opinionated_reviews.nodes.iter();
        let approved = said.find(|said| said.state == "APPROVED").map(|approval| {
            let author = approval.author.as_ref();
            Decision::Approved(author.map_or_else(|| "ghost".to_owned(), |author| author.login.clone()))
        });
        approved.or_else(|| self.auto_merge_request.is_some().then_some(Decision::MergesItself))
    }
}

#[derive(Deserialize)]
struct Newest {
    commit: Checked,
}

impl GitHub {
    /// How the checks of a branch's newest commit stand, and whether the repository has any: on the newest commit of its base,
    /// or on that of one of the last pull requests, where they do not run for pushes.
    pub async fn checks_of(&self, branch: &str, base: &str) -> Result<(Checks, bool), CallError> {
        let full = |name: &str| format!("refs/heads/{name}");
        let variables = json!({
            "owner": self.repo.owner(), "name": self.repo.name(), "head": full(branch), "base": full(base),
        });
        let found = self.query::<OfRepository<Branches>>(BRANCHES, variables).await?.repository;
        let Some(Branches { head, base, pull_requests }) = found else { return Ok((Checks::Absent, false)) };
        let rollup = |branch: Option<Branch>| {
            branch.and_then(|branch| branch.target).and_then(|target| target.status_check_rollup)
        };
        let mut recent = pull_requests.nodes.iter().flat_map(|pull| &pull.commits.nodes);
        let has_checks =
            rollup(base).is_some() || recent.any(|newest| newest.commit.status_check_rollup.is_some());
        Ok((Checks::from(rollup(head).as_ref()), has_checks))
    }

    /// How the checks of a pull request stand.
    pub async fn pull_request_checks(
        &self,
        number: PullRequestNumber,
    ) -> Result<PullRequestChecks, CallError> {
        let variables = json!({ "owner": self.repo.owner(), "name": self.repo.name(), "pull": number });
        let has_none = |pull: &PullRequest| pull.commits.nodes.is_empty();
        let found = self.query_pull_request_with(PULL_REQUEST, variables, has_none).await?;
        let unseen = || CallError::Unexpected {
            call: call("GraphQL checks of a pull request"),
            why: "the answer names no commit".to_owned(),
        };
        let pull = found.ok_or_else(unseen)?;
        let decision = pull.decision();
        let mut commit = pull.commits.nodes.into_iter().next_back().ok_or_else(unseen)?.commit;
        let mut base = pull.base_ref.and_then(|branch| branch.target);
        self.complete(&mut commit).await?;
        if let Some(base) = &mut base {
            self.complete(base).await?;
        }
        let last = pull.timeline_items.nodes.last();
        let rollup = commit.status_check_rollup.as_ref();
        Ok(PullRequestChecks {
            head: commit.oid.ok_or_else(unseen)?,
            checks: Checks::from(rollup),
            failing_on_base: failing(base.as_ref()),
            running: names(rollup, OneCheck::is_running),
            skipped: names(rollup, OneCheck::is_skipped),
            decision,
            wish: if last.is_some_and(|item| item.kind == "ConvertToDraftEvent") {
                StageWish::Draft
            } else {
                StageWish::Any
            },
        })
    }

    /// The names of checks that fail on a commit.
    pub async fn failing_on(&self, commit: &str) -> Result<Vec<String>, CallError> {
        let status_check_rollup = self.rollup_of(commit, None).await?;
        let mut commit = Checked { oid: Some(commit.to_owned()), status_check_rollup };
        self.complete(&mut commit).await?;
        Ok(failing(Some(&commit)))
    }

    /// Reads the checks behind the first page: the one that fails can be there. Where all passed, no name is asked for.
    async fn complete(&self, commit: &mut Checked) -> Result<(), CallError> {
        let (Some(id), Some(rollup)) = (&commit.oid, &mut commit.status_check_rollup) else { return Ok(()) };
        if matches!(rollup.state, State::Success) {
            return Ok(());
        }
        for _ in 1..MAX_PAGES {
            let Some(after) = rollup.contexts.behind() else { break };
            let Some(next) = self.rollup_of(id, Some(&after)).await? else { break };
            rollup.contexts.go_on(next.contexts);
        }
        Ok(())
    }

    /// A page of the checks of a commit: the first one, or the one behind a place.
    async fn rollup_of(&self, commit: &str, after: Option<&str>) -> Result<Option<Rollup>, CallError> {
        let variables = json!({
            "owner": self.repo.owner(), "name": self.repo.name(), "commit": commit, "after": after,
        });
        let found = self.query::<OfRepository<OneCommit>>(COMMIT, variables).await?.repository;
        Ok(found.and_then(|found| found.object).and_then(|object| object.status_check_rollup))
    }
}

fn failing(commit: Option<&Checked>) -> Vec<String> {
    names(commit.and_then(|commit| commit.status_check_rollup.as_ref()), OneCheck::has_failed)
}
