//! The *top* of a description: lines of ours that say what a reviewer has to know first. A later commit can make them untrue, so
//! each is found again and written once more. What people wrote around them stays.

use crate::check::{ALLOWED, EXECUTED};
use crate::record::comment::LET_GO;

/// How a line begins that says what a reviewer should look at first.
pub(super) const FIRST: &str = "> **Look at this first:** ";
/// How the line begins that says why checks are held back.
const HELD: &str = "> **Checks are held back**: ";

/// The description of a change whose checks are held back.
pub fn holding(body: &str, why: &str) -> String {
    format!("{}\n\n{body}", hold(why))
}

fn hold(why: &str) -> String {
    format!("{HELD}{why}. {LET_GO}")
}

/// The description without the line that says so; `None` if it has none.
pub fn released(body: &str) -> Option<String> {
    taken(body, HELD).map(|(_, rest)| rest)
}

/// The description as it has to be after a commit; `None` where it is right. `held` is why checks are held back; what is said
/// of that already stays. `executed` is what [`crate::check::executed`] says of all files of the change; `None` where they are not
/// known, and what is said of them stays.
pub fn rewritten(body: &str, held: Option<&str>, executed: Option<&[String]>) -> Option<String> {
    let (mut rest, mut before, mut after) = (body.to_owned(), Vec::new(), Vec::new());
    for kind in [HELD.to_owned(), format!("{FIRST}{EXECUTED}"), format!("{FIRST}{ALLOWED}")] {
        let line = taken(&rest, &kind).map(|(line, without)| {
            rest = without;
            line
        });
        let right = match executed {
            _ if kind == HELD => held.map(|why| line.clone().unwrap_or_else(|| hold(why))),
            Some(all) => all.iter().map(|one| format!("{FIRST}{one}")).find(|one| one.starts_with(&kind)),
            None => line.clone(),
        };
        before.extend(line);
        after.extend(right);
    }
    (before != after).then(|| after.iter().flat_map(|line| [line, "\n\n"]).chain([rest.as_str()]).collect())
}

/// The first line that begins so, and the text without it and the blank line below.
fn taken(text: &str, begin: &str) -> Option<(String, String)> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if line.starts_with(begin) {
            let rest = &text[end..];
            // What was edited in a browser has the line ends of Windows.
            let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
            return Some((line.trim_end().to_owned(), format!("{}{rest}", &text[..at])));
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "It adds x.\n\nFixes #1";

    fn run(names: &str) -> String {
        format!("{EXECUTED}{names}.")
    }

    #[test]
    fn what_holds_checks_back_is_taken_out_without_a_trace() {
        let held = holding(BODY, "nobody knows why");
        assert_eq!(
            held,
            "> **Checks are held back**: nobody knows why. Read the change, then comment `/ci` on the pull request to start them. \
             Only people with write access can, because CI then runs the change with its secrets.\n\nIt adds x.\n\nFixes #1"
        );
        assert_eq!(released(&held).as_deref(), Some(BODY));
        assert_eq!(released(&held.replace('\n', "\r\n")), Some(BODY.replace('\n', "\r\n")));
        assert_eq!(released(BODY), None);
    }

    #[test]
    fn lines_of_ours_follow_the_change_and_what_people_wrote_stays() {
        let named = format!("{FIRST}{}\n\n{BODY}", run("`Makefile`"));
        let both = [run("`Makefile`, `build.rs`")];
        let widened = rewritten(&named, None, Some(&both)).unwrap();
        assert_eq!(widened, format!("{FIRST}{}\n\n{BODY}", both[0]));
        assert_eq!(rewritten(&widened, None, Some(&both)), None, "nothing to do twice");
        assert_eq!(
            rewritten(&widened, None, Some(&[])).as_deref(),
            Some(BODY),
            "a change that was taken back"
        );
        assert_eq!(rewritten(BODY, None, Some(&both)), Some(widened.clone()));
        assert_eq!(rewritten(&widened, None, None), None, "too many files to know");

        let edited = format!("Read the wiki.\r\n\r\n{widened}\r\n\r\n> **Look at this first:** the wiki.");
        let now = rewritten(&edited, None, Some(&[run("`build.rs`")])).unwrap();
        let kept = format!("Read the wiki.\r\n\r\n{BODY}\r\n\r\n> **Look at this first:** the wiki.");
        assert_eq!(now, format!("{FIRST}{}\n\n{kept}", run("`build.rs`")));
    }

    #[test]
    fn a_hold_is_named_above_all_else_with_the_reason_that_came_first() {
        let named = format!("{FIRST}{}\n\n{BODY}", run("`Makefile`"));
        let all = [run("`Makefile`"), format!("{ALLOWED}`a` (why).")];
        let held = rewritten(&named, Some("why"), Some(&all)).unwrap();
        let top: Vec<&str> = held.lines().filter(|line| line.starts_with("> ")).collect();
        let expected = [hold("why"), format!("{FIRST}{}", all[0]), format!("{FIRST}{}", all[1])];
        assert_eq!(top, expected, "{held}");
        assert_eq!(rewritten(&held, Some("another reason"), Some(&all)), None);
        assert_eq!(rewritten(&held, None, Some(&all[..1])), Some(named));
    }
}
