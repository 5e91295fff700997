//! The whole way from a tree to a context, over small repositories built in a temporary folder.

use gix::ObjectId;
use gix::objs::tree::{Entry, EntryKind};
use tempfile::TempDir;

use super::history::History;
use super::index::{Index, IndexError};
use super::pack::{self, Budget, Chosen, Context};
use super::query::Query;
use super::role::{Omission, Role};
use super::walk::{self, Caps, Walk, WalkError};
use crate::context::read_set::{FileMode, Shown};
use crate::parser::Parsers;
use crate::path::RepoPath;

/// A bare repository with one tree.
pub(crate) struct Fixture {
    _folder: TempDir,
    pub(crate) repo: gix::Repository,
    pub(crate) tree: ObjectId,
}

impl Fixture {
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let (folder, repo) = empty();
        let mut editor = repo.empty_tree().edit().unwrap();
        for (path, content) in files {
            let kind = if path.starts_with("bin/") { EntryKind::BlobExecutable } else { EntryKind::Blob };
            editor.upsert(path, kind, repo.write_blob(content).unwrap()).unwrap();
        }
        let tree = editor.write().unwrap().detach();
        drop(editor);
        Self { _folder: folder, repo, tree }
    }

    /// A repository with entries that are not all files.
    pub(super) fn with_entries(entries: &[(&str, EntryKind, &[u8])]) -> Self {
        let (folder, repo) = empty();
        let mut editor = repo.empty_tree().edit().unwrap();
        for (path, kind, content) in entries {
            editor.upsert(*path, *kind, repo.write_blob(content).unwrap()).unwrap();
        }
        let tree = editor.write().unwrap().detach();
        drop(editor);
        Self { _folder: folder, repo, tree }
    }

    pub(super) fn text<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::new(files.into_iter().map(|(path, text)| (path, text.as_bytes())))
    }

    pub(crate) fn walk(&self) -> Walk {
        walk::walk(&self.repo, self.tree, &Caps::default()).unwrap()
    }

    pub(super) fn index(&self, walk: &Walk, query: &Query) -> Result<Index, IndexError> {
        self.index_within(walk, query, &Caps::default())
    }

    fn index_within(&self, walk: &Walk, query: &Query, caps: &Caps) -> Result<Index, IndexError> {
        let parsers = Parsers::of_this_program();
        Index::build(&self.repo.clone().into_sync(), walk, &History::default(), query, caps, parsers)
    }

    /// The ranked paths.
    pub(super) fn rank(&self, title: &str, body: &str) -> Vec<String> {
        let (walk, query) = (self.walk(), Query::new(title, body));
        let index = self.index(&walk, &query).unwrap();
        index.ranked(&walk, &query).into_iter().map(|ranked| ranked.path.to_string()).collect()
    }

    pub(super) fn pack(&self, title: &str, body: &str, budget: Budget) -> Context {
        let (walk, query) = (self.walk(), Query::new(title, body));
        let index = self.index(&walk, &query).unwrap();
        pack::pack(&self.repo, walk, index, query, Caps::default(), budget)
    }
}

fn empty() -> (TempDir, gix::Repository) {
    let folder = tempfile::tempdir().unwrap();
    gix::init_bare(folder.path()).unwrap();
    let repo = gix::open_opts(folder.path(), gix::open::Options::isolated()).unwrap();
    (folder, repo)
}

fn raw_tree(repo: &gix::Repository, mut entries: Vec<(&[u8], EntryKind, ObjectId)>) -> ObjectId {
    entries.sort_by_key(|(name, kind, _)| {
        let mut key = name.to_vec();
        if *kind == EntryKind::Tree {
            key.push(b'/');
        }
        key
    });
    let entries = entries
        .into_iter()
        .map(|(name, kind, oid)| Entry { mode: kind.into(), filename: name.into(), oid })
        .collect();
    repo.write_object(gix::objs::Tree { entries }).unwrap().detach()
}

