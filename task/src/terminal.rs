//! The *terminal* side of a run: progress on standard error, the result on standard output.
//!
//! Text of strangers is stripped of control characters before it is shown, so that it cannot steer the terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use shared::env::{self, catalog::NO_COLOR};
use similar::udiff::UnifiedHunkHeader;
use similar::{ChangeTag, group_diff_ops};

use crate::line_diff::line_diff;
use crate::path::is_hidden;
use crate::progress::Step;

/// Unchanged lines around a change, as `git diff` shows.
const DIFF_CONTEXT_LINES: usize = 3;

/// Whether escape sequences may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Always,
    Never,
}

impl Colour {
    /// What the environment asks for: a terminal, unless `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let refused = env::is_set(NO_COLOR.variable());
        if std::io::stdout().is_terminal() && !refused { Self::Always } else { Self::Never }
    }

    fn paint<'a>(self, code: &str, text: &'a str) -> Cow<'a, str> {
        match self {
            Self::Always => Cow::Owned(format!("\u{1b}[{code}m{text}\u{1b}[0m")),
            Self::Never => Cow::Borrowed(text),
        }
    }

    pub fn bold(self, text: &str) -> Cow<'_, str> {
        self.paint("1", text)
    }

    pub fn dim(self, text: &str) -> Cow<'_, str> {
        self.paint("2", text)
    }

    pub fn accent(self, text: &str) -> Cow<'_, str> {
        self.paint("36", text)
    }
}

/// Shows steps: a spinner on a terminal, else one line for each.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn on_stderr() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: None };
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(style());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar: Some(bar) }
    }

    pub fn show(&self, step: &Step) {
        let text = step.to_string();
        let text = visible(&text);
        match &self.bar {
            Some(bar) => {
                if matches!(
                    step,
                    Step::Read { .. }
                        | Step::Chosen { .. }
                        | Step::ReadingMore { .. }
                        | Step::NoMore(_)
                        | Step::Correcting { .. }
                ) {
                    bar.println(format!("  {text}"));
                }
                // The seconds are those of the step; a model that answers is one step.
                if !matches!(step, Step::Thinking { .. } | Step::Answering { .. }) {
                    bar.reset_elapsed();
                }
                bar.set_message(text.into_owned());
            }
            // Text that arrives is of use only where it can be watched.
            None if matches!(step, Step::Thinking { .. } | Step::Answering { .. }) => {}
            None => eprint_line(&text),
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What is being done, and for how long.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("the template is part of the program")
}

/// Writes a line to standard error; a closed standard error is nobody's loss.
#[expect(clippy::print_stderr, reason = "this is the terminal side")]
pub fn eprint_line(text: &str) {
    eprintln!("{}", disarmed(text));
}

/// Writes a line to standard output at once, before there is a result. If that fails, so does writing the result.
pub fn announce(line: &str) {
    if let Err(error) = print(&format!("{line}\n")) {
        tracing::debug!(%error, "the first line could not be written");
    }
}

/// Writes the result to standard output.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(disarmed(text).as_bytes())?;
    out.flush()
}

/// `text` without characters that a terminal would act on or a person cannot see; line ends and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    let bad = |c: char| is_hidden(c) && c != '\n' && c != '\t';
    if text.chars().any(bad) { Cow::Owned(text.chars().filter(|&c| !bad(c)).collect()) } else { text.into() }
}

/// Commands that the runner of GitHub Actions obeys at the start of a line of a step's output, behind `::`
/// (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>).
const WORKFLOW_COMMANDS: [&str; 17] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "internal-set-repo-path",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "set-secret",
    "stop-commands",
    "warning",
];

/// What the runners of Azure Pipelines, of `TeamCity`, and of older GitHub Actions obey anywhere in a line.
const SERVICE_MESSAGES: [&str; 3] = ["##vso[", "##teamcity[", "##["];

