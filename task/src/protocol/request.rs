//! A *request* is what the model asks to see before it answers: lines of a file, hits of a text, where a name is defined
//! or used, the names in a folder.

mod dress;
mod find;
mod name;
mod note;
mod read;

use std::fmt;

use super::marker::Directive;
use super::paths::Paths;
pub(super) use dress::{Loose, bare_paths, below, is_mentioned, loose, reason};

/// Requests of one answer that are kept; of more, only the number is.
const MAX_KEPT: usize = 100;
/// Longest text, pattern or name that is looked for, in characters.
pub(crate) const MAX_TEXT: usize = 200;
/// Bytes of a line that are read.
const MAX_LINE: usize = 4_000;
/// Names or paths of one line.
const MAX_PARTS: usize = 20;

/// One thing that the model asks for, as it wrote it, decoration taken off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// A file, or some of its lines: 1-based, both ends included, none of them checked against the file.
    Read { path: String, lines: Option<(usize, usize)> },
    /// Lines with a text.
    Find { what: Pattern, within: Option<String> },
    /// Where a name is defined.
    Define(String),
    /// Where a name is used.
    Uses(String),
    /// The names in a folder; empty for the top.
    List(String),
}

impl Request {
    /// Whether it is for a file of the tree.
    pub(super) fn is_of(&self, paths: &Paths<'_>) -> bool {
        matches!(self, Self::Read { path, .. } if paths.has(path))
    }
}

/// As the model should write it.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, lines: None } => write!(f, "READ: {path}"),
            Self::Read { path, lines: Some((first, usize::MAX)) } => write!(f, "READ: {path}:{first}-"),
            Self::Read { path, lines: Some((first, last)) } => write!(f, "READ: {path}:{first}-{last}"),
            Self::Find { what, within } => {
                match what {
                    Pattern::Text(text) => write!(f, "FIND: {text}")?,
                    Pattern::Regex { text, ignores_case } => {
                        write!(f, "FIND: /{text}/{}", if *ignores_case { "i" } else { "" })?;
                    }
                }
                within.iter().try_for_each(|glob| write!(f, " in {glob}"))
            }
            Self::Define(name) => write!(f, "DEFINE: {name}"),
            Self::Uses(name) => write!(f, "USES: {name}"),
            Self::List(folder) => write!(f, "LIST: {folder}/"),
        }
    }
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    Text(String),
    /// A regular expression, and whether letter case counts in it.
    Regex {
        text: String,
        ignores_case: bool,
    },
}

/// The requests of an answer, in order, without repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    kept: Vec<Request>,
    /// How many more there were.
    pub dropped: usize,
}

impl Requests {
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Request> {
        self.kept.iter()
    }

    pub(super) fn extend(&mut self, requests: impl IntoIterator<Item = Request>) {
        for request in requests {
            if self.kept.contains(&request) {
                continue;
            }
            if self.kept.len() == MAX_KEPT {
                self.dropped = self.dropped.saturating_add(1);
            } else {
                self.kept.push(request);
            }
        }
    }

    /// The files that are asked for, whole or not.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().filter_map(|request| match request {
            Request::Read { path, .. } => Some(path.as_str()),
            _ => None,
        })
    }
}

impl<'a> IntoIterator for &'a Requests {
    type Item = &'a Request;
    type IntoIter = std::slice::Iter<'a, Request>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What a directive asks to see, given what stands behind its colon.
pub(super) fn of(directive: Directive, behind: &str, paths: &Paths<'_>) -> Vec<Request> {
    match directive {
        Directive::Read => read::scan(behind, paths).requests,
        Directive::Find => find::find(behind, paths),
        Directive::Define => name::names(behind).into_iter().map(Request::Define).collect(),
        Directive::Uses => name::names(behind).into_iter().map(Request::Uses).collect(),
        Directive::List => name::folders(behind, paths).into_iter().map(Request::List).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
