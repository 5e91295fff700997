//! A *delivery* is one message in the hands of one process: taken from the queue, worked on, settled.
//!
//! | a run ends | settlement | exit |
//! |---|---|---|
//! | done, explained on the issue, or nothing to do | ack | 0 |
//! | a transient error | after a pause, reject and requeue | 75 |
//! | a transient error that names a time | published again to wait until then, ack | 75 |
//! | no budget is left of what all runs together may spend | published again to wait for it, ack | 0 |
//! | something that the operator has to fix | the same as a transient error | 2 |
//! | one of the two, at the last attempt | reject to the dead letters | 1, 2 |
//! | SIGTERM | nack and requeue | 143 |
//! | the run's time is over | reject and requeue | 143 |
//! | the message is no longer ours | none | 70 |
//! | the message is not a valid task | reject to the dead letters | 0 |
//! | who asked was refused on this thread before | ack, and the next message is taken | |
//! | no message | none | 0 |
//!
//! A failure is rejected, never nacked: RabbitMQ from 4.3 on does not count what is nacked
//! (<https://www.rabbitmq.com/docs/quorum-queues#repeated-requeues>), and what is not counted never ends. A settlement
//! counts when the broker has answered a question that was asked after it on the same channel.
//!
//! Being put off spends no attempt, and a task that comes back before its time is put off again without a run. It
//! happens [`MAX_PAUSES`] times at most; what asks for more is a transient error like any other.
//!
//! Waiting for budget is no pause in that sense: it lasts as long as it has to. A task that comes back for it is asked
//! about at the broker alone, and put off again without a run while what it needs is not there.
//!
//! Nor is a wait for others of the same repository or person: [`crate::budget::turns`]. Messages of a person who was refused end without a
//! run: [`refusal`].
//!
//! A process that fails before it holds a message ends with 2 or 75, after a wait: [`failed_start`].

pub mod failed_start;
mod refusal;
mod revocation;
pub mod settings;
mod verdict;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use shared::issue::IssueId;
use shared::message::Message;
use shared::otlp::catalog::{
    ATTEMPT, MESSAGE_ID, MESSAGING_OPERATION, MESSAGING_SYSTEM, MESSAGING_TYPE, PROCESS, QUEUE, RECEIVE, Work,
};
use shared::otlp::{self, Span};
use shared::queue::{DELIVERY_LIMIT, TASKS};
use shared::trace::TraceContext;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::broker::{self, Held, Line, Settlement};
use crate::budget::{Bank, Door, Turns};
use crate::config::Config;
use crate::lease::{Lease, Revoker};
use crate::outcome::Exit;
use crate::probe;
use crate::run::settings::RunSettings;
use crate::run::{self, Attempt, Delivery, Ended};
use refusal::Admission;
use settings::Settings;
use verdict::{Verdict, verdict, waits};
use waiting::{Start, put_off, start};

/// How long a run that has lost its lease may take to notice. Kubernetes kills 60 s after it has asked.
const NOTICE: Duration = Duration::from_secs(40);

/// How often a task is put off.
const MAX_PAUSES: u32 = 10;

/// How long after its start a process takes another message when the one that it had needed no run: so short that the task
/// of that one has the time that a Job has.
const GOES_ON_FOR: Duration = Duration::from_mins(1);

/// Takes one message, does its task, settles it. Messages of people who were refused a short while ago are settled on the way.
pub async fn consume(config: &Config, run: &RunSettings, settings: &Settings, started: Instant) -> Exit {
    let (revoker, lease) = Lease::new();
    if let Err(error) = revocation::on_signal(&revoker) {
        tracing::error!(error = &error as &dyn std::error::Error, "signals cannot be waited for");
        return Exit::Passing;
    }
    let means = Means { config, run, settings, revoker: &revoker };
    let mut since = started;
    let failed = loop {
        match take(settings, &lease).await {
            Taken::Message(held) => {
                let delivered = Box::pin(deliver(means, *held, lease.clone(), since)).await;
                match delivered {
                    Delivered::Refused if started.elapsed() < GOES_ON_FOR => since = Instant::now(),
                    Delivered::Refused => return Exit::Done,
                    Delivered::Ended(exit) => return exit,
                }
            }
            Taken::Nothing(exit) => return exit,
            Taken::Failed(exit) => break exit,
        }
    };
    failed_start::wait_out(started, settings.failed_start_wait, lease.lost()).await;
    failed
}

