//! The *issues* of a repository: those that ask in vain, and those at work whose run is gone.

use std::num::NonZeroU64;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::issue::IssueId;
use shared::jira::{AccountId, Asks, JiraOrigin, JiraRequest, event_of};
use shared::message::Message;
use shared::mode::Mode;
use shared::queue::CONSUMER_TIMEOUT;
use shared::state::{Event, State, same_label};
use shared::task::{Origin, Task, TaskId, checks_of, wish};
use shared::user;

use super::finding::Finding;
use super::queue::Queue;
use super::site::Site;
use super::{Hand, MARGIN, Stop, Sweep};
use crate::call::CallError;
use crate::forge::model::{Checks, Permission, PullRequestChecks, PullRequestKind, Stage, StageWish};
use crate::outcome::{Failure, Reason};
use crate::record::Record;
use crate::record::comment::{self, Turn};
use crate::record::status::{Phase, StatusComment};
use crate::run::is_followed;
use crate::thread::UserKind;
use crate::tracker::Tracker;
use crate::tracker::jira::Issues;
use crate::tracker::model::{self, Happening, Issue, IssueKind, Listed, ListedIssue, Listing, Milestone};

/// Looks through one repository. `waiting` tasks are in the queue, of which nobody knows for which issues they are.
pub(super) async fn sweep(
    sweep: &mut Sweep<'_>,
    site: &Site<'_>,
    queue: &Queue,
    waiting: u32,
) -> Result<(), Stop> {
    if waiting > 0 {
        sweep.found(&Finding::Busy { repo: site.repo.to_string(), waiting });
        return Ok(());
    }
    match look_through(sweep, site, queue).await {
        Err(Stop::Call(error)) if !matches!(error, CallError::Lost(_)) => {
            sweep.found(&Finding::Unreachable { repo: site.repo.to_string(), why: error.to_string() });
            Ok(())
        }
        ended => ended,
    }
}

async fn look_through(sweep: &mut Sweep<'_>, site: &Site<'_>, queue: &Queue) -> Result<(), Stop> {
    let mut bad = BadIssues::default();
    let working = site.tracker.labelled(&site.labels().working, Listed::All).await?;
    for ListedIssue { issue, .. } in &working.issues {
        let looked = at_work(site, issue, sweep.hand).await;
        if let Some(finding) = bad.past(sweep, site, &issue.id, looked)?.flatten() {
            sweep.found(&finding);
        }
    }
    cut(sweep, site, &working, &labelled(&site.labels().working));
    let trigger = &site.labels().trigger;
    let asking_issues = site.tracker.asking_for_work(trigger).await?;
    let mut asking_how = labelled(trigger);
    if site.tracker.takes_assignments() {
        asking_how.push_str(" or the agent as assignee");
    }
    cut(sweep, site, &asking_issues, &asking_how);
    for listed in &asking_issues.issues {
        let asked = asking(site, listed, sweep.settings.grace).await;
        let name = site.name(&listed.issue.id);
        match bad.past(sweep, site, &listed.issue.id, asked)? {
            None | Some(Asking::No) => {}
            Some(Asking::InVain(why)) => sweep.found(&Finding::Unanswered { issue: name, why }),
            Some(Asking::Yes(missed)) => {
                let Missed { message, mode, user } = *missed;
                if sweep.hand == Hand::Writing {
                    queue.publish(&message).await?;
                }
                let user = user.to_string();
                sweep.found(&Finding::Missed {
                    issue: name,
                    task: message.id(),
                    mode: mode.kind().name(),
                    user,
                });
            }
        }
    }
    merged(sweep, site, &mut bad).await?;
    overdue(sweep, site, queue, &mut bad).await?;
    let unreadable = working.unreadable + asking_issues.unreadable;
    if unreadable > 0 {
        let why = format!("issues that are not of the documented form: {unreadable}");
        sweep.found(&Finding::Skipped { issue: site.repo.to_string(), why });
    }
    Ok(())
}

fn labelled(label: &str) -> String {
    format!("with the label `{label}`")
}

/// A list that is too long hides what is newest. `which` says what its issues have.
fn cut(sweep: &mut Sweep<'_>, site: &Site<'_>, listing: &Listing, which: &str) {
    if listing.is_cut {
        let why =
            format!("there are more issues {which} than are listed, oldest first; take it off old ones");
        sweep.found(&Finding::Skipped { issue: site.repo.to_string(), why });
    }
}

