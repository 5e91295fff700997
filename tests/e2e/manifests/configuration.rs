//! `docs/CONFIGURATION.md` says what the code says: its tables are those of the code, every variable that the code reads
//! is in it, and every variable that a manifest sets.

use std::collections::BTreeSet;
use std::path::Path;

use crate::render::{WAYS, path, read};
use crate::workload::Workload;

const DOCUMENT: &str = "docs/CONFIGURATION.md";

/// The tables of a source file: its list of `Setting`s, else those of its module documentation.
fn tables(source: &str) -> String {
    let settings: Vec<&str> =
        source.split("Setting {").skip(1).filter(|text| text.trim_start().starts_with("name: \"")).collect();
    if settings.is_empty() {
        let documentation = source.lines().filter_map(|line| line.strip_prefix("//!").map(str::trim_start));
        let mut table = String::new();
        for line in documentation {
            if line.starts_with('|') {
                // A reference to code is one to nothing here.
                table.push_str(
                    &line.replace("see [`KeepAlive`]", "whether a connection serves more than one request"),
                );
                table.push('\n');
            } else if table.ends_with("|\n") {
                table.push('\n');
            }
        }
        return format!("{}\n", table.trim_end());
    }
    let mut table = "| variable | default | |\n|---|---|---|\n".to_owned();
    for setting in settings {
        let field = |name: &str| -> String {
            let Some((_, value)) = setting.split_once(&format!("{name}: \"")) else { return String::new() };
            value.split_once('"').unwrap().0.to_owned()
        };
        let names: Vec<String> = field("name").split(", ").map(|name| format!("`{name}`")).collect();
        let default = field("default");
        let default =
            if default.is_empty() || default.contains(' ') { default } else { format!("`{default}`") };
        let meaning = field("meaning").replace('|', "\\|");
        table.extend(["| ", &names.join(", "), " | ", &default, " | ", &meaning, " |\n"]);
    }
    table
}

/// The document with the tables of today.
fn generated(document: &str) -> String {
    let mut out = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once("<!-- from ") {
        let (source, after) = after.split_once(" -->\n").unwrap();
        let (_, after) = after.split_once("<!-- end -->").unwrap();
        out.extend([before, "<!-- from ", source, " -->\n", &tables(&read(source)), "<!-- end -->"]);
        rest = after;
    }
    out + rest
}

#[test]
fn the_tables_are_those_of_the_code() {
    let document = read(DOCUMENT);
    let expected = generated(&document);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(DOCUMENT), &expected).unwrap();
    } else {
        assert_eq!(document, expected, "run the test with UPDATE_DOCS=1");
    }
}

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            sources(&entry, text);
        } else if entry.extension().is_some_and(|extension| extension == "rs") && !entry.ends_with("tests.rs")
        {
            let source = std::fs::read_to_string(&entry).unwrap();
            text.push_str(source.split("#[cfg(test)]").next().unwrap());
        }
    }
}

/// Names as variables have them, between the given marks.
fn names(text: &str, mark: char) -> BTreeSet<&str> {
    let is_name = |word: &&str| {
        word.contains('_')
            && word.starts_with(|first: char| first.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    text.split(mark).filter(is_name).collect()
}

fn base(name: &str) -> &str {
    name.strip_suffix("_FILE").filter(|base| *base != "AGENT_READY").unwrap_or(name)
}

#[test]
fn no_variable_is_missing_and_none_is_made_up() {
    let mut code = String::new();
    for folder in ["task/src", "ingest/src", "shared/src"] {
        sources(&path(folder), &mut code);
    }
    let document = read(DOCUMENT);
    let documented: BTreeSet<&str> = names(&document, '`').into_iter().map(base).collect();

    let ours = ["AGENT_", "AMQP_", "ANTHROPIC_", "OLLAMA_", "OPENAI_"];
    let ingest = read("ingest/src/config.rs");
    let mut known: BTreeSet<&str> = names(&ingest, '"');
    known.extend(
        names(&code, '"').into_iter().filter(|name| ours.iter().any(|prefix| name.starts_with(prefix))),
    );
    let missing: Vec<&str> = known.into_iter().map(base).filter(|name| !documented.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());

    let unknown: Vec<&&str> = documented.iter().filter(|name| !code.contains(**name)).collect();
    assert_eq!(
        unknown,
        ["UPDATE_DOCS"].iter().filter(|name| documented.contains(**name)).collect::<Vec<_>>()
    );

    for way in WAYS {
        let objects = way.render();
        for name in ["ingest", "sweep", "task"] {
            let pod = Workload::named(&objects, name);
            let mut set: BTreeSet<String> = pod.env().into_keys().map(str::to_owned).collect();
            for settings in pod.settings() {
                let map = objects.iter().find(|object| object["metadata"]["name"] == settings).unwrap();
                set.extend(map["data"].as_object().unwrap().keys().cloned());
            }
            for of_others in ["HOME", "SSL_CERT_FILE"] {
                set.remove(of_others);
            }
            let unknown: Vec<&String> = set.iter().filter(|name| !documented.contains(base(name))).collect();
            assert_eq!(unknown, Vec::<&String>::new(), "{way:?}: {name}");
        }
    }
}
