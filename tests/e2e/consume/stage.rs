//! A *stage*: a virtual host of the broker, a repository with an issue, a model, and the processes between them.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use shared::queue;
use tempfile::TempDir;
use tests::bin::program;
use tests::broker::{Broker, VirtualHost};
use tests::github::{GitHub, Permission, When, World, without_ids};
use tests::model::{KEY, ScriptedModel, Step, Wire};
use tokio::time::{interval, timeout};

pub(crate) const REPO: &str = "octo/hello";

/// The answer that does what the issue asks for.
pub(crate) const EDIT: &str = "TITLE: Correct a typo\nSUMMARY:\nIt is `receives`.\n\nREADME.md\n<<<<<<< SEARCH\n\
    This text recieves readers.\n=======\nThis text receives readers.\n>>>>>>> REPLACE\n";

/// A task id as a webhook would give it.
pub(crate) const TASK: &str = "0123456789abcdef0123456789abcdef";

/// Nothing takes longer, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// See the module's documentation.
pub(crate) struct Stage<'a> {
    pub(crate) host: VirtualHost<'a>,
    pub(crate) github: GitHub,
    pub(crate) model: ScriptedModel,
}

/// A running `ai-agent consume`.
pub(crate) struct Consumer {
    child: Child,
    folder: TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct End {
    /// The exit status; that of a shell for a signal.
    pub(crate) status: i32,
    pub(crate) log: Vec<Value>,
    /// What was left in the working folder.
    pub(crate) left: Vec<String>,
}

/// One person who may write, one who may not.
pub(crate) fn people() -> World {
    World::new().user("dev1", Permission::Write).user("guest", Permission::Read)
}

/// A repository with a typo and an issue about it.
pub(crate) fn world() -> World {
    people().repo(REPO).file("README.md", "# Hello\n\nThis text recieves readers.\n").issue(
        1,
        "Typo in README.md",
        "It should be `receives`.",
        &["ai-help", "quickfix"],
    )
}

impl<'a> Stage<'a> {
    /// The model takes these steps one after the other.
    pub(crate) async fn set(broker: &'a Broker, steps: Vec<Step>) -> Self {
        Self::set_in(broker, world(), steps).await
    }

    /// The same in another world.
    pub(crate) async fn set_in(broker: &'a Broker, world: World, steps: Vec<Step>) -> Self {
        Self {
            host: broker.virtual_host().await.unwrap(),
            github: GitHub::start(world),
            model: ScriptedModel::start(steps).await,
        }
    }

    /// The message of a wish for issue 1.
    pub(crate) fn wish(&self, task: &str, user: &str) -> Value {
        wish(&self.github, task, user)
    }

    /// The same with the time at which the issue was changed last, as a webhook has it.
    pub(crate) fn wish_now(&self, task: &str) -> Value {
        let mut wish = self.wish(task, "dev1");
        let changed = self.github.now(|state| state.at(REPO).issue(1).updated_at);
        wish["triggered_at"] = changed.to_string().into();
        wish
    }

    pub(crate) async fn publish(&self, task: &Value) {
        self.host.publish(task["task_id"].as_str().unwrap(), &task.to_string()).await.unwrap();
    }

    /// Starts a process with a clean environment, and with these variables in addition.
    pub(crate) fn start(&self, more: &[(&str, &str)]) -> Consumer {
        self.start_command(&["consume"], more)
    }

    /// Tells dead letters on their issues.
    pub(crate) async fn sweep(&self) -> End {
        let host = self.host.url("sweep");
        let repository = self.github.repo_url(REPO);
        let more = [("AGENT_AMQP_URL", host.as_str()), ("AGENT_SWEEP_REPOSITORIES", repository.as_str())];
        self.start_command(&["sweep"], &more).end().await
    }

