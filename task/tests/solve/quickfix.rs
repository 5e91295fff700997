//! A change at once, by the rule-based engine: what is written, what is left alone, what is printed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{README, TYPO, World};

const BRANCH: &str = "ai-agent/issue-7";

#[test]
fn a_change_is_one_commit_on_a_branch_of_its_own() {
    let world = World::sample();
    let base = world.git("repo", &["rev-parse", "HEAD"]);
    let issue = world.file("issue.md", TYPO);

    world.solve(&issue, &[]).done();

    assert_eq!(world.at(BRANCH, "README.md"), README.replace("recieves", "receives"));
    assert_eq!(world.git("repo", &["diff", "--name-status", "main", BRANCH]), "M\tREADME.md");
    assert_eq!(
        world.git("repo", &["log", "--format=%P %an <%ae> %cn%n%B", "-1", BRANCH]),
        format!(
            "{base} ai-agent <ai-agent@users.noreply.github.com> ai-agent\n\
             Fix typo: `recieves` → `receives`\n\n\
             Changed, as requested:\n\n- `README.md`: line 3\n\n\
             Agent-Task: local issue-7"
        )
    );
    assert_eq!(
        world.git("repo", &["log", "--format=%(trailers:key=Agent-Task)", "-1", BRANCH]),
        "Agent-Task: local issue-7"
    );
    assert_eq!(world.git("repo", &["fsck", "--strict", "--full"]), "");
}

#[test]
fn work_tree_index_and_head_stay_as_they_are() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    // What a person has under way: a staged file, a changed one, an unknown one.
    std::fs::write(world.path("repo/staged.txt"), "staged\n").unwrap();
    world.git("repo", &["add", "staged.txt"]);
    std::fs::write(world.path("repo/README.md"), "changed\n").unwrap();
    std::fs::write(world.path("repo/unknown.txt"), "unknown\n").unwrap();
    let of_git = |name: &str| std::fs::read(world.path("repo/.git").join(name)).unwrap();
    let work_tree = || {
        let git = world.path("repo/.git");
        let files = world.snapshot("repo").into_iter();
        files.filter(|(path, _)| !path.starts_with(&git)).collect::<Vec<_>>()
    };
    let state =
        || (work_tree(), of_git("index"), of_git("HEAD"), of_git("config"), of_git("refs/heads/main"));
    let before = state();

    world.solve(&issue, &[]).done();

    assert_eq!(state(), before);
    // What was committed counts, not what lies in the work tree.
    assert_eq!(world.at(BRANCH, "README.md"), README.replace("recieves", "receives"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    let state = || (world.snapshot("repo"), world.git("repo", &["count-objects", "-v"]), world.refs());
    let before = state();

    let run = world.solve(&issue, &["--dry-run"]).done();

    assert_eq!(state(), before);
    assert_eq!(run.stdout.lines().last(), Some("Dry run: nothing was written."));
}

#[test]
fn hooks_filters_and_configured_programs_are_not_run() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    let trap = world.path("trap");
    let spring = format!("touch {}", trap.display());
    for hook in ["pre-commit", "post-commit", "reference-transaction", "post-index-change", "commit-msg"] {
        let path = world.path("repo/.git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{spring}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let config = std::fs::read_to_string(world.path("repo/.git/config")).unwrap();
    let config = format!(
        "{config}[core]\n\tfsmonitor = {spring}\n\tsshCommand = {spring}\n[filter \"trap\"]\n\tclean = {spring}\n\
         \tsmudge = {spring}\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {spring}\n"
    );
    std::fs::write(world.path("repo/.git/config"), config).unwrap();
    std::fs::create_dir_all(world.path("repo/.git/info")).unwrap();
    std::fs::write(world.path("repo/.git/info/attributes"), "* filter=trap\n").unwrap();

    world.solve(&issue, &[]).done();

    assert!(!crate::world::exists(&trap), "something of the repository was run");
}

#[test]
fn a_person_reads_what_was_done() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    let run = world.solve(&issue, &[]).done();
    let commit = world.git("repo", &["rev-parse", BRANCH]);
    let expected = format!(
        "Rule-based engine (builtin): no AI model is used. Choose one with --model or AGENT_MODEL.
--- a/README.md
+++ b/README.md
@@ -1,3 +1,3 @@
 # weather
{space}
-A small station that recieves readings.
+A small station that receives readings.

Fix typo: `recieves` → `receives`
  Changed, as requested:

  - `README.md`: line 3

1 file changed, 1 file read. Rule-based change: no AI model was used, $0.
Committed {short} to ai-agent/issue-7.
Look at it:
  git -C repo diff main...ai-agent/issue-7
",
        space = ' ',
        short = &commit[..10]
    );
    assert_eq!(run.stdout, expected);
    let progress = [
        "reading the repository",
        "searching 2 files",
        "resolving and checking the edits",
        "writing the commit",
    ];
    assert_eq!(run.stderr.lines().collect::<Vec<_>>(), progress);
    // The command that is shown shows it.
    assert_eq!(
        world.git(".", &["-C", "repo", "diff", "--stat", "main...ai-agent/issue-7"]).lines().count(),
        2
    );
}

#[test]
fn a_program_reads_the_same_as_json() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    let mut report = world.solve(&issue, &["--json"]).done().json();
    let commit = world.git("repo", &["rev-parse", BRANCH]);
    let times = report.as_object_mut().unwrap().remove("times").unwrap();
    let names: BTreeSet<&str> = times.as_object().unwrap().keys().map(String::as_str).collect();
    let known = ["check_ms", "index_ms", "model_ms", "open_ms", "pack_ms", "total_ms", "walk_ms"];
    assert_eq!(names, BTreeSet::from(known));
    assert!(times.as_object().unwrap().values().all(Value::is_u64), "{times}");
    let body = report.as_object_mut().unwrap().remove("pull_request_body").unwrap();
    assert_eq!(body.as_str().unwrap().lines().nth(4), Some("Fixes #7"), "{body}");
    assert_eq!(
        report,
        json!({
            "outcome": "done",
            "result": "change",
            "issue": {"number": 7, "title": "Typo in the README"},
            "base": {"branch": "main", "commit": world.git("repo", &["rev-parse", "main"])},
            "branch": BRANCH,
            "commit": commit,
            "replaced": null,
            "look_with": "git -C repo diff main...ai-agent/issue-7",
            "files": [{
                "path": "README.md",
                "change": "modified",
                "diff": "--- a/README.md\n+++ b/README.md\n@@ -1,3 +1,3 @@\n # weather\n \n\
                         -A small station that recieves readings.\n+A small station that receives readings.\n",
            }],
            "title": "Fix typo: `recieves` → `receives`",
            "summary": "Changed, as requested:\n\n- `README.md`: line 3",
            "read": [
                {"path": "README.md", "why": "it has what the issue asks to change", "changed": true},
            ],
            "unplanned": [],
            "warnings": [], "notes": [],
            "model": "builtin",
            "calls": 0,
            "input_tokens": 0,
            "output_tokens": 0,
            "cost_usd": 0.0,
        })
    );
}

