//! *Orders* to programs that read what is written on a pull request, or the commit message that becomes of it: lines that
//! bots take for commands, marks that keep CI from running, trailers.
//!
//! Most of them look for these in the source, whether it is code or not: so what stands in code is changed by a space,
//! and what stands in prose becomes code.

use std::ops::Range;

/// What is looked for at the start of a line, and taken for a command there: the bots Bors and Homu.
const BOTS_AT_START: [&str; 2] = ["bors", "homu"];

/// Lines that are a command as a whole.
const WHOLE_LINES: [&str; 3] = ["recheck", "retest", "rebase"];

/// Accounts that obey what is written behind their name.
const BOTS: [&str; 24] = [
    "allcontributors",
    "bors",
    "bot",
    "changeset-bot",
    "claude",
    "codecov",
    "coderabbitai",
    "codex",
    "copilot",
    "cursor",
    "dependabot",
    "dependabot-preview",
    "gemini-code-assist",
    "greenkeeper",
    "homu",
    "imgbot",
    "k8s-ci-robot",
    "mergify",
    "mergifyio",
    "pyup-bot",
    "renovate",
    "renovatebot",
    "rustbot",
    "triagebot",
];

/// Trailers of a commit message that name people or steer programs. A squashed pull request's description becomes one.
const TRAILERS: [&str; 13] = [
    "Acked-by",
    "Agent-Task",
    "Approved-by",
    "Change-Id",
    "Co-authored-by",
    "Depends-On",
    "On-behalf-of",
    "Release-As",
    "Reported-by",
    "Reviewed-by",
    "Signed-off-by",
    "skip-checks",
    "Tested-by",
];

/// What a mark that skips something names beside `skip`, where the word cannot be told from code: the list is of CI systems
/// and of what they do.
const SKIPPED: [&str; 14] = [
    "actions", "build", "builds", "cd", "checks", "ci", "deploy", "deploys", "pipeline", "release", "run",
    "test", "tests", "workflow",
];

/// Longest mark, in bytes.
const MAX_MARK: usize = 40;

/// Commands at the start of lines: the word that makes each one.
pub(super) fn commands(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        // An indented line is no trailer: to git it goes on with the one before.
        let command = command(line.trim());
        let command = command.filter(|length| indent == 0 || !line[indent..indent + length].ends_with(':'));
        if let Some(length) = command {
            found.push(start + indent..start + indent + length);
        }
        start += line.len();
    }
    found
}

/// The length of the word that makes this line a command.
fn command(line: &str) -> Option<usize> {
    let length = line.find(|c: char| c.is_whitespace()).unwrap_or(line.len());
    let word = &line[..length];
    let is = |known: &[&str], word: &str| known.iter().any(|known| known.eq_ignore_ascii_case(word));
    if let Some(name) = word.strip_prefix('/') {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:".contains(&b));
        return is_name.then_some(length);
    }
    if is(&WHOLE_LINES, line) {
        return Some(length);
    }
    let bot = word.trim_end_matches(':');
    if is(&BOTS_AT_START, bot) && line.len() > length {
        return Some(bot.len());
    }
    let (name, _) = line.split_once(':')?;
    is(&TRAILERS, name.trim_end()).then_some(name.len() + 1)
}

/// A mark that keeps CI or a deployment from running at the `[` at `at`, with all brackets around it: `[skip ci]`,
/// `[travis skip]`, `[skip netlify]`, `[CF-Pages-Skip]`, `[no ci]`. Which system reads which is in their documentation; what
/// they have in common is a word beside `skip`, so that is what is looked for
/// (<https://docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs>, <https://docs.gitlab.com/ci/pipelines/#skip-a-pipeline>,
/// <https://docs.travis-ci.com/user/customizing-the-build#skipping-a-build>, <https://www.appveyor.com/docs/how-to/filtering-commits/>).
pub(super) fn mark(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let inside = at + 1;
    let length = bytes[inside..].iter().take(MAX_MARK).position(|b| *b == b']')?;
    if !is_mark(&text[inside..inside + length]) {
        return None;
    }
    let before = bytes[..at].iter().rev().take_while(|b| **b == b'[').count();
    let after = bytes[inside + length..].iter().take_while(|b| **b == b']').count();
    Some(at - before..inside + length + after)
}

