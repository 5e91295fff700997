//! The process dies at each call by which it writes, before and after GitHub has carried it out; the broker gives the
//! message to the next one. In the end all is as if nothing had happened. What comes after the pull request is tried by turns.

use std::sync::{Arc, OnceLock};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use shared::queue;
use tests::broker::Broker;
use tests::cases::is_tried;
use tests::github::{CheckKind, Fault, File, Opinion, Report, Verdict, When, World};
use tests::model::Step;

use crate::stage::{EDIT, REPO, Stage, TASK, people, signal, world};

const BOT: &str = "ai-agent[bot]";
const BRANCH: &str = "ai-agent/issue-1";
/// The clock of the stand-in is not that of this machine.
const SETTINGS: [(&str, &str); 1] = [("AGENT_CHECKS_WITHIN", "3000days")];
/// Of the cases of what comes after the pull request, one of so many is tried in the gate. Not even, so that it meets each of the
/// four kinds of each call in turn.
const ONE_OF: usize = 5;

const FOLLOW_UP: &str = "FIX: 1 It is 120 now.\nTITLE: Wait for 120 seconds\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 90\n=======\n\
    timeout = 120\n>>>>>>> REPLACE\n";
const REPAIR: &str = "TITLE: Lower the time-out\nSUMMARY:\nIt was too long.\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 90\n=======\n\
    timeout = 60\n>>>>>>> REPLACE\n";

/// Whether GitHub carries out the call at which the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Lost,
    CarriedOut,
}

/// A signal, and the exit status that it leads to.
type Signal = (&'static str, i32);

const KILL: Signal = ("-KILL", 137);
const TERM: Signal = ("-TERM", 143);

/// What the process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    QuickFix,
    /// A review with one thread.
    Fix,
    /// A change whose checks fail.
    Repair,
    /// The base has moved on.
    Update,
    /// A change whose checks are held back.
    Ci,
}

/// A change of the agent, open for review. Its commit has this below its first line.
fn opened(below: &str) -> World {
    let issue = ("Sensors go offline too early", "Change `timeout` from 30 to 90 in config.toml.");
    let world = people().repo(REPO).file("config.toml", "port = 8000\ntimeout = 30\n");
    world.issue(1, issue.0, issue.1, &["ai-help", "ai-done"]).before(|scene| {
        let file = File::text("config.toml", "port = 8000\ntimeout = 90\n");
        let message = format!("Raise the time-out\n\n{below}Proposed for #1.\n\nAgent-Task: 00\n");
        scene.push(BOT, BRANCH, &message, &[file]);
        assert_eq!(scene.open_pull(BOT, "Raise the time-out", BRANCH, "main"), 2);
        scene.label(BOT, 2, "ai-generated");
    })
}

impl Mode {
    /// The stage, and the task for it.
    async fn set(self, broker: &Broker) -> (Stage<'_>, Value) {
        let world = match self {
            Self::QuickFix => world(),
            Self::Fix => opened(""),
            Self::Repair => opened("").before(|scene| {
                let line = ("config.toml".to_owned(), 2, "failure", "90 is too much".to_owned());
                let report = Report { annotations: vec![line], ..Report::default() };
                scene.check("main", "build", CheckKind::Run, Verdict::Passed);
                scene.check_reports(BRANCH, "build", CheckKind::Run, Verdict::Failed, report);
            }),
            Self::Update => opened("").before(|scene| {
                scene.push_file("dev1", "main", "NOTES.md", "Of the base.\n");
            }),
            Self::Ci => {
                opened("[skip ci] The checks start when somebody with write access comments /ci.\n\n")
            }
        };
        let reply = match self {
            Self::QuickFix => EDIT,
            Self::Fix => FOLLOW_UP,
            // The others ask no model.
            Self::Repair | Self::Update | Self::Ci => REPAIR,
        };
        let stage = Stage::set_in(broker, world, vec![Step::text(reply); 3]).await;
        let task = match self {
            Self::QuickFix => stage.wish(TASK, "dev1"),
            Self::Fix => {
                let lines = [("config.toml", 2, "Too short: make it 120.")];
                let asks = Opinion::ChangesRequested;
                let given = stage.github.now(|state| state.at(REPO).give_review("dev1", 2, asks, "", &lines));
                on_pull_request(&stage, "fix", "review", given.0)
            }
            Self::Repair => {
                let mut task = stage.wish(TASK, "octo");
                task["mode"] = "checks".into();
                task
            }
            Self::Update => commanded(&stage, "update", "/update"),
            Self::Ci => commanded(&stage, "ci", "/ci"),
        };
        (stage, task)
    }

    /// What the status comment says in the end.
    fn words(self) -> &'static str {
        match self {
            Self::QuickFix => "**Done**: #2 ",
            Self::Fix => "**Changed** in COMMIT: 1 thread changed.",
            Self::Repair => "**Repair 1 of 3** of #2 ",
            Self::Update => "**Updated** in COMMIT.",
            Self::Ci => "**Checks may start** on #2 ",
        }
    }
}

