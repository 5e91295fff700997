//! TOML, by the parser that reads it everywhere else.

use toml::de::DeTable;

use super::{Fault, Found, SyntaxError, is_template};
use crate::language::Language;

/// What is wrong with `after`, unless it was wrong before.
pub(super) fn added(before: Option<&str>, after: &str) -> Found {
    let Some(error) = error(after) else { return Found::default() };
    match before.and_then(self::error) {
        Some(known) if known.fault == error.fault => Found::default(),
        None if !is_template(Language::Toml, after) => Found::certain(vec![error]),
        _ => Found::doubtful(vec![error]),
    }
}

fn error(text: &str) -> Option<SyntaxError> {
    let error = DeTable::parse(text).err()?;
    let range = error.span().filter(|range| text.get(range.clone()).is_some());
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    Some(SyntaxError { range: range.unwrap_or(text.len()..text.len()), fault: Fault::Other(message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_is_read_whole() {
        for (before, after, expected) in [
            (Some("a = 1\n"), "a = 1\nb = 2\n", true),
            (Some("a = 1\n"), "a = 1 b = 2\n", false),
            (Some("a = 1\n"), "a = 1\na = 2\n", false),
            (Some("a = 1\n"), "a = \"b\n", false),
            (Some("a = 1\n"), "[a\nb = 1\n", false),
            (None, "a = [1, 2\n", false),
            (None, "a = [\n  1,\n  2,\n]\n", true),
            (None, "a = {{ b }}\n", true),
            (None, "[a]\n[a]\n", false),
            (None, "a = { b = 1,\n  c = 2,\n}\n", true),
            (None, "a = \"\\e\\x41\"\nb = 12:30\n", true),
            (Some("a = 1 b = 2\n"), "c = 1\na = 1 b = 2\n", true),
        ] {
            assert_eq!(added(before, after).certain.is_empty(), expected, "{after}");
        }
    }
}
