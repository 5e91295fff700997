//! The *report* is a host's account of a push: whether the pack was taken in, and what became of each branch.
//!
//! ```text
//! unpack ok                                        or   unpack REASON
//! ok refs/heads/NAME                               or   ng refs/heads/NAME REASON
//! ```
//!
//! Lines are packet lines, ended by a flush. With a side band they are carried in band 1, while band 2 holds what the
//! host says to people, and band 3 that it gave up (report-status and side-band-64k in gitprotocol-pack of git's manual).

use gix::bstr::ByteSlice as _;
use gix::protocol::transport::packetline::PacketLineRef;
use gix::protocol::transport::packetline::decode::{Stream, streaming};

/// How much of the host's words to people is kept, in bytes.
const SAID_BYTES: usize = 16 * 1024;

/// How the report is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    SideBand,
    Plain,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    unpack: Result<(), String>,
    branches: Vec<(String, Result<(), String>)>,
    /// What the host says to people.
    pub(super) said: String,
}

/// Why an answer is no report.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the report of the push ends in its middle")]
    CutShort,
    #[error("the host gave up: {0}")]
    GaveUp(String),
    #[error("the report of the push holds {0:?}")]
    Unexpected(String),
}

impl Report {
    /// What became of the reference; `None` if the report does not say.
    pub(super) fn verdict(&self, name: &str) -> Option<Result<(), String>> {
        let branch =
            self.branches.iter().find(|(found, _)| found == name).map(|(_, verdict)| verdict.clone());
        match (&self.unpack, branch) {
            // Why the pack was not taken in says more than the "unpacker error" that follows from it.
            (Err(reason), _) => Some(Err(reason.clone())),
            (Ok(()), branch) => branch,
        }
    }
}

pub(super) fn parse(answer: &[u8], framing: Framing) -> Result<Report, Malformed> {
    match framing {
        Framing::Plain => parse_lines(answer, String::new()),
        Framing::SideBand => {
            let (lines, said) = unband(answer)?;
            parse_lines(&lines, said)
        }
    }
}

/// Separates the report from what is said to people.
fn unband(answer: &[u8]) -> Result<(Vec<u8>, String), Malformed> {
    let (mut lines, mut said) = (Vec::new(), Vec::new());
    let mut rest = answer;
    while let Some(payload) = next(&mut rest)? {
        match payload.split_first() {
            Some((1, data)) => lines.extend_from_slice(data),
            Some((2, data)) => said.extend(data.iter().take(SAID_BYTES.saturating_sub(said.len()))),
            Some((3, data)) => return Err(Malformed::GaveUp(data.to_str_lossy().trim().to_owned())),
            _ => return Err(Malformed::Unexpected(payload.to_str_lossy().into_owned())),
        }
    }
    Ok((lines, said.to_str_lossy().trim().to_owned()))
}

fn parse_lines(lines: &[u8], said: String) -> Result<Report, Malformed> {
    let mut unpack = None;
    let mut branches = Vec::new();
    let mut rest = lines;
    while let Some(payload) = next(&mut rest)? {
        let line = payload.to_str_lossy();
        let line = line.trim_end_matches('\n');
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("unpack"), Some("ok"), None) => unpack = Some(Ok(())),
            (Some("unpack"), Some(_), _) => unpack = Some(Err(line["unpack ".len()..].to_owned())),
            (Some("ok"), Some(name), None) => branches.push((name.to_owned(), Ok(()))),
            (Some("ng"), Some(name), reason) => {
                branches.push((name.to_owned(), Err(reason.unwrap_or("no reason given").to_owned())));
            }
            _ => return Err(Malformed::Unexpected(line.to_owned())),
        }
    }
    let unpack = unpack.ok_or(Malformed::CutShort)?;
    Ok(Report { unpack, branches, said })
}

/// The next packet line; `None` at the flush that ends them.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    match streaming(rest) {
        Ok(Stream::Complete { line: PacketLineRef::Data(data), bytes_consumed }) => {
            *rest = &rest[bytes_consumed..];
            Ok(Some(data))
        }
        Ok(Stream::Complete { line: PacketLineRef::Flush, .. }) => Ok(None),
        Ok(Stream::Incomplete { .. }) => Err(Malformed::CutShort),
        Ok(Stream::Complete { .. }) | Err(_) => {
            Err(Malformed::Unexpected(rest[..rest.len().min(60)].to_str_lossy().into_owned()))
        }
    }
}

/// What a host has against a push, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Someone else moved or made the branch in the meantime.
    Stale,
    /// A branch whose name is the beginning of ours, or continues it, is in the way.
    NameTaken,
    /// The branch is protected, or a rule of the repository forbids the change.
    Protected,
    /// The host found something that looks like a secret.
    Secret,
    /// The change touches a workflow, which the token may not.
    Workflow,
    /// A file or the pack is larger than the host takes.
    TooLarge,
    /// A hook of the host's declined.
    Hook,
    /// Any other reason.
    Other,
}

impl Rejection {
    /// Tells rejections apart by the words of git's receive-pack and of GitHub's hooks, which have no codes that all
    /// hosts share. What is said to people is read first: its `GH` numbers are exact where the reason is not.
    pub(super) fn of(reason: &str, said: &str) -> Self {
        /// The first line of which a word occurs decides.
        const WORDS: &[(Rejection, &[&str])] = &[
            (Rejection::Secret, &["gh009", "push protection", "cannot contain secrets", "detected secret"]),
            (Rejection::Workflow, &["without `workflow` scope", "without `workflows` permission"]),
            (Rejection::TooLarge, &["gh001", "maximum allowed size", "exceeds github's file size limit"]),
            (Rejection::Protected, &["gh006", "gh013", "protected branch", "repository rule"]),
            (Rejection::NameTaken, &["' exists; cannot create"]),
            (
                Rejection::Stale,
                &[
                    "non-fast-forward",
                    "fetch first",
                    "stale info",
                    "but expected",
                    "incorrect old value",
                    "reference already exists",
                    "reference does not exist",
                    "unable to resolve reference",
                ],
            ),
            (Rejection::Hook, &["hook declined"]),
        ];
        let text = format!("{reason}\n{said}").to_lowercase();
        WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| text.contains(word)))
            .map_or(Self::Other, |(rejection, _)| *rejection)
    }
}

#[cfg(test)]
mod tests;
