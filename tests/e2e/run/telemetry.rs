//! *Telemetry*: what a collector learns of a run, and that none of its moods changes the run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;
use tests::collector::{Collector, Mood, text_of};
use tests::rotel::Rotel;

use crate::already::SOLVED;
use crate::fix::{FIX, opened_in};
use crate::harness::{EDIT, REPO, Run, Story, check_all, hello, offline, seen};
use crate::repair::{checked, event, fails, log, repair};

/// A run of the quick fix with a collector.
fn run(story: &Story, collector: &Collector, more: &[(&str, &str)]) -> Run {
    let mut task = story.wish("quickfix");
    let changed = story.github.now(|state| state.first().issue(1).updated_at);
    task["triggered_at"] = changed.to_string().into();
    let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())];
    story.run_with(&task, &[&endpoint[..], more].concat())
}

/// The spans as a tree, each level in the order of their starts; calls to GitHub are counted only.
fn tree(spans: &[Span]) -> String {
    let mut below: BTreeMap<&[u8], Vec<&Span>> = BTreeMap::new();
    for span in spans {
        below.entry(&span.parent_span_id).or_default().push(span);
    }
    let mut text = String::new();
    write_below(&mut text, &below, &[], 0);
    text
}

fn write_below(text: &mut String, below: &BTreeMap<&[u8], Vec<&Span>>, parent: &[u8], depth: usize) {
    let mut children = below.get(parent).cloned().unwrap_or_default();
    children.sort_by_key(|span| span.start_time_unix_nano);
    for span in children {
        if !span.name.contains('/') {
            writeln!(text, "{:1$}{2}", "", depth * 2, span.name).unwrap();
        }
        write_below(text, below, &span.span_id, depth + 1);
    }
}

#[test]
fn a_run_is_told_whole() {
    let story = Story::new(offline(hello()), &[EDIT]);
    let collector = Collector::start(Mood::Good);
    let headers = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20collector-token-1")];
    let ended = run(&story, &collector, &headers);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert_eq!(collector.violations(), Vec::<String>::new());
    assert!(!ended.stderr.contains("telemetry"), "{}", ended.stderr);

    let paths: Vec<String> = collector.requests().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    for (_, headers) in collector.requests() {
        assert_eq!(headers["authorization"], "Bearer collector-token-1");
    }

    let spans = collector.spans();
    assert_eq!(
        tree(&spans),
        "run quickfix\n  clone\n  walk\n  rank\n  chat scripted\n  check\n  commit\n  publish\n"
    );
    let of = |name: &str| {
        let span = spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}"));
        text_of(&span.attributes)
    };
    let chat = of("chat scripted");
    for expected in [
        "gen_ai.operation.name=chat,gen_ai.provider.name=openai,gen_ai.request.max_tokens=",
        "gen_ai.request.model=scripted",
        "gen_ai.response.finish_reasons=[stop]",
        "gen_ai.usage.input_tokens=",
        "server.address=127.0.0.1",
    ] {
        assert!(chat.contains(expected), "{expected}: {chat}");
    }
    assert!(
        of("publish").contains("vcs.change.id=2,vcs.ref.head.name=ai-agent/issue-1"),
        "{}",
        of("publish")
    );
    assert!(of("run quickfix").contains("agent.outcome=done"), "{}", of("run quickfix"));
    assert!(of("check").contains("agent.change.files=1"), "{}", of("check"));
    let commit = of("POST /graphql");
    assert!(commit.contains("graphql.operation.name="), "{commit}");
    // As many spans as calls: each is told, and no other.
    let calls =
        story.github.journal().calls.iter().filter(|call| !call.operation.starts_with("git:")).count();
    assert_eq!(spans.iter().filter(|span| span.name.contains(" /")).count(), calls);

    let points: Vec<String> = collector.points();
    let expected = [
        "agent.pull_request.wait{agent.mode=quickfix} 1",
        "agent.pull_requests.opened{agent.mode=quickfix} 1",
        "agent.run.cost{agent.mode=quickfix,gen_ai.provider.name=openai,gen_ai.request.model=scripted} 1",
        "agent.run.duration{agent.mode=quickfix,agent.outcome=done} 1",
        "agent.runs{agent.mode=quickfix,agent.outcome=done} 1",
        "gen_ai.client.operation.duration{gen_ai.operation.name=chat,gen_ai.provider.name=openai,gen_ai.request.model=scripted,gen_ai.response.model=scripted} 1",
        "gen_ai.client.token.usage{gen_ai.operation.name=chat,gen_ai.provider.name=openai,gen_ai.request.model=scripted,gen_ai.response.model=scripted,gen_ai.token.type=input} 1",
        "gen_ai.client.token.usage{gen_ai.operation.name=chat,gen_ai.provider.name=openai,gen_ai.request.model=scripted,gen_ai.response.model=scripted,gen_ai.token.type=output} 1",
    ];
    assert_eq!(points, expected);
    story.finish();
}

