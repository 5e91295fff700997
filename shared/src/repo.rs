//! A *repository*: a host, a path of an owner and a name, and the address made from them.
//!
//! An address that comes from outside is taken apart by the strict grammar below and never used itself: what
//! reaches the network is [`Repo::url`], rebuilt from validated parts.
//!
//! ```text
//! https://HOST/OWNER/NAME[.git]      HOST is the one that the policy names
//! http://LOOPBACK:PORT/OWNER/NAME    only where the policy opts in: 127.0.0.1, localhost or [::1]
//! ```
//!
//! On GitHub the owner is an account. A forge that keeps repositories in groups, and these in other groups, has paths
//! of more parts: there the owner is `GROUP/SUBGROUP`, as deep as that goes. The policy says which of the two it is.
//! None of the forges that are supported so far has groups.

use std::fmt;

use crate::env::catalog::{AGENT_ALLOW_LOOPBACK, AGENT_GITHUB_HOST};
use crate::env::{Environment, SettingError};

/// The host that repositories may live on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPolicy {
    host: String,
    loopback: Loopback,
    paths: Paths,
}

/// Whether plain http to this machine is allowed in addition to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loopback {
    Refused,
    Allowed,
}

/// What the paths of repositories look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paths {
    /// `OWNER/NAME`, by GitHub's rules.
    Owners,
    /// `GROUP/NAME` with any number of subgroups between them, by GitLab's rules.
    Groups,
}

/// The text is no host name: letters, digits, dots and hyphens, at least one dot, at most 253 bytes, not an
/// address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host name")]
pub struct HostError(String);

impl HostPolicy {
    /// Repositories of github.com.
    pub fn github() -> Self {
        Self { host: "github.com".to_owned(), loopback: Loopback::Refused, paths: Paths::Owners }
    }

    /// The host that the operator chose.
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        let hint = || AGENT_GITHUB_HOST.variable().form.hint();
        let hosts = env.read_as(&AGENT_GITHUB_HOST, |host| Self::of(host).map_err(|_| hint()))?;
        Ok(if env.read(&AGENT_ALLOW_LOOPBACK)? { hosts.and_loopback() } else { hosts })
    }

    /// Repositories of one GitHub Enterprise Server.
    pub fn of(host: &str) -> Result<Self, HostError> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let named =
            host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()));
        if host.len() > 253 || !host.contains('.') || !named || !host.split('.').all(label) {
            return Err(HostError(host.to_owned()));
        }
        Ok(Self { host: host.to_ascii_lowercase(), loopback: Loopback::Refused, paths: Paths::Owners })
    }

    /// Also takes repositories that this machine serves over plain http: for tests and debugging, never where
    /// strangers can reach the queue.
    #[must_use]
    pub fn and_loopback(self) -> Self {
        Self { loopback: Loopback::Allowed, ..self }
    }

    /// Takes the repositories of a forge with groups in the place of those of GitHub.
    #[must_use]
    pub fn with_groups(self) -> Self {
        Self { paths: Paths::Groups, ..self }
    }

    /// Whether plain http to this machine is taken, for debugging.
    pub fn allows_loopback(&self) -> bool {
        self.loopback == Loopback::Allowed
    }

    pub fn host(&self) -> &str {
        &self.host
    }
}

/// A repository on an allowed host.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Repo {
    /// Scheme and authority, such as `https://github.com`.
    origin: String,
    /// One part, or several with `/` between them where the forge has groups.
    owner: String,
    name: String,
}

/// Why an address is not taken for a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepoError {
    #[error("the repository address is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("the repository address has a character that is not printable ASCII")]
    NotAscii,
    #[error("the repository address has a `\\` or a `%`: it must be written plainly")]
    Escaped,
    #[error("the repository address does not start with `https://`")]
    Scheme,
    #[error("the repository address holds a user name or password")]
    UserInfo,
    #[error("the repository address names a port")]
    Port,
    #[error("the repository is on `{0}`, which is not the configured host")]
    Host(String),
    #[error("the repository address has a query")]
    Query,
    #[error("the repository address has a fragment")]
    Fragment,
    #[error("the repository address is not `OWNER/NAME` after the host")]
    Path,
    #[error("the owner is not 1 to 39 letters, digits, `-` or `_`, starting with a letter or digit")]
    Owner,
    #[error("the name is not 1 to 100 letters, digits, `.`, `-` or `_`, or is one that GitHub reserves")]
    Name,
    #[error("the repository address is not `GROUP/NAME`, with at most {MAX_GROUPS} groups, after the host")]
    GroupPath,
    #[error(
        "`{0}` in the repository address is not letters, digits, `.`, `-` or `_` with a letter or digit at both ends, \
         or ends with `.git` or `.atom`"
    )]
    Slug(String),
}

