//! *Turns*: so many runs at once for one repository and for one person, so that others get theirs.
//!
//! It is decided before anything is asked of anybody but the broker; for a request of Jira once more when Jira has told which task
//! it is. A task that may not run now is published again to wait, which puts it behind the others; that is no attempt and no
//! pause. Its waits grow, so that a hundred of them do not keep Jobs busy with looking.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use shared::hex;
use shared::message::Message;
use shared::mode::Product;
use shared::queue::BUDGET;
use shared::task::Task;

use crate::broker::{BrokerError, Line, Slot};

/// How long a task waits that found its repository or its person at work already: at first, and later.
const FIRST_WAIT: Duration = Duration::from_mins(1);
const LATER_WAIT: Duration = Duration::from_mins(5);
/// Digits of the hash in a name: enough that no two repositories share one by chance.
const DIGITS: usize = 16;

/// See the module's documentation. What a run takes it holds until the line is closed.
#[derive(Debug)]
pub struct Turns {
    line: Arc<Line>,
    /// Runs for one repository at once; none where that is not limited.
    repository: Option<u32>,
    /// The same for one person.
    person: Option<u32>,
    held: Mutex<Vec<Slot>>,
}

impl Turns {
    pub fn new(line: &Arc<Line>, repository: Option<u32>, person: Option<u32>) -> Self {
        Self { line: Arc::clone(line), repository, person, held: Mutex::default() }
    }

    /// Takes the slots that a message needs, or none of them; where others have all of one kind, it is named.
    pub async fn take(&self, message: &Message) -> Option<&'static str> {
        match message {
            Message::Task(task) => self.take_for(task).await,
            // Its task is not known yet.
            Message::Jira(request) => {
                let account = request.account.as_ref();
                let person = account.map(|account| format!("{}/{}", request.site, account.as_str()));
                self.take_all(None, person).await
            }
        }
    }

    /// The same for a task.
    pub async fn take_for(&self, task: &Task) -> Option<&'static str> {
        let kind = task.mode.kind();
        // What asks no model is done in seconds.
        if kind.makes() == Product::Nothing {
            return None;
        }
        // What nobody asked for has the repository's owner in place of a person.
        let person = kind.is_asked_for().then(|| format!("{}/{}", task.repo.host(), task.trigger_user));
        self.take_all(Some(task.repo.url()), person).await
    }

    /// Where nobody can tell, nothing is limited.
    async fn take_all(&self, repository: Option<String>, person: Option<String>) -> Option<&'static str> {
        let wanted = [("repository", self.repository, repository), ("person", self.person, person)];
        let mut slots = Vec::new();
        for (what, most, of) in wanted {
            let Some((most, of)) = most.zip(of) else { continue };
            match self.slot(what, most, &of).await {
                Ok(Some(slot)) => slots.push(slot),
                Ok(None) => {
                    for slot in slots {
                        slot.give_back().await;
                    }
                    return Some(what);
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        fix = error.fix(),
                        "how many runs go at once is not known, and not limited"
                    );
                    return None;
                }
            }
        }
        self.held.lock().unwrap_or_else(PoisonError::into_inner).extend(slots);
        None
    }

    async fn slot(&self, what: &str, most: u32, of: &str) -> Result<Option<Slot>, BrokerError> {
        let mut digest = hex::text(&Sha256::digest(format!("{what} {}", of.to_lowercase())));
        digest.truncate(DIGITS);
        self.line.take_slot(&format!("{BUDGET}.runs.{digest}"), most).await
    }
}

/// How long a task waits that let others go first so often before.
pub fn wait(waits: u32) -> Duration {
    if waits == 0 { FIRST_WAIT } else { LATER_WAIT }
}
