//! `ai-agent run` against the stand-in for GitHub.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod already;
mod attack;
mod bad_input;
mod basic;
mod bounds;
mod canary;
mod checks;
mod ci;
mod description;
mod faults;
mod fix;
mod harness;
mod learn;
mod links;
mod measure;
mod network;
mod odd;
mod plan;
mod repair;
mod report;
mod repository;
mod stale;
mod stop;
mod telemetry;
mod transcript;
mod update;