/// Longer than any address of GitHub that fits the grammar: a host of 253, an owner of 39, a name of 100.
const MAX_BYTES: usize = 512;

/// How deep groups may lie in each other.
const MAX_GROUPS: usize = 20;

impl Repo {
    /// Takes an address apart by the grammar of this module.
    pub fn parse(address: &str, policy: &HostPolicy) -> Result<Self, RepoError> {
        if address.len() > MAX_BYTES {
            return Err(RepoError::TooLong);
        }
        if !address.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(RepoError::NotAscii);
        }
        if address.contains(['\\', '%']) {
            return Err(RepoError::Escaped);
        }
        let (scheme, rest) = address.split_once("://").ok_or(RepoError::Scheme)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let origin = match scheme.to_ascii_lowercase().as_str() {
            "https" => https_origin(authority, policy)?,
            "http" if policy.loopback == Loopback::Allowed => loopback_origin(authority)?,
            _ => return Err(RepoError::Scheme),
        };
        if path.contains('#') {
            return Err(RepoError::Fragment);
        }
        if path.contains('?') {
            return Err(RepoError::Query);
        }
        let (owner, name) = match policy.paths {
            Paths::Owners => owner_and_name(path)?,
            Paths::Groups => groups_and_name(path)?,
        };
        Ok(Self { origin, owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The account that the repository belongs to, or the groups that it lies in, with `/` between them.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The name without `.git`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host, with its port where it is this machine.
    pub fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The address for people, also good for git: `https://github.com/octo/hello`.
    pub fn url(&self) -> String {
        format!("{}/{}/{}", self.origin, self.owner, self.name)
    }
}

/// The path: `OWNER/NAME`, as GitHub's `full_name`.
impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl fmt::Debug for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

fn https_origin(authority: &str, policy: &HostPolicy) -> Result<String, RepoError> {
    if authority.contains('@') {
        return Err(RepoError::UserInfo);
    }
    if authority.rsplit_once(':').is_some_and(|(host, _)| !host.starts_with('[') || host.ends_with(']')) {
        return Err(RepoError::Port);
    }
    if !authority.eq_ignore_ascii_case(&policy.host) {
        return Err(RepoError::Host(authority.to_owned()));
    }
    Ok(format!("https://{}", policy.host))
}

fn loopback_origin(authority: &str) -> Result<String, RepoError> {
    if authority.contains('@') {
        return Err(RepoError::UserInfo);
    }
    let (host, port) = authority.rsplit_once(':').ok_or(RepoError::Port)?;
    if !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
        return Err(RepoError::Host(authority.to_owned()));
    }
    // Digits only: the standard parser would take a sign.
    let port: u16 = Some(port)
        .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|port| port.parse().ok())
        .ok_or(RepoError::Port)?;
    Ok(format!("http://{host}:{port}"))
}

fn owner_and_name(path: &str) -> Result<(&str, &str), RepoError> {
    let (owner, name) = path
        .strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .filter(|(_, name)| !name.contains('/'))
        .ok_or(RepoError::Path)?;
    if !crate::user::is_login(owner) {
        return Err(RepoError::Owner);
    }
    let name = name.strip_suffix(".git").unwrap_or(name);
    if is_name(name) { Ok((owner, name)) } else { Err(RepoError::Name) }
}

fn groups_and_name(path: &str) -> Result<(&str, &str), RepoError> {
    let (groups, name) =
        path.strip_prefix('/').and_then(|path| path.rsplit_once('/')).ok_or(RepoError::GroupPath)?;
    if groups.split('/').count() > MAX_GROUPS {
        return Err(RepoError::GroupPath);
    }
    let name = name.strip_suffix(".git").unwrap_or(name);
    match groups.split('/').chain([name]).find(|part| !is_slug(part)) {
        Some("") => Err(RepoError::GroupPath),
        Some(part) => Err(RepoError::Slug(part.to_owned())),
        None => Ok((groups, name)),
    }
}

/// GitLab's rule for the parts of a path (<https://docs.gitlab.com/user/reserved_names/>).
fn is_slug(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let reserved = part.rsplit_once('.').is_some_and(|(_, end)| matches!(end, "git" | "atom"));
    part.starts_with(is_plain)
        && part.ends_with(is_plain)
        && part.chars().all(|c| is_plain(c) || matches!(c, '.' | '-' | '_'))
        && !reserved
}

/// GitHub's rule for names. `NAME.wiki` is the address of another repository, the wiki of NAME.
fn is_name(name: &str) -> bool {
    let reserved = match name.rsplit_once('.') {
        Some((_, end)) => end.eq_ignore_ascii_case("git") || end.eq_ignore_ascii_case("wiki"),
        None => false,
    };
    (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && !matches!(name, "." | "..")
        && !reserved
}

#[cfg(test)]
mod tests;
