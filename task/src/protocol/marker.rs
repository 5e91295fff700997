//! Lines that mean something in a reply: markers, fences, directives and headings. Whatever has to know one asks here.

use super::word::{self, WordKind};

/// A line that delimits a block; the number is its length in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Head(usize),
    Divider(usize),
    End(usize),
}

impl Marker {
    pub(super) fn of(line: &str) -> Option<Self> {
        let first = *line.as_bytes().first()?;
        let length = line.bytes().take_while(|byte| *byte == first).count();
        if !(5..=9).contains(&length) {
            return None;
        }
        let rest = line[length..].trim();
        match first {
            b'<' if is_word(rest.trim_end_matches('>'), "SEARCH") => Some(Self::Head(length)),
            b'=' if rest.is_empty() => Some(Self::Divider(length)),
            b'>' if is_word(rest, "REPLACE") => Some(Self::End(length)),
            _ => None,
        }
    }
}

/// Whether the line was meant as a marker: indented, quoted, of another length, or with something behind it.
pub(super) fn is_botched(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '>', '`', '*', '-']);
    let head = line.trim_start_matches('<');
    if line.len() - head.len() >= 4 && begins_with_word(head.trim_start(), "SEARCH") {
        return true;
    }
    // The leading `>` of an end marker are gone by now; what is left must be the word alone.
    false
}

/// Length of markers, as models are told to write them.
const USUAL: usize = 7;
/// Lengths of markers in place of the usual one.
const OTHERS: [usize; 4] = [9, 8, 6, 5];

/// Whether some of the lines could be taken for markers of the usual length.
pub(crate) fn has_markers<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    !is_free(USUAL, &markers(lines))
}

/// Markers that none of the lines can be taken for, in words; `None` if there are none.
pub(crate) fn other_markers<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let found = markers(lines);
    let length = OTHERS.into_iter().find(|length| is_free(*length, &found))?;
    let marks = |sign: &str| sign.repeat(length);
    Some(format!("`{} SEARCH`, `{}`, `{} REPLACE`", marks("<"), marks("="), marks(">")))
}

fn markers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Marker> {
    lines.filter_map(Marker::of).collect()
}

/// Whether markers around these lines can have the length.
fn is_free(length: usize, found: &[Marker]) -> bool {
    found.iter().all(|marker| match *marker {
        Marker::Head(other) => other < length,
        Marker::Divider(other) | Marker::End(other) => other != length,
    })
}

/// Which end of a block a marker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Opening,
    Closing,
}

/// The marker that a line is, in this edit format or in another one that models know, indented or not. The divider is
/// none: it may be anything.
pub(crate) fn edit_marker(line: &str) -> Option<Side> {
    let line = line.trim_start();
    match Marker::of(line) {
        Some(Marker::Head(_)) => return Some(Side::Opening),
        Some(Marker::End(_)) => return Some(Side::Closing),
        Some(Marker::Divider(_)) | None => {}
    }
    let (marks, word) = line.split_once(' ')?;
    let first = *marks.as_bytes().first()?;
    if !(5..=9).contains(&marks.len()) || marks.bytes().any(|mark| mark != first) {
        return None;
    }
    match (first, word.trim()) {
        (b'<', "ORIGINAL") | (b'-', "SEARCH" | "ORIGINAL") => Some(Side::Opening),
        (b'>', "UPDATED") | (b'+', "REPLACE" | "UPDATED") => Some(Side::Closing),
        _ => None,
    }
}

fn is_word(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

fn begins_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| is_word(start, word))
}

