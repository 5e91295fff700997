//! The *report* of a solved issue, for a person at a terminal or as JSON for a program.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use shared::issue::IssueId;

use crate::bill::Bill;
use crate::git::workspace::Workspace;
use crate::issue::Issue;
use crate::llm::Usd;
use crate::path::RepoPath;
use crate::plan::PlannedFile;
use crate::pull_request::{self, ChangeFact, Facts};
use crate::terminal::{Colour, visible};

/// Everything that a run on one machine found and did. The JSON is this, with `"outcome": "done"`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub outcome: &'static str,
    pub issue: IssueFacts,
    pub base: BaseFacts,
    #[serde(flatten)]
    pub result: Outcome,
    #[serde(flatten)]
    pub facts: Facts,
    pub times: Times,
}

#[derive(Clone, Debug, Serialize)]
pub struct IssueFacts {
    pub number: Option<IssueId>,
    pub title: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct BaseFacts {
    pub commit: String,
    pub branch: Option<String>,
}

impl IssueFacts {
    pub fn of(issue: &Issue) -> Self {
        Self { number: issue.id.clone(), title: issue.title.as_str().to_owned() }
    }
}

impl BaseFacts {
    pub fn of(workspace: &Workspace) -> Self {
        let base = workspace.base();
        Self { commit: base.commit.to_string(), branch: base.branch.clone() }
    }
}

impl Known {
    /// Takes over what was spent.
    pub fn spent(&mut self, bill: &Bill) {
        let Bill { model, calls, input_tokens, output_tokens, cost: _, cost_usd } = bill.clone();
        *self = Self {
            model: Some(model),
            calls,
            input_tokens,
            output_tokens,
            cost_usd,
            issue: self.issue.take(),
            base: self.base.take(),
            total_ms: self.total_ms,
        };
    }
}

/// What was known when a run failed; the JSON of a failure is this and the failure.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Known {
    pub issue: Option<IssueFacts>,
    pub base: Option<BaseFacts>,
    /// `provider:model`, or `builtin`.
    pub model: Option<String>,
    pub calls: u32,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// `None` where the price of the model is unknown.
    pub cost_usd: Option<Usd>,
    pub total_ms: u64,
}

/// How much a person is told about the files that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// How many there are.
    Count,
    /// Each of them, and why it was read.
    Files,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Outcome {
    Change(Change),
    Plan(PlanResult),
    Already(AlreadyResult),
}

/// That nothing has to be changed; why is the summary.
#[derive(Clone, Debug, Serialize)]
pub struct AlreadyResult {
    pub quotes: Vec<QuoteFact>,
}

/// Lines of a file that show it.
#[derive(Clone, Debug, Serialize)]
pub struct QuoteFact {
    pub path: RepoPath,
    /// The first of them, from 1.
    pub line: usize,
    pub text: String,
}

/// A change, and where it was put.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    pub branch: String,
    /// `None` for a dry run.
    pub commit: Option<String>,
    /// The commit of an earlier attempt that the branch pointed to.
    pub replaced: Option<String>,
    pub files: Vec<ChangedFile>,
    pub pull_request_body: String,
    /// The command that shows the branch; `None` for a dry run.
    pub look_with: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChangedFile {
    #[serde(flatten)]
    pub fact: ChangeFact,
    /// Unified diff, without color.
    pub diff: String,
    #[serde(skip)]
    pub coloured: String,
}

/// A plan, and where it was put.
#[derive(Clone, Debug, Serialize)]
pub struct PlanResult {
    pub plan: String,
    pub planned_files: Vec<PlannedFile>,
    /// The plan with its marker, as `--approve` takes it.
    pub document: String,
    pub written_to: Option<String>,
    /// The command that carries the plan out; `None` where it was not written to a file.
    pub approve_with: Option<String>,
    /// The most that carrying it out can cost, in words.
    pub cost_at_most: String,
    /// The same as a number; `None` where the price of the model is unknown.
    pub cost_at_most_usd: Option<Usd>,
}

