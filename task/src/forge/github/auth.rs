//! Who we are on GitHub: a GitHub App, whose token is minted for one run, or a personal token.
//!
//! An App's token is narrowed when it is minted: to the one repository, and to contents, issues and pull requests, and to
//! reading checks and their logs where that was granted.
//! It is revoked when the run ends.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use octocrab::Octocrab;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::env::setting::{NO_TOKEN, is_token};
use shared::repo::{HostPolicy, Repo};

use super::graphql::Opening;
use super::repository::path_segment;
use super::{Effect, GitHub, call, exchange, limits, wire};
use crate::call::CallError;
use crate::forge::model::{Collaborator, Commit, Repository, Signature};
use crate::lease::Lease;
use crate::network::Network;
use crate::thread::Identity;

/// The longest that a person waits for one answer, and for GitHub to be available again.
const READER_TIMEOUT: Duration = Duration::from_secs(20);

/// How a run proves who it is.
pub enum Credentials {
    /// A GitHub App: its id and its private key in PEM.
    App { id: u64, private_key: SecretString },
    /// A personal access token, classic or fine-grained.
    Token(SecretString),
}

/// Where GitHub's interfaces are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Api {
    /// `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise Server.
    pub(super) rest: String,
    /// What `/graphql` is put behind: `https://api.github.com`, or `https://HOST/api`.
    pub(super) graphql: String,
}

impl Api {
    /// The interfaces that serve the repositories of a host
    /// (<https://docs.github.com/enterprise-server/rest/quickstart>).
    fn of(repo: &Repo) -> Self {
        let host = repo.host();
        // Where data residency was bought the interface is beside the site, too
        // (<https://docs.github.com/enterprise-cloud@latest/admin/data-residency>).
        if host == "github.com" || host.ends_with(".ghe.com") {
            let api = format!("https://api.{host}");
            return Self { rest: api.clone(), graphql: api };
        }
        let origin = repo.url();
        let origin = origin.strip_suffix(&format!("/{repo}")).unwrap_or(&origin);
        Self { rest: format!("{origin}/api/v3"), graphql: format!("{origin}/api") }
    }
}

/// A client that is logged in.
pub struct Session {
    pub(crate) github: GitHub,
    pub(crate) identity: Identity,
    pub(crate) repository: Repository,
    /// What the git server takes as password of the user `x-access-token`.
    pub(crate) token: SecretString,
    /// The host of the accounts, as it stands in their addresses.
    host: String,
    minted: bool,
}

/// What a session is opened with.
pub struct Login<'a> {
    pub credentials: &'a Credentials,
    pub repo: &'a Repo,
    pub hosts: &'a HostPolicy,
    /// The way to GitHub.
    pub network: &'a Network,
    /// GitHub's number of the repository, which survives a renaming; from the task.
    pub repository: Option<u64>,
    /// From the task; asked for when an App has none.
    pub installation: Option<u64>,
    /// The file whose content on the default branch is read along.
    pub config_file: &'a str,
    pub lease: Lease,
    /// The longest that rate limits and outages may hold up one call.
    pub patience: Duration,
    /// The longest that one call may take.
    pub timeout: Duration,
}

impl Login<'_> {
    /// The interfaces that serve the host of the repository.
    pub(super) fn api(&self) -> Api {
        Api::of(self.repo)
    }

    pub(super) fn client(&self) -> Result<reqwest::Client, CallError> {
        http_client(self.network, &self.api().rest, self.timeout)
    }
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

/// Which repositories a token is to be good for, and for what.
enum Scope<'a> {
    Number(u64),
    Name(&'a str),
    /// Whatever the installation covers, to read what is open to everybody who sees it.
    Metadata,
}

impl Session {
    /// Mints a token if we are an App, and asks GitHub who we are.
    pub async fn open(login: &Login<'_>) -> Result<Self, CallError> {
        let (token, minted) = match login.credentials {
            Credentials::Token(token) => (token.clone(), false),
            Credentials::App { id, private_key } => (mint(login, *id, private_key).await?, true),
        };
        let client = login.client()?;
        let bearer = |api: &str| bearer(api, &token, client.clone());
        let mut github = GitHub::new(login, bearer(&login.api().rest)?, bearer(&login.api().graphql)?);
        github.plain = Some(client.clone());
        let Opening { viewer, repository } = github.opening(login.config_file).await?;
        // The numbers may be missing in GraphQL, and are what everything is told apart by.
        let number = match viewer.database_id {
            Some(number) => number,
            None => github.get::<Numbered>(&format!("/users/{}", path_segment(&viewer.login))).await?.id,
        };
        let id = match repository.database_id {
            Some(id) => id,
            None => github.get::<Numbered>(&github.root()).await?.id,
        };
        let repository = repository.numbered(id);
        github.repo = named(login, &repository.name)?;
        let identity = Identity { id: wire::account_id(number), login: viewer.login };
        Ok(Self { github, identity, repository, token, host: login.hosts.host().to_owned(), minted })
    }

