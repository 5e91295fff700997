//! *Solved* is an answer that nothing has to change: why, and lines of files that show it.
//!
//! Whether these lines are there is not known here. Each stands behind its place, or below it:
//!
//! ```text
//! SOLVED: the limit is 30 seconds already.
//! src/limits.rs:12: pub const LIMIT: u64 = 30;
//! - `src/limits.rs:40`: `let limit = LIMIT;`
//! src/limits.rs:51-53
//! fn limit() -> u64 {
//!     LIMIT
//! }
//! ```

use super::clip;
use super::marker::Fence;
use super::paths::Paths;

/// Characters of the reason that are kept.
const MAX_WHY: usize = 2_000;
/// Quotations that are kept.
const MAX_QUOTES: usize = 20;
/// Lines of one quotation that are kept.
const MAX_LINES: usize = 40;

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solved {
    /// Why, in the model's words; may be empty.
    pub why: String,
    pub quotes: Vec<Quote>,
}

/// Lines that the model says a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The file as the model named it, decoration taken off.
    pub path: String,
    /// The number of the first line, from 1, as the model counted.
    pub line: usize,
    /// The lines, without blank ones at both ends.
    pub lines: Vec<String>,
}

impl Solved {
    /// Reads what stands behind the directive's colon, and the lines below it.
    pub(super) fn of(first: &str, below: &[&str], paths: &Paths<'_>) -> Self {
        let mut why: Vec<&str> = Vec::new();
        let mut quotes: Vec<Quote> = Vec::new();
        let lines: Vec<&str> = std::iter::once(first).chain(below.iter().copied()).collect();
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at];
            at += 1;
            match place(line, paths) {
                Some((path, number, text)) => {
                    let found = if text.is_empty() {
                        let (below, next) = lines_below(&lines, at, paths);
                        at = next;
                        below
                    } else {
                        vec![text]
                    };
                    if quotes.len() < MAX_QUOTES {
                        quotes.push(Quote { path, line: number, lines: found });
                    }
                }
                None if quotes.is_empty() => why.push(line),
                // What is said between quotations, or after them, is no proof and no reason.
                None => {}
            }
        }
        Self { why: clip(&why.join("\n"), MAX_WHY), quotes }
    }
}

/// The lines that a place alone on its line stands above, and where they end: a fenced block, or what comes before the
/// next blank line or place.
fn lines_below(lines: &[&str], start: usize, paths: &Paths<'_>) -> (Vec<String>, usize) {
    let first = (start..lines.len()).find(|at| !lines[*at].trim().is_empty()).unwrap_or(lines.len());
    let (from, to, next) = if let Some(open) = lines.get(first).and_then(|line| Fence::of(line)) {
        let from = first + 1;
        let closes = |at: &usize| Fence::of(lines[*at]).is_some_and(|fence| fence.closes(&open));
        let to = (from..lines.len()).find(closes).unwrap_or(lines.len());
        (from, to, (to + 1).min(lines.len()))
    } else {
        let ends = |at: &usize| lines[*at].trim().is_empty() || place(lines[*at], paths).is_some();
        let to = (first..lines.len()).find(ends).unwrap_or(lines.len());
        (first, to, to)
    };
    let quoted = &lines[from.min(to)..to];
    let is_text = |line: &&str| !line.trim().is_empty();
    let (head, tail) = (quoted.iter().position(is_text), quoted.iter().rposition(is_text));
    let kept = head.zip(tail).map_or(&[][..], |(head, tail)| &quoted[head..=tail]);
    (kept.iter().take(MAX_LINES).map(|line| (*line).to_owned()).collect(), next)
}

/// The path, the line number and the rest of a line that begins with a place: `path:12: text`, `path:12-14`.
fn place(line: &str, paths: &Paths<'_>) -> Option<(String, usize, String)> {
    let item = line.trim();
    let item =
        ["- ", "* ", "> "].iter().find_map(|mark| item.strip_prefix(mark)).unwrap_or(item).trim_start();
    // The place, and perhaps the text, stand in back ticks of their own, or both in one pair.
    let (head, behind) = match item.strip_prefix('`').and_then(|inner| inner.split_once('`')) {
        Some((inner, behind)) if split(inner, paths).is_some() => (inner, Some(behind)),
        Some(_) => return None,
        None => (item.strip_prefix("**").unwrap_or(item), None),
    };
    let (path, number, rest) = split(head, paths)?;
    let text = match behind {
        Some(behind) if rest.is_empty() => behind,
        Some(behind) if behind.trim().is_empty() => rest,
        Some(_) => return None,
        None => rest,
    };
    let text = text.trim_start_matches(['*', ')']);
    let text = text.strip_prefix(':').or_else(|| text.strip_prefix(" –")).unwrap_or(text);
    Some((path.to_owned(), number, unticked(text.trim()).to_owned()))
}

