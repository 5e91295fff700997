//! The *query* is what an issue says, taken apart for ranking: its terms, and what it names outright: paths,
//! identifiers, literal text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::mention::{self, Mention};
use super::stop_words::STOP_WORDS;
use super::term::{self, NameHash, TermHash, TermTable};
use crate::path::RepoPath;
use crate::protocol::Fence;

/// Longest part of an issue that is looked at, in bytes. Of a longer one the first three quarters and the last
/// quarter of the budget are: a log begins with what was done and ends with what failed.
const MAX_BYTES: usize = 64 << 10;
/// Most pairs of neighboring terms, in the order of the issue.
const MAX_PAIRS: usize = 512;
/// Most terms, by frequency in the issue. More are a log or a listing.
const MAX_TERMS: usize = 1024;

/// One term of an issue.
#[derive(Clone, Debug)]
pub(super) struct QueryTerm {
    /// As first spelled, lower-case.
    pub(super) spelling: String,
    /// How often the title has it.
    pub(super) title: u32,
    /// How often title and body have it.
    pub(super) count: u32,
    /// How often they have it outside of code blocks and logs.
    pub(super) prose: u32,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) terms: Vec<QueryTerm>,
    pub(super) table: TermTable,
    /// Path-like words.
    pub(super) mentions: Vec<Mention>,
    /// Words that are spelled like code.
    pub(super) identifiers: BTreeSet<NameHash>,
    /// Quoted or fenced text that may stand in a file literally.
    pub(super) phrases: Vec<String>,
    /// Terms that stand side by side in the issue's words, and what each such pair counts for.
    pub(super) pairs: Pairs,
}

/// The number of each pair of terms, and its weight.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    numbers: HashMap<(u16, u16), u16>,
    pub(super) weights: Vec<f32>,
}

impl Pairs {
    fn add(&mut self, pair: (u16, u16), weight: f32) {
        if self.weights.len() >= MAX_PAIRS {
            return;
        }
        let next = u16::try_from(self.weights.len()).unwrap_or(u16::MAX);
        let number = *self.numbers.entry(pair).or_insert(next);
        if number == next {
            self.weights.push(weight);
        }
    }

    /// The number of a pair, in the order in which the issue has it.
    pub(super) fn get(&self, pair: (u16, u16)) -> Option<u16> {
        self.numbers.get(&pair).copied()
    }
}

impl Query {
    /// The query that an issue poses: `title` is one line, `body` Markdown.
    pub fn new(title: &str, body: &str) -> Self {
        let body = without_comments(&cut(body, MAX_BYTES));
        let (title, body) = telling_title(&cut(title, MAX_BYTES), &body);
        let mut terms: Vec<QueryTerm> = Vec::new();
        let mut hashes: Vec<TermHash> = Vec::new();
        let mut numbers: HashMap<TermHash, usize> = HashMap::new();
        for Line { text, of } in std::iter::once(Line { text: &title, of: Part::Title }).chain(lines(&body)) {
            term::scan(text, |hash, _, lower| {
                let spelling = String::from_utf8_lossy(lower);
                if STOP_WORDS.contains(&spelling.as_ref()) || is_number(&spelling) {
                    return;
                }
                let number = *numbers.entry(hash).or_insert_with(|| {
                    hashes.push(hash);
                    terms.push(QueryTerm { spelling: spelling.into_owned(), title: 0, count: 0, prose: 0 });
                    terms.len() - 1
                });
                let term = &mut terms[number];
                term.count += 1;
                term.title += u32::from(of == Part::Title);
                term.prose += u32::from(of != Part::Code);
            });
        }
        let mut kept: Vec<usize> = (0..terms.len()).collect();
        kept.sort_by_key(|&number| (std::cmp::Reverse((terms[number].title, terms[number].count)), number));
        kept.truncate(MAX_TERMS);
        kept.sort_unstable();
        let table = TermTable::new(kept.iter().map(|&number| hashes[number]));
        let terms = kept.iter().map(|&number| terms[number].clone()).collect();
        let whole = format!("{title}\n{body}");
        let pairs = pairs(&title, &body, &table);
        Self {
            terms,
            table,
            pairs,
            mentions: mention::find(&whole),
            identifiers: identifiers(&whole),
            phrases: phrases(&whole),
        }
    }
}

impl Query {
    /// Whether the issue has the base name of `path`, without its extension, as a term: 1 in the title, less in
    /// the body.
    pub(super) fn names_stem(&self, path: &RepoPath) -> f32 {
        let stem = path.file_name().split('.').next().unwrap_or_default();
        let mut number = None;
        term::scan(stem, |hash, _, _| number = self.table.get(hash));
        match number.map(|number| &self.terms[usize::from(number)]) {
            Some(term) if term.title > 0 => 1.0,
            Some(_) => 0.6,
            None => 0.0,
        }
    }
}

