//! *Leftovers*: lines that belong to the conversation with a model, or to a merge, and not to the file.
//!
//! Only lines that the edit added count, and where they stand decides: a conflict marker in a string, in a comment or in
//! a code block of prose may be content, and one in a file that had some before is. They are looked for in the text,
//! because many grammars accept them: a code fence is a pair of literals to JavaScript.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{Fault, Found, SAMPLE, SyntaxError, has_word, line_start};
use crate::language::Language;
use crate::parser::{Holder, HolderKind};
use crate::patch::{Placeholder, placeholder};
use crate::path::RepoPath;
use crate::protocol::{Fence, Side, edit_marker};

/// The longest info string of a fence, in bytes; a longer one is prose or code.
const MAX_INFO: usize = 60;
/// Lines that an edit must take away, more than it adds, for what may be a sentence or a statement to stand for them.
const ELIDED: usize = 3;

/// What may be left over among the lines that an edit added, in the order of the text.
pub(super) struct Leftovers<'t> {
    text: &'t str,
    prose: bool,
    /// The file is new, and for tests to read.
    sample: bool,
    /// The file had markers before.
    marked: bool,
    /// Where the lines begin that the edit added.
    added: HashSet<usize>,
    found: Vec<SyntaxError>,
    fences: Fences,
}

impl<'t> Leftovers<'t> {
    /// Looks at the lines that `after` has and `before` has not.
    pub(super) fn added(
        path: &RepoPath,
        language: Option<Language>,
        before: Option<&str>,
        after: &'t str,
    ) -> Self {
        let prose = is_prose(path);
        let added = Added::new(before.unwrap_or_default(), after);
        let conflict = added.lines.iter().any(|(_, line)| is_marker(line, '<'));
        let mut in_conflict = false;
        let mut found = Vec::new();
        for &(start, line) in &added.lines {
            let fault = if let Some(side) = edit_marker(line) {
                // Both kinds of marker are separated by the same line.
                in_conflict = side == Side::Opening;
                Some(Fault::EditMarker)
            } else if is_marker(line, '<') {
                in_conflict = true;
                Some(Fault::ConflictMarker)
            } else if in_conflict && (is_marker(line, '=') || is_marker(line, '|')) {
                Some(Fault::ConflictMarker)
            } else if is_marker(line, '>') && (conflict || !prose) {
                // In prose it may be a quotation of a quotation.
                in_conflict = false;
                Some(Fault::ConflictMarker)
            } else if !prose && is_fence(line) {
                Some(Fault::CodeFence)
            } else if !prose && added.is_elision(after, (start, line), language) {
                Some(Fault::Elision)
            } else {
                None
            };
            if let Some(fault) = fault {
                found.push(SyntaxError { range: start + indent(line)..start + line.len(), fault });
            }
        }
        let is_any_marker =
            |line: &str| is_marker(line, '<') || is_marker(line, '>') || edit_marker(line).is_some();
        let marked = before.is_some_and(|before| before.lines().any(is_any_marker));
        let sample = before.is_none() && has_word(path, &SAMPLE);
        let added = added.lines.iter().map(|(start, _)| *start).collect();
        Self { text: after, prose, sample, marked, added, found, fences: Fences::new(before, after) }
    }

    /// Where a parser is asked what encloses them.
    pub(super) fn places(&self) -> Vec<usize> {
        self.found.iter().map(|error| error.range.start).collect()
    }

    /// Those that are left over; `holders` has an answer for each of [`Self::places`] where the text was parsed.
    pub(super) fn judged(&self, holders: Option<(Language, &[Option<Holder>])>) -> Found {
        let mut judged = Found::default();
        for (place, error) in self.found.iter().enumerate() {
            let at = error.range.start;
            let holder = holders.map(|(language, holders)| (language, holders[place].as_ref()));
            let held = holder.and_then(|(_, holder)| holder);
            let judgement = match error.fault {
                Fault::CodeFence => self.fences.is_leftover(self.text, at, holder).then_some(true),
                Fault::Elision => {
                    held.is_none_or(|holder| holder.kind == HolderKind::Comment).then_some(true)
                }
                _ if self.marked => None,
                _ => Some(!(self.sample || self.may_be_content(at, held))),
            };
            match judgement {
                Some(true) => judged.certain.push(error.clone()),
                Some(false) => judged.doubtful.push(error.clone()),
                None => {}
            }
        }
        judged
    }

