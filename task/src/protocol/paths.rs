//! The *paths* of the tree that a model was shown, as what it writes can mean them.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::Hash;

use crate::path::fold;

/// The paths that a name can mean: those of the tree that the model was shown.
#[derive(Clone, Debug, Default)]
pub struct Paths<'a> {
    sorted: Vec<&'a str>,
    with_spaces: Vec<&'a str>,
    by_name: OnceCell<HashMap<&'a str, Vec<&'a str>>>,
    by_folded: OnceCell<HashMap<String, Vec<&'a str>>>,
}

impl<'a> Paths<'a> {
    pub fn new(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut sorted: Vec<&str> = paths.into_iter().collect();
        sorted.sort_unstable();
        let with_spaces = sorted.iter().copied().filter(|path| path.contains(' ')).collect();
        Self { sorted, with_spaces, ..Self::default() }
    }

    /// Whether the text, as it is, is one of them.
    pub(super) fn has(&self, text: &str) -> bool {
        self.sorted.binary_search(&text).is_ok()
    }

    /// Whether one of them is in a folder of this path.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        if folder.is_empty() || folder.ends_with('/') {
            return false;
        }
        let inside = format!("{folder}/");
        let at = self.sorted.partition_point(|path| *path < inside.as_str());
        self.sorted.get(at).is_some_and(|path| path.starts_with(&inside))
    }

    /// Whether one of them, in whatever folder, has that name.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.by_name.get_or_init(|| grouped(&self.sorted, last_name)).contains_key(name)
    }

    /// The only one that differs from the text in letter case, or in how its characters are written.
    pub(super) fn folded(&self, text: &str) -> Option<&'a str> {
        let known = self.by_folded.get_or_init(|| grouped(&self.sorted, fold));
        match known.get(&fold(text)).map(Vec::as_slice) {
            Some([one]) => Some(one),
            _ => None,
        }
    }

    /// Whether one of them has the text as its last folders and name.
    pub(super) fn has_tail(&self, text: &str) -> bool {
        let known = self.by_name.get_or_init(|| grouped(&self.sorted, last_name));
        let is_tail = |path: &&str| path.strip_suffix(text).is_some_and(|front| front.ends_with('/'));
        known.get(last_name(text)).is_some_and(|paths| paths.iter().any(is_tail))
    }

    /// Those with spaces that a sentence has in it as whole words, none of them a part of another one.
    pub(super) fn spaced_in<'s>(&self, sentence: &'s str) -> Vec<&'s str> {
        let is_whole = |at: usize, path: &str| {
            let before = sentence[..at].chars().next_back().zip(path.chars().next());
            let after = path.chars().next_back().zip(sentence[at + path.len()..].chars().next());
            [before, after]
                .into_iter()
                .flatten()
                .all(|(left, right)| !(left.is_ascii_alphanumeric() && right.is_ascii_alphanumeric()))
        };
        let mut found: Vec<&'s str> = Vec::new();
        for path in &self.with_spaces {
            if let Some((at, _)) = sentence.match_indices(path).find(|(at, path)| is_whole(*at, path)) {
                found.push(&sentence[at..at + path.len()]);
            }
        }
        let all = found.clone();
        found.retain(|path| all.iter().all(|other| path == other || !other.contains(path)));
        found
    }
}

fn grouped<'a, K: Eq + Hash>(paths: &[&'a str], key: impl Fn(&'a str) -> K) -> HashMap<K, Vec<&'a str>> {
    let mut groups: HashMap<K, Vec<&str>> = HashMap::new();
    for path in paths {
        groups.entry(key(path)).or_default().push(path);
    }
    groups
}

pub(super) fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Without what says only "from here".
pub(super) fn relative(text: &str) -> &str {
    let mut text = text;
    while let Some(rest) = text.strip_prefix("./") {
        text = rest;
    }
    text
}
