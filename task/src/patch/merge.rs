//! The change from SEARCH to REPLACE, carried over to the place in the file that SEARCH was aligned with.
//!
//! This is a three-way merge whose base is SEARCH: lines that the model only copied stay as the file has them, to the
//! byte; lines that it wrote are adapted to the file. Where the file differs from SEARCH inside a change there is no
//! result.

use super::adapt::Adapter;
use super::hunk::{Alignment, hunks};
use super::text::{Splice, Text};

/// Why a change could not be carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The file differs where the change is.
    Differs,
    /// How far the new lines are to be indented cannot be told.
    Indentation,
}

/// Carries the change from `search` to `replace` over to the file, whose lines are all aligned with `search`.
pub(super) fn merge(
    text: &Text<'_>,
    search: &[&str],
    replace: &[&str],
    alignment: &Alignment,
    adapter: &Adapter<'_>,
) -> Result<Vec<Splice>, Stuck> {
    let mut splices = Vec::new();
    for hunk in hunks(search, replace) {
        let new = hunk
            .new
            .clone()
            .map(|line| adapter.line(line, &hunk).ok_or(Stuck::Indentation))
            .collect::<Result<Vec<_>, _>>()?;
        let start = alignment.start + hunk.old.start;
        let whole = Splice { range: start..start + hunk.old.len(), lines: new };
        if alignment.is_same(&hunk.old) {
            splices.push(whole);
            continue;
        }
        // What the new lines have in common with the file needs no decision; the rest must be what the model saw.
        let least = whole.without_common_ends(text);
        let rest = least.range.start - alignment.start..least.range.end - alignment.start;
        if !alignment.is_same(&rest) {
            return Err(Stuck::Differs);
        }
        splices.push(least);
    }
    splices.retain(|splice| !splice.is_idle(text));
    Ok(splices)
}
