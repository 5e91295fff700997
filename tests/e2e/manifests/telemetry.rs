//! `docs/TELEMETRY.md` says what the code says, the dashboard and the alerts ask for metrics that there are, and Prometheus
//! itself finds the rules in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use shared::otlp::catalog::{
    ATTRIBUTES, Attribute, Holds, Instrument, METRICS, Program, Side, WORK, prometheus_label,
};
use shared::queue;

use crate::render::{Way, documents, path, read, run, template};

const DOCUMENT: &str = "docs/TELEMETRY.md";
const DASHBOARD: &str = "dashboards/ai-agent.json";
const ALERTS: &str = "dashboards/alerts.yaml";

fn names(attributes: &[&Attribute]) -> String {
    let names: Vec<String> = attributes.iter().map(|attribute| format!("`{}`", attribute.name)).collect();
    names.join(", ")
}

fn by(program: Program) -> &'static str {
    match program {
        Program::Ingest => "ingest",
        Program::Task => "ai-agent",
    }
}

fn metrics() -> String {
    let mut table = "| metric | in Prometheus | unit | kind | program | meaning | attributes |\n|---|---|---|---|---|---|---|\n".to_owned();
    for metric in METRICS {
        let kind = match metric.instrument {
            Instrument::Counter => "counter",
            Instrument::Gauge => "gauge",
            Instrument::Histogram(_) => "histogram",
        };
        writeln!(
            table,
            "| `{}` | `{}` | `{}` | {kind} | {} | {} | {} |",
            metric.name,
            metric.prometheus(),
            metric.unit,
            by(metric.by),
            metric.meaning,
            names(metric.attributes)
        )
        .unwrap();
    }
    table
}

fn spans() -> String {
    let mut table = "| span | kind | program | meaning | attributes |\n|---|---|---|---|---|\n".to_owned();
    for work in WORK {
        let kind = match work.side {
            Side::Internal => "internal",
            Side::Client => "client",
            Side::Server => "server",
            Side::Producer => "producer",
            Side::Consumer => "consumer",
        };
        let (name, meaning) = (work.name, work.meaning);
        writeln!(table, "| `{name}` | {kind} | {} | {meaning} | {} |", by(work.by), names(work.attributes))
            .unwrap();
    }
    table
}

fn attributes() -> String {
    let mut table = "| attribute | holds | meaning |\n|---|---|---|\n".to_owned();
    for attribute in ATTRIBUTES {
        let holds = match attribute.holds {
            Holds::Text => "text",
            Holds::Texts => "texts",
            Holds::Number => "number",
        };
        writeln!(table, "| `{}` | {holds} | {} |", attribute.name, attribute.meaning).unwrap();
    }
    table
}

#[test]
fn the_tables_of_telemetry_are_those_of_the_code() {
    let document = read(DOCUMENT);
    let mut expected = document.clone();
    for (name, table) in [("METRICS", metrics()), ("SPANS", spans()), ("ATTRIBUTES", attributes())] {
        let mark = format!("<!-- telemetry: {name} -->\n");
        let (before, after) = expected.split_once(&mark).unwrap_or_else(|| panic!("no mark {name}"));
        let (_, after) = after.split_once("<!-- end -->").unwrap();
        expected = format!("{before}{mark}{table}<!-- end -->{after}");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(DOCUMENT), &expected).unwrap();
    } else {
        assert_eq!(document, expected, "run the test with UPDATE_DOCS=1");
    }
}

/// The sources of a folder, without tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The fields of the lines that a source logs.
fn log_fields(source: &str) -> BTreeSet<String> {
    const MACROS: [&str; 6] = ["trace!(", "debug!(", "info!(", "warn!(", "error!(", "info_span!("];
    let source = source.split("#[cfg(test)]").next().unwrap();
    let mut fields = BTreeSet::new();
    for rest in source.split("tracing::").skip(1) {
        let Some(arguments) = MACROS.iter().find_map(|name| rest.strip_prefix(name)) else { continue };
        for argument in arguments_of(arguments) {
            let argument = argument.trim();
            if argument.is_empty() || argument.starts_with('"') {
                continue;
            }
            let name = match argument.split_once('=') {
                Some((name, _)) => name.trim(),
                None => argument.trim_start_matches(['%', '?']),
            };
            fields.insert(name.to_owned());
        }
    }
    fields
}

/// The arguments of a call, up to its closing bracket.
fn arguments_of(text: &str) -> Vec<String> {
    let (mut depth, mut is_text) = (0, false);
    let (mut all, mut current) = (Vec::new(), String::new());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if is_text => {
                chars.next();
                continue;
            }
            '"' => is_text = !is_text,
            _ if is_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    all.push(current);
    all
}

