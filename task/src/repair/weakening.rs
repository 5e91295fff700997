//! A *weakening* makes checks pass by taking away what they check: tests deleted, skipped, left out by a setting or without their
//! assertions, or a change of nothing but tests and the files that run them. It is refused, whatever else the change does.
//!
//! The rule looks at the change alone. It counts, over all files of the change together, so a test may move from one file to
//! another; comments do not count, so a test that is commented out is gone. What it cannot see is a test that runs and no longer
//! means anything: that is for the reviewer.

mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::context::role::is_test;
use crate::language::Language;
use crate::outbound::markup::code_span;
use crate::patch::{Change, ChangeKind};
use crate::path::RepoPath;
use crate::protect::{self, Protection};

/// Characters of a setting that are shown.
const MAX_SHOWN: usize = 100;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Weakening {
    /// Nothing but tests and what runs them changes.
    OnlyTests,
    /// A file of tests is gone.
    Deleted(RepoPath),
    FewerTests {
        before: usize,
        after: usize,
    },
    /// More tests are skipped, or one is run alone.
    Skips,
    /// A setting leaves tests out, or does not count that they fail: what stands there now.
    LeavesOut(String),
    /// The script for tests runs none.
    StopsScript(RepoPath),
    FewerAssertions {
        before: usize,
        after: usize,
    },
}

/// For the model, and for people.
impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyTests => f.write_str("it changes only tests and the files that run them"),
            Self::Deleted(path) => write!(f, "it deletes the tests in `{path}`"),
            Self::FewerTests { before, after } => {
                write!(
                    f,
                    "it removes tests: there were {before} in the files that it changes, and there are {after}"
                )
            }
            Self::Skips => f.write_str("it has tests skipped, or runs one of them alone"),
            Self::LeavesOut(what) => {
                write!(f, "a setting leaves tests out or does not count that they fail: {}", code_span(what))
            }
            Self::StopsScript(path) => {
                write!(f, "the script for tests in {} runs no tests any more", code_span(path.as_str()))
            }
            Self::FewerAssertions { before, after } => write!(
                f,
                "it removes assertions of tests: there were {before} in the files that it changes, and there are {after}"
            ),
        }
    }
}

/// One file of a change.
struct File<'a> {
    path: &'a RepoPath,
    /// Where it was before, if that is elsewhere.
    from: &'a RepoPath,
    before: Option<String>,
    after: Option<String>,
}

/// What is wrong with a change that is to repair another one, if that.
pub(crate) fn weakening(changes: &[Change]) -> Option<Weakening> {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let files: Vec<File<'_>> = changes
        .iter()
        .map(|change| File {
            path: change.path(),
            from: match change.kind() {
                ChangeKind::Rename { from } => from,
                _ => change.path(),
            },
            before: text(change.before()),
            after: text(change.after()),
        })
        .collect();
    judge(&files)
}

fn judge(files: &[File<'_>]) -> Option<Weakening> {
    let is_gone = |file: &&File<'_>| {
        file.before.is_some() && is_test(file.from) && (file.after.is_none() || !is_test(file.path))
    };
    if let Some(file) = files.iter().find(is_gone) {
        return Some(Weakening::Deleted(file.from.clone()));
    }
    let (mut before, mut after) = (Counts::default(), Counts::default());
    for file in files {
        before.add(file.from, file.before.as_deref());
        after.add(file.path, file.after.as_deref());
    }
    if after.tests < before.tests {
        return Some(Weakening::FewerTests { before: before.tests, after: after.tests });
    }
    if after.skips > before.skips {
        return Some(Weakening::Skips);
    }
    let is_new = |(what, count): &(&String, &usize)| before.exclusions.get(*what) < Some(*count);
    if let Some((what, _)) = after.exclusions.iter().find(is_new) {
        return Some(Weakening::LeavesOut(what.chars().take(MAX_SHOWN).collect()));
    }
    let stops = |file: &&File<'_>| match (&file.before, &file.after) {
        (Some(before), Some(after)) => settings::stops_script(file.path, before, after),
        _ => false,
    };
    if let Some(file) = files.iter().find(stops) {
        return Some(Weakening::StopsScript(file.path.clone()));
    }
    if after.assertions < before.assertions {
        return Some(Weakening::FewerAssertions { before: before.assertions, after: after.assertions });
    }
    files.iter().all(is_of_tests).then_some(Weakening::OnlyTests)
}

/// Whether nothing of the product changes in a file.
fn is_of_tests(file: &File<'_>) -> bool {
    let is_aside = |path: &RepoPath| is_test(path) || runs_tests(path);
    if is_aside(file.path) && is_aside(file.from) {
        return true;
    }
    // Rust has tests in the file that they test.
    let product = |text: &Option<String>| text.as_deref().map(|text| inline(text).0.trim().to_owned());
    file.before.is_some()
        && file.path == file.from
        && Language::of(file.path) == Some(Language::Rust)
        && product(&file.before) == product(&file.after)
}

