//! Every kind of request over small repositories, and what comes of bad ones.

use std::time::{Duration, Instant};

use gix::objs::tree::EntryKind;

use super::{Found, last_part, qualifier};
use crate::context::pack::{Budget, Context};
use crate::context::read_set::Shown;
use crate::context::tests::{Fixture, path};
use crate::protocol::request::Requests;
use crate::protocol::{Answer, Paths};

/// What an answer with these lines asks for.
fn requests(context: &Context, lines: &str) -> Requests {
    let paths = Paths::new(context.walk.entries().iter().map(|entry| entry.path.as_str()));
    Answer::read(lines, &paths).requests
}

fn look(fixture: &Fixture, context: &mut Context, lines: &str, budget: u32) -> Found {
    let requests = requests(context, lines);
    context.look_up(&fixture.repo.clone().into_sync(), &requests, 10, budget)
}

/// A context that has read one file, `src/a.rs`.
fn one_read(fixture: &Fixture) -> Context {
    fixture.pack("a", "", Budget { tokens: 2000, files: 1 })
}

#[test]
fn each_file_that_is_asked_for_gets_an_answer() {
    let latin: &[u8] = b"// caf\xe9\nfn latin() {}\n";
    let fixture = Fixture::new([
        ("src/a.rs", b"fn a() {}\n".as_slice()),
        ("src/parser.rs", b"fn parser() {}\n"),
        ("src/zebra.rs", b"fn zebra() {}\n"),
        ("src/latin.rs", latin),
        ("src/empty.rs", b""),
        ("logo.png", b"\x89PNG\0"),
        ("data.rs", b"\0\0"),
        ("Cargo.lock", b"[[package]]\n"),
        (".env", b"PASSWORD=x\n"),
        ("node_modules/x/index.js", b"x()\n"),
    ]);
    let mut context = one_read(&fixture);
    assert_eq!(context.read.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["src/a.rs"]);
    for (asked, answer, is_new) in [
        ("READ: src/a.rs", "`src/a.rs`: you have the whole of it already", false),
        ("READ: src/a.rs:1-1", "`src/a.rs`: you have these lines already", false),
        ("READ: src/a.rs:9-12", "`src/a.rs`: it has only 1 lines", true),
        ("READ: src/parser.rs", "`src/parser.rs`: added, whole", true),
        ("READ: src/empty.rs", "`src/empty.rs`: added, whole", true),
        ("READ: src/parsr.rs", "`src/parsr.rs`: there is no such file; similar names: `src/parser.rs`", true),
        (
            "READ: src/parsr.rs",
            "`src/parsr.rs`: there is no such file; similar names: `src/parser.rs`",
            false,
        ),
        (
            "READ: src/",
            "`src`: is a folder; ask for files, such as `src/a.rs`, `src/empty.rs`, `src/latin.rs`, `src/parser.rs`, \
             `src/zebra.rs`",
            true,
        ),
        ("READ: logo.png", "`logo.png`: cannot be shown: it is binary", true),
        ("READ: data.rs", "`data.rs`: cannot be shown: it is binary", true),
        ("READ: src/latin.rs", "`src/latin.rs`: cannot be shown: it is not UTF-8", true),
        ("READ: Cargo.lock", "`Cargo.lock`: cannot be shown: it is a lock file", true),
        ("READ: node_modules/x/index.js", "`node_modules/x/index.js`: added, whole", true),
        ("READ: unlike-anything", "`unlike-anything`: there is no such file", true),
        (
            "READ: ../../etc/passwd",
            "\"../../etc/passwd\" cannot be read: the path has an empty, `.` or `..` component; it must stay inside the \
             repository",
            true,
        ),
        (
            "READ: ../../etc/passwd",
            "\"../../etc/passwd\" cannot be read: the path has an empty, `.` or `..` component; it must stay inside the \
             repository",
            false,
        ),
        ("READ: /src/a.rs", "`src/a.rs`: you have the whole of it already", false),
        ("READ: src\\a.rs", "`src/a.rs`: you have the whole of it already", false),
        ("READ: .\\src\\x\\..\\a.rs:1-1", "`src/a.rs`: you have these lines already", false),
        ("READ: /", "`/`: is the top folder; ask for what is in it as `LIST: /`", true),
        (
            "READ: /node_modules/x/index.js",
            "`node_modules/x/index.js`: you have the whole of it already",
            false,
        ),
        ("READ: /nowhere", "`nowhere`: there is no such file", true),
    ] {
        let found = look(&fixture, &mut context, asked, 1000);
        assert_eq!((found.answers(false).join("\n").as_str(), found.is_new), (answer, is_new), "{asked}");
    }
    assert_eq!(context.read.get(&path("src/parser.rs")).unwrap().why, "the model asked for it");
    let found = look(&fixture, &mut context, "READ: .env", 1000);
    assert!(found.answers(false)[0].starts_with("`.env`: cannot be shown: "), "{:?}", found.answers(false));
    let found = look(&fixture, &mut context, "READ: src/zebra.rs", 10);
    assert_eq!(
        found.answers(false),
        ["`src/zebra.rs`: it does not fit, not even one line; the file has 1 lines"]
    );
    assert_eq!((found.is_new, found.is_left_out), (true, false));
    assert_eq!(found.files, []);
}

