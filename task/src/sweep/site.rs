//! A *site* is one repository as a sweep works on it: logged in, with what is known of it.

use std::collections::HashMap;

use jiff::Timestamp;
use shared::repo::Repo;
use shared::state::{LabelNames, State};

use super::settings::Place;
use crate::call::CallError;
use crate::forge::{Forge, Login};
use crate::lease::Lease;
use crate::marker::Marks;
use crate::outbound::Gate;
use crate::outcome::Failure;
use crate::record::comment::{self, Turn};
use crate::record::status::{Phase, Status, find_status, with_status};
use crate::repo_config::{self, RepoConfig};
use crate::run::settings::RunSettings;
use crate::thread::Comment;
use crate::tracker::Tracker;
use crate::tracker::model::{Issue, has_label};

/// See the module's documentation.
pub(super) struct Site<'a> {
    pub(super) repo: Repo,
    pub(super) tracker: Tracker,
    pub(super) forge: Forge,
    marks: Marks,
    labels: LabelNames,
    run: &'a RunSettings,
}

/// The sites of a sweep. Each is opened once; one that cannot be opened is not tried again.
pub(super) struct Sites<'a> {
    run: &'a RunSettings,
    lease: &'a Lease,
    known: HashMap<String, Result<Site<'a>, CallError>>,
}

impl<'a> Sites<'a> {
    pub(super) fn new(run: &'a RunSettings, lease: &'a Lease) -> Self {
        Self { run, lease, known: HashMap::new() }
    }

    pub(super) async fn at(&mut self, repo: &Repo) -> Result<&Site<'a>, CallError> {
        let key = repo.url().to_ascii_lowercase();
        if !self.known.contains_key(&key) {
            let opened = Site::open(self.run, repo, self.lease).await;
            self.known.insert(key.clone(), opened);
        }
        self.known[&key].as_ref().map_err(CallError::clone)
    }

    /// The repositories at these places.
    pub(super) async fn list(&self, places: &[Place]) -> Result<Vec<Repo>, CallError> {
        let mut found = Vec::new();
        for place in places {
            match place {
                Place::One(repo) => found.push(repo.clone()),
                Place::AllOn(host) => found.extend(self.given_on(host).await?),
            }
        }
        Ok(found)
    }

    async fn given_on(&self, host: &Repo) -> Result<Vec<Repo>, CallError> {
        Forge::given(&login(self.run, host, self.lease)).await
    }

    /// Gives minted tokens back.
    pub(super) async fn close(self) {
        for site in self.known.into_values().flatten() {
            if let Err(error) = site.forge.close().await {
                tracing::warn!(%error, "an installation token could not be revoked; it expires within the hour");
            }
        }
    }
}

fn login<'a>(run: &'a RunSettings, repo: &'a Repo, lease: &Lease) -> Login<'a> {
    Login {
        credentials: &run.credentials,
        repo,
        hosts: &run.hosts,
        // What a task says may be out of date.
        repository: None,
        installation: None,
        config_file: repo_config::PATH,
        lease: lease.clone(),
        patience: run.patience,
        timeout: run.timeout,
    }
}

impl<'a> Site<'a> {
    async fn open(run: &'a RunSettings, repo: &Repo, lease: &Lease) -> Result<Self, CallError> {
        let forge = Forge::open(&login(run, repo, lease)).await?;
        let marks = Marks::new(run.marker_key.clone(), forge.repository().id);
        // A run that finds a configuration that cannot be used takes the operator's names as well.
        let labels = RepoConfig::of(forge.repository().config.as_ref())
            .map_or_else(|_| run.labels.clone(), |own| own.labels(&run.labels));
        Ok(Self { repo: forge.repo().clone(), tracker: Tracker::beside(&forge), forge, marks, labels, run })
    }

    /// The forge's number of the repository.
    pub(super) fn repository_id(&self) -> u64 {
        self.forge.repository().id
    }

    /// The name of an issue, as GitHub links it.
    pub(super) fn name(&self, issue: u64) -> String {
        format!("{}#{issue}", self.repo)
    }

    /// What the labels are called in this repository.
    pub(super) fn labels(&self) -> &LabelNames {
        &self.labels
    }

    /// Our status comments of an issue, oldest first, with when each was last written.
    pub(super) async fn statuses(&self, issue: u64) -> Result<Vec<Said>, CallError> {
        let comments = self.tracker.comments(issue).await?;
        let written = |id: u64| {
            comments.iter().find(|comment: &&Comment| comment.id == id).map(|found| found.updated_at)
        };
        Ok(find_status(&self.marks, self.tracker.identity(), issue, &comments)
            .into_iter()
            .map(|(comment, status)| {
                let seen = written(comment).map_or(status.since, |written| written.max(status.since));
                Said { comment, status, seen }
            })
            .collect())
    }

    /// Puts the label of a failure on an issue and takes those of other states off.
    pub(super) async fn mark_failed(&self, issue: &Issue) -> Result<(), CallError> {
        if let Some(failed) = State::Failed.label(self.labels()) {
            self.tracker.add_labels(issue.number, &[failed]).await?;
        }
        for state in [State::Working, State::PlanPending, State::Done] {
            if let Some(label) = state.label(self.labels()).filter(|label| has(issue, label)) {
                self.tracker.remove_label(issue.number, label).await?;
            }
        }
        Ok(())
    }

    /// Says how a task ended, in its status comment if it has one.
    pub(super) async fn tell(
        &self,
        issue: u64,
        comment: Option<u64>,
        task: &str,
        failure: &Failure,
        turn: Turn,
    ) -> Result<(), CallError> {
        let status = Status {
            task: task.to_owned(),
            phase: Phase::Ended,
            since: Timestamp::now(),
            proposal: None,
            by: None,
            answered: None,
            refused: false,
        };
        let mut secrets = self.run.secrets();
        secrets.push(self.forge.token().clone());
        let gate = Gate::new(&secrets, &[], Some(issue));
        let text = gate.body(&comment::failed(failure, turn));
        let body = with_status(&gate, &self.marks, issue, &text, &status).map_err(|failure| {
            CallError::Unexpected { call: self.tracker.call("write a comment"), why: failure.what }
        })?;
        match comment {
            Some(comment) => self.tracker.edit_comment(comment, &body).await,
            // If the answer is lost, the next sweep finds the comment.
            None => self.tracker.create_comment(issue, &body).await.map(drop),
        }
    }
}

pub(super) fn has(issue: &Issue, label: &str) -> bool {
    has_label(&issue.labels, label)
}

/// A status comment.
pub(super) struct Said {
    pub(super) comment: u64,
    pub(super) status: Status,
    /// The latest sign of the run.
    pub(super) seen: Timestamp,
}
