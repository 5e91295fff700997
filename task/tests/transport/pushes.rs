use std::path::Path;

use gix::ObjectId;
use gix::objs::tree::EntryKind;
use task::git::clone::CloneCaps;
use task::git::push::{PushCaps, PushError, Pushed, Rejection, Update, push};
use task::git::remote::{Remote, RemoteError};

use crate::git_host::{Announced, Fault, TOKEN, git, run_script};
use crate::{NEVER, SOON, clone_into, cloned, host, remote};

const BRANCH: &str = "ai-agent/issue-7";

/// A commit on `parent` in which the file `path` holds `content`.
fn commit(repo: &gix::Repository, parent: ObjectId, path: &str, content: &str) -> ObjectId {
    let edited = || {
        let mut editor = repo.edit_tree(repo.find_commit(parent)?.tree_id()?)?;
        editor.upsert(path, EntryKind::Blob, repo.write_blob(content)?)?;
        gix::Result::Ok(editor.write()?.detach())
    };
    commit_tree(repo, parent, edited().expect("a tree"))
}

fn commit_tree(repo: &gix::Repository, parent: ObjectId, tree: ObjectId) -> ObjectId {
    let mut buffer = gix::date::parse::TimeBuf::default();
    let who = gix::actor::Signature {
        name: "Agent".into(),
        email: "agent@example.com".into(),
        time: gix::date::Time::new(1_700_000_000, 0),
    };
    let who = who.to_ref(&mut buffer);
    repo.new_commit_as(who, who, "Change", tree, [parent]).expect("a commit").id
}

