//! A *follow-up* answers what reviewers say of a pull request of ours: each of their threads gets a change, an answer or a
//! question, all changes one commit on top of the branch.
//!
//! What the model answered is kept in the status comment before anything of it is committed or said. Each reply carries a
//! marker with the task, so that a run that dies is completed, and nothing is said twice. Where the branch or the threads
//! move meanwhile, the run starts over, once.

mod publish;
mod request;
mod threads;
mod words;

use shared::mode::{self, CommandAt, Mode, Start};
use shared::task::Task;

use self::request::Request;
use self::threads::Chosen;
use super::change::{basis, discussion, holds_plan, is_open, is_ours, number_of, own_commit};
use super::desk::Desk;
use super::ended::Stop;
use super::work::{Claim, Job, Material};
use super::{ask, asking, ci_hold, claim, clone, commit, conversation, spans, trailers, wanted, working};
use crate::bill::Bill;
use crate::cycle::Followed;
use crate::forge::model::{ChangedFile, Discussion, PullRequestKind, Stage};
use crate::git::workspace::Workspace;
use crate::llm::Ledger;
use crate::outbound::scan;
use crate::outcome::{Failure, Reason};
use crate::protocol::ask::Follow;
use crate::protocol::{Word, WordKind};
use crate::record::status::{FollowUp, Proposal, Reply, ReplyKind};

/// Changes that answer reviews, of one pull request.
const MAX_ROUNDS: usize = 5;
/// Characters of one reply.
const MAX_REPLY: usize = 1_500;
/// Characters of what is said to the pull request as a whole.
const MAX_TEXT: usize = 6_000;

/// The task in its place, if a person asked to revise a plan that is carried out already, or is none: that is a follow-up
/// on the change.
pub(super) async fn in_place_of(desk: &Desk<'_>) -> Result<Option<Task>, Stop> {
    let Start::Request(mode::Request::Feedback(at)) = desk.task.mode.start() else { return Ok(None) };
    let number = match desk.pull_request {
        Some(number) => number,
        None => match desk.forge.open_pull_request_of(&desk.branch).await? {
            Some(pull) => pull.number,
            None => return Ok(None),
        },
    };
    let Some(talk) = desk.forge.discussion(number).await? else { return Ok(None) };
    let is_over = talk.pull.stage != Stage::Open;
    if !is_ours(desk, &talk) || (holds_plan(&talk) && !is_over) {
        return Ok(None);
    }
    let at = CommandAt { pull_request: Some(number), ..at };
    Ok(Some(Task { mode: Mode::Fix(at), ..desk.task.clone() }))
}

/// Does what a task of this mode asks for.
pub(super) async fn answer(job: Job<'_>, at: CommandAt) -> Result<(), Stop> {
    let Job { lease, desk, terms, .. } = job;
    let number = number_of(desk, at).await?;
    let mut talk = discussion(desk, number).await?;
    let earlier = desk.own_status().map(|(_, status)| status);
    let kept = earlier.as_ref().and_then(|status| status.follow_up.clone());
    let commit = own_commit(desk, &talk);
    if let Some(kept) = kept.filter(|kept| !kept.changes || commit.is_some()) {
        return publish::complete(desk, terms, &talk, &kept, commit.as_deref()).await;
    }
    if let Some(commit) = commit {
        let own = working::behind_commit(desk).await?;
        let kept = own.and_then(|status| status.follow_up).unwrap_or_else(|| FollowUp {
            changes: true,
            replies: Vec::new(),
            text: "What was said to each thread was lost with the comment that kept it.".to_owned(),
            bill: String::new(),
            held: None,
        });
        return publish::complete(desk, terms, &talk, &kept, Some(&commit)).await;
    }
    may_follow(desk, &talk)?;
    // Before the claim: whoever cannot be answered leaves no trace but the answer.
    let mut wanted = find(desk, &talk, at).await?;
    let claim = claim::claim_change(desk, &talk, basis(&talk, Some(rounds(&talk) + 1)), earlier).await?;
    let mut ledger = asking::ledger(lease, desk.forge, terms);
    for is_last in [false, true] {
        let basis = basis(&talk, Some(rounds(&talk) + 1));
        let claim = Claim { head: talk.pull.head.commit.clone(), basis, ..claim.clone() };
        let made = Box::pin(once(job, &claim, &talk, &wanted, &mut ledger)).await;
        match made {
            Err(Stop::Moved(_)) if !is_last => {
                tracing::info!(pull_request = %number, "the branch or the threads have moved; starting over");
                talk = discussion(desk, number).await?;
                may_follow(desk, &talk)?;
                wanted = find(desk, &talk, at).await?;
            }
            Err(Stop::Moved(_)) => {
                let what = "The branch or its reviews changed twice while the agent worked.";
                let next = "Comment `/retry` on the pull request once nobody changes it any more.";
                return Err(Failure::new(Reason::Branch, what, next).into());
            }
            Err(stop) => return Err(stop),
            Ok(Made { kept, commit, kind }) => {
                talk.pull.kind = kind;
                return publish::complete(desk, terms, &talk, &kept, commit.as_deref()).await;
            }
        }
    }
    Ok(())
}

