//! A *story*: an issue on a site of Jira, a repository on GitHub, and the runs that are made of both.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::bin::program;
use tests::github::{GitHub, Permission, World};
use tests::jira::{AGENT, CLIENT, EMAIL, Jira, Site, TOKEN};
use tests::model::{KEY, Request, ScriptedModel, Step, Wire};

pub(crate) const REPO: &str = "octo/hello";
pub(crate) const ISSUE: &str = "PROJ-7";
pub(crate) const MARKER_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The branch of the issue.
pub(crate) const BRANCH: &str = "ai-agent/PROJ-7";

/// See the module's documentation.
pub(crate) struct Story {
    pub(crate) github: GitHub,
    pub(crate) jira: Jira,
    pub(crate) runtime: tokio::runtime::Runtime,
    model: ScriptedModel,
    /// What the operator adds to the configuration of the site.
    pub(crate) more: String,
    pub(crate) is_client: bool,
}

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stderr: String,
}

/// The repository of the tests: `dev1` and `dev2` may write, `guest` may not.
pub(crate) fn hello() -> World {
    World::new()
        .user("dev1", Permission::Write)
        .user("dev2", Permission::Write)
        .user("guest", Permission::Read)
        .repo(REPO)
        .file("README.md", "# Hello\n\nThis text recieves readers.\n")
        .file("config.toml", "port = 8000\ntimeout = 30\n")
}

/// People of the same names on Jira, and one whom nobody knows.
pub(crate) fn people() -> Site {
    Site::new().user("dev1").user("dev2").user("guest").user("stranger")
}

/// An issue that the rules without a model can carry out.
pub(crate) fn typo() -> Site {
    people().issue(
        ISSUE,
        "dev1",
        "Typo in README.md",
        "The word `recieves` in README.md should be `receives`.",
        &[],
    )
}

fn without_links(text: &str) -> String {
    const LINKS: [(&str, &str); 4] =
        [(", commit <", ">"), (", comment <", ">"), (", thread ", ">"), (" (plan <", ">)")];
    LINKS.iter().fold(text.to_owned(), |text, (begin, end)| {
        let mut parts = text.split(begin);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (_, rest) = part.split_once(end).unwrap_or_else(|| panic!("not a link: {part}"));
            text + rest
        })
    })
}

/// An issue for a model.
pub(crate) fn offline() -> Site {
    let text = "Change `timeout` from 30 to 90 in config.toml.";
    people().issue(ISSUE, "dev1", "Sensors of customer Acme go offline", text, &[])
}

pub(crate) const PLAN: &str = "## Summary\nThe time-out is too short.\n\n## Files\n- `config.toml`: raise `timeout`\n\n\
    ## Steps\n1. Set `timeout` to 90.\n\n## Tests\n- None.\n\n## Risks\n- None.\n\n## Questions\n- None.";

pub(crate) const EDIT: &str = "TITLE: Raise the time-out\nSUMMARY:\nSensors need longer.\n\nconfig.toml\n<<<<<<< SEARCH\n\
    timeout = 30\n=======\ntimeout = 90\n>>>>>>> REPLACE\n";

impl Story {
    pub(crate) fn new(site: Site, replies: &[&str]) -> Self {
        Self::of(hello(), site, replies)
    }

    pub(crate) fn of(world: World, site: Site, replies: &[&str]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let model = runtime.block_on(ScriptedModel::start(replies.iter().map(|text| Step::text(text))));
        let (github, jira) = (GitHub::start(world), Jira::start(site));
        Self { github, jira, runtime, model, more: String::new(), is_client: false }
    }

    /// The operator's configuration.
    pub(crate) fn config(&self) -> String {
        let mut text = format!("[sites.acme]\nurl = \"{}\"\naccount = \"{AGENT}\"\n", self.jira.url());
        if self.is_client {
            writeln!(text, "auth = \"client\"\ntokens = \"{}/oauth/token\"", self.jira.url()).unwrap();
        }
        writeln!(text, "[sites.acme.projects]\nPROJ = \"{}\"", self.github.repo_url(REPO)).unwrap();
        writeln!(text, "[sites.acme.people]").unwrap();
        for name in ["dev1", "dev2", "guest"] {
            writeln!(text, "\"557058:{name}\" = \"{name}\"").unwrap();
        }
        text + &self.more
    }

