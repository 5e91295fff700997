//! *Publishing*: after the commit the pull request, the comment, the labels. Everything that is there already is
//! adopted.

use shared::issue::PullRequestNumber;
use shared::state::{Event, same_label};

use super::desk::Desk;
use super::ended::Stop;
use super::work::Claim;
use super::{approval, commit, ending, wanted};
use crate::call::CallError;
use crate::forge::model::{NewPullRequest, PullRequest, PullRequestKind, Stage};
use crate::marker::{Kind, On};
use crate::outbound::Outbound;
use crate::outcome::{Failure, Reason};
use crate::record::comment::{self, Turn};
use crate::record::status::{PlanComment, Proposal};

/// Tries of a write whose outcome was lost, each after a look.
const TRIES: u32 = 3;

/// Pull request, comment, labels, status: each found or made.
pub(super) async fn complete(desk: &Desk<'_>, claim: &Claim, proposal: &Proposal) -> Result<(), Stop> {
    desk.turns_to(Turn::after_commit(desk.task.mode));
    let (pull, standing) = pull_request(desk, claim, proposal).await?;
    let event = match (&proposal.plan, standing) {
        // What was merged needs nothing more.
        (_, Standing::Merged) => Event::Finished,
        (Some(plan), Standing::Open) => {
            post_plan(desk, pull.number, plan).await?;
            if !desk.task.mode.kind().begins_work() {
                // The description holds the plan before.
                let title = desk.gate.title(&proposal.title);
                desk.forge.edit_pull_request(pull.number, &title, &described(desk, proposal)).await?;
            }
            Event::PlanPosted
        }
        (None, Standing::Open) => {
            make_ready(desk, &pull, proposal).await?;
            Event::Finished
        }
    };
    // By the operator's label ingest knows the pull request as ours: it does not see the repository's configuration.
    let (labels, operator) = (desk.record.names(), &desk.settings.labels);
    let mut names = vec![labels.generated.as_str()];
    if !same_label(&labels.generated, &operator.generated) {
        names.push(&operator.generated);
    }
    if desk.task.mode.kind().skips_plan() {
        names.push(&labels.quick);
    }
    desk.forge.add_labels(pull.number, &names).await?;
    desk.record.move_on(event).await?;
    let text = if event == Event::PlanPosted {
        comment::planned(&format!("#{}", pull.number), &proposal.bill)
    } else {
        let repository = desk.forge.repo().to_string();
        comment::done(&comment::with_diff(&repository, pull.number), &proposal.bill)
    };
    ending::done(desk, claim, &text).await
}

/// Whether a pull request can still be worked on.
enum Standing {
    Open,
    Merged,
}

fn standing(desk: &Desk<'_>, pull: &PullRequest) -> Result<Standing, Stop> {
    match pull.stage {
        Stage::Open => Ok(Standing::Open),
        Stage::Merged => Ok(Standing::Merged),
        Stage::Closed => Err(desk.over(format!("#{} was closed", pull.number))),
    }
}

/// The pull request as a reviewer should find it.
async fn make_ready(desk: &Desk<'_>, pull: &PullRequest, proposal: &Proposal) -> Result<(), Stop> {
    if desk.task.mode.kind().replaces_description() {
        let title = desk.gate.title(&proposal.title);
        desk.forge.edit_pull_request(pull.number, &title, &described(desk, proposal)).await?;
    }
    if pull.kind == PullRequestKind::Draft {
        desk.forge.mark_ready(pull).await?;
    }
    // This is refused for who has left meanwhile; the pull request is good without.
    let asked = desk.forge.request_review(pull.number, desk.task.trigger_user.as_str()).await;
    if let Err(error @ (CallError::Invalid { .. } | CallError::Forbidden { .. })) = &asked {
        tracing::warn!(%error, "the review could not be requested");
    } else {
        asked?;
    }
    Ok(())
}

/// By this a later run of the task knows its pull request.
fn mark(desk: &Desk<'_>) -> String {
    format!("<!-- ai-agent:task {} -->", desk.task.id)
}

fn described(desk: &Desk<'_>, proposal: &Proposal) -> Outbound {
    let plan = proposal.plan.as_ref().map_or_else(String::new, |plan| format!("\n\n{}", plan.text));
    desk.gate.composed(&format!("{}{plan}\n\n{}", proposal.body, mark(desk)))
}

