//! One pass over Markdown that takes away what GitHub does not show, and leaves the rest as it is written.
//!
//! The text is parsed as GitHub's flavour of `CommonMark`; edits are made to the source, so what stays is byte for byte
//! what the author wrote. Entities become the characters that they stand for, apart from those that would be
//! markup themselves.

use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::html::{self, IMAGE, Kind};
use super::rendered;
use crate::path::is_hidden;

/// What GitHub adds to `CommonMark`, as far as it shows or hides text.
pub(crate) const FLAVOUR: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_GFM);

/// Longest target of a link that is shown beside its text, in bytes.
const MAX_TARGET: usize = 500;

/// What becomes of HTML tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// They go, and with them the elements that are not shown.
    Drop,
    /// They are shown as text, but for `<details>` and `<summary>` in pairs; so are characters given as entities.
    Show,
}

/// See the module's documentation.
pub(super) fn without_hidden(source: &str, tags: Tags) -> String {
    let mut pass = Pass {
        source,
        tags,
        edits: Vec::new(),
        folds: Vec::new(),
        covered: Vec::new(),
        code: Vec::new(),
        hidden: None,
        small: [0; html::SMALL.len()],
        rest_from: None,
    };
    let notes = pass.read();
    pass.drop_unclosed();
    pass.drop_formulas();
    pass.drop_notes(notes);
    pass.drop_definitions();
    pass.show_unpaired_folds();
    pass.apply()
}

/// An element whose content is not shown, until it is closed.
struct Hidden {
    name: String,
    start: usize,
    depth: usize,
    unclosed: Unclosed,
}

/// What becomes of the text behind an element that is never closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unclosed {
    /// GitHub shows it: it takes such an element away.
    Shown,
    /// A browser hides it like the rest of the element.
    Hidden,
}

#[derive(Clone, Copy)]
enum Fold {
    Open,
    Close,
    /// Around the summary.
    Head,
}

/// A link that is open: where its text ends so far, and where it leads.
struct Link {
    range: Range<usize>,
    text_end: usize,
    form: Form,
    /// Whether something in it can be seen, and so clicked on.
    is_seen: bool,
}

/// How a link is written.
enum Form {
    /// `<https://…>`: the target is the text.
    Automatic,
    /// `[text](target)`, without a title.
    Open,
    /// Any other way to a target.
    Other(String),
}

/// Footnotes: definitions with their labels, and the labels that are used.
#[derive(Default)]
struct Notes {
    defined: Vec<(String, Range<usize>)>,
    used: HashSet<String>,
}

struct Pass<'a> {
    source: &'a str,
    tags: Tags,
    /// Where `<details>` and its like stand, and whether they open.
    folds: Vec<(Range<usize>, Fold)>,
    edits: Vec<(Range<usize>, String)>,
    /// What some event accounts for; between these stand only marks of blocks, and definitions.
    covered: Vec<Range<usize>>,
    /// Code, in order: what looks like markup in it is none.
    code: Vec<Range<usize>>,
    hidden: Option<Hidden>,
    /// How many elements of each of [`html::SMALL`] are open.
    small: [usize; html::SMALL.len()],
    /// From where on all is part of something unfinished.
    rest_from: Option<usize>,
}

