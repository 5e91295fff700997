//! Strings, and the code in them.

use std::ops::Range;

use super::super::lexis::Quote;
use super::super::line_start;
use super::{Fault, Kind, Scanner, SyntaxError};

/// Strings inside of code inside of strings that are looked into.
const MAX_NESTING: usize = 50;
/// How often the text may be read over again in search of strings' ends: a string that does not end is read once more as
/// code, and so is each one inside of it, which without a limit doubles the work with every level.
const MAX_PASSES: usize = 64;

impl Scanner<'_> {
    /// Moves behind a string; one that must end with its line and does not is left open, and its quote alone is passed.
    pub(super) fn quote(&mut self, quote: char) {
        let start = self.at;
        let kind = self.lexis.quote(quote);
        let code = self.lexis.interpolation(quote, self.previous()).filter(|_| self.nesting < MAX_NESTING);
        let triple = quote.to_string().repeat(3);
        if self.lexis.triples.contains(&quote) && self.rest().starts_with(&triple) {
            self.at += 3;
            if !self.string_end(&triple, Quote::Text, code) {
                self.leave_open(quote, start..start + 3);
            }
            return;
        }
        match kind {
            Quote::None => self.at += 1,
            Quote::Char => self.at += character(self.rest(), quote),
            Quote::Value if !self.begins_value() => self.at += 1,
            Quote::Line | Quote::Text | Quote::Raw | Quote::Value => {
                self.at += 1;
                let (unpaired, open) = (self.unpaired.len(), self.open.len());
                if !self.string_end(&triple[..1], kind, code) {
                    // What was taken for code in it may be none.
                    self.unpaired.truncate(unpaired);
                    self.open.truncate(open);
                    self.at = start + 1;
                    if quote != '\'' {
                        self.leave_open(quote, start..start + 1);
                    }
                    if kind != Quote::Line {
                        // Nothing behind it can be told from text.
                        self.at = self.text.len();
                    }
                }
            }
        }
    }

    /// Whether a value of YAML can begin here: within a word or a sentence a quote is a letter.
    fn begins_value(&self) -> bool {
        let before = self.text[line_start(self.text, self.at)..self.at].trim_end();
        before.is_empty()
            || before.ends_with([':', '-', '?', '[', '{', ',', '('])
            || before.rsplit(' ').next().is_some_and(|word| word.starts_with(['!', '&']))
    }

    /// Moves behind `end`, and through the code that `code` begins; `false` where the string does not end.
    fn string_end(&mut self, end: &str, kind: Quote, code: Option<&str>) -> bool {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            self.steps += 1;
            let code = code.filter(|_| !self.is_tired());
            // In such quotes of YAML two of them are one, and nothing else is an escape.
            let is_doubled = kind == Quote::Value && end == "'";
            if is_doubled && rest.starts_with("''") {
                self.at += 2;
                continue;
            }
            if rest.starts_with(end) {
                self.at += end.len();
                return true;
            }
            match (code, c) {
                // Two of them are a brace of the text.
                (Some("{"), '{') if rest.starts_with("{{") => self.at += 2,
                (Some(sign), _) if rest.starts_with(sign) => self.interpolation(sign, kind),
                (_, '\\') if kind != Quote::Raw && !is_doubled => {
                    self.at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                }
                (_, '\n') if kind == Quote::Line => return false,
                _ => self.at += c.len_utf8(),
            }
        }
        false
    }

    /// Moves behind code in a string, which ends with its line where the string does.
    fn interpolation(&mut self, sign: &str, kind: Quote) {
        let outside = self.open.len();
        let start = self.at;
        self.opens(if sign.contains('(') { Kind::Round } else { Kind::Curly }, sign.len());
        self.nesting += 1;
        while let Some(c) = self.rest().chars().next() {
            self.steps += 1;
            if self.open.len() <= outside || (c == '\n' && kind == Quote::Line) {
                break;
            }
            if c.is_whitespace() {
                self.at += c.len_utf8();
            } else {
                self.token(c);
            }
            self.significant = Some(self.at);
        }
        self.nesting -= 1;
        if self.open.len() > outside {
            self.open.truncate(outside);
            let range = start..start + sign.len();
            self.unpaired.push(self.unclosed(range));
        }
    }

    /// Whether more was read over again than any text is worth.
    pub(super) fn is_tired(&self) -> bool {
        self.steps > MAX_PASSES.saturating_mul(self.text.len().max(1_000))
    }

    fn leave_open(&mut self, quote: char, range: Range<usize>) {
        self.unpaired.push(SyntaxError { range, fault: Fault::Unclosed(quote.to_string()) });
    }
}

/// The length of a character in quotes, or of the quote alone where it is a lifetime, a symbol or a separator.
fn character(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1);
    let Some((_, first)) = chars.next() else { return 1 };
    if first == '\\' {
        chars.next();
        // `\u{10ffff}` is the longest.
        let end = chars.take(10).find(|(_, c)| *c == quote || *c == '\n');
        return end.filter(|(_, c)| *c == quote).map_or(1, |(end, _)| end + 1);
    }
    match chars.next() {
        Some((end, c)) if c == quote && first != quote => end + 1,
        _ => 1,
    }
}
