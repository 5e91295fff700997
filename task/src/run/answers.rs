//! *Answers* on a pull request. Each carries a marker that says which task gave it, and where: so each is given once, and one that
//! changes is edited.

use serde::{Deserialize, Serialize};
use shared::issue::PullRequestNumber;

use super::desk::Desk;
use crate::call::CallError;
use crate::forge::model::ThreadComment;
use crate::marker::{Kind, On};
use crate::outbound::Outbound;
use crate::text::Raw;
use crate::thread::User;

/// As many comments as are read beside reviews: where there are that many, there may be more.
const MAX_KNOWN: usize = 50;

/// What the marker of an answer says.
#[derive(Serialize, Deserialize)]
struct Answer {
    task: String,
    /// The first comment of the thread; `None` for the comment on the pull request.
    thread: Option<u64>,
}

/// Whether one of our texts carries the marker of this answer.
pub(super) fn is_said(
    desk: &Desk<'_>,
    number: PullRequestNumber,
    thread: Option<u64>,
    by: Option<&User>,
    body: &Raw,
) -> bool {
    let read = || desk.marks.read::<Answer>(Kind::Answer, On::PullRequest(number), body.for_machine());
    let is_it = |answer: Answer| answer.task == desk.task.id.to_string() && answer.thread == thread;
    desk.forge.identity().is(by) && read().is_some_and(is_it)
}

pub(super) fn marked(
    desk: &Desk<'_>,
    number: PullRequestNumber,
    thread: Option<u64>,
    text: &str,
) -> Outbound {
    let answer = Answer { task: desk.task.id.to_string(), thread };
    let marker = desk.marks.write(Kind::Answer, On::PullRequest(number), &answer);
    let body = desk.gate.body(text);
    // A marker of ours without anything of others in it always fits.
    desk.gate.marked(&body, &marker).unwrap_or(body)
}

/// Says it on the pull request, in the one comment that this task has there. Returns the id of the comment.
pub(super) async fn tell(desk: &Desk<'_>, number: PullRequestNumber, text: &str) -> Result<u64, CallError> {
    tell_after(desk, number, text, None).await
}

/// The same where the newest comments were read a moment ago.
pub(super) async fn tell_after(
    desk: &Desk<'_>,
    number: PullRequestNumber,
    text: &str,
    known: Option<&[ThreadComment]>,
) -> Result<u64, CallError> {
    let body = marked(desk, number, None, text);
    let mut patience = desk.forge.patience();
    let known = known.filter(|known| known.len() < MAX_KNOWN);
    let mut ours = match known {
        Some(known) => own(desk, number, known.iter().map(|said| (said.id, said.by.as_ref(), &said.body))),
        None => own_now(desk, number).await?,
    };
    loop {
        let written = match &ours {
            Some((id, said)) if said == body.as_str() => return Ok(*id),
            Some((id, _)) => desk.forge.edit_comment(*id, &body).await.map(|()| *id),
            None => desk.forge.create_comment(number, &body).await,
        };
        match written {
            Ok(id) => return Ok(id),
            Err(error) => patience.before_retry(error).await?,
        }
        ours = own_now(desk, number).await?;
    }
}

async fn own_now(desk: &Desk<'_>, number: PullRequestNumber) -> Result<Option<(u64, String)>, CallError> {
    let comments = desk.forge.comments(number).await?;
    Ok(own(desk, number, comments.iter().map(|said| (said.id, said.by.as_ref(), &said.body))))
}

/// The comment of this task among those of the pull request: its id and text.
fn own<'c>(
    desk: &Desk<'_>,
    number: PullRequestNumber,
    comments: impl Iterator<Item = (u64, Option<&'c User>, &'c Raw)>,
) -> Option<(u64, String)> {
    let mut ours = comments.filter(|(_, by, body)| is_said(desk, number, None, *by, body));
    ours.next().map(|(id, _, body)| (id, body.for_machine().to_owned()))
}
