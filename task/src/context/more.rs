//! Reading *more*: files, or lines of them, that the model asks for by name, answered one by one.

use std::fmt;

use super::excerpt::{self, Excerpt, Source, Wanted};
use super::pack::{Context, FRAME_TOKENS, MIN_LINES};
use super::role::{self, Omission};
use super::stats::Reader;
use super::tokens;
use super::walk::{Entry, Walk};
use crate::context::read_set::{ReadFile, Shown};
use crate::path::RepoPath;

/// Names that are suggested for one that does not exist.
const NEAR: usize = 3;
/// Files that are named of a folder.
const FOLDER_FILES: usize = 20;
/// Files that an issue names and nobody can read, of which the model is told.
const MAX_NAMED: usize = 10;
/// Ranges of lines that are named to the model.
const NAMED_RANGES: usize = 8;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// These lines are read that were not before.
    Added {
        shown: Shown,
        /// The lines of the file.
        of: usize,
        /// Whether all that was asked for is read now.
        is_complete: bool,
    },
    AlreadyRead(Coverage),
    /// The file has so many lines, and none of those.
    NoSuchLines {
        of: usize,
    },
    /// There is no such file; these have similar names.
    Unknown {
        near: Vec<RepoPath>,
    },
    /// It is a folder; these are some of its files.
    Folder {
        files: Vec<RepoPath>,
    },
    Unreadable(Omission),
    /// The path leads through a symlink or into a submodule.
    Behind {
        entry: RepoPath,
        omission: Omission,
    },
    /// There is too little room for it, or for a part of it that is worth reading.
    OverBudget {
        /// The lines of the file.
        of: usize,
        coverage: Coverage,
        /// Whether other requests of the same answer took room.
        is_beside: bool,
        /// About how many of its lines there is room for.
        room: usize,
    },
}

/// How much of a file was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    Whole,
    Lines,
}

/// The answer to one request. Displayed, it is a line for the model, but for [`Answer::how`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub path: RepoPath,
    pub outcome: Outcome,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |paths: &[RepoPath]| paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        let path = &self.path;
        write!(f, "`{path}`: ")?;
        match &self.outcome {
            Outcome::Added { shown: Shown::Whole, .. } => f.write_str("added, whole"),
            Outcome::Added { shown: Shown::Lines(lines), of, is_complete } => {
                write!(f, "added, lines {} of {of}", ranges(lines))?;
                if *is_complete { Ok(()) } else { f.write_str("; the rest does not fit") }
            }
            Outcome::AlreadyRead(Coverage::Whole) => f.write_str("you have the whole of it already"),
            Outcome::AlreadyRead(Coverage::Lines) => f.write_str("you have these lines already"),
            Outcome::NoSuchLines { of } => write!(f, "it has only {of} lines"),
            Outcome::Unknown { near } if near.is_empty() => f.write_str("there is no such file"),
            Outcome::Unknown { near } => write!(f, "there is no such file; similar names: {}", list(near)),
            Outcome::Folder { files } => write!(f, "is a folder; ask for files, such as {}", list(files)),
            Outcome::Unreadable(omission) => write!(f, "cannot be shown: {}", omission.clause()),
            Outcome::Behind { entry, omission } => {
                write!(f, "cannot be shown, for it is behind `{entry}`: {}", omission.clause())
            }
            Outcome::OverBudget { of, coverage, is_beside, room } => {
                let what = match coverage {
                    Coverage::Whole => "it does not fit",
                    Coverage::Lines => "these lines do not fit",
                };
                match (is_beside, room) {
                    (true, _) => write!(f, "{what} beside the others; the file has {of} lines"),
                    (false, 0) => write!(f, "{what}, not even one line; the file has {of} lines"),
                    (false, room) => {
                        write!(f, "{what}; the file has {of} lines, and there is room for about {room}")
                    }
                }
            }
        }
    }
}