#[test]
fn links_and_submodules_are_not_followed() {
    let fixture = Fixture::with_entries(&[
        ("src/a.rs", EntryKind::Blob, b"fn a() {}\n"),
        ("src/link.rs", EntryKind::Link, b"a.rs"),
        ("vendor", EntryKind::Commit, b""),
    ]);
    let mut context = one_read(&fixture);
    for (asked, answer) in [
        ("READ: src/link.rs", "`src/link.rs`: cannot be shown: it is a symlink"),
        ("READ: vendor", "`vendor`: cannot be shown: it is a submodule"),
        (
            "READ: src/link.rs/x",
            "`src/link.rs/x`: cannot be shown, for it is behind `src/link.rs`: it is a symlink",
        ),
        ("READ: vendor/x.c", "`vendor/x.c`: cannot be shown, for it is behind `vendor`: it is a submodule"),
        ("LIST: src/link.rs", "LIST: src/link.rs/: is a symlink; what it leads to cannot be shown"),
        ("LIST: vendor", "LIST: vendor/: is a submodule; what is in it cannot be shown"),
        ("LIST: vendor/x", "LIST: vendor/x/: cannot be shown, for it is behind `vendor`: it is a submodule"),
        ("FIND: a.rs", "FIND: a.rs: no hits"),
    ] {
        assert_eq!(look(&fixture, &mut context, asked, 1000).answers(false), [answer], "{asked}");
    }
}

#[test]
fn what_is_no_text_or_too_large_is_neither_shown_nor_searched() {
    let line = format!("let needle = \"{}\";\n", "x".repeat(10 << 20));
    let fixture = Fixture::new([
        ("src/a.rs", b"fn a() {}\n".as_slice()),
        ("src/wide.rs", line.as_bytes()),
        ("src/binary.rs", b"needle \0 needle\n"),
        ("src/latin.rs", b"// caf\xe9 needle\n"),
        ("logo.png", b"needle"),
        ("Cargo.lock", b"needle\n"),
        (".env", b"needle\n"),
    ]);
    let mut context = one_read(&fixture);
    for (asked, answer) in [
        ("READ: src/wide.rs", "`src/wide.rs`: cannot be shown: it is too large"),
        ("READ: src/wide.rs:1-1", "`src/wide.rs`: cannot be shown: it is too large"),
        ("READ: src/binary.rs:1-2", "`src/binary.rs`: cannot be shown: it is binary"),
    ] {
        assert_eq!(look(&fixture, &mut context, asked, 4000).answers(false), [answer], "{asked}");
    }
    let unsearched = "not searched: not UTF-8: src/latin.rs; too large: src/wide.rs; lock files: 1; secrets, by their names: 1";
    let in_src = "not searched: not UTF-8: src/latin.rs; too large: src/wide.rs";
    for (asked, expect) in [
        ("FIND: needle", vec!["FIND: needle: no hits in what was searched", unsearched]),
        (
            "FIND: /needle/ in src/*.rs",
            vec!["FIND: /needle/ in src/*.rs: no hits in what was searched", in_src],
        ),
        (
            "FIND: needle in *.png",
            vec!["FIND: needle in *.png: no hits, for no file that matches can be searched"],
        ),
        ("FIND: needle in src/a.rs", vec!["FIND: needle in src/a.rs: no hits"]),
        (
            "FIND: needle in nosuch/",
            vec!["FIND: needle in nosuch/: no hits, for no file matches that pattern"],
        ),
        ("USES: needle", vec!["USES: needle: no hits in what was searched", unsearched]),
        ("DEFINE: needle", vec!["DEFINE: needle: the name is nowhere in what was searched", unsearched]),
        // Once an answer.
        (
            "DEFINE: pin\nUSES: pin\nFIND: pin in src/",
            vec![
                "DEFINE: pin: the name is nowhere in what was searched",
                "USES: pin: no hits in what was searched",
                "FIND: pin in src/: no hits in what was searched",
                unsearched,
            ],
        ),
    ] {
        assert_eq!(look(&fixture, &mut context, asked, 4000).answers(false), expect, "{asked}");
    }
}

