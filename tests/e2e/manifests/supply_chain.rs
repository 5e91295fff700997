//! What is fetched by name is pinned to its content: the images that the Dockerfile builds on.

use crate::render::{WAYS, read};
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
    assert_eq!(all("ENTRYPOINT"), ["[\"/usr/local/bin/ingest\"]", "[\"/usr/local/bin/task\"]"]);
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