/// With more files than are read at once the model chooses some of them first.
#[test]
fn a_choice_of_files_is_told_with_its_call() {
    let world = (0..45).fold(hello(), |world, number| {
        world.file(&format!("src/part{number:02}.py"), "def seconds(early):\n    return early\n")
    });
    let story = Story::new(offline(world), &["READ: config.toml\nREAD: src/part44.py\n", EDIT]);
    let collector = Collector::start(Mood::Good);
    // A model of an unknown name is taken for a small one, which has no room for a choice.
    let settings = [("AGENT_FILE_SELECTION", "always"), ("AGENT_CONTEXT_WINDOW", "128000")];
    let ended = run(&story, &collector, &settings);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert_eq!(collector.violations(), Vec::<String>::new());
    let spans = collector.spans();
    assert_eq!(
        tree(&spans),
        "run quickfix\n  clone\n  walk\n  rank\n  choose\n    chat scripted\n  chat scripted\n  check\n  commit\n  publish\n"
    );
    let choose = spans.iter().find(|span| span.name == "choose").unwrap();
    assert_eq!(text_of(&choose.attributes), "agent.context.chosen=2");
    story.finish();
}

#[test]
fn a_failure_tells_its_reason_and_a_correction_is_counted() {
    let bad = EDIT.replace("timeout = 30", "timeout = 31");
    let story = Story::new(offline(hello()), &[&bad, &bad]);
    let collector = Collector::start(Mood::Good);
    let ended = run(&story, &collector, &[]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert_eq!(collector.violations(), Vec::<String>::new());
    let points = collector.points();
    for expected in [
        "agent.runs{agent.mode=quickfix,agent.outcome=failed,error.type=edits-do-not-apply} 1",
        "agent.corrections{error.type=edits-do-not-apply} 1",
    ] {
        assert!(points.iter().any(|point| point == expected), "{expected}: {points:#?}");
    }
    let failed: Vec<String> = collector
        .spans()
        .into_iter()
        .filter(|span| span.status.as_ref().is_some_and(|status| status.code == 2))
        .map(|span| span.name)
        .collect();
    assert_eq!(failed, ["check", "check", "run quickfix"]);
    story.finish();
}

/// The attributes of the spans of the parts that follow an answer, as `NAME{key=value,…}`.
fn commit_and_publish(collector: &Collector) -> Vec<String> {
    let mut spans = collector.spans();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    spans.retain(|span| matches!(span.name.as_str(), "commit" | "publish"));
    spans.iter().map(|span| format!("{}{{{}}}", span.name, text_of(&span.attributes))).collect()
}

/// What follows a pull request has the parts that its making had.
#[test]
fn whatever_is_committed_and_told_on_a_pull_request_has_its_spans() {
    let expected = [
        "commit{vcs.ref.head.name=ai-agent/issue-1}",
        "publish{vcs.change.id=2,vcs.ref.head.name=ai-agent/issue-1}",
    ];
    let told = |story: Story, task: &Value| {
        let collector = Collector::start(Mood::Good);
        let ended = story.run_with(task, &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        assert_eq!(collector.violations(), Vec::<String>::new());
        assert_eq!(commit_and_publish(&collector), expected, "{}", story.told(&ended));
        story.finish();
    };
    let story = Story::new(opened_in(hello()), &[FIX]);
    let task = story.command("fix", "dev1", 2, "/fix make it 120");
    told(story, &task);

    let story = Story::new(opened_in(hello()), &[]);
    story.github.now(|state| state.at(REPO).push_file("dev1", "main", "docs/new.md", "New.\n"));
    let task = story.command("update", "dev1", 2, "/update");
    told(story, &task);

    let story = Story::new(checked(), &[EDIT, &repair(90, 60)]);
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    fails(&story, "build", log("E   assert 90 < 80"));
    let task = event(&story);
    told(story, &task);
}

/// What one run of a task counts of a metric.
fn counted(story: &Story, task: &Value, metric: &str) -> Vec<String> {
    let collector = Collector::start(Mood::Good);
    let ended = story.run_with(task, &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert_eq!(collector.violations(), Vec::<String>::new());
    let mut points = collector.points();
    points.retain(|point| point.split('{').next() == Some(metric));
    points
}

/// An issue that is solved without a pull request has an end of its own.
#[test]
fn nothing_to_change_is_an_outcome() {
    let story = Story::new(offline(hello()), &[SOLVED]);
    let expected = ["agent.runs{agent.mode=quickfix,agent.outcome=already} 1"];
    assert_eq!(counted(&story, &story.wish("quickfix"), "agent.runs"), expected);
    story.finish();
}

/// A webhook that is delivered again counts nothing, nor does a run that is repeated.
#[test]
fn a_pull_request_that_people_close_counts_once() {
    type Closing = (&'static str, fn(&Story));
    let closings: [Closing; 2] = [
        ("merged", |story| story.github.now(|state| state.at(REPO).merge("dev1", 2))),
        ("declined", |story| story.github.now(|state| state.at(REPO).close("dev1", 2))),
    ];
    for (result, close) in closings {
        let story = Story::new(offline(hello()), &[EDIT]);
        let ended = story.run(&story.wish("quickfix"));
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        close(&story);
        let closed = story.wish_of("closed", "octo");
        let once = format!("agent.pull_requests.closed{{agent.result={result}}} 1");
        assert_eq!(counted(&story, &closed, "agent.pull_requests.closed"), [once]);
        assert_eq!(counted(&story, &closed, "agent.pull_requests.closed"), Vec::<String>::new());
        story.finish();
    }
}

/// One that is committed, one that the model declines, and none for what fails as it did before a repair.
#[test]
fn repairs_are_counted_by_what_became_of_them() {
    let story = Story::new(checked(), &[EDIT, &repair(90, 60), "CANNOT: I do not know how."]);
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let told = |task: &Value, expected: &[&str]| assert_eq!(counted(&story, task, "agent.repairs"), expected);
    fails(&story, "build", log("E   assert 90 < 80"));
    let first = event(&story);
    told(&first, &["agent.repairs{agent.repair.outcome=committed} 1"]);
    // Delivered again, it is not made again.
    told(&first, &[]);
    fails(&story, "build", log("E   the port is wrong"));
    told(&event(&story), &["agent.repairs{agent.repair.outcome=not-made} 1"]);
    story.finish();

    let story = Story::new(checked(), &[EDIT, &repair(90, 60)]);
    let ended = story.run(&story.wish("quickfix"));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    fails(&story, "build", log("E   assert 90 < 80"));
    let ended = story.run(&event(&story));
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    fails(&story, "build", log("E   assert 90 < 80"));
    let collector = Collector::start(Mood::Good);
    let ended = story.run_with(&event(&story), &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]);
    let points = collector.points();
    let expected = "agent.repairs{agent.repair.outcome=given-up} 1";
    assert!(points.iter().any(|point| point == expected), "{points:#?}\n{}", story.told(&ended));
    story.finish();
}

#[test]
fn nothing_is_sent_where_it_is_switched_off() {
    let story = Story::new(offline(hello()), &[EDIT]);
    let collector = Collector::start(Mood::Good);
    let ended = run(&story, &collector, &[("OTEL_SDK_DISABLED", "true")]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let other = Story::new(offline(hello()), &[EDIT]);
    let told = run(&other, &collector, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    assert_eq!(told.status, Some(0), "{}", other.told(&told));
    assert!(told.stderr.contains("no telemetry is sent: this protocol is not supported"), "{}", told.stderr);
    assert_eq!(collector.requests().len(), 0);
    story.finish();
    other.finish();
}

/// A mood, and what the log says of it, in as many lines.
const MOODS: &[(Mood, &str, usize)] = &[
    (Mood::Good, "telemetry", 0),
    (Mood::Hangs, "the collector of telemetry did not answer in time", 1),
    (Mood::Page, "the answer is not one of a collector, but text/html", 2),
    (Mood::Garbage, "the answer is not one of a collector, but bytes that are no message", 2),
    (Mood::TooLarge, "the collector refuses the size of what is sent (413)", 2),
    (Mood::Busy, "the collector takes no more for now (429", 2),
    (Mood::Fails, "the collector answers 500", 2),
    (Mood::Unauthorized, "the collector refuses the credentials (401", 2),
    (Mood::Redirects, "the collector redirects to 127.0.0.1", 2),
    (Mood::Rejects, "the collector of telemetry rejected a part", 1),
];

#[test]
fn no_mood_of_a_collector_changes_a_run() {
    let without = Story::new(offline(hello()), &[EDIT]);
    let ended = without.run(&without.wish("quickfix"));
    assert_eq!(ended.status, Some(0), "{}", without.told(&ended));
    let expected = seen(&without.github);
    without.finish();
    check_all(MOODS, |(mood, words, lines)| {
        let story = Story::new(offline(hello()), &[EDIT]);
        let collector = Collector::start(*mood);
        let ended = run(&story, &collector, &[]);
        let requests = collector.requests().len();
        let told = ended.stderr.lines().filter(|line| line.contains(words)).count();
        let is_same = ended.status == Some(0) && seen(&story.github) == expected;
        let told_all = format!("{mood:?}: {requests} requests, {told} lines\n{}", story.told(&ended));
        story.finish();
        (is_same && requests == 2 && told == *lines).then_some(()).ok_or(told_all)
    });
}

#[test]
fn a_collector_that_is_not_there_changes_nothing() {
    let story = Story::new(offline(hello()), &[EDIT]);
    let collector = Collector::start(Mood::Good);
    let nobody = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")];
    let ended = run(&story, &collector, &nobody);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert_eq!(ended.stderr.matches("the collector cannot be reached").count(), 2, "{}", ended.stderr);
    story.finish();
}

/// What somebody else's program, made for nothing but that, takes and sends on is what it was sent.
#[test]
#[ignore = "Rotel needs the library of Python 3.11, which not every machine has: cargo nextest run -p tests --test run \
            a_real_collector --run-ignored all"]
fn a_real_collector_takes_it() {
    let story = Story::new(offline(hello()), &[EDIT]);
    let behind = Collector::start(Mood::Good);
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rotel-0.0.1a15");
    let rotel = Rotel::start(&tools, behind.url()).unwrap();
    let url = rotel.url();
    let ended = run(&story, &behind, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    assert!(!ended.stderr.contains("telemetry"), "{}", ended.stderr);
    let deadline = Instant::now() + Duration::from_mins(1);
    while behind.spans().is_empty() || behind.metrics().is_empty() {
        assert!(Instant::now() < deadline, "nothing is sent on: {:?}", behind.violations());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(behind.violations(), Vec::<String>::new());
    assert!(tree(&behind.spans()).starts_with("run quickfix\n  clone\n"), "{}", tree(&behind.spans()));
    assert!(behind.points().contains(&"agent.runs{agent.mode=quickfix,agent.outcome=done} 1".to_owned()));
    story.finish();
}
