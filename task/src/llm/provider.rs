//! A *provider* is whose interface is spoken: its name, its default model, its variables and its host.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;
use shared::env::catalog::{
    ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, OLLAMA_API_KEY, OLLAMA_BASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL,
};
use shared::env::setting::Setting;

/// See the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Anthropic's Messages API.
    Anthropic,
    /// Ollama's own `/api/chat`.
    Ollama,
    /// OpenAI's chat completions, or any server that imitates them.
    OpenAi,
}

impl Provider {
    pub(super) const ALL: [Self; 3] = [Self::Anthropic, Self::Ollama, Self::OpenAi];

    /// The name in specifications.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
        }
    }

    /// The model that is asked when none is named: as of November 2026 the vendors' own choice for everyday coding, and
    /// for Ollama a code model of 19 GB that a workstation can hold.
    pub(crate) fn default_model(self) -> &'static str {
        match self {
            Self::Anthropic => "claude-sonnet-5-5",
            Self::Ollama => "qwen3-coder:30b",
            Self::OpenAi => "gpt-6.2-sol",
        }
    }

    pub(super) fn key_setting(self) -> &'static Setting<SecretString> {
        match self {
            Self::Anthropic => &ANTHROPIC_API_KEY,
            Self::Ollama => &OLLAMA_API_KEY,
            Self::OpenAi => &OPENAI_API_KEY,
        }
    }

    pub(super) fn url_setting(self) -> &'static Setting<String> {
        match self {
            Self::Anthropic => &ANTHROPIC_BASE_URL,
            Self::Ollama => &OLLAMA_BASE_URL,
            Self::OpenAi => &OPENAI_BASE_URL,
        }
    }

    /// The variable that holds the key.
    pub fn key_variable(self) -> &'static str {
        self.key_setting().variable().name
    }

    /// The variable that holds the address.
    pub fn url_variable(self) -> &'static str {
        self.url_setting().variable().name
    }

    /// The vendor's own host, which answers to nobody without a key.
    pub(super) fn vendor(self) -> &'static str {
        match self {
            Self::Anthropic => "api.anthropic.com",
            Self::Ollama => "ollama.com",
            Self::OpenAi => "api.openai.com",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
