//! Writing a reply, for the provider that is no model.

use super::marker::Marker;

/// Lengths of markers, the usual one first.
const LENGTHS: [usize; 5] = [7, 9, 8, 6, 5];

/// A SEARCH/REPLACE block below the path of its file; both texts end with a newline or are empty. `None` where lines of
/// theirs could be taken for a marker, whatever its length.
pub(crate) fn block(path: &str, search: &str, replace: &str) -> Option<String> {
    let length = free_length(search.lines().chain(replace.lines()))?;
    let marks = |sign: &str| sign.repeat(length);
    Some(format!("{path}\n{} SEARCH\n{search}{}\n{replace}{} REPLACE\n", marks("<"), marks("="), marks(">")))
}

/// A length that markers around these lines can have.
fn free_length<'a>(lines: impl Iterator<Item = &'a str>) -> Option<usize> {
    let found: Vec<Marker> = lines.filter_map(Marker::of).collect();
    let is_free = |length: usize| {
        found.iter().all(|marker| match *marker {
            Marker::Head(other) => other < length,
            Marker::Divider(other) | Marker::End(other) => other != length,
        })
    };
    LENGTHS.into_iter().find(|length| is_free(*length))
}
