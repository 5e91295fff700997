//! The *record* of a task is what its issue says of it: the status comment and the labels.
//!
//! A run keeps it, and so does a sweep that finds a run gone; nobody else writes either of the two.

pub mod comment;
pub(crate) mod status;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::issue::IssueId;
use shared::state::{Contradiction, Event, LabelNames, State};

use crate::call::CallError;
use crate::forge::Forge;
use crate::lease::Lost;
use crate::marker::Marks;
use crate::outbound::{BadMarker, Gate};
use crate::thread::Comment;
use crate::tracker::Tracker;
use crate::tracker::model::{Found, Issue, IssueKind, has_label};
use status::{Phase, Status, StatusComment, find_status, with_status};

/// What the records of all issues of a repository have in common.
#[derive(Clone, Copy)]
pub(crate) struct Records<'a> {
    pub(crate) tracker: &'a Tracker,
    pub(crate) marks: &'a Marks,
    /// What the labels are called in this repository.
    pub(crate) names: &'a LabelNames,
    /// The page with what people can write, if there is one.
    pub(crate) help: Option<&'a str>,
}

/// See the module's documentation.
pub(crate) struct Record<'a> {
    records: Records<'a>,
    issue: IssueId,
    /// As they were read.
    labels: Vec<String>,
    comments: Vec<Comment>,
    /// The oldest of each task, which alone counts.
    statuses: Vec<StatusComment>,
    /// What runs that had to give way left behind.
    doubles: Vec<StatusComment>,
    written: Mutex<Written>,
}

/// What this process wrote, which a [`Record`] that was read before does not show.
#[derive(Default)]
struct Written {
    /// The status comment that it wrote last.
    status: Option<(u64, Status)>,
    labels: Vec<String>,
    /// Labels that it took off.
    removed: Vec<String>,
}

/// Why a status comment was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the answer is too long to be kept in a comment")]
    TooLong(#[from] BadMarker),
}

/// What a thread is about.
pub(crate) enum Subject {
    /// An issue: the thread itself, or the one that a pull request of ours is for.
    Issue(Box<Issue>),
    /// A pull request that is none of ours.
    PullRequest(Box<Issue>),
    /// An issue that is not there.
    Gone { id: IssueId },
    /// An issue that was transferred.
    Elsewhere { id: IssueId, url: String },
}

impl<'a> Records<'a> {
    /// Reads what is said on an issue that has these labels.
    pub(crate) async fn read(self, issue: &IssueId, labels: Vec<String>) -> Result<Record<'a>, CallError> {
        let comments = self.tracker.comments(issue).await?;
        let found = find_status(self.marks, self.tracker.identity(), issue, &comments);
        let (statuses, doubles) = one_a_task(found);
        let issue = issue.clone();
        Ok(Record { records: self, issue, labels, comments, statuses, doubles, written: Mutex::default() })
    }

    /// Reads only what we said of tasks on an issue that has these labels: however much others wrote there, it is not kept.
    pub(crate) async fn read_own(
        self,
        issue: &IssueId,
        labels: Vec<String>,
    ) -> Result<Record<'a>, CallError> {
        let statuses = self.statuses(issue).await?;
        let (issue, comments, doubles) = (issue.clone(), Vec::new(), Vec::new());
        Ok(Record { records: self, issue, labels, comments, statuses, doubles, written: Mutex::default() })
    }

    async fn statuses(self, issue: &IssueId) -> Result<Vec<StatusComment>, CallError> {
        let mut statuses = Vec::new();
        let Records { tracker, marks, .. } = self;
        let take = |comment| statuses.extend(find_status(marks, tracker.identity(), issue, &[comment]));
        tracker.each_comment(issue, take).await?;
        Ok(one_a_task(statuses).0)
    }

    /// What a thread is about: a command can stand on a pull request of ours, and is for the issue that its branch is
    /// named after.
    pub(crate) async fn subject(self, forge: &Forge, thread: &IssueId) -> Result<Subject, CallError> {
        let found = match thread.number() {
            // The number is one of the forge's: of a pull request, if of anything.
            Some(_) if !self.tracker.knows(thread) => Subject::Gone { id: thread.clone() },
            _ => self.issue(thread).await?,
        };
        let Some(number) = thread.number() else { return Ok(found) };
        if !matches!(found, Subject::PullRequest(_)) && self.tracker.knows(thread) {
            return Ok(found);
        }
        let pull = forge.pull_request(number.into()).await?;
        match IssueId::of_branch(&pull.head.name) {
            Some(issue) if forge.identity().is(pull.by.as_ref()) => self.issue(&issue).await,
            _ => Ok(found),
        }
    }

    async fn issue(self, id: &IssueId) -> Result<Subject, CallError> {
        match self.tracker.issue(id).await {
            Ok(Found::Here(issue)) if issue.kind == IssueKind::Issue => Ok(Subject::Issue(issue)),
            Ok(Found::Here(pull)) => Ok(Subject::PullRequest(pull)),
            Ok(Found::Elsewhere { url }) => Ok(Subject::Elsewhere { id: id.clone(), url }),
            Err(error) if error.is_absence() => Ok(Subject::Gone { id: id.clone() }),
            Err(error) => Err(error),
        }
    }
}

