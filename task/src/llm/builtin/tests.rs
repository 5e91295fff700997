use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{ABLE, answer};
use crate::context::read_set::{FileMode, ReadFile, ReadSet, Shown};
use crate::path::RepoPath;
use crate::protect::Protection;
use crate::protocol::ask::{Ask, Goal};
use crate::protocol::{Action, Answer, Edit};

fn read_set<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> ReadSet {
    let mut read = ReadSet::default();
    for (path, content) in files {
        read.insert(
            RepoPath::parse(path).unwrap(),
            ReadFile {
                content: content.as_bytes().to_vec(),
                blob: gix::ObjectId::null(gix::hash::Kind::Sha1),
                mode: FileMode::Regular,
                shown: Shown::Whole,
                why: "a test".to_owned(),
            },
        );
    }
    read
}

/// Files as `=== path` and their lines.
fn repository(text: &str) -> Vec<(&str, &str)> {
    let parts = text.strip_prefix("=== ").unwrap().split("\n=== ");
    parts.map(|part| part.split_once('\n').unwrap()).collect()
}

/// The blocks of a reply: path, lines out, lines in.
fn blocks(reply: &str) -> Vec<(String, String, String)> {
    let edits = Answer::read(reply).edits.unwrap();
    let block = |edit: Edit| match edit.action {
        Action::Replace { search, replace, .. } => {
            let whole = |text: String| text.trim_end_matches('\n').to_owned();
            (edit.path, whole(search), whole(replace))
        }
        other => panic!("{other:?}"),
    };
    edits.into_iter().map(block).collect()
}

/// Applies a reply's blocks; each must be found once. Gives whole files.
fn apply(reply: &str, read: &ReadSet) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (path, search, replace) in blocks(reply) {
        let file = read.get(&RepoPath::parse(&path).unwrap()).unwrap();
        // The provider and the reader each take one carriage return off the end of a line.
        let original = std::str::from_utf8(&file.content).unwrap();
        let original = original.replace("\r\n", "\n").replace("\r\n", "\n");
        assert_eq!(original.matches(&search).count(), 1, "{path}: {search:?}");
        let text = files.entry(path).or_insert(original);
        assert_eq!(text.matches(&search).count(), 1, "{search:?} after other blocks");
        *text = text.replacen(&search, &replace, 1);
    }
    files
}

/// What an answer does, briefly: the changed lines, or its refusal without the common ending.
fn outcome(goal: Goal<'_>, title: &str, body: &str, read: &ReadSet) -> String {
    let reply = answer(&Ask { goal, title, body, read, protection: &Protection::default() });
    assert_eq!(reply, answer(&Ask { goal, title, body, read, protection: &Protection::default() }));
    if !reply.starts_with("TITLE: ") {
        return reply.replace(&format!(". {ABLE}."), "").trim_end().to_owned();
    }
    let title = reply.lines().next().unwrap();
    assert!(title.chars().count() <= "TITLE: ".len() + 72, "{title}");
    let mut changed = Vec::new();
    for (path, new) in apply(&reply, read) {
        let old = std::str::from_utf8(&read.get(&RepoPath::parse(&path).unwrap()).unwrap().content).unwrap();
        let old = old.replace("\r\n", "\n");
        assert_eq!(old.lines().count(), new.lines().count());
        for (number, (old, new)) in old.lines().zip(new.lines()).enumerate() {
            if old != new {
                changed.push(format!("{path}:{}: {new}", number + 1));
            }
        }
    }
    changed.join("\n")
}

/// Cases as `### title`, the body, `---`, the outcome.
#[test]
fn phrasings() {
    let read = read_set(repository(include_str!("repository.txt")));
    let cases = include_str!("phrasings.txt");
    for case in cases.trim_end().strip_prefix("### ").unwrap().split("\n### ") {
        let (input, expect) = case.split_once("\n---\n").unwrap();
        let (title, body) = input.split_once('\n').unwrap_or((input, ""));
        assert_eq!(outcome(Goal::Edit, title, body, &read), expect, "{input}");
    }
}

#[test]
fn declines_issues_of_any_size_and_content() {
    let read = read_set(repository(include_str!("repository.txt")));
    let long = "the issue is longer than 16 KiB";
    let none = "no atomic change was found in the issue";
    for (body, expect) in [
        ("`a` -> `b` ".repeat(100_000), long),
        ("x".repeat(1 << 20), long),
        ("(\"a".repeat(4000), none),
        ("`".repeat(16_000), none),
        ("should be ".repeat(1500), none),
        ("replace ".repeat(1900), none),
        ("-> ".repeat(5000), none),
        ("and, ".repeat(3000), none),
    ] {
        assert_eq!(outcome(Goal::Edit, "", &body, &read), format!("CANNOT: {expect}"));
    }
    let hidden = "Replace `sky` with `s\u{202e}ky`";
    let expect = "CANNOT: the text to replace holds characters that cannot be seen";
    assert_eq!(outcome(Goal::Edit, hidden, "", &read), expect);
}

