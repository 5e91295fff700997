//! What is sent to a model can be seen: beforehand, without asking it, and afterwards, in a file.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tests::model::KEY;

use crate::world::{Model, STATION, World, blocks, said};

const ISSUE: &str = "# #3: Sensors go offline too early\n\nThey should have 90 seconds.\n";

fn good() -> String {
    blocks(&[("src/station.py", "    return now - seen <= 30", "    return now - seen <= 90")])
}

#[test]
fn the_prompt_is_shown_as_it_is_sent_and_nobody_is_asked() {
    let plan = "## Summary\n\nx\n\n## Files\n\n- `src/station.py`: 90\n\n## Steps\n\n1. Do it.";
    for (arguments, answer) in
        [(&[][..], good()), (&["--mode", "plan"], plan.to_owned()), (&["--model", "openai:other"], good())]
    {
        let world = World::sample();
        let issue = world.file("issue.md", ISSUE);
        let before = world.snapshot("repo");
        let silent = Model::saying(&[]);
        let all = [arguments, &["--show-prompt"]].concat();
        let allow = [("AGENT_UNKNOWN_PRICE", "allow")];
        let text = silent.solve(&world, &issue, &all, &allow).done().stdout;
        let json = silent.solve(&world, &issue, &[&all[..], &["--json"]].concat(), &allow).done().json();
        assert!(silent.finish().is_empty(), "a model was asked");
        assert_eq!(world.snapshot("repo"), before);

        let model = Model::saying(&[&answer]);
        model.solve(&world, &issue, arguments, &allow).done();
        let sent = said(&model.finish()[0]);
        let prompts = json["prompts"].as_array().unwrap();
        let shown = &prompts[prompts.len() - 1];
        let messages = shown["messages"].as_array().unwrap().iter().map(|message| &message["text"]);
        let shown: Vec<&str> =
            std::iter::once(&shown["system"]).chain(messages).map(|text| text.as_str().unwrap()).collect();
        assert_eq!(shown, sent, "{arguments:?}");
        for part in &sent {
            assert!(text.contains(part.trim_end()), "{part} is not in {text}");
        }
        assert!(text.contains("=== Call 1: ") && text.contains("\n--- system\n"), "{text}");
    }
}

#[test]
fn the_choice_of_files_is_shown_before_the_question() {
    let world = World::sample();
    let many: Vec<(String, String)> = (0..80)
        .map(|number| {
            (
                format!("src/part{number}.py"),
                format!("def part{number}():\n    return \"{}\"\n", "sensor ".repeat(120)),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    world.commit("repo", &files);
    let issue = world.file("issue.md", ISSUE);
    let model = Model::saying(&[]);
    let variables = [
        ("AGENT_FILE_SELECTION", "always"),
        ("AGENT_CONTEXT_TOKENS", "13000"),
        ("AGENT_CONTEXT_WINDOW", "200000"),
    ];
    let run = model.solve(&world, &issue, &["--show-prompt", "--json"], &variables).done();
    model.finish();
    let purposes: Vec<Value> =
        run.json()["prompts"].as_array().unwrap().iter().map(|prompt| prompt["purpose"].clone()).collect();
    assert_eq!(purposes, ["choose the files to read", "change"]);
}

#[test]
fn a_conversation_is_kept_for_its_owner_alone() {
    let world = World::sample();
    let token = format!("ghp_{}", "A1b2C3d4E5".repeat(4));
    world.commit("repo", &[("src/client.py", format!("TOKEN = \"{token}\"  # seconds online, is_online\n"))]);
    let issue = world.file("issue.md", ISSUE);
    let path = world.path("run.jsonl");
    let name = path.to_str().unwrap();
    let wrong = good().replace("<= 30", "<= 31");
    let model =
        Model::saying(&["I look.\nREAD: src/client.py\n", &wrong, &format!("The key is {KEY}.\n{}", good())]);
    model.solve(&world, &issue, &["--transcript", name], &[]).done();
    let requests = model.finish();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line["call"], line["role"].as_str().unwrap())).collect();
    assert_eq!(
        calls,
        [
            "1 system",
            "1 user",
            "1 assistant",
            "1 user",
            "1 assistant",
            "2 user",
            "2 assistant",
            "3 user",
            "3 assistant"
        ],
        "{text}"
    );
    // Together they are what the last request held.
    assert_eq!(lines[0]["text"], said(&requests[2])[0].as_str());
    assert_eq!(lines[7]["text"], said(&requests[2]).pop().unwrap().as_str());
    assert!(lines[4]["text"].as_str().unwrap().starts_with("I look.\n"), "{text}");
    for secret in [token.as_str(), KEY] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    // A second run does not write over it, and asks nobody.
    let silent = Model::saying(&[]);
    let run = silent.solve(&world, &issue, &["--transcript", name], &[]);
    silent.finish();
    let expected = "error: the transcript WORLD/run.jsonl exists already, and is not overwritten |   Name another file with \
                    `--transcript`, or delete this one.";
    assert_eq!(run.failure(), (Some(1), expected.to_owned()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn what_cannot_be_kept_is_said_before_a_call_or_after_the_run() {
    let world = World::sample();
    let issue = world.file("issue.md", ISSUE);
    let silent = Model::saying(&[]);
    let run = silent.solve(&world, &issue, &["--transcript", "nowhere/run.jsonl"], &[]);
    silent.finish();
    assert!(
        run.failure().1.starts_with("error: the transcript cannot be written to nowhere/run.jsonl: "),
        "{}",
        run.stderr
    );
    for option in [&["--transcript", "run.jsonl"][..], &["--show-prompt"]] {
        let run = world.solve(&issue, &[option, &["--model", "builtin"]].concat());
        assert_eq!(run.status, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("the rule-based engine (builtin) asks none"), "{}", run.stderr);
    }
    assert!(!world.path("run.jsonl").exists());
    assert_eq!(world.at("main", "src/station.py"), STATION);
}
