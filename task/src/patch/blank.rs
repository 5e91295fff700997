//! The merge for a SEARCH whose blank lines are not those of the file.
//!
//! The change is taken apart at the full lines that SEARCH and REPLACE have in common. Between two of them the blank
//! lines may disagree: either the model overlooked some in both halves, and the file's stay, or in SEARCH alone, and
//! REPLACE has them. Where the two cannot be told apart there is no result.

use std::ops::Range;

use super::adapt::Adapter;
use super::form::{indentation, is_blank};
use super::hunk::{Hunk, copies};
use super::listing::borrowed;
use super::merge::Stuck;
use super::text::{Splice, Text};

/// What declarations, their comments and their attributes begin with, in common languages.
const DECLARATIONS: [&str; 36] = [
    "#",
    "#[",
    "/*",
    "/**",
    "//",
    "///",
    "@",
    "abstract",
    "async",
    "class",
    "def",
    "enum",
    "export",
    "final",
    "fn",
    "fun",
    "func",
    "function",
    "impl",
    "interface",
    "internal",
    "macro_rules",
    "mod",
    "namespace",
    "override",
    "pub",
    "private",
    "protected",
    "public",
    "static",
    "struct",
    "template",
    "trait",
    "type",
    "union",
    "unsafe",
];

/// What stands between two common full lines: blank lines, full lines and what is between these, blank lines.
struct Between<'a> {
    lines: &'a [&'a str],
    /// Full lines and all between them.
    core: Range<usize>,
}

/// Carries the change over to the file, given the lines of the file that the full lines of SEARCH stand for.
pub(super) fn merge(
    text: &Text<'_>,
    search: &[&str],
    replace: &[&str],
    places: &[usize],
    adapter: &Adapter<'_>,
) -> Result<Vec<Splice>, Stuck> {
    let (full_search, full_replace) = (full(search), full(replace));
    let dense = |lines: &[&str], full: &[usize]| -> Vec<String> {
        full.iter().map(|at| lines[*at].to_owned()).collect()
    };
    let pairs = copies(&borrowed(&dense(search, &full_search)), &borrowed(&dense(replace, &full_replace)));
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return Err(Stuck::Differs) };
    let mut splices = Vec::new();
    // Starts of what is between, in SEARCH, REPLACE and the file.
    let mut start = (0, 0, *first);
    let bounds = pairs.iter().map(|(at, opposite)| (full_search[*at], full_replace[*opposite], places[*at]));
    for end in bounds.chain([(search.len(), replace.len(), last + 1)]) {
        let hunk = Hunk { old: start.0..end.0, new: start.1..end.1 };
        let range = start.2..end.2;
        if search[hunk.old.clone()] != replace[hunk.new.clone()] {
            let lines = settle(text, search, replace, &hunk, &range, adapter)?;
            splices.push(Splice { range, lines }.without_common_ends(text));
        }
        start = (end.0 + 1, end.1 + 1, end.2 + 1);
    }
    splices.retain(|splice| !splice.is_idle(text));
    Ok(splices)
}

/// What shall stand in the given range of the file.
fn settle(
    text: &Text<'_>,
    search: &[&str],
    replace: &[&str],
    hunk: &Hunk,
    range: &Range<usize>,
    adapter: &Adapter<'_>,
) -> Result<Vec<String>, Stuck> {
    let old = Between::new(&search[hunk.old.clone()]);
    let new = Between::new(&replace[hunk.new.clone()]);
    let ours = Between::new(&text.lines()[range.clone()]);
    if old.core.len() != ours.core.len() || !old.is_blank_like(&ours) {
        return Err(Stuck::Differs);
    }
    let (before, after) = if old.core.is_empty() && !new.core.is_empty() {
        around_inserted(text, &old, &new, &ours, range)
    } else if new.core.is_empty() {
        left_of_deleted(&old, &new, &ours).map(|count| (count, 0))
    } else {
        let end = |old: usize, new: usize, ours: usize| match (old == ours, new == old || new == ours) {
            (true, _) => Some(new),
            (false, true) => Some(ours),
            (false, false) => None,
        };
        end(old.head(), new.head(), ours.head()).zip(end(old.tail(), new.tail(), ours.tail()))
    }
    .ok_or(Stuck::Differs)?;
    let blank = |lines: &[&str], count: usize| -> Vec<String> {
        (0..count).map(|at| lines.get(at).copied().unwrap_or_default().to_owned()).collect()
    };
    let mut lines = blank(&ours.lines[..ours.head()], before);
    for at in new.core.clone() {
        lines.push(adapter.line(hunk.new.start + at, hunk).ok_or(Stuck::Indentation)?);
    }
    lines.extend(blank(&ours.lines[ours.core.end..], after));
    Ok(lines)
}

