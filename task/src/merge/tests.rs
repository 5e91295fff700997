//! Merges of whole trees, with git as who knows better.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gix::bstr::BString;
use proptest::prelude::*;
use tempfile::TempDir;

use super::trees::{Refused, Side, Why};
use super::*;

/// Runs git in a folder: whether its status was 0, and what it printed.
#[expect(clippy::disallowed_methods, reason = "git is found where the test finds it")]
pub(super) fn git(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("git")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code().is_some_and(|code| code < 128), "git {arguments:?}: {output:?}");
    (output.status.success(), text)
}

/// The files of a tree by path.
type Files = BTreeMap<String, (EntryKind, Vec<u8>)>;

fn files(list: &[(&str, &str)]) -> Files {
    list.iter().map(|(path, text)| ((*path).to_owned(), (EntryKind::Blob, lined(text)))).collect()
}

fn lined(text: &str) -> Vec<u8> {
    text.replace('.', "\n").into_bytes()
}

/// A bare repository.
struct Store {
    folder: TempDir,
    repo: gix::Repository,
}

impl Store {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let repo = gix::init_bare(folder.path()).unwrap();
        Self { folder, repo }
    }

    fn tree(&self, files: &Files) -> ObjectId {
        let mut editor = self.repo.empty_tree().edit().unwrap();
        for (path, (kind, content)) in files {
            editor.upsert(path.as_str(), *kind, self.repo.write_blob(content).unwrap()).unwrap();
        }
        editor.write().unwrap().detach()
    }

    fn trees(&self, [base, ours, theirs]: [&Files; 3]) -> Trees {
        Trees { base: self.tree(base), ours: self.tree(ours), theirs: self.tree(theirs) }
    }

    fn merge(&self, sides: [&Files; 3]) -> Merged {
        merge(&self.repo, self.trees(sides)).unwrap()
    }

    /// The tree of a merge whose conflicts are settled by these texts.
    fn write(&self, merged: &Merged, texts: &[&str]) -> ObjectId {
        let mut texts = texts.iter().copied();
        let settled = |file: &MergedFile| file.settled(texts.by_ref().take(file.conflicts().count()));
        let contents: Vec<Vec<u8>> = merged.files.iter().map(settled).collect();
        merged.write(&self.repo, &contents).unwrap()
    }

    fn prove(&self, merged: &Merged, tree: ObjectId) -> Result<(), String> {
        prove(&self.repo, merged.trees(), tree, &merged.by_lines()).map_err(|error| error.to_string())
    }

    fn files(&self, tree: ObjectId) -> Files {
        let empty = self.repo.empty_tree().id;
        let all = changes(&self.repo, empty, tree, usize::MAX).unwrap().unwrap();
        let file = |change: Change| {
            let (kind, id) = change.after.unwrap();
            (change.path.to_string(), (kind, self.repo.find_blob(id).unwrap().detach().data))
        };
        all.into_iter().map(file).collect()
    }

    /// What git makes of it: a tree where it is clean. It looks for files that were renamed, which its settings do not keep it from
    /// doing before git 2.50; so no two files may be alike.
    fn gits(&self, trees: Trees) -> Option<ObjectId> {
        let commit = |tree: ObjectId, parents: &[&str]| {
            let mut arguments = vec!["-c", "user.name=a", "-c", "user.email=a@b", "commit-tree"];
            for parent in parents {
                arguments.extend(["-p", *parent]);
            }
            let tree = tree.to_string();
            arguments.extend(["-m", "x", &tree]);
            git(self.folder.path(), &arguments).1.trim().to_owned()
        };
        let base = commit(trees.base, &[]);
        let (ours, theirs) = (commit(trees.ours, &[&base]), commit(trees.theirs, &[&base]));
        let (is_clean, text) = git(self.folder.path(), &["merge-tree", "--write-tree", &ours, &theirs]);
        is_clean.then(|| ObjectId::from_hex(text.trim().as_bytes()).unwrap())
    }
}

fn is_clean(merged: &Merged) -> bool {
    merged.refused.is_empty() && merged.files.iter().all(|file| file.conflicts().next().is_none())
}

