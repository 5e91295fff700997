//! *GitHub*: clock, credentials, permissions, where the App is installed, how its webhook fares, one repository.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::repo::Repo;

use super::{About, Finding, Health};
use crate::call::CallError;
use crate::forge::github::checkup::{self, AppClient, AppProfile, Delivery, Installation, Permissions};
use crate::forge::github::{Credentials, Login, Session};
use crate::lease::Lease;
use crate::run::settings::RunSettings;

/// What an App needs, and nothing that it does not.
const NEEDED: [(&str, &str); 4] =
    [("contents", "write"), ("issues", "write"), ("metadata", "read"), ("pull_requests", "write")];
/// The events without which nothing starts.
const EVENTS: [&str; 2] = ["issues", "issue_comment"];
/// By these it hears what reviewers say.
const REVIEW_EVENTS: [&str; 2] = ["pull_request_review", "pull_request_review_comment"];
/// What a run can do without, by what it reads.
const CHECKS: [(&str, &str); 2] = [("checks", "read"), ("statuses", "read")];
/// By this it reads the logs of checks that failed.
const LOGS: [(&str, &str); 1] = [("actions", "read")];
/// By these it hears that checks have ended.
const CHECK_EVENTS: [&str; 2] = ["check_suite", "status"];
/// By this it hears that a pull request was closed.
const CLOSING_EVENT: &str = "pull_request";
/// GitHub takes an App's word for ten minutes at most and forgives a minute
/// (<https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app>).
const CLOCK_MARGIN: SignedDuration = SignedDuration::from_secs(45);
/// A person waits for the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Deliveries that GitHub still repeats on request
/// (<https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks>).
const REPEATABLE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A repository that was looked at: GitHub's number of it, and OWNER/NAME.
pub(super) type Seen = (u64, String);

pub(super) async fn examine(settings: &RunSettings, repo: Option<&Repo>) -> (Vec<Finding>, Option<Seen>) {
    let any = Repo::parse(&format!("https://{}/any/any", settings.hosts.host()), &settings.hosts);
    let place = match (repo, any) {
        (Some(repo), _) => repo.clone(),
        (None, Ok(any)) => any,
        (None, Err(error)) => {
            let fix = "Correct AGENT_GITHUB_HOST.";
            return (vec![Finding::wrong(About::GitHub, error.to_string(), fix)], None);
        }
    };
    let (_keep, lease) = Lease::new();
    let login = Login { patience: settings.patience.min(PATIENCE), ..settings.login(&place, &lease) };
    let theirs = checkup::clock(&login).await;
    let now = theirs.as_ref().map_or_else(|_| Timestamp::now(), |theirs| *theirs);
    let mut findings = vec![clock(theirs)];
    match &settings.credentials {
        Credentials::App { id, private_key } => match AppClient::new(&login, *id, private_key, now) {
            Ok(app) => findings.extend(examine_app(&app).await),
            Err(error) => findings.push(failed(About::GitHub, &error)),
        },
        Credentials::Token(token) => findings.push(match checkup::account(&login, token).await {
            Ok(account) => Finding::good(About::GitHub, format!("the token is that of {}", account.login)),
            Err(error) => failed(About::GitHub, &error),
        }),
    }
    if repo.is_none() {
        findings.push(
            Finding::new(About::Repository, Health::Unseen, "no repository was named")
                .fix("Name one with `--repo URL`."),
        );
        return (findings, None);
    }
    let (found, seen) = repository(&login).await;
    findings.extend(found);
    (findings, seen)
}

fn clock(theirs: Result<Timestamp, CallError>) -> Finding {
    let theirs = match theirs {
        Ok(theirs) => theirs,
        Err(error) => return failed(About::Clock, &error),
    };
    let off = Timestamp::now().duration_since(theirs);
    if off.abs() <= CLOCK_MARGIN {
        return Finding::good(About::Clock, "the clock is in sync with GitHub's");
    }
    let what = format!("the clock is {} s off from GitHub's", off.as_secs().abs());
    let fix = "Set the clock of this machine. Until then runs log in by GitHub's clock, a call more each.";
    Finding::wrong(About::Clock, what, fix)
}

async fn examine_app(app: &AppClient) -> Vec<Finding> {
    let mut findings = Vec::new();
    let profile = match app.profile().await {
        Ok(profile) => profile,
        Err(error) => return vec![failed(About::GitHub, &error)],
    };
    findings.push(Finding::good(About::GitHub, format!("logged in as the App {}", profile.slug)));
    findings.extend(permissions(&profile));
    findings.push(events(&profile));
    findings.extend(optional(&profile));
    match app.installations().await {
        Ok(found) => findings.extend(installations(&profile, &found)),
        Err(error) => findings.push(failed(About::GitHub, &error)),
    }
    findings.push(match app.deliveries().await {
        Ok(found) => deliveries(&profile, &found, Timestamp::now()),
        Err(error) => failed(About::Webhook, &error),
    });
    findings
}

