//! Many runs at once under one ceiling, killed at any moment: what the model is paid is never more than the ceiling, and
//! everything is done in the end.
//!
//! `STORM_TASKS` says how many, `STORM_AT_ONCE` how many processes, `STORM_ROUNDS` how often, `STORM_SEED` when to kill:
//! `STORM_TASKS=50 STORM_AT_ONCE=50 STORM_ROUNDS=20 cargo nextest run -p tests --test consume storm --no-capture`

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use shared::queue::{BUDGET, DELAYS, HEADER_NOT_BEFORE, TASKS};
use tests::broker::Broker;
use tests::github::GitHub;
use tests::model::ScriptedModel;

use crate::budget::{PRICE, USED_UNITS, step};
use crate::soak::{Dice, setting, task_id, world};
use crate::stage::{REPO, Stage, wish};

/// Of a hundred processes, so many are killed before they end by themselves.
const KILLED: u64 = 25;
/// The last moment at which one is killed, in milliseconds after its start, or after it is about to ask the model: that is
/// where money is at stake.
const KILLED_WITHIN: u64 = 2_500;
const KILLED_WITHIN_OF_ASKING: u64 = 120;
/// Units in a dollar.
const PER_DOLLAR: u32 = 20;

/// What one round came to, in units of the budget.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    given_up: usize,
    processes: usize,
    killed: usize,
    waited: usize,
    ceilings: usize,
    paid: u32,
    counted: u32,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_paid_than_the_ceiling_whatever_is_killed() {
    let broker = Broker::shared().await.unwrap();
    let seed = setting("STORM_SEED", 1);
    for round in 0..setting("STORM_ROUNDS", 1) {
        let start = Instant::now();
        let tally = storm(&broker, seed + round).await;
        let lost = tally.counted - tally.paid;
        writeln!(
            std::io::stderr(),
            "round {round}: {tally:?}, lost on paper {lost} units, in {:?}",
            start.elapsed()
        )
        .unwrap();
    }
}

async fn storm(broker: &Broker, seed: u64) -> Tally {
    let tasks = setting("STORM_TASKS", 12);
    let at_once = setting("STORM_AT_ONCE", 6);
    let steps = usize::try_from(tasks).unwrap() * 12;
    let stage = Stage {
        host: broker.virtual_host().await.unwrap(),
        github: GitHub::start(world(tasks)),
        model: ScriptedModel::start(vec![step(); steps]).await,
    };
    for number in 1..=tasks {
        let mut task = wish(&stage.github, &task_id(number), "dev1");
        task["issue_id"] = number.into();
        stage.publish(&task).await;
    }
    let (dice, tally) = (Mutex::new(Dice(seed)), Mutex::new(Tally::default()));
    // A third of what the tasks cost together. The operator raises it until all are done.
    let step = u32::try_from(tasks).unwrap() * USED_UNITS / PER_DOLLAR / 3 + 1;
    let mut ceiling = 0;
    loop {
        ceiling += step;
        let dollars = ceiling.to_string();
        while stage.host.ready(TASKS).await.unwrap() > 0 {
            let workers = (0..at_once).map(|_| work(&stage, &dollars, &dice, &tally));
            futures_util::future::join_all(workers).await;
        }
        let paid = u32::try_from(stage.model.requests().len()).unwrap() * USED_UNITS;
        let counted: u32 = stage.host.lengths(BUDGET).await.unwrap().iter().map(|(_, units)| units).sum();
        assert!(paid <= ceiling * PER_DOLLAR, "{paid} units were paid under a ceiling of {dollars} dollars");
        assert!(paid <= counted, "{paid} units were paid, and {counted} counted");
        let waiting = come_back(&stage).await;
        let mut tally = tally.lock().unwrap();
        (tally.paid, tally.counted) = (paid, counted);
        tally.ceilings += 1;
        tally.waited += waiting;
        if waiting == 0 {
            break;
        }
    }
    let swept = stage.sweep().await;
    assert_eq!((swept.status, stage.queues().await), (0, (0, 0)), "{swept:#?}");
    let mut tally = tally.into_inner().unwrap();
    for number in 1..=tasks {
        let labels = stage.github.now(|state| {
            let mut labels = state.at(REPO).issue(number).labels.clone();
            labels.sort();
            labels.join(" ")
        });
        match labels.as_str() {
            "ai-done ai-help quickfix" => tally.done += 1,
            "ai-failed ai-help quickfix" => tally.given_up += 1,
            other => panic!("#{number} is left with {other}"),
        }
    }
    assert!(tally.waited > 0, "nothing ever had to wait: {tally:?}");
    tally
}

/// Lets one process after the other run, until one finds the queue empty.
async fn work(stage: &Stage<'_>, ceiling: &str, dice: &Mutex<Dice>, tally: &Mutex<Tally>) {
    loop {
        let mut variables = vec![
            ("AGENT_QUEUE_WAIT", "500ms"),
            ("AGENT_GITHUB_TIMEOUT", "60s"),
            ("AGENT_GITHUB_MAX_WAIT", "2min"),
            ("AGENT_BUDGET_DAY", ceiling),
        ];
        variables.extend(PRICE);
        let running = stage.start(&variables);
        let (fate, start, ask) = {
            let mut dice = dice.lock().unwrap();
            let time = |millis| Duration::from_millis(millis);
            (dice.roll(200), time(dice.roll(KILLED_WITHIN)), time(dice.roll(KILLED_WITHIN_OF_ASKING)))
        };
        let end = match fate {
            fate if fate < KILLED => running.end_or_kill(start).await,
            fate if fate < 2 * KILLED => running.end_or_kill_from("asking openai", ask).await,
            _ => running.end().await,
        };
        let mut tally = tally.lock().unwrap();
        tally.processes += 1;
        tally.killed += usize::from(end.status == 137);
        assert!([0, 1, 75, 137].contains(&end.status), "{end:#?}");
        if end.log.last().is_some_and(|line| line["message"] == "no task is waiting") {
            return;
        }
    }
}

/// Lets every task that was put off come back as if its time had come; how many there were.
async fn come_back(stage: &Stage<'_>) -> usize {
    let mut waiting = 0;
    for delay in &DELAYS {
        while let Some(message) = stage.host.take(delay.queue).await.unwrap() {
            stage.host.publish_again(&message, HEADER_NOT_BEFORE, "2026-01-01T00:00:00Z").await.unwrap();
            waiting += 1;
        }
    }
    waiting
}
