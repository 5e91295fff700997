#![no_main]
//! A comment.

use libfuzzer_sys::fuzz_target;
use shared::command::Command;

fuzz_target!(|data: &str| {
    let first = data.split(['\n', '\r']).next().unwrap_or_default();
    if Command::parse(data).is_some() {
        assert!(["/approve", "/revise", "/retry", "/stop"].iter().any(|word| first.starts_with(word)));
    }
    assert_eq!(Command::parse(data).is_some(), Command::parse(first).is_some());
});