/// Moves issues on whose pull request was merged, where the operator says where to.
async fn merged(sweep: &mut Sweep<'_>, site: &Site<'_>, bad: &mut BadIssues) -> Result<(), Stop> {
    if !site.tracker.moves_merged() {
        return Ok(());
    }
    let done = site.tracker.labelled(&site.labels().done, Listed::Open).await?;
    cut(sweep, site, &done, &labelled(&site.labels().done));
    for ListedIssue { issue, .. } in &done.issues {
        let looked = move_merged(site, issue, sweep.hand).await;
        if bad.past(sweep, site, &issue.id, looked)? == Some(true) {
            sweep.found(&Finding::Merged { issue: site.name(&issue.id) });
        }
    }
    Ok(())
}

/// Whether the newest pull request for the issue is merged, and the issue does not show it yet.
async fn move_merged(site: &Site<'_>, issue: &Issue, hand: Hand) -> Result<bool, CallError> {
    let newest = site.forge.pull_requests_of(&issue.id.branch()).await?.into_iter().next();
    if newest.is_none_or(|pull| pull.stage != Stage::Merged)
        || !site.tracker.is_due(&issue.id, Milestone::Merged).await?
    {
        return Ok(false);
    }
    if hand == Hand::Writing {
        site.tracker.reached(&issue.id, Milestone::Merged).await?;
    }
    Ok(true)
}

/// Has those pull requests looked at whose checks should have ended: no event tells that they do not, and one that tells of
/// their end can get lost.
async fn overdue(
    sweep: &mut Sweep<'_>,
    site: &Site<'_>,
    queue: &Queue,
    bad: &mut BadIssues,
) -> Result<(), Stop> {
    let within = sweep.run.checks_within;
    // Pull requests are listed where the code is, whichever tracker has their issues.
    let pulls = Tracker::beside(&site.forge).labelled(&site.labels().generated, Listed::Open).await?;
    for ListedIssue { issue: pull, .. } in &pulls.issues {
        if pull.kind != IssueKind::PullRequest || is_younger(pull.updated_at, within) {
            continue;
        }
        let looked = overdue_checks(site, pull, within).await;
        if let Some((task, why)) = bad.past(sweep, site, &pull.id, looked)?.flatten() {
            let id = task.id;
            if sweep.hand == Hand::Writing {
                queue.publish(&Message::Task(Box::new(task))).await?;
            }
            sweep.found(&Finding::Overdue { pull_request: site.name(&pull.id), task: id, why });
        }
    }
    Ok(())
}

/// The task that a webhook makes of the checks of a draft of ours, and why it is due, if they should have ended and nothing
/// came of it yet.
async fn overdue_checks(
    site: &Site<'_>,
    pull: &Issue,
    within: Duration,
) -> Result<Option<(Task, &'static str)>, CallError> {
    let Some(number) = pull.id.number() else { return Ok(None) };
    let pull = site.forge.pull_request(number.into()).await?;
    let is_ours = site.forge.identity().is(pull.by.as_ref());
    let Some(issue) = IssueId::of_branch(&pull.head.name).filter(|issue| site.has(issue)) else {
        return Ok(None);
    };
    if !is_ours || pull.kind == PullRequestKind::Ready || pull.stage != Stage::Open {
        return Ok(None);
    }
    let head = site.forge.commit(&pull.head.commit).await?;
    if is_younger(head.at, within) {
        return Ok(None);
    }
    let now = site.forge.pull_request_checks(pull.number).await?;
    // A run would find nothing to do, and the next sweep would find the same again.
    if now.head != pull.head.commit || !is_followed(&site.forge, &head).await? {
        return Ok(None);
    }
    let repository_id = NonZeroU64::new(site.repository_id());
    let mode = Mode::Checks;
    let event = checks_of(&now.head);
    let id = TaskId::derive(Origin {
        repo: &site.repo,
        repository_id,
        issue: &issue,
        mode: mode.kind(),
        event: &event,
    });
    let record = site.records().read_own(&issue, Vec::new()).await?;
    let Ok(owner) = user::Login::parse(site.repo.owner()) else { return Ok(None) };
    let own = id.to_string();
    let told = record.statuses().iter().find(|said| said.status.task == own);
    let Some(why) = why_due(&now, told) else { return Ok(None) };
    let task = Task {
        id,
        repo: site.repo.clone(),
        issue,
        mode,
        trigger_user: owner,
        triggered_at: None,
        delivery_id: None,
        repository_id,
        installation_id: None,
        issue_digest: None,
    };
    Ok(Some((task, why)))
}

