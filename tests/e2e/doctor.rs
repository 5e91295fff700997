//! `ai-agent doctor` against a real broker and the stand-in for GitHub: what it finds in order, and what it says of each
//! thing that is not.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use tests::{
    bin::program,
    broker::{Broker, VirtualHost},
    github::{Fault, GitHub, Level, Permission, Refused, When, World},
};

const MINUTE: Duration = Duration::from_mins(1);

fn world() -> World {
    World::new().user("dev1", Permission::Write).repo("octo/hello").file("README.md", "# Hello\n").delivery(
        "11111111-1111-1111-1111-111111111111",
        "issues",
        202,
        MINUTE,
    )
}

/// Exit status and what is printed, with the address of the stand-in and the room on the disk left out.
fn doctor(github: &GitHub, host: &VirtualHost<'_>, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key.pem");
    std::fs::write(&key, github.app_private_key()).expect("the key is written");
    let output = Command::new(program("ai-agent"))
        .args(["doctor", "--repo", &github.repo_url("octo/hello")])
        .env_clear()
        .env("AGENT_GITHUB_APP_ID", github.app_id().to_string())
        .env("AGENT_GITHUB_APP_KEY_FILE", &key)
        .env("AGENT_MARKER_KEY", "0123456789abcdef0123456789abcdef")
        .env("AGENT_ALLOW_LOOPBACK", "1")
        .env("AGENT_GITHUB_TIMEOUT", "2s")
        .env("AGENT_WORK_DIR", folder.path())
        .env("AGENT_MODEL", "builtin")
        .env("AGENT_AMQP_URL", host.url("task"))
        .env("AGENT_AMQP_MANAGEMENT_URL", host.management_url())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8").replace(&github.url(), "GITHUB");
    let lines = stdout.lines().filter(|line| !line.contains("MiB"));
    (output.status.code(), lines.fold(String::new(), |text, line| text + line + "\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    host.until_policies_are_told().await?;
    let github = GitHub::start(world());
    let (status, text) = doctor(&github, &host, &[]);
    assert_eq!(
        text,
        "\
ok      Settings    the settings of runs are complete
note    Settings    no AI model is used: builtin carries out explicit requests by rule, for demos
                      Set AGENT_MODEL to anthropic, openai or ollama to use a model.
ok      Clock       the clock is in sync with GitHub's
ok      GitHub      logged in as the App ai-agent
ok      GitHub      the App has the permissions that it needs
ok      Webhook     the App is sent the events that it needs
ok      GitHub      the App is installed at octo
ok      Webhook     the newest deliveries arrived
ok      Repository  octo/hello takes changes
ok      Queue       connected to the broker
ok      Queue       `agent-tasks` is there, messages waiting: 0
ok      Queue       `agent-tasks.dlq` is there, messages waiting: 0
ok      Queue       the queues of `agent-tasks.later` are there, for tasks that have to wait
ok      Queue       this user cannot publish, as it should be
ok      Queue       the policy of `agent-tasks` is the one that is deployed
ok      Queue       the policy of `agent-tasks.dlq` is the one that is deployed
ok      Queue       the policy of `agent-tasks.later.1m` is the one that is deployed
ok      Queue       the policy of `agent-tasks.later.5m` is the one that is deployed
ok      Queue       the policy of `agent-tasks.later.15m` is the one that is deployed
ok      Queue       the policy of `agent-tasks.later.35m` is the one that is deployed
ok      Queue       the policy of `agent-tasks.later.65m` is the one that is deployed
ok      Model       builtin needs no server

A run can do its work.
"
    );
    assert_eq!(status, Some(0));
    github.finish();
    Ok(())
}

/// What is wrong, the exit status, and what is said of it.
struct Trouble {
    name: &'static str,
    github: fn() -> World,
    variables: &'static [(&'static str, &'static str)],
    status: i32,
    said: &'static str,
}

const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "no settings",
        github: world,
        variables: &[("AGENT_MARKER_KEY", "")],
        status: 2,
        said: "\
FAILED  Settings    no key for the agent's comments: put 32 random bytes in hexadecimal into a file and name it in AGENT_MARKER_KEY_FILE
                      Correct the setting.
skipped GitHub      GitHub was not asked: a setting is wrong
",
    },
    Trouble {
        name: "no engine",
        github: world,
        variables: &[("AGENT_MODEL", "")],
        status: 2,
        said: "\
FAILED  Settings    no model is chosen: set AGENT_MODEL (or --model) to anthropic, openai or ollama; `builtin`, rules for demos without an AI model, has to be asked for by name
                      Correct the setting.
",
    },
    Trouble {
        name: "permissions",
        github: || world().app_permissions(&[("issues", Level::Write), ("contents", Level::Read), ("actions", Level::Write)]),
        variables: &[],
        status: 2,
        said: "\
FAILED  GitHub      the App lacks permissions: contents: write, pull_requests: write
                      Grant them at GITHUB/settings/apps/ai-agent/permissions, then accept them where it is installed.
note    GitHub      the App may do more than it needs: actions: write
                      Take it away at GITHUB/settings/apps/ai-agent/permissions.
note    GitHub      pull requests do not wait for their checks, because the App lacks permissions: checks: read, statuses: read
                      To have them wait, grant these, and the events check_suite, status, at GITHUB/settings/apps/ai-agent/permissions.
FAILED  GitHub      octo has not accepted these permissions yet: contents: write, pull_requests: write
                      An owner accepts them at GITHUB/settings/installations/42
",
    },
    Trouble {
        name: "the logs of checks",
        github: || {
            let write = ["contents", "issues", "pull_requests"].map(|name| (name, Level::Write));
            world().app_permissions(&[&write[..], &[("checks", Level::Read), ("statuses", Level::Read)]].concat())
        },
        variables: &[],
        status: 0,
        said: "\
note    GitHub      failed checks are repaired by their annotations alone, because the App lacks permissions: actions: read
                      To have their logs read, grant it at GITHUB/settings/apps/ai-agent/permissions.
",
    },
    Trouble {
        name: "events",
        github: || world().app_events(&["issues", "issue_comment", "pull_request", "check_suite", "status"]),
        variables: &[],
        status: 0,
        said: "\
note    Webhook     reviews are not answered: the App is not sent pull_request_review, pull_request_review_comment
                      To have them answered, subscribe to them at GITHUB/settings/apps/ai-agent/permissions.
",
    },
    Trouble {
        name: "the newest delivery",
        github: || world().delivery("22222222-2222-2222-2222-222222222222", "issue_comment", 401, Duration::ZERO),
        variables: &[],
        status: 2,
        said: "\
FAILED  Webhook     the newest delivery (issue_comment) did not arrive: 401 failed
                      401 means another secret than that of `ingest`, 404 another path than /webhook/github, 503 no broker, 0 no connection. Then run `scripts/redeliver`.
",
    },
    Trouble {
        name: "an earlier delivery",
        github: || {
            World::new()
                .user("dev1", Permission::Write)
                .repo("octo/hello")
                .file("README.md", "# Hello\n")
                .delivery("22222222-2222-2222-2222-222222222222", "issues", 503, 2 * MINUTE)
                .delivery("11111111-1111-1111-1111-111111111111", "issues", 202, MINUTE)
        },
        variables: &[],
        status: 0,
        said: "\
note    Webhook     events of the last three days that did not arrive: 1
                      `scripts/redeliver` has GitHub send them again.
",
    },
    Trouble {
        name: "an archived repository",
        github: || world().archived(),
        variables: &[],
        status: 2,
        said: "\
FAILED  Repository  octo/hello is archived
                      Archived repositories take no changes.
",
    },
    Trouble {
        name: "the broker's password",
        github: world,
        variables: &[("AGENT_AMQP_PASSWORD", "wrong")],
        status: 2,
        said: "                      Correct AGENT_AMQP_USERNAME and AGENT_AMQP_PASSWORD, or the user in the broker.\n",
    },
    Trouble {
        name: "names of settings",
        github: world,
        variables: &[("AGENT_MAX_COSTS", "0.10"), ("AGENT_PATIENCE", "9s")],
        status: 2,
        said: "\
FAILED  Settings    unknown setting AGENT_MAX_COSTS: did you mean AGENT_MAX_COST?
note    Settings    AGENT_PATIENCE is now called AGENT_GITHUB_MAX_WAIT
                      Rename it: a later version may not read the old name.
",
    },
    Trouble {
        name: "no broker",
        github: world,
        variables: &[("AGENT_AMQP_URL", "amqp://127.0.0.1:1/agents"), ("AGENT_BROKER_MAX_WAIT", "1s")],
        status: 75,
        said: "                      Check AGENT_AMQP_URL, that the broker is running, and that a NetworkPolicy lets this process reach it.\n",
    },
    Trouble {
        name: "no model",
        github: world,
        variables: &[("AGENT_MODEL", "ollama:m"), ("OLLAMA_BASE_URL", "http://127.0.0.1:1"), ("AGENT_MODEL_RETRIES", "0")],
        status: 75,
        said: "                      Start it with `ollama serve`, or set OLLAMA_BASE_URL.\n",
    },
    Trouble {
        name: "no ceiling over all runs",
        github: world,
        variables: &[
            ("AGENT_MODEL", "openai:m"),
            ("AGENT_MODEL_PRICE", "1/2"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
            ("OPENAI_API_KEY", "k"),
            ("AGENT_MODEL_RETRIES", "0"),
            ("AGENT_REPO_BUDGET_DAY", "5"),
        ],
        status: 75,
        said: "\
note    Budget      no ceiling for a day or a month is set: what one run may spend is limited, how many runs there are is not
                      Set AGENT_BUDGET_DAY, such as 50 for as many dollars, or AGENT_BUDGET_MONTH.
",
    },
    Trouble {
        name: "no price",
        github: world,
        variables: &[
            ("AGENT_MODEL", "openai:m"),
            ("OPENAI_BASE_URL", "https://models.example.org/v1"),
            ("OPENAI_API_KEY", "k"),
        ],
        status: 2,
        said: "                      Set AGENT_MODEL_PRICE to it (`free` if nobody charges for it), or AGENT_UNKNOWN_PRICE=allow to limit tokens alone.\n",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_is_told_with_its_mend() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    host.until_policies_are_told().await?;
    for Trouble { name, github, variables, status, said } in TROUBLES {
        let github = GitHub::start(github());
        let (ended, text) = doctor(&github, &host, variables);
        assert!(said.lines().all(|line| text.lines().any(|found| found == line)), "{name}:\n{text}");
        assert_eq!(ended, Some(*status), "{name}:\n{text}");
    }
    Ok(())
}

/// Giving a token back says nothing about the repository that it was for.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_revoked_makes_no_repository_wrong() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    host.until_policies_are_told().await?;
    let github = GitHub::start(world());
    let revoking = When::next("apps/revoke-installation-access-token");
    github.fault(revoking, Fault::Refused(Refused::Permission));
    let (status, text) = doctor(&github, &host, &[]);
    assert!(text.contains("ok      Repository  octo/hello takes changes\n"), "{text}");
    assert!(text.contains("note    GitHub      the token of this check could not be revoked: "), "{text}");
    assert!(text.ends_with("\nA run can do its work.\n"), "{text}");
    assert_eq!(status, Some(0), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_host_that_is_missing_is_told_apart_from_a_wrong_password() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    let github = GitHub::start(world());
    let (address, _) =
        host.url("task").rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a path");
    let (status, text) = doctor(&github, &host, &[("AGENT_AMQP_URL", &format!("{address}/no-such-host"))]);
    assert!(text.contains("FAILED  Queue       the broker refuses the virtual host"), "{text}");
    let fix = "Correct the virtual host in AGENT_AMQP_URL, or give the user a permission there.\n";
    assert!(text.contains(fix), "{text}");
    assert_eq!(status, Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_too_much_power_are_noted() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    host.until_policies_are_told().await?;
    host.put("agent-tasks.dlq", "{}").await?;
    let github = GitHub::start(world());
    let (status, text) = doctor(&github, &host, &[("AGENT_AMQP_URL", &host.url("sweep"))]);
    let said = "\
note    Queue       `agent-tasks.dlq` is there, messages waiting: 1
                      `ai-agent sweep` reports them on their issues; see docs/OPERATIONS.md.
ok      Queue       the queues of `agent-tasks.later` are there, for tasks that have to wait
note    Queue       this user may publish messages
                      A run only takes them: use the user `task` of k8s/base/rabbitmq.
";
    assert!(text.contains(said), "{text}");
    assert_eq!(status, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_the_budgets_is_told() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    host.until_policies_are_told().await?;
    let github = GitHub::start(world());
    let (status, text) = doctor(&github, &host, &[("AGENT_BUDGET_DAY", "5"), ("AGENT_BUDGET_MONTH", "0")]);
    let day = "ok      Budget      AGENT_BUDGET_DAY: $5.00 of $5.00 left; spent or reserved $0.0000 (`agent-budget.all.20";
    let month = "note    Budget      AGENT_BUDGET_MONTH: $0.0000 of $0.0000 left; spent or reserved $0.0000 (`agent-budget.all.20";
    assert!(text.contains(day) && text.contains(month), "{text}");
    assert!(text.contains("Tasks wait. To let them go on, raise AGENT_BUDGET_MONTH.\n"), "{text}");
    assert_eq!(status, Some(0));
    let priced = [
        ("AGENT_MODEL", "openai:m"),
        ("AGENT_MODEL_PRICE", "1/2"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
        ("OPENAI_API_KEY", "k"),
        ("AGENT_MODEL_RETRIES", "0"),
        ("AGENT_BUDGET_MONTH", "50"),
    ];
    let (_, text) = doctor(&github, &host, &priced);
    assert!(text.contains("AGENT_BUDGET_MONTH: $50") && !text.contains("no ceiling"), "{text}");
    // Of the repository that it is asked about, with a ceiling of its own or that of each.
    let own =
        [("AGENT_BUDGET_DAY", "5"), ("AGENT_REPO_BUDGET_DAY", "2"), ("AGENT_REPO_BUDGETS", "octo/hello=-/0")];
    let (status, text) = doctor(&github, &host, &own);
    let month = "note    Budget      octo/hello: AGENT_REPO_BUDGET_MONTH: $0.0000 of $0.0000 left; spent or reserved $0.0000 (`agent-budget.r";
    assert!(text.contains(day) && text.contains(month) && !text.contains("_REPO_BUDGET_DAY"), "{text}");
    assert_eq!(status, Some(0));
    let (status, text) = doctor(&github, &host, &[("AGENT_REPO_BUDGET_DAY", "5")]);
    let each = "ok      Budget      octo/hello: AGENT_REPO_BUDGET_DAY: $5.00 of $5.00 left; spent or reserved $0.0000 (`agent-budget.r";
    assert!(text.contains(each), "{text}");
    assert_eq!(status, Some(0));
    let (status, text) = doctor(&github, &host, &[("AGENT_REPO_BUDGETS", "octo/other=5/100")]);
    let limited = "ok      Budget      what repositories may spend is limited, and the broker can count it\n";
    assert!(text.contains(limited), "{text}");
    assert_eq!(status, Some(0));

    // The definitions of an earlier release.
    host.delete_exchange("agent-budget").await?;
    let (status, text) = doctor(&github, &host, &[("AGENT_REPO_BUDGET_DAY", "5")]);
    assert!(text.contains("FAILED  Budget      what is spent cannot be counted: "), "{text}");
    assert!(text.contains("Import the definitions of k8s/base/rabbitmq, which have the exchange"), "{text}");
    assert_eq!(status, Some(2));
    host.permit("task", ["^$", r"^agent-tasks\.later(\.[0-9]+m)?$", "^agent-tasks$"]).await?;
    let (status, text) = doctor(&github, &host, &[("AGENT_MODEL_CALLS_AT_ONCE", "5")]);
    assert!(text.contains("FAILED  Budget      what is spent cannot be counted: "), "{text}");
    assert_eq!(status, Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_off_is_told_with_what_comes_of_it() -> anyhow::Result<()> {
    let broker = Broker::shared().await?;
    let host = broker.virtual_host().await?;
    host.until_policies_are_told().await?;
    let github = GitHub::start(world());
    let (status, text) = doctor(&github, &host, &[("AGENT_AMQP_MANAGEMENT_URL", "")]);
    assert!(text.contains("skipped Queue       the policies of the queues were not checked\n"), "{text}");
    assert_eq!(status, Some(0));

    host.limit_tasks(5).await?;
    // What the interface tells of a queue follows within some seconds.
    let off = "FAILED  Queue       the policy of `agent-tasks` is another one; `max-length` is 5, not 10000: the queue grows until the disk \
               of the broker is full\n";
    let mut last = (None, String::new());
    for _ in 0..60 {
        last = doctor(&github, &host, &[]);
        if last.1.contains(off) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(last.1.contains(off) && last.0 == Some(2), "{last:?}");

    let wrong = host.management_url().replace("guest:guest", "guest:wrong");
    let (status, text) = doctor(&github, &host, &[("AGENT_AMQP_MANAGEMENT_URL", &wrong)]);
    assert!(
        text.contains(
            "FAILED  Queue       the management interface refuses the user of AGENT_AMQP_MANAGEMENT_URL\n"
        ),
        "{text}"
    );
    assert_eq!(status, Some(2));
    Ok(())
}
