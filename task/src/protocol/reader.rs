//! The *reader* goes through a reply once, line by line, and finds in it all that the grammar names.

mod block;
mod draft;
mod loose;

use super::answer::{Action, Answer, Edit, Heading, Misfit, ReadError};
use super::marker::{self, Directive, Fence, Marker};
use super::name;
use super::paths::Paths;
use super::request::{self, Loose, Requests};
use super::rule::{MAX_RULES, Rule};
use super::solved::Solved;
use super::word::{self, Word, WordKind};
use super::{clip, thinking, wrapping};

/// Characters of a title that are kept: what fits a commit's subject line and a list of pull requests.
const MAX_TITLE_CHARS: usize = 72;
/// Characters of a summary or reason that are kept.
const MAX_TEXT_CHARS: usize = 8_000;
/// Ways to divide a block that are tried.
const MAX_DIVIDERS: usize = 40;

impl Answer {
    /// Reads a reply about a tree with these paths. This is the only reading: whatever a reply says is told by what
    /// comes of it.
    ///
    /// What stands before the last end of thinking, or before the final channel, is no part of the answer, nor is a
    /// fence around the whole of it.
    pub fn read(reply: &str, paths: &Paths<'_>) -> Self {
        let reply = reply.strip_prefix('\u{feff}').unwrap_or(reply);
        let mut text = thinking::without_end_of_turn(reply);
        if let Some(at) = thinking::behind_joined_channels(text) {
            text = &text[at..];
        }
        let mut answer = loop {
            match Reader::new(text, paths).read() {
                Reading::Answer(answer) => break *answer,
                Reading::BeginsAt(at) => text = &text[at..],
            }
        };
        if let Some(inner) = wrapping::inner(text)
            && let Reading::Answer(unwrapped) = Reader::new(inner, paths).read()
            && unwrapped.is_better_than(&answer)
        {
            answer = *unwrapped;
        }
        if text.trim().is_empty() {
            answer.misfit = Some(Misfit::Nothing);
            reply.clone_into(&mut answer.text);
        }
        answer
    }

    /// Reads a text that was an answer, or a part of one, and was kept.
    pub fn read_kept(text: &str) -> Self {
        Reader::new(text, &Paths::default()).of_kept().read_all()
    }
}

/// What comes of reading a text.
enum Reading {
    Answer(Box<Answer>),
    /// What is before this byte was thinking.
    BeginsAt(usize),
}

