//! A **fault** is something that goes wrong on the way, on order.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::reply::{Body, Refusal, Reply, custom, error, invalid};
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
    /// A refusal in GitHub's words that is not true a moment later, or never was; nothing was done.
    Refused(Refused),
    /// For GraphQL: 200 with an error of this type and these words; nothing was done.
    Graphql { kind: Option<&'static str>, message: &'static str },
    /// For GraphQL: the limit of an hour is used up, until so many seconds from now; nothing was done.
    GraphqlLimit { reset_in: u64 },
    /// A status that promises a body, and none; nothing was done.
    Empty,
    /// The same; it was done.
    EmptyAfter,
    /// For GraphQL: it was done, and in the answer the n-th value is null, counted from 0, of those that the schema
    /// allows to be null.
    Null(usize),
}

/// What GitHub says in a refusal, each seen of calls that were in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// 401, as of a token that was made a moment ago (octokit/auth-app.js#65).
    BadCredentials,
    /// 403 for abuse, without a header that names a time.
    Abuse,
    /// 403 for a secondary limit, without a header that names a time.
    SecondaryLimit,
    /// 403 with a page, of something that stands in between.
    Page,
    NotFound,
    Conflict,
    /// 422 of what was made a moment ago (peter-evans/create-pull-request#4321).
    NodeNotSeen,
    /// 422 of a branch that was made a moment ago (nix-community/nixpkgs-update#363).
    HeadInvalid,
    /// 422 of a branch that was moved a moment ago (tanium/octobot#419).
    NoCommitsBetween,
    TooQuickly,
    /// 422 without words.
    Invalid,
    /// 422 for an issue that is full of labels, or a label that cannot be made.
    Label,
    /// 403 for a permission.
    Permission,
    Archived,
    Gone,
    Blocked,
}

impl Refused {
    fn reply(self) -> Reply {
        let said = |status, message: &str| reply_of(error(status, message));
        match self {
            Self::BadCredentials => said(401, "Bad credentials"),
            Self::Abuse => said(
                403,
                "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.",
            ),
            Self::SecondaryLimit => said(403, "You have exceeded a secondary rate limit."),
            Self::Page => page(403, "Forbidden"),
            Self::NotFound => said(404, "Not Found"),
            Self::Conflict => said(409, "Conflict"),
            Self::NodeNotSeen => {
                said(422, "Could not resolve to a node with the global id of 'PR_kwDOCB8ND85gTAiS'.")
            }
            Self::HeadInvalid => reply_of(invalid("PullRequest", "head", "invalid")),
            Self::NoCommitsBetween => {
                reply_of(custom("PullRequest", "No commits between main and ai-agent/issue-1"))
            }
            Self::TooQuickly => reply_of(custom("PullRequest", "was submitted too quickly")),
            Self::Invalid => said(422, "Validation Failed"),
            Self::Label => reply_of(invalid("Label", "name", "invalid")),
            Self::Permission => reply_of(
                error(403, "Resource not accessible by integration")
                    .with("x-accepted-github-permissions", "issues=write"),
            ),
            Self::Archived => said(403, "Repository was archived so is read-only."),
            Self::Gone => said(410, "This issue was deleted"),
            Self::Blocked => said(451, "Repository access blocked"),
        }
    }
}

fn page(status: u16, title: &str) -> Reply {
    let text = format!("<html><head><title>{status} {title}</title></head><body>Unicorn!</body></html>");
    Reply { status, headers: Vec::new(), body: Body::Html(text) }
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
                | Self::EmptyAfter
                | Self::Null(_)
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
                let message = "API rate limit exceeded for installation ID 42.";
                reply_of(
                    error(status, message)
                        .with("x-ratelimit-remaining", "0")
                        .with("x-ratelimit-reset", reset_at(state, reset_in)),
                )
            }
            (Self::BadGateway | Self::BadGatewayAfter, _) => page(502, "Bad Gateway"),
            (Self::Refused(refused), _) => refused.reply(),
            (Self::Graphql { kind, message }, _) => {
                let mut error = json!({ "message": message });
                if let Some(kind) = kind {
                    error["type"] = kind.into();
                }
                Reply::json(200, json!({ "data": null, "errors": [error] }))
            }
            (Self::GraphqlLimit { reset_in }, _) => {
                let message = "API rate limit exceeded for installation ID 42.";
                let error = json!({ "type": "RATE_LIMITED", "message": message });
                Reply::json(200, json!({ "errors": [error] }))
                    .with("x-ratelimit-remaining", "0")
                    .with("x-ratelimit-reset", reset_at(state, reset_in))
            }
            (Self::Empty | Self::EmptyAfter, _) => Reply::empty(200),
            (Self::Null(_), Some(reply)) => reply,
            (Self::Unexplained | Self::UnexplainedAfter, _) => {
                let message = "Something went wrong while executing your query. This may be the result of a timeout, or it could be a \
                               GitHub bug. Please include `0123:4567:89AB` when reporting this issue.";
                Reply::json(200, json!({ "data": null, "errors": [{ "message": message }] }))
            }
            (_, _) => reply_of(error(500, "Server Error")),
        }
    }
}

fn reset_at(state: &State, reset_in: u64) -> String {
    let reset = state.wall_clock() + Duration::from_secs(reset_in);
    reset.duration_since(UNIX_EPOCH).expect("after 1970").as_secs().to_string()
}

fn reply_of(Refusal(reply): Refusal) -> Reply {
    *reply
}
