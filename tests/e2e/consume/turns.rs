//! How much all runs do at once: so many calls to a provider, so many runs of a repository and of a person, answers of
//! people before new work.

use serde_json::json;
use shared::queue::{ANSWER_PRIORITY, HEADER_NOT_BEFORE, TASKS};
use tests::broker::Broker;
use tests::github::{Fault, GitHub, When};
use tests::model::{Fault as ModelFault, ScriptedModel, Step};

use crate::budget::{declined, learn};
use crate::soak::{setting, task_id, world};
use crate::stage::{EDIT, REPO, Stage, TASK, people, until, wish};

const CALLS: [(&str, &str); 1] = [("AGENT_MODEL_CALLS_AT_ONCE", "2")];
const WAITING: &str = "waiting for other runs to end their calls";
const WAITING_FOR_ADMISSION: &str = "waiting for another run to find out whether the requester may ask";
/// What the queues of people who were refused begin with.
const REFUSALS: &str = "agent-budget.refused.";

/// A stage with so many issues of one repository, each with its task in the queue.
async fn crowd(broker: &Broker, tasks: u64, steps: Vec<Step>) -> Stage<'_> {
    let stage = Stage {
        host: broker.virtual_host().await.unwrap(),
        github: GitHub::start(world(tasks)),
        model: ScriptedModel::start(steps).await,
    };
    for number in 1..=tasks {
        let mut task = wish(&stage.github, &task_id(number), "dev1");
        task["issue_id"] = number.into();
        stage.publish(&task).await;
    }
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_calls_go_at_once_and_a_run_that_dies_gives_its_place_back() {
    let broker = Broker::shared().await.unwrap();
    let stage = crowd(&broker, 4, vec![Step::Hang, Step::Hang, Step::text(EDIT), Step::text(EDIT)]).await;
    let first = [stage.start(&CALLS), stage.start(&CALLS)];
    until("two calls", || stage.model.requests().len() == 2).await;
    let others = [stage.start(&CALLS), stage.start(&CALLS)];
    for other in &others {
        other.until_logged(WAITING).await;
    }
    assert_eq!(stage.model.requests().len(), 2);
    // Its place goes to the two others, one after the other.
    first[0].signal("-KILL");
    for other in others {
        let end = other.end().await;
        assert_eq!(end.status, 0, "{end:#?}");
    }
    assert_eq!(stage.model.requests().len(), 4);
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_one_run_to_wait_is_left_alone_by_all() {
    let broker = Broker::shared().await.unwrap();
    let limited = Step::Fault(ModelFault::RateLimit(Some("600")));
    let stage = crowd(&broker, 2, vec![limited, Step::text(EDIT)]).await;
    let end = stage.consume(&CALLS).await;
    assert_eq!(end.status, 75, "{end:#?}");
    let other = stage.start(&CALLS);
    other.until_logged(WAITING).await;
    assert_eq!(stage.model.requests().len(), 1);
    // The time is over.
    stage.host.purge("agent-budget.pause.openai").await.unwrap();
    let end = other.end().await;
    assert_eq!((end.status, stage.model.requests().len()), (0, 2), "{end:#?}");
}

/// `ai-agent learn` asks a model as runs do, and takes a place as they do.
#[tokio::test(flavor = "multi_thread")]
async fn learning_takes_a_place_among_the_calls() {
    let broker = Broker::shared().await.unwrap();
    let none = "CANNOT: nobody asked for anything that holds beyond one change\n";
    let stage = crowd(&broker, 1, vec![Step::Hang, Step::text(none)]).await;
    declined(&stage);
    let limit = [("AGENT_MODEL_CALLS_AT_ONCE", "1")];
    let running = stage.start(&limit);
    until("a call", || stage.model.requests().len() == 1).await;
    let learning = learn(&stage, &limit);
    learning.until_logged(WAITING).await;
    assert_eq!(stage.model.requests().len(), 1);
    running.signal("-KILL");
    let end = learning.end().await;
    assert_eq!((end.status, stage.model.requests().len()), (0, 2), "{end:#?}");
    drop(running);
}

/// A repository with many labels and one with two: the second waits for no run of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_repository_lets_others_go_first() {
    const OTHER: &str = "octo/other";
    let broker = Broker::shared().await.unwrap();
    let many = setting("FAIR_TASKS", 12);
    let file = "# Hello\n\nThis text recieves readers.\n";
    let issue = ("Typo in README.md", "It should be `receives`.");
    let labels = ["ai-help", "quickfix"];
    let mut busy = people().repo(REPO).file("README.md", file);
    for number in 1..=many {
        busy = busy.issue(number, issue.0, issue.1, &labels);
    }
    let both = busy.repo(OTHER).file("README.md", file);
    let both = (1..=2).fold(both, |world, number| world.issue(number, issue.0, issue.1, &labels));
    let stage = Stage {
        host: broker.virtual_host().await.unwrap(),
        github: GitHub::start(both),
        model: ScriptedModel::start(vec![Step::Hang, Step::Hang, Step::text(EDIT), Step::text(EDIT)]).await,
    };
    for number in 1..=many {
        let mut task = wish(&stage.github, &task_id(number), "dev1");
        task["issue_id"] = number.into();
        stage.publish(&task).await;
    }
    for number in 1..=2 {
        let mut task = wish(&stage.github, &task_id(1_000 + number), "dev1");
        task["issue_id"] = number.into();
        task["repo_url"] = stage.github.repo_url(OTHER).into();
        stage.publish(&task).await;
    }
    let limit = [("AGENT_RUNS_PER_REPO", "2")];
    let running = [stage.start(&limit), stage.start(&limit)];
    until("two runs of the busy repository", || stage.model.requests().len() == 2).await;
    // One process after the other, as a third Job would come.
    let mut processes = 0;
    while stage.host.ready(TASKS).await.unwrap() > 0 {
        let end = stage.consume(&limit).await;
        assert_eq!(end.status, 0, "{end:#?}");
        processes += 1;
    }
    assert_eq!(processes, many, "the tasks beyond the two, and the two of the other repository");
    let done = |number| {
        stage.github.now(|state| state.at(OTHER).issue(number).labels.contains(&"ai-done".to_owned()))
    };
    assert!(done(1) && done(2), "the second repository had to wait");
    assert_eq!(stage.model.requests().len(), 4);

    // Those that let others go first have spent nothing, and come back.
    let later = "agent-tasks.later.1m";
    assert_eq!(u64::from(stage.host.ready(later).await.unwrap()), many - 2);
    let message = stage.host.take(later).await.unwrap().unwrap();
    let headers = &message["properties"]["headers"];
    assert_eq!(
        (&headers["x-turns"], &headers["x-earlier-attempts"], &headers["x-pauses"]),
        (&json!(1), &json!(0), &json!(0))
    );
    // Later they look less often.
    stage.host.publish_again(&message, HEADER_NOT_BEFORE, "2026-01-01T00:00:00Z").await.unwrap();
    let end = stage.consume(&limit).await;
    assert_eq!((end.status, stage.host.ready("agent-tasks.later.5m").await.unwrap()), (0, 1), "{end:#?}");
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_so_many_runs_at_once_and_another_one_has_others() {
    let broker = Broker::shared().await.unwrap();
    let stage = crowd(&broker, 2, vec![Step::Hang]).await;
    let limit = [("AGENT_RUNS_PER_PERSON", "1")];
    let running = stage.start(&limit);
    until("a run", || stage.model.requests().len() == 1).await;
    let end = stage.consume(&limit).await;
    assert!(end.log.iter().any(|line| line["message"] == "others go first" && line["whose"] == "person"));
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");

    // What asks no model is not counted, and somebody else has places of their own.
    let mut ci = wish(&stage.github, TASK, "dev1");
    ci["mode"] = "checks".into();
    ci["trigger_user"] = "github-actions".into();
    let theirs = wish(&stage.github, &task_id(77), "guest");
    for task in [ci, theirs] {
        stage.publish(&task).await;
        let end = stage.consume(&limit).await;
        assert!(!end.log.iter().any(|line| line["message"] == "others go first"), "{end:#?}");
    }
    drop(running);
}

/// Who may not ask is told once, and costs no further Job on that thread for an hour: `ingest` looks for what the run left. Who
/// asks again after that costs none for a day.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_left_at_the_broker() {
    const SAID: &str = "@guest, only people with write access to this repository can ask for this. \
        If you are given it, ask again here after 60 minutes. Whoever asks again without it is not heard here for 24 hours.";
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    for (number, hours) in [(1, 1), (2, 24), (3, 24)] {
        stage.publish(&stage.wish(&task_id(number), "guest")).await;
        let end = stage.consume(&[]).await;
        assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
        assert_eq!(stage.comments(), [SAID]);
        let [(left, _)] = <[_; 1]>::try_from(stage.host.lengths(REFUSALS).await.unwrap()).unwrap();
        // A queue cannot be declared again with other arguments.
        let arguments = json!({"x-queue-type": "classic", "x-expires": hours * 3_600_000, "x-max-length": 1});
        stage.host.declare_queue(&left, arguments).await.unwrap();
        // Its time is over.
        stage.host.delete_queue(&left).await.unwrap();
    }

    // The definitions of an earlier release: the run ends as before, and the log says what is missing.
    stage.host.permit("task", ["^$", r"^agent-tasks\.later(\.[0-9]+m)?$", "^agent-tasks$"]).await.unwrap();
    stage.publish(&stage.wish(&task_id(7), "guest")).await;
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    for missing in ["who was refused is not known to the broker", "a refusal is not remembered: "] {
        let is_told = |line: &serde_json::Value| {
            line["message"].as_str().unwrap_or_default().starts_with(missing) && line["fix"].is_string()
        };
        assert!(end.log.iter().any(is_told), "{missing}: {end:#?}");
    }
    assert_eq!(stage.comments(), [SAID]);
    stage.model.finish();
}

