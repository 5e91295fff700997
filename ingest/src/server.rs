//! The *server*: routes, limits on connections, and an orderly end.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use crate::{
    limits::{KeepAlive, Limits},
    webhook::{self, Webhooks},
};

/// Pause after a connection could not be accepted, which mostly means that there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// All routes.
pub fn router(webhooks: Webhooks) -> Router {
    Router::new()
        .route("/webhook/github", post(webhook::receive))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(webhooks))
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
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_buf_size(64 * 1024);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accept = async {
            let slot = Arc::clone(&slots).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?.0, slot))
        };
        let (stream, slot) = tokio::select! {
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
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended badly");
            }
            drop(slot);
        });
    }
    drop(listener);
    tracing::info!("stopping");
    if timeout(limits.drain_time, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off");
    }
    Ok(())
}
