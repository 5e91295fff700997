//! *Configuration*: the environment, read once and checked before anything starts.
//!
//! The variables are those of the groups [`READS`], in [`shared::env::catalog`].

use std::{fmt, net::SocketAddr};

use axum::http::Uri;
use secrecy::ExposeSecret;
use shared::{
    broker::Broker,
    env::{
        Environment, SettingError,
        catalog::{
            self, AGENT_BODY_MEMORY, AGENT_BODY_TIMEOUT, AGENT_DRAIN_TIMEOUT, AGENT_HEADER_TIMEOUT, AGENT_ID,
            AGENT_KEEP_ALIVE, AGENT_LISTEN, AGENT_LOGIN, AGENT_MAX_BODY, AGENT_MAX_CONNECTIONS,
            AGENT_WEBHOOK_SECRETS, AWS_LAMBDA_FUNCTION_MEMORY_SIZE, AWS_LAMBDA_FUNCTION_NAME,
            AWS_LAMBDA_FUNCTION_VERSION, AWS_LAMBDA_RUNTIME_API, Group,
        },
    },
    network::Network,
    repo::HostPolicy,
    state::LabelNames,
    user::Login,
};

use crate::{
    jira::Sites,
    limits::{KeepAlive, Limits},
    signature::Secrets,
    trigger::{Agent, Rules},
};

/// What the program reads.
pub const READS: &[&Group] = &[
    &catalog::INGEST,
    &catalog::LAMBDA,
    &catalog::JIRA_WEBHOOKS,
    &catalog::HOSTS,
    &catalog::LABELS,
    &catalog::BROKER,
    &catalog::NETWORK,
    &catalog::TELEMETRY,
    &catalog::REPORTS,
    &catalog::LOGS,
];

/// Everything that the operator decides.
pub struct Config {
    pub serve: Serve,
    pub secrets: Secrets,
    pub jira: Sites,
    pub broker: Broker,
    pub rules: Rules,
    pub limits: Limits,
    /// The way to the collector of telemetry.
    pub network: Network,
}

/// Where requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// From connections to this address.
    Http(SocketAddr),
    /// From the runtime API of AWS Lambda.
    Lambda,
}

impl Config {
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        env.check(READS)?;
        let listen = env.read(&AGENT_LISTEN)?;
        let serve = if is_function(env)? { Serve::Lambda } else { Serve::Http(listen) };
        let secrets = env.read(&AGENT_WEBHOOK_SECRETS)?;
        let secrets = Secrets::new(secrets.iter().map(ExposeSecret::expose_secret))
            .map_err(|error| env.refuse(&AGENT_WEBHOOK_SECRETS, "", error.to_string()))?;
        let labels = LabelNames::from_env(env)?;
        let keep_alive = if env.read(&AGENT_KEEP_ALIVE)? { KeepAlive::Yes } else { KeepAlive::No };
        let limits = Limits {
            body_bytes: env.read(&AGENT_MAX_BODY)?,
            body_memory: env.read(&AGENT_BODY_MEMORY)?,
            connections: env.read(&AGENT_MAX_CONNECTIONS)?,
            header_time: env.read(&AGENT_HEADER_TIMEOUT)?,
            body_time: env.read(&AGENT_BODY_TIMEOUT)?,
            drain_time: env.read(&AGENT_DRAIN_TIMEOUT)?,
            keep_alive,
        };
        if limits.shared_memory().is_none() {
            let hint = format!(
                "AGENT_MAX_CONNECTIONS and AGENT_MAX_BODY take at least {} bytes; allow more memory, or fewer connections",
                limits.least_memory()
            );
            return Err(env.refuse(&AGENT_BODY_MEMORY, &limits.body_memory.to_string(), hint));
        }
        Ok(Self {
            serve,
            secrets,
            jira: Sites::from_env(env)?,
            broker: Broker::from_env(env)?,
            rules: Rules {
                hosts: HostPolicy::from_env(env)?,
                trigger_label: labels.trigger,
                quickfix_label: labels.quick,
                generated_label: labels.generated,
                agent: Agent { login: env.find_as(&AGENT_LOGIN, parse_account)?, id: env.find(&AGENT_ID)? },
            },
            limits,
            network: Network::from_env(env)?,
        })
    }
}

/// Whether AWS Lambda started the program. What its runtime panics without is looked at here.
fn is_function(env: &Environment) -> Result<bool, SettingError> {
    let api = env.find_as(&AWS_LAMBDA_RUNTIME_API, |text| {
        // The emulator of cargo-lambda writes an address with a path.
        let address = text.parse::<Uri>().ok();
        let authority = address.as_ref().and_then(Uri::authority);
        match authority.filter(|authority| !authority.host().is_empty() && authority.port_u16().is_some()) {
            Some(_) => Ok(text.to_owned()),
            None => Err(AWS_LAMBDA_RUNTIME_API.variable().form.hint()),
        }
    })?;
    let beside = [
        ("AWS_LAMBDA_FUNCTION_NAME", env.find(&AWS_LAMBDA_FUNCTION_NAME)?.is_some()),
        ("AWS_LAMBDA_FUNCTION_VERSION", env.find(&AWS_LAMBDA_FUNCTION_VERSION)?.is_some()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", env.find(&AWS_LAMBDA_FUNCTION_MEMORY_SIZE)?.is_some()),
    ];
    let Some(api) = api else { return Ok(false) };
    match beside.into_iter().find(|(_, is_set)| !is_set) {
        None => Ok(true),
        Some((name, _)) => {
            let hint = format!("{name} is not set beside it, as AWS Lambda does; unset both to listen");
            Err(env.refuse(&AWS_LAMBDA_RUNTIME_API, &api, hint))
        }
    }
}

/// The login of an account, that of an App too.
fn parse_account(text: &str) -> Result<String, String> {
    match Login::parse(text.strip_suffix("[bot]").unwrap_or(text)) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(AGENT_LOGIN.variable().form.hint()),
    }
}

/// Without the credentials.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("serve", &self.serve)
            .field("secrets", &self.secrets)
            .field("jira", &self.jira)
            .field("broker", &format_args!("{}", self.broker))
            .field("rules", &self.rules)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
