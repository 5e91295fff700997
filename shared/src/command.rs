//! A *command*: the first line of a comment, by which a person steers a run.
//!
//! ```text
//! /approve             carry out the plan
//! /revise FEEDBACK     write the plan again; the feedback may go on below, to the end of the comment
//! /fix FEEDBACK        change what reviewers say; the feedback may go on below, or be missing
//! /ci                  let the checks of the pull request start
//! /update              merge the base branch into the branch of the pull request
//! /retry               start a failed task again
//! /stop                cancel
//! ```
//!
//! The slash comes first on the line, but for up to three spaces: with more of them Markdown shows code. The case of
//! the word does not matter. Nothing follows it on the line but a full stop, or the feedback of `/revise`. So a
//! command is never read out of a quote, a list, code, or the middle of a sentence. What may follow on later lines is a
//! remark for people, except after these two.

/// Spaces before a command. Markdown makes code of a line with more.
const MAX_INDENT: usize = 3;

/// What separates words on a line.
const BLANKS: [char; 2] = [' ', '\t'];

/// What a comment tells the agent to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Approve,
    /// The feedback is trimmed. It may be empty: the answer to that is a question, not silence.
    Revise {
        feedback: &'a str,
    },
    /// Answers the reviews of a pull request. The feedback is trimmed; it may be empty, where the reviews say enough.
    Fix {
        feedback: &'a str,
    },
    /// Lets the checks of a pull request start that were held back.
    Ci,
    /// Merges the base branch into the branch of a pull request.
    Update,
    Retry,
    Stop,
}

