//! *BM25* over the fields of all files: which terms are rare in this repository, and how well a field matches.

#![expect(clippy::cast_precision_loss, reason = "counts far below 2^24, and scores that need no more")]

use super::stats::{Counts, Field};

/// BM25's saturation of term frequency and normalisation by length, the usual values (Robertson and Zaragoza,
/// "The Probabilistic Relevance Framework: BM25 and Beyond", 2009).
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// The statistics of one field over all files.
#[derive(Clone, Debug)]
pub(super) struct Bm25 {
    /// For each term of the query, how much its presence tells.
    idf: Vec<f32>,
    /// Mean length in words.
    average: f32,
}

impl Bm25 {
    pub(super) fn new<'a>(fields: impl Iterator<Item = &'a Field>, terms: usize) -> Self {
        let mut frequency = vec![0_u32; terms];
        let (mut count, mut words) = (0_u32, 0_u64);
        for field in fields {
            count += 1;
            words += u64::from(field.length);
            for (term, _) in &field.counts {
                frequency[usize::from(*term)] += 1;
            }
        }
        let files = count as f32;
        let idf = frequency
            .into_iter()
            .map(|frequency| {
                let frequency = frequency as f32;
                ((files - frequency + 0.5) / (frequency + 0.5)).ln_1p()
            })
            .collect();
        Self { idf, average: (words as f32 / files.max(1.0)).max(1.0) }
    }

    /// How much the presence of a term tells, the natural logarithm of its rarity.
    pub(super) fn idf(&self, term: u16) -> f32 {
        self.idf[usize::from(term)]
    }

    /// The score of a field, each term counted with its weight in the query.
    pub(super) fn score(&self, field: &Field, weights: &[f32]) -> f32 {
        self.score_with_length(&field.counts, field.length as f32, self.average, weights)
    }

    /// The score of a passage, which is as long as all others.
    pub(super) fn score_flat(&self, counts: &Counts, weights: &[f32]) -> f32 {
        self.score_with_length(counts, 1.0, 1.0, weights)
    }

    /// The score of a passage of this length, where passages have `average` in the same unit.
    pub(super) fn score_with_length(
        &self,
        counts: &Counts,
        length: f32,
        average: f32,
        weights: &[f32],
    ) -> f32 {
        let norm = K1 * (1.0 - B + B * length / average);
        counts
            .iter()
            .map(|&(term, count)| {
                let count = f32::from(count);
                weights[usize::from(term)] * self.idf(term) * count * (K1 + 1.0) / (count + norm)
            })
            .sum()
    }
}
