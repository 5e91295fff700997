//! The *built-in provider*: resolves atomic issues without a model, without a network, the same way every time.
//!
//! It reads the issue by the grammar of [`grammar`], finds the places in the files that were read, and answers in
//! the protocol that models answer in. It never guesses: a wish with several readings, no place or several places
//! where one is meant is declined with the reason. What it can do: replace a text, correct a misspelling, change a
//! value, bump a dependency.

mod dependency;
mod files;
mod grammar;
mod phrase;
mod plan;
mod reader;
mod replace;
mod reply;
mod settle;
mod term;
mod token;
mod value;
mod words;

#[cfg(test)]
mod tests;

use crate::path::RepoPath;
use crate::protocol::ask::{Ask, Goal};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    /// The end of a sentence for the author of the issue.
    Cannot(String),
    /// Files that have to be read first.
    Read(Vec<RepoPath>),
}

impl From<grammar::Refusal> for Stop {
    fn from(refusal: grammar::Refusal) -> Self {
        Self::Cannot(refusal)
    }
}

/// What every refusal ends with.
const ABLE: &str = "Without a language model only atomic changes are made: replace a text, correct a misspelling, \
                    change a value, bump a dependency, each named in the issue (`old` -> `new`)";

/// Longest issue in bytes; an atomic one is much shorter.
const MAX_ISSUE: usize = 16 * 1024;

/// The answer in the reply protocol: edits or a plan, `READ:` lines, or `CANNOT:` with the reason.
pub fn answer(ask: &Ask<'_>) -> String {
    match reply(ask) {
        Ok(reply) => reply,
        Err(Stop::Read(paths)) => paths.iter().flat_map(|path| ["READ: ", path.as_str(), "\n"]).collect(),
        Err(Stop::Cannot(why)) => format!("CANNOT: {}. {ABLE}.\n", why.replace(['\n', '\r'], " ")),
    }
}

fn reply(ask: &Ask<'_>) -> Result<String, Stop> {
    if ask.title.len() + ask.body.len() > MAX_ISSUE {
        return Err(Stop::Cannot(format!("the issue is longer than {} KiB", MAX_ISSUE / 1024)));
    }
    let sources = files::sources(ask.read, ask.protection);
    let instructions = |sources: &[files::Source<'_>]| {
        let found = grammar::understand(ask.title, &token::read(ask.body), &|word| {
            files::path_of(word, sources).is_some()
        })?;
        if found.is_empty() {
            return Err(Stop::Cannot("no atomic change was found in the issue".to_owned()));
        }
        Ok(found)
    };
    match ask.goal {
        Goal::Edit => settle::settle(instructions(&sources)?, &sources)?.edits(&sources),
        Goal::Plan => Ok(settle::settle(instructions(&sources)?, &sources)?.plan(&sources)),
        Goal::Revise { plan, feedback } => {
            let revised = plan::revise(plan, feedback, &sources)?;
            Ok(settle::settle(revised, &sources)?.plan(&sources))
        }
        Goal::Execute { plan } => {
            let (steps, sources) = plan::steps(plan, &sources)?;
            settle::settle(steps, &sources)?.edits(&sources)
        }
    }
}
