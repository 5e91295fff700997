//! The *repository's configuration*: `.github/ai-agent.toml` as the default branch has it.
//!
//! It is read from the base commit only, never from a branch that a pull request brings, and it may narrow what the
//! operator allows, not widen it. A key that is not known is an error, so that a misspelled limit is noticed.

use std::num::NonZeroU32;

use serde::Deserialize;
use shared::issue::BRANCHES;
use shared::state::{LabelNames, is_label, same_label};

use crate::forge::model::{Content, File};

/// Where the file lies.
pub const PATH: &str = ".github/ai-agent.toml";
/// Bytes of the file.
pub const MAX_BYTES: usize = 64 * 1024;

/// See the module's documentation. Every part may be absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RepoConfig {
    /// The language that comments and pull requests are written in, such as "German".
    pub language: Option<String>,
    /// What the model is told in addition to the issue. Material, like everything that a repository holds.
    pub instructions: Option<String>,
    /// The branch that is read and that pull requests are for; the default branch when absent.
    pub base_branch: Option<String>,
    /// One of the models that the operator allows, as `provider:model`.
    pub model: Option<String>,
    /// Who may approve a plan, among people with write access.
    pub approve_by: Option<ApproveBy>,
    /// When CI starts on a change.
    pub ci: Option<Ci>,
    /// Whether a change is repaired whose checks fail.
    pub repair: Option<bool>,
    /// Whether a thread of a review is marked as resolved once a change answers it.
    pub resolve_threads: bool,
    pub labels: Labels,
    pub paths: Paths,
    pub budget: Budget,
}

/// Who may approve a plan, among people with write access; the later one is the stricter one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApproveBy {
    #[default]
    Anyone,
    /// Nobody who asked for the plan or for a revision of it.
    Others,
}

impl ApproveBy {
    /// As the operator's setting names it.
    pub fn named(name: &str) -> Self {
        if name == "others" { Self::Others } else { Self::Anyone }
    }
}

/// When CI starts on a change; the later one is the stricter one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ci {
    /// By itself.
    #[default]
    Auto,
    /// By itself if nobody without write access could have had a hand in it, and nothing that CI or build tools execute
    /// changes.
    Trusted,
    /// When a person says so.
    Ask,
}

impl Ci {
    /// As the operator's setting names it.
    pub fn named(name: &str) -> Self {
        match name {
            "auto" => Self::Auto,
            "trusted" => Self::Trusted,
            _ => Self::Ask,
        }
    }
}

/// What the labels that a run puts on are called. Those that start one are the operator's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Labels {
    pub working: Option<String>,
    pub plan_pending: Option<String>,
    pub done: Option<String>,
    pub failed: Option<String>,
    pub generated: Option<String>,
}

/// Patterns as in `.gitignore`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Paths {
    /// May not be changed, in addition to what is protected anyway.
    pub protected: Vec<String>,
    /// Protected by default, and may be changed here.
    pub allowed: Vec<String>,
}

/// Ceilings of one run; the lower of these and the operator's holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Budget {
    pub max_tokens: Option<NonZeroU32>,
    /// US dollars.
    pub max_cost: Option<f64>,
}

/// Why the file cannot be used, in words for a maintainer of the repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepoConfigError {
    #[error("`{PATH}` is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("`{PATH}` is not a text file in UTF-8")]
    NotUtf8,
    #[error("`{PATH}` cannot be used: {0}")]
    Invalid(String),
}

impl RepoConfig {
    pub fn parse(content: &[u8]) -> Result<Self, RepoConfigError> {
        if content.len() > MAX_BYTES {
            return Err(RepoConfigError::TooLarge);
        }
        let text = std::str::from_utf8(content).map_err(|_| RepoConfigError::NotUtf8)?;
        let config: Self = toml::from_str(text)
            .map_err(|error| RepoConfigError::Invalid(error.to_string().trim().to_owned()))?;
        config.check().map_err(|what| RepoConfigError::Invalid(what.to_owned()))?;
        Ok(config)
    }

