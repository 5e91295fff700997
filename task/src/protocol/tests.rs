use proptest::prelude::*;

use super::*;

fn replace(path: &str, line: usize, search: &str, replace: &str) -> Edit {
    let action =
        Action::Replace { search: search.to_owned(), replace: replace.to_owned(), divider: Divider::Sole };
    Edit { path: path.to_owned(), line, action }
}

fn edit(path: &str, line: usize, action: Action) -> Edit {
    Edit { path: path.to_owned(), line, action }
}

fn write(path: &str, line: usize, content: &str) -> Edit {
    edit(path, line, Action::Write { content: content.to_owned() })
}

fn check(reply: &str, expect: &Result<Vec<Edit>, ReadError>) {
    assert_eq!(Answer::read(reply).edits, *expect, "{reply}");
}
#[test]
fn a_reply_without_edits_has_none() {
    for reply in [
        "",
        "\n\n",
        "I see no bug here.",
        "Heading\n=======\nprose",
        "```rust\nfn main() {}\n```",
        "CANNOT: the issue names no file",
        "READ: src/a.rs",
        "```\nDELETE: src/a.rs\n```",
    ] {
        check(reply, &Ok(vec![]));
    }
}

#[test]
fn blocks_in_many_dresses() {
    let one = || Ok(vec![replace("src/a.rs", 2, "a\n", "b\n")]);
    for reply in [
        "src/a.rs\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n",
        "src/a.rs\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE",
        "src/a.rs\r\n<<<<<<< SEARCH\r\na\r\n=======\r\nb\r\n>>>>>>> REPLACE\r\n",
        "\u{feff}src/a.rs\n<<<<<<< SEARCH  \na\n=======\t\nb\n>>>>>>> REPLACE \n",
        "src/a.rs\n<<<<< SEARCH\na\n=====\nb\n>>>>> REPLACE",
        "src/a.rs\n<<<<<<<<< SEARCH\na\n=========\nb\n>>>>>>>>> REPLACE",
        "src/a.rs\n<<<<<<< SEARCH\na\n======\nb\n>>>>>>>> REPLACE",
        "src/a.rs\n<<<<<<< SEARCH>\na\n=======\nb\n>>>>>>> replace",
    ] {
        check(reply, &one());
    }
    check(
        "````\n```rust\nsrc/a.rs\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\n````\nDELETE: c.rs\n",
        &Ok(vec![replace("src/a.rs", 4, "a\n", "b\n"), edit("c.rs", 11, Action::Delete)]),
    );
    check(
        "a.rs\n```\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\nand\n```\n<<<<<<< SEARCH\nc\n=======\n\
         >>>>>>> REPLACE\n```",
        &Ok(vec![replace("a.rs", 3, "a\n", "b\n"), replace("a.rs", 11, "c\n", "")]),
    );
    check(
        "new.rs\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE",
        &Ok(vec![edit("new.rs", 2, Action::Create { content: "x\n".to_owned() })]),
    );
}

#[test]
fn directives() {
    check(
        "TITLE: t\nDELETE: a.rs\nRENAME: `b.rs` -> c d.rs\n**WRITE:** e.rs\n\n```rust\nx\n\n```\nDone.",
        &Ok(vec![
            edit("a.rs", 2, Action::Delete),
            edit("b.rs", 3, Action::Rename { to: "c d.rs".to_owned() }),
            write("e.rs", 4, "x\n\n"),
        ]),
    );
    check("WRITE: a\n```\n```", &Ok(vec![write("a", 1, "")]));
    check(
        "WRITE: a.md\n````md\n# T\n```\nDELETE: x\n```\n````",
        &Ok(vec![write("a.md", 1, "# T\n```\nDELETE: x\n```\n")]),
    );
    check(
        "WRITE: a.md\n```md\n# T\n```sh\nls\n```\nend\n```\nDELETE: b",
        &Ok(vec![write("a.md", 1, "# T\n```sh\nls\n```\nend\n"), edit("b", 9, Action::Delete)]),
    );
    check(
        "WRITE: a\n```\nx\n```\nb.rs\n```\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```",
        &Ok(vec![write("a", 1, "x\n"), replace("b.rs", 7, "a\n", "b\n")]),
    );
    check(
        "x.rs\n<<<<<<< SEARCH\nDELETE: y\n=======\nRENAME: z\n>>>>>>> REPLACE",
        &Ok(vec![replace("x.rs", 2, "DELETE: y\n", "RENAME: z\n")]),
    );
}

