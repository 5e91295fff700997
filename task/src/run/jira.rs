//! A *request of Jira* becomes a task: which repository is meant, who asked, and for what. Each is looked up on the issue
//! and in the operator's configuration; what the message says is only where to look.
//!
//! | what | where it is looked up |
//! |---|---|
//! | repository | project and components of the issue, in the configuration |
//! | who asked | who set the label or the assignee, in the history of the issue; who wrote the command, in the comment |
//! | login of that person | the configuration, by account |
//!
//! Where one of them is not known there is no run, and one comment on the issue that says what to do.

use secrecy::SecretString;
use shared::command::Command;
use shared::issue::{IssueId, IssueKey};
use shared::jira::JiraRequest;
use shared::mode::{self, CommandAt, Comment, Mode};
use shared::repo::Repo;
use shared::state::same_label;
use shared::task::Task;
use shared::user::Login;

use super::ended::{Ended, Stop};
use super::settings::{RunSettings, Strangers};
use crate::call::CallError;
use crate::forge::Forge;
use crate::lease::Lease;
use crate::marker::Marks;
use crate::outbound::Gate;
use crate::record::Records;
use crate::record::comment;
use crate::record::status::Status;
use crate::tracker::Tracker;
use crate::tracker::jira::{Access, Account, Asked, Details, Issues, Site, Unmapped, Written};

/// The number of a repository for what is said where none is known. No repository has it.
const NOWHERE: u64 = 0;

/// The issue of a task, where the tracker has it.
pub(super) struct Place {
    pub(super) tracker: Tracker,
    /// The issue, if it has yet to get the label that asks, because it was assigned to the agent. Everything else looks at
    /// the label, so only a person who may ask gets it set.
    pub(super) unlabelled: Option<IssueKey>,
}

/// The task that is asked for, and the place of its issue.
pub(super) async fn resolve(
    settings: &RunSettings,
    request: &JiraRequest,
    lease: &Lease,
) -> Result<(Task, Place), Ended> {
    match look_up(settings, request, lease).await {
        Ok(resolved) => Ok(resolved),
        Err(stop) => Err(stop.untold()),
    }
}

async fn look_up(
    settings: &RunSettings,
    request: &JiraRequest,
    lease: &Lease,
) -> Result<(Task, Place), Stop> {
    let site = site_of(settings, request).map_err(|why| Stop::Ended(Ended::Misconfigured(why)))?;
    let issues = open(settings, site, lease).await?;
    let lookup = Lookup { settings, request, site };
    let (task, unlabelled) = match lookup.find_out(&issues).await? {
        Ok(found) => found,
        Err(refusal) => {
            lookup.tell(issues, &refusal, lease).await?;
            return Err(Stop::Ended(Ended::Nothing(refusal.why)));
        }
    };
    let issues = issues.for_repo(task.repo.clone());
    Ok((task, Place { tracker: Tracker::Jira(Box::new(issues)), unlabelled }))
}

/// The site of a request, or what the operator has to correct.
pub(crate) fn site_of<'s>(settings: &'s RunSettings, request: &JiraRequest) -> Result<&'s Site, String> {
    let site = settings.jira.as_ref().and_then(|jira| jira.site(&request.site));
    site.ok_or_else(|| {
        format!("the site `{}` of Jira is not configured: add it to AGENT_JIRA_FILE", request.site)
    })
}

/// Logs in to a site.
pub(crate) async fn open(settings: &RunSettings, site: &Site, lease: &Lease) -> Result<Issues, CallError> {
    let access =
        Access { network: &settings.network, lease, patience: settings.patience, timeout: settings.timeout };
    Issues::open(site, access).await
}

/// The tracker of a task that began on the forge: that of the issue that its branch is named after, or of the one behind the
/// pull request that it is about.
pub(super) async fn tracker_of(
    settings: &RunSettings,
    task: &Task,
    forge: &Forge,
    lease: &Lease,
) -> Result<Tracker, CallError> {
    let Some(site) = site_behind(settings, task, forge).await? else { return Ok(Tracker::beside(forge)) };
    let issues = open(settings, site, lease).await?;
    Ok(Tracker::Jira(Box::new(issues.for_repo(forge.repo().clone()))))
}

/// The site of Jira with the issue of such a task, if it is one of Jira.
pub(crate) async fn site_behind<'s>(
    settings: &'s RunSettings,
    task: &Task,
    forge: &Forge,
) -> Result<Option<&'s Site>, CallError> {
    let Some(jira) = &settings.jira else { return Ok(None) };
    let key = match &task.issue {
        IssueId::Key(key) => Some(key.clone()),
        IssueId::Number(_) => key_behind(task, forge).await?,
    };
    Ok(key.and_then(|key| jira.site_of(&key, forge.repo())))
}