#[test]
fn every_field_of_the_logs_is_explained() {
    let folders = ["shared/src", "ingest/src", "task/src"];
    let sources = folders.iter().flat_map(|folder| sources(&path(folder)));
    let logged: BTreeSet<String> =
        sources.flat_map(|source| log_fields(&std::fs::read_to_string(source).unwrap())).collect();
    let document = read(DOCUMENT);
    let (_, table) = document.split_once("<!-- log fields -->").unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let explained = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let explained: BTreeSet<String> = explained.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(explained, logged);
    assert_eq!(log_fields("tracing::info!(a = \"x, y\", %b, c = f(1, 2), \"d = {e}\");").len(), 3);
}

/// Expressions of the dashboard, by the title of their panel.
fn expressions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
    };
    panels.iter().flat_map(of).collect()
}

/// Rules of the alerts, by name.
fn rules() -> BTreeMap<String, Value> {
    let alerts = documents(&read(ALERTS)).remove(0);
    let rules =
        alerts["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.map(|rule| (rule["alert"].as_str().unwrap().to_owned(), rule.clone())).collect()
}

/// Expressions of the dashboard and of the alerts, each with its title.
fn asked() -> Vec<(String, String)> {
    let of_alerts = rules().into_iter().map(|(name, rule)| (name, rule["expr"].as_str().unwrap().to_owned()));
    expressions().into_iter().chain(of_alerts).collect()
}

/// Labels of an expression with the values that they are compared with.
fn compared(expression: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = expression.split('"').collect();
    // Every second part stands in quotes. The one before it ends with the label and a sign.
    let pairs = parts.chunks_exact(2).map(|pair| {
        let label = pair[0].trim_end_matches(['=', '~', '!']);
        (label.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default(), pair[1])
    });
    pairs
        .flat_map(|(label, values)| values.split('|').map(move |value| (label.to_owned(), value.to_owned())))
        .collect()
}

/// Words of an expression that have the form of a metric or a label of ours.
fn words(expression: &str) -> BTreeSet<String> {
    let bare: String = expression.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    let words = bare.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.contains('_')).map(str::to_owned).collect()
}

/// Names of metrics and labels in Prometheus.
fn names_in_prometheus() -> BTreeSet<String> {
    let mut known: BTreeSet<String> =
        ATTRIBUTES.iter().map(|attribute| prometheus_label(attribute.name)).collect();
    for metric in METRICS {
        let name = metric.prometheus();
        match metric.instrument {
            Instrument::Counter | Instrument::Gauge => {
                known.insert(name);
            }
            Instrument::Histogram(_) => {
                known.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
            }
        }
    }
    known
}

#[test]
fn dashboard_and_alerts_ask_for_what_there_is() {
    let mut known = names_in_prometheus();
    known.extend(
        ["__name__", "__range", "__interval", "histogram_quantile", "min_over_time"].map(str::to_owned),
    );
    let all = asked();
    assert!(all.len() > 25, "{}", all.len());
    for (title, expression) in &all {
        let unknown: Vec<String> = words(expression).difference(&known).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "{title}: {expression}");
    }
    // Values of labels that the code gives.
    let text: String = all.iter().map(|(_, expression)| expression.as_str()).collect();
    for queue in [queue::TASKS, queue::DEAD_LETTERS] {
        assert!(text.contains(&format!("queue=\"{queue}\"")), "{queue}");
    }
    // What the issue asks of a dashboard has its panel.
    let dashboard = read(DASHBOARD);
    for title in [
        "Issues solved",
        "Merge rate",
        "From request to pull request",
        "Dollars per merged pull request",
        "Queue",
        "Dead letters",
        "Failures by reason",
        "Repairs by outcome",
        "Budget left",
    ] {
        assert!(dashboard.contains(&format!("\"title\": \"{title}")), "{title}");
    }
}

/// A panel that compares with a value that no program gives shows nothing, and no error.
#[test]
fn dashboard_and_alerts_compare_with_values_that_there_are() {
    let mut values = BTreeSet::new();
    for (title, expression) in asked() {
        for (label, value) in compared(&expression).into_iter().filter(|(_, value)| !value.is_empty()) {
            let ours = ATTRIBUTES.iter().find(|attribute| prometheus_label(attribute.name) == label);
            let Some(attribute) = ours else { continue };
            assert!(attribute.meaning.contains(&format!("`{value}`")), "{title}: {label}=\"{value}\"");
            values.insert(format!("{label}={value}"));
        }
    }
    for value in ["agent_outcome=already", "agent_outcome=failed", "agent_result=merged", "error_type=budget"]
    {
        assert!(values.contains(value), "{value}: {values:?}");
    }
}

