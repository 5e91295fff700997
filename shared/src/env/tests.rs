use std::time::Duration;

use secrecy::ExposeSecret;

use super::catalog::*;
use super::setting::Form;
use super::*;

fn env(variables: &[(&str, &str)]) -> Environment {
    Environment::of(variables.iter().copied())
}

fn error<T>(result: Result<T, SettingError>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn each_choice_is_named_where_it_is_described() {
    for variable in variables() {
        let Form::Choice(words) = variable.form else { continue };
        let (Fallback::Value(default) | Fallback::Words(default)) = variable.fallback;
        let text = format!("{} {default}", variable.meaning);
        let has =
            |word: &str| text.split(|c: char| !c.is_alphanumeric() && c != '/').any(|said| said == word);
        let missing: Vec<&&str> = words.iter().filter(|word| !has(word)).collect();
        // Of these no other value than the default does anything.
        if variable.name != "OTEL_EXPORTER_OTLP_PROTOCOL" {
            assert!(missing.is_empty(), "{}: {missing:?}", variable.name);
        }
    }
}

#[test]
fn the_default_holds_until_something_else_is_set() {
    for (variables, expect) in [
        (&[][..], Duration::from_mins(45)),
        (&[("AGENT_RUN_TIMEOUT", "")], Duration::from_mins(45)),
        (&[("AGENT_RUN_TIMEOUT", " \n")], Duration::from_mins(45)),
        (&[("AGENT_RUN_TIMEOUT", " 1h 30min\n")], Duration::from_mins(90)),
        (&[("AGENT_RUN_TIMEOUT_FILE", ""), ("AGENT_RUN_TIMEOUT", "9s")], Duration::from_secs(9)),
    ] {
        assert_eq!(env(variables).read(&AGENT_RUN_TIMEOUT).unwrap(), expect, "{variables:?}");
    }
}

#[test]
fn a_file_takes_precedence_over_the_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key").to_str().unwrap().to_owned();
    let given = [("AGENT_MARKER_KEY", "of the variable"), ("AGENT_MARKER_KEY_FILE", path.as_str())];
    let read = || env(&given).read(&AGENT_MARKER_KEY).map(|key| key.expose_secret().to_owned());

    std::fs::write(&path, "of the file\r\n").unwrap();
    assert_eq!(read().unwrap(), "of the file");

    // Whoever names a file means it: the variable does not stand in for it.
    for (content, why) in [
        (&b" \n"[..], "the file is empty"),
        (b"\xff", "stream did not contain valid UTF-8"),
        (&vec![b'x'; 1024 * 1024 + 1], "it is larger than 1 MiB"),
    ] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(error(read()), format!("cannot read {path}, which AGENT_MARKER_KEY_FILE names: {why}"));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(error(read()).ends_with("names: No such file or directory (os error 2)"));
    let endless = env(&[("AGENT_MARKER_KEY_FILE", "/dev/zero")]);
    assert!(error(endless.read(&AGENT_MARKER_KEY)).ends_with("it is larger than 1 MiB"));
}

#[test]
fn an_error_names_the_variable_or_the_file_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("time").to_str().unwrap().to_owned();
    std::fs::write(&path, "soon").unwrap();
    let end = "use a number and a unit, such as 90s or 45min";
    for (name, value, shown) in [
        ("AGENT_RUN_TIMEOUT", "soon", "AGENT_RUN_TIMEOUT"),
        ("AGENT_RUN_TIMEOUT_FILE", &path, "AGENT_RUN_TIMEOUT_FILE"),
    ] {
        let message = error(env(&[(name, value)]).read(&AGENT_RUN_TIMEOUT));
        assert_eq!(message, format!("invalid duration \"soon\" for {shown}: {end}"));
    }
}

