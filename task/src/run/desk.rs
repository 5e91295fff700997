//! The *desk* is where a run writes to its author: one status comment for a task, and the labels of the issue.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::SecretString;
use shared::command::Command;
use shared::state::{Event, LabelNames, State};
use shared::task::{Comment as CommentId, Mode, Task};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Place;
use super::claim;
use super::ended::{Attempt, Ended, Stop};
use super::holder::{self, Claimant, InTheWay};
use super::settings::{RunSettings, Terms};
use super::work::Claim;
use crate::call::CallError;
use crate::forge::Forge;
use crate::forge::model::{Collaborator, Permission, PullRequest, Review, Stage};
use crate::issue::BRANCHES;
use crate::marker::Marks;
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};
use crate::progress::Step;
use crate::record::comment::{self, Turn};
use crate::record::status::{Holder, Phase, Proposal, Status, find_status, with_status};
use crate::repo_config::PATH;
use crate::text::Raw;
use crate::thread::Comment;
use crate::tracker::Tracker;
use crate::tracker::model::{Found, Issue, IssueKind, IssueState, has_label};

/// Tries to find a comment whose creation was not confirmed.
const CREATE_TRIES: u32 = 3;

/// See the module's documentation.
pub(super) struct Desk<'a> {
    pub(super) tracker: &'a Tracker,
    pub(super) forge: &'a Forge,
    pub(super) settings: &'a RunSettings,
    pub(super) task: &'a Task,
    /// Who asked.
    pub(super) asker: Collaborator,
    pub(super) issue: Issue,
    /// The pull request on which a command was written.
    pub(super) pull_request: Option<u64>,
    pub(super) comments: Vec<Comment>,
    pub(super) labels: LabelNames,
    pub(super) marks: Marks,
    pub(super) gate: Gate,
    /// `ai-agent/issue-N`
    pub(super) branch: String,
    /// What this run made of its status comment, which `comments` does not show.
    said: Mutex<Option<(u64, Status)>>,
    turn: Mutex<Turn>,
    attempt: Attempt,
    /// This run, as its status comment names it.
    pub(super) holder: Holder,
}

impl<'a> Desk<'a> {
    /// Reads the issue and its conversation.
    pub(super) async fn open(
        settings: &'a RunSettings,
        task: &'a Task,
        Place { tracker, forge }: Place<'a>,
        asker: Collaborator,
        labels: LabelNames,
        secrets: &[SecretString],
        attempt: Attempt,
    ) -> Result<Self, Stop> {
        let issue = issue_of(tracker, forge, u64::from(task.issue)).await?;
        let number = issue.number;
        let comments = tracker.comments(number).await?;
        let thread = u64::from(task.issue);
        let pull_request = match task.mode {
            Mode::Approve { pull_request, .. } | Mode::Revise { pull_request, .. } => {
                pull_request.map(u64::from)
            }
            _ => None,
        };
        Ok(Self {
            tracker,
            forge,
            settings,
            task,
            asker,
            marks: Marks::new(settings.marker_key.clone(), forge.repository().id),
            gate: Gate::new(secrets, &[], Some(number)).with_mention(task.trigger_user.as_str()),
            branch: format!("{BRANCHES}{number}"),
            pull_request: pull_request.or_else(|| (thread != number).then_some(thread)),
            issue,
            comments,
            labels,
            said: Mutex::new(None),
            turn: Mutex::new(Turn::of(task.mode)),
            attempt,
            holder: Holder { delivery: attempt.delivery(), since: Timestamp::now() },
        })
    }

    pub(super) fn thread(&self) -> u64 {
        self.issue.number
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

    fn has_label(&self, name: &str) -> bool {
        has_label(&self.issue.labels, name)
    }

    /// The state that the labels tell. A run that died between two labels leaves `working` beside another one; that
    /// is no contradiction of a person's.
    pub(super) fn state(&self) -> Result<State, Failure> {
        let names = || self.issue.labels.iter().map(String::as_str);
        match State::decode(names(), &self.labels) {
            Err(_) if self.has_label(&self.labels.working) => Ok(State::Working),
            Err(error) => {
                let next = "Remove the labels that are wrong.";
                Err(Failure::new(Reason::Usage, capitalise(&error.to_string()), next))
            }
            Ok(state) => Ok(state),
        }
    }

    /// Status comments of all tasks of this issue, oldest first.
    pub(super) fn statuses(&self) -> Vec<(u64, Status)> {
        find_status(&self.marks, self.tracker.identity(), self.thread(), &self.comments)
    }

    /// The status comment of this task as it is now.
    fn own_status(&self) -> Option<(u64, Status)> {
        if let Some(said) = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Some(said);
        }
        let id = self.task.id.to_string();
        self.statuses().into_iter().find(|(_, status)| status.task == id)
    }

