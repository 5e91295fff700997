//! A *run* is one attempt at a task on GitHub, from asking who may ask to the last label.
//!
//! The order of effects is branch, commit, pull request, comment, labels, status comment. Every prefix of it is a
//! state that the next run of the same task recognizes and completes. What the model proposed is kept in the status
//! comment before the commit is made, so that it is not asked again once the commit is there, nor for a plan that was kept,
//! whose commit is empty.

mod acknowledge;
mod admission;
mod already;
mod approval;
mod ask;
mod branch;
mod checks;
mod ci;
mod claim;
mod closed;
mod commit;
mod conversation;
mod description;
mod desk;
mod digest;
mod ended;
mod ending;
mod failures;
mod fix;
mod holder;
pub(crate) mod jira;
mod measured;
mod missing;
mod no_issue;
mod posted;
mod publish;
mod repair;
pub mod settings;
mod update;
mod wanted;
mod work;
mod working;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::message::Message;
use shared::mode::Start;
use shared::otlp::Span;
use shared::otlp::catalog::{CLONE, VCS_BRANCH, VCS_COMMIT, VCS_PROVIDER, VCS_URL};
use shared::task::Task;

use crate::bill::Bill;
use crate::call::CallError;
use crate::config::Config;
use crate::cycle::{Cycle, End};
use crate::engine::Engine;
use crate::forge::{Forge, Login};
use crate::git::clone::{self, CloneCaps, CloneError, Cloned, Source};
use crate::git::remote::{Remote, RemoteError};
use crate::git::workspace::Workspace;
use crate::issue::Issue;
use crate::lease::Lease;
use crate::llm::{Existing, Ledger, Transcript};
use crate::marker::Marks;
use crate::outcome::{Failure, Reason};
use crate::patience::Patience;
use crate::progress::Step;
use crate::record::Records;
use crate::record::status::{Finding, Phase};
use crate::repo_config::{self, RepoConfig, RepoConfigError};
use claim::Claimed;
use commit::Committed;
use desk::{Desk, Place};
use ended::Stop;
use settings::{RunSettings, Terms};
use work::{Basis, Claim, Made, Material};

pub(crate) use ask::scan;
pub(crate) use checks::is_followed;
pub use ended::{Attempt, Before, Delivery, Ended};

/// Does what a message asks for, and measures it.
pub async fn run(
    config: &Config,
    settings: &RunSettings,
    message: &Message,
    lease: &Lease,
    attempt: Attempt,
) -> Ended {
    let measured = measured::Measured::begin(message);
    let ended = measured.span.run(run_message(config, settings, message, lease, attempt)).await;
    measured.end(&ended);
    ended
}

async fn run_message(
    config: &Config,
    settings: &RunSettings,
    message: &Message,
    lease: &Lease,
    attempt: Attempt,
) -> Ended {
    match message {
        Message::Task(task) => Box::pin(run_task(config, settings, task, None, lease, attempt)).await,
        Message::Jira(request) => {
            let (task, found) = match Box::pin(jira::resolve(settings, request, lease)).await {
                Ok(resolved) => resolved,
                Err(ended) => return ended,
            };
            tracing::info!(
                repository = %task.repo,
                mode = task.mode.kind().name(),
                user = %task.trigger_user,
                account = request.account.as_ref().map_or("", |account| account.as_str()),
                "the request of Jira is a task"
            );
            if let Some(whose) = lease.lets_others_go_first(&task).await {
                return Ended::OthersFirst(whose);
            }
            Box::pin(run_task(config, settings, &task, Some(found), lease, attempt)).await
        }
    }
}

/// Does one task, whose issue is at that place, if it is known.
async fn run_task(
    config: &Config,
    settings: &RunSettings,
    task: &Task,
    found: Option<jira::Place>,
    lease: &Lease,
    attempt: Attempt,
) -> Ended {
    let login = Login {
        repository: task.repository_id.map(u64::from),
        installation: task.installation_id.map(u64::from),
        ..settings.login(&task.repo, lease)
    };
    let forge = match Forge::open(&login).await {
        Ok(forge) => forge,
        Err(error) => return Ended::of(&error),
    };
    // On the heap: a whole run is a large thing to carry about.
    let found = match found {
        Some(found) => Ok(found),
        None => jira::tracker_of(settings, task, &forge, lease)
            .await
            .map(|tracker| jira::Place { tracker, unlabelled: None }),
    };
    let ended = match found {
        Ok(found) => Box::pin(on_forge(config, settings, task, lease, (&forge, &found), attempt)).await,
        Err(error) => Ended::of(&error),
    };
    if let Err(error) = forge.close().await {
        tracing::warn!(%error, "the installation token could not be revoked; it expires within the hour");
    }
    ended
}

