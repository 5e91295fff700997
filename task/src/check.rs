//! The *syntax gate*: what an edit broke, found in memory before anything is written.
//!
//! Only what a file did not have before counts, because many a good file has errors. What is certain stops the edit:
//! brackets, quotes and blocks that no longer pair, where the grammar finds an error too; what Python's own parser, or
//! those of JSON and TOML say; and what language models leave behind in files. What the grammar alone says is a note,
//! because grammars do not know every macro, nor the syntax of next year. What could not be checked is a note as well.

mod checked;
mod compare;
mod html;
mod json;
mod leftovers;
mod lexis;
mod makefile;
mod message;
mod pairs;
mod python2;
#[cfg(test)]
mod tests;
mod toml;
pub(crate) mod unseen;

use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

pub(crate) use checked::{ALLOWED, merged};
pub use checked::{CheckedPatch, EXECUTED, check, executed};
use leftovers::Leftovers;
pub(crate) use leftovers::marker_in;
pub use message::Problem;

use crate::language::Language;
use crate::parser::{ParseError, ParseFault, Parsers, Unparsed};
use crate::path::RepoPath;

/// Characters of the offending text that are quoted.
const MAX_QUOTE: usize = 60;
/// Errors shown of one file; the first explain most of the others.
const MAX_SHOWN: usize = 5;

/// What became of one changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong that was not wrong before.
    Sound,
    /// Nothing stops the file, and a person should know this of it; never empty.
    Noted(Vec<Note>),
    /// The edit broke the file.
    Broken(FileErrors),
}

/// What a person should know of a file that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Unchecked(Unchecked),
    /// An error that the grammar alone finds; it is often mistaken about good files.
    Suspect(Problem),
    /// A line that is an error in most places, and may be meant where it stands.
    Unusual(Problem),
}

/// Why a file was not checked, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unchecked {
    #[error("the file is not UTF-8")]
    NotUtf8,
    #[error("{0}")]
    Unparsed(#[from] Unparsed),
}

/// The errors of one file; its text is written for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileErrors {
    pub path: RepoPath,
    /// Those that explain the others come first; never empty, and few.
    pub problems: Vec<Problem>,
    /// How many more lines have errors.
    pub more: usize,
}

/// The errors of every file of a patch; its text is written for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SyntaxErrors(pub Vec<FileErrors>);

/// An error at a place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SyntaxError {
    /// Bytes of the text; empty where something is missing.
    range: Range<usize>,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Fault {
    /// The grammar has no place for this text.
    Unexpected(String),
    /// The parser went on as if this token stood here.
    Missing(String),
    Unclosed(String),
    Unopened(String),
    /// In the words of the Python parser.
    Python(String),
    /// In our words, a clause.
    Other(String),
    CodeFence,
    ConflictMarker,
    EditMarker,
    Elision,
    /// A character without a shape.
    Unseen(char),
}

/// Checks one file of a patch: `before` is `None` for a new file.
///
/// Returns soon after `deadline`, whatever the texts are; what it did not reach by then is a note.
pub fn file(
    parsers: &Parsers,
    path: &RepoPath,
    before: Option<&[u8]>,
    after: &[u8],
    deadline: Instant,
) -> Verdict {
    if before == Some(after) {
        return Verdict::Sound;
    }
    let Ok(after) = std::str::from_utf8(after) else {
        return Verdict::Noted(vec![Note::Unchecked(Unchecked::NotUtf8)]);
    };
    // A text that was not UTF-8 and is now has its new lines compared like any other.
    let before = before.map(String::from_utf8_lossy);
    let before = before.as_deref();

    let language = Language::of_file(path, after);
    let found = match language {
        None => Ok(Found::certain(makefile::added(path, before, after))),
        Some(Language::Json) => Ok(json::added(path, before, after)),
        Some(Language::Toml) => Ok(toml::added(before, after)),
        Some(language) => of_grammar(parsers, language, before, after, deadline),
    };
    let leftovers = Leftovers::added(path, language, before, after);
    let places = leftovers.places();
    let holders = language.filter(|_| !places.is_empty()).and_then(|language| {
        Some((language, parsers.check(language, after, places, deadline).ok()?.holders))
    });
    let left = leftovers.judged(holders.as_ref().map(|(language, holders)| (*language, &holders[..])));

    let mut notes = Vec::new();
    let mut errors = Vec::new();
    match found {
        Ok(mut found) => {
            if before.is_none() && has_word(path, &BROKEN) {
                found = found.doubted();
            }
            errors = found.certain;
            notes.extend(first_problems(after, &found.doubtful).0.into_iter().map(Note::Suspect));
        }
        Err(why) => notes.push(Note::Unchecked(why.into())),
    }
    errors.splice(..0, left.certain);
    notes.extend(first_problems(after, &left.doubtful).0.into_iter().map(Note::Unusual));
    verdict(path, after, &errors, notes)
}