impl Answer {
    /// How to get what does not fit.
    pub(super) fn how(&self) -> Option<String> {
        let path = &self.path;
        match &self.outcome {
            Outcome::Added { is_complete: false, .. } => {
                Some(format!("ask for what you need of it as `READ: {path}:FROM-TO`"))
            }
            Outcome::OverBudget { is_beside: true, .. } => {
                Some(format!("ask again, for it alone or for a part of it as `READ: {path}:FROM-TO`"))
            }
            Outcome::OverBudget { room: 1.., .. } => {
                Some(format!("ask for a part of it as `READ: {path}:FROM-TO`"))
            }
            _ => None,
        }
    }
}

/// A file, or lines of it, that there may be room for.
pub(super) struct Wish {
    entry: Entry,
    content: Vec<u8>,
    /// Its lines.
    of: usize,
    coverage: Coverage,
    wanted: (usize, usize),
}

impl Wish {
    fn text(&self) -> &str {
        role::plain_text(&self.content).unwrap_or_default()
    }
}

fn ranges(lines: &[(usize, usize)]) -> String {
    let named = lines.iter().take(NAMED_RANGES).map(|(first, last)| format!("{first}-{last}"));
    let mut text = named.collect::<Vec<_>>().join(", ");
    if lines.len() > NAMED_RANGES {
        text.push_str(" and more");
    }
    text
}

impl Context {
    /// Whether the tree has a file there that may be shown, as far as its path tells.
    pub fn is_readable(&self, path: &RepoPath) -> bool {
        self.walk.get(path).is_some_and(|entry| entry.role.is_ok())
    }

