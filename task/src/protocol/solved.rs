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
/// Marks of lists and quotations before a place.
const MAX_MARKS: usize = 4;

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
        let mut later: Vec<&str> = Vec::new();
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
                // The head of a table is no reason.
                None if line.trim_start().starts_with('|') => {}
                None if quotes.is_empty() => why.push(line),
                None => later.push(line),
            }
        }
        // What is said between quotations, or after them, is no proof, and a reason only where there is no other.
        let why = [why, later].into_iter().map(|lines| clip(&lines.join("\n"), MAX_WHY));
        Self { why: why.into_iter().find(|why| !why.trim().is_empty()).unwrap_or_default(), quotes }
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

/// The path, the line number and the rest of a line that begins with a place, however it is spelled: `path:12: text`,
/// `path:12-14`, `path#L12`, `path line 12`, as an item of a list, or as a row of a table.
fn place(line: &str, paths: &Paths<'_>) -> Option<(String, usize, String)> {
    let mut item = line.trim();
    for _ in 0..MAX_MARKS {
        let found = match item.strip_prefix('|') {
            Some(row) => of_row(row, paths),
            None => of_item(item, paths),
        };
        if found.is_some() {
            return found;
        }
        item = without_mark(item)?;
    }
    None
}

/// A text without the mark of a list, a quotation or a heading before it.
fn without_mark(item: &str) -> Option<&str> {
    let unnumbered = item.trim_start_matches('(').trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = if unnumbered.len() < item.len() {
        unnumbered.strip_prefix(['.', ')'])?
    } else {
        item.strip_prefix(['-', '*', '+', '•', '–', '>']).or_else(|| Some(item.trim_start_matches('#')))?
    };
    let text = rest.trim_start();
    (text.len() < rest.len() || (item.starts_with('>') && text.len() < item.len())).then_some(text)
}

/// What stands around a name or a place, beginning and end.
const PAIRS: [(&str, &str); 9] = [
    ("**`", "`**"),
    ("[`", "`]"),
    ("`", "`"),
    ("**", "**"),
    ("__", "__"),
    ("[", "]"),
    ("<", ">"),
    ("\"", "\""),
    ("'", "'"),
];

fn of_item(item: &str, paths: &Paths<'_>) -> Option<(String, usize, String)> {
    let found = |path: &str, number, text| Some((path.to_owned(), number, text));
    for (open, close) in PAIRS {
        let Some((inner, behind)) = item.strip_prefix(open).and_then(|rest| rest.split_once(close)) else {
            continue;
        };
        // Where a link leads to, which may say the number.
        let (target, behind) = match behind.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((target, rest)) if open.starts_with('[') => (Some(target), rest),
            _ => (None, behind),
        };
        if let Some((path, number, rest)) = split(inner, paths) {
            let (within, behind) = (text_of(rest), text_of(behind));
            if within.is_empty() || behind.is_empty() {
                return found(path, number, within + &behind);
            }
        } else if is_path(inner, paths) {
            if let Some((number, rest)) = numbered(behind) {
                return found(inner, number, text_of(rest));
            }
            let at = target.and_then(|target| target.find('#').map(|at| &target[at..]));
            if let Some((number, "")) = at.and_then(numbered) {
                return found(inner, number, text_of(behind));
            }
        }
    }
    let (path, number, rest) = split(item, paths)?;
    found(path, number, text_of(rest))
}

/// The place and the text that stand in cells of a table's row.
fn of_row(row: &str, paths: &Paths<'_>) -> Option<(String, usize, String)> {
    let cells = cells(row);
    for (at, cell) in cells.iter().enumerate() {
        let text = |next: usize| {
            // What shows it stands behind the place as a rule.
            let before = at.checked_sub(1).and_then(|at| cells.get(at));
            cells.get(next).or(before).map_or_else(String::new, |text| unticked(text).to_owned())
        };
        match of_item(cell, paths) {
            Some((path, number, own)) if own.is_empty() => return Some((path, number, text(at + 1))),
            Some(found) => return Some(found),
            None => {}
        }
        let name = unticked(cell.trim_matches('*'));
        let next = cells.get(at + 1).map(|next| unticked(next));
        // A cell of its own needs no word before the number.
        let number = next.and_then(|next| {
            let number = numbered(next).or_else(|| counted(next.trim_start_matches('L')));
            number.filter(|(_, rest)| rest.is_empty())
        });
        if let (true, Some((number, _))) = (is_path(name, paths), number) {
            return Some((name.to_owned(), number, text(at + 2)));
        }
    }
    None
}

/// The cells of a table's row, of which a stroke in code or behind a backslash ends none.
fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut cell, mut in_code) = (Vec::new(), String::new(), false);
    let mut chars = row.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'|') => cell.extend(chars.next()),
            '|' if !in_code => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            _ => {
                in_code ^= c == '`';
                cell.push(c);
            }
        }
    }
    if !cell.trim().is_empty() {
        cells.push(cell.trim().to_owned());
    }
    cells
}

