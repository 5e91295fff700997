//! The *rules*: what the protocol asks of a message (<https://opentelemetry.io/docs/specs/otlp/>,
//! <https://opentelemetry.io/docs/specs/otel/metrics/data-model/>), and what the catalog allows in it.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, Metric, NumberDataPoint, Sum, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use shared::otlp::catalog::{self, Attribute, Holds, Instrument, METRICS, Side, WORK, Work};

/// What the values of metrics count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// The last report.
    Delta,
    /// The start of the process, which has a name of its own.
    Cumulative,
}

/// Nanoseconds since the epoch of a time that a clock may show today: 2020.
const LONG_AGO: u64 = 1_577_836_800_000_000_000;

/// The most characters of a value: names and numbers are short.
const MAX_TEXT: usize = 256;

pub(super) fn traces(request: &ExportTraceServiceRequest) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for resource in &request.resource_spans {
        wrong.extend(of_resource(resource.resource.as_ref()));
        for scope in &resource.scope_spans {
            if scope.scope.as_ref().is_none_or(|scope| scope.name.is_empty() || scope.version.is_empty()) {
                wrong.push("a scope has no name or no version".to_owned());
            }
            all.extend(&scope.spans);
        }
    }
    if all.is_empty() {
        wrong.push("there is no span".to_owned());
    }
    let ids: BTreeSet<&[u8]> = all.iter().map(|span| span.span_id.as_slice()).collect();
    if ids.len() != all.len() {
        wrong.push("two spans have one id".to_owned());
    }
    for span in all {
        let found = of_span(span, &ids);
        wrong.extend(found.into_iter().map(|found| format!("span {:?}: {found}", span.name)));
    }
    wrong
}

fn of_span(span: &Span, ids: &BTreeSet<&[u8]>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    check(is_id(&span.trace_id, 16), "the trace has no valid id");
    check(is_id(&span.span_id, 8), "it has no valid id");
    check(span.parent_span_id.is_empty() || is_id(&span.parent_span_id, 8), "its parent has no valid id");
    // A parent elsewhere is of another program: bits 8 and 9 say so.
    let is_elsewhere = span.flags & 0x300 == 0x300;
    check(
        span.parent_span_id.is_empty() || is_elsewhere || ids.contains(span.parent_span_id.as_slice()),
        "its parent is nowhere",
    );
    check(span.start_time_unix_nano > LONG_AGO, "it has no start");
    check(span.end_time_unix_nano >= span.start_time_unix_nano, "it ends before it starts");
    check(span.dropped_attributes_count == 0, "attributes were dropped");
    check(span.events.is_empty() && span.links.is_empty(), "it has events or links");
    let status = span.status.clone().unwrap_or_default();
    check(status.message.is_empty(), "its status has a text");
    let has_error = span.attributes.iter().any(|attribute| attribute.key == "error.type");
    check(has_error == (status.code == 2), "its status and its error do not agree");
    let Some(work) = work_of(span) else {
        wrong.push("the catalog does not have it".to_owned());
        return wrong;
    };
    wrong.extend(attributes(&span.attributes, work.attributes));
    for attribute in &span.attributes {
        if attribute.key == "url.template" && text(attribute).is_none_or(|text| !is_template(text)) {
            wrong.push(format!("{attribute:?} holds values"));
        }
    }
    wrong
}

/// The work that a span is about: its name without its values, and its kind.
fn work_of(span: &Span) -> Option<&'static Work> {
    WORK.iter().copied().find(|work| {
        let kind = match work.side {
            Side::Internal => SpanKind::Internal,
            Side::Client => SpanKind::Client,
            Side::Server => SpanKind::Server,
            Side::Producer => SpanKind::Producer,
            Side::Consumer => SpanKind::Consumer,
        };
        kind as i32 == span.kind && name_of(work, span) == span.name
    })
}

