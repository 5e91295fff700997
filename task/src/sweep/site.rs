//! A *site* is one repository as a sweep works on it: logged in, with what is known of it.

use std::collections::HashMap;

use shared::issue::IssueId;
use shared::repo::Repo;
use shared::state::LabelNames;

use super::settings::Place;
use crate::call::CallError;
use crate::forge::Forge;
use crate::forge::model::Given;
use crate::lease::Lease;
use crate::marker::Marks;
use crate::outbound::Gate;
use crate::record::status::{Status, StatusComment};
use crate::record::{Record, Records};
use crate::repo_config::RepoConfig;
use crate::run::settings::RunSettings;
use crate::tracker::Tracker;
use crate::tracker::jira;
use crate::tracker::model::Issue;

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
        self.open(repo, None).await
    }

    /// The repository with the issues that a site of Jira has for it.
    pub(super) async fn at_jira(&mut self, repo: &Repo, jira: &jira::Site) -> Result<&Site<'a>, CallError> {
        self.open(repo, Some(jira)).await
    }

    async fn open(&mut self, repo: &Repo, jira: Option<&jira::Site>) -> Result<&Site<'a>, CallError> {
        let key = repo.url().to_ascii_lowercase();
        let key = jira.map_or(key.clone(), |jira| format!("{key} {}", jira.name));
        if !self.known.contains_key(&key) {
            let opened = Site::open(self.run, repo, jira, self.lease).await;
            self.known.insert(key.clone(), opened);
        }
        self.known[&key].as_ref().map_err(CallError::clone)
    }

    pub(super) fn lease(&self) -> &'a Lease {
        self.lease
    }

    /// The repositories at these places.
    pub(super) async fn list(&self, places: &[Place]) -> Result<Given, CallError> {
        let mut found = Given { repos: Vec::new(), unreached: Vec::new() };
        for place in places {
            match place {
                Place::One(repo) => found.repos.push(repo.clone()),
                Place::AllOn(host) => {
                    let given = Forge::given(&self.run.login(host, self.lease)).await?;
                    found.repos.extend(given.repos);
                    found.unreached.extend(given.unreached);
                }
            }
        }
        Ok(found)
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

impl<'a> Site<'a> {
    async fn open(
        run: &'a RunSettings,
        repo: &Repo,
        jira: Option<&jira::Site>,
        lease: &Lease,
    ) -> Result<Self, CallError> {
        let forge = Forge::open(&run.login(repo, lease)).await?;
        let tracker = match jira {
            None => Tracker::beside(&forge),
            Some(site) => {
                let issues = crate::run::jira::open(run, site, lease).await?;
                Tracker::Jira(Box::new(issues.for_repo(repo.clone())))
            }
        };
        let marks = Marks::new(run.marker_key.clone(), forge.repository().id);
        let file = forge.repository().config.as_ref();
        let (_, labels) = RepoConfig::with_labels(file, tracker.labels_are_the_repositorys(), &run.labels);
        Ok(Self { repo: forge.repo().clone(), tracker, forge, marks, labels, run })
    }

    /// The forge's number of the repository.
    pub(super) fn repository_id(&self) -> u64 {
        self.forge.repository().id
    }

    /// Whether its tracker is the one that has this issue, as far as its id tells.
    pub(super) fn has(&self, issue: &IssueId) -> bool {
        self.tracker.has(issue, &self.repo)
    }

    /// The name of an issue, as people link it.
    pub(super) fn name(&self, issue: &IssueId) -> String {
        issue.reference_from_outside(&self.repo)
    }

    /// What the labels are called in this repository.
    pub(super) fn labels(&self) -> &LabelNames {
        &self.labels
    }

    /// The records of the repository's issues.
    pub(super) fn records(&self) -> Records<'_> {
        let Self { tracker, marks, labels, run, .. } = self;
        Records { tracker, marks, names: labels, help: run.help.as_deref() }
    }

    /// What an issue says of its tasks.
    pub(super) async fn record(&self, issue: &Issue) -> Result<Record<'_>, CallError> {
        self.records().read_own(&issue.id, issue.labels.clone()).await
    }

    /// Says how a task ended, in its status comment if it has one.
    pub(super) async fn tell(
        &self,
        record: &Record<'_>,
        said: Option<&StatusComment>,
        task: &str,
        text: &str,
    ) -> Result<(), CallError> {
        let mut secrets = self.run.secrets();
        secrets.push(self.forge.token().clone());
        secrets.extend(self.run.jira_secrets());
        let gate = Gate::new(&secrets, &[], record.issue().number()).with_repository(&self.repo);
        let proposal = said.and_then(|said| said.status.proposal.clone());
        let status = Status { proposal, ..Status::ended(task) };
        record.say_at_last(&gate, said.map(|said| said.id), text, status).await
    }
}
