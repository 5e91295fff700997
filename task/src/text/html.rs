//! Tags and comments in a run of HTML, as a browser's parser finds them (HTML Standard, section 13.2.5, shortened).

use std::ops::Range;

use super::rendered;

/// What a run of HTML holds in addition to text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A comment, a declaration, a processing instruction.
    Comment,
    Open {
        name: &'a str,
        /// Whether an attribute hides the element.
        hides: bool,
    },
    Close {
        name: &'a str,
    },
    /// A tag or comment that does not end here: a browser goes on looking for its end.
    Unfinished,
}

/// The pieces in order.
pub(super) fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(step) = html[at..].find('<') {
        let start = at + step;
        let Some((end, kind)) = piece(html, start) else {
            at = start + 1;
            continue;
        };
        pieces.push(Piece { range: start..end, kind });
        at = end;
    }
    pieces
}

/// The piece that starts with the `<` at `start`; `None` if the `<` is text.
fn piece(html: &str, start: usize) -> Option<(usize, Kind<'_>)> {
    let rest = &html[start..];
    let unfinished = || Some((html.len(), Kind::Unfinished));
    if let Some(inside) = rest.strip_prefix("<!--") {
        // `<!-->` and `<!--->` are whole comments.
        if inside.starts_with('>') {
            return Some((start + 5, Kind::Comment));
        }
        if inside.starts_with("->") {
            return Some((start + 6, Kind::Comment));
        }
        let end = comment_end(inside).map(|end| html.len() - inside.len() + end);
        return end.map(|end| (end, Kind::Comment)).or_else(unfinished);
    }
    let closes = rest.starts_with("</");
    let name_at = start + 1 + usize::from(closes);
    let first = html[name_at..].chars().next()?;
    if matches!(first, '!' | '?') && !closes || closes && !first.is_ascii_alphabetic() && first != '>' {
        return rest.find('>').map(|end| (start + end + 1, Kind::Comment)).or_else(unfinished);
    }
    if !first.is_ascii_alphabetic() {
        return None;
    }
    let name_end = html[name_at..]
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
        .map_or(html.len(), |length| name_at + length);
    let name = &html[name_at..name_end];
    let Some((end, hides)) = attributes(html, name_end) else { return unfinished() };
    let kind = if closes { Kind::Close { name } } else { Kind::Open { name, hides } };
    Some((end, kind))
}

/// Where a comment ends whose text begins here: behind `-->` or `--!>`.
fn comment_end(inside: &str) -> Option<usize> {
    dash_runs(inside).find_map(|run| {
        let after = &inside[run.end..];
        let rest = after.strip_prefix('>').or_else(|| after.strip_prefix("!>"))?;
        Some(inside.len() - rest.len())
    })
}

/// Runs of two hyphens and more, apart from each other.
pub(super) fn dash_runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find("--")?;
        at = text.len() - text[start..].trim_start_matches('-').len();
        Some(start..at)
    })
}

/// The end of the tag, and whether an attribute hides the element.
fn attributes(html: &str, mut at: usize) -> Option<(usize, bool)> {
    let bytes = html.as_bytes();
    let mut hides = false;
    let skip_space = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    loop {
        at = skip_space(at);
        match bytes.get(at)? {
            b'>' => return Some((at + 1, hides)),
            b'/' => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let name_at = at;
        // A `=` that starts a name belongs to it.
        at += 1;
        while bytes.get(at).is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>' | b'=')) {
            at += 1;
        }
        let name = bytes.get(name_at..at)?;
        let mut value: &[u8] = &[];
        if bytes.get(skip_space(at)) == Some(&b'=') {
            at = skip_space(skip_space(at) + 1);
            let value_at = at;
            let first = *bytes.get(at)?;
            if matches!(first, b'"' | b'\'') {
                at += 1 + bytes[at + 1..].iter().position(|b| *b == first)?;
                value = &bytes[value_at + 1..at];
                at += 1;
            } else {
                while bytes.get(at).is_some_and(|b| !b.is_ascii_whitespace() && *b != b'>') {
                    at += 1;
                }
                value = &bytes[value_at..at];
            }
        }
        let style = || String::from_utf8_lossy(value).to_ascii_lowercase().replace(' ', "");
        hides |= name.eq_ignore_ascii_case(b"hidden")
            || name.eq_ignore_ascii_case(b"lang")
                && rendered::drawn(&String::from_utf8_lossy(value)).is_some()
            || name.eq_ignore_ascii_case(b"style")
                && ["display:none", "visibility:hidden", "font-size:0", "opacity:0"]
                    .iter()
                    .any(|hiding| style().contains(hiding));
    }
}

/// Whether no browser shows what is inside such an element, or GitHub takes it away.
pub(super) fn is_never_shown(name: &str) -> bool {
    [
        "script", "style", "template", "iframe", "noembed", "noframes", "noscript", "title", "textarea",
        "xmp", "svg", "math", "object", "audio", "video", "select", "datalist", "head",
    ]
    .iter()
    .any(|hidden| hidden.eq_ignore_ascii_case(name))
}

/// Whether GitHub lets the element through and a browser shows something else than its text: nothing where it can draw a
/// ruby (`rp`), the letters from right to left (`bdo`).
pub(super) fn veils(name: &str) -> bool {
    ["rp", "bdo"].iter().any(|veil| veil.eq_ignore_ascii_case(name))
}

/// Elements whose text is smaller than that around them, three quarters of it in most.
pub(super) const SMALL: [&str; 8] = ["sub", "sup", "small", "code", "tt", "samp", "kbd", "rt"];

/// So many of them within each other can be read; the text of the next one has less than half the height.
pub(super) const MAX_SMALL: usize = 2;

/// What a tag leaves behind: white space where a browser starts a new line or cell, a word for an image, and a word
/// around what is struck out, which says the opposite of what it says.
pub(super) fn trace(name: &str) -> &'static str {
    let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is(&["img", "image", "picture"]) {
        IMAGE
    } else if is(&["del", "s", "strike"]) {
        STRUCK_OUT
    } else if is(&[
        "br",
        "p",
        "div",
        "li",
        "tr",
        "td",
        "th",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "summary",
        "details",
        "ul",
        "ol",
        "table",
        "blockquote",
        "pre",
        "dd",
        "dt",
        "section",
    ]) {
        " "
    } else {
        ""
    }
}

/// What stands around a text that is struck out.
pub(super) const STRUCK_OUT: &str = " (struck out) ";
/// What stands for an image. The space keeps it from becoming the target of brackets before it.
pub(super) const IMAGE: &str = " (image)";
