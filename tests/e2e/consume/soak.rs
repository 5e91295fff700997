//! Many tasks, processes that are killed at any moment, and a sweep in the end: every task ends right.
//!
//! `SOAK_TASKS` says how many, `SOAK_SEED` when to kill:
//! `SOAK_TASKS=500 cargo test -p tests --test consume soak -- --nocapture`

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use shared::queue;
use tests::broker::Broker;
use tests::github::{GitHub, World};
use tests::model::{ScriptedModel, Step};

use crate::stage::{EDIT, REPO, Stage, people, wish};

/// Processes at a time.
const PROCESSES: usize = 4;
/// Of a hundred processes, so many are killed before they end by themselves.
const KILLED: u64 = 40;
/// The last moment at which one is killed, in milliseconds: longer than most runs.
const KILLED_WITHIN: u64 = 2_500;

/// `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `limit`.
    pub(crate) fn roll(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// How the tasks ended, and what it took.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    given_up: usize,
    processes: usize,
    killed: usize,
    model_calls: usize,
}

pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

pub(crate) fn world(tasks: u64) -> World {
    let empty = people().repo(REPO).file("README.md", "# Hello\n\nThis text recieves readers.\n");
    (1..=tasks).fold(empty, |world, number| {
        world.issue(number, "Typo in README.md", "It should be `receives`.", &["ai-help", "quickfix"])
    })
}

pub(crate) fn task_id(number: u64) -> String {
    format!("{number:032x}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_ends_right_whatever_is_killed() {
    let (tasks, seed) = (setting("SOAK_TASKS", 40), setting("SOAK_SEED", 1));
    let broker = Broker::shared().await.unwrap();
    let most = usize::try_from(tasks).unwrap() * 3;
    let stage = Stage {
        host: broker.virtual_host().await.unwrap(),
        github: GitHub::start(world(tasks)),
        model: ScriptedModel::start(vec![Step::text(EDIT); most]).await,
    };
    for number in 1..=tasks {
        let mut task = wish(&stage.github, &task_id(number), "dev1");
        task["issue_id"] = number.into();
        stage.publish(&task).await;
    }
    let start = Instant::now();
    let (dice, tally) = (Mutex::new(Dice(seed)), Mutex::new(Tally::default()));
    // What is held by a process that is killed last comes back when the others have found nothing.
    while stage.host.ready(queue::TASKS).await.unwrap() > 0 {
        let workers = (0..PROCESSES).map(|_| work(&stage, &dice, &tally));
        futures_util::future::join_all(workers).await;
    }
    let swept = stage.sweep().await;
    assert_eq!((swept.status, stage.queues().await), (0, (0, 0)), "{swept:#?}");

    let mut tally = tally.into_inner().unwrap();
    let mut wrong: Vec<String> = (1..=tasks).filter_map(|number| judge(&stage, number, &mut tally)).collect();
    wrong.extend(branches_with_more_than_one_commit(&stage.github.snapshot()));
    tally.model_calls = stage.model.requests().len();
    assert!(wrong.is_empty(), "{tally:?}\n{} of {tasks}:\n{}", wrong.len(), wrong.join("\n"));
    writeln!(std::io::stderr(), "{tasks} tasks, seed {seed}: {tally:?} in {:?}", start.elapsed()).unwrap();
}

/// Lets one process after the other run, until one finds the queue empty.
async fn work(stage: &Stage<'_>, dice: &Mutex<Dice>, tally: &Mutex<Tally>) {
    loop {
        let running = stage.start(&[
            ("AGENT_QUEUE_WAIT", "500ms"),
            ("AGENT_GITHUB_TIMEOUT", "30s"),
            ("AGENT_GITHUB_MAX_WAIT", "2min"),
        ]);
        let after = {
            let mut dice = dice.lock().unwrap();
            let killed = dice.roll(100) < KILLED;
            killed.then(|| Duration::from_millis(dice.roll(KILLED_WITHIN)))
        };
        let end = match after {
            Some(after) => running.end_or_kill(after).await,
            None => running.end().await,
        };
        let mut tally = tally.lock().unwrap();
        tally.processes += 1;
        tally.killed += usize::from(end.status == 137);
        // On a machine that is overloaded, GitHub answers late, and the task comes back.
        assert!([0, 1, 75, 137].contains(&end.status), "{end:#?}");
        if end.log.last().is_some_and(|line| line["message"] == "no task is waiting") {
            return;
        }
    }
}

/// What is wrong with an issue; `None` if it is done, or if whoever asked was told that it is not.
fn judge(stage: &Stage<'_>, number: u64, tally: &mut Tally) -> Option<String> {
    let branch = format!("ai-agent/issue-{number}");
    stage.github.now(|state| {
        let scene = state.at(REPO);
        let issues = &scene.repo().issues;
        let pulls =
            issues.values().filter(|issue| issue.pull.as_ref().is_some_and(|pull| pull.head == branch));
        let pulls = pulls.count();
        let issue = scene.issue(number);
        let mut labels = issue.labels.clone();
        labels.sort();
        let end = issue.comments.last().and_then(|comment| comment.body.lines().next()).unwrap_or_default();
        let words = end.split([':', '.']).next().unwrap_or_default().to_owned();
        match (labels.join(" ").as_str(), issue.comments.len(), pulls, words.as_str()) {
            ("ai-done ai-help quickfix", 1, 1, "**Done**") => tally.done += 1,
            ("ai-failed ai-help quickfix", 1, 0 | 1, "**Could not be done") => tally.given_up += 1,
            other => return Some(format!("#{number}: {other:?}")),
        }
        None
    })
}

fn branches_with_more_than_one_commit(snapshot: &str) -> Vec<String> {
    let (mut wrong, mut branch, mut commits) = (Vec::new(), "", 0);
    for line in snapshot.lines() {
        if let Some(name) = line.strip_prefix("  branch ") {
            (branch, commits) = (name, 0);
        } else if line.starts_with("    commit by ") {
            commits += 1;
            if commits == 2 {
                wrong.push(format!("{branch} has more than one commit"));
            }
        }
    }
    wrong
}
