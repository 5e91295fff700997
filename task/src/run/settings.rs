//! The *settings* of a run on GitHub: who we are there, and where the limits of the operator lie.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use shared::env::catalog::{
    self, AGENT_APPROVE_BY, AGENT_CHECKS_WITHIN, AGENT_CI, AGENT_GITHUB_APP_ID, AGENT_GITHUB_APP_KEY,
    AGENT_GITHUB_MAX_WAIT, AGENT_GITHUB_TIMEOUT, AGENT_GITHUB_TOKEN, AGENT_HELP_URL, AGENT_MARKER_KEY,
    AGENT_REPAIRS, AGENT_RUN_TIMEOUT, AGENT_TRANSCRIPT_DIR, AGENT_UNAUTHORIZED_USERS, AGENT_WORK_DIR, Group,
};
use shared::env::setting::Setting;
use shared::env::{Environment, SettingError};
use shared::hex;
use shared::repo::{HostPolicy, Repo};
use shared::state::LabelNames;

use crate::budget::Budgets;
use crate::config::Config;
use crate::engine::Engine;
use crate::forge::github::is_app_key;
use crate::forge::{Credentials, Login};
use crate::lease::Lease;
use crate::llm::{Ceiling, MoneyCeiling, Usd};
use crate::network::Network;
use crate::outcome::{Failure, Reason};
use crate::protect::Protection;
use crate::repo_config::{ApproveBy, Ci, PATH, RepoConfig, RepoConfigError};
use crate::tracker::jira::{JiraConfig, Site};

/// What [`RunSettings::from_env`] reads.
pub const READS: &[&Group] = &[
    &catalog::RUN,
    &catalog::CHANGES,
    &catalog::BUDGETS,
    &catalog::HOSTS,
    &catalog::LABELS,
    &catalog::NETWORK,
    &catalog::JIRA,
];

/// What [`RunSettings::of_looks`] reads.
pub const LOOKS: &[&Group] =
    &[&catalog::RUN, &catalog::BUDGETS, &catalog::HOSTS, &catalog::LABELS, &catalog::NETWORK, &catalog::JIRA];

/// The longest that GitHub's lists are given to show what was written
/// (<https://github.com/rust-lang/homu/issues/75> saw half a minute; most is there at once).
const LAG: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub struct RunSettings {
    pub credentials: Credentials,
    pub hosts: HostPolicy,
    pub network: Network,
    pub marker_key: SecretString,
    pub labels: LabelNames,
    pub strangers: Strangers,
    /// Sites of Jira, if there are any.
    pub jira: Option<JiraConfig>,
    /// Who may approve plans, wherever a repository is not stricter.
    pub approve_by: ApproveBy,
    /// When CI starts on a change, wherever a repository is not stricter.
    pub ci: Ci,
    /// Page with what people can write to the agent, which its comments link.
    pub help: Option<String>,
    /// What all runs together may spend.
    pub budgets: Budgets,
    /// Repairs of one pull request, at most, wherever a repository does not switch them off.
    pub repairs: u32,
    /// How long checks may run until it is told that they do not end.
    pub checks_within: Duration,
    /// Every secret that the process was given.
    secrets: Vec<SecretString>,
    pub work_dir: PathBuf,
    /// Where conversations with models are kept, if anywhere.
    pub transcripts: Option<PathBuf>,
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

/// What is wrong with the settings, and how to correct it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(
        "no way to log in to GitHub: set AGENT_GITHUB_APP_ID and AGENT_GITHUB_APP_KEY_FILE, or AGENT_GITHUB_TOKEN_FILE"
    )]
    NoCredentials,
    #[error(
        "AGENT_GITHUB_APP_ID is set without a key: name the App's private key in AGENT_GITHUB_APP_KEY_FILE, or unset the id"
    )]
    NoAppKey,
    #[error(
        "no key for the agent's comments: put 32 random bytes in hexadecimal into a file and name it in AGENT_MARKER_KEY_FILE"
    )]
    NoMarkerKey,
}

/// The shortest key of the agent's comments, in characters, and how many of them differ: one that can be guessed is none.
const MIN_MARKER_KEY: usize = 16;
const MIN_DIFFERENT: usize = 8;

/// Why this is no key of the agent's comments.
fn no_marker_key(text: &str) -> Option<String> {
    let different = text.chars().collect::<HashSet<_>>().len();
    // Base64 has `/` as well, but no point, and capital letters.
    let is_path = text.contains('/')
        && !text.contains(char::is_whitespace)
        && (text.starts_with(['.', '~'])
            || text.starts_with('/') && text.contains('.')
            || !text.contains(|letter: char| letter.is_ascii_uppercase()));
    if text.chars().count() < MIN_MARKER_KEY {
        Some(format!("it is shorter than {MIN_MARKER_KEY} characters"))
    } else if different < MIN_DIFFERENT {
        Some(format!("it has fewer than {MIN_DIFFERENT} different characters, and can be guessed"))
    } else if is_path {
        Some("it looks like a path, which belongs into AGENT_MARKER_KEY_FILE".to_owned())
    } else {
        None
    }
}

