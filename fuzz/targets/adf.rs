//! A document of Jira, as anybody can write it, on its way to the model.

use serde_json::{Value, json};
use task::adf;

/// Characters of what becomes of a document; it is cut long before.
const MAX_CHARS: usize = 1_000_000;

pub(crate) fn run(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<Value>(data) else { return };
    let text = adf::to_markdown(&read).clean(usize::MAX);
    assert!(text.as_str().chars().count() <= MAX_CHARS, "it is not bounded");
    // Nothing in it hides what is said later.
    let last = json!({ "type": "paragraph", "content": [{ "type": "text", "text": "afterwards" }] });
    let both = json!({ "type": "doc", "content": [read, last] });
    let both = adf::to_markdown(&both).clean(usize::MAX);
    let end = both.as_str().trim_end().lines().last().unwrap_or_default();
    assert!(end == "afterwards" || end.starts_with("(…"), "{end:?}");
}
