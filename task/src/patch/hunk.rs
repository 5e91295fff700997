//! A *hunk* is a run of lines of SEARCH and the lines of REPLACE in their place; an *alignment* says which lines of the file
//! SEARCH stands for.

use std::ops::Range;

use similar::DiffOp;

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

    /// Whether these lines of SEARCH are those of the file.
    pub(super) fn is_same(&self, lines: &Range<usize>) -> bool {
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
