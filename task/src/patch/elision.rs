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

/// Whether a new line stands for code that was not written out, whatever surrounds it. Lines that only may do so are the
/// syntax gate's to judge.
pub(super) fn is_placeholder(line: &str, extension: Option<&str>) -> bool {
    let is_prose = matches!(extension, Some("md" | "markdown" | "rst" | "txt" | "adoc"));
    !is_prose && kind(line) == Some(Kind::Comment) && placeholder(line) == Some(Placeholder::Led)
}

/// A line that says that code stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// Dots alone.
    Dots,
    /// Dots first, as in `// ... existing code ...`.
    Led,
    /// Dots at the end alone, as a sentence may have them.
    Trailed,
    /// A phrase without dots, as in `// existing code here`.
    Phrase,
}

/// Signs with which a line can begin that stands for code.
const OPENINGS: [&str; 13] =
    ["//", "#", "--", "/*", "<!--", "{/*", ";;", "%", "...", "…", "[...", "(...", "* ..."];
/// Of these, one says what of the code stands here.
const PARTS: [&str; 8] =
    ["existing", "more", "original", "other", "previous", "remaining", "rest", "unchanged"];
/// Of these, one says what it is.
const THINGS: [&str; 27] = [
    "class",
    "code",
    "component",
    "config",
    "configuration",
    "content",
    "contents",
    "definitions",
    "fields",
    "file",
    "function",
    "functions",
    "handlers",
    "implementation",
    "imports",
    "lines",
    "logic",
    "method",
    "methods",
    "module",
    "properties",
    "props",
    "routes",
    "rules",
    "script",
    "styles",
    "tests",
];
/// Of these, one says that it is as it was.
const SAME: [&str; 8] =
    ["before", "omitted", "remain", "remains", "same", "truncated", "unchanged", "unmodified"];
/// What may stand between those.
const FILLERS: [&str; 23] = [
    "all", "and", "are", "as", "body", "brevity", "exactly", "for", "goes", "here", "in", "is", "it", "keep",
    "not", "of", "shown", "stay", "stays", "the", "this", "was", "your",
];

/// How a line stands for code, if it does. A word that is no part of saying so makes it a sentence: `// Check for
/// existing users...`.
pub(crate) fn placeholder(line: &str) -> Option<Placeholder> {
    let line = line.trim();
    if !OPENINGS.iter().any(|opening| line.starts_with(opening)) {
        return None;
    }
    let bare = line.trim_matches(|c: char| c.is_whitespace() || "/#-*<>!{}[]();%".contains(c));
    let led = bare.starts_with("...") || bare.starts_with('…');
    let trailed = bare.ends_with("...") || bare.ends_with('…');
    let core = bare.trim_matches(['.', '…', ' ', ',', '(', ')', '[', ']']).to_lowercase();
    if core.is_empty() {
        return (led || trailed).then_some(Placeholder::Dots);
    }
    let words: Vec<&str> =
        core.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    let has = |set: &[&str]| words.iter().any(|word| set.contains(word));
    let begins = words.iter().find(|word| !FILLERS.contains(word));
    if led && trailed && words.len() <= 8 && begins.is_some_and(|word| PARTS.contains(word)) {
        return Some(Placeholder::Led);
    }
    let sets = [&PARTS[..], &THINGS, &SAME, &FILLERS];
    let is_sentence = words.len() > 9 || words.iter().any(|word| !sets.iter().any(|set| set.contains(word)));
    let stands = (has(&PARTS) && has(&THINGS))
        || (has(&SAME) && (has(&["rest"]) || words.len() <= 3 || (has(&THINGS) && words.len() <= 5)));
    if is_sentence || !stands {
        return None;
    }
    if led {
        return Some(Placeholder::Led);
    }
    if trailed {
        return Some(Placeholder::Trailed);
    }
    let is_phrase = (has(&["existing"]) && words.ends_with(&["here"]))
        || (has(&["rest"]) && ((has(&SAME) && has(&THINGS)) || has(&["code", "file", "implementation"])))
        || matches!(
            core.as_str(),
            "existing code" | "unchanged code" | "other code" | "code omitted for brevity"
        );
    is_phrase.then_some(Placeholder::Phrase)
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
        assert!(is_placeholder("# ... rest of the code", Some("py")));
        assert!(!is_placeholder("# ... rest of the code", Some("md")));
        for line in ["...", "# ...", "# Check for existing users...", "# ...and then the rest of them"] {
            assert!(!is_placeholder(line, Some("rs")), "{line}");
        }
    }

    #[test]
    fn tells_placeholders_from_sentences() {
        use Placeholder::{Dots, Led, Phrase, Trailed};
        for (expected, lines) in [
            (Some(Dots), &["...", "// ...", "# …", "/* ... */", "<!-- ... -->", "[...]"][..]),
            (
                Some(Led),
                &[
                    "// ... existing code ...",
                    "# ... existing code",
                    "/* ... rest of the file ... */",
                    "{/* ... rest of the component code ... */}",
                    "-- ... other methods",
                    "# ... (unchanged)",
                    "// … remaining methods …",
                    "// ... (rest of the code remains the same)",
                    "// ... existing helper functions ...",
                    "// ...existing imports and config...",
                    "// ... keep existing code ...",
                    "[... rest of the file unchanged ...]",
                    "// ... same as before",
                    "// ... more tests",
                ],
            ),
            (
                Some(Trailed),
                &["// rest of the code...", "# Rest of the implementation…", "// existing code here..."],
            ),
            (
                Some(Phrase),
                &[
                    "// existing code here",
                    "# existing code",
                    "// rest of the implementation remains the same",
                    "// Rest of your code here",
                    "/* rest of the file */",
                    "// code omitted for brevity",
                ],
            ),
            (
                None,
                &[
                    "// Check for existing users...",
                    "# Wait for the remaining tasks...",
                    "// Load the previous file...",
                    "// Remove other files...",
                    "# Keep the rest of the list sorted...",
                    "// Read the rest of the header...",
                    "# Reuse the same code for both...",
                    "// Try the original method first...",
                    "// the rest of the code relies on this",
                    "// Existing methods",
                    "// The rest is unchanged by this",
                    "# other",
                    "/* loading... */",
                    "// and so on...",
                    "// ...or other callers, which is slower",
                    "// ...which the previous version did not do.",
                    "// same as before, but with the file open",
                    "let a = [...rest];",
                    "...rest,",
                ],
            ),
        ] {
            for line in lines {
                assert_eq!(placeholder(line), expected, "{line}");
            }
        }
    }
}
