//! A *finding* is one thing that a sweep came upon, and what became of it, as a line for whoever reads along.

use std::fmt;

use shared::task::TaskId;

/// See the module's documentation. Issues are named as GitHub does: `OWNER/NAME#NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A dead letter that was told on its issue.
    Told { task: TaskId, issue: String, why: String },
    /// A dead letter that needs no telling, and why.
    Settled { task: TaskId, issue: String, why: &'static str },
    /// A dead letter that stays, because its issue cannot be reached.
    Left { task: TaskId, issue: String, why: String },
    /// A dead letter that stays, because it is not a valid task. `hash` is SHA-256 of the body in hexadecimal.
    Unreadable { bytes: usize, hash: String, why: String },
    /// An issue that asked in vain.
    Missed { issue: String, task: TaskId, mode: &'static str, user: String },
    /// An issue that asks, and that nobody may or need answer.
    Unanswered { issue: String, why: &'static str },
    /// An issue at work whose run is gone.
    Gone { issue: String },
    /// An issue at work that no run ever said it works on.
    Unlabelled { issue: String },
    /// An issue whose pull request is merged, and that was moved on for it.
    Merged { issue: String },
    /// A pull request that a run looks at, because of how its checks stand.
    Overdue { pull_request: String, task: TaskId, why: &'static str },
    /// A repository where nothing was looked for while tasks wait in the queue.
    Busy { repo: String, waiting: u32 },
    /// An issue that could not be looked at; the others were.
    Skipped { issue: String, why: String },
    /// A repository that could not be looked through.
    Unreachable { repo: String, why: String },
}

impl Finding {
    /// Why the next sweep has to look again, if it has to.
    pub(super) fn is_left(&self) -> Option<String> {
        match self {
            Self::Left { issue: place, why, .. }
            | Self::Skipped { issue: place, why }
            | Self::Unreachable { repo: place, why } => Some(format!("{place}: {why}")),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told { task, issue, why } => {
                write!(f, "{issue}: reported that task {task} was given up: {why}")
            }
            Self::Settled { task, issue, why } => {
                write!(f, "{issue}: dead letter of task {task} removed: {why}")
            }
            Self::Left { task, issue, why } => write!(f, "{issue}: dead letter of task {task} stays: {why}"),
            Self::Unreadable { bytes, hash, why } => {
                write!(f, "dead letter of {bytes} bytes stays (sha256 {hash}): {why}")
            }
            Self::Missed { issue, task, mode, user } => {
                write!(f, "{issue}: published the {mode} that {user} asked for, as task {task}")
            }
            Self::Unanswered { issue, why } => write!(f, "{issue}: not published: {why}"),
            Self::Gone { issue } => write!(f, "{issue}: its run has died; reported, and labeled as failed"),
            Self::Unlabelled { issue } => write!(f, "{issue}: nobody works on it; label removed"),
            Self::Merged { issue } => write!(f, "{issue}: its pull request is merged; moved on"),
            Self::Overdue { pull_request, task, why } => {
                write!(f, "{pull_request}: {why}; published a look at them, as task {task}")
            }
            Self::Busy { repo, waiting } => {
                write!(f, "{repo}: not looked through while tasks wait in the queue: {waiting}")
            }
            Self::Skipped { issue, why } => write!(f, "{issue}: not looked at: {why}"),
            Self::Unreachable { repo, why } => write!(f, "{repo}: not looked through: {why}"),
        }
    }
}
