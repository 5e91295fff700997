//! Takes one task through one cycle.

use std::process::ExitCode;

use shared::env::Environment;
use task::cli::Cli;

fn main() -> ExitCode {
    task::cli::run(Cli::of_process(), &Environment::of_process()).into()
}