impl RunSettings {
    /// How one logs in at a repository of which nothing but its address is known: what a task says may be out of date.
    pub(crate) fn login<'a>(&'a self, repo: &'a Repo, lease: &Lease) -> Login<'a> {
        Login {
            credentials: &self.credentials,
            repo,
            hosts: &self.hosts,
            network: &self.network,
            repository: None,
            installation: None,
            config_file: PATH,
            lease: lease.clone(),
            patience: self.patience,
            timeout: self.timeout,
        }
    }

    pub fn from_env(env: &Environment) -> Result<Self, SettingsError> {
        Self::read(env, env)
    }

    /// The settings of what looks at the work of runs and changes no code; what only those read has its default.
    pub fn of_looks(env: &Environment) -> Result<Self, SettingsError> {
        Self::read(env, &Environment::of([("", ""); 0]))
    }

    fn read(env: &Environment, changes: &Environment) -> Result<Self, SettingsError> {
        let token = env.find(&AGENT_GITHUB_TOKEN)?;
        let app_key = env.find(&AGENT_GITHUB_APP_KEY)?;
        if app_key.as_ref().is_some_and(|key| !is_app_key(key)) {
            let hint = "it is not an RSA key in PEM: name the file that GitHub gave for the App in AGENT_GITHUB_APP_KEY_FILE";
            return Err(env.refuse(&AGENT_GITHUB_APP_KEY, "", hint).into());
        }
        let credentials = match (env.find(&AGENT_GITHUB_APP_ID)?, app_key, token) {
            (Some(id), Some(private_key), _) => Credentials::App { id, private_key },
            (_, _, Some(token)) => Credentials::Token(token),
            (Some(_), None, None) => return Err(SettingsError::NoAppKey),
            (None, _, None) => return Err(SettingsError::NoCredentials),
        };
        let marker_key = env.find(&AGENT_MARKER_KEY)?.ok_or(SettingsError::NoMarkerKey)?;
        if let Some(why) = no_marker_key(marker_key.expose_secret()) {
            let hint = format!("{why}; make one with `openssl rand -hex 32`");
            return Err(env.refuse(&AGENT_MARKER_KEY, "", hint).into());
        }
        let strangers = match changes.read(&AGENT_UNAUTHORIZED_USERS)? {
            "ignore" => Strangers::Ignored,
            _ => Strangers::Answered,
        };
        let hosts = HostPolicy::from_env(env)?;
        Ok(Self {
            credentials,
            jira: JiraConfig::from_env(env, &hosts)?,
            hosts,
            network: Network::from_env(env)?,
            marker_key,
            labels: LabelNames::from_env(env)?,
            strangers,
            approve_by: ApproveBy::named(changes.read(&AGENT_APPROVE_BY)?),
            ci: Ci::named(changes.read(&AGENT_CI)?),
            help: page(env, &AGENT_HELP_URL)?,
            budgets: Budgets::from_env(env)?,
            repairs: changes.read(&AGENT_REPAIRS)?,
            checks_within: env.read(&AGENT_CHECKS_WITHIN)?,
            secrets: env.secrets(),
            work_dir: changes.find(&AGENT_WORK_DIR)?.unwrap_or_else(std::env::temp_dir),
            transcripts: changes.find(&AGENT_TRANSCRIPT_DIR)?,
            patience: env.read(&AGENT_GITHUB_MAX_WAIT)?,
            timeout: env.read(&AGENT_GITHUB_TIMEOUT)?,
            deadline: changes.read(&AGENT_RUN_TIMEOUT)?,
        })
    }

    /// What must be in nothing that is posted, committed or logged.
    pub fn secrets(&self) -> Vec<SecretString> {
        self.secrets.clone()
    }

    /// The parts of it that are none by themselves: the tokens of the sites of Jira.
    pub fn jira_secrets(&self) -> impl Iterator<Item = SecretString> {
        self.jira.iter().flat_map(JiraConfig::sites).map(Site::secret)
    }

    /// The pause before something is looked for whose making was not confirmed: GitHub's lists may lag behind its
    /// writes. Who has little patience has little for this.
    pub fn lag(&self) -> Duration {
        LAG.min(self.patience / 10)
    }
}

/// An address that a person can open, and that can stand in a link of Markdown.
pub(crate) fn page(env: &Environment, setting: &Setting<String>) -> Result<Option<String>, SettingError> {
    env.find_as(setting, |text| {
        let parsed = url::Url::parse(text).ok();
        let is_readable = parsed.is_some_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.password().is_none()
        });
        let is_odd = |letter: char| letter.is_whitespace() || "()[]<>\"'`\\".contains(letter);
        if is_readable && !text.contains(is_odd) {
            Ok(text.to_owned())
        } else {
            Err(setting.variable().form.hint())
        }
    })
}

