//! *Imports* go one way: no two files import each other, in a circle of any length. A module and what lies below it may.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The text of each module of a crate, by its path, such as `run::fix`; the crate itself is the empty one.
type Modules = BTreeMap<String, String>;

fn modules_of(source: &Path) -> Modules {
    let mut found = Modules::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(source).unwrap().with_extension("");
            let name = file.to_str().unwrap().replace('/', "::");
            // A program imports its library, and nobody imports a program.
            if path.extension().is_some_and(|kind| kind == "rs") && name != "main" && !name.ends_with("tests")
            {
                let name = if name == "lib" { String::new() } else { name };
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// What is compiled of a file when it is no test, without comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap().to_owned() + "\n").collect()
}

/// The paths of a `use`, each whole.
fn expanded(tree: &str, paths: &mut Vec<String>) {
    let Some((start, rest)) = tree.split_once('{') else {
        paths.push(tree.split(" as ").next().unwrap().trim().to_owned());
        return;
    };
    let inner = rest.rsplit_once('}').unwrap().0;
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inner[from..at].trim();
                if !part.is_empty() {
                    expanded(&format!("{}{part}", start.trim()), paths);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths in a file that begin with `crate` or `super`.
fn paths_in(text: &str) -> Vec<String> {
    let (mut paths, mut others, mut using) = (Vec::new(), String::new(), None);
    for line in code(text).lines() {
        let bare = line.trim_start();
        let bare = bare.strip_prefix("pub").map_or(bare, |rest| {
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest)
        });
        let begins = bare.trim_start().strip_prefix("use ");
        match (using.take(), begins) {
            (Some(begun), _) => using = Some(format!("{begun} {}", line.trim())),
            (None, Some(begun)) => using = Some(begun.to_owned()),
            (None, None) => others.extend([line, "\n"]),
        }
        if let Some(tree) = using.take_if(|begun| begun.ends_with(';')) {
            expanded(tree.trim_end_matches(';'), &mut paths);
        }
    }
    let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    paths.extend(others.split(|c: char| !is_of_path(c)).map(|path| path.trim_matches(':').to_owned()));
    paths.retain(|path| path.starts_with("crate::") || path.starts_with("super::"));
    paths
}

/// The module that a path leads to, seen from another one: as much of it as is a module.
fn target(path: &str, from: &str, modules: &Modules) -> String {
    let mut base: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    for part in path.split("::") {
        match part {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            part => base.push(part),
        }
    }
    while !base.is_empty() && !modules.contains_key(&base.join("::")) {
        base.pop();
    }
    base.join("::")
}

fn is_below(inner: &str, outer: &str) -> bool {
    outer.is_empty() || inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"))
}

/// Modules that import each other, each the one after it, and the last one the first.
fn circle(modules: &Modules) -> Option<Vec<&str>> {
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, text) in modules {
        let targets = paths_in(text).into_iter().map(|path| target(&path, from, modules));
        let targets = targets.filter(|to| !is_below(to, from) && !is_below(from, to));
        let known = targets.map(|to| modules.get_key_value(&to).unwrap().0.as_str());
        imports.insert(from, known.collect());
    }
    // Whoever imports nobody that is left is in no circle.
    loop {
        let left: BTreeSet<&str> = imports.keys().copied().collect();
        imports.retain(|_, targets| !targets.is_disjoint(&left));
        if imports.len() == left.len() {
            break;
        }
    }
    let mut way = vec![*imports.keys().next()?];
    loop {
        let next = imports[way.last()?].iter().find(|next| imports.contains_key(*next))?;
        if let Some(at) = way.iter().position(|before| before == next) {
            return Some(way.split_off(at));
        }
        way.push(next);
    }
}

#[test]
fn no_files_import_each_other() {
    for package in ["task", "shared", "ingest"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
        let modules = modules_of(&source);
        assert!(modules.len() > 5, "{package}: {} files", modules.len());
        assert_eq!(circle(&modules), None, "{package}: each of these imports the next one");
    }
}

#[test]
fn a_circle_is_found() {
    let of = |files: &[(&str, &str)]| -> Modules {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    for (files, expected) in [
        (of(&[("a", "use crate::b::B;\n"), ("b", "use super::a::A;\n")]), Some(vec!["a", "b"])),
        (
            of(&[
                ("a", "pub(crate) use super::{\n    b,\n    x::{c::C as D, Y},\n};\n"),
                ("b", ""),
                ("x", ""),
                ("x::c", "fn f() { crate::a::g() }\n"),
            ]),
            Some(vec!["a", "x::c"]),
        ),
        (of(&[("a", "use crate::b;\n"), ("b", "use crate::c;\n"), ("c", "")]), None),
        // What is below a module may import from it.
        (of(&[("a", "use crate::a::b::B;\n"), ("a::b", "use super::A;\n")]), None),
        (
            of(&[
                ("a", "use crate::b;\n"),
                ("b", "// crate::a\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n"),
            ]),
            None,
        ),
    ] {
        assert_eq!(circle(&files), expected, "{files:?}");
    }
}
