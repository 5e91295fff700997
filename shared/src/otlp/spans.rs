//! *Spans*: pieces of work, kept in memory until they are sent.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler, SdkTracer, SdkTracerProvider, Span as SdkSpan, SpanData, SpanProcessor,
};

use super::TELEMETRY;
use super::catalog::{Attribute, ERROR_TYPE, Side, Work};
use super::scrub::Scrubber;
use crate::trace::TraceContext;

/// The most spans that are kept: a run makes a few hundred.
const MAX_SPANS: usize = 4_096;
/// Characters of a text: what is sent is names and numbers.
const MAX_TEXT: usize = 256;

/// Makes spans, and keeps those that ended.
pub(super) struct Recorder {
    /// `None` where traces are not sent.
    tracer: Option<SdkTracer>,
    ended: Arc<Ended>,
}

/// Spans that ended.
#[derive(Debug, Default)]
struct Ended {
    spans: Mutex<Vec<SpanData>>,
    dropped: AtomicU32,
}

/// Puts spans there.
#[derive(Debug)]
struct Keep(Arc<Ended>);

impl SpanProcessor for Keep {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() < MAX_SPANS {
            spans.push(span);
        } else {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Recorder {
    pub(super) fn new(resource: &Resource, is_on: bool) -> Self {
        let ended = Arc::new(Ended::default());
        let tracer = is_on.then(|| {
            let provider = SdkTracerProvider::builder()
                .with_resource(resource.clone())
                // Whoever began the trace decides whether it is kept.
                .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
                .with_span_processor(Keep(Arc::clone(&ended)))
                .build();
            provider.tracer_with_scope(scope())
        });
        Self { tracer, ended }
    }

    /// The spans that ended since the last time, as they are sent; `None` if there are none.
    pub(super) fn take(&self, resource: &Resource, scrubber: &Scrubber) -> Option<ExportTraceServiceRequest> {
        let spans = std::mem::take(&mut *self.ended.spans.lock().unwrap_or_else(PoisonError::into_inner));
        let dropped = self.ended.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "more spans than are kept; the last ones are left out");
        }
        if spans.is_empty() {
            return None;
        }
        let spans = spans.into_iter().map(without_made_up_parent).collect();
        let resource = ResourceAttributesWithSchema::from(resource);
        let mut resource_spans = group_spans_by_resource_and_scope(spans, &resource);
        for resource in &mut resource_spans {
            if let Some(resource) = &mut resource.resource {
                scrubber.attributes(&mut resource.attributes);
            }
            for span in resource.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
                scrubber.text(&mut span.name);
                scrubber.attributes(&mut span.attributes);
            }
        }
        Some(ExportTraceServiceRequest { resource_spans })
    }
}

/// A trace that nobody began before has a parent that was made up of the task's id, and that nobody sends:
/// [`TraceContext::of_task`]. What would be its child is where the trace begins.
fn without_made_up_parent(mut span: SpanData) -> SpanData {
    let trace_id = span.span_context.trace_id().to_bytes();
    if span.parent_span_is_remote && span.parent_span_id.to_bytes() == trace_id[..8] {
        span.parent_span_id = SpanId::INVALID;
        span.parent_span_is_remote = false;
    }
    span
}

/// Who measures.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("ai-agent").with_version(env!("CARGO_PKG_VERSION")).build()
}

/// A piece of work that is under way; it ends when this is dropped. Nothing without a collector.
#[must_use = "work ends when its span is dropped"]
#[derive(Debug)]
pub struct Span {
    context: Option<Context>,
    work: &'static Work,
}

/// A value of an attribute.
#[derive(Debug)]
pub struct Given(Value);

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self(Value::String(short(text).into()))
    }
}

