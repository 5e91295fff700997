//! *Asking* the model, whatever it is asked: what it may cost, where its conversation is kept, and who sees how far it is.

use std::sync::Arc;

use super::desk::Desk;
use super::ended::Stop;
use super::settings::Terms;
use super::work::{Claim, Job};
use super::working;
use crate::cycle::Cycle;
use crate::engine::Engine;
use crate::forge::Forge;
use crate::git::workspace::Workspace;
use crate::issue::Issue;
use crate::lease::Lease;
use crate::llm::{Existing, Ledger, Transcript};
use crate::progress::Step;

/// What a run may spend, by its own ceiling and by those of all runs together, and when it may ask.
pub(crate) fn ledger(lease: &Lease, forge: &Forge, terms: &Terms<'_>) -> Ledger {
    let purse = lease.bank().map(|bank| bank.purse(forge.repository().id, &forge.repo().to_string()));
    Ledger::new(terms.ceiling).drawing_on(purse).entering_by(lease.door().cloned())
}

/// Keeps the conversation where the operator says. What cannot be kept stops no run.
pub(super) fn keep_transcript(job: Job<'_>) {
    let Job { config, desk, terms, .. } = job;
    let (Some(folder), Some(llm)) = (&desk.settings.transcripts, terms.engine.model()) else { return };
    let path = folder.join(format!("{}.jsonl", desk.task.id));
    let mut secrets = config.secrets();
    secrets.extend(desk.settings.secrets());
    secrets.push(desk.forge.token().clone());
    match Transcript::open(&path, &secrets, Existing::Continued) {
        Ok(transcript) => {
            llm.record_in(Arc::new(transcript));
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the conversation with the model is not kept");
        }
    }
}

/// Asks the model by `ask`, and meanwhile shows in the status comment how far it is.
pub(super) async fn watched<T>(
    job: Job<'_>,
    claim: &Claim,
    ask: impl AsyncFnOnce(&mut (dyn FnMut(Step) + Send)) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let Job { desk, terms, .. } = job;
    let (steps, seen) = tokio::sync::mpsc::unbounded_channel();
    let asking = async move {
        // Rules are done at once: there is nothing to watch.
        let watched = matches!(terms.engine, Engine::Model(_));
        let mut progress = progress(desk, watched, steps);
        ask(&mut progress).await
    };
    // Both are awaited: an edit on its way must not overtake what is kept later.
    let (made, ()) = tokio::join!(asking, working::show_progress(desk, claim, seen));
    made
}

/// What is done with the steps of a cycle: they are logged, and shown if they are watched.
fn progress(
    desk: &Desk<'_>,
    watched: bool,
    steps: tokio::sync::mpsc::UnboundedSender<Step>,
) -> impl FnMut(Step) + Send {
    move |step: Step| {
        // A step can hold the model's words.
        tracing::info!(step = desk.gate.redact(&step.to_string()), "progress");
        if watched && steps.send(step).is_err() {
            tracing::debug!("nobody watches the progress any more");
        }
    }
}

pub(super) fn cycle<'a>(
    job: Job<'a>,
    workspace: &'a Workspace,
    issue: &'a Issue,
    ledger: &'a mut Ledger,
    progress: &'a mut (dyn FnMut(Step) + Send),
) -> Cycle<'a> {
    let Job { config, terms, .. } = job;
    Cycle {
        engine: terms.engine,
        protection: &terms.protection,
        context_tokens: config.context_tokens(terms.engine, &terms.ceiling),
        ..config.cycle(workspace, issue, ledger, progress)
    }
}
