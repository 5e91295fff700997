//! The GraphQL interface: each document is validated against GitHub's published schema, its variables too, and then executed, so that an answer
//! cannot but have the form that the schema gives it.

mod mutations;
mod objects;

use std::cell::RefCell;
use std::sync::LazyLock;

use apollo_compiler::executable::{OperationType, Selection, SelectionSet};
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Value, json};

use self::objects::{Node, Stage};
use super::auth::{self, Actor};
use super::journal::Effect;
use super::reply::{Answer, Body, Refusal, Reply, error};
use super::state::State;

const SCHEMA: &str = include_str!("../../fixtures/github/schema.graphql");

static PARSED: LazyLock<Valid<Schema>> = LazyLock::new(|| {
    Schema::parse_and_validate(SCHEMA, "schema.graphql").unwrap_or_else(|error| panic!("the schema: {error}"))
});

/// Separates the type of an error from its message: field errors carry one text only.
const SEPARATOR: char = '\u{1f}';

/// What a GraphQL call says it will do, as far as it can be told before it runs.
pub(crate) struct Meaning {
    pub(crate) operation: String,
    pub(crate) effect: Effect,
}

/// Tells mutations from queries, for the journal. What does not parse counts as a query; running it says what is wrong.
pub(crate) fn meaning(body: &[u8]) -> Meaning {
    let unknown = Meaning { operation: "graphql:invalid".to_owned(), effect: Effect::Read };
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return unknown };
    let document = body["query"].as_str().unwrap_or_default();
    let Ok(document) = ExecutableDocument::parse_and_validate(&PARSED, document, "request.graphql") else {
        return unknown;
    };
    let Ok(operation) = document.operations.get(body["operationName"].as_str()) else { return unknown };
    let fields = operation.selection_set.selections.iter().filter_map(|selection| match selection {
        Selection::Field(field) => Some(field.name.as_str()),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    });
    Meaning {
        operation: format!("graphql:{}", fields.collect::<Vec<_>>().join("+")),
        effect: match operation.operation_type {
            OperationType::Mutation => Effect::Mutation,
            OperationType::Query | OperationType::Subscription => Effect::Read,
        },
    }
}

/// Answers a GraphQL call, and says what was wrong with it.
pub(crate) fn execute(state: &mut State, authorization: Option<&str>, body: &[u8]) -> (Reply, Vec<String>) {
    let mut violations = Vec::new();
    let answer = run(state, authorization, body, &mut violations);
    let reply = answer.unwrap_or_else(|Refusal(reply)| *reply);
    (reply, violations)
}

fn run(state: &mut State, authorization: Option<&str>, body: &[u8], violations: &mut Vec<String>) -> Answer {
    let actor = auth::actor(state, authorization)?;
    if matches!(actor, Actor::Anonymous | Actor::App) {
        return Err(error(401, "This endpoint requires you to be authenticated."));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| {
        violations.push(format!("the body is not JSON: {error}"));
        super::reply::error(400, "Problems parsing JSON")
    })?;
    for name in body.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if !["query", "variables", "operationName"].contains(&name.as_str()) {
            violations.push(format!("the field {name} of a GraphQL call does not exist"));
        }
    }
    let mut invalid = |message: String| {
        violations.push(message.clone());
        Ok(Reply::json(200, json!({ "errors": [{ "message": message }] })))
    };
    let source = body["query"].as_str().unwrap_or_default();
    let document = match ExecutableDocument::parse_and_validate(&PARSED, source, "request.graphql") {
        Ok(document) => document,
        Err(error) => return invalid(error.errors.to_string()),
    };
    let Ok(operation) = document.operations.get(body["operationName"].as_str()) else {
        return invalid("An operation name is required".to_owned());
    };
    let given = if body["variables"].is_null() { json!({}) } else { body["variables"].clone() };
    for name in given.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if !operation.variables.iter().any(|variable| variable.name.as_str() == name) {
            return invalid(format!("the variable ${name} is not declared"));
        }
    }
    let Ok(given) = serde_json::from_value::<JsonMap>(given) else {
        return invalid("the variables are not an object".to_owned());
    };
    let variables = match coerce_variable_values(&PARSED, operation, &given) {
        Ok(variables) => variables,
        Err(error) => return invalid(format!("variables: {}", error.message())),
    };
    let scene = RefCell::new(Stage { state, actor, unmodelled: Vec::new() });
    let root = match operation.operation_type {
        OperationType::Mutation => Node::mutation(&scene),
        OperationType::Query | OperationType::Subscription => Node::query(&scene),
    };
    let executed = Execution::new(&PARSED, &document)
        .operation(operation)
        .coerced_variable_values(&variables)
        .enable_schema_introspection(true)
        .execute_sync(&root);
    let response = match executed {
        Ok(response) => serde_json::to_value(response).expect("a response is JSON"),
        Err(error) => return invalid(error.message().to_string()),
    };
    violations.append(&mut scene.into_inner().unmodelled);
    Ok(Reply::json(200, typed_errors(response)))
}

/// Makes the n-th value of an answer null that the schema allows to be null, and is not. Returns where it stood.
pub(crate) fn make_null(request: &[u8], reply: &mut Reply, nth: usize) -> Option<String> {
    let request: Value = serde_json::from_slice(request).ok()?;
    let source = request["query"].as_str()?;
    let document = ExecutableDocument::parse_and_validate(&PARSED, source, "request.graphql").ok()?;
    let operation = document.operations.get(request["operationName"].as_str()).ok()?;
    let Body::Json(answer) = &mut reply.body else { return None };
    let mut found = Vec::new();
    nullable(&operation.selection_set, &answer["data"], "", &mut found);
    let pointer = found.into_iter().nth(nth)?;
    *answer.pointer_mut(&format!("/data{pointer}"))? = Value::Null;
    Some(pointer)
}

/// Where the values stand that may be null; of each list the first element only.
fn nullable(selections: &SelectionSet, value: &Value, at: &str, found: &mut Vec<String>) {
    for selection in &selections.selections {
        match selection {
            Selection::Field(field) => {
                let value = &value[field.response_key().as_str()];
                let at = format!("{at}/{}", field.response_key());
                if !value.is_null() && !field.ty().is_non_null() {
                    found.push(at.clone());
                }
                match value.as_array().map(|list| list.first()) {
                    Some(Some(first)) => {
                        let at = format!("{at}/0");
                        if !field.ty().item_type().is_non_null() && !first.is_null() {
                            found.push(at.clone());
                        }
                        nullable(&field.selection_set, first, &at, found);
                    }
                    Some(None) => {}
                    None => nullable(&field.selection_set, value, &at, found),
                }
            }
            Selection::InlineFragment(inline) => nullable(&inline.selection_set, value, at, found),
            // The programs have none.
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Gives each error the `type` that GitHub adds to it, beside message, path and locations.
fn typed_errors(mut response: Value) -> Value {
    let Some(fields) = response.as_object_mut() else { return response };
    for error in fields.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
        let text = error["message"].as_str().unwrap_or_default().to_owned();
        if let Some((kind, message)) = text.trim_start_matches("resolver error: ").split_once(SEPARATOR) {
            error["type"] = json!(kind);
            error["message"] = json!(message);
        }
    }
    response
}