pub(super) fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

#[test]
fn the_walk_lists_files_with_modes_and_reasons() {
    let (_folder, repo) = empty();
    let blob = repo.write_blob(b"x").unwrap().detach();
    let inner =
        raw_tree(&repo, vec![(b"a.rs", EntryKind::Blob, blob), (b"run", EntryKind::BlobExecutable, blob)]);
    let tree = raw_tree(
        &repo,
        vec![
            (b"src", EntryKind::Tree, inner),
            (b"src.txt", EntryKind::Blob, blob),
            (b"link", EntryKind::Link, blob),
            (b"module", EntryKind::Commit, blob),
            (b"new\nline.rs", EntryKind::Blob, blob),
            (b"esc\x1b[31m.rs", EntryKind::Blob, blob),
            (b"latin\xe9.rs", EntryKind::Blob, blob),
            (b"back\\slash.rs", EntryKind::Blob, blob),
        ],
    );
    let walk = walk::walk(&repo, tree, &Caps::default()).unwrap();
    let listed: Vec<_> =
        walk.entries().iter().map(|entry| (entry.path.as_str(), entry.mode, entry.role)).collect();
    assert_eq!(
        listed,
        [
            ("link", FileMode::Regular, Err(Omission::Symlink)),
            ("module", FileMode::Regular, Err(Omission::Submodule)),
            ("src.txt", FileMode::Regular, Ok(Role::Document)),
            ("src/a.rs", FileMode::Regular, Ok(Role::Source)),
            ("src/run", FileMode::Executable, Ok(Role::Config)),
        ]
    );
    assert_eq!(
        walk.left_out().into_iter().collect::<Vec<_>>(),
        [(Omission::Submodule, 1), (Omission::Symlink, 1), (Omission::UnusablePath, 4)]
    );
    for (name, exists) in
        [("src", true), ("src/a.rs", true), ("link", true), ("sr", false), ("src/b.rs", false)]
    {
        assert_eq!(walk.exists(&path(name)), exists, "{name}");
    }
}

#[test]
fn documentation_that_a_program_wrote_is_left_out() {
    let (_folder, repo) = empty();
    let blob = repo.write_blob(b"x").unwrap().detach();
    let file = |name: &'static str| (name.as_bytes(), EntryKind::Blob, blob);
    let deep = raw_tree(&repo, vec![file("A.html"), file("A.java"), file("logo.png")]);
    let top = [file("element-list"), file("help-doc.html"), file("index-all.html")];
    let javadoc = raw_tree(&repo, [&top[..], &[(b"org", EntryKind::Tree, deep)]].concat());
    // One name alone is somebody's own page.
    let own = raw_tree(&repo, vec![file("help-doc.html"), file("index.html"), file("objects.inv")]);
    let tree = raw_tree(
        &repo,
        vec![(b"api", EntryKind::Tree, javadoc), (b"site", EntryKind::Tree, own), file("index-all.html")],
    );
    let walk = walk::walk(&repo, tree, &Caps::default()).unwrap();
    let left: Vec<_> =
        walk.entries().iter().filter(|entry| entry.role.is_ok()).map(|entry| entry.path.as_str()).collect();
    assert_eq!(
        left,
        [
            "api/element-list",
            "api/org/A.java",
            "index-all.html",
            "site/help-doc.html",
            "site/index.html",
            "site/objects.inv"
        ]
    );
    assert_eq!(walk.left_out()[&Omission::Generated], 3);
}

