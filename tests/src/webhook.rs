//! *Webhooks* as GitHub sends them: bodies, and their signatures.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The value of `X-Hub-Signature-256`.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    let tag = mac.finalize().into_bytes();
    tag.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// One example of what GitHub sends.
pub struct Example {
    /// Such as `issues/opened.1`.
    pub name: String,
    /// Such as `issues`.
    pub event: String,
    pub body: Vec<u8>,
}

/// All examples, by name.
pub fn examples() -> anyhow::Result<Vec<Example>> {
    let mut examples = Vec::new();
    for event in folder(&examples_folder())? {
        if !event.is_dir() {
            continue;
        }
        for file in folder(&event)? {
            let event = stem(&event)?;
            let name = format!("{event}/{}", stem(&file)?);
            let body = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            examples.push(Example { name, event, body });
        }
    }
    Ok(examples)
}

/// Where the examples are.
pub fn examples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/github/webhooks")
}

fn folder(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path).with_context(|| format!("listing {}", path.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> anyhow::Result<String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a fixture has an odd name")?;
    Ok(stem.to_owned())
}
