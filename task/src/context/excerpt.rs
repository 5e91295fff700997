//! An *excerpt* is the part of a large file that is shown: its top, and the definitions that matter most for the
//! issue with their surroundings, as ranges of lines.

use super::features::Corpus;
use super::query::Query;
use super::stats::{Field, field};
use super::tokens;
use crate::parser::Definition;

/// The lines at the top that are always shown: imports and the first comment.
const TOP_LINES: usize = 15;
/// Code outside of definitions, and long definitions, are cut into pieces of this many lines.
const PIECE_LINES: usize = 60;
/// Ranges that are this close are shown as one.
const GAP_LINES: usize = 3;
/// What a line number adds, in tokens.
const NUMBER_TOKENS: u32 = 3;

/// Ranges of lines, 1-based, both ends included, ascending, and their tokens; empty when not even the best piece
/// fits into `budget`.
pub(super) fn choose(
    text: &str,
    outline: &[Definition],
    query: &Query,
    corpus: &Corpus,
    budget: u32,
) -> (Vec<(usize, usize)>, u32) {
    let lines: Vec<&str> = text.lines().collect();
    let cost = |(first, last): (usize, usize)| -> u32 {
        lines[first - 1..last].iter().map(|line| tokens::estimate(line) + 1 + NUMBER_TOKENS).sum()
    };
    let mut pieces: Vec<(f32, (usize, usize))> = pieces(outline, lines.len())
        .into_iter()
        .map(|(first, last)| {
            let words: Field = field(&lines[first - 1..last].join("\n"), query);
            let named = outline
                .iter()
                .filter(|definition| definition.lines.0 == first)
                .map(|definition| corpus.passage(&field(&definition.signature, query)));
            (corpus.passage(&words) + named.sum::<f32>(), (first, last))
        })
        .collect();
    pieces.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut shown = vec![false; lines.len() + 1];
    let mut spent = 0;
    let top = (1, TOP_LINES.min(lines.len()));
    for range in pieces
        .iter()
        .filter(|(score, _)| *score > 0.0)
        .map(|(_, range)| *range)
        .take(1)
        .chain([top])
        .chain(pieces.iter().filter(|(score, _)| *score > 0.0).map(|(_, range)| *range).skip(1))
    {
        let headers = enclosing(outline, range);
        let wanted: Vec<(usize, usize)> = std::iter::once(range).chain(headers).collect();
        let new: u32 = wanted.iter().map(|range| cost(*range)).sum();
        if spent + new > budget {
            continue;
        }
        for (first, last) in wanted {
            for (line, shown) in shown.iter_mut().enumerate().take(last + 1).skip(first) {
                if !*shown {
                    *shown = true;
                    spent += cost((line, line));
                }
            }
        }
    }
    (ranges(&shown), spent)
}

/// The lines that open the definitions around a range.
fn enclosing(outline: &[Definition], (first, last): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    outline
        .iter()
        .filter(move |definition| definition.lines.0 < first && definition.lines.1 >= last)
        .map(|definition| (definition.lines.0, definition.lines.0))
}

/// Cuts a file into pieces that cover every line once: innermost definitions, and what is between them.
fn pieces(outline: &[Definition], lines: usize) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let mut next = 1;
    let cut = |first: usize, last: usize, pieces: &mut Vec<(usize, usize)>| {
        let mut first = first;
        while first <= last {
            let end = last.min(first + PIECE_LINES - 1);
            pieces.push((first, end));
            first = end + 1;
        }
    };
    for (at, definition) in outline.iter().enumerate() {
        let (first, last) = definition.lines;
        let holds_more =
            outline.get(at + 1).is_some_and(|inner| inner.lines.0 <= last && inner.depth > definition.depth);
        if holds_more || first < next {
            continue;
        }
        cut(next, first - 1, &mut pieces);
        cut(first, last, &mut pieces);
        next = last + 1;
    }
    cut(next, lines, &mut pieces);
    pieces
}

/// The shown lines as ranges, small gaps closed.
fn ranges(shown: &[bool]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (line, _) in shown.iter().enumerate().filter(|(_, shown)| **shown) {
        match ranges.last_mut() {
            Some((_, last)) if line <= *last + 1 + GAP_LINES => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    ranges
}