/// A file of so many functions.
fn large(count: usize) -> String {
    (0..count).map(|n| format!("fn f{n}() {{\n    let a = {n};\n}}\n\n")).collect::<Vec<_>>().concat()
}

#[test]
fn the_same_lines_are_never_sent_twice() {
    let text = large(500);
    let fixture = Fixture::text([("src/a.rs", "fn a() {}\n"), ("src/large.rs", text.as_str())]);
    let mut context = one_read(&fixture);
    let shown = |found: &Found| match found.files.as_slice() {
        [(_, Shown::Lines(lines))] => lines.clone(),
        other => panic!("{other:?}"),
    };
    let found = look(&fixture, &mut context, "READ: src/large.rs:101-110", 5000);
    assert_eq!(found.answers(false), ["`src/large.rs`: added, lines 101-110 of 2000"]);
    assert_eq!(shown(&found), [(101, 110)]);
    let found = look(&fixture, &mut context, "READ: src/large.rs:95-120", 5000);
    assert_eq!(shown(&found), [(95, 100), (111, 120)]);
    assert_eq!(context.read.get(&path("src/large.rs")).unwrap().shown, Shown::Lines(vec![(95, 120)]));
    // All of it, in as many parts as it takes.
    let mut lines = 26;
    for _ in 0..40 {
        let found = look(&fixture, &mut context, "READ: src/large.rs", 5000);
        if let [(_, Shown::Lines(ranges))] = found.files.as_slice() {
            lines += ranges.iter().map(|(first, last)| last + 1 - first).sum::<usize>();
            assert!(found.is_new);
        }
    }
    assert_eq!(lines, 2000);
    assert_eq!(context.read.get(&path("src/large.rs")).unwrap().shown, Shown::Whole);
    let found = look(&fixture, &mut context, "READ: src/large.rs\nREAD: src/large.rs:5-9", 5000);
    assert!(!found.is_new && found.files.is_empty(), "{found:?}");
}

#[test]
fn hits_are_told_with_their_lines_and_do_not_join_the_read_set() {
    let fixture = Fixture::text([
        ("src/a.rs", "fn a() {}\n// the needle\n"),
        ("src/b.rs", "let needle = 1;\n    needle();\nneedles();\n"),
        ("docs/b.md", "A Needle.\n"),
        ("vendor/x.rs", "needle\n"),
        ("Cargo.lock", "needle\n"),
        (".env", "needle\n"),
    ]);
    let mut context = one_read(&fixture);
    for (asked, answer) in [
        (
            "FIND: needle",
            "FIND: needle: 5 hits in 3 files\nsrc/b.rs: lines 1, 2, 3, which you have\nsrc/a.rs:2: // the needle\n\
             vendor/x.rs:1: needle",
        ),
        ("FIND: needle", "FIND: needle: you asked for that before; the answer is above"),
        (
            "FIND: /(?i)need.e/ in *.md, src/b.rs",
            "FIND: /(?i)need.e/ in *.md, src/b.rs: 4 hits in 2 files\nsrc/b.rs: lines 1, 2, 3, which you have\n\
             docs/b.md:1: A Needle.",
        ),
        (
            "USES: needle",
            "USES: needle: 3 hits in 3 files\nsrc/b.rs: lines 2, which you have\nsrc/a.rs: lines 2, which \
             you have\nvendor/x.rs: lines 1, which you have",
        ),
        ("FIND: nowhere at all", "FIND: nowhere at all: no hits in what was searched"),
        ("FIND: /needle/ in *.zig", "FIND: /needle/ in *.zig: no hits, for no file matches that pattern"),
    ] {
        assert_eq!(look(&fixture, &mut context, asked, 4000).answers(false)[0], answer, "{asked}");
    }
    assert_eq!(context.read.len(), 1);
}

