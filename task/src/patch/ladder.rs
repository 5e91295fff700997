//! The *ladder*: ways to find a SEARCH in a file, from the letter to the likeness, and the first that finds it once.
//!
//! Each strategy forgives one thing that models do to text they copy. A strategy that finds the text in several places ends
//! the climb: a later, more forgiving one could only pick the wrong place. What a strategy finds is merged with the
//! file, so that being forgiving about the place never means being careless about the text.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::adapt::{self, Adapter};
use super::blank;
use super::elision::{self, Chunk, Split};
use super::form::{Form, indentation, is_blank};
use super::hunk::{Alignment, Match, hunks};
use super::listing;
use super::merge::{Stuck, merge};
use super::similarity::{self, Nearest};
use super::text::{Splice, Text};

/// Hits that are counted, and shown, at most.
const MAX_HITS: usize = 20;
/// Places of the whole lines of a SEARCH that begins and ends within lines, beyond which it is not looked for.
const MAX_CANDIDATES: usize = 1_000;
/// Letters that new text must have to be recognized as already there.
const TELLING: usize = 16;

/// How a block was found to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchStrategy {
    /// To the letter, whole lines.
    Exact,
    TrailingSpace,
    Unicode,
    Indentation,
    Spacing,
    /// To the letter, parts of lines.
    PartOfLine,
    /// Without blank lines before and after.
    BlankEnds,
    /// Without line numbers, HTML entities or diff markers.
    Listing,
    /// In parts, with lines between that were not written out.
    Elision,
    BlankLines,
    /// Nearly.
    Likeness,
}

/// Where a block applies, and what it does there.
pub(super) struct Placed {
    pub(super) strategy: MatchStrategy,
    pub(super) change: Change,
}

pub(super) enum Change {
    Lines(Vec<Splice>),
    /// The new text stands in the file already.
    AlreadyThere,
}

/// Why a block does not apply. Lines are of the file, counted from 0.
pub(super) enum NoMatch {
    Absent,
    Ambiguous {
        strategy: MatchStrategy,
        starts: Vec<usize>,
    },
    /// Found, but the change touches lines that differ from what the model saw.
    Differs(Range<usize>),
    /// Found, but how new lines are to be indented is unclear.
    Indentation(Range<usize>),
    /// REPLACE does not have the elisions of SEARCH.
    Elision,
    /// A part of a line, but new text of another number of lines, or the middle of a word.
    PartOfLine(usize),
}

impl NoMatch {
    fn of(stuck: Stuck, place: Range<usize>) -> Self {
        match stuck {
            Stuck::Differs => Self::Differs(place),
            Stuck::Indentation => Self::Indentation(place),
        }
    }
}

impl MatchStrategy {
    fn of(form: Form) -> Self {
        match form {
            Form::Exact => Self::Exact,
            Form::TrimmedEnd => Self::TrailingSpace,
            Form::Folded => Self::Unicode,
            Form::Unindented => Self::Indentation,
            Form::Collapsed => Self::Spacing,
        }
    }
}

impl fmt::Display for MatchStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::TrailingSpace => "without trailing white space",
            Self::Unicode => "with typographic characters folded",
            Self::Indentation => "re-indented",
            Self::Spacing => "with white space collapsed",
            Self::PartOfLine => "exact, part of a line",
            Self::BlankEnds => "without blank lines at its ends",
            Self::Listing => "without line numbers, entities or diff markers",
            Self::Elision => "in parts around what was left out",
            Self::BlankLines => "without regard to blank lines",
            Self::Likeness => "by likeness",
        })
    }
}

/// Climbs the ladder with one block.
pub(super) fn place(text: &Text<'_>, search: &[&str], replace: &[&str]) -> Result<Placed, NoMatch> {
    for form in Form::ALL {
        // The spaces in front of a diff's lines would pass for indentation.
        if form == Form::Unindented
            && let Some(plain) = listing::of_diff(search, replace)
            && let Some(placed) =
                in_forms(text, &listing::borrowed(&plain.search), &listing::borrowed(&plain.replace))?
        {
            return Ok(Placed { strategy: MatchStrategy::Listing, ..placed });
        }
        if let Some(placed) = at_form(text, form, search, replace)? {
            return Ok(placed);
        }
    }
    if let Some(placed) = in_part_of_line(text, search, replace)? {
        return Ok(placed);
    }
    let trimmed = without_blank_ends(search, replace);
    if let Some((search, replace)) = trimmed
        && let Some(placed) = in_forms(text, search, replace)?
    {
        return Ok(Placed { strategy: MatchStrategy::BlankEnds, ..placed });
    }
    if let Some(placed) = without_listing(text, search, replace)? {
        return Ok(placed);
    }
    let (search, replace) = trimmed.unwrap_or((search, replace));
    if is_already_there(text, search, replace) {
        return Ok(Placed { strategy: MatchStrategy::Exact, change: Change::AlreadyThere });
    }
    if let Some(placed) = in_chunks(text, search, replace)? {
        return Ok(placed);
    }
    if let Some(placed) = without_blank_lines(text, search, replace)? {
        return Ok(placed);
    }
    by_likeness(text, search, replace)
}

