use std::collections::BTreeSet;

use super::*;

const SECRET: (&str, &str) = ("AGENT_WEBHOOK_SECRETS", "a secret of the tests");

fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
    Config::from_env(&Environment::of(variables.iter().copied())).map_err(|error| error.to_string())
}

#[test]
fn a_secret_is_all_it_needs() {
    let config = read(&[SECRET]).unwrap();
    assert_eq!(
        format!("{config:?}"),
        "Config { serve: Http(0.0.0.0:8080), secrets: Secrets(1), jira: {}, broker: amqp://127.0.0.1:5672/agents, rules: Rules { \
         hosts: HostPolicy { host: \"github.com\", loopback: Refused, paths: Owners }, trigger_label: \"ai-help\", quickfix_label: \
         \"quickfix\", generated_label: \"ai-generated\", agent: Agent { login: None, id: None } }, limits: Limits { \
         body_bytes: 2097152, body_memory: 67108864, connections: 256, header_time: 5s, body_time: 8s, drain_time: \
         20s, keep_alive: No }, .. }"
    );
}

#[test]
fn every_variable_has_its_effect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets").to_str().unwrap().to_owned();
    std::fs::write(&path, "first secret of two\nsecond secret of two\n").unwrap();
    let config = read(&[
        ("AGENT_WEBHOOK_SECRETS_FILE", &path),
        ("AGENT_JIRA_WEBHOOK_SECRETS", "acme=a secret of the tests"),
        ("AGENT_JIRA_ACCOUNTS", "acme=557058:58f1"),
        ("AGENT_LISTEN", "127.0.0.1:9000"),
        ("AGENT_AMQP_URL", "amqps://broker.example:5671/other"),
        ("AGENT_GITHUB_HOST", "github.acme.example"),
        ("AGENT_ALLOW_LOOPBACK", "yes"),
        ("AGENT_LOGIN", "the-agent"),
        ("AGENT_ID", "100"),
        ("AGENT_TRIGGER_LABEL", "robot"),
        ("AGENT_QUICKFIX_LABEL", "quick"),
        ("AGENT_GENERATED_LABEL", "made"),
        ("AGENT_MAX_BODY", "1B"),
        ("AGENT_BODY_MEMORY", "200KiB"),
        ("AGENT_MAX_CONNECTIONS", "3"),
        ("AGENT_HEADER_TIMEOUT", "4s"),
        ("AGENT_BODY_TIMEOUT", "5s"),
        ("AGENT_DRAIN_TIMEOUT", "6s"),
        ("AGENT_KEEP_ALIVE", "true"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "ingest"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ])
    .unwrap();
    assert_eq!(
        format!("{config:?}"),
        "Config { serve: Lambda, secrets: Secrets(2), jira: {acme}, broker: amqps://broker.example:5671/other, rules: Rules { hosts: \
         HostPolicy { host: \"github.acme.example\", loopback: Allowed, paths: Owners }, trigger_label: \"robot\", quickfix_label: \
         \"quick\", generated_label: \"made\", agent: Agent { login: Some(\"the-agent\"), id: Some(100) } }, limits: \
         Limits { body_bytes: 1, body_memory: 204800, connections: 3, header_time: 4s, body_time: 5s, drain_time: 6s, \
         keep_alive: Yes }, .. }"
    );
}

#[test]
fn what_is_wrong_is_told_and_no_secret_with_it() {
    for (name, value, expect) in [
        (
            "AGENT_WEBHOOK_SECRETS",
            "",
            "AGENT_WEBHOOK_SECRETS is required: set it, or name a file that holds it in AGENT_WEBHOOK_SECRETS_FILE",
        ),
        (
            "AGENT_WEBHOOK_SECRETS",
            "hunter2",
            "invalid secret for AGENT_WEBHOOK_SECRETS: a webhook secret is shorter than 16 bytes",
        ),
        (
            "AGENT_BODY_MEMORY",
            "20MiB",
            "invalid size \"20971520\" for AGENT_BODY_MEMORY: AGENT_MAX_CONNECTIONS and AGENT_MAX_BODY take at least 43909120 \
             bytes; allow more memory, or fewer connections",
        ),
        (
            "AGENT_WEBHOOK_SECRETS",
            " , \n",
            "invalid secret for AGENT_WEBHOOK_SECRETS: no webhook secret is configured",
        ),
        (
            "AGENT_QUICKFIX_LABEL",
            "ai-help",
            "invalid label \"ai-help\" for AGENT_QUICKFIX_LABEL: the label that asks for work has the same name; give each \
             label a name of its own",
        ),
        (
            "AGENT_GITHUB_HOST",
            "https://x.y",
            "invalid host name \"https://x.y\" for AGENT_GITHUB_HOST: use a name such as github.example.com",
        ),
        (
            "AGENT_LOGIN",
            "the agent",
            "invalid login \"the agent\" for AGENT_LOGIN: use the name of an account, such as octo-agent",
        ),
    ] {
        let secret = if name == SECRET.0 { (name, value) } else { SECRET };
        assert_eq!(read(&[secret, (name, value)]).map(drop), Err(expect.to_owned()), "{name}");
    }
}

#[test]
fn a_function_needs_all_that_its_runtime_reads() {
    const API: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    let beside = [
        ("AWS_LAMBDA_FUNCTION_NAME", "ingest"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ];
    for (left_out, _) in beside {
        let given = beside.into_iter().filter(|(name, _)| *name != left_out);
        assert_eq!(
            read(&[SECRET, API].into_iter().chain(given).collect::<Vec<_>>()).map(drop),
            Err(format!(
                "invalid address \"127.0.0.1:9001\" for AWS_LAMBDA_RUNTIME_API: {left_out} is not set beside it, as AWS \
                 Lambda does; unset both to listen"
            ))
        );
    }
    let serve = |api: &str| {
        let given = [SECRET, ("AWS_LAMBDA_RUNTIME_API", api)].into_iter().chain(beside);
        read(&given.collect::<Vec<_>>()).map(|config| config.serve)
    };
    for api in ["127.0.0.1:9001", "localhost:9001", "[::1]:9001", "http://127.0.0.1:9001/.rt/ingest"] {
        assert_eq!(serve(api), Ok(Serve::Lambda), "{api}");
    }
    for api in ["x", "127.0.0.1", ":9001", "localhost:http", "a b:1", "/path", "http://127.0.0.1/path"] {
        assert_eq!(
            serve(api),
            Err(format!(
                "invalid address {api:?} for AWS_LAMBDA_RUNTIME_API: use HOST:PORT, or leave it to AWS Lambda"
            ))
        );
    }
}

/// What `--help` and the documentation list is what is read.
#[test]
fn what_is_read_is_what_is_listed() {
    let env = Environment::of([SECRET]);
    Config::from_env(&env).unwrap();
    let listed: BTreeSet<&str> =
        READS.iter().flat_map(|group| group.settings).map(|variable| variable.name).collect();
    // These are read when logging and telemetry start, once in a process.
    let later = [catalog::LOGS, catalog::TELEMETRY, catalog::REPORTS];
    let later: BTreeSet<&str> =
        later.iter().flat_map(|group| group.settings).map(|variable| variable.name).collect();
    let unread: BTreeSet<&str> = listed.difference(&env.asked()).copied().collect();
    assert_eq!(unread, later);
    assert_eq!(env.asked().difference(&listed).count(), 0);
}
