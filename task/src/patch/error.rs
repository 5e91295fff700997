//! Why edits were refused, in words for the model: what failed, what the file has there, what to send again.

use std::fmt;
use std::ops::Range;

use super::{Applied, MAX_BYTES, MAX_EDITS, MAX_FILES, MatchStrategy};
use crate::context::role::Omission;
use crate::path::{PathError, RepoPath, Unportable, is_hidden};
use crate::protect::Reason;
use crate::protocol::Edit;

/// Lines of the file around a place that are shown with it.
const AROUND: usize = 2;
/// Lines of an excerpt at most.
const MAX_LINES: usize = 40;
/// Characters of a line of an excerpt at most.
const MAX_COLUMNS: usize = 200;
/// Refusals that are told in full; a model that gets all of them wrong does not learn from the rest.
const MAX_TOLD: usize = 10;

/// Why no patch came of a set of edits. Displayed, it is the text of the correction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditErrors {
    /// Some edits do not apply; `kept` are the others, to be resolved together with those that come in their place.
    Refused {
        errors: Vec<EditError>,
        kept: Vec<Edit>,
    },
    TooManyEdits(usize),
    TooManyFiles(usize),
    /// Bytes of all changed files.
    TooLarge(usize),
    /// Every edit leaves its file as it is, or there is none.
    NoChange(Vec<Applied>),
}

/// Why one edit was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditError {
    /// Which edit of the reply, from 1.
    pub number: usize,
    /// The line of the reply that it begins at, from 1.
    pub line: usize,
    /// The path as the model wrote it.
    pub path: String,
    pub refusal: Refusal,
}

/// The kinds of refusal. Line numbers are of the file, from 1; edit numbers from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Path(PathError),
    /// The file is there, but was not read.
    Unread(RepoPath),
    /// The file is there, and cannot be read.
    Unreadable(Omission),
    /// No such file; `alike` were read and have the same name.
    Missing {
        alike: Vec<RepoPath>,
    },
    AmbiguousPath(Vec<RepoPath>),
    Protected(Reason),
    /// The approved plan does not name the file.
    Unplanned,
    /// A new file where one is.
    Exists,
    /// The path is a folder.
    Folder,
    /// The path is a symbolic link or a submodule.
    Link,
    /// The path differs from another in letter case only, or two edits make it.
    Collides(RepoPath),
    /// The path has a file where it needs a folder.
    InsideFile(RepoPath),
    /// The path has a folder that is there in another letter case.
    FolderSpelling(RepoPath),
    /// A new file with a name that Windows cannot have.
    Unportable(Unportable),
    /// A whole file was written that was shown only in part.
    PartlyShown,
    /// A file was written that has nothing in it.
    Emptied,
    /// The file is not UTF-8.
    NotText,
    /// So many lines could divide the block, and the file does not tell which; and markers that would be clear, if any.
    Dividers {
        count: usize,
        markers: Option<String>,
    },
    /// SEARCH says of an end of the file what is not so.
    OtherEnd(&'static str),
    /// The lines of SEARCH are not at the end of the file that it speaks of; there are these.
    NotAtEnd(Excerpt),
    /// SEARCH is not in the file.
    Absent {
        closest: Option<Excerpt>,
        elsewhere: Option<RepoPath>,
    },
    /// SEARCH is in the file in several places, which begin at these lines.
    Ambiguous {
        strategy: MatchStrategy,
        lines: Vec<usize>,
    },
    /// SEARCH is nearly there, and the change touches what differs.
    Differs(Excerpt),
    /// It cannot be told how far new lines are to be indented.
    Indentation(Excerpt),
    /// SEARCH leaves lines out, REPLACE does not leave out the same.
    Elision,
    /// SEARCH is a part of a line, and its replacement cannot be put there safely.
    PartOfLine(Excerpt),
    /// The file that a new one is to take the place of is not moved.
    Unmoved,
    /// New text with a line that stands for code.
    Placeholder(String),
    /// Two edits change the same lines.
    Overlap {
        with: usize,
        line: usize,
    },
    /// Two edits of a file that exclude each other.
    Mixed {
        with: usize,
    },
}

