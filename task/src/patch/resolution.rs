//! *Resolution* finds for each edit the file and the place in it that are meant.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{Form, is_blank};
use super::ladder::{self, Change as Effect, NoMatch};
use super::name::{Names, Target};
use super::pinned::{self, Loose};
use super::text::{Edges, Splice, Text};
use super::{
    Applied, Change, ChangeKind, EditError, EditErrors, Excerpt, How, MAX_BYTES, MAX_EDITS, MAX_FILES,
    Occupant, Patch, Refusal, elision, similarity,
};
use crate::context::read_set::{FileMode, ReadFile, ReadSet, Shown};
use crate::path::{RepoPath, fold};
use crate::protect::{self, Protection, Reason};
use crate::protocol::ends::{self, Ends};
use crate::protocol::{Action, Edit, Halves, other_markers};

/// Resolves edits against the files that were read, all or nothing.
///
/// `occupants` tells what the base commit has at a path and at those that differ from it in letter case only, so that no
/// new file hides another on a system that does not tell case apart.
pub fn resolve(
    edits: &[Edit],
    read: &ReadSet,
    protection: &Protection,
    occupants: impl Fn(&RepoPath) -> Vec<Occupant>,
) -> Result<Patch, EditErrors> {
    if edits.len() > MAX_EDITS {
        return Err(EditErrors::TooManyEdits(edits.len()));
    }
    let mut resolution =
        Resolution { edits, read, protection, errors: BTreeMap::new(), applied: BTreeMap::new() };
    let files = resolution.sort(&Names::new(edits, read, occupants));
    let mut changes = Vec::new();
    for (path, work) in &files {
        changes.extend(resolution.change(path, work));
        changes.extend(resolution.succeed(path, work));
    }
    resolution.refuse_orphans(&files);
    changes.sort_by(|a: &Change, b: &Change| a.path.cmp(&b.path));
    resolution.finish(changes)
}

/// The edits of one file, by what they do; each with its number, from 0.
#[derive(Default)]
struct Work<'a> {
    blocks: Vec<Block<'a>>,
    wholes: Vec<(usize, &'a str)>,
    deletes: Vec<usize>,
    renames: Vec<(usize, RepoPath)>,
    /// New files in the place of this one, which is moved.
    successors: Vec<(usize, &'a str)>,
}

#[derive(Clone, Copy)]
struct Block<'a> {
    edit: usize,
    search: &'a str,
    replace: &'a str,
}

impl<'a> Block<'a> {
    fn new(edit: usize, halves: &'a Halves) -> Self {
        Self { edit, search: &halves.search, replace: &halves.replace }
    }
}

struct Resolution<'a> {
    edits: &'a [Edit],
    read: &'a ReadSet,
    protection: &'a Protection,
    errors: BTreeMap<usize, Refusal>,
    applied: BTreeMap<usize, Applied>,
}

