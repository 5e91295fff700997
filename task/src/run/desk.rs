//! The *desk* is where a run writes to its author: one status comment for a task, and the labels of the issue.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use shared::command::Command;
use shared::state::{Event, LabelNames, State};
use shared::task::Task;

use super::claim::Claim;
use super::holder::Holder;
use super::settings::RunSettings;
use super::{Attempt, Stop};
use crate::comment;
use crate::github::model::{Comment, Issue as GitHubIssue, OpenOrClosed, PullRequest, Repository};
use crate::github::{CallError, GitHub, Identity, Permission, Session};
use crate::marker::{Kind, Marks};
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};

/// The namespace of our branches; nothing outside of it is ever written.
pub(super) const BRANCHES: &str = "ai-agent/issue-";
/// Tries to find a comment whose creation was not confirmed.
const CREATE_TRIES: u32 = 3;

/// See the module's documentation.
pub(super) struct Desk<'a> {
    pub(super) github: &'a GitHub,
    pub(super) identity: &'a Identity,
    pub(super) settings: &'a RunSettings,
    pub(super) task: &'a Task,
    pub(super) repository: Repository,
    pub(super) issue: GitHubIssue,
    pub(super) comments: Vec<Comment>,
    pub(super) marks: Marks,
    pub(super) gate: Gate,
    /// `ai-agent/issue-N`
    pub(super) branch: String,
    /// What this run made of its status comment, which `comments` does not show.
    said: Mutex<Option<(u64, Status)>>,
    attempt: Attempt,
    /// This run, as its status comment names it.
    pub(super) holder: Holder,
}

/// What the marker of a status comment says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) task: String,
    pub(crate) phase: Phase,
    pub(crate) since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proposal: Option<Proposal>,
    /// Who wrote this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<Holder>,
    /// The mode of the wish that was answered, if it was: not one that was refused or called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Working,
    /// Interrupted; another attempt follows.
    Waiting,
    Ended,
}

/// What the model proposed, in our words, as it goes into the commit and the pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) bill: String,
    /// The comment that holds the plan, without its marker, and what the marker binds; for a plan only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanComment>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanComment {
    pub(crate) text: String,
    pub(crate) binding: crate::plan::Binding,
}

impl Status {
    fn of(task: &Task, phase: Phase, proposal: Option<Proposal>) -> Self {
        Self { task: task.id.to_string(), phase, since: Timestamp::now(), proposal, by: None, answered: None }
    }

    /// For a task that has its answer.
    fn answered(task: &Task) -> Self {
        Self { answered: Some(task.mode.name().to_owned()), ..Self::of(task, Phase::Ended, None) }
    }

    /// For someone who may not ask.
    pub(super) fn refused(task: &Task) -> Self {
        Self::of(task, Phase::Ended, None)
    }
}

/// Our own status comments of a thread, oldest first.
pub(crate) fn find_status(
    marks: &Marks,
    identity: &Identity,
    thread: u64,
    comments: &[Comment],
) -> Vec<(u64, Status)> {
    ours(identity, comments)
        .filter_map(|comment| {
            let body = comment.body.as_ref()?.for_machine();
            Some((comment.id, marks.read(Kind::Status, thread, body)?))
        })
        .collect()
}

fn ours<'c>(identity: &Identity, comments: &'c [Comment]) -> impl Iterator<Item = &'c Comment> {
    let id = identity.id;
    comments.iter().filter(move |comment| comment.user.as_ref().is_some_and(|user| user.id == id))
}

/// A status comment with its marker.
pub(crate) fn with_status(marks: &Marks, thread: u64, text: &str, status: &Status) -> String {
    format!("{text}\n\n{}", marks.write(Kind::Status, thread, status))
}

impl<'a> Desk<'a> {
    /// Reads the issue and its conversation.
    pub(super) async fn open(
        settings: &'a RunSettings,
        task: &'a Task,
        session: &'a Session,
        repository: Repository,
        mut secrets: Vec<SecretString>,
        attempt: Attempt,
    ) -> Result<Self, Stop> {
        let github = &session.github;
        let issue = issue_of(github, u64::from(task.issue)).await?;
        let number = issue.number;
        let comments = github.comments(number, None).await?;
        secrets.extend([session.token.clone(), settings.marker_key.clone()]);
        let desk = Self {
            github,
            identity: &session.identity,
            settings,
            task,
            marks: Marks::new(settings.marker_key.clone(), repository.id),
            gate: Gate::new(&secrets, &[], Some(number)).with_mention(task.trigger_user.as_str()),
            branch: format!("{BRANCHES}{number}"),
            repository,
            issue,
            comments,
            said: Mutex::new(None),
            attempt,
            holder: Holder { delivery: attempt.delivery(), since: Timestamp::now() },
        };
        if desk.issue.state == OpenOrClosed::Closed {
            let what = "The issue is closed.";
            desk.failed(&Failure::new(Reason::Usage, what, "Open it again, then comment `/retry`.")).await?;
            return Err(Stop::Ended(super::Ended::Explained(Reason::Usage)));
        }
        Ok(desk)
    }