struct Reader<'a, 'p> {
    text: &'a str,
    paths: &'a Paths<'p>,
    /// Whether the text comes from a model, and may have thinking in it.
    origin: Origin,
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
    /// What is asked for in code blocks; it counts where the answer says nothing else.
    quoted: Requests,
    /// All that is asked for, also by lines that are not written as a request is; it counts where nothing is proposed.
    loose: Requests,
    /// Headings that are such lines.
    odd_headings: usize,
    /// The first line that has the look of a request and asks for nothing.
    unlike: Option<usize>,
    /// The first line that gives a reason in another letter case, and what is behind its colon.
    reason: Option<(Directive, &'a str, usize)>,
    /// The first directive that would be an edit outside of the code block that it is in.
    hidden: Option<(&'static str, usize)>,
    /// Tags of unknown meaning that are open, and how many edits were before each.
    tags: Vec<(&'a str, usize)>,
    passage: Option<Passage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Model,
    Kept,
}

/// Whether reading goes on behind a line.
enum Step {
    Next,
    /// The answer begins at this byte.
    BeginsAt(usize),
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
    Solved,
    Rule,
    /// What is said to the comment of this number.
    Word(WordKind, usize),
}

impl<'a, 'p> Reader<'a, 'p> {
    fn new(text: &'a str, paths: &'a Paths<'p>) -> Self {
        let mut start = 0;
        let (mut lines, mut starts) = (Vec::new(), Vec::new());
        for line in text.split('\n') {
            lines.push(line.strip_suffix('\r').unwrap_or(line));
            starts.push(start);
            start += line.len() + 1;
        }
        Self {
            text,
            paths,
            origin: Origin::Model,
            lines,
            starts,
            at: 0,
            gap: 0,
            answer: Answer::of(text),
            edits: Vec::new(),
            fault: None,
            previous: None,
            fences: Vec::new(),
            quoted: Requests::default(),
            loose: Requests::default(),
            odd_headings: 0,
            unlike: None,
            reason: None,
            hidden: None,
            tags: Vec::new(),
            passage: None,
        }
    }

    /// For a text in which a tag is a word like any other.
    fn of_kept(self) -> Self {
        Self { origin: Origin::Kept, ..self }
    }

    /// Reads to the end, or to where thinking ends.
    fn read(mut self) -> Reading {
        while self.at < self.lines.len() {
            match self.thinking() {
                Step::BeginsAt(byte) => return Reading::BeginsAt(byte),
                Step::Next if self.at == self.lines.len() => break,
                Step::Next => {}
            }
            let start = self.at;
            // Faults leave the reader behind what they are about: the rest of the reply still counts.
            if let Err(fault) = self.step() {
                // A draft is seldom whole; what is behind it may be the answer.
                if let Some(byte) = self.end_of_draft(start) {
                    return Reading::BeginsAt(byte);
                }
                self.fault.get_or_insert(fault);
            }
        }
        Reading::Answer(Box::new(self.finish()))
    }

    /// Reads to the end.
    pub(super) fn read_all(mut self) -> Answer {
        while self.at < self.lines.len() {
            if let Err(fault) = self.step() {
                self.fault.get_or_insert(fault);
            }
        }
        self.finish()
    }

    fn finish(mut self) -> Answer {
        self.end_passage(self.lines.len());
        match (self.hidden, self.fences.first()) {
            (Some(_), Some((_, line))) => {
                self.fault.get_or_insert(ReadError::UnclosedFence { line: line + 1 });
            }
            (Some((directive, line)), None) if !self.edits.is_empty() => {
                self.fault.get_or_insert(ReadError::HiddenDirective { line: line + 1, directive });
            }
            (Some((_, line)), None) => {
                self.answer.misfit = Some(Misfit::HiddenDirective { line: line + 1 });
            }
            (None, _) => {}
        }
        if self.fault.is_none() && self.edits.is_empty() {
            self.say_what_is_loose();
        }
        self.answer.edits = self.fault.map_or(Ok(self.edits), Err);
        self.answer
    }

    fn step(&mut self) -> Result<(), ReadError> {
        let at = self.at;
        let line = self.lines[at];
        if self.is_name(at) {
            self.at += 1;
            return Ok(());
        }
        match Marker::of(line) {
            Some(Marker::Head(length)) => return self.block(length),
            Some(Marker::End(_)) => return Err(self.stray_marker()),
            None if marker::is_botched(line) => return Err(self.stray_marker()),
            Some(Marker::Divider(_)) | None => {}
        }
        self.at += 1;
        if let Some(fence) = Fence::of(line) {
            self.answer.misfit.get_or_insert(Misfit::CodeBlock { line: at + 1 });
            self.fence(fence, at);
        } else if let Some((directive, behind)) = Directive::of(line) {
            if self.fences.is_empty() {
                return self.directive(directive, behind, at);
            }
            self.hide(directive, behind, at);
        } else {
            if ["--- a/", "+++ b/", "@@ -", "diff --git "].iter().any(|start| line.starts_with(start)) {
                // A diff says more than the code block that it is in.
                if !matches!(self.answer.misfit, Some(Misfit::Diff { .. })) {
                    self.answer.misfit = Some(Misfit::Diff { line: at + 1 });
                }
            }
            if self.fences.is_empty() {
                self.prose(line, at);
                self.loose(line, at);
            } else if let Some(Loose::Asks(requests)) = request::loose(line, self.paths) {
                self.quoted.extend(requests);
            }
        }
        Ok(())
    }

    /// Whether the line is the path of a file, as it is, above a block, whatever else it might be.
    fn is_name(&self, at: usize) -> bool {
        let is_head = |line: &&str| matches!(Marker::of(line), Some(Marker::Head(_)));
        let line = self.lines[at];
        let (next, after) = (self.lines.get(at + 1), self.lines.get(at + 2));
        let heads = next.is_some_and(is_head)
            || (next.is_some_and(|next| Fence::of(next).is_some()) && after.is_some_and(is_head));
        heads && [line, line.trim()].iter().any(|text| self.paths.has(text))
    }

    /// Notes a directive in a code block, if it could not be a mere example: it names a file that is there, or is
    /// followed by a file.
    fn hide(&mut self, directive: Directive, behind: &str, at: usize) {
        let word = match directive {
            Directive::Delete => "DELETE",
            Directive::Rename => "RENAME",
            Directive::Write => "WRITE",
            Directive::Title
            | Directive::Summary
            | Directive::Cannot
            | Directive::Solved
            | Directive::Rule
            | Directive::Fix
            | Directive::Answer
            | Directive::Ask => return,
            request => {
                self.quoted.extend(request::of(request, behind, self.paths));
                return;
            }
        };
        let is_meant = match directive {
            Directive::Write => self.lines.get(at + 1).is_some_and(|next| Fence::of(next).is_some()),
            Directive::Rename => name::of_renaming(behind, self.paths).is_some(),
            _ => true,
        };
        if is_meant {
            self.hidden.get_or_insert((word, at));
        }
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
    }

    fn directive(&mut self, directive: Directive, behind: &str, at: usize) -> Result<(), ReadError> {
        self.end_passage(at);
        let argument = marker::argument(behind);
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
            Directive::Solved => {
                self.begin_passage(PassageOf::Solved, argument);
                Ok(())
            }
            Directive::Rule => {
                self.begin_passage(PassageOf::Rule, argument);
                Ok(())
            }
            Directive::Delete | Directive::Rename | Directive::Write => {
                self.whole_file(directive, behind, at)
            }
            Directive::Fix | Directive::Answer | Directive::Ask => {
                if let (Some(kind), Some((number, first))) = (directive.word(), word::numbered(argument)) {
                    self.begin_passage(PassageOf::Word(kind, number), first);
                }
                Ok(())
            }
            request => {
                let requests = request::of(request, behind, self.paths);
                self.answer.requests.extend(requests.iter().cloned());
                // `LIST:` alone is for the top, unless folders stand below it.
                let is_alone = argument.is_empty() && self.ask_below(request, at);
                if !is_alone {
                    self.loose.extend(requests);
                }
                Ok(())
            }
        };
        self.gap = self.at;
        outcome
    }

    /// The edits that are directives.
    fn whole_file(&mut self, directive: Directive, behind: &str, at: usize) -> Result<(), ReadError> {
        let named = |path: String, directive: &'static str| match path.as_str() {
            "" => Err(ReadError::NoPath { line: at + 1, directive }),
            _ => Ok(path),
        };
        match directive {
            Directive::Delete => {
                let path = named(name::of_directive(behind, self.paths), "DELETE")?;
                self.push(path, at, Action::Delete);
                self.previous = None;
            }
            Directive::Rename => {
                let (path, to) =
                    name::of_renaming(behind, self.paths).ok_or(ReadError::BadRename { line: at + 1 })?;
                let (path, to) = (named(path, "RENAME")?, named(to, "RENAME")?);
                self.push(path, at, Action::Rename { to: to.clone() });
                self.previous = Some(to);
            }
            Directive::Write => {
                let path = named(name::of_directive(behind, self.paths), "WRITE")?;
                let content = self.content(at)?;
                self.push(path, at, Action::Write { content });
            }
            _ => {}
        }
        Ok(())
    }

    fn begin_passage(&mut self, of: PassageOf, first: &str) {
        let is_known = match of {
            PassageOf::Summary => self.answer.summary.is_some(),
            PassageOf::Reason => self.answer.cannot.is_some(),
            PassageOf::Solved => self.answer.solved.is_some(),
            PassageOf::Rule => self.answer.rules.len() >= MAX_RULES,
            PassageOf::Word(_, number) => self.answer.words.iter().any(|word| word.number == number),
        };
        if !is_known {
            self.passage = Some(Passage { of, first: first.to_owned(), start: self.at });
        }
    }

    /// Ends the open passage, if there is one, before a line.
    fn end_passage(&mut self, end: usize) {
        let Some(Passage { of, first, start }) = self.passage.take() else { return };
        let below = self.lines.get(start..end).unwrap_or_default();
        if of == PassageOf::Solved {
            self.answer.solved = Some(Solved::of(&first, below, self.paths));
            return;
        }
        if of == PassageOf::Rule {
            self.answer.rules.push(Rule::of(&first, below, self.paths));
            return;
        }
        let text =
            std::iter::once(first.as_str()).chain(below.iter().copied()).collect::<Vec<_>>().join("\n");
        if let PassageOf::Word(kind, number) = of {
            self.answer.words.push(Word { number, kind, text: clip(&text, MAX_TEXT_CHARS) });
            return;
        }
        let text = Some(clip(&text, MAX_TEXT_CHARS)).filter(|text| !text.is_empty());
        match of {
            PassageOf::Summary => self.answer.summary = text,
            PassageOf::Reason => self.answer.cannot = text,
            PassageOf::Solved | PassageOf::Rule | PassageOf::Word(..) => {}
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
                if self.has_loose_fence() || self.runs_into_answer(&self.lines[first..at]) {
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

    fn push(&mut self, path: String, start: usize, action: Action) {
        if let Some((fence, _)) = self.fences.iter().find(|(fence, _)| thinking::is_reasoning(fence.info())) {
            let tag = format!("```{}", fence.info());
            self.fault.get_or_insert(ReadError::InsideTag { line: start + 1, tag });
        }
        self.previous = Some(path.clone());
        self.edits.push(Edit { path, line: start + 1, action });
    }
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
