//! A *body*: the bytes of a request, of which all requests together hold only so many.
//!
//! Anybody can send bytes; who may is known only after the last one, for the signature is over all of them. So
//! every connection has room of its own for a small body, and beyond that memory is taken from one budget as bytes
//! arrive, not as they are announced: long bodies, however many, take no room from small ones. A body that comes slower
//! than any sender's does is cut off.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, header},
};
use futures_util::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::limits::Limits;

/// The budget is counted in pieces of this many bytes.
const PIECE: usize = 1024;

/// The slowest that a body may come, in bytes a millisecond, after the time that a slow start may take.
const LEAST_RATE: u64 = 32;
/// The longest that a body may take to start.
const SLOW_START: Duration = Duration::from_secs(2);

/// Reads bodies within the limits.
pub(crate) struct Bodies {
    limits: Limits,
    pieces: Arc<Semaphore>,
}

/// A body in memory; its share of the common budget is given back when it is dropped.
pub(crate) struct ReadBody {
    bytes: Vec<u8>,
    _share: Option<OwnedSemaphorePermit>,
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is too long")]
    TooLong,
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("there is no room for the body at the moment")]
    NoRoom,
    #[error("the body broke off")]
    Broken(#[source] axum::Error),
}

impl ReadBody {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            pieces: Arc::new(Semaphore::new(
                (limits.shared_memory().unwrap_or_default() / PIECE).min(Semaphore::MAX_PERMITS),
            )),
        }
    }

    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<ReadBody, BodyError> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > self.limits.body_bytes) {
            return Err(BodyError::TooLong);
        }
        // The length that is announced is reserved at once, which touches no memory until bytes arrive.
        let bytes = Vec::with_capacity(announced.unwrap_or_default());
        self.collect(bytes, body.into_data_stream()).await
    }

    /// By when the next bytes have to be there, after so many.
    fn deadline(&self, start: Instant, bytes: usize) -> Instant {
        let taken = Duration::from_millis(u64::try_from(bytes).unwrap_or(u64::MAX) / LEAST_RATE);
        start + self.limits.body_time.min(SLOW_START + taken)
    }

    async fn collect(&self, mut bytes: Vec<u8>, mut stream: BodyDataStream) -> Result<ReadBody, BodyError> {
        let mut share: Option<OwnedSemaphorePermit> = None;
        let start = Instant::now();
        loop {
            let next = timeout_at(self.deadline(start, bytes.len()), stream.next());
            let Some(chunk) = next.await.map_err(|_| BodyError::TooSlow)? else { break };
            let chunk = chunk.map_err(BodyError::Broken)?;
            if bytes.len() + chunk.len() > self.limits.body_bytes {
                return Err(BodyError::TooLong);
            }
            bytes.extend_from_slice(&chunk);
            let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let shared = bytes.len().saturating_sub(self.limits.small_body()).div_ceil(PIECE);
            let more = u32::try_from(shared - held).map_err(|_| BodyError::TooLong)?;
            if more > 0 {
                let permit =
                    Arc::clone(&self.pieces).try_acquire_many_owned(more).map_err(|_| BodyError::NoRoom)?;
                match &mut share {
                    Some(share) => share.merge(permit),
                    None => share = Some(permit),
                }
            }
        }
        Ok(ReadBody { bytes, _share: share })
    }
}
