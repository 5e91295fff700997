//! The *network* is how this program gets out: by which proxy, and whom it trusts in addition to the system's authorities.
//!
//! Every HTTP client but that of the broker's management interface begins here: those of GitHub, of Jira, of git, of models,
//! and of the collector of telemetry. The HTTP library takes proxies from the environment by itself (`https_proxy`, `ALL_PROXY`),
//! which holds where `HTTPS_PROXY` is not set. It passes over in silence what it does not understand, and reads no files; so
//! `HTTPS_PROXY` is read here.

use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::authorities;
use crate::env::catalog::{AGENT_CA, HTTPS_PROXY, NO_PROXY};
use crate::env::{Environment, SettingError};

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Network {
    authorities: Vec<Certificate>,
    proxy: Option<Proxy>,
}

impl Network {
    pub fn from_env(env: &Environment) -> Result<Self, SettingError> {
        let proxy = env.find(&HTTPS_PROXY)?;
        let excepted = env.find(&NO_PROXY)?;
        let proxy = proxy.map(|address| {
            parse_proxy(address.expose_secret(), excepted.as_deref())
                .ok_or_else(|| env.refuse(&HTTPS_PROXY, "", HTTPS_PROXY.variable().form.hint()))
        });
        let authorities = env.find_as(&AGENT_CA, parse_authorities)?.unwrap_or_default();
        Ok(Self { authorities, proxy: proxy.transpose()? })
    }

    /// What a client is made of that goes out to the world.
    pub fn client(&self) -> ClientBuilder {
        let client = Client::builder().tls_certs_merge(self.authorities.iter().cloned());
        match &self.proxy {
            Some(proxy) => client.proxy(proxy.clone()),
            None => client,
        }
    }
}

/// The proxy at an address with or without a scheme, with or without a password, and the hosts that are reached without it.
fn parse_proxy(address: &str, excepted: Option<&str>) -> Option<Proxy> {
    let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url = Url::parse(&address).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    let excepted = excepted.map_or_else(NoProxy::from_env, NoProxy::from_string);
    Proxy::https(url).ok().map(|proxy| proxy.no_proxy(excepted))
}

fn parse_authorities(text: &str) -> Result<Vec<Certificate>, String> {
    let found = authorities::parse(text, &AGENT_CA)?;
    let certificate = |(at, found)| {
        Certificate::from_der(found)
            .map_err(|error| format!("certificate {} cannot be used: {error}", at + 1))
    };
    found.iter().map(AsRef::as_ref).enumerate().map(certificate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str, value: &str) -> Option<String> {
        Network::from_env(&Environment::of([(name, value)])).err().map(|error| error.to_string())
    }

    #[test]
    fn a_proxy_is_an_address_and_its_password_is_not_repeated() {
        for good in ["http://proxy.example:3128", "proxy:3128", "https://u:p@proxy.example"] {
            assert_eq!(error("HTTPS_PROXY", good), None, "{good}");
        }
        for bad in ["socks4://u:hunter2@x", "http://", "http://u:hunter2@x:port", "file:///x"] {
            assert_eq!(
                error("HTTPS_PROXY", bad).as_deref(),
                Some(
                    "invalid address for HTTPS_PROXY: use http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
                ),
                "{bad}"
            );
        }
    }

    #[test]
    fn authorities_are_certificates() {
        for (bad, expect) in [
            ("/etc/ca.crt", "use certificates in PEM, or name their file in AGENT_CA_FILE"),
            (
                "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----",
                "certificate 1 cannot be used: invalid peer certificate: BadEncoding",
            ),
        ] {
            let found = error("AGENT_CA", bad).unwrap();
            assert!(found.ends_with(expect), "{found}");
        }
    }
}
