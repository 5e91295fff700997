use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gix::ObjectId;
use task::git::clone::{CloneCaps, CloneError, Source, fetch_commits};
use task::git::remote::{Remote, RemoteError};

use crate::git_host::{Announced, Fault, GitHost, TOKEN, git, run_script};
use crate::{NEVER, SOON, clone_into, cloned, host, remote};

/// In the request for a pack.
const FETCH: &str = "command=fetch";

/// Every object, as `id type size` lines.
fn objects(repository: &Path) -> String {
    git(repository, &["cat-file", "--batch-all-objects", "--batch-check"])
}

#[test]
fn a_clone_is_what_git_clones() {
    for (branch, protocol) in [(None, None), (Some("feature"), None), (None, Some(Fault::OldProtocol))] {
        let host = host();
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs");
        let name = branch.unwrap_or("main");
        let served = format!("file://{}", host.path("octo/hello.git").display());
        let arguments = [
            "clone",
            "-q",
            "--depth",
            "1",
            "--bare",
            "--single-branch",
            "-b",
            name,
            &served,
            theirs.to_str().unwrap(),
        ];
        git(folder.path(), &arguments);
        if let Some(fault) = protocol {
            host.order("", fault);
        }

        let ours = folder.path().join("ours");
        let clone =
            clone_into(&remote(&host, "octo/hello.git"), branch, &ours, &CloneCaps::default()).unwrap();

        assert_eq!(clone.branch, name);
        assert_eq!(clone.commit.to_string(), git(&theirs, &["rev-parse", "HEAD"]));
        assert_eq!(objects(&ours), objects(&theirs));
        for question in [
            &["rev-parse", "HEAD^{tree}"] as &[&str],
            &["symbolic-ref", "HEAD"],
            &["for-each-ref"],
            &["ls-tree", "-r", "HEAD"],
            &["rev-parse", "--is-shallow-repository", "--is-bare-repository"],
            &["fsck", "--strict"],
        ] {
            assert_eq!(git(&ours, question), git(&theirs, question), "{question:?}");
        }
        assert!(clone.received > 0);
    }
}

#[test]
fn the_token_is_in_the_header_and_nowhere_else() {
    let host = host();
    let (folder, repo, _) = cloned(&host);
    let planted = [TOKEN.as_bytes(), b"x-access-token", b"eC1hY2Nlc3MtdG9rZW46"];
    let mut open = vec![folder.path().to_owned()];
    let mut files = 0;
    while let Some(place) = open.pop() {
        for entry in std::fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            for secret in planted {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
            }
        }
    }
    assert!(files > 5, "the clone was looked at");
    let config = repo.config_snapshot().to_string();
    assert!(!config.contains("http"), "no address either: {config}");

    for request in host.requests() {
        assert!(request.headers.contains_key("authorization"));
        assert!(!request.path.contains(TOKEN) && !request.query.contains(TOKEN));
    }
    let shown = format!("{} {:?}", remote(&host, "octo/hello.git"), remote(&host, "octo/hello.git"));
    assert!(!shown.contains(TOKEN), "{shown}");
}

/// An error as a row of a table: its kind, and whether it may pass.
fn kind(error: &CloneError) -> (String, bool) {
    let kind = match error {
        CloneError::Remote(RemoteError::NoAccess { status, .. }) => format!("no access {status}"),
        CloneError::Remote(RemoteError::Busy { status, .. }) => format!("busy {status}"),
        CloneError::Remote(RemoteError::Unreachable { .. }) => "unreachable".to_owned(),
        CloneError::Remote(RemoteError::Dropped { .. }) => "dropped".to_owned(),
        CloneError::Remote(RemoteError::TimedOut { .. }) => "timed out".to_owned(),
        CloneError::Remote(RemoteError::Interrupted) => "interrupted".to_owned(),
        CloneError::Remote(RemoteError::TooLarge { limit }) => format!("more than {limit}"),
        CloneError::Remote(RemoteError::Redirected { .. }) => "redirected".to_owned(),
        CloneError::Remote(RemoteError::Protocol { .. }) => "protocol".to_owned(),
        CloneError::Remote(RemoteError::Client { .. }) => "client".to_owned(),
        CloneError::Empty => "empty".to_owned(),
        CloneError::NoSuchBranch { branch } => format!("no branch {branch}"),
        CloneError::NoDefaultBranch => "no default branch".to_owned(),
        CloneError::ObjectTooLarge { limit } => format!("object over {limit}"),
        CloneError::TooManyObjects { found, limit } => format!("{found} objects, not {limit}"),
        CloneError::Disk { .. } => "disk".to_owned(),
    };
    (kind, error.is_transient())
}

