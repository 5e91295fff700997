//! The *comments* that a run writes on an issue or pull request, as pure functions. Markers are added by who posts.

use crate::outcome::{Failure, Reason};
use crate::plan::{Moved, Plan};

/// Words for the status comment while a run goes on.
pub fn working(user: &str, doing: &str) -> String {
    format!("**Working on it**, as @{user} asked: {doing}.\n\nComment `/stop` to call it off.")
}

/// The result of a run that opened or updated a pull request.
pub fn done(pull_request: &str, bill: &str) -> String {
    format!(
        "**Done**: {pull_request} is ready for review.\n\n{bill}\n\n\
         Not what you meant? Close the pull request, say more on this issue, and comment `/retry`."
    )
}

/// The result of a run that posted a plan.
pub fn planned(pull_request: &str, bill: &str) -> String {
    format!(
        "**A plan waits for you**: {pull_request}.\n\n{bill}\n\n\
         Comment `/approve` to have it carried out, `/revise` and what should be different to have it rewritten, \
         or close the pull request."
    )
}

/// A run that gave up.
pub fn failed(failure: &Failure) -> String {
    let retry = match failure.reason {
        Reason::StalePlan | Reason::Branch | Reason::Usage | Reason::Repository => "",
        _ => "\n\nComment `/retry` to start again.",
    };
    format!("**Not done.** {}\n\n{}{retry}", sentence(&failure.what), sentence(&failure.next))
}

/// A run that will be tried again by itself.
pub fn waiting(failure: &Failure) -> String {
    format!("**Interrupted, and tried again by itself.** {}", sentence(&failure.what))
}

/// A run that was called off.
pub fn stopped(why: &str) -> String {
    format!("**Stopped**: {why}. Nothing more is written. Comment `/retry` to start again.")
}

/// An answer to someone who may not ask.
pub fn not_allowed(user: &str) -> String {
    format!("@{user}, only people with write access to this repository can ask for this.")
}

/// The comment that holds a plan. `earlier` is the text that it replaces.
pub fn plan(plan: &Plan, cost: &str, earlier: Option<&str>) -> String {
    let folded = earlier
        .map(|text| format!("\n\n<details><summary>The plan before</summary>\n\n{text}\n\n</details>"));
    format!(
        "{}\n\n---\nCarrying it out costs {cost}. Nothing is changed before someone with write access comments \
         `/approve`. `/revise` and what should be different rewrites the plan.{}",
        plan.text(),
        folded.unwrap_or_default()
    )
}

/// The answer to an approval of a plan whose inputs have moved.
pub fn stale(moved: &[Moved]) -> Failure {
    let what: Vec<String> = moved.iter().map(ToString::to_string).collect();
    Failure::new(
        Reason::StalePlan,
        format!("The plan is stale: {}.", what.join("; ")),
        "Comment `/revise` to have the plan made anew from how things are now, then approve that.",
    )
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?', '…', '`', ')']) {
        return text.to_owned();
    }
    format!("{text}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_and_what_to_do() {
        let failure =
            Failure::new(Reason::Declined, "The issue names no value", "Say which value it should be.");
        assert_eq!(
            failed(&failure),
            "**Not done.** The issue names no value.\n\nSay which value it should be.\n\nComment `/retry` to start again."
        );
        assert_eq!(
            failed(&stale(&[Moved::Issue, Moved::Plan])),
            "**Not done.** The plan is stale: the issue's title or text was changed; the text of the plan was changed.\n\n\
             Comment `/revise` to have the plan made anew from how things are now, then approve that."
        );
    }
}
