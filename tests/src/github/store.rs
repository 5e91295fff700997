//! A **store** is the bare git repository behind a repository of the stand-in, driven through git's plumbing commands.
//!
//! It is git's own implementation on purpose: what the programs read and write with theirs is judged by another one.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;

/// The id of a git object: forty lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Oid(String);

impl Oid {
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(output: &[u8]) -> Self {
        let text = String::from_utf8_lossy(output);
        Self::parse(text.trim()).unwrap_or_else(|| panic!("git printed {text:?} in place of an object id"))
    }
}

impl std::fmt::Display for Oid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who wrote a commit, and when (to the second, in UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub email: String,
    pub when: Timestamp,
}

impl Signature {
    /// GitHub itself, for what is committed in its web interface and by `createCommitOnBranch`.
    pub fn web_flow(when: Timestamp) -> Self {
        Self { name: "GitHub".to_owned(), email: "noreply@github.com".to_owned(), when }
    }
}

/// A commit object, field by field. The message is kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub tree: Oid,
    pub parents: Vec<Oid>,
    pub author: Signature,
    pub committer: Signature,
    pub message: String,
}

/// One entry of a tree, with its path from the root of the listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub mode: String,
    pub kind: String,
    pub oid: Oid,
    /// In bytes; only blobs have one.
    pub size: Option<u64>,
    pub path: String,
}

/// What becomes of one path when a tree is written.
#[derive(Debug, Clone)]
pub enum Change {
    Put { path: String, mode: String, oid: Oid },
    Remove { path: String },
}

/// How far a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    OneLevel,
    Whole,
}

/// One file that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// git's letter: `A`, `M`, `D` or `T`.
    pub status: char,
    pub mode: String,
    pub path: String,
    pub oid: String,
}

/// git refused: its exit status was not zero, and this is what it wrote to standard error.
#[derive(Debug)]
pub struct Refused(pub String);

/// The bare repository of one repository of the stand-in.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// What git printed for commands that name objects by their ids alone, by the command: it never changes.
    printed: Mutex<HashMap<Vec<String>, Vec<u8>>>,
}

/// A `git` command in a cleared environment: no configuration, home or terminal of the machine reaches it.
pub fn clean_git() -> Command {
    let mut command = Command::new(git());
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C");
    command
}

/// The path of `git`. A program that is looked for in a `PATH` of its own is started by a fork, which copies the tables of all
/// the memory of a process as large as these tests; one that is named by its path is not.
fn git() -> &'static Path {
    static GIT: OnceLock<PathBuf> = OnceLock::new();
    GIT.get_or_init(|| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&folders)
            .map(|folder| folder.join("git"))
            .find(|program| program.is_file());
        found.expect("git is installed")
    })
}

/// Refuses what GitHub refuses on a push: a protected branch, and workflow files from who may not write them.
/// `git http-backend` runs it once for each reference; `protected` lists full reference names, one a line.
const UPDATE_HOOK: &str = r#"#!/bin/sh
if grep -qxF -- "$1" protected 2>/dev/null; then
    echo "error: GH006: Protected branch update failed for $1." >&2
    echo "error: Changes must be made through a pull request." >&2
    exit 1
fi
zero=0000000000000000000000000000000000000000
if [ "$STAND_IN_WORKFLOWS" = refused ] && [ "$3" != "$zero" ]; then
    old="$2"
    [ "$old" = "$zero" ] && old=$(git merge-base HEAD "$3" 2>/dev/null)
    [ -z "$old" ] && old=4b825dc642cb6eb9a060e54bf8d69288fbee4904
    file=$(git diff-tree -r --name-only --no-renames "$old" "$3" -- .github/workflows | head -n 1)
    if [ -n "$file" ]; then
        echo "refusing to allow a GitHub App to create or update workflow \`$file\` without \`workflows\` permission" >&2
        exit 1
    fi
fi
exit 0
"#;

/// What has a meaning in git's names of revisions.
const SYNTAX: [char; 6] = ['^', '~', ':', '@', '*', ' '];

/// The configuration of a store beside what `git init` writes.
const CONFIG: &str = "[http]
\treceivepack = true
[uploadpack]
\tallowFilter = true
\tallowReachableSHA1InWant = true
[receive]
\tfsckObjects = true
\tautogc = false
[core]
\tlogAllRefUpdates = false
[gc]
\tauto = 0
";

