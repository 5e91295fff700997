//! A *command*: the first line of a comment, by which a person steers a run.
//!
//! ```text
//! /approve             carry out the plan
//! /revise FEEDBACK     write the plan again; the feedback may go on below, to the end of the comment
//! /retry               start a failed task again
//! /stop                cancel
//! ```
//!
//! The slash is the first character of the comment, the word is in small letters, and nothing follows it on the
//! line but the feedback of `/revise`. So a command is never read out of a quote, a list, code, or the middle of a
//! sentence. What may follow on later lines is a remark for people, except after `/revise`.

/// What a comment tells the agent to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Approve,
    /// The feedback is trimmed. It may be empty: the answer to that is a question, not silence.
    Revise {
        feedback: &'a str,
    },
    Retry,
    Stop,
}

impl<'a> Command<'a> {
    /// The command that a comment starts with, if it does.
    pub fn parse(comment: &'a str) -> Option<Self> {
        let end = comment.find(['\n', '\r']).unwrap_or(comment.len());
        match comment[..end].trim_end_matches([' ', '\t']) {
            "/approve" => Some(Self::Approve),
            "/retry" => Some(Self::Retry),
            "/stop" => Some(Self::Stop),
            line => {
                let rest = line.strip_prefix("/revise")?;
                if !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
                    return None;
                }
                Some(Self::Revise { feedback: comment["/revise".len()..].trim() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Command::{self, Approve, Retry, Revise, Stop};

    #[test]
    fn reads_a_command_from_the_first_line_only() {
        let table: &[(&str, Option<Command<'_>>)] = &[
            ("/approve", Some(Approve)),
            ("/approve  \t", Some(Approve)),
            ("/approve\n", Some(Approve)),
            ("/approve\r\nthank you", Some(Approve)),
            ("/retry", Some(Retry)),
            ("/stop\n\nplease", Some(Stop)),
            ("/revise", Some(Revise { feedback: "" })),
            ("/revise \r\n", Some(Revise { feedback: "" })),
            ("/revise use tokio", Some(Revise { feedback: "use tokio" })),
            ("/revise\tuse tokio", Some(Revise { feedback: "use tokio" })),
            ("/revise use tokio\n\n- and axum\n", Some(Revise { feedback: "use tokio\n\n- and axum" })),
            ("/revise\nuse tokio", Some(Revise { feedback: "use tokio" })),
            ("", None),
            ("approve", None),
            ("/", None),
            ("/Approve", None),
            ("/APPROVE", None),
            ("/approved", None),
            ("/approve this", None),
            ("/approve /stop", None),
            ("/approve.", None),
            ("/revised", None),
            ("/revise-it", None),
            ("/retry now", None),
            ("/stopp", None),
            (" /approve", None),
            ("\t/approve", None),
            ("    /approve", None),
            ("\n/approve", None),
            ("\u{feff}/approve", None),
            ("/approve\u{200b}", None),
            ("/approve\u{a0}", None),
            ("/\u{430}pprove", None),
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

    proptest! {
        #[test]
        fn whatever_follows_the_first_line_makes_and_breaks_no_command(line in "/?[a-z]{0,8} ?", rest in any::<String>()) {
            let whole = format!("{line}\n{rest}");
            let expect = match Command::parse(&line) {
                Some(Revise { .. }) => Some(Revise { feedback: whole["/revise".len()..].trim() }),
                other => other,
            };
            prop_assert_eq!(Command::parse(&whole), expect);
        }
    }
}
