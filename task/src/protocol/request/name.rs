//! What lines `DEFINE: …`, `USES: …` and `LIST: …` ask for: names and folders.

use super::{MAX_LINE, MAX_PARTS, note};
use crate::protocol::decoration::unquoted;
use crate::protocol::marker;
use crate::protocol::paths::Paths;

/// What stands before a name where it is defined, and what models call it.
const KINDS: [&str; 42] = [
    "abstract",
    "async",
    "attribute",
    "class",
    "const",
    "constant",
    "def",
    "enum",
    "export",
    "field",
    "final",
    "fn",
    "func",
    "function",
    "impl",
    "interface",
    "let",
    "macro",
    "method",
    "mod",
    "module",
    "name",
    "namespace",
    "package",
    "private",
    "property",
    "protected",
    "pub",
    "public",
    "record",
    "static",
    "struct",
    "symbol",
    "the",
    "trait",
    "type",
    "typedef",
    "union",
    "val",
    "var",
    "variable",
    "virtual",
];
/// Words behind a name that say something about it.
const BEHIND: [&str; 22] = [
    "are", "at", "because", "class", "defined", "field", "for", "from", "function", "in", "is", "method",
    "module", "of", "so", "struct", "to", "trait", "type", "used", "which", "within",
];

/// Reads what stands behind the colon of `DEFINE:` or `USES:`.
pub(super) fn names(behind: &str) -> Vec<String> {
    let text = marker::argument(behind);
    let text = without_brackets(&text[..text.floor_char_boundary(MAX_LINE)]);
    let parts = text
        .split([',', ';', '|', '&'])
        .flat_map(|part| part.split(" and "))
        .flat_map(|part| part.split(" or "));
    let mut names: Vec<String> = Vec::new();
    for name in parts.take(MAX_PARTS).filter_map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Without lists of arguments, notes in parentheses and type parameters.
fn without_brackets(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_named = kept.ends_with(|c: char| c.is_alphanumeric() || c == '_') || kept.ends_with("::");
        if c == '('
            && let Some(behind) = note::behind_parentheses(rest)
        {
            rest = behind;
            continue;
        }
        if c == '<'
            && is_named
            && let Some(end) = rest.find('>').filter(|end| !rest[1..*end].contains(['(', '-', '=']))
        {
            rest = rest[end + 1..].trim_start_matches('>');
            continue;
        }
        kept.push(c);
        rest = &rest[c.len_utf8()..];
    }
    kept
}

/// The name in a part of a list.
fn name(part: &str) -> Option<String> {
    const AROUND: [char; 4] = ['`', '"', '\'', '*'];
    let mut text = part.trim();
    text = text.strip_prefix("and ").or_else(|| text.strip_prefix("or ")).unwrap_or(text).trim();
    if let Some((inner, _)) = text.strip_prefix('`').and_then(|text| text.split_once('`')) {
        text = inner;
    }
    text = text.trim_matches(AROUND).trim();
    while let Some((first, rest)) = text.split_once(char::is_whitespace) {
        let first = first.trim_end_matches([':', '!']);
        if !KINDS.contains(&first.to_ascii_lowercase().as_str()) || rest.trim().is_empty() {
            break;
        }
        text = rest.trim().trim_matches(AROUND).trim();
    }
    if let Some((first, rest)) = text.split_once(char::is_whitespace) {
        let next = rest.split_whitespace().next().unwrap_or("");
        let is_note = BEHIND.contains(&next.to_ascii_lowercase().as_str())
            || !next.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_note {
            text = first.trim_matches(AROUND);
        }
    }
    let text = text.trim_end_matches([':', '.', '{', '=', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The folders of a line `LIST: …`, without slashes around them; empty for the top.
pub(super) fn folders(behind: &str, paths: &Paths<'_>) -> Vec<String> {
    let text = marker::argument(behind);
    let text = &text[..text.floor_char_boundary(MAX_LINE)];
    for whole in [text, unquoted(text).unwrap_or(text)] {
        let folder = trimmed(whole);
        if paths.has_folder(folder) {
            return vec![folder.to_owned()];
        }
    }
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    let mut parts: Vec<&str> = Vec::new();
    // A note may have a comma in it.
    while let Some(at) = rest.find(['(', ',', ';']) {
        parts.push(&rest[..at]);
        rest = note::behind_parentheses(&rest[at..]).unwrap_or(&rest[at + 1..]);
    }
    parts.push(rest);
    let parts =
        parts.into_iter().flat_map(|part| part.split(" and ")).map(str::trim).filter(|part| !part.is_empty());
    for part in parts.take(MAX_PARTS) {
        let part = part.strip_prefix("and ").unwrap_or(part);
        let words: Vec<&str> = part.split_whitespace().collect();
        let is_folder = |word: &&str| word.ends_with('/') || paths.has_folder(trimmed(word));
        let several = if words.len() > 1 && words.iter().all(is_folder) { words } else { vec![part] };
        for one in several {
            let one = folder(one, paths);
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    if found.is_empty() {
        found.push(String::new());
    }
    found
}

fn folder(part: &str, paths: &Paths<'_>) -> String {
    let mut text = part.trim();
    if !paths.has_folder(trimmed(text)) {
        if let Some(at) = [" - ", " -- ", " – ", " — ", " # "].iter().filter_map(|sign| text.find(sign)).min()
        {
            text = text[..at].trim_end();
        }
        text = text.strip_prefix("the ").unwrap_or(text);
        for word in [" folder", " directory"] {
            text = text.strip_suffix(word).unwrap_or(text);
        }
    }
    let mut text = trimmed(text);
    // Of a pattern the folder that it begins with.
    if let Some(star) = text.find('*').filter(|_| !paths.has_folder(text)) {
        text = text[..star].rfind('/').map_or("", |slash| &text[..slash]);
    }
    text.to_owned()
}

/// Without quotation marks, slashes and what says only "from here".
fn trimmed(text: &str) -> &str {
    let text = text.trim().trim_matches(['`', '"', '\'']).trim();
    let text = text.strip_suffix(['.', ':', ';']).filter(|text| text.ends_with('/')).unwrap_or(text);
    let mut text = text.trim_matches('/');
    while let Some(rest) = text.strip_prefix("./") {
        text = rest.trim_start_matches('/');
    }
    if text == "." { "" } else { text }
}
