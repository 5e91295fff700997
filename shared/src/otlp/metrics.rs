//! *Metrics*: measurements, put together by the SDK and read from it when they are sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider as _};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality};

use super::Lifetime;
use super::catalog::{Attribute, Instrument, METRICS, Metric, Program};
use super::scrub::Scrubber;
use super::spans::scope;

/// The most measurements that wait: a run makes a few dozen.
const MAX_WAITING: usize = 10_000;

/// Keeps measurements until they are sent.
pub(super) enum Meters {
    Off,
    /// They become a report of a moment, made when it is sent. A collector that adds up deltas refuses one that began before
    /// those that it has (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#sums-delta-to-cumulative>), and runs
    /// overlap: reported from its start on, a long run would lose what it has to say.
    AtTheEnd {
        program: Program,
        resource: Resource,
        waiting: Mutex<Vec<Measurement>>,
    },
    Always(Box<Instruments>),
}

pub(super) struct Measurement {
    metric: &'static Metric,
    value: f64,
    attributes: Vec<KeyValue>,
}

/// The instruments of a program, and what reads them.
pub(super) struct Instruments {
    /// What is read ends with it.
    _provider: SdkMeterProvider,
    reader: Reader,
    counters: HashMap<&'static str, Counter<u64>>,
    gauges: HashMap<&'static str, Gauge<f64>>,
    histograms: HashMap<&'static str, Histogram<f64>>,
}

/// The provider takes its reader; this one is read by us too.
#[derive(Clone, Debug)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

impl Meters {
    pub(super) fn new(program: Program, lifetime: Lifetime, resource: Resource, is_on: bool) -> Self {
        match lifetime {
            _ if !is_on => Self::Off,
            Lifetime::Short => Self::AtTheEnd { program, resource, waiting: Mutex::default() },
            Lifetime::Long => {
                Self::Always(Box::new(Instruments::new(program, resource, Temporality::Cumulative)))
            }
        }
    }

    pub(super) fn measure(&self, metric: &'static Metric, value: f64, values: &[(&'static Attribute, &str)]) {
        let known = |attribute: &Attribute| metric.attributes.contains(&attribute);
        debug_assert!(values.iter().all(|(attribute, _)| known(attribute)), "{} {values:?}", metric.name);
        let attributes =
            || values.iter().map(|(attribute, value)| KeyValue::new(attribute.name, (*value).to_owned()));
        match self {
            Self::Off => {}
            Self::AtTheEnd { waiting, .. } => {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.len() < MAX_WAITING {
                    waiting.push(Measurement { metric, value, attributes: attributes().collect() });
                }
            }
            Self::Always(instruments) => {
                instruments.record(metric, value, &attributes().collect::<Vec<_>>());
            }
        }
    }

    /// What there is to report; `None` if that is nothing.
    pub(super) fn take(&self, scrubber: &Scrubber) -> Option<ExportMetricsServiceRequest> {
        let mut request = match self {
            Self::Off => return None,
            Self::AtTheEnd { program, resource, waiting } => {
                let waiting = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
                if waiting.is_empty() {
                    return None;
                }
                let instruments = Instruments::new(*program, resource.clone(), Temporality::Delta);
                for Measurement { metric, value, attributes } in waiting {
                    instruments.record(metric, value, &attributes);
                }
                instruments.read()?
            }
            Self::Always(instruments) => instruments.read()?,
        };
        for resource in &mut request.resource_metrics {
            if let Some(resource) = &mut resource.resource {
                scrubber.attributes(&mut resource.attributes);
            }
            let metrics = resource.scope_metrics.iter_mut().flat_map(|scope| &mut scope.metrics);
            for data in metrics.filter_map(|metric| metric.data.as_mut()) {
                match data {
                    Data::Sum(sum) => {
                        sum.data_points
                            .iter_mut()
                            .for_each(|point| scrubber.attributes(&mut point.attributes));
                    }
                    Data::Gauge(gauge) => {
                        gauge
                            .data_points
                            .iter_mut()
                            .for_each(|point| scrubber.attributes(&mut point.attributes));
                    }
                    Data::Histogram(histogram) => {
                        let points = histogram.data_points.iter_mut();
                        points.for_each(|point| scrubber.attributes(&mut point.attributes));
                    }
                    _ => {}
                }
            }
        }
        Some(request)
    }
}

impl Instruments {
    fn new(program: Program, resource: Resource, temporality: Temporality) -> Self {
        let reader = Reader(Arc::new(ManualReader::builder().with_temporality(temporality).build()));
        let provider =
            SdkMeterProvider::builder().with_resource(resource).with_reader(reader.clone()).build();
        let meter = provider.meter_with_scope(scope());
        let (mut counters, mut gauges, mut histograms) = (HashMap::new(), HashMap::new(), HashMap::new());
        for metric in METRICS.iter().filter(|metric| metric.by == program) {
            match metric.instrument {
                Instrument::Counter => {
                    counters.insert(metric.name, counter(&meter, metric));
                }
                Instrument::Gauge => {
                    gauges.insert(metric.name, gauge(&meter, metric));
                }
                Instrument::Histogram(bounds) => {
                    histograms.insert(metric.name, histogram(&meter, metric, bounds));
                }
            }
        }
        Self { _provider: provider, reader, counters, gauges, histograms }
    }

    fn record(&self, metric: &Metric, value: f64, attributes: &[KeyValue]) {
        match metric.instrument {
            Instrument::Counter => {
                // What is counted is whole.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
                let value = value as u64;
                if let Some(counter) = self.counters.get(metric.name) {
                    counter.add(value, attributes);
                }
            }
            Instrument::Gauge => {
                if let Some(gauge) = self.gauges.get(metric.name) {
                    gauge.record(value, attributes);
                }
            }
            Instrument::Histogram(_) => {
                if let Some(histogram) = self.histograms.get(metric.name) {
                    histogram.record(value, attributes);
                }
            }
        }
    }

    fn read(&self) -> Option<ExportMetricsServiceRequest> {
        let mut metrics = ResourceMetrics::default();
        if let Err(error) = self.reader.collect(&mut metrics) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the metrics cannot be read");
            return None;
        }
        let is_empty = metrics.scope_metrics().all(|scope| scope.metrics().next().is_none());
        (!is_empty).then(|| ExportMetricsServiceRequest::from(&metrics))
    }
}

fn counter(meter: &Meter, metric: &Metric) -> Counter<u64> {
    meter.u64_counter(metric.name).with_unit(metric.unit).with_description(metric.meaning).build()
}

fn gauge(meter: &Meter, metric: &Metric) -> Gauge<f64> {
    meter.f64_gauge(metric.name).with_unit(metric.unit).with_description(metric.meaning).build()
}

fn histogram(meter: &Meter, metric: &Metric, bounds: &[f64]) -> Histogram<f64> {
    meter
        .f64_histogram(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.meaning)
        .with_boundaries(bounds.to_vec())
        .build()
}