    /// Whether a marker stands where texts about markers have them.
    fn may_be_content(&self, at: usize, holder: Option<&Holder>) -> bool {
        if self.prose {
            let is_indented_block = at - line_start(self.text, at) >= 2;
            return is_indented_block || self.fences.enclose(at);
        }
        // What stands at the margin of a comment or a string that was there before came there by itself, and so did what is
        // left of everything else in it.
        holder.is_some_and(|holder| {
            let is_indented = at > line_start(self.text, at);
            if !is_indented && !self.added.contains(&line_start(self.text, holder.range.start)) {
                return false;
            }
            let held = &self.text[holder.range.clone()];
            let inner = held.split_once('\n').map_or("", |(_, rest)| rest).rsplit_once('\n');
            let lines = inner.map_or("", |(inner, _)| inner).lines();
            let is_content =
                |line: &&str| !line.trim().is_empty() && !"<=>|".contains(&line.trim_start()[..1]);
            let margin = lines.filter(is_content).map(indent).min();
            margin.is_none_or(|margin| margin <= at - line_start(self.text, at))
        })
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines that an edit added.
struct Added<'t> {
    /// Where each begins, in bytes, and its text without the white space at its end.
    lines: Vec<(usize, &'t str)>,
    /// Lines that are gone, less those that came; 0 for a file that did not shrink.
    taken_away: usize,
}

impl<'t> Added<'t> {
    fn new(before: &str, after: &'t str) -> Self {
        let mut known: HashMap<&str, usize> = HashMap::new();
        for line in before.lines() {
            *known.entry(line.trim_end()).or_default() += 1;
        }
        let mut lines = Vec::new();
        let mut start = 0;
        for whole in after.split_inclusive('\n') {
            let line = whole.trim_end();
            match known.get_mut(line) {
                Some(count) if *count > 0 => *count -= 1,
                _ => lines.push((start, line)),
            }
            start += whole.len();
        }
        let gone: usize = known.values().sum();
        Self { taken_away: gone.saturating_sub(lines.len()), lines }
    }

    /// Whether a line of `text` stands for code: by what it says, by what was taken away for it, and by its neighbor.
    fn is_elision(&self, text: &str, (start, line): (usize, &str), language: Option<Language>) -> bool {
        use Language::{Go, Java, JavaScript, Kotlin, Python, Rust, Scala, Swift, Tsx, TypeScript, Yaml};
        let stands_for_many = self.taken_away >= ELIDED;
        let is_bare = line.trim_start().starts_with(['.', '…']);
        match placeholder(line) {
            // A statement of Python, and the end of a document of YAML.
            Some(Placeholder::Dots) if is_bare && matches!(language, Some(Python | Yaml)) => false,
            Some(Placeholder::Dots) if is_bare => {
                let is_no_code = matches!(
                    language,
                    Some(Go | Java | JavaScript | Kotlin | Rust | Scala | Swift | Tsx | TypeScript)
                );
                stands_for_many || is_no_code
            }
            Some(Placeholder::Dots | Placeholder::Trailed) => stands_for_many,
            // The end of a sentence that began on the line before may read like it.
            Some(Placeholder::Phrase) => stands_for_many || !continues(text, start),
            Some(Placeholder::Led) => true,
            None => false,
        }
    }
}

/// Whether the line at `start` begins like the one before it, as the lines of one comment do.
fn continues(text: &str, start: usize) -> bool {
    let sign = |line: &str| -> String { line.trim_start().chars().take(2).collect() };
    let line = text[start..].lines().next().unwrap_or_default();
    text[..start].lines().next_back().is_some_and(|previous| sign(previous) == sign(line))
}

/// Files for people, in which fences, quotations and ellipses are at home.
fn is_prose(path: &RepoPath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    // A template of prose is prose.
    let name = [".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".erb", ".hbs", ".in", ".template"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((_, extension)) => matches!(
            extension,
            "md" | "mdx"
                | "mdc"
                | "markdown"
                | "mkd"
                | "mdown"
                | "livemd"
                | "prompty"
                | "rmd"
                | "qmd"
                | "rst"
                | "txt"
                | "adoc"
                | "asciidoc"
                | "org"
                | "tex"
        ),
        None => matches!(
            name,
            "readme"
                | "changelog"
                | "changes"
                | "contributing"
                | "history"
                | "install"
                | "news"
                | "notes"
                | "todo"
        ),
    }
}

/// The first line of a text that begins or ends a conflict or an edit, of those that are not `known`. What separates the
/// sides of one is not looked for: it has such a line above it, and elsewhere it is the line below a heading.
pub(crate) fn marker_in(text: &str, known: impl Fn(&str) -> bool) -> Option<&str> {
    text.lines().find(|whole| {
        let line = whole.trim_end();
        let is_marker = is_marker(line, '<') || is_marker(line, '>') || edit_marker(line).is_some();
        is_marker && !known(whole)
    })
}

/// Whether the line is seven of `mark`, alone or followed by a space and a name, as git writes them.
fn is_marker(line: &str, mark: char) -> bool {
    let rest = line.trim_start_matches(mark);
    line.len() - rest.len() == 7 && (rest.is_empty() || rest.starts_with(' '))
}

/// Tells fences that were left over from those that a comment or a string holds.
struct Fences {
    /// Fences of the whole text do not pair, and did before.
    odd: bool,
    /// Two fences have all of the text between them.
    wrap: bool,
    /// What stands between fences, in a file for people.
    blocks: Vec<Range<usize>>,
}

impl Fences {
    fn new(before: Option<&str>, text: &str) -> Self {
        let mut blocks = Vec::new();
        let mut open = None;
        let mut start = 0;
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_end();
            if Fence::of(line).is_some() {
                match open.take() {
                    Some(opened) => blocks.push(opened..start),
                    None => open = Some(start),
                }
            }
            start += whole.len();
        }
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let ends = [lines.first(), lines.last()];
        let wrap = blocks.len() == 1 && ends.iter().all(|line| line.is_some_and(|line| is_fence(line)));
        Self { odd: has_odd_fence(text) && !before.is_some_and(has_odd_fence), wrap, blocks }
    }