/// A clone that fails: of what, in which circumstances, and how.
struct Case {
    name: &'static str,
    repository: &'static str,
    branch: Option<&'static str>,
    /// A shell script, run where the repositories are.
    setup: &'static str,
    fault: Option<(&'static str, Fault)>,
    caps: CloneCaps,
    /// The kind of error, and whether it may pass.
    expected: (&'static str, bool),
}

fn usual() -> Case {
    Case {
        name: "",
        repository: "octo/hello.git",
        branch: None,
        setup: "true",
        fault: None,
        caps: CloneCaps::default(),
        expected: ("", false),
    }
}

impl Case {
    #[track_caller]
    fn check(self) {
        let host = host();
        run_script(host.root.path(), self.setup);
        if let Some((part, fault)) = self.fault {
            host.order(part, fault);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let into = folder.path().join("clone");
        let error = clone_into(&remote(&host, self.repository), self.branch, &into, &self.caps).err();
        let error = error.expect("no clone");
        let (kind, transient) = kind(&error);
        assert_eq!((kind.as_str(), transient), self.expected, "{}: {error}", self.name);
        assert!(!into.exists(), "{}: the folder is left", self.name);
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{}: {error}", self.name);
    }
}

/// Empties the repository.
const EMPTY: &str = "rm -rf octo/hello.git && git init -q --bare octo/hello.git";

/// Adds a file of a number of bytes, taken from a device, to the default branch.
macro_rules! big_file {
    ($bytes:literal, $device:literal) => {
        concat!(
            "cd octo/hello.git; blob=$(head -c ",
            $bytes,
            " ",
            $device,
            " | git hash-object -w --stdin)
            tree=$(printf '100644 blob %s\\tbig\\n' $blob | git mktree)
            git update-ref refs/heads/main $(git commit-tree -m Big $tree)"
        )
    };
}

#[test]
fn repositories_that_cannot_be_cloned() {
    let cases = [
        Case {
            name: "no such repository",
            repository: "octo/none.git",
            expected: ("no access 404", false),
            ..usual()
        },
        Case { name: "empty", setup: EMPTY, expected: ("empty", false), ..usual() },
        Case {
            name: "empty, old protocol",
            setup: EMPTY,
            fault: Some(("", Fault::OldProtocol)),
            expected: ("empty", false),
            ..usual()
        },
        Case { name: "no such branch", branch: Some("nope"), expected: ("no branch nope", false), ..usual() },
        Case {
            name: "no branch's name",
            branch: Some("a..b"),
            expected: ("no branch a..b", false),
            ..usual()
        },
        Case {
            name: "default branch deleted",
            setup: "git -C octo/hello.git symbolic-ref HEAD refs/heads/gone",
            expected: ("no branch gone", false),
            ..usual()
        },
        Case {
            name: "HEAD detached",
            setup: "git -C octo/hello.git update-ref --no-deref HEAD $(git -C octo/hello.git rev-parse main~1)",
            expected: ("no default branch", false),
            ..usual()
        },
        Case {
            name: "other object ids",
            setup: "rm -rf octo/hello.git && git init -q --bare --object-format=sha256 octo/hello.git",
            expected: ("protocol", false),
            ..usual()
        },
        Case {
            name: "larger than allowed",
            setup: big_file!("9000", "/dev/urandom"),
            caps: CloneCaps { bytes: 2000, ..CloneCaps::default() },
            expected: ("more than 2000", false),
            ..usual()
        },
        Case {
            name: "an object larger than allowed",
            setup: big_file!("3000000", "/dev/zero"),
            caps: CloneCaps { object: 1_000_000, ..CloneCaps::default() },
            expected: ("object over 1000000", false),
            ..usual()
        },
        Case {
            name: "more objects than allowed",
            caps: CloneCaps { objects: 9, ..CloneCaps::default() },
            expected: ("10 objects, not 9", false),
            ..usual()
        },
    ];
    for case in cases {
        case.check();
    }
}

#[test]
fn hosts_that_do_not_serve() {
    let plain = || vec!["Content-Type: text/plain".to_owned()];
    let soon = CloneCaps { time: SOON, ..CloneCaps::default() };
    let cases = [
        Case {
            name: "blocked",
            fault: Some((
                "info/refs",
                Fault::Answer {
                    status: "403 Forbidden",
                    headers: plain(),
                    body: "Repository access blocked.",
                },
            )),
            expected: ("no access 403", false),
            ..usual()
        },
        Case {
            name: "overloaded",
            fault: Some((
                FETCH,
                Fault::Answer {
                    status: "503 Service Unavailable",
                    headers: vec![],
                    body: "<h1>Unicorn</h1>",
                },
            )),
            expected: ("busy 503", true),
            ..usual()
        },
        Case {
            name: "rate limited",
            fault: Some((
                "",
                Fault::Answer { status: "429 Too Many Requests", headers: plain(), body: "Slow down." },
            )),
            expected: ("busy 429", true),
            ..usual()
        },
        Case {
            name: "a page for people",
            fault: Some((
                "",
                Fault::Answer {
                    status: "200 OK",
                    headers: vec!["Content-Type: text/html".to_owned()],
                    body: "<html>Sign in</html>",
                },
            )),
            expected: ("protocol", false),
            ..usual()
        },
        Case {
            name: "dropped at once",
            fault: Some(("info/refs", Fault::DropBefore)),
            expected: ("dropped", true),
            ..usual()
        },
        Case {
            name: "dropped at the pack",
            fault: Some((FETCH, Fault::DropBefore)),
            expected: ("dropped", true),
            ..usual()
        },
        Case {
            name: "truncated greeting",
            fault: Some(("info/refs", Fault::Truncate { after: 40, announced: Announced::Yes })),
            expected: ("dropped", true),
            ..usual()
        },
        Case {
            name: "truncated pack",
            fault: Some((FETCH, Fault::Truncate { after: 400, announced: Announced::Yes })),
            expected: ("dropped", true),
            ..usual()
        },
        Case {
            name: "truncated pack of unknown length",
            fault: Some((FETCH, Fault::Truncate { after: 400, announced: Announced::No })),
            expected: ("dropped", true),
            ..usual()
        },
        Case {
            name: "silent from the start",
            fault: Some(("", Fault::Hang { after: 0 })),
            caps: soon,
            expected: ("timed out", true),
            ..usual()
        },
        Case {
            name: "silent within the pack",
            fault: Some((FETCH, Fault::Hang { after: 400 })),
            caps: soon,
            expected: ("timed out", true),
            ..usual()
        },
    ];
    for case in cases {
        case.check();
    }
}

#[test]
fn a_wrong_token_opens_nothing() {
    let host = host();
    let folder = tempfile::tempdir().unwrap();
    for token in [None, Some("ghs_Wrong".into())] {
        let remote = Remote::new(&host.url("octo/hello.git"), token).unwrap();
        let error =
            clone_into(&remote, None, &folder.path().join("clone"), &CloneCaps::default()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "the git host does not accept the token; it is missing, wrong, or has expired (HTTP 401): Bad credentials"
        );
        assert!(!error.is_transient());
    }
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let remote = Remote::new(&format!("http://127.0.0.1:{port}/octo/hello.git"), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = clone_into(&remote, None, &folder.path().join("clone"), &CloneCaps::default()).err().unwrap();
    assert_eq!(kind(&error), ("unreachable".to_owned(), true));
}

#[test]
fn a_caller_can_stop_a_clone() {
    let host = host();
    host.order(FETCH, Fault::Hang { after: 400 });
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("clone");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let remote = remote(&host, "octo/hello.git");
            let source = Source { remote: &remote, branch: None };
            task::git::clone::clone(&source, &into, &CloneCaps::default(), &stop).err().unwrap()
        });
        while !host.requests().iter().any(|request| request.text().contains(FETCH)) && !running.is_finished()
        {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(kind(&running.join().unwrap()), ("interrupted".to_owned(), false));
    });
    assert!(!into.exists());
}

#[tokio::test]
async fn a_clone_can_be_made_beside_asynchronous_code() {
    let host = host();
    let folder = tempfile::tempdir().unwrap();
    let (remote, into) = (remote(&host, "octo/hello.git"), folder.path().join("clone"));
    let clone = tokio::task::spawn_blocking(move || clone_into(&remote, None, &into, &CloneCaps::default()));
    assert_eq!(clone.await.unwrap().unwrap().branch, "main");
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let host = host();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "data").unwrap();
    let error = clone_into(&remote(&host, "octo/hello.git"), None, folder.path(), &CloneCaps::default())
        .err()
        .unwrap();
    assert_eq!(kind(&error).0, "disk");
    assert_eq!(std::fs::read_to_string(folder.path().join("precious")).unwrap(), "data");
}

