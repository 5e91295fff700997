//! The *comments* that a run writes on an issue or pull request, as pure functions. Markers are added by who posts.

mod checks;
mod refused;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use shared::issue::PullRequestNumber;
use shared::mode::{Mode, RETRY};

use crate::bill::Bill;
use crate::outbound::{Outbound, markup};
use crate::outcome::{Failure, Reason};
use crate::path::RepoPath;
use crate::plan::Moved;
use crate::record::status::{Phase, Status};

pub use checks::{
    CHECKED_AGAIN, REPAIRED_OUTSIDE_PLAN, Red, checks_failed, left_off, not_needed, passed, released,
    repaired, stuck,
};
pub use refused::{
    EDITED, RESTRICTED, moved, no_component, no_login, no_repository, not_allowed, not_by_asker,
    two_repositories, without_issue,
};

/// What stands before each earlier plan that is folded below the newest.
const FOLD: &str = "\n\n<details><summary>The plan before</summary>\n\n";
const FOLD_END: &str = "\n\n</details>";
/// How options of the command line and the agent's settings begin.
const SETTINGS: [&str; 5] = ["`--", "AGENT_", "ANTHROPIC_", "OPENAI_", "OLLAMA_"];
/// What to do about a limit.
const SMALLER: &str = "Make the issue smaller, or ask the agent's operator to raise the limit.";
/// What stands between a plan and the words about it.
const RULE: &str = "\n\n---\nCarrying it out costs ";
/// Characters of a comment with a plan, so that its marker fits behind it.
const MAX_PLAN_COMMENT: usize = 50_000;

/// Which turn of the conversation a task is: it decides what a person does to have it tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn(&'static str);

impl Turn {
    /// Work on the issue is begun again, whatever the task was.
    pub const START: Self = Self(RETRY);

    pub fn of(mode: Mode) -> Self {
        Self(mode.kind().again())
    }

    /// Once the commit of the task is on the branch.
    pub fn after_commit(mode: Mode) -> Self {
        Self(mode.kind().again_after_commit())
    }

    fn again(self) -> &'static str {
        self.0
    }
}

/// Words for the status comment while a run goes on: what is done, what is being done.
pub fn working(user: &str, done: &[String], now: &str) -> String {
    let mut text = format!("**Working on it**, as @{user} asked.\n\n");
    for step in done {
        writeln!(text, "- [x] {step}").expect("a String takes any text");
    }
    write!(text, "- [ ] {now}\n\nComment `/stop` to cancel.").expect("a String takes any text");
    text
}

/// The same for a repair, which nobody asked for.
pub fn repairing(done: &[String], now: &str) -> String {
    let mut text = "**Repairing** the change, whose checks fail.\n\n".to_owned();
    for step in done {
        writeln!(text, "- [x] {step}").expect("a String takes any text");
    }
    write!(text, "- [ ] {now}\n\nComment `/stop` to cancel.").expect("a String takes any text");
    text
}

/// What is left of a comment that a second run of the same task made.
pub const WITHDRAWN: &str = "Another run of the same task had begun before this one, and tells how it goes.";

/// What a run made on a pull request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links<'a> {
    pub commit: Option<&'a str>,
    /// The id of a comment in its conversation.
    pub comment: Option<u64>,
    /// The ids of the first comments of threads.
    pub threads: &'a [u64],
}

/// A pull request, with links to what it changes and to what a run made there. The paths are of the host that shows the comment.
pub fn linked(repository: &str, pull_request: PullRequestNumber, links: Links<'_>) -> String {
    let page = format!("/{repository}/pull/{pull_request}");
    let mut shown = vec![format!("[diff]({page}/files)")];
    shown.extend(links.commit.map(|commit| format!("[commit](/{repository}/commit/{commit})")));
    shown.extend(links.comment.map(|id| format!("[comment]({page}#issuecomment-{id})")));
    let threads = links.threads.iter().zip(1..);
    shown.extend(threads.map(|(first, number)| format!("[thread {number}]({page}#discussion_r{first})")));
    format!("#{pull_request} ({})", shown.join(", "))
}

/// A pull request with a plan, and a link to the comment that holds it.
pub fn with_plan(repository: &str, pull_request: PullRequestNumber, comment: u64) -> String {
    format!("#{pull_request} ([plan](/{repository}/pull/{pull_request}#issuecomment-{comment}))")
}

