//! Every fault at every writing call of every mode, and a kill before and after each; then the same task again, until it has
//! ended, and once more after that: in the end all is as if nothing had happened.
//!
//! The gate tries each call with a part of the faults that goes round, so that each fault meets each kind of call. All of
//! them, which takes half an hour, are tried with `FAULTS=all`:
//! `FAULTS=all cargo nextest run --workspace --test run --test jira faults stale`

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tests::cases::{FAULTS_BY_TURNS, KILLS_BY_TURNS, is_tried};
use tests::github::{Fault, When};

use crate::already::SOLVED;
use crate::fix::{self, BOTH};
use crate::harness::{EDIT, PLAN, REPO, Story, check_all, hello, mutations, offline, seen};
use crate::repair::{self, checked};
use crate::update;

/// The repair of a change.
const REPAIR: &str = "TITLE: Lower the time-out\nSUMMARY:\nIt was too long.\n\nconfig.toml\n<<<<<<< SEARCH\n\
    timeout = 90\n=======\ntimeout = 60\n>>>>>>> REPLACE\n";
/// Little patience, so that the waits of a run are short.
pub(crate) const HURRIED: &[(&str, &str)] =
    &[("AGENT_GITHUB_MAX_WAIT", "3s"), ("AGENT_GITHUB_TIMEOUT", "1500ms")];
/// Runs until one ends well.
const RUNS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    QuickFix,
    Plan,
    Revise,
    Approve,
    /// A review with one thread and a text.
    Fix,
    Ci,
    /// With a conflict that the model settles.
    Update,
    /// Of a change whose checks fail.
    Repair,
    /// The same where nothing is repaired.
    Red,
    /// Of a change whose checks failed and then passed.
    Green,
    /// Of a change whose pull request is declined.
    Closed,
    /// A change at once, of which nothing is left to do.
    Already,
    /// The same for a plan that was approved, whose draft is closed.
    ApproveAlready,
}

impl Mode {
    pub(crate) const ALL: [Self; 13] = [
        Self::QuickFix,
        Self::Plan,
        Self::Revise,
        Self::Approve,
        Self::Fix,
        Self::Ci,
        Self::Update,
        Self::Repair,
        Self::Red,
        Self::Green,
        Self::Closed,
        Self::Already,
        Self::ApproveAlready,
    ];
}

/// What goes wrong at one call.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Fault(Fault),
    /// The process is killed before the call takes effect.
    KilledBefore,
    /// The process is killed after the call took effect, before it is answered.
    KilledAfter,
}

/// A story up to the task of a mode, with answers enough for some runs of it.
pub(crate) fn stage(mode: Mode) -> (Story, Value) {
    let edits = [EDIT; RUNS + 1];
    let again = PLAN.replace("to 90", "to 120");
    let plans = [again.as_str(); RUNS];
    let replies: Vec<&str> = match mode {
        Mode::QuickFix => edits.to_vec(),
        Mode::Plan => vec![PLAN; RUNS],
        Mode::Approve => [&[PLAN], &edits[..]].concat(),
        Mode::Revise => [&[PLAN], &plans[..]].concat(),
        Mode::Fix => vec![BOTH; RUNS + 1],
        Mode::Ci | Mode::Red | Mode::Green | Mode::Closed => vec![EDIT],
        Mode::Update => vec![update::SETTLED; RUNS + 1],
        Mode::Repair => [&[EDIT], &[REPAIR; RUNS][..]].concat(),
        Mode::Already => vec![SOLVED; RUNS],
        Mode::ApproveAlready => [&[PLAN], &[SOLVED; RUNS][..]].concat(),
    };
    let world = match mode {
        Mode::Ci => hello().file(".github/ai-agent.toml", "ci = \"ask\"\n"),
        _ => hello(),
    };
    let world = match mode {
        Mode::Repair | Mode::Red | Mode::Green => checked(),
        Mode::Fix | Mode::Update => fix::opened_in(world),
        _ => offline(world),
    };
    let story = Story::new(world, &replies);
    let plan = |story: &Story| {
        let planned = story.run_with(&story.wish("plan"), HURRIED);
        assert_eq!(planned.status, Some(0), "{}", story.told(&planned));
    };
    let task = match mode {
        Mode::QuickFix | Mode::Already => story.wish("quickfix"),
        Mode::Plan => story.wish("plan"),
        Mode::Approve | Mode::ApproveAlready => {
            plan(&story);
            story.command("approve", "dev1", 2, "/approve")
        }
        Mode::Revise => {
            plan(&story);
            story.command("revise", "dev1", 2, "/revise make it 120")
        }
        Mode::Fix => {
            let (review, _) = fix::short_review(&story, "dev1");
            fix::asked(&story, "dev1", review)
        }
        Mode::Ci => {
            quick_fix(&story);
            story.command("ci", "dev1", 2, "/ci")
        }
        Mode::Update => {
            update::conflict(&story);
            story.command("update", "dev1", 2, "/update")
        }
        Mode::Repair | Mode::Red => {
            quick_fix(&story);
            repair::fails(&story, "build", repair::log("E   assert 90 < 80"));
            repair::event(&story)
        }
        Mode::Green => {
            quick_fix(&story);
            repair::fails(&story, "build", repair::log("E   assert 90 < 80"));
            let told = story.run_with(&repair::event(&story), settings(mode));
            assert_eq!(told.status, Some(0), "{}", story.told(&told));
            repair::passes(&story, "build");
            repair::event(&story)
        }
        Mode::Closed => {
            quick_fix(&story);
            story.github.now(|state| state.at(REPO).close("dev1", 2));
            story.wish_of("closed", "octo")
        }
    };
    (story, task)
}

