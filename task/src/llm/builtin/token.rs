//! A *clause* is the unit of the issue that is read as one statement: a title, a sentence, a list item.
//!
//! The issue's Markdown is cut into clauses of tokens. A *term* is a text that the author set apart with back
//! ticks or quotation marks; everything else is words, arrows and punctuation. Quoted lines and code blocks say
//! nothing by themselves, apart from a `diff` block of one line out and one line in.

/// A piece of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Text without white space, as written, less the punctuation around it.
    Word(String),
    /// Text that was set apart by back ticks or quotation marks, without them.
    Term(String),
    /// `->`, `=>`, `→` and their like.
    Arrow,
    /// A comma, a colon, a parenthesis.
    Mark(char),
}

impl Token {
    /// The word or the term; nothing for punctuation.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Term(text) => Some(text),
            Self::Arrow | Self::Mark(_) => None,
        }
    }

    /// Whether it is one of these words, which a space separates, in any case. A term is never a word of the grammar.
    pub(super) fn is_any(&self, words: &str) -> bool {
        matches!(self, Self::Word(word) if words.split(' ').any(|w| w.eq_ignore_ascii_case(word)))
    }
}

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) tokens: Vec<Token>,
    /// How the clause was closed.
    pub(super) mood: Mood,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mood {
    #[default]
    Statement,
    Question,
}

/// What a body says: its clauses, and what its `diff` blocks take out and put in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) clauses: Vec<Clause>,
    pub(super) diffs: Vec<(String, String)>,
}

/// Cuts Markdown into clauses.
pub(super) fn read(markdown: &str) -> Text {
    let mut text = Text::default();
    let mut fence: Option<(String, Vec<&str>)> = None;
    let mut paragraph = String::new();
    for line in markdown.lines() {
        let trimmed = line.trim();
        let ticks = trimmed.chars().take_while(|c| *c == '`').count();
        if let Some((mark, mut lines)) = fence.take() {
            if ticks >= mark.len() && trimmed.len() == ticks {
                text.diffs.extend(one_line_diff(&lines));
            } else {
                lines.push(line);
                fence = Some((mark, lines));
            }
            continue;
        }
        if ticks >= 3 && !trimmed[ticks..].contains('`') {
            flush(&mut paragraph, &mut text.clauses);
            fence = Some(("`".repeat(ticks), Vec::new()));
            continue;
        }
        if trimmed.is_empty() || trimmed.starts_with('>') {
            flush(&mut paragraph, &mut text.clauses);
            continue;
        }
        let item = item_text(trimmed);
        let goes_on = !paragraph.is_empty()
            && item.len() == trimmed.len()
            && trimmed.starts_with(|c: char| c.is_lowercase() || "`\"'“‘".contains(c))
            && !paragraph.ends_with(['.', ':', '?', '!', ';']);
        if goes_on {
            paragraph.push(' ');
        } else {
            flush(&mut paragraph, &mut text.clauses);
        }
        paragraph.push_str(item);
    }
    flush(&mut paragraph, &mut text.clauses);
    text
}

/// A line without the marks of a list item, a task or a heading.
fn item_text(line: &str) -> &str {
    let line = line.trim_start_matches('#').trim_start();
    let line = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let line = if digits > 0 {
        line[digits..].strip_prefix(". ").or_else(|| line[digits..].strip_prefix(") ")).unwrap_or(line)
    } else {
        line
    };
    ["[ ] ", "[x] ", "[X] "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line)
}

/// The line out and the line in of a block that has just these two.
fn one_line_diff(lines: &[&str]) -> Option<(String, String)> {
    let mut sides = lines.iter().filter(|line| !line.trim().is_empty());
    let (out, into) = (sides.next()?, sides.next()?);
    if sides.next().is_some() {
        return None;
    }
    let (out, into) = (out.strip_prefix('-')?.trim(), into.strip_prefix('+')?.trim());
    (!out.is_empty() && !into.is_empty()).then(|| (out.to_owned(), into.to_owned()))
}

fn flush(paragraph: &mut String, clauses: &mut Vec<Clause>) {
    cut(paragraph, clauses);
    paragraph.clear();
}

/// Cuts one paragraph into clauses at the ends of sentences and at semicolons.
pub(super) fn cut(paragraph: &str, clauses: &mut Vec<Clause>) {
    let mut clause = Clause::default();
    let mut rest = paragraph;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if let Some((term, after)) = quoted(rest, before) {
            clause.tokens.push(Token::Term(term.to_owned()));
            before = '`';
            rest = after;
            continue;
        }
        if let Some(after) = arrow(rest) {
            clause.tokens.push(Token::Arrow);
            before = ' ';
            rest = after;
            continue;
        }
        let after = &rest[c.len_utf8()..];
        let ends_word =
            after.chars().next().is_none_or(|next| next.is_whitespace() || "\"'”’)*_".contains(next));
        match c {
            ';' => close(&mut clause, Mood::Statement, clauses),
            '.' | '!' | '…' if ends_word => close(&mut clause, Mood::Statement, clauses),
            '?' if ends_word => close(&mut clause, Mood::Question, clauses),
            ',' | '(' | ')' => clause.tokens.push(Token::Mark(c)),
            ':' if ends_word => clause.tokens.push(Token::Mark(c)),
            _ if c.is_whitespace() || "*[]\"'“”‘’`".contains(c) => {}
            _ => {
                let length = word_length(rest);
                let word = rest[..length].trim_matches(|c| c == '_' || c == '*');
                if !word.is_empty() {
                    clause.tokens.push(Token::Word(word.to_owned()));
                }
                before = 'a';
                rest = &rest[length..];
                continue;
            }
        }
        before = c;
        rest = after;
    }
    close(&mut clause, Mood::Statement, clauses);
}

