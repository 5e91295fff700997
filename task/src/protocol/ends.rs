//! The two *ends* of a text: lines of their own say whether it begins with a byte order mark, and whether a newline is
//! at its end. Nothing else of a reply could: a line is a line with or without them.

/// The last line of a text that has no newline at its end, as `diff` writes it.
pub(crate) const NO_NEWLINE: &str = "\\ No newline at end of file";
/// The first line of a text that begins with a byte order mark.
pub(crate) const MARK: &str = "\\ Byte order mark";
/// The first line of a text that has none any more.
const NO_MARK: &str = "\\ No byte order mark";
const BOM: char = '\u{feff}';

/// What a text says of its ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) mark: Mark,
    pub(crate) newline: Newline,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    #[default]
    Unsaid,
    Present,
    Absent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Newline {
    #[default]
    Unsaid,
    Missing,
}

/// The lines of a text, all of them a file's, and whether the last one is open.
pub(crate) fn literal(text: &str) -> (Vec<&str>, Ends) {
    let is_open = !text.is_empty() && !text.ends_with('\n');
    let newline = if is_open { Newline::Missing } else { Newline::Unsaid };
    (text.lines().collect(), Ends { newline, ..Ends::default() })
}

/// The lines of a text without those that speak of its ends, and what these say.
pub(crate) fn split(text: &str) -> (Vec<&str>, Ends) {
    let (mut lines, mut ends) = literal(text);
    if lines.last().is_some_and(|line| line.trim_end() == NO_NEWLINE) {
        lines.pop();
        ends.newline = Newline::Missing;
    }
    match lines.first().map(|line| line.trim_end()) {
        Some(MARK) => {
            lines.remove(0);
            ends.mark = Mark::Present;
        }
        Some(NO_MARK) => {
            lines.remove(0);
            ends.mark = Mark::Absent;
        }
        _ => {}
    }
    if let Some(first) = lines.first_mut()
        && let Some(rest) = first.strip_prefix(BOM)
    {
        *first = rest;
        ends.mark = Mark::Present;
    }
    (lines, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_speak_of_the_ends_are_no_part_of_the_text() {
        for (text, lines, mark, newline) in [
            ("", &[][..], Mark::Unsaid, Newline::Unsaid),
            ("a\nb\n", &["a", "b"], Mark::Unsaid, Newline::Unsaid),
            ("a\nb", &["a", "b"], Mark::Unsaid, Newline::Missing),
            ("a\n\\ No newline at end of file\n", &["a"], Mark::Unsaid, Newline::Missing),
            ("\\ No newline at end of file\na\n", &[NO_NEWLINE, "a"], Mark::Unsaid, Newline::Unsaid),
            ("\\ Byte order mark\na\n", &["a"], Mark::Present, Newline::Unsaid),
            ("\u{feff}a\n", &["a"], Mark::Present, Newline::Unsaid),
            (
                "\\ No byte order mark \na\n\\ No newline at end of file",
                &["a"],
                Mark::Absent,
                Newline::Missing,
            ),
        ] {
            assert_eq!(split(text), (lines.to_vec(), Ends { mark, newline }), "{text:?}");
        }
    }
}
