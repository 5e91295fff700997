//! The **contract** is Atlassian's published description of the interface: which calls exist, and what they carry both ways.
//!
//! Bodies of requests are closed here also where the description leaves them open: Jira ignores a field that it does not
//! know, and a program that sends one is mistaken about something. Formats are not looked at: the description says
//! `date-time`, and Jira writes `+0000`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Registry, Validator};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

const DESCRIPTION: &str = include_str!("../../fixtures/jira/openapi.json");
const ADDRESS: &str = "https://stand-in.invalid/jira";

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);
static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    Registry::new()
        .draft(Draft::Draft202012)
        .add(ADDRESS, CONTRACT.document.clone())
        .expect("the description is a JSON document")
        .prepare()
        .expect("the references of the description resolve")
});
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

pub(super) struct Contract {
    document: Value,
    operations: Vec<Operation>,
}

/// One call that the description knows.
pub(super) struct Operation {
    pub(super) id: String,
    method: String,
    template: Vec<String>,
    pointer: String,
}

/// A call that was found in the description.
pub(super) struct Match {
    pub(super) operation: &'static Operation,
    pub(super) parameters: BTreeMap<String, String>,
}

pub(super) fn contract() -> &'static Contract {
    &CONTRACT
}

impl Contract {
    fn load() -> Self {
        let mut document: Value = serde_json::from_str(DESCRIPTION).expect("the description is JSON");
        express_nullable(&mut document);
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
        Self { document, operations }
    }

    pub(super) fn find(&'static self, method: &str, path: &str) -> Option<Match> {
        let segments: Vec<String> = path
            .trim_start_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let fits =
            |operation: &&'static Operation| {
                operation.method == method
                    && operation.template.len() == segments.len()
                    && operation.template.iter().zip(&segments).all(|(part, segment)| {
                        part == segment || part.starts_with('{') && !segment.is_empty()
                    })
            };
        let fixed = |operation: &&'static Operation| {
            operation.template.iter().filter(|part| !part.starts_with('{')).count()
        };
        let operation = self.operations.iter().filter(fits).max_by_key(fixed)?;
        let names = operation.template.iter().zip(segments).filter_map(|(part, segment)| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some((name.to_owned(), segment))
        });
        Some(Match { operation, parameters: names.collect() })
    }

    /// What is wrong with a request, in words.
    pub(super) fn check_request(
        &self,
        operation: &Operation,
        query: &[(String, String)],
        body: &[u8],
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let description = self.document.pointer(&operation.pointer).expect("the operation is described");
        let parameters: Vec<&Value> = description["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["in"] == "query")
            .collect();
        for (name, value) in query {
            let Some(parameter) = parameters.iter().find(|one| one["name"] == name.as_str()) else {
                wrong.push(format!("the query parameter {name} does not exist"));
                continue;
            };
            let typed = match parameter["schema"]["type"].as_str() {
                Some("integer") => value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number)),
                Some("boolean") => value.parse::<bool>().map_or_else(|_| json!(value), |flag| json!(flag)),
                Some("array") => json!(value.split(',').collect::<Vec<_>>()),
                _ => json!(value),
            };
            wrong.extend(faults(&parameter["schema"], &typed, &format!("query parameter {name}")));
        }
        let pointer = format!("{}/requestBody/content/application~1json/schema", operation.pointer);
        match (self.document.pointer(&pointer), body.is_empty()) {
            (Some(_), true) if description["requestBody"]["required"] == true => {
                wrong.push("the body is missing".to_owned());
            }
            (Some(schema), false) => match serde_json::from_slice::<Value>(body) {
                Ok(value) => {
                    wrong.extend(faults(&pointed(&pointer), &value, "body"));
                    wrong.extend(self.unknown(schema, &value));
                }
                Err(error) => wrong.push(format!("the body is not JSON: {error}")),
            },
            (None, false) => wrong.push("this call takes no body".to_owned()),
            (_, true) => {}
        }
        wrong
    }

    /// Fields that the schema of a body does not name.
    fn unknown(&self, schema: &Value, value: &Value) -> Vec<String> {
        let schema = self.resolve(schema);
        let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object()) else {
            return Vec::new();
        };
        let unknown = fields.keys().filter(|name| !known.contains_key(*name));
        unknown.map(|name| format!("the body has a field {name} that is not described")).collect()
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.resolve(
                self.document.pointer(&reference[1..]).expect("references of the description resolve"),
            ),
            None => schema,
        }
    }

    /// What is wrong with an answer.
    pub(super) fn check_response(
        &self,
        operation: &Operation,
        status: u16,
        body: Option<&Value>,
    ) -> Vec<String> {
        let pointer = format!("{}/responses/{status}", operation.pointer);
        let Some(response) = self.document.pointer(&pointer) else {
            // Any call can be refused for its rate, or by a site that is away.
            let is_known = matches!(status, 401 | 403 | 429 | 500..=599);
            return if is_known {
                Vec::new()
            } else {
                vec![format!("the description knows no answer {status}")]
            };
        };
        match (response.pointer("/content/application~1json/schema"), body) {
            (Some(_), Some(body)) => {
                faults(&pointed(&format!("{pointer}/content/application~1json/schema")), body, "answer")
            }
            _ => Vec::new(),
        }
    }
}

/// A reference to a place in the description. The pointer becomes a fragment, where braces must be encoded.
fn pointed(pointer: &str) -> Value {
    let fragment = pointer.replace('{', "%7B").replace('}', "%7D");
    json!({ "$ref": format!("{ADDRESS}#{fragment}") })
}

fn faults(schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let validator = {
        let mut known = VALIDATORS.lock().expect("no panic while validators are built");
        let entry = known.entry(schema.to_string());
        Arc::clone(entry.or_insert_with(|| {
            let built = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .with_registry(&REGISTRY)
                .should_validate_formats(false)
                .build(schema);
            Arc::new(built.unwrap_or_else(|error| panic!("schema {schema}: {error}")))
        }))
    };
    validator.iter_errors(value).map(|error| format!("{place}{}: {error}", error.instance_path())).collect()
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
