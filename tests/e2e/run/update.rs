//! `/update`: the base merged into the branch of a pull request, and what is left for a person.

use serde_json::Value;
use tests::github::{CheckKind, Comment, Fault, File, Oid, Permission, Refused, Scene, Stage, Verdict, When};
use tests::model::KEY;

use crate::fix::opened_in;
use crate::harness::{
    EDIT, PLAN, REPO, Run, Story, check_all, hello, offline, seen, without_bill, without_commits,
    without_tokens,
};
use crate::repair::{self, checked};

const BRANCH: &str = "ai-agent/issue-1";
const CONFIG: &str = "config.toml";
const BOT: &str = "ai-agent[bot]";

/// The lines in place of the conflict of [`conflict`].
pub(crate) const SETTLED: &str = "SUMMARY:\nThe sensors need longer than the base gives them.\n\n\
    WRITE: conflict-1\n```toml\ntimeout = 95\n```\n";

fn opened(replies: &[&str]) -> Story {
    Story::new(opened_in(hello()), replies)
}

/// Lets the base have other lines where the branch has changed some.
pub(crate) fn conflict(story: &Story) {
    on_main(story, CONFIG, "port = 8000\ntimeout = 45\n");
}

fn on_main(story: &Story, path: &str, content: &str) {
    story.github.now(|state| state.at(REPO).push_file("dev1", "main", path, content));
}

fn asked(story: &Story) -> Value {
    story.command("update", "dev1", 2, "/update")
}

fn ended(story: &Story, task: &Value) -> Run {
    let run = story.run(task);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    run
}

fn head(story: &Story) -> Oid {
    story.github.now(|state| state.at(REPO).repo().branch(BRANCH).unwrap())
}

fn main_head(story: &Story) -> Oid {
    story.github.now(|state| state.at(REPO).repo().branch("main").unwrap())
}

fn file_at(story: &Story, commit: &Oid, path: &str) -> Option<String> {
    story.github.now(|state| {
        let scene = state.at(REPO);
        let entry = scene.repo().store.entry_at(commit.as_str(), path)?;
        Some(String::from_utf8_lossy(&scene.repo().store.blob(&entry.oid).unwrap()).into_owned())
    })
}

fn file(story: &Story, path: &str) -> Option<String> {
    file_at(story, &head(story), path)
}

/// The parents of the branch's newest commit, and its message.
fn newest(story: &Story) -> (Vec<Oid>, String) {
    let head = head(story);
    story.github.now(|state| {
        let commit = state.at(REPO).repo().store.commit(&head).unwrap();
        (commit.parents, commit.message)
    })
}

fn is_started(story: &Story) -> bool {
    let head = head(story);
    story.github.now(|state| state.at(REPO).repo().started.contains(&head))
}

/// The last words on the pull request, and on the issue, which are the same with its link before them.
fn says(story: &Story) -> String {
    let answer = without_commits(&story.answer(2));
    let issue = without_commits(&story.answer(1));
    let linked = format!("On #2 ([diff](/octo/hello/pull/2/files)): {answer}");
    assert!(issue == answer || issue == linked, "{answer}\n\nand on the issue:\n\n{issue}");
    answer
}

#[test]
fn what_does_not_touch_is_merged_without_a_model() {
    let story = opened(&[]);
    on_main(&story, "README.md", "# Hello\n\nThis text receives readers.\n");
    on_main(&story, "docs/new.md", "New.\n");
    let (ours, theirs) = (head(&story), main_head(&story));
    let task = asked(&story);
    let before = story.github.journal().calls.len();
    let run = ended(&story, &task);
    let calls = story.github.journal().calls.len() - before;
    println!("an update without a conflict costs {calls} calls");
    assert!(calls <= 30, "{calls} calls\n{}", story.told(&run));
    let (parents, message) = newest(&story);
    assert_eq!(parents, [ours.clone(), theirs.clone()], "{}", story.told(&run));
    assert!(
        message.starts_with("Merge main into ai-agent/issue-1\n\nProposed for #1.\n\nAgent-Task: "),
        "{message}"
    );
    assert!(message.contains("\nCo-authored-by: dev1 ") && !message.contains("[skip ci]"), "{message}");
    // git makes the same of it, and the commit is one of ours that GitHub has signed.
    let head = head(&story);
    story.github.now(|state| {
        let scene = state.at(REPO);
        let repo = scene.repo();
        assert_eq!(repo.store.merged_tree(&ours, &theirs), Some(repo.store.commit(&head).unwrap().tree));
        assert!(repo.signed.contains(&head));
    });
    assert!(is_started(&story));
    assert_eq!(file(&story, CONFIG).unwrap(), "port = 8000\ntimeout = 90\n");
    assert_eq!(file(&story, "docs/new.md").unwrap(), "New.\n");
    let words = "**Updated** in COMMIT.\n\nIt merges 2 commits of `main` into the branch.";
    assert_eq!(says(&story), words, "{}", story.told(&run));
    let page = seen(&story.github);
    assert!(
        page.contains("  pull #2 open by ai-agent[bot]") && page.contains("reactions: eyes by ai-agent[bot]"),
        "{page}"
    );
    assert_eq!(story.labels(1), "ai-done ai-help");
    // The same message once more, and the same command once more.
    ended(&story, &task);
    assert_eq!(seen(&story.github), page);
    ended(&story, &asked(&story));
    assert_eq!(says(&story), "**Nothing to update**: the branch has all of `main`.");
    assert_eq!(newest(&story).0, parents);
    story.finish();
}

