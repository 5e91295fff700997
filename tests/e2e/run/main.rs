//! `task run` against the stand-in for GitHub.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod bad_input;
mod basic;
mod faults;
mod harness;
mod plan;
mod stop;
