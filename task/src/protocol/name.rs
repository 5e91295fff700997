//! The name of the file that a block or a directive is for, as models decorate it.
//!
//! What stands there is compared with the paths of the tree first, as it is, then with one piece of decoration after
//! the other taken off. Only what is none of them is guessed at.

use super::decoration::{Decoration, Stages, label, unquoted};
use super::marker::{self, Directive, Fence};
use super::paths::{Paths, relative};
use super::spelling::{
    BARE_NAMES, has_extension, has_known_extension, is_likely_path, is_pathlike, is_possible, is_prose,
};

/// Lines above a block, not counting blank ones and fences, in which its name may stand alone.
const LOOK_BACK: usize = 6;
/// Of these, how many may be sentences that name one path.
const SENTENCES: usize = 2;
/// Words of a name at most, where it is not known whether it is one.
const NAME_WORDS: usize = 4;
/// Words that stand alone between two blocks and name nothing.
const JOINTS: [&str; 16] = [
    "again",
    "also",
    "and",
    "another",
    "continued",
    "done",
    "finally",
    "lastly",
    "likewise",
    "next",
    "okay",
    "plus",
    "second",
    "similarly",
    "then",
    "third",
];
/// What names the file of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// A path of the tree, or a text that cannot be anything but a path.
    Clear(Name),
    /// A word alone on the line above, which may be the name of a file or prose.
    Bare(Name),
    /// A few words alone on the line above that end as a name does.
    Doubtful(String),
    /// A word of a sentence that has to be a name, of a file that the tree has not.
    Hint(String),
    /// Two paths, of which either could be meant.
    Two(String, String),
    /// There is no name.
    Nothing,
}

/// A name, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) path: String,
    /// The line that has the name and nothing else, counted from the first that was looked at.
    pub(super) line: Option<usize>,
}

/// What names a block, given the lines between the edit before and its head.
pub(super) fn of_block(above: &[&str], paths: &Paths<'_>) -> Naming {
    let mut last = Naming::Nothing;
    let mut odd: Option<Name> = None;
    let mut seen = 0;
    for (at, line) in above.iter().enumerate().rev() {
        let name = |path: &str| Name { path: path.to_owned(), line: Some(at) };
        if let Some(path) = [*line, line.trim()].into_iter().find(|text| paths.has(text)) {
            // A line that the grammar knows as well is a name where nothing else is one.
            if Fence::of(line).is_some() || Directive::of(line).is_some() {
                if odd.is_none() && seen == 0 {
                    odd = Some(name(path));
                    seen += 1;
                    continue;
                }
            } else {
                return clear(odd, name(path));
            }
        }
        if let Some(fence) = Fence::of(line) {
            match in_info(fence.info(), paths) {
                Found::Path(path) => return clear(odd, Name { path, line: None }),
                Found::Two(one, other) => return Naming::Two(one, other),
                Found::Bare(_) | Found::Doubtful(_) | Found::TwoUnknown(..) | Found::Nothing => continue,
            }
        }
        if line.trim().is_empty() {
            continue;
        }
        if seen == LOOK_BACK || Directive::of(line).is_some() {
            break;
        }
        let alone = alone(line, paths);
        if let Found::Path(path) = alone {
            return clear(odd, name(&path));
        }
        if seen < SENTENCES {
            match in_sentence(line, paths) {
                Found::Path(path) => return clear(odd, Name { path, line: None }),
                Found::Two(one, other) => return Naming::Two(one, other),
                Found::Bare(path) if last == Naming::Nothing && is_meant(&path, line) => {
                    last = Naming::Hint(path);
                }
                Found::TwoUnknown(one, other) if last == Naming::Nothing => last = Naming::Two(one, other),
                Found::Bare(_) | Found::Doubtful(_) | Found::TwoUnknown(..) | Found::Nothing => {}
            }
        }
        match alone {
            Found::Bare(path) if seen == 0 => last = Naming::Bare(name(&path)),
            Found::Doubtful(text) if seen == 0 => last = Naming::Doubtful(text),
            _ => {}
        }
        seen += 1;
    }
    odd.map_or(last, Naming::Clear)
}

/// The name, unless a line nearer to the block is one as well.
fn clear(odd: Option<Name>, name: Name) -> Naming {
    match odd {
        Some(odd) => Naming::Two(odd.path, name.path),
        None => Naming::Clear(name),
    }
}

