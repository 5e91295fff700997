//! A *call* is one exchange with a service that keeps issues or repositories; a *call error* says why it has no result.

pub(crate) mod measured;

use std::fmt;

use crate::lease::Lost;

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    GitHub,
    Jira,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "GitHub",
            Self::Jira => "Jira",
        })
    }
}

/// Which call, for messages: its method and route, or what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    service: Service,
    name: String,
}

impl Call {
    pub fn new(service: Service, name: impl Into<String>) -> Self {
        Self { service, name: name.into() }
    }

    /// Who is called.
    pub fn service(&self) -> Service {
        self.service
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The call may or may not have been carried out.
    #[error("{}'s answer to {call} was lost ({why})", call.service)]
    Unknown { call: Call, why: String },
    /// The call was not carried out; the same call may succeed later.
    #[error("{} is not available for {call}: {why}", call.service)]
    Unavailable { call: Call, why: String },
    #[error("{} refuses {call} for now: rate limit, {wait_seconds} s to wait", call.service)]
    RateLimited { call: Call, wait_seconds: u64 },
    #[error("{} does not accept the credentials for {call}: {message}", call.service)]
    Unauthorized { call: Call, message: String },
    /// `needed` is the permission that the service asks for, in its own words.
    #[error(
        "{} does not allow {call}: {message}{}",
        call.service,
        needed.as_ref().map(|needed| format!(" (needs {needed})")).unwrap_or_default()
    )]
    Forbidden { call: Call, message: String, needed: Option<String> },
    #[error("{} finds nothing for {call}: {message}", call.service)]
    NotFound { call: Call, message: String },
    /// Nothing was done: what the call is about was made a moment ago, and the service does not see it everywhere yet.
    #[error("{} does not see yet what {call} is about: {message}", call.service)]
    NotYet { call: Call, message: String },
    /// The thread is locked for whoever we are.
    #[error("{} keeps the thread of {call} locked: {message}", call.service)]
    Locked { call: Call, message: String },
    #[error("{} no longer has what {call} asks for: {message}", call.service)]
    Gone { call: Call, message: String },
    #[error("{} finds {call} in conflict: {message}", call.service)]
    Conflict { call: Call, message: String },
    #[error("{} finds {call} invalid: {message}", call.service)]
    Invalid { call: Call, message: String },
    #[error("{} answered {call} with something unexpected: {why}", call.service)]
    Unexpected { call: Call, why: String },
    #[error("{0}")]
    Lost(#[from] Lost),
}

/// Whether it is any use to make a call again that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// The service has given this answer to calls that were in order, and then not again.
    Once,
    /// The failure is transient.
    WhilePatient,
}

impl CallError {
    /// The one place that decides which failures are transient.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unknown { .. }
            | Self::Unavailable { .. }
            | Self::RateLimited { .. }
            | Self::NotYet { .. } => Retry::WhilePatient,
            Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. } => Retry::Once,
            Self::Forbidden { .. }
            | Self::Locked { .. }
            | Self::Gone { .. }
            | Self::Unexpected { .. }
            | Self::Lost(_) => Retry::Never,
        }
    }

    /// Whether the same run may succeed later.
    pub fn is_passing(&self) -> bool {
        self.retry() == Retry::WhilePatient || matches!(self, Self::Lost(_))
    }

    /// What kind of failure it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown",
            Self::Unavailable { .. } => "unavailable",
            Self::RateLimited { .. } => "rate-limit",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not-found",
            Self::NotYet { .. } => "not-yet",
            Self::Locked { .. } => "locked",
            Self::Gone { .. } => "gone",
            Self::Conflict { .. } => "conflict",
            Self::Invalid { .. } => "invalid",
            Self::Unexpected { .. } => "unexpected",
            Self::Lost(_) => "interrupted",
        }
    }

    /// Which call failed; none if it was not made because the lease was lost.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Unknown { call, .. }
            | Self::Unavailable { call, .. }
            | Self::RateLimited { call, .. }
            | Self::Unauthorized { call, .. }
            | Self::Forbidden { call, .. }
            | Self::NotFound { call, .. }
            | Self::NotYet { call, .. }
            | Self::Locked { call, .. }
            | Self::Gone { call, .. }
            | Self::Conflict { call, .. }
            | Self::Invalid { call, .. }
            | Self::Unexpected { call, .. } => Some(call),
            Self::Lost(_) => None,
        }
    }

    /// Whether there is nothing, or nothing any more, where the call looked.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Gone { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_service_and_the_call() {
        let call = || Call::new(Service::GitHub, "POST /x");
        let text = || "why".to_owned();
        for (error, expected) in [
            (CallError::Unknown { call: call(), why: text() }, "GitHub's answer to POST /x was lost (why)"),
            (
                CallError::Unavailable { call: call(), why: text() },
                "GitHub is not available for POST /x: why",
            ),
            (
                CallError::RateLimited { call: call(), wait_seconds: 7 },
                "GitHub refuses POST /x for now: rate limit, 7 s to wait",
            ),
            (
                CallError::Forbidden { call: call(), message: text(), needed: None },
                "GitHub does not allow POST /x: why",
            ),
            (
                CallError::Forbidden {
                    call: call(),
                    message: text(),
                    needed: Some("issues=write".to_owned()),
                },
                "GitHub does not allow POST /x: why (needs issues=write)",
            ),
            (
                CallError::Gone { call: call(), message: text() },
                "GitHub no longer has what POST /x asks for: why",
            ),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }
}
