//! The *forms* in which a line of a SEARCH may equal a line of the file, each more forgiving than the one before.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Exact,
    /// Without white space at the end.
    TrimmedEnd,
    /// Typographic characters as ASCII has them, the rest as NFKC has it.
    Folded,
    /// Without indentation.
    Unindented,
    /// Runs of white space as one space.
    Collapsed,
}

impl Form {
    pub(super) const ALL: [Self; 5] =
        [Self::Exact, Self::TrimmedEnd, Self::Folded, Self::Unindented, Self::Collapsed];

    pub(super) fn of(self, line: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => Cow::Borrowed(line),
            Self::TrimmedEnd => Cow::Borrowed(line.trim_end()),
            Self::Folded => map(fold(line), str::trim_end),
            Self::Unindented => map(fold(line), str::trim),
            Self::Collapsed => {
                let folded = fold(line);
                let mut out = String::with_capacity(folded.len());
                for word in folded.split_whitespace() {
                    if !out.is_empty() {
                        out.push(' ');
                    }
                    out.push_str(word);
                }
                Cow::Owned(out)
            }
        }
    }
}

fn map(text: Cow<'_, str>, trim: fn(&str) -> &str) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
        Cow::Owned(text) => Cow::Owned(trim(&text).to_owned()),
    }
}

/// The line with typographic characters as ASCII has them.
pub(super) fn fold(line: &str) -> Cow<'_, str> {
    if line.is_ascii() {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    for c in line.nfkc() {
        fold_into(c, &mut out);
    }
    Cow::Owned(out)
}

/// One character as ASCII has it, or `None` if it stays as it is.
pub(super) fn fold_char(c: char) -> Option<String> {
    if c.is_ascii() {
        return None;
    }
    let mut out = String::new();
    for c in std::iter::once(c).nfkc() {
        fold_into(c, &mut out);
    }
    (out.chars().ne(std::iter::once(c))).then_some(out)
}

fn fold_into(c: char, out: &mut String) {
    match c {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2039}' | '\u{203a}' | '\u{b4}' => out.push('\''),
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{ab}' | '\u{bb}' => out.push('"'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => out.push('-'),
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {}
        '\u{2026}' => out.push_str("..."),
        c if c.is_whitespace() && !c.is_control() => out.push(' '),
        c => out.push(c),
    }
}

/// The white space that a line begins with.
pub(super) fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

pub(super) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_forgives_more() {
        for (line, form, expect) in [
            ("  a  b  ", Form::Exact, "  a  b  "),
            ("  a  b  ", Form::TrimmedEnd, "  a  b"),
            ("\u{a0}“a”\u{2009}–\u{200b} ’b’…\u{a0}", Form::Folded, " \"a\" - 'b'..."),
            ("\t\u{a0}a  b ", Form::Unindented, "a  b"),
            ("\ta \t b\u{a0}c ", Form::Collapsed, "a b c"),
            ("é e\u{301}", Form::Folded, "é é"),
            ("", Form::Collapsed, ""),
        ] {
            assert_eq!(form.of(line), expect, "{line:?} {form:?}");
        }
        assert_eq!(fold_char('“').as_deref(), Some("\""));
        assert_eq!(fold_char('é'), None);
    }
}