#[test]
fn no_redirect_leads_to_another_host() {
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        for part in ["info/refs", FETCH] {
            let (host, other) = (host(), GitHost::start());
            let location =
                format!("Location: {}", other.url("octo/hello.git/info/refs?service=git-upload-pack"));
            host.order(part, Fault::Answer { status, headers: vec![location], body: "" });
            let folder = tempfile::tempdir().unwrap();
            let error = clone_into(
                &remote(&host, "octo/hello.git"),
                None,
                &folder.path().join("clone"),
                &CloneCaps::default(),
            )
            .err()
            .unwrap();
            let expected = if part == "info/refs" { "redirected" } else { "protocol" };
            assert_eq!(kind(&error), (expected.to_owned(), false), "{status}");
            assert!(other.requests().is_empty(), "{status}: {:?}", other.requests());
        }
    }
}

#[test]
fn a_renamed_repository_is_followed_within_its_host() {
    let host = host();
    let location = format!("Location: {}", host.url("octo/hello.git/info/refs?service=git-upload-pack"));
    let status = "301 Moved Permanently";
    host.order("/octo/old.git/info/refs", Fault::Answer { status, headers: vec![location], body: "" });
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("clone");
    let clone = clone_into(&remote(&host, "octo/old.git"), None, &into, &CloneCaps::default()).unwrap();
    assert_eq!(clone.commit.to_string(), git(&host.path("octo/hello.git"), &["rev-parse", "main"]));
}

