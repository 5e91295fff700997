//! *Access* is what a request proves itself with: the key, and headers that a gateway asks for.
//!
//! What a file holds is read again before each call, so that a token that is exchanged or lives for minutes works.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use shared::env;
use shared::env::catalog::AGENT_MODEL_HEADERS;

use super::config::{ConfigError, LlmConfig};
use super::error::LlmError;
use super::headers;
use super::provider::Provider;

/// A secret, and the file that has its present value.
struct Source {
    setting: String,
    file: Option<PathBuf>,
    first: SecretString,
}

/// See the module's documentation.
pub(super) struct Access {
    provider: Provider,
    key: Option<Source>,
    headers: Option<Source>,
    /// Every secret that was sent, longest first, for what must not be repeated.
    sent: Mutex<Vec<SecretString>>,
}

impl Access {
    pub(super) fn new(provider: Provider, config: &LlmConfig) -> Result<Self, ConfigError> {
        let source = |name: &str, first: &Option<SecretString>, file: &Option<PathBuf>| {
            let setting = if file.is_some() { format!("{name}_FILE") } else { name.to_owned() };
            first.clone().map(|first| Source { setting, file: file.clone(), first })
        };
        let access = Self {
            provider,
            key: source(provider.key_variable(), &config.api_key, &config.api_key_file),
            headers: source(AGENT_MODEL_HEADERS.variable().name, &config.headers, &config.headers_file),
            sent: Mutex::default(),
        };
        let first = |source: &Option<Source>| source.as_ref().map(|source| source.first.clone());
        access.compose(first(&access.key), first(&access.headers).as_ref()).map_err(
            |unusable| match unusable {
                Unusable::Key => ConfigError::BadKey { provider },
                Unusable::Headers(why) => ConfigError::BadHeaders { why },
            },
        )?;
        Ok(access)
    }

    /// The key as it was at the start.
    pub(super) fn key(&self) -> Option<&SecretString> {
        self.key.as_ref().map(|key| &key.first)
    }

    /// The headers for the next request.
    pub(super) fn headers(&self) -> Result<HeaderMap, LlmError> {
        let key = self.key.as_ref().map(Source::now).transpose()?;
        let headers = self.headers.as_ref().map(Source::now).transpose()?;
        self.compose(key, headers.as_ref()).map_err(|unusable| {
            let (source, why) = match unusable {
                Unusable::Key => (&self.key, env::setting::NO_TOKEN.to_owned()),
                Unusable::Headers(why) => (&self.headers, why),
            };
            match source {
                Some(source) => source.unreadable(why),
                None => unreadable(self.provider.key_variable(), "", why),
            }
        })
    }

    /// A text without the secrets that were sent.
    pub(super) fn redact(&self, text: &str) -> String {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), "[key]"))
    }

    /// The headers of these values.
    fn compose(
        &self,
        key: Option<SecretString>,
        headers: Option<&SecretString>,
    ) -> Result<HeaderMap, Unusable> {
        let mut map = HeaderMap::new();
        if let Some(key) = key {
            // Its file may hold another one by now.
            if !env::setting::is_token(key.expose_secret()) {
                return Err(Unusable::Key);
            }
            let (name, text) = match self.provider {
                Provider::Anthropic => (HeaderName::from_static("x-api-key"), key.expose_secret().to_owned()),
                Provider::Ollama | Provider::OpenAi => {
                    (AUTHORIZATION, format!("Bearer {}", key.expose_secret()))
                }
            };
            map.insert(name, sensitive(&text).ok_or(Unusable::Key)?);
            self.remember(key);
        }
        if let Some(headers) = headers {
            for (name, value) in headers::parse(headers.expose_secret()).map_err(Unusable::Headers)? {
                for secret in env::setting::header_secrets(&value) {
                    self.remember(SecretString::from(secret));
                }
                let value = sensitive(&value).ok_or_else(|| {
                    Unusable::Headers(format!("the value of {name} has characters that no header can carry"))
                })?;
                map.insert(name, value);
            }
        }
        Ok(map)
    }

    fn remember(&self, secret: SecretString) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if !sent.iter().any(|known| known.expose_secret() == secret.expose_secret()) {
            sent.push(secret);
            sent.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        }
    }
}

/// What cannot be a header, and why.
enum Unusable {
    Key,
    Headers(String),
}

impl Source {
    /// The present value.
    fn now(&self) -> Result<SecretString, LlmError> {
        let Some(file) = &self.file else { return Ok(self.first.clone()) };
        let text = env::read_value(file).map_err(|error| self.unreadable(error.to_string()))?;
        Ok(SecretString::from(text))
    }

    fn unreadable(&self, why: String) -> LlmError {
        let path = self.file.as_ref().map(|file| file.display().to_string());
        unreadable(&self.setting, &path.unwrap_or_default(), why)
    }
}

fn unreadable(setting: &str, path: &str, why: String) -> LlmError {
    LlmError::Unreadable { setting: setting.to_owned(), path: path.to_owned(), why }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Without the secrets.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("provider", &self.provider).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(key: Option<&str>, headers: Option<&str>) -> LlmConfig {
        let mut config = LlmConfig::new(url::Url::parse("http://127.0.0.1:9/v1/").unwrap());
        config.api_key = key.map(SecretString::from);
        config.headers = headers.map(SecretString::from);
        config
    }

    #[test]
    fn headers_take_precedence_over_the_key() {
        let given = "# of the gateway\nX-Team: agents\n\n authorization: Basic dGVhbTpzZWNyZXQ= \r\n";
        let access = Access::new(Provider::OpenAi, &config(Some("sk-1"), Some(given))).unwrap();
        let headers = access.headers().unwrap();
        assert_eq!(headers["x-team"], "agents");
        assert_eq!(headers["authorization"], "Basic dGVhbTpzZWNyZXQ=");
        assert!(headers.values().all(HeaderValue::is_sensitive));
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let headers = "x-gateway-key: gw-0123456789abcdef\nauthorization: Bearer 0123456789abcdef0123";
        let access = Access::new(Provider::Anthropic, &config(Some("sk-1"), Some(headers))).unwrap();
        access.headers().unwrap();
        for (text, expect) in [
            ("key sk-1 is bad", "key [key] is bad"),
            ("gw-0123456789abcdef", "[key]"),
            ("no: 0123456789abcdef0123", "no: [key]"),
        ] {
            assert_eq!(access.redact(text), expect);
        }
    }

    #[test]
    fn a_file_is_read_before_each_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let mut config = config(Some("first"), None);
        config.api_key_file = Some(path.clone());
        let access = Access::new(Provider::OpenAi, &config).unwrap();
        for key in ["first", "second"] {
            std::fs::write(&path, format!("{key}\n")).unwrap();
            assert_eq!(access.headers().unwrap()["authorization"], format!("Bearer {key}"));
        }
        assert_eq!(access.redact("first, second"), "[key], [key]");
        std::fs::write(&path, "two words\n").unwrap();
        let error = access.headers().unwrap_err().to_string();
        assert!(error.contains("it has characters that no key has"), "{error}");
        std::fs::write(&path, "").unwrap();
        let error = access.headers().unwrap_err();
        assert!(error.is_transient());
        assert_eq!(
            error.to_string(),
            format!(
                "the file {} cannot be used: the file is empty; OPENAI_API_KEY_FILE names it",
                path.display()
            )
        );
    }
}
