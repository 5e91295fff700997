//! What a *forge* says, in words that hold for every forge.

use jiff::Timestamp;
use shared::issue::PullRequestNumber;
use shared::repo::Repo;

use crate::call::CallError;
use crate::outbound::Outbound;
use crate::text::Raw;
use crate::thread::{AccountId, Remark, User};

/// A repository as it is now; its name can be another one than the task's.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Survives a renaming.
    pub id: u64,
    /// What the forge itself calls the repository in some of its calls.
    pub(super) handle: String,
    /// The path behind the host, such as `OWNER/NAME`.
    pub name: String,
    /// `None` while the repository is empty.
    pub default_branch: Option<Branch>,
    pub is_archived: bool,
    pub has_issues: bool,
    /// The repository's configuration on the default branch, if it has one.
    pub config: Option<File>,
}

/// The repositories that the agent was given, and who could not be asked which they are.
#[derive(Clone, Debug)]
pub struct Given {
    pub repos: Vec<Repo>,
    pub unreached: Vec<Unreached>,
}

/// An installation that could not be asked for its repositories.
#[derive(Clone, Debug)]
pub struct Unreached {
    /// Its name, for people.
    pub name: String,
    /// Whose it is, where the forge says so.
    pub owner: Option<String>,
    pub error: CallError,
}

/// A branch and the commit that it points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub name: String,
    pub commit: String,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub bytes: u64,
    pub content: Content,
}

/// What a forge shows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// Of a file that is too long to be shown whole.
    Cut,
    /// Of a file that is not text, or of what is not a file.
    NotText,
}

/// What a user may do, as far as a run cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Write,
    /// Anything less, or no collaborator at all.
    Less,
}

/// A user as a repository knows him.
#[derive(Clone, Debug)]
pub struct Collaborator {
    pub login: String,
    /// `None` where the forge does not tell.
    pub id: Option<AccountId>,
    pub permission: Permission,
}

#[derive(Clone, Debug)]
pub struct Commit {
    pub id: String,
    pub message: String,
    pub tree: String,
    pub parents: Vec<String>,
    /// When it was made last, by the clock of who made it.
    pub at: Timestamp,
    /// Who made it last; an author stays when a commit is amended.
    pub(super) committer: Signature,
}

/// A name in a commit.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) email: String,
}

/// A commit to be made by the forge on a branch that is at `expected_head`.
pub struct CommitRequest<'a> {
    pub branch: &'a str,
    pub expected_head: &'a str,
    pub message: &'a Outbound,
    /// Path and whole content.
    pub additions: Vec<(&'a str, &'a [u8])>,
    pub deletions: Vec<&'a str>,
}

/// The files of a commit.
#[derive(Clone, Debug)]
pub struct Listing {
    pub files: Vec<ListedFile>,
    /// Whether the forge lists all of them.
    pub is_whole: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    pub path: String,
    /// As git writes it, such as `100644`.
    pub mode: String,
    /// The id of its content.
    pub content: String,
    pub bytes: u64,
}

/// What a tree has at a path.
pub struct TreeEntry<'a> {
    pub path: &'a str,
    /// As git writes it, such as `100644`.
    pub mode: &'a str,
    pub content: TreeContent<'a>,
}

/// What stands at a path of a tree that is to be made.
pub enum TreeContent<'a> {
    /// The id of an object that the forge has.
    Object(String),
    Text(&'a str),
    /// Nothing any more.
    Absent,
}

/// What one commit has that another one has not.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Commits of the head that the base does not have.
    pub ahead: u64,
    /// Commits of the base that the head does not have.
    pub behind: u64,
    /// The paths that differ, a renamed file's with both of its names; `None` where the forge does not list all of them.
    pub paths: Option<Vec<String>>,
    /// The newest commit that both have.
    pub merge_base: String,
    /// The commits of the head that the base does not have, oldest first; `None` where the forge does not list all of them.
    pub commits: Option<Vec<Commit>>,
    /// What the head changes, file by file, as far as the forge shows it.
    pub diffs: Vec<FileDiff>,
}

/// What a comparison shows of one file.
#[derive(Clone, Debug)]
pub struct FileDiff {
    pub path: String,
    /// A unified diff without its head.
    pub diff: Raw,
}

#[derive(Clone, Debug)]
pub struct PullRequest {
    pub number: PullRequestNumber,
    /// What the forge itself calls it in some of its calls.
    pub(super) handle: String,
    pub stage: Stage,
    pub kind: PullRequestKind,
    pub body: String,
    /// The branch with the change, and its newest commit.
    pub head: Branch,
    /// The name of the branch that it is for.
    pub base: String,
    pub by: Option<User>,
}

/// A pull request of a time that is looked back at.
#[derive(Clone, Debug)]
pub struct PastPullRequest {
    pub number: u64,
    pub branch: String,
    pub stage: Stage,
    pub created_at: Timestamp,
    pub body: Raw,
}

/// A comment of that time.
#[derive(Clone, Debug)]
pub struct PastComment {
    pub id: u64,
    /// The number of its issue or pull request.
    pub issue: u64,
    pub body: Raw,
    /// `None` for an account that is gone.
    pub by: Option<User>,
    /// When it was last written.
    pub written_at: Timestamp,
}

/// Whether a list was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Yes,
    /// It is longer than what is read.
    No,
}

/// How far a pull request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    Merged,
    /// Without having been merged.
    Closed,
}

/// How the checks of a commit stand, all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checks {
    /// It has none, or none that has begun.
    Absent,
    Running,
    Passed,
    /// With the names of those that failed.
    Failed(Vec<String>),
}

