//! Cloning and pushing over real HTTP, against real git.

mod clones;
mod git_host;
mod pushes;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use git_host::{GitHost, TOKEN, run_script};
use task::git::clone::{CloneCaps, CloneError, Cloned, Source};
use task::git::remote::Remote;
use tempfile::TempDir;

static NEVER: AtomicBool = AtomicBool::new(false);

/// A repository with two commits on `main`, a branch beside it, and one file of each kind.
const HELLO: &str = r"
    git init -q --template= -b main work && cd work
    mkdir -p src docs 'päth with ünïcode'
    echo 'fn main() {}' > src/main.rs
    echo 'old' > docs/old.md
    printf '#!/bin/sh\necho hi\n' > run.sh && chmod +x run.sh
    echo 'grüße' > 'päth with ünïcode/日本語.txt'
    ln -s src/main.rs link
    git add -A && git commit -q -m 'First'
    echo '// more' >> src/main.rs
    git commit -q -a -m 'Second'
    git checkout -q -b feature && echo side > side.txt && git add -A && git commit -q -m 'Beside' && git checkout -q main
    cd ..
    git clone -q --bare --template= work octo/hello.git && rm -rf work
    git -C octo/hello.git config http.receivepack true
";

/// A host with the repository `octo/hello.git`.
fn host() -> GitHost {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        run_script(folder.path(), HELLO);
        folder
    });
    let host = GitHost::start();
    copy(made.path(), host.root.path());
    host
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn remote(host: &GitHost, name: &str) -> Remote {
    Remote::new(&host.url(name), Some(TOKEN.into())).expect("a loopback address")
}

fn clone_into(
    remote: &Remote,
    branch: Option<&str>,
    into: &Path,
    caps: &CloneCaps,
) -> Result<Cloned, CloneError> {
    task::git::clone::clone(&Source { remote, branch }, into, caps, &NEVER)
}

/// A clone of `octo/hello.git` in a folder of its own.
fn cloned(host: &GitHost) -> (TempDir, gix::Repository, gix::ObjectId) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clone = clone_into(
        &remote(host, "octo/hello.git"),
        None,
        &folder.path().join("clone"),
        &CloneCaps::default(),
    )
    .expect("a clone");
    (folder, clone.repo.to_thread_local(), clone.commit)
}

/// Long enough for a working server, short enough for a test of one that does not answer.
const SOON: Duration = Duration::from_millis(400);