#[test]
fn a_name_is_found_where_it_is_defined() {
    let fixture = Fixture::text([
        ("src/a.rs", "fn a() {}\n"),
        (
            "src/clock.py",
            "LIMIT = 3\n\n\nclass Clock:\n    def wind(self, n):\n        return n\n\n\nclass Toy:\n    def wind(self):\n        pass\n",
        ),
        ("src/use.py", "from clock import Clock, LIMIT\n\nClock().wind(LIMIT)\n"),
        ("lib/wind.go", "package lib\n\nfunc (c *Clock) Wind(n int) error {\n\treturn nil\n}\n"),
    ]);
    let mut context = one_read(&fixture);
    for (asked, answer) in [
        ("DEFINE: Clock", "DEFINE: Clock: \nsrc/clock.py:4-6: class Clock"),
        (
            "DEFINE: `wind()`",
            "DEFINE: wind: \nsrc/clock.py:5-6: def wind(self, n)\nsrc/clock.py:10-11: def wind(self)",
        ),
        ("DEFINE: Clock.wind", "DEFINE: Clock.wind: \nsrc/clock.py:5-6: def wind(self, n)"),
        ("DEFINE: Wind", "DEFINE: Wind: \nlib/wind.go:3-5: func (c *Clock) Wind(n int) error"),
        ("DEFINE: LIMIT", "DEFINE: LIMIT: \nsrc/clock.py:1: LIMIT = 3"),
        ("DEFINE: nothing", "DEFINE: nothing: the name is nowhere in the repository"),
        ("DEFINE: clock", "DEFINE: clock: no definition found; the name is in 1 line, ask for it with USES"),
        (
            "DEFINE: two words",
            "DEFINE: two words: not searched: that is not a name; use FIND for any other text",
        ),
    ] {
        assert_eq!(look(&fixture, &mut context, asked, 4000).answers(false), [answer], "{asked}");
    }
    for (name, last, front) in [
        ("a", "a", None),
        ("a.b", "b", Some("a")),
        ("x::a::b", "b", Some("a")),
        ("a->b()", "b", Some("a")),
        ("A#b", "b", Some("A")),
    ] {
        assert_eq!((last_part(name), qualifier(name)), (last, front), "{name}");
    }
}

#[test]
fn a_folder_is_listed() {
    let names: Vec<String> = (0..300).map(|n| format!("many/file{n:03}.txt")).collect();
    let files = [("src/a.rs", "fn a() {}\n"), ("src/x/b.rs", ""), ("src/x/c.rs", ""), ("src/.env", "A=1\n")];
    let fixture = Fixture::text(files.into_iter().chain(names.iter().map(|name| (name.as_str(), "x\n"))));
    let mut context = one_read(&fixture);
    for (asked, answer) in [
        (
            "LIST: src/",
            "LIST: src/: \nx/ (2 files)\na.rs\nnot listed: a file whose name says that it holds secrets",
        ),
        ("LIST: .", "LIST: /: \nmany/ (300 files)\nsrc/ (4 files)"),
        ("LIST: src/a.rs", "LIST: src/a.rs/: is a file; ask for it as `READ: src/a.rs`"),
        ("LIST: nowhere", "LIST: nowhere/: there is no such folder"),
        ("LIST: ../", "LIST: ../: there is no such folder"),
    ] {
        assert_eq!(look(&fixture, &mut context, asked, 4000).answers(false), [answer], "{asked}");
    }
    let many = look(&fixture, &mut context, "LIST: many", 9000).answers(false).remove(0);
    assert!(
        many.ends_with("\nfile199.txt\nnot listed: 100 more names; ask again for more of them"),
        "{many}"
    );
    let rest = look(&fixture, &mut context, "LIST: many", 9000);
    assert!(rest.is_new && !rest.is_left_out);
    let rest = rest.answers(false).remove(0);
    assert!(rest.starts_with("LIST: many/: \nfile200.txt\n") && rest.ends_with("\nfile299.txt"), "{rest}");
    let again = look(&fixture, &mut context, "LIST: many", 9000);
    assert_eq!(again.answers(false), ["LIST: many/: you asked for that before; the answer is above"]);
    assert!(!again.is_new && !again.is_left_out && !again.is_had);
}