/// Whether a file says which tests run, or how CI goes.
fn runs_tests(path: &RepoPath) -> bool {
    const NAMES: [&str; 12] = [
        "jest.config.",
        "vitest.config.",
        "playwright.config.",
        "cypress.config.",
        "karma.conf.",
        ".mocharc",
        "pytest.ini",
        "tox.ini",
        "noxfile.py",
        "phpunit.xml",
        ".rspec",
        "nextest.toml",
    ];
    let reason = Protection::default().reason(path);
    path.folded().starts_with(".github/")
        || matches!(reason, Some(protect::Reason::Workflow | protect::Reason::ContinuousIntegration))
        || NAMES.iter().any(|name| path.file_name().to_ascii_lowercase().starts_with(name))
}

#[derive(Default)]
struct Counts {
    tests: usize,
    skips: usize,
    assertions: usize,
    /// What settings leave out, and how often.
    exclusions: BTreeMap<String, usize>,
}

impl Counts {
    fn add(&mut self, path: &RepoPath, text: Option<&str>) {
        let Some(text) = text else { return };
        for exclusion in settings::exclusions(path, text) {
            *self.exclusions.entry(exclusion).or_default() += 1;
        }
        let language = Language::of_file(path, text);
        let dialect = &DIALECTS[Dialect::at(language)];
        let whole = without_comments(text, language);
        let part = match (is_test(path), language) {
            (true, _) => whole.as_str(),
            // Elsewhere a call of the same name can be anything.
            (false, Some(Language::Rust)) => inline(&whole).1,
            (false, _) => return,
        };
        self.tests += dialect.tests.find_iter(part).count();
        self.skips += dialect.skips.find_iter(part).count() + SWITCHED_OFF.find_iter(text).count();
        self.assertions += dialect.assertions.find_iter(part).count();
    }
}

/// A file of Rust before its tests, and from there on.
fn inline(text: &str) -> (&str, &str) {
    static TESTS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?m)^[ \t]*#\[cfg\((?:all\()?test\b[^\n]*\n(?:[ \t]*#\[[^\n]*\n)*[ \t]*(?:pub(?:\([a-z]+\))?[ \t]+)?mod\b",
        )
    });
    TESTS.find(text).map_or((text, ""), |found| text.split_at(found.start()))
}

/// How a language writes tests. All of it is looked for line by line, in text without comments.
struct Dialect {
    tests: Regex,
    skips: Regex,
    assertions: Regex,
}

/// What takes a whole file out, and stands in a comment or at the preprocessor.
static SWITCHED_OFF: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^\s*(?://go:build\s+ignore|// \+build\s+ignore|#if\s+(?:0|false)\b)"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is part of the program")
}

const RUST: usize = 0;
const PYTHON: usize = 1;
const SCRIPT: usize = 2;
const GO: usize = 3;
const JVM: usize = 4;
const CSHARP: usize = 5;
const CPP: usize = 6;
const RUBY: usize = 7;
const PHP: usize = 8;
const SWIFT: usize = 9;
const OTHER: usize = 10;

