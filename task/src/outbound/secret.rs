//! A *secret* is a text that opens something: one that this program was given, in whatever encoding, or one with the
//! look of a token.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

use crate::path::RepoPath;

/// What stands where a secret stood.
pub(crate) const REDACTED: &str = "[redacted]";
/// Shorter secrets, in bytes, are no secrets: striking them out would tell where they are.
const MIN_SECRET: usize = 6;
/// Shorter pieces of an encoding, in bytes, are found in ordinary text.
const MIN_ENCODED: usize = 8;
/// Letters and digits that a secret must have to be looked for in pieces.
const MIN_SQUEEZED: usize = 16;

/// A file that would publish a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of {path} holds {kind}")]
pub struct Leak {
    pub path: RepoPath,
    /// 1-based.
    pub line: usize,
    /// What it is, not which.
    pub kind: &'static str,
}

/// The secrets to look for.
pub(super) struct Secrets {
    /// Each secret in each encoding.
    needles: Vec<String>,
    /// Letters and digits of each secret, in their order.
    squeezed: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.squeezed.len())
    }
}

const KNOWN: &str = "a secret of this program";

impl Secrets {
    pub(super) fn new(secrets: &[SecretString]) -> Self {
        let mut needles: Vec<String> = Vec::new();
        let mut squeezed = Vec::new();
        for secret in secrets {
            let secret = secret.expose_secret().trim();
            squeezed.push(squeeze(secret));
            // Of a key of several lines, a line that is posted alone is one too many.
            for part in
                std::iter::once(secret).chain(secret.lines().map(str::trim).filter(|line| line.len() > 15))
            {
                if part.len() >= MIN_SECRET && !part.starts_with("-----") {
                    needles.extend(encodings(part));
                }
            }
        }
        squeezed.retain(|secret| secret.len() >= MIN_SQUEEZED);
        // The longest first: a piece must not break the whole.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        needles.dedup();
        Self { needles, squeezed }
    }

    /// The text without its secrets.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // What is left on both sides of a secret can be one more, once.
        for _ in 0..3 {
            let places = self.places(&text);
            if places.is_empty() {
                break;
            }
            text = struck_out(&text, places);
        }
        text
    }

    /// Where secrets stand, apart from each other.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        apart(self.find(text))
    }

    /// Where secrets stand, by their start; they can overlap.
    fn find(&self, text: &str) -> Vec<(Range<usize>, &'static str)> {
        let mut found = tokens(text);
        for needle in &self.needles {
            found.extend(text.match_indices(needle).map(|(at, _)| (at..at + needle.len(), KNOWN)));
        }
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        found
    }

    /// Looks at the lines of `new` that `old` does not have.
    pub(super) fn scan(&self, path: &RepoPath, old: &str, new: &str) -> Result<(), Leak> {
        let leak = |line, kind| Err(Leak { path: path.clone(), line, kind });
        let known: HashSet<&str> = old.lines().collect();
        let mut block = String::new();
        let mut block_start = 1;
        let mut all = String::new();
        let mut first = None;
        for (index, line) in new.lines().map(Some).chain([None]).enumerate() {
            if let Some(line) = line.filter(|line| !known.contains(line)) {
                if block.is_empty() {
                    block_start = index + 1;
                }
                first = first.or(Some(index + 1));
                block.push_str(line);
                block.push('\n');
                continue;
            }
            if let Some((range, kind)) = self.find(&block).first() {
                let before = block[..range.start].matches('\n').count();
                return leak(block_start + before, kind);
            }
            all.push_str(&block);
            block.clear();
        }
        let all = squeeze(&all);
        let in_pieces = self.squeezed.iter().any(|secret| all.contains(secret.as_str()));
        match first {
            Some(line) if in_pieces => leak(line, "a secret of this program, in pieces"),
            _ => Ok(()),
        }
    }
}