#[test]
fn each_path_is_that_of_the_side_that_changed_it() {
    let store = Store::new();
    let base =
        files(&[("a", "1."), ("b", "1."), ("d/c", "1.2.3."), ("d/e", "1."), ("f", "1."), ("g/h", "1.")]);
    let ours = files(&[("a", "2."), ("b", "1."), ("d/c", "0.2.3."), ("d/e", "1."), ("n", "1."), ("s", "1.")]);
    let theirs =
        files(&[("a", "1."), ("b", "2."), ("d/c", "1.2.4."), ("f", "1."), ("g/i", "1."), ("s", "1.")]);
    // `g/h` goes on one side, and a neighbor comes on the other.
    let ours: Files = ours.into_iter().chain(files(&[("g/h", "1.")])).collect();
    let merged = store.merge([&base, &ours, &theirs]);
    assert!(is_clean(&merged));
    let tree = store.write(&merged, &[]);
    let expected =
        files(&[("a", "2."), ("b", "2."), ("d/c", "0.2.4."), ("g/i", "1."), ("n", "1."), ("s", "1.")]);
    assert_eq!(store.files(tree), expected);
    assert_eq!(store.prove(&merged, tree), Ok(()));
    assert_eq!(store.gits(merged.trees()), Some(tree));
}

#[test]
fn what_is_no_matter_of_lines_is_refused_by_name() {
    use EntryKind::{Blob, BlobExecutable, Link};
    type Entries = &'static [(&'static str, EntryKind, &'static str)];
    let cases: &[(&str, Entries, Entries, Entries, Why)] = &[
        ("gone here", &[("a", Blob, "1.")], &[], &[("a", Blob, "2.")], Why::Gone(Side::Ours)),
        ("gone there", &[("a", Blob, "1.")], &[("a", Blob, "2.")], &[], Why::Gone(Side::Theirs)),
        (
            "renamed here",
            &[("a", Blob, "1.")],
            &[("b", Blob, "1.")],
            &[("a", Blob, "2.")],
            Why::Gone(Side::Ours),
        ),
        (
            "a folder here",
            &[("a", Blob, "1.")],
            &[("a/b", Blob, "1.")],
            &[("a", Blob, "2.")],
            Why::FileAndFolder,
        ),
        ("two of one name", &[], &[("a/b", Blob, "1.")], &[("a", Blob, "2.")], Why::FileAndFolder),
        ("a link", &[("a", Link, "x")], &[("a", Link, "y")], &[("a", Link, "z")], Why::Kind),
        ("a link here", &[("a", Blob, "x")], &[("a", Link, "y")], &[("a", Blob, "z")], Why::Kind),
        ("two modes of a new file", &[], &[("a", BlobExecutable, "1.")], &[("a", Blob, "2.")], Why::Kind),
        ("binary", &[("a", Blob, "1\0")], &[("a", Blob, "2\0")], &[("a", Blob, "3\0")], Why::NotText),
        (
            "a pointer",
            &[("a", Blob, "version https://git-lfs.github.com/spec/v1\nx 1\n")],
            &[("a", Blob, "version https://git-lfs.github.com/spec/v1\nx 2\n")],
            &[("a", Blob, "version https://git-lfs.github.com/spec/v1\nx 3\n")],
            Why::Pointer,
        ),
        (
            "a name",
            &[("a\u{202e}b", Blob, "1.")],
            &[("a\u{202e}b", Blob, "2.")],
            &[("a\u{202e}b", Blob, "3.")],
            Why::Name,
        ),
    ];
    let store = Store::new();
    let files = |entries: Entries| -> Files {
        let file = |(path, kind, text): &(&str, EntryKind, &str)| {
            // A pointer has its stops.
            let content = if text.starts_with("version") { text.as_bytes().to_vec() } else { lined(text) };
            ((*path).to_owned(), (*kind, content))
        };
        entries.iter().map(file).collect()
    };
    for (what, base, ours, theirs, why) in cases {
        let merged = store.merge([&files(base), &files(ours), &files(theirs)]);
        let found: Vec<Why> = merged.refused.iter().map(|refused| refused.why).collect();
        assert_eq!(found, [*why], "{what}: {:?}", merged.refused);
    }
}

#[test]
fn a_submodule_that_both_moved_is_refused_and_one_that_one_side_moved_is_taken() {
    let store = Store::new();
    let with = |id: &str| {
        let mut editor = store.repo.empty_tree().edit().unwrap();
        editor.upsert("sub", EntryKind::Commit, ObjectId::from_hex(id.as_bytes()).unwrap()).unwrap();
        editor.write().unwrap().detach()
    };
    let [base, ours, theirs] = ["1", "2", "3"].map(|digit| with(&digit.repeat(40)));
    let merged = merge(&store.repo, Trees { base, ours, theirs }).unwrap();
    assert_eq!(merged.refused, [Refused { path: "sub".to_owned(), why: Why::Kind }]);
    let merged = merge(&store.repo, Trees { base, ours: base, theirs }).unwrap();
    assert_eq!(merged.write(&store.repo, &[]).unwrap(), theirs);
}