#[test]
fn a_conflict_is_settled_by_the_model_and_nothing_else_is() {
    let story = opened(&[SETTLED]);
    conflict(&story);
    on_main(&story, "other.toml", "a = 1\n");
    let (ours, theirs) = (head(&story), main_head(&story));
    let before = story.github.journal().calls.len();
    let run = ended(&story, &asked(&story));
    let calls = story.github.journal().calls.len() - before;
    println!("an update with a conflict costs {calls} calls");
    assert!(calls <= 32, "{calls} calls\n{}", story.told(&run));
    assert_eq!(file(&story, CONFIG).unwrap(), "port = 8000\ntimeout = 95\n", "{}", story.told(&run));
    assert_eq!(file(&story, "other.toml").unwrap(), "a = 1\n");
    assert_eq!(newest(&story).0, [ours, theirs]);
    let words = "**Updated** in COMMIT.\n\nIt merges 2 commits of `main` into the branch.\n\n\
        The model settled conflicts in these files; look at them first:\n\n- `config.toml`: 1 conflict\n\n\
        The sensors need longer than the base gives them.";
    assert_eq!(without_tokens(&says(&story)), words);
    let prompt = story.asked()[0].body.to_string();
    for part in [
        "Sensors go offline too early",
        "conflict-1",
        "config.toml",
        "timeout = 30",
        "timeout = 90",
        "timeout = 45",
        "port = 8000",
        "Update config.toml\\nUpdate other.toml",
    ] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    story.finish();
}

/// Two answers of which none, or only the second one, settles the conflict; and what is said in the end.
#[test]
fn what_is_no_settlement_is_asked_for_once_more_and_then_refused() {
    const ELSEWHERE: &str = "WRITE: README.md\n```\nMine.\n```\n";
    const MARKERS: &str =
        "WRITE: conflict-1\n```\n<<<<<<< ours\ntimeout = 90\n=======\ntimeout = 45\n>>>>>>> theirs\n```\n";
    const BOTH: &str = "WRITE: conflict-1\n```\ntimeout = 95\n```\nWRITE: README.md\n```\nMine.\n```\n";
    const BLOCK: &str = "config.toml\n<<<<<<< SEARCH\nport = 8000\n=======\nport = 9000\n>>>>>>> REPLACE\n";
    const BROKEN: &str = "WRITE: conflict-1\n```\ntimeout = [95\n```\n";
    let refused =
        "**Could not be done.** The model's answer does not settle the conflicts, also after a correction.";
    let cases: &[(&[&str], &str)] = &[
        (&[ELSEWHERE, SETTLED], "**Updated** in COMMIT."),
        (&[MARKERS, SETTLED], "**Updated** in COMMIT."),
        (&[BROKEN, SETTLED], "**Updated** in COMMIT."),
        (&[BOTH, BLOCK], refused),
        (&[MARKERS, MARKERS], refused),
        (&["Well.", "I would not know."], refused),
        (
            &[BROKEN, BROKEN],
            "**Could not be done.** What the model settled breaks the syntax of a file, also after a correction.",
        ),
        (
            &["CANNOT: Both want another time."],
            "**Could not be done.** openai:scripted declined to settle the conflicts: Both want another time.\n\nMerge the base into \
             the branch on your machine, settle the conflicts, and push the branch.",
        ),
    ];
    check_all(cases, |(replies, words)| {
        let story = opened(replies);
        conflict(&story);
        let before = head(&story);
        let run = story.run(&asked(&story));
        let is_done = words.starts_with("**Updated**");
        let settled = file(&story, CONFIG).unwrap() == "port = 8000\ntimeout = 95\n";
        let right = says(&story).starts_with(words)
            && settled == is_done
            && (head(&story) != before) == is_done
            && file(&story, "README.md").unwrap().contains("recieves")
            && story.asked().len() == replies.len();
        let told = story.told(&run);
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{replies:?}: {told}"))
    });
}

/// What both sides did, and what stands in the way.
struct Obstacle {
    name: &'static str,
    happen: fn(&mut Scene<'_>),
    engine: Option<&'static str>,
    lines: &'static [&'static str],
}

fn numbered(count: u32, what: &str) -> String {
    (0..count).map(|number| format!("{number} {what}\n")).collect::<Vec<_>>().concat()
}