#[test]
fn every_form_has_one_grammar() {
    for (word, expect) in
        [("true", true), ("YES", true), ("1", true), ("false", false), ("No", false), ("0", false)]
    {
        assert_eq!(env(&[("AGENT_KEEP_ALIVE", word)]).read(&AGENT_KEEP_ALIVE).unwrap(), expect, "{word}");
    }
    for (size, bytes) in [
        ("1B", 1),
        ("3 KB", 3_000),
        ("512KiB", 524_288),
        ("25MiB", 26_214_400),
        ("25mb", 25_000_000),
        ("2GiB", 2_147_483_648),
    ] {
        assert_eq!(env(&[("AGENT_MAX_BODY", size)]).read(&AGENT_MAX_BODY).unwrap(), bytes, "{size}");
    }
    for list in ["a b", "a,b", " a ,\n b,,", "a\tb\r\n"] {
        assert_eq!(
            env(&[("AGENT_PROTECT", list)]).find(&AGENT_PROTECT).unwrap().unwrap(),
            ["a", "b"],
            "{list:?}"
        );
    }
    // A secret may hold spaces.
    let secrets = env(&[("AGENT_WEBHOOK_SECRETS", "first one, second\nthird")]);
    let secrets = secrets.read(&AGENT_WEBHOOK_SECRETS).unwrap();
    assert_eq!(
        secrets.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(),
        ["first one", "second", "third"]
    );
}

#[test]
fn what_is_wrong_is_told_with_how_it_is_written() {
    fn told<T>(setting: &Setting<T>, value: &str) -> String {
        error(env(&[(setting.variable().name, value)]).find(setting))
    }
    let long = "x".repeat(200);
    for (message, expect) in [
        (
            told(&AGENT_KEEP_ALIVE, "maybe"),
            "invalid boolean \"maybe\" for AGENT_KEEP_ALIVE: use true, false, yes, no, 1 or 0",
        ),
        (told(&AGENT_RUN_TIMEOUT, "0s"), "invalid duration \"0s\" for AGENT_RUN_TIMEOUT: it must be longer"),
        (
            told(&AGENT_RUN_TIMEOUT, "900years"),
            "invalid duration \"900years\" for AGENT_RUN_TIMEOUT: it must be at most ten years",
        ),
        (
            told(&AGENT_RUN_TIMEOUT, "45"),
            "invalid duration \"45\" for AGENT_RUN_TIMEOUT: use a number and a unit, such as 90s or 45min",
        ),
        (
            told(&AGENT_MAX_BODY, "26214400"),
            "invalid size \"26214400\" for AGENT_MAX_BODY: use a whole number and a unit, such as 512KiB or 25MiB",
        ),
        (told(&AGENT_MAX_BODY, "0B"), "invalid size \"0B\" for AGENT_MAX_BODY: it must be above zero"),
        (
            told(&AGENT_MAX_BODY, "99999999999GiB"),
            "invalid size \"99999999999GiB\" for AGENT_MAX_BODY: it is too large",
        ),
        (
            told(&AGENT_MODEL_RETRIES, "21"),
            "invalid number \"21\" for AGENT_MODEL_RETRIES: use a whole number from 0 to 20",
        ),
        (
            told(&AGENT_CONTEXT_TOKENS, "12"),
            "invalid number \"12\" for AGENT_CONTEXT_TOKENS: use a whole number of at least 1000",
        ),
        (
            told(&AGENT_FILE_SELECTION, "maybe"),
            "invalid value \"maybe\" for AGENT_FILE_SELECTION: use auto, never or always",
        ),
        (
            told(&AGENT_LISTEN, "8080"),
            "invalid address \"8080\" for AGENT_LISTEN: use ADDRESS:PORT, such as 0.0.0.0:8080",
        ),
        (
            told(&AGENT_LISTEN, &long),
            &format!(
                "invalid address \"{}…\" for AGENT_LISTEN: use ADDRESS:PORT, such as 0.0.0.0:8080",
                &long[..80]
            ),
        ),
        (
            told(&AGENT_LISTEN, "a\u{1b}[2J\nb"),
            "invalid address \"a\\u{1b}[2J\\nb\" for AGENT_LISTEN: use ADDRESS:PORT, such as 0.0.0.0:8080",
        ),
    ] {
        assert_eq!(message, expect);
    }
    assert_eq!(
        error(env(&[]).read(&AGENT_WEBHOOK_SECRETS)),
        "AGENT_WEBHOOK_SECRETS is required: set it, or name a file that holds it in AGENT_WEBHOOK_SECRETS_FILE"
    );
    assert_eq!(
        env(&[]).refuse(&AGENT_MARKER_KEY, "hunter2", "it is short").to_string(),
        "invalid secret for AGENT_MARKER_KEY: it is short"
    );
}