/// Whether there is a change that can be followed up.
fn may_follow(desk: &Desk<'_>, talk: &Discussion) -> Result<(), Stop> {
    is_open(desk, talk)?;
    let number = talk.pull.number;
    if holds_plan(talk) {
        let what = format!("#{number} holds a plan, and nothing is changed yet.");
        let next = "Comment `/revise` and what should be different for another plan, or `/approve` to have it carried out.";
        return Err(Failure::new(Reason::StalePlan, what, next).into());
    }
    if rounds(talk) >= MAX_ROUNDS {
        let what = format!("#{number} was changed {MAX_ROUNDS} times after reviews, and that is the most.");
        let next = "Push what is missing yourself; or close the pull request, say more on the issue, and comment `/retry` \
                    there.";
        return Err(Failure::new(Reason::Branch, what, next).into());
    }
    Ok(())
}

fn rounds(talk: &Discussion) -> usize {
    talk.commits.iter().filter(|commit| trailers::is_round(&commit.message)).count()
}

/// What is to be answered.
struct Wanted {
    request: Request,
    chosen: Chosen,
}

async fn find(desk: &Desk<'_>, talk: &Discussion, at: CommandAt) -> Result<Wanted, Stop> {
    let request = request::of(desk, talk, at.comment).await?;
    let chosen = threads::choose(desk, talk, &request).await?;
    if request.text.is_empty() && chosen.is_empty() {
        return Err(nothing(&request, &chosen).into());
    }
    Ok(Wanted { request, chosen })
}

fn nothing(request: &Request, chosen: &Chosen) -> Failure {
    let what = if chosen.changed > 0 {
        "What reviewers say has changed since this was asked for."
    } else if request.is_retry {
        "Nothing failed on this pull request, and no thread waits for an answer."
    } else {
        "No thread waits for an answer, and nothing else is said."
    };
    let what = words::joined(&[what.to_owned(), words::unheard(&chosen.unheard)]);
    let next = "Comment `/fix` and what should be different.";
    // What helps is no `/retry`.
    Failure::new(Reason::StalePlan, what, next)
}

/// What came of asking the model.
struct Made {
    kept: FollowUp,
    commit: Option<String>,
    /// What the pull request is by now.
    kind: PullRequestKind,
}

