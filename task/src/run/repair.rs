//! *Repairing* a change whose checks fail: what they say goes to the model, and its edits onto the branch, a bounded number of
//! times.
//!
//! The count is in the commits, with a fingerprint of each failure, so nothing has to be remembered. What ends it: the
//! operator's limit, the same failure twice, a person's commit, `/stop`, the label taken away, the money; or that the change
//! is not at fault, because the same check fails on the base. Whatever it is, the status comment says what is red and what was
//! tried.

use std::collections::HashSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use shared::command::Command;
use shared::mode::ModeKind;

use super::commit::Committed;
use super::desk::Desk;
use super::ended::{Ended, LOOK_AGAIN, Stop};
use super::failures::{self, Failures};
use super::holder::{self, InTheWay};
use super::measured::Repaired;
use super::missing::Missing;
use super::settings::{self, Terms};
use super::trailers::{self, RepairTrailer};
use super::work::{Basis, Claim, Job, Repair};
use super::{branch, ci_hold, description, measured, posted, propose, spans, working};
use crate::config::Config;
use crate::context::secret_names;
use crate::cycle::End;
use crate::forge::model::{
    Commit, Comparison, Decision, FileDiff, Permission, PullRequest, PullRequestKind, Review,
};
use crate::lease::Lease;
use crate::llm::Usd;
use crate::outbound::markup::{code_span, names};
use crate::outcome::{Exit, Failure, Reason};
use crate::path::RepoPath;
use crate::record::comment::{self, Links, Red};
use crate::record::status::{Proposal, Spend, Status};
use crate::repair::evidence::{self, Failed};
use crate::repo_config::{RepoConfig, RepoConfigError};
use crate::text::Raw;
use crate::thread::Since;
use crate::tracker::model::IssueState;

/// Tokens of the change so far.
const MAX_DIFF_TOKENS: u32 = 8_000;
/// Characters of the diff of one file.
const MAX_FILE_DIFF: usize = 20_000;
/// Fingerprints of one repair.
const MAX_FINGERPRINTS: usize = 3;
/// Characters of a title.
const MAX_TITLE: usize = 200;

/// A pull request whose checks failed.
pub(super) struct Seen {
    pub(super) pull: PullRequest,
    pub(super) head: Commit,
    /// The names of the checks, in any order.
    pub(super) failed: Vec<String>,
    /// The names of checks that fail on its base by now.
    pub(super) failing_on_base: Vec<String>,
    /// What a person decided about it.
    pub(super) decision: Option<Decision>,
}

/// What the branch tells of the change so far.
struct History {
    /// The repairs, oldest first, with their titles.
    repairs: Vec<(RepairTrailer, String)>,
    /// The newest commit of ours that is neither a repair nor a merge: the change.
    change: Option<Commit>,
    /// The oldest one of them: with it the pull request began.
    first: Option<Commit>,
    /// Whether all commits are ours.
    is_ours: bool,
}

impl History {
    /// `None` where not all commits are known.
    fn of(desk: &Desk<'_>, compared: &Comparison) -> Option<Self> {
        let commits = compared.commits.as_ref()?;
        let is_ours = commits.iter().all(|commit| branch::maker(desk, commit).is_some());
        let repair = |commit: &Commit| Some((trailers::repair_of(&commit.message)?, title_of(commit)));
        let is_change =
            |commit: &&Commit| trailers::repair_of(&commit.message).is_none() && !branch::is_merge(commit);
        Some(Self {
            repairs: commits.iter().filter_map(repair).collect(),
            change: commits.iter().rfind(is_change).cloned(),
            first: commits.iter().find(is_change).cloned(),
            is_ours,
        })
    }
}

fn title_of(commit: &Commit) -> String {
    let first = commit.message.lines().next().unwrap_or_default();
    first.chars().take(MAX_TITLE).collect()
}

/// What is known before a repair begins.
struct Case<'a> {
    seen: &'a Seen,
    /// Checks that fail because of the change, and those that fail on its base as well.
    ours: Vec<String>,
    on_base: Vec<String>,
    tried: String,
}