/// Whether this is what a mark says within its brackets.
pub(super) fn is_mark(inside: &str) -> bool {
    if !inside.bytes().all(|b| b.is_ascii_alphanumeric() || b" ._-".contains(&b)) {
        return false;
    }
    // With a space before or behind the words, no system reads it.
    if inside != inside.trim() {
        return false;
    }
    let inside = inside.to_ascii_lowercase();
    if ["skipci", "ciskip", "noci", "skiprun", "skipcd", "cdskip"].contains(&&*inside) {
        return true;
    }
    let words: Vec<&str> = inside.split([' ', '.', '_', '-']).filter(|word| !word.is_empty()).collect();
    let [first, .., last] = words[..] else { return false };
    let names_ci = words.iter().any(|word| SKIPPED.contains(word));
    let skips = [first, last].iter().any(|word| matches!(*word, "skip" | "skipped" | "skipping"));
    // A name with an underscore is mostly one of a program.
    skips && words.len() <= 4 && (names_ci || !inside.contains('_')) || first == "no" && names_ci
}

/// `--skip-ci` and its like at the `-` at `at` (<https://docs.cloudbees.com/docs/cloudbees-codeship>).
pub(super) fn option(text: &str, at: usize) -> Option<Range<usize>> {
    if at > 0 && !text.as_bytes()[at - 1].is_ascii_whitespace() {
        return None;
    }
    let option = ["--skip-ci", "--ci-skip", "--no-ci"].into_iter().find(|option| {
        text.get(at..at + option.len()).is_some_and(|there| there.eq_ignore_ascii_case(option))
    })?;
    let end = at + option.len();
    let ends = text.as_bytes().get(end).is_none_or(u8::is_ascii_whitespace);
    ends.then_some(at..end)
}

/// Without the stars around `***NO_CI***`, which Azure Pipelines, Drone and Vela look for in the source
/// (<https://learn.microsoft.com/azure/devops/pipelines/repos/azure-repos-git#skipping-ci-for-individual-pushes>).
pub(super) fn without_stars(text: &str) -> String {
    const MARK: &str = "***no_ci***";
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, mark) in lower.match_indices(MARK) {
        out.push_str(text[at..start].trim_end_matches('*'));
        out.push_str(&text[start + 3..start + mark.len() - 3]);
        at = start + mark.len();
    }
    out.push_str(&text[at..]);
    out
}

/// Whether the text stands at the start of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    LineStart,
    WithinLine,
}

/// Where something has to be put into code so that no program obeys it, and what.
pub(super) fn breaks_in_code(code: &str, place: Place) -> Vec<(usize, &'static str)> {
    let mut breaks = Vec::new();
    for command in commands(code) {
        let is_first = !code[..command.start].contains('\n');
        if is_first && place == Place::WithinLine {
            continue;
        }
        match code.as_bytes()[command.start] {
            b'/' => breaks.push((command.start + 1, " ")),
            _ if code[..command.end].ends_with(':') => breaks.push((command.start, " ")),
            _ => breaks.push((command.end, ",")),
        }
    }
    for (at, _) in code.match_indices('@') {
        let name =
            code[at + 1..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        let behind = code[at + 1 + name.len()..].chars().next();
        let obeys = BOTS.iter().any(|bot| bot.eq_ignore_ascii_case(name));
        if obeys && behind.is_some_and(|c| c.is_whitespace() || c == ':' || c == ',') {
            breaks.push((at + 1, " "));
        }
    }
    breaks.extend(
        code.match_indices('[').filter(|(at, _)| mark(code, *at).is_some()).map(|(at, _)| (at + 1, " ")),
    );
    breaks.extend(
        code.match_indices("--").filter(|(at, _)| option(code, *at).is_some()).map(|(at, _)| (at + 1, " ")),
    );
    breaks.sort_unstable();
    breaks
}

/// Code that no program obeys.
pub(super) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (place, new) in breaks_in_code(text, Place::LineStart) {
        out.push_str(&text[at..place]);
        out.push_str(new);
        at = place;
    }
    out.push_str(&text[at..]);
    out
}

