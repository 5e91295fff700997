//! The *history* is what the last commits before the base said and changed, where the repository has them.
//!
//! A commit whose message is like the issue points to the files that it changed, and files that were changed together
//! are changed together again. A shallow clone ends it early, at worst at once. Only trees are compared, so that a
//! clone without the blobs of the past will do.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryKind;
use gix::revision::walk::Sorting;
use gix::traverse::commit::simple::CommitTimeOrder;

use crate::path::RepoPath;

/// Commits that are looked at, merges not counted. Measured with 100, 300 and 1,000: the first hundred give all of
/// the gain, older ones point to what the code was.
const COMMITS: usize = 100;
/// Commits that are visited for them, merges counted.
const VISITED: usize = 400;
/// A commit that changes more files is a reformatting or a renaming, and says nothing of one of them.
const MAX_FILES: usize = 40;
/// Bytes of a message that are read.
const MESSAGE_BYTES: usize = 600;
/// Bytes of trees that are compared in all: a bound on the time that does not depend on the clock.
const TREE_BYTES: usize = 48 << 20;
/// For trees that neighboring commits share.
const TREE_CACHE_BYTES: usize = 16 << 20;

/// A commit of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Past {
    /// The beginning of the message.
    pub(super) message: String,
    /// What it added or changed.
    pub(super) files: Vec<RepoPath>,
}

/// See the module's documentation. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub(super) commits: Vec<Past>,
}

impl History {
    /// Reads the history of `base`, as far back as the repository has it.
    pub fn read(repo: &gix::Repository, base: ObjectId) -> Self {
        let mut repo = repo.clone();
        repo.object_cache_size_if_unset(TREE_CACHE_BYTES);
        let mut history = Self::default();
        let order = Sorting::ByCommitTime(CommitTimeOrder::NewestFirst);
        let Ok(walk) = repo.rev_walk([base]).sorting(order).all() else { return history };
        let mut budget = TREE_BYTES;
        for info in walk.take(VISITED) {
            if history.commits.len() >= COMMITS {
                break;
            }
            // What cannot be read ends the history, as the edge of a shallow clone does.
            let Ok(info) = info else { break };
            match past(&repo, info.id, &mut budget) {
                Ok(Some(past)) => history.commits.push(past),
                Ok(None) => {}
                Err(End) => break,
            }
        }
        history
    }
}

/// There is nothing further back that could be read.
struct End;

/// The commit `id`; nothing for a merge, the first commit, and a commit that changes very much.
fn past(repo: &gix::Repository, id: ObjectId, budget: &mut usize) -> Result<Option<Past>, End> {
    let commit = repo.find_commit(id).map_err(|_| End)?;
    let mut parents = commit.parent_ids();
    let (Some(parent), None) = (parents.next(), parents.next()) else { return Ok(None) };
    let before = repo.find_commit(parent).map_err(|_| End)?.tree_id().map_err(|_| End)?.detach();
    let after = commit.tree_id().map_err(|_| End)?.detach();
    let message = commit.message_raw_sloppy();
    let message = message[..message.len().min(MESSAGE_BYTES)].to_str_lossy().into_owned();
    let files = changed(repo, before, after, budget)?;
    Ok(files.map(|files| Past { message, files }))
}

type Listing = BTreeMap<BString, (EntryKind, ObjectId)>;

/// The files of `after` that differ from those of `before`; nothing when they are too many.
fn changed(
    repo: &gix::Repository,
    before: ObjectId,
    after: ObjectId,
    budget: &mut usize,
) -> Result<Option<Vec<RepoPath>>, End> {
    let mut files = Vec::new();
    let mut pending = vec![(Some(before), after, String::new())];
    while let Some((before, after, prefix)) = pending.pop() {
        let old = match before {
            Some(before) => listing(repo, before, budget)?,
            None => Listing::new(),
        };
        for (name, (kind, id)) in listing(repo, after, budget)? {
            let known = old.get(&name);
            if known == Some(&(kind, id)) {
                continue;
            }
            let Ok(name) = name.to_str() else { continue };
            let path = format!("{prefix}{name}");
            match kind {
                EntryKind::Tree => {
                    let inside = known.filter(|(kind, _)| *kind == EntryKind::Tree).map(|(_, id)| *id);
                    pending.push((inside, id, format!("{path}/")));
                }
                EntryKind::Blob | EntryKind::BlobExecutable => files.extend(RepoPath::parse(&path)),
                EntryKind::Link | EntryKind::Commit => {}
            }
        }
        if files.len() > MAX_FILES || pending.len() > MAX_FILES {
            return Ok(None);
        }
    }
    files.sort_unstable();
    Ok(Some(files))
}

