//! Bad input, one row each: how the program ends, and the words that a person reads.

use crate::world::{Model, README, Run, TYPO, World, blocks, under};

const DONE: i32 = 0;
pub(crate) const COULD_NOT_SOLVE: i32 = 1;
pub(crate) const USAGE: i32 = 2;
pub(crate) const PASSING: i32 = 75;

/// What happens, how the program ends, and standard error from `error:` on, lines joined by ` | `.
pub(crate) type Row = (&'static str, fn(&World) -> Run, i32, &'static str);

/// Plays each row in a world of its own and compares all of them at once.
pub(crate) fn check(rows: &[Row]) {
    let told = |name: &str, status: Option<i32>, words: &str| format!("{name}\n    {status:?} {words}\n");
    let (mut found, mut expected) = (String::new(), String::new());
    for (name, play, status, words) in rows {
        let world = World::sample();
        world.file("issue.md", TYPO);
        let (ended, said) = play(&world).failure();
        found += &told(name, ended, &said);
        expected += &told(name, Some(*status), words);
    }
    assert!(found == expected, "{}", difference(&expected, &found));
}

fn difference(expected: &str, found: &str) -> String {
    similar::TextDiff::from_lines(expected, found).unified_diff().context_radius(1).to_string()
}

/// The sample's issue on the sample repository.
fn solve(world: &World) -> Run {
    world.solve("issue.md", &[])
}

fn issue(world: &World, content: impl AsRef<[u8]>) -> Run {
    world.file("issue.md", content);
    solve(world)
}

fn on(world: &World, repo: &str) -> Run {
    world.task(&["--repo", repo, "--issue", "issue.md"], &[], b"")
}

#[test]
fn repositories() {
    check(&[
        (
            "no such folder",
            |world| on(world, "nowhere"),
            USAGE,
            "error: nowhere is not a folder |   Give --repo a path inside a git repository.",
        ),
        (
            "not a repository",
            |world| {
                std::fs::create_dir(world.path("plain")).unwrap();
                on(world, "plain")
            },
            USAGE,
            "error: plain is not a git repository (Could not find a git repository in \"plain\" or \
             in any of its parents) |   Give --repo a path inside a git repository.",
        ),
        (
            "a file",
            |world| on(world, "issue.md"),
            USAGE,
            "error: issue.md is not a folder |   Give --repo a path inside a git repository.",
        ),
        (
            "a name with escape characters",
            |world| on(world, "\u{1b}]0;owned\u{7}\u{202e}repo"),
            USAGE,
            "error: ]0;ownedrepo is not a folder |   Give --repo a path inside a git repository.",
        ),
        (
            "empty repository",
            |world| {
                world.init("empty");
                on(world, "empty")
            },
            USAGE,
            "error: empty is a git repository without a commit |   Commit something first.",
        ),
        (
            "no such base",
            |world| world.solve("issue.md", &["--base", "nowhere"]),
            USAGE,
            "error: \"nowhere\" names no commit of the repository |   `git branch --all` and `git \
             tag` list what does.",
        ),
        (
            "base is no commit",
            |world| {
                let blob = world.git("repo", &["rev-parse", "HEAD:README.md"]);
                world.git("repo", &["tag", "blob", &blob]);
                world.solve("issue.md", &["--base", "blob"])
            },
            USAGE,
            "error: \"blob\" names no commit of the repository |   `git branch --all` and `git tag` \
             list what does.",
        ),
        (
            "a missing tree",
            |world| {
                let tree = world.git("repo", &["rev-parse", "HEAD^{tree}"]);
                let (folder, file) = tree.split_at(2);
                std::fs::remove_file(world.path("repo/.git/objects").join(folder).join(file)).unwrap();
                solve(world)
            },
            USAGE,
            "error: the base commit 604686d54b65594094b790740815ed3588e8a104 cannot be read: An \
             object with id 336b26c0b61e6ae83cf77b48be867faaedea016b could not be found |   Fetch \
             the missing objects (`git fetch --refetch`).",
        ),
        (
            "no candidate file",
            |world| {
                world.git("repo", &["rm", "-q", "README.md", "src/station.py"]);
                world.commit("repo", &[("image.png", &b"\x89PNG\0\0"[..]), ("Cargo.lock", b"[[package]]\n")]);
                world.solve("issue.md", &["--model", "ollama:m"])
            },
            COULD_NOT_SOLVE,
            "error: nothing to read: the repository has no file of text that was written by hand |   \
             There must be source or text files on the branch that is read; binary, generated and \
             vendored files do not count.",
        ),
        (
            "an empty tree",
            |world| {
                world.git("repo", &["rm", "-q", "README.md", "src/station.py"]);
                world.git("repo", &["commit", "-q", "-m", "Nothing"]);
                world.solve("issue.md", &["--model", "ollama:m"])
            },
            COULD_NOT_SOLVE,
            "error: nothing to read: the repository has no file of text that was written by hand |   \
             There must be source or text files on the branch that is read; binary, generated and \
             vendored files do not count.",
        ),
        (
            "ten million paths",
            |world| {
                bomb(world);
                solve(world)
            },
            USAGE,
            "error: the repository has more than 200000 paths, which is the most that is looked at \
             |   Repositories of this size are not supported; no model was asked.",
        ),
        (
            "branch exists with other commits",
            |world| {
                world.git("repo", &["branch", "ai-agent/issue-7"]);
                solve(world)
            },
            COULD_NOT_SOLVE,
            "error: the branch ai-agent/issue-7 is at 604686d54b65594094b790740815ed3588e8a104 with commits that ai-agent did not make |   Rename it (`git branch -m ai-agent/issue-7 \
             ai-agent/issue-7-kept`) or delete it, then try again.",
        ),
    ]);
}

