//! A *model specification* names a provider and, if given, one of its models; the *configuration* says where that provider
//! is reached, with which key, and within which limits.
//!
//! The variables are those of the groups `MODEL` and `PROVIDERS` of [`shared::env::catalog`].

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use shared::env::catalog::{
    AGENT_CONTEXT_WINDOW, AGENT_EFFORT, AGENT_MAX_OUTPUT_TOKENS, AGENT_MODEL_HEADERS,
    AGENT_MODEL_IDLE_TIMEOUT, AGENT_MODEL_RETRIES, AGENT_MODEL_TIMEOUT, AGENT_PRICES, AGENT_TEMPERATURE,
    ANTHROPIC_BASE_URL, OLLAMA_HOST,
};
use shared::env::{Environment, SettingError};
use url::{Host, Url};

use super::headers;
use super::price::PriceTable;
use super::provider::Provider;
use crate::network::Network;

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

/// How much a model should think before it answers; each provider has a parameter of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    Low,
    Medium,
    High,
}

impl Effort {
    /// All three providers use the same words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|effort| effort.name() == text)
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

/// How often a transient error is tried again, and after which pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    pub times: usize,
    /// The first pause; each is twice the last, with up to as much again added by chance.
    pub first_pause: Duration,
    /// The longest pause, and the longest that a `retry-after` is obeyed: a longer one ends the attempts.
    pub longest_pause: Duration,
}

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
    /// The file that holds the key, which is read again before each call.
    pub api_key_file: Option<PathBuf>,
    /// Headers for a gateway, one a line.
    pub headers: Option<SecretString>,
    /// The file that holds them, which is read again like the key's.
    pub headers_file: Option<PathBuf>,
    pub timeouts: Timeouts,
    pub retries: Retries,
    /// The longest answer in bytes, all events and their wrapping included.
    pub max_response_bytes: u64,
    /// Tokens of prompt and answer together; the price table's or a cautious figure when unset.
    pub context_window: Option<u32>,
    /// Tokens of one answer; a figure by provider when unset.
    pub max_output_tokens: Option<u32>,
    pub temperature: Option<f32>,
    pub effort: Option<Effort>,
    /// The way to the server.
    pub network: Network,
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
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("{provider} needs a key; set {0} or name a file that holds it in {0}_FILE", .provider.key_variable())]
    MissingKey { provider: Provider },
    #[error(
        "the key of {provider} has characters that no HTTP header can carry; was it copied whole, and nothing with it?"
    )]
    BadKey { provider: Provider },
    #[error("the headers of AGENT_MODEL_HEADERS cannot be sent: {why}")]
    BadHeaders { why: String },
    #[error("the headers of AGENT_MODEL_HEADERS would travel unencrypted to {url}; use https, or unset them")]
    HeadersInClear { url: Url },
    #[error(
        "the key would travel unencrypted to {url}; use https, or unset {0} and {0}_FILE",
        .provider.key_variable()
    )]
    KeyInClear { provider: Provider, url: Url },
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
            api_key_file: None,
            headers: None,
            headers_file: None,
            timeouts: Timeouts { connect: Duration::from_secs(10), idle, total: Duration::from_mins(20) },
            retries: Retries::default(),
            max_response_bytes: 16 << 20,
            context_window: None,
            max_output_tokens: None,
            temperature: None,
            effort: None,
            network: Network::default(),
            prices: PriceTable::built_in(),
        }
    }

    pub fn from_env(provider: Provider, env: &Environment) -> Result<Self, ConfigError> {
        let mut config = Self::new(base_url(provider, env)?);
        config.api_key = env.find(provider.key_setting())?;
        config.api_key_file = env.file_of(provider.key_setting());
        config.headers = env.find(&AGENT_MODEL_HEADERS)?;
        config.headers_file = env.file_of(&AGENT_MODEL_HEADERS);
        let is_in_clear = config.base_url.scheme() == "http" && !is_local(&config.base_url);
        if let Some(headers) = &config.headers {
            headers::parse(headers.expose_secret())
                .map_err(|hint| env.refuse(&AGENT_MODEL_HEADERS, "", hint))?;
            if is_in_clear {
                return Err(ConfigError::HeadersInClear { url: config.base_url });
            }
        }
        match &config.api_key {
            // A gateway's own headers may be all that it asks for.
            None if config.headers.is_none() && config.base_url.host_str() == Some(provider.vendor()) => {
                return Err(ConfigError::MissingKey { provider });
            }
            Some(_) if is_in_clear => {
                return Err(ConfigError::KeyInClear { provider, url: config.base_url });
            }
            _ => {}
        }
        config.context_window = env.find(&AGENT_CONTEXT_WINDOW)?;
        config.max_output_tokens = env.find(&AGENT_MAX_OUTPUT_TOKENS)?;
        config.temperature = env.find_as(&AGENT_TEMPERATURE, parse_temperature)?;
        config.network = Network::from_env(env)?;
        config.effort = env.find(&AGENT_EFFORT)?.and_then(Effort::parse);
        config.timeouts.total = env.read(&AGENT_MODEL_TIMEOUT)?;
        if let Some(idle) = env.find(&AGENT_MODEL_IDLE_TIMEOUT)? {
            config.timeouts.idle = idle;
        }
        config.retries.times = env.read(&AGENT_MODEL_RETRIES)?;
        if let Some(prices) = env.find_as(&AGENT_PRICES, parse_prices)? {
            config.prices = prices;
        }
        Ok(config)
    }
}

fn base_url(provider: Provider, env: &Environment) -> Result<Url, SettingError> {
    match provider {
        Provider::Anthropic | Provider::OpenAi => env.read_as(provider.url_setting(), parse_url),
        Provider::Ollama => match env.find_as(provider.url_setting(), parse_url)? {
            Some(url) => Ok(url),
            None => env.read_as(&OLLAMA_HOST, ollama_host),
        },
    }
}

fn parse_temperature(text: &str) -> Result<f32, String> {
    let temperature = text.parse().ok().filter(|value| (0.0..=2.0).contains(value));
    temperature.ok_or_else(|| AGENT_TEMPERATURE.variable().form.hint())
}

fn parse_prices(text: &str) -> Result<PriceTable, String> {
    // A path: what this variable held once.
    if !text.contains('=') {
        return Err(AGENT_PRICES.variable().form.hint());
    }
    PriceTable::parse(text).map_err(|error| error.to_string())
}

/// Parses an address that may be shown: it holds no credentials.
fn parse_url(text: &str) -> Result<Url, String> {
    let hint = || ANTHROPIC_BASE_URL.variable().form.hint();
    let url = Url::parse(text).map_err(|_| hint())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && is_plain { Ok(url) } else { Err(hint()) }
}

/// Reads Ollama's own variable: a host, with or without scheme and port. The address that a server listens on when it
/// listens everywhere is reached on this machine.
fn ollama_host(text: &str) -> Result<Url, String> {
    let hint = || OLLAMA_HOST.variable().form.hint();
    let has_scheme = text.contains("://");
    let text = if has_scheme { text.to_owned() } else { format!("http://{text}") };
    let mut url = parse_url(&text).map_err(|_| hint())?;
    // Ollama's default port, unless a scheme or a port was written.
    if url.port().is_none() && !has_scheme {
        url.set_port(Some(11434)).map_err(|()| hint())?;
    }
    let everywhere = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.is_unspecified(),
        _ => false,
    };
    if everywhere {
        url.set_ip_host(IpAddr::from([127, 0, 0, 1])).map_err(|()| hint())?;
    }
    Ok(url)
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