/// The pairs of neighboring terms in title and prose; those of the title count twice.
fn pairs(title: &str, body: &str, table: &TermTable) -> Pairs {
    let mut pairs = Pairs::default();
    let prose = lines(body).filter(|line| line.of != Part::Code).map(|line| (line.text, 1.0));
    for (text, weight) in std::iter::once((title, 2.0)).chain(prose) {
        let mut last = None;
        term::scan(text, |hash, extent, _| {
            if extent == term::Extent::Whole {
                return;
            }
            let number = table.get(hash);
            if let (Some(last), Some(number)) = (last, number)
                && last != number
            {
                pairs.add((last, number), weight);
            }
            last = number;
        });
    }
    pairs
}

/// What a line of an issue is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    Prose,
    Code,
}

struct Line<'a> {
    text: &'a str,
    of: Part,
}

/// The lines of a Markdown body; code is fenced, indented, or typed at a prompt of Python.
fn lines(body: &str) -> impl Iterator<Item = Line<'_>> {
    let mut open: Option<Fence<'_>> = None;
    body.lines().map(move |text| {
        let parts = match (Fence::of(text), open) {
            (Some(fence), None) => {
                open = Some(fence);
                true
            }
            (Some(fence), Some(opened)) if fence.closes(&opened) => {
                open = None;
                true
            }
            // A fence within one of another sign, or of a longer one, is code.
            _ => false,
        };
        let code = open.is_some() || ["    ", "\t", ">>>"].iter().any(|start| text.starts_with(start));
        Line { text: if parts { "" } else { text }, of: if code { Part::Code } else { Part::Prose } }
    })
}

/// Words that head the fields of issue forms.
const FORM_WORDS: &[&str] =
    &["title", "description", "summary", "feature", "request", "report", "bug", "issue"];

/// A title that says nothing, such as "Bug report", gives way to the first line of the body that says something.
fn telling_title(title: &str, body: &str) -> (String, String) {
    let tells = |text: &str| {
        let mut tells = false;
        term::scan(text, |_, _, lower| {
            let word = String::from_utf8_lossy(lower);
            tells |= !STOP_WORDS.contains(&word.as_ref()) && !FORM_WORDS.contains(&word.as_ref());
        });
        tells
    };
    if tells(title) {
        return (title.to_owned(), body.to_owned());
    }
    match body
        .split_inclusive('\n')
        .scan(0, |end, line| {
            *end += line.len();
            Some((*end, line))
        })
        .find(|(_, line)| tells(line))
    {
        Some((end, line)) => (line.to_owned(), format!("{title}\n{}", &body[end..])),
        None => (title.to_owned(), body.to_owned()),
    }
}

/// `text` within `limit` bytes: its beginning and its end.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let (mut head, mut tail) = (limit / 4 * 3, text.len() - limit / 4);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}\n{}", &text[..head], &text[tail..])
}

/// Issue forms explain themselves in HTML comments, which are not what the person wrote.
fn without_comments(body: &str) -> String {
    let mut rest = body;
    let mut kept = String::with_capacity(body.len());
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        let Some((_, after)) = after.split_once("-->") else { return kept };
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The identifiers of `text` that are spelled like code: with an underscore or an inner capital, called,
/// qualified, or alone between back ticks.
fn identifiers(text: &str) -> BTreeSet<NameHash> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = BTreeSet::new();
    let mut rest = text;
    let mut before = "";
    while let Some(start) = rest.find(is_word) {
        before = if start > 0 { &rest[..start] } else { before };
        let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |length| start + length);
        let (word, after) = (&rest[start..end], &rest[end..]);
        rest = after;
        let inner_capital = word
            .bytes()
            .zip(word.bytes().skip(1))
            .any(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
        let qualifies = |text: &str| text.starts_with(is_word);
        if inner_capital
            || word.trim_matches('_').contains('_')
            || after.starts_with('(')
            || before.ends_with("::")
            || (before == "." && !word.is_empty())
            || after.strip_prefix("::").or_else(|| after.strip_prefix('.')).is_some_and(qualifies)
            || (before.ends_with('`') && after.starts_with('`'))
        {
            found.extend(term::name(word));
        }
    }
    found
}

/// Shortest and longest literal text that is searched for, in bytes.
const PHRASE_BYTES: std::ops::RangeInclusive<usize> = 8..=160;
const MAX_PHRASES: usize = 64;

