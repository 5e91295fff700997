//! The *programs* under test, as cargo built them.

use std::path::PathBuf;

/// The program of that name, beside the test that asks.
///
/// # Panics
/// If it has not been built: cargo builds the programs of a package for that package's own tests only.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/PROFILE/deps/TEST
    let folder = test.ancestors().nth(2).expect("a test is built into target/PROFILE/deps");
    let program = folder.join(name);
    assert!(program.is_file(), "{} is missing: run `cargo build` first", program.display());
    program
}
