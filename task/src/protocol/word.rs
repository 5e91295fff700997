//! A *word* is what an answer says to one of the numbered comments that it was asked about.

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Of the comment, from 1.
    pub number: usize,
    pub kind: WordKind,
    /// May be empty.
    pub text: String,
}

/// What is done about a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// The edits of the answer do what it asks for.
    Fix,
    /// Nothing changes; the text says why, or answers a question.
    Answer,
    /// It is not clear what is wanted; the text asks.
    Ask,
}

/// The number that a word begins with, and the rest of its line: `3`, `#3`, `3: text`, `[3] text`.
pub(super) fn numbered(argument: &str) -> Option<(usize, &str)> {
    let text = argument.trim_start().trim_start_matches(['#', '[', '(']);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok()?;
    let rest = text[digits..].trim_start_matches([']', ')']);
    let ends = rest.is_empty() || rest.starts_with([' ', '\t', ':', '.', ',', '-', '–', '—', '*']);
    let rest = rest.trim_start_matches([':', '.', ',', '-', '–', '—', '*', ' ', '\t']);
    ends.then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_begins_with_a_number() {
        for (argument, expect) in [
            (" 1 Renamed it.", Some((1, "Renamed it."))),
            ("12", Some((12, ""))),
            (" #3: Why?", Some((3, "Why?"))),
            ("[4] - Why?", Some((4, "Why?"))),
            (" 5.", Some((5, ""))),
            (" 6** text", Some((6, "text"))),
            ("42nd street", None),
            (" the names", None),
            ("", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(numbered(argument), expect, "{argument}");
        }
    }
}
