//! The *file* with the repository's configuration, with rules added to its `instructions` and every other byte as it was.
//!
//! The parser tells where the text stands; what is written is put between the bytes around it. Whatever comes of that is
//! read again and compared: nothing but the instructions may differ, and they have to be what was meant.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::repo_config::{MAX_BYTES, PATH, RepoConfig, RepoConfigError};

/// Characters of the instructions, old and new: each run pays for reading them.
pub(super) const MAX_INSTRUCTIONS: usize = 8_000;
/// What a rule begins with.
const ITEM: &str = "- ";

/// Why rules cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FileError {
    #[error(transparent)]
    Unusable(#[from] RepoConfigError),
    #[error(
        "with these rules the instructions in `{PATH}` would have {0} characters, more than {MAX_INSTRUCTIONS}; shorten them"
    )]
    Full(usize),
    #[error(
        "the instructions in `{PATH}` are written in a way that cannot be added to; write them as a string of several lines"
    )]
    Unsafe,
}

/// Where the instructions stand, if there are any.
#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    instructions: Option<Spanned<String>>,
}

/// The file with the rules, each a line of its own, behind what it has.
pub(super) fn with_rules(old: &str, rules: &[&str]) -> Result<String, FileError> {
    let before = RepoConfig::parse(old.as_bytes())?;
    let found: Found =
        toml::from_str(old).map_err(|error| RepoConfigError::Invalid(error.to_string().trim().to_owned()))?;
    let has = before.instructions.clone().unwrap_or_default();
    let added: Vec<String> = rules.iter().map(|rule| format!("{ITEM}{rule}")).collect();
    let meant = joined(&has, &added);
    let count = meant.chars().count();
    if count > MAX_INSTRUCTIONS {
        return Err(FileError::Full(count));
    }
    let end = if old.contains("\r\n") { "\r\n" } else { "\n" };
    let candidates = match &found.instructions {
        None => vec![on_top(old, &meant, end)],
        Some(at) => {
            let longer =
                longer(&old[at.span()], &added, end).map(|literal| spliced(old, at.span(), &literal));
            longer.into_iter().chain([spliced(old, at.span(), &basic(&meant, end))]).collect()
        }
    };
    let is_meant = |new: &String| {
        RepoConfig::parse(new.as_bytes()).is_ok_and(|after| {
            let instructions = after.instructions.clone().unwrap_or_default().replace("\r\n", "\n");
            instructions == meant
                && RepoConfig { instructions: before.instructions.clone(), ..after } == before
        })
    };
    if candidates.iter().all(|new| new.len() > MAX_BYTES) {
        return Err(RepoConfigError::TooLarge.into());
    }
    candidates.into_iter().find(is_meant).ok_or(FileError::Unsafe)
}