impl<'a> Command<'a> {
    /// What each is called, in any order.
    pub const NAMES: [&'static str; 7] = ["approve", "revise", "fix", "ci", "update", "retry", "stop"];

    /// What it is called: what comes after the slash.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Revise { .. } => "revise",
            Self::Fix { .. } => "fix",
            Self::Ci => "ci",
            Self::Update => "update",
            Self::Retry => "retry",
            Self::Stop => "stop",
        }
    }

    /// What it says behind its word, trimmed; `None` for one that is its word alone.
    pub fn feedback(&self) -> Option<&'a str> {
        match self {
            Self::Revise { feedback } | Self::Fix { feedback } => Some(feedback),
            Self::Approve | Self::Ci | Self::Update | Self::Retry | Self::Stop => None,
        }
    }

    /// The command that a comment starts with, if it does.
    pub fn parse(comment: &'a str) -> Option<Self> {
        let text = comment.trim_start_matches(' ');
        if comment.len() - text.len() > MAX_INDENT {
            return None;
        }
        let text = text.strip_prefix('/')?;
        let (word, rest) = text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()));
        let (line, below) = rest.split_at(rest.find(['\n', '\r']).unwrap_or(rest.len()));
        let is_alone = matches!(line.trim_matches(BLANKS), "" | ".");
        match word.to_ascii_lowercase().as_str() {
            "approve" if is_alone => Some(Self::Approve),
            "ci" if is_alone => Some(Self::Ci),
            "update" if is_alone => Some(Self::Update),
            "retry" if is_alone => Some(Self::Retry),
            "stop" if is_alone => Some(Self::Stop),
            "fix" if is_alone => Some(Self::Fix { feedback: below.trim() }),
            "fix" if line.starts_with(BLANKS) => Some(Self::Fix { feedback: rest.trim() }),
            "revise" if is_alone => Some(Self::Revise { feedback: below.trim() }),
            "revise" if line.starts_with(BLANKS) => Some(Self::Revise { feedback: rest.trim() }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Command::{self, Approve, Ci, Fix, Retry, Revise, Stop, Update};

    #[test]
    fn reads_a_command_from_the_first_line_only() {
        let table: &[(&str, Option<Command<'_>>)] = &[
            ("/approve", Some(Approve)),
            ("/approve  \t", Some(Approve)),
            ("/approve\n", Some(Approve)),
            ("/approve\r\nthank you", Some(Approve)),
            ("/retry", Some(Retry)),
            ("/stop\n\nplease", Some(Stop)),
            ("/ci", Some(Ci)),
            ("/CI.\nI have read it.", Some(Ci)),
            ("/update", Some(Update)),
            (" /Update.\nThe base has moved on.", Some(Update)),
            ("/update now", None),
            ("/updated", None),
            ("/fix", Some(Fix { feedback: "" })),
            ("/Fix.\nthe names", Some(Fix { feedback: "the names" })),
            ("/fix the names\n\nand the tests", Some(Fix { feedback: "the names\n\nand the tests" })),
            ("/fixed", None),
            ("/fix-it", None),
            ("/fix, please", None),
            ("/revise", Some(Revise { feedback: "" })),
            ("/revise \r\n", Some(Revise { feedback: "" })),
            ("/revise use tokio", Some(Revise { feedback: "use tokio" })),
            ("/revise\tuse tokio", Some(Revise { feedback: "use tokio" })),
            ("/revise use tokio\n\n- and axum\n", Some(Revise { feedback: "use tokio\n\n- and axum" })),
            ("/revise\nuse tokio", Some(Revise { feedback: "use tokio" })),
            ("", None),
            ("approve", None),
            ("/", None),
            ("/Approve", Some(Approve)),
            ("/APPROVE", Some(Approve)),
            ("/approve.", Some(Approve)),
            ("/Approve. \r\nthank you", Some(Approve)),
            ("/approve .", Some(Approve)),
            (" /approve", Some(Approve)),
            ("   /Stop.", Some(Stop)),
            (" /Retry", Some(Retry)),
            ("/Revise Use tokio.", Some(Revise { feedback: "Use tokio." })),
            ("  /REVISE\tuse tokio", Some(Revise { feedback: "use tokio" })),
            ("/revise.", Some(Revise { feedback: "" })),
            ("/revise.\nUse tokio.", Some(Revise { feedback: "Use tokio." })),
            ("/revise . use tokio", Some(Revise { feedback: ". use tokio" })),
            ("/approve..", None),
            ("/approve. Thanks.", None),
            ("/approve!", None),
            ("/approve,", None),
            ("./approve", None),
            ("/ approve", None),
            ("//approve", None),
            ("/approved", None),
            ("/revise.use tokio", None),
            ("/revise, please", None),
            ("/revise1", None),
            ("/approve this", None),
            ("/approve /stop", None),
            ("/revised", None),
            ("/revise-it", None),
            ("/retry now", None),
            ("/ci now", None),
            ("/cid", None),
            ("/stopp", None),
            ("\t/approve", None),
            (" \t/approve", None),
            ("    /approve", None),
            ("\n/approve", None),
            ("\u{feff}/approve", None),
            ("/approve\u{200b}", None),
            ("/approve\u{a0}", None),
            ("/\u{430}pprove", None),
            ("/\u{212a}approve", None),
            ("\u{a0}/approve", None),
            ("> /approve", None),
            ("- /approve", None),
            ("`/approve`", None),
            ("```\n/approve\n```", None),
            ("<!-- -->/approve", None),
            ("Please /approve", None),
            ("Fine.\n/approve", None),
            ("\u{ff0f}approve", None),
        ];
        for (comment, expect) in table {
            assert_eq!(Command::parse(comment), *expect, "{comment:?}");
        }
    }

    #[test]
    fn each_command_is_called_what_is_written() {
        for name in Command::NAMES {
            let comment = format!("/{name}");
            assert_eq!(Command::parse(&comment).map(|command| command.name()), Some(name));
        }
        assert_eq!(
            Command::parse("/fix  the names ").and_then(|command| command.feedback()),
            Some("the names")
        );
        assert_eq!(Command::parse("/ci").and_then(|command| command.feedback()), None);
    }

    proptest! {
        #[test]
        fn whatever_follows_the_first_line_makes_and_breaks_no_command(
            line in " {0,5}/?(approve|Revise|Fix|retry|STOP|ci|update|[a-zA-Z]{0,8})\\.? ?",
            rest in any::<String>(),
        ) {
            let whole = format!("{line}\n{rest}");
            let expect = match Command::parse(&line) {
                Some(Revise { .. }) => Some(Revise { feedback: rest.trim() }),
                Some(Fix { .. }) => Some(Fix { feedback: rest.trim() }),
                other => other,
            };
            prop_assert_eq!(Command::parse(&whole), expect);
        }
    }
}