fn quick_fix(story: &Story) {
    let made = story.run_with(&story.wish("quickfix"), HURRIED);
    assert_eq!(made.status, Some(0), "{}", story.told(&made));
}

/// The settings of the runs of a mode.
pub(crate) fn settings(mode: Mode) -> &'static [(&'static str, &'static str)] {
    const TOLD_ONLY: &[(&str, &str)] = &[HURRIED[0], HURRIED[1], ("AGENT_REPAIRS", "0")];
    match mode {
        Mode::Red | Mode::Green => TOLD_ONLY,
        _ => HURRIED,
    }
}

/// What a run without trouble does and leaves behind.
pub(crate) struct Usual {
    mode: Mode,
    writes: Vec<String>,
    pub(crate) page: String,
    pub(crate) asked: usize,
}

pub(crate) fn usual(mode: Mode) -> Usual {
    let (story, task) = stage(mode);
    let before = mutations(&story.github).len();
    let ended = story.run_with(&task, settings(mode));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let writes = mutations(&story.github).split_off(before);
    Usual { mode, writes, page: seen(&story.github), asked: story.asked().len() }
}

/// Whether the n-th write of a run is the one after which the model is not asked again, or a later one.
fn is_settled(usual: &Usual, n: usize, trouble: Trouble) -> bool {
    let last = match usual.mode {
        // These ask no model.
        Mode::Ci | Mode::Red | Mode::Green | Mode::Closed => return true,
        // A revision has no commit: its plan is kept by the last edit before the pull request's comment.
        Mode::Revise => {
            usual.writes.iter().rposition(|write| write == "issues/update-comment").map(|at| at - 4)
        }
        // What was found is kept by the last edit before the last words.
        Mode::Already | Mode::ApproveAlready => {
            let is_edit = |(_, write): &(usize, &String)| *write == "issues/update-comment";
            usual.writes.iter().enumerate().filter(is_edit).nth_back(1).map(|(at, _)| at)
        }
        // The merge is made before the branch is moved on to it.
        Mode::Update => usual.writes.iter().position(|write| write == "git/update-ref"),
        _ => usual.writes.iter().position(|write| write == "graphql:createCommitOnBranch"),
    };
    let last = last.expect("the run has such a write") + 1;
    let done = match trouble {
        Trouble::KilledAfter => true,
        Trouble::KilledBefore => false,
        Trouble::Fault(fault) => fault.applies(),
    };
    n > last || (n == last && done)
}

