//! The *proposal* of a run: what the model makes of the issue, on the branch.

use super::commit::{self, Committed};
use super::ended::Stop;
use super::work::{Claim, Job, Made, Material};
use super::{already, ask, asking, clone, conversation, spans, wanted};
use crate::bill::Bill;
use crate::cycle::End;
use crate::git::workspace::Workspace;
use crate::llm::Ledger;
use crate::record::status::Finding;

/// Clones, reads, asks the model, and makes the commit. From here on the model is not asked again.
pub(super) async fn propose(job: Job<'_>, claim: &Claim) -> Result<End<Committed, Finding>, Stop> {
    let Job { lease, desk, terms, .. } = job;
    let folder = clone::folder(desk)?;
    let workspace = clone::cloned(desk, folder.path(), lease).await?;
    let material = conversation::material(desk, claim, &terms.repo).await?;
    let mut ledger = asking::ledger(lease, desk.forge, terms);
    asking::keep_transcript(job);
    let made = tokio::select! {
        made = ask_model(job, claim, &workspace, &material, &mut ledger) => made,
        lost = lease.lost() => Err(lost.into()),
    };
    desk.spent(Bill::if_asked(terms.engine, ledger.spent()));
    let made = made?;
    // A change is not kept anywhere before it is committed, and would be paid for again: better to wait here.
    desk.forge.be_patient(desk.time_left());
    wanted::still_wanted(desk, claim).await?;
    match made {
        End::Made(made) => {
            let committed = commit::commit(desk, terms, &workspace, claim, made);
            spans::committed(desk, committed).await.map(End::Made)
        }
        End::Already(finding) => {
            already::keep(desk, claim, &finding).await?;
            Ok(End::Already(finding))
        }
    }
}

async fn ask_model(
    job: Job<'_>,
    claim: &Claim,
    workspace: &Workspace,
    material: &Material,
    ledger: &mut Ledger,
) -> Result<End<Made, Finding>, Stop> {
    asking::watched(job, claim, async |progress| {
        let cycle = asking::cycle(job, workspace, &material.issue, ledger, progress);
        ask::ask(cycle, job, claim, material).await
    })
    .await
}
