//! What *settings* leave out of the tests: options of test runners in scripts and configurations, lists of what is passed over, and
//! a script for tests that runs none.
//!
//! Only what is left out by name counts. Whether a list that selects tests, such as `testMatch`, selects fewer than before, the
//! text alone does not tell.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::pattern;
use crate::path::RepoPath;

/// Files with such settings, by their names in small letters.
const NAMES: [&str; 20] = [
    ".pytest.ini",
    ".rspec",
    "build.gradle",
    "build.gradle.kts",
    "cargo.toml",
    "composer.json",
    "conftest.py",
    "gnumakefile",
    "justfile",
    "makefile",
    "noxfile.py",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "pytest.ini",
    "rakefile",
    "setup.cfg",
    "taskfile.yaml",
    "taskfile.yml",
    "tox.ini",
];
/// The same, by how their names begin.
const STARTS: [&str; 6] =
    [".mocharc", "cypress.config.", "jest.config.", "karma.conf.", "playwright.config.", "vitest.config."];
/// Where a list is called `exclude` or `ignore`, it is one of tests.
const OF_TESTS: [&str; 3] = [".mocharc", "karma.conf.", "vitest.config."];
/// Folders that hold no tests of the repository's own.
const WITHOUT_TESTS: [&str; 13] = [
    "__pycache__",
    "build",
    "cache",
    "coverage",
    "dist",
    "egg",
    "git",
    "next",
    "out",
    "target",
    "tox",
    "vendor",
    "venv",
];

/// What runs tests, where it stands in a line.
static RUNNER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:addopts|pytest|py\.test|unittest|tox|nox|jest|vitest|mocha|ava|playwright|cypress|karma|phpunit|pest|rspec|ctest|mvnw?|gradlew?|(?:cargo|go|dotnet|deno|bun|npm|yarn|pnpm|run)\s+(?:nextest|test)|node\s+--test)\b",
    )
});

/// Options by which a runner leaves tests out, or by which it does not count that they fail.
static OPTIONS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"--(?:ignore|ignore-glob|deselect|exclude|exclude-pattern|skip|testPathIgnorePatterns|grep-invert)(?:=|\s+)\\?["']?[^\s"'\\,\]]+|--(?:passWithNoTests|pass-with-no-tests|invert)\b|--tag\s+~\S+|\s-[km](?:=|\s+)\\?["'][^"']*\bnot\b[^"'\\]*|\s-k(?:=|\s+)not\b\S*|\s-skip(?:=|\s+)\S+|-D(?:skipTests|maven\.test\.skip)\b|\s-x\s+test\b|\|\|\s*(?:true\b|:(?:\s|\\?["']|$)|exit\s+0\b|echo\b)|;\s*(?:true\b|exit\s+0\b)"#,
    )
});

/// Statements that do the same.
static STATEMENTS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"<skipTests>\s*true|<testFailureIgnore>\s*true|<excludedGroups>[^<]+|\bignoreFailures\s*=?\s*true\b",
    )
});

/// Parts of a package whose tests do not run.
static PARTS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^\s*(?:test|doctest|autotests)\s*=\s*false\b"));

/// The name of a list of what is passed over, up to where the list begins.
static LISTS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"\b(?:testPathIgnorePatterns|modulePathIgnorePatterns|testIgnore|grepInvert|excludeSpecPattern|ignoreTestFiles|norecursedirs|collect_ignore(?:_glob)?)["']?\s*(?:\+?=|:)\s*"#,
    )
});
static SHORT_LISTS: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\b(?:exclude|ignore)["']?\s*(?:=|:)\s*"#));

/// A script that runs nothing that could fail.
static IDLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:(?:true|:|exit\s+0|echo\b[^&|;]*)\s*(?:(?:&&|;)\s*(?:true|:|exit\s+0|echo\b[^&|;]*)\s*)*)?$",
    )
});