#[test]
fn redirects_in_a_circle_end() {
    let host = host();
    let location = format!("Location: {}", host.url("octo/hello.git/info/refs?service=git-upload-pack"));
    host.order("info/refs", Fault::Answer { status: "302 Found", headers: vec![location], body: "" });
    let folder = tempfile::tempdir().unwrap();
    let error = clone_into(
        &remote(&host, "octo/hello.git"),
        None,
        &folder.path().join("clone"),
        &CloneCaps::default(),
    )
    .err()
    .unwrap();
    assert_eq!(error.to_string(), "the git host's answer is not understood: more than 5 redirects");
}

#[test]
fn a_git_bomb_costs_its_few_objects() {
    let host = host();
    // Ten trees, each ten times in the next: ten thousand million paths.
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
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("clone");
    let caps = CloneCaps { bytes: 10_000, object: 10_000, objects: 12, ..CloneCaps::default() };
    clone_into(&remote(&host, "octo/hello.git"), None, &into, &caps).unwrap();
    assert_eq!(objects(&into).lines().count(), 12, "a commit, ten trees, a file");
}

#[test]
fn other_commits_can_be_fetched_without_their_history() {
    let host = host();
    let (_folder, repo, base) = cloned(&host);
    let server = host.path("octo/hello.git");
    // The branch forks off the base, while the default branch goes on.
    run_script(
        &server,
        r#"
        first=$(git commit-tree -m 'Ours, 1' -p main 'main^{tree}')
        second=$(git commit-tree -m 'Ours, 2' -p "$first" 'feature^{tree}')
        git update-ref refs/heads/ai-agent/issue-7 "$second"
        git update-ref refs/heads/main "$(git commit-tree -m 'Theirs' -p main 'main^{tree}')"
        "#,
    );
    let at = |name: &str| ObjectId::from_hex(git(&server, &["rev-parse", name]).as_bytes()).unwrap();
    let (ours, before, theirs) = (at("ai-agent/issue-7"), at("ai-agent/issue-7^"), at("main"));
    let remote = remote(&host, "octo/hello.git");
    let caps = CloneCaps::default();
    fetch_commits(&repo, &remote, &[ours, theirs, base], base, &caps, &NEVER).unwrap();

    let subject = |id: ObjectId| repo.find_commit(id).unwrap().message().unwrap().title.to_string();
    assert_eq!((subject(ours), subject(theirs)), ("Ours, 2".to_owned(), "Theirs".to_owned()));
    assert!(!repo.has_object(before));
    let entry =
        repo.find_commit(ours).unwrap().tree().unwrap().lookup_entry_by_path("side.txt").unwrap().unwrap();
    assert_eq!(entry.object().unwrap().data, b"side\n");

    let asked = host.requests().len();
    fetch_commits(&repo, &remote, &[ours, theirs], base, &caps, &NEVER).unwrap();
    assert_eq!(host.requests().len(), asked, "what is there is not fetched again");
}
