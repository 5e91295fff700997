//! The same router behind AWS Lambda: a Function URL, or an API Gateway of either kind in front of it.

use axum::Router;
use lambda_http::{
    Request, RequestExt as _, http::Uri, request::RequestContext, service_fn, tower::ServiceExt as _,
};

/// Serves one request at a time until the environment is taken away.
pub async fn run(router: Router) -> anyhow::Result<()> {
    lambda_http::run(service_fn(|request| {
        let router = router.clone();
        async move { router.oneshot(without_stage(request)).await }
    }))
    .await
    .map_err(|error| anyhow::anyhow!(error).context("serving as a function"))
}

/// An API Gateway puts its stage before the path that was asked for; the routes know nothing of stages.
fn without_stage(mut request: Request) -> Request {
    let stage = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.stage.as_deref(),
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
        _ => None,
    };
    let path = request.uri().path();
    let asked = stage
        .and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage))
        .filter(|path| path.starts_with('/'))
        .and_then(|path| path.parse::<Uri>().ok());
    if let Some(uri) = asked {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests;
