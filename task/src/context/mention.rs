//! A *mention* is a word of an issue that reads like the path of a file: with slashes or a known extension, a
//! frame of a stack trace, or a module as its language spells it (`a.b.c`, `a::b::c`).

use std::collections::BTreeMap;

use crate::path::RepoPath;

/// One path-like word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Components, lower-case, last first. The first may lack its extension.
    components: Vec<String>,
    /// Whether the last component is a file name with an extension.
    file: bool,
}

/// How well a mention fits a path, from 0 to 1.
pub(super) type Fit = f32;

/// Words of an issue are cut here before they are looked at; longer ones are data.
const MAX_WORD: usize = 300;
const MAX_MENTIONS: usize = 400;

/// Every mention of `text`, in order of their first appearance.
pub(super) fn find(text: &str) -> Vec<Mention> {
    let mut seen: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;|=*!".contains(c)) {
        if word.len() > MAX_WORD || found.len() >= MAX_MENTIONS {
            continue;
        }
        if let Some(mention) = parse(word)
            && seen.insert(mention.components.clone(), found.len()).is_none()
        {
            found.push(mention);
        }
    }
    found
}

fn parse(word: &str) -> Option<Mention> {
    let word = word.trim_matches(|c: char| matches!(c, '.' | ':' | '?' | '#' | '-' | '~'));
    // `path:12:3`, `path#L12`, `path?query`
    let word = word.split(['#', '?']).next()?;
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
    if word.len() < 3 || word.contains("://") && !word.contains("/blob/") && !word.contains("/tree/") {
        return None;
    }
    // A link to a file on a forge: what follows the branch is the path.
    let word = match word.split_once("/blob/").or_else(|| word.split_once("/tree/")) {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => word,
    };
    let slashed = word.replace('\\', "/");
    let (path, file) = if slashed.contains('/') || has_extension(&slashed) {
        let file = has_extension(&slashed);
        (slashed, file)
    } else if word.contains("::") {
        (word.replace("::", "/"), false)
    } else if word.matches('.').count() >= 1
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'))
    {
        (word.replace('.', "/"), false)
    } else {
        return None;
    };
    let components: Vec<String> = path
        .rsplit('/')
        .map(str::to_ascii_lowercase)
        .filter(|component| !matches!(component.as_str(), "" | "." | ".."))
        .collect();
    let name = components.first()?;
    if (components.len() < 2 && !file) || name.len() < 2 {
        return None;
    }
    Some(Mention { components, file })
}

fn has_extension(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=6).contains(&extension.len())
            && RepoPath::parse(name).is_ok_and(|path| crate::language::Language::of(&path).is_some())
    })
}

impl Mention {
    /// How well the mention fits `path`: 1 when it names the whole of it, at least half when it names folder and
    /// file, less for a file name alone, as folders do not tell it from its namesakes.
    pub(super) fn fit(&self, path: &RepoPath) -> Fit {
        let lower = path.as_str().to_ascii_lowercase();
        let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
        let stem = name.split('.').next().unwrap_or(name);
        let shared = |named: usize| {
            let folders = folders.rsplit('/').filter(|folder| !folder.is_empty());
            folders.zip(&self.components[named..]).take_while(|(a, b)| a == *b).count()
        };
        if self.file {
            if self.components[0] != name {
                return 0.0;
            }
            let shared = shared(1);
            let all = folders.split('/').filter(|folder| !folder.is_empty()).count();
            return if shared == all && all > 0 {
                1.0
            } else if shared > 0 {
                0.8
            } else {
                0.5
            };
        }
        // A module names its file without extension; or what is named is in the file of that name.
        (1..=2)
            .filter(|named| self.components.get(named - 1).is_some_and(|module| module == stem))
            .map(|named| match shared(named) {
                0 => 0.2,
                1 => 0.5,
                _ => 0.8,
            })
            .fold(0.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_fit_the_files_that_they_name() {
        for (text, path, expect) in [
            ("see src/app.rs.", "src/app.rs", 1.0),
            ("see `app.rs`", "src/app.rs", 0.5),
            ("File \"/usr/lib/site-packages/requests/models.py\", line 3", "requests/models.py", 1.0),
            ("at /home/me/work/src/a.js:12:3", "packages/x/src/a.js", 0.8),
            ("C:\\work\\src\\a.js", "src/a.js", 1.0),
            ("in sympy.core.basic", "sympy/core/basic.py", 0.8),
            ("calls sympy.core.basic.Basic", "sympy/core/basic.py", 0.8),
            ("axum::extract::Path", "axum/src/extract/path.rs", 0.5),
            ("https://github.com/o/r/blob/main/lib/x.go#L12", "lib/x.go", 1.0),
            ("https://example.com/lib/x.go", "lib/x.go", 0.0),
            ("e.g. this", "src/g.rs", 0.0),
            ("src/app.rs", "src/other.rs", 0.0),
        ] {
            let path = RepoPath::parse(path).unwrap();
            let best = find(text).iter().map(|mention| mention.fit(&path)).fold(0.0, f32::max);
            assert!((best - expect).abs() < f32::EPSILON, "{text}: {best}, not {expect}");
        }
    }
}