#[test]
fn repositories_of_every_kind_work() {
    type Make = fn(&World);
    let kinds: [(&str, Make); 8] = [
        ("bare.git", |world| drop(world.git(".", &["clone", "-q", "--bare", "repo", "bare.git"]))),
        ("shallow", |world| {
            world.commit("repo", &[("new.txt", "new\n")]);
            let url = format!("file://{}", world.path("repo").display());
            world.git(".", &["clone", "-q", "--depth", "1", &url, "shallow"]);
        }),
        ("repo", |world| drop(world.git("repo", &["checkout", "-q", "--detach"]))),
        ("linked", |world| drop(world.git("repo", &["worktree", "add", "-q", "-b", "side", "../linked"]))),
        ("super/sub", |world| {
            world.init("super");
            let url = world.path("repo");
            world.git("super", &["submodule", "--quiet", "add", url.to_str().unwrap(), "sub"]);
        }),
        // A submodule inside is neither read nor lost.
        ("repo", |world| {
            world.git(".", &["clone", "-q", "repo", "other"]);
            let url = world.path("other");
            world.git("repo", &["submodule", "--quiet", "add", url.to_str().unwrap(), "sub"]);
            world.git("repo", &["commit", "-q", "-m", "Submodule"]);
        }),
        ("repo/src", |_| ()),
        ("packed", |world| {
            world.git(".", &["clone", "-q", "repo", "packed"]);
            world.git("packed", &["gc", "-q"]);
            world.git("packed", &["pack-refs", "--all"]);
        }),
    ];
    for (repo, make) in kinds {
        let world = World::sample();
        world.file("issue.md", TYPO);
        make(&world);
        on(&world, repo).done();
        let diff = ["diff", "--numstat", "HEAD", "ai-agent/issue-7"];
        assert_eq!(world.git(repo, &diff), "1\t1\tREADME.md", "{repo}");
        assert_eq!(world.git(repo, &["fsck", "--strict", "--no-dangling"]), "", "{repo}");
    }
}

/// Commits a tree of ten million paths that is made of eight objects.
fn bomb(world: &World) {
    let hash = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    let blob = hash(world.git_bytes("repo", &["hash-object", "-w", "--stdin"], b"x\n"));
    let ten = |kind: &str, id: &str| {
        let lines: Vec<String> = (0..10).map(|name| format!("{kind} {id}\t{name}\n")).collect();
        lines.concat()
    };
    let mut listing = ten("100644 blob", &blob);
    let mut tree = String::new();
    for _ in 0..7 {
        tree = hash(world.git_bytes("repo", &["mktree"], listing.as_bytes()));
        listing = ten("040000 tree", &tree);
    }
    let commit = world.git("repo", &["commit-tree", "-m", "Bomb", &tree]);
    world.git("repo", &["update-ref", "refs/heads/main", &commit]);
}