    pub(crate) fn start_command(&self, arguments: &[&str], more: &[(&str, &str)]) -> Consumer {
        let folder = TempDir::with_prefix("consume-").unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("key.pem"), self.github.app_private_key()).unwrap();
        fs::create_dir(path("work")).unwrap();
        let child = Command::new(program("ai-agent"))
            .args(arguments)
            .env_clear()
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("AGENT_AMQP_URL", self.host.url("task"))
            .env("POD_NAME", "agent-task-x7")
            .env("AGENT_QUEUE_WAIT", "300ms")
            .env("AGENT_RETRY_PAUSE", "0s")
            .env("AGENT_GITHUB_APP_ID", self.github.app_id().to_string())
            .env("AGENT_GITHUB_APP_KEY_FILE", path("key.pem"))
            .env("AGENT_MARKER_KEY", "the key of the marks in these tests")
            .env("AGENT_ALLOW_LOOPBACK", "1")
            .env("AGENT_GITHUB_TIMEOUT", "5s")
            .env("AGENT_GITHUB_MAX_WAIT", "5s")
            .env("AGENT_MODEL", "openai:scripted")
            .env("AGENT_UNKNOWN_PRICE", "allow")
            .env("AGENT_MODEL_RETRIES", "0")
            .env("OPENAI_BASE_URL", self.model.base_url(Wire::OpenAi))
            .env("OPENAI_API_KEY", KEY)
            .env("AGENT_WORK_DIR", path("work"))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        Consumer { child, folder }
    }

    pub(crate) async fn consume(&self, more: &[(&str, &str)]) -> End {
        self.start(more).end().await
    }

    /// Tasks that wait, and dead letters. All settled messages count at once, those of a killed process after a moment.
    pub(crate) async fn queues(&self) -> (u32, u32) {
        (self.host.ready(queue::TASKS).await.unwrap(), self.host.ready(queue::DEAD_LETTERS).await.unwrap())
    }

    /// The reason of the dead letter that waits, and the queue that it comes from.
    pub(crate) async fn death(&self) -> (String, String) {
        let letter = self.host.take(queue::DEAD_LETTERS).await.unwrap().expect("a dead letter");
        let death = &letter["properties"]["headers"]["x-death"][0];
        assert_eq!(death["count"], 1, "{letter}");
        (death["reason"].as_str().unwrap().to_owned(), death["queue"].as_str().unwrap().to_owned())
    }

    /// Returns when the model has been asked so often, and the status comment says so.
    pub(crate) async fn asked(&self, times: usize) {
        let told = || self.comments().iter().any(|comment| comment.contains("- [ ] Asking openai:scripted"));
        until("the model is asked", || self.model.requests().len() >= times && told()).await;
    }

    /// Lets a call wait: the first receiver tells that it is there, the sender lets it go on.
    pub(crate) fn hold(&self, when: When) -> (Receiver<()>, Sender<()>) {
        let ((arrived, told), (go_on, told_to)) = (channel(), channel());
        self.github.on_call(when, move |_| {
            arrived.send(()).unwrap();
            told_to.recv().unwrap();
        });
        (told, go_on)
    }

    /// The visible state without the markers, which hold times and keys, and without ids of tasks and commits.
    pub(crate) fn seen(&self) -> String {
        let text = self.github.snapshot();
        let kept = text.lines().filter(|line| !line.contains("<!-- ai-agent:"));
        let text = without_ids(&kept.fold(String::new(), |text, line| text + line.trim_end() + "\n"));
        ["**Changed** in ", "**Updated** in "].into_iter().fold(text, |text, words| {
            let mut parts = text.split(words);
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| {
                text + words + "COMMIT" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit())
            })
        })
    }

    /// What was written to the repository, by GitHub's names. A token is no part of it.
    pub(crate) fn writes(&self) -> Vec<String> {
        let journal = self.github.journal();
        let writes = journal.mutations().map(|call| call.operation.clone());
        writes.filter(|name| !name.starts_with("apps/")).collect()
    }

    /// The agent's comments on the issue, without their markers.
    pub(crate) fn comments(&self) -> Vec<String> {
        self.github.now(|state| {
            let scene = state.at(REPO);
            let text = |body: &str| without_ids(body.split("\n\n<!-- ai-agent:").next().unwrap());
            scene.issue(1).comments.iter().map(|comment| text(&comment.body)).collect()
        })
    }

    /// The labels of the issue in alphabetical order.
    pub(crate) fn labels(&self) -> String {
        self.github.now(|state| {
            let mut labels = state.at(REPO).issue(1).labels.clone();
            labels.sort();
            labels.join(" ")
        })
    }
}

