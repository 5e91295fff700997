//! What an answer asks for, or gives as its reason, without writing it as the grammar has it. It counts only where the answer
//! proposes nothing, so that no edit is lost by it.

use super::{PassageOf, Reader};
use crate::protocol::answer::Misfit;
use crate::protocol::marker::{self, Directive};
use crate::protocol::request::{self, Loose};

impl<'a> Reader<'a, '_> {
    /// Takes what is not written as the grammar has it from an answer that proposes nothing.
    pub(super) fn say_what_is_loose(&mut self) {
        // Lines of a diff are what it adds and takes away.
        if matches!(self.answer.misfit, Some(Misfit::Diff { .. })) {
            return;
        }
        if !self.loose.is_empty() && self.answer.may_only_ask(self.odd_headings) {
            self.answer.requests = std::mem::take(&mut self.loose);
        }
        let proposes = matches!(self.answer.misfit, Some(Misfit::HiddenDirective { .. }));
        if let Some((directive, first, start)) = self.reason
            && self.answer.says_nothing()
            && self.answer.summary.is_none()
            && !proposes
        {
            self.at = start;
            let of = if directive == Directive::Solved { PassageOf::Solved } else { PassageOf::Reason };
            let is_blank = |line: &&str| of == PassageOf::Reason && line.trim().is_empty();
            let below = &self.lines[start..];
            let end = start + below.iter().position(is_blank).unwrap_or(below.len());
            self.begin_passage(of, marker::argument(first));
            self.end_passage(end);
        }
        if self.answer.says_nothing() {
            self.answer.requests = std::mem::take(&mut self.quoted);
        }
        if let Some(line) = self.unlike
            && self.answer.says_nothing()
            && !proposes
        {
            self.answer.misfit = Some(Misfit::Request { line: line + 1 });
        }
    }

    /// Looks at a line of prose for what it may ask for.
    pub(super) fn loose(&mut self, line: &'a str, at: usize) {
        if self.reason.is_none() {
            self.reason = request::reason(line).map(|(directive, behind)| (directive, behind, at + 1));
        }
        match request::loose(line, self.paths) {
            Some(Loose::Asks(requests)) => {
                self.loose.extend(requests);
                self.odd_headings += usize::from(marker::heading(line).is_some());
            }
            Some(Loose::Quotes(requests)) => self.quoted.extend(requests),
            Some(Loose::Opens(directive)) => {
                self.ask_below(directive, at);
            }
            Some(Loose::Unlike) => {
                self.unlike.get_or_insert(at);
            }
            None if request::is_mentioned(line) => {
                self.unlike.get_or_insert(at);
            }
            None => {}
        }
    }

    /// Takes what stands below a request that names nothing itself.
    pub(super) fn ask_below(&mut self, directive: Directive, at: usize) -> bool {
        let requests = request::below(directive, &self.lines[at + 1..], self.paths);
        if requests.is_empty() {
            self.unlike.get_or_insert(at);
            return false;
        }
        self.loose.extend(requests);
        true
    }
}
