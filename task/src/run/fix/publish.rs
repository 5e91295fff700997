//! *Publishing* a follow-up: a reply in each thread, what is to be resolved, the review, and one comment on the pull
//! request. Each is found or made.

use shared::user::Login;

use super::words;
use crate::call::CallError;
use crate::forge::model::{Discussion, PullRequestKind, Stage, ThreadState};
use crate::record::comment::{Links, Turn};
use crate::record::status::{FollowUp, Reply, ReplyKind, Status};
use crate::run::answers::{is_said, marked, tell_after};
use crate::run::desk::Desk;
use crate::run::ended::Stop;
use crate::run::missing::Missing;
use crate::run::settings::Terms;
use crate::run::{description, ending, spans};

/// Does what is not done yet.
pub(super) async fn complete(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    talk: &Discussion,
    kept: &FollowUp,
    commit: Option<&str>,
) -> Result<(), Stop> {
    spans::published(desk, talk.pull.number, publish(desk, terms, talk, kept, commit)).await
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
