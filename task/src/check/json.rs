//! JSON, and what goes by that name: with comments, with trailing commas, with the freedoms of JSON5.
//!
//! Which of them a file may be is what its name says, or else what it was before. A file is read without recursion, so
//! that nesting costs memory and no stack.

use std::ops::Range;

use super::{Fault, Found, SyntaxError, is_template};
use crate::language::Language;
use crate::path::RepoPath;

/// What a text may have. Each has what the ones before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dialect {
    Strict,
    /// Comments and trailing commas.
    Commented,
    /// JSON5.
    Free,
}

/// What is wrong with `after`, unless it was wrong before.
pub(super) fn added(path: &RepoPath, before: Option<&str>, after: &str) -> Found {
    let named = dialect(path);
    let Err(error) = read(after, named) else { return Found::default() };
    // An empty file is a placeholder, and comments are for whoever reads the file to know of.
    let is_doubtful = after.trim_start_matches('\u{feff}').trim().is_empty()
        || read(after, Dialect::Free).is_ok_and(|features| features.comments)
        || is_template(Language::Json, after);
    let found = match before {
        None if is_list(after) => return Found::default(),
        // What it was, it may be again.
        Some(before) if read(before, named).is_err() => match (fault(before), fault(after)) {
            (None, _) => read(after, Dialect::Free).err(),
            (known, now) if known == now => None,
            _ => return Found::doubtful(vec![error]),
        },
        _ => Some(read(after, Dialect::Free).err().unwrap_or(error)),
    };
    let Some(error) = found else { return Found::default() };
    if is_doubtful { Found::doubtful(vec![error]) } else { Found::certain(vec![error]) }
}

/// What keeps the text from being JSON of any kind.
fn fault(text: &str) -> Option<Fault> {
    read(text, Dialect::Free).err().map(|error| error.fault)
}

/// Whether every line is a document of its own.
fn is_list(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.clone().count() > 1 && lines.all(|line| read(line, Dialect::Strict).is_ok())
}

/// What the tools that read a file of this name accept.
fn dialect(path: &RepoPath) -> Dialect {
    let name = path.file_name();
    let extension = path.extension().unwrap_or_default();
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let folder = path.parent().map(|parent| parent.rsplit('/').next().unwrap_or(parent)).unwrap_or_default();
    if extension == "json5" || matches!(stem, ".babelrc" | "babel.config" | ".swcrc" | "renovate") {
        return Dialect::Free;
    }
    let commented = matches!(extension, "jsonc" | "code-workspace")
        || matches!(folder, ".vscode" | ".devcontainer" | ".zed" | "tsconfig" | "tsconfigs")
        || ["tsconfig", "jsconfig", "devcontainer", ".eslintrc", "api-extractor", "appsettings", "tslint"]
            .iter()
            .any(|prefix| stem.starts_with(prefix))
        || ["tsconfig", "-color-theme", "language-configuration"].iter().any(|suffix| stem.ends_with(suffix))
        || matches!(
            stem,
            "angular"
                | ".jshintrc"
                | ".luarc"
                | ".markdownlint"
                | ".oxlintrc"
                | "biome"
                | "cspell"
                | "deno"
                | "dprint"
                | "global"
                | "jsr"
                | "knip"
                | "launchSettings"
                | "nx"
                | "rush"
                | "turbo"
                | "typedoc"
                | "wrangler"
        );
    if commented { Dialect::Commented } else { Dialect::Strict }
}

/// What a text has that strict JSON has not.
#[derive(Clone, Copy, Debug, Default)]
struct Features {
    comments: bool,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Value,
    /// Behind `[` or `{`.
    FirstOrEnd,
    /// Behind a comma.
    Next,
    Colon,
    CommaOrEnd,
    Nothing,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    dialect: Dialect,
    features: Features,
    /// What is open, by what closes it.
    open: Vec<char>,
}

