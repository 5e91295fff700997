//! What a line `READ: …` asks for: paths, each with lines of it or without, however they are written and whatever is said
//! about them.
//!
//! The longest path of the tree that a text begins with takes precedence over any other meaning of its characters.

use super::{MAX_LINE, MAX_PARTS, Request, note};
use crate::protocol::decoration::unquoted;
use crate::protocol::marker;
use crate::protocol::paths::{Paths, relative};
use crate::protocol::spelling::{has_extension, is_pathlike};

/// Bytes of a path.
const MAX_PATH: usize = 512;
/// Words that may stand before the first path.
const LEAD: usize = 8;
/// Words of a name with spaces that the tree has not.
const NAME_WORDS: usize = 4;
/// What may be around a path.
const OPENING: [char; 7] = ['`', '"', '\'', '*', '<', '[', '('];
const CLOSING: [char; 6] = ['`', '"', '\'', '*', '>', ']'];

/// What a line asks for.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) requests: Vec<Request>,
    /// Whether there is nothing else in the line than paths, lines and notes behind them.
    pub(super) is_plain: bool,
}

/// Reads what stands behind the colon of `READ:`.
pub(super) fn scan(behind: &str, paths: &Paths<'_>) -> Scan {
    if let Some(path) = exact(behind, paths) {
        let request = Request::Read { path: path.to_owned(), lines: None };
        return Scan { requests: vec![request], is_plain: true };
    }
    // A pattern may begin as bold type does.
    let is_pattern = behind.trim_start().starts_with("**/");
    let text = if is_pattern { behind.trim() } else { marker::argument(behind) };
    let text = &text[..text.floor_char_boundary(MAX_LINE)];
    let mut scan = Scan { requests: Vec::new(), is_plain: true };
    let mut rest = text;
    let mut ahead = Vec::new();
    for part in 0..MAX_PARTS {
        let (is_apart, next) = separated(rest);
        if next
            .trim_matches(|c: char| OPENING.contains(&c) || CLOSING.contains(&c) || ".:!)".contains(c))
            .is_empty()
        {
            break;
        }
        if let Some((path, behind)) = known(next, paths) {
            rest = scan.take(path, behind, &mut ahead, paths);
            continue;
        }
        if part > 0 {
            if note::begins(next) || next.starts_with(':') {
                break;
            }
            if let Some(behind) = note::behind_parentheses(next) {
                rest = behind;
                continue;
            }
        } else {
            if let Some((lines, behind)) = lines_of(next) {
                ahead.push(lines);
                rest = behind;
                continue;
            }
            if let Some((lines, at)) = led(next, paths) {
                scan.is_plain = lines.is_some() && scan.is_plain;
                ahead.extend(lines);
                rest = at;
                continue;
            }
        }
        let Some((path, behind)) = unknown(next, part == 0, part == 0 || is_apart) else {
            scan.is_plain = false;
            break;
        };
        scan.is_plain &= is_pathlike(path);
        rest = scan.take(path, behind, &mut ahead, paths);
    }
    scan
}

impl Scan {
    /// Takes a path and the lines behind it; returns what is left.
    fn take<'t>(
        &mut self,
        path: &str,
        behind: &'t str,
        ahead: &mut Vec<(usize, usize)>,
        paths: &Paths<'_>,
    ) -> &'t str {
        let (mut lines, mut rest) = ranges(behind, paths);
        if lines.is_empty() {
            let closed = behind.trim_start_matches(CLOSING);
            // A link of Markdown says the same twice.
            let closed = match closed.strip_prefix('(').filter(|_| behind.starts_with(']')) {
                Some(link) => link.split_once(')').map_or("", |(_, rest)| rest),
                None => closed,
            };
            (lines, rest) = ranges(closed, paths);
        }
        lines.append(ahead);
        let path = path.to_owned();
        match lines[..] {
            [] => self.requests.push(Request::Read { path, lines: None }),
            _ => self.requests.extend(
                lines
                    .into_iter()
                    .take(MAX_PARTS)
                    .map(|lines| Request::Read { path: path.clone(), lines: Some(lines) }),
            ),
        }
        rest.trim_start_matches(CLOSING)
    }
}

/// The path of the tree that a text is as it stands.
fn exact<'t>(behind: &'t str, paths: &Paths<'_>) -> Option<&'t str> {
    let plain = behind.strip_prefix(' ').unwrap_or(behind);
    let trimmed = plain.trim();
    let argument = marker::argument(behind);
    [plain, behind, trimmed, argument]
        .into_iter()
        .chain([trimmed, argument].into_iter().filter_map(unquoted))
        .map(relative)
        .find(|text| paths.has(text))
}

/// Without what parts the paths of a list, and whether that was more than white space.
fn separated(text: &str) -> (bool, &str) {
    let mut rest = text.trim_start();
    let mut is_apart = false;
    loop {
        let before = rest.len();
        if let Some(behind) = rest.strip_prefix([',', ';', '&', '|']) {
            (rest, is_apart) = (behind.trim_start(), true);
        }
        for word in ["and ", "or ", "plus "] {
            if let Some(behind) = rest.strip_prefix(word).filter(|_| rest.len() < text.len()) {
                (rest, is_apart) = (behind.trim_start(), true);
            }
        }
        if rest.len() == before {
            return (is_apart, rest);
        }
    }
}

