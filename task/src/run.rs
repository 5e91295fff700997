//! A *run* is one attempt at a task on GitHub, from asking who may ask to the last label.
//!
//! The order of effects is branch, commit, pull request, comment, labels, status comment. Every prefix of it is a
//! state that the next run of the same task recognises and completes; what the model proposed is kept in the status
//! comment before the commit is made, so that it is asked once.

mod approval;
mod claim;
mod conversation;
pub(crate) mod desk;
mod holder;
pub(crate) mod publish;
pub mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::task::{Mode, Task};

use crate::clone::{self, CloneCaps, CloneError, Source};
use crate::comment;
use crate::config::Config;
use crate::cycle::Cycle;
use crate::github::{CallError, Login, Permission, Session};
use crate::issue::Issue;
use crate::lease::{Lease, Lost};
use crate::llm::Ledger;
use crate::marker::Marks;
use crate::outcome::{Failure, Reason};
use crate::progress::Step;
use crate::remote::Remote;
use crate::repo_config::{self, RepoConfig};
use crate::workspace::Workspace;

use approval::Approved;
use claim::{Claim, Claimed};
use desk::{Desk, Proposal};
use settings::{RunSettings, Strangers};

/// How a run ended, for whoever settles the message.
#[derive(Debug)]
pub enum Ended {
    /// Everything is on GitHub.
    Done,
    /// The task cannot be done, and whoever asked can read why.
    Explained(Reason),
    /// Another run has the issue, or this task was finished before.
    Nothing(&'static str),
    /// The same task may succeed later.
    Passing(String),
    /// The operator has to mend something first.
    Misconfigured(String),
    Lost(Lost),
}

/// Why a run stops before its end.
#[derive(Debug)]
enum Stop {
    Call(CallError),
    Failure(Failure),
    Ended(Ended),
    /// A person called it off.
    CalledOff(String),
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Lost> for Stop {
    fn from(lost: Lost) -> Self {
        Self::Ended(Ended::Lost(lost))
    }
}

/// Does one task.
pub async fn run(
    config: &Config,
    settings: &RunSettings,
    task: &Task,
    lease: &Lease,
    attempt: Attempt,
) -> Ended {
    let login = Login {
        credentials: &settings.credentials,
        api: &settings.api_of(&task.repo),
        repo: &task.repo,
        installation: task.installation_id.map(u64::from),
        lease: lease.clone(),
        patience: settings.patience,
        timeout: settings.timeout,
    };
    let session = match Session::open(&login).await {
        Ok(session) => session,
        Err(error) => return ended_by(&error),
    };
    let ended = with_session(config, settings, task, lease, &session, attempt).await;
    if let Err(error) = session.close().await {
        tracing::warn!(%error, "the installation token could not be revoked; it expires within the hour");
    }
    ended
}

/// Which attempt at the task this is, and whether another one follows if it fails for a passing reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The how many-th delivery of the message, from 1.
    MoreFollow(u32),
    /// The same, and the last one.
    Last(u32),
    /// Nobody tries again but the person who started this.
    ByHand,
}

impl Attempt {
    /// The how many-th delivery this is.
    pub fn delivery(self) -> Option<u32> {
        match self {
            Self::MoreFollow(number) | Self::Last(number) => Some(number),
            Self::ByHand => None,
        }
    }
}

async fn with_session(
    config: &Config,
    settings: &RunSettings,
    task: &Task,
    lease: &Lease,
    session: &Session,
    attempt: Attempt,
) -> Ended {
    let desk = match open_desk(config, settings, task, session, attempt).await {
        Ok(desk) => desk,
        Err(Stop::Ended(ended)) => return ended,
        Err(Stop::Call(error)) => return ended_by(&error),
        Err(Stop::Failure(failure)) => {
            tracing::warn!(what = failure.what, "the task is refused, and nothing can be told on the issue");
            return Ended::Explained(failure.reason);
        }
        Err(Stop::CalledOff(why)) => {
            tracing::info!(why, "the task was called off");
            return Ended::Nothing("called off");
        }
    };
    let stop = match work(config, settings, task, lease, session, &desk).await {
        Ok(()) => return Ended::Done,
        Err(stop) => stop,
    };
    let told = match stop {
        Stop::Ended(ended) => return ended,
        Stop::CalledOff(why) => desk.stopped(&why).await.map(|()| Ended::Explained(Reason::Declined)),
        Stop::Failure(failure) if failure.reason.exit() == crate::outcome::Exit::Passing => {
            desk.interrupted(&failure).await.map(|()| Ended::Passing(failure.what.clone()))
        }
        Stop::Failure(failure) => desk.failed(&failure).await.map(|()| Ended::Explained(failure.reason)),
        Stop::Call(error) => return tell_call_error(&desk, &error).await,
    };
    told.unwrap_or_else(|error| ended_by(&error))
}

/// A call that GitHub refused is told on the issue, if GitHub lets us.
async fn tell_call_error(desk: &Desk<'_>, error: &CallError) -> Ended {
    let ended = ended_by(error);
    let failure = match &ended {
        Ended::Lost(_) => return ended,
        Ended::Passing(_) => Failure::new(Reason::Unavailable, error.to_string(), ""),
        _ => Failure::new(
            Reason::Provider,
            error.to_string(),
            "Ask who operates the agent to look at its permissions.",
        ),
    };
    let told = match &ended {
        Ended::Passing(_) => desk.interrupted(&failure).await,
        _ => desk.failed(&failure).await,
    };
    if let Err(error) = told {
        tracing::warn!(%error, "the failure could not be told on the issue");
    }
    ended
}

fn ended_by(error: &CallError) -> Ended {
    match error {
        CallError::Lost(lost) => Ended::Lost(*lost),
        error if error.is_passing() => Ended::Passing(error.to_string()),
        error => Ended::Misconfigured(error.to_string()),
    }
}

/// Finds out what the task is about and whether its author may ask for it.
async fn open_desk<'a>(
    config: &Config,
    settings: &'a RunSettings,
    task: &'a Task,
    session: &'a Session,
    attempt: Attempt,
) -> Result<Desk<'a>, Stop> {
    let github = &session.github;
    let repository = github.repository().await?;
    let refuse = |what: &str| Failure::new(Reason::Repository, what, "");
    if repository.archived {
        return Err(refuse("the repository is archived").into());
    }
    if !repository.has_issues {
        return Err(refuse("the repository has no issues").into());
    }
    if task.repository_id.is_some_and(|id| u64::from(id) != repository.id) {
        return Err(refuse("the repository has been replaced by another one of the same name").into());
    }
    let (permission, _) = github.permission(task.trigger_user.as_str()).await?;
    if permission == Permission::Less {
        if settings.strangers == Strangers::Answered {
            answer_stranger(settings, task, session, repository.id).await?;
        }
        return Err(Stop::Ended(Ended::Nothing("the user may not ask for this")));
    }
    Desk::open(settings, task, session, repository, config.secrets(), attempt).await
}

