//! The **contract** is GitHub's published description of its REST interface: which calls exist, and what they carry both ways.
//!
//! Request bodies are closed here, though the description leaves them open: GitHub ignores a field that it does not know, and a program that
//! sends one is mistaken about something. The parameters `path`, `ref` and `branch` may span several segments, as they do on the wire.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::description::{Description, Formats, Operation, segments};

const TEXT: &str = include_str!("../../fixtures/github/openapi.json");
const ADDRESS: &str = "https://stand-in.invalid/openapi";

static CONTRACT: LazyLock<Contract> =
    LazyLock::new(|| Contract(Description::load(TEXT, ADDRESS, Formats::Checked, close_requests)));

pub(crate) struct Contract(Description);

/// A call that was found in the description.
pub(crate) struct Match {
    pub(crate) operation: &'static Operation,
    pub(crate) parameters: BTreeMap<String, String>,
}

pub(crate) fn contract() -> &'static Contract {
    &CONTRACT
}

impl Contract {
    /// Finds the call for a method and an encoded path. Where several fit, the one with the most fixed segments is meant.
    pub(crate) fn find(&'static self, method: &str, path: &str) -> Option<Match> {
        let segments = segments(path);
        self.0
            .operations
            .iter()
            .filter(|operation| operation.method == method)
            .filter_map(|operation| {
                let mut parameters = BTreeMap::new();
                fits(&operation.template, &segments, &mut parameters)
                    .then_some(Match { operation, parameters })
            })
            .max_by_key(|found| found.operation.template.iter().filter(|part| !part.contains('{')).count())
    }

    /// What is wrong with a request, in words.
    pub(crate) fn check_request(
        &self,
        operation: &Operation,
        query: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let description = self.0.document.pointer(&operation.pointer).expect("the operation is described");
        let parameters: Vec<&Value> = description["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| self.0.resolve(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .collect();
        for (name, value) in query {
            let Some(parameter) = parameters.iter().find(|parameter| parameter["name"] == name.as_str())
            else {
                wrong.push(format!("the query parameter {name} does not exist"));
                continue;
            };
            let typed = match parameter["schema"]["type"].as_str() {
                Some("integer") => value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number)),
                Some("boolean") => value.parse::<bool>().map_or_else(|_| json!(value), |flag| json!(flag)),
                _ => json!(value),
            };
            wrong.extend(self.0.faults(
                &self.0.inline(&parameter["schema"]),
                &typed,
                &format!("query parameter {name}"),
            ));
        }
        let schema = format!("{}/requestBody/content/application~1json/schema", operation.pointer);
        match (self.0.document.pointer(&schema), body.is_empty()) {
            (Some(_), true) if description["requestBody"]["required"] == true => {
                wrong.push("the body is missing".to_owned());
            }
            (Some(_), false) => match serde_json::from_slice::<Value>(body) {
                Ok(value) => wrong.extend(self.0.faults(&self.0.pointed(&schema), &value, "body")),
                Err(error) => wrong.push(format!("the body is not JSON: {error}")),
            },
            (None, false) => wrong.push("this call takes no body".to_owned()),
            (_, true) => {}
        }
        wrong
    }

    /// What is wrong with an answer. Refusals need not be in the description of every call, but their form must be GitHub's.
    pub(crate) fn check_response(
        &self,
        operation: &Operation,
        status: u16,
        body: Option<&Value>,
    ) -> Vec<String> {
        let pointer = format!("{}/responses/{status}", operation.pointer);
        let Some(response) = self.0.document.pointer(&pointer) else {
            if status < 300 {
                return vec![format!("the description knows no answer {status}")];
            }
            let form = self.0.pointed("/components/schemas/basic-error");
            return body.map_or_else(Vec::new, |body| self.0.faults(&form, body, "error"));
        };
        let (pointer, response) = match response["$ref"].as_str() {
            Some(reference) => (reference[1..].to_owned(), self.0.resolve(response)),
            None => (pointer, response),
        };
        match (response.pointer("/content/application~1json/schema"), body) {
            (Some(_), Some(body)) => self.0.faults(
                &self.0.pointed(&format!("{pointer}/content/application~1json/schema")),
                body,
                "answer",
            ),
            (Some(_), None) => vec!["the answer has no body".to_owned()],
            (None, Some(_)) if status < 300 => vec!["the answer should have no body".to_owned()],
            (None, _) => Vec::new(),
        }
    }

    /// Adds what the description requires of an answer and the stand-in does not model: addresses, counters, flags at rest.
    pub(crate) fn fill_response(&self, operation: &Operation, status: u16, body: &mut Value) {
        let pointer = format!("{}/responses/{status}", operation.pointer);
        let Some(response) = self.0.document.pointer(&pointer) else { return };
        if let Some(schema) = self.0.resolve(response).pointer("/content/application~1json/schema") {
            self.fill(schema, body);
        }
    }

    /// The same for a value of a named schema.
    pub(crate) fn fill_named(&self, schema: &str, value: &mut Value) {
        self.fill(&self.0.document["components"]["schemas"][schema], value);
    }

    fn fill(&self, schema: &Value, value: &mut Value) {
        let schema = self.0.resolve(schema);
        if let Some(branch) =
            schema["anyOf"].as_array().or(schema["oneOf"].as_array()).and_then(|all| all.first())
            && !value.is_null()
        {
            self.fill(branch, value);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.fill(part, value);
        }
        match value {
            Value::Object(fields) => {
                for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if !fields.contains_key(name) {
                        fields.insert(name.to_owned(), self.at_rest(name, &schema["properties"][name]));
                    }
                }
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    if let Some(field) = fields.get_mut(name) {
                        self.fill(property, field);
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.fill(&schema["items"], item);
                }
            }
            _ => {}
        }
    }

    /// The plainest value of a field. `href` and fields that end in `url` hold addresses, though the description does not say so of each.
    fn at_rest(&self, name: &str, schema: &Value) -> Value {
        let schema = self.0.resolve(schema);
        if let Some(branches) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            let null = branches.iter().any(|branch| branch["type"] == "null");
            return if null { Value::Null } else { self.at_rest(name, &branches[0]) };
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        let mut value = match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some("uri")) => json!("https://api.github.com/"),
            (Some("string"), None) if name.ends_with("url") || name == "href" => {
                json!("https://api.github.com/")
            }
            (Some("string"), Some("date-time")) => json!("2026-11-21T09:00:00Z"),
            (Some("string"), _) => json!(""),
            (Some("integer" | "number"), _) => json!(0),
            (Some("boolean"), _) => json!(false),
            (Some("array"), _) => json!([]),
            _ if schema["properties"].is_object() || schema["allOf"].is_array() => json!({}),
            (Some("object"), _) => json!({}),
            _ => Value::Null,
        };
        self.fill(schema, &mut value);
        value
    }
}