fn send(
    repo: &gix::Repository,
    remote: &Remote,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Pushed, PushError> {
    push(repo, remote, &Update { branch: BRANCH, old, new }, &PushCaps::default(), &NEVER)
}

fn branch_on(server: &Path) -> String {
    git(server, &["rev-parse", &format!("refs/heads/{BRANCH}")])
}

#[test]
fn a_commit_arrives_whole_and_alone() {
    let host = host();
    let server = host.path("octo/hello.git");
    let (_folder, repo, base) = cloned(&host);
    let remote = remote(&host, "octo/hello.git");

    let mut editor = repo.edit_tree(repo.find_commit(base).unwrap().tree_id().unwrap()).unwrap();
    let script = repo.write_blob("#!/bin/sh\necho new\n").unwrap();
    let main = repo.write_blob("fn main() { run() }\n").unwrap();
    let greeting = repo.write_blob("grüß dich\n").unwrap();
    let old =
        repo.find_commit(base).unwrap().tree().unwrap().lookup_entry_by_path("docs/old.md").unwrap().unwrap();
    editor.upsert("run.sh", EntryKind::BlobExecutable, script).unwrap();
    editor.upsert("src/main.rs", EntryKind::Blob, main).unwrap();
    editor.upsert("päth with ünïcode/日本語.txt", EntryKind::Blob, greeting).unwrap();
    editor.upsert("docs/new/name.md", EntryKind::Blob, old.object_id()).unwrap();
    editor.remove_leaf("docs/old.md").unwrap();
    editor.remove_leaf("link").unwrap();
    let new = commit_tree(&repo, base, editor.write().unwrap().detach());

    let pushed = send(&repo, &remote, None, new).unwrap();

    assert_eq!(branch_on(&server), new.to_string());
    assert_eq!(git(&server, &["fsck", "--strict"]), "");
    let paths = ["-c", "core.quotepath=off", "ls-tree", "-r", "--format=%(objectmode) %(path)", BRANCH];
    assert_eq!(
        git(&server, &paths),
        "100644 docs/new/name.md\n100644 päth with ünïcode/日本語.txt\n100755 run.sh\n100644 src/main.rs"
    );
    assert_eq!(git(&server, &["show", &format!("{BRANCH}:run.sh")]), "#!/bin/sh\necho new");
    let added = git(&server, &["rev-list", "--objects", BRANCH, "^main"]).lines().count();
    let Pushed::Moved { objects, .. } = pushed else { panic!("{pushed:?}") };
    assert_eq!(objects as usize, added, "nothing but what the commit adds");

    // A second commit goes on from the first; an empty one is a commit and nothing else.
    let again = commit(&repo, new, "src/lib.rs", "pub fn run() {}\n");
    assert!(matches!(send(&repo, &remote, Some(new), again).unwrap(), Pushed::Moved { objects: 4, .. }));
    let tree = repo.find_commit(again).unwrap().tree_id().unwrap().detach();
    let empty = commit_tree(&repo, again, tree);
    assert!(matches!(send(&repo, &remote, Some(again), empty).unwrap(), Pushed::Moved { objects: 1, .. }));
    // An attempt is replaced, although the new commit does not follow from it.
    let other = commit(&repo, base, "src/lib.rs", "pub fn walk() {}\n");
    send(&repo, &remote, Some(empty), other).unwrap();
    assert_eq!(branch_on(&server), other.to_string());
    assert_eq!(
        git(&server, &["fsck", "--strict"]).lines().filter(|line| !line.starts_with("dangling")).count(),
        0
    );
}

#[test]
fn a_branch_that_is_elsewhere_is_not_moved() {
    let host = host();
    let server = host.path("octo/hello.git");
    let (_folder, repo, base) = cloned(&host);
    let remote = remote(&host, "octo/hello.git");
    let ours = commit(&repo, base, "a", "1");
    let theirs = commit(&repo, base, "a", "2");
    let late = commit(&repo, base, "a", "3");
    let stale = |result: Result<Pushed, PushError>| match result {
        Err(PushError::Stale { branch, expected, found }) => (branch, expected, found),
        other => panic!("{other:?}"),
    };

    assert_eq!(stale(send(&repo, &remote, Some(ours), late)), (BRANCH.to_owned(), Some(ours), None));
    send(&repo, &remote, None, theirs).unwrap();
    assert_eq!(stale(send(&repo, &remote, None, late)), (BRANCH.to_owned(), None, Some(theirs)));
    assert_eq!(stale(send(&repo, &remote, Some(ours), late)), (BRANCH.to_owned(), Some(ours), Some(theirs)));
    assert_eq!(branch_on(&server), theirs.to_string());
    // What is there already is no conflict, whatever was expected.
    assert_eq!(send(&repo, &remote, Some(ours), theirs).unwrap(), Pushed::AlreadyThere);
    let posts = host.requests().iter().filter(|request| request.path.ends_with("/git-receive-pack")).count();
    assert_eq!(posts, 1, "the host was asked to write once");
}

#[test]
fn of_two_pushes_at_once_one_wins() {
    let host = host();
    let server = host.path("octo/hello.git");
    let (_folder, repo, base) = cloned(&host);
    // The other's push lands between our reading of the branch and our writing.
    host.order(
        "hello.git/git-receive-pack",
        Fault::First { script: format!("git update-ref refs/heads/{BRANCH} main~1") },
    );
    let theirs = git(&server, &["rev-parse", "main~1"]);
    let error =
        send(&repo, &remote(&host, "octo/hello.git"), None, commit(&repo, base, "a", "1")).unwrap_err();
    assert!(matches!(error, PushError::Rejected { rejection: Rejection::Stale, .. }), "{error}");
    assert_eq!(branch_on(&server), theirs);
}

#[test]
fn a_host_that_declines_says_why() {
    let hook = |text: &str| {
        format!(
            "mkdir -p hooks; printf '#!/bin/sh\\necho \"{text}\" >&2\\nexit 1\\n' > hooks/pre-receive; chmod +x hooks/pre-receive"
        )
    };
    let cases = [
        (hook("error: GH006: Protected branch update failed for refs/heads/x."), Rejection::Protected),
        (hook("error: GH013: Repository rule violations found for refs/heads/x."), Rejection::Protected),
        (hook("error: GH013: ... - GITHUB PUSH PROTECTION - Push cannot contain secrets"), Rejection::Secret),
        (hook("error: GH001: Large files detected."), Rejection::TooLarge),
        (hook("No pushes on Fridays."), Rejection::Hook),
        ("git update-ref refs/heads/ai-agent main".to_owned(), Rejection::NameTaken),
        ("git config receive.maxInputSize 10".to_owned(), Rejection::TooLarge),
        ("git update-ref -d refs/heads/main; git update-ref -d refs/heads/feature; git reflog expire --expire=now --all; git gc -q --prune=now".to_owned(), Rejection::Other),
    ];
    for (setup, expected) in cases {
        let host = host();
        let server = host.path("octo/hello.git");
        let (_folder, repo, base) = cloned(&host);
        run_script(&server, &setup);
        let error =
            send(&repo, &remote(&host, "octo/hello.git"), None, commit(&repo, base, "a", "1")).unwrap_err();
        let PushError::Rejected { rejection, branch, .. } = &error else { panic!("{setup}: {error:?}") };
        assert_eq!((*rejection, branch.as_str()), (expected, BRANCH), "{setup}: {error}");
        assert!(!error.is_transient());
        assert_eq!(git(&server, &["for-each-ref", "refs/heads/ai-agent/"]), "", "{setup}");
    }
}

#[test]
fn a_lost_answer_is_not_taken_for_a_failure() {
    let report = "hello.git/git-receive-pack";
    let bad_gateway = Fault::Answer { status: "502 Bad Gateway", headers: vec![], body: "<h1>502</h1>" };
    let cases = [
        (Fault::DropBefore, None),
        (Fault::DropAfter, Some(())),
        (Fault::Truncate { after: 5, announced: Announced::Yes }, Some(())),
        (Fault::Truncate { after: 5, announced: Announced::No }, Some(())),
        (Fault::Truncate { after: 0, announced: Announced::No }, Some(())),
        (Fault::Hang { after: 5 }, Some(())),
        (bad_gateway, None),
    ];
    for (fault, applied) in cases {
        let host = host();
        let (_folder, repo, base) = cloned(&host);
        let remote = remote(&host, "octo/hello.git");
        let new = commit(&repo, base, "a", "1");
        host.order(report, fault.clone());
        // Long enough for git to have written, whatever else the machine does.
        let caps = PushCaps { time: SOON * 10, ..PushCaps::default() };
        let error =
            push(&repo, &remote, &Update { branch: BRANCH, old: None, new }, &caps, &NEVER).unwrap_err();
        assert!(matches!(error, PushError::Unknown { .. }), "{fault:?}: {error}");
        assert!(error.is_transient());

        host.heal();
        let refs = ["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{BRANCH}")];
        let found = git(&host.path("octo/hello.git"), &refs);
        assert_eq!(found, applied.map_or_else(String::new, |()| new.to_string()), "{fault:?}");
        let again = send(&repo, &remote, None, new).unwrap();
        assert_eq!(again == Pushed::AlreadyThere, applied.is_some(), "{fault:?}");
    }
}

