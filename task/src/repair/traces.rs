//! *Traces*: the files that a log, an annotation or a stack trace names, as far as the tree has them.
//!
//! A runner writes whole paths of its own machine, a language its own form of them. What is found is the longest end of a
//! path that the tree has; a name alone has to be the only one of its kind. A name that the tree does not have is not read
//! anywhere else.

use std::collections::HashMap;

use crate::path::RepoPath;

/// Files that are named, in the order in which they are.
const MAX_FILES: usize = 12;
/// Words that are looked at.
const MAX_WORDS: usize = 20_000;
/// The longest word.
const MAX_WORD: usize = 500;

/// See the module's documentation.
pub(crate) fn named<'p>(text: &str, paths: impl Iterator<Item = &'p RepoPath>) -> Vec<RepoPath> {
    let mut by_name: HashMap<&str, Vec<&RepoPath>> = HashMap::new();
    for path in paths {
        by_name.entry(path.file_name()).or_default().push(path);
    }
    let mut found: Vec<RepoPath> = Vec::new();
    let words = text.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;|=*!".contains(c));
    for word in words.filter(|word| (3..=MAX_WORD).contains(&word.len())).take(MAX_WORDS) {
        if let Some(path) = lookup(word, &by_name)
            && !found.contains(path)
        {
            found.push(path.clone());
        }
        if found.len() == MAX_FILES {
            break;
        }
    }
    found
}

fn lookup<'p>(word: &str, by_name: &HashMap<&str, Vec<&'p RepoPath>>) -> Option<&'p RepoPath> {
    // `path:12:3`, `path#L12`, `path:`
    let word = word.split(['#', '?']).next()?;
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.'));
    let word = word.replace('\\', "/");
    let parts: Vec<&str> = word.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let known = by_name.get(parts.last()?)?;
    let fits = |path: &&&RepoPath| {
        let own = path.as_str().split('/').rev();
        own.clone().count() <= parts.len() && own.zip(parts.iter().rev()).all(|(own, part)| own == *part)
    };
    let longest = known.iter().filter(fits).max_by_key(|path| path.as_str().len());
    match (longest, known.as_slice()) {
        (Some(path), _) => Some(path),
        // A trace may leave out the folder that the package lies in.
        (None, [only]) => Some(only),
        (None, _) => ending(known, &parts),
    }
}

/// The one path of these that ends as the word does.
fn ending<'p>(known: &[&'p RepoPath], parts: &[&str]) -> Option<&'p RepoPath> {
    let shared = |path: &RepoPath| {
        path.as_str().split('/').rev().zip(parts.iter().rev()).take_while(|(own, part)| own == *part).count()
    };
    let best = known.iter().map(|path| shared(path)).max().filter(|best| *best > 1)?;
    let mut fitting = known.iter().filter(|path| shared(path) == best);
    match (fitting.next(), fitting.next()) {
        (Some(path), None) => Some(path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_what_the_tree_has_is_named(text in "[ -~\n]{0,200}", words in "([a-c./:\\\\]{1,8} ?){0,10}") {
            let tree: Vec<RepoPath> =
                ["a/b.c", "b.c", "c/a/b"].iter().map(|path| RepoPath::parse(path).unwrap()).collect();
            for path in named(&format!("{text} {words}"), tree.iter()) {
                prop_assert!(tree.contains(&path));
            }
        }
    }

    #[test]
    fn traces_of_several_languages_name_files_of_the_tree_and_no_others() {
        let tree: Vec<RepoPath> = [
            "src/a.rs",
            "src/b/mod.rs",
            "src/c/mod.rs",
            "app/greeting.py",
            "web/src/index.ts",
            "api/src/index.ts",
            "core/src/main/java/org/octo/Foo.java",
            "README.md",
            "Makefile",
        ]
        .iter()
        .map(|path| RepoPath::parse(path).unwrap())
        .collect();
        let table: &[(&str, &[&str])] = &[
            ("  --> src/a.rs:3:5", &["src/a.rs"]),
            ("thread 'main' panicked at /home/runner/work/hello/hello/src/b/mod.rs:12:9:", &["src/b/mod.rs"]),
            (
                "  File \"/home/runner/work/hello/hello/app/greeting.py\", line 3, in greet",
                &["app/greeting.py"],
            ),
            ("    at greet (D:\\a\\hello\\hello\\web\\src\\index.ts:3:7)", &["web/src/index.ts"]),
            ("    at org.octo.Foo.bar(Foo.java:12)", &["core/src/main/java/org/octo/Foo.java"]),
            ("make: *** [Makefile:3: test] Error 1", &["Makefile"]),
            ("see README.md and src/a.rs, and src/a.rs again", &["README.md", "src/a.rs"]),
            // Two of this name, and nothing that tells which.
            ("mod.rs:3", &[]),
            ("index.ts(3,7): error TS2304", &[]),
            ("/etc/passwd ../../etc/shadow src/z.rs ~/.ssh/id_rsa", &[]),
            ("", &[]),
        ];
        for (text, expect) in table {
            let found = named(text, tree.iter());
            assert_eq!(found.iter().map(RepoPath::as_str).collect::<Vec<_>>(), *expect, "{text}");
        }
        let many: Vec<RepoPath> = (0..40).map(|n| RepoPath::parse(&format!("f{n}.rs")).unwrap()).collect();
        let all = many.iter().map(RepoPath::as_str).collect::<Vec<_>>().join(":1 ");
        assert_eq!(named(&all, many.iter()), many[..MAX_FILES]);
    }
}