/// A text apart at its first line number, if a path stands before it.
fn split<'t>(text: &'t str, paths: &Paths<'_>) -> Option<(&'t str, usize, &'t str)> {
    text.match_indices(':').find_map(|(at, _)| {
        let (path, rest) = (&text[..at], text[at + 1..].trim_start_matches('L'));
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..digits].parse().ok().filter(|number| *number > 0)?;
        let mut rest = &rest[digits..];
        if let Some(end) = rest.strip_prefix(['-', '–']).map(|end| end.trim_start_matches('L')) {
            let digits = end.bytes().take_while(u8::is_ascii_digit).count();
            rest = if digits > 0 { &end[digits..] } else { rest };
        }
        let ends = rest.is_empty() || rest.starts_with([':', ' ', '*', '`', ')']);
        (ends && is_path(path, paths)).then_some((path, number, rest))
    })
}

/// Whether a text is a path of the tree, or can be nothing but a path.
fn is_path(text: &str, paths: &Paths<'_>) -> bool {
    let is_word = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "`*()".contains(c));
    paths.has(text) || (is_word && !text.contains("//") && text.contains(['/', '.']))
}

/// A text without one pair of back ticks around all of it.
fn unticked(text: &str) -> &str {
    let ticks = text.bytes().take_while(|byte| *byte == b'`').count();
    let inner = text.get(ticks..text.len().saturating_sub(ticks)).unwrap_or_default();
    let is_pair = ticks > 0 && text.ends_with(&"`".repeat(ticks)) && !inner.is_empty();
    if is_pair && !inner.contains('`') { inner.trim() } else { text }
}

/// The form of such an answer, for a model that did not keep to it.
pub(crate) const FORM: &str = "`SOLVED: ` and the reason, and below it, a line each, the lines that show it, copied exactly \
                               behind their place: `path:line: text of that line`";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Vec<String>) {
        let mut lines = text.lines();
        let paths = Paths::new(["src/a.rs", "docs/my file.md", "Makefile"]);
        let first = lines.next().unwrap_or_default();
        let Solved { why, quotes } = Solved::of(first, &lines.collect::<Vec<_>>(), &paths);
        let shown =
            quotes.iter().map(|quote| format!("{}|{}|{}", quote.path, quote.line, quote.lines.join("⏎")));
        (why, shown.collect())
    }

    #[test]
    fn quotations_stand_behind_their_place_or_below_it() {
        for (text, why, quotes) in [
            ("It is.\nsrc/a.rs:12: let x = 1;", "It is.", &["src/a.rs|12|let x = 1;"][..]),
            (
                "It is.\n\n- `src/a.rs:12`: `let x = 1;`\n* src/b.rs:3:   y",
                "It is.",
                &["src/a.rs|12|let x = 1;", "src/b.rs|3|y"],
            ),
            ("It is.\n`src/a.rs:12: let x = 1;`", "It is.", &["src/a.rs|12|let x = 1;"]),
            ("It is.\n**src/a.rs:12**: let x = 1;", "It is.", &["src/a.rs|12|let x = 1;"]),
            (
                "It is.\nsrc/a.rs:12-14\n```rust\nfn x() {\n\n}\n```\nmore",
                "It is.",
                &["src/a.rs|12|fn x() {⏎⏎}"],
            ),
            (
                "It is.\nsrc/a.rs:12:\n    let x;\n    let y;\n\nmore",
                "It is.",
                &["src/a.rs|12|    let x;⏎    let y;"],
            ),
            ("It is.\nsrc/a.rs:L7: a\nsrc/a.rs:9\nb", "It is.", &["src/a.rs|7|a", "src/a.rs|9|b"]),
            ("It is.\ndocs/my file.md:2: Text", "It is.", &["docs/my file.md|2|Text"]),
            ("It is.\nMakefile:2: all: build", "It is.", &["Makefile|2|all: build"]),
            ("src/a.rs:12: let x = 1;", "", &["src/a.rs|12|let x = 1;"]),
            ("It is.\nsrc/a.rs:12", "It is.", &["src/a.rs|12|"]),
            ("It is\nin two lines.", "It is\nin two lines.", &[]),
            // None of these is a place.
            ("See http://example.org:80: x", "See http://example.org:80: x", &[]),
            ("At 12:30 it is: done", "At 12:30 it is: done", &[]),
            ("It is.\nsrc/a.rs:0: x", "It is.\nsrc/a.rs:0: x", &[]),
            (
                "It is.\nsrc/a.rs:99999999999999999999999: x",
                "It is.\nsrc/a.rs:99999999999999999999999: x",
                &[],
            ),
            ("It is.\nsrc/a.rs:12x: x", "It is.\nsrc/a.rs:12x: x", &[]),
            ("", "", &[]),
        ] {
            let (found, shown) = read(text);
            assert_eq!(
                (found.as_str(), shown),
                (why, quotes.iter().map(|q| (*q).to_owned()).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn an_endless_answer_is_read_in_part() {
        let many = "It is.\n".to_owned() + &"src/a.rs:1: x\n".repeat(500);
        assert_eq!(read(&many).1.len(), MAX_QUOTES);
        let long = format!("{}\nsrc/a.rs:1\n{}", "w".repeat(9_000), "x\n".repeat(500));
        let (why, quotes) = read(&long);
        assert!(why.chars().count() <= MAX_WHY + 1);
        assert_eq!(quotes[0].matches('⏎').count(), MAX_LINES - 1);
    }
}