/// Why a run has to look at the checks of a draft, by what was told of them before; `None` if nothing would come of it.
fn why_due(now: &PullRequestChecks, told: Option<&StatusComment>) -> Option<&'static str> {
    const ENDED: &str = "its checks have ended, and nothing came of it";
    let is_at_work = |said: &StatusComment| {
        said.status.phase != Phase::Ended && is_younger(said.seen_at(), CONSUMER_TIMEOUT + MARGIN)
    };
    if told.is_some_and(is_at_work) {
        return None;
    }
    match &now.checks {
        Checks::Passed => {
            let is_wanted = now.wish == StageWish::Draft || told.is_some_and(|said| said.status.passed);
            (!is_wanted).then_some(ENDED)
        }
        // That they do not end is told once.
        _ if !now.running.is_empty() => told.is_none().then_some("its checks do not end"),
        Checks::Failed(_) => told.is_none_or(|said| !said.status.is_final()).then_some(ENDED),
        Checks::Absent | Checks::Running => None,
    }
}

/// Failures of the service in a row after which the look at the repository ends.
const MAX_BAD_IN_A_ROW: u32 = 5;

/// Issues that could not be looked at: they are passed over, unless the service failed for many in a row. What is wrong with
/// one issue says nothing of the next, however many there are.
#[derive(Default)]
struct BadIssues {
    in_a_row: u32,
}

impl BadIssues {
    /// What was found; `None` for an issue that is passed over.
    fn past<T>(
        &mut self,
        sweep: &mut Sweep<'_>,
        site: &Site<'_>,
        issue: &IssueId,
        looked: Result<T, CallError>,
    ) -> Result<Option<T>, CallError> {
        let error = match looked {
            Ok(found) => {
                self.in_a_row = 0;
                return Ok(Some(found));
            }
            Err(error) => error,
        };
        let is_away = matches!(error, CallError::Unavailable { .. } | CallError::Unknown { .. });
        self.in_a_row = if is_away { self.in_a_row + 1 } else { 0 };
        let is_service = matches!(
            error,
            CallError::Lost(_) | CallError::RateLimited { .. } | CallError::Unauthorized { .. }
        );
        if is_service || self.in_a_row >= MAX_BAD_IN_A_ROW {
            return Err(error);
        }
        sweep.found(&Finding::Skipped { issue: site.name(issue), why: error.to_string() });
        Ok(None)
    }
}

