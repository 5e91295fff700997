//! A *collector* of telemetry: it takes OTLP over HTTP, decodes it by the protocol's own messages, and holds it against the
//! protocol's rules and against the catalog of what the programs say that they send. Or it is in one of its moods.

mod rules;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Response};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use rules::{Temporality, text_of};

const PROTOBUF: &str = "application/x-protobuf";

/// How it treats what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As the protocol says.
    Good,
    /// It takes the request and never answers.
    Hangs,
    /// It answers with a page, as something else would that listens there.
    Page,
    /// It answers with bytes that are no message.
    Garbage,
    TooLarge,
    /// 429, with a time to wait.
    Busy,
    Fails,
    Unauthorized,
    /// It sends the sender elsewhere.
    Redirects,
    /// It takes it, and rejects a part.
    Rejects,
}

/// What was received.
#[derive(Default)]
struct Received {
    requests: Vec<(String, HeaderMap)>,
    bytes: Vec<u8>,
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    violations: Vec<String>,
}

#[derive(Clone)]
struct Shared {
    mood: Mood,
    temporality: Temporality,
    received: Arc<Mutex<Received>>,
}

/// See the module's documentation. It serves until it is dropped.
pub struct Collector {
    url: String,
    shared: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// One for runs, which report what is to be added to what others reported.
    pub fn start(mood: Mood) -> Self {
        Self::of(mood, Temporality::Delta)
    }

