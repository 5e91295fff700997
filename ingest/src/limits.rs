//! The *limits* of a server: what strangers may use up of it.

use std::time::Duration;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest body in bytes. An issue and a comment have at most 65,536 characters each, of which a form writes twelve
    /// bytes; other events can be longer, and ask for nothing.
    pub body_bytes: usize,
    /// Bytes that all requests together may hold, heads and bodies.
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

/// Longest head of a request, in bytes; those of GitHub have about one thousand. The smallest buffer that hyper takes is half
/// of it.
pub(crate) const HEAD_BYTES: usize = 16 * 1024;
/// What a head takes in memory, in bytes: the buffer, and the fields that were parsed.
const HEAD_MEMORY: usize = 2 * HEAD_BYTES;
/// Bytes of a body for which every connection has room of its own. Most webhooks have fewer.
const SMALL_BODY: usize = 128 * 1024;

impl Limits {
    /// Bytes of a body that its connection has room for, whatever others hold.
    pub(crate) fn small_body(&self) -> usize {
        SMALL_BODY.min(self.body_bytes)
    }

    /// Bytes that all bodies together may hold beyond that; `None` if the memory is too little for the connections and one
    /// body of the longest kind.
    pub(crate) fn shared_memory(&self) -> Option<usize> {
        let own = self.connections.checked_mul(HEAD_MEMORY + self.small_body())?;
        let shared = self.body_memory.checked_sub(own)?;
        (shared >= self.body_bytes - self.small_body()).then_some(shared)
    }

    /// The least memory that these limits take, in bytes.
    pub(crate) fn least_memory(&self) -> usize {
        let own = self.connections.saturating_mul(HEAD_MEMORY + self.small_body());
        own.saturating_add(self.body_bytes - self.small_body())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 2 * 1024 * 1024,
            body_memory: 64 * 1024 * 1024,
            connections: 256,
            header_time: Duration::from_secs(5),
            body_time: Duration::from_secs(8),
            drain_time: Duration::from_secs(20),
            keep_alive: KeepAlive::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_small_bodies_and_one_long_body_fit_into_the_memory() {
        let limits = Limits::default();
        let mebibytes = |bytes: usize| bytes / (1024 * 1024);
        assert_eq!(limits.shared_memory().map(mebibytes), Some(64 - 40));
        assert_eq!(limits.least_memory(), 42 * 1024 * 1024 - 128 * 1024);
        for (limits, expected) in [
            (Limits { body_memory: limits.least_memory(), ..limits }, Some(2 * 1024 * 1024 - 128 * 1024)),
            (Limits { body_memory: limits.least_memory() - 1, ..limits }, None),
            (Limits { connections: usize::MAX, ..limits }, None),
            (Limits { body_bytes: 1, body_memory: 3 * (32 * 1024 + 1), connections: 3, ..limits }, Some(0)),
        ] {
            assert_eq!(limits.shared_memory(), expected, "{limits:?}");
        }
    }
}
