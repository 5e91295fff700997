//! What is *missing* around a pull request that is there: it fails no run, and a person is told to do it.

use super::desk::Desk;
use super::ended::Stop;
use super::ending;
use crate::call::CallError;

/// What could not be done around a pull request that is there.
pub(super) struct Missing<'a> {
    desk: &'a Desk<'a>,
    /// As they are told to people.
    pub(super) lines: Vec<String>,
}

impl<'a> Missing<'a> {
    pub(super) fn of(desk: &'a Desk<'a>) -> Self {
        Self { desk, lines: Vec::new() }
    }

    /// Notes what a person has to do, unless it was done.
    pub(super) fn unless(&mut self, result: Result<(), CallError>, what: &str) -> Result<(), Stop> {
        let Err(error) = result else { return Ok(()) };
        let error = ending::tolerated(self.desk, error)?;
        tracing::warn!(%error, what, "something around the pull request is left to a person");
        self.lines.push(format!("{what}: {error}"));
        Ok(())
    }
}