fn read(text: &str, dialect: Dialect) -> Result<Features, SyntaxError> {
    let at = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut reader = Reader { text, at, dialect, features: Features::default(), open: Vec::new() };
    reader.document()?;
    Ok(reader.features)
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<(), SyntaxError> {
        let mut expected = Expected::Value;
        loop {
            self.blank()?;
            let Some(c) = self.rest().chars().next() else {
                return match expected {
                    Expected::Nothing => Ok(()),
                    _ => Err(self.missing(expected)),
                };
            };
            let in_object = self.open.last() == Some(&'}');
            expected = match (expected, c) {
                (Expected::FirstOrEnd | Expected::CommaOrEnd | Expected::Next, '}' | ']') => {
                    if expected == Expected::Next && self.dialect == Dialect::Strict {
                        return Err(self.error(1, "a trailing comma does not belong here"));
                    }
                    if self.open.pop() != Some(c) {
                        return Err(SyntaxError {
                            range: self.at..self.at + 1,
                            fault: Fault::Unopened(c.to_string()),
                        });
                    }
                    self.at += 1;
                    self.after_value()
                }
                (Expected::CommaOrEnd, ',') => {
                    self.at += 1;
                    Expected::Next
                }
                (Expected::Colon, ':') => {
                    self.at += 1;
                    Expected::Value
                }
                (Expected::FirstOrEnd | Expected::Next, _) if in_object => {
                    self.key(c)?;
                    Expected::Colon
                }
                (Expected::Value | Expected::FirstOrEnd | Expected::Next, _) => self.value(c)?,
                _ => return Err(self.missing(expected)),
            };
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn after_value(&self) -> Expected {
        if self.open.is_empty() { Expected::Nothing } else { Expected::CommaOrEnd }
    }

    /// Moves behind white space and comments.
    fn blank(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            let is_space = |c: char| {
                matches!(c, ' ' | '\t' | '\n' | '\r') || (self.dialect == Dialect::Free && c.is_whitespace())
            };
            self.at += rest.len() - rest.trim_start_matches(is_space).len();
            let rest = self.rest();
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").ok_or_else(|| self.error(2, "this comment does not end"))? + 2
            } else {
                return Ok(());
            };
            if self.dialect == Dialect::Strict {
                return Err(self.error(2, "JSON has no comments"));
            }
            self.features.comments = true;
            self.at += length;
        }
    }

    fn key(&mut self, c: char) -> Result<(), SyntaxError> {
        if c == '"' || (c == '\'' && self.dialect == Dialect::Free) {
            return self.string(c);
        }
        let length = self.word();
        if length == 0 || self.dialect != Dialect::Free {
            return Err(self.error(length.max(c.len_utf8()), "a name in double quotes must stand here"));
        }
        self.at += length;
        Ok(())
    }

    fn value(&mut self, c: char) -> Result<Expected, SyntaxError> {
        match c {
            '{' | '[' => {
                self.open.push(if c == '{' { '}' } else { ']' });
                self.at += 1;
                return Ok(Expected::FirstOrEnd);
            }
            '"' => self.string(c)?,
            '\'' if self.dialect == Dialect::Free => self.string(c)?,
            _ => {
                let length = self.rest().find(|c: char| !is_scalar(c)).unwrap_or(self.rest().len());
                let word = &self.rest()[..length];
                let known = matches!(word, "true" | "false" | "null")
                    || is_number(word)
                    || (self.dialect == Dialect::Free && !word.is_empty() && is_free_number(word));
                if !known {
                    return Err(self.error(length.max(c.len_utf8()), "this is not a value"));
                }
                self.at += length;
            }
        }
        Ok(self.after_value())
    }

    fn string(&mut self, quote: char) -> Result<(), SyntaxError> {
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.at += offset + 1;
                    return Ok(());
                }
                '\\' => {
                    let Some((_, escaped)) = chars.next() else { break };
                    let known = "\"\\/bfnrtu".contains(escaped) || self.dialect == Dialect::Free;
                    let digits =
                        self.rest().bytes().skip(offset + 2).take(4).filter(u8::is_ascii_hexdigit).count();
                    if !known || (escaped == 'u' && digits < 4) {
                        self.at += offset;
                        return Err(self.error(1 + escaped.len_utf8(), "this is not an escape"));
                    }
                }
                '\n' | '\r' => break,
                '\0'..='\u{1f}' if self.dialect != Dialect::Free => {
                    self.at += offset;
                    return Err(self.error(1, "a control character in a string must be escaped"));
                }
                _ => {}
            }
        }
        Err(SyntaxError { range: self.at..self.at + 1, fault: Fault::Unclosed(quote.to_string()) })
    }

    fn word(&self) -> usize {
        self.rest()
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .unwrap_or(self.rest().len())
    }

    fn missing(&self, expected: Expected) -> SyntaxError {
        let closing = self.open.last().copied();
        let token = match (expected, closing) {
            (Expected::Value, _) => "a value".to_owned(),
            (Expected::Colon, _) => ":".to_owned(),
            (Expected::CommaOrEnd, Some(_)) if !self.rest().is_empty() => ",".to_owned(),
            (_, Some(closing)) => closing.to_string(),
            (_, None) => "the end of the file".to_owned(),
        };
        SyntaxError { range: self.place(), fault: Fault::Missing(token) }
    }

    /// Where something is missing: here, or at the end of what stands before.
    fn place(&self) -> Range<usize> {
        let at = if self.rest().is_empty() { self.text.trim_end().len() } else { self.at };
        at..at
    }

    fn error(&self, length: usize, what: &str) -> SyntaxError {
        SyntaxError { range: self.at..self.at + length, fault: Fault::Other(what.to_owned()) }
    }
}

fn is_scalar(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | '$')
}

/// As JSON has numbers.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

fn is_free_number(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let hexadecimal = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    let is_hexadecimal =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Digits may be left out on one side of the point.
    let is_decimal = |number: &str| is_number(number) || is_number(&format!("0{number}"));
    !unsigned.starts_with('-')
        && (matches!(unsigned, "Infinity" | "NaN")
            || hexadecimal.is_some_and(is_hexadecimal)
            || is_decimal(unsigned)
            || unsigned.strip_suffix('.').is_some_and(is_number))
}

#[cfg(test)]
mod tests;
