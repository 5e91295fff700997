//! Replies of models, one directory each under `tests/scenarios/edits`, from text to changed files. Each is a test.
//!
//! - `input/` is the base commit. All of it was read, unless `case.toml` says otherwise.
//! - `reply.md` is what the model answered.
//! - `expected/` is the whole tree afterwards, or `error.txt` the whole text that goes back to the model.
//! - `case.toml`, if there: `unread` and `partial` files, `executable` ones, `links`, `protected` and `allowed` globs, and
//!   `applied`, what is reported of each edit.
//!
//! With `UPDATE_SCENARIOS=1` the outcome is written in place of what was expected; read the diff.

#![expect(clippy::unwrap_used, reason = "everything here is a test or serves one")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;
use task::context::read_set::{FileMode, ReadFile, ReadSet, Shown};
use task::patch::{self, ChangeKind, Entry, Occupant, Patch};
use task::path::RepoPath;
use task::protect::Protection;
use task::protocol::{Answer, Paths};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    unread: Vec<String>,
    partial: Vec<String>,
    executable: BTreeSet<String>,
    /// Files that stand for symbolic links, which are never read.
    links: Vec<String>,
    protected: Vec<String>,
    allowed: Vec<String>,
    applied: Option<Vec<String>>,
}

/// Files by path.
type Tree = BTreeMap<String, Vec<u8>>;

/// What came of a reply: the tree and what is reported of each edit, or the text for the model.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Applied { tree: Tree, reports: Option<Vec<String>> },
    NoEdits,
    Refused(String),
}

fn main() -> ExitCode {
    tests::scenario::main("edits", 120, check)
}

#[expect(clippy::disallowed_methods, reason = "it tells the test to write what it expects")]
fn check(directory: &Path) -> Result<(), String> {
    let case: Case = match fs::read_to_string(directory.join("case.toml")) {
        Ok(text) => toml::from_str(&text).map_err(|error| error.to_string())?,
        Err(_) => Case::default(),
    };
    let outcome = run(directory, &case);
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        write(directory, &outcome);
        return Ok(());
    }
    compare(expected(directory, &case), &outcome)
}

fn run(directory: &Path, case: &Case) -> Outcome {
    let input = tree(&directory.join("input"));
    let reply = String::from_utf8(fs::read(directory.join("reply.md")).unwrap()).unwrap();
    let mut read = ReadSet::default();
    for (path, content) in
        input.iter().filter(|(path, _)| !case.unread.contains(path) && !case.links.contains(path))
    {
        let mode = if case.executable.contains(path) { FileMode::Executable } else { FileMode::Regular };
        let shown = if case.partial.contains(path) { Shown::Lines(vec![(1, 2)]) } else { Shown::Whole };
        let blob = gix::ObjectId::null(gix::hash::Kind::Sha1);
        let file = ReadFile { content: content.clone(), blob, mode, shown, why: String::new() };
        read.insert(RepoPath::parse(path).unwrap(), file);
    }
    let protection = Protection::new(&case.protected, &case.allowed).unwrap();
    let paths = Paths::new(input.keys().map(String::as_str));
    let edits = match Answer::read(&reply, &paths).edits {
        Ok(edits) if edits.is_empty() => return Outcome::NoEdits,
        Ok(edits) => edits,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    match patch::resolve(&edits, &read, &protection, |path| occupants(&input, &case.links, path)) {
        Ok(patch) => {
            check_modes(&patch, &read);
            let reports =
                case.applied.is_some().then(|| patch.applied().iter().map(ToString::to_string).collect());
            Outcome::Applied { tree: applied(input, &patch), reports }
        }
        Err(errors) => Outcome::Refused(errors.to_string()),
    }
}

/// What a base commit has at a path, and at those that differ from it in letter case only.
fn occupants(input: &Tree, links: &[String], path: &RepoPath) -> Vec<Occupant> {
    let wanted = path.folded();
    let mut found = Vec::new();
    for name in input.keys() {
        for end in name.match_indices('/').map(|(at, _)| at).chain([name.len()]) {
            let entry = match () {
                () if end < name.len() => Entry::Folder,
                () if links.contains(name) => Entry::Link,
                () => Entry::File,
            };
            let occupant = Occupant { path: RepoPath::parse(&name[..end]).unwrap(), entry };
            if occupant.path.folded() == wanted && !found.contains(&occupant) {
                found.push(occupant);
            }
        }
    }
    found
}

fn applied(mut tree: Tree, patch: &Patch) -> Tree {
    for change in patch.changes() {
        let name = change.path().as_str().to_owned();
        match change.kind() {
            ChangeKind::Delete => {
                assert_eq!(tree.remove(&name).as_deref(), change.before());
            }
            ChangeKind::Rename { from } => {
                assert_eq!(tree.remove(from.as_str()).as_deref(), change.before());
                assert_eq!(tree.insert(name, change.after().unwrap().to_vec()), None);
            }
            ChangeKind::Copy { from } => {
                assert_eq!(tree.get(from.as_str()).map(Vec::as_slice), change.before());
                assert_eq!(tree.insert(name, change.after().unwrap().to_vec()), None);
            }
            ChangeKind::Create | ChangeKind::Modify => {
                assert_eq!(tree.insert(name, change.after().unwrap().to_vec()).as_deref(), change.before());
            }
        }
    }
    tree
}

fn check_modes(patch: &Patch, read: &ReadSet) {
    for change in patch.changes() {
        let from = match change.kind() {
            ChangeKind::Rename { from } | ChangeKind::Copy { from } => from,
            _ => change.path(),
        };
        assert_eq!(
            change.mode(),
            read.get(from).map_or(FileMode::Regular, |file| file.mode),
            "{}",
            change.path()
        );
    }
}

fn expected(directory: &Path, case: &Case) -> Option<Outcome> {
    if let Ok(text) = fs::read_to_string(directory.join("error.txt")) {
        return Some(match text.as_str() {
            "no edits\n" => Outcome::NoEdits,
            _ => Outcome::Refused(text.trim_end_matches('\n').to_owned()),
        });
    }
    let folder = directory.join("expected");
    folder.is_dir().then(|| Outcome::Applied { tree: tree(&folder), reports: case.applied.clone() })
}

fn compare(expected: Option<Outcome>, found: &Outcome) -> Result<(), String> {
    let Some(expected) = expected else { return Err(format!("nothing is expected, found:\n{found:#?}")) };
    if expected == *found {
        return Ok(());
    }
    let text = |outcome: &Outcome| match outcome {
        Outcome::Refused(text) => text.clone(),
        Outcome::NoEdits => "no edits".to_owned(),
        Outcome::Applied { tree, reports } => {
            let files = tree
                .iter()
                .map(|(path, content)| format!("{path}: {:?}\n", String::from_utf8_lossy(content)));
            files.chain([format!("{reports:?}")]).collect()
        }
    };
    Err(format!("expected:\n{}\nfound:\n{}", text(&expected), text(found)))
}

fn write(directory: &Path, outcome: &Outcome) {
    let (folder, error) = (directory.join("expected"), directory.join("error.txt"));
    if folder.is_dir() {
        fs::remove_dir_all(&folder).unwrap();
    }
    if error.is_file() {
        fs::remove_file(&error).unwrap();
    }
    match outcome {
        Outcome::Refused(text) => fs::write(error, format!("{text}\n")).unwrap(),
        Outcome::NoEdits => fs::write(error, "no edits\n").unwrap(),
        Outcome::Applied { tree, .. } => {
            for (path, content) in tree {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }
    }
}

fn tree(root: &Path) -> Tree {
    let mut files = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}
