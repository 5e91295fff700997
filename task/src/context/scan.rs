//! A *scan* looks through the text of every file of a commit, whatever the file is for, and keeps the files in which
//! something was found.
//!
//! The ranking leaves files out that are seldom worth reading. A scan does not: who replaces a text everywhere has to
//! know of every place, and of every file that could not be looked at.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::index::in_parallel;
use super::read_set::{ReadFile, Shown};
use super::role::{self, Omission};
use super::stats::Reader;
use super::walk::{Caps, Entry, Walk};
use crate::path::RepoPath;

/// Largest file that is looked through, in bytes.
const FILE_BYTES: u64 = 32 << 20;
/// Bytes of all files that are kept.
const KEPT_BYTES: usize = 64 << 20;
/// Longest time for a scan.
const TIME: Duration = Duration::from_mins(1);
/// Files that a thread takes at a time.
const BATCH: usize = 32;

/// See the module's documentation.
pub struct Scan<T> {
    /// Ordered by path.
    pub hits: Vec<Hit<T>>,
    /// Files whose content could not be looked at, ordered by path.
    pub unseen: Vec<RepoPath>,
}

/// A file in which something was found.
pub struct Hit<T> {
    pub path: RepoPath,
    pub found: T,
    /// The file as it may be changed, or why nobody writes it by hand.
    pub file: Result<ReadFile, Omission>,
}

/// Why a scan did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("searching the repository took longer than {} s", TIME.as_secs())]
    TooSlow,
    #[error("the files to look at are larger than {} MB together", KEPT_BYTES >> 20)]
    TooMuch,
}

enum Seen<T> {
    Hit(Box<Hit<T>>),
    Unseen(RepoPath),
    Stopped(ScanError),
}

/// Looks through the files of `walk` that are `wanted`; `find` says what there is in the text of a file.
pub fn scan<T: Send>(
    repo: &gix::ThreadSafeRepository,
    walk: &Walk,
    wanted: impl Fn(&RepoPath) -> bool + Sync,
    find: impl Fn(&RepoPath, &str) -> Option<T> + Sync,
) -> Result<Scan<T>, ScanError> {
    let entries: Vec<&Entry> = walk.entries().iter().filter(|entry| wanted(&entry.path)).collect();
    let (until, kept) = (Instant::now() + TIME, AtomicUsize::new(0));
    let seen = in_parallel(repo, entries.len(), BATCH, |reader, at| {
        if Instant::now() > until {
            return Some(Seen::Stopped(ScanError::TooSlow));
        }
        look(reader, entries[at], &kept, &find)
    });
    let mut scan = Scan { hits: Vec::new(), unseen: Vec::new() };
    for (_, seen) in seen {
        match seen {
            Seen::Hit(hit) => scan.hits.push(*hit),
            Seen::Unseen(path) => scan.unseen.push(path),
            Seen::Stopped(why) => return Err(why),
        }
    }
    Ok(scan)
}

fn look<T>(
    reader: &Reader,
    entry: &Entry,
    kept: &AtomicUsize,
    find: &impl Fn(&RepoPath, &str) -> Option<T>,
) -> Option<Seen<T>> {
    // These have no text in this commit.
    if let Err(Omission::Binary | Omission::Submodule | Omission::Symlink) = entry.role {
        return None;
    }
    let Ok(content) = reader.read(entry, &Caps { file_bytes: FILE_BYTES, ..Caps::default() }) else {
        return Some(Seen::Unseen(entry.path.clone()));
    };
    let found = find(&entry.path, &text(&content))?;
    let is_small = u64::try_from(content.len()).is_ok_and(|bytes| bytes <= Caps::default().file_bytes);
    let writable = entry.role.and_then(|role| role::text_of(&content, role).map(|_| ()));
    let file = writable.and(if is_small { Ok(()) } else { Err(Omission::TooLarge) });
    if file.is_ok() && kept.fetch_add(content.len(), Ordering::Relaxed) > KEPT_BYTES {
        return Some(Seen::Stopped(ScanError::TooMuch));
    }
    let (blob, mode) = (entry.blob, entry.mode);
    let file = file.map(|()| ReadFile { content, blob, mode, shown: Shown::Whole, why: String::new() });
    Some(Seen::Hit(Box::new(Hit { path: entry.path.clone(), found, file })))
}

/// The text of a file as far as it has one: UTF-16 is read as such, and what is not UTF-8 loses some characters.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tests::Fixture;

    fn found(fixture: &Fixture, wanted: fn(&RepoPath) -> bool) -> Vec<(String, Result<(), Omission>)> {
        let repo = fixture.repo.clone().into_sync();
        let scan =
            scan(&repo, &fixture.walk(), wanted, |_, text| text.contains("needle").then_some(())).unwrap();
        assert_eq!(scan.unseen, []);
        scan.hits.into_iter().map(|hit| (hit.path.to_string(), hit.file.map(|_| ()))).collect()
    }

    #[test]
    fn every_file_with_text_is_looked_through() {
        let large = [b"needle\n".as_slice(), &b"x\n".repeat(1 << 19)].concat();
        let wide: Vec<u8> =
            [0xfeff_u16].into_iter().chain("a needle".encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let files: [(&str, &[u8]); 10] = [
            ("a.md", b"a needle\n"),
            ("b.md", b"hay\n"),
            ("bin/run", b"needle\n"),
            ("data.dat", b"needle\0"),
            ("large.txt", &large),
            ("latin1.txt", b"\xfc needle\n"),
            ("logo.png", b"needle"),
            ("node_modules/a.js", b"needle\n"),
            ("wide.txt", &wide),
            ("yarn.lock", b"needle\n"),
        ];
        let fixture = Fixture::new(files);
        let expect = [
            ("a.md", Ok(())),
            ("bin/run", Ok(())),
            ("data.dat", Err(Omission::Binary)),
            ("large.txt", Err(Omission::TooLarge)),
            ("latin1.txt", Err(Omission::NotUtf8)),
            ("node_modules/a.js", Err(Omission::Vendored)),
            ("wide.txt", Err(Omission::Binary)),
            ("yarn.lock", Err(Omission::LockFile)),
        ];
        let expect = expect.map(|(path, file)| (path.to_owned(), file));
        assert_eq!(found(&fixture, |_| true), expect);
        assert_eq!(found(&fixture, |path| path.as_str() == "a.md"), expect[..1]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let fixture = Fixture::new([("a.md", b"needle".as_slice())]);
        let here = fixture.repo.write_blob(b"needle").unwrap().detach();
        let nowhere = gix::ObjectId::from_hex(b"1111111111111111111111111111111111111111").unwrap();
        let entry = |name: &str, oid| gix::objs::tree::Entry {
            mode: gix::objs::tree::EntryKind::Blob.into(),
            filename: name.into(),
            oid,
        };
        let tree = gix::objs::Tree { entries: vec![entry("a.md", here), entry("gone.txt", nowhere)] };
        let tree = fixture.repo.write_object(&tree).unwrap().detach();
        let walk = super::super::walk::walk(&fixture.repo, tree, &Caps::default()).unwrap();
        let repo = fixture.repo.clone().into_sync();
        let scan = scan(&repo, &walk, |_| true, |_, text| text.contains("needle").then_some(())).unwrap();
        assert_eq!(scan.unseen.iter().map(RepoPath::as_str).collect::<Vec<_>>(), ["gone.txt"]);
        assert_eq!(scan.hits.len(), 1);
    }
}