    pub(super) fn thread(&self) -> u64 {
        self.issue.number
    }

    fn labels(&self) -> &LabelNames {
        &self.settings.labels
    }

    fn has_label(&self, name: &str) -> bool {
        self.issue.labels.iter().any(|label| label.name.eq_ignore_ascii_case(name))
    }

    /// The state that the labels tell. A run that died between two labels leaves `working` beside another one; that
    /// is no contradiction of a person's.
    pub(super) fn state(&self) -> Result<State, Failure> {
        let names = || self.issue.labels.iter().map(|label| label.name.as_str());
        match State::decode(names(), self.labels()) {
            Err(_) if self.has_label(&self.labels().working) => Ok(State::Working),
            Err(error) => {
                let next = "Remove the labels that are wrong, then comment `/retry`.";
                Err(Failure::new(Reason::Usage, capitalise(&error.to_string()), next))
            }
            Ok(state) => Ok(state),
        }
    }

    /// Status comments of all tasks of this issue, oldest first.
    pub(super) fn statuses(&self) -> Vec<(u64, Status)> {
        find_status(&self.marks, self.identity, self.thread(), &self.comments)
    }

    /// The status comment of this task as it is now.
    fn own_status(&self) -> Option<(u64, Status)> {
        if let Some(said) = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Some(said);
        }
        let id = self.task.id.to_string();
        self.statuses().into_iter().find(|(_, status)| status.task == id)
    }

    /// Writes the status comment, which is made only once: if the answer to making it is lost, it is looked for.
    async fn say(&self, known: Option<u64>, text: &str, status: &Status) -> Result<u64, CallError> {
        let status = Status { by: Some(self.holder.clone()), ..status.clone() };
        let id = self.write_status(known, text, &status).await?;
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, status));
        Ok(id)
    }

    async fn write_status(&self, known: Option<u64>, text: &str, status: &Status) -> Result<u64, CallError> {
        let thread = self.thread();
        let body = with_status(&self.marks, thread, self.gate.body(text).as_str(), status);
        let mut id = known.or_else(|| self.own_status().map(|(id, _)| id));
        for _ in 0..CREATE_TRIES {
            if let Some(id) = id {
                self.github.edit_comment(id, &body).await?;
                return Ok(id);
            }
            match self.github.create_comment(thread, &body).await {
                Ok(made) => return Ok(made),
                Err(CallError::Unknown { .. }) => {
                    tokio::time::sleep(super::LAG).await;
                    let comments = self.github.comments(thread, None).await?;
                    let own = self.task.id.to_string();
                    id = find_status(&self.marks, self.identity, thread, &comments)
                        .into_iter()
                        .find_map(|(id, status)| (status.task == own).then_some(id));
                }
                Err(error) => return Err(error),
            }
        }
        Err(CallError::Unavailable {
            call: "POST a comment".to_owned(),
            why: format!("not confirmed in {CREATE_TRIES} tries"),
        })
    }

    /// The status comment when the issue is claimed.
    pub(super) async fn begin(&self) -> Result<u64, CallError> {
        let text =
            comment::working(self.task.trigger_user.as_str(), "reading the repository and asking the model");
        let status = Status::of(self.task, Phase::Working, None);
        self.say(None, &text, &status).await
    }

    /// Puts this run in the place of an earlier one of the same task.
    pub(super) async fn resume(&self, status: &Status) -> Result<(), CallError> {
        let text = comment::working(self.task.trigger_user.as_str(), "going on where an earlier run ended");
        let status = Status { phase: Phase::Working, ..status.clone() };
        self.say(None, &text, &status).await.map(drop)
    }

    /// Keeps what the model proposed, before anything of it is published.
    pub(super) async fn keep(&self, claim: &Claim, proposal: &Proposal) -> Result<(), CallError> {
        let text = comment::working(self.task.trigger_user.as_str(), "publishing the result");
        let status =
            Status { since: claim.since, ..Status::of(self.task, Phase::Working, Some(proposal.clone())) };
        self.say(Some(claim.status), &text, &status).await.map(drop)
    }

    pub(super) async fn ended(&self, claim: &Claim, text: &str) -> Result<(), CallError> {
        self.say(Some(claim.status), text, &Status::answered(self.task)).await.map(drop)
    }

    pub(super) async fn failed(&self, failure: &Failure) -> Result<(), CallError> {
        self.move_on(Event::Failed).await?;
        let status = Status::answered(self.task);
        self.say(None, &comment::failed(failure), &status).await.map(drop)
    }

    pub(super) async fn interrupted(&self, failure: &Failure) -> Result<(), CallError> {
        match self.attempt {
            Attempt::MoreFollow(_) => {
                let status = Status::of(
                    self.task,
                    Phase::Waiting,
                    self.own_status().and_then(|(_, own)| own.proposal),
                );
                self.say(None, &comment::waiting(failure), &status).await.map(drop)
            }
            Attempt::Last(_) | Attempt::ByHand => {
                let next = "It was tried several times. Comment `/retry` when that has passed.";
                self.failed(&Failure::new(failure.reason, failure.what.clone(), next)).await
            }
        }
    }

    pub(super) async fn stopped(&self, why: &str) -> Result<(), CallError> {
        self.move_on(Event::Stopped).await?;
        let status = Status::of(self.task, Phase::Ended, None);
        self.say(None, &comment::stopped(why), &status).await.map(drop)
    }

    /// Puts the label of the state after `event` on the issue, and takes the others off.
    pub(super) async fn move_on(&self, event: Event) -> Result<(), CallError> {
        // A run that got here has the issue at work, whatever its labels say.
        let Ok(state) = State::Working.after(event) else { return Ok(()) };
        let wanted = state.label(self.labels());
        if let Some(label) = wanted {
            self.github.add_labels(self.thread(), &[label]).await?;
        }
        let others = [State::Working, State::PlanPending, State::Done, State::Failed];
        for label in others.into_iter().filter_map(|other| other.label(self.labels())) {
            let may_be_there = self.has_label(label) || label == self.labels().working;
            if Some(label) != wanted && may_be_there {
                self.github.remove_label(self.thread(), label).await?;
            }
        }
        Ok(())
    }

    /// Looks whether a person has called the task off since it was claimed.
    pub(super) async fn still_wanted(&self, claim: &Claim) -> Result<(), Stop> {
        let now = self.github.issue(self.thread()).await?;
        if now.state == OpenOrClosed::Closed {
            return Err(Stop::CalledOff("the issue was closed".to_owned()));
        }
        let trigger = &self.labels().trigger;
        let asks =
            |issue: &GitHubIssue| issue.labels.iter().any(|label| label.name.eq_ignore_ascii_case(trigger));
        if asks(&self.issue) && !asks(&now) {
            return Err(Stop::CalledOff(format!("the label `{trigger}` was removed")));
        }
        // Our own status comment is one that was not there before.
        if now.comments <= self.issue.comments + 1 {
            return Ok(());
        }
        for comment in self.github.comments(self.thread(), Some(self.issue.updated_at)).await? {
            let body = comment.body.as_ref().map(crate::text::Raw::for_machine);
            // Ids ascend; clocks of two machines need not agree.
            if comment.id < claim.status || body.and_then(Command::parse) != Some(Command::Stop) {
                continue;
            }
            let Some(author) = comment.user else { continue };
            if self.github.permission(&author.login).await?.0 == Permission::Write {
                return Err(Stop::CalledOff(format!("`{}` asked to stop", author.login)));
            }
        }
        Ok(())
    }

    /// Whether a comment is one of ours.
    pub(super) fn is_ours(&self, comment: &Comment) -> bool {
        comment.user.as_ref().is_some_and(|user| user.id == self.identity.id)
    }
}

/// The issue of a thread: itself, or the one that our branch of a pull request is named after.
async fn issue_of(github: &GitHub, thread: u64) -> Result<GitHubIssue, Stop> {
    let issue = github.issue(thread).await?;
    if issue.pull_request.is_none() {
        return Ok(issue);
    }
    let pull = github.pull_request(thread).await?;
    if let Some(number) = issue_behind(&pull) {
        return Ok(github.issue(number).await?);
    }
    let what = format!("#{thread} is a pull request, and none of the agent's");
    Err(Failure::new(Reason::Usage, what, "").into())
}

/// The number of the issue that a pull request of ours is for, by its branch.
pub(crate) fn issue_behind(pull: &PullRequest) -> Option<u64> {
    pull.head.branch.strip_prefix(BRANCHES)?.parse().ok()
}

fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
