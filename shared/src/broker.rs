//! The *broker* as both programs are told of it: its address, a user, and the authorities that vouch for it.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionBuilder, ConnectionProperties, ErrorKind,
};
use secrecy::ExposeSecret as _;
use url::{Host, Url};

use crate::authorities;
use crate::env::catalog::{AGENT_AMQP_CA, AGENT_AMQP_PASSWORD, AGENT_AMQP_URL, AGENT_AMQP_USERNAME};
use crate::env::{Environment, SettingError};
use crate::queue;

/// Between two heartbeats, in seconds. A broker that hears nothing for twice as long gives a message that is held to
/// another process; a node that is lost is noticed as late.
const HEARTBEAT: u16 = 30;
/// For the TCP connection, in milliseconds. Without it a host that does not answer uses up the time for everything.
const CONNECTION_TIMEOUT: u64 = 3_000;

/// Where the broker is and how to be believed there.
#[derive(Clone)]
pub struct Broker {
    uri: AMQPUri,
    certificates: Option<String>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the broker cannot be reached")]
    Unreachable(#[source] lapin::Error),
    #[error("the broker refuses the login")]
    Login(#[source] lapin::Error),
    #[error("the broker refuses the virtual host")]
    VirtualHost(#[source] lapin::Error),
    #[error("the broker's certificate is not trusted")]
    Certificate(#[source] lapin::Error),
}

impl Broker {
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        let url = env.read(&AGENT_AMQP_URL)?;
        let mut uri = parse(url.expose_secret()).map_err(|hint| env.refuse(&AGENT_AMQP_URL, "", hint))?;
        if let Some(username) = env.find(&AGENT_AMQP_USERNAME)? {
            uri.authority.userinfo.username = username;
        }
        if let Some(password) = env.find(&AGENT_AMQP_PASSWORD)? {
            password.expose_secret().clone_into(&mut uri.authority.userinfo.password);
        }
        uri.query.connection_timeout.get_or_insert(CONNECTION_TIMEOUT);
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self { uri, certificates: env.find_as(&AGENT_AMQP_CA, parse_certificates)? })
    }

    pub fn virtual_host(&self) -> &str {
        &self.uri.vhost
    }

    /// Authorities in PEM that the broker's certificate is checked against, if not those of the system.
    pub fn certificates(&self) -> Option<&str> {
        self.certificates.as_deref()
    }

    /// Connects once, under a name that the broker lists. The connection is not recovered by itself: a new one would
    /// not hold the messages of the old one.
    pub async fn connect(&self, name: &str) -> Result<Connection, ConnectError> {
        let builder = ConnectionBuilder::new().map_err(ConnectError::Unreachable)?;
        builder
            .with_uri(self.uri.clone())
            .with_properties(ConnectionProperties::default().with_connection_name(name.into()))
            .with_tls_config(OwnedTLSConfig { identity: None, cert_chain: self.certificates.clone() })
            .connect()
            .await
            .map_err(ConnectError::of)
    }
}

impl ConnectError {
    fn of(error: lapin::Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::ProtocolError(refused) => match refused.kind() {
                AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Self::Login,
                AMQPErrorKind::Soft(_)
                | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INVALIDPATH) => {
                    Self::VirtualHost
                }
                AMQPErrorKind::Hard(_) => Self::Unreachable,
            },
            ErrorKind::IOError(error) if is_of_certificate(error) => Self::Certificate,
            _ => Self::Unreachable,
        };
        kind(error)
    }

    /// Whether trying again does not help before somebody changes a setting.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Login(_) | Self::VirtualHost(_) | Self::Certificate(_) => true,
            Self::Unreachable(_) => false,
        }
    }
}

fn is_of_certificate(error: &std::io::Error) -> bool {
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

/// Without the credentials.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        let scheme = if self.uri.scheme == AMQPScheme::AMQPS { "amqps" } else { "amqp" };
        let host = &authority.host;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{}/{}", authority.port, self.uri.vhost)
        } else {
            write!(f, "{scheme}://{host}:{}/{}", authority.port, self.uri.vhost)
        }
    }
}

