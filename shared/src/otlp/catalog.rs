//! The *catalog* of telemetry: every span, metric and attribute that the programs send, with its meaning and its unit, as
//! docs/TELEMETRY.md lists them.
//!
//! Names are those of OpenTelemetry's conventions where there is one: generative AI
//! (<https://github.com/open-telemetry/semantic-conventions-genai>, in development), version control, HTTP and messaging
//! (<https://opentelemetry.io/docs/specs/semconv/>). What is ours begins with `agent.` or `ingest.`. Nothing here holds
//! what people or models wrote: no title, text, path, prompt or answer.

/// A program that sends telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Ingest,
    Task,
}

impl Program {
    /// The name of the service, unless the operator gives another one.
    pub fn service(self) -> &'static str {
        match self {
            Self::Ingest => "ai-agent-ingest",
            Self::Task => "ai-agent",
        }
    }
}

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Text,
    Texts,
    Number,
}

/// A name for a value of a span or a metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: &'static str,
    pub holds: Holds,
    pub meaning: &'static str,
}

/// What a span is of the two sides of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Internal,
    Client,
    Server,
    Producer,
    Consumer,
}

/// A piece of work that takes time.
#[derive(Debug, PartialEq, Eq)]
pub struct Work {
    /// What its spans are called; words in braces stand for values.
    pub name: &'static str,
    pub by: Program,
    pub side: Side,
    pub meaning: &'static str,
    pub attributes: &'static [&'static Attribute],
}

/// How values are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instrument {
    Counter,
    /// What was found last takes the place of what was found before.
    Gauge,
    /// With these upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// Something that is counted or measured.
#[derive(Debug, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    /// As UCUM writes it; words in braces are annotations.
    pub unit: &'static str,
    pub by: Program,
    pub instrument: Instrument,
    pub meaning: &'static str,
    pub attributes: &'static [&'static Attribute],
}

impl Metric {
    /// Its name in Prometheus, by the rules of OpenTelemetry
    /// (<https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>): the unit is appended, and to
    /// a counter `_total`.
    pub fn prometheus(&self) -> String {
        let mut name = prometheus_label(self.name);
        let unit = match self.unit {
            "s" => "_seconds",
            _ => "",
        };
        name.push_str(unit);
        if self.instrument == Instrument::Counter {
            name.push_str("_total");
        }
        name
    }
}

/// The name of an attribute as Prometheus writes it.
pub fn prometheus_label(name: &str) -> String {
    name.replace(['.', '-'], "_")
}

macro_rules! attributes {
    ($($constant:ident: $holds:ident = $name:literal, $meaning:literal;)*) => {
        $(pub const $constant: Attribute = Attribute { name: $name, holds: Holds::$holds, meaning: $meaning };)*
        /// All attributes.
        pub const ATTRIBUTES: &[&Attribute] = &[$(&$constant),*];
    };
}

