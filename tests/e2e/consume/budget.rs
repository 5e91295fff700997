//! What all runs together may spend: counted by the broker, reserved before each call, never more than the ceiling.

use std::sync::mpsc::channel;

use serde_json::{Value, json};
use shared::queue::{BUDGET, HEADER_NOT_BEFORE, TASKS};
use tests::broker::Broker;
use tests::github::{File, When};
use tests::model::{Answer, Counts, Fault as ModelFault, Request, Step};

use crate::pauses::{fix, reviewed};
use crate::stage::{Consumer, EDIT, REPO, Stage, TASK, wish};

/// Dollars for a million tokens, and what an answer may have.
pub(crate) const PRICE: [(&str, &str); 2] =
    [("AGENT_MODEL_PRICE", "100/100"), ("AGENT_MAX_OUTPUT_TOKENS", "1000")];
/// What the scripted model says that a call used: $0.20.
const USED: Counts = Counts::Given { prompt: 1_500, answer: 500 };
/// The same in units of the budget.
pub(crate) const USED_UNITS: u32 = 4;

pub(crate) fn step() -> Step {
    Step::Answer(Answer { counts: USED, ..Answer::new(EDIT) })
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    PRICE.iter().copied().chain(more.iter().copied()).collect()
}

async fn counted(stage: &Stage<'_>) -> Vec<(String, u32)> {
    stage.host.lengths(BUDGET).await.unwrap()
}

/// The same without the periods in the names.
async fn units(stage: &Stage<'_>) -> Vec<u32> {
    counted(stage).await.into_iter().map(|(_, units)| units).collect()
}

fn header(message: &Value, name: &str) -> u64 {
    message["properties"]["headers"][name].as_u64().unwrap()
}

/// Takes a task that was put off, and lets it come back as if its time had come.
async fn come_back(stage: &Stage<'_>, queue: &str) -> Value {
    let message = stage.host.take(queue).await.unwrap().expect("a message");
    stage.host.publish_again(&message, HEADER_NOT_BEFORE, "2026-01-01T00:00:00Z").await.unwrap();
    message
}

