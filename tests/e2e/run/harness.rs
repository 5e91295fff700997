//! A *story*: a repository on the stand-in, a model that answers from a script, and the runs that are made of both.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tests::bin::program;
pub(crate) use tests::cases::check_all;
use tests::github::{Fault, GitHub, Permission, When, World, without_ids};
use tests::model::{KEY, Request, ScriptedModel, Step, Wire};

pub(crate) const REPO: &str = "octo/hello";
pub(crate) const MARKER_KEY: &str = "0123456789abcdef0123456789abcdef";

/// A small repository, one person who may write and one who may not.
pub(crate) fn hello() -> World {
    World::new()
        .user("dev1", Permission::Write)
        .user("guest", Permission::Read)
        .repo(REPO)
        .file("README.md", "# Hello\n\nThis text recieves readers.\n")
        .file("config.toml", "port = 8000\ntimeout = 30\n")
}

pub(crate) fn typo(world: World, labels: &[&str]) -> World {
    world.issue(1, "Typo in README.md", "The word `recieves` in README.md should be `receives`.", labels)
}

pub(crate) fn offline(world: World) -> World {
    world.issue(
        1,
        "Sensors go offline too early",
        "Change `timeout` from 30 to 90 in config.toml.",
        &["ai-help"],
    )
}

/// A plan as a model writes it.
pub(crate) const PLAN: &str = "## Summary\nThe time-out is too short.\n\n## Files\n- `config.toml`: raise `timeout`\n\n\
    ## Steps\n1. Set `timeout` to 90.\n\n## Tests\n- None.\n\n## Risks\n- None.\n\n## Questions\n- None.";

/// The edits for it.
pub(crate) const EDIT: &str = "TITLE: Raise the time-out\nSUMMARY:\nSensors need longer.\n\nconfig.toml\n<<<<<<< SEARCH\n\
    timeout = 30\n=======\ntimeout = 90\n>>>>>>> REPLACE\n";

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stderr: String,
}

impl Run {
    /// The last line that says what happened: one that says what to do is indented.
    pub(crate) fn told(&self) -> Option<&str> {
        self.stderr.lines().rfind(|line| !line.starts_with(' '))
    }
}

/// The program with a clean environment, as the App; `folder` is its home.
pub(crate) fn as_app(github: &GitHub, folder: &Path) -> Command {
    let key = folder.join("key.pem");
    std::fs::write(&key, github.app_private_key()).unwrap();
    let mut command = Command::new(program("ai-agent"));
    command
        .env_clear()
        .env("HOME", folder)
        .env("AGENT_GITHUB_APP_ID", github.app_id().to_string())
        .env("AGENT_GITHUB_APP_KEY_FILE", key)
        .env("AGENT_MARKER_KEY", MARKER_KEY)
        .env("AGENT_ALLOW_LOOPBACK", "1")
        .env("AGENT_GITHUB_TIMEOUT", "15s")
        .env("AGENT_GITHUB_MAX_WAIT", "5s");
    command
}

/// Runs the program with a clean environment, as the App unless `variables` say otherwise.
pub(crate) fn run(github: &GitHub, task: &Value, variables: &[(&str, &str)]) -> Run {
    run_watched(github, task, variables, &AtomicU32::new(0))
}

/// The same; the id of the process is in `process` before its first call.
pub(crate) fn run_watched(
    github: &GitHub,
    task: &Value,
    variables: &[(&str, &str)],
    process: &AtomicU32,
) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let mut child = as_app(github, folder.path())
        .args(["run", "-"])
        .env("AGENT_WORK_DIR", folder.path())
        // The clock of the stand-in is not that of this machine.
        .env("AGENT_CHECKS_WITHIN", "3000days")
        .env("AGENT_MODEL", "builtin")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.store(child.id(), Ordering::SeqCst);
    // Who refuses its settings ends before it reads.
    if let Err(error) = child.stdin.take().unwrap().write_all(task.to_string().as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "{error}");
    }
    let output = child.wait_with_output().unwrap();
    Run { status: output.status.code(), stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

pub(crate) fn wish(github: &GitHub, mode: &str, user: &str) -> Value {
    json!({ "repo_url": github.repo_url(REPO), "issue_id": 1, "mode": mode, "trigger_user": user })
}

/// The visible state without the markers, which hold times and keys.
pub(crate) fn seen(github: &GitHub) -> String {
    let text = github.snapshot();
    let kept = text.lines().filter(|line| !line.starts_with("      | <!-- ai-agent:"));
    without_commits(&without_ids(&kept.fold(String::new(), |text, line| text + line.trim_end() + "\n")))
}

/// The text without the ids of commits that answer reviews or bring a branch up to date, which hang on the time.
pub(crate) fn without_commits(text: &str) -> String {
    ["**Changed** in ", "**Updated** in "].iter().fold(text.to_owned(), |text, before| {
        let mut parts = text.split(before);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
            assert_eq!(part.len() - rest.len(), 10, "not the id of a commit: {part}");
            text + before + "COMMIT" + rest
        })
    })
}

pub(crate) fn mutations(github: &GitHub) -> Vec<String> {
    github.journal().mutations().map(|call| call.operation.clone()).collect()
}

