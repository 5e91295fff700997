//! *Dead letters*: tasks that were given up, each told on its issue and taken off the queue.

use sha2::{Digest as _, Sha256};
use shared::hex;
use shared::issue::IssueId;
use shared::jira::JiraRequest;
use shared::message::Message;
use shared::queue::DELIVERY_LIMIT;
use shared::state::Event;
use shared::task::Task;

use super::finding::Finding;
use super::queue::{Death, Letter, Queue};
use super::site::{Site, Sites};
use super::{Hand, Stop, Sweep};
use crate::call::CallError;
use crate::forge::model::Permission;
use crate::outcome::{Failure, Reason};
use crate::record::Subject;
use crate::record::comment::{self, Turn};
use crate::record::status::{Phase, StatusComment};
use crate::run::jira::{self, Lookup};

/// Reads every dead letter once.
pub(super) async fn sweep(sweep: &mut Sweep<'_>, sites: &mut Sites<'_>, queue: &Queue) -> Result<(), Stop> {
    while let Some(letter) = queue.next_letter().await? {
        let message = match Message::parse(letter.body(), &sweep.run.hosts) {
            Ok(message) => message,
            Err(error) => {
                let hash = hex::text(&Sha256::digest(letter.body()));
                tracing::warn!(bytes = letter.body().len(), hash, %error, "a dead letter is not a valid task");
                sweep.found(&Finding::Unreadable {
                    bytes: letter.body().len(),
                    hash,
                    why: error.to_string(),
                });
                continue;
            }
        };
        let thread = match &message {
            Message::Task(task) => task.issue.reference_from_outside(&task.repo),
            Message::Jira(request) => request.issue.to_string(),
        };
        let handled = match &message {
            Message::Task(task) => of_task(sweep, sites, task, &letter).await,
            Message::Jira(request) => of_jira(sweep, sites, request, &letter).await,
        };
        let finding = match handled {
            Ok(finding) => finding,
            Err(lost @ CallError::Lost(_)) => return Err(lost.into()),
            Err(error) => Finding::Left { task: message.id(), issue: thread, why: error.to_string() },
        };
        let stays = matches!(finding, Finding::Left { .. });
        if !stays && sweep.hand == Hand::Writing {
            letter.settle().await?;
        }
        sweep.found(&finding);
    }
    Ok(())
}

/// A task that began on the forge is told on its issue, wherever that is.
async fn of_task(
    sweep: &Sweep<'_>,
    sites: &mut Sites<'_>,
    task: &Task,
    letter: &Letter,
) -> Result<Finding, CallError> {
    let site = sites.at(&task.repo).await?;
    match jira::site_behind(sweep.run, task, &site.forge).await? {
        Some(jira) => handle(sites.at_jira(&task.repo, jira).await?, task, letter, sweep.hand).await,
        None => handle(site, task, letter, sweep.hand).await,
    }
}

/// A request of Jira is told where a run would have worked on it.
async fn of_jira(
    sweep: &Sweep<'_>,
    sites: &mut Sites<'_>,
    request: &JiraRequest,
    letter: &Letter,
) -> Result<Finding, CallError> {
    let (task, issue) = (request.id, request.issue.to_string());
    let site = match jira::site_of(sweep.run, request) {
        Ok(site) => site,
        Err(why) => return Ok(Finding::Left { task, issue, why }),
    };
    let issues = jira::open(sweep.run, site, sites.lease()).await?;
    let lookup = Lookup { settings: sweep.run, request, site };
    match lookup.find_out(&issues).await? {
        Ok((task, _)) => handle(sites.at_jira(&task.repo, site).await?, &task, letter, sweep.hand).await,
        // A run would have said so.
        Err(refusal) => {
            if sweep.hand == Hand::Writing {
                lookup.tell(issues, &refusal, sites.lease()).await?;
            }
            Ok(Finding::Settled { task, issue, why: refusal.why })
        }
    }
}

