//! One exchange with a service as it is *measured*: its method, its route without values, its status. What was asked and
//! answered is not told.

use http::{Method, StatusCode};
use shared::otlp::Span;
use shared::otlp::catalog::{CALL, GRAPHQL_OPERATION, HTTP_METHOD, HTTP_STATUS, SERVER, URL_TEMPLATE};
use url::Url;

use super::Call;
use crate::route;

/// An exchange that begins; `api` is the address of the service's interface.
pub(crate) fn exchange(method: &Method, route: &str, api: &str, call: &Call) -> Span {
    let template = route::template(route);
    let span = Span::named(&CALL, format_args!("{method} {template}"))
        .with(&HTTP_METHOD, method.as_str())
        .with(&URL_TEMPLATE, template);
    if let Some(host) = Url::parse(api).ok().as_ref().and_then(Url::host_str) {
        span.set(&SERVER, host);
    }
    if let Some(operation) = call.name.strip_prefix("GraphQL ") {
        span.set(&GRAPHQL_OPERATION, operation);
    }
    span
}

/// What came of it: a status, or the kind of failure that left none.
pub(crate) fn ended(span: Span, came: Result<StatusCode, &str>) {
    match came {
        Ok(status) => {
            span.set(&HTTP_STATUS, status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str());
            }
        }
        Err(kind) => span.fail(kind),
    }
    drop(span);
}
