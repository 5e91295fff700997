//! The *clock* of a run: this machine's, set right by the forge's once that has answered.
//!
//! A process has one, as a machine has. It decides which day it is; what is measured is measured by the machine's own.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Seconds by which this machine's clock is behind; negative if it is ahead.
static BEHIND: AtomicI64 = AtomicI64::new(0);

/// Notes by how much this machine's clock is behind.
pub(crate) fn is_behind_by(time: SignedDuration) {
    BEHIND.store(time.as_secs(), Ordering::Relaxed);
}

pub(crate) fn now() -> Timestamp {
    let behind = SignedDuration::from_secs(BEHIND.load(Ordering::Relaxed));
    Timestamp::now().saturating_add(behind).unwrap_or(Timestamp::MAX)
}
