//! *Pairs*: brackets, quotes and words that have no partner, told from the text alone.
//!
//! A grammar that does not know a macro, or the syntax of next year, finds errors in good files, and a scanner that does
//! not know a grammar takes a quote for the beginning of a string where it is none. They rarely err about the same file,
//! so what both find is certain: the grammar that there is an error, and the scanner that something is left open.

mod strings;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::lexis::{Feature, Lexis, Sign, Words};
use super::{Fault, SyntaxError, html, line_start};
use crate::language::Language;

/// What is left over that is kept of one text; what lies behind so much adds nothing.
const MAX_UNPAIRED: usize = 2_000;

/// What opens and what closes nothing, in the order of the text; none in languages without pairs.
pub(super) fn unpaired(language: Language, text: &str) -> Vec<SyntaxError> {
    let Some(lexis) = Lexis::of(language) else {
        return if language == Language::Html { html::unclosed(text) } else { Vec::new() };
    };
    let mut scanner = Scanner {
        text,
        lexis,
        at: 0,
        significant: None,
        branches: Vec::new(),
        heredocs: Vec::new(),
        nesting: 0,
        steps: 0,
        open: Vec::new(),
        suspects: Vec::new(),
        tags: Vec::new(),
        unpaired: Vec::new(),
    };
    scanner.scan();
    // What was not looked into to its end is not certain.
    if scanner.is_tired() { Vec::new() } else { scanner.finish() }
}

/// What pairs with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Round,
    Square,
    Curly,
    /// A word such as `do`, by the word that closes it.
    Block(&'static str),
}

struct Scanner<'t> {
    text: &'t str,
    lexis: &'static Lexis,
    at: usize,
    /// Where the last token before `at` ends that is neither blank nor a comment.
    significant: Option<usize>,
    /// For each open `#if`, whether its other branch is skipped; brackets that both branches open are closed once.
    branches: Vec<Branch>,
    /// Words that end a heredoc whose text begins on the next line.
    heredocs: Vec<&'t str>,
    /// Strings that `at` is inside of.
    nesting: usize,
    /// Characters and tokens that were read in strings, again and again where they do not end.
    steps: usize,
    open: Vec<(Kind, Range<usize>)>,
    /// What was closed on a line that is indented less than its own.
    suspects: Vec<(Kind, Range<usize>)>,
    /// Names of the tags that are open. They pair by themselves, because a type in angle brackets looks like one.
    tags: Vec<Range<usize>>,
    unpaired: Vec<SyntaxError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    Counted,
    Skipped,
}

impl<'t> Scanner<'t> {
    fn scan(&mut self) {
        if self.lexis.is_embedded() {
            self.skip_past("<?");
        } else {
            self.begin_line();
        }
        while let Some(c) = self.rest().chars().next() {
            if self.unpaired.len() >= MAX_UNPAIRED {
                break;
            }
            if c == '\n' {
                self.at += 1;
                self.begin_line();
            } else if c.is_whitespace() {
                self.at += c.len_utf8();
            } else if !self.comment() {
                let start = self.at;
                self.token(c);
                self.significant = Some(self.at.max(start));
            }
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The character before `at`.
    fn previous(&self) -> Option<char> {
        self.text[..self.at].chars().next_back()
    }

    /// Moves behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, end: &str) -> bool {
        let found = self.rest().find(end);
        self.at = found.map_or(self.text.len(), |found| self.at + found + end.len());
        found.is_some()
    }

    fn skip_line(&mut self) {
        self.at = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end);
    }