#[test]
fn a_token_is_one_word_that_a_header_can_carry() {
    for setting in [&AGENT_GITHUB_TOKEN, &ANTHROPIC_API_KEY, &OPENAI_API_KEY, &OLLAMA_API_KEY] {
        let name = setting.variable().name;
        let read = |value: &str| env(&[(name, value)]).read(setting);
        assert_eq!(read(" ghp_0aZ~!\r\n").unwrap().expose_secret(), "ghp_0aZ~!");
        for value in ["ghp_1\nghp_2", "ghp_1 ghp_2", "ghp_1\tx", "ghp_\u{7f}", "gh\u{e9}", "\u{feff}ghp_1"] {
            assert_eq!(
                error(read(value)),
                format!(
                    "invalid secret for {name}: it has characters that no key has: was it copied whole, and nothing with it?"
                )
            );
        }
    }
}

#[test]
fn every_default_is_a_value_of_its_setting() {
    for variable in catalog::variables() {
        assert!(!variable.meaning.is_empty(), "{}", variable.name);
        if let Fallback::Value(_) = variable.fallback {
            assert!(
                variable.form.secret().is_none() || variable.name == "AGENT_AMQP_URL",
                "{}",
                variable.name
            );
        }
    }
    macro_rules! parses { ($($name:ident)*) => { $(assert!(env(&[]).read(&$name).is_ok(), stringify!($name));)* } }
    parses!(
        RUST_LOG AGENT_GITHUB_HOST AGENT_ALLOW_LOOPBACK AGENT_TRIGGER_LABEL AGENT_AMQP_URL AGENT_LISTEN AGENT_MAX_BODY
        AGENT_BODY_MEMORY AGENT_MAX_CONNECTIONS AGENT_HEADER_TIMEOUT AGENT_BODY_TIMEOUT AGENT_DRAIN_TIMEOUT
        AGENT_KEEP_ALIVE AGENT_MAX_TOKENS AGENT_MAX_COST AGENT_UNKNOWN_PRICE AGENT_MODEL_TIMEOUT
        AGENT_MODEL_RETRIES AGENT_READ_ROUNDS AGENT_FILE_SELECTION AGENT_COMMIT_NAME AGENT_UNAUTHORIZED_USERS
        AGENT_GITHUB_MAX_WAIT AGENT_GITHUB_TIMEOUT AGENT_RUN_TIMEOUT POD_NAME AGENT_QUEUE_WAIT AGENT_RETRY_PAUSE
        AGENT_SWEEP_GRACE
    );
}

#[test]
fn no_name_is_declared_twice_and_none_lacks_its_prefix() {
    let of_others = [
        "RUST_LOG",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_RUNTIME_API",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OLLAMA_API_KEY",
        "OLLAMA_BASE_URL",
        "OLLAMA_HOST",
        "POD_NAME",
        "TASK_JSON",
        "NO_COLOR",
        "NO_PROXY",
        "HTTPS_PROXY",
    ];
    let mut seen = BTreeSet::new();
    for variable in catalog::variables() {
        assert!(seen.insert(variable.name), "{} is there twice", variable.name);
        assert!(
            variable.name.starts_with("AGENT_")
                != (of_others.contains(&variable.name) || variable.name.starts_with("OTEL_")),
            "{}",
            variable.name
        );
    }
    for (old, new) in names::RENAMED {
        assert!(seen.contains(new) && !seen.contains(old), "{old} {new}");
    }
}