impl From<&String> for Given {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Given {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<fmt::Arguments<'_>> for Given {
    fn from(text: fmt::Arguments<'_>) -> Self {
        Self::from(text.to_string())
    }
}

impl From<u64> for Given {
    fn from(number: u64) -> Self {
        Self(Value::I64(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<u32> for Given {
    fn from(number: u32) -> Self {
        Self(Value::I64(number.into()))
    }
}

impl From<u16> for Given {
    fn from(number: u16) -> Self {
        Self(Value::I64(number.into()))
    }
}

impl From<usize> for Given {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<Vec<String>> for Given {
    fn from(texts: Vec<String>) -> Self {
        let texts = texts.iter().map(|text| StringValue::from(short(text)));
        Self(Value::Array(Array::String(texts.collect())))
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

impl Span {
    /// Part of the work that is under way.
    pub fn start(work: &'static Work) -> Self {
        Self::named(work, work.name)
    }

    /// The same under a name with the values that the work's own name leaves open.
    pub fn named(work: &'static Work, name: impl fmt::Display) -> Self {
        Self::begin(work, name, None, None)
    }

    /// Work that goes on with a trace; `since` is when it began, if that is not now.
    pub fn of_trace(
        work: &'static Work,
        name: impl fmt::Display,
        trace: &TraceContext,
        since: Option<SystemTime>,
    ) -> Self {
        Self::begin(work, name, Some(trace), since)
    }

    fn begin(
        work: &'static Work,
        name: impl fmt::Display,
        trace: Option<&TraceContext>,
        since: Option<SystemTime>,
    ) -> Self {
        let tracer = TELEMETRY.get().and_then(|telemetry| telemetry.recorder.tracer.as_ref());
        let context = tracer.map(|tracer| {
            let parent = match trace {
                None => Context::current(),
                Some(trace) => Context::new().with_remote_span_context(remote(trace)),
            };
            let mut builder = tracer.span_builder(short(&name.to_string())).with_kind(kind(work.side));
            builder.start_time = since;
            let span = tracer.build_with_context(builder, &parent);
            parent.with_span(span)
        });
        Self { context, work }
    }

    /// The same with a value.
    pub fn with(self, attribute: &'static Attribute, value: impl Into<Given>) -> Self {
        self.set(attribute, value);
        self
    }

    pub fn set(&self, attribute: &'static Attribute, value: impl Into<Given>) {
        debug_assert!(
            self.work.attributes.contains(&attribute),
            "{} of {} is not in the catalog",
            attribute.name,
            self.work.name
        );
        if let Some(context) = &self.context {
            let Given(value) = value.into();
            context.span().set_attribute(KeyValue::new(attribute.name, value));
        }
    }

    /// It did not succeed, for this kind of reason.
    pub fn fail(&self, kind: &str) {
        self.set(&ERROR_TYPE, kind);
        if let Some(context) = &self.context {
            context.span().set_status(Status::error(""));
        }
    }

    /// Its trace, for whoever it is handed on to.
    pub fn trace(&self) -> Option<TraceContext> {
        trace_of(self.context.as_ref()?)
    }

    /// Does something as part of this work.
    pub fn run<F: Future>(&self, future: F) -> InSpan<F> {
        InSpan { future: Box::pin(future), context: self.context.clone() }
    }

    /// The same for what does not wait.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _current = self.context.clone().map(Context::attach);
        work()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.context {
            context.span().end();
        }
    }
}

/// A future that is part of a span's work.
#[must_use = "futures do nothing unless they are awaited"]
pub struct InSpan<F> {
    future: Pin<Box<F>>,
    context: Option<Context>,
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let _current = self.context.clone().map(Context::attach);
        self.future.as_mut().poll(task)
    }
}

/// The trace of the work that is under way.
pub(super) fn current() -> Option<TraceContext> {
    trace_of(&Context::current())
}

fn trace_of(context: &Context) -> Option<TraceContext> {
    let span = context.span();
    let span = span.span_context();
    TraceContext::of_ids(span.trace_id().to_bytes(), span.span_id().to_bytes(), span.trace_flags().to_u8())
}

fn remote(trace: &TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(trace.trace_id()),
        SpanId::from_bytes(trace.parent_id()),
        TraceFlags::new(trace.flags()),
        true,
        TraceState::default(),
    )
}

fn kind(side: Side) -> SpanKind {
    match side {
        Side::Internal => SpanKind::Internal,
        Side::Client => SpanKind::Client,
        Side::Server => SpanKind::Server,
        Side::Producer => SpanKind::Producer,
        Side::Consumer => SpanKind::Consumer,
    }
}
