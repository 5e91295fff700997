//! What a change must not change: the bytes around it, the mode, the neighbors.

use crate::world::{Model, World, blocks};

/// Commits `before`, has its line `old` replaced by `new`, and returns the file's bytes on the branch.
fn replaced(world: &World, before: &[u8]) -> Vec<u8> {
    world.commit("repo", &[("a.txt", before)]);
    let issue = world.file("issue.md", "#1 Replace old by new\n\nIn a.txt.\n");
    let model = Model::saying(&[&blocks(&[("a.txt", "old", "new\nnewer")])]);
    model.solve(world, &issue, &[], &[]).done();
    model.finish();
    world.git_bytes("repo", &["cat-file", "blob", "ai-agent/issue-1:a.txt"], b"")
}

#[test]
fn line_ends_byte_order_mark_and_missing_last_line_end_survive() {
    for (before, after) in [
        (&b"one\nold\ntwo\n"[..], &b"one\nnew\nnewer\ntwo\n"[..]),
        (b"one\r\nold\r\ntwo\r\n", b"one\r\nnew\r\nnewer\r\ntwo\r\n"),
        (b"\xef\xbb\xbfold\ntwo\n", b"\xef\xbb\xbfnew\nnewer\ntwo\n"),
        (b"\xef\xbb\xbfone\r\nold", b"\xef\xbb\xbfone\r\nnew\r\nnewer"),
        (b"one\nold", b"one\nnew\nnewer"),
        (b"one\r\nmixed\nold\r\ntwo\n", b"one\r\nmixed\nnew\r\nnewer\r\ntwo\n"),
        (b"tab\there \nold\n\n\n\n", b"tab\there \nnew\nnewer\n\n\n\n"),
    ] {
        let world = World::new();
        world.init("repo");
        let found = replaced(&world, before);
        assert_eq!(found, after, "{:?}", String::from_utf8_lossy(before));
        assert_eq!(world.git("repo", &["fsck", "--strict"]), "");
    }
}

#[test]
fn the_executable_bit_and_the_neighbours_survive() {
    let world = World::new();
    world.init("repo");
    let latin = b"gr\xfc\xdfe\n";
    world.commit(
        "repo",
        &[("run.sh", &b"#!/bin/sh\necho old\n"[..]), ("latin.txt", latin), ("bin.dat", b"\0\x01\x02")],
    );
    world.git("repo", &["update-index", "--chmod=+x", "run.sh"]);
    std::os::unix::fs::symlink("run.sh", world.path("repo/link")).unwrap();
    world.git("repo", &["add", "link"]);
    world.git("repo", &["commit", "-q", "-m", "Mode"]);
    let issue = world.file("issue.md", "#1 Say new\n");
    let model = Model::saying(&[&blocks(&[("run.sh", "echo old", "echo new")])]);
    model.solve(&world, &issue, &[], &[]).done();
    model.finish();

    let raw = world.git("repo", &["diff", "--raw", "--abbrev=4", "main", "ai-agent/issue-1"]);
    let fields: Vec<&str> = raw.split_whitespace().collect();
    assert_eq!(
        (fields[0], fields[1], fields[4], fields[5], fields.len()),
        (":100755", "100755", "M", "run.sh", 6)
    );
}

#[test]
fn files_are_made_moved_and_deleted() {
    let world = World::new();
    world.init("repo");
    world
        .commit("repo", &[("src/old.py", "x = 1\n"), ("src/gone.py", "y = 2\n"), ("src/kept.py", "z = 3\n")]);
    world.git("repo", &["update-index", "--chmod=+x", "src/old.py"]);
    world.git("repo", &["commit", "-q", "-m", "Mode"]);
    let issue = world.file("issue.md", "#1 Sort the files\n");
    let reply = "TITLE: Sort the files\nSUMMARY:\nSorted.\n\nDELETE: src/gone.py\nRENAME: src/old.py -> lib/new.py\n\
                 WRITE: docs/notes.md\n```\n# Notes\n```\n";
    let model = Model::saying(&[reply]);
    model.solve(&world, &issue, &[], &[]).done();
    model.finish();
    assert_eq!(
        world.git("repo", &["ls-tree", "-r", "--format=%(objectmode) %(path)", "ai-agent/issue-1"]),
        "100644 docs/notes.md\n100755 lib/new.py\n100644 src/kept.py"
    );
    assert_eq!(world.at("ai-agent/issue-1", "docs/notes.md"), "# Notes\n");
    assert_eq!(world.git("repo", &["fsck", "--strict"]), "");
}
