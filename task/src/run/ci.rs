//! `/ci` lets the checks of a change start that were held back.
//!
//! The message that holds them back must not outlive the hold: squashed or rebased onto the default branch it would keep the
//! checks from running there. So no commit is put on top, but the same tree under a message without the mark in its place, by
//! compare-and-swap.

use jiff::Timestamp;
use shared::mode::CommandAt;

use super::ci_hold::{is_held, released};
use super::desk::Desk;
use super::ended::Stop;
use super::settings::Terms;
use super::stance::{self, Stance};
use super::{approval, branch, ending, trailers, working};
use crate::call::CallError;
use crate::forge::model::{Commit, PullRequest, PullRequestKind};
use crate::outcome::{Failure, Reason};
use crate::pull_request::top;
use crate::record::comment::{self, Links};
use crate::record::status::{Phase, Status};

/// Commits of ours in a row whose messages are rewritten.
const MAX_HELD: usize = 20;

/// Does what `/ci` asks for. All of it can be done again: what was let go stays so.
pub(super) async fn release(desk: &Desk<'_>, terms: &Terms<'_>, at: CommandAt) -> Result<(), Stop> {
    let command =
        approval::command_of(desk, at.comment, |command| command == shared::command::Command::Ci).await?;
    let pull =
        approval::pull_of(desk, at.pull_request, "There is no pull request with checks to start.").await?;
    let head = head_of(desk, &pull).await?;
    let is_outside_plan = trailers::is_outside_plan(&head.message);
    let head = let_go(desk, &pull, head, command.at).await?;
    tracing::info!(pull_request = %pull.number, head, "the checks may start");
    if let Some(body) = top::released(&pull.body) {
        let edited = desk.forge.edit_description(pull.number, &desk.gate.composed(&body)).await;
        untold(desk, edited, "the description still says that the checks are held back")?;
    }
    let stance = match pull.kind {
        PullRequestKind::Ready => Stance::Ready,
        PullRequestKind::Draft if is_outside_plan => Stance::OutsidePlan,
        PullRequestKind::Draft => stance::of_checks(desk, desk.base_branch(terms)?).await?,
    };
    let link = desk.linked_to(pull.number, Links { commit: Some(&head), ..Links::default() });
    let user = desk.task.trigger_user.as_str();
    let text = match stance {
        Stance::Ready => comment::released(&link, user, "", show(desk, &pull).await?.as_deref()),
        Stance::OutsidePlan => comment::released(&link, user, comment::OUTSIDE_PLAN, None),
        Stance::Held(_) | Stance::Unchecked => comment::released(&link, user, comment::UNCHECKED, None),
    };
    let is_first = desk.own_status().is_none();
    desk.record.say_at_last(&desk.gate, None, &text, desk.signed(Status::done(desk.task))).await?;
    working::said_alone(desk, is_first).await
}

/// The newest commit of a pull request with a change of ours.
async fn head_of(desk: &Desk<'_>, pull: &PullRequest) -> Result<Commit, Stop> {
    let head = desk.forge.commit(&pull.head.commit).await?;
    if branch::maker(desk, &head).is_none() {
        let what = format!(
            "The newest commit on #{} is not the agent's, and it decided whether checks start.",
            pull.number
        );
        let next = "If they did not, push a commit of your own.";
        return Err(Failure::new(Reason::Branch, what, next).into());
    }
    if branch::is_plan(desk, &head).await? {
        let what = format!("#{} holds a plan: there is no change yet that could be checked.", pull.number);
        return Err(Failure::new(Reason::StalePlan, what, "Comment `/approve` first.").into());
    }
    Ok(head)
}

/// Whether whoever wrote a command then cannot have read a commit of ours before: it was made later, or no run had told of it.
fn is_unread(desk: &Desk<'_>, commit: &Commit, command: Timestamp) -> bool {
    // In one second nobody reads a commit and answers it.
    if commit.at >= command {
        return true;
    }
    let own = branch::maker(desk, commit);
    let told = desk.record.statuses().iter().find(|said| own == Some(said.status.task.as_str()));
    // Comments of the tracker and those of the forge have the time of one clock only where both are one service.
    let is_one_clock = desk.tracker.shares_clock_with_forge() || desk.pull_request.is_none();
    told.is_some_and(|said| said.status.phase != Phase::Ended || is_one_clock && said.written_at >= command)
}

/// Puts the newest commits of ours onto the branch once more, without what holds the checks back. Returns the head. Commits that
/// came after the command hold all of them back.
async fn let_go(
    desk: &Desk<'_>,
    pull: &PullRequest,
    head: Commit,
    command: Timestamp,
) -> Result<String, Stop> {
    let from = head.id.clone();
    let (mut waiting, mut commit) = (Vec::new(), head);
    while waiting.len() < MAX_HELD && is_held(&commit.message) && branch::maker(desk, &commit).is_some() {
        // Of a merge the branch itself comes first.
        let Some(parent) = commit.parents.first() else { break };
        if is_unread(desk, &commit, command) {
            let what = format!(
                "#{} got a commit after `/ci` was written, and its checks are held back.",
                pull.number
            );
            let next = "Read the newest commit, then comment `/ci` again.";
            return Err(Failure::new(Reason::StalePlan, what, next).into());
        }
        let below = desk.forge.commit(parent).await?;
        waiting.push(std::mem::replace(&mut commit, below));
    }
    let mut to = commit.id;
    for commit in waiting.iter().rev() {
        let mut parents: Vec<&str> = commit.parents.iter().map(String::as_str).collect();
        parents[0] = &to;
        to = desk.forge.create_loose_commit(&released(&commit.message), &commit.tree, &parents).await?.id;
    }
    if to != from {
        branch::move_branch(desk, &from, &to).await?;
    }
    Ok(to)
}

/// Shows the pull request to its reviewers. Returns what a person has to do because it could not be done.
async fn show(desk: &Desk<'_>, pull: &PullRequest) -> Result<Option<String>, Stop> {
    if pull.kind == PullRequestKind::Draft
        && let Some(why) =
            untold(desk, desk.forge.mark_ready(pull).await, "the draft is not marked as ready")?
    {
        return Ok(Some(why));
    }
    let asked = desk.ask_for_review(pull, &desk.task.trigger_user).await;
    untold(desk, asked, "the review was not asked for")
}

/// What was left undone, in words; an error only if another attempt can make it good.
fn untold(desk: &Desk<'_>, done: Result<(), CallError>, what: &str) -> Result<Option<String>, Stop> {
    let Err(error) = done else { return Ok(None) };
    let error = ending::tolerated(desk, error)?;
    tracing::warn!(%error, what, "something around the pull request is left to a person");
    Ok(Some(format!("{what}: {error}")))
}