#[test]
fn blocks_grow_until_they_stand_once_and_never_look_like_markers() {
    let same = "x = 1\n".repeat(7);
    let text = format!("{same}port = 1\n{same}[b]\n{same}port = 1\n{same}");
    let crlf = "\u{feff}one\r\ntwo teh\r\ntwo teh\r\nthree";
    let read = read_set([
        ("a.toml", text.as_str()),
        ("c.txt", crlf),
        ("m.txt", "=======\nwich\n======="),
        ("long.txt", &"teh ".repeat(300)),
    ]);
    for (title, expect) in [
        ("Set `b.port` to 2", "a.toml:24: port = 2"),
        ("Set `port` to 2 on line 8 of a.toml", "a.toml:8: port = 2"),
        ("`teh` -> `the` on line 2 of c.txt", "c.txt:2: two the"),
        ("`two` -> `2` in c.txt", "c.txt:2: 2 teh\nc.txt:3: 2 teh"),
        ("`three` -> `3`", "c.txt:4: 3"),
        ("`wich` -> `which`", "m.txt:2: which"),
        ("`teh` -> `the` in long.txt", "CANNOT: the change has 300 places; more than 200 are no quick fix"),
        ("`wich` -> `=======`", "m.txt:2: ======="),
    ] {
        assert_eq!(outcome(Goal::Edit, title, "", &read), expect, "{title}");
    }
    let reply = answer(&Ask {
        goal: Goal::Edit,
        title: "Set `b.port` to 2",
        body: "",
        read: &read,
        protection: &Protection::default(),
    });
    assert_eq!(
        reply,
        "TITLE: Set `b.port` to `2`\nSUMMARY:\nAs the issue asks, in:\n\n- `a.toml`, line 24\n\n\
         a.toml\n<<<<<<< SEARCH\n[b]\nx = 1\nx = 1\nx = 1\nx = 1\nx = 1\nx = 1\nx = 1\nport = 1\n=======\n\
         [b]\nx = 1\nx = 1\nx = 1\nx = 1\nx = 1\nx = 1\nx = 1\nport = 2\n>>>>>>> REPLACE\n"
    );
}

const TITLE: &str = "Typo: `occured` should be `occurred`";

#[test]
fn a_plan_says_what_will_change() {
    let read = read_set(repository(include_str!("repository.txt")));
    let plan = answer(&Ask {
        goal: Goal::Plan,
        title: TITLE,
        body: "In docs/a.md and docs/b.md.",
        read: &read,
        protection: &Protection::default(),
    });
    assert_eq!(
        plan,
        "## Summary\n\nCorrect the misspelling `occured` to `occurred`.\n\n\
         ## Files\n\n\
         - `docs/a.md`: Correct the misspelling `occured` to `occurred` (line 4)\n\
         - `docs/b.md`: Correct the misspelling `occured` to `occurred` (line 1)\n\n\
         ## Steps\n\n1. Correct the misspelling `occured` to `occurred` in `docs/a.md`, `docs/b.md`.\n\n\
         ## Tests\n\n- The project's own tests cover the change; it adds no behaviour that needs a new one.\n\n\
         ## Risks\n\n\
         - A misspelt word can be meant: a name of an interface, a test's input, a quotation.\n\n\
         ## Questions\n\nNone.\n"
    );
}

/// What is planned is what is done: a plan that is executed gives the edits of the issue.
#[test]
fn executing_a_plan_does_what_the_issue_asks() {
    let read = read_set(repository(include_str!("repository.txt")));
    let mut planned = 0;
    for case in include_str!("phrasings.txt").trim_end().strip_prefix("### ").unwrap().split("\n### ") {
        let (input, expect) = case.split_once("\n---\n").unwrap();
        let (title, body) = input.split_once('\n').unwrap_or((input, ""));
        let plan =
            answer(&Ask { goal: Goal::Plan, title, body, read: &read, protection: &Protection::default() });
        if plan.starts_with("## Summary") {
            planned += 1;
            assert_eq!(outcome(Goal::Execute { plan: &plan }, "", "", &read), expect, "{plan}");
        }
    }
    assert!(planned > 70, "{planned}");
}

