//! The *goal* of a question: what a run wants of the model or of the rules.

use crate::repair::Broken;

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
    /// Edits by which the checks of a change pass that fail now.
    Repair(Broken<'a>),
    /// Edits and words that answer what reviewers say of a pull request.
    Follow(Follow<'a>),
}

/// A pull request, and what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow<'a> {
    /// What it changes, as a diff.
    pub change: &'a str,
    /// The files of that, one a line.
    pub paths: &'a str,
    /// The comments, each with its number.
    pub said: &'a str,
    /// How many there are.
    pub count: usize,
}
