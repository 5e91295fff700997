//! A *lookup* answers what the model asks to see of the repository: files and lines of them, hits of a text, where a name
//! is defined or used, the names in a folder.
//!
//! It reads the object database at the base commit and nothing else. Only what a [`Request::Read`] shows joins the read
//! set. No line is sent twice; no answer is longer than its share of the tokens; what was left out is counted.

mod definitions;
mod folder;
mod glob;
mod hits;
mod search;
#[cfg(test)]
mod tests;

use std::fmt;

use super::more::{Answer, Outcome};
use super::pack::Context;
use super::read_set::Shown;
use super::stats::Reader;
use super::tokens;
use crate::path::RepoPath;
use crate::protocol::request::{MAX_TEXT, Pattern, Request};
use glob::Glob;
use search::{Needle, Search};

/// The part of a round's tokens that hits and lists may take; the rest is for files.
const SEARCH_SHARE: u32 = 3;
/// The most tokens of one answer that is no file.
const ONE_SEARCH: u32 = 2_500;
/// Lines that name what was asked for are short.
const LABEL_CHARS: usize = 120;

/// What comes of the requests of one answer.
#[derive(Debug, Default)]
pub struct Found {
    /// What was read, in the order that it was asked for.
    pub files: Vec<(RepoPath, Shown)>,
    /// A text for each request, for the model. It quotes the repository: material.
    pub answers: Vec<String>,
    /// Whether the model learns anything.
    pub is_new: bool,
}

/// Why nothing is searched for. The text is for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refused {
    TooLong,
    NoName,
    MatchesAll,
    NoPattern(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "not searched: it has more than {MAX_TEXT} characters"),
            Self::NoName => f.write_str("not searched: that is not a name; use FIND for any other text"),
            Self::MatchesAll => {
                f.write_str("not searched: the expression matches an empty text, so every line")
            }
            Self::NoPattern(why) => write!(f, "not searched: {why}"),
        }
    }
}

/// A search that is to be made, and for which request.
struct Wanted {
    request: usize,
    needle: Needle,
}

impl Context {
    /// Answers requests, in order, for at most `budget` tokens together.
    pub fn look_up(&mut self, repo: &gix::ThreadSafeRepository, requests: &[&Request], budget: u32) -> Found {
        let mut answers: Vec<Option<String>> = vec![None; requests.len()];
        let mut found = Found::default();
        let mut wanted = Vec::new();
        let mut lists = 0_u32;
        for (at, request) in requests.iter().enumerate() {
            if matches!(request, Request::Read { .. }) {
                continue;
            }
            if !self.told.requests.insert((*request).clone()) {
                answers[at] = Some("you asked for that before; the answer is above".to_owned());
                continue;
            }
            lists += 1;
            found.is_new = true;
            match needle(request) {
                Some(Ok(needle)) => wanted.push(Wanted { request: at, needle }),
                Some(Err(why)) => answers[at] = Some(why.to_string()),
                None => {}
            }
        }
        let one = (budget / SEARCH_SHARE / lists.max(1)).min(ONE_SEARCH);
        let needles: Vec<&Needle> = wanted.iter().map(|wanted| &wanted.needle).collect();
        let mut searches = search::search(repo, self, &needles);
        for (Wanted { request, .. }, search) in wanted.iter().zip(&mut searches) {
            answers[*request] = Some(self.rendered(repo, requests[*request], search, one));
        }
        for (at, request) in requests.iter().enumerate() {
            if let Request::List(folder) = request
                && answers[at].is_none()
            {
                answers[at] = Some(self.folder(folder, one));
            }
        }
        let told: u32 = answers.iter().flatten().map(|text| tokens::estimate(text)).sum();
        let mut left = budget.saturating_sub(told);
        let reader = Reader::new(repo.to_thread_local());
        for (request, answer) in requests.iter().zip(answers) {
            let text = match (request, answer) {
                (Request::Read { path, lines }, _) => self.read(&reader, path, *lines, &mut left, &mut found),
                (request, answer) => {
                    format!("{}: {}", label(&request.to_string()), answer.unwrap_or_default())
                }
            };
            found.answers.push(text);
        }
        found
    }

    fn rendered(
        &mut self,
        repo: &gix::ThreadSafeRepository,
        request: &Request,
        search: &mut Search,
        tokens: u32,
    ) -> String {
        match request {
            Request::Define(name) => self.definitions(repo, name, search, tokens),
            Request::Uses(name) => {
                let name = last_part(name);
                search.leave_out(|line| definitions::defines(line, name));
                self.hits(search, tokens)
            }
            _ => self.hits(search, tokens),
        }
    }

    fn read(
        &mut self,
        reader: &Reader,
        name: &str,
        lines: Option<(usize, usize)>,
        left: &mut u32,
        found: &mut Found,
    ) -> String {
        let path = match RepoPath::parse(name.strip_suffix('/').unwrap_or(name)) {
            Ok(path) => path,
            Err(error) => return format!("{:?} cannot be read: {error}", label(name)),
        };
        let Answer { path, outcome } = self.read_more(reader, &path, lines, left);
        let request = Request::Read { path: path.to_string(), lines };
        // The answer to what cannot be read is news once.
        found.is_new |= matches!(outcome, Outcome::Added { .. })
            || (!matches!(outcome, Outcome::AlreadyRead(_)) && self.told.requests.insert(request));
        let text = Answer { path: path.clone(), outcome: outcome.clone() }.to_string();
        if let Outcome::Added { shown, .. } = outcome {
            found.files.push((path, shown));
        }
        text
    }
}

/// What is searched for, or why it is not; `None` where nothing is.
fn needle(request: &Request) -> Option<Result<Needle, Refused>> {
    Some(match request {
        Request::Find { what, within } => {
            let glob = within.as_deref().map(Glob::parse);
            match what {
                Pattern::Text(text) | Pattern::Regex { text, .. } if text.chars().count() > MAX_TEXT => {
                    Err(Refused::TooLong)
                }
                Pattern::Text(text) => Ok(Needle::text(text, glob)),
                Pattern::Regex { text, ignores_case } => Needle::regex(text, *ignores_case, glob),
            }
        }
        Request::Define(name) | Request::Uses(name) => {
            let name = last_part(name);
            if name.chars().count() > MAX_TEXT {
                Err(Refused::TooLong)
            } else if name.is_empty() || name.chars().any(char::is_whitespace) {
                Err(Refused::NoName)
            } else {
                Ok(Needle::word(name))
            }
        }
        Request::Read { .. } | Request::List(_) => return None,
    })
}

/// The name itself, without the names of what it is in: `b` of `a.b`, `a::b`, `a#b` and `a->b`.
fn last_part(name: &str) -> &str {
    let name = name.strip_suffix("()").unwrap_or(name);
    name.rsplit(['.', ':', '#', '>', '/', '\\']).next().unwrap_or(name)
}

/// The name of what the name is in.
fn qualifier(name: &str) -> Option<&str> {
    let name = name.strip_suffix("()").unwrap_or(name);
    let front = name.strip_suffix(last_part(name))?;
    let front = front.trim_end_matches(['.', ':', '#', '-', '>', '/', '\\']);
    Some(last_part(front)).filter(|front| !front.is_empty())
}

fn label(text: &str) -> String {
    let mut label: String = text.chars().take(LABEL_CHARS).filter(|c| !c.is_control()).collect();
    if text.chars().count() > LABEL_CHARS {
        label.push('…');
    }
    label
}