/// Lines of a file, to be shown with their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The number of the first line, from 1.
    pub first: usize,
    pub lines: Vec<String>,
}

impl Excerpt {
    pub(super) fn new(file: &[&str], range: Range<usize>) -> Self {
        let start = range.start.saturating_sub(AROUND);
        let end = (range.end + AROUND).min(file.len()).min(start + MAX_LINES).max(start);
        let lines = file[start.min(file.len())..end.min(file.len())]
            .iter()
            .map(|line| line.chars().take(MAX_COLUMNS).collect())
            .collect();
        Self { first: start + 1, lines }
    }
}

impl std::error::Error for EditErrors {}

impl fmt::Display for EditErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { errors, kept } => refused(f, errors, kept.len()),
            Self::TooManyEdits(count) => {
                write!(f, "The reply has {count} edits; {MAX_EDITS} is the most. Make a smaller change.")
            }
            Self::TooManyFiles(count) => {
                write!(f, "The edits change {count} files; {MAX_FILES} is the most. Make a smaller change.")
            }
            Self::TooLarge(bytes) => write!(
                f,
                "The changed files have {bytes} bytes; {MAX_BYTES} is the most. Make a smaller change."
            ),
            Self::NoChange(applied) => {
                f.write_str("The edits leave every file as it is:")?;
                for applied in applied.iter().take(MAX_TOLD) {
                    write!(f, "\n- {applied}")?;
                }
                if applied.is_empty() {
                    f.write_str(" there is none.")?;
                }
                f.write_str("\nIf nothing has to change, answer with `SOLVED:`, the reason, and the lines that show it.")
            }
        }
    }
}

fn refused(f: &mut fmt::Formatter<'_>, errors: &[EditError], kept: usize) -> fmt::Result {
    let total = errors.len() + kept;
    writeln!(f, "{} of {total} edits cannot be applied, so no file was changed.", errors.len())?;
    for error in errors.iter().take(MAX_TOLD) {
        write!(f, "\nEdit {} ({}, line {} of the reply): ", error.number, visible(&error.path), error.line)?;
        writeln!(f, "{}", error.refusal)?;
    }
    if errors.len() > MAX_TOLD {
        writeln!(f, "\nAnd {} more.", errors.len() - MAX_TOLD)?;
    }
    match kept {
        0 => f.write_str("\nSend the edits again, corrected."),
        1 => f.write_str(
            "\nThe other edit is fine and kept: do not send it again. Send only what is corrected.",
        ),
        _ => write!(
            f,
            "\nThe other {kept} edits are fine and kept: do not send them again. Send only what is corrected."
        ),
    }
}

/// A path as written, short, and with what cannot be seen escaped.
fn visible(path: &str) -> String {
    let escaped = |c: char| if is_hidden(c) { c.escape_unicode().collect() } else { String::from(c) };
    path.chars().take(MAX_COLUMNS).map(escaped).collect()
}