    /// Files that a text names by their whole paths and that cannot be read, in order of their first appearance, each with
    /// the reason.
    pub fn unreadable_named(&self, repo: &gix::Repository, text: &str) -> Vec<(RepoPath, Omission)> {
        let mut found: Vec<(RepoPath, Omission)> = Vec::new();
        for word in text.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;|*".contains(c)) {
            let word = word.trim_start_matches("./").trim_end_matches(['.', ':', '?', '!']);
            let Ok(path) = RepoPath::parse(word) else { continue };
            if found.iter().any(|(known, _)| *known == path) {
                continue;
            }
            if let Some(omission) = self.unreadable(repo, &path) {
                found.push((path, omission));
                if found.len() == MAX_NAMED {
                    break;
                }
            }
        }
        found
    }

    /// Why a file cannot be read, where it would be asked for in vain.
    pub fn unreadable(&self, repo: &gix::Repository, path: &RepoPath) -> Option<Omission> {
        self.content(&Reader::new(repo.clone()), self.walk.get(path)?).err()
    }

    fn content(&self, reader: &Reader, entry: &Entry) -> Result<Vec<u8>, Omission> {
        if let Err(
            omission @ (Omission::Symlink | Omission::Submodule | Omission::LockFile | Omission::Secret),
        ) = entry.role
        {
            return Err(omission);
        }
        let content = reader.read(entry, &self.caps)?;
        role::plain_text(&content)?;
        Ok(content)
    }

    /// What is read where the model asks for a file or for lines of it; an outcome where there is nothing to read.
    pub(super) fn wish(
        &self,
        reader: &Reader,
        path: &RepoPath,
        lines: Option<(usize, usize)>,
    ) -> Result<Wish, Outcome> {
        let Some(entry) = self.walk.get(path).cloned() else {
            let files = self.walk.under(path, FOLDER_FILES);
            return Err(match self.behind(path) {
                Some((entry, omission)) => Outcome::Behind { entry, omission },
                None if files.is_empty() => Outcome::Unknown { near: near(&self.walk, path) },
                None => Outcome::Folder { files },
            });
        };
        let content = self.content(reader, &entry).map_err(Outcome::Unreadable)?;
        let of = role::plain_text(&content).map_err(Outcome::Unreadable)?.lines().count();
        let coverage = if lines.is_some() { Coverage::Lines } else { Coverage::Whole };
        let wanted = lines_of(lines, of);
        if wanted.0 > of && of > 0 {
            return Err(Outcome::NoSuchLines { of });
        }
        Ok(Wish { entry, content, of, coverage, wanted })
    }

    /// The symlink or submodule that a path leads through.
    pub(super) fn behind(&self, path: &RepoPath) -> Option<(RepoPath, Omission)> {
        let mut folders = path.as_str().match_indices('/').map(|(at, _)| &path.as_str()[..at]);
        folders.find_map(|folder| {
            let path = RepoPath::parse(folder).ok()?;
            match self.walk.get(&path)?.role {
                Err(omission @ (Omission::Symlink | Omission::Submodule)) => Some((path, omission)),
                _ => None,
            }
        })
    }

    /// Whether all of these lines, or all of the file, was shown.
    pub(super) fn has_read(&self, path: &RepoPath, lines: Option<(usize, usize)>) -> bool {
        self.read.get(path).is_some_and(|file| {
            let of = role::plain_text(&file.content).map_or(0, |text| text.lines().count());
            let wanted = lines_of(lines, of);
            file.shown == Shown::Whole
                || (of > 0 && wanted.0 <= of && file.shown.missing(&[wanted]).is_empty())
        })
    }

    fn shown(&self, wish: &Wish) -> Shown {
        self.read.get(&wish.entry.path).map_or_else(|| Shown::Lines(Vec::new()), |file| file.shown.clone())
    }

    /// What is not shown yet of what is asked for; `None` where there is nothing.
    fn lacking(&self, wish: &Wish) -> Option<Shown> {
        let known = self.shown(wish);
        let missing = known.missing(&[wish.wanted]);
        if known == Shown::Whole || (missing.is_empty() && wish.of > 0) {
            None
        } else if wish.coverage == Coverage::Whole && known == Shown::Lines(Vec::new()) {
            Some(Shown::Whole)
        } else {
            Some(Shown::Lines(missing))
        }
    }

    /// The tokens of all that is not shown yet of what is asked for; none where there is nothing.
    pub(super) fn need(&self, wish: &Wish) -> u32 {
        self.lacking(wish).map_or(0, |lacking| tokens_of(wish, &lacking))
    }

    /// Reads all that is asked for, if there is room, of which it takes what it uses.
    pub(super) fn read_all(&mut self, wish: &Wish, left: &mut u32) -> Option<Outcome> {
        let Some(lacking) = self.lacking(wish) else { return Some(Outcome::AlreadyRead(wish.coverage)) };
        let need = tokens_of(wish, &lacking);
        *left = left.checked_sub(need)?;
        Some(self.added(wish, lacking, need))
    }

    /// Reads the best part, where all of it does not fit; of `budget` tokens that all requests share, `left` are left.
    ///
    /// A part that is too short to work with is not read beside other files: the model can ask for it again, alone.
    pub(super) fn read_part(&mut self, wish: &Wish, left: &mut u32, budget: u32) -> Outcome {
        let is_beside = *left < budget;
        let room = left.saturating_sub(FRAME_TOKENS);
        let missing = self.shown(wish).missing(&[wish.wanted]);
        let count =
            |lines: &[(usize, usize)]| lines.iter().map(|(first, last)| last + 1 - first).sum::<usize>();
        let mut part = excerpt::within(wish.text(), &missing, room);
        if wish.coverage == Coverage::Whole && part.lines != missing {
            part = self.excerpt(&wish.entry, wish.text(), Wanted::All, room);
        }
        let Excerpt { lines, tokens } = part;
        let enough = if !is_beside {
            1
        } else if self.need(wish) <= budget {
            (count(&missing) / 2).max(MIN_LINES)
        } else {
            MIN_LINES
        };
        let read: usize = count(&lines);
        if read < enough {
            let (of, coverage) = (wish.of, wish.coverage);
            let fits: usize = count(&excerpt::within(wish.text(), &missing, room).lines);
            return Outcome::OverBudget { of, coverage, is_beside, room: fits };
        }
        *left = room.saturating_sub(tokens);
        self.added(wish, Shown::Lines(lines), tokens + FRAME_TOKENS)
    }

    fn added(&mut self, wish: &Wish, shown: Shown, tokens: u32) -> Outcome {
        self.spent.files += tokens;
        let (path, of) = (&wish.entry.path, wish.of);
        let known = self.shown(wish);
        let all = match &shown {
            Shown::Whole => Shown::Whole,
            Shown::Lines(lines) => known.joined(lines, of),
        };
        let is_complete = all.missing(&[wish.wanted]).is_empty();
        if known == Shown::Lines(Vec::new()) {
            let Wish { entry: Entry { blob, mode, .. }, content, .. } = wish;
            let (blob, mode, content) = (*blob, *mode, content.clone());
            let why = "the model asked for it".to_owned();
            self.read.insert(path.clone(), ReadFile { content, blob, mode, shown: all, why });
        } else {
            self.read.show(path, all);
        }
        Outcome::Added { shown, of, is_complete }
    }

    /// The best part of a file for so many tokens, of what was not shown yet.
    pub(super) fn excerpt(&self, entry: &Entry, text: &str, wanted: Wanted, budget: u32) -> Excerpt {
        let outline = match self.index.closer(&self.walk, &entry.path) {
            Some(closer) if !closer.outline.is_empty() => closer.outline.clone(),
            Some(_) | None => {
                super::closer::outline_of(self.index.parsers(), &entry.path, text).unwrap_or_default()
            }
        };
        let shown = self.read.get(&entry.path).map(|file| &file.shown);
        let source = Source { text, outline: &outline, shown };
        excerpt::choose(&source, &self.query, self.index.corpus(), wanted, budget)
    }
}