impl<'a> Resolution<'a> {
    /// Puts each edit to the file that it is for.
    fn sort<E: Fn(&RepoPath) -> Vec<Occupant>>(
        &mut self,
        names: &Names<'a, E>,
    ) -> BTreeMap<RepoPath, Work<'a>> {
        let mut files: BTreeMap<RepoPath, Work<'a>> = BTreeMap::new();
        for (number, edit) in self.edits.iter().enumerate() {
            // What may not be changed need not be read first.
            if let Some(reason) = names.written(edit).and_then(|path| self.reason(&path)) {
                self.errors.insert(number, Refusal::Protected(reason));
                continue;
            }
            let path = match names.target(edit) {
                Ok(Target::At(path)) => path,
                Ok(Target::InPlaceOf(path)) => {
                    if let Action::Create { content } | Action::Write { content } = &edit.action {
                        files.entry(path).or_default().successors.push((number, content));
                    }
                    continue;
                }
                Err(refusal) => {
                    self.errors.insert(number, refusal);
                    continue;
                }
            };
            let to = match &edit.action {
                Action::Rename { to } => match names.new_path(to) {
                    Ok(to) => Some(to),
                    Err(refusal) => {
                        self.errors.insert(number, refusal);
                        continue;
                    }
                },
                _ => None,
            };
            if let Some(reason) =
                [Some(&path), to.as_ref()].into_iter().flatten().find_map(|path| self.reason(path))
            {
                self.errors.insert(number, Refusal::Protected(reason));
                continue;
            }
            let halves = match &edit.action {
                Action::Undivided(readings) => match self.divided(&path, readings) {
                    Ok(halves) => Some(halves),
                    Err(refusal) => {
                        self.errors.insert(number, refusal);
                        continue;
                    }
                },
                Action::Replace(halves) => Some(halves),
                _ => None,
            };
            let work = files.entry(path).or_default();
            match &edit.action {
                Action::Replace(_) | Action::Undivided(_) => {
                    let (new, blocks): (Vec<&Halves>, Vec<&Halves>) =
                        halves.into_iter().partition(|halves| is_blank(&halves.search));
                    work.wholes.extend(new.into_iter().map(|halves| (number, halves.replace.as_str())));
                    work.blocks.extend(blocks.into_iter().map(|halves| Block::new(number, halves)));
                }
                Action::Create { content } | Action::Write { content } => work.wholes.push((number, content)),
                Action::Delete => work.deletes.push(number),
                Action::Rename { .. } => work.renames.extend(to.map(|to| (number, to))),
            }
        }
        self.refuse_collisions(&files);
        files
    }

    fn reason(&self, path: &RepoPath) -> Option<Reason> {
        let is_pointer = || self.read.get(path).is_some_and(|file| protect::is_lfs_pointer(&file.content));
        self.protection.reason(path).or_else(|| is_pointer().then_some(Reason::LfsPointer))
    }

    /// The only reading of a block with several dividers whose SEARCH is in the file; a blank one is in a file without
    /// text, or where there is none.
    fn divided(&self, path: &RepoPath, readings: &'a [Halves]) -> Result<&'a Halves, Refusal> {
        let file = self.read.get(path);
        let text = Text::parse(file.map(|file| file.content.as_slice()).unwrap_or_default());
        let text = text.ok_or(Refusal::NotText)?;
        let is_there = |halves: &&Halves| {
            if is_blank(&halves.search) {
                text.lines().iter().all(|line| is_blank(line))
            } else {
                !text.find(Form::Exact, &halves.search.lines().collect::<Vec<_>>(), 1).is_empty()
            }
        };
        let found: Vec<&Halves> = readings.iter().filter(is_there).collect();
        if let [one] = found[..] {
            return Ok(one);
        }
        let lines = readings.iter().flat_map(|halves| halves.search.lines().chain(halves.replace.lines()));
        let markers = other_markers(lines.chain(text.lines().iter().copied()));
        Err(Refusal::Dividers { count: readings.len(), markers })
    }

    /// Refuses new paths that only letter case tells apart, or of which one would hold the other.
    fn refuse_collisions(&mut self, files: &BTreeMap<RepoPath, Work<'_>>) {
        let mut new: Vec<(usize, &RepoPath)> = Vec::new();
        for (path, work) in files {
            new.extend(
                work.wholes
                    .first()
                    .filter(|_| self.read.get(path).is_none())
                    .map(|(number, _)| (*number, path)),
            );
            new.extend(work.renames.first().map(|(number, to)| (*number, to)));
        }
        new.sort_unstable();
        let mut taken: BTreeMap<String, &RepoPath> = BTreeMap::new();
        for (number, path) in &new {
            if let Some(other) = taken.insert(path.folded(), path) {
                self.errors.insert(*number, Refusal::Collides(other.clone()));
            }
        }
        let mut folders: BTreeMap<String, &str> = BTreeMap::new();
        for (number, path) in new {
            for (at, _) in path.as_str().match_indices('/') {
                let folder = &path.as_str()[..at];
                if let Some(file) = taken.get(&fold(folder)) {
                    self.errors.insert(number, Refusal::InsideFile((*file).clone()));
                }
                let spelling = *folders.entry(fold(folder)).or_insert(folder);
                if spelling != folder
                    && let Ok(spelling) = RepoPath::parse(spelling)
                {
                    self.errors.insert(number, Refusal::FolderSpelling(spelling));
                }
            }
        }
    }

    /// The change of one file, unless an edit of it is refused or it stays as it is.
    fn change(&mut self, path: &RepoPath, work: &Work<'a>) -> Option<Change> {
        let whole = self.agreed(path, &work.wholes, |a, b| a == b)?;
        let rename = self.agreed(path, &work.renames, |a, b| a == b)?;
        let deletes: Vec<(usize, ())> = work.deletes.iter().map(|number| (*number, ())).collect();
        let delete = self.agreed(path, &deletes, |(), ()| true)?;
        let rest = [whole.map(|(number, _)| *number), rename.map(|(number, _)| *number)];
        let rest = rest.into_iter().flatten().chain(work.blocks.first().map(|block| block.edit));
        if let Some(((number, ()), other)) = delete.zip(rest.clone().min()) {
            return self.refuse_both(*number, other);
        }
        if let Some(((number, _), block)) = whole.zip(work.blocks.first()) {
            return self.refuse_both(*number, block.edit);
        }
        let Some(file) = self.read.get(path) else {
            let (number, content) = whole?;
            return self.create(*number, path, content);
        };
        let before = file.content.clone();
        if let Some((number, ())) = delete {
            self.done(*number, path, How::Whole);
            let path = path.clone();
            return Some(Change {
                path,
                kind: ChangeKind::Delete,
                mode: file.mode,
                before: Some(before),
                after: None,
            });
        }
        let after = match whole {
            Some((number, content)) => self.rewrite(*number, path, file, content)?,
            None => self.apply(path, file, &work.blocks)?,
        };
        let (path, kind) = match rename {
            Some((number, to)) => {
                self.done(*number, to, How::Whole);
                let from = path.clone();
                let kind = if work.successors.is_empty() {
                    ChangeKind::Rename { from }
                } else {
                    ChangeKind::Copy { from }
                };
                (to.clone(), kind)
            }
            None if after == before => return None,
            None => (path.clone(), ChangeKind::Modify),
        };
        Some(Change { path, kind, mode: file.mode, before: Some(before), after: Some(after) })
    }

    /// The first of edits that must all say the same; the outer `None` if they do not.
    #[expect(clippy::option_option, reason = "refused, or none, or one")]
    fn agreed<'w, T>(
        &mut self,
        path: &RepoPath,
        edits: &'w [(usize, T)],
        same: impl Fn(&T, &T) -> bool,
    ) -> Option<Option<&'w (usize, T)>> {
        let Some(first) = edits.first() else { return Some(None) };
        for (number, value) in &edits[1..] {
            if !same(&first.1, value) {
                return self.refuse_both(*number, first.0);
            }
            self.done(*number, path, How::Twice);
        }
        Some(Some(first))
    }

    fn create(&mut self, number: usize, path: &RepoPath, content: &str) -> Option<Change> {
        let after = Some(self.new_content(number, path, content)?);
        let path = path.clone();
        Some(Change { path, kind: ChangeKind::Create, mode: FileMode::Regular, before: None, after })
    }

    /// The bytes of a file that is new.
    fn new_content(&mut self, number: usize, path: &RepoPath, content: &str) -> Option<Vec<u8>> {
        let (lines, said) = lines_and_ends(path, &[], content);
        if let Some(line) = placeholder(path, lines.iter().copied(), &BTreeSet::new()) {
            return self.refuse(number, Refusal::Placeholder(line));
        }
        if protect::is_lfs_pointer(content.as_bytes()) {
            return self.refuse(number, Refusal::Protected(Reason::LfsPointer));
        }
        self.done(number, path, How::Whole);
        let none = Text::of_lines(Vec::new());
        Some(none.rewritten(&lines, pinned::rewritten(none.edges(), said)))
    }

    /// Refuses a new file in the place of one whose move was refused: without the move, it would replace it.
    fn refuse_orphans(&mut self, files: &BTreeMap<RepoPath, Work<'_>>) {
        for work in files.values() {
            let moves = work.renames.iter().any(|(number, _)| !self.errors.contains_key(number));
            if !moves {
                self.errors.extend(work.successors.iter().map(|(number, _)| (*number, Refusal::Unmoved)));
            }
        }
    }

    /// The new file in the place of one that is moved.
    fn succeed(&mut self, path: &RepoPath, work: &Work<'a>) -> Option<Change> {
        let (number, content) = self.agreed(path, &work.successors, |a, b| a == b)?.copied()?;
        // A block that names the old path could be for either.
        let edits = self.edits;
        let is_old = |block: &&Block<'_>| edits[block.edit].path == edits[number].path;
        if let Some(other) =
            work.blocks.iter().find(is_old).map(|block| block.edit).or(work.deletes.first().copied())
        {
            return self.refuse_both(number, other);
        }
        let file = self.read.get(path)?;
        let after = self.new_content(number, path, content)?;
        let (before, kind) = (Some(file.content.clone()), ChangeKind::Modify);
        (before.as_ref() != Some(&after)).then(|| Change {
            path: path.clone(),
            kind,
            mode: file.mode,
            before,
            after: Some(after),
        })
    }

    fn rewrite(&mut self, number: usize, path: &RepoPath, file: &ReadFile, content: &str) -> Option<Vec<u8>> {
        let Some(text) = Text::parse(&file.content) else { return self.refuse(number, Refusal::NotText) };
        if file.shown != Shown::Whole {
            return self.refuse(number, Refusal::PartlyShown);
        }
        if content.trim().is_empty() && !text.lines().iter().all(|line| line.trim().is_empty()) {
            return self.refuse(number, Refusal::Emptied);
        }
        let (lines, said) = lines_and_ends(path, text.lines(), content);
        if let Some(line) = placeholder(path, lines.iter().copied(), &text.lines().iter().copied().collect())
        {
            return self.refuse(number, Refusal::Placeholder(line));
        }
        let after = text.rewritten(&lines, pinned::rewritten(text.edges(), said));
        self.done(number, path, if after == file.content { How::SameLines } else { How::Whole });
        Some(after)
    }

    /// The bytes of a file after its blocks.
    fn apply(&mut self, path: &RepoPath, file: &ReadFile, blocks: &[Block<'a>]) -> Option<Vec<u8>> {
        let Some(text) = Text::parse(&file.content) else {
            return self.refuse(blocks.first()?.edit, Refusal::NotText);
        };
        let known: BTreeSet<&str> = text.lines().iter().copied().collect();
        let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut splices: Vec<(usize, Splice)> = Vec::new();
        let mut edges: Option<(usize, Edges)> = None;
        let mut refused = Vec::new();
        for block in blocks {
            let (search, before) = lines_and_ends(path, text.lines(), block.search);
            let (replace, after) = lines_and_ends(path, text.lines(), block.replace);
            if !seen.insert((block.search, block.replace)) {
                self.done(block.edit, path, How::Twice);
                continue;
            }
            if before != after {
                match pinned::place(&text, (&search, before), (&replace, after)) {
                    Ok(placed) => {
                        let is_idle = placed.splice.is_none() && placed.edges == text.edges();
                        let how = if is_idle { How::NoOp } else { How::Block(ladder::MatchStrategy::Exact) };
                        self.done(block.edit, path, how);
                        splices.extend(placed.splice.map(|splice| (block.edit, splice)));
                        match edges {
                            Some((other, known)) if known != placed.edges => {
                                refused.push((block.edit, Refusal::Mixed { with: other + 1 }));
                                refused.push((other, Refusal::Mixed { with: block.edit + 1 }));
                            }
                            _ => edges = Some((block.edit, placed.edges)),
                        }
                    }
                    Err(Loose::OtherEnd(why)) => refused.push((block.edit, Refusal::OtherEnd(why))),
                    Err(Loose::OtherLines(range)) => {
                        refused.push((block.edit, Refusal::NotAtEnd(Excerpt::new(text.lines(), range))));
                    }
                }
                continue;
            }
            if search == replace {
                self.done(block.edit, path, How::NoOp);
                continue;
            }
            match ladder::place(&text, &search, &replace) {
                Ok(placed) => match placed.change {
                    Effect::AlreadyThere => self.done(block.edit, path, How::AlreadyThere),
                    Effect::Lines(lines) => {
                        let new = lines.iter().flat_map(|splice| splice.lines.iter().map(String::as_str));
                        if let Some(line) = placeholder(path, new, &known) {
                            refused.push((block.edit, Refusal::Placeholder(line)));
                            continue;
                        }
                        self.done(block.edit, path, How::Block(placed.strategy));
                        splices.extend(lines.into_iter().map(|splice| (block.edit, splice)));
                    }
                },
                Err(no_match) => refused.push((block.edit, self.refusal(path, &text, &search, no_match))),
            }
        }
        splices.sort_by(|(a, one), (b, two)| {
            (one.range.start, one.range.end, a).cmp(&(two.range.start, two.range.end, b))
        });
        for pair in splices.windows(2) {
            let ((first, before), (second, after)) = (&pair[0], &pair[1]);
            let touch =
                before.range.end == after.range.start && (before.range.is_empty() || after.range.is_empty());
            if first != second && (after.range.start < before.range.end || touch) {
                let line = after.range.start + 1;
                refused.push((*first, Refusal::Overlap { with: second + 1, line }));
                refused.push((*second, Refusal::Overlap { with: first + 1, line }));
            }
        }
        if !refused.is_empty() {
            self.errors.extend(refused);
            return None;
        }
        let splices: Vec<Splice> = splices.into_iter().map(|(_, splice)| splice).collect();
        Some(text.splice(&splices, edges.map_or(text.edges(), |(_, edges)| edges)))
    }

    /// Why there is no match, in words that the model can act on.
    fn refusal(&self, path: &RepoPath, text: &Text<'_>, search: &[&str], no_match: NoMatch) -> Refusal {
        let excerpt = |range: std::ops::Range<usize>| Excerpt::new(text.lines(), range);
        match no_match {
            NoMatch::Absent => Refusal::Absent {
                closest: similarity::closest(text, search).map(excerpt),
                elsewhere: self.elsewhere(path, search),
            },
            NoMatch::Ambiguous { strategy, starts } => {
                Refusal::Ambiguous { strategy, lines: starts.into_iter().map(|start| start + 1).collect() }
            }
            NoMatch::Differs(range) => Refusal::Differs(excerpt(range)),
            NoMatch::Indentation(range) => Refusal::Indentation(excerpt(range)),
            NoMatch::Elision => Refusal::Elision,
            NoMatch::PartOfLine(line) => Refusal::PartOfLine(excerpt(line..line + search.len())),
        }
    }

    /// Another file of the read set that has the SEARCH to the letter.
    fn elsewhere(&self, path: &RepoPath, search: &[&str]) -> Option<RepoPath> {
        let wanted = search.join("\n");
        let has = |file: &ReadFile| {
            std::str::from_utf8(&file.content).is_ok_and(|content| content.contains(wanted.as_str()))
        };
        self.read.iter().find(|(other, file)| *other != path && has(file)).map(|(other, _)| other.clone())
    }

    fn done(&mut self, number: usize, path: &RepoPath, how: How) {
        self.applied.insert(number, Applied { number: number + 1, path: path.clone(), how });
    }

    fn refuse<T>(&mut self, number: usize, refusal: Refusal) -> Option<T> {
        self.errors.insert(number, refusal);
        None
    }

    /// Refuses two edits that exclude each other: neither is kept.
    fn refuse_both<T>(&mut self, one: usize, other: usize) -> Option<T> {
        self.errors.insert(one, Refusal::Mixed { with: other + 1 });
        self.refuse(other, Refusal::Mixed { with: one + 1 })
    }

    fn finish(self, changes: Vec<Change>) -> Result<Patch, EditErrors> {
        let applied: Vec<Applied> = self.applied.into_values().collect();
        if !self.errors.is_empty() {
            let kept = self.edits.iter().enumerate().filter(|(number, _)| !self.errors.contains_key(number));
            let kept = kept.map(|(_, edit)| edit.clone()).collect();
            let edits = self.edits;
            let errors = self.errors.into_iter().map(|(number, refusal)| EditError {
                number: number + 1,
                line: edits[number].line,
                path: edits[number].path.clone(),
                refusal,
            });
            return Err(EditErrors::Refused { errors: errors.collect(), kept });
        }
        if changes.is_empty() {
            return Err(EditErrors::NoChange(applied));
        }
        if changes.len() > MAX_FILES {
            return Err(EditErrors::TooManyFiles(changes.len()));
        }
        let bytes = changes.iter().filter_map(Change::after).map(<[u8]>::len).sum();
        if bytes > MAX_BYTES {
            return Err(EditErrors::TooLarge(bytes));
        }
        Ok(Patch { changes, applied })
    }
}

/// The lines of a text for a file with these lines, and what it says of the ends of that file. In a diff, and where the
/// file has such lines, what speaks of the ends elsewhere is a line like others.
fn lines_and_ends<'t>(path: &RepoPath, file: &[&str], text: &'t str) -> (Vec<&'t str>, Ends) {
    let is_diff = path
        .extension()
        .is_some_and(|extension| ["diff", "patch"].iter().any(|known| known.eq_ignore_ascii_case(extension)));
    let is_literal = is_diff || file.iter().any(|line| [ends::NO_NEWLINE, ends::MARK].contains(line));
    if is_literal { ends::literal(text) } else { ends::split(text) }
}

/// A new line that stands for code that was not written out.
fn placeholder<'l>(
    path: &RepoPath,
    mut new: impl Iterator<Item = &'l str>,
    known: &BTreeSet<&str>,
) -> Option<String> {
    new.find(|line| elision::is_placeholder(line, path.extension()) && !known.contains(line))
        .map(str::to_owned)
}
