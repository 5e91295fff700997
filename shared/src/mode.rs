//! A *mode*: what a task asks of a run, and everything that differs by it.
//!
//! | mode | begins with | makes | started by |
//! |---|---|---|---|
//! | `quickfix` | the issue | a change | the issue's labels, one of which asks for no plan |
//! | `plan` | the issue | a plan | the issue's labels |
//! | `revise` | the plan, and what a person says about it | a plan | `/revise` |
//! | `approve` | the plan that a person approved | a change | `/approve` |
//! | `fix` | the pull request, and what reviewers say about it | a change on top | `/fix`, or a review that asks for changes |
//! | `ci` | the pull request as it is | its checks may start | `/ci` |
//! | `update` | the pull request, and the branch that it is for | a merge of that branch on top | `/update` |
//! | `checks` | the pull request as it is | ready for review once all is green; a repair where something failed | checks that ended |
//! | `closed` | the pull request as it is | the issue's labels | the pull request was merged or declined |
//!
//! Nobody outside of this module asks which mode a task has. Who has to know something asks just that, by a method
//! whose answer follows from the mode's [`Facts`]. To add a mode: a variant of each of the two enums, its facts, and
//! what the compiler then asks for.

use std::{fmt, num::NonZeroU64};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{command::Command, issue::PullRequestNumber, state::same_label};

/// What a run is asked to do, with what that needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A pull request at once.
    QuickFix,
    /// A plan to approve.
    Plan,
    /// The plan again, with the feedback in the comment.
    Revise(CommandAt),
    /// The approved plan carried out.
    Approve(CommandAt),
    /// What reviewers ask for, or an answer to them.
    Fix(CommandAt),
    /// Checks that were held back may start.
    Ci(CommandAt),
    /// The base branch merged into that of the pull request.
    Update(CommandAt),
    /// Checks of the newest commit ended.
    Checks,
    /// The pull request was merged, or closed without that.
    Closed,
}

/// Which mode it is, without what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModeKind {
    QuickFix,
    Plan,
    Revise,
    Approve,
    Fix,
    Ci,
    Update,
    Checks,
    Closed,
}

/// Where a command was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandAt {
    /// Unknown if the comment is on the issue: the run looks for the pull request of the issue's branch.
    pub pull_request: Option<PullRequestNumber>,
    pub comment: Comment,
}

/// A comment on GitHub. Each kind has numbers and an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comment {
    /// In the conversation of an issue or a pull request (`/issues/comments/ID`).
    Issue(NonZeroU64),
    /// On a line of a pull request (`/pulls/comments/ID`).
    ReviewLine(NonZeroU64),
    /// The text of a review (`/pulls/NUMBER/reviews/ID`).
    Review(NonZeroU64),
}

/// What a run begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// What a person asks for, who has to be admitted first.
    Request(Request),
    /// What happened to a pull request, whoever is behind it.
    Event(Event),
}

/// What a run begins with that a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The issue alone.
    Issue,
    /// The plan that a person approved.
    ApprovedPlan(CommandAt),
    /// The plan so far, and what a person says about it.
    Feedback(CommandAt),
    /// The pull request, and what reviewers say about it.
    Reviews(CommandAt),
    /// The pull request, whose checks were held back.
    Release(CommandAt),
    /// The pull request, whose base branch has moved on.
    Base(CommandAt),
}

/// What a run begins with that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The pull request, whose checks ended.
    Checks,
    /// The pull request, which is closed.
    End,
}

/// What a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Edits of files.
    Change,
    /// A plan for a person to approve.
    Plan,
    /// Neither: what is there moves on.
    Nothing,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A task of this mode.
    Task(Mode),
    /// What the labels of the issue ask for, once more.
    IssueAgain,
    /// That what runs or waits stops.
    Stop,
}

/// What differs by mode.
struct Facts {
    /// The name in messages, logs and status comments.
    name: &'static str,
    needs: Needs,
    makes: Product,
    /// What a person does to have it tried again, as a sentence.
    again: &'static str,
    /// The same once its commit is on the branch, where it is another one.
    again_after_commit: Option<&'static str>,
    /// Whether whoever writes the command on a pull request that is closed is told so.
    is_answered_when_closed: bool,
}

