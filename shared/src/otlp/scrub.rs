//! *Scrubbing*: no value that is sent holds a secret that the process was given. None should get there; this is what stands
//! behind that.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use secrecy::{ExposeSecret as _, SecretString};

/// What stands in place of a value that held one.
const REMOVED: &str = "[removed]";

/// A shorter secret is part of too many words.
const LEAST: usize = 8;

/// See the module's documentation.
pub(super) struct Scrubber(Vec<SecretString>);

impl Scrubber {
    pub(super) fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets.into_iter().filter(|secret| secret.expose_secret().len() >= LEAST).collect())
    }

    pub(super) fn attributes(&self, attributes: &mut [KeyValue]) {
        for attribute in attributes {
            if let Some(value) = &mut attribute.value {
                self.value(value);
            }
        }
    }

    /// For names of spans.
    pub(super) fn text(&self, text: &mut String) {
        if self.0.iter().any(|secret| text.contains(secret.expose_secret())) {
            REMOVED.clone_into(text);
        }
    }

    fn value(&self, value: &mut AnyValue) {
        match &mut value.value {
            Some(Value::StringValue(text)) => self.text(text),
            Some(Value::ArrayValue(values)) => values.values.iter_mut().for_each(|value| self.value(value)),
            _ => {}
        }
    }
}