/// One short comment, also if the task is delivered again.
async fn answer_stranger(
    settings: &RunSettings,
    task: &Task,
    session: &Session,
    repository: u64,
) -> Result<(), Stop> {
    let marks = Marks::new(settings.marker_key.clone(), repository);
    let thread = u64::from(task.issue);
    let comments = session.github.comments(thread, None).await?;
    let known = desk::find_status(&marks, &session.identity, thread, &comments)
        .into_iter()
        .any(|(_, status)| status.task == task.id.to_string());
    if !known {
        let text = comment::not_allowed(task.trigger_user.as_str());
        let body = desk::with_status(&marks, thread, &text, &desk::Status::refused(task));
        session.github.create_comment(thread, &body).await?;
    }
    Ok(())
}

async fn work(
    config: &Config,
    settings: &RunSettings,
    task: &Task,
    lease: &Lease,
    session: &Session,
    desk: &Desk<'_>,
) -> Result<(), Stop> {
    let approved = match task.mode {
        Mode::Approve { .. } => Some(approval::check(desk, config).await?),
        _ => None,
    };
    let claimed = match claim::claim(desk, approved.as_ref()).await? {
        Claimed::Held(by) => return Err(Stop::Ended(Ended::Nothing(by))),
        Claimed::Ours(claim) => claim,
    };
    let proposal = match claimed.proposal.clone() {
        Some(proposal) => proposal,
        None => propose(config, settings, task, lease, session, desk, &claimed, approved.as_ref()).await?,
    };
    publish::complete(desk, &claimed, &proposal).await
}