    pub fn of(mood: Mood, temporality: Temporality) -> Self {
        let shared = Shared { mood, temporality, received: Arc::default() };
        let (stop, stopped) = oneshot::channel();
        let (told, address) = channel();
        let router =
            Router::new().fallback(receive).layer(DefaultBodyLimit::max(64 << 20)).with_state(shared.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                told.send(listener.local_addr().expect("its address")).expect("somebody waits for it");
                tokio::select! {
                    served = axum::serve(listener, router) => served.expect("the collector serves"),
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        let address = address.recv().expect("the collector starts");
        Self { url: format!("http://{address}"), shared, stop: Some(stop), thread: Some(thread) }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The paths that were asked for, with their headers.
    pub fn requests(&self) -> Vec<(String, HeaderMap)> {
        self.received().requests.clone()
    }

    /// Every byte that was sent, headers included.
    pub fn bytes(&self) -> Vec<u8> {
        self.received().bytes.clone()
    }

    pub fn spans(&self) -> Vec<Span> {
        let received = self.received();
        let resources = received.traces.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    pub fn metrics(&self) -> Vec<Metric> {
        let received = self.received();
        let resources = received.metrics.iter().flat_map(|request| &request.resource_metrics);
        resources
            .flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| scope.metrics.clone())
            .collect()
    }

    /// The points of a counter or a gauge as `NAME{key=value,…} value`, and those of a histogram with their count and without what
    /// was measured, in order.
    pub fn points(&self) -> Vec<String> {
        let mut points = Vec::new();
        for metric in self.metrics() {
            match metric.data {
                Some(Data::Sum(sum)) => {
                    let count = |point: &NumberDataPoint| rules::number_of(point);
                    points.extend(sum.data_points.iter().map(|point| {
                        format!("{}{{{}}} {}", metric.name, text_of(&point.attributes), count(point))
                    }));
                }
                Some(Data::Gauge(gauge)) => {
                    points.extend(gauge.data_points.iter().map(|point| {
                        let value = rules::amount_of(point);
                        format!("{}{{{}}} {value}", metric.name, text_of(&point.attributes))
                    }));
                }
                Some(Data::Histogram(histogram)) => {
                    points.extend(histogram.data_points.iter().map(|point| {
                        format!("{}{{{}}} {}", metric.name, text_of(&point.attributes), point.count)
                    }));
                }
                _ => {}
            }
        }
        points.sort();
        points
    }

    /// What was against the rules.
    pub fn violations(&self) -> Vec<String> {
        self.received().violations.clone()
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the collector panicked");
        }
    }
}

async fn receive(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    {
        let mut received = shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.requests.push((path.clone(), headers.clone()));
        for (name, value) in &headers {
            received.bytes.extend_from_slice(name.as_str().as_bytes());
            received.bytes.extend_from_slice(value.as_bytes());
        }
        received.bytes.extend_from_slice(&body);
        let found = take(&mut received, shared.temporality, &path, &headers, &body);
        received.violations.extend(found.into_iter().map(|violation| format!("{path}: {violation}")));
    }
    match shared.mood {
        Mood::Good => answer(&path, false),
        Mood::Rejects => answer(&path, true),
        Mood::Hangs => {
            tokio::time::sleep(Duration::from_mins(10)).await;
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Mood::Page => Html("<!doctype html><title>Log in</title>").into_response(),
        Mood::Garbage => ([(header::CONTENT_TYPE, PROTOBUF)], &b"\xff\xff\xff\xff"[..]).into_response(),
        Mood::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Mood::Busy => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")]).into_response(),
        Mood::Fails => (StatusCode::INTERNAL_SERVER_ERROR, "out of memory").into_response(),
        Mood::Unauthorized => StatusCode::UNAUTHORIZED.into_response(),
        Mood::Redirects => {
            (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/elsewhere")]).into_response()
        }
    }
}

/// Keeps a request, and answers with what is wrong with it.
fn take(
    received: &mut Received,
    temporality: Temporality,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Vec<String> {
    let unpacked = match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => body.to_vec(),
        // What the protocol allows, and a collector in front of this one does.
        Some(b"gzip") => match unpacked(body) {
            Ok(unpacked) => unpacked,
            Err(error) => return vec![format!("it cannot be unpacked: {error}")],
        },
        Some(other) => return vec![format!("the encoding is {other:?}")],
    };
    let body = unpacked.as_slice();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind != Some(PROTOBUF) {
        return vec![format!("the content type is {kind:?}")];
    }
    match path {
        "/v1/traces" => match whole(body) {
            Ok(request) => {
                let found = rules::traces(&request);
                received.traces.push(request);
                found
            }
            Err(why) => vec![why],
        },
        "/v1/metrics" => match whole(body) {
            Ok(request) => {
                let found = rules::metrics(&request, temporality);
                received.metrics.push(request);
                found
            }
            Err(why) => vec![why],
        },
        _ => vec!["there is nothing at this path".to_owned()],
    }
}

/// What gzip makes of the bytes.
fn unpacked(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut gzip = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = gzip.stdin.take().expect("it was piped");
    let packed = packed.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&packed));
    let output = gzip.wait_with_output()?;
    writing.join().expect("writing does not panic")?;
    if output.status.success() { Ok(output.stdout) } else { Err(std::io::Error::other("gzip refuses it")) }
}

/// The message that the bytes are, if it is written as it should be and has no field that the protocol does not know: those
/// are lost when it is written again.
fn whole<M: Message + Default>(body: &[u8]) -> Result<M, String> {
    let message = M::decode(body).map_err(|error| error.to_string())?;
    if message.encode_to_vec() == body {
        Ok(message)
    } else {
        Err("it has fields that the protocol does not know".to_owned())
    }
}

fn answer(path: &str, rejects: bool) -> Response {
    let bytes = match (path, rejects) {
        ("/v1/metrics", true) => {
            let error_message = "one was too old".to_owned();
            let partial_success =
                Some(ExportMetricsPartialSuccess { rejected_data_points: 1, error_message });
            ExportMetricsServiceResponse { partial_success }.encode_to_vec()
        }
        ("/v1/metrics", false) => ExportMetricsServiceResponse::default().encode_to_vec(),
        _ => ExportTraceServiceResponse::default().encode_to_vec(),
    };
    ([(header::CONTENT_TYPE, PROTOBUF)], bytes).into_response()
}
