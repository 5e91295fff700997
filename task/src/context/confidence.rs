//! *Confidence* is how far the best file stands out from those after it: where it does, the files that a fix touches are
//! more often than not among the first ones.

use super::rank::Ranked;

/// The file that the best one is compared with, counted from 0. Of the leads over the second to the twentieth file, and
/// of the entropy of the scores, the lead over the tenth and those after it tell best.
const OTHER: usize = 9;
/// The lead from which a ranking is sure. Over 327 issues, out of sample by repository, every file that the fix changed
/// was among the first 15, about as many as are read:
///
/// | lead | issues | all among the first 15 |
/// |---|---|---|
/// | below 2 | 17 | 65 % |
/// | 2 to 3 | 46 | 67 % |
/// | 3 to 3.5 | 26 | 54 % |
/// | 3.5 to 4 | 30 | 80 % |
/// | 4 to 5 | 56 | 84 % |
/// | 5 and more | 148 | 87 % |
///
/// So 73 % of the rankings are sure and right in 86 % of the cases; the others are in 63 %.
const SURE: f32 = 3.5;

/// See the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    lead: f32,
}

impl Confidence {
    /// Of a ranking, best first.
    pub(super) fn of(ranked: &[Ranked]) -> Self {
        let lead = match (ranked.first(), ranked.get(OTHER)) {
            (Some(best), Some(other)) => best.score - other.score,
            // So few files are read in any case.
            _ => f32::INFINITY,
        };
        Self { lead }
    }

    pub fn is_sure(self) -> bool {
        self.lead >= SURE
    }
}