    /// The file as the forge shows it; no file is a configuration that changes nothing.
    pub fn of(file: Option<&File>) -> Result<Self, RepoConfigError> {
        match file {
            None => Ok(Self::default()),
            Some(file) if file.bytes > MAX_BYTES as u64 => Err(RepoConfigError::TooLarge),
            Some(File { content: Content::Cut, .. }) => Err(RepoConfigError::TooLarge),
            Some(File { content: Content::NotText, .. }) => Err(RepoConfigError::NotUtf8),
            Some(File { content: Content::Text(text), .. }) => Self::parse(text.as_bytes()),
        }
    }

    /// What the form of the file does not say.
    fn check(&self) -> Result<(), &'static str> {
        if self.budget.max_cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0) {
            return Err("budget.max-cost is not an amount of money");
        }
        if self.base_branch.as_deref().is_some_and(|name| !is_branch(name)) {
            return Err("base-branch is not the name of a branch");
        }
        let labels = self.labels.all();
        if labels.iter().any(|name| !is_label(name)) {
            return Err("a label's name has 1 to 50 characters, all of them visible, and no comma");
        }
        let twice = |(at, name): (usize, &&str)| labels[..at].iter().any(|other| same_label(other, name));
        if labels.iter().enumerate().any(twice) {
            return Err("two labels have the same name");
        }
        Ok(())
    }

    /// The file, and what the labels are called. `names_labels` tells whether those are the repository's to name, which
    /// those of another tracker are not. A file that cannot be used names none.
    pub fn with_labels(
        file: Option<&File>,
        names_labels: bool,
        operator: &LabelNames,
    ) -> (Result<Self, RepoConfigError>, LabelNames) {
        let config = Self::of(file);
        if !names_labels {
            return (config, operator.clone());
        }
        match config.and_then(|config| config.labels(operator).map(|names| (config, names))) {
            Ok((config, names)) => (Ok(config), names),
            Err(error) => (Err(error), operator.clone()),
        }
    }

    /// The operator's names of the labels, with the repository's in place of those that it has its own for.
    fn labels(&self, operator: &LabelNames) -> Result<LabelNames, RepoConfigError> {
        let own = |own: &Option<String>, operator: &String| own.as_ref().unwrap_or(operator).clone();
        let names = LabelNames {
            trigger: operator.trigger.clone(),
            quick: operator.quick.clone(),
            working: own(&self.labels.working, &operator.working),
            plan_pending: own(&self.labels.plan_pending, &operator.plan_pending),
            done: own(&self.labels.done, &operator.done),
            failed: own(&self.labels.failed, &operator.failed),
            generated: own(&self.labels.generated, &operator.generated),
        };
        // A pull request gets the operator's label for those of the agent as well.
        let with_operators = LabelNames { generated: operator.generated.clone(), ..names.clone() };
        with_operators
            .checked()
            .and_then(|_| names.checked())
            .map_err(|same| RepoConfigError::Invalid(same.to_string()))
    }
}

impl Labels {
    fn all(&self) -> Vec<&str> {
        [&self.working, &self.plan_pending, &self.done, &self.failed, &self.generated]
            .into_iter()
            .filter_map(Option::as_deref)
            .collect()
    }
}