impl Consumer {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status of `ai-agent probe` at this moment.
    pub(crate) fn probe(&self) -> Option<i32> {
        let mut probe = Command::new(program("ai-agent"));
        probe.arg("probe").env_clear().env("TMPDIR", self.folder.path()).status().unwrap().code()
    }

    pub(crate) async fn until_logged(&self, message: &str) {
        let log = self.folder.path().join("log");
        until(message, || fs::read_to_string(&log).unwrap().contains(message)).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits for the end, or kills the process after a while.
    pub(crate) async fn end_or_kill(mut self, after: Duration) -> End {
        let child = &mut self.child;
        let mut pause = interval(Duration::from_millis(5));
        let waiting = timeout(after, async {
            while child.try_wait().unwrap().is_none() {
                pause.tick().await;
            }
        });
        if waiting.await.is_err() {
            self.child.kill().unwrap();
        }
        self.end().await
    }

    /// Waits for the end, or kills the process a while after it has logged something.
    pub(crate) async fn end_or_kill_from(mut self, message: &str, after: Duration) -> End {
        let log = self.folder.path().join("log");
        let mut pause = interval(Duration::from_millis(5));
        while self.child.try_wait().unwrap().is_none() {
            if fs::read_to_string(&log).unwrap().contains(message) {
                return self.end_or_kill(after).await;
            }
            pause.tick().await;
        }
        self.end().await
    }

    /// Waits for the end, or kills the process a while after it took a task, unless nobody would try that again.
    pub(crate) async fn end_or_kill_at_work(mut self, after: Duration) -> End {
        let log = self.folder.path().join("log");
        let mut pause = interval(Duration::from_millis(5));
        while self.child.try_wait().unwrap().is_none() {
            let text = fs::read_to_string(&log).unwrap();
            let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let taken = whole.into_iter().find(|line| line["message"] == "task taken");
            match taken.map(|line| line["attempt"].as_u64()) {
                None => {}
                Some(Some(attempt)) if attempt <= u64::from(queue::DELIVERY_LIMIT) => {
                    return self.end_or_kill(after).await;
                }
                Some(_) => break,
            }
            pause.tick().await;
        }
        self.end().await
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> End {
        let child = &mut self.child;
        let mut pause = interval(Duration::from_millis(5));
        let waiting = timeout(PATIENCE, async {
            loop {
                pause.tick().await;
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
            }
        });
        let status = waiting.await;
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        let status = status.unwrap_or_else(|_| panic!("the process does not end:\n{log}"));
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()));
        let left = fs::read_dir(self.folder.path().join("work")).unwrap();
        End {
            status: status.code().unwrap_or_else(|| 128 + status.signal().unwrap()),
            log: log.lines().map(line).collect(),
            left: left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // Fails only if the process has ended, as it has in most tests.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// The message of a wish for issue 1.
pub(crate) fn wish(github: &GitHub, task: &str, user: &str) -> Value {
    json!({
        "repo_url": github.repo_url(REPO), "issue_id": 1, "mode": "quickfix", "trigger_user": user,
        "task_id": task, "installation_id": github.installation_id(),
    })
}

/// The issue after a run that nothing disturbs, and the number of calls by which that run writes.
pub(crate) async fn undisturbed(broker: &Broker) -> (String, usize) {
    let stage = Stage::set(broker, vec![Step::text(EDIT)]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let end = stage.consume(&[]).await;
    assert_eq!((end.status, stage.labels().as_str()), (0, "ai-done ai-help quickfix"), "{end:#?}");
    (stage.seen(), stage.github.journal().mutations().count())
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// Returns when something has come true.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let mut pause = interval(Duration::from_millis(5));
    let waiting = timeout(PATIENCE, async {
        while !holds() {
            pause.tick().await;
        }
    });
    assert!(waiting.await.is_ok(), "never: {what}");
}