const OBSTACLES: &[Obstacle] = &[
    Obstacle {
        name: "too many lines",
        happen: |scene| {
            scene.push_file("dev1", BRANCH, "long.txt", &numbered(201, "here"));
            scene.push_file("dev1", "main", "long.txt", &numbered(200, "there"));
        },
        engine: None,
        lines: &[
            "- conflicts in 1 files with 401 lines: at most 10 files and 400 lines are settled by the model",
            "- `long.txt`: both sides changed the same lines (401 of them)",
        ],
    },
    Obstacle {
        name: "too many files",
        happen: |scene| {
            for (author, branch) in [("dev1", BRANCH), ("dev1", "main")] {
                let file = |number: u32| File::text(&format!("{number}.txt"), &format!("on {branch}\n"));
                scene.push(author, branch, "Many", &(0..11).map(file).collect::<Vec<_>>());
            }
        },
        engine: None,
        lines: &[
            "- conflicts in 11 files with 22 lines: at most 10 files",
            "- `10.txt`: both sides changed the same lines (2 of them)",
        ],
    },
    Obstacle {
        name: "binary",
        happen: |scene| {
            scene.push("dev1", BRANCH, "Mine", &[File::bytes("a.bin", b"\0mine")]);
            scene.push("dev1", "main", "Theirs", &[File::bytes("a.bin", b"\0theirs")]);
        },
        engine: None,
        lines: &["- `a.bin`: changed on both sides, and not text"],
    },
    Obstacle {
        name: "deleted on the base",
        happen: |scene| {
            scene.remove_file("dev1", "main", CONFIG);
        },
        engine: None,
        lines: &["- `config.toml`: changed on the branch, and deleted or renamed on its base"],
    },
    Obstacle {
        name: "deleted on the branch",
        happen: |scene| {
            scene.remove_file("dev1", BRANCH, "README.md");
            scene.push_file("dev1", "main", "README.md", "# Hello\n");
        },
        engine: None,
        lines: &["- `README.md`: deleted or renamed on the branch, and changed on its base"],
    },
    Obstacle {
        name: "a link",
        happen: |scene| {
            scene.push("dev1", BRANCH, "Mine", &[File::symlink("link", "README.md")]);
            scene.push("dev1", "main", "Theirs", &[File::symlink("link", "config.toml")]);
        },
        engine: None,
        lines: &["- `link`: changed on both sides, and not a file like any other on both"],
    },
    Obstacle {
        name: "protected",
        happen: |scene| {
            scene.push_file("dev1", BRANCH, ".github/workflows/ci.yml", "on: push\n");
            scene.push_file("dev1", "main", ".github/workflows/ci.yml", "on: pull_request\n");
        },
        engine: None,
        lines: &[
            "- `.github/workflows/ci.yml`: both sides changed the same lines, and it is protected: it is a GitHub Actions workflow",
        ],
    },
    Obstacle {
        name: "secrets",
        happen: |scene| {
            scene.push_file("dev1", BRANCH, "deploy/.env", "KEY=1\n");
            scene.push_file("dev1", "main", "deploy/.env", "KEY=2\n");
        },
        engine: None,
        lines: &["- `deploy/.env`: both sides changed the same lines, and "],
    },
    Obstacle {
        name: "not UTF-8",
        happen: |scene| {
            scene.push("dev1", BRANCH, "Mine", &[File::bytes("latin.txt", b"gr\xfc\xdfe\n")]);
            scene.push("dev1", "main", "Theirs", &[File::bytes("latin.txt", b"Gr\xfc\xdfe\n")]);
        },
        engine: None,
        lines: &["- `latin.txt`: both sides changed the same lines, and they are not UTF-8"],
    },
    Obstacle {
        name: "no model",
        happen: |scene| {
            scene.push_file("dev1", "main", CONFIG, "port = 8000\ntimeout = 45\n");
        },
        engine: Some("builtin"),
        lines: &[
            "- the rule-based engine settles no conflicts",
            "- `config.toml`: both sides changed the same lines (2 of them)",
        ],
    },
];

#[test]
fn what_is_too_much_or_no_matter_of_lines_is_refused_with_the_list() {
    check_all(OBSTACLES, |obstacle| {
        let story = opened(&[]);
        story.github.now(|state| (obstacle.happen)(&mut state.at(REPO)));
        let before = head(&story);
        let engine: Vec<(&str, &str)> =
            obstacle.engine.iter().map(|engine| ("AGENT_MODEL", *engine)).collect();
        let task = asked(&story);
        let run = story.run_with(&task, &engine);
        let answer = says(&story);
        let right = answer.starts_with(
            "**Could not be done.** `main` cannot be merged into `ai-agent/issue-1` by the agent.\n\n- ",
        ) && obstacle.lines.iter().all(|line| answer.contains(line))
            && answer.ends_with(
                "Merge the base into the branch on your machine, settle the conflicts, and push the branch.",
            )
            && head(&story) == before
            && story.asked().is_empty()
            && story.labels(1) == "ai-done ai-help";
        // However often it is delivered.
        let page = seen(&story.github);
        story.run_with(&task, &engine);
        let right = right && seen(&story.github) == page;
        let told = story.told(&run);
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{}: {answer}\n{told}", obstacle.name))
    });
}