/// A burst of commands that are all in the queue before the first is refused: one run asks GitHub, and the others end at the
/// broker, in the same process if nobody else takes them. What somebody else asks for is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_commands_of_one_person_is_asked_about_once() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::text(EDIT)]).await;
    for number in 1..=20 {
        stage.publish(&stage.wish(&task_id(number), "guest")).await;
    }
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let (arrived, go_on) = stage.hold(When::next("issues/create-comment"));
    let start = || stage.start(&[("AGENT_GITHUB_TIMEOUT", "10min")]);
    let (first, second) = (start(), start());
    tokio::task::spawn_blocking(move || arrived.recv().unwrap()).await.unwrap();
    tokio::select! {
        () = first.until_logged(WAITING_FOR_ADMISSION) => {}
        () = second.until_logged(WAITING_FOR_ADMISSION) => {}
    }
    go_on.send(()).unwrap();
    for end in [first.end().await, second.end().await] {
        assert_eq!(end.status, 0, "{end:#?}");
    }
    // The person who may ask is asked about as well.
    let asked = stage.github.journal().count("repos/get-collaborator-permission-level");
    assert_eq!((stage.queues().await, asked), ((0, 0), 2));
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    let refused = stage.comments().iter().filter(|comment| comment.starts_with("@guest, ")).count();
    assert_eq!(refused, 1, "{:?}", stage.comments());
    stage.model.finish();
}

