//! The *goal* of a question: what a run wants of the model or of the rules.

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

/// What a model is asked to repair. All of it is text of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken<'a> {
    /// What the checks say.
    pub evidence: &'a str,
    /// The change so far.
    pub diff: &'a str,
    /// The plan that the change carries out, if there is one.
    pub plan: Option<&'a str>,
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
