//! Every fault at every writing call of every mode, and a kill before and after each; then the same message again: in the end
//! all is as if nothing had happened, on both sides.
//!
//! The gate tries a part of them that goes round, `FAULTS=all` all, as with those of GitHub.

use std::time::Duration;

use serde_json::Value;
use tests::cases::{FAULTS_BY_TURNS, KILLS_BY_TURNS, check_all, is_tried};
use tests::github::without_ids;
use tests::jira::{AGENT, Fault};

use crate::after::{FIX_AT_ONCE, REPAIR, changed, checked, fails, happened};
use crate::harness::{EDIT, ISSUE, PLAN, REPO, Story, hello, offline};

/// Runs until one ends well.
const RUNS: usize = 4;
/// Little patience, so that the waits of a run are short.
const HURRIED: &[(&str, &str)] = &[("AGENT_GITHUB_MAX_WAIT", "3s"), ("AGENT_GITHUB_TIMEOUT", "2s")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    QuickFix,
    /// The same, asked for by an assignment: the agent sets the label.
    Assigned,
    /// A request of somebody without a login.
    Refused,
    Plan,
    Revise,
    Approve,
    Fix,
    Repair,
    /// A base branch that has moved, without a conflict.
    Update,
    /// A pull request that is merged.
    Merged,
    /// A pull request that is closed without being merged.
    Declined,
}

/// A story up to the message of a mode, with answers enough for some runs of it.
fn stage(mode: Mode) -> (Story, Value) {
    let again = PLAN.replace("too short", "much too short");
    let world = || if mode == Mode::Repair { checked() } else { hello() };
    let story = match mode {
        Mode::QuickFix | Mode::Assigned => Story::of(world(), offline(), &[EDIT; RUNS + 1]),
        Mode::Refused => Story::of(world(), offline(), &[]),
        Mode::Plan => Story::of(world(), offline(), &[PLAN; RUNS]),
        Mode::Revise => Story::of(world(), offline(), &[&[PLAN], &[again.as_str(); RUNS][..]].concat()),
        Mode::Approve => Story::of(world(), offline(), &[&[PLAN], &[EDIT; RUNS + 1][..]].concat()),
        Mode::Fix => changed(world(), &[FIX_AT_ONCE; RUNS + 1]),
        Mode::Repair => changed(world(), &[REPAIR; RUNS]),
        Mode::Update | Mode::Merged | Mode::Declined => changed(world(), &[]),
    };
    let mut story = story;
    story.more = "[sites.acme.transitions]\nstarted = \"In Progress\"\npull-request = \"In Review\"\nmerged = \"Done\"\n".into();
    let planned = |story: &Story| {
        let run = story.run(&story.label("dev1", &["ai-help"]));
        assert_eq!(run.status, Some(0), "{}", story.told(&run));
        // In one second nobody reads a plan and answers it.
        std::thread::sleep(Duration::from_millis(1_100));
    };
    let message = match mode {
        Mode::QuickFix => story.label("dev1", &["ai-help", "quickfix"]),
        Mode::Assigned => story.jira.now(|site| {
            site.relabel(ISSUE, "dev1", &["quickfix"]);
            site.assign(ISSUE, "dev1", AGENT);
            site.request(ISSUE, "begin", None)
        }),
        Mode::Refused => story.label("stranger", &["ai-help", "quickfix"]),
        Mode::Plan => story.label("dev1", &["ai-help"]),
        Mode::Revise => {
            planned(&story);
            story.command("dev2", "revise", "/revise say how much")
        }
        Mode::Approve => {
            planned(&story);
            story.command("dev2", "approve", "/approve")
        }
        Mode::Fix => story.command("dev2", "fix", "/fix make it 60"),
        Mode::Update => {
            story.github.now(|state| {
                state.at(REPO).push_file("dev2", "main", "NEWS.md", "# News\n");
            });
            story.command("dev2", "update", "/update")
        }
        Mode::Repair => {
            fails(&story);
            happened(&story, "checks")
        }
        Mode::Merged => {
            story.github.now(|state| state.at(REPO).merge("dev2", 1));
            happened(&story, "closed")
        }
        Mode::Declined => {
            story.github.now(|state| state.at(REPO).close("dev2", 1));
            happened(&story, "closed")
        }
    };
    (story, message)
}

