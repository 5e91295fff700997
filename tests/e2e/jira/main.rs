//! Issues on Jira, their pull requests on GitHub: `ai-agent run` between both stand-ins.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod after;
mod attack;
mod bad_input;
mod basic;
mod faults;
mod gone;
mod harness;
mod network;
mod operate;
mod plan;
mod telemetry;
mod turns;
mod whole_way;
