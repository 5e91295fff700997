//! What a follow-up says on the pull request, as pure functions.

use std::collections::BTreeSet;

use super::threads::{Chosen, MAX_AUTHORS};
use crate::outbound::markup::code_span;
use crate::protocol::WordKind;
use crate::record::comment::{about, held_on_top};
use crate::record::status::{FollowUp, Reply, ReplyKind};

/// Characters of a commit's id that are shown.
const SHORT: usize = 10;

/// People who are named.
const MAX_NAMES: usize = 5;

/// Texts below each other, without those that are empty.
pub(super) fn joined(parts: &[String]) -> String {
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n\n")
}

/// What is said of the change as a whole.
pub(super) fn general(kind: WordKind, text: &str) -> String {
    match kind {
        WordKind::Fix | WordKind::Answer => text.to_owned(),
        WordKind::Ask => format!("**A question**: {text}"),
    }
}

/// Which threads are not part of it.
pub(super) fn left_out(chosen: &Chosen) -> String {
    let mut parts = Vec::new();
    if chosen.left_out > 0 {
        let threads = threads(chosen.left_out);
        parts.push(format!(
            "{threads} did not fit into this run. Comment `/fix` to have the next ones answered."
        ));
    }
    if chosen.changed > 0 {
        let threads = threads(chosen.changed);
        parts.push(format!(
            "{threads} changed since this was asked for. Comment `/fix` to have answered what is said there now."
        ));
    }
    parts.push(unheard(&chosen.unheard));
    joined(&parts)
}

/// Whose words in threads were passed over, because nobody looked whether they may ask.
pub(super) fn unheard(logins: &BTreeSet<String>) -> String {
    if logins.is_empty() {
        return String::new();
    }
    let mut names: Vec<String> = logins.iter().take(MAX_NAMES).map(|login| code_span(login)).collect();
    let more = logins.len().saturating_sub(MAX_NAMES);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    let names = names.join(", ");
    format!(
        "What these people say in threads was passed over: {names}. One run looks up whether {MAX_AUTHORS} people have write access. \
         Who has it is heard with a review or `/fix` of their own."
    )
}

/// What the model said nothing to.
pub(super) fn unanswered(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!("The model said nothing to {}. Comment `/fix` to try again.", threads(count)),
    }
}

pub(super) fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("- {note}")).collect::<Vec<_>>().join("\n")
}

fn threads(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}

/// A reply in its thread.
pub(super) fn reply(reply: &Reply, commit: Option<&str>) -> String {
    match (reply.kind, commit) {
        (ReplyKind::Changed, Some(commit)) if reply.text.is_empty() => {
            format!("**Changed** in {}.", short(commit))
        }
        (ReplyKind::Changed, Some(commit)) => format!("**Changed** in {}: {}", short(commit), reply.text),
        (ReplyKind::Changed | ReplyKind::Answered, _) => reply.text.clone(),
        (ReplyKind::Asked, _) => format!("**A question**: {}", reply.text),
    }
}

/// The first sentence about a follow-up.
fn heading(kept: &FollowUp, commit: Option<&str>) -> String {
    let count = |kind| kept.replies.iter().filter(|reply| reply.kind == kind).count();
    let named = [
        (count(ReplyKind::Changed), "changed"),
        (count(ReplyKind::Answered), "answered"),
        (count(ReplyKind::Asked), "asked about"),
    ];
    let named: Vec<String> = named
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", threads(*count)))
        .collect();
    let what = match commit {
        Some(commit) => format!("**Changed** in {}", short(commit)),
        None => "**Answered**, and nothing is changed".to_owned(),
    };
    if named.is_empty() { format!("{what}.") } else { format!("{what}: {}.", named.join(", ")) }
}

/// The comment on the pull request. `missing` is what a person has to do.
pub(super) fn comment(kept: &FollowUp, commit: Option<&str>, missing: &[String]) -> String {
    let held = kept.held.as_deref().filter(|_| commit.is_some()).map(held_on_top);
    let missing = match missing {
        [] => String::new(),
        missing => format!("This is left for you:\n\n{}", notes(missing)),
    };
    joined(&[heading(kept, commit), kept.text.clone(), held.unwrap_or_default(), missing, kept.bill.clone()])
}

/// The last words on the issue. `link` is the pull request.
pub(super) fn done(link: &str, kept: &FollowUp, commit: Option<&str>) -> String {
    let next = "Not what you meant? Say so in the thread or comment `/fix` and what should be different.";
    joined(&[about(link, &heading(kept, commit)), kept.bill.clone(), next.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follow_up_says_what_became_of_each_thread() {
        let of = |kind, text: &str| Reply { thread: "T".to_owned(), first: 1, kind, text: text.to_owned() };
        let replies = vec![
            of(ReplyKind::Changed, "Renamed."),
            of(ReplyKind::Changed, ""),
            of(ReplyKind::Answered, "No."),
            of(ReplyKind::Asked, "Which?"),
        ];
        let commit = Some("0123456789abcdef0123456789abcdef01234567");
        let said: Vec<String> = replies.iter().map(|it| reply(it, commit)).collect();
        assert_eq!(
            said,
            [
                "**Changed** in 0123456789: Renamed.",
                "**Changed** in 0123456789.",
                "No.",
                "**A question**: Which?"
            ]
        );
        let kept = FollowUp {
            changes: true,
            replies,
            text: "Left out.".to_owned(),
            bill: "no cost".to_owned(),
            held: Some("nobody knows".to_owned()),
        };
        assert_eq!(
            comment(&kept, commit, &["resolve a thread: no".to_owned()]),
            "**Changed** in 0123456789: 2 threads changed, 1 thread answered, 1 thread asked about.\n\nLeft out.\n\n\
             The checks of this commit are held back: nobody knows. Read the change, then comment `/ci` on the pull request to start \
             them. Only people with write access can, because CI then runs the change with its secrets.\n\nThis is left for you:\n\n- resolve a thread: no\n\nno cost"
        );
        let none = FollowUp { changes: false, replies: Vec::new(), held: None, ..kept };
        assert_eq!(
            comment(&none, None, &[]),
            "**Answered**, and nothing is changed.\n\nLeft out.\n\nno cost"
        );
    }
}
