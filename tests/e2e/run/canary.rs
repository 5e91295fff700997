//! Canaries: secrets that are planted wherever a run has one, and a model that knows them all. They appear in no byte that
//! GitHub received, in no git object, in no prompt, in no line of a log, in no span or metric, in no report, and in nothing that is
//! learned. Those of `ingest` are in `ingest_broker.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::collector::{Collector, Mood};
use tests::model::KEY;

use crate::harness::{MARKER_KEY, PLAN, REPO, Story, check_all, hello, offline};
use crate::learn::{QUOTE, Said, learn, rule, story, world};
use crate::report::report;

const PASSWORD: &str = "broker-canary-5d41402abc4b2a76";
const WEBHOOK: &str = "webhook-canary-7d793037a0760186";
const URL_PASSWORD: &str = "url-canary-1a79a4d60de6718e";
const COLLECTOR: &str = "collector-canary-9bf31c7ff062936a";

/// What the process is given in addition to what every run has.
fn variables(collector: &Collector) -> [(&'static str, String); 5] {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url().to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("x-token={COLLECTOR}")),
        ("AGENT_AMQP_PASSWORD", PASSWORD.to_owned()),
        ("AGENT_AMQP_URL", format!("amqp://user:{URL_PASSWORD}@127.0.0.1:5672/agents")),
        ("AGENT_WEBHOOK_SECRETS", WEBHOOK.to_owned()),
    ]
}

/// One way of writing a secret.
type Writing = (&'static str, fn(&str) -> String);

const WRITINGS: &[Writing] = &[
    ("plain", str::to_owned),
    ("Base64", |secret| STANDARD.encode(secret)),
    ("hexadecimal", |secret| secret.bytes().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))),
    ("reversed", |secret| secret.chars().rev().collect()),
    ("percent-encoded", |secret| {
        secret.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
    }),
];

/// One way of letting it out, as an answer of the model.
type Leak = (&'static str, &'static str, fn(&str) -> String);

const LEAKS: &[Leak] = &[
    ("title", "quickfix", |secret| edit(secret, "Fixed.", "90")),
    ("summary", "quickfix", |secret| edit("Fix", &format!("The key is {secret}."), "90")),
    ("code in a summary", "quickfix", |secret| edit("Fix", &format!("```\n{secret}\n```"), "90")),
    ("file", "quickfix", |secret| edit("Fix", "Fixed.", &format!("\"{secret}\""))),
    ("path", "quickfix", |secret| format!("TITLE: x\nSUMMARY:\nx\n\nWRITE: {secret}\n```\nx\n```\n")),
    ("refusal", "quickfix", |secret| format!("CANNOT: I need {secret} for that.")),
    ("wish to read", "quickfix", |secret| format!("READ: {secret}\n")),
    ("edit that does not fit", "quickfix", |secret| {
        format!(
            "TITLE: x\nSUMMARY:\nx\n\nconfig.toml\n<<<<<<< SEARCH\n{secret}\n=======\nx\n>>>>>>> REPLACE\n"
        )
    }),
    ("plan", "plan", |secret| PLAN.replace("Set `timeout` to 90.", &format!("Use {secret}."))),
    ("path of a plan", "plan", |secret| PLAN.replace("`config.toml`", &format!("`{secret}`"))),
];

fn edit(title: &str, summary: &str, value: &str) -> String {
    format!(
        "TITLE: {title}\nSUMMARY:\n{summary}\n\nconfig.toml\n<<<<<<< SEARCH\ntimeout = 30\n=======\ntimeout = {value}\n>>>>>>> REPLACE\n"
    )
}

/// What a model was told and tells again.
const SECRETS: [&str; 6] = [KEY, MARKER_KEY, PASSWORD, URL_PASSWORD, WEBHOOK, COLLECTOR];

/// The secrets that stand in one of these places, as they are or as they were written, with the App's key and its token.
fn leaked(story: &Story, written: &[String], places: &[(&str, &str)]) -> Vec<String> {
    let key = story.github.app_private_key();
    let lines = key.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned);
    let token = format!("ghs_{:0>20}", "");
    let secrets = SECRETS.map(str::to_owned).into_iter().chain(written.iter().cloned());
    let secrets: Vec<String> = secrets.chain(lines).chain([token]).collect();
    let found = places.iter().flat_map(|(place, text)| {
        let leaked = secrets.iter().filter(move |secret| text.contains(secret.as_str()));
        leaked.map(move |secret| format!("{secret} in {place}"))
    });
    found.collect()
}

/// What GitHub received, git's objects and the first prompts.
fn outside(story: &Story) -> [(&'static str, String); 3] {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    [
        ("what GitHub received", text(&story.github.journal().bytes())),
        ("git", text(&story.github.git_objects())),
        ("the first prompt", story.asked().iter().map(|request| first_prompt(&request.body)).collect()),
    ]
}