/// The key of the issue that a pull request of ours is for, if a task is about one.
async fn key_behind(task: &Task, forge: &Forge) -> Result<Option<IssueKey>, CallError> {
    let thread = || (!task.mode.kind().begins_work()).then(|| task.issue.number()).flatten();
    let number = task.mode.command().and_then(|at| at.pull_request).or_else(|| thread().map(Into::into));
    let Some(number) = number else { return Ok(None) };
    let pull = match forge.pull_request(number).await {
        Err(error) if error.is_absence() => return Ok(None),
        other => other?,
    };
    if !forge.identity().is(pull.by.as_ref()) {
        return Ok(None);
    }
    Ok(IssueId::of_branch(&pull.head.name).and_then(|issue| match issue {
        IssueId::Key(key) => Some(key),
        IssueId::Number(_) => None,
    }))
}

/// What a request is looked up with.
pub(crate) struct Lookup<'a> {
    pub(crate) settings: &'a RunSettings,
    pub(crate) request: &'a JiraRequest,
    pub(crate) site: &'a Site,
}

/// Why a request is not a task.
pub(crate) struct Refusal {
    pub(crate) why: &'static str,
    told: Option<Told>,
}

/// What is said about it on the issue, once.
struct Told {
    key: IssueKey,
    text: String,
    /// What is wrong, and with whom where it is about an account: each of it is said once. It is no login.
    about: String,
}

impl Refusal {
    fn silent(why: &'static str) -> Self {
        Self { why, told: None }
    }

    fn told(why: &'static str, key: &IssueKey, text: String, about: &str) -> Self {
        Self { why, told: Some(Told { key: key.clone(), text, about: format!("jira {about}") }) }
    }
}

/// Who asked for what, as the issue tells it.
struct Origin {
    by: Option<Account>,
    at: jiff::Timestamp,
    /// `None` where the labels of the issue say it.
    mode: Option<Mode>,
}

