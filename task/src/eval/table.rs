//! The evaluation as a table for a terminal, with its sums at the end.

use std::fmt::Write as _;

use super::facts::{Answer, CaseFacts, Evaluation, FileFacts, Measure, ResultKind};
use crate::explain::Given;
use crate::llm::Usd;
use crate::terminal::{Colour, visible};

/// Characters of a title.
const TITLE: usize = 44;
/// Changes that are no cases that are named.
const MAX_LEFT_OUT: usize = 10;

impl Evaluation {
    /// The table for a person.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = String::new();
        let mut line = |content: &str| {
            text.push_str(content.trim_end());
            text.push('\n');
        };
        line(&colour.bold(&format!(
            "{:<width$}  {:>5}  {:>5}  {:>5}  {:>8}  {:>7}  {:>9}{}",
            "issue",
            "files",
            "given",
            "whole",
            "rank",
            "tokens",
            "one call",
            if self.measure == Measure::Reading { "" } else { "  answer" },
            width = TITLE + 6
        )));
        for case in &self.cases {
            line(&row(case, self.measure, colour));
        }
        if !self.left_out.is_empty() {
            line("");
            line(&format!("Left out: {}.", self.left_out.len()));
            for left in self.left_out.iter().take(MAX_LEFT_OUT) {
                line(&format!("  {}: {}", visible(&left.what), visible(&left.why)));
            }
            if self.left_out.len() > MAX_LEFT_OUT {
                line(&format!("  and {} more", self.left_out.len() - MAX_LEFT_OUT));
            }
        }
        line("");
        for sentence in self.sentences() {
            line(&sentence);
        }
        text
    }

    /// What it comes to, a sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        let sums = &self.summary;
        let mut sentences = Vec::new();
        if self.measure != Measure::AlreadyFixed {
            sentences.push(format!(
                "{}: all files that had to change would be given in {} ({}), whole in {} ({}); of {} such files {}, whole {}.",
                count(sums.cases, "case"),
                sums.all_given,
                percent(sums.all_given, sums.cases),
                sums.all_whole,
                percent(sums.all_whole, sums.cases),
                sums.files,
                sums.files_given,
                sums.files_whole
            ));
        }
        let at_most =
            sums.run_at_most_usd.map_or_else(String::new, |most| format!("; a run costs at most {most}"));
        let each = match sums.one_call_each_usd {
            Some(Usd::ZERO) => "one call for each costs nothing".to_owned(),
            Some(cost) => format!("one call for each costs about {} together", money(cost)),
            None => "the price of the model is unknown".to_owned(),
        };
        let price = match self.named_model() {
            Some(model) => format!("with {model} {each}{at_most}"),
            None => "any model is given that, and `--model` names one to price it".to_owned(),
        };
        sentences
            .push(format!("The first message has about {} tokens (median); {price}.", sums.tokens_median));
        let rest = |text: &mut String| {
            for (count, what) in [
                (sums.interrupted, "interrupted before"),
                (sums.unasked, "not asked, because what is left does not cover one call at its most"),
            ] {
                if count > 0 {
                    write!(text, ", {count} {what}").expect("a String takes any text");
                }
            }
        };
        let of_budget = self.budget_usd.map_or_else(String::new, |budget| format!(" of {budget}"));
        let unasked = self.cases.iter().filter_map(|case| case.answer.as_ref());
        let mut unasked = unasked.filter(|answer| answer.result == ResultKind::NotAsked);
        let why = unasked.find_map(|answer| answer.what.as_deref());
        match self.measure {
            Measure::Reading => {
                sentences.push("No model was asked. With `--model` and `--budget` it is.".to_owned());
            }
            Measure::Changes => {
                let mut text = format!(
                    "{} asked: {} became a change ({} of them in every file that had to change, {} the same as the fix), {} said that \
                     nothing has to change, {} failed",
                    sums.asked, sums.applied, sums.right_files, sums.same, sums.already, sums.failed
                );
                rest(&mut text);
                sentences.push(format!("{text}. Spent {}{of_budget}.", sums.spent_usd));
            }
            Measure::AlreadyFixed => {
                let mut text = format!(
                    "{} asked with the fix in place: {} said that nothing has to change ({}), {} changed something all the same, {} \
                     failed",
                    sums.asked,
                    sums.already,
                    percent(sums.already, sums.asked),
                    sums.applied,
                    sums.failed
                );
                rest(&mut text);
                sentences.push(format!("{text}. Spent {}{of_budget}.", sums.spent_usd));
            }
        }
        if let Some(why) = why {
            sentences.push(format!("Not asked: {}.", visible(why)));
        }
        sentences
    }
}

