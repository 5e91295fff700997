//! A *body*: the bytes of a request, of which all requests together hold only so many.
//!
//! Anybody can send bytes; who may is known only after the last one, for the signature is over all of them. So
//! memory is taken from one budget as bytes arrive, not as they are announced: a request that promises 25 MiB and
//! sends nothing takes nothing.

use std::sync::Arc;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, header},
};
use futures_util::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::limits::Limits;

/// The budget is counted in pieces of this many bytes.
const PIECE: usize = 1024;

/// Reads bodies within the limits.
pub(crate) struct Bodies {
    limits: Limits,
    pieces: Arc<Semaphore>,
}

/// A body in memory; its share of the budget is given back when it is dropped.
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
            pieces: Arc::new(Semaphore::new((limits.body_memory / PIECE).min(Semaphore::MAX_PERMITS))),
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
        timeout(self.limits.body_time, self.collect(bytes, body.into_data_stream()))
            .await
            .map_err(|_| BodyError::TooSlow)?
    }

    async fn collect(&self, mut bytes: Vec<u8>, mut stream: BodyDataStream) -> Result<ReadBody, BodyError> {
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(BodyError::Broken)?;
            if bytes.len() + chunk.len() > self.limits.body_bytes {
                return Err(BodyError::TooLong);
            }
            bytes.extend_from_slice(&chunk);
            let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = u32::try_from(bytes.len().div_ceil(PIECE) - held).map_err(|_| BodyError::TooLong)?;
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
