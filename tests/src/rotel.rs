//! A *real collector* of telemetry: Rotel (<https://github.com/streamfold/rotel>), as it is in Python's package index. It takes
//! OTLP over HTTP, decodes it, and sends it on.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

const PACKAGE: &str = "rotel==0.0.1a15";

/// Time for it to listen.
const START_WITHIN: Duration = Duration::from_mins(1);

/// See the module's documentation. It runs until it is dropped.
pub struct Rotel {
    port: u16,
    process: Child,
}

impl Rotel {
    /// Starts it, in front of another collector. `tools` is a folder to install it into, if it is not there yet.
    pub fn start(tools: &Path, behind: &str) -> anyhow::Result<Self> {
        let program = install(tools)?;
        let free = || Ok::<_, std::io::Error>(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port());
        let (port, grpc) = (free()?, free()?);
        let mut process = Command::new(program)
            .args(["start", "--otlp-http-endpoint", &format!("127.0.0.1:{port}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http", "--disable-batching"])
            .args(["--otlp-exporter-endpoint", behind])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(process.try_wait()?.is_none(), "the collector has ended");
            ensure!(Instant::now() < deadline, "the collector does not listen");
            std::thread::yield_now();
        }
        Ok(Self { port, process })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The program.
fn install(tools: &Path) -> anyhow::Result<PathBuf> {
    let program = tools.join("rotel/rotel-agent");
    if !program.is_file() {
        let pip = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
            .arg(tools)
            .arg(PACKAGE)
            .output()
            .context("python3 with pip is needed to install rotel")?;
        ensure!(pip.status.success(), "installing {PACKAGE}: {}", String::from_utf8_lossy(&pip.stderr));
    }
    // A wheel need not keep that a file is a program.
    let mut permissions = fs::metadata(&program)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&program, permissions)?;
    Ok(program)
}

impl Drop for Rotel {
    fn drop(&mut self) {
        // Fails only if the process is gone already, and a test is about to end.
        drop(self.process.kill().and_then(|()| self.process.wait()));
    }
}
