//! The *admission* of a task: whether who asked may ask, and whether there is anything to do.

use jiff::SignedDuration;
use secrecy::SecretString;
use shared::issue::IssueId;
use shared::task::Task;

use super::desk::{Desk, Place};
use super::ended::{Attempt, Before, Ended, Stop};
use super::holder::{self, InTheWay};
use super::settings::{RunSettings, Strangers};
use super::{acknowledge, branch, ending, no_issue, wanted};
use crate::config::Config;
use crate::forge::model::{Collaborator, Permission};
use crate::lease::Lease;
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};
use crate::record::status::{Phase, Status, StatusComment};
use crate::record::{Records, Subject, comment};
use crate::tracker::Tracker;
use crate::tracker::model::{IssueKind, IssueState, Talk};

/// How long a task waits at a time for another one of its issue.
const TURN: SignedDuration = SignedDuration::from_secs(90);

/// Finds out what the task is about and whether its author may ask for it.
pub(super) async fn open_desk<'a>(
    config: &Config,
    settings: &'a RunSettings,
    task: &'a Task,
    place: Place<'a>,
    attempt: Attempt,
    lease: &Lease,
) -> Result<Desk<'a>, Stop> {
    let repository = place.forge.repository();
    let refuse = |what: &str| Failure::new(Reason::Repository, what, "");
    if repository.is_archived {
        return Err(refuse("the repository is archived").into());
    }
    if !repository.has_issues && place.records.tracker.needs_issues_of_repository() {
        return Err(refuse("the repository has no issues").into());
    }
    if task.repository_id.is_some_and(|id| u64::from(id) != repository.id) {
        return Err(refuse("the repository has been replaced by another one of the same name").into());
    }
    let mut secrets: Vec<SecretString> = config.secrets();
    secrets.extend(settings.secrets());
    secrets.push(place.forge.token().clone());
    let asker = if task.mode.kind().is_asked_for() {
        find_asker(settings, task, place, &secrets, lease).await?
    } else {
        Collaborator { login: task.trigger_user.to_string(), id: None, permission: Permission::Less }
    };
    let failure = match place.records.subject(place.forge, &task.issue).await? {
        Subject::Issue(issue) | Subject::PullRequest(issue) => {
            return Desk::open(settings, task, place, *issue, asker, &secrets, attempt).await;
        }
        Subject::Gone { id } => no_issue::gone(&id, place.records.tracker),
        Subject::Elsewhere { id, url } => no_issue::moved(&id, &url),
    };
    secrets.extend(settings.jira_secrets());
    let gate = Gate::new(&secrets, &[], None).with_mention(task.trigger_user.as_str());
    no_issue::tell(task, place.forge, place.records, &gate, &failure).await?;
    Err(failure.into())
}

/// Who asked, if that person may. The issue of Jira that was assigned to the agent gets its label then.
async fn find_asker(
    settings: &RunSettings,
    task: &Task,
    place: Place<'_>,
    secrets: &[SecretString],
    lease: &Lease,
) -> Result<Collaborator, Stop> {
    let asker = place.forge.collaborator(task.trigger_user.as_str()).await?;
    if asker.permission == Permission::Less {
        let before = match settings.strangers {
            Strangers::Answered => answer_stranger(task, place, secrets, lease).await?,
            Strangers::Ignored => Before::NotTold,
        };
        return Err(Stop::Ended(Ended::Refused(before)));
    }
    lease.admitted().await;
    // Set for somebody who may not ask, it would stay when the assignment is taken back, and be nobody's.
    if let Some(key) = place.unlabelled {
        let label = settings.labels.trigger.as_str();
        place.records.tracker.add_labels(&IssueId::Key(key.clone()), &[label]).await?;
    }
    Ok(asker)
}

