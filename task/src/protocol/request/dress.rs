//! The *dress* of a request: numbers and bullets of a list, back ticks, indentation, another letter case, a missing colon,
//! the form of a call or a tag.
//!
//! A line in such a dress counts only in an answer that proposes nothing, so what is read here can be no reason to drop an
//! edit. It never says what to write or delete.

use super::{MAX_LINE, MAX_PARTS, Request, find, name, note, of, read};
use crate::protocol::marker::{Directive, Fence, Marker};
use crate::protocol::paths::Paths;
use crate::protocol::spelling::is_likely_path;

/// The words of requests.
const WORDS: [(&str, Directive); 5] = [
    ("READ", Directive::Read),
    ("FIND", Directive::Find),
    ("DEFINE", Directive::Define),
    ("USES", Directive::Uses),
    ("LIST", Directive::List),
];
/// Lines below a request that may belong to it.
const MAX_BELOW: usize = 60;

/// What a line is that has the look of a request, and is not written as one.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Loose {
    /// It asks for something.
    Asks(Vec<Request>),
    /// It asks for something where nothing else does: it may be quoted.
    Quotes(Vec<Request>),
    /// What it asks for stands below.
    Opens(Directive),
    /// It cannot be understood.
    Unlike,
}

/// How much a line looks like a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The word in capitals, and a colon.
    Sure,
    /// In another letter case, or without the colon: only what it asks for can tell.
    Vague { in_capitals: bool },
}

/// Reads a line that is no directive.
pub(in crate::protocol) fn loose(line: &str, paths: &Paths<'_>) -> Option<Loose> {
    if line.len() > MAX_LINE {
        return None;
    }
    let Bare { text, is_quoted, .. } = bare(line);
    let (mut found, mut is_unlike, mut opens) = (Vec::new(), false, None);
    for text in ticked(text) {
        let (directive, argument, form) = worded(text)?;
        let argument = argument.trim();
        if argument.is_empty() && directive != Directive::List {
            opens = Some(directive);
            continue;
        }
        let requests = of(directive, argument, paths);
        if requests.is_empty() || !is_meant(directive, argument, form, &requests, paths) {
            // Of a word in a sentence nothing need be said.
            if form == Form::Sure {
                is_unlike = true;
                continue;
            }
            return None;
        }
        found.extend(requests);
    }
    match (found.is_empty(), is_quoted, opens) {
        (false, false, _) => Some(Loose::Asks(found)),
        (false, true, _) => Some(Loose::Quotes(found)),
        (true, false, Some(directive)) => Some(Loose::Opens(directive)),
        _ => is_unlike.then_some(Loose::Unlike),
    }
}

/// A line without what a list, a heading or a quotation puts in front of it.
struct Bare<'t> {
    text: &'t str,
    is_listed: bool,
    /// Whether Markdown takes it for code or for the words of others.
    is_quoted: bool,
}

fn bare(line: &str) -> Bare<'_> {
    let mut text = line.trim();
    let indent = &line[..line.len() - line.trim_start().len()];
    let is_deep = indent.contains('\t') || indent.len() >= 4;
    let (mut is_listed, mut is_quote) = (false, false);
    loop {
        let before = text.len();
        if let Some(rest) = text.strip_prefix('>') {
            (text, is_quote) = (rest.trim_start(), true);
        }
        if let Some(rest) =
            ["- ", "* ", "+ ", "• ", "– ", "— ", "· "].iter().find_map(|sign| text.strip_prefix(sign))
        {
            (text, is_listed) = (rest.trim_start(), true);
        }
        let hashes = text.trim_start_matches('#');
        if hashes.len() < text.len() && hashes.starts_with(' ') {
            text = hashes.trim_start();
        }
        let opened = text.strip_prefix('(').unwrap_or(text);
        let digits = opened.bytes().take_while(u8::is_ascii_digit).count();
        if (1..=3).contains(&digits)
            && let Some(rest) = opened[digits..]
                .strip_prefix(['.', ')', ':'])
                .filter(|rest| rest.starts_with([' ', '\t', '`', '*']))
        {
            (text, is_listed) = (rest.trim_start(), true);
        }
        if let Some(rest) = ["[ ] ", "[x] "].iter().find_map(|sign| text.strip_prefix(sign)) {
            text = rest.trim_start();
        }
        if text.len() == before {
            return Bare { text, is_listed, is_quoted: is_quote || (is_deep && !is_listed) };
        }
    }
}

