//! A *source* is a file of the read set as the built-in provider edits it: text without a byte order mark.

use std::ops::Range;

use super::Stop;
use crate::context::read_set::ReadSet;
use crate::path::RepoPath;
use crate::protect::Protection;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a RepoPath,
    pub(super) text: &'a str,
    /// Whether people keep the file to themselves.
    pub(super) protected: bool,
}

/// A range of a source's bytes, and what goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    pub(super) source: &'a RepoPath,
    pub(super) range: Range<usize>,
    pub(super) new: String,
}

/// What has been settled for one wish.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    pub(super) changes: Vec<Change<'a>>,
    /// What the reader has to know: sentences for the summary.
    pub(super) notes: Vec<String>,
}

/// The files that can be edited, ordered by path.
pub(super) fn sources<'a>(read: &'a ReadSet, protection: &Protection) -> Vec<Source<'a>> {
    read.iter()
        .filter_map(|(path, file)| {
            let bytes = file.content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file.content);
            let protected = protection.reason(path).is_some();
            Some(Source { path, text: std::str::from_utf8(bytes).ok()?, protected })
        })
        .collect()
}

/// Extensions and names that make a word of an issue a path even if no such file has been read.
const EXTENSIONS: [&str; 26] = [
    "md",
    "mdx",
    "markdown",
    "txt",
    "rst",
    "adoc",
    "ini",
    "cfg",
    "conf",
    "env",
    "properties",
    "xml",
    "gradle",
    "csv",
    "mod",
    "proto",
    "sql",
    "svg",
    "vue",
    "svelte",
    "scss",
    "less",
    "tf",
    "ex",
    "dart",
    "lock",
];

/// The path that a word of an issue names: a file or folder of the read set (whole, or its last components), a
/// link to a file on the host, or a word with the form of a path.
pub(super) fn path_of<'a>(word: &'a str, sources: &[Source<'_>]) -> Option<&'a str> {
    if word.len() > 512 {
        return None;
    }
    if word.chars().any(char::is_whitespace) {
        return sources.iter().any(|source| source.path.as_str() == word).then_some(word);
    }
    if let Some((_, rest)) = word.split_once("://") {
        let rest = rest.split(['#', '?']).next()?;
        let path = rest.split_once("/blob/").or_else(|| rest.split_once("/tree/"))?.1.split_once('/')?.1;
        return RepoPath::parse(path).is_ok().then_some(path);
    }
    let word = word.trim_start_matches("./").trim_end_matches('/');
    let path = RepoPath::parse(word).ok()?;
    if !find(word, sources).is_empty() {
        return Some(word);
    }
    let known = crate::language::Language::of(&path).is_some()
        || path
            .extension()
            .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()));
    let plain = word.chars().all(|c| c.is_alphanumeric() || "_-./@+".contains(c));
    (known && plain && !word.starts_with('@')).then_some(word)
}

/// The sources that a path of the issue names: the file itself, else every file that it is the end of, else
/// every file in the folder; the stem alone (`README`) where that is in capitals.
pub(super) fn find<'a>(path: &str, sources: &[Source<'a>]) -> Vec<Source<'a>> {
    let select = |test: &dyn Fn(&RepoPath) -> bool| -> Vec<Source<'a>> {
        sources.iter().filter(|source| test(source.path)).copied().collect()
    };
    let exact = select(&|known| known.as_str() == path);
    if !exact.is_empty() {
        return exact;
    }
    let by_end = select(&|known| {
        known.as_str().strip_suffix(path).is_some_and(|head| head.ends_with('/'))
            && (path.contains(['.', '/']) || path.starts_with(char::is_uppercase))
    });
    if !by_end.is_empty() {
        return by_end;
    }
    if path.len() > 2 && path.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        let stem = select(&|known| {
            known.parent().is_none() && known.file_name().split_once('.').map(|(stem, _)| stem) == Some(path)
        });
        if !stem.is_empty() {
            return stem;
        }
    }
    if !path.contains('/') && path != "docs" {
        return Vec::new();
    }
    select(&|known| known.as_str().strip_prefix(path).is_some_and(|tail| tail.starts_with('/')))
}

/// The sources that a wish is about, by the paths that the issue names.
pub(super) fn in_scope<'a>(paths: &[String], sources: &[Source<'a>]) -> Result<Vec<Source<'a>>, Stop> {
    if paths.is_empty() {
        return Ok(sources.to_vec());
    }
    let mut scope: Vec<Source<'a>> = Vec::new();
    let mut missing = Vec::new();
    for path in paths {
        let found = find(path, sources);
        if found.len() > 1 && found.iter().all(|source| source.path.file_name() == path) {
            let all: Vec<&str> = found.iter().map(|source| source.path.as_str()).collect();
            return Err(Stop::Cannot(format!("`{path}` can be any of `{}`", all.join("`, `"))));
        }
        if found.is_empty() {
            missing.extend(RepoPath::parse(path).ok());
        }
        for source in found {
            if !scope.iter().any(|known| known.path == source.path) {
                scope.push(source);
            }
        }
    }
    if missing.is_empty() { Ok(scope) } else { Err(Stop::Read(missing)) }
}

/// Whether the file is prose, where a value is an example and not the setting.
pub(super) fn is_prose(path: &RepoPath) -> bool {
    path.extension().is_none_or(|extension| {
        ["md", "mdx", "markdown", "txt", "rst", "adoc", "html"]
            .contains(&extension.to_ascii_lowercase().as_str())
    }) && !path.file_name().starts_with("requirements")
        && path.file_name() != "Dockerfile"
        && !path.file_name().starts_with('.')
}

/// The 1-based line of a byte.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|b| *b == b'\n').count() + 1
}

/// The bytes of a 1-based line, without its end; none if there is no such line.
pub(super) fn line_range(text: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for (number, content) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            return start..start + content.len();
        }
        start += content.len();
    }
    0..0
}
