//! A git host on the loopback interface: real bare repositories behind `git http-backend`, with faults to order.
//!
//! It speaks HTTP over a plain socket, because the faults are of the wire: a connection that breaks at a certain byte, an
//! answer that stops and does not end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tempfile::TempDir;

pub(crate) const TOKEN: &str = "ghs_CanaryThatMustNotTravel0123456789abcd";

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Path, query and body.
    pub(crate) fn text(&self) -> String {
        format!("{}?{} {}", self.path, self.query, String::from_utf8_lossy(&self.body))
    }
}

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection closes and the request is not acted upon.
    DropBefore,
    /// The request is acted upon, and the connection closes without an answer.
    DropAfter,
    /// The answer breaks off after so many bytes of its body. `announced`: its end had been promised.
    Truncate { after: usize, announced: Announced },
    /// The answer stops after so many bytes of its body, and the connection stays open.
    Hang { after: usize },
    /// Another answer is given, with this status line, these header lines and this body.
    Answer { status: &'static str, headers: Vec<String>, body: &'static str },
    /// A shell script runs in the repository before the request is acted upon.
    First { script: String },
    /// The host knows only the first version of the protocol.
    OldProtocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    Yes,
    No,
}

pub(crate) struct GitHost {
    pub(crate) root: TempDir,
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    faults: Mutex<Vec<(String, Fault)>>,
    requests: Mutex<Vec<Request>>,
}

impl GitHost {
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let shared = Arc::new(Shared {
            root: root.path().to_owned(),
            faults: Mutex::default(),
            requests: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&served);
                // A client that breaks off is part of what is tested.
                std::thread::spawn(move || shared.serve(&stream).unwrap_or_default());
            }
        });
        Self { root, address, shared }
    }

    /// The address of a repository.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Orders a fault for every request that contains `part`, in its path, its query or its body.
    pub(crate) fn order(&self, part: &str, fault: Fault) {
        self.shared.faults.lock().expect("no panic").push((part.to_owned(), fault));
    }

    pub(crate) fn heal(&self) {
        self.shared.faults.lock().expect("no panic").clear();
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("no panic").clone()
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let Some(request) = read_request(stream)? else { return Ok(()) };
        self.requests.lock().expect("no panic").push(request.clone());
        let text = request.text();
        let faults: Vec<Fault> = self
            .faults
            .lock()
            .expect("no panic")
            .iter()
            .filter(|(part, _)| text.contains(part.as_str()))
            .map(|(_, fault)| fault.clone())
            .collect();

        let expected = format!("Basic {}", BASE64.encode(format!("x-access-token:{TOKEN}")));
        if request.headers.get("authorization") != Some(&expected) && !request.path.starts_with("/public/") {
            return answer(
                stream,
                "401 Unauthorized",
                &["Content-Type: text/plain".to_owned()],
                "Bad credentials",
            );
        }
        let (mut limit, mut announced, mut hang, mut old_protocol) =
            (usize::MAX, Announced::Yes, false, false);
        for fault in &faults {
            match fault {
                Fault::DropBefore => return Ok(()),
                Fault::DropAfter => {
                    self.backend(&request, false)?.read_to_end(&mut Vec::new())?;
                    return Ok(());
                }
                Fault::Truncate { after, announced: promised } => (limit, announced) = (*after, *promised),
                Fault::Hang { after } => (limit, hang) = (*after, true),
                Fault::Answer { status, headers, body } => return answer(stream, status, headers, body),
                Fault::First { script } => run_script(&self.repository(&request), script),
                Fault::OldProtocol => old_protocol = true,
            }
        }

        let mut output = BufReader::with_capacity(64 * 1024, self.backend(&request, old_protocol)?);
        let mut status = "200 OK".to_owned();
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if output.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            match line.strip_prefix("Status: ") {
                Some(code) => code.trim().clone_into(&mut status),
                None => head.extend([line.trim_end(), "\r\n"]),
            }
        }
        let chunked = announced == Announced::Yes;
        let encoding = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
        write!(stream, "HTTP/1.1 {status}\r\n{head}{encoding}Connection: close\r\n\r\n")?;
        loop {
            let piece = output.fill_buf()?;
            let length = piece.len().min(limit);
            if piece.is_empty() || length == 0 {
                break;
            }
            if chunked {
                write!(stream, "{length:x}\r\n")?;
                stream.write_all(&piece[..length])?;
                stream.write_all(b"\r\n")?;
            } else {
                stream.write_all(&piece[..length])?;
            }
            limit -= length;
            output.consume(length);
        }
        if hang {
            stream.flush()?;
            // Until the client has had enough.
            stream.read_to_end(&mut Vec::new())?;
        } else if chunked && limit > 0 {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(())
    }

    fn repository(&self, request: &Request) -> PathBuf {
        let mut parts = request.path.trim_start_matches('/').splitn(3, '/');
        let (owner, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        self.root.join(owner).join(name)
    }

    fn backend(&self, request: &Request, old_protocol: bool) -> std::io::Result<impl Read + use<>> {
        let mut command = git_command(&self.root);
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REMOTE_USER", "agent")
            .env("REMOTE_ADDR", "127.0.0.1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (header, variable) in [
            ("content-type", "CONTENT_TYPE"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "GIT_PROTOCOL"),
        ] {
            if let Some(value) = request.headers.get(header)
                && !(old_protocol && header == "git-protocol")
            {
                command.env(variable, value);
            }
        }
        let mut child = command.spawn()?;
        let mut input = child.stdin.take().expect("piped");
        let body = request.body.clone();
        std::thread::spawn(move || {
            // git may have seen enough of a request before its end.
            input.write_all(&body).unwrap_or_default();
        });
        let output = child.stdout.take().expect("piped");
        std::thread::spawn(move || child.wait());
        Ok(output)
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body }))
}

fn answer(mut stream: &TcpStream, status: &str, headers: &[String], body: &str) -> std::io::Result<()> {
    let head: String = headers.iter().flat_map(|header| [header.as_str(), "\r\n"]).collect();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// git with nothing of the machine's configuration, and with fixed people and times.
#[expect(clippy::disallowed_methods, reason = "git is found where the test finds it")]
pub(crate) fn git_command(home: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_AUTHOR_DATE", "1700000000 +0000")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_DATE", "1700000000 +0000");
    command
}

/// Runs git in `folder` and returns what it prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = git_command(folder).current_dir(folder).args(arguments).output().expect("git runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {text}{complaint}");
    text.trim_end().to_owned()
}

/// Runs a shell script in `folder`.
pub(crate) fn run_script(folder: &Path, script: &str) {
    let mut command = git_command(folder);
    let path = command
        .get_envs()
        .find(|(key, _)| *key == "PATH")
        .and_then(|(_, value)| value)
        .map(ToOwned::to_owned);
    let envs: Vec<_> =
        command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
    command = Command::new("sh");
    command.env_clear().envs(envs).env("PATH", path.unwrap_or_default());
    let output = command.current_dir(folder).args(["-euc", script]).output().expect("a shell");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}