/// What git takes for a branch, and not one of ours: those are made and moved.
fn is_branch(name: &str) -> bool {
    gix::validate::reference::name_partial(name.into()).is_ok() && !name.starts_with(BRANCHES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_changes_nothing_and_a_full_one_all() {
        assert_eq!(RepoConfig::parse(b""), Ok(RepoConfig::default()));
        let full = RepoConfig::parse(
            br#"
language = "German"
instructions = "Add a line to CHANGELOG.md."
base-branch = "develop"
model = "anthropic:claude-sonnet-5-5"
approve-by = "others"
repair = false
resolve-threads = true
[labels]
working = "bot: at work"
done = "bot: done"
[paths]
protected = ["db/migrations/"]
allowed = ["Cargo.lock"]
[budget]
max-tokens = 50000
max-cost = 0.5
"#,
        )
        .unwrap();
        assert_eq!(full.language.as_deref(), Some("German"));
        assert_eq!(full.paths.allowed, ["Cargo.lock"]);
        assert_eq!(full.budget.max_tokens.map(NonZeroU32::get), Some(50_000));
        assert_eq!(full.base_branch.as_deref(), Some("develop"));
        assert_eq!(full.approve_by, Some(ApproveBy::Others));
        assert_eq!(full.repair, Some(false));
        assert!(full.resolve_threads);
        let names = full.labels(&LabelNames::default()).unwrap();
        let expected = LabelNames {
            working: "bot: at work".to_owned(),
            done: "bot: done".to_owned(),
            ..LabelNames::default()
        };
        assert_eq!(names, expected);
    }

    #[test]
    fn a_label_of_the_operator_is_no_label_of_the_file() {
        let operator = LabelNames { trigger: "robot".to_owned(), ..LabelNames::default() };
        let read = |text: &str, names_labels: bool| {
            let content = Content::Text(text.to_owned());
            let file = File { content, bytes: text.len() as u64 };
            RepoConfig::with_labels(Some(&file), names_labels, &operator)
        };
        for (text, expected) in [
            (
                "[labels]\ndone = \"Robot\"",
                "two labels are called `robot`: the label that asks for work, and the label of an issue that is done",
            ),
            (
                "[labels]\nfailed = \"ai-generated\"",
                "two labels are called `ai-generated`: the label of the agent's pull requests, and the label of an issue \
                 that failed",
            ),
            (
                "[labels]\ndone = \"ai-generated\"\ngenerated = \"bot\"",
                "two labels are called `ai-generated`: the label of the agent's pull requests, and the label of an issue \
                 that is done",
            ),
            // The file has its own name for one of both, and leaves the other as it is.
            (
                "[labels]\nworking = \"plan-pending\"",
                "two labels are called `plan-pending`: the label of an issue that the agent works on, and the label of an \
                 issue whose plan waits for approval",
            ),
        ] {
            let (config, names) = read(text, true);
            assert_eq!(config, Err(RepoConfigError::Invalid(expected.to_owned())));
            assert_eq!(names, operator);
            let (config, names) = read(text, false);
            assert!(config.is_ok());
            assert_eq!(names, operator);
        }
        let (config, names) = read("[labels]\ndone = \"ai-help\"", true);
        assert!(config.is_ok());
        assert_eq!(names.done, "ai-help");
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("langauge = \"German\"", "unknown field `langauge`"),
            ("[budget]\nmax-tokens = 0", "expected a nonzero"),
            ("[budget]\nmax-cost = -1.0", "budget.max-cost is not an amount"),
            ("[labels]\ntrigger = \"x\"", "unknown field `trigger`"),
            ("[labels]\ndone = \"\"", "a label's name has 1 to 50 characters"),
            ("[labels]\ndone = \"a,b\"", "a label's name has 1 to 50 characters"),
            ("[labels]\ndone = \"x\"\nfailed = \"X\"", "two labels have the same name"),
            ("repair = \"never\"", "expected a boolean"),
            ("approve-by = \"nobody\"", "unknown variant `nobody`"),
            ("base-branch = \"a..b\"", "base-branch is not the name of a branch"),
            ("base-branch = \"ai-agent/issue-7\"", "base-branch is not the name of a branch"),
        ] {
            let error = RepoConfig::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("`.github/ai-agent.toml` cannot be used: "), "{error}");
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(RepoConfig::parse(&[0xff]), Err(RepoConfigError::NotUtf8));
        assert_eq!(RepoConfig::parse(&vec![b'#'; MAX_BYTES + 1]), Err(RepoConfigError::TooLarge));
    }
}
