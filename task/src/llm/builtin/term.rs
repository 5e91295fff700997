//! What the look of a text says: a number, a version, a name of code, a misspelling of another word.

/// A value that a key or a dependency can have, as opposed to prose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// `30`, `-0.5`, `1_000`, `0x1f`, `30s`, `5%`
    Number,
    /// `1.2.3`, `v2`, `2.0.0-rc.1`
    Version,
    Bool,
}

pub(super) fn literal(text: &str) -> Option<Literal> {
    if ["true", "false", "yes", "no", "on", "off"].iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Some(Literal::Bool);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.strip_prefix(['v', 'V']).unwrap_or(unsigned);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.len() > 64 {
        return None;
    }
    if unsigned.len() == digits.len() {
        let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        if hex.is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_')) {
            return Some(Literal::Number);
        }
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.').unwrap_or(digits.len());
        let (number, unit) = digits.split_at(end);
        let unit_is_short = unit.len() <= 3 && unit.chars().all(|c| c.is_ascii_alphabetic() || c == '%');
        if number.matches('.').count() <= 1 && !number.ends_with('.') && unit_is_short {
            return Some(Literal::Number);
        }
    }
    is_version(text).then_some(Literal::Version)
}

/// Whether a text is a version number: digits first, `v` before them allowed.
pub(super) fn is_version(text: &str) -> bool {
    let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
        && digits.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !digits.split('.').any(|part| part.eq_ignore_ascii_case("x"))
}

/// Whether no prose would hold this word: it has an underscore or a path separator of code.
pub(super) fn is_name(text: &str) -> bool {
    text.len() > 2 && is_key(text) && (text.trim_matches('_').contains('_') || text.contains("::"))
}

/// Whether it looks like a name of code: [`is_name`], capitals only, or a capital inside.
pub(super) fn is_code(text: &str) -> bool {
    let capital = |c: char| c.is_uppercase();
    is_name(text)
        || is_key(text)
            && (text.chars().skip(1).any(capital)
                || text.len() > 1 && text.chars().all(|c| capital(c) || c.is_numeric()))
}

/// Whether it can be the name of a key, a constant or a dependency.
pub(super) fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@' | '-' | '.'))
        && text.chars().all(|c| c.is_alphanumeric() || "_-./@:".contains(c))
}

/// A name without its separators and case, for comparing prose with code.
pub(super) fn loose(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Whether two words can be a misspelling and its correction: at most every third letter differs, or two.
pub(super) fn are_alike(old: &str, new: &str) -> bool {
    let (old, new): (Vec<char>, Vec<char>) =
        (old.to_lowercase().chars().collect(), new.to_lowercase().chars().collect());
    let longest = old.len().max(new.len());
    if longest > 64 || old.is_empty() || new.is_empty() {
        return false;
    }
    let mut row: Vec<usize> = (0..=new.len()).collect();
    for (i, a) in old.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in new.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[new.len()] <= (longest / 3).max(2) && row[new.len()] < longest
}

/// At most 60 characters of a text, for titles and reasons.
pub(super) fn short(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(59).chain(['…']).collect()
}
