use proptest::prelude::*;

use super::*;

/// As [`Request`] shows it, one after the other.
fn shown(directive: Directive, behind: &str, tree: &[&str]) -> String {
    let paths = Paths::new(tree.iter().copied());
    let found = of(directive, &format!(" {behind}"), &paths);
    found.iter().map(Request::to_string).collect::<Vec<_>>().join(" & ")
}

const TREE: [&str; 19] = [
    "src/a.rs",
    "src/b.rs",
    "a, b.txt",
    "c:12.txt",
    "with space.py",
    "x,y.c",
    "odd (1).md",
    "Makefile",
    "how in x.md",
    "(app)/page.tsx",
    "[id].ts",
    "a.py (the whole file)",
    "a.py",
    "src/sub/c.py",
    "my dir/x.py",
    "tests/test_a.py",
    "one and two.md",
    "README.md",
    "1-3",
];

#[test]
fn a_line_reads_files_and_ranges() {
    for (written, expect) in [
        ("src/a.rs", "src/a.rs"),
        ("`src/a.rs`", "src/a.rs"),
        ("./src/a.rs", "src/a.rs"),
        ("src/a.rs, src/b.rs", "src/a.rs & src/b.rs"),
        ("`src/a.rs`,`src/b.rs`", "src/a.rs & src/b.rs"),
        ("src/a.rs src/b.rs", "src/a.rs & src/b.rs"),
        ("src/a.rs and src/b.rs", "src/a.rs & src/b.rs"),
        ("src/a.rs, `src/b.rs`, and Makefile", "src/a.rs & src/b.rs & Makefile"),
        ("src/a.rs; src/b.rs;", "src/a.rs & src/b.rs"),
        ("src/a.rs:120-220", "src/a.rs:120-220"),
        ("src/a.rs:L120-L220", "src/a.rs:120-220"),
        ("src/a.rs#L120-L220", "src/a.rs:120-220"),
        ("`src/a.rs:120-220`", "src/a.rs:120-220"),
        ("`src/a.rs`:120-220", "src/a.rs:120-220"),
        ("\"src/a.rs\":1-2", "src/a.rs:1-2"),
        ("`src/a.rs` (lines 120-220)", "src/a.rs:120-220"),
        ("src/a.rs lines 120 to 220", "src/a.rs:120-220"),
        ("src/a.rs, lines 10-20", "src/a.rs:10-20"),
        ("src/a.rs: lines 1-3", "src/a.rs:1-3"),
        ("src/a.rs:line 10-20", "src/a.rs:10-20"),
        ("src/a.rs 10-20", "src/a.rs:10-20"),
        ("src/a.rs L10-20", "src/a.rs:10-20"),
        ("src/a.rs from line 10 to 20", "src/a.rs:10-20"),
        ("src/a.rs from 10 to line 20", "src/a.rs:10-20"),
        ("lines 10-20 of src/a.rs", "src/a.rs:10-20"),
        ("the lines 10-20 of src/a.rs", "src/a.rs:10-20"),
        ("src/a.rs[10-20]", "src/a.rs:10-20"),
        ("src/a.rs[10:20]", "src/a.rs:10-20"),
        ("src/a.rs@10-20", "src/a.rs:10-20"),
        ("src/a.rs:10..20", "src/a.rs:10-20"),
        ("src/a.rs:10,20", "src/a.rs:10-20"),
        ("src/a.rs:120", "src/a.rs:120-120"),
        ("src/a.rs:120:7", "src/a.rs:120-120"),
        ("src/a.rs:-20", "src/a.rs:1-20"),
        ("src/a.rs:120-", "src/a.rs:120-"),
        ("src/a.rs:10-end", "src/a.rs:10-"),
        ("src/a.rs:10+", "src/a.rs:10-"),
        ("src/a.rs:10-$", "src/a.rs:10-"),
        ("src/a.rs (lines 1-3, 5-6)", "src/a.rs:1-3 & src/a.rs:5-6"),
        ("src/a.rs:1-3,5-6", "src/a.rs:1-3 & src/a.rs:5-6"),
        ("src/a.rs:1-3 and 5-6", "src/a.rs:1-3 & src/a.rs:5-6"),
        ("src/a.rs lines 1-3 and 5-6", "src/a.rs:1-3 & src/a.rs:5-6"),
        ("src/a.rs:1-3 src/b.rs:1-2", "src/a.rs:1-3 & src/b.rs:1-2"),
        ("src/a.rs:0-9, 40-50, src/b.rs", "src/a.rs:0-9 & src/a.rs:40-50 & src/b.rs"),
        // What is said about it.
        ("src/a.rs (the whole file)", "src/a.rs"),
        ("src/a.rs (the whole file; a part of it as READ: src/b.rs:1-2)", "src/a.rs"),
        ("src/a.rs (to see b), src/b.rs (the class)", "src/a.rs & src/b.rs"),
        ("src/a.rs - to see how src/b.rs does it", "src/a.rs"),
        ("src/a.rs  # why", "src/a.rs"),
        ("src/a.rs:1-3 (the class Foo)", "src/a.rs:1-3"),
        ("src/a.rs:1-3 -- to see Foo", "src/a.rs:1-3"),
        ("src/a.rs:1-3:", "src/a.rs:1-3"),
        ("src/a.rs.", "src/a.rs"),
        ("src/a.rs;", "src/a.rs"),
        ("src/a.rs::Foo.bar", "src/a.rs"),
        ("**src/a.rs**", "src/a.rs"),
        ("[src/a.rs](src/a.rs)", "src/a.rs"),
        ("<src/a.rs>", "src/a.rs"),
        ("'src/a.rs'", "src/a.rs"),
        ("the file src/a.rs", "src/a.rs"),
        // What is in the tree goes first.
        ("a, b.txt", "a, b.txt"),
        ("a, b.txt, src/a.rs:1-2", "a, b.txt & src/a.rs:1-2"),
        ("x,y.c:3-4, a, b.txt", "x,y.c:3-4 & a, b.txt"),
        ("c:12.txt", "c:12.txt"),
        ("c:12.txt:5-6", "c:12.txt:5-6"),
        ("with space.py", "with space.py"),
        ("with space.py 7-8", "with space.py:7-8"),
        ("odd (1).md", "odd (1).md"),
        ("odd (1).md (the whole file)", "odd (1).md"),
        ("a.py (the whole file)", "a.py (the whole file)"),
        ("a.py (whole)", "a.py"),
        ("how in x.md, one and two.md", "how in x.md & one and two.md"),
        ("(app)/page.tsx and [id].ts", "(app)/page.tsx & [id].ts"),
        ("src/a.rs, 1-3", "src/a.rs & 1-3"),
        ("src/a.rs:1-3", "src/a.rs:1-3"),
        // What is not is looked up all the same.
        ("none.rs", "none.rs"),
        ("none.rs:3-4", "none.rs:3-4"),
        ("none.rs (the whole file)", "none.rs"),
        ("src/none.rs - to see how", "src/none.rs"),
        ("none.rs, lib/none.rs:1-2 (x)", "none.rs & lib/none.rs:1-2"),
        ("my notes.txt", "my notes.txt"),
        ("Foo", "Foo"),
        ("src/a.rsx", "src/a.rsx"),
        ("_a.py", "_a.py"),
        ("src/__init__.py, __main__.py", "src/__init__.py & __main__.py"),
        ("`none.rs`, **b.none**", "none.rs & b.none"),
        ("[none.rs](none.rs)", "none.rs"),
        ("(web)/none.tsx", "(web)/none.tsx"),
        ("src/*.py", "src/*.py"),
        ("**/*.py", "**/*.py"),
        ("xsrc/a.rs", "xsrc/a.rs"),
        ("/src/a.rs", "/src/a.rs"),
        ("src\\a.rs", "src\\a.rs"),
        ("../../etc/passwd, src", "../../etc/passwd & src"),
        ("", ""),
        ("``", ""),
        (".", ""),
    ] {
        let expect = expect.split(" & ").filter(|path| !path.is_empty()).map(|path| format!("READ: {path}"));
        let expect = expect.collect::<Vec<_>>().join(" & ");
        assert_eq!(shown(Directive::Read, written, &TREE), expect, "{written}");
    }
}

