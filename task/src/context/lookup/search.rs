//! A *search* goes through the text of the files of the tree once for all that is looked for, on every core, and keeps
//! the lines.
//!
//! Expressions are matched in linear time; a file is searched in pieces, and the clock is looked at between them.

use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use super::Refused;
use super::glob::Glob;
use crate::context::index::in_parallel;
use crate::context::pack::Context;
use crate::context::role::{self, Omission};
use crate::context::stats::Reader;
use crate::context::walk::{Caps, Entry};
use crate::outbound::token_places;

/// The longest for all that is looked for at once.
const TIME: Duration = Duration::from_secs(5);
/// Bytes that are searched between two looks at the clock.
const PIECE: usize = 64 << 10;
/// Lines of one file that are kept.
const KEPT_LINES: usize = 60;
/// Characters of a line that are kept.
const LINE_CHARS: usize = 160;
/// Characters before a hit that are kept of a long line.
const BEFORE_HIT: usize = 40;
/// The largest that an expression may become, in bytes, and the memory that its matching may take.
const REGEX_BYTES: usize = 128 << 10;
const REGEX_CACHE: usize = 1 << 20;
const BATCH: usize = 16;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Needle {
    kind: Kind,
    glob: Option<Glob>,
}

#[derive(Debug)]
enum Kind {
    Text(Finder<'static>),
    /// With nothing beside it that would make it a longer one.
    Word(Finder<'static>),
    Regex(Regex),
}

impl Needle {
    pub(super) fn text(text: &str, glob: Option<Glob>) -> Self {
        Self { kind: Kind::Text(Finder::new(text).into_owned()), glob }
    }

    pub(super) fn word(name: &str) -> Self {
        Self { kind: Kind::Word(Finder::new(name).into_owned()), glob: None }
    }

    pub(super) fn regex(pattern: &str, ignores_case: bool, glob: Option<Glob>) -> Result<Self, Refused> {
        let mut builder = RegexBuilder::new(pattern);
        builder.case_insensitive(ignores_case).multi_line(true).crlf(true);
        let regex = builder.size_limit(REGEX_BYTES).dfa_size_limit(REGEX_CACHE).build();
        let regex = regex.map_err(|error| {
            Refused::NoPattern(match error {
                regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
                error => error.to_string(),
            })
        })?;
        if regex.is_match("") {
            return Err(Refused::MatchesAll);
        }
        Ok(Self { kind: Kind::Regex(regex), glob })
    }

    /// The first hit at or behind a byte.
    fn next(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        match &self.kind {
            Kind::Text(finder) => {
                let at = from + finder.find(&text.as_bytes()[from..])?;
                Some((at, at + finder.needle().len()))
            }
            Kind::Word(finder) => {
                let mut from = from;
                loop {
                    let at = from + finder.find(&text.as_bytes()[from..])?;
                    let end = at + finder.needle().len();
                    let is_joined = |c: char| c.is_alphanumeric() || c == '_';
                    if !text[..at].ends_with(is_joined) && !text[end..].starts_with(is_joined) {
                        return Some((at, end));
                    }
                    from = end;
                }
            }
            Kind::Regex(regex) => regex.find_at(text, from).map(|found| (found.start(), found.end())),
        }
    }
}

/// A line with a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// 1-based.
    pub(super) number: usize,
    /// Without what has the look of a secret, and cut around the hit.
    pub(super) text: String,
}

/// A file with hits.
#[derive(Clone, Debug)]
pub(super) struct InFile {
    pub(super) entry: usize,
    pub(super) lines: Vec<Line>,
    /// How many lines there are, kept or not.
    pub(super) count: usize,
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Likeliest first.
    pub(super) files: Vec<InFile>,
    /// How many files the clock left out.
    pub(super) out_of_time: usize,
    /// Files that are larger than any that is read.
    pub(super) too_large: Vec<usize>,
}

impl Search {
    pub(super) fn lines(&self) -> usize {
        self.files.iter().map(|file| file.count).sum()
    }

