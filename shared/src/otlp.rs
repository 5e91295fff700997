//! *Telemetry*: traces and metrics in OpenTelemetry's protocol, over HTTP (<https://opentelemetry.io/docs/specs/otlp/>).
//!
//! Nothing is set up where no collector is configured; spans and measurements are then nothing at all. Where one is, both are
//! kept in memory and sent by [`flush`], in at most two requests within [`LONGEST`] together. A collector that is slow, away
//! or wrong costs that time and a line in the log, and nothing else: no caller learns of it.
//!
//! What may be sent stands in the [`catalog`]: names and kinds of values. No text by people or models is among them, and a
//! secret of the environment that got into a value after all is struck out.

pub mod catalog;
mod client;
mod metrics;
mod scrub;
mod settings;
mod spans;

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry_sdk::Resource;

use crate::env::{Environment, SettingError};
use crate::network::Network;
use crate::trace::TraceContext;
use catalog::{Attribute, Metric, Program};
use client::Client;
use metrics::Meters;
use scrub::Scrubber;
use settings::Settings;
use spans::Recorder;

pub use spans::{InSpan, Span};

/// The longest that a flush takes, whatever the collector does.
pub const LONGEST: Duration = Duration::from_secs(2);

/// One for the whole process, as its log is.
static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();

/// How long a process lives, and so what its metrics count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It reports once, at its end. What it reports is added to what others of its kind have reported (delta temporality),
    /// so all of them are one series.
    Short,
    /// It reports again and again, each time all since its start (cumulative temporality): a report that is lost loses
    /// nothing. Its series are told apart from those of others by the name of the instance.
    Long,
}

struct Telemetry {
    recorder: Recorder,
    meters: Meters,
    client: Client,
    resource: Resource,
    scrubber: Scrubber,
    limit: Duration,
    interval: Duration,
}

/// Starts to keep what is to be sent, if a collector is configured. A setting that cannot be understood is an error; one that
/// asks for what is not there, such as another protocol, is logged.
pub fn start(
    program: Program,
    lifetime: Lifetime,
    env: &Environment,
    network: &Network,
) -> Result<(), SettingError> {
    let Some(settings) = Settings::from_env(program, lifetime, env)? else { return Ok(()) };
    let Settings { endpoints, headers, resource, limit, interval } = settings;
    let telemetry = Telemetry {
        recorder: Recorder::new(&resource, endpoints.traces.is_some()),
        meters: Meters::new(program, lifetime, resource.clone(), endpoints.metrics.is_some()),
        client: Client::new(endpoints, headers, network.clone()),
        resource,
        scrubber: Scrubber::new(env.secrets()),
        limit,
        interval,
    };
    if TELEMETRY.set(telemetry).is_err() {
        tracing::warn!("telemetry was started before");
    }
    Ok(())
}

/// Looks at the settings without starting anything.
pub fn check(program: Program, env: &Environment) -> Result<(), SettingError> {
    Settings::from_env(program, Lifetime::Short, env).map(drop)
}

/// Whether there is a collector.
pub fn is_on() -> bool {
    TELEMETRY.get().is_some()
}

/// The time between two reports of a process that lives long; `None` without a collector.
pub fn interval() -> Option<Duration> {
    TELEMETRY.get().map(|telemetry| telemetry.interval)
}

/// Counts one.
pub fn count(metric: &'static Metric, values: &[(&'static Attribute, &str)]) {
    measure(metric, 1.0, values);
}

/// Keeps a measurement, in the metric's unit.
pub fn measure(metric: &'static Metric, value: f64, values: &[(&'static Attribute, &str)]) {
    if let Some(telemetry) = TELEMETRY.get() {
        telemetry.meters.measure(metric, value, values);
    }
}

/// Sends what was kept since the last time, if there is anything. Never fails; what could not be sent is logged and gone.
pub async fn flush() {
    let Some(telemetry) = TELEMETRY.get() else { return };
    let started = Instant::now();
    let Telemetry { recorder, meters, client, resource, scrubber, limit, .. } = telemetry;
    let spans = recorder.take(resource, scrubber);
    let metrics = meters.take(scrubber);
    if spans.is_none() && metrics.is_none() {
        return;
    }
    if tokio::time::timeout(*limit, client.send(spans, metrics)).await.is_err() {
        tracing::warn!(
            milliseconds = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            "the collector of telemetry did not answer in time, and what was for it is lost"
        );
    }
    tracing::debug!(milliseconds = u64::try_from(started.elapsed().as_millis()).ok(), "telemetry was sent");
}

/// The trace of the work that is under way, for whoever it is handed on to; `None` without a collector.
pub fn current() -> Option<TraceContext> {
    is_on().then(spans::current).flatten()
}

/// A time of the system's clock from one of the clock that does not jump.
pub fn time_of(instant: Instant) -> SystemTime {
    SystemTime::now().checked_sub(instant.elapsed()).unwrap_or_else(SystemTime::now)
}