#[test]
fn markers_inside_content() {
    check(
        "a.md\n<<<<<<<<< SEARCH\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n=========\nx\n>>>>>>>>> REPLACE",
        &Ok(vec![replace("a.md", 2, "<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n", "x\n")]),
    );
    check(
        "a.rst\n<<<<<<< SEARCH\nTitle\n=====\n=======\nTitles\n======\n>>>>>>> REPLACE",
        &Ok(vec![replace("a.rst", 2, "Title\n=====\n", "Titles\n======\n")]),
    );
    let middle = Action::Replace {
        search: "Welcome\n=======\nold\n".to_owned(),
        replace: "Welcome\n=======\nnew\n".to_owned(),
        divider: Divider::Middle,
    };
    check(
        "a.rst\n<<<<<<< SEARCH\nWelcome\n=======\nold\n=======\nWelcome\n=======\nnew\n>>>>>>> REPLACE",
        &Ok(vec![edit("a.rst", 2, middle)]),
    );
}

#[test]
fn what_is_cut_or_unclear_is_refused() {
    use ReadError::*;
    for (reply, error) in [
        ("a\n<<<<<<< SEARCH\na\n=======\nb", Unclosed { line: 2 }),
        ("a\n<<<<<<< SEARCH\na\n", Unclosed { line: 2 }),
        ("a\n<<<<<<< SEARCH", Unclosed { line: 2 }),
        (
            "a\n<<<<<<< SEARCH\na\n=======\nb\n<<<<<<< SEARCH\nc\n=======\nd\n>>>>>>> REPLACE",
            Unclosed { line: 2 },
        ),
        (
            "a\n<<<<<<< SEARCH\na\n=======\nb\n<<<<<<<< SEARCH\nc\n========\nd\n>>>>>>> REPLACE",
            Unclosed { line: 2 },
        ),
        ("a\n<<<<<<<<< SEARCH\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n=========\n", Unclosed { line: 2 }),
        ("a\n<<<<<<< SEARCH\na\n>>>>>>> REPLACE", NoDivider { line: 2 }),
        ("a\n<<<<<<< SEARCH\n=======\na\n=======\nb\n>>>>>>> REPLACE", Dividers { line: 2, count: 2 }),
        ("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE", NoName { line: 1 }),
        ("a\n  <<<<<<< SEARCH\n  a\n  =======\n  b\n  >>>>>>> REPLACE", StrayMarker { line: 2 }),
        ("<<<<<<< SEARCH src/a.rs\na\n=======\nb\n>>>>>>> REPLACE", StrayMarker { line: 1 }),
        ("a\n<<<<<<<<<<<< SEARCH\na", StrayMarker { line: 2 }),
        ("a\n=======\nb\n>>>>>>> REPLACE", StrayMarker { line: 4 }),
        ("DELETE:", NoPath { line: 1, directive: "DELETE" }),
        ("RENAME: a", BadRename { line: 1 }),
        ("RENAME: a -> ", NoPath { line: 1, directive: "RENAME" }),
        ("WRITE: a\nfn main() {}", NoContent { line: 1 }),
        ("WRITE: a", NoContent { line: 1 }),
        ("WRITE: a\n```\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```", NoContent { line: 1 }),
        ("WRITE: a\n```\nfn main() {}", UnclosedFile { line: 1 }),
        ("WRITE: a\n````\nx\n```\n", UnclosedFile { line: 1 }),
        ("WRITE: a.md\n```\n# T\n```\ncode\n```\nend\n```", FenceInFile { line: 1 }),
        ("```\nx\nDELETE: a", UnclosedFence { line: 1 }),
    ] {
        check(reply, &Err(error));
    }
}

/// What a reply says besides its edits.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said<'a> {
    title: Option<&'a str>,
    summary: Option<&'a str>,
    reads: &'a [&'a str],
    cannot: Option<&'a str>,
}