/// The path that a directive names, given what stands behind its colon: as it is, if the tree has it.
pub(super) fn of_directive(written: &str, paths: &Paths<'_>) -> String {
    let plain = written.strip_prefix(' ').unwrap_or(written);
    let stages = || Stages::new(marker::argument(written), &Decoration::QUOTATION).map(relative);
    let known = [plain, written, plain.trim()].into_iter().chain(stages()).find(|text| paths.has(text));
    known.or_else(|| stages().last()).unwrap_or_default().to_owned()
}

/// The two paths of a renaming: old, new. `None` if there are none, or if several places could part them.
pub(super) fn of_renaming(written: &str, paths: &Paths<'_>) -> Option<(String, String)> {
    let halves: Vec<(&str, &str)> = written
        .match_indices("->")
        .map(|(at, arrow)| (&written[..at], &written[at + arrow.len()..]))
        .collect();
    let named = |(from, to): &(&str, &str)| {
        // The space before the arrow is none of the path's.
        let from = from.strip_suffix(' ').unwrap_or(from);
        (of_directive(from, paths), of_directive(to, paths))
    };
    let known: Vec<_> = halves.iter().map(named).filter(|(from, _)| paths.has(from)).collect();
    match (&known[..], &halves[..]) {
        ([one], _) => Some(one.clone()),
        ([], [one]) => Some(named(one)),
        _ => None,
    }
}

/// How a text names a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Path(String),
    /// A word that may be one.
    Bare(String),
    /// Several words that may be one.
    Doubtful(String),
    /// Two that are there.
    Two(String, String),
    /// Two words of a sentence that have to be names, of files that the tree has not.
    TwoUnknown(String, String),
    Nothing,
}

/// A line that has nothing but a name.
fn alone(line: &str, paths: &Paths<'_>) -> Found {
    let stages = || Stages::new(line, &Decoration::LINE);
    if let Some(known) = stages().map(relative).find(|text| paths.has(text)) {
        return Found::Path(known.to_owned());
    }
    let text = relative(stages().last().unwrap_or_default());
    let is_marked = stages().any(|stage| unquoted(stage).is_some() || label(stage).is_some());
    if let Some(known) = paths.folded(text) {
        return Found::Path(known.to_owned());
    }
    // "Then:" introduces; "Then" alone could be the name of a file.
    let introduces = line.trim_end().ends_with(':');
    if !is_possible(text) {
        return Found::Nothing;
    }
    if let Some(space) = text.find(char::is_whitespace) {
        // A sentence, unless it is marked as a name or its first word is a folder.
        let in_folder = text.find('/').is_some_and(|slash| slash < space);
        let is_short = text.split_whitespace().count() <= NAME_WORDS
            && !text.split_whitespace().next_back().is_some_and(is_prose);
        return match has_extension(text) {
            true if is_marked || in_folder => Found::Path(text.to_owned()),
            true if is_short && !introduces => Found::Doubtful(text.to_owned()),
            _ => Found::Nothing,
        };
    }
    if text.contains(|c: char| "<>|\";,".contains(c)) || (text.contains(['(', ')']) && !text.contains('/')) {
        // Code, most likely.
        return if introduces || text.ends_with(';') {
            Found::Nothing
        } else {
            Found::Doubtful(text.to_owned())
        };
    }
    if is_marked || text.contains('/') || has_extension(text) || BARE_NAMES.contains(&text) {
        return Found::Path(text.to_owned());
    }
    let is_joint = JOINTS.iter().any(|joint| joint.eq_ignore_ascii_case(text));
    if introduces || is_joint { Found::Nothing } else { Found::Bare(text.to_owned()) }
}

