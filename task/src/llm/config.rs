//! A *model specification* names a provider and, if wished, one of its models; the *configuration* says where that provider
//! is reached, with which key, and within which limits.
//!
//! [`LlmConfig::from_env`] reads these variables. A key in a file goes before a key in the environment, since a mounted
//! secret is the more deliberate of the two.
//!
//! | provider | address | key |
//! |---|---|---|
//! | `anthropic` | `ANTHROPIC_BASE_URL` | `ANTHROPIC_API_KEY_FILE`, else `ANTHROPIC_API_KEY` |
//! | `openai` | `OPENAI_BASE_URL` (ends in `/v1` as a rule) | `OPENAI_API_KEY_FILE`, else `OPENAI_API_KEY` |
//! | `ollama` | `OLLAMA_BASE_URL`, else `OLLAMA_HOST` as Ollama itself reads it | `OLLAMA_API_KEY_FILE`, else `OLLAMA_API_KEY` |
//!
//! | variable | meaning |
//! |---|---|
//! | `AGENT_CONTEXT_WINDOW` | tokens that the model holds, prompt and answer together |
//! | `AGENT_MAX_OUTPUT_TOKENS` | tokens of one answer, thinking included |
//! | `AGENT_TEMPERATURE` | sampling temperature; the model's own when unset, and current Claude models refuse any |
//! | `AGENT_MODEL_TIMEOUT` | the longest that one question may take, retries included, such as `20min` |
//! | `AGENT_MODEL_IDLE_TIMEOUT` | the longest silence of the model, such as `3min` |
//! | `AGENT_MODEL_RETRIES` | how often a passing failure is tried again; 0 for never |
//! | `AGENT_PRICES` | file that replaces the built-in price table |

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::{Host, Url};

use super::price::{PriceTable, PriceTableError};

/// Whose interface is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Anthropic's Messages API.
    Anthropic,
    /// Ollama's own `/api/chat`.
    Ollama,
    /// OpenAI's chat completions, or any server that imitates them.
    OpenAi,
}

impl Provider {
    const ALL: [Self; 3] = [Self::Anthropic, Self::Ollama, Self::OpenAi];

    /// The name in specifications.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
        }
    }

    /// The model that is asked when none is named: as of November 2026 the vendors' own choice for everyday coding, and
    /// for Ollama a code model of 19 GB that a workstation can hold.
    pub fn default_model(self) -> &'static str {
        match self {
            Self::Anthropic => "claude-sonnet-5-5",
            Self::Ollama => "qwen3-coder:30b",
            Self::OpenAi => "gpt-6.2-sol",
        }
    }

    /// The variable that holds the key.
    pub fn key_variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Ollama => "OLLAMA_API_KEY",
            Self::OpenAi => "OPENAI_API_KEY",
        }
    }

    /// The variable that holds the address.
    pub fn url_variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_BASE_URL",
            Self::Ollama => "OLLAMA_BASE_URL",
            Self::OpenAi => "OPENAI_BASE_URL",
        }
    }

    /// The vendor's own host, which answers to nobody without a key.
    fn vendor(self) -> &'static str {
        match self {
            Self::Anthropic => "api.anthropic.com",
            Self::Ollama => "ollama.com",
            Self::OpenAi => "api.openai.com",
        }
    }

    fn default_url(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::Ollama => "http://127.0.0.1:11434",
            Self::OpenAi => "https://api.openai.com/v1",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A provider and one of its models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSpec {
    pub provider: Provider,
    pub model: String,
}

impl ModelSpec {
    /// Reads `provider` or `provider:model`. What follows the first colon is the model's name as the provider writes it,
    /// further colons included (`ollama:qwen2.5-coder:7b`).
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let (name, model) = text.split_once(':').map_or((text, None), |(name, model)| (name, Some(model)));
        let provider = Provider::ALL
            .into_iter()
            .find(|provider| provider.name() == name)
            .ok_or_else(|| ConfigError::UnknownProvider { given: name.to_owned() })?;
        let model = model.unwrap_or_else(|| provider.default_model());
        // The name goes into messages to people.
        if model.is_empty()
            || model.len() > 200
            || model.chars().any(|c| c.is_whitespace() || crate::path::is_hidden(c))
        {
            return Err(ConfigError::BadModel { given: text.to_owned() });
        }
        Ok(Self { provider, model: model.to_owned() })
    }
}

impl fmt::Display for ModelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.model)
    }
}

/// How long to wait for the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the first and between any two pieces of an answer.
    pub idle: Duration,
    /// For one question, retries and the pauses between them included.
    pub total: Duration,
}

