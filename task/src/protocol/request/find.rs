//! What a line `FIND: …` asks for: texts or regular expressions, quoted or not, and where in the tree.
//!
//! ` in …` counts where something of the tree, or a pattern, stands behind it. Else it is a part of the text.

use super::{MAX_PARTS, Pattern, Request, note};
use crate::protocol::decoration::unquoted;
use crate::protocol::marker;
use crate::protocol::paths::Paths;

/// Bytes of a line that are taken apart. A longer one is a text, and too long to be looked for.
const MAX_LINE: usize = 800;
/// Signs around what is looked for.
const SIGNS: [char; 4] = ['/', '`', '"', '\''];
/// What models call the whole tree.
const EVERYWHERE: [&str; 9] = ["", ".", "*", "**", "**/*", "all files", "everywhere", "repo", "repository"];

/// Reads what stands behind the colon of `FIND:`.
pub(super) fn find(behind: &str, paths: &Paths<'_>) -> Vec<Request> {
    let text = unbold(behind.trim()).unwrap_or_else(|| marker::argument(behind));
    let text = unbold(text).unwrap_or(text);
    if text.is_empty() {
        return Vec::new();
    }
    if text.len() <= MAX_LINE {
        if let Some(found) = quoted(text, paths) {
            return found;
        }
        // What stands behind a text in back ticks is none of it, also where it cannot be understood.
        if let Some((inner, rest)) = text.strip_prefix('`').and_then(|inner| inner.split_once('`'))
            && rest.starts_with(char::is_whitespace)
            && let Some(found) = list(&text[..inner.len() + 2], paths)
        {
            return found;
        }
        return vec![plain(text, paths)];
    }
    vec![Request::Find { what: Pattern::Text(text.to_owned()), within: None }]
}

/// What is inside of the bold type around a text.
fn unbold(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("**")?.strip_suffix("**")?;
    (!inner.is_empty() && !inner.contains("**")).then_some(inner)
}

/// Whether all that is looked for is in quotation marks, or is a regular expression.
pub(super) fn is_quoted(behind: &str, paths: &Paths<'_>) -> bool {
    let text = marker::argument(behind);
    text.len() <= MAX_LINE && quoted(text, paths).is_some()
}

/// Texts in quotation marks and regular expressions, with commas between.
fn quoted(text: &str, paths: &Paths<'_>) -> Option<Vec<Request>> {
    // A place or slashes inside of back ticks around all of it.
    if let Some(inner) = unquoted(text).filter(|_| text.starts_with('`'))
        && inner.starts_with(SIGNS)
        && !inner.contains('`')
        && let Some(found) = list(inner, paths)
    {
        return Some(found);
    }
    let labels = ["text ", "string ", "regex ", "regexp ", "pattern ", "r"];
    let unlabelled = labels.iter().filter_map(|label| text.strip_prefix(label));
    let mut found =
        list(text, paths).or_else(|| unlabelled.map(str::trim_start).find_map(|text| list(text, paths)))?;
    if text.starts_with("r\"")
        || text.starts_with("r'")
        || text.starts_with("reg")
        || text.starts_with("pattern ")
    {
        for request in &mut found {
            if let Request::Find { what, .. } = request
                && let Pattern::Text(text) = what
            {
                *what = Pattern::Regex { text: std::mem::take(text), ignores_case: false };
            }
        }
    }
    Some(found)
}

fn list(text: &str, paths: &Paths<'_>) -> Option<Vec<Request>> {
    let mut found = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest
        && found.len() < MAX_PARTS
    {
        let sign = text.chars().next().filter(|sign| SIGNS.contains(sign))?;
        let inner = &text[1..];
        // The first sign behind which the rest makes sense closes it.
        let (what, tail) = inner.match_indices(sign).map(|(at, _)| at).find_map(|at| {
            let is_escaped = sign == '/' && inner[..at].ends_with('\\') && !inner[..at].ends_with("\\\\");
            // `"a" + "b"` is code, with two texts in quotation marks.
            let has_ends = sign != '/'
                && inner[..at]
                    .match_indices(sign)
                    .any(|(end, _)| inner[end + 1..at].starts_with(char::is_whitespace));
            if at == 0 || is_escaped || has_ends {
                return None;
            }
            Some((&inner[..at], tail(&inner[at + 1..], sign, paths)?))
        })?;
        let what = if sign == '/' {
            regex(what, tail.flags)
        } else {
            slashed(what).unwrap_or_else(|| Pattern::Text(what.to_owned()))
        };
        found.push(Request::Find { what, within: tail.within });
        rest = tail.next;
    }
    Some(found)
}

