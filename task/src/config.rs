//! The *configuration* of a cycle: what the environment says, parsed once at the start.
//!
//! [`SETTINGS`] lists the variables that this module reads; those of the model and its ceilings are read, and listed,
//! in [`crate::llm`].

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use shared::hex;

use crate::cycle::MAX_CALLS;
use crate::cycle::choice::Choose;
use crate::llm::{self, Ceiling, CeilingError, Llm, MoneyCeiling, Usd};
use crate::protect::{GlobError, Protection};

/// Tokens of files and outlines in the first message. Runs that succeed are small: below 20,000 tokens for most.
const CONTEXT_TOKENS: u32 = 24_000;
/// Fewer tokens than these hold no file worth reading.
const MIN_CONTEXT_TOKENS: u32 = 1_000;

/// One variable of the environment, as the documentation shows it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

/// The variables that [`Config::from_env`] reads.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "AGENT_MODELS",
        default: "",
        meaning: "models that a repository may choose in its configuration, as PROVIDER:MODEL, separated by spaces",
    },
    Setting {
        name: "AGENT_CONTEXT_TOKENS",
        default: "24000",
        meaning: "tokens of files and outlines in the first message",
    },
    Setting {
        name: "AGENT_CHOOSE",
        default: "auto",
        meaning: "whether the model first chooses what is read: auto, where the ranking is not sure; never; always",
    },
    Setting {
        name: "AGENT_PROTECT",
        default: "",
        meaning: "more paths that may not be changed: patterns as in .gitignore, separated by spaces",
    },
    Setting {
        name: "AGENT_ALLOW",
        default: "",
        meaning: "protected paths that may be changed after all: patterns, separated by spaces",
    },
    Setting { name: "AGENT_COMMIT_NAME", default: "ai-agent", meaning: "name of the author of commits" },
    Setting {
        name: "AGENT_COMMIT_EMAIL",
        default: "ai-agent@users.noreply.github.com",
        meaning: "address of the author of commits",
    },
];

/// See the module's documentation.
#[derive(Debug)]
pub struct Config {
    pub llm: Llm,
    pub ceiling: Ceiling,
    pub context_tokens: u32,
    pub choose: Choose,
    pub protection: Protection,
    pub commit_name: String,
    pub commit_email: String,
    /// What a repository may choose besides `llm`.
    models: Vec<Llm>,
    protected: Vec<String>,
    allowed: Vec<String>,
    digest: String,
}

