//! `ai-agent report`: what became of the agent's work in a time, from the tracker alone: its pull requests, and what its
//! comments say of its tasks. Nothing is changed.
//!
//! The markers of comments tell which tasks there were, of which mode, and what they cost; their MAC tells that they are the
//! agent's. One of an earlier release does not have all of that, and the words of its comment tell the cost.

mod budgets;
mod facts;
mod page;
mod table;
mod told;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use shared::env::Environment;
use shared::env::catalog::{self, Group};
use shared::issue::IssueId;
use shared::repo::Repo;

pub use facts::Results;

use crate::broker::Line;
use crate::budget::Bank;
use crate::call::CallError;
use crate::forge::model::Whole;
use crate::forge::{Past, of_organization};
use crate::lease::Lease;
use crate::marker::Marks;
use crate::outcome::{Failure, Reason};
use crate::progress::Step;
use crate::run::settings::RunSettings;
use facts::{Of, PullFacts, TaskFacts};

/// What [`report`] reads in addition to what a run does: it asks the broker what is left of the budgets.
pub const READS: &[&Group] = &[&catalog::BROKER, &catalog::BROKER_WAIT];

/// Pull requests of one repository whose reviews are read; each is a call.
const MAX_REVIEWED: usize = 1_000;
/// Repositories of an organization.
const MAX_REPOSITORIES: usize = 500;

/// Report what became of the agent's work: pull requests, merge rate, costs, review rounds, by week and by mode.
///
/// Everything is read from the tracker: no telemetry, no database, and nothing is changed. Costs come from what the agent's
/// comments say. Issues of Jira are known by their pull requests.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// A repository, as OWNER/NAME or by its address; may be given several times.
    #[arg(long, value_name = "REPOSITORY", required_unless_present = "org")]
    repo: Vec<String>,
    /// Every repository of an organization that the credentials reach, by its name or its address.
    #[arg(long, value_name = "NAME", conflicts_with = "repo")]
    org: Option<String>,
    /// Where the time begins: a date such as 2026-09-01, or how long ago, such as 30d or 12weeks.
    #[arg(long, value_name = "WHEN", default_value = "90d")]
    since: String,
    /// Print the report as JSON, see docs/report.schema.json.
    #[arg(long)]
    pub json: bool,
    /// Also write it as a page for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Reads everything, and puts it together.
pub async fn report(
    args: &ReportArgs,
    env: &Environment,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Results, Failure> {
    let usage = |error: String| Failure::new(Reason::Usage, error, "Correct it and run the command again.");
    env.check(&[crate::run::settings::LOOKS, READS].concat()).map_err(|error| usage(error.to_string()))?;
    let settings = RunSettings::of_looks(env).map_err(|error| usage(error.to_string()))?;
    let until = Timestamp::now();
    let since = since(&args.since, until).ok_or_else(|| usage(not_a_time(&args.since)))?;
    let line = Line::beside(env, "report").map_err(|error| usage(error.to_string()))?;
    let bank = line.as_ref().and_then(|line| Bank::new(line, &settings.budgets));
    let (_keep, lease) = Lease::new();
    let (repositories, whole) = repositories(args, &settings, &lease).await?;
    let mut results = Results::new(since, until);
    if whole == Whole::No {
        results.leave_out_repositories();
    }
    let (mut numbers, mut first_unread) = (Vec::new(), None);
    for (number, repo) in (1..).zip(&repositories) {
        progress(Step::Note(format!("repository {number} of {}: {repo}", repositories.len())));
        match of_repository(&settings, repo, &lease, since).await {
            Ok((number, of)) => {
                numbers.push((number, repo.to_string()));
                results.add(of);
            }
            // What is transient is a matter of the service, and the others would wait for it, too.
            Err(error) if error.is_passing() => return Err(not_read(repo, &error)),
            Err(error) => {
                first_unread.get_or_insert_with(|| not_read(repo, &error));
                results.leave_out(repo.to_string(), error.to_string());
            }
        }
    }
    if let (true, Some(failure)) = (numbers.is_empty(), first_unread) {
        return Err(failure);
    }
    if let Some(bank) = bank {
        match budgets::left(&bank, &numbers).await {
            Ok(left) => results.budgets = Some(left),
            Err(error) => results.budgets_unknown = Some(crate::causes::chain(&error)),
        }
    }
    if let Some(line) = line {
        line.close().await;
    }
    results.finish();
    if let Some(file) = &args.html {
        std::fs::write(file, page::page(&results)).map_err(|error| {
            let what = format!("the page cannot be written to {}: {error}", file.display());
            Failure::new(Reason::Storage, what, "Give a place that can be written to with `--html`.")
        })?;
    }
    Ok(results)
}

fn not_read(repo: &Repo, error: &CallError) -> Failure {
    let reason = if error.is_passing() { Reason::Unavailable } else { Reason::Repository };
    Failure::new(
        reason,
        format!("{repo} cannot be read: {error}"),
        "Check the name, and the credentials that are used.",
    )
}

/// Says so of a time that cannot be read.
pub(crate) fn not_a_time(text: &str) -> String {
    format!("invalid time {text:?} for --since: use a date such as 2026-09-01, or a time such as 30d")
}

/// A date, or a time before now.
pub(crate) fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    let start = if let Ok(date) = text.parse::<Date>() {
        date.to_zoned(TimeZone::UTC).ok()?.timestamp()
    } else {
        let ago: Duration = humantime::parse_duration(text).ok()?;
        now.checked_sub(ago).ok()?
    };
    (start < now).then_some(start)
}