/// The instructions with lines behind them, each ended.
fn joined(has: &str, added: &[String]) -> String {
    let mut text = has.replace("\r\n", "\n");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in added {
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn spliced(old: &str, at: Range<usize>, literal: &str) -> String {
    format!("{}{literal}{}", &old[..at.start], &old[at.end..])
}

/// Before everything else: behind a table's head it would belong to the table.
fn on_top(old: &str, text: &str, end: &str) -> String {
    let (mark, rest) = old.strip_prefix('\u{feff}').map_or(("", old), |rest| ("\u{feff}", rest));
    let apart = if rest.is_empty() { "" } else { end };
    format!("{mark}instructions = {}{end}{apart}{rest}", basic(text, end))
}

/// A string of several lines with lines before its closing quotes; `None` if it has one line.
fn longer(literal: &str, added: &[String], end: &str) -> Option<String> {
    let quotes =
        ["\"\"\"", "'''"].into_iter().find(|quotes| literal.starts_with(quotes) && literal.len() >= 6)?;
    let head = &literal[..literal.len() - quotes.len()];
    let escaped = |line: &String| if quotes == "'''" { line.clone() } else { escaped(line) };
    let apart = if head.ends_with('\n') { "" } else { end };
    let lines: String = added.iter().map(|line| escaped(line) + end).collect();
    Some(format!("{head}{apart}{lines}{quotes}"))
}

/// A text as a basic string of several lines.
fn basic(text: &str, end: &str) -> String {
    let lines: String =
        text.split_inclusive('\n').map(|line| escaped(line.trim_end_matches('\n')) + end).collect();
    format!("\"\"\"{end}{lines}\"\"\"")
}

/// A line as it stands in a basic string.
fn escaped(line: &str) -> String {
    use std::fmt::Write as _;
    line.chars()
        .fold(String::new(), |mut out, c| {
            match c {
                '\\' => out.push_str("\\\\"),
                '\t' => out.push('\t'),
                c if c.is_control() => {
                    write!(out, "\\u{:04X}", u32::from(c)).expect("a String takes any text");
                }
                c => out.push(c),
            }
            out
        })
        .replace("\"\"\"", "\"\"\\\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: &[&str] = &["Add a line to CHANGELOG.md.", "Paths: C:\\new, \"\"\"quoted\"\"\"."];

    fn instructions(text: &str) -> String {
        RepoConfig::parse(text.as_bytes()).unwrap().instructions.unwrap()
    }

    #[test]
    fn rules_stand_behind_what_is_there_in_every_form_of_a_string() {
        let one = &["Add a line."][..];
        for (old, new) in [
            ("", "instructions = \"\"\"\n- Add a line.\n\"\"\"\n"),
            (
                "# Ours.\nlanguage = \"German\"\n",
                "instructions = \"\"\"\n- Add a line.\n\"\"\"\n\n# Ours.\nlanguage = \"German\"\n",
            ),
            (
                "[paths]\nprotected = []\n",
                "instructions = \"\"\"\n- Add a line.\n\"\"\"\n\n[paths]\nprotected = []\n",
            ),
            (
                "instructions = \"Be brief.\" # why\n",
                "instructions = \"\"\"\nBe brief.\n- Add a line.\n\"\"\" # why\n",
            ),
            ("instructions='Be brief.'", "instructions=\"\"\"\nBe brief.\n- Add a line.\n\"\"\""),
            ("\"instructions\" = ''", "\"instructions\" = \"\"\"\n- Add a line.\n\"\"\""),
            ("x = 1\n", ""),
            (
                "instructions = \"\"\"\nBe \\\"brief\\\".\n\"\"\"\n[budget]\n",
                "instructions = \"\"\"\nBe \\\"brief\\\".\n- Add a line.\n\"\"\"\n[budget]\n",
            ),
            (
                "instructions = \"\"\"Be brief.\"\"\"\n",
                "instructions = \"\"\"Be brief.\n- Add a line.\n\"\"\"\n",
            ),
            ("instructions = '''\n\\d+\n'''\n", "instructions = '''\n\\d+\n- Add a line.\n'''\n"),
            // The end of the line is taken away there, so the whole is written again.
            (
                "instructions = \"\"\"Be \\\n   brief.\\\n\"\"\"\n",
                "instructions = \"\"\"\nBe brief.\n- Add a line.\n\"\"\"\n",
            ),
            (
                "language = \"German\"\r\ninstructions = \"\"\"\r\nBe brief.\r\n\"\"\"\r\n",
                "language = \"German\"\r\ninstructions = \"\"\"\r\nBe brief.\r\n- Add a line.\r\n\"\"\"\r\n",
            ),
        ] {
            match with_rules(old, one) {
                Ok(found) => assert_eq!(found, new, "{old}"),
                Err(FileError::Unusable(_)) => assert_eq!(new, "", "{old}"),
                Err(error) => panic!("{old}: {error}"),
            }
        }
        let text = instructions(&with_rules("instructions = '''a'''", RULES).unwrap());
        assert_eq!(text, format!("a\n- {}\n- {}\n", RULES[0], RULES[1]));
        let quoted = with_rules("instructions = '''a'''", &["Not ''' this."]).unwrap();
        assert_eq!(instructions(&quoted), "a\n- Not ''' this.\n");
    }

    #[test]
    fn a_byte_order_mark_stays_in_front() {
        let new = with_rules("\u{feff}language = \"German\"\n", &["x"]).unwrap();
        assert_eq!(new, "\u{feff}instructions = \"\"\"\n- x\n\"\"\"\n\nlanguage = \"German\"\n");
    }

    #[test]
    fn what_is_full_or_broken_is_left_alone() {
        let full = format!("instructions = \"{}\"\n", "x".repeat(MAX_INSTRUCTIONS - 5));
        assert_eq!(with_rules(&full, &["abc"]), Err(FileError::Full(MAX_INSTRUCTIONS + 2)));
        assert!(matches!(with_rules("instructions = 3\n", &["x"]), Err(FileError::Unusable(_))));
        assert!(matches!(with_rules("instructions = \"", &["x"]), Err(FileError::Unusable(_))));
        let long = format!("# {}\n", "x".repeat(MAX_BYTES - 10));
        assert_eq!(with_rules(&long, &["x"]), Err(FileError::Unusable(RepoConfigError::TooLarge)));
    }

    /// How a person could have written the instructions.
    fn written(form: usize, text: &str) -> String {
        let line = text.replace('\n', " ");
        match form {
            0 => format!("{line:?}").replace("\\'", "'"),
            1 if !line.contains('\'') => format!("'{line}'"),
            2 if !text.contains("''") && !text.ends_with('\'') => format!("'''\n{text}'''"),
            _ => basic(text, "\n"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn everything_else_stays_byte_for_byte(
            text in "[ -~äß\n]{0,60}", rule in "[ -~äß]{1,40}", form in 0_usize..4,
            before in "(# [a-z \\[\\]=\"']{0,20}\n|language = \"German\"\n\n?){0,1}",
            behind in "( # [a-z=\\[\"]{0,12})?", after in "(\n\\[paths\\]\nallowed = \\['x'\\]\n# [ -~]{0,20}){0,1}",
        ) {
            let literal = written(form, &text);
            let old = format!("{before}instructions = {literal}{behind}\n{after}");
            prop_assume!(RepoConfig::parse(old.as_bytes()).is_ok());
            let has = instructions(&old);
            let new = with_rules(&old, &[rule.as_str()]).unwrap();
            let (head, tail) = (format!("{before}instructions = "), format!("{behind}\n{after}"));
            prop_assert!(new.starts_with(&head) && new.ends_with(&tail), "{old}\n----\n{new}");
            prop_assert_eq!(instructions(&new), joined(&has, &[format!("- {rule}")]));
        }

        #[test]
        fn without_instructions_the_whole_file_stays(
            file in "(# [ -~]{0,20}\n|repair = true\n|\n){0,1}(\\[budget\\]\nmax-tokens = 5 # x\n){0,1}", rule in "[ -~äß]{1,40}",
        ) {
            prop_assume!(RepoConfig::parse(file.as_bytes()).is_ok());
            let new = with_rules(&file, &[rule.as_str()]).unwrap();
            prop_assert!(new.ends_with(&file));
            prop_assert_eq!(instructions(&new), format!("- {rule}\n"));
        }
    }
}
