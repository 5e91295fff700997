//! A wait that was asked for is waited: the message is put off, and no attempt is spent.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use shared::queue::{HEADER_DELIVERIES, HEADER_NOT_BEFORE, TASKS};
use tests::broker::Broker;
use tests::github::{Fault, File, Opinion, When};
use tests::model::{Fault as ModelFault, Step};

use crate::stage::{EDIT, REPO, Stage, TASK, signal};

const NOTHING: &[(&str, &str)] = &[];

/// What stands in the headers of a message that was put off.
fn carried(message: &Value) -> (u64, u64) {
    let header = |name: &str| message["properties"]["headers"][name].as_u64().unwrap();
    (header("x-earlier-attempts"), header("x-pauses"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_asks_for_longer_is_asked_again_when_it_said() {
    let broker = Broker::shared().await.unwrap();
    let limited = || Step::Fault(ModelFault::RateLimit(Some("90")));
    let stage = Stage::set(&broker, vec![limited(), limited(), Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    for pauses in 1..=2 {
        let end = stage.consume(NOTHING).await;
        assert_eq!((end.status, stage.queues().await), (75, (0, 0)), "{end:#?}");
        assert_eq!(stage.labels(), "ai-help ai-working quickfix");
        let [comment] = stage.comments().try_into().unwrap();
        assert!(comment.starts_with("**Paused until 20"), "{comment}");
        assert!(comment.contains("waiting does not count as an attempt"), "{comment}");

        // It waits for the shortest time that is long enough.
        let message = stage.host.take("agent-tasks.later.5m").await.unwrap().expect("a message");
        assert_eq!(carried(&message), (0, pauses), "{message}");
        assert_eq!(message["properties"]["message_id"], TASK);

        // Too early: it is put off once more, nobody is asked, and that is no pause of its own.
        stage.host.publish_again(&message, "x-test", "x").await.unwrap();
        let calls = stage.github.journal().calls.len();
        let end = stage.consume(NOTHING).await;
        assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
        assert_eq!(stage.github.journal().calls.len(), calls);
        let message = stage.host.take("agent-tasks.later.5m").await.unwrap().expect("a message");
        assert_eq!(carried(&message), (0, pauses), "{message}");

        // The time has come.
        stage.host.publish_again(&message, HEADER_NOT_BEFORE, "2026-01-01T00:00:00Z").await.unwrap();
    }
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_off_comes_back_by_itself() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Fault(ModelFault::RateLimit(Some("40")))]).await;
    stage.host.shorten_delays(Duration::from_secs(1)).await.unwrap();
    let mut task = stage.wish(TASK, "dev1");
    task["delivery_id"] = "d-1".into();
    stage.publish(&task).await;
    assert_eq!(stage.consume(NOTHING).await.status, 75);
    // Time and again, as RabbitMQ takes a message out of the world that goes round without having been rejected.
    for _ in 0..3 {
        stage.host.until_ready(TASKS, 1).await.unwrap();
        let end = stage.consume(NOTHING).await;
        assert_eq!(end.status, 0, "{end:#?}");
    }
    stage.host.until_ready(TASKS, 1).await.unwrap();
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_github_are_waited_for_in_the_queue() {
    let broker = Broker::shared().await.unwrap();
    for (operation, fault) in [
        ("graphql:viewer+repository", Fault::GraphqlLimit { reset_in: 1_800 }),
        ("apps/create-installation-access-token", Fault::PrimaryLimit { status: 403, reset_in: 1_800 }),
        ("issues/get", Fault::PrimaryLimit { status: 429, reset_in: 1_800 }),
    ] {
        let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
        stage.publish(&stage.wish(TASK, "dev1")).await;
        stage.github.fault(When::next(operation), fault);
        let end = stage.consume(NOTHING).await;
        assert_eq!((end.status, stage.queues().await), (75, (0, 0)), "{operation}: {end:#?}");
        let message = stage.host.take("agent-tasks.later.35m").await.unwrap().expect("a message");
        assert_eq!(carried(&message), (0, 1), "{operation}: {message}");
        stage.host.publish_again(&message, HEADER_NOT_BEFORE, "2026-01-01T00:00:00Z").await.unwrap();
        let end = stage.consume(NOTHING).await;
        assert_eq!((end.status, stage.labels()), (0, "ai-done ai-help quickfix".to_owned()), "{end:#?}");
        stage.model.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_paid_for_is_kept_by_waiting_in_place() {
    let broker = Broker::shared().await.unwrap();
    let create = "graphql:createCommitOnBranch";
    let little = [("AGENT_GITHUB_MAX_WAIT", "1s")];
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    stage.github.fault(When::next(create), Fault::GraphqlLimit { reset_in: 4 });
    let end = stage.consume(&little).await;
    assert_eq!((end.status, stage.labels()), (0, "ai-done ai-help quickfix".to_owned()), "{end:#?}");
    stage.model.finish();

    // Longer than the run may last: the message is put off, and the issue says until when.
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    stage.github.fault(When::next(create), Fault::GraphqlLimit { reset_in: 1_800 });
    let end = stage.consume(&[("AGENT_RUN_TIMEOUT", "5min"), little[0]]).await;
    assert_eq!((end.status, stage.queues().await), (75, (0, 0)), "{end:#?}");
    let [comment] = stage.comments().try_into().unwrap();
    assert!(comment.starts_with("**Paused until 20"), "{comment}");
    assert_eq!(stage.host.ready("agent-tasks.later.35m").await.unwrap(), 1);
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_the_queues_spends_an_attempt_and_says_what_is_missing() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Fault(ModelFault::RateLimit(Some("90")))]).await;
    stage.host.delete_queue("agent-tasks.later.5m").await.unwrap();
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (75, (1, 0)), "{end:#?}");
    let told = end.log.iter().find(|line| line["message"] == "the task cannot be postponed").unwrap();
    assert!(told["fix"].as_str().unwrap().contains("k8s/base/rabbitmq"), "{told}");
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_of_days_ends_the_task_with_words() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Fault(ModelFault::RateLimit(Some("260000")))]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    let [comment] = stage.comments().try_into().unwrap();
    assert!(comment.contains("That is too long to wait for. Try again after 20"), "{comment}");
    assert_eq!(stage.labels(), "ai-failed ai-help quickfix");
    stage.model.finish();
}

/// The answer to a review.
const FIX: &str = "FIX: 1 It is `Good day` now.\nTITLE: Greet better\n\nREADME.md\n<<<<<<< SEARCH\n# Hello\n=======\n# Good day\n\
    >>>>>>> REPLACE\n";

/// A pull request of the agent's, with reviews that ask for changes; gives their ids.
pub(crate) fn reviewed<const N: usize>(stage: &Stage<'_>, texts: [&str; N]) -> [u64; N] {
    stage.github.now(|state| {
        let mut scene = state.at(REPO);
        let file = File::text("README.md", "# Hello\n\nThis text receives readers.\n");
        scene.push("ai-agent[bot]", "ai-agent/issue-1", "Correct a typo\n\nAgent-Task: 00\n", &[file]);
        let number = scene.open_pull("ai-agent[bot]", "Correct a typo", "ai-agent/issue-1", "main");
        scene.label("ai-agent[bot]", number, "ai-generated");
        texts.map(|text| scene.give_review("dev1", number, Opinion::ChangesRequested, text, &[]).0)
    })
}

/// The task that a review makes.
pub(crate) fn fix(stage: &Stage<'_>, task: &str, review: u64) -> Value {
    let mut message = stage.wish(task, "dev1");
    message["mode"] = "fix".into();
    message["issue_id"] = 2.into();
    message["pull_request"] = 2.into();
    message["comment_id"] = review.into();
    message["comment_kind"] = "review".into();
    message
}

/// Two reviews in one second: the second waits for the run of the first, and none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_review_waits_for_the_run_that_answers_another_one() {
    let broker = Broker::shared().await.unwrap();
    let again = FIX.replace("Good day", "Good evening").replace("# Hello\n", "# Good day\n");
    let stage = Stage::set(&broker, vec![Step::text(FIX), Step::text(FIX), Step::text(&again)]).await;
    let reviews = reviewed(&stage, ["Greet better.", "It is evening."]);
    let message = |task: &str, review: u64| fix(&stage, task, review);
    let second_task = "fedcba9876543210fedcba9876543210";
    stage.publish(&message(TASK, reviews[0])).await;
    let commit = "graphql:createCommitOnBranch";
    let process = Arc::new(OnceLock::new());
    let victim = Arc::clone(&process);
    stage.github.fault(When::next(commit), Fault::StallBefore);
    stage.github.on_call(When::next(commit), move |_| signal(*victim.wait(), "-KILL"));
    let first = stage.start(NOTHING);
    process.set(first.id()).unwrap();
    assert_eq!(first.end().await.status, 137);
    // The broker has the message of the first one again. Before that is taken, the second one comes.
    stage.host.until_ready(TASKS, 1).await.unwrap();
    let mut first = stage.host.take(TASKS).await.unwrap().expect("the message of the first review");
    // What the broker counts of a message that is not taken away in between.
    first["properties"]["headers"][HEADER_DELIVERIES] = 1.into();
    stage.publish(&message(second_task, reviews[1])).await;
    let said = stage.github.snapshot();
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (75, (0, 0)), "{end:#?}");
    // It is acknowledged, and nothing else.
    let eyes = "    review by dev1\n    reactions: eyes by ai-agent[bot]\n";
    let now = stage.github.snapshot();
    assert_eq!((now.matches(eyes).count(), said.matches(eyes).count()), (2, 1), "{now}");
    assert_eq!(now.replace(eyes, ""), said.replace(eyes, ""));
    let second =
        stage.host.take("agent-tasks.later.5m").await.unwrap().expect("the message of the second review");
    assert_eq!((carried(&second), second["properties"]["message_id"].as_str()), ((0, 1), Some(second_task)));
    for message in [first, second] {
        stage.host.publish_again(&message, HEADER_NOT_BEFORE, "2026-01-01T00:00:00Z").await.unwrap();
        let end = stage.consume(NOTHING).await;
        assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    }
    let page = stage.seen();
    assert_eq!(page.matches("comment by ai-agent[bot]").count(), 4, "{page}");
    assert_eq!(stage.model.requests().len(), 3);
    stage.model.finish();
}
