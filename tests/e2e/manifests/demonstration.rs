//! `scripts/demo` from its first line to its last, with an issue that the rules decline in place of the first.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::bin::program;

use crate::render::{path, run};

const DECLINED: &str =
    "# Add a login page\n\nPeople should be able to log in with their company's account.\n";

/// Runs the demonstration from a folder: what it shows, and the same with its standard error.
fn demonstrate(folder: &Path, arguments: &[&str]) -> (String, String) {
    let task = program("ai-agent");
    let programs = task.parent().unwrap();
    let playground = programs.join("examples/playground");
    assert!(
        playground.is_file(),
        "{} is missing: run `cargo build -p tests --example playground`",
        playground.display()
    );
    let output = Command::new(path("scripts/demo"))
        .args(arguments)
        .arg("--programs")
        .arg(programs)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let told = format!("{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    (shown, told)
}

#[test]
fn the_way_of_an_issue_on_jira_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (shown, told) = demonstrate(folder.path(), &["--jira"]);
    let issue = shown.split("== The issue on Jira").nth(1).unwrap_or_else(|| panic!("{told}"));
    for line in [
        "WEATHER-7, In Review: Typo in the documentation",
        "    labels: ai-help, quickfix, ai-done",
        "    comment by The agent:",
    ] {
        assert!(issue.lines().any(|shown| shown == line), "{line}: {told}");
    }
    assert!(shown.contains("ready for review, ai-agent/WEATHER-7 into main"), "{told}");
}

#[test]
fn the_demonstration_goes_on_after_an_issue_that_is_declined_and_what_it_advises_works() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("issue.md"), DECLINED).unwrap();
    // The file is given from the folder in which it is called.
    let (shown, told) = demonstrate(folder.path(), &["--issue", "issue.md"]);

    let headings: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("== ")).collect();
    let headings: Vec<&str> =
        headings.into_iter().filter(|heading| !heading.starts_with("making a sample")).collect();
    assert_eq!(
        headings,
        [
            "QuickFix: issue in, commit and pull-request text out",
            "Plan: the same, with a person in between",
            "Approving the plan",
            "What is in the repository now",
            "Starting RabbitMQ and ingest",
            "Issue #1 is labeled: quickfix ai-help",
            "The message in the queue",
            "ai-agent consume: one message, one run, and the end",
            "There is no pull request: the issue says why",
            "The issue",
            "Issue #2 is labeled: ai-help",
            "The message in the queue",
            "ai-agent consume: one message, one run, and the end",
            "The pull request",
            "The issue",
            "A maintainer comments /approve on the issue",
            "ai-agent consume: one message, one run, and the end",
            "The pull request",
            "The issue",
            "What next?",
        ],
        "{told}"
    );
    assert_eq!(shown.matches("It was not solved, and nothing was changed.").count(), 1, "{told}");
    let labels = shown.lines().filter_map(|line| line.strip_prefix("    labels: "));
    let of_issues: Vec<&str> = labels.filter(|labels| labels.contains("ai-help")).collect();
    assert_eq!(
        of_issues,
        ["quickfix, ai-help, ai-failed", "ai-help, plan-pending", "ai-help, ai-done"],
        "{told}"
    );

    // What it and the program advise to look at is there afterwards.
    let advised: Vec<&str> =
        shown.lines().map(str::trim).filter(|line| line.starts_with("git -C ")).collect();
    assert_eq!(advised.len(), 2, "{told}");
    for command in advised {
        let seen = run(Command::new("sh").args(["-c", command]));
        assert!(seen.contains("timeout"), "{command}: {seen}");
    }
    let approve = shown.lines().find(|line| line.contains(" --approve ")).unwrap().trim();
    run(Command::new("sh").args(["-c", approve]).env("HOME", folder.path()));
}
