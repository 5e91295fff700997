//! The *request* of a follow-up: a command with `/fix`, `/revise` or `/retry`, or a review that asks for changes.

use jiff::Timestamp;
use shared::command::Command;
use shared::mode::Comment;

use crate::forge::model::{Discussion, GivenReview, Permission, ThreadComment, Verdict};
use crate::issue::MAX_BODY_CHARS;
use crate::outcome::{Failure, Reason};
use crate::run::approval;
use crate::run::desk::Desk;
use crate::run::ended::Stop;
use crate::text::Raw;
use crate::thread::{User, UserKind};

/// See the module's documentation.
pub(super) struct Request {
    /// What it says of the change as a whole; may be empty.
    pub(super) text: String,
    /// What is said later is not part of it.
    pub(super) until: Option<Timestamp>,
    /// The login of who wrote it.
    pub(super) by: String,
    pub(super) review: Option<u64>,
    /// Whether somebody asks for what failed once more.
    pub(super) is_retry: bool,
}

/// Finds out what is asked for.
pub(super) async fn of(desk: &Desk<'_>, talk: &Discussion, comment: Comment) -> Result<Request, Stop> {
    let request = read(desk, talk, comment).await?;
    if !request.is_retry {
        desk.is_about(comment);
        return Ok(request);
    }
    let mut done = vec![comment];
    let failed = desk.record.statuses().iter().rev().find_map(|said| {
        let status = &said.status;
        let asked = status.request.filter(|asked| !done.contains(asked))?;
        if status.done {
            done.push(asked);
        }
        (!status.done && !status.refused && status.answered.is_some()).then_some(asked)
    });
    let Some(failed) = failed else { return Ok(request) };
    match read(desk, talk, failed).await {
        Ok(earlier) if !earlier.is_retry => {
            desk.is_about(failed);
            // All that was said since counts as well.
            Ok(Request { until: request.until, is_retry: true, ..earlier })
        }
        Ok(_) | Err(Stop::Failure(_)) => Ok(request),
        Err(stop) => Err(stop),
    }
}

async fn read(desk: &Desk<'_>, talk: &Discussion, comment: Comment) -> Result<Request, Stop> {
    match comment {
        Comment::Issue(_) => in_comment(desk, comment).await,
        Comment::Review(id) => in_review(desk, talk, id.into()).await,
        Comment::ReviewLine(id) => match line(talk, id.into()).and_then(|line| line.review) {
            Some(review) => in_review(desk, talk, review).await,
            None => Err(refuse("The comment with the command was deleted.")),
        },
    }
}

async fn in_comment(desk: &Desk<'_>, comment: Comment) -> Result<Request, Stop> {
    let Some(written) = approval::written(desk, comment).await? else {
        return Err(refuse("The comment with the command was deleted."));
    };
    if written.is_edited {
        return Err(refuse("The comment with the command was edited."));
    }
    if !written.is_here(desk) {
        return Err(refuse("The comment with the command stands on another issue or pull request."));
    }
    let by = written.by.clone().unwrap_or_default();
    if !may_ask(desk, &by).await? {
        return Err(refuse("The comment with the command is not by somebody with write access."));
    }
    let (text, is_retry) = match Command::parse(written.body.for_machine()) {
        Some(Command::Retry) => (String::new(), true),
        Some(Command::Fix { .. } | Command::Revise { .. }) => (feedback(&written.body), false),
        _ => return Err(refuse("The comment no longer holds the command.")),
    };
    let until = Some(desk.task.triggered_at.map_or(written.at, |at| at.max(written.at)));
    Ok(Request { text, until, by, review: None, is_retry })
}

async fn in_review(desk: &Desk<'_>, talk: &Discussion, id: u64) -> Result<Request, Stop> {
    let review = standing(talk, id)?;
    let by = review.by.as_ref().map(|user| user.login.clone()).unwrap_or_default();
    let is_person = review.by.as_ref().is_some_and(is_person);
    if !is_person || !may_ask(desk, &by).await? {
        return Err(refuse("The review is not by somebody with write access."));
    }
    let own = Command::parse(review.body.for_machine());
    let lines = talk.threads.iter().flat_map(|thread| &thread.comments);
    let lines = lines.filter(|line| line.review == Some(id) && line.edited_at.is_none());
    let commands: Vec<Command<'_>> =
        lines.filter_map(|line| Command::parse(line.body.for_machine())).chain(own).collect();
    let asks = |command: &Command<'_>| matches!(command, Command::Fix { .. } | Command::Revise { .. });
    let is_fix = review.verdict == Verdict::ChangesRequested || commands.iter().any(asks);
    let is_retry = !is_fix && commands.contains(&Command::Retry);
    if !is_fix && !is_retry {
        return Err(refuse("The review no longer asks for changes."));
    }
    let text = match own {
        Some(_) => feedback(&review.body),
        None => review.body.clone().clean(MAX_BODY_CHARS).as_str().trim().to_owned(),
    };
    let until = Some(desk.task.triggered_at.map_or(review.submitted_at, |at| at.max(review.submitted_at)));
    Ok(Request { text, until, by, review: Some(id), is_retry })
}

/// The review, if nobody took it back.
fn standing(talk: &Discussion, id: u64) -> Result<&GivenReview, Stop> {
    let Some(review) = talk.reviews.iter().find(|review| review.id == id) else {
        return Err(refuse("The review was deleted."));
    };
    if review.verdict == Verdict::Dismissed {
        return Err(refuse("The review was dismissed."));
    }
    if review.is_edited {
        return Err(refuse("The review was edited after it was submitted."));
    }
    Ok(review)
}

/// Whether nobody took the request back meanwhile.
pub(super) fn still_stands(now: &Discussion, request: &Request) -> Result<(), Stop> {
    match request.review {
        Some(id) => standing(now, id).map(drop),
        None => Ok(()),
    }
}

/// What a command says behind its word; empty for one that says nothing more.
pub(super) fn feedback(body: &Raw) -> String {
    let body = body.clone().clean(MAX_BODY_CHARS);
    let feedback = Command::parse(body.as_str()).and_then(|command| command.feedback());
    feedback.unwrap_or_default().to_owned()
}

pub(super) fn is_person(user: &User) -> bool {
    user.kind == UserKind::Person
}

/// Whether somebody may ask; who began the task may.
pub(super) async fn may_ask(desk: &Desk<'_>, login: &str) -> Result<bool, Stop> {
    if login.is_empty() {
        return Ok(false);
    }
    Ok(desk.task.trigger_user.is(login) || desk.forge.permission(login).await? == Permission::Write)
}

fn line(talk: &Discussion, id: u64) -> Option<&ThreadComment> {
    talk.threads.iter().flat_map(|thread| &thread.comments).find(|comment| comment.id == id)
}

/// What helps is said with it, and no `/retry`.
fn refuse(what: &str) -> Stop {
    let next = "Write `/fix` and what should be different in a new comment.";
    Failure::new(Reason::StalePlan, what, next).into()
}
