//! An *update* merges the branch that a pull request of ours is for into its own: one merge commit on top, whatever both have
//! become since.
//!
//! The merge is ours and not the forge's own ("Update branch"), also where that could make it: only so does its commit say
//! which task made it and whether its checks are held back, and nothing starts CI on what a model wrote because its base
//! moved. Three commits are read, each without its history. What they say is merged by [`crate::merge`], and proven against
//! them; lines that both sides have changed go to the model, which can put nothing anywhere but in their place. Where that
//! is too much, or no matter of lines, there is no merge but the list of what stands in its way.

mod land;
mod settle;
mod words;

use shared::command::Command;
use shared::mode::CommandAt;

use super::desk::Desk;
use super::ended::Stop;
use super::missing::Missing;
use super::settings::Terms;
use super::work::{Claim, Job};
use super::{
    answers, approval, ask, asking, change, ci_hold, claim, clone, commit, description, ending, spans,
    wanted, working,
};
use crate::bill::Bill;
use crate::call::CallError;
use crate::forge::model::{Comparison, Discussion};
use crate::git::workspace::Workspace;
use crate::llm::Ledger;
use crate::merge::{self, Merged, Trees};
use crate::outcome::{Failure, Reason};
use crate::protect;
use crate::record::comment::{self, Links, Turn};
use crate::record::status::{Proposal, Status};
use settle::Contents;

/// What a pull request is behind of.
struct Base {
    /// The branch that it is for.
    name: String,
    commit: String,
    /// What that branch has and the pull request has not.
    compared: Comparison,
}

/// What is merged, and where.
struct Merging<'a> {
    job: Job<'a>,
    claim: &'a Claim,
    talk: &'a Discussion,
    base: &'a Base,
    /// The branch of the pull request, and what was fetched for the merge.
    workspace: &'a Workspace,
}

/// Does what a task of this mode asks for.
pub(super) async fn update(job: Job<'_>, at: CommandAt) -> Result<(), Stop> {
    let Job { lease, desk, terms, .. } = job;
    let number = change::number_of(desk, at).await?;
    let mut talk = change::discussion(desk, number).await?;
    if let Some(commit) = change::own_commit(desk, &talk) {
        let own = working::behind_commit(desk).await?;
        let kept = own.and_then(|status| status.proposal).unwrap_or_else(|| lost(&talk));
        return complete(desk, &talk, &kept, &commit).await;
    }
    may_update(desk, &talk)?;
    approval::command_of(desk, at.comment, |command| command == Command::Update).await?;
    let Some(mut base) = base_of(desk, &talk).await? else { return up_to_date(desk, &talk).await };
    let earlier = desk.own_status().map(|(_, status)| status);
    let claim = claim::claim_change(desk, &talk, change::basis(&talk, None), earlier).await?;
    let mut ledger = asking::ledger(lease, desk.forge, terms);
    for is_last in [false, true] {
        let claim = Claim {
            head: talk.pull.head.commit.clone(),
            base: base.name.clone(),
            basis: change::basis(&talk, None),
            ..claim.clone()
        };
        let made = Box::pin(once(job, &claim, &talk, &base, &mut ledger)).await;
        match made {
            Err(Stop::Moved(_)) if !is_last => {
                tracing::info!(pull_request = %number, "the branch has moved; starting over");
                talk = change::discussion(desk, number).await?;
                may_update(desk, &talk)?;
                base = match base_of(desk, &talk).await? {
                    Some(base) => base,
                    None => return up_to_date(desk, &talk).await,
                };
            }
            Err(Stop::Moved(_)) => {
                let what = "The branch changed twice while the agent worked.";
                let next = "Comment `/update` on the pull request once it is at rest.";
                return Err(Failure::new(Reason::Branch, what, next).into());
            }
            Err(stop) => return Err(stop),
            Ok((kept, commit)) => return complete(desk, &talk, &kept, &commit).await,
        }
    }
    Ok(())
}