    /// Leaves out lines of which that holds.
    pub(super) fn leave_out(&mut self, is_out: impl Fn(&str) -> bool) {
        for file in &mut self.files {
            let before = file.lines.len();
            file.lines.retain(|line| !is_out(&line.text));
            file.count -= before - file.lines.len();
        }
        self.files.retain(|file| file.count > 0);
    }
}

/// Looks for all of `needles` in every file that may be shown.
pub(super) fn search(
    repo: &gix::ThreadSafeRepository,
    context: &Context,
    needles: &[&Needle],
) -> Vec<Search> {
    let mut searches: Vec<Search> = needles.iter().map(|_| Search::default()).collect();
    if needles.is_empty() {
        return searches;
    }
    let entries = context.walk.entries();
    let until = Instant::now() + TIME;
    // The likeliest first, so that it is the others that the clock leaves out.
    let mut order: Vec<usize> = (0..entries.len()).filter(|at| is_searched(&entries[*at])).collect();
    order.sort_by_key(|at| (context.places.of_entry(*at) >= FIRST, *at));
    let seen = in_parallel(repo, order.len(), BATCH, |reader, at| {
        let found = in_file(reader, order[at], &entries[order[at]], needles, &context.caps, until);
        let is_empty = found.iter().all(|found| matches!(found, Ok(None)));
        (!is_empty).then_some(found)
    });
    for (at, found) in seen {
        for (search, found) in searches.iter_mut().zip(found) {
            match found {
                Ok(Some(file)) => search.files.push(file),
                Ok(None) => {}
                Err(Unsearched::OutOfTime) => search.out_of_time += 1,
                Err(Unsearched::TooLarge) => search.too_large.push(order[at]),
            }
        }
    }
    for search in &mut searches {
        search.files.sort_by_key(|file| (context.places.of_entry(file.entry), file.entry));
        search.too_large.sort_by_key(|entry| (context.places.of_entry(*entry), *entry));
    }
    searches
}

/// Files that are searched before all others.
const FIRST: u32 = 2_000;

/// Why a file was not searched.
#[derive(Clone, Copy)]
enum Unsearched {
    OutOfTime,
    TooLarge,
}

/// Whether the file is of a kind that is shown, and whose lines are worth it.
fn is_searched(entry: &Entry) -> bool {
    matches!(entry.role, Ok(_) | Err(Omission::Vendored | Omission::Generated))
}

fn in_file(
    reader: &Reader,
    number: usize,
    entry: &Entry,
    needles: &[&Needle],
    caps: &Caps,
    until: Instant,
) -> Vec<Result<Option<InFile>, Unsearched>> {
    let wanted: Vec<bool> = needles
        .iter()
        .map(|needle| needle.glob.as_ref().is_none_or(|glob| glob.matches(&entry.path)))
        .collect();
    let none = || wanted.iter().map(|_| Ok(None)).collect();
    let unsearched = |why| wanted.iter().map(|wanted| if *wanted { Err(why) } else { Ok(None) }).collect();
    if !wanted.contains(&true) {
        return none();
    }
    if Instant::now() > until {
        return unsearched(Unsearched::OutOfTime);
    }
    let content = match reader.read(entry, caps) {
        Ok(content) => content,
        Err(Omission::TooLarge) => return unsearched(Unsearched::TooLarge),
        Err(_) => return none(),
    };
    let Ok(text) = role::plain_text(&content) else { return none() };
    let found = needles.iter().zip(&wanted).map(|(needle, wanted)| {
        if !*wanted {
            return Ok(None);
        }
        let hits = hits(needle, text, until)?;
        Ok(kept(number, text, hits))
    });
    found.collect()
}

/// The first hit of each line that has one: where the hit begins and ends.
fn hits(needle: &Needle, text: &str, until: Instant) -> Result<Vec<(usize, usize)>, Unsearched> {
    let mut hits = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = end_of_piece(text, start);
        let piece = &text[start..end];
        let mut from = 0;
        while let Some((first, last)) = needle.next(piece, from) {
            hits.push((start + first, start + last));
            // What is left of the line does not count.
            match memchr::memchr(b'\n', &piece.as_bytes()[first..]) {
                Some(line) => from = first + line + 1,
                None => break,
            }
        }
        start = end;
        if start < text.len() && Instant::now() > until {
            return Err(Unsearched::OutOfTime);
        }
    }
    Ok(hits)
}

/// The end of a piece that begins here: behind a line, if it has one.
fn end_of_piece(text: &str, start: usize) -> usize {
    if text.len() - start <= PIECE {
        return text.len();
    }
    let window = &text.as_bytes()[start..start + PIECE];
    let mut end = match memchr::memrchr(b'\n', window) {
        Some(last) => start + last + 1,
        None => start + PIECE,
    };
    while !text.is_char_boundary(end) {
        end += 1;
    }
    end
}

/// The lines of these hits, but for hits in what has the look of a secret: nothing is to be learned of one.
fn kept(entry: usize, text: &str, mut hits: Vec<(usize, usize)>) -> Option<InFile> {
    if hits.is_empty() {
        return None;
    }
    let secrets = token_places(text);
    hits.retain(|(first, last)| !secrets.iter().any(|place| place.start < *last && *first < place.end));
    let mut lines: Vec<Line> = Vec::new();
    let (mut number, mut at) = (1, 0);
    let mut count = 0;
    let mut previous = 0;
    for (first, last) in hits {
        number += memchr::memchr_iter(b'\n', &text.as_bytes()[at..first]).count();
        at = first;
        // A long line may be searched in pieces.
        if number == previous {
            continue;
        }
        previous = number;
        count += 1;
        if lines.len() == KEPT_LINES {
            continue;
        }
        let start = memchr::memrchr(b'\n', &text.as_bytes()[..first]).map_or(0, |line| line + 1);
        let end = memchr::memchr(b'\n', &text.as_bytes()[first..]).map_or(text.len(), |line| first + line);
        let is_secret = secrets.iter().any(|place| place.start < end && start < place.end);
        let text = if is_secret {
            "(a line with a secret)".to_owned()
        } else {
            cut(text, (start, end), first, last)
        };
        lines.push(Line { number, text });
    }
    (count > 0).then_some(InFile { entry, lines, count })
}

/// A line as it is told: trimmed, around the hit where it is long.
fn cut(text: &str, (start, end): (usize, usize), first: usize, last: usize) -> String {
    let line = text[start..end].trim();
    if line.chars().count() <= LINE_CHARS {
        return line.to_owned();
    }
    let before: String = {
        let kept: Vec<char> = text[start..first].trim_start().chars().rev().take(BEFORE_HIT).collect();
        kept.into_iter().rev().collect()
    };
    let is_cut = text[start..first].trim_start().chars().count() > BEFORE_HIT;
    let behind: String =
        text[first..end.max(last.min(end))].chars().take(LINE_CHARS - before.chars().count()).collect();
    format!("{}{before}{}…", if is_cut { "…" } else { "" }, behind.trim_end())
}