/// Closes the bodies of all requests.
fn close_requests(document: &mut Value) {
    for methods in document["paths"].as_object_mut().expect("paths").values_mut() {
        for description in methods.as_object_mut().expect("methods").values_mut() {
            if let Some(schema) = description.pointer_mut("/requestBody/content/application~1json/schema") {
                close(schema);
            }
        }
    }
}

const COMBINATORS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Forbids fields that the schema of a request body does not name.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let names_fields = |branch: &Value| branch["properties"].is_object();
    let combined = COMBINATORS.iter().any(|key| {
        fields.get(*key).and_then(Value::as_array).is_some_and(|all| all.iter().any(names_fields))
    });
    let open = !fields.contains_key("additionalProperties");
    if fields.contains_key("properties") && open {
        let keyword = if combined { "unevaluatedProperties" } else { "additionalProperties" };
        fields.insert(keyword.to_owned(), Value::Bool(false));
    } else {
        for key in COMBINATORS {
            for branch in fields.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                close(branch);
            }
        }
    }
    if let Some(items) = fields.get_mut("items") {
        close(items);
    }
    for property in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        close(property.1);
    }
}

/// Whether path segments fit a template, and what its parameters are.
fn fits(template: &[String], segments: &[String], parameters: &mut BTreeMap<String, String>) -> bool {
    let (Some(part), Some(segment)) = (template.first(), segments.first()) else {
        return template.is_empty() && segments.is_empty();
    };
    if part == "{base}...{head}" {
        let range = segments.join("/");
        let Some((base, head)) = range.split_once("...") else { return false };
        parameters.insert("base".to_owned(), base.to_owned());
        parameters.insert("head".to_owned(), head.to_owned());
        return true;
    }
    let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
        return part == segment && fits(&template[1..], &segments[1..], parameters);
    };
    let longest = if matches!(name, "path" | "ref" | "branch") { segments.len() } else { 1 };
    for taken in 1..=longest {
        let value = segments[..taken].join("/");
        if !value.is_empty() && fits(&template[1..], &segments[taken..], parameters) {
            parameters.insert(name.to_owned(), value);
            return true;
        }
    }
    false
}
