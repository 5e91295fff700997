//! The *verdict* on a message: what becomes of it, and of the process, by how its run ended.

use crate::broker::Settlement;
use crate::lease::Lost;
use crate::outcome::Exit;
use crate::run::{Attempt, Ended};

/// What becomes of the message, and of the process. `None` if the message is no longer ours.
pub(super) fn verdict(ended: &Ended, attempt: Attempt) -> (Option<Settlement>, Exit) {
    let (again, passing) = match attempt {
        Attempt::MoreFollow(_) => (Settlement::Requeue, Exit::Passing),
        Attempt::Last(_) | Attempt::ByHand => (Settlement::DeadLetter, Exit::CouldNotSolve),
    };
    match ended {
        Ended::Done | Ended::Already | Ended::Explained(_) | Ended::Refused(_) | Ended::Nothing(_) => {
            (Some(Settlement::Ack), Exit::Done)
        }
        // Where the broker does not keep it for later. It is no failure of the last attempt.
        Ended::PutOff { .. } if attempt.may_be_put_off() => (Some(Settlement::Requeue), Exit::Passing),
        // The same: it is nobody's failure.
        Ended::NoBudget { .. } | Ended::OthersFirst(_) => (Some(Settlement::Requeue), Exit::Passing),
        Ended::Passing(_) | Ended::PutOff { .. } => (Some(again), passing),
        // Credentials may be exchanged right now, and GitHub has refused good ones before. Nothing is lost while the
        // broker counts, and a Job that fails with a status of its own is what an operator sees.
        Ended::Misconfigured(_) => (Some(again), Exit::Usage),
        Ended::Lost(Lost::Terminated) => (Some(Settlement::HandBack), Exit::Terminated),
        // Counted: a task that never ends in time must not come back for ever.
        Ended::Lost(Lost::Deadline) => (Some(Settlement::Requeue), Exit::Terminated),
        Ended::Lost(Lost::Connection) => (None, Exit::LostLease),
    }
}

/// For the log.
pub(super) fn describe(ended: &Ended) -> String {
    match ended {
        Ended::Done => "done".to_owned(),
        Ended::Already => "done: nothing has to change".to_owned(),
        Ended::Explained(reason) => format!("explained on the issue: {reason:?}"),
        Ended::Refused(_) => "nothing to do: the requester has no write access".to_owned(),
        Ended::Nothing(why) => format!("nothing to do: {why}"),
        Ended::Passing(why) => format!("transient error: {why}"),
        Ended::PutOff { why, until } => format!("has to wait until {until}: {why}"),
        Ended::NoBudget { why, shortage } => format!("waits for budget until {}: {why}", shortage.until),
        Ended::OthersFirst(whose) => {
            format!("lets others go first: its {whose} has as many runs as may go at once")
        }
        Ended::Misconfigured(why) => format!("the operator has to fix something: {why}"),
        Ended::Lost(lost) => lost.to_string(),
    }
}

/// Waiting for budget or for others is no failure.
pub(super) fn exit_of_waiting(ended: &Ended, exit: Exit) -> Exit {
    if matches!(ended, Ended::NoBudget { .. } | Ended::OthersFirst(_)) { Exit::Done } else { exit }
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
            let (given, exit) = verdict(&ended, attempt);
            assert_eq!((given, exit as u8), (settlement, status), "{ended:?} {attempt:?}");
        }
    }
}
