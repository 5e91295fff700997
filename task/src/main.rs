//! Takes one task through one cycle.

use std::process::ExitCode;

use clap::Parser as _;
use task::cli::Cli;

fn main() -> ExitCode {
    task::cli::run(Cli::parse()).into()
}
