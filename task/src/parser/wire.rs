//! What a parser process is asked, what it answers, and how both pass through its socket.
//!
//! A request is the length of a header, the length of a text, the header as JSON, and the text as it is; an answer is a
//! length and JSON. A length has four bytes, the least significant first, and none may exceed its cap.
//!
//! Whoever answers has read a stranger's text with a parser that may have broken over it. So nothing of an answer is
//! used before [`Answer::checked`] has held it against the text.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::MAX_BYTES;
use crate::language::Language;

/// The longest header of a request in bytes. Only the places that it asks about make it long.
const MAX_HEADER: usize = 1 << 20;
/// The longest answer in bytes.
const MAX_ANSWER: usize = 8 << 20;
/// Errors of one kind that are kept of one text; what lies behind so many adds nothing.
pub(super) const MAX_ERRORS: usize = 2_000;
/// Definitions that are kept of one text.
pub(super) const MAX_DEFINITIONS: usize = 10_000;
/// Longest signature of a definition, in characters.
pub(super) const MAX_SIGNATURE: usize = 160;
/// Longest name of a definition in bytes; what is longer is an expression.
pub(super) const MAX_NAME: usize = 120;
/// Definitions that may enclose one that is kept.
pub(super) const MAX_DEPTH: usize = 24;
/// The longest message of a parser, in bytes.
pub(super) const MAX_MESSAGE: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) language: Language,
    pub(super) job: Job,
    /// Milliseconds after which the answer is that time is up.
    pub(super) within: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Job {
    Outline,
    /// The errors of the text, and what encloses these bytes of it.
    Check {
        places: Vec<usize>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Outline(Vec<Definition>),
    Findings(Findings),
    Failed(Failure),
}

/// A named piece of code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub name: String,
    /// What stands before the body, on one line.
    pub signature: String,
    /// First and last line, 1-based, with the comments and attributes right above.
    pub lines: (usize, usize),
    /// How many definitions enclose it.
    pub depth: usize,
}

/// Why a parser that is alive has nothing to say of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failure {
    TooDeep,
    OutOfTime,
    /// The process could not give up what it must not be able to do, and read nothing.
    Unconfined(String),
    /// In the parser's words.
    Other(String),
}

/// What a parser found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// In the order of the text, the outer before those inside it.
    pub(crate) errors: Vec<ParseError>,
    /// What encloses each place that was asked about.
    pub(crate) holders: Vec<Option<Holder>>,
}

/// An error at a place of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParseError {
    /// Bytes of the text; empty where something is missing.
    pub(crate) range: Range<usize>,
    pub(crate) fault: ParseFault,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ParseFault {
    /// The grammar has no place for this text.
    Unexpected,
    /// The parser went on as if this token stood here.
    Missing(String),
    /// In the words of the Python parser.
    Python(String),
}

/// A piece of a text that is not code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub(crate) kind: HolderKind,
    pub(crate) range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HolderKind {
    Comment,
    /// A string, a heredoc, a block scalar.
    String,
}

/// An answer that no sound parser gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its answer does not fit the text")]
pub(super) struct Unsound;

impl Answer {
    /// The answer, if it can be one to `request` about `text`.
    pub(super) fn checked(self, request: &Request, text: &str) -> Result<Self, Unsound> {
        let sound = match (&self, &request.job) {
            (Self::Outline(definitions), Job::Outline) => {
                let lines = text.lines().count().max(1);
                definitions.len() <= MAX_DEFINITIONS
                    && definitions.iter().all(|definition| is_sound(definition, lines))
            }
            (Self::Findings(findings), Job::Check { places }) => {
                findings.errors.len() <= MAX_ERRORS
                    && findings.errors.iter().all(|error| error.is_sound(text))
                    && findings.holders.len() == places.len()
                    && findings.holders.iter().zip(places).all(|(holder, at)| {
                        holder.as_ref().is_none_or(|holder| {
                            text.get(holder.range.clone()).is_some() && holder.range.contains(at)
                        })
                    })
            }
            (Self::Failed(Failure::TooDeep | Failure::OutOfTime), _) => true,
            (Self::Failed(Failure::Unconfined(why) | Failure::Other(why)), _) => is_message(why),
            (Self::Outline(_), Job::Check { .. }) | (Self::Findings(_), Job::Outline) => false,
        };
        if sound { Ok(self) } else { Err(Unsound) }
    }
}

