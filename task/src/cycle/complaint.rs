//! A *complaint* is why an answer of the model cannot be used: for the model, which may correct it once, and for people,
//! when it did not.

use crate::llm::Llm;
use crate::outbound::markup::code_span;
use crate::outcome::{Failure, Reason, sentence};
use crate::patch::{EditError, EditErrors, Refusal};
use crate::progress::NoMore;
use crate::protocol::{Action, Answer, Edit, Misfit, Word};

/// Why an answer cannot be used.
pub(super) struct Complaint {
    pub(super) reason: Reason,
    /// For the model.
    pub(super) text: String,
    /// The same for people, who cannot send anything again.
    pub(super) account: String,
    /// What stands of the answer. Boxed, since a complaint is mostly words.
    pub(super) kept: Box<Proposed>,
}

/// What an answer proposes.
#[derive(Clone, Default)]
pub(super) struct Proposed {
    pub(super) title: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) edits: Vec<Edit>,
    /// What it says to the comments of reviewers.
    pub(super) words: Vec<Word>,
    /// Why edits of the answer before were refused.
    pub(super) refused: Vec<EditError>,
    /// What was proposed and is not part of the change, sentences for people.
    pub(super) left_out: Vec<String>,
}

impl Complaint {
    pub(super) fn new(reason: Reason, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { reason, account: text.clone(), text, kept: Box::default() }
    }

    /// The words for people when there is no further try. `no_more` is why the model could look no further.
    pub(super) fn failure(&self, llm: &Llm, no_more: Option<NoMore>) -> Failure {
        let failure = self.plain_failure(llm);
        let Some(why) = no_more.filter(|why| why.is_limit() && self.may_be_of_sight()) else {
            return failure;
        };
        let gap = if self.reason == Reason::Declined || failure.what.contains('\n') { "\n\n" } else { " " };
        let what = format!("{}{gap}It could look no further: {why}.", failure.what.trim_end());
        Failure::new(failure.reason, what, why.next()).limited()
    }

    /// Whether a model that had seen more might have answered otherwise.
    fn may_be_of_sight(&self) -> bool {
        let is_unread = |error: &EditError| matches!(error.refusal, Refusal::Unread(_));
        self.kept.refused.iter().any(is_unread)
            || matches!(
                self.reason,
                Reason::Declined | Reason::NoEdits | Reason::NoPlan | Reason::BadAnswer | Reason::Unfounded
            )
    }

    fn plain_failure(&self, llm: &Llm) -> Failure {
        let why = self.account.trim_end();
        let (what, next) = match self.reason {
            Reason::Declined => (
                format!("{} declined: {why}", llm.name()),
                "Say more in the issue, or choose a stronger model.",
            ),
            Reason::NoEdits => (
                "The model answered without a change, also after a correction.".to_owned(),
                "Say in the issue which behavior or text should change, or choose a stronger model.",
            ),
            Reason::Unfounded => (
                "The model says that nothing has to change, and does not show it, also after a correction."
                    .to_owned(),
                "Say in the issue what is missing, and how that can be seen; or choose a stronger model.",
            ),
            Reason::NoChange => (
                "The model proposed only what is there already; nothing would change.".to_owned(),
                "See whether the issue is resolved, or say in it what is still missing.",
            ),
            Reason::Protected => (
                format!("The change touches a protected path.\n\n{why}"),
                "Make that change by hand, or allow the path in the configuration.",
            ),
            Reason::Syntax => (
                format!(
                    "The model's change breaks the syntax of a file, also after a correction.\n\n{why}\n"
                ),
                "Try again, or choose a stronger model.",
            ),
            Reason::WeakensTests => (
                format!("The model's repair is refused, also after a correction: {why}"),
                "See whether the tests are right, and correct them or the code.",
            ),
            Reason::NoPlan => (
                format!("The model's answer is not a plan, also after a correction. {why}"),
                "Try again, or choose a stronger model.",
            ),
            Reason::BadAnswer => (
                format!(
                    "The model does not say what becomes of the comments, also after a correction. {why}"
                ),
                "Try again, or choose a stronger model.",
            ),
            _ => (
                format!("The model's edits do not fit the files, also after a correction.\n\n{why}"),
                "Try again, make the issue smaller, or choose a stronger model.",
            ),
        };
        Failure::new(self.reason, what, next)
    }
}

impl Proposed {
    /// What was kept of an earlier answer, nothing at first, and this answer as one.
    ///
    /// What the answer repeats or replaces is not kept twice. Where all that was refused is protected or not in the plan, an
    /// answer without edits leaves what was kept as it is: the model was told to leave the rest out.
    pub(super) fn joined(self, answer: &Answer) -> Result<Self, Complaint> {
        let edits = answer
            .edits
            .clone()
            .map_err(|error| Complaint::new(Reason::EditsDoNotApply, sentence(&error.to_string())))?;
        let may_stay_out =
            |error: &EditError| matches!(error.refusal, Refusal::Protected(_) | Refusal::Unplanned);
        let is_complete = !self.edits.is_empty()
            && self.refused.iter().all(may_stay_out)
            && answer.cannot.is_none()
            && answer.requests.is_empty();
        if edits.is_empty() && !is_complete {
            return Err(without_edits(answer));
        }
        // An edit may come back under another name, so as many as were refused stand for all of them.
        let failed = self.refused.iter().filter(|error| !may_stay_out(error)).count();
        let is_left_out = |error: &&EditError| {
            (may_stay_out(error) || edits.len() < failed) && edits.iter().all(|edit| edit.path != error.path)
        };
        let comes_back = |said: &&String| edits.iter().any(|edit| said.contains(&code_span(&edit.path)));
        let earlier = self.left_out.iter().filter(|said| !comes_back(said)).cloned();
        let left_out = earlier.chain(self.refused.iter().filter(is_left_out).map(left_out)).collect();
        let words = self.words_with(answer);
        let kept = self.edits.into_iter().filter(|kept| !edits.iter().any(|edit| supersedes(edit, kept)));
        Ok(Self {
            title: answer.title.clone().or(self.title),
            summary: answer.summary.clone().or(self.summary),
            refused: Vec::new(),
            words,
            left_out,
            edits: kept.chain(edits.iter().cloned()).collect(),
        })
    }

