//! A *sweep* recovers lost work: it reports it on the issue, and starts it again. For a timer, and by hand.
//!
//! | found | put right |
//! |---|---|
//! | a dead letter: a task that was given up | told on its issue once, labeled as failed, taken off the queue |
//! | a dead letter that is not a valid task, or whose issue cannot be reached | logged with size and hash; stays until the queue's own limit, two weeks |
//! | an issue at work whose run is gone | labeled as failed; its status comment says so and names `/retry` |
//! | a draft of the agent whose checks do not end | a look at them is published as a task, which tells it once |
//! | a draft of the agent whose checks have ended, while nothing came of it | the same look, which its lost webhook would have made |
//! | an issue that asks for work and that nobody has answered: its webhook was missed | published as a task |
//!
//! Nothing of it is remembered: what was put right is not found again, and a sweep that was cut short is completed by
//! the next. What a webhook that arrives late asks for has the id of the task that the sweep published.
//!
//! # When a run is gone
//!
//! Every attempt writes its status comment when it begins, and no attempt holds its message for longer than the
//! broker's consumer timeout. So an attempt whose comment is older than that, by [`MARGIN`], holds nothing. Its task
//! may wait in the queue for the next attempt: nothing is called gone, or missed, while any task waits there.

mod budget;
mod finding;
mod issues;
mod letters;
mod queue;
pub mod settings;
mod site;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use shared::otlp;
use shared::otlp::catalog::SWEEP;

use crate::broker::Line;
use crate::budget::Bank;
use crate::call::CallError;
use crate::causes;
use crate::lease::{Lease, Lost};
use crate::run::settings::RunSettings;

pub use finding::Finding;
use queue::{Queue, QueueError};
use settings::SweepSettings;
use site::Sites;

/// Beyond the broker's consumer timeout, for the time between taking a message and writing the comment.
const MARGIN: Duration = Duration::from_mins(30);

/// The longest that one sweep may take: below the half hour after which a broker with default settings takes back the
/// dead letters that it holds (<https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout>).
pub(crate) const WITHIN: Duration = Duration::from_mins(20);

/// Recover lost work: dead-lettered tasks, missed webhooks, orphaned runs
#[derive(Args, Clone, Copy, Debug)]
pub struct SweepArgs {
    /// Report what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl SweepArgs {
    pub fn hand(self) -> Hand {
        if self.dry_run { Hand::Still } else { Hand::Writing }
    }
}

/// Whether a sweep changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    Writing,
    Still,
}

/// How a sweep ended.
#[derive(Debug)]
pub enum Swept {
    Whole,
    /// Something was left for the next sweep, and why.
    InPart(String),
    Lost(Lost),
}

/// Why a sweep stops before its end.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What every part of a sweep works with.
struct Sweep<'a> {
    run: &'a RunSettings,
    settings: &'a SweepSettings,
    hand: Hand,
    tell: &'a mut dyn FnMut(&Finding),
    /// Something stays for the next sweep.
    left: Option<String>,
}

impl Sweep<'_> {
    fn found(&mut self, finding: &Finding) {
        if let Some(why) = finding.is_left() {
            self.left = Some(why);
        }
        (self.tell)(finding);
    }
}

/// Sweeps once.
pub async fn sweep(
    run: &RunSettings,
    settings: &SweepSettings,
    hand: Hand,
    lease: &Lease,
    tell: &mut dyn FnMut(&Finding),
) -> Swept {
    let span = otlp::Span::start(&SWEEP);
    let sweep = Sweep { run, settings, hand, tell, left: None };
    let swept = span.run(sweep_once(sweep, lease)).await;
    match &swept {
        Swept::Whole => {}
        Swept::InPart(_) => span.fail("in-part"),
        Swept::Lost(lost) => span.fail(lost.kind()),
    }
    swept
}

async fn sweep_once(mut sweep: Sweep<'_>, lease: &Lease) -> Swept {
    let mut sites = Sites::new(sweep.run, lease);
    let swept = tokio::select! {
        swept = sweep_all(&mut sweep, &mut sites) => swept,
        lost = lease.lost() => Err(CallError::Lost(lost).into()),
    };
    Box::pin(sites.close()).await;
    match (swept, sweep.left) {
        (Err(Stop::Call(CallError::Lost(lost))), _) => Swept::Lost(lost),
        (Err(error), _) => Swept::InPart(causes::chain(&error)),
        (Ok(()), Some(why)) => Swept::InPart(why),
        (Ok(()), None) => Swept::Whole,
    }
}

async fn sweep_all(sweep: &mut Sweep<'_>, sites: &mut Sites<'_>) -> Result<(), Stop> {
    let line = Arc::new(Line::new(&sweep.settings.broker, "sweep", sweep.settings.max_wait));
    let bank = Bank::new(&line, &sweep.run.budgets);
    let swept = sweep_places(sweep, sites, bank.as_ref()).await;
    line.close().await;
    swept
}

async fn sweep_places(sweep: &mut Sweep<'_>, sites: &mut Sites<'_>, bank: Option<&Bank>) -> Result<(), Stop> {
    let queue = Queue::connect(&sweep.settings.broker, sweep.settings.max_wait).await?;
    budget::tell(bank, None).await;
    letters::sweep(sweep, sites, &queue).await?;
    let given = sites.list(&sweep.settings.places).await?;
    for unreached in given.unreached {
        sweep.found(&Finding::Unreachable { repo: unreached.name, why: unreached.error.to_string() });
    }
    for repo in given.repos {
        // Asked again for each: what was published a moment ago waits for a run.
        let waiting = queue.waiting().await?;
        match sites.at(&repo).await {
            Ok(site) => {
                budget::tell(bank, Some(site)).await;
                issues::sweep(sweep, site, &queue, waiting).await?;
            }
            Err(error @ CallError::Lost(_)) => return Err(error.into()),
            Err(error) => {
                sweep.found(&Finding::Unreachable { repo: repo.to_string(), why: error.to_string() });
            }
        }
    }
    let jira = sweep.run.jira.clone().unwrap_or_default();
    for (at, repo) in jira.sites().flat_map(|site| site.all_repos().into_iter().map(move |repo| (site, repo)))
    {
        let waiting = queue.waiting().await?;
        match sites.at_jira(&repo, at).await {
            Ok(site) => issues::sweep(sweep, site, &queue, waiting).await?,
            Err(error @ CallError::Lost(_)) => return Err(error.into()),
            Err(error) => {
                let repo = format!("issues of {} for {repo}", at.name);
                sweep.found(&Finding::Unreachable { repo, why: error.to_string() });
            }
        }
    }
    Ok(queue.close().await?)
}
