use proptest::prelude::*;

use super::*;

fn halves(search: &str, replace: &str) -> Halves {
    Halves { search: search.to_owned(), replace: replace.to_owned() }
}

fn replace(path: &str, line: usize, search: &str, replace: &str) -> Edit {
    edit(path, line, Action::Replace(halves(search, replace)))
}

fn edit(path: &str, line: usize, action: Action) -> Edit {
    Edit { path: path.to_owned(), line, action }
}

fn write(path: &str, line: usize, content: &str) -> Edit {
    edit(path, line, Action::Write { content: content.to_owned() })
}

fn check(reply: &str, expect: &Result<Vec<Edit>, ReadError>) {
    assert_eq!(read(reply).edits, *expect, "{reply}");
}

/// Reads a reply about a tree that is not known.
fn read(reply: &str) -> Answer {
    Answer::read(reply, &Paths::default())
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
        "Not this:\n```\nDELETE: src/a.rs\n```",
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
    // The file tells which line divides it.
    let readings = [
        halves("Welcome\n", "old\n=======\nWelcome\n=======\nnew\n"),
        halves("Welcome\n=======\nold\n", "Welcome\n=======\nnew\n"),
        halves("Welcome\n=======\nold\n=======\nWelcome\n", "new\n"),
    ];
    check(
        "a.rst\n<<<<<<< SEARCH\nWelcome\n=======\nold\n=======\nWelcome\n=======\nnew\n>>>>>>> REPLACE",
        &Ok(vec![edit("a.rst", 2, Action::Undivided(readings.to_vec()))]),
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
        (
            &format!("a\n<<<<<<< SEARCH\n{}>>>>>>> REPLACE", "=======\na\n".repeat(41)),
            Dividers { line: 2, count: 41 },
        ),
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

#[test]
fn the_file_of_the_block_before_counts_only_without_a_name() {
    let second = |words: &str| {
        format!(
            "a.yaml\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n{words}\n<<<<<<< SEARCH\nc\n=======\nd\n>>>>>>> REPLACE"
        )
    };
    for (words, text) in [
        ("Then update config.yml:", "config.yml"),
        ("Then config.yml needs this", "config.yml"),
        ("And the README:", "README"),
    ] {
        check(&second(words), &Err(ReadError::UnclearName { line: 8, text: text.to_owned() }));
    }
    let (one, other) = ("x.yml".to_owned(), "y.yml".to_owned());
    check(&second("Move it from x.yml to y.yml:"), &Err(ReadError::TwoNames { line: 8, one, other }));
    let both = [replace("a.yaml", 2, "a\n", "b\n"), replace("a.yaml", 8, "c\n", "d\n")];
    for words in ["and", "Then, as in Node.js:", "Others, e.g. this:", "and for 1.x:", "Then a.yaml again:"] {
        check(&second(words), &Ok(both.to_vec()));
    }
    check(
        "WRITE: x/config.yml\n```\na\n```\nThen in config.yml:\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE",
        &Ok(vec![write("x/config.yml", 1, "a\n"), replace("x/config.yml", 6, "a\n", "b\n")]),
    );
}

/// What a reply says in addition to its edits.
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
        let answer = read(reply);
        let reads: Vec<&str> = answer.requests.paths().collect();
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
    let long = read(&format!("TITLE: {}", "a ".repeat(100))).title.unwrap();
    assert_eq!(long.chars().count(), 72);
    assert!(long.ends_with('…'));
}

#[test]
fn headings_count_outside_of_code_and_edits() {
    let reply = "Sure.\n## Summary\nx\n````md\n```\n## No\n```\n````\n~~~\n# No\n~~~\n# **Files**:\ny\n";
    let answer = read(reply);
    let document = answer.document("summary").unwrap();
    assert_eq!(document.text(), &reply["Sure.\n".len()..]);
    assert_eq!(document.section("FILES"), Some("y\n"));
    assert_eq!(document.section("No"), None);
    assert!(read("a.rs\n<<<<<<< SEARCH\n# No\n=======\n>>>>>>> REPLACE").document("No").is_none());
}

/// A draft of one file and the answer for another one, in a file `a.py`.
const DRAFT: &str = "b.py\n<<<<<<< SEARCH\nz = 3\n=======\nz = 999\n>>>>>>> REPLACE\n";
const FINAL: &str = "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 10\n>>>>>>> REPLACE\n";

#[test]
fn a_draft_in_leaked_thinking_does_not_count() {
    let answer = format!("TITLE: Change it\nSUMMARY:\nSo.\n\n{FINAL}");
    for (before, between, behind) in [
        ("", "", ""),
        ("<think>\n", "</think>\n", ""),
        ("", "Not that.\n</think>\n\n", ""),
        ("", "No, that is another file.</think>\n", ""),
        ("<think>", "</think>", ""),
        ("Sure! <think>\n", "</think>", ""),
        ("Okay.\n<think>\n", "</think>", ""),
        ("<think>Hm.</think>\n<think>", "</think>", ""),
        ("<think>Hm.</think> <think>\n", "\n</think>", ""),
        ("<think time=\"3\">\n", "</think>\n", ""),
        ("<thinking>\n", "</thinking>\n", ""),
        ("<THINKING>\n", "</THINKING>\n", ""),
        ("<think>\n", "</thinking>\n", ""),
        ("<seed:think>\n", "</seed:think>\n", ""),
        ("<reasoning>\n", "</reasoning>\n<answer>\n", "</answer>\n"),
        ("<scratchpad>\n", "</scratchpad>\n", ""),
        ("<thought>\n", "</thought>\n", ""),
        ("<reflection>\n", "</reflection>\n", ""),
        ("[THINK]", "[/THINK]", ""),
        ("◁think▷", "◁/think▷", ""),
        ("<unused94>thought\n", "<unused95>", ""),
        ("<|START_THINKING|>", "<|END_THINKING|>\n<|START_RESPONSE|>\n", "<|END_RESPONSE|>"),
        ("<|begin_of_thought|>\n", "<|end_of_thought|>\n", ""),
        (
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
            "<|return|>",
        ),
        ("<|channel|>commentary<|message|>", "<|channel|>final <|constrain|>text<|message|>", ""),
        ("analysis", "assistantfinal", ""),
        ("<details type=\"reasoning\" done=\"true\">\n<summary>Thought</summary>\n", "</details>\n", ""),
        ("Here is my thought process:\n", "Here is my response:\n", ""),
        ("Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]\n", "[END FINAL RESPONSE]\n"),
        ("Thinking...\n", "...done thinking.\n\n", ""),
    ] {
        for draft in [
            DRAFT,
            "WRITE: b.py\n```\nz = 999\n```\n",
            "b.py\n<<<<<<< SEARCH\nz = 3\n",
            "WRITE: b.py\n```\nz\n",
        ] {
            let draft = if before.is_empty() && between.is_empty() { "" } else { draft };
            let reply = format!("{before}{draft}{between}{answer}{behind}");
            let answer = read(&reply);
            let paths = answer
                .edits
                .as_ref()
                .map(|edits| edits.iter().map(|edit| edit.path.as_str()).collect::<Vec<_>>());
            assert_eq!(paths, Ok(vec!["a.py"]), "{reply}");
            assert_eq!(answer.title.as_deref(), Some("Change it"), "{reply}");
        }
    }
}

#[test]
fn what_may_be_a_draft_or_the_answer_is_refused() {
    for reply in [
        format!("<planning>\n{DRAFT}</planning>\n{FINAL}"),
        format!("<planning>I change b.py:\n{DRAFT}So be it.</planning>\n{FINAL}"),
        format!("{DRAFT}</planning>\n{FINAL}"),
        format!("```thinking\n{DRAFT}```\n{FINAL}"),
        format!("TITLE: x\n{FINAL}<think>\n{DRAFT}</think>\n"),
        format!("TITLE: x\n<think>\n{DRAFT}</think>\n{FINAL}"),
    ] {
        assert!(
            matches!(read(&reply).edits, Err(ReadError::InsideTag { .. } | ReadError::Thinking { .. })),
            "{reply}"
        );
    }
    let nothing = read(&format!("<think>\n{DRAFT}"));
    assert_eq!((nothing.edits, nothing.misfit), (Ok(vec![]), Some(Misfit::Nothing)));
}

#[test]
fn words_about_thinking_are_words() {
    for summary in [
        "Takes what stands before `</think>` out of the text.",
        "`<think>` is a tag.",
        "<think> tags are taken out.",
        "Strips all that is before </think>",
        "<b>Note</b>: so.",
        "<details>\n<summary>More</summary>\nmore\n</details>",
        "[x] done",
    ] {
        let answer = read(&format!("TITLE: x\nSUMMARY:\n{summary}\n\n{FINAL}"));
        assert_eq!(answer.edits.map(|edits| edits.len()), Ok(1), "{summary}");
        assert_eq!(answer.summary.as_deref(), Some(summary));
    }
    let content = "<think>\n</think>\n<plan>\n";
    check(
        &format!(
            "TITLE: x\na.md\n<<<<<<< SEARCH\na\n=======\n{content}>>>>>>> REPLACE\nWRITE: b\n```\n{content}```\n"
        ),
        &Ok(vec![replace("a.md", 3, "a\n", content), write("b", 10, content)]),
    );
}

#[test]
fn an_answer_wrapped_in_a_fence_is_unwrapped() {
    let file = "WRITE: a.py\n```python\nx = 10\n```\n";
    for (reply, line) in [
        (format!("```\nTITLE: t\n\n{file}```\n"), 3),
        (format!("````markdown\nTITLE: t\n\n{file}````"), 3),
        (format!("\n```text\nTITLE: t\n{file}\n```\n\n"), 2),
    ] {
        let answer = read(&reply);
        assert_eq!(answer.edits, Ok(vec![write("a.py", line, "x = 10\n")]), "{reply}");
        assert_eq!(answer.title.as_deref(), Some("t"));
    }
    assert_eq!(read("```\nREAD: a.py\n```").requests.paths().collect::<Vec<_>>(), ["a.py"]);
    // A block of the answer is not the answer.
    assert_eq!(read("```\nDELETE: a\n```\nand\n```\nDELETE: b\n```").edits, Ok(vec![]));
}

#[test]
fn what_a_proof_quotes_asks_for_nothing() {
    let answer = read("SOLVED: The file says so already.\n\nb.md:1:\n```\nREAD: b.md\n```\n");
    assert!(answer.solved.is_some());
    assert!(answer.requests.is_empty(), "{:?}", answer.requests);
}

#[test]
fn what_was_wrong_with_the_form_is_told() {
    for (reply, misfit) in [
        ("I would change a.py.", None),
        ("Like this:\n```\nWRITE: a.py\n```", Some(Misfit::HiddenDirective { line: 3 })),
        ("```diff\n--- a/a.py\n+++ b/a.py\n```", Some(Misfit::Diff { line: 2 })),
        ("So:\n```python\nx = 1\n```", Some(Misfit::CodeBlock { line: 2 })),
    ] {
        let answer = read(reply);
        assert_eq!((answer.edits, answer.misfit), (Ok(vec![]), misfit), "{reply}");
    }
}

/// Files that requests are about.
const TREE: [&str; 5] = ["src/a.rs", "src/b.rs", "a.py", "README.md", "src/Read: me.txt"];

/// What an answer asks for, as it is written.
fn asked(reply: &str) -> Vec<String> {
    Answer::read(reply, &Paths::new(TREE)).requests.iter().map(request::Request::to_string).collect()
}

#[test]
fn requests_in_many_dresses() {
    for (reply, expect) in [
        ("1. READ: src/b.rs", &["READ: src/b.rs"][..]),
        ("1) READ: src/b.rs", &["READ: src/b.rs"]),
        ("(1) READ: src/b.rs", &["READ: src/b.rs"]),
        ("1. READ: src/b.rs\n2. FIND: fox", &["READ: src/b.rs", "FIND: fox"]),
        ("`READ: src/b.rs`", &["READ: src/b.rs"]),
        ("- `READ: src/b.rs`", &["READ: src/b.rs"]),
        ("1. `READ: src/b.rs` - to see it\n2. `FIND: fox`", &["READ: src/b.rs", "FIND: fox"]),
        ("`READ: src/b.rs`, `READ: a.py`", &["READ: src/b.rs", "READ: a.py"]),
        ("`READ`: `src/b.rs`", &["READ: src/b.rs"]),
        ("  READ: src/b.rs", &["READ: src/b.rs"]),
        ("    READ: src/b.rs", &["READ: src/b.rs"]),
        ("> READ: src/b.rs", &["READ: src/b.rs"]),
        ("• READ: src/b.rs", &["READ: src/b.rs"]),
        ("+ READ: src/b.rs", &["READ: src/b.rs"]),
        ("- [ ] READ: src/b.rs", &["READ: src/b.rs"]),
        ("### READ: src/b.rs", &["READ: src/b.rs"]),
        ("# READ: src/b.rs\n## FIND: fox", &["READ: src/b.rs", "FIND: fox"]),
        ("**READ:** src/b.rs", &["READ: src/b.rs"]),
        ("**READ**: src/b.rs", &["READ: src/b.rs"]),
        ("**READ: src/b.rs**", &["READ: src/b.rs"]),
        ("**FIND: fox**", &["FIND: fox"]),
        ("* **FIND:** `fox` in `src/`", &["FIND: fox in src/"]),
        ("1. **FIND: fox**", &["FIND: fox"]),
        ("READ : src/b.rs", &["READ: src/b.rs"]),
        ("READ：src/b.rs", &["READ: src/b.rs"]),
        ("Read: src/b.rs", &["READ: src/b.rs"]),
        ("read: `src/b.rs`:1-3 (the class)", &["READ: src/b.rs:1-3"]),
        ("Find: `fox`", &["FIND: fox"]),
        ("Define: `Foo`\nUses: is_online\nList: src/", &["DEFINE: Foo", "USES: is_online", "LIST: src/"]),
        ("READ src/b.rs", &["READ: src/b.rs"]),
        ("READ(src/b.rs)", &["READ: src/b.rs"]),
        ("READ(\"src/b.rs\");", &["READ: src/b.rs"]),
        ("FIND(\"fox\")\nDEFINE(Foo)\nLIST(src/)", &["FIND: fox", "DEFINE: Foo", "LIST: src/"]),
        ("<READ>src/b.rs</READ>", &["READ: src/b.rs"]),
        ("<read path=\"src/b.rs\"/>", &["READ: src/b.rs"]),
        ("<READ>\nsrc/b.rs\n</READ>", &["READ: src/b.rs"]),
        ("<tool_call>\nREAD: src/b.rs\n</tool_call>", &["READ: src/b.rs"]),
        ("{\"READ\": \"src/b.rs\"}", &["READ: src/b.rs"]),
        ("READ:\nsrc/b.rs\na.py", &["READ: src/b.rs", "READ: a.py"]),
        (
            "READ:\n\n- src/b.rs\n- `a.py`:1-2\n- lib/none.rs\n\nThanks.",
            &["READ: src/b.rs", "READ: a.py:1-2", "READ: lib/none.rs"],
        ),
        ("READ:\n```\nsrc/b.rs\n```", &["READ: src/b.rs"]),
        ("**READ:**\n1. src/b.rs", &["READ: src/b.rs"]),
        ("FIND:\n- fox\n- /a b/i", &["FIND: fox", "FIND: /a b/i"]),
        ("DEFINE:\n- Foo\n- `bar`", &["DEFINE: Foo", "DEFINE: bar"]),
        ("LIST:\n- src/", &["LIST: src/"]),
        ("LIST:", &["LIST: /"]),
        ("READ: a.py\n1. FIND: fox\n- USES: f", &["READ: a.py", "FIND: fox", "USES: f"]),
        ("FIND: \"a\", \"b\"", &["FIND: a", "FIND: b"]),
        ("SUMMARY: I look first.\n1. READ: a.py", &["READ: a.py"]),
        ("I need more:\n```\n1. READ: a.py\n2. `FIND: fox`\n```", &["READ: a.py", "FIND: fox"]),
        ("```text\n1. READ: a.py\n```", &["READ: a.py"]),
        ("<think>\n1. READ: src/a.rs\n</think>\n1. READ: src/b.rs", &["READ: src/b.rs"]),
        ("<think>\nREAD: src/a.rs</think>\nREAD: src/b.rs", &["READ: src/b.rs"]),
        ("READ: src/a.rs</think>\n1. READ: src/b.rs", &["READ: src/b.rs"]),
        // None of these is one.
        ("Let me look: READ: src/b.rs", &[]),
        ("I would READ: src/b.rs next.", &[]),
        ("I will look at `READ: src/b.rs` first.", &[]),
        ("Read the docs in README.md", &[]),
        ("Read: the docs say so.", &[]),
        ("Read: README.md says that it is so.", &[]),
        ("READ the manual", &[]),
        ("Find: the cause is in a.py", &[]),
        ("List: of things", &[]),
        ("Uses: Python", &[]),
        ("- Uses: the cache", &[]),
        ("LIST (of things)", &[]),
        ("1. READ: the rest of it", &[]),
        ("READING: a.py", &[]),
        ("a.py\nREADME.md", &[]),
        ("```diff\n--- a/a.py\n+++ b/a.py\n+ READ: a.py\n```", &[]),
        ("> READ: a.py\n\nCANNOT: that is quoted", &[]),
        ("1. READ: a.py\n\nCANNOT: no", &[]),
        ("SOLVED: so\na.py:1: x\n1. READ: a.py", &[]),
        ("## Summary\n1. READ: a.py\n", &[]),
        ("READ:", &[]),
        ("FIND:", &[]),
    ] {
        assert_eq!(asked(reply), expect, "{reply}");
    }
}

#[test]
fn no_line_that_looks_like_a_request_costs_an_edit() {
    const BLOCK: &str = "<<<<<<< SEARCH\n1. READ: a.py\n=======\n`READ: a.py`\n>>>>>>> REPLACE\n";
    let looks = [
        "1. READ: src/b.rs",
        "`READ: src/b.rs`",
        "  READ: src/b.rs",
        "> READ: src/b.rs",
        "### READ: src/b.rs",
        "# READ: src/b.rs",
        "READ : src/b.rs",
        "Read: src/b.rs",
        "READ src/b.rs",
        "READ(src/b.rs)",
        "<READ>src/b.rs</READ>",
        "READ:",
        "READ:\n- src/b.rs",
        "Solved: so it is",
        "Cannot: go on",
    ];
    for look in looks {
        for reply in [
            format!("{look}\n\nsrc/a.rs\n{BLOCK}"),
            format!("src/a.rs\n{BLOCK}\n{look}\n"),
            format!("TITLE: t\nSUMMARY:\nSo.\n{look}\n\nsrc/a.rs\n```rust\n{BLOCK}```\n"),
            format!("WRITE: src/a.rs\n```\n{look}\n```\n"),
            format!("{look}\n\nDELETE: src/a.rs\n"),
        ] {
            let answer = Answer::read(&reply, &Paths::new(TREE));
            let paths: Vec<String> = answer.edits.unwrap().into_iter().map(|edit| edit.path).collect();
            assert_eq!((paths, answer.requests.is_empty()), (vec!["src/a.rs".to_owned()], true), "{reply}");
            assert_eq!((answer.cannot, answer.solved), (None, None), "{reply}");
        }
    }
    // What would be an edit in such a dress is none.
    for reply in
        ["1. DELETE: a.py", "`DELETE: a.py`", "Delete: a.py", "DELETE a.py", "  RENAME: a.py -> b.py"]
    {
        assert_eq!(Answer::read(reply, &Paths::new(TREE)).edits, Ok(vec![]), "{reply}");
    }
    // A block that cannot be read is told, and not taken for a request.
    let cut = Answer::read(&format!("1. READ: src/b.rs\nsrc/a.rs\n{}", &BLOCK[..40]), &Paths::new(TREE));
    assert!(cut.edits.is_err() && cut.requests.is_empty());
}

#[test]
fn a_reason_in_another_letter_case_counts_where_it_is_alone() {
    for (reply, cannot, solved) in [
        ("Cannot: it is\nunclear.\n\nBye.", Some("it is\nunclear."), None),
        ("**cannot:** it is unclear", Some("it is unclear"), None),
        ("I looked.\n\nSolved: it does.\na.py:1: x = 1\n", None, Some(("it does.", 1))),
        ("Solved: it does.\n\na.py:1\n```\nx = 1\n```\n", None, Some(("it does.", 1))),
        ("CANNOT: a\nSolved: b", Some("a\nSolved: b"), None),
        ("Solved: it does.\nREAD: a.py", None, None),
        ("Solved: it does.\n1. READ: a.py", None, None),
        ("TITLE: t\nSolved: it does.", None, None),
        ("- Solved: it does.", None, None),
        ("It is solved: look.", None, None),
        ("## Summary\nCannot: x", None, None),
        ("Solved: as here\n```diff\n--- a/a.py\n+++ b/a.py\n```", None, None),
    ] {
        let answer = Answer::read(reply, &Paths::new(TREE));
        let found = answer.solved.as_ref().map(|solved| (solved.why.as_str(), solved.quotes.len()));
        assert_eq!((answer.cannot.as_deref(), found), (cannot, solved), "{reply}");
    }
}

#[test]
fn what_looks_like_a_request_and_is_none_is_told() {
    for (reply, misfit) in [
        ("READ:", Some(Misfit::Request { line: 1 })),
        ("So:\nFIND:\n", Some(Misfit::Request { line: 2 })),
        ("1. READ: what comes next", Some(Misfit::Request { line: 1 })),
        ("Let me look: READ: src/b.rs", Some(Misfit::Request { line: 1 })),
        ("Read: it is so", None),
        ("READ: a.py", None),
        ("CANNOT: READ: a.py", None),
        ("I would say that it READs: a.py", None),
    ] {
        assert_eq!(Answer::read(reply, &Paths::new(TREE)).misfit, misfit, "{reply}");
    }
}

/// The paths of the edits, or the kind of the refusal.
fn paths_of(reply: &str, tree: &[&str]) -> Result<Vec<String>, ReadError> {
    let edits = Answer::read(reply, &Paths::new(tree.iter().copied())).edits?;
    Ok(edits.into_iter().map(|edit| edit.path).collect())
}

#[test]
fn a_block_goes_to_the_file_that_is_named() {
    for name in [
        "VERSION",
        "Justfile",
        "Kconfig",
        "gradlew",
        "configure",
        ".tool-versions",
        ".env",
        "LICENSE",
        "{{cookiecutter.x}}/a.py",
        "year=2024/a.csv",
        "foo.1",
        "ls.1",
        "日本語",
        "ファイル.txt",
        "Release Notes.md",
        "src/foo.ts (1)",
        "a;b",
        "a*b",
        "what?",
        "<a>",
        "a|b",
        "a b/c",
        "my dir/x.py",
        "C++ notes",
        "don't",
        "\"quoted\"",
        "`ticked`",
        "**bold**",
        "# heading",
        "- list",
        "file: x",
        "a:12",
        "(x)",
        "[id]",
        "$x",
        "a,b",
        "a, b",
        "x -> y",
        "DELETE: x",
        "TITLE: x",
        "```",
        "~~~",
        "=======",
        "<<<<<<< SEARCH",
        ">>>>>>> REPLACE",
        "<think>",
        "</think>",
        "<plan>",
        "src/a.py:",
        " leading",
        "trailing ",
        "@@ -1",
        "0",
        "Next",
        "note: this",
        "a.py (new file)",
        "e\u{301}",
    ] {
        let tree = ["a.py", "Notes.md", "src/foo.ts", "x", "y", name];
        let block = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n";
        for (before, count) in [
            ("TITLE: t\n\n", 1),
            ("TITLE: t\nSUMMARY:\nSo it goes.\n\n", 1),
            ("a.py\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n\n", 2),
        ] {
            for fence in ["", "```\n"] {
                let reply = format!("{before}{name}\n{fence}{block}{fence}");
                let paths = paths_of(&reply, &tree).unwrap_or_else(|error| panic!("{error}: {reply}"));
                assert_eq!((paths.len(), paths.last().map(String::as_str)), (count, Some(name)), "{reply}");
            }
        }
    }
}

#[test]
fn words_to_numbered_comments_end_at_the_next_directive_or_edit() {
    let reply = "ANSWER: 2 No: `x` is\nused below.\n```\nFIX: 9 quoted\n```\n**ASK:** 3: Which one?\nFIX: the rest is prose\n\
                 FIX: #1 Renamed it.\nASK: 1 twice\nTITLE: Rename\n\na.rs\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n";
    let answer = read(reply);
    let words: Vec<_> =
        answer.words.iter().map(|word| (word.number, word.kind, word.text.as_str())).collect();
    let expect = [
        (2, WordKind::Answer, "No: `x` is\nused below.\n```\nFIX: 9 quoted\n```"),
        (3, WordKind::Ask, "Which one?\nFIX: the rest is prose"),
        (1, WordKind::Fix, "Renamed it."),
    ];
    assert_eq!(words, expect);
    assert_eq!((answer.title.as_deref(), answer.edits.map(|edits| edits.len())), (Some("Rename"), Ok(1)));
    // What was thought before is a draft.
    let thought = read("<think>\nFIX: 1 draft\n</think>\nANSWER: 1 No.\n");
    assert_eq!(thought.words, [Word { number: 1, kind: WordKind::Answer, text: "No.".to_owned() }]);
    // A word that stands directly above a block is no part of its name.
    let tight = read("FIX: 1 Done.\na.rs\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n");
    assert_eq!((tight.words[0].text.as_str(), tight.edits.unwrap()[0].path.as_str()), ("Done.", "a.rs"));
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(reply in any::<String>()) {
        let edits = read(&reply).edits;
        prop_assert!(edits.is_ok_and(|edits| edits.is_empty()) || reply.contains('<') || reply.contains('>') || reply.contains(':'));
    }

    #[test]
    fn no_mix_of_lines_makes_it_panic(
        lines in prop::collection::vec(prop::sample::select(vec![
            "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "<<<<<<<<< SEARCH", "=========", ">>>>>>>>> REPLACE",
            "```", "````", "```rust", "~~~", "a.rs", "DELETE: a.rs", "RENAME: a -> b", "WRITE: c", "FIX: 1 x", "ASK: 2", "x", "", "  y", "<think>", "</think>", "<plan>", "</plan>",
            "1. READ: a.rs", "`FIND: x`", "READ:", "- a.rs", "Solved: x", "> LIST: x", "<READ>a.rs</READ>",
        ]), 0..40)
    ) {
        let reply = lines.join("\n");
        if let Ok(edits) = read(&reply).edits {
            prop_assert!(edits.iter().all(|edit| !edit.path.is_empty() && (1..=lines.len()).contains(&edit.line)));
        }
    }
}
