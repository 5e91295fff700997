//! The *settings* of a sweep, beside those of a run: the broker, and where to look.

use std::time::Duration;

use lapin::uri::AMQPUri;
use shared::repo::{HostPolicy, Repo, RepoError};

use crate::config::Setting;

/// The variables that [`SweepSettings::from_env`] reads.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "AMQP_URL",
        default: "amqp://127.0.0.1:5672/agents",
        meaning: "the broker and the virtual host; AMQP_URL_FILE names a file with it",
    },
    Setting {
        name: "AMQP_USERNAME, AMQP_PASSWORD",
        default: "those of the address",
        meaning: "the broker's user, `sweep` as deployed; each may be a file, as above",
    },
    Setting {
        name: "AMQP_CA",
        default: "the system's",
        meaning: "certificates in PEM that the broker's is checked against; AMQP_CA_FILE names a file",
    },
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

/// Where the broker is and how to be believed there.
#[derive(Clone)]
pub struct Broker {
    pub(super) uri: AMQPUri,
    /// Certificates in PEM, if not those of the system.
    pub(super) certificates: Option<String>,
}

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
    /// The value may hold a password and is not repeated.
    #[error("AMQP_URL is not amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST")]
    Broker,
    #[error("{variable}_FILE: {path} cannot be read: {source}")]
    Unreadable { variable: &'static str, path: String, source: std::io::Error },
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
        let secret = |variable: &'static str| match set(&format!("{variable}_FILE")) {
            None => Ok(set(variable)),
            Some(path) => match read(&path) {
                Ok(text) => Ok(Some(text.trim().to_owned())),
                Err(source) => Err(SettingsError::Unreadable { variable, path, source }),
            },
        };
        let url = secret("AMQP_URL")?.unwrap_or_else(|| "amqp://127.0.0.1:5672/agents".to_owned());
        let mut uri: AMQPUri = url.parse().map_err(|_| SettingsError::Broker)?;
        if let Some(username) = secret("AMQP_USERNAME")? {
            uri.authority.userinfo.username = username;
        }
        if let Some(password) = secret("AMQP_PASSWORD")? {
            uri.authority.userinfo.password = password;
        }
        uri.query.connection_timeout.get_or_insert(10_000);
        uri.query.heartbeat.get_or_insert(30);
        let places = set("AGENT_SWEEP_REPOSITORIES").unwrap_or_else(|| format!("https://{}", hosts.host()));
        let places = places.split([' ', ',', '\n', '\t']).filter(|place| !place.is_empty());
        let grace = match set("AGENT_SWEEP_GRACE") {
            None => GRACE,
            Some(text) => humantime::parse_duration(&text).map_err(|_| SettingsError::Grace(text))?,
        };
        Ok(Self {
            broker: Broker { uri, certificates: secret("AMQP_CA")? },
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
            |path| match path {
                "/secrets/password" => Ok("from a file\n".to_owned()),
                _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
            },
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
    fn the_broker_is_that_of_the_address_with_the_user_of_the_secrets() {
        let found = settings(&[
            ("AMQP_URL", "amqps://rabbitmq:5671/agents"),
            ("AMQP_USERNAME", "sweep"),
            ("AMQP_PASSWORD_FILE", "/secrets/password"),
        ])
        .unwrap();
        let user = &found.broker.uri.authority.userinfo;
        assert_eq!((user.username.as_str(), user.password.as_str()), ("sweep", "from a file"));
        assert_eq!(found.broker.uri.vhost, "agents");
        assert_eq!(found.grace, GRACE);
        for (name, value, message) in [
            ("AMQP_URL", "http://x", "AMQP_URL is not amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST"),
            ("AGENT_SWEEP_GRACE", "soon", "AGENT_SWEEP_GRACE=soon is no duration, such as 90s or 15min"),
            ("AMQP_CA_FILE", "/none", "AMQP_CA_FILE: /none cannot be read: entity not found"),
        ] {
            assert_eq!(settings(&[(name, value)]).err().as_deref(), Some(message));
        }
    }
}
