//! The *facts* of a report: figures for all, by repository, by week and by mode. docs/report.schema.json describes them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use shared::issue::IssueId;

use super::budgets::Budget;
use crate::forge::model::Stage;

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    /// Explained on the issue.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// It works, or waits.
    NotYet,
}

/// A task, as its status comment tells it.
#[derive(Clone, Debug)]
pub(super) struct TaskFacts {
    pub(super) id: String,
    pub(super) issue: IssueId,
    pub(super) mode: Option<String>,
    pub(super) began: Timestamp,
    /// When it was asked for; where nobody told it, when it began.
    pub(super) asked: Timestamp,
    pub(super) ended: Ended,
    pub(super) cost_usd: Option<f64>,
    /// The pull request that the agent closed itself, because nothing had to change.
    pub(super) withdrew: Option<u64>,
}

/// A pull request of the agent's.
#[derive(Clone, Debug)]
pub(super) struct PullFacts {
    pub(super) number: u64,
    pub(super) issue: IssueId,
    pub(super) stage: Stage,
    pub(super) opened: Timestamp,
    /// `None` where reviews were not read.
    pub(super) review_rounds: Option<u32>,
    /// What its description tells, for an issue whose comments are elsewhere.
    pub(super) cost_usd: Option<f64>,
}

/// What one repository has.
pub(super) struct Of {
    name: String,
    tasks: Vec<TaskFacts>,
    pulls: Vec<PullFacts>,
    is_whole: bool,
}

impl Of {
    pub(super) fn new(
        name: String,
        mut tasks: Vec<TaskFacts>,
        pulls: Vec<PullFacts>,
        is_whole: bool,
    ) -> Self {
        // A task that was told twice, because the answer to a call was lost, is one.
        tasks.sort_by(|one, other| {
            (&one.id, one.ended == Ended::NotYet).cmp(&(&other.id, other.ended == Ended::NotYet))
        });
        tasks.dedup_by(|one, other| one.id == other.id);
        Self { name, tasks, pulls, is_whole }
    }

    /// What opened a pull request: a quick fix, or a plan.
    fn opened_by(&self, pull: &PullFacts) -> &'static str {
        let mut of_issue = self.tasks.iter().filter(|task| task.issue == pull.issue).peekable();
        if of_issue.peek().is_none() {
            return "unknown";
        }
        let is_planned =
            |task: &TaskFacts| matches!(task.mode.as_deref(), Some("plan" | "revise" | "approve"));
        if of_issue.any(is_planned) { "plan" } else { "quickfix" }
    }
}

/// Figures of a part of the work.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Issues with a task that ended, or with a pull request.
    pub issues: u64,
    /// Tasks that ended: each request is one, however many attempts it took.
    pub tasks: u64,
    pub done: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub pull_requests: u64,
    pub merged: u64,
    pub declined: u64,
    pub open: u64,
    /// Closed by the agent itself, because nothing had to change.
    pub withdrawn: u64,
    /// Merged of those that people closed; `None` where they closed none.
    pub merge_rate: Option<f64>,
    /// How often reviewers asked for changes.
    pub review_rounds: u64,
    pub cost_usd: f64,
    /// Tasks whose cost nobody told: an unknown price, or a release that did not say it.
    pub tasks_of_unknown_cost: u64,
    /// `None` where none was merged.
    pub usd_per_merged: Option<f64>,
    /// Between the request and the pull request; the median.
    pub wait_seconds: Option<u64>,
    #[serde(skip)]
    waits: Vec<u64>,
    #[serde(skip)]
    of_issues: std::collections::BTreeSet<String>,
}

impl Figures {
    fn add_task(&mut self, repository: &str, task: &TaskFacts) {
        match task.ended {
            Ended::Done => self.done += 1,
            Ended::Failed => self.failed += 1,
            Ended::Cancelled => self.cancelled += 1,
            Ended::NotYet => {}
        }
        if task.ended != Ended::NotYet {
            self.tasks += 1;
            self.of_issues.insert(format!("{repository} {}", task.issue));
        }
        match task.cost_usd {
            Some(cost) => self.cost_usd += cost,
            None if task.ended != Ended::NotYet => self.tasks_of_unknown_cost += 1,
            None => {}
        }
    }

    fn add_pull(&mut self, repository: &str, pull: &PullFacts, wait: Option<u64>, closed_by_agent: bool) {
        self.pull_requests += 1;
        match pull.stage {
            Stage::Merged => self.merged += 1,
            Stage::Closed if closed_by_agent => self.withdrawn += 1,
            Stage::Closed => self.declined += 1,
            Stage::Open => self.open += 1,
        }
        self.review_rounds += u64::from(pull.review_rounds.unwrap_or_default());
        self.waits.extend(wait);
        self.of_issues.insert(format!("{repository} {}", pull.issue));
    }

