//! Two tasks for one issue at once: one works, the other one ends without a trace.

use serde_json::Value;
use shared::queue;
use tests::broker::Broker;
use tests::model::Step;

use crate::stage::{EDIT, Stage, TASK, undisturbed};

const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// Two messages are taken by two processes. The first one has the model think until the second one has ended.
async fn check_second_gives_way(second: impl Fn(&Stage<'_>) -> Value, why: &str) {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let first = stage.start(&[]);
    stage.asked(1).await;
    let before = stage.seen();
    stage.publish(&second(&stage)).await;
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    let told = end.log.iter().find(|line| line["message"] == "run ended").unwrap();
    assert_eq!(told["end"], format!("nothing to do: {why}"));
    assert_eq!(stage.seen(), before);
    first.signal("-TERM");
    assert_eq!(first.end().await.status, 143);
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_published_twice_is_done_once() {
    check_second_gives_way(|stage| stage.wish(TASK, "dev1"), "another process works on this task").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_and_an_assignment_are_done_once() {
    check_second_gives_way(|stage| stage.wish(OTHER, "dev1"), "another run works on the issue").await;
}

/// Both begin in the same moment: which one works is decided by who makes the branch.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_begin_at_once_one_works() {
    let broker = Broker::shared().await.unwrap();
    let (expected, _) = undisturbed(&broker).await;
    for ids in [[TASK, TASK], [TASK, OTHER]] {
        let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
        for id in ids {
            stage.publish(&stage.wish_now(id)).await;
        }
        let (one, two) = (stage.start(&[]), stage.start(&[]));
        let (one, two) = tokio::join!(one.end(), two.end());
        assert_eq!((one.status, two.status, stage.queues().await), (0, 0, (0, 0)), "{one:#?} {two:#?}");
        assert_eq!(stage.seen(), expected, "{}", stage.github.journal().summary());
        stage.model.finish();
    }
}

/// The one that comes after the other one is done finds its wish answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_wish_from_before_the_answer_is_that_answer() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    for id in [TASK, OTHER] {
        stage.publish(&stage.wish_now(id)).await;
    }
    assert_eq!(stage.consume(&[]).await.status, 0);
    let done = stage.seen();
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.queues().await, stage.seen()), (0, (0, 0), done), "{end:#?}");
    stage.model.finish();
}

/// Its holder is killed: the broker gives the message out again, and that is the proof that the holder is gone.
#[tokio::test(flavor = "multi_thread")]
async fn who_dies_is_replaced_at_once() {
    let broker = Broker::shared().await.unwrap();
    let (expected, _) = undisturbed(&broker).await;
    let stage = Stage::set(&broker, vec![Step::Hang, Step::Hang, Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    for times in 1..=2 {
        let running = stage.start(&[]);
        stage.asked(times).await;
        running.signal("-KILL");
        assert_eq!(running.end().await.status, 137);
        stage.host.until_ready(queue::TASKS, 1).await.unwrap();
    }
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.seen(), expected);
    stage.model.finish();
}
