//! *Publishing* a follow-up: a reply in each thread, what is to be resolved, the review, and one comment on the pull
//! request. Each is found or made.

use serde::{Deserialize, Serialize};
use shared::issue::PullRequestNumber;
use shared::user::Login;

use super::words;
use crate::call::CallError;
use crate::forge::model::{Discussion, PullRequestKind, Stage, ThreadComment, ThreadState};
use crate::marker::{Kind, On};
use crate::outbound::Outbound;
use crate::record::comment::{Links, Turn};
use crate::record::status::{FollowUp, Reply, ReplyKind, Status};
use crate::run::desk::Desk;
use crate::run::ended::Stop;
use crate::run::missing::Missing;
use crate::run::settings::Terms;
use crate::run::{description, ending, measured};
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

/// Does what is not done yet.
pub(super) async fn complete(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    talk: &Discussion,
    kept: &FollowUp,
    commit: Option<&str>,
) -> Result<(), Stop> {
    measured::published(desk, talk.pull.number, publish(desk, terms, talk, kept, commit)).await
}

async fn publish(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    talk: &Discussion,
    kept: &FollowUp,
    commit: Option<&str>,
) -> Result<(), Stop> {
    desk.turns_to(Turn::after_commit(desk.task.mode));
    let number = talk.pull.number;
    let mut missing = Missing::of(desk);
    for reply in &kept.replies {
        let said = say(desk, talk, reply, commit).await;
        missing.unless(said, "reply in a thread")?;
        if terms.repo.resolve_threads && reply.kind == ReplyKind::Changed && is_open(talk, reply) {
            missing.unless(desk.forge.resolve_thread(&reply.thread).await, "mark a thread as resolved")?;
        }
    }
    if let Some(commit) = commit {
        let described = description::follow(desk, &talk.pull, commit, kept.held.as_deref()).await;
        missing.unless(described, description::LEFT)?;
    }
    let is_shown = talk.pull.stage == Stage::Open && talk.pull.kind == PullRequestKind::Ready;
    if is_shown && kept.held.is_none() {
        for login in reviewers(desk, talk, kept) {
            let asked = desk.ask_for_review(&talk.pull, &login).await;
            missing.unless(asked, &format!("ask {login} for the review"))?;
        }
    }
    let text = words::comment(kept, commit, &missing.lines);
    let comment = tell_after(desk, number, &text, Some(&talk.remarks)).await?;
    let threads: Vec<u64> = kept.replies.iter().map(|reply| reply.first).collect();
    let links = Links { commit, comment: Some(comment), threads: &threads };
    let text = words::done(&desk.linked_to(number, links), kept, commit);
    let status = desk.signed(Status::done(desk.task));
    let Err(error) = desk.record.say_at_last(&desk.gate, None, &text, status).await else { return Ok(()) };
    let error = ending::tolerated(desk, error)?;
    tracing::warn!(%error, "the outcome could not be written to the issue");
    Ok(())
}

fn is_open(talk: &Discussion, reply: &Reply) -> bool {
    let thread = talk.threads.iter().find(|thread| thread.handle == reply.thread);
    thread.is_none_or(|thread| thread.state == ThreadState::Open)
}

/// Who asked, and whoever's threads are answered.
fn reviewers(desk: &Desk<'_>, talk: &Discussion, kept: &FollowUp) -> Vec<Login> {
    let mut found = vec![desk.task.trigger_user.clone()];
    let answered =
        talk.threads.iter().filter(|thread| kept.replies.iter().any(|reply| reply.first == thread.first));
    for user in answered.filter_map(|thread| thread.comments.iter().rev().find_map(|said| said.by.as_ref())) {
        let is_ours = desk.forge.identity().is(Some(user));
        if let Ok(login) = Login::parse(&user.login)
            && !is_ours
            && super::request::is_person(user)
            && !found.iter().any(|known| known.is(&user.login))
        {
            found.push(login);
        }
    }
    found
}

/// Whether one of our texts carries the marker of this answer.
fn is_said(
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

fn marked(desk: &Desk<'_>, number: PullRequestNumber, thread: Option<u64>, text: &str) -> Outbound {
    let answer = Answer { task: desk.task.id.to_string(), thread };
    let marker = desk.marks.write(Kind::Answer, On::PullRequest(number), &answer);
    let body = desk.gate.body(text);
    // A marker of ours without anything of others in it always fits.
    desk.gate.marked(&body, &marker).unwrap_or(body)
}

/// Replies in a thread, once.
async fn say(
    desk: &Desk<'_>,
    talk: &Discussion,
    reply: &Reply,
    commit: Option<&str>,
) -> Result<(), CallError> {
    let number = talk.pull.number;
    let is_there = |talk: &Discussion| {
        let mut said = talk.threads.iter().filter(|thread| thread.first == reply.first);
        said.any(|thread| {
            thread
                .comments
                .iter()
                .any(|said| is_said(desk, number, Some(reply.first), said.by.as_ref(), &said.body))
        })
    };
    if is_there(talk) {
        return Ok(());
    }
    let body = marked(desk, number, Some(reply.first), &words::reply(reply, commit));
    let mut patience = desk.forge.patience();
    loop {
        let Err(error) = desk.forge.reply(number, reply.first, &body).await else { return Ok(()) };
        patience.before_retry(error).await?;
        if desk.forge.discussion(number).await?.is_some_and(|now| is_there(&now)) {
            return Ok(());
        }
    }
}

/// Says it on the pull request, in the one comment that this task has there. Returns the id of the comment.
pub(in crate::run) async fn tell(
    desk: &Desk<'_>,
    number: PullRequestNumber,
    text: &str,
) -> Result<u64, CallError> {
    tell_after(desk, number, text, None).await
}

/// The same where the newest comments were read a moment ago.
pub(in crate::run) async fn tell_after(
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
