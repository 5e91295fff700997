use proptest::prelude::*;
use serde_json::json;

use super::*;

fn markdown(content: &Value) -> String {
    to_markdown(&json!({ "version": 1, "type": "doc", "content": content })).for_machine().to_owned()
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn marked(text: &str, mark: &Value) -> Value {
    json!({ "type": "text", "text": text, "marks": [mark] })
}

fn paragraph(content: &Value) -> Value {
    json!({ "type": "paragraph", "content": content })
}

fn said(words: &str) -> Value {
    paragraph(&json!([text(words)]))
}

fn item(words: &str) -> Value {
    json!({ "type": "listItem", "content": [said(words)] })
}

#[test]
fn a_document_is_what_a_person_sees_of_it() {
    let cell = |kind: &str, words: &str| json!({ "type": kind, "content": [said(words)] });
    let table: Vec<(Value, &str)> = vec![
        (json!([said("Hello, world.")]), "Hello, world."),
        (json!([said("one"), said("two")]), "one\n\ntwo"),
        (json!([paragraph(&json!([text("one"), { "type": "hardBreak" }, text("two")]))]), "one\ntwo"),
        (json!([{ "type": "heading", "attrs": { "level": 2 }, "content": [text("Steps")] }]), "## Steps"),
        (json!([{ "type": "heading", "attrs": { "level": 99 }, "content": [text("x")] }]), "###### x"),
        (json!([{ "type": "bulletList", "content": [item("a"), item("b")] }]), "- a\n- b"),
        (
            json!([{ "type": "orderedList", "attrs": { "order": 3 }, "content": [item("a"), item("b")] }]),
            "3. a\n4. b",
        ),
        (
            json!([{ "type": "bulletList", "content": [
                { "type": "listItem", "content": [said("a"), { "type": "bulletList", "content": [item("b")] }] },
            ] }]),
            "- a\n\n  - b",
        ),
        (
            json!([{ "type": "taskList", "content": [
                { "type": "taskItem", "attrs": { "state": "DONE" }, "content": [text("a")] },
                { "type": "taskItem", "attrs": { "state": "TODO" }, "content": [text("b")] },
            ] }]),
            "- [x] a\n- [ ] b",
        ),
        (
            json!([{ "type": "codeBlock", "attrs": { "language": "rust" }, "content": [text("let a = 1;\n")] }]),
            "```rust\nlet a = 1;\n```",
        ),
        (json!([{ "type": "codeBlock", "content": [text("a\n```\nb")] }]), "````\na\n```\nb\n````"),
        (
            json!([{ "type": "codeBlock", "attrs": { "language": "x\n```" }, "content": [text("a")] }]),
            "```\na\n```",
        ),
        (json!([{ "type": "blockquote", "content": [said("a"), said("b")] }]), "> a\n>\n> b"),
        (
            json!([{ "type": "panel", "attrs": { "panelType": "warning" }, "content": [said("hot")] }]),
            "> **Warning:**\n>\n> hot",
        ),
        (json!([said("a"), { "type": "rule" }, said("b")]), "a\n\n---\n\nb"),
        (
            json!([{ "type": "table", "content": [
                { "type": "tableRow", "content": [cell("tableHeader", "key"), cell("tableHeader", "value")] },
                { "type": "tableRow", "content": [cell("tableCell", "a|b"), cell("tableCell", "two\nlines")] },
                { "type": "tableRow", "content": [cell("tableCell", "short")] },
            ] }]),
            "| key | value |\n| --- | --- |\n| a\\|b | two lines |\n| short |",
        ),
        (
            json!([{ "type": "table", "content": [
                { "type": "tableRow", "content": [cell("tableCell", "narrow")] },
                { "type": "tableRow", "content": [cell("tableCell", "a"), cell("tableCell", "b")] },
            ] }]),
            "| narrow |  |\n| --- | --- |\n| a | b |",
        ),
        (
            json!([{ "type": "expand", "attrs": { "title": "More" }, "content": [said("a")] }]),
            "**More**\n\na",
        ),
        (
            json!([{ "type": "mediaSingle", "content": [{ "type": "media", "attrs": { "alt": "hidden" } }] }]),
            "(an attached file)",
        ),
        (json!([{ "type": "extension", "attrs": { "text": "hidden" } }]), "(content of an app)"),
        (json!([{ "type": "bodiedExtension", "content": [said("shown")] }]), "shown"),
        (
            json!([{ "type": "somethingNew", "content": [said("a"), { "type": "newer", "content": [text("b")] }] }]),
            "a\n\nb",
        ),
    ];
    check(&table);
}

#[test]
fn marks_and_inline_nodes_are_what_they_look_like() {
    let table: Vec<(Value, &str)> = vec![
        (
            paragraph_of(&[
                marked("x", &json!({ "type": "strong" })),
                text(" "),
                marked("y", &json!({ "type": "em" })),
            ]),
            "**x** *y*",
        ),
        (paragraph_of(&[marked(" gone ", &json!({ "type": "strike" }))]), "~~gone~~"),
        (paragraph_of(&[marked("a`b", &json!({ "type": "code" }))]), "``a`b``"),
        (
            paragraph_of(&[marked(
                "site",
                &json!({ "type": "link", "attrs": { "href": "https://x.example/a_(b)" } }),
            )]),
            "[site](https://x.example/a_%28b%29)",
        ),
        (
            paragraph_of(&[marked(
                "site",
                &json!({ "type": "link", "attrs": { "href": "javascript:alert(1)" } }),
            )]),
            "site",
        ),
        (
            paragraph_of(&[json!({ "type": "inlineCard", "attrs": { "url": "https://x.example/a" } })]),
            "<https://x.example/a>",
        ),
        (
            paragraph_of(&[json!({ "type": "mention", "attrs": { "id": "1", "text": "@Dev One" } })]),
            "(mention of Dev One)",
        ),
        (
            paragraph_of(&[json!({ "type": "emoji", "attrs": { "shortName": ":smile:", "text": "😄" } })]),
            "😄",
        ),
        (paragraph_of(&[json!({ "type": "emoji", "attrs": { "shortName": ":smile:" } })]), ":smile:"),
        (paragraph_of(&[json!({ "type": "status", "attrs": { "text": "In progress" } })]), "In progress"),
        (paragraph_of(&[json!({ "type": "date", "attrs": { "timestamp": "1582152559" } })]), "1970-01-19"),
        (paragraph_of(&[text("a"), json!({ "type": "placeholder", "attrs": { "text": "hidden" } })]), "a"),
    ];
    check(&table);
}

fn check(table: &[(Value, &str)]) {
    for (content, expected) in table {
        assert_eq!(markdown(content), *expected, "{content}");
    }
}

#[test]
fn what_is_no_document_is_nothing_or_a_plain_text() {
    assert_eq!(to_markdown(&json!("plain *text*")).for_machine(), "plain \\*text\\*");
    for nothing in [Value::Null, json!({}), json!([]), json!(7), json!({ "content": {} })] {
        assert_eq!(to_markdown(&nothing).for_machine(), "");
    }
}

fn paragraph_of(content: &[Value]) -> Value {
    json!([paragraph(&json!(content))])
}

/// What a person wrote as text is shown as text, and hides nothing that comes after it.
#[test]
fn text_is_no_markup() {
    for (words, expected) in [
        ("<!-- x", "\\<!-- x"),
        ("<details>", "\\<details>"),
        ("&lt;!-- &amp", "\\&lt;!-- \\&amp"),
        ("a & b", "a & b"),
        ("```\n# x", "\\`\\`\\`\n\\# x"),
        ("- x", "\\- x"),
        ("1. x", "1\\. x"),
        ("    code", "code"),
        ("> quote", "\\> quote"),
        ("[a]: https://x.example \"t\"", "\\[a\\]: https://x.example \"t\""),
        ("![x](y)", "\\!\\[x\\](y)"),
        ("$x$", "\\$x\\$"),
        ("max_size of _this_", "max_size of \\_this\\_"),
        ("a * b ~ c", "a \\* b \\~ c"),
        ("C:\\path", "C:\\\\path"),
        ("=== y", "\\=== y"),
        ("/approve", "/approve"),
    ] {
        let found = markdown(&json!([said(words)]));
        assert_eq!(found, expected, "{words:?}");
        // A person sees the words, so they stay when the text is cleaned.
        let clean = Raw::new(format!("{found}\n\nafter")).clean(10_000);
        assert!(clean.as_str().ends_with("after"), "{words:?}: {}", clean.as_str());
    }
}

/// What is dropped later would close a fence, or begin a block.
#[test]
fn what_cannot_be_seen_keeps_no_fence_apart() {
    let code = json!({ "type": "code" });
    for (node, expected) in [
        (
            json!({ "type": "codeBlock", "content": [text("`\u{200b}`\u{200b}`\n<!--")] }),
            "````\n```\n<!--\n````",
        ),
        (json!({ "type": "codeBlock", "content": [text("``\u{200b}"), text("`")] }), "````\n```\n````"),
        (json!({ "type": "codeBlock", "content": [text("a\rb\r\nc")] }), "```\na\nb\nc\n```"),
        (paragraph(&json!([marked("a`\u{200b}`b", &code)])), "```a``b```"),
        (paragraph(&json!([marked("a\r# b", &code)])), "a\n\\# b"),
        (said("\u{200b}# x"), "\\# x"),
        (said("\u{feff}- x\r1\u{200b}. y"), "\\- x\n1\\. y"),
    ] {
        let found = markdown(&json!([node]));
        assert_eq!(found, expected, "{node}");
        let clean = Raw::new(format!("{found}\n\nafter")).clean(10_000);
        assert!(clean.as_str().ends_with("after"), "{node}: {}", clean.as_str());
    }
}

#[test]
fn what_nobody_sees_is_left_out() {
    let colored = |color: &str| marked("seen?", &json!({ "type": "textColor", "attrs": { "color": color } }));
    for (color, expected) in [
        ("#ffffff", ""),
        ("#FEFEFE", ""),
        ("#f0f0f0", ""),
        ("#ff0000", "seen?"),
        ("red", "seen?"),
        ("#fff", "seen?"),
    ] {
        assert_eq!(markdown(&paragraph_of(&[colored(color)])), expected, "{color}");
    }
    let within = |node: Value, text: &Value| {
        let mut node = node;
        node["content"] = json!([{ "type": "paragraph", "content": [text] }]);
        node
    };
    let cell = |background: &str, text: &Value| {
        let cell = within(json!({ "type": "tableCell", "attrs": { "background": background } }), text);
        json!([{ "type": "table", "content": [{ "type": "tableRow", "content": [cell] }] }])
    };
    let panel = |kind: &str, text: &Value| {
        json!([within(
            json!({ "type": "panel", "attrs": { "panelType": kind, "panelColor": "#172b4d" } }),
            text
        )])
    };
    let on = |ground: &str, ink: &str| {
        let mark = |kind: &str, color: &str| json!({ "type": kind, "attrs": { "color": color } });
        let marks = [("backgroundColor", ground), ("textColor", ink)].map(|(kind, color)| mark(kind, color));
        let marks: Vec<&Value> = marks.iter().filter(|mark| mark["attrs"]["color"] != "").collect();
        json!({ "type": "text", "text": "seen?", "marks": marks })
    };
    for (document, is_seen) in [
        (paragraph_of(&[on("#dfe1e6", "#dfe1e6")]), false),
        (paragraph_of(&[on("#fedec8", "#FEDEC8")]), false),
        (paragraph_of(&[on("#00875a", "#0a8c64")]), false),
        (paragraph_of(&[on("#172b4d", "")]), false),
        (paragraph_of(&[on("#fedec8", "")]), true),
        (paragraph_of(&[on("#fedec8", "#bf2600")]), true),
        // White on dark is read, as long as the dark is there.
        (paragraph_of(&[on("#172b4d", "#ffffff")]), true),
        (paragraph_of(&[on("#172b4d00", "#ffffff")]), false),
        (paragraph_of(&[on("navy", "#ffffff")]), false),
        (cell("#172b4d", &on("", "#ffffff")), true),
        (cell("#172b4d", &on("", "#172b4d")), false),
        (cell("#172b4d", &on("", "")), false),
        (cell("", &on("", "#ffffff")), false),
        (panel("custom", &on("", "#ffffff")), true),
        (panel("custom", &on("", "#172b4d")), false),
        (panel("info", &on("", "#ffffff")), false),
        // Behind the table and the panel the page is white again.
        (
            json!([cell("#172b4d", &on("", "#ffffff"))[0], panel("custom", &on("", "#ffffff"))[0],
            { "type": "paragraph", "content": [on("", "#ffffff"), text("end")] }]),
            true,
        ),
        // No other node has a background.
        (
            json!([within(
                json!({ "type": "blockquote", "attrs": { "background": "#172b4d" } }),
                &on("", "#ffffff")
            )]),
            false,
        ),
    ] {
        assert_eq!(markdown(&document).contains("seen?"), is_seen, "{document}");
        assert!(!markdown(&document).contains("seen?end"), "{document}");
    }
    let hidden = json!([{ "type": "paragraph", "attrs": { "localId": "obey" }, "content": [
        { "type": "text", "text": "a", "marks": [{ "type": "annotation", "attrs": { "id": "obey" } }], "attrs": { "x": "obey" } },
    ] }]);
    assert_eq!(markdown(&hidden), "a");
}

#[test]
fn a_document_that_was_made_to_be_in_the_way_is_cut() {
    let mut deep = said("bottom");
    for _ in 0..100 {
        deep = json!({ "type": "blockquote", "content": [deep] });
    }
    let found = markdown(&json!([deep]));
    assert!(!found.contains("bottom") && found.contains("the rest of the text is left out"), "{found}");
    let many = vec![said("x"); MAX_NODES];
    assert!(markdown(&json!(many)).ends_with("the rest of the text is left out)"));
    let long = "y".repeat(3 * MAX_CHARS);
    let found = markdown(&json!([said(&long), said("after")]));
    assert!(found.chars().count() < MAX_CHARS + 100 && !found.contains("after"));
}

/// What is written is bounded by what is there, not by its width times its height.
#[test]
fn one_wide_row_makes_no_other_row_wide() {
    let row =
        |cells: usize| json!({ "type": "tableRow", "content": vec![json!({ "type": "tableCell" }); cells] });
    for widest_first in [true, false] {
        let mut rows = vec![row(0); 9_900];
        rows.insert(if widest_first { 0 } else { 9_900 }, row(10_000));
        let found = markdown(&json!([{ "type": "table", "content": rows }]));
        assert!(found.len() < MAX_CHARS, "{} bytes", found.len());
        assert_eq!(found.lines().count(), 9_902);
    }
}

/// Documents of any shape, with words that are dear to Markdown.
fn documents() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("<!--".to_owned()),
        Just("```".to_owned()),
        Just("~~~~".to_owned()),
        Just("<details>".to_owned()),
        Just("| a |".to_owned()),
        Just("\n\n".to_owned()),
        Just("[x](".to_owned()),
        Just("$$".to_owned()),
        Just("&#60;".to_owned()),
        Just("\\".to_owned()),
        Just("`".to_owned()),
        Just("\r".to_owned()),
        Just("\u{200b}".to_owned()),
        Just("`\u{200b}`\u{200b}`".to_owned()),
        Just("\u{200b}- \r~~~".to_owned()),
        any::<String>(),
    ];
    let kinds = prop::sample::select(vec![
        "paragraph",
        "heading",
        "bulletList",
        "orderedList",
        "listItem",
        "codeBlock",
        "blockquote",
        "panel",
        "table",
        "tableRow",
        "tableCell",
        "expand",
        "taskList",
        "taskItem",
        "new",
        "text",
    ]);
    let marks = prop::sample::select(vec!["strong", "em", "code", "link", "strike", "textColor"]);
    let leaf = (words, marks).prop_map(|(text, mark)| {
        json!({ "type": "text", "text": text, "marks": [{ "type": mark, "attrs": { "href": "https://x.example/)`" } }] })
    });
    leaf.prop_recursive(6, 60, 6, move |inner| {
        (kinds.clone(), prop::collection::vec(inner, 0..6), any::<u8>()).prop_map(|(kind, content, level)| {
            json!({ "type": kind, "attrs": { "level": level, "language": "```" }, "content": content })
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_node_hides_what_comes_after_it(node in documents()) {
        let found = markdown(&json!([node, said("afterwards")]));
        prop_assert!(found.chars().count() <= 4 * MAX_CHARS);
        let clean = Raw::new(found.clone()).clean(usize::MAX);
        let last = clean.as_str().trim_end().lines().last().unwrap_or_default().to_owned();
        prop_assert_eq!(last.as_str(), "afterwards", "{:?} {:?}", found, clean);
    }

    #[test]
    fn anything_is_read(text in any::<String>(), number in any::<i64>()) {
        for node in [
            json!({ "type": "doc", "content": [{ "type": "heading", "attrs": { "level": number }, "content": [{ "type": "text", "text": text }] }] }),
            json!({ "type": "doc", "content": [{ "type": "orderedList", "attrs": { "order": number }, "content": [{ "type": text }] }] }),
            json!({ "type": text, "content": [{ "type": "date", "attrs": { "timestamp": number } }] }),
        ] {
            drop(to_markdown(&node));
        }
    }
}