/// Reads, asks, keeps the answer, and makes the commit if there is a change.
async fn once(
    job: Job<'_>,
    claim: &Claim,
    talk: &Discussion,
    wanted: &Wanted,
    ledger: &mut Ledger,
) -> Result<Made, Stop> {
    let Job { lease, desk, terms, .. } = job;
    let Wanted { request, chosen } = wanted;
    let mut follow_up = FollowUp {
        changes: false,
        replies: chosen.gone.iter().map(threads::question).collect(),
        text: words::left_out(chosen),
        bill: String::new(),
        held: None,
    };
    let said = threads::material(request, chosen);
    if said.count == 0 {
        working::keep_follow_up(desk, claim, &follow_up).await?;
        return Ok(Made { kept: follow_up, commit: None, kind: talk.pull.kind });
    }
    let folder = clone::folder(desk)?;
    let workspace = clone::cloned(desk, folder.path(), lease).await?;
    if gix::ObjectId::from_hex(claim.head.as_bytes()).ok() != Some(workspace.base().commit) {
        return Err(Stop::Moved(commit::moved(desk)));
    }
    let material = conversation::material(desk, claim, &terms.repo).await?;
    let files = desk.forge.changed_files(talk.pull.number).await?;
    asking::keep_transcript(job);
    let (change, paths) = (conversation::diff(&files), paths(&files));
    let follow = Follow { change: &change, paths: &paths, said: &said.text, count: said.count };
    let asking = ask_model(job, claim, &workspace, &material, follow, ledger);
    let followed = tokio::select! {
        followed = asking => followed,
        lost = lease.lost() => Err(lost.into()),
    };
    desk.spent(Bill::if_asked(terms.engine, ledger.spent()));
    let followed = followed?;
    desk.forge.be_patient(desk.time_left());
    wanted::still_wanted(desk, claim).await?;
    let kind = still_the_same(desk, talk, wanted).await?;
    let Followed { words, patch, title, notes, account } = followed;
    follow_up.bill = Bill::of(terms.engine, account.spent).to_string();
    let mut general = String::new();
    for word in &words {
        let text = desk.gate.body_within(&word.text, MAX_REPLY).to_string();
        match said.thread_of(word.number, chosen) {
            Some(thread) => follow_up.replies.push(reply(thread, word, text)),
            None => general = words::general(word.kind, &text),
        }
    }
    let unanswered = said.count - words.len();
    follow_up.text = words::joined(&[
        general,
        words::unanswered(unanswered),
        words::notes(
            &notes.iter().map(|note| desk.gate.body_within(note, MAX_REPLY).to_string()).collect::<Vec<_>>(),
        ),
        std::mem::take(&mut follow_up.text),
    ]);
    follow_up.text = desk.gate.body_within(&follow_up.text, MAX_TEXT).to_string();
    let Some(patch) = patch else {
        working::keep_follow_up(desk, claim, &follow_up).await?;
        return Ok(Made { kept: follow_up, commit: None, kind });
    };
    scan::scan(&desk.gate, &patch)?;
    follow_up.changes = true;
    let is_held = talk.commits.last().is_some_and(|head| ci_hold::is_held(&head.message));
    follow_up.held = match ci_hold::hold(desk, terms, &patch).await? {
        // What is below has not been let go either.
        None if is_held => Some("those of the commit before are held back as well".to_owned()),
        held => held,
    };
    let title = title.unwrap_or_else(|| format!("Answer the review of #{}", talk.pull.number));
    let proposal = Proposal {
        title: ask::title_of(desk, Some(&title), None, "").to_string(),
        body: String::new(),
        bill: follow_up.bill.clone(),
        plan: None,
        held: follow_up.held.clone(),
        unplanned: Vec::new(),
    };
    working::keep_follow_up(desk, claim, &follow_up).await?;
    let landed = commit::land(desk, &workspace, claim, &patch, &proposal);
    let commit = spans::committed(desk, landed).await?;
    Ok(Made { kept: follow_up, commit: Some(commit), kind })
}

fn reply(thread: &threads::Waiting, word: &Word, text: String) -> Reply {
    let kind = match word.kind {
        WordKind::Fix => ReplyKind::Changed,
        WordKind::Answer => ReplyKind::Answered,
        WordKind::Ask => ReplyKind::Asked,
    };
    Reply { thread: thread.handle.clone(), first: thread.first, kind, text }
}

async fn ask_model(
    job: Job<'_>,
    claim: &Claim,
    workspace: &Workspace,
    material: &Material,
    follow: Follow<'_>,
    ledger: &mut Ledger,
) -> Result<Followed, Stop> {
    asking::watched(job, claim, async |progress| {
        let cycle = asking::cycle(job, workspace, &material.issue, ledger, progress);
        cycle.follow(follow).await.map_err(Stop::from)
    })
    .await
}

/// Looks whether what is answered is still what reviewers say, and what the pull request is by now.
async fn still_the_same(
    desk: &Desk<'_>,
    before: &Discussion,
    wanted: &Wanted,
) -> Result<PullRequestKind, Stop> {
    let now = discussion(desk, before.pull.number).await?;
    request::still_stands(&now, &wanted.request)?;
    if now.pull.head.commit != before.pull.head.commit || !wanted.chosen.still_holds(desk, &now).await? {
        return Err(Stop::Moved(commit::moved(desk)));
    }
    Ok(now.pull.kind)
}

fn paths(files: &[ChangedFile]) -> String {
    files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join("\n")
}
