//! Every way in which a run can end: the message, the exit status, the issue.

use std::time::Duration;

use serde_json::{Value, json};
use tests::broker::Broker;
use tests::github::{Fault, Refused, When};
use tests::model::{Fault as ModelFault, Step};

use crate::relay::Relay;
use crate::stage::{EDIT, REPO, Stage, TASK};

const NOTHING: &[(&str, &str)] = &[];

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_done_is_acknowledged() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    let mut task = stage.wish(TASK, "dev1");
    task["delivery_id"] = "d-1".into();
    stage.publish(&task).await;
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(end.left, [""; 0]);
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    assert_eq!(stage.model.requests().len(), 1);

    // Every line of the run tells which task it is about.
    let taken = end.log.iter().find(|line| line["message"] == "task taken").unwrap();
    let fields = ["task_id", "repository", "issue", "mode", "attempt", "traceparent"];
    let told: Vec<Value> = fields.iter().map(|field| taken[*field].clone()).collect();
    let trace = format!("00-{TASK}-{}-01", &TASK[..16]);
    assert_eq!(json!(told), json!([TASK, "octo/hello", "1", "quickfix", 1, trace]), "{taken}");
    assert_eq!(end.log.last().unwrap()["task_id"], TASK);

    // The same message once more changes nothing.
    let before = stage.seen();
    stage.publish(&task).await;
    let again = stage.consume(NOTHING).await;
    assert_eq!((again.status, stage.queues().await), (0, (0, 0)), "{again:#?}");
    assert_eq!(stage.seen(), before);
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_explained_is_acknowledged() {
    let broker = Broker::shared().await.unwrap();
    for (user, steps, labels, comment) in [
        (
            "dev1",
            vec![Step::text("CANNOT: The sentence is right as it is.")],
            "ai-failed ai-help quickfix",
            "**Could not be done.** openai:scripted declined: The sentence is right as it is.",
        ),
        (
            "guest",
            vec![],
            "ai-help quickfix",
            "@guest, only people with write access to this repository can ask for this. If you are given it, ask again here after 60 minutes. Whoever asks again without it is not heard here for 24 hours.",
        ),
    ] {
        let stage = Stage::set(&broker, steps).await;
        stage.publish(&stage.wish(TASK, user)).await;
        let end = stage.consume(NOTHING).await;
        assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
        assert_eq!(stage.labels(), labels);
        let comments = stage.comments();
        let first: Vec<&str> = comments.iter().map(|comment| comment.lines().next().unwrap()).collect();
        assert_eq!(first, [comment]);
        stage.model.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_failure_comes_back_until_the_last_attempt_is_told() {
    let broker = Broker::shared().await.unwrap();
    let overloaded = || Step::Fault(ModelFault::Overloaded);
    let stage = Stage::set(&broker, vec![overloaded(), overloaded(), overloaded()]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let mut ends = Vec::new();
    for _ in 0..3 {
        let end = stage.consume(NOTHING).await;
        let [comment] = stage.comments().try_into().unwrap();
        let first = comment.lines().next().unwrap().to_owned();
        ends.push((end.status, stage.queues().await, stage.labels(), first));
    }
    let waits =
        "**Interrupted. Retrying automatically.** openai cannot answer now (HTTP 503): Try again later.";
    let gives_up = "**Could not be done.** openai cannot answer now (HTTP 503): Try again later.";
    assert_eq!(
        ends,
        [
            (75, (1, 0), "ai-help ai-working quickfix".to_owned(), waits.to_owned()),
            (75, (1, 0), "ai-help ai-working quickfix".to_owned(), waits.to_owned()),
            (1, (0, 1), "ai-failed ai-help quickfix".to_owned(), gives_up.to_owned()),
        ]
    );
    assert_eq!(stage.death().await, ("rejected".to_owned(), "agent-tasks".to_owned()));
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_burn_no_task_at_once() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let wrong = [("AGENT_GITHUB_APP_ID", "999999")];
    for (queues, death) in [((1, 0), None), ((1, 0), None), ((0, 1), Some("rejected"))] {
        let end = stage.consume(&wrong).await;
        assert_eq!((end.status, stage.queues().await), (2, queues), "{end:#?}");
        if let Some(reason) = death {
            assert_eq!(stage.death().await.0, reason);
        }
    }
    assert_eq!(stage.writes(), [""; 0]);
}

/// GitHub refuses once what it allows: the second attempt works on the task.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_middle_leaves_the_task_open() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    stage.github.fault(When::next("git/create-ref"), Fault::Refused(Refused::Permission));
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (2, (1, 0)), "{end:#?}");
    let [comment] = stage.comments().try_into().unwrap();
    let words = "**Interrupted. Retrying automatically.** GitHub does not allow POST /repos/octo/hello/git/refs: Resource \
                 not accessible by integration (needs issues=write)";
    assert_eq!(comment.lines().next(), Some(words), "{comment}");
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_task_is_a_dead_letter() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    let mut foreign = stage.wish(TASK, "dev1");
    foreign["repo_url"] = "https://evil.example/octo/hello".into();
    let long = format!("{{\"repo_url\": \"{}\"}}", "x".repeat(70_000));
    for payload in ["", "{", "[]", &foreign.to_string(), &long] {
        stage.host.publish(TASK, payload).await.unwrap();
        let end = stage.consume(NOTHING).await;
        assert_eq!((end.status, stage.queues().await), (0, (0, 1)), "{payload:.40} {end:#?}");
        assert_eq!(stage.death().await, ("rejected".to_owned(), "agent-tasks".to_owned()));
    }
    assert_eq!(stage.github.journal().calls.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_queue_is_no_failure() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    // Without a command and without a terminal, it is the same.
    for arguments in [&["consume"][..], &[]] {
        let end = stage.start_command(arguments, NOTHING).end().await;
        let told: Vec<&Value> = end.log.iter().map(|line| &line["message"]).collect();
        assert_eq!((end.status, told), (0, vec![&json!("no task is waiting")]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_no_message_is_taken() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage.consume(&[("AGENT_MODEL", "")]).await;
    let line = end.log.iter().find(|line| line["message"] == "no task can be taken").unwrap();
    assert!(line["error"].as_str().unwrap().starts_with("no model is chosen: set AGENT_MODEL"), "{end:#?}");
    assert_eq!((end.status, stage.queues().await), (2, (1, 0)));
    assert_eq!(stage.github.journal().calls.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_setting_is_a_line_of_the_log() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    for (name, value, error) in [
        ("AGENT_MAX_COSTS", "1", "unknown setting AGENT_MAX_COSTS: did you mean AGENT_MAX_COST?"),
        ("AGENT_LOG_FORMAT", "xml", "invalid value \"xml\" for AGENT_LOG_FORMAT: use json or text"),
        (
            "AGENT_MAX_TOKENS",
            "many",
            "invalid number \"many\" for AGENT_MAX_TOKENS: use a whole number of at least 1",
        ),
    ] {
        let end = stage.consume(&[(name, value)]).await;
        let line = end.log.iter().find(|line| line["message"] == "no task can be taken").unwrap();
        assert_eq!((&line["error"], end.status), (&json!(error), 2), "{end:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_means_that_the_message_is_held() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang, Step::text(EDIT)]).await;
    let waiting = stage.start(&[("AGENT_QUEUE_WAIT", "1min")]);
    assert_eq!(waiting.probe(), Some(1));
    stage.publish(&stage.wish(TASK, "dev1")).await;
    stage.asked(1).await;
    assert_eq!(waiting.probe(), Some(0));
    let before = stage.writes();

    // Asked to end, it writes nothing more and hands the message back.
    waiting.signal("-TERM");
    let end = waiting.end().await;
    assert_eq!((end.status, stage.queues().await), (143, (1, 0)), "{end:#?}");
    assert_eq!((stage.writes(), end.left), (before, vec![]));
    let end = stage.consume(NOTHING).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.comments().len(), 1);
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_to_end_before_there_is_a_task_ends() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    let waiting = stage.start(&[("AGENT_QUEUE_WAIT", "1min"), ("RUST_LOG", "debug")]);
    waiting.until_logged("looking for a task").await;
    waiting.signal("-TERM");
    assert_eq!(waiting.end().await.status, 143);
    stage.publish(&stage.wish(TASK, "dev1")).await;
    assert_eq!(stage.consume(NOTHING).await.status, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_time_is_over_writes_nothing_more() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang, Step::Hang, Step::Hang]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    // Counted by the broker, so that it ends.
    for queues in [(1, 0), (1, 0), (0, 1)] {
        let end = stage.consume(&[("AGENT_RUN_TIMEOUT", "4s")]).await;
        assert_eq!((end.status, stage.queues().await), (143, queues), "{end:#?}");
        assert_eq!(end.left, [""; 0]);
    }
    assert_eq!(stage.death().await.0, "delivery_limit");
    assert_eq!(stage.github.journal().count("graphql:createCommitOnBranch"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_broker_is_told_apart() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    let elsewhere = stage.host.url("task").replace("/test-", "/none-");
    for (name, value, status) in [
        ("AGENT_AMQP_PASSWORD", "wrong", 2),
        ("AGENT_AMQP_URL", elsewhere.as_str(), 2),
        // May publish, not take.
        ("AGENT_AMQP_USERNAME", "ingest", 2),
        ("AGENT_AMQP_URL", "amqp://task:x@127.0.0.1:1/agents", 75),
        ("AGENT_AMQP_URL", "https://example.org", 2),
    ] {
        let end = stage.consume(&[(name, value)]).await;
        assert_eq!(end.status, status, "{name}={value} {end:#?}");
    }
    stage.host.delete_queue("agent-tasks").await.unwrap();
    assert_eq!(stage.consume(NOTHING).await.status, 2);
}

/// As with a network plugin that lets the connections of a new pod through only after its next sync.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_at_first_costs_no_process_and_no_attempt() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let refused_at_first = |user: &str| {
        let address = Relay::start_late(stage.host.address(), Duration::from_secs(10));
        stage.host.url(user).replace(&stage.host.address(), &address)
    };
    let end = stage.consume(&[("AGENT_AMQP_URL", &refused_at_first("task"))]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    let taken = end.log.iter().find(|line| line["message"] == "task taken").unwrap();
    assert_eq!((&taken["attempt"], stage.labels().as_str()), (&json!(1), "ai-done ai-help quickfix"));

    let (url, repository) = (refused_at_first("sweep"), stage.github.repo_url(REPO));
    let more = [("AGENT_AMQP_URL", url.as_str()), ("AGENT_SWEEP_REPOSITORIES", repository.as_str())];
    let end = stage.start_command(&["sweep"], &more).end().await;
    assert_eq!(end.status, 0, "{end:#?}");
    stage.model.finish();
}

/// GitHub is down for longer than a run waits: nobody can be told, and the task comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_is_down_is_a_passing_failure() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    stage.github.fault(When::every("apps/create-installation-access-token"), Fault::BadGateway);
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let brief = [("AGENT_GITHUB_MAX_WAIT", "1s")];
    for (status, queues) in [(75, (1, 0)), (75, (1, 0)), (1, (0, 1))] {
        let end = stage.consume(&brief).await;
        assert_eq!((end.status, stage.queues().await), (status, queues), "{end:#?}");
    }
    assert_eq!(stage.death().await.0, "rejected");
}
