//! A comment.

use shared::command::Command;

pub(crate) fn run(data: &[u8]) {
    let Ok(data) = std::str::from_utf8(data) else { return };
    let first = data.split(['\n', '\r']).next().unwrap_or_default();
    if Command::parse(data).is_some() {
        let line = first.trim_start_matches(' ').to_ascii_lowercase();
        assert!(["/approve", "/revise", "/retry", "/stop"].iter().any(|word| line.starts_with(word)));
    }
    assert_eq!(Command::parse(data).is_some(), Command::parse(first).is_some());
}
