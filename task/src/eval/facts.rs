//! The *facts* of an evaluation, as its JSON has them (docs/eval.schema.json).

use serde::{Deserialize, Deserializer, Serialize};
use shared::issue::IssueId;

use super::fix::{How, Size};
use crate::builtin;
use crate::explain::Given;
use crate::llm::Usd;
use crate::path::RepoPath;

/// What came of all cases.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// `evaluated`; a failure says `failed`.
    pub outcome: &'static str,
    /// `provider:model`, or `builtin`.
    pub model: String,
    pub measure: Measure,
    /// The most that all calls together may cost; `None` where no model was asked.
    pub budget_usd: Option<Usd>,
    pub summary: Summary,
    pub cases: Vec<CaseFacts>,
    /// Merged changes that are no cases.
    pub left_out: Vec<LeftOut>,
    pub total_ms: u64,
}

impl Evaluation {
    /// The model that was named; the rule-based engine is none, and has no price.
    pub(super) fn named_model(&self) -> Option<&str> {
        Some(self.model.as_str()).filter(|model| *model != builtin::NAME)
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// What would be read, without a model.
    Reading,
    /// What a model changes, from the commit before the fix.
    Changes,
    /// What a model says where the fix is there already.
    AlreadyFixed,
}

/// Sums over all cases.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub cases: usize,
    /// Cases of which every file that the fix changes was given, at least in part; and whole.
    pub all_given: usize,
    pub all_whole: usize,
    /// Files that fixes change and that were there before: all, given, given whole.
    pub files: usize,
    pub files_given: usize,
    pub files_whole: usize,
    /// Of the first message, the median of all cases.
    pub tokens_median: u32,
    /// About what one call for each case costs; `None` where no model is named, or its price is unknown.
    pub one_call_each_usd: Option<Usd>,
    /// The most that a run can cost.
    pub run_at_most_usd: Option<Usd>,
    pub asked: usize,
    /// Answers that became a change, and those whose files are the fix's to the byte.
    pub applied: usize,
    pub same: usize,
    /// Changes that touch every file that the fix changes.
    pub right_files: usize,
    /// Answers that nothing has to change.
    pub already: usize,
    pub failed: usize,
    /// Cases of an evaluation that was interrupted; what they may have cost counts as spent.
    pub interrupted: usize,
    /// Cases that were not asked, because the budget is spent.
    pub unasked: usize,
    /// By all calls, earlier ones with the same state included.
    pub spent_usd: Usd,
}

#[derive(Clone, Debug, Serialize)]
pub struct CaseFacts {
    pub number: Option<IssueId>,
    pub title: String,
    /// The fix.
    pub commit: String,
    /// What is read.
    pub base: String,
    pub files: Vec<FileFacts>,
    /// Of the first message, estimated.
    pub tokens: u32,
    /// About what one call costs.
    pub one_call_usd: Option<Usd>,
    /// The person's change.
    pub size: Size,
    pub answer: Option<Answer>,
}

/// A file that the fix changes.
#[derive(Clone, Debug, Serialize)]
pub struct FileFacts {
    pub path: RepoPath,
    pub change: How,
    /// How much of it is given; `None` for a new file.
    pub given: Option<Given>,
    /// From 1, best first; `None` if it is not among the best.
    pub rank: Option<usize>,
    /// Whether all lines that the fix changes are among those that are given.
    pub lines_given: bool,
}

/// What a model made of a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    pub result: ResultKind,
    /// Of a failure: its reason and what happened, for people.
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub what: Option<String>,
    /// The files that the change touches: all, and of the fix's files those that it does not.
    #[serde(default)]
    pub files: Vec<RepoPath>,
    #[serde(default)]
    pub missed: Vec<RepoPath>,
    #[serde(default)]
    pub size: Size,
    /// Whether every file that it or the fix changes is the same after both.
    #[serde(default)]
    pub same: bool,
    #[serde(default)]
    pub calls: u32,
    #[serde(default)]
    pub input_tokens: u64,
    #[serde(default)]
    pub output_tokens: u64,
    #[serde(default, deserialize_with = "dollars")]
    pub cost_usd: Usd,
    /// Whether it is from an earlier evaluation with the same state.
    #[serde(default)]
    pub kept: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultKind {
    Change,
    Already,
    Failed,
    /// The evaluation ended while the model was asked.
    Interrupted,
    /// The budget has no room for it.
    NotAsked,
}

#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    pub what: String,
    pub why: String,
}

impl Answer {
    pub(super) fn of(result: ResultKind) -> Self {
        Self {
            result,
            reason: None,
            what: None,
            files: Vec::new(),
            missed: Vec::new(),
            size: Size::default(),
            same: false,
            calls: 0,
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: Usd::ZERO,
            kept: false,
        }
    }
}

impl CaseFacts {
    /// The files of the fix that were there before.
    pub(super) fn old(&self) -> impl Iterator<Item = &FileFacts> {
        self.files.iter().filter(|file| file.given.is_some())
    }
}

impl FileFacts {
    pub(super) fn is_given(&self) -> bool {
        matches!(self.given, Some(Given::Whole | Given::Part))
    }
}

impl Summary {
    pub(super) fn of(cases: &[CaseFacts], run_at_most_usd: Option<Usd>, spent_usd: Usd) -> Self {
        let is_whole = |file: &&FileFacts| file.given == Some(Given::Whole);
        let mut tokens: Vec<u32> = cases.iter().map(|case| case.tokens).collect();
        tokens.sort_unstable();
        let costs = cases.iter().map(|case| case.one_call_usd);
        let results = |kind: ResultKind| {
            let answers = cases.iter().filter_map(|case| case.answer.as_ref());
            answers.filter(move |answer| answer.result == kind)
        };
        let count = |kind| results(kind).count();
        let asked = [ResultKind::Change, ResultKind::Already, ResultKind::Failed].map(count).iter().sum();
        Self {
            cases: cases.len(),
            all_given: cases.iter().filter(|case| case.old().all(FileFacts::is_given)).count(),
            all_whole: cases.iter().filter(|case| case.old().all(|file| is_whole(&file))).count(),
            files: cases.iter().flat_map(CaseFacts::old).count(),
            files_given: cases.iter().flat_map(CaseFacts::old).filter(|file| file.is_given()).count(),
            files_whole: cases.iter().flat_map(CaseFacts::old).filter(is_whole).count(),
            tokens_median: tokens.get(tokens.len() / 2).copied().unwrap_or_default(),
            one_call_each_usd: costs.sum_known(),
            run_at_most_usd,
            asked,
            applied: count(ResultKind::Change),
            same: results(ResultKind::Change).filter(|answer| answer.same).count(),
            right_files: results(ResultKind::Change).filter(|answer| answer.missed.is_empty()).count(),
            already: count(ResultKind::Already),
            failed: count(ResultKind::Failed),
            interrupted: count(ResultKind::Interrupted),
            unasked: count(ResultKind::NotAsked),
            spent_usd,
        }
    }
}

/// A sum that is known only if every part is.
trait SumKnown: Iterator<Item = Option<Usd>> + Sized {
    fn sum_known(mut self) -> Option<Usd> {
        self.try_fold(Usd::ZERO, |sum, part| part.map(|part| sum.plus(part)))
    }
}

impl<I: Iterator<Item = Option<Usd>>> SumKnown for I {}

/// An amount as it is written, a number of dollars.
pub(super) fn dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
    let number = f64::deserialize(deserializer)?;
    format!("{number:.6}").parse().map_err(serde::de::Error::custom)
}
