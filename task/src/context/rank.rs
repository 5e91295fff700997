//! A *rank* is the place of a file among all files, by how likely a fix of the issue touches it.
//!
//! Each file has a handful of features, each scaled so that the best source of the run has 1; its score is their
//! weighted sum. The weights are data, see [`weights`](super::weights). The order is a function of the tree and the
//! issue alone: equal scores are ordered by path.

use super::features::{Corpus, features};
use super::query::Query;
use super::role::Role;
use super::stats::FileStats;
use super::walk::Walk;
use super::weights::{self, Feature};
use crate::path::RepoPath;

/// A file with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub path: RepoPath,
    pub role: Role,
    /// The sum of the prior and the shares.
    pub score: f32,
    /// What the role adds to the score: nothing for sources, less for the others.
    pub prior: f32,
    /// The features, 1 for the best source, in the order of [`Feature::all`].
    pub features: [f32; Feature::COUNT],
}

impl Ranked {
    /// What a feature adds to the score.
    pub fn share(&self, feature: Feature) -> f32 {
        self.features[feature as usize] * feature.weight()
    }
}

/// Every file, best first.
pub(super) fn rank(files: &[FileStats], walk: &Walk, query: &Query, corpus: &Corpus) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = files
        .iter()
        .zip(features(files, walk, query, corpus))
        .map(|(file, features)| {
            let path = walk.entries()[file.entry].path.clone();
            let score = weights::score(&features, file.role);
            Ranked { path, role: file.role, score, prior: weights::prior(file.role), features }
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.path.cmp(&b.path)));
    ranked
}

/// The places in `files` of the best `count`, by what is known before a closer look: sources and the like, and tests
/// up to a quarter as many, as these may lead to what they test.
pub(super) fn best(
    files: &[FileStats],
    walk: &Walk,
    query: &Query,
    corpus: &Corpus,
    count: usize,
) -> Vec<usize> {
    let mut scored: Vec<(f32, usize)> = files
        .iter()
        .zip(features(files, walk, query, corpus))
        .enumerate()
        .map(|(at, (file, features))| (weights::score(&features, file.role), at))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let (mut others, mut tests) = (count, count / 4);
    scored.retain(|(_, at)| {
        let left = if files[*at].role == Role::Test { &mut tests } else { &mut others };
        let fits = *left > 0;
        *left = left.saturating_sub(1);
        fits
    });
    scored.into_iter().map(|(_, at)| at).collect()
}
