//! One pass over Markdown that makes active text and links show what they say, and do nothing.

use std::fmt::Write as _;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Parser, Tag, TagEnd};

use super::Gate;
use super::active::{self, Kind};
use super::orders::{self, Place};
use super::secret::REDACTED;
use crate::text::FLAVOUR;

/// Stands in a run for what is not text of its own, such as code.
const OBJECT: char = '\u{fffc}';
/// Names in a list.
const MAX_NAMED: usize = 10;
/// Characters of one.
const MAX_NAME: usize = 100;

/// Text without links and active text that the gate does not allow. Code spans show both as they are written.
pub(super) fn tame(source: &str, gate: &Gate) -> String {
    let mut pass = Pass { source, gate, edits: Vec::new(), run: String::new(), places: Vec::new() };
    let mut links: Vec<Link> = Vec::new();
    let mut in_code = false;
    for (event, range) in Parser::new_ext(source, FLAVOUR).into_offset_iter() {
        if let Some(link) = links.last_mut().filter(|link| range.end < link.range.end) {
            link.text_end = link.text_end.max(range.end);
        }
        match event {
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                let automatic = matches!(link_type, LinkType::Autolink | LinkType::Email);
                let mail = if link_type == LinkType::Email { "mailto:" } else { "" };
                let target = format!("{mail}{dest_url}");
                let closes = active::closes_by_address(&pass.run, &target);
                links.push(Link { text_end: range.start + 1, range, target, automatic, closes });
            }
            Event::End(TagEnd::Link) => {
                if let Some(link) = links.pop() {
                    pass.link(link);
                }
            }
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(_) if in_code => pass.code_text(range, Place::LineStart),
            Event::Text(_) if links.last().is_some_and(|link| link.automatic) => pass.object(),
            Event::Text(text) => pass.text(&text, range),
            Event::SoftBreak | Event::HardBreak => pass.text("\n", range),
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough)
            | Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => {}
            Event::End(TagEnd::HtmlBlock) => pass.html(range),
            Event::Code(_) => {
                pass.object();
                pass.code_text(range, Place::WithinLine);
            }
            Event::InlineHtml(_) | Event::FootnoteReference(_) => pass.object(),
            _ => pass.end_run(),
        }
    }
    pass.end_run();
    pass.apply()
}

struct Link {
    range: Range<usize>,
    text_end: usize,
    target: String,
    /// `<https://…>`
    automatic: bool,
    /// Whether it is the address of an issue behind a closing keyword.
    closes: bool,
}

struct Pass<'a> {
    source: &'a str,
    gate: &'a Gate,
    edits: Vec<(Range<usize>, String)>,
    /// The text of the block so far, as it is shown.
    run: String,
    /// Where pieces of the run start in it, and what they are in the source.
    places: Vec<(usize, Range<usize>)>,
}

impl Pass<'_> {
    fn text(&mut self, text: &str, range: Range<usize>) {
        // A back tick that opens no code could close code that is put in below.
        for (at, _) in self.source[range.clone()].match_indices('`') {
            let at = range.start + at;
            if !is_escaped(self.source, at) {
                self.edits.push((at..at, "\\".to_owned()));
            }
        }
        self.places.push((self.run.len(), range));
        self.run.push_str(text);
    }

    /// Between the tags of a block of HTML there is no Markdown, so no code, but there is active text.
    fn html(&mut self, range: Range<usize>) {
        self.end_run();
        let disarmed = active::disarm(&self.source[range.clone()], self.gate);
        if disarmed != self.source[range.clone()] {
            self.edits.push((range, disarmed));
        }
    }

    /// Code is shown as it is, but for what a program would obey.
    fn code_text(&mut self, range: Range<usize>, place: Place) {
        for (at, new) in orders::breaks_in_code(&self.source[range.clone()], place) {
            let at = range.start + at;
            self.edits.push((at..at, new.to_owned()));
        }
    }

    fn object(&mut self) {
        self.places.push((self.run.len(), 0..0));
        self.run.push(OBJECT);
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        for range in self.gate.secrets.places(&run) {
            let place = self.place(&range, run.len());
            self.edits.push((place, REDACTED.to_owned()));
        }
        for active in active::find(&run) {
            if self.gate.allows(&active.kind) {
                continue;
            }
            let place = self.place(&active.range, run.len());
            let text = &run[active.range];
            if active.kind == Kind::SkipsChecks {
                self.edits.push((place, active::unmarked(text)));
            } else {
                self.code(place, text);
            }
        }
        self.places.clear();
    }

    /// Where a range of the run stands in the source, with the back slash before it.
    fn place(&self, range: &Range<usize>, run_length: usize) -> Range<usize> {
        let piece = |at: usize| self.places.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let (first, last) = (piece(range.start), piece(range.end - 1));
        let (first_start, first_source) = &self.places[first];
        let (last_start, last_source) = &self.places[last];
        let last_end = self.places.get(last + 1).map_or(run_length, |(start, _)| *start);
        // A piece that is spelled otherwise in the source, such as an entity, goes as a whole.
        let whole = |source: &Range<usize>, length: usize| source.len() != length;
        let first_end = self.places.get(first + 1).map_or(run_length, |(start, _)| *start);
        let start = if whole(first_source, first_end - first_start) {
            first_source.start
        } else {
            first_source.start + range.start - first_start
        };
        let end = if whole(last_source, last_end - last_start) {
            last_source.end
        } else {
            last_source.start + range.end - last_start
        };
        start - usize::from(is_escaped(self.source, start))..end.max(start)
    }

    /// Puts the text there as code, apart from code around it.
    fn code(&mut self, place: Range<usize>, text: &str) {
        let before = if self.source[..place.start].ends_with('`') { " " } else { "" };
        let after = if self.source[place.end..].starts_with('`') { " " } else { "" };
        self.edits.push((place, format!("{before}{}{after}", code_span(text))));
    }

    /// A link that is not allowed leaves its text, and its target as code.
    fn link(&mut self, link: Link) {
        let Link { range, text_end, target, automatic, closes } = link;
        let is_mark = orders::is_mark(&self.source[range.start + 1..text_end.max(range.start + 1)]);
        if self.gate.allows_target(&target) && !closes && !is_mark {
            return;
        }
        if automatic {
            let shown = &self.source[range.start + 1..range.end - 1];
            self.code(range, shown);
            return;
        }
        self.edits.push((range.start..range.start + 1, String::new()));
        let shown = if target.is_empty() { String::new() } else { format!(" ({})", code_span(&target)) };
        self.edits.push((text_end..range.end, shown));
    }
}

