//! What we say, as a document of Jira.

use serde_json::Value;
use task::document;

/// Characters that Jira takes.
const MAX_CHARS: usize = 32_767;

pub(crate) fn run(data: &[u8]) {
    let document = document::of_markdown(&String::from_utf8_lossy(data), None);
    assert!(document["version"] == 1 && document["type"] == "doc", "{document}");
    let mut chars = 0;
    for node in children(&document) {
        check(node, "doc", &mut chars);
    }
    assert!(chars <= MAX_CHARS, "it has {chars} characters");
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["content"].as_array().into_iter().flatten()
}

/// Jira refuses a whole comment for one node that is not right.
fn check(node: &Value, parent: &str, chars: &mut usize) {
    let kind = node["type"].as_str().unwrap_or_default();
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
    assert!(allowed.contains(&kind), "`{kind}` in `{parent}`: {node}");
    if kind == "text" {
        let text = node["text"].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "an empty text: {node}");
        *chars += text.chars().count();
    }
    for child in children(node) {
        check(child, kind, chars);
    }
}
