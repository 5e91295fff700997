//! The *conversation* of an issue as material for the model: title, body, and what people with permission wrote
//! before the wish.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use shared::command::Command;
use shared::task::IssueDigest;

use super::desk::Desk;
use super::digest::{clean_body, digest};
use super::ended::Stop;
use super::work::{Basis, Claim, Material};
use crate::call::CallError;
use crate::context::secret_names;
use crate::forge::model::{ChangedFile, Permission, Stage, ThreadComment};
use crate::issue::{Issue, MAX_BODY_CHARS, MAX_TITLE_CHARS};
use crate::outcome::{Failure, Reason};
use crate::repo_config::RepoConfig;
use crate::text::Raw;
use crate::thread::{User, UserKind};

/// The comments that are kept, the newest ones by people with permission.
const MAX_COMMENTS: usize = 20;
/// Authors whose permission is asked for; each is a call.
const MAX_AUTHORS: usize = 10;
/// Characters of one comment.
const MAX_COMMENT_CHARS: usize = 8_000;
/// Characters of what was said of a declined pull request.
const MAX_DECLINED_CHARS: usize = MAX_BODY_CHARS / 8;
/// Characters of all comments. A stranger can write a body of any length; it gets what they leave.
const MAX_TALK_CHARS: usize = MAX_BODY_CHARS / 2;
/// Characters of the diff that the model is shown.
const MAX_DIFF: usize = 24_000;

/// The issue with its conversation. An issue that was changed since the wish is not worked on: nobody asked for it.
pub(super) async fn material(desk: &Desk<'_>, claim: &Claim, config: &RepoConfig) -> Result<Material, Stop> {
    let issue = &desk.issue;
    if claim.basis.needs_issue_as_asked() && is_other_than_asked(desk).await? {
        let next = "Read it once more.";
        return Err(
            Failure::new(Reason::Usage, "The issue was edited after the agent was asked.", next).into()
        );
    }
    let mut talk = talk(desk).await?;
    talk.push_str(&declined(desk, claim).await?);
    let room = MAX_BODY_CHARS.saturating_sub(talk.chars().count());
    let (title, mut body) = match &claim.basis {
        // Nobody asked for what it says by now. What the change is for shows in the change.
        Basis::Repair(repair) if repair.digest.as_deref() != Some(digest(issue).as_str()) => (
            Raw::new(repair.title.clone()),
            "(The issue was edited since the change was made, so its text is left out.)".to_owned(),
        ),
        _ => (issue.title.clone(), clean_body(issue, room)),
    };
    if let Some(instructions) = &config.instructions {
        write!(body, "\n\nThe repository's instructions:\n\n{instructions}")
            .expect("a String takes any text");
    }
    if let Some(language) = &config.language {
        write!(body, "\n\nWrite title, summary and plan in this language: {language}")
            .expect("a String takes any text");
    }
    body.push_str(&talk);
    Ok(Material {
        issue: Issue {
            id: Some(issue.id.clone()),
            title: title.clean_line(MAX_TITLE_CHARS),
            // Each part has its own limit: what the repository says is not cut for what others wrote.
            body: Raw::new(body).clean(usize::MAX),
        },
        digest: digest(issue),
    })
}

async fn is_other_than_asked(desk: &Desk<'_>) -> Result<bool, CallError> {
    let issue = &desk.issue;
    if let Some(asked) = desk.task.issue_digest {
        return Ok(asked != IssueDigest::of(issue.title.for_machine(), issue.body.for_machine()));
    }
    match desk.task.triggered_at {
        Some(asked_at) => desk.tracker.is_edited_since(&issue.id, asked_at).await,
        None => Ok(false),
    }
}

/// The comments that count, oldest first: the newest ones that there is room for.
async fn talk(desk: &Desk<'_>) -> Result<String, CallError> {
    let (mut talk, mut room) = (String::new(), MAX_TALK_CHARS);
    for (login, text) in permitted(desk).await? {
        let text = text.clone().clean(MAX_COMMENT_CHARS);
        let said = format!("\n\nComment by {login}:\n\n{}", text.as_str());
        let Some(left) = room.checked_sub(said.chars().count()) else { break };
        room = left;
        talk.insert_str(0, &said);
    }
    Ok(talk)
}

