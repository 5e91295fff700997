//! The branch of an issue: replaced while it holds our own attempt, never taken from a person.

use crate::world::{README, STATION, TYPO, World, blocks};

const BRANCH: &str = "ai-agent/issue-7";

/// Standard error of a run that must not move the branch, nor ask a model.
#[track_caller]
fn refused(world: &World, issue: &str) -> String {
    let before = (world.snapshot("repo/.git/refs"), world.git("repo", &["count-objects", "-v"]));
    let run = world.solve(issue, &[]);
    assert_eq!((world.snapshot("repo/.git/refs"), world.git("repo", &["count-objects", "-v"])), before);
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    run.stderr
}

#[test]
fn a_second_run_replaces_the_first() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    let first = world.solve(&issue, &["--json"]).done().json();
    world.commit("repo", &[("new.txt", "new\n")]);
    let second = world.solve(&issue, &["--json"]).done().json();
    assert_eq!(second["replaced"], first["commit"]);
    assert_ne!(second["commit"], first["commit"]);
    assert_eq!(world.git("repo", &["rev-parse", BRANCH]), second["commit"].as_str().unwrap());
    assert_eq!(
        world.git("repo", &["rev-parse", &format!("{BRANCH}^")]),
        world.git("repo", &["rev-parse", "main"])
    );

    let run = world.solve(&issue, &[]).done();
    let short = |report: &serde_json::Value| report["commit"].as_str().unwrap()[..10].to_owned();
    let line = run.stdout.lines().find(|line| line.starts_with("Committed ")).unwrap();
    let ours = world.git("repo", &["rev-parse", BRANCH])[..10].to_owned();
    assert_eq!(
        line,
        format!("Committed {ours} to {BRANCH}, in place of an earlier attempt, {}.", short(&second))
    );
}

#[test]
fn a_branch_with_commits_of_a_person_is_left_alone() {
    type Change = fn(&World);
    let changes: [(&str, Change); 5] = [
        ("a commit on top", |world| {
            world.git("repo", &["checkout", "-q", BRANCH]);
            world.commit("repo", &[("README.md", "better\n")]);
            world.git("repo", &["checkout", "-q", "main"]);
        }),
        ("our commit amended", |world| {
            world.git("repo", &["checkout", "-q", BRANCH]);
            world.git("repo", &["commit", "-q", "--amend", "--no-edit", "--allow-empty"]);
            world.git("repo", &["checkout", "-q", "main"]);
        }),
        ("another branch of that name", |world| {
            world.git("repo", &["branch", "-f", BRANCH, "main"]);
        }),
        ("our commit of another issue", |world| {
            let other = world.file("other.md", TYPO.replace("#7", "#8"));
            world.solve(&other, &[]).done();
            world.git("repo", &["branch", "-f", BRANCH, "ai-agent/issue-8"]);
        }),
        ("a merge of our commit", |world| {
            world.git("repo", &["checkout", "-q", BRANCH]);
            world.git("repo", &["commit", "-q", "--allow-empty", "-m", "x"]);
            world.git("repo", &["checkout", "-q", "-b", "side", "main"]);
            world.commit("repo", &[("side.txt", "side\n")]);
            let message = "Merge\n\nAgent-Task: local issue-7";
            world.git("repo", &["merge", "-q", "--no-ff", "-m", message, BRANCH]);
            world.git("repo", &["checkout", "-q", "main"]);
            world.git("repo", &["branch", "-f", BRANCH, "side"]);
        }),
    ];
    for (name, change) in changes {
        let world = World::sample();
        let issue = world.file("issue.md", TYPO);
        world.solve(&issue, &[]).done();
        change(&world);
        let found = world.git("repo", &["rev-parse", BRANCH]);
        assert_eq!(
            refused(&world, &issue),
            format!(
                "error: the branch {BRANCH} is at {found} with commits that ai-agent did not make\n  Rename it \
                 (`git branch -m {BRANCH} {BRANCH}-kept`) or delete it, then try again.\n"
            ),
            "{name}"
        );
    }
}

#[test]
fn a_branch_that_is_checked_out_is_left_alone() {
    for at in ["repo", "linked"] {
        let world = World::sample();
        let issue = world.file("issue.md", TYPO);
        world.solve(&issue, &[]).done();
        if at == "repo" {
            world.git("repo", &["checkout", "-q", BRANCH]);
        } else {
            world.git("repo", &["worktree", "add", "-q", "../linked", BRANCH]);
        }
        assert_eq!(
            refused(&world, &issue),
            format!(
                "error: the branch {BRANCH} is checked out in WORLD/{at}\n  Switch to another branch there, then try again.\n"
            )
        );
        // A look at what would be done is free.
        world.solve(&issue, &["--dry-run", "--base", "main"]).done();
    }
}

#[test]
fn no_model_is_asked_for_a_branch_that_cannot_be_set() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    world.git("repo", &["branch", BRANCH]);
    let model = crate::world::Model::saying(&[]);
    let run = model.solve(&world, &issue, &[], &[]);
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    assert!(model.finish().is_empty());
}

#[test]
fn the_branch_stays_if_it_moves_while_the_model_thinks() {
    // The model's server is a person, too, and commits to the branch before it answers.
    use std::io::{Read as _, Write as _};

    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let reply = blocks(&[("README.md", README.lines().last().unwrap(), "A small station.")]);
    let event = serde_json::json!({"model": "m", "choices": [{"index": 0, "delta": {"content": reply}, "finish_reason": "stop"}]});
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            // The first bytes of the request are enough to know that it is under way.
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            world.git("repo", &["branch", BRANCH]);
            let body = format!("data: {event}\n\ndata: [DONE]\n\n");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
            write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
            // Until the other side has read it and closes.
            while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
        });
        let variables =
            [("AGENT_MODEL", "openai:m"), ("AGENT_MODEL_PRICE", "free"), ("OPENAI_BASE_URL", url.as_str())];
        world.solve_with(&issue, &[], &variables)
    });
    let main = world.git("repo", &["rev-parse", "main"]);
    assert_eq!(
        run.failure(),
        (
            Some(1),
            format!(
                "error: the branch {BRANCH} is at {main} with commits that ai-agent did not make |   Rename it \
                 (`git branch -m {BRANCH} {BRANCH}-kept`) or delete it, then try again. |   Spent: openai:m, 1 call, N \
                 tokens in, 54 out, no cost."
            )
        )
    );
    assert_eq!(world.git("repo", &["rev-parse", BRANCH]), main);
    assert_eq!(world.at(BRANCH, "src/station.py"), STATION);
}