impl ParseError {
    fn is_sound(&self, text: &str) -> bool {
        text.get(self.range.clone()).is_some()
            && match &self.fault {
                ParseFault::Unexpected => true,
                ParseFault::Missing(message) | ParseFault::Python(message) => is_message(message),
            }
    }
}

fn is_sound(definition: &Definition, lines: usize) -> bool {
    let (first, last) = definition.lines;
    (1..=last).contains(&first)
        && last <= lines
        && definition.depth <= MAX_DEPTH
        && definition.name.len() <= MAX_NAME
        // A character has at most four bytes.
        && definition.signature.len() <= 4 * MAX_SIGNATURE
}

fn is_message(text: &str) -> bool {
    text.len() <= MAX_MESSAGE && !text.chars().any(char::is_control)
}

/// Cuts what a parser says to what may pass: one line of bounded length.
pub(super) fn message(text: &str) -> String {
    let mut message: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    message
}

pub(super) fn write_request(socket: &mut impl Write, request: &Request, text: &str) -> io::Result<()> {
    let header = serde_json::to_vec(request)?;
    let mut lengths = [0; 8];
    lengths[..4].copy_from_slice(&length(header.len(), MAX_HEADER)?);
    lengths[4..].copy_from_slice(&length(text.len(), MAX_BYTES)?);
    // One write, so that a small request wakes the reader once.
    let mut frame = Vec::with_capacity(lengths.len() + header.len() + text.len());
    frame.extend_from_slice(&lengths);
    frame.extend_from_slice(&header);
    frame.extend_from_slice(text.as_bytes());
    socket.write_all(&frame)
}

/// The next request and its text; `None` where the asker has gone.
pub(super) fn read_request(socket: &mut impl Read) -> io::Result<Option<(Request, String)>> {
    let Some(header) = read_length(socket, MAX_HEADER)? else { return Ok(None) };
    let text = read_length(socket, MAX_BYTES)?.ok_or(ErrorKind::UnexpectedEof)?;
    let request = serde_json::from_slice(&read_bytes(socket, header)?)?;
    let text = String::from_utf8(read_bytes(socket, text)?)
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    Ok(Some((request, text)))
}

pub(super) fn write_answer(socket: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let body = serde_json::to_vec(answer)?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length(body.len(), MAX_ANSWER)?);
    frame.extend_from_slice(&body);
    socket.write_all(&frame)
}

pub(super) fn read_answer(socket: &mut impl Read) -> io::Result<Answer> {
    let length = read_length(socket, MAX_ANSWER)?.ok_or(ErrorKind::UnexpectedEof)?;
    Ok(serde_json::from_slice(&read_bytes(socket, length)?)?)
}

fn length(bytes: usize, cap: usize) -> io::Result<[u8; 4]> {
    match u32::try_from(bytes) {
        Ok(length) if bytes <= cap => Ok(length.to_le_bytes()),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, format!("{bytes} bytes are more than {cap}"))),
    }
}

/// A length within `cap`; `None` at the end of what there is to read.
fn read_length(socket: &mut impl Read, cap: usize) -> io::Result<Option<usize>> {
    let mut bytes = [0; 4];
    let mut filled = 0;
    while filled < bytes.len() {
        match socket.read(&mut bytes[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX);
    if length > cap {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("{length} bytes are more than {cap}")));
    }
    Ok(Some(length))
}

fn read_bytes(socket: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