/// A span's name as the catalog has it, with the values of its attributes.
fn name_of(work: &Work, span: &Span) -> String {
    let mut name = work.name.to_owned();
    for attribute in &span.attributes {
        if let Some(value) = text(attribute) {
            name = name.replace(&format!("{{{}}}", attribute.key), value);
        }
    }
    name
}

/// Words of an interface, and values as words in braces.
fn is_template(template: &str) -> bool {
    let is_word = |part: &str| {
        let inside = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).unwrap_or(part);
        inside == "3" || inside.chars().all(|c| c.is_ascii_lowercase() || "_-".contains(c))
    };
    template.starts_with('/') && !template.contains("{value}") && template.split('/').all(is_word)
}

pub(super) fn metrics(request: &ExportMetricsServiceRequest, temporality: Temporality) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for resource in &request.resource_metrics {
        wrong.extend(of_resource(resource.resource.as_ref()));
        let has_instance = resource
            .resource
            .iter()
            .flat_map(|resource| &resource.attributes)
            .any(|attribute| attribute.key == "service.instance.id");
        // Without a name of its own, values since a process's start are those of several processes; with one, each report of
        // a run is a series of its own.
        if has_instance != (temporality == Temporality::Cumulative) {
            wrong.push(format!("the name of the instance does not go with {temporality:?}"));
        }
        for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            if !names.insert(metric.name.clone()) {
                wrong.push(format!("{} comes twice", metric.name));
            }
            let found = of_metric(metric, temporality);
            wrong.extend(found.into_iter().map(|found| format!("{}: {found}", metric.name)));
        }
    }
    if names.is_empty() {
        wrong.push("there is no metric".to_owned());
    }
    wrong
}

fn of_metric(metric: &Metric, temporality: Temporality) -> Vec<String> {
    let Some(known) = METRICS.iter().copied().find(|known| known.name == metric.name) else {
        return vec!["the catalog does not have it".to_owned()];
    };
    let mut wrong = Vec::new();
    if metric.unit != known.unit || metric.description != known.meaning {
        wrong.push(format!("{:?} {:?}", metric.unit, metric.description));
    }
    match (&metric.data, known.instrument) {
        (Some(Data::Sum(sum)), Instrument::Counter) => wrong.extend(of_sum(sum, known, temporality)),
        (Some(Data::Gauge(gauge)), Instrument::Gauge) => wrong.extend(of_gauge(gauge, known)),
        (Some(Data::Histogram(histogram)), Instrument::Histogram(bounds)) => {
            wrong.extend(of_histogram(histogram, known, bounds, temporality));
        }
        (data, _) => wrong.push(format!("it is {data:?}")),
    }
    wrong
}

fn of_sum(sum: &Sum, known: &catalog::Metric, temporality: Temporality) -> Vec<String> {
    let mut wrong = is_of(sum.aggregation_temporality, temporality);
    if !sum.is_monotonic {
        wrong.push("it may fall".to_owned());
    }
    for point in &sum.data_points {
        wrong.extend(times(point.start_time_unix_nano, point.time_unix_nano));
        wrong.extend(attributes(&point.attributes, known.attributes));
        if number_of(point) < 1 {
            wrong.push(format!("{:?}", point.value));
        }
    }
    wrong
}

fn of_gauge(gauge: &Gauge, known: &catalog::Metric) -> Vec<String> {
    let mut wrong = Vec::new();
    for point in &gauge.data_points {
        if point.time_unix_nano <= LONG_AGO {
            wrong.push(format!("of {}", point.time_unix_nano));
        }
        wrong.extend(attributes(&point.attributes, known.attributes));
        if !matches!(point.value, Some(number_data_point::Value::AsDouble(value)) if value >= 0.0) {
            wrong.push(format!("{:?}", point.value));
        }
    }
    wrong
}

