//! How errors are told to the model: where, what, and the lines around with a caret under the place.

use std::fmt::{self, Write as _};

use super::{Fault, FileErrors, Note, SyntaxError, SyntaxErrors, line_start};

/// Lines shown before and after the one at fault.
const AROUND: usize = 2;
/// Characters of a line that are shown.
const MAX_WIDTH: usize = 160;

/// An error as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// One clause: what was found, or what was expected.
    pub what: String,
    /// The lines around with their numbers, a caret under the place; ends with a line break.
    excerpt: String,
}

impl Problem {
    pub(super) fn new(text: &str, error: &SyntaxError) -> Self {
        let start = place(text, error);
        let line_start = line_start(text, start);
        let line = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let end_of_line = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let width = text[start..error.range.end.clamp(start, end_of_line)].trim_end().chars().count();
        Self { line, column, what: what(&error.fault), excerpt: excerpt(text, line, column, width.max(1)) }
    }
}

/// The byte at which the fault is best shown. A grammar's error may begin with the blank space before it.
fn place(text: &str, error: &SyntaxError) -> usize {
    let found = &text[error.range.clone()];
    error.range.start + if found.trim().is_empty() { 0 } else { found.len() - found.trim_start().len() }
}

pub(super) fn what(fault: &Fault) -> String {
    match fault {
        Fault::Unexpected(quote) if quote.is_empty() => "something is missing here".to_owned(),
        Fault::Unexpected(quote) => format!("`{quote}` does not fit here"),
        Fault::Missing(token) if token.chars().any(char::is_alphanumeric) => {
            format!("expected {} here", token.replace('_', " "))
        }
        Fault::Missing(token) => format!("expected `{token}` here"),
        Fault::Unclosed(bracket) => format!("this `{bracket}` is never closed"),
        Fault::Unopened(bracket) => format!("this `{bracket}` closes nothing"),
        Fault::Python(message) | Fault::Other(message) => message.clone(),
        Fault::CodeFence => "a code fence was left in the file".to_owned(),
        Fault::ConflictMarker => "a conflict marker was left in the file".to_owned(),
        Fault::EditMarker => "a marker of the edit format was left in the file".to_owned(),
        Fault::Elision => "this stands for code that is left out; write all of it".to_owned(),
        Fault::Unseen(c) => format!(
            "a character that a reviewer does not see (U+{:04X}) was put here; leave it out, or write it as an escape",
            u32::from(*c)
        ),
    }
}

fn excerpt(text: &str, line: usize, column: usize, width: usize) -> String {
    let first = line.saturating_sub(AROUND).max(1);
    // A caret far to the right is kept in sight by cutting the same characters off every line.
    let cut = if column > MAX_WIDTH * 3 / 4 { column - MAX_WIDTH / 2 } else { 0 };
    let digits = (line + AROUND).to_string().len();
    // What follows the last line break is no line.
    let last = text.matches('\n').count() + 1;
    let mut excerpt = String::new();
    for (number, shown) in text.split('\n').enumerate().skip(first - 1).take(line - first + 1 + AROUND) {
        let number = number + 1;
        let shown: String = shown.trim_end().chars().skip(cut).take(MAX_WIDTH).collect();
        let indent: String =
            shown.chars().take(column - 1 - cut).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        if shown.is_empty() && number > line && number == last {
            break;
        }
        writeln!(excerpt, "{}", format!("{number:>digits$} | {shown}").trim_end())
            .expect("writing to a string cannot fail");
        if number == line {
            let missing = (column - 1 - cut).saturating_sub(indent.chars().count());
            let carets = "^".repeat(width.min(MAX_WIDTH - (column - 1 - cut).min(MAX_WIDTH - 1)));
            writeln!(excerpt, "{:digits$} | {indent}{:missing$}{carets}", "", "")
                .expect("writing to a string cannot fail");
        }
    }
    excerpt
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}\n{}", self.line, self.column, self.what, self.excerpt)
    }
}

impl fmt::Display for FileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: the edit breaks this file.", self.path)?;
        for problem in &self.problems {
            write!(f, "\n{problem}")?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "\nand {more} more lines have errors, which may follow from these."),
        }
    }
}

impl fmt::Display for SyntaxErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, file) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{file}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchecked(why) => write!(f, "not checked: {why}"),
            Self::Unusual(problem) => write!(
                f,
                "line {}, column {}: {}, unless it is meant to be there",
                problem.line, problem.column, problem.what
            ),
            Self::Suspect(problem) => {
                write!(
                    f,
                    "line {}, column {}: {}, or the grammar is mistaken",
                    problem.line, problem.column, problem.what
                )
            }
        }
    }
}