#[test]
fn a_request_that_is_refused_whole_has_written_nothing() {
    let refuse = |status, body| {
        let headers = vec!["Content-Type: text/plain".to_owned()];
        Fault::Answer { status, headers, body }
    };
    let cases = [
        ("info/refs", refuse("403 Forbidden", "Write access to repository not granted."), false),
        ("info/refs", refuse("404 Not Found", "Not Found"), false),
        ("info/refs", refuse("500 Internal Server Error", ""), true),
        ("info/refs", Fault::DropBefore, true),
        ("info/refs", Fault::Hang { after: 0 }, true),
        (
            "hello.git/git-receive-pack",
            refuse("403 Forbidden", "This repository was archived so it is read-only."),
            false,
        ),
        ("hello.git/git-receive-pack", refuse("429 Too Many Requests", ""), true),
    ];
    for (part, fault, transient) in cases {
        let host = host();
        let (_folder, repo, base) = cloned(&host);
        host.order(part, fault.clone());
        let update = Update { branch: BRANCH, old: None, new: commit(&repo, base, "a", "1") };
        let caps = PushCaps { time: SOON, ..PushCaps::default() };
        let error = push(&repo, &remote(&host, "octo/hello.git"), &update, &caps, &NEVER).unwrap_err();
        assert!(matches!(error, PushError::Remote(_)), "{fault:?}: {error:?}");
        assert_eq!(error.is_transient(), transient, "{fault:?}: {error}");
        assert!(!format!("{error} {error:?}").contains(TOKEN));
    }
}