/// What became of a message.
enum Delivered {
    Ended(Exit),
    /// Whoever asked was refused before, and nothing but the broker was asked.
    Refused,
}

/// What came of looking for a message.
enum Taken {
    Message(Box<Held>),
    /// There is none, or nobody wants it any more.
    Nothing(Exit),
    /// Logged, with what to do about it.
    Failed(Exit),
}

async fn take(settings: &Settings, lease: &Lease) -> Taken {
    if let Err(error) = probe::unready(&settings.ready_file) {
        tracing::error!(error = &error as &dyn std::error::Error, path = %settings.ready_file.display(), "an old readiness file cannot be removed");
        return Taken::Failed(Exit::Usage);
    }
    let taken = tokio::select! {
        taken = broker::take(&settings.broker, &settings.name, settings.wait, settings.max_wait) => taken,
        lost = lease.lost() => {
            tracing::info!(why = %lost, "ends before a task was taken");
            return Taken::Nothing(Exit::Terminated);
        }
    };
    match taken {
        Ok(Some(held)) => Taken::Message(Box::new(held)),
        Ok(None) => {
            tracing::info!("no task is waiting");
            Taken::Nothing(Exit::Done)
        }
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                fix = error.fix(),
                "no task can be taken"
            );
            Taken::Failed(if error.is_transient() { Exit::Passing } else { Exit::Usage })
        }
    }
}

/// What a delivery is done with.
#[derive(Clone, Copy)]
struct Means<'a> {
    config: &'a Config,
    run: &'a RunSettings,
    settings: &'a Settings,
    revoker: &'a Revoker,
}

async fn deliver(means: Means<'_>, held: Held, lease: Lease, since: Instant) -> Delivered {
    let message = match Message::parse(held.body(), &means.run.hosts) {
        Ok(message) => message,
        Err(error) => {
            let (bytes, message_id) = (held.body().len(), held.message_id());
            tracing::error!(
                error = &error as &dyn std::error::Error,
                bytes,
                message_id,
                "the message is not a valid task"
            );
            return Delivered::Ended(settle(held, Settlement::DeadLetter, Exit::Done).await);
        }
    };
    let (attempt, trace) = (held.attempt(), held.trace());
    let trace = trace.unwrap_or_else(|| TraceContext::of_task(message.id()));
    drop(traced(&RECEIVE, ("get", "receive"), &message, &trace, Some(since)));
    let process = traced(&PROCESS, ("process", "process"), &message, &trace, None).with(&ATTEMPT, attempt);
    let span = tracing::info_span!(
        "task",
        task_id = %message.id(),
        repository = %repository_of(&message),
        issue = %issue_of(&message),
        mode = message.mode_name(),
        attempt,
        traceparent = %trace,
    );
    let work = work_on(means, held, &message, lease);
    let delivered = process.run(work.instrument(span)).await;
    if let Delivered::Ended(exit) = delivered
        && exit != Exit::Done
    {
        process.fail(&format!("exit {}", exit as u8));
    }
    drop(process);
    if let Err(error) = probe::unready(&means.settings.ready_file) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the readiness file cannot be removed");
    }
    delivered
}

/// Runs a task and settles its message, unless it has to wait or nobody may ask for it: then no run is begun.
async fn work_on(means: Means<'_>, held: Held, message: &Message, lease: Lease) -> Delivered {
    let Means { config, run, settings, revoker } = means;
    if let Err(error) = probe::ready(&settings.ready_file) {
        tracing::error!(error = &error as &dyn std::error::Error, path = %settings.ready_file.display(), "the readiness file cannot be written");
    }
    tracing::info!("task taken");
    let line = Arc::new(Line::new(&settings.broker, &settings.name, settings.max_wait));
    let bank = Bank::new(&line, &run.budgets);
    let admission = match refusal::admission(&line, message).await {
        Admission::Open(slot) => slot,
        Admission::Refused => {
            line.close().await;
            return end_refused(held).await;
        }
    };
    let turns = Arc::new(Turns::new(&line, settings.at_once.repository, settings.at_once.person));
    if start(&held, &turns, bank.as_ref(), message).await == Start::Later {
        line.close().await;
        return Delivered::Ended(settle(held, Settlement::Ack, Exit::Done).await);
    }
    let door = settings.at_once.calls.map(|most| Door::new(&line, most));
    let attempt = attempt_of(&held);
    revocation::on_loss(revoker, &held, run.deadline);
    let lease = lease.with_channel(held.channel().clone()).with_bank(bank).with_door(door);
    let lease = lease.with_line(Arc::clone(&line)).with_turns(turns).with_admission(admission);
    let ended = run_until_lost(config, run, message, &lease, attempt).await;
    if let Ended::Refused(before) = ended {
        refusal::remember(&line, message, before).await;
    }
    line.close().await;
    end(held, &ended, attempt, &lease, settings.pause).await
}