#[test]
fn what_matches_everything_or_is_too_much_has_a_bounded_answer() {
    let line = format!("x{}needle{}", "y".repeat(400_000), "z".repeat(500_000));
    let files: Vec<(String, String)> =
        (0..200).map(|n| (format!("src/f{n:03}.rs"), "let one = 1;\n".repeat(40))).collect();
    let files = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let fixture = Fixture::text(files.chain([("src/a.rs", "fn a() {}\n"), ("src/wide.txt", line.as_str())]));
    let mut context = one_read(&fixture);
    let long = "a".repeat(300);
    for (asked, begins) in [
        ("FIND: /.*/", "FIND: /.*/: not searched: the expression matches an empty text, so every line"),
        ("FIND: /(/", "FIND: /(/: not searched: "),
        (
            "FIND: /([a-z]{999}){999}/",
            "FIND: /([a-z]{999}){999}/: not searched: the expression is too large: use `[a-z_]` for `\\w`, or no `{m,n}`",
        ),
        (&format!("FIND: {long}"), &format!("FIND: {}…: not searched: it has more", &long[..114])),
        (&format!("USES: {long}"), &format!("USES: {}…: not searched: it has more", &long[..114])),
        ("FIND: /./", "FIND: /./: 8002 hits in 202 files\n"),
        ("FIND: needle", "FIND: needle: 1 hit\nsrc/wide.txt:1: …yyyy"),
    ] {
        let found = look(&fixture, &mut context, asked, 30_000);
        assert!(found.answers(false)[0].starts_with(begins), "{asked}: {}", found.answers(false)[0]);
        assert!(found.answers(false)[0].len() < 9_000, "{asked}: {} bytes", found.answers(false)[0].len());
    }
    let all = look(&fixture, &mut context, "FIND: /one|two/", 30_000).answers(false).remove(0);
    assert!(
        all.contains("\nnot listed: ") && all.contains(" more files; ask again for more of them"),
        "{all}"
    );
    // With no room there is still an answer.
    let none = look(&fixture, &mut context, "FIND: let\nLIST: src\nDEFINE: a\nREAD: src/wide.txt", 0);
    assert_eq!(none.answers(false).len(), 4);
    assert_eq!(none.files, []);
}

#[test]
fn no_expression_holds_the_search_up() {
    let text = "a".repeat(1 << 20);
    let fixture = Fixture::text([
        ("src/a.rs", "fn a() {}\n"),
        ("src/b.rs", text.as_str()),
        ("src/c.rs", text.as_str()),
    ]);
    let mut context = one_read(&fixture);
    for pattern in [
        "(a+)+$b",
        "(a|aa)+b",
        "(.*)*x",
        "([a-z]{1,30}){1,30}!",
        "a{0,900}b",
        "(?i)(\\w+\\s?)+;",
        "(\\w{1,99}){1,9}!",
    ] {
        let started = Instant::now();
        let found = look(&fixture, &mut context, &format!("FIND: /{pattern}/"), 4000);
        assert!(started.elapsed() < Duration::from_secs(30), "{pattern}: {:?}", started.elapsed());
        assert_eq!(found.answers(false).len(), 1);
    }
}