impl fmt::Display for Refusal {
    #[expect(clippy::too_many_lines, reason = "one text for each refusal")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(error) => write!(f, "{error}."),
            Self::Unread(path) => {
                write!(f, "only files that you have read may be changed. Ask for it first: `READ: {path}`")
            }
            Self::Unreadable(omission) => {
                write!(f, "the file cannot be read: {}. Leave it out of the change.", omission.clause())
            }
            Self::Missing { alike } => {
                f.write_str("there is no such file.")?;
                if !alike.is_empty() {
                    write!(f, " Did you mean {}?", list(alike))?;
                }
                f.write_str(" A new file is written whole, with `WRITE:`.")
            }
            Self::AmbiguousPath(paths) => {
                write!(f, "the path could be {}. Write it in full.", list(paths))
            }
            Self::Protected(reason) => {
                write!(f, "the path is protected: {reason}. Leave it out of the change.")
            }
            Self::Unplanned => f.write_str(
                "the approved plan does not name this file. Leave it out if the plan can be carried out without it. If it \
                 cannot, send this edit once more, and say in the SUMMARY why it is needed.",
            ),
            Self::Exists => f.write_str(
                "a file of that name exists. Choose another name, or change it with SEARCH/REPLACE blocks.",
            ),
            Self::Folder => f.write_str("this is a folder. Name a file."),
            Self::Link => f.write_str(
                "this is a symbolic link or a submodule, which cannot be read or changed. Name the file that it \
                 leads to, or leave it out.",
            ),
            Self::Collides(other) => write!(
                f,
                "the path is that of {other}, which exists or is made by another edit; letter case does not tell \
                 files apart. Choose another name."
            ),
            Self::FolderSpelling(folder) => write!(
                f,
                "the folder is spelled {folder}; letter case does not tell folders apart. Use that spelling."
            ),
            Self::Unportable(reason) => write!(f, "{reason}, so no new file gets such a name. Choose another one."),
            Self::InsideFile(file) => write!(f, "{file} is a file and cannot hold others. Choose another folder."),
            Self::PartlyShown => f.write_str(
                "you have seen only a part of this file, so it cannot be written whole. Use SEARCH/REPLACE blocks.",
            ),
            Self::Emptied => f.write_str("nothing would be left of the file. To remove it, use `DELETE:`."),
            Self::NotText => f.write_str("the file is not UTF-8 text and cannot be changed."),
            Self::Dividers { count, markers } => dividers(f, *count, markers.as_deref()),
            Self::OtherEnd(why) => {
                write!(f, "{why}, other than SEARCH says. Copy the lines as they were given to you.")
            }
            Self::NotAtEnd(excerpt) => write!(
                f,
                "a block that changes how the file begins or ends has the first or the last lines of the file, \
                 exactly. The file has there:\n{excerpt}\nCopy these lines."
            ),
            Self::Absent { closest, elsewhere } => absent(f, closest.as_ref(), elsewhere.as_ref()),
            Self::Ambiguous { strategy, lines } => {
                let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
                write!(
                    f,
                    "SEARCH matches in several places ({strategy}), at lines {}. Add lines before or after until only \
                     one place matches.",
                    lines.join(", ")
                )
            }
            Self::Differs(excerpt) => write!(
                f,
                "SEARCH differs from the file in the very lines that are to change. The file has:\n{excerpt}\nCopy \
                 these lines exactly."
            ),
            Self::Indentation(excerpt) => write!(
                f,
                "the indentation of SEARCH is not that of the file, so that of the new lines is unclear. The file \
                 has:\n{excerpt}\nCopy these lines with their indentation."
            ),
            Self::Elision => f.write_str(
                "SEARCH leaves lines out, and REPLACE does not leave out the same. Write all lines, or split the \
                 block in two.",
            ),
            Self::PartOfLine(excerpt) => write!(
                f,
                "SEARCH is only a part of a line. The file has:\n{excerpt}\nCopy whole lines, with their indentation."
            ),
            Self::Unmoved => f.write_str(
                "it is a new file in the place of one that was to be moved, and the move was refused. Send it again \
                 together with the corrected move.",
            ),
            Self::Placeholder(line) => write!(
                f,
                "the new text has the line `{}`, which stands for code that is not there. Write all lines.",
                line.trim().chars().take(MAX_COLUMNS).collect::<String>()
            ),
            Self::Overlap { with, line } => write!(
                f,
                "it changes the same lines as edit {with}, at line {line} of the file. Join the two into one block."
            ),
            Self::Mixed { with } => write!(
                f,
                "it contradicts edit {with} of the same file. Write a file whole, or change it by blocks, or delete \
                 it, once."
            ),
        }
    }
}

