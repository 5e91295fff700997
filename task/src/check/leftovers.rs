//! *Leftovers*: lines that belong to the conversation with a model, or to a merge, and not to the file.
//!
//! Only lines that the edit added count. They are looked for in the text, because many grammars accept them: a
//! code fence is a pair of literals to JavaScript, and a conflict marker may stand in a comment.

use std::collections::HashMap;

use super::{Fault, SyntaxError, line_start};
use crate::language::Language;
use crate::parser::{Holder, HolderKind};
use crate::path::RepoPath;
use crate::protocol::{Fence, Side, edit_marker};

/// The longest info string of a fence, in bytes; a longer one is prose or code.
const MAX_INFO: usize = 60;
/// Lines that an edit must take away, more than it adds, for a bare `...` to stand for them.
const ELIDED: usize = 3;

/// What may be left over among the lines that an edit added, in the order of the text.
pub(super) struct Leftovers<'t> {
    text: &'t str,
    found: Vec<SyntaxError>,
    fences: Fences,
}

impl<'t> Leftovers<'t> {
    /// Looks at the lines that `after` has and `before` has not.
    pub(super) fn added(path: &RepoPath, before: Option<&str>, after: &'t str) -> Self {
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
            } else if !prose && is_elision(line, added.taken_away) {
                Some(Fault::Elision)
            } else {
                None
            };
            if let Some(fault) = fault {
                let indent = line.len() - line.trim_start().len();
                found.push(SyntaxError { range: start + indent..start + line.len(), fault });
            }
        }
        Self { text: after, found, fences: Fences::new(after) }
    }

    /// Where a parser is asked what encloses them.
    pub(super) fn places(&self) -> Vec<usize> {
        self.fences().map(|error| error.range.start).collect()
    }

    fn fences(&self) -> impl Iterator<Item = &SyntaxError> {
        self.found.iter().filter(|error| error.fault == Fault::CodeFence)
    }

    /// Those that are left over; `holders` has an answer for each of [`Self::places`] where the text was parsed.
    pub(super) fn judged(&self, holders: Option<(Language, &[Option<Holder>])>) -> Vec<SyntaxError> {
        let mut place = 0;
        let is_left_over = |error: &&SyntaxError| {
            if error.fault != Fault::CodeFence {
                return true;
            }
            let holder = holders.map(|(language, holders)| (language, holders[place].as_ref()));
            place += 1;
            self.fences.is_leftover(self.text, error.range.start, holder)
        };
        self.found.iter().filter(is_left_over).cloned().collect()
    }
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
}

/// Files for people, in which fences, quotations and ellipses are at home.
fn is_prose(path: &RepoPath) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    matches!(
        extension.as_str(),
        "md" | "mdx"
            | "mdc"
            | "markdown"
            | "rmd"
            | "qmd"
            | "rst"
            | "txt"
            | "adoc"
            | "asciidoc"
            | "org"
            | "tex"
            | "ipynb"
    )
}

/// Whether the line is seven of `mark`, alone or followed by a space and a name, as git writes them.
fn is_marker(line: &str, mark: char) -> bool {
    let rest = line.trim_start_matches(mark);
    line.len() - rest.len() == 7 && (rest.is_empty() || rest.starts_with(' '))
}

/// Tells fences that were left over from those that a comment or a string holds.
struct Fences {
    /// Fences of the whole text do not pair.
    odd: bool,
    /// Where the first and the last line that are not blank begin.
    ends: (usize, usize),
}

impl Fences {
    fn new(text: &str) -> Self {
        let first = text.len() - text.trim_start().len();
        let last = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
        Self { odd: has_odd_fence(text), ends: (line_start(text, first), last) }
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
            _ => {
                let start = line_start(text, at);
                return at == start && (self.odd || start == self.ends.0 || start == self.ends.1);
            }
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

/// Whether the line is a comment, or a bare note, that stands for code.
fn is_elision(line: &str, taken_away: usize) -> bool {
    let line = line.trim();
    let openings = ["//", "#", "--", "/*", "<!--", "{/*", ";;", "%", "...", "…", "[...", "(...", "* ..."];
    if !openings.iter().any(|opening| line.starts_with(opening)) {
        return false;
    }
    let bare = line.trim_matches(|c: char| c.is_whitespace() || "/#-*<>!{}[]();%".contains(c));
    let core = bare.trim_matches(['.', '…', ' ', ',']).to_lowercase();
    let ellipsis =
        bare.starts_with("...") || bare.starts_with('…') || bare.ends_with("...") || bare.ends_with('…');
    if core.is_empty() {
        return ellipsis && taken_away >= ELIDED;
    }
    let words: Vec<&str> =
        core.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty()).collect();
    elides(&words, ellipsis)
}

/// Whether the words say that what was there stays as it was.
fn elides(words: &[&str], ellipsis: bool) -> bool {
    const THINGS: [&str; 24] = [
        "class",
        "code",
        "config",
        "configuration",
        "content",
        "contents",
        "definitions",
        "fields",
        "file",
        "function",
        "functions",
        "implementation",
        "imports",
        "lines",
        "logic",
        "method",
        "methods",
        "module",
        "properties",
        "rules",
        "script",
        "styles",
        "tests",
        "body",
    ];
    const SAME: [&str; 8] =
        ["unchanged", "same", "omitted", "remains", "remain", "unmodified", "truncated", "stays"];
    let says = |set: &[&str]| words.iter().any(|word| set.contains(word));
    let thing = says(&THINGS);
    let same = says(&SAME) || words.ends_with(&["as", "before"]);
    let text = words.join(" ");
    let rest = text.contains("rest of") || text.starts_with("the rest") || text.starts_with("remaining");
    let existing =
        ["existing", "previous", "other", "all other", "your existing", "keep existing", "unchanged"]
            .iter()
            .any(|opening| text.starts_with(opening));
    if ellipsis {
        return words.len() <= 8
            && ((rest && (thing || same)) || (existing && thing) || (same && words.len() <= 4));
    }
    // Without an ellipsis only the set phrases.
    words.len() <= 9
        && ((rest && thing && same)
            || matches!(
                text.as_str(),
                "existing code"
                    | "existing code here"
                    | "rest of code"
                    | "rest of the code"
                    | "rest of file"
                    | "rest of the file"
                    | "rest of the code here"
                    | "rest of the implementation"
                    | "unchanged code"
                    | "other code"
                    | "code omitted for brevity"
            ))
}
