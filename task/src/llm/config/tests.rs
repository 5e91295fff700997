use secrecy::ExposeSecret;

use super::*;

fn read(provider: Provider, variables: &[(&str, &str)]) -> Result<LlmConfig, ConfigError> {
    LlmConfig::from_env(provider, &Environment::of(variables.iter().copied()))
}

fn error(provider: Provider, variables: &[(&str, &str)]) -> String {
    read(provider, variables).unwrap_err().to_string()
}

#[test]
fn specifications_name_a_provider_and_a_model() {
    for (text, provider, model) in [
        ("anthropic", Provider::Anthropic, "claude-sonnet-5-5"),
        ("anthropic:claude-opus-5-5", Provider::Anthropic, "claude-opus-5-5"),
        ("ollama:qwen2.5-coder:7b", Provider::Ollama, "qwen2.5-coder:7b"),
        ("openai:org/model", Provider::OpenAi, "org/model"),
    ] {
        assert_eq!(ModelSpec::parse(text).unwrap(), ModelSpec { provider, model: model.to_owned() });
    }
    for (text, expect) in [
        (
            "claude",
            "there is no model provider `claude`; write anthropic, openai, ollama or builtin, as in `--model anthropic`",
        ),
        ("openai:", "`openai:` names no model; write `provider:model`, as in `ollama:qwen2.5-coder:7b`"),
        (
            "openai:a b",
            "`openai:a b` names no model; write `provider:model`, as in `ollama:qwen2.5-coder:7b`",
        ),
    ] {
        assert_eq!(ModelSpec::parse(text).unwrap_err().to_string(), expect);
    }
}

#[test]
fn the_key_file_takes_precedence_over_the_key_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key").to_str().unwrap().to_owned();
    std::fs::write(&path, "key-of-the-file\n").unwrap();
    let key = |variables: &[(&str, &str)]| {
        let config = read(Provider::Anthropic, variables).unwrap();
        config.api_key.map(|key| key.expose_secret().to_owned())
    };
    let variable = ("ANTHROPIC_API_KEY", "key-of-the-variable");
    let file = ("ANTHROPIC_API_KEY_FILE", path.as_str());
    assert_eq!(key(&[variable]).as_deref(), Some("key-of-the-variable"));
    assert_eq!(key(&[variable, file]).as_deref(), Some("key-of-the-file"));
    assert_eq!(key(&[variable, ("ANTHROPIC_API_KEY_FILE", " ")]).as_deref(), Some("key-of-the-variable"));
    assert_eq!(key(&[("ANTHROPIC_BASE_URL", "http://127.0.0.1:4161")]), None);
}

#[test]
fn a_key_is_not_shown_with_the_configuration() {
    let config = read(Provider::OpenAi, &[("OPENAI_API_KEY", "sk-very-secret")]).unwrap();
    assert!(!format!("{config:?}").contains("very-secret"));
}

#[test]
fn addresses_are_found() {
    for (provider, variables, expect) in [
        (Provider::Ollama, &[][..], "http://127.0.0.1:11434/"),
        (Provider::Ollama, &[("OLLAMA_HOST", "0.0.0.0")], "http://127.0.0.1:11434/"),
        (Provider::Ollama, &[("OLLAMA_HOST", "box:8080")], "http://box:8080/"),
        (Provider::Ollama, &[("OLLAMA_HOST", "https://ollama.example.org")], "https://ollama.example.org/"),
        (
            Provider::Ollama,
            &[("OLLAMA_HOST", "box"), ("OLLAMA_BASE_URL", "http://other:1/x")],
            "http://other:1/x",
        ),
        (Provider::OpenAi, &[("OPENAI_API_KEY", "k")], "https://api.openai.com/v1"),
        (Provider::OpenAi, &[("OPENAI_BASE_URL", "http://[::1]:1234/v1")], "http://[::1]:1234/v1"),
    ] {
        assert_eq!(read(provider, variables).unwrap().base_url.as_str(), expect);
    }
}

