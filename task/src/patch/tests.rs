use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::context::read_set::{ReadFile, ReadSet, Shown};
use crate::protect::Protection;
use crate::protocol::{Action, Answer, Edit, Halves, Paths};

/// Lines, each with its newline.
fn lines<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + line.as_ref() + "\n")
}

/// A read set of whole regular files.
fn read_set(files: &[(&str, &str)]) -> ReadSet {
    let mut read = ReadSet::default();
    for (path, content) in files {
        let blob = gix::ObjectId::null(gix::hash::Kind::Sha1);
        let (content, mode) = (content.as_bytes().to_vec(), FileMode::Regular);
        let file = ReadFile { content, blob, mode, shown: Shown::Whole, why: String::new() };
        read.insert(RepoPath::parse(path).unwrap(), file);
    }
    read
}

fn resolve_reply(reply: &str, read: &ReadSet) -> Result<Patch, EditErrors> {
    let paths = Paths::new(read.iter().map(|(path, _)| path.as_str()));
    let edits = Answer::read(reply, &paths).edits.unwrap();
    resolve(&edits, read, &Protection::default(), |_| Vec::new())
}

fn block(path: &str, search: &str, replace: &str) -> String {
    format!("{path}\n<<<<<<<<< SEARCH\n{search}=========\n{replace}>>>>>>>>> REPLACE\n")
}