#[test]
fn a_secret_is_neither_shown_nor_to_be_guessed() {
    let token = format!("ghp_{}", "A1b2C3d4E5".repeat(4));
    let key = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}-----END RSA PRIVATE KEY-----\n",
        "MIIEvQIBADANBgkqhkiG9w0BAQE\n".repeat(20)
    );
    let text = format!("def wind(t=\"{token}\"): pass\n{key}def other(): pass\n");
    let fixture = Fixture::text([("src/a.rs", "fn a() {}\n"), ("src/b.py", text.as_str())]);
    let mut context = one_read(&fixture);
    for asked in [
        "FIND: ghp_A1",
        "FIND: /ghp_A1b2/",
        "FIND: /^MIIE/",
        "FIND: /wind/",
        "USES: t",
        "DEFINE: wind",
        "FIND: /def /",
    ] {
        let answer = look(&fixture, &mut context, asked, 4000).answers(false).remove(0);
        let said = answer.strip_prefix(asked).unwrap();
        assert!(!said.contains("A1b2") && !said.contains("MIIE"), "{asked}: {answer}");
        if asked.contains("ghp_") || asked.contains("MIIE") {
            assert_eq!(said, ": no hits");
        }
    }
}

#[test]
fn a_repository_without_definitions_has_an_answer() {
    let fixture =
        Fixture::text([("src/a.rs", "// a\n"), ("data/x.json", "{\"needle\": 1}\n"), ("n.md", "needle\n")]);
    let mut context = one_read(&fixture);
    assert_eq!(
        look(&fixture, &mut context, "DEFINE: needle", 4000).answers(false),
        ["DEFINE: needle: no definition found; the name is in 2 lines, ask for them with USES"]
    );
}

#[test]
fn what_may_be_meant_is_told_where_there_are_no_hits() {
    let fixture =
        Fixture::text([("src/a.rs", "fn a() {}\n"), ("src/b.py", "class Fox:\n    pass\n\n\nbaz = Fox()\n")]);
    let mut context = one_read(&fixture);
    for (asked, answer) in [
        ("FIND: Fox|baz", "FIND: Fox|baz: no hits\nas a regular expression: `FIND: /Fox|baz/` has 2 hits"),
        (
            "FIND: \"fox\" in src/",
            "FIND: fox in src/: no hits\nwhere only letter case differs: `FIND: /fox/i in src/` has 2 hits",
        ),
        (
            "FIND: /fox:$/",
            "FIND: /fox:$/: no hits\nwhere only letter case differs: `FIND: /fox:$/i` has 1 hit",
        ),
        ("FIND: /fix/i", "FIND: /fix/i: no hits"),
        (
            "DEFINE: BAZ",
            "DEFINE: BAZ: the name is nowhere in the repository\nwhere only letter case differs: `FIND: /\\bBAZ\\b/i` has 1 hit",
        ),
        ("USES: BA", "USES: BA: no hits"),
        ("USES: baz", "USES: baz: no hits but for the lines that define it"),
    ] {
        assert_eq!(look(&fixture, &mut context, asked, 4000).answers(false), [answer], "{asked}");
    }
}

#[test]
fn usual_expressions_are_searched() {
    let text = "def fox(a, b):\n    self.a = b.c(d)\n    raise ValueError\nclass Tod(Fox, Red):\n# the fox, größer\n";
    let fixture = Fixture::text([("src/a.rs", "fn a() {}\n"), ("src/b.py", text)]);
    let mut context = one_read(&fixture);
    for (pattern, hits) in [
        (r"/def \w+\(.{0,80}\)/", "1 hit"),
        (r"/\w{1,30}Error/", "1 hit"),
        (r"/\bself\.\w+\s*=\s*\w+\.\w+\(\w*\)/i", "1 hit"),
        (r"/(?i)class\s+\w+\s*\(\w+(,\s*\w+)*\):/", "1 hit"),
        (r"/.{0,100}fox.{0,100}/", "2 hits in 1 file"),
        (r"/fox, gr.{2}er|([x\W]\w{150}){20}/", "1 hit"),
    ] {
        let answer = look(&fixture, &mut context, &format!("FIND: {pattern}"), 4000).answers(false).remove(0);
        assert!(answer.contains(&format!(": {hits}\n")), "{pattern}: {answer}");
    }
}