attributes! {
    TASK_ID: Text = "agent.task.id", "id of the task, as in logs, markers and commits";
    MODE: Text = "agent.mode",
        "what the task asks for: `quickfix`, `plan`, `revise`, `approve`, …; of a run for Jira, what its request does, such as \
         `begin`; `learn` of `ai-agent learn`";
    ATTEMPT: Number = "agent.attempt", "delivery of the task's message, from 1";
    ISSUE: Text = "agent.issue.id", "number or key of the issue";
    OUTCOME: Text = "agent.outcome",
        "how the run ended: `done`; `already`, nothing has to change; `failed`, explained on the issue; `nothing`, nobody had to \
         do anything; `retry`, it is tried again; `postponed`, it is tried again at a time; `misconfigured`; `interrupted`";
    BUDGET_SCOPE: Text = "agent.budget.scope", "whose budget it is: `installation`, or `repository`";
    BUDGET_PERIOD: Text = "agent.budget.period", "what it is for, in UTC: `day` or `month`";
    RESULT: Text = "agent.result", "what became of a pull request: `merged` or `declined`";
    REPAIR_OUTCOME: Text = "agent.repair.outcome",
        "what became of a repair of a pull request whose checks fail: `committed`; `not-made`, it came to nothing; `given-up`, \
         no repair is tried any more";
    PATHS: Number = "agent.tree.paths", "paths of the commit's tree that were looked at";
    FILES: Number = "agent.context.files", "files that the model is given to read, whole or in part";
    CONTEXT_TOKENS: Number = "agent.context.tokens", "tokens of these files, estimated";
    CHOSEN: Number = "agent.context.chosen", "files that the model chose";
    CHANGED: Number = "agent.change.files", "files that the change touches";
    WEBHOOK_EVENT: Text = "agent.webhook.event", "name of GitHub's event, or `jira`";
    INGEST_OUTCOME: Text = "outcome",
        "how a webhook ended: `accepted`, a task is in the queue; `ignored`, nothing to do; `refused`, not believed or not \
         understood; `unavailable`, it could not be handed over";
    ERROR_TYPE: Text = "error.type",
        "why something failed: a reason of a run such as `budget` or `syntax`, a status of HTTP, `timeout`, \
         `connection`, …, or the exit code of the process as `exit 75`";
    PROVIDER: Text = "gen_ai.provider.name", "who answers: `anthropic`, `openai`, `ollama`";
    OPERATION: Text = "gen_ai.operation.name", "`chat`";
    REQUEST_MODEL: Text = "gen_ai.request.model", "model that was asked for";
    RESPONSE_MODEL: Text = "gen_ai.response.model", "model that answered, as the server names it";
    FINISH_REASONS: Texts = "gen_ai.response.finish_reasons",
        "why the answer ended, as the server says; `other` for a word that is not known";
    MAX_TOKENS: Number = "gen_ai.request.max_tokens", "tokens that the answer may have";
    INPUT_TOKENS: Number = "gen_ai.usage.input_tokens", "tokens of the prompt, those of the cache included";
    OUTPUT_TOKENS: Number = "gen_ai.usage.output_tokens", "tokens of the answer, thinking included";
    CACHE_READ_TOKENS: Number = "gen_ai.usage.cache_read.input_tokens", "tokens of the prompt that the cache had";
    CACHE_WRITE_TOKENS: Number = "gen_ai.usage.cache_creation.input_tokens", "tokens of the prompt that went into the cache";
    TOKEN_TYPE: Text = "gen_ai.token.type", "`input` or `output`";
    HTTP_METHOD: Text = "http.request.method", "method of the call";
    HTTP_ROUTE: Text = "http.route", "path of the webhook, without the name of a site";
    HTTP_STATUS: Number = "http.response.status_code", "status of the answer";
    URL_TEMPLATE: Text = "url.template", "path of the call with its values left out, and without its query";
    GRAPHQL_OPERATION: Text = "graphql.operation.name", "name of the GraphQL query or mutation";
    SERVER: Text = "server.address", "host that was called";
    MESSAGING_SYSTEM: Text = "messaging.system", "`rabbitmq`";
    QUEUE: Text = "messaging.destination.name", "the queue";
    MESSAGING_OPERATION: Text = "messaging.operation.name", "`publish`, `get` or `process`";
    MESSAGING_TYPE: Text = "messaging.operation.type", "`send`, `receive` or `process`";
    MESSAGE_ID: Text = "messaging.message.id", "id of the message, which is the task's";
    VCS_PROVIDER: Text = "vcs.provider.name", "`github`";
    VCS_URL: Text = "vcs.repository.url.full", "address of the repository";
    VCS_CHANGE: Text = "vcs.change.id", "number of the pull request";
    VCS_BRANCH: Text = "vcs.ref.head.name", "the agent's branch";
    VCS_COMMIT: Text = "vcs.ref.head.revision", "commit that was read";
}

macro_rules! work {
    ($($constant:ident: $name:literal, $by:ident, $side:ident, $meaning:literal, [$($attribute:ident),*];)*) => {
        $(pub static $constant: Work = Work {
            name: $name,
            by: Program::$by,
            side: Side::$side,
            meaning: $meaning,
            attributes: &[$(&$attribute),*],
        };)*
        /// All spans.
        pub static WORK: &[&Work] = &[$(&$constant),*];
    };
}

