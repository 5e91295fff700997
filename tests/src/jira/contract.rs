//! The **contract** is Atlassian's published description of the interface: which calls exist, and what they carry both ways.
//!
//! Bodies of requests are closed here also where the description leaves them open: Jira ignores a field that it does not
//! know, and a program that sends one is mistaken about something. Formats are not looked at: the description says
//! `date-time`, and Jira writes `+0000`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::description::{Description, Formats, Operation, segments};

const TEXT: &str = include_str!("../../fixtures/jira/openapi.json");
const ADDRESS: &str = "https://stand-in.invalid/jira";

static CONTRACT: LazyLock<Contract> =
    LazyLock::new(|| Contract(Description::load(TEXT, ADDRESS, Formats::Ignored, |_| {})));

pub(super) struct Contract(Description);

/// A call that was found in the description.
pub(super) struct Match {
    pub(super) operation: &'static Operation,
    pub(super) parameters: BTreeMap<String, String>,
}

pub(super) fn contract() -> &'static Contract {
    &CONTRACT
}

impl Contract {
    pub(super) fn find(&'static self, method: &str, path: &str) -> Option<Match> {
        let segments = segments(path);
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
        let operation = self.0.operations.iter().filter(fits).max_by_key(fixed)?;
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
        let description = self.0.document.pointer(&operation.pointer).expect("the operation is described");
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
            wrong.extend(self.0.faults(&parameter["schema"], &typed, &format!("query parameter {name}")));
        }
        let pointer = format!("{}/requestBody/content/application~1json/schema", operation.pointer);
        match (self.0.document.pointer(&pointer), body.is_empty()) {
            (Some(_), true) if description["requestBody"]["required"] == true => {
                wrong.push("the body is missing".to_owned());
            }
            (Some(schema), false) => match serde_json::from_slice::<Value>(body) {
                Ok(value) => {
                    wrong.extend(self.0.faults(&self.0.pointed(&pointer), &value, "body"));
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
        let schema = self.0.resolve(schema);
        let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object()) else {
            return Vec::new();
        };
        let unknown = fields.keys().filter(|name| !known.contains_key(*name));
        unknown.map(|name| format!("the body has a field {name} that is not described")).collect()
    }

    /// What is wrong with an answer.
    pub(super) fn check_response(
        &self,
        operation: &Operation,
        status: u16,
        body: Option<&Value>,
    ) -> Vec<String> {
        let pointer = format!("{}/responses/{status}", operation.pointer);
        let Some(response) = self.0.document.pointer(&pointer) else {
            // Any call can be refused for its rate, or by a site that is away.
            let is_known = matches!(status, 401 | 403 | 429 | 500..=599);
            return if is_known {
                Vec::new()
            } else {
                vec![format!("the description knows no answer {status}")]
            };
        };
        match (response.pointer("/content/application~1json/schema"), body) {
            (Some(_), Some(body)) => self.0.faults(
                &self.0.pointed(&format!("{pointer}/content/application~1json/schema")),
                body,
                "answer",
            ),
            _ => Vec::new(),
        }
    }
}