/// The texts in back ticks that fill a line, with nothing but commas and notes between; else the line.
fn ticked(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(inner) = rest.strip_prefix('`')
        && found.len() < MAX_PARTS
    {
        let ticks = inner.bytes().take_while(|byte| *byte == b'`').count() + 1;
        let inner = &rest[ticks..];
        let Some((code, behind)) = inner.split_once(&rest[..ticks]) else { return vec![text] };
        // A word of its own in back ticks.
        if !code.contains([':', ' ', '(']) {
            return vec![text];
        }
        found.push(code.trim());
        rest = behind.trim_start_matches(|c: char| c.is_whitespace() || ",;.".contains(c));
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
        let is_note = note::begins(rest) || rest.starts_with(['(', ':']) || rest.is_empty();
        if is_note {
            return found;
        }
    }
    if found.is_empty() || !rest.is_empty() { vec![text] } else { found }
}

/// The word of a request that a text begins with, what is behind it, and the form.
fn worded(text: &str) -> Option<(Directive, &str, Form)> {
    if let Some(tag) = text.strip_prefix('<') {
        return tagged(tag);
    }
    // `{"READ": "path"}`
    let text =
        text.strip_prefix('{').map_or(text, |inner| inner.trim_end_matches([',', '}', ' ']).trim_start());
    let end = text.find(|c: char| !(c.is_ascii_alphabetic() || "*_`\"".contains(c))).unwrap_or(text.len());
    let word = text[..end].trim_matches(['*', '_', '`', '"']);
    let (known, directive) = *WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word))?;
    let in_capitals = word == known;
    let behind = &text[end..];
    if let Some(argument) = behind.trim_start().strip_prefix([':', '：']) {
        // Bold type that began before the word ends at the end.
        let argument = argument.trim();
        let is_open = text.starts_with("**") && !text[..end].ends_with("**") && !argument.starts_with("**");
        let argument = argument.strip_suffix("**").filter(|_| is_open).unwrap_or(argument);
        let argument = argument.strip_prefix("**").unwrap_or(argument);
        let form = if in_capitals { Form::Sure } else { Form::Vague { in_capitals } };
        return Some((directive, argument, form));
    }
    let form = Form::Vague { in_capitals };
    if let Some(inner) = behind.strip_prefix('(')
        && let Some(inner) = inner.trim_end_matches([';', '.']).strip_suffix(')')
    {
        return Some((directive, inner, form)).filter(|_| in_capitals);
    }
    let is_spaced = behind.starts_with(char::is_whitespace) && in_capitals && !behind.trim().is_empty();
    is_spaced.then_some((directive, behind, form))
}

/// `<READ>path</READ>` or `<read path="path"/>`, given what is behind the first sign.
fn tagged(tag: &str) -> Option<(Directive, &str, Form)> {
    let end = tag.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tag.len());
    let (_, directive) = *WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&tag[..end]))?;
    let form = Form::Vague { in_capitals: true };
    let behind = &tag[end..];
    if let Some(inner) = behind.strip_prefix('>') {
        return Some((directive, inner.split_once("</").map_or(inner, |(inner, _)| inner), form));
    }
    let (_, value) = behind.split_once('=')?;
    let value = value.trim_end_matches('>').trim_end_matches('/').trim();
    Some((directive, value, form))
}

/// Whether a line asks for what it names, and does not only begin with the word.
fn is_meant(
    directive: Directive,
    argument: &str,
    form: Form,
    requests: &[Request],
    paths: &Paths<'_>,
) -> bool {
    let is_word = |text: &str| !text.contains(char::is_whitespace);
    match (directive, form) {
        (Directive::Read, Form::Sure) => requests.iter().any(|request| {
            request.is_of(paths) || matches!(request, Request::Read { path, .. } if is_likely_path(path))
        }),
        (Directive::Read, Form::Vague { .. }) => is_plain(argument, paths),
        (Directive::Find, Form::Sure) => true,
        (Directive::Find, Form::Vague { .. }) => find::is_quoted(argument, paths),
        (Directive::Define | Directive::Uses, form) => requests.iter().all(|request| match request {
            Request::Define(name) | Request::Uses(name) => {
                is_word(name) && (form != Form::Vague { in_capitals: false } || is_code(argument, name))
            }
            _ => false,
        }),
        (Directive::List, form) => requests.iter().all(|request| match request {
            Request::List(folder) if folder.is_empty() => form == Form::Sure || is_top(argument),
            Request::List(folder) => paths.has_folder(folder) || (form == Form::Sure && is_word(folder)),
            _ => false,
        }),
        _ => false,
    }
}