/// The first five strategies.
fn in_forms(text: &Text<'_>, search: &[&str], replace: &[&str]) -> Result<Option<Placed>, NoMatch> {
    for form in Form::ALL {
        if let Some(placed) = at_form(text, form, search, replace)? {
            return Ok(Some(placed));
        }
    }
    Ok(None)
}

/// The block without the artefacts of a listing; a reading that matches to the letter takes precedence over all others.
fn without_listing(text: &Text<'_>, search: &[&str], replace: &[&str]) -> Result<Option<Placed>, NoMatch> {
    let readings = listing::readings(search, replace);
    for forms in [&Form::ALL[..1], &Form::ALL[1..]] {
        for plain in &readings {
            let (search, replace) = (listing::borrowed(&plain.search), listing::borrowed(&plain.replace));
            let (search, replace) = without_blank_ends(&search, &replace).unwrap_or((&search, &replace));
            for form in forms {
                if let Some(placed) = at_form(text, *form, search, replace)? {
                    return Ok(Some(Placed { strategy: MatchStrategy::Listing, ..placed }));
                }
            }
        }
    }
    Ok(None)
}

fn at_form(
    text: &Text<'_>,
    form: Form,
    search: &[&str],
    replace: &[&str],
) -> Result<Option<Placed>, NoMatch> {
    let starts = text.find(form, search, MAX_HITS);
    let strategy = MatchStrategy::of(form);
    match starts[..] {
        [] => Ok(None),
        [start] => {
            if repeats_what_follows(text, start, search, replace) {
                return Ok(Some(Placed { strategy, change: Change::AlreadyThere }));
            }
            let splices = merged(text, search, replace, &Alignment::same(start, search.len()), form)?;
            Ok(Some(Placed { strategy, change: Change::Lines(splices) }))
        }
        _ => Err(NoMatch::Ambiguous { strategy, starts }),
    }
}

/// The change at a place whose lines are aligned one by one.
fn merged(
    text: &Text<'_>,
    search: &[&str],
    replace: &[&str],
    alignment: &Alignment,
    form: Form,
) -> Result<Vec<Splice>, NoMatch> {
    let same = |(at, line): (usize, &Match)| (*line == Match::Same).then_some((at, alignment.start + at));
    let pairs: Vec<(usize, usize)> = alignment.lines.iter().enumerate().filter_map(same).collect();
    let search = as_indented(text, search, replace, &pairs);
    let adapter = Adapter::new(text, &search, replace, &pairs, form);
    merge(text, &search, replace, alignment, &adapter).map_err(|stuck| NoMatch::of(stuck, alignment.range()))
}

/// SEARCH, or the lines of the file in its place if REPLACE is indented as they are.
fn as_indented<'a>(
    text: &'a Text<'_>,
    search: &[&'a str],
    replace: &[&str],
    pairs: &[(usize, usize)],
) -> Vec<&'a str> {
    let mut lines = search.to_vec();
    if adapt::is_indented_as_file(text, search, replace, pairs) {
        for (at, line) in pairs {
            lines[*at] = text.lines()[*line];
        }
    }
    lines
}

