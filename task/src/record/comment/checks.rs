//! Comments about the *checks* of a pull request, and about repairs of what they find.

use super::{list_of, paragraphs, sentence};
use crate::forge::model::PullRequestKind;

/// Checks that fail, and why the agent does no more about them. Lists are empty where there is nothing to tell.
pub struct Red<'a> {
    /// Checks that fail because of the change, as a list.
    pub ours: &'a str,
    /// Checks that fail on the base as well, as a list.
    pub on_base: &'a str,
    /// The repairs so far, as a list.
    pub tried: &'a str,
    /// Why there is no further repair, in sentences.
    pub why: &'a str,
    pub bill: &'a str,
    pub kind: PullRequestKind,
}

/// What is red for the maintainer to look at.
pub fn checks_failed(pull_request: &str, red: &Red<'_>) -> String {
    let Red { ours, on_base, tried, why, bill, kind } = red;
    let labelled =
        |label: &str, list: &str| if list.is_empty() { String::new() } else { format!("{label}\n{list}") };
    let what = if ours.is_empty() {
        labelled(&format!("**Checks failed** on {pull_request}, and on its base as well:"), on_base)
    } else {
        format!("**Checks failed** on {pull_request}:\n{ours}")
    };
    let left_alone = if ours.is_empty() { "" } else { on_base };
    let left_alone = labelled("These fail on the base as well and were left alone:", left_alone);
    let tried = labelled("The agent has tried:", tried);
    let next = match kind {
        PullRequestKind::Draft => {
            "The pull request stays a draft. Push a commit that fixes it, or mark it as ready for review as it is."
        }
        PullRequestKind::Ready => {
            "Push a commit that fixes it, or comment `/fix` on the pull request and what should be different."
        }
    };
    paragraphs([what, left_alone, tried, (*why).to_owned(), next.to_owned(), (*bill).to_owned()])
}

/// A repair that is committed. `body` says what it is, `then` what comes next.
pub fn repaired(pull_request: &str, which: &str, title: &str, body: &str, then: &str, bill: &str) -> String {
    let what = format!("**Repair {which}** of {pull_request}: {}", sentence(title));
    paragraphs([what, body.to_owned(), then.to_owned(), bill.to_owned()])
}

/// What comes next after a repair whose checks are not held back.
pub const CHECKED_AGAIN: &str = "Its checks run now. Their result will follow here.";

/// The same for a repair of what reviewers see already, and whose checks may be through.
pub const REPAIRED_OUTSIDE_PLAN: &str =
    "It changes files that the approved plan does not name: look at these first.";

/// A repair that was given up because something else happened meanwhile.
pub fn not_needed(pull_request: &str, why: &str) -> String {
    format!("**Not repaired**: while the agent worked on {pull_request}, {why}. Nothing was committed.")
}

/// A repair that was interrupted, and that there is no more reason for.
pub fn left_off(why: &str) -> String {
    format!("**Not repaired**: {why}. Nothing was committed.")
}

/// Checks that do not end. `names` lists those that run.
pub fn stuck(pull_request: &str, names: &str) -> String {
    let what = format!("**Checks do not end** on {pull_request}:\n{names}");
    let next = "The pull request stays a draft as long as they run. See whether they wait for somebody or for a runner, run \
                them again, or mark the pull request as ready for review as it is.";
    paragraphs([what, next.to_owned()])
}

/// Checks that failed and then did not. `skipped` lists those that are required and did not run.
pub fn passed(pull_request: &str, skipped: &str) -> String {
    let what = format!("**Checks passed**: {pull_request} is ready for review.");
    let skipped = if skipped.is_empty() {
        String::new()
    } else {
        format!(
            "These checks are required and were skipped, so nobody knows whether they would pass:\n{skipped}"
        )
    };
    paragraphs([what, skipped])
}

/// The answer to `/ci`. `then` says what the pull request waits for, `missing` is what a person still has to do.
pub fn released(pull_request: &str, user: &str, then: &str, missing: Option<&str>) -> String {
    let what = format!("**Checks may start** on {pull_request}: @{user} has let them.");
    paragraphs([what, then.to_owned(), list_of(missing.map(str::to_owned).as_slice())])
}
