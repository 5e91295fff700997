//! A *tracker* keeps issues: their text, comments, labels and history.
//!
//! It is not the forge: an issue of one service can have its code on another one. GitHub is both. Who may ask is told by
//! the forge, because what is asked for is a change of its repository.

pub mod github;
pub mod jira;
pub mod model;

use secrecy::SecretString;
use shared::issue::IssueId;
use shared::repo::Repo;

use crate::call::{Call, CallError, Service};
use crate::forge::Forge;
use crate::network::Network;
use crate::outbound::Outbound;
use crate::patience::Patience;
use crate::thread::{Comment, Identity, Since};
use github::Issues;
use model::{Event, Found, IssueSnapshot, Listed, Listing, Milestone};

/// Reads an issue that is kept where the code is, outside of a run: with a token, or as anybody can.
pub async fn read_issue(
    repo: &Repo,
    id: &IssueId,
    token: Option<&SecretString>,
    network: &Network,
) -> Result<Found, CallError> {
    github::read_issue(repo, id, token, network).await
}

/// A tracker as a run uses it: logged in, at the issues of one repository.
pub enum Tracker {
    GitHub(Box<Issues>),
    Jira(Box<jira::Issues>),
}

impl Tracker {
    /// The tracker of a repository whose issues are kept where the code is.
    pub fn beside(forge: &Forge) -> Self {
        match forge {
            Forge::GitHub(session) => Self::GitHub(Box::new(Issues::of(session))),
        }
    }

    pub fn service(&self) -> Service {
        match self {
            Self::GitHub(_) => Service::GitHub,
            Self::Jira(_) => Service::Jira,
        }
    }

    /// A call to this tracker, for messages.
    pub fn call(&self, name: &str) -> Call {
        Call::new(self.service(), name)
    }

    /// How long one call to it is made again.
    pub fn patience(&self) -> Patience {
        match self {
            Self::GitHub(issues) => issues.patience(),
            Self::Jira(issues) => issues.patience(),
        }
    }

    /// Who we are there.
    pub fn identity(&self) -> &Identity {
        match self {
            Self::GitHub(issues) => issues.identity(),
            Self::Jira(issues) => issues.identity(),
        }
    }

    pub async fn issue(&self, id: &IssueId) -> Result<Found, CallError> {
        match self {
            Self::GitHub(issues) => issues.issue(id).await,
            Self::Jira(issues) => issues.issue(id).await,
        }
    }

    /// The issues that have a label, oldest first; among them pull requests, where the tracker counts these as well.
    pub async fn labelled(&self, label: &str, listed: Listed) -> Result<Listing, CallError> {
        match self {
            Self::GitHub(issues) => issues.labelled(label, listed).await,
            Self::Jira(issues) => issues.labelled(label, listed).await,
        }
    }

    /// The open issues that ask for work by this label, or by an assignment where that is enough, oldest first.
    pub async fn asking_for_work(&self, trigger: &str) -> Result<Listing, CallError> {
        match self {
            Self::GitHub(issues) => issues.labelled(trigger, Listed::Open).await,
            Self::Jira(issues) => issues.asking_for_work(trigger).await,
        }
    }

    /// An issue as it is now, with all that was said on it since; `None` if it is gone.
    pub async fn snapshot(&self, issue: &IssueId, since: Since) -> Result<Option<IssueSnapshot>, CallError> {
        match self {
            Self::GitHub(issues) => issues.snapshot(issue, since).await,
            Self::Jira(issues) => issues.snapshot(issue, since).await,
        }
    }

    /// What happened to an issue, oldest first.
    pub async fn history(&self, issue: &IssueId) -> Result<Vec<Event>, CallError> {
        match self {
            Self::GitHub(issues) => issues.history(issue).await,
            Self::Jira(issues) => issues.history(issue).await,
        }
    }

    /// When the text of an issue was last edited, if it ever was.
    pub async fn edited_at(&self, issue: &IssueId) -> Result<Option<jiff::Timestamp>, CallError> {
        match self {
            Self::GitHub(issues) => issues.edited_at(issue).await,
            Self::Jira(issues) => issues.edited_at(issue).await,
        }
    }

    /// The comments of an issue, oldest first.
    pub async fn comments(&self, issue: &IssueId) -> Result<Vec<Comment>, CallError> {
        match self {
            Self::GitHub(issues) => issues.comments(issue).await,
            Self::Jira(issues) => issues.comments(issue).await,
        }
    }

    /// The same, of which few are in memory at a time, however many there are.
    pub async fn each_comment(&self, issue: &IssueId, take: impl FnMut(Comment)) -> Result<(), CallError> {
        match self {
            Self::GitHub(issues) => issues.each_comment(issue, take).await,
            Self::Jira(issues) => issues.each_comment(issue, take).await,
        }
    }

    /// One of these comments.
    pub async fn comment(&self, issue: &IssueId, id: u64) -> Result<Comment, CallError> {
        match self {
            Self::GitHub(issues) => issues.comment(id).await,
            Self::Jira(issues) => issues.comment(issue, id).await,
        }
    }

    /// Shows who asked for work on an issue that somebody is at it.
    pub async fn acknowledge(&self, issue: &IssueId) -> Result<(), CallError> {
        match self {
            Self::GitHub(issues) => issues.acknowledge(issue).await,
            // There are no reactions.
            Self::Jira(_) => Ok(()),
        }
    }

    /// The same to who gave a command in a comment.
    pub async fn acknowledge_comment(&self, id: u64) -> Result<(), CallError> {
        match self {
            Self::GitHub(issues) => issues.acknowledge_comment(id).await,
            Self::Jira(_) => Ok(()),
        }
    }