async fn on_forge(
    config: &Config,
    settings: &RunSettings,
    task: &Task,
    lease: &Lease,
    (forge, found): (&Forge, &jira::Place),
    attempt: Attempt,
) -> Ended {
    let jira::Place { tracker, unlabelled } = found;
    let marks = Marks::new(settings.marker_key.clone(), forge.repository().id);
    // A configuration that cannot be used is told as soon as there is a place to tell it.
    let repo_config = RepoConfig::of(forge.repository().config.as_ref());
    // Labels of another tracker are not the repository's to name.
    let own = repo_config.as_ref().ok().filter(|_| tracker.counts_pull_requests());
    let names = own.map_or_else(|| settings.labels.clone(), |own| own.labels(&settings.labels));
    let records = Records { tracker, marks: &marks, names: &names, help: settings.help.as_deref() };
    let place = Place { forge, records, unlabelled: unlabelled.as_ref() };
    let desk = match admission::open_desk(config, settings, task, place, attempt, lease).await {
        Ok(desk) => desk,
        Err(stop) => return stop.untold(),
    };
    if let Err(lost) = desk.record.clear_doubles(&desk.gate, &task.id.to_string()).await {
        return Ended::Lost(lost);
    }
    // A task that has ended stays what it was.
    let is_over = desk.own_status().is_some_and(|(_, own)| own.phase == Phase::Ended);
    let turned = match if is_over { Ok(None) } else { fix::in_place_of(&desk).await } {
        Ok(turned) => turned,
        Err(stop @ Stop::Call(_)) => return stop.untold(),
        Err(stop) => return ending::stopped(&desk, stop).await,
    };
    let desk = match &turned {
        Some(task) => desk.for_task(task),
        None => desk,
    };
    match Box::pin(work(config, lease, &desk, repo_config)).await {
        Ok(()) => Ended::Done,
        Err(stop) => ending::stopped(&desk, stop).await,
    }
}

async fn work(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    repo_config: Result<RepoConfig, RepoConfigError>,
) -> Result<(), Stop> {
    // These look at how things stand, whatever happened before: what there is to do is done once by itself.
    let start = desk.task.mode.start();
    if start == Start::Checks {
        return checks::look(config, lease, desk, repo_config).await;
    }
    if start == Start::End {
        return closed::follow(desk).await;
    }
    admission::admit(desk).await?;
    if let Some(finding) = already::kept(desk) {
        return Err(already::complete(desk, &finding).await?);
    }
    let terms = settings::terms(config, desk.settings, repo_config.map_err(|error| unusable(&error))?)?;
    match start {
        Start::Release(at) => ci::release(desk, &terms, at).await,
        Start::Reviews(at) => Box::pin(fix::answer(config, lease, desk, &terms, at)).await,
        Start::Base(at) => Box::pin(update::update(config, lease, desk, &terms, at)).await,
        Start::Issue | Start::ApprovedPlan(_) | Start::Feedback(_) => {
            resolve(config, lease, desk, &terms).await
        }
        // Nobody asked for these: they have ended above.
        Start::Checks | Start::End => Ok(()),
    }
}

/// Plans, or makes a change, from an issue or its plan.
async fn resolve(config: &Config, lease: &Lease, desk: &Desk<'_>, terms: &Terms<'_>) -> Result<(), Stop> {
    let claim = match claim::claim(desk, terms).await? {
        Claimed::Held(by) => return Err(Stop::Ended(Ended::Nothing(by))),
        Claimed::Ours(claim) => claim,
    };
    let committed = match (claim.proposal.clone(), claim.plan.clone()) {
        (Some(proposal), _) => Committed { proposal, commit: Some(claim.head.clone()) },
        (None, Some(plan)) => {
            wanted::still_wanted(desk, &claim).await?;
            let commit = commit::over_api(desk, &claim, None, &plan).await?;
            Committed { proposal: plan, commit: Some(commit) }
        }
        (None, None) => match Box::pin(propose(config, lease, desk, &claim, terms)).await? {
            End::Made(committed) => committed,
            End::Already(finding) => return Err(already::complete(desk, &finding).await?),
        },
    };
    publish::complete(desk, &claim, &committed).await
}

/// A file that cannot be used, quoted for who can fix it.
fn unusable(error: &RepoConfigError) -> Failure {
    let what = match error {
        RepoConfigError::Invalid(why) => {
            format!("`{}` cannot be used:\n\n```text\n{why}\n```\n", repo_config::PATH)
        }
        other => format!("{other}."),
    };
    Failure::new(Reason::Usage, what, "Correct the file on the default branch.")
}

/// What a run may spend, by its own ceiling and by those of all runs together, and when it may ask.
pub(crate) fn ledger(lease: &Lease, forge: &Forge, terms: &Terms<'_>) -> Ledger {
    let purse = lease.bank().map(|bank| bank.purse(forge.repository().id, &forge.repo().to_string()));
    Ledger::new(terms.ceiling).drawing_on(purse).entering_by(lease.door().cloned())
}

