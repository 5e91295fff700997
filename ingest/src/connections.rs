//! *Connections*: those that are open, and which one goes when there is no room for another.
//!
//! Whoever opens connections and sends slowly, or nothing, holds them until a timeout. Who has a webhook to deliver sends it
//! at once. So when all places are taken the oldest connection whose request is not read yet is closed: a flood of slow
//! ones drives out itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

/// See the module's documentation.
pub(crate) struct Connections {
    most: usize,
    /// By the order in which they came.
    open: Mutex<BTreeMap<u64, Arc<Connection>>>,
    /// That one of them ended.
    ended: Notify,
}

/// One that is open.
#[derive(Default)]
pub(crate) struct Connection {
    /// Its request is there as a whole, and is being worked on.
    is_read: AtomicBool,
    closing: Notify,
}

/// The place of a connection, given back when this is dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    pub(crate) connection: Arc<Connection>,
}

impl Connection {
    /// From here on the connection is not closed for another one.
    pub(crate) fn is_read(&self) {
        self.is_read.store(true, Ordering::Relaxed);
    }

    /// The next request of the connection begins.
    pub(crate) fn is_reading(&self) {
        self.is_read.store(false, Ordering::Relaxed);
    }

    /// Returns when the connection has to make room.
    pub(crate) async fn closing(&self) {
        self.closing.notified().await;
    }
}

impl Connections {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), open: Mutex::default(), ended: Notify::new() })
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more: a free one, or that of the oldest connection that has not sent its request. Waits while all
    /// of them are worked on.
    pub(crate) async fn admit(self: &Arc<Self>) -> Place {
        loop {
            let ended = self.ended.notified();
            if let Some(place) = self.try_admit() {
                return place;
            }
            ended.await;
        }
    }

    fn try_admit(self: &Arc<Self>) -> Option<Place> {
        let mut open = self.open();
        if open.len() >= self.most {
            let oldest = open.iter().find(|(_, known)| !known.is_read.load(Ordering::Relaxed));
            let oldest = oldest.map(|(number, _)| *number)?;
            if let Some(connection) = open.remove(&oldest) {
                tracing::debug!("a connection that has not sent its request is closed for a new one");
                connection.closing.notify_one();
            }
        }
        let number = open.last_key_value().map_or(0, |(number, _)| number + 1);
        let connection = Arc::new(Connection::default());
        open.insert(number, Arc::clone(&connection));
        Some(Place { connections: Arc::clone(self), number, connection })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        // A place that was given to another one has that one's number, or none.
        if open.get(&self.number).is_some_and(|known| Arc::ptr_eq(known, &self.connection)) {
            open.remove(&self.number);
        }
        drop(open);
        self.connections.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_oldest_connection_that_has_not_sent_its_request_makes_room() {
        let connections = Connections::new(2);
        let first = connections.admit().await;
        let second = connections.admit().await;
        first.connection.is_read();
        let third = connections.admit().await;
        assert_eq!(second.connection.closing().now_or_never(), Some(()));
        assert_eq!(third.connection.closing().now_or_never(), None);
        third.connection.is_read();
        drop(second);
        // All are worked on: the next one waits.
        assert!(connections.admit().now_or_never().is_none());
        drop(first);
        let fourth = connections.admit().await;
        fourth.connection.is_read();
        fourth.connection.is_reading();
        let _fifth = connections.admit().await;
        assert_eq!(fourth.connection.closing().now_or_never(), Some(()));
    }
}