fn row(case: &CaseFacts, measure: Measure, colour: Colour) -> String {
    let name = case.number.as_ref().map_or_else(String::new, |number| format!("{} ", number.reference()));
    let title = visible(&case.title);
    let shown: String = format!("{name}{title}").chars().take(TITLE + 6).collect();
    let pad = (TITLE + 6).saturating_sub(shown.chars().count());
    let given = case.old().filter(|file| file.is_given()).count();
    let whole = case.old().filter(|file| file.given == Some(Given::Whole)).count();
    let ranks: Vec<String> = case.old().map(rank).collect();
    let mut ranks = ranks.join(",");
    if ranks.chars().count() > 8 {
        ranks = ranks.chars().take(7).chain(['…']).collect();
    }
    let cost = case.one_call_usd.map_or_else(|| "unknown".to_owned(), money);
    let answer = case.answer.as_ref();
    let answer = answer.map_or_else(String::new, |answer| format!("  {}", words(answer, case, measure)));
    format!(
        "{}{:pad$}  {:>5}  {given:>5}  {whole:>5}  {ranks:>8}  {:>7}  {cost:>9}{answer}",
        colour.bold(&shown),
        "",
        case.files.len(),
        case.tokens,
    )
}

pub(super) fn rank(file: &FileFacts) -> String {
    file.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string())
}

/// What came of asking, in few words.
pub(super) fn words(answer: &Answer, case: &CaseFacts, measure: Measure) -> String {
    let cost =
        if answer.cost_usd == Usd::ZERO { String::new() } else { format!(", {}", money(answer.cost_usd)) };
    let what = match answer.result {
        // The fix is in place, so there is nothing to miss and nothing to be the same as.
        ResultKind::Change if measure == Measure::AlreadyFixed => {
            format!("a change all the same: {}, {}", count(answer.files.len(), "file"), answer.size)
        }
        ResultKind::Change if answer.same => format!("the same change ({})", answer.size),
        ResultKind::Change => {
            let files = match answer.missed.len() {
                0 => "right files".to_owned(),
                missed => format!("{missed} of {} files missed", case.files.len()),
            };
            format!("a change: {files}, {} beside {}", answer.size, case.size)
        }
        ResultKind::Already => "nothing to change".to_owned(),
        ResultKind::Failed => format!("failed: {}", answer.reason.as_deref().unwrap_or("unknown")),
        ResultKind::Interrupted => "interrupted".to_owned(),
        ResultKind::NotAsked => "not asked".to_owned(),
    };
    format!("{what}{cost}")
}

/// An amount; none is said in words.
pub(super) fn money(amount: Usd) -> String {
    if amount == Usd::ZERO { "nothing".to_owned() } else { amount.to_string() }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn percent(part: usize, all: usize) -> String {
    format!("{} %", (100 * part + all / 2) / all.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::fix::Size;

    #[test]
    fn a_change_is_held_against_the_fix_only_where_that_is_not_in_place() {
        let size = Size { added: 1, removed: 1 };
        let case = CaseFacts {
            number: None,
            title: String::new(),
            commit: String::new(),
            base: String::new(),
            files: Vec::new(),
            tokens: 0,
            one_call_usd: None,
            size,
            answer: None,
        };
        let path = crate::path::RepoPath::parse("a.py").unwrap();
        let answer =
            Answer { files: vec![path.clone()], missed: vec![path], size, ..Answer::of(ResultKind::Change) };
        assert_eq!(
            words(&answer, &case, Measure::Changes),
            "a change: 1 of 0 files missed, +1 −1 beside +1 −1"
        );
        assert_eq!(words(&answer, &case, Measure::AlreadyFixed), "a change all the same: 1 file, +1 −1");
    }
}