    fn enclose(&self, at: usize) -> bool {
        self.blocks.iter().any(|block| block.contains(&at))
    }

    fn is_leftover(&self, text: &str, at: usize, holder: Option<(Language, Option<&Holder>)>) -> bool {
        use Language::{Go, Html, JavaScript, Tsx, TypeScript};
        let holder = match holder {
            // A literal between back quotes holds none, so nothing but a comment does.
            Some((JavaScript | TypeScript | Tsx | Go, holder)) => {
                holder.filter(|holder| holder.kind == HolderKind::Comment)
            }
            Some((language, holder)) if language != Html => holder,
            // Nothing says where a comment or a string ends: what wraps the file, or lacks its partner.
            _ => return at == line_start(text, at) && (self.odd || self.wrap),
        };
        holder.is_none_or(|holder| has_odd_fence(&text[holder.range.clone()]))
    }
}

/// Whether the fences of a text, or of a comment with an asterisk before every line, do not pair.
fn has_odd_fence(text: &str) -> bool {
    let bare = |line: &str| is_fence(line.trim_end().trim_start_matches([' ', '\t', '*']));
    text.lines().filter(|line| bare(line)).count() % 2 == 1
}

/// Three or more back quotes, then at most a short info string.
fn is_fence(line: &str) -> bool {
    Fence::of(line).is_some_and(|fence| {
        fence.is_of_back_ticks()
            && fence.info().len() <= MAX_INFO
            && fence.info().chars().all(|c| c.is_alphanumeric() || " +-#._:{}=,/\"".contains(c))
    })
}
