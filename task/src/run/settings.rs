//! The *settings* of a run on GitHub: who we are there, and where the limits of the operator lie.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use shared::hex;
use shared::repo::{HostError, HostPolicy};
use shared::state::LabelNames;

use crate::config::{Config, Setting};
use crate::forge::Credentials;
use crate::llm::{Ceiling, Llm, MoneyCeiling, Usd};
use crate::outcome::{Failure, Reason};
use crate::protect::Protection;
use crate::repo_config::{PATH, RepoConfig};

/// The variables that [`RunSettings::from_env`] reads. Each `…_FILE` names a file with the value and goes first.
pub const SETTINGS: &[Setting] = &[
    Setting { name: "AGENT_GITHUB_APP_ID", default: "", meaning: "id of the GitHub App" },
    Setting {
        name: "AGENT_GITHUB_APP_KEY_FILE",
        default: "",
        meaning: "file with the App's private key in PEM",
    },
    Setting {
        name: "AGENT_GITHUB_TOKEN_FILE",
        default: "",
        meaning: "file with a personal token, in place of an App; else AGENT_GITHUB_TOKEN",
    },
    Setting { name: "AGENT_GITHUB_HOST", default: "github.com", meaning: "host of an Enterprise Server" },
    Setting {
        name: "AGENT_MARKER_KEY_FILE",
        default: "",
        meaning: "file with the key that authenticates our comments; else AGENT_MARKER_KEY",
    },
    Setting {
        name: "AGENT_STRANGERS",
        default: "answer",
        meaning: "what someone without write access gets: `answer`, one comment, or `ignore`",
    },
    Setting { name: "TRIGGER_LABEL", default: "ai-help", meaning: "the label that asks for work" },
    Setting {
        name: "QUICKFIX_LABEL",
        default: "quickfix",
        meaning: "the label that asks for it without a plan",
    },
    Setting {
        name: "GENERATED_LABEL",
        default: "ai-generated",
        meaning: "the label of the agent's pull requests; all three as the receiver of the webhooks has them",
    },
    Setting {
        name: "AGENT_WORK_DIR",
        default: "the system's temporary folder",
        meaning: "where clones are made",
    },
    Setting {
        name: "AGENT_PATIENCE",
        default: "3min",
        meaning: "the longest that GitHub's limits and outages may hold up one call",
    },
    Setting {
        name: "AGENT_GITHUB_TIMEOUT",
        default: "15s",
        meaning: "the longest that one call to GitHub may take",
    },
    Setting { name: "AGENT_RUN_TIMEOUT", default: "45min", meaning: "the longest that one run may take" },
    Setting {
        name: "AGENT_ALLOW_LOOPBACK",
        default: "",
        meaning: "`1` takes repositories that this machine serves over plain http; for debugging",
    },
];

/// GitHub ends a request after 10 s by itself
/// (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>).
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest that GitHub's lists are given to show what was written
/// (<https://github.com/rust-lang/homu/issues/75> saw half a minute; most is there at once).
const LAG: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub struct RunSettings {
    pub credentials: Credentials,
    pub hosts: HostPolicy,
    pub marker_key: SecretString,
    pub labels: LabelNames,
    pub strangers: Strangers,
    /// Secrets that the process was given for other purposes.
    others: Vec<SecretString>,
    pub work_dir: PathBuf,
    pub patience: Duration,
    pub timeout: Duration,
    pub deadline: Duration,
}

/// What someone gets who may not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    Answered,
    Ignored,
}

