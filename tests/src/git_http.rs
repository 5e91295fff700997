//! git over **smart HTTP**, as GitHub serves it beside its interface: who may read or write is judged here, the protocol is played by
//! `git http-backend`.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::connection::Closed;
use crate::github::server::{Received, WireBody, full, lock, stall};
use crate::github::{Actor, Availability, Effect, Hub, Level, Permission, Refusal, State, actor, clean_git};

/// Whether a path is one of git's: `/OWNER/NAME.git/…`, with or without the suffix.
pub(crate) fn is_git(path: &str) -> bool {
    parse(path).is_some()
}

struct Target {
    full_name: String,
    rest: String,
}

fn parse(path: &str) -> Option<Target> {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (owner, name, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let known = matches!(rest, "info/refs" | "git-upload-pack" | "git-receive-pack");
    known.then(|| Target {
        full_name: format!("{owner}/{}", name.strip_suffix(".git").unwrap_or(name)),
        rest: rest.to_owned(),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Upload,
    Receive,
}

/// What was decided about a call before git sees it.
enum Verdict {
    /// Where the repository is on disk, its position, and whether workflow files may be written.
    Serve {
        path: std::path::PathBuf,
        at: usize,
        workflows: &'static str,
    },
    Refuse {
        status: u16,
        text: String,
        headers: Vec<(&'static str, String)>,
    },
}

pub(crate) async fn answer(received: Received, hub: Arc<Mutex<Hub>>) -> Result<Response<WireBody>, Closed> {
    let target = parse(received.head.uri.path()).ok_or(Closed)?;
    let receive = received.query().contains("git-receive-pack") || target.rest == "git-receive-pack";
    let service = if receive { Service::Receive } else { Service::Upload };
    let (call, fault, verdict) = {
        let mut hub = lock(&hub);
        let name = if receive { "receive-pack" } else { "upload-pack" };
        let (operation, effect) = match target.rest.as_str() {
            "info/refs" => (format!("git:info/{name}"), Effect::Read),
            _ if receive => (format!("git:{name}"), Effect::Mutation),
            _ => (format!("git:{name}"), Effect::Read),
        };
        let path = received.head.uri.path().to_owned();
        let (call, fault) = hub.begin(&received, &path, operation, effect);
        let verdict = judge(&hub.state, &received, &target, service);
        (call, fault, verdict)
    };
    let finish = |status: u16| lock(&hub).journal.calls[call].status = Some(status);
    if let Some(fault) = fault.filter(|fault| !fault.applies()) {
        return distorted(fault, &hub, None, finish).await;
    }
    let response = match verdict {
        Verdict::Refuse { status, text, headers } => {
            let mut response = Response::builder().status(status).header("content-type", "text/plain");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(full(text)).expect("a valid response")
        }
        Verdict::Serve { path, at, workflows } => {
            let child = start(&received, &target, &path, workflows);
            let response = run(child, received.body, service).await.map_err(|error| {
                lock(&hub).violations.push(format!("git http-backend: {error}"));
                Closed
            })?;
            if effect_of_push(&target) {
                let mut hub = lock(&hub);
                let now = hub.state.tick();
                hub.state.repos[at].follow_branches(now);
            }
            response
        }
    };
    if let Some(fault) = fault {
        return distorted(fault, &hub, Some(response), finish).await;
    }
    finish(response.status().as_u16());
    Ok(response)
}

fn effect_of_push(target: &Target) -> bool {
    target.rest == "git-receive-pack"
}

async fn distorted(
    fault: crate::github::Fault,
    hub: &Mutex<Hub>,
    response: Option<Response<WireBody>>,
    finish: impl Fn(u16),
) -> Result<Response<WireBody>, Closed> {
    use crate::github::fault::Transport;
    match fault.transport() {
        Transport::Close => Err(Closed),
        Transport::Stall => stall().await,
        Transport::Answer => {
            let truncated = match (fault, response) {
                (crate::github::Fault::Truncated, Some(response)) => Some(response),
                _ => None,
            };
            if let Some(response) = truncated {
                let (head, body) = response.into_parts();
                let bytes = body.collect().await.map_err(|_: std::io::Error| Closed)?.to_bytes();
                finish(head.status.as_u16());
                return Ok(Response::from_parts(head, full(bytes.slice(..bytes.len() / 2))));
            }
            let reply = fault.distort(&lock(hub).state, None);
            finish(reply.status);
            let mut response = Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(name, value);
            }
            Ok(response.body(full(reply.bytes())).expect("a valid response"))
        }
    }
}

/// Who may do this. Someone who is not known is asked for credentials; someone who is, is told no.
fn judge(state: &State, received: &Received, target: &Target, service: Service) -> Verdict {
    let refuse =
        |status, text: &str| Verdict::Refuse { status, text: format!("{text}\n"), headers: Vec::new() };
    let ask = || Verdict::Refuse {
        status: 401,
        text: "Repository not found.\n".to_owned(),
        headers: vec![("www-authenticate", "Basic realm=\"GitHub\"".to_owned())],
    };
    let actor = match actor(state, received.header("authorization")) {
        Ok(actor) => actor,
        Err(Refusal(reply)) if reply.status == 401 => return ask(),
        Err(Refusal(reply)) => return refuse(reply.status, "This installation has been suspended"),
    };
    if let (None, Some(at)) = (state.find(&target.full_name), state.find_former(&target.full_name)) {
        let name = state.repos[at].full_name();
        let location = format!("{}/{name}.git/{}?{}", state.base, target.rest, received.query());
        return Verdict::Refuse { status: 301, text: String::new(), headers: vec![("location", location)] };
    }
    let missing =
        || if matches!(actor, Actor::Anonymous) { ask() } else { refuse(404, "Repository not found.") };
    let Some(at) = state.find(&target.full_name) else { return missing() };
    let repo = &state.repos[at];
    if !actor.sees(state, repo) {
        return missing();
    }
    if repo.availability == Availability::Blocked {
        return refuse(451, "Repository unavailable due to DMCA takedown.");
    }
    let open = state.permission(repo, "") >= Permission::Read;
    let may = match (&actor, service) {
        (Actor::Anonymous, Service::Receive) => return ask(),
        (Actor::Anonymous, Service::Upload) => open,
        (Actor::App, _) => false,
        (Actor::User { login }, Service::Upload) => state.permission(repo, login) >= Permission::Read,
        (Actor::User { login }, Service::Receive) => state.permission(repo, login) >= Permission::Write,
        (Actor::Installation { .. }, Service::Upload) => {
            open || (actor.covers(repo) && actor.has("contents", Level::Read))
        }
        (Actor::Installation { .. }, Service::Receive) => {
            actor.covers(repo) && actor.has("contents", Level::Write)
        }
    };
    if !may {
        return refuse(403, "Write access to repository not granted.");
    }
    if service == Service::Receive && repo.availability == Availability::Archived {
        return refuse(403, "This repository was archived so it is read-only.");
    }
    let app = matches!(actor, Actor::Installation { .. });
    let workflows = if app && !actor.has("workflows", Level::Write) { "refused" } else { "allowed" };
    Verdict::Serve { path: repo.store.path().to_owned(), at, workflows }
}

fn start(
    received: &Received,
    target: &Target,
    path: &std::path::Path,
    workflows: &str,
) -> std::io::Result<Child> {
    let mut command = Command::from(clean_git());
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", path.parent().unwrap_or(path))
        .env(
            "PATH_INFO",
            format!("/{}/{}", path.file_name().unwrap_or_default().to_string_lossy(), target.rest),
        )
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "client")
        .env("REQUEST_METHOD", received.head.method.as_str())
        .env("QUERY_STRING", received.query())
        .env("CONTENT_LENGTH", received.body.len().to_string())
        .env("STAND_IN_WORKFLOWS", workflows)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for (variable, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("HTTP_ACCEPT", "accept"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        if let Some(value) = received.header(header) {
            command.env(variable, value);
        }
    }
    command.spawn()
}

/// Lets the backend answer. What it reads out is passed on as it comes; a push is awaited first, so that the state can follow it.
async fn run(
    child: std::io::Result<Child>,
    body: Bytes,
    service: Service,
) -> std::io::Result<Response<WireBody>> {
    let mut child = child?;
    let mut stdin = child.stdin.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    let stdout = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    let writing = tokio::spawn(async move {
        let written = stdin.write_all(&body).await;
        drop(stdin);
        // The backend may stop reading early when it refuses; its answer says so.
        written
            .or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
    });
    let mut stdout = BufReader::new(stdout);
    let mut response = Response::builder();
    loop {
        let mut line = String::new();
        stdout.read_line(&mut line).await?;
        match line.trim_end().split_once(": ") {
            Some(("Status", status)) => {
                let code = status.split(' ').next().and_then(|code| code.parse::<u16>().ok());
                response = response.status(code.unwrap_or(500));
            }
            Some((name, value)) => response = response.header(name, value),
            None => break,
        }
    }
    let body = if service == Service::Receive {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).await?;
        writing.await??;
        child.wait().await?;
        full(bytes)
    } else {
        stream(stdout, child)
    };
    Ok(response.body(body).expect("a valid response"))
}

fn stream(stdout: BufReader<ChildStdout>, child: Child) -> WireBody {
    let chunks = futures_util::stream::unfold((stdout, child), |(mut stdout, child)| async move {
        let mut chunk = vec![0; 64 * 1024];
        match stdout.read(&mut chunk).await {
            Ok(0) => None,
            Ok(length) => {
                chunk.truncate(length);
                Some((Ok(Frame::data(Bytes::from(chunk))), (stdout, child)))
            }
            Err(error) => Some((Err(error), (stdout, child))),
        }
    });
    StreamBody::new(chunks).boxed_unsync()
}
