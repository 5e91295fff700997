//! A short run of each fuzz target for what reaches `ingest` and the queue.

use std::{fs, path::Path};

#[path = "../../fuzz/targets/command.rs"]
mod command;
#[path = "../../fuzz/targets/jira.rs"]
mod jira;
#[path = "../../fuzz/targets/payload.rs"]
mod payload;
#[path = "../../fuzz/targets/repo.rs"]
mod repo;
#[path = "../../fuzz/targets/short.rs"]
mod short;
#[path = "../../fuzz/targets/signature.rs"]
mod signature;
#[path = "../../fuzz/targets/task.rs"]
mod task;

/// What JSON is made of, and the words of a format that is written in it.
fn with_json<'w>(words: &[&'w str]) -> Vec<&'w str> {
    ["\"", "{", "}", ",", ":", "null", "0", "-1", "1e999", "\\u0000"].iter().chain(words).copied().collect()
}

fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn signatures() {
    let seeds = seeds(&[
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\nHello, World",
        "sha256=",
        "sha1=0000000000000000000000000000000000000000\n{}",
        "",
    ]);
    short::run(&seeds, &["sha256=", "sha1=", "\n", "00", "="], signature::run);
}

#[test]
fn payloads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/github/webhooks");
    let mut seeds = Vec::new();
    for (number, event) in (0_u8..).zip(payload::EVENTS) {
        for file in fs::read_dir(folder.join(event)).unwrap() {
            let body = fs::read(file.unwrap().path()).unwrap();
            seeds.push([&[number], body.as_slice()].concat());
        }
    }
    seeds.sort();
    let words = ["\"bug\"", "/approve", "/revise x", "[bot]"];
    short::run(&seeds, &with_json(&words), payload::run);
}

#[test]
fn payloads_of_jira() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/jira/webhooks");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "json"));
    let mut seeds: Vec<Vec<u8>> = files.map(|file| fs::read(file).unwrap()).collect();
    seeds.sort();
    let words = [
        "ai-help",
        "\"labels\"",
        "\"assignee\"",
        "557058:agent",
        "/approve",
        "/revise x",
        "PROJ-1",
        "2026-11-21T09:00:00.000+0000",
    ];
    short::run(&seeds, &with_json(&words), jira::run);
}

#[test]
fn messages() {
    let seeds = seeds(&[
        r#"{"repo_url":"https://github.com/octo/hello","issue_id":123,"mode":"plan","trigger_user":"dev1"}"#,
        r#"{"repo_url":"https://github.com/octo/hello","issue_id":7,"mode":"approve","trigger_user":"dev1","task_id":"00112233445566778899aabbccddeeff","triggered_at":"2026-11-21T09:00:00Z","delivery_id":"d-1","repository_id":1,"installation_id":42,"pull_request":7,"comment_id":99,"comment_kind":"review_line"}"#,
        r#"{"repo_url":"https://github.com/octo/hello","issue_id":7,"mode":"revise","trigger_user":"dev1","comment_id":99}"#,
    ]);
    let words = ["quickfix", "approve", "\"comment_id\":1,", "\"pull_request\":1,", "2026", "Z"];
    short::run(&seeds, &with_json(&words), task::run);
}

#[test]
fn addresses() {
    let seeds = seeds(&[
        "https://github.com/octo/hello",
        "https://github.com/octo/hello.git",
        "http://127.0.0.1:8080/octo/hello",
        "http://[::1]:1/o/n",
    ]);
    let words = [
        "https://",
        "http://",
        "@",
        ":",
        "/",
        ".",
        "..",
        ".git",
        "%2f",
        "\\",
        "?",
        "#",
        "github.com",
        "localhost",
        "[::1]",
    ];
    short::run(&seeds, &words, repo::run);
}

#[test]
fn commands() {
    let seeds =
        seeds(&["/approve", "/revise use tokio\n\n- and axum", "/retry\r\nplease", "/stop", "> /approve"]);
    short::run(&seeds, &["/", "approve", "revise", "\n", "\r", " ", "\u{200b}", "\u{feff}"], command::run);
}
