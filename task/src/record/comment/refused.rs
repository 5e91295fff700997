//! Answers to who asked for what is *not done*: because they may not ask, or because nothing says where it would be done.

use shared::issue::IssueKey;
use shared::queue::{REFUSED_AGAIN_FOR, REFUSED_FOR};

use super::{next_of, paragraphs, sentence};
use crate::outcome::{Failure, capitalized};

/// An answer on a pull request whose issue cannot be worked on; the same once for all that happens there unasked.
pub fn without_issue(failure: &Failure, is_asked_for: bool) -> String {
    let what = sentence(&capitalized(&failure.what));
    let what = if is_asked_for {
        format!("**Could not be done.** {what}")
    } else {
        format!("**The checks of this pull request are left to you.** {what}")
    };
    paragraphs([what, next_of(failure)])
}

/// An answer to someone who may not ask. Where the broker remembers that, it says for how long nothing that they ask for there
/// is heard.
pub fn not_allowed(user: &str, is_remembered: bool) -> String {
    let mut text = format!("@{user}, only people with write access to this repository can ask for this.");
    if is_remembered {
        let minutes = REFUSED_FOR.as_secs().div_ceil(60);
        let hours = REFUSED_AGAIN_FOR.as_secs().div_ceil(3_600);
        let then = format!(
            " If you are given it, ask again here after {minutes} minutes. Whoever asks again without it is not heard here for {hours} hours."
        );
        text.push_str(&then);
    }
    text
}

/// An answer on an issue of Jira that was moved, to another project or by another name of its own.
pub fn moved(before: &IssueKey, now: &IssueKey) -> String {
    format!(
        "This issue was {before} when the agent was asked, and is {now} now. Comment `/retry` to ask again."
    )
}

/// An answer to a command whose comment was edited.
pub const EDITED: &str = "The comment with the command was edited. Write the command in a new comment.";

/// An answer to a command in a comment for a role or group, or in an internal note. It quotes nothing of it.
pub const RESTRICTED: &str = "A command counts only where everybody can read it who can read this issue. Write it in a new comment \
                              that is neither restricted nor internal.";

/// An answer on an issue of Jira whose project has no repository.
pub fn no_repository(project: &str) -> String {
    format!(
        "**Could not be done.** No repository is configured for the project {project}.\n\nAsk the agent's operator to add it to \
         `projects` in the Jira configuration, then comment `/retry`."
    )
}

/// The same where only some of its components have one.
pub fn no_component(project: &str) -> String {
    format!(
        "**Could not be done.** In the project {project} the repository depends on the component, and none of this issue's \
         components has one.\n\nSet a component, or ask the agent's operator to add it to `components` in the Jira \
         configuration, then comment `/retry`."
    )
}

/// The same where two of them have two.
pub fn two_repositories() -> String {
    "**Could not be done.** The components of this issue belong to two repositories.\n\nLeave one of them, then comment `/retry`."
        .to_owned()
}

/// An answer to an account of Jira of which nobody knows the login.
pub fn no_login(account: &str) -> String {
    format!(
        "**Could not be done.** The Jira account `{account}` has no GitHub login in the agent's configuration, so its permission cannot \
         be checked.\n\nAsk the agent's operator to add the account to `people` in the Jira configuration, then comment \
         `/retry`."
    )
}

/// An answer to someone who asked for a plan, or may have, and whose approval does not count.
pub fn not_by_asker(user: &str, is_known: bool) -> String {
    if is_known {
        format!(
            "@{user}, you asked for this plan, and here only others may approve it (`approve-by = \"others\"`). Ask someone \
             else with write access to comment `/approve`."
        )
    } else {
        format!(
            "@{user}, here whoever asked for a plan may not approve it (`approve-by = \"others\"`), and this plan does not \
             say who asked. Comment `/revise` and what should be different for a plan that does."
        )
    }
}
