//! What `ingest` and `task` agree on, and nothing else.

pub mod authorities;
pub mod broker;
pub mod command;
pub mod env;
pub mod hex;
pub mod issue;
pub mod jira;
pub mod message;
pub mod mode;
pub mod network;
pub mod otlp;
pub mod queue;
pub mod repo;
pub mod state;
pub mod task;
pub mod telemetry;
pub mod text;
pub mod trace;
pub mod user;