/// A text apart at its first line number, if a path stands before it.
fn split<'t>(text: &'t str, paths: &Paths<'_>) -> Option<(&'t str, usize, &'t str)> {
    text.match_indices([':', '#', ' ', ',', '(']).find_map(|(at, _)| {
        let path = &text[..at];
        let (number, rest) = is_path(path, paths).then(|| numbered(&text[at..])).flatten()?;
        Some((path, number, rest))
    })
}

/// The line number that stands behind a path, and what follows: `:12`, `:L12-L14`, `#L12`, ` line 12`, ` (lines 12-14)`.
fn numbered(text: &str) -> Option<(usize, &str)> {
    if let Some(close) = text.strip_prefix([':', '#']) {
        let found = counted(close.trim_start_matches('L'));
        let ends = |rest: &str| {
            rest.is_empty() || rest.starts_with([':', ' ', '\t', '*', '_', '`', ')', ']', '|', '"', '\''])
        };
        if let Some((number, rest)) = found.filter(|(_, rest)| ends(rest)) {
            return Some((number, rest));
        }
    }
    // In words, which a sentence may have as well: there it goes on with words.
    let said = text.trim_start_matches([' ', ':', ',']);
    let (inner, is_open) = said.strip_prefix('(').map_or((said, false), |inner| (inner, true));
    let word = ["lines", "line", "Lines", "Line", "L"].iter().find_map(|word| inner.strip_prefix(word))?;
    let (number, rest) = counted(word.trim_start_matches([' ', '.', '#']))?;
    let rest = if is_open { rest.strip_prefix(')')? } else { rest };
    let text = rest.trim_start();
    let ends =
        text.is_empty() || text.starts_with([':', '`', '"', '\'', '“', '«', '|', '–', '—', '=', '→', '*']);
    let is_dash = text.starts_with("- ") || text.starts_with("->");
    (ends || is_dash).then_some((number, rest))
}

/// A number, the first of a range or alone, and what follows it.
fn counted(text: &str) -> Option<(usize, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits(text)].parse().ok().filter(|number| *number > 0)?;
    let rest = &text[digits(text)..];
    let end = ["-L", "–L", "-", "–", "—", "..", " to "].iter().find_map(|to| rest.strip_prefix(to));
    let rest =
        end.map(|end| &end[digits(end)..]).filter(|_| end.is_some_and(|end| digits(end) > 0)).unwrap_or(rest);
    Some((number, rest))
}

/// What stands behind a place, without what parts the two.
fn text_of(rest: &str) -> String {
    let text = rest.trim_start_matches(['*', ')', ']', '_']);
    let part = [":", " –", " —", " ->", " =>", " →", " - ", " = "].iter();
    let text = part.into_iter().find_map(|mark| text.strip_prefix(mark)).unwrap_or(text);
    unticked(text.trim()).to_owned()
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
            // However a list, a table or a link spells it.
            (
                "It is.\n1. `src/a.rs:1`: `def f1(x):`\n2) src/b.rs:2: y",
                "It is.",
                &["src/a.rs|1|def f1(x):", "src/b.rs|2|y"],
            ),
            ("It is.\n`src/a.rs`:1: let x = 1;", "It is.", &["src/a.rs|1|let x = 1;"]),
            ("It is.\n**`src/a.rs`** line 1: let x = 1;", "It is.", &["src/a.rs|1|let x = 1;"]),
            ("It is.\nsrc/a.rs#L1: x\nsrc/a.rs#L1-L3: `y`", "It is.", &["src/a.rs|1|x", "src/a.rs|1|y"]),
            ("It is.\nsrc/a.rs line 1: x\nsrc/a.rs, line 2 - y", "It is.", &["src/a.rs|1|x", "src/a.rs|2|y"]),
            (
                "It is.\n• src/a.rs (lines 1-2): `x`\n+ src/a.rs L7: y",
                "It is.",
                &["src/a.rs|1|x", "src/a.rs|7|y"],
            ),
            ("It is.\n> 1. src/a.rs:1: x\n### src/a.rs:2\ny", "It is.", &["src/a.rs|1|x", "src/a.rs|2|y"]),
            (
                "It is.\n[src/a.rs:1](src/a.rs#L1): x\n[src/a.rs](src/a.rs#L2): y",
                "It is.",
                &["src/a.rs|1|x", "src/a.rs|2|y"],
            ),
            (
                "It is.\n\n| File | Line | Text |\n|---|---|---|\n| `src/a.rs` | 1 | `a \\| b` |\n| src/a.rs:2 | `c || d` |\n| x | src/a.rs line 3 |",
                "It is.",
                &["src/a.rs|1|a | b", "src/a.rs|2|c || d", "src/a.rs|3|x"],
            ),
            ("\nsrc/a.rs:1: x\nSo it is.", "So it is.", &["src/a.rs|1|x"]),
            ("It is.\nsrc/a.rs:12: - item", "It is.", &["src/a.rs|12|- item"]),
            // None of these is a place.
            ("src/a.rs line 12 has it.", "src/a.rs line 12 has it.", &[]),
            ("The limit in src/a.rs (line 12) is it.", "The limit in src/a.rs (line 12) is it.", &[]),
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
