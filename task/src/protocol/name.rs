//! The name of the file that a block is for, as models decorate it.

use super::marker::{Directive, Fence};

/// Lines above a block, not counting blank ones and fences, in which its name may stand alone.
const LOOK_BACK: usize = 6;
/// Of these, how many may be sentences that name one path.
const SENTENCES: usize = 2;
/// Names of files that have neither a folder nor an extension.
const BARE_NAMES: [&str; 16] = [
    "BUILD",
    "Brewfile",
    "Caddyfile",
    "Containerfile",
    "Dockerfile",
    "Gemfile",
    "Jenkinsfile",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "Pipfile",
    "Procfile",
    "README",
    "Rakefile",
    "Vagrantfile",
    "WORKSPACE",
];
/// What people write in front of a file's name.
const LABELS: [&str; 6] = ["file path:", "filepath:", "file name:", "filename:", "file:", "path:"];
/// Signs of comments, headings, lists and quotes.
const SIGNS: [&str; 10] = ["#", "//", "--", "/*", "<!--", ";", "%", "- ", "* ", "> "];

/// What names the file of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: String,
    /// The line that has the name and nothing else, counted from the first that was looked at.
    pub(super) line: Option<usize>,
}

/// The name of a block, given the lines between the edit before and its head, and that edit's file.
pub(super) fn of_block(above: &[&str], previous: Option<&str>) -> Option<Named> {
    let mut weak = None;
    let mut seen = 0;
    for (at, line) in above.iter().enumerate().rev() {
        if let Some(fence) = Fence::of(line) {
            if let Some(path) = in_info(fence.info()) {
                return Some(Named { path, line: None });
            }
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        if seen == LOOK_BACK || Directive::of(line).is_some() {
            break;
        }
        match alone(line) {
            Found::Strong(path) => return Some(Named { path, line: Some(at) }),
            Found::Weak(path) if seen == 0 => weak = Some(Named { path, line: Some(at) }),
            _ if seen < SENTENCES => match in_sentence(line) {
                Found::Strong(path) => return Some(Named { path, line: None }),
                Found::Weak(path) => weak = weak.or(Some(Named { path, line: None })),
                Found::Nothing => {}
            },
            _ => {}
        }
        seen += 1;
    }
    previous.map(|path| Named { path: path.to_owned(), line: None }).or(weak)
}

/// How likely a text is the name of a file.
enum Found {
    Strong(String),
    /// Only if nothing else names the file.
    Weak(String),
    Nothing,
}

/// The name without the decoration around it.
pub(super) fn undecorated(text: &str) -> String {
    strip(text).0.to_owned()
}

/// A line that has nothing but a name.
fn alone(line: &str) -> Found {
    let (text, marked) = strip(line);
    if !is_possible(text) {
        return Found::Nothing;
    }
    let spaced = text.contains(char::is_whitespace);
    let slash = text.find('/');
    let strong = if spaced {
        // A sentence, unless it is marked as a name or its first word is a folder.
        has_extension(text) && (marked || slash < text.find(char::is_whitespace) && slash.is_some())
    } else {
        marked || slash.is_some() || has_extension(text) || BARE_NAMES.contains(&text)
    };
    match (strong, spaced) {
        (true, _) => Found::Strong(text.to_owned()),
        (false, false) => Found::Weak(text.to_owned()),
        (false, true) => Found::Nothing,
    }
}

/// The only path that a sentence names, in back ticks or not.
fn in_sentence(line: &str) -> Found {
    let quoted = || line.split('`').skip(1).step_by(2).filter(|text| is_pathlike(text));
    let words = || {
        line.split_whitespace()
            .map(|word| {
                word.trim_matches(|c: char| matches!(c, ',' | ':' | '.' | ';' | '(' | ')' | '`' | '*' | '"'))
            })
            .filter(|word| is_pathlike(word))
    };
    if let Some(path) = sole(quoted()) {
        return Found::Strong(path);
    }
    match sole(words()) {
        Some(path) if path.contains('/') => Found::Strong(path),
        Some(path) => Found::Weak(path),
        None => Found::Nothing,
    }
}

/// The path in the info string of a fence: ```` ```rust src/a.rs ````, `rust:src/a.rs`, `title="src/a.rs"`.
fn in_info(info: &str) -> Option<String> {
    let parts = info.split([' ', '\t', ',', '{', '}', '"', '\'', '=']);
    let parts = parts.map(|part| match part.split_once(':') {
        Some((language, path)) if !language.contains(['/', '.']) => path,
        _ => part,
    });
    sole(parts.filter(|part| is_pathlike(part)))
}

fn sole<'a>(mut found: impl Iterator<Item = &'a str>) -> Option<String> {
    let first = found.next()?;
    found.all(|other| other == first).then(|| first.to_owned())
}

