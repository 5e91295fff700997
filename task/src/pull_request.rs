//! The words of a *pull request*: title, description and commit message, as pure functions of what a run found.

pub mod top;

use std::fmt::Write as _;

use serde::Serialize;
use shared::issue::IssueId;

use crate::bill::Bill;
use crate::outbound::markup::code_span;
use crate::patch::{self, ChangeKind};
use crate::path::RepoPath;
use crate::record::comment::listed;

/// Files that were only read that the description lists; the rest is counted.
const MAX_READ_FILES: usize = 30;
/// Characters of the list of files: paths can be long.
const MAX_LIST: usize = 12_000;

/// What a run has to tell its readers.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    #[serde(skip)]
    pub issue: Option<IssueId>,
    pub title: String,
    pub summary: String,
    /// Every file that the change touches.
    #[serde(skip)]
    pub changed: Vec<ChangeFact>,
    /// Every file that the model read, and why.
    pub read: Vec<ReadFact>,
    /// Files that the change touches and the approved plan does not name; shown before everything else.
    pub unplanned: Vec<RepoPath>,
    /// What a reviewer should look at first; shown before everything else. It may quote the change, so it passes the gate.
    pub warnings: Vec<String>,
    /// What the checks of the change said in addition to "good". It may hold paths that the model made up, so it passes the gate
    /// as the summary does.
    pub notes: Vec<String>,
    #[serde(flatten)]
    pub bill: Bill,
}

/// One file of the read set.
#[derive(Clone, Debug, Serialize)]
pub struct ReadFact {
    pub path: RepoPath,
    /// It may quote the issue, so it passes the gate, too.
    pub why: String,
    pub changed: bool,
}

/// One file of the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeFact {
    pub path: RepoPath,
    #[serde(flatten)]
    pub how: Changed,
}

/// What a change does to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Changed {
    Modified,
    New,
    Deleted,
    Renamed {
        from: RepoPath,
    },
    /// A new file was put in the place of the one that was moved.
    Copied {
        from: RepoPath,
    },
}

impl ChangeFact {
    pub fn of(change: &patch::Change) -> Self {
        let how = match change.kind() {
            ChangeKind::Modify => Changed::Modified,
            ChangeKind::Create => Changed::New,
            ChangeKind::Delete => Changed::Deleted,
            ChangeKind::Rename { from } => Changed::Renamed { from: from.clone() },
            ChangeKind::Copy { from } => Changed::Copied { from: from.clone() },
        };
        Self { path: change.path().clone(), how }
    }

    /// Where the file was before the change.
    fn old_path(&self) -> &RepoPath {
        match &self.how {
            Changed::Renamed { from } | Changed::Copied { from } => from,
            Changed::Modified | Changed::New | Changed::Deleted => &self.path,
        }
    }

    /// Whether the change is one of the file that was read at `path`.
    pub fn is_of(&self, path: &RepoPath) -> bool {
        self.old_path() == path
    }

    /// As the list of files shows it.
    fn line(&self) -> String {
        let path = code_span(self.path.as_str());
        match &self.how {
            Changed::Modified => format!("{path} (changed)"),
            Changed::New => format!("{path} (new)"),
            Changed::Deleted => format!("{path} (deleted)"),
            Changed::Renamed { from } => format!("{} → {path} (renamed)", code_span(from.as_str())),
            Changed::Copied { from } => format!("{path} (new, the former {})", code_span(from.as_str())),
        }
    }
}

/// The description of the pull request, in Markdown.
pub fn body(facts: &Facts) -> String {
    let mut body = String::new();
    if !facts.unplanned.is_empty() {
        write!(
            body,
            "> **Not in the approved plan:** {}. Whoever approved the plan has not approved changes of these files: look at \
             them before anything else.\n\n",
            listed(&facts.unplanned)
        )
        .expect("a String takes any text");
    }
    for warning in &facts.warnings {
        write!(body, "{}{warning}\n\n", top::FIRST).expect("a String takes any text");
    }
    let summary = facts.summary.trim();
    body.push_str(if summary.is_empty() { &facts.title } else { summary });
    if let Some(issue) = &facts.issue {
        write!(body, "\n\nFixes {}", issue.reference()).expect("a String takes any text");
    }
    for note in &facts.notes {
        write!(body, "\n\n> {note}").expect("a String takes any text");
    }
    write!(body, "\n\n<details><summary>{}</summary>\n", heading(facts)).expect("a String takes any text");
    list_files(&mut body, facts);
    write!(body, "\n\n</details>\n\n{}. The change was parsed and checked for syntax, not run.", facts.bill)
        .expect("a String takes any text");
    body
}

/// What the status comment says of a repair. `failed` lists the checks that it is for.
pub fn repair_body(facts: &Facts, failed: &str) -> String {
    let mut body = format!("These checks failed:\n{failed}");
    for warning in &facts.warnings {
        write!(body, "\n\n{}{warning}", top::FIRST).expect("a String takes any text");
    }
    let summary = facts.summary.trim();
    write!(body, "\n\n{}", if summary.is_empty() { &facts.title } else { summary })
        .expect("a String takes any text");
    for note in &facts.notes {
        write!(body, "\n\n> {note}").expect("a String takes any text");
    }
    let changed: Vec<RepoPath> = facts.changed.iter().map(|change| change.path.clone()).collect();
    write!(body, "\n\nChanged: {}.", listed(&changed)).expect("a String takes any text");
    body
}

