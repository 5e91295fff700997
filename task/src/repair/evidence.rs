//! The *evidence* of a failure: what its checks say, as one text of bounded length, annotations first.
//!
//! It is text of others: of programs that run what the change says, of whatever those depend on, of any App. It goes into a
//! fence, and decides nothing but what the model reads.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use shared::hex;

use crate::context::tokens;

/// Tokens of all evidence.
pub(crate) const MAX_TOKENS: u32 = 8_000;
/// Annotations of one check that are shown.
const MAX_ANNOTATIONS: usize = 30;
/// Characters of one.
const MAX_ANNOTATION: usize = 1_500;
/// Characters of what a check says of itself.
const MAX_OUTPUT: usize = 4_000;
/// Characters of a name.
const MAX_NAME: usize = 100;
/// Hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;
/// The last annotation of any step of Actions that failed, which says no more than that.
const SAYS_NOTHING: &str = "Process completed with exit code";

/// What one check says. All of it is clean: nothing that a person would not see, and no secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failed {
    pub(crate) name: String,
    /// The gravest first.
    pub(crate) annotations: Vec<Said>,
    /// What the check says of itself.
    pub(crate) output: String,
    /// The names of the steps that failed.
    pub(crate) steps: Vec<String>,
    /// The last lines of their log.
    pub(crate) log: Vec<String>,
}

/// What is said of a place.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// `path:line`, or the path alone.
    pub(crate) place: String,
    pub(crate) text: String,
}

impl Failed {
    /// Whether it says anything but that it failed.
    pub(crate) fn says_nothing(&self) -> bool {
        self.telling().next().is_none() && self.output.trim().is_empty() && self.log.is_empty()
    }

    fn telling(&self) -> impl Iterator<Item = &Said> {
        self.annotations.iter().filter(|said| !said.text.contains(SAYS_NOTHING))
    }

    /// By this the same failure is known again: the check, and the first line that tells an error, without its numbers.
    pub(crate) fn fingerprint(&self) -> String {
        let annotated =
            self.telling().find_map(|said| said.text.lines().find(|line| !line.trim().is_empty()));
        let logged = || self.log.iter().find(|line| is_error(line)).or(self.log.last()).map(String::as_str);
        let of_output = || self.output.lines().find(|line| !line.trim().is_empty());
        let line = annotated.or_else(logged).or_else(of_output).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(&self.name);
        hash.update([0]);
        hash.update(without_numbers(line));
        let mut text = hex::text(&hash.finalize());
        text.truncate(DIGITS);
        text
    }

    /// Everything but the log.
    fn head(&self) -> String {
        let mut text = format!("Check \"{}\" failed.\n", start(&self.name, MAX_NAME));
        let told: Vec<&Said> = self.telling().collect();
        if !told.is_empty() {
            text.push_str("Annotations:\n");
            for said in told.iter().take(MAX_ANNOTATIONS) {
                let Said { place, text: words } = said;
                writeln!(text, "{place}: {}", start(words.trim(), MAX_ANNOTATION))
                    .expect("a String takes any text");
            }
            if let Some(more) = told.len().checked_sub(MAX_ANNOTATIONS).filter(|more| *more > 0) {
                writeln!(text, "(… {more} more)").expect("a String takes any text");
            }
        }
        if !self.output.trim().is_empty() {
            writeln!(text, "It says:\n{}", start(self.output.trim(), MAX_OUTPUT))
                .expect("a String takes any text");
        }
        text
    }
}

/// Whether a line of a log tells an error.
fn is_error(line: &str) -> bool {
    const WORDS: [&str; 8] =
        ["error", "fail", "panic", "exception", "assert", "fatal", "undefined", "not found"];
    // The runner's own groups repeat the command.
    if line.contains(SAYS_NOTHING) || line.starts_with("group: ") {
        return false;
    }
    let line = line.to_ascii_lowercase();
    WORDS.iter().any(|word| line.contains(word))
}

/// Numbers differ from run to run: lines, times, ports, addresses.
fn without_numbers(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.trim().chars() {
        let digit = c.is_ascii_digit();
        if !(digit && text.ends_with('0')) {
            text.push(if digit { '0' } else { c });
        }
    }
    text
}

