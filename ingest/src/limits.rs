//! The *limits* of a server: what strangers may use up of it.

use std::time::Duration;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest body in bytes. GitHub sends none above 25 MiB
    /// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>).
    pub body_bytes: usize,
    /// Bytes that all bodies together may hold.
    pub body_memory: usize,
    /// Connections that are served at once.
    pub connections: usize,
    /// Time for the head of a request to arrive; also how long a connection may be idle.
    pub header_time: Duration,
    /// Time for a body to arrive.
    pub body_time: Duration,
    /// Time for requests to end after the signal to stop.
    pub drain_time: Duration,
    pub keep_alive: KeepAlive,
}

/// Whether a connection serves more than one request.
///
/// A server that closes an idle connection in the moment in which a proxy sends a request on it loses that request, and
/// a `POST` is not sent again. So each request has a connection of its own, unless the operator knows that whoever is in
/// front gives connections up sooner than [`Limits::header_time`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    Yes,
    No,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 25 * 1024 * 1024,
            body_memory: 64 * 1024 * 1024,
            connections: 1024,
            header_time: Duration::from_secs(5),
            body_time: Duration::from_secs(8),
            drain_time: Duration::from_secs(20),
            keep_alive: KeepAlive::No,
        }
    }
}
