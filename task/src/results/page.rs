//! The report as one page for a browser. Like the page of an explanation it loads nothing and runs nothing: its policy
//! allows one style sheet, named by its hash; the template escapes every value.

use minijinja::{Value, context};

use super::facts::{Figures, Results, Row};
use super::table::{money, rate};
use crate::page;
use crate::terminal::visible;

const TEMPLATE: &str = include_str!("page.html");
/// What it shares with the other pages, and its own.
const STYLE: &str = concat!(include_str!("../page.css"), include_str!("page.css"));

/// Width and height of a plot, in its own units.
const PLOT: (f64, f64) = (1000.0, 160.0);

/// A count as a length.
fn length(count: u64) -> f64 {
    // More pull requests in a week than 2^32 are not.
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// The page.
pub(super) fn page(results: &Results) -> String {
    let mut sentences = results.sentences().into_iter();
    let title = sentences.next().unwrap_or_default();
    // What a broker says is not ours.
    let sentences: Vec<String> = sentences.map(|sentence| visible(&sentence).into_owned()).collect();
    let parts: Vec<Value> = results
        .parts()
        .into_iter()
        .map(|(name, rows)| context! { name, rows => rows.iter().map(row).collect::<Vec<_>>() })
        .collect();
    let values = context! {
        title => visible(&title),
        sentences,
        parts,
        pulls => plot(&results.weeks, |figures| vec![
            ("merged", length(figures.merged)),
            ("declined", length(figures.declined)),
            ("open", length(figures.open)),
        ]),
        costs => plot(&results.weeks, |figures| vec![("cost", figures.cost_usd)]),
        most_pulls => most(&results.weeks, |figures| length(figures.pull_requests)),
        most_cost => money(Some(most(&results.weeks, |figures| figures.cost_usd))),
        from => results.weeks.first().map(|row| row.name.as_str()),
        to => results.weeks.last().map(|row| row.name.as_str()),
    };
    page::render(TEMPLATE, STYLE, &values)
}

fn most(rows: &[Row], of: impl Fn(&Figures) -> f64) -> f64 {
    rows.iter().map(|row| of(&row.figures)).fold(0.0, f64::max)
}

/// Bars of a plot, one for each week, in pieces that stand on each other.
fn plot(rows: &[Row], pieces: impl Fn(&Figures) -> Vec<(&'static str, f64)>) -> Vec<Value> {
    let (width, height) = PLOT;
    let top = most(rows, |figures| pieces(figures).iter().map(|(_, value)| value).sum());
    let step = width / length(rows.len().max(1) as u64);
    let mut bars = Vec::new();
    for (at, row) in (0..).zip(rows) {
        let mut y = height;
        let pieces = pieces(&row.figures);
        let words: Vec<String> = pieces.iter().map(|(name, value)| format!("{name} {value}")).collect();
        for (class, value) in pieces {
            let tall = if top > 0.0 { value / top * height } else { 0.0 };
            y -= tall;
            let x = length(at) * step + step * 0.1;
            bars.push(context! {
                class,
                x => round(x),
                y => round(y),
                width => round(step * 0.8),
                height => round(tall),
                title => format!("{}: {}", row.name, words.join(", ")),
            });
        }
    }
    bars
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn row(row: &Row) -> Value {
    let Row { name, figures } = row;
    context! {
        name => visible(name),
        tasks => figures.tasks,
        done => figures.done,
        failed => figures.failed,
        opened => figures.pull_requests,
        merged => figures.merged,
        declined => figures.declined,
        rate => rate(figures),
        rounds => figures.review_rounds,
        cost => money(Some(figures.cost_usd)),
        per_merged => money(figures.usd_per_merged),
    }
}
