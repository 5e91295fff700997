//! The *relevance* of past commits to an issue, and what it says of the files that they changed.

#![expect(clippy::cast_precision_loss, reason = "counts far below 2^24")]

use super::bm25::Bm25;
use super::history::History;
use super::query::Query;
use super::role::Role;
use super::stats::{Field, FileStats, field};
use super::walk::Walk;

/// What a word of the body counts for beside one of the title.
const BODY: f32 = 0.3;
/// Commits that a file is taken to have had in addition, so that a single one does not decide.
const PRIOR: f32 = 2.0;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(super) struct Relevance {
    /// The places in the index of the files of each commit; tests are not among them.
    commits: Vec<Vec<usize>>,
    /// For each file of the index, the similarity of its commits to the issue, shared among their files.
    messages: Vec<f32>,
    /// For each file, its commits, shared in the same way.
    shares: Vec<f32>,
}

impl Relevance {
    pub(super) fn new(history: &History, files: &[FileStats], walk: &Walk, query: &Query) -> Self {
        let entries = walk.entries();
        let place = |path| {
            let at = files.binary_search_by(|file| entries[file.entry].path.cmp(path)).ok()?;
            (files[at].role != Role::Test).then_some(at)
        };
        let words: Vec<Field> = history.commits.iter().map(|past| field(&past.message, query)).collect();
        let statistics = Bm25::new(words.iter(), query.terms.len());
        let weights: Vec<f32> = query
            .terms
            .iter()
            .map(|term| {
                f32::from(u8::from(term.title > 0)) + BODY * ((term.count - term.title) as f32).ln_1p()
            })
            .collect();
        let mut relevance =
            Self { commits: Vec::new(), messages: vec![0.0; files.len()], shares: vec![0.0; files.len()] };
        for (past, words) in history.commits.iter().zip(&words) {
            let changed: Vec<usize> = past.files.iter().filter_map(place).collect();
            let each = 1.0 / changed.len().max(1) as f32;
            let similar = statistics.score(words, &weights);
            for at in &changed {
                relevance.messages[*at] += similar * each;
                relevance.shares[*at] += each;
            }
            relevance.commits.push(changed);
        }
        relevance
    }

    /// How much the messages of the commits that changed a file are like the issue.
    pub(super) fn message(&self, file: usize) -> f32 {
        self.messages[file].sqrt()
    }

    /// For each file, how likely the files are that were changed together with it.
    pub(super) fn together(&self, likely: &[f32]) -> Vec<f32> {
        let mut together = vec![0.0; likely.len()];
        for changed in &self.commits {
            let all: f32 = changed.iter().map(|at| likely[*at]).sum();
            for at in changed {
                together[*at] += (all - likely[*at]).max(0.0) / changed.len() as f32;
            }
        }
        together.iter().zip(&self.shares).map(|(sum, shares)| sum / (shares + PRIOR)).collect()
    }
}