/// The text with [`REDACTED`] in these places, which are in order and apart.
fn struck_out(text: &str, places: Vec<Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for place in places {
        out.push_str(&text[at..place.start]);
        out.push_str(REDACTED);
        at = place.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The places of what was found, in order, those that overlap joined.
fn apart(mut found: Vec<(Range<usize>, &'static str)>) -> Vec<Range<usize>> {
    found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut places: Vec<Range<usize>> = Vec::new();
    for (range, _) in found {
        match places.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => places.push(range),
        }
    }
    places
}

fn squeeze(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A secret as it is and as it would be hidden with the means at hand.
fn encodings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex = shared::hex::text(bytes);
    let percent = |upper: bool, keep: fn(u8) -> bool| -> String {
        let digit =
            |n: u8| char::from_digit(n.into(), 16).map(|c| if upper { c.to_ascii_uppercase() } else { c });
        let mut out = String::new();
        for b in bytes {
            if keep(*b) {
                out.push(char::from(*b));
            } else {
                out.push('%');
                out.extend(digit(b >> 4));
                out.extend(digit(b & 15));
            }
        }
        out
    };
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let mut all = vec![
        secret.chars().rev().collect(),
        hex.to_ascii_uppercase(),
        hex,
        percent(true, unreserved),
        percent(false, unreserved),
        percent(true, |b| b.is_ascii_alphanumeric()),
        percent(false, |b| b.is_ascii_alphanumeric()),
        percent(true, |_| false),
        percent(false, |_| false),
    ];
    for lead in 0..3_usize {
        // The characters that depend on the secret alone, wherever it starts in the bytes that were encoded.
        let mut padded = vec![0_u8; lead];
        padded.extend_from_slice(bytes);
        let start = (lead * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            all.extend(encoded.get(start..end).map(str::to_owned));
        }
    }
    all.retain(|encoded: &String| encoded.len() >= MIN_ENCODED);
    all.push(secret.to_owned());
    all
}

/// What a token looks like: how it starts, how many characters follow at least, and which.
struct Shape {
    prefix: &'static str,
    least: usize,
    also: &'static str,
    /// Whether a longer word with this in it is none.
    bounded: bool,
    kind: &'static str,
}

const fn shape(prefix: &'static str, least: usize, also: &'static str, kind: &'static str) -> Shape {
    Shape { prefix, least, also, bounded: false, kind }
}

const fn word(prefix: &'static str, least: usize, also: &'static str, kind: &'static str) -> Shape {
    Shape { prefix, least, also, bounded: true, kind }
}

/// From the issuers' documentation, as GitHub lists them under "Supported secret scanning patterns".
const SHAPES: [Shape; 33] = [
    shape("ghp_", 20, "_", "a token of GitHub"),
    shape("gho_", 20, "_", "a token of GitHub"),
    shape("ghu_", 20, "_", "a token of GitHub"),
    shape("ghs_", 20, "_", "a token of GitHub"),
    shape("ghr_", 20, "_", "a token of GitHub"),
    shape("github_pat_", 20, "_", "a token of GitHub"),
    shape("sk-ant-", 16, "-_", "a key of Anthropic"),
    shape("sk-proj-", 20, "-_", "a key of OpenAI"),
    shape("sk-svcacct-", 20, "-_", "a key of OpenAI"),
    word("sk-", 40, "", "a key with the prefix sk-"),
    word("AKIA", 16, "", "a key of AWS"),
    word("ASIA", 16, "", "a key of AWS"),
    shape("xoxb-", 10, "-", "a token of Slack"),
    shape("xoxp-", 10, "-", "a token of Slack"),
    shape("xoxa-", 10, "-", "a token of Slack"),
    shape("xoxr-", 10, "-", "a token of Slack"),
    shape("xoxs-", 10, "-", "a token of Slack"),
    shape("xoxe-", 10, "-", "a token of Slack"),
    shape("xapp-", 10, "-", "a token of Slack"),
    shape("hooks.slack.com/services/", 20, "/", "a web hook of Slack"),
    shape("glpat-", 20, "-_.", "a token of GitLab"),
    word("AIza", 35, "-_", "a key of Google"),
    shape("ya29.", 20, "-_", "a token of Google"),
    word("npm_", 36, "", "a token of npm"),
    shape("pypi-AgE", 40, "-_", "a token of PyPI"),
    word("hf_", 30, "", "a token of Hugging Face"),
    shape("dop_v1_", 40, "", "a token of DigitalOcean"),
    shape("sk_live_", 16, "", "a key of Stripe"),
    shape("rk_live_", 16, "", "a key of Stripe"),
    word("SG.", 40, "-_.", "a key of SendGrid"),
    shape("shpat_", 30, "", "a token of Shopify"),
    shape("dckr_pat_", 20, "-_", "a token of Docker"),
    shape("AccountKey=", 40, "+/=", "a key of Azure"),
];

/// A text without what has the look of a token, a key or a password in an address.
pub(crate) fn without_tokens(text: &str) -> Cow<'_, str> {
    let places = apart(tokens(text));
    if places.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(struck_out(text, places)) }
}