#[test]
fn issues() {
    check(&[
        (
            "missing",
            |world| world.solve("nothing.md", &[]),
            USAGE,
            "error: the issue in nothing.md cannot be read: No such file or directory (os error 2) \
             |   Give an issue with `--issue FILE`, or `-` for standard input.",
        ),
        (
            "a folder",
            |world| world.solve("repo", &[]),
            USAGE,
            "error: the issue in repo cannot be read: Is a directory (os error 21) |   Give an \
             issue with `--issue FILE`, or `-` for standard input.",
        ),
        (
            "empty",
            |world| issue(world, ""),
            USAGE,
            "error: the issue in issue.md is empty |   Write what should change, the first line is \
             its title.",
        ),
        (
            "blank",
            |world| issue(world, " \n\t\n"),
            USAGE,
            "error: the issue in issue.md is empty |   Write what should change, the first line is \
             its title.",
        ),
        (
            "5 MB",
            |world| issue(world, "a".repeat(5_000_000)),
            USAGE,
            "error: the issue in issue.md is larger than 1 MiB |   Keep the parts that matter (the \
             end of a log, one stack trace).",
        ),
        (
            "not UTF-8",
            |world| issue(world, b"# Gr\xfc\xdfe\n"),
            USAGE,
            "error: the issue in issue.md is not UTF-8 text |   Save it as UTF-8.",
        ),
        (
            "invisible characters alone",
            |world| issue(world, "\u{200b}\u{e0041}\u{e0042}\u{2060}\u{feff}\n\u{202e}\n"),
            USAGE,
            "error: the issue in issue.md has no visible text: what it holds is hidden from \
             readers, so it is not shown to a model |   Write what should change in plain text.",
        ),
        (
            "a comment alone",
            |world| issue(world, "<!-- nothing to see -->\n"),
            USAGE,
            "error: the issue in issue.md has no visible text: what it holds is hidden from \
             readers, so it is not shown to a model |   Write what should change in plain text.",
        ),
        (
            "other JSON",
            |world| issue(world, r#"{"name": "x"}"#),
            USAGE,
            "error: the issue in issue.md looks like JSON but is not an issue: missing field \
             `title` at line 1 column 13 |   Expected the fields number, title, body.",
        ),
        (
            "empty standard input",
            |world| world.task(&["--repo", "repo", "--issue", "-"], &[], b""),
            USAGE,
            "error: the issue on standard input is empty |   Write what should change, the first \
             line is its title.",
        ),
        (
            "invisible characters between the words",
            |world| issue(world, TYPO.replace("should", "sh\u{200b}ou\u{e0041}ld")),
            DONE,
            "",
        ),
        (
            "vague",
            |world| issue(world, "# Make it better\n"),
            COULD_NOT_SOLVE,
            "error: The rule-based engine (builtin) made no change: I don't understand the issue from `Make it \
             better` on. |   Write nothing but the request, in one of these forms: replace `a` by `b`; replace `a` by \
             `b` in `FILE`; set `key` to `value` in `FILE`; bump `name` from `x` to `y`. For anything else, use a \
             language model.",
        ),
    ]);
}

#[test]
fn arguments_and_settings() {
    check(&[
        (
            "unknown provider",
            |world| world.solve("issue.md", &["--model", "clippy"]),
            USAGE,
            "error: there is no model provider `clippy` |   Write anthropic, openai, ollama or \
             builtin, as in `--model anthropic`.",
        ),
        (
            "no model's name",
            |world| world.solve("issue.md", &["--model", "ollama:"]),
            USAGE,
            "error: `ollama:` names no model |   Write `provider:model`, as in \
             `ollama:qwen2.5-coder:7b`.",
        ),
        (
            "no key",
            |world| world.solve("issue.md", &["--model", "anthropic"]),
            USAGE,
            "error: anthropic needs a key |   Set ANTHROPIC_API_KEY or name a file that holds it in \
             ANTHROPIC_API_KEY_FILE.",
        ),
        (
            "a key file that is not there",
            |world| {
                let variables = [("AGENT_MODEL", "openai"), ("OPENAI_API_KEY_FILE", "nothing")];
                world.solve_with("issue.md", &[], &variables)
            },
            USAGE,
            "error: cannot read nothing, which OPENAI_API_KEY_FILE names: No such file or \
             directory (os error 2) |   Correct the setting and run the command again.",
        ),
        (
            "a key with a line end in it",
            |world| {
                let variables = [("AGENT_MODEL", "openai"), ("OPENAI_API_KEY", "sk-a\nb")];
                world.solve_with("issue.md", &[], &variables)
            },
            USAGE,
            "error: invalid secret for OPENAI_API_KEY: it has characters that no key has: was it copied \
             whole, and nothing with it? |   Correct the setting and run the command again.",
        ),
        (
            "a key in clear",
            |world| {
                let variables = [
                    ("AGENT_MODEL", "openai"),
                    ("OPENAI_API_KEY", "sk-a"),
                    ("OPENAI_BASE_URL", "http://example.org/v1"),
                ];
                world.solve_with("issue.md", &[], &variables)
            },
            USAGE,
            "error: the key would travel unencrypted to http://example.org/v1 |   Use https, or \
             unset OPENAI_API_KEY and OPENAI_API_KEY_FILE.",
        ),
        (
            "retries that are no number",
            |world| {
                let variables = [("AGENT_MODEL", "ollama"), ("AGENT_MODEL_RETRIES", "-1")];
                world.solve_with("issue.md", &[], &variables)
            },
            USAGE,
            "error: invalid number \"-1\" for AGENT_MODEL_RETRIES: use a whole number from 0 to 20 |   \
             Correct the setting and run the command again.",
        ),
        (
            "a ceiling that is no amount",
            |world| world.solve_with("issue.md", &[], &[("AGENT_MAX_COST", "much")]),
            USAGE,
            "error: invalid amount \"much\" for AGENT_MAX_COST: use dollars with at most six digits after \
             the point, such as 2.50 |   Correct the setting and run the command again.",
        ),
        (
            "a pattern that is none",
            |world| world.solve_with("issue.md", &[], &[("AGENT_ALLOW", "!x")]),
            USAGE,
            "error: invalid list \"!x\" for AGENT_ALLOW: the pattern \"!x\" begins with `!` |   Name \
             exceptions in the list of allowed paths.",
        ),
        (
            "a limit that is misspelt",
            |world| world.solve_with("issue.md", &[], &[("AGENT_MAX_COSTS", "0.10")]),
            USAGE,
            "error: unknown setting AGENT_MAX_COSTS: did you mean AGENT_MAX_COST? |   \
             Correct the setting and run the command again.",
        ),
        (
            "a setting by its old name, beside its new one",
            |world| {
                let both = [("AGENT_UNPRICED", "allow"), ("AGENT_UNKNOWN_PRICE", "refuse")];
                world.solve_with("issue.md", &[], &both)
            },
            USAGE,
            "error: AGENT_UNPRICED is now called AGENT_UNKNOWN_PRICE, which has another value: unset AGENT_UNPRICED |   Correct \
             the setting and run the command again.",
        ),
        (
            "a gateway without a price",
            |world| {
                let variables =
                    [("AGENT_MODEL", "openai:gpt"), ("OPENAI_BASE_URL", "http://gateway.acme.internal/v1")];
                world.solve_with("issue.md", &[], &variables)
            },
            COULD_NOT_SOLVE,
            "error: the price of openai:gpt is unknown, so its cost cannot be kept under $3.00 |   Set \
             AGENT_MODEL_PRICE to it (`free` if nobody charges for it), or AGENT_UNKNOWN_PRICE=allow to \
             limit tokens alone.",
        ),
        (
            "--out without a plan",
            |world| world.solve("issue.md", &["--out", "plan.md"]),
            USAGE,
            "error: `--out` is only valid with `--mode plan` |   Add `--mode plan`, or remove `--out`.",
        ),
        (
            "a plan that cannot be written",
            |world| world.solve("issue.md", &["--mode", "plan", "--out", "nowhere/plan.md"]),
            COULD_NOT_SOLVE,
            "error: the plan cannot be written to nowhere/plan.md: No such file or directory (os \
             error 2) |   Give a place that can be written to with `--out`.",
        ),
        (
            "a plan that is not there",
            |world| world.solve("issue.md", &["--approve", "plan.md"]),
            USAGE,
            "error: the plan plan.md cannot be read: No such file or directory (os error 2) |   \
             Give the file that `--out` wrote.",
        ),
        (
            "a plan that is none",
            |world| {
                world.file("plan.md", "# A plan\n");
                world.solve("issue.md", &["--approve", "plan.md"])
            },
            USAGE,
            "error: the plan plan.md cannot be approved: it has no plan marker |   Approve the file \
             that `ai-agent solve --mode plan --out FILE` wrote, as it is.",
        ),
        (
            "a plan whose marker is damaged",
            |world| {
                world.solve("issue.md", &["--mode", "plan", "--out", "plan.md"]).done();
                let plan = std::fs::read_to_string(world.path("plan.md")).unwrap();
                world.file("plan.md", plan.replace("{\"plan\"", "{\"plane\""));
                world.solve("issue.md", &["--approve", "plan.md"])
            },
            USAGE,
            "error: the plan plan.md cannot be approved: its plan marker is damaged (unknown field \
             `plane`, expected one of `plan`, `issue`, `base`, `config`, `files`, `asked_by` at line 1 column \
             8) |   Make the plan again.",
        ),
    ]);
}

#[test]
fn links_are_not_followed_and_strange_names_not_shown() {
    for (mode, name, content) in [
        ("120000", "link.md", "../secret.txt"),
        ("100644", "a\nb.md", "recieves\n"),
        ("100644", "\u{1b}]0;owned\u{7}.md", "recieves\n"),
        ("100644", "recieves\u{202e}dm.md", "recieves\n"),
        ("100644", "back\\slash.md", "recieves\n"),
    ] {
        let world = World::sample();
        world.file("secret.txt", "it recieves a secret\n");
        world.entry(mode, content, name);
        let issue = world.file("issue.md", TYPO);
        let model = Model::saying(&[&blocks(&[("README.md", README.lines().last().unwrap(), "New.")])]);
        let report = model.solve(&world, &issue, &["--json"], &[]).done().json();
        let requests = model.finish();
        let read: Vec<&str> =
            report["read"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
        assert_eq!(read, ["README.md", "src/station.py"], "{name:?}");
        let said = crate::world::said(&requests[0]).concat();
        assert!(!said.contains("a secret") && !said.contains(name), "{name:?}: {said}");
        // It is in the commit as it was.
        let entries = |branch: &str| world.git_bytes("repo", &["ls-tree", "-z", branch], b"");
        let strange = |branch: &str| {
            let entries = entries(branch);
            entries
                .split(|byte| *byte == 0)
                .find(|entry| entry.ends_with(name.as_bytes()))
                .map(<[u8]>::to_vec)
        };
        assert!(strange("main").is_some());
        assert_eq!(strange("ai-agent/issue-7"), strange("main"), "{name:?}");
    }
}

#[test]
fn a_full_disk_moves_no_branch() {
    // A limit on the size of files stands for the full disk: a test cannot fill one, and as the superuser, who may
    // write wherever it is forbidden, it would not notice that a folder is read-only. The signal that comes with
    // the limit is ignored, so that writing fails with an error, as it does on a full disk.
    let world = World::sample();
    world.file("issue.md", TYPO);
    let state = || (world.snapshot("repo"), world.refs());
    let before = state();
    let command = under("trap '' XFSZ; ulimit -f 0", &["--repo", "repo", "--issue", "issue.md"]);
    let run = world.run_task(command, &[], b"");
    let words = "error: the change could not be written: writing README.md: file too large |   Make room or give write \
                 permission, then try again; no branch was moved.";
    assert_eq!(run.failure(), (Some(COULD_NOT_SOLVE), words.to_owned()));
    assert_eq!(state(), before);
    // With room it works, so the limit was what failed.
    solve(&world).done();
}
