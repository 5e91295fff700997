//! An *answer* is what a reply of the model says, before anything is known of the files that it names.

use super::paths::Paths;
use super::request::{self, Requests};
use super::rule::Rule;
use super::solved::Solved;
use super::word::Word;

/// See the module's documentation. Made by [`Answer::read`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub title: Option<String>,
    pub summary: Option<String>,
    /// What the model asks to see.
    pub requests: Requests,
    /// Why the model declines.
    pub cannot: Option<String>,
    /// Why nothing has to change, as the model says.
    pub solved: Option<Solved>,
    /// What it says to numbered comments, each number once.
    pub words: Vec<Word>,
    /// What it proposes for the repository's instructions.
    pub rules: Vec<Rule>,
    /// The changes that it proposes, in their order, or why none of them can be read.
    pub edits: Result<Vec<Edit>, ReadError>,
    /// What was meant as a change, it seems, and is none.
    pub misfit: Option<Misfit>,
    pub(super) text: String,
    headings: Vec<Heading>,
}

/// One proposed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file as the model named it, decoration taken off; not yet checked.
    pub path: String,
    /// Where the edit begins in the reply, 1-based.
    pub line: usize,
    pub action: Action,
}

/// What an edit does to its file. Every text has `\n` at the end of each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Puts `replace` where `search` stands.
    Replace(Halves),
    /// A block that several lines could divide: one of these, and the file tells which.
    Undivided(Vec<Halves>),
    /// Makes a new file.
    Create { content: String },
    /// Makes a new file or replaces a whole one.
    Write { content: String },
    /// Removes the file.
    Delete,
    /// Moves the file; blocks may name it either way.
    Rename { to: String },
}

/// The two parts of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halves {
    pub search: String,
    pub replace: String,
}

/// What a model may write in place of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The line of a directive that stands in a code block.
    HiddenDirective { line: usize },
    /// The line that a diff begins at.
    Diff { line: usize },
    /// The line that a code block begins at.
    CodeBlock { line: usize },
    /// A line that has the look of a request and asks for nothing.
    Request { line: usize },
    /// There is nothing in addition to thinking.
    Nothing,
}

/// Why the edits of a reply cannot be read. The text is for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error(
        "the SEARCH/REPLACE block at line {line} of the reply never reaches `>>>>>>> REPLACE`. \
         The reply may have been cut; send all edits again, in fewer and shorter blocks"
    )]
    Unclosed { line: usize },
    #[error(
        "the SEARCH/REPLACE block at line {line} of the reply has no `=======` line between its two parts. \
         Send all edits again"
    )]
    NoDivider { line: usize },
    #[error(
        "the SEARCH/REPLACE block at line {line} of the reply has {count} lines that could divide it. If the file \
         has `=======` lines, use markers with nine characters: `<<<<<<<<< SEARCH`, `=========`, \
         `>>>>>>>>> REPLACE`. Send all edits again"
    )]
    Dividers { line: usize, count: usize },
    #[error(
        "line {line} of the reply looks like a marker, but is none: markers are `<<<<<<< SEARCH`, `=======` and \
         `>>>>>>> REPLACE`, each alone at the start of its line. Send all edits again"
    )]
    StrayMarker { line: usize },
    #[error(
        "the SEARCH/REPLACE block at line {line} of the reply names no file. Put the path alone on the line above \
         it. Send all edits again"
    )]
    NoName { line: usize },
    #[error(
        "the name above the SEARCH/REPLACE block at line {line} of the reply, `{text}`, is that of no file that was \
         given. Put the path alone on the line above the block, spelled as it was given; write a new file with \
         `WRITE: path`. Send all edits again"
    )]
    UnclearName { line: usize, text: String },
    #[error(
        "the SEARCH/REPLACE block at line {line} of the reply could be for `{one}` or for `{other}`. Put the path \
         alone on the line above it, and no other path between it and the edit before. Send all edits again"
    )]
    TwoNames { line: usize, one: String, other: String },
    #[error("line {line} of the reply is not `RENAME: old/path -> new/path`. Send all edits again")]
    BadRename { line: usize },
    #[error("`{directive}:` at line {line} of the reply names no path. Send all edits again")]
    NoPath { line: usize, directive: &'static str },
    #[error(
        "`WRITE:` at line {line} of the reply is not followed by a fenced block with the whole file. To change a \
         part of a file, use a SEARCH/REPLACE block without `WRITE:`. Send all edits again"
    )]
    NoContent { line: usize },
    #[error(
        "the file written at line {line} of the reply is not closed by its fence. The reply may have been cut; \
         send all edits again"
    )]
    UnclosedFile { line: usize },
    #[error(
        "it is unclear where the file written at line {line} of the reply ends. Use a fence that is longer than \
         any inside the file, such as six back ticks, and send all edits again"
    )]
    FenceInFile { line: usize },
    #[error(
        "a code block that begins at line {line} of the reply is never closed, and has a directive in it. \
         Directives stand outside code blocks. Send all edits again"
    )]
    UnclosedFence { line: usize },
    #[error(
        "`{directive}:` at line {line} of the reply stands in a code block, where it does not count. Directives stand \
         outside code blocks. Send all edits again"
    )]
    HiddenDirective { line: usize, directive: &'static str },
    #[error(
        "the edits before line {line} of the reply stand inside of `{tag}`, so it is unclear whether they are a draft. \
         Send nothing but the answer, without such tags"
    )]
    InsideTag { line: usize, tag: String },
    #[error(
        "line {line} of the reply begins or ends thinking, and there are edits before it, so it is unclear where the \
         answer begins. Send nothing but the answer"
    )]
    Thinking { line: usize },
}

