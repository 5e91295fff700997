//! A *run* is one attempt at a task on GitHub, from asking who may ask to the last label.
//!
//! The order of effects is branch, commit, pull request, comment, labels, status comment. Every prefix of it is a
//! state that the next run of the same task recognises and completes. What the model proposed is kept in the status
//! comment before the commit is made, so that it is not asked again once the commit is there, nor for a plan that was kept,
//! whose commit is empty.

mod approval;
mod ask;
mod claim;
mod commit;
mod conversation;
pub(crate) mod desk;
mod ended;
mod holder;
mod publish;
pub mod settings;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use shared::task::Task;

use crate::call::CallError;
use crate::config::Config;
use crate::cycle::Cycle;
use crate::forge::model::Permission;
use crate::forge::{Forge, Login};
use crate::git::clone::{self, CloneCaps, CloneError, Source};
use crate::git::remote::Remote;
use crate::git::workspace::Workspace;
use crate::lease::Lease;
use crate::llm::{Ledger, Llm};
use crate::marker::Marks;
use crate::outbound::Gate;
use crate::outcome::{Exit, Failure, Reason};
use crate::progress::Step;
use crate::record::comment;
use crate::repo_config::{self, RepoConfig, RepoConfigError};
use crate::tracker::Tracker;

use crate::record::status::{Proposal, Status, find_status, with_status};
use claim::Claimed;
use desk::Desk;
use ended::Stop;
use settings::{RunSettings, Strangers, Terms};
use work::{Claim, Made, Material};

pub(crate) use ask::scan;
pub use ended::{Attempt, Ended};

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
        repo: &task.repo,
        hosts: &settings.hosts,
        repository: task.repository_id.map(u64::from),
        installation: task.installation_id.map(u64::from),
        config_file: repo_config::PATH,
        lease: lease.clone(),
        patience: settings.patience,
        timeout: settings.timeout,
    };
    let forge = match Forge::open(&login).await {
        Ok(forge) => forge,
        Err(error) => return ended_by(&error),
    };
    let tracker = Tracker::beside(&forge);
    let place = Place { tracker: &tracker, forge: &forge };
    // On the heap: a whole run is a large thing to carry about.
    let ended = Box::pin(at_place(config, settings, task, lease, place, attempt)).await;
    if let Err(error) = forge.close().await {
        tracing::warn!(%error, "the installation token could not be revoked; it expires within the hour");
    }
    ended
}

/// Where a run works: the issue's side and the code's.
#[derive(Clone, Copy)]
struct Place<'a> {
    tracker: &'a Tracker,
    forge: &'a Forge,
}

