//! Bytes in, at most one [`Task`](shared::task::Task) out.
//!
//! ```text
//! request ──signature──▶ believed bytes ──heading──▶ worth reading ──event, trigger::decide──▶ Task ──publish──▶ confirmed
//! ```
//!
//! Nothing is kept between requests but the connection to the broker. The answer to a webhook is the receipt: 2xx
//! only when there is nothing to do, or when the broker has confirmed the message.

pub mod cli;
pub mod config;
mod event;
mod happening;
mod heading;
pub mod jira;
pub mod lambda;
mod limits;
mod metrics;
pub mod publish;
pub mod server;
pub mod signature;
pub mod telemetry;
pub mod trigger;
pub mod webhook;

mod body;
mod connections;
