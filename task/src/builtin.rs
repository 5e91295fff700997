//! The *rule-based engine* (`builtin`) carries out explicit requests without a model: replace `a` by `b`, set `key` to
//! `value` in a file, bump `name` from `x` to `y`.
//!
//! It never guesses. A request is the whole issue, greetings aside, and is carried out completely, in the whole tree or in
//! the files that it names; or it is declined. A value that is as it should be is left, and said to be so.

mod bump;
mod change;
mod issue_text;
mod places;
mod request;
mod setting;
#[cfg(test)]
mod tests;

use crate::context::walk::Walk;
use crate::plan::Plan;
use crate::protect::Protection;
use crate::protocol::Answer;
use crate::protocol::ask::Goal;

pub use change::{Change, Done};

/// The name by which the engine is chosen.
pub const NAME: &str = "builtin";

/// The forms that are understood, for the author of an issue.
pub const FORMS: &str = "Write nothing but the request, in one of these forms: replace `a` by `b`; \
    replace `a` by `b` in `FILE`; set `key` to `value` in `FILE`; bump `name` from `x` to `y`. \
    For anything else, use a language model.";

/// Why nothing is changed: a clause for people, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Declined(String);

impl Declined {
    fn new<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self(why.into()))
    }
}

/// What is asked, and of which commit.
pub struct Ask<'a> {
    pub goal: Goal<'a>,
    /// The issue's title and body, cleaned.
    pub title: &'a str,
    pub body: &'a str,
    pub protection: &'a Protection,
    pub repo: &'a gix::ThreadSafeRepository,
    pub walk: &'a Walk,
}

/// The change that is asked for; to plan is to say what it would be. Feedback on a plan is the request that replaces it.
pub fn change(ask: &Ask<'_>) -> Result<Change, Declined> {
    match ask.goal {
        Goal::Edit | Goal::Plan => Change::new(ask, &request::of_issue(ask.title, ask.body)?),
        Goal::Revise { feedback, .. } => Change::new(ask, &request::of_issue("", feedback)?),
        Goal::Repair(_) => Declined::new("it repairs nothing"),
        Goal::Follow(_) => Declined::new("the rule-based engine reads no reviews"),
        Goal::Execute { plan } => {
            let answer = Answer::read_kept(plan);
            let steps = answer.document("Steps").and_then(|document| document.section("Steps"));
            let change = Change::new(ask, &request::of_issue("", steps.unwrap_or_default())?)?;
            let files = |text: &str| Plan::parse(text).map(|plan| plan.files().to_vec());
            if files(&change.plan) != files(plan) {
                return Declined::new("the plan's steps come to other changes than it lists");
            }
            Ok(change)
        }
    }
}

/// A pattern of this program, or of texts that were escaped.
fn regex(pattern: &str) -> regex::Regex {
    regex::Regex::new(pattern).expect("the patterns are part of the program")
}