/// A tree of 10^7 paths in eight objects.
#[test]
fn a_tree_that_names_more_paths_than_it_has_objects_is_refused() {
    let (_folder, repo) = empty();
    let blob = repo.write_blob(b"x").unwrap().detach();
    let names: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let mut tree =
        raw_tree(&repo, names.iter().map(|name| (name.as_bytes(), EntryKind::Blob, blob)).collect());
    for _ in 0..6 {
        tree = raw_tree(&repo, names.iter().map(|name| (name.as_bytes(), EntryKind::Tree, tree)).collect());
    }
    let caps = Caps { paths: 20_000, ..Caps::default() };
    assert!(matches!(walk::walk(&repo, tree, &caps), Err(WalkError::TooManyPaths(20_000))));
    let hurried = Caps { time: std::time::Duration::ZERO, ..Caps::default() };
    assert!(matches!(walk::walk(&repo, tree, &hurried), Err(WalkError::TooSlow(_))));
}

/// Folders within folders without end stop at the deepest path that is usable.
#[test]
fn folders_deeper_than_a_path_may_be_are_left_out() {
    let (_folder, repo) = empty();
    let blob = repo.write_blob(b"x").unwrap().detach();
    let mut tree = raw_tree(&repo, vec![(b"f.rs", EntryKind::Blob, blob)]);
    for _ in 0..200 {
        tree = raw_tree(&repo, vec![(b"d", EntryKind::Tree, tree), (b"f.rs", EntryKind::Blob, blob)]);
    }
    let walk = walk::walk(&repo, tree, &Caps::default()).unwrap();
    assert_eq!(walk.entries().len(), 64);
    assert_eq!(walk.left_out().into_iter().collect::<Vec<_>>(), [(Omission::UnusablePath, 2)]);
}

