//! The *settings* of telemetry: where it goes, with which headers, and what is said of the sender.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use url::Url;

use super::catalog::Program;
use super::{LONGEST, Lifetime};
use crate::env::catalog::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_METRIC_EXPORT_INTERVAL, OTEL_RESOURCE_ATTRIBUTES, OTEL_SDK_DISABLED, OTEL_SERVICE_NAME,
};
use crate::env::setting::{Setting, pairs_of};
use crate::env::{Environment, SettingError};
use crate::hex;

/// Where each kind of telemetry goes; `None` for what is not sent.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) traces: Option<Url>,
    pub(super) metrics: Option<Url>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) endpoints: Endpoints,
    pub(super) headers: HeaderMap,
    pub(super) resource: Resource,
    /// Of all that is sent at one time.
    pub(super) limit: Duration,
    /// Between two reports.
    pub(super) interval: Duration,
}

impl Settings {
    /// `None` where nothing is to be sent. What is set is looked at all the same.
    pub(super) fn from_env(
        program: Program,
        lifetime: Lifetime,
        env: &Environment,
    ) -> Result<Option<Self>, SettingError> {
        let base = endpoint(env, &OTEL_EXPORTER_OTLP_ENDPOINT)?;
        let below = |path: &str| base.as_ref().map(|base| below(base, path));
        let endpoints = Endpoints {
            traces: endpoint(env, &OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)?.or_else(|| below("v1/traces")),
            metrics: endpoint(env, &OTEL_EXPORTER_OTLP_METRICS_ENDPOINT)?.or_else(|| below("v1/metrics")),
        };
        let headers = env.find(&OTEL_EXPORTER_OTLP_HEADERS)?;
        let headers = headers.map(|text| headers_of(text.expose_secret())).transpose();
        let headers = headers.map_err(|hint| env.refuse(&OTEL_EXPORTER_OTLP_HEADERS, "", hint))?;
        let given = env.find_as(&OTEL_RESOURCE_ATTRIBUTES, attributes_of)?.unwrap_or_default();
        let name = env.find(&OTEL_SERVICE_NAME)?;
        let limit = Duration::from_millis(env.read(&OTEL_EXPORTER_OTLP_TIMEOUT)?).min(LONGEST);
        let interval = match program {
            Program::Ingest => Duration::from_millis(env.read(&OTEL_METRIC_EXPORT_INTERVAL)?),
            // It reports once, at its end.
            Program::Task => Duration::MAX,
        };
        let instance = match lifetime {
            Lifetime::Short => None,
            Lifetime::Long => Some(random_id()),
        };
        let protocol = env.read(&OTEL_EXPORTER_OTLP_PROTOCOL)?;
        let is_disabled = env.read(&OTEL_SDK_DISABLED)?;
        if is_disabled || (endpoints.traces.is_none() && endpoints.metrics.is_none()) {
            return Ok(None);
        }
        if protocol != "http/protobuf" {
            tracing::warn!(
                protocol,
                fix = "Set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf, and the endpoint to the collector's port for it, mostly 4318.",
                "no telemetry is sent: this protocol is not supported"
            );
            return Ok(None);
        }
        let resource = resource(program, name, given, instance);
        Ok(Some(Self { endpoints, headers: headers.unwrap_or_default(), resource, limit, interval }))
    }
}

fn endpoint(env: &Environment, setting: &Setting<String>) -> Result<Option<Url>, SettingError> {
    env.find_as(setting, |text| {
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        url.ok_or_else(|| setting.variable().form.hint())
    })
}

/// An address below another one, whether that ends in a slash or not.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

