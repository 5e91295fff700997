//! The *client* of the collector: one request for traces, one for metrics, both at once, and neither a second time.

use std::fmt;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use reqwest::Response;
use tokio::sync::OnceCell;
use url::Url;

use super::settings::Endpoints;
use crate::network::Network;

const PROTOBUF: &str = "application/x-protobuf";
/// Bytes of an answer.
const MAX_ANSWER: usize = 64 * 1024;
/// Characters of what the collector says that are logged.
const MAX_SAID: usize = 200;

/// See the module's documentation.
pub(super) struct Client {
    endpoints: Endpoints,
    headers: HeaderMap,
    network: Network,
    /// Made when it is first needed: that takes milliseconds, which only who sends something has to spend.
    http: OnceCell<reqwest::Client>,
}

/// Why something was not taken, and what to do about it.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("no HTTP client can be made: {0}")]
    NoClient(#[source] reqwest::Error),
    #[error("the collector cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the collector refuses the size of what is sent (413)")]
    TooLarge,
    #[error("the collector takes no more for now ({0})")]
    Busy(StatusCode),
    #[error("the collector refuses the credentials ({0})")]
    Credentials(StatusCode),
    #[error("the collector redirects{0}")]
    Redirected(ToHost),
    #[error("the collector answers {0}")]
    Status(StatusCode),
    #[error("the answer is not one of a collector, but {0}")]
    NotOtlp(String),
}

/// The host of a redirect.
#[derive(Debug)]
struct ToHost(Option<String>);

impl fmt::Display for ToHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |host| write!(f, " to {host}"))
    }
}

impl SendError {
    fn fix(&self) -> &'static str {
        match self {
            Self::NoClient(_) => "Check AGENT_CA and HTTPS_PROXY.",
            Self::Unreachable(_) => {
                "Check OTEL_EXPORTER_OTLP_ENDPOINT, that the collector is running, and that a NetworkPolicy lets this process reach it."
            }
            Self::TooLarge => "Raise the collector's limit for a request.",
            Self::Busy(_) => "Give the collector more room, or put another one in front of it.",
            Self::Credentials(_) => "Correct OTEL_EXPORTER_OTLP_HEADERS.",
            Self::Redirected(_) => {
                "Set OTEL_EXPORTER_OTLP_ENDPOINT to the final address: redirects are not followed."
            }
            Self::Status(_) | Self::NotOtlp(_) => {
                "Check that OTEL_EXPORTER_OTLP_ENDPOINT is the address of a collector's receiver for OTLP over HTTP, mostly port 4318."
            }
        }
    }
}

impl Client {
    pub(super) fn new(endpoints: Endpoints, headers: HeaderMap, network: Network) -> Self {
        Self { endpoints, headers, network, http: OnceCell::new() }
    }

    /// Sends both, each on its own; what is not taken is logged.
    pub(super) async fn send(
        &self,
        spans: Option<ExportTraceServiceRequest>,
        metrics: Option<ExportMetricsServiceRequest>,
    ) {
        let traces = async {
            if let (Some(url), Some(spans)) = (&self.endpoints.traces, spans) {
                let sent = self.post(url, &spans).await.and_then(|answer| {
                    let answer: ExportTraceServiceResponse = decode(&answer)?;
                    Ok(answer.partial_success.map(|part| (part.rejected_spans, part.error_message)))
                });
                tell("traces", sent);
            }
        };
        let metrics = async {
            if let (Some(url), Some(metrics)) = (&self.endpoints.metrics, metrics) {
                let sent = self.post(url, &metrics).await.and_then(|answer| {
                    let answer: ExportMetricsServiceResponse = decode(&answer)?;
                    Ok(answer.partial_success.map(|part| (part.rejected_data_points, part.error_message)))
                });
                tell("metrics", sent);
            }
        };
        tokio::join!(traces, metrics);
    }

    async fn post(&self, url: &Url, message: &impl Message) -> Result<Vec<u8>, SendError> {
        let client = self.http.get_or_try_init(|| async { self.client() }).await?;
        let request = client
            .post(url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, PROTOBUF)
            .body(message.encode_to_vec());
        let response = request.send().await.map_err(|error| SendError::Unreachable(error.without_url()))?;
        let (status, kind) = (response.status(), media_type(response.headers()));
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => return Err(SendError::TooLarge),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                return Err(SendError::Busy(status));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(SendError::Credentials(status)),
            status if status.is_redirection() => {
                let target = response
                    .headers()
                    .get(LOCATION)
                    .and_then(|target| Url::parse(target.to_str().ok()?).ok());
                return Err(SendError::Redirected(ToHost(
                    target.and_then(|url| Some(url.host_str()?.to_owned())),
                )));
            }
            status if !status.is_success() => return Err(SendError::Status(status)),
            _ => {}
        }
        let body = read(response).await?;
        if kind.as_deref() != Some(PROTOBUF) && !body.is_empty() {
            let kind = kind.unwrap_or_else(|| "something without a content type".to_owned());
            return Err(SendError::NotOtlp(kind));
        }
        Ok(body)
    }

    fn client(&self) -> Result<reqwest::Client, SendError> {
        self.network
            .client()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("ai-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(SendError::NoClient)
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    while let Some(piece) =
        response.chunk().await.map_err(|error| SendError::Unreachable(error.without_url()))?
    {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER {
            return Err(SendError::NotOtlp(format!("more than {MAX_ANSWER} bytes")));
        }
    }
    Ok(body)
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(essence.chars().take(MAX_SAID).collect())
}

fn decode<T: Message + Default>(answer: &[u8]) -> Result<T, SendError> {
    T::decode(answer).map_err(|_| SendError::NotOtlp("bytes that are no message of its protocol".to_owned()))
}

/// Logs what was not taken: all, or a part that the collector rejected.
fn tell(what: &'static str, sent: Result<Option<(i64, String)>, SendError>) {
    match sent {
        Ok(None) => {}
        Ok(Some((rejected, said))) => {
            let said: String = said.chars().take(MAX_SAID).collect();
            if rejected > 0 {
                tracing::warn!(what, rejected, said, "the collector of telemetry rejected a part");
            }
        }
        Err(error) => {
            tracing::warn!(
                what,
                error = &error as &dyn std::error::Error,
                fix = error.fix(),
                "telemetry could not be delivered and is lost"
            );
        }
    }
}
