//! Odd repositories, made by git itself: the true reason is told before a model is paid, or the work is done.

use std::fs;

use crate::bad_input::{COULD_NOT_SOLVE, USAGE, check};
use crate::world::{Model, README, Run, World, blocks, said};

const BRANCH: &str = "ai-agent/issue-7";

/// A run whose model must not be asked.
fn unpaid(world: &World) -> Run {
    let model = Model::saying(&[]);
    let run = model.solve(world, "issue.md", &[], &[]);
    assert!(model.finish().is_empty(), "the model was asked");
    run
}

/// A run whose model wants one change, and insists.
fn wants(world: &World, edit: (&str, &str, &str)) -> Run {
    let answer = blocks(&[edit]);
    Model::saying(&[&answer, &answer]).solve(world, "issue.md", &[], &[])
}

/// Makes the repository again, as `git init` does with these options.
fn init(world: &World, options: &[&str]) {
    fs::remove_dir_all(world.path("repo")).unwrap();
    world.git(".", &[&["init", "-q", "-b", "main"], options, &["repo"]].concat());
    world.commit("repo", &[("README.md", README)]);
}

/// Makes of the repository what `git init --ref-format=reftable` does from 2.45 on, but for the tables
/// (<https://git-scm.com/docs/reftable>): Debian 12 has an older git.
fn convert_to_reftable(world: &World) {
    configure(world, "repositoryformatversion = 1\n[extensions]\n\trefstorage = reftable\n[core]");
    fs::write(world.path("repo/.git/HEAD"), "ref: refs/heads/.invalid\n").unwrap();
    fs::remove_dir_all(world.path("repo/.git/refs")).unwrap();
    fs::create_dir(world.path("repo/.git/refs")).unwrap();
    fs::write(world.path("repo/.git/refs/heads"), "this repository uses the reftable format\n").unwrap();
    fs::create_dir(world.path("repo/.git/reftable")).unwrap();
    fs::write(world.path("repo/.git/reftable/tables.list"), "").unwrap();
}

fn configure(world: &World, lines: &str) {
    let config = world.path("repo/.git/config");
    let known = fs::read_to_string(&config).unwrap();
    fs::write(config, known.replace("repositoryformatversion = 0", lines)).unwrap();
}

/// Removes the object that a file's content is in.
fn forget(world: &World, path: &str) {
    let id = world.git("repo", &["rev-parse", &format!("HEAD:{path}")]);
    let (folder, file) = id.split_at(2);
    fs::remove_file(world.path("repo/.git/objects").join(folder).join(file)).unwrap();
}

/// Commits a tree that lists its entries in another order than git does.
fn unsorted(world: &World) {
    let blob = world.git("repo", &["rev-parse", "HEAD:README.md"]);
    let id: Vec<u8> =
        (0..blob.len()).step_by(2).map(|at| u8::from_str_radix(&blob[at..at + 2], 16).unwrap()).collect();
    let entry = |name: &str| [format!("100644 {name}\0").as_bytes(), &id].concat();
    let bytes = [entry("README.md"), entry("LICENSE")].concat();
    let arguments = ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"];
    let tree = String::from_utf8(world.git_bytes("repo", &arguments, &bytes)).unwrap();
    let commit = world.git("repo", &["commit-tree", "-p", "HEAD", "-m", "Tree", tree.trim_end()]);
    world.git("repo", &["update-ref", "refs/heads/main", &commit]);
}

#[test]
fn what_cannot_work_is_told_before_the_model_is_asked() {
    check(&[
        (
            "SHA-256",
            |world| {
                init(world, &["--object-format=sha256"]);
                unpaid(world)
            },
            USAGE,
            "error: repo is a git repository, but its object ids are SHA256, which is not supported |   \
             Use a repository with SHA-1 ids.",
        ),
        (
            "reftable",
            |world| {
                convert_to_reftable(world);
                unpaid(world)
            },
            USAGE,
            "error: repo is a git repository, but its references are stored as reftable, which is not supported |   \
             Convert them (`git refs migrate --ref-format=files`).",
        ),
        (
            "an extension that nobody knows",
            |world| {
                configure(world, "repositoryformatversion = 1\n[extensions]\n\tfancy = true\n[core]");
                unpaid(world)
            },
            USAGE,
            "error: repo is a git repository, but it uses the extension \"fancy\", which is not supported |   \
             Work on a fresh clone of it.",
        ),
        (
            "a format of the future",
            |world| {
                configure(world, "repositoryformatversion = 2");
                unpaid(world)
            },
            USAGE,
            "error: repo is a git repository, but its format has version 2, and 1 is the newest that is supported |   \
             Work on a fresh clone of it.",
        ),
        (
            "a branch in the way",
            |world| {
                world.git("repo", &["branch", "ai-agent"]);
                unpaid(world)
            },
            COULD_NOT_SOLVE,
            "error: the branch ai-agent is in the way of ai-agent/issue-7, because git keeps no branch inside \
             another one |   Rename it (`git branch -m ai-agent ai-agent-kept`) or delete it, then try again.",
        ),
        (
            "a packed branch in the way",
            |world| {
                world.git("repo", &["branch", "ai-agent"]);
                world.git("repo", &["pack-refs", "--all"]);
                unpaid(world)
            },
            COULD_NOT_SOLVE,
            "error: the branch ai-agent is in the way of ai-agent/issue-7, because git keeps no branch inside \
             another one |   Rename it (`git branch -m ai-agent ai-agent-kept`) or delete it, then try again.",
        ),
        (
            "a branch inside",
            |world| {
                world.git("repo", &["branch", "ai-agent/issue-7/mine"]);
                unpaid(world)
            },
            COULD_NOT_SOLVE,
            "error: the branch ai-agent/issue-7/mine is in the way of ai-agent/issue-7, because git keeps no branch \
             inside another one |   Rename it (`git branch -m ai-agent/issue-7/mine ai-agent-issue-7-mine-kept`) or \
             delete it, then try again.",
        ),
        (
            "a lock that was left behind",
            |world| {
                fs::create_dir_all(world.path("repo/.git/refs/heads/ai-agent")).unwrap();
                world.file("repo/.git/refs/heads/ai-agent/issue-7.lock", "");
                unpaid(world)
            },
            COULD_NOT_SOLVE,
            "error: the branch ai-agent/issue-7 is locked by repo/.git/refs/heads/ai-agent/issue-7.lock |   \
             Wait for the git process that made this file, or delete it if none is running, then try again.",
        ),
        (
            "a lock on all packed branches",
            |world| {
                world.file("repo/.git/packed-refs.lock", "");
                unpaid(world)
            },
            COULD_NOT_SOLVE,
            "error: the branch ai-agent/issue-7 is locked by repo/.git/packed-refs.lock |   Wait for the git process \
             that made this file, or delete it if none is running, then try again.",
        ),
        (
            "a tree that is not sorted",
            |world| {
                unsorted(world);
                unpaid(world)
            },
            USAGE,
            "error: the root folder of the base commit lists its files out of order, so that git finds some of them \
             and not others |   Look at `git fsck`, and commit the folder again with git: rename it, commit, and \
             rename it back.",
        ),
    ]);
}

