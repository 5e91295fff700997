//! A *closer* look at a file that may be among the best: what it defines, its best passage, and the literal text
//! that the issue quotes from it.

use memchr::memmem;

use super::features::Corpus;
use super::query::Query;
use super::role::Role;
use super::stats::{Closer, Counts, Field};
use super::term::{self, NameHash};
use crate::language::Language;
use crate::parser::{Definition, Parsers, Unparsed};
use crate::path::RepoPath;

/// A passage in lines; the next begins half as far down. Functions are about this long.
const PASSAGE_LINES: usize = 40;

pub(super) fn look(
    parsers: &Parsers,
    path: &RepoPath,
    role: Role,
    text: &str,
    query: &Query,
    corpus: &Corpus,
) -> Closer {
    // Parsing is most of the work, and what a test defines is for itself.
    let outline = if role == Role::Test { Ok(Vec::new()) } else { outline_of(parsers, path, text) };
    let (outline, unparsed) = match outline {
        Ok(outline) => (outline, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let mut defines: Vec<u16> = outline
        .iter()
        .filter_map(|definition| {
            // The last term is the whole name, or its only part.
            let mut number = None;
            term::scan(&definition.name, |hash, _, _| number = query.table.get(hash));
            number
        })
        .collect();
    defines.sort_unstable();
    defines.dedup();
    let phrases = (0_u16..)
        .zip(&query.phrases)
        .filter(|(_, phrase)| memmem::find(text.as_bytes(), phrase.as_bytes()).is_some())
        .map(|(number, _)| number)
        .collect();
    let mut names: Vec<NameHash> =
        outline.iter().filter_map(|definition| term::name(&definition.name)).collect();
    names.sort_unstable();
    names.dedup();
    let uses = term::names(text);
    let lines = terms_of_lines(text, query);
    Closer {
        pairs: pairs(text, query),
        best_definition: best_definition(&outline, &lines, corpus),
        outline,
        unparsed,
        defines,
        names,
        uses,
        passage: best_passage(&lines, PASSAGE_LINES, |passage| corpus.passage(passage)),
        long_passage: best_passage(&lines, 3 * PASSAGE_LINES, |passage| corpus.passage(passage)),
        title_passage: best_passage(&lines, PASSAGE_LINES, |passage| corpus.title_passage(passage)),
        phrases,
    }
}

/// The outline of a file in the language that its path says.
pub(super) fn outline_of(
    parsers: &Parsers,
    path: &RepoPath,
    text: &str,
) -> Result<Vec<Definition>, Unparsed> {
    let Some(language) = Language::of(path) else { return Ok(Vec::new()) };
    parsers.outline(language, text).inspect_err(|why| tracing::warn!(%path, %why, "a file has no outline"))
}

/// The terms of each line, by number.
fn terms_of_lines(text: &str, query: &Query) -> Vec<Vec<u16>> {
    let terms = |line| {
        let mut terms = Vec::new();
        term::scan(line, |hash, _, _| terms.extend(query.table.get(hash)));
        terms
    };
    text.lines().map(terms).collect()
}

/// The highest score of all passages of `length` lines.
fn best_passage(lines: &[Vec<u16>], length: usize, score: impl Fn(&Field) -> f32) -> f32 {
    let mut best = 0.0_f32;
    for first in (0..lines.len()).step_by(length / 2) {
        let end = (first + length).min(lines.len());
        let mut terms = lines[first..end].concat();
        terms.sort_unstable();
        best = best.max(score(&Field { counts: counts(&terms), length: 0 }));
        if end == lines.len() {
            break;
        }
    }
    best
}

/// The highest score of all definitions.
fn best_definition(outline: &[Definition], lines: &[Vec<u16>], corpus: &Corpus) -> f32 {
    let score = |definition: &Definition| {
        let (first, last) = definition.lines;
        let mut terms = lines.get(first - 1..last)?.concat();
        terms.sort_unstable();
        Some(corpus.definition(&counts(&terms), last + 1 - first))
    };
    outline.iter().filter_map(score).fold(0.0, f32::max)
}

/// How often each of `terms` occurs, which are ascending.
fn counts(terms: &[u16]) -> Counts {
    let same = terms.chunk_by(|a, b| a == b);
    same.map(|same| (same[0], u16::try_from(same.len()).unwrap_or(u16::MAX))).collect()
}

/// The pairs of the query that stand side by side.
fn pairs(text: &str, query: &Query) -> Field {
    let mut found = Vec::new();
    let mut last = None;
    let length = term::scan(text, |hash, extent, _| {
        if extent == term::Extent::Whole {
            return;
        }
        let number = query.table.get(hash);
        if let (Some(last), Some(number)) = (last, number) {
            found.extend(query.pairs.get((last, number)));
        }
        last = number;
    });
    found.sort_unstable();
    Field { counts: counts(&found), length }
}
