//! The **state** of the stand-in: users, repositories, issues, pull requests, comments, tokens.
//!
//! Identifiers and content timestamps come from counters that start at the same value in every test, so that two runs of the same
//! story give the same state. Only what a client compares with its own clock (token expiry, rate limit reset) follows real time.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::auth::{App, Token};
use super::store::{Oid, Store};

/// What a user may do in a repository, from everything to nothing. The names are those of GitHub's roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Permission {
    /// The finer name, GitHub's `role_name`.
    pub fn role(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The coarser name, GitHub's `permission`: maintain counts as write, triage as read.
    pub fn coarse(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

/// What kind of account a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    User,
    Bot,
    Organization,
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub id: u64,
    pub login: String,
    pub account: Account,
    /// In repositories that do not say otherwise for this user.
    pub permission: Permission,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    Public,
    Private,
}

/// Whether a repository can be read and written at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    Live,
    Archived,
    /// Taken down for legal reasons: every call is answered with 451.
    Blocked,
}

/// Whether a repository has a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    On,
    Off,
}

#[derive(Debug)]
pub struct Repo {
    pub id: u64,
    pub owner: String,
    pub name: String,
    /// Full names that it had before, answered with a redirect.
    pub former_names: Vec<String>,
    pub visibility: Visibility,
    pub availability: Availability,
    pub issues_feature: Feature,
    pub drafts_feature: Feature,
    pub default_branch: String,
    pub permissions: BTreeMap<String, Permission>,
    pub labels: BTreeMap<String, Label>,
    pub protected: Vec<String>,
    /// Issues and pull requests share one sequence of numbers.
    pub issues: BTreeMap<u64, Issue>,
    /// Commits that GitHub has signed: those made through `createCommitOnBranch`, and an App's that name nobody.
    pub signed: Vec<Oid>,
    /// Where each branch was when GitHub looked last.
    pub(crate) tips: BTreeMap<String, Oid>,
    /// The commits on which workflows of pushes and pull requests started, in the order of the pushes.
    pub started: Vec<Oid>,
    /// What ran on each commit, or still runs.
    pub(crate) checks: BTreeMap<Oid, Vec<Check>>,
    pub created_at: Timestamp,
    pub store: Store,
}

impl Repo {
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub fn branch(&self, name: &str) -> Option<Oid> {
        self.store.target(&format!("refs/heads/{name}"))
    }

    pub fn is_empty(&self) -> bool {
        self.store.references("refs/heads/").is_empty()
    }

    /// Starts the workflows of every branch that moved, unless the message of its newest commit keeps them from it
    /// (<https://docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs>).
    fn start_workflows(&mut self) {
        const MARKS: [&str; 5] = ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];
        let tips: BTreeMap<String, Oid> = self.store.references("refs/heads/").into_iter().collect();
        for (name, oid) in &tips {
            let message = self.store.commit(oid).map(|commit| commit.message).unwrap_or_default();
            let is_held = MARKS.iter().any(|mark| message.contains(mark));
            if self.tips.get(name) != Some(oid) && !is_held {
                self.started.push(oid.clone());
            }
        }
        self.tips = tips;
    }

    pub fn issue_of_comment(&self, id: u64) -> Option<u64> {
        let holds = |issue: &&Issue| issue.comments.iter().any(|comment| comment.id == id);
        self.issues.values().find(holds).map(|issue| issue.number)
    }

    /// Brings open pull requests in line with the branches: the head moves with its branch, and a pull request whose head branch is
    /// gone is closed.
    pub fn follow_branches(&mut self, now: Timestamp) {
        self.start_workflows();
        for issue in self.issues.values_mut().filter(|issue| issue.closed_at.is_none()) {
            let Some(pull) = issue.pull.as_mut().filter(|pull| pull.home == Home::Here) else { continue };
            match self.store.target(&format!("refs/heads/{}", pull.head)) {
                Some(oid) => {
                    pull.head_oid = oid;
                    for thread in &mut pull.threads {
                        thread.follow(&self.store, &pull.head_oid);
                    }
                }
                None => issue.closed_at = Some(now),
            }
        }
    }
}

/// A check run of an App, or a status of an outside system.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub id: u64,
    pub name: String,
    pub kind: CheckKind,
    pub verdict: Verdict,
    pub report: Report,
}

