//! A *push* hands one commit to a remote and moves one branch to it, if the branch is still where we believe it to be.
//!
//! It is the `git-receive-pack` service over smart HTTP (gitprotocol-pack and gitprotocol-http of git's manual). The
//! comparison is made by the host itself, under its lock on the branch. The pack holds what the commit adds to its
//! parents, which the host must have; nothing behind them is read, so a clone of depth one is enough to push from.

mod pack;
mod report;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gix::ObjectId;
use gix::protocol::transport::Service;
use gix::protocol::transport::packetline::blocking_io::encode;
use gix::refs::FullName;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::causes::chain;
use crate::git::remote::{Remote, RemoteError, Session, Watch, connect, tip_of};
use pack::PackError;
use report::Framing;
pub use report::Rejection;

/// The most that is read of the host's account of a push, in bytes. It is a few lines.
const REPORT_BYTES: u64 = 1024 * 1024;

/// Which branch is to move, from where, to what.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// Without `refs/heads/`.
    pub branch: &'a str,
    /// Where the branch must be; `None` if there must be no such branch.
    pub old: Option<ObjectId>,
    /// The commit, whose parents the remote has.
    pub new: ObjectId,
}

/// What one push may take.
#[derive(Clone, Copy, Debug)]
pub struct PushCaps {
    pub time: Duration,
    /// The objects sent, inflated, in bytes together.
    pub bytes: u64,
}

impl Default for PushCaps {
    /// 2 minutes and 64 MiB; a patch is at most 4 MB, and the trees around it are small.
    fn default() -> Self {
        Self { time: Duration::from_mins(2), bytes: 64 * 1024 * 1024 }
    }
}

/// A branch that is where it was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The host reports that it moved the branch.
    Moved { objects: u32, bytes: usize },
    /// The branch was at the commit already, by an earlier push whose answer was lost; nothing was sent.
    AlreadyThere,
}

/// Why a push did not, or may not, have moved the branch.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Nothing was sent that could have moved the branch.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The branch is not where it was expected; nothing was sent.
    #[error("the branch {branch} was {}, not {}", place(.found.as_ref()), place(.expected.as_ref()))]
    Stale { branch: String, expected: Option<ObjectId>, found: Option<ObjectId> },
    #[error("the git host declines the push to {branch}: {reason}{}", in_brackets(.said))]
    Rejected { branch: String, rejection: Rejection, reason: String, said: String },
    #[error("the commit adds more than {limit} bytes, the most that is pushed")]
    TooLarge { limit: u64 },
    /// The commit was sent and the host's answer is missing: read where the branch is before anything is repeated.
    #[error("the push to {branch} may have arrived, but its answer did not: {cause}")]
    Unknown { branch: String, cause: RemoteError },
    #[error("the commit cannot be packed: {reason}")]
    Repository { reason: String },
}

impl PushError {
    /// Whether the same push may succeed a little later, once the branch has been read again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Remote(error) => error.is_transient(),
            Self::Unknown { .. } => true,
            Self::Stale { .. } | Self::Rejected { .. } | Self::TooLarge { .. } | Self::Repository { .. } => {
                false
            }
        }
    }
}