    /// Whether there is anything to do: a task that ended stays ended, whatever happened since.
    pub(super) async fn admit(&self) -> Result<(), Stop> {
        if self.own_status().is_some_and(|(_, status)| status.phase == Phase::Ended) {
            return Err(Stop::Ended(Ended::Nothing(InTheWay::Finished.why())));
        }
        // Before anything that is told on the issue, whose labels are another run's.
        if let Some(found) = holder::in_the_way(&self.claimant(), &self.comments, &self.statuses()) {
            if found == InTheWay::Other && self.turn() != Turn::Start {
                self.give_way().await?;
            }
            return Err(Stop::Ended(Ended::Nothing(found.why())));
        }
        if self.issue.kind == IssueKind::PullRequest {
            let what = format!("#{} is a pull request, and none of the agent's.", self.issue.number);
            return Err(Failure::new(Reason::Repository, what, "Ask on an issue.").into());
        }
        // An issue that our own pull request closed is one that has to be finished.
        if self.issue.state == IssueState::Closed && !claim::is_published(self).await? {
            let what = "The issue is closed.";
            return Err(Failure::new(Reason::Usage, what, "Open it again.").into());
        }
        let starts = matches!(self.task.mode, Mode::QuickFix | Mode::Plan);
        // A task without a time was given by hand: nobody set a label for it.
        if starts && self.task.triggered_at.is_some() && !self.has_label(&self.labels.trigger) {
            return Err(Stop::CalledOff(format!("the label `{}` was removed", self.labels.trigger)));
        }
        let stops: Vec<&Comment> = self
            .comments
            .iter()
            .filter(|comment| self.calls_off(comment.id, comment.created_at, &comment.body, u64::MAX))
            .collect();
        let authors = stops.iter().filter_map(|comment| Some(comment.by.as_ref()?.login.as_str()));
        self.stopped_by(authors).await
    }