/// Clones, reads, asks the model, and makes the commit. From here on the model is not asked again.
async fn propose(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
) -> Result<End<Committed, Finding>, Stop> {
    let folder = working_folder(desk)?;
    let workspace = cloned(desk, folder.path(), lease).await?;
    let material = conversation::material(desk, claim, &terms.repo).await?;
    let mut ledger = ledger(lease, desk.forge, terms);
    record(config, desk, terms);
    let made = tokio::select! {
        made = ask_model(config, desk, claim, terms, &workspace, &material, &mut ledger) => made,
        lost = lease.lost() => Err(lost.into()),
    };
    desk.spent(Bill::if_asked(terms.engine, ledger.spent()));
    let made = made?;
    // A change is not kept anywhere before it is committed, and would be paid for again: better to wait here.
    desk.forge.be_patient(desk.time_left());
    wanted::still_wanted(desk, claim).await?;
    if let Basis::Repair(repair) = &claim.basis {
        repair::still_red(desk, claim, repair).await?;
    }
    match made {
        End::Made(made) => {
            let committed = commit::commit(desk, terms, &workspace, claim, made);
            measured::committed(desk, committed).await.map(End::Made)
        }
        End::Already(finding) => {
            already::keep(desk, claim, &finding).await?;
            Ok(End::Already(finding))
        }
    }
}

fn working_folder(desk: &Desk<'_>) -> Result<tempfile::TempDir, Failure> {
    let work_dir = &desk.settings.work_dir;
    tempfile::Builder::new().prefix("task-").tempdir_in(work_dir).map_err(|error| {
        let what = format!("no working folder can be made in {}: {error}", work_dir.display());
        Failure::new(Reason::Unavailable, what, "")
    })
}

/// Keeps the conversation where the operator says. What cannot be kept stops no run.
fn record(config: &Config, desk: &Desk<'_>, terms: &Terms<'_>) {
    let (Some(folder), Some(llm)) = (&desk.settings.transcripts, terms.engine.model()) else { return };
    let path = folder.join(format!("{}.jsonl", desk.task.id));
    let mut secrets = config.secrets();
    secrets.extend(desk.settings.secrets());
    secrets.push(desk.forge.token().clone());
    match Transcript::open(&path, &secrets, Existing::Continued) {
        Ok(transcript) => {
            llm.record_in(Arc::new(transcript));
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the conversation with the model is not kept");
        }
    }
}

async fn ask_model(
    config: &Config,
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
    workspace: &Workspace,
    material: &Material,
    ledger: &mut Ledger,
) -> Result<End<Made, Finding>, Stop> {
    watched(desk, claim, terms, async |progress| {
        let cycle = cycle(config, terms, workspace, &material.issue, ledger, progress);
        ask::ask(cycle, desk, config, terms, material, claim).await
    })
    .await
}

/// Asks the model by `ask`, and meanwhile shows in the status comment how far it is.
async fn watched<T>(
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
    ask: impl AsyncFnOnce(&mut (dyn FnMut(Step) + Send)) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let (steps, seen) = tokio::sync::mpsc::unbounded_channel();
    let asking = async move {
        // Rules are done at once: there is nothing to watch.
        let watched = matches!(terms.engine, Engine::Model(_));
        let mut progress = progress(desk, watched, steps);
        ask(&mut progress).await
    };
    // Both are awaited: an edit on its way must not overtake what is kept later.
    let (made, ()) = tokio::join!(asking, working::show_progress(desk, claim, seen));
    made
}

async fn cloned(desk: &Desk<'_>, folder: &std::path::Path, lease: &Lease) -> Result<Workspace, Stop> {
    let span = Span::start(&CLONE)
        .with(&VCS_PROVIDER, "github")
        .with(&VCS_URL, desk.forge.repo().url())
        .with(&VCS_BRANCH, &desk.branch);
    let workspace = measured::part(&span, clone_branch(desk, folder, lease)).await?;
    span.set(&VCS_COMMIT, workspace.base().commit.to_string());
    Ok(workspace)
}

/// What is done with the steps of a cycle: they are logged, and shown if they are watched.
fn progress(
    desk: &Desk<'_>,
    watched: bool,
    steps: tokio::sync::mpsc::UnboundedSender<Step>,
) -> impl FnMut(Step) + Send {
    move |step: Step| {
        // A step can hold the model's words.
        tracing::info!(step = desk.gate.redact(&step.to_string()), "progress");
        if watched && steps.send(step).is_err() {
            tracing::debug!("nobody watches the progress any more");
        }
    }
}