    fn finish(&mut self) {
        self.issues = self.of_issues.len() as u64;
        #[expect(clippy::cast_precision_loss, reason = "numbers of pull requests")]
        let ratio = |part: f64, whole: u64| (whole > 0).then(|| part / whole as f64);
        #[expect(clippy::cast_precision_loss, reason = "numbers of pull requests")]
        let merged = self.merged as f64;
        self.merge_rate = ratio(merged, self.merged + self.declined);
        // Millionths of a dollar.
        self.cost_usd = (self.cost_usd * 1e6).round() / 1e6;
        self.usd_per_merged = ratio(self.cost_usd, self.merged).map(|cost| (cost * 1e6).round() / 1e6);
        self.waits.sort_unstable();
        self.wait_seconds = self.waits.get(self.waits.len() / 2).copied();
    }
}

/// Figures with what they are of.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// A repository, the Monday that a week begins with, or a mode.
    pub name: String,
    #[serde(flatten)]
    pub figures: Figures,
}

/// A repository that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct Unread {
    pub name: String,
    pub why: String,
}

/// Everything that was found. The JSON is this.
#[derive(Debug, Serialize)]
pub struct Results {
    pub outcome: &'static str,
    pub since: Timestamp,
    pub until: Timestamp,
    /// Whether all was read; very long lists are not. Known at the end.
    pub complete: bool,
    /// Repositories that are in none of the figures.
    pub unread: Vec<Unread>,
    pub total: Figures,
    pub repositories: Vec<Row>,
    pub weeks: Vec<Row>,
    pub modes: Vec<Row>,
    /// What is left of the budgets; none where no broker is named, or nothing is limited.
    pub budgets: Option<Vec<Budget>>,
    /// Why that is not known, where a broker is named.
    pub budgets_unknown: Option<String>,
    /// Whether a list was too long to be read to its end, of a repository or of the repositories.
    #[serde(skip)]
    pub(super) is_list_cut: bool,
    #[serde(skip)]
    pub(super) are_repositories_cut: bool,
    #[serde(skip)]
    by_week: BTreeMap<String, Figures>,
    #[serde(skip)]
    by_mode: BTreeMap<String, Figures>,
}

impl Results {
    pub(super) fn new(since: Timestamp, until: Timestamp) -> Self {
        let mut results = Self {
            outcome: "reported",
            since,
            until,
            complete: false,
            unread: Vec::new(),
            total: Figures::default(),
            repositories: Vec::new(),
            weeks: Vec::new(),
            modes: Vec::new(),
            budgets: None,
            budgets_unknown: None,
            is_list_cut: false,
            are_repositories_cut: false,
            by_week: BTreeMap::new(),
            by_mode: BTreeMap::new(),
        };
        // A week without anything is one all the same.
        let mut day = since;
        while day <= until {
            results.by_week.insert(week_of(day), Figures::default());
            let Ok(next) = day.checked_add(168.hours()) else { break };
            day = next;
        }
        results.by_week.insert(week_of(until), Figures::default());
        results
    }

    /// Says that there are more repositories.
    pub(super) fn leave_out_repositories(&mut self) {
        self.are_repositories_cut = true;
    }

    /// Says that a repository could not be read.
    pub(super) fn leave_out(&mut self, name: String, why: String) {
        self.unread.push(Unread { name, why });
    }

    pub(super) fn add(&mut self, of: Of) {
        let name = of.name.as_str();
        let mut own = Figures::default();
        for task in &of.tasks {
            let mode = task.mode.clone().unwrap_or_else(|| "unknown".to_owned());
            for figures in [
                &mut own,
                &mut self.total,
                self.by_week.entry(week_of(task.began)).or_default(),
                self.by_mode.entry(mode).or_default(),
            ] {
                figures.add_task(name, task);
            }
        }
        for pull in &of.pulls {
            let of_issue = || of.tasks.iter().filter(|task| task.issue == pull.issue);
            let asked = of_issue().map(|task| task.asked).filter(|asked| *asked <= pull.opened).max();
            let wait =
                asked.and_then(|asked| u64::try_from(pull.opened.duration_since(asked).as_secs()).ok());
            let closed_by_agent = of_issue().any(|task| task.withdrew == Some(pull.number));
            let mode = of.opened_by(pull).to_owned();
            // Of an issue of Jira the comments are there; the description tells what its pull request cost.
            let elsewhere = of_issue().next().is_none().then_some(pull.cost_usd).flatten();
            for figures in [
                &mut own,
                &mut self.total,
                self.by_week.entry(week_of(pull.opened)).or_default(),
                self.by_mode.entry(mode).or_default(),
            ] {
                figures.add_pull(name, pull, wait, closed_by_agent);
                figures.cost_usd += elsewhere.unwrap_or_default();
            }
        }
        self.is_list_cut |= !of.is_whole;
        self.repositories.push(Row { name: of.name, figures: own });
    }

    pub(super) fn finish(&mut self) {
        self.complete = self.unread.is_empty() && !self.is_list_cut && !self.are_repositories_cut;
        let rows = |figures: BTreeMap<String, Figures>| {
            figures.into_iter().map(|(name, figures)| Row { name, figures }).collect::<Vec<_>>()
        };
        self.weeks = rows(std::mem::take(&mut self.by_week));
        self.modes = rows(std::mem::take(&mut self.by_mode));
        let all = [&mut self.repositories, &mut self.weeks, &mut self.modes];
        for row in all.into_iter().flatten() {
            row.figures.finish();
        }
        self.total.finish();
    }
}