/// What a check says beside its verdict.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub by: Checker,
    /// Path, line, level and message.
    pub annotations: Vec<(String, u64, &'static str, String)>,
    /// What it says of itself, Markdown.
    pub summary: Option<String>,
    /// Steps of the job: name, conclusion, and when they began and ended.
    pub steps: Vec<(&'static str, &'static str, &'static str, &'static str)>,
    pub log: Log,
    pub is_required: bool,
}

/// Which App runs a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checker {
    #[default]
    Actions,
    Another,
}

/// What became of the log of a job.
#[derive(Debug, Clone, Default)]
pub enum Log {
    /// There is none: 404.
    #[default]
    None,
    Kept(Vec<u8>),
    /// Its time is over: 410.
    Gone,
    /// It is gone from where it was stored, whatever GitHub knows of it: 404 there.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckKind {
    Run,
    Status,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Running,
    Passed,
    Failed,
    Skipped,
}

#[derive(Debug, Clone)]
pub struct Label {
    pub id: u64,
    pub name: String,
    pub color: String,
    pub description: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Issue {
    pub id: u64,
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub author: String,
    pub labels: Vec<String>,
    pub assignees: Vec<String>,
    pub lock: Lock,
    pub comments: Vec<Comment>,
    pub reactions: Vec<Reaction>,
    pub events: Vec<Event>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When the text was last edited.
    pub edited_at: Option<Timestamp>,
    /// Open as long as there is none.
    pub closed_at: Option<Timestamp>,
    pub place: Place,
    pub pull: Option<Pull>,
}

/// Whether people without write access may comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    Unlocked,
    Locked,
}

/// Where an issue is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Here,
    /// Deleted by an administrator: answered with 410.
    Deleted,
    /// Transferred: answered with a redirect to this repository and number.
    Moved {
        repo: String,
        number: u64,
    },
}

#[derive(Debug, Clone)]
pub struct Pull {
    pub id: u64,
    pub stage: Stage,
    pub head: String,
    pub head_oid: Oid,
    pub base: String,
    pub base_oid: Oid,
    pub reviewers: Vec<String>,
    pub reviews: Vec<Review>,
    pub threads: Vec<Thread>,
    pub home: Home,
    /// Whether it is merged by itself as soon as it may be.
    pub auto_merge: bool,
    pub merged_at: Option<Timestamp>,
}

/// Where the branch of a pull request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    Here,
    /// In another repository, under the same name.
    Fork,
}

/// The conversation on a place of a pull request.
#[derive(Debug, Clone)]
pub struct Thread {
    pub id: u64,
    pub path: String,
    pub line: Option<u64>,
    pub hunk: String,
    /// The line's text. Once the file has it no more, the thread is outdated.
    pub text: Option<String>,
    pub resolution: Resolution,
    pub age: Age,
    /// Its comments, oldest first, by their ids.
    pub comments: Vec<u64>,
}

impl Thread {
    fn follow(&mut self, store: &Store, head: &Oid) {
        let Some(text) = &self.text else { return };
        let file = store.entry_at(head.as_str(), &self.path).and_then(|entry| store.blob(&entry.oid));
        let file = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        if let Some(at) = file.lines().position(|line| line == text) {
            self.line = Some(at as u64 + 1);
        } else {
            (self.line, self.age) = (None, Age::Outdated);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    Open,
    Resolved,
}

/// Whether newer changes left the line of a thread as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Current,
    Outdated,
}

/// What a review comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    Commented,
    Approved,
    ChangesRequested,
    Dismissed,
}

/// A review that was submitted, with its comments on lines.
#[derive(Debug, Clone)]
pub struct Review {
    pub opinion: Opinion,
    pub text: ReviewText,
    pub comments: Vec<ReviewText>,
}

#[derive(Debug, Clone)]
pub struct ReviewText {
    pub id: u64,
    pub author: String,
    pub body: String,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub reactions: Vec<Reaction>,
}

/// Whether a pull request asks for review yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Draft,
    Ready,
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub author: String,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub reactions: Vec<Reaction>,
}

#[derive(Debug, Clone)]
pub struct Reaction {
    pub id: u64,
    pub author: String,
    pub content: String,
    pub created_at: Timestamp,
}

/// Something that happened to an issue, as its timeline shows it.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: u64,
    pub actor: String,
    pub what: What,
    pub at: Timestamp,
}