/// The last words on an issue about a task that is about a pull request; `link` is that one.
pub fn about(link: &str, text: &str) -> String {
    format!("On {link}: {text}")
}

/// The text, with what an operator needs to find the run in the log once it has ended.
pub(crate) fn with_log_id(text: &str, status: &Status) -> String {
    match status.phase {
        Phase::Working => text.to_owned(),
        Phase::Waiting | Phase::Ended => format!("{text}\n\nTask `{}` in the agent's log.", status.task),
    }
}

/// A comment that has passed the gate, with a link to the page that says what people can write. The address is the
/// operator's.
pub(crate) fn with_help(text: &Outbound, url: &str) -> String {
    format!("{text} [Labels and commands]({url})")
}

/// The result of a run that opened or updated a pull request.
pub fn done(pull_request: &str, bill: &str, missing: &[String]) -> String {
    let what = format!("**Done**: {pull_request} is ready for review.");
    let next = "Not what you meant? Close the pull request, say more on this issue, and comment `/retry`.";
    paragraphs([what, list_of(missing), bill.to_owned(), next.to_owned()])
}

/// The result of a run whose change is in a draft, and why it is one.
pub fn drafted(pull_request: &str, why: &str, bill: &str, missing: &[String]) -> String {
    let what = format!("**Done**: {pull_request} is open as a draft. {why}");
    let next = "Not what you meant? Close the pull request, say more on this issue, and comment `/retry`.";
    paragraphs([what, list_of(missing), bill.to_owned(), next.to_owned()])
}

/// What starts checks that are held back, and who may.
pub const LET_GO: &str = "Read the change, then comment `/ci` on the pull request to start them. Only people with write access can, \
                          because CI then runs the change with its secrets.";

/// Why a draft is one whose checks are held back.
pub fn held(why: &str) -> String {
    format!("Its checks are held back: {why}. {LET_GO}")
}

/// The same for a commit on top of what is there.
pub fn held_on_top(why: &str) -> String {
    format!("The checks of this commit are held back: {why}. {LET_GO}")
}

/// Why a draft is one whose checks are not through.
pub const UNCHECKED: &str =
    "It becomes ready for review once its checks are green. If none starts, mark it as ready yourself.";

/// Why a draft is one whose checks may be through.
pub const OUTSIDE_PLAN: &str = "It changes files that the approved plan does not name, so it stays a draft until you mark it as ready yourself.";

/// The end of a run that leaves a draft, because it changes files that the approved plan does not name.
pub fn done_outside_plan(
    pull_request: &str,
    unplanned: &[RepoPath],
    bill: &str,
    missing: &[String],
) -> String {
    let what = format!("**Done, and left as a draft**: {pull_request}.");
    let why = format!(
        "It changes files that the approved plan does not name: {}. Look at these first, and mark the pull request as ready if \
         they belong to the change.",
        listed(unplanned)
    );
    let next = "Not what you meant? Close the pull request, say more on this issue, and comment `/retry`.";
    paragraphs([what, why, list_of(missing), bill.to_owned(), next.to_owned()])
}

/// Names of files, the first ones of many.
pub fn listed(paths: &[RepoPath]) -> String {
    const MOST: usize = 10;
    let names = paths.iter().take(MOST).map(|path| markup::code_span(path.as_str()));
    let mut text = names.collect::<Vec<_>>().join(", ");
    if let Some(more) = paths.len().checked_sub(MOST).filter(|more| *more > 0) {
        write!(text, " and {more} more").expect("a String takes any text");
    }
    text
}

/// The result of a run that found what the issue asks for in the repository. `quotes` are items of a list.
pub fn already(why: &str, quotes: &[String], closed: Option<&str>, bill: &str) -> String {
    let what = "**Nothing to change**: the repository already does what this issue asks for.".to_owned();
    let closed = closed.map_or_else(String::new, |plan| format!("{plan}, which held the plan, is closed."));
    let next =
        "If that is right, close the issue. If something is still missing, say what, and comment `/retry`.";
    paragraphs([what, why.to_owned(), quotes.join("\n"), closed, next.to_owned(), bill.to_owned()])
}

