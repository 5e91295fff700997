//! An *edit* is one change that the model proposes, before anything is known of the files it names.
//!
//! The grammar of a reply, line by line; everything that it does not name is prose and ignored:
//!
//! ```text
//! reply     = { block | delete | rename | write | prose }
//! block     = [ name ] head { line } divider { line } end       lines to find, lines in their place
//! head      = 5 to 9 "<", "SEARCH"
//! divider   = 5 to 9 "="
//! end       = 5 to 9 ">", "REPLACE"
//! delete    = "DELETE:" path
//! rename    = "RENAME:" path "->" path
//! write     = "WRITE:" path, fence { line } fence               the whole file
//! fence     = 3 or more "`" or "~"
//! ```
//!
//! - Markers and directives begin at the start of a line. Trailing white space and carriage returns do not count.
//! - An empty search makes a new file.
//! - The *name* of a block's file stands above it, alone on its line or the only path in a sentence, or in the info
//!   string of a fence around the block; a comment sign, `File:`, bold type and back ticks around it are taken off.
//!   A block without a name belongs to the file of the edit before it.
//! - Fences around blocks are ignored. Directives are read outside code blocks only.
//! - Markers inside a block are file content if they are shorter than the block's own. The divider has the length
//!   of the head; where content has lines like it, an equal number on both sides, it is the middle one.
//! - A written file ends at the first fence as long as the one that opened it; a fence with an info string inside
//!   opens a nested one. Where that leaves doubt, the reply is refused and a longer fence asked for.
//! - A reply that ends inside a block or a written file was cut, and is refused whole.

mod marker;
mod name;

use marker::{Directive, Fence, Marker};

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
    Replace { search: String, replace: String, divider: Divider },
    /// Makes a new file.
    Create { content: String },
    /// Makes a new file or replaces a whole one.
    Write { content: String },
    /// Removes the file.
    Delete,
    /// Moves the file; other edits may name it either way.
    Rename { to: String },
}

/// How sure it is which line divides a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divider {
    Sole,
    /// Several lines could be; this is the middle one, so the search must match to the letter.
    Middle,
}

/// Why a reply was refused before any file was looked at. The text is for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
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
}

/// Reads the edits out of a reply, in their order. Prose without edits has none.
pub fn parse(reply: &str) -> Result<Vec<Edit>, ParseError> {
    let reply = reply.strip_prefix('\u{feff}').unwrap_or(reply);
    let lines = reply.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut parser = Parser {
        lines,
        at: 0,
        gap: 0,
        edits: Vec::new(),
        previous: None,
        fences: Vec::new(),
        hidden: HiddenDirective::None,
    };
    while parser.at < parser.lines.len() {
        parser.step()?;
    }
    match (parser.fences.first(), parser.hidden) {
        (Some((_, line)), HiddenDirective::Seen) => Err(ParseError::UnclosedFence { line: line + 1 }),
        _ => Ok(parser.edits),
    }
}

struct Parser<'a> {
    lines: Vec<&'a str>,
    /// The line that is read next.
    at: usize,
    /// The first line after the last edit: names are looked for from here on.
    gap: usize,
    edits: Vec<Edit>,
    /// The file of the edit before.
    previous: Option<String>,
    /// Open code blocks, outermost first, and their lines.
    fences: Vec<(Fence<'a>, usize)>,
    hidden: HiddenDirective,
}

/// Whether the open code blocks hold what would be a directive outside.
#[derive(Clone, Copy)]
enum HiddenDirective {
    None,
    Seen,
}

impl<'a> Parser<'a> {
    fn step(&mut self) -> Result<(), ParseError> {
        let line = self.lines[self.at];
        match Marker::of(line) {
            Some(Marker::Head(length)) => return self.block(length),
            Some(Marker::End(_)) => return Err(ParseError::StrayMarker { line: self.at + 1 }),
            None if marker::is_botched(line) => {
                return Err(ParseError::StrayMarker { line: self.at + 1 });
            }
            Some(Marker::Divider(_)) | None => {}
        }
        if let Some(fence) = Fence::of(line) {
            self.fence(fence);
        } else if let Some((directive, argument)) = Directive::of(line) {
            if self.fences.is_empty() {
                return self.directive(directive, argument);
            }
            if directive.is_edit() {
                self.hidden = HiddenDirective::Seen;
            }
        }
        self.at += 1;
        Ok(())
    }

    fn fence(&mut self, fence: Fence<'a>) {
        let closes = self.fences.last().is_some_and(|(open, _)| fence.closes(open));
        if closes {
            self.fences.pop();
        } else {
            self.fences.push((fence, self.at));
        }
        if self.fences.is_empty() {
            self.hidden = HiddenDirective::None;
        }
    }

    fn directive(&mut self, directive: Directive, argument: &str) -> Result<(), ParseError> {
        let start = self.at;
        self.at += 1;
        match directive {
            Directive::Other => {}
            Directive::Delete => {
                let path = directive_path(argument, start, "DELETE")?;
                self.push(path, start, Action::Delete);
                self.previous = None;
            }
            Directive::Rename => {
                let (from, to) =
                    argument.split_once("->").ok_or(ParseError::BadRename { line: start + 1 })?;
                let path = directive_path(from, start, "RENAME")?;
                let to = directive_path(to, start, "RENAME")?;
                self.push(path, start, Action::Rename { to: to.clone() });
                self.previous = Some(to);
            }
            Directive::Write => {
                let path = directive_path(argument, start, "WRITE")?;
                let content = self.content(start)?;
                self.push(path, start, Action::Write { content });
            }
        }
        self.gap = self.at;
        Ok(())
    }