const INGEST: &[&Group] =
    &[&catalog::LOGS, &catalog::HOSTS, &catalog::LABELS, &catalog::BROKER, &catalog::INGEST];
const SOLVE: &[&Group] = &[&catalog::MODEL, &catalog::PROVIDERS, &catalog::CYCLE];

#[test]
fn a_name_that_nobody_reads_is_refused_with_the_nearest_one() {
    for (name, nearest) in [
        ("AGENT_MAX_COSTS", "AGENT_MAX_COST"),
        ("AGENT_MAXCOST", "AGENT_MAX_COST"),
        ("agent_max_cost", "AGENT_MAX_COST"),
        ("AGENT_UNPRICE", "AGENT_UNKNOWN_PRICE"),
        ("AGENT_COST_MAX", "AGENT_MAX_COST"),
        ("AGENT_BUDGET", "AGENT_BUDGET_DAY"),
        ("AGENT_GH_TOKEN", "AGENT_GITHUB_TOKEN"),
        ("AGENT_HOST", "AGENT_GITHUB_HOST"),
        ("AGENT_MAX_OUTPUTTOKENS", "AGENT_MAX_OUTPUT_TOKENS"),
        ("AGENT_MODEL_TIMOUT", "AGENT_MODEL_TIMEOUT"),
        ("AGENT_CAS", "AGENT_CA"),
        ("AGENT_MARKR_KEY_FILE", "AGENT_MARKER_KEY_FILE"),
        ("AGENT_GITHUB_HOSTS", "AGENT_GITHUB_HOST"),
    ] {
        assert_eq!(
            error(env(&[(name, "0.10")]).check_names(SOLVE)),
            format!("unknown setting {name}: did you mean {nearest}?")
        );
    }
    // Only what the program reads is suggested, and only what is near.
    for (name, reads, nearest) in [
        ("AGENT_HEADER_TIMEOUT_SECS", INGEST, Some("AGENT_HEADER_TIMEOUT")),
        ("AGENT_HEADER_TIMEOUT_SECS", SOLVE, None),
        ("AGENT_MAX_BODIES", SOLVE, None),
        ("AGENT_TRIGGER_LABLE", INGEST, Some("AGENT_TRIGGER_LABEL")),
        ("AGENT_MARKR_KEY", INGEST, None),
        ("AGENT_FOO", SOLVE, None),
        ("AGENT_FOO", INGEST, None),
        ("AGENT_", SOLVE, None),
    ] {
        let told = nearest.map_or_else(
            || "docs/CONFIGURATION.md lists all settings".to_owned(),
            |nearest| format!("did you mean {nearest}?"),
        );
        assert_eq!(
            error(env(&[(name, "x")]).check_names(reads)),
            format!("unknown setting {name}: {told}"),
            "{name}"
        );
    }
}

#[test]
fn a_value_that_is_not_needed_is_looked_at() {
    for (name, value, told) in [
        (
            "AGENT_MODEL_TIMEOUT",
            "soon",
            "invalid duration \"soon\" for AGENT_MODEL_TIMEOUT: use a number and a unit, such as 90s or 45min",
        ),
        (
            "AGENT_MODEL_RETRIES",
            "21",
            "invalid number \"21\" for AGENT_MODEL_RETRIES: use a whole number from 0 to 20",
        ),
        ("AGENT_EFFORT", "some", "invalid value \"some\" for AGENT_EFFORT: use low, medium or high"),
        (
            "OPENAI_API_KEY",
            "two words",
            "invalid secret for OPENAI_API_KEY: it has characters that no key has: was it copied whole, and nothing with it?",
        ),
    ] {
        assert_eq!(error(env(&[(name, value)]).check(SOLVE)), told);
        // What another command reads is its own affair, and a file that of who needs it.
        env(&[(name, value)]).check(&[&catalog::LOGS]).unwrap();
        env(&[(name, value), (&format!("{name}_FILE"), "/no/such/file")]).check(SOLVE).unwrap();
        env(&[(name, " ")]).check(SOLVE).unwrap();
    }
    assert_eq!(
        error(env(&[("AGENT_MAX_COSTS", "1"), ("AGENT_MODEL_TIMEOUT", "soon")]).check(SOLVE)),
        "unknown setting AGENT_MAX_COSTS: did you mean AGENT_MAX_COST?"
    );
}

