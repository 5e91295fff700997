//! A *failed start*: the process fails before it holds a message, because of a setting or of the broker.
//!
//! The broker counts no attempt then, so nothing bounds how many processes fail over the same message: KEDA would start
//! a new Job each time it looks at the queue. While a process waits, its pod is not ready, and KEDA counts its Job as
//! pending: it starts no other for that message.

use std::time::Duration;

use tokio::time::Instant;

/// Returns when the process has run for as long as `wait`, or is asked to end.
pub async fn wait_out(started: Instant, wait: Duration, asked_to_end: impl Future) {
    let left = wait.saturating_sub(started.elapsed());
    if left.is_zero() {
        return;
    }
    tracing::info!(
        seconds = left.as_secs(),
        "waiting before exit, so that no other Job starts for the same task"
    );
    tokio::select! {
        () = tokio::time::sleep(left) => {}
        _ = asked_to_end => {}
    }
}