impl Store {
    /// Makes an empty bare repository at `path`.
    pub fn init(path: PathBuf, default_branch: &str) -> Self {
        let made = clean_git()
            .args(["init", "--quiet", "--bare", "--initial-branch", default_branch, "--template="])
            .arg(&path)
            .status()
            .expect("git runs");
        assert!(made.success(), "git init {} failed", path.display());
        let store = Self { path, printed: Mutex::default() };
        let config = std::fs::OpenOptions::new().append(true).open(store.path.join("config"));
        config
            .and_then(|mut config| config.write_all(CONFIG.as_bytes()))
            .expect("the configuration can be written");
        let hooks = store.path.join("hooks");
        std::fs::create_dir_all(&hooks).expect("the hooks folder can be made");
        let hook = hooks.join("update");
        std::fs::write(&hook, UPDATE_HOOK).expect("the hook can be written");
        make_executable(&hook);
        store
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn run_with(&self, args: &[&str], input: &[u8], index: Option<&Path>) -> Result<Vec<u8>, Refused> {
        let mut command = clean_git();
        command.arg("--git-dir").arg(&self.path).args(args);
        if let Some(index) = index {
            command.env("GIT_INDEX_FILE", index);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git runs");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // git may stop reading early, when it refuses; its exit status tells that.
                if let Err(error) = stdin.write_all(input) {
                    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "writing to git: {error}");
                }
            });
            child.wait_with_output().expect("git can be waited for")
        });
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(Refused(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>, Refused> {
        self.run_with(args, input, None)
    }

    fn must(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        self.run(args, input).unwrap_or_else(|Refused(why)| panic!("git {args:?}: {why}"))
    }

    /// The output of a command that names objects by their ids alone: each is run until it succeeds, then never again.
    fn fixed(&self, args: &[&str]) -> Result<Vec<u8>, Refused> {
        let command: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let printed = || self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(output) = printed().get(&command) {
            return Ok(output.clone());
        }
        let output = self.run(args, b"")?;
        printed().insert(command, output.clone());
        Ok(output)
    }

    fn must_fixed(&self, args: &[&str]) -> Vec<u8> {
        self.fixed(args).unwrap_or_else(|Refused(why)| panic!("git {args:?}: {why}"))
    }

    /// The object that a full reference name points at.
    pub fn target(&self, reference: &str) -> Option<Oid> {
        let is_plain =
            reference.starts_with("refs/") && !reference.contains("..") && !reference.contains(SYNTAX);
        if is_plain && !self.is_packed() {
            return self.loose(reference);
        }
        let output =
            self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", reference], b"").ok()?;
        Some(Oid::read(&output))
    }

    /// Whether references may stand elsewhere than in files of their own.
    fn is_packed(&self) -> bool {
        self.path.join("packed-refs").exists()
    }

    /// What the reference's own file says: that saves a process for what is asked most often.
    fn loose(&self, reference: &str) -> Option<Oid> {
        Oid::parse(std::fs::read_to_string(self.path.join(reference)).ok()?.trim())
    }

    /// The commit that a branch name, tag name or commit id means.
    pub fn commit_named(&self, revision: &str) -> Option<Oid> {
        if revision.is_empty() || revision.contains(SYNTAX) {
            return None;
        }
        [format!("refs/heads/{revision}"), format!("refs/tags/{revision}"), revision.to_owned()]
            .iter()
            .find_map(|name| self.target(&format!("{name}^{{commit}}")))
    }

    /// All references whose full name starts with `prefix`, in order of name.
    pub fn references(&self, prefix: &str) -> Vec<(String, Oid)> {
        let mut all = Vec::new();
        if self.is_packed() {
            let output = self.must(&["for-each-ref", "--format=%(refname) %(objectname)"], b"");
            let listed = String::from_utf8_lossy(&output).into_owned();
            let lines = listed.lines().filter_map(|line| line.split_once(' '));
            all.extend(lines.map(|(name, oid)| (name.to_owned(), Oid::read(oid.as_bytes()))));
        } else {
            self.loose_below("refs", &mut all);
            all.sort_by(|one, other| one.0.cmp(&other.0));
        }
        all.retain(|(name, _)| name.starts_with(prefix));
        all
    }

    /// Adds the references that have files in a folder, but for the locks of those that are being written.
    fn loose_below(&self, folder: &str, found: &mut Vec<(String, Oid)>) {
        for entry in std::fs::read_dir(self.path.join(folder)).into_iter().flatten().flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.loose_below(&name, found);
            } else if entry.path().extension().is_none_or(|extension| extension != "lock") {
                found.extend(self.loose(&name).map(|oid| (name, oid)));
            }
        }
    }

    pub fn set_reference(&self, name: &str, target: &Oid) -> Result<(), Refused> {
        self.run(&["update-ref", name, target.as_str()], b"").map(|_| ())
    }

    pub fn delete_reference(&self, name: &str) {
        self.must(&["update-ref", "-d", name], b"");
    }

    pub fn is_valid_name(&self, reference: &str) -> bool {
        self.run(&["check-ref-format", reference], b"").is_ok()
    }

    pub fn set_head(&self, branch: &str) {
        self.must(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")], b"");
    }

    /// Lets pushes to this branch be refused, as branch protection does.
    pub fn protect(&self, branches: &[String]) {
        let list: Vec<String> = branches.iter().map(|branch| format!("refs/heads/{branch}\n")).collect();
        std::fs::write(self.path.join("protected"), list.concat())
            .expect("the list of protected branches can be written");
    }

    /// `commit`, `tree`, `blob` or `tag`.
    pub fn kind(&self, oid: &Oid) -> Option<String> {
        let output = self.fixed(&["cat-file", "-t", oid.as_str()]).ok()?;
        Some(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// The entries of the tree that `treeish` names, in git's order.
    pub fn entries(&self, treeish: &str, depth: Depth) -> Option<Vec<Entry>> {
        let mut args = vec!["ls-tree", "-z", "-l"];
        if depth == Depth::Whole {
            args.extend(["-r", "-t"]);
        }
        args.push(treeish);
        let output = self.listing(&args, treeish)?;
        Some(output.split(|byte| *byte == 0).filter(|line| !line.is_empty()).map(entry).collect())
    }

    /// What `ls-tree` prints.
    fn listing(&self, args: &[&str], treeish: &str) -> Option<Vec<u8>> {
        let is_fixed = Oid::parse(treeish).is_some();
        if is_fixed { self.fixed(args) } else { self.run(args, b"") }.ok()
    }

    /// The one entry at `path` in the tree of `treeish`.
    pub fn entry_at(&self, treeish: &str, path: &str) -> Option<Entry> {
        let output = self.listing(&["ls-tree", "-z", "-l", "--full-tree", treeish, "--", path], treeish)?;
        output
            .split(|byte| *byte == 0)
            .find(|line| !line.is_empty())
            .map(entry)
            .filter(|entry| entry.path == path)
    }

    pub fn blob(&self, oid: &Oid) -> Option<Vec<u8>> {
        self.fixed(&["cat-file", "blob", oid.as_str()]).ok()
    }

    pub fn write_blob(&self, content: &[u8]) -> Oid {
        Oid::read(&self.must(&["hash-object", "-w", "--stdin"], content))
    }

    /// Writes the tree that comes of `changes` on top of `base`, or on top of nothing.
    pub fn write_tree(&self, base: Option<&Oid>, changes: &[Change]) -> Result<Oid, Refused> {
        let scratch = tempfile::tempdir().expect("a temporary folder can be made");
        let index = scratch.path().join("index");
        if let Some(base) = base {
            self.run_with(&["read-tree", base.as_str()], b"", Some(&index))?;
        }
        let mut list = Vec::new();
        for change in changes {
            match change {
                Change::Put { path, mode, oid } if mode == "040000" => {
                    for entry in self.entries(oid.as_str(), Depth::Whole).unwrap_or_default() {
                        if entry.kind != "tree" {
                            list.extend(
                                format!("{} {}\t{path}/{}\0", entry.mode, entry.oid, entry.path).bytes(),
                            );
                        }
                    }
                }
                Change::Put { path, mode, oid } => list.extend(format!("{mode} {oid}\t{path}\0").bytes()),
                Change::Remove { path } => list.extend(format!("0 {}\t{path}\0", "0".repeat(40)).bytes()),
            }
        }
        self.run_with(&["update-index", "--replace", "-z", "--index-info"], &list, Some(&index))?;
        self.run_with(&["write-tree"], b"", Some(&index)).map(|output| Oid::read(&output))
    }

    pub fn commit(&self, oid: &Oid) -> Option<Commit> {
        let output = self.fixed(&["cat-file", "commit", oid.as_str()]).ok()?;
        let text = String::from_utf8_lossy(&output).into_owned();
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let field = |name: &str| {
            let lines: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix(name)).collect();
            lines.into_iter().map(|line| line.trim_start().to_owned()).collect::<Vec<_>>()
        };
        Some(Commit {
            tree: Oid::read(field("tree ").first()?.as_bytes()),
            parents: field("parent ").iter().map(|oid| Oid::read(oid.as_bytes())).collect(),
            author: signature(field("author ").first()?)?,
            committer: signature(field("committer ").first()?)?,
            message: message.to_owned(),
        })
    }

    pub fn write_commit(&self, commit: &Commit) -> Oid {
        let parents: Vec<String> = commit.parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let sign = |by: &Signature| format!("{} <{}> {} +0000", by.name, by.email, by.when.as_second());
        let object = format!(
            "tree {}\n{}author {}\ncommitter {}\n\n{}",
            commit.tree,
            parents.concat(),
            sign(&commit.author),
            sign(&commit.committer),
            commit.message
        );
        Oid::read(&self.must(&["hash-object", "-t", "commit", "-w", "--stdin"], object.as_bytes()))
    }

    pub fn is_ancestor(&self, ancestor: &Oid, descendant: &Oid) -> bool {
        self.fixed(&["merge-base", "--is-ancestor", ancestor.as_str(), descendant.as_str()]).is_ok()
    }

    pub fn merge_base(&self, one: &Oid, other: &Oid) -> Option<Oid> {
        let output = self.fixed(&["merge-base", one.as_str(), other.as_str()]).ok()?;
        Some(Oid::read(&output))
    }

    /// The tree of two commits merged, as GitHub merges them; `None` where git finds a conflict.
    pub fn merged_tree(&self, ours: &Oid, theirs: &Oid) -> Option<Oid> {
        let args = ["merge-tree", "--write-tree", ours.as_str(), theirs.as_str()];
        self.fixed(&args).ok().map(|output| Oid::read(&output))
    }

    /// The commits that `head` has and `base` has not, oldest first.
    pub fn commits_between(&self, base: &Oid, head: &Oid) -> Vec<Oid> {
        let range = format!("{base}..{head}");
        let output = self.must_fixed(&["rev-list", "--reverse", "--topo-order", &range]);
        String::from_utf8_lossy(&output).lines().map(|line| Oid::read(line.as_bytes())).collect()
    }

    /// The commits reachable from `head`, newest first, at most `limit`.
    pub fn history(&self, head: &Oid, limit: usize) -> Vec<Oid> {
        let output = self.must_fixed(&["rev-list", "--max-count", &limit.to_string(), head.as_str()]);
        String::from_utf8_lossy(&output).lines().map(|line| Oid::read(line.as_bytes())).collect()
    }

    /// The files that differ between two trees or commits; a rename is a removal and an addition.
    pub fn differences(&self, old: &Oid, new: &Oid) -> Vec<Difference> {
        let output = self.must_fixed(&["diff-tree", "-r", "-z", "--no-renames", old.as_str(), new.as_str()]);
        let text = String::from_utf8_lossy(&output).into_owned();
        let fields: Vec<&str> = text.split('\0').filter(|field| !field.is_empty()).collect();
        fields
            .chunks(2)
            .map(|pair| {
                let words: Vec<&str> = pair[0].split(' ').collect();
                Difference {
                    status: words[4].chars().next().unwrap_or('?'),
                    mode: words[1].to_owned(),
                    path: pair[1].to_owned(),
                    oid: words[3].to_owned(),
                }
            })
            .collect()
    }

    /// Lines added and removed in one file between two commits; zero for binary files.
    pub fn line_counts(&self, old: &Oid, new: &Oid, path: &str) -> (u64, u64) {
        let args = ["diff-tree", "-r", "--numstat", "--no-renames", old.as_str(), new.as_str(), "--", path];
        let output = String::from_utf8_lossy(&self.must_fixed(&args)).into_owned();
        let mut words = output.split_whitespace().map(|word| word.parse().unwrap_or(0));
        (words.next().unwrap_or(0), words.next().unwrap_or(0))
    }

    /// The unified patch of one file between two commits, without its header.
    pub fn patch(&self, old: &Oid, new: &Oid, path: &str) -> String {
        let args = ["diff-tree", "-r", "-p", "--no-renames", old.as_str(), new.as_str(), "--", path];
        let output = String::from_utf8_lossy(&self.must_fixed(&args)).into_owned();
        output.find("\n@@").map_or_else(String::new, |start| output[start + 1..].trim_end().to_owned())
    }

    /// The content of every object that the repository holds, reachable or not, one after the other.
    pub fn everything(&self) -> Vec<u8> {
        self.must(&["cat-file", "--batch-all-objects", "--batch"], b"")
    }
}

fn entry(line: &[u8]) -> Entry {
    let text = String::from_utf8_lossy(line).into_owned();
    let (head, path) = text.split_once('\t').expect("ls-tree separates the path by a tab");
    let words: Vec<&str> = head.split_whitespace().collect();
    Entry {
        mode: words[0].to_owned(),
        kind: words[1].to_owned(),
        oid: Oid::read(words[2].as_bytes()),
        size: words[3].parse().ok(),
        path: path.to_owned(),
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, rest) = line.split_once(" <")?;
    let (email, rest) = rest.split_once("> ")?;
    let seconds = rest.split(' ').next()?.parse().ok()?;
    Some(Signature {
        name: name.to_owned(),
        email: email.to_owned(),
        when: Timestamp::from_second(seconds).ok()?,
    })
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("the mode can be set");
}
