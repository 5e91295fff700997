//! A cycle that *repairs* a change: what its checks say joins what is read, and the files that they name.

use std::time::Instant;

use super::acceptance::{Measure, Rule};
use super::{Cycle, End, Solution, Times};
use crate::bounds::Bounds;
use crate::context::pack::{Budget, Chosen};
use crate::engine::Engine;
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::protocol::ask::{Broken, Goal};
use crate::repair::traces;

impl Cycle<'_> {
    /// Edits by which the checks of a change pass that fail now. `changed` are the files of the change.
    pub async fn repair(
        mut self,
        broken: Broken<'_>,
        changed: &[RepoPath],
    ) -> Result<End<Solution>, Failure> {
        let goal = Goal::Repair(broken);
        let Engine::Model(llm) = self.engine else {
            let what = "The rule-based engine (builtin) repairs nothing.";
            return Err(Failure::new(Reason::Declined, what, "Have a model repair it."));
        };
        let mut times = Times::default();
        let mut context = self.read(goal, &mut times)?;
        let started = Instant::now();
        let entries = context.walk.entries().iter();
        let mut wanted = traces::named(broken.evidence, entries.map(|entry| &entry.path));
        wanted.extend(changed.iter().filter(|path| !wanted.contains(path)).cloned().collect::<Vec<_>>());
        wanted.retain(|path| context.is_readable(path));
        if !wanted.is_empty() {
            let budget = Budget::of(self.room());
            let chosen = Chosen { paths: &wanted, why: "changed, or named by a check" };
            context.choose(&self.workspace.repo(), chosen, budget);
        }
        times.pack += started.elapsed();
        let mut talk = self.begin(llm, &context, goal);
        let bounds = broken.plan.map(Bounds::of_text);
        let measure = |turn| Measure { bounds: bounds.as_ref(), rule: Rule::KeepsTests, turn };
        let accepted = self.converse(&mut talk, &mut context, measure, &mut times).await?;
        Ok(self.solved(accepted, context, times))
    }
}
