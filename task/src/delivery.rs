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
//! Nor is a wait for others of the same repository or person: [`turns`]. Messages of a person who was refused end without a
//! run: [`refusal`].
//!
//! A process that fails before it holds a message ends with 2 or 75, after a wait: [`failed_start`].

pub mod failed_start;
mod refusal;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use lapin::Event;
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

use crate::broker::{self, BrokerError, BudgetWait, Held, Line, Settlement};
use crate::budget::{Bank, Door, Shortage, Turns, turns};
use crate::config::Config;
use crate::lease::{Lease, Lost, Revoker};
use crate::outcome::Exit;
use crate::probe;
use crate::run::settings::RunSettings;
use crate::run::{self, Attempt, Delivery, Ended};
use refusal::Admission;
use settings::Settings;

/// How long a run that has lost its lease may take to notice. Kubernetes kills 60 s after it has asked.
const NOTICE: Duration = Duration::from_secs(40);

/// How often a task is put off.
const MAX_PAUSES: u32 = 10;

/// How long a task waits that found no budget before it is looked again: what runs did not use comes back soon, and an
/// operator may raise a ceiling at any time.
const BUDGET_LOOKS: [Duration; 3] =
    [Duration::from_mins(5), Duration::from_mins(15), Duration::from_mins(35)];
const LONGEST_BUDGET_LOOK: Duration = Duration::from_mins(65);

/// How long after its start a process takes another message when the one that it had needed no run: so short that the task
/// of that one has the time that a Job has.
const GOES_ON_FOR: Duration = Duration::from_mins(1);

