//! A *note* is what a model says behind a request about the request, such as why it asks.

/// Signs that begin a note, with white space around them.
const SIGNS: [&str; 6] = ["- ", "-- ", "– ", "— ", "# ", "// "];
/// Words that a note in parentheses begins with. Code in parentheses hardly ever does.
const WORDS: [&str; 24] = [
    "all", "any", "as", "because", "defined", "for", "how", "if", "it", "just", "only", "see", "so", "the",
    "these", "this", "to", "used", "what", "where", "whether", "which", "whole", "why",
];

/// Whether a note begins here that goes on to the end.
pub(super) fn begins(text: &str) -> bool {
    let text = text.trim_start();
    SIGNS.iter().any(|sign| text.starts_with(sign)) || ["#", "//"].iter().any(|sign| text.starts_with(sign))
}

/// What is behind the parentheses that a text begins with.
pub(super) fn behind_parentheses(text: &str) -> Option<&str> {
    text.strip_prefix('(')?;
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(&text[at + c.len_utf8()..]);
        }
    }
    // One that is never closed goes on to the end.
    Some("")
}

/// Whether words are a note, and not code that stands in parentheses or behind a dash.
pub(super) fn is_prose(words: &str) -> bool {
    let mut words = words.split_whitespace().peekable();
    let first = words.peek().map(|word| word.to_ascii_lowercase());
    let is_word = |word: &str| word.chars().all(|c| c.is_alphanumeric() || "'’-_.,;:`/".contains(c));
    first.is_some_and(|first| WORDS.contains(&first.as_str()))
        && words.clone().count() > 1
        && words.all(is_word)
}

/// A text without the note at its end, if it has one that can be nothing else.
pub(super) fn stripped(text: &str) -> &str {
    let text = text.trim_end();
    if let Some(at) = text.find(" (").filter(|at| *at > 0)
        && let Some(note) = text[at + 2..].strip_suffix(')')
        && is_prose(note)
    {
        return text[..at].trim_end();
    }
    for sign in SIGNS {
        if let Some(at) = text.find(&format!(" {sign}")).filter(|at| *at > 0)
            && is_prose(&text[at + 1 + sign.len()..])
        {
            return text[..at].trim_end();
        }
    }
    text
}
