//! *Acknowledging* a request at once: 👀 on the comment that gave the command, or on the issue where a label began it.
//!
//! It is the first write of a run, also of one that then waits for another, and decides nothing: whoever asked sees that it was
//! heard before the repository is read. That it was done before is no error.

use shared::mode::{CommandAt, Comment};

use super::desk::Desk;
use crate::call::CallError;
use crate::lease::Lost;

/// Acknowledges the request of the task. Where that cannot be done, it is logged.
pub(super) async fn acknowledge(desk: &Desk<'_>) -> Result<(), Lost> {
    let reacted = match desk.task.mode.command() {
        None => desk.tracker.acknowledge(&desk.issue.id).await,
        Some(CommandAt { comment, .. }) => match (comment, desk.pull_request) {
            (Comment::Issue(id), None) => desk.tracker.acknowledge_comment(id.into()).await,
            (Comment::Issue(id), Some(_)) => desk.forge.acknowledge_comment(id.into()).await,
            (Comment::ReviewLine(id), _) => desk.forge.acknowledge_line(id.into()).await,
            (Comment::Review(id), Some(pull_request)) => {
                desk.forge.acknowledge_review(pull_request, id.into()).await
            }
            (Comment::Review(_), None) => Ok(()),
        },
    };
    match reacted {
        Ok(()) => Ok(()),
        Err(CallError::Lost(lost)) => Err(lost),
        Err(error) => {
            tracing::warn!(%error, "the request could not be acknowledged");
            Ok(())
        }
    }
}
