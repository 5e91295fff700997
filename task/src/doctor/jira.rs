//! The *sites of Jira*: whether each accepts the login, as whom, what we may do in its projects, and what the configuration lacks.

use std::collections::BTreeSet;

use super::{About, Finding, Health, mapped};
use crate::call::CallError;
use crate::lease::Lease;
use crate::run::jira;
use crate::run::settings::RunSettings;
use crate::tracker::jira::{Issues, JiraConfig, Site};

/// What a run does on an issue
/// (<https://support.atlassian.com/jira-cloud-administration/docs/permissions-for-company-managed-projects/>).
const PERMISSIONS: [&str; 4] = ["BROWSE_PROJECTS", "ADD_COMMENTS", "EDIT_OWN_COMMENTS", "EDIT_ISSUES"];

/// What it does as well, if it may: without it the pull request is there all the same.
const LINK: &str = "LINK_ISSUES";
const TRANSITION: &str = "TRANSITION_ISSUES";

pub(super) async fn examine(settings: &RunSettings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for site in settings.jira.iter().flat_map(JiraConfig::sites) {
        let (_revoker, lease) = Lease::new();
        match look(settings, site, &lease).await {
            Ok(found) => findings.extend(found),
            Err(error) => findings.push(unreachable(site, &error)),
        }
        findings.push(mapping(site));
        findings.extend(mapped::examine(settings, site, &lease).await);
    }
    findings
}

async fn look(settings: &RunSettings, site: &Site, lease: &Lease) -> Result<Vec<Finding>, CallError> {
    let issues = jira::open(settings, site, lease).await?;
    let myself = issues.myself().await?;
    let mut findings = Vec::new();
    if myself.account_id == site.account.as_str() {
        findings.push(Finding::good(
            About::Jira,
            format!("{}: logged in as the account {}", site.name, site.account),
        ));
    } else {
        let what = format!(
            "{}: the credentials are of the account {}, and `account` is {}",
            site.name, myself.account_id, site.account
        );
        findings.push(Finding::wrong(
            About::Jira,
            what,
            "Set `account` in AGENT_JIRA_FILE, and AGENT_JIRA_ACCOUNTS of ingest, to that account.",
        ));
    }
    let (address, is_cloud) = issues.server().await?;
    if !is_cloud {
        let what = format!("{}: {address} is not in the cloud; only Jira Cloud is supported", site.name);
        findings.push(Finding::new(About::Jira, Health::Note, what));
    }
    for project in site.project_keys() {
        findings.extend(permissions(&issues, site, project).await?);
    }
    Ok(findings)
}

async fn permissions(issues: &Issues, site: &Site, project: &str) -> Result<Vec<Finding>, CallError> {
    let place = format!("{}: project {project}", site.name);
    let mut all = PERMISSIONS.to_vec();
    all.push(LINK);
    if site.moves_issues() {
        all.push(TRANSITION);
    }
    let lacking = match issues.lacking(project, &all).await {
        Err(error) if error.is_absence() => {
            let what = format!("{place} is not there, or the agent may not see it");
            let fix = "Correct the key, or let the agent's account browse the project.";
            return Ok(vec![Finding::wrong(About::Jira, what, fix)]);
        }
        other => other?,
    };
    let (needed, useful): (Vec<&str>, Vec<&str>) =
        lacking.into_iter().partition(|name| PERMISSIONS.contains(name));
    let fix = "Give the agent's account these permissions in the project.";
    let mut findings = Vec::new();
    if needed.is_empty() {
        findings.push(Finding::good(About::Jira, format!("{place}: the agent may read, comment and label")));
    } else {
        let what = format!("{place}: the agent lacks permissions: {} missing", needed.join(", "));
        findings.push(Finding::wrong(About::Jira, what, fix));
    }
    if !useful.is_empty() {
        let what =
            format!("{place}: links and transitions are left to people: {} missing", useful.join(", "));
        findings.push(Finding::new(About::Jira, Health::Note, what).fix(fix));
    }
    Ok(findings)
}

/// What a webhook would be answered with for want of an entry.
fn mapping(site: &Site) -> Finding {
    let projects: BTreeSet<&str> = site.project_keys().collect();
    if projects.is_empty() || site.people() == 0 {
        let what = format!(
            "{}: nobody can ask: projects with a repository: {}, accounts with a login: {}",
            site.name,
            projects.len(),
            site.people()
        );
        return Finding::wrong(About::Jira, what, "Fill in `projects` and `people` in AGENT_JIRA_FILE.");
    }
    let what = format!(
        "{}: projects with a repository: {}, accounts with a login: {}",
        site.name,
        projects.len(),
        site.people()
    );
    Finding::good(About::Jira, what)
}

fn unreachable(site: &Site, error: &CallError) -> Finding {
    let what = format!("{}: {error}", site.name);
    match error {
        error if error.is_passing() => Finding::new(About::Jira, Health::Away, what),
        CallError::Unauthorized { .. } => {
            Finding::wrong(About::Jira, what, "Put a new token into the file of AGENT_JIRA_CREDENTIALS_FILE.")
        }
        _ => Finding::wrong(About::Jira, what, "Correct `url`, `api` or the credentials of the site."),
    }
}
