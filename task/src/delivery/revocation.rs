//! What *revokes* the lease of a run: a signal, the loss of the connection, the time.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::Event;

use crate::broker::Held;
use crate::lease::{Lost, Revoker};

/// SIGTERM is what Kubernetes sends before it kills, SIGINT what a person does.
pub(super) fn on_signal(revoker: &Revoker) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let revoker = revoker.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        revoker.revoke(Lost::Terminated);
    });
    Ok(())
}

/// Ends the lease with the connection, the channel, or the time. In tasks of their own, because a run may compute for
/// seconds without a pause.
pub(super) fn on_loss(revoker: &Revoker, held: &Held, deadline: Duration) {
    let mut events = held.events();
    let of_connection = revoker.clone();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Event::Error(error) = event {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the connection to the broker was lost"
                );
                of_connection.revoke(Lost::Connection);
                return;
            }
        }
        of_connection.revoke(Lost::Connection);
    });
    let of_time = revoker.clone();
    tokio::spawn(async move {
        tokio::time::sleep(deadline).await;
        of_time.revoke(Lost::Deadline);
    });
}