#[test]
fn a_line_finds_texts_and_expressions() {
    let mut wrong = Vec::new();
    for (written, expect) in [
        ("is_online", "is_online"),
        ("`is_online`", "is_online"),
        ("**is_online**", "is_online"),
        ("/is_\\w+/", "/is_\\w+/"),
        ("/is_\\w+/i", "/is_\\w+/i"),
        ("/is/gi", "/is/i"),
        ("/is/gm", "/is/"),
        ("/is/s", "/(?s)is/"),
        ("r\"def fo\\w+\"", "/def fo\\w+/"),
        ("text \"fox\"", "fox"),
        ("`/a b/`", "/a b/"),
        ("\"/a b/\"", "/a b/"),
        ("/api/v1/users/", "/api/v1/users/"),
        ("/src/b.py/", "/src/b.py/"),
        ("/a\\/ in b/", "/a\\/ in b/"),
        ("/api/v1", "/api/v1 as a text"),
        ("\"", "\""),
        ("//", "// as a text"),
        // A place behind it.
        ("\"is online\" in src/", "is online in src/"),
        ("is online in *.py", "is online in *.py"),
        ("/a/ in src/**/*.rs", "/a/ in src/**/*.rs"),
        ("/jv_parse\\w*\\(/ in src/", "/jv_parse\\w*\\(/ in src/"),
        ("/a/i in `*.rs`", "/a/i in *.rs"),
        ("/a/i in src/sub/", "/a/i in src/sub/"),
        ("`/a b/` in *.rs", "/a b/ in *.rs"),
        ("`/a/ in src/`", "/a/ in src/"),
        ("`/a/` in `src/`", "/a/ in src/"),
        ("`fox` in `src/sub/c.py`", "fox in src/sub/c.py"),
        ("\"fox\" in \"src/\"", "fox in src/"),
        ("'fox' in 'src/sub/c.py'", "fox in src/sub/c.py"),
        ("'it''s' in src/b.rs", "it''s in src/b.rs"),
        ("fox in src", "fox in src"),
        ("fox in c.py", "fox in c.py"),
        ("fox in the src/ folder", "fox in src/"),
        ("fox in .", "fox"),
        ("fox in ./", "fox"),
        ("fox in /", "fox"),
        ("fox in *", "fox"),
        ("fox in src/ and tests/", "fox in src/, tests/"),
        ("f1 in *.md, *.txt", "f1 in *.md, *.txt"),
        ("/f1\\b/ in *.md *.txt", "/f1\\b/ in *.md, *.txt"),
        ("`f1` in **/*.md, tests/", "f1 in **/*.md, tests/"),
        ("fox in *.{js,ts}", "fox in *.{js,ts}"),
        ("fox in .py", "fox in *.py"),
        ("fox (in src/)", "fox in src/"),
        ("`fox` (in src/)", "fox in src/"),
        ("fox in src/sub/c.py:1-2", "fox in src/sub/c.py"),
        ("fox in README.md", "fox in README.md"),
        ("fox in nosuch/", "fox in nosuch/"),
        ("`fox` in nosuch", "fox in nosuch"),
        ("fox in how in x.md", "fox in how?in?x.md"),
        ("fox in my dir/", "fox in my?dir/**"),
        ("fox in a, b.txt", "fox in a??b.txt"),
        ("what is in here in src/", "what is in here in src/"),
        // Several.
        ("\"fox\", \"baz\"", "fox & baz"),
        ("`fox`, `baz` in src/", "fox & baz in src/"),
        ("`fox` in src/, `baz` in tests/", "fox in src/ & baz in tests/"),
        ("`fox` and /baz/i", "fox & /baz/i"),
        // What is said about it.
        ("fox (the lines that have it)", "fox"),
        ("`fox` (the function)", "fox"),
        ("/fox/ - to see where", "/fox/"),
        ("fox -- to see where it is", "fox"),
        ("`fox` in the function baz", "fox"),
        ("`fox` everywhere", "fox"),
        // A text stays one.
        ("what is in here", "what is in here"),
        ("for x in things", "for x in things"),
        ("for i in *args", "for i in *args"),
        ("'key' in data", "'key' in data"),
        ("a / b in km/h", "a / b in km/h"),
        ("f(a, b)", "f(a, b)"),
        ("if (x - 1)", "if (x - 1)"),
        ("x = 1  # noqa", "x = 1  # noqa"),
        ("a -- b", "a -- b"),
        ("fox|baz", "fox|baz"),
        ("\"a\" + \"b\"", "\"a\" + \"b\""),
        ("in", "in"),
        ("", ""),
    ] {
        let expect = expect.split(" & ").filter(|text| !text.is_empty());
        let expect: Vec<String> =
            expect.map(|text| format!("FIND: {}", text.strip_suffix(" as a text").unwrap_or(text))).collect();
        let found = shown(Directive::Find, written, &TREE);
        if found != expect.join(" & ") {
            wrong.push(format!("{written}: {found}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
    let paths = Paths::new(TREE);
    let text = |text: &str| Request::Find { what: Pattern::Text(text.to_owned()), within: None };
    for written in ["/api/v1", "//", "/", "fox|baz", "def fo.*\\("] {
        assert_eq!(of(Directive::Find, written, &paths), [text(written)]);
    }
    let hostile = "' in x, ".repeat(110);
    of(Directive::Find, &hostile, &paths);
    let long = format!("{} in src/", "x in ".repeat(100_000));
    assert_eq!(of(Directive::Find, &long, &paths).len(), 1);
}

#[test]
fn a_line_names_what_is_defined() {
    for (written, expect) in [
        ("`Station.is_online()`, seen", "Station.is_online & seen"),
        ("fox (where it is defined)", "fox"),
        ("fox and baz", "fox & baz"),
        ("`fox`, `baz`", "fox & baz"),
        ("fox(x, y)", "fox"),
        ("fox(x, y), baz()", "fox & baz"),
        ("class Foo", "Foo"),
        ("class Foo:", "Foo"),
        ("def fox", "fox"),
        ("pub async fn fox(x: u8) -> bool", "fox"),
        ("the function `fox`", "fox"),
        ("fox in src/sub/c.py", "fox"),
        ("Foo - the class", "Foo"),
        ("Foo class", "Foo"),
        ("Foo::bar", "Foo::bar"),
        ("Vec<String, u8>", "Vec"),
        ("a->b", "a->b"),
        ("class", "class"),
        ("what we need", "what we need"),
        ("``, ", ""),
        ("", ""),
    ] {
        let expect =
            expect.split(" & ").filter(|name| !name.is_empty()).map(|name| format!("DEFINE: {name}"));
        assert_eq!(
            shown(Directive::Define, written, &TREE),
            expect.collect::<Vec<_>>().join(" & "),
            "{written}"
        );
    }
}

#[test]
fn a_line_lists_folders() {
    for (written, expect) in [
        ("src/", "src"),
        ("src", "src"),
        ("`./src/a/`", "src/a"),
        ("/", ""),
        (".", ""),
        ("", ""),
        ("./", ""),
        ("*", ""),
        ("src/, tests/", "src & tests"),
        ("src/ tests/", "src & tests"),
        ("src/ and tests/", "src & tests"),
        ("src/*.py", "src"),
        ("src/**", "src"),
        ("src/ (what is in it)", "src"),
        ("src (recursive, with files)", "src"),
        ("src/ - to see what there is", "src"),
        ("the src folder", "src"),
        ("src/.", "src"),
        ("my dir/", "my dir"),
        ("(app)/", "(app)"),
        ("a.py", "a.py"),
        ("nosuch/", "nosuch"),
        ("../", ".."),
    ] {
        let expect =
            expect.split(" & ").map(|folder| format!("LIST: {folder}/")).collect::<Vec<_>>().join(" & ");
        assert_eq!(shown(Directive::List, written, &TREE), expect, "{written}");
    }
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "src/a.rs", "a.py", "x", "é", "(", ")", "[", "]", "`", "\"", "'", "/", "*", "**", "<", ">", ",", ";", ":", "#", " ", " in ",
            " and ", "10", "-", "–", "L", "lines ", "end", ".", "\\", "{", "}", "READ: ", "FIND", "class ", "r", "：", "1. ", "> ", "\t",
        ]), 0..14)
    ) {
        let line = parts.concat();
        let paths = Paths::new(TREE);
        for directive in [Directive::Read, Directive::Find, Directive::Define, Directive::Uses, Directive::List] {
            for request in of(directive, &line, &paths) {
                if let Request::Read { path, .. } = &request {
                    prop_assert!(!path.is_empty() && path.trim() == path, "{line}: {path}");
                }
                if let Request::Find { what: Pattern::Text(text) | Pattern::Regex { text, .. }, .. } = &request {
                    prop_assert!(!text.is_empty(), "{line}");
                }
            }
            below(directive, &[&line, "- a.py", &line], &paths);
        }
        let looked = loose(&line, &paths);
        prop_assert!(!matches!(looked, Some(Loose::Asks(asked) | Loose::Quotes(asked)) if asked.is_empty()));
        bare_paths(&line, &paths);
        reason(&line);
        is_mentioned(&line);
    }
}

#[test]
fn of_very_many_requests_only_the_number_is_kept() {
    let mut requests = Requests::default();
    requests.extend((0..100_000).map(|n| Request::Define(n.to_string())));
    requests.extend([Request::Define("0".to_owned())]);
    assert_eq!((requests.iter().count(), requests.dropped), (MAX_KEPT, 100_000 - MAX_KEPT));
}