/// What has to be there before a run can begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// An issue. The run makes the branch and the pull request.
    Issue,
    /// The branch and the pull request of a plan.
    Plan,
    /// A pull request with a change.
    Change,
    /// The same, and nobody who asks: something happened to it.
    Happening,
}

/// What a person does to have work on an issue begun again, as a sentence.
pub const RETRY: &str = "Comment `/retry` to start again.";

impl ModeKind {
    pub const ALL: [Self; 9] = [
        Self::QuickFix,
        Self::Plan,
        Self::Revise,
        Self::Approve,
        Self::Fix,
        Self::Ci,
        Self::Update,
        Self::Checks,
        Self::Closed,
    ];

    /// The names in the order of [`Self::ALL`].
    const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].facts().name;
            at += 1;
        }
        names
    };

    const fn facts(self) -> Facts {
        match self {
            Self::QuickFix => Facts {
                name: "quickfix",
                needs: Needs::Issue,
                makes: Product::Change,
                again: RETRY,
                again_after_commit: None,
                is_answered_when_closed: false,
            },
            Self::Plan => Facts {
                name: "plan",
                needs: Needs::Issue,
                makes: Product::Plan,
                again: RETRY,
                again_after_commit: None,
                is_answered_when_closed: false,
            },
            Self::Revise => Facts {
                name: "revise",
                needs: Needs::Plan,
                makes: Product::Plan,
                again: "Comment `/revise` and what should be different to try again.",
                again_after_commit: None,
                is_answered_when_closed: true,
            },
            Self::Approve => Facts {
                name: "approve",
                needs: Needs::Plan,
                makes: Product::Change,
                again: "Comment `/approve` on the pull request to try again.",
                again_after_commit: Some(
                    "The change is on the branch of the pull request. Review it as it is; or close the pull \
                     request, and comment `/retry` on the issue to start again.",
                ),
                is_answered_when_closed: true,
            },
            Self::Fix => Facts {
                name: "fix",
                needs: Needs::Change,
                makes: Product::Change,
                again: "Comment `/retry` on the pull request to try again.",
                again_after_commit: None,
                is_answered_when_closed: true,
            },
            Self::Ci => Facts {
                name: "ci",
                needs: Needs::Change,
                makes: Product::Nothing,
                again: "Comment `/ci` on the pull request to try again.",
                again_after_commit: None,
                is_answered_when_closed: true,
            },
            Self::Update => Facts {
                name: "update",
                needs: Needs::Change,
                makes: Product::Change,
                again: "Comment `/update` on the pull request to try again.",
                again_after_commit: None,
                is_answered_when_closed: true,
            },
            Self::Checks => Facts {
                name: "checks",
                needs: Needs::Happening,
                makes: Product::Change,
                again: "",
                again_after_commit: None,
                is_answered_when_closed: false,
            },
            Self::Closed => Facts {
                name: "closed",
                needs: Needs::Happening,
                makes: Product::Nothing,
                again: "",
                again_after_commit: None,
                is_answered_when_closed: false,
            },
        }
    }

    /// The name in messages, logs and status comments.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The mode of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What the model is asked for, if it is asked, and the run ends with.
    pub fn makes(self) -> Product {
        self.facts().makes
    }

    /// What a person does to have a task tried again that did not get to its end, as a sentence.
    pub fn again(self) -> &'static str {
        self.facts().again
    }

    /// The same for a task whose commit is on the branch: the command that began it may mean nothing any more.
    pub fn again_after_commit(self) -> &'static str {
        let Facts { again, again_after_commit, .. } = self.facts();
        again_after_commit.unwrap_or(again)
    }

    /// Whether the run begins work on an issue: it makes the branch and the pull request, where any other run finds
    /// them.
    pub fn begins_work(self) -> bool {
        self.facts().needs == Needs::Issue
    }

    /// Whether the issue has to have the label that asks for work while the run goes on. Where a command or an event of
    /// a pull request asks, that label was looked at before.
    pub fn needs_trigger_label(self) -> bool {
        self.begins_work()
    }

    /// Whether the labels of the issue tell how the task goes. What comes after the change leaves them as they are.
    pub fn shows_on_labels(self) -> bool {
        !matches!(self.facts().needs, Needs::Change | Needs::Happening)
    }

    /// Whether a person asked for it, who may, and is told what comes of it.
    pub fn is_asked_for(self) -> bool {
        self.facts().needs != Needs::Happening
    }

    /// Whether the answer to a later task of the other mode answers this one as well. A label and an assignment in one
    /// moment are one request; a command is a request of its own.
    pub fn is_answered_by(self, other: Self) -> bool {
        self.begins_work() && other.begins_work()
    }

    /// Whether whoever writes the command on a pull request that is closed is told so. It may be about what was merged.
    pub fn is_answered_when_closed(self) -> bool {
        self.facts().is_answered_when_closed
    }

    /// Whether it is about the pull request alone, so that a closed issue is no obstacle.
    pub fn outlives_issue(self) -> bool {
        self.facts().needs == Needs::Change
    }

    /// Whether what comes of it is told on the pull request as well: reviewers need not read the issue.
    pub fn is_told_to_reviewers(self) -> bool {
        self.changes_a_change()
    }

    /// Whether a task waits until another run of its issue has ended, where that is possible. What others command they
    /// command once more, by then perhaps otherwise; a review is not written twice.
    pub fn waits_its_turn(self) -> bool {
        self.changes_a_change()
    }

    /// Whether it goes on from a change that is there, and may change it.
    fn changes_a_change(self) -> bool {
        self.facts().needs == Needs::Change && self.makes() == Product::Change
    }

    /// Whether the run puts a commit on the branch. A revision leaves the commit of its plan there.
    pub fn makes_commit(self) -> bool {
        self.begins_work() || self.makes() == Product::Change
    }

    /// Whether the pull request gets the label of a change that nobody planned.
    pub fn skips_plan(self) -> bool {
        self.begins_work() && self.makes() == Product::Change
    }

    /// Whether title and description of the pull request, those of a plan so far, become those of the change.
    pub fn replaces_description(self) -> bool {
        self.facts().needs == Needs::Plan && self.makes() == Product::Change
    }

    /// Whether it is about the end of the pull request, which was merged or declined.
    pub fn is_about_end(self) -> bool {
        self.facts().needs == Needs::Happening && self.makes() == Product::Nothing
    }
}

