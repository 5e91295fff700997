//! The *repository's configuration*: `.github/ai-agent.toml` as the default branch has it.
//!
//! It is read from the base commit only, never from a branch that a pull request brings, and it may narrow what the
//! operator allows, not widen it. A key that is not known is an error, so that a misspelt limit is noticed.

use std::num::NonZeroU32;

use serde::Deserialize;

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
    /// What the model is told besides the issue. Material, like everything that a repository holds.
    pub instructions: Option<String>,
    pub paths: Paths,
    pub budget: Budget,
}

/// Patterns as in `.gitignore`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Paths {
    /// May not be changed, besides what is protected anyway.
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
    #[error("`{PATH}` is not UTF-8")]
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
        if config.budget.max_cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0) {
            return Err(RepoConfigError::Invalid("budget.max-cost is not an amount of money".to_owned()));
        }
        Ok(config)
    }
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
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("langauge = \"German\"", "unknown field `langauge`"),
            ("[budget]\nmax-tokens = 0", "expected a nonzero"),
            ("[budget]\nmax-cost = -1.0", "budget.max-cost is not an amount"),
            ("[labels]\ndone = \"x\"", "unknown field `labels`"),
        ] {
            let error = RepoConfig::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("`.github/ai-agent.toml` cannot be used: "), "{error}");
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(RepoConfig::parse(&[0xff]), Err(RepoConfigError::NotUtf8));
        assert_eq!(RepoConfig::parse(&vec![b'#'; MAX_BYTES + 1]), Err(RepoConfigError::TooLarge));
    }
}