#[test]
fn a_mode_of_one_side_and_the_content_of_the_other_are_one_file() {
    let store = Store::new();
    let of = |kind, text: &str| Files::from([("a".to_owned(), (kind, lined(text)))]);
    let (base, ours) = (of(EntryKind::Blob, "1."), of(EntryKind::BlobExecutable, "1."));
    let merged = store.merge([&base, &ours, &of(EntryKind::Blob, "2.")]);
    let tree = store.write(&merged, &[]);
    assert_eq!(store.files(tree), of(EntryKind::BlobExecutable, "2."));
    assert_eq!(store.prove(&merged, tree), Ok(()));
    assert_eq!(store.gits(merged.trees()), Some(tree));
}

#[test]
fn a_text_takes_the_place_of_its_conflict_and_nothing_else() {
    let store = Store::new();
    let sides = |ends: &str| {
        ["a.b.c.", "a.o.c.", "a.t.c."].map(|text| {
            Files::from([("f".to_owned(), (EntryKind::Blob, text.replace('.', ends).into_bytes()))])
        })
    };
    for (ends, text, expected) in [
        ("\n", "x\ny\n", "a\nx\ny\nc\n"),
        ("\n", "x", "a\nx\nc\n"),
        ("\n", "", "a\nc\n"),
        ("\r\n", "x\ny\n", "a\r\nx\r\ny\r\nc\r\n"),
        ("\r\n", "x\r\n", "a\r\nx\r\nc\r\n"),
    ] {
        let [base, ours, theirs] = sides(ends);
        let merged = store.merge([&base, &ours, &theirs]);
        let tree = store.write(&merged, &[text]);
        assert_eq!(String::from_utf8_lossy(&store.files(tree)["f"].1), expected, "{ends:?} {text:?}");
        assert_eq!(store.prove(&merged, tree), Ok(()));
    }
    // Without a line end at the end of both sides there is none.
    let of = |text: &str| Files::from([("f".to_owned(), (EntryKind::Blob, text.as_bytes().to_vec()))]);
    let merged = store.merge([&of("a\nb"), &of("a\no"), &of("a\nt")]);
    assert_eq!(store.files(store.write(&merged, &["x\n"]))["f"].1, b"a\nx");
    let merged = store.merge([&of("a\nb"), &of("a\no\n"), &of("a\nt")]);
    assert_eq!(store.files(store.write(&merged, &["x"]))["f"].1, b"a\nx\n");
}

/// Files at few paths, some within folders whose names are files on another side.
fn any_files() -> impl Strategy<Value = Files> {
    const PATHS: &[&str] = &["a", "b", "c", "d/a", "d/b", "d/e/a", "d/e/b", "f/a", "f/b/c", "g"];
    let content = prop::collection::vec(prop::sample::select(&["", "x", "y", "z", "w"][..]), 5);
    let one = (prop::sample::select(PATHS), content, any::<bool>());
    prop::collection::vec(one, 0..12).prop_map(|list| {
        let file = |(path, lines, is_executable): (&str, Vec<&str>, bool)| {
            // Lines that are told apart by their places, so that it is clear which are which.
            let numbered = (0..).zip(lines).filter(|(_, line)| !line.is_empty());
            let lines = numbered.map(|(at, line)| format!("{at}{line}\n")).collect::<Vec<_>>().concat();
            // Most of a file is its own, so that no two are taken for one that was renamed.
            let own = (0..12).map(|at| format!("{path} {at}\n")).collect::<Vec<_>>().concat();
            let text = own + &lines;
            let kind = if is_executable { EntryKind::BlobExecutable } else { EntryKind::Blob };
            (path.to_owned(), (kind, text.into_bytes()))
        };
        list.into_iter().map(file).collect()
    })
}

