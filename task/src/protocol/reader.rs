//! The *reader* goes through a reply once, line by line, and finds in it all that the grammar names.

use super::answer::{Action, Answer, Divider, Edit, Heading, ReadError};
use super::marker::{self, Directive, Fence, Marker};
use super::name;

/// Characters of a title that are kept: what fits a commit's subject line and a list of pull requests.
const MAX_TITLE_CHARS: usize = 72;
/// Characters of a summary or reason that are kept.
const MAX_TEXT_CHARS: usize = 8_000;

pub(super) struct Reader<'a> {
    text: &'a str,
    lines: Vec<&'a str>,
    /// Where each line begins in the text.
    starts: Vec<usize>,
    /// The line that is read next.
    at: usize,
    /// The first line after the last edit or directive: names are looked for from here on.
    gap: usize,
    answer: Answer,
    edits: Vec<Edit>,
    /// The first fault, after which the edits are of no use.
    fault: Option<ReadError>,
    /// The file of the edit before.
    previous: Option<String>,
    /// Open code blocks, outermost first, and their lines.
    fences: Vec<(Fence<'a>, usize)>,
    hidden: HiddenDirective,
    passage: Option<Passage>,
}

/// Whether the open code blocks hold what would be a directive outside.
#[derive(Clone, Copy)]
enum HiddenDirective {
    None,
    Seen,
}

/// Text of several lines that has not ended yet.
struct Passage {
    of: PassageOf,
    /// What stands behind the directive's colon.
    first: String,
    /// The line below.
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PassageOf {
    Summary,
    Reason,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut start = text.len() - body.len();
        let (mut lines, mut starts) = (Vec::new(), Vec::new());
        for line in body.split('\n') {
            lines.push(line.strip_suffix('\r').unwrap_or(line));
            starts.push(start);
            start += line.len() + 1;
        }
        Self {
            text,
            lines,
            starts,
            at: 0,
            gap: 0,
            answer: Answer::of(text),
            edits: Vec::new(),
            fault: None,
            previous: None,
            fences: Vec::new(),
            hidden: HiddenDirective::None,
            passage: None,
        }
    }

    pub(super) fn read(mut self) -> Answer {
        while self.at < self.lines.len() {
            // Faults leave the reader behind what they are about: the rest of the reply still counts.
            if let Err(fault) = self.step() {
                self.fault.get_or_insert(fault);
            }
        }
        self.end_passage(self.lines.len());
        if let (Some((_, line)), HiddenDirective::Seen) = (self.fences.first(), self.hidden) {
            self.fault.get_or_insert(ReadError::UnclosedFence { line: line + 1 });
        }
        self.answer.edits = self.fault.map_or(Ok(self.edits), Err);
        self.answer
    }

    fn step(&mut self) -> Result<(), ReadError> {
        let at = self.at;
        let line = self.lines[at];
        match Marker::of(line) {
            Some(Marker::Head(length)) => return self.block(length),
            Some(Marker::End(_)) => return Err(self.stray_marker()),
            None if marker::is_botched(line) => return Err(self.stray_marker()),
            Some(Marker::Divider(_)) | None => {}
        }
        self.at += 1;
        if let Some(fence) = Fence::of(line) {
            self.fence(fence, at);
        } else if let Some((directive, argument)) = Directive::of(line) {
            if self.fences.is_empty() {
                return self.directive(directive, argument, at);
            }
            if directive.is_edit() {
                self.hidden = HiddenDirective::Seen;
            }
        } else if self.fences.is_empty() {
            self.prose(line, at);
        }
        Ok(())
    }

    fn stray_marker(&mut self) -> ReadError {
        self.end_passage(self.at);
        self.at += 1;
        ReadError::StrayMarker { line: self.at }
    }

    fn prose(&mut self, line: &str, at: usize) {
        if let Some(name) = marker::heading(line) {
            let body = self.starts.get(at + 1).copied().unwrap_or(self.text.len());
            self.answer.push_heading(Heading { start: self.starts[at], body, name: name.to_owned() });
        }
        let ends = |passage: &Passage| passage.of == PassageOf::Reason && !passage.first.is_empty();
        if line.trim().is_empty() && self.passage.as_ref().is_some_and(ends) {
            self.end_passage(at);
        }
    }

    fn fence(&mut self, fence: Fence<'a>, at: usize) {
        let closes = self.fences.last().is_some_and(|(open, _)| fence.closes(open));
        if closes {
            self.fences.pop();
        } else {
            self.fences.push((fence, at));
        }
        if self.fences.is_empty() {
            self.hidden = HiddenDirective::None;
        }
    }