/// Takes an address apart, or says what is wrong with it, without repeating it: it may hold a password.
///
/// The client's own parser takes the host of an address that it does not understand for `localhost`: that of an IPv6
/// address, and a missing one.
fn parse(text: &str) -> Result<AMQPUri, String> {
    let hint = || AGENT_AMQP_URL.variable().form.hint();
    let url = Url::parse(text).map_err(|_| hint())?;
    if !matches!(url.scheme(), "amqp" | "amqps") || url.cannot_be_a_base() {
        return Err(hint());
    }
    if url.fragment().is_some() {
        return Err("write a `#` in a user name or a password as %23".to_owned());
    }
    let mut uri: AMQPUri = text.parse().map_err(|_| hint())?;
    match url.host() {
        Some(Host::Ipv6(address)) => uri.authority.host = address.to_string(),
        Some(Host::Domain(name)) if !name.is_empty() => {}
        Some(Host::Ipv4(address)) => uri.authority.host = address.to_string(),
        _ => return Err(hint()),
    }
    Ok(uri)
}

/// The properties of a task's message, which no other message has; `sender` is the program that publishes it.
pub fn message_properties(sender: &str, mut headers: FieldTable) -> BasicProperties {
    // The keys of each state are new, and so is what comes of nothing under them.
    let publication = format!("{:016x}", RandomState::new().hash_one(()));
    headers.insert(queue::HEADER_PUBLICATION.into(), AMQPValue::LongString(publication.into()));
    BasicProperties::default()
        .with_content_type(queue::CONTENT_TYPE.into())
        .with_delivery_mode(queue::PERSISTENT)
        .with_type(queue::MESSAGE_TYPE.into())
        .with_app_id(sender.into())
        .with_headers(headers)
}

/// The same with the priority, if it has one.
pub fn with_priority(properties: BasicProperties, priority: Option<u8>) -> BasicProperties {
    match priority {
        Some(priority) => properties.with_priority(priority),
        None => properties,
    }
}

/// A channel in confirm mode: the broker tells of each message what became of it.
pub async fn confirming(connection: &Connection) -> Result<Channel, lapin::Error> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Whether a queue is bound by that name to the exchange of what runs share ([`queue::BUDGET`]). A question that stands in no
/// log, and that closes no channel unless the exchange is missing: a message that nobody would keep comes back. The channel is
/// one of [`confirming`], and takes any number of questions at once.
pub async fn leads_to(channel: &Channel, name: &str) -> Result<bool, lapin::Error> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let (exchange, key) = (queue::BUDGET.into(), name.into());
    let properties = BasicProperties::default();
    let confirmed = channel.basic_publish(exchange, key, options, b"", properties).await?.await?;
    Ok(matches!(confirmed, Confirmation::Ack(None)))
}