/// Words for the end of a run, with what it could not do.
pub fn with_left(text: &str, left: &[String]) -> String {
    paragraphs([text.to_owned(), list_of(left)])
}

/// The result of a run that posted a plan. The summary is that of the plan, or empty where whoever reads this finds the plan
/// beside it.
pub fn planned(pull_request: &str, summary: &str, bill: &str, missing: &[String]) -> String {
    let what = format!("**Plan ready for review**: {pull_request}.");
    let next = "Comment `/approve` to have it carried out, `/revise` and what should be different to have it \
                rewritten, or close the pull request.";
    paragraphs([what, summary.to_owned(), list_of(missing), bill.to_owned(), next.to_owned()])
}

/// What a run that got to its end could not do around the pull request.
fn list_of(missing: &[String]) -> String {
    let Some(first) = missing.first() else { return String::new() };
    let rest = missing[1..].iter().map(|line| format!("\n- {line}"));
    format!("This is left for you:\n\n- {first}{}", rest.collect::<String>())
}

/// A run that gave up.
pub fn failed(failure: &Failure, turn: Turn) -> String {
    // These say themselves which command helps.
    let again = match failure.reason {
        Reason::StalePlan | Reason::Branch | Reason::Repository => "",
        _ => turn.again(),
    };
    let what = format!("**Could not be done.** {}", sentence(&failure.what));
    paragraphs([what, next_of(failure), again.to_owned(), bill_of(failure.bill.as_deref())])
}

/// What to do next, for people on an issue: they have neither a command line nor the agent's settings.
pub fn next_of(failure: &Failure) -> String {
    if !is_for_operator(failure) {
        return sentence(&failure.next);
    }
    let next = match failure.reason {
        Reason::Budget | Reason::ContextWindow | Reason::Truncated => SMALLER,
        _ if failure.is_limit => SMALLER,
        _ => "Ask the agent's operator to check its log.",
    };
    next.to_owned()
}

/// Whether what to do next names an option or a setting. The rule-based engine quotes the issue, whatever that names.
pub fn is_for_operator(failure: &Failure) -> bool {
    failure.is_limit
        || failure.reason != Reason::Declined && SETTINGS.iter().any(|start| failure.next.contains(start))
}

/// A run that will be tried again by itself.
pub fn waiting(failure: &Failure) -> String {
    let what = format!("**Interrupted. Retrying automatically.** {}", sentence(&failure.what));
    paragraphs([what, next_of(failure), bill_of(failure.bill.as_deref())])
}

/// A run that goes on by itself once a time has come that somebody named.
pub fn paused(failure: &Failure, until: Timestamp) -> String {
    let what = format!(
        "**Paused until {}.** {} It continues by itself then; waiting does not count as an attempt.",
        minute(until),
        sentence(&failure.what)
    );
    paragraphs([what, bill_of(failure.bill.as_deref())])
}

/// A run that goes on by itself once there is budget again: at the latest then, if nobody has changed the ceilings.
pub fn out_of_budget(failure: &Failure, until: Timestamp) -> String {
    let what = format!(
        "**Paused until there is budget again.** {} It continues by itself: after {} when the next period begins, or sooner. \
         Waiting does not count as an attempt. Comment `/stop` to cancel.",
        sentence(&failure.what),
        minute(until),
    );
    paragraphs([what, bill_of(failure.bill.as_deref())])
}

