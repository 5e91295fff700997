//! A *checkup* is what the doctor asks GitHub: what the App may do, where it is installed, how its webhook fares, what
//! time it is there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::auth::{app_client, jwt_key};
use super::{Answer, GitHub, Login, Session, decode};
use crate::call::CallError;
use crate::forge::model::Permission;

pub use super::auth::clock;

/// Permissions by name; `read`, `write` or `admin`.
pub type Permissions = BTreeMap<String, String>;

/// The App as GitHub knows it.
#[derive(Clone, Debug, Deserialize)]
pub struct AppProfile {
    pub slug: String,
    pub html_url: String,
    pub permissions: Permissions,
    pub events: Vec<String>,
}

/// One place where the App is installed.
#[derive(Clone, Debug, Deserialize)]
pub struct Installation {
    pub account: Option<Account>,
    pub html_url: String,
    pub permissions: Permissions,
    pub suspended_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    pub login: String,
}

/// One attempt of GitHub to deliver an event to the webhook.
#[derive(Clone, Debug, Deserialize)]
pub struct Delivery {
    /// Shared by all attempts at one event.
    pub guid: String,
    pub delivered_at: Timestamp,
    /// GitHub's word for how it went, such as `OK` or `timed out`.
    pub status: String,
    pub status_code: u16,
    pub event: String,
}

impl Delivery {
    pub fn arrived(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}

/// A client that speaks as the App itself.
pub struct AppClient(GitHub);

impl AppClient {
    /// Of the repository of `login` only the host counts. `now` is the time at GitHub.
    pub fn new(login: &Login<'_>, app: u64, key: &SecretString, now: Timestamp) -> Result<Self, CallError> {
        app_client(login, app, &jwt_key(key)?, now).map(Self)
    }

    pub async fn profile(&self) -> Result<AppProfile, CallError> {
        self.0.get("/app").await
    }

    pub async fn installations(&self) -> Result<Vec<Installation>, CallError> {
        self.0.list("/app/installations").await
    }

    /// The newest hundred attempts, newest first.
    pub async fn deliveries(&self) -> Result<Vec<Delivery>, CallError> {
        let route = "/app/hook/deliveries?per_page=100";
        let Answer { body, .. } = self.0.read(route).await?;
        decode("GET", route, &body)
    }
}

/// The account that a personal token belongs to.
pub async fn account(login: &Login<'_>, token: &SecretString) -> Result<Account, CallError> {
    GitHub::with_token(login, token.clone())?.get("/user").await
}

/// Whether there is an account of that name.
pub async fn has_account(session: &Session, login: &shared::user::Login) -> Result<bool, CallError> {
    match session.github.get::<Account>(&format!("/users/{login}")).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_absence() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the account that a session belongs to may write to its repository.
pub async fn may_write(session: &Session) -> Result<bool, CallError> {
    match session.github.collaborator(&session.identity.login).await {
        Ok(own) => Ok(own.permission == Permission::Write),
        // Only who may write is told who else may.
        Err(CallError::Forbidden { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
