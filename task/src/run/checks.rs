//! The *checks* of a pull request: it stays a draft until they are green, and one that is shown already is repaired as well.
//!
//! Nothing waits for them. A run ends with a draft; when checks end, a run of its own asks how all of them stand together and
//! either shows the pull request to its reviewers or goes on to [`repair`] what failed. So it does not matter in which order
//! events come, nor whether one comes twice.

use jiff::{SignedDuration, Timestamp};

use super::desk::Desk;
use super::ended::{Ended, Stop};
use super::repair::Seen;
use super::{branch, ci_hold, ending, holder, repair, trailers, working};
use crate::call::CallError;
use crate::config::Config;
use crate::forge::Forge;
use crate::forge::model::{Checks, Commit, PullRequest, PullRequestKind, StageWish};
use crate::lease::Lease;
use crate::outbound::markup::names;
use crate::record::comment;
use crate::record::status::{Phase, Status};
use crate::repo_config::{RepoConfig, RepoConfigError};

/// Does what there is to do once checks have ended, or once they should have.
pub(super) async fn look(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    repo_config: Result<RepoConfig, RepoConfigError>,
) -> Result<(), Stop> {
    let looked = look_at(config, lease, desk, repo_config).await;
    let Err(Stop::Ended(Ended::Nothing(why))) = looked else { return looked };
    if !is_left_open(desk).await? {
        return looked;
    }
    // Another run of this task said that it works, and is gone.
    let status = desk.signed(Status::open_again(desk.task));
    Ok(desk.record.say_at_last(&desk.gate, None, &comment::left_off(why), status).await?)
}

/// Whether the status comment says that a run works which is gone. A double that is at work, or has ended since the comments
/// were read, says what comes of it.
async fn is_left_open(desk: &Desk<'_>) -> Result<bool, Stop> {
    if desk.own_status().is_none_or(|(_, status)| status.phase == Phase::Ended) {
        return Ok(false);
    }
    let now = desk.record.statuses_now().await?;
    Ok(holder::in_the_way(&desk.claimant(), &now).is_none())
}

async fn look_at(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    repo_config: Result<RepoConfig, RepoConfigError>,
) -> Result<(), Stop> {
    let nothing = |why| Err(Stop::Ended(Ended::Nothing(why)));
    let Some(pull) = desk.forge.open_pull_request_of(&desk.branch).await? else {
        return nothing("there is no open pull request");
    };
    if !desk.forge.identity().is(pull.by.as_ref()) {
        return nothing("the agent did not open the pull request");
    }
    let is_draft = pull.kind == PullRequestKind::Draft;
    let head = desk.forge.commit(&pull.head.commit).await?;
    let Some(maker) = branch::maker(desk, &head) else { return nothing("the newest commit is a person's") };
    if maker == desk.task.id.to_string() {
        return repair::complete(desk, &pull, &head).await;
    }
    if ci_hold::is_held(&head.message) {
        return nothing("its checks are held back");
    }
    if is_draft && trailers::is_outside_plan(&head.message) {
        return nothing("it changes files that the plan does not name, and a person decides");
    }
    let now = desk.forge.pull_request_checks(pull.number).await?;
    if now.head != pull.head.commit {
        return nothing("the branch has moved on, and its checks will end as well");
    }
    let failed = match &now.checks {
        Checks::Passed if is_draft && now.wish == StageWish::Draft => {
            return nothing("a person made it a draft");
        }
        Checks::Passed if branch::is_plan(desk, &head).await? => return nothing(branch::HOLDS_PLAN),
        Checks::Passed => return show(desk, &pull, &head.message, &now.skipped).await,
        Checks::Absent | Checks::Running => Vec::new(),
        Checks::Failed(names) => names.clone(),
    };
    let is_whole = !failed.is_empty() && now.running.is_empty();
    if !is_whole && !is_overdue(desk, &head) {
        return nothing("checks are still running");
    }
    if is_told(desk) {
        return nothing("it was reported already");
    }
    if failed.is_empty() {
        if branch::is_plan(desk, &head).await? {
            return nothing(branch::HOLDS_PLAN);
        }
        if !is_draft {
            return nothing(SHOWN);
        }
        return stuck(desk, &pull, &now.running).await;
    }
    let seen = Seen { pull, head, failed, failing_on_base: now.failing_on_base, decision: now.decision };
    Box::pin(repair::repair(config, lease, desk, repo_config, &seen)).await
}

/// Why nothing is done about a pull request that its reviewers see.
const SHOWN: &str = "the pull request is ready for review already";

/// Whether the checks of a commit should have ended by now.
fn is_overdue(desk: &Desk<'_>, head: &Commit) -> bool {
    let within = SignedDuration::try_from(desk.settings.checks_within).unwrap_or(SignedDuration::MAX);
    head.at.duration_until(Timestamp::now()) > within
}

/// Whether what there was to tell of this commit is told for good.
fn is_told(desk: &Desk<'_>) -> bool {
    desk.own_status().is_some_and(|(_, status)| status.is_final())
}

/// Whether anything comes of the checks of a commit, as far as that shows in the commit.
pub(crate) async fn is_followed(forge: &Forge, head: &Commit) -> Result<bool, CallError> {
    let is_ours = forge.made(head) && branch::trailer(&head.message).is_some();
    if !is_ours || ci_hold::is_held(&head.message) || trailers::is_outside_plan(&head.message) {
        return Ok(false);
    }
    Ok(!branch::is_empty(forge, head).await?)
}

/// Tells once that checks do not end. What comes of them later counts all the same.
async fn stuck(desk: &Desk<'_>, pull: &PullRequest, running: &[String]) -> Result<(), Stop> {
    if desk.own_status().is_some() {
        return Err(Stop::Ended(Ended::Nothing("it was reported already that checks do not end")));
    }
    if running.is_empty() {
        return Err(Stop::Ended(Ended::Nothing("no check has begun")));
    }
    let text = comment::stuck(&desk.linked(pull.number), &names(running));
    let status = desk.signed(Status::open_again(desk.task));
    desk.record.say_at_last(&desk.gate, None, &text, status).await?;
    working::said_alone(desk, true).await
}

/// Shows the pull request to who asked for the change. What makes it ready comes behind the request for review, so that a run
/// that dies between the two is completed.
async fn show(desk: &Desk<'_>, pull: &PullRequest, message: &str, skipped: &[String]) -> Result<(), Stop> {
    // Only who was told that they failed is told that they did not; or that one was skipped which has to run.
    let told = desk.own_status();
    let tells = told.is_some() || !skipped.is_empty() || trailers::repair_of(message).is_some();
    let is_over = !tells || told.as_ref().is_some_and(|(_, status)| status.passed);
    if pull.kind == PullRequestKind::Ready && is_over {
        return Err(Stop::Ended(Ended::Nothing(SHOWN)));
    }
    if let Some(asker) = trailers::made_for(message)
        && let Err(error) = desk.ask_for_review(pull, &asker).await
    {
        let error = ending::tolerated(desk, error)?;
        tracing::warn!(%error, "the review was not asked for");
    }
    if pull.kind == PullRequestKind::Draft {
        desk.forge.mark_ready(pull).await?;
    }
    if !tells {
        return Ok(());
    }
    let text = comment::passed(&desk.linked(pull.number), &names(skipped));
    let status = desk.signed(Status { passed: true, ..Status::done(desk.task) });
    let (is_first, known) = (told.is_none(), told.map(|(id, _)| id));
    desk.record.say_at_last(&desk.gate, known, &text, status).await?;
    working::said_alone(desk, is_first).await
}
