//! The *tree* of a commit by calls alone, for a look at what files there are without a clone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{GitHub, call};
use crate::call::CallError;
use crate::forge::model::{ListedFile, Listing};

#[derive(Deserialize)]
struct Tree {
    tree: Vec<Entry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    sha: String,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize)]
struct Blob {
    content: String,
}

impl GitHub {
    /// The files of a commit; GitHub lists at most 100,000 entries
    /// (<https://docs.github.com/rest/git/trees#get-a-tree>).
    pub async fn files_of(&self, commit: &str) -> Result<Listing, CallError> {
        let tree: Tree = self.get(&self.under(&format!("git/trees/{commit}?recursive=1"))).await?;
        let file = |entry: Entry| {
            let Entry { path, mode, sha, size, .. } = entry;
            ListedFile { path, mode, content: sha, bytes: size }
        };
        let files = tree.tree.into_iter().filter(|entry| entry.kind == "blob").map(file).collect();
        Ok(Listing { files, is_whole: !tree.truncated })
    }

    /// The content of a file of a listing.
    pub async fn content_of(&self, file: &ListedFile) -> Result<Vec<u8>, CallError> {
        let route = self.under(&format!("git/blobs/{}", file.content));
        let blob: Blob = self.get(&route).await?;
        let packed: String = blob.content.split_ascii_whitespace().collect();
        STANDARD.decode(packed).map_err(|error| CallError::Unexpected {
            call: call(format!("GET {route}")),
            why: format!("not Base64: {error}"),
        })
    }
}
