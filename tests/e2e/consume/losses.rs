//! The message is lost while a run works on it: nothing is written after that, and the next process completes the task.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use shared::queue;
use tests::broker::Broker;
use tests::github::{GitHub, When};
use tests::model::{ScriptedModel, Step};
use tokio::time::timeout;

use crate::relay::Relay;
use crate::stage::{EDIT, End, Stage, TASK, undisturbed, world};

/// Files of the large repository, and lines of each.
const LARGE_FILES: usize = 20;
const LARGE_LINES: usize = 4_000;

/// What a run leaves that has lost its message.
fn check_lost(end: &End, before: &[String], after: &[String]) {
    assert_eq!((end.status, after), (70, before), "{end:#?}");
    assert_eq!(end.left, [""; 0]);
}

/// Once the message is back, another process does the task.
async fn check_completed(stage: &Stage<'_>, expected: &str) {
    stage.host.until_ready(queue::TASKS, 1).await.unwrap();
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.seen(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_at_any_write_is_followed_by_no_other_write() {
    let broker = Broker::shared().await.unwrap();
    let (expected, writes) = undisturbed(&broker).await;
    let cases = stream::iter(1..=writes).map(|n| cut_at(&broker, n, &expected));
    cases.buffer_unordered(4).collect::<()>().await;
}

async fn cut_at(broker: &Broker, n: usize, expected: &str) {
    let stage = Stage::set(broker, vec![Step::text(EDIT); 2]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let relay = Relay::start(stage.host.address());
    let url = stage.host.url("task").replace(&stage.host.address(), &relay.address());
    let mut cut = relay.cut();
    stage.github.on_call(When::Mutation(n), move |_| cut());
    let end = stage.consume(&[("AGENT_AMQP_URL", &url)]).await;
    let made = stage.github.journal().mutations().map(|call| call.operation.clone()).collect::<Vec<_>>();
    // The token is given back in any case; cut at that call, the run itself is over.
    let later: Vec<&String> = made[n..].iter().filter(|name| !name.starts_with("apps/revoke")).collect();
    assert_eq!((end.status, later), (70, vec![]), "cut at write {n}: {end:#?}");
    assert_eq!(end.left, [""; 0]);
    check_completed(&stage, expected).await;
}

/// Cut by the broker while the model thinks.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_broker_closes_ends_the_run() {
    let broker = Broker::shared().await.unwrap();
    let (expected, _) = undisturbed(&broker).await;
    let stage = Stage::set(&broker, vec![Step::Hang, Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let running = stage.start(&[]);
    stage.asked(1).await;
    let before = stage.writes();
    assert_eq!(stage.host.cut_connections_named("agent-task-x7").await.unwrap(), 1);
    check_lost(&running.end().await, &before, &stage.writes());
    check_completed(&stage, &expected).await;
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_held_for_too_long_is_taken_back() {
    let broker = Broker::start_with_consumer_timeout(Duration::from_secs(4)).await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let running = stage.start(&[]);
    stage.asked(1).await;
    let before = stage.writes();
    check_lost(&running.end().await, &before, &stage.writes());
    stage.host.until_ready(queue::TASKS, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_and_comes_back_has_the_message() {
    // Once in some starts after SIGKILL, RabbitMQ 3.10 brings a quorum queue of one node back without a leader: it counts
    // nothing and gives nothing out. That says nothing of the programs here.
    for _ in 0..4 {
        if completes_after_the_brokers_death().await {
            return;
        }
    }
    panic!("the broker never brought its queue back");
}

/// False if the queue did not come back.
async fn completes_after_the_brokers_death() -> bool {
    let mut broker = Broker::start().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang, Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let running = stage.start(&[]);
    stage.asked(1).await;
    let before = stage.writes();
    let (github, model, name) = (stage.github, stage.model, stage.host.into_name());
    broker.stop().unwrap();
    let end = running.end().await;
    broker.start_again().await.unwrap();
    let stage = Stage { host: broker.existing(name), github, model };
    check_lost(&end, &before, &stage.writes());
    let back = timeout(Duration::from_secs(30), stage.host.until_ready(queue::TASKS, 1)).await;
    if !matches!(back, Ok(Ok(()))) {
        return false;
    }
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!((stage.labels().as_str(), stage.comments().len()), ("ai-done ai-help quickfix", 1));
    stage.model.finish();
    true
}

/// Nobody else can ever get this message: its run is the only one that there will be, and it is finished.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_deleted_does_not_lose_the_task_that_was_taken() {
    let broker = Broker::shared().await.unwrap();
    let (expected, _) = undisturbed(&broker).await;
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let (arrived, go_on) = stage.hold(When::next("git/create-ref"));
    let running = stage.start(&[]);
    tokio::task::spawn_blocking(move || arrived.recv().unwrap()).await.unwrap();
    stage.host.delete_queue(queue::TASKS).await.unwrap();
    go_on.send(()).unwrap();
    let end = running.end().await;
    assert_eq!((end.status, stage.seen()), (0, expected), "{end:#?}");
}

/// Reading a large repository keeps one processor busy for many times the pause between two heartbeats.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_computes_for_long_keeps_its_connection() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage {
        host: broker.virtual_host().await.unwrap(),
        github: GitHub::start((0..LARGE_FILES).fold(world(), |world, number| {
            let line =
                |line: usize| format!("pub fn part_{number}_{line}(readers: &str) -> bool {{ true }}\n");
            world.file(&format!("src/part_{number}.rs"), &(0..LARGE_LINES).map(line).collect::<String>())
        })),
        model: ScriptedModel::start([Step::text(EDIT)]).await,
    };
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let url = format!("{}?heartbeat=1", stage.host.url("task"));
    let end = stage.consume(&[("AGENT_AMQP_URL", &url)]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    stage.model.finish();
}