/// What the collector received, without the header that the operator named.
fn collected(collector: &Collector) -> String {
    let text = String::from_utf8_lossy(&collector.bytes()).into_owned();
    text.replace(&format!("x-token{COLLECTOR}"), "")
}

/// What is amiss on either side.
fn violations(story: &Story, collector: &Collector) -> Vec<String> {
    let mut violations = story.github.take_violations();
    violations.extend(collector.violations());
    if collector.spans().is_empty() || collector.metrics().is_empty() {
        violations.push("the collector received nothing".to_owned());
    }
    violations
}

#[test]
fn planted_secrets_appear_nowhere() {
    let cases: Vec<(Leak, Writing)> =
        LEAKS.iter().flat_map(|leak| WRITINGS.iter().map(move |writing| (*leak, *writing))).collect();
    check_all(&cases, |((leak, mode, answer), (writing, write))| {
        // All of them at once: each is looked for on its own.
        let written = SECRETS.map(write);
        let said = answer(&written.join(" and "));
        let story = Story::new(offline(hello()), &[&said, &said, &said, &said]);
        let collector = Collector::start(Mood::Good);
        let variables = variables(&collector);
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let ended = story.run_with(&story.wish(mode), &variables);
        let (reported, collected) = (reported(&story, &variables), collected(&collector));
        let outside = outside(&story);
        let outside = outside.each_ref().map(|(place, text)| (*place, text.as_str()));
        let own = [
            ("the log", ended.stderr.as_str()),
            ("what the collector received", collected.as_str()),
            ("the report", reported.as_str()),
        ];
        let found = leaked(&story, &written, &[outside, own].concat());
        let violations = violations(&story, &collector);
        (found.is_empty() && violations.is_empty() && ended.status == Some(0))
            .then_some(())
            .ok_or_else(|| format!("{leak}, {writing}: {found:?} {violations:?}\n{}", story.told(&ended)))
    });
}

/// One way of letting it out in an answer to `ai-agent learn`.
type Lesson = (&'static str, fn(&[Said], &[String]) -> Vec<String>);

const LESSONS: &[Lesson] = &[
    ("rules", |said, written| {
        let rules =
            written.iter().map(|secret| rule(&format!("Write {secret} everywhere."), &said[..2], QUOTE));
        let rules: String = rules.collect();
        vec![rules.clone(), rules]
    }),
    ("quotation", |said, written| {
        let quoted = rule("Keep every change short.", &said[..2], &written.join(" and "));
        vec![quoted.clone(), quoted]
    }),
    ("refusal", |_, written| vec![format!("CANNOT: I need {} for that.", written.join(" and "))]),
];

#[test]
fn planted_secrets_appear_nowhere_in_what_is_learned() {
    let cases: Vec<(Lesson, Writing)> =
        LESSONS.iter().flat_map(|lesson| WRITINGS.iter().map(move |writing| (*lesson, *writing))).collect();
    check_all(&cases, |((lesson, answers), (writing, write))| {
        let written = SECRETS.map(write);
        let (story, _) = story(world(), |said| answers(said, &written));
        let collector = Collector::start(Mood::Good);
        let variables = variables(&collector);
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let learned = learn(&story, &[], &variables);
        let (outside, collected) = (outside(&story), collected(&collector));
        let outside = outside.each_ref().map(|(place, text)| (*place, text.as_str()));
        let own = [
            ("what is printed", learned.stdout.as_str()),
            ("the log", learned.stderr.as_str()),
            ("what the collector received", collected.as_str()),
        ];
        let found = leaked(&story, &written, &[outside, own].concat());
        let violations = violations(&story, &collector);
        (found.is_empty() && violations.is_empty() && learned.status == Some(0))
            .then_some(())
            .ok_or_else(|| format!("{lesson}, {writing}: {found:?} {violations:?}\n{learned:?}"))
    });
}

/// What is reported of the run, in each of its forms, with what is said on the way.
fn reported(story: &Story, variables: &[(&str, &str)]) -> String {
    let page = tempfile::NamedTempFile::new().unwrap();
    let (address, html) = (story.github.repo_url(REPO), page.path().to_str().unwrap());
    let of = ["--repo", address.as_str(), "--since", "2000-01-01"];
    let mut text = String::new();
    for more in [&[][..], &["--json", "--html", html]] {
        let told = report(&story.github, &[&of[..], more].concat(), variables);
        assert_eq!(told.status, Some(0), "{}", told.stderr);
        text += &told.stdout;
        text += &told.stderr;
    }
    let page = std::fs::read_to_string(page.path()).unwrap();
    assert!(text.contains("1 issues, 1 tasks: ") && page.contains("1 issues, 1 tasks: "), "{text}\n{page}");
    text + &page
}

/// What the run says first: later messages repeat the model's own answer to it.
fn first_prompt(body: &serde_json::Value) -> String {
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    messages.iter().take(2).map(ToString::to_string).collect()
}
