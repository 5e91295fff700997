//! The *places* of the files of a tree in the ranking, so that what is found in the likely ones is told first.

use super::rank::Ranked;
use super::walk::Walk;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<u32>);

impl Places {
    pub(super) fn of(ranked: &[Ranked], walk: &Walk) -> Self {
        let entries = walk.entries();
        let mut places = vec![u32::MAX; entries.len()];
        for (place, file) in (0_u32..).zip(ranked) {
            if let Ok(at) = entries.binary_search_by(|entry| entry.path.cmp(&file.path)) {
                places[at] = place;
            }
        }
        Self(places)
    }

    /// Lower is likelier; what is not ranked comes last.
    pub(super) fn of_entry(&self, entry: usize) -> u32 {
        self.0.get(entry).copied().unwrap_or(u32::MAX)
    }
}
