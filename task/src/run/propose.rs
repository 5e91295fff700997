//! The *proposal* of a run: what the model makes of the issue, on the branch.

use super::commit::{self, Committed};
use super::desk::Desk;
use super::ended::Stop;
use super::settings::Terms;
use super::work::{Claim, Made, Material};
use super::{already, ask, clone, conversation, session, spans, wanted};
use crate::bill::Bill;
use crate::config::Config;
use crate::cycle::End;
use crate::git::workspace::Workspace;
use crate::lease::Lease;
use crate::llm::Ledger;
use crate::record::status::Finding;

/// Clones, reads, asks the model, and makes the commit. From here on the model is not asked again.
pub(super) async fn propose(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
) -> Result<End<Committed, Finding>, Stop> {
    let folder = clone::folder(desk)?;
    let workspace = clone::cloned(desk, folder.path(), lease).await?;
    let material = conversation::material(desk, claim, &terms.repo).await?;
    let mut ledger = session::ledger(lease, desk.forge, terms);
    session::record(config, desk, terms);
    let made = tokio::select! {
        made = ask_model(config, desk, claim, terms, &workspace, &material, &mut ledger) => made,
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
    config: &Config,
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
    workspace: &Workspace,
    material: &Material,
    ledger: &mut Ledger,
) -> Result<End<Made, Finding>, Stop> {
    session::watched(desk, claim, terms, async |progress| {
        let cycle = session::cycle(config, terms, workspace, &material.issue, ledger, progress);
        ask::ask(cycle, desk, config, terms, material, claim).await
    })
    .await
}
