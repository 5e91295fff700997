//! *Reading* what became of the agent's pull requests. Words count of people with write access alone, as GitHub tells it now.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use shared::command::Command;
use shared::issue::IssueId;

use super::material::{Kind, Name, Text};
use crate::call::CallError;
use crate::context::secret_names;
use crate::forge::Forge;
use crate::forge::model::{
    Discussion, Home, PastComment, PastPullRequest, Permission, Stage, ThreadComment, ThreadPlace, Verdict,
};
use crate::git::workspace::{TASK_TRAILER, trailers};
use crate::marker::{self, Marks, On};
use crate::outbound::{Gate, without_tokens};
use crate::record::status::{Phase, Status};
use crate::text::Raw;
use crate::thread::{User, UserKind};

/// Closed pull requests that are looked at, the newest ones; each is a call or three.
const MAX_PULLS: usize = 30;
/// People whose permission is asked for; each is a call.
const MAX_PEOPLE: usize = 20;
/// Failed runs, the newest ones.
const MAX_FAILURES: usize = 20;
/// Characters of one text.
const MAX_TEXT: usize = 1_500;
/// Characters of what people changed in one pull request.
const MAX_DIFF: usize = 4_000;
/// Lines of the diff above a comment, those nearest to it.
const MAX_HUNK: usize = 6;
/// Characters of a line of it.
const MAX_LINE: usize = 200;

/// What was read.
pub(super) struct Read {
    pub(super) texts: Vec<Text>,
    /// Closed pull requests of the agent.
    pub(super) pulls: usize,
}

/// Reads everything that was opened or said since then.
pub(super) async fn read(
    forge: &Forge,
    marks: &Marks,
    gate: &Gate,
    since: Timestamp,
) -> Result<Read, CallError> {
    let mut reader = Reader { forge, gate, people: HashMap::new(), texts: Vec::new() };
    let past = forge.past();
    let mut closed: Vec<PastPullRequest> = Vec::new();
    past.pull_requests(since, |pull| {
        if pull.stage != Stage::Open && IssueId::of_branch(&pull.branch).is_some() {
            closed.push(pull);
        }
    })
    .await?;
    let mut pulls = 0;
    for pull in closed.iter().take(MAX_PULLS) {
        let Some(number) = std::num::NonZeroU64::new(pull.number) else { continue };
        let Some(talk) = forge.discussion(number.into()).await? else { continue };
        // A person's branch can have such a name.
        if !forge.identity().is(talk.pull.by.as_ref()) || talk.home != Home::Here {
            continue;
        }
        pulls += 1;
        reader.discussion(pull, &talk).await?;
        reader.changed(pull, &talk).await?;
    }
    let mut failures = 0;
    past.comments(since, |comment| {
        if failures < MAX_FAILURES
            && let Some(text) = reader.failure(marks, &comment)
        {
            failures += 1;
            reader.texts.push(text);
        }
    })
    .await?;
    Ok(Read { texts: reader.texts, pulls })
}

struct Reader<'a> {
    forge: &'a Forge,
    gate: &'a Gate,
    /// Logins, and whether they may write.
    people: HashMap<String, bool>,
    texts: Vec<Text>,
}

