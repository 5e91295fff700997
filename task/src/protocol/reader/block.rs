//! A *block*: its name, the lines to find, and those in their place.

use super::{MAX_DIVIDERS, Reader, join};
use crate::protocol::answer::{Action, Halves, ReadError};
use crate::protocol::marker::{Fence, Marker};
use crate::protocol::name::{self, Name, Naming};

impl Reader<'_, '_> {
    pub(super) fn block(&mut self, length: usize) -> Result<(), ReadError> {
        let start = self.at;
        let naming = name::of_block(&self.lines[self.gap..start], self.paths);
        let named = match &naming {
            Naming::Clear(name) | Naming::Bare(name) => name.line.map(|line| self.gap + line),
            _ => None,
        };
        self.end_passage_above(start, named);
        let outcome = self.divided(length, naming);
        self.gap = self.at;
        self.close_fence_after_block();
        outcome
    }

    /// Ends the open passage before what belongs to a block: the line of its name, and the fences around it.
    fn end_passage_above(&mut self, head: usize, name: Option<usize>) {
        let fence = self.fences.first().map(|(_, line)| *line);
        let end = [name, fence].into_iter().flatten().fold(head, usize::min);
        self.end_passage(end);
    }

    /// The block that begins here, and is left behind.
    fn divided(&mut self, length: usize, naming: Naming) -> Result<(), ReadError> {
        let start = self.at;
        let line = start + 1;
        let Some(end) = self.end_of_block(length) else {
            // All that follows may be content.
            self.at = self.lines.len();
            return Err(ReadError::Unclosed { line });
        };
        self.at = end + 1;
        let dividers = |wanted: Option<usize>| -> Vec<usize> {
            (start + 1..end)
                .filter(|at| match Marker::of(self.lines[*at]) {
                    Some(Marker::Divider(found)) => wanted.is_none_or(|wanted| wanted == found),
                    _ => false,
                })
                .collect()
        };
        let mut candidates = dividers(Some(length));
        if candidates.is_empty() {
            candidates = dividers(None);
        }
        let halves = |at: &usize| Halves {
            search: join(&self.lines[start + 1..*at]),
            replace: join(&self.lines[at + 1..end]),
        };
        let action = match &candidates[..] {
            [] => return Err(ReadError::NoDivider { line }),
            [at] => match halves(at) {
                Halves { search, replace } if search.trim().is_empty() => Action::Create { content: replace },
                halves => Action::Replace(halves),
            },
            all if all.len() > MAX_DIVIDERS => return Err(ReadError::Dividers { line, count: all.len() }),
            all => Action::Undivided(all.iter().map(halves).collect()),
        };
        let path = self.path(naming, &action, line)?;
        self.push(path, start, action);
        Ok(())
    }

    /// The file of a block: the one that is named, that of the edit before only where there is no name.
    fn path(&self, naming: Naming, action: &Action, line: usize) -> Result<String, ReadError> {
        let is_new = matches!(action, Action::Create { .. });
        match naming {
            Naming::Clear(name) => Ok(name.path),
            Naming::Two(one, other) => Err(ReadError::TwoNames { line, one, other }),
            Naming::Bare(name) if is_new || self.previous.is_none() => Ok(name.path),
            Naming::Bare(Name { path: text, .. }) | Naming::Doubtful(text) => {
                Err(ReadError::UnclearName { line, text })
            }
            Naming::Hint(text) => match &self.previous {
                // The reply may have made the file itself, so that the tree has it not.
                Some(previous) if ends_as(previous, &text) => Ok(previous.clone()),
                None if !is_new => Ok(text),
                _ => Err(ReadError::UnclearName { line, text }),
            },
            Naming::Nothing => self.previous.clone().ok_or(ReadError::NoName { line }),
        }
    }

    /// The line of the end marker of the block that begins here.
    fn end_of_block(&self, length: usize) -> Option<usize> {
        let mut any_end = None;
        let mut nested = 0_usize;
        let mut dividers = 0_usize;
        for (at, line) in self.lines.iter().enumerate().skip(self.at + 1) {
            match Marker::of(line) {
                Some(Marker::Head(other)) if other >= length => break,
                Some(Marker::Head(_)) if any_end.is_none() => nested += 1,
                Some(Marker::End(other)) if other == length => return Some(at),
                Some(Marker::End(_)) if any_end.is_none() => any_end = Some(at),
                Some(Marker::Divider(_)) if any_end.is_none() => dividers += 1,
                _ => {}
            }
        }
        // A marker that was miscounted, in a block that cannot be read in two ways.
        any_end.filter(|_| nested == 0 && dividers == 1)
    }

    /// The fence around a block is closed by the next one, whatever its length.
    fn close_fence_after_block(&mut self) {
        let next = self.lines[self.at..].iter().position(|line| !line.trim().is_empty());
        if let Some(next) = next
            && !self.fences.is_empty()
            && Fence::of(self.lines[self.at + next]).is_some_and(|fence| fence.is_bare())
        {
            self.fences.pop();
            self.at += next + 1;
            self.gap = self.at;
        }
    }
}

/// Whether a path has the name as its last folders and name, or as the whole.
fn ends_as(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with('/'))
}
