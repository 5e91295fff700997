//! The *settings* of a sweep, beside those of a run: the broker, and where to look.

use std::time::Duration;

use shared::broker::Broker;
use shared::env::catalog::{self, AGENT_BROKER_MAX_WAIT, AGENT_SWEEP_GRACE, AGENT_SWEEP_REPOSITORIES, Group};
use shared::env::{Environment, SettingError};
use shared::repo::{HostPolicy, Repo, RepoError};

/// What [`SweepSettings::from_env`] reads.
pub const READS: &[&Group] = &[&catalog::BROKER, &catalog::BROKER_WAIT, &catalog::SWEEP];

/// What to look through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    One(Repo),
    /// Every repository that the App is installed on, on the host of this address. The repository that it names need
    /// not exist.
    AllOn(Repo),
}

/// See the module's documentation.
pub struct SweepSettings {
    pub(super) broker: Broker,
    /// How long a broker that cannot be reached is tried again.
    pub(super) max_wait: Duration,
    pub(super) places: Vec<Place>,
    pub(super) grace: Duration,
}

impl SweepSettings {
    pub fn from_env(hosts: &HostPolicy, env: &Environment) -> Result<Self, SettingError> {
        let places = env.find(&AGENT_SWEEP_REPOSITORIES)?;
        let places = places.unwrap_or_else(|| vec![format!("https://{}", hosts.host())]);
        let place = |text: &String| {
            let refuse = |why: RepoError| env.refuse(&AGENT_SWEEP_REPOSITORIES, text, why.to_string());
            Place::parse(text, hosts).map_err(refuse)
        };
        Ok(Self {
            broker: Broker::from_env(env)?,
            max_wait: env.read(&AGENT_BROKER_MAX_WAIT)?,
            places: places.iter().map(place).collect::<Result<_, _>>()?,
            grace: env.read(&AGENT_SWEEP_GRACE)?,
        })
    }
}

impl Place {
    fn parse(text: &str, hosts: &HostPolicy) -> Result<Self, RepoError> {
        let address = text.strip_suffix('/').unwrap_or(text);
        let is_host = address.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
        if is_host {
            // The grammar of addresses is that of repositories: a name that is valid makes one of the host.
            Repo::parse(&format!("{address}/any/any"), hosts).map(Self::AllOn)
        } else {
            Repo::parse(address, hosts).map(Self::One)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<SweepSettings, String> {
        let env = Environment::of(variables.iter().copied());
        SweepSettings::from_env(&HostPolicy::github(), &env).map_err(|error| error.to_string())
    }

    fn places(text: &str) -> Result<Vec<String>, String> {
        let places = settings(&[("AGENT_SWEEP_REPOSITORIES", text)])?.places;
        Ok(places
            .into_iter()
            .map(|place| match place {
                Place::One(repo) => repo.url(),
                Place::AllOn(repo) => format!("all on {}", repo.host()),
            })
            .collect())
    }

    #[test]
    fn places_are_repositories_or_a_host() {
        let owned = |places: &[&str]| Ok(places.iter().map(|place| (*place).to_owned()).collect());
        assert_eq!(places(""), owned(&["all on github.com"]));
        assert_eq!(places("https://github.com"), owned(&["all on github.com"]));
        assert_eq!(
            places("https://github.com/octo/hello,\n https://github.com/octo/other/"),
            owned(&["https://github.com/octo/hello", "https://github.com/octo/other"])
        );
        for (text, message) in [
            ("octo/hello", "the repository address does not start with `https://`"),
            (
                "https://evil.example/a/b",
                "the repository is on `evil.example`, which is not the configured host",
            ),
            ("https://github.com/octo", "the repository address is not `OWNER/NAME` after the host"),
        ] {
            assert_eq!(
                places(text),
                Err(format!("invalid list {text:?} for AGENT_SWEEP_REPOSITORIES: {message}"))
            );
        }
    }
}