impl fmt::Display for ModeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ModeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ModeKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| de::Error::unknown_variant(&name, &Self::NAMES))
    }
}

impl Mode {
    pub fn kind(self) -> ModeKind {
        match self {
            Self::QuickFix => ModeKind::QuickFix,
            Self::Plan => ModeKind::Plan,
            Self::Revise(_) => ModeKind::Revise,
            Self::Approve(_) => ModeKind::Approve,
            Self::Fix(_) => ModeKind::Fix,
            Self::Ci(_) => ModeKind::Ci,
            Self::Update(_) => ModeKind::Update,
            Self::Checks => ModeKind::Checks,
            Self::Closed => ModeKind::Closed,
        }
    }

    /// What a run begins with.
    pub fn start(self) -> Start {
        match self {
            Self::QuickFix | Self::Plan => Start::Request(Request::Issue),
            Self::Revise(at) => Start::Request(Request::Feedback(at)),
            Self::Approve(at) => Start::Request(Request::ApprovedPlan(at)),
            Self::Fix(at) => Start::Request(Request::Reviews(at)),
            Self::Ci(at) => Start::Request(Request::Release(at)),
            Self::Update(at) => Start::Request(Request::Base(at)),
            Self::Checks => Start::Event(Event::Checks),
            Self::Closed => Start::Event(Event::End),
        }
    }