    /// The variables of a run, beside those of the model.
    pub(crate) fn variables(&self, folder: &std::path::Path) -> Vec<(String, String)> {
        let key = folder.join("key.pem");
        std::fs::write(&key, self.github.app_private_key()).unwrap();
        let config = folder.join("jira.toml");
        std::fs::write(&config, self.config()).unwrap();
        let (who, secret) = if self.is_client { CLIENT } else { (EMAIL, TOKEN) };
        let path = |path: &std::path::Path| path.display().to_string();
        [
            ("HOME", path(folder)),
            ("AGENT_GITHUB_APP_ID", self.github.app_id().to_string()),
            ("AGENT_GITHUB_APP_KEY_FILE", path(&key)),
            ("AGENT_MARKER_KEY", MARKER_KEY.to_owned()),
            ("AGENT_ALLOW_LOOPBACK", "1".to_owned()),
            ("AGENT_GITHUB_TIMEOUT", "15s".to_owned()),
            ("AGENT_GITHUB_MAX_WAIT", "5s".to_owned()),
            ("AGENT_WORK_DIR", path(folder)),
            // The clock of the stand-in for GitHub is not that of this machine.
            ("AGENT_CHECKS_WITHIN", "3000days".to_owned()),
            ("AGENT_MODEL", "openai:scripted".to_owned()),
            ("AGENT_MODEL_PRICE", "free".to_owned()),
            ("OPENAI_BASE_URL", self.model.base_url(Wire::OpenAi)),
            ("OPENAI_API_KEY", KEY.to_owned()),
            ("AGENT_JIRA_FILE", path(&config)),
            ("AGENT_JIRA_CREDENTIALS", format!("acme: {who} {secret}")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// One run on this message.
    pub(crate) fn run(&self, message: &Value) -> Run {
        self.run_with(message, &[])
    }

    pub(crate) fn run_with(&self, message: &Value, more: &[(&str, &str)]) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let child = self.start(folder.path(), message, more);
        let output = child.wait_with_output().unwrap();
        Run { status: output.status.code(), stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    /// The same, and the most memory that it took, in KiB.
    pub(crate) fn run_measured(&self, message: &Value, more: &[(&str, &str)]) -> (Run, u64) {
        let folder = tempfile::tempdir().unwrap();
        let mut child = self.start(folder.path(), message, more);
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let high = high.and_then(|high| high.trim().trim_end_matches("kB").trim().parse().ok());
            peak = peak.max(high.unwrap_or_default());
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (Run { status: output.status.code(), stderr }, peak)
    }

    /// A run that is killed once Jira leaves it without an answer, if that happens.
    pub(crate) fn run_killed(&self, message: &Value) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let mut child = self.start(folder.path(), message, &[]);
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.jira.is_stalling() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "{}", self.jira.summary());
            std::thread::sleep(Duration::from_millis(20));
        }
        // Fails only if it has ended by itself.
        drop(child.kill());
        let output = child.wait_with_output().unwrap();
        Run { status: output.status.code(), stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    fn start(&self, folder: &std::path::Path, message: &Value, more: &[(&str, &str)]) -> Child {
        let mut child = Command::new(program("ai-agent"))
            .args(["run", "-"])
            .env_clear()
            .envs(self.variables(folder))
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who refuses its settings ends before it reads.
        if let Err(error) = child.stdin.take().unwrap().write_all(message.to_string().as_bytes()) {
            assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "{error}");
        }
        child
    }

    /// A run of the rules that need no model.
    pub(crate) fn run_by_rules(&self, message: &Value) -> Run {
        self.run_with(message, &[("AGENT_MODEL", "builtin")])
    }

    /// Sets labels, and makes the message of it.
    pub(crate) fn label(&self, who: &str, labels: &[&str]) -> Value {
        self.jira.now(|site| {
            site.relabel(ISSUE, who, labels);
            site.request(ISSUE, "begin", None)
        })
    }

    /// A command on the issue, and the message of it.
    pub(crate) fn command(&self, who: &str, asks: &str, text: &str) -> Value {
        self.jira.now(|site| {
            site.catch_up();
            let comment = site.comment(ISSUE, who, text);
            site.request(ISSUE, asks, Some(comment))
        })
    }

    /// What the agent says on the issue, without what it says for the log, and without links to what it made on GitHub, whose ids
    /// hang on the time.
    pub(crate) fn said(&self) -> Vec<String> {
        let said = self.jira.now(|site| site.said(ISSUE));
        let text = |text: &String| without_links(text.split("\nTask `").next().unwrap_or_default());
        said.iter().map(text).collect()
    }

    /// The labels of the issue, in alphabetical order.
    pub(crate) fn labels(&self) -> String {
        self.jira.now(|site| {
            let mut labels = site.at(ISSUE).labels.clone();
            labels.sort();
            labels.join(" ")
        })
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.model.requests()
    }

    /// The story so far, for a failure message.
    pub(crate) fn told(&self, run: &Run) -> String {
        format!(
            "{run:?}\n{}\n{}\n{}",
            self.jira.summary(),
            self.github.snapshot(),
            self.said().join("\n---\n")
        )
    }

    /// Ends the story: nothing may be amiss on any side, nothing left over.
    pub(crate) fn finish(self) {
        let Self { github, jira, runtime, model, .. } = self;
        model.finish();
        runtime.shutdown_background();
        jira.finish();
        github.finish();
    }
}
