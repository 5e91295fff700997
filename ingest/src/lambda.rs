//! The same router behind AWS Lambda: a Function URL, an API Gateway of either kind, or a load balancer in front of it.

use axum::{Router, http::StatusCode};
use lambda_http::{Request, http::Uri, service_fn, tower::ServiceExt as _};

use std::sync::Arc;

use crate::{server, telemetry::Reports};

/// Serves one request at a time until the environment is taken away.
pub async fn run(router: Router) -> anyhow::Result<()> {
    let reports = Arc::new(Reports::new());
    lambda_http::run(service_fn(|request| {
        let (router, reports) = (router.clone(), Arc::clone(&reports));
        async move {
            let answered = router.oneshot(routed(request)).await;
            let made_a_task = answered.as_ref().is_ok_and(|answer| answer.status() == StatusCode::ACCEPTED);
            reports.after(made_a_task).await;
            answered
        }
    }))
    .await
    .map_err(|error| anyhow::anyhow!(error).context("serving as a function"))
}

/// A gateway puts its stage, the base path of its own domain, or both before the path; the routes know nothing of them.
/// What counts is how the path ends.
fn routed(mut request: Request) -> Request {
    let path = request.uri().path();
    if let Some(Ok(route)) = server::path_at_end(path).map(Uri::try_from) {
        *request.uri_mut() = route;
    } else {
        tracing::warn!(path, "nothing is served at this path");
    }
    request
}

#[cfg(test)]
mod tests;
