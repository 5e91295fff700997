//! The *memory* of a comment: the marker that stands behind its text on GitHub is a property of the comment on Jira, where
//! a document has no place that is not shown (<https://developer.atlassian.com/cloud/jira/platform/jira-entity-properties/>).
//!
//! It is set with the text in one call. Whoever may edit the comment can change it; so, as on GitHub, only what has the
//! right MAC counts, on a comment of our own account.

use serde_json::{Value, json};

/// The properties are this word and a number from 0.
const KEY: &str = "ai-agent";
/// Bytes of the value of one property: Jira takes 32,768, and every character may have to be escaped.
const MAX_PART: usize = 12_000;
/// The most that a comment of GitHub has room for.
pub(super) const MAX_PARTS: usize = 24;

/// Where the marker begins in a text.
const START: &str = "\n\n<!-- ai-agent:";

/// A text without its marker, and the marker.
pub(super) fn split(body: &str) -> (&str, Option<&str>) {
    match body.rfind(START) {
        Some(at) => (&body[..at], Some(body[at..].trim_start())),
        None => (body, None),
    }
}

/// The text that has both, as the other trackers have it.
pub(super) fn joined(text: &str, marker: &str) -> String {
    format!("{text}\n\n{marker}")
}

pub(super) fn key(part: usize) -> String {
    format!("{KEY}-{part}")
}

/// The properties that hold a marker.
pub(super) fn properties(marker: &str) -> Vec<Value> {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = marker;
    while !rest.is_empty() {
        let mut end = rest.len().min(MAX_PART);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    let count = parts.len();
    let property =
        |(at, part): (usize, &&str)| json!({ "key": key(at), "value": { "part": part, "of": count } });
    parts.iter().enumerate().map(property).collect()
}

/// The part of a marker that the value of a property holds, and how many there are.
pub(super) fn part(value: &Value) -> Option<(&str, usize)> {
    let count =
        usize::try_from(value["of"].as_u64()?).ok().filter(|count| (1..=MAX_PARTS).contains(count))?;
    Some((value["part"].as_str()?, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_of_any_length_is_put_together_again() {
        for marker in ["<!-- ai-agent:status {} 00 -->".to_owned(), "ü\"\\".repeat(15_000)] {
            let properties = properties(&marker);
            assert!(properties.iter().all(|property| property["value"].to_string().len() <= 32_768));
            let parts = properties.iter().map(|property| part(&property["value"]).unwrap());
            let joined: String = parts
                .map(|(part, count)| {
                    assert_eq!(count, properties.len());
                    part
                })
                .collect();
            assert_eq!(joined, marker);
        }
    }

    #[test]
    fn a_text_is_split_at_its_own_marker() {
        assert_eq!(split("**Done**"), ("**Done**", None));
        let body = joined("A quote of `<!-- ai-agent:x -->`", "<!-- ai-agent:status {} 00 -->");
        assert_eq!(
            split(&body),
            ("A quote of `<!-- ai-agent:x -->`", Some("<!-- ai-agent:status {} 00 -->"))
        );
    }
}
