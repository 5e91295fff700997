//! A message of the queue.

use shared::{repo::HostPolicy, task::Task};

pub(crate) fn run(data: &[u8]) {
    let policy = HostPolicy::github();
    if let Ok(task) = Task::parse(data, &policy) {
        let message = task.to_message().expect("a task has a message");
        assert_eq!(Task::parse(&message, &policy).expect("it can be read again"), task);
    }
}
