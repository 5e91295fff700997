//! What Jira takes for a **document**, as far as programs write any; it answers others with 400 `INVALID_INPUT`.

use std::fmt::Write as _;

use serde_json::Value;

/// Characters of text.
const MAX_CHARS: usize = 32_767;

/// What is wrong with a document.
pub(super) fn faults(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if document["version"] != 1 || document["type"] != "doc" {
        wrong.push("the body is not a document of version 1".to_owned());
    }
    let mut chars = 0;
    for child in document["content"].as_array().into_iter().flatten() {
        node(child, "doc", &mut wrong, &mut chars);
    }
    if chars > MAX_CHARS {
        wrong.push(
            "The entered text is too long. It exceeds the allowed limit of 32,767 characters.".to_owned(),
        );
    }
    wrong
}

fn node(value: &Value, parent: &str, wrong: &mut Vec<String>, chars: &mut usize) {
    let kind = value["type"].as_str().unwrap_or_default();
    let allowed: &[&str] = match parent {
        "doc" => {
            &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule", "table"]
        }
        "bulletList" | "orderedList" => &["listItem"],
        "listItem" | "blockquote" | "tableCell" => &["paragraph", "bulletList", "orderedList", "codeBlock"],
        "table" => &["tableRow"],
        "tableRow" => &["tableCell", "tableHeader"],
        "codeBlock" => &["text"],
        _ => &["text", "hardBreak"],
    };
    if !allowed.contains(&kind) {
        wrong.push(format!("INVALID_INPUT: `{kind}` in `{parent}`"));
    }
    if kind == "text" {
        let text = value["text"].as_str().unwrap_or_default();
        *chars += text.chars().count();
        if text.is_empty() {
            wrong.push("INVALID_INPUT: an empty text".to_owned());
        }
    }
    let fields: &[&str] = match kind {
        "text" => &["type", "text", "marks"],
        _ => &["type", "attrs", "content"],
    };
    for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
        if !fields.contains(&name.as_str()) {
            wrong.push(format!("INVALID_INPUT: `{name}` of `{kind}`"));
        }
    }
    for child in value["content"].as_array().into_iter().flatten() {
        node(child, kind, wrong, chars);
    }
}

/// The text of a document, block by block, for tests to compare.
pub fn text_of(document: &Value) -> String {
    let mut out = String::new();
    write(document, &mut out);
    out.trim().to_owned()
}

fn write(value: &Value, out: &mut String) {
    match value["type"].as_str().unwrap_or_default() {
        "text" => {
            let text = value["text"].as_str().unwrap_or_default();
            let marks: Vec<&Value> = value["marks"].as_array().into_iter().flatten().collect();
            let link = marks
                .iter()
                .find(|mark| mark["type"] == "link")
                .and_then(|mark| mark["attrs"]["href"].as_str());
            let is_code = marks.iter().any(|mark| mark["type"] == "code");
            let text = if is_code { format!("`{text}`") } else { text.to_owned() };
            match link {
                Some(href) => write!(out, "{text} <{href}>").expect("writing to a string"),
                None => out.push_str(&text),
            }
            return;
        }
        "hardBreak" => out.push('\n'),
        "listItem" => out.push_str("- "),
        _ => {}
    }
    for child in value["content"].as_array().into_iter().flatten() {
        write(child, out);
    }
    if matches!(value["type"].as_str(), Some("paragraph" | "heading" | "codeBlock" | "rule")) {
        out.push('\n');
    }
}