impl Lookup<'_> {
    /// The task that is asked for, and the issue if it has yet to get the label that asks. Nothing is written.
    pub(crate) async fn find_out(
        &self,
        issues: &Issues,
    ) -> Result<Result<(Task, Option<IssueKey>), Refusal>, CallError> {
        let Self { settings, request, site } = self;
        let details = match issues.details(&request.issue).await {
            Err(error) if error.is_absence() => {
                return Ok(Err(Refusal::silent("the issue is gone, or the agent may not see it")));
            }
            other => other?,
        };
        let key = &details.key;
        if details.number != u64::from(request.number) {
            return Ok(Err(Refusal::silent("another issue has the key by now")));
        }
        if *key != request.issue {
            let text = comment::moved(&request.issue, key);
            return Ok(Err(Refusal::told("the issue was moved to another project", key, text, "moved")));
        }
        let origin = match self.origin(issues, &details).await? {
            Ok(origin) => origin,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(account) = &origin.by else {
            return Ok(Err(Refusal::silent("the account of who asked is gone")));
        };
        if account.account_id == site.account.as_str() {
            return Ok(Err(Refusal::silent("the agent itself does not ask")));
        }
        let components = details.components.iter().map(String::as_str);
        let repo = match site.repo(key.project(), components) {
            Ok(repo) => repo.clone(),
            Err(why) => {
                let (text, about) = unmapped(key.project(), why);
                return Ok(Err(Refusal::told("no repository is configured for the issue", key, text, about)));
            }
        };
        let Some(login) = site.login(account).cloned() else {
            let text = comment::no_login(&account.account_id);
            let told = Told { key: key.clone(), text, about: format!("jira:{}", account.account_id) };
            return Ok(Err(Refusal { why: "no login is configured for who asked", told: Some(told) }));
        };
        let unlabelled = (!has(&details, &settings.labels.trigger)).then(|| key.clone());
        Ok(Ok((self.task(&details, &origin, repo, login), unlabelled)))
    }

    async fn origin(&self, issues: &Issues, details: &Details) -> Result<Result<Origin, Refusal>, CallError> {
        let trigger = &self.settings.labels.trigger;
        let asks = self.request.asks;
        let taken_back = || Refusal::silent("the label or the assignment that asked for work was taken back");
        let Some(id) = asks.comment() else {
            let asked = issues.asked_by(details, trigger, self.request.change).await?;
            return Ok(asked
                .map(|Asked { by, at, .. }| Origin { by, at, mode: None })
                .ok_or_else(taken_back));
        };
        // Who asks is who wrote the command, on an issue that somebody asked about.
        if !issues.asks(details, trigger) {
            return Ok(Err(taken_back()));
        }
        let Written { comment: written, by, is_public } = match issues.command(&details.key, id.into()).await
        {
            Err(error) if error.is_absence() => {
                return Ok(Err(Refusal::silent("the comment with the command was deleted")));
            }
            other => other?,
        };
        // What the agent makes of it, everybody can read.
        if !is_public {
            let why = "not everybody may read the comment with the command";
            let about = format!("restricted {}", id_of(by.as_ref()));
            return Ok(Err(Refusal::told(why, &details.key, comment::RESTRICTED.to_owned(), &about)));
        }
        // Somebody else can put words into a comment.
        if written.created_at != written.updated_at {
            let why = "the comment with the command was edited";
            let about = format!("edited {}", id_of(by.as_ref()));
            return Ok(Err(Refusal::told(why, &details.key, comment::EDITED.to_owned(), &about)));
        }
        let place = CommandAt { pull_request: None, comment: Comment::Issue(id) };
        let command = Command::parse(written.body.for_machine()).filter(|command| asks.is_of(command));
        let mode = match command.map(|command| Mode::of_command(&command, place)) {
            Some(mode::Asked::Task(mode)) => Some(mode),
            Some(mode::Asked::IssueAgain) => None,
            Some(mode::Asked::Stop) | None => {
                return Ok(Err(Refusal::silent("the comment does not hold the command")));
            }
        };
        Ok(Ok(Origin { by, at: written.created_at, mode }))
    }

    fn task(&self, details: &Details, origin: &Origin, repo: Repo, login: Login) -> Task {
        let labels = details.issue.labels.iter().map(String::as_str);
        let mode = origin.mode.unwrap_or_else(|| Mode::of_issue(labels, &self.settings.labels.quick));
        Task {
            id: self.request.id,
            repo,
            issue: self.request.issue_id(),
            mode,
            trigger_user: login,
            triggered_at: Some(origin.at),
            delivery_id: self.request.delivery_id.clone(),
            repository_id: None,
            installation_id: None,
            issue_digest: None,
        }
    }

    /// Says on the issue why a request is not a task, where there is something to say.
    ///
    /// One comment for each thing that is wrong, however often somebody asks. A task of which something was said before
    /// keeps those words.
    pub(crate) async fn tell(
        &self,
        issues: Issues,
        refusal: &Refusal,
        lease: &Lease,
    ) -> Result<(), CallError> {
        let is_answered = self.settings.strangers == Strangers::Answered;
        let Some(told) = refusal.told.as_ref().filter(|_| is_answered) else { return Ok(()) };
        // Of two runs at the same instant one says it for both.
        if !lease.is_the_one(&self.request.refusal_slot(&told.about)).await {
            return Ok(());
        }
        let marks = Marks::new(self.settings.marker_key.clone(), NOWHERE);
        let tracker = Tracker::Jira(Box::new(issues));
        let (names, help) = (&self.settings.labels, self.settings.help.as_deref());
        let records = Records { tracker: &tracker, marks: &marks, names, help };
        let record = records.read_own(&IssueId::Key(told.key.clone()), Vec::new()).await?;
        let is_told = record.statuses().iter().any(|said| said.status.barred.as_ref() == Some(&told.about));
        if is_told || record.status_of(&self.request.id.to_string()).is_some() {
            return Ok(());
        }
        let mut secrets: Vec<SecretString> = self.settings.secrets();
        secrets.push(self.site.secret());
        let gate = Gate::new(&secrets, &[], None);
        let barred = Some(told.about.clone());
        let status = Status { refused: true, barred, ..Status::ended(self.request.id.to_string()) };
        record.say_at_last(&gate, None, &told.text, status).await
    }
}

fn has(details: &Details, label: &str) -> bool {
    details.issue.labels.iter().any(|known| same_label(known, label))
}

fn id_of(account: Option<&Account>) -> &str {
    account.map_or("", |account| account.account_id.as_str())
}

/// What is said of it, and what it is about.
fn unmapped(project: &str, why: Unmapped) -> (String, &'static str) {
    match why {
        Unmapped::Project => (comment::no_repository(project), "project"),
        Unmapped::Component => (comment::no_component(project), "component"),
        Unmapped::Ambiguous => (comment::two_repositories(), "repositories"),
    }
}