/// One short comment for each person and thread, however many commands there are, and however often they are delivered.
async fn answer_stranger(
    task: &Task,
    place: Place<'_>,
    secrets: &[SecretString],
    lease: &Lease,
) -> Result<Before, Stop> {
    // Of two runs at the same instant one answers for both.
    if !lease.is_the_one(&task.refusal_slot()).await {
        return Ok(Before::NotTold);
    }
    // A command on a pull request is answered there, whichever tracker has the issue.
    let beside = Tracker::beside(place.forge);
    let tracker = if task.issue.number().is_some() { &beside } else { place.records.tracker };
    let record = Records { tracker, ..place.records }.read_own(&task.issue, Vec::new()).await?;
    let is_told = record.statuses().iter().any(|said| said.status.bars(&task.trigger_user));
    if !is_told && record.status_of(&task.id.to_string()).is_none() {
        let gate = Gate::new(secrets, &[], None).with_mention(task.trigger_user.as_str());
        let text = comment::not_allowed(task.trigger_user.as_str(), tracker.remembers_refusals());
        record.say_at_last(&gate, None, &text, Status::barred(task)).await?;
    }
    Ok(if is_told { Before::Told } else { Before::NotTold })
}

/// Whether there is anything to do: a task that ended stays ended, whatever happened since.
pub(super) async fn admit(desk: &Desk<'_>) -> Result<(), Stop> {
    if desk.own_status().is_some_and(|(_, status)| status.phase == Phase::Ended) {
        return Err(Stop::Ended(Ended::Nothing(InTheWay::Finished.why())));
    }
    // Before anything that is told on the issue, whose labels are another run's.
    if let Some(found) = holder::in_the_way(&desk.claimant(), &before_us(desk)) {
        if found == InTheWay::Other && desk.task.mode.command().is_some() {
            acknowledge::acknowledge(desk).await?;
        }
        if found == InTheWay::Other && desk.task.mode.kind().waits_its_turn() {
            return Err(wait_turn(desk).await?);
        }
        if found == InTheWay::Other && desk.task.mode.command().is_some() {
            give_way(desk).await?;
        }
        return Err(Stop::Ended(Ended::Nothing(found.why())));
    }
    if desk.issue.talk == Talk::ClosedToUs {
        return Err(ending::locked(desk, desk.tracker.service()).into());
    }
    if desk.issue.kind == IssueKind::PullRequest {
        let what = format!("{} is a pull request that the agent did not open.", desk.issue.id.reference());
        return Err(Failure::new(Reason::Repository, what, "Ask on an issue.").into());
    }
    // An issue that our own pull request closed is one that has to be finished.
    let needs_issue = !desk.task.mode.kind().outlives_issue();
    if desk.issue.state == IssueState::Closed && needs_issue && !branch::is_published(desk).await? {
        let what = "The issue is closed.";
        return Err(Failure::new(Reason::Usage, what, "Open it again.").into());
    }
    let starts = desk.task.mode.kind().needs_trigger_label();
    let trigger = &desk.record.names().trigger;
    // A task without a time was given by hand: nobody set a label for it.
    if starts && desk.task.triggered_at.is_some() && !desk.record.has_label(trigger) {
        return Err(Stop::CalledOff(format!("the label `{trigger}` was removed")));
    }
    wanted::not_called_off_yet(desk).await?;
    Ok(acknowledge::acknowledge(desk).await?)
}

/// The status comments that can be in the way. Of tasks that wait for each other the one whose comment came first goes
/// first, so that two of them never wait for ever.
fn before_us(desk: &Desk<'_>) -> Vec<StatusComment> {
    let own = desk.own_status().map(|(id, _)| id).filter(|_| desk.task.mode.kind().waits_its_turn());
    let is_before = |said: &&StatusComment| own.is_none_or(|own| said.id <= own);
    desk.record.statuses().iter().filter(is_before).cloned().collect()
}

/// The end of a run that comes again once the one before it is done; where it cannot, whoever asked is told.
pub(super) async fn wait_turn(desk: &Desk<'_>) -> Result<Stop, Stop> {
    if !desk.attempt.may_be_put_off() {
        give_way(desk).await?;
    }
    Ok(Stop::Ended(Ended::after_other(desk.attempt, InTheWay::Other.why(), TURN)))
}

/// Tells whoever gave a command that another run is at work. The labels stay that run's.
async fn give_way(desk: &Desk<'_>) -> Result<(), Stop> {
    let what = "Another run is at work on this issue.";
    let failure = Failure::new(Reason::Usage, what, "Wait until it has ended.");
    let text = comment::failed(&failure, desk.turn());
    let status = desk.signed(Status::refused(desk.task));
    Ok(desk.record.say(&desk.gate, None, &text, status).await.map(drop)?)
}