/// What is wrong with the configuration, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Model(#[from] llm::ConfigError),
    #[error(transparent)]
    Ceiling(#[from] CeilingError),
    #[error("AGENT_CONTEXT_TOKENS={0} is no number of at least {MIN_CONTEXT_TOKENS}")]
    ContextTokens(String),
    #[error("AGENT_CHOOSE={0} is none of `auto`, `never` and `always`")]
    Choose(String),
    #[error("AGENT_PROTECT or AGENT_ALLOW: {0}")]
    Pattern(#[from] GlobError),
    #[error("{0} has a character that a commit's author cannot have: a line end, `<` or `>`")]
    Author(&'static str),
}

impl Config {
    /// Reads the environment through `get`. `model` goes before `AGENT_MODEL`.
    pub fn from_env(model: Option<&str>, get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let model = model.map(str::to_owned).or_else(|| set("AGENT_MODEL"));
        let llm = Llm::from_env(model.as_deref(), &get, |path| std::fs::read_to_string(path))?;
        let models = set("AGENT_MODELS")
            .unwrap_or_else(String::new)
            .split_whitespace()
            .map(|name| Llm::from_env(Some(name), &get, |path| std::fs::read_to_string(path)))
            .collect::<Result<Vec<Llm>, _>>()?;
        let ceiling = Ceiling::from_env(&get)?;
        let context_tokens = match set("AGENT_CONTEXT_TOKENS") {
            None => CONTEXT_TOKENS,
            Some(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|tokens| *tokens >= MIN_CONTEXT_TOKENS)
                .ok_or(ConfigError::ContextTokens(text))?,
        };
        let choose = match set("AGENT_CHOOSE") {
            None => Choose::default(),
            Some(text) => Choose::parse(text.trim()).ok_or(ConfigError::Choose(text))?,
        };
        let patterns = |name: &str| -> Vec<String> {
            set(name).unwrap_or_else(String::new).split_whitespace().map(str::to_owned).collect()
        };
        let (protected, allowed) = (patterns("AGENT_PROTECT"), patterns("AGENT_ALLOW"));
        let author = |name: &'static str| match set(name) {
            Some(text) if text.contains(['<', '>', '\n', '\r', '\0']) => Err(ConfigError::Author(name)),
            given => Ok(given.unwrap_or_else(|| default(name).to_owned())),
        };
        let digest =
            digest(&[&llm.name(), &protected.join(" "), &allowed.join(" "), &context_tokens.to_string()]);
        Ok(Self {
            llm,
            ceiling,
            context_tokens,
            choose,
            protection: Protection::new(&protected, &allowed)?,
            commit_name: author("AGENT_COMMIT_NAME")?,
            commit_email: author("AGENT_COMMIT_EMAIL")?,
            models,
            protected,
            allowed,
            digest,
        })
    }

    /// The operator's patterns: protected ones, and allowed ones.
    pub fn patterns(&self) -> (Vec<String>, Vec<String>) {
        (self.protected.clone(), self.allowed.clone())
    }

    /// The secrets that the models' providers are called with.
    pub fn secrets(&self) -> Vec<SecretString> {
        std::iter::once(&self.llm).chain(&self.models).filter_map(Llm::key).cloned().collect()
    }

    /// The model of this name, `provider:model`, if a repository may choose it.
    pub fn model(&self, name: &str) -> Option<&Llm> {
        std::iter::once(&self.llm).chain(&self.models).find(|llm| llm.name() == name)
    }

    /// What a repository may choose.
    pub fn model_names(&self) -> Vec<String> {
        std::iter::once(&self.llm).chain(&self.models).map(Llm::name).collect()
    }

    /// The most calls that a cycle makes; the built-in provider has nothing to choose, to ask for or to correct.
    pub fn calls_at_most(&self, llm: &Llm) -> u32 {
        match (llm, self.choose) {
            (Llm::Builtin, _) => 1,
            (_, Choose::Never) => MAX_CALLS - 1,
            (_, Choose::Auto | Choose::Always) => MAX_CALLS,
        }
    }

    /// The most that carrying out a plan can cost, in words: every call that a cycle may make at its worst, or the
    /// ceiling.
    pub fn cost_at_most(&self, llm: &Llm, ceiling: &Ceiling) -> String {
        let prompt = self.context_tokens.saturating_mul(2);
        let (MoneyCeiling::AtMost(ceiling) | MoneyCeiling::AtMostIfPriced(ceiling)) = ceiling.money;
        match llm.at_most(prompt, self.calls_at_most(llm)) {
            None => "an amount that is not known, for the price of the model is not".to_owned(),
            Some(Usd::ZERO) => "nothing".to_owned(),
            Some(worst) => format!("at most {}", worst.min(ceiling)),
        }
    }

    /// Hash of what decides how a plan is carried out; SHA-256 in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn default(name: &str) -> &'static str {
    SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default)
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::text(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_env(None, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_configured_is_a_working_configuration() {
        let config = config(&[]).unwrap();
        assert_eq!(config.llm.name(), "builtin");
        assert_eq!(config.context_tokens, 24_000);
        assert_eq!(config.commit_name, "ai-agent");
        assert_eq!(config.commit_email, "ai-agent@users.noreply.github.com");
    }

    #[test]
    fn what_decides_over_a_plan_decides_over_the_digest() {
        let plain = config(&[]).unwrap();
        assert_eq!(plain.digest(), config(&[("AGENT_COMMIT_NAME", "x")]).unwrap().digest());
        for variables in [[("AGENT_PROTECT", "db/")], [("AGENT_ALLOW", "Cargo.lock")]] {
            assert_ne!(plain.digest(), config(&variables).unwrap().digest());
        }
    }

    #[test]
    fn says_which_variable_is_wrong() {
        for (name, value, message) in [
            ("AGENT_CONTEXT_TOKENS", "12", "AGENT_CONTEXT_TOKENS=12 is no number of at least 1000"),
            (
                "AGENT_COMMIT_NAME",
                "a\nb",
                "AGENT_COMMIT_NAME has a character that a commit's author cannot have: a line end, `<` or `>`",
            ),
            ("AGENT_CHOOSE", "maybe", "AGENT_CHOOSE=maybe is none of `auto`, `never` and `always`"),
            ("AGENT_MAX_TOKENS", "many", "AGENT_MAX_TOKENS=many is no number of tokens"),
        ] {
            assert_eq!(config(&[(name, value)]).unwrap_err().to_string(), message);
        }
    }
}