/// `text` as a step of CI may print it: the words of a model or of a file give no command to the runner.
fn disarmed(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| {
        let Some(command) =
            line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{1b}').strip_prefix("::")
        else {
            return false;
        };
        let name = command.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        WORKFLOW_COMMANDS.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    let lower = text.to_ascii_lowercase();
    if !SERVICE_MESSAGES.iter().any(|message| lower.contains(message)) && !text.lines().any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let start = out.len();
        out.push_str(line);
        if is_command(line) {
            let at = start + line.find("::").unwrap_or_default();
            out.insert(at + 1, ' ');
        }
        for message in SERVICE_MESSAGES {
            while let Some(at) = out[start..].to_ascii_lowercase().find(message) {
                out.insert(start + at + 1, ' ');
            }
        }
    }
    Cow::Owned(out)
}

/// A unified diff of one file, as `git diff` writes it. `None` stands for a file that is not there.
pub fn diff(old: Option<(&str, &[u8])>, new: Option<(&str, &[u8])>, colour: Colour) -> String {
    let mut out = String::new();
    let name = |side: Option<(&str, &[u8])>, prefix: &str| {
        side.map_or_else(|| "/dev/null".to_owned(), |(path, _)| format!("{prefix}/{path}"))
    };
    let heading = format!("--- {}\n+++ {}", name(old, "a"), name(new, "b"));
    for line in heading.lines() {
        writeln!(out, "{}", colour.bold(line)).expect("a String takes any text");
    }
    let before = String::from_utf8_lossy(old.map_or(&[][..], |(_, content)| content));
    let after = String::from_utf8_lossy(new.map_or(&[][..], |(_, content)| content));
    let before: Vec<&str> = before.split_inclusive('\n').collect();
    let after: Vec<&str> = after.split_inclusive('\n').collect();
    for hunk in group_diff_ops(line_diff(&before, &after), DIFF_CONTEXT_LINES) {
        let header = UnifiedHunkHeader::new(&hunk).to_string();
        writeln!(out, "{}", colour.paint("36", &header)).expect("a String takes any text");
        for change in hunk.iter().flat_map(|op| op.iter_changes(&before[..], &after[..])) {
            let (sign, code) = match change.tag() {
                ChangeTag::Delete => ('-', "31"),
                ChangeTag::Insert => ('+', "32"),
                ChangeTag::Equal => (' ', "0"),
            };
            let line = format!("{sign}{}", visible(change.value().trim_end_matches(['\n', '\r'])));
            let line = if code == "0" { line.into() } else { colour.paint(code, &line) };
            writeln!(out, "{line}").expect("a String takes any text");
            if !change.value().ends_with('\n') {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_runner_of_ci_is_given_a_command() {
        for (text, expected) in [
            ("::add-mask::x\na", ": :add-mask::x\na"),
            (" \t::Set-Output name=a::b", " \t: :Set-Output name=a::b"),
            ("+::stop-commands::t", "+::stop-commands::t"),
            ("    ::std::mem::drop(x);", "    ::std::mem::drop(x);"),
            ("a ##VSO[task.setvariable variable=a]b", "a # #VSO[task.setvariable variable=a]b"),
            ("##[group]a ##teamcity[x]", "# #[group]a # #teamcity[x]"),
            ("## Heading [x]", "## Heading [x]"),
        ] {
            assert_eq!(disarmed(text), expected, "{text}");
            assert_eq!(disarmed(expected), expected, "again");
        }
    }

    #[test]
    fn a_diff_reads_like_gits() {
        let old = Some(("a.txt", &b"one\ntwo\nthree"[..]));
        let new = Some(("a.txt", &b"one\nzwei\x1b[31m\nthree\n"[..]));
        let expected = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n\\ No newline at end of file\n+zwei[31m\n+three\n";
        assert_eq!(diff(old, new, Colour::Never), expected);
        let made = diff(None, new, Colour::Never);
        assert!(made.starts_with("--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1,3 @@\n+one\n"), "{made}");
        assert!(diff(old, None, Colour::Always).contains("\u{1b}[31m-one\u{1b}[0m"));
    }

    #[test]
    fn hides_what_a_terminal_would_act_on() {
        assert_eq!(visible("a\u{1b}]0;x\u{7}b\u{202e}c\n\td"), "a]0;xbc\n\td");
    }
}
