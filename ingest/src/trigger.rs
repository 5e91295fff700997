//! A *trigger*: what in an event asks for a task, and which one.
//!
//! | event | asks for |
//! |---|---|
//! | issue opened with the trigger label, or the trigger label added, or assigned to the agent while it has the label | `quickfix` if the issue also has the label for that, else `plan` |
//! | `/retry` on an issue with the trigger label | the same |
//! | `/revise`, `/approve` on an issue with the trigger label, or on a pull request of the agent's | `revise`, `approve` |
//! | `/fix` there, `/retry` on a pull request of the agent's, or a review of it that asks for changes | `fix` |
//! | any other command there, such as `/ci` | the mode of its name |
//!
//! What happens to the agent's pull requests without anybody asking is in [`crate::happening`].
//!
//! `/stop`, and the trigger label taken away, publish nothing: a run looks for both when it starts, when the model has
//! answered, and when the commit is made. A new message could only come later than that.
//!
//! A label, an account or an author that GitHub leaves out of a payload was deleted. Such an event asks for nothing, and
//! delivering it again cannot change that.
//!
//! Whether the person may ask is not decided here, for that needs a question to GitHub; the run asks it.
//!
//! All that one review asks for, in its text and on lines, is one `fix`: its id is made of the review's number.
//!
//! # One wish, several events
//!
//! Who opens an issue with label and assignee sends three events. All their tasks get one id: what happens within
//! ten seconds of an issue's creation belongs to the creation. A label that is added later is a wish of its own, told
//! apart by the issue's time of change, which a delivery that is repeated repeats. What remains, a label and an
//! assignment of one old issue in two seconds, are two tasks; the claim of the run joins them, by
//! [`Task::triggered_at`](shared::task::Task): a trigger from before the end of a run of the same issue was that
//! run's.

use std::{borrow::Cow, num::NonZeroU64};

use jiff::Timestamp;
use shared::{
    command::Command,
    issue::IssueId,
    mode::{Asked, CommandAt, Comment, Mode, Request, Start},
    repo::{HostPolicy, Repo, RepoError},
    state::same_label,
    task::{self, DeliveryId, IssueDigest, Origin as IdOrigin, Task, TaskId},
    user::{Login, LoginError},
};

use crate::{
    event::{
        Account, Deleted, EventError, Head, Origin, Remark, RepositoryState, Thread, ThreadKind, ThreadState,
        Verdict, Wish,
    },
    happening::{Happening, HappeningKind},
    heading::Heading,
};

/// What the operator calls things.
#[derive(Clone, Debug)]
pub struct Rules {
    pub hosts: HostPolicy,
    /// On an issue: somebody wants the agent to work on it.
    pub trigger_label: String,
    /// On an issue: without a plan.
    pub quickfix_label: String,
    /// On a pull request: the agent made it.
    pub generated_label: String,
    pub agent: Agent,
}

/// The account that the agent works as. An app has none that issues can be assigned to.
#[derive(Clone, Debug, Default)]
pub struct Agent {
    pub login: Option<String>,
    pub id: Option<u64>,
}

impl Agent {
    /// By number if that is known: a login can change hands.
    fn is(&self, account: &Account<'_>) -> bool {
        match (self.id, &self.login) {
            (Some(id), _) => account.id == id,
            (None, Some(login)) => account.login.eq_ignore_ascii_case(login),
            (None, None) => false,
        }
    }
}

/// What to do about an event.
#[derive(Debug)]
pub enum Decision {
    Publish(Box<Task>),
    Ignore(Ignored),
}

/// Why an event asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    #[error("pong")]
    Ping,
    #[error("`{0}` asks for nothing")]
    Event(String),
    #[error("`{event}` with action `{action}` asks for nothing")]
    Action { event: String, action: String },
    #[error("the sender is the agent itself")]
    Ourselves,
    #[error("the sender is not a person")]
    NotAPerson,
    #[error("the comment was not written by the sender")]
    NotTheAuthor,
    #[error("the repository is archived")]
    Archived,
    #[error("it is closed")]
    Closed,
    #[error("the issue does not have the label `{0}`")]
    NotAsked(String),
    #[error("the label `{0}` does not start a task")]
    OtherLabel(String),
    #[error("the issue is assigned to somebody else")]
    OtherAssignee,
    #[error("a pull request is no issue to work on")]
    PullRequest,
    #[error("the pull request does not have the label `{0}`")]
    NotOurs(String),
    #[error("it is not on a branch of the agent's")]
    OtherBranch,
    #[error("it is on a branch of a fork")]
    Fork,
    #[error("the comment holds no command")]
    NoCommand,
    #[error("what runs or waits stops by itself")]
    Stop,
    #[error(transparent)]
    Deleted(Deleted),
}

