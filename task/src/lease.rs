//! A *lease* is the right to go on writing: it is lost with the message, the connection, the time, or on request.
//!
//! Every write to the outside asks the lease first, so that two runs of one task overlap by at most one write.

use std::sync::Arc;

use shared::task::Task;
use tokio::sync::{Mutex, watch};

use crate::broker::{Line, Slot};
use crate::budget::{Bank, Door, Turns};

/// See the module's documentation. Clones share their fate.
#[derive(Clone, Debug)]
pub struct Lease {
    lost: watch::Receiver<Option<Lost>>,
    channel: Option<lapin::Channel>,
    bank: Option<Bank>,
    door: Option<Door>,
    line: Option<Arc<Line>>,
    turns: Option<Arc<Turns>>,
    admission: Arc<Mutex<Option<Slot>>>,
}

/// Ends a lease. Clones end the same one.
#[derive(Clone, Debug)]
pub struct Revoker(watch::Sender<Option<Lost>>);

/// Why a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the process was asked to end")]
    Terminated,
    #[error("the connection to the broker was lost, and the message with it")]
    Connection,
    #[error("the time for one run is over")]
    Deadline,
}

impl Lost {
    /// In a word, for telemetry.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Terminated => "terminated",
            Self::Connection => "connection",
            Self::Deadline => "deadline",
        }
    }
}

impl Lease {
    /// A lease that only its [`Revoker`] ends.
    pub fn new() -> (Revoker, Self) {
        let (sender, lost) = watch::channel(None);
        let admission = Arc::new(Mutex::new(None));
        let lease = Self { lost, channel: None, bank: None, door: None, line: None, turns: None, admission };
        (Revoker(sender), lease)
    }

    /// Ties the lease to the channel that holds the message.
    #[must_use]
    pub fn with_channel(self, channel: lapin::Channel) -> Self {
        Self { channel: Some(channel), ..self }
    }

    /// Ties the run to what all runs together may spend, which the broker that holds the message keeps.
    #[must_use]
    pub fn with_bank(self, bank: Option<Bank>) -> Self {
        Self { bank, ..self }
    }

    /// Ties the run to how many calls to a model all runs together make at once.
    #[must_use]
    pub fn with_door(self, door: Option<Door>) -> Self {
        Self { door, ..self }
    }

    /// Ties the run to the second connection to the broker, by which runs share what only one may have.
    #[must_use]
    pub fn with_line(self, line: Arc<Line>) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Ties the run to how many of one repository and of one person go at once.
    #[must_use]
    pub fn with_turns(self, turns: Arc<Turns>) -> Self {
        Self { turns: Some(turns), ..self }
    }

    /// Of what others have all the places that a task needs which is known only now; none if it is its turn.
    pub async fn lets_others_go_first(&self, task: &Task) -> Option<&'static str> {
        self.turns.as_ref()?.take_for(task).await
    }

    /// Ties the run to the slot of those whose requester may or may not ask.
    #[must_use]
    pub fn with_admission(self, slot: Option<Slot>) -> Self {
        Self { admission: Arc::new(Mutex::new(slot)), ..self }
    }

    /// The requester may ask: what else they ask for on this thread need not wait for this run.
    pub async fn admitted(&self) {
        if let Some(slot) = self.admission.lock().await.take() {
            slot.give_back().await;
        }
    }

    /// Whether this run is the one that does what has that name, until its connection ends. Where nobody can tell, every run
    /// does it.
    pub async fn is_the_one(&self, name: &str) -> bool {
        let Some(line) = &self.line else { return true };
        match line.take_slot(name, 1).await {
            Ok(slot) => slot.is_some(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    slot = name,
                    "a slot cannot be asked for"
                );
                true
            }
        }
    }

    /// By which each call to a model goes, if their number is limited and a message stands behind the run.
    pub fn door(&self) -> Option<&Door> {
        self.door.as_ref()
    }

    /// What all runs together may spend, if it is limited and a message stands behind the run.
    pub fn bank(&self) -> Option<&Bank> {
        self.bank.as_ref()
    }

    /// Whether writing may go on. With a channel this is a round trip to the broker: `basic.qos` needs no permission
    /// and fails on a channel that the broker has closed. A broker that does not answer holds the write up until the
    /// heartbeats tell that it is gone, or the time is over.
    pub async fn check(&self) -> Result<(), Lost> {
        self.standing()?;
        let Some(channel) = &self.channel else { return Ok(()) };
        tokio::select! {
            answer = channel.basic_qos(1, lapin::options::BasicQosOptions::default()) => {
                answer.map_err(|_| Lost::Connection)?;
            }
            lost = self.lost() => return Err(lost),
        }
        self.standing()
    }

    fn standing(&self) -> Result<(), Lost> {
        self.lost.borrow().map_or(Ok(()), Err)
    }

    /// Returns when the lease is lost.
    pub async fn lost(&self) -> Lost {
        let mut lost = self.lost.clone();
        match lost.wait_for(Option::is_some).await {
            Ok(found) => found.unwrap_or(Lost::Terminated),
            // The revoker is gone, so nothing can end the lease any more.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Revoker {
    /// Ends the lease; the first reason stands.
    pub fn revoke(&self, why: Lost) {
        self.0.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert(why);
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stands_and_reaches_every_clone() {
        let (revoker, lease) = Lease::new();
        let other = lease.clone();
        assert_eq!(lease.check().await, Ok(()));
        revoker.revoke(Lost::Deadline);
        revoker.revoke(Lost::Terminated);
        assert_eq!(lease.check().await, Err(Lost::Deadline));
        assert_eq!(other.lost().await, Lost::Deadline);
    }
}