/// A side: the base, with some of its files as another tree has them, or gone.
fn side(base: &Files, other: &Files, kept: &[u8]) -> Files {
    let mut side = base.clone();
    for (path, kept) in base.keys().chain(other.keys()).zip(kept) {
        match (kept % 5, other.get(path)) {
            (0, Some(file)) => {
                side.insert(path.clone(), file.clone());
            }
            (1, _) => {
                side.remove(path);
            }
            _ => {}
        }
    }
    // A file and a folder of one name cannot be.
    let folders: Vec<String> = side
        .keys()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>())
        .collect();
    side.retain(|path, _| !folders.contains(path));
    side
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// git merges the trees that we merge, and to the same trees; and each is proven.
    #[test]
    fn git_agrees_on_whole_trees(
        base in any_files(),
        others in (any_files(), any_files()),
        kept in (prop::collection::vec(any::<u8>(), 24), prop::collection::vec(any::<u8>(), 24)),
    ) {
        let store = Store::new();
        let (ours, theirs) = (side(&base, &others.0, &kept.0), side(&base, &others.1, &kept.1));
        let merged = store.merge([&base, &ours, &theirs]);
        let gits = store.gits(merged.trees());
        if is_clean(&merged) {
            let tree = store.write(&merged, &[]);
            prop_assert_eq!(store.prove(&merged, tree), Ok(()));
            prop_assert_eq!(gits, Some(tree));
        } else {
            prop_assert_eq!(gits, None, "{:?}", merged);
        }
    }

    /// Whatever is done to a merged tree beside the files that were merged by lines, the proof finds it.
    #[test]
    fn the_proof_finds_what_was_not_merged(
        base in any_files(),
        others in (any_files(), any_files()),
        kept in (prop::collection::vec(any::<u8>(), 24), prop::collection::vec(any::<u8>(), 24)),
        victim in any::<prop::sample::Index>(),
        deed in 0..3,
    ) {
        let store = Store::new();
        let (ours, theirs) = (side(&base, &others.0, &kept.0), side(&base, &others.1, &kept.1));
        let merged = store.merge([&base, &ours, &theirs]);
        prop_assume!(merged.refused.is_empty());
        let texts: Vec<&str> = merged.files.iter().flat_map(MergedFile::conflicts).map(|_| "settled\n").collect();
        let tree = store.write(&merged, &texts);
        prop_assert_eq!(store.prove(&merged, tree), Ok(()));
        let mut files = store.files(tree);
        let by_lines = merged.by_lines();
        let honest: Vec<String> =
            files.keys().filter(|path| !by_lines.contains(&BString::from(path.as_str()))).cloned().collect();
        match deed {
            0 => {
                files.insert("new/file".to_owned(), (EntryKind::Blob, b"x".to_vec()));
            }
            _ if honest.is_empty() => return Ok(()),
            1 => {
                files.remove(victim.get(&honest));
            }
            _ => {
                files.insert(victim.get(&honest).clone(), (EntryKind::Blob, b"something else\n".to_vec()));
            }
        }
        let forged = store.tree(&files);
        prop_assert!(store.prove(&merged, forged).is_err(), "{:?}", files);
    }
}

/// Real merges: those of the repository that `MERGES_OF` names, at most `MERGES` of them (200). Where we are clean git is, and has
/// our tree. Where git is clean we are, but for files that it finds renamed.
#[test]
#[ignore = "needs a repository with merges"]
#[expect(clippy::disallowed_methods, reason = "the settings of a test")]
fn real_merges_are_as_git_makes_them() {
    let folder = std::env::var("MERGES_OF").expect("MERGES_OF names a repository");
    let most = std::env::var("MERGES").ok().and_then(|most| most.parse().ok()).unwrap_or(200);
    let folder = Path::new(&folder);
    let repo = gix::open(folder).unwrap();
    let (_, list) =
        git(folder, &["rev-list", "--all", "--merges", "--parents", &format!("--max-count={most}")]);
    let (mut clean, mut conflicts, mut refused, mut differ) = (0, 0, 0, Vec::new());
    for line in list.lines() {
        let [_, ours, theirs] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        let (_, bases) = git(folder, &["merge-base", "--all", ours, theirs]);
        let [base] = bases.lines().collect::<Vec<_>>()[..] else { continue };
        let tree = |commit: &str| {
            let id = ObjectId::from_hex(commit.as_bytes()).unwrap();
            repo.find_commit(id).unwrap().tree_id().unwrap().detach()
        };
        let trees = Trees { base: tree(base), ours: tree(ours), theirs: tree(theirs) };
        let merged = merge(&repo, trees).unwrap();
        // Renames of files that stay as they are. From git 2.43 on; `no-renames` does nothing before 2.50.
        let arguments = ["merge-tree", "-X", "find-renames=100%", "--write-tree", ours, theirs];
        let (is_gits_clean, text) = git(folder, &arguments);
        let contents: Vec<Vec<u8>> =
            merged.files.iter().map(|file| file.settled(std::iter::repeat(""))).collect();
        if is_clean(&merged) {
            let found = merged.write(&repo, &contents).unwrap();
            prove(&repo, trees, found, &merged.by_lines()).unwrap();
            clean += 1;
            if !is_gits_clean || ObjectId::from_hex(text.trim().as_bytes()).ok() != Some(found) {
                differ.push(line.to_owned());
            }
        } else {
            conflicts += usize::from(merged.refused.is_empty());
            refused += usize::from(!merged.refused.is_empty());
            let is_renamed = |refused: &Refused| matches!(refused.why, Why::Gone(_));
            if is_gits_clean && !merged.refused.iter().any(is_renamed) {
                differ.push(line.to_owned());
            }
        }
    }
    println!("clean {clean}, with conflicts {conflicts}, refused {refused}, other than git {differ:?}");
    assert!(differ.is_empty());
}