/// The file after a block, and how it was found.
fn apply(file: &str, search: &str, replace: &str) -> Result<(String, How), Refusal> {
    let read = read_set(&[("a.rs", file)]);
    match resolve_reply(&block("a.rs", search, replace), &read) {
        Ok(patch) => {
            let after = patch.changes()[0].after().unwrap().to_vec();
            Ok((String::from_utf8(after).unwrap(), patch.applied()[0].how))
        }
        Err(EditErrors::Refused { mut errors, .. }) => Err(errors.remove(0).refusal),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn blank_lines_that_the_model_overlooked() {
    for (file, search, replace, expect) in [
        // In both halves, away from the change: they stay.
        ("a();\n\nb();\nc();\n", "a();\nb();\nc();\n", "a();\nb();\nd();\n", Some("a();\n\nb();\nd();\n")),
        // Beside the change.
        ("a();\n\nb();\n", "a();\nb();\n", "a();\nd();\n", Some("a();\n\nd();\n")),
        // Where lines go.
        ("a();\n\nb();\n\nc();\n", "a();\nb();\n\nc();\n", "a();\n\nc();\n", Some("a();\n\nc();\n")),
        ("a();\n\nb();\n\nc();\n", "a();\nb();\n\nc();\n", "a();\nc();\n", Some("a();\n\nc();\n")),
        // Where lines come, and what they are like tells where they belong.
        (
            "use a;\nuse b;\n\nfn f() {}\n",
            "use a;\nuse b;\nfn f() {}\n",
            "use a;\nuse b;\nuse c;\nfn f() {}\n",
            Some("use a;\nuse b;\nuse c;\n\nfn f() {}\n"),
        ),
        (
            "}\n\nfn f() {\n",
            "}\nfn f() {\n",
            "}\nfn e() {\n}\n\nfn f() {\n",
            Some("}\n\nfn e() {\n}\n\nfn f() {\n"),
        ),
        // Where it does not.
        ("a();\n\nb();\n", "a();\nb();\n", "a();\nx();\nb();\n", None),
        // In SEARCH alone.
        ("a();\n\nb();\n", "a();\nb();\n", "a();\n\nx();\n\nb();\n", Some("a();\n\nx();\n\nb();\n")),
        ("a();\n\nb();\nc();\n", "a();\nb();\nc();\n", "a();\n\nb();\nd();\n", Some("a();\n\nb();\nd();\n")),
        // One that the file does not have.
        ("a();\nb();\nc();\n", "a();\n\nb();\nc();\n", "a();\n\nb();\nd();\n", Some("a();\nb();\nd();\n")),
    ] {
        let found = apply(file, search, replace).map(|(after, how)| {
            assert_eq!(how, How::Block(MatchStrategy::BlankLines), "{search:?}");
            after
        });
        assert_eq!(found.ok().as_deref(), expect, "{file:?} {search:?} {replace:?}");
    }
}

#[test]
fn a_likely_place_is_not_taken_for_another() {
    let file = "fn test_serialize_all() {\n    let value = sample_value();\n    check(&value);\n}\n\nfn \
                test_deserialize_all() {\n    read();\n}\n";
    let search =
        |name: &str| format!("fn {name}() {{\n    let value = sample_value();\n    check(&value);\n}}\n");
    let replace =
        |name: &str| format!("fn {name}() {{\n    let value = sample_value();\n    verify(&value);\n}}\n");
    let slip = apply(file, &search("test_serialise_all"), &replace("test_serialise_all"));
    assert_eq!(
        slip,
        Ok((file.replace("    check(&value);", "    verify(&value);"), How::Block(MatchStrategy::Likeness)))
    );
    let other = apply(file, &search("test_deserialize_all"), &replace("test_deserialize_all"));
    assert!(matches!(other, Err(Refusal::Absent { closest: Some(_), elsewhere: None })), "{other:?}");
}

#[test]
fn caps() {
    let files: Vec<(String, String)> =
        (0..=MAX_FILES).map(|at| (format!("f{at}.txt"), "a\n".to_owned())).collect();
    let read = read_set(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    let all: String = files.iter().map(|(path, _)| block(path, "a\n", "b\n")).collect();
    assert_eq!(resolve_reply(&all, &read), Err(EditErrors::TooManyFiles(MAX_FILES + 1)));
    let (_, fits) = all.split_at(block("f0.txt", "a\n", "b\n").len());
    assert_eq!(resolve_reply(fits, &read).map(|patch| patch.changes().len()), Ok(MAX_FILES));

    let large = format!("{}\n", "x".repeat(99)).repeat(MAX_BYTES / 100 + 1);
    let read = read_set(&[("a.txt", &format!("one\n{large}"))]);
    assert_eq!(
        resolve_reply(&block("a.txt", "one\n", "two\n"), &read),
        Err(EditErrors::TooLarge(large.len() + 4))
    );

    let many = block("a.txt", "one\n", "two\n").repeat(MAX_EDITS + 1);
    assert_eq!(resolve_reply(&many, &read), Err(EditErrors::TooManyEdits(MAX_EDITS + 1)));
    assert_eq!(resolve_reply("", &read), Err(EditErrors::NoChange(vec![])));
}

#[test]
fn what_is_kept_and_what_comes_in_its_place_make_one_patch() {
    let read = read_set(&[("a.txt", "one\ntwo\nthree\n")]);
    let reply = block("a.txt", "one\n", "1\n") + &block("a.txt", "tow\n", "2\n");
    let Err(EditErrors::Refused { errors, kept }) = resolve_reply(&reply, &read) else {
        panic!("not refused")
    };
    assert_eq!(errors.iter().map(|error| error.number).collect::<Vec<_>>(), [2]);
    let edits = [kept, Answer::read_kept(&block("a.txt", "two\n", "2\n")).edits.unwrap()].concat();
    let patch = resolve(&edits, &read, &Protection::default(), |_| Vec::new()).unwrap();
    assert_eq!(patch.changes()[0].after(), Some(b"1\n2\nthree\n".as_slice()));
}

/// Texts that would take an algorithm of quadratic time minutes.
#[test]
fn hostile_texts_end() {
    let same = "a\n".repeat(300_000);
    let near = lines((0..30_000).map(|at| format!("let value_{} = {at};", at % 7)));
    let brackets = "}\n".repeat(100_000);
    let dots = "x\n...\n".repeat(1_000);
    for (file, search) in [
        (&same, "a\n".repeat(100_000) + "b\n"),
        (&near, lines(near.lines().take(5_000).map(|line| format!("{line}x")))),
        (&near, lines(near.lines().take(200).map(|line| line.replace("value", "valeu")))),
        (&brackets, "}\n...\n".repeat(40) + "y\n"),
        (&brackets, "\n}\n".repeat(20_000) + "{\n"),
        (&same, dots),
        (&near, "1;\n".to_owned() + &lines(near.lines().take(9_000))),
    ] {
        assert!(apply(file, &search, "z\n").is_err());
    }
}

#[test]
fn a_file_is_the_one_that_is_spelled_so() {
    let occupant = |path: &str| Occupant { path: RepoPath::parse(path).unwrap(), entry: Entry::File };
    for (tree, read, name, expect) in [
        (&["makefile"][..], &["makefile"][..], "makefile", Ok("makefile")),
        (&["makefile"], &["makefile"], "Makefile", Ok("makefile")),
        (&["makefile", "Makefile"], &["makefile", "Makefile"], "Makefile", Ok("Makefile")),
        // One that was not read is another file.
        (&["makefile", "Makefile"], &["makefile"], "Makefile", Err("READ: Makefile")),
        (&["makefile", "Makefile"], &["makefile"], "MAKEFILE", Err("could be")),
        (&["src/a.rs", "a.rs"], &["src/a.rs"], "a.rs", Err("READ: a.rs")),
        (&["src/a.rs"], &["src/a.rs"], "a.rs", Ok("src/a.rs")),
        (&["src/aux.c"], &["src/aux.c"], "src/aux.c", Ok("src/aux.c")),
        (
            &["re\u{301}sume\u{301}"],
            &["re\u{301}sume\u{301}"],
            "r\u{e9}sum\u{e9}",
            Ok("re\u{301}sume\u{301}"),
        ),
    ] {
        let files: Vec<(&str, &str)> = read.iter().map(|path| (*path, "old\n")).collect();
        let (files, paths) = (read_set(&files), Paths::new(tree.iter().copied()));
        let edits = Answer::read(&block(name, "old\n", "new\n"), &paths).edits.unwrap();
        let occupants = |path: &RepoPath| {
            tree.iter()
                .map(|path| occupant(path))
                .filter(|there| there.path.folded() == path.folded())
                .collect()
        };
        match (resolve(&edits, &files, &Protection::default(), occupants), expect) {
            (Ok(found), Ok(path)) => assert_eq!(found.changes()[0].path().as_str(), path, "{name}"),
            (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{name}: {error}"),
            (found, _) => panic!("{name} in {tree:?}: {found:?}"),
        }
    }
}

/// Pieces that meet each other often: lines of a small file, and what models make of them.
fn line() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "",
        "a();",
        "b();",
        "if x {",
        "}",
        "\u{201c}q\u{201d}",
        "\"q\"",
        "...",
        "é",
    ]);
    let indents = prop::sample::select(vec!["", "  ", "    ", "\t", "\u{a0}", "1 | ", "-", "+", " "]);
    let ends = prop::sample::select(vec!["", "", "", " ", "\r"]);
    (indents, words, ends).prop_map(|(indent, word, end)| format!("{indent}{word}{end}"))
}

fn text(lines: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), lines), prop::sample::select(vec!["\n", "\r\n"]), any::<bool>())
        .prop_map(|(lines, ending, ends)| lines.join(ending) + if ends { ending } else { "" })
}