fn listing(repo: &gix::Repository, tree: ObjectId, budget: &mut usize) -> Result<Listing, End> {
    let object = repo.find_object(tree).map_err(|_| End)?;
    *budget = budget.checked_sub(object.data.len()).ok_or(End)?;
    TreeRefIter::from_bytes(&object.data, tree.kind())
        .map(|entry| {
            let entry = entry.map_err(|_| End)?;
            Ok((entry.filename.to_owned(), (entry.mode.kind(), entry.oid.to_owned())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use gix::actor::SignatureRef;

    use super::*;
    use crate::context::tests::Fixture;

    /// Commits these trees one after the other; returns the last.
    fn commit(fixture: &Fixture, trees: &[(&str, &[(&str, &str)])]) -> ObjectId {
        let mut parents: Vec<ObjectId> = Vec::new();
        for (second, (message, files)) in trees.iter().enumerate() {
            let mut editor = fixture.repo.empty_tree().edit().unwrap();
            for (path, text) in *files {
                editor.upsert(*path, EntryKind::Blob, fixture.repo.write_blob(text).unwrap()).unwrap();
            }
            let tree = editor.write().unwrap().detach();
            let time = format!("{} +0000", 1_700_000_000 + second);
            let ada = SignatureRef { name: "Ada".into(), email: "ada@example.org".into(), time: &time };
            let made = fixture.repo.new_commit_as(ada, ada, *message, tree, parents).unwrap();
            parents = vec![made.id];
        }
        parents[0]
    }

    #[test]
    fn commits_tell_what_they_changed() {
        let fixture = Fixture::text([("x", "x")]);
        let many: Vec<String> = (0..=MAX_FILES).map(|n| format!("f{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "x")).collect();
        let base = commit(
            &fixture,
            &[
                ("Begin", &[("a.rs", "1"), ("src/b.rs", "1"), ("src/deep/c.rs", "1")]),
                ("Change two", &[("a.rs", "2"), ("src/b.rs", "1"), ("src/deep/c.rs", "2")]),
                ("Delete one, add one", &[("src/b.rs", "1"), ("src/deep/c.rs", "2"), ("src/new/d.rs", "1")]),
                ("Change very much", &many),
                ("Change nothing", &many),
            ],
        );
        let history = History::read(&fixture.repo, base);
        let told: Vec<(&str, Vec<&str>)> = history
            .commits
            .iter()
            .map(|past| (past.message.as_str(), past.files.iter().map(RepoPath::as_str).collect()))
            .collect();
        assert_eq!(
            told,
            [
                ("Change nothing", vec![]),
                ("Delete one, add one", vec!["src/new/d.rs"]),
                ("Change two", vec!["a.rs", "src/deep/c.rs"]),
            ]
        );
    }

    #[test]
    fn a_history_that_is_not_there_is_empty() {
        let fixture = Fixture::text([("x", "x")]);
        assert_eq!(History::read(&fixture.repo, ObjectId::null(gix::hash::Kind::Sha1)), History::default());
    }

    #[test]
    fn a_commit_like_the_issue_lifts_what_it_changed_and_what_was_changed_with_it() {
        let same = "pub fn load() {}\n";
        let files = ["src/a.rs", "src/b.rs", "src/c.rs", "src/d.rs"].map(|path| (path, same));
        let fixture = Fixture::text(files);
        let (walk, query) = (fixture.walk(), crate::context::query::Query::new("Teapots explode", ""));
        let past = |message: &str, files: &[&str]| Past {
            message: message.to_owned(),
            files: files.iter().map(|path| RepoPath::parse(path).unwrap()).collect(),
        };
        let history =
            History { commits: vec![past("Teapots: cool them", &["src/c.rs"]), past("x", &["src/d.rs"])] };
        let caps = crate::context::walk::Caps::default();
        let index = crate::context::index::Index::build(
            &fixture.repo.clone().into_sync(),
            &walk,
            &history,
            &query,
            &caps,
            crate::parser::Parsers::of_this_program(),
        )
        .unwrap();
        let ranked = index.ranked(&walk, &query);
        let order: Vec<&str> = ranked.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(order, ["src/c.rs", "src/a.rs", "src/b.rs", "src/d.rs"]);
    }
}
