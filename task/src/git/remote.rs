//! A *remote* is a repository on a git host: its address, and the token that opens it.
//!
//! It is spoken to over smart HTTP alone, in the words of gix and through an HTTP client of our own, so that four
//! things hold whatever the host answers: the token travels in the `Authorization` header of requests to the address's
//! own scheme, host and port and nowhere else; every conversation ends by its deadline, also when the host falls
//! silent; no more bytes are taken than were allowed; and what went wrong is a type, not a text.

mod session;
mod upload_pack;
mod wire;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::network::Network;

pub(crate) use session::Session;
pub(crate) use upload_pack::{Head, UploadPack, agent, head_of, tip_of};
pub(crate) use wire::connect;

/// The user name that goes with a token. GitHub asks for exactly this one with an installation's token
/// (its documentation, "Authenticating as a GitHub App installation"); GitLab, Gitea and GitHub's personal tokens take any.
const USER: &str = "x-access-token";

/// The longest text of a host's that an error repeats, in characters.
const SAID_CHARS: usize = 400;

/// The address of a repository, and the token for it if it is not public.
#[derive(Clone)]
pub struct Remote {
    url: Url,
    token: Option<SecretString>,
    network: Network,
}

/// Why an address is not one of a repository that we would talk to. The address is not repeated: it may hold a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the repository's address is not a URL: {0}")]
    NotAUrl(url::ParseError),
    #[error("the repository's address begins with {0}://; only https:// is supported")]
    Scheme(String),
    #[error("the repository's address holds a user name or password; give the token on its own")]
    Credentials,
    #[error("the repository's address goes on after the path, with a query or a fragment")]
    Trailing,
    #[error("the repository's address has a host and no path")]
    NoPath,
}

impl Remote {
    /// Parses an `https` address. Plain `http` is taken for the machine itself only (a loopback address).
    pub fn new(address: &str, token: Option<SecretString>) -> Result<Self, AddressError> {
        let mut url = Url::parse(address).map_err(AddressError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            other => return Err(AddressError::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Trailing);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.is_empty() {
            return Err(AddressError::NoPath);
        }
        url.set_path(&path);
        Ok(Self { url, token, network: Network::default() })
    }

    /// The same, reached by this way.
    #[must_use]
    pub fn through(self, network: &Network) -> Self {
        Self { network: network.clone(), ..self }
    }

    /// The value of the `Authorization` header: HTTP basic authentication, as git hosts expect it.
    fn authorization(&self) -> Option<HeaderValue> {
        let token = self.token.as_ref()?.expose_secret();
        let encoded = BASE64.encode(format!("{USER}:{token}"));
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).expect("base64 is visible ASCII");
        value.set_sensitive(true);
        Some(value)
    }

    /// A host's text as an error may repeat it: one line, short, nothing invisible, and without our token.
    fn heard(&self, text: &str) -> String {
        let text = match &self.token {
            Some(token) if !token.expose_secret().is_empty() => text.replace(token.expose_secret(), "***"),
            _ => text.to_owned(),
        };
        let visible: String = text
            .chars()
            .map(|char| {
                if char.is_whitespace() || char.is_control() || crate::path::is_hidden(char) {
                    ' '
                } else {
                    char
                }
            })
            .collect();
        visible.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID_CHARS).collect()
    }
}

/// The address; never the token.
impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Why a conversation with a remote came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("{}", no_access(*.status, .said))]
    NoAccess { status: u16, said: String },
    #[error("the git host is overloaded or being repaired (HTTP {status}){}", after_colon(.said))]
    Busy { status: u16, said: String },
    /// Nothing was sent: there was no connection to send it on.
    #[error("the git host cannot be reached: {reason}")]
    Unreachable { reason: String },
    /// Something may have been sent and acted upon.
    #[error("the connection to the git host broke: {reason}")]
    Dropped { reason: String },
    #[error("the git host did not finish within {}", humantime::format_duration(*.limit))]
    TimedOut { limit: Duration },
    #[error("stopped while talking to the git host")]
    Interrupted,
    #[error(
        "the git host sent more than {limit} bytes, the most that is taken; raise the limit or use a smaller repository"
    )]
    TooLarge { limit: u64 },
    #[error(
        "the git host redirects to {to}, where our token does not belong; configure that address instead"
    )]
    Redirected { to: String },
    #[error("the git host's answer is not understood: {reason}")]
    Protocol { reason: String },
    #[error("no HTTPS client can be made here: {reason}")]
    Client { reason: String },
}

impl RemoteError {
    /// Whether the same request may succeed a little later, with nobody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Unreachable { .. } | Self::Dropped { .. } | Self::TimedOut { .. } => {
                true
            }
            Self::NoAccess { .. }
            | Self::Interrupted
            | Self::TooLarge { .. }
            | Self::Redirected { .. }
            | Self::Protocol { .. }
            | Self::Client { .. } => false,
        }
    }
}

fn no_access(status: u16, said: &str) -> String {
    let reason = match status {
        401 => "the git host does not accept the token; it is missing, wrong, or has expired",
        403 => {
            "the git host refuses: the token lacks the permission, or the repository is archived or blocked"
        }
        _ => "there is no such repository, or the token does not reach it",
    };
    format!("{reason} (HTTP {status}){}", after_colon(said))
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// When a conversation must end: at its deadline, or once its caller has set the flag.
pub(crate) struct Watch<'a> {
    limit: Duration,
    deadline: Instant,
    interrupt: &'a AtomicBool,
}

impl<'a> Watch<'a> {
    pub(crate) fn start(limit: Duration, interrupt: &'a AtomicBool) -> Self {
        Self { limit, deadline: Instant::now() + limit, interrupt }
    }

    pub(crate) fn check(&self) -> Result<(), RemoteError> {
        if self.interrupt.load(Ordering::Relaxed) {
            Err(RemoteError::Interrupted)
        } else if Instant::now() >= self.deadline {
            Err(RemoteError::TimedOut { limit: self.limit })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
