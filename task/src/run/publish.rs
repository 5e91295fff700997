//! *Publishing*: the commit with compare-and-swap, then the pull request, the comment, the labels. Everything that is
//! there already is adopted.

use gix::ObjectId;
use shared::state::Event;
use shared::task::Mode;

use super::approval::{self, Approved, Posted};
use super::claim::{Claim, trailer};
use super::desk::{Desk, PlanComment, Proposal};
use super::{LAG, Material, Stop};
use crate::check::CheckedPatch;
use crate::comment;
use crate::config::Config;
use crate::cycle::{Account, Cycle, Planned, Solution};
use crate::github::model::{OpenOrClosed, PullRequest};
use crate::github::{CallError, CommitRequest, NewPullRequest, PullRequestKind, Session};
use crate::marker::Kind;
use crate::outbound::Gate;
use crate::outcome::{Failure, Reason};
use crate::patch::{Change, ChangeKind};
use crate::path::RepoPath;
use crate::plan::{Binding, Plan};
use crate::pull_request::{self, Facts, ReadFact};
use crate::push::{self, PushCaps, PushError, Update};
use crate::read_set::FileMode;
use crate::remote::Remote;
use crate::workspace::{CommitText, Identity, TASK_TRAILER, Workspace};

/// Tries of a write whose outcome was lost, each after a look.
const TRIES: u32 = 3;
/// Bytes of changed files that go into one commit over GraphQL; larger ones are pushed.
const MAX_API_BYTES: usize = 1024 * 1024;

/// What came of asking the model.
pub(super) enum Made {
    Change { patch: Box<CheckedPatch>, proposal: Proposal },
    Plan(Proposal),
}

/// Asks the model for what the task wants.
pub(super) async fn ask(
    cycle: Cycle<'_>,
    desk: &Desk<'_>,
    config: &Config,
    material: &Material,
    approved: Option<&Approved>,
) -> Result<Made, Stop> {
    let base = cycle.workspace.base().commit;
    match desk.task.mode {
        Mode::QuickFix => change(desk, config, cycle.solve(None).await?),
        Mode::Approve { .. } => {
            let plan = approved.map(|approved| approved.plan.text());
            change(desk, config, cycle.solve(plan).await?)
        }
        Mode::Plan => plan(desk, config, material, base, cycle.plan(None).await?, None),
        Mode::Revise { comment, .. } => {
            let feedback = feedback(desk, comment).await?;
            let posted = posted(desk).await?;
            let planned = cycle.plan(Some((posted.plan.text(), &feedback))).await?;
            plan(desk, config, material, base, planned, Some(&posted))
        }
    }
}

async fn feedback(desk: &Desk<'_>, comment: shared::task::Comment) -> Result<String, Stop> {
    use shared::command::Command;
    let found =
        approval::command_of(desk, comment, |command| matches!(command, Command::Revise { .. })).await?;
    let body = found.body.map(|body| body.clean(crate::issue::MAX_BODY_CHARS)).unwrap_or_default();
    match Command::parse(body.as_str()) {
        Some(Command::Revise { feedback }) if !feedback.is_empty() => Ok(feedback.to_owned()),
        _ => Err(Failure::new(
            Reason::Usage,
            "`/revise` says nothing.",
            "Write what should be different after it.",
        )
        .into()),
    }
}

async fn posted(desk: &Desk<'_>) -> Result<Posted, Stop> {
    let absent =
        || Failure::new(Reason::StalePlan, "There is no plan to revise.", "Comment `/retry` for a new plan.");
    let pull = desk.github.open_pull_request_of(&desk.branch).await?.ok_or_else(absent)?;
    Ok(approval::find_plan(desk, pull.number).await?.ok_or_else(absent)?)
}

fn change(desk: &Desk<'_>, config: &Config, solution: Solution) -> Result<Made, Stop> {
    let Solution { patch, reply, account } = solution;
    scan(&desk.gate, &patch)?;
    let changed: Vec<&RepoPath> = patch.changes().iter().map(Change::path).collect();
    let title = desk.gate.title(reply.title.as_deref().unwrap_or("Resolve the issue"));
    let summary = desk.gate.body(reply.summary.as_deref().unwrap_or(title.as_str()));
    let mut facts = facts(desk, config, &account, &changed, title.as_str(), summary.as_str());
    facts.notes = patch.notes();
    let body = desk.gate.redact(&pull_request::body(&facts));
    let proposal = Proposal { title: title.to_string(), body, bill: pull_request::bill(&facts), plan: None };
    Ok(Made::Change { patch: Box::new(patch), proposal })
}

