//! Every *setting* of every command with an empty, a misspelled and an absurd value, through both programs: an empty one
//! changes nothing, the others are errors that name the variable, before anything is done. And what both programs say of
//! themselves.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shared::env::catalog;
use shared::env::setting::{Form, Variable};
use tests::bin::program;

/// How long a process may take that should end at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command, and settings with which it gets past reading them and then ends by itself.
struct Case {
    program: &'static str,
    arguments: &'static [&'static str],
    settings: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
}

/// What a process said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct End {
    status: Option<i32>,
    text: String,
}

impl Case {
    fn run(&self, more: &[(&str, &str)]) -> End {
        let mut child = Command::new(program(self.program))
            .args(self.arguments)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .envs(more.iter().copied())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let began = Instant::now();
        while child.try_wait().expect("its status").is_none() {
            if began.elapsed() > PATIENCE {
                child.kill().expect("it is ours");
                child.wait().expect("it ends");
                return End { status: Some(0), text: "it went on".to_owned() };
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().expect("what it said");
        let text =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8")).concat();
        End { status: output.status.code(), text }
    }

    /// The variables that the help lists.
    fn reads(&self) -> BTreeSet<&'static str> {
        let command = self.arguments.iter().take_while(|argument| !argument.starts_with('-'));
        let output =
            Command::new(program(self.program)).args(command.take(1)).arg("--help").env_clear().output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{} --help ends in an error", self.program);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let words: BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let listed = catalog::variables().map(|variable| variable.name).filter(|name| words.contains(name));
        let listed: BTreeSet<_> = listed.collect();
        assert!(!listed.is_empty(), "{text}");
        listed
    }
}

/// A port that nobody listens at.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

fn cases(taken: u16) -> Vec<Case> {
    let closed = closed_port();
    let marker_key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned();
    let task =
        format!(r#"{{"repo_url":"http://127.0.0.1:{closed}/octo/hello","issue_id":1,"mode":"quickfix"}}"#);
    let run = |more: &[(&'static str, String)]| {
        let mut settings = vec![
            ("AGENT_MODEL", "builtin".to_owned()),
            ("AGENT_GITHUB_TOKEN", "ghp_0123456789".to_owned()),
            ("AGENT_MARKER_KEY", marker_key.clone()),
            ("AGENT_ALLOW_LOOPBACK", "yes".to_owned()),
            ("AGENT_GITHUB_MAX_WAIT", "0s".to_owned()),
            ("AGENT_BROKER_MAX_WAIT", "0s".to_owned()),
            ("AGENT_AMQP_URL", format!("amqp://127.0.0.1:{closed}/agents")),
        ];
        settings.extend(more.iter().cloned());
        settings
    };
    let folder = || tempfile::tempdir().expect("a folder");
    vec![
        Case {
            program: "ingest",
            arguments: &[],
            settings: vec![
                ("AGENT_WEBHOOK_SECRETS", "one of more than sixteen characters".to_owned()),
                ("AGENT_LISTEN", format!("127.0.0.1:{taken}")),
            ],
            folder: folder(),
        },
        Case {
            program: "ai-agent",
            arguments: &["solve", "--issue", "no-such-file.md"],
            settings: vec![],
            folder: folder(),
        },
        Case {
            program: "ai-agent",
            arguments: &["run"],
            settings: run(&[("TASK_JSON", task)]),
            folder: folder(),
        },
        Case { program: "ai-agent", arguments: &["consume"], settings: run(&[]), folder: folder() },
        Case { program: "ai-agent", arguments: &["sweep"], settings: run(&[]), folder: folder() },
        Case { program: "ai-agent", arguments: &["doctor"], settings: run(&[]), folder: folder() },
    ]
}

/// Values that mean nothing for this variable; none where every text has a meaning.
fn absurd(variable: &Variable) -> Vec<&'static str> {
    match variable.form {
        Form::Duration { .. } if variable.name == "AGENT_FAILED_START_WAIT" => vec![],
        Form::Flag => vec!["maybe", "2", "truee"],
        Form::Duration { .. } => vec!["soon", "-5s", "5", "999999999999999999h", "1 fortnight"],
        Form::Size => vec!["much", "0", "-1", "5", "99999999999999GiB", "25 lots"],
        Form::Number { .. } => vec!["many", "-1", "1.5", "99999999999999999999999", "0x10"],
        Form::Choice(_) => vec!["sometimes", "AUTO,NEVER"],
        Form::Address => vec!["nowhere", "127.0.0.1", "localhost:http", "127.0.0.1:99999"],
        Form::List | Form::Path | Form::Text { .. } | Form::Secret(_) => match variable.name {
            "RUST_LOG" => vec!["ifno", "info,lapin=loudest", "=="],
            "AGENT_BUDGET_DAY"
            | "AGENT_BUDGET_MONTH"
            | "AGENT_REPO_BUDGET_DAY"
            | "AGENT_REPO_BUDGET_MONTH" => {
                vec!["a lot", "-1", "NaN", "1e99", "10001"]
            }
            "AGENT_REPO_BUDGETS" => vec!["octo/hello", "octo/hello=5", "octo=5/5", "octo/hello=five/5"],
            "AGENT_GITHUB_HOST" => vec!["not a host", "https://github.com/octo"],
            "AGENT_TRIGGER_LABEL" | "AGENT_QUICKFIX_LABEL" | "AGENT_GENERATED_LABEL" => {
                vec![
                    "a label of more than fifty characters is none that GitHub takes",
                    "two\nlines",
                    "one,two",
                    "AI-Working",
                    "plan-pending",
                ]
            }
            "OTEL_EXPORTER_OTLP_ENDPOINT"
            | "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
            | "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => {
                vec!["collector", "ftp://127.0.0.1", "http://user:word@host", "http://host/?key=1"]
            }
            "OTEL_EXPORTER_OTLP_HEADERS" => vec!["words alone", "two words=x", "host=example.com"],
            "OTEL_RESOURCE_ATTRIBUTES" => vec!["words alone", "=x"],
            "AWS_LAMBDA_RUNTIME_API" => vec!["x", "127.0.0.1", ":9001", "127.0.0.1:9001"],
            "AGENT_LOGIN" => vec!["no login", "-dash-"],
            "AGENT_JIRA_WEBHOOK_SECRETS" => {
                vec!["no name before this one", "ACME=one of more than sixteen characters"]
            }
            "AGENT_JIRA_ACCOUNTS" => vec!["557058:agent", "acme=557058:agent"],
            "AGENT_JIRA" => vec!["no table", "[sites.acme]\nurl = 3"],
            "AGENT_JIRA_CREDENTIALS" => vec![
                "acme agent@example.com token",
                "acme: agent@example.com token",
                "acme: agent@example.com two words",
            ],
            "AGENT_GITHUB_TOKEN" | "ANTHROPIC_API_KEY" | "OLLAMA_API_KEY" | "OPENAI_API_KEY" => {
                vec!["ghp_1\nghp_2", "two words", "ghp_\u{7f}", "cl\u{e9}"]
            }
            "AGENT_GITHUB_APP_KEY" => vec![
                "nonsense",
                "-----BEGIN RSA PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END RSA PRIVATE KEY-----",
            ],
            "AGENT_AMQP_URL" => vec!["rabbitmq", "http://127.0.0.1", "amqp:///", "amqp://host:port/x"],
            "AGENT_AMQP_MANAGEMENT_URL" => vec!["rabbitmq", "ftp://127.0.0.1", "amqp://127.0.0.1"],
            "AGENT_AMQP_CA" | "AGENT_CA" => {
                vec!["no certificates", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"]
            }
            "HTTPS_PROXY" => vec!["ftp://127.0.0.1", "http://host:port"],
            "AGENT_MODEL_HEADERS" => vec!["words alone", "two words: x", "host: example.com"],
            "AGENT_MODEL" => vec!["gpt", "nobody:model", "ollama:", "openai:two words"],
            "AGENT_MODELS" | "AGENT_CHOOSE_MODEL" => vec!["gpt", "nobody:some"],
            "AGENT_MODEL_PRICE" => vec!["cheap", "1", "-1/2", "1/2/3", "NaN/1"],
            "AGENT_MAX_COST" => vec!["a lot", "-1", "NaN", "inf", "1e99", "0.00000001"],
            "AGENT_PRICES" => vec!["not a table", "[[model]]\nname = 3"],
            "AGENT_TEMPERATURE" => vec!["hot", "-1", "2.1", "NaN"],
            "ANTHROPIC_BASE_URL" | "OPENAI_BASE_URL" | "OLLAMA_BASE_URL" => {
                vec!["somewhere", "ftp://127.0.0.1", "https://user:word@host", "https://host/?key=1"]
            }
            "OLLAMA_HOST" => vec!["ftp://127.0.0.1", "host:port"],
            "AGENT_COMMIT_NAME" | "AGENT_COMMIT_EMAIL" => vec!["A <a@b.example>", "two\nlines"],
            "AGENT_MARKER_KEY" => {
                vec!["tiny", "aaaaaaaaaaaaaaaa", "changemechangeme", "../../etc/passwd"]
            }
            "AGENT_HELP_URL" | "AGENT_INGEST_URL" => vec![
                "help",
                "javascript:alert(1)",
                "https://u:p@host/",
                "https://host/a)b",
                "https://host/a b",
            ],
            "AGENT_SWEEP_REPOSITORIES" => vec!["hello", "https://other.example/octo/hello"],
            "TASK_JSON" => vec!["{", "[]", r#"{"repo_url":"x"}"#],
            _ => vec![],
        },
    }
}

/// What an operator has to give together with the variable, so that its value is looked at.
fn beside(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "ANTHROPIC_BASE_URL" => &[("AGENT_MODEL", "anthropic"), ("ANTHROPIC_API_KEY", "key")],
        "ANTHROPIC_API_KEY" => &[("AGENT_MODEL", "anthropic")],
        "OPENAI_API_KEY" => &[("AGENT_MODEL", "openai:some")],
        "OPENAI_BASE_URL" => &[("AGENT_MODEL", "openai:some"), ("OPENAI_API_KEY", "key")],
        "OLLAMA_API_KEY"
        | "OLLAMA_BASE_URL"
        | "OLLAMA_HOST"
        | "AGENT_CONTEXT_WINDOW"
        | "AGENT_MAX_OUTPUT_TOKENS"
        | "AGENT_MODEL_IDLE_TIMEOUT"
        | "AGENT_MODEL_PRICE"
        | "AGENT_MODEL_RETRIES"
        | "AGENT_MODEL_TIMEOUT"
        | "AGENT_PRICES"
        | "AGENT_TEMPERATURE"
        | "AGENT_EFFORT"
        | "AGENT_MODEL_HEADERS"
        | "AGENT_CA"
        | "HTTPS_PROXY" => &[("AGENT_MODEL", "ollama:some")],
        _ => &[],
    }
}

/// What a program says to one argument, with nothing in its environment; nothing goes to standard error.
fn answer(name: &str, argument: &str) -> String {
    let output = Command::new(program(name)).arg(argument).env_clear().stdin(Stdio::null()).output();
    let output = output.expect("the program runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{name} {argument}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn both_programs_say_their_version_with_the_commit_and_their_usage() {
    let is_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.git").exists();
    for name in ["ingest", "ai-agent"] {
        let version = answer(name, "--version");
        let commit = version
            .strip_prefix(&format!("{name} {} (", env!("CARGO_PKG_VERSION")))
            .and_then(|rest| rest.strip_suffix(")\n"))
            .unwrap_or_else(|| panic!("{version:?} has another form"));
        let is_commit = commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_commit || (commit == "unknown" && !is_repository), "{version:?} names no commit");
        assert_eq!(answer(name, "-V"), version);
        let help = answer(name, "--help");
        for part in [&format!("Usage: {name} ")[..], "--version", "Print version"] {
            assert!(help.contains(part), "{part:?} is not in:\n{help}");
        }
    }
}

#[test]
fn an_empty_one_is_an_unset_one() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    for case in cases(taken.local_addr().expect("its address").port()) {
        let given: BTreeSet<_> = case.settings.iter().map(|(name, _)| *name).collect();
        let whole = case.run(&[]);
        for name in case.reads().into_iter().filter(|name| !given.contains(name)) {
            // Logs hold times, and the doctor free memory.
            let settled = |end: &End| (end.status, end.text.lines().count());
            let end = case.run(&[(name, " ")]);
            assert!(!end.text.contains("panicked"), "{name}: {}", end.text);
            assert_eq!(settled(&end), settled(&whole), "{} {:?}: {name}", case.program, case.arguments);
        }
    }
}

#[test]
fn an_absurd_one_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut tried = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases(taken.local_addr().expect("its address").port()) {
        for name in case.reads() {
            let variable = catalog::variables().find(|known| known.name == name).expect("the catalog has it");
            for value in absurd(variable) {
                tried.insert(name);
                let mut more = beside(name).to_vec();
                more.push((name, value));
                let end = case.run(&more);
                let refused = end.status != Some(0) && !end.text.contains("panicked");
                // A secret is never repeated.
                let silent = variable.form.secret().is_none() || !end.text.contains(value);
                if !(refused && end.text.contains(name) && silent) {
                    wrong.push(format!(
                        "{} {:?} with {name}={value:?}:\n{}",
                        case.program, case.arguments, end.text
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of the values are not refused as they should be:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    // Nothing is left out but what may have any value, what only scripts read, a wait that is as long as a pod may start, whatever is wrong with it, and
    // a task and the repositories to learn from, which have tests of their own.
    let any = [
        "AGENT_ALLOW",
        "AGENT_AMQP_PASSWORD",
        "AGENT_AMQP_USERNAME",
        "AGENT_FAILED_START_WAIT",
        "AGENT_GITHUB_NETWORK",
        "AGENT_LEARN_REPOSITORIES",
        "AGENT_LOCAL_STATE",
        "AGENT_PROTECT",
        "AGENT_READY_FILE",
        "AGENT_TRANSCRIPT_DIR",
        "AGENT_WEBHOOK_SECRETS",
        "AGENT_WORK_DIR",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "NO_COLOR",
        "NO_PROXY",
        "OTEL_SERVICE_NAME",
        "POD_NAME",
        "TASK_JSON",
    ];
    let left: Vec<_> =
        catalog::variables().map(|variable| variable.name).filter(|name| !tried.contains(name)).collect();
    let left: BTreeSet<_> = left.into_iter().collect();
    assert_eq!(left, BTreeSet::from(any));
}

#[test]
fn a_misspelt_one_is_an_error_that_names_the_nearest() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    for case in cases(taken.local_addr().expect("its address").port()) {
        for name in case.reads().into_iter().filter(|name| name.starts_with("AGENT_")) {
            let misspelt = format!("{name}S");
            if catalog::variables().any(|known| known.name == misspelt) {
                continue;
            }
            let end = case.run(&[(&misspelt, "1")]);
            assert_ne!(end.status, Some(0), "{misspelt}: {}", end.text);
            for expected in [misspelt.as_str(), &format!("did you mean {name}?")] {
                assert!(
                    end.text.contains(expected),
                    "{} {:?}: {misspelt}: {}",
                    case.program,
                    case.arguments,
                    end.text
                );
            }
        }
    }
}