/// Whether there is nothing but paths of the tree, and notes behind them.
fn is_plain(argument: &str, paths: &Paths<'_>) -> bool {
    let scan = read::scan(argument, paths);
    scan.is_plain && !scan.requests.is_empty() && scan.requests.iter().all(|request| request.is_of(paths))
}

fn is_top(argument: &str) -> bool {
    matches!(argument.trim().trim_matches(['`', '"']), "/" | "." | "./" | "*" | "**")
}

/// Whether a name can be no word of a sentence.
fn is_code(argument: &str, name: &str) -> bool {
    argument.trim().starts_with('`')
        || argument.trim().ends_with("()")
        || name.contains(['_', ':', '.'])
        || name.chars().skip(1).any(char::is_uppercase)
}

/// What stands in a list below a request that names nothing itself.
pub(in crate::protocol) fn below(directive: Directive, lines: &[&str], paths: &Paths<'_>) -> Vec<Request> {
    let mut found = Vec::new();
    let mut fence: Option<Fence<'_>> = None;
    for line in lines.iter().take(MAX_BELOW).filter(|line| line.len() <= MAX_LINE) {
        if line.trim().is_empty() {
            continue;
        }
        if let Some(next) = Fence::of(line) {
            if fence.is_some() || !found.is_empty() {
                break;
            }
            fence = Some(next);
            continue;
        }
        let Bare { text, is_listed, .. } = bare(line);
        if Marker::of(line).is_some() || Directive::of(line).is_some() || worded(text).is_some() {
            break;
        }
        let is_marked = is_listed || fence.is_some() || text.starts_with('`');
        let requests = of(directive, text, paths);
        let is_item = match directive {
            Directive::Read => {
                is_plain(text, paths)
                    || (is_marked
                        && requests.iter().all(|request| {
                            matches!(request, Request::Read { path, .. } if is_likely_path(path))
                        }))
            }
            Directive::Find => is_marked || find::is_quoted(text, paths),
            Directive::Define | Directive::Uses => {
                name::names(text).iter().all(|name| !name.contains(char::is_whitespace))
                    && (is_marked || !text.trim().contains(char::is_whitespace))
            }
            Directive::List => requests.iter().all(|request| {
                matches!(request, Request::List(folder) if paths.has_folder(folder) || (is_marked && text.contains('/') && !folder.is_empty()))
            }),
            _ => false,
        };
        if !is_item || requests.is_empty() {
            break;
        }
        found.extend(requests);
    }
    found
}

/// The paths that lines of a text name which have nothing else in them.
pub(in crate::protocol) fn bare_paths(text: &str, paths: &Paths<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| line.len() <= MAX_LINE) {
        let text = bare(line).text;
        let texts = [line.trim(), text];
        if let Some(exact) = texts.into_iter().find(|text| paths.has(text)) {
            found.push(exact.to_owned());
        } else if !text.is_empty() && is_plain(text, paths) {
            found.extend(read::scan(text, paths).requests.into_iter().filter_map(|request| match request {
                Request::Read { path, .. } => Some(path),
                _ => None,
            }));
        }
    }
    found
}

/// Whether a request stands in the middle of a sentence.
pub(in crate::protocol) fn is_mentioned(line: &str) -> bool {
    WORDS.iter().any(|(word, _)| {
        line.match_indices(word).any(|(at, _)| {
            let rest = &line[at + word.len()..];
            rest.strip_prefix(':')
                .is_some_and(|rest| rest.len() > rest.trim_start().len() && !rest.trim().is_empty())
                && !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}

/// `Solved:` and `Cannot:` in whatever letter case, and what is behind it.
pub(in crate::protocol) fn reason(line: &str) -> Option<(Directive, &str)> {
    let Bare { text, is_quoted: false, is_listed: false } = bare(line) else { return None };
    let (word, behind) = text.split_once(':')?;
    let directive = match word.trim().trim_matches(['*', '_']) {
        word if word.eq_ignore_ascii_case("SOLVED") => Directive::Solved,
        word if word.eq_ignore_ascii_case("CANNOT") => Directive::Cannot,
        _ => return None,
    };
    Some((directive, behind))
}