/// Whether there is a change that can be brought up to date.
fn may_update(desk: &Desk<'_>, talk: &Discussion) -> Result<(), Stop> {
    change::is_open(desk, talk)?;
    if change::holds_plan(talk) {
        let what =
            format!("#{} holds a plan: there is no change yet that could be merged.", talk.pull.number);
        let next = "Comment `/revise` and what should be different for a plan that is made from how things are now, or `/approve`: \
                    a plan that does not fit any more is not carried out.";
        return Err(Failure::new(Reason::StalePlan, what, next).into());
    }
    Ok(())
}

/// The branch that the pull request is for, as it is now; `None` if the pull request has all of it.
async fn base_of(desk: &Desk<'_>, talk: &Discussion) -> Result<Option<Base>, Stop> {
    let name = talk.pull.base.clone();
    let gone = |what: String| {
        let next = "Change the base of the pull request, then comment `/update` again.";
        Stop::from(Failure::new(Reason::Branch, what, next))
    };
    let Some(commit) = desk.forge.branch(&name).await? else {
        return Err(gone(format!("The branch `{name}`, which the pull request is for, is not there.")));
    };
    let compared = match desk.forge.compare(&talk.pull.head.commit, &commit).await {
        Err(CallError::NotFound { .. }) => {
            return Err(gone(format!("The branch has no commit in common with `{name}`.")));
        }
        compared => compared?,
    };
    Ok((compared.ahead > 0).then_some(Base { name, commit, compared }))
}

/// Reads, merges, has conflicts settled, and makes the commit. Returns what is told of it, and the commit.
async fn once(
    job: Job<'_>,
    claim: &Claim,
    talk: &Discussion,
    base: &Base,
    ledger: &mut Ledger,
) -> Result<(Proposal, String), Stop> {
    let Job { lease, desk, terms, .. } = job;
    let folder = clone::folder(desk)?;
    let workspace = clone::cloned(desk, folder.path(), lease).await?;
    if gix::ObjectId::from_hex(claim.head.as_bytes()).ok() != Some(workspace.base().commit) {
        return Err(Stop::Moved(commit::moved(desk)));
    }
    let commits = [object(&base.compared.merge_base)?, object(&base.commit)?];
    clone::fetched(desk, &workspace, commits, lease).await?;
    let merged = merged(&workspace, base)?;
    let refused = settle::refusals(&merged, terms);
    if !refused.is_empty() {
        return Err(words::refused(&base.name, &desk.branch, &refused).into());
    }
    let merging = Merging { job, claim, talk, base, workspace: &workspace };
    let contents = settle::contents(&merging, &merged, ledger).await?;
    desk.forge.be_patient(desk.time_left());
    let tree = written(&workspace, &merged, &contents)?;
    if tree == merged.trees().theirs {
        let what = format!("`{}` has all that this pull request changes.", base.name);
        return Err(Failure::new(Reason::Branch, what, "Close the pull request.").into());
    }
    wanted::still_wanted(desk, claim).await?;
    let proposal = proposal(&merging, &merged, &contents).await?;
    working::keep(desk, claim, &proposal).await?;
    let merge =
        land::Merge { tree, trees: merged.trees(), other: object(&base.commit)?, contents: &contents };
    let landed = land::land(desk, &workspace, claim, &merge, &proposal);
    let commit = spans::committed(desk, landed).await?;
    Ok((proposal, commit))
}

fn object(id: &str) -> Result<gix::ObjectId, Failure> {
    gix::ObjectId::from_hex(id.as_bytes())
        .map_err(|error| Failure::new(Reason::Repository, format!("`{id}` is no commit: {error}"), ""))
}

fn merged(workspace: &Workspace, base: &Base) -> Result<Merged, Stop> {
    let repo = workspace.repo();
    let tree = |commit: &str| -> Result<gix::ObjectId, Failure> {
        let found =
            repo.find_commit(object(commit)?).and_then(|commit| commit.tree_id().map(gix::Id::detach));
        found.map_err(|error| Failure::new(Reason::Repository, error.to_string(), ""))
    };
    let trees = Trees {
        base: tree(&base.compared.merge_base)?,
        ours: workspace.base().tree,
        theirs: tree(&base.commit)?,
    };
    merge::merge(&repo, trees).map_err(|error| {
        let what = format!("`{}` cannot be merged: {error}.", base.name);
        Failure::new(Reason::Branch, what, crate::cycle::BY_HAND).into()
    })
}

