//! A *shipped* configuration: the files that a manifest mounts into the broker's container, run by the real server.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{sleep, timeout};

use super::START_WITHIN;
use super::server::{Installation, Server};

/// Between two looks whether the server has started.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What the container of the broker is given.
#[derive(Clone, Copy, Debug)]
pub struct Shipped<'a> {
    /// `rabbitmq.conf`.
    pub conf: &'a str,
    /// `enabled_plugins`.
    pub plugins: &'a str,
    /// Other files by the path that they have in the container, which `conf` names.
    pub mounted: &'a [(&'a str, &'a str)],
    /// Listens for TLS, as `conf` says where the certificates are; else for plain AMQP.
    pub listener: Listener,
}

/// What the server listens for. Ports of the container are replaced by free ones of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    Plain,
    Tls,
}

/// A server that runs a shipped configuration. It ends with this value.
pub struct Running {
    server: Server,
}

impl Running {
    /// Returns when the server listens, which is after it has loaded its definitions; an error has its last words.
    pub async fn start(installation: &Installation, shipped: Shipped<'_>) -> anyhow::Result<Self> {
        let server = Server::prepare(installation)?;
        let mut running = Self { server };
        running.mount(shipped)?;
        running.start_again().await?;
        Ok(running)
    }

    /// Replaces the files. The server reads them when it starts.
    pub fn mount(&self, shipped: Shipped<'_>) -> anyhow::Result<()> {
        let mut conf = shipped.conf.to_owned();
        for (number, (path, content)) in shipped.mounted.iter().enumerate() {
            anyhow::ensure!(conf.contains(path), "rabbitmq.conf does not name {path}");
            let here = self.server.write(&format!("mounted-{number}"), content)?;
            conf = conf.replace(path, here.to_str().context("a folder has an odd name")?);
        }
        let port = self.port();
        let listener = match shipped.listener {
            Listener::Plain => format!("listeners.tcp.1 = 127.0.0.1:{port}"),
            Listener::Tls => format!("listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:{port}"),
        };
        let conf = format!("{conf}\n{listener}\n");
        self.server.write("rabbitmq.conf", &conf)?;
        self.server.write("enabled_plugins", shipped.plugins)?;
        self.server.write("advanced.config", "[].\n")?;
        Ok(())
    }

    /// Starts the server with the data that it had.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.server.kill()?;
        self.server.start()?;
        let up = timeout(START_WITHIN, async {
            while !self.server.listens() {
                self.server.ensure_runs()?;
                sleep(LOOK_AGAIN).await;
            }
            anyhow::Ok(())
        });
        match up.await {
            Ok(up) => up,
            Err(_) => anyhow::bail!("RabbitMQ does not listen:\n{}", self.server.output()?),
        }
    }

    pub fn port(&self) -> u16 {
        self.server.amqp()
    }

    /// An error with the server's last words, if it has ended.
    pub fn ensure_runs(&self) -> anyhow::Result<()> {
        self.server.ensure_runs()
    }

    /// What the server has printed.
    pub fn output(&self) -> anyhow::Result<String> {
        self.server.output()
    }

    /// What `rabbitmqctl` prints.
    pub fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.server.control(arguments)
    }

    /// Runs `rabbitmqctl` with a standard input, as `kubectl exec -i` does.
    pub fn control_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        self.server.control_with(arguments, input)
    }
}