/// Takes one message, does its task, settles it. Messages of people who were refused a short while ago are settled on the way.
pub async fn consume(config: &Config, run: &RunSettings, settings: &Settings, started: Instant) -> Exit {
    let (revoker, lease) = Lease::new();
    if let Err(error) = revoke_on_signal(&revoker) {
        tracing::error!(error = &error as &dyn std::error::Error, "signals cannot be waited for");
        return Exit::Passing;
    }
    let mut since = started;
    let failed = loop {
        match take(settings, &lease).await {
            Taken::Message(held) => {
                let delivered =
                    Box::pin(deliver(config, run, settings, *held, &revoker, lease.clone(), since)).await;
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

async fn deliver(
    config: &Config,
    run: &RunSettings,
    settings: &Settings,
    held: Held,
    revoker: &Revoker,
    lease: Lease,
    since: Instant,
) -> Delivered {
    let (attempt, trace) = (held.attempt(), held.trace());
    let message = match Message::parse(held.body(), &run.hosts) {
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
    let trace = trace.unwrap_or_else(|| TraceContext::of_task(message.id()));
    drop(traced(&RECEIVE, ("get", "receive"), &message, &trace, Some(since)));
    let process = traced(&PROCESS, ("process", "process"), &message, &trace, None).with(&ATTEMPT, attempt);
    let span = tracing::info_span!(
        "task",
        task_id = %message.id(),
        repository = %repository_of(&message),
        issue = %issue_of(&message),
        mode = mode_of(&message),
        attempt,
        traceparent = %trace,
    );
    let work = async {
        if let Err(error) = probe::ready(&settings.ready_file) {
            tracing::error!(error = &error as &dyn std::error::Error, path = %settings.ready_file.display(), "the readiness file cannot be written");
        }
        tracing::info!("task taken");
        let line = Arc::new(Line::new(&settings.broker, &settings.name, settings.max_wait));
        let bank = Bank::new(&line, &run.budgets);
        let admission = match refusal::admission(&line, &message).await {
            Admission::Open(slot) => slot,
            Admission::Refused => {
                line.close().await;
                return end_refused(held).await;
            }
        };
        let turns = Arc::new(Turns::new(&line, settings.at_once.repository, settings.at_once.person));
        if start(&held, &turns, bank.as_ref(), &message).await == Start::Later {
            line.close().await;
            return Delivered::Ended(settle(held, Settlement::Ack, Exit::Done).await);
        }
        let door = settings.at_once.calls.map(|most| Door::new(&line, most));
        let delivery = Delivery {
            number: held.delivery(),
            publication: held.publication(),
            pauses_left: MAX_PAUSES.saturating_sub(held.pauses()),
        };
        let follow =
            if attempt > DELIVERY_LIMIT { Attempt::Last(delivery) } else { Attempt::MoreFollow(delivery) };
        revoke_on_loss(revoker, &held, run.deadline);
        let lease = lease.with_channel(held.channel().clone()).with_bank(bank).with_door(door);
        let lease = lease.with_line(Arc::clone(&line)).with_turns(turns).with_admission(admission);
        let ended = run_until_lost(config, run, &message, &lease, follow).await;
        if let Ended::Refused(before) = ended {
            refusal::remember(&line, &message, before).await;
        }
        line.close().await;
        let (settlement, exit) = verdict(&ended, follow);
        let end = describe(&ended);
        if exit == Exit::Done {
            tracing::info!(end, "run ended");
        } else {
            tracing::warn!(end, "run ended");
        }
        let Some(settlement) = settlement else { return Delivered::Ended(exit) };
        if put_off_after(&held, &ended, follow).await {
            return Delivered::Ended(settle(held, Settlement::Ack, exit_of_waiting(&ended, exit)).await);
        }
        if matches!(
            (&ended, settlement),
            (
                Ended::Passing(_)
                    | Ended::PutOff { .. }
                    | Ended::NoBudget { .. }
                    | Ended::OthersFirst(_)
                    | Ended::Misconfigured(_),
                Settlement::Requeue
            )
        ) {
            pause(&lease, settings.pause).await;
        }
        Delivered::Ended(settle(held, settlement, exit).await)
    };
    let delivered = process.run(work.instrument(span)).await;
    if let Delivered::Ended(exit) = delivered
        && exit != Exit::Done
    {
        process.fail(&format!("exit {}", exit as u8));
    }
    drop(process);
    if let Err(error) = probe::unready(&settings.ready_file) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the readiness file cannot be removed");
    }
    delivered
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

/// Whether a task is run now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Now,
    /// It was published again to wait.
    Later,
}

/// Looks at the broker alone whether a task may run now. Where it should wait and cannot, it runs.
async fn start(held: &Held, turns: &Turns, bank: Option<&Bank>, message: &Message) -> Start {
    if let Some(until) = held.not_before().filter(|until| *until > Timestamp::now()) {
        match held.put_off(until, held.pauses()).await {
            Ok(()) => {
                tracing::info!(%until, "the task has to wait longer");
                return Start::Later;
            }
            Err(error) => not_put_off(&error),
        }
    }
    if let Some(wait) = held.budget_wait()
        && let Some(shortage) = still_short(bank, message, wait.units).await
    {
        match put_off_for_budget(held, shortage).await {
            Ok(()) => {
                tracing::info!(until = %shortage.until, waits = wait.waits, "there is still no budget");
                return Start::Later;
            }
            Err(error) => not_put_off(&error),
        }
    }
    let Some(whose) = turns.take(message).await else { return Start::Now };
    match put_off_for_others(held, whose).await {
        Ok(_) => Start::Later,
        Err(error) => {
            not_put_off(&error);
            Start::Now
        }
    }
}

/// Publishes a task again that waits for a time or for budget; whether the broker keeps it.
async fn put_off_after(held: &Held, ended: &Ended, follow: Attempt) -> bool {
    let kept = match ended {
        Ended::NoBudget { shortage, .. } => {
            put_off_for_budget(held, *shortage).await.map(|()| shortage.until)
        }
        Ended::OthersFirst(whose) => put_off_for_others(held, whose).await,
        Ended::PutOff { until, .. } if follow.may_be_put_off() => {
            held.put_off(*until, held.pauses() + 1).await.map(|()| *until)
        }
        _ => return false,
    };
    match kept {
        Ok(until) => {
            tracing::info!(%until, "task postponed");
            true
        }
        Err(error) => {
            not_put_off(&error);
            false
        }
    }
}

/// Waiting for budget or for others is no failure.
fn exit_of_waiting(ended: &Ended, exit: Exit) -> Exit {
    if matches!(ended, Ended::NoBudget { .. } | Ended::OthersFirst(_)) { Exit::Done } else { exit }
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

fn mode_of(message: &Message) -> &'static str {
    match message {
        Message::Task(task) => task.mode.kind().name(),
        Message::Jira(request) => request.asks.name(),
    }
}

/// Whether a task that waits for budget has to wait on: whatever cannot be told is left to the run.
async fn still_short(bank: Option<&Bank>, message: &Message, units: u32) -> Option<Shortage> {
    let repository = match message {
        Message::Task(task) => task.repository_id.map(|id| (u64::from(id), task.repo.to_string())),
        Message::Jira(_) => None,
    };
    let repository = repository.as_ref().map(|(id, name)| (*id, name.as_str()));
    bank?.shortage(repository, units).await.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "what is left of the budget is not known");
        None
    })
}

/// Until when a task waits of whose repository or person as many runs go as may.
async fn put_off_for_others(held: &Held, whose: &str) -> Result<Timestamp, BrokerError> {
    let waits = held.turn_waits();
    let until = Timestamp::now().saturating_add(turns::wait(waits)).unwrap_or(Timestamp::MAX);
    held.put_off_for_others(until, waits.saturating_add(1)).await?;
    tracing::info!(whose, waits, %until, "others go first");
    Ok(until)
}

async fn put_off_for_budget(held: &Held, shortage: Shortage) -> Result<(), BrokerError> {
    let waits = held.budget_wait().map_or(0, |wait| wait.waits);
    let wait = usize::try_from(waits).ok().and_then(|waits| BUDGET_LOOKS.get(waits)).copied();
    let look = Timestamp::now().saturating_add(wait.unwrap_or(LONGEST_BUDGET_LOOK)).unwrap_or(Timestamp::MAX);
    let budget = BudgetWait { units: shortage.units, waits: waits.saturating_add(1) };
    // By a clock that is ahead the period is over already.
    let until = if shortage.until > Timestamp::now() { look.min(shortage.until) } else { look };
    held.put_off_for_budget(until, budget).await
}

fn not_put_off(error: &BrokerError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        fix = error.fix(),
        "the task cannot be postponed"
    );
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

/// What becomes of the message, and of the process. `None` if the message is no longer ours.
fn verdict(ended: &Ended, attempt: Attempt) -> (Option<Settlement>, Exit) {
    let (again, passing) = match attempt {
        Attempt::MoreFollow(_) => (Settlement::Requeue, Exit::Passing),
        Attempt::Last(_) | Attempt::ByHand => (Settlement::DeadLetter, Exit::CouldNotSolve),
    };
    match ended {
        Ended::Done | Ended::Already | Ended::Explained(_) | Ended::Refused(_) | Ended::Nothing(_) => {
            (Some(Settlement::Ack), Exit::Done)
        }
        // Where the broker does not keep it for later. It is no failure of the last attempt.
        Ended::PutOff { .. } if attempt.may_be_put_off() => (Some(Settlement::Requeue), Exit::Passing),
        // The same: it is nobody's failure.
        Ended::NoBudget { .. } | Ended::OthersFirst(_) => (Some(Settlement::Requeue), Exit::Passing),
        Ended::Passing(_) | Ended::PutOff { .. } => (Some(again), passing),
        // Credentials may be exchanged right now, and GitHub has refused good ones before. Nothing is lost while the
        // broker counts, and a Job that fails with a status of its own is what an operator sees.
        Ended::Misconfigured(_) => (Some(again), Exit::Usage),
        Ended::Lost(Lost::Terminated) => (Some(Settlement::HandBack), Exit::Terminated),
        // Counted: a task that never ends in time must not come back for ever.
        Ended::Lost(Lost::Deadline) => (Some(Settlement::Requeue), Exit::Terminated),
        Ended::Lost(Lost::Connection) => (None, Exit::LostLease),
    }
}

fn describe(ended: &Ended) -> String {
    match ended {
        Ended::Done => "done".to_owned(),
        Ended::Already => "done: nothing has to change".to_owned(),
        Ended::Explained(reason) => format!("explained on the issue: {reason:?}"),
        Ended::Refused(_) => "nothing to do: the requester has no write access".to_owned(),
        Ended::Nothing(why) => format!("nothing to do: {why}"),
        Ended::Passing(why) => format!("transient error: {why}"),
        Ended::PutOff { why, until } => format!("has to wait until {until}: {why}"),
        Ended::NoBudget { why, shortage } => format!("waits for budget until {}: {why}", shortage.until),
        Ended::OthersFirst(whose) => {
            format!("lets others go first: its {whose} has as many runs as may go at once")
        }
        Ended::Misconfigured(why) => format!("the operator has to fix something: {why}"),
        Ended::Lost(lost) => lost.to_string(),
    }
}

/// Lets whatever failed recover. Who is asked to end meanwhile does not wait.
async fn pause(lease: &Lease, pause: Duration) {
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

/// SIGTERM is what Kubernetes sends before it kills, SIGINT what a person does.
fn revoke_on_signal(revoker: &Revoker) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let revoker = revoker.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        revoker.revoke(Lost::Terminated);
    });
    Ok(())
}