/// A regular expression with what stands behind its last slash.
fn regex(text: &str, flags: &str) -> Pattern {
    let kept: String = flags.chars().filter(|flag| matches!(flag, 's' | 'x' | 'U')).collect();
    let text = if kept.is_empty() { text.to_owned() } else { format!("(?{kept}){text}") };
    Pattern::Regex { text, ignores_case: flags.contains('i') }
}

/// A regular expression inside of quotation marks.
fn slashed(text: &str) -> Option<Pattern> {
    let inner = text.strip_prefix('/')?;
    let (what, flags) = inner.rsplit_once('/')?;
    (!what.is_empty() && (flags.is_empty() || is_flags(flags))).then(|| regex(what, flags))
}

fn is_flags(text: &str) -> bool {
    (1..=6).contains(&text.len())
        && text.chars().all(|c| "gimsuxyU".contains(c))
        && text.char_indices().all(|(at, c)| !text[..at].contains(c))
}

/// What stands behind a closing sign.
#[derive(Default)]
struct Tail<'t> {
    flags: &'t str,
    within: Option<String>,
    /// What else is looked for.
    next: Option<&'t str>,
}

fn tail<'t>(rest: &'t str, sign: char, paths: &Paths<'_>) -> Option<Tail<'t>> {
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let flags = Some(&rest[..end]).filter(|flags| sign == '/' && is_flags(flags)).unwrap_or("");
    let behind = &rest[flags.len()..];
    let text = behind.trim_start();
    if text.trim_end_matches(['.', ',', ';']).is_empty() {
        return Some(Tail { flags, ..Tail::default() });
    }
    if let Some(next) = next_of(behind) {
        return Some(Tail { flags, next: Some(next), ..Tail::default() });
    }
    let is_apart = text.len() < behind.len();
    // In back ticks and between slashes a text is one for certain; `"x" in y` may be code.
    let is_certain = matches!(sign, '/' | '`');
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    if let Some(written) = inner.strip_prefix("in ").filter(|_| is_apart) {
        if let Some(place) = place(written, is_certain, paths) {
            return Some(Tail { flags, within: place.within(), next: None });
        }
        // What else is looked for stands behind the place.
        let parted = written.match_indices([',', ';', ' ']).map(|(at, _)| at).find_map(|at| {
            let next = next_of(&written[at..])?;
            Some((place(&written[..at], is_certain, paths)?, next))
        });
        let (place, next) = parted?;
        return Some(Tail { flags, within: place.within(), next: Some(next) });
    }
    let is_note = is_apart
        && !text.contains(sign)
        && (note::begins(text) || note::behind_parentheses(text).is_some_and(|rest| rest.trim().is_empty()));
    is_note.then(|| Tail { flags, ..Tail::default() })
}

