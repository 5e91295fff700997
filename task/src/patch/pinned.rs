//! A block that speaks of an end of the file is *pinned* there: it adds or takes away a newline at the end or a byte
//! order mark, and its lines are the last ones or the first ones.

use std::ops::Range;

use super::form::Form;
use super::text::{Bom, Edges, LastLine, Splice, Text};
use crate::protocol::ends::{Ends, Mark, Newline};

/// What a pinned block does: to lines, if to any, and to the ends.
pub(super) struct Pinned {
    pub(super) splice: Option<Splice>,
    pub(super) edges: Edges,
}

/// Why a pinned block does not apply.
pub(super) enum Loose {
    /// The file's end is not as SEARCH says.
    OtherEnd(&'static str),
    /// The lines at that end of the file are others.
    OtherLines(Range<usize>),
}

/// The ends of a file that is written whole: as they are, but for what the new text says. It has a newline at its end
/// unless it says that there is none.
pub(super) fn rewritten(edges: Edges, said: Ends) -> Edges {
    Edges {
        bom: with(edges.bom, said.mark),
        last: if said.newline == Newline::Missing { LastLine::Open } else { LastLine::Closed },
    }
}

fn with(bom: Bom, mark: Mark) -> Bom {
    match mark {
        Mark::Unsaid => bom,
        Mark::Present => Bom::Present,
        Mark::Absent => Bom::Absent,
    }
}

/// Applies a block whose halves say different things of the ends.
pub(super) fn place(
    text: &Text<'_>,
    search: (&[&str], Ends),
    replace: (&[&str], Ends),
) -> Result<Pinned, Loose> {
    let ((search, before), (replace, after)) = (search, replace);
    let edges = text.edges();
    if before.newline == Newline::Missing && edges.last == LastLine::Closed {
        return Err(Loose::OtherEnd("the file has a newline at its end"));
    }
    match (before.mark, edges.bom) {
        (Mark::Present, Bom::Absent) => {
            return Err(Loose::OtherEnd("the file begins with no byte order mark"));
        }
        (Mark::Absent, Bom::Present) => {
            return Err(Loose::OtherEnd("the file begins with a byte order mark"));
        }
        _ => {}
    }
    let count = text.lines().len();
    let at_start = before.mark != after.mark;
    let at_end = before.newline != after.newline;
    let range = match (at_start, at_end) {
        (true, true) => 0..count,
        (true, false) => 0..search.len().min(count),
        _ => count - search.len().min(count)..count,
    };
    let is_there = range.len() == search.len()
        && text.lines()[range.clone()]
            .iter()
            .zip(search)
            .all(|(line, wanted)| Form::TrimmedEnd.of(line) == Form::TrimmedEnd.of(wanted));
    if !is_there {
        return Err(Loose::OtherLines(range));
    }
    let bom = match (before.mark, after.mark) {
        (Mark::Present, Mark::Unsaid) => Bom::Absent,
        (_, mark) => with(edges.bom, mark),
    };
    let last = match (before.newline, after.newline) {
        (Newline::Missing, Newline::Unsaid) => LastLine::Closed,
        (_, Newline::Missing) => LastLine::Open,
        (Newline::Unsaid, Newline::Unsaid) => edges.last,
    };
    let lines = replace.iter().map(|line| (*line).to_owned()).collect();
    let splice = Splice { range, lines }.without_common_ends(text);
    let splice = (!splice.is_idle(text)).then_some(splice);
    Ok(Pinned { splice, edges: Edges { bom, last } })
}
