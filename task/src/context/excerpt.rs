//! An *excerpt* is the part of a large file that is shown: its top, and the definitions that matter most for the
//! issue with their surroundings, as ranges of lines.

use super::features::Corpus;
use super::query::Query;
use super::stats::{Field, field};
use super::tokens;
use crate::context::read_set::Shown;
use crate::parser::Definition;

/// The lines at the top that are always shown: imports and the first comment.
const TOP_LINES: usize = 15;
/// A definition up to this long is one piece.
const WHOLE_LINES: usize = 120;
/// Code outside of definitions, and longer definitions, are cut into pieces of this many lines.
const PIECE_LINES: usize = 60;
/// Lines that are shown around a piece: an edit needs a place that is its own.
const AROUND_LINES: usize = 5;
/// Ranges that are this close are shown as one.
const GAP_LINES: usize = 6;
/// What a line number adds, in tokens.
const NUMBER_TOKENS: u32 = 3;

/// How much of a file is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What matters for the issue.
    Relevant,
    /// As much as there is room for.
    All,
}

/// A part of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Ranges of lines, 1-based, both ends included, ascending; none of them was shown before.
    pub(super) lines: Vec<(usize, usize)>,
    pub(super) tokens: u32,
}

/// What is chosen from.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) outline: &'a [Definition],
    /// What was shown of it.
    pub(super) shown: Option<&'a Shown>,
}

/// The best part for `budget`; empty when not even the best piece fits.
pub(super) fn choose(
    source: &Source<'_>,
    query: &Query,
    corpus: &Corpus,
    wanted: Wanted,
    budget: u32,
) -> Excerpt {
    let &Source { text, outline, shown } = source;
    let lines: Vec<&str> = text.lines().collect();
    let costs: Vec<u32> = lines.iter().map(|line| tokens::estimate(line) + 1 + NUMBER_TOKENS).collect();
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
    if wanted == Wanted::Relevant {
        pieces.retain(|(score, _)| *score > 0.0);
    }
    let top = (1, TOP_LINES.min(lines.len()));
    let mut order: Vec<(usize, usize)> = pieces.into_iter().map(|(_, piece)| piece).collect();
    order.insert(order.len().min(1), top);
    let mut taken = vec![false; lines.len() + 1];
    let mut spent = 0;
    for (first, last) in order {
        let around = (first.saturating_sub(AROUND_LINES).max(1), (last + AROUND_LINES).min(lines.len()));
        let new: Vec<usize> = std::iter::once(around)
            .chain(enclosing(outline, (first, last)))
            .flat_map(|(first, last)| first..=last)
            .filter(|line| !taken[*line] && !shown.is_some_and(|shown| shown.has(*line)))
            .collect();
        let cost: u32 = new.iter().map(|line| costs[line - 1]).sum();
        if spent + cost <= budget {
            spent += cost;
            for line in new {
                taken[line] = true;
            }
        }
    }
    // What closes a gap costs as well.
    [GAP_LINES, 0]
        .into_iter()
        .map(|gap| {
            let lines = ranges(&taken, shown, gap);
            let tokens = lines.iter().flat_map(|(first, last)| &costs[first - 1..*last]).sum();
            Excerpt { lines, tokens }
        })
        .find(|excerpt| excerpt.tokens <= budget)
        .unwrap_or_default()
}

/// The first of these lines, ascending and apart, that `budget` is enough for, and what they take.
pub(super) fn within(text: &str, wanted: &[(usize, usize)], budget: u32) -> Excerpt {
    let lines: Vec<&str> = text.lines().collect();
    let mut excerpt = Excerpt::default();
    for &(first, last) in wanted {
        let mut end = first - 1;
        for line in &lines[first - 1..last] {
            let cost = tokens::estimate(line) + 1 + NUMBER_TOKENS;
            if excerpt.tokens + cost > budget {
                break;
            }
            excerpt.tokens += cost;
            end += 1;
        }
        if end >= first {
            excerpt.lines.push((first, end));
        }
        if end < last {
            break;
        }
    }
    excerpt
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
        if last - first < WHOLE_LINES {
            pieces.push((first, last));
        } else {
            cut(first, last, &mut pieces);
        }
        next = last + 1;
    }
    cut(next, lines, &mut pieces);
    pieces
}

/// The lines that are taken as ranges; gaps of up to `gap` lines are closed, but not with what was shown before.
fn ranges(taken: &[bool], shown: Option<&Shown>, gap: usize) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (line, _) in taken.iter().enumerate().filter(|(_, taken)| **taken) {
        match ranges.last_mut() {
            Some((_, last))
                if line <= *last + 1 + gap
                    && !(*last + 1..line).any(|line| shown.is_some_and(|shown| shown.has(line))) =>
            {
                *last = line;
            }
            _ => ranges.push((line, line)),
        }
    }
    ranges
}
