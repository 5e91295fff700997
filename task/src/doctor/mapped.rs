//! What a site of Jira is *mapped* to on GitHub: whether runs can work on each repository that its projects have, and whether
//! there is an account of each login that its people have.

use shared::repo::Repo;

use super::{About, Finding, Health, github};
use crate::call::CallError;
use crate::forge::github::{Credentials, Login, Session, checkup};
use crate::lease::Lease;
use crate::run::settings::RunSettings;
use crate::tracker::jira::Site;

/// Repositories, and logins, that are looked at for each site.
const MOST: usize = 50;

pub(super) async fn examine(settings: &RunSettings, site: &Site, lease: &Lease) -> Vec<Finding> {
    let (repos, logins) = (site.all_repos(), site.logins());
    let mut findings = Vec::new();
    let mut opened: Option<Session> = None;
    for repo in repos.iter().take(MOST) {
        let (finding, session) = repository(settings, site, repo, lease).await;
        findings.push(finding);
        // The logins are asked for with one of them.
        match session {
            Some(session) if opened.is_some() => findings.extend(github::closed(session).await),
            Some(session) => opened = Some(session),
            None => {}
        }
    }
    findings.extend(not_looked_at(site, "repositories", repos.len()));
    if let Some(session) = opened {
        let mut there = 0;
        for (name, login) in logins.iter().take(MOST) {
            match checkup::has_account(&session, login).await {
                Ok(true) => there += 1,
                Ok(false) => {
                    let what = format!(
                        "{}: `people` has the login {name}, and GitHub has no such account",
                        site.name
                    );
                    findings.push(Finding::wrong(About::Jira, what, "Correct it in AGENT_JIRA_FILE."));
                }
                Err(error) => findings.push(about(site, &format!("login {name}"), &error)),
            }
        }
        if there > 0 {
            let what = format!("{}: logins that GitHub knows: {there}", site.name);
            findings.push(Finding::good(About::Jira, what));
        }
        findings.extend(not_looked_at(site, "logins", logins.len()));
        findings.extend(github::closed(session).await);
    }
    findings
}

/// Whether runs can work on a repository; the session to it, if there is one.
async fn repository(
    settings: &RunSettings,
    site: &Site,
    repo: &Repo,
    lease: &Lease,
) -> (Finding, Option<Session>) {
    let login = Login { patience: settings.patience.min(github::PATIENCE), ..settings.login(repo, lease) };
    let session = match Session::open(&login).await {
        Ok(session) => session,
        Err(error) => return (about(site, &repo.to_string(), &error), None),
    };
    let place = format!("{}: {repo}", site.name);
    // The token of an App has what it needs, or would not be there.
    let may_write = match &settings.credentials {
        Credentials::App { .. } => Ok(true),
        Credentials::Token(_) => checkup::may_write(&session).await,
    };
    let finding = match may_write {
        Err(error) => about(site, &repo.to_string(), &error),
        Ok(false) => {
            let what = format!("{place}: the token's account may not write to it");
            Finding::wrong(About::Jira, what, "Give the account write access, or correct AGENT_JIRA_FILE.")
        }
        Ok(true) if session.repository.is_archived => {
            let what = format!("{place} is archived and takes no changes");
            Finding::wrong(About::Jira, what, "Name another repository in AGENT_JIRA_FILE.")
        }
        Ok(true) => Finding::good(About::Jira, format!("{place} takes changes")),
    };
    (finding, Some(session))
}

/// A failed call to GitHub about what the configuration names.
fn about(site: &Site, whom: &str, error: &CallError) -> Finding {
    let finding = github::failed(About::Jira, error);
    Finding { what: format!("{}: {whom}: {}", site.name, finding.what), ..finding }
}

fn not_looked_at(site: &Site, what: &str, all: usize) -> Option<Finding> {
    let more = all.checked_sub(MOST).filter(|more| *more > 0)?;
    let what = format!("{}: {what} that were not looked at: {more}", site.name);
    Some(Finding::new(About::Jira, Health::Unseen, what))
}
