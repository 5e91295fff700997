//! Two tasks for one issue at once: one works, the other one ends without a trace, unless it was a command.

use serde_json::{Value, json};
use shared::queue;
use tests::broker::Broker;
use tests::model::Step;

use crate::stage::{EDIT, REPO, Stage, TASK, undisturbed};

const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// Two messages are taken by two processes. The first one has the model think until the second one has ended.
async fn check_second_gives_way(second: impl Fn(&Stage<'_>) -> Value, why: &str) {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let first = stage.start(&[]);
    stage.asked(1).await;
    let second = second(&stage);
    let before = stage.seen();
    stage.publish(&second).await;
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

/// The broker counts the deliveries of each message. That one of them came back is no proof that the run of the other is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_message_that_comes_back_takes_nothing_over() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang]).await;
    let wish = stage.wish(TASK, "dev1").to_string();
    let publish = |publication: &str, deliveries: u32| {
        let headers = json!({ queue::HEADER_PUBLICATION: publication, queue::HEADER_DELIVERIES: deliveries });
        let (host, wish) = (&stage.host, &wish);
        async move { host.publish_with(TASK, wish, json!({ "headers": headers })).await.unwrap() }
    };
    publish("01", 0).await;
    let first = stage.start(&[]);
    stage.asked(1).await;
    let before = stage.seen();
    publish("02", 4).await;
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    let told = end.log.iter().find(|line| line["message"] == "run ended").unwrap();
    assert_eq!(told["end"], "nothing to do: another process works on this task");
    assert_eq!(stage.seen(), before);
    first.signal("-TERM");
    assert_eq!(first.end().await.status, 143);
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_and_an_assignment_are_done_once() {
    check_second_gives_way(|stage| stage.wish(OTHER, "dev1"), "another run works on the issue").await;
}

/// Were it judged first, the one that comes second would put the label of a failure on an issue that is being done.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_breaks_meanwhile_is_not_told_by_the_second() {
    let second = |stage: &Stage<'_>| {
        unusable(stage);
        stage.wish(OTHER, "dev1")
    };
    check_second_gives_way(second, "another run works on the issue").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_configuration_is_told_once() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    unusable(&stage);
    for id in [TASK, OTHER] {
        stage.publish(&stage.wish_now(id)).await;
    }
    for _ in 0..2 {
        let end = stage.consume(&[]).await;
        let [told] = stage.comments().try_into().unwrap();
        assert!(told.starts_with("**Could not be done.** `.github/ai-agent.toml` cannot be used:"), "{told}");
        assert_eq!((end.status, stage.labels().as_str()), (0, "ai-failed ai-help quickfix"), "{end:#?}");
    }
    assert_eq!(stage.queues().await, (0, 0));
}

fn unusable(stage: &Stage<'_>) {
    let text = "langauge = \"German\"\n";
    stage.github.now(|state| state.at(REPO).push_file("dev1", "main", ".github/ai-agent.toml", text));
}

/// A command is nobody else's wish: whoever gave it reads that it was not followed, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_given_meanwhile_is_to_be_repeated() {
    let broker = Broker::shared().await.unwrap();
    for (mode, text, again) in [
        ("revise", "/revise shorter", "Comment `/revise` and what should be different to try again."),
        ("approve", "/approve", "Comment `/approve` on the pull request to try again."),
    ] {
        let stage = Stage::set(&broker, vec![Step::Hang]).await;
        stage.publish(&stage.wish(TASK, "dev1")).await;
        let first = stage.start(&[]);
        stage.asked(1).await;
        let mut command = stage.wish(OTHER, "dev1");
        command["mode"] = mode.into();
        command["comment_id"] = stage.github.now(|state| state.at(REPO).comment("dev1", 1, text)).into();
        let mut expected = stage.comments();
        expected.push(format!(
            "**Could not be done.** Another run is at work on this issue.\n\nWait until it has ended.\n\n{again}"
        ));
        for _ in 0..2 {
            stage.publish(&command).await;
            let end = stage.consume(&[]).await;
            assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
            assert_eq!(
                (stage.comments(), stage.labels().as_str()),
                (expected.clone(), "ai-help ai-working quickfix")
            );
        }
        first.signal("-TERM");
        assert_eq!(first.end().await.status, 143);
        stage.model.finish();
    }
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
        // Its own id is all that tells which of them it was.
        let seen = stage.seen().replace(OTHER, TASK);
        assert_eq!(seen, expected, "{}", stage.github.journal().summary());
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