#[test]
fn what_a_reply_says_besides_its_edits() {
    const EDIT: &str = "<<<<<<< SEARCH\nTITLE: not me\n=======\nREAD: nor me\n>>>>>>> REPLACE\n";
    let none = Said::default;
    for (reply, expect) in [
        ("", none()),
        ("just prose: with a colon", none()),
        (
            "TITLE: Fix it\nSUMMARY:\nWhat.\n\nWhy.\n\nsrc/a.rs\n",
            Said { title: Some("Fix it"), summary: Some("What.\n\nWhy.\n\nsrc/a.rs"), ..none() },
        ),
        (
            &format!("TITLE: Fix it\nSUMMARY: What.\nsrc/a.rs\n{EDIT}"),
            Said { title: Some("Fix it"), summary: Some("What."), ..none() },
        ),
        (
            &format!("SUMMARY:\nWhat.\n\nsrc/a.rs\n```rust\n{EDIT}```\nREAD: b.rs\n"),
            Said { summary: Some("What."), reads: &["b.rs"], ..none() },
        ),
        (
            &format!("SUMMARY:\nWhat.\n\n```rust\nsrc/a.rs\n{EDIT}```\nMore.\n"),
            Said { summary: Some("What."), ..none() },
        ),
        (
            &format!("SUMMARY:\nI changed `src/a.rs` only.\n\n{EDIT}"),
            Said { summary: Some("I changed `src/a.rs` only."), ..none() },
        ),
        ("READ: a.rs\nREAD: `b/c.rs`\nREAD: a.rs\n", Said { reads: &["a.rs", "b/c.rs"], ..none() }),
        ("```\nREAD: a.rs\n```\nCANNOT: too vague", Said { cannot: Some("too vague"), ..none() }),
        (
            "CANNOT: it is unclear\nwhat is meant.\n\nREAD: a.rs",
            Said { cannot: Some("it is unclear\nwhat is meant."), reads: &["a.rs"], ..none() },
        ),
        ("CANNOT:\n\nToo vague.", Said { cannot: Some("Too vague."), ..none() }),
        ("CANNOT:", none()),
        (
            "**TITLE:** Bold\n**SUMMARY:**\ntext\n```sh\nrun me\n```\nend",
            Said { title: Some("Bold"), summary: Some("text\n```sh\nrun me\n```\nend"), ..none() },
        ),
        ("**TITLE**: Bold", Said { title: Some("Bold"), ..none() }),
        ("TITLE: `a` and `b`", Said { title: Some("`a` and `b`"), ..none() }),
        ("TITLE: \"quoted\"", Said { title: Some("quoted"), ..none() }),
        ("TITLE: one\nTITLE: two", Said { title: Some("one"), ..none() }),
        // Content of a file, and of a block that is refused.
        (
            "WRITE: a.md\n````md\n```text\nx\n```\nREAD: b\nSUMMARY: c\n````\nTITLE: t\n",
            Said { title: Some("t"), ..none() },
        ),
        (
            "WRITE: a.md\n```md\n```text\nx\n```\nREAD: b\nSUMMARY: c\n```\nTITLE: t\n",
            Said { title: Some("t"), ..none() },
        ),
        ("a.rs\n<<<<<<< search\nREAD: b\n=======\nTITLE: c\n>>>>>>> replace\n", none()),
        ("a.rs\n<<<<<<< SEARCH\nREAD: b\n>>>>>>> REPLACE\nTITLE: t\n", Said { title: Some("t"), ..none() }),
        ("a.rs\n<<<<<<< SEARCH\nREAD: b\n=======\nTITLE: c\n", none()),
    ] {
        let answer = Answer::read(reply);
        let reads: Vec<&str> = answer.reads.iter().map(String::as_str).collect();
        let found = Said {
            title: answer.title.as_deref(),
            summary: answer.summary.as_deref(),
            reads: &reads,
            cannot: answer.cannot.as_deref(),
        };
        assert_eq!(found, expect, "{reply}");
    }
}

#[test]
fn clips_what_is_too_long() {
    let long = Answer::read(&format!("TITLE: {}", "a ".repeat(100))).title.unwrap();
    assert_eq!(long.chars().count(), 72);
    assert!(long.ends_with('…'));
}

#[test]
fn headings_count_outside_of_code_and_edits() {
    let reply = "Sure.\n## Summary\nx\n````md\n```\n## No\n```\n````\n~~~\n# No\n~~~\n# **Files**:\ny\n";
    let answer = Answer::read(reply);
    let document = answer.document("summary").unwrap();
    assert_eq!(document.text(), &reply["Sure.\n".len()..]);
    assert_eq!(document.section("FILES"), Some("y\n"));
    assert_eq!(document.section("No"), None);
    assert!(Answer::read("a.rs\n<<<<<<< SEARCH\n# No\n=======\n>>>>>>> REPLACE").document("No").is_none());
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(reply in any::<String>()) {
        let edits = Answer::read(&reply).edits;
        prop_assert!(edits.is_ok_and(|edits| edits.is_empty()) || reply.contains('<') || reply.contains('>') || reply.contains(':'));
    }

    #[test]
    fn no_mix_of_lines_makes_it_panic(
        lines in prop::collection::vec(prop::sample::select(vec![
            "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "<<<<<<<<< SEARCH", "=========", ">>>>>>>>> REPLACE",
            "```", "````", "```rust", "~~~", "a.rs", "DELETE: a.rs", "RENAME: a -> b", "WRITE: c", "x", "", "  y",
        ]), 0..40)
    ) {
        let reply = lines.join("\n");
        if let Ok(edits) = Answer::read(&reply).edits {
            prop_assert!(edits.iter().all(|edit| !edit.path.is_empty() && (1..=lines.len()).contains(&edit.line)));
        }
    }
}