/// Checks what is handed to TLS later, which leaves out what it does not understand.
fn parse_certificates(text: &str) -> Result<String, String> {
    authorities::parse(text, &AGENT_AMQP_CA).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made for this test, by `openssl req -x509 -newkey ed25519 -nodes -subj /CN=test -days 36500`.
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBNDCB56ADAgECAhQqFiCav3pIEknHCWhctuAMlodTvzAFBgMrZXAwDzENMAsG
A1UEAwwEdGVzdDAgFw0yNjExMjgxODU1MTNaGA8yMTI2MTEwNDE4NTUxM1owDzEN
MAsGA1UEAwwEdGVzdDAqMAUGAytlcAMhABpGEnrTjVARMKBrj1qYLdKck/JMCuqH
pXMwuUp6DsrBo1MwUTAdBgNVHQ4EFgQU8GCzrNWpb723WN21hk515zKylJkwHwYD
VR0jBBgwFoAU8GCzrNWpb723WN21hk515zKylJkwDwYDVR0TAQH/BAUwAwEB/zAF
BgMrZXADQQCKaWp0rUn1h26qvZtx80Qo3TegRwew/d3HT01IXz9iwImLHobRWIcf
eR9I2S+Q02+C5gSem7lkML/p1iqklEIM
-----END CERTIFICATE-----";

    fn broker(variables: &[(&str, &str)]) -> Result<Broker, String> {
        Broker::from_env(&Environment::of(variables.iter().copied())).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_leads_where_it_says() {
        for (url, shown) in [
            ("amqp://mq.example/agents", "amqp://mq.example:5672/agents"),
            ("amqps://a:b@mq.example/agents?heartbeat=4", "amqps://mq.example:5671/agents"),
            ("amqp://127.0.0.1:5693/agents", "amqp://127.0.0.1:5693/agents"),
            ("amqp://[::1]:5693/agents", "amqp://[::1]:5693/agents"),
            ("amqps://u:p@[2001:db8::7]/agents", "amqps://[2001:db8::7]:5671/agents"),
            ("amqp://mq.example:5672", "amqp://mq.example:5672//"),
        ] {
            assert_eq!(broker(&[("AGENT_AMQP_URL", url)]).unwrap().to_string(), shown);
        }
        let plain = broker(&[]).unwrap();
        assert_eq!(plain.to_string(), "amqp://127.0.0.1:5672/agents");
        assert_eq!((plain.uri.query.heartbeat, plain.uri.query.connection_timeout), (Some(30), Some(3_000)));
    }

    #[test]
    fn a_user_of_its_own_takes_precedence_over_that_of_the_address() {
        let given = broker(&[
            ("AGENT_AMQP_URL", "amqp://a:b@mq.example/agents?heartbeat=4"),
            ("AGENT_AMQP_USERNAME", "task"),
            ("AGENT_AMQP_PASSWORD", "s3cret"),
            ("AGENT_AMQP_CA", CERTIFICATE),
        ])
        .unwrap();
        let user = &given.uri.authority.userinfo;
        assert_eq!((&*user.username, &*user.password), ("task", "s3cret"));
        assert_eq!(given.uri.query.heartbeat, Some(4));
        assert_eq!(given.certificates(), Some(CERTIFICATE));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_with_it() {
        const FORM: &str = "invalid address for AGENT_AMQP_URL: use amqp://HOST:PORT/VHOST or \
                            amqps://HOST:PORT/VHOST, an IPv6 address in brackets";
        for url in [
            "http://u:hunter2@x/agents",
            "amqp:5672",
            "amqp:///agents",
            "amqp://u:hunter2@::1/agents",
            "amqp://[fe80::1%25eth0]/agents",
            "amqp://u:hunter2@x:port/agents",
            "amqp://x/agents?heartbeat=soon",
            "soon",
        ] {
            assert_eq!(broker(&[("AGENT_AMQP_URL", url)]).map(drop), Err(FORM.to_owned()), "{url}");
        }
        assert_eq!(
            broker(&[("AGENT_AMQP_URL", "amqp://u:1#hunter2@x/agents")]).map(drop),
            Err("invalid address for AGENT_AMQP_URL: write a `#` in a user name or a password as %23"
                .to_owned())
        );
        let torn = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----";
        let other = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----";
        for (certificates, expect) in [
            (
                "/etc/ca.crt",
                "invalid certificates \"/etc/ca.crt\" for AGENT_AMQP_CA: use certificates in PEM, or name their file \
                 in AGENT_AMQP_CA_FILE",
            ),
            (
                torn,
                "invalid certificates \"-----BEGIN CERTIFICATE-----\\n!\\n-----END CERTIFICATE-----\" for AGENT_AMQP_CA: use \
                 certificates in PEM, or name their file in AGENT_AMQP_CA_FILE",
            ),
            (
                other,
                "invalid certificates \"-----BEGIN CERTIFICATE-----\\naGVsbG8=\\n-----END CERTIFICATE-----\" for \
                 AGENT_AMQP_CA: certificate 1 cannot be used: invalid peer certificate: BadEncoding",
            ),
        ] {
            assert_eq!(broker(&[("AGENT_AMQP_CA", certificates)]).map(drop), Err(expect.to_owned()));
        }
    }
}
