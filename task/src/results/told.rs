//! What a comment of the agent's *tells* of a task: its marker, and, where that is of an earlier release, its words. And what
//! a pull request of the agent's tells of itself.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::issue::{IssueId, PullRequestNumber};

use super::facts::{Ended, PullFacts, TaskFacts};
use crate::forge::model::{PastComment, PastPullRequest};
use crate::marker::{Kind, Marks, On};

/// A status as any release wrote it. What it does not have was not written yet, or does not hold.
#[derive(Deserialize)]
struct Told {
    task: String,
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    since: Option<Timestamp>,
    #[serde(default)]
    asked: Option<Timestamp>,
    #[serde(default)]
    answered: Option<String>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    refused: bool,
    /// Only what checks said was told; the task goes on.
    #[serde(default)]
    again: bool,
    #[serde(default)]
    by: Option<IgnoredAny>,
    #[serde(default)]
    barred: Option<IgnoredAny>,
    #[serde(default)]
    bill: Option<Billed>,
    #[serde(default)]
    already: Option<Already>,
}

/// That nothing had to change.
#[derive(Deserialize)]
struct Already {
    /// The one with the plan, which was closed for that.
    #[serde(default)]
    pull_request: Option<PullRequestNumber>,
}

#[derive(Deserialize)]
struct Billed {
    #[serde(default)]
    cost_usd: Option<f64>,
}

/// The task that a comment is about; `None` if it is no status comment of ours.
pub(super) fn task(marks: &Marks, comment: &PastComment) -> Option<TaskFacts> {
    let body = comment.body.for_machine();
    if !crate::marker::is_in(body) {
        return None;
    }
    let issue = IssueId::from(std::num::NonZeroU64::new(comment.issue)?);
    let told: Told = marks.read(Kind::Status, On::Issue(&issue), body)?;
    if told.refused || told.again || told.barred.is_some() {
        // Nobody worked on it.
        return None;
    }
    let words = body.split("<!-- ai-agent:").next().unwrap_or_default();
    let cost_usd = match told.bill {
        Some(bill) => bill.cost_usd,
        // A run that signs its comments tells its bill, if there is one.
        None => cost_in(words).or_else(|| told.by.map(|_| 0.0)),
    };
    let ended = match told.phase.as_deref() {
        Some("working" | "waiting") => Ended::NotYet,
        _ if told.done => Ended::Done,
        // A task that was canceled was not answered.
        _ if told.answered.is_some() => Ended::Failed,
        _ => Ended::Cancelled,
    };
    let began = told.since.unwrap_or(comment.written_at);
    Some(TaskFacts {
        id: told.task,
        issue,
        mode: told.answered,
        began,
        asked: told.asked.unwrap_or(began),
        ended,
        cost_usd,
        withdrew: told.already.and_then(|already| already.pull_request).map(u64::from),
    })
}

/// A pull request for an issue. Its reviews are read elsewhere.
pub(super) fn pull_request(pull: &PastPullRequest, issue: IssueId) -> PullFacts {
    PullFacts {
        number: pull.number,
        issue,
        stage: pull.stage,
        opened: pull.created_at,
        review_rounds: None,
        cost_usd: cost_in(pull.body.for_machine()),
    }
}

/// The cost that the words of a comment or a description tell, in US dollars.
fn cost_in(words: &str) -> Option<f64> {
    words.lines().rev().find_map(|line| {
        if line.starts_with("Rule-based change: no AI model was used") {
            return Some(0.0);
        }
        let (_, cost) = line.split_once(" tokens in, ")?.1.split_once(" out, ")?;
        if cost.starts_with("no cost") {
            return Some(0.0);
        }
        let digits = cost.strip_prefix('$')?;
        let end = digits.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(digits.len());
        digits[..end].trim_end_matches('.').parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::{Value, json};

    use super::*;
    use crate::text::Raw;

    fn told(content: &Value, words: &str, issue: u64) -> Option<TaskFacts> {
        let marks = Marks::new(SecretString::from("k"), 1);
        let place = "7".parse::<IssueId>().unwrap();
        let marker = marks.write(Kind::Status, On::Issue(&place), content);
        let written_at = "2026-11-02T10:00:00Z".parse().unwrap();
        let body = Raw::new(format!("{words}\n\n{marker}"));
        task(&marks, &PastComment { id: 1, issue, body, by: None, written_at })
    }

    #[test]
    fn markers_of_every_release_are_understood() {
        let bill = "openai:m, 2 calls, 1200 tokens in, 90 out, $0.0123";
        let old = told(
            &json!({"task": "t", "phase": "ended", "since": "2026-11-02T09:00:00Z", "answered": "quickfix", "done": true}),
            bill,
            7,
        );
        let old = old.unwrap();
        assert_eq!(
            (old.ended, old.cost_usd, old.mode.as_deref()),
            (Ended::Done, Some(0.0123), Some("quickfix"))
        );
        // The first release of all.
        let first = told(&json!({"task": "t"}), "**Done.**", 7).unwrap();
        assert_eq!(
            (first.ended, first.cost_usd, first.began.to_string().as_str()),
            (Ended::Cancelled, None, "2026-11-02T10:00:00Z")
        );
        assert_eq!(first.asked, first.began);
        let new = json!({"task": "t", "phase": "ended", "asked": "2026-11-02T08:50:00Z", "answered": "plan",
            "bill": {"model": "m", "cost_usd": 0.5}, "later": {}});
        let new = told(&new, bill, 7).unwrap();
        assert_eq!(new.asked.to_string(), "2026-11-02T08:50:00Z");
        assert_eq!((new.ended, new.cost_usd), (Ended::Failed, Some(0.5)));
        let closed =
            json!({"task": "t", "phase": "ended", "done": true, "already": {"text": "", "pull_request": 9}});
        assert_eq!(told(&closed, bill, 7).unwrap().withdrew, Some(9));
        assert!(told(&json!({"task": "t", "refused": true}), "", 7).is_none());
        assert!(told(&json!({"phase": "ended"}), "", 7).is_none());
        // Copied to another issue it is none.
        assert!(told(&json!({"task": "t"}), "", 8).is_none());
    }

    #[test]
    fn words_tell_what_a_task_cost() {
        for (words, expected) in [
            ("**Done**\n\nanthropic:claude, 1 call, 10 tokens in, 2 out, $1.50", Some(1.5)),
            ("x\n\nopenai:m, 2 calls, 1200 tokens in, 90 out, $0.0123. The change was parsed.", Some(0.0123)),
            ("ollama:m, 1 call, 5 tokens in, 1 out, no cost", Some(0.0)),
            ("Rule-based change: no AI model was used, $0", Some(0.0)),
            ("ollama:m, 1 call, 5 tokens in, 1 out, cost not known", None),
            ("It costs $5.", None),
            ("", None),
        ] {
            assert_eq!(cost_in(words), expected, "{words}");
        }
    }
}