    /// The repository under its present name.
    pub fn repo(&self) -> &Repo {
        &self.github.repo
    }

    /// Whether a commit was made by us, and by nobody once more: one that a person amends keeps author and message, but
    /// has another committer. What GitHub commits for us has GitHub as committer, as in the web interface
    /// (<https://docs.github.com/graphql/reference/mutations#createcommitonbranch>).
    pub fn made(&self, commit: &Commit) -> bool {
        let Signature { name, email } = &commit.committer;
        let by_github = name.starts_with("GitHub") && email.starts_with("noreply@");
        let by_us = email.starts_with(&format!("{}+", self.identity.id)) && email.contains("@users.noreply.");
        by_github || by_us
    }

    /// The address of our commits. By it GitHub knows the account, also when its name changes
    /// (<https://docs.github.com/account-and-profile/reference/email-addresses-reference>).
    pub fn own_address(&self) -> String {
        let Identity { id, login } = &self.identity;
        format!("{id}+{login}@users.noreply.{}", self.host)
    }

    /// The address by which GitHub links a commit to its co-author, also when the account's name changes.
    pub fn address_of(&self, user: &Collaborator) -> String {
        let number = user.id.as_ref().map(|id| format!("{id}+")).unwrap_or_default();
        format!("{number}{}@users.noreply.{}", user.login, self.host)
    }

    /// Makes a commit that no branch points to yet. Made twice it is one more object that nobody sees.
    pub async fn create_loose_commit(
        &self,
        message: &str,
        tree: &str,
        parents: &[&str],
    ) -> Result<Commit, CallError> {
        let mut body = json!({ "message": message, "tree": tree, "parents": parents });
        // GitHub signs a commit of an App only if nobody is named. That of a user would get an address that is not known.
        if !is_app(&self.identity) {
            body["author"] = json!({ "name": self.identity.login, "email": self.own_address() });
        }
        self.github.create_git_commit(&body).await
    }

    /// Moves a branch from one commit to another that need not follow it, if it is still at `from`.
    pub async fn reset_branch(&self, branch: &str, from: &str, to: &str) -> Result<(), CallError> {
        self.github.update_branch(&self.repository.handle, branch, from, to).await
    }

    /// Gives a minted token back. A personal token is left alone.
    pub async fn close(self) -> Result<(), CallError> {
        if !self.minted {
            return Ok(());
        }
        self.github.revoke_token().await
    }
}

/// The login of an App's account tells that it is one.
pub(crate) fn is_app(identity: &Identity) -> bool {
    identity.login.ends_with("[bot]")
}

impl GitHub {
    pub(super) fn new(login: &Login<'_>, rest: Octocrab, graphql: Octocrab) -> Self {
        Self {
            rest,
            graphql,
            plain: None,
            api: login.api().rest,
            repo: login.repo.clone(),
            lease: login.lease.clone(),
            patience: login.patience,
            asked: Arc::default(),
            timeout: login.timeout,
        }
    }

    /// A client that sends `token` with every call to the REST API.
    pub(super) fn with_token(login: &Login<'_>, token: impl Into<SecretString>) -> Result<Self, CallError> {
        let client = bearer(&login.api().rest, &token.into(), login.client()?)?;
        Ok(Self::new(login, client.clone(), client))
    }

    /// A client that only reads, at a person's request: with a token, or as anybody can.
    pub(crate) fn reader(
        repo: &Repo,
        token: Option<&SecretString>,
        network: &Network,
    ) -> Result<Self, CallError> {
        let api = Api::of(repo).rest;
        let http = http_client(network, &api, READER_TIMEOUT)?;
        let client = match token {
            Some(token) => bearer(&api, token, http)?,
            None => builder(&api)?.build_with_reqwest(http).map_err(|error| unusable(&error))?,
        };
        let (_, lease) = Lease::new();
        Ok(Self {
            rest: client.clone(),
            graphql: client,
            plain: None,
            api,
            repo: repo.clone(),
            lease,
            patience: READER_TIMEOUT,
            asked: Arc::default(),
            timeout: READER_TIMEOUT,
        })
    }

    /// Not a write to the repository: it is done even when the lease is lost.
    pub(super) async fn revoke_token(self) -> Result<(), CallError> {
        let (_keep, lease) = Lease::new();
        let github = Self { lease, ..self };
        let request = github.request(http::Method::DELETE, "/installation/token", Effect::Sets);
        github.send(&request, None::<&()>).await.map(drop)
    }
}

/// What an App says of itself (<https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app>).
#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

