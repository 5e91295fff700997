//! A *forge* keeps repositories: branches, commits, pull requests, reviews, and who may write.
//!
//! What a forge says is in [`model`]; what it looks like on the wire is known to the forge's own module alone.

pub mod github;
pub mod model;

use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::SecretString;
use shared::issue::PullRequestNumber;
use shared::repo::Repo;

use crate::call::{Call, CallError, Service};
use crate::lease::Lost;
use crate::outbound::Outbound;
use crate::path::RepoPath;
use crate::patience::Patience;
use crate::thread::{Comment, Identity, Since};
use github::Session;
use model::{
    Annotation, ChangedFile, Checks, Collaborator, Commit, CommitRequest, Comparison, Discussion, FailedRun,
    FailedStep, Given, ListedFile, Listing, LogEnd, NewPullRequest, Permission, PullRequest,
    PullRequestChecks, PullRequestSnapshot, Repository, Review, TreeEntry, Whole,
};

pub use github::{Credentials, Login, Past};

/// The repositories of an organization, archived ones left out, and whether these are all. Of the repository of `login` its owner
/// counts, not its name.
pub async fn of_organization(login: &Login<'_>) -> Result<(Vec<Repo>, Whole), CallError> {
    github::of_organization(login).await
}

/// The provider, in telemetry, of each repository that a message names.
pub const PROVIDER: &str = github::PROVIDER;

/// A forge as a run uses it: logged in, at one repository.
pub enum Forge {
    GitHub(Session),
}

impl Forge {
    pub async fn open(login: &Login<'_>) -> Result<Self, CallError> {
        Session::open(login).await.map(Self::GitHub)
    }

    /// The repositories on the host of `login` that the agent was given, archived ones left out.
    pub async fn given(login: &Login<'_>) -> Result<Given, CallError> {
        github::installed(login).await
    }