fn edit() -> impl Strategy<Value = Edit> {
    let path = prop::sample::select(vec![
        "a.rs",
        "b.rs",
        "c.rs",
        "A.rs",
        "../a.rs",
        "/x/a.rs",
        "a.rs/d",
        "Cargo.lock",
    ]);
    let lf = |text: String| lines(text.lines());
    let action = prop_oneof![
        6 => (text(1..5), text(0..5)).prop_map(move |(search, replace)| {
            Action::Replace(Halves { search: lf(search), replace: lf(replace) })
        }),
        1 => text(0..5).prop_map(move |text| Action::Create { content: lf(text) }),
        1 => text(0..5).prop_map(move |text| Action::Write { content: lf(text) }),
        1 => Just(Action::Delete),
        1 => path.clone().prop_map(|to| Action::Rename { to: to.to_owned() }),
    ];
    (path, action).prop_map(|(path, action)| Edit { path: path.to_owned(), line: 1, action })
}

/// A path that git allows and that may be changed, however odd.
fn odd_path() -> impl Strategy<Value = String> {
    let names = prop_oneof![
        4 => "[a-zA-Z0-9 .,:;#*`\"'(){}\\[\\]<>|=?$&!~^+@%_éſ日-]{1,8}",
        1 => prop::sample::select(vec![
            "VERSION", "foo.1", "a.py", "a.py (1)", "a b.md", "b.md", "```", "=======", "<<<<<<< SEARCH", ">>>>>>> REPLACE",
            "<think>", "</think>", "<plan>", "DELETE: a", "TITLE: a", "WRITE: a", "RENAME: a -> b", "a -> b", "# a", "**a**",
            "`a`", "a:", "a:12", "- a", "File: a", " a", "a ", "a", "A",
        ])
        .prop_map(str::to_owned),
    ];
    let path = prop::collection::vec(names, 1..3).prop_map(|names| names.join("/"));
    path.prop_filter("git or the protection refuses it", |path| {
        RepoPath::parse(path).is_ok_and(|path| Protection::default().reason(&path).is_none())
    })
}

/// Paths that one could be taken for.
fn alike(path: &str) -> Vec<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let words = path.split([' ', '/', ':', '(', '`', '*']).map(str::to_owned);
    let others = [
        format!("{path} (1)"),
        format!("{path}:"),
        format!("`{path}`"),
        format!("# {path}"),
        format!("x/{path}"),
        format!(" {path}"),
        format!("{path} "),
        path.to_uppercase(),
        path.to_lowercase(),
        path.trim().to_owned(),
        name.to_owned(),
    ];
    others.into_iter().chain(words).filter(|other| RepoPath::parse(other).is_ok()).collect()
}

/// The paths that a reply about files with the line `old` changes.
fn changed(reply: &str, tree: &std::collections::BTreeSet<String>) -> Result<Vec<String>, String> {
    let files: Vec<(&str, &str)> = tree.iter().map(|path| (path.as_str(), "old\n")).collect();
    let read = read_set(&files);
    let paths = Paths::new(tree.iter().map(String::as_str));
    let edits = Answer::read(reply, &paths).edits.map_err(|error| error.to_string())?;
    let patch =
        resolve(&edits, &read, &Protection::default(), |_| Vec::new()).map_err(|error| error.to_string())?;
    let from = |change: &Change| match change.kind() {
        ChangeKind::Rename { from } => from.to_string(),
        _ => change.path().to_string(),
    };
    Ok(patch.changes().iter().map(from).collect())
}