/// A round whose requests are for more than there is room for.
#[test]
fn the_tokens_of_a_round_are_shared() {
    let long = large(300);
    let short = large(20);
    let many = "x = needle\n".repeat(50);
    let fixture = Fixture::text([
        ("src/a.rs", "fn a() {}\n"),
        ("src/long.rs", long.as_str()),
        ("src/second.rs", long.as_str()),
        ("src/short.rs", short.as_str()),
        ("lib/many.py", many.as_str()),
    ]);
    let whole = crate::context::tokens::estimate(&long) + 24;
    // The short one is not left out for the long one that is asked for first, nor is the second cut to a shred.
    let mut context = one_read(&fixture);
    let all = "READ: src/long.rs\nREAD: src/second.rs\nREAD: src/short.rs";
    let found = look(&fixture, &mut context, all, whole + whole / 4);
    assert_eq!(
        found.answers(false),
        [
            "`src/long.rs`: added, whole",
            "`src/second.rs`: it does not fit beside the others; the file has 1200 lines; ask again, for it alone or for a \
             part of it as `READ: src/second.rs:FROM-TO`",
            "`src/short.rs`: added, whole",
        ]
    );
    assert!(!found.answers(true)[1].contains("ask again"));
    assert!(found.is_new && found.is_left_out);
    let found = look(&fixture, &mut context, all, whole + whole / 4);
    assert_eq!(found.answers(false)[1], "`src/second.rs`: added, whole");
    assert!(!found.is_left_out);
    // What fits in part is worth reading, where it is the only one.
    let mut context = one_read(&fixture);
    let found = look(&fixture, &mut context, "READ: src/long.rs", whole / 2);
    assert!(found.answers(false)[0].contains("; the rest does not fit; ask for what you need"), "{found:?}");
    // What files and short answers do not need goes to a long one.
    let mut context = one_read(&fixture);
    let found = look(&fixture, &mut context, "FIND: nowhere\nFIND: needle\nUSES: a\nLIST: /", 1200);
    assert!(!found.answers(false)[1].contains("not listed"), "{:?}", found.answers(false));
    // And it is a third at least.
    let mut context = one_read(&fixture);
    let found = look(&fixture, &mut context, "READ: src/long.rs\nFIND: needle", 900);
    assert!(found.answers(false)[1].contains("lib/many.py:9: "), "{:?}", found.answers(false));
    assert!(found.answers(false)[1].ends_with("; ask again for more of them, or look for less"), "{found:?}");
    // Nothing of it is lost, and nothing is told twice.
    let mut lines = found.answers(false)[1].matches("x = needle").count();
    for _ in 0..9 {
        let found = look(&fixture, &mut context, "FIND: needle", 300);
        lines += found.answers(false)[0].matches("x = needle").count();
        assert!(found.is_new || !found.is_left_out);
    }
    assert_eq!(lines, 50);
}

#[test]
fn what_was_answered_before_takes_nobodys_place() {
    let names: Vec<String> = (0..30).map(|n| format!("src/f{n:02}.rs")).collect();
    let files = names.iter().map(|name| (name.as_str(), "fn f() {}\n"));
    let fixture = Fixture::text(files.chain([("src/a.rs", "fn a() {}\n")]));
    let mut context = one_read(&fixture);
    let read = |range: std::ops::Range<usize>| {
        names[range].iter().map(|name| format!("READ: {name}\n")).collect::<Vec<_>>().concat()
    };
    let found = look(&fixture, &mut context, &read(0..12), 9000);
    assert_eq!(
        found.answers(false)[10..],
        ["2 more requests of that answer were not looked at: at most 10 are, each time; ask for them again"]
    );
    assert_eq!(found.asked, names[..10]);
    let found = look(&fixture, &mut context, &read(0..12), 9000);
    assert_eq!(found.answers(false)[10..], ["`src/f10.rs`: added, whole", "`src/f11.rs`: added, whole"]);
    assert!(found.is_new && !found.is_left_out && !found.is_had);
    let found = look(&fixture, &mut context, &read(0..12), 9000);
    assert_eq!(found.answers(false)[10..], ["2 more requests of that answer were answered before"]);
    assert!(!found.is_new && !found.is_left_out);
    let found = look(&fixture, &mut context, &read(0..10), 9000);
    assert!(found.is_had);
    let found = look(&fixture, &mut context, "READ: ../x, src/a.rs\nFIND: f", 9000);
    assert_eq!((found.asked, found.searches), (vec!["../x".to_owned(), "src/a.rs".to_owned()], 1));
}
