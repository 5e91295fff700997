//! The merge of one file by lines. Where the two sides changed the same lines, or lines that touch, is a [`Conflict`];
//! everything else follows from the three texts.

use std::ops::Range;

use gix::diff::blob::{Algorithm, InternedInput, diff_with_slider_heuristics};

/// A stretch of a merged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// What both sides agree on, or one of them alone has changed.
    Merged(Vec<u8>),
    Conflict(Conflict),
}

/// Lines that both sides have changed, each in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub base: Vec<u8>,
    pub ours: Vec<u8>,
    pub theirs: Vec<u8>,
}

impl Conflict {
    /// Lines of both sides together.
    pub fn lines(&self) -> usize {
        lines(&self.ours).len() + lines(&self.theirs).len()
    }
}

/// Lines with their ends.
pub(super) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Lines of the base, and those of a side in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hunk {
    base: Range<usize>,
    side: Range<usize>,
}

/// Merges what two sides made of a base.
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Vec<Part> {
    let (base, ours, theirs) = (lines(base), lines(ours), lines(theirs));
    let our_hunks = hunks(&base, &ours);
    let their_hunks = hunks(&base, &theirs);
    let mut parts = Parts::default();
    let (mut our_hunks, mut their_hunks) = (our_hunks.as_slice(), their_hunks.as_slice());
    let mut at = Place::default();
    while let Some(region) = Region::next(&mut our_hunks, &mut their_hunks) {
        parts.push_merged(&base[at.base..region.base.start]);
        let our_lines = &ours[at.in_ours(&region)];
        let their_lines = &theirs[at.in_theirs(&region)];
        let base_lines = &base[region.base.clone()];
        at.pass(&region);
        if region.theirs == Side::Same || our_lines == their_lines {
            parts.push_merged(our_lines);
        } else if region.ours == Side::Same {
            parts.push_merged(their_lines);
        } else {
            parts.push_conflict(base_lines, our_lines, their_lines);
        }
    }
    parts.push_merged(&base[at.base..]);
    parts.all
}

/// How one side is changed within a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Same,
    Changed,
}

/// Lines of the base that one or both sides have changed, as far as their changes overlap or touch.
struct Region {
    base: Range<usize>,
    ours: Side,
    theirs: Side,
    /// How many lines more than the base each side has within it.
    grown: (isize, isize),
}

impl Region {
    /// Takes the next region off the changes of both sides.
    fn next(ours: &mut &[Hunk], theirs: &mut &[Hunk]) -> Option<Self> {
        let starts = [ours.first(), theirs.first()].map(|hunk| hunk.map(|hunk| hunk.base.clone()));
        let first = starts.into_iter().flatten().min_by_key(|range| (range.start, range.end))?;
        let mut region =
            Self { base: first.start..first.start, ours: Side::Same, theirs: Side::Same, grown: (0, 0) };
        loop {
            let mine = take(ours, &mut region.base);
            let other = take(theirs, &mut region.base);
            if let Some(grown) = mine {
                region.ours = Side::Changed;
                region.grown.0 += grown;
            }
            if let Some(grown) = other {
                region.theirs = Side::Changed;
                region.grown.1 += grown;
            }
            if mine.is_none() && other.is_none() {
                return Some(region);
            }
        }
    }
}

/// Takes the next change if it overlaps or touches the region, which grows by it. Returns how many lines it adds.
fn take(hunks: &mut &[Hunk], region: &mut Range<usize>) -> Option<isize> {
    let (hunk, rest) = hunks.split_first()?;
    if hunk.base.start > region.end {
        return None;
    }
    *hunks = rest;
    region.start = region.start.min(hunk.base.start);
    region.end = region.end.max(hunk.base.end);
    Some(hunk.side.len().cast_signed() - hunk.base.len().cast_signed())
}

/// How far the three texts are read.
#[derive(Default)]
struct Place {
    base: usize,
    ours: usize,
    theirs: usize,
}

impl Place {
    fn in_ours(&self, region: &Region) -> Range<usize> {
        within(self.ours, self.base, &region.base, region.grown.0)
    }

    fn in_theirs(&self, region: &Region) -> Range<usize> {
        within(self.theirs, self.base, &region.base, region.grown.1)
    }

    fn pass(&mut self, region: &Region) {
        (self.ours, self.theirs) = (self.in_ours(region).end, self.in_theirs(region).end);
        self.base = region.base.end;
    }
}

/// The lines of a side that stand for a region of the base, where the two are at `side` and `base` and agree up to the region.
fn within(side: usize, base: usize, region: &Range<usize>, grown: isize) -> Range<usize> {
    let start = side + (region.start - base);
    start..(start + region.len()).saturating_add_signed(grown)
}

#[derive(Default)]
struct Parts {
    all: Vec<Part>,
}

impl Parts {
    fn push_merged(&mut self, lines: &[&[u8]]) {
        if lines.is_empty() {
            return;
        }
        match self.all.last_mut() {
            Some(Part::Merged(text)) => lines.iter().for_each(|line| text.extend_from_slice(line)),
            _ => self.all.push(Part::Merged(lines.concat())),
        }
    }

    /// What both sides begin or end with is no conflict.
    fn push_conflict(&mut self, base: &[&[u8]], ours: &[&[u8]], theirs: &[&[u8]]) {
        let head = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        let rest = ours[head..].iter().rev().zip(theirs[head..].iter().rev());
        let tail = rest.take_while(|(a, b)| a == b).count();
        self.push_merged(&ours[..head]);
        self.all.push(Part::Conflict(Conflict {
            base: base.concat(),
            ours: ours[head..ours.len() - tail].concat(),
            theirs: theirs[head..theirs.len() - tail].concat(),
        }));
        self.push_merged(&ours[ours.len() - tail..]);
    }
}

fn hunks(base: &[&[u8]], side: &[&[u8]]) -> Vec<Hunk> {
    let mut input: InternedInput<&[u8]> = InternedInput::default();
    input.update_before(base.iter().copied());
    input.update_after(side.iter().copied());
    let diff = diff_with_slider_heuristics(Algorithm::Histogram, &input);
    let range = |range: Range<u32>| range.start as usize..range.end as usize;
    diff.hunks().map(|hunk| Hunk { base: range(hunk.before), side: range(hunk.after) }).collect()
}

#[cfg(test)]
mod tests;
