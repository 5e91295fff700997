//! Python by a parser that knows indentation, which the grammars for trees do not.
//!
//! The parser is recursive and has no clock, so it runs in a thread of its own: one that takes too long is left
//! behind, one that panics is an answer like any other, and text that nests too deeply for its stack is not parsed.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

use super::{Fault, SyntaxError, Unchecked};

/// The parser's stack in bytes.
const STACK: usize = 64 << 20;
/// The deepest nesting that is parsed, as [`nesting`] counts it: far more than people write (Python itself stops at
/// 200 brackets and 100 levels of indentation, `MAXLEVEL` and `MAXINDENT` in its lexer), and less than [`STACK`] holds.
const MAX_NESTING: usize = 5_000;

/// Every error in a Python text, in the order of the text.
pub(super) fn errors(text: &str, deadline: Instant) -> Result<Vec<SyntaxError>, Unchecked> {
    let Some(time) = deadline.checked_duration_since(Instant::now()).filter(|time| !time.is_zero()) else {
        return Err(Unchecked::OutOfTime);
    };
    let (answer, errors) = mpsc::sync_channel(1);
    let text = text.to_owned();
    thread::Builder::new()
        .name("python-parser".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            // The receiver is gone when time is up; nobody waits for the answer then.
            drop(answer.send(parse(&text)));
        })
        .map_err(|error| Unchecked::ParserFailed(error.to_string()))?;
    match errors.recv_timeout(time) {
        Ok(errors) => errors,
        Err(RecvTimeoutError::Timeout) => Err(Unchecked::OutOfTime),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Unchecked::ParserFailed("the Python parser panicked".to_owned()))
        }
    }
}

fn parse(text: &str) -> Result<Vec<SyntaxError>, Unchecked> {
    if nesting(text) > MAX_NESTING {
        return Err(Unchecked::TooDeep);
    }
    let parsed = ruff_python_parser::parse_unchecked(text, Mode::Module.into());
    Ok(parsed
        .errors()
        .iter()
        .map(|error| SyntaxError {
            range: error.location.start().to_usize()..error.location.end().to_usize(),
            fault: Fault::Python(error.error.to_string()),
        })
        .collect())
}

/// An upper bound of how deep the parser's recursion, and the tree that it builds, can get.
///
/// Every level takes a token of its own, and what a comma, a semicolon or the end of a line separates lies side by
/// side. So the bound is the number of tokens since the last separator, summed over the brackets that are open. A
/// bracket that closes another kind closes nothing here, because the parser may take it for a slip. Indentation is
/// not counted: every level of it is a space wider than the one before, so a text of `n` bytes has less than `√2n`.
fn nesting(text: &str) -> usize {
    let mut tokens = lexer::lex(text, Mode::Module);
    let mut levels = vec![(TokenKind::EndOfFile, 0_usize)];
    let (mut depth, mut deepest) = (0, 0);
    let mut last = TokenKind::EndOfFile;
    loop {
        let token = tokens.next_token();
        let (closed_by, here) = levels.last_mut().expect("the outermost level is never closed");
        match token {
            TokenKind::EndOfFile => return deepest,
            // Strings side by side are one literal; comments and line ends within brackets are not parsed.
            TokenKind::String if last == TokenKind::String => {}
            TokenKind::Comment | TokenKind::NonLogicalNewline => continue,
            TokenKind::Comma | TokenKind::Semi | TokenKind::Newline => {
                depth -= *here;
                *here = 0;
            }
            token if token == *closed_by => {
                depth -= *here;
                levels.pop();
            }
            token => {
                *here += 1;
                depth += 1;
                deepest = deepest.max(depth);
                if let Some(closed_by) = closing(token) {
                    levels.push((closed_by, 0));
                }
            }
        }
        last = token;
    }
}

fn closing(token: TokenKind) -> Option<TokenKind> {
    Some(match token {
        TokenKind::Lpar => TokenKind::Rpar,
        TokenKind::Lsqb => TokenKind::Rsqb,
        TokenKind::Lbrace => TokenKind::Rbrace,
        TokenKind::FStringStart => TokenKind::FStringEnd,
        TokenKind::TStringStart => TokenKind::TStringEnd,
        _ => return None,
    })
}