/// The event is signed, but is not what GitHub documents, or no task can be made of it.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error("repository.html_url: {0}")]
    Repository(RepoError),
    #[error("the owner of the repository: {0}")]
    Owner(LoginError),
}

/// Decides by the name of the event and its payload alone: the same event, the same answer.
pub fn decide(
    event: &str,
    payload: &[u8],
    delivery_id: Option<&DeliveryId>,
    rules: &Rules,
) -> Result<Decision, TriggerError> {
    match asked(event, payload, rules) {
        Ok(Ok(ask)) => Ok(Decision::Publish(Box::new(ask.task(delivery_id, rules)?))),
        Ok(Err(ignored)) => Ok(Decision::Ignore(ignored)),
        Err(EventError::Deleted(what)) => Ok(Decision::Ignore(Ignored::Deleted(what))),
        Err(error) => Err(error.into()),
    }
}

fn asked<'a>(event: &str, payload: &'a [u8], rules: &Rules) -> Result<Result<Ask<'a>, Ignored>, EventError> {
    Ok(match Heading::parse(event, payload)? {
        Heading::Ping => Err(Ignored::Ping),
        Heading::Other { event, action: None } => Err(Ignored::Event(event.to_owned())),
        Heading::Other { event, action: Some(action) } => {
            Err(Ignored::Action { event: event.to_owned(), action: action.into_owned() })
        }
        Heading::Labeled(label) if !same_label(&label, &rules.trigger_label) => {
            Err(Ignored::OtherLabel(label.into_owned()))
        }
        Heading::Assigned(assignee) if !rules.agent.is(&assignee) => Err(Ignored::OtherAssignee),
        Heading::Opened | Heading::Labeled(_) | Heading::Assigned(_) => wished(Wish::parse(payload)?, rules),
        Heading::Happened { kind, branches } => {
            match branches.iter().find_map(|name| IssueId::of_branch(name)) {
                None => Err(Ignored::OtherBranch),
                Some(issue) => happened(kind, issue, payload)?,
            }
        }
        Heading::Written { kind, text, verdict } => match (Command::parse(&text), verdict) {
            (Some(command), _) => commanded(&command, Remark::parse(kind, payload)?, rules),
            (None, Verdict::ChangesRequested) => {
                let asked = Command::Fix { feedback: "" };
                commanded(&asked, Remark::parse(kind, payload)?, rules)
            }
            (None, Verdict::Other) => Err(Ignored::NoCommand),
        },
    })
}

/// A request for a task, before its repository is looked at.
struct Ask<'a> {
    issue: IssueId,
    /// Title and body of an issue. Of a pull request these would be another text.
    digest: Option<IssueDigest>,
    repo_url: Cow<'a, str>,
    repository_id: NonZeroU64,
    installation_id: Option<NonZeroU64>,
    /// `None` for what nobody asked for.
    person: Option<Login>,
    mode: Mode,
    /// What tells this wish from the next one.
    event: String,
    at: Option<Timestamp>,
}

impl<'a> Ask<'a> {
    fn of_person(
        thread: &Thread<'_>,
        origin: Origin<'a>,
        person: Login,
        mode: Mode,
        event: String,
        at: Option<Timestamp>,
    ) -> Self {
        Self {
            issue: IssueId::Number(thread.number),
            digest: (thread.kind == ThreadKind::Issue).then(|| IssueDigest::of(&thread.title, &thread.body)),
            repo_url: origin.repo_url,
            repository_id: origin.repository_id,
            installation_id: origin.installation_id,
            person: Some(person),
            mode,
            event,
            at,
        }
    }

    fn task(self, delivery_id: Option<&DeliveryId>, rules: &Rules) -> Result<Task, TriggerError> {
        let repo = Repo::parse(&self.repo_url, &rules.hosts).map_err(TriggerError::Repository)?;
        let repository_id = Some(self.repository_id);
        let issue = self.issue;
        // Nobody's permission is asked for then, and an owner is always somebody.
        let person = match self.person {
            Some(person) => person,
            None => Login::parse(repo.owner()).map_err(TriggerError::Owner)?,
        };
        Ok(Task {
            id: TaskId::derive(IdOrigin {
                repo: &repo,
                repository_id,
                issue: &issue,
                mode: self.mode.kind(),
                event: &self.event,
            }),
            repo,
            issue,
            mode: self.mode,
            trigger_user: person,
            triggered_at: self.at,
            delivery_id: delivery_id.cloned(),
            repository_id,
            installation_id: self.installation_id,
            issue_digest: self.digest,
        })
    }
}

