//! A *phrase* is what a form of the grammar is about: the subject before a verb, the noun behind it, the new text.

use super::grammar::Name;
use super::reader::Reader;
use super::term::{is_code, is_name, literal};
use super::token::Token;
use super::words;

/// What a clause is about.
pub(super) enum Subject {
    Term(String),
    Words(String),
    /// `it`, `this`, `the word`.
    Pronoun,
    None,
}

/// The object of a verb.
pub(super) struct Noun {
    pub(super) name: Option<Name>,
    /// A literal after the name: `requests 2.31.0`.
    pub(super) value: Option<String>,
    /// Whether a word such as `constant` says that the name is one of the code's.
    pub(super) identifier: bool,
    pub(super) path: Option<String>,
    pub(super) end: usize,
}

/// A new or an old text.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) text: String,
    /// Whether it is a word of prose that was not set apart.
    pub(super) bare: bool,
}

impl Reader<'_> {
    /// What stands before a verb that has its subject on the left.
    pub(super) fn subject(&self, tokens: &[Token], from: usize, at: usize) -> (Subject, usize) {
        let start = tokens[from..at]
            .iter()
            .rposition(|token| matches!(token, Token::Mark(':' | '(' | ')')) || token.is_any("and but"))
            .map_or(from, |mark| from + mark + 1);
        let span = &tokens[start..at];
        let terms: Vec<&str> = span
            .iter()
            .filter_map(|token| match token {
                Token::Term(term) if !(self.is_path)(term) => Some(term.as_str()),
                _ => None,
            })
            .collect();
        match terms[..] {
            [term] => return (Subject::Term(term.to_owned()), start),
            [] => {}
            _ => return (Subject::None, start),
        }
        // Of "in a.md, the default port", what follows the comma.
        let comma = span.iter().rposition(|token| *token == Token::Mark(',')).map_or(0, |comma| comma + 1);
        let mut words = Vec::new();
        let mut skip_path = false;
        for token in &span[comma..] {
            if let Token::Word(word) = token {
                if (self.is_path)(word) {
                    skip_path = true;
                } else if !words::is_filler(word) && !words::is_pronoun(token) {
                    words.push(word.as_str());
                }
            }
        }
        let subject = match words[..] {
            [] if span.iter().any(words::is_pronoun) || span.is_empty() && start == 0 => Subject::Pronoun,
            [] if skip_path => Subject::Pronoun,
            [] => span
                .iter()
                .filter_map(Token::text)
                .rfind(|word| words::is_key_noun(word))
                .map_or(Subject::None, |word| Subject::Words(word.to_owned())),
            _ => Subject::Words(words.join(" ")),
        };
        (subject, start)
    }

    /// `[the constant] X [in a.md]`, up to the word that joins it to the rest.
    pub(super) fn noun(&self, tokens: &[Token], at: usize) -> Option<Noun> {
        let mut noun = Noun { name: None, value: None, identifier: false, path: None, end: at };
        let mut words: Vec<&str> = Vec::new();
        let mut last_filler: Option<&str> = None;
        let mut term: Option<&str> = None;
        while let Some(token) = tokens.get(noun.end) {
            if words::is_joint(token) {
                break;
            }
            match token {
                Token::Term(text) | Token::Word(text) if (self.is_path)(text) && noun.end > at => {
                    noun.path = Some(text.clone());
                }
                Token::Term(text) if term.is_none() => term = Some(text),
                Token::Word(_) if words::link(tokens, noun.end).is_some() => return None,
                Token::Word(word) if literal(word).is_some() && (term.is_some() || !words.is_empty()) => {
                    noun.value = Some(word.clone());
                }
                Token::Word(word) if words::is_filler(word) => {
                    noun.identifier |= words::is_identifier_noun(word);
                    if words::is_key_noun(word) {
                        last_filler = Some(word);
                    }
                }
                Token::Word(word) => words.push(word),
                Token::Term(_) | Token::Arrow | Token::Mark(_) => return None,
            }
            noun.end += 1;
        }
        noun.name = match (term, &words[..]) {
            (Some(term), _) => Some(Name::Exact(term.to_owned())),
            (None, []) => last_filler.map(|word| Name::Loose(word.to_owned())),
            (None, words) => Some(Name::Loose(words.join(" "))),
        };
        Some(noun)
    }
}

/// The text at `at` and where it ends; words before a text that was set apart, a literal or a name of the code are
/// passed over (`the version 1.2`).
pub(super) fn object(tokens: &[Token], at: usize) -> Option<(Object, usize)> {
    let start = at + usize::from(tokens.get(at) == Some(&Token::Mark(':')));
    let is_object = |token: &Token| match token {
        Token::Term(_) => true,
        Token::Word(word) => literal(word).is_some() || is_code(word),
        Token::Arrow | Token::Mark(_) => false,
    };
    let passed =
        tokens[start.min(tokens.len())..].iter().take_while(|token| words::is_filler_token(token)).count();
    let at = if tokens.get(start + passed).is_some_and(is_object) { start + passed } else { start };
    match tokens.get(at)? {
        Token::Term(text) => Some((Object { text: text.clone(), bare: false }, at + 1)),
        Token::Word(text) => {
            let bare = literal(text).is_none() && !is_name(text);
            Some((Object { text: text.clone(), bare }, at + 1))
        }
        Token::Arrow | Token::Mark(_) => None,
    }
}
