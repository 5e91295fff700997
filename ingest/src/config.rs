//! *Configuration*: the environment, read once and checked before anything starts.
//!
//! Each variable `NAME` may be given as `NAME_FILE` instead, the path of a file that holds the value: that is how
//! secrets are mounted.
//!
//! | variable | default | |
//! |---|---|---|
//! | `WEBHOOK_SECRETS` | required | one, or several while one is replaced; separated by commas or line ends |
//! | `AMQP_URL` | `amqp://127.0.0.1:5672/agents` | `amqp` or `amqps`, with the virtual host |
//! | `AMQP_USERNAME`, `AMQP_PASSWORD` | those of the URL | |
//! | `AMQP_CA` | the system's | certificates in PEM |
//! | `LISTEN` | `0.0.0.0:8080` | |
//! | `GITHUB_HOST` | `github.com` | or a GitHub Enterprise Server |
//! | `AGENT_LOGIN`, `AGENT_ID` | none | the account that issues are assigned to and that never triggers; needed for assignments |
//! | `TRIGGER_LABEL`, `QUICKFIX_LABEL`, `GENERATED_LABEL` | `ai-help`, `quickfix`, `ai-generated` | |
//! | `MAX_BODY_BYTES` | 26214400 | the longest webhook |
//! | `BODY_MEMORY_BYTES` | 67108864 | for all bodies together that are being read or worked on |
//! | `MAX_CONNECTIONS` | 1024 | more wait to be accepted |
//! | `HEADER_TIMEOUT_SECS`, `BODY_TIMEOUT_SECS`, `DRAIN_TIMEOUT_SECS` | 5, 8, 20 | |
//! | `KEEP_ALIVE` | `false` | see [`KeepAlive`] |
//! | `ALLOW_LOOPBACK_REPOS` | `false` | for debugging: also repositories at `http://127.0.0.1:PORT` |

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use lapin::uri::AMQPUri;
use shared::{
    repo::{HostError, HostPolicy},
    state::LabelNames,
};

use crate::{
    limits::{KeepAlive, Limits},
    publish::Broker,
    signature::{Secrets, SecretsError},
    trigger::{Agent, Rules},
};

/// Everything that the operator decides.
pub struct Config {
    pub listen: SocketAddr,
    pub secrets: Secrets,
    pub broker: Broker,
    pub rules: Rules,
    pub limits: Limits,
}

/// Why the environment is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("WEBHOOK_SECRETS: {0}")]
    Secrets(SecretsError),
    #[error("GITHUB_HOST: {0}")]
    Host(HostError),
    #[error("{name}: `{value}` is not {expected}")]
    Value { name: &'static str, value: String, expected: &'static str },
    /// The value may be a secret and is not repeated.
    #[error("AMQP_URL is not amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST")]
    Broker,
    #[error("{0} is empty")]
    Empty(&'static str),
    #[error("{name}_FILE: {path} cannot be read")]
    File { name: &'static str, path: String, source: std::io::Error },
}

/// Variables by name, as `std::env::var` gives them.
pub struct Environment<F>(pub F);

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    pub fn read(&self) -> Result<Config, ConfigError> {
        let secrets = self.get("WEBHOOK_SECRETS")?.unwrap_or_default();
        let mut hosts = match self.get("GITHUB_HOST")? {
            Some(host) => HostPolicy::of(&host).map_err(ConfigError::Host)?,
            None => HostPolicy::github(),
        };
        if self.parsed("ALLOW_LOOPBACK_REPOS", "true or false", false)? {
            hosts = hosts.and_loopback();
        }
        let defaults = Limits::default();
        let labels = LabelNames::default();
        let seconds = |name, default: Duration| {
            self.parsed(name, "a number of seconds", default.as_secs()).map(Duration::from_secs)
        };
        Ok(Config {
            listen: self.parsed("LISTEN", "ADDRESS:PORT", SocketAddr::from(([0, 0, 0, 0], 8080)))?,
            secrets: Secrets::new(
                secrets.split([',', '\n']).map(str::trim).filter(|secret| !secret.is_empty()),
            )
            .map_err(ConfigError::Secrets)?,
            broker: self.broker()?,
            rules: Rules {
                hosts,
                trigger_label: self.label("TRIGGER_LABEL", labels.trigger)?,
                quickfix_label: self.label("QUICKFIX_LABEL", labels.quick)?,
                generated_label: self.label("GENERATED_LABEL", labels.generated)?,
                agent: Agent {
                    login: self.get("AGENT_LOGIN")?,
                    id: self
                        .get("AGENT_ID")?
                        .map(|id| parse("AGENT_ID", id, "the number of an account"))
                        .transpose()?,
                },
            },
            limits: Limits {
                body_bytes: self.parsed("MAX_BODY_BYTES", "a number of bytes", defaults.body_bytes)?,
                body_memory: self.parsed("BODY_MEMORY_BYTES", "a number of bytes", defaults.body_memory)?,
                connections: self.parsed("MAX_CONNECTIONS", "a number", defaults.connections)?,
                header_time: seconds("HEADER_TIMEOUT_SECS", defaults.header_time)?,
                body_time: seconds("BODY_TIMEOUT_SECS", defaults.body_time)?,
                drain_time: seconds("DRAIN_TIMEOUT_SECS", defaults.drain_time)?,
                keep_alive: if self.parsed("KEEP_ALIVE", "true or false", false)? {
                    KeepAlive::Yes
                } else {
                    KeepAlive::No
                },
            },
        })
    }

    fn broker(&self) -> Result<Broker, ConfigError> {
        let url = self.get("AMQP_URL")?.unwrap_or_else(|| "amqp://127.0.0.1:5672/agents".to_owned());
        let mut uri: AMQPUri = url.parse().map_err(|_| ConfigError::Broker)?;
        if let Some(username) = self.get("AMQP_USERNAME")? {
            uri.authority.userinfo.username = username;
        }
        if let Some(password) = self.get("AMQP_PASSWORD")? {
            uri.authority.userinfo.password = password;
        }
        // Connecting is bounded by the time for publishing; without this an unreachable host uses it up whole.
        uri.query.connection_timeout.get_or_insert(3_000);
        uri.query.heartbeat.get_or_insert(30);
        Ok(Broker { uri, certificates: self.get("AMQP_CA")? })
    }

    fn label(&self, name: &'static str, default: String) -> Result<String, ConfigError> {
        let label = self.get(name)?.unwrap_or(default);
        if label.trim().is_empty() { Err(ConfigError::Empty(name)) } else { Ok(label) }
    }

    fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
        default: T,
    ) -> Result<T, ConfigError> {
        self.get(name)?.map_or(Ok(default), |value| parse(name, value, expected))
    }

    /// The variable, or what stands in the file that it names, without the line end that editors leave.
    fn get(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        if let Some(value) = (self.0)(name) {
            return Ok(Some(value));
        }
        let Some(path) = (self.0)(&format!("{name}_FILE")) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(source) => Err(ConfigError::File { name, path, source }),
        }
    }
}

fn parse<T: FromStr>(name: &'static str, value: String, expected: &'static str) -> Result<T, ConfigError> {
    value.trim().parse().map_err(|_| ConfigError::Value { name, value, expected })
}

/// Without the credentials.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.broker.uri.authority;
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("secrets", &self.secrets)
            .field("broker", &format_args!("{}:{}/{}", authority.host, authority.port, self.broker.uri.vhost))
            .field("rules", &self.rules)
            .field("limits", &self.limits)
            .finish()
    }
}

#[cfg(test)]
mod tests;
