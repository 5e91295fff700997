//! A *reply* is what the model wrote: directives for us, prose for people, and edits (see [`crate::protocol::edits`]).
//!
//! Directives stand at the start of a line, outside fenced blocks and SEARCH/REPLACE blocks:
//!
//! ```text
//! TITLE: title of the pull request
//! SUMMARY:
//! Markdown, until the next directive or the first edit
//! READ: path/of/a/file
//! CANNOT: reason
//! ```

use crate::path::RepoPath;

/// Characters of a title that are kept: what fits a commit's subject line and a list of pull requests.
const MAX_TITLE_CHARS: usize = 72;
/// Characters of a summary or reason that are kept.
const MAX_TEXT_CHARS: usize = 8_000;

/// The directives of a reply. Edits are parsed from the same text by [`crate::protocol::edits::parse`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub title: Option<String>,
    pub summary: Option<String>,
    /// Files that the model asks for, as it wrote them, in order, without repeats.
    pub reads: Vec<String>,
    /// Why the model declines.
    pub cannot: Option<String>,
}

/// Reads the directives; anything else is left alone.
pub fn parse(text: &str) -> Reply {
    let mut reply = Reply::default();
    let mut summary: Option<String> = None;
    let mut lines = Outside::default();
    let mut open = false;
    let all: Vec<&str> = text.lines().collect();
    for (at, line) in all.iter().enumerate() {
        let outside = lines.is_outside(line);
        if !outside {
            // A fenced block inside a summary belongs to it, unless it holds an edit.
            if open {
                if lines.in_edit || starts_edit(&all[at..]) {
                    open = false;
                } else if let Some(summary) = &mut summary {
                    summary.push_str(line);
                    summary.push('\n');
                }
            }
            continue;
        }
        match directive(line) {
            Some(("TITLE", rest)) => {
                open = false;
                if reply.title.is_none() && !rest.is_empty() {
                    reply.title = Some(clip(unquoted(rest), MAX_TITLE_CHARS));
                }
            }
            Some(("SUMMARY", rest)) => {
                open = summary.is_none();
                if open {
                    summary = Some(if rest.is_empty() { String::new() } else { format!("{rest}\n") });
                }
            }
            Some(("READ", rest)) => {
                open = false;
                let path = rest.trim_matches(['"', '`', '*', ' ']).trim_start_matches("./").to_owned();
                if !path.is_empty() && !reply.reads.contains(&path) {
                    reply.reads.push(path);
                }
            }
            Some(("CANNOT", rest)) => {
                open = false;
                if reply.cannot.is_none() {
                    reply.cannot = Some(clip(rest, MAX_TEXT_CHARS));
                }
            }
            Some(_) => open = false,
            None if open && names_a_file(line, all.get(at + 1).copied()) => open = false,
            None => {
                if open && let Some(summary) = &mut summary {
                    summary.push_str(line);
                    summary.push('\n');
                }
            }
        }
    }
    reply.summary = summary.map(|text| clip(text.trim(), MAX_TEXT_CHARS)).filter(|text| !text.is_empty());
    reply
}

/// Tells lines of prose from lines inside fences and SEARCH/REPLACE blocks.
#[derive(Default)]
struct Outside {
    /// Character and length of the open fence.
    fence: Option<(char, usize)>,
    in_edit: bool,
}

impl Outside {
    fn is_outside(&mut self, line: &str) -> bool {
        if self.in_edit {
            self.in_edit = !is_marker(line, '>');
            return false;
        }
        if is_marker(line, '<') {
            self.in_edit = true;
            return false;
        }
        let trimmed = line.trim_start();
        let run = |c: char| trimmed.chars().take_while(|&found| found == c).count();
        if let Some((c, length)) = self.fence {
            if run(c) >= length && trimmed.trim_end().chars().all(|found| found == c) {
                self.fence = None;
            }
            return false;
        }
        self.fence = ['`', '~'].into_iter().find(|&c| run(c) >= 3).map(|c| (c, run(c)));
        self.fence.is_none()
    }
}

