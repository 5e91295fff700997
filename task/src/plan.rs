//! A *plan* is the proposal that a person approves, and an approval is bound to its content.
//!
//! The document that carries a plan ends with a marker: a hidden comment with the hashes of everything that the plan
//! was made from. An approval holds only while all of them are as they were; else the plan is *stale*.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::hex;

use crate::outbound::markup::code_span;
use crate::path::RepoPath;
use crate::protocol::Answer;

/// The sections that a plan must have, in their order.
const REQUIRED: [&str; 3] = ["Summary", "Files", "Steps"];
/// Characters of a plan, so that it fits a comment with its frame, and, with every line end escaped, a marker
/// (GitHub's limit is 65,536 for both together).
const MAX_CHARS: usize = 24_000;
/// Files that a plan may name; the same as a patch may change.
const MAX_FILES: usize = 100;
const MARKER_START: &str = "<!-- ai-agent:plan ";
const MARKER_END: &str = " -->";

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    text: String,
    /// The first paragraph of the summary.
    summary: String,
    files: Vec<PlannedFile>,
    /// The files that the section "Tests" names.
    tests: Vec<RepoPath>,
}

/// One line of the section "Files".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedFile {
    pub path: RepoPath,
    pub reason: String,
}

/// Why a reply is not a plan, in words for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "It has no section \"## {0}\". The sections are Summary, Files, Steps, Tests, Risks and Questions, each a heading of its own."
    )]
    MissingSection(&'static str),
    #[error(
        "The section \"## Files\" names no file. Write one line for each file: - `path`: what changes there and why."
    )]
    NoFiles,
    #[error("The section \"## Files\" names {0:?}, and {1}.")]
    BadPath(String, crate::path::PathError),
    #[error("It is longer than {MAX_CHARS} characters. Say the same in fewer words.")]
    TooLong,
    #[error("It names more than {MAX_FILES} files. Plan a smaller change, or answer with CANNOT.")]
    TooManyFiles,
}

impl Plan {
    /// Takes the plan out of an answer; what stands before its first heading is dropped.
    pub fn of(answer: &Answer) -> Result<Self, PlanError> {
        let document = answer.document(REQUIRED[0]).ok_or(PlanError::MissingSection(REQUIRED[0]))?;
        let text = document.text().trim().to_owned();
        if text.chars().count() > MAX_CHARS {
            return Err(PlanError::TooLong);
        }
        let [summary, files, _] = REQUIRED.map(|name| document.section(name).unwrap_or_default());
        for name in REQUIRED {
            if document.section(name).is_none_or(|section| section.trim().is_empty()) {
                return Err(PlanError::MissingSection(name));
            }
        }
        let summary = summary.trim().split("\n\n").next().unwrap_or_default().to_owned();
        let lines = files.lines();
        let mut files: Vec<PlannedFile> = Vec::new();
        for line in lines {
            let Some((name, reason)) = planned_file(line) else { continue };
            let path = RepoPath::parse(name).map_err(|error| PlanError::BadPath(name.to_owned(), error))?;
            if files.iter().all(|known| known.path != path) {
                files.push(PlannedFile { path, reason: reason.to_owned() });
            }
        }
        match files.len() {
            0 => Err(PlanError::NoFiles),
            1..=MAX_FILES => {
                let tests = document.section("Tests").map(paths_in).unwrap_or_default();
                Ok(Self { text, summary, files, tests })
            }
            _ => Err(PlanError::TooManyFiles),
        }
    }

    /// Reads the text of a plan that was kept.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        Self::of(&Answer::read_kept(text))
    }

    /// The Markdown.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// Every file or folder that the plan says will change: what its section "Files" lists, and where its section "Tests"
    /// puts tests.
    pub fn named(&self) -> Vec<RepoPath> {
        self.files.iter().map(|file| file.path.clone()).chain(self.tests.iter().cloned()).collect()
    }

    /// The first paragraph of the summary.
    pub fn summary(&self) -> &str {
        &self.summary
    }
}

/// Hashes of what a plan was made from; SHA-256 in hexadecimal, but for the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Of the plan's text.
    pub plan: String,
    /// Of the issue's title and body.
    pub issue: String,
    /// The commit that was read.
    pub base: String,
    /// Of what decides how a plan is carried out: model, protected paths, limits.
    pub config: String,
    /// Every file that the plan was made from or names.
    pub files: Vec<RepoPath>,
    /// Those who asked for the plan and for its revisions: logins, and accounts as [`account`] names them; empty where nobody
    /// is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_by: Vec<String>,
}

/// What an approval was given for and is no longer so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    Plan,
    Issue,
    Config,
    /// These files differ between the commit that was read and the one that is built on.
    Files(Vec<RepoPath>),
}

