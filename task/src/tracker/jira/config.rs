//! The operator's *configuration* of Jira: sites, which repository a project belongs to, and who people are on the forge.
//!
//! ```toml
//! [sites.acme]
//! url = "https://acme.atlassian.net"
//! account = "557058:58f131c9-9d2e-4f3e-8f7e-3b6f6f8b0d11"   # the agent's own account
//!
//! [sites.acme.projects]
//! PROJ = "octo/hello"
//!
//! [sites.acme.components.PROJ]      # an issue with this component is about another repository
//! Backend = "octo/backend"
//!
//! [sites.acme.people]               # account of Jira → login of GitHub
//! 5c5f880629be9642ba529340 = "dev1"
//!
//! [sites.acme.transitions]          # each is optional
//! started = "In Progress"
//! pull-request = "In Review"
//! merged = "Done"
//! failed = "Blocked"
//! ```
//!
//! It is read once and checked whole. It holds no secret: credentials are a setting of their own.

use std::collections::{BTreeMap, HashMap};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shared::env::catalog::{AGENT_JIRA, AGENT_JIRA_CREDENTIALS};
use shared::env::setting::{NO_TOKEN, is_token};
use shared::env::{Environment, SettingError};
use shared::issue::IssueKey;
use shared::jira::{AccountId, SiteName};
use shared::repo::{HostPolicy, Repo};
use shared::user::Login;
use url::Url;

use super::wire::User;

/// Where a service account gets its tokens
/// (<https://support.atlassian.com/user-management/docs/create-oauth-2-0-credential-for-service-accounts/>).
const TOKENS: &str = "https://auth.atlassian.com/oauth/token";

/// See the module's documentation.
#[derive(Clone, Default)]
pub struct JiraConfig {
    sites: BTreeMap<SiteName, Site>,
}

/// A site of Jira.
#[derive(Clone)]
pub struct Site {
    pub name: SiteName,
    /// Where people find it.
    pub url: Url,
    /// Where its interface is, which need not be the same.
    pub(super) api: Url,
    /// The agent's own account.
    pub account: AccountId,
    pub(super) credentials: Credentials,
    projects: BTreeMap<String, Project>,
    people: HashMap<String, Login>,
    pub(super) transitions: Transitions,
}

/// How we log in.
#[derive(Clone)]
pub(super) enum Credentials {
    /// An API token, with the e-mail address of the account that it is of.
    Token { email: String, token: SecretString },
    /// A client of OAuth 2.0 that stands for a service account.
    Client { id: String, secret: SecretString, tokens: Url },
}

#[derive(Clone, Default)]
struct Project {
    repo: Option<Repo>,
    /// By component, in small letters.
    components: BTreeMap<String, Repo>,
}

