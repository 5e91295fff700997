//! The *settings* of a delivery: where the broker is, and how long things may take.

use std::path::PathBuf;
use std::time::Duration;

use lapin::uri::AMQPUri;

use crate::broker::Broker;
use crate::config::Setting;
use crate::probe;

/// The variables that [`Settings::from_env`] reads. Those of the broker are the same for both programs, and each may be
/// given as `…_FILE`, the path of a file that holds the value.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "AMQP_URL",
        default: "amqp://127.0.0.1:5672/agents",
        meaning: "the broker: amqp or amqps, with the virtual host",
    },
    Setting { name: "AMQP_USERNAME", default: "that of AMQP_URL", meaning: "user of the broker" },
    Setting { name: "AMQP_PASSWORD", default: "that of AMQP_URL", meaning: "its password" },
    Setting {
        name: "AMQP_CA",
        default: "the system's",
        meaning: "certificates in PEM that the broker's is checked against",
    },
    Setting {
        name: "AMQP_MANAGEMENT_URL",
        default: "",
        meaning: "for `task doctor`: the broker's management interface, as `http://USER:PASSWORD@HOST:15672`, to look at its policies",
    },
    Setting { name: "POD_NAME", default: "task", meaning: "name of the connection, as the broker lists it" },
    Setting {
        name: "AGENT_QUEUE_WAIT",
        default: "5s",
        meaning: "how long an empty queue is looked into before the process ends",
    },
    Setting {
        name: "AGENT_RETRY_PAUSE",
        default: "30s",
        meaning: "how long a task is held after a passing failure before it is given out again",
    },
    Setting {
        name: "AGENT_READY_FILE",
        default: "task-ready in the temporary folder",
        meaning: "the file that is there while a task is held; its folder must be private",
    },
];

/// Between two heartbeats, in seconds. A broker that hears nothing for twice as long gives the message to another
/// process; a node that is lost is noticed as late.
const HEARTBEAT_SECONDS: u16 = 30;
/// For the TCP connection, in milliseconds.
const CONNECTION_TIMEOUT: u64 = 3_000;

/// See the module's documentation.
pub struct Settings {
    pub broker: Broker,
    /// Where the doctor sees the broker's policies.
    pub management: Option<String>,
    /// Of the connection.
    pub name: String,
    pub wait: Duration,
    pub pause: Duration,
    pub ready_file: PathBuf,
}

/// What is wrong with the settings, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value may hold a password and is not repeated.
    #[error("AMQP_URL is not amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST")]
    Url,
    #[error("{path}, which {name}_FILE names, cannot be read: {source}")]
    Unreadable { name: &'static str, path: String, source: std::io::Error },
    #[error("{name}={given} is no duration, such as 90s or 45min")]
    Duration { name: &'static str, given: String },
}

impl Settings {
    /// Reads the environment through `get`, and files through `read`.
    pub fn from_env(
        get: impl Fn(&str) -> Option<String>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, SettingsError> {
        let duration = |name: &'static str, default| match get(name) {
            None => Ok(default),
            Some(given) => {
                humantime::parse_duration(given.trim()).map_err(|_| SettingsError::Duration { name, given })
            }
        };
        Ok(Self {
            broker: Broker::from_env(&get, &read)?,
            management: given("AMQP_MANAGEMENT_URL", &get, &read)?.filter(|url| !url.is_empty()),
            name: get("POD_NAME").unwrap_or_else(|| "task".to_owned()),
            wait: duration("AGENT_QUEUE_WAIT", Duration::from_secs(5))?,
            pause: duration("AGENT_RETRY_PAUSE", Duration::from_secs(30))?,
            ready_file: probe::path(get),
        })
    }
}

/// A variable, or the text of the file that `…_FILE` names.
fn given(
    name: &'static str,
    get: impl Fn(&str) -> Option<String>,
    read: impl Fn(&str) -> std::io::Result<String>,
) -> Result<Option<String>, SettingsError> {
    if let Some(value) = get(name) {
        return Ok(Some(value));
    }
    let Some(path) = get(&format!("{name}_FILE")) else { return Ok(None) };
    match read(&path) {
        Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
        Err(source) => Err(SettingsError::Unreadable { name, path, source }),
    }
}

impl Broker {
    /// Reads the variables `AMQP_…`, of which each may be given as `…_FILE`.
    pub fn from_env(
        get: impl Fn(&str) -> Option<String>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, SettingsError> {
        let set = |name| given(name, &get, &read);
        let url = set("AMQP_URL")?.unwrap_or_else(|| "amqp://127.0.0.1:5672/agents".to_owned());
        let mut uri: AMQPUri = url.parse().map_err(|_| SettingsError::Url)?;
        if let Some(username) = set("AMQP_USERNAME")? {
            uri.authority.userinfo.username = username;
        }
        if let Some(password) = set("AMQP_PASSWORD")? {
            uri.authority.userinfo.password = password;
        }
        uri.query.connection_timeout.get_or_insert(CONNECTION_TIMEOUT);
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Self { uri, certificates: set("AMQP_CA")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::from_env(get, |path| match path {
            "/password" => Ok("s3cret\n".to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        })
    }

    #[test]
    fn the_broker_is_named_as_for_the_other_program() {
        let given = settings(&[
            ("AMQP_URL", "amqps://a:b@mq.example:5671/agents?heartbeat=4"),
            ("AMQP_USERNAME", "task"),
            ("AMQP_PASSWORD_FILE", "/password"),
        ]);
        let uri = given.unwrap().broker.uri;
        assert_eq!(
            (uri.authority.host.as_str(), uri.authority.port, uri.vhost.as_str()),
            ("mq.example", 5671, "agents")
        );
        assert_eq!(uri.authority.userinfo.username, "task");
        assert_eq!(uri.authority.userinfo.password, "s3cret");
        assert_eq!((uri.query.heartbeat, uri.query.connection_timeout), (Some(4), Some(3_000)));

        let plain = settings(&[]).unwrap();
        let uri = plain.broker.uri;
        assert_eq!(
            (uri.authority.host.as_str(), uri.authority.port, uri.vhost.as_str()),
            ("127.0.0.1", 5672, "agents")
        );
        assert_eq!(uri.query.heartbeat, Some(30));
        assert_eq!((plain.wait, plain.pause), (Duration::from_secs(5), Duration::from_secs(30)));
    }

    #[test]
    fn says_which_variable_is_wrong() {
        for (name, value, message) in [
            (
                "AMQP_URL",
                "https://a:b@c",
                "AMQP_URL is not amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST",
            ),
            (
                "AMQP_PASSWORD_FILE",
                "/none",
                "/none, which AMQP_PASSWORD_FILE names, cannot be read: entity not found",
            ),
            ("AGENT_RETRY_PAUSE", "soon", "AGENT_RETRY_PAUSE=soon is no duration, such as 90s or 45min"),
        ] {
            assert_eq!(settings(&[(name, value)]).err().unwrap().to_string(), message);
        }
    }
}
