//! A *syntax tree* of one text, and the *errors* in it: places that the grammar has no rule for, and tokens that
//! the parser had to imagine.
//!
//! Trees are walked with cursors and never by recursion: text nested a hundred thousand levels deep costs memory
//! in proportion, and no stack. The parser itself keeps its stack on the heap.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use tree_sitter::{Node, ParseOptions, Parser, Tree, TreeCursor};

use super::{Fault, SyntaxError, Unchecked, line_start};
use crate::language::Language;

/// Errors kept of one text; what lies behind so many adds nothing.
const MAX_ERRORS: usize = 2_000;
/// Characters of the offending text that are kept.
const MAX_QUOTE: usize = 60;
/// Nodes visited between two looks at the clock.
const NODES_PER_TICK: usize = 4_096;

/// A text with its tree.
pub(super) struct Syntax<'t> {
    text: &'t str,
    tree: Tree,
}

impl<'t> Syntax<'t> {
    /// Parses `text`, at most until `deadline`.
    pub(super) fn parse(language: Language, text: &'t str, deadline: Instant) -> Result<Self, Unchecked> {
        let mut parser = Parser::new();
        parser
            .set_language(&language.grammar())
            .map_err(|error| Unchecked::ParserFailed(error.to_string()))?;
        let mut tick = |_: &tree_sitter::ParseState| {
            if Instant::now() < deadline { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        // A short text is parsed before the parser first looks at the clock.
        if Instant::now() >= deadline {
            return Err(Unchecked::OutOfTime);
        }
        let bytes = text.as_bytes();
        let tree = parser
            .parse_with_options(
                &mut |at, _| bytes.get(at..).unwrap_or_default(),
                None,
                Some(ParseOptions::new().progress_callback(&mut tick)),
            )
            .ok_or(Unchecked::OutOfTime)?;
        Ok(Self { text, tree })
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Every error, in the order of the text, the outer before those inside it.
    pub(super) fn errors(&self, deadline: Instant) -> Result<Vec<SyntaxError>, Unchecked> {
        let mut errors = Vec::new();
        if !self.tree.root_node().has_error() {
            return Ok(errors);
        }
        self.walk(deadline, |node| {
            if node.is_missing() {
                let fault = Fault::Missing(node.kind().to_owned());
                errors.push(SyntaxError { range: node.byte_range(), fault });
            } else if node.is_error() {
                let fault = Fault::Unexpected(quote(&self.text[node.byte_range()]));
                errors.push(SyntaxError { range: node.byte_range(), fault });
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
    pub(super) fn unmatched_brackets(&self, deadline: Instant) -> Result<Vec<SyntaxError>, Unchecked> {
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
                        None => unmatched.push(SyntaxError { range, fault: Fault::Unopened(bracket) }),
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

    /// The text of the outermost node that covers the byte at `at`, starts before it, and is of a kind that `wanted`
    /// names.
    pub(super) fn enclosing(&self, at: usize, wanted: impl Fn(&str) -> bool) -> Option<&'t str> {
        let mut cursor = self.tree.walk();
        loop {
            let node = cursor.node();
            if node.start_byte() < at && at < node.end_byte() && !node.is_error() && wanted(node.kind()) {
                return Some(&self.text[node.byte_range()]);
            }
            cursor.goto_first_child_for_byte(at)?;
        }
    }

    fn walk(&self, deadline: Instant, mut visit: impl FnMut(Node<'_>) -> Visit) -> Result<(), Unchecked> {
        let mut cursor = self.tree.walk();
        for count in 1_usize.. {
            if count.is_multiple_of(NODES_PER_TICK) && Instant::now() >= deadline {
                return Err(Unchecked::OutOfTime);
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

fn unclosed((bracket, range): (char, Range<usize>)) -> SyntaxError {
    SyntaxError { range, fault: Fault::Unclosed(bracket) }
}

/// The beginning of the first line of `text` that is not blank.
fn quote(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    match line.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