/// Words of a branch name without those that some CI systems skip a branch for.
pub(crate) fn without_skip_words(slug: &str) -> String {
    let words: Vec<&str> = slug.split('-').collect();
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        let is_pair = matches!(
            (kept.last().copied(), word),
            (Some("skip" | "no"), "ci" | "cd" | "build") | (Some("ci" | "cd"), "skip")
        );
        if is_pair {
            kept.pop();
        } else {
            kept.push(word);
        }
    }
    kept.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bot_obeys_is_found_at_the_start_of_a_line() {
        for (line, word) in [
            ("/close", Some("/close")),
            ("/hold cancel", Some("/hold")),
            ("/azp run", Some("/azp")),
            ("/retest-required", Some("/retest-required")),
            ("  /approve", Some("/approve")),
            ("bors r+", Some("bors")),
            ("Bors: merge", Some("Bors")),
            ("homu try", Some("homu")),
            ("recheck", Some("recheck")),
            ("Co-authored-by: Evil <e@evil.test>", Some("Co-authored-by:")),
            ("skip-checks:true", Some("skip-checks:")),
            ("Release-As: 9.9.9", Some("Release-As:")),
            ("see /close", None),
            ("/etc/hosts is read", None),
            ("/", None),
            ("/ close", None),
            ("bors", None),
            ("borscht r+", None),
            ("recheck it", None),
            ("Follow-up: none", None),
        ] {
            let found = commands(line).into_iter().map(|range| &line[range]).next();
            assert_eq!(found, word, "{line}");
        }
    }

    #[test]
    fn a_mark_says_skip_beside_what_is_skipped() {
        for mark in [
            "[skip ci]",
            "[ci skip]",
            "[no ci]",
            "[skip actions]",
            "[actions skip]",
            "[skip travis]",
            "[travis-ci skip]",
            "[Travis CI skip]",
            "[skip appveyor]",
            "[skip azurepipelines]",
            "[azp skip]",
            "[skip circleci]",
            "[skip netlify]",
            "[netlify skip]",
            "[skip vercel]",
            "[CF-Pages-Skip]",
            "[vela skip]",
            "[CI SKIP]",
            "[skip-ci]",
            "[ci_skip]",
            "[skip-cd]",
            "[skipRun]",
            "[skip pre-commit.ci]",
            "[pre-commit.ci skip]",
            "[skip release]",
            "[skip render]",
            "[skip deploy]",
            "[skip woodpecker]",
            "[Skip Preview]",
            "[[skip ci]]",
            "[noci]",
            "[no-build]",
        ] {
            let text = format!("x {mark} y");
            let at = text.rfind('[').unwrap();
            assert_eq!(super::mark(&text, at), Some(2..2 + mark.len()), "{mark}");
        }
        for other in [
            "[skip]",
            "[no]",
            "[x]",
            "[skip_first]",
            "[no changes]",
            "[a, skip]",
            "[this is not to be a skip]",
            "[ci]",
        ] {
            assert_eq!(mark(other, 0), None, "{other}");
        }
    }

    #[test]
    fn code_is_shown_and_not_obeyed() {
        for (code, expected) in [
            ("/close\n  /hold cancel\n/usr/bin\n", "/ close\n  / hold cancel\n/usr/bin\n"),
            ("bors r+", "bors, r+"),
            ("@dependabot merge\n@Override void f()", "@ dependabot merge\n@Override void f()"),
            ("x @coderabbitai: pause", "x @ coderabbitai: pause"),
            ("a [skip ci] items[skip_first]", "a [ skip ci] items[skip_first]"),
            ("git commit --skip-ci --skip-checks", "git commit - -skip-ci --skip-checks"),
            ("Signed-off-by: a", " Signed-off-by: a"),
        ] {
            assert_eq!(super::code(code), expected);
            assert_eq!(super::code(expected), expected, "again");
        }
        assert_eq!(without_stars("a ***NO_CI*** b ****no_ci*****"), "a NO_CI b no_ci**");
        assert_eq!(without_skip_words("skip-ci-fix-ci-skip-the-thing"), "fix-the-thing");
    }
}
