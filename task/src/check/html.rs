//! Tags of HTML that never end. Which elements need a closing tag is a matter of the elements, and nothing that counts.

use super::{Fault, SyntaxError};

/// What stands for itself, by what it begins with and what ends it.
const OPAQUE: [(&str, &str); 5] =
    [("<!--", "-->"), ("<script", "</script"), ("<style", "</style"), ("<?", "?>"), ("<!", ">")];

/// Tags, and quoted values in them, that are not closed, in the order of the text.
pub(super) fn unclosed(text: &str) -> Vec<SyntaxError> {
    let mut unclosed = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let rest = &text[start..];
        if let Some((_, end)) = OPAQUE.iter().find(|(open, _)| starts_with(rest, open)) {
            // The tag of a script may be broken as well.
            let Some(length) = find(rest, end) else { break };
            at = start + length + 1;
            continue;
        }
        // One that closes an element ends with the next one, for any browser.
        if !rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            at = start + 1;
            continue;
        }
        let (length, is_closed) = tag(rest);
        if !is_closed {
            unclosed.push(SyntaxError { range: start..start + 1, fault: Fault::Unclosed("<".to_owned()) });
        }
        at = start + length;
    }
    unclosed
}

/// How long a tag is, and whether it ends with `>` rather than with the text or the next tag.
fn tag(text: &str) -> (usize, bool) {
    let mut quote = None;
    let mut previous = ' ';
    for (at, c) in text.char_indices().skip(1) {
        match (quote, c) {
            (Some(open), _) => quote = (open != c).then_some(open),
            (None, '"' | '\'') if previous == '=' => quote = Some(c),
            (None, '>') => return (at + 1, true),
            (None, '<') if text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => {
                return (at, false);
            }
            _ => {}
        }
        if !c.is_whitespace() {
            previous = c;
        }
    }
    (text.len(), false)
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

fn find(text: &str, end: &str) -> Option<usize> {
    let first = &end[..1];
    text.match_indices(first).map(|(at, _)| at).find(|at| starts_with(&text[*at..], end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_end() {
        for (text, expected) in [
            ("<p class=\"a\">b</p>", &[][..]),
            ("<p class=\"a\" b</p>", &[0]),
            ("<p class=\"a>b</p>", &[0]),
            ("<p>b</p", &[]),
            ("<p>b</p to</p>", &[]),
            ("<p>b</", &[]),
            ("<p>a < b && c > d -> e & f</p>", &[]),
            ("@if (a < b) {\n<p>c</p>\n}", &[]),
            ("<p title='a > b'>c</p>", &[]),
            ("<p title=it's>c</p>", &[]),
            ("<!-- <p --><p>a</p>", &[]),
            ("<script>if (a <b) c();</script><p>", &[]),
            ("<STYLE>a > b {}</style><p", &[23]),
            ("<!DOCTYPE html>\n<p>", &[]),
            ("<a<b>", &[0]),
            ("<p {% if a < b %}class=\"{{ \"c\" }}\"{% endif %}>d</p>", &[]),
        ] {
            let starts: Vec<usize> = unclosed(text).iter().map(|error| error.range.start).collect();
            assert_eq!(starts, expected, "{text}");
        }
    }
}