/// What stands between quotation marks or back ticks on one line, and the messages of error lines.
fn phrases(text: &str) -> Vec<String> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |phrase: &str| {
        let phrase = phrase.trim();
        if PHRASE_BYTES.contains(&phrase.len())
            && phrase.contains(|c: char| c.is_alphabetic())
            && phrase.contains(|c: char| !c.is_alphanumeric() && c != '_')
            && !phrase.contains("://")
        {
            let order = found.len();
            found.entry(phrase.to_owned()).or_insert(order);
        }
    };
    for line in text.lines() {
        for quote in ['`', '"', '\''] {
            for span in line.split(quote).skip(1).step_by(2) {
                add(span);
            }
        }
        if let Some((kind, message)) = line.split_once(": ")
            && ["error", "exception", "panic", "warning", "fatal"]
                .iter()
                .any(|word| kind.to_ascii_lowercase().ends_with(word))
        {
            add(message);
        }
    }
    let mut phrases: Vec<(usize, String)> =
        found.into_iter().map(|(phrase, order)| (order, phrase)).collect();
    phrases.sort_unstable();
    phrases.truncate(MAX_PHRASES);
    phrases.into_iter().map(|(_, phrase)| phrase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The terms with their counts in title, whole and prose.
    fn check(title: &str, body: &str, expect: &[(&str, u32, u32, u32)]) {
        let query = Query::new(title, body);
        let found: Vec<_> = query
            .terms
            .iter()
            .map(|term| (term.spelling.as_str(), term.title, term.count, term.prose))
            .collect();
        assert_eq!(found, expect, "{title}");
    }

    #[test]
    fn terms_are_counted_by_where_they_stand() {
        check(
            "Parse headers",
            "The header of 12 lines\n```\nheader parse\n```\n    header\n<!-- fill this in -->\nend",
            &[("parse", 1, 2, 1), ("headers", 1, 4, 2), ("lines", 0, 1, 1), ("end", 0, 1, 1)],
        );
    }

    #[test]
    fn a_fence_within_another_one_ends_no_code() {
        for body in [
            "~~~\n```\nsocket\n```\nclient\n~~~\nheader",
            "````md\n```\nsocket\n```\nclient\n````\nheader",
            "```md\n~~~\nsocket\n~~~\nclient\n```\nheader",
        ] {
            check(
                "Parse",
                body,
                &[("parse", 1, 1, 1), ("socket", 0, 1, 0), ("client", 0, 1, 0), ("header", 0, 1, 1)],
            );
        }
    }

    #[test]
    fn a_title_that_says_nothing_gives_way() {
        let expect: &[(&str, u32, u32, u32)] = &[("cookies", 1, 1, 1), ("title", 0, 1, 1), ("lost", 0, 1, 1)];
        check("## Title:", "\nCookies\nare lost", expect);
        check("", "", &[]);
    }

    #[test]
    fn words_that_are_spelled_like_code_are_identifiers() {
        let found = identifiers(
            "`plain` a snake_case camelCase called(x) mod::path obj.attr ordinary words. Capital",
        );
        let expect: BTreeSet<NameHash> = ["plain", "snake_case", "camelCase", "called", "path", "attr"]
            .into_iter()
            .filter_map(term::name)
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn quoted_and_failing_text_is_a_phrase() {
        assert_eq!(
            phrases(
                "It says \"no such host: x\" and `a.b(c)`, 'word'\nTypeError: bad operand for +\n`https://x.org/a`"
            ),
            ["no such host: x", "bad operand for +"]
        );
    }

    #[test]
    fn a_long_issue_is_cut_in_the_middle() {
        let long = format!("first {} last", "middle é ".repeat(20_000));
        let kept = cut(&long, 1000);
        assert!(kept.len() <= 1001 && kept.starts_with("first ") && kept.ends_with(" last"));
    }

    #[test]
    fn neighbours_in_title_and_prose_are_pairs() {
        let query =
            Query::new("parse_header fails", "The header parser of the\nclient\n```\nclient socket\n```\n");
        let number = |word: &str| {
            let at = query.terms.iter().position(|term| term.spelling == word).unwrap();
            u16::try_from(at).unwrap()
        };
        let pair =
            |a, b| query.pairs.get((number(a), number(b))).map(|at| query.pairs.weights[usize::from(at)]);
        assert_eq!(pair("parse", "header"), Some(2.0));
        assert_eq!(pair("header", "fails"), Some(2.0));
        assert_eq!(pair("header", "parse"), Some(1.0));
        assert_eq!(pair("client", "socket"), None);
        assert_eq!(pair("fails", "parse"), None);
    }
}
