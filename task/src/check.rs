//! The *syntax gate*: what an edit broke, found in memory before anything is written.
//!
//! Only errors that a file did not have before count, because many a good file has some. Beside the grammar of its
//! language, every file is looked through for what language models leave behind in files. What could not be checked,
//! and what may be the grammar's mistake, is a note and stops nothing.

mod checked;
mod compare;
mod leftovers;
mod message;
#[cfg(test)]
mod tests;
pub(crate) mod unseen;

use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

pub use checked::{CheckedPatch, check};
use leftovers::Leftovers;
pub use message::Problem;

use crate::language::Language;
use crate::parser::{Findings, ParseError, ParseFault, Parsers, Unparsed};
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
    /// An error in a language whose grammar is often mistaken about good files.
    Suspect(Problem),
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
    Unclosed(char),
    Unopened(char),
    /// In the words of the Python parser.
    Python(String),
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

    let leftovers = Leftovers::added(path, before, after);
    let Some(language) = Language::of_file(path, after) else {
        return verdict(path, after, &leftovers.judged(None), Vec::new());
    };
    let parsed = parsers.check(language, after, leftovers.places(), deadline);
    let holders = parsed.as_ref().ok().map(|findings| (language, findings.holders.as_slice()));
    let mut errors = leftovers.judged(holders);
    let mut notes = Vec::new();
    match parsed.and_then(|findings| added(parsers, language, before, after, findings, deadline)) {
        Ok(found) => {
            errors.extend(found.certain);
            notes.extend(first_problems(after, &found.doubtful).0.into_iter().map(Note::Suspect));
        }
        Err(why) => notes.push(Note::Unchecked(why.into())),
    }
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
#[derive(Default)]
struct Found {
    certain: Vec<SyntaxError>,
    doubtful: Vec<SyntaxError>,
}

fn added(
    parsers: &Parsers,
    language: Language,
    before: Option<&str>,
    after: &str,
    findings: Findings,
    deadline: Instant,
) -> Result<Found, Unparsed> {
    if findings.errors.is_empty() {
        return Ok(Found::default());
    }
    let (errors, brackets) = (in_text(after, findings.errors), in_text(after, findings.brackets));
    let template = is_template(language, after);
    let grammar_errs = errs_on_good_files(language) || template;
    let Some(before) = before else {
        let brackets = if brackets_tell(language) && !has_branches(language) && !template {
            brackets
        } else {
            Vec::new()
        };
        return Ok(Found::new(brackets, errors, grammar_errs));
    };

    let findings = parsers.check(language, before, Vec::new(), deadline)?;
    let (errors_before, brackets_before) =
        (in_text(before, findings.errors), in_text(before, findings.brackets));
    let brackets = if brackets_tell(language) {
        compare::grown((before, &brackets_before), (after, brackets))
    } else {
        Vec::new()
    };
    let was_clean = errors_before.is_empty();
    let errors = compare::grown((before, &errors_before), (after, errors));
    Ok(Found::new(brackets, errors, grammar_errs && !was_clean))
}

fn in_text(text: &str, errors: Vec<ParseError>) -> Vec<SyntaxError> {
    let with_words = |ParseError { range, fault }| SyntaxError {
        fault: match fault {
            ParseFault::Unexpected => Fault::Unexpected(quote(&text[range.clone()])),
            ParseFault::Missing(token) => Fault::Missing(token),
            ParseFault::Unclosed(bracket) => Fault::Unclosed(bracket),
            ParseFault::Unopened(bracket) => Fault::Unopened(bracket),
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

impl Found {
    fn new(brackets: Vec<SyntaxError>, mut errors: Vec<SyntaxError>, grammar_errs: bool) -> Self {
        if !grammar_errs {
            let mut certain = brackets;
            certain.append(&mut errors);
            return Self { certain, doubtful: Vec::new() };
        }
        // What else the parser says in a text whose brackets do not pair is mostly their consequence.
        if !brackets.is_empty() {
            errors.clear();
        }
        Self { certain: brackets, doubtful: errors }
    }
}

/// Languages in which the grammar finds errors in one to fifty of a hundred committed files: macros, vendor
/// extensions, syntax newer than the grammar.
fn errs_on_good_files(language: Language) -> bool {
    use Language::{Bash, C, CSharp, Cpp, Css, Kotlin, Swift};
    matches!(language, Bash | C | CSharp | Cpp | Css | Kotlin | Swift)
}

/// Whether every bracket that is a token has a partner in a good file, or at least keeps its partner through a
/// good edit: not where `case` labels end with one, or literals begin with a character of one's choice.
fn brackets_tell(language: Language) -> bool {
    !matches!(language, Language::Bash | Language::Ruby)
}

/// Languages whose preprocessor may open one bracket in each of two branches, and close it once behind both.
fn has_branches(language: Language) -> bool {
    matches!(language, Language::C | Language::Cpp)
}

/// Whether the text looks like a template that yields a file of the language and need not be one.
fn is_template(language: Language, text: &str) -> bool {
    use Language::{Css, Html, Json, Toml, Yaml};
    matches!(language, Css | Html | Json | Toml | Yaml)
        && ["{{", "{%", "<%"].iter().any(|mark| text.contains(mark))
}