/// An issue with the label of work: puts it right if its run is gone.
async fn at_work(site: &Site<'_>, issue: &Issue, hand: Hand) -> Result<Option<Finding>, CallError> {
    if issue.kind == IssueKind::PullRequest {
        return Ok(None);
    }
    let record = site.record(issue).await?;
    let is_open = |said: &&StatusComment| said.status.phase != Phase::Ended;
    let open: Vec<&StatusComment> = record.statuses().iter().filter(is_open).collect();
    let seen = open.iter().map(|said| said.seen_at()).max().unwrap_or(issue.updated_at);
    if is_younger(seen, CONSUMER_TIMEOUT + MARGIN) {
        return Ok(None);
    }
    let name = site.name(&issue.id);
    if open.is_empty() {
        if hand == Hand::Writing {
            site.tracker.remove_label(&issue.id, &site.labels().working).await?;
        }
        return Ok(Some(Finding::Unlabelled { issue: name }));
    }
    if hand == Hand::Writing {
        record.relabel(Event::Failed).await?;
        for said in open {
            let what = "The run died, and no other attempt follows.";
            let next = format!(
                "If that happens again, ask the agent's operator to check its log for task {}.",
                said.status.task
            );
            let failure = Failure::new(Reason::Unavailable, what, next);
            let text = comment::failed(&failure, Turn::START);
            match site.tell(&record, Some(said), &said.status.task, &text).await {
                // The label has to do: nobody hears an App on a locked issue.
                Ok(()) | Err(CallError::Locked { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Some(Finding::Gone { issue: name }))
}

/// Whether an issue asks for work that nobody has begun.
enum Asking {
    No,
    /// It does, but nothing is to be done about it.
    InVain(&'static str),
    Yes(Box<Missed>),
}

/// What a webhook that was missed would have published.
struct Missed {
    message: Message,
    mode: Mode,
    user: user::Login,
}

async fn asking(site: &Site<'_>, listed: &ListedIssue, grace: Duration) -> Result<Asking, CallError> {
    let ListedIssue { issue, digest } = listed;
    let labels = issue.labels.iter().map(String::as_str);
    let is_idle = State::decode(labels, site.labels()) == Ok(State::Idle);
    if !is_idle || issue.kind != IssueKind::Issue || is_younger(issue.updated_at, grace) {
        return Ok(Asking::No);
    }
    let record = site.record(issue).await?;
    if record.statuses().iter().any(|said| !said.status.refused) {
        return Ok(Asking::No);
    }
    if let Tracker::Jira(issues) = &site.tracker {
        return asking_on_jira(site, issues, issue, &record).await;
    }
    let history = site.tracker.history(&issue.id).await?;
    let labelled = history.iter().rev().find_map(|event| match &event.what {
        Happening::Labelled { label, by } if same_label(label, &site.labels().trigger) => {
            Some((by.as_ref(), event.at))
        }
        _ => None,
    });
    let Some((Some(actor), Some(at))) = labelled else {
        return Ok(Asking::InVain("the requester is not known"));
    };
    let person = (actor.kind == UserKind::Person).then(|| user::Login::parse(&actor.login).ok()).flatten();
    let Some(person) = person else { return Ok(Asking::InVain("it was not a person who asked")) };
    let mode = Mode::of_issue(issue.labels.iter().map(String::as_str), &site.labels().quick);
    let repository_id = NonZeroU64::new(site.repository_id());
    let event = wish(Some(issue.created_at), Some(at));
    let origin =
        Origin { repo: &site.repo, repository_id, issue: &issue.id, mode: mode.kind(), event: &event };
    let id = TaskId::derive(origin);
    // A task that was refused stays so, also if whoever asked may ask by now.
    if record.status_of(&id.to_string()).is_some() {
        return Ok(Asking::No);
    }
    if site.forge.permission(person.as_str()).await? == Permission::Less {
        return Ok(Asking::InVain("the requester has no write access"));
    }
    let is_renaming = |event: &&model::Event| matches!(event.what, Happening::Renamed);
    let renamed = history.iter().filter(is_renaming).filter_map(|event| event.at).max();
    let edited = site.tracker.edited_at(&issue.id).await?;
    if renamed.max(edited).is_some_and(|changed| changed > at) {
        return Ok(Asking::InVain("it was edited after the request; remove the label and add it again"));
    }
    let task = Task {
        id,
        repo: site.repo.clone(),
        issue: issue.id.clone(),
        mode,
        trigger_user: person.clone(),
        triggered_at: Some(at),
        delivery_id: None,
        repository_id,
        installation_id: None,
        issue_digest: Some(*digest),
    };
    Ok(Asking::Yes(Box::new(Missed { message: Message::Task(Box::new(task)), mode, user: person })))
}

/// The same for an issue of Jira, whose request has the id that its webhook gives it.
async fn asking_on_jira(
    site: &Site<'_>,
    issues: &Issues,
    issue: &Issue,
    record: &Record<'_>,
) -> Result<Asking, CallError> {
    let IssueId::Key(key) = &issue.id else { return Ok(Asking::No) };
    let details = issues.details(key).await?;
    let Some(asked) = issues.asked(&details, &site.labels().trigger).await? else {
        return Ok(Asking::InVain("nobody's request stands any more; set the label or the assignee again"));
    };
    let (Some(actor), Some(number)) = (&asked.by, NonZeroU64::new(details.number)) else {
        return Ok(Asking::InVain("the requester is not known"));
    };
    let Some(person) = issues.site().login(actor).cloned() else {
        return Ok(Asking::InVain("no login is configured for who asked"));
    };
    let event = event_of(Some(issue.created_at), Some(asked.at), asked.change);
    let name = &issues.site().name;
    let id = JiraOrigin { site: name, number, asks: Asks::BEGIN, event: &event }.id();
    if record.status_of(&id.to_string()).is_some() {
        return Ok(Asking::No);
    }
    if site.forge.permission(person.as_str()).await? == Permission::Less {
        return Ok(Asking::InVain("the requester has no write access"));
    }
    if site.tracker.is_edited_since(&issue.id, asked.at).await? {
        return Ok(Asking::InVain("it was edited after the request; set the label or the assignee again"));
    }
    let request = JiraRequest {
        id,
        site: name.clone(),
        issue: key.clone(),
        number,
        asks: Asks::BEGIN,
        change: asked.change.and_then(NonZeroU64::new),
        account: AccountId::parse(&actor.account_id),
        triggered_at: Some(asked.at),
        delivery_id: None,
    };
    let mode = Mode::of_issue(issue.labels.iter().map(String::as_str), &site.labels().quick);
    Ok(Asking::Yes(Box::new(Missed { message: Message::Jira(Box::new(request)), mode, user: person })))
}

fn is_younger(at: Timestamp, age: Duration) -> bool {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    at.duration_until(Timestamp::now()) < age
}
