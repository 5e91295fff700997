//! *Fairness*: so many runs at once for one repository and for one person, so that others get their turn.
//!
//! It is decided before anything is asked of anybody but the broker. A task that may not run now is published again to
//! wait, which puts it behind the others; that is no attempt and no pause. Its waits grow, so that a hundred of them do not
//! keep Jobs busy with looking.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use shared::hex;
use shared::message::Message;
use shared::mode::Product;
use shared::queue::BUDGET;

use super::settings::AtOnce;
use crate::broker::{BrokerError, Line, Slot};

/// How long a task waits that found its repository or its person at work already: at first, and later.
const FIRST_WAIT: Duration = Duration::from_mins(1);
const LATER_WAIT: Duration = Duration::from_mins(5);
/// Digits of the hash in a name: enough that no two repositories share one by chance.
const DIGITS: usize = 16;

/// Whether a task may run now.
pub(super) enum Turn {
    /// With what it holds until its end.
    Now(Vec<Slot>),
    /// Others have all the slots of what is named here.
    Later(&'static str),
}

/// Takes the slots that a task needs, or none of them.
pub(super) async fn turn(line: &Line, at_once: AtOnce, message: &Message) -> Result<Turn, BrokerError> {
    let mut slots = Vec::new();
    for (what, most, of) in needs(at_once, message) {
        let name = format!("{BUDGET}.runs.{}", digest(&of));
        match line.take_slot(&name, most).await {
            Ok(Some(slot)) => slots.push(slot),
            Ok(None) => {
                for slot in slots {
                    slot.give_back().await;
                }
                return Ok(Turn::Later(what));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Turn::Now(slots))
}

pub(super) fn wait(waits: u32) -> Duration {
    if waits == 0 { FIRST_WAIT } else { LATER_WAIT }
}

/// What is limited, how many of it go at once, and by which name.
fn needs(at_once: AtOnce, message: &Message) -> Vec<(&'static str, u32, String)> {
    let (repository, person) = match message {
        // What asks no model is done in seconds.
        Message::Task(task) if task.mode.kind().makes() == Product::Nothing => return Vec::new(),
        // What nobody asked for has the repository's owner in place of a person.
        Message::Task(task) if !task.mode.kind().is_asked_for() => (Some(task.repo.url()), None),
        Message::Task(task) => {
            (Some(task.repo.url()), Some(format!("{}/{}", task.repo.host(), task.trigger_user)))
        }
        // Which repository it is for is known when Jira was asked.
        Message::Jira(request) => {
            (None, request.account.as_ref().map(|account| format!("{}/{}", request.site, account.as_str())))
        }
    };
    let limit = |what, most: Option<u32>, of: Option<String>| {
        most.zip(of).map(|(most, of)| (what, most, format!("{what} {}", of.to_lowercase())))
    };
    let all = [limit("repository", at_once.repository, repository), limit("person", at_once.person, person)];
    all.into_iter().flatten().collect()
}

fn digest(of: &str) -> String {
    let mut text = hex::text(&Sha256::digest(of));
    text.truncate(DIGITS);
    text
}