fn of_histogram(
    histogram: &Histogram,
    known: &catalog::Metric,
    bounds: &[f64],
    temporality: Temporality,
) -> Vec<String> {
    let mut wrong = is_of(histogram.aggregation_temporality, temporality);
    for point in &histogram.data_points {
        wrong.extend(times(point.start_time_unix_nano, point.time_unix_nano));
        wrong.extend(attributes(&point.attributes, known.attributes));
        if point.explicit_bounds != bounds || point.bucket_counts.len() != bounds.len() + 1 {
            wrong.push(format!("the bounds are {:?}", point.explicit_bounds));
        }
        if point.bucket_counts.iter().sum::<u64>() != point.count || point.count == 0 {
            wrong.push("the buckets do not add up".to_owned());
        }
        if point.sum.is_none_or(|sum| !sum.is_finite() || sum < 0.0) {
            wrong.push(format!("the sum is {:?}", point.sum));
        }
    }
    wrong
}

fn is_of(found: i32, temporality: Temporality) -> Vec<String> {
    let expected = match temporality {
        Temporality::Delta => AggregationTemporality::Delta,
        Temporality::Cumulative => AggregationTemporality::Cumulative,
    };
    if found == expected as i32 { Vec::new() } else { vec![format!("the temporality is {found}")] }
}

fn times(start: u64, end: u64) -> Vec<String> {
    if start > LONG_AGO && start <= end { Vec::new() } else { vec![format!("from {start} to {end}")] }
}

fn of_resource(resource: Option<&Resource>) -> Vec<String> {
    let of = |name: &str| {
        let attributes = resource.iter().flat_map(|resource| &resource.attributes);
        attributes.filter(|attribute| attribute.key == name).find_map(text).unwrap_or_default()
    };
    let mut wrong = Vec::new();
    for name in ["service.name", "service.version"] {
        if of(name).is_empty() {
            wrong.push(format!("the resource has no {name}"));
        }
    }
    wrong
}

fn attributes(found: &[KeyValue], known: &[&Attribute]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for attribute in found {
        if !names.insert(&attribute.key) {
            wrong.push(format!("{} comes twice", attribute.key));
        }
        let Some(known) = known.iter().find(|known| known.name == attribute.key) else {
            wrong.push(format!("{} does not belong there", attribute.key));
            continue;
        };
        let is_right = match (known.holds, attribute.value.as_ref().and_then(|value| value.value.as_ref())) {
            (Holds::Text, Some(Value::StringValue(text))) => is_short(text),
            (Holds::Number, Some(Value::IntValue(number))) => *number >= 0,
            (Holds::Texts, Some(Value::ArrayValue(values))) => values.values.iter().all(
                |value| matches!(value, AnyValue { value: Some(Value::StringValue(text)) } if is_short(text)),
            ),
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{} is {:?}", attribute.key, attribute.value));
        }
    }
    wrong
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control)
}

fn is_id(id: &[u8], length: usize) -> bool {
    id.len() == length && id.iter().any(|byte| *byte != 0)
}

fn text(attribute: &KeyValue) -> Option<&str> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Attributes as `key=value,…`, in order.
pub fn text_of(attributes: &[KeyValue]) -> String {
    let shown = attributes.iter().map(|attribute| {
        let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => text.clone(),
            Some(Value::IntValue(number)) => number.to_string(),
            Some(Value::ArrayValue(values)) => {
                let texts = values.values.iter().filter_map(|value| match &value.value {
                    Some(Value::StringValue(text)) => Some(text.as_str()),
                    _ => None,
                });
                format!("[{}]", texts.collect::<Vec<_>>().join(" "))
            }
            other => format!("{other:?}"),
        };
        format!("{}={value}", attribute.key)
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown.join(",")
}

pub(super) fn number_of(point: &NumberDataPoint) -> i64 {
    match point.value {
        Some(number_data_point::Value::AsInt(number)) => number,
        _ => -1,
    }
}

pub(super) fn amount_of(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(number_data_point::Value::AsDouble(amount)) => amount,
        _ => f64::NAN,
    }
}