/// See the module's documentation.
pub(crate) struct Story {
    pub(crate) github: GitHub,
    runtime: tokio::runtime::Runtime,
    model: ScriptedModel,
}

impl Story {
    /// The model gives these answers one after the other.
    pub(crate) fn new(world: World, replies: &[&str]) -> Self {
        Self::of(GitHub::start(world), replies)
    }

    /// The same at a GitHub that was started before: where answers name what is there.
    pub(crate) fn of(github: GitHub, replies: &[&str]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let model = runtime.block_on(ScriptedModel::start(replies.iter().map(|text| Step::text(text))));
        Self { github, runtime, model }
    }

    /// Where the model is.
    pub(crate) fn model_url(&self) -> String {
        self.model.base_url(Wire::OpenAi)
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// One run on the answers of the script.
    pub(crate) fn run(&self, task: &Value) -> Run {
        self.run_with(task, &[])
    }

    pub(crate) fn run_with(&self, task: &Value, variables: &[(&str, &str)]) -> Run {
        self.run_watched(task, variables, &AtomicU32::new(0))
    }

    pub(crate) fn run_watched(&self, task: &Value, variables: &[(&str, &str)], process: &AtomicU32) -> Run {
        let url = self.model.base_url(Wire::OpenAi);
        let model = [
            ("AGENT_MODEL", "openai:scripted"),
            ("AGENT_MODEL_PRICE", "free"),
            ("OPENAI_BASE_URL", url.as_str()),
            ("OPENAI_API_KEY", KEY),
        ];
        run_watched(&self.github, task, &[&model, variables].concat(), process)
    }

    /// A run that is killed at its first call of this name, before or after it takes effect.
    pub(crate) fn run_killed(&self, task: &Value, call: &'static str, stall: Fault) -> Run {
        let process = Arc::new(AtomicU32::new(0));
        let victim = Arc::clone(&process);
        self.github.fault(When::nth(call, 1), stall);
        self.github.on_call(When::nth(call, 1), move |_| {
            let id = victim.load(Ordering::SeqCst).to_string();
            assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
        });
        self.run_watched(task, &[], &process)
    }

    /// A wish of `dev1` for issue 1.
    pub(crate) fn wish(&self, mode: &str) -> Value {
        self.wish_of(mode, "dev1")
    }

    pub(crate) fn wish_of(&self, mode: &str, user: &str) -> Value {
        wish(&self.github, mode, user)
    }

    /// A comment by which `user` commands, and the task that a webhook makes of it. `thread` is where it is written.
    pub(crate) fn command(&self, mode: &str, user: &str, thread: u64, text: &str) -> Value {
        let comment = self.github.now(|state| state.at(REPO).comment(user, thread, text));
        let mut task = wish(&self.github, mode, user);
        task["issue_id"] = thread.into();
        task["comment_id"] = comment.into();
        if thread != 1 {
            task["pull_request"] = 2.into();
        }
        task
    }

    /// The agent's newest comment on a thread, without its marker.
    pub(crate) fn answer(&self, thread: u64) -> String {
        let bot = self.github.app_login();
        self.github.now(|state| {
            let scene = state.first();
            let newest = scene.issue(thread).comments.iter().rfind(|comment| comment.author == bot);
            let body = newest.map_or("", |comment| comment.body.as_str());
            without_ids(body.split("\n\n<!-- ai-agent:").next().unwrap_or_default())
        })
    }

    /// The labels of a thread in alphabetical order.
    pub(crate) fn labels(&self, thread: u64) -> String {
        self.github.now(|state| {
            let mut labels = state.first().issue(thread).labels.clone();
            labels.sort();
            labels.join(" ")
        })
    }

    /// What the model was asked so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.model.requests()
    }

    /// The story so far, for a failure message.
    pub(crate) fn told(&self, run: &Run) -> String {
        format!("{run:?}\n{}\n{}", self.github.journal().summary(), seen(&self.github))
    }

    /// Ends the model's part: the same GitHub is for another script.
    pub(crate) fn finish_model(self) -> GitHub {
        let Self { github, runtime, model } = self;
        model.finish();
        runtime.shutdown_background();
        github
    }

    /// Ends the story: nothing may be amiss on either side, nothing left over.
    pub(crate) fn finish(self) {
        self.finish_model().finish();
    }
}

/// The text without the counts of tokens, which hang on the prompts, and without the bill of a failure.
pub(crate) fn without_tokens(text: &str) -> String {
    let text = without_bill(text);
    let Some((before, rest)) = text.split_once(" tokens in, ") else { return text };
    let before = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let rest =
        rest.split_once(" out").map_or(rest, |(_, rest)| rest.strip_prefix(", no cost").unwrap_or(rest));
    format!("{before}BILL{rest}")
}

/// The answer without the line at its end that tells what the model cost: [`tells_its_cost`] checks that line.
pub(crate) fn without_bill(answer: &str) -> String {
    match answer.trim_end().rsplit_once("\n\n") {
        Some((words, last)) if tells_its_cost(last) => words.to_owned(),
        _ => answer.to_owned(),
    }
}

/// Whether a line names the model, its calls, tokens and money.
pub(crate) fn tells_its_cost(line: &str) -> bool {
    line.starts_with("openai:")
        && [" call", " tokens in, ", " out, "].iter().all(|part| line.contains(part))
        && !line.contains('\n')
}
