//! The gate itself: a patch goes in, and comes out as one that may be committed, or not at all.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{FileErrors, Note, SyntaxErrors, Verdict, file, first_problems, unseen};
use crate::outbound::markup::code_span;
use crate::parser::Parsers;
use crate::patch::{Change, ChangeKind, Patch};
use crate::path::RepoPath;
use crate::protect::{self, Protection};

/// Files that a warning names.
const MAX_NAMED: usize = 20;
/// How the sentence begins that names changed files which are run by what builds, tests or opens the repository.
pub const EXECUTED: &str = "CI or build tools execute: ";
/// How the sentence begins that names changed files which only the configuration lets the agent change.
pub(crate) const ALLOWED: &str = "Protected, and changed because the configuration allows it: ";

/// A patch that passed the gate; only [`check`] makes one, and only such a patch can be committed.
#[derive(Clone, Debug)]
pub struct CheckedPatch {
    patch: Patch,
    notes: Vec<(RepoPath, Note)>,
    warnings: Vec<String>,
}

/// Checks every changed file, and returns soon after `deadline` whatever they hold.
pub fn check(parsers: &Parsers, patch: Patch, deadline: Instant) -> Result<CheckedPatch, SyntaxErrors> {
    let mut notes = Vec::new();
    let mut warnings = Vec::new();
    let mut broken = Vec::new();
    for change in patch.changes() {
        let Some(after) = change.after() else { continue };
        if let Ok(text) = std::str::from_utf8(after) {
            let before = change.before().map(String::from_utf8_lossy);
            let hidden = unseen::hidden(before.as_deref(), text);
            if !hidden.is_empty() {
                let (problems, more) = first_problems(text, &hidden);
                broken.push(FileErrors { path: change.path().clone(), problems, more });
                continue;
            }
            warnings.extend(unseen::warnings(change.path(), before.as_deref(), text));
        }
        match file(parsers, change.path(), change.before(), after, deadline) {
            Verdict::Sound => {}
            Verdict::Noted(found) => {
                notes.extend(found.into_iter().map(|note| (change.path().clone(), note)));
            }
            Verdict::Broken(errors) => broken.push(errors),
        }
    }
    if broken.is_empty() { Ok(CheckedPatch { patch, notes, warnings }) } else { Err(SyntaxErrors(broken)) }
}

/// Checks a file that was merged of two. What either side has is not held against it. Returns what a reviewer should know, a
/// sentence each.
pub fn merged(
    parsers: &Parsers,
    path: &RepoPath,
    sides: [&[u8]; 2],
    after: &[u8],
    deadline: Instant,
) -> Result<Vec<String>, FileErrors> {
    let mut notes = Vec::new();
    if let Ok(text) = std::str::from_utf8(after) {
        let both = String::from_utf8_lossy(&sides.concat()).into_owned();
        let hidden = unseen::hidden(Some(&both), text);
        if !hidden.is_empty() {
            let (problems, more) = first_problems(text, &hidden);
            return Err(FileErrors { path: path.clone(), problems, more });
        }
        notes.extend(unseen::warnings(path, Some(&both), text));
    }
    let [ours, theirs] = sides.map(|side| file(parsers, path, Some(side), after, deadline));
    match (ours, theirs) {
        (Verdict::Broken(errors), Verdict::Broken(_)) => Err(errors),
        (Verdict::Noted(ours), Verdict::Noted(theirs)) => {
            let of_both = ours.into_iter().filter(|note| theirs.contains(note));
            notes.extend(of_both.map(|note| format!("{}: {note}", code_span(path.as_str()))));
            Ok(notes)
        }
        _ => Ok(notes),
    }
}

impl CheckedPatch {
    /// One change a path, ordered by path.
    pub fn changes(&self) -> &[Change] {
        self.patch.changes()
    }

    /// What a reviewer should look at before anything else: words that can be taken for others, and files that building,
    /// testing or opening the repository runs. One sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.executed().into_iter().chain(self.warnings.iter().cloned()).collect()
    }

    /// Whether building, testing or opening the repository runs a file that the change touches.
    pub(crate) fn is_executed(&self) -> bool {
        !self.executed().is_empty()
    }

    fn executed(&self) -> Vec<String> {
        executed(self.changes().iter().flat_map(|change| {
            let from = match change.kind() {
                ChangeKind::Rename { from } | ChangeKind::Copy { from } => Some(from),
                ChangeKind::Create | ChangeKind::Modify | ChangeKind::Delete => None,
            };
            from.into_iter().chain([change.path()])
        }))
    }

    /// What a reviewer should know: files that could not be checked, errors that may be the grammar's, edits without
    /// effect. One sentence each.
    pub fn notes(&self) -> Vec<String> {
        let checks = self.notes.iter().map(|(path, note)| format!("{}: {note}", code_span(path.as_str())));
        checks.chain(self.patch.notes().map(|applied| format!("{applied}."))).collect()
    }
}

/// What a reviewer should look at first among the paths of a change, of renamed files both of their names: those that are run by
/// what builds, tests or opens the repository, and those that only the configuration lets the agent change. A sentence for each kind.
pub fn executed<'p>(paths: impl IntoIterator<Item = &'p RepoPath>) -> Vec<String> {
    let built_in = Protection::default();
    let (mut run, mut allowed) = (Vec::new(), Vec::new());
    for path in paths.into_iter().collect::<BTreeSet<_>>() {
        let name = code_span(path.as_str());
        if let Some(reason) = built_in.reason(path) {
            allowed.push(format!("{name} ({reason})"));
        } else if protect::executed_by(path).is_some() {
            run.push(name);
        }
    }
    let sentence =
        |begin: &str, names: &[String]| (!names.is_empty()).then(|| format!("{begin}{}.", listed(names)));
    sentence(EXECUTED, &run).into_iter().chain(sentence(ALLOWED, &allowed)).collect()
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