/// Blank lines before and after new lines where SEARCH has blank lines at most, but not as many as the file.
fn around_inserted(
    text: &Text<'_>,
    old: &Between<'_>,
    new: &Between<'_>,
    ours: &Between<'_>,
    range: &Range<usize>,
) -> Option<(usize, usize)> {
    let (seen, there) = (old.lines.len(), ours.lines.len());
    let (head, tail) = (new.head(), new.tail());
    if seen == there || (head == there && tail == there) {
        return Some((head, tail));
    }
    let above = range.start.checked_sub(1).map(|line| text.lines()[line]);
    let below = text.lines().get(range.end).copied();
    let lines = (new.lines[new.core.start], new.lines[new.core.end - 1]);
    match (head, tail) {
        // A distance that neither has but by an oversight in both halves.
        (head, tail) if seen > 0 && head == seen && tail == there => Some((there, there)),
        (head, tail) if seen > 0 && tail == seen && head == there => Some((there, there)),
        // REPLACE has the file's distance on one side. On the other it has none: new lines that go with their
        // neighbor, or another oversight. Only the second can be told for sure.
        (0, tail) if tail == there => match nearer((lines.0, above), (lines.0, below)) {
            Some(Side::Below) => Some((there, there)),
            None if above.is_some_and(|above| closes_block_of(above, lines.0)) => Some((there, there)),
            _ => None,
        },
        (head, 0) if head == there => match nearer((lines.1, above), (lines.1, below)) {
            Some(Side::Above) => Some((there, there)),
            _ => None,
        },
        (0, 0) => match nearer((lines.0, above), (lines.1, below))? {
            Side::Above => Some((0, there)),
            Side::Below => Some((there, 0)),
        },
        _ => None,
    }
}

/// Blank lines that stay where all else between two lines goes.
fn left_of_deleted(old: &Between<'_>, new: &Between<'_>, ours: &Between<'_>) -> Option<usize> {
    let shown = new.lines.len();
    if old.core.is_empty() {
        // Nothing goes but blank lines, of which SEARCH has another number than the file.
        let (seen, there) = (old.lines.len(), ours.lines.len());
        return if seen == there { Some(shown) } else { (shown == seen || shown == there).then_some(there) };
    }
    let missing = (ours.head() + ours.tail()).checked_sub(old.head() + old.tail())?;
    let usual = |count: usize| count == ours.head() || count == ours.tail();
    match (missing, usual(shown), usual(shown + missing)) {
        (0, _, _) | (_, true, false) => Some(shown),
        (_, false, true) => Some(shown + missing),
        _ => None,
    }
}

impl<'a> Between<'a> {
    fn new(lines: &'a [&'a str]) -> Self {
        let full = full(lines);
        let core = match (full.first(), full.last()) {
            (Some(first), Some(last)) => *first..last + 1,
            _ => lines.len()..lines.len(),
        };
        Self { lines, core }
    }

    /// Blank lines before the first full one, or all.
    fn head(&self) -> usize {
        self.core.start
    }

    /// Blank lines after the last full one.
    fn tail(&self) -> usize {
        self.lines.len() - self.core.end
    }

    /// Whether blank lines stand between the same full lines.
    fn is_blank_like(&self, other: &Self) -> bool {
        let core = |between: &Self| -> Vec<bool> {
            between.lines[between.core.clone()].iter().map(|line| is_blank(line)).collect()
        };
        core(self) == core(other)
    }
}

enum Side {
    Above,
    Below,
}

/// The neighbor that a new line is clearly more like.
fn nearer(to_above: (&str, Option<&str>), to_below: (&str, Option<&str>)) -> Option<Side> {
    let above = to_above.1.map_or(0, |line| likeness(to_above.0, line));
    let below = to_below.1.map_or(0, |line| likeness(to_below.0, line));
    // Half as much again, so that a word in common by chance does not decide.
    if above > 1 && 2 * above >= 3 * below {
        Some(Side::Above)
    } else if below > 1 && 2 * below >= 3 * above {
        Some(Side::Below)
    } else {
        None
    }
}

/// Whether a line ends a block beside which another begins.
fn closes_block_of(line: &str, next: &str) -> bool {
    let closes = line.trim().trim_end_matches([',', ';', ')', ']', '}']);
    indentation(line) == indentation(next) && matches!(closes, "" | "end" | "fi" | "done" | "esac")
}

/// How many characters two equally indented lines begin with alike, at least two if both declare something.
fn likeness(one: &str, other: &str) -> usize {
    if indentation(one) != indentation(other) {
        return 0;
    }
    let declares = |line: &str| DECLARATIONS.contains(&beginning(line));
    let common = one.trim_start().chars().zip(other.trim_start().chars()).take_while(|(a, b)| a == b).count();
    if declares(one) && declares(other) { common.max(2) } else { common }
}

/// The word or the sign that a line begins with.
fn beginning(line: &str) -> &str {
    let line = line.trim_start();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let of_words = line.starts_with(word);
    let end = line.find(|c: char| c.is_whitespace() || word(c) != of_words).unwrap_or(line.len());
    &line[..end]
}

/// The numbers of the lines that are not blank.
pub(super) fn full(lines: &[&str]) -> Vec<usize> {
    (0..lines.len()).filter(|at| !is_blank(lines[*at])).collect()
}
