//! The *settings* of a delivery: where the broker is, and how long things may take.

use std::path::PathBuf;
use std::time::Duration;

use shared::broker::Broker;
use shared::env::catalog::{
    self, AGENT_BROKER_MAX_WAIT, AGENT_FAILED_START_WAIT, AGENT_QUEUE_WAIT, AGENT_RETRY_PAUSE, Group,
    POD_NAME,
};
use shared::env::{Environment, SettingError};

use crate::probe;

/// What [`Settings::from_env`] reads.
pub const READS: &[&Group] = &[&catalog::BROKER, &catalog::BROKER_WAIT, &catalog::CONSUME, &catalog::PROBE];

/// For a failed start where the setting cannot be read: what the deployed startup probe leaves room for.
const DEPLOYED_FAILED_START_WAIT: Duration = Duration::from_secs(100);

/// See the module's documentation.
pub struct Settings {
    pub broker: Broker,
    /// How long a broker that cannot be reached is tried again.
    pub max_wait: Duration,
    /// Of the connection.
    pub name: String,
    pub wait: Duration,
    pub pause: Duration,
    /// How long after its start a process ends that fails before it holds a task.
    pub failed_start_wait: Duration,
    pub ready_file: PathBuf,
}

impl Settings {
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        Ok(Self {
            broker: Broker::from_env(env)?,
            max_wait: env.read(&AGENT_BROKER_MAX_WAIT)?,
            name: env.read(&POD_NAME)?,
            wait: env.read(&AGENT_QUEUE_WAIT)?,
            pause: env.read(&AGENT_RETRY_PAUSE)?,
            failed_start_wait: env.read(&AGENT_FAILED_START_WAIT)?,
            ready_file: probe::path(env)?,
        })
    }
}

/// [`Settings::failed_start_wait`], where any setting may be wrong.
pub fn failed_start_wait(env: &Environment) -> Duration {
    env.read(&AGENT_FAILED_START_WAIT).unwrap_or(DEPLOYED_FAILED_START_WAIT)
}
