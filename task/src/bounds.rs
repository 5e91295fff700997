//! The *bounds* of a change are the files that its approved plan names.
//!
//! A plan names a file in its sections "Files" and "Tests": by its path, or by a folder that it is in. What such a file
//! brings with it is named with it: a snapshot in a folder `snapshots` or `__snapshots__` beside it whose name begins with
//! the file's, or holds it as the tools for snapshots write it.

use std::collections::BTreeSet;

use crate::patch::{ChangeKind, Patch};
use crate::path::RepoPath;
use crate::plan::Plan;

/// The folders in which tools for tests keep snapshots, beside the test.
const SNAPSHOTS: [&str; 2] = ["__snapshots__", "snapshots"];

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    named: BTreeSet<RepoPath>,
}

impl Bounds {
    /// Those of a plan; one that cannot be read names nothing.
    pub fn of_text(plan: &str) -> Self {
        let Ok(plan) = Plan::parse(plan) else { return Self::default() };
        Self { named: plan.named().into_iter().collect() }
    }

    /// Whether the plan names a file, or what brings it with it.
    pub fn has(&self, path: &RepoPath) -> bool {
        self.named.iter().any(|named| {
            let (path, named) = (path.as_str(), named.as_str());
            path == named || path.strip_prefix(named).is_some_and(|rest| rest.starts_with('/'))
        }) || self.named.iter().any(|named| is_snapshot_of(path, named))
    }

    /// The files that a patch changes and the plan does not name. A file that is moved is named by either of its paths.
    pub fn left_by(&self, patch: &Patch) -> Vec<RepoPath> {
        let is_outside = |kind: &ChangeKind, path: &RepoPath| {
            let from = match kind {
                ChangeKind::Rename { from } | ChangeKind::Copy { from } => Some(from),
                _ => None,
            };
            !self.has(path) && !from.is_some_and(|from| self.has(from))
        };
        let changes = patch.changes().iter();
        changes
            .filter(|change| is_outside(change.kind(), change.path()))
            .map(|change| change.path().clone())
            .collect()
    }
}

fn is_snapshot_of(path: &RepoPath, named: &RepoPath) -> bool {
    let Some(folder) = path.parent() else { return false };
    let beside = named.parent().map_or_else(String::new, |parent| format!("{parent}/"));
    let is_there = SNAPSHOTS.iter().any(|name| folder == format!("{beside}{name}"));
    let name = named.file_name();
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(name);
    let is_part = |part: &str| part == stem;
    is_there && (path.file_name().starts_with(name) || path.file_name().split("__").any(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_files_folders_and_the_snapshots_of_its_tests() {
        let plan = "## Summary\nx\n\n## Files\n- `src/a.rs`: x\n- `docs/`: all of them\n- `web/a.test.ts`: x\n\n## Steps\n1. Also \
                    `src/step.rs`.\n\n## Tests\n- `tests/a_test.rs`: the limit\n- a case in tests/cases.rs\n- None else.\n\n## Risks\n- \
                    `src/risk.rs` must not change.\n";
        let bounds = Bounds::of_text(plan);
        for (path, expect) in [
            ("src/a.rs", true),
            ("docs/a.md", true),
            ("docs/deep/b.md", true),
            ("docs2/a.md", false),
            ("tests/a_test.rs", true),
            ("tests/cases.rs", true),
            ("src/snapshots/demo__a__case.snap", true),
            ("src/snapshots/demo__b__case.snap", false),
            ("web/__snapshots__/a.test.ts.snap", true),
            ("web/__snapshots__/b.test.ts.snap", false),
            ("other/__snapshots__/a.test.ts.snap", false),
            ("src/step.rs", false),
            ("src/risk.rs", false),
            ("src/A.rs", false),
            ("src/a.rs2", false),
        ] {
            assert_eq!(bounds.has(&RepoPath::parse(path).unwrap()), expect, "{path}");
        }
        assert!(!Bounds::of_text("no plan").has(&RepoPath::parse("src/a.rs").unwrap()));
    }
}