work! {
    WEBHOOK: "{http.request.method} {http.route}", Ingest, Server, "a webhook that asks for a task, from its arrival to the answer",
        [HTTP_METHOD, HTTP_ROUTE, HTTP_STATUS, WEBHOOK_EVENT, TASK_ID, ERROR_TYPE];
    SEND: "publish {messaging.destination.name}", Ingest, Producer, "the task is handed to the broker, which confirms it",
        [MESSAGING_SYSTEM, QUEUE, MESSAGING_OPERATION, MESSAGING_TYPE, MESSAGE_ID, ERROR_TYPE];
    RECEIVE: "get {messaging.destination.name}", Task, Client, "the Job connects to the broker and takes the message",
        [MESSAGING_SYSTEM, QUEUE, MESSAGING_OPERATION, MESSAGING_TYPE, MESSAGE_ID];
    PROCESS: "process {messaging.destination.name}", Task, Consumer, "the message, from its arrival to its settlement",
        [MESSAGING_SYSTEM, QUEUE, MESSAGING_OPERATION, MESSAGING_TYPE, MESSAGE_ID, ATTEMPT, ERROR_TYPE];
    RUN: "run {agent.mode}", Task, Internal, "one attempt at a task",
        [TASK_ID, MODE, ISSUE, OUTCOME, VCS_PROVIDER, VCS_URL, ERROR_TYPE];
    CLONE: "clone", Task, Client, "the branch is fetched", [VCS_PROVIDER, VCS_URL, VCS_BRANCH, VCS_COMMIT, ERROR_TYPE];
    WALK: "walk", Task, Internal, "the tree of the commit is listed", [PATHS, ERROR_TYPE];
    RANK: "rank", Task, Internal, "files are indexed and ordered, and the best are packed for the model",
        [PATHS, FILES, CONTEXT_TOKENS, ERROR_TYPE];
    CHOOSE: "choose", Task, Internal, "a model chooses what is read", [CHOSEN, ERROR_TYPE];
    CHAT: "chat {gen_ai.request.model}", Task, Client, "one call to a model, each retry a call of its own",
        [OPERATION, PROVIDER, REQUEST_MODEL, RESPONSE_MODEL, FINISH_REASONS, MAX_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS,
         CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, SERVER, ERROR_TYPE];
    CHECK: "check", Task, Internal, "edits are resolved and the syntax of what they make is checked",
        [CHANGED, ERROR_TYPE];
    COMMIT: "commit", Task, Internal, "the change is committed, or the plan kept", [VCS_BRANCH, ERROR_TYPE];
    PUBLISH: "publish", Task, Internal, "the pull request is opened or brought up to date, with comments and labels",
        [VCS_BRANCH, VCS_CHANGE, ERROR_TYPE];
    SWEEP: "sweep", Task, Internal, "one sweep", [ERROR_TYPE];
    CALL: "{http.request.method} {url.template}", Task, Client, "one call to GitHub or Jira, each retry a call of its own",
        [HTTP_METHOD, URL_TEMPLATE, HTTP_STATUS, GRAPHQL_OPERATION, SERVER, ERROR_TYPE];
}

/// Of the convention for token counts.
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Of the convention for calls, in seconds.
const CALL_SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const RUN_SECONDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 2_700.0];
const WAIT_SECONDS: &[f64] =
    &[10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 86_400.0];
const DOLLARS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// A confirm on one machine takes 3 ms, the limit is 7 s.
pub const PUBLISH_SECONDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 7.0];

