//! A **description** of an HTTP interface in the form of `OpenAPI`, as its vendor publishes it: which calls there are, and the schemas of what
//! they carry. Stand-ins hold requests and answers against it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jsonschema::{Draft, Registry, Validator};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// Whether what a schema says of the format of a text is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Formats {
    Checked,
    Ignored,
}

/// See the module's documentation.
pub(crate) struct Description {
    pub(crate) document: Value,
    pub(crate) operations: Vec<Operation>,
    /// What references begin with that lead into it.
    address: &'static str,
    formats: Formats,
    registry: Registry<'static>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One call that the description knows.
pub(crate) struct Operation {
    /// The `operationId`, for example `issues/create-comment`.
    pub(crate) id: String,
    pub(crate) method: String,
    /// The segments of its path; those of parameters are in braces.
    pub(crate) template: Vec<String>,
    /// The JSON pointer of its description.
    pub(crate) pointer: String,
}

impl Description {
    /// Reads a description; `change` is made to it first.
    pub(crate) fn load(
        text: &str,
        address: &'static str,
        formats: Formats,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let mut document: Value = serde_json::from_str(text).expect("the description is JSON");
        express_nullable(&mut document);
        change(&mut document);
        let operations = operations(&document);
        let registry = Registry::new()
            .draft(Draft::Draft202012)
            .add(address, document.clone())
            .expect("the description is a JSON document")
            .prepare()
            .expect("the references of the description resolve");
        Self { document, operations, address, formats, registry, validators: Mutex::default() }
    }

    /// What a reference stands for, or the value itself.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.resolve(
                self.document.pointer(&reference[1..]).expect("references of the description resolve"),
            ),
            None => schema,
        }
    }

    /// A reference to a place in the description. The pointer becomes a fragment, where braces must be encoded.
    pub(crate) fn pointed(&self, pointer: &str) -> Value {
        let fragment = pointer.replace('{', "%7B").replace('}', "%7D");
        json!({ "$ref": format!("{}#{fragment}", self.address) })
    }

    /// A schema of its own whose references point into the description.
    pub(crate) fn inline(&self, schema: &Value) -> Value {
        match schema["$ref"].as_str() {
            Some(reference) => json!({ "$ref": format!("{}{reference}", self.address) }),
            None => schema.clone(),
        }
    }

    /// What is wrong with a value, in words.
    pub(crate) fn faults(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let validator = {
            let mut known = self.validators.lock().expect("no panic while validators are built");
            let entry = known.entry(schema.to_string());
            Arc::clone(entry.or_insert_with(|| {
                let built = jsonschema::options()
                    .with_draft(Draft::Draft202012)
                    .with_registry(&self.registry)
                    .should_validate_formats(self.formats == Formats::Checked)
                    .build(schema);
                Arc::new(built.unwrap_or_else(|error| panic!("schema {schema}: {error}")))
            }))
        };
        validator
            .iter_errors(value)
            .map(|error| format!("{place}{}: {error}", error.instance_path()))
            .collect()
    }
}

/// The segments of an encoded path.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let segments = path.trim_start_matches('/').split('/');
    segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, description) in methods.as_object().expect("methods") {
            let Some(id) = description["operationId"].as_str() else { continue };
            operations.push(Operation {
                id: id.to_owned(),
                method: method.to_ascii_uppercase(),
                template: path.split('/').skip(1).map(str::to_owned).collect(),
                pointer: format!("/paths/{}/{method}", path.replace('~', "~0").replace('/', "~1")),
            });
        }
    }
    operations
}

/// The description says `nullable`, which JSON Schema does not know.
fn express_nullable(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(express_nullable);
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                let mut schema = std::mem::replace(fields, Map::new());
                schema.remove("nullable");
                fields.insert("anyOf".to_owned(), json!([schema, { "type": "null" }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(express_nullable),
        _ => {}
    }
}
