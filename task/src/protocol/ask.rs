//! An *ask* is what a run wants of the model, before it is put into words.
//!
//! `prompt` renders it for the models that read text; the built-in provider reads it as it is.

use crate::context::read_set::ReadSet;
use crate::protect::Protection;

/// What the answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal<'a> {
    /// Edits that resolve the issue.
    Edit,
    /// A plan for a person to approve; no edits.
    Plan,
    /// The earlier plan rewritten with what a person said of it; no edits.
    Revise { plan: &'a str, feedback: &'a str },
    /// Edits that carry out the approved plan.
    Execute { plan: &'a str },
}

/// One question to the model.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub goal: Goal<'a>,
    /// The title, cleaned.
    pub title: &'a str,
    /// The body, cleaned, Markdown.
    pub body: &'a str,
    pub read: &'a ReadSet,
    /// What an answer may not touch; it is looked at again when the answer is resolved.
    pub protection: &'a Protection,
}