macro_rules! metrics {
    ($($constant:ident: $name:literal, $unit:literal, $by:ident, $instrument:expr, $meaning:literal, [$($attribute:ident),*];)*) => {
        $(pub static $constant: Metric = Metric {
            name: $name,
            unit: $unit,
            by: Program::$by,
            instrument: $instrument,
            meaning: $meaning,
            attributes: &[$(&$attribute),*],
        };)*
        /// All metrics.
        pub static METRICS: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    RUNS: "agent.runs", "{run}", Task, Instrument::Counter, "runs that ended, by what they were asked and how they ended",
        [MODE, OUTCOME, ERROR_TYPE];
    RUN_DURATION: "agent.run.duration", "s", Task, Instrument::Histogram(RUN_SECONDS), "time that a run took",
        [MODE, OUTCOME];
    RUN_COST: "agent.run.cost", "{USD}", Task, Instrument::Histogram(DOLLARS),
        "US dollars that a run, or `ai-agent learn`, paid for its model; none where the price is not known",
        [MODE, PROVIDER, REQUEST_MODEL];
    CORRECTIONS: "agent.corrections", "{correction}", Task, Instrument::Counter,
        "answers of a model that were sent back once to be corrected, by what was wrong", [ERROR_TYPE];
    REPAIRS: "agent.repairs", "{repair}", Task, Instrument::Counter,
        "repairs of pull requests whose checks fail, by what became of them", [REPAIR_OUTCOME];
    PULL_REQUESTS_OPENED: "agent.pull_requests.opened", "{pull_request}", Task, Instrument::Counter,
        "pull requests that were opened, drafts with a plan among them", [MODE];
    PULL_REQUESTS_CLOSED: "agent.pull_requests.closed", "{pull_request}", Task, Instrument::Counter,
        "pull requests that people closed, by what became of them; each counts once, however often it is told", [RESULT];
    PULL_REQUEST_WAIT: "agent.pull_request.wait", "s", Task, Instrument::Histogram(WAIT_SECONDS),
        "time from the request, such as the label, to the pull request", [MODE];
    TOKEN_USAGE: "gen_ai.client.token.usage", "{token}", Task, Instrument::Histogram(TOKENS),
        "billable tokens of a call to a model", [OPERATION, PROVIDER, TOKEN_TYPE, REQUEST_MODEL, RESPONSE_MODEL];
    OPERATION_DURATION: "gen_ai.client.operation.duration", "s", Task, Instrument::Histogram(CALL_SECONDS),
        "time that a call to a model took", [OPERATION, PROVIDER, REQUEST_MODEL, RESPONSE_MODEL, ERROR_TYPE];
    BUDGET_LEFT: "agent.budget.left", "{USD}", Task, Instrument::Gauge,
        "US dollars that all runs together may still spend on models, as the last sweep found it",
        [BUDGET_SCOPE, BUDGET_PERIOD, VCS_URL];
    BUDGET_CEILING: "agent.budget.ceiling", "{USD}", Task, Instrument::Gauge,
        "US dollars that all runs together may spend on models in the day or the month",
        [BUDGET_SCOPE, BUDGET_PERIOD, VCS_URL];
    BUDGET_END: "agent.budget.end", "s", Task, Instrument::Gauge,
        "Unix time at which the day or the month ends that the two above are about: later they say nothing",
        [BUDGET_SCOPE, BUDGET_PERIOD, VCS_URL];
    WEBHOOKS: "ingest.webhooks", "{webhook}", Ingest, Instrument::Counter, "webhooks by how they ended", [INGEST_OUTCOME];
    PUBLISH_DURATION: "ingest.publish", "s", Ingest, Instrument::Histogram(PUBLISH_SECONDS),
        "time to hand a task to the broker, or to fail", [];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_attribute_is_of_a_span_or_a_metric_and_has_one_meaning() {
        let names: BTreeSet<_> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        assert_eq!(names.len(), ATTRIBUTES.len());
        let of_work = WORK.iter().flat_map(|work| work.attributes);
        let of_metrics = METRICS.iter().flat_map(|metric| metric.attributes);
        let used: BTreeSet<_> = of_work.chain(of_metrics).map(|attribute| attribute.name).collect();
        assert_eq!(used, names);
    }

    #[test]
    fn names_in_prometheus_are_what_its_rules_make_of_them() {
        let names: Vec<_> = METRICS.iter().map(|metric| metric.prometheus()).collect();
        for expected in [
            "agent_runs_total",
            "agent_run_duration_seconds",
            "agent_run_cost",
            "agent_budget_left",
            "agent_budget_end_seconds",
            "agent_repairs_total",
            "agent_pull_requests_closed_total",
            "gen_ai_client_token_usage",
            "gen_ai_client_operation_duration_seconds",
            "ingest_webhooks_total",
            "ingest_publish_seconds",
        ] {
            assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
        }
    }

    #[test]
    fn bounds_grow() {
        for metric in METRICS {
            if let Instrument::Histogram(bounds) = metric.instrument {
                assert!(bounds.is_sorted_by(|one, next| one < next), "{}", metric.name);
            }
        }
    }
}