/// Ends the lease with the connection, the channel, or the time. In tasks of their own, because a run may compute for
/// seconds without a pause.
fn revoke_on_loss(revoker: &Revoker, held: &Held, deadline: Duration) {
    let mut events = held.events();
    let of_connection = revoker.clone();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Event::Error(error) = event {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the connection to the broker was lost"
                );
                of_connection.revoke(Lost::Connection);
                return;
            }
        }
        of_connection.revoke(Lost::Connection);
    });
    let of_time = revoker.clone();
    tokio::spawn(async move {
        tokio::time::sleep(deadline).await;
        of_time.revoke(Lost::Deadline);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Reason;
    use crate::run::Before;

    #[test]
    fn every_end_has_its_settlement_and_its_status() {
        use Settlement::{Ack, DeadLetter, HandBack, Requeue};
        let passing = || Ended::Passing("x".to_owned());
        let no_budget = || Ended::NoBudget {
            why: "x".to_owned(),
            shortage: Shortage { units: 1, until: Timestamp::UNIX_EPOCH },
        };
        let misconfigured = || Ended::Misconfigured("x".to_owned());
        let put_off = || Ended::PutOff { why: "x".to_owned(), until: Timestamp::UNIX_EPOCH };
        let of = |number, pauses_left| Delivery { number, publication: None, pauses_left };
        let (first, last) = (Attempt::MoreFollow(of(1, 10)), Attempt::Last(of(3, 10)));
        let (first_tired, last_tired) = (Attempt::MoreFollow(of(11, 0)), Attempt::Last(of(13, 0)));
        let table = [
            (Ended::Done, first, Some(Ack), 0),
            (Ended::Done, last, Some(Ack), 0),
            (Ended::Already, last, Some(Ack), 0),
            (Ended::Explained(Reason::Budget), first, Some(Ack), 0),
            (Ended::Explained(Reason::Budget), last, Some(Ack), 0),
            (Ended::Nothing("x"), last, Some(Ack), 0),
            (Ended::Refused(Before::NotTold), first, Some(Ack), 0),
            (passing(), first, Some(Requeue), 75),
            (passing(), last, Some(DeadLetter), 1),
            // What becomes of it if the broker does not keep it.
            (put_off(), first, Some(Requeue), 75),
            (put_off(), last, Some(Requeue), 75),
            (put_off(), first_tired, Some(Requeue), 75),
            (put_off(), last_tired, Some(DeadLetter), 1),
            (no_budget(), first, Some(Requeue), 75),
            (no_budget(), last_tired, Some(Requeue), 75),
            (Ended::OthersFirst("person"), first, Some(Requeue), 75),
            (Ended::OthersFirst("person"), last_tired, Some(Requeue), 75),
            (misconfigured(), first, Some(Requeue), 2),
            (misconfigured(), last, Some(DeadLetter), 2),
            (Ended::Lost(Lost::Terminated), last, Some(HandBack), 143),
            (Ended::Lost(Lost::Deadline), last, Some(Requeue), 143),
            (Ended::Lost(Lost::Connection), first, None, 70),
        ];
        for (ended, attempt, settlement, status) in table {
            let (given, exit) = verdict(&ended, attempt);
            assert_eq!((given, exit as u8), (settlement, status), "{ended:?} {attempt:?}");
        }
    }
}
