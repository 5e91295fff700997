//! The *conversation* of an issue as material for the model: title, body, and what people with permission wrote
//! before the wish.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};
use shared::command::Command;
use shared::hex;
use shared::task::IssueDigest;

use super::desk::Desk;
use super::ended::Stop;
use super::work::{Basis, Claim, Material};
use crate::call::CallError;
use crate::forge::model::Permission;
use crate::issue::{Issue, MAX_BODY_CHARS, MAX_TITLE_CHARS};
use crate::outcome::{Failure, Reason};
use crate::repo_config::RepoConfig;
use crate::text::Raw;
use crate::thread::UserKind;
use crate::tracker::model::Issue as TrackedIssue;

/// The comments that are kept, the newest ones by people with permission.
const MAX_COMMENTS: usize = 20;
/// Authors whose permission is asked for; each is a call.
const MAX_AUTHORS: usize = 10;
/// Characters of one comment.
const MAX_COMMENT_CHARS: usize = 8_000;
/// Characters of all comments. A stranger can write a body of any length; it gets what they leave.
const MAX_TALK_CHARS: usize = MAX_BODY_CHARS / 2;

/// The issue with its conversation. An issue that was changed since the wish is not worked on: nobody asked for it.
pub(super) async fn material(desk: &Desk<'_>, claim: &Claim, config: &RepoConfig) -> Result<Material, Stop> {
    let issue = &desk.issue;
    let talk = talk(desk).await?;
    let mut body = clean_body(issue, MAX_BODY_CHARS.saturating_sub(talk.chars().count()));
    let mut title = issue.title.clone().clean_line(MAX_TITLE_CHARS);
    match &claim.basis {
        Basis::Approved { .. } => {}
        // Nobody asked for what it says by now. What the change is for shows in the change.
        Basis::Repair(repair) if repair.digest.as_deref() != Some(digest(issue).as_str()) => {
            title = Raw::new(repair.title.clone()).clean_line(MAX_TITLE_CHARS);
            body = "(The issue was edited since the change was made, so its text is left out.)".to_owned();
        }
        Basis::Repair(_) => {}
        Basis::Nothing | Basis::Draft { .. } | Basis::Revision { .. } => {
            if is_other_than_asked(desk).await? {
                let what = "The issue was edited after the agent was asked.";
                return Err(Failure::new(Reason::Usage, what, "Read it once more.").into());
            }
        }
    }
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
            title,
            // Each part has its own limit: what the repository says is not cut for what others wrote.
            body: Raw::new(body).clean(usize::MAX),
        },
        digest: digest(issue),
    })
}

/// Hash of the issue's title and body as they are shown; SHA-256 in hexadecimal.
pub(super) fn digest(issue: &TrackedIssue) -> String {
    let title = issue.title.clone().clean_line(MAX_TITLE_CHARS);
    let mut hash = Sha256::new();
    hash.update(title.as_str());
    hash.update([0]);
    hash.update(clean_body(issue, MAX_BODY_CHARS));
    hex::text(&hash.finalize())
}

fn clean_body(issue: &TrackedIssue, cap: usize) -> String {
    issue.body.clone().clean(cap).as_str().to_owned()
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
        let permission = match known.get(user.login.as_str()) {
            // Without this permission there is no run.
            _ if desk.task.trigger_user.is(&user.login) => Permission::Write,
            Some(known) => *known,
            None if known.len() >= MAX_AUTHORS => Permission::Less,
            None => {
                let asked = desk.forge.permission(&user.login).await?;
                known.insert(&user.login, asked);
                asked
            }
        };
        if permission == Permission::Write {
            permitted.push((user.login.as_str(), text));
        }
        if permitted.len() == MAX_COMMENTS {
            break;
        }
    }
    Ok(permitted)
}
