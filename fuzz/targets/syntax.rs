//! Texts of all languages with a grammar, through the processes that parse them.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use task::check::{self, Verdict};
use task::language::Language;
use task::parser::Parsers;
use task::path::RepoPath;

/// Where the program is whose processes parse.
static PARSERS: OnceLock<Parsers> = OnceLock::new();

/// What opens, what repeats, what closes: nesting, long words, long lines, levels of indentation, and what never ends.
pub(crate) const STRUCTURES: &[(&str, &str, &str)] = &[
    ("", "(", ""),
    ("", "[", ""),
    ("", "{", ""),
    ("x = ", "(", ")"),
    ("x = ", "[", "]"),
    ("a: ", "{a: ", "}"),
    ("", "- ", ""),
    ("", "? ", ""),
    ("", "<a>", "</a>"),
    ("", "<p ", ">"),
    ("x = <<", "A", "\nb\n"),
    ("x = <<~'", "A", "'\n  b\n"),
    ("cat <<", "A", "\nb\n"),
    ("<?php $x = <<<", "A", "\nb\n"),
    ("R\"", "a", "(b)\""),
    ("r", "#", "\"b\""),
    ("--[", "=", "["),
    ("x = \"\"\"", "\"", "\n"),
    ("x = \"", "${\"", ""),
    ("x = f\"", "{f'{", ""),
    ("x = `", "${`", ""),
    ("/*", "/*", "*/"),
    ("", "#", "\"\n"),
    ("<", "script", ">"),
    ("$", "@\"", "\"\n"),
    ("\"", "\\(", ")\""),
    ("", "'", "\n"),
    ("%w", "(", ")"),
    ("", "%q{", "}"),
    ("@", "media a {", "}"),
    ("<script>", "<!--", "</script>\n"),
    ("```", "`", "\n"),
    ("a", ".b", "\n"),
    ("", "!", "a"),
    ("", "a\n", ""),
    ("", "\t", "a\n"),
    ("x = ", "é", "\n"),
    ("", "\0", ""),
    ("---\n", "a: &b\n", "..."),
    ("a: |", "\n b", "\n"),
];

/// Processes of the program at `path`.
pub(crate) fn parse_with(path: &str) {
    PARSERS.get_or_init(|| Parsers::of_program(path));
}

/// A text of a structure; `indented` has each repetition on a line of its own, a space further in than the last.
pub(crate) fn text((open, repeated, close): (&str, &str, &str), times: usize, indented: bool) -> String {
    let mut text = open.to_owned();
    for depth in 0..times {
        if indented {
            text.push('\n');
            text.push_str(&" ".repeat(depth));
        }
        text.push_str(repeated);
    }
    text.push_str(&close.repeat(if close.ends_with('\n') { 1 } else { times }));
    text
}

/// A file of `language` gets a verdict and an outline, or a reason why not; a good file gets its own afterwards.
pub(crate) fn parse(language: Language, text: &str) {
    let parsers = PARSERS.get_or_init(Parsers::of_this_program);
    let name = format!("a.{}", extension(language));
    let path = RepoPath::parse(&name).expect("the name is a path");
    let deadline = Instant::now() + Duration::from_secs(5);
    drop(check::file(parsers, &path, Some(b"x"), text.as_bytes(), deadline));
    drop(parsers.outline(language, text));
    let good = RepoPath::parse("good.rs").expect("the name is a path");
    let deadline = Instant::now() + Duration::from_secs(5);
    let verdict = check::file(parsers, &good, None, b"fn good() {}\n", deadline);
    assert_eq!(verdict, Verdict::Sound, "after {language:?} {text:?}");
}

/// The first byte chooses the language, the rest is the text; or, after a zero, each pair of bytes a structure and how
/// often it repeats.
pub(crate) fn run(data: &[u8]) {
    let [language, rest @ ..] = data else { return };
    let language = Language::ALL[usize::from(*language) % Language::ALL.len()];
    let text = match rest {
        [0, pairs @ ..] => pairs
            .chunks_exact(2)
            .take(8)
            .map(|pair| {
                let structure = STRUCTURES[usize::from(pair[0]) % STRUCTURES.len()];
                let times = 1 << (pair[1] % 12);
                self::text(structure, times + usize::from(pair[1] >> 4), pair[0] >= 128)
            })
            .collect(),
        text => String::from_utf8_lossy(text).into_owned(),
    };
    parse(language, &text);
}

fn extension(language: Language) -> &'static str {
    match language {
        Language::Bash => "sh",
        Language::CSharp => "cs",
        Language::JavaScript => "js",
        Language::Kotlin => "kt",
        Language::Python => "py",
        Language::Ruby => "rb",
        Language::Rust => "rs",
        Language::TypeScript => "ts",
        other => other.name(),
    }
}