/// Writes the merged tree, and holds it against those that it is made of.
fn written(workspace: &Workspace, merged: &Merged, contents: &Contents) -> Result<gix::ObjectId, Failure> {
    let repo = workspace.repo();
    let broken =
        |what: String| Failure::new(Reason::Storage, what, "Ask the agent's operator to look at its log.");
    let tree =
        merged.write(&repo, &contents.files).map_err(|error| broken(format!("The merge failed: {error}")))?;
    merge::prove(&repo, merged.trees(), tree, &merged.by_lines())
        .map_err(|error| broken(format!("The merge is wrong, and nothing was committed: {error}")))?;
    Ok(tree)
}

/// What is kept before the commit: title, words, and whether its checks are held back.
async fn proposal(merging: &Merging<'_>, merged: &Merged, contents: &Contents) -> Result<Proposal, Stop> {
    let Merging { job: Job { desk, terms, .. }, talk, base, .. } = *merging;
    let is_held = talk.commits.last().is_some_and(|head| ci_hold::is_held(&head.message));
    let mut settled = merged.files.iter().filter(|file| file.has_conflicts()).peekable();
    let held = if is_held {
        // What is below has not been let go either.
        Some("those of the commit before are held back as well".to_owned())
    } else if settled.peek().is_some() {
        let is_executed = settled.any(|file| protect::executed_by(&file.path).is_some());
        ci_hold::hold_of(desk, terms, is_executed).await?
    } else {
        // Nothing in it is a model's that the commits before it have not.
        None
    };
    let title = format!("Merge {} into {}", base.name, desk.branch);
    let body = desk.gate.body(&words::body(&base.name, base.compared.ahead, merged, contents)).to_string();
    let bill = contents.bill.clone();
    Ok(Proposal {
        title: ask::title_of(desk, Some(&title), None, "").to_string(),
        body,
        bill,
        plan: None,
        held,
        unplanned: Vec::new(),
    })
}

/// What is told of a merge that is on the branch where the comment that kept the rest is gone.
fn lost(talk: &Discussion) -> Proposal {
    let is_held = talk.commits.last().is_some_and(|head| ci_hold::is_held(&head.message));
    Proposal {
        title: String::new(),
        body: "What was merged was lost with the comment that kept it.".to_owned(),
        bill: String::new(),
        plan: None,
        held: is_held.then(|| "why is not known any more".to_owned()),
        unplanned: Vec::new(),
    }
}

/// There is nothing to merge.
async fn up_to_date(desk: &Desk<'_>, talk: &Discussion) -> Result<(), Stop> {
    tell(desk, talk, &words::up_to_date(&talk.pull.base), None).await
}

/// Tells of a merge that is on the branch. What the pull request is to its reviewers stays as it is.
async fn complete(desk: &Desk<'_>, talk: &Discussion, kept: &Proposal, commit: &str) -> Result<(), Stop> {
    desk.turns_to(Turn::after_commit(desk.task.mode));
    let mut missing = Missing::of(desk);
    let described = description::follow(desk, &talk.pull, commit, kept.held.as_deref()).await;
    missing.unless(described, description::LEFT)?;
    let text = comment::with_left(&words::done(kept, commit), &missing.lines);
    spans::published(desk, talk.pull.number, tell(desk, talk, &text, Some(commit))).await
}

/// The last words: on the pull request once, and on the issue.
async fn tell(desk: &Desk<'_>, talk: &Discussion, text: &str, commit: Option<&str>) -> Result<(), Stop> {
    let number = talk.pull.number;
    let comment = match answers::tell_after(desk, number, text, Some(&talk.remarks)).await {
        Ok(comment) => Some(comment),
        Err(error) => {
            let error = ending::tolerated(desk, error)?;
            tracing::warn!(%error, "it could not be told on the pull request");
            None
        }
    };
    let links = Links { commit, comment, ..Links::default() };
    let text = comment::about(&desk.linked_to(number, links), text);
    Ok(desk.record.say_at_last(&desk.gate, None, &text, desk.signed(Status::done(desk.task))).await?)
}

/// What the model cost, in words; empty where none was asked.
fn bill(terms: &Terms<'_>, ledger: &Ledger) -> String {
    Bill::of(terms.engine, ledger.spent()).to_string()
}