/// What is wrong after trouble at the n-th write and further deliveries.
fn survives(usual: &Usual, n: usize, trouble: Trouble) -> Result<(), String> {
    let (story, task) = stage(usual.mode);
    let at = mutations(&story.github).len() + n;
    let process = Arc::new(AtomicU32::new(0));
    let fault = match trouble {
        Trouble::Fault(fault) => fault,
        Trouble::KilledBefore => Fault::StallBefore,
        Trouble::KilledAfter => Fault::StallAfter,
    };
    story.github.fault(When::Mutation(at), fault);
    if !matches!(trouble, Trouble::Fault(_)) {
        let victim = Arc::clone(&process);
        story.github.on_call(When::Mutation(at), move |_| {
            let id = victim.load(Ordering::SeqCst).to_string();
            let killed = Command::new("kill").args(["-KILL", &id]).stderr(Stdio::null()).status();
            assert!(killed.is_ok_and(|status| status.success()), "process {id} cannot be killed");
        });
    }
    let mut ends = Vec::new();
    for _ in 0..RUNS {
        let ended = story.run_watched(&task, settings(usual.mode), &process);
        ends.push(ended.status);
        if ended.status == Some(0) {
            break;
        }
    }
    let asked = story.asked().len();
    let asked_well =
        if is_settled(usual, n, trouble) { asked == usual.asked } else { asked <= usual.asked + 2 };
    let violations = story.github.take_violations();
    let page = seen(&story.github);
    let again = story.run_with(&task, settings(usual.mode));
    let is_final = again.status == Some(0) && seen(&story.github) == page && story.asked().len() == asked;
    let is_right = page == usual.page && ends.last() == Some(&Some(0)) && asked_well;
    if is_right && is_final && violations.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{:?}, write {n} ({}), {trouble:?}: {ends:?}, asked {asked} times, once more: {again:?}, {violations:?}\n{}\n{page}",
        usual.mode,
        usual.writes[n - 1],
        story.github.journal().summary()
    ))
}

/// Each fault at each writing call of a mode, as far as they are tried.
fn faults(mode: Mode) {
    matrix(mode, &Fault::ALL.map(Trouble::Fault), FAULTS_BY_TURNS);
}

/// A kill before and after each writing call of a mode.
fn kills(mode: Mode) {
    matrix(mode, &[Trouble::KilledBefore, Trouble::KilledAfter], KILLS_BY_TURNS);
}

fn matrix(mode: Mode, troubles: &[Trouble], one_of: usize) {
    let usual = usual(mode);
    let of_write = |n: usize| {
        let tried = troubles.iter().enumerate().filter(move |(at, _)| is_tried(n + at, one_of));
        tried.map(move |(_, trouble)| (n, *trouble))
    };
    let cases: Vec<(usize, Trouble)> = (1..=usual.writes.len()).flat_map(of_write).collect();
    check_all(&cases, |(n, trouble)| survives(&usual, *n, *trouble));
}

/// GitHub can fail inside of GraphQL with a 200 and an error of no type: that is no refusal.
#[test]
fn an_unexplained_error_is_no_verdict() {
    let usual = usual(Mode::QuickFix);
    let cases: Vec<(&str, Fault)> =
        ["graphql:viewer+repository", "graphql:repository", "graphql:createCommitOnBranch"]
            .into_iter()
            .flat_map(|call| [Fault::Unexplained, Fault::UnexplainedAfter].map(|fault| (call, fault)))
            .collect();
    check_all(&cases, |(call, fault)| {
        let (story, task) = stage(Mode::QuickFix);
        story.github.fault(When::next(call), *fault);
        let ended = story.run_with(&task, HURRIED);
        let right = ended.status == Some(0)
            && seen(&story.github) == usual.page
            && story.asked().len() == usual.asked;
        right.then_some(()).ok_or_else(|| format!("{call}, {fault:?}: {}", story.told(&ended)))
    });
}

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
    quick_fix_of_an_issue: QuickFix,
    plan: Plan,
    revise: Revise,
    approve: Approve,
    follow_up: Fix,
    release_of_checks: Ci,
    update_of_a_pull_request: Update,
    repair_of_a_change: Repair,
    checks_that_failed: Red,
    checks_that_passed: Green,
    closed: Closed,
    an_issue_that_is_solved_already: Already,
    a_plan_that_is_solved_already: ApproveAlready,
}
