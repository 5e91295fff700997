//! *Publishing*: after the commit the pull request, the comment, the labels. Everything that is there already is
//! adopted.

use shared::issue::PullRequestNumber;
use shared::otlp::Span;
use shared::otlp::catalog::{PUBLISH, VCS_BRANCH, VCS_CHANGE};
use shared::state::{Event, same_label};

use super::commit::Committed;
use super::desk::Desk;
use super::ended::Stop;
use super::missing::Missing;
use super::stance::{self, Stance};
use super::work::Claim;
use super::{commit, ending, measured, posted, spans, wanted};
use crate::call::CallError;
use crate::forge::model::{NewPullRequest, PullRequest, PullRequestKind, Stage};
use crate::marker::{Kind, On};
use crate::outbound::Outbound;
use crate::outcome::{Failure, Reason};
use crate::patience::Patience;
use crate::plan::Plan;
use crate::record::comment::{self, Links, Turn};
use crate::record::status::{PlanComment, Proposal};
use crate::tracker::model::Milestone;

/// Characters of a plan's summary on an issue that is kept elsewhere.
const MAX_SUMMARY_ELSEWHERE: usize = 2_000;
/// Calls that are made again because they do not find a pull request that this run opened a moment ago, for each of them.
const LATE_LOOKS: u32 = 4;

/// Pull request, comment, labels, status: each found or made. Once the pull request is there, what cannot be set around
/// it is told, and is no failure.
pub(super) async fn complete(desk: &Desk<'_>, claim: &Claim, committed: &Committed) -> Result<(), Stop> {
    let span = Span::start(&PUBLISH).with(&VCS_BRANCH, &desk.branch);
    spans::part(&span, publish(desk, claim, committed, &span)).await
}

async fn publish(desk: &Desk<'_>, claim: &Claim, committed: &Committed, span: &Span) -> Result<(), Stop> {
    let Committed { proposal, commit } = committed;
    desk.turns_to(Turn::after_commit(desk.task.mode));
    let stance = match &proposal.plan {
        Some(_) => Stance::Unchecked,
        None => stance::of(desk, &claim.base, proposal).await?,
    };
    let (pull, standing) = pull_request(desk, claim, proposal, &stance).await?;
    span.set(&VCS_CHANGE, pull.number.to_string());
    let stance = stance::now(desk, &pull, stance).await?;
    let mut missing = Missing::of(desk);
    // First of all: commands on a pull request without our label are not listened to.
    let names = labels(desk);
    let is_new = matches!(standing, Standing::Opened);
    let set = Late::of(desk, is_new).made(async || desk.forge.add_labels(pull.number, &names).await).await?;
    missing.unless(set, &format!("set the labels {} of the pull request", listed(&names)))?;
    let mut plan_comment = None;
    let event = match (&proposal.plan, standing) {
        // What was merged needs nothing more.
        (_, Standing::Merged) => Event::Finished,
        (Some(plan), Standing::Open | Standing::Opened) => {
            plan_comment = Some(post_plan(desk, pull.number, plan, is_new).await?);
            if !desk.task.mode.kind().begins_work() {
                // The description holds the plan before.
                let title = desk.gate.title(&proposal.title);
                desk.forge.edit_pull_request(pull.number, &title, &described(desk, proposal)).await?;
            }
            Event::PlanPosted
        }
        (None, Standing::Open | Standing::Opened) => {
            make_ready(desk, &pull, proposal, &stance, is_new, &mut missing).await?;
            Event::Finished
        }
    };
    let moved = desk.record.move_on(event).await;
    missing.unless(moved, "set the labels of this issue")?;
    let page = format!("{}/pull/{}", desk.forge.repo().url(), pull.number);
    let name = format!("{}#{}", desk.forge.repo(), pull.number);
    let linked = desk.tracker.link(&desk.issue.id, &page, &name).await;
    missing.unless(linked, &format!("link {page} on this issue"))?;
    let reached = desk.tracker.reached(&desk.issue.id, Milestone::PullRequest).await;
    missing.unless(reached, "move this issue to the status of an open pull request")?;
    let text = if let Some(plan_comment) = plan_comment {
        let link = comment::with_plan(&desk.forge.repo().to_string(), pull.number, plan_comment);
        let summary = summary_elsewhere(desk, proposal);
        comment::planned(&link, &summary, &proposal.bill, &missing.lines)
    } else {
        let links = Links { commit: commit.as_deref(), ..Links::default() };
        let link = desk.linked_to(pull.number, links);
        let (bill, missing) = (&proposal.bill, &missing.lines);
        match &stance {
            Stance::Ready => comment::done(&link, bill, missing),
            Stance::Held(why) => comment::drafted(&link, &comment::held(why), bill, missing),
            Stance::Unchecked => comment::drafted(&link, comment::UNCHECKED, bill, missing),
            Stance::OutsidePlan => comment::done_outside_plan(&link, &proposal.unplanned, bill, missing),
        }
    };
    ending::done(desk, claim, pull.number, &text).await
}

