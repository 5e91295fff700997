//! The *command line*: ingest takes no arguments but those that ask about it. Everything else is a setting.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use shared::env::help;

use crate::config::READS;

/// The version, and the commit that the program was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SOURCE_REVISION"), ")");

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Serve,
    /// A text for standard output.
    Say(String),
    /// An argument that nobody understands.
    Refuse(String),
}

impl Command {
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut arguments = arguments.into_iter();
        let Some(first) = arguments.next() else { return Self::Serve };
        let first = first.to_string_lossy().into_owned();
        match (first.as_str(), arguments.next()) {
            ("-h" | "--help", None) => Self::Say(help()),
            ("-V" | "--version", None) => Self::Say(format!("ingest {VERSION}\n")),
            ("-h" | "--help" | "-V" | "--version", Some(second)) => {
                Self::Refuse(second.to_string_lossy().into_owned())
            }
            _ => Self::Refuse(first),
        }
    }
}

fn help() -> String {
    format!(
        "Receives webhooks of GitHub and Jira and publishes the tasks that they ask for\n\n\
         Usage: ingest [OPTIONS]\n\n\
         Options:\n  \
         -h, --help     Print help\n  \
         -V, --version  Print version\n\n\
         {}\n",
        help::environment(READS)
    )
}

/// Prints a text.
pub fn say(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Says which argument is not understood.
pub fn refuse(argument: &str) -> ExitCode {
    print_error(&format!("error: unexpected argument {argument:?}: see `ingest --help`\n"));
    ExitCode::from(2)
}

/// Says in the log which setting is wrong.
pub fn refuse_setting(error: &str) -> ExitCode {
    let error = error.replace('\n', "; ");
    tracing::error!(error, fix = "Correct the setting and start ingest again.", "ingest cannot start");
    ExitCode::from(2)
}

/// Says why the program ends.
pub fn tell(error: &anyhow::Error) {
    print_error(&format!("Error: {error:?}\n"));
}

fn print_error(text: &str) {
    // What cannot be written has nowhere to be said.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_questions_about_the_program_are_understood() {
        let parse = |arguments: &[&str]| Command::parse(arguments.iter().map(OsString::from));
        assert_eq!(parse(&[]), Command::Serve);
        assert_eq!(parse(&["--version"]), Command::Say(format!("ingest {VERSION}\n")));
        assert_eq!(parse(&["-h"]), parse(&["--help"]));
        for (arguments, refused) in [
            (&["--port"][..], "--port"),
            (&["--help", "me"], "me"),
            (&["serve", "--help"], "serve"),
            (&[""], ""),
        ] {
            assert_eq!(parse(arguments), Command::Refuse(refused.to_owned()));
        }
    }
}