/// The checks of a pull request's newest commit.
#[derive(Clone, Debug)]
pub struct PullRequestChecks {
    /// That commit.
    pub head: String,
    pub checks: Checks,
    pub wish: StageWish,
    /// Names of those that fail on the newest commit of the branch that it is for.
    pub failing_on_base: Vec<String>,
    /// Names of those that have not ended, whatever the others say.
    pub running: Vec<String>,
    /// Names of those that are required and were skipped.
    pub skipped: Vec<String>,
    pub decision: Option<Decision>,
}

/// What a person decided about a pull request as it is: what comes on top of it unasked, that person has not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Somebody with write access approved it. With the login.
    Approved(String),
    /// It is merged by itself as soon as it may be.
    MergesItself,
}

/// A check run of a commit that failed, and can be asked about.
#[derive(Clone, Debug)]
pub struct FailedRun {
    pub id: u64,
    pub name: String,
    /// How many annotations it has.
    pub annotations: u64,
    /// What it says of itself, Markdown.
    pub output: Raw,
    pub by: Checker,
}

/// Who runs a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checker {
    /// The forge's own CI, which keeps a log.
    Ci,
    /// Some other program.
    Other,
}

/// What a check says of a place in a file.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// As the check names it: the repository need not have such a file.
    pub path: Raw,
    pub line: u64,
    pub weight: Weight,
    /// Title, message and details.
    pub text: Raw,
}

/// How much an annotation matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Failure,
    Warning,
    Notice,
}

/// A step of a job that failed.
#[derive(Clone, Debug)]
pub struct FailedStep {
    pub name: Raw,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

/// How much of a log was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEnd {
    Reached,
    /// It is longer than is read, or took longer than is waited for.
    Cut,
}

/// What somebody last made a pull request by hand. We make none a draft that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageWish {
    Draft,
    /// Nothing that keeps it from being ready.
    Any,
}

/// Whether a pull request asks for review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequestKind {
    Ready,
    Draft,
}

/// A pull request to be opened.
pub struct NewPullRequest<'a> {
    pub title: &'a Outbound,
    pub body: &'a Outbound,
    pub head: &'a str,
    pub base: &'a str,
    pub kind: PullRequestKind,
}

/// A pull request in the middle of a run, with the newest of what was said on it.
#[derive(Clone, Debug)]
pub struct PullRequestSnapshot {
    pub stage: Stage,
    pub remarks: Vec<Remark>,
    pub reviews: Vec<Review>,
}

/// A review of a pull request.
#[derive(Clone, Debug)]
pub struct Review {
    pub text: ReviewText,
    pub on_lines: Vec<ReviewText>,
}

impl Review {
    /// Its own text, and those on lines.
    pub fn texts(&self) -> impl Iterator<Item = &ReviewText> {
        std::iter::once(&self.text).chain(&self.on_lines)
    }
}

/// The text of a review, or a comment on a line.
#[derive(Clone, Debug)]
pub struct ReviewText {
    /// Of texts and of comments on lines each kind has its own.
    pub id: u64,
    pub body: Raw,
    /// The login of the author.
    pub by: Option<String>,
    pub created_at: Timestamp,
    /// `None` if the text is as it was written.
    pub edited_at: Option<Timestamp>,
}

/// A pull request with what reviewers said of it, and its newest commits.
#[derive(Clone, Debug)]
pub struct Discussion {
    pub pull: PullRequest,
    pub home: Home,
    pub labels: Vec<String>,
    /// The newest ones, oldest first.
    pub commits: Vec<NewCommit>,
    pub reviews: Vec<GivenReview>,
    pub threads: Vec<ReviewThread>,
    /// Its newest comments that are not on lines, oldest first.
    pub remarks: Vec<ThreadComment>,
}

/// Where the branch of a pull request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the repository itself.
    Here,
    Fork,
}

/// A commit of a pull request.
#[derive(Clone, Debug)]
pub struct NewCommit {
    pub id: String,
    pub message: String,
    /// Whether it has the files of its parent; of a merge, those of the branch that was merged.
    pub is_empty: bool,
}

/// A review that was submitted.
#[derive(Clone, Debug)]
pub struct GivenReview {
    pub id: u64,
    pub verdict: Verdict,
    pub body: Raw,
    pub by: Option<User>,
    pub submitted_at: Timestamp,
    /// Whether its text is another one than was submitted.
    pub is_edited: bool,
}

/// What a review comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    ChangesRequested,
    Dismissed,
    /// Not submitted yet: nobody but its author sees it.
    Pending,
    /// An approval, or a comment.
    Other,
}

/// The conversation about a place of a pull request.
#[derive(Clone, Debug)]
pub struct ReviewThread {
    /// What the forge itself calls it in some of its calls.
    pub handle: String,
    /// Its first comment, to which others reply.
    pub first: u64,
    pub path: String,
    pub place: ThreadPlace,
    pub state: ThreadState,
    /// The lines around the place, as a diff.
    pub hunk: String,
    /// The newest ones, oldest first.
    pub comments: Vec<ThreadComment>,
}

/// What of a file a thread is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadPlace {
    Line(u64),
    File,
    /// A line that is not there any more.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    Open,
    Resolved,
}

#[derive(Clone, Debug)]
pub struct ThreadComment {
    pub id: u64,
    pub body: Raw,
    pub by: Option<User>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    /// The review that it is a part of.
    pub review: Option<u64>,
}

/// A file that a pull request changes.
#[derive(Clone, Debug)]
pub struct ChangedFile {
    pub path: String,
    /// Added, modified, removed or renamed, as the forge says it.
    pub how: String,
    /// Absent where it is binary or too long.
    pub patch: Option<String>,
}