/// Names of transitions, or of the status that they lead to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Transitions {
    pub(super) started: Option<String>,
    pub(super) pull_request: Option<String>,
    pub(super) merged: Option<String>,
    pub(super) failed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sites: BTreeMap<String, FileSite>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileSite {
    url: String,
    api: Option<String>,
    account: String,
    #[serde(default)]
    auth: Auth,
    tokens: Option<String>,
    #[serde(default)]
    projects: BTreeMap<String, String>,
    #[serde(default)]
    components: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    people: BTreeMap<String, String>,
    /// Whether the e-mail address that Jira gives of an account tells who it is.
    #[serde(default)]
    trust_email_addresses: bool,
    #[serde(default)]
    transitions: Transitions,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Auth {
    #[default]
    Token,
    Client,
}

impl JiraConfig {
    /// `None` where no site is configured.
    pub fn from_env(env: &Environment, hosts: &HostPolicy) -> Result<Option<Self>, SettingError> {
        let text = env.find(&AGENT_JIRA)?;
        let credentials = env.find(&AGENT_JIRA_CREDENTIALS)?;
        let Some(text) = text else {
            return match credentials {
                None => Ok(None),
                Some(_) => Err(env.refuse(&AGENT_JIRA_CREDENTIALS, "", "AGENT_JIRA_FILE names no sites")),
            };
        };
        let mut known = BTreeMap::new();
        for line in credentials.iter().flat_map(|text| text.expose_secret().lines()) {
            let wrong =
                || env.refuse(&AGENT_JIRA_CREDENTIALS, "", AGENT_JIRA_CREDENTIALS.variable().form.hint());
            if line.trim().is_empty() {
                continue;
            }
            let (name, pair) = line.split_once(':').ok_or_else(wrong)?;
            let (who, secret) = pair.trim().split_once(' ').ok_or_else(wrong)?;
            if !is_token(secret.trim()) {
                return Err(env.refuse(&AGENT_JIRA_CREDENTIALS, "", NO_TOKEN));
            }
            known.insert(name.trim().to_owned(), (who.to_owned(), SecretString::from(secret.trim())));
        }
        // The file with the credentials is named beside this one.
        let refuse = |why: String| env.refuse_unquoted(&AGENT_JIRA, why);
        let file: File = toml::from_str(&text).map_err(|error| refuse(error.message().to_owned()))?;
        Self::of_file(file, &known, hosts).map(Some).map_err(refuse)
    }

    fn of_file(
        file: File,
        credentials: &BTreeMap<String, (String, SecretString)>,
        hosts: &HostPolicy,
    ) -> Result<Self, String> {
        if let Some(name) = credentials.keys().find(|name| !file.sites.contains_key(*name)) {
            return Err(format!("AGENT_JIRA_CREDENTIALS has a site `{name}` that is not configured"));
        }
        let mut sites = BTreeMap::new();
        for (name, raw) in file.sites {
            let told = |why: String| format!("site `{name}`: {why}");
            let site = SiteName::parse(&name).map_err(|error| told(error.to_string()))?;
            let (who, secret) = credentials
                .get(&name)
                .ok_or_else(|| told("AGENT_JIRA_CREDENTIALS has no line for it".to_owned()))?;
            let site = Site::of_file(site, raw, who, secret, hosts).map_err(told)?;
            sites.insert(site.name.clone(), site);
        }
        let config = Self { sites };
        config.check_branches()?;
        Ok(config)
    }

    /// Two sites may have a project of one key. In one repository their issues would share a branch.
    fn check_branches(&self) -> Result<(), String> {
        let mut seen: HashMap<(String, String), &SiteName> = HashMap::new();
        for site in self.sites.values() {
            for (key, project) in &site.projects {
                for repo in project.repo.iter().chain(project.components.values()) {
                    let place = (key.clone(), repo.url().to_ascii_lowercase());
                    if let Some(other) = seen.insert(place, &site.name).filter(|other| **other != site.name) {
                        return Err(format!(
                            "the project {key} of the sites `{other}` and `{}` has one repository, {repo}: the branches \
                             of their issues would be the same",
                            site.name
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    pub fn site(&self, name: &SiteName) -> Option<&Site> {
        self.sites.get(name)
    }

    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values()
    }

    /// The site whose project has issues that are worked on in this repository.
    pub fn site_of(&self, key: &IssueKey, repo: &Repo) -> Option<&Site> {
        self.sites.values().find(|site| site.has(key, repo))
    }
}

impl Site {
    fn of_file(
        name: SiteName,
        raw: FileSite,
        who: &str,
        secret: &SecretString,
        hosts: &HostPolicy,
    ) -> Result<Self, String> {
        let url = address(&raw.url, hosts).map_err(|why| format!("url: {why}"))?;
        let api = match &raw.api {
            Some(api) => address(api, hosts).map_err(|why| format!("api: {why}"))?,
            None => url.clone(),
        };
        let (who, secret) = (who.to_owned(), secret.clone());
        let credentials = match raw.auth {
            Auth::Token if !who.contains('@') => {
                return Err(
                    "the credentials do not begin with an e-mail address; for a service account set \
                            `auth = \"client\"`"
                        .to_owned(),
                );
            }
            Auth::Token => Credentials::Token { email: who, token: secret },
            Auth::Client => {
                let tokens = raw.tokens.as_deref().unwrap_or(TOKENS);
                let tokens = Url::parse(tokens).ok().filter(|url| is_safe(url, hosts));
                let tokens = tokens.ok_or("tokens: use https://HOST/PATH")?;
                Credentials::Client { id: who, secret, tokens }
            }
        };
        let account = AccountId::parse(&raw.account).ok_or("account: use the id of the agent's account")?;
        let mut projects: BTreeMap<String, Project> = BTreeMap::new();
        for (key, repo) in &raw.projects {
            let project = projects.entry(project_key(key)?).or_default();
            project.repo = Some(repository(repo, hosts).map_err(|why| format!("projects.{key}: {why}"))?);
        }
        for (key, components) in &raw.components {
            let project = projects.entry(project_key(key)?).or_default();
            for (component, repo) in components {
                let repo =
                    repository(repo, hosts).map_err(|why| format!("components.{key}.{component}: {why}"))?;
                project.components.insert(component.to_lowercase(), repo);
            }
        }
        let mut people = HashMap::new();
        for (person, login) in raw.people {
            let is_address = person.contains('@');
            if is_address && !raw.trust_email_addresses {
                return Err(format!(
                    "people: {person} is an e-mail address; use the id of the account, or set \
                     `trust-email-addresses = true`"
                ));
            }
            if !is_address && AccountId::parse(&person).is_none() {
                return Err(format!("people: `{person}` is not the id of an account"));
            }
            let login = Login::parse(&login).map_err(|error| format!("people: `{login}`: {error}"))?;
            people.insert(if is_address { person.to_lowercase() } else { person }, login);
        }
        if people.contains_key(account.as_str()) {
            return Err("people: the agent's own account cannot ask for anything; take it out".to_owned());
        }
        let transitions = raw.transitions;
        Ok(Self { name, url, api, account, credentials, projects, people, transitions })
    }

    /// The login of an account, if the operator says which it is.
    pub fn login(&self, user: &User) -> Option<&Login> {
        if let Some(login) = self.people.get(&user.account_id) {
            return Some(login);
        }
        // An address is that of a person who can log in. An app or a customer of a service desk may have one as well.
        let is_person = user.active && user.account_type.as_deref() == Some("atlassian");
        let address = user.email_address.as_deref().filter(|_| is_person)?.to_lowercase();
        self.people.get(&address)
    }

    /// The repository of a project's issues that have these components. Where two of them name two, nobody can tell.
    pub fn repo<'s>(
        &'s self,
        project: &str,
        components: impl IntoIterator<Item = &'s str>,
    ) -> Result<&'s Repo, Unmapped> {
        let project = self.projects.get(project).ok_or(Unmapped::Project)?;
        let mut found: Option<&Repo> = None;
        for component in components {
            let Some(repo) = project.components.get(&component.to_lowercase()) else { continue };
            if found.is_some_and(|found| !is_same(found, repo)) {
                return Err(Unmapped::Ambiguous);
            }
            found = Some(repo);
        }
        found.or(project.repo.as_ref()).ok_or(Unmapped::Component)
    }

    /// Whether the issues of the project of this one can be worked on in that repository.
    pub fn has(&self, key: &IssueKey, repo: &Repo) -> bool {
        self.repos(key.project()).any(|known| is_same(known, repo))
    }

    fn repos(&self, project: &str) -> impl Iterator<Item = &Repo> {
        let project = self.projects.get(project);
        project.into_iter().flat_map(|project| project.repo.iter().chain(project.components.values()))
    }

    /// Every repository that an issue of the site can be about, each once.
    pub fn all_repos(&self) -> Vec<Repo> {
        let mut all: Vec<Repo> = self.projects.keys().flat_map(|key| self.repos(key)).cloned().collect();
        all.sort_by_key(Repo::url);
        all.dedup_by_key(|repo| repo.url());
        all
    }

    /// The keys of the projects that belong to a repository.
    pub fn project_keys(&self) -> impl Iterator<Item = &str> {
        self.projects.keys().map(String::as_str)
    }

    /// The projects with issues that are worked on in this repository.
    pub fn projects_of<'s>(&'s self, repo: &'s Repo) -> impl Iterator<Item = &'s str> {
        self.project_keys().filter(move |key| self.repos(key).any(|known| is_same(known, repo)))
    }

    /// Whether issues are moved on at all.
    pub fn moves_issues(&self) -> bool {
        let Transitions { started, pull_request, merged, failed } = &self.transitions;
        [started, pull_request, merged, failed].into_iter().any(Option::is_some)
    }

    /// Whether an issue whose pull request is merged has somewhere to go.
    pub fn moves_merged(&self) -> bool {
        self.transitions.merged.is_some()
    }

    /// The page of an issue.
    pub fn page(&self, key: &IssueKey) -> String {
        format!("{}/browse/{key}", self.url.as_str().trim_end_matches('/'))
    }

    /// How many people have a login.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// The logins that accounts have, each once.
    pub fn logins(&self) -> BTreeMap<&str, &Login> {
        self.people.values().map(|login| (login.as_str(), login)).collect()
    }

    /// The credentials, which must be in nothing that is posted.
    pub fn secret(&self) -> SecretString {
        match &self.credentials {
            Credentials::Token { token, .. } => token.clone(),
            Credentials::Client { secret, .. } => secret.clone(),
        }
    }
}

/// Why no repository is known for an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmapped {
    Project,
    /// The project has repositories for components alone, and the issue has none of these.
    Component,
    /// Two components of the issue have two repositories.
    Ambiguous,
}

fn is_same(a: &Repo, b: &Repo) -> bool {
    a.url().eq_ignore_ascii_case(&b.url())
}

fn project_key(key: &str) -> Result<String, String> {
    match IssueKey::parse(&format!("{key}-1")) {
        Some(_) => Ok(key.to_owned()),
        None => Err(format!("`{key}` is not the key of a project, such as PROJ")),
    }
}

/// `OWNER/NAME` on the host of GitHub, or a whole address.
fn repository(text: &str, hosts: &HostPolicy) -> Result<Repo, String> {
    let address =
        if text.contains("://") { text.to_owned() } else { format!("https://{}/{text}", hosts.host()) };
    Repo::parse(&address, hosts).map_err(|error| error.to_string())
}

/// An address of a site, which may have a path.
fn address(text: &str, hosts: &HostPolicy) -> Result<Url, String> {
    let hint =
        || "use https://HOST or https://HOST/PATH, without a user name, a query or a fragment".to_owned();
    let url = Url::parse(text).map_err(|_| hint())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && is_safe(&url, hosts);
    if is_plain { Ok(url) } else { Err(hint()) }
}

/// Over TLS, or to this machine where that is allowed for debugging.
fn is_safe(url: &Url, hosts: &HostPolicy) -> bool {
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.has_host()
        && (url.scheme() == "https" || url.scheme() == "http" && is_here && hosts.allows_loopback())
}

#[cfg(test)]
mod tests;
