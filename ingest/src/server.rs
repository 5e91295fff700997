//! The *server*: routes, limits on connections, and an orderly end.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{Request, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{net::TcpListener, time::timeout};

use crate::{
    connections::Connections,
    jira,
    limits::{HEAD_BYTES, KeepAlive, Limits},
    webhook::{self, Webhooks},
};

/// Pause after a connection could not be accepted, which mostly means that there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const WEBHOOK: &str = webhook::PATH;
const HEALTH: &str = "/health";
const READY: &str = "/ready";
const METRICS: &str = "/metrics";
/// Every path that is answered, but those of Jira's sites.
const PATHS: [&str; 4] = [WEBHOOK, HEALTH, READY, METRICS];

/// The path that is answered among those that end like this one.
pub(crate) fn path_at_end(path: &str) -> Option<&str> {
    if let Some(known) = PATHS.into_iter().find(|known| path.ends_with(known)) {
        return Some(known);
    }
    let start = path.rfind(jira::PREFIX)?;
    let name = &path[start + jira::PREFIX.len()..];
    (!name.is_empty() && !name.contains('/')).then(|| &path[start..])
}

/// All routes.
pub fn router(webhooks: Webhooks) -> Router {
    Router::new()
        .route(WEBHOOK, post(webhook::receive))
        .route(&format!("{}{{name}}", jira::PREFIX), post(webhook::jira::receive))
        .route(HEALTH, get(health))
        .route(READY, get(ready))
        .route(METRICS, get(metrics))
        .fallback(nowhere)
        .with_state(Arc::new(webhooks))
}

async fn nowhere(uri: Uri) -> Response {
    tracing::debug!(path = uri.path(), "nothing is served at this path");
    let told = json!({"status": "refused", "reason": format!("nothing is served here; webhooks go to {WEBHOOK} and {}NAME", jira::PREFIX)});
    (StatusCode::NOT_FOUND, Json(told)).into_response()
}

/// `GET /health`: the process lives.
async fn health() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// `GET /ready`: a task could be published now.
async fn ready(State(webhooks): State<Arc<Webhooks>>) -> Response {
    match webhooks.publisher.ready().await {
        Ok(()) => Json(json!({"status": "ready"})).into_response(),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            let told = json!({"status": "unavailable", "reason": error.to_string()});
            (StatusCode::SERVICE_UNAVAILABLE, Json(told)).into_response()
        }
    }
}

/// `GET /metrics`
async fn metrics(State(webhooks): State<Arc<Webhooks>>) -> Response {
    match webhooks.metrics.to_text() {
        Ok(text) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Serves until `shutdown`, then lets the requests that have begun end, for as long as the limits say.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    let mut http = http1::Builder::new();
    http.keep_alive(limits.keep_alive == KeepAlive::Yes);
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_buf_size(HEAD_BYTES);
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(limits.connections);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accept = async {
            let (stream, _) = listener.accept().await?;
            Ok::<_, io::Error>((stream, connections.admit().await))
        };
        let (stream, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "accepting a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (router, open) = (TowerToHyperService::new(router.clone()), Arc::clone(&place.connection));
        let service = service_fn(move |mut request: Request<Incoming>| {
            open.is_reading();
            request.extensions_mut().insert(Arc::clone(&open));
            router.call(request)
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = connection => ended,
                () = place.connection.closing() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    tracing::info!("stopping");
    if timeout(limits.drain_time, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off");
    }
    Ok(())
}
