//! *Imports* are what a file says that it needs of other files, as its language spells it: a path in quotes, or names
//! joined by dots or `::`.
//!
//! What is imported is found by the end of its path among the files of the repository, so that no language's rules for
//! search paths are needed; a name that fits many files says nothing.

use std::collections::BTreeMap;

use super::graph::Graph;
use super::stats::Closer;
use crate::path::RepoPath;

/// Most imports of one file; more are a list of everything.
const MAX_IMPORTS: usize = 200;
/// An import that fits more files than this says nothing of one of them.
const MAX_TARGETS: usize = 12;
/// Words that begin a line that imports.
const WORDS: &[&str] = &[
    "import ",
    "from ",
    "use ",
    "pub use ",
    "pub(crate) use ",
    "export ",
    "#include",
    "require",
    "mod ",
    "pub mod ",
    "using ",
];

/// What `text`, the file at `path`, imports: each as the components of a path without extension, first to last.
pub(super) fn find(path: &RepoPath, text: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        let line = line.trim();
        if in_block && line.starts_with(')') {
            in_block = false;
        }
        let opens = line == "import (";
        in_block |= opens;
        let imports = in_block
            || WORDS.iter().any(|word| line.starts_with(word))
            || line.contains("require(")
            || line.starts_with("} from ");
        if !imports || opens || line.len() > 300 {
            continue;
        }
        match quoted(line) {
            Some(quoted) => found.extend(of_path(path, quoted)),
            None => found.extend(of_names(line)),
        }
        if found.len() >= MAX_IMPORTS {
            break;
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn quoted(line: &str) -> Option<&str> {
    let start = line.find(['"', '\'', '<'])?;
    let close = match line.as_bytes()[start] {
        b'<' => '>',
        quote => char::from(quote),
    };
    let rest = &line[start + 1..];
    Some(&rest[..rest.find(close)?])
}

/// A path in quotes; `./` and `../` are relative to the file.
fn of_path(path: &RepoPath, quoted: &str) -> Option<Vec<String>> {
    let mut components: Vec<&str> = Vec::new();
    if quoted.starts_with('.') {
        components.extend(path.parent().into_iter().flat_map(|parent| parent.split('/')));
    }
    for component in quoted.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            name => components.push(name),
        }
    }
    let last = components.pop()?;
    components.push(stem(last));
    let components: Vec<String> = components.into_iter().map(str::to_ascii_lowercase).collect();
    (!components.is_empty()).then_some(components)
}

/// Names joined by dots or `::`: of `from a.b import c`, both `a.b` and `a.b.c`.
fn of_names(line: &str) -> Vec<Vec<String>> {
    let line = line.split(['#', ';']).next().unwrap_or(line);
    let line = line.replace("::", ".");
    let words: Vec<&str> = line
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
        .filter(|word| !word.is_empty())
        .collect();
    let mut found = Vec::new();
    let mut base: Vec<String> = Vec::new();
    for word in words {
        if matches!(
            word,
            "import"
                | "from"
                | "use"
                | "pub"
                | "export"
                | "as"
                | "static"
                | "crate"
                | "mod"
                | "using"
                | "type"
                | "default"
        ) {
            continue;
        }
        let names: Vec<String> = word
            .split('.')
            .filter(|name| !matches!(*name, "" | "crate" | "self" | "super" | "std"))
            .map(str::to_ascii_lowercase)
            .collect();
        if base.is_empty() {
            base.clone_from(&names);
            found.push(names);
        } else {
            found.push(base.iter().cloned().chain(names).collect());
        }
    }
    found.retain(|names| !names.is_empty());
    found
}

fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 4 => stem,
        _ => name,
    }
}

