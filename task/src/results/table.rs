//! The report as tables for a terminal.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::budgets::Budget;
use super::facts::{Figures, Results, Row, Unread};
use crate::terminal::{Colour, visible};

impl Results {
    /// The tables for a person.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = String::new();
        for sentence in self.sentences() {
            // Writing to a string does not fail.
            let _: std::fmt::Result = writeln!(text, "{}", visible(&sentence));
        }
        for (title, rows) in self.parts() {
            let width =
                rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default().max(title.len());
            let head = format!(
                "\n{title:<width$}  {:>6}  {:>5}  {:>6}  {:>6}  {:>8}  {:>5}  {:>6}  {:>9}  {:>9}",
                "tasks", "done", "opened", "merged", "declined", "rate", "rounds", "cost", "per merge"
            );
            let _: std::fmt::Result = writeln!(text, "{}", colour.bold(&head));
            for Row { name, figures } in rows {
                let Figures { tasks, done, pull_requests, merged, declined, review_rounds, .. } = figures;
                let (rate, cost) = (rate(figures), money(Some(figures.cost_usd)));
                let per_merged = money(figures.usd_per_merged);
                let name = visible(name);
                let _: std::fmt::Result = writeln!(
                    text,
                    "{name:<width$}  {tasks:>6}  {done:>5}  {pull_requests:>6}  {merged:>6}  {declined:>8}  {rate:>5}  {review_rounds:>6}  {cost:>9}  {per_merged:>9}"
                );
            }
        }
        text
    }

    /// What there is in rows, each with what they are by.
    pub(super) fn parts(&self) -> Vec<(&'static str, &[Row])> {
        let mut parts = vec![("week", self.weeks.as_slice()), ("mode", self.modes.as_slice())];
        if self.repositories.len() > 1 {
            parts.push(("repository", &self.repositories));
        }
        parts.retain(|(_, rows)| !rows.is_empty());
        parts
    }

    /// The whole in a few sentences.
    pub(super) fn sentences(&self) -> Vec<String> {
        let Figures { issues, tasks, done, failed, pull_requests, merged, declined, open, .. } = &self.total;
        let days = |time: jiff::Timestamp| time.to_zoned(TimeZone::UTC).date();
        let of = match self.repositories.as_slice() {
            [one] => one.name.clone(),
            all => format!("{} repositories", all.len()),
        };
        let mut sentences = vec![
            format!("{of}, {} to {} (UTC)", days(self.since), days(self.until)),
            format!(
                "{issues} issues, {tasks} tasks: {done} done, {failed} failed, {} canceled",
                self.total.cancelled
            ),
            format!(
                "{pull_requests} pull requests: {merged} merged, {declined} declined, {open} open{}",
                match self.total.withdrawn {
                    0 => String::new(),
                    some => format!(", {some} closed by the agent because nothing had to change"),
                }
            ),
        ];
        match self.total.merge_rate {
            Some(_) => sentences.push(format!("Merge rate {} of those that are closed", rate(&self.total))),
            None => sentences.push("No pull request is closed, so there is no merge rate".to_owned()),
        }
        let mut cost = format!("Cost {}", money(Some(self.total.cost_usd)));
        if let Some(each) = self.total.usd_per_merged {
            let _: std::fmt::Result = write!(cost, ", {} for each merged pull request", money(Some(each)));
        }
        if self.total.tasks_of_unknown_cost > 0 {
            let _: std::fmt::Result =
                write!(cost, "; the cost of {} tasks is not known", self.total.tasks_of_unknown_cost);
        }
        sentences.push(cost);
        if let Some(seconds) = self.total.wait_seconds {
            sentences.push(format!("From the request to the pull request: {} in the median", wait(seconds)));
        }
        sentences.extend(self.budgets.iter().flatten().map(Budget::sentence));
        if let Some(why) = &self.budgets_unknown {
            sentences.push(format!("What is left of the budgets is not known: {why}"));
        }
        for Unread { name, why } in &self.unread {
            sentences.push(format!("{name} could not be read and is left out: {why}"));
        }
        if self.are_repositories_cut {
            sentences.push(
                "Not all repositories were read, because there are too many: name the others with --repo"
                    .to_owned(),
            );
        }
        if self.is_list_cut {
            sentences.push(
                "Not everything was read, because there is too much: choose a later --since".to_owned(),
            );
        }
        sentences
    }
}

pub(super) fn rate(figures: &Figures) -> String {
    figures.merge_rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.0} %", rate * 100.0))
}

pub(super) fn money(usd: Option<f64>) -> String {
    match usd {
        None => "-".to_owned(),
        Some(usd) if usd > 0.0 && usd < 1.0 => format!("${usd:.4}"),
        Some(usd) => format!("${usd:.2}"),
    }
}

fn wait(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}
