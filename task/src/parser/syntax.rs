//! A *syntax tree* of one text, and the *errors* in it: places that the grammar has no rule for, and tokens that
//! the parser had to imagine.
//!
//! Trees are walked with cursors and never by recursion: text nested a hundred thousand levels deep costs memory
//! in proportion, and no stack. The parser itself keeps its stack on the heap.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use tree_sitter::{Node, ParseOptions, Parser, Tree, TreeCursor};

use super::wire::{Failure, Holder, HolderKind, MAX_ERRORS, ParseError, ParseFault, message};
use crate::language::Language;

/// Nodes visited between two looks at the clock.
const NODES_PER_TICK: usize = 4_096;

/// A text with its tree.
pub(super) struct Syntax<'t> {
    text: &'t str,
    tree: Tree,
}

impl<'t> Syntax<'t> {
    /// Parses `text`, at most until `deadline`.
    pub(super) fn parse(language: Language, text: &'t str, deadline: Instant) -> Result<Self, Failure> {
        let mut parser = Parser::new();
        parser
            .set_language(&language.grammar())
            .map_err(|error| Failure::Other(message(&error.to_string())))?;
        let mut tick = |_: &tree_sitter::ParseState| {
            if Instant::now() < deadline { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        // A short text is parsed before the parser first looks at the clock.
        if Instant::now() >= deadline {
            return Err(Failure::OutOfTime);
        }
        let bytes = text.as_bytes();
        let tree = parser
            .parse_with_options(
                &mut |at, _| bytes.get(at..).unwrap_or_default(),
                None,
                Some(ParseOptions::new().progress_callback(&mut tick)),
            )
            .ok_or(Failure::OutOfTime)?;
        Ok(Self { text, tree })
    }

    pub(super) fn walker(&self) -> TreeCursor<'_> {
        self.tree.walk()
    }

    /// Every error, in the order of the text, the outer before those inside it.
    pub(super) fn errors(&self, deadline: Instant) -> Result<Vec<ParseError>, Failure> {
        let mut errors = Vec::new();
        if !self.tree.root_node().has_error() {
            return Ok(errors);
        }
        self.walk(deadline, |node| {
            if node.is_missing() {
                let fault = ParseFault::Missing(message(node.kind()));
                errors.push(ParseError { range: node.byte_range(), fault });
            } else if node.is_error() {
                errors.push(ParseError { range: node.byte_range(), fault: ParseFault::Unexpected });
            }
            if errors.len() >= MAX_ERRORS {
                return Visit::Stop;
            }
            if node.has_error() { Visit::Inside } else { Visit::Past }
        })?;
        Ok(errors)
    }

    /// Brackets that no other one closes or opens, in the order of the text.
    ///
    /// Brackets in strings and comments are no tokens and do not count. When one is missing, every later one pairs
    /// with the wrong partner and the outermost is left over; a partner on a line indented less than the bracket's
    /// own tells where that began.
    pub(super) fn unmatched_brackets(&self, deadline: Instant) -> Result<Vec<ParseError>, Failure> {
        let mut open: Vec<(char, Range<usize>)> = Vec::new();
        let mut unmatched = Vec::new();
        let mut suspects: Vec<(char, Range<usize>)> = Vec::new();
        self.walk(deadline, |node| {
            if node.child_count() > 0 {
                return Visit::Inside;
            }
            let range = node.byte_range();
            match (node.kind(), node.kind().chars().next_back()) {
                // Alone, or as the beginning of an interpolation or an attribute.
                ("(" | "[" | "{" | "${" | "#{" | "\\(" | "#[", Some(bracket)) if !range.is_empty() => {
                    open.push((bracket, range));
                }
                (")" | "]" | "}", Some(bracket)) if !range.is_empty() => {
                    let opening = match bracket {
                        ')' => '(',
                        ']' => '[',
                        _ => '{',
                    };
                    // What was opened since the partner can no longer be closed.
                    match open.iter().rposition(|(other, _)| *other == opening) {
                        Some(at) => {
                            let mut closed = open.drain(at..);
                            suspects
                                .extend(closed.next().filter(|(_, partner)| self.dedents(partner, &range)));
                            unmatched.extend(closed.map(unclosed));
                        }
                        None => unmatched.push(ParseError { range, fault: ParseFault::Unopened(bracket) }),
                    }
                }
                _ => {}
            }
            if unmatched.len() >= MAX_ERRORS { Visit::Stop } else { Visit::Past }
        })?;
        for (bracket, range) in open.into_iter().take(MAX_ERRORS - unmatched.len()) {
            let suspect = suspects.iter().position(|(other, at)| *other == bracket && at.start > range.start);
            let culprit = suspect.map_or((bracket, range), |at| suspects.remove(at));
            unmatched.push(unclosed(culprit));
        }
        unmatched.sort_by_key(|error| error.range.start);
        Ok(unmatched)
    }

    /// Whether a closing bracket begins a line that is indented less than the line of its partner.
    fn dedents(&self, opening: &Range<usize>, closing: &Range<usize>) -> bool {
        let indent = |at: usize| {
            let line = &self.text[line_start(self.text, at)..];
            line.len() - line.trim_start_matches([' ', '\t']).len()
        };
        let column = closing.start - line_start(self.text, closing.start);
        column == indent(closing.start) && column < indent(opening.start)
    }

    /// The comment or the string that covers the byte at `at` and starts before it: the outermost comment if there is
    /// one, or else the outermost string.
    pub(super) fn holder(&self, at: usize) -> Option<Holder> {
        let mut cursor = self.tree.walk();
        let mut string = None;
        loop {
            let node = cursor.node();
            let range = node.byte_range();
            if range.start < at && at < range.end && !node.is_error() {
                match holder_kind(node.kind()) {
                    Some(kind @ HolderKind::Comment) => return Some(Holder { kind, range }),
                    Some(kind @ HolderKind::String) => {
                        string.get_or_insert(Holder { kind, range });
                    }
                    None => {}
                }
            }
            if cursor.goto_first_child_for_byte(at).is_none() {
                return string;
            }
        }
    }

    fn walk(&self, deadline: Instant, mut visit: impl FnMut(Node<'_>) -> Visit) -> Result<(), Failure> {
        let mut cursor = self.tree.walk();
        for count in 1_usize.. {
            if count.is_multiple_of(NODES_PER_TICK) && Instant::now() >= deadline {
                return Err(Failure::OutOfTime);
            }
            match visit(cursor.node()) {
                Visit::Inside if cursor.goto_first_child() => continue,
                Visit::Inside | Visit::Past => {}
                Visit::Stop => break,
            }
            if !go_past(&mut cursor) {
                break;
            }
        }
        Ok(())
    }
}

/// Where a walk goes after a node.
enum Visit {
    /// To its first child, if it has one.
    Inside,
    /// To what follows it.
    Past,
    Stop,
}

/// Moves to the node that follows in the text; `false` at the end.
fn go_past(cursor: &mut TreeCursor<'_>) -> bool {
    loop {
        if cursor.goto_next_sibling() {
            return true;
        }
        if !cursor.goto_parent() {
            return false;
        }
    }
}

fn unclosed((bracket, range): (char, Range<usize>)) -> ParseError {
    ParseError { range, fault: ParseFault::Unclosed(bracket) }
}

/// What the node kinds of all grammars call comments, and what they call text.
fn holder_kind(kind: &str) -> Option<HolderKind> {
    if kind.contains("comment") {
        Some(HolderKind::Comment)
    } else if ["string", "heredoc", "nowdoc", "scalar"].iter().any(|part| kind.contains(part)) {
        Some(HolderKind::String)
    } else {
        None
    }
}

/// The byte at which the line of the byte at `at` begins.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}
