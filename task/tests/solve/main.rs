//! `ai-agent solve` and `ai-agent explain` as a person runs them: the real program, real git repositories, models over real HTTP.

#![expect(clippy::unwrap_used, reason = "everything here is a test or serves one")]
#![expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod address;
mod already;
mod bad_input;
mod bad_model;
mod branch;
mod bytes;
mod choice;
mod eval;
mod explain;
mod looking;
mod model;
mod odd_input;
mod odd_repository;
mod plan;
mod quickfix;
mod sent;
mod thinking;
mod world;
