//! `docs/CONFIGURATION.md` says what the code says: its tables are made from the catalog of settings, and every variable
//! that a manifest sets is in it.

use std::collections::BTreeSet;

use shared::env::RENAMED;
use shared::env::catalog::{self, GROUPS, Group};
use shared::env::setting::Fallback;

use crate::render::{WAYS, path, read};
use crate::workload::Workload;

const DOCUMENT: &str = "docs/CONFIGURATION.md";

fn table(group: &Group) -> String {
    let mut table = "| variable | default | |\n|---|---|---|\n".to_owned();
    for variable in group.settings {
        let default = match variable.fallback {
            Fallback::Value(value) => format!("`{value}`"),
            Fallback::Words(words) => words.to_owned(),
        };
        let meaning = variable.meaning.replace('|', "\\|");
        table.extend(["| `", variable.name, "` | ", &default, " | ", &meaning, " |\n"]);
    }
    table
}

fn renamed() -> String {
    let rows = RENAMED.iter().map(|(old, new)| format!("| `{old}` | `{new}` |\n"));
    rows.fold("| before | now |\n|---|---|\n".to_owned(), |table, row| table + &row)
}

/// The document with the tables of today, and the groups that it has.
fn generated(document: &str) -> (String, BTreeSet<String>) {
    let (mut out, mut groups) = (String::new(), BTreeSet::new());
    let mut rest = document;
    while let Some((before, after)) = rest.split_once("<!-- settings: ") {
        let (name, after) = after.split_once(" -->\n").unwrap();
        let (_, after) = after.split_once("<!-- end -->").unwrap();
        let table = match GROUPS.iter().find(|group| group.name == name) {
            Some(group) => table(group),
            None if name == "RENAMED" => renamed(),
            None => panic!("no group {name}"),
        };
        out.extend([before, "<!-- settings: ", name, " -->\n", &table, "<!-- end -->"]);
        groups.insert(name.to_owned());
        rest = after;
    }
    (out + rest, groups)
}

#[test]
fn the_tables_are_those_of_the_code() {
    let document = read(DOCUMENT);
    let (expected, groups) = generated(&document);
    let names = GROUPS.iter().map(|group| group.name).chain(["RENAMED"]);
    assert_eq!(groups, names.map(str::to_owned).collect());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(DOCUMENT), &expected).unwrap();
    } else {
        assert_eq!(document, expected, "run the test with UPDATE_DOCS=1");
    }
}

/// Words of a document that have the form of a variable of ours.
fn names(document: &str) -> BTreeSet<&str> {
    let words = document.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    words.filter(|word| word.starts_with("AGENT_") && !word.ends_with('_')).collect()
}

fn is_known(name: &str) -> bool {
    let base = name.strip_suffix("_FILE").unwrap_or(name);
    catalog::variables().any(|variable| variable.name == name || variable.name == base)
}

#[test]
fn no_document_and_no_script_speaks_of_a_variable_that_is_not_there() {
    let is_old = |name: &str| RENAMED.iter().any(|(old, _)| *old == name);
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "docs/CONFIGURATION.md",
        "docs/DEPLOYMENT.md",
        "docs/JIRA.md",
        "docs/LEARN.md",
        "docs/OPERATIONS.md",
        "docs/PERFORMANCE.md",
        "docs/REPOSITORY.md",
        "docs/SECURITY.md",
        "docs/TELEMETRY.md",
        "task/prices.toml",
        "benches/README.md",
        "benches/peers/run",
        "benches/real_model.py",
        "scripts/demo",
        "scripts/local-cluster",
        "scripts/redeliver",
        "scripts/send-jira-webhook",
        "scripts/send-webhook",
    ] {
        let text = read(document);
        let is_explained = |name: &str| {
            // What the document says of names that are not there.
            document == "docs/CONFIGURATION.md" && (is_old(name) || name == "AGENT_MAX_COSTS")
        };
        let unknown: Vec<&str> =
            names(&text).into_iter().filter(|name| !is_known(name) && !is_explained(name)).collect();
        assert_eq!(unknown, Vec::<&str>::new(), "{document}");
    }
}

#[test]
fn manifests_set_what_is_read_and_nothing_else() {
    for way in WAYS {
        let objects = way.render();
        for name in ["ingest", "sweep", "task"] {
            let pod = Workload::named(&objects, name);
            let mut set: BTreeSet<String> = pod.env().into_keys().map(str::to_owned).collect();
            for settings in pod.settings() {
                let map = objects.iter().find(|object| object["metadata"]["name"] == settings).unwrap();
                set.extend(map["data"].as_object().unwrap().keys().cloned());
            }
            set.remove("HOME");
            let unknown: Vec<&String> = set.iter().filter(|name| !is_known(name)).collect();
            assert_eq!(unknown, Vec::<&String>::new(), "{way:?}: {name}");
        }
    }
}

/// What both programs have to agree on stands in one `ConfigMap`, which every pod of ours takes.
#[test]
fn what_both_programs_read_is_set_once() {
    let common = ["HOSTS", "LABELS", "BROKER", "TELEMETRY"];
    let common: BTreeSet<&str> = GROUPS
        .iter()
        .filter(|group| common.contains(&group.name))
        .flat_map(|group| group.settings)
        .map(|variable| variable.name)
        .collect();
    for way in WAYS {
        let objects = way.render();
        for name in ["ingest", "sweep", "task"] {
            let pod = Workload::named(&objects, name);
            assert!(pod.settings().contains("agent-settings"), "{way:?}: {name}");
            assert_eq!(pod.spec()["enableServiceLinks"], false, "{way:?}: {name}");
        }
        for object in objects.iter().filter(|object| object["kind"] == "ConfigMap") {
            let Some(data) = object["data"].as_object() else { continue };
            let name = object["metadata"]["name"].as_str().unwrap();
            let of_both: Vec<&String> = data.keys().filter(|key| common.contains(key.as_str())).collect();
            assert_eq!(of_both.is_empty(), name != "agent-settings", "{way:?}: {name}: {of_both:?}");
        }
    }
}