/// Milliseconds spent in each step.
#[expect(clippy::struct_field_names, reason = "the unit is part of the name in JSON")]
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    pub open_ms: u64,
    pub walk_ms: u64,
    pub index_ms: u64,
    pub pack_ms: u64,
    pub model_ms: u64,
    pub check_ms: u64,
    pub total_ms: u64,
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Report {
    /// The report for a person: first what was made, then what it was made from.
    pub fn text(&self, colour: Colour, listing: Listing) -> String {
        let mut text = String::new();
        let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes any text");
        match &self.result {
            Outcome::Change(change) => self.change(change, colour, listing, &mut line),
            Outcome::Plan(plan) => self.plan(plan, colour, listing, &mut line),
            Outcome::Already(already) => self.already(already, colour, listing, &mut line),
        }
        visible_but_colour(&text)
    }

    fn change(&self, change: &Change, colour: Colour, listing: Listing, line: &mut impl FnMut(&str)) {
        for file in &change.files {
            line(file.coloured.trim_end());
        }
        line("");
        line(&colour.bold(&self.facts.title));
        let notes = self.facts.notes.iter().map(|note| format!("> {note}"));
        for paragraph in std::iter::once(self.facts.summary.clone()).chain(notes) {
            for text in paragraph.trim().lines() {
                line(format!("  {text}").trim_end());
            }
            line("");
        }
        self.files(colour, listing, line);
        line(&format!("{}. {}.", pull_request::heading(&self.facts), self.facts.bill));
        let short = |id: &str| id[..id.len().min(10)].to_owned();
        let Some(commit) = &change.commit else {
            line("Dry run: nothing was written.");
            return;
        };
        let replaced = match &change.replaced {
            Some(replaced) => format!(", in place of an earlier attempt, {}", short(replaced)),
            None => String::new(),
        };
        line(&format!("Committed {} to {}{replaced}.", short(commit), colour.bold(&change.branch)));
        if let Some(command) = &change.look_with {
            line("Look at it:");
            line(&format!("  {command}"));
        }
    }

    fn plan(&self, plan: &PlanResult, colour: Colour, listing: Listing, line: &mut impl FnMut(&str)) {
        for text in plan.plan.lines() {
            line(text);
        }
        line("");
        self.files(colour, listing, line);
        for note in &self.facts.notes {
            line(note);
        }
        let read = pull_request::files(self.facts.read.len());
        line(&format!(
            "{read} read. {}. Carrying the plan out costs {}.",
            self.facts.bill, plan.cost_at_most
        ));
        match &plan.approve_with {
            Some(command) => {
                line("Approve it as it is, or after you have edited it:");
                line(&format!("  {command}"));
            }
            None => line("To approve it later, have it written to a file with `--out FILE`."),
        }
    }

    fn already(
        &self,
        already: &AlreadyResult,
        colour: Colour,
        listing: Listing,
        line: &mut impl FnMut(&str),
    ) {
        line(&colour.bold("Nothing to change: the repository already does what the issue asks for."));
        for text in self.facts.summary.trim().lines() {
            line(format!("  {text}").trim_end());
        }
        line("");
        for quote in &already.quotes {
            for (number, text) in (quote.line..).zip(quote.text.lines()) {
                line(&format!("  {}:{number}: {}", quote.path, text.trim_end()));
            }
        }
        line("");
        self.files(colour, listing, line);
        for note in &self.facts.notes {
            line(note);
        }
        line(&format!("{} read. {}.", pull_request::files(self.facts.read.len()), self.facts.bill));
        line("If something is still missing, say so in the issue, and run the command again.");
    }

    /// The files that were read, the changed ones marked.
    fn files(&self, colour: Colour, listing: Listing, line: &mut impl FnMut(&str)) {
        if listing == Listing::Count {
            return;
        }
        for file in &self.facts.read {
            let mark = if file.changed { "*" } else { " " };
            line(&format!("  {mark} {}  {}", file.path, colour.dim(&file.why)));
        }
    }
}

/// Takes out what could steer a terminal, but for the colors that this module puts in.
fn visible_but_colour(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut clean = visible(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        match part.find('m').filter(|end| is_colour(&part[..*end])) {
            Some(end) => {
                clean.push('\u{1b}');
                clean.push_str(&part[..=end]);
                clean.push_str(&visible(&part[end + 1..]));
            }
            None => clean.push_str(&visible(part)),
        }
    }
    clean
}

/// `[` and digits: a color or weight.
fn is_colour(sequence: &str) -> bool {
    sequence.strip_prefix('[').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_colours_and_drops_every_other_escape() {
        let text = "\u{1b}[1mbold\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}[2J \u{1b}[31mred\u{9b}";
        assert_eq!(visible_but_colour(text), "\u{1b}[1mbold\u{1b}[0m ]0;title [2J \u{1b}[31mred");
    }
}
