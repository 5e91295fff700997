//! A plan that was *posted*, as its comment on the pull request holds it.

use jiff::Timestamp;
use shared::issue::PullRequestNumber;

use super::desk::Desk;
use super::ended::Stop;
use crate::marker::{Kind, On};
use crate::plan::{Binding, Plan};
use crate::record::comment;
use crate::thread::Comment;

/// A plan as its comment holds it.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) comment: u64,
    pub(super) plan: Plan,
    pub(super) binding: Binding,
    /// The Markdown of the whole comment without its marker.
    pub(super) text: String,
    pub(super) written_at: Timestamp,
}

/// The newest plan of ours on a pull request.
pub(super) async fn find_plan(
    desk: &Desk<'_>,
    pull_request: PullRequestNumber,
) -> Result<Option<Posted>, Stop> {
    let comments = desk.forge.comments(pull_request).await?;
    let ours = |comment: &&Comment| desk.forge.identity().is(comment.by.as_ref());
    Ok(comments.iter().rev().filter(ours).find_map(|comment| {
        let body = comment.body.for_machine();
        let binding: Binding = desk.marks.read(Kind::Plan, On::PullRequest(pull_request), body)?;
        let text = body.split("\n\n<!-- ai-agent:plan ").next().unwrap_or(body);
        let plan = Plan::parse(comment::plans(text).next()?).ok()?;
        let (comment, written_at) = (comment.id, comment.updated_at);
        Some(Posted { comment, plan, binding, text: text.to_owned(), written_at })
    }))
}
