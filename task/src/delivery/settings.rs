//! The *settings* of a delivery: where the broker is, and how long things may take.

use std::path::PathBuf;
use std::time::Duration;

use shared::broker::Broker;
use shared::env::catalog::{
    self, AGENT_BROKER_MAX_WAIT, AGENT_FAILED_START_WAIT, AGENT_MODEL_CALLS_AT_ONCE, AGENT_QUEUE_WAIT,
    AGENT_RETRY_PAUSE, AGENT_RUNS_PER_PERSON, AGENT_RUNS_PER_REPO, Group, POD_NAME,
};
use shared::env::{Environment, SettingError};

use crate::probe;

/// What [`Settings::from_env`] reads.
pub const READS: &[&Group] = &[
    &catalog::BROKER,
    &catalog::BROKER_WAIT,
    &catalog::CONSUME,
    &catalog::CALLS_AT_ONCE,
    &catalog::AT_ONCE,
    &catalog::PROBE,
];

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
    pub at_once: AtOnce,
}

/// How much all runs together do at once; none where it is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtOnce {
    /// Calls to one provider.
    pub calls: Option<u32>,
    /// Runs for one repository.
    pub repository: Option<u32>,
    /// Runs for one person.
    pub person: Option<u32>,
}

impl AtOnce {
    /// Whether anything is limited.
    pub fn is_set(self) -> bool {
        self.calls.or(self.repository).or(self.person).is_some()
    }
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
            at_once: AtOnce {
                calls: env.find(&AGENT_MODEL_CALLS_AT_ONCE)?,
                repository: env.find(&AGENT_RUNS_PER_REPO)?,
                person: env.find(&AGENT_RUNS_PER_PERSON)?,
            },
        })
    }
}

/// [`Settings::failed_start_wait`], where any setting may be wrong.
pub fn failed_start_wait(env: &Environment) -> Duration {
    env.read(&AGENT_FAILED_START_WAIT).unwrap_or(DEPLOYED_FAILED_START_WAIT)
}