/// What is wrong with the settings, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(
        "no way to log in to GitHub: set AGENT_GITHUB_APP_ID and AGENT_GITHUB_APP_KEY_FILE, or AGENT_GITHUB_TOKEN_FILE"
    )]
    NoCredentials,
    #[error("AGENT_GITHUB_APP_ID={0} is no number")]
    AppId(String),
    #[error(
        "no key for the agent's comments: put 32 random bytes in hexadecimal into a file and name it in AGENT_MARKER_KEY_FILE"
    )]
    NoMarkerKey,
    #[error("the key in AGENT_MARKER_KEY is shorter than 16 characters")]
    ShortMarkerKey,
    #[error("{path}, which {variable} names, cannot be read: {source}")]
    Unreadable { variable: String, path: String, source: std::io::Error },
    #[error("AGENT_GITHUB_HOST: {0}")]
    Host(#[from] HostError),
    #[error("AGENT_STRANGERS={0} is neither `answer` nor `ignore`")]
    Strangers(String),
    #[error("{variable}={given} is no duration, such as 90s or 45min")]
    Duration { variable: &'static str, given: String },
}

impl RunSettings {
    /// Reads the environment through `get`, and files through `read`.
    pub fn from_env(
        get: impl Fn(&str) -> Option<String>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, SettingsError> {
        let set =
            |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let secret = |name: &str| -> Result<Option<SecretString>, SettingsError> {
            let variable = format!("{name}_FILE");
            let Some(path) = set(&variable) else { return Ok(set(name).map(SecretString::from)) };
            match read(&path) {
                Ok(text) => Ok(Some(SecretString::from(text.trim()))),
                Err(source) => Err(SettingsError::Unreadable { variable, path, source }),
            }
        };
        let credentials = match (set("AGENT_GITHUB_APP_ID"), secret("AGENT_GITHUB_APP_KEY")?) {
            (Some(id), Some(private_key)) => {
                let id = id.parse().map_err(|_| SettingsError::AppId(id))?;
                Credentials::App { id, private_key }
            }
            _ => Credentials::Token(secret("AGENT_GITHUB_TOKEN")?.ok_or(SettingsError::NoCredentials)?),
        };
        let hosts = match set("AGENT_GITHUB_HOST") {
            None => HostPolicy::github(),
            Some(host) => HostPolicy::of(&host)?,
        };
        let hosts =
            if set("AGENT_ALLOW_LOOPBACK").as_deref() == Some("1") { hosts.and_loopback() } else { hosts };
        let marker_key = secret("AGENT_MARKER_KEY")?.ok_or(SettingsError::NoMarkerKey)?;
        if secrecy::ExposeSecret::expose_secret(&marker_key).len() < 16 {
            return Err(SettingsError::ShortMarkerKey);
        }
        let strangers = match set("AGENT_STRANGERS").as_deref() {
            None | Some("answer") => Strangers::Answered,
            Some("ignore") => Strangers::Ignored,
            Some(other) => return Err(SettingsError::Strangers(other.to_owned())),
        };
        let duration = |variable: &'static str, default: Duration| match set(variable) {
            None => Ok(default),
            Some(given) => {
                humantime::parse_duration(&given).map_err(|_| SettingsError::Duration { variable, given })
            }
        };
        let names = LabelNames::default();
        let password_of = |url: &str| url::Url::parse(url).ok()?.password().map(SecretString::from);
        let others = [
            secret("AMQP_PASSWORD")?,
            secret("AMQP_URL")?.and_then(|url| password_of(secrecy::ExposeSecret::expose_secret(&url))),
            secret("WEBHOOK_SECRETS")?,
        ];
        Ok(Self {
            credentials,
            hosts,
            marker_key,
            labels: LabelNames {
                trigger: set("TRIGGER_LABEL").unwrap_or(names.trigger),
                quick: set("QUICKFIX_LABEL").unwrap_or(names.quick),
                generated: set("GENERATED_LABEL").unwrap_or(names.generated),
                ..names
            },
            strangers,
            others: others.into_iter().flatten().collect(),
            work_dir: set("AGENT_WORK_DIR").map_or_else(std::env::temp_dir, PathBuf::from),
            patience: duration("AGENT_PATIENCE", Duration::from_mins(3))?,
            timeout: duration("AGENT_GITHUB_TIMEOUT", CALL_TIMEOUT)?,
            deadline: duration("AGENT_RUN_TIMEOUT", Duration::from_mins(45))?,
        })
    }

    /// What must be in nothing that is posted, committed or logged.
    pub fn secrets(&self) -> Vec<SecretString> {
        let (Credentials::App { private_key: own, .. } | Credentials::Token(own)) = &self.credentials;
        let mut secrets = vec![own.clone(), self.marker_key.clone()];
        secrets.extend(self.others.iter().cloned());
        secrets
    }

    /// The pause before something is looked for whose making was not confirmed: GitHub's lists may lag behind its
    /// writes. Who has little patience has little for this.
    pub fn lag(&self) -> Duration {
        LAG.min(self.patience / 10)
    }
}

/// What a run works with and within: the operator's word, narrowed by the repository's.
pub struct Terms<'a> {
    pub llm: &'a Llm,
    pub protection: Protection,
    pub ceiling: Ceiling,
    pub repo: RepoConfig,
    /// Hash of what decides how a plan is carried out; SHA-256 in hexadecimal.
    pub digest: String,
}

/// The lower of both ceilings, the patterns of both, and the repository's choice among the operator's models.
pub fn terms(config: &Config, repo: RepoConfig) -> Result<Terms<'_>, Failure> {
    let refuse = |what: String| Failure::new(Reason::Usage, what, "Correct the file on the default branch.");
    let (mut protected, mut allowed) = config.patterns();
    protected.extend(repo.paths.protected.iter().cloned());
    allowed.extend(repo.paths.allowed.iter().cloned());
    let protection =
        Protection::new(&protected, &allowed).map_err(|error| refuse(format!("`{PATH}`: {error}")))?;
    let llm = match &repo.model {
        None => &config.llm,
        Some(name) => config.model(name).ok_or_else(|| {
            let known: Vec<String> = config.model_names().iter().map(|name| format!("`{name}`")).collect();
            refuse(format!("`{PATH}` asks for the model `{name}`. Allowed here: {}.", known.join(", ")))
        })?,
    };
    let mut ceiling = config.ceiling;
    if let Some(tokens) = repo.budget.max_tokens {
        ceiling.tokens = ceiling.tokens.min(tokens.get().into());
    }
    if let Some(cost) = repo.budget.max_cost.and_then(|cost| cost.to_string().parse::<Usd>().ok()) {
        ceiling.money = match ceiling.money {
            MoneyCeiling::AtMost(ours) => MoneyCeiling::AtMost(ours.min(cost)),
            MoneyCeiling::AtMostIfPriced(ours) => MoneyCeiling::AtMostIfPriced(ours.min(cost)),
        };
    }
    let digest = digest(&[config.digest(), &llm.name(), &format!("{repo:?}")]);
    Ok(Terms { llm, protection, ceiling, repo, digest })
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hex::text(&hash.finalize())
}