/// The only path that a sentence names, in back ticks or not.
fn in_sentence<'l>(line: &'l str, paths: &Paths<'_>) -> Found {
    let quoted: Vec<&'l str> = line.split('`').skip(1).step_by(2).collect();
    let words: Vec<&'l str> = line
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| matches!(c, ',' | ':' | ';' | '(' | ')' | '`' | '*' | '"')))
        .map(|word| if paths.has(word) { word } else { word.trim_matches('.') })
        .collect();
    // What looks like a word may be the end of a path with spaces.
    let spaced = paths.spaced_in(line);
    let rest = spaced.iter().fold(line.to_owned(), |rest, path| rest.replace(path, " "));
    let is_apart = |text: &&str| rest.contains(text);
    let known = |texts: &[&'l str]| -> Vec<&'l str> {
        texts.iter().copied().map(relative).filter(|text| paths.has(text)).collect()
    };
    let apart = known(&words).into_iter().filter(is_apart);
    for known in [known(&quoted), spaced.iter().copied().chain(apart).collect()] {
        match distinct(known.into_iter())[..] {
            [] => {}
            [one] => return Found::Path(one.to_owned()),
            [one, other, ..] => return Found::Two(one.to_owned(), other.to_owned()),
        }
    }
    let is_spelled_so = |text: &&str| has_extension(text) || BARE_NAMES.contains(text);
    let is_likely = |text: &&str| (is_spelled_so(text) && !is_prose(text)) || paths.has_tail(text);
    let likely = |texts: &[&'l str]| -> Vec<&'l str> {
        let texts = texts.iter().copied().map(relative);
        distinct(texts.filter(|text| is_pathlike(text) && is_likely(text)))
    };
    let (quoted, words) = (likely(&quoted), likely(&words));
    if let [one] = quoted[..] {
        return Found::Path(one.to_owned());
    }
    let is_path = |text: &str| text.contains('/') || paths.has_tail(text);
    let mut names = distinct(words.into_iter().chain(quoted));
    if names.len() > 1 {
        // Of several words, those that could be fields or methods are not names.
        names.retain(|name| is_path(name) || has_known_extension(name));
    }
    match names[..] {
        [] => Found::Nothing,
        [one] if is_path(one) => Found::Path(one.to_owned()),
        [one] => Found::Bare(one.to_owned()),
        [one, other, ..] => Found::TwoUnknown(one.to_owned(), other.to_owned()),
    }
}

/// The path in the info string of a fence: ```` ```rust src/a.rs ````, `rust:src/a.rs`, `title="src/a.rs"`. A word
/// without a dot or a slash is a language, whatever the tree has.
fn in_info(info: &str, paths: &Paths<'_>) -> Found {
    let behind_language = info.split_once([' ', '\t']).map(|(_, rest)| rest.trim());
    let whole = [Some(info), behind_language].into_iter().flatten();
    if let Some(known) = whole.map(relative).find(|text| text.contains(['.', '/']) && paths.has(text)) {
        return Found::Path(known.to_owned());
    }
    let parts = info.split([' ', '\t', ',', '{', '}', '"', '\'', '=']);
    let parts = parts.map(|part| match part.split_once(':') {
        Some((language, path)) if !language.contains(['/', '.']) => path,
        _ => part,
    });
    let parts: Vec<&str> = parts.map(relative).filter(|part| part.contains(['.', '/'])).collect();
    match distinct(parts.iter().copied().filter(|part| paths.has(part)))[..] {
        [] => {}
        [one] => return Found::Path(one.to_owned()),
        [one, other, ..] => return Found::Two(one.to_owned(), other.to_owned()),
    }
    let likely = parts.iter().copied().filter(|part| is_likely_path(part));
    match distinct(likely)[..] {
        [one] => Found::Path(one.to_owned()),
        _ => Found::Nothing,
    }
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

/// Whether a word of a line names a file that is meant, and not a field or a method: by its extension, or because the
/// line introduces with it.
fn is_meant(word: &str, line: &str) -> bool {
    let line = line.trim_end_matches([' ', '\t', '*', '`', '"']);
    let introduced = line.strip_suffix(':').map(|rest| rest.trim_end_matches(['*', '`', '"']));
    has_known_extension(word) || introduced.is_some_and(|rest| rest.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(path: &str) -> Naming {
        Naming::Clear(Name { path: path.to_owned(), line: None })
    }

    fn bare(path: &str) -> Naming {
        Naming::Bare(Name { path: path.to_owned(), line: None })
    }

    /// The naming, without where it was found.
    fn naming(above: &str, paths: &Paths<'_>) -> Naming {
        let above: Vec<&str> = above.lines().collect();
        match of_block(&above, paths) {
            Naming::Clear(name) => clear(&name.path),
            Naming::Bare(name) => bare(&name.path),
            other => other,
        }
    }

    #[test]
    fn names_of_files_that_are_not_known() {
        let hint = |path: &str| Naming::Hint(path.to_owned());
        let doubtful = |text: &str| Naming::Doubtful(text.to_owned());
        let two = |one: &str, other: &str| Naming::Two(one.to_owned(), other.to_owned());
        for (above, expect) in [
            ("src/a.rs", clear("src/a.rs")),
            ("./src/a.rs", clear("src/a.rs")),
            ("src/a.rs\n```rust", clear("src/a.rs")),
            ("```rust\nsrc/a.rs", clear("src/a.rs")),
            ("```rust src/a.rs", clear("src/a.rs")),
            ("```rust:src/a.rs", clear("src/a.rs")),
            ("```rust title=\"src/a.rs\"", clear("src/a.rs")),
            ("```python\n# src/a.py", clear("src/a.py")),
            ("// src/a.js", clear("src/a.js")),
            ("<!-- docs/a.html -->", clear("docs/a.html")),
            ("File: src/a.rs", clear("src/a.rs")),
            ("File: my file.md", clear("my file.md")),
            ("**File:** `src/a.rs`", clear("src/a.rs")),
            ("### `src/a.rs`:", clear("src/a.rs")),
            ("**src/a.rs**", clear("src/a.rs")),
            ("- src/a.rs (changed)", clear("src/a.rs")),
            ("src/a.rs (new file):", clear("src/a.rs")),
            ("src/a.ts (1)", clear("src/a.ts")),
            ("src/a.rs:12-20", clear("src/a.rs")),
            ("app/(auth)/[id]/page.tsx", clear("app/(auth)/[id]/page.tsx")),
            ("{{cookiecutter.slug}}/a.py", clear("{{cookiecutter.slug}}/a.py")),
            ("docs/my file.md", clear("docs/my file.md")),
            ("`my file.md`", clear("my file.md")),
            ("Makefile", clear("Makefile")),
            ("justfile", bare("justfile")),
            ("foo.1", bare("foo.1")),
            ("Next", Naming::Nothing),
            ("and", Naming::Nothing),
            ("Nextfile", bare("Nextfile")),
            ("Next:", Naming::Nothing),
            ("foo();", Naming::Nothing),
            ("In `src/a.rs`, add the case:", clear("src/a.rs")),
            ("Change src/a.rs like this:", clear("src/a.rs")),
            ("Change a.rs like this:", hint("a.rs")),
            ("Then update config.yml:", hint("config.yml")),
            ("Then **app.properties**:", hint("app.properties")),
            ("and the README:", hint("README")),
            ("As in Node.js, update config.yml:", hint("config.yml")),
            ("as in Node.js:", Naming::Nothing),
            ("as in Node.js", Naming::Nothing),
            ("As `Node.js` does:", Naming::Nothing),
            ("Others, e.g. these:", Naming::Nothing),
            ("Others, e.g.:", Naming::Nothing),
            ("The same for v1.2.x:", Naming::Nothing),
            ("The same for 2.0.0-rc1:", Naming::Nothing),
            ("With self.total above:", Naming::Nothing),
            ("Now as the README says:", Naming::Nothing),
            ("Release Notes.md", doubtful("Release Notes.md")),
            ("So that and/or works:", Naming::Nothing),
            ("From src/a.rs to src/b.rs:", two("src/a.rs", "src/b.rs")),
            ("Move the case from a.py to b.py:", two("a.py", "b.py")),
            ("As `a.py` and `b.py` do:", two("a.py", "b.py")),
            ("As `a.py`/`b.py` do:", two("a.py", "b.py")),
            ("src/a.rs\n\nAs b.rs and c.rs do:", clear("src/a.rs")),
            ("In src/a.rs, replace self.total by self.sum:", clear("src/a.rs")),
            ("In config.yml, use `self.total`, not `self.sum`:", hint("config.yml")),
            ("Replace `self.total` by `self.sum`:", Naming::Nothing),
            ("As in Node.js and Vue.js:", Naming::Nothing),
            ("src/a.rs\n\nThis handles the empty case.\n\n```", clear("src/a.rs")),
            ("TITLE: Fix src/a.rs", Naming::Nothing),
            ("READ: src/a.rs\nNow the change:", Naming::Nothing),
            ("See https://example.org/a.html", Naming::Nothing),
            ("", Naming::Nothing),
        ] {
            assert_eq!(naming(above, &Paths::default()), expect, "{above:?}");
        }
    }

    #[test]
    fn a_path_of_the_tree_is_that_path() {
        let paths = Paths::new([
            "# a.md",
            "DELETE: x",
            "Notes.md",
            "Release Notes.md",
            "VERSION",
            "```",
            "a.rs",
            "bash",
            "foo.1",
            "lib/Next.js",
            "src/a b.rs",
            "src/foo.ts",
            "src/foo.ts (1)",
            "src/lib/b.rs",
        ]);
        let two = |one: &str, other: &str| Naming::Two(one.to_owned(), other.to_owned());
        for (above, expect) in [
            ("VERSION", clear("VERSION")),
            ("# VERSION", clear("VERSION")),
            ("**VERSION**:", clear("VERSION")),
            ("Change `VERSION`:", clear("VERSION")),
            ("Change VERSION:", clear("VERSION")),
            ("foo.1", clear("foo.1")),
            ("Release Notes.md", clear("Release Notes.md")),
            ("`Release Notes.md`", clear("Release Notes.md")),
            ("Notes.md", clear("Notes.md")),
            ("In Release Notes.md, change:", clear("Release Notes.md")),
            ("From Notes.md to Release Notes.md:", two("Release Notes.md", "Notes.md")),
            ("In `Release Notes.md`, change:", clear("Release Notes.md")),
            ("src/foo.ts (1)", clear("src/foo.ts (1)")),
            ("src/foo.ts (changed)", clear("src/foo.ts")),
            ("# a.md", clear("# a.md")),
            ("DELETE: x", clear("DELETE: x")),
            ("```", clear("```")),
            ("a.rs\n```", two("```", "a.rs")),
            ("a.rs\n```bash", clear("a.rs")),
            ("version", clear("VERSION")),
            ("release notes.md", clear("Release Notes.md")),
            ("```bash", Naming::Nothing),
            ("```rust src/a b.rs", clear("src/a b.rs")),
            ("From a.rs to src/foo.ts:", two("a.rs", "src/foo.ts")),
            ("Change b.rs:", clear("b.rs")),
            ("Change c.rs:", Naming::Hint("c.rs".to_owned())),
            ("Change b.rs and c.rs:", two("b.rs", "c.rs")),
            ("Change a.rs as c.rs and d.rs:", clear("a.rs")),
            ("Change Next.js:", clear("Next.js")),
        ] {
            assert_eq!(naming(above, &paths), expect, "{above:?}");
        }
    }

    #[test]
    fn a_path_with_spaces_is_none_within_words() {
        let paths = Paths::new([" a", "DELETE: a", "my notes.md"]);
        for (above, expect) in [
            ("That is all.\n\nDELETE: a", clear("DELETE: a")),
            ("Change my notes.md, then:", clear("my notes.md")),
            ("Change my notes.mdx, then:", Naming::Hint("notes.mdx".to_owned())),
            ("在my notes.md中", clear("my notes.md")),
        ] {
            assert_eq!(naming(above, &paths), expect, "{above:?}");
        }
    }

    #[test]
    fn what_a_directive_names() {
        let paths = Paths::new([" a", "**b", "c -> d", "c", "e (1)", "x -> y -> z"]);
        for (written, expect) in [
            ("  a", " a"),
            (" **b", "**b"),
            ("** c", "c"),
            (" `c`", "c"),
            (" ./new/file.rs (new file)", "new/file.rs"),
            (" e (1)", "e (1)"),
            (" f (1)", "f (1)"),
            (" #f", "#f"),
            (" ", ""),
        ] {
            assert_eq!(of_directive(written, &paths), expect, "{written:?}");
        }
        for (written, expect) in [
            (" c -> g", Some(("c", "g"))),
            (" `c` -> `g`", Some(("c", "g"))),
            ("c->g", Some(("c", "g"))),
            (" c -> d -> g", None),
            (" x -> y -> z -> g", Some(("x -> y -> z", "g"))),
            (" n -> m", Some(("n", "m"))),
            (" n -> m -> o", None),
            (" n", None),
        ] {
            let expect = expect.map(|(from, to): (&str, &str)| (from.to_owned(), to.to_owned()));
            assert_eq!(of_renaming(written, &paths), expect, "{written:?}");
        }
    }
}
