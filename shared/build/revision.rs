// A build script of both programs: tells them which commit they are built from, as `SOURCE_REVISION`.
//
// A variable of that name at build time takes precedence: an image is built without the repository. A source archive
// has neither.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_REVISION");
    let given = std::env::var("SOURCE_REVISION").ok().filter(|given| !given.trim().is_empty());
    let revision = given.or_else(of_git).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=SOURCE_REVISION={}", revision.trim());
}

/// The commit of the repository that this file lies in, if that is the project's own.
fn of_git() -> Option<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.canonicalize().ok()?;
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(&workspace).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // An archive may have been unpacked inside of another repository.
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != workspace {
        return None;
    }
    // Each commit and each checkout is a line there. Without it the first commit that was seen would stay.
    for file in ["HEAD", "logs/HEAD"] {
        let path = workspace.join(git(&["rev-parse", "--git-path", file])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