/// The needed permissions that are not granted.
fn lacking(granted: &Permissions) -> Vec<String> {
    lacking_of(&NEEDED, granted)
}

fn lacking_of(needed: &[(&str, &str)], granted: &Permissions) -> Vec<String> {
    let suffices = |name: &str, level: &str| {
        granted.get(name).is_some_and(|granted| granted == level || granted == "write" || granted == "admin")
    };
    let lacking = needed.iter().filter(|(name, level)| !suffices(name, level));
    lacking.map(|(name, level)| format!("{name}: {level}")).collect()
}

fn permissions(profile: &AppProfile) -> Vec<Finding> {
    let page = format!("{}/permissions", settings_page(profile));
    let lacking = lacking(&profile.permissions);
    let mut findings = vec![if lacking.is_empty() {
        Finding::good(About::GitHub, "the App has the permissions that it needs")
    } else {
        let what = format!("the App lacks permissions: {}", lacking.join(", "));
        Finding::wrong(
            About::GitHub,
            what,
            format!("Grant them at {page}, then accept them where it is installed."),
        )
    }];
    let needed = |name: &str| NEEDED.iter().any(|(known, _)| *known == name);
    let more: Vec<String> = profile
        .permissions
        .iter()
        .filter(|(name, level)| !needed(name) && *level != "read")
        .map(|(name, level)| format!("{name}: {level}"))
        .collect();
    if !more.is_empty() {
        let what = format!("the App may do more than it needs: {}", more.join(", "));
        findings
            .push(Finding::new(About::GitHub, Health::Note, what).fix(format!("Take it away at {page}.")));
    }
    findings
}

fn events(profile: &AppProfile) -> Finding {
    let has = |event: &&str| profile.events.iter().any(|known| known == event);
    let lacking: Vec<&str> = EVENTS.into_iter().filter(|event| !has(event)).collect();
    if lacking.is_empty() {
        return Finding::good(About::Webhook, "the App is sent the events that it needs");
    }
    let what = format!("the App is not sent: {}", lacking.join(", "));
    let fix = format!("Subscribe to them at {}/permissions.", settings_page(profile));
    Finding::wrong(About::Webhook, what, fix)
}

/// What is off because of a permission or an event that a run can do without.
fn optional(profile: &AppProfile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let page = format!("{}/permissions", settings_page(profile));
    let has = |event: &str| profile.events.iter().any(|known| known == event);
    let unseen = lacking_of(&CHECKS, &profile.permissions);
    let unheard: Vec<&str> = CHECK_EVENTS.into_iter().filter(|event| !has(event)).collect();
    if !unseen.is_empty() {
        let what = format!(
            "pull requests do not wait for their checks, because the App lacks permissions: {}",
            unseen.join(", ")
        );
        let fix =
            format!("To have them wait, grant these, and the events {}, at {page}.", CHECK_EVENTS.join(", "));
        findings.push(Finding::new(About::GitHub, Health::Note, what).fix(fix));
    } else if !unheard.is_empty() {
        let what = format!(
            "pull requests wait for their checks, and nobody hears of their end: the App is not sent {}",
            unheard.join(", ")
        );
        findings.push(Finding::wrong(About::Webhook, what, format!("Subscribe to them at {page}.")));
    }
    if unseen.is_empty() && !lacking_of(&LOGS, &profile.permissions).is_empty() {
        let what = "failed checks are repaired by their annotations alone, because the App lacks permissions: actions: read";
        let fix = format!("To have their logs read, grant it at {page}.");
        findings.push(Finding::new(About::GitHub, Health::Note, what).fix(fix));
    }
    let unread: Vec<&str> = REVIEW_EVENTS.into_iter().filter(|event| !has(event)).collect();
    if !unread.is_empty() {
        let what = format!("reviews are not answered: the App is not sent {}", unread.join(", "));
        let fix = format!("To have them answered, subscribe to them at {page}.");
        findings.push(Finding::new(About::Webhook, Health::Note, what).fix(fix));
    }
    if !has(CLOSING_EVENT) {
        let what = "the labels of an issue do not follow its pull request: the App is not sent pull_request";
        let fix = format!("To have them follow, subscribe to it at {page}.");
        findings.push(Finding::new(About::Webhook, Health::Note, what).fix(fix));
    }
    findings
}

