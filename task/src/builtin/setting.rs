//! A *setting* is the one place of a file where a key is given a plain value, whatever the language.

use super::places::Places;
use super::request::Request;
use super::{Declined, regex};
use crate::outbound::markup::code_span;
use crate::path::RepoPath;

/// What stands between a key and its value: the end of its quotation marks, perhaps a type, and a sign.
const ASSIGNS: &str = r#"^["'`]?\s*(?::\s*[\w<>\[\]&'.|, ]+?\s*=|:=|=>|=|:)(?<value>[^=~:>].*)$"#;
/// A plain value, and what may follow it.
const VALUE: &str =
    r#"^\s*(?:"([^"\\]*)"|'([^'\\]*)'|([\w./:@+%-]+))(?<rest>\s*[,;)}\]].*|\s+(?:#|//|/\*).*|\s*)$"#;
/// What begins a line that is a comment, or the part of a line that is one.
const COMMENT: &str = r"^\s*(?://|--|;|\*|/\*|<!--|%|#[^\[]|#$)|\s(?:#|//)";
/// Words that are values of one kind, between bars; the first of these kinds is no value.
const KINDS: &str = "null Null NULL None none nil undefined|true false|True False|TRUE FALSE|yes no Yes No YES NO|\
                     on off On Off ON OFF";

/// The place in `text`, the content of a file, that sets what is to be set.
pub(super) fn find(text: &str, path: &RepoPath, asked: &Request) -> Result<Places, Declined> {
    let Request { subject: key, from, to, .. } = asked;
    let (named, place) = (code_span(key), code_span(path.as_str()));
    let declined = |why: &str| {
        Declined::new(format!("{named} {why} in {place}; write instead: replace `a` by `b` in {place}"))
    };
    let places = assignments(text, key);
    let lines = places.iter().map(|start| (text[..*start].matches('\n').count() + 1).to_string());
    let lines = lines.collect::<Vec<String>>().join(" and ");
    let start = match places[..] {
        [] => return declined("is not set"),
        [start] => start,
        _ => return declined(&format!("is set in more than one place (lines {lines})")),
    };
    let before = text[..start].rsplit('\n').next().unwrap_or_default();
    let value = regex(VALUE);
    let found = value.captures(text[start..].lines().next().unwrap_or_default()).filter(|found| {
        let is_list = regex(r"^\s*,.").is_match(&found["rest"]) && !before.contains(['(', '{', '[']);
        let is_in_string = ['"', '\''].iter().any(|quote| before.matches(*quote).count() % 2 == 1);
        !is_list && !is_in_string && !before.contains('?')
    });
    let old = found.as_ref().and_then(|found| found.get(1).or(found.get(2)).or(found.get(3)));
    let Some(old) = old else { return declined(&format!("has no plain value (line {lines})")) };
    let is_bare = found.is_some_and(|found| found.get(3).is_some());
    let inside = |text: &str| {
        let inside = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
        inside.filter(|_| !is_bare).unwrap_or(text).to_owned()
    };
    let (shown, new) = (code_span(old.as_str()), inside(to));
    if old.as_str() == new {
        let line = text[..start].matches('\n').count() + 1;
        return Ok(Places { done: Some((line, format!("{named} is {shown} already"))), ..Places::default() });
    } else if let Some(from) = from.as_ref().filter(|from| inside(from) != old.as_str()) {
        return declined(&format!("is {shown}, not {} (line {lines})", code_span(from)));
    }
    // A number keeps its unit and its point, a word stays a word.
    let kind = |text: &str| match KINDS.split('|').position(|words| words.split(' ').any(|word| word == text))
    {
        Some(kind) => kind.to_string(),
        None if text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit()) => {
            regex(r"[-+]?\d[\d_]*").replace_all(text, "n").into_owned()
        }
        None => "word".to_owned(),
    };
    let is_plain =
        value.captures(&new).is_some_and(|found| found.get(3).is_some() && found["rest"].is_empty());
    let is_same_kind = is_plain && kind(old.as_str()) == kind(&new) && kind(&new) != "0";
    if is_bare && !is_same_kind || !is_bare && new.contains(['"', '\'', '\\', '\n']) {
        return declined(&format!("is {shown}, and {} is of another kind (line {lines})", code_span(&new)));
    }
    Ok(Places { changed: vec![(start + old.start()..start + old.end(), new)], ..Places::default() })
}

/// Where the key is set: behind the sign that does it, up to the end of the line.
fn assignments(text: &str, key: &str) -> Vec<usize> {
    let (assigns, comment) = (regex(ASSIGNS), regex(COMMENT));
    let is_word = |c: char| c.is_alphanumeric() || "_-$".contains(c);
    let sets = |(at, _): (usize, &str)| {
        let before = text[..at].rsplit('\n').next().unwrap_or_default();
        let after = text[at + key.len()..].lines().next().unwrap_or_default();
        if before.ends_with(is_word) || after.starts_with(is_word) || comment.is_match(before) {
            return None;
        }
        Some(at + key.len() + assigns.captures(after)?.name("value")?.start())
    };
    text.match_indices(key).filter_map(sets).collect()
}