async fn handle(site: &Site<'_>, task: &Task, letter: &Letter, hand: Hand) -> Result<Finding, CallError> {
    let thread = &task.issue;
    let settled = |issue: &IssueId, why| Ok(Finding::Settled { task: task.id, issue: site.name(issue), why });
    if task.repository_id.is_some_and(|id| u64::from(id) != site.repository_id()) {
        return settled(thread, "the repository was replaced by another one of the same name");
    }
    if !task.mode.kind().is_asked_for() {
        return match unasked(site, task, letter, hand).await? {
            Some(why) => Ok(Finding::Told { task: task.id, issue: site.name(thread), why }),
            None => settled(thread, "nobody asked for it"),
        };
    }
    if site.forge.permission(task.trigger_user.as_str()).await? == Permission::Less {
        return settled(thread, "the requester has no write access");
    }
    let Subject::Issue(issue) = site.records().subject(&site.forge, thread).await? else {
        return settled(thread, "there is no such issue any more");
    };
    let own = task.id.to_string();
    let record = site.record(&issue).await?;
    let mine = record.statuses().iter().find(|said| said.status.task == own);
    if mine.is_some_and(|said| said.status.phase == Phase::Ended) {
        return settled(&issue.id, "it was reported already");
    }
    // A wish that came later decides over the labels, unless it was a stranger's.
    let mut others = record.statuses().iter().filter(|said| said.status.task != own && !said.status.refused);
    let overtaken = others.any(|said| match mine {
        Some(mine) => said.id > mine.id,
        None => task.triggered_at.is_some_and(|at| said.status.since > at),
    });
    let is_labelled = task.mode.kind().shows_on_labels();
    if overtaken && mine.is_none() && is_labelled {
        return settled(&issue.id, "a later task was done on the issue");
    }
    let failure = failure(task, &letter.death());
    if hand == Hand::Writing {
        if !overtaken && is_labelled {
            record.relabel(Event::Failed).await?;
        }
        match site.tell(&record, mine, &own, &comment::failed(&failure, Turn::of(task.mode))).await {
            Err(CallError::Locked { .. }) => {
                return settled(
                    &issue.id,
                    "the issue is locked, so it has the label of a failure and no words",
                );
            }
            told => told?,
        }
    }
    Ok(Finding::Told { task: task.id, issue: site.name(&issue.id), why: failure.what })
}

/// Tells the end of what nobody asked for, if a run of it said that it works; what it says then.
async fn unasked(
    site: &Site<'_>,
    task: &Task,
    letter: &Letter,
    hand: Hand,
) -> Result<Option<String>, CallError> {
    let Subject::Issue(issue) = site.records().subject(&site.forge, &task.issue).await? else {
        return Ok(None);
    };
    let own = task.id.to_string();
    let record = site.record(&issue).await?;
    let is_open = |said: &&StatusComment| said.status.task == own && said.status.phase != Phase::Ended;
    let Some(mine) = record.statuses().iter().find(is_open) else { return Ok(None) };
    let failure = failure(task, &letter.death());
    if hand == Hand::Writing {
        match site.tell(&record, Some(mine), &own, &comment::failed(&failure, Turn::of(task.mode))).await {
            Ok(()) | Err(CallError::Locked { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(failure.what))
}

fn failure(task: &Task, death: &Death) -> Failure {
    let what = match death {
        Death::DeliveryLimit => {
            format!("It was tried {} times, and no attempt came to its end.", DELIVERY_LIMIT + 1)
        }
        Death::Rejected => "It was given up, and what happened could not be reported here.".to_owned(),
        Death::Other(reason) => format!("The queue gave it up ({}).", plain(reason)),
    };
    let next =
        format!("If that happens again, ask the agent's operator to check its log for task {}.", task.id);
    Failure::new(Reason::Unavailable, what, next)
}

/// A reason of the broker's as one word that means nothing to Markdown.
fn plain(reason: &str) -> String {
    reason.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).take(40).collect()
}
