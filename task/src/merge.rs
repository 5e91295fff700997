//! A *merge* of two commits, computed from the trees of both and of the commit that both come from.
//!
//! Path by path: what one side alone has changed since then is taken as it is, and what both have changed in the same way
//! as well. A text that both have changed is merged by lines ([`text`]); what is left are conflicts, which somebody has to
//! settle, and what no lines can settle is refused by name ([`Why`]). Nothing is checked out, and no program is started:
//! neither filters nor merge drivers of the repository have a say.
//!
//! Whatever comes of it is held against the three trees once more, by [`proof`], before it is used.

mod proof;
mod text;
mod trees;

pub use proof::prove;
pub use text::{Conflict, Part};
pub use trees::{Change, MergeError, Merged, Trees, changes, merge};

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use crate::path::RepoPath;

/// A file that both sides have changed, merged by lines.
#[derive(Clone, Debug)]
pub struct MergedFile {
    pub path: RepoPath,
    pub kind: EntryKind,
    pub parts: Vec<Part>,
    /// The whole file on each side.
    pub ours: Vec<u8>,
    pub theirs: Vec<u8>,
}

impl MergedFile {
    pub fn conflicts(&self) -> impl Iterator<Item = &Conflict> {
        self.parts.iter().filter_map(|part| match part {
            Part::Conflict(conflict) => Some(conflict),
            Part::Merged(_) => None,
        })
    }

    pub fn has_conflicts(&self) -> bool {
        self.conflicts().next().is_some()
    }

    /// The file with a text in the place of each conflict, in their order. Nothing else of it can be another one.
    ///
    /// A text ends with a line end, unless it is the last of the file and neither side has one there. Its line ends become
    /// those of the file on our side.
    pub fn settled<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Vec<u8> {
        let mut texts = texts.into_iter();
        let mut file = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Merged(lines) => file.extend_from_slice(lines),
                Part::Conflict(conflict) => {
                    let is_last = at + 1 == self.parts.len();
                    let text = texts.next().unwrap_or_default();
                    file.extend_from_slice(self.fitted(text, conflict, is_last).as_bytes());
                }
            }
        }
        file
    }

    fn fitted(&self, text: &str, conflict: &Conflict, is_last: bool) -> String {
        let is_open = |side: &[u8]| side.last().is_some_and(|byte| *byte != b'\n');
        let mut text = text.replace("\r\n", "\n");
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if is_last && is_open(&conflict.ours) && is_open(&conflict.theirs) && text.ends_with('\n') {
            text.pop();
        }
        if has_carriage_returns(&self.ours) { text.replace('\n', "\r\n") } else { text }
    }
}

/// Whether the lines of a text end with a carriage return, too.
fn has_carriage_returns(text: &[u8]) -> bool {
    let ends = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let (with, all) =
        ends.fold((0, 0), |(with, all), line| (with + usize::from(line.ends_with(b"\r\n")), all + 1));
    all > 0 && with * 2 > all
}

/// What stands at a path of a tree.
pub type Entry = Option<(EntryKind, ObjectId)>;

#[cfg(test)]
mod tests;