/// At most so many characters.
fn start(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// The text for the model, of at most so many tokens: of every check what it says, then the last lines of each log.
pub(crate) fn compose(failed: &[Failed], most: u32) -> String {
    let heads: Vec<String> = failed.iter().map(|failed| within(&failed.head(), most / 2)).collect();
    let taken: u32 = heads.iter().map(|head| tokens::estimate(head)).sum();
    let logs = failed.iter().filter(|failed| !failed.log.is_empty()).count();
    let mut left = most.saturating_sub(taken);
    let mut to_come = u32::try_from(logs).unwrap_or(u32::MAX);
    let mut text = String::new();
    for (failed, head) in failed.iter().zip(heads) {
        if tokens::estimate(&text).saturating_add(tokens::estimate(&head)) > most {
            break;
        }
        text.push_str(&head);
        if failed.log.is_empty() {
            text.push('\n');
            continue;
        }
        let part = last_lines(failed, left / to_come.max(1));
        left = left.saturating_sub(tokens::estimate(&part));
        to_come = to_come.saturating_sub(1);
        text.push_str(&part);
        text.push('\n');
    }
    text
}

/// The last lines of a log that there is room for.
fn last_lines(failed: &Failed, room: u32) -> String {
    let steps: Vec<String> =
        failed.steps.iter().map(|step| format!("\"{}\"", start(step, MAX_NAME))).collect();
    let of = if steps.is_empty() { String::new() } else { format!(" of {}", steps.join(", ")) };
    let head = format!("Log{of}, the last lines:\n");
    let mut room = room.saturating_sub(tokens::estimate(&head));
    let mut kept = Vec::new();
    for line in failed.log.iter().rev() {
        let cost = tokens::estimate(line) + 1;
        let Some(left) = room.checked_sub(cost) else { break };
        room = left;
        kept.push(line.as_str());
    }
    if kept.is_empty() {
        return String::new();
    }
    kept.reverse();
    format!("{head}{}\n", kept.join("\n"))
}

/// The first lines of a text that there is room for.
pub(crate) fn within(text: &str, most: u32) -> String {
    let mut room = most;
    let mut kept = String::new();
    for line in text.lines() {
        let Some(left) = room.checked_sub(tokens::estimate(line) + 1) else {
            if room > 1 {
                kept.push_str("(…)\n");
            }
            break;
        };
        room = left;
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(name: &str, annotations: &[(&str, &str)], log: &[&str]) -> Failed {
        let said =
            |(place, text): &(&str, &str)| Said { place: (*place).to_owned(), text: (*text).to_owned() };
        Failed {
            name: name.to_owned(),
            annotations: annotations.iter().map(said).collect(),
            output: String::new(),
            steps: if log.is_empty() { Vec::new() } else { vec!["Run tests".to_owned()] },
            log: log.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn annotations_come_first_and_what_says_nothing_is_left_out() {
        let build = failed(
            "build",
            &[("src/a.rs:3", "mismatched types"), (".github:1", "Process completed with exit code 1.")],
            &["group: Run cargo test", "error[E0308]: mismatched types"],
        );
        assert_eq!(
            compose(&[build.clone(), failed("lint", &[], &[])], MAX_TOKENS),
            "Check \"build\" failed.\nAnnotations:\nsrc/a.rs:3: mismatched types\nLog of \"Run tests\", the last lines:\n\
             group: Run cargo test\nerror[E0308]: mismatched types\n\nCheck \"lint\" failed.\n\n"
        );
        assert!(!build.says_nothing());
        assert!(failed("x", &[(".github:1", "Process completed with exit code 1.")], &[]).says_nothing());
        assert!(failed("x", &[], &[]).says_nothing());
    }

    #[test]
    fn a_thousand_annotations_and_logs_of_any_length_stay_within_the_tokens() {
        let long: Vec<String> = (0..20_000).map(|number| format!("step {number}: error in module")).collect();
        let lines: Vec<&str> = long.iter().map(String::as_str).collect();
        let many: Vec<(&str, &str)> =
            vec![("a/very/long/path/of/a/file.rs:1", "something is wrong here"); 1_000];
        let all = [failed("one", &many, &lines), failed("two", &[], &lines), failed("three", &[], &lines)];
        for most in [200, 1_000, MAX_TOKENS] {
            let text = compose(&all, most);
            assert!(tokens::estimate(&text) <= most + 20, "{most}: {}", tokens::estimate(&text));
        }
        let text = compose(&all, MAX_TOKENS);
        assert_eq!(text.matches("step 19999: ").count(), 3, "each log has its end");
        assert!(text.contains("(… 970 more)"), "{text}");
    }

    #[test]
    fn the_same_failure_has_the_same_fingerprint_and_another_one_another() {
        let of = |annotations: &[(&str, &str)], log: &[&str]| failed("build", annotations, log).fingerprint();
        let first = of(&[], &["ok 1", "test a::b failed in 12.5 s at 127.0.0.1:8080", "done"]);
        assert_eq!(first.len(), DIGITS);
        assert_eq!(first, of(&[], &["ok 22", "test a::b failed in 9.75 s at 127.0.0.1:65001"]));
        assert_ne!(first, of(&[], &["test a::c failed in 12.5 s at 127.0.0.1:8080"]));
        assert_ne!(
            first,
            failed("lint", &[], &["test a::b failed in 1.5 s at 127.0.0.1:8080"]).fingerprint()
        );
        // Annotations decide where there are some that tell anything.
        let annotated = of(&[("a:1", "x is not defined\nat 3")], &["error: something else 1"]);
        assert_eq!(annotated, of(&[("b:9", "x is not defined\nat 4")], &["error: another 2"]));
        let empty = (".github:1", "Process completed with exit code 101.");
        assert_eq!(of(&[empty], &["error: b"]), of(&[], &["error: b"]));
    }
}