    fn directive(&mut self, directive: Directive, argument: &str, at: usize) -> Result<(), ReadError> {
        self.end_passage(at);
        let outcome = match directive {
            Directive::Title => {
                if self.answer.title.is_none() && !argument.is_empty() {
                    self.answer.title = Some(clip(unquoted(argument), MAX_TITLE_CHARS));
                }
                Ok(())
            }
            Directive::Summary => {
                self.begin_passage(PassageOf::Summary, argument);
                Ok(())
            }
            Directive::Cannot => {
                self.begin_passage(PassageOf::Reason, argument);
                Ok(())
            }
            Directive::Read => {
                let path = argument.trim_matches(['"', '`', '*', ' ']).trim_start_matches("./").to_owned();
                if !path.is_empty() && !self.answer.reads.contains(&path) {
                    self.answer.reads.push(path);
                }
                Ok(())
            }
            Directive::Delete | Directive::Rename | Directive::Write => {
                self.whole_file(directive, argument, at)
            }
        };
        self.gap = self.at;
        outcome
    }

    /// The edits that are directives.
    fn whole_file(&mut self, directive: Directive, argument: &str, at: usize) -> Result<(), ReadError> {
        match directive {
            Directive::Delete => {
                let path = directive_path(argument, at, "DELETE")?;
                self.push(path, at, Action::Delete);
                self.previous = None;
            }
            Directive::Rename => {
                let (from, to) = argument.split_once("->").ok_or(ReadError::BadRename { line: at + 1 })?;
                let path = directive_path(from, at, "RENAME")?;
                let to = directive_path(to, at, "RENAME")?;
                self.push(path, at, Action::Rename { to: to.clone() });
                self.previous = Some(to);
            }
            Directive::Write => {
                let path = directive_path(argument, at, "WRITE")?;
                let content = self.content(at)?;
                self.push(path, at, Action::Write { content });
            }
            Directive::Title | Directive::Summary | Directive::Read | Directive::Cannot => {}
        }
        Ok(())
    }

    fn begin_passage(&mut self, of: PassageOf, first: &str) {
        let known = match of {
            PassageOf::Summary => &self.answer.summary,
            PassageOf::Reason => &self.answer.cannot,
        };
        if known.is_none() {
            self.passage = Some(Passage { of, first: first.to_owned(), start: self.at });
        }
    }

    /// Ends the open passage, if there is one, before a line.
    fn end_passage(&mut self, end: usize) {
        let Some(Passage { of, first, start }) = self.passage.take() else { return };
        let below = self.lines.get(start..end).unwrap_or_default();
        let text =
            std::iter::once(first.as_str()).chain(below.iter().copied()).collect::<Vec<_>>().join("\n");
        let text = Some(clip(&text, MAX_TEXT_CHARS)).filter(|text| !text.is_empty());
        match of {
            PassageOf::Summary => self.answer.summary = text,
            PassageOf::Reason => self.answer.cannot = text,
        }
    }

    /// Reads the fenced file that follows a `WRITE:` at line `start`.
    fn content(&mut self, start: usize) -> Result<String, ReadError> {
        let line = start + 1;
        while self.lines.get(self.at).is_some_and(|text| text.trim().is_empty()) {
            self.at += 1;
        }
        let open =
            self.lines.get(self.at).and_then(|text| Fence::of(text)).ok_or(ReadError::NoContent { line })?;
        let first = self.at + 1;
        if self.lines.get(first).is_some_and(|text| matches!(Marker::of(text), Some(Marker::Head(_)))) {
            return Err(ReadError::NoContent { line });
        }
        let mut nested = 0_usize;
        for at in first..self.lines.len() {
            let Some(fence) = Fence::of(self.lines[at]) else { continue };
            if fence.closes(&open) {
                if nested > 0 {
                    nested -= 1;
                    continue;
                }
                self.at = at + 1;
                if self.has_loose_fence() {
                    return Err(ReadError::FenceInFile { line });
                }
                return Ok(join(&self.lines[first..at]));
            } else if fence.nests_in(&open) {
                nested += 1;
            }
        }
        // All that follows may be content.
        self.at = self.lines.len();
        Err(ReadError::UnclosedFile { line })
    }

    /// Whether a fence stands between here and the next edit that is not that edit's own.
    fn has_loose_fence(&self) -> bool {
        let mut fences = 0_usize;
        let mut since = 0_usize;
        for line in &self.lines[self.at..] {
            if matches!(Marker::of(line), Some(Marker::Head(_))) {
                // The opening fence of the block, and at most its name between the two.
                return !(fences == 0 || (fences == 1 && since <= 1));
            }
            if Fence::of(line).is_some() {
                fences += 1;
                since = 0;
            } else if fences == 0 && Directive::of(line).is_some_and(|(directive, _)| directive.is_edit()) {
                return false;
            } else if !line.trim().is_empty() {
                since += 1;
            }
        }
        fences > 0
    }