    /// Makes a comment, and only one: a lost answer is [`CallError::Unknown`].
    pub async fn create_comment(&self, issue: &IssueId, body: &Outbound) -> Result<u64, CallError> {
        match self {
            Self::GitHub(issues) => issues.create_comment(issue, body).await,
            Self::Jira(issues) => issues.create_comment(issue, body).await,
        }
    }

    pub async fn edit_comment(&self, issue: &IssueId, id: u64, body: &Outbound) -> Result<(), CallError> {
        match self {
            Self::GitHub(issues) => issues.edit_comment(id, body).await,
            Self::Jira(issues) => issues.edit_comment(issue, id, body).await,
        }
    }

    /// Takes a comment of ours away that says nothing. Where that is a permission of its own, these words take its place.
    pub async fn withdraw_comment(
        &self,
        issue: &IssueId,
        id: u64,
        words: &Outbound,
    ) -> Result<(), CallError> {
        match self {
            Self::GitHub(issues) => issues.delete_comment(id).await,
            Self::Jira(issues) => issues.edit_comment(issue, id, words).await,
        }
    }

    /// Adds labels; those that are there stay. A label that is not known yet is made.
    pub async fn add_labels(&self, issue: &IssueId, labels: &[&str]) -> Result<(), CallError> {
        match self {
            Self::GitHub(issues) => issues.add_labels(issue, labels).await,
            Self::Jira(issues) => issues.add_labels(issue, labels).await,
        }
    }

    /// Removes a label; one that is not there is no error.
    pub async fn remove_label(&self, issue: &IssueId, label: &str) -> Result<(), CallError> {
        match self {
            Self::GitHub(issues) => issues.remove_label(issue, label).await,
            Self::Jira(issues) => issues.remove_label(issue, label).await,
        }
    }

    /// Whether pull requests are threads of the tracker, as on GitHub.
    pub fn counts_pull_requests(&self) -> bool {
        match self {
            Self::GitHub(_) => true,
            Self::Jira(_) => false,
        }
    }

    /// Whether it has issues with ids of this kind.
    pub fn knows(&self, id: &IssueId) -> bool {
        match (self, id) {
            (Self::GitHub(_), IssueId::Number(_)) | (Self::Jira(_), IssueId::Key(_)) => true,
            (Self::GitHub(_), IssueId::Key(_)) | (Self::Jira(_), IssueId::Number(_)) => false,
        }
    }

    /// Whether it has this issue for the repository, as far as the id tells.
    pub fn has(&self, id: &IssueId, repo: &Repo) -> bool {
        match (self, id) {
            (Self::GitHub(_), IssueId::Number(_)) => true,
            (Self::Jira(issues), IssueId::Key(key)) => issues.site().has(key, repo),
            (Self::GitHub(_), IssueId::Key(_)) | (Self::Jira(_), IssueId::Number(_)) => false,
        }
    }

    /// Whether the repository's configuration may name the labels. Those of Jira are named for many repositories.
    pub fn labels_are_the_repositorys(&self) -> bool {
        self.counts_pull_requests()
    }

    /// Whether there are no issues where the repository has its own switched off.
    pub fn needs_issues_of_repository(&self) -> bool {
        self.counts_pull_requests()
    }

    /// Whether of two comments, one here and one on a pull request, the later one has the higher id.
    pub fn shares_ids_with_forge(&self) -> bool {
        self.counts_pull_requests()
    }

    /// Whether comments here and commits there have the time of one clock.
    pub fn shares_clock_with_forge(&self) -> bool {
        self.counts_pull_requests()
    }

    /// Whether whoever reads an issue is a link away from its pull request, and may read that.
    pub fn is_read_with_code(&self) -> bool {
        self.counts_pull_requests()
    }

    /// Whether a refusal is remembered at the broker, so that who was refused is not heard for a while. What asks on Jira is
    /// no task yet.
    pub fn remembers_refusals(&self) -> bool {
        self.counts_pull_requests()
    }

    /// Whether an assignment to the agent asks for work as the label does.
    pub fn takes_assignments(&self) -> bool {
        match self {
            Self::GitHub(_) => false,
            Self::Jira(_) => true,
        }
    }

    /// Whether an issue whose pull request is merged has somewhere to go that has to be asked for.
    pub fn moves_merged(&self) -> bool {
        match self {
            Self::GitHub(_) => false,
            Self::Jira(issues) => issues.site().moves_merged(),
        }
    }

    /// Whether [`Self::reached`] would move the issue.
    pub async fn is_due(&self, issue: &IssueId, milestone: Milestone) -> Result<bool, CallError> {
        match self {
            Self::GitHub(_) => Ok(false),
            Self::Jira(issues) => issues.is_due(issue, milestone).await,
        }
    }

    /// Whether the text of an issue was edited after that time, where the message of a task brings no digest of it.
    pub async fn is_edited_since(
        &self,
        issue: &IssueId,
        asked_at: jiff::Timestamp,
    ) -> Result<bool, CallError> {
        match self {
            Self::GitHub(_) => Ok(false),
            Self::Jira(issues) => Ok(issues.edited_at(issue).await?.is_some_and(|edited| edited > asked_at)),
        }
    }

    /// Shows a pull request on the issue, where a tracker does not find that out by itself.
    pub async fn link(&self, issue: &IssueId, url: &str, title: &str) -> Result<(), CallError> {
        match self {
            Self::GitHub(_) => Ok(()),
            Self::Jira(issues) => issues.link(issue, url, title).await,
        }
    }

    /// Shows how far the work is, where a tracker has a status for that.
    pub async fn reached(&self, issue: &IssueId, milestone: Milestone) -> Result<(), CallError> {
        match self {
            Self::GitHub(_) => Ok(()),
            Self::Jira(issues) => issues.reached(issue, milestone).await,
        }
    }
}