/// A clause for people.
impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("the text of the plan was changed"),
            Self::Issue => f.write_str("the issue's title or text was changed"),
            Self::Config => f.write_str("the agent's model or configuration was changed"),
            Self::Files(files) => {
                let names: Vec<String> = files.iter().map(|path| code_span(path.as_str())).collect();
                write!(f, "newer commits changed {}", names.join(", "))
            }
        }
    }
}

impl Binding {
    /// Binds a plan to the issue's and the configuration's digest, the commit, and the files that were read.
    pub fn new<'a>(
        plan: &Plan,
        issue: &str,
        base: &str,
        config: &str,
        read: impl IntoIterator<Item = &'a RepoPath>,
    ) -> Self {
        let mut files: Vec<RepoPath> = plan.files.iter().map(|file| file.path.clone()).collect();
        files.extend(read.into_iter().cloned());
        files.sort_unstable();
        files.dedup();
        Self {
            plan: digest(plan),
            issue: issue.to_owned(),
            base: base.to_owned(),
            config: config.to_owned(),
            files,
            asked_by: Vec::new(),
        }
    }

    /// The same, with those who asked for the plan: each login and each account once.
    #[must_use]
    pub fn asked_by<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        for name in names {
            let name = name.into();
            if !self.was_asked_by(&name) {
                self.asked_by.push(name);
            }
        }
        self
    }

    /// Whether the person with this login, or of this [`account`], asked for the plan or a revision of it.
    pub(crate) fn was_asked_by(&self, name: &str) -> bool {
        self.asked_by.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether the other one binds the same plan, whoever asked for it.
    pub(crate) fn binds_the_same(&self, other: &Self) -> bool {
        let other = Self { asked_by: self.asked_by.clone(), ..other.clone() };
        *self == other
    }

    /// What has moved since; empty while the approval holds. `differs` tells of a file whether it is another one at
    /// the commit that is built on.
    pub fn moved(
        &self,
        plan: &Plan,
        issue: &str,
        config: &str,
        differs: impl Fn(&RepoPath) -> bool,
    ) -> Vec<Moved> {
        let mut moved = Vec::new();
        if self.plan != digest(plan) {
            moved.push(Moved::Plan);
        }
        if self.issue != issue {
            moved.push(Moved::Issue);
        }
        if self.config != config {
            moved.push(Moved::Config);
        }
        let files: Vec<RepoPath> = self.files.iter().filter(|path| differs(path)).cloned().collect();
        if !files.is_empty() {
            moved.push(Moved::Files(files));
        }
        moved
    }
}

/// How a binding names an account among those who asked: whoever changes their login stays known. No login has this sign.
pub fn account(id: &impl fmt::Display) -> String {
    format!("#{id}")
}

fn digest(plan: &Plan) -> String {
    hex::text(&Sha256::digest(plan.text.as_bytes()))
}

/// Why a file is not a plan that can be approved.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(
        "it has no plan marker; approve the file that `ai-agent solve --mode plan --out FILE` wrote, as it is"
    )]
    NoMarker,
    #[error("its plan marker is damaged ({0}); make the plan again")]
    BadMarker(serde_json::Error),
    #[error("its text is no longer a plan: {0}")]
    BadPlan(PlanError),
}

/// The plan with its marker, as it is kept until it is approved.
pub(crate) fn to_document(plan: &Plan, binding: &Binding) -> String {
    let json = serde_json::to_string(binding).expect("a struct of strings has a JSON form");
    format!("{}\n\n{MARKER_START}{json}{MARKER_END}\n", plan.text)
}

/// The plan and the binding that [`to_document`] wrote.
pub(crate) fn from_document(document: &str) -> Result<(Plan, Binding), DocumentError> {
    let (text, rest) = document.rsplit_once(MARKER_START).ok_or(DocumentError::NoMarker)?;
    let (json, _) = rest.split_once(MARKER_END).ok_or(DocumentError::NoMarker)?;
    let binding = serde_json::from_str(json).map_err(DocumentError::BadMarker)?;
    let plan = Plan::parse(text).map_err(DocumentError::BadPlan)?;
    Ok((plan, binding))
}

fn planned_file(line: &str) -> Option<(&str, &str)> {
    let item = line.trim_start();
    let item = item.strip_prefix("- ").or_else(|| item.strip_prefix("* "))?;
    let (name, rest) = match item.strip_prefix("**").unwrap_or(item).strip_prefix('`') {
        Some(quoted) => quoted.split_once('`')?,
        None => item.split_once(':').unwrap_or((item, "")),
    };
    let reason = rest.trim_start_matches(['*', ' ', ':', '-', '–', '—', '(']).trim_end_matches(')');
    Some((name.trim().trim_start_matches("./").trim_end_matches('/'), reason.trim()))
}