/// What a file leaves out of the tests, each as it stands there, as often as it does; nothing for a file without such settings.
pub(super) fn exclusions(path: &RepoPath, text: &str) -> Vec<String> {
    let name = path.file_name().to_ascii_lowercase();
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if !NAMES.contains(&name.as_str()) && !starts(&STARTS) {
        return Vec::new();
    }
    let text: String = text.lines().filter(|line| !is_comment(line)).flat_map(|line| [line, "\n"]).collect();
    let commands = match is_package(path).then(|| scripts(&text)).flatten() {
        Some(scripts) => scripts.into_iter().map(|(_, script)| script + "\n").collect(),
        None => text.clone(),
    };
    let options = commands.lines().filter(|line| is_of_runner(line)).flat_map(|line| OPTIONS.find_iter(line));
    let mut found: Vec<String> = options
        .chain(STATEMENTS.find_iter(&text))
        .map(|found| found.as_str().trim().to_owned())
        .filter(|option| !is_without_tests(option.rsplit(['=', ' ', '"', '\'']).next().unwrap_or_default()))
        .collect();
    if name == "cargo.toml" {
        found.extend(PARTS.find_iter(&text).map(|found| found.as_str().trim().to_owned()));
    }
    // An option of the same name is none of a list.
    let long = LISTS.find_iter(&text).filter(|key| !text[..key.start()].ends_with('-'));
    let short = SHORT_LISTS.find_iter(&text).filter(|_| starts(&OF_TESTS));
    found.extend(long.chain(short).flat_map(|key| items(&text[key.end()..])));
    found
}

fn is_comment(line: &str) -> bool {
    ["#", ";", "//"].iter().any(|start| line.trim_start().starts_with(start))
}

/// Whether a line starts a test runner, or holds one of its options alone.
fn is_of_runner(line: &str) -> bool {
    let start = line.trim_start().trim_start_matches(['"', '\'']);
    ["--", "-D"].iter().any(|option| start.starts_with(option)) || RUNNER.is_match(line)
}

/// The items of a list that begins here: between brackets, or on this line and on those below that are further in.
fn items(text: &str) -> Vec<String> {
    let inside = if let Some(inside) = text.strip_prefix(['[', '(']) {
        inside.split([']', ')']).next().unwrap_or_default()
    } else {
        let first = text.find('\n').unwrap_or(text.len());
        let mut end = first;
        while let Some(next) = text[end..].strip_prefix('\n').filter(|next| next.starts_with([' ', '\t'])) {
            end += 1 + next.find('\n').unwrap_or(next.len());
        }
        // What is further in can be the next setting.
        let is_other = text[first..end].lines().any(|line| line.contains(['=', ':']));
        &text[..if is_other { first } else { end }]
    };
    let items = inside.split(|c: char| c.is_whitespace() || c == ',');
    items
        .map(|item| item.trim_matches(['"', '\'', '`', ';', '{', '}']))
        .filter(|item| {
            item.contains(char::is_alphanumeric) && !item.starts_with("...") && !is_without_tests(item)
        })
        .map(str::to_owned)
        .collect()
}

/// Whether a path is that of a folder which holds no tests of the repository's own.
fn is_without_tests(path: &str) -> bool {
    let folder =
        path.trim_start_matches("<rootDir>").trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    path.contains("node_modules") || WITHOUT_TESTS.contains(&folder)
}

/// Whether a change leaves the script for tests without anything to run.
pub(super) fn stops_script(path: &RepoPath, before: &str, after: &str) -> bool {
    if !is_package(path) {
        return false;
    }
    let (Some(before), Some(after)) = (scripts(before), scripts(after)) else { return false };
    let runs = |scripts: &[(String, String)], name: &str| {
        scripts.iter().any(|(known, script)| known == name && !IDLE.is_match(script))
    };
    let is_there = |name: &str| after.iter().any(|(known, _)| known == name);
    // What has another name now may run under that.
    let stops = |name: &str| runs(&before, name) && !runs(&after, name) && (name == "test" || is_there(name));
    before.iter().any(|(name, _)| (name == "test" || name.starts_with("test:")) && stops(name))
}

/// Whether a file names scripts of a package.
fn is_package(path: &RepoPath) -> bool {
    ["package.json", "composer.json"].contains(&path.file_name().to_ascii_lowercase().as_str())
}

/// The scripts of a package; `None` if it is not JSON.
fn scripts(text: &str) -> Option<Vec<(String, String)>> {
    let package: Value = serde_json::from_str(text).ok()?;
    let scripts = package.get("scripts").and_then(Value::as_object);
    let text = |script: &Value| match script {
        Value::Array(commands) => commands.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" && "),
        script => script.as_str().unwrap_or_default().to_owned(),
    };
    Some(scripts.into_iter().flatten().map(|(name, script)| (name.clone(), text(script))).collect())
}