impl Refusal {
    /// What is wrong, for people: a clause, without what the model is to do about it.
    pub fn account(&self) -> String {
        match self {
            Self::Path(error) => error.to_string(),
            Self::Unread(_) => "the model changed it without having read it".to_owned(),
            Self::Unreadable(omission) => format!("the file cannot be read: {}", omission.clause()),
            Self::Missing { .. } => "there is no such file".to_owned(),
            Self::AmbiguousPath(paths) => format!("the path could be {}", list(paths)),
            Self::Protected(reason) => format!("the path is protected: {reason}"),
            Self::Unplanned => "the approved plan does not name the file".to_owned(),
            Self::Exists => "a file of that name exists".to_owned(),
            Self::Folder => "this is a folder".to_owned(),
            Self::Link => "this is a symbolic link or a submodule".to_owned(),
            Self::Collides(other) => format!("the path is that of {other}, letter case aside"),
            Self::InsideFile(file) => format!("{file} is a file and cannot hold others"),
            Self::FolderSpelling(folder) => format!("the folder is spelled {folder} in the repository"),
            Self::Unportable(reason) => reason.to_string(),
            Self::Unmoved => "a new file takes the place of one that could not be moved".to_owned(),
            Self::Dividers { .. } => {
                "it is unclear where the old lines end and the new ones begin".to_owned()
            }
            Self::OtherEnd(why) => format!("{why}, other than the model says"),
            Self::NotAtEnd(_) => {
                "the change of how the file begins or ends is not at that end of it".to_owned()
            }
            Self::PartlyShown => "the model saw only a part of the file, and wrote it whole".to_owned(),
            Self::Emptied => "nothing would be left of the file".to_owned(),
            Self::NotText => "the file is not UTF-8 text".to_owned(),
            Self::Absent { elsewhere: Some(path), .. } => {
                format!("the lines to be replaced are not in the file, but in {path}")
            }
            Self::Absent { elsewhere: None, .. } => "the lines to be replaced are not in the file".to_owned(),
            Self::Ambiguous { lines, .. } => {
                let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
                format!(
                    "the lines to be replaced are in the file more than once, at lines {}",
                    lines.join(", ")
                )
            }
            Self::Differs(_) => "the lines to be replaced are not quite those of the file".to_owned(),
            Self::Indentation(_) => "the lines to be replaced are not indented as in the file".to_owned(),
            Self::Elision => "the lines to be replaced are not written out".to_owned(),
            Self::PartOfLine(_) => "only a part of a line would be replaced".to_owned(),
            Self::Placeholder(line) => format!(
                "the new text has the line `{}`, which stands for code that is not there",
                line.trim().chars().take(MAX_COLUMNS).collect::<String>()
            ),
            Self::Overlap { .. } => "two edits change the same lines".to_owned(),
            Self::Mixed { .. } => "two edits of the file contradict each other".to_owned(),
        }
    }
}

fn dividers(f: &mut fmt::Formatter<'_>, count: usize, markers: Option<&str>) -> fmt::Result {
    write!(f, "it has {count} lines that could divide it, and the file does not tell which of them does. ")?;
    match markers {
        Some(markers) => write!(f, "Use markers of another length in this block: {markers}."),
        None => f.write_str("Write the file whole, with `WRITE:`."),
    }
}

fn absent(
    f: &mut fmt::Formatter<'_>,
    closest: Option<&Excerpt>,
    elsewhere: Option<&RepoPath>,
) -> fmt::Result {
    f.write_str("SEARCH is not in the file.")?;
    if let Some(path) = elsewhere {
        write!(f, " It is in {path}: name that file above the block.")?;
    }
    match closest {
        Some(excerpt) => {
            write!(
                f,
                " The closest lines are:\n{excerpt}\nCopy the lines to be replaced exactly as they are."
            )
        }
        None if elsewhere.is_none() => {
            f.write_str(" Nothing in it is like these lines: copy them from the file as it was given to you.")
        }
        None => Ok(()),
    }
}

fn list(paths: &[RepoPath]) -> String {
    paths.iter().take(MAX_TOLD).map(RepoPath::as_str).collect::<Vec<_>>().join(" or ")
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Longer than any run of back ticks in the lines, so that none of them ends the block.
        let longest = self.lines.iter().map(|line| longest_run(line)).max().unwrap_or_default();
        let fence = "`".repeat(3.max(longest + 1));
        let width = (self.first + self.lines.len()).to_string().len();
        writeln!(f, "{fence}")?;
        for (at, line) in self.lines.iter().enumerate() {
            writeln!(f, "{}", format!("{:>width$} | {line}", self.first + at).trim_end())?;
        }
        f.write_str(&fence)
    }
}

fn longest_run(line: &str) -> usize {
    line.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}