/// The queue that a task was put off to: this one, or a shorter one where a day of the budget begins before that.
async fn put_off(stage: &Stage<'_>, planned: &str) -> String {
    let minutes = |queue: &str| queue.trim_end_matches('m').parse::<i64>().unwrap();
    let mut found = Vec::new();
    for queue in ["1m", "5m", "15m", "35m", "65m"] {
        if stage.host.ready(&format!("agent-tasks.later.{queue}")).await.unwrap() > 0 {
            found.push(queue);
        }
    }
    let [queue] = found[..] else { panic!("put off to {found:?}") };
    let day = 24 * 60;
    let left = day - (jiff::Timestamp::now().as_second() / 60) % day;
    assert!(
        queue == planned || (minutes(queue) < minutes(planned) && left <= minutes(planned)),
        "{queue}, {left}"
    );
    format!("agent-tasks.later.{queue}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_does_not_use_goes_back_under_every_ceiling() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![step()]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage
        .consume(&with(&[
            ("AGENT_BUDGET_DAY", "5"),
            ("AGENT_BUDGET_MONTH", "50"),
            ("AGENT_REPO_BUDGET_DAY", "100"),
            ("AGENT_REPO_BUDGETS", "octo/other=0/0,octo/hello=2/20"),
        ]))
        .await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    let counted = counted(&stage).await;
    let forms: Vec<String> = counted
        .iter()
        .map(|(name, units)| {
            let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
            format!("{} {units}", name.chars().map(digits).collect::<String>())
        })
        .collect();
    let repository = &forms[2].split('.').nth(1).unwrap().to_owned();
    assert_eq!(
        forms,
        [
            format!("agent-budget.all.0000-00 {USED_UNITS}"),
            format!("agent-budget.all.0000-00-00 {USED_UNITS}"),
            format!("agent-budget.{repository}.0000-00 {USED_UNITS}"),
            format!("agent-budget.{repository}.0000-00-00 {USED_UNITS}"),
        ]
    );

    // A sweep tells what is left.
    let (host, repository) = (stage.host.url("sweep"), stage.github.repo_url("octo/hello"));
    let variables = [
        ("AGENT_AMQP_URL", host.as_str()),
        ("AGENT_SWEEP_REPOSITORIES", repository.as_str()),
        ("AGENT_BUDGET_DAY", "5"),
    ];
    let swept = stage.start_command(&["sweep"], &variables).end().await;
    let told = swept.log.iter().find(|line| line["message"] == "budget").expect("a line about the budget");
    assert_eq!((&told["setting"], &told["left"]), (&json!("AGENT_BUDGET_DAY"), &json!("$4.80")), "{told}");

    // And so does a report, with the same user of the broker, for all together and for its repository.
    let page = tempfile::NamedTempFile::new().unwrap();
    let report = ["report", "--repo", repository.as_str(), "--html", page.path().to_str().unwrap()];
    let limited = [
        ("AGENT_AMQP_URL", host.as_str()),
        ("AGENT_BUDGET_DAY", "5"),
        ("AGENT_REPO_BUDGETS", "octo/hello=-/20"),
    ];
    assert_eq!(stage.start_command(&report, &limited).end().await.status, 0);
    let told = std::fs::read_to_string(page.path()).unwrap();
    for line in [
        "Left of the budget of all repositories for this day (UTC): $4.80 of $5.00",
        "Left of the budget of octo&#x2f;hello for this month (UTC): $19.80 of $20.00",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    // A broker that is away is a sentence, and no failure; without a ceiling it is not asked.
    let away = [("AGENT_AMQP_URL", "amqp://127.0.0.1:9/agents"), ("AGENT_BROKER_MAX_WAIT", "0s")];
    for (more, is_told) in [(&[("AGENT_BUDGET_DAY", "5")][..], true), (&[], false)] {
        let end = stage.start_command(&report, &[&away, more].concat()).end().await;
        let told = std::fs::read_to_string(page.path()).unwrap();
        let found = told.contains("What is left of the budgets is not known: ");
        assert_eq!((end.status, found), (0, is_told), "{told}");
    }
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ceiling_nothing_is_counted() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![step()]).await;
    stage.host.delete_exchange(BUDGET).await.unwrap();
    stage.host.permit("task", ["^$", r"^agent-tasks\.later(\.[0-9]+m)?$", "^agent-tasks$"]).await.unwrap();
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage.consume(&with(&[])).await;
    assert_eq!((end.status, stage.labels()), (0, "ai-done ai-help quickfix".to_owned()), "{end:#?}");
    assert!(units(&stage).await.is_empty());
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_budget_waits_says_so_once_and_goes_on() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![step()]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    // A ceiling of nothing pauses the agent.
    let paused = with(&[("AGENT_BUDGET_DAY", "0")]);
    let end = stage.consume(&paused).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-help ai-working quickfix");
    let told = end.log.iter().find(|line| line["message"] == "the model is not asked").unwrap();
    let error = told["error"].as_str().unwrap();
    assert!(
        error.contains("of AGENT_BUDGET_DAY are spent or reserved; raise it, or wait until 20"),
        "{error}"
    );
    let [comment] = stage.comments().try_into().unwrap();
    assert!(comment.starts_with("**Paused until there is budget again.**"), "{comment}");
    assert!(comment.contains(" 00:00 UTC when the next period begins, or sooner."), "{comment}");
    assert!(!comment.contains("AGENT_"), "{comment}");

    // Looks at the broker alone, at growing distances; that is no attempt, and no pause that somebody asked for.
    let mut queue = put_off(&stage, "5m").await;
    for (waits, next) in [(1, "15m"), (2, "35m"), (3, "65m"), (4, "65m")] {
        let message = come_back(&stage, &queue).await;
        assert_eq!(header(&message, "x-budget-waits"), waits);
        assert_eq!((header(&message, "x-earlier-attempts"), header(&message, "x-pauses")), (0, 0));
        let calls = stage.github.journal().calls.len();
        let end = stage.consume(&paused).await;
        assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
        assert_eq!(stage.github.journal().calls.len(), calls, "{end:#?}");
        queue = put_off(&stage, next).await;
    }
    // The operator raises the ceiling.
    come_back(&stage, &queue).await;
    let end = stage.consume(&with(&[("AGENT_BUDGET_DAY", "5")])).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-done ai-help quickfix");
    assert_eq!(stage.comments().len(), 1);
    assert_eq!(units(&stage).await, [USED_UNITS]);
    stage.model.finish();
}

/// The clock of a pod may be wrong: which day it is, GitHub says. And with a day comes its budget.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_day_begins_by_the_clock_of_github() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage {
        host: broker.virtual_host().await.unwrap(),
        github: tests::github::GitHub::start(crate::soak::world(2)),
        model: tests::model::ScriptedModel::start(vec![step(), step()]).await,
    };
    // Enough for one task a day: a call may need seven units, and uses four.
    let ceiling = with(&[("AGENT_BUDGET_DAY", "0.35")]);
    let mut second = stage.wish("11112222333344445555666677778888", "dev1");
    second["issue_id"] = 2.into();
    stage.publish(&stage.wish(TASK, "dev1")).await;
    assert_eq!(stage.consume(&ceiling).await.status, 0);
    stage.publish(&second).await;
    let end = stage.consume(&ceiling).await;
    assert!(end.log.iter().any(|line| line["message"] == "task postponed"), "{end:#?}");
    let [(today, _)] = <[_; 1]>::try_from(counted(&stage).await).unwrap();

    stage.github.now(|state| state.run_ahead_by(std::time::Duration::from_hours(24)));
    // Without what it waits for, which would be asked for by the clock of the pod.
    let queue = put_off(&stage, "5m").await;
    stage.host.take(&queue).await.unwrap().expect("the second task");
    stage.publish(&second).await;
    let end = stage.consume(&ceiling).await;
    let days = counted(&stage).await;
    assert_eq!(days.len(), 2, "{end:#?}");
    assert_eq!((&days[0], days[1].1), (&(today, USED_UNITS), USED_UNITS), "{end:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_no_period_could_pay_for_ends_the_task_with_words() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage.consume(&with(&[("AGENT_BUDGET_DAY", "50"), ("AGENT_REPO_BUDGET_MONTH", "0.05")])).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-failed ai-help quickfix");
    let [comment] = stage.comments().try_into().unwrap();
    assert!(comment.contains("What this needs of the model may cost more"), "{comment}");
    let told = end.log.iter().find(|line| line["message"] == "the model is not asked").unwrap();
    assert!(told["error"].as_str().unwrap().contains("the $0.0500 of AGENT_REPO_BUDGET_MONTH"), "{told}");
    // The ceilings that would have had room were not touched.
    assert!(units(&stage).await.iter().all(|units| *units == 0));
    stage.model.finish();
}

