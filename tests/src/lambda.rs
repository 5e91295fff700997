//! AWS Lambda's *runtime API* on this machine: the emulator of cargo-lambda, as it is in Python's package index.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::bin::program;

const PACKAGE: &str = "cargo-lambda==1.9.2";

/// Time for the emulator to listen.
const START_WITHIN: Duration = Duration::from_mins(1);

/// The emulator, and one program of ours that takes its requests from it.
pub struct Lambda {
    port: u16,
    name: String,
    _function: Guard,
    _emulator: Guard,
    _project: TempDir,
}

impl Lambda {
    /// Starts the program as a function. `tools` is a folder to install the emulator into, if it is not there yet.
    pub fn start(name: &str, environment: &[(&str, &str)], tools: &Path) -> anyhow::Result<Self> {
        let tool = install(tools)?;
        // The emulator serves functions that are programs of the package it is started in.
        let project = TempDir::new()?;
        fs::write(
            project.path().join("Cargo.toml"),
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        )?;
        fs::create_dir(project.path().join("src"))?;
        fs::write(project.path().join("src/main.rs"), "fn main() {}\n")?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut emulator = Guard(
            Command::new(tool)
                .args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port.to_string()])
                .current_dir(project.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?,
        );
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(emulator.0.try_wait()?.is_none(), "the emulator has ended");
            ensure!(Instant::now() < deadline, "the emulator does not listen");
            std::thread::yield_now();
        }
        let function = Guard(
            Command::new(program(name))
                .env_clear()
                .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt/{name}"))
                .env("AWS_LAMBDA_FUNCTION_NAME", name)
                .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
                .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
                .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
                .envs(environment.iter().copied())
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?,
        );
        Ok(Self { _function: function, _emulator: emulator, _project: project, port, name: name.to_owned() })
    }

    /// The address of a path behind the function's URL.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/lambda-url/{}{path}", self.port, self.name)
    }
}

/// The emulator's program.
fn install(tools: &Path) -> anyhow::Result<PathBuf> {
    let tool = tools.join("bin/cargo-lambda");
    if !tool.is_file() {
        let pip = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
            .arg(tools)
            .arg(PACKAGE)
            .output()
            .context("python3 with pip is needed to install cargo-lambda")?;
        ensure!(pip.status.success(), "installing {PACKAGE}: {}", String::from_utf8_lossy(&pip.stderr));
    }
    Ok(tool)
}

/// Ends the process with the test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Fails only if the process is gone already, and a test is about to end.
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}