    /// Reads the fenced file that follows a `WRITE:` at line `start`.
    fn content(&mut self, start: usize) -> Result<String, ParseError> {
        let line = start + 1;
        while self.lines.get(self.at).is_some_and(|text| text.trim().is_empty()) {
            self.at += 1;
        }
        let open =
            self.lines.get(self.at).and_then(|text| Fence::of(text)).ok_or(ParseError::NoContent { line })?;
        let first = self.at + 1;
        if self.lines.get(first).is_some_and(|text| matches!(Marker::of(text), Some(Marker::Head(_)))) {
            return Err(ParseError::NoContent { line });
        }
        let mut nested = 0_usize;
        for at in first..self.lines.len() {
            let Some(fence) = Fence::of(self.lines[at]) else { continue };
            if fence.closes(&open) {
                if nested > 0 {
                    nested -= 1;
                    continue;
                }
                self.at = at + 1;
                if self.has_loose_fence() {
                    return Err(ParseError::FenceInFile { line });
                }
                return Ok(join(&self.lines[first..at]));
            } else if fence.nests_in(&open) {
                nested += 1;
            }
        }
        Err(ParseError::UnclosedFile { line })
    }

    /// Whether a fence stands between here and the next edit that is not that edit's own.
    fn has_loose_fence(&self) -> bool {
        let mut fences = 0_usize;
        let mut since = 0_usize;
        for line in &self.lines[self.at..] {
            if matches!(Marker::of(line), Some(Marker::Head(_))) {
                // The opening fence of the block, and at most its name between the two.
                return !(fences == 0 || (fences == 1 && since <= 1));
            }
            if Fence::of(line).is_some() {
                fences += 1;
                since = 0;
            } else if fences == 0 && Directive::of(line).is_some_and(|(directive, _)| directive.is_edit()) {
                return false;
            } else if !line.trim().is_empty() {
                since += 1;
            }
        }
        fences > 0
    }

    fn block(&mut self, length: usize) -> Result<(), ParseError> {
        let start = self.at;
        let line = start + 1;
        let end = self.end_of_block(length)?;
        let dividers = |wanted: Option<usize>| -> Vec<usize> {
            (start + 1..end)
                .filter(|at| match Marker::of(self.lines[*at]) {
                    Some(Marker::Divider(found)) => wanted.is_none_or(|wanted| wanted == found),
                    _ => false,
                })
                .collect()
        };
        let mut candidates = dividers(Some(length));
        if candidates.is_empty() {
            candidates = dividers(None);
            if candidates.len() > 1 {
                return Err(ParseError::Dividers { line, count: candidates.len() });
            }
        }
        let count = candidates.len();
        let (at, divider) = match count {
            0 => return Err(ParseError::NoDivider { line }),
            1 => (candidates[0], Divider::Sole),
            _ if count % 2 == 1 => (candidates[count / 2], Divider::Middle),
            _ => return Err(ParseError::Dividers { line, count }),
        };
        let search = join(&self.lines[start + 1..at]);
        let replace = join(&self.lines[at + 1..end]);
        let path = name::of_block(&self.lines[self.gap..start], self.previous.as_deref())
            .ok_or(ParseError::NoName { line })?;
        let action = if search.trim().is_empty() {
            Action::Create { content: replace }
        } else {
            Action::Replace { search, replace, divider }
        };
        self.push(path, start, action);
        self.at = end + 1;
        self.gap = self.at;
        self.close_fence_after_block();
        Ok(())
    }

    /// The line of the end marker of the block that begins here.
    fn end_of_block(&self, length: usize) -> Result<usize, ParseError> {
        let start = self.at;
        let unclosed = ParseError::Unclosed { line: start + 1 };
        let mut any_end = None;
        let mut nested = 0_usize;
        let mut dividers = 0_usize;
        for (at, line) in self.lines.iter().enumerate().skip(start + 1) {
            match Marker::of(line) {
                Some(Marker::Head(other)) if other >= length => break,
                Some(Marker::Head(_)) if any_end.is_none() => nested += 1,
                Some(Marker::End(other)) if other == length => return Ok(at),
                Some(Marker::End(_)) if any_end.is_none() => any_end = Some(at),
                Some(Marker::Divider(_)) if any_end.is_none() => dividers += 1,
                _ => {}
            }
        }
        // A marker that was miscounted, in a block that cannot be read in two ways.
        any_end.filter(|_| nested == 0 && dividers == 1).ok_or(unclosed)
    }

    /// The fence around a block is closed by the next one, whatever its length.
    fn close_fence_after_block(&mut self) {
        let next = self.lines[self.at..].iter().position(|line| !line.trim().is_empty());
        if let Some(next) = next
            && !self.fences.is_empty()
            && Fence::of(self.lines[self.at + next]).is_some_and(|fence| fence.is_bare())
        {
            self.fences.pop();
            self.at += next + 1;
            self.gap = self.at;
            if self.fences.is_empty() {
                self.hidden = HiddenDirective::None;
            }
        }
    }

    fn push(&mut self, path: String, start: usize, action: Action) {
        self.previous = Some(path.clone());
        self.edits.push(Edit { path, line: start + 1, action });
    }
}

fn directive_path(argument: &str, start: usize, directive: &'static str) -> Result<String, ParseError> {
    let path = name::undecorated(argument);
    if path.is_empty() { Err(ParseError::NoPath { line: start + 1, directive }) } else { Ok(path) }
}

fn join(lines: &[&str]) -> String {
    let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
