//! One parser process, seen from the program that asks it.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child as Process, Command, Stdio};
use std::time::{Duration, Instant};

use super::Unparsed;
use super::wire::{self, Answer, Request};

/// What a process may take for its answer beyond the time that it was given, before it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// A process is replaced when it was waited for as long as this in all. Its own limit of processor time is longer by
/// more than any request takes.
const WORN: Duration = Duration::from_secs(40);

/// How a parser process is started.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

#[derive(Debug)]
pub(super) struct Child {
    process: Process,
    socket: UnixStream,
    requests: usize,
    waited: Duration,
}

impl Child {
    /// Starts a process that has no variable of the environment and no open file but its end of a socket.
    pub(super) fn start(program: &Program) -> Result<Self, Unparsed> {
        let unstarted = |error: io::Error| Unparsed::NotStarted(error.to_string());
        let (socket, theirs) = UnixStream::pair().map_err(unstarted)?;
        let process = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal sends to the program's group is for the program.
            .process_group(0)
            .spawn()
            .map_err(unstarted)?;
        Ok(Self { process, socket, requests: 0, waited: Duration::ZERO })
    }

    /// The answer to `request` about `text`. After an error the process is of no more use.
    pub(super) fn ask(&mut self, request: &Request, text: &str) -> Result<Answer, Unparsed> {
        let started = Instant::now();
        let mut timed =
            Timed { socket: &self.socket, until: started + Duration::from_millis(request.within) + GRACE };
        let answer =
            wire::write_request(&mut timed, request, text).and_then(|()| wire::read_answer(&mut timed));
        self.requests += 1;
        self.waited += started.elapsed();
        match answer {
            Ok(answer) => {
                answer.checked(request, text).map_err(|unsound| Unparsed::Crashed(unsound.to_string()))
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(Unparsed::OutOfTime),
            Err(_) => Err(Unparsed::Crashed(self.end())),
        }
    }

    /// Whether it has answered before: what it fails at now may be the fault of an earlier text.
    pub(super) fn is_used(&self) -> bool {
        self.requests > 1
    }

    pub(super) fn is_worn(&self) -> bool {
        self.waited >= WORN
    }

    /// Ends the process and says how it ended.
    fn end(&mut self) -> String {
        // It may be about to die by itself, and that says more than our signal.
        for _ in 0..20 {
            if let Ok(Some(status)) = self.process.try_wait() {
                return status.to_string();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(self.process.kill());
        match self.process.wait() {
            Ok(_) => "it had to be killed".to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A socket on which no read and no write lasts longer than until a point in time.
struct Timed<'s> {
    socket: &'s UnixStream,
    until: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }
}

/// What a read or a write says when its time is up depends on the system.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(buffer).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