/// Refuses a change that would publish a secret.
pub(crate) fn scan(gate: &Gate, patch: &CheckedPatch) -> Result<(), Failure> {
    for change in patch.changes() {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        gate.scan_added_lines(change.path(), &text(change.before()), &text(change.after())).map_err(
            |leak| {
                let next = "Take the secret out of the issue or the repository, and revoke it.";
                Failure::new(Reason::Secret, format!("The change would publish a secret: {leak}."), next)
            },
        )?;
    }
    Ok(())
}

fn plan(
    desk: &Desk<'_>,
    config: &Config,
    material: &Material,
    base: ObjectId,
    planned: Planned,
    earlier: Option<&Posted>,
) -> Result<Made, Stop> {
    let Planned { plan, account } = planned;
    let read = account.context.read.iter().map(|(path, _)| path);
    let title = desk.gate.title(&format!("Plan: {}", material.issue.title.as_str()));
    let facts = facts(desk, config, &account, &[], title.as_str(), plan.summary());
    // What is bound is what is shown: the text as it passed the gate.
    let plan = Plan::parse(desk.gate.body(plan.text()).as_str()).map_err(|error| {
        let what = format!("Nothing of the plan is left that may be shown: {error}");
        Failure::new(Reason::NoPlan, what, "Try again, or choose a stronger model.")
    })?;
    let cost = config.cost_at_most();
    let text = desk.gate.redact(&comment::plan(&plan, &cost, earlier.map(|posted| posted.text.as_str())));
    let binding = Binding::new(&plan, &material.digest, &base.to_string(), config.digest(), read);
    let body = desk.gate.redact(&format!(
        "A plan for #{}, in the first comment below. Nothing is changed yet.\n\n{}",
        desk.issue.number,
        pull_request::bill(&facts)
    ));
    let bill = pull_request::bill(&facts);
    let plan = Some(PlanComment { text, binding });
    Ok(Made::Plan(Proposal { title: title.to_string(), body, bill, plan }))
}

fn facts(
    desk: &Desk<'_>,
    config: &Config,
    account: &Account,
    changed: &[&RepoPath],
    title: &str,
    summary: &str,
) -> Facts {
    let read = account.context.read.iter().map(|(path, file)| ReadFact {
        path: path.clone(),
        why: file.why.clone(),
        changed: changed.contains(&path),
    });
    Facts {
        issue: Some(desk.issue.number),
        title: title.to_owned(),
        summary: summary.to_owned(),
        read: read.collect(),
        notes: Vec::new(),
        model: config.llm.name(),
        calls: account.spent.calls,
        input_tokens: account.usage.prompt_tokens(),
        output_tokens: account.usage.output_tokens,
        cost: config.llm.bill(account.spent.money),
    }
}

/// Makes the commit. The proposal is kept first, so that a run that dies after this needs no model.
pub(super) async fn commit(
    desk: &Desk<'_>,
    session: &Session,
    workspace: &Workspace,
    claim: &Claim,
    made: Made,
) -> Result<Proposal, Stop> {
    let (patch, proposal) = match made {
        Made::Change { patch, proposal } => (Some(patch), proposal),
        Made::Plan(proposal) => (None, proposal),
    };
    desk.keep(claim, &proposal).await?;
    if matches!(desk.task.mode, Mode::Revise { .. }) {
        return Ok(proposal);
    }
    let trailers = trailers(desk);
    match patch {
        Some(patch) if !fits_api(&patch) => {
            push(desk, session, workspace, claim, &patch, &proposal, &trailers).await?;
        }
        patch => over_api(desk, claim, patch.as_deref(), &proposal, &trailers).await?,
    }
    Ok(proposal)
}

fn trailers(desk: &Desk<'_>) -> Vec<(&'static str, String)> {
    let user = &desk.task.trigger_user;
    vec![
        (TASK_TRAILER, desk.task.id.to_string()),
        ("Co-authored-by", format!("{user} <{user}@users.noreply.github.com>")),
    ]
}

/// GitHub's commits have files of mode 100644; an executable that stays where it is keeps its own.
fn fits_api(patch: &CheckedPatch) -> bool {
    let bytes: usize = patch.changes().iter().filter_map(Change::after).map(<[u8]>::len).sum();
    bytes <= MAX_API_BYTES
        && patch.changes().iter().all(|change| {
            change.mode() == FileMode::Regular
                || matches!(change.kind(), ChangeKind::Modify | ChangeKind::Delete)
        })
}

