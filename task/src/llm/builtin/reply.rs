//! The blocks of a reply: for each file, SEARCH/REPLACE pairs of whole lines that stand there once.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Stop;
use super::files::{Change, Source};
use crate::protocol;

/// More places than a person reads through in one pull request.
const MAX_PLACES: usize = 200;

/// The blocks for the changes, files ordered by path.
pub(super) fn blocks(sources: &[Source<'_>], changes: &[Change<'_>]) -> Result<String, Stop> {
    if changes.len() > MAX_PLACES {
        return Err(Stop::Cannot(format!(
            "the change has {} places; more than {MAX_PLACES} are no quick fix",
            changes.len()
        )));
    }
    let mut by_path: BTreeMap<&str, Vec<&Change<'_>>> = BTreeMap::new();
    for change in changes {
        by_path.entry(change.source.as_str()).or_default().push(change);
    }
    let mut reply = String::new();
    for (path, mut changes) in by_path {
        let Some(source) = sources.iter().find(|source| source.path.as_str() == path) else { continue };
        if path.trim() != path || path.starts_with(['`', '<', '#', '*']) || path.contains(": ") {
            return Err(Stop::Cannot(format!("the name of the file `{path}` cannot be written in a reply")));
        }
        changes.sort_by_key(|change| change.range.start);
        changes.dedup();
        if changes.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
            return Err(Stop::Cannot(format!("two of the changes overlap in `{path}`")));
        }
        for (search, replace) in hunks(source.text, &changes) {
            let replace = if replace.is_empty() { String::new() } else { replace + "\n" };
            let Some(block) = protocol::block(path, &(search + "\n"), &replace) else {
                return Err(Stop::Cannot(format!("`{path}` has lines that look like markers of an edit")));
            };
            reply.push('\n');
            reply.push_str(&block);
        }
    }
    Ok(reply)
}

/// Pairs of old and new lines, joined by `\n`, the old ones found once in the text.
fn hunks(text: &str, changes: &[&Change<'_>]) -> Vec<(String, String)> {
    let unix = text.replace("\r\n", "\n");
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let line_of = |at: usize| starts.partition_point(|start| *start <= at) - 1;
    let lines = starts.len() - usize::from(text.ends_with('\n'));
    let slice = |range: &Range<usize>| {
        let end = starts.get(range.end).map_or(text.len(), |start| start - 1);
        let end = if range.end == lines && text.ends_with('\n') { text.len() - 1 } else { end };
        starts[range.start]..end.max(starts[range.start])
    };
    let shown = |range: &Range<usize>| {
        let old = text[slice(range)].replace("\r\n", "\n");
        old.strip_suffix('\r').map_or(old.clone(), str::to_owned)
    };
    let mut spans: Vec<Range<usize>> = Vec::new();
    for change in changes {
        let own = line_of(change.range.start)..line_of(change.range.end) + 1;
        let grown = |before: usize, after: usize| {
            own.start.saturating_sub(before)..(own.end + after).min(lines.max(own.end))
        };
        let unique = |before: usize, after: usize| is_unique(&unix, &shown(&grown(before, after)));
        // Twice as many lines each time, then as few as will do; more lines never make a block less unique.
        let mut enough = 0;
        while !unique(enough, enough) && enough < lines {
            enough = enough * 2 + 1;
        }
        let after = fewest(enough, |after| unique(enough, after));
        let before = fewest(enough, |before| unique(before, after));
        let span = grown(before, after);
        spans.push(span);
    }
    spans.sort_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            // Blocks that touch become one, which is longer and so still found once.
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
        .iter()
        .map(|span| {
            let bytes = slice(span);
            let mut new = String::new();
            let mut at = bytes.start;
            for change in changes.iter().filter(|c| c.range.start >= bytes.start && c.range.end <= bytes.end)
            {
                new.push_str(&text[at..change.range.start]);
                new.push_str(&change.new);
                at = change.range.end;
            }
            new.push_str(&text[at..bytes.end]);
            let new = new.replace("\r\n", "\n");
            (shown(span), new.strip_suffix('\r').map_or(new.clone(), str::to_owned))
        })
        .collect()
}

/// The least number up to `most` that passes a test which all greater numbers pass.
fn fewest(most: usize, passes: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = usize::midpoint(low, high);
        if passes(middle) { high = middle } else { low = middle + 1 }
    }
    high
}

/// Whether a text is found once, wherever in a line.
fn is_unique(text: &str, part: &str) -> bool {
    let Some(first) = text.find(part) else { return false };
    let next = first + text[first..].chars().next().map_or(1, char::len_utf8);
    text.get(next..).is_none_or(|rest| !rest.contains(part))
}