    pub(super) fn claimant(&self) -> Claimant<'_> {
        Claimant { task: self.task, run: &self.holder, deadline: self.settings.deadline }
    }

    /// Tells whoever gave a command that another run is at work. The labels stay that run's.
    async fn give_way(&self) -> Result<(), Stop> {
        let what = "Another run is at work on this issue.";
        let failure = Failure::new(Reason::Usage, what, "Wait until it has ended.");
        let text = comment::failed(&failure, self.turn());
        self.say(None, &text, &Status::refused(self.task)).await.map(drop)
    }

    /// Writes the status comment, which is made only once: if the answer to making it is lost, it is looked for.
    async fn say(&self, known: Option<u64>, text: &str, status: &Status) -> Result<u64, Stop> {
        let status = Status { by: Some(self.holder.clone()), ..status.clone() };
        let id = self.write_status(known, text, &status).await?;
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, status));
        Ok(id)
    }

    async fn write_status(&self, known: Option<u64>, text: &str, status: &Status) -> Result<u64, Stop> {
        let thread = self.thread();
        let body = with_status(&self.gate, &self.marks, thread, &self.gate.body(text), status)?;
        let mut id = known.or_else(|| self.own_status().map(|(id, _)| id));
        for _ in 0..CREATE_TRIES {
            if let Some(id) = id {
                self.tracker.edit_comment(id, &body).await?;
                return Ok(id);
            }
            match self.tracker.create_comment(thread, &body).await {
                Ok(made) => return Ok(made),
                Err(CallError::Unknown { .. }) => {
                    tokio::time::sleep(self.settings.lag()).await;
                    let comments = self.tracker.comments(thread).await?;
                    let own = self.task.id.to_string();
                    id = find_status(&self.marks, self.tracker.identity(), thread, &comments)
                        .into_iter()
                        .find_map(|(id, status)| (status.task == own).then_some(id));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(CallError::Unavailable {
            call: self.tracker.call("POST a comment"),
            why: format!("not confirmed in {CREATE_TRIES} tries"),
        }
        .into())
    }

    fn turn(&self) -> Turn {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status comment when the issue is claimed.
    pub(super) async fn begin(&self) -> Result<u64, Stop> {
        let text = comment::working(self.task.trigger_user.as_str(), &[], "Reading the repository");
        self.say(None, &text, &Status::of(self.task, Phase::Working, None)).await
    }

    /// Shows the steps of the run in its status comment, one edit for each question to the model. What cannot be shown
    /// does not stop the run.
    pub(super) async fn show_progress(&self, claim: &Claim, mut steps: UnboundedReceiver<Step>) {
        let mut done: Vec<String> = Vec::new();
        while let Some(step) = steps.recv().await {
            match &step {
                Step::Read { .. }
                | Step::Chosen { .. }
                | Step::ReadingMore { .. }
                | Step::Correcting { .. } => {
                    done.push(capitalise(&step.to_string()));
                }
                Step::Asking { .. } => {
                    let now = capitalise(&step.to_string());
                    let text = comment::working(self.task.trigger_user.as_str(), &done, &now);
                    let status = Status { since: claim.since, ..Status::of(self.task, Phase::Working, None) };
                    if let Err(error) = self.say(Some(claim.status), &text, &status).await {
                        tracing::warn!(?error, "the progress could not be shown");
                    }
                }
                _ => {}
            }
        }
    }

    /// Puts this run in the place of an earlier one of the same task.
    pub(super) async fn resume(&self, comment: u64, status: &Status) -> Result<(), Stop> {
        let text = comment::working(
            self.task.trigger_user.as_str(),
            &[],
            "Going on where an earlier run of this task ended",
        );
        let status = Status { phase: Phase::Working, ..status.clone() };
        self.say(Some(comment), &text, &status).await.map(drop)
    }

    /// Keeps what the model proposed, before anything of it is published.
    pub(super) async fn keep(&self, claim: &Claim, proposal: &Proposal) -> Result<(), Stop> {
        let done = ["Read the repository and asked the model".to_owned()];
        let text = comment::working(self.task.trigger_user.as_str(), &done, "Publishing the result");
        let status =
            Status { since: claim.since, ..Status::of(self.task, Phase::Working, Some(proposal.clone())) };
        self.say(Some(claim.status), &text, &status).await.map(drop)
    }

    pub(super) async fn ended(&self, claim: &Claim, text: &str) -> Result<(), Stop> {
        self.say(Some(claim.status), text, &Status::answered(self.task)).await.map(drop)
    }

    pub(super) async fn failed(&self, failure: &Failure) -> Result<(), CallError> {
        self.move_on(Event::Failed).await?;
        self.last_word(&comment::failed(failure, self.turn()), Status::answered(self.task)).await
    }

    pub(super) async fn interrupted(&self, failure: &Failure) -> Result<(), CallError> {
        match self.attempt {
            Attempt::MoreFollow(_) => {
                let kept = self.own_status().and_then(|(_, own)| own.proposal);
                self.last_word(&comment::waiting(failure), Status::of(self.task, Phase::Waiting, kept)).await
            }
            Attempt::Last(_) | Attempt::ByHand => {
                let next = "It was tried several times. Wait until that has passed.";
                self.failed(&Failure::new(failure.reason, failure.what.clone(), next)).await
            }
        }
    }

    pub(super) async fn stopped(&self, why: &str) -> Result<(), CallError> {
        self.move_on(Event::Stopped).await?;
        self.last_word(&comment::stopped(why, self.turn()), Status::of(self.task, Phase::Ended, None)).await
    }

    /// What a run says when it ends before its end: words of ours and a short marker, which always fit.
    async fn last_word(&self, text: &str, status: Status) -> Result<(), CallError> {
        match self.say(None, text, &status).await {
            Ok(_) => Ok(()),
            Err(Stop::Call(error)) => Err(error),
            Err(other) => Err(CallError::Unexpected {
                call: self.tracker.call("PATCH a comment"),
                why: format!("it cannot be written: {other:?}"),
            }),
        }
    }

    /// Puts the label of the state after `event` on the issue, and takes the others off.
    pub(super) async fn move_on(&self, event: Event) -> Result<(), CallError> {
        // A run that got here has the issue at work, whatever its labels say.
        let Ok(state) = State::Working.after(event) else { return Ok(()) };
        let wanted = state.label(&self.labels);
        if let Some(label) = wanted {
            self.tracker.add_labels(self.thread(), &[label]).await?;
        }
        let others = [State::Working, State::PlanPending, State::Done, State::Failed];
        for label in others.into_iter().filter_map(|other| other.label(&self.labels)) {
            let may_be_there = self.has_label(label) || label == self.labels.working;
            if Some(label) != wanted && may_be_there {
                self.tracker.remove_label(self.thread(), label).await?;
            }
        }
        Ok(())
    }

    /// Looks whether a person has called the task off since it was claimed.
    pub(super) async fn still_wanted(&self, claim: &Claim) -> Result<(), Stop> {
        let pull_request = claim.basis.pull_request().or(self.pull_request);
        let pull = async {
            let Some(number) = pull_request else { return Ok(None) };
            Ok(self.forge.pull_request_snapshot(number).await?.map(|pull| (number, pull)))
        };
        let (issue, pull) = tokio::try_join!(self.tracker.snapshot(self.thread()), pull)?;
        let issue = issue.ok_or_else(|| Stop::CalledOff("the issue is gone".to_owned()))?;
        if issue.state != IssueState::Open && self.issue.state == IssueState::Open {
            return Err(Stop::CalledOff("the issue was closed".to_owned()));
        }
        let trigger = &self.labels.trigger;
        if self.has_label(trigger) && !has_label(&issue.labels, trigger) {
            return Err(Stop::CalledOff(format!("the label `{trigger}` was removed")));
        }
        let mut remarks = issue.remarks;
        let mut reviews = Vec::new();
        if let Some((number, pull)) = pull {
            match pull.stage {
                Stage::Open => {
                    remarks.extend(pull.remarks);
                    reviews = pull.reviews;
                }
                Stage::Closed => return Err(self.over(format!("#{number} was closed"))),
                Stage::Merged => return Err(self.over(format!("#{number} was merged"))),
            }
        }
        let stops = remarks
            .iter()
            .filter(|remark| self.calls_off(remark.id, remark.created_at, &remark.body, claim.status));
        let authors = stops.filter_map(|remark| remark.by.as_deref());
        // The ids of reviews are not those of comments: only time tells which came later.
        let asked_at = self.task.triggered_at.unwrap_or(claim.since);
        let reviewers = reviews
            .iter()
            .flat_map(Review::texts)
            .filter(|text| text.created_at >= asked_at && is_stop(&text.body))
            .filter_map(|text| text.by.as_deref());
        self.stopped_by(authors.chain(reviewers)).await
    }

    /// That the task's pull request is no more, so that no command on it helps.
    pub(super) fn over(&self, why: String) -> Stop {
        self.turns_to(Turn::Start);
        Stop::CalledOff(why)
    }

    /// From here on, what helps a task that does not get to its end is another command.
    pub(super) fn turns_to(&self, turn: Turn) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    /// Whether a comment asks to stop this task: written after it was asked for, or, if that time is not known, after
    /// its status comment. Ids ascend; clocks of two machines need not agree.
    fn calls_off(&self, id: u64, at: Timestamp, body: &Raw, status: u64) -> bool {
        let asked_by = match self.task.mode {
            Mode::Approve { comment: CommentId::Issue(id), .. }
            | Mode::Revise { comment: CommentId::Issue(id), .. } => u64::from(id),
            _ => 0,
        };
        let later = match self.task.triggered_at {
            Some(asked_at) => at >= asked_at && id > asked_by,
            None => id > status,
        };
        later && is_stop(body)
    }

    /// Stops if one of these users may.
    async fn stopped_by(&self, authors: impl Iterator<Item = &str>) -> Result<(), Stop> {
        let mut known = HashSet::new();
        for login in authors.filter(|login| known.insert(*login)).collect::<Vec<_>>() {
            if self.forge.permission(login).await? == Permission::Write {
                return Err(Stop::CalledOff(format!("`{login}` asked to stop")));
            }
        }
        Ok(())
    }

    /// Whether a comment is one of ours.
    pub(super) fn is_ours(&self, comment: &Comment) -> bool {
        self.tracker.identity().is(comment.by.as_ref())
    }
}

fn is_stop(text: &Raw) -> bool {
    Command::parse(text.for_machine()) == Some(Command::Stop)
}

/// The issue of a thread: itself, or the one that our branch of a pull request is named after.
async fn issue_of(tracker: &Tracker, forge: &Forge, thread: u64) -> Result<Issue, Stop> {
    let issue = one_issue(tracker, thread).await?;
    if issue.kind == IssueKind::Issue {
        return Ok(issue);
    }
    let pull = forge.pull_request(thread).await?;
    match issue_behind(&pull) {
        Some(number) if forge.identity().is(pull.by.as_ref()) => one_issue(tracker, number).await,
        _ => Ok(issue),
    }
}

/// An issue that is where its number is.
async fn one_issue(tracker: &Tracker, number: u64) -> Result<Issue, Stop> {
    let refuse = |what: String| Stop::from(Failure::new(Reason::Usage, what, ""));
    match tracker.issue(number).await {
        Ok(Found::Here(issue)) => Ok(*issue),
        Ok(Found::Elsewhere { url }) => Err(refuse(format!("issue #{number} was transferred to {url}"))),
        Err(error) if error.is_absence() => {
            Err(refuse(format!("issue #{number} is not there: it was deleted or transferred")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The number of the issue that a pull request of ours is for, by its branch.
pub(crate) fn issue_behind(pull: &PullRequest) -> Option<u64> {
    pull.head.name.strip_prefix(BRANCHES)?.parse().ok()
}

fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