/// The longest path of the tree that a text begins with, decoration taken off, and what is behind it.
fn known<'t>(text: &'t str, paths: &Paths<'_>) -> Option<(&'t str, &'t str)> {
    let mut text = text;
    loop {
        let start = relative(text);
        let longest = start.floor_char_boundary(MAX_PATH);
        let ends = start[..longest].char_indices().map(|(at, _)| at).skip(1).chain([longest]);
        let ends: Vec<usize> = ends.filter(|end| is_end(&start[*end..])).collect();
        if let Some(end) = ends.into_iter().rev().find(|end| paths.has(&start[..*end])) {
            return Some((&start[..end], &start[end..]));
        }
        text = text.strip_prefix(OPENING).filter(|text| !text.is_empty())?;
    }
}

/// Whether a path can end before this.
fn is_end(behind: &str) -> bool {
    let mut chars = behind.chars();
    match chars.next() {
        None => true,
        Some('.') => !chars.next().is_some_and(|c| c.is_alphanumeric() || "_-/.".contains(c)),
        Some(':') => {
            let word =
                behind[1..].split(|c: char| c.is_whitespace() || ",;)`".contains(c)).next().unwrap_or("");
            let is_name =
                word.contains('.') && word.chars().any(|c| c.is_alphabetic() && !matches!(c, 'l' | 'L'));
            word.starts_with(':') || !(is_name || word.contains(['/', '\\']))
        }
        Some(c) => c.is_whitespace() || "`\"'*>])([<,;#@?!|&".contains(c),
    }
}

/// Where the first path of the tree stands behind a few words, and the lines that these name.
fn led<'t>(text: &'t str, paths: &Paths<'_>) -> Option<(Option<(usize, usize)>, &'t str)> {
    let first = text.split_whitespace().next()?;
    if first.contains('/') || has_extension(first) {
        return None;
    }
    let piece = &text[..text.find([',', ';']).unwrap_or(text.len())];
    let starts = piece.char_indices().filter(|(at, c)| c.is_whitespace() && *at > 0).map(|(at, _)| at);
    let mut lines = None;
    for start in starts.take(LEAD) {
        let rest = text[start..].trim_start();
        if known(rest, paths).is_some() {
            return Some((lines, rest));
        }
        lines = lines.or_else(|| lines_of(rest).map(|(lines, _)| lines));
    }
    None
}

/// `lines 10-20 of ` and what is behind it.
fn lines_of(text: &str) -> Option<((usize, usize), &str)> {
    let (lines, rest) = range(text)?;
    let rest = rest.trim_start();
    ["of ", "in ", "from "].iter().find_map(|word| rest.strip_prefix(word)).map(|rest| (lines, rest))
}

/// Without what begins a quotation, bold type or a link. The tree has nothing that could tell it from a part of the path.
fn opened(text: &str) -> &str {
    let text = text.trim_start_matches(['`', '"', '\'']);
    let text = text.strip_prefix("**").filter(|_| !text.starts_with("**/")).unwrap_or(text);
    let word = text.split_whitespace().next().unwrap_or("").trim_end_matches([',', ';', '.', '*', '`']);
    let is_closed = |open, close| word.starts_with(open) && word.ends_with(close);
    let is_link = word.starts_with('[') && word.contains("](");
    let text = if is_link || is_closed('<', '>') || is_closed('[', ']') { &text[1..] } else { text };
    text.trim_start_matches('`').trim_start()
}

/// A path that the tree has not, and what is behind it. It is looked up all the same, so that the answer says what is
/// there.
fn unknown(text: &str, is_first: bool, is_apart: bool) -> Option<(&str, &str)> {
    let text = opened(text);
    let piece = text[..text.find([',', ';']).unwrap_or(text.len())].trim_end();
    let last = piece.split_whitespace().next_back().unwrap_or("");
    let is_spaced = is_first
        && !has_extension(piece.split_whitespace().next().unwrap_or(""))
        && has_extension(last)
        && (2..=NAME_WORDS).contains(&piece.split_whitespace().count());
    let word = &piece[..piece.find(char::is_whitespace).filter(|_| !is_spaced).unwrap_or(piece.len())];
    // The lines stand behind the first sign that can begin them.
    let mut starts =
        word.match_indices([':', '#', '[', '(', '@', '?']).map(|(at, _)| at).filter(|at| *at > 0);
    let cut = starts
        .find(|at| !ranges(&word[*at..], &Paths::default()).0.is_empty())
        .or_else(|| word.find("]("))
        .unwrap_or(word.len());
    let path = word[..cut].trim_end_matches(CLOSING).trim_end_matches(':');
    let path =
        path.strip_suffix('.').filter(|path| !path.is_empty() && !path.ends_with(['.', '/'])).unwrap_or(path);
    let path = path.trim_end();
    let is_path = is_spaced || path.contains('/') || has_extension(path);
    let is_alone = word.len() == piece.len();
    if !path.is_empty() && (is_path || (is_apart && is_alone)) {
        return Some((path, &text[path.len()..]));
    }
    let whole = note::stripped(piece).trim_end_matches(CLOSING).trim_end();
    (is_first && !whole.is_empty()).then(|| (whole, &text[piece.len()..]))
}