/// Repairs what failed, or tells why not.
pub(super) async fn repair(
    config: &Config,
    lease: &Lease,
    desk: &Desk<'_>,
    repo_config: Result<RepoConfig, RepoConfigError>,
    seen: &Seen,
) -> Result<(), Stop> {
    match holder::at_work(&desk.claimant(), desk.record.statuses()) {
        Some(InTheWay::Double) => return Err(Stop::Ended(Ended::Nothing(InTheWay::Double.why()))),
        Some(InTheWay::Other) => {
            return Err(Stop::Ended(Ended::after_other(desk.attempt, InTheWay::Other.why(), LOOK_AGAIN)));
        }
        // Of an end that is final, whoever called this knows.
        Some(InTheWay::Finished | InTheWay::Answered) | None => {}
    }
    let compared = desk.forge.compare(&seen.pull.base, &seen.head.id).await?;
    if compared.paths.as_ref().is_some_and(Vec::is_empty) {
        return Err(Stop::Ended(Ended::Nothing(branch::HOLDS_PLAN)));
    }
    let mut on_base = seen.failing_on_base.clone();
    // The base can have moved on since.
    if compared.behind > 0 {
        on_base.extend(desk.forge.failing_on(&compared.merge_base).await?);
    }
    let mut failed = seen.failed.clone();
    failed.sort();
    failed.dedup();
    let (on_base, ours): (Vec<String>, Vec<String>) =
        failed.iter().cloned().partition(|name| on_base.contains(name));
    let history = History::of(desk, &compared);
    let tried = history.as_ref().map(|history| listed(&history.repairs)).unwrap_or_default();
    let case = Case { seen, ours, on_base, tried };
    let terms = match repo_config
        .map_err(|error| settings::unusable(&error))
        .and_then(|repo| settings::terms(config, desk.settings, repo))
    {
        Ok(terms) => terms,
        Err(failure) => return give_up(desk, &case, &failure.what).await,
    };
    let Some(history) = history else {
        let why = "It has more commits than can be looked through, so nothing is repaired.";
        return give_up(desk, &case, why).await;
    };
    if let Some(why) = not_to(desk, &terms, &case, &history).await? {
        return give_up(desk, &case, &why).await;
    }
    let (terms, repair) = match prepare(desk, terms, &case, &history, &compared).await? {
        Ok(prepared) => prepared,
        Err(why) => return give_up(desk, &case, &why).await,
    };
    make(Job { config, lease, desk, terms: &terms }, &case, repair).await
}

/// Why there is no repair, in sentences for the maintainer, as far as the failure need not be looked at; empty where there is
/// nothing to say.
async fn not_to(
    desk: &Desk<'_>,
    terms: &Terms<'_>,
    case: &Case<'_>,
    history: &History,
) -> Result<Option<String>, Stop> {
    let trigger = &desk.record.names().trigger;
    let why = if terms.repairs == 0 || case.ours.is_empty() {
        String::new()
    } else if !history.is_ours {
        "A person has committed to the branch, so the agent leaves it alone.".to_owned()
    } else if desk.issue.state != IssueState::Open {
        "The issue is closed, so nothing is repaired.".to_owned()
    } else if !desk.record.has_label(trigger) {
        format!("The label `{trigger}` was removed from the issue, so nothing is repaired.")
    } else if history.repairs.len() as u64 >= u64::from(terms.repairs) {
        let repairs =
            if terms.repairs == 1 { "1 repair".to_owned() } else { format!("{} repairs", terms.repairs) };
        format!("That is all: a pull request gets {repairs} at most.")
    } else if left(desk, terms, history).is_spent() {
        "The repairs of this pull request have cost as much as one run may.".to_owned()
    } else if let Some(decision) = &case.seen.decision {
        format!("{}, so nothing is repaired unasked.", decided(decision))
    } else if let Some(login) = stopped_by(desk, case, history).await? {
        format!("`{login}` asked to stop, so nothing is repaired.")
    } else {
        return Ok(None);
    };
    Ok(Some(why))
}

/// What somebody decided, as a sentence without its end. Whoever approved a change has not seen what a repair makes of it.
fn decided(decision: &Decision) -> String {
    match decision {
        Decision::Approved(login) => format!("{} has approved the pull request", code_span(login)),
        Decision::MergesItself => "The pull request is to be merged by itself once it may be".to_owned(),
    }
}

/// What the repairs of this pull request may still cost, all of them together, whatever was changed between them.
fn left(desk: &Desk<'_>, terms: &Terms<'_>, history: &History) -> crate::llm::Ceiling {
    let maker = history.first.as_ref().and_then(|commit| branch::maker(desk, commit));
    let since = maker.and_then(|task| desk.record.status_of(task)).map_or(0, |(id, _)| id);
    let of_this = desk.record.statuses().iter().filter(|said| said.id > since);
    let spent = of_this.filter_map(|said| said.status.spent).fold(Spend::default(), Spend::plus);
    terms.ceiling.left_after(spent.tokens, Usd::of_millionths(spent.millionths))
}

