//! The *way in* of Jira's webhooks: a signed event that asks for nothing is sent to ingest, as Jira would send it. GitHub's
//! own record of its deliveries tells the same of its webhook.

use std::collections::BTreeSet;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use shared::env::catalog::{AGENT_INGEST_URL, AGENT_JIRA_ACCOUNTS, AGENT_JIRA_WEBHOOK_SECRETS};
use shared::env::{Environment, SettingError};
use shared::hex;
use shared::jira::SiteName;

use super::{About, Finding, Health};
use crate::causes::chain;
use crate::run::settings::{RunSettings, page};
use crate::tracker::jira::{JiraConfig, Site};

/// Time for one answer.
const WITHIN: Duration = Duration::from_secs(10);
/// An event that no site of Jira sends and that ingest ignores whatever it is configured to do.
const EVENT: &str = r#"{"timestamp":0,"webhookEvent":"test"}"#;

/// Compares what ingest is told with what runs are told, and sends the event to each site's address.
pub(super) async fn examine(settings: &RunSettings, env: &Environment) -> Result<Vec<Finding>, SettingError> {
    let secrets: Vec<SecretString> = env.find(&AGENT_JIRA_WEBHOOK_SECRETS)?.unwrap_or_default();
    let accounts = env.find(&AGENT_JIRA_ACCOUNTS)?.unwrap_or_default();
    let ingest = page(env, &AGENT_INGEST_URL)?;
    let secrets =
        secrets.iter().map(|entry| entry.expose_secret().split_once('=')).collect::<Option<Vec<_>>>();
    let secrets = secrets.filter(|secrets| {
        secrets.iter().all(|(name, secret)| SiteName::parse(name.trim()).is_ok() && !secret.trim().is_empty())
    });
    let Some(secrets) = secrets else {
        return Err(env.refuse(&AGENT_JIRA_WEBHOOK_SECRETS, "", "write NAME=SECRET, one for each site"));
    };
    let is_known = |entry: &&String| {
        entry.split_once('=').is_some_and(|(name, _)| secrets.iter().any(|(known, _)| known.trim() == name))
    };
    if let Some(entry) = accounts.iter().find(|entry| !is_known(entry)) {
        let hint = "write NAME=ACCOUNT-ID for each site that AGENT_JIRA_WEBHOOK_SECRETS has";
        return Err(env.refuse(&AGENT_JIRA_ACCOUNTS, entry, hint));
    }
    let sites: Vec<&Site> = settings.jira.iter().flat_map(JiraConfig::sites).collect();
    let mut findings: Vec<Finding> = sites.iter().filter_map(|site| other_account(site, &accounts)).collect();
    if sites.is_empty() {
        return Ok(findings);
    }
    let Some(ingest) = ingest.filter(|_| !secrets.is_empty()) else {
        let what = "the way of webhooks to ingest was not checked";
        let fix = "Set AGENT_INGEST_URL and AGENT_JIRA_WEBHOOK_SECRETS_FILE for that, or use `scripts/send-jira-webhook`.";
        findings.push(Finding::new(About::Webhook, Health::Unseen, what).fix(fix));
        return Ok(findings);
    };
    let mut unknown: BTreeSet<&str> = sites.iter().map(|site| site.name.as_str()).collect();
    for (name, secret) in secrets {
        unknown.remove(name.trim());
        let secret = SecretString::from(secret.trim());
        findings.push(send(settings, ingest.trim_end_matches('/'), name.trim(), &secret).await);
    }
    for name in unknown {
        let what = format!("{name}: ingest has no secret for this site, so that its webhooks are refused");
        findings.push(Finding::wrong(About::Webhook, what, "Add it to AGENT_JIRA_WEBHOOK_SECRETS."));
    }
    Ok(findings)
}

/// An account of ours that ingest takes for somebody else's.
fn other_account(site: &Site, accounts: &[String]) -> Option<Finding> {
    let said = accounts
        .iter()
        .filter_map(|entry| entry.split_once('='))
        .find(|(name, _)| *name == site.name.as_str())?
        .1;
    if said == site.account.as_str() {
        return None;
    }
    let what = format!(
        "{}: AGENT_JIRA_ACCOUNTS has the account {said}, and AGENT_JIRA has {}",
        site.name, site.account
    );
    Some(Finding::wrong(About::Jira, what, "Set both to the account of the credentials."))
}

async fn send(settings: &RunSettings, ingest: &str, name: &str, secret: &SecretString) -> Finding {
    let url = format!("{ingest}/webhook/jira/{name}");
    let away = |why: String| {
        let what = format!("{name}: {url} does not answer: {why}");
        Finding::new(About::Webhook, Health::Away, what)
            .fix("Check AGENT_INGEST_URL, and that ingest is running.")
    };
    let client = match settings.network.client().timeout(WITHIN).redirect(redirect::Policy::none()).build() {
        Ok(client) => client,
        Err(error) => return away(chain(&error)),
    };
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("a key of any length");
    mac.update(EVENT.as_bytes());
    let signature = format!("sha256={}", hex::text(&mac.finalize().into_bytes()));
    let request =
        client.post(&url).header("content-type", "application/json").header("x-hub-signature", signature);
    let status = match request.body(EVENT).send().await {
        Ok(answer) => answer.status(),
        Err(error) => return away(chain(&error.without_url())),
    };
    let wrong = |fix: &str| Finding::wrong(About::Webhook, format!("{name}: {url} answers {status}"), fix);
    match status {
        StatusCode::OK => {
            Finding::good(About::Webhook, format!("{name}: {url} takes what is signed with its secret"))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            wrong("ingest has another secret for this site: give both the same AGENT_JIRA_WEBHOOK_SECRETS.")
        }
        StatusCode::NOT_FOUND => wrong(
            "ingest does not know this site, or something else answers there: check AGENT_INGEST_URL and its AGENT_JIRA_WEBHOOK_SECRETS.",
        ),
        status if status.is_server_error() => away(format!("it answers {status}")),
        _ => wrong("Something else than ingest answers there: check AGENT_INGEST_URL."),
    }
}