#[test]
fn a_failure_is_json_too() {
    let world = World::sample();
    let issue = world.file("issue.md", "# Make it better\n");
    let run = world.solve(&issue, &["--json"]);
    assert_eq!(run.status, Some(1));
    let report = run.json();
    assert_eq!(report["outcome"], "failed");
    assert_eq!(report["failure"]["reason"], "declined");
    let (what, next) =
        (report["failure"]["what"].as_str().unwrap(), report["failure"]["next"].as_str().unwrap());
    assert_eq!(run.failure().1, format!("error: {what} |   {next}"));
    let known = ["issue", "base", "model", "calls", "cost_usd"].map(|name| &report[name]);
    let base = json!({"branch": "main", "commit": world.git("repo", &["rev-parse", "main"])});
    let title = json!({"number": null, "title": "Make it better"});
    assert_eq!(known, [&title, &base, &json!("builtin"), &json!(0), &json!(0.0)]);
}

#[test]
fn what_was_read_is_listed_when_asked_for() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    let line = "  * README.md  it has what the issue asks to change\n1 file changed, 1 file read. Rule-based";
    let run = world.solve(&issue, &["--dry-run", "--files"]).done();
    assert!(run.stdout.contains(line), "{}", run.stdout);
    let run = world.solve(&issue, &["--mode", "plan", "--files"]).done();
    assert!(
        run.stdout.contains("README.md  it has what the issue asks to change\n1 file read. Rule-based"),
        "{}",
        run.stdout
    );
}

#[test]
fn an_issue_comes_from_standard_input_and_names_its_branch() {
    let body = "The word `recieves` in README.md should be `receives`.";
    for (input, more, branch) in [
        (format!("# Typo in the README\n\n{body}\n"), vec![], "ai-agent/typo-in-the-readme"),
        (format!("# Typo in the README\n\n{body}\n"), vec!["--number", "12"], "ai-agent/issue-12"),
        (json!({"number": 9, "title": "Typo", "body": body}).to_string(), vec![], "ai-agent/issue-9"),
    ] {
        let world = World::sample();
        let mut arguments = vec!["--repo", "repo", "--issue", "-"];
        arguments.extend(more);
        world.task(&arguments, &[], input.as_bytes()).done();
        assert_eq!(world.at(branch, "README.md"), README.replace("recieves", "receives"), "{branch}");
    }
}

#[test]
fn a_change_starts_from_the_branch_tag_or_commit_that_is_named() {
    let world = World::sample();
    let issue = world.file("issue.md", TYPO);
    world.git("repo", &["tag", "-a", "-m", "First", "v1"]);
    let first = world.git("repo", &["rev-parse", "HEAD"]);
    world.git("repo", &["branch", "old"]);
    world.commit("repo", &[("README.md", "# weather\n\nNothing to see.\n")]);
    for base in ["old", "v1", &first[..12]] {
        world.solve(&issue, &["--base", base]).done();
        assert_eq!(world.git("repo", &["rev-parse", &format!("{BRANCH}^")]), first, "{base}");
    }
}