/// Pushes `update.new` from `repo`. Blocks for at most `caps.time`; call it where blocking is allowed.
pub fn push(
    repo: &gix::Repository,
    remote: &Remote,
    update: &Update<'_>,
    caps: &PushCaps,
    interrupt: &AtomicBool,
) -> Result<Pushed, PushError> {
    let Update { branch, old, new } = *update;
    let name = format!("refs/heads/{branch}");
    FullName::try_from(name.as_str()).map_err(|error| PushError::Repository { reason: chain(&error) })?;

    let watch = Watch::start(caps.time, interrupt);
    let session = Session::open(remote, &watch)?;
    let handshake = connect(&session, Service::ReceivePack)?.handshake;
    let found = tip_of(handshake.refs.as_deref().unwrap_or_default(), &name);
    if found == Some(new) {
        return Ok(Pushed::AlreadyThere);
    }
    if found != old {
        return Err(PushError::Stale { branch: branch.to_owned(), expected: old, found });
    }
    let offers = |capability: &str| handshake.capabilities.contains(capability);
    if !offers("report-status") {
        let reason = "it does not report what became of a push".to_owned();
        return Err(RemoteError::Protocol { reason }.into());
    }
    let framing = if offers("side-band-64k") { Framing::SideBand } else { Framing::Plain };

    let pack = pack::of_commit(repo, new, caps.bytes).map_err(|error| match error {
        PackError::TooLarge => PushError::TooLarge { limit: caps.bytes },
        PackError::Unreadable(error) => PushError::Repository { reason: chain(&error) },
    })?;
    watch.check()?;
    let sent = Pushed::Moved { objects: pack.objects, bytes: pack.bytes.len() };
    let body = request(&name, old, new, framing, &pack.bytes)
        .map_err(|error| PushError::Repository { reason: chain(&error) })?;

    let unknown = |cause| PushError::Unknown { branch: branch.to_owned(), cause };
    let answer = send(&session, body).map_err(|error| match error {
        // The host refused the request as a whole, or never had it.
        RemoteError::NoAccess { .. }
        | RemoteError::Unreachable { .. }
        | RemoteError::Redirected { .. }
        | RemoteError::Client { .. }
        | RemoteError::Busy { status: 429, .. } => PushError::Remote(error),
        RemoteError::Busy { .. }
        | RemoteError::Dropped { .. }
        | RemoteError::TimedOut { .. }
        | RemoteError::Interrupted
        | RemoteError::TooLarge { .. }
        | RemoteError::Protocol { .. } => unknown(error),
    })?;
    let report = report::parse(&answer, framing).map_err(|malformed| {
        unknown(RemoteError::Protocol { reason: session.heard(&malformed.to_string()) })
    })?;
    match report.verdict(&name) {
        None => {
            let reason = "the report does not name the branch".to_owned();
            Err(unknown(RemoteError::Protocol { reason }))
        }
        Some(Ok(())) => Ok(sent),
        Some(Err(reason)) => Err(PushError::Rejected {
            branch: branch.to_owned(),
            rejection: Rejection::of(&reason, &report.said),
            reason: session.heard(&reason),
            said: session.heard(&report.said),
        }),
    }
}

/// One command, its capabilities, and the pack.
fn request(
    name: &str,
    old: Option<ObjectId>,
    new: ObjectId,
    framing: Framing,
    pack: &[u8],
) -> std::io::Result<Vec<u8>> {
    let old = old.unwrap_or_else(|| new.kind().null());
    let band = match framing {
        Framing::SideBand => " side-band-64k",
        Framing::Plain => "",
    };
    let (agent_key, agent) = crate::git::remote::agent();
    let agent = agent.unwrap_or_default();
    let command = format!("{old} {new} {name}\0 report-status{band} {agent_key}={agent}");
    let mut body = Vec::with_capacity(command.len() + 16 + pack.len());
    encode::data_to_write(command.as_bytes(), &mut body)?;
    encode::flush_to_write(&mut body)?;
    body.extend_from_slice(pack);
    Ok(body)
}

/// Sends the request and reads the whole answer.
fn send(session: &Session<'_>, body: Vec<u8>) -> Result<Vec<u8>, RemoteError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-git-receive-pack-request"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/x-git-receive-pack-result"));
    session.allow(session.received() + REPORT_BYTES);
    let mut response = session.post("git-receive-pack", &headers, body)?;
    let mut answer = Vec::new();
    while let Some(chunk) = session.chunk(&mut response)? {
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}

fn place(at: Option<&ObjectId>) -> String {
    at.map_or_else(|| "missing".to_owned(), |id| format!("at {id}"))
}

fn in_brackets(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}