/// The Monday of a time's week, in UTC.
fn week_of(time: Timestamp) -> String {
    let date = time.to_zoned(TimeZone::UTC).date();
    let days = i64::from(date.weekday().to_monday_zero_offset());
    date.checked_sub(days.days()).unwrap_or(date).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_week_begins_on_monday() {
        for (day, monday) in [
            ("2026-11-30T00:00:00Z", "2026-11-30"),
            ("2026-12-06T23:59:59Z", "2026-11-30"),
            ("2026-01-01T00:00:00Z", "2025-12-29"),
        ] {
            assert_eq!(week_of(time(day)), monday);
        }
    }

    #[test]
    fn figures_are_those_of_tasks_and_pull_requests() {
        let task = |id: &str, issue: &str, mode: &str, ended, cost| TaskFacts {
            id: id.to_owned(),
            issue: issue.parse().unwrap(),
            mode: Some(mode.to_owned()),
            began: time("2026-11-02T10:02:00Z"),
            asked: time("2026-11-02T10:00:00Z"),
            ended,
            cost_usd: cost,
            withdrew: (id == "e").then_some(7),
        };
        let pull = |number, issue: &str, stage| PullFacts {
            number,
            issue: issue.parse().unwrap(),
            stage,
            opened: time("2026-11-02T10:10:00Z"),
            review_rounds: Some(1),
            cost_usd: Some(0.25),
        };
        let tasks = vec![
            task("a", "1", "quickfix", Ended::Done, Some(0.1)),
            task("b", "2", "plan", Ended::Done, Some(0.2)),
            task("c", "2", "approve", Ended::Done, None),
            task("d", "3", "quickfix", Ended::Failed, Some(0.3)),
            // Told twice: the later word counts.
            task("d", "3", "quickfix", Ended::NotYet, None),
            // It found nothing to change, and closed the draft with the plan.
            task("e", "4", "approve", Ended::Done, Some(0.0)),
        ];
        let pulls = vec![
            pull(4, "1", Stage::Merged),
            pull(5, "2", Stage::Closed),
            pull(6, "PROJ-1", Stage::Open),
            pull(7, "4", Stage::Closed),
        ];
        let mut results = Results::new(time("2026-10-30T00:00:00Z"), time("2026-11-09T00:00:00Z"));
        results.add(Of::new("octo/hello".to_owned(), tasks, pulls, true));
        results.finish();
        let Figures { issues, tasks, done, failed, merged, declined, open, .. } = results.total;
        assert_eq!((issues, tasks, done, failed, merged, declined, open), (5, 5, 4, 1, 1, 1, 1));
        let total = &results.total;
        assert_eq!(total.withdrawn, 1);
        assert_eq!((total.merge_rate, total.cost_usd, total.usd_per_merged), (Some(0.5), 0.85, Some(0.85)));
        assert_eq!((total.review_rounds, total.tasks_of_unknown_cost, total.wait_seconds), (4, 1, Some(600)));
        let names = |rows: &[Row]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&results.weeks), ["2026-10-26", "2026-11-02", "2026-11-09"]);
        assert_eq!(names(&results.modes), ["approve", "plan", "quickfix", "unknown"]);
        assert_eq!(results.modes[1].figures.pull_requests, 2);
    }

    #[test]
    fn what_was_left_out_is_said() {
        let results_with = |leave_out: fn(&mut Results)| {
            let mut results = Results::new(time("2026-11-02T00:00:00Z"), time("2026-11-03T00:00:00Z"));
            leave_out(&mut results);
            results.finish();
            results
        };
        let said =
            |results: &Results, words: &str| results.sentences().iter().any(|said| said.starts_with(words));
        let whole = results_with(|_| {});
        assert!(whole.complete);
        assert!(!said(&whole, "Not everything was read") && !said(&whole, "Not all repositories"));
        let cut = results_with(|results| {
            results.add(Of::new("octo/hello".to_owned(), Vec::new(), Vec::new(), false));
        });
        assert!(
            !cut.complete && said(&cut, "Not everything was read") && !said(&cut, "Not all repositories")
        );
        let some = results_with(Results::leave_out_repositories);
        assert!(
            !some.complete && said(&some, "Not all repositories") && !said(&some, "Not everything was read")
        );
        let unread = results_with(|results| results.leave_out("octo/hello".to_owned(), "404".to_owned()));
        assert!(!unread.complete);
    }

    #[test]
    fn nothing_is_no_rate() {
        let mut results = Results::new(time("2026-11-02T00:00:00Z"), time("2026-11-03T00:00:00Z"));
        results.finish();
        assert_eq!(
            (results.total.merge_rate, results.total.usd_per_merged, results.total.wait_seconds),
            (None, None, None)
        );
    }
}