/// A SEARCH that begins or ends within a line, found once to the letter.
fn in_part_of_line(text: &Text<'_>, search: &[&str], replace: &[&str]) -> Result<Option<Placed>, NoMatch> {
    let ([first, rest @ ..], lines) = (search, text.lines()) else { return Ok(None) };
    if is_blank(first) || search.last().is_some_and(|last| is_blank(last)) {
        return Ok(None);
    }
    let mut hits: Vec<(usize, usize)> = Vec::new();
    if let [middle @ .., tail] = rest {
        // Lines between the first and the last are whole, so only where these stand need be looked at.
        let starts = match middle {
            [] => (1..lines.len()).collect(),
            middle => text.find(Form::Exact, middle, MAX_CANDIDATES),
        };
        let fits = |start: &usize| {
            let end = lines.get(start + middle.len());
            lines[..*start].last().is_some_and(|line| line.ends_with(first))
                && end.is_some_and(|line| line.starts_with(tail))
        };
        let columns =
            starts.into_iter().filter(fits).map(|start| (start - 1, lines[start - 1].len() - first.len()));
        hits.extend(columns.take(MAX_HITS));
    } else {
        let columns = |(at, line): (usize, &&str)| -> Vec<(usize, usize)> {
            line.match_indices(first).map(|(column, _)| (at, column)).collect()
        };
        hits.extend(lines.iter().enumerate().flat_map(columns).take(MAX_HITS));
    }
    let (at, column) = match hits[..] {
        [] => return Ok(None),
        [hit] => hit,
        _ => {
            let starts: BTreeSet<usize> = hits.iter().map(|(at, _)| *at).collect();
            return Err(NoMatch::Ambiguous {
                strategy: MatchStrategy::PartOfLine,
                starts: starts.into_iter().collect(),
            });
        }
    };
    let last = at + rest.len();
    let before = &lines[at][..column];
    let end = rest.last().map_or(column + first.len(), |tail| tail.len());
    let after = &lines[last][end..];
    let cuts_word = |left: Option<char>, right: Option<char>| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        left.is_some_and(word) && right.is_some_and(word)
    };
    let tail = search.last().unwrap_or(first);
    if (!is_blank(before) && replace.len() != search.len())
        || (is_blank(before) && indentation(first).is_empty() && replace.len() > 1 && !before.is_empty())
        || replace.is_empty()
        || cuts_word(before.chars().next_back(), first.chars().next())
        || cuts_word(tail.chars().next_back(), after.chars().next())
    {
        return Err(NoMatch::PartOfLine(at));
    }
    let mut lines: Vec<String> = replace.iter().map(|line| (*line).to_owned()).collect();
    lines[0].insert_str(0, before);
    if let Some(last) = lines.last_mut() {
        last.push_str(after);
    }
    let change = Change::Lines(vec![Splice { range: at..last + 1, lines }]);
    Ok(Some(Placed { strategy: MatchStrategy::PartOfLine, change }))
}

/// The block without blank lines at either end of SEARCH, and as many fewer in REPLACE.
fn without_blank_ends<'a>(
    search: &'a [&'a str],
    replace: &'a [&'a str],
) -> Option<(&'a [&'a str], &'a [&'a str])> {
    let blanks = |lines: &mut dyn Iterator<Item = &&str>| lines.take_while(|line| is_blank(line)).count();
    let (head, tail) = (blanks(&mut search.iter()), blanks(&mut search.iter().rev()));
    if (head == 0 && tail == 0) || head == search.len() {
        return None;
    }
    let search = &search[head..search.len() - tail];
    let head = head.min(blanks(&mut replace.iter()));
    let replace = &replace[head..];
    let tail = tail.min(blanks(&mut replace.iter().rev()));
    Some((search, &replace[..replace.len() - tail]))
}

/// Whether the file already goes on as REPLACE does, so that applying it once more would double it.
fn repeats_what_follows(text: &Text<'_>, start: usize, search: &[&str], replace: &[&str]) -> bool {
    if replace.len() <= search.len() || !adds_something_telling(search, replace) {
        return false;
    }
    let matches_at = |first: usize| {
        text.lines().get(first..first + replace.len()).is_some_and(|lines| {
            lines.iter().zip(replace).all(|(a, b)| Form::Folded.of(a) == Form::Folded.of(b))
        })
    };
    let more = replace.len() - search.len();
    (replace.starts_with(search) && matches_at(start))
        || (replace.ends_with(search) && start.checked_sub(more).is_some_and(matches_at))
}

/// Whether the new text stands in the file once, and SEARCH does not.
fn is_already_there(text: &Text<'_>, search: &[&str], replace: &[&str]) -> bool {
    let copied = replace.iter().filter(|line| !is_blank(line) && search.contains(line)).count();
    let new = replace.iter().filter(|line| !is_blank(line) && !search.contains(line)).count();
    let gone = hunks(search, replace).into_iter().flat_map(|hunk| hunk.old).map(|line| search[line]);
    // A file that still has what the block takes out does not have the change.
    let still_there =
        |line: &str| line.trim().len() > 7 && !text.find(Form::Collapsed, &[line], 1).is_empty();
    adds_something_telling(search, replace)
        && (copied > 0 || new > 2)
        && text.find(Form::TrimmedEnd, replace, 2).len() == 1
        && !gone.into_iter().any(still_there)
}

fn adds_something_telling(search: &[&str], replace: &[&str]) -> bool {
    let added = hunks(search, replace).into_iter().flat_map(|hunk| hunk.new);
    let letters: usize = added.map(|line| replace[line].chars().filter(|c| !c.is_whitespace()).count()).sum();
    letters >= TELLING
}