/// A line that opens or closes a code block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence<'a> {
    sign: u8,
    length: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    pub(crate) fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let sign = *line.as_bytes().first()?;
        if !matches!(sign, b'`' | b'~') {
            return None;
        }
        let length = line.bytes().take_while(|byte| *byte == sign).count();
        let info = line[length..].trim();
        // Inline code that fills a line is no fence.
        (length >= 3 && !(sign == b'`' && info.contains('`'))).then_some(Self { sign, length, info })
    }

    pub(crate) fn info(&self) -> &'a str {
        self.info
    }

    /// Whether it is of back ticks, as models write it, and not of tildes.
    pub(crate) fn is_of_back_ticks(&self) -> bool {
        self.sign == b'`'
    }

    pub(super) fn is_bare(&self) -> bool {
        self.info.is_empty()
    }

    pub(crate) fn closes(&self, open: &Self) -> bool {
        self.is_bare() && self.sign == open.sign && self.length >= open.length
    }

    /// Whether it opens a block inside `open` whose closing fence could be taken for that of `open`.
    pub(super) fn nests_in(&self, open: &Self) -> bool {
        !self.is_bare() && self.sign == open.sign && self.length >= open.length
    }
}

/// A line that begins with a word of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    Title,
    Summary,
    Read,
    Find,
    Define,
    Uses,
    List,
    Cannot,
    Solved,
    Rule,
    /// These three say something to a comment with a number, and are none without one.
    Fix,
    Answer,
    Ask,
    Delete,
    Rename,
    Write,
}

impl Directive {
    /// The directive and what follows its colon, as it is. Bold type around the word does not count.
    pub(super) fn of(line: &str) -> Option<(Self, &str)> {
        let (word, argument) = line.split_once(':')?;
        // A list of requests is a list of requests.
        let listed = ["- ", "* "].iter().find_map(|sign| word.strip_prefix(sign)).map(str::trim_start);
        let directive = match listed.unwrap_or(word).trim_matches('*') {
            "TITLE" => Self::Title,
            "SUMMARY" => Self::Summary,
            "READ" => Self::Read,
            "FIND" => Self::Find,
            "DEFINE" => Self::Define,
            "USES" => Self::Uses,
            "LIST" => Self::List,
            "CANNOT" => Self::Cannot,
            "SOLVED" => Self::Solved,
            "RULE" => Self::Rule,
            "FIX" => Self::Fix,
            "ANSWER" => Self::Answer,
            "ASK" => Self::Ask,
            "DELETE" => Self::Delete,
            "RENAME" => Self::Rename,
            "WRITE" => Self::Write,
            _ => return None,
        };
        let is_whole = match directive.word() {
            Some(_) => word::numbered(self::argument(argument)).is_some(),
            None => listed.is_none() || directive.is_request() || directive == Self::Rule,
        };
        // Bold type that began before the word ends behind a request.
        let is_bold = directive.is_request()
            && listed.unwrap_or(word).starts_with("**")
            && !word.ends_with("**")
            && !argument.trim_start().starts_with("**");
        let unbold = argument.trim_end().strip_suffix("**").filter(|_| is_bold);
        is_whole.then_some((directive, unbold.unwrap_or(argument)))
    }

    /// What it says to a comment, if it does.
    pub(super) fn word(self) -> Option<WordKind> {
        match self {
            Self::Fix => Some(WordKind::Fix),
            Self::Answer => Some(WordKind::Answer),
            Self::Ask => Some(WordKind::Ask),
            _ => None,
        }
    }

    /// Whether it asks to see something.
    pub(super) fn is_request(self) -> bool {
        matches!(self, Self::Read | Self::Find | Self::Define | Self::Uses | Self::List)
    }

    pub(super) fn is_edit(self) -> bool {
        matches!(self, Self::Delete | Self::Rename | Self::Write)
    }
}

/// What follows a directive's colon as a text: without the rest of bold type that the colon is in, and white space.
pub(super) fn argument(behind: &str) -> &str {
    let behind = behind.trim();
    behind.strip_prefix("**").unwrap_or(behind).trim()
}

/// The name of the section that a line begins.
pub(super) fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix("## ").or_else(|| line.strip_prefix("# "))?;
    Some(name.trim().trim_end_matches(':').trim_matches('*'))
}