#[test]
fn content_decides_what_the_path_leaves_open() {
    let minified = format!("var a={};", "x+".repeat(4000));
    let files: Vec<(&str, &[u8])> = vec![
        ("a.rs", b"fn a() {}\n"),
        ("binary.rs", b"fn\0a"),
        ("bom.rs", b"\xef\xbb\xbffn bom() {}\n"),
        ("generated.go", b"// Code generated by stringer; DO NOT EDIT.\npackage a\n"),
        ("marked.js", b"/**\n * @generated\n */\n"),
        ("mentions.py", b"x = 'this is generated: do not edit'\n"),
        ("latin.rs", b"// caf\xe9\n"),
        ("model.bin2", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        ("app.js", minified.as_bytes()),
    ];
    let fixture = Fixture::new(files);
    let (walk, query) = (fixture.walk(), Query::new("a", ""));
    let index = fixture.index(&walk, &query).unwrap();
    assert_eq!(
        index.left_out().iter().map(|(omission, count)| (*omission, *count)).collect::<Vec<_>>(),
        [
            (Omission::Binary, 1),
            (Omission::Generated, 2),
            (Omission::LfsPointer, 1),
            (Omission::Minified, 1),
            (Omission::NotUtf8, 1),
        ]
    );
    let ranked = index.ranked(&walk, &query);
    let mut paths: Vec<&str> = ranked.iter().map(|ranked| ranked.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["a.rs", "bom.rs", "mentions.py"]);
}

#[test]
fn a_file_over_the_cap_is_left_out_and_one_at_the_cap_is_not() {
    let fixture = Fixture::text([("at.rs", "1234"), ("over.rs", "12345")]);
    let caps = Caps { file_bytes: 4, ..Caps::default() };
    let walk = walk::walk(&fixture.repo, fixture.tree, &caps).unwrap();
    let index = fixture.index_within(&walk, &Query::new("x", ""), &caps).unwrap();
    assert_eq!((index.len(), index.left_out().get(&Omission::TooLarge)), (1, Some(&1)));
}

#[test]
fn a_repository_without_text_has_nothing_to_read() {
    for files in [
        vec![],
        vec![("a.png", b"\x89PNG".as_slice()), ("b.rs", b"\0")],
        vec![("a.go", b"// Code generated by x. DO NOT EDIT.\n".as_slice())],
        vec![("node_modules/a.js", b"a".as_slice()), ("yarn.lock", b"a")],
    ] {
        let fixture = Fixture::new(files);
        let (walk, query) = (fixture.walk(), Query::new("fix", "it"));
        assert_eq!(fixture.index(&walk, &query).map(|_| ()), Err(IndexError::NothingToRead));
    }
}

const RUST: &str = "//! Parses.\npub fn parse_header(text: &str) -> Header {\n    split(text)\n}\n";

fn library() -> Fixture {
    Fixture::text([
        ("README.md", "parse_header parses a header. Header, header, header!\n"),
        ("src/header.rs", RUST),
        ("src/lib.rs", "mod header;\nmod body;\npub use header::parse_header;\n"),
        (
            "src/body.rs",
            "pub fn parse_body(text: &str) -> Body {\n    read(text, \"body ended too early\")\n}\n",
        ),
        ("src/net/client.rs", "pub struct Client {\n    socket: Socket,\n}\n"),
        ("src/net/server.rs", "pub struct Server {\n    socket: Socket,\n}\n"),
        ("tests/header.rs", "fn header() { parse_header(parse_header(parse_header(header))) }\n"),
        ("Cargo.toml", "[package]\nname = \"parser\"\n"),
    ])
}

#[test]
fn what_the_issue_names_comes_first() {
    for (title, body, expect) in [
        ("parse_header drops the last line", "", "src/header.rs"),
        ("parseHeader drops the last line", "", "src/header.rs"),
        ("Fails", "```\nerror: body ended too early\n```", "src/body.rs"),
        ("Timeout", "thread 'main' panicked at src/net/server.rs:12:5", "src/net/server.rs"),
        ("Wrong type", "see https://github.com/o/r/blob/main/src/net/client.rs#L2", "src/net/client.rs"),
        ("headers", "", "src/header.rs"),
    ] {
        assert_eq!(library().rank(title, body)[0], expect, "{title}");
    }
}

#[test]
fn tests_and_prose_come_after_the_sources_that_match() {
    let ranked = library().rank("parse_header drops the last header", "header header");
    assert_eq!(ranked[..2], ["src/header.rs", "src/lib.rs"]);
}

#[test]
fn the_same_input_gives_the_same_ranking() {
    let fixture = library();
    let (walk, query) = (fixture.walk(), Query::new("header body socket", "`parse_body` fails"));
    let ranked = || fixture.index(&walk, &query).unwrap().ranked(&walk, &query);
    let first = ranked();
    for _ in 0..5 {
        assert_eq!(ranked(), first);
    }
}

#[test]
fn odd_issues_still_give_a_ranking() {
    let log = "2026-01-01 12:00:00 ERROR worker-17 failed: socket closed by peer 0x7fff\n".repeat(14_000);
    for (title, body) in [
        ("", ""),
        ("socket", ""),
        ("the", "it is"),
        ("Ошибка в заголовке", "После обновления не работает"),
        ("設定ファイルが読めない", "parse_header が失敗します"),
        ("🙂", "\u{202e}\u{0}\u{7}"),
        ("log", log.as_str()),
    ] {
        assert_eq!(library().rank(title, body).len(), 8, "{title}");
    }
    assert_eq!(library().rank("設定ファイルが読めない", "parse_header が失敗します")[0], "src/header.rs");
}

#[test]
fn small_files_are_read_whole_and_the_rest_is_on_the_map() {
    let context = library().pack("parse_header drops lines", "", Budget { tokens: 4000, files: 2 });
    let read: Vec<_> =
        context.read.iter().map(|(path, file)| (path.as_str(), &file.shown, file.why.as_str())).collect();
    assert_eq!(
        read,
        [
            ("src/header.rs", &Shown::Whole, "defines `parseheader`"),
            ("src/lib.rs", &Shown::Whole, "mentions `header`, `parseheader`, `parse`"),
        ]
    );
    assert_eq!(
        context.map,
        "tests/header.rs\nREADME.md\nsrc/body.rs\n  \
         pub fn parse_body(text: &str) -> Body [1-3]\nsrc/net/client.rs\n  pub struct Client [1-3]\n\
         src/net/server.rs\n  pub struct Server [1-3]\nCargo.toml\n"
    );
}

/// A file of `count` functions, of which one has the word.
fn large(count: usize, at: usize) -> String {
    let function = |n: usize| {
        let word = if n == at { "needle" } else { "hay" };
        format!("/// Number {n}.\nfn f{n}() {{\n    let a = \"{word}\";\n    let b = a;\n}}\n\n")
    };
    (0..count).map(function).collect::<Vec<_>>().concat()
}

#[test]
fn a_large_file_is_read_in_the_parts_that_matter() {
    let text = large(1000, 500);
    let fixture = Fixture::text([("src/large.rs", text.as_str()), ("src/small.rs", "fn small() {}\n")]);
    let context = fixture.pack("The needle is lost", "", Budget { tokens: 2000, files: 5 });
    let file = context.read.get(&path("src/large.rs")).unwrap();
    assert_eq!(file.shown, Shown::Lines(vec![(1, 20), (2996, 3010)]));
    assert_eq!(file.content, text.as_bytes());
    assert_eq!(context.read.get(&path("src/small.rs")).unwrap().shown, Shown::Whole);
}

#[test]
fn a_repository_of_one_huge_file_is_read_in_part_or_refused() {
    for (functions, expect) in [(12_000, true), (30_000, false)] {
        let text = large(functions, 9000);
        let fixture = Fixture::text([("all.rs", text.as_str())]);
        let (walk, query) = (fixture.walk(), Query::new("needle", ""));
        let index = fixture.index(&walk, &query);
        assert_eq!(index.is_ok(), expect, "{} bytes", text.len());
        if let Ok(index) = index {
            let budget = Budget { tokens: 3000, files: 5 };
            let context = pack::pack(&fixture.repo, walk, index, query, Caps::default(), budget);
            let shown = &context.read.get(&path("all.rs")).unwrap().shown;
            let needle = text.lines().position(|line| line.contains("needle")).unwrap() + 1;
            let Shown::Lines(lines) = shown else { panic!("{shown:?}") };
            assert!(
                lines.iter().any(|(first, last)| (*first..=*last).contains(&needle)),
                "{needle}: {lines:?}"
            );
        }
    }
}

#[test]
fn no_part_takes_more_than_the_budget() {
    let text = large(300, 7);
    let names: Vec<String> = (0..30).map(|n| format!("src/part{n}.rs")).collect();
    let agents = "Run the tests.\n".repeat(2000);
    let fixture = Fixture::text(
        names.iter().map(|name| (name.as_str(), text.as_str())).chain([("AGENTS.md", agents.as_str())]),
    );
    for tokens in [0, 50, 500, 5000, 50_000] {
        let context = fixture.pack("needle in part7", "", Budget { tokens, files: 20 });
        assert!(context.spent.total() <= tokens, "{tokens}: {:?}", context.spent);
    }
}

#[test]
fn instructions_are_shown_as_material() {
    let fixture = Fixture::text([
        ("AGENTS.md", "Use tabs.\u{200b}\n"),
        ("CLAUDE.md", "Use tabs.\u{200b}\n"),
        ("CONTRIBUTING.md", "Sign off.\n"),
        ("src/a.rs", "fn a() {}\n"),
    ]);
    let context = fixture.pack("a", "", Budget::default());
    let shown: Vec<_> = context.instructions.iter().map(|i| (i.path.as_str(), i.text.as_str())).collect();
    assert_eq!(shown, [("AGENTS.md", "Use tabs.\n"), ("CONTRIBUTING.md", "Sign off.\n")]);
}

#[test]
fn a_folder_of_very_many_files_is_ranked() {
    let names: Vec<String> = (0..3000).map(|n| format!("data/file{n}.py")).collect();
    let fixture = Fixture::text(
        names
            .iter()
            .map(|name| (name.as_str(), "x = 1\n"))
            .chain([("data/special.py", "def needle(): pass\n")]),
    );
    let ranked = fixture.rank("needle", "");
    assert_eq!((ranked.len(), ranked[0].as_str()), (3001, "data/special.py"));
}

#[test]
fn a_test_of_what_is_likely_is_read_after_the_first_files() {
    let uses = "def wind(spring):\n    # the spring breaks\n    return wind_clock(spring)\n";
    let fixture = Fixture::text([
        ("src/clock.py", "def wind_clock(spring):\n    # the spring breaks\n    return spring\n"),
        ("src/a.py", uses),
        ("src/b.py", uses),
        ("src/c.py", uses),
        ("src/d.py", uses),
        ("tests/test_b.py", "def test_b(): pass\n"),
        ("tests/test_clock.py", "from src.clock import wind_clock\n\ndef test_winding(): wind_clock(1)\n"),
    ]);
    let context = fixture.pack("wind_clock breaks the spring", "", Budget { tokens: 4000, files: 5 });
    let read: Vec<_> = context.read.iter().map(|(path, file)| (path.as_str(), file.why.as_str())).collect();
    let (_, why) = read.iter().find(|(path, _)| *path == "tests/test_clock.py").unwrap();
    assert!(why.starts_with("a test of what likely files define: "), "{why}");
    assert!(read.iter().all(|(path, _)| *path != "tests/test_b.py"), "{read:?}");
}

#[test]
fn what_was_chosen_is_read_first_and_counted() {
    let text = large(60, 7);
    let names: Vec<String> = (0..30).map(|n| format!("src/part{n:02}.rs")).collect();
    let fixture = Fixture::text(names.iter().map(|name| (name.as_str(), text.as_str())));
    let budget = Budget { tokens: 6000, files: 5 };
    let mut context = fixture.pack("needle", "", budget);
    let instructions = context.spent.instructions;
    let chosen = [path("src/part29.rs"), path("src/part17.rs")];
    context.choose(&fixture.repo, Chosen { paths: &chosen, why: "the model chose it" }, budget);
    assert_eq!(context.read.get(&chosen[0]).unwrap().shown, Shown::Whole);
    assert!(context.read.get(&chosen[1]).unwrap().why.starts_with("the model chose it: "));
    assert!(!context.map.contains("src/part29.rs"), "{}", context.map);
    assert_eq!(context.spent.instructions, instructions);
    assert!(context.spent.total() <= budget.tokens, "{:?}", context.spent);
}

#[test]
fn candidates_are_shown_by_name_when_their_definitions_do_not_fit() {
    let context = library().pack("parse_header drops lines", "", Budget::default());
    let all = context.candidates(3, 1000);
    assert_eq!(
        all.text,
        "src/header.rs\n  pub fn parse_header(text: &str) -> Header [1-4]\nsrc/lib.rs\ntests/header.rs\n"
    );
    let names = context.candidates(3, 0);
    assert_eq!(names.paths, all.paths);
    assert_eq!(names.text, all.paths.iter().map(|path| format!("{path}\n")).collect::<Vec<_>>().concat());
}

#[test]
fn reasons_name_no_word_that_says_nothing() {
    let fixture = Fixture::text([
        ("src/a.rs", "// one error in the value of a file\nfn a() {}\n"),
        ("src/b.rs", "fn b() { teapot() }\n"),
    ]);
    let context = fixture.pack("One error", "The value of one teapot file is wrong.", Budget::default());
    let whys: Vec<&str> = context.explained.iter().map(|explained| explained.why.as_str()).collect();
    assert!(whys.contains(&"mentions `teapot`"), "{whys:?}");
    assert!(whys.iter().all(|why| !why.contains("`one`") && !why.contains("`error`")), "{whys:?}");
}