/// The tokens of what is not shown yet.
fn tokens_of(wish: &Wish, lacking: &Shown) -> u32 {
    let tokens = match lacking {
        Shown::Whole => tokens::estimate(wish.text()),
        Shown::Lines(missing) => excerpt::within(wish.text(), missing, u32::MAX).tokens,
    };
    tokens.saturating_add(FRAME_TOKENS)
}

/// The lines that are meant, of a file that has so many.
fn lines_of(lines: Option<(usize, usize)>, of: usize) -> (usize, usize) {
    match lines {
        None => (1, of),
        // Some count from zero, and some write the range backwards.
        Some((first, last)) => (first.min(last).max(1), last.max(first).min(of)),
    }
}

/// The paths most like `wanted`: of the same file name, else of similar spelling.
pub(crate) fn near(walk: &Walk, wanted: &RepoPath) -> Vec<RepoPath> {
    let wanted_pairs = pairs(wanted.as_str());
    let wanted_name = wanted.file_name().to_ascii_lowercase();
    let mut scored: Vec<(u32, &RepoPath)> = walk
        .entries()
        .iter()
        .filter(|entry| entry.role.is_ok())
        .filter_map(|entry| {
            let likeness = dice(&wanted_pairs, &pairs(entry.path.as_str()));
            let same_name = entry.path.file_name().to_ascii_lowercase() == wanted_name;
            let score = likeness + if same_name { 1000 } else { 0 };
            (score >= 600).then_some((score, &entry.path))
        })
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.into_iter().take(NEAR).map(|(_, path)| path.clone()).collect()
}

/// Neighboring bytes, lower-case, sorted.
fn pairs(text: &str) -> Vec<[u8; 2]> {
    let lower = text.to_ascii_lowercase();
    let mut pairs: Vec<[u8; 2]> = lower.as_bytes().windows(2).map(|pair| [pair[0], pair[1]]).collect();
    pairs.sort_unstable();
    pairs
}

/// Dice's coefficient of two sorted lists, in thousandths.
fn dice(a: &[[u8; 2]], b: &[[u8; 2]]) -> u32 {
    let (mut at, mut bt, mut shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(at), b.get(bt)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => bt += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                at += 1;
                bt += 1;
            }
        }
    }
    u32::try_from(2000 * shared / (a.len() + b.len()).max(1)).unwrap_or(0)
}
