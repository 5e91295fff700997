//! What `ai-agent consume` costs: an empty queue, and the way from a published message to the model.
//!
//! `cargo run -p tests --example delivery -- PROGRAM [ROUNDS]`; see `benches/README.md`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tests::broker::{Broker, VirtualHost};
use tests::github::{GitHub, Permission, World};
use tests::model::{KEY, ScriptedModel, Step, Wire};
use tokio::time::sleep;

const REPO: &str = "octo/hello";

/// How long the empty queue is looked into.
const WAIT: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().context("which program?")?;
    let rounds: usize = arguments.next().map_or(Ok(10), |rounds| rounds.parse())?;
    let broker = Broker::shared().await?;
    let mut out = std::io::stdout();

    let (mut over, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (took, peak) = idle(&broker, Path::new(&program)).await?;
        over.push(took.saturating_sub(WAIT));
        memory.push(peak);
    }
    memory.sort_unstable();
    writeln!(
        out,
        "empty queue: ends {} after the window, peak memory {} KiB",
        spread(over),
        middle(&memory)
    )?;

    let mut called = Vec::new();
    for _ in 0..rounds {
        called.push(to_model(&broker, Path::new(&program)).await?);
    }
    writeln!(out, "published and started to model called: {}", spread(called))?;
    Ok(())
}

/// Time of a process that finds nothing, and its peak memory in KiB.
async fn idle(broker: &Broker, program: &Path) -> anyhow::Result<(Duration, u64)> {
    let host = broker.virtual_host().await?;
    let github = GitHub::start(world());
    let folder = tempfile::tempdir()?;
    let start = Instant::now();
    let mut child = command(program, &host, &github, folder.path())?.spawn()?;
    let mut peak = 0;
    let status = loop {
        // Gone between the two looks is ended.
        peak = peak_memory(&child).unwrap_or(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        sleep(Duration::from_millis(1)).await;
    };
    let took = start.elapsed();
    ensure_done(status)?;
    Ok((took, peak))
}

/// Time from a message in the queue and a process that starts to the first question to the model.
async fn to_model(broker: &Broker, program: &Path) -> anyhow::Result<Duration> {
    let host = broker.virtual_host().await?;
    let github = GitHub::start(world());
    let model = ScriptedModel::start([Step::text("CANNOT: It is measured only.")]).await;
    let folder = tempfile::tempdir()?;
    let task = json!({
        "repo_url": github.repo_url(REPO), "issue_id": 1, "mode": "quickfix", "trigger_user": "dev1",
        "installation_id": github.installation_id(),
    });
    let mut command = command(program, &host, &github, folder.path())?;
    command
        .env("AGENT_MODEL", "openai:scripted")
        .env("AGENT_UNKNOWN_PRICE", "allow")
        .env("OPENAI_BASE_URL", model.base_url(Wire::OpenAi))
        .env("OPENAI_API_KEY", KEY);
    host.publish("measured", &task.to_string()).await?;
    let start = Instant::now();
    let mut child = command.spawn()?;
    while model.requests().is_empty() {
        ensure!(child.try_wait()?.is_none(), "the program ended without a question");
        sleep(Duration::from_millis(1)).await;
    }
    let took = start.elapsed();
    ensure_done(tokio::task::spawn_blocking(move || child.wait()).await??)?;
    Ok(took)
}

fn world() -> World {
    World::new()
        .user("dev1", Permission::Write)
        .repo(REPO)
        .file("README.md", "# Hello\n\nThis text recieves readers.\n")
        .issue(1, "Typo in README.md", "It should be `receives`.", &["ai-help", "quickfix"])
}

fn command(
    program: &Path,
    host: &VirtualHost<'_>,
    github: &GitHub,
    folder: &Path,
) -> anyhow::Result<Command> {
    let key = folder.join("key.pem");
    fs::write(&key, github.app_private_key())?;
    let mut command = Command::new(program);
    command
        .arg("consume")
        .env_clear()
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .env("AGENT_AMQP_URL", host.url("task"))
        .env("AGENT_QUEUE_WAIT", format!("{}s", WAIT.as_secs()))
        .env("AGENT_GITHUB_APP_ID", github.app_id().to_string())
        .env("AGENT_GITHUB_APP_KEY_FILE", key)
        .env("AGENT_MARKER_KEY", "the key of the marks in these rounds")
        .env("AGENT_ALLOW_LOOPBACK", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}

fn ensure_done(status: ExitStatus) -> anyhow::Result<()> {
    ensure!(status.success(), "the program ended with {status}");
    Ok(())
}

/// The most memory that a process has had, in KiB, while it is there.
fn peak_memory(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn middle<T: Copy>(sorted: &[T]) -> T {
    sorted[sorted.len() / 2]
}

/// Median, least and most.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let ms = |time: Duration| time.as_millis();
    format!("{} ms ({} to {})", ms(middle(&times)), ms(times[0]), ms(times[times.len() - 1]))
}