/// How often a passing failure is tried again, and after which pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    pub times: usize,
    /// The first pause; each is twice the last, with up to as much again added by chance.
    pub first_pause: Duration,
    /// The longest pause, and the longest that a `retry-after` is obeyed: a longer one ends the attempts.
    pub longest_pause: Duration,
}

/// The most that can be configured; with pauses of a minute at last, more would outlast the time for one question.
const MAX_RETRIES: usize = 20;

impl Default for Retries {
    fn default() -> Self {
        Self { times: 4, first_pause: Duration::from_secs(1), longest_pause: Duration::from_mins(1) }
    }
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct LlmConfig {
    pub base_url: Url,
    pub api_key: Option<SecretString>,
    pub timeouts: Timeouts,
    pub retries: Retries,
    /// The longest answer in bytes, all events and their wrapping included.
    pub max_response_bytes: u64,
    /// Tokens of prompt and answer together; the price table's or a cautious figure when unset.
    pub context_window: Option<u32>,
    /// Tokens of one answer; a figure by provider when unset.
    pub max_output_tokens: Option<u32>,
    pub temperature: Option<f32>,
    pub prices: PriceTable,
}

/// What is wrong with the configuration of a model, and how to set it right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "there is no model provider `{given}`; write anthropic, openai, ollama or builtin, as in `--model anthropic`"
    )]
    UnknownProvider { given: String },
    #[error("`{given}` names no model; write `provider:model`, as in `ollama:qwen2.5-coder:7b`")]
    BadModel { given: String },
    #[error(
        "{variable} is no address: {why}; it looks like https://host/path, with no user name, query or fragment"
    )]
    BadUrl { variable: &'static str, why: String },
    #[error("{provider} needs a key; set {0} or name a file that holds it in {0}_FILE", .provider.key_variable())]
    MissingKey { provider: Provider },
    #[error(
        "the key in {source_name} has characters that no key has; was it copied whole, and nothing with it?"
    )]
    BadKey { source_name: String },
    #[error(
        "the key would travel unencrypted to {url}; use https, or unset {0} and {0}_FILE",
        .provider.key_variable()
    )]
    KeyInClear { provider: Provider, url: Url },
    #[error("{path}, which {variable} names, cannot be read: {source}")]
    Unreadable { variable: String, path: String, source: std::io::Error },
    #[error("{variable}={given} is no {expected}")]
    BadNumber { variable: &'static str, given: String, expected: &'static str },
    #[error("{path}, which AGENT_PRICES names: {source}")]
    BadPrices { path: String, source: PriceTableError },
    #[error(
        "the HTTP client cannot start: {0}; are CA certificates installed (the package ca-certificates)?"
    )]
    Client(#[source] reqwest::Error),
}

impl LlmConfig {
    /// The limits that hold when nothing is configured, for a provider at an address.
    pub fn new(base_url: Url) -> Self {
        // A local model may first be loaded from disk, and reads a long prompt at the pace of the machine.
        let idle = if is_local(&base_url) { Duration::from_mins(10) } else { Duration::from_mins(3) };
        Self {
            base_url,
            api_key: None,
            timeouts: Timeouts { connect: Duration::from_secs(10), idle, total: Duration::from_mins(20) },
            retries: Retries::default(),
            max_response_bytes: 16 << 20,
            context_window: None,
            max_output_tokens: None,
            temperature: None,
            prices: PriceTable::built_in(),
        }
    }