/// The next of several, if a sign that begins one stands behind a comma or a word such as "and".
fn next_of(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let rest = text.strip_prefix([',', ';', '|', '&']).map_or(text, str::trim_start);
    let rest = ["and ", "or ", "AND ", "OR "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
        .unwrap_or(rest)
        .trim_start();
    (rest.len() < text.len() && rest.starts_with(SIGNS) && rest.len() > 2).then_some(rest)
}

/// A text without quotation marks, and perhaps a place behind it.
fn plain(text: &str, paths: &Paths<'_>) -> Request {
    let text = text.trim();
    let places = || text.match_indices(" in ").map(|(at, word)| (&text[..at], &text[at + word.len()..]));
    let bracketed = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (in "));
    // The first place that is one is the longest.
    let known = bracketed.into_iter().chain(places()).filter(|(what, _)| !what.trim().is_empty());
    let parted =
        known.take(MAX_PARTS).find_map(|(what, written)| Some((what, place(written, false, paths)?)));
    let (what, place) = parted.unwrap_or((text, Place::Everywhere));
    let what = note::stripped(what.trim());
    Request::Find { what: Pattern::Text(what.to_owned()), within: place.within() }
}

/// Where is looked.
enum Place {
    Everywhere,
    /// Patterns, with commas between.
    Within(String),
}

impl Place {
    fn within(self) -> Option<String> {
        match self {
            Self::Everywhere => None,
            Self::Within(patterns) => Some(patterns),
        }
    }
}

/// What stands behind ` in `; `None` where that is no place.
fn place(written: &str, is_certain: bool, paths: &Paths<'_>) -> Option<Place> {
    let text = note::stripped(written.trim());
    let text = unquoted(text).unwrap_or(text);
    if let Some(known) = of_tree(text, paths) {
        return Some(Place::Within(known));
    }
    let mut parts: Vec<String> = Vec::new();
    for item in items(text) {
        let item = bare(item);
        if item.trim_matches('/').is_empty() || EVERYWHERE.contains(&item.trim_end_matches('/')) {
            return Some(Place::Everywhere);
        }
        parts.push(of_tree(item, paths).or_else(|| pattern(item, is_certain, paths))?);
    }
    (!parts.is_empty()).then(|| Place::Within(parts.join(", ")))
}

/// The parts of a list of places.
fn items(text: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' | ';' if depth == 0 => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&text[start..]);
    let words = |item: &'_ str| -> bool { item.contains(char::is_whitespace) };
    let mut all: Vec<&str> = Vec::new();
    for item in items.into_iter().map(str::trim).filter(|item| !item.is_empty()) {
        let parts: Vec<&str> =
            item.split(" and ").flat_map(|part| part.split(" or ")).map(str::trim).collect();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let part = part.strip_prefix("and ").or_else(|| part.strip_prefix("or ")).unwrap_or(part);
            // `*.md *.txt`
            let is_list = words(part) && part.split_whitespace().all(|word| word.contains(['*', '/']));
            if is_list {
                all.extend(part.split_whitespace());
            } else {
                all.push(part);
            }
        }
    }
    all.truncate(MAX_PARTS);
    all
}

/// Without quotation marks, and the words that say what it is.
fn bare(item: &str) -> &str {
    let mut item = item.trim();
    for word in ["the ", "file ", "files ", "folder ", "directory ", "all "] {
        item = item.strip_prefix(word).unwrap_or(item).trim_start();
    }
    for word in [" folder", " directory", " files", " file"] {
        item = item.strip_suffix(word).unwrap_or(item).trim_end();
    }
    let item = item.trim_matches(['`', '"', '\'']);
    let ends_sentence = item.len() > 1 && !item.ends_with("..") && !item.ends_with("/.");
    let item = if ends_sentence { item.strip_suffix('.').unwrap_or(item) } else { item };
    item.strip_prefix("./").unwrap_or(item)
}

/// A file or a folder of the tree, or the name of a file, as a pattern that means nothing else.
fn of_tree(text: &str, paths: &Paths<'_>) -> Option<String> {
    let rooted = text.trim_start_matches('/');
    let rooted = rooted.strip_prefix("./").unwrap_or(rooted);
    let folder = rooted.trim_end_matches('/');
    // The search parts patterns at white space and commas.
    let is_odd = |text: &str| text.contains(|c: char| c.is_whitespace() || ",{}[]*?\\".contains(c));
    let literal = |text: &str| -> String {
        text.chars().map(|c| if c.is_whitespace() || ",{}[]*?\\".contains(c) { '?' } else { c }).collect()
    };
    if paths.has(rooted) || (!rooted.contains('/') && paths.has_name(rooted)) {
        return Some(literal(rooted));
    }
    if !folder.is_empty() && paths.has_folder(folder) {
        return Some(if is_odd(folder) { format!("{}/**", literal(folder)) } else { rooted.to_owned() });
    }
    // Lines of a file.
    let (path, lines) = rooted.rsplit_once(':')?;
    let is_lines = lines.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'L'));
    (is_lines && paths.has(path)).then(|| literal(path))
}

/// What can be nothing but a pattern of paths.
fn pattern(text: &str, is_certain: bool, paths: &Paths<'_>) -> Option<String> {
    if text.is_empty() || text.contains(char::is_whitespace) || text.contains(['"', '\'', '`', '(', ')']) {
        return None;
    }
    let stars = text.trim_start_matches('*');
    // `*args` is code.
    let is_code = stars.len() < text.len() && !stars.contains(['.', '/', '*', '{']);
    let first = text.split('/').next().unwrap_or("");
    let is_extension = text.len() > 1
        && text.len() < 10
        && text.strip_prefix('.').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if is_extension {
        return Some(format!("*{text}"));
    }
    let is_pattern = (text.contains('*') && !is_code)
        || text.ends_with('/')
        || (text.contains('/') && !first.is_empty() && paths.has_folder(first));
    (is_pattern || is_certain).then(|| text.to_owned())
}