/// The files of the change, then those that were only read.
fn list_files(body: &mut String, facts: &Facts) {
    let why =
        |change: &ChangeFact| facts.read.iter().find(|file| change.is_of(&file.path)).map(|file| &file.why);
    let changed = facts.changed.iter().map(|change| match why(change) {
        Some(why) => format!("\n- {}: {why}", change.line()),
        None => format!("\n- {}", change.line()),
    });
    let unchanged = facts.read.iter().filter(|file| !file.changed);
    let read = unchanged.clone().take(MAX_READ_FILES);
    let read = read.map(|file| format!("\n- {}: {}", code_span(file.path.as_str()), file.why));
    let mut room = MAX_LIST;
    let mut listed = 0;
    for line in changed.chain(read) {
        let Some(left) = room.checked_sub(line.chars().count()) else { break };
        room = left;
        body.push_str(&line);
        listed += 1;
    }
    let all = facts.changed.len() + unchanged.count();
    if all > listed {
        write!(body, "\n- and {} more", all - listed).expect("a String takes any text");
    }
}

/// So many files.
pub fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// How many files were changed, how, and how many were read.
pub fn heading(facts: &Facts) -> String {
    let count = |is: fn(&Changed) -> bool| facts.changed.iter().filter(|change| is(&change.how)).count();
    let kinds = [
        (count(|how| matches!(how, Changed::New | Changed::Copied { .. })), "new"),
        (count(|how| matches!(how, Changed::Deleted)), "deleted"),
        (count(|how| matches!(how, Changed::Renamed { .. })), "renamed"),
    ];
    let kinds: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    format!("{} changed{kinds}, {} read", files(facts.changed.len()), files(facts.read.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> RepoPath {
        RepoPath::parse(path).unwrap()
    }

    fn facts(changed: Vec<ChangeFact>, read: &[&str]) -> Facts {
        let read = read.iter().map(|name| ReadFact {
            path: path(name),
            why: "names `parse`".to_owned(),
            changed: changed.iter().any(|change| change.is_of(&path(name))),
        });
        Facts {
            issue: "7".parse().ok(),
            title: "Keep the last line".to_owned(),
            summary: "The parser dropped it.\n".to_owned(),
            read: read.collect(),
            changed,
            unplanned: Vec::new(),
            warnings: Vec::new(),
            notes: vec!["`a.txt` could not be checked: no grammar.".to_owned()],
            bill: Bill {
                model: "anthropic:some-model".to_owned(),
                calls: 2,
                input_tokens: 1200,
                output_tokens: 90,
                cost: Some("$0.0123".to_owned()),
                cost_usd: "0.0123".parse().ok(),
            },
        }
    }

    #[test]
    fn a_description_says_what_why_from_what_and_for_how_much() {
        let change = |name: &str, how| ChangeFact { path: path(name), how };
        let changed = vec![
            change("src/a.rs", Changed::Modified),
            change("src/gone.rs", Changed::Deleted),
            change("src/new.rs", Changed::New),
            change("src/to.rs", Changed::Renamed { from: path("src/from.rs") }),
        ];
        let facts = facts(changed, &["src/a.rs", "src/b.rs", "src/from.rs", "src/gone.rs"]);
        let expected = "The parser dropped it.\n\nFixes #7\n\n> `a.txt` could not be checked: no grammar.\n\n\
            <details><summary>4 files changed (1 new, 1 deleted, 1 renamed), 4 files read</summary>\n\n\
            - `src/a.rs` (changed): names `parse`\n- `src/gone.rs` (deleted): names `parse`\n\
            - `src/new.rs` (new)\n- `src/from.rs` → `src/to.rs` (renamed): names `parse`\n\
            - `src/b.rs`: names `parse`\n\n</details>\n\nanthropic:some-model, 2 calls, 1200 tokens in, 90 out, \
            $0.0123. The change was parsed and checked for syntax, not run.";
        assert_eq!(body(&facts), expected);
    }

    #[test]
    fn what_a_reviewer_should_look_at_comes_first() {
        let mut facts = facts(Vec::new(), &[]);
        facts.warnings = vec!["CI or build tools execute: `build.rs`.".to_owned(), "More.".to_owned()];
        let expected = "> **Look at this first:** CI or build tools execute: `build.rs`.\n\n\
                        > **Look at this first:** More.\n\nThe parser dropped it.\n\nFixes #7";
        assert!(body(&facts).starts_with(expected), "{}", body(&facts));
    }

    #[test]
    fn what_the_plan_does_not_name_comes_before_all_else() {
        let mut facts = facts(Vec::new(), &[]);
        facts.unplanned = vec![path("src/b.rs")];
        facts.warnings = vec!["CI or build tools execute: `build.rs`.".to_owned()];
        let expected = "> **Not in the approved plan:** `src/b.rs`. Whoever approved the plan has not approved changes of these \
                        files: look at them before anything else.\n\n> **Look at this first:** CI";
        assert!(body(&facts).starts_with(expected), "{}", body(&facts));
    }

    #[test]
    fn every_file_of_a_change_is_listed_before_what_was_only_read() {
        let names: Vec<String> = (0..100).map(|number| format!("src/{number:03}.rs")).collect();
        let changed =
            names.iter().map(|name| ChangeFact { path: path(name), how: Changed::New }).collect::<Vec<_>>();
        let read: Vec<String> = (0..40).map(|number| format!("lib/{number:03}.rs")).collect();
        let body = body(&facts(changed, &read.iter().map(String::as_str).collect::<Vec<_>>()));
        assert!(body.contains("<summary>100 files changed (100 new), 40 files read</summary>"), "{body}");
        assert!(names.iter().all(|name| body.contains(&format!("\n- `{name}` (new)\n"))), "{body}");
        assert!(body.contains("- `lib/029.rs`: names `parse`\n- and 10 more\n"), "{body}");
    }
}
