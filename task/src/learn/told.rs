//! What was *learned*, told in words and as JSON; docs/learn.schema.json describes it.

use std::fmt::Write as _;

use serde::Serialize;

use super::ask::Refused;
use super::rules::Lesson;
use crate::bill::Bill;
use crate::outcome::Failure;
use crate::terminal::{Colour, visible};

/// Everything that came of a command. The JSON is this.
#[derive(Debug, Serialize)]
pub struct Learned {
    pub outcome: &'static str,
    pub repositories: Vec<Of>,
}

/// What came of one repository.
#[derive(Debug, Serialize)]
pub struct Of {
    pub name: String,
    pub result: Outcome,
    /// Why nothing was proposed, or what it is about.
    pub why: Option<String>,
    /// Closed pull requests of the agent that were looked at.
    pub pull_requests: usize,
    /// Texts that the model was shown, or would have been.
    pub texts: usize,
    pub(super) rules: Vec<Lesson>,
    pub(super) refused: Vec<Refused>,
    /// The page of the pull request with the rules.
    pub pull_request: Option<String>,
    pub bill: Option<Bill>,
    #[serde(skip)]
    pub failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A pull request was opened.
    Proposed,
    /// The pull request of before has new rules.
    Updated,
    /// An earlier run was completed.
    Completed,
    /// Nothing was said or done since the last proposal.
    Unchanged,
    /// There is nothing that makes a rule.
    Nothing,
    /// A person works on the proposal of before.
    LeftAlone,
    /// A dry run: rules were found, and nothing was written.
    Found,
    Failed,
}

impl Of {
    pub(super) fn new(name: String, result: Outcome) -> Self {
        Self {
            name,
            result,
            why: None,
            pull_requests: 0,
            texts: 0,
            rules: Vec::new(),
            refused: Vec::new(),
            pull_request: None,
            bill: None,
            failure: None,
        }
    }
}

impl Learned {
    /// The first failure.
    pub fn failure(&self) -> Option<&Failure> {
        self.repositories.iter().find_map(|of| of.failure.as_ref())
    }

    /// For a person.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = String::new();
        let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes any text");
        for of in &self.repositories {
            let page = of.pull_request.as_deref().unwrap_or_default();
            let why = of.why.as_deref().unwrap_or_default();
            let what = match of.result {
                Outcome::Proposed => format!("proposed in {page}"),
                Outcome::Updated => format!("proposed in {page}, in place of what was there"),
                Outcome::Completed => format!("an earlier run was completed: {page}"),
                Outcome::Unchanged => format!("nothing new: {why}"),
                Outcome::Nothing => format!("nothing to learn from yet: {why}"),
                Outcome::LeftAlone => format!("left alone: {why}"),
                Outcome::Found => "found; a dry run writes nothing".to_owned(),
                Outcome::Failed => format!("failed: {why}"),
            };
            line(&format!("{}: {}", colour.bold(&visible(&of.name)), visible(&what)));
            for Lesson { rule, citations, places } in &of.rules {
                line(&format!("  - {}", visible(rule)));
                let names: Vec<&str> = citations.iter().map(|citation| citation.of.as_str()).collect();
                let places: Vec<String> = places.iter().map(ToString::to_string).collect();
                let from = format!("from {}; holds for {}", names.join(", "), places.join(", "));
                line(&format!("    {}", colour.dim(&visible(&from))));
            }
            for Refused { rule, why } in &of.refused {
                line(&format!("  refused: \"{}\": {}", visible(rule), visible(why)));
            }
            if of.pull_requests > 0 {
                line(&format!("  {} closed pull requests, {} texts", of.pull_requests, of.texts));
            }
            if let Some(bill) = &of.bill {
                line(&format!("  {bill}"));
            }
        }
        text
    }
}