/// A run that dies before it has said that a person is refused leaves that to the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_by_another_run_if_the_first_dies() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    for number in [7, 8] {
        stage.publish(&stage.wish(&task_id(number), "guest")).await;
    }
    // The first has looked, and has not said it yet.
    stage.github.fault(When::next("issues/create-comment"), Fault::StallBefore);
    let first = stage.start(&[("AGENT_GITHUB_TIMEOUT", "10min")]);
    let said = || stage.github.journal().count("issues/create-comment");
    until("a comment without an answer", || said() == 1).await;
    let second = stage.start(&[]);
    second.until_logged(WAITING_FOR_ADMISSION).await;
    drop(first);
    let end = second.end().await;
    assert_eq!((end.status, said()), (0, 2), "{end:#?}");
    // The message of the first comes back, and needs no run.
    stage.host.until_ready(TASKS, 1).await.unwrap();
    let again = stage.consume(&[]).await;
    assert_eq!((again.status, stage.queues().await, said()), (0, (0, 0), 2), "{again:#?}");
    assert_eq!(stage.comments().len(), 1);
    stage.model.finish();
}

/// What a person who may ask asks for twice on a thread goes on side by side once that is known.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_ask_does_not_wait_for_their_first_run() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let first = stage.start(&[]);
    stage.asked(1).await;
    stage.publish(&stage.wish(&task_id(8), "dev1")).await;
    let second = stage.consume(&[]).await;
    assert_eq!(second.status, 0, "{second:#?}");
    assert!(second.log.iter().all(|line| line["message"] != WAITING_FOR_ADMISSION), "{second:#?}");
    drop(first);
}

/// What people answer takes precedence over new work where the broker knows priorities: quorum queues from 4.0 on.
#[tokio::test(flavor = "multi_thread")]
async fn answers_go_before_new_work_where_the_broker_can() {
    let broker = Broker::shared().await.unwrap();
    let host = broker.virtual_host().await.unwrap();
    for number in 0..3 {
        host.publish(&task_id(number), "new").await.unwrap();
    }
    host.publish_with(TASK, "answer", json!({"priority": ANSWER_PRIORITY})).await.unwrap();
    let first = host.take(TASKS).await.unwrap().unwrap();
    let knows = !broker.version().await.unwrap().starts_with("3.");
    assert_eq!(first["payload"], if knows { "answer" } else { "new" });
}