fn commanded(stage: &Stage<'_>, mode: &str, text: &str) -> Value {
    let comment = stage.github.now(|state| state.at(REPO).comment("dev1", 2, text));
    on_pull_request(stage, mode, "issue", comment)
}

/// The task of a command in a comment of this kind.
fn on_pull_request(stage: &Stage<'_>, mode: &str, kind: &str, comment: u64) -> Value {
    let mut task = stage.wish(TASK, "dev1");
    task["mode"] = mode.into();
    task["issue_id"] = 2.into();
    task["pull_request"] = 2.into();
    task["comment_id"] = comment.into();
    task["comment_kind"] = kind.into();
    task
}

/// The pages after a run that nothing disturbs, and the number of calls by which that run writes.
async fn usual(broker: &Broker, mode: Mode) -> (String, usize) {
    let (stage, task) = mode.set(broker).await;
    stage.publish(&task).await;
    let end = stage.consume(&SETTINGS).await;
    let page = stage.seen();
    assert!(end.status == 0 && page.contains(mode.words()), "{mode:?}: {end:#?}\n{page}");
    (page, stage.github.journal().mutations().count())
}

/// Ends the process by each of these signals at each of its writes; of all cases one of so many.
async fn check_writes(mode: Mode, signals: &[Signal], one_of: usize) {
    let broker = Broker::shared().await.unwrap();
    let (expected, writes) = usual(&broker, mode).await;
    let mut cases = Vec::new();
    for n in 1..=writes {
        for call in [Call::Lost, Call::CarriedOut] {
            cases.extend(signals.iter().map(|signal| (n, call, *signal)));
        }
    }
    let tried = cases.into_iter().enumerate().filter(|(at, _)| is_tried(*at, one_of));
    let tried: Vec<_> = tried.map(|(_, case)| case).collect();
    let count = tried.len();
    let ended =
        stream::iter(tried).map(|(n, call, signal)| ended_at(&broker, mode, n, call, signal, &expected));
    let wrong: Vec<String> = ended.buffer_unordered(4).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong in the end; `None` if all is well.
async fn ended_at(
    broker: &Broker,
    mode: Mode,
    n: usize,
    call: Call,
    (name, status): Signal,
    expected: &str,
) -> Option<String> {
    let (stage, task) = mode.set(broker).await;
    stage.publish(&task).await;
    let process = Arc::new(OnceLock::new());
    let victim = Arc::clone(&process);
    stage.github.on_call(When::Mutation(n), move |_| signal(*victim.wait(), name));
    if call == Call::Lost {
        stage.github.fault(When::Mutation(n), Fault::StallBefore);
    }
    let first = stage.start(&SETTINGS);
    process.set(first.id()).unwrap();
    let first = first.end().await;
    let asked = stage.model.requests().len();
    let published = stage
        .github
        .journal()
        .mutations()
        .any(|call| call.operation == "graphql:createCommitOnBranch" && call.status == Some(200));
    // A signal that comes with the last call finds everything done.
    let done = status == TERM.1 && first.status == 0 && stage.seen() == expected;
    let mut ends = vec![first.status];
    if !done {
        stage.host.until_ready(queue::TASKS, 1).await.unwrap();
        while ends.len() < 4 && stage.host.ready(queue::TASKS).await.unwrap() > 0 {
            ends.push(stage.consume(&SETTINGS).await.status);
        }
    }
    let mut wrong = Vec::new();
    if first.status != status && !done {
        wrong.push(format!("the first ended with {}: {:#?}", first.status, first.log));
    }
    if !first.left.is_empty() && status == TERM.1 {
        wrong.push(format!("left behind: {:?}", first.left));
    }
    if stage.seen() != expected {
        wrong.push(stage.seen());
    }
    if stage.queues().await != (0, 0) || ends.last() != Some(&0) {
        wrong.push(format!("ends {ends:?}, queues {:?}", stage.queues().await));
    }
    // Once the commit is there, nobody is asked again.
    let again = stage.model.requests().len() - asked;
    if again > usize::from(!published) {
        wrong.push(format!("the model was asked {again} times more"));
    }
    (!wrong.is_empty()).then(|| {
        format!(
            "{mode:?}: {name} at write {n}, {call:?}:\n{}\n{}",
            wrong.join("\n"),
            stage.github.journal().summary()
        )
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_write_nothing_is_lost_and_nothing_doubled() {
    check_writes(Mode::QuickFix, &[KILL], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_at_any_write_nothing_is_lost_and_nothing_doubled() {
    check_writes(Mode::QuickFix, &[TERM], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_review_survives_its_process() {
    check_writes(Mode::Fix, &[KILL, TERM], ONE_OF).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_survives_its_process() {
    check_writes(Mode::Repair, &[KILL, TERM], ONE_OF).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_survives_its_process() {
    check_writes(Mode::Update, &[KILL, TERM], ONE_OF).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_may_start_survive_their_process() {
    check_writes(Mode::Ci, &[KILL, TERM], ONE_OF).await;
}
