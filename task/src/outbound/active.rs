//! *Active* text is what GitHub acts on wherever it stands in prose: mentions, closing keywords, addresses, skips of
//! checks.

use std::num::NonZeroU64;
use std::ops::Range;

use super::{Gate, orders};

/// A stretch of active text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Active<'a> {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// `@login` or `@organization/team`
    Mention { login: &'a str },
    /// The reference behind a closing keyword; the number where it is one of the repository at hand.
    Closing { issue: Option<NonZeroU64> },
    /// An address that becomes a link by itself.
    Address { url: &'a str },
    /// `www.example.org`, which becomes a link without a scheme.
    Host,
    /// `someone@example.org`
    Mail,
    /// `[skip ci]` and what else keeps a CI system from running.
    SkipsChecks,
    /// An issue or a commit of another repository, which is told that it was named: `owner/name#12`, `owner/name@c0ffee1`.
    Reference,
    /// The word that makes a line a command to a bot, or a trailer.
    Command,
    /// The colon of a line that git and GitHub read as a trailer, such as `Co-authored-by:`.
    Trailer,
}

/// The words that close what follows them, from GitHub's "Linking a pull request to an issue".
const CLOSING: [&str; 9] =
    ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn is_login(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

/// All active stretches, in order, not overlapping.
pub(super) fn find(text: &str) -> Vec<Active<'_>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Active<'_>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let active = match bytes[at] {
            b'@' => commit(text, at).or_else(|| mention(text, at)),
            b':' => address(text, at, found.last().map_or(0, |last| last.range.end)),
            b'w' | b'W' => bare_address(text, at),
            b'#' | b'g' | b'G' => closing(text, at).or_else(|| foreign_issue(text, at)),
            b'[' => orders::mark(text, at).map(skip),
            b'-' => orders::option(text, at).map(skip),
            _ => None,
        };
        match active {
            Some(active) => {
                at = active.range.end.max(at + 1);
                while found.last().is_some_and(|last| last.range.end > active.range.start) {
                    found.pop();
                }
                found.push(active);
            }
            None => at += 1,
        }
    }
    let commands = orders::commands(text).into_iter();
    found.extend(commands.map(|range| Active { range, kind: Kind::Command }));
    found.sort_by_key(|active| active.range.start);
    let mut end = 0;
    found.retain(|active| {
        let is_apart = active.range.start >= end;
        end = end.max(active.range.end);
        is_apart
    });
    found
}

fn skip<'a>(range: Range<usize>) -> Active<'a> {
    Active { range, kind: Kind::SkipsChecks }
}

/// How many bytes before `at` are those of `owner/name` or of a login.
fn name_before(text: &str, at: usize) -> usize {
    text.as_bytes()[..at]
        .iter()
        .rev()
        .take(150)
        .take_while(|b| is_login(**b) || matches!(b, b'/' | b'.' | b'_'))
        .count()
}

/// `owner/name#12` or `login#12`: an issue of another repository.
fn foreign_issue(text: &str, at: usize) -> Option<Active<'_>> {
    let bytes = text.as_bytes();
    if bytes[at] != b'#' {
        return None;
    }
    let digits = bytes[at + 1..].iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    let name = name_before(text, at);
    let is_name = bytes[at - name..at].iter().any(u8::is_ascii_alphabetic);
    (digits > 0 && is_name).then_some(Active { range: at - name..at + 1 + digits, kind: Kind::Reference })
}

/// `owner/name@c0ffee1` or `login@c0ffee1`: a commit of another repository.
fn commit(text: &str, at: usize) -> Option<Active<'_>> {
    let bytes = text.as_bytes();
    let digits = bytes[at + 1..].iter().take(65).take_while(|b| b.is_ascii_hexdigit()).count();
    let end = at + 1 + digits;
    let is_id = (7..=64).contains(&digits) && bytes.get(end).is_none_or(|b| !is_word(*b) && *b != b'-');
    let name = name_before(text, at);
    let is_name = bytes[at - name..at].iter().any(u8::is_ascii_alphabetic);
    (is_id && is_name).then_some(Active { range: at - name..end, kind: Kind::Reference })
}

/// A mention, or the mail address around an `@`.
fn mention(text: &str, at: usize) -> Option<Active<'_>> {
    let bytes = text.as_bytes();
    let run = |from: usize, test: fn(u8) -> bool| {
        from + bytes[from..].iter().take(100).take_while(|b| test(**b)).count()
    };
    let end = run(at + 1, is_login);
    if end == at + 1 {
        return None;
    }
    let local = |b: u8| b.is_ascii_alphanumeric() || b".+-_".contains(&b);
    let start = at - bytes[..at].iter().rev().take(100).take_while(|b| local(**b)).count();
    let domain_end = run(at + 1, |b| is_login(b) || b == b'.');
    if start < at && text[at..domain_end].trim_end_matches('.').contains('.') {
        return Some(Active { range: start..domain_end, kind: Kind::Mail });
    }
    if at > 0 && bytes[at - 1].is_ascii_alphanumeric() {
        return None;
    }
    let end = if bytes.get(end) == Some(&b'/') && bytes.get(end + 1).copied().is_some_and(is_login) {
        run(end + 1, |b| is_login(b) || b == b'_' || b == b'.')
    } else {
        end
    };
    Some(Active { range: at..end, kind: Kind::Mention { login: &text[at + 1..end] } })
}

