//! What the rule-based engine does with issues as people write them, over real trees.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Ask, Change, Declined, change};
use crate::context::tests::Fixture;
use crate::context::walk::Walk;
use crate::patch;
use crate::plan::Plan;
use crate::protect::Protection;
use crate::protocol::ask::Goal;

/// A commit with these files.
struct Tree {
    repo: gix::ThreadSafeRepository,
    walk: Walk,
    files: BTreeMap<String, Vec<u8>>,
    _fixture: Fixture,
}

impl Tree {
    fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let files: BTreeMap<String, Vec<u8>> =
            files.into_iter().map(|(path, content)| (path.to_owned(), content.to_vec())).collect();
        let fixture = Fixture::new(files.iter().map(|(path, content)| (path.as_str(), content.as_slice())));
        Self { repo: fixture.repo.clone().into_sync(), walk: fixture.walk(), files, _fixture: fixture }
    }

    /// Files as `=== path` and their lines.
    fn sample() -> Self {
        let text = include_str!("repository.txt").strip_prefix("=== ").unwrap();
        Self::new(text.split("\n=== ").map(|part| {
            let (path, content) = part.split_once('\n').unwrap();
            (path, content.as_bytes())
        }))
    }

    fn change(&self, goal: Goal<'_>, title: &str, body: &str) -> Result<Change, Declined> {
        let protection = Protection::default();
        change(&Ask { goal, title, body, protection: &protection, repo: &self.repo, walk: &self.walk })
    }

    /// The changed lines, or why there are none.
    fn outcome(&self, goal: Goal<'_>, title: &str, body: &str) -> String {
        match self.change(goal, title, body) {
            Ok(change) if change.is_done() => {
                let done = change
                    .done
                    .iter()
                    .map(|done| format!("done: {}:{}: {}", done.path, done.line, done.clause));
                done.collect::<Vec<_>>().join("\n")
            }
            Ok(change) => self.changed(&change),
            Err(why) => format!("declined: {why}"),
        }
    }

    /// The lines that the edits change when they are resolved, and the notes.
    fn changed(&self, change: &Change) -> String {
        let patch =
            patch::resolve(&change.edits(), &change.read, &Protection::default(), |_| Vec::new()).unwrap();
        assert!(change.is(&patch));
        assert!(change.title.chars().count() <= 72, "{}", change.title);
        let mut changed = Vec::new();
        for file in patch.changes() {
            let old = String::from_utf8(self.files[file.path().as_str()].clone()).unwrap();
            let new = String::from_utf8(file.after().unwrap().to_vec()).unwrap();
            assert_eq!(old.lines().count(), new.lines().count());
            for (number, (old, new)) in old.lines().zip(new.lines()).enumerate() {
                if old != new {
                    changed.push(format!("{}:{}: {new}", file.path(), number + 1));
                }
            }
        }
        let notes = change.summary.split("\n\n").skip(2);
        changed.extend(notes.map(|note| format!("note: {note}")));
        changed.join("\n")
    }
}

/// Cases as `### title`, the body, `---`, the outcome.
fn cases(text: &str) -> Vec<(&str, &str, &str)> {
    let parts = text.trim_end().strip_prefix("### ").unwrap().split("\n### ");
    parts
        .map(|case| {
            let (input, expect) = case.split_once("\n---\n").unwrap_or_else(|| panic!("{case}"));
            let (title, body) = input.split_once('\n').unwrap_or((input, ""));
            (title, body, expect)
        })
        .collect()
}