#[test]
fn a_wrong_token_writes_nothing() {
    let host = host();
    let (_folder, repo, base) = cloned(&host);
    let wrong = Remote::new(&host.url("octo/hello.git"), Some("ghs_Wrong".into())).unwrap();
    let error = send(&repo, &wrong, None, commit(&repo, base, "a", "1")).unwrap_err();
    assert!(matches!(error, PushError::Remote(RemoteError::NoAccess { status: 401, .. })), "{error}");
}

#[test]
fn a_commit_over_the_cap_is_not_sent() {
    let host = host();
    let (_folder, repo, base) = cloned(&host);
    let before = host.requests().len();
    let new = commit(&repo, base, "big", &"x".repeat(10_000));
    let caps = PushCaps { bytes: 10_000, ..PushCaps::default() };
    let update = Update { branch: BRANCH, old: None, new };
    let error = push(&repo, &remote(&host, "octo/hello.git"), &update, &caps, &NEVER).unwrap_err();
    assert!(matches!(error, PushError::TooLarge { limit: 10_000 }), "{error}");
    assert!(host.requests()[before..].iter().all(|request| request.method == "GET"));
}

#[test]
fn a_tree_of_ten_thousand_million_paths_is_pushed_from() {
    let host = host();
    run_script(
        &host.path("octo/hello.git"),
        r#"
        entry="100644 blob $(echo bomb | git hash-object -w --stdin)"
        for level in 1 2 3 4 5 6 7 8 9 10; do
            tree=$(for name in 0 1 2 3 4 5 6 7 8 9; do printf '%s\t%s\n' "$entry" "$name"; done | git mktree)
            entry="040000 tree $tree"
        done
        git update-ref refs/heads/main "$(git commit-tree -m Bomb "$tree")"
        "#,
    );
    let (_folder, repo, base) = cloned(&host);
    let pushed = send(&repo, &remote(&host, "octo/hello.git"), None, commit(&repo, base, "a", "1")).unwrap();
    assert!(matches!(pushed, Pushed::Moved { objects: 3, .. }), "{pushed:?}");
}

#[test]
fn the_token_does_not_follow_a_push_to_another_host() {
    for part in ["info/refs", "hello.git/git-receive-pack"] {
        let (here, other) = (host(), host());
        let (_folder, repo, base) = cloned(&here);
        let location =
            format!("Location: {}", other.url("octo/hello.git/info/refs?service=git-receive-pack"));
        let status = "307 Temporary Redirect";
        here.order(part, Fault::Answer { status, headers: vec![location], body: "" });
        let error =
            send(&repo, &remote(&here, "octo/hello.git"), None, commit(&repo, base, "a", "1")).unwrap_err();
        assert!(matches!(error, PushError::Remote(_) | PushError::Unknown { .. }), "{error}");
        assert!(other.requests().is_empty(), "{:?}", other.requests());
    }
}

#[test]
fn a_pushed_branch_can_be_cloned() {
    let host = host();
    let (folder, repo, base) = cloned(&host);
    let remote = remote(&host, "octo/hello.git");
    let new = commit(&repo, base, "a", "1");
    send(&repo, &remote, None, new).unwrap();
    let into = folder.path().join("second");
    let clone = clone_into(&remote, Some(BRANCH), &into, &CloneCaps::default()).unwrap();
    assert_eq!((clone.commit, clone.branch.as_str()), (new, BRANCH));
}
