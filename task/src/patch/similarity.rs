//! How alike texts are: for the last strategy of the ladder, and for showing what a SEARCH may have meant.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::form::{Form, is_blank};
use super::text::Text;

/// What a whole block must reach, from the measured ladder: below it, wrong places begin to win.
const LEAST: f64 = 0.92;
/// By how much the best place must beat every other.
const MARGIN: f64 = 0.05;
/// What each line must reach.
const LEAST_LINE: f64 = 0.75;
/// Characters by which a line may differ: more is another line, not a slip.
const MAX_SLIP: usize = 4;
/// Pairs of lines up to which every place is looked at; beyond, only those that share a line with SEARCH.
const MAX_PAIRS: usize = 2_000_000;
/// Occurrences beyond which a line says nothing of the place.
const COMMON: usize = 64;
/// Cells of dynamic programming that one search may fill.
const MAX_CELLS: usize = 20_000_000;
/// Longest differing middle of two lines, in characters, that is compared.
const MAX_MIDDLE: usize = 400;

/// Where SEARCH nearly stands in the file.
pub(super) enum Nearest {
    None,
    /// The first line.
    At(usize),
    /// Two places are about as good; their first lines.
    Several(Vec<usize>),
}

/// The one place where the file is nearly SEARCH, line by line.
pub(super) fn nearest(text: &Text<'_>, search: &[&str]) -> Nearest {
    let file: Vec<String> = text.lines().iter().map(|line| Form::Unindented.of(line).into_owned()).collect();
    let wanted: Vec<String> = search.iter().map(|line| Form::Unindented.of(line).into_owned()).collect();
    if file.len() < wanted.len() || wanted.iter().map(String::len).sum::<usize>() == 0 {
        return Nearest::None;
    }
    let mut comparison = Comparison { file: &file, wanted: &wanted, cells: 0, known: HashMap::new() };
    let mut best: Option<(f64, usize)> = None;
    let mut second: Option<(f64, usize)> = None;
    for start in comparison.candidates() {
        let score = comparison.score(start);
        if comparison.cells > MAX_CELLS {
            return Nearest::None;
        }
        let Some(score) = score else { continue };
        if best.is_none_or(|(most, _)| score > most) {
            second = best;
            best = Some((score, start));
        } else if second.is_none_or(|(most, _)| score > most) {
            second = Some((score, start));
        }
    }
    match (best, second) {
        (Some((score, _)), _) if score < LEAST => Nearest::None,
        (Some((score, start)), Some((next, other))) if next > score - MARGIN => {
            Nearest::Several(vec![start.min(other), start.max(other)])
        }
        (Some((_, start)), _) if comparison.every_line_reaches(start) && comparison.has_slips_only(start) => {
            Nearest::At(start)
        }
        _ => Nearest::None,
    }
}

struct Comparison<'a> {
    file: &'a [String],
    wanted: &'a [String],
    cells: usize,
    /// Likeness of lines that were compared: by line of SEARCH and line of the file.
    known: HashMap<(usize, &'a str), f64>,
}

