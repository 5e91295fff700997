//! The *decoration* that models put around the name of a file.

/// What people write in front of a file's name.
const LABELS: [&str; 6] = ["file path:", "filepath:", "file name:", "filename:", "file:", "path:"];
/// Signs of comments, headings, lists and quotes.
const SIGNS: [&str; 10] = ["#", "//", "--", "/*", "<!--", ";", "%", "- ", "* ", "> "];
/// Words of a note in parentheses behind a name.
const NOTE_WORDS: [&str; 20] = [
    "a",
    "added",
    "change",
    "changed",
    "changes",
    "continued",
    "created",
    "deleted",
    "edit",
    "edited",
    "excerpt",
    "existing",
    "file",
    "modified",
    "moved",
    "new",
    "renamed",
    "the",
    "unchanged",
    "updated",
];

/// What may be around a name.
pub(super) struct Decoration {
    signs: &'static [&'static str],
    ends: &'static [&'static str],
    labels: bool,
}

impl Decoration {
    /// In a line of its own.
    pub(super) const LINE: Self = Self { signs: &SIGNS, ends: &["*/", "-->", ":"], labels: true };
    /// Behind a directive.
    pub(super) const QUOTATION: Self = Self { signs: &[], ends: &[], labels: false };
}

/// A text with one piece of decoration after the other taken off.
pub(super) struct Stages<'a> {
    next: Option<&'a str>,
    decoration: &'static Decoration,
}

impl<'a> Stages<'a> {
    pub(super) fn new(text: &'a str, decoration: &'static Decoration) -> Self {
        Self { next: Some(text.trim()), decoration }
    }
}

impl<'a> Iterator for Stages<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.next?;
        self.next = less(text, self.decoration);
        Some(text)
    }
}

/// The text with one piece of decoration less.
fn less<'a>(text: &'a str, decoration: &Decoration) -> Option<&'a str> {
    if let Some(inner) = unquoted(text) {
        return Some(inner);
    }
    if let Some(rest) = decoration.ends.iter().find_map(|end| text.strip_suffix(end)) {
        return Some(rest.trim_end());
    }
    if let Some(rest) = label(text).filter(|_| decoration.labels) {
        return Some(rest);
    }
    if let Some(rest) = decoration.signs.iter().find_map(|sign| text.strip_prefix(sign)) {
        return Some(rest.trim_start());
    }
    // "src/a.rs (new file)" and "src/a.rs:12".
    if let Some((path, note)) = text.rsplit_once(" (")
        && let Some(note) = note.strip_suffix(')')
        && note.split_whitespace().all(|word| NOTE_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
    {
        return Some(path.trim_end());
    }
    if let Some((path, position)) = text.rsplit_once(':')
        && !position.is_empty()
        && position.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        return Some(path);
    }
    None
}

/// What stands behind a word such as "File:".
pub(super) fn label(text: &str) -> Option<&str> {
    LABELS.iter().find_map(|label| {
        let start = text.get(..label.len())?;
        start.eq_ignore_ascii_case(label).then(|| text[label.len()..].trim_start())
    })
}

/// What is inside of the quotation marks, the back ticks or the bold type around a text.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    [("**", "**"), ("`", "`"), ("\"", "\""), ("'", "'"), ("__", "__")]
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
        .filter(|inner| !inner.trim().is_empty())
        .map(str::trim)
}