    fn begin_line(&mut self) {
        for word in std::mem::take(&mut self.heredocs) {
            // What has no end ends with the text.
            while !self.rest().is_empty() {
                let line = self.rest().split('\n').next().unwrap_or_default();
                self.at = (self.at + line.len() + 1).min(self.text.len());
                let line = line.trim();
                if line.strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_word)) {
                    break;
                }
            }
        }
        let line = self.rest().split('\n').next().unwrap_or_default();
        if self.lexis.feature == Feature::Preprocessor && line.trim_start().starts_with('#') {
            self.directive(line.trim_start()[1..].trim_start());
        }
        if self.lexis.words == Some(Words::Ruby) {
            if line.starts_with("=begin") {
                self.skip_past("\n=end");
            } else if line.trim_end() == "__END__" {
                self.at = self.text.len();
            }
        }
    }

    /// Takes the first branch that counts of every `#if`, and skips the others.
    fn directive(&mut self, directive: &str) {
        let word = directive.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match word {
            "if" | "ifdef" | "ifndef" => {
                let never = directive[word.len()..].trim() == "0";
                self.branches.push(if never { Branch::Skipped } else { Branch::Counted });
                if never {
                    self.skip_branch();
                }
            }
            "else" | "elif" | "elifdef" | "elifndef" => match self.branches.last_mut() {
                Some(Branch::Counted) => self.skip_branch(),
                Some(branch) => *branch = Branch::Counted,
                None => {}
            },
            "endif" => {
                self.branches.pop();
            }
            // What follows is prose.
            "error" | "warning" | "pragma" | "region" | "endregion" => self.skip_line(),
            _ => {}
        }
    }

    /// Moves to the directive that ends the branch.
    fn skip_branch(&mut self) {
        let mut depth = 0_usize;
        let mut start = self.at;
        for line in self.rest().split_inclusive('\n').skip(1) {
            let directive = line.trim_start().strip_prefix('#').map(str::trim_start).unwrap_or_default();
            let ends = if directive.starts_with("if") {
                depth += 1;
                false
            } else if depth == 0 {
                directive.starts_with("el") && self.branches.last() == Some(&Branch::Skipped)
                    || directive.starts_with("endif")
            } else {
                depth -= usize::from(directive.starts_with("endif"));
                false
            };
            if ends {
                break;
            }
            start += line.len();
        }
        // The first line, which was skipped over, is behind as well.
        self.at =
            (start + self.rest().find('\n').map_or(self.rest().len(), |end| end + 1)).min(self.text.len());
        let line = self.rest().split('\n').next().unwrap_or_default();
        self.directive(line.trim_start().strip_prefix('#').map(str::trim_start).unwrap_or_default());
    }

    /// Moves behind a comment, if one begins here.
    fn comment(&mut self) -> bool {
        let rest = self.rest();
        if let Some(level) = self.lexis.long_comment(rest) {
            self.skip_past(&level);
            return true;
        }
        if let Some(block) = &self.lexis.block_comment
            && rest.starts_with(block.open)
        {
            self.block_comment(block.open, block.close, block.nests);
            return true;
        }
        // zsh counts elements in arithmetic: `(( #words ))`.
        let counts = self.lexis.words == Some(Words::Shell)
            && rest.strip_prefix('#').is_some_and(|after| after.starts_with(is_word))
            && self.text[..self.at].trim_end_matches(' ').ends_with("((");
        let opens = |sign: &&&str| {
            rest.starts_with(**sign)
                // Elsewhere it is part of a word, or of an attribute.
                && (**sign != "#" || (!(self.lexis.is_embedded() && rest.starts_with("#["))
                        && self.previous().is_none_or(char::is_whitespace)))
        };
        if counts || self.lexis.line_comments.iter().find(opens).is_none() {
            return false;
        }
        let line = rest.split('\n').next().unwrap_or_default();
        match line.find("?>").filter(|_| self.lexis.is_embedded()) {
            Some(end) => self.at += end,
            None => self.at += line.len(),
        }
        true
    }

    fn block_comment(&mut self, open: &str, close: &str, nests: bool) {
        self.at += open.len();
        let mut depth = 1;
        while depth > 0 && !self.rest().is_empty() {
            if self.rest().starts_with(close) {
                depth -= 1;
                self.at += close.len();
            } else if nests && self.rest().starts_with(open) {
                depth += 1;
                self.at += open.len();
            } else {
                self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            }
        }
    }

    fn token(&mut self, c: char) {
        if self.lexis.is_embedded() && self.rest().starts_with("?>") {
            self.skip_past("<?");
            return;
        }
        if let Some(length) = self.lexis.raw_text(self.rest(), self.previous()) {
            self.at += length;
            return;
        }
        if let Some((word, length)) = self.lexis.heredoc(self.rest()) {
            self.heredocs.push(word);
            self.at += length;
            return;
        }
        match c {
            '"' | '\'' | '`' => self.quote(c),
            '<' if self.lexis.feature == Feature::RegexesAndTags => self.tag(),
            '/' if self.regex() => {}
            '(' => self.opens(Kind::Round, 1),
            '[' => self.opens(Kind::Square, 1),
            '{' => self.opens(Kind::Curly, 1),
            ')' => self.closes(Kind::Round, 1),
            ']' => self.closes(Kind::Square, 1),
            '}' => self.closes(Kind::Curly, 1),
            '\\' => self.at += 1 + self.rest()[1..].chars().next().map_or(0, char::len_utf8),
            // A character in Ruby, and the length of a variable in a shell.
            '?' if self.lexis.words == Some(Words::Ruby) && self.is_character() => self.at += 2,
            c if is_word(c) => self.word(),
            c => self.at += c.len_utf8(),
        }
    }

    /// Whether this `?` begins a character, as in `?(`. Behind a word it ends the name of a method: `has?("x")`.
    fn is_character(&self) -> bool {
        if self.previous().is_some_and(is_word) {
            return false;
        }
        let mut next = self.rest()[1..].chars();
        next.next().is_some_and(|c| "()[]{}\"'`/#".contains(c)) && next.next().is_none_or(|c| !is_word(c))
    }

    fn word(&mut self) {
        let start = self.at;
        let length = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        let word = &self.rest()[..length];
        let Some(words) = self.lexis.words else {
            self.at += length;
            return;
        };
        let before = &self.text[line_start(self.text, start)..start];
        let after = self.rest()[length..].split('\n').next().unwrap_or_default();
        match words.sign(word, before, after) {
            Some(Sign::Opens(end)) => self.opens(Kind::Block(end), length),
            Some(Sign::Closes(end)) => self.closes(Kind::Block(end), length),
            None => self.at += length,
        }
    }

    /// Moves behind the `<` of a tag and its name; attributes are tokens like others.
    fn tag(&mut self) {
        let is_type = self.previous().is_some_and(|c| is_word(c) || c == '.');
        let closes = self.rest().starts_with("</");
        let start = self.at + 1 + usize::from(closes);
        let name = &self.text[start..];
        let length = name.find(|c| !(is_word(c) || c == '.' || c == '-' || c == ':')).unwrap_or(name.len());
        self.at = start;
        if is_type && !closes || !name.starts_with(char::is_alphabetic) {
            return;
        }
        self.at = start + length;
        let range = start..self.at;
        if !closes {
            if is_left_open(&self.text[self.at..]) {
                self.tags.push(range);
            }
        } else if let Some(at) =
            self.tags.iter().rposition(|tag| self.text[tag.clone()] == self.text[range.clone()])
        {
            let left = self.tags.split_off(at).into_iter().skip(1);
            self.unpaired.extend(left.map(|tag| unclosed_tag(self.text, tag)));
        } else {
            let fault = Fault::Unopened(format!("</{}>", &self.text[range.clone()]));
            self.unpaired.push(SyntaxError { range: start - 2..self.at, fault });
        }
    }

    /// Moves behind a regular expression, if one can begin here and ends on its line.
    fn regex(&mut self) -> bool {
        let rest = self.rest();
        let has_regexes = matches!(self.lexis.feature, Feature::Regexes | Feature::RegexesAndTags);
        if !has_regexes || rest.starts_with("/>") || !self.may_begin_regex() {
            return false;
        }
        let (mut in_class, mut escaped) = (false, false);
        for (offset, c) in rest.char_indices().skip(1) {
            match c {
                '\n' => return false,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    self.at += offset + 1;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// Whether a value may stand here, rather than an operator.
    fn may_begin_regex(&self) -> bool {
        let Some(end) = self.significant else { return true };
        let before = self.text[..end].trim_end();
        let Some(last) = before.chars().next_back() else { return true };
        if !is_word(last) {
            return !")]}\"'`<".contains(last) || (last == '}' && self.text[end..self.at].contains('\n'));
        }
        let word = &before[before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1)..];
        matches!(
            word,
            "return"
                | "typeof"
                | "case"
                | "in"
                | "of"
                | "delete"
                | "void"
                | "throw"
                | "else"
                | "do"
                | "yield"
                | "await"
                | "if"
                | "unless"
                | "when"
                | "and"
                | "or"
                | "not"
                | "while"
                | "until"
                | "then"
                | "elsif"
        )
    }

    fn opens(&mut self, kind: Kind, length: usize) {
        self.open.push((kind, self.at..self.at + length));
        self.at += length;
    }

    fn closes(&mut self, kind: Kind, length: usize) {
        let range = self.at..self.at + length;
        self.at += length;
        // What was opened since the partner can no longer be closed.
        if let Some(partner) = self.open.iter().rposition(|(other, _)| *other == kind) {
            let mut closed = self.open.split_off(partner).into_iter();
            self.suspects.extend(closed.next().filter(|(_, partner)| self.dedents(partner, &range)));
            let unclosed: Vec<SyntaxError> = closed.map(|(_, range)| self.unclosed(range)).collect();
            self.unpaired.extend(unclosed);
        } else if !(kind == Kind::Round && self.lexis.words == Some(Words::Shell)) {
            // In a shell, every case ends with one.
            let fault = Fault::Unopened(self.text[range.clone()].to_owned());
            self.unpaired.push(SyntaxError { range, fault });
        }
    }

    fn unclosed(&self, range: Range<usize>) -> SyntaxError {
        SyntaxError { fault: Fault::Unclosed(self.text[range.clone()].to_owned()), range }
    }

    /// Whether what closes begins a line that is indented less than the line of its partner.
    fn dedents(&self, opening: &Range<usize>, closing: &Range<usize>) -> bool {
        let indent = |at: usize| {
            let line = &self.text[line_start(self.text, at)..];
            line.len() - line.trim_start_matches([' ', '\t']).len()
        };
        let column = closing.start - line_start(self.text, closing.start);
        column == indent(closing.start) && column < indent(opening.start)
    }

    /// When something is missing, all that follows pairs with the wrong partner, and the outermost is left over; a
    /// partner on a line indented less tells where that began.
    fn finish(mut self) -> Vec<SyntaxError> {
        let open = std::mem::take(&mut self.open);
        for (kind, range) in open {
            let suspect =
                self.suspects.iter().position(|(other, at)| *other == kind && at.start > range.start);
            let culprit = suspect.map_or(range, |at| self.suspects.remove(at).1);
            let unclosed = self.unclosed(culprit);
            self.unpaired.push(unclosed);
        }
        let tags = std::mem::take(&mut self.tags);
        self.unpaired.extend(tags.into_iter().map(|tag| unclosed_tag(self.text, tag)));
        self.unpaired.sort_by_key(|error| error.range.start);
        self.unpaired.truncate(MAX_UNPAIRED);
        self.unpaired
    }
}

fn unclosed_tag(text: &str, name: Range<usize>) -> SyntaxError {
    SyntaxError {
        fault: Fault::Unclosed(format!("<{}>", &text[name.clone()])),
        range: name.start - 1..name.end,
    }
}

/// Whether the tag ends, by what follows its name, and needs another tag that closes it.
fn is_left_open(attributes: &str) -> bool {
    let (mut depth, mut quote, mut previous) = (0_usize, None, ' ');
    for c in attributes.chars() {
        match (quote, c) {
            (Some(open), _) => quote = (open != c).then_some(open),
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth > 0 => depth -= 1,
            (None, '>') if depth == 0 => return previous != '/' && previous != '=',
            // No tag: a comparison, or a list of types.
            (None, '}' | ';' | '<' | ',') if depth == 0 => return false,
            _ => {}
        }
        if !c.is_whitespace() {
            previous = c;
        }
    }
    false
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}