#[test]
fn an_old_name_that_contradicts_the_new_one_is_refused() {
    for (variables, reads, expect) in [
        (
            &[("AGENT_UNPRICED", "allow"), ("AGENT_UNKNOWN_PRICE", "refuse")][..],
            SOLVE,
            "AGENT_UNPRICED is now called AGENT_UNKNOWN_PRICE, which has another value: unset AGENT_UNPRICED",
        ),
        // An overlay of before over manifests of today.
        (
            &[("TRIGGER_LABEL", "robot"), ("AGENT_TRIGGER_LABEL", "ai-help")],
            INGEST,
            "TRIGGER_LABEL is now called AGENT_TRIGGER_LABEL, which has another value: unset TRIGGER_LABEL",
        ),
    ] {
        assert_eq!(error(env(variables).check_names(reads)), expect);
    }
    for (variables, reads) in [
        // Somebody else's, as far as this command is concerned.
        (&[("AMQP_URL", "amqp://x"), ("LISTEN", "1")][..], SOLVE),
        // Nothing is lost.
        (&[("TRIGGER_LABEL", "robot"), ("AGENT_TRIGGER_LABEL", "robot")], INGEST),
        (&[("LISTEN", "")], INGEST),
        (&[("AGENT_STRANGERS", "ignore")], SOLVE),
    ] {
        env(variables).check_names(reads).unwrap();
    }
}

#[test]
fn an_old_name_is_read_as_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "word\n").unwrap();
    let given = env(&[
        ("TRIGGER_LABEL", "robot"),
        ("BODY_TIMEOUT_SECS", "7"),
        ("MAX_BODY_BYTES", "1000"),
        ("AMQP_PASSWORD_FILE", password.to_str().unwrap()),
        ("AGENT_PATIENCE", "9s"),
        ("KEEP_ALIVE", "1s"),
        ("AGENT_KEEP_ALIVE", "1s"),
    ]);
    assert_eq!(given.read(&AGENT_TRIGGER_LABEL).unwrap(), "robot");
    assert_eq!(given.read(&AGENT_BODY_TIMEOUT).unwrap(), Duration::from_secs(7));
    assert_eq!(given.read(&AGENT_MAX_BODY).unwrap(), 1000);
    assert_eq!(given.read(&AGENT_AMQP_PASSWORD).unwrap().expose_secret(), "word");
    // The new name takes precedence.
    let both = env(&[("TRIGGER_LABEL", "robot"), ("AGENT_TRIGGER_LABEL", "ai-help")]);
    assert_eq!(both.read(&AGENT_TRIGGER_LABEL).unwrap(), "ai-help");
    let pairs = [
        ("AMQP_PASSWORD_FILE", "AGENT_AMQP_PASSWORD_FILE"),
        ("BODY_TIMEOUT_SECS", "AGENT_BODY_TIMEOUT"),
        ("KEEP_ALIVE", "AGENT_KEEP_ALIVE"),
        ("MAX_BODY_BYTES", "AGENT_MAX_BODY"),
        ("TRIGGER_LABEL", "AGENT_TRIGGER_LABEL"),
    ];
    let pairs: Vec<_> = pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
    assert_eq!(given.old_names(INGEST), pairs);
}

