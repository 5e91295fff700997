#![no_main]
//! A message of the queue.

use libfuzzer_sys::fuzz_target;
use shared::{repo::HostPolicy, task::Task};

fuzz_target!(|data: &[u8]| {
    let policy = HostPolicy::github();
    if let Ok(task) = Task::parse(data, &policy) {
        let message = task.to_message().unwrap();
        assert_eq!(Task::parse(&message, &policy).unwrap(), task);
    }
});