/// Tests, what skips them, assertions; in the order of the constants above.
const PATTERNS: [[&str; 3]; 11] = [
    [
        r"(?m)^\s*#\[\s*(?:\w+\s*::\s*)*(?:test|rstest|test_case|test_matrix|quickcheck)\b",
        r"#\[\s*ignore\b|cfg_attr\([^\]]*\bignore\b|#!?\[cfg\((?:any\(\)|FALSE|false)\)\]",
        r"\b\w*assert\w*!|\.expect_err\(|\.unwrap_err\(",
    ],
    [
        r"(?m)^\s*(?:async\s+)?def\s+test\w*|^\s*class\s+Test\w*",
        r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|importorskip)\b|\bunittest\.(?:skip\w*|expectedFailure)\b|@skip|\.skipTest\(|\bSkipTest\b|__test__\s*=\s*False|\bcollect_ignore",
        r"(?m)^\s*assert\b|\.assert\w+\(|\b(?:pytest\.)?raises\(",
    ],
    [
        r"(?m)^\s*(?:x|f)?(?:it|test|specify|bench)(?:\.\w+)*\s*(?:\(|`)",
        r"\b(?:it|test|describe|context|suite|specify)(?:\.\w+)*\.(?:skip|todo|only|fixme|fails|failing|skipIf|runIf)\b|(?m)^\s*[xf](?:it|test|describe|context|specify)\s*\(|\bthis\.skip\(|\bt\.skip\(",
        r"\bexpect\w*(?:\.\w+)?\s*[(<]|\bassert\w*(?:\.\w+)*\s*\(|\.should\b|\bt\.(?:is|true|false|deepEqual|throws)\(",
    ],
    [
        r"(?m)^func\s+(?:Test|Benchmark|Fuzz|Example)\w*\s*\(|\b\w+\.Run\(",
        r"\b\w+\.(?:Skip|SkipNow|Skipf)\(|\btesting\.Short\(",
        r"\b\w+\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(?:assert|require)\.\w+\(",
    ],
    [
        r#"@(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property)\b|(?m)^\s*(?:test|it|should|describe|scenario)\s*[("]"#,
        r"@(?:Disabled\w*|Ignore\w*|EnabledIf\w*)\b|\bassum(?:e|ing|ption)\w*|\benabled\s*=\s*false|\.config\(enabled|\bignore\s*\(|\bpending\b",
        r"(?i)\b\w*assert\w*\s*[.({<]|\bverify\s*\(|\bshould\w*\b|\bexpect\w*\s*[.({]",
    ],
    [
        r"\[\s*(?:Fact|Theory|Test|TestCase|TestMethod|DataTestMethod|InlineData)\b",
        r"\bSkip\s*=|\[\s*(?:Ignore|Explicit)\b|\bAssert\.(?:Ignore|Inconclusive|Skip)\b|\bSkip\.If",
        r"\bAssert\.\w+|\.Should\w*\(",
    ],
    [
        r"\b(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P|TEST_CASE|TEMPLATE_TEST_CASE|SCENARIO|SECTION|BOOST_AUTO_TEST_CASE|START_TEST|RUN_TEST)\s*\(",
        r"\bGTEST_SKIP\b|\bDISABLED_|\bSKIP\s*\(|\[!(?:hide|mayfail|shouldfail)\]|\[\.\]|unit_test::disabled|\bTEST_IGNORE",
        r"\b(?:EXPECT|ASSERT|REQUIRE|CHECK|BOOST_CHECK|BOOST_TEST|BOOST_REQUIRE|TEST_ASSERT)\w*\s*\(|\bassert\s*\(",
    ],
    [
        r"(?m)^\s*(?:x|f)?(?:it|specify|example|scenario|test)\b|^\s*def\s+test_\w+",
        r"(?m)^\s*[xf](?:it|describe|context|specify|example|scenario)\b|\bskip\b|\bpending\b|\bfocus:\s*true|:focus\b",
        r"\bexpect\b|\bassert\w*|\.should\b|\brefute\w*|\bmust_\w+",
    ],
    [
        r"\bfunction\s+test\w+\s*\(|#\[Test\b|(?m)^\s*(?:it|test)\s*\(",
        r"\bmarkTest(?:Skipped|Incomplete)\w*|->(?:skip|todo|only)\(|#\[(?:Requires|Ignore)\w*",
        r"\bassert\w*\(|\bexpect\w*\(",
    ],
    [
        r"\bfunc\s+test\w*\s*\(|@Test\b",
        r"\bXCTSkip\w*|\.disabled\b|\.enabled\(|\bwithKnownIssue\b|\bXCTExpectFailure\b",
        r"\bXCT(?:Assert|Unwrap|Fail)\w*\(?|#expect\b|#require\b",
    ],
    [
        r"(?m)^\s*(?:it|test|testWidgets|specify|scenario|describe|property)\b|^\s*@test\b|^\s*function\s+test\w*|^\s*test_\w+\s*\(\)",
        r"(?m)\bskip\w*\b|\bpending\b|\bignore\b|@(?:module)?tag\s+:skip",
        r"\b\w*assert\w*|\bexpect\w*|\brefute\w*|\bshould\b",
    ],
];

static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    let dialect = |[tests, skips, assertions]: &[&str; 3]| Dialect {
        tests: pattern(tests),
        skips: pattern(skips),
        assertions: pattern(assertions),
    };
    PATTERNS.iter().map(dialect).collect()
});

impl Dialect {
    fn at(language: Option<Language>) -> usize {
        match language {
            Some(Language::Rust) => RUST,
            Some(Language::Python) => PYTHON,
            Some(Language::JavaScript | Language::TypeScript | Language::Tsx) => SCRIPT,
            Some(Language::Go) => GO,
            Some(Language::Java | Language::Kotlin | Language::Scala) => JVM,
            Some(Language::CSharp) => CSHARP,
            Some(Language::C | Language::Cpp) => CPP,
            Some(Language::Ruby) => RUBY,
            Some(Language::Php) => PHP,
            Some(Language::Swift) => SWIFT,
            _ => OTHER,
        }
    }
}

/// The text with blanks in place of comments, and of Python's texts of many lines, which serve as such.
fn without_comments(text: &str, language: Option<Language>) -> String {
    let hash = matches!(
        language,
        Some(Language::Python | Language::Ruby | Language::Bash | Language::Yaml | Language::Toml)
    );
    let triples = language == Some(Language::Python);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let comment = if (hash && c == '#') || (!hash && rest.starts_with("//")) {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if !hash && rest.starts_with("/*") {
            Some(end_of(rest, 2, "*/"))
        } else if triples && (rest.starts_with("\"\"\"") || rest.starts_with("'''")) {
            Some(end_of(rest, 3, &rest[..3]))
        } else {
            None
        };
        if let Some(length) = comment {
            out.extend(rest[..length].chars().filter(|c| *c == '\n'));
            rest = &rest[length..];
            continue;
        }
        let length = if c == '"' || (c == '\'' && hash) { string(rest, c) } else { c.len_utf8() };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// Bytes up to the end of what begins here; all of them where it does not end.
fn end_of(rest: &str, begin: usize, end: &str) -> usize {
    rest[begin..].find(end).map_or(rest.len(), |at| begin + at + end.len())
}

/// Bytes of a text in quotes, which ends with its line at the latest: what looks like a comment in it is none.
fn string(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests;
