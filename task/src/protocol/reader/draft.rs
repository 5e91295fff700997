//! A *draft* is what a model writes while it thinks: where it ends, the answer begins.

use std::borrow::Cow;

use super::{Origin, Passage, PassageOf, Reader, Step};
use crate::protocol::answer::ReadError;
use crate::protocol::marker::{Directive, Marker};
use crate::protocol::name;
use crate::protocol::request::{self, Request};
use crate::protocol::thinking::{self, Place, Sign, UnknownTag};

impl<'a> Reader<'a, '_> {
    /// Whether the line is a directive with the path of a file, whatever else that might be.
    fn names_known(&self, line: &str) -> bool {
        match Directive::of(line) {
            Some((Directive::Read, behind)) => {
                let requests = request::of(Directive::Read, behind, self.paths);
                // The end of thinking may stand behind a path.
                let mut rest = Cow::Borrowed(line);
                for request in requests.iter().filter(|request| request.is_of(self.paths)) {
                    if let Request::Read { path, .. } = request {
                        rest = Cow::Owned(rest.replacen(path.as_str(), "", 1));
                    }
                }
                let is_known = matches!(rest, Cow::Owned(_));
                is_known && thinking::sign(&rest).is_none() && thinking::unknown(&rest).is_none()
            }
            Some((Directive::Delete | Directive::Write, behind)) => {
                self.paths.has(&name::of_directive(behind, self.paths))
            }
            Some((Directive::Rename, behind)) => {
                name::of_renaming(behind, self.paths).is_some_and(|(from, _)| self.paths.has(&from))
            }
            _ => false,
        }
    }

    /// Whether title, summary or a word say that the answer has begun; any of them may come first.
    fn is_begun(&self) -> bool {
        let begins = |passage: &Passage| matches!(passage.of, PassageOf::Summary | PassageOf::Word(..));
        self.answer.title.is_some()
            || self.answer.summary.is_some()
            || !self.answer.words.is_empty()
            || self.passage.as_ref().is_some_and(begins)
    }

    /// Looks at the next line for what it says of thinking.
    pub(super) fn thinking(&mut self) -> Step {
        let (at, line) = (self.at, self.lines[self.at]);
        if self.is_name(at) || self.names_known(line) {
            return Step::Next;
        }
        self.unknown_tag(line, at);
        let is_first = || self.lines[..at].iter().all(|line| line.trim().is_empty());
        let (start, end) = match thinking::sign(line) {
            Some(Sign::Ends { after, place }) => {
                return self.ends_thinking(self.starts[at] + after, place, at);
            }
            Some(Sign::Begins { name, after }) => {
                let start = self.starts[at] + after;
                (start, thinking::end_of(name, &self.text[start..]))
            }
            None if is_first() => match thinking::begins_within(line) {
                Some((name, after)) => {
                    let start = self.starts[at] + after;
                    (start, thinking::end_of(name, &self.text[start..]))
                }
                None => return Step::Next,
            },
            None => return Step::Next,
        };
        let end = end.map(|end| start + end);
        let is_answer = self.is_begun();
        match end {
            Some(end) if self.edits.is_empty() && (!is_answer || begins_answer(&self.text[end..])) => {
                Step::BeginsAt(end)
            }
            // Thinking to the end.
            None if self.edits.is_empty() && !is_answer => Step::BeginsAt(self.text.len()),
            // A word of the summary, or a thought that is no draft.
            _ if !proposes(&self.text[start..end.unwrap_or(start)]) && self.edits.is_empty() => Step::Next,
            _ => {
                self.fault.get_or_insert(ReadError::Thinking { line: at + 1 });
                Step::Next
            }
        }
    }

    /// What the end of thinking at a byte means: the beginning of the answer, unless that would lose a part of it.
    fn ends_thinking(&mut self, byte: usize, place: Place, at: usize) -> Step {
        let rest = &self.text[byte..];
        let is_begun = self.is_begun();
        let begins = begins_answer(rest);
        let is_lost = !self.edits.is_empty() || self.fault.is_some();
        let is_apart = place == Place::Start;
        let is_certain = begins && (!is_begun || is_head_next(rest));
        let is_likely = (begins || !is_begun) && (is_apart || !is_lost);
        if is_certain || is_likely || (is_apart && !is_lost && self.fences.is_empty()) {
            return Step::BeginsAt(byte);
        }
        if is_lost {
            self.fault.get_or_insert(ReadError::Thinking { line: at + 1 });
        }
        Step::Next
    }

    /// Where the answer begins, if the edit at a line that cannot be read is a draft.
    pub(super) fn end_of_draft(&self, start: usize) -> Option<usize> {
        if self.origin == Origin::Kept {
            return None;
        }
        let ends = (start..self.at).find_map(|at| match thinking::sign(self.lines[at]) {
            Some(Sign::Ends { after, .. }) => Some(self.starts[at] + after),
            _ => None,
        })?;
        (!self.is_begun() || begins_answer(&self.text[ends..])).then_some(ends)
    }

    /// Refuses edits inside of a tag that says neither that they are a draft nor that they are the answer.
    fn unknown_tag(&mut self, line: &'a str, at: usize) {
        match thinking::unknown(line) {
            Some(UnknownTag::Opening(name)) => self.tags.push((name, self.edits.len())),
            Some(UnknownTag::Closing(name)) => {
                // One that nothing opens may be what is left of a pair, as servers leave it of thinking.
                let open = self.tags.iter().rposition(|(open, _)| *open == name);
                let before = open.map_or(0, |open| self.tags[open].1);
                if before < self.edits.len() {
                    let tag = format!("<{name}>");
                    self.fault.get_or_insert(ReadError::InsideTag { line: at + 1, tag });
                }
                self.tags.truncate(open.unwrap_or(self.tags.len()));
            }
            None => {}
        }
    }

    /// Whether the lines look like a draft that is not closed, and the answer behind it.
    pub(super) fn runs_into_answer(&self, lines: &[&str]) -> bool {
        let ends = |line: &&str| matches!(thinking::sign(line), Some(Sign::Ends { .. }));
        let end = lines.iter().position(ends).filter(|_| self.origin == Origin::Model);
        end.is_some_and(|end| lines[end..].iter().any(|line| Directive::of(line).is_some()))
    }
}

/// Whether a text says of itself that it is an answer.
fn begins_answer(text: &str) -> bool {
    let directive = |line: &str| Directive::of(line).map(|(directive, _)| directive);
    text.lines().find_map(directive).is_some_and(|directive| !directive.is_edit())
}

/// Whether the first line of a text that is not blank is a title, a summary or a word.
fn is_head_next(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let directive = first.and_then(Directive::of).map(|(directive, _)| directive);
    directive.is_some_and(|directive| {
        matches!(directive, Directive::Title | Directive::Summary) || directive.word().is_some()
    })
}

/// Whether a text may have edits in it.
fn proposes(text: &str) -> bool {
    text.lines().any(|line| {
        let is_edit = Directive::of(line).is_some_and(|(directive, _)| directive.is_edit());
        is_edit || matches!(Marker::of(line), Some(Marker::Head(_) | Marker::End(_)))
    })
}
