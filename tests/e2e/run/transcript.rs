//! The conversation of a run is kept where the operator says, and nowhere else; what cannot be kept fails no run.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tests::model::KEY;

use crate::harness::{EDIT, MARKER_KEY, Story, hello, offline};

#[test]
fn a_conversation_is_kept_by_the_id_of_its_task() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = EDIT.replace("timeout = 30", "timeout = 31");
    let story = Story::new(offline(hello()), &[&wrong, EDIT]);
    let mut task = story.wish("quickfix");
    let id = format!("{:032x}", 9);
    task["task_id"] = id.clone().into();
    let ended = story.run_with(&task, &[("AGENT_TRANSCRIPT_DIR", folder.path().to_str().unwrap())]);
    assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [format!("{id}.jsonl").as_str()]);
    let path = folder.path().join(&names[0]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let roles: Vec<&str> = lines.iter().map(|line| line["role"].as_str().unwrap()).collect();
    // Before the last two there may be a worked example.
    assert_eq!(roles[0], "system", "{text}");
    assert_eq!(roles[roles.len() - 4..], ["user", "assistant", "user", "assistant"], "{text}");
    assert_eq!(lines[lines.len() - 1]["call"], 2, "{text}");
    for secret in [KEY, MARKER_KEY] {
        assert!(!text.contains(secret), "{text}");
    }
    story.finish();
}

#[test]
fn a_folder_that_cannot_be_written_to_fails_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for place in ["/nowhere/at/all", file.to_str().unwrap()] {
        let story = Story::new(offline(hello()), &[EDIT]);
        let ended = story.run_with(&story.wish("quickfix"), &[("AGENT_TRANSCRIPT_DIR", place)]);
        assert_eq!(ended.status, Some(0), "{}", story.told(&ended));
        assert!(ended.stderr.contains("the conversation with the model is not kept"), "{}", ended.stderr);
        assert_eq!(story.labels(1), "ai-done ai-help");
        story.finish();
    }
}