fn is_marker(line: &str, c: char) -> bool {
    let run = line.chars().take_while(|&found| found == c).count();
    let rest = line[run..].trim();
    (5..=9).contains(&run) && (rest.is_empty() || rest == "SEARCH" || rest == "REPLACE")
}

fn starts_edit(rest: &[&str]) -> bool {
    rest.iter().take(3).skip(1).any(|line| is_marker(line, '<'))
}

/// Whether a line is the file name above a SEARCH marker or a fence that holds one.
fn names_a_file(line: &str, next: Option<&str>) -> bool {
    let name = line.trim().trim_matches(['`', '*', ':', '#', ' ']);
    next.is_some_and(|next| is_marker(next, '<') || next.trim_start().starts_with("```"))
        && !name.contains(' ')
        && RepoPath::parse(name).is_ok()
        && name.contains(['.', '/'])
}

fn directive(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_end().trim_start_matches('*');
    let (word, rest) = line.split_once(':')?;
    let word = word.trim_end_matches('*');
    let known = ["TITLE", "SUMMARY", "READ", "CANNOT", "DELETE", "RENAME", "WRITE"];
    let known = known.into_iter().find(|known| *known == word)?;
    Some((known, rest.trim_start_matches('*').trim()))
}

/// Without quotation marks or bold type around the whole; a name in back ticks within stays as it is.
fn unquoted(text: &str) -> &str {
    for mark in ["**", "\"", "`"] {
        if let Some(inner) = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark))
            && !inner.contains(mark)
        {
            return inner;
        }
    }
    text
}

fn clip(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max - 1).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDIT: &str = "<<<<<<< SEARCH\nTITLE: not me\n=======\nREAD: nor me\n>>>>>>> REPLACE\n";

    fn check(text: &str, title: Option<&str>, summary: Option<&str>, reads: &[&str], cannot: Option<&str>) {
        let expected = Reply {
            title: title.map(str::to_owned),
            summary: summary.map(str::to_owned),
            reads: reads.iter().map(|&path| path.to_owned()).collect(),
            cannot: cannot.map(str::to_owned),
        };
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn finds_directives_outside_blocks_only() {
        check("", None, None, &[], None);
        check("just prose: with a colon", None, None, &[], None);
        check(
            "TITLE: Fix it\nSUMMARY:\nWhat.\n\nWhy.\n\nsrc/a.rs\n",
            Some("Fix it"),
            Some("What.\n\nWhy.\n\nsrc/a.rs"),
            &[],
            None,
        );
        check(
            &format!("TITLE: Fix it\nSUMMARY: What.\nsrc/a.rs\n{EDIT}"),
            Some("Fix it"),
            Some("What."),
            &[],
            None,
        );
        check(
            &format!("SUMMARY:\nWhat.\n\nsrc/a.rs\n```rust\n{EDIT}```\nREAD: b.rs\n"),
            None,
            Some("What."),
            &["b.rs"],
            None,
        );
        check("READ: a.rs\nREAD: `b/c.rs`\nREAD: a.rs\n", None, None, &["a.rs", "b/c.rs"], None);
        check("```\nREAD: a.rs\n```\nCANNOT: too vague", None, None, &[], Some("too vague"));
        check(
            "**TITLE:** Bold\n**SUMMARY:**\ntext\n```sh\nrun me\n```\nend",
            Some("Bold"),
            Some("text\n```sh\nrun me\n```\nend"),
            &[],
            None,
        );
        check("TITLE: `a` and `b`", Some("`a` and `b`"), None, &[], None);
        check("TITLE: \"quoted\"", Some("quoted"), None, &[], None);
        check("TITLE: one\nTITLE: two", Some("one"), None, &[], None);
    }

    #[test]
    fn clips_what_is_too_long() {
        let long = parse(&format!("TITLE: {}", "a ".repeat(100))).title.unwrap();
        assert_eq!(long.chars().count(), 72);
        assert!(long.ends_with('…'));
    }
}
