//! The gate itself: a patch goes in, and comes out as one that may be committed, or not at all.

use std::time::Instant;

use super::{Note, SyntaxErrors, Verdict, file};
use crate::outbound::markup::code_span;
use crate::parser::Parsers;
use crate::patch::{Change, Patch};
use crate::path::RepoPath;

/// A patch that passed the gate; only [`check`] makes one, and only such a patch can be committed.
#[derive(Clone, Debug)]
pub struct CheckedPatch {
    patch: Patch,
    notes: Vec<(RepoPath, Note)>,
}

/// Checks every changed file, and returns soon after `deadline` whatever they hold.
pub fn check(parsers: &Parsers, patch: Patch, deadline: Instant) -> Result<CheckedPatch, SyntaxErrors> {
    let mut notes = Vec::new();
    let mut broken = Vec::new();
    for change in patch.changes() {
        let Some(after) = change.after() else { continue };
        match file(parsers, change.path(), change.before(), after, deadline) {
            Verdict::Sound => {}
            Verdict::Noted(found) => {
                notes.extend(found.into_iter().map(|note| (change.path().clone(), note)));
            }
            Verdict::Broken(errors) => broken.push(errors),
        }
    }
    if broken.is_empty() { Ok(CheckedPatch { patch, notes }) } else { Err(SyntaxErrors(broken)) }
}

impl CheckedPatch {
    /// One change a path, ordered by path.
    pub fn changes(&self) -> &[Change] {
        self.patch.changes()
    }

    /// What a reviewer should know: files that could not be checked, errors that may be the grammar's, edits without
    /// effect. One sentence each.
    pub fn notes(&self) -> Vec<String> {
        let checks = self.notes.iter().map(|(path, note)| format!("{}: {note}", code_span(path.as_str())));
        checks.chain(self.patch.notes().map(|applied| format!("{applied}."))).collect()
    }
}
