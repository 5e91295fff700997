//! A run as it is *measured*: its span, how often runs end in which way, how long they take, what they cost.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::message::Message;
use shared::otlp::catalog::{
    ERROR_TYPE, ISSUE, MODE, OUTCOME, PULL_REQUEST_WAIT, PULL_REQUESTS_CLOSED, PULL_REQUESTS_OPENED,
    REPAIR_OUTCOME, REPAIRS, RESULT, RUN, RUN_DURATION, RUNS, TASK_ID, VCS_PROVIDER, VCS_URL,
};
use shared::otlp::{self, Span};
use shared::task::Task;
use shared::trace::TraceContext;

use super::ended::{Ended, Kind};
use crate::bill::Bill;
use crate::forge;
use crate::llm::Usd;

/// A run that is under way.
pub(super) struct Measured {
    pub(super) span: Span,
    began: Instant,
    mode: &'static str,
}

impl Measured {
    pub(super) fn begin(message: &Message) -> Self {
        let mode = message.mode_name();
        let name = format_args!("run {mode}");
        // Without a message there is nobody who began the trace.
        let span = match otlp::current() {
            Some(_) => Span::named(&RUN, name),
            None => Span::of_trace(&RUN, name, &TraceContext::of_task(message.id()), None),
        };
        let span = span.with(&TASK_ID, message.id().to_string()).with(&MODE, mode);
        let span = match message {
            Message::Task(task) => span
                .with(&ISSUE, task.issue.to_string())
                .with(&VCS_PROVIDER, forge::PROVIDER)
                .with(&VCS_URL, task.repo.url()),
            Message::Jira(request) => span.with(&ISSUE, request.issue_id().to_string()),
        };
        Self { span, began: Instant::now(), mode }
    }

    pub(super) fn end(self, ended: &Ended) {
        let Self { span, began, mode } = self;
        let Kind { outcome, error } = ended.kind();
        span.set(&OUTCOME, outcome);
        let mut values = vec![(&MODE, mode), (&OUTCOME, outcome)];
        otlp::measure(&RUN_DURATION, began.elapsed().as_secs_f64(), &values);
        if let Some(error) = &error {
            span.fail(error);
            values.push((&ERROR_TYPE, error));
        }
        otlp::count(&RUNS, &values);
    }
}

/// What a run paid for its model, in addition to what was measured of it before.
pub(super) fn cost(task: &Task, bill: &Bill, before: Usd) {
    bill.measure(task.mode.kind().name(), before);
}

/// That a pull request was opened, and how long whoever asked had to wait for it.
pub(super) fn opened(task: &Task) {
    let mode = [(&MODE, task.mode.kind().name())];
    otlp::count(&PULL_REQUESTS_OPENED, &mode);
    let Some(asked) = task.triggered_at else { return };
    // Of two clocks one may be ahead.
    let wait: Duration = asked.duration_until(Timestamp::now()).try_into().unwrap_or_default();
    otlp::measure(&PULL_REQUEST_WAIT, wait.as_secs_f64(), &mode);
}

/// What became of a pull request that a person closed: `merged` or `declined`.
pub(super) fn closed(result: &'static str) {
    otlp::count(&PULL_REQUESTS_CLOSED, &[(&RESULT, result)]);
}

/// What became of a repair.
#[derive(Clone, Copy, Debug)]
pub(super) enum Repaired {
    Committed,
    /// It came to nothing.
    NotMade,
    /// No repair is tried any more.
    GivenUp,
}

/// That a repair came to its end.
pub(super) fn repaired(outcome: Repaired) {
    let outcome = match outcome {
        Repaired::Committed => "committed",
        Repaired::NotMade => "not-made",
        Repaired::GivenUp => "given-up",
    };
    otlp::count(&REPAIRS, &[(&REPAIR_OUTCOME, outcome)]);
}