#[derive(Debug, Clone)]
pub enum What {
    Labeled(String),
    Unlabeled(String),
    Assigned(String),
    Unassigned(String),
    Renamed { from: String, to: String },
    Closed,
    Reopened,
    ReviewRequested(String),
    ReadyForReview,
    ConvertedToDraft,
    Commented { comment: u64 },
}

/// A webhook delivery that GitHub remembers.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub id: u64,
    pub guid: String,
    pub event: String,
    pub status_code: u16,
    pub at: Timestamp,
    pub attempt: Attempt,
}

/// Whether GitHub delivered a webhook by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    First,
    Again,
}

/// The primary rate limit, as the headers tell it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimit {
    pub limit: u64,
    pub used: u64,
}

/// Everything that the stand-in knows.
#[derive(Debug)]
pub struct State {
    pub(crate) root: tempfile::TempDir,
    pub(crate) base: String,
    pub(crate) users: Vec<User>,
    pub(crate) repos: Vec<Repo>,
    pub(crate) app: App,
    pub(crate) tokens: Vec<Token>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) rate: RateLimit,
    clock: Timestamp,
    skew: Duration,
    next_id: u64,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::Builder::new()
                .prefix("github-")
                .tempdir()
                .expect("a temporary folder can be made"),
            base: String::new(),
            users: Vec::new(),
            repos: Vec::new(),
            app: App::new(),
            tokens: Vec::new(),
            deliveries: Vec::new(),
            rate: RateLimit { limit: 5000, used: 0 },
            clock: "2026-11-21T09:00:00Z".parse().expect("a valid time"),
            skew: Duration::ZERO,
            next_id: 1000,
        }
    }

    /// The time of the next thing that happens: one second after the last one.
    pub fn tick(&mut self) -> Timestamp {
        self.clock += jiff::Span::new().seconds(1);
        self.clock
    }

    /// Lets time pass between what happened and what happens next.
    pub fn pass(&mut self, time: Duration) {
        self.clock += time;
    }

    pub(crate) fn start(&mut self, at: Timestamp) {
        self.clock = at;
    }

    /// Remembers the delivery of a webhook so long ago.
    pub fn deliver(&mut self, guid: &str, event: &str, status_code: u16, ago: Duration) {
        let at = Timestamp::try_from(self.wall_clock() - ago).expect("a time of this century");
        let known = self.deliveries.iter().any(|delivery| delivery.guid == guid);
        let attempt = if known { Attempt::Again } else { Attempt::First };
        let (id, guid, event) = (self.id(), guid.to_owned(), event.to_owned());
        self.deliveries.push(Delivery { id, guid, event, status_code, at, attempt });
    }

    /// Puts GitHub's own clock ahead of this machine's, in the `Date` header and in the check of an App's claims.
    pub fn run_ahead_by(&mut self, skew: Duration) {
        self.skew = skew;
    }

    /// The time on GitHub's own clock, for whatever a client compares with its own.
    pub(crate) fn wall_clock(&self) -> SystemTime {
        SystemTime::now() + self.skew
    }

    pub(crate) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn user(&self, login: &str) -> Option<&User> {
        self.users.iter().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    /// The position of a repository by its present full name, in any case of letters.
    pub(crate) fn find(&self, full_name: &str) -> Option<usize> {
        self.repos.iter().position(|repo| repo.full_name().eq_ignore_ascii_case(full_name))
    }

    /// The position of a repository by a name that it had before.
    pub(crate) fn find_former(&self, full_name: &str) -> Option<usize> {
        let had = |repo: &Repo| repo.former_names.iter().any(|name| name.eq_ignore_ascii_case(full_name));
        self.repos.iter().position(had)
    }

    /// What a user may do in a repository. A private one gives strangers nothing, a public one lets them read.
    pub(crate) fn permission(&self, repo: &Repo, login: &str) -> Permission {
        let named = repo.permissions.iter().find(|(name, _)| name.eq_ignore_ascii_case(login));
        let granted = match named {
            Some((_, permission)) => *permission,
            None if repo.owner.eq_ignore_ascii_case(login) => Permission::Admin,
            None => self.user(login).map_or(Permission::None, |user| user.permission),
        };
        match repo.visibility {
            Visibility::Public => granted.max(Permission::Read),
            Visibility::Private => granted,
        }
    }
}