impl Reader<'_> {
    async fn counts(&mut self, by: Option<&User>) -> Result<bool, CallError> {
        let Some(user) = by.filter(|user| user.kind == UserKind::Person) else { return Ok(false) };
        if let Some(known) = self.people.get(&user.login) {
            return Ok(*known);
        }
        if self.people.len() >= MAX_PEOPLE {
            return Ok(false);
        }
        let may = self.forge.permission(&user.login).await? == Permission::Write;
        self.people.insert(user.login.clone(), may);
        Ok(may)
    }

    /// A text as it may be shown to a model, and be quoted to everybody.
    fn clean(&self, text: &str) -> String {
        without_tokens(&self.gate.redact(text)).trim().to_owned()
    }

    /// What somebody wrote, without what is a command alone.
    fn words(&self, body: &Raw) -> Option<String> {
        // A comment of ours under a person's account.
        if marker::is_in(body.for_machine()) {
            return None;
        }
        if Command::parse(body.for_machine()).is_some_and(|command| command.feedback().is_none()) {
            return None;
        }
        let text = self.clean(body.clone().clean(MAX_TEXT).as_str());
        (text.chars().any(char::is_alphanumeric)).then_some(text)
    }

    async fn discussion(&mut self, pull: &PastPullRequest, talk: &Discussion) -> Result<(), CallError> {
        let thread = pull.number;
        let of = format!("pull request {thread}, which was {}", ended(pull.stage));
        let pending = |id: Option<u64>| {
            let is_it = |id: u64| talk.reviews.iter().any(|it| it.id == id && it.verdict == Verdict::Pending);
            id.is_some_and(is_it)
        };
        for review in &talk.reviews {
            let counts = !matches!(review.verdict, Verdict::Pending | Verdict::Dismissed);
            if counts && self.counts(review.by.as_ref()).await? {
                let name = Name { thread, kind: Kind::Review, id: review.id };
                let about = format!("review of {of}");
                self.push(name, review.submitted_at, review.by.as_ref(), &about, &review.body, Vec::new());
            }
        }
        for remark in &talk.remarks {
            if self.counts(remark.by.as_ref()).await? {
                let name = Name { thread, kind: Kind::Comment, id: remark.id };
                let about = format!("comment on {of}");
                self.push(name, remark.created_at, remark.by.as_ref(), &about, &remark.body, Vec::new());
            }
        }
        for at in &talk.threads {
            for ThreadComment { id, body, by, created_at, review, .. } in &at.comments {
                if pending(*review) || !self.counts(by.as_ref()).await? {
                    continue;
                }
                let line = match at.place {
                    ThreadPlace::Line(line) => format!(", line {line}"),
                    ThreadPlace::File | ThreadPlace::Gone => String::new(),
                };
                let path = Raw::new(at.path.clone()).clean_line(MAX_LINE);
                let mut about = format!("comment on {}{line} in {of}", path.as_str());
                if *id == at.first {
                    about.push_str(&self.hunk(&at.hunk));
                }
                let name = Name { thread, kind: Kind::Line, id: *id };
                self.push(name, *created_at, by.as_ref(), &about, body, vec![at.path.clone()]);
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        name: Name,
        at: Timestamp,
        by: Option<&User>,
        about: &str,
        body: &Raw,
        paths: Vec<String>,
    ) {
        let (Some(user), Some(said)) = (by, self.words(body)) else { return };
        let about = format!("@{}, {about}", user.login);
        self.texts.push(Text { name, at, about, said, paths });
    }

    /// The last lines of the diff that a comment stands below.
    fn hunk(&self, hunk: &str) -> String {
        let lines: Vec<&str> = hunk.lines().collect();
        let shown = lines[lines.len().saturating_sub(MAX_HUNK)..].iter().map(|line| {
            let line: String = line.chars().take(MAX_LINE).collect();
            format!("\n    {line}")
        });
        let text: String = shown.collect();
        let text = Raw::new(text).clean_text(MAX_HUNK * (MAX_LINE + 5));
        self.gate.redact(text.as_str())
    }

    /// What people changed on top of the agent's last commit before they merged it.
    async fn changed(&mut self, pull: &PastPullRequest, talk: &Discussion) -> Result<(), CallError> {
        if pull.stage != Stage::Merged {
            return Ok(());
        }
        let is_named = |message: &str| trailers(message, TASK_TRAILER).next().is_some();
        let ours = talk.commits.iter().rev().find(|commit| is_named(&commit.message));
        let head = &talk.pull.head.commit;
        let Some(ours) = ours.filter(|ours| ours.id != *head) else { return Ok(()) };
        let compared = match self.compared(&ours.id, head).await {
            // What was merged from a branch that is gone may be gone as well.
            Err(CallError::NotFound { .. } | CallError::Gone { .. }) => return Ok(()),
            compared => compared?,
        };
        let Some(diffs) = compared else { return Ok(()) };
        let mut said = String::new();
        let mut paths = Vec::new();
        for (path, diff) in diffs {
            write!(said, "{path}\n{diff}\n").expect("a String takes any text");
            paths.push(path);
        }
        let said = self.clean(Raw::new(said).clean_text(MAX_DIFF).as_str());
        if !said.is_empty() {
            let name = Name { thread: pull.number, kind: Kind::Changed, id: 0 };
            let about = format!("what people changed in pull request {} before they merged it", pull.number);
            self.texts.push(Text { name, at: pull.created_at, about, said, paths });
        }
        Ok(())
    }

    /// What came on top of a commit of ours, file by file; `None` if it is not ours, or if something else was merged into
    /// the branch in between, which would look like what people changed.
    async fn compared(&self, ours: &str, head: &str) -> Result<Option<Vec<(String, String)>>, CallError> {
        if !self.forge.made(&self.forge.commit(ours).await?) {
            return Ok(None);
        }
        let compared = self.forge.compare(ours, head).await?;
        let is_plain = compared.behind == 0
            && compared.commits.is_some_and(|all| all.iter().all(|commit| commit.parents.len() == 1));
        if !is_plain {
            return Ok(None);
        }
        let diffs = compared.diffs.into_iter().filter(|file| !secret_names::may_be_secret(&file.path));
        Ok(Some(diffs.map(|file| (file.path, file.diff.for_machine().to_owned())).collect()))
    }

    /// How a run failed, as a comment of ours tells.
    fn failure(&self, marks: &Marks, comment: &PastComment) -> Option<Text> {
        let body = comment.body.for_machine();
        // A marker can be copied to another comment of its issue, with other words before it.
        if !marker::is_in(body) || !self.forge.identity().is(comment.by.as_ref()) {
            return None;
        }
        let issue = IssueId::from(std::num::NonZeroU64::new(comment.issue)?);
        let status: Status = marks.read(marker::Kind::Status, On::Issue(&issue), body)?;
        let failed = status.phase == Phase::Ended
            && status.answered.is_some()
            && status.barred.is_none()
            && !(status.done || status.refused || status.again);
        let words = body.split("<!-- ai-agent:").next().unwrap_or_default();
        let said = self.clean(Raw::new(words.to_owned()).clean(MAX_TEXT).as_str());
        (failed && !said.is_empty()).then(|| Text {
            name: Name { thread: comment.issue, kind: Kind::Failure, id: comment.id },
            at: comment.written_at,
            about: format!("how a run on issue {} failed", comment.issue),
            said,
            paths: Vec::new(),
        })
    }
}

fn ended(stage: Stage) -> &'static str {
    match stage {
        Stage::Merged => "merged",
        Stage::Closed => "declined",
        Stage::Open => "open",
    }
}
