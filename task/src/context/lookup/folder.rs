//! The names in a *folder*: its folders with the number of their files, then its files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::context::more::near;
use crate::context::pack::Context;
use crate::context::role::Omission;
use crate::context::tokens;
use crate::path::RepoPath;

/// Names that are listed.
const MAX_NAMES: usize = 200;

impl Context {
    /// What is in the folder, in at most so many tokens; the rest is counted.
    pub(super) fn folder(&self, folder: &str, budget: u32) -> String {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let entries = self.walk.entries();
        let first = entries.partition_point(|entry| entry.path.as_str() < prefix.as_str());
        let inside = entries[first..].iter().take_while(|entry| entry.path.as_str().starts_with(&prefix));
        let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
        let mut files: Vec<&str> = Vec::new();
        let mut secret = 0_usize;
        for entry in inside {
            let name = &entry.path.as_str()[prefix.len()..];
            match name.split_once('/') {
                Some((inner, _)) => *folders.entry(inner).or_default() += 1,
                None if entry.role == Err(Omission::Secret) => secret += 1,
                None => files.push(name),
            }
        }
        if folders.is_empty() && files.is_empty() && secret == 0 {
            return self.no_folder(folder);
        }
        let count = folders.len() + files.len();
        let named = folders
            .iter()
            .map(|(name, files)| format!("{name}/ ({files} {})", if *files == 1 { "file" } else { "files" }))
            .chain(files.iter().map(|name| (*name).to_owned()));
        let mut text = String::new();
        let (mut listed, mut spent) = (0, 0);
        for name in named.take(MAX_NAMES) {
            let line = format!("\n{name}");
            let cost = tokens::estimate(&line);
            if spent + cost > budget {
                break;
            }
            text.push_str(&line);
            (listed, spent) = (listed + 1, spent + cost);
        }
        if listed < count {
            write!(text, "\nnot listed: {} more names", count - listed).expect("a String takes any text");
        }
        if secret > 0 {
            write!(text, "\nnot listed: {secret} files whose names say that they hold secrets")
                .expect("a String takes any text");
        }
        text
    }

    fn no_folder(&self, folder: &str) -> String {
        let Ok(path) = RepoPath::parse(folder) else { return "there is no such folder".to_owned() };
        if self.walk.get(&path).is_some() {
            return format!("is a file; ask for it as `READ: {path}`");
        }
        let mut near: Vec<String> = near(&self.walk, &path)
            .iter()
            .filter_map(|path| path.parent().map(|folder| format!("`{folder}/`")))
            .collect();
        near.dedup();
        match near.as_slice() {
            [] => "there is no such folder".to_owned(),
            near => format!("there is no such folder; similar names: {}", near.join(", ")),
        }
    }
}