/// The pull request of this task, or of the branch.
async fn find(desk: &Desk<'_>) -> Result<Option<PullRequest>, Stop> {
    let mark = mark(desk);
    let known = desk.forge.pull_requests_of(&desk.branch).await?;
    let ours = |pull: &PullRequest| pull.body.contains(&mark) || pull.stage == Stage::Open;
    Ok(known.into_iter().find(ours))
}

async fn pull_request(
    desk: &Desk<'_>,
    claim: &Claim,
    proposal: &Proposal,
) -> Result<(PullRequest, Standing), Stop> {
    // An approval or a revision is about a pull request that is there; an earlier run may have opened one.
    let is_there = !desk.task.mode.kind().begins_work();
    if is_there || claim.proposal.is_some() {
        match find(desk).await? {
            Some(pull) => {
                let standing = standing(desk, &pull)?;
                if matches!(standing, Standing::Open) {
                    wanted::still_wanted(desk, claim).await?;
                }
                return Ok((pull, standing));
            }
            None if is_there => return Err(desk.over("the pull request was closed".to_owned())),
            None => {}
        }
    }
    wanted::still_wanted(desk, claim).await?;
    let mut title = desk.gate.title(&proposal.title);
    let mut kind = if proposal.plan.is_some() { PullRequestKind::Draft } else { PullRequestKind::Ready };
    let body = described(desk, proposal);
    for _ in 0..TRIES {
        let new = NewPullRequest { title: &title, body: &body, head: &desk.branch, base: &claim.base, kind };
        match desk.forge.create_pull_request(&new).await {
            Ok(pull) => return Ok((pull, Standing::Open)),
            Err(CallError::Invalid { message, .. })
                if message.contains("Draft pull requests are not supported") =>
            {
                kind = PullRequestKind::Ready;
                title = desk.gate.title(&format!("[WIP] {}", proposal.title));
                continue;
            }
            Err(CallError::Invalid { message, .. }) if message.contains("already exists") => {}
            Err(CallError::Invalid { message, .. }) => return Err(unfounded(desk, claim, message).await?),
            Err(CallError::Unknown { .. }) => tokio::time::sleep(desk.settings.lag()).await,
            Err(error) => return Err(error.into()),
        }
        if let Some(pull) = find(desk).await? {
            let standing = standing(desk, &pull)?;
            return Ok((pull, standing));
        }
    }
    Err(CallError::Unavailable {
        call: desk.forge.call("POST a pull request"),
        why: format!("not confirmed in {TRIES} tries"),
    }
    .into())
}

/// Why GitHub takes no pull request: one of the two branches is not there any more, or a rule.
async fn unfounded(desk: &Desk<'_>, claim: &Claim, message: String) -> Result<Stop, Stop> {
    let failure = if desk.forge.branch(&desk.branch).await?.is_none() {
        commit::gone(desk)
    } else if desk.forge.branch(&claim.base).await?.is_none() {
        let what = format!("The branch `{}` is gone; it was renamed or deleted meanwhile.", claim.base);
        Failure::new(Reason::Branch, what, "Comment `/retry` on the issue to start again.")
    } else {
        let what = format!("{} does not take the pull request: {message}", desk.forge.service());
        Failure::new(Reason::Branch, what, "Look at the rules for branches, then comment `/retry`.")
    };
    Ok(failure.into())
}

/// The plan's comment, made once and rewritten by a revision.
async fn post_plan(desk: &Desk<'_>, pull_request: PullRequestNumber, plan: &PlanComment) -> Result<(), Stop> {
    for _ in 0..TRIES {
        let posted = approval::find_plan(desk, pull_request).await?;
        if posted.as_ref().is_some_and(|posted| posted.binding == plan.binding) {
            return Ok(());
        }
        let earlier = posted.as_ref().map(|posted| posted.text.as_str());
        let text = desk.gate.composed(&comment::plan(&plan.text, &plan.cost, earlier));
        let marker = desk.marks.write(Kind::Plan, On::PullRequest(pull_request), &plan.binding);
        let body = desk.gate.marked(&text, &marker).map_err(|_| {
            let what = "The plan is about more files than a comment can name.";
            Failure::new(Reason::NoPlan, what, "Ask for a smaller change.")
        })?;
        if let Some(posted) = posted {
            return Ok(desk.forge.edit_comment(posted.comment, &body).await?);
        }
        match desk.forge.create_comment(pull_request, &body).await {
            Ok(_) => return Ok(()),
            Err(CallError::Unknown { .. }) => tokio::time::sleep(desk.settings.lag()).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(CallError::Unavailable {
        call: desk.forge.call("POST the plan"),
        why: format!("not confirmed in {TRIES} tries"),
    }
    .into())
}