/// The words of a text that are paths.
fn paths_in(text: &str) -> Vec<RepoPath> {
    let words = text.split(|c: char| c.is_whitespace() || "`*,;()[]\"".contains(c));
    let trimmed = words.map(|word| word.trim_start_matches("./").trim_end_matches(['.', ':', '/', '!', '?']));
    trimmed.filter(|word| word.contains(['/', '.'])).filter_map(|word| RepoPath::parse(word).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "## Summary\nThe parser drops the last line.\nIt should not.\n\nMore.\n\n## Files\n- `src/a.rs`: keep it\n- **`b.rs`** (new)\n- src/c.rs: test\n\n## Steps\n1. Do it.\n";

    fn file(path: &str, reason: &str) -> PlannedFile {
        PlannedFile { path: RepoPath::parse(path).unwrap(), reason: reason.to_owned() }
    }

    #[test]
    fn takes_a_plan_out_of_a_reply() {
        let plan = Plan::parse(&format!("Sure, here it is:\n\n{PLAN}")).unwrap();
        assert_eq!(plan.text(), PLAN.trim());
        assert_eq!(plan.summary(), "The parser drops the last line.\nIt should not.");
        assert_eq!(
            plan.files(),
            [file("src/a.rs", "keep it"), file("b.rs", "new"), file("src/c.rs", "test")]
        );
    }

    #[test]
    fn says_what_a_reply_lacks() {
        use PlanError::{MissingSection, NoFiles, TooLong};
        for (reply, error) in [
            (String::new(), MissingSection("Summary")),
            ("## Summary\nx\n".to_owned(), MissingSection("Files")),
            ("## Summary\nx\n## Files\n- `a`: b\n## Steps\n".to_owned(), MissingSection("Steps")),
            ("## Summary\nx\n## Files\nnone\n## Steps\n1. x".to_owned(), NoFiles),
            ("```\n## Summary\n```\n".to_owned(), MissingSection("Summary")),
            (format!("## Summary\n{}\n## Files\n- `a`: b\n## Steps\nx", "y".repeat(50_000)), TooLong),
        ] {
            assert_eq!(Plan::parse(&reply), Err(error), "{reply:.60}");
        }
        let escape = Plan::parse("## Summary\nx\n## Files\n- `../a`: b\n## Steps\nx").unwrap_err();
        assert!(matches!(escape, PlanError::BadPath(path, _) if path == "../a"));
    }

    #[test]
    fn who_asked_is_known_by_login_and_by_account() {
        let plan = Plan::parse(PLAN).unwrap();
        let read: [RepoPath; 0] = [];
        let bound = Binding::new(&plan, "issue", "1234", "config", &read);
        let asked = bound.clone().asked_by(["dev1".to_owned(), account(&101)]);
        let again = asked.clone().asked_by(["Dev1".to_owned(), account(&101), "dev2".to_owned()]);
        assert_eq!(again.asked_by, ["dev1", "#101", "dev2"]);
        for (name, expected) in
            [("DEV1", true), ("#101", true), ("dev2", false), ("101", false), ("#10", false)]
        {
            assert_eq!(asked.was_asked_by(name), expected, "{name}");
        }
        // Of a plan of an earlier version logins are known alone, or nobody.
        let json = serde_json::to_string(&bound.clone().asked_by(["dev1"])).unwrap();
        let old: Binding = serde_json::from_str(&json).unwrap();
        assert!(old.was_asked_by("dev1") && !old.was_asked_by("#101"));
        assert!(asked.binds_the_same(&again) && asked.binds_the_same(&bound) && asked != again);
        let moved = Binding { base: "5678".to_owned(), ..again };
        assert!(!asked.binds_the_same(&moved));
    }

    #[test]
    fn an_approval_holds_only_for_what_it_was_given_for() {
        let plan = Plan::parse(PLAN).unwrap();
        let read = [RepoPath::parse("src/a.rs").unwrap(), RepoPath::parse("z.rs").unwrap()];
        let bound = Binding::new(&plan, "issue", "1234", "config", &read);
        let names: Vec<&str> = bound.files.iter().map(RepoPath::as_str).collect();
        assert_eq!(names, ["b.rs", "src/a.rs", "src/c.rs", "z.rs"]);

        let document = to_document(&plan, &bound);
        assert_eq!(from_document(&document).unwrap(), (plan.clone(), bound.clone()));
        assert_eq!(bound.moved(&plan, "issue", "config", |_| false), []);

        let (edited, kept) = from_document(&document.replace("Do it", "Do something else")).unwrap();
        let moved = kept.moved(&edited, "another issue", "another", |path| path.as_str() == "z.rs");
        assert_eq!(moved, [Moved::Plan, Moved::Issue, Moved::Config, Moved::Files(vec![read[1].clone()])]);

        assert!(matches!(from_document(PLAN), Err(DocumentError::NoMarker)));
        assert!(matches!(
            from_document(&document.replace("{\"plan", "{plan")),
            Err(DocumentError::BadMarker(_))
        ));
    }
}