async fn at_place(
    config: &Config,
    settings: &RunSettings,
    task: &Task,
    lease: &Lease,
    place: Place<'_>,
    attempt: Attempt,
) -> Ended {
    // A configuration that cannot be used is told as soon as there is a place to tell it.
    let repo_config = RepoConfig::of(place.forge.repository().config.as_ref());
    let desk = match open_desk(config, settings, task, place, repo_config.as_ref().ok(), attempt).await {
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
    let stop = match work(config, lease, &desk, repo_config).await {
        Ok(()) => return Ended::Done,
        Err(stop) => stop,
    };
    let told = match stop {
        Stop::Ended(ended) => return ended,
        Stop::CalledOff(why) => desk.stopped(&why).await.map(|()| Ended::Explained(Reason::Declined)),
        Stop::Failure(failure) if failure.reason.exit() == Exit::Passing => {
            desk.interrupted(&failure).await.map(|()| Ended::Passing(failure.what.clone()))
        }
        Stop::Failure(failure) => desk.failed(&failure).await.map(|()| Ended::Explained(failure.reason)),
        Stop::Call(error) => return tell_call_error(&desk, &error).await,
    };
    told.unwrap_or_else(|error| match error {
        error if error.is_absence() => {
            tracing::warn!(%error, "the issue is gone, and with it the place to tell how the task ended");
            Ended::Explained(Reason::Usage)
        }
        error => ended_by(&error),
    })
}

/// A call that GitHub refused is told on the issue, if GitHub lets us.
async fn tell_call_error(desk: &Desk<'_>, error: &CallError) -> Ended {
    let ended = ended_by(error);
    let next = match error {
        CallError::Forbidden { .. } => "Ask who operates the agent to grant that permission.",
        CallError::Unauthorized { .. } => "Ask who operates the agent to renew its credentials.",
        _ => "Ask who operates the agent to look at its log.",
    };
    let told = match &ended {
        Ended::Lost(_) => return ended,
        Ended::Passing(_) => {
            let failure = Failure::new(Reason::Unavailable, error.to_string(), "");
            desk.interrupted(&failure).await
        }
        _ => desk.failed(&Failure::new(Reason::Provider, error.to_string(), next)).await,
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
    place: Place<'a>,
    repo_config: Option<&RepoConfig>,
    attempt: Attempt,
) -> Result<Desk<'a>, Stop> {
    let repository = place.forge.repository();
    let refuse = |what: &str| Failure::new(Reason::Repository, what, "");
    if repository.is_archived {
        return Err(refuse("the repository is archived").into());
    }
    if !repository.has_issues {
        return Err(refuse("the repository has no issues").into());
    }
    if task.repository_id.is_some_and(|id| u64::from(id) != repository.id) {
        return Err(refuse("the repository has been replaced by another one of the same name").into());
    }
    let mut secrets: Vec<SecretString> = config.secrets();
    secrets.extend(settings.secrets());
    secrets.push(place.forge.token().clone());
    let asker = place.forge.collaborator(task.trigger_user.as_str()).await?;
    if asker.permission == Permission::Less {
        if settings.strangers == Strangers::Answered {
            answer_stranger(settings, task, place, &secrets).await?;
        }
        return Err(Stop::Ended(Ended::Nothing("the user may not ask for this")));
    }
    let labels = repo_config.map_or_else(|| settings.labels.clone(), |own| own.labels(&settings.labels));
    Desk::open(settings, task, place, asker, labels, &secrets, attempt).await
}

/// One short comment, also if the task is delivered again.
async fn answer_stranger(
    settings: &RunSettings,
    task: &Task,
    place: Place<'_>,
    secrets: &[SecretString],
) -> Result<(), Stop> {
    let marks = Marks::new(settings.marker_key.clone(), place.forge.repository().id);
    let thread = u64::from(task.issue);
    let comments = place.tracker.comments(thread).await?;
    let known = find_status(&marks, place.tracker.identity(), thread, &comments)
        .into_iter()
        .any(|(_, status)| status.task == task.id.to_string());
    if !known {
        let gate = Gate::new(secrets, &[], None).with_mention(task.trigger_user.as_str());
        let text = gate.body(&comment::not_allowed(task.trigger_user.as_str()));
        let body = with_status(&gate, &marks, thread, &text, &Status::refused(task))?;
        place.tracker.create_comment(thread, &body).await?;
    }
    Ok(())
}

async fn work(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    repo_config: Result<RepoConfig, RepoConfigError>,
) -> Result<(), Stop> {
    desk.admit().await?;
    let terms = settings::terms(config, repo_config.map_err(|error| unusable(&error))?)?;
    let claim = match claim::claim(desk, &terms).await? {
        Claimed::Held(by) => return Err(Stop::Ended(Ended::Nothing(by))),
        Claimed::Ours(claim) => claim,
    };
    let proposal = match (claim.proposal.clone(), claim.plan.clone()) {
        (Some(proposal), _) => proposal,
        (None, Some(plan)) => {
            desk.still_wanted(&claim).await?;
            commit::over_api(desk, &claim, None, &plan).await?;
            plan
        }
        (None, None) => propose(config, lease, desk, &claim, &terms).await?,
    };
    publish::complete(desk, &claim, &proposal).await
}

/// A file that cannot be used, quoted for who can mend it.
fn unusable(error: &RepoConfigError) -> Failure {
    let what = match error {
        RepoConfigError::Invalid(why) => {
            format!("`{}` cannot be used:\n\n```text\n{why}\n```\n", repo_config::PATH)
        }
        other => format!("{other}."),
    };
    Failure::new(Reason::Usage, what, "Correct the file on the default branch.")
}

/// Clones, reads, asks the model, and makes the commit. From here on the model is not asked again.
async fn propose(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
) -> Result<Proposal, Stop> {
    let work_dir = &desk.settings.work_dir;
    let folder = tempfile::Builder::new().prefix("task-").tempdir_in(work_dir).map_err(|error| {
        let what = format!("no working folder can be made in {}: {error}", work_dir.display());
        Failure::new(Reason::Unavailable, what, "")
    })?;
    let workspace = clone_branch(desk, folder.path(), lease).await?;
    let material = conversation::material(desk, claim, &terms.repo).await?;
    let made = tokio::select! {
        made = ask_model(config, desk, claim, terms, &workspace, &material) => made?,
        lost = lease.lost() => return Err(lost.into()),
    };
    desk.still_wanted(claim).await?;
    commit::commit(desk, &workspace, claim, made).await
}

/// Asks, and meanwhile shows in the status comment how far it is.
async fn ask_model(
    config: &Config,
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
    workspace: &Workspace,
    material: &Material,
) -> Result<Made, Stop> {
    let (steps, seen) = tokio::sync::mpsc::unbounded_channel();
    let asking = async move {
        // The built-in provider answers at once: there is nothing to watch.
        let watched = !matches!(terms.llm, Llm::Builtin);
        let mut progress = |step: Step| {
            // A step can hold the model's words.
            tracing::info!(step = desk.gate.redact(&step.to_string()), "progress");
            if watched && steps.send(step).is_err() {
                tracing::debug!("nobody watches the progress any more");
            }
        };
        let cycle = Cycle {
            workspace,
            issue: &material.issue,
            llm: terms.llm,
            protection: &terms.protection,
            context_tokens: config.context_tokens,
            choose: config.choose,
            ledger: Ledger::new(terms.ceiling),
            progress: &mut progress,
        };
        ask::ask(cycle, desk, config, terms, material, claim).await
    };
    // Both are awaited: an edit on its way must not overtake what is kept later.
    let (made, ()) = tokio::join!(asking, desk.show_progress(claim, seen));
    made
}

async fn clone_branch(desk: &Desk<'_>, folder: &std::path::Path, lease: &Lease) -> Result<Workspace, Stop> {
    let remote = Remote::new(&desk.forge.repo().url(), Some(desk.forge.token().clone()))
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
    let cloned = match cloned {
        Ok(cloned) => cloned,
        Err(CloneError::NoSuchBranch { .. } | CloneError::Empty)
            if desk.forge.branch(&desk.branch).await?.is_none() =>
        {
            return Err(commit::gone(desk).into());
        }
        Err(error) => return Err(not_cloned(&error).into()),
    };
    let workspace = Workspace::of_clone(cloned.repo, cloned.commit, &cloned.branch)
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    Ok(workspace)
}

fn not_cloned(error: &CloneError) -> Failure {
    let reason = if error.is_transient() { Reason::Unavailable } else { Reason::Repository };
    Failure::new(reason, error.to_string(), "")
}

/// The longest that a clone takes to notice that it was interrupted: a read that waits ends with its time limit.
const CLONE_ENDS_WITHIN: Duration = Duration::from_secs(20);