/// What people with permission said of the pull request before this one, if that was declined: the newest of it that there
/// is room for.
async fn declined(desk: &Desk<'_>, claim: &Claim) -> Result<String, CallError> {
    let own = desk.task.id.to_string();
    let earlier = |said: &crate::record::status::StatusComment| said.status.task != own && said.status.done;
    let is_again = desk.task.mode.kind().begins_work() && claim.basis.pull_request().is_none();
    if !is_again || !desk.record.statuses().iter().any(earlier) {
        return Ok(String::new());
    }
    let pulls = desk.forge.pull_requests_of(&desk.branch).await?;
    let newest = pulls.iter().find(|pull| desk.forge.identity().is(pull.by.as_ref()));
    let Some(number) = newest.filter(|pull| pull.stage == Stage::Closed).map(|pull| pull.number) else {
        return Ok(String::new());
    };
    let Some(discussion) = desk.forge.discussion(number).await? else { return Ok(String::new()) };
    let until = desk.task.triggered_at.and_then(|at| at.checked_add(SignedDuration::from_secs(1)).ok());
    let mut said: Vec<Opinion<'_>> = Vec::new();
    for review in &discussion.reviews {
        let at = if review.is_edited { Timestamp::MAX } else { review.submitted_at };
        said.push(Opinion { by: review.by.as_ref(), body: &review.body, at, path: None });
    }
    let newest =
        |said: &ThreadComment| said.edited_at.map_or(said.created_at, |edited| edited.max(said.created_at));
    for thread in &discussion.threads {
        for comment in &thread.comments {
            let path = Some(thread.path.as_str());
            said.push(Opinion { by: comment.by.as_ref(), body: &comment.body, at: newest(comment), path });
        }
    }
    for comment in &discussion.remarks {
        said.push(Opinion { by: comment.by.as_ref(), body: &comment.body, at: newest(comment), path: None });
    }
    said.sort_by_key(|opinion| std::cmp::Reverse(opinion.at));
    let mut known: HashMap<&str, Permission> = HashMap::new();
    let (mut text, mut room) = (String::new(), MAX_DECLINED_CHARS);
    for Opinion { by, body, at, path } in said {
        let Some(user) = by.filter(|user| user.kind == UserKind::Person) else { continue };
        let counts = until.is_none_or(|until| at <= until)
            && !body.for_machine().trim().is_empty()
            && !crate::marker::is_in(body.for_machine())
            && Command::parse(body.for_machine()).is_none();
        if !counts || permission_of(desk, &mut known, &user.login).await? != Permission::Write {
            continue;
        }
        let about = path.map_or_else(String::new, |path| format!(", about {path}"));
        let body = body.clone().clean(MAX_COMMENT_CHARS);
        let part =
            format!("\n\n{} of the declined pull request #{number}{about}:\n\n{}", user.login, body.as_str());
        let Some(left) = room.checked_sub(part.chars().count()) else { break };
        room = left;
        text.insert_str(0, &part);
    }
    Ok(text)
}

/// Something that was said of a pull request.
struct Opinion<'a> {
    by: Option<&'a User>,
    body: &'a Raw,
    at: Timestamp,
    path: Option<&'a str>,
}

/// What somebody may do, asked once; of many people the first ones only.
async fn permission_of<'a>(
    desk: &Desk<'_>,
    known: &mut HashMap<&'a str, Permission>,
    login: &'a str,
) -> Result<Permission, CallError> {
    match known.get(login) {
        // Without this permission there is no run.
        _ if desk.task.trigger_user.is(login) => Ok(Permission::Write),
        Some(known) => Ok(*known),
        None if known.len() >= MAX_AUTHORS => Ok(Permission::Less),
        None => {
            let asked = desk.forge.permission(login).await?;
            known.insert(login, asked);
            Ok(asked)
        }
    }
}

/// The comments that count, newest first: no commands, before the wish, unedited since, by people who may write and
/// are not us. Those of others, however many, take no place from them.
async fn permitted<'c>(desk: &'c Desk<'_>) -> Result<Vec<(&'c str, &'c Raw)>, CallError> {
    // GitHub's clock has whole seconds.
    let until = desk.task.triggered_at.and_then(|at| at.checked_add(SignedDuration::from_secs(1)).ok());
    let mut known: HashMap<&str, Permission> = HashMap::new();
    let mut permitted = Vec::new();
    for comment in desk.record.comments().iter().rev() {
        let (Some(user), text) = (&comment.by, &comment.body) else { continue };
        let counts = user.kind == UserKind::Person
            && !desk.is_ours(comment)
            && Command::parse(text.for_machine()).is_none()
            && until.is_none_or(|until| comment.updated_at <= until);
        if !counts {
            continue;
        }
        if permission_of(desk, &mut known, &user.login).await? == Permission::Write {
            permitted.push((user.login.as_str(), text));
        }
        if permitted.len() == MAX_COMMENTS {
            break;
        }
    }
    Ok(permitted)
}

/// What files have become, as far as there is room for it, without those that hold secrets by their names.
pub(super) fn diff(files: &[ChangedFile]) -> String {
    let mut text = String::new();
    for ChangedFile { path, how, patch } in files {
        let patch = match patch.as_deref() {
            Some(_) if secret_names::may_be_secret(path) => secret_names::NOT_SHOWN,
            patch => patch.unwrap_or("(not shown)"),
        };
        let room = MAX_DIFF.saturating_sub(text.chars().count() + path.chars().count());
        let patch = if patch.chars().count() > room { "(too long to be shown here)" } else { patch };
        write!(text, "{path} ({how}):\n{patch}\n\n").expect("a String takes any text");
    }
    text
}