/// What a run works with and within: the operator's word, narrowed by the repository's.
pub struct Terms<'a> {
    pub engine: &'a Engine,
    pub protection: Protection,
    pub ceiling: Ceiling,
    pub repo: RepoConfig,
    pub approve_by: ApproveBy,
    pub ci: Ci,
    /// Repairs of one pull request, at most.
    pub repairs: u32,
    /// Hash of what decides how a plan is carried out; SHA-256 in hexadecimal.
    pub digest: String,
}

/// The lower of both ceilings, the patterns of both, and the repository's choice among the operator's models.
pub fn terms<'c>(config: &'c Config, settings: &RunSettings, repo: RepoConfig) -> Result<Terms<'c>, Failure> {
    let refuse = |what: String| Failure::new(Reason::Usage, what, "Correct the file on the default branch.");
    let (mut protected, mut allowed) = config.patterns();
    protected.extend(repo.paths.protected.iter().cloned());
    allowed.extend(repo.paths.allowed.iter().cloned());
    let protection =
        Protection::new(&protected, &allowed).map_err(|error| refuse(format!("`{PATH}`: {error}")))?;
    let engine = match &repo.model {
        None => &config.engine,
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
    let digest = digest(&[config.digest(), &engine.name(), &format!("{repo:?}")]);
    let approve_by = settings.approve_by.max(repo.approve_by.unwrap_or_default());
    let ci = settings.ci.max(repo.ci.unwrap_or_default());
    // The rules read an issue, and no log.
    let may_repair = repo.repair != Some(false) && engine.model().is_some();
    let repairs = if may_repair { settings.repairs } else { 0 };
    Ok(Terms { engine, protection, ceiling, repo, approve_by, ci, repairs, digest })
}

/// A file that cannot be used, quoted for who can fix it.
pub(super) fn unusable(error: &RepoConfigError) -> Failure {
    let what = match error {
        RepoConfigError::Invalid(why) => {
            format!("`{PATH}` cannot be used:\n\n```text\n{why}\n```\n")
        }
        other => format!("{other}."),
    };
    Failure::new(Reason::Usage, what, "Correct the file on the default branch.")
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hex::text(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("AGENT_MARKER_KEY", "0123456789abcdef");

    fn error(variables: &[(&str, &str)]) -> String {
        let env = Environment::of([KEY].iter().chain(variables).copied());
        RunSettings::from_env(&env).err().expect("an error").to_string()
    }

    #[test]
    fn a_marker_key_that_can_be_guessed_is_none() {
        for (key, why) in [
            ("tiny", "it is shorter than 16 characters"),
            ("0123456789abcde", "it is shorter than 16 characters"),
            ("aaaaaaaaaaaaaaaa", "it has fewer than 8 different characters, and can be guessed"),
            ("changemechangeme", "it has fewer than 8 different characters, and can be guessed"),
            ("../../etc/passwd", "it looks like a path, which belongs into AGENT_MARKER_KEY_FILE"),
            ("/run/secrets/Marker.key", "it looks like a path, which belongs into AGENT_MARKER_KEY_FILE"),
            ("secrets/marker_key", "it looks like a path, which belongs into AGENT_MARKER_KEY_FILE"),
        ] {
            assert_eq!(
                error(&[("AGENT_GITHUB_TOKEN", "t"), ("AGENT_MARKER_KEY", key)]),
                format!("invalid secret for AGENT_MARKER_KEY: {why}; make one with `openssl rand -hex 32`")
            );
        }
        for key in [
            "0123456789abcdef",
            "the key of the marks in these tests",
            "5f2b9c1e8d7a4063b1c2d3e4f5a6978812345678abcdef90aabbccddeeff0011",
            "/fKJ3pQzN0m8s1Yt7Xb2Vw9Rr5Lh6Gd4Cc+Aa/Ee1U=",
        ] {
            assert_eq!(no_marker_key(key), None, "{key}");
        }
    }

    #[test]
    fn a_key_of_the_app_that_cannot_sign_is_found_before_a_task_is() {
        let forged = "-----BEGIN RSA PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END RSA PRIVATE KEY-----";
        for key in ["nonsense", forged] {
            assert_eq!(
                error(&[("AGENT_GITHUB_APP_ID", "7"), ("AGENT_GITHUB_APP_KEY", key)]),
                "invalid secret for AGENT_GITHUB_APP_KEY: it is not an RSA key in PEM: name the file that GitHub gave for \
                 the App in AGENT_GITHUB_APP_KEY_FILE"
            );
        }
    }
}
