//! A *scenario* is a folder with what goes in and what must come out; each is a test with the folder's name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// The `main` of a test target without Rust's own harness: checks each folder of `tests/scenarios/{collection}`.
///
/// It takes the arguments that `cargo test` and `cargo nextest` give to a test target, so that a scenario is listed,
/// filtered and timed as any other test is.
///
/// # Panics
/// If there are fewer than `at_least` scenarios: a collection that is not found must not pass.
pub fn main(collection: &str, at_least: usize, check: fn(&Path) -> Result<(), String>) -> ExitCode {
    let arguments = Arguments::from_args();
    let folders = folders(collection);
    assert!(folders.len() >= at_least, "{} scenarios in {collection}, not {at_least}", folders.len());
    let trials = folders.into_iter().map(|folder| {
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        Trial::test(name, move || check(&folder).map_err(Into::into))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The scenarios of a collection, in the order of their names.
///
/// # Panics
/// If the collection cannot be read.
pub fn folders(collection: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(collection);
    let entries = fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let paths = entries.map(|entry| entry.expect("a folder can be listed").path());
    let mut folders: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}