/// A repository by its address, or by OWNER/NAME on the host of the settings.
pub(crate) fn repository(text: &str, settings: &RunSettings) -> Result<Repo, Failure> {
    let address = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{}/{text}", settings.hosts.host())
    };
    Repo::parse(&address, &settings.hosts).map_err(|error| {
        Failure::new(Reason::Usage, format!("`{address}`: {error}"), "Give OWNER/NAME, or an address.")
    })
}

async fn repositories(
    args: &ReportArgs,
    settings: &RunSettings,
    lease: &Lease,
) -> Result<(Vec<Repo>, Whole), Failure> {
    let Some(org) = &args.org else {
        let named: Result<Vec<Repo>, Failure> =
            args.repo.iter().map(|text| repository(text, settings)).collect();
        return Ok((named?, Whole::Yes));
    };
    // Only its owner counts.
    let any = repository(&format!("{}/any", org.trim_end_matches('/')), settings)?;
    let (found, whole) =
        of_organization(&settings.login(&any, lease)).await.map_err(|error| not_read(&any, &error))?;
    if found.is_empty() {
        let what = format!("no repository of {org} can be seen");
        return Err(Failure::new(
            Reason::Repository,
            what,
            "Check the name, and where the App is installed.",
        ));
    }
    Ok(at_most(MAX_REPOSITORIES, found, whole))
}

/// The first of a list, and whether that is all of it.
fn at_most<T>(most: usize, mut found: Vec<T>, whole: Whole) -> (Vec<T>, Whole) {
    let whole = if found.len() > most { Whole::No } else { whole };
    found.truncate(most);
    (found, whole)
}

async fn of_repository(
    settings: &RunSettings,
    repo: &Repo,
    lease: &Lease,
    since: Timestamp,
) -> Result<(u64, Of), CallError> {
    let past = Past::open(&settings.login(repo, lease)).await?;
    let of = read(settings, repo, &past, since).await.map(|of| (past.number(), of));
    if let Err(error) = past.close().await {
        tracing::warn!(%error, "the installation token could not be revoked; it expires within the hour");
    }
    of
}

async fn read(settings: &RunSettings, repo: &Repo, past: &Past, since: Timestamp) -> Result<Of, CallError> {
    let marks = Marks::new(settings.marker_key.clone(), past.number());
    let mut tasks: Vec<TaskFacts> = Vec::new();
    let comments = past.comments(since, |comment| tasks.extend(told::task(&marks, &comment))).await?;
    let mut pulls: Vec<PullFacts> = Vec::new();
    let of_pulls = past
        .pull_requests(since, |pull| {
            if let Some(issue) = IssueId::of_branch(&pull.branch) {
                pulls.push(told::pull_request(&pull, issue));
            }
        })
        .await?;
    for pull in pulls.iter_mut().take(MAX_REVIEWED) {
        pull.review_rounds = Some(past.review_rounds(pull.number).await?);
    }
    let is_whole = comments == Whole::Yes && of_pulls == Whole::Yes && pulls.len() <= MAX_REVIEWED;
    Ok(Of::new(repo.to_string(), tasks, pulls, is_whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_cut_is_not_whole() {
        for (found, whole, expected) in [
            (vec![1, 2], Whole::Yes, (vec![1, 2], Whole::Yes)),
            (vec![1, 2, 3], Whole::Yes, (vec![1, 2], Whole::No)),
            (vec![1, 2], Whole::No, (vec![1, 2], Whole::No)),
        ] {
            assert_eq!(at_most(2, found, whole), expected);
        }
    }

    #[test]
    fn a_time_begins_at_a_date_or_so_long_ago() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-09-01", Some("2026-09-01T00:00:00Z")),
            ("30d", Some("2026-10-30T12:00:00Z")),
            ("2weeks", Some("2026-11-15T12:00:00Z")),
            ("2027-01-01", None),
            ("soon", None),
            ("", None),
            ("99999999y", None),
        ] {
            assert_eq!(since(text, now).map(|time| time.to_string()).as_deref(), expected, "{text}");
        }
    }
}
