//! The *index* of one run: for each file, how often it has each term of the query, and where.
//!
//! The query is known before the first file is read, so nothing else is kept: one pass over each blob, on every
//! core, gives counts, and the text is dropped. The files that score best are then looked at more closely.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::closer::{self, Closer};
use super::features::Corpus;
use super::history::History;
use super::query::Query;
use super::rank;
use super::role::{self, Omission, Role};
use super::term;
use super::walk::{Caps, Entry, Walk};
use crate::parser::Parsers;
use crate::path::RepoPath;

/// How many bytes from the top of a file count as its head: imports and the first comment.
const HEAD_BYTES: usize = 600;
/// How many files are parsed. Of the files that a fix touches, 94 % are among the first 50 by terms alone.
const CLOSER_FILES: usize = 200;
/// Files that a thread takes at a time.
const BATCH: usize = 32;
const CLOSER_BATCH: usize = 4;

/// Why there is no index.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IndexError {
    #[error("nothing to read: the repository has no file of text that was written by hand")]
    NothingToRead,
}

/// How often each term occurs, by its number in the query, ascending.
pub(super) type Counts = Vec<(u16, u16)>;

/// A text as BM25 sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Field {
    pub(super) counts: Counts,
    /// In words.
    pub(super) length: u32,
}

/// What is known of one file.
#[derive(Clone, Debug)]
pub(super) struct FileStats {
    /// Its place among the walk's entries.
    pub(super) entry: usize,
    pub(super) role: Role,
    pub(super) bytes: usize,
    pub(super) text: Field,
    pub(super) head: Field,
    pub(super) path: Field,
    /// Of the best files only.
    pub(super) closer: Option<Closer>,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Index {
    /// Ordered by path, as the walk's entries are.
    pub(super) files: Vec<FileStats>,
    corpus: Corpus,
    left_out: BTreeMap<Omission, usize>,
    parsers: Parsers,
}

impl Index {
    /// Reads every file of `walk` that may be ranked for `query`.
    pub fn build(
        repo: &gix::ThreadSafeRepository,
        walk: &Walk,
        history: &History,
        query: &Query,
        caps: &Caps,
        parsers: Parsers,
    ) -> Result<Self, IndexError> {
        let entries = walk.entries();
        let mut left_out = walk.left_out();
        let mut files = Vec::new();
        let read = in_parallel(repo, entries.len(), BATCH, |reader, at| {
            let role = entries[at].role.ok()?;
            Some(read(reader, at, &entries[at], role, query, caps))
        });
        for (_, outcome) in read {
            match outcome {
                Ok(stats) => files.push(stats),
                Err(omission) => *left_out.entry(omission).or_default() += 1,
            }
        }
        if files.is_empty() {
            return Err(IndexError::NothingToRead);
        }
        let corpus = Corpus::new(&files, walk, history, query);
        let best = rank::best(&files, walk, query, &corpus, CLOSER_FILES);
        let closer = in_parallel(repo, best.len(), CLOSER_BATCH, |reader, at| {
            let stats = &files[best[at]];
            let content = reader.read(&entries[stats.entry], caps).ok()?;
            let text = role::text_of(&content, stats.role).ok()?;
            Some(closer::look(&parsers, &entries[stats.entry].path, stats.role, text, query, &corpus))
        });
        for (at, closer) in closer {
            files[best[at]].closer = Some(closer);
        }
        let corpus = Corpus::new(&files, walk, history, query);
        Ok(Self { files, corpus, left_out, parsers })
    }

    /// How many entries of the tree are not ranked, by reason.
    pub fn left_out(&self) -> &BTreeMap<Omission, usize> {
        &self.left_out
    }

    /// What it was built with.
    pub(super) fn parsers(&self) -> &Parsers {
        &self.parsers
    }

    pub(super) fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    pub(super) fn stats(&self, walk: &Walk, path: &RepoPath) -> Option<&FileStats> {
        let entries = walk.entries();
        let at = self.files.binary_search_by(|file| entries[file.entry].path.cmp(path)).ok()?;
        self.files.get(at)
    }

    pub(super) fn closer(&self, walk: &Walk, path: &RepoPath) -> Option<&Closer> {
        self.stats(walk, path)?.closer.as_ref()
    }

    /// How many files are ranked.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Runs `job` for each number below `count` on all cores; what it gives, in order.
fn in_parallel<T: Send>(
    repo: &gix::ThreadSafeRepository,
    count: usize,
    batch: usize,
    job: impl Fn(&Reader, usize) -> Option<T> + Sync,
) -> Vec<(usize, T)> {
    let threads =
        std::thread::available_parallelism().map_or(1, NonZero::get).min(count.div_ceil(batch)).max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let reader = Reader::new(repo.to_thread_local());
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(batch, Ordering::Relaxed);
            if start >= count {
                return done;
            }
            for at in start..(start + batch).min(count) {
                if let Some(outcome) = job(&reader, at) {
                    done.push((at, outcome));
                }
            }
        }
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_unstable_by_key(|(at, _)| *at);
    all
}

/// Reads blobs for one thread.
pub(super) struct Reader {
    repo: gix::Repository,
}

impl Reader {
    pub(super) fn new(repo: gix::Repository) -> Self {
        Self { repo }
    }

    /// The content of a file within the cap on size.
    pub(super) fn read(&self, entry: &Entry, caps: &Caps) -> Result<Vec<u8>, Omission> {
        let header = self.repo.find_header(entry.blob).map_err(|_| Omission::Missing)?;
        if header.size() > caps.file_bytes {
            return Err(Omission::TooLarge);
        }
        let mut blob = self.repo.find_object(entry.blob).map_err(|_| Omission::Missing)?;
        Ok(std::mem::take(&mut blob.data))
    }
}

fn read(
    reader: &Reader,
    number: usize,
    entry: &Entry,
    role: Role,
    query: &Query,
    caps: &Caps,
) -> Result<FileStats, Omission> {
    let content = reader.read(entry, caps)?;
    let text = role::text_of(&content, role)?;
    let mut head_end = text.len().min(HEAD_BYTES);
    while !text.is_char_boundary(head_end) {
        head_end -= 1;
    }
    Ok(FileStats {
        entry: number,
        role,
        bytes: text.len(),
        text: field(text, query),
        head: field(&text[..head_end], query),
        path: field(entry.path.as_str(), query),
        closer: None,
    })
}

pub(super) fn field(text: &str, query: &Query) -> Field {
    let mut dense = vec![0_u16; query.terms.len()];
    let length = term::scan(text, |hash, _, _| {
        if let Some(number) = query.table.get(hash) {
            let count = &mut dense[usize::from(number)];
            *count = count.saturating_add(1);
        }
    });
    let counts = (0_u16..).zip(dense).filter(|(_, count)| *count > 0).collect();
    Field { counts, length }
}