    /// The command that began the task, if one did.
    pub fn command(self) -> Option<CommandAt> {
        let Start::Request(request) = self.start() else { return None };
        match request {
            Request::Issue => None,
            Request::ApprovedPlan(at)
            | Request::Feedback(at)
            | Request::Reviews(at)
            | Request::Release(at)
            | Request::Base(at) => Some(at),
        }
    }

    /// What an issue with these labels asks for; `quick` is the label that asks for no plan.
    pub fn of_issue<'a>(labels: impl IntoIterator<Item = &'a str>, quick: &str) -> Self {
        if labels.into_iter().any(|label| same_label(label, quick)) { Self::QuickFix } else { Self::Plan }
    }

    /// What a command asks for.
    pub fn of_command(command: &Command<'_>, at: CommandAt) -> Asked {
        match command {
            Command::Approve => Asked::Task(Self::Approve(at)),
            Command::Revise { .. } => Asked::Task(Self::Revise(at)),
            Command::Fix { .. } => Asked::Task(Self::Fix(at)),
            Command::Ci => Asked::Task(Self::Ci(at)),
            Command::Update => Asked::Task(Self::Update(at)),
            // On a pull request it is about what was done there last.
            Command::Retry if at.pull_request.is_some() => Asked::Task(Self::Fix(at)),
            Command::Retry => Asked::IssueAgain,
            Command::Stop => Asked::Stop,
        }
    }

    /// Puts a mode together from the fields of a message.
    pub(crate) fn of_fields(kind: ModeKind, fields: &Fields) -> Result<Self, WrongFields> {
        match kind {
            ModeKind::QuickFix => fields.none().map(|()| Self::QuickFix),
            ModeKind::Plan => fields.none().map(|()| Self::Plan),
            ModeKind::Revise => fields.command().map(Self::Revise),
            ModeKind::Approve => fields.command().map(Self::Approve),
            ModeKind::Fix => fields.command().map(Self::Fix),
            ModeKind::Ci => fields.command().map(Self::Ci),
            ModeKind::Update => fields.command().map(Self::Update),
            ModeKind::Checks => fields.none().map(|()| Self::Checks),
            ModeKind::Closed => fields.none().map(|()| Self::Closed),
        }
    }

    /// The fields of a message that say what the mode needs.
    pub(crate) fn fields(self) -> Fields {
        let Some(CommandAt { pull_request, comment }) = self.command() else { return Fields::default() };
        let (id, kind) = match comment {
            Comment::Issue(id) => (id, CommentKind::Issue),
            Comment::ReviewLine(id) => (id, CommentKind::ReviewLine),
            Comment::Review(id) => (id, CommentKind::Review),
        };
        Fields { pull_request, comment_id: Some(id), comment_kind: Some(kind) }
    }
}

/// The fields of a message that some modes need, and others have no use for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Fields {
    pub(crate) pull_request: Option<PullRequestNumber>,
    pub(crate) comment_id: Option<NonZeroU64>,
    pub(crate) comment_kind: Option<CommentKind>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CommentKind {
    Issue,
    ReviewLine,
    Review,
}

/// A field is missing, or there for nothing.
pub(crate) enum WrongFields {
    Missing(&'static str),
    Superfluous(&'static str),
}

impl Fields {
    fn none(&self) -> Result<(), WrongFields> {
        match (self.pull_request, self.comment_id, self.comment_kind) {
            (None, None, None) => Ok(()),
            (Some(_), _, _) => Err(WrongFields::Superfluous("pull_request")),
            (_, Some(_), _) => Err(WrongFields::Superfluous("comment_id")),
            (_, _, Some(_)) => Err(WrongFields::Superfluous("comment_kind")),
        }
    }

    fn command(&self) -> Result<CommandAt, WrongFields> {
        let id = self.comment_id.ok_or(WrongFields::Missing("comment_id"))?;
        let comment = match self.comment_kind {
            None | Some(CommentKind::Issue) => Comment::Issue(id),
            Some(CommentKind::ReviewLine) => Comment::ReviewLine(id),
            Some(CommentKind::Review) => Comment::Review(id),
        };
        Ok(CommandAt { pull_request: self.pull_request, comment })
    }
}

#[cfg(test)]
mod tests;