#[test]
fn limits_are_read() {
    let config = read(
        Provider::Ollama,
        &[
            ("AGENT_CONTEXT_WINDOW", "8192"),
            ("AGENT_MAX_OUTPUT_TOKENS", "1024"),
            ("AGENT_TEMPERATURE", "0.2"),
            ("AGENT_MODEL_TIMEOUT", "5min"),
            ("AGENT_MODEL_IDLE_TIMEOUT", "30s"),
            ("AGENT_MODEL_RETRIES", "0"),
            ("AGENT_PRICES", "date = \"2027-01-01\"\nmodel = []"),
        ],
    )
    .unwrap();
    assert_eq!(config.context_window, Some(8192));
    assert_eq!(config.retries.times, 0);
    assert_eq!(config.max_output_tokens, Some(1024));
    assert_eq!(config.temperature, Some(0.2));
    assert_eq!(config.timeouts.total, Duration::from_mins(5));
    assert_eq!(config.timeouts.idle, Duration::from_secs(30));
    assert_eq!(config.prices.date(), "2027-01-01");

    // Where nothing is set, the catalog says what holds anyway.
    let config = read(Provider::Ollama, &[]).unwrap();
    let plain = LlmConfig::new(config.base_url.clone());
    assert_eq!((config.timeouts, config.retries), (plain.timeouts, plain.retries));
}

#[test]
fn what_is_wrong_is_named_with_its_remedy() {
    use Provider::{Anthropic, Ollama, OpenAi};
    for (provider, variables, expect) in [
        (
            Anthropic,
            &[][..],
            "anthropic needs a key; set ANTHROPIC_API_KEY or name a file that holds it in ANTHROPIC_API_KEY_FILE",
        ),
        (
            OpenAi,
            &[("OPENAI_API_KEY_FILE", "/nowhere")],
            "cannot read /nowhere, which OPENAI_API_KEY_FILE names: No such file or directory (os error 2)",
        ),
        (
            OpenAi,
            &[("OPENAI_API_KEY", "two words")],
            "invalid secret for OPENAI_API_KEY: it has characters that no key has: was it copied whole, and nothing with it?",
        ),
        (
            OpenAi,
            &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://models.example.org/v1")],
            "the key would travel unencrypted to http://models.example.org/v1; use https, or unset OPENAI_API_KEY and OPENAI_API_KEY_FILE",
        ),
        (
            OpenAi,
            &[("OPENAI_BASE_URL", "https://me:pw@host/v1")],
            "invalid address for OPENAI_BASE_URL: use https://HOST/PATH, without a user name, a query or a fragment",
        ),
        (
            Ollama,
            &[("OLLAMA_BASE_URL", "box:11434")],
            "invalid address \"box:11434\" for OLLAMA_BASE_URL: use https://HOST/PATH, without a user name, a query or a fragment",
        ),
        (
            Ollama,
            &[("OLLAMA_HOST", "box:port")],
            "invalid address \"box:port\" for OLLAMA_HOST: use HOST:PORT or http://HOST:PORT",
        ),
        (
            Ollama,
            &[("AGENT_CONTEXT_WINDOW", "0")],
            "invalid number \"0\" for AGENT_CONTEXT_WINDOW: use a whole number of at least 1",
        ),
        (
            Ollama,
            &[("AGENT_TEMPERATURE", "9")],
            "invalid temperature \"9\" for AGENT_TEMPERATURE: use a number from 0 to 2, such as 0.2",
        ),
        (
            Ollama,
            &[("AGENT_MODEL_RETRIES", "21")],
            "invalid number \"21\" for AGENT_MODEL_RETRIES: use a whole number from 0 to 20",
        ),
        (
            Ollama,
            &[("AGENT_MODEL_TIMEOUT", "20")],
            "invalid duration \"20\" for AGENT_MODEL_TIMEOUT: use a number and a unit, such as 90s or 45min",
        ),
        (
            Ollama,
            &[("AGENT_PRICES", "/etc/prices.toml")],
            "invalid price table \"/etc/prices.toml\" for AGENT_PRICES: use a table in TOML, or name its file in AGENT_PRICES_FILE",
        ),
    ] {
        assert_eq!(error(provider, variables), expect);
    }
    let torn = error(Ollama, &[("AGENT_PRICES", "date = ")]);
    assert!(torn.starts_with(
        "invalid price table \"date =\" for AGENT_PRICES: the price table cannot be read: TOML"
    ));
}

#[test]
fn what_the_operator_runs_himself_is_local() {
    for (url, expect) in [
        ("http://127.0.0.1:1", true),
        ("http://[::1]:1", true),
        ("http://10.1.2.3", true),
        ("http://localhost", true),
        ("http://ollama:11434", true),
        ("http://ollama.models.svc.cluster.local", true),
        ("https://api.openai.com/v1", false),
        ("https://8.8.8.8", false),
        ("https://localhost.example.org", false),
    ] {
        assert_eq!(is_local(&Url::parse(url).unwrap()), expect, "{url}");
    }
}