/// The oldest status comment of each task, and the others: of two runs that began at once the one with the older comment works.
fn one_a_task(statuses: Vec<StatusComment>) -> (Vec<StatusComment>, Vec<StatusComment>) {
    let mut known = HashSet::new();
    statuses.into_iter().partition(|said| known.insert(said.status.task.clone()))
}

impl Record<'_> {
    /// The issue that this is the record of.
    pub(crate) fn issue(&self) -> &IssueId {
        &self.issue
    }

    /// What the labels are called in this repository.
    pub(crate) fn names(&self) -> &LabelNames {
        self.records.names
    }

    pub(crate) fn has_label(&self, name: &str) -> bool {
        has_label(&self.labels, name)
    }

    /// The state that the labels tell. A run that died between two labels leaves `working` beside another one; that
    /// is no contradiction of a person's.
    pub(crate) fn state(&self) -> Result<State, Contradiction> {
        match State::decode(self.labels.iter().map(String::as_str), self.names()) {
            Err(_) if self.has_label(&self.names().working) => Ok(State::Working),
            decoded => decoded,
        }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All comments, oldest first, as they were read.
    pub(crate) fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// Status comments of all tasks of this issue, oldest first, as they were read.
    pub(crate) fn statuses(&self) -> &[StatusComment] {
        &self.statuses
    }

    /// The same, read once more.
    pub(crate) async fn statuses_now(&self) -> Result<Vec<StatusComment>, CallError> {
        self.records.statuses(&self.issue).await
    }

    /// The status comment of a task as it is now, and its id.
    pub(crate) fn status_of(&self, task: &str) -> Option<(u64, Status)> {
        let written = self.written().status.clone();
        written.filter(|(_, status)| status.task == task).or_else(|| {
            let read = self.statuses.iter().find(|said| said.status.task == task)?;
            Some((read.id, read.status.clone()))
        })
    }

    /// Writes the status comment of a task and returns its id. It is made only once: if the answer to making it is
    /// lost, it is looked for. `known` is the comment, where the caller knows it.
    pub(crate) async fn say(
        &self,
        gate: &Gate,
        known: Option<u64>,
        text: &str,
        status: Status,
    ) -> Result<u64, RecordError> {
        let mut body = gate.body(&comment::with_log_id(text, &status));
        if let Some(url) = self.records.help.filter(|_| status.phase != Phase::Working) {
            body = gate.composed(&comment::with_help(&body, url));
        }
        let body = with_status(gate, self.records.marks, &self.issue, &body, &status)?;
        let tracker = self.records.tracker;
        let mut comment = known.or_else(|| self.status_of(&status.task).map(|(id, _)| id));
        let mut patience = tracker.patience();
        loop {
            let written = match comment {
                Some(id) => tracker.edit_comment(&self.issue, id, &body).await.map(|()| id),
                None => tracker.create_comment(&self.issue, &body).await,
            };
            let error = match written {
                Ok(id) => {
                    self.written().status = Some((id, status));
                    return Ok(id);
                }
                Err(error) => error,
            };
            match comment {
                // Someone deleted it, or it is not seen everywhere yet.
                Some(_) if error.is_absence() => patience.before_retry_of_lag(error).await?,
                // An edit was made again already.
                Some(_) => return Err(error.into()),
                None => patience.before_retry(error).await?,
            }
            let now = self.statuses_now().await?;
            let found = now.iter().find(|said| said.status.task == status.task);
            // The call whose answer was lost has made it.
            let is_made = |said: &&StatusComment| {
                said.status.by.is_some() && said.status.by == status.by && said.status.phase == status.phase
            };
            if let (None, Some(id)) = (comment, found.filter(is_made).map(|said| said.id)) {
                self.written().status = Some((id, status));
                return Ok(id);
            }
            comment = found.map(|said| said.id);
        }
    }

    /// The same for how a task ended: words of ours and a short marker, which always fit. What was proposed is kept if
    /// there is room.
    pub(crate) async fn say_at_last(
        &self,
        gate: &Gate,
        known: Option<u64>,
        text: &str,
        status: Status,
    ) -> Result<(), CallError> {
        let without = Status { proposal: None, ..status.clone() };
        let said = match self.say(gate, known, text, status).await {
            Err(RecordError::TooLong(_)) => self.say(gate, known, text, without).await,
            said => said,
        };
        match said {
            Ok(_) => Ok(()),
            Err(RecordError::Call(error)) => Err(error),
            Err(error @ RecordError::TooLong(_)) => {
                let call = self.records.tracker.call("write a comment");
                Err(CallError::Unexpected { call, why: error.to_string() })
            }
        }
    }

    /// Keeps a status comment that was read later than the record.
    pub(crate) fn keep(&self, said: &StatusComment) {
        self.written().status = Some((said.id, said.status.clone()));
    }

    /// Takes away what doubles of a task left behind that died before they did it themselves.
    pub(crate) async fn clear_doubles(&self, gate: &Gate, task: &str) -> Result<(), Lost> {
        for said in self.doubles.iter().filter(|said| said.status.task == task) {
            self.withdraw(gate, said.id).await?;
        }
        Ok(())
    }

    /// Takes a status comment away. One that stays decides nothing.
    pub(crate) async fn withdraw(&self, gate: &Gate, id: u64) -> Result<(), Lost> {
        let words = gate.composed(comment::WITHDRAWN);
        match self.records.tracker.withdraw_comment(&self.issue, id, &words).await {
            Ok(()) => Ok(()),
            Err(CallError::Lost(lost)) => Err(lost),
            Err(error) => {
                tracing::warn!(%error, issue = %self.issue, "a second status comment of a task is left");
                Ok(())
            }
        }
    }

    /// Puts the label of the state after `event` on the issue, and takes the others off. One that cannot be changed keeps
    /// none of the others from being changed; the first error is returned.
    pub(crate) async fn move_on(&self, event: Event) -> Result<(), CallError> {
        // Who gets here found the issue at work or put it there, whatever its labels said.
        let Ok(state) = State::Working.after(event) else { return Ok(()) };
        let wanted = state.label(self.names());
        let added = match wanted {
            Some(label) => self.add_label(label).await,
            None => Ok(()),
        };
        if let Err(error @ CallError::Lost(_)) = added {
            return Err(error);
        }
        let mut removed = Ok(());
        let others = [State::Working, State::PlanPending, State::Done, State::Failed];
        for label in others.into_iter().filter_map(|other| other.label(self.names())) {
            if Some(label) != wanted && self.is_there(label) {
                let done = self.remove_label(label).await;
                if let Err(error @ CallError::Lost(_)) = done {
                    return Err(error);
                }
                removed = removed.and(done);
            }
        }
        let added = match (added, wanted) {
            // An issue has room for a hundred labels. The place of one that was taken off may be free now.
            (Err(CallError::Invalid { .. }), Some(label)) => self.add_label(label).await,
            (added, _) => added,
        };
        added.and(removed)
    }

    /// The same where words matter and labels do not: what cannot be changed is logged.
    pub(crate) async fn relabel(&self, event: Event) -> Result<(), Lost> {
        match self.move_on(event).await {
            Ok(()) => Ok(()),
            Err(CallError::Lost(lost)) => Err(lost),
            Err(error) => {
                tracing::warn!(%error, issue = %self.issue, "the labels of the issue could not be changed");
                Ok(())
            }
        }
    }

    async fn add_label(&self, label: &str) -> Result<(), CallError> {
        self.records.tracker.add_labels(&self.issue, &[label]).await?;
        let mut written = self.written();
        written.removed.retain(|removed| removed != label);
        written.labels.push(label.to_owned());
        Ok(())
    }

    async fn remove_label(&self, label: &str) -> Result<(), CallError> {
        self.records.tracker.remove_label(&self.issue, label).await?;
        let mut written = self.written();
        written.labels.retain(|added| added != label);
        written.removed.push(label.to_owned());
        Ok(())
    }

    /// Whether the issue has a label, as far as this process knows. One that it took off is not asked for again: the answer
    /// that it is not there could be any other one's as well.
    fn is_there(&self, label: &str) -> bool {
        let written = self.written();
        has_label(&written.labels, label) || self.has_label(label) && !has_label(&written.removed, label)
    }
}
