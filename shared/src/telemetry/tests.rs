use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;

/// What `work` logs, as lines.
fn lines(format: Format, work: impl FnOnce()) -> String {
    let out = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&out);
    let write = move |line: &str| sink.lock().unwrap().push_str(line);
    let subscriber = tracing_subscriber::registry().with(Lines { format, write });
    tracing::subscriber::with_default(subscriber, work);
    out.lock().unwrap().clone()
}

fn json_of(work: impl FnOnce()) -> Value {
    let text = lines(Format::Json, work);
    let mut line: Value = serde_json::from_str(&text).unwrap();
    let time = line.as_object_mut().unwrap().remove("time").unwrap();
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    line
}

#[test]
fn a_line_holds_its_message_and_the_fields_of_its_spans() {
    let line = json_of(|| {
        let outer = tracing::info_span!("outer", delivery = "d1", event = tracing::field::Empty, n = 1);
        let _outer = outer.enter();
        outer.record("event", "issues");
        let inner = tracing::info_span!("inner", n = 2);
        let _inner = inner.enter();
        tracing::warn!(target: "here", ok = true, message = "published", level = "fake");
    });
    assert_eq!(
        line,
        json!({"level": "warn", "target": "here", "message": "published", "delivery": "d1", "event": "issues",
               "n": 2, "ok": true})
    );
}

#[test]
fn values_can_neither_forge_a_line_nor_drive_a_terminal() {
    let value = "a\n{\"level\":\"error\"}\u{1b}[2J\u{9b}\u{202e}\u{e0041}ü";
    let escaped = "a\\u{a}{\"level\":\"error\"}\\u{1b}[2J\\u{9b}\\u{202e}\\u{e0041}ü";
    for line in [
        json_of(|| tracing::info!(target: "t", value, "m")),
        json_of(|| tracing::info!(target: "t", value = %value, "m")),
    ] {
        assert_eq!(line, json!({"level": "info", "target": "t", "message": "m", "value": escaped}));
    }
    assert_eq!(
        lines(Format::Text, || tracing::info!(value, "m\nx")),
        format!("INFO  m\\u{{a}}x value={}\n", Value::from(escaped))
    );
}

#[test]
fn long_values_are_cut() {
    let line = json_of(|| tracing::info!(target: "t", value = "ä".repeat(MAX_VALUE + 5), "m"));
    assert_eq!(line["value"], json!(format!("{}… (5 more)", "ä".repeat(MAX_VALUE))));
}

#[derive(Debug, thiserror::Error)]
#[error("the port is not a number")]
struct BadPort(#[from] std::num::ParseIntError);

#[test]
fn an_error_tells_its_causes() {
    let error = BadPort("x".parse::<u16>().unwrap_err());
    let line = json_of(|| tracing::error!(target: "t", error = &error as &dyn std::error::Error, "m"));
    assert_eq!(line["error"], json!("the port is not a number: invalid digit found in string"));
}

#[test]
fn libraries_are_quiet_unless_they_are_named() {
    let shown = |text: &str| {
        let out = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&out);
        let write = move |line: &str| sink.lock().unwrap().push_str(line);
        let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(text);
        let lines = Lines { format: Format::Text, write };
        let subscriber = tracing_subscriber::registry().with(quiet(filter, text)).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "lapin::io_loop", "A");
            tracing::error!(target: "octocrab", "B");
            tracing::warn!(target: "hyper", "C");
            tracing::debug!(target: "task::broker", "D");
            tracing::info!(target: "task", "E");
        });
        let lines = out.lock().unwrap().clone();
        lines.lines().filter_map(|line| line.chars().last()).collect::<String>()
    };
    for (text, expected) in [
        ("", "CE"),
        ("debug", "CDE"),
        ("info,lapin=warn", "ACE"),
        ("info, lapin::io_loop=error ,octocrab", "ABCE"),
        ("task=debug,hyper=error", "DE"),
        ("off", ""),
    ] {
        assert_eq!(shown(text), expected, "RUST_LOG={text}");
    }
}

#[test]
fn the_format_follows_the_variable_then_the_terminal() {
    for (variable, terminal, expect) in [
        ("", Terminal::Yes, Format::Text),
        ("", Terminal::No, Format::Json),
        ("json", Terminal::Yes, Format::Json),
        ("text", Terminal::No, Format::Text),
    ] {
        let env = Environment::of([("AGENT_LOG_FORMAT", variable)]);
        assert_eq!(Format::from_env(&env, terminal).unwrap(), expect, "{variable:?} {terminal:?}");
    }
    let wrong = Format::from_env(&Environment::of([("AGENT_LOG_FORMAT", "xml")]), Terminal::No);
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "invalid value \"xml\" for AGENT_LOG_FORMAT: use json or text"
    );
}

#[test]
fn a_misspelt_level_is_refused_with_the_nearest_one() {
    let end = "For the logs of one module write MODULE=LEVEL";
    for (text, word, nearest) in [
        ("ifno", "ifno", "info"),
        ("wran", "wran", "warn"),
        ("DEBUGG", "DEBUGG", "debug"),
        ("tarce,lapin=warn", "tarce", "trace"),
    ] {
        let told = filter(text).map(drop);
        assert_eq!(told, Err(format!("{word:?} is not a level: did you mean {nearest}? {end}")));
    }
    for text in [
        "info",
        " WARN ",
        "3",
        "off",
        "info,lapin=warn",
        "task",
        "task::broker",
        "my_target=debug",
        "debug,,",
        "[run]=debug",
    ] {
        assert!(filter(text).is_ok(), "{text}");
    }
    for text in ["info,lapin=loudest", "info,lapinn", "6"] {
        assert!(filter(text).is_err(), "{text}");
    }
}

#[test]
fn logging_starts_whatever_is_wrong_with_its_settings() {
    let wrong = Environment::of([("AGENT_LOG_FORMAT", "xml"), ("RUST_LOG", "ifno")]);
    let told = init(&wrong).unwrap_err().to_string();
    assert_eq!(told, "invalid value \"xml\" for AGENT_LOG_FORMAT: use json or text");
    assert!(tracing::enabled!(Level::INFO) && !tracing::enabled!(Level::DEBUG));
    assert!(matches!(init(&wrong), Err(InitError::Running(_))));
}
