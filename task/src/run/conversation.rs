//! The *conversation* of an issue as material for the model: title, body, and what people with permission wrote
//! before the wish.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};
use shared::command::Command;
use shared::task::IssueDigest;

use super::claim::{Basis, Claim};
use super::desk::Desk;
use super::{Material, Stop};
use crate::github::model::{Comment, Issue as GitHubIssue};
use crate::github::{CallError, Permission};
use crate::issue::{Issue, MAX_BODY_CHARS, MAX_TITLE_CHARS, hex};
use crate::outcome::{Failure, Reason};
use crate::repo_config::RepoConfig;
use crate::text::Raw;

/// The newest comments that are looked at.
const MAX_COMMENTS: usize = 20;
/// Authors whose permission is asked for; each is a call.
const MAX_AUTHORS: usize = 5;
/// Characters of one comment.
const MAX_COMMENT_CHARS: usize = 8_000;

/// The issue with its conversation. An issue that was changed since the wish is not worked on: nobody asked for it.
pub(super) async fn material(desk: &Desk<'_>, claim: &Claim, config: &RepoConfig) -> Result<Material, Stop> {
    let issue = &desk.issue;
    if !matches!(claim.basis, Basis::Approved { .. }) && is_other_than_asked(desk) {
        let next = "Read it once more.";
        return Err(
            Failure::new(Reason::Usage, "The issue was edited after the agent was asked.", next).into()
        );
    }
    let mut body = clean_body(issue);
    for comment in permitted(desk).await? {
        let (Some(user), Some(text)) = (&comment.user, &comment.body) else { continue };
        let text = text.clone().clean(MAX_COMMENT_CHARS);
        write!(body, "\n\nComment by {}:\n\n{}", user.login, text.as_str()).expect("a String takes any text");
    }
    if let Some(instructions) = &config.instructions {
        write!(body, "\n\nThe repository's instructions:\n\n{instructions}")
            .expect("a String takes any text");
    }
    if let Some(language) = &config.language {
        write!(body, "\n\nWrite title, summary and plan in this language: {language}")
            .expect("a String takes any text");
    }
    Ok(Material {
        issue: Issue {
            number: Some(issue.number),
            title: issue.title.clone().clean_line(MAX_TITLE_CHARS),
            body: Raw::new(body).clean(MAX_BODY_CHARS),
        },
        digest: digest(issue),
    })
}

/// Hash of the issue's title and body as they are shown; SHA-256 in hexadecimal.
pub(super) fn digest(issue: &GitHubIssue) -> String {
    let title = issue.title.clone().clean_line(MAX_TITLE_CHARS);
    let mut hash = Sha256::new();
    hash.update(title.as_str());
    hash.update([0]);
    hash.update(clean_body(issue));
    hex(&hash.finalize())
}

fn clean_body(issue: &GitHubIssue) -> String {
    issue.body.clone().map(|body| body.clean(MAX_BODY_CHARS).as_str().to_owned()).unwrap_or_default()
}

fn is_other_than_asked(desk: &Desk<'_>) -> bool {
    let issue = &desk.issue;
    let body = issue.body.as_ref().map_or("", Raw::for_machine);
    desk.task.issue_digest.is_some_and(|asked| asked != IssueDigest::of(issue.title.for_machine(), body))
}

/// The comments that count: not ours, no commands, before the wish, unedited since, by people who may write.
async fn permitted<'c>(desk: &'c Desk<'_>) -> Result<Vec<&'c Comment>, CallError> {
    // GitHub's clock has whole seconds.
    let until = desk.task.triggered_at.and_then(|at| at.checked_add(SignedDuration::from_secs(1)).ok());
    let counts = |comment: &&Comment| {
        let text = comment.body.as_ref().map_or("", Raw::for_machine);
        !desk.is_ours(comment)
            && Command::parse(text).is_none()
            && until.is_none_or(|until| comment.updated_at <= until)
    };
    let recent: Vec<&Comment> = desk.comments.iter().filter(counts).collect();
    let mut known: HashMap<&str, Permission> =
        HashMap::from([(desk.task.trigger_user.as_str(), Permission::Write)]);
    let mut permitted = Vec::new();
    for comment in &recent[recent.len().saturating_sub(MAX_COMMENTS)..] {
        let Some(user) = &comment.user else { continue };
        let permission = match known.get(user.login.as_str()) {
            Some(known) => *known,
            None if known.len() > MAX_AUTHORS => Permission::Less,
            None => {
                let asked = desk.github.permission(&user.login).await?.0;
                known.insert(&user.login, asked);
                asked
            }
        };
        if permission == Permission::Write {
            permitted.push(*comment);
        }
    }
    Ok(permitted)
}