    /// Reads the variables that the module's documentation lists. `get` looks one up; an empty one counts as unset.
    pub fn from_env(
        provider: Provider,
        get: impl Fn(&str) -> Option<String>,
        read_file: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Self, ConfigError> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let read = |variable: &str, path: &str| {
            read_file(Path::new(path)).map_err(|source| ConfigError::Unreadable {
                variable: variable.to_owned(),
                path: path.to_owned(),
                source,
            })
        };
        let url_variable = provider.url_variable();
        let base_url = match (get(url_variable), provider) {
            (Some(text), _) => parse_url(url_variable, text.trim())?,
            (None, Provider::Ollama) => match get("OLLAMA_HOST") {
                Some(host) => ollama_host(host.trim())?,
                None => parse_url(url_variable, provider.default_url())?,
            },
            (None, _) => parse_url(url_variable, provider.default_url())?,
        };
        let mut config = Self::new(base_url);

        let key_variable = provider.key_variable();
        let file_variable = format!("{key_variable}_FILE");
        let key = match get(&file_variable) {
            Some(path) => Some((read(&file_variable, &path)?, file_variable)),
            None => get(key_variable).map(|key| (key, key_variable.to_owned())),
        };
        config.api_key = key.map(|(key, source_name)| parse_key(&key, source_name)).transpose()?;
        match &config.api_key {
            None if config.base_url.host_str() == Some(provider.vendor()) => {
                return Err(ConfigError::MissingKey { provider });
            }
            Some(_) if config.base_url.scheme() == "http" && !is_local(&config.base_url) => {
                return Err(ConfigError::KeyInClear { provider, url: config.base_url });
            }
            _ => {}
        }

        let tokens = |variable| number(variable, get(variable), "number of tokens above 0");
        config.context_window = tokens("AGENT_CONTEXT_WINDOW")?;
        config.max_output_tokens = tokens("AGENT_MAX_OUTPUT_TOKENS")?;
        if let Some(text) = get("AGENT_TEMPERATURE") {
            let temperature = text.trim().parse().ok().filter(|value| (0.0..=2.0).contains(value));
            config.temperature = Some(temperature.ok_or(ConfigError::BadNumber {
                variable: "AGENT_TEMPERATURE",
                given: text,
                expected: "temperature from 0 to 2",
            })?);
        }
        for (variable, limit) in [
            ("AGENT_MODEL_TIMEOUT", &mut config.timeouts.total),
            ("AGENT_MODEL_IDLE_TIMEOUT", &mut config.timeouts.idle),
        ] {
            if let Some(text) = get(variable) {
                *limit = humantime::parse_duration(text.trim()).map_err(|_| ConfigError::BadNumber {
                    variable,
                    given: text,
                    expected: "duration, such as 90s or 20min",
                })?;
            }
        }
        if let Some(text) = get("AGENT_MODEL_RETRIES") {
            let times = text.trim().parse().ok().filter(|times| *times <= MAX_RETRIES);
            config.retries.times = times.ok_or(ConfigError::BadNumber {
                variable: "AGENT_MODEL_RETRIES",
                given: text,
                expected: "number from 0 to 20",
            })?;
        }
        if let Some(path) = get("AGENT_PRICES") {
            config.prices = PriceTable::parse(&read("AGENT_PRICES", &path)?)
                .map_err(|source| ConfigError::BadPrices { path, source })?;
        }
        Ok(config)
    }
}

fn number(
    variable: &'static str,
    text: Option<String>,
    expected: &'static str,
) -> Result<Option<u32>, ConfigError> {
    text.map(|text| match text.trim().parse() {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(ConfigError::BadNumber { variable, given: text, expected }),
    })
    .transpose()
}

/// Takes white space off both ends, which files and shells add, and refuses what no HTTP header could carry.
fn parse_key(text: &str, source_name: String) -> Result<SecretString, ConfigError> {
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::BadKey { source_name });
    }
    Ok(SecretString::from(key))
}

/// Parses an address that may be shown: it holds no credentials.
fn parse_url(variable: &'static str, text: &str) -> Result<Url, ConfigError> {
    let bad = |why: String| ConfigError::BadUrl { variable, why };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("its scheme is neither http nor https".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds a user name or a password".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has a query or a fragment".to_owned()));
    }
    Ok(url)
}

/// Reads Ollama's own variable: a host, with or without scheme and port. The address that a server listens on when it
/// listens everywhere is reached on this machine.
fn ollama_host(text: &str) -> Result<Url, ConfigError> {
    const VARIABLE: &str = "OLLAMA_HOST";
    let has_scheme = text.contains("://");
    let mut url =
        if has_scheme { parse_url(VARIABLE, text)? } else { parse_url(VARIABLE, &format!("http://{text}"))? };
    // Ollama's default port, unless a scheme or a port was written.
    if url.port().is_none() && !has_scheme {
        url.set_port(Some(11434)).map_err(|()| cannot(VARIABLE))?;
    }
    let everywhere = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.is_unspecified(),
        _ => false,
    };
    if everywhere {
        url.set_ip_host(IpAddr::from([127, 0, 0, 1])).map_err(|()| cannot(VARIABLE))?;
    }
    Ok(url)
}

fn cannot(variable: &'static str) -> ConfigError {
    ConfigError::BadUrl { variable, why: "it has no host".to_owned() }
}

/// Whether an address is on this machine, in a private network, or inside a cluster: what the operator runs himself.
pub(super) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Some(Host::Domain(name)) => {
            !name.contains('.')
                || [".localhost", ".local", ".internal", ".svc", ".cluster.local"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