fn verdict(path: &RepoPath, text: &str, errors: &[SyntaxError], notes: Vec<Note>) -> Verdict {
    if !errors.is_empty() {
        let (problems, more) = first_problems(text, errors);
        return Verdict::Broken(FileErrors { path: path.clone(), problems, more });
    }
    if notes.is_empty() { Verdict::Sound } else { Verdict::Noted(notes) }
}

/// The first few errors as they are shown, one a line because the others of a line follow from it, and how many
/// lines have more.
fn first_problems(text: &str, errors: &[SyntaxError]) -> (Vec<Problem>, usize) {
    let mut lines = HashSet::new();
    let firsts: Vec<_> =
        errors.iter().filter(|error| lines.insert(line_start(text, error.range.start))).collect();
    let problems: Vec<_> = firsts.iter().take(MAX_SHOWN).map(|error| Problem::new(text, error)).collect();
    let more = firsts.len() - problems.len();
    (problems, more)
}

/// The byte at which the line of the byte at `at` begins.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// New errors, by how far they can be trusted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    certain: Vec<SyntaxError>,
    /// It may be meant to be so, or who says it may be mistaken.
    doubtful: Vec<SyntaxError>,
}

impl Found {
    fn certain(errors: Vec<SyntaxError>) -> Self {
        Self { certain: errors, doubtful: Vec::new() }
    }

    fn doubtful(errors: Vec<SyntaxError>) -> Self {
        Self { certain: Vec::new(), doubtful: errors }
    }

    fn doubted(mut self) -> Self {
        self.certain.append(&mut self.doubtful);
        Self::doubtful(self.certain)
    }
}

/// What Python's parser says counts; what a grammar says counts where the text itself has something that does not pair,
/// or ends in the middle.
fn of_grammar(
    parsers: &Parsers,
    language: Language,
    before: Option<&str>,
    after: &str,
    deadline: Instant,
) -> Result<Found, Unparsed> {
    let errors_in = |text| -> Result<Vec<SyntaxError>, Unparsed> {
        Ok(in_text(text, parsers.check(language, text, Vec::new(), deadline)?.errors))
    };
    let errors = errors_in(after)?;
    if errors.is_empty() {
        return Ok(Found::default());
    }
    let errors_before = before.map(errors_in).transpose()?.unwrap_or_default();
    let was_clean = errors_before.is_empty();
    let is_new = before.is_none();
    let before = before.unwrap_or_default();
    let is_template = is_template(language, after);
    let is_cut = !is_new && was_clean && !is_template && is_cut(language, before, after, &errors);
    let added = compare::grown((before, &errors_before), (after, errors));
    if is_new && is_template {
        return Ok(Found::doubtful(added));
    }
    let unpaired_before = pairs::unpaired(language, before);
    let unpaired = compare::grown((before, &unpaired_before), (after, pairs::unpaired(language, after)));
    if language == Language::Python {
        let is_python2 = python2::is_likely(after);
        let unpaired = if added.is_empty() { Vec::new() } else { unpaired };
        let (certain, doubtful): (Vec<_>, Vec<_>) =
            added.into_iter().partition(|error| !is_python2 || python2::has(&error.fault));
        // What does not pair says better what the parser stumbles over later.
        return Ok(Found { certain: unpaired.into_iter().chain(certain).collect(), doubtful });
    }
    Ok(if !unpaired.is_empty() {
        Found::certain(unpaired)
    } else if is_cut {
        Found::certain(added)
    } else {
        Found::doubtful(added)
    })
}