/// A time for people: the minute that has begun by then.
pub fn minute(time: Timestamp) -> String {
    let rounded = time.saturating_add(Duration::from_secs(59)).unwrap_or(time);
    rounded.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A run that was canceled.
pub fn stopped(why: &str, bill: Option<&Bill>, turn: Turn) -> String {
    let what = format!("**Stopped**: {why}. Nothing more is written.");
    paragraphs([what, turn.again().to_owned(), bill_of(bill)])
}

/// What a run cost that has nothing to show for it; empty if no model was asked.
fn bill_of(bill: Option<&Bill>) -> String {
    bill.map_or_else(String::new, Bill::to_string)
}

/// The parts one below the other. A block of code that one of them leaves open, because it quotes a model or a file, does not
/// swallow the others.
fn paragraphs<const N: usize>(parts: [String; N]) -> String {
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(|part| markup::closed(part).trim_end().to_owned()).collect();
    parts.join("\n\n")
}

/// The comment that holds a plan. `earlier` is the comment that it replaces, without its marker: the plans in it are
/// folded below, as many as there is room for, the newest first.
pub fn plan(plan: &str, cost: &str, earlier: Option<&str>) -> String {
    let mut text = format!(
        "{plan}{RULE}{cost}. Nothing is changed before someone with write access comments `/approve`. `/revise` and \
         what should be different rewrites the plan."
    );
    let mut room = MAX_PLAN_COMMENT.saturating_sub(text.chars().count());
    for plan in earlier.into_iter().flat_map(plans) {
        let folded = format!("{FOLD}{plan}{FOLD_END}");
        let length = folded.chars().count();
        if length > room {
            break;
        }
        room -= length;
        text.push_str(&folded);
    }
    text
}

/// The plans in a comment that [`plan`] made, the newest first.
pub fn plans(comment: &str) -> impl Iterator<Item = &str> {
    let mut parts = comment.split(FOLD);
    let newest = parts.next().unwrap_or(comment);
    // A plan can have a rule of its own; the last one is ours.
    let newest = newest.rsplit_once(RULE).map_or(newest, |(plan, _)| plan);
    std::iter::once(newest).chain(parts.map(|part| part.strip_suffix(FOLD_END).unwrap_or(part)))
}

/// The answer to an approval of a plan whose inputs have moved.
pub fn stale(moved: &[Moved]) -> Failure {
    let what: Vec<String> = moved.iter().map(ToString::to_string).collect();
    Failure::new(
        Reason::StalePlan,
        format!("The plan is stale: {}.", what.join("; ")),
        "Comment `/revise` to get a new plan for how things are now, then approve that one.",
    )
}

/// The text with a stop at its end, if it has none.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?', '…', '`', ')']) {
        return text.to_owned();
    }
    format!("{text}.")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use shared::mode::{CommandAt, Comment};

    use super::*;

    #[test]
    fn an_issue_names_no_setting_and_no_option() {
        let operator = "Ask the agent's operator to check its log.";
        let smaller = "Make the issue smaller, or ask the agent's operator to raise the limit.";
        for (reason, next, shown) in [
            (
                Reason::Provider,
                "Set ANTHROPIC_API_KEY or ANTHROPIC_API_KEY_FILE to a key that is valid there.",
                operator,
            ),
            (Reason::Provider, "Choose another with `--model anthropic:NAME` or AGENT_MODEL.", operator),
            (Reason::Unavailable, "Check the network and OPENAI_BASE_URL", operator),
            (Reason::Budget, "Raise AGENT_MAX_COST, or make the issue smaller.", smaller),
            (Reason::Truncated, "Raise AGENT_MAX_OUTPUT_TOKENS, or make the issue smaller.", smaller),
            (
                Reason::Declined,
                "Say more in the issue, or choose a stronger model.",
                "Say more in the issue, or choose a stronger model.",
            ),
            (
                Reason::Declined,
                "Write: replace `AGENT_NAME` by `NAME`.",
                "Write: replace `AGENT_NAME` by `NAME`.",
            ),
            (Reason::Branch, "", ""),
        ] {
            assert_eq!(next_of(&Failure::new(reason, "x", next)), shown, "{next}");
        }
    }

    #[test]
    fn a_failure_says_what_happened_and_what_to_do() {
        let at = CommandAt { pull_request: None, comment: Comment::Issue(NonZeroU64::MIN) };
        let (approve, revise) = (Mode::Approve(at), Mode::Revise(at));
        let failure =
            Failure::new(Reason::Declined, "The issue names no value", "Say which value it should be.");
        assert_eq!(
            failed(&failure, Turn::START),
            "**Could not be done.** The issue names no value.\n\nSay which value it should be.\n\nComment `/retry` to start again."
        );
        assert_eq!(
            failed(&stale(&[Moved::Issue, Moved::Plan]), Turn::of(approve)),
            "**Could not be done.** The plan is stale: the issue's title or text was changed; the text of the plan was changed.\n\n\
             Comment `/revise` to get a new plan for how things are now, then approve that one."
        );
        let bill = Bill {
            model: "openai:m".to_owned(),
            calls: 2,
            input_tokens: 1200,
            output_tokens: 90,
            cost: Some("$0.0123".to_owned()),
            cost_usd: "0.0123".parse().ok(),
        };
        let billed = Failure::new(Reason::Declined, "No", "").billed(Some(bill.clone()));
        let cost = "openai:m, 2 calls, 1200 tokens in, 90 out, $0.0123";
        assert_eq!(
            failed(&billed, Turn::START),
            format!("**Could not be done.** No.\n\nComment `/retry` to start again.\n\n{cost}")
        );
        assert_eq!(waiting(&billed), format!("**Interrupted. Retrying automatically.** No.\n\n{cost}"));
        assert!(stopped("x", Some(&bill), Turn::START).ends_with(cost));
        let open = Failure::new(Reason::Declined, "I cannot:\n```\nfn f", "");
        assert_eq!(
            failed(&open, Turn::START),
            "**Could not be done.** I cannot:\n```\nfn f.\n```\n\nComment `/retry` to start again."
        );
        let passed = Failure::new(Reason::Unavailable, "No answer", "");
        assert_eq!(
            failed(&passed, Turn::of(revise)),
            "**Could not be done.** No answer.\n\nComment `/revise` and what should be different to try again."
        );
    }

    #[test]
    fn nothing_to_do_is_told_with_what_shows_it() {
        let quotes = ["- [`a.toml`, line 2](/o/r/blob/c/a.toml#L2): `x = 1`".to_owned()];
        assert_eq!(
            already("`x` is 1 already.", &quotes, None, "no cost"),
            "**Nothing to change**: the repository already does what this issue asks for.\n\n`x` is 1 already.\n\n\
             - [`a.toml`, line 2](/o/r/blob/c/a.toml#L2): `x = 1`\n\n\
             If that is right, close the issue. If something is still missing, say what, and comment `/retry`.\n\nno cost"
        );
        let closed = already("why", &quotes, Some("#2"), "no cost");
        assert!(closed.contains("\n\n#2, which held the plan, is closed.\n\n"), "{closed}");
        assert_eq!(
            with_left("done", &["close #2: no".to_owned()]),
            "done\n\nThis is left for you:\n\n- close #2: no"
        );
    }

    #[test]
    fn what_the_plan_does_not_name_is_told() {
        let paths: Vec<RepoPath> =
            (0..12).map(|number| RepoPath::parse(&format!("src/{number}.rs")).unwrap()).collect();
        let text = done_outside_plan("#2", &paths[..1], "no cost", &[]);
        assert!(text.starts_with("**Done, and left as a draft**: #2.\n\nIt changes files that the approved plan does not name: `src/0.rs`. Look"), "{text}");
        assert!(listed(&paths).ends_with("`src/9.rs` and 2 more"), "{}", listed(&paths));
    }

    #[test]
    fn a_pull_request_leads_to_its_diff_and_to_what_a_run_made() {
        let number = PullRequestNumber::from(NonZeroU64::MIN);
        let linked = |links| linked("octo/hello", number, links);
        assert_eq!(linked(Links::default()), "#1 ([diff](/octo/hello/pull/1/files))");
        let all = linked(Links { commit: Some("c0ffee"), comment: Some(7), threads: &[8, 9] });
        assert_eq!(
            all,
            "#1 ([diff](/octo/hello/pull/1/files), [commit](/octo/hello/commit/c0ffee), \
             [comment](/octo/hello/pull/1#issuecomment-7), [thread 1](/octo/hello/pull/1#discussion_r8), \
             [thread 2](/octo/hello/pull/1#discussion_r9))"
        );
    }

    #[test]
    fn earlier_plans_are_folded_below_and_found_again() {
        let first = plan("one\n\n---\na rule", "nothing", None);
        assert_eq!(plans(&first).collect::<Vec<_>>(), ["one\n\n---\na rule"]);
        let second = plan("two", "nothing", Some(&first));
        let third = plan("three", "nothing", Some(&second));
        assert_eq!(plans(&third).collect::<Vec<_>>(), ["three", "two", "one\n\n---\na rule"]);
        let long = plan(&"x".repeat(MAX_PLAN_COMMENT - 300), "nothing", Some(&third));
        assert_eq!(plans(&long).skip(1).collect::<Vec<_>>(), ["three", "two"]);
    }
}