/// Does something as the App itself. GitHub takes an App's word for ten minutes at most: if the clock of this machine is
/// too far off for that, GitHub's own is taken.
pub(super) async fn as_app<T>(
    login: &Login<'_>,
    app: u64,
    key: &SecretString,
    what: impl AsyncFn(&GitHub) -> Result<T, CallError>,
) -> Result<T, CallError> {
    let key = jwt_key(key)?;
    let refused = match what(&app_client(login, app, &key, Timestamp::now())?).await {
        Err(error @ CallError::Unauthorized { .. }) => error,
        done => return done,
    };
    match clock(login).await {
        Ok(theirs) if limits::is_off(theirs) => what(&app_client(login, app, &key, theirs)?).await,
        _ => Err(refused),
    }
}

/// What time it is at GitHub, by the header of an answer that needs no login.
pub async fn clock(login: &Login<'_>) -> Result<Timestamp, CallError> {
    const ROUTE: &str = "/rate_limit";
    let unavailable = |why: String| CallError::Unavailable { call: call(format!("GET {ROUTE}")), why };
    let client =
        builder(&login.api().rest)?.build_with_reqwest(login.client()?).map_err(|error| unusable(&error))?;
    let asked = exchange(&client, &http::Method::GET, ROUTE, None::<&Value>);
    let (head, _) = match tokio::time::timeout(login.timeout, asked).await {
        Ok(answered) => answered.map_err(unavailable)?,
        Err(_) => return Err(unavailable(format!("no answer within {} s", login.timeout.as_secs()))),
    };
    limits::date(&head.headers).ok_or_else(|| unavailable("the answer has no date".to_owned()))
}

/// A client that speaks as the App itself. `now` is the time of its claims.
pub(super) fn app_client(
    login: &Login<'_>,
    app: u64,
    key: &EncodingKey,
    now: Timestamp,
) -> Result<GitHub, CallError> {
    let now = now.as_second();
    // GitHub advises a minute back.
    let claims = Claims { iat: now - 60, exp: now + 9 * 60, iss: app.to_string() };
    let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, key)
        .map_err(|error| unusable(&error))?;
    GitHub::with_token(login, token)
}

async fn mint(login: &Login<'_>, app: u64, key: &SecretString) -> Result<SecretString, CallError> {
    as_app(login, app, key, async |github| mint_as(login, github).await).await
}

async fn mint_as(login: &Login<'_>, github: &GitHub) -> Result<SecretString, CallError> {
    let installation = match login.installation {
        Some(id) => id,
        None => github.get::<Installation>(&format!("{}/installation", github.root())).await?.id,
    };
    let minted = match login.repository {
        Some(number) => mint_for(github, installation, &Scope::Number(number)).await,
        None => match mint_for(github, installation, &Scope::Name(login.repo.name())).await {
            // The name may be one that the repository no longer has.
            Err(error @ CallError::Invalid { .. }) => {
                let token = mint_for(github, installation, &Scope::Metadata).await?;
                match number_of(login, token).await? {
                    Some(number) => mint_for(github, installation, &Scope::Number(number)).await,
                    None => Err(error),
                }
            }
            other => other,
        },
    };
    minted.map_err(|error| match error {
        // The permissions are all that is asked for in addition to the repository.
        CallError::Invalid { call, message } if message.contains("permissions") => {
            CallError::Forbidden { call, message, needed: Some(PERMISSIONS.to_owned()) }
        }
        error => error,
    })
}

/// What a run can do without, in the order in which it is given up: the logs of checks, which a repair reads; then checks
/// altogether, and nothing waits for them.
const OPTIONAL: [&[&str]; 2] = [&["checks", "statuses", "actions"], &["checks", "statuses"]];

/// What a run needs, in the words of GitHub's header.
const PERMISSIONS: &str = "contents=write, issues=write, pull_requests=write";

async fn mint_for(github: &GitHub, installation: u64, scope: &Scope<'_>) -> Result<SecretString, CallError> {
    for optional in OPTIONAL {
        match mint_with(github, installation, scope, &permissions_with(optional)).await {
            // It was not granted all of it, and does without.
            Err(CallError::Invalid { message, .. }) if message.contains("permissions") => {}
            minted => return minted,
        }
    }
    mint_with(github, installation, scope, &permissions_with(&[])).await
}

fn permissions_with(optional: &[&str]) -> Value {
    let mut asked =
        json!({ "contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read" });
    for name in optional {
        asked[*name] = json!("read");
    }
    asked
}