/// What one side alone has changed is taken, whatever it is; also what the agent may not touch.
#[test]
fn what_one_side_alone_has_changed_is_taken_as_it_is() {
    let story = opened(&[]);
    story.github.now(|state| {
        let mut scene = state.at(REPO);
        scene.push(
            "dev1",
            BRANCH,
            "Mine",
            &[File::executable("run.sh", "one\n"), File::bytes("mine.bin", b"\0m")],
        );
        let theirs = [
            File::text(".github/workflows/ci.yml", "on: push\n"),
            File::symlink("link", "README.md"),
            File::bytes("theirs.bin", b"\0t"),
        ];
        scene.push("dev1", "main", "Theirs", &theirs);
        scene.remove_file("dev1", "main", "README.md");
    });
    let (ours, theirs) = (head(&story), main_head(&story));
    let run = ended(&story, &asked(&story));
    let head = head(&story);
    story.github.now(|state| {
        let scene = state.at(REPO);
        let objects = &scene.repo().store;
        let tree = objects.commit(&head).unwrap().tree;
        assert_eq!(objects.merged_tree(&ours, &theirs), Some(tree), "the branch is not what git makes of it");
        assert_eq!(objects.entry_at(head.as_str(), "run.sh").unwrap().mode, "100755");
    });
    assert_eq!(file(&story, "README.md"), None, "{}", story.told(&run));
    story.finish();
}

/// A file that both changed in different places; large ones do not fit into a call and are pushed.
#[test]
fn a_large_merge_is_pushed() {
    let story = opened(&[]);
    let text = |first: &str, last: &str| format!("{first}\n{}{last}\n", numbered(150_000, "a line"));
    story.github.now(|state| {
        let mut scene = state.at(REPO);
        scene.push_file("dev1", "main", "large.txt", &text("first", "last"));
        scene.merge_into("dev1", BRANCH, "main");
        scene.push_file("dev1", BRANCH, "large.txt", &text("mine", "last"));
        scene.push_file("dev1", "main", "large.txt", &text("first", "theirs"));
    });
    let (ours, theirs) = (head(&story), main_head(&story));
    let run = ended(&story, &asked(&story));
    assert_eq!(newest(&story).0, [ours, theirs], "{}", story.told(&run));
    assert!(file(&story, "large.txt").unwrap() == text("mine", "theirs"));
    assert_eq!(story.github.journal().count("git:receive-pack"), 1, "{}", story.told(&run));
    assert!(says(&story).starts_with("**Updated** in COMMIT."));
    story.finish();
}

/// The same where GitHub does not make the tree, whatever its reason.
#[test]
fn a_merge_whose_tree_is_refused_is_pushed_and_held_back_as_any_other() {
    let story = opened(&[SETTLED]);
    conflict(&story);
    let (ours, theirs) = (head(&story), main_head(&story));
    story.github.fault(When::every("git/create-tree"), Fault::Refused(Refused::Invalid));
    let run = story.run_with(&asked(&story), &[("AGENT_CI", "ask")]);
    let (parents, message) = newest(&story);
    assert_eq!(parents, [ours, theirs], "{}", story.told(&run));
    assert!(message.contains("\n\n[skip ci] The checks start when") && !is_started(&story), "{message}");
    assert_eq!(file(&story, CONFIG).unwrap(), "port = 8000\ntimeout = 95\n");
    drop(story);
}

/// What has happened by the time that the run begins, and what is said on the pull request.
struct Case {
    name: &'static str,
    happen: fn(&mut Scene<'_>),
    answer: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "merged",
        happen: |scene| scene.merge("dev1", 2),
        answer: "**Could not be done.** #2 is merged already.\n\nComment `/retry` on the issue to start again.",
    },
    Case {
        name: "closed",
        happen: |scene| scene.close("dev1", 2),
        answer: "**Could not be done.** #2 is closed.\n\nComment `/retry` on the issue to start again.",
    },
    Case {
        name: "the label was taken off",
        happen: |scene| scene.unlabel("dev1", 2, "ai-generated"),
        answer: "**Stopped**: the label `ai-generated` was taken off #2. Nothing more is written.\n\nComment `/update` on the pull request \
                 to try again.",
    },
    Case {
        name: "its author lost access",
        happen: |scene| scene.set_permission("dev1", Permission::Read),
        answer: "@dev1, only people with write access to this repository can ask for this. If you are given it, ask again here after 60 minutes. Whoever asks again without it is not heard here for 24 hours.",
    },
    Case {
        name: "the base branch is gone",
        happen: |scene| {
            scene.create_branch("next", "main");
            scene.retarget(2, "next");
            scene.delete_branch("next");
        },
        answer: "**Could not be done.** The branch `next`, which the pull request is for, is not there.\n\nChange the base of the pull \
                 request, then comment `/update` again.",
    },
    Case {
        name: "the base has all of it",
        happen: |scene| {
            scene.push_file("dev1", "main", CONFIG, "port = 8000\ntimeout = 90\n");
        },
        answer: "**Could not be done.** `main` has all that this pull request changes.\n\nClose the pull request.",
    },
];

