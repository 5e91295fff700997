//! *Patience* is how long a call is made again that failed for the moment.
//!
//! Which failures are transient is decided by [`CallError::retry`]. A call that creates something is not made again
//! before a look whether it was carried out after all; that look is the caller's.

use std::time::Duration;

use crate::call::{CallError, Retry};
use crate::lease::Lease;

/// The first pause before a call is made again; doubled each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Waits of one call that are longer than patience lasts.
const LONG_PAUSES: u32 = 3;

/// See the module's documentation. One is for one call, however often that is made again.
pub struct Patience {
    lease: Lease,
    /// The longest that all pauses together may be.
    most: Duration,
    /// The same for pauses that are asked for by name.
    asked: Duration,
    /// How many of those were longer than `most` allows.
    long: u32,
    waited: Duration,
    tries: u32,
    /// The kinds of answers that may be given [once](Retry::Once) and were doubted: what is odd in another way says nothing
    /// of what was doubted before.
    doubted: Vec<&'static str>,
}

impl Patience {
    pub fn new(most: Duration, lease: Lease) -> Self {
        Self {
            lease,
            most,
            asked: Duration::ZERO,
            long: 0,
            waited: Duration::ZERO,
            tries: 0,
            doubted: Vec::new(),
        }
    }

    /// The same, for longer where a service names the time to wait.
    #[must_use]
    pub fn or_as_asked(self, asked: Duration) -> Self {
        Self { asked, ..self }
    }

    /// Returns when it is time to make the call again; with the error if that is no use, or patience is at its end.
    pub async fn before_retry(&mut self, error: CallError) -> Result<(), CallError> {
        let pause = self.pause_after(error)?;
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            lost = self.lease.lost() => Err(lost.into()),
        }
    }

    /// The same for an answer that a look has shown to be out of date: it is transient, whatever it is by itself.
    pub async fn before_retry_of_lag(&mut self, error: CallError) -> Result<(), CallError> {
        self.before_retry(out_of_date(error)).await
    }

    fn pause_after(&mut self, error: CallError) -> Result<Duration, CallError> {
        match error.retry() {
            Retry::WhilePatient => {}
            Retry::Once if !self.doubted.contains(&error.kind()) => self.doubted.push(error.kind()),
            Retry::Once | Retry::Never => return Err(error),
        }
        let pause = match &error {
            CallError::RateLimited { wait_seconds, .. } => Duration::from_secs(*wait_seconds),
            _ => backoff(self.tries + 1),
        };
        if self.waited + pause > self.most {
            let is_asked = matches!(error, CallError::RateLimited { .. });
            if !is_asked || self.long == LONG_PAUSES || self.waited + pause > self.asked {
                return Err(error);
            }
            self.long += 1;
        }
        self.tries += 1;
        self.waited += pause;
        let (tries, pause_seconds) = (self.tries, pause.as_secs_f64());
        tracing::warn!(%error, tries, pause_seconds, "the call is made again after a pause");
        Ok(pause)
    }
}

fn out_of_date(error: CallError) -> CallError {
    match (error.retry(), error.call()) {
        (Retry::Once, Some(call)) => {
            CallError::Unavailable { call: call.clone(), why: format!("the answer is out of date: {error}") }
        }
        _ => error,
    }
}