async fn mint_with(
    github: &GitHub,
    installation: u64,
    scope: &Scope<'_>,
    permissions: &Value,
) -> Result<SecretString, CallError> {
    let body = match scope {
        Scope::Number(number) => json!({ "repository_ids": [number], "permissions": permissions }),
        Scope::Name(name) => json!({ "repositories": [name], "permissions": permissions }),
        Scope::Metadata => json!({ "permissions": { "metadata": "read" } }),
    };
    let route = format!("/app/installations/{installation}/access_tokens");
    // Minting twice makes a second token that expires by itself, so a lost answer may be repeated.
    let minted: wire::InstallationToken =
        github.write(http::Method::POST, &route, &body, Effect::Sets).await?;
    Ok(SecretString::from(minted.token))
}

/// The number of a repository that has another name by now. The token is given back.
async fn number_of(login: &Login<'_>, token: SecretString) -> Result<Option<u64>, CallError> {
    let github = GitHub::with_token(login, token)?;
    let found = match github.get::<Numbered>(&github.root()).await {
        Ok(found) => Some(found.id),
        Err(CallError::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    github.revoke_token().await?;
    Ok(found)
}

/// The repository under the name that GitHub gives it, on the host of the task.
fn named(login: &Login<'_>, full_name: &str) -> Result<Repo, CallError> {
    let address = login.repo.url();
    let origin = address.strip_suffix(&login.repo.to_string()).unwrap_or(&address);
    Repo::parse(&format!("{origin}{full_name}"), login.hosts).map_err(|error| CallError::Unexpected {
        call: call("look at the repository"),
        why: error.to_string(),
    })
}

/// A client that sends `token` with every call. Octocrab panics at one that no header can carry, and what GitHub minted
/// was read by nobody before.
fn bearer(api: &str, token: &SecretString, http: reqwest::Client) -> Result<Octocrab, CallError> {
    if !is_token(token.expose_secret()) {
        let message = format!("the token cannot be sent: {NO_TOKEN}");
        return Err(CallError::Unauthorized { call: call("log in"), message });
    }
    let client = builder(api)?.personal_token(token.clone()).build_with_reqwest(http);
    client.map_err(|error| unusable(&error))
}

/// Whether an App can sign with this key.
pub(crate) fn is_app_key(pem: &SecretString) -> bool {
    let claims = Claims { iat: 0, exp: 0, iss: String::new() };
    jwt_key(pem).is_ok_and(|key| jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).is_ok())
}

pub(super) fn jwt_key(pem: &SecretString) -> Result<EncodingKey, CallError> {
    EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|_| CallError::Unauthorized {
        call: call("log in"),
        message: "the App's private key is not an RSA key in PEM form".to_owned(),
    })
}

/// The client below octocrab, whose own knows no proxies. It follows no redirect and repeats nothing: both are decided here.
fn http_client(network: &Network, api: &str, timeout: Duration) -> Result<reqwest::Client, CallError> {
    // Each call has its own time limit; one for reading would end connections that wait while the model thinks.
    let client = network
        .client()
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    // Only this machine is spoken to without TLS.
    let client = if api.starts_with("http://") { client.no_proxy() } else { client };
    client.build().map_err(|error| unusable(&error))
}

/// Neither octocrab's retries nor its redirects are compiled in: the first repeat writes without a pause, and both are
/// decided here.
pub(super) fn builder(
    api: &str,
) -> Result<
    octocrab::OctocrabBuilder<
        octocrab::NoSvc,
        octocrab::DefaultOctocrabBuilderConfig,
        octocrab::NoAuth,
        octocrab::NotLayerReady,
    >,
    CallError,
> {
    Octocrab::builder().base_uri(api).map_err(|error| unusable(&error))
}

pub(super) fn unusable(error: &dyn std::error::Error) -> CallError {
    CallError::Unexpected { call: call("set up the client"), why: super::first_line(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_its_interfaces() {
        for (host, rest, graphql) in [
            ("github.com", "https://api.github.com", "https://api.github.com"),
            ("octo.ghe.com", "https://api.octo.ghe.com", "https://api.octo.ghe.com"),
            ("git.example.org", "https://git.example.org/api/v3", "https://git.example.org/api"),
            ("notghe.com", "https://notghe.com/api/v3", "https://notghe.com/api"),
        ] {
            let hosts = HostPolicy::of(host).unwrap();
            let repo = Repo::parse(&format!("https://{host}/octo/hello"), &hosts).unwrap();
            assert_eq!(Api::of(&repo), Api { rest: rest.to_owned(), graphql: graphql.to_owned() });
        }
    }

    #[tokio::test]
    async fn a_token_that_no_header_can_carry_is_an_error() {
        for (token, is_sent) in [("ghp_1", true), ("ghp_1\nghp_2", false), ("ghp_\u{1b}", false), ("", false)]
        {
            let made = bearer("http://127.0.0.1:9", &token.into(), reqwest::Client::new());
            assert_eq!(made.is_ok(), is_sent, "{token:?}");
            assert_eq!(made.is_err_and(|error| matches!(error, CallError::Unauthorized { .. })), !is_sent);
        }
    }
}