fn wished<'a>(wish: Wish<'a>, rules: &Rules) -> Result<Ask<'a>, Ignored> {
    let Wish { issue, origin } = wish;
    let person = person(&origin, rules)?;
    if issue.state == ThreadState::Closed {
        return Err(Ignored::Closed);
    }
    let mode = mode_of(&issue, rules)?;
    let event = task::wish(issue.created_at, issue.updated_at);
    let at = issue.updated_at;
    Ok(Ask::of_person(&issue, origin, person, mode, event, at))
}

fn happened(
    kind: HappeningKind,
    issue: IssueId,
    payload: &[u8],
) -> Result<Result<Ask<'_>, Ignored>, EventError> {
    let Happening { mode, event, at, is_of_fork, repository, installation_id } =
        Happening::parse(kind, payload)?;
    if is_of_fork {
        return Ok(Err(Ignored::Fork));
    }
    if repository.archived {
        return Ok(Err(Ignored::Archived));
    }
    Ok(Ok(Ask {
        issue,
        digest: None,
        repo_url: repository.html_url,
        repository_id: repository.id,
        installation_id,
        person: None,
        mode,
        event,
        at,
    }))
}

fn commanded<'a>(command: &Command<'_>, remark: Remark<'a>, rules: &Rules) -> Result<Ask<'a>, Ignored> {
    let Remark { author, comment, review, at, thread, origin } = remark;
    if author.id != origin.sender.id {
        return Err(Ignored::NotTheAuthor);
    }
    let person = person(&origin, rules)?;
    let on_issue = thread.kind == ThreadKind::Issue;
    let label = if on_issue { &rules.trigger_label } else { &rules.generated_label };
    if !thread.has(label) {
        let ignored = if on_issue { Ignored::NotAsked } else { Ignored::NotOurs };
        return Err(ignored(label.clone()));
    }
    match &thread.head {
        Head::Fork => return Err(Ignored::Fork),
        Head::Here(branch) if IssueId::of_branch(branch).is_none() => return Err(Ignored::OtherBranch),
        Head::Here(_) | Head::Unknown => {}
    }
    let asked = |comment| {
        let pull_request = (!on_issue).then_some(thread.number.into());
        Mode::of_command(command, CommandAt { pull_request, comment })
    };
    // Whatever else the review asks for is asked for with it.
    let comment = match (asked(comment), review) {
        (Asked::Task(mode), Some(review)) if matches!(mode.start(), Start::Request(Request::Reviews(_))) => {
            Comment::Review(review)
        }
        _ => comment,
    };
    let mode = match asked(comment) {
        Asked::Task(mode) => mode,
        Asked::IssueAgain => mode_of(&thread, rules)?,
        Asked::Stop => return Err(Ignored::Stop),
    };
    // The pull request of an issue that is closed can be open.
    let kind = mode.kind();
    let is_answered = if on_issue { kind.outlives_issue() } else { kind.is_answered_when_closed() };
    if thread.state == ThreadState::Closed && !is_answered {
        return Err(Ignored::Closed);
    }
    let event = match comment {
        Comment::Issue(id) => format!("comment {id}"),
        Comment::ReviewLine(id) => format!("review line {id}"),
        Comment::Review(id) => format!("review {id}"),
    };
    Ok(Ask::of_person(&thread, origin, person, mode, event, at))
}

/// Who asks, if it is a person, and the repository can be written to.
fn person(origin: &Origin<'_>, rules: &Rules) -> Result<Login, Ignored> {
    if rules.agent.is(&origin.sender) {
        return Err(Ignored::Ourselves);
    }
    if origin.sender.kind != "User" {
        return Err(Ignored::NotAPerson);
    }
    let login = Login::parse(&origin.sender.login).map_err(|_| Ignored::NotAPerson)?;
    if origin.repository_state == RepositoryState::Archived {
        return Err(Ignored::Archived);
    }
    Ok(login)
}

fn mode_of(issue: &Thread<'_>, rules: &Rules) -> Result<Mode, Ignored> {
    if issue.kind == ThreadKind::PullRequest {
        return Err(Ignored::PullRequest);
    }
    if !issue.has(&rules.trigger_label) {
        return Err(Ignored::NotAsked(rules.trigger_label.clone()));
    }
    Ok(Mode::of_issue(issue.labels.iter().map(AsRef::as_ref), &rules.quickfix_label))
}

impl Thread<'_> {
    fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|name| same_label(name, label))
    }
}

#[cfg(test)]
mod tests;