/// What is to be seen on both sides, without what hangs on the time.
fn seen(story: &Story) -> String {
    let (status, links) = story.jira.now(|site| (site.at(ISSUE).status, site.at(ISSUE).links.clone()));
    let github = story.github.snapshot().replace(&story.github.url(), "GITHUB");
    let github = github.lines().filter(|line| !line.starts_with("      | <!-- ai-agent:"));
    let github = without_ids(&github.fold(String::new(), |text, line| text + line.trim_end() + "\n"));
    let said = format!("{}\n{}\n{status} {links:?}", story.said().join("\n---\n"), story.labels());
    let text = format!("{}\n{github}", said.replace(&story.github.url(), "GITHUB"));
    ["Changed in ", "Updated in ", "**Updated** in "].iter().fold(text, |text, before| {
        let mut parts = text.split(before);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            text + before + part.trim_start_matches(|c: char| c.is_ascii_hexdigit())
        })
    })
}

/// The calls that write to Jira, in their order: the operation, and how many of it came before, and this one.
fn writes(story: &Story, after: usize) -> Vec<(String, usize)> {
    let calls = story.jira.calls().split_off(after);
    let mut writes: Vec<(String, usize)> = Vec::new();
    for call in calls.iter().filter(|call| call.method != "GET") {
        let nth = writes.iter().filter(|(operation, _)| *operation == call.operation).count() + 1;
        writes.push((call.operation.clone(), nth));
    }
    writes
}

/// What a run without trouble does and leaves behind.
struct Usual {
    mode: Mode,
    writes: Vec<(String, usize)>,
    page: String,
    asked: usize,
}

fn usual(mode: Mode) -> Usual {
    let (story, message) = stage(mode);
    let before = story.jira.calls().len();
    let run = story.run_with(&message, HURRIED);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    Usual { mode, writes: writes(&story, before), page: seen(&story), asked: story.asked().len() }
}

/// What is wrong after trouble at one write and further deliveries.
fn survives(
    usual: &Usual,
    (operation, nth): &(String, usize),
    fault: &Fault,
    is_killed: bool,
) -> Result<(), String> {
    let (story, message) = stage(usual.mode);
    story.jira.fault(operation, *nth, fault.clone());
    let mut ends = Vec::new();
    if is_killed {
        ends.push(story.run_killed(&message).status);
    }
    let mut run = story.run_with(&message, HURRIED);
    ends.push(run.status);
    while run.status != Some(0) && ends.len() < RUNS {
        run = story.run_with(&message, HURRIED);
        ends.push(run.status);
    }
    // How often the progress is shown hangs on the time: the call may not have come.
    story.jira.recover();
    let (page, violations) = (seen(&story), story.jira.take_violations());
    let asked = story.asked().len();
    if page == usual.page && run.status == Some(0) && asked <= usual.asked + 2 && violations.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{:?}, {operation} {nth}, {fault:?}, killed: {is_killed}: {ends:?}, asked {asked} times, {violations:?}\n{}\n\n{}",
        usual.mode,
        usual.page,
        story.told(&run)
    ))
}

fn matrix(mode: Mode, faults: &[Fault], one_of: usize, is_killed: bool) {
    let usual = usual(mode);
    assert!(!usual.writes.is_empty());
    let of_write = |(n, write)| {
        let tried = faults.iter().enumerate().filter(move |(at, _)| is_tried(n + at, one_of));
        tried.map(move |(_, fault)| (write, fault))
    };
    let cases: Vec<_> = usual.writes.iter().enumerate().flat_map(of_write).collect();
    check_all(&cases, |(write, fault)| survives(&usual, write, fault, is_killed));
}

fn faults(mode: Mode) {
    matrix(mode, &ALL, FAULTS_BY_TURNS, false);
}

fn kills(mode: Mode) {
    matrix(mode, &KILLS, KILLS_BY_TURNS, true);
}

/// Everything that passes.
const ALL: [Fault; 10] = [
    Fault::DropBefore,
    Fault::DropAfter,
    Fault::StallBefore,
    Fault::StallAfter,
    Fault::Maintenance,
    Fault::BadGatewayAfter,
    Fault::TooMany(1),
    Fault::Unauthorized,
    Fault::LoginPage,
    Fault::NotFound,
];

/// A process that dies at a call, before it has an effect or after.
const KILLS: [Fault; 2] = [Fault::StallBefore, Fault::StallAfter];

/// The tests of a mode.
macro_rules! survives {
    ($($name:ident: $mode:ident,)*) => {
        $(mod $name {
            use super::{Mode, faults, kills};

            #[test]
            fn survives_every_fault() {
                faults(Mode::$mode);
            }

            #[test]
            fn survives_a_kill_anywhere() {
                kills(Mode::$mode);
            }
        })*
    };
}

survives! {
    quick_fix: QuickFix,
    assignment: Assigned,
    refusal: Refused,
    plan: Plan,
    revision: Revise,
    approval: Approve,
    follow_up: Fix,
    repair: Repair,
    update: Update,
    merge_of_the_pull_request: Merged,
    end_of_a_declined_pull_request: Declined,
}
