//! A *syntax tree* of one text, and the *errors* in it: places that the grammar has no rule for, and tokens that
//! the parser had to imagine.
//!
//! Trees are walked with cursors and never by recursion: text nested a hundred thousand levels deep costs memory
//! in proportion, and no stack. The parser itself keeps its stack on the heap.

use std::ops::ControlFlow;
use std::time::Instant;

use tree_sitter::{Node, ParseOptions, Parser, Tree, TreeCursor};

use super::wire::{Failure, Holder, HolderKind, MAX_ERRORS, ParseError, ParseFault, message};
use crate::language::Language;

/// Nodes visited between two looks at the clock.
const NODES_PER_TICK: usize = 4_096;

/// A text with its tree.
pub(super) struct Syntax {
    tree: Tree,
}

impl Syntax {
    /// Parses `text`, at most until `deadline`.
    pub(super) fn parse(language: Language, text: &str, deadline: Instant) -> Result<Self, Failure> {
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
        Ok(Self { tree })
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

/// What the node kinds of all grammars call comments, and what they call text.
fn holder_kind(kind: &str) -> Option<HolderKind> {
    if kind.contains("comment") {
        Some(HolderKind::Comment)
    } else if kind == "string_scalar" {
        // A word of YAML without quotes.
        None
    } else if ["string", "heredoc", "nowdoc", "quote_scalar", "block_scalar"]
        .iter()
        .any(|part| kind.contains(part))
    {
        Some(HolderKind::String)
    } else {
        None
    }
}