#[test]
fn a_plan_is_revised_by_atomic_feedback() {
    let read = read_set(repository(include_str!("repository.txt")));
    let typo = (TITLE, "");
    let value = ("Set `timeout` to 20", "");
    for ((title, body), feedback, expect) in [
        (typo, "only docs/a.md please", "docs/a.md:4: Use the occurred event. It occurred."),
        (typo, "Only change docs/b.md", "docs/b.md:1: It occurred here as well. Seperate lines."),
        (
            typo,
            "not in src/lib.rs",
            "docs/a.md:4: Use the occurred event. It occurred.\n\
             docs/b.md:1: It occurred here as well. Seperate lines.",
        ),
        (typo, "leave docs/ alone", "src/lib.rs:1: //! The occurred event."),
        (value, "use 45 instead", "config.toml:1: timeout = 45"),
        (value, "it should be `45`", "config.toml:1: timeout = 45"),
        (value, "make it 45 instead of 20", "config.toml:1: timeout = 45"),
        (value, "Set `timeout` to 60.", "config.toml:1: timeout = 60"),
        (
            value,
            "looks good, but also update the docs",
            "CANNOT: the feedback names no atomic change of the plan",
        ),
        (value, "set `port` to 45", "CANNOT: the plan has no step about `port`"),
        (value, "use something better", "CANNOT: the feedback names no atomic change of the plan"),
        (value, "only docs/a.md", "CANNOT: the feedback leaves no file to change"),
        (value, "use 10", "CANNOT: `timeout` is `10` already"),
    ] {
        let plan =
            answer(&Ask { goal: Goal::Plan, title, body, read: &read, protection: &Protection::default() });
        assert!(plan.starts_with("## Summary"), "{plan}");
        let revise = Goal::Revise { plan: &plan, feedback };
        let revised =
            answer(&Ask { goal: revise, title, body, read: &read, protection: &Protection::default() });
        let outcome = if revised.starts_with("## Summary") {
            outcome(Goal::Execute { plan: &revised }, title, body, &read)
        } else {
            outcome(revise, title, body, &read)
        };
        assert_eq!(outcome, expect, "{feedback}");
    }
}

#[test]
fn a_plan_of_another_hand_is_executed_only_if_every_step_is_atomic_and_inside_its_files() {
    let read = read_set(repository(include_str!("repository.txt")));
    for (plan, expect) in [
        ("", "the plan lists no files or no steps that were understood"),
        (
            "## Files\n- `config.toml`: x\n## Steps\n1. Rework it.",
            "the plan has a step that is no atomic change: `Rework it.`",
        ),
        (
            "## Files\n- `config.toml`: x\n## Steps\n1. Replace `sky` with `sea` in `docs/a.md`.",
            "a step of the plan changes `docs/a.md`, which the plan does not list",
        ),
        (
            "## Files\n- `config.toml`: x\n## Steps\n1. Replace `sky` with `sea`.",
            "`sky` stands in none of the files that were read",
        ),
    ] {
        assert_eq!(outcome(Goal::Execute { plan }, "", "", &read), format!("CANNOT: {expect}"));
    }
    let plan = "## Files\n- `other.toml`: x\n## Steps\n1. Replace `sky` with `sea`.";
    assert_eq!(outcome(Goal::Execute { plan }, "", "", &read), "READ: other.toml");
}

/// Text made of the words of the grammar and of the files.
fn issue() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "replace",
        "Change",
        "set",
        "bump",
        "rename",
        "should",
        "be",
        "instead",
        "of",
        "with",
        "to",
        "from",
        "->",
        "typo",
        "misspelled",
        "correct:",
        "in",
        "and",
        "a.txt",
        "b.toml",
        "`foo`",
        "`x`",
        "'bar'",
        "foo",
        "x",
        "1.2.3",
        "7",
        "\n",
        ". ",
        "?",
        "`",
        "\"",
        "the",
        "version",
        "line",
        "2",
        "``` ",
        ":",
        "not",
        "`a b`",
        "é",
        "日本",
    ]);
    prop::collection::vec(word, 0..16).prop_map(|words| words.join(" "))
}

fn content() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "foo",
        "x",
        " ",
        "\n",
        "\r\n",
        "bar",
        "a b",
        "x = 7",
        "foo = \"1.2.2\"",
        "[dependencies]\n",
        "é",
        "=",
        ":",
        "\"",
        "日本",
        "{",
        "}",
        "Foo",
        "#",
        "<<<<<<< SEARCH\n",
        "\r",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_search_stands_once_whatever_the_issue_and_the_files(
        title in issue(), body in issue(), a in content(), b in content(), cargo in content(),
    ) {
        let read = read_set([("a.txt", a.as_str()), ("b.toml", b.as_str()), ("Cargo.toml", cargo.as_str())]);
        let reply = answer(&Ask { goal: Goal::Edit, title: &title, body: &body, read: &read, protection: &Protection::default() });
        prop_assert_eq!(&reply, &answer(&Ask { goal: Goal::Edit, title: &title, body: &body, read: &read, protection: &Protection::default() }));
        apply(&reply, &read);
        let plan = answer(&Ask { goal: Goal::Plan, title: &title, body: &body, read: &read, protection: &Protection::default() });
        answer(&Ask { goal: Goal::Execute { plan: &plan }, title: &title, body: &body, read: &read, protection: &Protection::default() });
        let revise = Goal::Revise { plan: &plan, feedback: &body };
        answer(&Ask { goal: revise, title: &title, body: &body, read: &read, protection: &Protection::default() });
    }

    #[test]
    fn no_text_makes_it_panic(title in ".*", body in "(?s).*", a in "(?s).*") {
        let read = read_set([("a.txt", a.as_str()), ("package.json", a.as_str()), ("pom.xml", a.as_str())]);
        for goal in [Goal::Edit, Goal::Plan, Goal::Execute { plan: &body }, Goal::Revise { plan: &body, feedback: &title }] {
            answer(&Ask { goal, title: &title, body: &body, read: &read, protection: &Protection::default() });
        }
    }
}
