//! *Unseen* text: characters of a change that a reviewer does not see, or takes for others.
//!
//! A program can mean something else than it shows: by controls of direction, by letters without a shape, by letters of
//! another script with the same shape (<https://trojansource.codes>, <https://www.unicode.org/reports/tr39/>). What a file
//! has already is its own; what an edit brings is refused where nothing is seen, and named to the reviewer where
//! something else is seen.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization as _;

use super::{Fault, SyntaxError};
use crate::path::{RepoPath, is_hidden};
use crate::text::{is_emoji, is_keycap};

/// Words that are named of one file.
const MAX_WORDS: usize = 5;

/// Letters of Greek, Cyrillic, Lisu and Coptic that are drawn like Latin ones, and marks of Lisu and Coptic like signs of ASCII
/// (<https://www.unicode.org/Public/security/latest/confusables.txt>).
const ALIKE: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγηικνορτυχωϲϳ\
                     АВЕЅІЈКМНОРСТУХҮӀԀԚԜавеіјкмнорстухѕүһӏԁԛԝ\
                     \u{a4d0}\u{a4d1}\u{a4d3}\u{a4d4}\u{a4d6}\u{a4d7}\u{a4d9}\u{a4da}\u{a4dc}\u{a4dd}\u{a4df}\
                     \u{a4e0}\u{a4e1}\u{a4e2}\u{a4e3}\u{a4e6}\u{a4e7}\u{a4ea}\u{a4eb}\u{a4ec}\u{a4ee}\u{a4f0}\
                     \u{a4f2}\u{a4f3}\u{a4f4}\u{a4f8}\u{a4f9}\u{a4fa}\u{a4fb}\u{a4fc}\u{a4fd}\u{a4fe}\u{a4ff}\
                     \u{2c82}\u{2c85}\u{2c8e}\u{2c92}\u{2c94}\u{2c98}\u{2c9a}\u{2c9e}\u{2c9f}\u{2ca2}\u{2ca3}\
                     \u{2ca4}\u{2ca5}\u{2ca6}\u{2ca8}\u{2cac}\u{2cad}\u{2cba}\u{2cc6}\u{2cca}\u{2ccc}\u{2cd0}\
                     \u{2cd2}";
/// Signs that are drawn like those that programs are written with, and letters of phonetic scripts like others.
const SIGNS: &str = "\u{37e}\u{a789}\u{1c0}\u{1c3}\u{2024}\u{2215}\u{2236}\u{251}\u{261}";

/// Characters without a shape that the text has and its older version had not.
pub(super) fn hidden(before: Option<&str>, after: &str) -> Vec<SyntaxError> {
    let known: HashSet<char> = before.unwrap_or_default().chars().filter(|c| is_unseen(*c)).collect();
    let mut found = Vec::new();
    let mut chars = after.char_indices().peekable();
    // The last character, and before that one the last with a shape.
    let (mut last, mut base) = ('\0', '\0');
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if is_unseen(c) && !known.contains(&c) && !is_at_home(c, at, last, base, next) {
            found.push(SyntaxError { range: at..at + c.len_utf8(), fault: Fault::Unseen(c) });
        }
        if !is_unseen(c) {
            base = c;
        }
        last = c;
    }
    found
}

/// Whether a character has no shape of its own.
fn is_unseen(c: char) -> bool {
    !matches!(c, '\n' | '\r' | '\t' | '\u{c}') && (is_hidden(c) || c == '\u{2800}')
}

/// Whether an unseen character does what it is for: joins letters of scripts that need it, colors an emoji, marks the
/// encoding of a file.
fn is_at_home(c: char, at: usize, last: char, base: char, next: Option<char>) -> bool {
    match c {
        '\u{feff}' => at == 0,
        '\u{fe0e}' | '\u{fe0f}' => is_emoji(last) || is_keycap(last) && next == Some('\u{20e3}'),
        '\u{200d}' if is_emoji(base) => next.is_some_and(is_emoji),
        '\u{200c}' | '\u{200d}' => {
            joins(base) && next.is_some_and(|next| joins(next) || !next.is_alphanumeric())
        }
        '\u{e0020}'..='\u{e007f}' => base == '\u{1f3f4}',
        _ => false,
    }
}

/// Whether the character is of a script with letters that join: from Syriac and Arabic to those of India and Southeast Asia.
fn joins(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{18af}' | '\u{a840}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{11000}'..='\u{11fff}')
}