/// What a plan is in short, for an issue that is kept elsewhere than its pull request; otherwise nothing.
fn summary_elsewhere(desk: &Desk<'_>, proposal: &Proposal) -> String {
    let plan = proposal.plan.as_ref().filter(|_| !desk.tracker.is_read_with_code());
    let plan = plan.and_then(|plan| Plan::parse(&plan.text).ok());
    plan.map_or_else(String::new, |plan| {
        desk.gate.body_within(plan.summary(), MAX_SUMMARY_ELSEWHERE).as_str().to_owned()
    })
}

/// By the operator's label ingest knows the pull request as ours: it does not see the repository's configuration.
fn labels<'d>(desk: &'d Desk<'_>) -> Vec<&'d str> {
    let (labels, operator) = (desk.record.names(), &desk.settings.labels);
    let mut names = vec![labels.generated.as_str()];
    if !same_label(&labels.generated, &operator.generated) {
        names.push(&operator.generated);
    }
    if desk.task.mode.kind().skips_plan() {
        names.push(&labels.quick);
    }
    names
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Whether a pull request can still be worked on.
enum Standing {
    Open,
    /// By this run, a moment ago.
    Opened,
    Merged,
}

/// Patience with a call about a pull request that this run may have opened a moment ago. Its number came from the forge, so
/// whoever does not find it there does not see it yet, however often that is said; for some seconds.
struct Late {
    patience: Patience,
    looks: u32,
}

impl Late {
    fn of(desk: &Desk<'_>, is_new: bool) -> Self {
        Self { patience: desk.forge.patience(), looks: if is_new { LATE_LOOKS } else { 0 } }
    }

    /// What comes of a call, however late it finds the pull request.
    async fn made<T>(
        mut self,
        call: impl AsyncFn() -> Result<T, CallError>,
    ) -> Result<Result<T, CallError>, CallError> {
        loop {
            match call().await {
                Err(error) if self.is_late(&error).await? => {}
                made => return Ok(made),
            }
        }
    }

    /// Whether the call is to be made again after this answer; waits before that.
    async fn is_late(&mut self, error: &CallError) -> Result<bool, CallError> {
        if self.looks == 0 || !matches!(error, CallError::NotFound { .. } | CallError::Conflict { .. }) {
            return Ok(false);
        }
        self.looks -= 1;
        match self.patience.before_retry_of_lag(error.clone()).await {
            Ok(()) => Ok(true),
            Err(CallError::Lost(lost)) => Err(CallError::Lost(lost)),
            Err(_) => Ok(false),
        }
    }
}

fn standing(desk: &Desk<'_>, pull: &PullRequest) -> Result<Standing, Stop> {
    match pull.stage {
        Stage::Open => Ok(Standing::Open),
        Stage::Merged => Ok(Standing::Merged),
        Stage::Closed => Err(desk.over(format!("#{} was closed", pull.number))),
    }
}

/// The pull request as a reviewer should find it.
async fn make_ready(
    desk: &Desk<'_>,
    pull: &PullRequest,
    proposal: &Proposal,
    stance: &Stance,
    is_new: bool,
    missing: &mut Missing<'_>,
) -> Result<(), Stop> {
    let is_draft = pull.kind == PullRequestKind::Draft;
    // A draft's are those of a plan, whoever made the change.
    if desk.task.mode.kind().replaces_description() || is_draft {
        let title = desk.gate.title(&proposal.title);
        let edited = desk.forge.edit_pull_request(pull.number, &title, &described(desk, proposal)).await;
        missing.unless(edited, "change title and description, which are those of the plan")?;
    }
    // Nobody is asked to review what is not to be merged yet. What the plan did not name, somebody looks at first.
    if !matches!(stance, Stance::Ready | Stance::OutsidePlan) {
        return Ok(());
    }
    if is_draft && *stance == Stance::Ready {
        missing.unless(desk.forge.mark_ready(pull).await, "mark the draft as ready for review")?;
    }
    let ask = async || desk.ask_for_review(pull, &desk.task.trigger_user).await;
    let asked = Late::of(desk, is_new).made(ask).await?;
    missing.unless(asked, "ask for the review")
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
    stance: &Stance,
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
    let is_draft = *stance != Stance::Ready;
    let mut kind = if is_draft { PullRequestKind::Draft } else { PullRequestKind::Ready };
    let body = described(desk, proposal);
    let mut patience = desk.forge.patience();
    loop {
        let new = NewPullRequest { title: &title, body: &body, head: &desk.branch, base: &claim.base, kind };
        let error = match desk.forge.create_pull_request(&new).await {
            Ok(pull) => {
                measured::opened(desk.task);
                return Ok((pull, Standing::Opened));
            }
            Err(CallError::Invalid { message, .. })
                if message.contains("Draft pull requests are not supported") =>
            {
                kind = PullRequestKind::Ready;
                // A change keeps its title: nothing would change it back.
                if proposal.plan.is_none() {
                    continue;
                }
                title = desk.gate.title(&format!("[WIP] {}", proposal.title));
                continue;
            }
            Err(error) => error,
        };
        let exists =
            matches!(&error, CallError::Invalid { message, .. } if message.contains("already exists"));
        if matches!(error, CallError::Invalid { .. } | CallError::NotYet { .. })
            && !exists
            && let Some(gone) = gone_branch(desk, claim).await?
        {
            return Err(gone.into());
        }
        if exists {
            if let Some(pull) = find(desk).await? {
                let standing = standing(desk, &pull)?;
                return Ok((pull, standing));
            }
            // The list does not show it yet.
            patience.before_retry_of_lag(error).await?;
        } else {
            patience.before_retry(error).await.map_err(|error| not_taken(desk, error))?;
        }
        if let Some(pull) = find(desk).await? {
            let standing = standing(desk, &pull)?;
            return Ok((pull, standing));
        }
    }
}

/// Whether one of the two branches of the pull request is not there any more.
async fn gone_branch(desk: &Desk<'_>, claim: &Claim) -> Result<Option<Failure>, Stop> {
    if desk.forge.branch(&desk.branch).await?.is_none() {
        return Ok(Some(commit::gone(desk)));
    }
    if desk.forge.branch(&claim.base).await?.is_none() {
        let what = format!("The branch `{}` is gone; it was renamed or deleted meanwhile.", claim.base);
        let next = "Comment `/retry` on the issue to start again.";
        return Ok(Some(Failure::new(Reason::Branch, what, next)));
    }
    Ok(None)
}

/// A rule stands in the way of the pull request, or something else does.
fn not_taken(desk: &Desk<'_>, error: CallError) -> Stop {
    let CallError::Invalid { message, .. } = error else { return error.into() };
    let what = format!("{} does not take the pull request: {message}", desk.forge.service());
    Failure::new(Reason::Branch, what, "Look at the rules for branches, then comment `/retry`.").into()
}

/// The plan's comment, made once and rewritten by a revision. Returns its id.
async fn post_plan(
    desk: &Desk<'_>,
    pull_request: PullRequestNumber,
    plan: &PlanComment,
    is_new: bool,
) -> Result<u64, Stop> {
    let mut patience = desk.forge.patience();
    let mut late = Late::of(desk, is_new);
    loop {
        let posted = posted::find_plan(desk, pull_request).await?;
        if let Some(posted) = posted.as_ref().filter(|posted| posted.binding == plan.binding) {
            return Ok(posted.comment);
        }
        let text = match &posted {
            // Somebody else has asked for the plan that is there: its text stays.
            Some(posted) if posted.binding.binds_the_same(&plan.binding) => desk.gate.composed(&posted.text),
            posted => {
                let earlier = posted.as_ref().map(|posted| posted.text.as_str());
                desk.gate.composed(&comment::plan(&plan.text, &plan.cost, earlier))
            }
        };
        let marker = desk.marks.write(Kind::Plan, On::PullRequest(pull_request), &plan.binding);
        let body = desk.gate.marked(&text, &marker).map_err(|_| {
            let what = "The plan is about more files than a comment can name.";
            Failure::new(Reason::NoPlan, what, "Ask for a smaller change.")
        })?;
        let written = match &posted {
            Some(posted) => desk.forge.edit_comment(posted.comment, &body).await.map(|()| posted.comment),
            None => desk.forge.create_comment(pull_request, &body).await,
        };
        match (written, posted) {
            (Ok(id), _) => return Ok(id),
            // Someone deleted it, or it is not seen everywhere yet.
            (Err(error), Some(_)) if error.is_absence() => patience.before_retry_of_lag(error).await?,
            // An edit was made again already.
            (Err(error), Some(_)) => return Err(error.into()),
            (Err(error), None) if late.is_late(&error).await? => {}
            (Err(error), None) => patience.before_retry(error).await?,
        }
    }
}