/// A block taken apart at its elisions, each part found in the first five forms.
fn in_chunks(text: &Text<'_>, search: &[&str], replace: &[&str]) -> Result<Option<Placed>, NoMatch> {
    let chunks = match elision::split(search, replace) {
        Split::None => return Ok(None),
        Split::Unequal => return Err(NoMatch::Elision),
        Split::Chunks(chunks) => chunks,
    };
    let mut found: Vec<Chunk<'_>> = Vec::new();
    let mut hits: Vec<(Form, Vec<usize>)> = Vec::new();
    for chunk in chunks.into_iter().filter(|chunk| !chunk.search.iter().all(|line| is_blank(line))) {
        let places = |chunk: &Chunk<'_>| {
            let hits = Form::ALL.into_iter().map(|form| (form, text.find(form, chunk.search, usize::MAX)));
            hits.into_iter().find(|(_, starts)| !starts.is_empty())
        };
        let trimmed = without_blank_ends(chunk.search, chunk.replace)
            .map(|(search, replace)| Chunk { search, replace });
        let candidates = std::iter::once(chunk).chain(trimmed);
        let Some((chunk, places)) =
            candidates.into_iter().find_map(|chunk| places(&chunk).map(|hits| (chunk, hits)))
        else {
            return Ok(None);
        };
        found.push(chunk);
        hits.push(places);
    }
    let chunks = found;
    narrow(&chunks, &mut hits);
    let mut splices = Vec::new();
    for (chunk, (form, starts)) in chunks.iter().zip(&hits) {
        match starts[..] {
            [] => return Ok(None),
            [start] => {
                let alignment = Alignment::same(start, chunk.search.len());
                splices.extend(merged(text, chunk.search, chunk.replace, &alignment, *form)?);
            }
            // Where lines stand that do not change is of no matter.
            _ if chunk.search == chunk.replace => {}
            _ => {
                let starts = starts.iter().copied().take(MAX_HITS).collect();
                return Err(NoMatch::Ambiguous { strategy: MatchStrategy::Elision, starts });
            }
        }
    }
    Ok(Some(Placed { strategy: MatchStrategy::Elision, change: Change::Lines(splices) }))
}

/// Takes away the places of each chunk that cannot lie between those of its neighbors.
fn narrow(chunks: &[Chunk<'_>], hits: &mut [(Form, Vec<usize>)]) {
    for at in 1..hits.len() {
        let least = hits[at - 1].1.first().map_or(usize::MAX, |start| start + chunks[at - 1].search.len());
        hits[at].1.retain(|start| *start >= least);
    }
    for at in (1..hits.len()).rev() {
        let most = hits[at].1.last().copied().unwrap_or(0);
        let length = chunks[at - 1].search.len();
        hits[at - 1].1.retain(|start| start + length <= most);
    }
}

/// A SEARCH whose blank lines are not those of the file.
fn without_blank_lines(
    text: &Text<'_>,
    search: &[&str],
    replace: &[&str],
) -> Result<Option<Placed>, NoMatch> {
    let (file, wanted) = (blank::full(text.lines()), blank::full(search));
    let dense_file: Vec<&str> = file.iter().map(|at| text.lines()[*at]).collect();
    let dense_search: Vec<&str> = wanted.iter().map(|at| search[*at]).collect();
    let dense = Text::of_lines(dense_file);
    for form in Form::ALL {
        let starts = dense.find(form, &dense_search, MAX_HITS);
        match starts[..] {
            [] => {}
            [start] => {
                let places = &file[start..start + wanted.len()];
                let pairs: Vec<(usize, usize)> = wanted.iter().copied().zip(places.iter().copied()).collect();
                let search = as_indented(text, search, replace, &pairs);
                let adapter = Adapter::new(text, &search, replace, &pairs, form);
                let region = places.first().copied().unwrap_or(0)..places.last().map_or(0, |last| last + 1);
                let splices = blank::merge(text, &search, replace, places, &adapter)
                    .map_err(|stuck| NoMatch::of(stuck, region))?;
                return Ok(Some(Placed {
                    strategy: MatchStrategy::BlankLines,
                    change: Change::Lines(splices),
                }));
            }
            _ => {
                let starts = starts.iter().map(|start| file[*start]).collect();
                return Err(NoMatch::Ambiguous { strategy: MatchStrategy::BlankLines, starts });
            }
        }
    }
    Ok(None)
}

/// The last strategy: line by line nearly the same.
fn by_likeness(text: &Text<'_>, search: &[&str], replace: &[&str]) -> Result<Placed, NoMatch> {
    match similarity::nearest(text, search) {
        Nearest::None => Err(NoMatch::Absent),
        Nearest::Several(starts) => Err(NoMatch::Ambiguous { strategy: MatchStrategy::Likeness, starts }),
        Nearest::At(start) => {
            let form = Form::Unindented;
            let lines = search
                .iter()
                .enumerate()
                .map(|(at, line)| {
                    let same = form.of(line) == form.of(text.lines()[start + at]);
                    if same { Match::Same } else { Match::Similar }
                })
                .collect();
            let alignment = Alignment { start, lines };
            let splices = merged(text, search, replace, &alignment, form)?;
            Ok(Placed { strategy: MatchStrategy::Likeness, change: Change::Lines(splices) })
        }
    }
}