    fn block(&mut self, length: usize) -> Result<(), ReadError> {
        let start = self.at;
        let named = name::of_block(&self.lines[self.gap..start], self.previous.as_deref());
        self.end_passage_above(
            start,
            named.as_ref().and_then(|named| named.line).map(|line| self.gap + line),
        );
        let outcome = self.divided(length, named.map(|named| named.path));
        self.gap = self.at;
        self.close_fence_after_block();
        outcome
    }

    /// Ends the open passage before what belongs to a block: the line of its name, and the fences around it.
    fn end_passage_above(&mut self, head: usize, name: Option<usize>) {
        let fence = self.fences.first().map(|(_, line)| *line);
        let end = [name, fence].into_iter().flatten().fold(head, usize::min);
        self.end_passage(end);
    }

    /// The block that begins here, and is left behind.
    fn divided(&mut self, length: usize, path: Option<String>) -> Result<(), ReadError> {
        let start = self.at;
        let line = start + 1;
        let Some(end) = self.end_of_block(length) else {
            // All that follows may be content.
            self.at = self.lines.len();
            return Err(ReadError::Unclosed { line });
        };
        self.at = end + 1;
        let dividers = |wanted: Option<usize>| -> Vec<usize> {
            (start + 1..end)
                .filter(|at| match Marker::of(self.lines[*at]) {
                    Some(Marker::Divider(found)) => wanted.is_none_or(|wanted| wanted == found),
                    _ => false,
                })
                .collect()
        };
        let mut candidates = dividers(Some(length));
        if candidates.is_empty() {
            candidates = dividers(None);
            if candidates.len() > 1 {
                return Err(ReadError::Dividers { line, count: candidates.len() });
            }
        }
        let count = candidates.len();
        let (at, divider) = match count {
            0 => return Err(ReadError::NoDivider { line }),
            1 => (candidates[0], Divider::Sole),
            _ if count % 2 == 1 => (candidates[count / 2], Divider::Middle),
            _ => return Err(ReadError::Dividers { line, count }),
        };
        let search = join(&self.lines[start + 1..at]);
        let replace = join(&self.lines[at + 1..end]);
        let path = path.ok_or(ReadError::NoName { line })?;
        let action = if search.trim().is_empty() {
            Action::Create { content: replace }
        } else {
            Action::Replace { search, replace, divider }
        };
        self.push(path, start, action);
        Ok(())
    }

    /// The line of the end marker of the block that begins here.
    fn end_of_block(&self, length: usize) -> Option<usize> {
        let mut any_end = None;
        let mut nested = 0_usize;
        let mut dividers = 0_usize;
        for (at, line) in self.lines.iter().enumerate().skip(self.at + 1) {
            match Marker::of(line) {
                Some(Marker::Head(other)) if other >= length => break,
                Some(Marker::Head(_)) if any_end.is_none() => nested += 1,
                Some(Marker::End(other)) if other == length => return Some(at),
                Some(Marker::End(_)) if any_end.is_none() => any_end = Some(at),
                Some(Marker::Divider(_)) if any_end.is_none() => dividers += 1,
                _ => {}
            }
        }
        // A marker that was miscounted, in a block that cannot be read in two ways.
        any_end.filter(|_| nested == 0 && dividers == 1)
    }

    /// The fence around a block is closed by the next one, whatever its length.
    fn close_fence_after_block(&mut self) {
        let next = self.lines[self.at..].iter().position(|line| !line.trim().is_empty());
        if let Some(next) = next
            && !self.fences.is_empty()
            && Fence::of(self.lines[self.at + next]).is_some_and(|fence| fence.is_bare())
        {
            self.fences.pop();
            self.at += next + 1;
            self.gap = self.at;
            if self.fences.is_empty() {
                self.hidden = HiddenDirective::None;
            }
        }
    }

    fn push(&mut self, path: String, start: usize, action: Action) {
        self.previous = Some(path.clone());
        self.edits.push(Edit { path, line: start + 1, action });
    }
}

fn directive_path(argument: &str, start: usize, directive: &'static str) -> Result<String, ReadError> {
    let path = name::undecorated(argument);
    if path.is_empty() { Err(ReadError::NoPath { line: start + 1, directive }) } else { Ok(path) }
}

fn join(lines: &[&str]) -> String {
    let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Without quotation marks or bold type around the whole; a name in back ticks within stays as it is.
fn unquoted(text: &str) -> &str {
    for mark in ["**", "\"", "`"] {
        if let Some(inner) = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark))
            && !inner.contains(mark)
        {
            return inner;
        }
    }
    text
}

fn clip(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max - 1).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}