impl Comparison<'_> {
    fn candidates(&self) -> Vec<usize> {
        let last = self.file.len() - self.wanted.len();
        if self.file.len().saturating_mul(self.wanted.len()) <= MAX_PAIRS {
            return (0..=last).collect();
        }
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, line) in self.file.iter().enumerate() {
            places.entry(line).or_default().push(at);
        }
        let mut starts: Vec<usize> = self
            .wanted
            .iter()
            .enumerate()
            .filter_map(|(offset, line)| places.get(line.as_str()).map(|found| (offset, found)))
            .filter(|(_, found)| found.len() <= COMMON)
            .flat_map(|(offset, found)| found.iter().filter_map(move |at| at.checked_sub(offset)))
            .filter(|start| *start <= last)
            .collect();
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// The likeness of the block at `start`, weighted by the length of lines; `None` if it cannot matter.
    fn score(&mut self, start: usize) -> Option<f64> {
        let (file, wanted) = (self.file, self.wanted);
        let weight = |at: usize| as_f64(wanted[at].len() + file[start + at].len());
        let total: f64 = (0..wanted.len()).map(weight).sum();
        let mut bound = total;
        let needed = total * (LEAST - MARGIN);
        for at in 0..wanted.len() {
            self.cells += 1;
            let (a, b) = (wanted[at].len(), file[start + at].len());
            if a + b > 0 {
                bound -= weight(at) * (1.0 - 2.0 * as_f64(a.min(b)) / as_f64(a + b));
            }
            if bound < needed {
                return None;
            }
        }
        let mut score = 0.0;
        let mut left = total;
        for at in 0..wanted.len() {
            left -= weight(at);
            score += weight(at) * self.likeness(at, start + at);
            if score + left < needed {
                return None;
            }
        }
        Some(score / total)
    }

    fn every_line_reaches(&mut self, start: usize) -> bool {
        (0..self.wanted.len()).all(|at| {
            let (a, b) = (&self.wanted[at], &self.file[start + at]);
            self.likeness(at, start + at) >= LEAST_LINE && differing(a, b) <= MAX_SLIP
        })
    }

    /// Whether no word of SEARCH that the place does not have stands elsewhere in the file: it would not be a slip
    /// of the pen, but the name of another thing.
    fn has_slips_only(&self, start: usize) -> bool {
        let known: HashSet<&str> = self.file.iter().flat_map(|line| words(line)).collect();
        self.wanted.iter().zip(&self.file[start..]).filter(|(a, b)| a != b).all(|(wanted, line)| {
            let there: HashSet<&str> = words(line).collect();
            words(wanted).all(|word| there.contains(word) || !known.contains(word))
        })
    }

    fn likeness(&mut self, wanted: usize, line: usize) -> f64 {
        let (a, b) = (self.wanted[wanted].as_str(), self.file[line].as_str());
        if a == b {
            return 1.0;
        }
        if let Some(known) = self.known.get(&(wanted, b)) {
            return *known;
        }
        let likeness = likeness(a, b, &mut self.cells);
        self.known.insert((wanted, b), likeness);
        likeness
    }
}

/// The characters between what two lines begin and end with alike.
fn differing(a: &str, b: &str) -> usize {
    let head = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().skip(head).collect(), b.chars().skip(head).collect());
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    a.len().max(b.len()) - tail
}

/// Twice the longest common subsequence over the sum of the lengths; less if the lines are too long to compare.
fn likeness(a: &str, b: &str, cells: &mut usize) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (inner_a, inner_b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let mut common = head + tail;
    if inner_a.len() <= MAX_MIDDLE && inner_b.len() <= MAX_MIDDLE {
        *cells += inner_a.len() * inner_b.len();
        let mut row = vec![0_usize; inner_b.len() + 1];
        for a in inner_a {
            let mut diagonal = 0;
            for (at, b) in inner_b.iter().enumerate() {
                let above = row[at + 1];
                row[at + 1] = if a == b { diagonal + 1 } else { above.max(row[at]) };
                diagonal = above;
            }
        }
        common += row[inner_b.len()];
    }
    if a.len() + b.len() == 0 { 1.0 } else { 2.0 * as_f64(common) / as_f64(a.len() + b.len()) }
}

/// The lines of the file that have most words of SEARCH in them; `None` if they have few.
pub(super) fn closest(text: &Text<'_>, search: &[&str]) -> Option<Range<usize>> {
    let mut wanted: HashMap<&str, i64> = HashMap::new();
    for word in search.iter().flat_map(|line| words(line)) {
        *wanted.entry(word).or_default() += 1;
    }
    let total: i64 = wanted.values().sum();
    let height = search.len().min(text.lines().len());
    if total == 0 || height == 0 {
        return None;
    }
    let mut open = wanted;
    let mut shared = 0_i64;
    let mut best = (0_i64, 0_usize);
    for (at, line) in text.lines().iter().enumerate() {
        for word in words(line) {
            if let Some(left) = open.get_mut(word) {
                shared += i64::from(*left > 0);
                *left -= 1;
            }
        }
        if let Some(gone) = at.checked_sub(height) {
            for word in words(text.lines()[gone]) {
                if let Some(left) = open.get_mut(word) {
                    *left += 1;
                    shared -= i64::from(*left > 0);
                }
            }
        }
        // Of equals the one that begins with a full line, so that the window does not hang in blank space.
        let start = (at + 1).saturating_sub(height);
        if shared > best.0 || (shared == best.0 && shared > 0 && is_blank(text.lines()[best.1])) {
            best = (shared, start);
        }
    }
    (best.0 * 3 >= total).then(|| best.1..best.1 + height)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[expect(clippy::cast_precision_loss, reason = "lengths of lines are far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
