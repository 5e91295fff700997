//! *Metrics*: what `GET /metrics` answers, in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use shared::otlp::{
    self,
    catalog::{INGEST_OUTCOME, Metric, PUBLISH_DURATION, WEBHOOKS, prometheus_label},
};

/// How a webhook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A task is in the queue.
    Accepted,
    /// Understood, and nothing to do.
    Ignored,
    /// Not believed, too large, or not understood.
    Refused,
    /// A task could not be handed over, or there was no room to read the request.
    Unavailable,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Accepted, Self::Ignored, Self::Refused, Self::Unavailable];

    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Upper bounds of the histogram in milliseconds: a confirm on one machine takes 3, the limit is 7000.
const BUCKETS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 500, 2_000, 7_000];

/// Counters since the start of the process.
#[derive(Debug, Default)]
pub struct Metrics {
    webhooks: [AtomicU64; 4],
    publish_buckets: [AtomicU64; BUCKETS.len()],
    publish_count: AtomicU64,
    publish_micros: AtomicU64,
}

impl Metrics {
    pub fn count(&self, outcome: Outcome) {
        self.webhooks[outcome as usize].fetch_add(1, Relaxed);
        otlp::count(&WEBHOOKS, &[(&INGEST_OUTCOME, outcome.name())]);
    }

    /// One attempt to publish, whether it went well or not.
    pub fn published(&self, took: Duration) {
        otlp::measure(&PUBLISH_DURATION, took.as_secs_f64(), &[]);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, bucket) in BUCKETS.iter().zip(&self.publish_buckets) {
            if micros <= bound * 1000 {
                bucket.fetch_add(1, Relaxed);
            }
        }
        self.publish_count.fetch_add(1, Relaxed);
        self.publish_micros.fetch_add(micros, Relaxed);
    }

    pub fn to_text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let name = begin(&mut text, &WEBHOOKS, "counter")?;
        for outcome in Outcome::ALL {
            let (label, count) =
                (prometheus_label(INGEST_OUTCOME.name), self.webhooks[outcome as usize].load(Relaxed));
            writeln!(text, "{name}{{{label}=\"{}\"}} {count}", outcome.name())?;
        }
        let name = begin(&mut text, &PUBLISH_DURATION, "histogram")?;
        for (bound, bucket) in BUCKETS.iter().zip(&self.publish_buckets) {
            let seconds = Duration::from_millis(*bound).as_secs_f64();
            writeln!(text, "{name}_bucket{{le=\"{seconds}\"}} {}", bucket.load(Relaxed))?;
        }
        let count = self.publish_count.load(Relaxed);
        let sum = Duration::from_micros(self.publish_micros.load(Relaxed)).as_secs_f64();
        writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(text, "{name}_sum {sum}")?;
        writeln!(text, "{name}_count {count}")?;
        Ok(text)
    }
}

/// Writes what a metric is, and answers with its name.
fn begin(text: &mut String, metric: &Metric, kind: &str) -> Result<String, std::fmt::Error> {
    let (name, mut meaning) = (metric.prometheus(), metric.meaning.to_owned());
    if let Some(first) = meaning.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    writeln!(text, "# HELP {name} {meaning}.\n# TYPE {name} {kind}")?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_in_prometheus_text() {
        let metrics = Metrics::default();
        metrics.count(Outcome::Accepted);
        metrics.count(Outcome::Ignored);
        metrics.count(Outcome::Ignored);
        metrics.published(Duration::from_micros(1_500));
        metrics.published(Duration::from_secs(30));
        let expect = r#"# HELP ingest_webhooks_total Webhooks by how they ended.
# TYPE ingest_webhooks_total counter
ingest_webhooks_total{outcome="accepted"} 1
ingest_webhooks_total{outcome="ignored"} 2
ingest_webhooks_total{outcome="refused"} 0
ingest_webhooks_total{outcome="unavailable"} 0
# HELP ingest_publish_seconds Time to hand a task to the broker, or to fail.
# TYPE ingest_publish_seconds histogram
ingest_publish_seconds_bucket{le="0.001"} 0
ingest_publish_seconds_bucket{le="0.002"} 1
ingest_publish_seconds_bucket{le="0.005"} 1
ingest_publish_seconds_bucket{le="0.01"} 1
ingest_publish_seconds_bucket{le="0.025"} 1
ingest_publish_seconds_bucket{le="0.05"} 1
ingest_publish_seconds_bucket{le="0.1"} 1
ingest_publish_seconds_bucket{le="0.5"} 1
ingest_publish_seconds_bucket{le="2"} 1
ingest_publish_seconds_bucket{le="7"} 1
ingest_publish_seconds_bucket{le="+Inf"} 2
ingest_publish_seconds_sum 30.0015
ingest_publish_seconds_count 2
"#;
        assert_eq!(metrics.to_text().as_deref(), Ok(expect));
    }
}
