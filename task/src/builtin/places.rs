//! The *places* of a text in a file: where it stands as words of its own, and where it does not and is left.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::Regex;

use super::regex;

/// What is changed in a file, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Bytes of the file, and what takes their place.
    pub(super) changed: Vec<(Range<usize>, String)>,
    /// How often the text stands where it is not changed; the words complete "occurrences …".
    pub(super) left: BTreeMap<String, usize>,
    /// It is split over two lines, or written with escapes.
    pub(super) is_broken: bool,
    /// Where the file is as it is asked to be: the number of the line, and what it says, a clause.
    pub(super) done: Option<(usize, String)>,
}

/// Finds `old`, which is to become `new`.
pub(super) struct Finder<'a> {
    old: &'a str,
    new: &'a str,
    pattern: Regex,
}

impl<'a> Finder<'a> {
    pub(super) fn new(old: &'a str, new: &'a str) -> Self {
        // Between words may be a line end and the signs of a comment, and quotation marks may be escaped.
        let mut pattern = regex::escape(old).replace('&', "&(?:amp;)?").replace('<', "(?:<|&lt;)");
        pattern = pattern.replace('"', r#"(?:\\"|&quot;|")"#).replace('\'', r"(?:\\'|&#39;|’|')");
        pattern = pattern.replace(' ', r"(?:\s|\\\n|\n\s*(?://[/!]?|#|\*|>|--|;|%))+");
        Self { old, new, pattern: regex(&format!("(?i){pattern}")) }
    }

    pub(super) fn find(&self, text: &str) -> Places {
        let (mut places, mut from) = (Places::default(), 0);
        while let Some(found) = self.pattern.find_at(text, from) {
            let (before, after) = (&text[..found.start()], &text[found.end()..]);
            let is_exact = found.as_str() == self.old;
            let is_other_case = found.as_str().to_lowercase() == self.old.to_lowercase();
            from = found.start() + text[found.start()..].chars().next().map_or(1, char::len_utf8);
            let left = if touches_word(before, self.old, after) {
                is_exact.then_some("inside longer words")
            } else if is_exact && self.is_done(text, found.start()) {
                Some("that are in the new text already")
            } else if joins(before, self.old, after) {
                is_exact.then_some("inside hyphenated words, paths or addresses")
            } else if is_exact {
                places.changed.push((found.range(), self.new.to_owned()));
                from = found.end();
                None
            } else {
                places.is_broken |= !is_other_case;
                is_other_case.then_some("with other capitalization")
            };
            if let Some(left) = left {
                *places.left.entry(left.to_owned()).or_default() += 1;
            }
        }
        places
    }

    /// Whether the text at `start` is a part of the new text.
    fn is_done(&self, text: &str, start: usize) -> bool {
        let mut starts = self.new.match_indices(self.old).filter_map(|(offset, _)| start.checked_sub(offset));
        starts.any(|start| text.get(start..).is_some_and(|rest| rest.starts_with(self.new)))
    }
}

/// Whether the letters, digits or signs at an end of the text go on beyond it.
fn touches_word(before: &str, old: &str, after: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || ('\u{300}'..='\u{36f}').contains(&c);
    let is_sign = |c: char| "=<>!&|+-*^~:?.".contains(c);
    let go_on = |a: char, b: char| is_word(a) && is_word(b) || is_sign(a) && is_sign(b);
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    // The letter of an escape such as `\n` is no part of the word that follows.
    let escape = before.strip_suffix(['n', 't', 'r', 'b', 'f', 'v', '0', 'a']);
    let is_escape = escape.is_some_and(|text| (text.len() - text.trim_end_matches('\\').len()) % 2 == 1);
    let (mut left, mut right) = (before.chars().rev(), after.chars());
    let (previous, next, first, last) =
        (left.next(), right.next(), old.chars().next(), old.chars().next_back());
    let is_number = |a: Option<char>, b: Option<char>, c: Option<char>| {
        is_digit(a) && matches!(b, Some('.' | ',')) && is_digit(c)
    };
    previous.zip(first).is_some_and(|(a, b)| go_on(a, b) && !is_escape)
        || last.zip(next).is_some_and(|(a, b)| go_on(a, b))
        || is_number(first, previous, left.next())
        || is_number(last, next, right.next())
}

/// Whether the text is a part of a hyphenated word, of a path, or of an address such as `https://example.org/…`.
fn joins(before: &str, old: &str, after: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_joint = |c: char| "-/@".contains(c) && !(c == '/' && old.contains('/'));
    let is_end = |c: char| c.is_whitespace() || "\"'<>()[]{}`|".contains(c);
    let (mut right, token) = (after.chars(), before.rsplit(is_end).next().unwrap_or_default());
    token.contains("://") && !old.contains("://")
        || is_word(old.chars().next())
            && before.ends_with(|c| is_joint(c) || c == '\\')
            && !before.ends_with("//")
        || is_word(old.chars().next_back()) && right.next().is_some_and(is_joint) && is_word(right.next())
}