#[test]
fn what_does_not_matter_is_not_in_the_way() {
    type Change = fn(&World);
    let changes: [(&str, Change); 5] = [
        ("a neighbor that a partial clone lacks", |world| forget(world, "src/station.py")),
        ("locks of other things", |world| {
            for name in ["index.lock", "HEAD.lock", "config.lock", "shallow.lock"] {
                world.file(&format!("repo/.git/{name}"), "");
            }
        }),
        ("extensions that change nothing", |world| {
            let lines = "repositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n\tworktreeConfig = true\n[core]";
            configure(world, lines);
        }),
        ("a branch of a like name", |world| {
            world.git("repo", &["branch", "ai-agent-7"]);
            world.git("repo", &["branch", "ai-agent/issue-70"]);
        }),
        ("a tag of that name", |world| {
            world.git("repo", &["tag", "ai-agent"]);
        }),
    ];
    for (name, change) in changes {
        let world = World::sample();
        world.file("issue.md", crate::world::TYPO);
        let station = world.git("repo", &["rev-parse", "HEAD:src/station.py"]);
        change(&world);
        let run = wants(&world, ("README.md", "A small station that recieves readings.", "A small station."));
        assert_eq!(run.status, Some(0), "{name}: {}", run.stderr);
        assert_eq!(world.at(BRANCH, "README.md"), "# weather\n\nA small station.\n", "{name}");
        assert_eq!(world.git("repo", &["rev-parse", &format!("{BRANCH}:src/station.py")]), station, "{name}");
    }
}

#[test]
fn why_a_file_was_not_changed_is_told_to_people() {
    let edit = |path| (path, "x = 1", "x = 2");
    for (name, content, reason) in [
        ("latin.txt", b"caf\xe9\nx = 1\n".to_vec(), "it is not UTF-8"),
        ("large.txt", b"x = 1\n".repeat(300_000), "it is too large"),
        ("picture.png", b"\0\x01x = 1\n".to_vec(), "it is binary"),
        ("yarn.lock", b"x = 1\n".to_vec(), "it is a lock file"),
        ("gone.txt", b"x = 1\n".to_vec(), "its content is not in the clone"),
    ] {
        let world = World::sample();
        world.file("issue.md", crate::world::TYPO);
        world.commit("repo", &[(name, content)]);
        if name == "gone.txt" {
            forget(&world, name);
        }
        let (status, words) = wants(&world, edit(name)).failure();
        assert_eq!(status, Some(COULD_NOT_SOLVE), "{name}: {words}");
        assert!(words.contains(reason), "{name}: {words}");
        for meant_for_the_model in ["READ:", "SEARCH", "Leave it out", "Ask for it"] {
            assert!(!words.contains(meant_for_the_model), "{name}: {words}");
        }
    }
}

#[test]
fn the_model_is_told_at_once_of_files_that_nobody_can_read() {
    let world = World::sample();
    let issue = "# The values\n\nSet x to 2 in `latin.txt`, \"large.txt\" and ./yarn.lock; `README.md` and gone.txt are fine.\n";
    let issue = world.file("issue.md", issue);
    world.commit(
        "repo",
        &[
            ("latin.txt", b"caf\xe9\nx = 1\n".to_vec()),
            ("large.txt", b"x = 1\n".repeat(300_000)),
            ("yarn.lock", b"x = 1\n".to_vec()),
        ],
    );
    let model = Model::saying(&["CANNOT: `latin.txt` is not UTF-8."]);
    let (status, words) = model.solve(&world, &issue, &[], &[]).failure();
    let requests = model.finish();
    assert_eq!((status, requests.len()), (Some(COULD_NOT_SOLVE), 1), "{words}");
    let first = said(&requests[0]).join("\n");
    let told = "\nlatin.txt: it is not UTF-8\nlarge.txt: it is too large\nyarn.lock: it is a lock file\n";
    assert!(first.contains(told), "{first}");
}