/// The edges from files to what they import, among `files`: their places in the index, paths, and what was seen.
pub(super) fn graph<'a>(files: impl Iterator<Item = (usize, &'a RepoPath, &'a Closer)> + Clone) -> Graph {
    // By the last component that an import may name: the file's own, and its folder's.
    let mut by_name: BTreeMap<String, Vec<(usize, Vec<String>)>> = BTreeMap::new();
    for (at, path, _) in files.clone() {
        let mut components: Vec<String> = path.as_str().split('/').map(str::to_ascii_lowercase).collect();
        let Some(last) = components.pop() else { continue };
        let name = stem(&last).to_owned();
        if let Some(folder) = components.last() {
            by_name.entry(folder.clone()).or_default().push((at, components.clone()));
        }
        components.push(name.clone());
        by_name.entry(name).or_default().push((at, components));
    }
    let mut edges = Vec::new();
    for (at, _, closer) in files {
        let mut weights: BTreeMap<usize, f32> = BTreeMap::new();
        for import in &closer.imports {
            // The last name may be of something inside of the file.
            for named in [import.len(), import.len() - 1] {
                let Some(name) = named.checked_sub(1).map(|last| &import[last]) else { continue };
                let Some(candidates) = by_name.get(name) else { continue };
                let shared = |components: &Vec<String>| {
                    components
                        .iter()
                        .rev()
                        .zip(import[..named].iter().rev())
                        .take_while(|(a, b)| a == b)
                        .count()
                };
                let best = candidates.iter().map(|(_, components)| shared(components)).max().unwrap_or(0);
                if best == 0 || (best == 1 && named > 1) {
                    continue;
                }
                let targets: Vec<usize> = candidates
                    .iter()
                    .filter(|(_, components)| shared(components) == best)
                    .map(|(to, _)| *to)
                    .collect();
                // Its own name, or that of the folder that it is in.
                if targets.contains(&at) {
                    break;
                }
                if targets.len() > MAX_TARGETS {
                    continue;
                }
                #[expect(clippy::cast_precision_loss, reason = "a handful")]
                let weight = 1.0 / targets.len() as f32;
                for to in targets {
                    *weights.entry(to).or_default() += weight;
                }
                break;
            }
        }
        edges.extend(weights.into_iter().map(|(to, weight)| (at, to, weight.sqrt())));
    }
    Graph::of(edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_read_as_languages_spell_them() {
        for (path, text, expect) in [
            (
                "app/a.py",
                "import os.path\nfrom app.util import Clock, parse",
                "app/util app/util/clock app/util/parse os/path",
            ),
            ("src/a.rs", "use crate::net::{Client, server};\nmod walk;", "net net/client net/server walk"),
            ("a/B.java", "import org.jsoup.nodes.Element;", "org/jsoup/nodes/element"),
            (
                "cmd/a.go",
                "import (\n\t\"fmt\"\n\tx \"example.org/m/conf\"\n)\nvar y = 1",
                "example.org/m/conf fmt",
            ),
            (
                "src/ui/a.ts",
                "import { x } from '../lib/dom.js';\nexport * from './b';",
                "src/lib/dom src/ui/b",
            ),
            ("lib/a.js", "const x = require('./util/index');", "lib/util/index"),
            ("src/a.c", "#include \"jv_alloc.h\"\n#include <stdio.h>", "jv_alloc stdio"),
            ("a.py", "x = 'import y'", ""),
        ] {
            let path = RepoPath::parse(path).unwrap();
            let found: Vec<String> = find(&path, text).iter().map(|names| names.join("/")).collect();
            assert_eq!(found.join(" "), expect, "{path}");
        }
    }

    #[test]
    fn an_import_is_found_by_the_end_of_its_path() {
        let paths = [
            "app/main.py",
            "app/util.py",
            "app/web/util.py",
            "lib/io/mod.rs",
            "lib/use.rs",
            "app/web/__init__.py",
        ]
        .map(|path| RepoPath::parse(path).unwrap());
        for (at, text, expect) in [
            (0, "from app.util import Clock", &[1][..]),
            (0, "from app.web.util import Clock", &[2]),
            (0, "import app.web", &[2, 5]),
            (4, "use crate::io::Reader;", &[3]),
            (0, "import json", &[]),
            (1, "import app.util", &[]),
        ] {
            let empty = Closer::default();
            let importing = Closer { imports: find(&paths[at], text), ..Closer::default() };
            let files = paths
                .iter()
                .enumerate()
                .map(|(n, path)| (n, path, if n == at { &importing } else { &empty }));
            let mut likely = vec![0.0; paths.len()];
            likely[at] = 1.0;
            let received = graph(files).to_used(&likely, paths.len());
            let reached: Vec<usize> = (0..paths.len()).filter(|n| received[*n] > 0.0).collect();
            assert_eq!(reached, expect, "{text}");
        }
    }
}
