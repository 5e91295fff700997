//! The *cases* of an evaluation: issues that were resolved, each with the commit that resolved it.
//!
//! They come from what `gh` prints of pull requests and issues, or from a file with one JSON object a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use shared::issue::IssueId;

use crate::issue::Issue;
use crate::outcome::{Failure, Reason};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What to do where nothing says what was merged.
pub(super) const HOW: &str = "Let gh say it:\n  gh pr list --state merged --limit 200 --json number,body,mergeCommit,closingIssuesReferences >pulls.json\n  \
    gh issue list --state closed --limit 500 --json number,title,body >issues.json\n  ai-agent eval --pulls pulls.json --issues issues.json\n\
    Or write a file with a line {\"number\": 7, \"title\": \"…\", \"body\": \"…\", \"commit\": \"…\"} for each, and give it with `--cases`.";

/// See the module's documentation.
pub(super) struct Case {
    pub(super) issue: Issue,
    /// As it was written: of the merge, the squashed commit, or the only one.
    pub(super) commit: String,
    /// What the change was made from; its first parent, where nothing is said.
    pub(super) base: Option<String>,
}

/// Why a merged change is none.
pub(super) struct Left {
    /// What it was, a few words.
    pub(super) what: String,
    pub(super) why: String,
}

/// A line of a file of cases.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    number: Option<IssueId>,
    title: String,
    #[serde(default)]
    body: Option<String>,
    commit: String,
    #[serde(default)]
    base: Option<String>,
}

/// What `gh pr list` prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pull {
    number: u64,
    #[serde(default)]
    body: Option<String>,
    merge_commit: Option<Commit>,
    #[serde(default)]
    closing_issues_references: Option<Vec<Numbered>>,
}

#[derive(Deserialize)]
struct Commit {
    oid: String,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

/// What `gh issue list` prints.
#[derive(Deserialize)]
struct IssueLine {
    number: u64,
    title: String,
    #[serde(default)]
    body: Option<String>,
}

/// Reads a file of cases.
pub(super) fn of_lines(path: &Path) -> Result<Vec<Case>, Failure> {
    let text = read(path, "cases")?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let Line { number: id, title, body, commit, base } = serde_json::from_str(line).map_err(|error| {
                let what = format!("line {number} of {} is not a case: {error}", path.display());
                Failure::new(
                    Reason::Usage,
                    what,
                    "A line is a JSON object with `title` and `commit`, and perhaps `number`, `body` and `base`.",
                )
            })?;
            Ok(Case { issue: Issue::of_text(id, title, body.unwrap_or_default()), commit, base })
        })
        .collect()
}

/// Puts pull requests and issues together.
pub(super) fn of_gh(pulls: &Path, issues: &Path) -> Result<(Vec<Case>, Vec<Left>), Failure> {
    let parsed = |path: &Path, fields: &str, error: &serde_json::Error| {
        let what = format!("{} is not what gh prints: {error}", path.display());
        Failure::new(Reason::Usage, what, format!("Print it with `--json {fields}`."))
    };
    let fields = "number,body,mergeCommit,closingIssuesReferences";
    let list: Vec<Pull> = serde_json::from_str(&read(pulls, "pull requests")?)
        .map_err(|error| parsed(pulls, fields, &error))?;
    let known: Vec<IssueLine> = serde_json::from_str(&read(issues, "issues")?)
        .map_err(|error| parsed(issues, "number,title,body", &error))?;
    let known: BTreeMap<u64, IssueLine> = known.into_iter().map(|issue| (issue.number, issue)).collect();
    let (mut cases, mut left) = (Vec::new(), Vec::new());
    for pull in list {
        let what = format!("pull request #{}", pull.number);
        let closed = closed_by(&pull);
        let Some(Commit { oid }) = pull.merge_commit else {
            left.push(Left { what, why: "it is not merged".to_owned() });
            continue;
        };
        match closed.iter().find_map(|number| known.get(number)) {
            Some(issue) => {
                let id = issue.number.to_string().parse().ok();
                let issue = Issue::of_text(id, issue.title.clone(), issue.body.clone().unwrap_or_default());
                cases.push(Case { issue, commit: oid, base: None });
            }
            None if closed.is_empty() => left.push(Left { what, why: "it closes no issue".to_owned() }),
            None => {
                let names: Vec<String> = closed.iter().map(|number| format!("#{number}")).collect();
                let why = format!("it closes {}, which is not in {}", names.join(", "), issues.display());
                left.push(Left { what, why });
            }
        }
    }
    Ok((cases, left))
}

/// The issues that a pull request closes: as GitHub says, else as its description does.
fn closed_by(pull: &Pull) -> BTreeSet<u64> {
    if let Some(listed) = &pull.closing_issues_references
        && !listed.is_empty()
    {
        return listed.iter().map(|issue| issue.number).collect();
    }
    let words = regex::Regex::new(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:?\s+#(\d{1,18})\b")
        .expect("the pattern is part of the program");
    let body = pull.body.as_deref().unwrap_or_default();
    words.captures_iter(body).filter_map(|found| found[1].parse().ok()).collect()
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    let shown = path.display();
    let refuse = |why: String| {
        Failure::new(Reason::Usage, format!("the {what} in {shown} cannot be read: {why}"), HOW)
    };
    let size = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(refuse(format!("the file is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_closes_what_github_or_its_description_says() {
        for (json, expect) in [
            (
                r#"{"number":1,"mergeCommit":null,"closingIssuesReferences":[{"number":7},{"number":9}]}"#,
                &[7, 9][..],
            ),
            (r#"{"number":1,"mergeCommit":null,"closingIssuesReferences":[],"body":"Fixes #3"}"#, &[3]),
            (
                r#"{"number":1,"mergeCommit":null,"body":"closes: #3, resolved #4; see #5, prefixes #6"}"#,
                &[3, 4],
            ),
            (r#"{"number":1,"mergeCommit":null,"body":null}"#, &[]),
        ] {
            let pull: Pull = serde_json::from_str(json).unwrap();
            assert_eq!(closed_by(&pull).into_iter().collect::<Vec<_>>(), expect, "{json}");
        }
    }
}
