//! A *run* is one attempt at a task, for an issue of GitHub or Jira, from asking who may ask to the last label.
//!
//! The order of effects is branch, commit, pull request, comment, labels, status comment. Every prefix of it is a
//! state that the next run of the same task recognizes and completes. What the model proposed is kept in the status
//! comment before the commit is made, so that it is not asked again once the commit is there, nor for a plan that was kept,
//! whose commit is empty.

mod acknowledge;
mod admission;
mod already;
mod answers;
mod approval;
mod ask;
mod asking;
mod branch;
mod change;
mod checks;
mod ci;
mod ci_hold;
mod claim;
mod clone;
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
mod propose;
mod publish;
mod repair;
pub mod settings;
mod spans;
mod stance;
mod trailers;
mod update;
mod wanted;
mod work;
mod working;

use shared::message::Message;
use shared::mode::{Event, Request, Start};
use shared::task::Task;

use crate::config::Config;
use crate::cycle::End;
use crate::forge::{Forge, Login};
use crate::lease::Lease;
use crate::marker::Marks;
use crate::record::Records;
use crate::record::status::Phase;
use crate::repo_config::{RepoConfig, RepoConfigError};
use claim::Claimed;
use commit::Committed;
use desk::{Desk, Place};
use ended::Stop;
use settings::{RunSettings, unusable};
use work::Job;

pub(crate) use asking::ledger;
pub(crate) use checks::is_followed;
pub use ended::{Attempt, Before, Delivery, Ended, Onward, Wait};

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
    let file = forge.repository().config.as_ref();
    let (repo_config, names) =
        RepoConfig::with_labels(file, tracker.labels_are_the_repositorys(), &settings.labels);
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
    let request = match desk.task.mode.start() {
        // These look at how things stand, whatever happened before: what there is to do is done once by itself.
        Start::Event(Event::Checks) => return checks::look(config, lease, desk, repo_config).await,
        Start::Event(Event::End) => return closed::follow(desk).await,
        Start::Request(request) => request,
    };
    admission::admit(desk).await?;
    if let Some(finding) = already::kept(desk) {
        return Err(already::complete(desk, &finding).await?);
    }
    let terms = settings::terms(config, desk.settings, repo_config.map_err(|error| unusable(&error))?)?;
    let job = Job { config, lease, desk, terms: &terms };
    match request {
        Request::Release(at) => ci::release(desk, &terms, at).await,
        Request::Reviews(at) => Box::pin(fix::answer(job, at)).await,
        Request::Base(at) => Box::pin(update::update(job, at)).await,
        Request::Issue | Request::ApprovedPlan(_) | Request::Feedback(_) => resolve(job).await,
    }
}

/// Plans, or makes a change, from an issue or its plan.
async fn resolve(job: Job<'_>) -> Result<(), Stop> {
    let desk = job.desk;
    let claim = match claim::claim(desk, job.terms).await? {
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
        (None, None) => match Box::pin(propose::propose(job, &claim)).await? {
            End::Made(committed) => committed,
            End::Already(finding) => return Err(already::complete(desk, &finding).await?),
        },
    };
    publish::complete(desk, &claim, &committed).await
}