/// The lines that stand behind a path, and what is left: `:120-220`, `#L120-L220`, ` (lines 120-220)`,
/// ` from line 120 to 220`, `[120-220]`, and more of them with commas between.
fn ranges<'t>(behind: &'t str, paths: &Paths<'_>) -> (Vec<(usize, usize)>, &'t str) {
    let none = (Vec::new(), behind);
    let text = behind.trim_start();
    let is_spaced = text.len() < behind.len();
    let (sign, inner) = match text.chars().next() {
        Some(sign @ (':' | '#' | '@' | '?' | '(' | '[' | ',')) => (sign, &text[1..]),
        Some(_) if is_spaced => (' ', text),
        _ => return none,
    };
    // A file may be called like lines.
    if sign == ',' && known(inner.trim_start(), paths).is_some()
        || sign == ' ' && known(inner, paths).is_some()
    {
        return none;
    }
    let up_to = inner.trim_start().strip_prefix('-').filter(|_| sign == ':').and_then(range);
    let first = match up_to {
        Some(((last, same), rest)) if last == same => Some(((1, last), rest)),
        Some(_) => None,
        None => range(inner),
    };
    let Some((first, mut rest)) = first else { return none };
    let mut lines = vec![first];
    while lines.len() < MAX_PARTS {
        let (is_apart, next) = separated(rest);
        if !is_apart || known(next, paths).is_some() {
            break;
        }
        let is_tight = next.len() + 1 == rest.len();
        let Some((more, behind)) = range(next) else { break };
        match lines[..] {
            // `10,20`, as sed has it.
            [(first, same)]
                if is_tight
                    && first == same
                    && more.0 == more.1
                    && first < more.0
                    && !behind.starts_with(',') =>
            {
                lines = vec![(first, more.1)];
            }
            _ => lines.push(more),
        }
        rest = behind;
    }
    let closing = match sign {
        '(' => Some(')'),
        '[' => Some(']'),
        _ => None,
    };
    if let Some(closing) = closing {
        rest = rest.find(closing).map_or("", |at| &rest[at + 1..]);
    }
    (lines, rest)
}

/// The lines that a text begins with, and what is behind them: `120-220`, `L120-L220`, `120..220`, `lines 120 to 220`,
/// `120-`, `120-end`, `120+` or `120`.
fn range(text: &str) -> Option<((usize, usize), &str)> {
    let mut rest = text.trim_start();
    for word in ["from", "at", "lines", "line", "starting at"] {
        rest = without_word(rest, word);
    }
    let (first, rest) = number(rest)?;
    let is_over = |rest: &str| {
        let mut chars = rest.chars();
        match chars.next() {
            Some('.') => !chars.next().is_some_and(char::is_alphanumeric),
            Some(c) => !(c.is_alphanumeric() || "_/-".contains(c)),
            None => true,
        }
    };
    let spaced = rest.trim_start();
    for sign in ["..=", "..", "-", "–", "—", ":", "to ", "through ", "until ", "till "] {
        let Some(behind) = spaced.strip_prefix(sign) else { continue };
        let end = without_word(without_word(behind.trim_start(), "lines"), "line");
        if let Some((last, rest)) = number(end).filter(|(_, rest)| is_over(rest)) {
            // Behind a line there may be a column.
            let last = if sign == ":" && last < first { first } else { last };
            return Some(((first, last), rest));
        }
        for word in ["end of file", "the end", "end", "EOF", "eof", "$", "last"] {
            if let Some(rest) = end.strip_prefix(word).filter(|rest| is_over(rest)) {
                return Some(((first, usize::MAX), rest));
            }
        }
        if matches!(sign, ".." | "-" | "–" | "—") && spaced.len() == rest.len() && is_over(behind) {
            return Some(((first, usize::MAX), behind));
        }
    }
    if let Some(rest) = rest.strip_prefix('+').filter(|rest| is_over(rest)) {
        return Some(((first, usize::MAX), rest));
    }
    is_over(rest).then_some(((first, first), rest))
}

/// Without a word that the text begins with, whatever its letter case.
fn without_word<'t>(text: &'t str, word: &str) -> &'t str {
    match text.get(..word.len()) {
        Some(start) if start.eq_ignore_ascii_case(word) => {
            let rest = &text[word.len()..];
            let is_whole = rest.starts_with(|c: char| c.is_whitespace() || c == ':' || c.is_ascii_digit());
            if is_whole { rest.trim_start_matches(|c: char| c.is_whitespace() || c == ':') } else { text }
        }
        _ => text,
    }
}

/// The number that a text begins with.
fn number(text: &str) -> Option<(usize, &str)> {
    let text = text.strip_prefix(['L', 'l']).unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits]
        .bytes()
        .fold(0_usize, |number, digit| number.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
    (digits > 0).then(|| (number, &text[digits..]))
}