#[test]
fn the_picture_of_the_dashboard_shows_what_there_is() {
    let (known, week) = (names_in_prometheus(), read("scripts/lib/dashboard/week.py"));
    // What is in quotes, and names of arguments.
    let words = week.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| {
        ["agent_", "gen_ai_", "ingest_"]
            .iter()
            .any(|start| word.starts_with(start) && word.len() > start.len())
    });
    let (unknown, known): (BTreeSet<&str>, BTreeSet<&str>) = ours.partition(|word| {
        // A histogram is named without the end of its series.
        !known.contains(*word) && !known.contains(&format!("{word}_bucket"))
    });
    assert_eq!(unknown, BTreeSet::new());
    assert!(known.len() > 15, "{known:?}");
}

#[test]
fn every_alert_has_a_runbook() {
    let document = read(DOCUMENT);
    for (name, rule) in rules() {
        let anchor = format!("{DOCUMENT}#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], anchor);
        assert!(document.contains(&format!("\n### {name}\n")), "{name}");
    }
}

fn promtool(arguments: &[&str], folder: &Path) {
    let output = Command::new("promtool").args(arguments).current_dir(folder).output();
    let output =
        output.unwrap_or_else(|error| panic!("promtool: {error}; scripts/check installs prometheus"));
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn prometheus_finds_the_rules_in_order_and_they_fire_when_they_should() {
    promtool(&["check", "rules", "alerts.yaml"], &path("dashboards"));
    promtool(&["test", "rules", "alerts.test.yaml"], &path("dashboards"));
    let tested = read("dashboards/alerts.test.yaml");
    for name in rules().into_keys() {
        assert!(tested.matches(&format!("alertname: {name}")).count() >= 2, "{name}");
    }
}

#[test]
fn prometheus_understands_the_dashboard() {
    let folder = tempfile::tempdir().unwrap();
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (at, (_, expression)) in expressions().into_iter().enumerate() {
        let expression = expression.replace("$__range", "604800s").replace("$__interval", "3600s");
        write!(rules, "      - record: panel_{at}\n        expr: >-\n          {expression}\n").unwrap();
    }
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    promtool(&["check", "rules", "rules.yaml"], folder.path());
}

#[test]
fn the_chart_ships_both() {
    let text = run(template()
        .arg("--values")
        .arg(path("k8s/chart/values-dev.yaml"))
        .args(["--set", "dashboard.enabled=true,alerts.enabled=true"])
        .args([
            "--set-json",
            r#"dashboard.labels={"grafana_dashboard":"1"}"#,
            "--set",
            "alerts.labels.release=prometheus",
        ]));
    let objects = documents(&text);
    let named = |kind: &str, name: &str| {
        let found =
            objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}")).clone()
    };
    let map = named("ConfigMap", "ai-agent-dashboard");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(map["data"]["ai-agent.json"], read(DASHBOARD));
    let rule = named("PrometheusRule", "ai-agent");
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(rule["spec"], documents(&read(ALERTS)).remove(0));
    // Nobody gets them without asking.
    let plain = Way::Chart("dev").render();
    assert!(plain.iter().all(|object| object["kind"] != "PrometheusRule"));
}

#[test]
fn telemetry_of_the_chart_is_that_of_the_components() {
    let set =
        "telemetry.endpoint=http://otel-collector.observability.svc:4318,telemetry.headers=agent-telemetry";
    let egress = r#"telemetry.egress=[{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"observability"}},"podSelector":{"matchLabels":{"app.kubernetes.io/name":"opentelemetry-collector"}}}],"ports":[{"protocol":"TCP","port":4318}]}]"#;
    let chart = run(template().arg("--values").arg(path("k8s/chart/values-dev.yaml")).args([
        "--set",
        set,
        "--set-json",
        egress,
    ]));
    let chart = documents(&chart);
    let overlay = Way::Overlay("managed", &["telemetry", "telemetry-headers"]).render();
    let policy = |objects: &[Value]| {
        let found = objects
            .iter()
            .find(|object| object["kind"] == "NetworkPolicy" && object["metadata"]["name"] == "telemetry");
        found.expect("a policy")["spec"].clone()
    };
    assert_eq!(policy(&chart), policy(&overlay));
    for objects in [&chart, &overlay] {
        let settings = objects.iter().find(|object| object["metadata"]["name"] == "agent-settings").unwrap();
        assert_eq!(
            settings["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"],
            "http://otel-collector.observability.svc:4318"
        );
        for program in ["ingest", "task", "sweep"] {
            let pod = crate::workload::Workload::named(objects, program);
            let env = pod.env();
            let file = format!("/run/secrets/{program}/otlp-headers");
            assert_eq!(*env["OTEL_EXPORTER_OTLP_HEADERS_FILE"], file);
            assert!(pod.secrets().iter().any(|(name, _)| *name == "agent-telemetry"), "{program}");
        }
    }
}
