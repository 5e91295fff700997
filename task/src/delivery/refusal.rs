//! A *refusal* of a person on a thread is kept at the broker, so that one run asks GitHub for all that they ask for there.
//!
//! Of several messages of one person and thread, one run at a time finds out whether that person may ask; the others wait in
//! place, and ask the broker alone. Once a run has refused, the messages that are still in the queue end there: a process
//! acknowledges one and takes the next, so that a hundred of them start no hundred Jobs. `ingest` publishes no more of them
//! ([`crate::broker::Line::remember`]).
//!
//! Where the broker does not tell, each run finds out for itself.

use std::time::Duration;

use shared::message::Message;
use shared::queue::{REFUSED_AGAIN_FOR, REFUSED_FOR};
use tokio::time::{Instant, sleep};

use crate::broker::{BrokerError, Line, Slot};
use crate::run::Before;

/// How long a run waits for another one to find out. Kubernetes kills 60 s after it has asked a process to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Whether whoever asked may have a run.
pub(super) enum Admission {
    /// They were refused on this thread a short while ago.
    Refused,
    /// GitHub is asked, by whoever has the slot.
    Open(Option<Slot>),
}

/// Looks at the broker alone whether whoever asked was refused; returns when no other run is about to find out.
pub(super) async fn admission(line: &Line, message: &Message) -> Admission {
    let Message::Task(task) = message else { return Admission::Open(None) };
    if !task.mode.kind().is_asked_for() {
        return Admission::Open(None);
    }
    match wait(line, &task.refusal_slot(), &task.refusal()).await {
        Ok(admission) => admission,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                fix = error.fix(),
                "who was refused is not known to the broker"
            );
            Admission::Open(None)
        }
    }
}

async fn wait(line: &Line, slot: &str, refusal: &str) -> Result<Admission, BrokerError> {
    let since = Instant::now();
    let mut is_told = false;
    loop {
        if let Some(slot) = line.take_slot(slot, 1).await? {
            let looked = line.remembers(refusal).await;
            if matches!(looked, Ok(false)) {
                return Ok(Admission::Open(Some(slot)));
            }
            slot.give_back().await;
            return looked.map(|_| Admission::Refused);
        }
        if since.elapsed() > PATIENCE {
            return Ok(Admission::Open(None));
        }
        if !is_told {
            tracing::info!("waiting for another run to find out whether the requester may ask");
            is_told = true;
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Lets what else the person asks for on the thread end at the broker, for longer if they were told before.
pub(super) async fn remember(line: &Line, message: &Message, before: Before) {
    let Message::Task(task) = message else { return };
    let time = match before {
        Before::NotTold => REFUSED_FOR,
        Before::Told => REFUSED_AGAIN_FOR,
    };
    if let Err(error) = line.remember(&task.refusal(), time).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            fix = error.fix(),
            "a refusal is not remembered: each further command of that person costs a Job"
        );
    }
}
