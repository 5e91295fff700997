use std::collections::HashMap;

use super::*;

const SECRET: (&str, &str) = ("WEBHOOK_SECRETS", "a secret of the tests");

fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    Environment(lookup).read().map_err(|error| error.to_string())
}

#[test]
fn a_secret_is_all_it_needs() {
    let config = read(&[SECRET]).unwrap();
    assert_eq!(
        format!("{config:?}"),
        "Config { listen: 0.0.0.0:8080, secrets: Secrets(1), broker: 127.0.0.1:5672/agents, rules: Rules { hosts: \
         HostPolicy { host: \"github.com\", loopback: Refused }, trigger_label: \"ai-help\", quickfix_label: \
         \"quickfix\", generated_label: \"ai-generated\", agent: Agent { login: None, id: None } }, limits: Limits { \
         body_bytes: 26214400, body_memory: 67108864, connections: 1024, header_time: 5s, body_time: 8s, drain_time: \
         20s, keep_alive: No } }"
    );
}

#[test]
fn every_variable_has_its_effect() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let secrets = file("secrets", "first secret of two\nsecond secret of two\n");
    let password = file("password", "p@ss/word\r\n");
    let config = read(&[
        ("WEBHOOK_SECRETS_FILE", &secrets),
        ("LISTEN", "127.0.0.1:9000"),
        ("AMQP_URL", "amqps://broker.example:5671/other?heartbeat=10"),
        ("AMQP_USERNAME", "ingest"),
        ("AMQP_PASSWORD_FILE", &password),
        ("AMQP_CA", "-----BEGIN CERTIFICATE-----"),
        ("GITHUB_HOST", "github.acme.example"),
        ("ALLOW_LOOPBACK_REPOS", "true"),
        ("AGENT_LOGIN", "the-agent"),
        ("AGENT_ID", "100"),
        ("TRIGGER_LABEL", "robot"),
        ("QUICKFIX_LABEL", "quick"),
        ("GENERATED_LABEL", "made"),
        ("MAX_BODY_BYTES", "1"),
        ("BODY_MEMORY_BYTES", "2"),
        ("MAX_CONNECTIONS", "3"),
        ("HEADER_TIMEOUT_SECS", "4"),
        ("BODY_TIMEOUT_SECS", "5"),
        ("DRAIN_TIMEOUT_SECS", "6"),
        ("KEEP_ALIVE", "true"),
    ])
    .unwrap();
    assert_eq!(
        format!("{config:?}"),
        "Config { listen: 127.0.0.1:9000, secrets: Secrets(2), broker: broker.example:5671/other, rules: Rules { \
         hosts: HostPolicy { host: \"github.acme.example\", loopback: Allowed }, trigger_label: \"robot\", \
         quickfix_label: \"quick\", generated_label: \"made\", agent: Agent { login: Some(\"the-agent\"), id: \
         Some(100) } }, limits: Limits { body_bytes: 1, body_memory: 2, connections: 3, header_time: 4s, body_time: \
         5s, drain_time: 6s, keep_alive: Yes } }"
    );
    let uri = &config.broker.uri;
    let user = &uri.authority.userinfo;
    assert_eq!((&*user.username, &*user.password, uri.query.heartbeat), ("ingest", "p@ss/word", Some(10)));
    assert_eq!(config.broker.certificates.as_deref(), Some("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn what_is_wrong_is_told_and_no_secret_with_it() {
    for (name, value, expect) in [
        ("WEBHOOK_SECRETS", "", "WEBHOOK_SECRETS: no webhook secret is configured"),
        ("WEBHOOK_SECRETS", "hunter2", "WEBHOOK_SECRETS: a webhook secret is shorter than 16 bytes"),
        (
            "AMQP_URL",
            "http://u:hunter2@x",
            "AMQP_URL is not amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST",
        ),
        ("GITHUB_HOST", "https://x.y", "GITHUB_HOST: `https://x.y` is not a host name"),
        ("LISTEN", "8080", "LISTEN: `8080` is not ADDRESS:PORT"),
        ("AGENT_ID", "the-agent", "AGENT_ID: `the-agent` is not the number of an account"),
        ("ALLOW_LOOPBACK_REPOS", "yes", "ALLOW_LOOPBACK_REPOS: `yes` is not true or false"),
        ("TRIGGER_LABEL", " ", "TRIGGER_LABEL is empty"),
        ("MAX_BODY_BYTES", "25M", "MAX_BODY_BYTES: `25M` is not a number of bytes"),
        ("AMQP_CA_FILE", "/no/such/file", "AMQP_CA_FILE: /no/such/file cannot be read"),
    ] {
        assert_eq!(read(&[SECRET, (name, value)]).map(drop), Err(expect.to_owned()), "{name}");
    }
    assert_eq!(read(&[]).map(drop), Err("WEBHOOK_SECRETS: no webhook secret is configured".to_owned()));
}