fn close(clause: &mut Clause, mood: Mood, clauses: &mut Vec<Clause>) {
    let mut clause = std::mem::take(clause);
    if !clause.tokens.is_empty() {
        clause.mood = mood;
        clauses.push(clause);
    }
}

/// The term that `text` starts with, and what follows it.
fn quoted(text: &str, before: char) -> Option<(&str, &str)> {
    let opener = text.chars().next()?;
    let (inside, after) = match opener {
        '`' => {
            let ticks = text.chars().take_while(|c| *c == '`').count();
            let rest = &text[ticks..];
            let end = closing_ticks(rest, ticks)?;
            let inside = &rest[..end];
            // A code span that starts and ends with a space loses one of each, so that it can hold a back tick.
            let padded = inside.len() > 2 && inside.starts_with(' ') && inside.ends_with(' ');
            let inside = if padded { &inside[1..inside.len() - 1] } else { inside };
            (inside, &rest[end + ticks..])
        }
        '"' | '\'' if !before.is_alphanumeric() => {
            let rest = &text[1..];
            let end = rest.char_indices().find_map(|(at, c)| {
                let closes = c == opener && !rest[at + 1..].starts_with(char::is_alphanumeric);
                closes.then_some(at)
            })?;
            (&rest[..end], &rest[end + 1..])
        }
        '“' | '‘' | '«' => {
            let closer = match opener {
                '“' => '”',
                '‘' => '’',
                _ => '»',
            };
            let rest = &text[opener.len_utf8()..];
            let end = rest.find(closer)?;
            (&rest[..end], &rest[end + closer.len_utf8()..])
        }
        _ => return None,
    };
    (!inside.trim().is_empty()).then_some((inside, after))
}

/// Where a run of exactly `ticks` back ticks starts.
fn closing_ticks(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let run = text[start..].bytes().take_while(|b| *b == b'`').count();
        if run == ticks {
            return Some(start);
        }
        at = start + run;
    }
    None
}

const ARROWS: [&str; 9] = ["-->", "==>", "->", "=>", "→", "⇒", "➜", "➡", "⟶"];

fn arrow(text: &str) -> Option<&str> {
    ARROWS.iter().find_map(|arrow| text.strip_prefix(arrow))
}

/// Bytes of the word at the start of `text`: up to white space, a parenthesis, a comma before white space, an
/// arrow, or the punctuation that ends it.
fn word_length(text: &str) -> usize {
    for (at, c) in text.char_indices().skip(1) {
        let rest = &text[at + c.len_utf8()..];
        let last = rest.chars().next().is_none_or(|next| next.is_whitespace() || "\"'”’)*_".contains(next));
        let ends = c.is_whitespace()
            || "()[]`“”".contains(c)
            || (",:;.!?…\"'’".contains(c) && last)
            || arrow(&text[at..]).is_some();
        if ends {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(markdown: &str) -> Vec<String> {
        let text = read(markdown);
        let clause = |clause: &Clause| {
            let tokens: Vec<String> = clause
                .tokens
                .iter()
                .map(|token| match token {
                    Token::Word(word) => word.clone(),
                    Token::Term(term) => format!("<{term}>"),
                    Token::Arrow => "→".to_owned(),
                    Token::Mark(mark) => mark.to_string(),
                })
                .collect();
            format!("{}{}", tokens.join(" "), if clause.mood == Mood::Question { " ?" } else { "" })
        };
        let diffs = text.diffs.iter().map(|(out, into)| format!("-{out} +{into}"));
        text.clauses.iter().map(clause).chain(diffs).collect()
    }

    #[test]
    fn cuts_issues_into_clauses() {
        for (markdown, expect) in [
            ("Typo: `recieve` should be `receive`.", vec!["Typo : <recieve> should be <receive>"]),
            ("teh->the, please!", vec!["teh → the , please"]),
            ("don't use 'foo bar' or \"it's\"", vec!["don't use <foo bar> or <it's>"]),
            ("Set a.b to 1.5. Why? See x.md.", vec!["Set a.b to 1.5", "Why ?", "See x.md"]),
            ("- [ ] one\n2) two\n## three", vec!["one", "two", "three"]),
            ("Replace `a`\nwith `b`\nFile: c.md", vec!["Replace <a> with <b>", "File : c.md"]),
            ("> quoted `x`\n\n```\ncode\n```\nafter", vec!["after"]),
            ("```diff\n- teh cat\n+ the cat\n```", vec!["-teh cat +the cat"]),
            ("``a ` b`` and `` `c` ``", vec!["<a ` b> and <`c`>"]),
            ("“curly” ‘single’ «french»", vec!["<curly> <single> <french>"]),
            ("**File:** docs/a.md", vec!["File : docs/a.md"]),
            ("(see [x](https://e.org/a.md#L3))", vec!["( see x ( https://e.org/a.md#L3 ) )"]),
        ] {
            assert_eq!(show(markdown), expect, "{markdown:?}");
        }
    }
}