    /// What is said to each comment by now: the newest word counts.
    pub(super) fn words_with(&self, answer: &Answer) -> Vec<Word> {
        let is_kept = |word: &&Word| answer.words.iter().all(|new| new.number != word.number);
        self.words.iter().filter(is_kept).chain(&answer.words).cloned().collect()
    }
}

/// Whether an edit of a correction stands in place of one that was kept.
fn supersedes(edit: &Edit, kept: &Edit) -> bool {
    edit.path == kept.path
        && (edit.action == kept.action
            || match &edit.action {
                Action::Replace(_) | Action::Undivided(_) => false,
                // A file that was moved away may have a new one in its place.
                Action::Create { .. } | Action::Write { .. } => !matches!(kept.action, Action::Rename { .. }),
                Action::Delete => true,
                Action::Rename { .. } => matches!(kept.action, Action::Rename { .. } | Action::Delete),
            })
}

/// Why an answer without edits cannot be used.
fn without_edits(answer: &Answer) -> Complaint {
    if let Some(why) = &answer.cannot {
        return Complaint::new(Reason::Declined, why);
    }
    if !answer.requests.is_empty() {
        return Complaint::new(Reason::NoEdits, "It asks to see more, but nothing more can be shown.");
    }
    let misfit = match answer.misfit {
        Some(Misfit::HiddenDirective { line }) => format!(
            " Line {line} is a directive in a code block, where it does not count: directives stand outside of code \
             blocks."
        ),
        Some(Misfit::Diff { line }) => {
            format!(" A diff begins at line {line}, which is not the form that was asked for.")
        }
        Some(Misfit::CodeBlock { line }) => format!(
            " The code block at line {line} says neither where it goes nor what it replaces: a file is written whole \
             below a line `WRITE: path`."
        ),
        Some(Misfit::Request { .. }) => unlike_request(answer),
        Some(Misfit::Nothing) => " There is nothing behind the thinking.".to_owned(),
        None => String::new(),
    };
    Complaint::new(
        Reason::NoEdits,
        format!(
            "It holds neither edits nor a line `CANNOT: reason`.{misfit} Put each change into a SEARCH/REPLACE block \
             below the path of its file."
        ),
    )
}

/// What the model is told of a line that has the look of a request and is none; empty where there is no such line.
pub(super) fn unlike_request(answer: &Answer) -> String {
    let Some(Misfit::Request { line }) = answer.misfit else { return String::new() };
    format!(
        " Line {line} has the look of a request to see more, and asks for nothing. A request stands alone at the start of a \
         line: `READ: path`, `READ: path:120-220`, `FIND: text`, `DEFINE: name`, `USES: name` or `LIST: folder/`."
    )
}

/// What people are told of an edit that was refused and is not part of the change.
fn left_out(error: &EditError) -> String {
    let path = code_span(&error.path);
    match &error.refusal {
        Refusal::Protected(reason) => {
            format!("The model also proposed to change {path}, which is protected: {reason}.")
        }
        Refusal::Unplanned => {
            format!("The model also proposed to change {path}, which the approved plan does not name.")
        }
        _ => {
            format!("The model also proposed a change to {path} that could not be applied and was left out.")
        }
    }
}

/// What is at fault about edits that were refused.
pub(super) fn reason_of(error: &EditErrors) -> Reason {
    let protected =
        |errors: &[EditError]| errors.iter().all(|error| matches!(error.refusal, Refusal::Protected(_)));
    match error {
        EditErrors::NoChange(_) => Reason::NoChange,
        EditErrors::Refused { errors, .. } if protected(errors) => Reason::Protected,
        _ => Reason::EditsDoNotApply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Paths;

    #[test]
    fn what_looks_like_a_request_is_answered_with_how_to_write_one() {
        for (reply, line) in [("Let me look at it: READ: a.py", 1), ("So:\nREAD:\n", 2)] {
            let complaint = without_edits(&Answer::read(reply, &Paths::new(["a.py"])));
            let start = format!("Line {line} has the look of a request to see more, and asks for nothing.");
            assert!(
                complaint.text.contains(&start) && complaint.text.contains("`FIND: text`"),
                "{}",
                complaint.text
            );
        }
        let complaint = without_edits(&Answer::read("I see no bug.", &Paths::default()));
        assert!(!complaint.text.contains("request"), "{}", complaint.text);
    }
}