impl Pass<'_> {
    fn read(&mut self) -> Notes {
        let mut notes = Notes::default();
        let mut links: Vec<Link> = Vec::new();
        let mut images = 0_usize;
        let mut block_html: Vec<Range<usize>> = Vec::new();
        let mut cells: Vec<Range<usize>> = Vec::new();
        let mut in_code = false;
        for (event, range) in Parser::new_ext(self.source, FLAVOUR).into_offset_iter() {
            let container = matches!(
                event,
                Event::Start(Tag::BlockQuote(_) | Tag::List(_) | Tag::Item | Tag::FootnoteDefinition(_))
                    | Event::End(
                        TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item | TagEnd::FootnoteDefinition
                    )
            );
            if !container {
                self.covered.push(range.clone());
            }
            if let Some(link) = links.last_mut().filter(|link| range.end < link.range.end) {
                link.text_end = link.text_end.max(range.end);
            }
            let shows = match &event {
                Event::Text(text) | Event::Code(text) => !is_blank(text),
                Event::Start(Tag::Image { .. }) | Event::FootnoteReference(_) => true,
                _ => false,
            };
            if shows {
                for link in &mut links {
                    link.is_seen = true;
                }
            }
            match event {
                Event::Start(Tag::Image { .. }) => {
                    if images == 0 {
                        self.edits.push((range, IMAGE.to_owned()));
                    }
                    images += 1;
                }
                Event::End(TagEnd::Image) => images = images.saturating_sub(1),
                Event::Start(Tag::Link { link_type, dest_url, title, .. }) => {
                    let form = match link_type {
                        LinkType::Autolink | LinkType::Email => Form::Automatic,
                        LinkType::Inline if title.is_empty() && is_plain(&dest_url) => Form::Open,
                        _ => Form::Other(dest_url.into_string()),
                    };
                    links.push(Link { text_end: range.start + 1, range, form, is_seen: false });
                }
                Event::End(TagEnd::Link) => {
                    if let Some(link) = links.pop() {
                        self.link(link);
                    }
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    in_code = true;
                    self.code.push(range.clone());
                    if let CodeBlockKind::Fenced(_) = kind {
                        self.info(range);
                    }
                }
                Event::End(TagEnd::CodeBlock) => in_code = false,
                Event::Code(_) => self.code.push(range),
                Event::Text(text) if !in_code => self.entity(&text, range),
                Event::InlineHtml(_) => self.html(&[range]),
                Event::Html(_) => block_html.push(range),
                Event::End(TagEnd::HtmlBlock) => self.html(&std::mem::take(&mut block_html)),
                Event::Start(Tag::TableCell) => cells.push(range),
                Event::End(TagEnd::TableRow | TagEnd::TableHead) => {
                    self.row(&range, &std::mem::take(&mut cells));
                }
                Event::Start(Tag::FootnoteDefinition(label)) => {
                    let marker =
                        self.source[range.clone()].find(':').map_or(range.start, |at| range.start + at + 1);
                    self.covered.push(range.start..marker);
                    notes.defined.push((label.to_lowercase(), range));
                }
                Event::FootnoteReference(label) => {
                    notes.used.insert(label.to_lowercase());
                }
                _ => {}
            }
        }
        notes
    }

    /// Writes the target of a link in the open, or leaves its text alone if it has none that can be.
    fn link(&mut self, link: Link) {
        let Link { range, text_end, form, is_seen } = link;
        match form {
            Form::Open | Form::Other(_) if !is_seen => self.edits.push((range, String::new())),
            Form::Automatic | Form::Open => {}
            Form::Other(target) if is_plain(&target) => {
                self.edits.push((text_end..range.end, format!("]({target})")));
            }
            Form::Other(_) => {
                self.edits.push((range.start..range.start + 1, String::new()));
                self.edits.push((text_end..range.end, String::new()));
            }
        }
    }

    /// Of what follows the fence of a code block, only the language is put to use. What GitHub draws is not shown as text.
    fn info(&mut self, block: Range<usize>) {
        let line = self.source[block.clone()].lines().next().unwrap_or_default();
        let info = line.trim_start_matches(['`', '~']);
        let start = block.start + line.len() - info.len();
        let language = info.split_whitespace().next().unwrap_or_default();
        if let Some(word) = rendered::drawn(language).filter(|_| self.tags == Tags::Drop) {
            let end = if self.source[block.clone()].ends_with('\n') { "\n" } else { "" };
            self.edits.push((block, format!("{word}{end}")));
            return;
        }
        let kept = if rendered::is_language(language) { language } else { "" };
        if info.trim() != kept {
            self.edits.push((start..start + info.len(), kept.to_owned()));
        }
    }

    /// Puts the character for an entity, or the one name for each of those that would be markup.
    fn entity(&mut self, text: &str, range: Range<usize>) {
        let written = &self.source[range.clone()];
        if !written.starts_with('&') || written == text {
            return;
        }
        let new = match text {
            "<" => "&lt;",
            ">" => "&gt;",
            "&" => "&amp;",
            _ if text.chars().any(|c| c.is_ascii_control()) => return,
            _ if text.chars().any(|c| c.is_ascii_punctuation()) => {
                if self.tags == Tags::Show {
                    self.edits.push((range, text.chars().flat_map(|c| ['\\', c]).collect()));
                }
                return;
            }
            _ if text.trim().is_empty() => " ",
            _ => text,
        };
        if new != written {
            self.edits.push((range, new.to_owned()));
        }
    }

    /// Takes the tags out of a run of HTML, which may be in several lines of one block.
    fn html(&mut self, lines: &[Range<usize>]) {
        let joined: String = lines.iter().map(|line| &self.source[line.clone()]).collect();
        let starts: Vec<usize> = lines
            .iter()
            .scan(0, |end, line| {
                let start = *end;
                *end += line.len();
                Some(start)
            })
            .collect();
        let place = |at: usize| {
            let line = starts.partition_point(|start| *start <= at) - 1;
            lines[line].start + at - starts[line]
        };
        let pieces = html::pieces(&joined);
        if self.tags == Tags::Show {
            self.show(&joined, &pieces, place);
            return;
        }
        for piece in pieces {
            let start = place(piece.range.start);
            let end = place(piece.range.end.saturating_sub(1)) + 1;
            let trace = match piece.kind {
                Kind::Comment => "",
                Kind::Unfinished => {
                    self.rest_from = Some(self.rest_from.map_or(start, |from| from.min(start)));
                    return;
                }
                Kind::Open { name, hides } => {
                    self.open(name, hides, start);
                    html::trace(name)
                }
                Kind::Close { name } => {
                    self.close(name, end);
                    if name.eq_ignore_ascii_case("picture") { "" } else { html::trace(name) }
                }
            };
            self.edits.push((start..end, trace.to_owned()));
        }
    }

    /// Makes tags text, and entities what they are spelled like; a fold waits for its pair.
    fn show(&mut self, html: &str, pieces: &[html::Piece<'_>], place: impl Fn(usize) -> usize) {
        let mut at = 0;
        let mut kept: Vec<Range<usize>> = Vec::new();
        for piece in pieces {
            let fold = match &html[piece.range.clone()] {
                "<details>" => Some(Fold::Open),
                "</details>" => Some(Fold::Close),
                "<summary>" | "</summary>" => Some(Fold::Head),
                _ => None,
            };
            let tag = place(piece.range.start)..place(piece.range.end - 1) + 1;
            if let Some(fold) = fold {
                self.folds.push((tag, fold));
                kept.push(at..piece.range.start);
                at = piece.range.end;
            } else if piece.kind == Kind::Comment {
                self.edits.push((tag, String::new()));
                kept.push(at..piece.range.start);
                at = piece.range.end;
            }
        }
        kept.push(at..html.len());
        for text in kept {
            for (offset, mark) in html[text.clone()].match_indices(['<', '&']) {
                let at = text.start + offset;
                let named = ["&lt;", "&gt;", "&amp;"].iter().any(|entity| html[at..].starts_with(entity));
                if !named {
                    let entity = if mark == "<" { "&lt;" } else { "&amp;" };
                    self.edits.push((place(at)..place(at) + 1, entity.to_owned()));
                }
            }
        }
    }

    /// Folds that do not close where they should could fold away what follows this text.
    fn show_unpaired_folds(&mut self) {
        let mut depth = 0_i64;
        let mut paired = true;
        for (_, fold) in &self.folds {
            match fold {
                Fold::Open => depth += 1,
                Fold::Close => depth -= 1,
                Fold::Head => paired &= depth > 0,
            }
            paired &= depth >= 0;
        }
        if !paired || depth != 0 {
            let starts = self.folds.iter().map(|(tag, _)| tag.start);
            self.edits.extend(starts.map(|start| (start..start + 1, "&lt;".to_owned())));
        }
    }

    fn open(&mut self, name: &str, hides: bool, start: usize) {
        if let Some(open) = self.small_of(name) {
            *open += 1;
        }
        let hides = hides || html::veils(name) || self.small.iter().sum::<usize>() > html::MAX_SMALL;
        match &mut self.hidden {
            Some(hidden) if hidden.name.eq_ignore_ascii_case(name) => hidden.depth += 1,
            None if hides || html::is_never_shown(name) => {
                let unclosed = if hides { Unclosed::Hidden } else { Unclosed::Shown };
                self.hidden = Some(Hidden { name: name.to_owned(), start, depth: 1, unclosed });
            }
            _ => {}
        }
    }

    /// An element that hides its content and is never closed hides all that follows.
    fn drop_unclosed(&mut self) {
        if let Some(hidden) = self.hidden.take().filter(|hidden| hidden.unclosed == Unclosed::Hidden) {
            self.rest_from = Some(self.rest_from.map_or(hidden.start, |from| from.min(hidden.start)));
        }
    }

    /// Formulas that show something else than they say.
    fn drop_formulas(&mut self) {
        if self.tags == Tags::Show {
            return;
        }
        let mut code = self.code.iter().peekable();
        let is_code = |at: usize| {
            while code.next_if(|range| range.end <= at).is_some() {}
            code.peek().is_some_and(|range| range.start <= at)
        };
        let formulas = rendered::veiled_formulas(self.source, is_code);
        self.edits.extend(formulas.into_iter().map(|range| (range, rendered::INLINE_FORMULA.to_owned())));
    }

    fn small_of(&mut self, name: &str) -> Option<&mut usize> {
        let index = html::SMALL.iter().position(|small| small.eq_ignore_ascii_case(name))?;
        Some(&mut self.small[index])
    }

    fn close(&mut self, name: &str, end: usize) {
        if let Some(open) = self.small_of(name) {
            *open = open.saturating_sub(1);
        }
        let Some(hidden) = &mut self.hidden else { return };
        if !hidden.name.eq_ignore_ascii_case(name) {
            return;
        }
        hidden.depth -= 1;
        if hidden.depth == 0 {
            self.edits.push((hidden.start..end, String::new()));
            self.hidden = None;
        }
    }

    /// Cells beyond the table's last column are not shown.
    fn row(&mut self, row: &Range<usize>, cells: &[Range<usize>]) {
        let shown = cells.iter().map(|cell| cell.end).max().unwrap_or(row.start);
        let rest = &self.source[shown..row.end.max(shown)];
        let is_frame = |c: char| c == '|' || c.is_whitespace() || c == '>';
        if let Some(first) = rest.find(|c: char| !is_frame(c)) {
            let line = rest[first..].find('\n').map_or(rest.len(), |length| first + length);
            self.edits.push((shown + first..shown + line, String::new()));
        }
    }

    /// Footnotes that nothing refers to are not shown, nor is the second with the same label.
    fn drop_notes(&mut self, notes: Notes) {
        let mut known = HashSet::new();
        for (label, range) in notes.defined {
            if !notes.used.contains(&label) || !known.insert(label) {
                self.edits.push((range, "\n".to_owned()));
            }
        }
    }

    /// Link definitions are never shown: links have their targets written out.
    fn drop_definitions(&mut self) {
        let mut covered = std::mem::take(&mut self.covered);
        covered.sort_unstable_by_key(|range| range.start);
        covered.push(self.source.len()..self.source.len());
        let mut at = 0;
        for range in covered {
            if range.start > at {
                self.drop_definitions_in(at..range.start);
            }
            at = at.max(range.end);
        }
    }

    /// Takes definitions out of a stretch that holds nothing else but the marks of quotes and lists.
    fn drop_definitions_in(&mut self, gap: Range<usize>) {
        let mut start = gap.start;
        let mut defining = false;
        for line in self.source[gap].split_inclusive('\n') {
            let content = line.trim_end();
            let marks = content.len()
                - content
                    .trim_start_matches(|c: char| {
                        c.is_whitespace() || ">-*+.)".contains(c) || c.is_ascii_digit()
                    })
                    .len();
            let text = &content[marks..];
            defining |= text.starts_with('[') && !text.starts_with("[!");
            if defining && !text.is_empty() {
                self.edits.push((start + marks..start + content.len(), String::new()));
            }
            start += line.len();
        }
    }

    fn apply(mut self) -> String {
        if let Some(from) = self.rest_from {
            self.edits.push((from..self.source.len(), String::new()));
        }
        // Of two edits that start together the longer one first: it swallows the other.
        self.edits.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
        let mut out = String::with_capacity(self.source.len());
        let mut at = 0;
        for (range, new) in &self.edits {
            if range.start < at {
                at = at.max(range.end);
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

/// Whether a target can stand in the open behind a link's text: an address or a path without spaces and marks, its
/// parentheses in pairs.
fn is_plain(target: &str) -> bool {
    let mut open = 0_i32;
    let in_pairs = target.bytes().all(|b| {
        open += i32::from(b == b'(') - i32::from(b == b')');
        open >= 0
    });
    in_pairs
        && open == 0
        && !target.is_empty()
        && target.len() <= MAX_TARGET
        && !target.contains(|c: char| c.is_whitespace() || "<>[]\\\"'`{}|".contains(c))
}

/// Whether nothing of the text leaves a mark: white space, and letters that are drawn as nothing.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '\u{2800}' || is_hidden(c))
}
