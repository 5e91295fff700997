//! A **reply** is what goes back to a client; a **refusal** is a reply that says no in GitHub's words.

use serde_json::{Value, json};

/// Status, headers and body of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Html(String),
    Raw(Vec<u8>),
    /// JSON that ends in the middle.
    Cut(Vec<u8>),
}

/// An answer that says no. Boxed, since it is the rare case of every handler.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Box<Reply>);

/// What a handler answers.
pub(crate) type Answer = Result<Reply, Refusal>;

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Empty => Vec::new(),
            Body::Json(value) => value.to_string().into_bytes(),
            Body::Html(text) => text.clone().into_bytes(),
            Body::Raw(bytes) | Body::Cut(bytes) => bytes.clone(),
        }
    }

    pub(crate) fn content_type(&self) -> Option<&'static str> {
        match self.body {
            Body::Empty => None,
            Body::Json(_) | Body::Cut(_) => Some("application/json; charset=utf-8"),
            Body::Html(_) => Some("text/html; charset=utf-8"),
            Body::Raw(_) => Some("application/vnd.github.raw; charset=utf-8"),
        }
    }
}

impl Refusal {
    pub(crate) fn with(self, name: &str, value: impl Into<String>) -> Self {
        Self(Box::new(self.0.with(name, value)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a handler, and those may refuse")]
pub(crate) fn ok(body: Value) -> Answer {
    Ok(Reply::json(200, body))
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a handler, and those may refuse")]
pub(crate) fn created(body: Value) -> Answer {
    Ok(Reply::json(201, body))
}

/// The form of nearly all of GitHub's errors.
pub(crate) fn error(status: u16, message: &str) -> Refusal {
    Refusal(Box::new(Reply::json(
        status,
        json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        }),
    )))
}

pub(crate) fn not_found() -> Refusal {
    error(404, "Not Found")
}

/// A validation error that names the field, with GitHub's code for it (`invalid`, `missing_field`, `already_exists`, `custom`).
pub(crate) fn invalid(resource: &str, field: &str, code: &str) -> Refusal {
    validation(&json!({ "resource": resource, "field": field, "code": code }))
}

/// A validation error with a sentence of its own.
pub(crate) fn custom(resource: &str, message: &str) -> Refusal {
    validation(&json!({ "resource": resource, "code": "custom", "message": message }))
}

fn validation(error: &Value) -> Refusal {
    Refusal(Box::new(Reply::json(
        422,
        json!({
            "message": "Validation Failed",
            "errors": [error],
            "documentation_url": "https://docs.github.com/rest",
            "status": "422",
        }),
    )))
}

/// Bodies of issues, comments and pull requests may have 65,536 characters.
pub(crate) fn check_body(resource: &str, text: &str) -> Result<(), Refusal> {
    if text.chars().count() > 65_536 {
        return Err(custom(resource, "body is too long (maximum is 65536 characters)"));
    }
    Ok(())
}