/// Whether the text ends in the middle: on a line that is indented, which it did not, within an error.
fn is_cut(language: Language, before: &str, after: &str, errors: &[SyntaxError]) -> bool {
    // YAML may end so.
    if language == Language::Yaml {
        return false;
    }
    let ends_inside =
        |text: &str| text.trim_end().lines().next_back().is_some_and(|line| line.starts_with([' ', '\t']));
    let last = line_start(after, after.trim_end().len());
    ends_inside(after) && !ends_inside(before) && errors.iter().any(|error| error.range.end >= last)
}

fn in_text(text: &str, errors: Vec<ParseError>) -> Vec<SyntaxError> {
    let with_words = |ParseError { range, fault }| SyntaxError {
        fault: match fault {
            ParseFault::Unexpected => Fault::Unexpected(quote(&text[range.clone()])),
            ParseFault::Missing(token) => Fault::Missing(token),
            ParseFault::Python(message) => Fault::Python(message),
        },
        range,
    };
    errors.into_iter().map(with_words).collect()
}

/// The beginning of the first line of `text` that is not blank.
fn quote(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    match line.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Whether the text looks like a template that yields a file of the language and need not be one.
fn is_template(language: Language, text: &str) -> bool {
    use Language::{Css, Html, Json, Toml, Yaml};
    const MARKS: [&str; 3] = ["{{", "{%", "<%"];
    if matches!(language, Css | Html) {
        return MARKS.iter().any(|mark| text.contains(mark));
    }
    if matches!(language, Json | Toml | Yaml) {
        // In quotes it is for whoever reads the file, and so is an expression of a workflow.
        let is_mark = |line: &str, at: usize| {
            line[..at].matches('"').count().is_multiple_of(2) && !line[..at].ends_with('$')
        };
        return text
            .lines()
            .any(|line| MARKS.iter().any(|mark| line.match_indices(mark).any(|(at, _)| is_mark(line, at))));
    }
    // Elsewhere these may be code.
    let has = |open: &str, close: &str, is_code: fn(&str) -> bool| {
        text.lines().any(|line| {
            let Some((_, inside)) = line.split_once(open) else { return false };
            inside.split_once(close).is_some_and(|(inside, _)| is_code(inside))
        })
    };
    has("{%", "%}", |_| true) || has("<%", "%>", |_| true) || has("{{", "}}", is_expression)
}

/// Whether what stands between double braces is the expression of a template, rather than a literal of the language.
fn is_expression(text: &str) -> bool {
    let text = text.trim_matches(['-', '~', ' ']);
    text.starts_with(|c: char| c.is_alphabetic() || ".$#/_".contains(c))
        && !text.contains([':', ',', ';', '='])
}

/// Words of the names of files that are broken on purpose, for tests to read.
const BROKEN: [&str; 10] = [
    "bad",
    "broken",
    "corpus",
    "corrupt",
    "fuzz",
    "fuzztests",
    "invalid",
    "malformed",
    "torture",
    "truncated",
];
/// Words of the names of files that tests read, whatever they hold.
const SAMPLE: [&str; 7] = ["cases", "data", "fixture", "fixtures", "samples", "snapshots", "testdata"];

/// Whether the name of a file, or of a folder that it is in, has one of the words.
fn has_word(path: &RepoPath, words: &[&str]) -> bool {
    path.as_str().split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}