impl Pass<'_> {
    fn apply(mut self) -> String {
        self.edits.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
        let mut out = String::with_capacity(self.source.len());
        let mut at = 0;
        for (range, new) in &self.edits {
            if range.start < at {
                continue;
            }
            out.push_str(&self.source[at..range.start]);
            out.push_str(new);
            at = range.end;
        }
        out.push_str(&self.source[at..]);
        out
    }
}

/// Whether an odd number of back slashes stands before `at`.
fn is_escaped(source: &str, at: usize) -> bool {
    source[..at].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The longest run of back ticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// Names as a list, each on a line of its own, as far as there is room for them.
pub(crate) fn names(names: &[String]) -> String {
    let mut text = String::new();
    for name in names.iter().take(MAX_NAMED) {
        let short: String = name.chars().take(MAX_NAME).collect();
        write!(text, "\n- {}", code_span(&short)).expect("a String takes any text");
    }
    if names.len() > MAX_NAMED {
        write!(text, "\n- and {} more", names.len() - MAX_NAMED).expect("a String takes any text");
    }
    text
}

/// A code span on one line that shows the text, whatever back ticks are in it
/// (<https://spec.commonmark.org/0.31.2/#code-spans>).
pub(crate) fn code_span(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let line = text.replace('\n', " ");
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// A code block that shows the text, whatever is in it.
pub(super) fn code_block(text: &str) -> String {
    let text = orders::code(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// A text whose last block of code is closed, so that what follows is none of it.
pub(crate) fn closed(text: String) -> String {
    match open_fence(&text) {
        Some(fence) => format!("{}\n{fence}\n", text.trim_end_matches('\n')),
        None => text,
    }
}

/// The fence that ends the code block in which the text ends, if it does.
pub(super) fn open_fence(text: &str) -> Option<String> {
    let (mut block, mut depth) = (None, 0_usize);
    for (event, range) in Parser::new_ext(text, FLAVOUR).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) if depth == 0 => block = Some(range),
            Event::Start(Tag::BlockQuote(_) | Tag::Item) => depth += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::Item) => depth -= 1,
            _ => {}
        }
    }
    let block = &text[block.filter(|block| block.end >= text.trim_end().len())?];
    let mark = block.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let fence: String = block.chars().take_while(|c| *c == mark).collect();
    let closed = block.lines().skip(1).last().is_some_and(|line| {
        let line = line.trim();
        line.len() >= fence.len() && line.chars().all(|c| fence.starts_with(c))
    });
    (!closed && !fence.is_empty()).then_some(fence)
}

#[cfg(test)]
mod tests {
    #[test]
    fn checks_that_failed_are_named_as_far_as_there_is_room() {
        let names: Vec<String> = (0..12).map(|number| format!("build `{number}`\n@all")).collect();
        let text = super::names(&names);
        assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), 11, "{text}");
        assert!(text.ends_with("\n- and 2 more"), "{text}");
    }
}
