//! *Smart commits* are orders to Jira in a commit message or a pull request: behind the key of an issue, `#comment TEXT`,
//! `#time 2h`, or `#` and the name of a transition, such as `#close`
//! (<https://support.atlassian.com/jira-software-cloud/docs/process-issues-with-smart-commits/>).
//!
//! The name can be any, so every word behind a `#` is taken apart by a space. Numbers are none: `#12` stays.

/// How far the key of an issue reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To the end of its line, as Jira reads it: for texts with code and headings.
    Line,
    /// To the end of the text: for a message of a commit, whose lines may be joined.
    Text,
}

/// The text without orders.
pub(super) fn without(text: &str, reach: Reach) -> String {
    let mut out = String::with_capacity(text.len());
    let mut has_key = false;
    for line in text.split_inclusive('\n') {
        if reach == Reach::Line {
            has_key = false;
        }
        let mut rest = line;
        if !has_key {
            let Some(end) = end_of_key(line) else {
                out.push_str(line);
                continue;
            };
            out.push_str(&line[..end]);
            rest = &line[end..];
            has_key = true;
        }
        for (at, c) in rest.char_indices() {
            out.push(c);
            if c == '#' && rest[at + 1..].starts_with(char::is_alphabetic) {
                out.push(' ');
            }
        }
    }
    out
}

/// Where the first key of an issue ends, such as `PROJ-123`.
fn end_of_key(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    line.match_indices('-').find_map(|(hyphen, _)| {
        let is_key = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
        let project = bytes[..hyphen].iter().rev().take_while(|b| is_key(b)).count();
        let digits = bytes[hyphen + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        let has_letter = bytes[hyphen - project..hyphen].iter().any(u8::is_ascii_uppercase);
        (project >= 2 && has_letter && digits > 0).then_some(hyphen + 1 + digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_behind_a_key_is_taken_apart() {
        for (text, by_line, by_text) in [
            ("PROJ-1 #time 2h #comment done", "PROJ-1 # time 2h # comment done", None),
            ("(ab_PROJ-12): x #close", "(ab_PROJ-12): x # close", None),
            ("PROJ-1 `#close`", "PROJ-1 `# close`", None),
            ("PROJ-1#close", "PROJ-1# close", None),
            ("PROJ-1 #12 and # close", "PROJ-1 #12 and # close", None),
            ("#close PROJ-1", "#close PROJ-1", None),
            ("PROJ-1 #schließen", "PROJ-1 # schließen", None),
            ("Fix #include of utf-8", "Fix #include of utf-8", None),
            ("A-1 #close", "A-1 #close", None),
            ("PROJ- #close", "PROJ- #close", None),
            ("", "", None),
            ("PROJ-1 x\n#close", "PROJ-1 x\n#close", Some("PROJ-1 x\n# close")),
            ("x #a\nPROJ-1 #b\n#c", "x #a\nPROJ-1 # b\n#c", Some("x #a\nPROJ-1 # b\n# c")),
        ] {
            assert_eq!(without(text, Reach::Line), by_line, "{text:?}");
            assert_eq!(without(text, Reach::Text), by_text.unwrap_or(by_line), "{text:?}");
            for reach in [Reach::Line, Reach::Text] {
                let once = without(text, reach);
                assert_eq!(without(&once, reach), once);
            }
        }
    }
}