/// Up to where an address goes that starts at `start`.
fn address_end(text: &str, start: usize) -> usize {
    let length =
        text[start..].find(|c: char| c.is_whitespace() || c.is_control() || "<>`\u{fffc}".contains(c));
    let end = length.map_or(text.len(), |length| start + length);
    start + text[start..end].trim_end_matches(['.', ',', ':', ';', '!', '?', '"', '\'', '*', ')', ']']).len()
}

/// The address around `://`.
fn address(text: &str, at: usize, from: usize) -> Option<Active<'_>> {
    if !text[at..].starts_with("://") {
        return None;
    }
    let scheme = text[from.min(at)..at].bytes().rev().take(20).take_while(u8::is_ascii_alphanumeric).count();
    if scheme == 0 {
        return None;
    }
    let start = at - scheme;
    let end = address_end(text, start);
    (end > at + 3).then(|| address_or_closing(text, start, end))
}

fn bare_address(text: &str, at: usize) -> Option<Active<'_>> {
    let starts = text.get(at..at + 4).is_some_and(|head| head.eq_ignore_ascii_case("www."));
    let inside_word = at > 0 && is_word(text.as_bytes()[at - 1]);
    if !starts || inside_word {
        return None;
    }
    let end = address_end(text, at);
    (end > at + 4).then_some(Active { range: at..end, kind: Kind::Host })
}

/// Whether a link with this target, at the end of the text, closes an issue.
pub(super) fn closes_by_address(text: &str, target: &str) -> bool {
    is_of_issue(target) && is_behind_keyword(text, text.len())
}

fn is_of_issue(url: &str) -> bool {
    ["/issues/", "/pull/"].iter().any(|part| url.contains(part))
}

/// The address of an issue closes it like its number, behind a keyword.
fn address_or_closing(text: &str, start: usize, end: usize) -> Active<'_> {
    let url = &text[start..end];
    if is_of_issue(url) && is_behind_keyword(text, start) {
        return Active { range: start..end, kind: Kind::Closing { issue: None } };
    }
    Active { range: start..end, kind: Kind::Address { url } }
}

/// `#12`, `GH-12` or `owner/name#12` at `at`, behind a closing keyword.
fn closing(text: &str, at: usize) -> Option<Active<'_>> {
    let bytes = text.as_bytes();
    let digits_at = match bytes[at] {
        b'#' => at + 1,
        _ if text.get(at..at + 3).is_some_and(|head| head.eq_ignore_ascii_case("gh-"))
            && (at == 0 || !is_word(bytes[at - 1])) =>
        {
            at + 3
        }
        _ => return None,
    };
    let digits = bytes[digits_at..].iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let repository = name_before(text, at);
    let start = if bytes[at] == b'#' { at - repository } else { at };
    if !is_behind_keyword(text, start) {
        return None;
    }
    let end = digits_at + digits;
    let issue = if start == at { text[digits_at..end].parse().ok() } else { None };
    Some(Active { range: start..end, kind: Kind::Closing { issue } })
}

/// Whether a closing keyword stands before `at`, with nothing but white space and punctuation between.
fn is_behind_keyword(text: &str, at: usize) -> bool {
    let before: String = text[..at].chars().rev().take(40).collect();
    let before = before.trim_start_matches(|c: char| !c.is_alphanumeric());
    let word: String = before.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let word: String = word.chars().rev().collect();
    CLOSING.iter().any(|keyword| keyword.eq_ignore_ascii_case(&word))
}

/// The colons of trailers: a line that starts with one hyphenated word and a colon.
fn trailers(text: &str) -> Vec<Active<'_>> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some((name, _)) = line.split_once(':')
            && name.trim().contains('-')
            && name.trim().bytes().all(is_login)
        {
            let colon = start + name.len();
            found.push(Active { range: colon..colon + 1, kind: Kind::Trailer });
        }
        start += line.len();
    }
    found
}

/// What is left of a mark that skips checks.
pub(super) fn unmarked(mark: &str) -> String {
    mark.replace(['[', ']'], "").trim_start_matches('-').to_owned()
}

/// Plain text with every active stretch that the gate does not allow written so that nothing acts on it.
pub(super) fn disarm(text: &str, gate: &Gate) -> String {
    let mut all = find(text);
    all.extend(trailers(text));
    all.sort_by_key(|active| active.range.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for active in all {
        if active.range.start < at || gate.allows(&active.kind) {
            continue;
        }
        out.push_str(&text[at..active.range.start]);
        let written = &text[active.range.clone()];
        match active.kind {
            Kind::Mention { login } => out.push_str(login),
            Kind::Mail => out.push_str(&written.replace('@', " at ")),
            Kind::Host => out.push_str(&written[4..]),
            Kind::Address { .. } => out.push_str(written.split_once("://").map_or(written, |(_, rest)| rest)),
            Kind::Closing { .. } => {
                let number = written.rsplit(['#', '-', '/']).next().unwrap_or_default();
                out.push_str("issue ");
                out.push_str(number);
            }
            Kind::SkipsChecks => out.push_str(&unmarked(written)),
            Kind::Reference => match written.split_once('#') {
                Some((name, number)) => out.extend([name, " issue ", number]),
                None => out.push_str(&written.replace('@', " commit ")),
            },
            Kind::Command => match written.strip_prefix('/') {
                Some(word) => out.push_str(word),
                None if written.ends_with(':') => {
                    out.extend([written[..written.len() - 1].trim_end(), " -"]);
                }
                None => out.extend(["(", written, ")"]),
            },
            Kind::Trailer => out.push_str(" -"),
        }
        at = active.range.end;
    }
    out.push_str(&text[at..]);
    out
}
