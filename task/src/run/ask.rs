//! *Asking* the model for what the task wants, and putting its answer into words of ours.

use shared::issue::IssueId;
use shared::mode::Product;

use super::already;
use super::desk::Desk;
use super::ended::Stop;
use super::settings::Terms;
use super::work::{Basis, Claim, Job, Made, Material, Repair};
use crate::bill::Bill;
use crate::cycle::{Account, Cycle, End, Planned, Solution};
use crate::git::workspace::Workspace;
use crate::outbound::markup::names;
use crate::outbound::{Outbound, scan};
use crate::outcome::{Failure, Reason};
use crate::patch::Change;
use crate::plan::{Binding, Plan};
use crate::protocol::ask::Broken;
use crate::pull_request::{self, ChangeFact, Facts, ReadFact};
use crate::record::comment;
use crate::record::status::{Finding, PlanComment, Proposal};

/// Characters of a summary, so that the whole description can be kept in a comment, every line end escaped.
const MAX_SUMMARY: usize = 8_000;
/// Characters of a note on a check, or of a reason why a file was read.
const MAX_NOTE: usize = 600;
/// Characters of what a reviewer should look at first.
pub(super) const MAX_WARNING: usize = 2_000;

/// Asks the model for what the task wants.
pub(super) async fn ask(
    cycle: Cycle<'_>,
    job: Job<'_>,
    claim: &Claim,
    material: &Material,
) -> Result<End<Made, Finding>, Stop> {
    let Job { desk, terms, .. } = job;
    let read = cycle.workspace.base().commit.to_string();
    // The commit of a plan is empty and goes with its branch: what was read is in the one below it as well.
    let shown = match claim.basis {
        Basis::Nothing => read.clone(),
        _ => below(cycle.workspace).unwrap_or_else(|| read.clone()),
    };
    if let Basis::Repair(repair) = &claim.basis {
        let plan = repair.plan.as_ref().map(Plan::text);
        let broken = Broken { evidence: &repair.evidence, diff: &repair.diff, plan };
        return match cycle.repair(broken, &repair.changed).await? {
            End::Made(solution) => {
                change(desk, terms, material, solution, &Form::Repair(repair)).map(End::Made)
            }
            End::Already(found) => {
                let why = desk.gate.body_within(&found.proof.why, MAX_NOTE);
                let what = format!("The model found nothing to change: {why}");
                Err(Failure::new(Reason::NoChange, what, "").into())
            }
        };
    }
    let changed = |solved: End<Solution>| match solved {
        End::Made(solution) => change(desk, terms, material, solution, &Form::PullRequest).map(End::Made),
        End::Already(found) => Ok(End::Already(already::finding(desk, claim, terms, &shown, &found))),
    };
    let (planned, base, asked_by) = match (&claim.basis, desk.task.mode.kind().makes()) {
        (Basis::Approved { plan, .. }, _) => {
            return changed(cycle.solve(Some(plan.text())).await?);
        }
        (Basis::Revision { plan, feedback, base, asked_by, .. }, _) => {
            (cycle.plan(Some((plan.text(), feedback))).await?, base.clone(), asked_by.clone())
        }
        (Basis::Draft { base, .. }, Product::Plan) => (cycle.plan(None).await?, base.clone(), Vec::new()),
        (Basis::Nothing, Product::Plan) => (cycle.plan(None).await?, read.clone(), Vec::new()),
        (Basis::Nothing | Basis::Draft { .. }, Product::Change) => {
            return changed(cycle.solve(None).await?);
        }
        (Basis::Repair(_) | Basis::Change { .. }, _) | (_, Product::Nothing) => {
            let what =
                format!("A task of the mode `{}` asks no model to resolve an issue.", desk.task.mode.kind());
            return Err(Failure::new(Reason::Usage, what, "").into());
        }
    };
    let planned = match planned {
        End::Made(planned) => planned,
        End::Already(found) => {
            return Ok(End::Already(already::finding(desk, claim, terms, &shown, &found)));
        }
    };
    let asked_by = asked_by.into_iter().chain(desk.askers()).collect();
    plan(job, material, PlanOrigin { base, asked_by }, planned).map(End::Made)
}

/// The first parent of the commit that is read.
fn below(workspace: &Workspace) -> Option<String> {
    let repo = workspace.repo();
    let commit = repo.find_commit(workspace.base().commit).ok()?;
    commit.parent_ids().next().map(|parent| parent.to_string())
}

/// Where the words about a change go.
enum Form<'a> {
    /// Into the description of its pull request.
    PullRequest,
    /// Into the status comment: the pull request is there.
    Repair(&'a Repair),
}

