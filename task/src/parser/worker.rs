//! The *worker* is the parser process itself: it confines itself, then answers one request after the other until
//! whoever asked is gone.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use super::syntax::Syntax;
use super::wire::{self, Answer, Failure, Findings, Job, Request};
use super::{outline, python, sandbox};
use crate::language::Language;

/// The stack in bytes, which the Python parser takes most of.
const STACK: usize = 64 << 20;

/// Whether this process was started as a worker.
pub fn is_wanted() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().is_some_and(|argument| argument == super::WORKER) && arguments.next().is_none()
}

/// Answers requests on standard input, which is a socket; returns when nobody asks any more.
pub fn serve() -> io::Result<()> {
    // A panic is an answer, and nobody reads what is printed.
    panic::set_hook(Box::new(|_| {}));
    let worker = thread::Builder::new().stack_size(STACK).spawn(converse)?;
    worker.join().unwrap_or_else(|_| Err(io::Error::other("the worker panicked")))
}

fn converse() -> io::Result<()> {
    let mut socket = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    if let Err(why) = sandbox::enter() {
        return wire::write_answer(&mut socket, &Answer::Failed(Failure::Unconfined(wire::message(&why))));
    }
    while let Some((request, text)) = wire::read_request(&mut socket)? {
        wire::write_answer(&mut socket, &answer(&request, &text))?;
    }
    Ok(())
}

fn answer(request: &Request, text: &str) -> Answer {
    let deadline = Instant::now() + Duration::from_millis(request.within);
    let answered = panic::catch_unwind(AssertUnwindSafe(|| match &request.job {
        Job::Outline => outline::outline(text, request.language, deadline).map(Answer::Outline),
        Job::Check { places } => findings(text, request.language, places, deadline).map(Answer::Findings),
    }));
    match answered {
        Ok(Ok(answer)) => answer,
        Ok(Err(failure)) => Answer::Failed(failure),
        Err(_) => Answer::Failed(Failure::Other("it panicked".to_owned())),
    }
}

fn findings(
    text: &str,
    language: Language,
    places: &[usize],
    deadline: Instant,
) -> Result<Findings, Failure> {
    let errors = match language {
        Language::Python => Some(python::errors(text)?),
        _ => None,
    };
    // The parser that knows indentation decides alone whether a Python file is good.
    if errors.as_ref().is_some_and(Vec::is_empty) && places.is_empty() {
        return Ok(Findings::default());
    }
    let syntax = Syntax::parse(language, text, deadline)?;
    let errors = match errors {
        Some(errors) => errors,
        None => syntax.errors(deadline)?,
    };
    Ok(Findings { errors, holders: places.iter().map(|at| syntax.holder(*at)).collect() })
}
