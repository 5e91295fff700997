//! The change from SEARCH to REPLACE, carried over to the place in the file that SEARCH was aligned with.
//!
//! This is a three-way merge whose base is SEARCH: lines that the model only copied stay as the file has them, to the
//! byte; lines that it wrote are adapted to the file. Where the file differs from SEARCH inside a change there is no
//! result.

use std::ops::Range;

use similar::DiffOp;

use super::adapt::Adapter;
use super::text::{Splice, Text};
use crate::line_diff::line_diff;

/// Pairs of lines up to which a change is split into its smallest parts; a larger one is taken whole.
const MAX_PAIRS: usize = 4_000_000;

/// The lines of the file that the lines of a SEARCH stand for, one by one.
pub(super) struct Alignment {
    /// The line of the file that the first line of SEARCH stands for.
    pub(super) start: usize,
    pub(super) lines: Vec<Match>,
}

/// How a line of SEARCH is like the line of the file that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// The same, as far as the form goes.
    Same,
    Similar,
}

/// Why a change could not be carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The file differs where the change is.
    Differs,
    /// How far the new lines are to be indented cannot be told.
    Indentation,
}

/// Lines of the base that are replaced by lines of the new text.
pub(super) struct Hunk {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

impl Alignment {
    pub(super) fn same(start: usize, length: usize) -> Self {
        Self { start, lines: vec![Match::Same; length] }
    }

    /// The place in the file.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.lines.len()
    }

    fn is_same(&self, lines: &Range<usize>) -> bool {
        self.lines[lines.clone()].iter().all(|line| *line == Match::Same)
    }
}

/// The smallest changes that turn `old` into `new`.
pub(super) fn hunks(old: &[&str], new: &[&str]) -> Vec<Hunk> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let (old_middle, new_middle) = (&old[head..old_end], &new[head..new_end]);
    if old_middle.is_empty() && new_middle.is_empty() {
        return Vec::new();
    }
    if old_middle.len().saturating_mul(new_middle.len()) > MAX_PAIRS {
        return vec![Hunk { old: head..old_end, new: head..new_end }];
    }
    line_diff(old_middle, new_middle).iter().filter(|op| !matches!(op, DiffOp::Equal { .. })).fold(
        Vec::new(),
        |mut hunks: Vec<Hunk>, op| {
            let (old, new) = (op.old_range(), op.new_range());
            let (old, new) = (old.start + head..old.end + head, new.start + head..new.end + head);
            match hunks.last_mut() {
                Some(last) if last.old.end == old.start && last.new.end == new.start => {
                    last.old.end = old.end;
                    last.new.end = new.end;
                }
                _ => hunks.push(Hunk { old, new }),
            }
            hunks
        },
    )
}

/// The pairs of lines that `old` and `new` have in common.
pub(super) fn copies(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut at, mut opposite) = (0, 0);
    for hunk in hunks(old, new) {
        pairs.extend((at..hunk.old.start).zip(opposite..hunk.new.start));
        (at, opposite) = (hunk.old.end, hunk.new.end);
    }
    pairs.extend((at..old.len()).zip(opposite..new.len()));
    pairs
}

/// Carries the change from `search` to `replace` over to the file, whose lines are all aligned with `search`.
pub(super) fn merge(
    text: &Text<'_>,
    search: &[&str],
    replace: &[&str],
    alignment: &Alignment,
    adapter: &Adapter<'_>,
) -> Result<Vec<Splice>, Stuck> {
    let mut splices = Vec::new();
    for hunk in hunks(search, replace) {
        let new = hunk
            .new
            .clone()
            .map(|line| adapter.line(line, &hunk).ok_or(Stuck::Indentation))
            .collect::<Result<Vec<_>, _>>()?;
        let start = alignment.start + hunk.old.start;
        let whole = Splice { range: start..start + hunk.old.len(), lines: new };
        if alignment.is_same(&hunk.old) {
            splices.push(whole);
            continue;
        }
        // What the new lines have in common with the file needs no decision; the rest must be what the model saw.
        let least = whole.without_common_ends(text);
        let rest = least.range.start - alignment.start..least.range.end - alignment.start;
        if !alignment.is_same(&rest) {
            return Err(Stuck::Differs);
        }
        splices.push(least);
    }
    splices.retain(|splice| !splice.is_idle(text));
    Ok(splices)
}
