//! A cycle *by rule*: what the issue asks for is searched in the whole tree, and nobody is asked.

use std::time::Instant;

use super::base::Base;
use super::complaint::reason_of;
use super::failure::not_walked;
use super::{Account, Already, CHECK_TIME, Cycle, End, Found, Planned, Proof, Solution, Times};
use crate::builtin::{self, Ask, Change, Done};
use crate::check;
use crate::context::walk::{self, Caps, Walk};
use crate::outcome::{Failure, Reason, sentence};
use crate::parser::Parsers;
use crate::patch;
use crate::plan::Plan;
use crate::progress::Step;
use crate::protocol::ask::Goal;

impl Cycle<'_> {
    /// The change that the issue or the plan asks for, resolved and checked as a model's is.
    pub(super) fn solve_by_rule(mut self, goal: Goal<'_>) -> Result<End<Solution>, Failure> {
        let mut times = Times::default();
        let (change, walk) = self.change(goal, &mut times)?;
        if change.is_done() {
            return Ok(End::Already(self.already(change, times)));
        }
        (self.progress)(Step::Checking);
        let started = Instant::now();
        let base = Base::of(&walk);
        let patch = patch::resolve(&change.edits(), &change.read, self.protection, |path| base.at(path))
            .map_err(|error| {
                let what = format!("The requested change can't be made.\n\n{error}");
                Failure::new(reason_of(&error), what, "Make the change by hand.")
            })?;
        if !change.is(&patch) {
            return Err(declined("a file has line ends of two kinds"));
        }
        let parsers = Parsers::of_this_program();
        let patch = check::check(&parsers, patch, Instant::now() + CHECK_TIME).map_err(|errors| {
            let what = format!("The requested change breaks the syntax of a file.\n\n{errors}\n");
            Failure::new(Reason::Syntax, what, "See whether the request is what you mean.")
        })?;
        times.check = started.elapsed();
        let Change { title, summary, read, .. } = change;
        let account =
            Account { read, unparsed: Vec::new(), withheld: Vec::new(), spent: self.ledger.spent(), times };
        let (title, summary) = (Some(title), Some(summary));
        let (left_out, unplanned) = (Vec::new(), Vec::new());
        Ok(End::Made(Solution { patch, title, summary, left_out, unplanned, account }))
    }

    /// What that change would be.
    pub(super) fn plan_by_rule(mut self, goal: Goal<'_>) -> Result<End<Planned>, Failure> {
        let mut times = Times::default();
        let (change, _) = self.change(goal, &mut times)?;
        if change.is_done() {
            return Ok(End::Already(self.already(change, times)));
        }
        let plan = Plan::parse(&change.plan).map_err(|error| {
            Failure::new(Reason::NoPlan, error.to_string(), "Split the issue into smaller ones.")
        })?;
        let account = Account {
            read: change.read,
            unparsed: Vec::new(),
            withheld: Vec::new(),
            spent: self.ledger.spent(),
            times,
        };
        Ok(End::Made(Planned { plan, account }))
    }

    /// That all of what is asked for is there.
    fn already(self, change: Change, times: Times) -> Already {
        let Change { read, done, .. } = change;
        let quote = |done: &Done| {
            let content =
                read.get(&done.path).map(|file| String::from_utf8_lossy(&file.content).into_owned());
            let text = content.and_then(|text| text.lines().nth(done.line - 1).map(str::to_owned));
            Found { path: done.path.clone(), line: done.line, text: text.unwrap_or_default() }
        };
        let quotes = done.iter().map(quote).collect();
        let why: Vec<String> = done.iter().map(|done| format!("{}.", done.clause)).collect();
        let account =
            Account { read, unparsed: Vec::new(), withheld: Vec::new(), spent: self.ledger.spent(), times };
        Already { proof: Proof { why: why.join(" "), quotes }, account }
    }

    fn change(&mut self, goal: Goal<'_>, times: &mut Times) -> Result<(Change, Walk), Failure> {
        (self.progress)(Step::Reading);
        let started = Instant::now();
        let walk = walk::walk(&self.workspace.repo(), self.workspace.base().tree, &Caps::default())
            .map_err(|error| not_walked(&error))?;
        times.walk = started.elapsed();
        (self.progress)(Step::Searching { files: walk.entries().len() });
        let started = Instant::now();
        let change = builtin::change(&Ask {
            goal,
            title: self.issue.title.as_str(),
            body: self.issue.body.as_str(),
            protection: self.protection,
            repo: self.workspace.shared(),
            walk: &walk,
        })
        .map_err(|why| declined(&why.to_string()))?;
        times.index = started.elapsed();
        Ok((change, walk))
    }
}

fn declined(why: &str) -> Failure {
    let what = format!("The rule-based engine (builtin) made no change: {}", sentence(why));
    Failure::new(Reason::Declined, what, builtin::FORMS)
}
