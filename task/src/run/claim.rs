//! The *claim*: of all runs for an issue, one works. Making the branch is what decides, because it can be done once.
//! Where a change has its branch already, the older status comment decides.

use jiff::Timestamp;
use shared::issue::PullRequestNumber;
use shared::mode::Product;

use super::branch::{self, Branch};
use super::desk::Desk;
use super::ended::Stop;
use super::holder::{self, InTheWay};
use super::posted::{self, Posted};
use super::settings::Terms;
use super::work::{Basis, Claim};
use super::{admission, approval, ci_hold, working};
use crate::forge::model::{Commit, Discussion};
use crate::record::status::{Phase, PlanComment, Proposal, Status};

/// While another run is at work on the issue.
const WAITING: &str = "**Waiting** for another run on this issue. This one goes on by itself after that.";

pub(super) enum Claimed {
    Ours(Box<Claim>),
    /// Why there is nothing to do.
    Held(&'static str),
}

/// The right to work on the issue from its branch.
pub(super) async fn claim(desk: &Desk<'_>, terms: &Terms<'_>) -> Result<Claimed, Stop> {
    desk.state()?;
    let earlier = desk.own_status().map(|(_, status)| status);
    let kept = earlier.as_ref().and_then(|status| status.proposal.clone());
    let base = desk.base_branch(terms)?.to_owned();
    let Some(branch) = branch::take(desk, &base).await? else {
        return Ok(Claimed::Held(InTheWay::Other.why()));
    };
    let mut plan = None;
    let (head, basis, proposal) = match branch {
        Branch::Published(commit) => {
            let proposal = kept.or_else(|| recovered(desk, &commit));
            (commit.id, Basis::Nothing, proposal)
        }
        // A revision makes no commit: what was kept is all that it makes.
        Branch::Planned(commit) if !desk.task.mode.kind().makes_commit() && kept.is_some() => {
            (commit.id, Basis::Nothing, kept)
        }
        Branch::Planned(commit) => {
            let basis = approval::check(desk, terms, &commit).await?;
            match basis {
                Basis::Revision { plan, feedback, pull_request, asked_by, .. } => {
                    let (head, base) = branch::renew(desk, &base, commit).await?;
                    (head, Basis::Revision { plan, feedback, base, pull_request, asked_by }, None)
                }
                basis => (commit.id, basis, None),
            }
        }
        Branch::Unfinished { commit, pull_request, task } => {
            if let Some(mut proposal) = unfinished(desk, &commit, pull_request, &task).await? {
                // Whoever has a plan completed has asked for it as well.
                if let Some(planned) = &mut proposal.plan {
                    planned.binding = planned.binding.clone().asked_by(desk.askers());
                }
                (commit.id, Basis::Nothing, Some(proposal))
            } else {
                let (head, base) = branch::renew(desk, &base, commit).await?;
                (head, Basis::Draft { base, pull_request }, None)
            }
        }
        Branch::Free(head) => {
            let is_from_head = |plan: &PlanComment| plan.binding.base == head;
            plan = kept.filter(|kept| kept.plan.as_ref().is_some_and(is_from_head));
            (head, Basis::Nothing, None)
        }
    };
    let since = earlier.as_ref().map_or_else(Timestamp::now, |status| status.since);
    let is_first = earlier.is_none();
    let status = working::begin(desk, earlier).await?;
    // Of those that make the branch one has made it.
    if is_first && !desk.task.mode.kind().begins_work() {
        working::alone(desk, status, &desk.record.statuses_now().await?).await?;
    }
    Ok(Claimed::Ours(Box::new(Claim { head, status, since, base, basis, proposal, plan })))
}

/// The right to go on with a change that has a pull request. Of two that take it at once, the one whose comment came first has it.
pub(super) async fn claim_change(
    desk: &Desk<'_>,
    talk: &Discussion,
    basis: Basis,
    earlier: Option<Status>,
) -> Result<Claim, Stop> {
    let since = earlier.as_ref().map_or_else(Timestamp::now, |status| status.since);
    let status = working::begin(desk, earlier).await?;
    let others = desk.record.statuses_now().await?;
    working::alone(desk, status, &others).await?;
    let others: Vec<_> = others.into_iter().filter(|said| said.id < status).collect();
    if holder::in_the_way(&desk.claimant(), &others) == Some(InTheWay::Other) {
        if desk.attempt.may_be_put_off() {
            let waiting = desk.signed(Status::of(desk.task, Phase::Waiting, None));
            desk.record.say(&desk.gate, Some(status), WAITING, waiting).await?;
        }
        return Err(admission::wait_turn(desk).await?);
    }
    Ok(Claim {
        head: talk.pull.head.commit.clone(),
        status,
        since,
        base: talk.pull.base.clone(),
        basis,
        proposal: None,
        plan: None,
    })
}

/// What another task proposed, and did not get to its end with. None for a plan that is nowhere.
async fn unfinished(
    desk: &Desk<'_>,
    commit: &Commit,
    pull_request: PullRequestNumber,
    task: &str,
) -> Result<Option<Proposal>, Stop> {
    if let Some(kept) = desk.record.status_of(task).and_then(|(_, status)| status.proposal) {
        return Ok(Some(kept));
    }
    if !branch::is_plan(desk, commit).await? {
        return Ok(Some(of_commit(desk, commit)));
    }
    let posted = posted::find_plan(desk, pull_request).await?;
    Ok(posted.map(|Posted { plan, binding, .. }| Proposal {
        plan: Some(PlanComment { text: plan.text().to_owned(), cost: String::new(), binding }),
        ..of_commit(desk, commit)
    }))
}

/// What a commit of this task tells of its proposal, where the status comment that kept it is gone. A plan is in its
/// comment only.
fn recovered(desk: &Desk<'_>, commit: &Commit) -> Option<Proposal> {
    if desk.task.mode.kind().makes() == Product::Plan {
        return None;
    }
    Some(of_commit(desk, commit))
}

fn of_commit(desk: &Desk<'_>, commit: &Commit) -> Proposal {
    let title = commit.message.lines().next().unwrap_or_default().to_owned();
    let body = format!(
        "{title}\n\nFixes {}\n\nThe rest of this description was lost with the comment that kept it.",
        desk.issue.id.reference()
    );
    let held = ci_hold::is_held(&commit.message).then(|| "why is not known any more".to_owned());
    let bill = "The report of the run was lost.".to_owned();
    ci_hold::noted(Proposal { title, body, bill, plan: None, held: None, unplanned: Vec::new() }, held)
}
