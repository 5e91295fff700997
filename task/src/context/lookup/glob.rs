//! A *glob* says in which files is searched, as models write it: `*.py`, `src/`, `src/**/*.rs`, `*.{js,ts}`, several
//! with commas between.

use gix::glob::wildmatch::Mode;

use crate::path::RepoPath;

/// Longest pattern in bytes: matching is quadratic in it.
const MAX_BYTES: usize = 200;
/// Patterns that braces and commas may make.
const MAX_PATTERNS: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    patterns: Vec<String>,
}

impl Glob {
    pub(super) fn parse(text: &str) -> Self {
        let mut patterns = Vec::new();
        // One that is cut would match other files.
        let mut pending = if text.len() > MAX_BYTES { Vec::new() } else { vec![text.replace('\\', "/")] };
        while let Some(text) = pending.pop() {
            if patterns.len() + pending.len() >= MAX_PATTERNS {
                break;
            }
            if let Some((open, close)) = braces(&text) {
                let parts = text[open + 1..close].split(',');
                pending.extend(parts.map(|part| format!("{}{part}{}", &text[..open], &text[close + 1..])));
                continue;
            }
            let several = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
            patterns
                .extend(several.map(|part| part.trim_start_matches('/').trim_start_matches("./").to_owned()));
        }
        Self { patterns }
    }

    pub(super) fn matches(&self, path: &RepoPath) -> bool {
        self.patterns.iter().any(|pattern| {
            let folder = pattern.trim_end_matches('/');
            // The top of the repository.
            if folder.is_empty() || folder == "." {
                return true;
            }
            if let Some(rest) = path.as_str().strip_prefix(folder)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return true;
            }
            let name = if pattern.contains('/') { path.as_str() } else { path.file_name() };
            gix::glob::wildmatch(pattern.as_str().into(), name.into(), Mode::NO_MATCH_SLASH_LITERAL)
        })
    }
}

/// The first braces with a comma in them.
fn braces(text: &str) -> Option<(usize, usize)> {
    let open = text.find('{')?;
    let close = open + text[open..].find('}')?;
    text[open..close].contains(',').then_some((open, close))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_is_read_as_models_write_it() {
        for (glob, path, expect) in [
            ("*.py", "src/a.py", true),
            ("*.py", "src/a.pyx", false),
            ("src/", "src/a/b.py", true),
            ("src", "src/a/b.py", true),
            ("src\\a", "src/a/b.py", true),
            ("/src", "src/a/b.py", true),
            (".", "src/a/b.py", true),
            ("/", "a", true),
            ("src", "src2/a.py", false),
            ("./src/*.py", "src/a.py", true),
            ("src/*.py", "src/b/a.py", false),
            ("src/**/*.py", "src/a.py", true),
            ("src/**/*.py", "src/b/c/a.py", true),
            ("**/a.py", "src/b/a.py", true),
            ("*.{js,ts}", "a.ts", true),
            ("*.{js,ts}", "a.tsx", false),
            ("*.py, *.rs", "x/a.rs", true),
            ("src/a.py", "src/a.py", true),
            ("{{{{,", "a", false),
            ("", "a", false),
        ] {
            let path = RepoPath::parse(path).unwrap();
            assert_eq!(Glob::parse(glob).matches(&path), expect, "{glob} {path}");
        }
        let bomb = "{a,b}".repeat(40);
        assert!(Glob::parse(&bomb).patterns.len() <= MAX_PATTERNS);
        Glob::parse(&"é".repeat(500));
    }
}