#[track_caller]
fn check(text: &str) {
    let tree = Tree::sample();
    let mut wrong = Vec::new();
    for (title, body, expect) in cases(text) {
        let outcome = tree.outcome(Goal::Edit, title, body);
        if outcome != expect {
            wrong.push(format!("### {title}\n{body}\n---\n{outcome}\n--- expected\n{expect}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn explicit_requests_are_carried_out() {
    check(include_str!("carried_out.txt"));
}

#[test]
fn anything_else_is_declined_with_the_reason() {
    check(include_str!("declined.txt"));
}

/// Issues as people write them, none of which is an explicit request that stands alone.
#[test]
fn nothing_is_changed_that_was_not_asked_for() {
    let tree = Tree::sample();
    let mut wrong = Vec::new();
    for issue in include_str!("adversarial.txt").trim_end().strip_prefix("### ").unwrap().split("\n### ") {
        let (title, body) = issue.split_once('\n').unwrap_or((issue, ""));
        if let Ok(change) = tree.change(Goal::Edit, title, body) {
            wrong.push(format!("### {title}\n{body}\n---\n{}", tree.changed(&change)));
        }
    }
    assert!(wrong.is_empty(), "{} carried out:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// A plan is what would be done, and carrying it out does that.
#[test]
fn a_plan_comes_to_the_same_change() {
    let tree = Tree::sample();
    for (title, body, _) in cases(include_str!("carried_out.txt")) {
        let Ok(planned) = tree.change(Goal::Plan, title, body) else { continue };
        if planned.is_done() {
            continue;
        }
        let plan = Plan::parse(&planned.plan).unwrap();
        assert!(plan.files().iter().map(|file| &file.path).eq(planned.read.iter().map(|(path, _)| path)));
        let done = tree.change(Goal::Execute { plan: plan.text() }, "Something else", "").unwrap();
        assert_eq!(done.edits(), planned.edits(), "{}", plan.text());
    }
}

#[test]
fn a_plan_reads_as_it_will_be_done() {
    let change = Tree::sample().change(Goal::Plan, "Fix typo `teh` -> `the`", "").unwrap();
    assert_eq!(
        change.plan,
        "## Summary\n\nFix typo: `teh` → `the`.\n\n\
         ## Files\n\n- `README.md`: line 4\n- `guide.md`: line 6\n\n\
         ## Steps\n\n1. Fix typo: `teh` → `the` in `README.md`, `guide.md`.\n\n\
         ## Risks\n\n`teh`: 1 occurrence inside hyphenated words, paths or addresses was left unchanged.\n"
    );
}

#[test]
fn a_plan_that_was_changed_or_made_by_others_is_carried_out_only_if_it_is_exact() {
    let tree = Tree::sample();
    let plan = tree.change(Goal::Plan, "Fix typo `teh` -> `the`", "").unwrap().plan;
    for (plan, expect) in [
        (
            plan.clone(),
            "README.md:4: Run it with `--timeout 30`; the default timeout is 30 seconds.\n\
                        guide.md:6: two lines, and the end.\n\
                        note: `teh`: 1 occurrence inside hyphenated words, paths or addresses was left unchanged.",
        ),
        (plan.replace("line 6", "line 7"), "declined: the plan's steps come to other changes than it lists"),
        (
            plan.replace("- `guide.md`: line 6", ""),
            "declined: the plan's steps come to other changes than it lists",
        ),
        (
            plan.replace("in `README.md`, `guide.md`", "in `guide.md`"),
            "declined: the plan's steps come to other changes than it lists",
        ),
        (
            plan.replace("1. Fix", "1. Carefully fix"),
            "declined: I don't understand the issue from `Carefully fix typo: teh → the in README.md, guide.md.` on",
        ),
        (String::new(), "declined: I couldn't find a specific text or value to change"),
    ] {
        assert_eq!(tree.outcome(Goal::Execute { plan: &plan }, "", ""), expect, "{plan}");
    }
}

#[test]
fn feedback_is_the_request_that_replaces_the_plan() {
    let tree = Tree::sample();
    let plan = tree.change(Goal::Plan, "Set `timeout` to 60 in station.toml", "").unwrap().plan;
    for (feedback, expect) in [
        ("Set `timeout` to 90 in station.toml, please.", "station.toml:2: timeout = 90"),
        ("Replace `teh` by `the` in guide.md", "guide.md:6: two lines, and the end."),
        ("make it 90", "declined: I don't understand the issue from `make it 90` on"),
        ("Looks good, thanks!", "declined: I don't understand the issue from `Looks good, thanks!` on"),
        ("Thanks!", "declined: I couldn't find a specific text or value to change"),
    ] {
        let revise = Goal::Revise { plan: &plan, feedback };
        assert_eq!(tree.outcome(revise, "Set `timeout` to 60 in station.toml", ""), expect, "{feedback}");
    }
}

/// A whole tree is a whole tree: a file that has the text and cannot be changed stops the change, unless others are named.
#[test]
fn a_file_that_cannot_be_changed_is_not_passed_over() {
    let text = b"the wrod\n".as_slice();
    let large = [b"wrod\n".as_slice(), &b"x\n".repeat(600_000)].concat();
    let utf16: Vec<u8> =
        [0xfeff_u16].into_iter().chain("wrod".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (path, content, why) in [
        ("x.pb.go", text, "generated"),
        ("api.go", b"// Code generated by x. DO NOT EDIT.\nconst a = \"wrod\"\n", "generated"),
        ("app.min.js", text, "minified"),
        ("vendor/a.js", text, "vendored"),
        ("Cargo.lock", text, "it is a lock file, which only its package manager writes"),
        (".github/workflows/ci.yml", text, "it is a GitHub Actions workflow"),
        ("AGENTS.md", text, "it holds instructions or tools for coding agents"),
        ("data.dat", b"wrod\0", "binary"),
        ("latin1.txt", b"wrod gr\xfc\xdfe\n", "not UTF-8"),
        ("wide.txt", &utf16, "binary"),
        ("large.txt", &large, "too large"),
        ("CHANGELOG.md", text, "tells of the past"),
        ("wrapped.md", b"wrod\n", ""),
    ] {
        let tree = Tree::new([("a.md", text), (path, content)]);
        let outcome = tree.outcome(Goal::Edit, "Replace `wrod` by `word`", "");
        let expect = match why {
            "" => format!("a.md:1: the word\n{path}:1: word"),
            why => format!(
                "declined: `wrod` is also where I don't change it: `{path}` ({why}); name the files to change: Replace \
                 `wrod` by `word` in `a.md`"
            ),
        };
        assert_eq!(outcome, expect, "{path}");
        let outcome = tree.outcome(Goal::Edit, "Replace `wrod` by `word` in a.md", "");
        assert_eq!(outcome, "a.md:1: the word", "{path}");
        let alone = Tree::new([(path, content)]).outcome(Goal::Edit, "Replace `wrod` by `word`", "");
        assert_eq!(alone.starts_with("declined: "), !why.is_empty(), "{path}: {alone}");
    }
}

#[test]
fn too_many_places_are_declined() {
    let (line, many) = ("wrod ".repeat(501), "wrod\n");
    let tree = Tree::new([("a.md", line.as_bytes())]);
    let outcome = tree.outcome(Goal::Edit, "Replace `wrod` by `word`", "");
    assert_eq!(outcome, "declined: 501 places in 1 files are too much to review");
    let names: Vec<String> = (0..101).map(|n| format!("{n}.md")).collect();
    let tree = Tree::new(names.iter().map(|name| (name.as_str(), many.as_bytes())));
    let outcome = tree.outcome(Goal::Edit, "Replace `wrod` by `word`", "");
    assert_eq!(outcome, "declined: 101 places in 101 files are too much to review");
    let body = "Replace `wrod` by `word`. ".repeat(700);
    let outcome = tree.outcome(Goal::Edit, "", &body);
    assert_eq!(outcome, "declined: the issue is longer than 16 KiB");
    let body = (0..21).map(|n| format!("Replace `wrod{n}` by `word`. ")).collect::<Vec<_>>().concat();
    assert_eq!(tree.outcome(Goal::Edit, "", &body), "declined: the issue has more than 20 requests");
}

#[test]
fn line_ends_and_marks_stay_as_they_are() {
    let tree = Tree::new([("a.txt", b"\xef\xbb\xbfone wrod\r\ntwo".as_slice()), ("b.txt", b"a\r\nwrod\n")]);
    let change = tree.change(Goal::Edit, "Replace `wrod` by `word` in a.txt", "").unwrap();
    let patch =
        patch::resolve(&change.edits(), &change.read, &Protection::default(), |_| Vec::new()).unwrap();
    assert!(change.is(&patch));
    assert_eq!(patch.changes()[0].after(), Some(b"\xef\xbb\xbfone word\r\ntwo".as_slice()));
    // Edits of whole files give all lines the same end; the difference is found.
    let change = tree.change(Goal::Edit, "Replace `wrod` by `word` in b.txt", "").unwrap();
    let patch =
        patch::resolve(&change.edits(), &change.read, &Protection::default(), |_| Vec::new()).unwrap();
    assert!(!change.is(&patch));
}

/// Text made of the words of the forms and of the files.
fn issue() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "replace",
        "Set",
        "bump",
        "change",
        "fix typo",
        "the word",
        "should be",
        "by",
        "with",
        "to",
        "from",
        "->",
        "in",
        "a.txt",
        "b.toml",
        "`foo`",
        "`x`",
        "'bar'",
        "\"a b\"",
        "foo",
        "1.2.3",
        "7",
        "\n",
        "\n\n- ",
        ". ",
        "?",
        "`",
        "\"",
        "and",
        ",",
        "not",
        "`a b`",
        "é",
        "日本",
        "`\\n`",
        "please",
        "``",
        "\0",
        "everywhere",
        "~~",
        "`/`",
        "`-`",
    ]);
    prop::collection::vec(word, 0..14).prop_map(|words| words.join(" "))
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
        "a\nb",
        "x = 7",
        "foo = \"1.2.2\"",
        "é",
        "=",
        ":",
        "\"",
        "日本",
        "{",
        "}",
        "Foo",
        "#",
        "-",
        "/",
        "\\n",
        "\\",
        "_",
        "\r",
        "(",
        "://",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_issue_is_planned_done_or_declined(title in issue(), body in issue(), a in content(), b in content()) {
        let tree = Tree::new([("a.txt", a.as_bytes()), ("b.toml", b.as_bytes()), ("package.json", a.as_bytes())]);
        if let Ok(change) = tree.change(Goal::Plan, &title, &body) {
            let done = tree.change(Goal::Execute { plan: &change.plan }, "", "");
            prop_assert_eq!(done.unwrap().edits(), change.edits());
            prop_assert!(!change.edits().is_empty());
        }
        let _: Result<Change, Declined> = tree.change(Goal::Execute { plan: &body }, "", "");
        let _: Result<Change, Declined> = tree.change(Goal::Revise { plan: &title, feedback: &body }, "", "");
    }

    #[test]
    fn what_was_replaced_is_gone(old in "[a-z_ \"'=.-]{2,6}", new in "[a-z_]{1,6}", a in content(), b in content()) {
        let tree = Tree::new([("a.txt", a.as_bytes()), ("b.toml", b.as_bytes())]);
        let title = format!("Replace `{old}` by `{new}`");
        let Ok(change) = tree.change(Goal::Edit, &title, "") else { return Ok(()) };
        let mut after = tree.files.clone();
        for edit in change.edits() {
            let crate::protocol::Action::Write { content } = edit.action else { unreachable!() };
            after.insert(edit.path, content.into_bytes());
        }
        let again = Tree::new(after.iter().map(|(path, content)| (path.as_str(), content.as_slice())));
        prop_assert!(again.change(Goal::Edit, &title, "").is_err());
    }
}
