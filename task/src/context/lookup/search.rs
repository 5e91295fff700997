//! A *search* goes through the text of the files of the tree once for all that is looked for, on every core, and keeps
//! the lines.
//!
//! Expressions are matched in linear time; a file is searched in pieces, and the clock is looked at between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use super::glob::Glob;
use super::{Refused, is_of_name};
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
/// The largest that an expression may become, in bytes, and the pieces that it is searched in: at worst the time for a piece
/// is the product of both.
const SMALL_REGEX: (usize, usize) = (128 << 10, PIECE);
const LARGE_REGEX: (usize, usize) = (2 << 20, PIECE / 16);
/// The memory that its matching may take.
const REGEX_CACHE: usize = 2 << 20;
const BATCH: usize = 16;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Needle {
    kind: Kind,
    glob: Option<Glob>,
    /// Bytes that are searched between two looks at the clock.
    piece: usize,
    /// Whether `\w`, `\d` and `\s` are those of ASCII in it.
    pub(super) is_ascii: bool,
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
        Self { kind: Kind::Text(Finder::new(text).into_owned()), glob, piece: PIECE, is_ascii: false }
    }

    pub(super) fn word(name: &str) -> Self {
        Self { kind: Kind::Word(Finder::new(name).into_owned()), glob: None, piece: PIECE, is_ascii: false }
    }

    pub(super) fn regex(pattern: &str, ignores_case: bool, glob: Option<Glob>) -> Result<Self, Refused> {
        let build = |pattern: &str, limit| {
            let mut builder = RegexBuilder::new(pattern);
            builder.case_insensitive(ignores_case).multi_line(true).crlf(true);
            builder.size_limit(limit).dfa_size_limit(REGEX_CACHE).build()
        };
        let is_large = |regex: &Result<Regex, _>| matches!(regex, Err(regex::Error::CompiledTooBig(_)));
        let (mut regex, mut piece, mut is_ascii) = (build(pattern, SMALL_REGEX.0), SMALL_REGEX.1, false);
        if is_large(&regex) {
            (regex, piece) = (build(pattern, LARGE_REGEX.0), LARGE_REGEX.1);
        }
        // The classes of Unicode are hundreds of times as large.
        if is_large(&regex) {
            (regex, is_ascii) = (build(&ascii_classes(pattern), LARGE_REGEX.0), true);
        }
        let regex = regex.map_err(|error| {
            Refused::NoPattern(match error {
                regex::Error::CompiledTooBig(_) => {
                    "the expression is too large: use `[a-z_]` for `\\w`, or no `{m,n}`".to_owned()
                }
                error => error.to_string(),
            })
        })?;
        if regex.is_match("") {
            return Err(Refused::MatchesAll);
        }
        Ok(Self { kind: Kind::Regex(regex), glob, piece, is_ascii })
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
                    if !text[..at].ends_with(is_of_name) && !text[end..].starts_with(is_of_name) {
                        return Some((at, end));
                    }
                    from = end;
                }
            }
            Kind::Regex(regex) => regex.find_at(text, from).map(|found| (found.start(), found.end())),
        }
    }
}

/// The same expression with the classes of ASCII.
fn ascii_classes(pattern: &str) -> String {
    let mut ascii = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        match escaped {
            Some('w') => ascii.push_str("[0-9A-Za-z_]"),
            Some('W') => ascii.push_str("[^0-9A-Za-z_]"),
            Some('d') => ascii.push_str("[0-9]"),
            Some('D') => ascii.push_str("[^0-9]"),
            Some('s') => ascii.push_str(r"[\t-\r ]"),
            Some('S') => ascii.push_str(r"[^\t-\r ]"),
            Some(escaped) => ascii.extend([c, escaped]),
            None => ascii.push(c),
        }
    }
    ascii
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
    /// How many lines were left out of what was found.
    pub(super) left_out: usize,
    /// Whether any file is one of those that are to be searched.
    pub(super) has_files: bool,
    /// How many files were searched.
    pub(super) searched: usize,
    pub(super) unsearched: Unsearched,
}

/// Files with text that were not searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unsearched {
    /// How many the clock left out.
    pub(super) out_of_time: usize,
    /// What they are, by which they are named.
    pub(super) named: BTreeMap<Omission, BTreeSet<usize>>,
    /// The same for those of which the number is enough.
    pub(super) counted: BTreeMap<Omission, usize>,
}