/// Each of its calls would fit alone. A run that began again whenever the second one does not would pay for the first for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_calls_no_period_could_pay_for_together_ends_with_words() {
    let broker = Broker::shared().await.unwrap();
    let look = Step::Answer(Answer { counts: USED, ..Answer::new("LIST: /") });
    let stage = Stage::set(&broker, vec![look]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage.consume(&with(&[("AGENT_BUDGET_DAY", "0.40")])).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert_eq!(stage.labels(), "ai-failed ai-help quickfix");
    let told = end.log.iter().find(|line| line["message"] == "the model is not asked").unwrap();
    assert!(
        told["error"].as_str().unwrap().starts_with("the calls of one run to the model may cost $0."),
        "{told}"
    );
    assert_eq!(units(&stage).await, [USED_UNITS]);
    stage.model.finish();
}

/// What follows a pull request asks the model like everything else.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_review_needs_budget_too() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![]).await;
    let [review] = reviewed(&stage, ["Greet better."]);
    stage.publish(&fix(&stage, TASK, review)).await;
    let end = stage.consume(&with(&[("AGENT_BUDGET_DAY", "0")])).await;
    assert_eq!((end.status, stage.queues().await), (0, (0, 0)), "{end:#?}");
    assert!(end.log.iter().any(|line| line["message"] == "the model is not asked"), "{end:#?}");
    put_off(&stage, "5m").await;
    stage.model.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_costs_nothing_and_an_answer_that_breaks_off_may_have_cost_everything() {
    let broker = Broker::shared().await.unwrap();
    let cut = Answer { end: tests::model::End::Broken, ..Answer::new(EDIT) };
    for (step, is_kept) in [
        (Step::Fault(ModelFault::Overloaded), false),
        (Step::Page { status: 502 }, true),
        (Step::Answer(cut), true),
    ] {
        let stage = Stage::set(&broker, vec![step.clone()]).await;
        stage.publish(&stage.wish(TASK, "dev1")).await;
        let end = stage.consume(&with(&[("AGENT_BUDGET_DAY", "5")])).await;
        assert_eq!((end.status, stage.queues().await), (75, (1, 0)), "{end:#?}");
        let [units] = units(&stage).await.try_into().unwrap();
        assert_eq!(units > USED_UNITS, is_kept, "{step:?}: {units}");
        assert_eq!(units == 0, !is_kept, "{step:?}: {units}");
        stage.model.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_during_a_call_leaves_it_counted() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang, step()]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let ceiling = with(&[("AGENT_BUDGET_DAY", "5")]);
    let running = stage.start(&ceiling);
    stage.asked(1).await;
    let [reserved] = units(&stage).await.try_into().unwrap();
    assert!(reserved > USED_UNITS);
    running.signal("-KILL");
    running.end().await;
    stage.host.until_ready(TASKS, 1).await.unwrap();
    let end = stage.consume(&ceiling).await;
    assert_eq!((end.status, stage.labels()), (0, "ai-done ai-help quickfix".to_owned()), "{end:#?}");
    assert_eq!(units(&stage).await, [reserved + USED_UNITS]);
    stage.model.finish();
}