fn installations(profile: &AppProfile, found: &[Installation]) -> Vec<Finding> {
    if found.is_empty() {
        let fix = format!("Install it: {}/installations/new", profile.html_url);
        return vec![Finding::wrong(About::GitHub, "the App is installed nowhere", fix)];
    }
    // What the App itself lacks is told of the App.
    let wanted: Vec<_> = CHECKS.into_iter().chain(LOGS).collect();
    let of_app = lacking_of(&wanted, &profile.permissions);
    let mut findings = Vec::new();
    for installation in found {
        let name = installation.account.as_ref().map_or("an account that is gone", |account| &account.login);
        let lacking = lacking(&installation.permissions);
        findings.push(if installation.suspended_at.is_some() {
            Finding::new(About::GitHub, Health::Note, format!("the installation at {name} is suspended"))
                .fix(format!("An owner lifts that at {}", installation.html_url))
        } else if lacking.is_empty() {
            Finding::good(About::GitHub, format!("the App is installed at {name}"))
        } else {
            let what = format!("{name} has not accepted these permissions yet: {}", lacking.join(", "));
            Finding::wrong(About::GitHub, what, format!("An owner accepts them at {}", installation.html_url))
        });
        let off: Vec<String> = lacking_of(&wanted, &installation.permissions)
            .into_iter()
            .filter(|name| !of_app.contains(name))
            .collect();
        if installation.suspended_at.is_none() && !off.is_empty() {
            let what = format!(
                "{name} has not accepted these permissions yet, so checks are not waited for, or their logs not read: {}",
                off.join(", ")
            );
            findings.push(
                Finding::new(About::GitHub, Health::Note, what)
                    .fix(format!("An owner accepts them at {}", installation.html_url)),
            );
        }
    }
    findings
}

/// Whether the newest deliveries arrived, and which are lost unless they are asked for again.
fn deliveries(profile: &AppProfile, found: &[Delivery], now: Timestamp) -> Finding {
    let Some(newest) = found.first() else {
        return Finding::new(About::Webhook, Health::Note, "GitHub has delivered nothing yet").fix(format!(
            "If an issue was labeled: is the webhook active, and its URL that of `ingest`? See {}",
            settings_page(profile)
        ));
    };
    if !newest.arrived() {
        let what = format!(
            "the newest delivery ({}) did not arrive: {} {}",
            newest.event, newest.status_code, newest.status
        );
        let fix = "401 means another secret than that of `ingest`, 404 another path than /webhook/github, 503 no broker, 0 \
                    no connection. Then run `scripts/redeliver`.";
        return Finding::wrong(About::Webhook, what, fix);
    }
    let arrived = |guid: &str| found.iter().any(|other| other.guid == guid && other.arrived());
    let recent = found.iter().filter(|delivery| now.duration_since(delivery.delivered_at) < REPEATABLE);
    let mut lost: Vec<&str> =
        recent.filter(|delivery| !arrived(&delivery.guid)).map(|delivery| delivery.guid.as_str()).collect();
    lost.sort_unstable();
    lost.dedup();
    if lost.is_empty() {
        return Finding::good(About::Webhook, "the newest deliveries arrived");
    }
    let what = format!("events of the last three days that did not arrive: {}", lost.len());
    Finding::new(About::Webhook, Health::Note, what).fix("`scripts/redeliver` has GitHub send them again.")
}

/// A session as a run opens it: the token is narrowed to the repository, and given back.
async fn repository(login: &Login<'_>) -> (Vec<Finding>, Option<Seen>) {
    let session = match Session::open(login).await {
        Ok(session) => session,
        Err(error) => return (vec![failed(About::Repository, &error)], None),
    };
    let seen = (session.repository.id, session.github.repo.to_string());
    let name = session.repository.name.clone();
    let finding = if session.repository.is_archived {
        Finding::wrong(
            About::Repository,
            format!("{name} is archived"),
            "Archived repositories take no changes.",
        )
    } else if session.repository.has_issues {
        Finding::good(About::Repository, format!("{name} takes changes"))
    } else {
        Finding::wrong(About::Repository, format!("{name} has no issues"), "Turn issues on in its settings.")
    };
    let mut findings = vec![finding];
    findings.extend(closed(session).await);
    (findings, Some(seen))
}

/// Gives a session back. That this fails says nothing about the repository.
pub(super) async fn closed(session: Session) -> Option<Finding> {
    let error = session.close().await.err()?;
    let what = format!("the token of this check could not be revoked: {error}");
    let fix = "It expires within the hour. If that comes again, look at the network.";
    Some(Finding::new(About::GitHub, Health::Note, what).fix(fix))
}

/// `https://HOST/apps/SLUG` is the public page; the owner's is beside it.
fn settings_page(profile: &AppProfile) -> String {
    profile.html_url.replacen("/apps/", "/settings/apps/", 1)
}

/// What a failed call means to whoever set the agent up.
pub(super) fn failed(about: About, error: &CallError) -> Finding {
    let fix = match error {
        CallError::Unauthorized { .. } => {
            "Look at AGENT_GITHUB_APP_ID and the key, or at the token: is it whole, of this host, and not expired?"
        }
        CallError::Forbidden { .. } => "Grant what GitHub asks for, to the App or the token.",
        CallError::NotFound { .. } => "Is the App installed there, and does the token reach it?",
        _ => "Look at the network, at the proxy and at AGENT_GITHUB_HOST.",
    };
    let health = if error.is_passing() { Health::Away } else { Health::Wrong };
    Finding::new(about, health, error.to_string()).fix(fix)
}