fn change(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    material: &Material,
    solution: Solution,
    form: &Form<'_>,
) -> Result<Made, Stop> {
    let (notes, warnings) = (solution.notes(), solution.warnings());
    let Solution { patch, title, summary, unplanned, account, .. } = solution;
    scan::scan(&desk.gate, &patch)?;
    let title = title_of(desk, title.as_deref(), summary.as_deref(), material.issue.title.as_str());
    let summary = summary.as_deref().unwrap_or(title.as_str());
    let summary = desk.gate.body_within(summary, MAX_SUMMARY);
    let mut facts = facts(desk, terms, &account, patch.changes(), title.as_str(), summary.as_str());
    facts.notes = notes.iter().map(|note| desk.gate.body_within(note, MAX_NOTE).to_string()).collect();
    facts.warnings =
        warnings.iter().map(|warning| desk.gate.body_within(warning, MAX_WARNING).to_string()).collect();
    facts.unplanned.clone_from(&unplanned);
    let body = match form {
        Form::PullRequest => pull_request::body(&facts),
        Form::Repair(repair) => pull_request::repair_body(&facts, &names(&repair.ours)),
    };
    let body = desk.gate.composed(&body);
    let bill = facts.bill.to_string();
    let proposal = Proposal {
        title: title.to_string(),
        body: body.to_string(),
        bill,
        plan: None,
        held: None,
        unplanned,
    };
    Ok(Made::Change { patch: Box::new(patch), proposal })
}

/// The title of a change. One for an issue of Jira begins with the key, by which Jira finds pull request and commit; and
/// where the model gives none, the issue's own is not taken, because not everybody who sees the repository may see that.
pub(super) fn title_of(
    desk: &Desk<'_>,
    title: Option<&str>,
    summary: Option<&str>,
    of_issue: &str,
) -> Outbound {
    let IssueId::Key(key) = &desk.issue.id else { return desk.gate.title(title.unwrap_or(of_issue)) };
    let text = title.or(summary.map(first_line)).filter(|text| !text.trim().is_empty());
    let text = text.unwrap_or("Change as requested");
    let own = key.to_string();
    let text = text.trim_start().strip_prefix(&own).unwrap_or(text).trim_start_matches([':', ' ']);
    desk.gate.title(&format!("{own} {text}"))
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

/// What a plan was made from, and who asked for it.
struct PlanOrigin {
    base: String,
    asked_by: Vec<String>,
}

fn plan(
    job: Job<'_>,
    material: &Material,
    PlanOrigin { base, asked_by }: PlanOrigin,
    planned: Planned,
) -> Result<Made, Stop> {
    let Job { config, desk, terms, .. } = job;
    let Planned { plan, account } = planned;
    let read = account.read.iter().map(|(path, _)| path);
    let title = match &desk.issue.id {
        IssueId::Number(_) => desk.gate.title(&format!("Plan: {}", material.issue.title.as_str())),
        // See `title_of`.
        IssueId::Key(key) => desk.gate.title(&format!("{key} Plan: {}", first_line(plan.summary()))),
    };
    let facts = facts(desk, terms, &account, &[], title.as_str(), plan.summary());
    // What is bound is what is shown: the text as it passed the gate.
    let plan = Plan::parse(desk.gate.body(plan.text()).as_str()).map_err(|error| {
        let what = format!("Nothing of the plan is left that may be shown: {error}");
        Failure::new(Reason::NoPlan, what, "Choose a stronger model.")
    })?;
    let cost = config.cost_at_most(terms.engine, &terms.ceiling);
    // A plan that imitates the frame around plans could not be told from it again.
    if comment::plans(&comment::plan(plan.text(), &cost, None)).next() != Some(plan.text()) {
        let what = "The plan imitates the comment that it stands in.";
        return Err(Failure::new(Reason::NoPlan, what, "Choose a stronger model.").into());
    }
    let binding = Binding::new(&plan, &material.digest, &base, &terms.digest, read).asked_by(asked_by);
    let bill = facts.bill.to_string();
    let mut body = format!(
        "A plan for {}. Nothing is changed yet: an approval is of the comment below that holds the plan.\n\n{bill}",
        desk.issue.id.reference()
    );
    for note in &account.withheld {
        body.push_str("\n\n> ");
        body.push_str(desk.gate.body_within(note, MAX_WARNING).as_str());
    }
    let plan = Some(PlanComment { text: plan.text().to_owned(), cost, binding });
    Ok(Made::Plan(Proposal { title: title.to_string(), body, bill, plan, held: None, unplanned: Vec::new() }))
}

fn facts(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    account: &Account,
    patch: &[Change],
    title: &str,
    summary: &str,
) -> Facts {
    let changed: Vec<ChangeFact> = patch.iter().map(ChangeFact::of).collect();
    let why = |why: &str| match &desk.issue.id {
        IssueId::Number(_) => desk.gate.body_within(why, MAX_NOTE).to_string(),
        // The reasons quote words of the issue. See `title_of`.
        IssueId::Key(key) => format!("read for {key}"),
    };
    let read = account.read.iter().map(|(path, file)| ReadFact {
        path: path.clone(),
        why: why(&file.why),
        changed: changed.iter().any(|change| change.is_of(path)),
    });
    Facts {
        issue: Some(desk.issue.id.clone()),
        title: title.to_owned(),
        summary: summary.to_owned(),
        read: read.collect(),
        changed,
        unplanned: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
        bill: Bill::of(terms.engine, account.spent),
    }
}