impl Unsearched {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another search did not go through.
    pub(super) fn join(&mut self, other: &Self) {
        self.out_of_time = self.out_of_time.max(other.out_of_time);
        for (omission, files) in &other.named {
            self.named.entry(*omission).or_default().extend(files);
        }
        for (omission, count) in &other.counted {
            let most = self.counted.entry(*omission).or_default();
            *most = (*most).max(*count);
        }
    }
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
            self.left_out += before - file.lines.len();
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
    let (mut order, others): (Vec<usize>, Vec<usize>) =
        (0..entries.len()).partition(|at| is_searched(&entries[*at]));
    order.sort_by_key(|at| (context.places.of_entry(*at) >= FIRST, *at));
    let scopes: Vec<Scope<'_>> = needles.iter().map(|needle| Scope::of(needle)).collect();
    let seen = in_parallel(repo, order.len(), BATCH, |reader, at| {
        let found = in_file(reader, order[at], &entries[order[at]], &scopes, &context.caps, until);
        let is_empty = found.iter().all(|found| matches!(found, Ok(None)));
        (!is_empty).then_some(found)
    });
    for (at, found) in seen {
        for (search, found) in searches.iter_mut().zip(found) {
            match found {
                Ok(Some(file)) => search.files.push(file),
                Ok(None) => {}
                Err(Why::OutOfTime) => search.unsearched.out_of_time += 1,
                Err(Why::Is(omission)) => {
                    search.unsearched.named.entry(omission).or_default().insert(order[at]);
                }
            }
        }
    }
    for (search, scope) in searches.iter_mut().zip(&scopes) {
        search.files.sort_by_key(|file| (context.places.of_entry(file.entry), file.entry));
        for entry in others.iter().map(|at| &entries[*at]).filter(|entry| scope.has(entry)) {
            if let Err(omission) = entry.role
                && !matches!(omission, Omission::Binary | Omission::Submodule | Omission::Symlink)
            {
                *search.unsearched.counted.entry(omission).or_default() += 1;
            }
        }
        if let (None, Some(unusable)) = (&scope.needle.glob, context.walk.unusable()) {
            search.unsearched.counted.insert(Omission::UnusablePath, unusable);
        }
        search.has_files = scope.files.load(Ordering::Relaxed) > 0;
        search.searched = scope.searched.load(Ordering::Relaxed);
    }
    searches
}

/// Where something is looked for, and how many files that are.
struct Scope<'a> {
    needle: &'a Needle,
    files: AtomicUsize,
    searched: AtomicUsize,
}

impl<'a> Scope<'a> {
    fn of(needle: &'a Needle) -> Self {
        Self { needle, files: AtomicUsize::new(0), searched: AtomicUsize::new(0) }
    }

    fn has(&self, entry: &Entry) -> bool {
        let has = self.needle.glob.as_ref().is_none_or(|glob| glob.matches(&entry.path));
        if has {
            self.files.fetch_add(1, Ordering::Relaxed);
        }
        has
    }
}

/// Files that are searched before all others.
const FIRST: u32 = 2_000;

/// Why a file was not searched.
#[derive(Clone, Copy)]
enum Why {
    OutOfTime,
    Is(Omission),
}

/// Whether the file is of a kind that is shown, and whose lines are worth it.
fn is_searched(entry: &Entry) -> bool {
    matches!(entry.role, Ok(_) | Err(Omission::Vendored | Omission::Generated))
}

fn in_file(
    reader: &Reader,
    number: usize,
    entry: &Entry,
    scopes: &[Scope<'_>],
    caps: &Caps,
    until: Instant,
) -> Vec<Result<Option<InFile>, Why>> {
    let wanted: Vec<bool> = scopes.iter().map(|scope| scope.has(entry)).collect();
    let none = || wanted.iter().map(|_| Ok(None)).collect();
    let unsearched = |why| wanted.iter().map(|wanted| if *wanted { Err(why) } else { Ok(None) }).collect();
    if !wanted.contains(&true) {
        return none();
    }
    if Instant::now() > until {
        return unsearched(Why::OutOfTime);
    }
    let content = match reader.read(entry, caps) {
        Ok(content) => content,
        Err(omission) => return unsearched(Why::Is(omission)),
    };
    let text = match role::plain_text(&content) {
        Ok(text) => text,
        // It has no text.
        Err(Omission::Binary) => return none(),
        Err(omission) => return unsearched(Why::Is(omission)),
    };
    let found = scopes.iter().zip(&wanted).map(|(scope, wanted)| {
        if !*wanted {
            return Ok(None);
        }
        let hits = hits(scope.needle, text, until)?;
        scope.searched.fetch_add(1, Ordering::Relaxed);
        Ok(kept(number, text, hits))
    });
    found.collect()
}

/// The first hit of each line that has one: where the hit begins and ends.
fn hits(needle: &Needle, text: &str, until: Instant) -> Result<Vec<(usize, usize)>, Why> {
    let mut hits = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = end_of_piece(text, start, needle.piece);
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
            return Err(Why::OutOfTime);
        }
    }
    Ok(hits)
}

/// The end of a piece that begins here: behind a line, if it has one.
fn end_of_piece(text: &str, start: usize, piece: usize) -> usize {
    if text.len() - start <= piece {
        return text.len();
    }
    let window = &text.as_bytes()[start..start + piece];
    let mut end = match memchr::memrchr(b'\n', window) {
        Some(last) => start + last + 1,
        None => start + piece,
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
