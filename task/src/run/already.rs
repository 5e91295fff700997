//! That there is nothing to do *already*: the end of a run that found what the issue asks for in the repository.
//!
//! What was found is kept in the status comment first, as a proposal is: a run that dies after that is completed without
//! the model. There is no pull request; one that holds a plan is closed.

use shared::issue::PullRequestNumber;
use shared::state::Event;

use super::desk::Desk;
use super::ended::{Ended, Stop};
use super::ending;
use super::settings::Terms;
use super::work::Claim;
use crate::bill::Bill;
use crate::cycle::{Already, Found, Proof};
use crate::outbound::markup::code_span;
use crate::record::comment::{self, Turn};
use crate::record::status::{Finding, Phase, Status};

/// Characters of the reason.
const MAX_WHY: usize = 2_000;
/// Quotations that are shown.
const MAX_QUOTES: usize = 6;
/// Characters of one.
const MAX_LINE: usize = 200;

/// What was found, in words for the issue.
pub(super) fn finding(
    desk: &Desk<'_>,
    claim: &Claim,
    terms: &Terms<'_>,
    commit: &str,
    found: &Already,
) -> Finding {
    let Already { proof: Proof { why, quotes }, account } = found;
    let why = desk.gate.body_within(why, MAX_WHY);
    let mut lines: Vec<String> =
        quotes.iter().take(MAX_QUOTES).map(|quote| line(desk, commit, quote)).collect();
    if let Some(more) = quotes.len().checked_sub(MAX_QUOTES).filter(|more| *more > 0) {
        lines.push(format!("- and {more} more"));
    }
    let bill = Bill::of(terms.engine, account.spent).to_string();
    let pull_request = claim.basis.pull_request().or_else(|| plan_of(desk));
    let closed = pull_request.map(|number| format!("#{number}"));
    let text = comment::already(why.as_str(), &lines, closed.as_deref(), &bill);
    // What is kept has to be what may be shown: a marker that would hold a secret is refused.
    Finding { text: desk.gate.body(&text).to_string(), pull_request }
}

/// The pull request on which the command was written, where the task is about the plan on it.
fn plan_of(desk: &Desk<'_>) -> Option<PullRequestNumber> {
    desk.pull_request.filter(|_| !desk.task.mode.kind().begins_work())
}

/// One quotation, linked to the commit that was read.
fn line(desk: &Desk<'_>, commit: &str, quote: &Found) -> String {
    let Found { path, line, text } = quote;
    let last = line + text.lines().count().max(1) - 1;
    let page = desk.forge.page_of(commit, path, *line..=last);
    let lines = if last > *line { format!("lines {line}-{last}") } else { format!("line {line}") };
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let more = if last > *line { " …" } else { "" };
    let shown: String = first.chars().take(MAX_LINE).collect();
    let name = code_span(path.as_str());
    format!("- [{name}, {lines}]({page}): {}{more}", code_span(&shown))
}

/// Keeps what was found.
pub(super) async fn keep(desk: &Desk<'_>, claim: &Claim, finding: &Finding) -> Result<(), Stop> {
    let done = ["Read the repository and asked the model".to_owned()];
    let text =
        comment::working(desk.task.trigger_user.as_str(), &done, "Reporting that nothing has to change");
    let status = Status {
        since: claim.since,
        already: Some(finding.clone()),
        ..Status::of(desk.task, Phase::Working, None)
    };
    desk.record.say(&desk.gate, Some(claim.status), &text, desk.signed(status)).await?;
    Ok(())
}

/// What an earlier run of this task found and did not get to tell.
pub(super) fn kept(desk: &Desk<'_>) -> Option<Finding> {
    desk.own_status()?.1.already
}

/// The end of a run: the pull request of the plan is closed, the labels say that the task is done, and the last words say
/// why.
pub(super) async fn complete(desk: &Desk<'_>, finding: &Finding) -> Result<Stop, Stop> {
    desk.turns_to(Turn::START);
    let mut left = Vec::new();
    if let Some(number) = finding.pull_request
        && let Err(error) = desk.forge.close_pull_request(number).await
        && !error.is_absence()
    {
        let error = ending::tolerated(desk, error)?;
        tracing::warn!(%error, "the pull request of the plan could not be closed");
        left.push(format!("close #{number}: {error}"));
    }
    if let Err(error) = desk.record.move_on(Event::Finished).await {
        let error = ending::tolerated(desk, error)?;
        tracing::warn!(%error, "the labels of the issue could not be changed");
        left.push(format!("set the labels of this issue: {error}"));
    }
    let text = comment::with_left(&finding.text, &left);
    // By this it is known later that nobody declined the pull request.
    let closed =
        finding.pull_request.map(|number| Finding { text: String::new(), pull_request: Some(number) });
    let status = desk.signed(Status { already: closed, ..Status::done(desk.task) });
    let known = desk.own_status().map(|(id, _)| id);
    if let Err(error) = desk.record.say_at_last(&desk.gate, known, &text, status).await {
        let error = ending::tolerated(desk, error)?;
        tracing::error!(%error, text, "the outcome could not be reported on the issue");
    }
    Ok(Stop::Ended(Ended::Already))
}