fn is_pathlike(text: &str) -> bool {
    is_possible(text)
        && !text.contains(char::is_whitespace)
        && !text.contains(['(', ')'])
        && (has_extension(text) || BARE_NAMES.contains(&text) || (text.contains('/') && !text.ends_with('/')))
}

/// Whether a path could be spelt so at all.
fn is_possible(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 512
        && !text.contains(['<', '>', '|', '"', '*', '?', '=', ';', '{', '}', '`'])
        && !text.contains("://")
        && text.chars().any(char::is_alphanumeric)
}

fn has_extension(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        (1..=12).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
            && !extension.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Takes decoration off until nothing changes; whether any of it marked the text as a name.
fn strip(text: &str) -> (&str, bool) {
    let mut text = text.trim();
    let mut marked = false;
    loop {
        let before = text;
        for sign in SIGNS {
            text = text.strip_prefix(sign).unwrap_or(text).trim_start();
        }
        for end in ["*/", "-->", ":"] {
            text = text.strip_suffix(end).unwrap_or(text).trim_end();
        }
        for label in LABELS {
            if text.get(..label.len()).is_some_and(|start| start.eq_ignore_ascii_case(label)) {
                text = text[label.len()..].trim_start();
                marked = true;
            }
        }
        for (open, close) in [("**", "**"), ("`", "`"), ("\"", "\""), ("'", "'"), ("__", "__")] {
            if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
                text = inner.trim();
                marked = true;
            }
        }
        // "src/a.rs (new file)" and "src/a.rs:12".
        if let Some((path, note)) = text.rsplit_once(" (")
            && note.ends_with(')')
        {
            text = path.trim_end();
        }
        if let Some((path, position)) = text.rsplit_once(':')
            && !position.is_empty()
            && position.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        {
            text = path;
        }
        if text == before {
            return (text, marked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_of_a_block() {
        for (above, previous, expect) in [
            ("src/a.rs", None, Some("src/a.rs")),
            ("src/a.rs\n```rust", None, Some("src/a.rs")),
            ("```rust\nsrc/a.rs", None, Some("src/a.rs")),
            ("```rust src/a.rs", None, Some("src/a.rs")),
            ("```rust:src/a.rs", None, Some("src/a.rs")),
            ("```rust title=\"src/a.rs\"", None, Some("src/a.rs")),
            ("```python\n# src/a.py", None, Some("src/a.py")),
            ("// src/a.js", None, Some("src/a.js")),
            ("<!-- docs/a.html -->", None, Some("docs/a.html")),
            ("File: src/a.rs", None, Some("src/a.rs")),
            ("**File:** `src/a.rs`", None, Some("src/a.rs")),
            ("### `src/a.rs`:", None, Some("src/a.rs")),
            ("**src/a.rs**", None, Some("src/a.rs")),
            ("- src/a.rs (changed)", None, Some("src/a.rs")),
            ("src/a.rs:12-20", None, Some("src/a.rs")),
            ("app/(auth)/[id]/page.tsx", None, Some("app/(auth)/[id]/page.tsx")),
            ("docs/my file.md", None, Some("docs/my file.md")),
            ("`my file.md`", None, Some("my file.md")),
            ("Makefile", None, Some("Makefile")),
            ("Makefile", Some("a.rs"), Some("Makefile")),
            ("justfile", None, Some("justfile")),
            ("Next", Some("a.rs"), Some("a.rs")),
            ("In `src/a.rs`, add the case:", Some("b.rs"), Some("src/a.rs")),
            ("Change src/a.rs like this:", Some("b.rs"), Some("src/a.rs")),
            ("Change a.rs like this:", None, Some("a.rs")),
            ("Change a.rs like this:", Some("b.rs"), Some("b.rs")),
            ("From src/a.rs to src/b.rs:", Some("b.rs"), Some("b.rs")),
            ("From src/a.rs to src/b.rs:", None, None),
            ("src/a.rs\n\nThis handles the empty case.\n\n```", Some("b.rs"), Some("src/a.rs")),
            ("TITLE: Fix src/a.rs", None, None),
            ("READ: src/a.rs\nNow the change:", None, None),
            ("See https://example.org/a.html", None, None),
            ("", Some("a.rs"), Some("a.rs")),
            ("", None, None),
        ] {
            let above: Vec<&str> = above.lines().collect();
            let found = of_block(&above, previous).map(|named| named.path);
            assert_eq!(found.as_deref(), expect, "{above:?} after {previous:?}");
        }
    }
}
