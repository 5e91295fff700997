//! The *verdict* on a message: what becomes of it, and of the process, by how its run ended.

use crate::broker::Settlement;
use crate::lease::Lost;
use crate::outcome::Exit;
use crate::run::{Attempt, Ended, Onward, Wait};

/// What becomes of a message, and of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// `None` if the message is no longer ours.
    pub(super) settlement: Option<Settlement>,
    pub(super) exit: Exit,
    /// Whether whatever failed gets time to recover before that.
    pub(super) pause: bool,
}

/// Of what waits: what becomes of it where the broker does not keep it for later.
pub(super) fn verdict(ended: &Ended, attempt: Attempt) -> Verdict {
    let again = |pause| Verdict { settlement: Some(Settlement::Requeue), exit: ended.exit(), pause };
    match ended.onward() {
        Onward::Over => Verdict { settlement: Some(Settlement::Ack), exit: ended.exit(), pause: false },
        Onward::Waits(_) if waits(ended, attempt).is_some() => again(true),
        Onward::Retried | Onward::Waits(_) => match attempt {
            Attempt::MoreFollow(_) => again(true),
            Attempt::Last(_) | Attempt::ByHand => {
                let exit = match ended.exit() {
                    Exit::Passing => Exit::CouldNotSolve,
                    exit => exit,
                };
                Verdict { settlement: Some(Settlement::DeadLetter), exit, pause: false }
            }
        },
        Onward::Lost(Lost::Terminated) => {
            Verdict { settlement: Some(Settlement::HandBack), exit: Exit::Terminated, pause: false }
        }
        // Counted: a task that never ends in time must not come back for ever.
        Onward::Lost(Lost::Deadline) => again(false),
        Onward::Lost(Lost::Connection) => Verdict { settlement: None, exit: Exit::LostLease, pause: false },
    }
}

/// What the task is published again to wait for. It may wait for a time only so often; to wait for budget or for others is
/// nobody's failure, and no failure of the last attempt.
pub(super) fn waits(ended: &Ended, attempt: Attempt) -> Option<Wait> {
    match ended.onward() {
        Onward::Waits(Wait::Until(_)) if !attempt.may_be_put_off() => None,
        Onward::Waits(wait) => Some(wait),
        Onward::Over | Onward::Retried | Onward::Lost(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::budget::Shortage;
    use crate::outcome::Reason;
    use crate::run::{Before, Delivery};

    #[test]
    fn every_end_has_its_settlement_and_its_status() {
        use Settlement::{Ack, DeadLetter, HandBack, Requeue};
        let passing = || Ended::Passing("x".to_owned());
        let no_budget = || Ended::NoBudget {
            why: "x".to_owned(),
            shortage: Shortage { units: 1, until: Timestamp::UNIX_EPOCH },
        };
        let misconfigured = || Ended::Misconfigured("x".to_owned());
        let put_off = || Ended::PutOff { why: "x".to_owned(), until: Timestamp::UNIX_EPOCH };
        let of = |number, pauses_left| Delivery { number, publication: None, pauses_left };
        let (first, last) = (Attempt::MoreFollow(of(1, 10)), Attempt::Last(of(3, 10)));
        let (first_tired, last_tired) = (Attempt::MoreFollow(of(11, 0)), Attempt::Last(of(13, 0)));
        let table = [
            (Ended::Done, first, Some(Ack), 0),
            (Ended::Done, last, Some(Ack), 0),
            (Ended::Already, last, Some(Ack), 0),
            (Ended::Explained(Reason::Budget), first, Some(Ack), 0),
            (Ended::Explained(Reason::Budget), last, Some(Ack), 0),
            (Ended::Nothing("x"), last, Some(Ack), 0),
            (Ended::Refused(Before::NotTold), first, Some(Ack), 0),
            (passing(), first, Some(Requeue), 75),
            (passing(), last, Some(DeadLetter), 1),
            // What becomes of it if the broker does not keep it.
            (put_off(), first, Some(Requeue), 75),
            (put_off(), last, Some(Requeue), 75),
            (put_off(), first_tired, Some(Requeue), 75),
            (put_off(), last_tired, Some(DeadLetter), 1),
            (no_budget(), first, Some(Requeue), 75),
            (no_budget(), last_tired, Some(Requeue), 75),
            (Ended::OthersFirst("person"), first, Some(Requeue), 75),
            (Ended::OthersFirst("person"), last_tired, Some(Requeue), 75),
            (misconfigured(), first, Some(Requeue), 2),
            (misconfigured(), last, Some(DeadLetter), 2),
            (Ended::Lost(Lost::Terminated), last, Some(HandBack), 143),
            (Ended::Lost(Lost::Deadline), last, Some(Requeue), 143),
            (Ended::Lost(Lost::Connection), first, None, 70),
        ];
        for (ended, attempt, settlement, status) in table {
            let given = verdict(&ended, attempt);
            assert_eq!((given.settlement, given.exit as u8), (settlement, status), "{ended:?} {attempt:?}");
            let is_lost = matches!(ended, Ended::Lost(_));
            assert_eq!(given.pause, settlement == Some(Requeue) && !is_lost, "{ended:?} {attempt:?}");
        }
    }
}
