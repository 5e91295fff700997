//! The *settings* of a sweep, beside those of a run: the broker, and where to look.

use std::time::Duration;

use shared::repo::{HostPolicy, Repo, RepoError};

use crate::broker::Broker;
use crate::config::Setting;
use crate::delivery::settings as delivery;

/// The variables that [`SweepSettings::from_env`] reads besides those of the broker.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "AGENT_SWEEP_REPOSITORIES",
        default: "every repository that the App is installed on",
        meaning: "addresses of repositories to look through, separated by spaces or commas; https://HOST is all there",
    },
    Setting {
        name: "AGENT_SWEEP_GRACE",
        default: "15min",
        meaning: "how long an issue may go unanswered before its webhook counts as missed",
    },
];

/// Longer than a webhook may take, with a node that has to start before its run does.
const GRACE: Duration = Duration::from_mins(15);

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
    pub(super) places: Vec<Place>,
    pub(super) grace: Duration,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Broker(#[from] delivery::SettingsError),
    #[error("AGENT_SWEEP_REPOSITORIES: {place}: {source}")]
    Place { place: String, source: RepoError },
    #[error("AGENT_SWEEP_GRACE={0} is no duration, such as 90s or 15min")]
    Grace(String),
}

impl SweepSettings {
    /// Reads the environment through `get`, and files through `read`.
    pub fn from_env(
        hosts: &HostPolicy,
        get: impl Fn(&str) -> Option<String>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, SettingsError> {
        let set =
            |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let places = set("AGENT_SWEEP_REPOSITORIES").unwrap_or_else(|| format!("https://{}", hosts.host()));
        let places = places.split([' ', ',', '\n', '\t']).filter(|place| !place.is_empty());
        let grace = match set("AGENT_SWEEP_GRACE") {
            None => GRACE,
            Some(text) => humantime::parse_duration(&text).map_err(|_| SettingsError::Grace(text))?,
        };
        Ok(Self {
            broker: Broker::from_env(&get, read)?,
            places: places.map(|place| Place::parse(place, hosts)).collect::<Result<_, _>>()?,
            grace,
        })
    }
}

impl Place {
    fn parse(text: &str, hosts: &HostPolicy) -> Result<Self, SettingsError> {
        let wrong = |source| SettingsError::Place { place: text.to_owned(), source };
        let address = text.strip_suffix('/').unwrap_or(text);
        let is_host = address.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
        if is_host {
            // The grammar of addresses is that of repositories: a name that is valid makes one of the host.
            Repo::parse(&format!("{address}/any/any"), hosts).map(Self::AllOn).map_err(wrong)
        } else {
            Repo::parse(address, hosts).map(Self::One).map_err(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<SweepSettings, String> {
        SweepSettings::from_env(
            &HostPolicy::github(),
            |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
            |_| Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        )
        .map_err(|error| error.to_string())
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
            ("octo/hello", "octo/hello: the repository address does not start with `https://`"),
            (
                "https://evil.example/a/b",
                "https://evil.example/a/b: the repository is on `evil.example`, which is not the configured host",
            ),
            (
                "https://github.com/octo",
                "https://github.com/octo: the repository address is not `OWNER/NAME` after the host",
            ),
        ] {
            assert_eq!(places(text), Err(format!("AGENT_SWEEP_REPOSITORIES: {message}")));
        }
    }

    #[test]
    fn says_which_variable_is_wrong() {
        assert_eq!(settings(&[]).unwrap().grace, GRACE);
        for (name, value, message) in [
            ("AMQP_URL", "http://x", "AMQP_URL is not amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST"),
            ("AGENT_SWEEP_GRACE", "soon", "AGENT_SWEEP_GRACE=soon is no duration, such as 90s or 15min"),
        ] {
            assert_eq!(settings(&[(name, value)]).err().as_deref(), Some(message));
        }
    }
}
