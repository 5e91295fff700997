//! The program `ingest`, running.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::{bin::program, webhook::sign};

/// What webhooks are signed with.
pub const SECRET: &str = "a secret of the tests";

/// Time to start; it takes milliseconds.
const START_WITHIN: Duration = Duration::from_secs(30);

/// A server on a port of its own.
pub struct Ingest {
    process: Child,
    pub address: String,
    log: Arc<Mutex<Vec<Value>>>,
    http: reqwest::Client,
}

/// Status and body of an answer.
pub type Answer = (u16, Value);

impl Ingest {
    /// Starts the program against a broker, with more variables.
    pub fn start(amqp_url: &str, more: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut process = Command::new(program("ingest"))
            .env_clear()
            .env("AGENT_LISTEN", "127.0.0.1:0")
            .env("AGENT_WEBHOOK_SECRETS", SECRET)
            .env("AGENT_AMQP_URL", amqp_url)
            .env("AGENT_LOG_FORMAT", "json")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = process.stderr.take().context("the program has no standard error")?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = mpsc::channel();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if line["message"] == "listening" && tell.send(line["address"].clone()).is_err() {
                    return;
                }
                lines.lock().expect("no thread panics with the log").push(line);
            }
        });
        let address = told.recv_timeout(START_WITHIN).context("the program does not listen")?;
        let address = address.as_str().context("the program tells no address")?.to_owned();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { process, address, log, http })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<(StatusCode, String)> {
        let answer = self.http.get(self.url(path)).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// A webhook with the headers that GitHub gives it.
    pub fn webhook(&self, event: &str, delivery: &str, body: &[u8]) -> RequestBuilder {
        webhook(self.http.post(self.url("/webhook/github")), event, delivery, body)
    }

    pub async fn send(&self, event: &str, delivery: &str, body: &[u8]) -> anyhow::Result<Answer> {
        answer(self.webhook(event, delivery, body)).await
    }

    /// What was logged so far.
    pub fn log(&self) -> Vec<Value> {
        self.log.lock().expect("no thread panics with the log").clone()
    }

    /// Returns when the program has logged `message`.
    pub fn wait_for(&self, message: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while !self.log().iter().any(|line| line["message"] == message) {
            ensure!(Instant::now() < deadline, "the program does not say `{message}`");
            std::thread::yield_now();
        }
        Ok(())
    }

    /// The most memory that the program took, in KiB, since it began or since [`Self::forget_peak`].
    pub fn peak_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(peak.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Begins to measure the most memory again.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        // See "clear_refs" in proc(5).
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5")?)
    }

    /// Asks the program to end.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        ensure!(status.success(), "the program cannot be signalled");
        Ok(())
    }

    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.process.wait()?)
    }
}

/// A request with body, signature and the headers that GitHub gives a webhook.
pub fn webhook(request: RequestBuilder, event: &str, delivery: &str, body: &[u8]) -> RequestBuilder {
    request
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", delivery)
        .header("x-hub-signature-256", sign(SECRET, body))
        .body(body.to_vec())
}

/// Sends a request and reads the JSON of its answer.
pub async fn answer(request: RequestBuilder) -> anyhow::Result<Answer> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    Ok((status, answer.json().await?))
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // Fails only if the program is gone already, and a test is about to end.
        drop(self.process.kill().and_then(|()| self.process.wait()));
    }
}