/// What a patch does, without the numbers of the edits.
fn effect(result: &Result<Patch, EditErrors>) -> Option<BTreeMap<&RepoPath, &Change>> {
    result.as_ref().ok().map(|patch| patch.changes().iter().map(|change| (change.path(), change)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_patch_changes_only_what_was_read_and_in_any_order_the_same(
        a in text(0..8),
        b in text(0..8),
        edits in prop::collection::vec(edit(), 0..4),
    ) {
        let read = read_set(&[("a.rs", &a), ("b.rs", &b)]);
        let resolve = |edits: &[Edit]| resolve(edits, &read, &Protection::default(), |_| Vec::new());
        let result = resolve(&edits);
        let mut reversed = edits.clone();
        reversed.reverse();
        let other = resolve(&reversed);
        prop_assert_eq!(effect(&result), effect(&other));
        match &result {
            Ok(patch) => for change in patch.changes() {
                let base = match change.kind() {
                    ChangeKind::Rename { from } | ChangeKind::Copy { from } => from,
                    _ => change.path(),
                };
                prop_assert_eq!(change.before(), read.get(base).map(|file| file.content.as_slice()));
                prop_assert!(Protection::default().reason(change.path()).is_none());
                match change.kind() {
                    ChangeKind::Create => prop_assert!(change.before().is_none() && change.after().is_some()),
                    ChangeKind::Modify => prop_assert!(change.before() != change.after()),
                    ChangeKind::Delete => prop_assert!(change.before().is_some() && change.after().is_none()),
                    ChangeKind::Rename { .. } | ChangeKind::Copy { .. } => prop_assert!(change.after().is_some()),
                }
            },
            Err(errors) => prop_assert!(!errors.to_string().is_empty()),
        }
    }

    #[test]
    fn a_block_that_was_copied_exactly_is_applied_exactly(
        before in prop::collection::vec("[a-d ]{0,6}", 0..6),
        search in prop::collection::vec("[e-h ]{1,6}x", 1..5),
        after in prop::collection::vec("[a-d ]{0,6}", 0..6),
        replace in prop::collection::vec("[i-k ]{0,6}", 0..5),
    ) {
        let file = lines(&before) + &lines(&search) + &lines(&after);
        prop_assume!(!replace.is_empty() || !search.is_empty());
        match apply(&file, &lines(&search), &lines(&replace)) {
            Ok((found, How::Block(MatchStrategy::Exact))) => {
                prop_assert_eq!(found, lines(&before) + &lines(&replace) + &lines(&after));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

proptest! {
    // Each case tries the name beside every one that it could be taken for.
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The path alone on the line above the block, or behind the directive, as the instructions ask for it.
    #[test]
    fn an_edit_lands_in_the_file_that_is_named(
        path in odd_path(),
        others in prop::collection::vec(odd_path(), 0..4),
        fenced in any::<bool>(),
    ) {
        let mut tree: std::collections::BTreeSet<String> = others.into_iter().chain(alike(&path)).collect();
        tree.insert(path.clone());
        let block = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n";
        // Above the fence of a block, that name could be the fence.
        let fence = if fenced && !tree.contains("```") { "```\n" } else { "" };
        let only = Ok(vec![path.clone()]);
        prop_assert_eq!(changed(&format!("TITLE: t\nSUMMARY:\nThat is all.\n\n{path}\n{fence}{block}{fence}"), &tree), only.clone());
        for other in &tree {
            let reply = format!("TITLE: t\n\n{other}\n{block}\n{path}\n{fence}{block}{fence}");
            let expect: std::collections::BTreeSet<String> = [other.clone(), path.clone()].into();
            // The same block twice is one edit.
            prop_assert_eq!(changed(&reply, &tree), Ok(expect.into_iter().collect()));
        }
        prop_assert_eq!(changed(&format!("DELETE: {path}\n"), &tree), only.clone());
        prop_assert_eq!(changed(&format!("WRITE: {path}\n```\nnew\n```\n"), &tree), only.clone());
        // Where several arrows could part the two paths, it is refused.
        if let Ok(found) = changed(&format!("RENAME: {path} -> new/place.txt\n"), &tree) {
            prop_assert_eq!(found, vec![path.clone()]);
        }
        let paths = Paths::new(tree.iter().map(String::as_str));
        let answer = Answer::read(&format!("READ: {path}\n"), &paths);
        prop_assert_eq!(answer.requests.paths().collect::<Vec<_>>(), vec![path]);
    }
}