/// What a reviewer should know of a file: words that the edit brought and that can be taken for others, and unseen
/// characters on new lines of a file that had such before. One sentence each, `code` as the reviewer sees it.
pub(super) fn warnings(path: &RepoPath, before: Option<&str>, after: &str) -> Vec<String> {
    let name = crate::outbound::markup::code_span(path.as_str());
    let before = before.unwrap_or_default();
    let mut warnings = Vec::new();
    let words = alike(before, after);
    for (line, word, c) in words.iter().take(MAX_WORDS) {
        let word = crate::outbound::markup::code_span(word);
        warnings.push(format!(
            "{name}, line {line}: {word} has a character (U+{:04X}) that looks like another one.",
            u32::from(*c)
        ));
    }
    if let Some(more) = words.len().checked_sub(MAX_WORDS).filter(|more| *more > 0) {
        warnings.push(format!("{name}: {more} more words have characters that look like others."));
    }
    let known: HashSet<&str> = before.lines().collect();
    let unseen =
        |line: &str| !known.contains(line) && line.chars().any(|c| is_unseen(c) && before.contains(c));
    if let Some(index) = after.lines().position(unseen) {
        warnings.push(format!(
            "{name}, line {}: a character that is not seen, as the file had before.",
            index + 1
        ));
    }
    warnings
}

/// Words of the newer text alone that can be taken for others: their line, the word, the character.
fn alike(before: &str, after: &str) -> Vec<(usize, String, char)> {
    // In a text that is written in one of these scripts a word of it is a word.
    let is_written_in = |text: &str, script: fn(char) -> bool| {
        words(text).any(|word| word.chars().any(|c| script(c) && !ALIKE.contains(c)))
    };
    let own = [is_greek as fn(char) -> bool, is_cyrillic, is_lisu, is_coptic, is_turkish]
        .map(|script| is_written_in(before, script) || is_written_in(after, script));
    let mut known: HashSet<&str> = words(before).collect();
    let mut found = Vec::new();
    for (index, line) in after.lines().enumerate() {
        for word in words(line) {
            if known.contains(word) {
                continue;
            }
            if let Some(c) = suspect(word, own) {
                known.insert(word);
                found.push((index + 1, word.to_owned(), c));
            }
        }
    }
    found
}

/// Runs of what names are made of, and of signs that pass for others.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && !SIGNS.contains(c) && !is_lisu(c))
        .filter(|word| !word.is_ascii() && !word.is_empty())
}

/// The character of a word that can be taken for another one. In a text in Greek, Cyrillic, Lisu, Coptic or Turkish it may be
/// an ordinary word.
fn suspect(word: &str, [greek, cyrillic, lisu, coptic, turkish]: [bool; 5]) -> Option<char> {
    let is_latin =
        |c: char| c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    let has_latin = word.chars().any(is_latin);
    let has_ascii = word.chars().any(|c| c.is_ascii_alphabetic());
    let is_all_alike = word.chars().all(|c| ALIKE.contains(c) || !c.is_alphabetic());
    word.chars().find(|&c| {
        let other_script = is_cyrillic(c)
            || is_armenian_or_cherokee(c)
            || is_lisu(c)
            || is_coptic(c)
            || is_greek(c) && ALIKE.contains(c);
        let foreign = is_greek(c) && !greek
            || is_cyrillic(c) && !cyrillic
            || is_lisu(c) && !lisu
            || is_coptic(c) && !coptic;
        // The dotless i, and the long s, which no language writes any more.
        let other_latin = c == '\u{131}' && !turkish || c == '\u{17f}';
        SIGNS.contains(c)
            || is_dressed(c)
            || has_latin && other_script
            || has_ascii && other_latin
            || is_all_alike && foreign && ALIKE.contains(c)
    })
}

fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')
}

fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69f}')
}

fn is_armenian_or_cherokee(c: char) -> bool {
    matches!(c, '\u{530}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}')
}

/// With its tones and its two signs.
fn is_lisu(c: char) -> bool {
    matches!(c, '\u{a4d0}'..='\u{a4ff}')
}

fn is_coptic(c: char) -> bool {
    matches!(c, '\u{2c80}'..='\u{2cff}')
}

/// Letters that languages with a dotless i have beside it.
fn is_turkish(c: char) -> bool {
    matches!(c, 'Ğ' | 'ğ' | 'İ' | 'Ş' | 'ş' | 'Ə' | 'ə')
}

/// A letter of ASCII in another dress, wide or bold, which some languages take for the letter itself.
fn is_dressed(c: char) -> bool {
    c > '\u{2ff}' && c.is_alphabetic() && std::iter::once(c).nfkc().all(|plain| plain.is_ascii_alphabetic())
}

