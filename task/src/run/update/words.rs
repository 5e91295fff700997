//! What an update says, as pure functions.

use super::settle::{Contents, Obstacle};
use crate::cycle::BY_HAND;
use crate::merge::Merged;
use crate::outbound::markup::code_span;
use crate::outcome::{Failure, Reason};
use crate::record::comment::held_on_top;
use crate::record::status::Proposal;

/// Paths that are named.
const MAX_NAMED: usize = 30;
/// Characters of a commit's id that are shown.
const SHORT: usize = 10;

/// Why there is no merge.
pub(super) fn refused(base: &str, branch: &str, refused: &[Obstacle]) -> Failure {
    let lines = refused.iter().map(|Obstacle { path, why }| match path {
        Some(path) => format!("- {}: {why}", code_span(path)),
        None => format!("- {why}"),
    });
    let what = format!("`{base}` cannot be merged into `{branch}` by the agent.\n\n{}", listed(lines));
    Failure::new(Reason::Branch, what, BY_HAND)
}

fn listed(lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(MAX_NAMED);
    let mut shown: Vec<String> = lines.into_iter().take(MAX_NAMED).collect();
    if more > 0 {
        shown.push(format!("- and {more} more"));
    }
    shown.join("\n")
}

/// What was merged.
pub(super) fn body(base: &str, commits: u64, merged: &Merged, contents: &Contents) -> String {
    let commits = if commits == 1 { "1 commit".to_owned() } else { format!("{commits} commits") };
    let mut parts = vec![format!("It merges {commits} of `{base}` into the branch.")];
    let settled: Vec<String> = merged
        .files
        .iter()
        .filter_map(|file| {
            let count = file.conflicts().count();
            let conflicts = if count == 1 { "1 conflict".to_owned() } else { format!("{count} conflicts") };
            (count > 0).then(|| format!("- {}: {conflicts}", code_span(file.path.as_str())))
        })
        .collect();
    if !settled.is_empty() {
        let list = listed(settled.into_iter());
        parts.push(format!("The model settled conflicts in these files; look at them first:\n\n{list}"));
    }
    parts.extend(contents.summary.clone());
    if !contents.notes.is_empty() {
        parts.push(listed(contents.notes.iter().map(|note| format!("- {note}"))));
    }
    parts.join("\n\n")
}

/// The comment on the pull request.
pub(super) fn done(kept: &Proposal, commit: &str) -> String {
    let what = format!("**Updated** in {}.", commit.get(..SHORT).unwrap_or(commit));
    let held = kept.held.as_deref().map(held_on_top);
    let parts = [what, kept.body.clone(), held.unwrap_or_default(), kept.bill.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The comment where there is nothing to merge.
pub(super) fn up_to_date(base: &str) -> String {
    format!("**Nothing to update**: the branch has all of `{base}`.")
}