#[test]
fn what_cannot_be_updated_is_told_on_the_pull_request() {
    check_all(CASES, |case| {
        let story = opened(&[]);
        on_main(&story, "README.md", "# Hello\n");
        let before = head(&story);
        let task = asked(&story);
        story.github.now(|state| (case.happen)(&mut state.at(REPO)));
        let run = story.run(&task);
        let answer = story.answer(2);
        let right = answer == case.answer && head(&story) == before && story.labels(1) == "ai-done ai-help";
        let page = seen(&story.github);
        story.run(&task);
        let right = right && seen(&story.github) == page;
        let told = story.told(&run);
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{}: {answer}\n{told}", case.name))
    });
}

/// A command that was taken back, or is another's, asks for nothing.
#[test]
fn only_the_command_as_it_was_written_counts() {
    type Happen = fn(&mut Scene<'_>, u64);
    let cases: &[(Happen, &str)] = &[
        (|scene, id| scene.edit_comment(id, "/update please"), "The comment with the command was edited."),
        (|scene, id| scene.delete_comment(id), "The comment with the command was deleted."),
    ];
    check_all(cases, |(happen, words)| {
        let story = opened(&[]);
        on_main(&story, "README.md", "# Hello\n");
        let before = head(&story);
        let task = asked(&story);
        let comment = task["comment_id"].as_u64().unwrap();
        story.github.now(|state| happen(&mut state.at(REPO), comment));
        let run = story.run(&task);
        let right = story.answer(2).contains(words) && head(&story) == before;
        let told = story.told(&run);
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{words}: {told}"))
    });
}

/// Only our own pull requests on our own branches are touched, whatever a task says.
#[test]
fn other_pull_requests_are_not_touched() {
    let names =
        ["a fork's branch of our name", "a person's pull request", "a person's on our branch", "none"];
    check_all(&names, |name| {
        let story = opened(&[]);
        on_main(&story, "README.md", "# Hello\n");
        let number = story.github.now(|state| {
            let mut scene = state.at(REPO);
            let number = match *name {
                "a fork's branch of our name" => scene.open_fork_pull("guest", "Mine", BRANCH, "main"),
                "a person's on our branch" => {
                    scene.close("dev1", 2);
                    scene.open_pull("guest", "Mine", BRANCH, "main")
                }
                "a person's pull request" => {
                    scene.push_file("guest", "feature", "a.txt", "a\n");
                    scene.open_pull("guest", "Mine", "feature", "main")
                }
                _ => return 99,
            };
            scene.label("guest", number, "ai-generated");
            number
        });
        let branches =
            |story: &Story| story.github.now(|state| state.at(REPO).repo().store.references("refs/heads/"));
        let before = branches(&story);
        let mut task = asked(&story);
        task["issue_id"] = number.into();
        task["pull_request"] = number.into();
        let run = story.run(&task);
        let journal = story.github.journal();
        let right = branches(&story) == before && journal.count("git/create-tree") == 0;
        let told = story.told(&run);
        story.finish();
        right.then_some(()).ok_or_else(|| format!("{name}: {told}"))
    });
}

/// What comes between reading and the merge.
struct Between {
    name: &'static str,
    /// How often it happens, before the branch is moved.
    times: usize,
    happen: fn(&mut Scene<'_>),
    answer: &'static str,
}

const BETWEEN: &[Between] = &[
    Between {
        name: "somebody pushes once",
        times: 1,
        happen: |scene| {
            scene.push_file("dev1", BRANCH, "a.txt", "a\n");
        },
        answer: "**Updated** in COMMIT.",
    },
    Between {
        name: "somebody pushes each time",
        times: 2,
        happen: |scene| {
            let text = scene.repo().branch(BRANCH).unwrap().to_string();
            scene.push_file("dev1", BRANCH, "a.txt", &text);
        },
        answer: "**Could not be done.** The branch changed twice while the agent worked.\n\nComment `/update`",
    },
    Between {
        name: "somebody updates it with the button",
        times: 1,
        happen: |scene| {
            scene.merge_into("dev1", BRANCH, "main");
        },
        answer: "**Nothing to update**: the branch has all of `main`.",
    },
    Between {
        name: "the base moves on",
        times: 1,
        happen: |scene| {
            scene.push_file("dev1", "main", "b.txt", "b\n");
        },
        answer: "**Updated** in COMMIT.",
    },
];

#[test]
fn what_moves_meanwhile_is_started_over_once_and_never_overwritten() {
    check_all(BETWEEN, |between| {
        let story = opened(&[]);
        on_main(&story, "README.md", "# Hello\n");
        for time in 0..between.times {
            let happen = between.happen;
            story
                .github
                .on_call(When::nth("git/update-ref", 1 + time), move |state| happen(&mut state.at(REPO)));
        }
        let run = story.run(&asked(&story));
        let answer = without_commits(&story.answer(2));
        let kept = file(&story, "a.txt").is_some() == between.name.contains("pushes");
        let right = answer.starts_with(between.answer) && kept;
        let told = story.told(&run);
        story.github.take_violations();
        drop(story);
        right.then_some(()).ok_or_else(|| format!("{}: {answer}\n{told}", between.name))
    });
}

/// Nobody wants it any more by the time that the model has answered.
#[test]
fn what_is_called_off_meanwhile_is_not_merged() {
    type Happen = fn(&mut Scene<'_>);
    let cases: &[(Happen, &str)] = &[
        (|scene| scene.close("dev1", 2), "**Stopped**: #2 was closed. Nothing more is written."),
        (
            |scene| {
                scene.comment("dev1", 2, "/stop");
            },
            "**Stopped**: `dev1` asked to stop. Nothing more is written.",
        ),
    ];
    check_all(cases, |(happen, words)| {
        let story = opened(&[SETTLED]);
        conflict(&story);
        let before = head(&story);
        let happen = *happen;
        story.github.on_call(When::nth("pulls/list-files", 1), move |state| happen(&mut state.at(REPO)));
        let run = story.run(&asked(&story));
        let right = story.answer(2).starts_with(words) && head(&story) == before;
        let told = story.told(&run);
        story.github.take_violations();
        drop(story);
        right.then_some(()).ok_or_else(|| format!("{words}: {told}"))
    });
}

/// The branch that the pull request is for by now is merged, and not the one that it was made for.
#[test]
fn a_pull_request_for_another_branch_by_now_is_updated_with_that_one() {
    let story = opened(&[]);
    story.github.now(|state| {
        let mut scene = state.at(REPO);
        scene.create_branch("next", "main");
        scene.push_file("dev1", "next", "next.txt", "next\n");
        scene.push_file("dev1", "main", "main.txt", "main\n");
        scene.retarget(2, "next");
        scene.stage("dev1", 2, Stage::Draft);
    });
    let run = ended(&story, &asked(&story));
    assert_eq!(
        says(&story),
        "**Updated** in COMMIT.\n\nIt merges 1 commit of `next` into the branch.",
        "{}",
        story.told(&run)
    );
    assert_eq!(file(&story, "next.txt").unwrap(), "next\n");
    assert_eq!(file(&story, "main.txt"), None);
    assert!(seen(&story.github).contains("pull #2 open draft by"));
    story.finish();
}

/// Checks that are held back stay so, and `/ci` lets those of the merge start without losing a parent.
#[test]
fn checks_that_are_held_back_stay_so_until_a_person_lets_them_start() {
    let story = Story::new(offline(hello()), &[EDIT]);
    let variables = &[("AGENT_CI", "ask")];
    let run = story.run_with(&story.wish("quickfix"), variables);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    on_main(&story, "README.md", "# Hello\n");
    let theirs = main_head(&story);
    // Also where the operator thinks better of it: what is below has not been let go.
    let run = story.run_with(&asked(&story), &[("AGENT_CI", "auto")]);
    let (parents, message) = newest(&story);
    assert!(message.contains("\n\n[skip ci] The checks start when"), "{}", story.told(&run));
    assert!(!is_started(&story) && parents[1] == theirs);
    let words = "The checks of this commit are held back: those of the commit before are held back as well. Read the change, then \
                 comment `/ci` on the pull request to start them. Only people with write access can, because CI then runs the change \
                 with its secrets.";
    assert!(says(&story).ends_with(words), "{}", says(&story));
    // Events about checks change nothing as long as that is so.
    let run = story.run(&repair::event(&story));
    assert!(run.stderr.contains("its checks are held back"), "{run:?}");
    let run = ended(&story, &story.command("ci", "dev1", 2, "/ci"));
    let (parents, message) = newest(&story);
    assert!(is_started(&story) && !message.contains("[skip ci]"), "{}", story.told(&run));
    assert_eq!(parents.len(), 2);
    assert_eq!(parents[1], theirs);
    let below = story.github.now(|state| state.at(REPO).repo().store.commit(&parents[0]).unwrap().message);
    assert!(below.starts_with("Raise the time-out\n") && !below.contains("[skip ci]"), "{below}");
    assert_eq!(file(&story, "README.md").unwrap(), "# Hello\n");
    story.finish();
}

/// What a model settled is held back by the same rule as any change of it; what no model touched is not.
#[test]
fn the_gate_before_ci_holds_for_what_the_model_settled() {
    for (base, replies, held) in [
        (CONFIG, &[SETTLED][..], Some("here somebody with write access always starts them")),
        ("README.md", &[], None),
    ] {
        let story = opened(replies);
        on_main(&story, base, "port = 8000\ntimeout = 45\n");
        let run = story.run_with(&asked(&story), &[("AGENT_CI", "ask")]);
        assert_eq!(newest(&story).1.contains("[skip ci]"), held.is_some(), "{}", story.told(&run));
        assert_eq!(is_started(&story), held.is_none());
        assert!(held.is_none_or(|why| says(&story).contains(why)), "{}", says(&story));
        story.finish();
    }
}

#[test]
fn a_persons_commits_on_the_branch_are_kept() {
    let story = opened(&[]);
    story.github.now(|state| state.at(REPO).push_file("dev1", BRANCH, "mine.txt", "mine\n"));
    on_main(&story, "README.md", "# Hello\n");
    let ours = head(&story);
    let run = ended(&story, &asked(&story));
    assert_eq!(newest(&story).0[0], ours, "{}", story.told(&run));
    assert_eq!(file(&story, "mine.txt").unwrap(), "mine\n");
    story.finish();
}

/// A follow-up goes on after a merge, and its rounds are counted through it; also where the base has brought nothing.
#[test]
fn reviews_are_answered_and_counted_after_a_merge() {
    let fix = |from: u32, to: u32| {
        format!(
            "FIX: 1 Done.\nTITLE: Wait longer\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = {from}\n=======\ntimeout = {to}\n>>>>>>> REPLACE\n"
        )
    };
    let story = opened(&[&fix(90, 100), &fix(100, 110), &fix(110, 120)]);
    ended(&story, &story.command("fix", "dev1", 2, "/fix more"));
    on_main(&story, "a.txt", "a\n");
    ended(&story, &asked(&story));
    let run = ended(&story, &story.command("fix", "dev1", 2, "/fix more"));
    assert!(newest(&story).1.contains("\nAgent-Review-Round: 2\n"), "{}", story.told(&run));
    // Commits that leave the tree as it was.
    on_main(&story, "a.txt", "a\n");
    let before = file(&story, CONFIG);
    ended(&story, &asked(&story));
    assert_eq!((newest(&story).0.len(), file(&story, CONFIG)), (2, before));
    let run = ended(&story, &story.command("fix", "dev1", 2, "/fix more"));
    assert!(newest(&story).1.contains("\nAgent-Review-Round: 3\n"), "{}", story.told(&run));
    // `/retry` on the issue, with a merge on top, is answered as before.
    on_main(&story, "b.txt", "b\n");
    ended(&story, &asked(&story));
    let mut again = story.wish("quickfix");
    again["delivery_id"] = "again".into();
    story.run(&again);
    assert!(
        story.answer(1).starts_with("**Could not be done.** #2 is open for this issue already."),
        "{}",
        story.answer(1)
    );
    story.finish();
}

/// Repairs go on after a merge: counted, with the failures before it known, and the merge is not taken for the change.
#[test]
fn repairs_are_counted_through_a_merge() {
    let repair = |from: u32, to: u32| {
        format!(
            "TITLE: Lower it to {to}\nSUMMARY:\nLess.\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = {from}\n=======\ntimeout = {to}\n>>>>>>> REPLACE\n"
        )
    };
    let story = Story::new(checked(), &[EDIT, &repair(90, 85), &repair(85, 80)]);
    ended(&story, &story.wish("quickfix"));
    repair::fails(&story, "build", repair::log("E   assert 90 < 80"));
    ended(&story, &repair::event(&story));
    assert!(newest(&story).1.contains("\nAgent-Repair: 1/3\n"), "{}", newest(&story).1);
    on_main(&story, "a.txt", "a\n");
    story.github.now(|state| {
        state.at(REPO).check("main", "build", CheckKind::Run, Verdict::Passed);
    });
    ended(&story, &asked(&story));
    let merge = head(&story);
    assert_eq!(newest(&story).0.len(), 2);
    // Another failure is the second repair, and asks for the change as it was made.
    repair::fails(&story, "build", repair::log("TypeError: no timeout"));
    let run = ended(&story, &repair::event(&story));
    let (parents, message) = newest(&story);
    assert_eq!(parents, [merge], "{}", story.told(&run));
    assert!(message.contains("\nAgent-Repair: 2/3\n"), "{message}");
    // A failure of before the merge is known again.
    repair::fails(&story, "build", repair::log("E   assert 80 < 70"));
    let run = ended(&story, &repair::event(&story));
    assert!(
        story.answer(1).contains("`build` fails as it did before a repair, so another one is of no use."),
        "{}",
        story.told(&run)
    );
    // Green after all.
    story.github.now(|state| {
        state.at(REPO).check(BRANCH, "build", CheckKind::Run, Verdict::Passed);
    });
    let run = ended(&story, &repair::event(&story));
    assert!(seen(&story.github).contains("pull #2 open by ai-agent[bot]"), "{}", story.told(&run));
    story.finish();
}

/// Nothing is changed yet where a plan waits: it is said what helps. So it is where somebody pressed the button.
#[test]
fn a_plan_has_nothing_to_merge() {
    let story = Story::new(offline(hello()), &[PLAN]);
    ended(&story, &story.wish("plan"));
    on_main(&story, "README.md", "# Hello\n");
    let words = "**Could not be done.** #2 holds a plan: there is no change yet that could be merged.\n\nComment `/revise` and ";
    let before = head(&story);
    let run = story.run(&asked(&story));
    assert!(says(&story).starts_with(words), "{}", story.told(&run));
    assert_eq!(head(&story), before);
    story.github.now(|state| state.at(REPO).merge_into("dev1", BRANCH, "main"));
    on_main(&story, "b.txt", "b\n");
    let run = story.run(&asked(&story));
    assert!(says(&story).starts_with(words), "{}", story.told(&run));
    story.finish();
}

/// What a model says of its settlement passes the gate, and so do the lines that it gives.
#[test]
fn a_settlement_publishes_no_secret_and_calls_nobody() {
    let said = SETTLED.replace("The sensors need longer", &format!("@everybody, the key is {KEY}. /approve"));
    let story = opened(&[&said]);
    conflict(&story);
    ended(&story, &asked(&story));
    let page = seen(&story.github);
    assert!(!page.contains(KEY) && !page.contains(" @everybody"), "{page}");
    story.finish();
    let story = opened(&[&SETTLED.replace("timeout = 95", &format!("timeout = 95\nkey = \"{KEY}\""))]);
    conflict(&story);
    let before = head(&story);
    let run = story.run(&asked(&story));
    assert!(
        says(&story).starts_with("**Could not be done.** The merge would publish a secret:"),
        "{}",
        story.told(&run)
    );
    assert_eq!(head(&story), before);
    story.finish();
}

/// Two commands at once: the merge is made once, and the second one finds nothing to do.
#[test]
fn a_command_on_the_issue_updates_its_pull_request() {
    let story = opened(&[]);
    on_main(&story, "README.md", "# Hello\n");
    let run = ended(&story, &story.command("update", "dev1", 1, "/update"));
    assert_eq!(newest(&story).0.len(), 2, "{}", story.told(&run));
    let answer = without_commits(&story.answer(1));
    assert!(
        answer.starts_with("On #2 ([diff](/octo/hello/pull/2/files)): **Updated** in COMMIT."),
        "{answer}"
    );
    story.finish();
}

/// A merge whose words were lost with the status comment is told as far as it is known.
#[test]
fn a_merge_whose_account_is_lost_is_told_all_the_same() {
    let story = opened(&[]);
    on_main(&story, "README.md", "# Hello\n");
    let task = asked(&story);
    let killed = story.run_killed(&task, "git/update-ref", Fault::StallAfter);
    assert_eq!(killed.status, None, "{}", story.told(&killed));
    story.github.now(|state| {
        let mut scene = state.at(REPO);
        let bot = |comment: &&Comment| comment.author == BOT;
        let ids: Vec<u64> = scene.issue(1).comments.iter().filter(bot).map(|comment| comment.id).collect();
        for id in ids {
            scene.delete_comment(id);
        }
    });
    let parents = newest(&story).0;
    let run = ended(&story, &task);
    assert_eq!(newest(&story).0, parents, "{}", story.told(&run));
    let words = "**Updated** in COMMIT.\n\nWhat was merged was lost with the comment that kept it.";
    assert_eq!(without_bill(&says(&story)), words);
    story.github.take_violations();
    drop(story);
}

/// A double looked for comments before the run that works had written one, and finds its merge after that.
#[test]
fn a_double_that_sees_the_merge_first_loses_no_account() {
    let story = opened(&[]);
    on_main(&story, "README.md", "# Hello\n");
    let task = asked(&story);
    let killed = story.run_killed(&task, "git/update-ref", Fault::StallAfter);
    assert_eq!(killed.status, None, "{}", story.told(&killed));
    let said = story.github.now(|state| {
        let said = state.at(REPO).issue(1).comments.last().unwrap().clone();
        state.at(REPO).delete_comment(said.id);
        said.body
    });
    let count = || story.github.now(|state| state.at(REPO).issue(1).comments.len());
    let before = count();
    story.github.on_call(When::next("graphql:repository"), move |state| {
        state.at(REPO).comment(BOT, 1, &said);
    });
    let run = ended(&story, &task);
    assert_eq!(count(), before + 1, "{}", story.told(&run));
    assert!(!says(&story).contains("was lost"), "{}", story.told(&run));
    story.github.take_violations();
}
