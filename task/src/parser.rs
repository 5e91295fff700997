//! *Parsing* a file of a stranger takes a process of its own.
//!
//! The parsers that the grammars make are C, and some of them can be brought to write where they must not, or to end the
//! process, by a file of five hundred bytes. So none of them runs here: this program starts itself once more, as a
//! *worker* that has no secret, no file and no network (see `sandbox`), and sends it texts. What a worker answers is
//! held against the text before it is used (see `wire`). One that dies, or takes too long, has failed at that text and is
//! replaced.
//!
//! What comes back are the definitions of a file and its errors; trees stay where they are.

mod child;
mod outline;
mod python;
mod sandbox;
mod syntax;
#[cfg(test)]
mod tests;
mod wire;
pub mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use child::{Child, Program};
pub use wire::Definition;
use wire::{Answer, Failure, Job, Request};
pub(crate) use wire::{Findings, Holder, HolderKind, ParseError, ParseFault};

use crate::language::Language;

/// The argument with which this program is a worker, see [`worker::serve`].
pub(crate) const WORKER: &str = "parse-worker";
/// The largest text that is parsed, in bytes; larger ones are data or generated.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Larger files, in bytes, have no outline: they are data or generated more often than not, and parsing them takes
/// longer than reading all others.
const MAX_OUTLINED: usize = 512 << 10;
/// The longest that one file is parsed for its outline; ordinary files take milliseconds.
const MAX_OUTLINE_TIME: Duration = Duration::from_secs(5);

/// The processes that parse for this one. They are started as they are needed, one for each text that is parsed at the
/// same time, and end with the last clone of this.
#[derive(Clone, Debug)]
pub struct Parsers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    program: Program,
    idle: Mutex<Vec<Child>>,
}

/// Why a text was not parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unparsed {
    #[error("the file is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the file is nested too deeply")]
    TooDeep,
    #[error("parsing took too long")]
    OutOfTime,
    #[error("the parser crashed ({0})")]
    Crashed(String),
    #[error("the parser cannot be started: {0}")]
    NotStarted(String),
    #[error("the parser failed: {0}")]
    Failed(String),
}

impl Parsers {
    /// Workers that are this same program, whose `main` must serve when it is asked to: with [`WORKER`] as its only
    /// argument.
    pub fn of_this_program() -> Self {
        // In a container there may be no other way to name it, and it may have been replaced since it was started.
        let path = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe().unwrap_or_default()
        };
        // A binary of unit tests serves as one of its tests.
        let arguments: &[&str] =
            if cfg!(test) { &["parser::tests::serve", "--exact", "--ignored"] } else { &[WORKER] };
        Self::new(path, arguments)
    }

    /// Workers that are another program: for tests, whose own has no such command.
    pub fn of_program(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), &[WORKER])
    }

    fn new(path: PathBuf, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self(Arc::new(Pool { program: Program { path, arguments }, idle: Mutex::default() }))
    }

    /// The definitions of `text`, in order; none where the language has no definitions, or the text is too large to be
    /// code.
    pub fn outline(&self, language: Language, text: &str) -> Result<Vec<Definition>, Unparsed> {
        use Language::{Css, Html, Json, Toml, Yaml};
        if text.len() > MAX_OUTLINED || matches!(language, Json | Yaml | Toml | Html | Css) {
            return Ok(Vec::new());
        }
        match self.ask(language, Job::Outline, text, MAX_OUTLINE_TIME)? {
            Answer::Outline(definitions) => Ok(definitions),
            other => Err(other.into()),
        }
    }

    /// The errors of `text`, and what encloses the bytes at `places`, by `deadline`.
    pub(crate) fn check(
        &self,
        language: Language,
        text: &str,
        places: Vec<usize>,
        deadline: Instant,
    ) -> Result<Findings, Unparsed> {
        if text.len() > MAX_BYTES {
            return Err(Unparsed::TooLarge);
        }
        let within = deadline.saturating_duration_since(Instant::now());
        if within.is_zero() {
            return Err(Unparsed::OutOfTime);
        }
        match self.ask(language, Job::Check { places }, text, within)? {
            Answer::Findings(findings) => Ok(findings),
            other => Err(other.into()),
        }
    }

    fn ask(&self, language: Language, job: Job, text: &str, within: Duration) -> Result<Answer, Unparsed> {
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1);
        let request = Request { language, job, within };
        let mut child = match self.0.idle().pop() {
            Some(child) => child,
            None => Child::start(&self.0.program)?,
        };
        let mut answer = child.ask(&request, text);
        if matches!(answer, Err(Unparsed::Crashed(_))) && child.is_used() {
            // An earlier text may have broken it.
            child = Child::start(&self.0.program)?;
            answer = child.ask(&request, text);
        }
        if answer.is_ok() && !child.is_worn() {
            self.0.idle().push(child);
        }
        answer
    }
}

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Child>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Answer> for Unparsed {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Failed(Failure::TooDeep) => Self::TooDeep,
            Answer::Failed(Failure::OutOfTime) => Self::OutOfTime,
            Answer::Failed(Failure::Unconfined(why)) => Self::NotStarted(why),
            Answer::Failed(Failure::Other(why)) => Self::Failed(why),
            Answer::Outline(_) | Answer::Findings(_) => {
                Self::Crashed("it answered something else".to_owned())
            }
        }
    }
}
