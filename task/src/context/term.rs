//! A *term* is the unit of lexical ranking: an identifier as a whole, each of its camel-case or snake-case
//! parts, or a word of prose; lower-cased, parts without their English endings.
//!
//! Terms are only ever compared, so they travel as 64-bit hashes: no dictionary of a repository is kept.
//! Text of scripts without spaces between words becomes overlapping pairs of characters.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The hash of a term. Two terms of one query and one repository share it with a chance below 1e-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TermHash(u64);

/// Whether a term is a whole identifier of several parts, or a part or word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Part,
}

/// Longest identifier that counts, in bytes; longer runs are data.
const MAX_IDENTIFIER: usize = 96;

/// Calls `emit` with every term of `text`, in order: its hash, its extent, and its lower-case spelling.
/// Returns the number of parts and words, the length of the text for ranking.
pub(super) fn scan(text: &str, mut emit: impl FnMut(TermHash, Extent, &[u8])) -> u32 {
    let bytes = text.as_bytes();
    let mut length = 0;
    let mut at = 0;
    while at < bytes.len() {
        if CLASS[usize::from(bytes[at])] == Class::Other {
            at += 1;
            continue;
        }
        let start = at;
        let mut ascii = true;
        while at < bytes.len() && CLASS[usize::from(bytes[at])] != Class::Other {
            ascii &= bytes[at] < 0x80;
            at += 1;
        }
        if at - start > MAX_IDENTIFIER && ascii {
            length += 1;
        } else if ascii {
            length += identifier(&bytes[start..at], &mut emit);
        } else {
            // A run ends before an ASCII byte, so both ends are character boundaries.
            length += other_script(&text[start..at], &mut emit);
        }
    }
    length
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Other,
    Lower,
    Upper,
    Digit,
    Underscore,
    High,
}

const CLASS: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
        let value = byte as u8;
        table[byte] = match value {
            b'a'..=b'z' => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'0'..=b'9' => Class::Digit,
            b'_' => Class::Underscore,
            0x80.. => Class::High,
            _ => Class::Other,
        };
        byte += 1;
    }
    table
};

/// The terms of one ASCII identifier; returns how many parts it has.
fn identifier(identifier: &[u8], emit: &mut impl FnMut(TermHash, Extent, &[u8])) -> u32 {
    let mut lower = [0_u8; MAX_IDENTIFIER];
    // The identifier without its underscores, so that `parse_header` and `parseHeader` are one term.
    let mut joined = 0;
    let mut part_start = 0;
    let mut parts = 0;
    let mut previous = Class::Underscore;
    for (index, &byte) in identifier.iter().enumerate() {
        let class = CLASS[usize::from(byte)];
        let boundary = match (previous, class) {
            (_, Class::Underscore) | (Class::Lower | Class::Digit, Class::Upper) => true,
            // The last capital of a run belongs to the word that follows: `HTTPServer`.
            (Class::Upper, Class::Upper) => {
                identifier.get(index + 1).is_some_and(|next| CLASS[usize::from(*next)] == Class::Lower)
            }
            _ => false,
        };
        if boundary && joined > part_start {
            parts += part(&lower[part_start..joined], emit);
            part_start = joined;
        }
        if class != Class::Underscore {
            lower[joined] = byte.to_ascii_lowercase();
            joined += 1;
        }
        previous = class;
    }
    if joined > part_start {
        parts += part(&lower[part_start..joined], emit);
    }
    if parts > 1 && joined > 2 {
        let whole = &lower[..joined];
        emit(hash(whole, WHOLE_SEED), Extent::Whole, whole);
    }
    parts
}

/// Emits one part; single characters count as length only.
fn part(lower: &[u8], emit: &mut impl FnMut(TermHash, Extent, &[u8])) -> u32 {
    if lower.len() >= 2 {
        emit(hash(stem(lower), PART_SEED), Extent::Part, lower);
    }
    1
}

/// Words of other scripts: lower-cased; ideographs and kana as pairs.
fn other_script(run: &str, emit: &mut impl FnMut(TermHash, Extent, &[u8])) -> u32 {
    let mut length = 0;
    for word in run.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if word.is_ascii() {
            if word.len() <= MAX_IDENTIFIER {
                length += identifier(word.as_bytes(), emit);
            }
            continue;
        }
        if word.chars().any(is_unspaced) {
            let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
            for pair in starts.windows(3) {
                let pair = &word.as_bytes()[pair[0]..pair[2]];
                emit(hash(pair, PART_SEED), Extent::Part, pair);
                length += 1;
            }
            continue;
        }
        let lower = word.to_lowercase();
        emit(hash(lower.as_bytes(), PART_SEED), Extent::Part, lower.as_bytes());
        length += 1;
    }
    length
}

/// Whether a character is of a script that is written without spaces: Thai to Burmese, kana, ideographs.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A lower-case ASCII word without its English inflection: a prefix of it, never shorter than three letters.
///
/// Cruder than Porter's stemmer (1980), in that it only cuts, but it maps "query" and "queries", "parse",
/// "parser" and "parsing", "format" and "formatted" to one stem each, and costs a few comparisons.
pub(super) fn stem(word: &[u8]) -> &[u8] {
    let mut word = word;
    if word.len() > 3 && word.ends_with(b"s") && !word.ends_with(b"ss") {
        word = &word[..word.len() - 1];
    }
    for ending in [b"ing".as_slice(), b"ed", b"er"] {
        if word.len() >= ending.len() + 3 && word.ends_with(ending) {
            word = &word[..word.len() - ending.len()];
            let [.., before, last] = word else { break };
            if before == last && !matches!(last, b'l' | b's' | b'z' | b'e' | b'o') {
                word = &word[..word.len() - 1];
            }
            break;
        }
    }
    while let [rest @ .., b'e' | b'i' | b'y'] = word
        && rest.len() >= 3
    {
        word = rest;
    }
    word
}