async fn over_api(
    desk: &Desk<'_>,
    claim: &Claim,
    patch: Option<&CheckedPatch>,
    proposal: &Proposal,
    trailers: &[(&str, String)],
) -> Result<(), Stop> {
    let trailers: Vec<String> = trailers.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let body = format!("Proposed for #{}.\n\n{}", desk.issue.number, trailers.join("\n"));
    let mut request = CommitRequest {
        branch: &desk.branch,
        expected_head: &claim.head,
        headline: &proposal.title,
        body: &body,
        additions: Vec::new(),
        deletions: Vec::new(),
    };
    for change in patch.into_iter().flat_map(CheckedPatch::changes) {
        match change.after() {
            Some(content) => request.additions.push((change.path().as_str(), content)),
            None => request.deletions.push(change.path().as_str()),
        }
        if let ChangeKind::Rename { from } = change.kind() {
            request.deletions.push(from.as_str());
        }
    }
    for _ in 0..TRIES {
        match desk.github.create_commit(&request).await {
            Ok(_) => return Ok(()),
            Err(
                error @ (CallError::Unknown { .. } | CallError::Conflict { .. } | CallError::Invalid { .. }),
            ) => match (where_is(desk, claim).await?, error) {
                (Place::Ours, _) => return Ok(()),
                (Place::Unmoved, CallError::Unknown { .. }) => {}
                (Place::Unmoved, error) => return Err(error.into()),
                (Place::Others, _) => return Err(moved(desk).into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Err(CallError::Unavailable { call: "commit".to_owned(), why: format!("not confirmed in {TRIES} tries") }
        .into())
}

async fn push(
    desk: &Desk<'_>,
    session: &Session,
    workspace: &Workspace,
    claim: &Claim,
    patch: &CheckedPatch,
    proposal: &Proposal,
    trailers: &[(&str, String)],
) -> Result<(), Stop> {
    let broken = |what: String| Stop::from(Failure::new(Reason::Unavailable, what, ""));
    let identity = Identity {
        name: desk.identity.login.clone(),
        email: format!("{}+{}@users.noreply.github.com", desk.identity.id, desk.identity.login),
        // The same commit whenever it is made for this task.
        seconds: desk.task.triggered_at.unwrap_or(claim.since).as_second(),
    };
    let text = CommitText {
        subject: &proposal.title,
        body: &format!("Proposed for #{}.", desk.issue.number),
        trailers,
    };
    let new = workspace.write_commit(patch, &text, &identity).map_err(|error| broken(error.to_string()))?;
    let old = ObjectId::from_hex(claim.head.as_bytes()).ok();
    let remote = Remote::new(&desk.task.repo.url(), Some(session.token.clone()))
        .map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))?;
    for _ in 0..TRIES {
        desk.github.hold().await?;
        let (repo, remote, branch) = (workspace.shared().clone(), remote.clone(), desk.branch.clone());
        let pushed = tokio::task::spawn_blocking(move || {
            let update = Update { branch: &branch, old, new };
            let never = std::sync::atomic::AtomicBool::new(false);
            push::push(&repo.to_thread_local(), &remote, &update, &PushCaps::default(), &never)
        });
        match pushed.await.map_err(|error| broken(error.to_string()))? {
            Ok(_) => return Ok(()),
            Err(PushError::Unknown { .. } | PushError::Stale { .. }) => match where_is(desk, claim).await? {
                Place::Ours => return Ok(()),
                Place::Unmoved => {}
                Place::Others => return Err(moved(desk).into()),
            },
            Err(error) if error.is_transient() => return Err(broken(error.to_string())),
            Err(error) => {
                let next = "Let the agent push to its branches, then comment `/retry`.";
                return Err(Failure::new(Reason::Branch, error.to_string(), next).into());
            }
        }
    }
    Err(broken(format!("the push was not confirmed in {TRIES} tries")))
}

/// Where the branch is after a write whose outcome is not known.
enum Place {
    Ours,
    Unmoved,
    Others,
}

async fn where_is(desk: &Desk<'_>, claim: &Claim) -> Result<Place, CallError> {
    tokio::time::sleep(LAG).await;
    match desk.github.branch(&desk.branch).await? {
        Some(head) if head == claim.head => Ok(Place::Unmoved),
        Some(head) => {
            let commit = desk.github.commit(&head).await?;
            let ours = trailer(&commit.message) == Some(desk.task.id.to_string().as_str());
            Ok(if ours { Place::Ours } else { Place::Others })
        }
        None => Ok(Place::Others),
    }
}

fn moved(desk: &Desk<'_>) -> Failure {
    let what = format!("The branch `{}` was changed while the agent worked.", desk.branch);
    Failure::new(Reason::Branch, what, "Look at the branch; delete or rename it, then comment `/retry`.")
}

/// Pull request, comment, labels, status: each found or made.
pub(super) async fn complete(desk: &Desk<'_>, claim: &Claim, proposal: &Proposal) -> Result<(), Stop> {
    let kind = if proposal.plan.is_some() { PullRequestKind::Draft } else { PullRequestKind::Ready };
    let pull = pull_request(desk, proposal, kind).await?;
    if pull.state == OpenOrClosed::Closed {
        return Err(Stop::CalledOff(format!("#{} was closed", pull.number)));
    }
    let labels = &desk.settings.labels;
    let event = if let Some(plan) = &proposal.plan {
        post_plan(desk, pull.number, plan).await?;
        Event::PlanPosted
    } else {
        make_ready(desk, &pull, proposal).await?;
        Event::Finished
    };
    let names = match desk.task.mode {
        Mode::QuickFix => vec![labels.generated.as_str(), labels.quick.as_str()],
        _ => vec![labels.generated.as_str()],
    };
    desk.github.add_labels(pull.number, &names).await?;
    desk.move_on(event).await?;
    let link = format!("#{}", pull.number);
    let text = match event {
        Event::PlanPosted => comment::planned(&link, &proposal.bill),
        _ => comment::done(&link, &proposal.bill),
    };
    Ok(desk.ended(claim, &text).await?)
}

/// The pull request as a reviewer should find it.
async fn make_ready(desk: &Desk<'_>, pull: &PullRequest, proposal: &Proposal) -> Result<(), Stop> {
    if matches!(desk.task.mode, Mode::Approve { .. }) {
        let body = marked(desk, &proposal.body);
        desk.github.edit_pull_request(pull.number, &proposal.title, &body).await?;
    }
    if pull.draft {
        desk.github.mark_ready(&pull.node_id).await?;
    }
    // GitHub refuses this for who has left meanwhile; the pull request is good without.
    let asked = desk.github.request_review(pull.number, desk.task.trigger_user.as_str()).await;
    if let Err(error @ (CallError::Invalid { .. } | CallError::Forbidden { .. })) = &asked {
        tracing::warn!(%error, "the review could not be requested");
    } else {
        asked?;
    }
    Ok(())
}

/// The description with the mark by which a later run of the task knows the pull request.
fn marked(desk: &Desk<'_>, body: &str) -> String {
    format!("{body}\n\n<!-- ai-agent:task {} -->", desk.task.id)
}

async fn pull_request(
    desk: &Desk<'_>,
    proposal: &Proposal,
    kind: PullRequestKind,
) -> Result<PullRequest, Stop> {
    // An approval or a revision is about a pull request that is there.
    if matches!(desk.task.mode, Mode::Approve { .. } | Mode::Revise { .. }) {
        let open = desk.github.open_pull_request_of(&desk.branch).await?;
        return open.ok_or_else(|| Stop::CalledOff("the pull request was closed".to_owned()));
    }
    let body = marked(desk, &proposal.body);
    let base = desk.repository.default_branch.clone();
    let mut title = proposal.title.clone();
    let mut kind = kind;
    for _ in 0..TRIES {
        let new = NewPullRequest { title: &title, body: &body, head: &desk.branch, base: &base, kind };
        match desk.github.create_pull_request(&new).await {
            Ok(pull) => return Ok(pull),
            Err(CallError::Invalid { message, .. })
                if message.contains("Draft pull requests are not supported") =>
            {
                kind = PullRequestKind::Ready;
                title = format!("[WIP] {title}");
                continue;
            }
            Err(CallError::Invalid { message, .. }) if message.contains("already exists") => {}
            Err(CallError::Unknown { .. }) => tokio::time::sleep(LAG).await,
            Err(error) => return Err(error.into()),
        }
        let mark = format!("<!-- ai-agent:task {} -->", desk.task.id);
        let known = desk.github.pull_requests_of(&desk.branch).await?;
        let ours = known.into_iter().find(|pull| {
            pull.body.as_ref().is_some_and(|body| body.contains(&mark)) || pull.state == OpenOrClosed::Open
        });
        if let Some(pull) = ours {
            return Ok(pull);
        }
    }
    Err(CallError::Unavailable {
        call: "POST a pull request".to_owned(),
        why: format!("not confirmed in {TRIES} tries"),
    }
    .into())
}

/// The plan's comment, made once and rewritten by a revision.
async fn post_plan(desk: &Desk<'_>, pull_request: u64, plan: &PlanComment) -> Result<(), Stop> {
    let body = format!("{}\n\n{}", plan.text, desk.marks.write(Kind::Plan, pull_request, &plan.binding));
    for _ in 0..TRIES {
        if let Some(posted) = approval::find_plan(desk, pull_request).await? {
            return Ok(desk.github.edit_comment(posted.comment, &body).await?);
        }
        match desk.github.create_comment(pull_request, &body).await {
            Ok(_) => return Ok(()),
            Err(CallError::Unknown { .. }) => tokio::time::sleep(LAG).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(CallError::Unavailable {
        call: "POST the plan".to_owned(),
        why: format!("not confirmed in {TRIES} tries"),
    }
    .into())
}
