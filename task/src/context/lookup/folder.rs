//! The names in a *folder*: its folders with the number of their files, then its files.

use std::collections::BTreeMap;

use super::plain_path;
use super::reply::Reply;
use crate::context::more::near;
use crate::context::pack::Context;
use crate::context::role::Omission;
use crate::path::RepoPath;

/// Names that are listed.
const MAX_NAMES: usize = 200;

impl Context {
    /// What is in the folder behind the first `skip` names, in at most so many tokens; the rest is counted.
    pub(super) fn folder(&self, folder: &str, skip: usize, budget: u32) -> Reply {
        let plain = plain_path(folder);
        let folder = plain.as_deref().unwrap_or(folder);
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
            return Reply::of(self.no_folder(folder));
        }
        let folders = folders
            .iter()
            .map(|(name, files)| format!("{name}/ ({files} {})", if *files == 1 { "file" } else { "files" }));
        let names: Vec<String> = folders.chain(files.iter().map(|name| (*name).to_owned())).collect();
        let mut reply = Reply::list(&names, skip, MAX_NAMES, "names", budget);
        if secret > 0 {
            let note = match secret {
                1 => "\nnot listed: a file whose name says that it holds secrets".to_owned(),
                _ => format!("\nnot listed: {secret} files whose names say that they hold secrets"),
            };
            // What was not listed for room ends the text, for what is behind it says how to get it.
            let at = reply.text.rfind("\nnot listed: ").unwrap_or(reply.text.len());
            reply.text.insert_str(at, &note);
        }
        reply
    }

    fn no_folder(&self, folder: &str) -> String {
        let Ok(path) = RepoPath::parse(folder) else { return "there is no such folder".to_owned() };
        if let Some(entry) = self.walk.get(&path) {
            return match entry.role {
                Err(Omission::Symlink) => "is a symlink; what it leads to cannot be shown".to_owned(),
                Err(Omission::Submodule) => "is a submodule; what is in it cannot be shown".to_owned(),
                Err(omission @ (Omission::LockFile | Omission::Secret)) => {
                    format!("is a file, which cannot be shown: {}", omission.clause())
                }
                _ => format!("is a file; ask for it as `READ: {path}`"),
            };
        }
        if let Some((entry, omission)) = self.behind(&path) {
            return format!("cannot be shown, for it is behind `{entry}`: {}", omission.clause());
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
