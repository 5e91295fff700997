//! `ai-agent consume` against a real RabbitMQ, the stand-in for GitHub and a scripted model: what becomes of the message,
//! of the process and of the issue, whatever happens to any of them.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod budget;
mod claims;
mod kills;
mod losses;
mod pauses;
mod relay;
mod settlements;
mod soak;
mod stage;
mod storm;
mod story;
mod telemetry;
mod turns;
