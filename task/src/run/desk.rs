//! The *desk* holds what a run works with: the task, its issue, who asked, and where it writes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use shared::issue::{IssueKey, PullRequestNumber};
use shared::mode::Product;
use shared::state::State;
use shared::task::Task;
use shared::user::Login;

use super::digest::digest;
use super::ended::{Attempt, Stop};
use super::holder::Claimant;
use super::measured;
use super::settings::{RunSettings, Terms};
use crate::bill::Bill;
use crate::call::CallError;
use crate::forge::Forge;
use crate::forge::model::{Collaborator, PullRequest};
use crate::lease::Lost;
use crate::llm::Usd;
use crate::marker::{self, Marks};
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason, capitalized};
use crate::plan;
use crate::record::comment::{Links, Turn, linked};
use crate::record::status::{Billed, Holder, Spend, Status};
use crate::record::{Record, Records};
use crate::repo_config::PATH;
use crate::thread::Comment;
use crate::tracker::Tracker;
use crate::tracker::model::{Issue, Milestone};

/// For the last calls of a run.
const END_WITHIN: Duration = Duration::from_mins(3);

/// Where a run works: the forge with the code, and the records of its issues.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) forge: &'a Forge,
    pub(super) records: Records<'a>,
    /// The issue, if whoever may ask gets the label that asks set on it.
    pub(super) unlabelled: Option<&'a IssueKey>,
}

/// See the module's documentation.
pub(super) struct Desk<'a> {
    pub(super) tracker: &'a Tracker,
    pub(super) forge: &'a Forge,
    pub(super) marks: &'a Marks,
    pub(super) settings: &'a RunSettings,
    pub(super) task: &'a Task,
    /// Who asked.
    pub(super) asker: Collaborator,
    pub(super) issue: Issue,
    /// The pull request on which a command was written.
    pub(super) pull_request: Option<PullRequestNumber>,
    pub(super) record: Record<'a>,
    pub(super) gate: Gate,
    /// The branch of the issue.
    pub(super) branch: String,
    pub(super) attempt: Attempt,
    turn: Mutex<Turn>,
    /// What of the pull request's conversation the run is about, once that is known.
    request: Mutex<Option<shared::mode::Comment>>,
    /// What the model cost, once it was asked.
    bill: Mutex<Option<Bill>>,
    /// What earlier attempts at the task cost.
    earlier: Option<Billed>,
    /// This run, as its status comment names it.
    holder: Holder,
}

impl<'a> Desk<'a> {
    /// Reads the conversation on the issue.
    pub(super) async fn open(
        settings: &'a RunSettings,
        task: &'a Task,
        Place { forge, records, .. }: Place<'a>,
        issue: Issue,
        asker: Collaborator,
        secrets: &[SecretString],
        attempt: Attempt,
    ) -> Result<Self, Stop> {
        let secrets: Vec<SecretString> = secrets.iter().cloned().chain(settings.jira_secrets()).collect();
        let record = records.read(&issue.id, issue.labels.clone()).await?;
        let pull_request = task.mode.command().and_then(|at| at.pull_request);
        // A command that stands on a pull request is of the issue behind it.
        let thread = (task.issue != issue.id).then(|| task.issue.number()).flatten();
        Ok(Self {
            tracker: records.tracker,
            forge,
            marks: records.marks,
            settings,
            task,
            asker,
            pull_request: pull_request.or(thread.map(PullRequestNumber::from)),
            earlier: record.status_of(&task.id.to_string()).and_then(|(_, status)| status.bill),
            record,
            gate: Gate::new(&secrets, &[], issue.id.number())
                .with_mention(task.trigger_user.as_str())
                .with_repository(forge.repo()),
            branch: issue.id.branch(),
            issue,
            attempt,
            turn: Mutex::new(Turn::of(task.mode)),
            request: Mutex::default(),
            bill: Mutex::new(None),
            holder: Holder {
                delivery: attempt.delivery().map(|delivery| delivery.number),
                publication: attempt.delivery().and_then(|delivery| delivery.publication),
                since: Timestamp::now(),
            },
        })
    }

