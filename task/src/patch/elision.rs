//! An *elision* is a line that stands for lines that the model did not write out: `...`, `// ... existing code ...`.

use super::form::is_blank;

/// Signs that a comment can begin with.
const COMMENTS: [&str; 9] = ["{/*", "/*", "//", "<!--", "#", "--", ";", "%", "*"];
/// Words of comments with dots that stand for code.
const WORDS: [&str; 10] =
    ["existing", "rest", "remain", "remaining", "unchanged", "same", "omitted", "previous", "other", "code"];
/// Phrases that say so without dots.
const PHRASES: [&str; 6] =
    ["rest of the", "rest of code", "existing code", "remains unchanged", "remains the same", "code omitted"];

/// Parts that a block may have; more are no sign of care.
const MAX_PARTS: usize = 50;

/// Part of a block between two elisions.
pub(super) struct Chunk<'a> {
    pub(super) search: &'a [&'a str],
    pub(super) replace: &'a [&'a str],
}

/// How a block that has elisions can be taken apart.
pub(super) enum Split<'a> {
    /// SEARCH has no elision.
    None,
    Chunks(Vec<Chunk<'a>>),
    /// REPLACE does not have the elisions of SEARCH: what becomes of the lines between cannot be told.
    Unequal,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Dots alone.
    Dots,
    /// A comment with dots, or one that says what it stands for.
    Comment,
}

/// Takes a block apart at its elisions.
pub(super) fn split<'a>(search: &'a [&'a str], replace: &'a [&'a str]) -> Split<'a> {
    if !search.iter().any(|line| kind(line).is_some()) {
        return Split::None;
    }
    let (searches, replaces) = (parts(search), parts(replace));
    if searches.len() != replaces.len() || searches.len() > MAX_PARTS {
        return Split::Unequal;
    }
    let chunks: Vec<Chunk<'a>> =
        searches.into_iter().zip(replaces).map(|(search, replace)| Chunk { search, replace }).collect();
    // New lines beside an elision have no line of the file to stand next to.
    let anchored = chunks
        .iter()
        .all(|chunk| !chunk.search.iter().all(|line| is_blank(line)) || chunk.search == chunk.replace);
    if anchored { Split::Chunks(chunks) } else { Split::Unequal }
}

/// Whether a new line stands for code that was not written out, in a file where dots alone are no code.
pub(super) fn is_placeholder(line: &str, extension: Option<&str>) -> bool {
    match kind(line) {
        Some(Kind::Comment) => {
            !matches!(extension, Some("md" | "markdown" | "rst" | "txt" | "adoc")) && has_dots(line)
        }
        Some(Kind::Dots) => matches!(
            extension,
            Some(
                "rs" | "go"
                    | "java"
                    | "js"
                    | "jsx"
                    | "mjs"
                    | "cjs"
                    | "ts"
                    | "tsx"
                    | "c"
                    | "h"
                    | "cc"
                    | "cpp"
                    | "hpp"
                    | "cs"
                    | "kt"
                    | "swift"
                    | "scala"
                    | "php"
                    | "rb"
                    | "css"
                    | "json"
                    | "toml"
            )
        ),
        None => false,
    }
}

fn parts<'a>(lines: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    lines.split(|line| kind(line).is_some()).collect()
}

fn kind(line: &str) -> Option<Kind> {
    let line = line.trim();
    if matches!(line, "..." | "…" | "[...]" | "(...)") {
        return Some(Kind::Dots);
    }
    let comment = COMMENTS.iter().find_map(|sign| line.strip_prefix(sign))?;
    let text = comment.trim_end_matches(['*', '/', '-', '>', '}']).trim();
    let bare = text.trim_matches(['.', '…', ' ', '(', ')', '[', ']']);
    let says = || {
        bare.split(|c: char| !c.is_alphanumeric())
            .any(|word| WORDS.contains(&word.to_ascii_lowercase().as_str()))
    };
    let dots = has_dots(text);
    let edge =
        text.starts_with("...") || text.starts_with('…') || text.ends_with("...") || text.ends_with('…');
    let phrase = || {
        let lower = bare.to_ascii_lowercase();
        PHRASES.iter().any(|phrase| lower.starts_with(phrase))
    };
    ((dots && bare.is_empty()) || (dots && edge && says()) || phrase()).then_some(Kind::Comment)
}

fn has_dots(text: &str) -> bool {
    text.contains("...") || text.contains('…')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_elisions_from_code() {
        for line in [
            "...",
            "    ...",
            "…",
            "// ...",
            "# ... existing code ...",
            "/* ... rest of the function ... */",
            "<!-- ... unchanged ... -->",
            "{/* ... other props ... */}",
            "-- rest of the query...",
            "// rest of the function",
        ] {
            assert!(kind(line).is_some(), "{line}");
        }
        for line in [
            "",
            "foo(...)",
            "// etc",
            "# all the rest of the options",
            "let a = 0..3;",
            "// see ... in b",
            "#",
        ] {
            assert!(kind(line).is_none(), "{line}");
        }
        assert!(is_placeholder("  // ... existing code ...", Some("rs")));
        assert!(is_placeholder("...", Some("rs")));
        assert!(!is_placeholder("...", Some("py")));
        assert!(!is_placeholder("# ... rest", Some("md")));
    }
}