/// Clones, reads, asks the model, and makes the commit. From here on the model is not asked again.
#[expect(clippy::too_many_arguments, reason = "the one place where everything comes together")]
async fn propose(
    config: &Config,
    settings: &RunSettings,
    task: &Task,
    lease: &Lease,
    session: &Session,
    desk: &Desk<'_>,
    claim: &Claim,
    approved: Option<&Approved>,
) -> Result<Proposal, Stop> {
    let folder =
        tempfile::Builder::new().prefix("task-").tempdir_in(&settings.work_dir).map_err(|error| {
            let what = format!("no working folder can be made in {}: {error}", settings.work_dir.display());
            Failure::new(Reason::Unavailable, what, "")
        })?;
    let workspace = clone_branch(task, session, desk, folder.path(), lease).await?;
    let repo_config = read_repo_config(&workspace)?;
    let narrowed = settings::narrow(config, &repo_config)?;
    let material = conversation::material(desk, approved, &repo_config).await?;

    let mut progress = |step: Step| tracing::info!(step = %step, "progress");
    let cycle = Cycle {
        workspace: &workspace,
        issue: &material.issue,
        llm: &config.llm,
        protection: &narrowed.protection,
        context_tokens: config.context_tokens,
        ledger: Ledger::new(narrowed.ceiling),
        progress: &mut progress,
    };
    let made = tokio::select! {
        made = publish::ask(cycle, desk, config, &material, approved) => made?,
        lost = lease.lost() => return Err(lost.into()),
    };
    desk.still_wanted(claim).await?;
    publish::commit(desk, session, &workspace, claim, made).await
}

async fn clone_branch(
    task: &Task,
    session: &Session,
    desk: &Desk<'_>,
    folder: &std::path::Path,
    lease: &Lease,
) -> Result<Workspace, Stop> {
    let remote = Remote::new(&task.repo.url(), Some(session.token.clone()))
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    let branch = desk.branch.clone();
    let into = folder.join("repo");
    let interrupt = std::sync::Arc::new(AtomicBool::new(false));
    let flag = interrupt.clone();
    let cloning = tokio::task::spawn_blocking(move || {
        let source = Source { remote: &remote, branch: Some(&branch) };
        clone::clone(&source, &into, &CloneCaps::default(), &flag)
    });
    tokio::pin!(cloning);
    let cloned = tokio::select! {
        cloned = &mut cloning => cloned.map_err(|error| Failure::new(Reason::Unavailable, format!("cloning failed: {error}"), ""))?,
        lost = lease.lost() => {
            interrupt.store(true, Ordering::Relaxed);
            // What it still writes would outlive the folder.
            if tokio::time::timeout(CLONE_ENDS_WITHIN, cloning).await.is_err() {
                tracing::warn!("a clone that was interrupted goes on");
            }
            return Err(lost.into());
        }
    };
    let cloned = cloned.map_err(|error| not_cloned(&error))?;
    let workspace = Workspace::of_clone(cloned.repo, cloned.commit, &cloned.branch)
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    Ok(workspace)
}

fn not_cloned(error: &CloneError) -> Failure {
    let reason = if error.is_transient() { Reason::Unavailable } else { Reason::Repository };
    Failure::new(reason, error.to_string(), "")
}

fn read_repo_config(workspace: &Workspace) -> Result<RepoConfig, Failure> {
    let Some(content) = workspace.read_file(repo_config::PATH, repo_config::MAX_BYTES) else {
        return Ok(RepoConfig::default());
    };
    RepoConfig::parse(&content).map_err(|error| {
        Failure::new(
            Reason::Usage,
            error.to_string(),
            "Correct the file on the default branch, then comment `/retry`.",
        )
    })
}

/// The longest that GitHub's lists may lag behind its writes
/// (<https://github.com/rust-lang/homu/issues/75> saw half a minute; most are there at once).
const LAG: Duration = Duration::from_secs(1);

/// The longest that a clone takes to notice that it was interrupted: a read that waits ends with its time limit.
const CLONE_ENDS_WITHIN: Duration = Duration::from_secs(20);

/// What the model is asked about.
struct Material {
    issue: Issue,
    /// Of title and body, without comments.
    digest: String,
}
