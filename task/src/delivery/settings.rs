//! The *settings* of a delivery: where the broker is, and how long things may take.

use std::path::PathBuf;
use std::time::Duration;

use shared::broker::Broker;
use shared::env::catalog::{self, AGENT_QUEUE_WAIT, AGENT_RETRY_PAUSE, Group, POD_NAME};
use shared::env::{Environment, SettingError};

use crate::probe;

/// What [`Settings::from_env`] reads.
pub const READS: &[&Group] = &[&catalog::BROKER, &catalog::CONSUME, &catalog::PROBE];

/// See the module's documentation.
pub struct Settings {
    pub broker: Broker,
    /// Of the connection.
    pub name: String,
    pub wait: Duration,
    pub pause: Duration,
    pub ready_file: PathBuf,
}

impl Settings {
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        Ok(Self {
            broker: Broker::from_env(env)?,
            name: env.read(&POD_NAME)?,
            wait: env.read(&AGENT_QUEUE_WAIT)?,
            pause: env.read(&AGENT_RETRY_PAUSE)?,
            ready_file: probe::path(env)?,
        })
    }
}
