//! The *hold* before CI: what a model wrote does not run there, with the repository's secrets, before somebody with write
//! access says so, unless everything that was read came from such people and nothing that CI executes was touched.
//!
//! What is held back says so in the message of its commit, where CI systems look. `/ci` lets it go.

use super::desk::Desk;
use super::settings::Terms;
use crate::call::CallError;
use crate::check::CheckedPatch;
use crate::forge::model::Permission;
use crate::outbound::HOLD;
use crate::pull_request::top;
use crate::record::status::Proposal;
use crate::repo_config::Ci;
use crate::thread::UserKind;

/// Why CI must not start by itself on a change; `None` if it may.
pub(super) async fn hold(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    patch: &CheckedPatch,
) -> Result<Option<String>, CallError> {
    hold_of(desk, terms, patch.is_executed()).await
}

/// The same for a change of which is known whether it touches files that CI or build tools execute.
pub(super) async fn hold_of(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    is_executed: bool,
) -> Result<Option<String>, CallError> {
    let why = match terms.ci {
        Ci::Auto => return Ok(None),
        Ci::Ask => "here somebody with write access always starts them",
        Ci::Trusted if is_executed => "the change touches files that CI or build tools execute",
        Ci::Trusted if is_by_insider(desk).await? => return Ok(None),
        Ci::Trusted => "the issue was not written by somebody with write access",
    };
    Ok(Some(why.to_owned()))
}

/// Whether a person with write access wrote the issue. Of its comments the model is shown only those of such people.
async fn is_by_insider(desk: &Desk<'_>) -> Result<bool, CallError> {
    let Some(author) = desk.issue.by.as_ref().filter(|author| author.kind == UserKind::Person) else {
        return Ok(false);
    };
    // Without this permission there is no run.
    if desk.task.trigger_user.is(&author.login) {
        return Ok(true);
    }
    Ok(desk.forge.permission(&author.login).await? == Permission::Write)
}

/// The proposal, with what its reviewers read first if its checks are held back.
pub(super) fn noted(proposal: Proposal, held: Option<String>) -> Proposal {
    let Some(why) = &held else { return proposal };
    let body = top::holding(&proposal.body, why);
    Proposal { body, held, ..proposal }
}

/// Whether a commit message keeps CI from starting.
pub(super) fn is_held(message: &str) -> bool {
    message.lines().any(|line| line == HOLD)
}

/// The message without that.
pub(super) fn released(message: &str) -> String {
    message.replacen(&format!("{HOLD}\n\n"), "", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_checks_back_is_taken_out_of_the_message_without_a_trace() {
        let message = format!("Add x\n\n{HOLD}\n\nProposed for #1.\n\nAgent-Task: 1\n");
        assert!(is_held(&message));
        assert_eq!(released(&message), "Add x\n\nProposed for #1.\n\nAgent-Task: 1\n");
        assert!(!is_held(&released(&message)));
        // A person's words about it are no order of ours.
        assert!(!is_held("Add x\n\nAbout [skip ci] and /ci.\n"));
    }
}
