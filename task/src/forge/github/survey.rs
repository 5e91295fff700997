//! A *survey* finds out on which repositories the App is installed.

use std::ops::ControlFlow;

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use shared::repo::Repo;

use super::auth::as_app;
use super::wire::InstallationToken;
use super::{Credentials, Effect, GitHub, Login, call};
use crate::call::CallError;
use crate::forge::model::{Given, Unreached};

#[derive(Deserialize)]
struct Installation {
    id: u64,
    suspended_at: Option<Timestamp>,
    account: Option<Account>,
}

/// Where an App is installed. An enterprise has no login.
#[derive(Deserialize)]
struct Account {
    login: Option<String>,
}

#[derive(Deserialize)]
struct Reached {
    repositories: Vec<ReachedRepository>,
}

#[derive(Deserialize)]
struct ReachedRepository {
    html_url: String,
    #[serde(default)]
    archived: bool,
}

impl GitHub {
    async fn reached(&self) -> Result<Vec<String>, CallError> {
        let mut addresses = Vec::new();
        let take = |page: Reached| {
            let live = page.repositories.into_iter().filter(|repository| !repository.archived);
            addresses.extend(live.map(|repository| repository.html_url));
            ControlFlow::Continue(())
        };
        self.pages("/installation/repositories", u32::MAX, take).await?;
        Ok(addresses)
    }
}

/// The repositories that an App is installed on, archived ones left out. Of the repository of `login` only the host
/// counts.
pub(in crate::forge) async fn installed(login: &Login<'_>) -> Result<Given, CallError> {
    let Credentials::App { id, private_key } = login.credentials else {
        return Err(CallError::Unauthorized {
            call: call("list repositories"),
            message: "only an App knows where it is installed: set AGENT_SWEEP_REPOSITORIES".to_owned(),
        });
    };
    let found = as_app(login, *id, private_key, async |github| addresses(login, github).await).await?;
    let parse = |address: String| {
        Repo::parse(&address, login.hosts).map_err(|error| CallError::Unexpected {
            call: call("list repositories"),
            why: format!("{address}: {error}"),
        })
    };
    let repos: Vec<Repo> = found.addresses.into_iter().map(parse).collect::<Result<_, _>>()?;
    Ok(Given { repos, unreached: found.unreached })
}

/// What the installations say.
struct Found {
    addresses: Vec<String>,
    unreached: Vec<Unreached>,
}

/// One installation that refuses hides no other one.
async fn addresses(login: &Login<'_>, as_app: &GitHub) -> Result<Found, CallError> {
    let installations: Vec<Installation> = as_app.list("/app/installations").await?;
    let mut found = Found { addresses: Vec::new(), unreached: Vec::new() };
    for installation in installations {
        if installation.suspended_at.is_some() {
            continue;
        }
        match addresses_of(login, as_app, installation.id).await {
            Ok(addresses) => found.addresses.extend(addresses),
            Err(error @ (CallError::Lost(_) | CallError::RateLimited { .. })) => return Err(error),
            Err(error) => {
                let owner = installation.account.and_then(|account| account.login);
                let of = owner.as_ref().map(|owner| format!(" of {owner}")).unwrap_or_default();
                let name = format!("installation {}{of}", installation.id);
                found.unreached.push(Unreached { name, owner, error });
            }
        }
    }
    Ok(found)
}

async fn addresses_of(
    login: &Login<'_>,
    as_app: &GitHub,
    installation: u64,
) -> Result<Vec<String>, CallError> {
    let route = format!("/app/installations/{installation}/access_tokens");
    let narrowed = json!({ "permissions": { "metadata": "read" } });
    let minted: InstallationToken = as_app.write(Method::POST, &route, &narrowed, Effect::Sets).await?;
    let installed = GitHub::with_token(login, minted.token)?;
    let reached = installed.reached().await;
    if let Err(error) = installed.revoke_token().await {
        tracing::warn!(%error, "an installation token could not be revoked; it expires within the hour");
    }
    reached
}