/// Whether the name of a file has a word that can be taken for another one.
pub(crate) fn is_deceptive(path: &str) -> bool {
    words(path).any(|word| suspect(word, [true; 5]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(before: Option<&str>, after: &str) -> Vec<char> {
        let faults = hidden(before, after).into_iter().map(|error| error.fault);
        faults.filter_map(|fault| if let Fault::Unseen(c) = fault { Some(c) } else { None }).collect()
    }

    #[test]
    fn characters_without_a_shape_are_refused_where_they_are_not_at_home() {
        for (after, expected) in [
            ("if a:\r\n\tpass\u{c}\n", ""),
            ("a\u{202e}b", "\u{202e}"),
            ("a = 'user\u{2066} // admin\u{2069}'", "\u{2066}\u{2069}"),
            ("a\u{200b}b \u{2060}c", "\u{200b}\u{2060}"),
            ("let \u{3164} = 1", "\u{3164}"),
            ("let \u{ffa0}\u{115f} = 1", "\u{ffa0}\u{115f}"),
            ("a\u{200e}b\u{61c}", "\u{200e}\u{61c}"),
            ("a\u{e0061}\u{e0100}\u{fe00}", "\u{e0061}\u{e0100}\u{fe00}"),
            ("a\u{1b}[8mb\u{8}", "\u{1b}\u{8}"),
            ("a\u{2028}b\u{ad}c\u{2800}", "\u{2028}\u{ad}\u{2800}"),
            ("\u{feff}a", ""),
            ("a\u{feff}", "\u{feff}"),
            // at home
            ("❤\u{fe0f} 👩\u{200d}💻 1\u{fe0f}\u{20e3} 🏴\u{e0067}\u{e0062}\u{e007f}", ""),
            ("می\u{200c}خواهم क्\u{200d}ष", ""),
            ("a\u{200d}b admin\u{fe0f}", "\u{200d}\u{fe0f}"),
            ("naïve – “quotes” 日本語 шрифт", ""),
        ] {
            assert_eq!(found(None, after).into_iter().collect::<String>(), expected, "{after:?}");
            assert!(found(Some(after), &format!("x\n{after}")).is_empty(), "{after:?} again");
        }
        // Another one than the file had.
        assert_eq!(found(Some("a\u{200b}"), "a\u{200b}\u{202e}"), ['\u{202e}']);
    }

    #[test]
    fn words_that_can_be_taken_for_others_are_named() {
        let named = |before: &str, after: &str| {
            alike(before, after).into_iter().map(|(line, word, _)| (line, word)).collect::<Vec<_>>()
        };
        for word in [
            "sc\u{43e}pe",
            "\u{441}\u{430}\u{440}",
            "p\u{430}ssword_",
            "\u{ff45}val",
            "\u{1d41e}\u{1d42f}al",
            "\u{3bf}ption",
            "\u{37e}",
            "isAdmin\u{1c3}",
            "\u{13aa}at",
            "g\u{251}me",
            "u\u{578}it",
            "p\u{a4ee}ssword",
            "\u{a4d1}\u{a4ee}\u{a4e2}\u{a4e2}",
            "a\u{a4ff}b",
            "\u{a4ff}",
            "\u{2c9f}ption",
            "\u{2ca5}\u{2c9f}\u{2ca3}",
            "adm\u{131}n",
            "\u{17f}ave",
        ] {
            let after = format!("a = 1\n{word} = 2\n");
            assert_eq!(named("a = 1\n", &after), [(2, word.to_owned())], "{word}");
            assert_eq!(named(&after, &format!("{after}b = {word}")), [], "{word}, known");
        }
        for text in [
            "größe = über + naïve",
            "переменная = слово с а о",
            "日本語 = 変数",
            "Δt = λ * σ_x",
            "λόγος = ο",
            "x² + 5 µs ½ ª",
            "한국어 = 값",
            "ångström, łódź",
            "ısı = ağaç",
            "\u{a4d2}\u{a4f1} = \u{a4d0}\u{a4ee}",
            "\u{2c81}\u{2c83} = \u{2c9f}\u{2ca5}",
        ] {
            assert_eq!(named("", text), [], "{text}");
        }
    }

    #[test]
    fn a_reviewer_is_told_which_word_and_where() {
        let path = RepoPath::parse("src/a.py").unwrap();
        let told = warnings(&path, Some("a\u{200b}\n"), "a\u{200b}\nif \u{430}dmin:\nb\u{200b}\n");
        assert_eq!(
            told,
            [
                "`src/a.py`, line 2: `\u{430}dmin` has a character (U+0430) that looks like another one.",
                "`src/a.py`, line 3: a character that is not seen, as the file had before."
            ]
        );
        let many: Vec<String> = (0..9).map(|number| format!("\u{430}b{number}\n")).collect();
        assert_eq!(warnings(&path, None, &many.concat()).len(), MAX_WORDS + 1);
    }

    #[test]
    fn a_name_of_one_script_is_as_good_as_another() {
        for (path, expected) in [
            ("src/README.md", false),
            ("docs/документ.md", false),
            ("docs/über_größe.md", false),
            ("src/日本語_text.rs", false),
            ("R\u{415}ADME.md", true),
            ("src/\u{ff4d}ain.rs", true),
            ("\u{3bf}ption.rs", true),
            ("README\u{a4f8}md", true),
            ("docs/kayıt.md", false),
        ] {
            assert_eq!(is_deceptive(path), expected, "{path}");
        }
    }
}
