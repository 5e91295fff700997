//! The *sites* of Jira whose webhooks are accepted: the secrets of each, and the account that the agent has there.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use shared::{
    env::{
        Environment, SettingError,
        catalog::{AGENT_JIRA_ACCOUNTS, AGENT_JIRA_WEBHOOK_SECRETS},
    },
    jira::{AccountId, SiteName},
};

use crate::signature::Secrets;

/// See the module's documentation.
#[derive(Clone, Default)]
pub struct Sites(BTreeMap<SiteName, Site>);

/// One of them.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) secrets: Secrets,
    /// The account that issues are assigned to and that never asks.
    pub(crate) agent: Option<AccountId>,
}

impl Sites {
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        let given = env.find(&AGENT_JIRA_WEBHOOK_SECRETS)?.unwrap_or_default();
        let wrong = |why: String| env.refuse(&AGENT_JIRA_WEBHOOK_SECRETS, "", why);
        let mut secrets: BTreeMap<SiteName, Vec<SecretString>> = BTreeMap::new();
        for entry in &given {
            let (name, secret) = entry.expose_secret().split_once('=').ok_or_else(|| {
                wrong("write NAME=SECRET, one for each site, separated by line ends".to_owned())
            })?;
            let name = SiteName::parse(name.trim()).map_err(|error| wrong(error.to_string()))?;
            secrets.entry(name).or_default().push(SecretString::from(secret.trim()));
        }
        let mut agents = BTreeMap::new();
        for entry in env.find(&AGENT_JIRA_ACCOUNTS)?.unwrap_or_default() {
            let wrong = |why: &str| env.refuse(&AGENT_JIRA_ACCOUNTS, &entry, why);
            let (name, id) = entry
                .split_once('=')
                .ok_or_else(|| wrong("write NAME=ACCOUNT-ID for each site, separated by commas or spaces"))?;
            let name = SiteName::parse(name).map_err(|error| wrong(&error.to_string()))?;
            if !secrets.contains_key(&name) {
                return Err(wrong("AGENT_JIRA_WEBHOOK_SECRETS has no secret for this site"));
            }
            let id = AccountId::parse(id)
                .ok_or_else(|| wrong("the id of an account is letters, digits, `:`, `-` and `_`"))?;
            agents.insert(name, id);
        }
        let sites = secrets.into_iter().map(|(name, secrets)| {
            let secrets = Secrets::new(secrets.iter().map(ExposeSecret::expose_secret))
                .map_err(|error| wrong(format!("site `{name}`: {error}")))?;
            let agent = agents.remove(&name);
            Ok((name, Site { secrets, agent }))
        });
        sites.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn get(&self, name: &SiteName) -> Option<&Site> {
        self.0.get(name)
    }
}

/// The names alone.
impl fmt::Debug for Sites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(variables: &[(&str, &str)]) -> Result<String, String> {
        let env = Environment::of(variables.iter().copied());
        let sites = Sites::from_env(&env).map_err(|error| error.to_string())?;
        let sites = sites.0.iter().map(|(name, site)| format!("{name} {:?} {:?}", site.secrets, site.agent));
        Ok(sites.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn each_site_has_secrets_and_may_have_an_account() {
        const SECRETS: &str = "AGENT_JIRA_WEBHOOK_SECRETS";
        const ACCOUNTS: &str = "AGENT_JIRA_ACCOUNTS";
        let long = "acme=0123456789abcdef=x\nacme = fedcba9876543210,other=0123456789abcdef";
        assert_eq!(sites(&[]), Ok(String::new()));
        assert_eq!(
            sites(&[(SECRETS, long), (ACCOUNTS, "acme=557058:58f1")]),
            Ok("acme Secrets(2) Some(557058:58f1); other Secrets(1) None".to_owned())
        );
        for (variables, expected) in [
            (&[(SECRETS, "0123456789abcdef")][..], "write NAME=SECRET"),
            (&[(SECRETS, "ACME=0123456789abcdef")], "the name of a site is"),
            (&[(SECRETS, "acme=short")], "site `acme`: a webhook secret is shorter than 16 bytes"),
            (&[(SECRETS, long), (ACCOUNTS, "557058:58f1")], "write NAME=ACCOUNT-ID"),
            (&[(SECRETS, long), (ACCOUNTS, "acme=a/b")], "the id of an account is letters"),
            (&[(ACCOUNTS, "acme=557058:58f1")], "AGENT_JIRA_WEBHOOK_SECRETS has no secret for this site"),
        ] {
            let told = sites(variables).unwrap_err();
            assert!(told.contains(expected), "{told}");
            assert!(!told.contains("0123456789"), "{told}");
        }
    }
}
