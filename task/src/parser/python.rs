//! Python by a parser that knows indentation, which the grammars for trees do not.
//!
//! The parser is recursive, so text that nests too deeply for the stack of a worker is not parsed.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

use super::wire::{Failure, MAX_ERRORS, ParseError, ParseFault, message};

/// The deepest nesting that is parsed, as [`nesting`] counts it: far more than people write (Python itself stops at
/// 200 brackets and 100 levels of indentation, `MAXLEVEL` and `MAXINDENT` in its lexer), and less than a worker's stack
/// holds.
const MAX_NESTING: usize = 5_000;

/// The errors in a Python text, in its order.
pub(super) fn errors(text: &str) -> Result<Vec<ParseError>, Failure> {
    if nesting(text) > MAX_NESTING {
        return Err(Failure::TooDeep);
    }
    let parsed = ruff_python_parser::parse_unchecked(text, Mode::Module.into());
    let errors = parsed.errors().iter().take(MAX_ERRORS).map(|error| ParseError {
        range: error.location.start().to_usize()..error.location.end().to_usize(),
        fault: ParseFault::Python(message(&error.error.to_string())),
    });
    Ok(errors.collect())
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