/// Which attempt at its task a message is.
fn attempt_of(held: &Held) -> Attempt {
    let delivery = Delivery {
        number: held.delivery(),
        publication: held.publication(),
        pauses_left: MAX_PAUSES.saturating_sub(held.pauses()),
    };
    if held.attempt() > DELIVERY_LIMIT { Attempt::Last(delivery) } else { Attempt::MoreFollow(delivery) }
}

/// Settles the message of a run that ended so.
async fn end(held: Held, ended: &Ended, attempt: Attempt, lease: &Lease, time: Duration) -> Delivered {
    let Verdict { settlement, exit, pause } = verdict(ended, attempt);
    let end = ended.words().log;
    if exit == Exit::Done {
        tracing::info!(end, "run ended");
    } else {
        tracing::warn!(end, "run ended");
    }
    let Some(settlement) = settlement else { return Delivered::Ended(exit) };
    if let Some(wait) = waits(ended, attempt)
        && put_off(&held, wait).await
    {
        return Delivered::Ended(settle(held, Settlement::Ack, wait.exit()).await);
    }
    if pause {
        recover(lease, time).await;
    }
    Delivered::Ended(settle(held, settlement, exit).await)
}

/// Ends a message of a requester who was refused a short while ago.
async fn end_refused(held: Held) -> Delivered {
    tracing::info!("the requester was refused on this thread a short while ago");
    match settle(held, Settlement::Ack, Exit::Done).await {
        Exit::Done => Delivered::Refused,
        exit => Delivered::Ended(exit),
    }
}

/// Work on a message, as part of the trace that came with it.
fn traced(
    work: &'static Work,
    (name, kind): (&'static str, &'static str),
    message: &Message,
    trace: &TraceContext,
    since: Option<Instant>,
) -> Span {
    let title = format_args!("{name} {TASKS}");
    let since = since.map(|since| otlp::time_of(since.into_std()));
    Span::of_trace(work, title, trace, since)
        .with(&MESSAGING_SYSTEM, "rabbitmq")
        .with(&QUEUE, TASKS)
        .with(&MESSAGING_OPERATION, name)
        .with(&MESSAGING_TYPE, kind)
        .with(&MESSAGE_ID, message.id().to_string())
}

/// For the log: the repository, or the site of Jira, whose configuration says which it is.
fn repository_of(message: &Message) -> String {
    match message {
        Message::Task(task) => task.repo.to_string(),
        Message::Jira(request) => format!("jira:{}", request.site),
    }
}

fn issue_of(message: &Message) -> IssueId {
    match message {
        Message::Task(task) => task.issue.clone(),
        Message::Jira(request) => request.issue_id(),
    }
}

/// A run looks at its lease before each write; one that does not get there is left behind.
async fn run_until_lost(
    config: &Config,
    settings: &RunSettings,
    message: &Message,
    lease: &Lease,
    attempt: Attempt,
) -> Ended {
    let overdue = async {
        let lost = lease.lost().await;
        tokio::time::sleep(NOTICE).await;
        lost
    };
    tokio::select! {
        ended = run::run(config, settings, message, lease, attempt) => ended,
        lost = overdue => Ended::Lost(lost),
    }
}

/// Lets whatever failed recover. Who is asked to end meanwhile does not wait.
async fn recover(lease: &Lease, pause: Duration) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = lease.lost() => {}
    }
}

async fn settle(held: Held, settlement: Settlement, exit: Exit) -> Exit {
    match held.settle(settlement).await {
        Ok(()) => {
            tracing::info!(?settlement, "message settled");
            exit
        }
        Err(error) => {
            // The broker gives the message out again; the next run finds what this one did.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                ?settlement,
                "the broker did not confirm what became of the message"
            );
            if exit == Exit::Terminated { exit } else { Exit::LostLease }
        }
    }
}