/// The pause before try `n + 1`.
fn backoff(tries: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.pow(tries.saturating_sub(1).min(16))).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Call, Service};
    use crate::lease::Lost;

    fn call() -> Call {
        Call::new(Service::GitHub, "POST /x")
    }

    fn text() -> String {
        "why".to_owned()
    }

    /// How often a call is made again that fails in this way each time, and the error that is left.
    fn tries(error: &CallError, most: Duration) -> (u32, CallError) {
        let (_keep, lease) = Lease::new();
        let mut patience = Patience::new(most, lease);
        let mut tries = 0;
        loop {
            match patience.pause_after(error.clone()) {
                Ok(_) => tries += 1,
                Err(left) => return (tries, left),
            }
        }
    }

    #[test]
    fn what_is_transient_is_tried_while_patience_lasts_and_what_is_doubtful_once() {
        let limited = |wait_seconds| CallError::RateLimited { call: call(), wait_seconds };
        for (error, expected) in [
            (CallError::Unknown { call: call(), why: text() }, 10),
            (CallError::Unavailable { call: call(), why: text() }, 10),
            (CallError::NotYet { call: call(), message: text() }, 10),
            (limited(60), 3),
            (limited(180), 1),
            (limited(181), 0),
            (CallError::Unauthorized { call: call(), message: text() }, 1),
            (CallError::NotFound { call: call(), message: text() }, 1),
            (CallError::Conflict { call: call(), message: text() }, 1),
            (CallError::Invalid { call: call(), message: text() }, 1),
            (CallError::Forbidden { call: call(), message: text(), needed: None }, 0),
            (CallError::Locked { call: call(), message: text() }, 0),
            (CallError::Gone { call: call(), message: text() }, 0),
            (CallError::Unexpected { call: call(), why: text() }, 0),
            (CallError::Lost(Lost::Deadline), 0),
        ] {
            assert_eq!(tries(&error, Duration::from_mins(3)), (expected, error.clone()), "{error}");
            assert_eq!(tries(&error, Duration::ZERO), (0, error));
        }
    }

    /// A label that is gone is 404; an odd answer to the second look at it is no verdict on that.
    #[test]
    fn each_kind_of_doubtful_answer_is_doubted_by_itself() {
        let (_keep, lease) = Lease::new();
        let mut patience = Patience::new(Duration::from_mins(3), lease);
        let gone = CallError::NotFound { call: call(), message: text() };
        let odd = CallError::Conflict { call: call(), message: text() };
        assert!(patience.pause_after(gone.clone()).is_ok());
        assert!(patience.pause_after(odd.clone()).is_ok());
        assert_eq!(patience.pause_after(gone.clone()), Err(gone));
        assert_eq!(patience.pause_after(odd.clone()), Err(odd));
    }

    #[test]
    fn an_answer_that_is_out_of_date_is_transient() {
        let stale = out_of_date(CallError::Conflict { call: call(), message: text() });
        assert_eq!(tries(&stale, Duration::from_secs(10)).0, 4);
        assert!(stale.is_passing());
        let refused = CallError::Forbidden { call: call(), message: text(), needed: None };
        assert_eq!(out_of_date(refused.clone()), refused);
    }

    #[tokio::test]
    async fn nobody_waits_who_lost_the_lease() {
        let (revoker, lease) = Lease::new();
        let mut patience = Patience::new(Duration::from_mins(3), lease);
        revoker.revoke(Lost::Terminated);
        let error = CallError::RateLimited { call: call(), wait_seconds: 170 };
        assert_eq!(patience.before_retry(error).await, Err(CallError::Lost(Lost::Terminated)));
    }

    #[test]
    fn a_wait_that_is_asked_for_may_be_longer_and_not_for_ever() {
        let (_keep, lease) = Lease::new();
        let limited = |wait_seconds| CallError::RateLimited { call: call(), wait_seconds };
        let minutes = Duration::from_mins;
        let mut patience = Patience::new(minutes(3), lease).or_as_asked(minutes(40));
        assert_eq!(patience.pause_after(limited(600)), Ok(minutes(10)));
        let away = CallError::Unavailable { call: call(), why: text() };
        assert_eq!(patience.pause_after(away.clone()), Err(away));
        assert!(patience.pause_after(limited(3_600)).is_err());
        for _ in 0..2 {
            assert_eq!(patience.pause_after(limited(60)), Ok(minutes(1)));
        }
        assert!(patience.pause_after(limited(60)).is_err());
    }
}