fn cycle<'a>(
    config: &'a Config,
    terms: &'a Terms<'_>,
    workspace: &'a Workspace,
    issue: &'a Issue,
    ledger: &'a mut Ledger,
    progress: &'a mut (dyn FnMut(Step) + Send),
) -> Cycle<'a> {
    Cycle {
        engine: terms.engine,
        protection: &terms.protection,
        context_tokens: config.context_tokens(terms.engine, &terms.ceiling),
        ..config.cycle(workspace, issue, ledger, progress)
    }
}

async fn clone_branch(desk: &Desk<'_>, folder: &std::path::Path, lease: &Lease) -> Result<Workspace, Stop> {
    let mut patience = desk.forge.patience();
    let cloned = loop {
        let error = match clone_once(desk, folder, lease).await? {
            Ok(cloned) => break cloned,
            Err(error) => error,
        };
        let is_missing = matches!(error, CloneError::NoSuchBranch { .. } | CloneError::Empty);
        if is_missing && desk.forge.branch(&desk.branch).await?.is_none() {
            return Err(commit::gone(desk).into());
        }
        before_reading_again(desk, &mut patience, "clone", &error).await?;
    };
    let workspace = Workspace::of_clone(cloned.repo, cloned.commit, &cloned.branch)
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    Ok(workspace)
}

async fn clone_once(
    desk: &Desk<'_>,
    folder: &std::path::Path,
    lease: &Lease,
) -> Result<Result<Cloned, CloneError>, Stop> {
    let branch = desk.branch.clone();
    let into = folder.join("repo");
    over_git(desk, lease, move |remote, interrupt| {
        let source = Source { remote, branch: Some(&branch) };
        clone::clone(&source, &into, &CloneCaps::default(), interrupt)
    })
    .await
}

/// Reads from the git server, where blocking is allowed; ends with the lease.
async fn over_git<T: Send + 'static>(
    desk: &Desk<'_>,
    lease: &Lease,
    read: impl FnOnce(&Remote, &AtomicBool) -> Result<T, CloneError> + Send + 'static,
) -> Result<Result<T, CloneError>, Stop> {
    let remote = Remote::new(&desk.forge.repo().url(), Some(desk.forge.token().clone()))
        .map(|remote| remote.through(&desk.settings.network))
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    let interrupt = Arc::new(AtomicBool::new(false));
    let flag = interrupt.clone();
    let reading = tokio::task::spawn_blocking(move || read(&remote, &flag));
    tokio::pin!(reading);
    tokio::select! {
        read = &mut reading => read.map_err(|error| {
            Failure::new(Reason::Unavailable, format!("cloning failed: {error}"), "").into()
        }),
        lost = lease.lost() => {
            interrupt.store(true, Ordering::Relaxed);
            // What it still writes would outlive the folder.
            if tokio::time::timeout(CLONE_ENDS_WITHIN, reading).await.is_err() {
                tracing::warn!("a clone that was interrupted goes on");
            }
            Err(lost.into())
        }
    }
}

/// Adds commits to a clone, with all that each holds.
async fn fetched(
    desk: &Desk<'_>,
    workspace: &Workspace,
    commits: [gix::ObjectId; 2],
    lease: &Lease,
) -> Result<(), Stop> {
    let mut patience = desk.forge.patience();
    let have = workspace.base().commit;
    loop {
        let repo = workspace.shared().clone();
        let fetched = over_git(desk, lease, move |remote, interrupt| {
            let caps = CloneCaps::default();
            clone::fetch_commits(&repo.to_thread_local(), remote, &commits, have, &caps, interrupt)
        });
        let Err(error) = fetched.await? else { return Ok(()) };
        before_reading_again(desk, &mut patience, "fetch", &error).await?;
    }
}

/// Waits before the git server is read from once more; ends the run where that is of no use, or was done for long enough.
async fn before_reading_again(
    desk: &Desk<'_>,
    patience: &mut Patience,
    call: &str,
    error: &CloneError,
) -> Result<(), Stop> {
    let (call, why) = (desk.forge.call(call), error.to_string());
    let failed = match error {
        // The branch was made a moment ago.
        CloneError::NoSuchBranch { .. } | CloneError::Empty => CallError::NotYet { call, message: why },
        CloneError::Remote(RemoteError::NoAccess { .. }) => CallError::Unauthorized { call, message: why },
        error if error.is_transient() => CallError::Unavailable { call, why },
        error => return Err(not_cloned(error).into()),
    };
    patience.before_retry(failed).await.map_err(|failed| match failed {
        CallError::Lost(lost) => lost.into(),
        _ => not_cloned(error).into(),
    })
}

fn not_cloned(error: &CloneError) -> Failure {
    let reason = if error.is_transient() { Reason::Unavailable } else { Reason::Repository };
    Failure::new(reason, error.to_string(), "")
}

/// The longest that a clone takes to notice that it was interrupted: a read that waits ends with its time limit.
const CLONE_ENDS_WITHIN: Duration = Duration::from_secs(20);