    /// Gives back what was lent for this run.
    pub async fn close(self) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.close().await,
        }
    }

    pub fn service(&self) -> Service {
        match self {
            Self::GitHub(_) => Service::GitHub,
        }
    }

    /// What telemetry calls it.
    pub fn provider(&self) -> &'static str {
        match self {
            Self::GitHub(_) => github::PROVIDER,
        }
    }

    /// From here on, a wait that the forge asks for is waited that long, if that is longer than before.
    pub fn be_patient(&self, patience: Duration) {
        match self {
            Self::GitHub(session) => session.github.be_patient(patience),
        }
    }

    /// A call to this forge, for messages.
    pub fn call(&self, name: &str) -> Call {
        Call::new(self.service(), name)
    }

    /// How long one call to it is made again.
    pub fn patience(&self) -> Patience {
        match self {
            Self::GitHub(session) => session.github.patience(),
        }
    }

    /// Who we are there.
    pub fn identity(&self) -> &Identity {
        match self {
            Self::GitHub(session) => &session.identity,
        }
    }

    pub fn repository(&self) -> &Repository {
        match self {
            Self::GitHub(session) => &session.repository,
        }
    }

    /// The address of the repository under its present name.
    pub fn repo(&self) -> &Repo {
        match self {
            Self::GitHub(session) => session.repo(),
        }
    }

    /// What the git server takes for a password.
    pub fn token(&self) -> &SecretString {
        match self {
            Self::GitHub(session) => &session.token,
        }
    }

    /// Asks the lease, for a write that goes another way.
    pub async fn hold(&self) -> Result<(), Lost> {
        match self {
            Self::GitHub(session) => session.github.hold().await,
        }
    }

    /// The address of our own commits.
    pub fn own_address(&self) -> String {
        match self {
            Self::GitHub(session) => session.own_address(),
        }
    }

    /// The address by which the forge links a commit to its co-author.
    pub fn address_of(&self, user: &Collaborator) -> String {
        match self {
            Self::GitHub(session) => session.address_of(user),
        }
    }

    /// Whether a commit was made by us, and by nobody once more: not one that a person amended.
    pub fn made(&self, commit: &Commit) -> bool {
        match self {
            Self::GitHub(session) => session.made(commit),
        }
    }

    pub async fn collaborator(&self, login: &str) -> Result<Collaborator, CallError> {
        match self {
            Self::GitHub(session) => session.github.collaborator(login).await,
        }
    }

    pub async fn permission(&self, login: &str) -> Result<Permission, CallError> {
        Ok(self.collaborator(login).await?.permission)
    }

    /// The commit that a branch points to; `None` if there is no such branch.
    pub async fn branch(&self, name: &str) -> Result<Option<String>, CallError> {
        match self {
            Self::GitHub(session) => session.github.branch(name).await,
        }
    }

    /// Makes a branch. One that exists is [`CallError::Invalid`]; whose it is must be looked at.
    pub async fn create_branch(&self, name: &str, commit: &str) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.create_branch(name, commit).await,
        }
    }

    /// Moves a branch from one commit to another that need not follow it, if it is still at `from`.
    pub async fn reset_branch(&self, branch: &str, from: &str, to: &str) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.reset_branch(branch, from, to).await,
        }
    }

    /// The files of a commit, as far as the forge lists them.
    pub async fn files_of(&self, commit: &str) -> Result<Listing, CallError> {
        match self {
            Self::GitHub(session) => session.github.files_of(commit).await,
        }
    }

    /// The content of one of these files.
    pub async fn content_of(&self, file: &ListedFile) -> Result<Vec<u8>, CallError> {
        match self {
            Self::GitHub(session) => session.github.content_of(file).await,
        }
    }

    /// What was said and opened in this repository before.
    pub fn past(&self) -> Past {
        match self {
            Self::GitHub(session) => Past::of(session),
        }
    }

    pub async fn commit(&self, id: &str) -> Result<Commit, CallError> {
        match self {
            Self::GitHub(session) => session.github.commit(id).await,
        }
    }

    /// Makes a commit of ours that no branch points to yet.
    pub async fn create_loose_commit(
        &self,
        message: &str,
        tree: &str,
        parents: &[&str],
    ) -> Result<Commit, CallError> {
        match self {
            Self::GitHub(session) => session.create_loose_commit(message, tree, parents).await,
        }
    }

    /// Makes a tree that differs from `base` in these entries, and returns its id. Nothing refers to it yet.
    pub async fn create_tree(&self, base: &str, entries: &[TreeEntry<'_>]) -> Result<String, CallError> {
        match self {
            Self::GitHub(session) => session.github.create_tree(base, entries).await,
        }
    }

    /// Moves a branch to a commit that follows the one that it is at. Any other move is [`CallError::Invalid`].
    pub async fn advance_branch(&self, branch: &str, to: &str) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.advance_branch(branch, to).await,
        }
    }

    /// Makes a commit if the branch is still where it is expected. Returns the commit's id.
    pub async fn create_commit(&self, request: &CommitRequest<'_>) -> Result<String, CallError> {
        match self {
            Self::GitHub(session) => session.github.create_commit(request).await,
        }
    }

    /// What `head` has that `base` has not, and the other way round.
    pub async fn compare(&self, base: &str, head: &str) -> Result<Comparison, CallError> {
        match self {
            Self::GitHub(session) => session.github.compare(base, head).await,
        }
    }

    pub async fn pull_request(&self, number: PullRequestNumber) -> Result<PullRequest, CallError> {
        match self {
            Self::GitHub(session) => session.github.pull_request(number).await,
        }
    }

    /// The pull requests of a branch of this repository, open and closed, newest first.
    pub async fn pull_requests_of(&self, branch: &str) -> Result<Vec<PullRequest>, CallError> {
        match self {
            Self::GitHub(session) => session.github.pull_requests_of(branch).await,
        }
    }

    /// The open pull request of a branch of this repository, if there is one.
    pub async fn open_pull_request_of(&self, branch: &str) -> Result<Option<PullRequest>, CallError> {
        let all = self.pull_requests_of(branch).await?;
        Ok(all.into_iter().find(|found| found.stage == model::Stage::Open))
    }

    /// A pull request as it is now, with all that was said on it since; `None` if it is gone.
    pub async fn pull_request_snapshot(
        &self,
        number: PullRequestNumber,
        since: Since,
    ) -> Result<Option<PullRequestSnapshot>, CallError> {
        match self {
            Self::GitHub(session) => session.github.pull_request_snapshot(number, since).await,
        }
    }

    /// How the checks of a branch's newest commit stand, and whether the repository has any.
    pub async fn checks_of(&self, branch: &str, base: &str) -> Result<(Checks, bool), CallError> {
        match self {
            Self::GitHub(session) => session.github.checks_of(branch, base).await,
        }
    }

    /// How the checks of a pull request stand.
    pub async fn pull_request_checks(
        &self,
        number: PullRequestNumber,
    ) -> Result<PullRequestChecks, CallError> {
        match self {
            Self::GitHub(session) => session.github.pull_request_checks(number).await,
        }
    }

    /// The names of checks that fail on a commit.
    pub async fn failing_on(&self, commit: &str) -> Result<Vec<String>, CallError> {
        match self {
            Self::GitHub(session) => session.github.failing_on(commit).await,
        }
    }

    /// The check runs of a commit that failed.
    pub async fn failed_runs(&self, commit: &str) -> Result<Vec<FailedRun>, CallError> {
        match self {
            Self::GitHub(session) => session.github.failed_runs(commit).await,
        }
    }

    /// The first annotations of a check run.
    pub async fn annotations(&self, run: &FailedRun) -> Result<Vec<Annotation>, CallError> {
        match self {
            Self::GitHub(session) => session.github.annotations(run.id).await,
        }
    }

    /// The steps that failed of a check run of the forge's own CI.
    pub async fn failed_steps(&self, run: &FailedRun) -> Result<Vec<FailedStep>, CallError> {
        match self {
            Self::GitHub(session) => session.github.failed_steps(run.id).await,
        }
    }

    /// The log of a check run of the forge's own CI, piece by piece.
    pub async fn log_of(&self, run: &FailedRun, take: impl FnMut(&[u8])) -> Result<LogEnd, CallError> {
        match self {
            Self::GitHub(session) => session.github.job_log(run.id, take).await,
        }
    }

    /// The newest reviews that a person wrote of a pull request.
    pub async fn reviews_by(
        &self,
        author: &str,
        pull_request: PullRequestNumber,
    ) -> Result<Vec<Review>, CallError> {
        match self {
            Self::GitHub(session) => session.github.reviews_by(author, pull_request).await,
        }
    }

    /// A pull request with what reviewers said of it; `None` if it is gone.
    pub async fn discussion(&self, pull_request: PullRequestNumber) -> Result<Option<Discussion>, CallError> {
        match self {
            Self::GitHub(session) => session.github.discussion(pull_request).await,
        }
    }

    /// What a pull request changes: the first files of many.
    pub async fn changed_files(
        &self,
        pull_request: PullRequestNumber,
    ) -> Result<Vec<ChangedFile>, CallError> {
        match self {
            Self::GitHub(session) => session.github.changed_files(pull_request).await,
        }
    }

    /// Replies to the first comment of a thread, and only once: a lost answer is [`CallError::Unknown`].
    pub async fn reply(
        &self,
        pull_request: PullRequestNumber,
        first: u64,
        body: &Outbound,
    ) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.reply(pull_request, first, body).await,
        }
    }

    /// Marks a thread as resolved; one that is stays so.
    pub async fn resolve_thread(&self, handle: &str) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.resolve_thread(handle).await,
        }
    }

    /// Opens a pull request, and only one. One that exists is [`CallError::Invalid`].
    pub async fn create_pull_request(&self, new: &NewPullRequest<'_>) -> Result<PullRequest, CallError> {
        match self {
            Self::GitHub(session) => session.github.create_pull_request(new).await,
        }
    }

    pub async fn edit_pull_request(
        &self,
        number: PullRequestNumber,
        title: &Outbound,
        body: &Outbound,
    ) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.edit_pull_request(number, title, body).await,
        }
    }

    /// Changes the description and leaves the title, which a person may have changed.
    pub async fn edit_description(
        &self,
        number: PullRequestNumber,
        body: &Outbound,
    ) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.edit_description(number, body).await,
        }
    }

    /// The address, on its own host, of lines of a file at a commit.
    pub fn page_of(&self, commit: &str, path: &RepoPath, lines: RangeInclusive<usize>) -> String {
        match self {
            Self::GitHub(session) => session.github.page_of(commit, path, lines),
        }
    }

    /// Closes a pull request that is not merged; one that is closed stays so.
    pub async fn close_pull_request(&self, number: PullRequestNumber) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.close_pull_request(number).await,
        }
    }

    /// Turns a draft into a pull request that is ready for review.
    pub async fn mark_ready(&self, pull: &PullRequest) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.mark_ready(&pull.handle).await,
        }
    }

    /// Asks a user for a review; who was asked before stays asked.
    pub async fn request_review(
        &self,
        pull_request: PullRequestNumber,
        login: &str,
    ) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.request_review(pull_request, login).await,
        }
    }

    /// Adds labels to a pull request; those that are there stay.
    pub async fn add_labels(
        &self,
        pull_request: PullRequestNumber,
        labels: &[&str],
    ) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.add_labels(pull_request.into(), labels).await,
        }
    }

    /// Shows who reviewed a pull request that somebody is at it.
    pub async fn acknowledge_review(
        &self,
        pull_request: PullRequestNumber,
        review: u64,
    ) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.react_to_review(pull_request, review).await,
        }
    }

    /// The same to who gave a command in a comment of its conversation.
    pub async fn acknowledge_comment(&self, id: u64) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.react_to_comment(id).await,
        }
    }

    /// The same to who gave one in a comment on a line.
    pub async fn acknowledge_line(&self, id: u64) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.react_to_line(id).await,
        }
    }

    /// Shows on a pull request that its merge was seen. Answers whether that was not shown before.
    pub async fn celebrate(&self, pull_request: PullRequestNumber) -> Result<bool, CallError> {
        match self {
            Self::GitHub(session) => session.github.celebrate(pull_request.into()).await,
        }
    }

    /// The comments of a pull request that are not on lines, oldest first.
    pub async fn comments(&self, pull_request: PullRequestNumber) -> Result<Vec<Comment>, CallError> {
        match self {
            Self::GitHub(session) => session.github.comments(pull_request.into()).await,
        }
    }

    /// One of these comments.
    pub async fn comment(&self, id: u64) -> Result<Comment, CallError> {
        match self {
            Self::GitHub(session) => session.github.comment(id).await,
        }
    }

    /// Makes a comment, and only one: a lost answer is [`CallError::Unknown`].
    pub async fn create_comment(
        &self,
        pull_request: PullRequestNumber,
        body: &Outbound,
    ) -> Result<u64, CallError> {
        match self {
            Self::GitHub(session) => session.github.create_comment(pull_request.into(), body).await,
        }
    }

    pub async fn edit_comment(&self, id: u64, body: &Outbound) -> Result<(), CallError> {
        match self {
            Self::GitHub(session) => session.github.edit_comment(id, body).await,
        }
    }
}
