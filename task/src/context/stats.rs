//! The *statistics* of a file: how often it has each term of the query, and where, and what a closer look adds.

use super::query::Query;
use super::role::{self, Omission, Role};
use super::term::{self, NameHash};
use super::walk::{Caps, Entry};
use crate::parser::{Definition, Unparsed};

/// How many bytes from the top of a file count as its head: imports and the first comment.
const HEAD_BYTES: usize = 600;

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

/// What a closer look gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Closer {
    /// Empty for a test.
    pub(super) outline: Vec<Definition>,
    /// Why the outline is missing.
    pub(super) unparsed: Option<Unparsed>,
    /// Terms of the query, by number, that name a definition of the file, ascending.
    pub(super) defines: Vec<u16>,
    /// The names of its definitions, ascending.
    pub(super) names: Vec<NameHash>,
    /// The identifiers in its text, ascending.
    pub(super) uses: Vec<NameHash>,
    /// BM25 of the best passage.
    pub(super) passage: f32,
    /// BM25 of the best passage that is three times as long.
    pub(super) long_passage: f32,
    /// BM25 of the best passage for the title alone.
    pub(super) title_passage: f32,
    /// Phrases of the query, by number, that stand in the file.
    pub(super) phrases: Vec<u16>,
    /// Pairs of the query, by number, that stand side by side in the file.
    pub(super) pairs: Field,
    /// BM25 of the best definition.
    pub(super) best_definition: f32,
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

/// The statistics of one file, but for the closer look.
pub(super) fn read(
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

/// A text as BM25 sees it for this query.
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
