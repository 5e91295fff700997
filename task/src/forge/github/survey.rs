//! A *survey* is what a sweep asks GitHub: which issues have a label, who put it there, where the App is installed.

use http::Method;
use jiff::Timestamp;
use octocrab::Octocrab;
use octocrab::models::AppId;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::auth::{builder, jwt_key, unusable};
use super::model::{InstallationToken, Issue, Label};
use super::repository::path_segment;
use super::{CallError, GitHub, Login, Repeat, decode};

/// Which issues are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    Open,
    All,
}

/// One entry of an issue's timeline, of whatever kind.
#[derive(Clone, Debug, Deserialize)]
pub struct TimelineEvent {
    pub event: Option<String>,
    pub actor: Option<Actor>,
    pub label: Option<Label>,
    pub created_at: Option<Timestamp>,
}

/// Who did something. `kind` is `User` for a person.
#[derive(Clone, Debug, Deserialize)]
pub struct Actor {
    pub login: String,
    #[serde(rename = "type", default)]
    pub kind: String,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    suspended_at: Option<Timestamp>,
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

const LAST_EDITED: &str = "query($owner: String!, $name: String!, $number: Int!) { \
    repository(owner: $owner, name: $name) { issue(number: $number) { lastEditedAt } } }";

impl GitHub {
    /// The issues that have a label, oldest first; among them pull requests.
    pub async fn labelled(&self, label: &str, listed: Listed) -> Result<Vec<Issue>, CallError> {
        let state = match listed {
            Listed::Open => "open",
            Listed::All => "all",
        };
        let label = path_segment(label);
        self.list(&format!("{}/issues?state={state}&labels={label}&sort=created&direction=asc", self.root()))
            .await
    }

    /// What happened to an issue, oldest first.
    pub async fn timeline(&self, issue: u64) -> Result<Vec<TimelineEvent>, CallError> {
        self.list(&format!("{}/issues/{issue}/timeline", self.root())).await
    }

    /// When the text of an issue was last edited, if it ever was.
    pub async fn last_edited(&self, issue: u64) -> Result<Option<Timestamp>, CallError> {
        #[derive(Deserialize)]
        struct Data {
            repository: Repository,
        }
        #[derive(Deserialize)]
        struct Repository {
            issue: Edited,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Edited {
            last_edited_at: Option<Timestamp>,
        }
        let variables = json!({ "owner": self.repo.owner(), "name": self.repo.name(), "number": issue });
        let data: Data = self.query(LAST_EDITED, variables).await?;
        Ok(data.repository.issue.last_edited_at)
    }

    async fn reached(&self) -> Result<Vec<String>, CallError> {
        let mut next = Some("/installation/repositories?per_page=100".to_owned());
        let mut addresses = Vec::new();
        while let Some(page) = next {
            let answer = self.read(&page).await?;
            let found: Reached = decode("GET", &page, &answer.body)?;
            let live = found.repositories.into_iter().filter(|repository| !repository.archived);
            addresses.extend(live.map(|repository| repository.html_url));
            next = answer.next;
        }
        Ok(addresses)
    }
}

/// The addresses of the repositories that an App is installed on, archived ones left out. Of the repository of `login`
/// only the host counts.
pub async fn installed(login: &Login<'_>, app: u64, key: &SecretString) -> Result<Vec<String>, CallError> {
    let key = jwt_key(key)?;
    let as_app = builder(&login.api.rest, login.timeout)?.app(AppId(app), key).build();
    let as_app = client(login, as_app)?;
    let installations: Vec<Installation> = as_app.list("/app/installations").await?;
    let mut addresses = Vec::new();
    for installation in installations.iter().filter(|found| found.suspended_at.is_none()) {
        let route = format!("/app/installations/{}/access_tokens", installation.id);
        let narrowed = json!({ "permissions": { "metadata": "read" } });
        let minted: InstallationToken =
            as_app.write(Method::POST, &route, &narrowed, Repeat::Harmless).await?;
        let installed = builder(&login.api.rest, login.timeout)?.personal_token(minted.token).build();
        let installed = client(login, installed)?;
        let reached = installed.reached().await;
        if let Err(error) = installed.revoke_token().await {
            tracing::warn!(%error, "an installation token could not be revoked; it expires within the hour");
        }
        addresses.extend(reached?);
    }
    Ok(addresses)
}

fn client(login: &Login<'_>, built: octocrab::Result<Octocrab>) -> Result<GitHub, CallError> {
    let rest = built.map_err(|error| unusable(&error))?;
    Ok(GitHub::new(login, rest.clone(), rest))
}