    /// The branch that is read and that the pull request is for.
    pub(super) fn base_branch<'t>(&'t self, terms: &'t Terms<'_>) -> Result<&'t str, Failure> {
        let own = terms.repo.base_branch.as_deref();
        let default = self.forge.repository().default_branch.as_ref();
        own.or(default.map(|branch| branch.name.as_str())).ok_or_else(|| {
            let next = "Commit something to the default branch, then comment `/retry`.";
            Failure::new(Reason::Repository, "The repository is empty.", next)
        })
    }

    /// Where that branch is.
    pub(super) async fn base_commit(&self, name: &str) -> Result<String, Stop> {
        let default = self.forge.repository().default_branch.as_ref();
        if let Some(known) = default.filter(|branch| branch.name == name) {
            return Ok(known.commit.clone());
        }
        self.forge.branch(name).await?.ok_or_else(|| {
            let what = format!("The repository has no branch `{name}`, which `{PATH}` names.");
            let next = "Correct the file on the default branch, then comment `/retry`.";
            Failure::new(Reason::Repository, what, next).into()
        })
    }

    /// The records of the repository's issues.
    pub(super) fn records(&self) -> Records<'_> {
        let Self { tracker, marks, settings, record, .. } = self;
        Records { tracker, marks, names: record.names(), help: settings.help.as_deref() }
    }

    /// The state that the labels tell.
    pub(super) fn state(&self) -> Result<State, Failure> {
        self.record.state().map_err(|error| {
            let next = "Remove the labels that are wrong.";
            Failure::new(Reason::Usage, capitalized(&error.to_string()), next)
        })
    }

    /// This run, as others would have it in their way.
    pub(super) fn claimant(&self) -> Claimant<'_> {
        Claimant { task: self.task, run: &self.holder, deadline: self.settings.deadline }
    }

    /// The status comment of this task as it is now, and its id.
    pub(super) fn own_status(&self) -> Option<(u64, Status)> {
        self.record.status_of(&self.task.id.to_string())
    }

    /// The same desk for what the task turned out to be.
    pub(super) fn for_task(self, task: &'a Task) -> Self {
        Self { task, turn: Mutex::new(Turn::of(task.mode)), ..self }
    }

    /// The status, with this run as who writes it, when it was asked for, and what a repair has to know: of a change, which text
    /// of the issue it is for; of a repair, what it has cost so far.
    pub(super) fn signed(&self, status: Status) -> Status {
        let kind = self.task.mode.kind();
        let request = *self.request.lock().unwrap_or_else(PoisonError::into_inner);
        let bill = match self.bill() {
            Some(bill) => Some(Billed::of(&bill, self.earlier.as_ref())),
            None => self.earlier.clone(),
        };
        let by = Some(self.holder.clone());
        // What the task began with holds for it until its end, whichever run ends it.
        let own = self.own_status().map(|(_, own)| own);
        let since = own.as_ref().map_or(status.since, |own| own.since.min(status.since));
        let request = request.or(status.request).or_else(|| own.and_then(|own| own.request));
        let status = Status { since, request, by, bill, ..status };
        if !kind.is_asked_for() {
            return Status { spent: self.spent_so_far(), ..status };
        }
        let issue = (kind.makes() == Product::Change).then(|| digest(&self.issue));
        Status { issue, asked: self.task.triggered_at, ..status }
    }

    /// What this task cost, by what was read of it and by what this run paid.
    fn spent_so_far(&self) -> Option<Spend> {
        let own = self.task.id.to_string();
        let read = self.record.statuses().iter().find(|said| said.status.task == own);
        let before = read.and_then(|said| said.status.spent);
        match (before, self.bill().as_ref().map(Spend::from)) {
            (Some(before), Some(now)) => Some(before.plus(now)),
            (before, now) => before.or(now),
        }
    }

    /// Keeps what the run is about: from here on, every status tells it.
    pub(super) fn is_about(&self, request: shared::mode::Comment) {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }

    /// Which command helps a task that does not get to its end.
    pub(super) fn turn(&self) -> Turn {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of the run's time is left, with a margin to end it well.
    pub(super) fn time_left(&self) -> Duration {
        let used = self.holder.since.duration_until(Timestamp::now());
        let left = self.settings.deadline.saturating_sub(used.try_into().unwrap_or_default());
        left.saturating_sub(END_WITHIN)
    }

    /// From here on it is another one.
    pub(super) fn turns_to(&self, turn: Turn) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    /// Keeps what the model cost: from here on, the last words tell it.
    pub(super) fn spent(&self, bill: Option<Bill>) {
        if let Some(Bill { model, calls, input_tokens, output_tokens, cost, cost_usd: _ }) = &bill {
            tracing::info!(model, calls, input_tokens, output_tokens, cost, "the model was asked");
        }
        let before = self.bill().and_then(|bill| bill.cost_usd).unwrap_or(Usd::ZERO);
        if let Some(bill) = &bill {
            measured::cost(self.task, bill, before);
        }
        *self.bill.lock().unwrap_or_else(PoisonError::into_inner) = bill;
    }

    /// What the model cost, if it was asked.
    pub(super) fn bill(&self) -> Option<Bill> {
        self.bill.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// That the task's pull request is no more, so that no command on it helps.
    pub(super) fn over(&self, why: String) -> Stop {
        self.turns_to(Turn::START);
        Stop::CalledOff(why)
    }

    /// A pull request and what it changes, for comments.
    pub(super) fn linked(&self, pull_request: PullRequestNumber) -> String {
        self.linked_to(pull_request, Links::default())
    }

    /// The same with what this run made there.
    pub(super) fn linked_to(&self, pull_request: PullRequestNumber, links: Links<'_>) -> String {
        linked(&self.forge.repo().to_string(), pull_request, links)
    }

    /// Whoever asked, as the binding of a plan names them.
    pub(super) fn askers(&self) -> Vec<String> {
        let account = self.asker.id.as_ref().map(plan::account);
        std::iter::once(self.task.trigger_user.to_string()).chain(account).collect()
    }

    /// Nobody is asked to review what is their own: it was opened with their token, or by them before us.
    pub(super) async fn ask_for_review(&self, pull: &PullRequest, of: &Login) -> Result<(), CallError> {
        if pull.by.as_ref().is_some_and(|author| of.is(&author.login)) {
            return Ok(());
        }
        self.forge.request_review(pull.number, of.as_str()).await
    }

    /// Moves the issue on where its tracker has a status for that. It decides nothing: what cannot be set is logged.
    pub(super) async fn shows(&self, milestone: Milestone) -> Result<(), Lost> {
        match self.tracker.reached(&self.issue.id, milestone).await {
            Ok(()) => Ok(()),
            Err(CallError::Lost(lost)) => Err(lost),
            Err(error) => {
                tracing::warn!(%error, issue = %self.issue.id, ?milestone, "the issue could not be moved on");
                Ok(())
            }
        }
    }

    /// Whether a comment on the issue is one that a run wrote. Whoever runs the agent with a token of their own writes
    /// under the same account; what a run wrote has a marker.
    pub(super) fn is_ours(&self, comment: &Comment) -> bool {
        self.tracker.identity().is(comment.by.as_ref()) && marker::is_in(comment.body.for_machine())
    }
}