/// A heading outside of code and edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    /// Where its line begins, in bytes.
    pub(super) start: usize,
    /// Where the text below it begins.
    pub(super) body: usize,
    pub(super) name: String,
}

impl Answer {
    /// Whether this reading of a text finds in it what the other one does not.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        let is_sound = self.edits.as_ref().is_ok_and(|edits| !edits.is_empty());
        let proposes = |answer: &Self| answer.edits.as_ref().map_or(0, Vec::len);
        (is_sound || self.says_something()) && proposes(self) >= proposes(other)
    }

    /// Whether anything of the form is in it beside edits, a title and a summary.
    fn says_something(&self) -> bool {
        let Self {
            title: _,
            summary: _,
            requests,
            cannot,
            solved,
            words,
            rules,
            edits: _,
            misfit: _,
            text: _,
            headings,
        } = self;
        !requests.is_empty()
            || cannot.is_some()
            || solved.is_some()
            || !words.is_empty()
            || !rules.is_empty()
            || !headings.is_empty()
    }

    /// Whether nothing of the form is in it, so that what is asked for in a code block may count.
    pub(super) fn says_nothing(&self) -> bool {
        self.title.is_none() && !self.says_something()
    }

    pub(super) fn of(text: &str) -> Self {
        Self {
            title: None,
            summary: None,
            requests: Requests::default(),
            cannot: None,
            solved: None,
            words: Vec::new(),
            rules: Vec::new(),
            edits: Ok(Vec::new()),
            misfit: None,
            text: text.to_owned(),
            headings: Vec::new(),
        }
    }

    pub(super) fn push_heading(&mut self, heading: Heading) {
        self.headings.push(heading);
    }

    /// Whether it proposes nothing and gives no reason, so that lines count that only look like requests. `odd` is how
    /// many of its headings are such lines.
    pub(super) fn may_only_ask(&self, odd: usize) -> bool {
        self.cannot.is_none()
            && self.solved.is_none()
            && self.words.is_empty()
            && self.rules.is_empty()
            && self.headings.len() == odd
    }

    /// The paths that stand alone on lines of an answer that says nothing else.
    pub(crate) fn bare_paths(&self, paths: &Paths<'_>) -> Vec<String> {
        let is_bare = self.edits.as_ref().is_ok_and(Vec::is_empty) && self.says_nothing();
        if is_bare { request::bare_paths(&self.text, paths) } else { Vec::new() }
    }

    /// The reply, as a conversation goes on with it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text from the heading of that name on, letter case aside, in its sections.
    pub(crate) fn document(&self, first: &str) -> Option<Document<'_>> {
        let at = self.headings.iter().position(|heading| heading.name.eq_ignore_ascii_case(first))?;
        Some(Document { text: &self.text, headings: &self.headings[at..] })
    }
}

/// A part of an answer that runs from one heading to the end, such as a plan.
pub(crate) struct Document<'a> {
    text: &'a str,
    headings: &'a [Heading],
}

impl<'a> Document<'a> {
    /// All of it, from its first heading on.
    pub(crate) fn text(&self) -> &'a str {
        self.headings.first().map_or("", |first| &self.text[first.start..])
    }

    /// The text below a heading, up to the next one.
    pub(crate) fn section(&self, name: &str) -> Option<&'a str> {
        let at = self.headings.iter().position(|heading| heading.name.eq_ignore_ascii_case(name))?;
        let end = self.headings.get(at + 1).map_or(self.text.len(), |next| next.start);
        Some(&self.text[self.headings[at].body..end])
    }
}