/// The login of who wrote `/stop` since the change was made, and may.
async fn stopped_by(desk: &Desk<'_>, case: &Case<'_>, history: &History) -> Result<Option<String>, Stop> {
    let Some(since) = history.change.as_ref().map(|commit| commit.at) else { return Ok(None) };
    let pull =
        desk.forge.pull_request_snapshot(case.seen.pull.number, Since { at: since, comment: None }).await?;
    let is_stop = |body: &Raw| Command::parse(body.for_machine()) == Some(Command::Stop);
    let mut logins: Vec<String> = desk
        .record
        .comments()
        .iter()
        .filter(|comment| comment.created_at >= since && is_stop(&comment.body))
        .filter_map(|comment| Some(comment.by.as_ref()?.login.clone()))
        .collect();
    if let Some(pull) = pull {
        let remarks =
            pull.remarks.iter().filter(|remark| remark.created_at >= since && is_stop(&remark.body));
        logins.extend(remarks.filter_map(|remark| remark.by.clone()));
        let texts = pull.reviews.iter().flat_map(Review::texts);
        let stops = texts.filter(|text| text.created_at >= since && is_stop(&text.body));
        logins.extend(stops.filter_map(|text| text.by.clone()));
    }
    let mut known = HashSet::new();
    for login in logins {
        if known.insert(login.clone()) && desk.forge.permission(&login).await? == Permission::Write {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

/// Everything that the model is to be shown; or why there is nothing to show it.
async fn prepare<'t>(
    desk: &Desk<'_>,
    terms: Terms<'t>,
    case: &Case<'_>,
    history: &History,
    compared: &Comparison,
) -> Result<Result<(Terms<'t>, Repair), String>, Stop> {
    let Failures { failed, missing } = failures::look(desk, &case.seen.head.id, &case.ours).await?;
    let telling: Vec<Failed> = failed.into_iter().filter(|failed| !failed.says_nothing()).collect();
    let missing = missing.join(" ");
    if telling.is_empty() {
        let why = format!("Nothing says what went wrong, so there is nothing to repair it by. {missing}");
        return Ok(Err(why.trim_end().to_owned()));
    }
    let fingerprints: Vec<String> = telling.iter().map(Failed::fingerprint).take(MAX_FINGERPRINTS).collect();
    let is_known = |print: &String| history.repairs.iter().any(|(done, _)| done.fingerprints.contains(print));
    if let Some(at) = fingerprints.iter().position(is_known) {
        let name = code_span(&telling[at].name);
        return Ok(Err(format!("{name} fails as it did before a repair, so another one is of no use.")));
    }
    let ceiling = left(desk, &terms, history);
    let maker = history.change.as_ref().and_then(|commit| branch::maker(desk, commit));
    let made = maker.and_then(|task| desk.record.status_of(task)).map(|(_, status)| status);
    let number = u32::try_from(history.repairs.len()).unwrap_or(u32::MAX).saturating_add(1);
    let evidence = evidence::compose(&telling, evidence::MAX_TOKENS);
    tracing::info!(
        number,
        tokens = crate::context::tokens::estimate(&evidence),
        checks = telling.len(),
        missing,
        "a repair begins"
    );
    let mut red = [case.ours.clone(), case.on_base.clone()].concat();
    red.sort();
    let repair = Repair {
        pull_request: case.seen.pull.number,
        number,
        most: terms.repairs,
        red,
        ours: case.ours.clone(),
        fingerprints,
        evidence,
        diff: diff(desk, compared),
        changed: changed(compared),
        plan: plan(desk, &case.seen.pull, made.as_ref()).await?,
        digest: made.and_then(|status| status.issue),
        title: history.change.as_ref().map(title_of).unwrap_or_default(),
        co_author: trailers::co_author(&case.seen.head.message).map(str::to_owned),
    };
    Ok(Ok((Terms { ceiling, ..terms }, repair)))
}

/// The change so far, as far as there is room for it.
fn diff(desk: &Desk<'_>, compared: &Comparison) -> String {
    let files = compared.diffs.iter().map(shown);
    evidence::within(&desk.gate.redact(&files.collect::<String>()), MAX_DIFF_TOKENS)
}

/// What a file has become, unless it holds secrets by its name.
fn shown(file: &FileDiff) -> String {
    if secret_names::may_be_secret(&file.path) {
        return format!("--- {}\n{}\n", file.path, secret_names::NOT_SHOWN);
    }
    let text = file.diff.clone().clean_text(MAX_FILE_DIFF);
    format!("--- {}\n{}\n", file.path, text.as_str())
}

fn changed(compared: &Comparison) -> Vec<RepoPath> {
    let paths = compared.paths.iter().flatten();
    paths.filter_map(|path| RepoPath::parse(path).ok()).collect()
}

/// The plan that the change carries out. A change that was made without one has none, as far as that is known.
async fn plan(
    desk: &Desk<'_>,
    pull: &PullRequest,
    made: Option<&Status>,
) -> Result<Option<crate::plan::Plan>, Stop> {
    let answered = made.and_then(|status| ModeKind::named(status.answered.as_deref()?));
    if answered.is_some_and(ModeKind::skips_plan) {
        return Ok(None);
    }
    Ok(posted::find_plan(desk, pull.number).await?.map(|posted| posted.plan))
}

/// Asks the model and commits; tells what came of it.
async fn make(job: Job<'_>, case: &Case<'_>, repair: Repair) -> Result<(), Stop> {
    let desk = job.desk;
    let since = desk.own_status().map_or_else(Timestamp::now, |(_, status)| status.since);
    let status = begin(desk, since).await?;
    let trailer =
        RepairTrailer { number: repair.number, most: repair.most, fingerprints: repair.fingerprints.clone() };
    let claim = Claim {
        head: case.seen.head.id.clone(),
        status,
        since,
        base: case.seen.pull.base.clone(),
        basis: Basis::Repair(Box::new(repair)),
        proposal: None,
        plan: None,
    };
    match Box::pin(propose::propose(job, &claim)).await {
        Ok(End::Made(Committed { proposal, commit })) => {
            measured::repaired(Repaired::Committed);
            finish(desk, &case.seen.pull, &proposal, &trailer, commit.as_deref()).await
        }
        Ok(End::Already(found)) => {
            measured::repaired(Repaired::NotMade);
            tell(desk, case, &found.text).await
        }
        Err(Stop::Ended(Ended::Nothing(why))) => {
            measured::repaired(Repaired::NotMade);
            not_needed(desk, case, claim.status, why).await
        }
        Err(Stop::Failure(failure)) if failure.reason.exit() != Exit::Passing => {
            measured::repaired(Repaired::NotMade);
            tell(desk, case, &not_made(&failure, &trailer)).await
        }
        // What to do about a branch that has moved is for who asked for a change.
        Err(Stop::Moved(_)) => {
            measured::repaired(Repaired::NotMade);
            not_needed(desk, case, claim.status, "the branch was changed").await
        }
        // It is tried again, or nobody wants it any more.
        Err(other) => Err(other),
    }
}

/// The first words of a repair. Whoever said meanwhile that they work goes first: which comment is older decides nothing here,
/// because this task can have had one long before it had anything to repair.
async fn begin(desk: &Desk<'_>, since: Timestamp) -> Result<u64, Stop> {
    let status = working::begin_repair(desk, since).await?;
    let mut others = desk.record.statuses_now().await?;
    working::alone(desk, status, &others).await?;
    others.retain(|said| said.id != status);
    if holder::at_work(&desk.claimant(), &others) != Some(InTheWay::Other) {
        return Ok(status);
    }
    let text = comment::left_off("another run works on the issue");
    let signed = desk.signed(Status::open_again(desk.task));
    desk.record.say_at_last(&desk.gate, Some(status), &text, signed).await?;
    Err(Stop::Ended(Ended::after_other(desk.attempt, InTheWay::Other.why(), LOOK_AGAIN)))
}

async fn not_needed(desk: &Desk<'_>, case: &Case<'_>, status: u64, why: &str) -> Result<(), Stop> {
    let text = comment::not_needed(&desk.linked(case.seen.pull.number), why);
    let signed = desk.signed(Status::open_again(desk.task));
    Ok(desk.record.say_at_last(&desk.gate, Some(status), &text, signed).await?)
}

/// Why a repair was not made.
fn not_made(failure: &Failure, which: &RepairTrailer) -> String {
    let RepairTrailer { number, most, .. } = which;
    // What to do about a branch is for who asked for a change.
    let next = if failure.reason == Reason::Branch { String::new() } else { comment::next_of(failure) };
    let what = format!("Repair {number} of {most} was not made. {}", comment::sentence(&failure.what));
    if next.is_empty() { what } else { format!("{what}\n\n{next}") }
}

/// Tells of a repair that is on the branch, where the run that made it did not get to that.
pub(super) async fn complete(desk: &Desk<'_>, pull: &PullRequest, head: &Commit) -> Result<(), Stop> {
    let own = working::behind_commit(desk).await?;
    let Some(trailer) = trailers::repair_of(&head.message) else {
        return Err(Stop::Ended(Ended::Nothing("the newest commit is no repair")));
    };
    let kept = own.and_then(|status| status.proposal);
    let proposal = kept.unwrap_or_else(|| Proposal {
        title: title_of(head),
        body: "The report of the repair was lost.".to_owned(),
        bill: String::new(),
        plan: None,
        held: ci_hold::is_held(&head.message).then(|| "why is not known any more".to_owned()),
        unplanned: Vec::new(),
    });
    finish(desk, pull, &proposal, &trailer, Some(&head.id)).await
}

async fn said_at_last(desk: &Desk<'_>, text: &str) -> Result<(), Stop> {
    Ok(desk.record.say_at_last(&desk.gate, None, text, desk.signed(Status::done(desk.task))).await?)
}

async fn finish(
    desk: &Desk<'_>,
    pull: &PullRequest,
    proposal: &Proposal,
    which: &RepairTrailer,
    commit: Option<&str>,
) -> Result<(), Stop> {
    let mut missing = Missing::of(desk);
    if let Some(commit) = commit {
        let described = description::follow(desk, pull, commit, proposal.held.as_deref()).await;
        missing.unless(described, description::LEFT)?;
    }
    let then = match &proposal.held {
        Some(why) => comment::held(why),
        None if !proposal.unplanned.is_empty() => match pull.kind {
            PullRequestKind::Draft => comment::OUTSIDE_PLAN.to_owned(),
            PullRequestKind::Ready => comment::REPAIRED_OUTSIDE_PLAN.to_owned(),
        },
        None => comment::CHECKED_AGAIN.to_owned(),
    };
    let RepairTrailer { number, most, .. } = which;
    let Proposal { title, body, bill, .. } = proposal;
    let link = desk.linked_to(pull.number, Links { commit, ..Links::default() });
    let text = comment::repaired(&link, &format!("{number} of {most}"), title, body, &then, bill);
    let text = comment::with_left(&text, &missing.lines);
    spans::published(desk, pull.number, said_at_last(desk, &text)).await
}

/// Tells that there is no repair, and counts it where the change is at fault and repairs are wanted.
async fn give_up(desk: &Desk<'_>, case: &Case<'_>, why: &str) -> Result<(), Stop> {
    tell(desk, case, why).await?;
    if !why.is_empty() && !case.ours.is_empty() {
        measured::repaired(Repaired::GivenUp);
    }
    Ok(())
}

/// Tells once for each commit what is red, what was tried, and why there is no more of it.
async fn tell(desk: &Desk<'_>, case: &Case<'_>, why: &str) -> Result<(), Stop> {
    let is_first = desk.own_status().is_none();
    let bill = desk.bill().map_or_else(String::new, |bill| bill.to_string());
    let (ours, on_base) = (names(&case.ours), names(&case.on_base));
    let kind = case.seen.pull.kind;
    let red = Red { ours: &ours, on_base: &on_base, tried: &case.tried, why, bill: &bill, kind };
    let text = comment::checks_failed(&desk.linked(case.seen.pull.number), &red);
    desk.record.say_at_last(&desk.gate, None, &text, desk.signed(Status::done(desk.task))).await?;
    working::said_alone(desk, is_first).await
}

fn listed(repairs: &[(RepairTrailer, String)]) -> String {
    let mut text = String::new();
    for (RepairTrailer { number, most, .. }, title) in repairs {
        write!(text, "\n- repair {number} of {most}: {}", code_span(title)).expect("a String takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_of_a_file_with_secrets_is_not_shown() {
        let file =
            |path: &str| FileDiff { path: path.to_owned(), diff: Raw::new("+color = violet".to_owned()) };
        assert_eq!(shown(&file("config.toml")), "--- config.toml\n+color = violet\n");
        for path in ["deploy/prod.env", ".npmrc", "id_rsa"] {
            let expected = format!("--- {path}\n(not shown: its name says that it may hold secrets)\n");
            assert_eq!(shown(&file(path)), expected);
        }
    }
}