/// The hash of an identifier as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameHash(u64);

/// Shorter names are locals, or loops.
const MIN_NAME: usize = 4;

/// The hash of a name that is long enough to tell something.
pub(super) fn name(name: &str) -> Option<NameHash> {
    (MIN_NAME..=MAX_IDENTIFIER).contains(&name.len()).then(|| NameHash(hash(name.as_bytes(), NAME_SEED).0))
}

/// The identifiers of `text`, each once, ascending.
pub(super) fn names(text: &str) -> Vec<NameHash> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let mut names: Vec<NameHash> = words.filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

const NAME_SEED: u64 = 0x1656_67b1_9e37_79f9;
const PART_SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const WHOLE_SEED: u64 = 0xc2b2_ae3d_27d4_eb4f;

/// Multiply-and-fold over eight bytes at a time, after wyhash.
fn hash(bytes: &[u8], seed: u64) -> TermHash {
    let mut state = seed ^ (bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), 0xa076_1d64_78bd_642f);
    }
    let mut word = [0; 8];
    word[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    TermHash(fold(state ^ u64::from_le_bytes(word), 0xe703_7ed1_a0b4_28db))
}

fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
    let (low, high) = (wide as u64, (wide >> 64) as u64);
    low ^ high
}

/// Finds the number of a query's term by its hash; most words of a repository miss in the first bit test.
#[derive(Clone, Debug)]
pub(super) struct TermTable {
    filter: Vec<u64>,
    numbers: HashMap<u64, u16, BuildHasherDefault<Hashed>>,
}

/// One bit for each value of 16 bits of a hash.
const FILTER_WORDS: usize = 1 << 10;

impl TermTable {
    pub(super) fn new(terms: impl IntoIterator<Item = TermHash>) -> Self {
        let mut filter = vec![0; FILTER_WORDS];
        let mut numbers = HashMap::default();
        for (number, TermHash(hash)) in (0_u16..).zip(terms) {
            let (word, bit) = Self::place(hash);
            filter[word] |= bit;
            numbers.insert(hash, number);
        }
        Self { filter, numbers }
    }

    pub(super) fn get(&self, TermHash(hash): TermHash) -> Option<u16> {
        let (word, bit) = Self::place(hash);
        if self.filter[word] & bit == 0 {
            return None;
        }
        self.numbers.get(&hash).copied()
    }

    fn place(hash: u64) -> (usize, u64) {
        let [low, high, ..] = hash.to_le_bytes();
        let at = u16::from_le_bytes([low, high]);
        (usize::from(at / 64), 1 << (at % 64))
    }
}

/// Keys that are hashes already.
#[derive(Clone, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        scan(text, |_, extent, lower| {
            let lower = String::from_utf8(lower.to_vec()).unwrap();
            terms.push(if extent == Extent::Whole { format!("={lower}") } else { lower });
        });
        terms
    }

    #[test]
    fn identifiers_fall_into_their_parts() {
        for (text, expect) in [
            ("parse_header", "parse header =parseheader"),
            ("parseHeader(x)", "parse header =parseheader"),
            ("HTTPServer", "http server =httpserver"),
            ("getURL", "get url =geturl"),
            ("utf8_to_16", "utf8 to 16 =utf8to16"),
            ("__init__", "init"),
            ("XMLHttpRequest2Foo", "xml http request2 foo =xmlhttprequest2foo"),
            ("a.b-cd", "cd"),
            ("SCREAMING_CASE", "screaming case =screamingcase"),
            ("Straße größer", "straße größer"),
            ("Привет мир", "привет мир"),
            ("設定ファイル", "設定 定フ ファ ァイ イル"),
            ("naïve, “quoted” done", "naïve quoted done"),
            ("", ""),
        ] {
            assert_eq!(spelled(text).join(" "), expect, "{text}");
        }
    }

    #[test]
    fn inflections_share_a_stem() {
        for group in [
            "query queries",
            "parse parser parsing parsed parses",
            "format formatted formatting formatter formats",
            "stop stopped stopping",
            "fail fails failed failing",
            "pass passing passed",
            "call calls called calling",
        ] {
            let stems: Vec<&[u8]> = group.split(' ').map(|word| stem(word.as_bytes())).collect();
            assert!(stems.windows(2).all(|pair| pair[0] == pair[1]), "{group}: {stems:?}");
        }
        for (word, expect) in
            [("is", "is"), ("ring", "ring"), ("red", "red"), ("class", "class"), ("seed", "seed")]
        {
            assert_eq!(stem(word.as_bytes()), expect.as_bytes());
        }
    }

    #[test]
    fn lengths_count_every_word_once() {
        for (text, expect) in
            [("parse_header(x)", 3), ("", 0), ("a b c", 3), ("日本語", 2), (&"x".repeat(500), 1)]
        {
            assert_eq!(scan(text, |_, _, _| {}), expect, "{text}");
        }
    }

    #[test]
    fn the_table_finds_what_it_holds_and_nothing_else() {
        let mut hashes = Vec::new();
        scan("alpha beta gamma", |hash, _, _| hashes.push(hash));
        let table = TermTable::new(hashes.iter().copied());
        assert_eq!(
            hashes.iter().map(|hash| table.get(*hash)).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(2)]
        );
        let mut other = Vec::new();
        scan("delta alpha_beta epsilon", |hash, extent, _| other.push((table.get(hash), extent)));
        assert_eq!(
            other,
            [
                (None, Extent::Part),
                (Some(0), Extent::Part),
                (Some(1), Extent::Part),
                (None, Extent::Whole),
                (None, Extent::Part),
            ]
        );
    }
}
