//! A *route* without its values: `/repos/{owner}/{name}/issues/{number}` for what telemetry tells of a call.
//!
//! What is not known to be a word of an interface counts as a value, so that no name, number or query of anybody's leaves by
//! this way.

/// Words of the two interfaces.
const WORDS: &[&str] = &[
    "access_tokens",
    "actions",
    "annotations",
    "api",
    "app",
    "blobs",
    "branches",
    "changelog",
    "check-runs",
    "check-suites",
    "collaborators",
    "comment",
    "comments",
    "commits",
    "compare",
    "config",
    "contents",
    "deliveries",
    "events",
    "ex",
    "files",
    "git",
    "graphql",
    "heads",
    "hook",
    "installation",
    "installations",
    "issue",
    "issues",
    "jira",
    "jobs",
    "jql",
    "labels",
    "logs",
    "meta",
    "mypermissions",
    "myself",
    "orgs",
    "permission",
    "properties",
    "pulls",
    "rate_limit",
    "reactions",
    "ref",
    "refs",
    "remotelink",
    "replies",
    "repos",
    "repositories",
    "requested_reviewers",
    "rest",
    "reviews",
    "search",
    "status",
    "statuses",
    "timeline",
    "token",
    "transitions",
    "trees",
    "user",
    "users",
];

/// What stands behind a word, where more than one part belongs to it.
const REST: &[(&str, &str)] = &[("heads", "{branch}"), ("compare", "{range}"), ("contents", "{path}")];

/// What stands behind a word.
const ONE: &[(&str, &str)] = &[
    ("blobs", "{blob}"),
    ("check-runs", "{id}"),
    ("check-suites", "{id}"),
    ("collaborators", "{login}"),
    ("comment", "{id}"),
    ("comments", "{id}"),
    ("commits", "{commit}"),
    ("installations", "{id}"),
    ("issue", "{key}"),
    ("issues", "{number}"),
    ("jobs", "{id}"),
    ("labels", "{label}"),
    ("orgs", "{login}"),
    ("properties", "{property}"),
    ("pulls", "{number}"),
    ("repositories", "{id}"),
    ("reviews", "{id}"),
    ("trees", "{tree}"),
    ("users", "{login}"),
];

/// See the module's documentation.
pub(crate) fn template(route: &str) -> String {
    let path = route.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let mut template = String::new();
    let mut before = "";
    while let Some(part) = parts.next() {
        let shown = if before == "repos" {
            parts.next();
            "{owner}/{name}"
        } else if let Some((_, rest)) = REST.iter().find(|(word, _)| *word == before) {
            parts.by_ref().for_each(drop);
            rest
        } else if let Some(word) = WORDS.iter().find(|word| **word == part) {
            word
        } else if before == "api" && part == "3" {
            "3"
        } else {
            ONE.iter().find(|(word, _)| *word == before).map_or("{value}", |(_, value)| value)
        };
        template.push('/');
        template.push_str(shown);
        before = shown;
    }
    if template.is_empty() { "/".to_owned() } else { template }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_queries_are_left_out() {
        for (route, expected) in [
            ("/graphql", "/graphql"),
            (
                "/repos/octo/hello/issues/7/comments?per_page=100",
                "/repos/{owner}/{name}/issues/{number}/comments",
            ),
            ("/repos/issues/labels/issues/comments/9", "/repos/{owner}/{name}/issues/comments/{id}"),
            (
                "/repos/octo/hello/git/ref/heads/ai-agent/issue-7",
                "/repos/{owner}/{name}/git/ref/heads/{branch}",
            ),
            (
                "/repos/octo/hello/issues/7/labels/in%20work",
                "/repos/{owner}/{name}/issues/{number}/labels/{label}",
            ),
            ("/repos/o/n/git/blobs/0123abc", "/repos/{owner}/{name}/git/blobs/{blob}"),
            ("/repos/o/n/compare/main...ai-agent/issue-7", "/repos/{owner}/{name}/compare/{range}"),
            (
                "/repos/o/n/collaborators/dev1/permission",
                "/repos/{owner}/{name}/collaborators/{login}/permission",
            ),
            ("/app/installations/42/access_tokens", "/app/installations/{id}/access_tokens"),
            ("/repositories/1300192/pulls?state=all&head=a", "/repositories/{id}/pulls"),
            ("/rest/api/3/issue/PROJ-7/comment/10?notifyUsers=false", "/rest/api/3/issue/{key}/comment/{id}"),
            (
                "/rest/api/3/comment/7/properties/ai-agent.status",
                "/rest/api/3/comment/{id}/properties/{property}",
            ),
            ("/rest/api/3/mypermissions?projectKey=P", "/rest/api/3/mypermissions"),
            ("/repos/o/n/actions/jobs/42/logs", "/repos/{owner}/{name}/actions/jobs/{id}/logs"),
            ("/repos/o/n/check-runs/42/annotations", "/repos/{owner}/{name}/check-runs/{id}/annotations"),
            ("/secret-in-a-path/hunter2", "/{value}/{value}"),
            ("", "/"),
        ] {
            assert_eq!(template(route), expected, "{route}");
        }
    }
}
