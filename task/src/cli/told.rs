//! How a command *tells* what came of it: on standard output its result, on standard error everything else.

use crate::outcome::{Exit, Failure};
use crate::report::Known;
use crate::run::Ended;
use crate::sweep::Swept;
use crate::terminal;

/// Prints what came of a command, in words or as JSON; a failure is told on standard error as well.
pub(super) fn give<T: serde::Serialize>(
    result: Result<T, Failure>,
    known: &Known,
    json: bool,
    words: impl Fn(&T) -> String,
) -> Exit {
    let (exit, text) = match result {
        Ok(value) if json => (Exit::Done, as_json(&value)),
        Ok(value) => (Exit::Done, words(&value)),
        Err(failure) => {
            let exit = failure.reason.exit();
            let text = if json {
                as_json(&FailureReport { outcome: "failed", failure: &failure, known })
            } else {
                String::new()
            };
            tell(&failure);
            (exit, text)
        }
    };
    match written(terminal::print(&text)) {
        Exit::Done => exit,
        unwritten => unwritten,
    }
}

/// How a command ends whose result was printed so.
pub(super) fn written(printed: std::io::Result<()>) -> Exit {
    match printed {
        Ok(()) => Exit::Done,
        // Whoever read our output has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            terminal::eprint_line(&format!("error: the result cannot be written: {error}"));
            Exit::CouldNotSolve
        }
    }
}

/// A failure as JSON; what was known by then has the names that it has in a report.
#[derive(serde::Serialize)]
struct FailureReport<'a> {
    outcome: &'static str,
    failure: &'a Failure,
    #[serde(flatten)]
    known: &'a Known,
}

pub(super) fn as_json(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a report has a JSON form");
    text.push('\n');
    // Runners of CI obey such a mark wherever it stands in a line; in JSON it can be written otherwise.
    text.replace("##", "#\\u0023")
}

/// Tells a failure, and answers how the command ends by it.
pub(super) fn tell_failed(failure: &Failure) -> Exit {
    tell(failure);
    failure.reason.exit()
}

pub(super) fn tell(failure: &Failure) {
    terminal::eprint_line(&format!("error: {}", terminal::visible(&failure.what)));
    // What to do stands apart from what takes more than a line.
    let mut apart = if failure.what.contains('\n') { "\n" } else { "" };
    let bill = failure.bill.as_ref().map_or_else(String::new, |bill| format!("Spent: {bill}."));
    for line in [&failure.next, &bill].into_iter().filter(|line| !line.is_empty()) {
        terminal::eprint_line(&format!("{apart}  {}", terminal::visible(line)));
        apart = "";
    }
}

/// Tells how a run ended, and answers how the command ends by it.
pub(super) fn tell_end(ended: &Ended) -> Exit {
    for line in end_lines(ended) {
        terminal::eprint_line(&line);
    }
    ended.exit()
}

/// What happened, and what to do. A server's own message can be in it.
fn end_lines(ended: &Ended) -> Vec<String> {
    let words = ended.words();
    let mut lines = vec![terminal::visible(&words.shown).into_owned()];
    if !words.next.is_empty() {
        lines.push(format!("  {}", words.next));
    }
    lines
}

pub(super) fn tell_swept(swept: &Swept) -> Exit {
    match swept {
        Swept::Whole => Exit::Done,
        Swept::InPart(why) => {
            terminal::eprint_line(&format!("error: {}", terminal::visible(why)));
            Exit::Passing
        }
        Swept::Lost(lost) => {
            terminal::eprint_line(&format!("error: {lost}; the next sweep goes on"));
            Exit::Terminated
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_says_what_to_do_and_nothing_that_steers_the_terminal() {
        let said = |text: &str| format!("{text}\u{202e}\u{1b}[2J");
        for (ended, lines) in [
            (Ended::Done, vec!["done"]),
            (Ended::Passing(said("no answer")), vec!["error: no answer[2J", "  Try again later."]),
            (
                Ended::Misconfigured(said("no access")),
                vec!["error: no access[2J", "  Run `ai-agent doctor` to find what to fix."],
            ),
            (
                Ended::PutOff { why: said("not now"), until: jiff::Timestamp::UNIX_EPOCH },
                vec!["error: not now[2J", "  Try again after 1970-01-01T00:00:00Z."],
            ),
        ] {
            assert_eq!(end_lines(&ended), lines, "{ended:?}");
        }
    }
}
