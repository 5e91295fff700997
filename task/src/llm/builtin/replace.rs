//! Where a phrase stands, and what takes its place.

use super::Stop;
use super::files::{Change, Places, Source, line_range};
use super::grammar::Spread;
use super::term::{self, short};

/// Every place of `old` as a whole word or phrase.
pub(super) fn places<'a>(
    sources: &[Source<'a>],
    old: &str,
    new: &str,
    spread: Spread,
    line: Option<usize>,
) -> Result<Places<'a>, Stop> {
    if old == new {
        return Err(Stop::Cannot(format!("the old and the new text are both `{}`", short(old))));
    }
    if new.chars().any(crate::path::is_hidden) || old.chars().any(crate::path::is_hidden) {
        return Err(Stop::Cannot("the text to replace holds characters that cannot be seen".to_owned()));
    }
    let variants = variants(old, new, spread);
    let mut places = Places::default();
    let mut kept_back = Vec::new();
    let (mut inside_words, mut in_addresses, mut other_case) = (0, 0, 0);
    for source in sources {
        let mut found = Vec::new();
        let wanted = line.map_or(0..source.text.len(), |line| line_range(source.text, line));
        for (old, new) in &variants {
            for at in source.text.match_indices(old.as_str()).map(|(at, _)| at) {
                let range = at..at + old.len();
                if !is_whole(source.text, range.clone()) {
                    inside_words += 1;
                } else if wanted.contains(&at) && !stands_already(source.text, range.clone(), old, new) {
                    if spread == Spread::AnyCase && is_in_address(source.text, range.clone()) {
                        in_addresses += 1;
                        continue;
                    }
                    found.push(Change { source: source.path, range, new: new.clone() });
                }
            }
        }
        if spread == Spread::Exact && found.is_empty() && old.is_ascii() {
            other_case += usize::from(source.text.to_ascii_lowercase().contains(&old.to_ascii_lowercase()));
        }
        if found.is_empty() {
            continue;
        }
        if source.protected {
            kept_back.push(source.path.as_str());
        } else {
            places.changes.extend(found);
        }
    }
    if places.changes.is_empty() {
        return Err(Stop::Cannot(if let [path, ..] = kept_back[..] {
            format!("`{}` stands only in `{path}`, which is protected", short(old))
        } else if in_addresses > 0 {
            format!("`{}` stands only in addresses and paths", short(old))
        } else if inside_words > 0 {
            format!("`{}` stands only inside longer words", short(old))
        } else if other_case > 0 {
            format!("`{}` stands nowhere in these capitals", short(old))
        } else {
            format!("`{}` stands in none of the files that were read", short(old))
        }));
    }
    if term::literal(old).is_some() && places.changes.len() > 1 {
        return Err(Stop::Cannot(format!(
            "`{}` stands in {} places, and the issue does not name one",
            short(old),
            places.changes.len()
        )));
    }
    if !kept_back.is_empty() {
        places.notes.push(format!("Left as it is in `{}`, which is protected.", kept_back.join("`, `")));
    }
    if inside_words > 0 {
        places.notes.push(format!("Left as it is inside longer words ({inside_words}×)."));
    }
    if in_addresses > 0 {
        places.notes.push(format!("Left as it is in addresses and paths ({in_addresses}×)."));
    }
    Ok(places)
}

/// Bytes before a word in which the start of an address is looked for.
const MAX_ADDRESS: usize = 2048;

/// The spellings to look for, and what each becomes.
fn variants(old: &str, new: &str, spread: Spread) -> Vec<(String, String)> {
    let natural = old.chars().all(|c| c.is_alphabetic() || " '’-".contains(c))
        && old.chars().skip(1).all(|c| !c.is_uppercase());
    let mut variants = vec![(old.to_owned(), new.to_owned())];
    if spread == Spread::Exact || !natural || old.to_lowercase() == new.to_lowercase() {
        return variants;
    }
    let plain_new = new.chars().skip(1).all(|c| !c.is_uppercase());
    let starts_like = old.starts_with(char::is_uppercase) == new.starts_with(char::is_uppercase);
    let mut add = |old: String, new: String| {
        if variants.iter().all(|(known, _)| *known != old) {
            variants.push((old, new));
        }
    };
    if plain_new && starts_like {
        add(old.to_lowercase(), with_first(new, char::to_lowercase));
        add(with_first(old, char::to_uppercase), with_first(new, char::to_uppercase));
    } else {
        add(old.to_lowercase(), new.to_owned());
        add(with_first(old, char::to_uppercase), new.to_owned());
    }
    add(old.to_uppercase(), new.to_uppercase());
    variants
}

fn with_first<I: Iterator<Item = char>>(text: &str, change: fn(char) -> I) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| change(first).chain(chars).collect()).unwrap_or_default()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether no word or number goes on across the ends of the range.
fn is_whole(text: &str, range: std::ops::Range<usize>) -> bool {
    let inside = &text[range.clone()];
    let (before, after) = (&text[..range.start], &text[range.end..]);
    let number = |c: char| c.is_ascii_digit();
    let starts = inside.chars().next().zip(before.chars().next_back());
    let ends = inside.chars().next_back().zip(after.chars().next());
    let joined = starts.is_some_and(|(first, before)| is_word(first) && is_word(before))
        || ends.is_some_and(|(last, after)| is_word(last) && is_word(after));
    let decimal = inside.starts_with(number)
        && before.strip_suffix('.').is_some_and(|head| head.ends_with(number))
        || inside.ends_with(number) && after.strip_prefix('.').is_some_and(|tail| tail.starts_with(number));
    !joined && !decimal
}

/// Whether the new text, which holds the old one, stands here already.
fn stands_already(text: &str, range: std::ops::Range<usize>, old: &str, new: &str) -> bool {
    new.match_indices(old).any(|(offset, _)| {
        range.start.checked_sub(offset).and_then(|start| text.get(start..start + new.len())) == Some(new)
    })
}

/// Whether the place is part of a web address, a host name or a path, which a corrected spelling would break.
fn is_in_address(text: &str, range: std::ops::Range<usize>) -> bool {
    let near = text.floor_char_boundary(range.start.saturating_sub(MAX_ADDRESS));
    let near = &text[near..range.start];
    let word = near.rsplit(|c: char| c.is_whitespace() || "()<>\"'".contains(c)).next().unwrap_or(near);
    let joins = |c: char| matches!(c, '.' | '/' | '@' | ':');
    let before = text[..range.start].strip_suffix(joins).is_some_and(|head| head.ends_with(is_word));
    let after = text[range.end..].strip_prefix(joins).is_some_and(|tail| tail.starts_with(is_word));
    before || after || word.contains("://")
}