/// Where that stands, apart from each other.
pub(crate) fn token_places(text: &str) -> Vec<Range<usize>> {
    apart(tokens(text))
}

/// The same text without it, in as many lines: what is cut out of a file afterwards holds no part of it, and has its
/// number.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    let places = token_places(text);
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for place in places {
        out.push_str(&text[at..place.start]);
        out.push_str(REDACTED);
        out.extend(text[place.clone()].chars().filter(|c| *c == '\n'));
        at = place.end;
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

/// In which lines that is, from 1, and what it is.
pub(crate) fn tokens_by_line(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = tokens(text);
    found.sort_by_key(|(range, _)| range.start);
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let mut lines: Vec<_> = found.into_iter().map(|(range, kind)| (line(range.start), kind)).collect();
    lines.dedup();
    lines
}

fn is_token_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

/// What has the look of a token, a key or a password in an address.
fn tokens(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for shape in &SHAPES {
        let mut at = 0;
        while let Some(start) = text[at..].find(shape.prefix).map(|step| at + step) {
            let tail = start + shape.prefix.len();
            let inside = |b: &u8| b.is_ascii_alphanumeric() || shape.also.as_bytes().contains(b);
            let end = tail + bytes[tail..].iter().take_while(|b| inside(b)).count();
            let joined = start > 0 && is_token_char(bytes[start - 1]);
            if end - tail >= shape.least && !(shape.bounded && joined) {
                found.push((start..end, shape.kind));
                at = end;
            } else {
                at = if shape.bounded { end } else { tail };
            }
        }
    }
    json_web_tokens(text, &mut found);
    private_keys(text, &mut found);
    passwords(text, &mut found);
    found
}

/// Three parts with dots between, the first two the start of a JSON object in Base64.
fn json_web_tokens(text: &str, found: &mut Vec<(Range<usize>, &'static str)>) {
    let bytes = text.as_bytes();
    let part =
        |from: usize| from + bytes[from.min(bytes.len())..].iter().take_while(|b| is_token_char(**b)).count();
    let mut at = 0;
    while let Some(start) = text[at..].find("eyJ").map(|step| at + step) {
        let first = part(start);
        at = first;
        if start > 0 && is_token_char(bytes[start - 1]) || bytes.get(first) != Some(&b'.') {
            continue;
        }
        let second = part(first + 1);
        if text[first + 1..].starts_with("eyJ") && bytes.get(second) == Some(&b'.') && second - first > 8 {
            at = part(second + 1);
            found.push((start..at, "a JSON web token"));
        }
    }
}

fn private_keys(text: &str, found: &mut Vec<(Range<usize>, &'static str)>) {
    let mut at = 0;
    while let Some(start) = text[at..].find("-----BEGIN ").map(|step| at + step) {
        let line: String = text[start..].chars().take(80).take_while(|c| *c != '\n').collect();
        at = start + 1;
        if line.contains("PRIVATE KEY") {
            let end = text[start..].find("-----END ").map(|step| start + step);
            at = end.map_or(text.len(), |end| end + text[end..].lines().next().map_or(0, str::len));
            found.push((start..at, "a private key"));
        }
    }
}

/// `https://user:password@host`
fn passwords(text: &str, found: &mut Vec<(Range<usize>, &'static str)>) {
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let length = text[start..]
            .bytes()
            .take(300)
            .take_while(|b| !b.is_ascii_whitespace() && !b"/<>\"'`".contains(b))
            .count();
        let authority = &text.as_bytes()[start..start + length];
        let Some(end) = authority.iter().rposition(|b| *b == b'@') else { continue };
        let user = &text.as_bytes()[start..start + end];
        if user.contains(&b':') && user != REDACTED.as_bytes() {
            found.push((start..start + end, "a password in an address"));
        }
    }
}
