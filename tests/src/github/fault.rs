//! A **fault** is something that goes wrong on the way, on order.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::reply::{Body, Refusal, Reply, error};
use super::state::State;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed; nothing was done.
    DropBefore,
    /// It was done; then the connection is closed without an answer.
    DropAfter,
    /// 500; nothing was done.
    ServerError,
    /// 502 with a page of HTML; nothing was done.
    BadGateway,
    /// It was done; the answer is 502 with a page of HTML.
    BadGatewayAfter,
    /// 403 for a secondary rate limit, with `retry-after` in seconds; nothing was done.
    SecondaryLimit { retry_after: u64 },
    /// The primary rate limit is used up, until so many seconds from now; nothing was done. GitHub answers 403 or 429.
    PrimaryLimit { status: u16, reset_in: u64 },
    /// It was done; the body ends in the middle.
    Truncated,
    /// No answer at all until the client gives up; nothing was done.
    StallBefore,
    /// It was done; no answer until the client gives up.
    StallAfter,
    /// For GraphQL: 200 with an error that has no type, as GitHub answers what fails inside of it; nothing was done.
    Unexplained,
    /// The same; it was done.
    UnexplainedAfter,
}

/// What the connection does with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Answer,
    Close,
    Stall,
}

impl Fault {
    /// All that any call can meet, for a test that tries each on each call.
    pub const ALL: [Self; 10] = [
        Self::DropBefore,
        Self::DropAfter,
        Self::ServerError,
        Self::BadGateway,
        Self::BadGatewayAfter,
        Self::SecondaryLimit { retry_after: 1 },
        Self::PrimaryLimit { status: 403, reset_in: 1 },
        Self::Truncated,
        Self::StallBefore,
        Self::StallAfter,
    ];

    /// Whether the call takes effect in spite of the fault.
    pub fn applies(self) -> bool {
        matches!(
            self,
            Self::DropAfter
                | Self::BadGatewayAfter
                | Self::Truncated
                | Self::StallAfter
                | Self::UnexplainedAfter
        )
    }

    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::DropBefore | Self::DropAfter => Transport::Close,
            Self::StallBefore | Self::StallAfter => Transport::Stall,
            _ => Transport::Answer,
        }
    }

    /// What is answered in place of `reply`, which is there only if the call took effect.
    pub(crate) fn distort(self, state: &State, reply: Option<Reply>) -> Reply {
        match (self, reply) {
            (Self::Truncated, Some(reply)) => {
                let mut bytes = reply.bytes();
                bytes.truncate(bytes.len() / 2);
                Reply { body: Body::Cut(bytes), ..reply }
            }
            (Self::SecondaryLimit { retry_after }, _) => {
                let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
                reply_of(error(403, message).with("retry-after", retry_after.to_string()))
            }
            (Self::PrimaryLimit { status, reset_in }, _) => {
                let reset = state.wall_clock() + Duration::from_secs(reset_in);
                let reset = reset.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
                let message = "API rate limit exceeded for installation ID 42.";
                reply_of(
                    error(status, message)
                        .with("x-ratelimit-remaining", "0")
                        .with("x-ratelimit-reset", reset.to_string()),
                )
            }
            (Self::BadGateway | Self::BadGatewayAfter, _) => Reply {
                status: 502,
                headers: Vec::new(),
                body: Body::Html(
                    "<html><head><title>502 Bad Gateway</title></head><body>Unicorn!</body></html>"
                        .to_owned(),
                ),
            },
            (Self::Unexplained | Self::UnexplainedAfter, _) => {
                let message = "Something went wrong while executing your query. This may be the result of a timeout, or it could be a \
                               GitHub bug. Please include `0123:4567:89AB` when reporting this issue.";
                Reply::json(200, json!({ "data": null, "errors": [{ "message": message }] }))
            }
            (_, _) => reply_of(error(500, "Server Error")),
        }
    }
}

fn reply_of(Refusal(reply): Refusal) -> Reply {
    *reply
}
