//! The *words* of a model's server, as errors and the log quote them.

use std::error::Error;

use super::access::Access;
use super::provider::Provider;

/// As much of a server's message as is quoted, in characters.
const MAX_QUOTE: usize = 300;

/// Quotes a server.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) provider: Provider,
    /// What was sent with a request, and is never shown.
    pub(super) access: Access,
}

impl Words {
    /// A server's text on one line, shortened, without what cannot be seen, and without the secrets that were sent.
    pub(super) fn quote(&self, text: &str) -> String {
        let text = self.access.redact(text);
        let clean: String = text
            .chars()
            .map(|c| if crate::path::is_hidden(c) { ' ' } else { c })
            .take(MAX_QUOTE + 1)
            .collect();
        let words: Vec<&str> = clean.split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(MAX_QUOTE) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.is_empty() => "no message".to_owned(),
            None => line,
        }
    }

    /// The innermost cause of an error, the one that helps ("Connection refused", "certificate has expired").
    pub(super) fn cause(&self, error: &reqwest::Error) -> String {
        let mut why: &dyn Error = error;
        while let Some(source) = why.source() {
            why = source;
        }
        self.quote(&why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use url::Url;

    use super::*;
    use crate::llm::config::LlmConfig;

    #[test]
    fn quotes_are_short_clean_and_keyless() {
        let mut config = LlmConfig::new(Url::parse("http://127.0.0.1:9/v1/").unwrap());
        config.api_key = Some(SecretString::from("sk-secret"));
        let access = Access::new(Provider::OpenAi, &config).unwrap();
        let words = Words { provider: Provider::OpenAi, access };
        for (text, expect) in [
            ("plain", "plain"),
            ("", "no message"),
            ("a\n\tb\u{1b}[31m\u{202e}c", "a b [31m c"),
            ("Incorrect API key provided: sk-secret.", "Incorrect API key provided: [key]."),
        ] {
            assert_eq!(words.quote(text), expect);
        }
        assert_eq!(words.quote(&"x".repeat(400)), format!("{}…", "x".repeat(300)));
    }
}
