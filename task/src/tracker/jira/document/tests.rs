use proptest::prelude::*;
use shared::repo::HostPolicy;

use super::*;

fn document(markdown: &str) -> Value {
    let repo = Repo::parse("https://github.com/octo/hello", &HostPolicy::github()).unwrap();
    let document = of_markdown(markdown, Some(&repo));
    assert_eq!((&document["version"], &document["type"]), (&json!(1), &json!("doc")));
    document["content"].clone()
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn link(words: &str, href: &str) -> Value {
    json!({ "type": "text", "text": words, "marks": [{ "type": "link", "attrs": { "href": href } }] })
}

fn paragraph(content: &Value) -> Value {
    json!({ "type": "paragraph", "content": content })
}

#[test]
fn our_words_become_a_document() {
    let item = |words: &str| json!({ "type": "listItem", "content": [paragraph(&json!([text(words)]))] });
    let bold = json!({ "type": "text", "text": "Done", "marks": [{ "type": "strong" }] });
    for (markdown, expected) in [
        ("Hello", json!([paragraph(&json!([text("Hello")]))])),
        ("one\ntwo", json!([paragraph(&json!([text("one"), text(" "), text("two")]))])),
        ("**Done**: it", json!([paragraph(&json!([bold, text(": it")]))])),
        ("- a\n- b", json!([{ "type": "bulletList", "content": [item("a"), item("b")] }])),
        ("2. a", json!([{ "type": "orderedList", "attrs": { "order": 2 }, "content": [item("a")] }])),
        (
            "- [x] a",
            json!([{ "type": "bulletList", "content": [
                { "type": "listItem", "content": [paragraph(&json!([text("☑ "), text("a")]))] },
            ] }]),
        ),
        (
            "```rust\nlet a = 1;\n```",
            json!([{ "type": "codeBlock", "attrs": { "language": "rust" }, "content": [text("let a = 1;\n")] }]),
        ),
        (
            "## A\n\n---",
            json!([{ "type": "heading", "attrs": { "level": 2 }, "content": [text("A")] }, { "type": "rule" }]),
        ),
        ("> a", json!([{ "type": "blockquote", "content": [paragraph(&json!([text("a")]))] }])),
        (
            "Comment `/stop`",
            json!([paragraph(
                &json!([text("Comment "), { "type": "text", "text": "/stop", "marks": [{ "type": "code" }] }])
            )]),
        ),
        (
            "See #7.",
            json!([paragraph(&json!([
                text("See "),
                link("#7", "https://github.com/octo/hello/pull/7"),
                text(".")
            ]))]),
        ),
        ("x#7 #0 #a", json!([paragraph(&json!([text("x#7 #0 #a")]))])),
        (
            "[diff](/octo/hello/pull/7/files)",
            json!([paragraph(&json!([link("diff", "https://github.com/octo/hello/pull/7/files")]))]),
        ),
        ("[x](javascript:alert)", json!([paragraph(&json!([text("x")]))])),
        ("[x](//evil.example/y)", json!([paragraph(&json!([text("x")]))])),
        ("<b>a</b>", json!([paragraph(&json!([text("a")]))])),
        (
            "| a | b |\n|---|---|\n| c |  |",
            json!([{ "type": "table", "content": [
                { "type": "tableRow", "content": [
                    { "type": "tableCell", "content": [paragraph(&json!([text("a")]))] },
                    { "type": "tableCell", "content": [paragraph(&json!([text("b")]))] },
                ] },
                { "type": "tableRow", "content": [
                    { "type": "tableCell", "content": [paragraph(&json!([text("c")]))] },
                    { "type": "tableCell", "content": [paragraph(&json!([]))] },
                ] },
            ] }]),
        ),
        ("", json!([])),
    ] {
        assert_eq!(document(markdown), expected, "{markdown:?}");
    }
    assert!(of_markdown(&"x ".repeat(40_000), None).to_string().len() < 21_000);
}

/// The rules of ADF that we could break.
fn faults(node: &Value, parent: &str, faults: &mut Vec<String>) {
    let kind = node["type"].as_str().unwrap_or_default();
    let allowed: &[&str] = match parent {
        "doc" => {
            &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule", "table"]
        }
        "bulletList" | "orderedList" => &["listItem"],
        "listItem" | "blockquote" | "tableCell" => &["paragraph", "bulletList", "orderedList", "codeBlock"],
        "table" => &["tableRow"],
        "tableRow" => &["tableCell"],
        "codeBlock" => &["text"],
        _ => &["text", "hardBreak"],
    };
    if !allowed.contains(&kind) {
        faults.push(format!("{kind} in {parent}"));
    }
    if kind == "text" && node["text"].as_str().is_none_or(str::is_empty) {
        faults.push("an empty text".to_owned());
    }
    let marks: Vec<&str> =
        node["marks"].as_array().into_iter().flatten().filter_map(|mark| mark["type"].as_str()).collect();
    if marks.contains(&"code") && marks.iter().any(|mark| !matches!(*mark, "code" | "link")) {
        faults.push(format!("marks {marks:?}"));
    }
    if matches!(
        kind,
        "bulletList" | "orderedList" | "listItem" | "table" | "tableRow" | "tableCell" | "blockquote"
    ) && node["content"].as_array().is_none_or(Vec::is_empty)
    {
        faults.push(format!("an empty {kind}"));
    }
    for child in node["content"].as_array().into_iter().flatten() {
        self::faults(child, kind, faults);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn whatever_is_written_is_a_document(parts in prop::collection::vec(prop_oneof![
        Just("- a\n".to_owned()), Just("  1. b\n".to_owned()), Just("> q\n".to_owned()), Just("```x\ncode\n```\n".to_owned()),
        Just("# h\n".to_owned()), Just("\n".to_owned()), Just("---\n".to_owned()), Just("| a | b |\n|---|---|\n| c | d |\n".to_owned()),
        Just("**b *i* `c`**".to_owned()), Just("[l](https://x.example)".to_owned()), Just("    x".to_owned()), Just("<i>".to_owned()),
        Just("#12 ".to_owned()), Just("- > - # h\n".to_owned()), Just("![a](b)".to_owned()), Just("  \n".to_owned()), any::<String>(),
    ], 0..12)) {
        let mut found = Vec::new();
        for node in document(&parts.concat()).as_array().unwrap() {
            faults(node, "doc", &mut found);
        }
        prop_assert!(found.is_empty(), "{:?} of {:?}", found, parts.concat());
    }
}
