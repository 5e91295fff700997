//! A *server*: the processes of one RabbitMQ, with their ports and folders.

use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

/// The longest that one `rabbitmqctl` may take.
const CONTROL_SECONDS: u32 = 60;

/// A RabbitMQ that is there to be started.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The folder of the programs, behind the wrappers of the package that would change to another user.
    programs: PathBuf,
    /// Where its Erlang is, if that is not the machine's.
    erlang: Option<PathBuf>,
}

impl Installation {
    /// The folder that the variable `TESTS_RABBITMQ_HOME` names, else the machine's.
    pub fn chosen() -> Self {
        std::env::var_os("TESTS_RABBITMQ_HOME")
            .map_or_else(Self::of_machine, |folder| Self::in_folder(folder.as_ref()))
    }

    /// The one that the package of the distribution installs.
    pub fn of_machine() -> Self {
        Self { programs: "/usr/lib/rabbitmq/bin".into(), erlang: None }
    }

    /// One that `scripts/fetch-rabbitmq` put into a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { programs: folder.join("bin"), erlang: Some(folder.join("bin")) }
    }

    /// What `rabbitmqctl version` says, such as `4.0.5`.
    pub fn version(&self) -> anyhow::Result<String> {
        let home = TempDir::with_prefix("rabbitmq-")?;
        let mut command = Command::new(self.program("rabbitmqctl")?);
        let output = command.arg("version").env("PATH", self.search()?).env("HOME", home.path()).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let program = self.programs.join(name);
        ensure!(
            program.exists(),
            "{} is missing: scripts/check installs RabbitMQ, and fetches another by scripts/fetch-rabbitmq",
            program.display()
        );
        Ok(program)
    }

    /// The search path on which the programs find their Erlang.
    fn search(&self) -> anyhow::Result<std::ffi::OsString> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths(self.erlang.iter().cloned().chain(std::env::split_paths(&inherited)))?)
    }
}

/// Whether the server's processes run.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    Freeze,
    Thaw,
}

/// See the module's documentation. Its files are those of the folder: `rabbitmq.conf`, `advanced.config`,
/// `enabled_plugins`.
pub(super) struct Server {
    installation: Installation,
    folder: TempDir,
    ports: [u16; 5],
    /// A shell that leads the server's process group and kills it when its standard input closes: also when this
    /// process dies without a word.
    leader: Option<Child>,
}

impl Server {
    /// Folders and ports; nothing runs.
    pub(super) fn prepare(installation: &Installation) -> anyhow::Result<Self> {
        installation.program("rabbitmq-server")?;
        let folder = TempDir::with_prefix("rabbitmq-")?;
        fs::create_dir(folder.path().join("home"))?;
        Ok(Self { installation: installation.clone(), folder, ports: free_ports()?, leader: None })
    }

    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    pub(super) fn amqp(&self) -> u16 {
        self.ports[0]
    }

    /// One that nothing of the server uses unless it is configured to.
    pub(super) fn spare_port(&self) -> u16 {
        self.ports[1]
    }

    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.log())?;
        let server = self.installation.program("rabbitmq-server")?;
        // The server's own end is noted: a shell that waits for its input does not notice.
        let script = format!(
            "epmd -address 127.0.0.1 & {{ {}; echo > ended; }} & read -r _; kill -KILL 0",
            server.display()
        );
        drop(fs::remove_file(self.folder.path().join("ended")));
        let mut leader = Command::new("sh");
        leader.args(["-c", &script]).process_group(0).current_dir(&self.folder).stdin(Stdio::piped());
        self.environment(&mut leader)?;
        self.leader = Some(leader.stdout(log.try_clone()?).stderr(log).spawn()?);
        Ok(())
    }

    /// An error with the server's last words, if it has ended.
    pub(super) fn ensure_runs(&self) -> anyhow::Result<()> {
        if self.folder.path().join("ended").exists() {
            bail!("RabbitMQ ended:\n{}", self.output()?);
        }
        Ok(())
    }

    pub(super) fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.amqp())).is_ok()
    }

    pub(super) fn output(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.log())?)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("out.log")
    }

    /// What `rabbitmqctl` prints.
    pub(super) fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.control_with(arguments, "")
    }

    /// The same with a standard input. A command that waits for something else than that is killed after a while.
    pub(super) fn control_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = Command::new("timeout");
        command
            .arg(CONTROL_SECONDS.to_string())
            .arg(self.installation.program("rabbitmqctl")?)
            .args(arguments);
        let mut child = self
            .environment(&mut command)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // A command that reads nothing may have ended before it is written.
        drop(child.stdin.take().context("the command has no standard input")?.write_all(input.as_bytes()));
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "rabbitmqctl {arguments:?} ended with {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let leader = self.leader.as_ref().context("the broker does not run")?;
        let name = match signal {
            Signal::Freeze => "-STOP",
            Signal::Thaw => "-CONT",
        };
        let group = format!("-{}", leader.id());
        ensure!(
            Command::new("kill").args([name, "--", &group]).status()?.success(),
            "the broker cannot be signalled"
        );
        Ok(())
    }

    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut leader) = self.leader.take() {
            drop(leader.stdin.take());
            leader.wait().context("waiting for RabbitMQ to end")?;
        }
        Ok(())
    }

    fn environment<'a>(&self, command: &'a mut Command) -> anyhow::Result<&'a mut Command> {
        let at = |name: &str| self.folder.path().join(name);
        let [_, _, distribution, control, mapper] = self.ports;
        Ok(command
            .env("PATH", self.installation.search()?)
            .env("RABBITMQ_NODENAME", "test@localhost")
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_CTL_DIST_PORT_MIN", control.to_string())
            .env("RABBITMQ_CTL_DIST_PORT_MAX", control.to_string())
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", at("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", at("pid"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("ERL_EPMD_PORT", mapper.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("HOME", at("home")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the server is gone already, and a test is about to end.
        drop(self.kill());
    }
}

/// Where ports are looked for: below those that the system gives to whoever asks for any, so that nobody takes the port
/// of a broker while it is restarted.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// Ports that nobody listens on at the moment.
fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut ports = [0; N];
    let mut found = 0;
    // Test processes that start at once look in different places.
    let start = std::process::id().wrapping_mul(97);
    for _ in PORTS {
        if found == N {
            break;
        }
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::try_from(PORTS.len())?;
        let port = PORTS.start + u16::try_from(offset)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            ports[found] = port;
            found += 1;
        }
    }
    ensure!(found == N, "there are no free ports");
    Ok(ports)
}