/// Makes the queue that is counted in today, by a run that is paused.
async fn todays_queue(stage: &Stage<'_>) -> String {
    let end = stage.consume(&with(&[("AGENT_BUDGET_DAY", "0")])).await;
    assert_eq!(end.status, 0, "{end:#?}");
    let [(name, 0)] = <[_; 1]>::try_from(counted(stage).await).unwrap() else { panic!("it is not empty") };
    name
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The exchange is missing: definitions of an earlier release.
    NoExchange,
    /// The user may not use the queues.
    NoPermission,
    /// The queue has another type.
    OtherType,
    /// The queue takes no more messages.
    Full,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_counted_is_not_spent() {
    let broker = Broker::shared().await.unwrap();
    for trouble in [Trouble::NoExchange, Trouble::NoPermission, Trouble::OtherType, Trouble::Full] {
        let stage = Stage::set(&broker, vec![]).await;
        stage.publish(&stage.wish(TASK, "dev1")).await;
        let today = todays_queue(&stage).await;
        match trouble {
            Trouble::NoExchange => stage.host.delete_exchange(BUDGET).await.unwrap(),
            Trouble::NoPermission => {
                let old = ["^$", r"^agent-tasks\.later(\.[0-9]+m)?$", "^agent-tasks$"];
                stage.host.permit("task", old).await.unwrap();
            }
            Trouble::OtherType => {
                stage.host.delete_queue(&today).await.unwrap();
                stage.host.declare_queue(&today, json!({"x-queue-type": "quorum"})).await.unwrap();
            }
            Trouble::Full => stage.host.limit_queues(&format!("^{today}$"), 3).await.unwrap(),
        }
        let queue = put_off(&stage, "5m").await;
        come_back(&stage, &queue).await;
        let ceilings = with(&[("AGENT_BUDGET_DAY", "5"), ("AGENT_REPO_BUDGET_DAY", "5")]);
        let end = stage.consume(&ceilings).await;
        assert_eq!((end.status, stage.queues().await), (75, (1, 0)), "{trouble:?}: {end:#?}");
        // Nor is anything counted of it: not under the other ceiling, and not as much as the queue has room for.
        let left = counted(&stage).await;
        assert!(left.iter().all(|(_, units)| *units == 0), "{trouble:?}: {left:?}");
        let told = end.log.iter().find(|line| line["message"] == "the model is not asked").unwrap();
        let error = told["error"].as_str().unwrap();
        assert!(
            error.starts_with("the broker keeps no count of what is spent, so no call is made: "),
            "{error}"
        );
        assert!(error.contains("import the definitions of k8s/base/rabbitmq"), "{trouble:?}: {error}");
        stage.model.finish();
    }
}

/// Somebody empties or deletes a queue that a run has reserved in.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_at_work_ends_well_whatever_is_done_to_its_queue() {
    let broker = Broker::shared().await.unwrap();
    for is_deleted in [false, true] {
        let ((arrived, told), (go_on, told_to)) = (channel(), channel());
        let answer = move |_: &Request| {
            arrived.send(()).unwrap();
            told_to.recv().unwrap();
            step()
        };
        let stage = Stage {
            host: broker.virtual_host().await.unwrap(),
            github: tests::github::GitHub::start(crate::stage::world()),
            model: tests::model::ScriptedModel::answering(answer).await,
        };
        stage.publish(&stage.wish(TASK, "dev1")).await;
        let running = stage.start(&with(&[("AGENT_BUDGET_DAY", "5"), ("AGENT_REPO_BUDGET_DAY", "5")]));
        tokio::task::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
        let [(all, reserved), (own, _)] = <[_; 2]>::try_from(counted(&stage).await).unwrap();
        assert!(reserved > USED_UNITS);
        let left = if is_deleted {
            stage.host.delete_queue(&all).await.unwrap();
            vec![(own, USED_UNITS)]
        } else {
            stage.host.purge(&all).await.unwrap();
            vec![(all, 0), (own, USED_UNITS)]
        };
        go_on.send(()).unwrap();
        let end = running.end().await;
        assert_eq!((end.status, stage.labels()), (0, "ai-done ai-help quickfix".to_owned()), "{end:#?}");
        // The other ceiling is counted as ever.
        assert_eq!(counted(&stage).await, left, "{end:#?}");
        let told = "the budget's queue was emptied by somebody else";
        assert!(end.log.iter().any(|line| line["message"] == told), "{end:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_emptied_or_deleted_begins_again_and_is_never_less_than_empty() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![Step::Hang, step()]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let ceiling = with(&[("AGENT_BUDGET_DAY", "5"), ("AGENT_MODEL_TIMEOUT", "30s")]);
    let running = stage.start(&ceiling);
    stage.asked(1).await;
    let [(today, _)] = <[_; 1]>::try_from(counted(&stage).await).unwrap();
    stage.host.purge(&today).await.unwrap();
    running.signal("-KILL");
    running.end().await;
    stage.host.delete_queue(&today).await.unwrap();
    stage.host.until_ready(TASKS, 1).await.unwrap();
    let end = stage.consume(&ceiling).await;
    assert_eq!((end.status, units(&stage).await), (0, vec![USED_UNITS]), "{end:#?}");
    stage.model.finish();
}

/// The second connection, by which a run counts, is made again. The one that holds the message is another matter.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_before_a_call_is_made_again() {
    let broker = Broker::shared().await.unwrap();
    let stage = Stage::set(&broker, vec![step()]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let (arrived, go_on) = stage.hold(When::next("issues/create-comment"));
    let running = stage.start(&with(&[("AGENT_BUDGET_DAY", "5"), ("AGENT_GITHUB_TIMEOUT", "10min")]));
    tokio::task::spawn_blocking(move || arrived.recv().unwrap()).await.unwrap();
    assert_eq!(stage.host.cut_connections_named("agent-task-x7 (shared)").await.unwrap(), 1);
    go_on.send(()).unwrap();
    let end = running.end().await;
    assert_eq!((end.status, stage.labels()), (0, "ai-done ai-help quickfix".to_owned()), "{end:#?}");
    let told = "the connection to the broker for what runs share was lost, connecting again";
    assert!(end.log.iter().any(|line| line["message"] == told), "{end:#?}");
    assert_eq!(units(&stage).await, [USED_UNITS]);
    stage.model.finish();
}

/// What was confirmed is on the disk: a broker that dies forgets no reservation.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_forgets_no_reservation() {
    let mut broker = Broker::start().await.unwrap();
    let host = broker.virtual_host().await.unwrap();
    let (name, units) = {
        let stage = Stage {
            host,
            github: tests::github::GitHub::start(crate::stage::world()),
            model: tests::model::ScriptedModel::start(vec![Step::Hang]).await,
        };
        stage.publish(&wish(&stage.github, TASK, "dev1")).await;
        let running = stage.start(&with(&[("AGENT_BUDGET_DAY", "5")]));
        stage.asked(1).await;
        let units = counted(&stage).await;
        drop(running);
        (stage.host.into_name(), units)
    };
    assert!(units[0].1 > USED_UNITS);
    broker.stop().unwrap();
    broker.start_again().await.unwrap();
    let host = broker.existing(name);
    assert_eq!(host.lengths(BUDGET).await.unwrap(), units);
}

/// Starts `ai-agent learn`.
pub(crate) fn learn(stage: &Stage<'_>, more: &[(&str, &str)]) -> Consumer {
    let repository = stage.github.repo_url(REPO);
    stage.start_command(&["learn", "--repo", &repository, "--since", "2000-01-01", "--json"], more)
}

/// Pull requests that [`learn`] has something to learn from.
pub(crate) fn declined(stage: &Stage<'_>) {
    for _ in 0..5 {
        stage.github.now(|state| {
            let mut scene = state.at(REPO);
            let issue = scene.open("dev1", "Sensors", None);
            let branch = format!("ai-agent/issue-{issue}");
            let message = format!("Change it\n\nProposed for #{issue}.\n\nAgent-Task: 00\n");
            let file = File::text(&format!("src/{issue}.txt"), "x\n");
            scene.push("ai-agent[bot]", &branch, &message, &[file]);
            let pull = scene.open_pull("ai-agent[bot]", "Change it", &branch, "main");
            scene.comment("dev1", pull, "Please add a line to CHANGELOG.md, as always.");
            scene.close("dev1", pull);
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn learning_draws_on_the_budget_of_all_runs() {
    let broker = Broker::shared().await.unwrap();
    let none = "CANNOT: nobody asked for anything that holds beyond one change\n";
    let stage = Stage::set(&broker, vec![Step::Answer(Answer { counts: USED, ..Answer::new(none) })]).await;
    declined(&stage);
    let end = learn(&stage, &with(&[("AGENT_BUDGET_DAY", "5")])).end().await;
    assert_eq!((end.status, units(&stage).await), (0, vec![USED_UNITS]), "{end:#?}");

    // What is left of the day would not pay for the call, so that it is not made.
    let end = learn(&stage, &with(&[("AGENT_BUDGET_DAY", "0.30")])).end().await;
    assert_eq!((end.status, units(&stage).await), (75, vec![USED_UNITS]), "{end:#?}");
    assert_eq!(stage.model.requests().len(), 1, "{end:#?}");
}
