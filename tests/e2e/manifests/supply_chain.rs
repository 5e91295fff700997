//! What is fetched by name is pinned to its content: the images that the Dockerfile builds on, the actions of the
//! workflows. And no workflow may do more than it needs.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::render::{WAYS, documents, path, read};
use crate::workload::Workload;

/// The Dockerfile's instructions, continued lines joined.
fn instructions(dockerfile: &str) -> Vec<(String, String)> {
    let joined = dockerfile
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| line.trim().split_once(' '));
    lines.map(|(instruction, rest)| (instruction.to_owned(), rest.trim().to_owned())).collect()
}

#[test]
fn images_are_built_on_pinned_ones_and_run_one_program_as_nobody() {
    let dockerfile = instructions(&read("Dockerfile"));
    let all = |name: &str| -> Vec<&str> {
        dockerfile
            .iter()
            .filter(|(instruction, _)| instruction == name)
            .map(|(_, rest)| rest.as_str())
            .collect()
    };
    let bases: Vec<&str> =
        all("ARG").into_iter().filter(|argument| argument.contains('/') && argument.contains(':')).collect();
    let pinned = |argument: &str| {
        argument.rsplit_once("@sha256:").is_some_and(|(_, digest)| {
            digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let (bases, others): (Vec<&str>, Vec<&str>) = bases.into_iter().partition(|argument| pinned(argument));
    assert_eq!(bases.len(), 2);
    assert!(others.iter().all(|argument| argument.starts_with("SOURCE=")), "{others:?}");
    assert_eq!(
        all("FROM"),
        ["${RUST} AS chef", "chef AS plan", "chef AS build", "${RUNTIME} AS ingest", "${RUNTIME} AS task"]
    );
    assert_eq!(all("ENTRYPOINT"), ["[\"/usr/local/bin/ingest\"]", "[\"/usr/local/bin/ai-agent\"]"]);
    assert_eq!(all("CMD"), ["[\"consume\"]"]);
    for command in all("RUN").into_iter().filter(|command| command.contains("cargo")) {
        assert!(command.contains("--locked") || command.contains("chef prepare"), "{command}");
    }
    // The pods say the user as well, for the files of their secrets.
    let user = all("USER");
    assert_eq!(user, ["65532:65532", "65532:65532"]);
    let objects = WAYS[0].render();
    for name in ["ingest", "task", "sweep"] {
        let context = &Workload::named(&objects, name).spec()["securityContext"];
        assert_eq!(format!("{}:{}", context["runAsUser"], context["runAsGroup"]), user[0]);
    }
}

/// Files below a folder of the repository.
fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(folder)).unwrap().map(|entry| entry.unwrap());
    entries
        .flat_map(|entry| {
            let name = format!("{folder}/{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() { files(&name) } else { vec![name] }
        })
        .collect()
}

#[test]
fn every_place_of_a_digest_that_is_moved_by_hand_is_named() {
    let operations = read("docs/OPERATIONS.md");
    // Those of the release stand there as zeros.
    let digest = |text: &str| {
        text.len() >= 64
            && text.bytes().take(64).all(|byte| byte.is_ascii_hexdigit())
            && !text.starts_with("0000")
    };
    let mut seen = 0;
    for file in [files("k8s"), files("keda"), vec!["Dockerfile".to_owned()]].concat() {
        if read(&file).split("sha256:").skip(1).any(digest) {
            assert!(operations.contains(&file), "{file}");
            seen += 1;
        }
    }
    assert_eq!(seen, 5);
    // The rest is Dependabot's.
    let dependabot = documents(&read(".github/dependabot.yml")).remove(0);
    let moved = dependabot["updates"].as_array().unwrap().iter();
    let moved: Vec<&Value> = moved.map(|update| &update["package-ecosystem"]).collect();
    assert_eq!(moved, ["cargo", "github-actions"]);
}

/// The workflows by file name.
fn workflows() -> BTreeMap<String, (String, Value)> {
    let files = std::fs::read_dir(path(".github/workflows")).unwrap();
    files
        .map(|file| {
            let file = file.unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            let workflow = documents(&text).into_iter().next().unwrap();
            (file.file_name().into_string().unwrap(), (text, workflow))
        })
        .collect()
}

#[test]
fn actions_are_pinned_to_a_commit_and_say_their_version() {
    let mut seen = 0;
    for (name, (text, _)) in workflows() {
        for line in
            text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "))
        {
            let (action, version) = line.split_once(" # v").unwrap_or_else(|| panic!("{name}: {line}"));
            let (_, commit) = action.split_once('@').unwrap();
            assert!(
                commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{name}: {line}"
            );
            assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{name}: {line}");
            seen += 1;
        }
        assert!(!text.contains("pull_request_target"), "{name} would run a stranger's change with secrets");
    }
    assert!(seen > 0);
}

#[test]
fn workflows_may_do_what_they_need_and_nothing_more() {
    let mut writes = Vec::new();
    for (name, (_, workflow)) in workflows() {
        assert_eq!(workflow["permissions"], json!({}), "{name}");
        for (job, definition) in workflow["jobs"].as_object().unwrap() {
            assert!(definition["timeout-minutes"].as_u64().is_some(), "{name}: {job}");
            for (scope, access) in definition["permissions"].as_object().unwrap() {
                if access != "read" {
                    writes.push(format!("{name} {job} {scope}"));
                }
            }
            for step in definition["steps"].as_array().unwrap() {
                if step["uses"].as_str().is_some_and(|action| action.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"], false, "{name}: {job}");
                }
                // A value in a script's text is part of the script; in the environment it is a value.
                assert!(!step["run"].as_str().unwrap_or("").contains("${{"), "{name}: {job}: {step}");
            }
        }
    }
    assert_eq!(
        writes,
        [
            "image.yml publish attestations",
            "image.yml publish id-token",
            "image.yml publish packages",
            "image.yml release contents"
        ]
    );
}

/// A release is a tag; what it is made of has to agree with it.
#[test]
fn every_place_of_the_version_says_the_same_and_the_changelog_has_it() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, lines) in [
        ("Cargo.toml", vec![format!("version = \"{version}\"")]),
        ("Dockerfile", vec![format!("ARG VERSION={version}"); 2]),
        ("k8s/chart/Chart.yaml", vec![format!("version: {version}"), format!("appVersion: {version}")]),
    ] {
        let text = read(file);
        let said = |line: &&str| {
            let name = line.trim_start_matches("ARG ").to_ascii_lowercase();
            name.starts_with("version") || name.starts_with("appversion")
        };
        assert_eq!(text.lines().filter(said).collect::<Vec<_>>(), lines, "{file}");
    }
    let notes = |tag: &str| Command::new(path("scripts/lib/release-notes")).arg(tag).output().unwrap();
    let ours = notes(&format!("v{version}"));
    let text = String::from_utf8(ours.stdout).unwrap();
    assert!(ours.status.success() && text.contains("\n### ") && !text.contains("\n## "), "{text}");
    let another = notes("v99.0.0");
    assert_eq!(another.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(another.stderr).unwrap(),
        "release-notes: Cargo.toml is not of version 99.0.0\n"
    );
}