fn headers_of(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let parts = text.split([',', '\n', '\r']).filter(|part| !part.trim().is_empty());
    if parts.count() != pairs_of(text).count() {
        return Err(OTEL_EXPORTER_OTLP_HEADERS.variable().form.hint());
    }
    for (name, value) in pairs_of(text) {
        let name = HeaderName::try_from(name).map_err(|_| "a name is not one of a header".to_owned())?;
        if [http::header::CONTENT_TYPE, http::header::CONTENT_LENGTH, http::header::HOST].contains(&name) {
            return Err(format!("the header {name} is not for others to set"));
        }
        let value = percent_decode_str(value).decode_utf8().ok();
        let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
        let mut value = value.ok_or_else(|| format!("the value of {name} cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

fn attributes_of(text: &str) -> Result<Vec<KeyValue>, String> {
    let hint = || OTEL_RESOURCE_ATTRIBUTES.variable().form.hint();
    let mut attributes = Vec::new();
    for part in text.split([',', '\n', '\r']).filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(hint)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| hint())?;
        if name.trim().is_empty() {
            return Err(hint());
        }
        attributes.push(KeyValue::new(name.trim().to_owned(), value.into_owned()));
    }
    Ok(attributes)
}

/// What is said of the sender. What the operator says of it counts; `OTEL_SERVICE_NAME` most of all.
fn resource(
    program: Program,
    name: Option<String>,
    given: Vec<KeyValue>,
    instance: Option<String>,
) -> Resource {
    let instance = instance.map(|instance| KeyValue::new("service.instance.id", instance));
    Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", program.service()))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(instance)
        .with_attributes(given)
        .with_attributes(name.map(|name| KeyValue::new("service.name", name)))
        .build()
}

/// A name that no other process has.
fn random_id() -> String {
    use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
    hex::text(&RandomIdGenerator::default().new_trace_id().to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let env = Environment::of(variables.iter().copied());
        Settings::from_env(Program::Task, Lifetime::Short, &env).map_err(|error| error.to_string())
    }

    #[test]
    fn endpoints_are_those_of_the_specification() {
        type Case = (&'static [(&'static str, &'static str)], Option<(&'static str, &'static str)>);
        let table: &[Case] = &[
            (&[], None),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], None),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")],
                Some(("http://c:4318/v1/traces", "http://c:4318/v1/metrics")),
            ),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/otlp/")],
                Some(("https://c/otlp/v1/traces", "https://c/otlp/v1/metrics")),
            ),
            (
                &[
                    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
                    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/x"),
                ],
                Some(("http://t/x", "http://c:4318/v1/metrics")),
            ),
            (&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m/")], Some(("", "http://m/"))),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_SDK_DISABLED", "true")], None),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], None),
        ];
        for (variables, expected) in table {
            let found = read(variables).unwrap().map(|settings| {
                let text = |url: Option<Url>| url.map_or_else(String::new, String::from);
                (text(settings.endpoints.traces), text(settings.endpoints.metrics))
            });
            let found = found.as_ref().map(|(traces, metrics)| (traces.as_str(), metrics.as_str()));
            assert_eq!(found, *expected, "{variables:?}");
        }
    }

    #[test]
    fn headers_are_decoded_and_never_repeated() {
        let headers = |text| headers_of(text).map(|headers| format!("{:?}", headers.len()));
        assert_eq!(headers("authorization=Bearer%20a%3Db,x-scope=one").unwrap(), "2");
        assert_eq!(headers("a=1\nb=2\n").unwrap(), "2");
        let decoded = headers_of("authorization=Bearer%20a%3Db").unwrap();
        assert_eq!(decoded["authorization"], "Bearer a=b");
        assert!(!format!("{decoded:?}").contains("a=b"));
        for bad in ["words", "a b=c", "x=%00", "host=other", "content-type=text/html"] {
            let error = read(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
                ("OTEL_EXPORTER_OTLP_HEADERS", &format!("{bad},k=hunter2hunter2")),
            ]);
            let error = error.unwrap_err();
            assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_sender_is_what_the_operator_says() {
        let settings = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod%20one,service.name=other"),
            ("OTEL_SERVICE_NAME", "mine"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
        ]);
        let settings = settings.unwrap().unwrap();
        let of = |name: &'static str| settings.resource.get(&name.into()).map(|value| value.to_string());
        assert_eq!(of("service.name").as_deref(), Some("mine"));
        assert_eq!(of("deployment.environment.name").as_deref(), Some("prod one"));
        assert_eq!(of("service.instance.id"), None);
        assert_eq!(settings.limit, LONGEST);
    }
}