#[test]
fn names_of_others_are_left_alone() {
    let known = [
        // Another program's, a script's, a file's.
        ("AGENT_LISTEN", "x"),
        ("AGENT_LOCAL_STATE", "x"),
        ("AGENT_MAX_COST_FILE", "x"),
        ("AGENT_READY_FILE", "x"),
        // What Kubernetes sets for a Service that is called `agent-ingest`, and for one that is called `agent`.
        ("AGENT_INGEST_SERVICE_HOST", "10.0.0.1"),
        ("AGENT_INGEST_SERVICE_PORT", "80"),
        ("AGENT_INGEST_SERVICE_PORT_HTTP", "80"),
        ("AGENT_INGEST_PORT", "tcp://10.0.0.1:80"),
        ("AGENT_INGEST_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("AGENT_INGEST_PORT_80_TCP_PROTO", "tcp"),
        ("AGENT_INGEST_PORT_80_TCP_PORT", "80"),
        ("AGENT_INGEST_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("AGENT_SERVICE_HOST", "10.0.0.1"),
        ("AGENT_PORT", "udp://10.0.0.1:53"),
        ("AGENT_PORT_53_UDP", "udp://10.0.0.1:53"),
        // Azure Pipelines.
        ("AGENT_TEMPDIRECTORY", "/x"),
        ("AGENT_OS", "Linux"),
        ("AGENTS_X", "x"),
        ("AGENT", "x"),
        ("MAX_COST", "x"),
        ("AGENT_MAX_COSTS", ""),
    ];
    env(&known).check_names(SOLVE).unwrap();
    for (name, value) in
        [("AGENT_PORT", "80"), ("AGENT_INGEST_PORT_TCP", "x"), ("AGENT_INGEST_PORT_80_TCP_X", "x")]
    {
        assert!(env(&[(name, value)]).check_names(SOLVE).is_err(), "{name}");
    }
}

#[test]
fn no_name_of_others_is_a_setting_of_ours() {
    for name in names::OF_AZURE_PIPELINES {
        assert!(catalog::variables().all(|known| known.name != *name), "{name}");
    }
}

#[test]
fn every_secret_is_known_whatever_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key").to_str().unwrap().to_owned();
    std::fs::write(&path, "key of the file\n").unwrap();
    let given = env(&[
        ("AGENT_GITHUB_TOKEN_FILE", &path),
        ("AGENT_GITHUB_TOKEN", "unused"),
        ("AGENT_WEBHOOK_SECRETS", "first one,second one"),
        ("AGENT_AMQP_URL", "amqp://u:p%40ss@x/agents"),
        ("AMQP_PASSWORD", "of before"),
        ("OPENAI_API_KEY_FILE", "/no/such/file"),
        ("AGENT_MODEL", "openai"),
    ]);
    let mut found: Vec<String> =
        given.secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect();
    found.sort();
    assert_eq!(found, ["first one", "key of the file", "of before", "p%40ss", "p@ss", "second one"]);
}

#[test]
fn what_was_asked_for_is_recorded() {
    let env = env(&[("AGENT_LISTEN", "127.0.0.1:1")]);
    env.read(&AGENT_LISTEN).unwrap();
    env.find(&AGENT_LOGIN).unwrap();
    assert_eq!(env.asked(), BTreeSet::from(["AGENT_LISTEN", "AGENT_LOGIN"]));
}

#[test]
fn help_lists_names_meanings_and_defaults() {
    assert_eq!(
        help::environment(&[&catalog::LOGS]),
        "Environment:\n  \
         RUST_LOG                  level of the logs, also by module: info,lapin=warn [default: info]\n  \
         AGENT_LOG_FORMAT          json, one object a line, or text for a person [default: text for a\n                            \
         terminal, else json]\n\n  \
         Each AGENT_… and each key may be given as NAME_FILE, the path of a file that holds the value. NAME_FILE takes\n  \
         precedence over NAME. An empty value is an unset one."
    );
}
