//! The evaluation as one page for a browser. Like the page of an explanation it loads nothing and runs nothing: its policy
//! allows one style sheet, named by its hash. Titles and paths are a stranger's; the template escapes every value.

use minijinja::{Value, context};
use shared::issue::IssueId;

use super::facts::{CaseFacts, Evaluation, Measure, ResultKind};
use super::fix::How;
use super::table::{money, rank, words};
use crate::explain::Given;
use crate::page;
use crate::terminal::visible;

const TEMPLATE: &str = include_str!("page.html");
/// What it shares with the other page, and its own.
const STYLE: &str = concat!(include_str!("../page.css"), include_str!("page.css"));

/// The page.
pub(super) fn page(evaluation: &Evaluation) -> String {
    let sums = &evaluation.summary;
    let left_out = evaluation.left_out.iter();
    let left_out: Vec<Value> =
        left_out.map(|left| context! { what => visible(&left.what), why => visible(&left.why) }).collect();
    let values = context! {
        model => evaluation.named_model(),
        asked => evaluation.measure != Measure::Reading,
        already_fixed => evaluation.measure == Measure::AlreadyFixed,
        sentences => evaluation.sentences(),
        cases => evaluation.cases.iter().map(|case| row(case, evaluation.measure)).collect::<Vec<_>>(),
        count => sums.cases,
        all_given => sums.all_given,
        all_whole => sums.all_whole,
        left_out,
    };
    page::render(TEMPLATE, STYLE, &values)
}

fn row(case: &CaseFacts, measure: Measure) -> Value {
    let files: Vec<Value> = case
        .files
        .iter()
        .map(|file| {
            let (given, note) = match file.given {
                None => ("new", String::new()),
                Some(Given::Part) if file.lines_given => ("part", "with every changed line".to_owned()),
                Some(Given::Part) => ("part", "without some of the changed lines".to_owned()),
                Some(given) => (given.name(), String::new()),
            };
            let change = match file.change {
                How::Modified => "changed",
                How::New => "new",
                How::Deleted => "deleted",
            };
            context! { path => file.path.as_str(), given, note, change, rank => rank(file) }
        })
        .collect();
    let answer = case.answer.as_ref().map(|answer| {
        let class = match answer.result {
            ResultKind::Change if measure == Measure::AlreadyFixed => "other",
            ResultKind::Change if answer.same => "same",
            ResultKind::Change if answer.missed.is_empty() => "good",
            ResultKind::Change => "other",
            ResultKind::Already => "already",
            ResultKind::Failed => "failed",
            ResultKind::Interrupted | ResultKind::NotAsked => "open",
        };
        // Of a fix that is in place nothing can be missed.
        let missed = answer.missed.iter().filter(|_| measure != Measure::AlreadyFixed);
        let extra = answer.files.iter().filter(|path| case.files.iter().all(|file| file.path != **path));
        context! {
            class,
            words => words(answer, case, measure),
            what => answer.what.as_deref().map(visible),
            missed => missed.map(ToString::to_string).collect::<Vec<_>>(),
            extra => extra.map(ToString::to_string).collect::<Vec<_>>(),
        }
    });
    context! {
        reference => case.number.as_ref().map(IssueId::reference),
        title => visible(&case.title),
        commit => case.commit.chars().take(10).collect::<String>(),
        base => case.base.chars().take(10).collect::<String>(),
        size => case.size.to_string(),
        tokens => case.tokens,
        cost => case.one_call_usd.map_or_else(|| "unknown".to_owned(), money),
        files,
        answer,
    }
}
